use crate::graph::{Attribute, Axis, GraphBuilder, Signature, Value};
use crate::linear::{self, Linear};
use crate::proto::{DataType, GraphProto};
use crate::{Checkpoint, Result};
use glimpse_bundle::checkpoint::weights as names;
use glimpse_bundle::{Architecture, tensors};

/// `decoder_model.onnx`: one word for every row, rows = batch_size x num_beams.
///
/// At batch 1 a step takes as long as reading its weights, so each weight is read by one product:
/// query, gate and the recurrent half of the LSTM share the one over h. The grid is never repeated
/// per beam; the queries of an image's beams meet its keys by broadcasting.
///
/// # Errors
/// A weight that is missing or of another shape, and sizes that contradict each other.
pub fn decoder_graph(checkpoint: &Checkpoint) -> Result<GraphProto> {
    let sizes = &checkpoint.config.architecture;
    sizes.validate()?;
    let mut graph = GraphBuilder::new();
    let inputs = inputs(&mut graph, sizes);
    let mut step = Step { graph, checkpoint, sizes };

    let h = step.rows_of_beams("h", &inputs.past_h, &inputs.beam_idx);
    let c = step.rows_of_beams("c", &inputs.past_c, &inputs.beam_idx);
    let embedding = step.constant(names::EMBEDDING, &[sizes.vocab_size, sizes.embed_dim])?;
    let word = step.graph.node("Gather", "word", [&embedding, &inputs.input_ids], []);

    let HiddenProducts { query, gate, recurrent } = step.hidden_products(&h)?;
    let (attentions, context) = step.attend(&query, &inputs)?;
    let context = match gate {
        Some(gate) => {
            let gate = step.graph.node("Sigmoid", "gate.sigmoid", [&gate], []);
            step.graph.node("Mul", "context.gated", [&gate, &context], [])
        }
        None => context,
    };
    let (h, c) = step.lstm(&word, &context, &recurrent, &c)?;
    let output = if sizes.deep_output { step.deep_output(&h, &context, &word)? } else { h };
    let logits = step.logits(&output, &embedding)?;
    let [top_log_probs, top_token_ids] = step.top_k(&logits, &inputs.k);

    let rows = Axis::Dynamic(tensors::ROWS);
    let candidates = [rows, Axis::Dynamic(tensors::K)];
    let state = [rows, Axis::Fixed(sizes.decoder_dim)];
    let cells = [rows, Axis::Fixed(sizes.num_cells)];
    let (float, int64) = (DataType::Float, DataType::Int64);
    let outputs = [
        (top_log_probs, tensors::TOP_LOG_PROBS, float, &candidates, "log-probabilities, best first"),
        (top_token_ids, tensors::TOP_TOKEN_IDS, int64, &candidates, "ids of the best words"),
        (h, tensors::PRESENT_H, float, &state, "hidden state after this word"),
        (c, tensors::PRESENT_C, float, &state, "cell state after this word"),
        (attentions, tensors::ATTENTIONS, float, &cells, "where each row looked; sums to 1"),
    ];
    let mut graph = step.graph;
    for (value, name, data_type, axes, doc) in outputs {
        graph.output(value, Signature { name, data_type, axes, doc });
    }
    Ok(graph.finish("decoder"))
}

struct Inputs {
    input_ids: Value,
    beam_idx: Value,
    past_h: Value,
    past_c: Value,
    encoder_hidden_states: Value,
    encoder_keys: Value,
    k: Value,
}

fn inputs(graph: &mut GraphBuilder, sizes: &Architecture) -> Inputs {
    let rows = Axis::Dynamic(tensors::ROWS);
    let state = [Axis::Dynamic(tensors::PAST_ROWS), Axis::Fixed(sizes.decoder_dim)];
    let grid =
        |channels| [Axis::Dynamic(tensors::BATCH_SIZE), Axis::Fixed(sizes.num_cells), Axis::Fixed(channels)];
    let mut input =
        |name, data_type, axes: &[Axis], doc| graph.input(Signature { name, data_type, axes, doc });
    let (float, int64) = (DataType::Float, DataType::Int64);
    Inputs {
        input_ids: input(tensors::INPUT_IDS, int64, &[rows], "the last word of each row"),
        beam_idx: input(tensors::BEAM_IDX, int64, &[rows], "which row of the last step each row continues"),
        past_h: input(tensors::PAST_H, float, &state, "hidden state as the last step left it"),
        past_c: input(tensors::PAST_C, float, &state, "cell state as the last step left it"),
        encoder_hidden_states: input(
            tensors::ENCODER_HIDDEN_STATES,
            float,
            &grid(sizes.encoder_dim),
            "the encoder's last_hidden_state, once per image",
        ),
        encoder_keys: input(
            tensors::ENCODER_KEYS,
            float,
            &grid(sizes.attention_dim),
            "the encoder's encoder_keys, once per image",
        ),
        k: input(tensors::K, int64, &[], "how many candidates a row to return"),
    }
}

