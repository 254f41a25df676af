use crate::rewrite::Rewrite;
use glimpse_bundle::tensors;

/// How far from zero a tensor can be by the graph alone, whatever it is fed; `None` where the graph
/// does not say.
pub(crate) fn bound(rewrite: &Rewrite<'_>, name: &str) -> Option<f32> {
    if name == tensors::PAST_H {
        // o tanh(c), as the last step left it, or the tanh that starts the first.
        return Some(1.0);
    }
    let node = rewrite.producer(name)?;
    let of = |index: usize| bound(rewrite, node.input.get(index)?);
    match node.op_type() {
        "Tanh" | "Sigmoid" | "Softmax" => Some(1.0),
        "Mul" => Some(of(0)? * of(1)?),
        "Gather" | "Reshape" | "Transpose" | "Squeeze" | "Unsqueeze" | "Split" => of(0),
        _ => None,
    }
}
