//! All metrics of a system at once.

use std::fmt;

use rustc_hash::FxHashMap;
use serde::{Serialize, Serializer};

use crate::bleu::{self, BleuCounts};
use crate::meteor::{Meteor, MeteorCounts};
use crate::ngrams::MAX_ORDER;
use crate::words::{Caption, Newcomers};
use crate::{CiderD, Error, Interner, Scored, ptb, rouge};

/// A metric under the name that `pycocoevalcap` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Metric {
    /// `Bleu_1`, in 0..=1.
    Bleu1,
    /// `Bleu_2`, in 0..=1.
    Bleu2,
    /// `Bleu_3`, in 0..=1.
    Bleu3,
    /// `Bleu_4`, in 0..=1.
    Bleu4,
    /// `METEOR`, in 0..=1.
    Meteor,
    /// `ROUGE_L`, in 0..=1.
    RougeL,
    /// `CIDEr` (which is CIDEr-D), in 0..=10.
    Cider,
}

impl Metric {
    /// BLEU by order, from 1 to 4.
    pub(crate) const BLEU: [Self; MAX_ORDER] = [Self::Bleu1, Self::Bleu2, Self::Bleu3, Self::Bleu4];

    /// Its name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bleu1 => "Bleu_1",
            Self::Bleu2 => "Bleu_2",
            Self::Bleu3 => "Bleu_3",
            Self::Bleu4 => "Bleu_4",
            Self::Meteor => "METEOR",
            Self::RougeL => "ROUGE_L",
            Self::Cider => "CIDEr",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The references of a set of images, prepared for scoring any number of systems.
#[derive(Debug)]
pub struct References {
    images: Vec<String>,
    positions: FxHashMap<String, usize>,
    tokens: Vec<Vec<String>>,
    captions: Vec<Vec<Caption>>,
    words: Interner<String>,
    cider: CiderD,
}

impl References {
    /// Tokenises references, given as raw text by image. The order of the images is that of all results.
    ///
    /// # Errors
    /// [`Error::NoImages`], [`Error::NoReferences`], [`Error::DuplicateImage`].
    pub fn new<K: Into<String>>(
        references: impl IntoIterator<Item = (K, Vec<String>)>,
    ) -> Result<Self, Error> {
        let (images, raw): (Vec<String>, Vec<Vec<String>>) =
            references.into_iter().map(|(image, captions)| (image.into(), captions)).unzip();
        let mut positions = FxHashMap::default();
        for (position, image) in images.iter().enumerate() {
            if positions.insert(image.clone(), position).is_some() {
                return Err(Error::DuplicateImage { image: image.clone() });
            }
            if raw[position].is_empty() {
                return Err(Error::NoReferences { image: image.clone() });
            }
        }
        let all: Vec<&String> = raw.iter().flatten().collect();
        let mut tokenised = ptb::tokenize_all(&all).into_iter();
        let tokens: Vec<Vec<String>> =
            raw.iter().map(|captions| tokenised.by_ref().take(captions.len()).collect()).collect();
        let mut words = Interner::new();
        let captions: Vec<Vec<Caption>> = tokens
            .iter()
            .map(|captions| {
                captions
                    .iter()
                    .map(|caption| Caption::new(caption, |word| words.id(word.to_owned())))
                    .collect()
            })
            .collect();
        let cider = CiderD::new(&captions)?;
        Ok(Self { images, positions, tokens, captions, words, cider })
    }

    /// The images, in the order of all results.
    pub fn images(&self) -> &[String] {
        &self.images
    }

    /// Scores one hypothesis per image, given as raw text in any order.
    ///
    /// # Errors
    /// [`Error::MissingHypothesis`], [`Error::UnknownImage`], [`Error::DuplicateImage`].
    pub fn evaluate<K: AsRef<str>, H: AsRef<str>>(
        &self,
        hypotheses: impl IntoIterator<Item = (K, H)>,
    ) -> Result<Evaluation, Error> {
        let tokens = ptb::tokenize_all(&self.in_order(hypotheses)?);
        let mut words = Newcomers::new(&self.words);
        let captions: Vec<Caption> =
            tokens.iter().map(|caption| Caption::new(caption, |word| words.id(word))).collect();
        let bleu = std::iter::zip(&captions, &self.captions)
            .map(|(hypothesis, references)| BleuCounts::new(hypothesis.as_ref(), references))
            .collect();
        let rouge_l = std::iter::zip(&captions, &self.captions)
            .map(|(hypothesis, references)| {
                let references: Vec<&[u32]> = references.iter().map(Caption::space_separated).collect();
                rouge::rouge_l(hypothesis.space_separated(), &references)
            })
            .collect();
        let cider = self.cider.score_all(&captions)?.per_image;
        Ok(Evaluation { images: self.images.clone(), tokens, bleu, rouge_l, cider, meteor: None })
    }

