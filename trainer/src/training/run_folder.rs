use super::adamw::AdamW;
use super::recipe::Recipe;
use super::run_log::RunLog;
use crate::backbone::StateDict;
use crate::model::Parameters;
use crate::safetensors_file::{self, Stored};
use crate::{Error, FolderLock, Result};
use glimpse_bundle::{CaptionTokenizer, Config, GenerationConfig, PreprocessorConfig, checkpoint};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use tch::{Device, Tensor};

/// Metadata key of [`Progress`].
const PROGRESS: &str = "progress";

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Epochs finished, self-critical ones counted.
    pub epoch: usize,
    /// Optimiser steps taken.
    pub step: u64,
    /// Steps of the current optimiser; self-critical training starts a new one.
    pub optimizer_steps: i32,
    /// Best value of the criterion so far, larger is better.
    pub best: Option<f64>,
    /// The epoch that had it.
    #[serde(default)]
    pub best_epoch: usize,
    /// Different tokens in the validation captions of the weights that self-critical training begins with.
    #[serde(default)]
    pub vocabulary: usize,
    /// Whether the vocabulary fell below [`SelfCritical::min_vocabulary`](super::SelfCritical::min_vocabulary), which
    /// ended the run.
    #[serde(default)]
    pub stopped: bool,
    /// What the run learns from: [`TrainingData::fingerprint`](super::TrainingData::fingerprint).
    #[serde(default)]
    pub data: String,
    /// What the run is made with; a resumed run must agree.
    pub recipe: Recipe,
}

impl Progress {
    /// Of a run that learns from the data of a fingerprint and has not begun.
    pub fn begin(recipe: Recipe, data: String) -> Self {
        Self {
            epoch: 0,
            step: 0,
            optimizer_steps: 0,
            best: None,
            best_epoch: 0,
            vocabulary: 0,
            stopped: false,
            data,
            recipe,
        }
    }
}

/// What a checkpoint says besides its weights.
#[derive(Debug, Clone)]
pub struct Card {
    /// Sizes and provenance.
    pub config: Config,
    /// From a photo to pixels.
    pub preprocessor: PreprocessorConfig,
    /// Decoding defaults.
    pub generation: GenerationConfig,
    /// From words to token ids and back.
    pub tokenizer: CaptionTokenizer,
}

/// The folder of a training run, which no other process may write meanwhile.
#[derive(Debug)]
pub struct RunFolder {
    dir: PathBuf,
    _lock: FolderLock,
}

/// What a resumed run reads its state into.
#[derive(Debug)]
pub struct RunState<'a> {
    /// The weights.
    pub parameters: &'a Parameters,
    /// Its moments and steps.
    pub optimizer: &'a mut AdamW,
    /// Running mean of the weights.
    pub average: Option<&'a [(String, Tensor)]>,
}

/// What a run must agree with to be resumed.
#[derive(Debug)]
pub struct ResumeRules<'a> {
    /// The settings to go on with.
    pub recipe: &'a Recipe,
    /// The vocabulary and the backbone.
    pub card: &'a Card,
    /// Whether the settings may be others than before.
    pub may_change: bool,
}

impl RunFolder {
    /// Creates the folder where it is missing, and locks it until the value is dropped.
    ///
    /// # Errors
    /// [`Error::InUse`] where another process writes it; [`Error::Io`].
    pub fn create(dir: &Path) -> Result<Self> {
        Ok(Self { _lock: FolderLock::take(dir)?, dir: dir.to_path_buf() })
    }

    /// Refuses a folder that holds checkpoints of an earlier run.
    pub(super) fn check_empty(&self) -> Result<()> {
        let held = [(self.last(), "add `resume`, or choose"), (self.best(), "choose")];
        match held.into_iter().find(|(file, _)| file.exists()) {
            Some((file, way)) => {
                let reason = format!("{} exists; {way} another folder", file.display());
                Err(Error::Invalid { what: "`output`", reason })
            }
            None => Ok(()),
        }
    }

    /// The state after the last epoch: weights, averages, optimiser.
    pub fn last(&self) -> PathBuf {
        self.dir.join("last.safetensors")
    }

    /// The best weights so far, ready for export.
    pub fn best(&self) -> PathBuf {
        self.dir.join("best.safetensors")
    }

    /// The log of a run that goes on after `epoch` epochs.
    pub(super) fn log(&self, epoch: usize) -> Result<RunLog> {
        RunLog::open(&self.dir, epoch)
    }

    /// Writes weights that can be exported.
    pub fn save_best(&self, weights: &[(String, Tensor)], card: &Card) -> Result<()> {
        safetensors_file::write(&self.best(), &stored(weights), &metadata(card)?)
    }

    /// Writes all that a resumed run needs.
    pub fn save_last(
        &self,
        parameters: &Parameters,
        optimizer: &AdamW,
        average: Option<&[(String, Tensor)]>,
        progress: &Progress,
        card: &Card,
    ) -> Result<()> {
        let mut tensors = parameters.snapshot();
        for ((name, _), (m, v)) in parameters.iter().zip(&optimizer.moments) {
            tensors.push((format!("adam.m.{name}"), m.shallow_clone()));
            tensors.push((format!("adam.v.{name}"), v.shallow_clone()));
        }
        let average = average.unwrap_or_default();
        tensors.extend(average.iter().map(|(name, value)| (format!("ema.{name}"), value.shallow_clone())));
        let mut metadata = metadata(card)?;
        metadata.insert(PROGRESS.into(), json(progress)?);
        safetensors_file::write(&self.last(), &stored(&tensors), &metadata)
    }

