//! Graphs as ONNX Runtime arranged them for one machine, kept beside the bundle's own.
//!
//! Most of a start goes into arranging a graph: layers are fused, and weights are brought into the order in which this
//! processor reads them. The result can be kept in `BUNDLE/optimized/GRAPH-KEY/`, from where it is mapped into memory.
//! It would give wrong numbers on another processor, so the key is a digest of the processor, the version of ONNX
//! Runtime and the graph. When one of them changes, the graph of the bundle is opened as if nothing were kept.
//!
//! `record.json` in the folder names what the key was made of and the SHA-256 of the two files beside it. All of it is
//! compared at each start; a graph that does not match its record is not used. The record is not a signature: anyone who can
//! write to the bundle's folder can replace graph and record together, as they can the bundle and `SHA256SUMS`.

use crate::device::Device;
use crate::error::OrtError;
use crate::onnxruntime::OnnxRuntime;
use crate::parallel::in_parallel;
use crate::precision::PrecisionChoice;
use crate::{Error, Result};
use glimpse_bundle::{
    Bundle, DECODER, ENCODER, OPTIMIZED, Precision, WholeFolder, external_files, model_file, sha256,
    sha256_of_file, write_whole,
};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

const GRAPH: &str = "model.onnx";
/// The weights, each at the start of a page.
const WEIGHTS: &str = "model.data";
const RECORD: &str = "record.json";
/// Largest `record.json`, in bytes.
const MAX_RECORD_BYTES: u64 = 1 << 16;
const WEIGHTS_FILE_KEY: &str = "session.optimized_model_external_initializers_file_name";

/// A graph that is kept for this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OptimizedGraph {
    /// The file in the bundle that it was made from.
    pub file: String,
    /// Its path.
    pub folder: PathBuf,
    /// What it takes on disk.
    pub bytes: u64,
}

/// What a kept graph was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    /// The bundle's graph.
    file: String,
    /// Its SHA-256 in `SHA256SUMS`.
    sha256: String,
    /// The version of ONNX Runtime.
    onnxruntime: String,
    /// The processor, as [`described`].
    processor: String,
}

impl Origin {
    /// `None` where the system does not name its processor, or the bundle does not list the graph.
    fn of(bundle: &Bundle, runtime: &OnnxRuntime, file: &str) -> Option<Self> {
        Some(Self {
            file: file.into(),
            sha256: bundle.checksum(file)?.into(),
            onnxruntime: runtime.version().into(),
            processor: PROCESSOR.clone()?,
        })
    }

    /// Where the graph is kept for this machine.
    fn folder(&self, bundle: &Bundle) -> PathBuf {
        let key = [self.processor.as_str(), &self.onnxruntime, &self.sha256].join("\n");
        let stem = self.file.trim_end_matches(".onnx");
        bundle.dir().join(OPTIMIZED).join(format!("{stem}-{}", &sha256(key.as_bytes())[..16]))
    }
}

/// `record.json`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    origin: Origin,
    /// SHA-256 of [`GRAPH`] and [`WEIGHTS`].
    files: BTreeMap<String, String>,
}

impl Record {
    /// Hashes the files in `folder`, both at once.
    fn of(origin: Origin, folder: &Path) -> glimpse_bundle::Result<Self> {
        let sum = |name| sha256_of_file(&folder.join(name));
        let (graph, weights) = in_parallel(|| sum(GRAPH), || sum(WEIGHTS));
        Ok(Self { origin, files: [(GRAPH.to_string(), graph?), (WEIGHTS.to_string(), weights?)].into() })
    }

    fn read(folder: &Path) -> Option<Self> {
        let path = folder.join(RECORD);
        let found = std::fs::metadata(&path).ok()?;
        (found.is_file() && found.len() <= MAX_RECORD_BYTES).then_some(())?;
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
}

/// Whether the folder's record names `origin`, and its graph opens no file but the one beside it.
fn belongs_to(folder: &Path, origin: &Origin) -> bool {
    Record::read(folder).is_some_and(|record| record.origin == *origin)
        && external_files(&folder.join(GRAPH)).is_ok_and(|files| files.iter().all(|file| file == WEIGHTS))
}

/// Whether the folder holds the files of its record.
fn is_intact(folder: &Path, origin: &Origin) -> bool {
    let record = Record::read(folder);
    record.is_some_and(|record| Record::of(origin.clone(), folder).is_ok_and(|found| found == record))
}

/// Keeps encoder and decoder as they run on this machine's CPU; what is kept already and intact stays. What an
/// interrupted call left is removed.
///
/// [`Captioner::open`](crate::Captioner::open) takes them from then on.
///
/// # Errors
/// A changed or damaged graph, a system that does not name its processor, or a bundle that cannot be written to.
pub fn optimize(
    bundle: &Bundle,
    runtime: &OnnxRuntime,
    precision: PrecisionChoice,
) -> Result<Vec<OptimizedGraph>> {
    remove_partial_folders(bundle);
    let keep = |stem| {
        let file = model_file(stem, precision.resolve(bundle, stem, Device::Cpu)?);
        bundle.verify(&file)?;
        let origin = Origin::of(bundle, runtime, &file).ok_or(Error::UnknownProcessor)?;
        let folder = origin.folder(bundle);
        if !(belongs_to(&folder, &origin) && is_intact(&folder, &origin)) {
            write(runtime, &bundle.dir().join(&file), origin, &folder)?;
        }
        let size = |name| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len());
        Ok(OptimizedGraph { file, bytes: size(GRAPH) + size(WEIGHTS), folder })
    };
    [ENCODER, DECODER].into_iter().map(keep).collect()
}

