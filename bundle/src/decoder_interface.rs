use crate::{Architecture, Error, MAX_DIM, Result, tensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The tensors of a decoder, as `config.json` declares them under `decoder`: whatever runs, binds, quantises or loops
/// over a decoder reads this list and knows no kind of decoder by itself.
///
/// A step reads `input_ids` (i64 \[rows\]), the tensors of each image and the state of each row, and gives the next
/// state. Rows are image-major, with the same number for each image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// (f32 \[rows, vocab_size\] or \[rows, 1, vocab_size\]), which the host ranks.
    #[serde(default)]
    pub ranks_tokens: bool,
    /// The graph has an output `attentions`, f32 \[rows, cells\].
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// How far from 0 its values can be, where the decoder bounds them. Eight-bit variants need no calibration then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<f32>,
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
        let state = |past: &str, present: &str, initial: &str, bound| StateTensor {
            past: past.into(),
            present: present.into(),
            initial: Some(initial.into()),
            axes: vec![tensors::ROWS.into(), architecture.decoder_dim.into()],
            bound,
        };
        Self {
            kind: Self::ATTENTION_LSTM.into(),
            image_tensors: vec![
                image(tensors::LAST_HIDDEN_STATE, tensors::ENCODER_HIDDEN_STATES, architecture.encoder_dim),
                image(tensors::ENCODER_KEYS, tensors::ENCODER_KEYS, architecture.attention_dim),
            ],
            state: vec![
                // o tanh(c), or the tanh that starts it.
                state(tensors::PAST_H, tensors::PRESENT_H, tensors::INITIAL_H, Some(1.0)),
                state(tensors::PAST_C, tensors::PRESENT_C, tensors::INITIAL_C, None),
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

    /// Refuses an interface that no graph can have.
    ///
    /// # Errors
    /// [`Error::Invalid`]: no tensor of an image, more than 512 tensors, a name that is empty, too long or
    /// given twice, an axis of no or too large a size, or a bound that is not a number above 0.
    pub fn validate(&self) -> Result<()> {
        let invalid = |reason: String| Err(Error::Invalid { what: "decoder", reason });
        let tensors = self.image_tensors.len() + self.state.len();
        if self.image_tensors.is_empty() || tensors > MAX_TENSORS {
            return invalid(format!("{tensors} tensors, where 1 to {MAX_TENSORS} are read"));
        }
        let mut names = BTreeSet::new();
        let images = self.image_tensors.iter().map(|tensor| tensor.input.as_str());
        let states = self.state.iter().flat_map(|state| [state.past.as_str(), state.present.as_str()]);
        for name in images.chain(states) {
            if name.is_empty() || name.len() > MAX_NAME_BYTES {
                return invalid(format!(
                    "a tensor name has {} bytes, where 1 to {MAX_NAME_BYTES} are read",
                    name.len()
                ));
            }
            if !names.insert(name) {
                return invalid(format!("the tensor {name} is named twice"));
            }
        }
        let axes = self.image_tensors.iter().map(|tensor| &tensor.axes);
        for axes in axes.chain(self.state.iter().map(|state| &state.axes)) {
            let sound = |axis: &Axis| axis.size().is_none_or(|size| (1..=MAX_DIM).contains(&size));
            if !(2..=MAX_AXES).contains(&axes.len()) || axes[0].size().is_some() || !axes.iter().all(sound) {
                return invalid(format!(
                    "the axes {axes:?} do not begin with a named one, or are not 2 to {MAX_AXES} of up to {MAX_DIM}"
                ));
            }
        }
        match self
            .state
            .iter()
            .filter_map(|state| state.bound)
            .find(|bound| !bound.is_finite() || *bound <= 0.0)
        {
            Some(bound) => invalid(format!("the bound {bound} is not a number above 0")),
            None => Ok(()),
        }
    }
}

/// Most tensors of an interface: more than a Transformer of 64 layers has.
const MAX_TENSORS: usize = 512;
/// Longest tensor name, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// Most axes of a tensor.
const MAX_AXES: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn interface() -> DecoderInterface {
        DecoderInterface {
            kind: "toy".into(),
            image_tensors: vec![ImageTensor {
                output: "grid".into(),
                input: "grid".into(),
                axes: vec!["batch_size".into(), 9.into(), 4.into()],
            }],
            state: vec![StateTensor {
                past: "past".into(),
                present: "present".into(),
                initial: None,
                axes: vec!["rows".into(), 4.into()],
                bound: None,
            }],
            gathers_state: false,
            ranks_tokens: false,
            has_attentions: false,
        }
    }

    #[test]
    fn an_interface_is_what_was_written() {
        let json = serde_json::to_string(&interface()).unwrap();
        assert!(json.contains(r#""axes":["rows",4]"#), "{json}");
        assert_eq!(serde_json::from_str::<DecoderInterface>(&json).unwrap(), interface());
    }

    #[test]
    fn interfaces_that_no_graph_can_have_are_refused() {
        assert!(interface().validate().is_ok());
        let refused = |change: fn(&mut DecoderInterface), says: &str| {
            let mut interface = interface();
            change(&mut interface);
            let message = interface.validate().unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        };
        refused(|it| it.image_tensors.clear(), "1 to 512");
        refused(|it| it.state = vec![it.state[0].clone(); 600], "601 tensors");
        refused(|it| it.state.push(it.state[0].clone()), "past is named twice");
        refused(|it| it.state[0].past.clear(), "0 bytes");
        refused(|it| it.state[0].axes[1] = 1_000_000_000.into(), "1000000000");
        refused(|it| it.state[0].axes[0] = 5.into(), "do not begin with a named one");
        refused(|it| it.state[0].bound = Some(-1.0), "bound -1");
    }
}
