use super::encode::Grid;
use super::step_matrix::StepMatrix;
use super::{Lstm, names};
use crate::model::decoder::{Step, Stepper};
use crate::model::{Encoded, Pass, State};
use tch::{Kind, Tensor};

/// The LSTM's memory of each row, f32 [rows, decoder_dim] twice.
#[derive(Debug)]
pub(super) struct LstmState {
    pub h: Tensor,
    pub c: Tensor,
}

impl LstmState {
    pub fn map(&self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        Self { h: f(&self.h), c: f(&self.c) }
    }
}

/// The weights of a step, laid out once a pass: those that meet the hidden state stand side by side,
/// so that one product a step serves the query, the LSTM and the gate.
#[derive(Debug)]
pub(super) struct StepWeights {
    hidden: StepMatrix,
    splits: [i64; 3],
    token: Tensor,
    token_bias: Tensor,
    context: StepMatrix,
    score: Tensor,
    precision: Kind,
}

impl StepWeights {
    /// Gathers the gradients of what every step multiplies with; [`flow`](Self::flow) passes them on.
    pub fn record(&mut self) {
        self.hidden.record();
        self.context.record();
    }

    /// A scalar whose gradient with respect to the weights is the sum of those gathered.
    pub fn flow(&self) -> Tensor {
        self.hidden.flow() + self.context.flow()
    }

    /// x weight^T in the pass's precision, f32 in and out.
    fn product(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        x.to_kind(self.precision).linear(weight, None::<Tensor>).to_kind(Kind::Float)
    }
}

impl Lstm<'_> {
    /// The weights of a step, for products in `precision`.
    pub fn step_weights(self, precision: Kind) -> StepWeights {
        let a = self.0.sizes;
        let p = |name| self.0.parameters.get(name);
        let mut hidden = vec![p(names::QUERY_WEIGHT), p(names::LSTM_WEIGHT_HH)];
        let mut splits = [a.attention_dim as i64, 4 * a.decoder_dim as i64, 0];
        if a.gated_context {
            hidden.push(p(names::GATE_WEIGHT));
            splits[2] = a.encoder_dim as i64;
        }
        let (embed_dim, encoder_dim) = (a.embed_dim as i64, a.encoder_dim as i64);
        StepWeights {
            hidden: StepMatrix::new(Tensor::cat(&hidden, 0).to_kind(precision)),
            splits,
            token: p(names::LSTM_WEIGHT_IH).narrow(1, 0, embed_dim).to_kind(precision),
            token_bias: p(names::LSTM_BIAS_IH) + p(names::LSTM_BIAS_HH),
            context: StepMatrix::new(
                p(names::LSTM_WEIGHT_IH).narrow(1, embed_dim, encoder_dim).to_kind(precision),
            ),
            score: p(names::SCORE_WEIGHT).squeeze_dim(0),
            precision,
        }
    }

    /// The part of the LSTM's gates that only the token decides: f32 [n, 4 decoder_dim] from
    /// embeddings [n, embed_dim].
    pub fn token_gates(&self, weights: &StepWeights, embeddings: &Tensor) -> Tensor {
        weights.product(embeddings, &weights.token) + &weights.token_bias
    }

    /// One step of attention and LSTM for `n` rows; keys are [n, cells, attention_dim], and `look` makes a context
    /// [n, encoder_dim] of an attention [n, cells]. Gives the new state, the gated context and the attention.
    pub fn advance(
        &self,
        weights: &StepWeights,
        token_gates: &Tensor,
        keys: &Tensor,
        look: impl FnOnce(&Tensor) -> Tensor,
        state: &LstmState,
    ) -> (LstmState, Tensor, Tensor) {
        let product = weights.hidden.product(&state.h);
        let parts = product.split_with_sizes(weights.splits, 1);
        let [query, gates, gate] = &parts[..] else { unreachable!("as many parts as sizes") };
        let energy = (keys + query.unsqueeze(1)).tanh_().matmul(&weights.score);
        let attention = energy.softmax(-1, Kind::Float);
        let context = look(&attention);
        let context = if self.0.sizes.gated_context {
            context * (gate + self.0.parameters.get(names::GATE_BIAS)).sigmoid()
        } else {
            context
        };
        let gates = token_gates + gates + weights.context.product(&context);
        let gates = gates.chunk(4, 1);
        let c = gates[1].sigmoid() * &state.c + gates[0].sigmoid() * gates[2].tanh();
        let h = gates[3].sigmoid() * c.tanh();
        (LstmState { h, c }, context, attention)
    }

    /// Logits f32 [n, vocab_size] from hidden states, contexts and embeddings of the tokens read.
    pub fn logits(
        &self,
        weights: &StepWeights,
        h: &Tensor,
        context: &Tensor,
        embeddings: &Tensor,
        pass: &Pass,
    ) -> Tensor {
        let p = |name| self.0.parameters.get(name);
        let cast = |name| p(name).to_kind(weights.precision);
        let output = if self.0.sizes.deep_output {
            let deep = weights.product(h, &cast(names::DEEP_H_WEIGHT))
                + weights.product(context, &cast(names::DEEP_Z_WEIGHT))
                + p(names::DEEP_H_BIAS)
                + embeddings;
            deep.tanh()
        } else {
            h.shallow_clone()
        };
        let tied = self.0.sizes.tie_word_embeddings;
        let weight = cast(if tied { names::EMBEDDING } else { names::VOCAB_WEIGHT });
        weights.product(&pass.drop_units(output), &weight) + p(names::VOCAB_BIAS)
    }
}

/// The weights, laid out for decoding.
pub(super) struct LstmStepper<'a> {
    model: Lstm<'a>,
    weights: StepWeights,
}

impl<'a> LstmStepper<'a> {
    pub fn new(model: Lstm<'a>, precision: Kind) -> Self {
        Self { weights: model.step_weights(precision), model }
    }
}

impl Stepper for LstmStepper<'_> {
    fn step(&self, input_ids: &Tensor, encoded: &Encoded, state: &State) -> Step {
        let Self { model, weights } = self;
        let embedding = model.0.parameters.get(names::EMBEDDING);
        let embeddings = Tensor::embedding(embedding, input_ids, -1, false, false);
        let token_gates = model.token_gates(weights, &embeddings);
        let grid = Grid::of(encoded);
        let state = LstmState { h: state.0[0].shallow_clone(), c: state.0[1].shallow_clone() };
        let (state, context, attentions) =
            model.advance(weights, &token_gates, &grid.keys, |attention| grid.look(attention), &state);
        let logits = model.logits(weights, &state.h, &context, &embeddings, &Pass::EXACT);
        Step { logits, attentions: Some(attentions), state: State(vec![state.h, state.c]) }
    }
}
