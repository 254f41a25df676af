use super::weights::*;
use crate::decoder::{StepInputs, StepOutputs};
use crate::graph::{Attribute, GraphBuilder, Value};
use crate::linear::{self, Linear};
use crate::{Checkpoint, Result};
use glimpse_bundle::Architecture;

/// A step. At batch 1 it takes as long as reading its weights, so each weight is read by one product: query, gate and
/// the recurrent half of the LSTM share the one over h. The grid is never repeated per beam; the queries of an image's
/// beams meet its keys by broadcasting.
pub(super) fn build(
    graph: &mut GraphBuilder,
    checkpoint: &Checkpoint,
    inputs: &StepInputs,
) -> Result<StepOutputs> {
    let sizes = &checkpoint.config.architecture;
    let &[h, c] = &inputs.past[..] else { unreachable!("two states are declared") };
    let &[hidden_states, keys] = &inputs.images[..] else {
        unreachable!("two tensors of an image are declared")
    };
    let mut step = Step { graph, checkpoint, sizes, hidden_states, keys };
    let embedding = step.constant(EMBEDDING, &[sizes.vocab_size, sizes.embed_dim])?;
    let token = step.graph.node("Gather", "token", [&embedding, &inputs.input_ids], []);

    let HiddenProducts { query, gate, recurrent } = step.hidden_products(&h)?;
    let (attentions, context) = step.attend(&query)?;
    let context = match gate {
        Some(gate) => {
            let gate = step.graph.node("Sigmoid", "gate.sigmoid", [&gate], []);
            step.graph.node("Mul", "context.gated", [&gate, &context], [])
        }
        None => context,
    };
    let (h, c) = step.lstm(&token, &context, &recurrent, &c)?;
    let output = if sizes.deep_output { step.deep_output(&h, &context, &token)? } else { h };
    let logits = step.logits(&output, &embedding)?;
    Ok(StepOutputs { logits, present: vec![h, c], attentions: Some(attentions) })
}

struct Step<'a> {
    graph: &'a mut GraphBuilder,
    checkpoint: &'a Checkpoint,
    sizes: &'a Architecture,
    /// [batch_size, cells, encoder_dim]
    hidden_states: Value,
    /// [batch_size, cells, attention_dim]
    keys: Value,
}

/// What the hidden state is multiplied for, each [rows, .].
struct HiddenProducts {
    query: Value,
    gate: Option<Value>,
    recurrent: Value,
}

