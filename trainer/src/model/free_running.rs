use super::{CaptionBatch, Captioner, Encoded};
use glimpse_bundle::BOS_ID;
use tch::{Kind, Tensor};

impl Captioner {
    /// Reads its own tokens, the most probable at each step, for as long as each caption of the batch is: f32
    /// [tokens, vocab_size], in the order of [`CaptionBatch::targets`].
    pub fn free_running(&self, encoded: &Encoded, batch: &CaptionBatch) -> Tensor {
        let _guard = tch::no_grad_guard();
        let stepper = self.stepper(Kind::Float);
        let mut rows = encoded.select(&batch.image_of_row);
        let mut tokens = batch.image_of_row.full_like(i64::from(BOS_ID));
        let mut state = rows.start();
        let mut logits = Vec::with_capacity(batch.active.len());
        for &active in &batch.active {
            let prefix = |tensor: &Tensor| tensor.narrow(0, 0, active);
            rows = rows.map(prefix);
            let step = stepper.step(&prefix(&tokens), &rows, &state.map(prefix));
            tokens = step.logits.argmax(1, false);
            state = step.state;
            logits.push(step.logits);
        }
        Tensor::cat(&logits, 0)
    }
}
