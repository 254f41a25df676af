use super::adamw::{AdamW, clip_grad_norm};
use super::data::TrainingData;
use super::recipe::Recipe;
use super::run_folder::{Card, Progress};
use crate::backbone::StateDict;
use crate::memory::release_free_memory;
use crate::model::{Captioner, TeacherForced};
use crate::{Error, Observer, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};
use tch::{Device, Tensor};

/// What an epoch changes and reads: the weights, their optimiser, and what they learn from.
#[derive(Debug)]
pub(super) struct Learner<'a> {
    pub recipe: Recipe,
    pub data: &'a TrainingData,
    pub card: Card,
    pub device: Device,
    /// Threads that read features or photos ahead of the device.
    pub workers: usize,
    pub model: Captioner,
    pub progress: Progress,
    pub optimizer: AdamW,
    /// Running mean of the weights.
    pub average: Option<Vec<(String, Tensor)>>,
    pub observer: &'a dyn Observer,
    /// Where the state after the last epoch is kept, to be named in errors.
    pub last: PathBuf,
}

/// Rare enough to cost nothing.
const STEPS_BETWEEN_RELEASES: u64 = 50;

impl Learner<'_> {
    /// The order, views and captions of this epoch, whatever ran before.
    pub fn epoch_rng(&self) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.recipe.seed);
        rng.set_stream(self.progress.epoch as u64 + 1);
        rng
    }

    /// Dropout and draws of this step, whatever ran before.
    pub fn seed_step(&self) {
        tch::manual_seed((self.recipe.seed ^ self.progress.step.wrapping_mul(0x9e37_79b9_7f4a_7c15)) as i64);
    }

    /// One optimiser step down `loss`, which was made of `passes`.
    pub fn update(
        &mut self,
        passes: &[TeacherForced],
        loss: &Tensor,
        value: f64,
        learning_rate: f64,
        step: usize,
    ) -> Result<()> {
        if !value.is_finite() {
            return Err(self.not_finite(value, self.progress.epoch + 1, format!("step {step}")));
        }
        TeacherForced::backward(passes, loss);
        let parameters = self.model.parameters();
        clip_grad_norm(parameters, self.recipe.max_grad_norm);
        self.optimizer.step(parameters, learning_rate);
        if let Some(average) = &mut self.average {
            let _guard = tch::no_grad_guard();
            // The first weights are noise: a short memory at first forgets them.
            let seen = f64::from(self.optimizer.steps);
            let decay = self.recipe.ema_decay.min((1.0 + seen) / (10.0 + seen));
            for ((_, mean), (_, parameter)) in average.iter_mut().zip(parameters.iter()) {
                let _ = mean.lerp_(parameter, 1.0 - decay);
            }
        }
        self.progress.step += 1;
        if self.progress.step.is_multiple_of(STEPS_BETWEEN_RELEASES) {
            release_free_memory();
        }
        Ok(())
    }

    /// Starts self-critical training: from the best weights, with a fresh optimiser.
    pub fn start_from(&mut self, best: &Path) -> Result<()> {
        self.model.parameters().load(&StateDict::read(best)?)?;
        self.optimizer = AdamW::new(self.model.parameters(), 0.0);
        self.optimizer.backbone_rate = self.recipe.backbone_rate();
        self.average = self.average.take().map(|_| self.model.parameters().snapshot());
        Ok(())
    }

    /// The weights that are validated and exported: the average where there is one.
    pub fn weights(&self) -> Vec<(String, Tensor)> {
        match &self.average {
            Some(average) => {
                average.iter().map(|(name, value)| (name.clone(), value.shallow_clone())).collect()
            }
            None => self.model.parameters().snapshot(),
        }
    }

    /// Runs `f` with the averaged weights in place.
    pub fn with_average<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let Some(average) = self.average.take() else { return f(self) };
        let current = self.model.parameters().snapshot();
        self.model.parameters().assign(&average);
        let result = f(self);
        self.model.parameters().assign(&current);
        self.average = Some(average);
        result
    }

    pub fn not_finite(&self, loss: f64, epoch: usize, place: String) -> Error {
        let checkpoint = Some(self.last.clone()).filter(|path| path.exists());
        Error::NotFinite { loss, epoch, place, checkpoint }
    }

    /// Tells that an epoch of `steps` steps begins.
    pub fn begin_epoch(&self, steps: usize, phase: &str) {
        self.observer.begin(&format!("epoch {} {phase}", self.progress.epoch + 1), 0, steps);
    }
}
