//! The program's subcommands, one file each.

pub mod adjust;
pub mod average;
mod checkpoint;
pub mod evaluate;
pub mod export;
pub mod features;
pub mod prepare;
mod progress;
mod recipe_overrides;
pub mod sample;
pub mod terminal;
pub mod train;

use anyhow::{Context, Result};
use clap::Args;
use glimpse_trainer::backbone::{self, FeatureExtractor, StateDict, TrainedBlocks};
use glimpse_trainer::features::{Augmentation, CacheKey, before_last};
use std::path::{Path, PathBuf};
use tch::Device;

/// Which network reads the photos.
#[derive(Debug, Args)]
pub struct BackboneArgs {
    /// Backbone: resnet50, efficientnet-lite0, efficientnet-lite1 or efficientnet-lite2
    #[arg(long, env = "GLIMPSE_BACKBONE", default_value = "efficientnet-lite0")]
    pub backbone: String,
    /// Its weights: a .safetensors or .pth state dict; "hub" downloads timm/resnet50.tv_in1k
    /// [default: NAME.safetensors or NAME.pth in models/backbones]
    #[arg(long, env = "GLIMPSE_BACKBONE_WEIGHTS")]
    pub backbone_weights: Option<PathBuf>,
    /// Train the backbone's last N blocks with the decoder, and keep features from before them. resnet50 has 16 blocks
    /// besides its stem, 3 of them in its last stage; efficientnet-lite0 has 16 and a head, which counts as one: 6 are
    /// its last two stages
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub train_backbone: usize,
    /// How the training views of a photo differ from the plain one
    #[arg(long, value_enum, default_value = "crop")]
    pub augmentation: Augmentation,
}

impl BackboneArgs {
    /// The weight file.
    pub fn weights_path(&self) -> Result<PathBuf> {
        backbone_weights_path(&self.backbone, self.backbone_weights.as_deref())
    }

    /// The frozen part of the backbone on `device`.
    pub fn load(&self, device: Device) -> Result<FeatureExtractor> {
        let weights = StateDict::read(&self.weights_path()?)?;
        Ok(FeatureExtractor::load_frozen(&self.backbone, &weights, self.train_backbone, device)?)
    }

    /// The blocks to train, on `device`.
    pub fn trained_blocks(&self, device: Device) -> Result<Option<TrainedBlocks>> {
        if self.train_backbone == 0 {
            return Ok(None);
        }
        let weights = StateDict::read(&self.weights_path()?)?;
        let size = glimpse_export::backbone::backbone(&self.backbone)?.preprocessor().output_size();
        Ok(Some(TrainedBlocks::new(&self.backbone, self.train_backbone, size, &weights, device)?))
    }

    /// The key of the cache that holds features of this backbone.
    pub fn cache_key(&self) -> Result<CacheKey> {
        let info = glimpse_export::backbone::backbone(&self.backbone)?;
        let weights = self.weights_path()?;
        let backbone_sha256 = glimpse_bundle::sha256_of_file(&weights)
            .with_context(|| format!("reading the weights of {}", self.backbone))?;
        Ok(CacheKey {
            backbone: self.backbone.clone(),
            backbone_sha256,
            preprocessor: info.preprocessor(),
            augmentation: self.augmentation,
            view_seed: 0,
            before_block: before_last(&self.backbone, self.train_backbone)?,
        })
    }
}

/// The weight file of the backbone called `name`: the one given, the hub's, or the one under models/backbones.
pub fn backbone_weights_path(name: &str, given: Option<&Path>) -> Result<PathBuf> {
    Ok(backbone::weights_path(name, given, Path::new("models/backbones"))?)
}

/// Where libtorch computes.
#[derive(Debug, Args)]
pub struct DeviceArgs {
    /// auto, cpu, cuda or cuda:INDEX; auto takes CUDA where libtorch finds a GPU
    #[arg(long, env = "GLIMPSE_DEVICE", default_value = "auto")]
    pub device: String,
    /// CPU threads of libtorch [default: every core]
    #[arg(long, env = "GLIMPSE_THREADS", value_parser = clap::value_parser!(i32).range(1..))]
    pub threads: Option<i32>,
}

impl DeviceArgs {
    /// Sets the number of threads and returns the device.
    pub fn device(&self) -> Result<Device> {
        if let Some(threads) = self.threads {
            tch::set_num_threads(threads);
        }
        Ok(glimpse_trainer::device::parse(&self.device)?)
    }
}
