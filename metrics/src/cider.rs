//! CIDEr-D: tf-idf weighted n-gram similarity to the references of an image.
//!
//! Vedantam, Zitnick and Parikh, "CIDEr: Consensus-based Image Description Evaluation", 2015. coco-caption and
//! `pycocoevalcap` report the -D variant under the name "CIDEr": counts clipped to the reference's, a Gaussian
//! penalty on the difference of lengths (sigma 6), n = 1..4, times 10.

use rustc_hash::FxHashMap;

use crate::ngrams::{self, MAX_ORDER, NgramKey};
use crate::{Error, Metric, ReferenceCaptions, Scored, Scorer};

/// `CIDEr`, which is CIDEr-D, in 0..=10: the mean over the images. The document frequency is that of the references.
#[derive(Debug, Clone, Copy)]
pub struct Cider;

impl Metric for Cider {
    fn keys(&self) -> &'static [&'static str] {
        &["CIDEr"]
    }

    fn scorer(&self, references: &ReferenceCaptions) -> Result<Scorer, Error> {
        let scorer = CiderD::new(references)?;
        Ok(Box::new(move |image, caption| Ok(vec![scorer.score(image, caption.ids())?])))
    }
}

/// Standard deviation of the length penalty, in tokens.
const SIGMA: f64 = 6.0;

/// How many images of a set have each n-gram in at least one of their references.
///
/// It decides how informative an n-gram is. `pycocoevalcap` takes it from the references of the evaluated
/// images; self-critical training takes it from the references of the training images, once.
#[derive(Debug, Clone)]
pub struct DocumentFrequency {
    /// Dense id of every n-gram, one map per order.
    ids: [FxHashMap<NgramKey, u32>; MAX_ORDER],
    /// Images by n-gram id.
    num_images_with: Vec<u32>,
    num_images: usize,
}

impl DocumentFrequency {
    /// Counts over `references`: one item per image, each a list of token sequences.
    ///
    /// # Errors
    /// [`Error::NoImages`] if `references` is empty.
    pub fn new<I: AsRef<[R]>, R: AsRef<[u32]>>(references: &[I]) -> Result<Self, Error> {
        if references.is_empty() {
            return Err(Error::NoImages);
        }
        let mut frequency =
            Self { ids: Default::default(), num_images_with: Vec::new(), num_images: references.len() };
        // Last image that counted an n-gram: references of one image count it once.
        let mut last_image: Vec<usize> = Vec::new();
        for (image, image_references) in references.iter().enumerate() {
            for tokens in image_references.as_ref() {
                for order in 1..=MAX_ORDER {
                    for ngram in tokens.as_ref().windows(order) {
                        let id = frequency.intern(order, ngrams::pack(ngram)) as usize;
                        if id == last_image.len() {
                            last_image.push(usize::MAX);
                        }
                        if last_image[id] != image {
                            last_image[id] = image;
                            frequency.num_images_with[id] += 1;
                        }
                    }
                }
            }
        }
        Ok(frequency)
    }

    /// How many images it was counted over.
    pub fn num_images(&self) -> usize {
        self.num_images
    }

    fn intern(&mut self, order: usize, key: NgramKey) -> u32 {
        let next = self.num_images_with.len() as u32;
        let id = *self.ids[order - 1].entry(key).or_insert(next);
        if id == next {
            self.num_images_with.push(0);
        }
        id
    }

    /// Weight of an n-gram that `num_images_with` images have: ln(N / max(1, num_images_with)).
    fn inverse(&self, num_images_with: u32) -> f64 {
        (self.num_images as f64).ln() - f64::from(num_images_with.max(1)).ln()
    }
}

/// n-grams of one order by id with their counts, sorted by id.
type Counts = Box<[(u32, u32)]>;

/// A caption as CIDEr sees it.
#[derive(Debug, Clone)]
struct Vector {
    counts: [Counts; MAX_ORDER],
    /// Euclidean length of the tf-idf weights, per order.
    norms: [f64; MAX_ORDER],
    /// Number of bigrams; the length penalty compares these.
    length: f64,
}

