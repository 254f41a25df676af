//! A graph with its weights inside, for hosts that open one file: a browser, or a server of models.
//!
//! `captioner_model.onnx` names ranges of bytes of the encoder's and the decoder's files. Here those bytes are copied
//! into the graph.

use crate::bounded::{self, MAX_FILE_BYTES};
use crate::checksums::is_plain_name;
use crate::graph_outline::GraphOutline;
use crate::wire::{Fields, onnx, put_bytes, rewrite};
use crate::{Bundle, Error, Precision, Result, model_file};
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

impl Bundle {
    /// The ONNX file of a graph, for example of [`CAPTIONER`](crate::CAPTIONER), that refers to no other file. The graph
    /// and the files in which it keeps weights are compared with their checksums first.
    ///
    /// # Errors
    /// As [`model_path`](Self::model_path) and [`verify`](Self::verify), and [`Error::Graph`] where a reference leads
    /// outside of its file, weights are where no export puts them (sparse tensors, training), or the result is larger
    /// than the 2 GiB of an ONNX file.
    pub fn self_contained(&self, stem: &str, precision: Precision) -> Result<Vec<u8>> {
        let path = self.model_path(stem, precision)?;
        self.verify(&model_file(stem, precision))?;
        self_contained(&path)
    }
}

/// The ONNX file at `path` with the weights inside that it keeps in files beside it.
///
/// # Errors
/// Files that cannot be read, and [`Error::Graph`] for what [`Bundle::self_contained`] refuses and for weights outside of
/// the file's folder.
pub fn self_contained(path: &Path) -> Result<Vec<u8>> {
    let refused = |reason: &str| Error::Graph { path: path.into(), reason: reason.into() };
    let graph = bounded::read(path, MAX_FILE_BYTES)?;
    let outline = GraphOutline::of(&graph).ok_or_else(|| refused("it is not an ONNX file"))?;
    let mut files = HashMap::new();
    for name in outline.external_files {
        if !is_plain_name(&name) {
            return Err(refused("it names weights outside of its folder"));
        }
        let bytes = bounded::read(&path.with_file_name(&name), MAX_FILE_BYTES)?;
        files.insert(name, bytes);
    }
    let mut weights = Weights { files, left: MAX_FILE_BYTES };
    let model = inlined(&graph, 0..graph.len(), Message::Model, &mut weights);
    let too_large = "with its weights it is larger than the 2 GiB of an ONNX file";
    let model = model.ok_or_else(|| {
        refused(if weights.left == 0 { too_large } else { "it names weights that its files lack" })
    })?;
    if model.len() as u64 > MAX_FILE_BYTES {
        return Err(refused(too_large));
    }
    if GraphOutline::of(&model).is_none_or(|outline| !outline.external_files.is_empty()) {
        return Err(refused("it keeps weights in places that are not supported"));
    }
    Ok(model)
}

/// A message on the way from a model to its tensors.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
}

impl Message {
    /// What a field of this message holds, where a tensor may be inside.
    fn field(self, number: u64) -> Option<Self> {
        use onnx::*;
        Some(match (self, number) {
            (Self::Model, MODEL_GRAPH) | (Self::Attribute, ATTRIBUTE_GRAPH | ATTRIBUTE_GRAPHS) => Self::Graph,
            (Self::Graph, GRAPH_NODE) => Self::Node,
            (Self::Node, NODE_ATTRIBUTE) => Self::Attribute,
            (Self::Graph, GRAPH_INITIALIZER) | (Self::Attribute, ATTRIBUTE_TENSOR | ATTRIBUTE_TENSORS) => {
                Self::Tensor
            }
            _ => return None,
        })
    }
}

/// What external tensors refer to.
struct Weights {
    files: HashMap<String, Vec<u8>>,
    /// How many bytes may still be copied: a small graph may name the same large range again and again.
    left: u64,
}

impl Weights {
    /// A range of a file, or `None` where there is none, or no room for it.
    fn take(&mut self, external: &HashMap<&str, &str>) -> Option<&[u8]> {
        let file = self.files.get(*external.get("location")?)?;
        let number = |key: &str| external.get(key).map(|text| text.parse::<usize>().ok());
        let start = number("offset").unwrap_or(Some(0))?;
        let length = number("length").unwrap_or_else(|| file.len().checked_sub(start))?;
        let range = file.get(start..start.checked_add(length)?)?;
        let Some(left) = self.left.checked_sub(length as u64) else {
            self.left = 0;
            return None;
        };
        self.left = left;
        Some(range)
    }
}

/// The message with all external tensors inside. `None` where a reference leads nowhere, or there is no room for it.
fn inlined(model: &[u8], message: Range<usize>, kind: Message, weights: &mut Weights) -> Option<Vec<u8>> {
    if matches!(kind, Message::Tensor) {
        return inlined_tensor(model, message, weights);
    }
    rewrite(model, message, |out, number, content| {
        let (Some(kind), Some(content)) = (kind.field(number), content) else { return Some(false) };
        put_bytes(out, number, &inlined(model, content, kind, weights)?);
        Some(true)
    })
}

