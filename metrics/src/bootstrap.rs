//! How certain a score is: bootstrap intervals over the images.
//!
//! Koehn, "Statistical Significance Tests for Machine Translation Evaluation", 2004. Images are drawn with replacement,
//! and the score of the drawn set is computed from the sum of the statistics of its images. The document frequency of
//! CIDEr stays that of the full set. Two systems are compared on the same draws.

use std::cmp::Ordering::{Greater, Less};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::{Error, Evaluation, Scored};

/// Draws that must lie beyond each end of an interval. With fewer, the end is nearly the most extreme draw, and moves
/// much from seed to seed.
const MIN_DRAWS_BEYOND: f64 = 5.0;

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bootstrap {
    /// How often to draw a set of as many images; 1000 by default. See [`Bootstrap::min_resamples`].
    pub num_resamples: usize,
    /// Share of the draws that the interval covers, in 0..1; 0.95 by default.
    pub confidence: f64,
    /// Equal seeds give equal intervals; 0 by default.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { num_resamples: 1000, confidence: 0.95, seed: 0 }
    }
}

/// A number with the range in which most draws have it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The number on the full set.
    pub estimate: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
}

/// How much better one system is than another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// The first system's score less the second's.
    #[serde(flatten)]
    pub interval: Interval,
    /// Two-sided p-value of the hypothesis that both systems are equally good: twice the smaller of (a + 1) / (B + 1)
    /// and (b + 1) / (B + 1), and at most 1. Of B draws, the first system is not better in a and not worse in b
    /// (Davison and Hinkley, "Bootstrap Methods and their Application", 1997, chapter 4). It is never 0, because B
    /// draws cannot show a probability below 1 / (B + 1).
    pub p_value: f64,
}

impl Bootstrap {
    /// The fewest draws that give a meaningful interval of this confidence: five of them lie beyond each end. For a
    /// confidence of 0.95 these are 200.
    pub fn min_resamples(confidence: f64) -> usize {
        let beyond = (1.0 - confidence) / 2.0;
        // Less a billionth, so that the rounding of `beyond` does not cost a draw.
        (MIN_DRAWS_BEYOND / beyond - 1e-9).ceil() as usize
    }

    /// Checks the settings, so that a caller can refuse them before it scores anything.
    ///
    /// # Errors
    /// [`Error::Confidence`], [`Error::TooFewResamples`].
    pub fn validate(&self) -> Result<(), Error> {
        let Self { num_resamples, confidence, .. } = *self;
        if !(confidence > 0.0 && confidence < 1.0) {
            return Err(Error::Confidence { confidence });
        }
        let minimum = Self::min_resamples(confidence);
        if num_resamples < minimum {
            return Err(Error::TooFewResamples { num_resamples, minimum, confidence });
        }
        Ok(())
    }

    /// An interval for every score of a system, by key and in the order of [`Evaluation::scores`].
    ///
    /// # Errors
    /// As for [`Bootstrap::validate`], and [`Error::Meteor`] if that program is used and fails.
    pub fn intervals(&self, system: &Evaluation) -> Result<Vec<(&'static str, Interval)>, Error> {
        self.validate()?;
        let samples = sample(system, self.draws(system))?;
        let interval = |((key, values), (_, score)): ((_, Vec<f64>), &(_, Scored))| {
            (key, self.interval(score.corpus, values))
        };
        Ok(samples.into_iter().zip(system.scores()).map(interval).collect())
    }

    /// How much better `system` is than `baseline`, for every score that both have.
    ///
    /// # Errors
    /// As for [`Bootstrap::intervals`], and [`Error::DifferentImages`] if they were scored on different images.
    pub fn differences(
        &self,
        system: &Evaluation,
        baseline: &Evaluation,
    ) -> Result<Vec<(&'static str, Difference)>, Error> {
        self.validate()?;
        self.differences_on(|| self.draws(system), system, baseline)
    }

