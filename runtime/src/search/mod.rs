//! Greedy and beam search over a [`StepModel`], as Hugging Face's `generate` does them.
//!
//! The semantics are those of transformers 4.57 and 5 with `early_stopping=False`:
//!
//! - Each step ranks the 2 x num_beams best continuations of all beams. `<eos>` among the first
//!   num_beams ranks finishes a hypothesis; the best that go on are the next beams.
//! - A hypothesis scores sum of log-probabilities / length^length_penalty.
//! - An image is done when it has num_beams finished hypotheses and its best running sum, scored at
//!   the current length, is no better than the worst of them.
//! - At `max_length` the first num_beams ranks are final with or without `<eos>`, so a caption
//!   always exists.
//! - `num_beams = 1` is plain greedy search: the best allowed word until `<eos>`.
//!
//! Ties are settled here (lower beam, then lower id), where `torch.topk` leaves them open. And where
//! Hugging Face fills up with impossible beams while fewer than num_beams continuations exist, this
//! search keeps fewer beams; that shows only when num_beams comes near the vocabulary's size.

mod beams;
mod blocked;
mod options;
mod step;
mod trellis;

pub use options::{InvalidOption, SearchOptions};
pub use step::{Step, StepModel, TopCandidates};

use beams::{ImageSearch, Place};
use blocked::BlockedTokens;
use ndarray::Array2;

/// One decoded sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// Generated words: without `<sos>`, with `<eos>` if it was reached.
    pub token_ids: Vec<u32>,
    /// Natural log-probability of each word.
    pub token_logprobs: Vec<f32>,
    /// Sum of `token_logprobs` / length^length_penalty.
    pub score: f32,
    /// [words, cells]: where the decoder looked at each word; with
    /// [`SearchOptions::output_attentions`].
    pub attentions: Option<Array2<f32>>,
}

/// Decodes `images` images at once and returns up to `num_return_sequences` hypotheses for each,
/// best first. An image whose search is over leaves the batch; each image gets what it would get
/// alone.
///
/// Fewer hypotheses than asked for come back only when fewer exist.
///
/// # Errors
/// An option that is refused (see [`SearchOptions::validate`]), or the model's own error.
pub fn search<M: StepModel>(
    model: &mut M,
    images: usize,
    options: &SearchOptions,
) -> Result<Vec<Vec<Hypothesis>>, M::Error> {
    let vocab_size = model.vocab_size();
    options.validate(vocab_size)?;
    let mut hypotheses: Vec<_> = (0..images).map(|_| Vec::new()).collect();
    let mut batch = Batch::new(images, options);
    let mut blocked = BlockedTokens::new(options);
    let mut top = TopCandidates::default();
    for length in 1..options.max_length {
        if batch.searches.is_empty() {
            break;
        }
        batch.block(&mut blocked, options);
        let wanted = if options.num_beams == 1 { 1 } else { 2 * options.num_beams };
        let k = (wanted + blocked.most_per_row()).min(vocab_size);
        let output_attentions = options.output_attentions;
        model.step(&batch.step(k, output_attentions), &mut top)?;
        let cells = if output_attentions { top.attentions.len() / batch.input_ids.len() } else { 0 };
        let is_last = length + 1 == options.max_length;
        for (position, (_, search)) in batch.searches.iter_mut().enumerate() {
            let place = Place { first_row: position * batch.width, length, is_last, k, cells };
            search.advance(&top, &place, &blocked, options);
        }
        batch.retire(|image, search| hypotheses[image] = search.into_hypotheses(options));
        batch.arrange();
    }
    Ok(hypotheses)
}

/// The images that are still searched, and how their beams become rows.
struct Batch {
    /// Image index and its search, in the order of the rows.
    searches: Vec<(usize, ImageSearch)>,
    /// Rows per image of the step to come.
    width: usize,
    /// Rows per image of the last step.
    past_width: usize,
    input_ids: Vec<i64>,
    beam_idx: Vec<i64>,
    /// Positions in the last step's batch that are still here.
    kept: Vec<usize>,
    /// Images of the last step's batch.
    past_images: usize,
    sequence: Vec<u32>,
}

impl Batch {
    fn new(images: usize, options: &SearchOptions) -> Self {
        let mut batch = Self {
            searches: (0..images).map(|image| (image, ImageSearch::new(options))).collect(),
            width: 1,
            past_width: 1,
            input_ids: Vec::new(),
            beam_idx: Vec::new(),
            kept: (0..images).collect(),
            past_images: images,
            sequence: Vec::new(),
        };
        batch.arrange();
        batch
    }

    /// Finds the words that no beam may say next. Row numbers are those of [`Batch::arrange`].
    fn block(&mut self, blocked: &mut BlockedTokens, options: &SearchOptions) {
        blocked.clear();
        if !blocked.looks_at_sequences() {
            return;
        }
        for (_, search) in &self.searches {
            for row in 0..self.width {
                let beam = row.min(search.running().len() - 1);
                search.sequence(beam, options, &mut self.sequence);
                blocked.push_row(&self.sequence);
            }
        }
    }

    fn step(&self, k: usize, output_attentions: bool) -> Step<'_> {
        let kept_images = (self.kept.len() < self.past_images).then_some(self.kept.as_slice());
        Step { input_ids: &self.input_ids, beam_idx: &self.beam_idx, kept_images, k, output_attentions }
    }

    /// Takes finished images out of the batch.
    fn retire(&mut self, mut finished: impl FnMut(usize, ImageSearch)) {
        self.past_images = self.searches.len();
        self.past_width = self.width;
        self.kept.clear();
        let searches = self.searches.iter().enumerate();
        self.kept.extend(searches.filter(|(_, (_, search))| !search.is_done()).map(|(position, _)| position));
        for (image, search) in self.searches.extract_if(.., |(_, search)| search.is_done()) {
            finished(image, search);
        }
    }

    /// Lays the beams out as rows: image-major, the same number for each image. An image with
    /// fewer beams than the others repeats its last one; nobody reads what comes of the copies.
    fn arrange(&mut self) {
        self.width = self.searches.iter().map(|(_, search)| search.running().len()).max().unwrap_or(0);
        self.input_ids.clear();
        self.beam_idx.clear();
        for ((_, search), position) in self.searches.iter().zip(&self.kept) {
            let running = search.running();
            for row in 0..self.width {
                let beam = running[row.min(running.len() - 1)];
                self.input_ids.push(i64::from(beam.token_id));
                self.beam_idx.push((position * self.past_width + beam.parent) as i64);
            }
        }
    }
}
