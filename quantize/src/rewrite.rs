//! Graphs made from graphs: nodes are taken over one by one, or replaced by others.

use crate::{Error, Result};
use glimpse_bundle::DecoderInterface;
use glimpse_export::graph::{GraphBuilder, Value};
use glimpse_export::proto::{DataType, GraphProto, NodeProto, TensorProto};
use std::collections::HashMap;

/// A graph that is read in order, and the graph that comes of it.
///
/// Constants follow when something reads them, so that those of replaced nodes stay behind.
pub(crate) struct Rewrite<'a> {
    /// The source graph.
    pub source: &'a GraphProto,
    /// The new graph.
    pub graph: GraphBuilder,
    constants: HashMap<&'a str, &'a TensorProto>,
    producers: HashMap<&'a str, &'a NodeProto>,
    readers: HashMap<&'a str, Vec<&'a NodeProto>>,
    values: HashMap<&'a str, Value>,
    input_bounds: HashMap<&'a str, f32>,
}

impl<'a> Rewrite<'a> {
    /// Starts with the inputs of `source`.
    pub fn new(source: &'a GraphProto) -> Self {
        let mut graph = GraphBuilder::new();
        let values =
            source.input.iter().map(|info| (info.name(), graph.declared_input(info.clone()))).collect();
        let mut readers: HashMap<_, Vec<_>> = HashMap::new();
        for node in &source.node {
            for name in &node.input {
                readers.entry(name.as_str()).or_default().push(node);
            }
        }
        let outputs = |node: &'a NodeProto| node.output.iter().map(move |name| (name.as_str(), node));
        Self {
            source,
            graph,
            constants: source.initializer.iter().map(|tensor| (tensor.name(), tensor)).collect(),
            producers: source.node.iter().flat_map(outputs).collect(),
            readers,
            values,
            input_bounds: HashMap::new(),
        }
    }

    /// Declares how far from 0 the state of a decoder can be.
    pub fn with_state_of(mut self, interface: &'a DecoderInterface) -> Self {
        let bounded = interface.state.iter().filter_map(|state| Some((state.past.as_str(), state.bound?)));
        self.input_bounds.extend(bounded);
        self
    }

    /// The declared bound of an input.
    pub fn input_bound(&self, name: &str) -> Option<f32> {
        self.input_bounds.get(name).copied()
    }

    /// The new graph's counterpart of a tensor.
    ///
    /// # Errors
    /// [`Error::UnsoundGraph`] where nothing has made it yet.
    pub fn value(&mut self, name: &'a str) -> Result<Value> {
        if let Some(value) = self.values.get(name) {
            return Ok(*value);
        }
        let Some(constant) = self.constants.get(name) else {
            let reason = format!("the tensor `{name}` is read before anything makes it");
            return Err(Error::UnsoundGraph { graph: self.source.name().into(), reason });
        };
        let value = self.graph.declared_tensor((*constant).clone());
        self.values.insert(name, value);
        Ok(value)
    }

    /// From here on, who reads `name` gets `value`.
    pub fn set(&mut self, name: &'a str, value: Value) {
        self.values.insert(name, value);
    }

    /// Shape and numbers of an f32 constant.
    pub fn floats(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let tensor = self.constants.get(name)?;
        let shape = tensor.dims.iter().map(|&size| size as usize).collect();
        let numbers = tensor.raw_data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        (tensor.data_type() == DataType::Float).then(|| (shape, numbers.collect()))
    }

    /// The node that makes a tensor; none for inputs and constants.
    pub fn producer(&self, name: &str) -> Option<&'a NodeProto> {
        self.producers.get(name).copied()
    }

    /// The nodes that read a tensor.
    pub fn readers(&self, name: &str) -> &[&'a NodeProto] {
        self.readers.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether the tensor is an output of the graph.
    pub fn is_output(&self, name: &str) -> bool {
        self.source.output.iter().any(|output| output.name() == name)
    }

    /// Takes a node over as it is.
    ///
    /// # Errors
    /// As [`Rewrite::value`].
    pub fn copy(&mut self, node: &'a NodeProto) -> Result<()> {
        let inputs = node.input.iter().map(|name| self.value(name)).collect::<Result<_>>()?;
        self.copy_with(node, inputs);
        Ok(())
    }

    /// Takes a node over with other inputs.
    pub fn copy_with(&mut self, node: &'a NodeProto, inputs: Vec<Value>) {
        let outputs = self.graph.copied_node(node, inputs);
        self.values.extend(node.output.iter().map(String::as_str).zip(outputs));
    }

    /// The new graph, with the outputs of the old.
    ///
    /// # Errors
    /// As [`Rewrite::value`].
    pub fn finish(mut self) -> Result<GraphProto> {
        for info in &self.source.output {
            let value = self.value(info.name())?;
            self.graph.declared_output(value, info.clone());
        }
        Ok(self.graph.finish(self.source.name()))
    }
}

/// A whole-number attribute of a node.
pub(crate) fn int(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|attribute| attribute.name() == name).map(|attribute| attribute.i())
}
