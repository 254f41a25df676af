use crate::{printable, printable_excerpt};
use std::path::PathBuf;

/// What can be wrong with a bundle, a photo or a tokenizer.
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
    /// The folder is not a bundle.
    #[error("{path} is not a bundle: {reason}", path = path.display())]
    NotABundle {
        /// The folder.
        path: PathBuf,
        /// What is missing or unexpected.
        reason: String,
    },
    /// A pipe, a device, a socket or a folder stands where a file is needed. It was not opened.
    #[error("{path} is {kind}, not a file; remove it", path = path.display())]
    NotAFile {
        /// Where it stands.
        path: PathBuf,
        /// What it is: "a pipe", "a device", "a socket" or "a folder".
        kind: &'static str,
    },
    /// A file is larger than one of its kind may be. It was not read.
    #[error("{path} has {bytes} bytes, where at most {limit} are allowed", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The largest size.
        limit: u64,
    },
    /// A file differs from the checksum that the bundle was sealed with.
    #[error("{path} does not match SHA256SUMS: the file was changed or damaged; fetch the bundle again", path = path.display())]
    ChecksumMismatch {
        /// The file.
        path: PathBuf,
    },
    /// A graph cannot be used for what is asked.
    #[error("{path}: {reason}", path = path.display())]
    Graph {
        /// The ONNX file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A JSON file does not hold what its name promises.
    #[error("{path}: {source}", path = path.display(), source = printable_excerpt(&source.to_string()))]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why it does not parse.
        source: serde_json::Error,
    },
    /// A setting is out of range or contradicts another.
    #[error("{what}: {reason}")]
    Invalid {
        /// The setting.
        what: &'static str,
        /// Why it is refused.
        reason: String,
    },
    /// A decoding option of a file is refused.
    #[error("{path}: {source}", path = path.display())]
    Option {
        /// The file.
        path: PathBuf,
        /// The option and the reason.
        source: crate::InvalidOption,
    },
    /// The tokenizer could not be built, read or used.
    #[error("tokenizer: {}", printable_excerpt(.0))]
    Tokenizer(String),
    /// The picture could not be decoded.
    #[error("{0}")]
    Image(#[from] crate::image::ImageError),
}

impl Error {
    /// Wraps an I/O error with the path that it happened at; made for `map_err`.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// Wraps a refused option with the file that asks for it; made for `map_err`.
    pub fn option(path: impl Into<PathBuf>) -> impl FnOnce(crate::InvalidOption) -> Self {
        let path = path.into();
        move |source| Self::Option { path, source }
    }

    /// Wraps a JSON error with the path that it happened at; made for `map_err`.
    pub fn json(path: impl Into<PathBuf>) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.into();
        move |source| Self::Json { path, source }
    }
}

/// An error with its causes in one line, as programs print it: without control characters. A cause that the line names already is not repeated.
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = String::new();
    for cause in std::iter::successors(Some(error), |error| error.source()) {
        let cause = printable(&cause.to_string()).into_owned();
        if cause.starts_with(&line) {
            line = cause;
        } else if !line.contains(&cause) {
            line += ": ";
            line += &cause;
        }
    }
    line
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