    /// The differences on given draws, which `draws` returns once for each system.
    fn differences_on<D: Iterator<Item = Vec<u32>>>(
        &self,
        draws: impl Fn() -> D,
        system: &Evaluation,
        baseline: &Evaluation,
    ) -> Result<Vec<(&'static str, Difference)>, Error> {
        if system.images() != baseline.images() {
            return Err(Error::DifferentImages);
        }
        let ours = sample(system, draws())?;
        let theirs = sample(baseline, draws())?;
        let mut differences = Vec::with_capacity(ours.len());
        for (key, ours) in ours {
            let Some((_, theirs)) = theirs.iter().find(|(other, _)| *other == key) else { continue };
            let (Some(estimate), Some(baseline_estimate)) = (system.score(key), baseline.score(key)) else {
                continue;
            };
            let values: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours - theirs).collect();
            let p_value = p_value(&values);
            let interval = self.interval(estimate.corpus - baseline_estimate.corpus, values);
            differences.push((key, Difference { interval, p_value }));
        }
        Ok(differences)
    }

    /// How often each image occurs in each drawn set; the same for all systems on the same images.
    fn draws(&self, system: &Evaluation) -> impl Iterator<Item = Vec<u32>> + use<> {
        let num_images = system.images().len();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        (0..self.num_resamples).map(move |_| {
            let mut times = vec![0; num_images];
            for _ in 0..num_images {
                times[rng.random_range(0..num_images)] += 1;
            }
            times
        })
    }

    /// The percentile interval of the drawn values. Draws without a score (NaN) are left out.
    fn interval(&self, estimate: f64, mut values: Vec<f64>) -> Interval {
        values.retain(|value| !value.is_nan());
        values.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.confidence) / 2.0;
        let at = |share: f64| {
            let position = (share * values.len().saturating_sub(1) as f64).round() as usize;
            values.get(position).copied().unwrap_or(estimate)
        };
        Interval { estimate, lower: at(tail), upper: at(1.0 - tail) }
    }
}

/// The scores of a system on every drawn set, by key.
fn sample(
    system: &Evaluation,
    draws: impl Iterator<Item = Vec<u32>>,
) -> Result<Vec<(&'static str, Vec<f64>)>, Error> {
    let keys = system.statistics().iter().flat_map(|statistics| statistics.keys());
    let mut samples: Vec<_> = keys.map(|&key| (key, Vec::new())).collect();
    for times in draws {
        let mut columns = samples.iter_mut();
        for statistics in system.statistics() {
            for (score, (_, values)) in std::iter::zip(statistics.set_scores(&times)?, &mut columns) {
                values.push(score);
            }
        }
    }
    Ok(samples)
}

