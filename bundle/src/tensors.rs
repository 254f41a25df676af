//! Names of the graphs' inputs, outputs and dynamic axes. Shapes stand beside each name, with
//! rows = batch_size x num_beams; every image has `cells` grid cells, row-major.

/// `f32 [batch_size, 3, height, width]`: RGB, normalised. Encoder input.
pub const PIXEL_VALUES: &str = "pixel_values";
/// `f32 [batch_size, cells, encoder_dim]`: the grid that the decoder attends to. Encoder output.
pub const LAST_HIDDEN_STATE: &str = "last_hidden_state";
/// `f32 [batch_size, cells, attention_dim]`: the grid projected for attention. Encoder output, decoder input.
pub const ENCODER_KEYS: &str = "encoder_keys";
/// `f32 [batch_size, decoder_dim]`: hidden state before the first word. Encoder output.
pub const INITIAL_H: &str = "initial_h";
/// `f32 [batch_size, decoder_dim]`: cell state before the first word. Encoder output.
pub const INITIAL_C: &str = "initial_c";

/// `i64 [rows]`: the last word of each row. Decoder input.
pub const INPUT_IDS: &str = "input_ids";
/// `i64 [rows]`: which row of the last step each row continues. Decoder input.
pub const BEAM_IDX: &str = "beam_idx";
/// `f32 [past_rows, decoder_dim]`: hidden state as the last step left it. Decoder input.
pub const PAST_H: &str = "past_h";
/// `f32 [past_rows, decoder_dim]`: cell state as the last step left it. Decoder input.
pub const PAST_C: &str = "past_c";
/// `f32 [batch_size, cells, encoder_dim]`: the encoder's `last_hidden_state`, once per image. Decoder input.
pub const ENCODER_HIDDEN_STATES: &str = "encoder_hidden_states";
/// i64 scalar: how many candidates a row to return. Decoder input.
pub const K: &str = "k";
/// `f32 [rows, k]`: log-probabilities of the best words, best first. Decoder output.
pub const TOP_LOG_PROBS: &str = "top_log_probs";
/// `i64 [rows, k]`: ids of the best words. Decoder output.
pub const TOP_TOKEN_IDS: &str = "top_token_ids";
/// `f32 [rows, decoder_dim]`: hidden state after this word. Decoder output.
pub const PRESENT_H: &str = "present_h";
/// `f32 [rows, decoder_dim]`: cell state after this word. Decoder output.
pub const PRESENT_C: &str = "present_c";
/// `f32 [rows, vocab_size]` or `[rows, 1, vocab_size]`: unnormalised log-probabilities. Output of a decoder that does
/// not rank tokens itself.
pub const LOGITS: &str = "logits";
/// `f32 [rows, cells]`: where each row looked; sums to 1. Decoder output.
pub const ATTENTIONS: &str = "attentions";

/// Axis: images in a batch.
pub const BATCH_SIZE: &str = "batch_size";
/// Axis: hypotheses, batch_size x num_beams.
pub const ROWS: &str = "rows";
/// Axis: hypotheses of the step before; differs from [`ROWS`] when beams open or images leave.
pub const PAST_ROWS: &str = "past_rows";
