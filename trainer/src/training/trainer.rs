use super::adamw::AdamW;
use super::data::TrainingData;
use super::epoch_metrics::{EpochMetrics, Phase};
use super::learner::Learner;
use super::outcome::EpochOutcome;
use super::recipe::{Criterion, Recipe, SelfCritical};
use super::rewards::Rewards;
use super::run_folder::{Card, Progress, ResumeRules, RunFolder, RunState};
use super::run_log::RunLog;
use super::start_from::StartFrom;
use super::validate::{Validation, validate};
use super::{cross_entropy, self_critical};
use crate::backbone::TrainedBlocks;
use crate::model::Captioner;
use crate::word_vectors::WordVectors;
use crate::{Error, Observer, Result};
use glimpse_bundle::printable;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tch::{Device, Tensor};

/// What a run is made of.
#[derive(Debug)]
pub struct TrainerOptions<'a> {
    /// Every number that training depends on.
    pub recipe: Recipe,
    /// The photos and captions.
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
    /// Hears how the run goes.
    pub observer: &'a dyn Observer,
}

/// A training run.
#[derive(Debug)]
pub struct Trainer<'a> {
    learner: Learner<'a>,
    validation_rewards: Rewards,
    /// Settings of self-critical training, and its rewards on the training split.
    self_critical: Option<(SelfCritical, Rewards)>,
    folder: RunFolder,
    log: RunLog,
    samples: usize,
}

impl<'a> Trainer<'a> {
    /// Fresh weights, or those of the run to resume.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the folder holds a run that is not to be resumed, or one of other settings, photos,
    /// vocabulary or backbone; what reading and writing its files gives.
    pub fn new(mut options: TrainerOptions<'a>) -> Result<Self> {
        let begins = options.start_from.is_some() || options.resume;
        if options.recipe.epochs == 0 && !begins {
            return Err(Error::Invalid {
                what: "`epochs`",
                reason: "must be at least 1 without `start_from`: self-critical training starts from a model that was trained with cross-entropy".into(),
            });
        }
        let has_attentions = options.card.config.decoder_interface().has_attentions;
        if options.recipe.attention_regularization > 0.0 && !has_attentions {
            return Err(Error::Invalid {
                what: "`attention_regularization`",
                reason: "this kind of decoder has no attention; leave it out".into(),
            });
        }
        tch::manual_seed(options.recipe.seed as i64);
        let model = fresh_model(&mut options)?;
        let TrainerOptions {
            recipe,
            data,
            card,
            folder,
            change_recipe,
            device,
            samples,
            workers,
            observer,
            ..
        } = &options;
        let (data, device) = (*data, *device);
        let mut optimizer = AdamW::new(model.parameters(), recipe.weight_decay);
        optimizer.backbone_rate = recipe.backbone_rate();
        let average = (recipe.ema_decay > 0.0).then(|| model.parameters().snapshot());
        let progress = progress(&options, &model, &mut optimizer, average.as_deref())?;
        if progress.epoch > recipe.epochs {
            // Self-critical training has begun, which decays no weights.
            optimizer.weight_decay = 0.0;
        }
        let log = folder.log(progress.epoch)?;
        let rewards = |images| Rewards::new(images, images, &data.tokenizer);
        let self_critical = match &recipe.self_critical {
            Some(settings) => Some((settings.clone(), rewards(&data.train)?)),
            None => None,
        };
        let learner = Learner {
            recipe: recipe.clone(),
            data,
            card: card.clone(),
            device,
            workers: *workers,
            model,
            progress,
            optimizer,
            average,
            observer: *observer,
            last: folder.last(),
        };
        let (validation_rewards, samples) = (rewards(&data.validation)?, *samples);
        let change_recipe = *change_recipe;
        let trainer =
            Self { learner, validation_rewards, self_critical, folder: options.folder, log, samples };
        let Progress { epoch, best_epoch, .. } = trainer.learner.progress;
        // The run may have been stopped between both files. Another recipe may have no average to write.
        if epoch > 0 && best_epoch == epoch && !(change_recipe && trainer.folder.best().exists()) {
            trainer.save_best()?;
        }
        Ok(trainer)
    }

    /// The model as trained so far.
    pub fn model(&self) -> &Captioner {
        &self.learner.model
    }

