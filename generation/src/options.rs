//! What the search derives from its options.

use glimpse_bundle::GenerationConfig;

/// A hypothesis' score: `sum_logprobs / length^length_penalty`, the length in tokens without `<sos>`.
pub(crate) fn score(options: &GenerationConfig, sum_logprobs: f32, length: usize) -> f32 {
    sum_logprobs / (length.max(1) as f64).powf(f64::from(options.length_penalty)) as f32
}
