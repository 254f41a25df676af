use crate::rewrite::Rewrite;

/// How far from zero a tensor can be by the graph and the declared bounds of its inputs; `None` where neither
/// says.
pub(crate) fn bound(rewrite: &Rewrite<'_>, name: &str) -> Option<f32> {
    if let Some(bound) = rewrite.input_bound(name) {
        return Some(bound);
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
