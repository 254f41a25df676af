//! Building ONNX graphs: tensors are handles, names are readable paths and unique.

use crate::proto::*;
use crate::weights::little_endian;
use prost::Message;
use std::collections::{BTreeMap, HashSet};

/// Version of the operators: the lowest with LayerNormalization.
pub const OPSET_VERSION: i64 = 17;
/// Version of the file format that came with [`OPSET_VERSION`].
pub const IR_VERSION: i64 = 8;

/// A tensor of the graph under construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value(usize);

/// A setting of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// Whole numbers.
    Ints(Vec<i64>),
}

/// Type, axes and meaning of an input or output.
#[derive(Debug, Clone, Copy)]
pub struct Signature<'a> {
    /// The contract's name.
    pub name: &'a str,
    /// Type of the numbers.
    pub data_type: DataType,
    /// The axes, outermost first.
    pub axes: &'a [Axis],
    /// One line for people.
    pub doc: &'a str,
}

/// An axis of an input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Always this long.
    Fixed(usize),
    /// As long as the caller likes; the same name is the same length.
    Dynamic(&'static str),
}

/// A graph under construction. Nodes are added in an order in which they can run.
#[derive(Debug, Default)]
pub struct GraphBuilder {
    names: Vec<String>,
    taken: HashSet<String>,
    shared: BTreeMap<String, Value>,
    nodes: Vec<Node>,
    initializers: Vec<TensorProto>,
    inputs: Vec<ValueInfoProto>,
    outputs: Vec<ValueInfoProto>,
}

#[derive(Debug)]
struct Node {
    op_type: &'static str,
    name: String,
    inputs: Vec<Value>,
    outputs: Vec<Value>,
    attributes: Vec<(&'static str, Attribute)>,
}

impl GraphBuilder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an input.
    pub fn input(&mut self, signature: Signature<'_>) -> Value {
        self.inputs.push(value_info(signature));
        self.value(signature.name)
    }

    /// Makes a tensor an output, which gives it the contract's name.
    pub fn output(&mut self, value: Value, signature: Signature<'_>) {
        self.taken.remove(&self.names[value.0]);
        let name = self.unique(signature.name);
        debug_assert_eq!(name, signature.name, "the contract's name is taken");
        self.names[value.0] = name;
        self.outputs.push(value_info(signature));
    }

    /// Adds an f32 constant, row-major.
    pub fn floats(&mut self, name: &str, shape: &[usize], numbers: &[f32]) -> Value {
        self.constant(name, shape, numbers.len(), DataType::Float, little_endian(numbers))
    }

    /// Adds a one-axis i64 constant, as shapes and axes are given to nodes.
    pub fn ints(&mut self, name: &str, numbers: &[i64]) -> Value {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.constant(name, &[numbers.len()], numbers.len(), DataType::Int64, bytes)
    }

    /// A scalar constant that every caller of this name shares.
    pub fn shared_float(&mut self, name: &str, number: f32) -> Value {
        match self.shared.get(name) {
            Some(value) => *value,
            None => {
                let value = self.floats(name, &[], &[number]);
                self.shared.insert(name.into(), value);
                value
            }
        }
    }

