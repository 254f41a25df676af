use super::boundary::Boundary;
use super::step::StepWeights;
use super::{CaptionBatch, Captioner, Grid, Pass};
use glimpse_bundle::checkpoint::weights as names;
use tch::{Kind, Tensor};

/// What a pass over given captions yields.
#[derive(Debug)]
pub struct TeacherForced {
    /// f32 [words, vocab_size], in the order of [`CaptionBatch::targets`].
    pub logits: Tensor,
    /// f32 [rows, 49]: how much each row attended to each cell over its whole caption.
    pub attention_sums: Tensor,
    gathered: Option<(Boundary, StepWeights)>,
}

impl TeacherForced {
    /// Adds to every weight's gradient that of `loss`, which was made of these passes; they may share a grid.
    pub fn backward(passes: &[Self], loss: &Tensor) {
        loss.backward();
        let gathered = passes.iter().filter_map(|pass| pass.gathered.as_ref());
        // One walk back for all passes: it frees what they share.
        let flows = gathered.map(|(boundary, weights)| boundary.flow() + weights.flow());
        if let Some(flow) = flows.reduce(|sum, flow| sum + flow) {
            flow.backward();
        }
    }
}

impl Captioner {
    /// Reads the captions word by word, each step given the true words before it.
    pub fn teacher_forced(&self, grid: &Grid, batch: &CaptionBatch, pass: &Pass) -> TeacherForced {
        let selected = grid.select(&batch.image_of_row);
        let mut weights = self.step_weights(pass.precision);
        let (mut rows, mut boundary) = if selected.h.requires_grad() {
            weights.record();
            let boundary = Boundary::of(selected);
            (boundary.rows(), Some(boundary))
        } else {
            (selected, None)
        };
        let embedding = self.parameters.get(names::EMBEDDING);
        let embeddings = Tensor::embedding(embedding, &batch.input_ids, -1, false, false);
        let embeddings = pass.drop_units(embeddings);
        // Split in one call, so that autograd puts the gradient together in one call too.
        let word_gates = self.word_gates(&weights, &embeddings).split_with_sizes(&batch.active[..], 0);
        let mut state = rows.start();
        let (mut hs, mut contexts) = (Vec::new(), Vec::new());
        let total_rows = batch.order.len() as i64;
        let mut attention_sums =
            Tensor::zeros([total_rows, grid.hidden.size()[1]], (Kind::Float, rows.h.device()));
        for (&active, word_gates) in batch.active.iter().zip(&word_gates) {
            // Cut from what is left, and only where captions end: the gradient of a cut is a tensor of zeros as large
            // as what it was cut from.
            if active < state.h.size()[0] {
                let prefix = |tensor: &Tensor| tensor.narrow(0, 0, active);
                rows = rows.map(prefix);
                state = state.map(prefix);
            }
            let (next, context, attention) = self.advance(
                &weights,
                word_gates,
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
        TeacherForced { logits, attention_sums, gathered: boundary.map(|boundary| (boundary, weights)) }
    }
}
