use anyhow::{Context, Result};
use clap::Args;
use glimpse_bundle::CaptionTokenizer;
use glimpse_export::Checkpoint;
use glimpse_trainer::backbone::{FeatureExtractor, StateDict};
use glimpse_trainer::exporting;
use glimpse_trainer::model::Captioner;
use std::path::{Path, PathBuf};
use tch::Device;

/// A checkpoint and the network that read its photos.
#[derive(Debug, Args)]
pub struct CheckpointArgs {
    /// best.safetensors of a run
    #[arg(long)]
    pub checkpoint: PathBuf,
    /// Weights of the checkpoint's backbone [default: models/backbones/NAME.safetensors]
    #[arg(long, env = "GLIMPSE_BACKBONE_WEIGHTS")]
    backbone_weights: Option<PathBuf>,
}

/// What [`CheckpointArgs`] name, in libtorch.
pub struct Opened {
    pub checkpoint: Checkpoint,
    pub tokenizer: CaptionTokenizer,
    /// The backbone's own weights, and their file.
    pub backbone_weights: (StateDict, PathBuf),
    /// The frozen part of the backbone.
    pub backbone: FeatureExtractor,
    pub model: Captioner,
}

impl CheckpointArgs {
    pub fn open(&self, device: Device) -> Result<Opened> {
        let checkpoint = Checkpoint::read(&self.checkpoint)?;
        let tokenizer = CaptionTokenizer::from_json(&checkpoint.tokenizer)?;
        let name = &checkpoint.config.architecture.backbone;
        let path = super::backbone_weights_path(name, self.backbone_weights.as_deref())?;
        checkpoint.check_backbone_file(&path)?;
        let dict = StateDict::read(&path)?;
        let (backbone, model) = exporting::open(&checkpoint, &self.checkpoint, &dict, device)?;
        Ok(Opened { checkpoint, tokenizer, backbone_weights: (dict, path), backbone, model })
    }
}

/// Writes a checkpoint, and the folder that it lies in.
pub fn write_checkpoint(checkpoint: &Checkpoint, path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok(checkpoint.write(path)?)
}
