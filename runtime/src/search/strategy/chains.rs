use super::warp;
use crate::search::SearchOptions;
use crate::search::image::{Candidate, Finished, Hypotheses, StepResult};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Captions that are written one word at a time and never compared: one by greedy search, any number
/// by sampling.
#[derive(Debug)]
pub(in crate::search) struct Chains {
    /// Which caption each row writes.
    rows: Vec<usize>,
    /// One for each caption; none for greedy search.
    generators: Vec<ChaCha8Rng>,
    finished: Vec<Option<Finished>>,
    probabilities: Vec<f64>,
}

impl Chains {
    pub(in crate::search) fn new(options: &SearchOptions, image_key: u64) -> Self {
        let captions = options.starts();
        let generator = |caption| {
            let mut generator = ChaCha8Rng::from_seed(seed(options.seed, image_key));
            generator.set_stream(caption as u64);
            generator
        };
        let drawn = if options.do_sample { captions } else { 0 };
        Self {
            rows: (0..captions).collect(),
            generators: (0..drawn).map(generator).collect(),
            finished: vec![None; captions],
            probabilities: Vec::new(),
        }
    }

    /// The captions in the order in which they were drawn.
    pub(in crate::search) fn into_finished(self) -> Vec<Finished> {
        self.finished.into_iter().flatten().collect()
    }

    pub(in crate::search) fn advance(&mut self, hypotheses: &mut Hypotheses, step: &StepResult<'_>) {
        let options = step.options;
        let kept = if self.generators.is_empty() { 1 } else { step.k };
        let mut left = 0;
        for row in 0..self.rows.len() {
            let caption = self.rows[row];
            hypotheses.collect(row..row + 1, kept, step);
            let Some(word) = self.choose(caption, &hypotheses.candidates, options) else {
                // Every word is blocked or impossible: what was said so far must do.
                let beam = hypotheses.running[row];
                let score = options.score(beam.sum_logprobs, step.length - 1);
                self.finished[caption] = Some(Finished { last: beam.last, score });
                continue;
            };
            if word.token_id == options.eos_token_id || step.is_last {
                let score = options.score(word.sum_logprobs, step.length);
                self.finished[caption] = Some(Finished { last: hypotheses.extend(word), score });
            } else {
                hypotheses.go_on(word);
                self.rows[left] = caption;
                left += 1;
            }
        }
        self.rows.truncate(left);
    }

    /// The best candidate, or one that is drawn.
    fn choose(
        &mut self,
        caption: usize,
        candidates: &[Candidate],
        options: &SearchOptions,
    ) -> Option<Candidate> {
        let Some(generator) = self.generators.get_mut(caption) else { return candidates.first().copied() };
        let log_probs = candidates.iter().map(|candidate| candidate.ranked_by);
        warp(log_probs, options, &mut self.probabilities);
        let mut left = generator.random::<f64>();
        let drawn = self.probabilities.iter().position(|probability| {
            left -= probability;
            left < 0.0
        });
        // Rounding may leave a crumb behind the last word.
        let last = self.probabilities.len().checked_sub(1)?;
        candidates.get(drawn.unwrap_or(last)).copied()
    }
}

fn seed(seed: u64, image_key: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&image_key.to_le_bytes());
    bytes
}
