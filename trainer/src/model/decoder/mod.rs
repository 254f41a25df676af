//! Kinds of decoders in libtorch: a folder and a row in `decoder_kinds` each. Names, weights and graphs are those of
//! the kind in [`glimpse_export::decoder`].

mod attention_lstm;

use super::parameters::{Init, ModelWeights};
use super::{CaptionBatch, Encoded, Pass, State};
use crate::{Error, Result};
use glimpse_bundle::Architecture;
use tch::{Kind, Tensor};

/// A kind of decoder: how its weights begin, and its formulas.
pub trait DecoderKind: std::fmt::Debug + Sync {
    /// Its name, in [`glimpse_bundle::DecoderInterface::kind`].
    fn name(&self) -> &'static str;

    /// How the weight called `name` begins.
    fn init(&self, name: &str, sizes: &Architecture) -> Init;

    /// The weight with a row for each token, which word vectors may fill.
    fn embedding(&self) -> &'static str;

    /// From the backbone's grid, f16 or f32 [batch, cells, feature_dim], to what the decoder reads.
    fn encode(&self, weights: ModelWeights<'_>, features: &Tensor, pass: &Pass) -> Encoded;

    /// Reads the captions token by token, each step given the true tokens before it.
    fn teacher_forced(
        &self,
        weights: ModelWeights<'_>,
        encoded: &Encoded,
        batch: &CaptionBatch,
        pass: &Pass,
    ) -> TeacherForced;

    /// Decodes token by token, with products in `precision`.
    fn stepper<'a>(&self, weights: ModelWeights<'a>, precision: Kind) -> Box<dyn Stepper + 'a>;
}

/// A decoder whose weights are laid out for decoding.
pub trait Stepper {
    /// One token for each row: `input_ids` is i64 \[rows\], `encoded` has one photo a row.
    fn step(&self, input_ids: &Tensor, encoded: &Encoded, state: &State) -> Step;
}

/// What one step gives.
#[derive(Debug)]
pub struct Step {
    /// f32 [rows, vocab_size]
    pub logits: Tensor,
    /// f32 [rows, cells], sums to 1; `None` of a decoder without attention.
    pub attentions: Option<Tensor>,
    /// The state after this token.
    pub state: State,
}

/// What a pass over given captions yields.
pub struct TeacherForced {
    /// f32 [tokens, vocab_size], in the order of [`CaptionBatch::targets`].
    pub logits: Tensor,
    /// f32 [rows, cells]: how much each row attended to each cell over its whole caption; `None` of a decoder without
    /// attention.
    pub attention_sums: Option<Tensor>,
    /// Gradients that were gathered on their way back, where the kind of decoder does so.
    pub gathered: Option<Box<dyn Gathered>>,
}

/// Gradients that stopped on their way back from the loss.
pub trait Gathered {
    /// After the loss went backward: a scalar whose gradient is what was gathered.
    fn flow(&self) -> Tensor;
}

impl TeacherForced {
    /// Adds to every weight's gradient that of `loss`, which was made of these passes; they may share a grid.
    pub fn backward(passes: &[Self], loss: &Tensor) {
        loss.backward();
        // One walk back for all passes: it frees what they share.
        let flows = passes.iter().filter_map(|pass| pass.gathered.as_ref()).map(|gathered| gathered.flow());
        if let Some(flow) = flows.reduce(|sum, flow| sum + flow) {
            flow.backward();
        }
    }
}

impl std::fmt::Debug for TeacherForced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TeacherForced").field("logits", &self.logits).finish_non_exhaustive()
    }
}

/// Every kind of decoder.
fn decoder_kinds() -> &'static [&'static dyn DecoderKind] {
    &[&attention_lstm::AttentionLstm]
}

/// The kind of decoder called `name`.
///
/// # Errors
/// [`Error::Invalid`], which names all kinds.
pub fn decoder_kind(name: &str) -> Result<&'static dyn DecoderKind> {
    decoder_kinds().iter().copied().find(|kind| kind.name() == name).ok_or_else(|| {
        let known: Vec<_> = decoder_kinds().iter().map(|kind| kind.name()).collect();
        Error::Invalid { what: "decoder", reason: format!("{name:?} is none of {}", known.join(", ")) }
    })
}
