use super::step_matrix::StepMatrix;
use super::{Captioner, Grid, Pass};
use glimpse_bundle::checkpoint::weights as names;
use tch::{Kind, Tensor};

/// The LSTM's memory of each row, f32 [rows, decoder_dim] twice.
#[derive(Debug)]
pub struct State {
    /// Hidden state.
    pub h: Tensor,
    /// Cell state.
    pub c: Tensor,
}

impl State {
    pub(crate) fn map(&self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        Self { h: f(&self.h), c: f(&self.c) }
    }
}

/// What one step gives.
#[derive(Debug)]
pub struct Step {
    /// f32 [rows, vocab_size]
    pub logits: Tensor,
    /// f32 [rows, 49], sums to 1
    pub attentions: Tensor,
    /// The state after this word.
    pub state: State,
}

/// The weights of a step, laid out once a pass: those that meet the hidden state stand side by side,
/// so that one product a step serves the query, the LSTM and the gate.
#[derive(Debug)]
pub(super) struct StepWeights {
    hidden: StepMatrix,
    splits: [i64; 3],
    word: Tensor,
    word_bias: Tensor,
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

impl Captioner {
    /// The weights of a step, for products in `precision`.
    pub(super) fn step_weights(&self, precision: Kind) -> StepWeights {
        let a = &self.architecture;
        let p = |name| self.parameters.get(name);
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
            word: p(names::LSTM_WEIGHT_IH).narrow(1, 0, embed_dim).to_kind(precision),
            word_bias: p(names::LSTM_BIAS_IH) + p(names::LSTM_BIAS_HH),
            context: StepMatrix::new(
                p(names::LSTM_WEIGHT_IH).narrow(1, embed_dim, encoder_dim).to_kind(precision),
            ),
            score: p(names::SCORE_WEIGHT).squeeze_dim(0),
            precision,
        }
    }

    /// The part of the LSTM's gates that only the word decides: f32 [n, 4 decoder_dim] from
    /// embeddings [n, embed_dim].
    pub(super) fn word_gates(&self, weights: &StepWeights, embeddings: &Tensor) -> Tensor {
        weights.product(embeddings, &weights.word) + &weights.word_bias
    }

    /// One step of attention and LSTM for `n` rows; keys are [n, 49, attention_dim], and `look` makes a context
    /// [n, encoder_dim] of an attention [n, 49]. Gives the new state, the gated context and the attention.
    pub(super) fn advance(
        &self,
        weights: &StepWeights,
        word_gates: &Tensor,
        keys: &Tensor,
        look: impl FnOnce(&Tensor) -> Tensor,
        state: &State,
    ) -> (State, Tensor, Tensor) {
        let product = weights.hidden.product(&state.h);
        let parts = product.split_with_sizes(weights.splits, 1);
        let [query, gates, gate] = &parts[..] else { unreachable!("as many parts as sizes") };
        let energy = (keys + query.unsqueeze(1)).tanh_().matmul(&weights.score);
        let attention = energy.softmax(-1, Kind::Float);
        let context = look(&attention);
        let context = if self.architecture.gated_context {
            context * (gate + self.parameters.get(names::GATE_BIAS)).sigmoid()
        } else {
            context
        };
        let gates = word_gates + gates + weights.context.product(&context);
        let gates = gates.chunk(4, 1);
        let c = gates[1].sigmoid() * &state.c + gates[0].sigmoid() * gates[2].tanh();
        let h = gates[3].sigmoid() * c.tanh();
        (State { h, c }, context, attention)
    }

    /// Logits f32 [n, vocab_size] from hidden states, contexts and embeddings of the words read.
    pub(super) fn logits(
        &self,
        weights: &StepWeights,
        h: &Tensor,
        context: &Tensor,
        embeddings: &Tensor,
        pass: &Pass,
    ) -> Tensor {
        let p = |name| self.parameters.get(name);
        let cast = |name| p(name).to_kind(weights.precision);
        let output = if self.architecture.deep_output {
            let deep = weights.product(h, &cast(names::DEEP_H_WEIGHT))
                + weights.product(context, &cast(names::DEEP_Z_WEIGHT))
                + p(names::DEEP_H_BIAS)
                + embeddings;
            deep.tanh()
        } else {
            h.shallow_clone()
        };
        let tied = self.architecture.tie_word_embeddings;
        let weight = cast(if tied { names::EMBEDDING } else { names::VOCAB_WEIGHT });
        weights.product(&pass.drop_units(output), &weight) + p(names::VOCAB_BIAS)
    }

    /// Decodes word by word.
    pub fn stepper(&self, precision: Kind) -> Stepper<'_> {
        Stepper { model: self, weights: self.step_weights(precision) }
    }
}

/// A captioner whose weights are laid out for decoding.
pub struct Stepper<'a> {
    model: &'a Captioner,
    weights: StepWeights,
}

impl Stepper<'_> {
    /// One word for each row: `input_ids` is `i64 [rows]`, `grid` has one photo a row.
    pub fn step(&self, input_ids: &Tensor, grid: &Grid, state: &State) -> Step {
        let Self { model, weights } = self;
        let embeddings =
            Tensor::embedding(model.parameters.get(names::EMBEDDING), input_ids, -1, false, false);
        let word_gates = model.word_gates(weights, &embeddings);
        let (state, context, attentions) =
            model.advance(weights, &word_gates, &grid.keys, |attention| grid.look(attention), state);
        let logits = model.logits(weights, &state.h, &context, &embeddings, &Pass::EXACT);
        Step { logits, attentions, state }
    }
}
