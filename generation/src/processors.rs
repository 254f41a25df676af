use glimpse_bundle::GenerationConfig;

/// Lists of token ids, one for each row of a step, in one buffer.
#[derive(Debug, Default)]
struct Rows {
    token_ids: Vec<u32>,
    /// The end of each row's list.
    ends: Vec<usize>,
    longest: usize,
}

impl Rows {
    fn clear(&mut self) {
        self.token_ids.clear();
        self.ends.clear();
        self.longest = 0;
    }

    fn push(&mut self, token_ids: impl Iterator<Item = u32>) {
        let start = self.token_ids.len();
        self.token_ids.extend(token_ids);
        self.longest = self.longest.max(self.token_ids.len() - start);
        self.ends.push(self.token_ids.len());
    }

    /// Whether the list of `row` contains `token_id`; rows that were not pushed have empty lists.
    fn contains(&self, row: usize, token_id: u32) -> bool {
        let Some(&end) = self.ends.get(row) else { return false };
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        self.token_ids[start..end].contains(&token_id)
    }
}

/// Changes a row's log-probabilities before its tokens are ranked, with every strategy: Hugging Face's logits
/// processors, in its order.
#[derive(Debug)]
pub(crate) struct Processors {
    suppressed: Vec<u32>,
    ngram_size: usize,
    repetition_penalty: f32,
    min_length: usize,
    eos_token_ids: Vec<u32>,
    eos_is_early: bool,
    /// Tokens that would complete an n-gram for the second time.
    repeating: Rows,
    /// Tokens of the row so far, if repetition is penalised.
    generated: Rows,
}

impl Processors {
    pub(crate) fn new(options: &GenerationConfig) -> Self {
        let mut suppressed = options.suppress_tokens.clone();
        suppressed.sort_unstable();
        suppressed.dedup();
        Self {
            suppressed,
            ngram_size: options.no_repeat_ngram_size,
            repetition_penalty: options.repetition_penalty,
            min_length: options.min_length,
            eos_token_ids: options.eos_token_id.as_slice().to_vec(),
            eos_is_early: false,
            repeating: Rows::default(),
            generated: Rows::default(),
        }
    }

    /// Whether the rows' sequences are needed.
    pub(crate) fn need_sequences(&self) -> bool {
        self.ngram_size > 0 || self.penalises_repetition()
    }

    /// Removes the last step's rows. Each row has `length` tokens so far, `<sos>` included.
    pub(crate) fn begin_step(&mut self, length: usize) {
        self.eos_is_early = length < self.min_length;
        self.repeating.clear();
        self.generated.clear();
    }

    /// Adds a row with its sequence so far, `<sos>` included, as in Hugging Face.
    pub(crate) fn push_row(&mut self, sequence: &[u32]) {
        let n = self.ngram_size;
        if n > 0 {
            let prefix = &sequence[(sequence.len() + 1).saturating_sub(n)..];
            let ngrams = sequence.windows(n).filter(|ngram| ngram[..n - 1] == *prefix);
            self.repeating.push(ngrams.map(|ngram| ngram[n - 1]));
        }
        if self.penalises_repetition() {
            self.generated.push(sequence.iter().copied());
        }
    }

    /// How many of a row's best tokens may be removed or moved down, at most.
    pub(crate) fn max_affected_per_row(&self) -> usize {
        self.suppressed.len() + self.early_eos().len() + self.repeating.longest + self.generated.longest
    }

    /// Whether the order of a row's tokens may change.
    pub(crate) fn change_order(&self) -> bool {
        self.penalises_repetition()
    }

    /// Whether any token of the vocabulary may become one of the best.
    pub(crate) fn need_all_tokens(&self) -> bool {
        self.repetition_penalty < 1.0
    }

    /// The log-probability by which `row` ranks `token_id`; `None` if the token is blocked.
    pub(crate) fn process(&self, row: usize, token_id: u32, log_prob: f32) -> Option<f32> {
        let blocked = log_prob == f32::NEG_INFINITY
            || self.suppressed.binary_search(&token_id).is_ok()
            || self.early_eos().contains(&token_id)
            || self.repeating.contains(row, token_id);
        if blocked {
            return None;
        }
        let penalised = self.generated.contains(row, token_id);
        Some(if penalised { log_prob * self.repetition_penalty } else { log_prob })
    }

    /// The ids that end a caption, as long as it is too short to end.
    fn early_eos(&self) -> &[u32] {
        if self.eos_is_early { &self.eos_token_ids } else { &[] }
    }

    fn penalises_repetition(&self) -> bool {
        self.repetition_penalty != 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ngrams_include_the_start_token() {
        let mut options = GenerationConfig::default();
        options.no_repeat_ngram_size = 2;
        let mut processors = Processors::new(&options);
        processors.begin_step(4);
        processors.push_row(&[1, 5, 1]);
        processors.push_row(&[1, 5, 6]);
        assert_eq!(processors.process(0, 5, -1.0), None, "<sos> 5 was generated");
        assert_eq!(processors.process(1, 5, -1.0), Some(-1.0));
    }
}