/// Earlier versions left `GRAPH-KEY.partial-PROCESS` when they were killed. [`WholeFolder`] removes what this one leaves.
fn remove_partial_folders(bundle: &Bundle) {
    for entry in std::fs::read_dir(bundle.dir().join(OPTIMIZED)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| Some(name.rsplit_once(".partial-")?.1.to_string()));
        if process.is_some_and(|process| process.parse::<u32>().is_ok()) {
            // Where it cannot be removed, it only takes space.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Where the graph in `file` is kept for this machine, if it is.
pub(crate) fn kept(bundle: &Bundle, runtime: &OnnxRuntime, file: &str) -> Option<PathBuf> {
    let origin = is_probably_kept(bundle, file).then(|| Origin::of(bundle, runtime, file))??;
    let folder = origin.folder(bundle);
    belongs_to(&folder, &origin).then_some(folder)
}

/// Opens a graph that is kept for this machine. `None` where there is none, or none that is intact.
pub(crate) fn open(
    bundle: &Bundle,
    runtime: &OnnxRuntime,
    stem: &str,
    precision: Precision,
) -> Option<Session> {
    let file = model_file(stem, precision);
    let folder = kept(bundle, runtime, &file)?;
    let origin = Origin::of(bundle, runtime, &file)?;
    let (intact, session) = in_parallel(|| is_intact(&folder, &origin), || open_arranged(runtime, &folder));
    session.ok().filter(|_| intact)
}

fn open_arranged(runtime: &OnnxRuntime, folder: &Path) -> ort::Result<Session> {
    let builder = runtime.session_builder()?.with_optimization_level(GraphOptimizationLevel::Disable)?;
    { builder }.commit_from_file(folder.join(GRAPH))
}

/// Writes a graph, its weights and their record into `folder`, all or nothing.
fn write(runtime: &OnnxRuntime, graph: &Path, origin: Origin, folder: &Path) -> Result<()> {
    let draft = WholeFolder::beside(folder)?;
    if let Err(source) = arrange(runtime, graph, Some(draft.path())) {
        let source = OrtError::of(source);
        // ONNX Runtime says neither that it failed to write nor why.
        return Err(match arrange(runtime, graph, None) {
            Ok(()) => Error::NotKept { path: folder.to_path_buf(), source },
            Err(_) => Error::Session { path: graph.to_path_buf(), source },
        });
    }
    let path = draft.path().join(RECORD);
    let record = serde_json::to_vec_pretty(&Record::of(origin, draft.path())?);
    write_whole(&path, &record.map_err(glimpse_bundle::Error::json(&path))?)?;
    Ok(draft.publish()?)
}

/// Opens a graph, and writes it as it runs here into the folder, if there is one.
fn arrange(runtime: &OnnxRuntime, graph: &Path, folder: Option<&Path>) -> ort::Result<()> {
    let mut builder = runtime.session_builder()?;
    if let Some(folder) = folder {
        builder = builder.with_config_entry(WEIGHTS_FILE_KEY, WEIGHTS)?;
        builder = builder.with_optimized_model_path(folder.join(GRAPH))?;
    }
    builder.commit_from_file(graph).map(drop)
}

/// Whether a graph seems to be kept, for this machine or another: answers before ONNX Runtime is loaded.
pub(crate) fn is_probably_kept(bundle: &Bundle, file: &str) -> bool {
    let prefix = format!("{}-", file.trim_end_matches(".onnx"));
    let Ok(mut entries) = std::fs::read_dir(bundle.dir().join(OPTIMIZED)) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)))
}

/// What Linux reports about the first processor's model and instructions. `None` elsewhere.
static PROCESSOR: LazyLock<Option<String>> =
    LazyLock::new(|| described(&std::fs::read_to_string("/proc/cpuinfo").ok()?));

/// The lines of `/proc/cpuinfo` that are the same for the same kind of processor, on x86-64 and on Arm.
fn described(cpuinfo: &str) -> Option<String> {
    const KINDS: [&str; 6] =
        ["model name", "flags", "Features", "CPU implementer", "CPU part", "CPU architecture"];
    let first = cpuinfo.split("\n\n").next()?;
    let is_kind = |line: &&str| KINDS.iter().any(|kind| line.starts_with(kind));
    let lines: Vec<_> = first.lines().filter(is_kind).collect();
    let tells_instructions =
        lines.iter().any(|line| line.starts_with("flags") || line.starts_with("Features"));
    tells_instructions.then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::described;

    #[test]
    fn a_processor_is_known_by_its_kind_and_instructions() {
        let x86 = |mhz, flags| {
            format!(
                "processor\t: 0\nmodel name\t: EPYC\ncpu MHz\t\t: {mhz}\nflags\t\t: {flags}\n\nprocessor\t: 1\n"
            )
        };
        assert_eq!(described(&x86(2400, "avx2")), described(&x86(3100, "avx2")));
        assert_ne!(described(&x86(2400, "avx2")), described(&x86(2400, "avx2 avx512f")));
        let arm = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU part\t: 0xd0c\n\n";
        assert_eq!(described(arm).unwrap(), "Features\t: fp asimd\nCPU part\t: 0xd0c");
        assert_eq!(described("processor\t: 0\nhart\t: 0\n"), None, "no instructions, no key");
    }
}
