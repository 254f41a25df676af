//! What a step returned, checked before a search reads it.

use super::{GRAPH, failed};
use crate::{Error, Result};
use glimpse_bundle::{DecoderInterface, tensors};
use glimpse_generation::{Step, TopCandidates};
use ort::session::SessionOutputs;
use ort::value::PrimitiveTensorElementType;

/// Rounding of a softmax may put a log-probability this far above 0.
const ROUNDING: f32 = 1e-3;

/// The best tokens of each row: as the graph ranks them, or ranked here from its logits.
pub(super) fn read_candidates(
    outputs: &SessionOutputs<'_>,
    interface: &DecoderInterface,
    step: &Step<'_>,
    vocab_size: usize,
    out: &mut TopCandidates,
) -> Result<()> {
    let rows = step.input_ids.len();
    if interface.ranks_tokens {
        copy(outputs, tensors::TOP_LOG_PROBS, rows * step.k, &mut out.log_probs)?;
        copy(outputs, tensors::TOP_TOKEN_IDS, rows * step.k, &mut out.token_ids)?;
        check(out, vocab_size)
    } else {
        let mut logits: Vec<f32> = Vec::new();
        copy(outputs, tensors::LOGITS, rows * vocab_size, &mut logits)?;
        if logits.iter().any(|logit| logit.is_nan()) {
            return Err(unusable(tensors::LOGITS, "it holds a value that is not a number"));
        }
        rank(&logits, vocab_size, step.k, out);
        Ok(())
    }
}

fn unusable(tensor: &'static str, reason: impl Into<String>) -> Error {
    Error::Output { graph: GRAPH, tensor, reason: reason.into() }
}

/// Refuses what a sound graph never returns, before an id is used as an index.
fn check(top: &TopCandidates, vocab_size: usize) -> Result<()> {
    if top.log_probs.iter().any(|log_prob| log_prob.is_nan()) {
        let reason = "a log-probability is not a number; the weights or the pixel values are broken";
        return Err(unusable(tensors::TOP_LOG_PROBS, reason));
    }
    if let Some(above) = top.log_probs.iter().find(|&&log_prob| log_prob > ROUNDING) {
        return Err(unusable(
            tensors::TOP_LOG_PROBS,
            format!("{above} is above 0, so it is not a log-probability"),
        ));
    }
    if let Some(id) = top.token_ids.iter().find(|&&id| id < 0 || id >= vocab_size as i64) {
        return Err(unusable(
            tensors::TOP_TOKEN_IDS,
            format!("id {id} is outside the vocabulary of {vocab_size} tokens"),
        ));
    }
    Ok(())
}

/// The k best tokens of each row of logits [rows, vocab_size], with their log-probabilities; among equals the lower
/// id first.
fn rank(logits: &[f32], vocab_size: usize, k: usize, out: &mut TopCandidates) {
    out.log_probs.clear();
    out.token_ids.clear();
    let mut ids: Vec<usize> = Vec::with_capacity(vocab_size);
    for row in logits.chunks_exact(vocab_size) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = row.iter().map(|&logit| f64::from(logit - largest).exp()).sum();
        let log_sum = f64::from(largest) + sum.ln();
        let better = |&a: &usize, &b: &usize| row[b].total_cmp(&row[a]).then(a.cmp(&b));
        ids.clear();
        ids.extend(0..vocab_size);
        if k < vocab_size {
            ids.select_nth_unstable_by(k, better);
            ids.truncate(k);
        }
        ids.sort_unstable_by(better);
        out.token_ids.extend(ids.iter().map(|&id| id as i64));
        out.log_probs.extend(ids.iter().map(|&id| (f64::from(row[id]) - log_sum) as f32));
    }
}

/// Copies an output of `rows` rows, whatever their width.
pub(super) fn copy_rows(
    outputs: &SessionOutputs<'_>,
    tensor: &'static str,
    rows: usize,
    buffer: &mut Vec<f32>,
) -> Result<()> {
    let output = outputs.get(tensor).ok_or_else(|| unusable(tensor, "it is missing"))?;
    let (shape, values) = output.try_extract_tensor::<f32>().map_err(failed)?;
    if shape.first() != Some(&(rows as i64)) || shape.len() != 2 {
        return Err(unusable(tensor, format!("it has shape {shape:?}, where {rows} rows were expected")));
    }
    buffer.clear();
    buffer.extend_from_slice(values);
    Ok(())
}

/// Copies an output into a buffer that is reused, refusing a size that the search cannot read.
fn copy<T: PrimitiveTensorElementType + Copy>(
    outputs: &SessionOutputs<'_>,
    tensor: &'static str,
    expected: usize,
    buffer: &mut Vec<T>,
) -> Result<()> {
    let output = outputs.get(tensor).ok_or_else(|| unusable(tensor, "it is missing"))?;
    let (shape, values) = output.try_extract_tensor::<T>().map_err(failed)?;
    if values.len() != expected {
        return Err(unusable(
            tensor,
            format!("it has shape {shape:?}, where {expected} values were expected"),
        ));
    }
    buffer.clear();
    buffer.extend_from_slice(values);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_log_probabilities_are_checked() {
        let top = |log_prob, id| TopCandidates {
            log_probs: vec![-0.5, log_prob],
            token_ids: vec![1, id],
            ..Default::default()
        };
        assert!(check(&top(0.0, 9), 10).is_ok());
        assert!(check(&top(f32::NEG_INFINITY, 0), 10).is_ok(), "an impossible token");
        for (bad, says) in [
            (top(f32::NAN, 1), "not a number"),
            (top(0.5, 1), "above 0"),
            (top(-1.0, 10), "id 10 is outside"),
            (top(-1.0, -1), "id -1 is outside"),
            (top(-1.0, 1 << 33), "outside"),
        ] {
            let error = check(&bad, 10).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    /// torch.log_softmax(torch.tensor([[1., 3., 2., 3.]]), 1).topk(3)
    #[test]
    fn logits_are_ranked_as_log_probabilities() {
        let mut out = TopCandidates::default();
        rank(&[1.0, 3.0, 2.0, 3.0], 4, 3, &mut out);
        assert_eq!(out.token_ids, [1, 3, 2]);
        for (found, expected) in out.log_probs.iter().zip([-0.9076, -0.9076, -1.9076]) {
            assert!((found - expected).abs() < 1e-4, "{found}");
        }
    }
}