struct Step<'a> {
    graph: GraphBuilder,
    checkpoint: &'a Checkpoint,
    sizes: &'a Architecture,
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

    /// The past state of the row that each row continues.
    fn rows_of_beams(&mut self, name: &str, past: &Value, beam_idx: &Value) -> Value {
        self.graph.node("Gather", name, [past, beam_idx], [])
    }

    fn hidden_products(&mut self, h: &Value) -> Result<HiddenProducts> {
        let &Architecture { attention_dim, encoder_dim, decoder_dim, gated_context, .. } = self.sizes;
        let query = self.linear(names::QUERY_WEIGHT, attention_dim)?;
        let recurrent = self.linear(names::LSTM_WEIGHT_HH, 4 * decoder_dim)?.with_sigmoids_first();
        let recurrent_bias = summed(
            self.checkpoint.weight(names::LSTM_BIAS_IH)?,
            self.checkpoint.weight(names::LSTM_BIAS_HH)?,
        );
        let recurrent_bias = Linear::new(&recurrent_bias, 4 * decoder_dim).with_sigmoids_first().weight;
        let query_bias = vec![0.0; attention_dim];

        let (layers, biases) = if gated_context {
            let gate = self.linear(names::GATE_WEIGHT, encoder_dim)?;
            let gate_bias = self.checkpoint.weight(names::GATE_BIAS)?.to_vec();
            (vec![query, gate, recurrent], vec![query_bias, gate_bias, recurrent_bias])
        } else {
            (vec![query, recurrent], vec![query_bias, recurrent_bias])
        };
        let bias = linear::bias(&mut self.graph, "hidden", &biases.concat());
        let products = Linear::stack(&layers).build(&mut self.graph, "hidden", h, &bias);

        let query = ("query", attention_dim);
        let recurrent = ("recurrent", 4 * decoder_dim);
        Ok(if gated_context {
            let parts = [query, ("gate", encoder_dim), recurrent];
            let [query, gate, recurrent] = linear::split(&mut self.graph, "hidden.split", &products, parts);
            HiddenProducts { query, gate: Some(gate), recurrent }
        } else {
            let [query, recurrent] =
                linear::split(&mut self.graph, "hidden.split", &products, [query, recurrent]);
            HiddenProducts { query, gate: None, recurrent }
        })
    }

    /// Additive attention (Bahdanau et al. 2015): weights [rows, 49] and context [rows, encoder_dim].
    fn attend(&mut self, query: &Value, inputs: &Inputs) -> Result<(Value, Value)> {
        let &Architecture { attention_dim, encoder_dim, num_cells, .. } = self.sizes;
        let score = self.checkpoint.weight(names::SCORE_WEIGHT)?;
        let graph = &mut self.graph;
        let first = [("start", Attribute::Int(0)), ("end", Attribute::Int(1))];
        let batch_size = graph.node("Shape", "batch_size", [&inputs.encoder_keys], first);
        let beams = graph.ints("beams", &[-1, 1, attention_dim as i64]);
        let shape = graph.node("Concat", "query.shape", [&batch_size, &beams], [("axis", Attribute::Int(0))]);
        // [batch_size, beams, 1, attention_dim] + [batch_size, 1, 49, attention_dim]
        let query = graph.node("Reshape", "query.beams", [query, &shape], []);
        let axis = graph.ints("keys.axis", &[1]);
        let keys = graph.node("Unsqueeze", "keys.beams", [&inputs.encoder_keys, &axis], []);
        let sum = graph.node("Add", "attention.sum", [&keys, &query], []);
        let energy = graph.node("Tanh", "attention.tanh", [&sum], []);
        // A column and a Squeeze: ONNX Runtime is five times slower with a vector.
        let score = graph.floats(names::SCORE_WEIGHT, &[attention_dim, 1], score);
        let scores = graph.node("MatMul", "attention.score", [&energy, &score], []);
        let axis = graph.ints("attention.axis", &[-1]);
        let scores = graph.node("Squeeze", "attention.scores", [&scores, &axis], []);
        let alpha = graph.node("Softmax", "attention.softmax", [&scores], [("axis", Attribute::Int(-1))]);

        let context = graph.node("MatMul", "context.beams", [&alpha, &inputs.encoder_hidden_states], []);
        let shape = graph.ints("context.shape", &[-1, encoder_dim as i64]);
        let context = graph.node("Reshape", "context", [&context, &shape], []);
        let shape = graph.ints("attentions.shape", &[-1, num_cells as i64]);
        let attentions = graph.node("Reshape", "attentions", [&alpha, &shape], []);
        Ok((attentions, context))
    }

    /// `torch.nn.LSTMCell` over [word; context]; `recurrent` brings the other half and the biases.
    fn lstm(
        &mut self,
        word: &Value,
        context: &Value,
        recurrent: &Value,
        c: &Value,
    ) -> Result<(Value, Value)> {
        let decoder_dim = self.sizes.decoder_dim;
        let layer = self.linear(names::LSTM_WEIGHT_IH, 4 * decoder_dim)?.with_sigmoids_first();
        let graph = &mut self.graph;
        let input = graph.node("Concat", "lstm.input", [word, context], [("axis", Attribute::Int(1))]);
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

    /// tanh(deep_h h + deep_z z + word), from Pascanu et al. 2014 by way of Xu et al. 2015.
    fn deep_output(&mut self, h: &Value, context: &Value, word: &Value) -> Result<Value> {
        let embed_dim = self.sizes.embed_dim;
        let layer = Linear::sum(
            &self.linear(names::DEEP_H_WEIGHT, embed_dim)?,
            &self.linear(names::DEEP_Z_WEIGHT, embed_dim)?,
        );
        let bias = linear::bias(&mut self.graph, "deep", self.checkpoint.weight(names::DEEP_H_BIAS)?);
        let graph = &mut self.graph;
        let input = graph.node("Concat", "deep.input", [h, context], [("axis", Attribute::Int(1))]);
        let product = layer.build(graph, "deep", &input, &bias);
        let sum = graph.node("Add", "deep.sum", [&product, word], []);
        Ok(graph.node("Tanh", "deep.tanh", [&sum], []))
    }

    /// [rows, vocab_size]; a tied model stores its embedding once.
    fn logits(&mut self, output: &Value, embedding: &Value) -> Result<Value> {
        let sizes = self.sizes;
        let bias = linear::bias(&mut self.graph, "vocab", self.checkpoint.weight(names::VOCAB_BIAS)?);
        let weight = if sizes.tie_word_embeddings {
            *embedding
        } else {
            let inputs = if sizes.deep_output { sizes.embed_dim } else { sizes.decoder_dim };
            self.constant(names::VOCAB_WEIGHT, &[sizes.vocab_size, inputs])?
        };
        Ok(linear::product(&mut self.graph, "logits", output, &weight, &bias))
    }

    /// The k best of each row, as log-probabilities over the whole vocabulary, and their ids.
    fn top_k(&mut self, logits: &Value, k: &Value) -> [Value; 2] {
        let graph = &mut self.graph;
        // Subtracting ReduceLogSumExp from the k best is the same and writes less, but ONNX Runtime
        // vectorises LogSoftmax alone: 18 against 64 us for a row of 12,509 words.
        let log_probs = graph.node("LogSoftmax", "log_softmax", [logits], [("axis", Attribute::Int(-1))]);
        let axis = graph.ints("k.axis", &[0]);
        let k = graph.node("Unsqueeze", "k.vector", [k, &axis], []);
        graph.node_with_outputs("TopK", "top_k", [&log_probs, &k], [], ["top_k.log_probs", "top_k.ids"])
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
