/// Why a graph cannot be had in another precision.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A bundle's files could not be read or written.
    #[error(transparent)]
    Export(#[from] glimpse_export::Error),
    /// A graph's nodes do not fit together.
    #[error("the graph {graph} cannot be rewritten: {reason}")]
    UnsoundGraph {
        /// The graph's name.
        graph: String,
        /// What does not fit.
        reason: String,
    },
    /// Eight bits need a range that no calibration gave.
    #[error("no photo showed what the tensor `{tensor}` holds: calibrate with the same encoder")]
    Uncalibrated {
        /// The tensor.
        tensor: String,
    },
    /// A weight is too large for f16.
    #[error("the weight `{tensor}` holds {number}, and f16 ends at 65504: this model needs f32")]
    BeyondHalf {
        /// The weight.
        tensor: String,
        /// The number.
        number: f32,
    },
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
