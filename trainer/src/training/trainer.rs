use super::adamw::{AdamW, clip_grad_norm};
use super::data::TrainingData;
use super::progress_bar::StepBar;
use super::recipe::{Criterion, Recipe};
use super::rewards::Rewards;
use super::run_folder::{Card, Progress, RunFolder, RunState};
use super::run_log::{EpochMetrics, Phase, RunLog};
use super::start_from::StartFrom;
use super::validate::{Validation, validate};
use super::{cross_entropy, self_critical};
use crate::backbone::{StateDict, TrainedBlocks};
use crate::memory::release_free_memory;
use crate::model::{Captioner, TeacherForced};
use crate::word_vectors::WordVectors;
use crate::{Error, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::time::{SystemTime, UNIX_EPOCH};
use tch::{Device, Tensor};

/// What a run is made of.
#[derive(Debug)]
pub struct TrainerOptions<'a> {
    /// Every number that training depends on.
    pub recipe: Recipe,
    /// What it learns on.
    pub data: &'a TrainingData,
    /// What the embedding begins with, where it is not drawn at random.
    pub word_vectors: Option<WordVectors>,
    /// What all weights begin with, where they are not drawn at random.
    pub start_from: Option<StartFrom>,
    /// The backbone's blocks that the recipe trains; `data` has the maps before them.
    pub trained_blocks: Option<TrainedBlocks>,
    /// What its checkpoints say of it.
    pub card: Card,
    /// Where they go.
    pub folder: RunFolder,
    /// Go on from `last.safetensors` where there is one.
    pub resume: bool,
    /// Go on although the run to resume had other settings.
    pub change_recipe: bool,
    /// Where libtorch computes.
    pub device: Device,
    /// Captions of validation photos to print after each epoch.
    pub samples: usize,
    /// Threads that read features or photos ahead of the device.
    pub workers: usize,
}

/// A training run.
#[derive(Debug)]
pub struct Trainer<'a> {
    pub(super) recipe: Recipe,
    pub(super) data: &'a TrainingData,
    pub(super) card: Card,
    pub(super) device: Device,
    pub(super) workers: usize,
    pub(super) model: Captioner,
    pub(super) progress: Progress,
    pub(super) train_rewards: Option<Rewards>,
    validation_rewards: Rewards,
    folder: RunFolder,
    log: RunLog,
    optimizer: AdamW,
    /// Running mean of the weights.
    average: Option<Vec<(String, Tensor)>>,
    samples: usize,
}

/// Rare enough to cost nothing.
const STEPS_BETWEEN_RELEASES: u64 = 50;

/// Sums over an epoch.
#[derive(Debug, Default)]
pub(super) struct EpochOutcome {
    value: f64,
    words: i64,
    captions: usize,
}

impl EpochOutcome {
    /// Adds a batch whose mean over words is `value`.
    pub fn add(&mut self, value: f64, words: i64, captions: usize) {
        self.value += value * words as f64;
        self.words += words;
        self.captions += captions;
    }
}