    /// Runs the epochs that are left.
    ///
    /// # Errors
    /// As [`train_epoch`](Self::train_epoch).
    pub fn train(&mut self) -> Result<()> {
        while self.train_epoch()?.is_some() {}
        Ok(())
    }

    /// Runs, validates and saves the next epoch; `None` when all are done.
    ///
    /// # Errors
    /// [`Error::NotFinite`] where the loss became infinite or NaN; what reading features and writing the run's files
    /// gives.
    pub fn train_epoch(&mut self) -> Result<Option<EpochMetrics>> {
        let start = Instant::now();
        let self_critical_epochs = self.self_critical.as_ref().map_or(0, |(settings, _)| settings.epochs);
        let total = self.learner.recipe.epochs + self_critical_epochs;
        if self.learner.progress.epoch >= total || self.learner.progress.stopped {
            return Ok(None);
        }
        let (phase, outcome) = self.learn()?;
        let trained = start.elapsed().as_secs_f64();
        self.learner.progress.epoch += 1;
        let epoch = self.learner.progress.epoch;
        let validation = self.validate()?;
        if !validation.loss.is_finite() {
            return Err(self.learner.not_finite(validation.loss, epoch, "validation".into()));
        }
        let metrics = EpochMetrics {
            epoch,
            phase,
            train: outcome.mean(),
            validation_loss: validation.loss,
            validation_cider: validation.cider,
            validation_vocabulary: validation.vocabulary,
            captions_per_second: outcome.captions() as f64 / trained,
            seconds: start.elapsed().as_secs_f64(),
            time: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
        };
        // A resumed run drops a line without its checkpoint; it could not restore a line that is missing.
        self.log.add(metrics.clone())?;
        self.keep(phase, &validation)?;
        self.log.draw()?;
        self.report(&metrics, total, &validation)?;
        Ok(Some(metrics))
    }

    /// Scores the weights as they would be exported.
    fn validate(&mut self) -> Result<Validation> {
        let rewards = &self.validation_rewards;
        self.learner.with_average(|learner| {
            let Learner { model, data, card, device, .. } = learner;
            validate(model, data, rewards, &card.generation, *device)
        })
    }

    /// One epoch of the phase that the run has come to.
    fn learn(&mut self) -> Result<(Phase, EpochOutcome)> {
        let cross_entropy_epochs = self.learner.recipe.epochs;
        if self.self_critical.is_none() || self.learner.progress.epoch < cross_entropy_epochs {
            return Ok((Phase::CrossEntropy, cross_entropy::epoch(&mut self.learner)?));
        }
        if self.learner.progress.epoch == cross_entropy_epochs {
            if cross_entropy_epochs == 0 {
                // The weights of another run are what the epochs are compared with.
                let validation = self.validate()?;
                self.keep(Phase::CrossEntropy, &validation)?;
            }
            self.learner.start_from(&self.folder.best())?;
        }
        let Some((settings, rewards)) = &self.self_critical else { unreachable!("checked above") };
        Ok((Phase::SelfCritical, self_critical::epoch(&mut self.learner, settings, rewards)?))
    }

    /// Whether self-critical training cost more of the vocabulary than it may.
    fn is_too_poor(&self, phase: Phase, validation: &Validation) -> bool {
        let least = self.self_critical.as_ref().map_or(0.0, |(settings, _)| settings.min_vocabulary);
        let before = self.learner.progress.vocabulary as f64;
        phase == Phase::SelfCritical && (validation.vocabulary as f64) < least * before
    }

    /// Saves the state, and the weights where they are the best so far.
    fn keep(&mut self, phase: Phase, validation: &Validation) -> Result<()> {
        self.learner.progress.stopped = self.is_too_poor(phase, validation);
        let learner = &mut self.learner;
        let value = match learner.recipe.criterion {
            Criterion::Loss => -validation.loss,
            Criterion::Cider => validation.cider,
            Criterion::Last => learner.progress.epoch as f64,
        };
        let is_best = !learner.progress.stopped && learner.progress.best.is_none_or(|best| value > best);
        if is_best {
            if phase == Phase::CrossEntropy {
                learner.progress.vocabulary = validation.vocabulary;
            }
            (learner.progress.best, learner.progress.best_epoch) = (Some(value), learner.progress.epoch);
        }
        learner.progress.optimizer_steps = learner.optimizer.steps;
        let Learner { model, optimizer, average, progress, card, .. } = &*learner;
        // Before the best weights, which self-critical training starts from: a run that is stopped between both files
        // must not start from weights of a later epoch.
        self.folder.save_last(model.parameters(), optimizer, average.as_deref(), progress, card)?;
        if is_best { self.save_best() } else { Ok(()) }
    }

