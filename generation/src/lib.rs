//! Greedy search, beam search, diverse beam search and sampling over a [`StepModel`], as Hugging Face's
//! `generate` does them.
//!
//! | [`GenerationConfig`] | strategy |
//! |---|---|
//! | `num_beams = 1` | greedy search: the best allowed word until `<eos>` |
//! | `num_beams > 1` | beam search |
//! | `num_beam_groups > 1` | diverse beam search |
//! | `do_sample` | sampling: each word is drawn from what [`warp`] makes of the log-probabilities |
//!
//! The semantics of beam search are those of transformers 4.57 and 5:
//!
//! - Each step ranks the 2 x num_beams best continuations of all beams. `<eos>` among the first
//!   num_beams ranks finishes a hypothesis; the best that go on are the next beams.
//! - A hypothesis scores sum of log-probabilities / length^length_penalty.
//! - An image that has num_beams finished hypotheses is done when its best running sum, scored at the
//!   current length, is no better than the worst of them; `early_stopping` may say otherwise.
//! - At `max_length` the first num_beams ranks are final with or without `<eos>`, so a caption
//!   always exists.
//!
//! Diverse beam search left transformers with 4.57; what is followed is 4.52. Each group of
//! num_beams / num_beam_groups beams does the above for itself, except that the best of all continuations
//! stands for the best running sum, and that beams which run at `max_length` are final where their group
//! is not done. The hypotheses of all groups are ranked together; two groups may say the same.
//!
//! Before words are ranked or drawn, log-probabilities are changed in this order: `diversity_penalty`,
//! `repetition_penalty`, then what `no_repeat_ngram_size`, `min_length` and `suppress_tokens` forbid
//! becomes impossible. Only the words that can matter are asked of the model: twice num_beams (or
//! `top_k`) and those that penalties may push down or blocks take out.
//!
//! Ties are settled here (lower beam, then lower id), where `torch.topk` leaves them open. And where
//! Hugging Face fills up with impossible beams while fewer than num_beams continuations exist, this
//! search keeps fewer beams; that shows only when num_beams comes near the vocabulary's size. When no
//! word is possible at all, a hypothesis ends with what was said.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod batch;
mod hypothesis_tree;
mod image;
mod options;
mod processors;
mod step;
mod strategy;

pub use glimpse_bundle::{EarlyStopping, EosTokenIds, GenerationConfig, InvalidOption};
pub use step::{Step, StepModel, TopCandidates};
pub use strategy::warp;

use batch::Batch;
use image::StepResult;
use ndarray::Array2;
use processors::Processors;
use strategy::StrategyKind;

/// One decoded sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// Generated words: without `<sos>`, with `<eos>` if it was reached.
    pub token_ids: Vec<u32>,
    /// Natural log-probability of each word, as the model gave it.
    pub token_logprobs: Vec<f32>,
    /// Sum of `token_logprobs` / length^length_penalty; higher is better. A repetition or diversity
    /// penalty is part of the sum.
    pub score: f32,
    /// [words, cells]: where the decoder looked at each word; with
    /// [`GenerationConfig::output_attentions`].
    pub attentions: Option<Array2<f32>>,
}

/// Decodes `images` images at once and returns up to `num_return_sequences` hypotheses for each: best
/// first, or in the order in which they were drawn. An image whose search is over leaves the batch;
/// each image gets what it would get alone.
///
/// Fewer hypotheses than asked for come back only when fewer exist.
///
/// # Errors
/// An option that is refused (see [`GenerationConfig::validate`]), or the model's own error.
pub fn search<M: StepModel>(
    model: &mut M,
    images: usize,
    options: &GenerationConfig,
) -> Result<Vec<Vec<Hypothesis>>, M::Error> {
    let vocab_size = model.vocab_size();
    options.validate(vocab_size)?;
    let kind = StrategyKind::of(options);
    let max_length = options.max_sequence_length();
    let mut hypotheses: Vec<_> = (0..images).map(|_| Vec::new()).collect();
    let mut batch = Batch::new(kind, options, (0..images).map(|image| model.image_key(image)));
    let mut processors = Processors::new(options);
    let mut top = TopCandidates::default();
    for length in 1..max_length {
        if batch.is_empty() {
            break;
        }
        processors.begin_step(length);
        batch.push_rows(&mut processors, options);
        let k = candidates_per_row((kind.candidates)(options), &processors, vocab_size);
        let step = batch.step(k, options.output_attentions);
        let rows = step.input_ids.len();
        model.step(&step, &mut top)?;
        let cells = top.attentions.len() / rows;
        let is_last = length + 1 == max_length;
        let (top, processors) = (&top, &processors);
        batch.advance(StepResult { top, processors, options, first_row: 0, length, is_last, k, cells });
        batch.retire(|image, search| hypotheses[image] = search.into_hypotheses(options));
    }
    Ok(hypotheses)
}

/// How many of a row's best tokens to ask for: those that decide the step, and those that processors may remove.
fn candidates_per_row(deciding: usize, processors: &Processors, vocab_size: usize) -> usize {
    if processors.need_all_tokens() {
        return vocab_size;
    }
    deciding.saturating_add(processors.most_per_row()).min(vocab_size)
}
