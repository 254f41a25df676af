//! Bundles with seeded random weights: their words mean nothing, all else is real.

use crate::places::project;
use glimpse_bundle::{Architecture, EOS_ID};
use glimpse_export::backbone::backbone;
use glimpse_export::decoder::attention_lstm::weights as names;
use glimpse_export::{Checkpoint, Weights, seeded, write_bundle};
use std::path::PathBuf;
use tempfile::TempDir;

/// A model on disk, as the trainer and as the runtime read it.
#[derive(Debug)]
pub struct SeededModel {
    /// The sizes.
    pub architecture: Architecture,
    /// The checkpoint.
    pub checkpoint: PathBuf,
    /// The backbone's weights, a state dict.
    pub backbone_weights: PathBuf,
    /// The bundle that was exported from both.
    pub bundle: PathBuf,
    _folder: TempDir,
}

/// EfficientNet-Lite0 with its trained weights, and every option of the decoder.
pub fn edge() -> Architecture {
    Architecture {
        backbone: "efficientnet-lite0".into(),
        feature_dim: 1280,
        num_cells: 49,
        encoder_dim: 512,
        attention_dim: 256,
        decoder_dim: 512,
        embed_dim: 300,
        vocab_size: 1000,
        project_features: true,
        gated_context: true,
        deep_output: true,
        tie_word_embeddings: true,
    }
}

/// ResNet50 with random weights, and the plain decoder of the seed report.
pub fn report() -> Architecture {
    Architecture {
        backbone: "resnet50".into(),
        feature_dim: 2048,
        encoder_dim: 2048,
        project_features: false,
        gated_context: false,
        deep_output: false,
        tie_word_embeddings: false,
        ..edge()
    }
}

/// Everything as small as it may be: quick to write and to run.
pub fn small() -> Architecture {
    Architecture {
        encoder_dim: 24,
        attention_dim: 20,
        decoder_dim: 16,
        embed_dim: 12,
        vocab_size: 50,
        ..edge()
    }
}

impl SeededModel {
    /// Writes checkpoint, backbone and bundle into a folder that goes with the model.
    ///
    /// # Panics
    /// When one cannot be written.
    pub fn write(architecture: Architecture) -> Self {
        Self::with_trained_blocks(architecture, 0)
    }

    /// As [`SeededModel::write`], of a decoder that changed the last `count` blocks of its backbone.
    ///
    /// # Panics
    /// When one cannot be written.
    pub fn with_trained_blocks(architecture: Architecture, count: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the model");
        let checkpoint = folder.path().join("checkpoint.safetensors");
        let bundle = folder.path().join("bundle");
        let network = backbone(&architecture.backbone).expect("a backbone that is known");
        let trained = project().join("models/backbones").join(format!("{}.safetensors", network.name));
        let (backbone_weights, weights) = if trained.is_file() {
            let weights = Weights::read(&trained).expect("weights of the backbone");
            (trained, weights)
        } else {
            let path = folder.path().join("backbone.safetensors");
            let weights = seeded::backbone_weights(network, 1).expect("random weights");
            weights.write(&path).expect("weights on disk");
            (path, weights)
        };
        let mut model = seeded_checkpoint(&architecture);
        if count > 0 {
            train_blocks(&mut model, &weights, count);
        }
        model.write(&checkpoint).expect("a checkpoint on disk");
        write_bundle(&model, &weights, &bundle).expect("a bundle on disk");
        Self { architecture, checkpoint, backbone_weights, bundle, _folder: folder }
    }
}

/// Changes the weights of the backbone's last `count` blocks a little, as training does.
fn train_blocks(checkpoint: &mut Checkpoint, file: &Weights, count: usize) {
    let network = backbone(&checkpoint.config.architecture.backbone).expect("a backbone that is known");
    checkpoint.config.provenance.trained_blocks = count;
    for (name, shape) in network.trained_weight_shapes(count).expect("so many blocks") {
        let before = file.get(&name, &shape).expect("the backbone's weight");
        let after = before.iter().enumerate().map(|(i, weight)| weight * (1.0 + 0.03 * (i % 7) as f32));
        checkpoint.weights.insert(name, &shape, after.collect()).expect("a weight of the same shape");
    }
}

/// Random weights, but captions of all lengths: `<eos>` is as likely as one word of some 130.
fn seeded_checkpoint(architecture: &Architecture) -> Checkpoint {
    let tokenizer = seeded::tokenizer(architecture.vocab_size).expect("a vocabulary");
    let mut checkpoint = Checkpoint::seeded(architecture.clone(), tokenizer, 1).expect("a checkpoint");
    let shape = [architecture.vocab_size];
    let mut bias = checkpoint.weights.get(names::VOCAB_BIAS, &shape).expect("the bias").to_vec();
    bias[EOS_ID as usize] += (architecture.vocab_size as f32 / 130.0).ln().max(0.0);
    checkpoint.weights.insert(names::VOCAB_BIAS, &shape, bias).expect("the bias again");
    checkpoint
}