/// Scores hypotheses against references that were prepared once.
///
/// Building costs one pass over the references; scoring one hypothesis then takes microseconds and no lock, so one
/// scorer serves every step and every thread of self-critical training. Tokens are ids (`u32`), those of the model's
/// vocabulary for example. The caller decides whether an end-of-sentence id belongs to a caption, and must decide the
/// same for hypotheses and references; `pycocoevalcap` has none.
///
/// ```
/// use glimpse_metrics::CiderD;
///
/// # fn main() -> Result<(), glimpse_metrics::Error> {
/// let references = vec![vec![vec![1, 2, 3, 4], vec![1, 2, 5]], vec![vec![6, 7, 8, 9]]];
/// let scorer = CiderD::new(&references)?;
/// assert!(scorer.score(0, &[1, 2, 3, 4])? > scorer.score(0, &[1, 2, 9])?);
/// assert_eq!(scorer.score(0, &[8, 9])?, 0.0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct CiderD {
    frequency: DocumentFrequency,
    /// Inverse document frequency by n-gram id.
    idf: Vec<f64>,
    references: Vec<Vec<Vector>>,
}

impl CiderD {
    /// A scorer for `references` (one item per image, each a list of token sequences) whose document frequency is
    /// that of the same references.
    ///
    /// # Errors
    /// [`Error::NoImages`], or [`Error::NoReferences`] with the position of an image without references.
    pub fn new<I: AsRef<[R]>, R: AsRef<[u32]>>(references: &[I]) -> Result<Self, Error> {
        Self::with_document_frequency(DocumentFrequency::new(references)?, references)
    }

    /// A scorer for `references` with a document frequency counted elsewhere, for example over all training images.
    ///
    /// # Errors
    /// As for [`CiderD::new`].
    pub fn with_document_frequency<I: AsRef<[R]>, R: AsRef<[u32]>>(
        mut frequency: DocumentFrequency,
        references: &[I],
    ) -> Result<Self, Error> {
        if references.is_empty() {
            return Err(Error::NoImages);
        }
        // References may hold n-grams that the frequency never saw: they get an id, and count as n-grams of no image.
        let mut vectors: Vec<Vec<Vector>> = Vec::with_capacity(references.len());
        for (image, image_references) in references.iter().enumerate() {
            let image_references = image_references.as_ref();
            if image_references.is_empty() {
                return Err(Error::NoReferences { image: image.to_string() });
            }
            let vector = |tokens: &R| {
                let counts = std::array::from_fn(|i| {
                    let mut counts: Vec<(u32, u32)> = ngrams::count(tokens.as_ref(), i + 1)
                        .into_iter()
                        .map(|(key, count)| (frequency.intern(i + 1, key), count))
                        .collect();
                    counts.sort_unstable();
                    counts.into_boxed_slice()
                });
                Vector { counts, norms: [0.0; MAX_ORDER], length: num_bigrams(tokens.as_ref()) }
            };
            vectors.push(image_references.iter().map(vector).collect());
        }
        let idf: Vec<f64> = frequency.num_images_with.iter().map(|&count| frequency.inverse(count)).collect();
        for vector in vectors.iter_mut().flatten() {
            vector.norms = std::array::from_fn(|i| norm(&idf, &vector.counts[i], 0.0));
        }
        Ok(Self { frequency, idf, references: vectors })
    }

    /// Images that can be scored.
    pub fn num_images(&self) -> usize {
        self.references.len()
    }

    /// CIDEr-D of one hypothesis for the image at position `image`, in 0..=10.
    ///
    /// # Errors
    /// [`Error::ImageIndex`] if there is no such image.
    pub fn score(&self, image: usize, hypothesis: &[u32]) -> Result<f64, Error> {
        let references = self
            .references
            .get(image)
            .ok_or(Error::ImageIndex { index: image, num_images: self.references.len() })?;
        let hypothesis = self.vector(hypothesis);
        let total: f64 = references.iter().map(|reference| self.similarity(&hypothesis, reference)).sum();
        Ok(10.0 * total / references.len() as f64)
    }

    /// CIDEr-D of one hypothesis per image, in the order of the references, and their mean.
    ///
    /// # Errors
    /// [`Error::HypothesisCount`] unless there are as many hypotheses as images.
    pub fn score_all<H: AsRef<[u32]>>(&self, hypotheses: &[H]) -> Result<Scored, Error> {
        if hypotheses.len() != self.num_images() {
            return Err(Error::HypothesisCount { expected: self.num_images(), actual: hypotheses.len() });
        }
        let per_image = hypotheses
            .iter()
            .enumerate()
            .map(|(image, hypothesis)| self.score(image, hypothesis.as_ref()))
            .collect::<Result<Vec<f64>, Error>>()?;
        Ok(Scored::mean(per_image))
    }

