//! From a checkpoint and a backbone's weights to a bundle: a folder of ONNX graphs and JSON files
//! that any ONNX Runtime can run. Needs neither libtorch nor ONNX Runtime.
//!
//! | item | topic |
//! |---|---|
//! | [`Weights`] | named f32 tensors, from `.safetensors` or from elsewhere |
//! | [`Checkpoint`] | what training leaves: weights, sizes, preprocessing, vocabulary |
//! | [`average`] | one checkpoint from several runs |
//! | [`backbone`] | the frozen image networks, one file each |
//! | [`decoder`] | the kinds of decoders, one folder each |
//! | [`write_bundle`], [`BundleDraft`] | the folder, written whole or not at all |
//! | [`encoder_graph`], [`decoder_graph`] | the two graphs that `docs/bundle.md` describes |
//! | [`seeded`] | random weights for tests and benchmarks |
//! | [`graph`], [`proto`] | the ONNX format itself |

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod average;
pub mod backbone;
mod bundle_draft;
mod bundle_writer;
mod captioner;
mod checkpoint;
pub mod decoder;
mod encoder;
mod error;
pub mod graph;
mod linear;
mod logit_adjustment;
pub mod proto;
pub mod seeded;
mod weights;

pub use average::average;
pub use bundle_draft::{BundleDraft, BundleFile, BundleReport};
pub use bundle_writer::write_bundle;
pub use checkpoint::Checkpoint;
pub use decoder::{DecoderKind, decoder_graph, decoder_kind};
pub use encoder::encoder_graph;
pub use error::{Error, Result};
pub use weights::{Tensor, Weights, with_metadata};
