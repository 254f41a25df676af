//! Scores and times of each setting on a data set.

use super::super::columns::columns;
use super::super::evaluate::TRAINING_UNKNOWN;
use super::settings::Setting;
use super::sweep::Sweep;
use anyhow::Result;
use glimpse_captions::CaptionedImage;
use glimpse_metrics::{Diversity, References, TrainingCaptions};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::io::{self, Write};
use std::path::Path;

/// Metrics that would only make the table wider.
const NOT_SHOWN: [&str; 2] = ["Bleu_2", "Bleu_3"];

/// A row of the table. Scores are between 0 and 1, but for CIDEr; times are milliseconds for each photo.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    pub num_beams: usize,
    /// `None` for greedy search.
    pub length_penalty: Option<f32>,
    /// By metric.
    pub scores: Vec<(&'static str, f64)>,
    pub diversity: Diversity,
    pub encoder_ms: f64,
    pub decoder_ms: f64,
}

impl Row {
    /// The score of one metric, or NaN.
    pub fn score(&self, metric: &str) -> f64 {
        self.scores.iter().find(|(key, _)| *key == metric).map_or(f64::NAN, |(_, score)| *score)
    }

    /// What tables for people show: titles and values.
    pub fn cells(&self) -> Vec<(&'static str, String)> {
        let percent = |share: f64| format!("{:.1}%", share * 100.0);
        let Diversity { mean_length, vocabulary_size, captions_with_repetition, seen_in_training, .. } =
            &self.diversity;
        let mut cells: Vec<_> =
            self.scores.iter().map(|(metric, score)| (*metric, format!("{score:.4}"))).collect();
        cells.push(("length", format!("{mean_length:.2}")));
        cells.push(("different", vocabulary_size.to_string()));
        cells.push(("repeating", percent(captions_with_repetition[1])));
        cells.extend(seen_in_training.map(|share| ("in training", percent(share))));
        cells.push(("encoder ms", format!("{:.2}", self.encoder_ms)));
        cells.push(("decoder ms", format!("{:.2}", self.decoder_ms)));
        cells
    }
}

/// By hand, as CSV has no maps: every metric is a field.
impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("Row", self.scores.len() + 9)?;
        row.serialize_field("num_beams", &self.num_beams)?;
        row.serialize_field("length_penalty", &self.length_penalty)?;
        for (metric, score) in &self.scores {
            row.serialize_field(metric, score)?;
        }
        row.serialize_field("words_per_caption", &self.diversity.mean_length)?;
        row.serialize_field("vocabulary_size", &self.diversity.vocabulary_size)?;
        row.serialize_field("repeated_bigrams", &self.diversity.captions_with_repetition[1])?;
        row.serialize_field("distinct_2", &self.diversity.distinct_2)?;
        row.serialize_field("seen_in_training", &self.diversity.seen_in_training)?;
        row.serialize_field("encoder_ms", &self.encoder_ms)?;
        row.serialize_field("decoder_ms", &self.decoder_ms)?;
        row.end()
    }
}

#[derive(Debug, Serialize)]
pub struct Table {
    pub num_images: usize,
    pub batch_size: usize,
    pub rows: Vec<Row>,
}

impl Table {
    /// Scores the best captions of every setting.
    pub fn new(
        sweep: &Sweep,
        settings: &[Setting],
        images: &[CaptionedImage],
        training: Option<&TrainingCaptions>,
    ) -> Result<Self> {
        // All settings captioned the same photos.
        let captioned = sweep.runs.iter().take(1).flat_map(|run| run.best.keys());
        let references = References::new(captioned.map(|&position| {
            let CaptionedImage { file_name, captions, .. } = &images[position];
            (file_name.clone(), captions.clone())
        }))?;
        let rows = settings.iter().zip(&sweep.runs).map(|(setting, run)| {
            let best = run.best.iter().map(|(&position, caption)| (&images[position].file_name, caption));
            let evaluation = references.evaluate(best)?;
            let scores = evaluation.scores().iter().filter(|(metric, _)| !NOT_SHOWN.contains(metric));
            let num_beams = setting.options.num_beams;
            Ok(Row {
                name: setting.name.clone(),
                num_beams,
                length_penalty: (num_beams > 1).then_some(setting.options.length_penalty),
                scores: scores.map(|(metric, scored)| (*metric, scored.corpus)).collect(),
                diversity: Diversity::new(evaluation.tokens(), training),
                encoder_ms: sweep.encoder_ms(),
                decoder_ms: run.decoding.as_secs_f64() * 1e3 / sweep.photos as f64,
            })
        });
        let rows = rows.collect::<Result<_>>()?;
        Ok(Self { num_images: references.images().len(), batch_size: sweep.batch_size, rows })
    }

    /// The titles of [`Row::cells`], the same for every row.
    pub fn titles(&self) -> Vec<&'static str> {
        self.rows.iter().take(1).flat_map(Row::cells).map(|(title, _)| title).collect()
    }

    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{} photos, {} in a batch; times are milliseconds a photo",
            self.num_images, self.batch_size
        )?;
        let line = |name: &str, cells: Vec<String>| [vec![name.to_owned()], cells].concat();
        let header = line("", self.titles().into_iter().map(str::to_owned).collect());
        let rows =
            self.rows.iter().map(|row| line(&row.name, row.cells().into_iter().map(|cell| cell.1).collect()));
        write!(out, "{}", columns(0, &[0], std::iter::once(header).chain(rows)))?;
        if self.rows.iter().any(|row| row.diversity.seen_in_training.is_none()) {
            writeln!(out, "{TRAINING_UNKNOWN}")?;
        }
        Ok(())
    }

    pub fn write_csv(&self, path: &Path) -> Result<()> {
        let mut writer = csv::Writer::from_path(path)?;
        for row in &self.rows {
            writer.serialize(row)?;
        }
        Ok(writer.flush()?)
    }
}
