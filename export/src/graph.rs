//! Building ONNX graphs: tensors are handles, names are readable paths and unique.

use crate::proto::*;
use crate::weights::little_endian;
use crate::{Error, Result};
use prost::Message;
use prost::bytes::Bytes;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

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
    /// A graph that the node runs.
    Graph(GraphProto),
}

impl Attribute {
    /// A type of numbers, as `Cast` takes it.
    pub fn element_type(data_type: DataType) -> Self {
        Self::Int(i64::from(i32::from(data_type)))
    }
}

/// Type, axes and meaning of an input or output.
#[derive(Debug, Clone, Copy)]
pub struct Signature<'a> {
    /// The contract's name.
    pub name: &'a str,
    /// Type of the numbers.
    pub data_type: DataType,
    /// The axes, outermost first.
    pub axes: &'a [Axis<'a>],
    /// One line for people.
    pub doc: &'a str,
}

/// An axis of an input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis<'a> {
    /// Always this long.
    Fixed(usize),
    /// As long as the caller likes; the same name is the same length.
    Dynamic(&'a str),
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
    op_type: Cow<'static, str>,
    name: String,
    inputs: Vec<Value>,
    outputs: Vec<Value>,
    attributes: Vec<AttributeProto>,
}

impl GraphBuilder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an input.
    pub fn input(&mut self, signature: Signature<'_>) -> Value {
        self.declared_input(value_info(signature))
    }

    /// Adds an input that another graph declares.
    pub fn declared_input(&mut self, info: ValueInfoProto) -> Value {
        let value = self.value(info.name());
        self.inputs.push(info);
        value
    }

    /// Makes a tensor an output, which gives it the contract's name.
    pub fn output(&mut self, value: Value, signature: Signature<'_>) {
        self.declared_output(value, value_info(signature));
    }

    /// Makes a tensor an output that another graph declares, which gives it that one's name.
    pub fn declared_output(&mut self, value: Value, info: ValueInfoProto) {
        // The value that has the name so far gets another one.
        if let Some(holder) = self.names.iter().position(|name| name == info.name()) {
            self.names[holder] = self.unique(&format!("{}.inner", info.name()));
        }
        self.taken.remove(&self.names[value.0]);
        self.names[value.0] = info.name().into();
        self.taken.insert(info.name().into());
        self.outputs.push(info);
    }

    /// Adds an f32 constant, row-major.
    pub fn floats(&mut self, name: &str, shape: &[usize], numbers: &[f32]) -> Value {
        self.tensor(name, DataType::Float, shape, little_endian(numbers))
    }

    /// Adds a one-axis i64 constant, as shapes and axes are given to nodes.
    pub fn ints(&mut self, name: &str, numbers: &[i64]) -> Value {
        self.int_tensor(name, &[numbers.len()], numbers)
    }

    /// Adds an i64 constant, row-major.
    pub fn int_tensor(&mut self, name: &str, shape: &[usize], numbers: &[i64]) -> Value {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.tensor(name, DataType::Int64, shape, bytes)
    }

    /// Adds a constant of any type from its little-endian bytes, row-major.
    pub fn tensor(
        &mut self,
        name: &str,
        data_type: DataType,
        shape: &[usize],
        bytes: impl Into<Bytes>,
    ) -> Value {
        let bytes = bytes.into();
        let size = shape.iter().product::<usize>() * data_type.size();
        debug_assert_eq!(size, bytes.len(), "{name} does not fill its shape");
        self.declared_tensor(TensorProto {
            dims: shape.iter().map(|&size| size as i64).collect(),
            data_type: Some(data_type.into()),
            name: Some(name.into()),
            raw_data: Some(bytes),
            ..TensorProto::default()
        })
    }

    /// Adds a constant of another graph; it gets a name of its own where that one's is taken.
    pub fn declared_tensor(&mut self, mut tensor: TensorProto) -> Value {
        let value = self.value(tensor.name());
        tensor.name = Some(self.names[value.0].clone());
        self.initializers.push(tensor);
        value
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
            op_type: op_type.into(),
            name: name.into(),
            inputs: inputs.into_iter().copied().collect(),
            outputs: outputs.to_vec(),
            attributes: attributes.into_iter().map(attribute).collect(),
        });
        outputs
    }

    /// As [`node_with_outputs`](Self::node_with_outputs), for a number of outputs that is not known beforehand.
    pub fn node_with_many_outputs(
        &mut self,
        op_type: &'static str,
        name: &str,
        inputs: &[Value],
        attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
        outputs: &[String],
    ) -> Vec<Value> {
        let outputs: Vec<_> = outputs.iter().map(|output| self.value(output)).collect();
        self.nodes.push(Node {
            op_type: op_type.into(),
            name: name.into(),
            inputs: inputs.to_vec(),
            outputs: outputs.clone(),
            attributes: attributes.into_iter().map(attribute).collect(),
        });
        outputs
    }

    /// Adds a node of another graph, with inputs of this one. Returns its outputs.
    pub fn copied_node(&mut self, node: &NodeProto, inputs: Vec<Value>) -> Vec<Value> {
        let outputs: Vec<_> = node.output.iter().map(|output| self.value(output)).collect();
        self.nodes.push(Node {
            op_type: node.op_type().to_string().into(),
            name: node.name().into(),
            inputs,
            outputs: outputs.clone(),
            attributes: node.attribute.clone(),
        });
        outputs
    }

    /// An empty graph to be run by a node of this one, such as the body of a loop. Names of this graph
    /// are taken in it.
    pub fn body(&self) -> Self {
        Self { taken: self.taken.clone(), ..Self::default() }
    }

    /// A tensor of the graph around this body.
    pub fn outer(&mut self, around: &Self, value: Value) -> Value {
        self.names.push(around.names[value.0].clone());
        Value(self.names.len() - 1)
    }

    /// The body as an attribute; its names are taken in this graph from now on.
    pub fn adopt(&mut self, body: Self, name: &str) -> Attribute {
        self.taken.extend(body.taken.iter().cloned());
        Attribute::Graph(body.finish(name))
    }

    /// The graph, with every tensor's final name.
    pub fn finish(self, name: &str) -> GraphProto {
        let names = &self.names;
        let named = |values: Vec<Value>| values.into_iter().map(|value| names[value.0].clone()).collect();
        let nodes = self.nodes.into_iter().map(|node| NodeProto {
            input: named(node.inputs),
            output: named(node.outputs),
            name: Some(node.name),
            op_type: Some(node.op_type.into_owned()),
            attribute: node.attributes,
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

/// Reads an `.onnx` file that this crate wrote; weights stay in the file's bytes, without a copy.
///
/// # Errors
/// [`Error::Io`] and [`Error::NotOnnx`], each with the path.
pub fn read_model(path: &Path) -> Result<ModelProto> {
    let bytes = Bytes::from(std::fs::read(path).map_err(Error::io(path))?);
    ModelProto::decode(bytes).map_err(|source| Error::NotOnnx { path: path.to_path_buf(), source })
}

/// A tensor of any shape.
pub fn unshaped(name: &str, data_type: DataType) -> ValueInfoProto {
    let tensor_type = TensorType { elem_type: Some(data_type.into()), shape: None };
    ValueInfoProto {
        name: Some(name.into()),
        r#type: Some(TypeProto { tensor_type: Some(tensor_type) }),
        doc_string: None,
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

fn attribute((name, value): (&'static str, Attribute)) -> AttributeProto {
    let mut proto = AttributeProto { name: Some(name.into()), ..AttributeProto::default() };
    let kind = match value {
        Attribute::Float(number) => {
            proto.f = Some(number);
            AttributeType::Float
        }
        Attribute::Int(number) => {
            proto.i = Some(number);
            AttributeType::Int
        }
        Attribute::Ints(numbers) => {
            proto.ints = numbers;
            AttributeType::Ints
        }
        Attribute::Graph(graph) => {
            proto.g = Some(graph);
            AttributeType::Graph
        }
    };
    proto.r#type = Some(kind.into());
    proto
}