    /// Brings hypotheses into the order of the references.
    fn in_order<K: AsRef<str>, H: AsRef<str>>(
        &self,
        hypotheses: impl IntoIterator<Item = (K, H)>,
    ) -> Result<Vec<H>, Error> {
        let mut ordered: Vec<Option<H>> = self.images.iter().map(|_| None).collect();
        let mut unknown: Vec<String> = Vec::new();
        for (image, hypothesis) in hypotheses {
            let image = image.as_ref();
            match self.positions.get(image) {
                None => unknown.push(image.to_owned()),
                Some(&position) => {
                    if ordered[position].replace(hypothesis).is_some() {
                        return Err(Error::DuplicateImage { image: image.to_owned() });
                    }
                }
            }
        }
        if let Some(image) = unknown.first() {
            return Err(Error::UnknownImage { image: image.clone(), count: unknown.len() });
        }
        if let Some(first) = ordered.iter().position(Option::is_none) {
            let count = ordered.iter().filter(|hypothesis| hypothesis.is_none()).count();
            return Err(Error::MissingHypothesis { image: self.images[first].clone(), count });
        }
        Ok(ordered.into_iter().flatten().collect())
    }
}

/// METEOR of a system, and what to compute that of a part of the images from.
#[derive(Debug)]
pub(crate) struct MeteorScores {
    pub(crate) counts: Vec<MeteorCounts>,
    pub(crate) scores: Scored,
}

/// The scores of one system on one set of images.
#[derive(Debug)]
pub struct Evaluation {
    images: Vec<String>,
    tokens: Vec<String>,
    pub(crate) bleu: Vec<BleuCounts>,
    pub(crate) rouge_l: Vec<f64>,
    pub(crate) cider: Vec<f64>,
    pub(crate) meteor: Option<MeteorScores>,
}

impl Evaluation {
    /// The images, in the order of the scores.
    pub fn images(&self) -> &[String] {
        &self.images
    }

    /// The tokens of the hypotheses, with one space between them.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Adds METEOR, by a running METEOR 1.5.
    ///
    /// # Errors
    /// [`Error::DifferentImages`] if these are not the references that the system was scored with, and
    /// [`Error::Meteor`] if the program fails.
    pub fn add_meteor(&mut self, references: &References, meteor: &mut Meteor) -> Result<(), Error> {
        if references.images != self.images {
            return Err(Error::DifferentImages);
        }
        let counts = meteor.counts(&self.tokens, &references.tokens)?;
        let scores = meteor.scores(&counts)?;
        self.meteor = Some(MeteorScores { counts, scores });
        Ok(())
    }

    /// Every metric with its score of the set and of each image, in the order of `pycocoevalcap`.
    ///
    /// METEOR is among them only after [`Evaluation::add_meteor`].
    pub fn scores(&self) -> Vec<(Metric, Scored)> {
        let mut scores: Vec<_> = Metric::BLEU.into_iter().zip(bleu::bleu(&self.bleu)).collect();
        scores.extend(self.meteor.iter().map(|meteor| (Metric::Meteor, meteor.scores.clone())));
        scores.push((Metric::RougeL, Scored::mean(self.rouge_l.clone())));
        scores.push((Metric::Cider, Scored::mean(self.cider.clone())));
        scores
    }

    /// One metric, if it was scored.
    pub fn score(&self, metric: Metric) -> Option<Scored> {
        self.scores().into_iter().find_map(|(scored, score)| (scored == metric).then_some(score))
    }
}

/// Scores one hypothesis per image against its references, all as raw text.
///
/// To score several systems on the same images, prepare [`References`] once.
///
/// ```
/// use glimpse_metrics::{Metric, evaluate};
///
/// # fn main() -> Result<(), glimpse_metrics::Error> {
/// let references = [
///     ("1.jpg", vec!["A dog runs on the grass.".to_owned(), "The dog is running.".to_owned()]),
///     ("2.jpg", vec!["Two boats at sea.".to_owned()]),
/// ];
/// let evaluation = evaluate([("2.jpg", "two boats"), ("1.jpg", "a dog runs on grass")], references)?;
/// for (metric, score) in evaluation.scores() {
///     println!("{metric}: {:.3}", score.corpus);
/// }
/// # assert!(evaluation.score(Metric::Bleu1).is_some_and(|bleu| bleu.corpus > 0.5));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As for [`References::new`] and [`References::evaluate`].
pub fn evaluate<K: AsRef<str>, H: AsRef<str>, R: Into<String>>(
    hypotheses: impl IntoIterator<Item = (K, H)>,
    references: impl IntoIterator<Item = (R, Vec<String>)>,
) -> Result<Evaluation, Error> {
    References::new(references)?.evaluate(hypotheses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references() -> References {
        let captions = |text: &str| vec![text.to_owned()];
        References::new([("a", captions("A dog runs.")), ("b", captions("Two boats."))]).unwrap()
    }

    #[test]
    fn images_must_match() {
        let references = references();
        let missing = references.evaluate([("a", "a dog")]).unwrap_err();
        assert!(matches!(missing, Error::MissingHypothesis { image, count: 1 } if image == "b"));
        let unknown = references.evaluate([("a", ""), ("b", ""), ("c", "")]).unwrap_err();
        assert!(matches!(unknown, Error::UnknownImage { image, count: 1 } if image == "c"));
        let twice = references.evaluate([("a", ""), ("b", ""), ("a", "")]).unwrap_err();
        assert!(matches!(twice, Error::DuplicateImage { image } if image == "a"));
        assert!(matches!(References::new([("a", vec![])]), Err(Error::NoReferences { .. })));
        assert!(matches!(References::new::<String>([]), Err(Error::NoImages)));
    }

    #[test]
    fn the_order_of_hypotheses_does_not_matter() {
        let references = references();
        let one = references.evaluate([("a", "a dog"), ("b", "a boat")]).unwrap();
        let other = references.evaluate([("b", "a boat"), ("a", "a dog")]).unwrap();
        assert_eq!(one.scores(), other.scores());
        assert_eq!(one.tokens(), ["a dog", "a boat"]);
    }
}
