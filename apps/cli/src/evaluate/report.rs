use super::hypotheses::Speed;
use glimpse_metrics::{Bootstrap, Difference, Diversity, Interval};
use glimpse_runtime::generation::GenerationConfig;
use serde::{Serialize, Serializer};
use std::io::{self, Write};

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
        let percent = self.bootstrap.confidence * 100.0;
        writeln!(out, "\n{:10} {:>8}  {percent}% interval", "metric", "score")?;
        for (metric, Interval { estimate, lower, upper }) in &self.scores {
            writeln!(out, "{metric:10} {estimate:8.4}  {lower:.4} to {upper:.4}")?;
        }
        if let Some(differences) = &self.differences {
            writeln!(out, "\n{:10} {:>8}  {percent}% interval      p", "difference", "")?;
            for (metric, Difference { interval: Interval { estimate, lower, upper }, p_value }) in differences
            {
                writeln!(out, "{metric:10} {estimate:+8.4}  {lower:+.4} to {upper:+.4}  {p_value:.3}")?;
            }
        }
        let Diversity { mean_length, vocabulary_size, distinct_1, distinct_2, .. } = &self.diversity;
        writeln!(out, "\n{mean_length:.1} words a caption, {vocabulary_size} different ones")?;
        writeln!(out, "distinct-1 {distinct_1:.4}, distinct-2 {distinct_2:.4}")?;
        let [.., repeated] = self.diversity.repeated_ngrams;
        let [_, bigrams, ..] = self.diversity.captions_with_repetition;
        writeln!(
            out,
            "repeated n-grams: {:.1}% of captions contain a pair of words twice, {:.2}% of 4-grams are repeats",
            bigrams * 100.0,
            repeated * 100.0
        )?;
        if let Some(seen) = self.diversity.seen_in_training {
            writeln!(out, "{:.1}% are captions of the training set", seen * 100.0)?;
        }
        Ok(())
    }
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
