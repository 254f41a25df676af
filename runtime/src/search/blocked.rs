use super::SearchOptions;

/// The words that may not come next, row by row.
#[derive(Debug)]
pub(super) struct BlockedTokens {
    suppressed: Vec<u32>,
    ngram_size: usize,
    /// Words that would complete an n-gram for the second time, all rows in one buffer.
    repeating: Vec<u32>,
    /// Where each row's part of `repeating` ends.
    ends: Vec<usize>,
    longest: usize,
}

impl BlockedTokens {
    pub(super) fn new(options: &SearchOptions) -> Self {
        let mut suppressed = options.suppress_tokens.clone();
        suppressed.sort_unstable();
        suppressed.dedup();
        Self {
            suppressed,
            ngram_size: options.no_repeat_ngram_size,
            repeating: Vec::new(),
            ends: Vec::new(),
            longest: 0,
        }
    }

    /// Whether the rows' sequences matter at all.
    pub(super) fn looks_at_sequences(&self) -> bool {
        self.ngram_size > 0
    }

    /// Forgets the last step's rows.
    pub(super) fn clear(&mut self) {
        self.repeating.clear();
        self.ends.clear();
        self.longest = 0;
    }

    /// Adds a row that has said `sequence` so far, start word included, as in Hugging Face.
    pub(super) fn push_row(&mut self, sequence: &[u32]) {
        let start = self.repeating.len();
        let n = self.ngram_size;
        if n > 0 && sequence.len() + 1 >= n {
            let prefix = &sequence[sequence.len() + 1 - n..];
            let repeated = sequence.windows(n).filter(|ngram| ngram[..n - 1] == *prefix);
            self.repeating.extend(repeated.map(|ngram| ngram[n - 1]));
        }
        self.longest = self.longest.max(self.repeating.len() - start);
        self.ends.push(self.repeating.len());
    }

    /// How many of a row's best words may turn out blocked.
    pub(super) fn most_per_row(&self) -> usize {
        self.suppressed.len() + self.longest
    }

    /// Whether `row` may not continue with `token_id`.
    pub(super) fn contains(&self, row: usize, token_id: u32) -> bool {
        if self.suppressed.binary_search(&token_id).is_ok() {
            return true;
        }
        let Some(&end) = self.ends.get(row) else { return false };
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        self.repeating[start..end].contains(&token_id)
    }
}
