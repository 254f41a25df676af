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
    /// Opens the folder, refuses missing or changed files by name.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        let bundle = Self::open_unverified(dir)?;
        bundle.checksums.keys().try_for_each(|name| bundle.verify(name))?;
        Ok(bundle)
    }

    /// Opens the folder and refuses missing or changed files by name, but does not read the graphs yet:
    /// whoever opens one [verifies](Self::verify) it, which takes as long as reading it.
    pub fn open_unverified(dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        if !dir.is_dir() {
            return Err(not_a_bundle(&dir, "no such folder".into()));
        }
        if !dir.join(CHECKSUMS).is_file() {
            return Err(not_a_bundle(&dir, format!("{CHECKSUMS} is missing")));
        }
        let checksums: BTreeMap<_, _> = checksums::read(&dir)?.into_iter().collect();
        for name in checksums.keys() {
            if !dir.join(name).is_file() {
                return Err(not_a_bundle(&dir, format!("{name} is missing")));
            }
        }
        for name in [CONFIG, PREPROCESSOR_CONFIG, GENERATION_CONFIG, TOKENIZER] {
            let Some(expected) = checksums.get(name) else {
                return Err(not_a_bundle(&dir, format!("{CHECKSUMS} does not list {name}")));
            };
            check(&dir.join(name), expected)?;
        }
        let bundle = Self {
            config: read_json(&dir.join(CONFIG))?,
            preprocessor: read_json(&dir.join(PREPROCESSOR_CONFIG))?,
            generation: read_options(&dir.join(GENERATION_CONFIG))?,
            checksums,
            dir,
        };
        bundle.config.validate()?;
        bundle.preprocessor.validate()?;
        bundle
            .generation
            .validate(bundle.config.architecture.vocab_size)
            .map_err(Error::option(bundle.dir.join(GENERATION_CONFIG)))?;
        Ok(bundle)
    }

    /// Compares a file with its checksum.
    ///
    /// # Errors
    /// A file that has changed, cannot be read, or is not listed.
    pub fn verify(&self, name: &str) -> Result<()> {
        match self.checksums.get(name) {
            Some(expected) => check(&self.dir.join(name), expected),
            None => Err(not_a_bundle(&self.dir, format!("{CHECKSUMS} does not list {name}"))),
        }
    }

    /// The checksum that the bundle was sealed with, for a file that is listed.
    pub fn checksum(&self, name: &str) -> Option<&str> {
        self.checksums.get(name).map(String::as_str)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The tokenizer of `tokenizer.json`.
    pub fn tokenizer(&self) -> Result<CaptionTokenizer> {
        CaptionTokenizer::from_file(&self.dir.join(TOKENIZER))
    }

    /// The half of [`tokenizer`](Self::tokenizer) that captioning needs, read in a fraction of the time.
    pub fn detokenizer(&self) -> Result<Detokenizer> {
        Detokenizer::from_file(&self.dir.join(TOKENIZER))
    }

    /// The precisions in which the bundle holds a graph, the most exact first.
    pub fn precisions(&self, stem: &str) -> Vec<Precision> {
        let holds = |precision: &Precision| self.checksums.contains_key(&model_file(stem, *precision));
        Precision::ALL.into_iter().filter(holds).collect()
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

fn check(path: &Path, expected: &str) -> Result<()> {
    if sha256_of_file(path)? == expected {
        return Ok(());
    }
    Err(Error::ChecksumMismatch { path: path.to_path_buf() })
}

fn not_a_bundle(dir: &Path, reason: String) -> Error {
    Error::NotABundle { path: dir.to_path_buf(), reason }
}

fn read_options(path: &Path) -> Result<GenerationConfig> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    GenerationConfig::from_json(&text).map_err(Error::option(path))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    serde_json::from_str(&text).map_err(Error::json(path))
}
