//! What a bundle holds, and whether its graphs compute what somebody else computed.

#[cfg(feature = "reference")]
mod reference;

#[cfg(feature = "reference")]
pub use reference::{Difference, compare};

use crate::contract::Contract;
use crate::device::Device;
use crate::error::OrtError;
use crate::onnxruntime::OnnxRuntime;
use crate::optimized;
use crate::session::open_graph;
use crate::{Error, Result};
use glimpse_bundle::{
    Architecture, Bundle, CAPTIONER, DECODER, ENCODER, GenerationConfig, Precision, PreprocessorConfig,
    Provenance, model_file,
};
use ort::session::Session;
use ort::value::{Outlet, ValueType};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The content of a bundle's files, and its graphs as ONNX Runtime sees them.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// The folder.
    pub dir: PathBuf,
    /// Layout of the folder.
    pub format_version: u32,
    /// Files and their sizes, by name.
    pub files: Vec<FileSize>,
    /// Sizes of the network.
    pub architecture: Architecture,
    /// Where the model comes from.
    pub provenance: Provenance,
    /// Measured scores by setting.
    pub scores: BTreeMap<String, BTreeMap<String, f64>>,
    /// From a photo to `pixel_values`.
    pub preprocessor: PreprocessorConfig,
    /// Decoding defaults.
    pub generation: GenerationConfig,
    /// The graphs, in every precision that the bundle holds.
    pub graphs: Vec<Graph>,
    /// What ran them.
    pub onnxruntime: RuntimeInfo,
}

/// A file of the bundle.
#[derive(Debug, Serialize)]
pub struct FileSize {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// A graph as ONNX Runtime sees it.
#[derive(Debug, Serialize)]
pub struct Graph {
    /// Its file.
    pub file: String,
    /// `fp32`, `fp16` or `int8`.
    pub precision: &'static str,
    /// Where it is kept as it runs on this machine; see [`optimize`](crate::optimize).
    pub optimized: Option<PathBuf>,
    /// What wrote it.
    pub producer: Option<String>,
    /// Its own metadata.
    pub metadata: BTreeMap<String, String>,
    /// What it reads.
    pub inputs: Vec<TensorInfo>,
    /// What it writes.
    pub outputs: Vec<TensorInfo>,
}

/// An input or output of a graph.
#[derive(Debug, Serialize)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Type and shape, e.g. `f32[batch_size, 3, 224, 224]`.
    #[serde(rename = "type")]
    pub dtype: String,
}

/// The ONNX Runtime in use.
#[derive(Debug, Serialize)]
pub struct RuntimeInfo {
    /// Its version.
    pub version: String,
    /// The library's file.
    pub library: PathBuf,
    /// How it was found.
    pub found: String,
    /// Threads of its pool.
    pub threads: usize,
}

/// Opens every graph of a bundle and reports what it finds.
///
/// # Errors
/// A graph that ONNX Runtime cannot open or that breaks the contract.
pub fn inspect(bundle: &Bundle, runtime: &OnnxRuntime) -> Result<Inspection> {
    let mut graphs = Vec::new();
    for stem in [ENCODER, DECODER, CAPTIONER] {
        for precision in bundle.precisions(stem) {
            let session = open_checked(bundle, runtime, stem, precision)?;
            let file = model_file(stem, precision);
            let optimized = optimized::kept(bundle, runtime, &file);
            graphs.push(Graph { optimized, ..describe(&session, file, precision) });
        }
    }
    Ok(Inspection {
        dir: bundle.dir().to_path_buf(),
        format_version: bundle.config.format_version,
        files: file_sizes(bundle)?,
        architecture: bundle.config.architecture.clone(),
        provenance: bundle.config.provenance.clone(),
        scores: bundle.config.scores.clone(),
        preprocessor: bundle.preprocessor.clone(),
        generation: bundle.generation.clone(),
        graphs,
        onnxruntime: RuntimeInfo {
            version: runtime.version().into(),
            library: runtime.library().to_path_buf(),
            found: runtime.origin().to_string(),
            threads: runtime.threads(),
        },
    })
}

/// Opens one graph on the CPU; encoder and decoder are checked against the contract.
fn open_checked(bundle: &Bundle, runtime: &OnnxRuntime, stem: &str, precision: Precision) -> Result<Session> {
    let path = bundle.model_path(stem, precision)?;
    let session = open_graph(runtime, &path, Device::Cpu)
        .map_err(|source| Error::Session { path: path.clone(), source: OrtError::of(source) })?;
    let interface = bundle.config.decoder_interface();
    match stem {
        ENCODER => {
            Contract::encoder(&interface, bundle.preprocessor.output_size()).check(&session, &path)?;
        }
        DECODER => {
            Contract::decoder(&interface, bundle.config.architecture.num_cells).check(&session, &path)?
        }
        _ => {}
    }
    Ok(session)
}

fn file_sizes(bundle: &Bundle) -> Result<Vec<FileSize>> {
    let dir = bundle.dir();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(glimpse_bundle::Error::io(dir))? {
        let entry = entry.map_err(glimpse_bundle::Error::io(dir))?;
        let metadata = entry.metadata().map_err(glimpse_bundle::Error::io(entry.path()))?;
        if metadata.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push(FileSize { name, bytes: metadata.len() });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn describe(session: &Session, file: String, precision: Precision) -> Graph {
    let (mut producer, mut entries) = (None, BTreeMap::new());
    if let Ok(metadata) = session.metadata() {
        producer = metadata.producer().filter(|name| !name.is_empty());
        let keys = metadata.custom_keys().unwrap_or_default();
        entries.extend(keys.into_iter().filter_map(|key| Some((key.clone(), metadata.custom(&key)?))));
    }
    let tensors = |outlets: &[Outlet]| outlets.iter().map(tensor_info).collect();
    let (inputs, outputs) = (tensors(session.inputs()), tensors(session.outputs()));
    Graph {
        file,
        precision: precision.as_str(),
        optimized: None,
        producer,
        metadata: entries,
        inputs,
        outputs,
    }
}

fn tensor_info(outlet: &Outlet) -> TensorInfo {
    let dtype = match outlet.dtype() {
        ValueType::Tensor { ty, shape, dimension_symbols } => {
            let axes = shape.iter().zip(dimension_symbols.iter()).map(|(&size, symbol)| match size {
                0.. => size.to_string(),
                _ if symbol.is_empty() => "?".into(),
                _ => symbol.clone(),
            });
            format!("{ty}[{}]", axes.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    };
    TensorInfo { name: outlet.name().into(), dtype }
}