    fn vector(&self, tokens: &[u32]) -> Vector {
        // An n-gram that no reference has only makes the hypothesis longer; its weight is that of a count of 0.
        let unseen = self.frequency.inverse(0);
        let mut norms = [0.0; MAX_ORDER];
        let counts = std::array::from_fn(|i| {
            let counted = ngrams::count(tokens, i + 1);
            let mut known = Vec::with_capacity(counted.len());
            let mut unknown_squares = 0.0;
            for (key, count) in counted {
                match self.frequency.ids[i].get(&key) {
                    Some(&id) => known.push((id, count)),
                    None => unknown_squares += (f64::from(count) * unseen).powi(2),
                }
            }
            known.sort_unstable();
            norms[i] = norm(&self.idf, &known, unknown_squares);
            known.into_boxed_slice()
        });
        Vector { counts, norms, length: num_bigrams(tokens) }
    }

    /// Mean over the orders of the clipped cosine, times the length penalty.
    fn similarity(&self, hypothesis: &Vector, reference: &Vector) -> f64 {
        let mut total = 0.0;
        for i in 0..MAX_ORDER {
            let mut dot = 0.0;
            ngrams::for_each_shared(&hypothesis.counts[i], &reference.counts[i], |id, ours, theirs| {
                dot += self.idf[id as usize].powi(2) * f64::from(ours.min(theirs)) * f64::from(theirs);
            });
            let norms = hypothesis.norms[i] * reference.norms[i];
            // A zero norm means zero weights (a single image, or no n-gram of this order): the product is 0 too.
            if norms != 0.0 {
                total += dot / norms;
            }
        }
        let difference = hypothesis.length - reference.length;
        let penalty = (-difference.powi(2) / (2.0 * SIGMA * SIGMA)).exp();
        penalty * total / MAX_ORDER as f64
    }
}

fn num_bigrams(tokens: &[u32]) -> f64 {
    tokens.len().saturating_sub(1) as f64
}

fn norm(idf: &[f64], counts: &[(u32, u32)], other_squares: f64) -> f64 {
    let squares: f64 = counts.iter().map(|&(id, count)| (f64::from(count) * idf[id as usize]).powi(2)).sum();
    (squares + other_squares).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references() -> Vec<Vec<Vec<u32>>> {
        vec![
            vec![vec![1, 2, 3, 4, 5], vec![1, 2, 6, 6]],
            vec![vec![7, 2, 8, 9], vec![7, 2, 3]],
            vec![vec![1, 10, 11, 12]],
        ]
    }

    #[test]
    fn a_single_distinctive_reference_scores_ten() {
        let scorer = CiderD::new(&references()).unwrap();
        let score = scorer.score(2, &[1, 10, 11, 12]).unwrap();
        assert!((score - 10.0).abs() < 1e-12, "{score}");
    }

    #[test]
    fn a_foreign_document_frequency_changes_the_weights_only() {
        let references = references();
        let all = CiderD::new(&references).unwrap();
        let frequency = DocumentFrequency::new(&references).unwrap();
        let part = CiderD::with_document_frequency(frequency, &references[1..]).unwrap();
        let hypothesis = [7, 2, 8, 40];
        assert_eq!(all.score(1, &hypothesis).unwrap(), part.score(0, &hypothesis).unwrap());
        // References unknown to the frequency are scored as well.
        let elsewhere = DocumentFrequency::new(&references[..2]).unwrap();
        let scorer = CiderD::with_document_frequency(elsewhere, &references[2..]).unwrap();
        assert!((scorer.score(0, &[1, 10, 11, 12]).unwrap() - 10.0).abs() < 1e-12);
    }

    #[test]
    fn one_image_has_no_informative_ngram() {
        let scorer = CiderD::new(&[vec![vec![1, 2, 3]]]).unwrap();
        assert_eq!(scorer.score(0, &[1, 2, 3]).unwrap(), 0.0);
    }

    #[test]
    fn wrong_input_is_named() {
        let none: [Vec<Vec<u32>>; 0] = [];
        assert!(matches!(CiderD::new(&none), Err(Error::NoImages)));
        let missing: Vec<Vec<Vec<u32>>> = vec![vec![vec![1]], vec![]];
        assert!(matches!(CiderD::new(&missing), Err(Error::NoReferences { image }) if image == "1"));
        let scorer = CiderD::new(&references()).unwrap();
        assert!(matches!(scorer.score(3, &[1]), Err(Error::ImageIndex { index: 3, num_images: 3 })));
        assert!(matches!(
            scorer.score_all(&[vec![1]]),
            Err(Error::HypothesisCount { expected: 3, actual: 1 })
        ));
    }
}
