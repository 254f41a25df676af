use crate::bounded::{self, MAX_FILE_BYTES, MAX_JSON_BYTES, MAX_TOKENIZER_BYTES};
use crate::graph_outline::GraphOutline;
use crate::*;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Opens the folder. Every listed file is compared with its checksum.
    ///
    /// # Errors
    /// A missing or changed file, by name, a tokenizer that no export writes, what [`model_path`](Self::model_path)
    /// refuses, and all that [`open_unverified`](Self::open_unverified) refuses.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        let bundle = Self::open_unverified(dir)?;
        for name in bundle.checksums.keys() {
            bundle.verify_file(name)?;
            bundle.check_graph(name)?;
        }
        bundle.detokenizer()?;
        Ok(bundle)
    }

    /// Opens the folder without reading the graphs, which takes much longer than all else: whoever opens one
    /// [verifies](Self::verify) it.
    ///
    /// # Errors
    /// - [`Error::NotABundle`]: a file is missing, or `SHA256SUMS` has a line that does not name a file of the folder.
    /// - [`Error::NotAFile`]: the folder holds a pipe, a device or a socket, or a link to one. It is not opened.
    /// - [`Error::ChecksumMismatch`]: a JSON file was changed.
    /// - [`Error::TooLarge`]: a JSON file has more than 1 MiB, `tokenizer.json` more than 16 MiB.
    /// - [`Error::Json`], [`Error::Invalid`]: a setting cannot be read, or is out of range.
    pub fn open_unverified(dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        if !dir.is_dir() {
            return Err(not_a_bundle(&dir, "no such folder".into()));
        }
        // Kept graphs lie two folders below.
        bounded::refuse_special_files(&dir, 2)?;
        if !dir.join(CHECKSUMS).is_file() {
            return Err(not_a_bundle(&dir, format!("{CHECKSUMS} is missing")));
        }
        let checksums = checksums::read(&dir)?;
        for name in checksums.keys() {
            if !dir.join(name).is_file() {
                return Err(not_a_bundle(&dir, format!("{name} is missing")));
            }
        }
        for name in [CONFIG, PREPROCESSOR_CONFIG, GENERATION_CONFIG, TOKENIZER] {
            if !checksums.contains_key(name) {
                return Err(not_a_bundle(&dir, format!("{CHECKSUMS} does not list {name}")));
            }
        }
        let file = |name| verified(&dir, name, &checksums[name], MAX_JSON_BYTES);
        let bundle = Self {
            config: parse(file(CONFIG)?)?,
            preprocessor: parse(file(PREPROCESSOR_CONFIG)?)?,
            generation: options(file(GENERATION_CONFIG)?)?,
            checksums,
            dir,
        };
        bundle.tokenizer_text()?;
        bundle.config.validate()?;
        bundle.preprocessor.validate()?;
        bundle
            .generation
            .validate(bundle.config.architecture.vocab_size)
            .map_err(Error::option(bundle.dir.join(GENERATION_CONFIG)))?;
        Ok(bundle)
    }

    /// Compares a file with its checksum and, for a graph, the files in which it keeps weights with theirs.
    ///
    /// # Errors
    /// A file that has changed, cannot be read, or is not listed, and what [`model_path`](Self::model_path) refuses.
    pub fn verify(&self, name: &str) -> Result<()> {
        self.verify_file(name)?;
        let external = self.check_graph(name)?;
        external.iter().try_for_each(|file| self.verify_file(file))
    }

    fn verify_file(&self, name: &str) -> Result<()> {
        match self.checksums.get(name) {
            Some(expected) => check(&self.dir.join(name), expected),
            None => Err(not_a_bundle(&self.dir, format!("{CHECKSUMS} does not list {name}"))),
        }
    }

    /// The files in which a graph keeps weights. Refuses a graph that would have other files opened, or that could run
    /// for ever.
    fn check_graph(&self, name: &str) -> Result<BTreeSet<String>> {
        if !name.ends_with(".onnx") {
            return Ok(BTreeSet::new());
        }
        // ONNX Runtime cannot read it either, and says so.
        let Some(outline) = GraphOutline::read(&self.dir.join(name))? else { return Ok(BTreeSet::new()) };
        match self.complaint(name, &outline) {
            None => Ok(outline.external_files),
            Some(reason) => {
                // That the file was changed explains more.
                self.verify_file(name)?;
                Err(not_a_bundle(&self.dir, reason))
            }
        }
    }

    fn complaint(&self, name: &str, outline: &GraphOutline) -> Option<String> {
        if let Some(file) = outline.external_files.iter().find(|file| !self.checksums.contains_key(*file)) {
            return Some(format!("{name} keeps weights in {file:?}, which {CHECKSUMS} does not list"));
        }
        if outline.has_functions {
            return Some(format!("{name} defines functions, which no bundle needs"));
        }
        let is_one_step = [ENCODER, DECODER].iter().any(|stem| name.starts_with(stem));
        let operator = outline.loops.first().filter(|_| is_one_step)?;
        Some(format!("{name} has a {operator:?}, which may run for ever; encoder and decoder have no loops"))
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
    ///
    /// # Errors
    /// As [`CaptionTokenizer::from_file`], or a file that has changed meanwhile.
    #[cfg(feature = "tokenizers")]
    pub fn tokenizer(&self) -> Result<CaptionTokenizer> {
        CaptionTokenizer::parse_file(&self.dir.join(TOKENIZER), &self.tokenizer_text()?)
    }

    /// From ids to text, by `tokenizer.json`.
    ///
    /// # Errors
    /// As [`Detokenizer::from_file`], or a file that has changed meanwhile.
    pub fn detokenizer(&self) -> Result<Detokenizer> {
        Detokenizer::parse_file(&self.dir.join(TOKENIZER), &self.tokenizer_text()?)
    }

    fn tokenizer_text(&self) -> Result<String> {
        let (path, bytes) = verified(&self.dir, TOKENIZER, &self.checksums[TOKENIZER], MAX_TOKENIZER_BYTES)?;
        bounded::text(&path, bytes)
    }

    /// The precisions in which the bundle holds a graph, the most exact first.
    pub fn precisions(&self, stem: &str) -> Vec<Precision> {
        let holds = |precision: &Precision| self.checksums.contains_key(&model_file(stem, *precision));
        Precision::ALL.into_iter().filter(holds).collect()
    }

    /// The path of a graph that may be opened. Its checksum is not compared: see [`verify`](Self::verify).
    ///
    /// # Errors
    /// [`Error::NotABundle`] where the bundle has no such graph (the message names those it has), where the graph keeps
    /// weights in a file that `SHA256SUMS` does not list, such as one outside the folder, or where an encoder or a
    /// decoder has a loop.
    pub fn model_path(&self, stem: &str, precision: Precision) -> Result<PathBuf> {
        let name = model_file(stem, precision);
        if self.checksums.contains_key(&name) {
            self.check_graph(&name)?;
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
    if checksums::sha256_of_file_up_to(path, MAX_FILE_BYTES)? == expected {
        return Ok(());
    }
    Err(Error::ChecksumMismatch { path: path.to_path_buf() })
}

/// The path and the bytes of a file; what was compared is what is used.
fn verified(dir: &Path, name: &str, expected: &str, limit: u64) -> Result<(PathBuf, Vec<u8>)> {
    let path = dir.join(name);
    let bytes = bounded::read(&path, limit)?;
    if sha256(&bytes) == expected { Ok((path, bytes)) } else { Err(Error::ChecksumMismatch { path }) }
}

fn not_a_bundle(dir: &Path, reason: String) -> Error {
    Error::NotABundle { path: dir.to_path_buf(), reason }
}

fn options((path, bytes): (PathBuf, Vec<u8>)) -> Result<GenerationConfig> {
    let text = bounded::text(&path, bytes)?;
    GenerationConfig::from_json(&text).map_err(Error::option(path))
}

fn parse<T: DeserializeOwned>((path, bytes): (PathBuf, Vec<u8>)) -> Result<T> {
    serde_json::from_slice(&bytes).map_err(Error::json(path))
}
