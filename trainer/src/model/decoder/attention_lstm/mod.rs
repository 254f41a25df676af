//! The attention LSTM of [`glimpse_export::decoder::attention_lstm`], in libtorch.

mod boundary;
mod encode;
mod step;
mod step_matrix;
mod teacher_forcing;

use super::{DecoderKind, Stepper, TeacherForced};
use crate::model::parameters::{Init, ModelWeights};
use crate::model::{CaptionBatch, Encoded, Pass};
use glimpse_bundle::{Architecture, DecoderInterface};
use glimpse_export::decoder::attention_lstm::weights as names;
use tch::{Kind, Tensor};

#[derive(Debug)]
pub(super) struct AttentionLstm;

/// The weights, for the formulas in the files beside this one.
#[derive(Debug, Clone, Copy)]
struct Lstm<'a>(ModelWeights<'a>);

impl DecoderKind for AttentionLstm {
    fn name(&self) -> &'static str {
        DecoderInterface::ATTENTION_LSTM
    }

    fn init(&self, name: &str, sizes: &Architecture) -> Init {
        match name {
            names::NORM_WEIGHT => Init::Ones,
            names::ROW_POSITIONS | names::COLUMN_POSITIONS => Init::Normal(0.02),
            // It is the output matrix too.
            names::EMBEDDING if sizes.tie_word_embeddings => Init::Normal(0.05),
            names::LSTM_BIAS_IH => Init::LstmBias,
            _ if name.ends_with("bias") || name == names::LSTM_BIAS_HH => Init::Zeros,
            _ => Init::Xavier,
        }
    }

    fn embedding(&self) -> &'static str {
        names::EMBEDDING
    }

    fn encode(&self, weights: ModelWeights<'_>, features: &Tensor, pass: &Pass) -> Encoded {
        Lstm(weights).encode(features, pass)
    }

    fn teacher_forced(
        &self,
        weights: ModelWeights<'_>,
        encoded: &Encoded,
        batch: &CaptionBatch,
        pass: &Pass,
    ) -> TeacherForced {
        Lstm(weights).teacher_forced(encoded, batch, pass)
    }

    fn stepper<'a>(&self, weights: ModelWeights<'a>, precision: Kind) -> Box<dyn Stepper + 'a> {
        Box::new(step::LstmStepper::new(Lstm(weights), precision))
    }
}
