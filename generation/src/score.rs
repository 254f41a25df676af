//! How hypotheses are scored.

use glimpse_bundle::GenerationConfig;

/// The score of a hypothesis: `sum_logprobs / length^length_penalty`, the length in tokens without `<sos>`.
pub(crate) fn score(options: &GenerationConfig, sum_logprobs: f32, length: usize) -> f32 {
    sum_logprobs / (length.max(1) as f64).powf(f64::from(options.length_penalty)) as f32
}
