//! A prepared data set: cleaned captions, split, with their vocabulary beside them.

use crate::{Error, Result};
use glimpse_bundle::{CaptionTokenizer, TOKENIZER};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The file that `prepare` writes besides `tokenizer.json`.
pub const DATASET: &str = "dataset.json";

/// A photo and what people wrote about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptionedImage {
    /// File name below the folder of photos.
    pub file_name: String,
    /// Cleaned captions, as written.
    pub captions: Vec<String>,
}

/// `dataset.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedDataset {
    /// Free text: where the captions come from.
    pub name: String,
    /// The folder of photos.
    pub images_dir: PathBuf,
    /// Words rarer than this in the training split are `<unk>`.
    pub min_frequency: usize,
    /// What the decoder learns on.
    pub train: Vec<CaptionedImage>,
    /// What chooses checkpoints and settings.
    pub validation: Vec<CaptionedImage>,
    /// What is only ever scored.
    pub test: Vec<CaptionedImage>,
}

impl PreparedDataset {
    /// Reads `dataset.json` of a folder that `prepare` wrote.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(DATASET);
        let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::Invalid {
                what: "--data",
                reason: format!(
                    "{} does not exist; run `glimpse-train prepare --output {}` first",
                    path.display(),
                    dir.display()
                ),
            },
            _ => Error::io(&path)(source),
        })?;
        serde_json::from_str(&text).map_err(Error::json(&path))
    }

    /// Writes `dataset.json` and `tokenizer.json`.
    pub fn write(&self, dir: &Path, tokenizer: &CaptionTokenizer) -> Result<()> {
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
        crate::files::write_atomically(&dir.join(TOKENIZER), tokenizer.to_json()?.as_bytes())?;
        let path = dir.join(DATASET);
        let text = serde_json::to_string(self).map_err(Error::json(&path))?;
        crate::files::write_atomically(&path, text.as_bytes())
    }
}