    /// Reads what `save_last` wrote into `state`; `None` where there is nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the run does not agree with `rules`; [`Error::WeightsUnreadable`] and others where the
    /// file is damaged.
    pub fn resume(&self, state: RunState, rules: &ResumeRules, device: Device) -> Result<Option<Progress>> {
        let path = self.last();
        if !path.is_file() {
            return Ok(None);
        }
        let metadata = safetensors_file::read_metadata(&path)?;
        let text = metadata.get(PROGRESS).ok_or_else(|| Error::WeightsUnreadable {
            path: path.clone(),
            reason: "it holds no progress, so it is not the last.safetensors of a run".into(),
        })?;
        let mut progress: Progress = serde_json::from_str(text).map_err(Error::json(&path))?;
        rules.check(&path, &progress, &metadata)?;
        state.read(&path, &progress, device)?;
        if progress.recipe.criterion != rules.recipe.criterion {
            // A value of another criterion cannot be compared with.
            progress.best = None;
        }
        progress.recipe = rules.recipe.clone();
        Ok(Some(progress))
    }
}

impl ResumeRules<'_> {
    /// Refuses a run of other settings, another vocabulary or another backbone.
    fn check(&self, path: &Path, progress: &Progress, metadata: &HashMap<String, String>) -> Result<()> {
        let Self { recipe, card, may_change } = self;
        let invalid = |reason: String| Err(Error::Invalid { what: "`resume`", reason });
        if progress.recipe != **recipe && !may_change {
            return invalid(format!(
                "{} was made with other settings ({}); use another `output`, or `change_recipe`",
                path.display(),
                differences(&progress.recipe, recipe)?
            ));
        }
        check_epochs(progress, recipe)?;
        let held: Config = serde_json::from_str(metadata.get(checkpoint::CONFIG).map_or("", String::as_str))
            .map_err(Error::json(path))?;
        let backbone = |config: &Config| config.provenance.backbone_sha256.clone();
        let same_words = metadata.get(checkpoint::TOKENIZER) == Some(&card.tokenizer.to_json()?);
        let start = |config: &Config| config.provenance.started_from.as_ref().map(|from| from.sha256.clone());
        for (same, what) in [
            (same_words, "vocabulary"),
            (backbone(&held) == backbone(&card.config), "backbone"),
            (start(&held) == start(&card.config), "checkpoint to start from"),
        ] {
            if !same {
                return invalid(format!(
                    "{} was trained with another {what}; use another `output`",
                    path.display()
                ));
            }
        }
        Ok(())
    }
}

impl RunState<'_> {
    /// Fills the weights, the optimiser and the average from a checkpoint.
    fn read(self, path: &Path, progress: &Progress, device: Device) -> Result<()> {
        let Self { parameters, optimizer, average } = self;
        let dict = StateDict::read(path)?;
        let get = |name: &str, like: &Tensor| -> Result<Tensor> {
            Ok(dict.get(name, &like.size())?.to_device(device))
        };
        let mut values = Vec::new();
        for ((name, parameter), (m, v)) in parameters.iter().zip(&mut optimizer.moments) {
            values.push((name.to_string(), get(name, parameter)?));
            m.copy_(&get(&format!("adam.m.{name}"), m)?);
            v.copy_(&get(&format!("adam.v.{name}"), v)?);
        }
        parameters.assign(&values);
        let was_averaged = progress.recipe.ema_decay > 0.0;
        for (name, value) in average.unwrap_or_default() {
            let name = if was_averaged { &format!("ema.{name}") } else { name };
            value.shallow_clone().copy_(&get(name, value)?);
        }
        optimizer.steps = progress.optimizer_steps;
        Ok(())
    }
}

/// Refuses a recipe whose epochs with cross-entropy contradict those that were run.
fn check_epochs(progress: &Progress, recipe: &Recipe) -> Result<()> {
    let (before, now) = (progress.recipe.epochs, recipe.epochs);
    let reason = if progress.epoch > before && now != before {
        format!("is {now}, but self-critical training has begun after {before}")
    } else if now < progress.epoch.min(before) {
        format!("is {now}, but {} are done", progress.epoch)
    } else {
        return Ok(());
    };
    Err(Error::Invalid { what: "`epochs`", reason })
}

/// "epochs 10, now 5; dropout 0.4, now 0.3"
fn differences(before: &Recipe, now: &Recipe) -> Result<String> {
    let fields = |recipe| serde_json::to_value(recipe).map_err(Error::json("(in memory)"));
    let (before, now) = (fields(before)?, fields(now)?);
    let names = before.as_object().into_iter().flatten().map(|(name, _)| name);
    let differ = names.filter(|name| before[name] != now[name]);
    Ok(differ
        .map(|name| format!("{name} {}, now {}", before[name], now[name]))
        .collect::<Vec<_>>()
        .join("; "))
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(Error::json("(in memory)"))
}

fn metadata(card: &Card) -> Result<BTreeMap<String, String>> {
    Ok(BTreeMap::from([
        (checkpoint::CONFIG.into(), json(&card.config)?),
        (checkpoint::PREPROCESSOR_CONFIG.into(), json(&card.preprocessor)?),
        (checkpoint::GENERATION_CONFIG.into(), json(&card.generation)?),
        (checkpoint::TOKENIZER.into(), card.tokenizer.to_json()?),
    ]))
}

fn stored(tensors: &[(String, Tensor)]) -> Vec<Stored> {
    tensors.iter().map(|(name, tensor)| Stored::new(name, tensor)).collect()
}
