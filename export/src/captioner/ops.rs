use crate::graph::{Attribute, GraphBuilder, Value};
use crate::proto::DataType;

/// Short names for what a search adds to a graph.
pub(super) struct Ops<'a>(pub &'a mut GraphBuilder);

impl Ops<'_> {
    pub fn op<const N: usize>(&mut self, op_type: &'static str, name: &str, inputs: [Value; N]) -> Value {
        self.0.node(op_type, name, &inputs, [])
    }

    pub fn axis<const N: usize>(
        &mut self,
        op_type: &'static str,
        name: &str,
        inputs: [Value; N],
        axis: i64,
    ) -> Value {
        self.0.node(op_type, name, &inputs, [("axis", Attribute::Int(axis))])
    }

    pub fn cast(&mut self, name: &str, input: Value, data_type: DataType) -> Value {
        self.0.node("Cast", name, [&input], [("to", Attribute::element_type(data_type))])
    }

    /// An i64 scalar.
    pub fn int(&mut self, name: &str, number: i64) -> Value {
        self.0.int_tensor(name, &[], &[number])
    }

    pub fn float(&mut self, name: &str, number: f32) -> Value {
        self.0.floats(name, &[], &[number])
    }

    pub fn unsqueeze(&mut self, name: &str, input: Value, axis: i64) -> Value {
        let axis = self.0.ints(&format!("{name}.axis"), &[axis]);
        self.op("Unsqueeze", name, [input, axis])
    }

    /// A shape of several parts, each [n].
    pub fn shape<const N: usize>(&mut self, name: &str, parts: [Value; N]) -> Value {
        self.axis("Concat", name, parts, 0)
    }

    /// Part of a tensor's shape, [end - start].
    pub fn sizes(&mut self, name: &str, input: Value, start: i64, end: i64) -> Value {
        let part = [("start", Attribute::Int(start)), ("end", Attribute::Int(end))];
        self.0.node("Shape", name, [&input], part)
    }

    /// The best of the last axis, ties in order: values and indices.
    pub fn top_k(&mut self, name: &str, input: Value, k: Value) -> [Value; 2] {
        let (values, indices) = (format!("{name}.values"), format!("{name}.indices"));
        self.0.node_with_outputs("TopK", name, [&input, &k], [], [&values, &indices])
    }

    /// Rows of [batch_size, items, rest...] by indices [batch_size, n] within each image:
    /// [batch_size, n, rest...]. `flat` is [-1, rest...].
    pub fn rows(&mut self, name: &str, items: Value, index: Value, flat: Value) -> Value {
        let items = self.op("Reshape", &format!("{name}.flat"), [items, flat]);
        self.op("Gather", name, [items, index])
    }
}
