use crate::captioner::write_captioners;
use crate::graph::Model;
use crate::{Error, Result};
use glimpse_bundle::{
    self as bundle, Config, GenerationConfig, Precision, WholeFolder, model_file, seal, write_whole,
};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A bundle under construction: a hidden folder beside its target, which becomes the target in [`finish`](Self::finish).
///
/// Until then the target stays as it was. A draft that is dropped leaves nothing behind.
#[derive(Debug)]
pub struct BundleDraft {
    folder: WholeFolder,
    dir: PathBuf,
    target: PathBuf,
}

/// What [`BundleDraft::finish`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleReport {
    /// The folder.
    pub dir: PathBuf,
    /// Its files in alphabetical order, checksums and kept files included.
    pub files: Vec<BundleFile>,
}

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleFile {
    /// Its name in the folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

impl BundleReport {
    /// Size of all files.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl BundleDraft {
    /// A draft that will replace `dir`.
    ///
    /// # Errors
    /// [`Error::TargetInUse`]: `dir` holds something other than a bundle.
    pub fn new(dir: &Path) -> Result<Self> {
        files_to_keep(dir)?;
        let target = resolve(dir)?;
        Ok(Self { folder: WholeFolder::beside(&target)?, dir: dir.to_path_buf(), target })
    }

    /// Whether the draft replaces this folder.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be found.
    pub fn replaces(&self, dir: &Path) -> Result<bool> {
        Ok(resolve(dir)? == self.target)
    }

    /// Copies what the target holds beside the files of a bundle, such as a model card.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep_other_files(&self) -> Result<()> {
        files_to_keep(&self.dir)?.iter().try_for_each(|file| self.copy(file))
    }

    /// Copies a file under its own name.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn copy(&self, file: &Path) -> Result<()> {
        let copy = self.folder.path().join(file.file_name().unwrap_or_default());
        std::fs::copy(file, copy).map(drop).map_err(Error::io(file))
    }

    /// Adds the file `name`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn add(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.path().join(name);
        Ok(write_whole(&path, bytes)?)
    }

    /// Adds a graph: `stem` is [`glimpse_bundle::ENCODER`] or [`glimpse_bundle::DECODER`].
    ///
    /// # Errors
    /// [`Error::GraphTooLarge`] and [`Error::Io`].
    pub fn add_graph(&self, stem: &str, precision: Precision, model: Model) -> Result<()> {
        let file = model_file(stem, precision);
        let bytes = model.encode();
        if i32::try_from(bytes.len()).is_err() {
            return Err(Error::GraphTooLarge { file, bytes: bytes.len() });
        }
        self.add(&file, &bytes)
    }

    /// Adds `captioner_model.onnx` for each precision, where its search can do what `generation` asks for, and the
    /// checksums; then puts the bundle in its place.
    ///
    /// # Errors
    /// [`Error::Io`], and graphs that do not fit together.
    pub fn finish(self, generation: &GenerationConfig) -> Result<BundleReport> {
        write_captioners(self.folder.path(), generation)?;
        seal(self.folder.path())?;
        self.folder.publish()?;
        report(&self.dir)
    }
}

/// What stays of a bundle that is replaced; refuses everything that is not a bundle.
fn files_to_keep(dir: &Path) -> Result<Vec<PathBuf>> {
    let in_use = |reason: String| Err(Error::TargetInUse { path: dir.to_path_buf(), reason });
    if !dir.exists() {
        return Ok(Vec::new());
    }
    if !dir.is_dir() {
        return in_use("it is a file; name a folder".into());
    }
    let mut kept = Vec::new();
    let mut is_empty = true;
    for entry in std::fs::read_dir(dir).map_err(Error::io(dir))? {
        let path = entry.map_err(Error::io(dir))?.path();
        is_empty = false;
        if path.ends_with(bundle::OPTIMIZED) {
            continue;
        }
        if path.is_dir() {
            return in_use(format!(
                "it holds the folder {}, which is no part of a bundle; move it away first",
                path.display()
            ));
        }
        if !path.is_file() {
            return in_use(format!("{} is not a file; move it away first", path.display()));
        }
        if !belongs_to_bundle(&path) {
            kept.push(path);
        }
    }
    if !is_empty && !is_bundle(dir) {
        return in_use("the folder is neither empty nor a bundle; name another one".into());
    }
    Ok(kept)
}

fn is_bundle(dir: &Path) -> bool {
    let config = std::fs::read(dir.join(bundle::CONFIG)).ok();
    let config = config.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    config.is_some_and(|config| config["model_type"] == Config::MODEL_TYPE)
}

/// Graphs of any precision and the small files; all of them depend on the checkpoint.
fn belongs_to_bundle(file: &Path) -> bool {
    let small = [
        bundle::CONFIG,
        bundle::PREPROCESSOR_CONFIG,
        bundle::GENERATION_CONFIG,
        bundle::TOKENIZER,
        bundle::CHECKSUMS,
    ];
    file.extension() == Some(OsStr::new("onnx")) || small.iter().any(|name| file.ends_with(name))
}

/// Where the folder is really, through symbolic links.
fn resolve(dir: &Path) -> Result<PathBuf> {
    if dir.exists() { dir.canonicalize() } else { std::path::absolute(dir) }.map_err(Error::io(dir))
}

fn report(dir: &Path) -> Result<BundleReport> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(Error::io(dir))? {
        let entry = entry.map_err(Error::io(dir))?;
        let bytes = entry.metadata().map_err(Error::io(entry.path()))?.len();
        files.push(BundleFile { name: entry.file_name().to_string_lossy().into_owned(), bytes });
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(BundleReport { dir: dir.to_path_buf(), files })
}
