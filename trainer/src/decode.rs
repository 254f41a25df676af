//! Captions from libtorch itself: for samples, validation scores and self-critical training.
//! Deployment decodes with `glimpse-runtime`.

use crate::model::{Grid, Stepper};
use glimpse_bundle::{BOS_ID, EOS_ID, GenerationConfig};
use ndarray::Array2;
use tch::{Kind, Tensor};

/// How the next word is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The most probable word.
    Greedy,
    /// A draw from the distribution, by libtorch's generator.
    Sample,
}

/// A decoded caption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Words without `<sos>` and `<eos>`.
    pub words: Vec<u32>,
    /// Whether `<eos>` came before the longest length.
    pub ended: bool,
}

/// What the decoder looked at while it said a caption.
#[derive(Debug, Clone)]
pub struct Attended {
    /// The caption's words, with `<eos>` where it ended.
    pub token_ids: Vec<u32>,
    /// Their natural log-probabilities.
    pub token_logprobs: Vec<f32>,
    /// [words, 49]: how much each word looked at each cell, row-major; each row sums to 1.
    pub attentions: Array2<f32>,
}

/// Says `caption` again to the one photo of `grid`, and watches.
pub fn attend(stepper: &Stepper, grid: &Grid, caption: &Decoded) -> Attended {
    let _guard = tch::no_grad_guard();
    let device = grid.h.device();
    let token_ids: Vec<u32> = caption.words.iter().copied().chain(caption.ended.then_some(EOS_ID)).collect();
    let mut state = grid.start();
    let (mut token_logprobs, mut attentions) = (Vec::new(), Vec::new());
    let mut read = BOS_ID;
    for &said in &token_ids {
        let step = stepper.step(&Tensor::from_slice(&[i64::from(read)]).to_device(device), grid, &state);
        let log_probs = step.logits.log_softmax(1, Kind::Float);
        token_logprobs.push(log_probs.double_value(&[0, i64::from(said)]) as f32);
        let weights = step.attentions.view(-1).to_device(tch::Device::Cpu);
        attentions.extend(Vec::<f32>::try_from(weights).expect("f32 weights"));
        (state, read) = (step.state, said);
    }
    let shape = (token_ids.len(), attentions.len() / token_ids.len().max(1));
    let attentions = Array2::from_shape_vec(shape, attentions).expect("as many cells each step");
    Attended { token_ids, token_logprobs, attentions }
}

/// Decodes one caption for each row of `grid`, whose photos it reads through `stepper`; a row leaves the
/// batch when it ends.
pub fn decode(stepper: &Stepper, grid: &Grid, choice: Choice, generation: &GenerationConfig) -> Vec<Decoded> {
    let _guard = tch::no_grad_guard();
    let device = grid.h.device();
    let rows = grid.h.size()[0] as usize;
    let mut captions = vec![Decoded { words: Vec::new(), ended: false }; rows];
    let mut places: Vec<usize> = (0..rows).collect();
    let mut words = vec![i64::from(BOS_ID); places.len()];
    let mut grid = grid.map(Tensor::shallow_clone);
    let mut state = grid.start();
    let suppressed: Vec<i64> = generation.suppress_tokens.iter().map(|&id| i64::from(id)).collect();
    let suppressed = Tensor::from_slice(&suppressed).to_device(device);
    // <sos> counts; the longest caption has no room for <eos>.
    for _ in 1..generation.max_length {
        let step = stepper.step(&Tensor::from_slice(&words).to_device(device), &grid, &state);
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
                caption.words.push(word as u32);
                kept.push(row as i64);
            }
        }
        if kept.is_empty() {
            break;
        }
        state = step.state;
        if kept.len() < chosen.len() {
            let rows = Tensor::from_slice(&kept).to_device(device);
            grid = grid.select(&rows);
            state = state.map(|tensor| tensor.index_select(0, &rows));
        }
        places = kept.iter().map(|&row| places[row as usize]).collect();
        words = kept.iter().map(|&row| chosen[row as usize]).collect();
    }
    captions
}