    fn save_best(&self) -> Result<()> {
        let mut card = self.learner.card.clone();
        card.config.provenance.epochs = self.learner.progress.epoch;
        self.folder.save_best(&self.learner.weights(), &card)
    }

    fn report(&self, metrics: &EpochMetrics, total: usize, validation: &Validation) -> Result<()> {
        let best = self.learner.progress.best.map_or(f64::NAN, f64::abs);
        let best = match self.learner.recipe.criterion {
            Criterion::Loss => format!("best loss {best:.4}"),
            Criterion::Cider => format!("best CIDEr {best:.4}"),
            Criterion::Last => "the last epoch is kept".into(),
        };
        let data = self.learner.data;
        let observer = self.learner.observer;
        observer.note(&format!(
            "epoch {}/{total} {}: train {:.4}, validation loss {:.4}, CIDEr {:.4} ({best}), {} different tokens, {:.0} captions/s, {:.0} s",
            metrics.epoch,
            metrics.phase,
            metrics.train,
            metrics.validation_loss,
            metrics.validation_cider,
            metrics.validation_vocabulary,
            metrics.captions_per_second,
            metrics.seconds
        ));
        if self.learner.progress.stopped {
            observer.note("the run ends here: its captions have too few different tokens");
        }
        for (image, caption) in data.validation.iter().zip(&validation.captions).take(self.samples) {
            let text = data.tokenizer.decode(&caption.token_ids)?;
            observer.note(&format!("  {}: {}", printable(&image.file_name), printable(&text)));
        }
        Ok(())
    }
}

/// Weights as the recipe begins with them.
fn fresh_model(options: &mut TrainerOptions) -> Result<Captioner> {
    let TrainerOptions { recipe, word_vectors, start_from, trained_blocks, card, device, .. } = options;
    let mut model =
        Captioner::new(&card.config.decoder_interface().kind, card.config.architecture.clone(), *device)?;
    if let Some(blocks) = trained_blocks.take() {
        card.config.provenance.trained_blocks = blocks.count();
        model = model.with_trained_blocks(blocks);
    }
    if let Some(start) = start_from {
        start.check(card)?;
        start.apply(model.parameters())?;
        card.config.provenance.started_from = Some(Box::new(start.record()));
    }
    if let Some(word_vectors) = word_vectors {
        model.parameters().set_embedding(model.kind().embedding(), word_vectors);
    }
    if recipe.freeze_embeddings {
        model.parameters().freeze(model.kind().embedding());
    }
    Ok(model)
}

/// How far the run has come: not begun, or as far as the folder's checkpoint, whose state is read into the others.
fn progress(
    options: &TrainerOptions,
    model: &Captioner,
    optimizer: &mut AdamW,
    average: Option<&[(String, Tensor)]>,
) -> Result<Progress> {
    let TrainerOptions { recipe, data, card, folder, resume, change_recipe, device, observer, .. } = options;
    let fingerprint = data.fingerprint();
    let mut resumed = None;
    if *resume {
        let state = RunState { parameters: model.parameters(), optimizer, average };
        let rules = ResumeRules { recipe, card, may_change: *change_recipe };
        resumed = folder.resume(state, &rules, *device)?;
        if resumed.is_none() {
            observer.note(&format!("{}: nothing to resume, the run begins", folder.last().display()));
        }
    } else {
        folder.check_empty()?;
    }
    let mut progress = resumed.unwrap_or_else(|| Progress::begin(recipe.clone(), fingerprint.clone()));
    // Runs of earlier versions did not write it down.
    if !progress.data.is_empty() && progress.data != fingerprint && !change_recipe {
        let reason =
            "the run learned from other photos, views or captions; use another `output`, or `change_recipe`";
        return Err(Error::Invalid { what: "`resume`", reason: reason.into() });
    }
    progress.data = fingerprint;
    // Under other settings the vocabulary may suffice.
    progress.stopped &= !change_recipe;
    Ok(progress)
}
