//! Captioners in libtorch: a decoder of any kind, and the backbone's last blocks where they are trained.

mod captions;
pub mod decoder;
mod encoded;
mod free_running;
mod parameters;

pub use captions::CaptionBatch;
pub use decoder::{DecoderKind, Gathered, Step, Stepper, TeacherForced, decoder_kind};
pub use encoded::{Encoded, State};
pub use parameters::{Init, ModelWeights, Parameters};

use crate::Result;
use crate::backbone::TrainedBlocks;
use glimpse_bundle::Architecture;
use tch::{Device, Kind, Tensor};

/// The trainable part of a captioner: everything behind the backbone's grid, and the backbone's last blocks where they
/// are trained.
#[derive(Debug)]
pub struct Captioner {
    kind: &'static dyn DecoderKind,
    architecture: Architecture,
    parameters: Parameters,
    trained_blocks: Option<TrainedBlocks>,
}

/// How a pass over the model computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pass {
    /// Share of units that are zeroed: of the grid, the tokens and the output.
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
    /// Fresh weights of a decoder of the kind called `kind`, drawn from libtorch's generator.
    ///
    /// # Errors
    /// An unknown kind, and sizes that contradict each other.
    pub fn new(kind: &str, architecture: Architecture, device: Device) -> Result<Self> {
        architecture.validate()?;
        let kind = decoder_kind(kind)?;
        let parameters = Parameters::init(kind, &architecture, device)?;
        Ok(Self { kind, architecture, parameters, trained_blocks: None })
    }

    /// Weights that were read; each must have the shape that the architecture wants.
    ///
    /// # Errors
    /// As [`Captioner::new`], and the first weight of another shape.
    pub fn with_parameters(kind: &str, architecture: Architecture, parameters: Parameters) -> Result<Self> {
        architecture.validate()?;
        parameters.check(kind, &architecture)?;
        Ok(Self { kind: decoder_kind(kind)?, architecture, parameters, trained_blocks: None })
    }

    /// What decodes.
    pub fn kind(&self) -> &'static dyn DecoderKind {
        self.kind
    }

    fn weights(&self) -> ModelWeights<'_> {
        ModelWeights { parameters: &self.parameters, sizes: &self.architecture }
    }

    /// Reads the captions token by token, each step given the true tokens before it.
    pub fn teacher_forced(&self, encoded: &Encoded, batch: &CaptionBatch, pass: &Pass) -> TeacherForced {
        self.kind.teacher_forced(self.weights(), encoded, batch, pass)
    }

    /// Decodes token by token.
    pub fn stepper(&self, precision: Kind) -> Box<dyn Stepper + '_> {
        self.kind.stepper(self.weights(), precision)
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
