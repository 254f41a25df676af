//! All metrics of a system at once.

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::caption::TokenIds;
use crate::metric::Statistics;
use crate::{Caption, Error, Metric, Scored, Scorer, metrics, ptb};

/// The references of a set of images, prepared for scoring any number of systems.
pub struct References {
    images: Vec<String>,
    positions: FxHashMap<String, usize>,
    ids: TokenIds,
    scorers: Vec<(Arc<dyn Metric>, Scorer)>,
}

impl References {
    /// Tokenises references, given as raw text by image, for all metrics but METEOR.
    ///
    /// The order of the images is that of all results.
    ///
    /// # Errors
    /// [`Error::NoImages`], [`Error::NoReferences`], [`Error::DuplicateImage`].
    pub fn new<K: Into<String>>(
        references: impl IntoIterator<Item = (K, Vec<String>)>,
    ) -> Result<Self, Error> {
        Self::with_metrics(references, metrics(None))
    }

    /// Tokenises references as [`References::new`] does, for the given metrics; [`metrics`] has those of this crate.
    ///
    /// # Errors
    /// As for [`References::new`], and [`Error::DuplicateMetric`].
    pub fn with_metrics<K: Into<String>>(
        references: impl IntoIterator<Item = (K, Vec<String>)>,
        metrics: Vec<Arc<dyn Metric>>,
    ) -> Result<Self, Error> {
        let (images, captions): (Vec<String>, Vec<Vec<String>>) =
            references.into_iter().map(|(image, captions)| (image.into(), captions)).unzip();
        if images.is_empty() {
            return Err(Error::NoImages);
        }
        let mut positions = FxHashMap::default();
        for (position, image) in images.iter().enumerate() {
            if positions.insert(image.clone(), position).is_some() {
                return Err(Error::DuplicateImage { image: image.clone() });
            }
            if captions[position].is_empty() {
                return Err(Error::NoReferences { image: image.clone() });
            }
        }
        let keys: Vec<&str> = metrics.iter().flat_map(|metric| metric.keys()).copied().collect();
        if let Some((_, key)) = keys.iter().enumerate().find(|&(i, key)| keys[..i].contains(key)) {
            return Err(Error::DuplicateMetric { key: (*key).to_owned() });
        }
        let all: Vec<&String> = captions.iter().flatten().collect();
        let mut ids = TokenIds::default();
        let mut tokenized =
            ptb::tokenize_all(&all).into_iter().map(|text| Caption::new(text, |token| ids.id(token)));
        let captions: Arc<[Vec<Caption>]> =
            captions.iter().map(|captions| tokenized.by_ref().take(captions.len()).collect()).collect();
        drop(tokenized);
        let scorers = metrics
            .into_iter()
            .map(|metric| Ok((Arc::clone(&metric), metric.scorer(&captions)?)))
            .collect::<Result<_, Error>>()?;
        Ok(Self { images, positions, ids, scorers })
    }

    /// The images, in the order of all results.
    pub fn images(&self) -> &[String] {
        &self.images
    }

    /// Scores one hypothesis per image, given as raw text in any order.
    ///
    /// # Errors
    /// [`Error::MissingHypothesis`], [`Error::UnknownImage`], [`Error::DuplicateImage`]; [`Error::Meteor`] if METEOR
    /// is among the metrics and its program fails; [`Error::MetricNumbers`] if a metric breaks its contract.
    pub fn evaluate<K: AsRef<str>, H: AsRef<str>>(
        &self,
        hypotheses: impl IntoIterator<Item = (K, H)>,
    ) -> Result<Evaluation, Error> {
        let tokens = ptb::tokenize_all(&self.in_order(hypotheses)?);
        let mut ids = self.ids.extended();
        let captions: Vec<Caption> =
            tokens.iter().map(|text| Caption::new(text.clone(), |token| ids.id(token))).collect();
        let mut evaluation =
            Evaluation { images: self.images.clone(), tokens, statistics: Vec::new(), scores: Vec::new() };
        for (metric, scorer) in &self.scorers {
            evaluation.add(Statistics::new(Arc::clone(metric), scorer, &captions)?)?;
        }
        Ok(evaluation)
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

impl fmt::Debug for References {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metrics: Vec<_> = self.scorers.iter().map(|(metric, _)| metric).collect();
        f.debug_struct("References")
            .field("images", &self.images)
            .field("metrics", &metrics)
            .finish_non_exhaustive()
    }
}

/// The scores of one system on one set of images.
#[derive(Debug)]
pub struct Evaluation {
    images: Vec<String>,
    tokens: Vec<String>,
    /// By metric.
    statistics: Vec<Statistics>,
    /// By key.
    scores: Vec<(&'static str, Scored)>,
}

impl Evaluation {
    /// The images, in the order of the scores.
    pub fn images(&self) -> &[String] {
        &self.images
    }