/// A `TensorProto` whose external data, if it has any, became `raw_data`.
fn inlined_tensor(model: &[u8], tensor: Range<usize>, weights: &mut Weights) -> Option<Vec<u8>> {
    let mut external = HashMap::new();
    let mut inside = rewrite(model, tensor.clone(), |_, number, content| match (number, content) {
        (onnx::TENSOR_EXTERNAL_DATA, Some(entry)) => {
            let (key, value) = entry_of(model, entry)?;
            external.insert(key, value);
            Some(true)
        }
        // What is left is inside, which is the default.
        (number, _) => Some(number == onnx::TENSOR_DATA_LOCATION),
    })?;
    if external.is_empty() {
        return Some(model[tensor].to_vec());
    }
    put_bytes(&mut inside, onnx::TENSOR_RAW_DATA, weights.take(&external)?);
    Some(inside)
}

/// A `StringStringEntryProto`.
fn entry_of(model: &[u8], entry: Range<usize>) -> Option<(&str, &str)> {
    let (mut key, mut value) = ("", "");
    for field in Fields::of(model, entry) {
        let field = field?;
        let text = |content: Range<usize>| std::str::from_utf8(&model[content]).ok();
        match (field.number, field.content) {
            (onnx::ENTRY_KEY, Some(content)) => key = text(content)?,
            (onnx::ENTRY_VALUE, Some(content)) => value = text(content)?,
            _ => {}
        }
    }
    Some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message;

    /// The graph, and a second time as the body of a loop.
    fn with_loop(graph: &[u8]) -> Vec<u8> {
        let node = message(&[(4, b"Loop"), (5, &message(&[(1, b"body"), (6, graph)]))]);
        message(&[(2, b"producer"), (7, &[graph, &message(&[(1, &node)])].concat())])
    }

    fn model(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut tensor = message(&[(8, b"weight")]);
        for (key, value) in entries {
            put_bytes(&mut tensor, 13, &message(&[(1, key.as_bytes()), (2, value.as_bytes())]));
        }
        // data_location = EXTERNAL
        tensor.extend([14 << 3, 1]);
        let inside = message(&[(8, b"inside"), (9, &[7; 4])]);
        with_loop(&message(&[(5, &tensor), (5, &inside), (2, b"graph")]))
    }

    fn weights(left: u64) -> Weights {
        Weights { files: HashMap::from([("w.bin".to_string(), vec![1, 2, 3, 4, 5, 6])]), left }
    }

    fn inlined_model(entries: &[(&str, &str)]) -> Option<Vec<u8>> {
        let model = model(entries);
        inlined(&model, 0..model.len(), Message::Model, &mut weights(100))
    }

    #[test]
    fn no_more_is_copied_than_a_file_may_hold() {
        // Both graphs name six bytes.
        let model = model(&[("location", "w.bin")]);
        let (mut enough, mut too_few) = (weights(12), weights(11));
        assert!(inlined(&model, 0..model.len(), Message::Model, &mut enough).is_some());
        assert!(inlined(&model, 0..model.len(), Message::Model, &mut too_few).is_none() && too_few.left == 0);
    }

    #[test]
    fn ranges_of_files_become_raw_data() {
        let inside = message(&[(8, b"inside"), (9, &[7; 4])]);
        for (entries, expected) in [
            (&[("location", "w.bin"), ("offset", "1"), ("length", "3")][..], &[2, 3, 4][..]),
            (&[("length", "6"), ("location", "w.bin")], &[1, 2, 3, 4, 5, 6]),
            (&[("location", "w.bin"), ("offset", "4")], &[5, 6]),
        ] {
            let tensor = message(&[(8, b"weight"), (9, expected)]);
            let graph = message(&[(5, &tensor), (5, &inside), (2, b"graph")]);
            assert_eq!(inlined_model(entries), Some(with_loop(&graph)), "{entries:?}");
        }
    }

    #[test]
    fn weights_come_from_the_graphs_folder_alone() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let path = inner.join("model.onnx");
        for place in [folder.path(), &inner] {
            std::fs::write(place.join("w.bin"), [1, 2, 3, 4]).unwrap();
        }
        std::fs::write(&path, model(&[("location", "w.bin")])).unwrap();
        assert!(self_contained(&path).is_ok());
        std::fs::write(&path, model(&[("location", "../w.bin")])).unwrap();
        let message = self_contained(&path).unwrap_err().to_string();
        assert!(message.ends_with("it names weights outside of its folder"), "{message}");
    }

    #[test]
    fn references_that_lead_nowhere_are_refused() {
        for entries in [
            &[("location", "other.bin")][..],
            &[("offset", "0")],
            &[("location", "w.bin"), ("offset", "7")],
            &[("location", "w.bin"), ("offset", "5"), ("length", "2")],
            &[("location", "w.bin"), ("offset", "-1")],
            &[("location", "w.bin"), ("offset", "2"), ("length", "18446744073709551615")],
        ] {
            assert_eq!(inlined_model(entries), None, "{entries:?}");
        }
    }
}
