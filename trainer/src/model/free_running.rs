use super::{CaptionBatch, Captioner, Grid};
use glimpse_bundle::BOS_ID;
use tch::{Kind, Tensor};

impl Captioner {
    /// Reads its own words, the most probable at each step, for as long as each caption of the batch is: f32
    /// [words, vocab_size], in the order of [`CaptionBatch::targets`].
    pub fn free_running(&self, grid: &Grid, batch: &CaptionBatch) -> Tensor {
        let _guard = tch::no_grad_guard();
        let stepper = self.stepper(Kind::Float);
        let mut rows = grid.select(&batch.image_of_row);
        let mut words = batch.image_of_row.full_like(i64::from(BOS_ID));
        let mut state = rows.start();
        let mut logits = Vec::with_capacity(batch.active.len());
        for &active in &batch.active {
            let prefix = |tensor: &Tensor| tensor.narrow(0, 0, active);
            rows = rows.map(prefix);
            let step = stepper.step(&prefix(&words), &rows, &state.map(prefix));
            words = step.logits.argmax(1, false);
            state = step.state;
            logits.push(step.logits);
        }
        Tensor::cat(&logits, 0)
    }
}
