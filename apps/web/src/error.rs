use std::path::PathBuf;

/// Why the files could not be written. Each message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bundle, or a file that could not be read or written.
    #[error(transparent)]
    Bundle(#[from] glimpse_bundle::Error),
    /// The bundle asks for what the page does not do.
    #[error("{path} cannot be used in a browser: {reason}")]
    Unsuited {
        /// The bundle.
        path: PathBuf,
        /// What it asks for.
        reason: String,
    },
    /// There is no onnxruntime-web, or it is of another version.
    #[error("{path}: {reason}; npm install onnxruntime-web@{expected}, or make deps-web")]
    OnnxRuntime {
        /// The folder of the package.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// The version that the page was tested with.
        expected: &'static str,
    },
    /// The output folder holds other files.
    #[error("{path} is not empty, and was not written by this program; name a new folder")]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
}

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;
