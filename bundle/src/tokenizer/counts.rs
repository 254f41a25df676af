use super::CaptionTokenizer;
use crate::{Error, Result};
use std::collections::HashMap;

/// How often each word occurs in a set of captions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WordCounts {
    /// Most frequent first; words of equal count in the order of their code points.
    sorted: Vec<(String, u64)>,
}

impl WordCounts {
    /// Counts the words of all captions, cut as [`CaptionTokenizer`] cuts them.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where a text cannot be cut, which no text is known to cause.
    pub fn from_captions<I>(captions: I) -> Result<Self>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let tokenizer = CaptionTokenizer::without_words()?;
        let mut counts = HashMap::<String, u64>::new();
        for caption in captions {
            for word in tokenizer.pre_tokenize(caption.as_ref())? {
                *counts.entry(word).or_default() += 1;
            }
        }
        let mut sorted: Vec<_> = counts.into_iter().collect();
        sorted.sort_unstable_by(|(a, count_a), (b, count_b)| count_b.cmp(count_a).then_with(|| a.cmp(b)));
        Ok(Self { sorted })
    }

    /// Words and their counts, most frequent first; ties in the order of code points.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.sorted.iter().map(|(word, count)| (word.as_str(), *count))
    }

    /// The `n` most frequent words with their counts.
    pub fn most_common(&self, n: usize) -> &[(String, u64)] {
        &self.sorted[..n.min(self.sorted.len())]
    }

    /// Occurrences of all words together.
    pub fn total(&self) -> u64 {
        self.sorted.iter().map(|(_, count)| count).sum()
    }

    /// The words that occur at least `min_frequency` times, most frequent first: what
    /// [`CaptionTokenizer::build`] takes.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where no word is that frequent.
    pub fn vocabulary(&self, min_frequency: u64) -> Result<Vec<String>> {
        let known = self.sorted.partition_point(|(_, count)| *count >= min_frequency);
        if known == 0 {
            let reason = match self.sorted.first() {
                None => "the vocabulary is empty: there are no captions to take words from".into(),
                Some((word, count)) => format!(
                    "the vocabulary is empty: the most frequent word, {word:?}, occurs {count} times, \
                     below the minimum frequency {min_frequency}"
                ),
            };
            return Err(Error::Tokenizer(reason));
        }
        Ok(self.sorted[..known].iter().map(|(word, _)| word.clone()).collect())
    }
}