    /// The tokenised hypotheses: tokens with one space between them.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// The key of every score with the score of the set and those of the images, in the order of the metrics.
    pub fn scores(&self) -> &[(&'static str, Scored)] {
        &self.scores
    }

    /// The score of one key, `CIDEr` for example, if it was computed.
    pub fn score(&self, key: &str) -> Option<&Scored> {
        self.scores.iter().find_map(|(scored, score)| (*scored == key).then_some(score))
    }

    pub(crate) fn statistics(&self) -> &[Statistics] {
        &self.statistics
    }

    fn add(&mut self, statistics: Statistics) -> Result<(), Error> {
        let corpus = statistics.set_scores(&vec![1; self.images.len()])?;
        let mut scores: Vec<_> = std::iter::zip(statistics.keys().iter().copied(), corpus)
            .map(|(key, corpus)| (key, Scored { corpus, per_image: Vec::with_capacity(self.images.len()) }))
            .collect();
        for image in statistics.image_scores() {
            for ((_, scored), score) in scores.iter_mut().zip(image?) {
                scored.per_image.push(score);
            }
        }
        self.scores.append(&mut scores);
        self.statistics.push(statistics);
        Ok(())
    }
}

/// Scores one hypothesis per image against its references, all as raw text.
///
/// To score several systems on the same images, prepare [`References`] once.
///
/// ```
/// use glimpse_metrics::evaluate;
///
/// # fn main() -> Result<(), glimpse_metrics::Error> {
/// let references = [
///     ("1.jpg", vec!["A dog runs on the grass.".to_owned(), "The dog is running.".to_owned()]),
///     ("2.jpg", vec!["Two boats at sea.".to_owned()]),
/// ];
/// let evaluation = evaluate([("2.jpg", "two boats"), ("1.jpg", "a dog runs on grass")], references)?;
/// for (key, score) in evaluation.scores() {
///     println!("{key}: {:.3}", score.corpus);
/// }
/// # assert!(evaluation.score("Bleu_1").is_some_and(|bleu| bleu.corpus > 0.5));
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

    /// A metric that breaks the contract in one of two ways.
    #[derive(Debug)]
    struct Broken {
        growing_statistics: bool,
    }

    impl Metric for Broken {
        fn keys(&self) -> &'static [&'static str] {
            &["Broken"]
        }

        fn scorer(&self, _references: &crate::ReferenceCaptions) -> Result<Scorer, Error> {
            let growing = self.growing_statistics;
            Ok(Box::new(move |image, _| Ok(vec![0.0; if growing { image + 1 } else { 2 }])))
        }
    }

    #[test]
    fn a_metric_must_keep_its_contract() {
        let with = |metrics: Vec<Arc<dyn Metric>>| {
            let references = ["a", "b"].map(|image| (image, vec![image.to_owned()]));
            References::with_metrics(references, metrics)
        };
        let twice = with(vec![Arc::new(crate::RougeL), Arc::new(crate::Bleu), Arc::new(crate::RougeL)]);
        assert!(matches!(twice, Err(Error::DuplicateMetric { key }) if key == "ROUGE_L"));
        for growing_statistics in [false, true] {
            let references = with(vec![Arc::new(Broken { growing_statistics })]).unwrap();
            let error = references.evaluate([("a", "a"), ("b", "b")]).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the metric Broken returned 2 numbers instead of 1: correct its code",
                "{growing_statistics}"
            );
        }
    }

    #[test]
    fn the_scores_come_in_the_order_of_the_table() {
        let keys: Vec<&str> = references()
            .evaluate([("a", ""), ("b", "")])
            .unwrap()
            .scores()
            .iter()
            .map(|(key, _)| *key)
            .collect();
        assert_eq!(keys, ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr", "NounRecall"]);
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