fn p_value(differences: &[f64]) -> f64 {
    // A difference that is not a number is no evidence for either side, so it counts as one of both.
    let not_better =
        differences.iter().filter(|&&difference| difference.partial_cmp(&0.0) != Some(Greater)).count();
    let not_worse =
        differences.iter().filter(|&&difference| difference.partial_cmp(&0.0) != Some(Less)).count();
    let smaller = not_better.min(not_worse);
    (2.0 * (smaller + 1) as f64 / (differences.len() + 1) as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::References;

    /// Captions of 40 images by a good and by a poor system.
    fn systems() -> [Evaluation; 2] {
        let references =
            References::new((0..40).map(|i| (i.to_string(), vec![format!("the big dog runs word{i}")])))
                .unwrap();
        let thing = |i, every| if i % every == 0 { "thing" } else { "dog" };
        let good =
            (0..40).map(|i| (i.to_string(), format!("the big {} runs word{}", thing(i, 8), i / 2 * 2)));
        let poor = (0..40).map(|i| (i.to_string(), format!("a {} word{}", thing(i, 2), i / 4 * 4)));
        [references.evaluate(good).unwrap(), references.evaluate(poor).unwrap()]
    }

    #[test]
    fn the_interval_holds_the_estimate_and_repeats() {
        let [good, _] = systems();
        let bootstrap = Bootstrap { num_resamples: 200, ..Bootstrap::default() };
        let intervals = bootstrap.intervals(&good).unwrap();
        assert_eq!(intervals.len(), 7);
        for (metric, interval) in &intervals {
            assert!(interval.lower <= interval.estimate && interval.estimate <= interval.upper, "{metric}");
            assert!(interval.lower < interval.upper, "{metric}");
        }
        assert_eq!(intervals, bootstrap.intervals(&good).unwrap());
        let other = Bootstrap { seed: 1, ..bootstrap };
        assert_ne!(intervals, other.intervals(&good).unwrap());
    }

    #[test]
    fn a_clear_difference_excludes_zero() {
        let [good, poor] = systems();
        let bootstrap = Bootstrap { num_resamples: 200, ..Bootstrap::default() };
        for (metric, difference) in bootstrap.differences(&good, &poor).unwrap() {
            assert!(difference.interval.lower > 0.0, "{metric}: {difference:?}");
            assert_eq!(difference.p_value, 2.0 / 201.0, "{metric}");
        }
        for (metric, difference) in bootstrap.differences(&good, &good).unwrap() {
            let zero = Interval { estimate: 0.0, lower: 0.0, upper: 0.0 };
            assert_eq!(difference, Difference { interval: zero, p_value: 1.0 }, "{metric}");
        }
    }

    /// `tests/golden/bootstrap/draws.json`, whose generator uses pycocoevalcap and NumPy.
    #[derive(serde::Deserialize)]
    struct Golden {
        references: Vec<Vec<String>>,
        system: Vec<String>,
        baseline: Vec<String>,
        /// Positions of the drawn images.
        draws: Vec<Vec<usize>>,
        /// By key: `estimate`, `lower`, `upper` and `p_value`.
        differences: BTreeMap<String, BTreeMap<String, f64>>,
    }

    #[test]
    fn intervals_and_p_values_are_those_of_the_python_reference() {
        let golden: Golden =
            serde_json::from_str(include_str!("../tests/golden/bootstrap/draws.json")).unwrap();
        let numbered = |captions: &[String]| -> Vec<_> {
            captions.iter().enumerate().map(|(i, caption)| (i.to_string(), caption.clone())).collect()
        };
        let images = golden.references.into_iter().enumerate();
        let references = References::new(images.map(|(i, captions)| (i.to_string(), captions))).unwrap();
        let system = references.evaluate(numbered(&golden.system)).unwrap();
        let baseline = references.evaluate(numbered(&golden.baseline)).unwrap();
        let times = |draw: &Vec<usize>| {
            let mut times = vec![0; system.images().len()];
            draw.iter().for_each(|&image| times[image] += 1);
            times
        };
        let found: BTreeMap<_, _> = Bootstrap::default()
            .differences_on(|| golden.draws.iter().map(times), &system, &baseline)
            .unwrap()
            .into_iter()
            .collect();
        assert_eq!(golden.differences.len(), 6);
        for (key, expected) in &golden.differences {
            let Difference { interval: Interval { estimate, lower, upper }, p_value } = found[key.as_str()];
            for (name, value) in
                [("estimate", estimate), ("lower", lower), ("upper", upper), ("p_value", p_value)]
            {
                assert!(
                    (value - expected[name]).abs() < 1e-9,
                    "{key} {name}: {value}, not {}",
                    expected[name]
                );
            }
        }
    }

    #[test]
    fn the_p_value_counts_one_more_draw_than_there_are() {
        let p = |below: usize, above: usize| p_value(&[vec![-1.0; below], vec![1.0; above]].concat());
        assert_eq!(p(0, 20), 2.0 / 21.0);
        assert_eq!(p(3, 996), 8.0 / 1000.0);
        assert_eq!(p(500, 499), 1.0);
        assert_eq!(p_value(&[0.0; 10]), 1.0);
        assert_eq!(p_value(&[f64::NAN; 10]), 1.0);
    }

    #[test]
    fn too_few_resamples_are_refused() {
        assert_eq!([0.8, 0.95, 0.99].map(Bootstrap::min_resamples), [50, 200, 1000]);
        let [good, poor] = systems();
        let bootstrap = Bootstrap { num_resamples: 20, ..Bootstrap::default() };
        for error in [bootstrap.intervals(&good).map(drop), bootstrap.differences(&good, &poor).map(drop)] {
            let reason = error.unwrap_err().to_string();
            assert_eq!(
                reason,
                "20 resamples are too few for an interval of confidence 0.95: draw at least 200"
            );
        }
        assert!(Bootstrap { num_resamples: 200, ..bootstrap }.validate().is_ok());
        for confidence in [0.0, 1.0, 95.0, f64::NAN] {
            let refused = Bootstrap { confidence, ..Bootstrap::default() }.validate();
            assert!(matches!(refused, Err(Error::Confidence { .. })), "{confidence}");
        }
    }

    #[test]
    fn draws_without_a_score_are_left_out_of_the_interval() {
        let values = [vec![f64::NAN; 50], (0..=100).map(f64::from).collect()].concat();
        let interval = Bootstrap { confidence: 0.9, ..Bootstrap::default() }.interval(50.0, values);
        assert_eq!((interval.lower, interval.upper), (5.0, 95.0));
    }

    #[test]
    fn a_wider_confidence_gives_a_wider_interval() {
        let bootstrap = |confidence| Bootstrap { confidence, ..Bootstrap::default() };
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        let narrow = bootstrap(0.5).interval(50.0, values.clone());
        assert_eq!((narrow.lower, narrow.upper), (25.0, 75.0));
        let wide = bootstrap(0.9).interval(50.0, values);
        assert_eq!((wide.lower, wide.upper), (5.0, 95.0));
    }
}
