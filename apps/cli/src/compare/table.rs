//! Scores and times of each setting on a data set.

use super::settings::Setting;
use super::sweep::Sweep;
use anyhow::Result;
use glimpse_captions::CaptionedImage;
use glimpse_metrics::{Diversity, References};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;

/// A row of the table. Scores are between 0 and 1, but for CIDEr; times are milliseconds for each photo.
#[derive(Debug, Serialize)]
pub struct Row {
    #[serde(skip)]
    pub name: String,
    pub num_beams: usize,
    /// `None` for greedy search.
    pub length_penalty: Option<f32>,
    #[serde(rename = "Bleu_1")]
    pub bleu_1: f64,
    #[serde(rename = "Bleu_4")]
    pub bleu_4: f64,
    #[serde(rename = "ROUGE_L")]
    pub rouge_l: f64,
    #[serde(rename = "CIDEr")]
    pub cider: f64,
    pub words_per_caption: f64,
    /// Share of captions that contain a pair of words twice.
    pub repeated_bigrams: f64,
    pub distinct_2: f64,
    pub encoder_ms: f64,
    pub decoder_ms: f64,
}

#[derive(Debug, Serialize)]
pub struct Table {
    pub num_images: usize,
    pub batch_size: usize,
    pub rows: Vec<Row>,
}

impl Table {
    /// Scores the best captions of every setting.
    pub fn new(sweep: &Sweep, settings: &[Setting], images: &[CaptionedImage]) -> Result<Self> {
        // All settings captioned the same photos.
        let captioned = sweep.runs.iter().take(1).flat_map(|run| run.best.keys());
        let references = References::new(captioned.map(|&position| {
            let CaptionedImage { file_name, captions, .. } = &images[position];
            (file_name.clone(), captions.clone())
        }))?;
        let rows = settings.iter().zip(&sweep.runs).map(|(setting, run)| {
            let best = run.best.iter().map(|(&position, caption)| (&images[position].file_name, caption));
            let evaluation = references.evaluate(best)?;
            let score = |metric| evaluation.score(metric).map_or(f64::NAN, |scored| scored.corpus);
            let diversity = Diversity::new(evaluation.tokens(), None);
            let num_beams = setting.options.num_beams;
            Ok(Row {
                name: setting.name.clone(),
                num_beams,
                length_penalty: (num_beams > 1).then_some(setting.options.length_penalty),
                bleu_1: score("Bleu_1"),
                bleu_4: score("Bleu_4"),
                rouge_l: score("ROUGE_L"),
                cider: score("CIDEr"),
                words_per_caption: diversity.mean_length,
                repeated_bigrams: diversity.captions_with_repetition[1],
                distinct_2: diversity.distinct_2,
                encoder_ms: sweep.encoder_ms(),
                decoder_ms: run.decoding.as_secs_f64() * 1e3 / sweep.photos as f64,
            })
        });
        let rows = rows.collect::<Result<_>>()?;
        Ok(Self { num_images: references.images().len(), batch_size: sweep.batch_size, rows })
    }

    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        writeln!(
            out,
            "{} photos, {} in a batch; times are milliseconds a photo",
            self.num_images, self.batch_size
        )?;
        writeln!(
            out,
            "{:width$} {:>7} {:>7} {:>7} {:>7} {:>6} {:>9} {:>8} {:>8}",
            "", "Bleu_1", "Bleu_4", "ROUGE_L", "CIDEr", "words", "repeating", "encoder", "decoder"
        )?;
        for row in &self.rows {
            let Row {
                name, bleu_1, bleu_4, rouge_l, cider, words_per_caption, encoder_ms, decoder_ms, ..
            } = row;
            writeln!(
                out,
                "{name:width$} {bleu_1:7.4} {bleu_4:7.4} {rouge_l:7.4} {cider:7.4} {words_per_caption:6.2} {:8.1}% \
                 {encoder_ms:8.2} {decoder_ms:8.2}",
                row.repeated_bigrams * 100.0
            )?;
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
