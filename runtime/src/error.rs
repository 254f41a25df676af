use crate::device::Device;
use crate::onnxruntime::LoadError;
use glimpse_generation::InvalidOption;
use std::path::PathBuf;

/// What can go wrong between a bundle and a caption.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bundle is incomplete, changed or contradicts itself, or a picture cannot be decoded.
    #[error(transparent)]
    Bundle(#[from] glimpse_bundle::Error),
    /// A photo's file could not be read.
    #[error("{source}")]
    Read {
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A picture made its decoder fail in a way that it should not.
    #[error("the picture cannot be decoded: its decoder failed unexpectedly")]
    DecoderPanic,
    /// The batch that a photo was in could not be captioned.
    #[error("{reason}")]
    Batch {
        /// The batch's error.
        reason: String,
    },
    /// An [`Encoded`](crate::Encoded) batch of another captioner.
    #[error("these photos were encoded by another captioner: decode them with that one")]
    OtherCaptioner,
    /// No ONNX Runtime could be loaded.
    #[error(transparent)]
    OnnxRuntime(#[from] LoadError),
    /// ONNX Runtime refused to start.
    #[error("ONNX Runtime could not start: {source}")]
    Environment {
        /// ONNX Runtime's reason.
        source: OrtError,
    },
    /// ONNX Runtime could not open a graph.
    #[error("{path} cannot be run: {source}", path = path.display())]
    Session {
        /// The graph's file.
        path: PathBuf,
        /// ONNX Runtime's reason.
        source: OrtError,
    },
    /// A graph could be opened, but not be kept as it runs on this machine.
    #[error("{path} cannot be written; is there room on the disk? ({source})", path = path.display())]
    NotKept {
        /// Where the graph was to be kept.
        path: PathBuf,
        /// ONNX Runtime's reason.
        source: OrtError,
    },
    /// A graph's inputs or outputs are not those of a bundle of this architecture.
    #[error("{path} does not keep the contract of a bundle: {reason}", path = path.display())]
    Contract {
        /// The graph's file.
        path: PathBuf,
        /// The tensor and how it differs.
        reason: String,
    },
    /// The device that was asked for cannot be used.
    #[error("device {device} cannot be used: {reason}")]
    Device {
        /// What was asked for.
        device: Device,
        /// Why it is out of reach.
        reason: String,
    },
    /// The bundle has no graph of the precision that was asked for.
    #[error(
        "precision {precision}: {path} holds {stem} as {held} alone; `glimpse-quantize` writes the others",
        path = path.display()
    )]
    Precision {
        /// What was asked for.
        precision: glimpse_bundle::Precision,
        /// The bundle.
        path: PathBuf,
        /// Which graph.
        stem: &'static str,
        /// What there is of it.
        held: String,
    },
    /// Optimized graphs cannot be kept for a processor that cannot be identified.
    #[error(
        "this system does not say in /proc/cpuinfo which processor it has: graphs are kept on Linux alone"
    )]
    UnknownProcessor,
    /// ONNX Runtime failed while running a graph.
    #[error("the {graph} failed: {source}")]
    Run {
        /// Which graph.
        graph: &'static str,
        /// ONNX Runtime's reason.
        source: OrtError,
    },
    /// A graph lacks an output that `config.json` declares.
    #[error("the {graph} gave no output {tensor}")]
    MissingOutput {
        /// Which graph.
        graph: &'static str,
        /// The output's name.
        tensor: String,
    },
    /// The bundle's decoder asks for something that this version does not do.
    #[error("{reason}")]
    Unsupported {
        /// What it asks for.
        reason: String,
    },
    /// There is no photo to caption.
    #[error("no photo was given")]
    NoPhoto,
    /// A graph ran and gave what no search can use.
    #[error("the {graph} gave an unusable {tensor}: {reason}")]
    Output {
        /// Which graph.
        graph: &'static str,
        /// The output's name.
        tensor: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// `pixel_values` of another shape than the bundle's preprocessing makes.
    #[error("pixel_values have shape {found:?}, the bundle wants {expected:?} for each image")]
    PixelValues {
        /// [batch, channels, height, width] as given.
        found: Vec<usize>,
        /// [channels, height, width] by `preprocessor_config.json`.
        expected: [usize; 3],
    },
    /// A search option is out of range or contradicts another.
    #[error(transparent)]
    Option(#[from] InvalidOption),
    /// A file of reference tensors cannot be used.
    #[error("{path}: {reason}", path = path.display())]
    Reference {
        /// The `.safetensors` file.
        path: PathBuf,
        /// What is missing or unexpected.
        reason: String,
    },
}

impl Error {
    pub(crate) fn read(source: std::io::Error) -> Self {
        Self::Read { source }
    }

    /// The error of a photo's own file, whose name the caller knows.
    pub(crate) fn photo(error: glimpse_bundle::Error) -> Self {
        match error {
            glimpse_bundle::Error::Io { source, .. } => Self::Read { source },
            error => error.into(),
        }
    }

    /// The error of a batch for each of its photos.
    pub(crate) fn shared(error: &Self) -> impl Iterator<Item = Self> {
        let reason = glimpse_bundle::with_causes(error);
        std::iter::repeat_with(move || Self::Batch { reason: reason.clone() })
    }
}

/// An error of ONNX Runtime, in its own words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OrtError(String);

impl OrtError {
    pub(crate) fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string().trim_end().to_string())
    }
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
