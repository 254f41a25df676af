//! An LSTM with additive attention (Xu et al. 2015, soft attention). [`weights`] has the formulas.

mod encode;
mod step;
pub mod weights;

use super::{DecoderKind, StepInputs, StepOutputs, around, spread};
use crate::graph::{GraphBuilder, Value};
use crate::{Checkpoint, Result};
use glimpse_bundle::{Architecture, DecoderInterface};
use std::ops::Range;

#[derive(Debug)]
pub(super) struct AttentionLstm;

impl DecoderKind for AttentionLstm {
    fn name(&self) -> &'static str {
        DecoderInterface::ATTENTION_LSTM
    }

    fn interface(&self, sizes: &Architecture) -> DecoderInterface {
        DecoderInterface::attention_lstm(sizes)
    }

    fn weight_shapes(&self, sizes: &Architecture) -> Vec<(&'static str, Vec<usize>)> {
        weights::shapes(sizes)
    }

    fn output_bias(&self) -> Option<&'static str> {
        Some(weights::VOCAB_BIAS)
    }

    fn seeded_range(&self, name: &str, shape: &[usize], sizes: &Architecture) -> Range<f32> {
        // A tied token scores its own embedding: a large one would repeat itself for ever.
        let embedding = if sizes.tie_word_embeddings { 0.2 } else { 1.0 };
        match (name, shape) {
            (weights::NORM_WEIGHT, _) => 0.5..1.5,
            (weights::ROW_POSITIONS | weights::COLUMN_POSITIONS, _) => around(0.0, 0.5),
            (weights::EMBEDDING, _) => around(0.0, embedding),
            // Softmax is over these two: sharper than the rest.
            (weights::SCORE_WEIGHT | weights::VOCAB_WEIGHT, [_, inputs]) => around(0.0, spread(*inputs, 3.0)),
            (_, [_, inputs]) => around(0.0, spread(*inputs, 1.0)),
            _ => around(0.0, 0.1),
        }
    }

    fn encode(
        &self,
        graph: &mut GraphBuilder,
        checkpoint: &Checkpoint,
        features: Value,
    ) -> Result<Vec<Value>> {
        encode::build(graph, checkpoint, features)
    }

    fn step(
        &self,
        graph: &mut GraphBuilder,
        checkpoint: &Checkpoint,
        inputs: &StepInputs,
    ) -> Result<StepOutputs> {
        step::build(graph, checkpoint, inputs)
    }
}
