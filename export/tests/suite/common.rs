//! Small models for the tests.

use glimpse_bundle::Architecture;
use glimpse_export::backbone::{Backbone, backbone};
use glimpse_export::{Checkpoint, Weights, seeded};
use std::sync::LazyLock;

fn lite0() -> &'static Backbone {
    backbone("efficientnet-lite0").unwrap()
}

fn resnet50() -> &'static Backbone {
    backbone("resnet50").unwrap()
}

/// Every part of the model, each size different from all others.
pub fn full() -> Architecture {
    Architecture {
        backbone: lite0().name.into(),
        feature_dim: lite0().feature_dim(),
        num_cells: 49,
        encoder_dim: 24,
        attention_dim: 20,
        decoder_dim: 16,
        embed_dim: 12,
        vocab_size: 30,
        project_features: true,
        gated_context: true,
        deep_output: true,
        tie_word_embeddings: true,
    }
}

/// The seed report's model: ResNet50, nothing optional.
pub fn report() -> Architecture {
    Architecture {
        backbone: resnet50().name.into(),
        feature_dim: resnet50().feature_dim(),
        encoder_dim: resnet50().feature_dim(),
        project_features: false,
        gated_context: false,
        deep_output: false,
        tie_word_embeddings: false,
        ..full()
    }
}

pub fn checkpoint(architecture: Architecture) -> Checkpoint {
    let tokenizer = seeded::tokenizer(architecture.vocab_size).unwrap();
    Checkpoint::seeded(architecture, tokenizer, 7).unwrap()
}

/// Random weights of [`full`]'s backbone, made once.
pub fn backbone_weights() -> &'static Weights {
    static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| seeded::backbone_weights(lite0(), 7).unwrap());
    &WEIGHTS
}

/// Random weights of [`report`]'s backbone, made once.
pub fn resnet50_weights() -> &'static Weights {
    static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| seeded::backbone_weights(resnet50(), 7).unwrap());
    &WEIGHTS
}

/// Random weights of the architecture's backbone.
pub fn weights_for(architecture: &Architecture) -> &'static Weights {
    if architecture.backbone == resnet50().name { resnet50_weights() } else { backbone_weights() }
}
