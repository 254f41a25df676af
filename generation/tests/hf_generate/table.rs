//! The toy decoders of `generate.py`.

use glimpse_generation::{InvalidOption, Step, StepModel, TopCandidates};
use serde::Deserialize;

/// Stands before the start token.
pub const PAD: u32 = 0;
const BOS: u32 = 1;

#[derive(Deserialize)]
pub struct Tables {
    vocab_size: usize,
    logits_times_32: Vec<Vec<i32>>,
}

impl Tables {
    pub fn read() -> Self {
        serde_json::from_str(include_str!("cases.json")).expect("a file of generate.py")
    }

    pub fn table(&self, index: usize) -> Table {
        let logits = self.logits_times_32[index].iter().map(|&logit| logit as f32 / 32.0).collect();
        Table { vocab_size: self.vocab_size, logits, last: Vec::new() }
    }
}

/// Logits of the next token, given the last two tokens. The state is each row's token before the last.
pub struct Table {
    vocab_size: usize,
    logits: Vec<f32>,
    /// Empty before the first step.
    last: Vec<u32>,
}

impl Table {
    /// Log-probabilities of all tokens after two tokens.
    pub fn log_probs(&self, before: u32, last: u32) -> Vec<f32> {
        let row = (before as usize * self.vocab_size + last as usize) * self.vocab_size;
        let logits = &self.logits[row..row + self.vocab_size];
        let log_sum = logits.iter().map(|logit| logit.exp()).sum::<f32>().ln();
        logits.iter().map(|logit| logit - log_sum).collect()
    }

    /// Log-probability of each token of a caption.
    pub fn log_probs_of(&self, token_ids: &[u32]) -> Vec<f32> {
        let token_ids = [&[PAD, BOS], token_ids].concat();
        token_ids.windows(3).map(|ids| self.log_probs(ids[0], ids[1])[ids[2] as usize]).collect()
    }
}

impl StepModel for Table {
    type Error = InvalidOption;

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn image_key(&self, image: usize) -> u64 {
        image as u64
    }

    fn step(&mut self, step: &Step<'_>, out: &mut TopCandidates) -> Result<(), InvalidOption> {
        let before = |&row: &i64| self.last.get(row as usize).copied().unwrap_or(PAD);
        let before: Vec<_> = step.beam_idx.iter().map(before).collect();
        self.last = step.input_ids.iter().map(|&id| id as u32).collect();
        out.log_probs.clear();
        out.token_ids.clear();
        for (&before, &last) in before.iter().zip(&self.last) {
            let log_probs = self.log_probs(before, last);
            let mut ids: Vec<_> = (0..self.vocab_size).collect();
            ids.sort_by(|&a, &b| log_probs[b].total_cmp(&log_probs[a]));
            out.log_probs.extend(ids[..step.k].iter().map(|&id| log_probs[id]));
            out.token_ids.extend(ids[..step.k].iter().map(|&id| id as i64));
        }
        Ok(())
    }
}
