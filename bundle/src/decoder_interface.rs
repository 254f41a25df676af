use crate::{Architecture, tensors};
use serde::{Deserialize, Serialize};

/// The tensors of a decoder, as `config.json` declares them under `decoder`: whatever runs, binds, quantises or loops
/// over a decoder reads this list and knows no kind of decoder by itself.
///
/// A step reads `input_ids` (i64 [rows]), the tensors of each image and the state of each row, and gives the next
/// state. Rows are image-major, with the same number for each image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecoderInterface {
    /// What decodes, e.g. `attention_lstm`.
    pub kind: String,
    /// Encoder outputs that every step reads, one of each an image: beams share them.
    pub image_tensors: Vec<ImageTensor>,
    /// What a row carries from step to step.
    pub state: Vec<StateTensor>,
    /// The graph has an input `beam_idx`, by which it gathers the state itself. Else the host gathers it.
    #[serde(default)]
    pub gathers_state: bool,
    /// The graph has an input `k` and returns `top_log_probs` and `top_token_ids`. Else it returns `logits`
    /// (f32 [rows, vocab_size] or [rows, 1, vocab_size]), which the host ranks.
    #[serde(default)]
    pub ranks_tokens: bool,
    /// The graph has an output `attentions`, f32 [rows, cells].
    #[serde(default)]
    pub has_attentions: bool,
}

/// An encoder output that the decoder reads at every step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageTensor {
    /// Its name among the encoder's outputs.
    pub output: String,
    /// Its name among the decoder's inputs.
    pub input: String,
    /// Its axes, `batch_size` first.
    pub axes: Vec<Axis>,
}

/// A tensor of a row's state: f32.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateTensor {
    /// The decoder's input, as the last step left it.
    pub past: String,
    /// The decoder's output.
    pub present: String,
    /// The encoder output that the state begins with, one row an image. Without one it begins empty: 0 long on
    /// every named axis but the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<String>,
    /// Its axes, `rows` first.
    pub axes: Vec<Axis>,
}

/// An axis of a tensor: a size, or the name of one that varies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Axis {
    /// Always this long.
    Fixed(usize),
    /// As long as the call makes it.
    Named(String),
}

impl Axis {
    /// The size, if it is always the same.
    pub fn size(&self) -> Option<usize> {
        match self {
            Self::Fixed(size) => Some(*size),
            Self::Named(_) => None,
        }
    }
}

impl From<usize> for Axis {
    fn from(size: usize) -> Self {
        Self::Fixed(size)
    }
}

impl From<&str> for Axis {
    fn from(name: &str) -> Self {
        Self::Named(name.into())
    }
}

impl DecoderInterface {
    /// The kind of [`attention_lstm`](Self::attention_lstm).
    pub const ATTENTION_LSTM: &str = "attention_lstm";

    /// An LSTM with additive attention: the interface of every bundle of format 1.
    pub fn attention_lstm(architecture: &Architecture) -> Self {
        let cells = architecture.num_cells;
        let image = |output: &str, input: &str, width: usize| ImageTensor {
            output: output.into(),
            input: input.into(),
            axes: vec![tensors::BATCH_SIZE.into(), cells.into(), width.into()],
        };
        let state = |past: &str, present: &str, initial: &str| StateTensor {
            past: past.into(),
            present: present.into(),
            initial: Some(initial.into()),
            axes: vec![tensors::ROWS.into(), architecture.decoder_dim.into()],
        };
        Self {
            kind: Self::ATTENTION_LSTM.into(),
            image_tensors: vec![
                image(tensors::LAST_HIDDEN_STATE, tensors::ENCODER_HIDDEN_STATES, architecture.encoder_dim),
                image(tensors::ENCODER_KEYS, tensors::ENCODER_KEYS, architecture.attention_dim),
            ],
            state: vec![
                state(tensors::PAST_H, tensors::PRESENT_H, tensors::INITIAL_H),
                state(tensors::PAST_C, tensors::PRESENT_C, tensors::INITIAL_C),
            ],
            gathers_state: true,
            ranks_tokens: true,
            has_attentions: true,
        }
    }

    /// The encoder outputs that the decoder wants: those of each image, and those that the state begins with.
    pub fn encoder_outputs(&self) -> Vec<(&str, &[Axis])> {
        let images = self.image_tensors.iter().map(|tensor| (tensor.output.as_str(), tensor.axes.as_slice()));
        let initial =
            self.state.iter().filter_map(|state| Some((state.initial.as_deref()?, state.axes.as_slice())));
        images.chain(initial).collect()
    }
}
