//! Linear layers in graphs, and weights of several layers merged into one.

use crate::graph::{Attribute, GraphBuilder, Value};

/// A linear layer as PyTorch stores it: `weight` is [outputs, inputs].
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    pub outputs: usize,
    pub inputs: usize,
    pub weight: Vec<f32>,
}

impl Linear {
    pub fn new(weight: &[f32], outputs: usize) -> Self {
        Self { outputs, inputs: weight.len() / outputs, weight: weight.to_vec() }
    }

    /// One layer for several that read the same input; outputs lie side by side.
    pub fn stack(layers: &[Self]) -> Self {
        let weight: Vec<f32> = layers.iter().flat_map(|layer| &layer.weight).copied().collect();
        Self::new(&weight, layers.iter().map(|layer| layer.outputs).sum())
    }

    /// One layer for the sum of two, over their inputs side by side.
    pub fn sum(left: &Self, right: &Self) -> Self {
        let rows = left.weight.chunks_exact(left.inputs).zip(right.weight.chunks_exact(right.inputs));
        let weight: Vec<f32> = rows.flat_map(|(left, right)| left.iter().chain(right)).copied().collect();
        Self::new(&weight, left.outputs)
    }

    /// The weight as [inputs, outputs].
    pub fn transposed(&self) -> Vec<f32> {
        let at = |input: usize, output: usize| self.weight[output * self.inputs + input];
        (0..self.inputs).flat_map(|input| (0..self.outputs).map(move |output| at(input, output))).collect()
    }

    /// Adds the layer to a graph, for `input` [rows, inputs]; `addend` is a bias [outputs] or
    /// another product [rows, outputs].
    pub fn build(&self, graph: &mut GraphBuilder, name: &str, input: &Value, addend: &Value) -> Value {
        let weight = graph.floats(&format!("{name}.weight"), &[self.outputs, self.inputs], &self.weight);
        product(graph, name, input, &weight, addend)
    }

    /// Adds the layer to a graph, for `input` [batch_size, cells, inputs], with a bias [outputs].
    pub fn build_per_cell(&self, graph: &mut GraphBuilder, name: &str, input: &Value, bias: &[f32]) -> Value {
        let weight =
            graph.floats(&format!("{name}.weight"), &[self.inputs, self.outputs], &self.transposed());
        let bias = graph.floats(&format!("{name}.bias"), &[self.outputs], bias);
        let product = graph.node("MatMul", &format!("{name}.product"), [input, &weight], []);
        graph.node("Add", name, [&product, &bias], [])
    }
}

/// input weight^T + addend, for a weight [outputs, inputs] that is in the graph already.
pub(crate) fn product(
    graph: &mut GraphBuilder,
    name: &str,
    input: &Value,
    weight: &Value,
    addend: &Value,
) -> Value {
    graph.node("Gemm", name, [input, weight, addend], [("transB", Attribute::Int(1))])
}

/// Adds the bias of a layer, of [outputs].
pub(crate) fn bias(graph: &mut GraphBuilder, name: &str, numbers: &[f32]) -> Value {
    graph.floats(&format!("{name}.bias"), &[numbers.len()], numbers)
}

/// Cuts [rows, sum of sizes] into parts.
pub(crate) fn split<const N: usize>(
    graph: &mut GraphBuilder,
    name: &str,
    input: &Value,
    parts: [(&str, usize); N],
) -> [Value; N] {
    let sizes = graph.ints(&format!("{name}.sizes"), &parts.map(|(_, size)| size as i64));
    let axis = [("axis", Attribute::Int(1))];
    graph.node_with_outputs("Split", name, [input, &sizes], axis, parts.map(|(part, _)| part))
}
