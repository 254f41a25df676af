use crate::{DecoderInterface, Error, MAX_VOCAB_SIZE, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the bundle's layout; a reader refuses a newer one.
pub const FORMAT_VERSION: u32 = 2;
/// Most cells of a grid: 64x64, which is more than 80 times as many as ResNet50's.
pub const MAX_CELLS: usize = 64 * 64;
/// Largest of each of an architecture's `*_dim`: 16 times the widest backbone's.
pub const MAX_DIM: usize = 32_768;

/// The shape of an attention-LSTM captioner (Xu et al. 2015, "Show, Attend and Tell", soft attention).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Architecture {
    /// Name of the frozen backbone, e.g. `resnet50`.
    pub backbone: String,
    /// Channels of the backbone's grid: 2048 for ResNet50.
    pub feature_dim: usize,
    /// Cells of the grid, which is square and lies row by row: 49 for ResNet50's 7x7.
    pub num_cells: usize,
    /// Channels of the grid that the decoder attends to; `feature_dim` unless projected.
    pub encoder_dim: usize,
    /// Width of additive attention.
    pub attention_dim: usize,
    /// LSTM units.
    pub decoder_dim: usize,
    /// Width of a token's embedding.
    pub embed_dim: usize,
    /// Tokens, special ones included.
    pub vocab_size: usize,
    /// The grid passes a linear layer, layer norm and learned row and column positions.
    pub project_features: bool,
    /// The context is scaled by a sigmoid gate of the hidden state.
    pub gated_context: bool,
    /// Words are predicted from hidden state, context and last word through one tanh layer.
    pub deep_output: bool,
    /// The output matrix is the embedding matrix.
    pub tie_word_embeddings: bool,
}

impl Architecture {
    /// Rows of the grid, and its columns.
    pub fn grid_side(&self) -> usize {
        self.num_cells.isqrt()
    }

    /// Refuses sizes that are out of range or contradict each other.
    ///
    /// # Errors
    /// [`Error::Invalid`]: a size is 0, a `*_dim` is above [`MAX_DIM`], `vocab_size` is above
    /// [`MAX_VOCAB_SIZE`](crate::MAX_VOCAB_SIZE), or two sizes do not fit each other.
    pub fn validate(&self) -> Result<()> {
        let invalid = |reason: String| Err(Error::Invalid { what: "architecture", reason });
        for (name, size, most) in [
            ("feature_dim", self.feature_dim, MAX_DIM),
            ("encoder_dim", self.encoder_dim, MAX_DIM),
            ("attention_dim", self.attention_dim, MAX_DIM),
            ("decoder_dim", self.decoder_dim, MAX_DIM),
            ("embed_dim", self.embed_dim, MAX_DIM),
            ("vocab_size", self.vocab_size, MAX_VOCAB_SIZE),
        ] {
            if !(1..=most).contains(&size) {
                return invalid(format!("{name} is {size}, which is not between 1 and {most}"));
            }
        }
        let cells = self.num_cells;
        if !(1..=MAX_CELLS).contains(&cells) || self.grid_side().pow(2) != cells {
            return invalid(format!(
                "num_cells is {cells}, not the cells of a square grid of 1 to {MAX_CELLS}"
            ));
        }
        if !self.project_features && self.encoder_dim != self.feature_dim {
            return invalid(format!(
                "encoder_dim {} differs from feature_dim {} without project_features",
                self.encoder_dim, self.feature_dim
            ));
        }
        if self.tie_word_embeddings && !self.deep_output && self.embed_dim != self.decoder_dim {
            return invalid(format!(
                "tie_word_embeddings without deep_output wants embed_dim {} = decoder_dim {}",
                self.embed_dim, self.decoder_dim
            ));
        }
        Ok(())
    }
}