    /// Adds a node with one output, both called `name`.
    pub fn node<'a>(
        &mut self,
        op_type: &'static str,
        name: &str,
        inputs: impl IntoIterator<Item = &'a Value>,
        attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
    ) -> Value {
        let [output] = self.node_with_outputs(op_type, name, inputs, attributes, [name]);
        output
    }

    /// Adds a node with several named outputs.
    pub fn node_with_outputs<'a, const N: usize>(
        &mut self,
        op_type: &'static str,
        name: &str,
        inputs: impl IntoIterator<Item = &'a Value>,
        attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
        outputs: [&str; N],
    ) -> [Value; N] {
        let outputs = outputs.map(|output| self.value(output));
        self.nodes.push(Node {
            op_type,
            name: name.into(),
            inputs: inputs.into_iter().copied().collect(),
            outputs: outputs.to_vec(),
            attributes: attributes.into_iter().collect(),
        });
        outputs
    }

    /// The graph, with every tensor's final name.
    pub fn finish(self, name: &str) -> GraphProto {
        let named = |values: &[Value]| values.iter().map(|value| self.names[value.0].clone()).collect();
        let nodes = self.nodes.iter().map(|node| NodeProto {
            input: named(&node.inputs),
            output: named(&node.outputs),
            name: Some(node.name.clone()),
            op_type: Some(node.op_type.into()),
            attribute: node.attributes.iter().map(attribute).collect(),
        });
        GraphProto {
            node: nodes.collect(),
            name: Some(name.into()),
            initializer: self.initializers,
            doc_string: None,
            input: self.inputs,
            output: self.outputs,
        }
    }

    fn constant(
        &mut self,
        name: &str,
        shape: &[usize],
        count: usize,
        data_type: DataType,
        bytes: Vec<u8>,
    ) -> Value {
        debug_assert_eq!(shape.iter().product::<usize>(), count, "{name} does not fill its shape");
        let value = self.value(name);
        self.initializers.push(TensorProto {
            dims: shape.iter().map(|&size| size as i64).collect(),
            data_type: Some(data_type.into()),
            name: Some(self.names[value.0].clone()),
            raw_data: Some(bytes),
        });
        value
    }

    fn value(&mut self, name: &str) -> Value {
        let name = self.unique(name);
        self.names.push(name);
        Value(self.names.len() - 1)
    }

    fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_string();
        let mut count = 1;
        while !self.taken.insert(unique.clone()) {
            count += 1;
            unique = format!("{name}.{count}");
        }
        unique
    }
}

/// A file of one graph.
#[derive(Debug)]
pub struct Model {
    /// The graph.
    pub graph: GraphProto,
    /// Prose for people.
    pub doc: String,
    /// Named texts, in the order in which they are written.
    pub metadata: Vec<(String, String)>,
}

impl Model {
    /// The message that is written.
    pub fn into_proto(self) -> ModelProto {
        let metadata = self.metadata.into_iter();
        ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: Some(env!("CARGO_PKG_NAME").into()),
            producer_version: Some(env!("CARGO_PKG_VERSION").into()),
            doc_string: Some(self.doc),
            graph: Some(self.graph),
            opset_import: vec![OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(OPSET_VERSION),
            }],
            metadata_props: metadata
                .map(|(key, value)| StringStringEntryProto { key: Some(key), value: Some(value) })
                .collect(),
        }
    }

    /// The bytes of the `.onnx` file.
    pub fn encode(self) -> Vec<u8> {
        self.into_proto().encode_to_vec()
    }
}

fn value_info(signature: Signature<'_>) -> ValueInfoProto {
    let dim = signature.axes.iter().map(|axis| Dimension {
        value: Some(match axis {
            Axis::Fixed(size) => Dim::Value(*size as i64),
            Axis::Dynamic(name) => Dim::Param((*name).into()),
        }),
    });
    let tensor_type = TensorType {
        elem_type: Some(signature.data_type.into()),
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: Some(signature.name.into()),
        r#type: Some(TypeProto { tensor_type: Some(tensor_type) }),
        doc_string: Some(signature.doc.into()),
    }
}

fn attribute((name, value): &(&'static str, Attribute)) -> AttributeProto {
    let mut proto = AttributeProto { name: Some((*name).into()), ..AttributeProto::default() };
    let kind = match value {
        Attribute::Float(number) => {
            proto.f = Some(*number);
            AttributeType::Float
        }
        Attribute::Int(number) => {
            proto.i = Some(*number);
            AttributeType::Int
        }
        Attribute::Ints(numbers) => {
            proto.ints = numbers.clone();
            AttributeType::Ints
        }
    };
    proto.r#type = Some(kind.into());
    proto
}
