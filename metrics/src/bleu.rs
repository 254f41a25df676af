//! BLEU-1 to BLEU-4.
//!
//! Papineni, Roukos, Ward and Zhu, "BLEU: a Method for Automatic Evaluation of Machine Translation", 2002, as
//! coco-caption computes it: the reference length is that of the closest length (the shorter one of two), and tiny
//! constants in the counts prevent a division by zero.

use std::sync::Arc;

use crate::ngrams::{self, MAX_ORDER, NgramKey};
use crate::{Error, Metric, ReferenceCaptions, Scored, Scorer};

/// `Bleu_1` to `Bleu_4`, each in 0..=1.
#[derive(Debug, Clone, Copy)]
pub struct Bleu;

impl Metric for Bleu {
    fn keys(&self) -> &'static [&'static str] {
        &["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4"]
    }

    fn scorer(&self, references: &ReferenceCaptions) -> Result<Scorer, Error> {
        let references = Arc::clone(references);
        Ok(Box::new(move |image, caption| {
            Ok(BleuCounts::new(caption.ids(), &references[image]).to_statistics())
        }))
    }

    fn scores(&self, sum: &[f64], _num_images: usize) -> Result<Vec<f64>, Error> {
        Ok(BleuCounts::from_statistics(sum).scores().to_vec())
    }
}

/// Added to numbers of matches and to lengths of hypotheses.
const TINY: f64 = 1e-15;
/// Added to numbers of n-grams and to lengths of references.
const SMALL: f64 = 1e-9;

/// What BLEU counts for a hypothesis. The BLEU of a set of images follows from the sum of their counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BleuCounts {
    /// Hypothesis n-grams found in a reference, for n = 1..4, each at most as often as in one reference.
    pub matches: [u64; MAX_ORDER],
    /// Hypothesis n-grams, for n = 1..4.
    pub ngrams: [u64; MAX_ORDER],
    /// Tokens of the hypothesis.
    pub hypothesis_length: u64,
    /// Tokens of the reference whose length is closest.
    pub reference_length: u64,
}

impl BleuCounts {
    /// Compares a hypothesis with the references of its image; there must be at least one.
    pub fn new<R: AsRef<[u32]>>(hypothesis: &[u32], references: &[R]) -> Self {
        let mut counts = Self { hypothesis_length: hypothesis.len() as u64, ..Self::default() };
        counts.reference_length = references
            .iter()
            .map(|reference| reference.as_ref().len() as u64)
            .min_by_key(|&length| (length.abs_diff(counts.hypothesis_length), length))
            .unwrap_or_default();
        for order in 1..=MAX_ORDER {
            counts.ngrams[order - 1] = (hypothesis.len() + 1).saturating_sub(order) as u64;
            let wanted = ngrams::count(hypothesis, order);
            let allowed = largest_counts(references, order);
            ngrams::for_each_shared(&wanted, &allowed, |_, ours, theirs| {
                counts.matches[order - 1] += u64::from(ours.min(theirs));
            });
        }
        counts
    }

    /// BLEU-1 to BLEU-4, each in 0..=1.
    pub fn scores(&self) -> [f64; MAX_ORDER] {
        let ratio = (self.hypothesis_length as f64 + TINY) / (self.reference_length as f64 + SMALL);
        let brevity_penalty = if ratio < 1.0 { (1.0 - 1.0 / ratio).exp() } else { 1.0 };
        let mut product = 1.0;
        std::array::from_fn(|i| {
            product *= (self.matches[i] as f64 + TINY) / (self.ngrams[i] as f64 + SMALL);
            product.powf(1.0 / (i + 1) as f64) * brevity_penalty
        })
    }

    fn to_statistics(self) -> Vec<f64> {
        let lengths = [self.hypothesis_length, self.reference_length];
        [self.matches, self.ngrams].concat().into_iter().chain(lengths).map(|count| count as f64).collect()
    }

    /// The counts in the order of `to_statistics`.
    fn from_statistics(statistics: &[f64]) -> Self {
        let count = |i: usize| statistics.get(i).map_or(0, |&count| count as u64);
        Self {
            matches: std::array::from_fn(count),
            ngrams: std::array::from_fn(|i| count(MAX_ORDER + i)),
            hypothesis_length: count(2 * MAX_ORDER),
            reference_length: count(2 * MAX_ORDER + 1),
        }
    }
}

impl std::ops::AddAssign for BleuCounts {
    fn add_assign(&mut self, other: Self) {
        for i in 0..MAX_ORDER {
            self.matches[i] += other.matches[i];
            self.ngrams[i] += other.ngrams[i];
        }
        self.hypothesis_length += other.hypothesis_length;
        self.reference_length += other.reference_length;
    }
}

impl std::iter::Sum for BleuCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |mut total, one| {
            total += one;
            total
        })
    }
}

/// BLEU-1 to BLEU-4 of a set and of each of its images.
pub fn bleu(counts: &[BleuCounts]) -> [Scored; MAX_ORDER] {
    let corpus = counts.iter().copied().sum::<BleuCounts>().scores();
    let per_image: Vec<[f64; MAX_ORDER]> = counts.iter().map(BleuCounts::scores).collect();
    std::array::from_fn(|i| Scored {
        corpus: corpus[i],
        per_image: per_image.iter().map(|scores| scores[i]).collect(),
    })
}

/// How often each n-gram occurs in the reference that has it most often; sorted by key.
fn largest_counts<R: AsRef<[u32]>>(references: &[R], order: usize) -> Vec<(NgramKey, u32)> {
    let mut counts: Vec<_> =
        references.iter().flat_map(|reference| ngrams::count(reference.as_ref(), order)).collect();
    // The largest count of a key comes first, and deduplication keeps the first.
    counts.sort_unstable_by_key(|&(key, count)| (key, std::cmp::Reverse(count)));
    counts.dedup_by_key(|&mut (key, _)| key);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_clipped_to_one_reference() {
        let counts = BleuCounts::new(&[1, 1, 1, 2], &[vec![1, 1, 3], vec![1, 2, 2, 2, 2]]);
        assert_eq!(counts.matches, [3, 2, 0, 0]);
        assert_eq!(counts.ngrams, [4, 3, 2, 1]);
    }

    #[test]
    fn statistics_hold_all_counts() {
        let counts = BleuCounts::new(&[1, 1, 1, 2], &[vec![1, 1, 3], vec![1, 2, 2, 2, 2]]);
        assert_eq!(BleuCounts::from_statistics(&counts.to_statistics()), counts);
    }

    #[test]
    fn of_two_equally_close_references_the_shorter_counts() {
        let counts = BleuCounts::new(&[1, 2, 3], &[vec![0; 4], vec![0; 2], vec![0; 9]]);
        assert_eq!(counts.reference_length, 2);
    }

    #[test]
    fn a_caption_too_short_for_an_order_has_no_ngram_of_it() {
        let counts = BleuCounts::new(&[1], &[vec![1]]);
        assert_eq!(counts.ngrams, [1, 0, 0, 0]);
        assert_eq!(BleuCounts::new(&[], &[vec![1]]).ngrams, [0; 4]);
    }
}
