//! Graphs as ONNX Runtime arranged them for one machine, kept beside the bundle's own.
//!
//! Most of a start goes into arranging a graph: layers are fused, and weights brought into the order in which this
//! processor reads them. The result can be kept in `BUNDLE/optimized/GRAPH-KEY/`, from where it is mapped into memory.
//! It would give wrong numbers on another processor, so the key is a digest of the processor, the version of ONNX
//! Runtime and the graph: whatever of them changes, the graph of the bundle is opened as if nothing were kept.

use crate::device::Device;
use crate::error::OrtError;
use crate::onnxruntime::OnnxRuntime;
use crate::parallel::in_parallel;
use crate::precision::PrecisionChoice;
use crate::{Error, Result};
use glimpse_bundle::{Bundle, DECODER, ENCODER, OPTIMIZED, Precision, model_file, sha256};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

const GRAPH: &str = "model.onnx";
/// The weights, each at the start of a page.
const WEIGHTS: &str = "model.data";
/// CRC-32 of both.
const CHECKSUM: &str = "crc32";
const WEIGHTS_FILE_KEY: &str = "session.optimized_model_external_initializers_file_name";

/// A graph that is kept for this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OptimizedGraph {
    /// The file in the bundle that it was made from.
    pub file: String,
    /// Where it lies.
    pub folder: PathBuf,
    /// What it takes on disk.
    pub bytes: u64,
}

/// Keeps encoder and decoder as they run on this machine's CPU; what is kept already and intact stays.
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
    let keep = |stem| {
        let file = model_file(stem, precision.resolve(bundle, stem, Device::Cpu)?);
        bundle.verify(&file)?;
        let folder = place(bundle, runtime, &file).ok_or(Error::UnknownProcessor)?;
        if !is_intact(&folder) {
            write(runtime, &bundle.dir().join(&file), &folder)?;
        }
        let size = |name| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len());
        Ok(OptimizedGraph { file, bytes: size(GRAPH) + size(WEIGHTS), folder })
    };
    [ENCODER, DECODER].into_iter().map(keep).collect()
}

/// Where the graph in `file` is kept for this machine, if it is.
pub(crate) fn kept(bundle: &Bundle, runtime: &OnnxRuntime, file: &str) -> Option<PathBuf> {
    let folder = is_probably_kept(bundle, file).then(|| place(bundle, runtime, file))??;
    folder.join(GRAPH).is_file().then_some(folder)
}

/// Opens a graph that is kept for this machine. `None` where there is none, or none that is intact.
pub(crate) fn open(
    bundle: &Bundle,
    runtime: &OnnxRuntime,
    stem: &str,
    precision: Precision,
) -> Option<Session> {
    let folder = kept(bundle, runtime, &model_file(stem, precision))?;
    let (intact, session) = in_parallel(|| is_intact(&folder), || open_arranged(runtime, &folder));
    session.ok().filter(|_| intact)
}

fn open_arranged(runtime: &OnnxRuntime, folder: &Path) -> ort::Result<Session> {
    let builder = runtime.session_builder()?.with_optimization_level(GraphOptimizationLevel::Disable)?;
    { builder }.commit_from_file(folder.join(GRAPH))
}

/// Writes a graph and its weights into `folder`, all or nothing.
fn write(runtime: &OnnxRuntime, graph: &Path, folder: &Path) -> Result<()> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::from(glimpse_bundle::Error::io(path)(source))
    };
    let partial = folder.with_extension(format!("partial-{}", std::process::id()));
    std::fs::create_dir_all(&partial).map_err(failed(&partial))?;
    let arranged = arrange(runtime, graph, &partial)
        .map_err(|source| Error::Session { path: graph.to_path_buf(), source: OrtError::of(source) })
        .and_then(|()| {
            let sum = checksum(&partial).map_err(failed(&partial))?;
            std::fs::write(partial.join(CHECKSUM), sum).map_err(failed(&partial))?;
            // Only a damaged one is ever in the way.
            let _ = std::fs::remove_dir_all(folder);
            std::fs::rename(&partial, folder).map_err(failed(folder))
        });
    if arranged.is_err() {
        let _ = std::fs::remove_dir_all(&partial);
    }
    arranged
}

fn arrange(runtime: &OnnxRuntime, graph: &Path, folder: &Path) -> ort::Result<()> {
    let builder = runtime.session_builder()?.with_config_entry(WEIGHTS_FILE_KEY, WEIGHTS)?;
    let mut builder = builder.with_optimized_model_path(folder.join(GRAPH))?;
    builder.commit_from_file(graph).map(drop)
}

/// CRC-32 over both files. It finds accidents, which is all that can be asked of a checksum that lies beside what it
/// is of; SHA-256 would take longer than opening the graph.
fn checksum(folder: &Path) -> io::Result<String> {
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 17];
    for name in [GRAPH, WEIGHTS] {
        let mut file = File::open(folder.join(name))?;
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => hasher.update(&buffer[..read]),
            }
        }
    }
    Ok(format!("{:08x}", hasher.finalize()))
}

fn is_intact(folder: &Path) -> bool {
    let written = std::fs::read_to_string(folder.join(CHECKSUM));
    written.is_ok_and(|written| checksum(folder).is_ok_and(|found| found == written))
}

/// Whether a graph seems to be kept, for this machine or another: answers before ONNX Runtime is loaded.
pub(crate) fn is_probably_kept(bundle: &Bundle, file: &str) -> bool {
    let prefix = format!("{}-", file.trim_end_matches(".onnx"));
    let Ok(mut entries) = std::fs::read_dir(bundle.dir().join(OPTIMIZED)) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)))
}

fn place(bundle: &Bundle, runtime: &OnnxRuntime, file: &str) -> Option<PathBuf> {
    let key = [PROCESSOR.as_deref()?, runtime.version(), bundle.checksum(file)?].join("\n");
    let stem = file.trim_end_matches(".onnx");
    Some(bundle.dir().join(OPTIMIZED).join(format!("{stem}-{}", &sha256(key.as_bytes())[..16])))
}

/// What Linux says of the first processor's kind and instructions. `None` elsewhere.
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
