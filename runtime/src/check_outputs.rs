//! What a decoder returns is input too: a search that trusts it would read outside of its tables.

#![cfg_attr(not(test), expect(dead_code, reason = "called where a step is read, in decoder.rs"))]

/// How far rounding may lift a log-probability above 0. Log-softmax is computed in f32 in every precision.
const ROUNDING: f32 = 1e-4;

/// Refuses candidates of a step that no vocabulary of `vocab_size` tokens can give: an id outside of it, or a
/// log-probability that is not a number or above 0. Minus infinity is a log-probability: that of a token that cannot come.
///
/// # Errors
/// What is wrong with the first of them, in words.
pub(crate) fn check_candidates(
    token_ids: &[i64],
    log_probs: &[f32],
    vocab_size: usize,
) -> Result<(), String> {
    let is_token = |id: i64| usize::try_from(id).is_ok_and(|id| id < vocab_size);
    if let Some(id) = token_ids.iter().find(|id| !is_token(**id)) {
        return Err(format!("id {id} is outside of the vocabulary of {vocab_size} tokens"));
    }
    if log_probs.iter().any(|log_prob| log_prob.is_nan()) {
        return Err("a log-probability is not a number; the weights or the pixel values are broken".into());
    }
    match log_probs.iter().find(|log_prob| **log_prob > ROUNDING) {
        Some(log_prob) => Err(format!("{log_prob} is not a log-probability: it is above 0")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check_candidates;

    #[test]
    fn candidates_of_a_vocabulary_pass() {
        assert_eq!(check_candidates(&[0, 4, 5], &[-0.5, f32::NEG_INFINITY, 1e-6], 6), Ok(()));
        assert_eq!(check_candidates(&[], &[], 6), Ok(()));
    }

    #[test]
    fn what_no_vocabulary_gives_is_refused() {
        let rows: [(&[i64], &[f32], &str); 7] = [
            (&[1, 6], &[-1.0, -2.0], "id 6 is outside"),
            (&[-1], &[-1.0], "id -1 is outside"),
            // Cut to 32 bits, it would be id 4.
            (&[(1 << 32) + 4], &[-1.0], "id 4294967300 is outside"),
            (&[i64::MIN], &[-1.0], "is outside"),
            (&[1], &[f32::NAN], "not a number"),
            (&[1], &[0.5], "0.5 is not a log-probability"),
            (&[1], &[f32::INFINITY], "inf is not a log-probability"),
        ];
        for (token_ids, log_probs, words) in rows {
            let refusal = check_candidates(token_ids, log_probs, 6).unwrap_err();
            assert!(refusal.contains(words), "{refusal:?} does not say {words:?}");
        }
    }
}
