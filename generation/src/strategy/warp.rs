use crate::GenerationConfig;

/// The probabilities that sampling draws from: [`GenerationConfig::temperature`], then
/// [`GenerationConfig::top_k`], then [`GenerationConfig::top_p`], as Hugging Face's logits warpers do it.
///
/// `log_probs` come best first; a constant added to all of them changes nothing. `probabilities` is
/// overwritten with one for each word that may be drawn, best first and summing to 1: both cuts keep
/// the best, one word at least. Of words that tie at a cut the first ones stay, where Hugging Face keeps
/// all that tie with the last of the top-k.
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
        // From the unlikely end, as long as what goes is no more than 1 - top_p.
        let may_go = 1.0 - f64::from(options.top_p);
        let mut gone = 0.0;
        let unlikely = probabilities.iter().rev().take_while(|&probability| {
            gone += probability;
            gone <= may_go
        });
        let kept = probabilities.len() - unlikely.count();
        probabilities.truncate(kept.max(1));
        let sum: f64 = probabilities.iter().sum();
        probabilities.iter_mut().for_each(|probability| *probability /= sum);
    }
}

/// Of logits, best first.
fn softmax(logits: &mut [f64]) {
    let Some(&best) = logits.first() else { return };
    let mut sum = 0.0;
    for logit in &mut *logits {
        *logit = (*logit - best).exp();
        sum += *logit;
    }
    logits.iter_mut().for_each(|probability| *probability /= sum);
}
