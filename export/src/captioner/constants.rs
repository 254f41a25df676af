//! One graph in another, with its weights left where they are.

use crate::graph::{GraphBuilder, Value};
use crate::proto::{DataLocation, GraphProto, StringStringEntryProto, TensorProto};
use crate::{Error, Result};
use prost::bytes::Bytes;
use std::collections::HashMap;

/// Smaller constants are copied: shapes and axes are wanted before any file is opened.
const SMALLEST: usize = 1024;

/// A graph and the file that it was decoded from.
pub(crate) struct Source<'a> {
    pub graph: &'a GraphProto,
    /// Name of the file, beside the new one.
    pub file: &'a str,
    /// Its bytes, which the graph's constants are slices of.
    pub bytes: &'a Bytes,
}

/// Adds the nodes of a graph to another, with `inputs` for its own. Names get `prefix/` in front.
/// Returns its outputs by their names.
pub(super) fn inline<'a>(
    target: &mut GraphBuilder,
    source: &Source<'a>,
    prefix: &str,
    inputs: &[(&'a str, Value)],
) -> Result<HashMap<&'a str, Value>> {
    let mut values: HashMap<&str, Value> = inputs.iter().copied().collect();
    let prefixed = |name: &str| format!("{prefix}/{name}");
    for constant in &source.graph.initializer {
        let tensor = TensorProto { name: Some(prefixed(constant.name())), ..source.constant(constant) };
        values.insert(constant.name(), target.declared_tensor(tensor));
    }
    let unknown = |name: &str| Error::UnsoundGraph {
        graph: source.graph.name().into(),
        reason: format!("nothing makes the tensor `{name}`"),
    };
    let value =
        |values: &HashMap<&str, Value>, name: &str| values.get(name).copied().ok_or_else(|| unknown(name));
    for node in &source.graph.node {
        let mut renamed = node.clone();
        renamed.name = Some(prefixed(node.name()));
        renamed.output = node.output.iter().map(|name| prefixed(name)).collect();
        let inputs = node.input.iter().map(|name| value(&values, name)).collect::<Result<_>>()?;
        let outputs = target.copied_node(&renamed, inputs);
        values.extend(node.output.iter().map(String::as_str).zip(outputs));
    }
    let outputs =
        source.graph.output.iter().map(|output| Ok((output.name(), value(&values, output.name())?)));
    outputs.collect()
}

impl Source<'_> {
    /// The constant as a range of bytes of the file, if it is large and is there.
    fn constant(&self, constant: &TensorProto) -> TensorProto {
        let Some(offset) = self.offset(constant.raw_data()).filter(|_| constant.raw_data().len() >= SMALLEST)
        else {
            return constant.clone();
        };
        let entry =
            |key: &str, value: String| StringStringEntryProto { key: Some(key.into()), value: Some(value) };
        TensorProto {
            raw_data: None,
            external_data: vec![
                entry("location", self.file.into()),
                entry("offset", offset.to_string()),
                entry("length", constant.raw_data().len().to_string()),
            ],
            data_location: Some(DataLocation::External.into()),
            ..constant.clone()
        }
    }

    /// Where in the file a slice of it begins.
    fn offset(&self, data: &[u8]) -> Option<usize> {
        let offset = (data.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize)?;
        (self.bytes.get(offset..offset + data.len())? == data).then_some(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::Source;
    use crate::graph::{GraphBuilder, Model};
    use crate::proto::{DataType, ModelProto};
    use prost::Message;
    use prost::bytes::Bytes;

    #[test]
    fn large_constants_are_ranges_of_the_file() {
        let mut graph = GraphBuilder::new();
        let numbers: Vec<u8> = (0..2048u32).map(|number| (number % 251) as u8).collect();
        graph.tensor("large", DataType::Uint8, &[2048], numbers.clone());
        graph.tensor("small", DataType::Uint8, &[8], vec![7; 8]);
        let model = Model { graph: graph.finish("g"), doc: String::new(), metadata: Vec::new() };
        let bytes = Bytes::from(model.encode());
        let graph = ModelProto::decode(bytes.clone()).unwrap().graph.unwrap();
        let source = Source { graph: &graph, file: "model.onnx", bytes: &bytes };
        let large = source.constant(&graph.initializer[0]);
        assert!(large.raw_data.is_none());
        assert_eq!(large.external_data[0].value(), "model.onnx");
        let offset: usize = large.external_data[1].value().parse().unwrap();
        assert_eq!(bytes[offset..offset + 2048], numbers);
        assert_eq!(source.constant(&graph.initializer[1]), graph.initializer[1]);
    }
}
