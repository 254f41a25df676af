//! Greedy search, beam search, diverse beam search and sampling over a [`StepModel`], as Hugging Face's
//! `generate` does them.
//!
//! | [`GenerationConfig`] | strategy |
//! |---|---|
//! | `num_beams = 1` | greedy search: the best allowed token until `<eos>` |
//! | `num_beams > 1` | beam search |
//! | `num_beam_groups > 1` | diverse beam search |
//! | `do_sample` | sampling: each token is drawn from the distribution that [`warp`] makes |
//!
//! The semantics of beam search are those of transformers 4.57 and 5:
//!
//! - Each step ranks the 2 x num_beams best continuations of all beams. A continuation with `<eos>` among the first
//!   num_beams ranks is a finished hypothesis. The best ones without `<eos>` are the next beams.
//! - A hypothesis scores sum of log-probabilities / length^length_penalty.
//! - The search of an image ends when it has num_beams finished hypotheses and its best running sum, scored at the
//!   current length, is not better than the worst of them. `early_stopping` can change this rule.
//! - At `max_length` the first num_beams ranks are finished with or without `<eos>`, so there is always a caption.
//!
//! transformers removed diverse beam search in 4.57; this crate follows 4.52. Each group of num_beams / num_beam_groups
//! beams searches by the rules above, with two differences: the best of all continuations takes the place of the best
//! running sum, and the beams of a group that reaches `max_length` count as finished only if the search of that group
//! has not ended before. The hypotheses of all groups are ranked together; two groups may find the same hypothesis.
//!
//! Before tokens are ranked or drawn, log-probabilities are changed in this order: `diversity_penalty`,
//! `repetition_penalty`, then the tokens that `no_repeat_ngram_size`, `min_length` and `suppress_tokens` forbid are
//! removed. The model returns only as many tokens as can matter: twice num_beams (or `top_k`), and as many more as
//! penalties and blocks can move down or remove.
//!
//! Two details differ from Hugging Face. Of equal candidates the lower beam is first, then the lower id; `torch.topk`
//! does not define this order. While fewer than num_beams continuations exist, this search keeps fewer beams, and
//! Hugging Face adds impossible ones; the difference shows only when num_beams is close to the vocabulary's size. If no
//! token is possible, a hypothesis ends with the tokens that it has.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod batch;
mod hypothesis_tree;
mod image;
mod processors;
mod score;
mod step;
mod strategy;
mod trace;

pub use glimpse_bundle::{EarlyStopping, EosTokenIds, GenerationConfig, InvalidOption};
pub use step::{Step, StepModel, TopCandidates};
pub use strategy::warp;
pub use trace::{Fate, SearchTrace, TraceNode, TraceRow};

use batch::Batch;
use image::{ImageSearch, StepResult};
use ndarray::Array2;
use processors::Processors;
use strategy::StrategyKind;

/// One decoded sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// Generated tokens: without `<sos>`, with `<eos>` if it was reached.
    pub token_ids: Vec<u32>,
    /// Natural log-probability of each token, as the model returned it.
    pub token_logprobs: Vec<f32>,
    /// Sum of `token_logprobs` / length^length_penalty; higher is better. A repetition or diversity
    /// penalty is part of the sum.
    pub score: f32,
    /// [tokens, cells]: the attention weights of each token; with [`GenerationConfig::output_attentions`].
    pub attentions: Option<Array2<f32>>,
}

/// Decodes `images` images together and returns up to `num_return_sequences` hypotheses for each: best first, or in the
/// order in which they were drawn. An image whose search has ended is removed from the batch. The hypotheses of an
/// image do not depend on the other images.
///
/// Fewer hypotheses than requested are returned only if fewer exist.
///
/// # Errors
/// An option that is refused (see [`GenerationConfig::validate`]), or the model's own error.
pub fn search<M: StepModel>(
    model: &mut M,
    images: usize,
    options: &GenerationConfig,
) -> Result<Vec<Vec<Hypothesis>>, M::Error> {
    let mut hypotheses: Vec<_> = (0..images).map(|_| Vec::new()).collect();
    run(model, images, options, None, |image, search| hypotheses[image] = search.into_hypotheses(options))?;
    Ok(hypotheses)
}

/// [`search`] with a record of all that it ranked: for each image its hypotheses, which are the same, and a trace with
/// up to `alternatives` of the best tokens of each row.
///
/// A recorded search keeps all rows of all steps in memory.
///
/// # Errors
/// As [`search`].
pub fn search_traced<M: StepModel>(
    model: &mut M,
    images: usize,
    options: &GenerationConfig,
    alternatives: usize,
) -> Result<Vec<(Vec<Hypothesis>, SearchTrace)>, M::Error> {
    let mut traced: Vec<_> = (0..images).map(|_| Default::default()).collect();
    run(model, images, options, Some(alternatives), |image, mut search| {
        let trace = search.take_trace();
        traced[image] = (search.into_hypotheses(options), trace);
    })?;
    Ok(traced)
}

/// Searches, and hands out the search of each image when it has ended.
fn run<M: StepModel>(
    model: &mut M,
    images: usize,
    options: &GenerationConfig,
    alternatives: Option<usize>,
    mut finished: impl FnMut(usize, ImageSearch),
) -> Result<(), M::Error> {
    let vocab_size = model.vocab_size();
    options.validate(vocab_size)?;
    let kind = StrategyKind::of(options);
    let max_length = options.max_sequence_length();
    let image_keys = (0..images).map(|image| model.image_key(image));
    let mut batch = Batch::new(kind, options, image_keys, alternatives);
    // Sampling draws from all tokens that it gets: it must not get more.
    let least = alternatives.filter(|_| !options.do_sample).unwrap_or(0).min(vocab_size);
    let mut processors = Processors::new(options);
    let mut top = TopCandidates::default();
    for length in 1..max_length {
        if batch.is_empty() {
            break;
        }
        processors.begin_step(length);
        batch.push_rows(&mut processors, options);
        let k = candidates_per_row((kind.candidates)(options), &processors, vocab_size).max(least);
        let step = batch.step(k, options.output_attentions);
        let rows = step.input_ids.len();
        model.step(&step, &mut top)?;
        let cells = top.attentions.len() / rows;
        let is_last = length + 1 == max_length;
        let (top, processors) = (&top, &processors);
        batch.advance(StepResult { top, processors, options, first_row: 0, length, is_last, k, cells });
        batch.retire(&mut finished);
    }
    Ok(())
}

/// How many of a row's best tokens the model returns: those that decide the step, and as many as processors may remove.
fn candidates_per_row(deciding: usize, processors: &Processors, vocab_size: usize) -> usize {
    if processors.need_all_tokens() {
        return vocab_size;
    }
    deciding.saturating_add(processors.max_affected_per_row()).min(vocab_size)
}