impl Step<'_> {
    fn constant(&mut self, name: &'static str, shape: &[usize]) -> Result<Value> {
        Ok(self.graph.floats(name, shape, self.checkpoint.weight(name)?))
    }

    fn linear(&self, name: &'static str, outputs: usize) -> Result<Linear> {
        Ok(Linear::new(self.checkpoint.weight(name)?, outputs))
    }

    fn hidden_products(&mut self, h: &Value) -> Result<HiddenProducts> {
        let &Architecture { attention_dim, encoder_dim, decoder_dim, gated_context, .. } = self.sizes;
        let query = self.linear(QUERY_WEIGHT, attention_dim)?;
        let recurrent = self.linear(LSTM_WEIGHT_HH, 4 * decoder_dim)?.with_sigmoids_first();
        let recurrent_bias =
            summed(self.checkpoint.weight(LSTM_BIAS_IH)?, self.checkpoint.weight(LSTM_BIAS_HH)?);
        let recurrent_bias = Linear::new(&recurrent_bias, 4 * decoder_dim).with_sigmoids_first().weight;
        let query_bias = vec![0.0; attention_dim];

        let (layers, biases) = if gated_context {
            let gate = self.linear(GATE_WEIGHT, encoder_dim)?;
            let gate_bias = self.checkpoint.weight(GATE_BIAS)?.to_vec();
            (vec![query, gate, recurrent], vec![query_bias, gate_bias, recurrent_bias])
        } else {
            (vec![query, recurrent], vec![query_bias, recurrent_bias])
        };
        let bias = linear::bias(self.graph, "hidden", &biases.concat());
        let products = Linear::stack(&layers).build(self.graph, "hidden", h, &bias);

        let query = ("query", attention_dim);
        let recurrent = ("recurrent", 4 * decoder_dim);
        Ok(if gated_context {
            let parts = [query, ("gate", encoder_dim), recurrent];
            let [query, gate, recurrent] = linear::split(self.graph, "hidden.split", &products, parts);
            HiddenProducts { query, gate: Some(gate), recurrent }
        } else {
            let [query, recurrent] = linear::split(self.graph, "hidden.split", &products, [query, recurrent]);
            HiddenProducts { query, gate: None, recurrent }
        })
    }

    /// Additive attention (Bahdanau et al. 2015): weights [rows, cells] and context [rows, encoder_dim].
    fn attend(&mut self, query: &Value) -> Result<(Value, Value)> {
        let &Architecture { attention_dim, encoder_dim, num_cells, .. } = self.sizes;
        let score = self.checkpoint.weight(SCORE_WEIGHT)?;
        let graph = &mut *self.graph;
        let first = [("start", Attribute::Int(0)), ("end", Attribute::Int(1))];
        let batch_size = graph.node("Shape", "batch_size", [&self.keys], first);
        let beams = graph.ints("beams", &[-1, 1, attention_dim as i64]);
        let shape = graph.node("Concat", "query.shape", [&batch_size, &beams], [("axis", Attribute::Int(0))]);
        // [batch_size, beams, 1, attention_dim] + [batch_size, 1, cells, attention_dim]
        let query = graph.node("Reshape", "query.beams", [query, &shape], []);
        let axis = graph.ints("keys.axis", &[1]);
        let keys = graph.node("Unsqueeze", "keys.beams", [&self.keys, &axis], []);
        let sum = graph.node("Add", "attention.sum", [&keys, &query], []);
        let energy = graph.node("Tanh", "attention.tanh", [&sum], []);
        // A column and a Squeeze: ONNX Runtime is five times slower with a vector.
        let score = graph.floats(SCORE_WEIGHT, &[attention_dim, 1], score);
        let scores = graph.node("MatMul", "attention.score", [&energy, &score], []);
        let axis = graph.ints("attention.axis", &[-1]);
        let scores = graph.node("Squeeze", "attention.scores", [&scores, &axis], []);
        let alpha = graph.node("Softmax", "attention.softmax", [&scores], [("axis", Attribute::Int(-1))]);

        let context = graph.node("MatMul", "context.beams", [&alpha, &self.hidden_states], []);
        let shape = graph.ints("context.shape", &[-1, encoder_dim as i64]);
        let context = graph.node("Reshape", "context", [&context, &shape], []);
        let shape = graph.ints("attentions.shape", &[-1, num_cells as i64]);
        let attentions = graph.node("Reshape", "attentions", [&alpha, &shape], []);
        Ok((attentions, context))
    }

    /// `torch.nn.LSTMCell` over [token; context]; `recurrent` brings the other half and the biases.
    fn lstm(
        &mut self,
        token: &Value,
        context: &Value,
        recurrent: &Value,
        c: &Value,
    ) -> Result<(Value, Value)> {
        let decoder_dim = self.sizes.decoder_dim;
        let layer = self.linear(LSTM_WEIGHT_IH, 4 * decoder_dim)?.with_sigmoids_first();
        let graph = &mut *self.graph;
        let input = graph.node("Concat", "lstm.input", [token, context], [("axis", Attribute::Int(1))]);
        let gates = layer.build(graph, "lstm.gates", &input, recurrent);
        let parts = [("lstm.ifo", 3 * decoder_dim), ("lstm.g", decoder_dim)];
        let [ifo, g] = linear::split(graph, "lstm.activations", &gates, parts);
        let ifo = graph.node("Sigmoid", "lstm.sigmoid", [&ifo], []);
        let g = graph.node("Tanh", "lstm.tanh", [&g], []);
        let parts = [("lstm.i", decoder_dim), ("lstm.f", decoder_dim), ("lstm.o", decoder_dim)];
        let [i, f, o] = linear::split(graph, "lstm.split", &ifo, parts);
        let kept = graph.node("Mul", "lstm.kept", [&f, c], []);
        let new = graph.node("Mul", "lstm.new", [&i, &g], []);
        let c = graph.node("Add", "lstm.c", [&kept, &new], []);
        let squashed = graph.node("Tanh", "lstm.c.tanh", [&c], []);
        let h = graph.node("Mul", "lstm.h", [&o, &squashed], []);
        Ok((h, c))
    }

    /// tanh(deep_h h + deep_z z + token), from Pascanu et al. 2014 by way of Xu et al. 2015.
    fn deep_output(&mut self, h: &Value, context: &Value, token: &Value) -> Result<Value> {
        let embed_dim = self.sizes.embed_dim;
        let layer =
            Linear::sum(&self.linear(DEEP_H_WEIGHT, embed_dim)?, &self.linear(DEEP_Z_WEIGHT, embed_dim)?);
        let bias = linear::bias(self.graph, "deep", self.checkpoint.weight(DEEP_H_BIAS)?);
        let graph = &mut *self.graph;
        let input = graph.node("Concat", "deep.input", [h, context], [("axis", Attribute::Int(1))]);
        let product = layer.build(graph, "deep", &input, &bias);
        let sum = graph.node("Add", "deep.sum", [&product, token], []);
        Ok(graph.node("Tanh", "deep.tanh", [&sum], []))
    }

    /// [rows, vocab_size]; a tied model stores its embedding once.
    fn logits(&mut self, output: &Value, embedding: &Value) -> Result<Value> {
        let sizes = self.sizes;
        let bias = linear::bias(self.graph, "vocab", self.checkpoint.weight(VOCAB_BIAS)?);
        let weight = if sizes.tie_word_embeddings {
            *embedding
        } else {
            let inputs = if sizes.deep_output { sizes.embed_dim } else { sizes.decoder_dim };
            self.constant(VOCAB_WEIGHT, &[sizes.vocab_size, inputs])?
        };
        Ok(linear::product(self.graph, "logits", output, &weight, &bias))
    }
}

impl Linear {
    /// Reorders the gates i, f, g, o to i, f, o, g: the three sigmoids become one node.
    fn with_sigmoids_first(&self) -> Self {
        let gate = self.weight.len() / 4;
        let [i, f, g, o] = [0, 1, 2, 3].map(|index| &self.weight[index * gate..][..gate]);
        Self::new(&[i, f, o, g].concat(), self.outputs)
    }
}

fn summed(left: &[f32], right: &[f32]) -> Vec<f32> {
    left.iter().zip(right).map(|(left, right)| left + right).collect()
}