/// Where a model comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Data set and split that the decoder was trained on.
    pub dataset: String,
    /// Photos in the training split.
    pub train_images: usize,
    /// Captions in the training split.
    pub train_captions: usize,
    /// Training recipe.
    pub recipe: String,
    /// Epochs behind the exported weights.
    pub epochs: usize,
    /// Seed of shuffling, initialisation and dropout.
    pub seed: u64,
    /// SHA-256 of the backbone's weight file.
    pub backbone_sha256: String,
    /// Last blocks of the backbone whose convolutions were trained with the decoder: their weights are the
    /// checkpoint's, all others those of the file.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub trained_blocks: usize,
    /// The checkpoint whose weights training began with, if they were not drawn at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_from: Option<Box<SourceCheckpoint>>,
    /// The checkpoints whose mean the weights are, if they are a mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub averaged: Vec<SourceCheckpoint>,
    /// Strength by which the logits of rare tokens were raised after training; 0 where they were not.
    #[serde(default, skip_serializing_if = "is_zero_strength")]
    pub logit_adjustment: f32,
    /// Program and version that wrote the bundle.
    pub exported_by: String,
}

/// A checkpoint whose weights went into another one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceCheckpoint {
    /// SHA-256 of the checkpoint's file.
    pub sha256: String,
    /// Where that checkpoint comes from.
    pub provenance: Provenance,
}

/// `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Layout of the folder; see [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Always `glimpse-captioner`.
    pub model_type: String,
    /// Sizes.
    #[serde(flatten)]
    pub architecture: Architecture,
    /// The decoder's tensors; absent in format 1, which knows one kind of decoder. See
    /// [`decoder_interface`](Self::decoder_interface).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<DecoderInterface>,
    /// Data, recipe, seed.
    pub provenance: Provenance,
    /// Measured scores by setting, e.g. `"flickr8k test, beam 3" -> {"CIDEr": 0.52}`, on the 0-1 scale.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Config {
    /// The `model_type` of every bundle.
    pub const MODEL_TYPE: &str = "glimpse-captioner";

    /// A config of the current format without scores, of a decoder with the given tensors.
    pub fn new(decoder: DecoderInterface, architecture: Architecture, provenance: Provenance) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            model_type: Self::MODEL_TYPE.into(),
            decoder: Some(decoder),
            architecture,
            provenance,
            scores: BTreeMap::new(),
        }
    }

    /// The decoder's tensors, whichever format declares them.
    pub fn decoder_interface(&self) -> DecoderInterface {
        self.decoder.clone().unwrap_or_else(|| DecoderInterface::attention_lstm(&self.architecture))
    }

    /// Refuses a newer format, another kind of model, and the sizes that [`Architecture::validate`] refuses.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn validate(&self) -> Result<()> {
        if self.format_version > FORMAT_VERSION {
            return Err(Error::Invalid {
                what: "format_version",
                reason: format!(
                    "the bundle has version {}, this program reads up to {FORMAT_VERSION}; update the program",
                    self.format_version
                ),
            });
        }
        if self.model_type != Self::MODEL_TYPE {
            return Err(Error::Invalid {
                what: "model_type",
                reason: format!("{:?}, where this program runs {:?}", self.model_type, Self::MODEL_TYPE),
            });
        }
        self.architecture.validate()?;
        self.validate_decoder()
    }

    /// Format 1 declares no decoder, and format 2 does; an attention LSTM's follows from its sizes.
    fn validate_decoder(&self) -> Result<()> {
        let invalid = |reason: &str| Err(Error::Invalid { what: "decoder", reason: reason.into() });
        match &self.decoder {
            None if self.format_version < 2 => Ok(()),
            None => invalid("it is missing, and a bundle of format 2 declares its decoder's tensors"),
            Some(decoder) => {
                decoder.validate()?;
                let is_lstm = decoder.kind == DecoderInterface::ATTENTION_LSTM;
                if is_lstm && *decoder != DecoderInterface::attention_lstm(&self.architecture) {
                    return invalid("its tensors contradict the sizes beside it");
                }
                Ok(())
            }
        }
    }
}

fn is_zero_strength(strength: &f32) -> bool {
    *strength == 0.0
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
