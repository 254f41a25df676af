//! How sure a score is: bootstrap intervals over the images.
//!
//! Koehn, "Statistical Significance Tests for Machine Translation Evaluation", 2004. Images are drawn with replacement
//! and the score of the set is computed anew. BLEU and METEOR, which are no means over images, are computed from the
//! summed counts of the drawn images. The document frequency of CIDEr stays that of the full set. Two systems are
//! compared on the same draws.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::bleu::BleuCounts;
use crate::meteor::{Meteor, MeteorCounts};
use crate::{Error, Evaluation, Metric};

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bootstrap {
    /// How often to draw a set of as many images; 1000 by default.
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

/// A number with the range where most draws have it.
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
    /// Two-sided p-value: twice the share of draws on the side of zero where fewer of them are, ties included.
    pub p_value: f64,
}

impl Bootstrap {
    /// An interval for every score of a system; for METEOR only if it was scored and still runs.
    ///
    /// # Errors
    /// [`Error::Meteor`] if the program fails.
    pub fn intervals(
        &self,
        system: &Evaluation,
        meteor: Option<&mut Meteor>,
    ) -> Result<Vec<(Metric, Interval)>, Error> {
        let samples = self.sample(system, meteor)?;
        let estimates = system.scores();
        Ok(samples
            .into_iter()
            .filter_map(|(metric, values)| {
                let (_, estimate) = estimates.iter().find(|(scored, _)| *scored == metric)?;
                Some((metric, self.interval(estimate.corpus, values)))
            })
            .collect())
    }

    /// How much better `system` is than `baseline`, for every metric that both were scored with.
    ///
    /// # Errors
    /// [`Error::DifferentImages`] if they were scored on different images, and [`Error::Meteor`].
    pub fn differences(
        &self,
        system: &Evaluation,
        baseline: &Evaluation,
        mut meteor: Option<&mut Meteor>,
    ) -> Result<Vec<(Metric, Difference)>, Error> {
        if system.images() != baseline.images() {
            return Err(Error::DifferentImages);
        }
        let ours = self.sample(system, meteor.as_deref_mut())?;
        let theirs = self.sample(baseline, meteor)?;
        let mut differences = Vec::with_capacity(ours.len());
        for (metric, ours) in ours {
            let Some((_, theirs)) = theirs.iter().find(|(scored, _)| *scored == metric) else { continue };
            let (Some(estimate), Some(baseline_estimate)) = (system.score(metric), baseline.score(metric))
            else {
                continue;
            };
            let values: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours - theirs).collect();
            let p_value = p_value(&values);
            let interval = self.interval(estimate.corpus - baseline_estimate.corpus, values);
            differences.push((metric, Difference { interval, p_value }));
        }
        Ok(differences)
    }

    /// The scores of a system on every drawn set.
    fn sample(
        &self,
        system: &Evaluation,
        mut meteor: Option<&mut Meteor>,
    ) -> Result<Vec<(Metric, Vec<f64>)>, Error> {
        let mut bleu = Metric::BLEU.map(|metric| (metric, Vec::with_capacity(self.num_resamples)));
        let [mut meteors, mut rouge_l, mut cider] = [const { Vec::new() }; 3];
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let num_images = system.images().len();
        for _ in 0..self.num_resamples {
            let mut times = vec![0_u32; num_images];
            for _ in 0..num_images {
                times[rng.random_range(0..num_images)] += 1;
            }
            let counts: BleuCounts =
                std::iter::zip(&system.bleu, &times).map(|(&counts, &times)| counts * u64::from(times)).sum();
            for ((_, values), score) in bleu.iter_mut().zip(counts.scores()) {
                values.push(score);
            }
            rouge_l.push(weighted_mean(&system.rouge_l, &times));
            cider.push(weighted_mean(&system.cider, &times));
            if let (Some(scored), Some(meteor)) = (&system.meteor, meteor.as_deref_mut()) {
                meteors.push(meteor.scores(&[MeteorCounts::weighted_sum(&scored.counts, &times)])?.corpus);
            }
        }
        let mut samples = Vec::from(bleu);
        if !meteors.is_empty() {
            samples.push((Metric::Meteor, meteors));
        }
        samples.extend([(Metric::RougeL, rouge_l), (Metric::Cider, cider)]);
        Ok(samples)
    }

    /// The percentile interval of the drawn values.
    fn interval(&self, estimate: f64, mut values: Vec<f64>) -> Interval {
        values.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.confidence) / 2.0;
        let at = |share: f64| {
            let position = (share * values.len().saturating_sub(1) as f64).round() as usize;
            values.get(position).copied().unwrap_or(estimate)
        };
        Interval { estimate, lower: at(tail), upper: at(1.0 - tail) }
    }
}

fn weighted_mean(values: &[f64], times: &[u32]) -> f64 {
    let sum: f64 = values.iter().zip(times).map(|(value, &times)| value * f64::from(times)).sum();
    sum / values.len() as f64
}

fn p_value(differences: &[f64]) -> f64 {
    let share = |count: usize| count as f64 / differences.len().max(1) as f64;
    let not_above = share(differences.iter().filter(|&&difference| difference <= 0.0).count());
    let not_below = share(differences.iter().filter(|&&difference| difference >= 0.0).count());
    (2.0 * not_above.min(not_below)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::References;

    /// Images whose single reference is `word word word<i>`, and what they are captioned with.
    fn systems() -> [Evaluation; 2] {
        let references =
            References::new((0..40).map(|i| (i.to_string(), vec![format!("the big dog runs word{i}")])))
                .unwrap();
        let good = (0..40).map(|i| (i.to_string(), format!("the big dog runs word{}", i / 2 * 2)));
        let poor = (0..40).map(|i| (i.to_string(), format!("a dog word{}", i / 4 * 4)));
        [references.evaluate(good).unwrap(), references.evaluate(poor).unwrap()]
    }

    #[test]
    fn the_interval_holds_the_estimate_and_repeats() {
        let [good, _] = systems();
        let bootstrap = Bootstrap { num_resamples: 200, ..Bootstrap::default() };
        let intervals = bootstrap.intervals(&good, None).unwrap();
        assert_eq!(intervals.len(), 6);
        for (metric, interval) in &intervals {
            assert!(interval.lower <= interval.estimate && interval.estimate <= interval.upper, "{metric}");
            assert!(interval.lower < interval.upper, "{metric}");
        }
        assert_eq!(intervals, bootstrap.intervals(&good, None).unwrap());
        let other = Bootstrap { seed: 1, ..bootstrap };
        assert_ne!(intervals, other.intervals(&good, None).unwrap());
    }

    #[test]
    fn a_clear_difference_excludes_zero() {
        let [good, poor] = systems();
        let bootstrap = Bootstrap { num_resamples: 200, ..Bootstrap::default() };
        for (metric, difference) in bootstrap.differences(&good, &poor, None).unwrap() {
            assert!(difference.interval.lower > 0.0, "{metric}: {difference:?}");
            assert_eq!(difference.p_value, 0.0, "{metric}");
        }
        for (metric, difference) in bootstrap.differences(&good, &good, None).unwrap() {
            let zero = Interval { estimate: 0.0, lower: 0.0, upper: 0.0 };
            assert_eq!(difference, Difference { interval: zero, p_value: 1.0 }, "{metric}");
        }
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
