//! Products with a weight matrix in eight bits: `MatMulInteger`, with the other factor quantised as
//! it comes.
//!
//! A factor that the graph bounds between -1 and 1 (an LSTM's hidden state, a
//! tanh) has a fixed scale. Any other gets one for each row from its largest number. ONNX's
//! `DynamicQuantizeLinear` takes one for the whole tensor, which would let the photos of a batch
//! change each other's words.

use crate::Result;
use crate::bounds::bound;
use crate::rewrite::{Rewrite, int};
use crate::weights::Int8Rows;
use glimpse_export::graph::{Attribute, Value};
use glimpse_export::proto::{DataType, NodeProto};
use std::collections::HashMap;

/// u8 numbers around 128 reach 127 to both sides.
const CENTRE: u8 = 128;
const REACH: f32 = 127.0;

/// Quantises the matrices of a graph as it is read.
#[derive(Default)]
pub(crate) struct Products {
    /// Quantised matrices by the name of the constant: numbers [inputs, outputs] and scales [outputs].
    matrices: HashMap<String, (Value, Value)>,
    centre: Option<Value>,
}

/// A product with a constant matrix.
struct Product<'a> {
    input: &'a str,
    weight: &'a str,
    /// The matrix is [outputs, inputs].
    transposed: bool,
    addend: Option<&'a str>,
}