impl<'a> Trainer<'a> {
    /// Fresh weights, or those of the run to resume.
    pub fn new(options: TrainerOptions<'a>) -> Result<Self> {
        let TrainerOptions {
            recipe,
            data,
            word_vectors,
            start_from,
            trained_blocks,
            mut card,
            folder,
            resume,
            change_recipe,
            device,
            samples,
            workers,
        } = options;
        tch::manual_seed(recipe.seed as i64);
        let mut model = Captioner::new(card.config.architecture.clone(), device)?;
        if let Some(blocks) = trained_blocks {
            card.config.provenance.trained_blocks = blocks.count();
            model = model.with_trained_blocks(blocks);
        }
        if let Some(start) = start_from {
            start.check(&card)?;
            start.apply(model.parameters())?;
            card.config.provenance.started_from = Some(Box::new(start.record()));
        }
        if let Some(word_vectors) = word_vectors {
            model.parameters().set_embedding(&word_vectors);
        }
        if recipe.freeze_embeddings {
            model.parameters().freeze_embedding();
        }
        let mut optimizer = AdamW::new(model.parameters(), recipe.weight_decay);
        optimizer.backbone_rate = recipe.backbone_rate();
        let average = (recipe.ema_decay > 0.0).then(|| model.parameters().snapshot());
        let resumed = match resume {
            true => {
                let state = RunState {
                    parameters: model.parameters(),
                    optimizer: &mut optimizer,
                    average: average.as_deref(),
                };
                folder.resume(state, &recipe, &card, change_recipe, device)?
            }
            false => {
                let held = [(folder.last(), "add --resume, or choose"), (folder.best(), "choose")];
                if let Some((file, way)) = held.into_iter().find(|(file, _)| file.exists()) {
                    let reason = format!("{} exists; {way} another folder", file.display());
                    return Err(Error::Invalid { what: "--output", reason });
                }
                None
            }
        };
        if resume && resumed.is_none() {
            eprintln!("{}: nothing to resume, the run begins", folder.last().display());
        }
        let fingerprint = data.fingerprint();
        let mut progress = resumed.unwrap_or_else(|| Progress {
            epoch: 0,
            step: 0,
            optimizer_steps: 0,
            best: None,
            best_epoch: 0,
            data: fingerprint.clone(),
            recipe: recipe.clone(),
        });
        // Runs of earlier versions did not write it down.
        if !progress.data.is_empty() && progress.data != fingerprint && !change_recipe {
            let reason = "the run learned from other photos, views or captions; use another --output, or --change-recipe";
            return Err(Error::Invalid { what: "--resume", reason: reason.into() });
        }
        progress.data = fingerprint;
        if progress.epoch > recipe.epochs {
            optimizer.weight_decay = 0.0;
        }
        let log = folder.log(progress.epoch)?;
        let rewards = |images| Rewards::new(images, images, &data.tokenizer);
        let trainer = Self {
            train_rewards: recipe.self_critical.as_ref().map(|_| rewards(&data.train)).transpose()?,
            validation_rewards: rewards(&data.validation)?,
            recipe,
            data,
            card,
            device,
            workers,
            model,
            progress,
            folder,
            log,
            optimizer,
            average,
            samples,
        };
        let Progress { epoch, best_epoch, .. } = trainer.progress;
        // The run may have been stopped between both files. Another recipe may have no average to write.
        if epoch > 0 && best_epoch == epoch && !(change_recipe && trainer.folder.best().exists()) {
            trainer.save_best()?;
        }
        Ok(trainer)
    }

    /// The model as trained so far.
    pub fn model(&self) -> &Captioner {
        &self.model
    }

    /// Runs the epochs that are left.
    pub fn train(&mut self) -> Result<()> {
        while self.train_epoch()?.is_some() {}
        Ok(())
    }

    /// Runs, validates and saves the next epoch; `None` when all are done.
    pub fn train_epoch(&mut self) -> Result<Option<EpochMetrics>> {
        let start = std::time::Instant::now();
        let settings = self.recipe.self_critical.clone();
        let total = self.recipe.epochs + settings.as_ref().map_or(0, |settings| settings.epochs);
        if self.progress.epoch >= total {
            return Ok(None);
        }
        let (phase, outcome) = match settings {
            Some(settings) if self.progress.epoch >= self.recipe.epochs => {
                if self.progress.epoch == self.recipe.epochs {
                    self.start_from_best()?;
                }
                (Phase::SelfCritical, self_critical::epoch(self, &settings)?)
            }
            _ => (Phase::CrossEntropy, cross_entropy::epoch(self)?),
        };
        let trained = start.elapsed().as_secs_f64();
        self.progress.epoch += 1;
        let validation = self.with_average(|trainer| {
            let Trainer { model, data, validation_rewards, card, device, .. } = trainer;
            validate(model, data, validation_rewards, &card.generation, *device)
        })?;
        if !validation.loss.is_finite() {
            return Err(self.not_finite(validation.loss, self.progress.epoch, "validation".into()));
        }
        let metrics = EpochMetrics {
            epoch: self.progress.epoch,
            phase,
            train: outcome.value / outcome.words.max(1) as f64,
            validation_loss: validation.loss,
            validation_cider: validation.cider,
            captions_per_second: outcome.captions as f64 / trained,
            seconds: start.elapsed().as_secs_f64(),
            time: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
        };
        // A line without its checkpoint is forgotten when the run goes on, a checkpoint without its line is not.
        self.log.add(metrics.clone())?;
        self.keep(&validation)?;
        self.log.draw()?;
        self.report(&metrics, total, &validation)?;
        Ok(Some(metrics))
    }

