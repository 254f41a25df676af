use crate::backbone::{Backbone, MapShape, backbone};
use crate::captioner::write_captioners;
use crate::graph::Model;
use crate::proto::GraphProto;
use crate::{Checkpoint, Error, Result, Weights, atomic, decoder_graph, encoder_graph};
use glimpse_bundle::{self as bundle, Config, Precision, Size, model_file, seal};
use serde::Serialize;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What [`write_bundle`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleReport {
    /// The folder.
    pub dir: PathBuf,
    /// Its files in alphabetical order, checksums and what was kept included.
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

/// Writes the bundle of a checkpoint into `dir`, which appears whole or not at all.
///
/// A bundle that is already there is replaced. Its graphs and JSON files go, whatever their
/// precision, as they belong to other weights, and so does what `glimpse optimize` made of them;
/// everything else in it, such as a model card, stays.
/// The same input gives the same bytes.
///
/// # Errors
/// - [`Error::TargetInUse`]: `dir` is neither free, nor empty, nor a bundle.
/// - [`Error::OtherBackboneWeights`]: the backbone's weights come from a file, the checkpoint's
///   provenance names a SHA-256, and they differ.
/// - Pictures of another size than the backbone takes, and all that [`Checkpoint::validate`],
///   [`encoder_graph`] and [`decoder_graph`] refuse.
pub fn write_bundle(checkpoint: &Checkpoint, backbone_weights: &Weights, dir: &Path) -> Result<BundleReport> {
    checkpoint.validate()?;
    let backbone = backbone(&checkpoint.config.architecture.backbone)?;
    check_backbone(checkpoint, backbone, backbone_weights)?;
    let kept = files_to_keep(dir)?;

    let target = resolve(dir)?;
    let folder = atomic::folder_beside(&target)?;
    let mut config = checkpoint.config.clone();
    config.provenance.exported_by = format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let draft = Draft { folder: folder.path(), config };
    draft.graph(bundle::ENCODER, encoder_graph(checkpoint, backbone_weights)?, "pixels to grid")?;
    draft.graph(bundle::DECODER, decoder_graph(checkpoint)?, "one word for every hypothesis")?;
    draft.json(bundle::CONFIG, &draft.config)?;
    draft.json(bundle::PREPROCESSOR_CONFIG, &checkpoint.preprocessor)?;
    draft.json(bundle::GENERATION_CONFIG, &checkpoint.generation)?;
    draft.file(bundle::TOKENIZER, checkpoint.tokenizer.as_bytes())?;
    for file in &kept {
        let copy = folder.path().join(file.file_name().unwrap_or_default());
        std::fs::copy(file, &copy).map_err(Error::io(file))?;
    }
    write_captioners(folder.path(), &checkpoint.generation)?;
    seal(folder.path())?;
    atomic::move_into_place(folder, &target)?;
    report(dir)
}

/// A bundle that nobody sees yet.
struct Draft<'a> {
    folder: &'a Path,
    config: Config,
}

impl Draft<'_> {
    fn graph(&self, stem: &str, graph: GraphProto, summary: &str) -> Result<()> {
        let file = model_file(stem, Precision::Fp32);
        let config = serde_json::to_string(&self.config).map_err(not_json(bundle::CONFIG))?;
        let model = Model {
            graph,
            doc: format!("{} over {}: {summary}", Config::MODEL_TYPE, self.config.architecture.backbone),
            metadata: vec![("config".into(), config)],
        };
        self.file(&file, &model_bytes(&file, model)?)
    }

    fn json(&self, name: &'static str, content: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(content).map_err(not_json(name))?;
        self.file(name, format!("{text}\n").as_bytes())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes).map_err(Error::io(path))
    }
}

/// The bytes of a graph's file, if one file can hold them.
pub(crate) fn model_bytes(file: &str, model: Model) -> Result<Vec<u8>> {
    let bytes = model.encode();
    match i32::try_from(bytes.len()) {
        Ok(_) => Ok(bytes),
        Err(_) => Err(Error::GraphTooLarge { file: file.into(), bytes: bytes.len() }),
    }
}

fn not_json(key: &'static str) -> impl FnOnce(serde_json::Error) -> Error {
    move |source| Error::Json { origin: "the checkpoint in memory".into(), key, source }
}

fn check_backbone(checkpoint: &Checkpoint, backbone: &Backbone, weights: &Weights) -> Result<()> {
    let Size { height, width } = checkpoint.preprocessor.output_size();
    let &Backbone { name, input_size: side, .. } = backbone;
    if (height, width) != (side, side) {
        let MapShape { rows, columns, .. } = backbone.grid();
        return Err(Error::Contradiction {
            what: "preprocessor size",
            reason: format!("{height}x{width}, but {name} takes {side}x{side} for its {rows}x{columns} grid"),
        });
    }
    weights.file().map_or(Ok(()), |path| checkpoint.check_backbone_file(path))
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
        if !belongs_to_bundle(&path) {
            kept.push(path);
        }
    }
    if !is_empty && !is_bundle(dir) {
        return in_use("the folder is neither empty nor a bundle; name another one".into());
    }
    Ok(kept)
}

/// Refuses a folder that holds anything but a bundle.
pub(crate) fn target_is_free(dir: &Path) -> Result<()> {
    files_to_keep(dir).map(drop)
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
pub(crate) fn resolve(dir: &Path) -> Result<PathBuf> {
    if dir.exists() { dir.canonicalize() } else { std::path::absolute(dir) }.map_err(Error::io(dir))
}

pub(crate) fn report(dir: &Path) -> Result<BundleReport> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(Error::io(dir))? {
        let entry = entry.map_err(Error::io(dir))?;
        let bytes = entry.metadata().map_err(Error::io(entry.path()))?.len();
        files.push(BundleFile { name: entry.file_name().to_string_lossy().into_owned(), bytes });
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(BundleReport { dir: dir.to_path_buf(), files })
}
