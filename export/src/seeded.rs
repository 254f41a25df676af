//! Random weights from a seed, the same on every machine: for tests and benchmarks of models whose
//! captions do not matter. Scales are such that activations keep a moderate size through every layer and
//! attention is not flat and not on a single cell.

use crate::backbone::{Activation, Backbone, backbone};
use crate::decoder::{DecoderKind, around, decoder_kind, spread};
use crate::{Checkpoint, Result, Weights};
use glimpse_bundle::{
    Architecture, CaptionTokenizer, Config, DecoderInterface, GenerationConfig, Provenance, SPECIALS,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

impl Checkpoint {
    /// A checkpoint of an attention LSTM with random weights and the backbone's own preprocessing; `tokenizer` is the
    /// text of a `tokenizer.json`, such as [`tokenizer`] gives.
    ///
    /// # Errors
    /// An unknown backbone, contradicting sizes, a vocabulary of another size.
    pub fn seeded(architecture: Architecture, tokenizer: String, seed: u64) -> Result<Self> {
        Self::seeded_kind(decoder_kind(DecoderInterface::ATTENTION_LSTM)?, architecture, tokenizer, seed)
    }

    /// As [`Checkpoint::seeded`], for any kind of decoder.
    ///
    /// # Errors
    /// As there.
    pub fn seeded_kind(
        kind: &dyn DecoderKind,
        architecture: Architecture,
        tokenizer: String,
        seed: u64,
    ) -> Result<Self> {
        architecture.validate()?;
        let preprocessor = backbone(&architecture.backbone)?.preprocessor();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut weights = Weights::in_memory("the seeded checkpoint");
        for (name, shape) in kind.weight_shapes(&architecture) {
            let range = kind.seeded_range(name, &shape, &architecture);
            weights.insert(name, &shape, uniform(&mut random, &shape, range))?;
        }
        let provenance = Provenance { recipe: "seeded random weights".into(), seed, ..Provenance::default() };
        let checkpoint = Self {
            config: Config::new(kind.interface(&architecture), architecture, provenance),
            preprocessor,
            generation: GenerationConfig::default(),
            tokenizer,
            weights,
        };
        checkpoint.validate()?;
        Ok(checkpoint)
    }
}

/// Random weights for a backbone: convolutions as in He et al. 2015 ("Delving Deep into Rectifiers"),
/// batch norms near the identity, those that feed a sum halved so that sums do not grow.
///
/// # Errors
/// None for the backbones of this crate, whose shapes are right.
pub fn backbone_weights(backbone: &Backbone, seed: u64) -> Result<Weights> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut weights = Weights::in_memory(format!("the seeded {}", backbone.name));
    for layer in backbone.layers() {
        let kernel_shape = layer.weight_shape();
        let fan_in = kernel_shape[1..].iter().product();
        let gain = if layer.activation == Activation::Linear { 0.5 } else { 1.0 };
        let ranges = [
            around(0.0, spread(fan_in, 2f32.sqrt())),
            around(gain, 0.2 * gain),
            around(0.0, 0.2),
            around(0.0, 0.2),
            0.7..1.3,
        ];
        for ((name, shape), range) in layer.weight_shapes().into_iter().zip(ranges) {
            weights.insert(name, &shape, uniform(&mut random, &shape, range))?;
        }
    }
    Ok(weights)
}

/// The text of a `tokenizer.json` with the specials and then `word4`, `word5` and so on.
///
/// # Errors
/// Refuses a vocabulary without a word besides the specials.
pub fn tokenizer(vocab_size: usize) -> Result<String> {
    let words = (SPECIALS.len()..vocab_size).map(|id| format!("word{id}"));
    Ok(CaptionTokenizer::build(words)?.to_json()?)
}

fn uniform(random: &mut ChaCha8Rng, shape: &[usize], range: Range<f32>) -> Vec<f32> {
    (0..shape.iter().product()).map(|_| random.random_range(range.clone())).collect()
}
