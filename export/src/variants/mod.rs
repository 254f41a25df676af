//! Graphs of other precisions, made from those of a bundle.

mod bounds;
mod calibration;
mod convolutions;
mod files;
mod half;
mod products;
mod rewrite;
mod weights;

use crate::Result;
use crate::proto::GraphProto;
pub use calibration::{Calibration, observed_encoder};
use convolutions::Convolutions;
pub use files::{Variant, read_model, write_variants};
pub use half::half_precision;
use products::Products;
pub(crate) use products::to;
use rewrite::Rewrite;

/// `decoder_model_int8.onnx`: every matrix in s8 with a scale for each of its columns.
///
/// What a step reads from memory shrinks to a quarter, and nothing has to be calibrated.
///
/// # Errors
/// [`Error::UnsoundGraph`](crate::Error::UnsoundGraph).
pub fn int8_decoder(decoder: &GraphProto) -> Result<GraphProto> {
    let mut rewrite = Rewrite::new(decoder);
    let mut products = Products::default();
    for node in &decoder.node {
        if !products.rewrite(&mut rewrite, node)? {
            rewrite.copy(node)?;
        }
    }
    rewrite.finish()
}

/// `encoder_model_int8.onnx`: convolutions in u8 and s8 with the ranges that `calibration` saw, what
/// follows them as in [`int8_decoder`]. Its outputs stay f32.
///
/// # Errors
/// [`Error::UnsoundGraph`](crate::Error::UnsoundGraph), and
/// [`Error::Uncalibrated`](crate::Error::Uncalibrated) where the calibration has not seen a tensor of
/// [`observed_encoder`].
pub fn int8_encoder(encoder: &GraphProto, calibration: &Calibration) -> Result<GraphProto> {
    let mut rewrite = Rewrite::new(encoder);
    let mut convolutions = Convolutions::new(encoder, calibration);
    let mut products = Products::default();
    for node in &encoder.node {
        if !convolutions.rewrite(&mut rewrite, node)? && !products.rewrite(&mut rewrite, node)? {
            rewrite.copy(node)?;
        }
    }
    rewrite.finish()
}
