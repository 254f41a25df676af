//! The attention LSTM of `glimpse_bundle::checkpoint`, in libtorch.

mod boundary;
mod captions;
mod encoder;
mod free_running;
mod parameters;
mod step;
mod step_matrix;
mod teacher_forcing;

pub use captions::CaptionBatch;
pub use encoder::Grid;
pub use parameters::Parameters;
pub use step::{State, Step, Stepper};
pub use teacher_forcing::TeacherForced;

use crate::Result;
use crate::backbone::TrainedBlocks;
use glimpse_bundle::Architecture;
use tch::{Device, Kind, Tensor};

/// The trainable part of a captioner: everything behind the backbone's grid, and the backbone's last blocks where they
/// are trained.
#[derive(Debug)]
pub struct Captioner {
    architecture: Architecture,
    parameters: Parameters,
    trained_blocks: Option<TrainedBlocks>,
}

/// How a pass over the model computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pass {
    /// Share of units that are zeroed: of the grid, the words and the output.
    pub dropout: f64,
    /// Share of the grid's cells that a step does not see, the same ones for the whole batch.
    pub cell_dropout: f64,
    /// Number format of the products; bf16 halves their cost where the processor has it. Weights and
    /// sums stay f32.
    pub precision: Kind,
}

impl Pass {
    /// Nothing is dropped, everything is f32.
    pub const EXACT: Self = Self { dropout: 0.0, cell_dropout: 0.0, precision: Kind::Float };

    fn drop_units(&self, x: Tensor) -> Tensor {
        if self.dropout > 0.0 { x.dropout(self.dropout, true) } else { x }
    }

    /// Which of the cells a step sees, i64 [cells kept]; `None` for all of them.
    fn kept_cells(&self, cells: i64, device: Device) -> Option<Tensor> {
        let kept = ((1.0 - self.cell_dropout) * cells as f64).ceil() as i64;
        (kept < cells).then(|| Tensor::randperm(cells, (Kind::Int64, device)).narrow(0, 0, kept))
    }
}

impl Captioner {
    /// Fresh weights, drawn from libtorch's generator.
    pub fn new(architecture: Architecture, device: Device) -> Result<Self> {
        architecture.validate()?;
        let parameters = Parameters::init(&architecture, device);
        Ok(Self { architecture, parameters, trained_blocks: None })
    }

    /// Weights that were read; each must have the shape that the architecture wants.
    pub fn with_parameters(architecture: Architecture, parameters: Parameters) -> Result<Self> {
        architecture.validate()?;
        parameters.check(&architecture)?;
        Ok(Self { architecture, parameters, trained_blocks: None })
    }

    /// Adds blocks of the backbone, and their weights to the parameters. [`Captioner::encode`] then reads the maps
    /// before them.
    pub fn with_trained_blocks(mut self, blocks: TrainedBlocks) -> Self {
        self.parameters.add_backbone(blocks.initial_weights());
        self.trained_blocks = Some(blocks);
        self
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
