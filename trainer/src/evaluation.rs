//! How well a checkpoint predicts captions, reading its own tokens or the true ones.

use crate::decode::{Choice, Decoded, decode};
use crate::features::FeatureSource;
use crate::model::{CaptionBatch, Captioner, Pass};
use crate::{READ_AHEAD, Result};
use glimpse_bundle::{GenerationConfig, for_each_ordered};
use serde::Serialize;
use tch::{Device, Kind, Reduction, Tensor};

/// A photo and one of its captions.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Which of the source's grids.
    pub grid: usize,
    /// Token ids without `<sos>` and `<eos>`.
    pub token_ids: Vec<u32>,
}

/// What a checkpoint makes of samples.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// Captions.
    pub samples: usize,
    /// Their tokens, `<eos>` counted.
    pub words: i64,
    /// Mean cross-entropy of a token in nats where each step reads the token that the step before predicted, as the
    /// seed report evaluates: token t of the reference against the distribution at step t, padding left out.
    pub cross_entropy: f64,
    /// The same where each step reads the reference's token (teacher forcing).
    pub teacher_forced_cross_entropy: f64,
    /// The greedy caption of each photo.
    #[serde(skip)]
    pub captions: Vec<Decoded>,
}

const BATCH: usize = 32;

/// Evaluates `model` on `samples`; captions longer than `generation` allows are cut. Nothing is drawn at random.
pub fn evaluate(
    model: &Captioner,
    features: &FeatureSource,
    samples: &[Sample],
    generation: &GenerationConfig,
    workers: usize,
    device: Device,
) -> Result<Evaluation> {
    let _guard = tch::no_grad_guard();
    let stepper = model.stepper(Kind::Float);
    let (mut free, mut forced, mut words) = (0.0, 0.0, 0);
    let mut captions = Vec::with_capacity(samples.len());
    let batches: Vec<&[Sample]> = samples.chunks(BATCH).collect();
    let reader = &features.reader;
    let read = |batch: &&[Sample]| reader.read(&batch.iter().map(|sample| sample.grid).collect::<Vec<_>>());
    for_each_ordered(&batches, workers, READ_AHEAD * workers, read, |samples, read| -> Result<()> {
        let grid = model.encode(&features.grids(&read?, device), &Pass::EXACT);
        let references: Vec<_> = samples
            .iter()
            .enumerate()
            .map(|(row, sample)| crate::training::cut(row, &sample.token_ids, generation.max_length))
            .collect();
        let batch = CaptionBatch::new(&references, device);
        let sum = |logits: Tensor| {
            let targets = &batch.targets;
            logits.cross_entropy_loss(targets, None::<Tensor>, Reduction::Sum, -100, 0.0).double_value(&[])
        };
        free += sum(model.free_running(&grid, &batch));
        forced += sum(model.teacher_forced(&grid, &batch, &Pass::EXACT).logits);
        words += batch.tokens();
        captions.extend(decode(&*stepper, &grid, Choice::Greedy, generation));
        Ok(())
    })?;
    Ok(Evaluation {
        samples: samples.len(),
        words,
        cross_entropy: free / words as f64,
        teacher_forced_cross_entropy: forced / words as f64,
        captions,
    })
}
