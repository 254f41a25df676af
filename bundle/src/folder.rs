use crate::*;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A bundle on disk, its small files read and its layout checked.
#[derive(Debug)]
pub struct Bundle {
    dir: PathBuf,
    checksums: BTreeMap<String, String>,
    /// `config.json`.
    pub config: Config,
    /// `preprocessor_config.json`.
    pub preprocessor: PreprocessorConfig,
    /// `generation_config.json`.
    pub generation: GenerationConfig,
}

impl Bundle {
    /// Opens the folder, refuses missing or changed files by name. The graphs themselves are
    /// checked too, as they are read anyway.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        if !dir.is_dir() {
            return Err(not_a_bundle(&dir, "no such folder".into()));
        }
        if !dir.join(CHECKSUMS).is_file() {
            return Err(not_a_bundle(&dir, format!("{CHECKSUMS} is missing")));
        }
        let checksums: BTreeMap<_, _> = checksums::read(&dir)?.into_iter().collect();
        for (name, expected) in &checksums {
            let path = dir.join(name);
            if !path.is_file() {
                return Err(not_a_bundle(&dir, format!("{name} is missing")));
            }
            if sha256_of_file(&path)? != *expected {
                return Err(Error::ChecksumMismatch { path });
            }
        }
        for name in [CONFIG, PREPROCESSOR_CONFIG, GENERATION_CONFIG, TOKENIZER] {
            if !checksums.contains_key(name) {
                return Err(not_a_bundle(&dir, format!("{CHECKSUMS} does not list {name}")));
            }
        }
        let bundle = Self {
            config: read_json(&dir.join(CONFIG))?,
            preprocessor: read_json(&dir.join(PREPROCESSOR_CONFIG))?,
            generation: read_json(&dir.join(GENERATION_CONFIG))?,
            checksums,
            dir,
        };
        bundle.config.validate()?;
        bundle.preprocessor.validate()?;
        bundle.generation.validate()?;
        Ok(bundle)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The tokenizer of `tokenizer.json`.
    pub fn tokenizer(&self) -> Result<CaptionTokenizer> {
        CaptionTokenizer::from_file(&self.dir.join(TOKENIZER))
    }

    /// The path of a graph, or an error that names the precisions that the bundle does hold.
    pub fn model_path(&self, stem: &str, precision: Precision) -> Result<PathBuf> {
        let name = model_file(stem, precision);
        if self.checksums.contains_key(&name) {
            return Ok(self.dir.join(name));
        }
        let held: Vec<_> = self.checksums.keys().filter(|file| file.starts_with(stem)).cloned().collect();
        let held = if held.is_empty() { "none".into() } else { held.join(", ") };
        Err(not_a_bundle(
            &self.dir,
            format!("{name} is not listed in {CHECKSUMS} (of this kind it holds: {held})"),
        ))
    }
}

fn not_a_bundle(dir: &Path, reason: String) -> Error {
    Error::NotABundle { path: dir.to_path_buf(), reason }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    serde_json::from_str(&text).map_err(Error::json(path))
}
