use super::SearchOptions;

/// Lists of words, one for each row of a step, in one buffer.
#[derive(Debug, Default)]
struct Rows {
    words: Vec<u32>,
    /// Where each row's list ends.
    ends: Vec<usize>,
    longest: usize,
}

impl Rows {
    fn clear(&mut self) {
        self.words.clear();
        self.ends.clear();
        self.longest = 0;
    }

    fn push(&mut self, words: impl Iterator<Item = u32>) {
        let start = self.words.len();
        self.words.extend(words);
        self.longest = self.longest.max(self.words.len() - start);
        self.ends.push(self.words.len());
    }

    /// Whether the list of `row` has `word`; rows that were not pushed have none.
    fn contains(&self, row: usize, word: u32) -> bool {
        let Some(&end) = self.ends.get(row) else { return false };
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        self.words[start..end].contains(&word)
    }
}

/// What is done to a row's log-probabilities before its words are ranked, whatever the strategy:
/// Hugging Face's logits processors, in its order.
#[derive(Debug)]
pub(super) struct Processors {
    suppressed: Vec<u32>,
    ngram_size: usize,
    repetition_penalty: f32,
    min_length: usize,
    eos_token_id: u32,
    eos_is_early: bool,
    /// Words that would complete an n-gram for the second time.
    repeating: Rows,
    /// Words that the row has, where they are penalised.
    said: Rows,
}

impl Processors {
    pub(super) fn new(options: &SearchOptions) -> Self {
        let mut suppressed = options.suppress_tokens.clone();
        suppressed.sort_unstable();
        suppressed.dedup();
        Self {
            suppressed,
            ngram_size: options.no_repeat_ngram_size,
            repetition_penalty: options.repetition_penalty,
            min_length: options.min_length,
            eos_token_id: options.eos_token_id,
            eos_is_early: false,
            repeating: Rows::default(),
            said: Rows::default(),
        }
    }

    /// Whether the rows' sequences matter at all.
    pub(super) fn look_at_sequences(&self) -> bool {
        self.ngram_size > 0 || self.penalise()
    }

    /// Forgets the last step's rows. `length` words stand in each row so far, the start word counted.
    pub(super) fn begin_step(&mut self, length: usize) {
        self.eos_is_early = length < self.min_length;
        self.repeating.clear();
        self.said.clear();
    }

    /// Adds a row that has said `sequence` so far, start word included, as in Hugging Face.
    pub(super) fn push_row(&mut self, sequence: &[u32]) {
        let n = self.ngram_size;
        if n > 0 {
            let prefix = &sequence[(sequence.len() + 1).saturating_sub(n)..];
            let ngrams = sequence.windows(n).filter(|ngram| ngram[..n - 1] == *prefix);
            self.repeating.push(ngrams.map(|ngram| ngram[n - 1]));
        }
        if self.penalise() {
            self.said.push(sequence.iter().copied());
        }
    }

    /// How many of a row's best words may have to make way for others.
    pub(super) fn most_per_row(&self) -> usize {
        self.suppressed.len() + usize::from(self.eos_is_early) + self.repeating.longest + self.said.longest
    }

    /// Whether what was ranked by log-probability may have to be ranked anew.
    pub(super) fn change_order(&self) -> bool {
        self.penalise()
    }

    /// Whether a word from anywhere in the vocabulary may become one of the best.
    pub(super) fn need_all_words(&self) -> bool {
        self.repetition_penalty < 1.0
    }

    /// What `row` ranks `token_id` by; `None` if it may not come next.
    pub(super) fn process(&self, row: usize, token_id: u32, log_prob: f32) -> Option<f32> {
        let blocked = log_prob == f32::NEG_INFINITY
            || self.suppressed.binary_search(&token_id).is_ok()
            || self.eos_is_early && token_id == self.eos_token_id
            || self.repeating.contains(row, token_id);
        if blocked {
            return None;
        }
        let penalised = self.said.contains(row, token_id);
        Some(if penalised { log_prob * self.repetition_penalty } else { log_prob })
    }

    fn penalise(&self) -> bool {
        self.repetition_penalty != 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glimpse_bundle::GenerationConfig;

    #[test]
    fn ngrams_count_the_start_word() {
        let mut options = SearchOptions::from(&GenerationConfig::default());
        options.no_repeat_ngram_size = 2;
        let mut processors = Processors::new(&options);
        processors.begin_step(4);
        processors.push_row(&[1, 5, 1]);
        processors.push_row(&[1, 5, 6]);
        assert_eq!(processors.process(0, 5, -1.0), None, "<sos> 5 was said");
        assert_eq!(processors.process(1, 5, -1.0), Some(-1.0));
    }
}
