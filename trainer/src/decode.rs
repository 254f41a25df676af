//! Captions from libtorch itself: for samples, validation scores and self-critical training.
//! Deployment decodes with `glimpse-runtime`.

use crate::model::{Encoded, Stepper};
use glimpse_bundle::{BOS_ID, EOS_ID, GenerationConfig};
use ndarray::Array2;
use tch::{Kind, Tensor};

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The most probable token.
    Greedy,
    /// A draw from the distribution, by libtorch's generator.
    Sample,
}

/// A decoded caption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Token ids without `<sos>` and `<eos>`.
    pub token_ids: Vec<u32>,
    /// Whether `<eos>` came before the longest length.
    pub ended: bool,
}

/// Where the decoder attended to while it read a caption.
#[derive(Debug, Clone)]
pub struct Attended {
    /// The caption's tokens, with `<eos>` where it ended.
    pub token_ids: Vec<u32>,
    /// Their natural log-probabilities.
    pub token_logprobs: Vec<f32>,
    /// [tokens, cells]: how much each token attended to each cell, row-major; each row sums to 1.
    pub attentions: Array2<f32>,
}

/// Reads `caption` of the one photo of `encoded` again, and keeps where each step attended to; `None` of a decoder
/// without attention.
pub fn attend(stepper: &dyn Stepper, encoded: &Encoded, caption: &Decoded) -> Option<Attended> {
    let _guard = tch::no_grad_guard();
    let device = encoded.device();
    let token_ids: Vec<u32> =
        caption.token_ids.iter().copied().chain(caption.ended.then_some(EOS_ID)).collect();
    let mut state = encoded.start();
    let (mut token_logprobs, mut attentions) = (Vec::new(), Vec::new());
    let mut read = BOS_ID;
    for &token in &token_ids {
        let step = stepper.step(&Tensor::from_slice(&[i64::from(read)]).to_device(device), encoded, &state);
        let log_probs = step.logits.log_softmax(1, Kind::Float);
        token_logprobs.push(log_probs.double_value(&[0, i64::from(token)]) as f32);
        let weights = step.attentions?.view(-1).to_device(tch::Device::Cpu);
        attentions.extend(Vec::<f32>::try_from(weights).expect("f32 weights"));
        (state, read) = (step.state, token);
    }
    let shape = (token_ids.len(), attentions.len() / token_ids.len().max(1));
    let attentions = Array2::from_shape_vec(shape, attentions).expect("as many cells each step");
    Some(Attended { token_ids, token_logprobs, attentions })
}

/// Decodes one caption for each row of `encoded` through `stepper`; a row leaves the batch when it ends.
pub fn decode(
    stepper: &dyn Stepper,
    encoded: &Encoded,
    choice: Choice,
    generation: &GenerationConfig,
) -> Vec<Decoded> {
    let _guard = tch::no_grad_guard();
    let device = encoded.device();
    let rows = encoded.len();
    let mut captions = vec![Decoded { token_ids: Vec::new(), ended: false }; rows];
    let mut places: Vec<usize> = (0..rows).collect();
    let mut words = vec![i64::from(BOS_ID); places.len()];
    let mut encoded = encoded.map(Tensor::shallow_clone);
    let mut state = encoded.start();
    let suppressed: Vec<i64> = generation.suppress_tokens.iter().map(|&id| i64::from(id)).collect();
    let suppressed = Tensor::from_slice(&suppressed).to_device(device);
    // <sos> counts; the longest caption has no room for <eos>.
    for _ in 1..generation.max_length {
        let step = stepper.step(&Tensor::from_slice(&words).to_device(device), &encoded, &state);
        let logits = step.logits.index_fill(1, &suppressed, f64::NEG_INFINITY);
        let chosen = match choice {
            Choice::Greedy => logits.argmax(1, false),
            Choice::Sample => logits.softmax(1, Kind::Float).multinomial(1, false).squeeze_dim(1),
        };
        let chosen = Vec::<i64>::try_from(chosen.to_device(tch::Device::Cpu)).expect("one id a row");
        let mut kept = Vec::new();
        for (row, &word) in chosen.iter().enumerate() {
            let caption = &mut captions[places[row]];
            if word == i64::from(EOS_ID) {
                caption.ended = true;
            } else {
                caption.token_ids.push(word as u32);
                kept.push(row as i64);
            }
        }
        if kept.is_empty() {
            break;
        }
        state = step.state;
        if kept.len() < chosen.len() {
            let rows = Tensor::from_slice(&kept).to_device(device);
            encoded = encoded.select(&rows);
            state = state.map(|tensor| tensor.index_select(0, &rows));
        }
        places = kept.iter().map(|&row| places[row as usize]).collect();
        words = kept.iter().map(|&row| chosen[row as usize]).collect();
    }
    captions
}
