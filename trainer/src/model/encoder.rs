use super::{Captioner, Pass, State};
use glimpse_bundle::checkpoint::weights as names;
use tch::{Kind, Tensor};

/// What the decoder reads of a batch of photos.
#[derive(Debug)]
pub struct Grid {
    /// f32 [batch, cells, encoder_dim]
    pub hidden: Tensor,
    /// f32 [batch, cells, attention_dim]
    pub keys: Tensor,
    /// f32 [batch, decoder_dim]
    pub h: Tensor,
    /// f32 [batch, decoder_dim]
    pub c: Tensor,
}

impl Grid {
    /// The photos of the given rows; a photo may come several times.
    pub fn select(&self, rows: &Tensor) -> Self {
        self.map(|tensor| tensor.index_select(0, rows))
    }

    /// Where the LSTM starts.
    pub fn start(&self) -> State {
        State { h: self.h.shallow_clone(), c: self.c.shallow_clone() }
    }

    /// The mean of the cells that an attention f32 [batch, cells] weighs: f32 [batch, encoder_dim].
    pub(super) fn look(&self, attention: &Tensor) -> Tensor {
        attention.unsqueeze(1).bmm(&self.hidden).squeeze_dim(1)
    }

    pub(crate) fn map(&self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        Self { hidden: f(&self.hidden), keys: f(&self.keys), h: f(&self.h), c: f(&self.c) }
    }
}

impl Captioner {
    /// From what the frozen part of the backbone gives, f16 or f32 [batch, cells, channels], to what the decoder reads.
    pub fn encode(&self, features: &Tensor, pass: &Pass) -> Grid {
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
    pub fn encode_grid(&self, features: &Tensor, pass: &Pass) -> Grid {
        let p = |name| self.parameters.get(name);
        let kept = pass.kept_cells(features.size()[1], features.device());
        let seen = |cells: Tensor, dimension| match &kept {
            Some(kept) => cells.index_select(dimension, kept),
            None => cells,
        };
        let features = seen(features.shallow_clone(), 1).to_kind(Kind::Float);
        let hidden = if self.architecture.project_features {
            let encoder_dim = self.architecture.encoder_dim as i64;
            let projected = features.linear(p(names::PROJECTION_WEIGHT), Some(p(names::PROJECTION_BIAS)));
            let (scale, shift) = (p(names::NORM_WEIGHT), p(names::NORM_BIAS));
            let normed =
                projected.layer_norm([encoder_dim], Some(scale), Some(shift), names::NORM_EPS, false);
            let positions = p(names::ROW_POSITIONS).unsqueeze(1) + p(names::COLUMN_POSITIONS).unsqueeze(0);
            normed + seen(positions.view([1, -1, encoder_dim]), 1)
        } else {
            features
        };
        let hidden = pass.drop_units(hidden);
        let mean = hidden.mean_dim(1, false, Kind::Float);
        Grid {
            keys: hidden.linear(p(names::KEY_WEIGHT), Some(p(names::KEY_BIAS))),
            h: mean.linear(p(names::INIT_H_WEIGHT), Some(p(names::INIT_H_BIAS))).tanh(),
            c: mean.linear(p(names::INIT_C_WEIGHT), Some(p(names::INIT_C_BIAS))).tanh(),
            hidden,
        }
    }
}
