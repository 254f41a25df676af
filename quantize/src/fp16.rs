//! Graphs in f16, for GPUs: weights and products in half the bytes.
//!
//! Inputs and outputs stay f32, so that a caller sees no difference. Inside, what adds up many
//! numbers or divides by such a sum stays f32 too: norms, means, softmax and the log-probabilities
//! over the vocabulary.

use crate::rewrite::Rewrite;
use crate::{Error, Result};
use glimpse_export::graph::{Attribute, Value};
use glimpse_export::proto::{DataType, GraphProto, NodeProto};
use half::f16;
use std::collections::HashMap;

/// A graph whose weights and products are f16, and whose inputs and outputs are f32.
///
/// # Errors
/// [`Error::UnsoundGraph`], and [`Error::BeyondHalf`] for a weight that f16 cannot hold.
pub fn half_precision(graph: &GraphProto) -> Result<GraphProto> {
    let mut rewrite = Rewrite::new(graph);
    let mut floats = Floats::new(graph);
    for node in &graph.node {
        match wanted(node, &floats) {
            None => rewrite.copy(node)?,
            Some(wanted) => {
                let inputs = node.input.iter().map(|name| floats.read(&mut rewrite, name, wanted));
                let inputs = inputs.collect::<Result<_>>()?;
                rewrite.copy_with(node, inputs);
                for name in &node.output {
                    // The second output of TopK are ids.
                    if !(node.op_type() == "TopK" && *name == node.output[1]) {
                        floats.made(&mut rewrite, name, wanted)?;
                    }
                }
            }
        }
    }
    for output in &graph.output {
        if floats.types.contains_key(output.name()) {
            let value = floats.read(&mut rewrite, output.name(), DataType::Float)?;
            rewrite.set(output.name(), value);
        }
    }
    rewrite.finish()
}

/// Which type a node computes in; `None` where it handles no floats.
fn wanted(node: &NodeProto, floats: &Floats<'_>) -> Option<DataType> {
    let first = floats.types.get(node.input.first()?.as_str())?;
    match node.op_type() {
        // A shape is one whatever it is the shape of.
        "Shape" => None,
        "LayerNormalization" | "LogSoftmax" | "ReduceMean" | "Softmax" | "TopK" => Some(DataType::Float),
        // Choosing rows of a state before it becomes f16 moves fewer numbers.
        "Gather" => Some(*first),
        _ => Some(DataType::Float16),
    }
}

/// The tensors of floats, and what there is of each.
struct Floats<'a> {
    /// What its maker gave; `Float16` for constants, as none is read before it is rounded.
    types: HashMap<&'a str, DataType>,
    values: HashMap<(&'a str, DataType), Value>,
}

impl<'a> Floats<'a> {
    fn new(graph: &'a GraphProto) -> Self {
        let is_float = |data_type: i32| data_type == i32::from(DataType::Float);
        let inputs = graph.input.iter().filter(|info| {
            let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
            tensor.is_some_and(|tensor| is_float(tensor.elem_type.unwrap_or_default()))
        });
        let constants =
            graph.initializer.iter().filter(|tensor| is_float(tensor.data_type.unwrap_or_default()));
        let inputs = inputs.map(|info| (info.name(), DataType::Float));
        let constants = constants.map(|tensor| (tensor.name(), DataType::Float16));
        Self { types: inputs.chain(constants).collect(), values: HashMap::new() }
    }

    /// Notes what a node gave.
    fn made(&mut self, rewrite: &mut Rewrite<'a>, name: &'a str, data_type: DataType) -> Result<()> {
        self.types.insert(name, data_type);
        self.values.insert((name, data_type), rewrite.value(name)?);
        Ok(())
    }

    /// A tensor in the type that a node needs; integers stay as they are.
    fn read(&mut self, rewrite: &mut Rewrite<'a>, name: &'a str, wanted: DataType) -> Result<Value> {
        let Some(&made) = self.types.get(name) else { return rewrite.value(name) };
        if let Some(value) = self.values.get(&(name, wanted)) {
            return Ok(*value);
        }
        let value = match rewrite.floats(name) {
            Some(_) if wanted == DataType::Float => rewrite.value(name)?,
            Some((shape, numbers)) => {
                let bytes = rounded(name, &numbers)?;
                rewrite.graph.tensor(name, DataType::Float16, &shape, bytes)
            }
            None if made == wanted => rewrite.value(name)?,
            None => {
                let value = rewrite.value(name)?;
                let part = if wanted == DataType::Float { "f32" } else { "f16" };
                rewrite.graph.node(
                    "Cast",
                    &format!("{name}.{part}"),
                    [&value],
                    [("to", Attribute::element_type(wanted))],
                )
            }
        };
        self.values.insert((name, wanted), value);
        Ok(value)
    }
}

fn rounded(name: &str, numbers: &[f32]) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(2 * numbers.len());
    for &number in numbers {
        let half = f16::from_f32(number);
        if half.is_infinite() {
            return Err(Error::BeyondHalf { tensor: name.into(), number });
        }
        bytes.extend(half.to_le_bytes());
    }
    Ok(bytes)
}
