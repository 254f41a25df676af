use super::step::LstmState;
use super::{Lstm, names};
use crate::model::parameters::ModelWeights;
use crate::model::{Encoded, Pass};
use tch::{Kind, Tensor};

/// What the decoder reads of a batch of photos, by the names of the formulas.
#[derive(Debug)]
pub(super) struct Grid {
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
    /// The tensors of `encoded` by their names.
    pub fn of(encoded: &Encoded) -> Self {
        let clone = Tensor::shallow_clone;
        Self {
            hidden: clone(&encoded.images[0]),
            keys: clone(&encoded.images[1]),
            h: clone(&encoded.initial[0]),
            c: clone(&encoded.initial[1]),
        }
    }

    /// The state before the first token.
    pub fn start(&self) -> LstmState {
        LstmState { h: self.h.shallow_clone(), c: self.c.shallow_clone() }
    }

    /// The mean of the cells that an attention f32 [batch, cells] weighs: f32 [batch, encoder_dim].
    pub fn look(&self, attention: &Tensor) -> Tensor {
        attention.unsqueeze(1).bmm(&self.hidden).squeeze_dim(1)
    }

    pub fn map(&self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        Self { hidden: f(&self.hidden), keys: f(&self.keys), h: f(&self.h), c: f(&self.c) }
    }
}

impl Lstm<'_> {
    /// Projected grid, keys, and the first h and c.
    pub fn encode(self, features: &Tensor, pass: &Pass) -> Encoded {
        let ModelWeights { parameters, sizes } = self.0;
        let p = |name| parameters.get(name);
        let kept = pass.kept_cells(features.size()[1], features.device());
        let seen = |cells: Tensor, dimension| match &kept {
            Some(kept) => cells.index_select(dimension, kept),
            None => cells,
        };
        let features = seen(features.shallow_clone(), 1).to_kind(Kind::Float);
        let hidden = if sizes.project_features {
            let encoder_dim = sizes.encoder_dim as i64;
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
        let keys = hidden.linear(p(names::KEY_WEIGHT), Some(p(names::KEY_BIAS)));
        let h = mean.linear(p(names::INIT_H_WEIGHT), Some(p(names::INIT_H_BIAS))).tanh();
        let c = mean.linear(p(names::INIT_C_WEIGHT), Some(p(names::INIT_C_BIAS))).tanh();
        Encoded { images: vec![hidden, keys], initial: vec![h, c] }
    }
}
