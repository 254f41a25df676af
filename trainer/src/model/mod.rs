//! The attention LSTM of `glimpse_bundle::checkpoint`, in libtorch.

mod captions;
mod encoder;
mod parameters;
mod step;
mod teacher_forcing;

pub use captions::CaptionBatch;
pub use encoder::Grid;
pub use parameters::Parameters;
pub use step::{State, Step};
pub use teacher_forcing::TeacherForced;

use crate::Result;
use glimpse_bundle::Architecture;
use tch::{Device, Kind};

/// The trainable part of a captioner, everything behind the backbone's grid.
#[derive(Debug)]
pub struct Captioner {
    architecture: Architecture,
    parameters: Parameters,
    /// Share of units that are zeroed in training: of the grid, the words and the output.
    pub dropout: f64,
    /// Of the products in training; bf16 halves their cost where the processor has it. Weights,
    /// sums and everything at inference stay f32.
    pub train_precision: Kind,
}

impl Captioner {
    /// Fresh weights, drawn from libtorch's generator.
    pub fn new(architecture: Architecture, dropout: f64, device: Device) -> Result<Self> {
        architecture.validate()?;
        let parameters = Parameters::init(&architecture, device);
        Ok(Self { architecture, parameters, dropout, train_precision: Kind::Float })
    }

    /// Weights that were read; each must have the shape that the architecture wants.
    pub fn with_parameters(architecture: Architecture, parameters: Parameters, dropout: f64) -> Result<Self> {
        architecture.validate()?;
        parameters.check(&architecture)?;
        Ok(Self { architecture, parameters, dropout, train_precision: Kind::Float })
    }

    /// Sizes.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The weights by name.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}
