use super::{Strategy, StrategyKind, warp};
use crate::image::{Candidate, Finished, Hypotheses, StepResult};
use crate::score::score;
use glimpse_bundle::GenerationConfig;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Greedy search: the best allowed token until `<eos>`.
pub(crate) const GREEDY: StrategyKind = StrategyKind {
    is_chosen: |options| options.num_beams == 1 && !options.do_sample,
    starts: |_| 1,
    candidates: |_| 1,
    begin: |options, _| Box::new(Chains::new(1, options, None)),
};

/// Sampling: each token is drawn.
pub(crate) const SAMPLING: StrategyKind = StrategyKind {
    is_chosen: |options| options.do_sample,
    starts: |options| options.num_return_sequences,
    candidates: |options| if options.top_k == 0 { usize::MAX } else { options.top_k },
    begin: |options, image_key| Box::new(Chains::new(options.num_return_sequences, options, Some(image_key))),
};

/// Captions that are generated independently of each other: one by greedy search, any number by sampling.
#[derive(Debug)]
struct Chains {
    /// The caption that each row continues.
    rows: Vec<usize>,
    /// One random generator for each caption; empty for greedy search.
    generators: Vec<ChaCha8Rng>,
    finished: Vec<Option<Finished>>,
    probabilities: Vec<f64>,
}

impl Chains {
    /// Captions are drawn by the image's key; without a key, the search is greedy.
    fn new(captions: usize, options: &GenerationConfig, image_key: Option<u64>) -> Self {
        let generator = |key, caption| {
            let mut generator = ChaCha8Rng::from_seed(seed(options.seed, key));
            generator.set_stream(caption as u64);
            generator
        };
        let generators = image_key.map(|key| (0..captions).map(|caption| generator(key, caption)).collect());
        Self {
            rows: (0..captions).collect(),
            generators: generators.unwrap_or_default(),
            finished: vec![None; captions],
            probabilities: Vec::new(),
        }
    }

    /// The best candidate, or a drawn one.
    fn choose(
        &mut self,
        caption: usize,
        candidates: &[Candidate],
        options: &GenerationConfig,
    ) -> Option<Candidate> {
        let Some(generator) = self.generators.get_mut(caption) else { return candidates.first().copied() };
        let log_probs = candidates.iter().map(|candidate| candidate.penalised);
        warp(log_probs, options, &mut self.probabilities);
        let mut left = generator.random::<f64>();
        let drawn = self.probabilities.iter().position(|probability| {
            left -= probability;
            left < 0.0
        });
        // Because of rounding, the probabilities may sum to slightly less than 1.
        let last = self.probabilities.len().checked_sub(1)?;
        candidates.get(drawn.unwrap_or(last)).copied()
    }
}

impl Strategy for Chains {
    fn advance(&mut self, hypotheses: &mut Hypotheses, step: &StepResult<'_>) {
        let options = step.options;
        let kept = if self.generators.is_empty() { 1 } else { step.k };
        let mut left = 0;
        for row in 0..self.rows.len() {
            let caption = self.rows[row];
            hypotheses.collect(row..row + 1, kept, step);
            let Some(token) = self.choose(caption, &hypotheses.candidates, options) else {
                // Every token is blocked or impossible: the caption ends with the tokens that it has.
                let beam = hypotheses.running[row];
                let score = score(options, beam.sum_logprobs, step.length - 1);
                self.finished[caption] = Some(Finished { last: beam.last, score });
                continue;
            };
            if options.eos_token_id.contains(token.token_id) || step.is_last {
                let score = score(options, token.sum_logprobs, step.length);
                self.finished[caption] = Some(Finished { last: hypotheses.extend(token), score });
            } else {
                hypotheses.go_on(token);
                self.rows[left] = caption;
                left += 1;
            }
        }
        self.rows.truncate(left);
    }

    /// The captions in the order in which they were drawn.
    fn into_finished(self: Box<Self>) -> Vec<Finished> {
        self.finished.into_iter().flatten().collect()
    }
}

fn seed(seed: u64, image_key: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&image_key.to_le_bytes());
    bytes
}
