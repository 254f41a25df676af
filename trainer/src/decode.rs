//! Captions from libtorch itself: for samples, validation scores and self-critical training.
//! Deployment decodes with `glimpse-runtime`.

use crate::model::{Grid, State, Stepper};
use glimpse_bundle::{BOS_ID, EOS_ID, GenerationConfig};
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

/// Decodes one caption for each row of `grid`, whose photos it reads through `stepper`; a row leaves the
/// batch when it ends.
pub fn decode(stepper: &Stepper, grid: &Grid, choice: Choice, generation: &GenerationConfig) -> Vec<Decoded> {
    let _guard = tch::no_grad_guard();
    let device = grid.h.device();
    let rows = grid.h.size()[0];
    let mut captions = vec![Decoded { words: Vec::new(), ended: false }; rows as usize];
    let mut places: Vec<usize> = (0..rows as usize).collect();
    let mut words = vec![i64::from(BOS_ID); places.len()];
    let all = Tensor::arange(rows, (Kind::Int64, device));
    let mut grid = grid.select(&all);
    let mut state = State { h: grid.h.shallow_clone(), c: grid.c.shallow_clone() };
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
            state = State { h: state.h.index_select(0, &rows), c: state.c.index_select(0, &rows) };
        }
        places = kept.iter().map(|&row| places[row as usize]).collect();
        words = kept.iter().map(|&row| chosen[row as usize]).collect();
    }
    captions
}
