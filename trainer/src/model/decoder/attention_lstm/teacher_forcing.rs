use super::boundary::Boundary;
use super::encode::Grid;
use super::step::StepWeights;
use super::{Lstm, names};
use crate::model::decoder::{Gathered, TeacherForced};
use crate::model::{CaptionBatch, Encoded, Pass};
use tch::{Kind, Tensor};

/// Where the gradients of a pass stop.
struct Flows {
    boundary: Boundary,
    weights: StepWeights,
}

impl Gathered for Flows {
    fn flow(&self) -> Tensor {
        self.boundary.flow() + self.weights.flow()
    }
}

impl Lstm<'_> {
    /// Reads the captions token by token, each step given the true tokens before it.
    pub fn teacher_forced(self, encoded: &Encoded, batch: &CaptionBatch, pass: &Pass) -> TeacherForced {
        let selected = Grid::of(&encoded.select(&batch.image_of_row));
        let cells = selected.hidden.size()[1];
        let mut weights = self.step_weights(pass.precision);
        let (mut rows, mut boundary) = if selected.h.requires_grad() {
            weights.record();
            let boundary = Boundary::of(selected);
            (boundary.rows(), Some(boundary))
        } else {
            (selected, None)
        };
        let embedding = self.0.parameters.get(names::EMBEDDING);
        let embeddings = Tensor::embedding(embedding, &batch.input_ids, -1, false, false);
        let embeddings = pass.drop_units(embeddings);
        // Split in one call, so that autograd puts the gradient together in one call too.
        let token_gates = self.token_gates(&weights, &embeddings).split_with_sizes(&batch.active[..], 0);
        let mut state = rows.start();
        let (mut hs, mut contexts) = (Vec::new(), Vec::new());
        let total_rows = batch.order.len() as i64;
        let mut attention_sums = Tensor::zeros([total_rows, cells], (Kind::Float, rows.h.device()));
        for (&active, token_gates) in batch.active.iter().zip(&token_gates) {
            // Cut from what is left, and only where captions end: the gradient of a cut is a tensor of zeros as large
            // as what it was cut from.
            if active < state.h.size()[0] {
                let prefix = |tensor: &Tensor| tensor.narrow(0, 0, active);
                rows = rows.map(prefix);
                state = state.map(prefix);
            }
            let (next, context, attention) = self.advance(
                &weights,
                token_gates,
                &rows.keys,
                |attention| match &mut boundary {
                    Some(boundary) => boundary.look(&rows, attention),
                    None => rows.look(attention),
                },
                &state,
            );
            attention_sums += attention.constant_pad_nd([0, 0, 0, total_rows - active]);
            hs.push(next.h.shallow_clone());
            contexts.push(context);
            state = next;
        }
        let (h, context) = (Tensor::cat(&hs, 0), Tensor::cat(&contexts, 0));
        let logits = self.logits(&weights, &h, &context, &embeddings, pass);
        let gathered = boundary.map(|boundary| Box::new(Flows { boundary, weights }) as Box<dyn Gathered>);
        TeacherForced { logits, attention_sums: Some(attention_sums), gathered }
    }
}
