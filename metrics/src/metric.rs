//! What a metric is, and the table of all metrics.

use std::fmt;
use std::sync::Arc;

use crate::bleu::Bleu;
use crate::cider::Cider;
use crate::noun_recall::NounRecall;
use crate::rouge::RougeL;
use crate::{Caption, Error, Meteor};

/// Every metric of a report, in the order of its lines. A new metric is a file of its own and a row here.
///
/// METEOR is among them only if its program was started.
pub fn metrics(meteor: Option<Meteor>) -> Vec<Arc<dyn Metric>> {
    let table: [Option<Arc<dyn Metric>>; 5] = [
        Some(Arc::new(Bleu)),
        meteor.map(|meteor| Arc::new(meteor) as _),
        Some(Arc::new(RougeL)),
        Some(Arc::new(Cider)),
        Some(Arc::new(NounRecall)),
    ];
    table.into_iter().flatten().collect()
}

/// The reference captions of a set of images: one item per image.
pub type ReferenceCaptions = Arc<[Vec<Caption>]>;

/// Compares the caption of one image, given by its position, with the references of that image.
///
/// It returns the statistics of the image: as many numbers for every image, which add up over the images of a set.
pub type Scorer = Box<dyn Fn(usize, &Caption) -> Result<Vec<f64>, Error> + Send + Sync>;

/// A way to score captions against reference captions.
///
/// A metric says what it counts for one image ([`Metric::scorer`]) and what the score of a set is, given the sum of
/// these counts ([`Metric::scores`]). Scores of sets and of single images and the draws of
/// [`Bootstrap`](crate::Bootstrap) all follow from the two, as in sacreBLEU (Post, "A Call for Clarity in Reporting
/// BLEU Scores", 2018). A metric whose score of a set is the mean over the images only needs the first.
///
/// # A new metric
/// This one counts the share of a caption's tokens that some reference has:
///
/// ```
/// use std::collections::HashSet;
/// use std::sync::Arc;
///
/// use glimpse_metrics::{Error, Metric, ReferenceCaptions, References, Scorer, metrics};
///
/// // The first place: a file of its own, here `metrics/src/token_precision.rs`.
/// #[derive(Debug)]
/// struct TokenPrecision;
///
/// impl Metric for TokenPrecision {
///     fn keys(&self) -> &'static [&'static str] {
///         &["TokenPrecision"]
///     }
///
///     fn scorer(&self, references: &ReferenceCaptions) -> Result<Scorer, Error> {
///         let ids = |captions: &Vec<_>| captions.iter().flat_map(AsRef::<[u32]>::as_ref).copied().collect();
///         let known: Vec<HashSet<u32>> = references.iter().map(ids).collect();
///         Ok(Box::new(move |image, caption| {
///             let found = caption.ids().iter().filter(|id| known[image].contains(id)).count();
///             Ok(vec![found as f64 / caption.ids().len().max(1) as f64])
///         }))
///     }
/// }
///
/// // The second place: a row `Some(Arc::new(TokenPrecision)),` in the table of `metrics`. A metric that stays
/// // outside of this crate is added by its user instead:
/// # fn main() -> Result<(), Error> {
/// let mut metrics = metrics(None);
/// metrics.push(Arc::new(TokenPrecision));
///
/// let references = References::with_metrics([("1.jpg", vec!["A dog runs.".to_owned()])], metrics)?;
/// let evaluation = references.evaluate([("1.jpg", "a brown dog runs")])?;
/// assert_eq!(evaluation.score("TokenPrecision").map(|score| score.corpus), Some(0.75));
/// # Ok(())
/// # }
/// ```
pub trait Metric: fmt::Debug + Send + Sync {
    /// The names of its scores in tables and files, in the order of [`Metric::scores`].
    fn keys(&self) -> &'static [&'static str];

    /// Reads the references of a set of images, once for all systems that are scored on it.
    ///
    /// # Errors
    /// What the metric cannot read.
    fn scorer(&self, references: &ReferenceCaptions) -> Result<Scorer, Error>;

    /// The scores of a set of images, one per key, from the sum of the images' statistics.
    ///
    /// By default each is the mean of a statistic over the images.
    ///
    /// # Errors
    /// If a program that the metric asks does not answer.
    fn scores(&self, sum: &[f64], num_images: usize) -> Result<Vec<f64>, Error> {
        Ok(sum.iter().map(|total| total / num_images as f64).collect())
    }
}

/// The statistics of every image of a set, by one metric.
#[derive(Debug)]
pub(crate) struct Statistics {
    metric: Arc<dyn Metric>,
    per_image: Vec<Vec<f64>>,
}

impl Statistics {
    pub(crate) fn new(metric: Arc<dyn Metric>, scorer: &Scorer, captions: &[Caption]) -> Result<Self, Error> {
        let per_image = captions
            .iter()
            .enumerate()
            .map(|(image, caption)| scorer(image, caption))
            .collect::<Result<Vec<_>, Error>>()?;
        if let [first, others @ ..] = &per_image[..]
            && let Some(other) = others.iter().find(|other| other.len() != first.len())
        {
            let (expected, actual) = (first.len(), other.len());
            return Err(Error::MetricNumbers { metric: metric.keys().join(", "), expected, actual });
        }
        Ok(Self { metric, per_image })
    }

    pub(crate) fn keys(&self) -> &'static [&'static str] {
        self.metric.keys()
    }

    /// The scores of every image, as by [`Metric::scores`].
    pub(crate) fn image_scores(&self) -> impl Iterator<Item = Result<Vec<f64>, Error>> {
        self.per_image.iter().map(|statistics| self.scores(statistics, 1))
    }

    /// The scores of a set in which image `i` occurs `times[i]` times.
    pub(crate) fn set_scores(&self, times: &[u32]) -> Result<Vec<f64>, Error> {
        let mut sum = vec![0.0; self.per_image.first().map_or(0, Vec::len)];
        for (statistics, &times) in self.per_image.iter().zip(times) {
            for (total, value) in sum.iter_mut().zip(statistics) {
                *total += f64::from(times) * value;
            }
        }
        self.scores(&sum, times.iter().map(|&times| times as usize).sum())
    }

    fn scores(&self, sum: &[f64], num_images: usize) -> Result<Vec<f64>, Error> {
        let scores = self.metric.scores(sum, num_images)?;
        let (expected, actual) = (self.keys().len(), scores.len());
        if actual != expected {
            return Err(Error::MetricNumbers { metric: self.keys().join(", "), expected, actual });
        }
        Ok(scores)
    }
}
