use crate::GenerationConfig;

/// Computes the probabilities that sampling draws from: [`GenerationConfig::temperature`], then
/// [`GenerationConfig::top_k`], then [`GenerationConfig::top_p`], as Hugging Face's logits warpers do.
///
/// `log_probs` are sorted, best first; adding a constant to all of them changes nothing. `probabilities` is overwritten
/// with one probability for each token that may be drawn, best first; they sum to 1. Both cuts keep the best tokens, at
/// least one. Of equal tokens at a cut the first ones stay; Hugging Face keeps all tokens that equal the last of the
/// top-k.
pub fn warp(
    log_probs: impl IntoIterator<Item = f32>,
    options: &GenerationConfig,
    probabilities: &mut Vec<f64>,
) {
    let temperature = f64::from(options.temperature);
    probabilities.clear();
    let kept = if options.top_k == 0 { usize::MAX } else { options.top_k };
    probabilities.extend(log_probs.into_iter().take(kept).map(|log_prob| f64::from(log_prob) / temperature));
    softmax(probabilities);
    if options.top_p < 1.0 {
        // Tokens are removed from the unlikely end, as long as their sum is at most 1 - top_p.
        let limit = 1.0 - f64::from(options.top_p);
        let mut removed = 0.0;
        let unlikely = probabilities.iter().rev().take_while(|&probability| {
            removed += probability;
            removed <= limit
        });
        let kept = probabilities.len() - unlikely.count();
        probabilities.truncate(kept.max(1));
        let sum: f64 = probabilities.iter().sum();
        probabilities.iter_mut().for_each(|probability| *probability /= sum);
    }
}

/// Replaces logits, best first, by their softmax.
fn softmax(logits: &mut [f64]) {
    let Some(&best) = logits.first() else { return };
    let mut sum = 0.0;
    for logit in &mut *logits {
        *logit = (*logit - best).exp();
        sum += *logit;
    }
    logits.iter_mut().for_each(|probability| *probability /= sum);
}
