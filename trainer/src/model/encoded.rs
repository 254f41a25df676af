use super::{Captioner, Pass};
use tch::{Device, Tensor};

/// What the decoder reads of a batch of photos. The order of the tensors is that of the decoder's
/// [`DecoderInterface`](glimpse_bundle::DecoderInterface).
#[derive(Debug)]
pub struct Encoded {
    /// What every step reads: f32 [batch, ...] each.
    pub images: Vec<Tensor>,
    /// What the state begins with: f32 [batch, ...] each.
    pub initial: Vec<Tensor>,
}

/// What each row carries from step to step: f32 [rows, ...] each, in the order of the decoder's
/// [`DecoderInterface::state`](glimpse_bundle::DecoderInterface::state).
#[derive(Debug)]
pub struct State(pub Vec<Tensor>);

impl State {
    pub(crate) fn map(&self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        Self(self.0.iter().map(f).collect())
    }
}

impl Encoded {
    /// How many photos there are.
    pub fn len(&self) -> usize {
        self.images.first().map_or(0, |images| images.size()[0] as usize)
    }

    /// Whether there is no photo.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the tensors lie.
    pub fn device(&self) -> Device {
        self.images.first().map_or(Device::Cpu, Tensor::device)
    }

    /// The photos of the given rows; a photo may come several times.
    pub fn select(&self, rows: &Tensor) -> Self {
        self.map(|tensor| tensor.index_select(0, rows))
    }

    /// The state before the first token.
    pub fn start(&self) -> State {
        State(self.initial.iter().map(Tensor::shallow_clone).collect())
    }

    pub(crate) fn map(&self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        Self { images: self.images.iter().map(&f).collect(), initial: self.initial.iter().map(&f).collect() }
    }
}

impl Captioner {
    /// From what the frozen part of the backbone gives, f16 or f32 [batch, cells, channels], to what the decoder reads.
    pub fn encode(&self, features: &Tensor, pass: &Pass) -> Encoded {
        self.encode_grid(&self.run_trained_blocks(features, pass), pass)
    }

    /// The backbone's grid, f16 or f32 [batch, grid cells, feature_dim]: what the trained blocks make of `features`, or
    /// `features` themselves where no block is trained.
    pub fn run_trained_blocks(&self, features: &Tensor, pass: &Pass) -> Tensor {
        match &self.trained_blocks {
            Some(blocks) => blocks.forward(features, |name| self.parameters.get(name), pass.precision),
            None => features.shallow_clone(),
        }
    }

    /// From the backbone's grid, f16 or f32 [batch, grid cells, feature_dim], to what the decoder reads; under cell
    /// dropout (Liu et al. 2022, PatchDropout) of fewer cells.
    pub fn encode_grid(&self, features: &Tensor, pass: &Pass) -> Encoded {
        self.kind.encode(self.weights(), features, pass)
    }
}
