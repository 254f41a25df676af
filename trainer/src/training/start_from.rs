use super::run_folder::Card;
use crate::backbone::StateDict;
use crate::model::Parameters;
use crate::{Error, Result};
use glimpse_bundle::SourceCheckpoint;
use glimpse_export::Checkpoint;
use std::path::{Path, PathBuf};

/// A checkpoint whose weights a run begins with, in the place of random ones.
#[derive(Debug)]
pub struct StartFrom {
    path: PathBuf,
    checkpoint: Checkpoint,
    weights: StateDict,
    sha256: String,
}

impl StartFrom {
    /// Reads `best.safetensors` of another run.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self {
            checkpoint: Checkpoint::read(path)?,
            weights: StateDict::read(path)?,
            sha256: glimpse_bundle::sha256_of_file(path)?,
            path: path.to_path_buf(),
        })
    }

    /// What checkpoints of the new run say of it.
    pub fn record(&self) -> SourceCheckpoint {
        let provenance = self.checkpoint.config.provenance.clone();
        SourceCheckpoint { sha256: self.sha256.clone(), provenance }
    }

    /// Refuses a checkpoint whose weights the run of `card` cannot take over.
    ///
    /// # Errors
    /// Another vocabulary, other sizes, another backbone or preprocessing, and blocks of the backbone that were trained
    /// but are frozen now: features are made with the weights of the backbone's file.
    pub fn check(&self, card: &Card) -> Result<()> {
        let (before, now) = (&self.checkpoint.config, &card.config);
        let reason = if self.checkpoint.tokenizer != card.tokenizer.to_json()? {
            "has another vocabulary than `data`".to_string()
        } else if before.architecture != now.architecture {
            "has other sizes; give this run the same".to_string()
        } else if before.provenance.backbone_sha256 != now.provenance.backbone_sha256 {
            "was trained with other backbone weights".to_string()
        } else if self.checkpoint.preprocessor != card.preprocessor {
            "was trained with another preprocessing".to_string()
        } else if before.provenance.trained_blocks > now.provenance.trained_blocks {
            format!(
                "has {} trained blocks of the backbone, this run trains {}; train as many or more",
                before.provenance.trained_blocks, now.provenance.trained_blocks
            )
        } else {
            return Ok(());
        };
        Err(Error::Invalid { what: "`start_from`", reason: format!("{} {reason}", self.path.display()) })
    }

    /// Overwrites `parameters`. Blocks of the backbone that only the new run trains keep the weights of the backbone's
    /// file.
    pub(super) fn apply(&self, parameters: &Parameters) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for (name, tensor) in parameters.iter() {
            if parameters.is_backbone(name) && !self.weights.contains(name) {
                continue;
            }
            tensor.shallow_clone().copy_(&self.weights.get(name, &tensor.size())?);
        }
        Ok(())
    }
}
