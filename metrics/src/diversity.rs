//! How varied captions are: length, vocabulary, distinct n-grams, repetition, copies of training captions.
//!
//! These numbers do not go through [`Metric`](crate::Metric): they compare captions with each other, not with
//! references, and do not follow from a sum over images. A bootstrap of them would mislead too, since a drawn set always
//! has fewer different tokens than the full one.

use rustc_hash::FxHashSet;
use serde::Serialize;

use crate::caption::{self, TokenIds};
use crate::ngrams::{self, MAX_ORDER};
use crate::ptb;

/// The captions of a training set, to find out which captions are copies of one.
#[derive(Debug, Clone, Default)]
pub struct TrainingCaptions {
    tokens: FxHashSet<String>,
}

impl TrainingCaptions {
    /// Tokenises the captions of a training set, given as raw text.
    pub fn new<S: AsRef<str>>(captions: &[S]) -> Self {
        Self { tokens: ptb::tokenize_all(captions).into_iter().collect() }
    }

    /// Whether a tokenised caption is equal to one of them, token by token.
    pub fn contains(&self, tokens: &str) -> bool {
        self.tokens.contains(tokens)
    }
}

/// How varied a system's captions are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diversity {
    /// Number of captions.
    pub num_captions: usize,
    /// Mean number of tokens of a caption.
    pub mean_length: f64,
    /// Number of different tokens in all captions.
    pub vocabulary_size: usize,
    /// Different tokens per token (Li et al., "A Diversity-Promoting Objective Function", 2016), in 0..=1.
    pub distinct_1: f64,
    /// Different bigrams per bigram, in 0..=1.
    pub distinct_2: f64,
    /// For n = 1..4, the share of n-grams that occurred before in the same caption, in 0..=1.
    pub repeated_ngrams: [f64; MAX_ORDER],
    /// For n = 1..4, the share of captions that repeat an n-gram, in 0..=1.
    pub captions_with_repetition: [f64; MAX_ORDER],
    /// Share of captions that are equal to a training caption, token by token, in 0..=1; `None` without a training
    /// set.
    pub seen_in_training: Option<f64>,
}

impl Diversity {
    /// Measures tokenised captions, from [`Evaluation::tokens`](crate::Evaluation::tokens) or [`ptb::tokenize_all`].
    ///
    /// Shares of nothing are 0.
    pub fn new<S: AsRef<str>>(tokens: &[S], training: Option<&TrainingCaptions>) -> Self {
        let mut ids = TokenIds::default();
        let captions: Vec<Vec<u32>> = tokens
            .iter()
            .map(|caption| caption::split(caption.as_ref()).map(|token| ids.id(token)).collect())
            .collect();
        let per_order: [Repetition; MAX_ORDER] = std::array::from_fn(|i| Repetition::count(&captions, i + 1));
        let copies = |training: &TrainingCaptions| {
            tokens.iter().filter(|caption| training.contains(caption.as_ref())).count()
        };
        Self {
            num_captions: captions.len(),
            mean_length: share(per_order[0].ngrams, captions.len()),
            vocabulary_size: ids.len(),
            distinct_1: share(per_order[0].distinct, per_order[0].ngrams),
            distinct_2: share(per_order[1].distinct, per_order[1].ngrams),
            repeated_ngrams: per_order.each_ref().map(|order| share(order.repeated, order.ngrams)),
            captions_with_repetition: per_order.each_ref().map(|order| share(order.captions, captions.len())),
            seen_in_training: training.map(|training| share(copies(training), captions.len())),
        }
    }
}

/// n-grams of one order.
struct Repetition {
    /// All of them.
    ngrams: usize,
    /// Different ones.
    distinct: usize,
    /// Those that occurred before in the same caption.
    repeated: usize,
    /// Captions with a repeated one.
    captions: usize,
}

impl Repetition {
    fn count(captions: &[Vec<u32>], order: usize) -> Self {
        let mut seen = FxHashSet::default();
        let mut total = Self { ngrams: 0, distinct: 0, repeated: 0, captions: 0 };
        for caption in captions {
            let counts = ngrams::count(caption, order);
            let ngrams = (caption.len() + 1).saturating_sub(order);
            let repeated = ngrams - counts.len();
            total.ngrams += ngrams;
            total.repeated += repeated;
            total.captions += usize::from(repeated > 0);
            seen.extend(counts.into_iter().map(|(key, _)| key));
        }
        total.distinct = seen.len();
        total
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_tokens_and_repetitions() {
        let training = TrainingCaptions::new(&["A dog runs!", "Two boats."]);
        let diversity = Diversity::new(&["a dog runs", "on a hat on a hat"], Some(&training));
        assert_eq!((diversity.num_captions, diversity.vocabulary_size), (2, 5));
        assert_eq!(diversity.mean_length, 4.5);
        assert_eq!(diversity.distinct_1, 5.0 / 9.0);
        // a dog, dog runs, on a, a hat, hat on; of 2 + 5.
        assert_eq!(diversity.distinct_2, 5.0 / 7.0);
        assert_eq!(diversity.repeated_ngrams, [3.0 / 9.0, 2.0 / 7.0, 1.0 / 5.0, 0.0]);
        assert_eq!(diversity.captions_with_repetition, [0.5, 0.5, 0.5, 0.0]);
        assert_eq!(diversity.seen_in_training, Some(0.5));
    }

    #[test]
    fn no_caption_has_no_diversity() {
        let none: [&str; 0] = [];
        let diversity = Diversity::new(&none, None);
        assert_eq!(
            (diversity.distinct_1, diversity.mean_length, diversity.seen_in_training),
            (0.0, 0.0, None)
        );
    }
}