impl Products {
    /// Replaces a node that multiplies by a constant matrix, or looks up one of its rows. Says
    /// whether it was one.
    pub fn rewrite<'a>(&mut self, rewrite: &mut Rewrite<'a>, node: &'a NodeProto) -> Result<bool> {
        if let Some(product) = product(rewrite, node) {
            let value = self.product(rewrite, node, &product)?;
            rewrite.set(&node.output[0], value);
            return Ok(true);
        }
        if let Some(embedding) = embedding(rewrite, node) {
            let value = self.look_up(rewrite, node, embedding)?;
            rewrite.set(&node.output[0], value);
            return Ok(true);
        }
        Ok(false)
    }

    fn product<'a>(
        &mut self,
        rewrite: &mut Rewrite<'a>,
        node: &NodeProto,
        product: &Product<'a>,
    ) -> Result<Value> {
        let name = node.name();
        let bound = bound(rewrite, product.input);
        let input = rewrite.value(product.input)?;
        let addend = product.addend.map(|addend| rewrite.value(addend)).transpose()?;
        let (numbers, scales) = self.matrix(rewrite, product.weight, product.transposed);
        let centre = self.centre(rewrite);
        let graph = &mut rewrite.graph;
        let named = |part: &str| format!("{name}.{part}");
        let (quantized, row_scale) = match bound {
            Some(bound) => {
                let scale = graph.shared_float(&format!("scale.{bound}"), bound / REACH);
                (graph.node("QuantizeLinear", &named("quantized"), [&input, &scale, &centre], []), scale)
            }
            None => {
                let size = graph.node("Abs", &named("size"), [&input], []);
                let last = [("axes", Attribute::Ints(vec![-1])), ("keepdims", Attribute::Int(1))];
                let largest = graph.node("ReduceMax", &named("largest"), [&size], last);
                // A row of zeros is no reason to divide by zero.
                let least = graph.shared_float("scale.least", f32::MIN_POSITIVE * REACH);
                let largest = graph.node("Max", &named("range"), [&largest, &least], []);
                let reach = graph.shared_float("scale.reach", REACH);
                let scale = graph.node("Div", &named("scale"), [&largest, &reach], []);
                let scaled = graph.node("Div", &named("scaled"), [&input, &scale], []);
                let one = graph.shared_float("scale.one", 1.0);
                (graph.node("QuantizeLinear", &named("quantized"), [&scaled, &one, &centre], []), scale)
            }
        };
        let sums = graph.node("MatMulInteger", &named("sums"), [&quantized, &numbers, &centre], []);
        let sums =
            graph.node("Cast", &named("float"), [&sums], [("to", Attribute::element_type(DataType::Float))]);
        let scaled = graph.node("Mul", &named("columns"), [&sums, &scales], []);
        let value = graph.node("Mul", &named("product"), [&scaled, &row_scale], []);
        Ok(match addend {
            Some(addend) => graph.node("Add", name, [&value, &addend], []),
            None => value,
        })
    }

    /// Rows of a table, such as the embeddings of words.
    fn look_up<'a>(&mut self, rewrite: &mut Rewrite<'a>, node: &'a NodeProto, table: &str) -> Result<Value> {
        let name = node.name();
        let ids = rewrite.value(&node.input[1])?;
        let (numbers, scales) = self.matrix(rewrite, table, true);
        let graph = &mut rewrite.graph;
        let named = |part: &str| format!("{name}.{part}");
        // The matrix is laid out for the product over the vocabulary: a token is a column. The
        // columns of frequent tokens are together, so that they stay in the processor's cache.
        let axis = [("axis", Attribute::Int(1))];
        let columns = graph.node("Gather", &named("columns"), [&numbers, &ids], axis);
        let columns = graph.node(
            "Cast",
            &named("float"),
            [&columns],
            [("to", Attribute::element_type(DataType::Float))],
        );
        let scale = graph.node("Gather", &named("scale"), [&scales, &ids], []);
        let scaled = graph.node("Mul", &named("scaled"), [&columns, &scale], []);
        Ok(graph.node("Transpose", name, [&scaled], [("perm", Attribute::Ints(vec![1, 0]))]))
    }

    /// A constant matrix as s8 [inputs, outputs] with scales [outputs], once for all who read it.
    fn matrix(&mut self, rewrite: &mut Rewrite<'_>, name: &str, transposed: bool) -> (Value, Value) {
        if let Some(matrix) = self.matrices.get(name) {
            return *matrix;
        }
        let (shape, mut weights) = rewrite.floats(name).unwrap_or_default();
        let [mut outputs, mut inputs] = [shape[0], shape[1]];
        if !transposed {
            (outputs, inputs) = (inputs, outputs);
            let from = &weights;
            weights = (0..outputs)
                .flat_map(|output| (0..inputs).map(move |input| from[input * outputs + output]))
                .collect();
        }
        let rows = Int8Rows::new(&weights, outputs, 1);
        let graph = &mut rewrite.graph;
        let numbers =
            graph.tensor(&format!("{name}.int8"), DataType::Int8, &[inputs, outputs], rows.transposed());
        let scales = graph.floats(&format!("{name}.scales"), &[outputs], &rows.scales);
        self.matrices.insert(name.into(), (numbers, scales));
        (numbers, scales)
    }

    fn centre(&mut self, rewrite: &mut Rewrite<'_>) -> Value {
        *self.centre.get_or_insert_with(|| rewrite.graph.tensor("centre", DataType::Uint8, &[], vec![CENTRE]))
    }
}

/// Products worth it: a vector is no matrix, and its bytes no burden.
const SMALLEST: usize = 2;

fn product<'a>(rewrite: &Rewrite<'a>, node: &'a NodeProto) -> Option<Product<'a>> {
    let transposed = match node.op_type() {
        "Gemm" if int(node, "transB") == Some(1) => true,
        "MatMul" => false,
        _ => return None,
    };
    let weight = node.input[1].as_str();
    let (shape, _) = rewrite.floats(weight)?;
    let is_matrix = shape.len() == 2 && shape.iter().all(|&size| size >= SMALLEST);
    let addend = node.input.get(2).map(String::as_str);
    is_matrix.then_some(Product { input: &node.input[0], weight, transposed, addend })
}

/// The table of a look-up of rows.
fn embedding<'a>(rewrite: &Rewrite<'a>, node: &'a NodeProto) -> Option<&'a str> {
    let table = node.input.first()?.as_str();
    let of_rows = node.op_type() == "Gather" && int(node, "axis").unwrap_or(0) == 0;
    let (shape, _) = rewrite.floats(table).filter(|_| of_rows)?;
    (shape.len() == 2).then_some(table)
}
