//! int8 and f16 graphs, made from the f32 graphs of a bundle. Needs no ONNX Runtime.
//!
//! | item | topic |
//! |---|---|
//! | [`int8_decoder`], [`int8_encoder`] | eight-bit graphs |
//! | [`half_precision`] | f16 graphs |
//! | [`Calibration`], [`observed_encoder`] | the ranges that eight bits need |
//! | [`write_variants`] | the graphs beside those that a bundle has |
//!
//! The program `glimpse-quantize` runs the encoder on sample photos to calibrate it, for which it needs ONNX
//! Runtime. It is built with the feature `program`.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod bounds;
mod calibration;
mod convolutions;
mod error;
mod files;
mod fp16;
mod products;
mod rewrite;
mod weights;

pub use calibration::{Calibration, observed_encoder};
use convolutions::Convolutions;
pub use error::{Error, Result};
pub use files::{Variant, write_variants};
pub use fp16::half_precision;
use glimpse_bundle::DecoderInterface;
use glimpse_export::proto::GraphProto;
use products::Products;
use rewrite::Rewrite;

/// `decoder_model_int8.onnx`: every matrix in s8 with a scale for each of its columns.
///
/// What a step reads from memory shrinks to a quarter, and nothing has to be calibrated: `interface` tells how far from
/// 0 the state can be.
///
/// # Errors
/// [`Error::UnsoundGraph`].
pub fn int8_decoder(decoder: &GraphProto, interface: &DecoderInterface) -> Result<GraphProto> {
    let mut rewrite = Rewrite::new(decoder).with_state_of(interface);
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
/// [`Error::UnsoundGraph`], and
/// [`Error::Uncalibrated`] where the calibration has not seen a tensor of
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
