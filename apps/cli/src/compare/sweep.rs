//! Runs every setting on every photo. The encoder runs once for each photo.

use super::super::complain;
use super::super::inputs::Input;
use super::super::progress::progress_bar;
use super::settings::Setting;
use anyhow::{Context, Result};
use glimpse_bundle::with_causes;
use glimpse_runtime::{Caption, Captioner, EncodedBatch, NetworkInput, StreamOptions};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The photos that the outputs show one by one.
#[derive(Clone, Copy)]
pub struct Examples {
    /// The number of photos; the first ones are taken.
    pub photos: usize,
    /// Whether their attentions are kept.
    pub with_attention: bool,
}

/// The result of one setting.
#[derive(Default)]
pub struct Run {
    /// The best caption of each photo.
    pub best: BTreeMap<usize, String>,
    /// All captions of the examples.
    pub examples: BTreeMap<usize, Vec<Caption>>,
    /// Time of the decoder and the search.
    pub decoding: Duration,
    /// Number of tokens of the best captions, `<eos>` included.
    pub tokens: usize,
}

/// The results of all settings.
pub struct Sweep {
    /// In the order of the settings.
    pub runs: Vec<Run>,
    /// Time of the encoder.
    pub encoding: Duration,
    /// Photos captioned.
    pub photos: usize,
    /// Photos in a batch.
    pub batch_size: usize,
    /// The examples as the network sees them.
    pub inputs: BTreeMap<usize, NetworkInput>,
    /// Photos that could not be captioned, and why.
    pub failed: BTreeMap<usize, String>,
}

impl Sweep {
    pub fn run(
        captioner: &Captioner,
        settings: &[Setting],
        inputs: &[Input],
        stream: StreamOptions,
        examples: Examples,
    ) -> Result<Self> {
        let mut sweep = Self {
            runs: settings.iter().map(|_| Run::default()).collect(),
            encoding: Duration::ZERO,
            photos: 0,
            batch_size: stream.batch_size,
            inputs: BTreeMap::new(),
            failed: BTreeMap::new(),
        };
        let progress = progress_bar(inputs.len());
        let photos: Vec<_> = inputs.iter().map(Input::photo).collect();
        for batch in captioner.encode_stream(photos, stream.with_inputs(examples.with_attention)) {
            progress.inc((batch.positions.len() + batch.failed.len()) as u64);
            for (position, warning) in &batch.warnings {
                progress
                    .suspend(|| complain(format_args!("warning: {}: {warning}", inputs[*position].name())));
            }
            let failed = batch.failed.iter().map(|(position, error)| (*position, with_causes(error)));
            sweep.failed.extend(failed);
            sweep.decode(captioner, settings, examples, batch)?;
        }
        progress.finish_and_clear();
        Ok(sweep)
    }

    fn decode(
        &mut self,
        captioner: &Captioner,
        settings: &[Setting],
        examples: Examples,
        batch: EncodedBatch,
    ) -> Result<()> {
        let Some(encoded) = &batch.encoded else { return Ok(()) };
        self.encoding += batch.encoding;
        self.photos += batch.positions.len();
        let is_example = |position: usize| position < examples.photos;
        let has_example = batch.positions.iter().any(|&position| is_example(position));
        for (setting, run) in settings.iter().zip(&mut self.runs) {
            let start = Instant::now();
            let mut found = captioner.decode(encoded, &setting.options)?;
            run.decoding += start.elapsed();
            let best = found.iter().filter_map(|captions| captions.first());
            run.tokens += best.map(|caption| caption.token_ids.len()).sum::<usize>();
            if has_example && examples.with_attention {
                // A second search, because keeping attentions takes time.
                let options = setting.options.clone().with_output_attentions(true);
                found = captioner.decode(encoded, &options)?;
            }
            for (&position, captions) in batch.positions.iter().zip(found) {
                let best = captions.first().context("a photo got no caption")?;
                run.best.insert(position, best.generated_text.clone());
                if is_example(position) {
                    run.examples.insert(position, captions);
                }
            }
        }
        let inputs = batch.positions.iter().copied().zip(batch.inputs);
        self.inputs.extend(inputs.filter(|(position, _)| is_example(*position)));
        Ok(())
    }

    /// The encoder's time for one photo, in milliseconds.
    pub fn encoder_ms(&self) -> f64 {
        self.encoding.as_secs_f64() * 1e3 / self.photos as f64
    }
}