    /// Self-critical training begins from the best weights, with a fresh optimiser.
    fn start_from_best(&mut self) -> Result<()> {
        self.model.parameters().load(&StateDict::read(&self.folder.best())?)?;
        self.optimizer = AdamW::new(self.model.parameters(), 0.0);
        self.optimizer.backbone_rate = self.recipe.backbone_rate();
        self.average = self.average.take().map(|_| self.model.parameters().snapshot());
        Ok(())
    }

    /// Saves the state, and the weights where they are the best so far.
    fn keep(&mut self, validation: &Validation) -> Result<()> {
        let value = match self.recipe.criterion {
            Criterion::Loss => -validation.loss,
            Criterion::Cider => validation.cider,
        };
        let is_best = self.progress.best.is_none_or(|best| value > best);
        if is_best {
            (self.progress.best, self.progress.best_epoch) = (Some(value), self.progress.epoch);
        }
        self.progress.optimizer_steps = self.optimizer.steps;
        let average = self.average.as_deref();
        let Self { folder, model, optimizer, progress, card, .. } = &*self;
        // Before the best, which self-critical training begins from: a run that is stopped between them shall not
        // begin from weights that come after.
        folder.save_last(model.parameters(), optimizer, average, progress, card)?;
        if is_best { self.save_best() } else { Ok(()) }
    }

    fn save_best(&self) -> Result<()> {
        let mut card = self.card.clone();
        card.config.provenance.epochs = self.progress.epoch;
        match &self.average {
            Some(average) => self.folder.save_best(average, &card),
            None => self.folder.save_best(&self.model.parameters().snapshot(), &card),
        }
    }

    fn report(&self, metrics: &EpochMetrics, total: usize, validation: &Validation) -> Result<()> {
        let criterion = match self.recipe.criterion {
            Criterion::Loss => "loss",
            Criterion::Cider => "CIDEr",
        };
        eprintln!(
            "epoch {}/{total} {}: train {:.4}, validation loss {:.4}, CIDEr {:.4} (best {criterion} {:.4}), {:.0} captions/s, {:.0} s",
            metrics.epoch,
            metrics.phase,
            metrics.train,
            metrics.validation_loss,
            metrics.validation_cider,
            self.progress.best.map_or(f64::NAN, f64::abs),
            metrics.captions_per_second,
            metrics.seconds
        );
        for (image, caption) in self.data.validation.iter().zip(&validation.captions).take(self.samples) {
            eprintln!("  {}: {}", image.file_name, self.data.tokenizer.decode(&caption.words)?);
        }
        Ok(())
    }

    /// Runs `f` with the averaged weights in place.
    fn with_average<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let Some(average) = self.average.take() else { return f(self) };
        let current = self.model.parameters().snapshot();
        self.model.parameters().assign(&average);
        let result = f(self);
        self.model.parameters().assign(&current);
        self.average = Some(average);
        result
    }

    /// The order, views and captions of this epoch, whatever ran before.
    pub(super) fn epoch_rng(&self) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.recipe.seed);
        rng.set_stream(self.progress.epoch as u64 + 1);
        rng
    }

    /// Dropout and draws of this step, whatever ran before.
    pub(super) fn seed_step(&self) {
        tch::manual_seed((self.recipe.seed ^ self.progress.step.wrapping_mul(0x9e37_79b9_7f4a_7c15)) as i64);
    }

    /// One optimiser step down `loss`, which was made of `forced`.
    pub(super) fn update(
        &mut self,
        forced: &TeacherForced,
        loss: &Tensor,
        value: f64,
        learning_rate: f64,
        step: usize,
    ) -> Result<()> {
        if !value.is_finite() {
            return Err(self.not_finite(value, self.progress.epoch + 1, format!("step {step}")));
        }
        forced.backward(loss);
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

    fn not_finite(&self, loss: f64, epoch: usize, place: String) -> Error {
        let checkpoint = Some(self.folder.last()).filter(|path| path.exists());
        Error::NotFinite { loss, epoch, place, checkpoint }
    }

    pub(super) fn bar(&self, steps: usize, what: &str) -> StepBar {
        StepBar::new(steps, format!("{} {what}", self.progress.epoch + 1))
    }
}
