use super::DeviceArgs;
use anyhow::{Context, Result};
use clap::Args;
use glimpse_bundle::{CaptionTokenizer, Preprocessor, image};
use glimpse_export::Checkpoint;
use glimpse_trainer::backbone::{FeatureExtractor, StateDict};
use glimpse_trainer::decode::{Choice, decode};
use glimpse_trainer::exporting;
use glimpse_trainer::model::Pass;
use std::path::PathBuf;
use tch::Tensor;

/// Caption photos with a checkpoint, in libtorch.
#[derive(Debug, Args)]
pub struct SampleArgs {
    /// Photos
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// best.safetensors of a run
    #[arg(long)]
    checkpoint: PathBuf,
    /// Weights of the checkpoint's backbone [default: models/backbones/NAME.safetensors]
    #[arg(long, env = "GLIMPSE_BACKBONE_WEIGHTS")]
    backbone_weights: Option<PathBuf>,
    /// Draw from the distribution instead of taking the most probable word
    #[arg(long)]
    do_sample: bool,
    /// Seed of the draws
    #[arg(long, default_value_t = 0)]
    seed: i64,
    #[command(flatten)]
    device: DeviceArgs,
}

impl SampleArgs {
    pub fn run(self) -> Result<()> {
        let device = self.device.device()?;
        let checkpoint = Checkpoint::read(&self.checkpoint)?;
        let tokenizer = CaptionTokenizer::from_json(&checkpoint.tokenizer)?;
        let name = &checkpoint.config.architecture.backbone;
        let weights = super::backbone_weights_path(name, self.backbone_weights.as_deref())?;
        let backbone = FeatureExtractor::load(name, &StateDict::read(&weights)?, device)?;
        let model = exporting::captioner(&checkpoint, &self.checkpoint, device)?;
        let preprocessor = Preprocessor::new(checkpoint.preprocessor.clone())?;
        let size = preprocessor.config().output_size();
        tch::manual_seed(self.seed);
        let choice = if self.do_sample { Choice::Sample } else { Choice::Greedy };
        for path in &self.images {
            let picture = image::open(path).with_context(|| path.display().to_string())?;
            let mut values = vec![0.0; (3 * size.height * size.width) as usize];
            preprocessor.pixel_values(&picture, &mut values)?;
            let pixel_values =
                Tensor::from_slice(&values).view([1, 3, i64::from(size.height), i64::from(size.width)]);
            let grid = model.encode(&backbone.forward(&pixel_values), &Pass::EXACT);
            let captions = decode(&model.stepper(tch::Kind::Float), &grid, choice, &checkpoint.generation);
            println!("{}\t{}", path.display(), tokenizer.decode(&captions[0].words)?);
        }
        Ok(())
    }
}
