use super::{Captioner, Grid};
use glimpse_bundle::checkpoint::weights as names;
use tch::Tensor;

/// The LSTM's memory of each row, f32 [rows, decoder_dim] twice.
#[derive(Debug)]
pub struct State {
    /// Hidden state.
    pub h: Tensor,
    /// Cell state.
    pub c: Tensor,
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

/// The weights that meet the hidden state, side by side: one product a step serves the query, the
/// gate and the LSTM.
pub(super) struct HiddenProducts {
    weight: Tensor,
    splits: [i64; 3],
}

impl Captioner {
    pub(super) fn hidden_products(&self) -> HiddenProducts {
        let a = &self.architecture;
        let p = |name| self.parameters.get(name);
        let mut weights = vec![p(names::QUERY_WEIGHT), p(names::LSTM_WEIGHT_HH)];
        let mut splits = [a.attention_dim as i64, 4 * a.decoder_dim as i64, 0];
        if a.gated_context {
            weights.push(p(names::GATE_WEIGHT));
            splits[2] = a.encoder_dim as i64;
        }
        HiddenProducts { weight: Tensor::cat(&weights, 0), splits }
    }

    /// The part of the LSTM's gates that only the word decides: f32 [n, 4 decoder_dim] from
    /// embeddings [n, embed_dim].
    pub(super) fn word_gates(&self, embeddings: &Tensor) -> Tensor {
        let p = |name| self.parameters.get(name);
        let weight = p(names::LSTM_WEIGHT_IH).narrow(1, 0, self.architecture.embed_dim as i64);
        embeddings.linear(&weight, Some(p(names::LSTM_BIAS_IH) + p(names::LSTM_BIAS_HH)))
    }

    /// One step of attention and LSTM for rows [n]; keys and hidden are [n, 49, .].
    /// Gives the new state, the context [n, encoder_dim] and the attention [n, 49].
    pub(super) fn advance(
        &self,
        products: &HiddenProducts,
        word_gates: &Tensor,
        (hidden, keys): (&Tensor, &Tensor),
        state: &State,
    ) -> (State, Tensor, Tensor) {
        let a = &self.architecture;
        let p = |name| self.parameters.get(name);
        let product = state.h.linear(&products.weight, None::<Tensor>);
        let [query_dim, gates_dim, gate_dim] = products.splits;
        let query = product.narrow(1, 0, query_dim);
        let energy = (keys + query.unsqueeze(1)).tanh_().matmul(&p(names::SCORE_WEIGHT).squeeze_dim(0));
        let attention = energy.softmax(-1, tch::Kind::Float);
        let mut context = attention.unsqueeze(1).bmm(hidden).squeeze_dim(1);
        if a.gated_context {
            let gate = product.narrow(1, query_dim + gates_dim, gate_dim) + p(names::GATE_BIAS);
            context = context * gate.sigmoid();
        }
        let context_weight = p(names::LSTM_WEIGHT_IH).narrow(1, a.embed_dim as i64, a.encoder_dim as i64);
        let gates = word_gates
            + product.narrow(1, query_dim, gates_dim)
            + context.linear(&context_weight, None::<Tensor>);
        let gates = gates.chunk(4, 1);
        let c = gates[1].sigmoid() * &state.c + gates[0].sigmoid() * gates[2].tanh();
        let h = gates[3].sigmoid() * c.tanh();
        (State { h, c }, context, attention)
    }

    /// Logits f32 [n, vocab_size] from hidden states, contexts and embeddings of the words read.
    pub(super) fn logits(&self, h: &Tensor, context: &Tensor, embeddings: &Tensor, train: bool) -> Tensor {
        let p = |name| self.parameters.get(name);
        let output = if self.architecture.deep_output {
            let deep = h.linear(p(names::DEEP_H_WEIGHT), Some(p(names::DEEP_H_BIAS)))
                + context.linear(p(names::DEEP_Z_WEIGHT), None::<Tensor>)
                + embeddings;
            deep.tanh()
        } else {
            h.shallow_clone()
        };
        let tied = self.architecture.tie_word_embeddings;
        let weight = p(if tied { names::EMBEDDING } else { names::VOCAB_WEIGHT });
        output.dropout(self.dropout, train).linear(weight, Some(p(names::VOCAB_BIAS)))
    }

    /// One word for each row: `input_ids` i64 [rows], `grid` with one photo a row.
    pub fn step(&self, input_ids: &Tensor, grid: &Grid, state: &State) -> Step {
        let embeddings =
            Tensor::embedding(self.parameters.get(names::EMBEDDING), input_ids, -1, false, false);
        let word_gates = self.word_gates(&embeddings);
        let products = self.hidden_products();
        let (state, context, attentions) =
            self.advance(&products, &word_gates, (&grid.hidden, &grid.keys), state);
        Step { logits: self.logits(&state.h, &context, &embeddings, false), attentions, state }
    }
}
