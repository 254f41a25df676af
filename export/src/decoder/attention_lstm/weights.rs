//! Names of the weights, PyTorch's where PyTorch has the layer. Linear weights are [out, in].
//!
//! With F the backbone's grid [batch, cells, feature_dim]:
//!
//! ```text
//! G      = LayerNorm(F proj^T + b) + row + column     (project_features; else G = F)
//! K      = G key^T + b
//! h0, c0 = tanh(init_h mean(G)), tanh(init_c mean(G))
//! ```
//!
//! and at each step, from the token x and the state (h, c):
//!
//! ```text
//! e      = embedding[x]
//! alpha  = softmax(score . tanh(K + query h))
//! z      = alpha G;  z = sigmoid(gate h) * z          (gated_context)
//! i,f,g,o= weight_ih [e; z] + bias_ih + weight_hh h + bias_hh
//! c'     = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c')
//! u      = tanh(deep_h h' + deep_z z + e)             (deep_output; else u = h')
//! logits = u vocab^T + b                              (vocab = embedding when tied)
//! ```

use glimpse_bundle::Architecture;

/// `[encoder_dim, feature_dim]`
pub const PROJECTION_WEIGHT: &str = "encoder.projection.weight";
/// `[encoder_dim]`
pub const PROJECTION_BIAS: &str = "encoder.projection.bias";
/// `[encoder_dim]`; epsilon is [`NORM_EPS`]
pub const NORM_WEIGHT: &str = "encoder.norm.weight";
/// `[encoder_dim]`
pub const NORM_BIAS: &str = "encoder.norm.bias";
/// `[7, encoder_dim]`
pub const ROW_POSITIONS: &str = "encoder.row_positions";
/// `[7, encoder_dim]`
pub const COLUMN_POSITIONS: &str = "encoder.column_positions";
/// `[attention_dim, encoder_dim]`
pub const KEY_WEIGHT: &str = "attention.key.weight";
/// `[attention_dim]`
pub const KEY_BIAS: &str = "attention.key.bias";
/// `[attention_dim, decoder_dim]`, no bias: the key has one
pub const QUERY_WEIGHT: &str = "attention.query.weight";
/// `[1, attention_dim]`, no bias: softmax would cancel it
pub const SCORE_WEIGHT: &str = "attention.score.weight";
/// `[decoder_dim, encoder_dim]`
pub const INIT_H_WEIGHT: &str = "decoder.init_h.weight";
/// `[decoder_dim]`
pub const INIT_H_BIAS: &str = "decoder.init_h.bias";
/// `[decoder_dim, encoder_dim]`
pub const INIT_C_WEIGHT: &str = "decoder.init_c.weight";
/// `[decoder_dim]`
pub const INIT_C_BIAS: &str = "decoder.init_c.bias";
/// `[encoder_dim, decoder_dim]`
pub const GATE_WEIGHT: &str = "decoder.gate.weight";
/// `[encoder_dim]`
pub const GATE_BIAS: &str = "decoder.gate.bias";
/// `[vocab_size, embed_dim]`
pub const EMBEDDING: &str = "decoder.embedding.weight";
/// `[4 decoder_dim, embed_dim + encoder_dim]`, gates i, f, g, o as in `torch.nn.LSTMCell`
pub const LSTM_WEIGHT_IH: &str = "decoder.lstm.weight_ih";
/// `[4 decoder_dim, decoder_dim]`
pub const LSTM_WEIGHT_HH: &str = "decoder.lstm.weight_hh";
/// `[4 decoder_dim]`
pub const LSTM_BIAS_IH: &str = "decoder.lstm.bias_ih";
/// `[4 decoder_dim]`
pub const LSTM_BIAS_HH: &str = "decoder.lstm.bias_hh";
/// `[embed_dim, decoder_dim]`
pub const DEEP_H_WEIGHT: &str = "decoder.deep_h.weight";
/// `[embed_dim]`
pub const DEEP_H_BIAS: &str = "decoder.deep_h.bias";
/// `[embed_dim, encoder_dim]`, no bias: deep_h has one
pub const DEEP_Z_WEIGHT: &str = "decoder.deep_z.weight";
/// `[vocab_size, embed_dim or decoder_dim]`; absent when tied
pub const VOCAB_WEIGHT: &str = "decoder.vocab.weight";
/// `[vocab_size]`
pub const VOCAB_BIAS: &str = "decoder.vocab.bias";

/// Layer norm's epsilon.
pub const NORM_EPS: f64 = 1e-5;

/// Names and shapes of the weights.
pub(super) fn shapes(architecture: &Architecture) -> Vec<(&'static str, Vec<usize>)> {
    let &Architecture {
        feature_dim,
        encoder_dim,
        attention_dim,
        decoder_dim,
        embed_dim,
        vocab_size,
        project_features,
        gated_context,
        deep_output,
        tie_word_embeddings,
        ..
    } = architecture;
    let mut shapes = Vec::new();
    if project_features {
        shapes.extend([
            (PROJECTION_WEIGHT, vec![encoder_dim, feature_dim]),
            (PROJECTION_BIAS, vec![encoder_dim]),
            (NORM_WEIGHT, vec![encoder_dim]),
            (NORM_BIAS, vec![encoder_dim]),
            (ROW_POSITIONS, vec![architecture.grid_side(), encoder_dim]),
            (COLUMN_POSITIONS, vec![architecture.grid_side(), encoder_dim]),
        ]);
    }
    shapes.extend([
        (KEY_WEIGHT, vec![attention_dim, encoder_dim]),
        (KEY_BIAS, vec![attention_dim]),
        (QUERY_WEIGHT, vec![attention_dim, decoder_dim]),
        (SCORE_WEIGHT, vec![1, attention_dim]),
        (INIT_H_WEIGHT, vec![decoder_dim, encoder_dim]),
        (INIT_H_BIAS, vec![decoder_dim]),
        (INIT_C_WEIGHT, vec![decoder_dim, encoder_dim]),
        (INIT_C_BIAS, vec![decoder_dim]),
    ]);
    if gated_context {
        shapes.extend([(GATE_WEIGHT, vec![encoder_dim, decoder_dim]), (GATE_BIAS, vec![encoder_dim])]);
    }
    shapes.extend([
        (EMBEDDING, vec![vocab_size, embed_dim]),
        (LSTM_WEIGHT_IH, vec![4 * decoder_dim, embed_dim + encoder_dim]),
        (LSTM_WEIGHT_HH, vec![4 * decoder_dim, decoder_dim]),
        (LSTM_BIAS_IH, vec![4 * decoder_dim]),
        (LSTM_BIAS_HH, vec![4 * decoder_dim]),
    ]);
    if deep_output {
        shapes.extend([
            (DEEP_H_WEIGHT, vec![embed_dim, decoder_dim]),
            (DEEP_H_BIAS, vec![embed_dim]),
            (DEEP_Z_WEIGHT, vec![embed_dim, encoder_dim]),
        ]);
    }
    if !tie_word_embeddings {
        let output_dim = if deep_output { embed_dim } else { decoder_dim };
        shapes.push((VOCAB_WEIGHT, vec![vocab_size, output_dim]));
    }
    shapes.push((VOCAB_BIAS, vec![vocab_size]));
    shapes
}
