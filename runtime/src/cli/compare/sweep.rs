//! Every setting on every photo; the encoder runs once.

use super::super::inputs::Input;
use super::super::photos::for_each_encoded;
use super::super::progress::progress_bar;
use super::settings::Setting;
use anyhow::{Context, Result};
use glimpse_bundle::image::RgbImage;
use glimpse_runtime::{Caption, Captioner};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Which photos are looked at closely.
#[derive(Clone, Copy)]
pub struct Examples {
    /// So many, from the first on.
    pub photos: usize,
    /// Keep where the decoder looked.
    pub with_attention: bool,
}

/// What one setting did.
#[derive(Default)]
pub struct Run {
    /// The best caption of each photo.
    pub best: BTreeMap<usize, String>,
    /// All captions of the examples.
    pub examples: BTreeMap<usize, Vec<Caption>>,
    /// How long the decoder and the search took.
    pub decoding: Duration,
    /// Words that the best captions have, `<eos>` counted.
    pub words: usize,
}

/// What all settings did.
pub struct Sweep {
    /// In the order of the settings.
    pub runs: Vec<Run>,
    /// How long the encoder took.
    pub encoding: Duration,
    /// Photos captioned.
    pub photos: usize,
    /// Photos in a batch.
    pub batch_size: usize,
    /// What the network saw of the examples.
    pub seen: BTreeMap<usize, RgbImage>,
    /// What is no photo, and why.
    pub failed: BTreeMap<usize, String>,
}

impl Sweep {
    pub fn run(
        captioner: &mut Captioner,
        settings: &[Setting],
        inputs: &[Input],
        batch_size: usize,
        examples: Examples,
    ) -> Result<Self> {
        let runs = settings.iter().map(|_| Run::default()).collect();
        let (encoding, seen, failed) = (Duration::ZERO, BTreeMap::new(), BTreeMap::new());
        let mut sweep = Self { runs, encoding, photos: 0, batch_size, seen, failed };
        let progress = progress_bar(inputs.len());
        let is_example = |position: usize| position < examples.photos;
        for_each_encoded(
            captioner,
            inputs,
            batch_size,
            |position| examples.with_attention && is_example(position),
            |position, reason| drop(sweep.failed.insert(position, reason)),
            |captioner, batch| {
                sweep.encoding += batch.encoding;
                sweep.photos += batch.positions.len();
                let closely = batch.positions.iter().any(|&position| is_example(position));
                for (setting, run) in settings.iter().zip(&mut sweep.runs) {
                    let start = Instant::now();
                    let mut found = captioner.decode(&batch.encoded, &setting.options)?;
                    run.decoding += start.elapsed();
                    run.words += found
                        .iter()
                        .filter_map(|captions| captions.first())
                        .map(|caption| caption.token_ids.len())
                        .sum::<usize>();
                    if closely && examples.with_attention {
                        // Once more, as keeping attentions takes time.
                        let mut options = setting.options.clone();
                        options.output_attentions = true;
                        found = captioner.decode(&batch.encoded, &options)?;
                    }
                    for (&position, captions) in batch.positions.iter().zip(found) {
                        let best = captions.first().context("a photo got no caption")?;
                        run.best.insert(position, best.generated_text.clone());
                        if is_example(position) {
                            run.examples.insert(position, captions);
                        }
                    }
                }
                let seen = batch.positions.iter().zip(batch.seen);
                sweep.seen.extend(seen.filter_map(|(&position, seen)| Some((position, seen?))));
                progress.inc(batch.positions.len() as u64);
                Ok(())
            },
        )?;
        progress.finish_and_clear();
        Ok(sweep)
    }

    /// The encoder's time for one photo, in milliseconds.
    pub fn encoder_ms(&self) -> f64 {
        self.encoding.as_secs_f64() * 1e3 / self.photos as f64
    }
}
