use glimpse_bundle::printable;
use std::path::PathBuf;

/// What can go wrong between a checkpoint and a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file is not a sound `.safetensors` file.
    #[error(
        "{path} is not a readable .safetensors file: {reason}",
        path = path.display(),
        reason = printable(&source.to_string())
    )]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// The format's complaint.
        source: safetensors::SafeTensorError,
    },
    /// The file holds weights but lacks what makes it a checkpoint.
    #[error("{path} is not a Glimpse checkpoint: its metadata have no `{key}`", path = path.display())]
    MissingMetadata {
        /// The file.
        path: PathBuf,
        /// The metadata key.
        key: &'static str,
    },
    /// A JSON text does not hold what its key promises.
    #[error("{origin}: `{key}`: {source}")]
    Json {
        /// File or description of where the text comes from.
        origin: String,
        /// Metadata key or file name.
        key: &'static str,
        /// Where and why it does not parse.
        source: serde_json::Error,
    },
    /// A weight is absent.
    #[error("{origin} lacks the weight `{name}` of shape {expected:?}")]
    MissingWeight {
        /// File or description of where the weights come from.
        origin: String,
        /// The weight.
        name: String,
        /// Its shape.
        expected: Vec<usize>,
    },
    /// A weight has another shape than the architecture says.
    #[error("{origin}: the weight `{name}` has shape {found:?}, expected {expected:?}")]
    WeightShape {
        /// File or description of where the weights come from.
        origin: String,
        /// The weight.
        name: String,
        /// The shape that the architecture implies.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A weight is not stored as floating-point numbers.
    #[error("{origin}: the weight `{name}` is stored as {dtype}; F64, F32, F16 or BF16 is needed")]
    WeightType {
        /// File or description of where the weights come from.
        origin: String,
        /// The weight.
        name: String,
        /// The type in the file.
        dtype: String,
    },
    /// A checkpoint holds a weight that its architecture has no place for.
    #[error(
        "{origin}: the weight `{name}` has no place in the architecture of its config; of a training run, best.safetensors is the file to take"
    )]
    UnexpectedWeight {
        /// File or description of where the weights come from.
        origin: String,
        /// The weight.
        name: String,
    },
    /// A tensor's data do not fill its shape.
    #[error("the weight `{name}` of shape {shape:?} wants {expected} numbers, got {found}", expected = shape.iter().product::<usize>())]
    DataLength {
        /// The weight.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// How many numbers came with it.
        found: usize,
    },
    /// No backbone has this name.
    #[error("there is no backbone `{name}`; known are {known}")]
    UnknownBackbone {
        /// The name asked for.
        name: String,
        /// All names, separated by commas.
        known: String,
    },
    /// No decoder has this name.
    #[error("there is no decoder `{name}` to train or export; known are {known}")]
    UnknownDecoder {
        /// The name asked for.
        name: String,
        /// All names, separated by commas.
        known: String,
    },
    /// The backbone has too few blocks to train so many.
    #[error("{backbone} has at most {most} blocks to train, not {count}: the first stays frozen")]
    Blocks {
        /// Name of the backbone.
        backbone: &'static str,
        /// How many were asked for.
        count: usize,
        /// How many there are, less one.
        most: usize,
    },
    /// The backbone's weights are not those that the decoder learned on.
    #[error(
        "{path} is not the file of {backbone} weights that the checkpoint was trained with: \
         its SHA-256 is {found}, the checkpoint names {expected}", path = path.display()
    )]
    OtherBackboneWeights {
        /// The file of backbone weights.
        path: PathBuf,
        /// Name of the backbone.
        backbone: String,
        /// The digest in the checkpoint's provenance.
        expected: String,
        /// The digest of the file.
        found: String,
    },
    /// Two settings of a checkpoint contradict each other.
    #[error("{what}: {reason}")]
    Contradiction {
        /// The setting.
        what: &'static str,
        /// What it contradicts.
        reason: String,
    },
    /// The target folder holds something that is not a bundle.
    #[error("{path} is not replaced: {reason}", path = path.display())]
    TargetInUse {
        /// The folder.
        path: PathBuf,
        /// What was found there.
        reason: String,
    },
    /// A graph exceeds what one protobuf file can hold.
    #[error(
        "{file} would take {bytes} bytes, and a protobuf file ends at 2 GiB: shrink the vocabulary or the layers"
    )]
    GraphTooLarge {
        /// Name of the graph's file.
        file: String,
        /// Its encoded size.
        bytes: usize,
    },
    /// The file is no ONNX graph.
    #[error("{path} is not a readable ONNX graph: {source}", path = path.display())]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// The format's complaint.
        source: prost::DecodeError,
    },
    /// A graph's nodes do not fit together.
    #[error("the graph {graph} cannot be rewritten: {reason}")]
    UnsoundGraph {
        /// The graph's name.
        graph: String,
        /// What does not fit.
        reason: String,
    },
    /// A decoding option is refused.
    #[error(transparent)]
    Option(#[from] glimpse_bundle::InvalidOption),
    /// A part of the bundle was refused by its own check.
    #[error(transparent)]
    Bundle(#[from] glimpse_bundle::Error),
}

impl Error {
    /// Wraps an I/O error with the path that it happened at; made for `map_err`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
