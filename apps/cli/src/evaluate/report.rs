//! What `evaluate` prints.

use super::super::columns::columns;
use super::hypotheses::Speed;
use glimpse_metrics::{Bootstrap, Difference, Diversity, Interval};
use glimpse_runtime::generation::GenerationConfig;
use serde::{Serialize, Serializer};
use std::io::{self, Write};
use std::iter;

/// In the place of a share that cannot be computed.
pub const TRAINING_UNKNOWN: &str =
    "captions seen in training: not measured; --train-captions FILE names the training captions";

/// The result of `evaluate`.
#[derive(Serialize)]
pub struct Report {
    /// The system or the search that generated the captions.
    pub setting: String,
    pub num_images: usize,
    pub num_references: usize,
    /// Photos that could not be captioned and are not scored, each with the reason.
    pub failed: Vec<(String, String)>,
    pub speed: Option<Speed>,
    pub bootstrap: Bootstrap,
    #[serde(serialize_with = "by_name")]
    pub scores: Vec<(&'static str, Interval)>,
    /// Scores minus the baseline's.
    #[serde(serialize_with = "by_name_if_any")]
    pub differences: Option<Vec<(&'static str, Difference)>>,
    pub diversity: Diversity,
}

/// The most important options of the search, as text.
pub fn describe(options: &GenerationConfig) -> String {
    if options.do_sample {
        return format!("sampled with seed {}", options.seed);
    }
    match options.num_beams {
        1 => "greedy".into(),
        beams => format!("{beams} beams, length penalty {}", options.length_penalty),
    }
}

impl Report {
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", self.setting)?;
        write!(out, "{} photos, {} references", self.num_images, self.num_references)?;
        if !self.failed.is_empty() {
            write!(out, ", {} photos failed", self.failed.len())?;
        }
        match &self.speed {
            Some(speed) => writeln!(out, ", {:.1} photos/s", speed.photos_per_second)?,
            None => writeln!(out)?,
        }
        let interval = format!("{}% interval", self.bootstrap.confidence * 100.0);
        let scores = self.scores.iter().map(|(metric, Interval { estimate, lower, upper })| {
            row([metric, &format!("{estimate:.4}"), &format!("{lower:.4} to {upper:.4}")])
        });
        let header = row(["metric", "score", &interval]);
        write!(out, "\n{}", columns(0, &[0], iter::once(header).chain(scores)))?;
        if let Some(differences) = &self.differences {
            let differences = differences.iter().map(|(metric, difference)| {
                let Interval { estimate, lower, upper } = difference.interval;
                let interval = format!("{lower:+.4} to {upper:+.4}");
                row([metric, &format!("{estimate:+.4}"), &interval, &format!("{:.3}", difference.p_value)])
            });
            let header = row(["metric", "difference", &interval, "p"]);
            write!(out, "\n{}", columns(0, &[0], iter::once(header).chain(differences)))?;
        }
        write!(out, "\n{}", columns(0, &[0], variety(&self.diversity)))?;
        if self.diversity.seen_in_training.is_none() {
            writeln!(out, "{TRAINING_UNKNOWN}")?;
        }
        Ok(())
    }
}

/// What does not compare captions with references, by the names of `docs/evaluation.md`.
fn variety(diversity: &Diversity) -> Vec<Vec<String>> {
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    let Diversity { mean_length, vocabulary_size, distinct_1, distinct_2, .. } = diversity;
    let mut rows = vec![
        row(["length in tokens", &format!("{mean_length:.2}")]),
        row(["different tokens", &vocabulary_size.to_string()]),
        row(["distinct-1", &format!("{distinct_1:.4}")]),
        row(["distinct-2", &format!("{distinct_2:.4}")]),
        row(["captions that repeat a bigram", &percent(diversity.captions_with_repetition[1])]),
        row(["4-grams that are repeats", &percent(diversity.repeated_ngrams[3])]),
    ];
    rows.extend(diversity.seen_in_training.map(|share| row(["captions seen in training", &percent(share)])));
    rows
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn by_name<T: Serialize, S: Serializer>(scores: &[(&str, T)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(scores.iter().map(|(metric, score)| (metric, score)))
}

fn by_name_if_any<T: Serialize, S: Serializer>(
    scores: &Option<Vec<(&'static str, T)>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match scores {
        Some(scores) => by_name(scores, serializer),
        None => serializer.serialize_none(),
    }
}
