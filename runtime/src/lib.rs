//! Captions photos with an exported bundle and ONNX Runtime.
//!
//! ```no_run
//! use glimpse_runtime::Captioner;
//!
//! # fn main() -> glimpse_runtime::Result<()> {
//! let captioner = Captioner::from_bundle("models/flickr8k-edge")?;
//! let options = captioner.generation_config().clone().with_num_beams(5).with_num_return_sequences(2);
//! for caption in captioner.caption("photo.jpg", &options)? {
//!     println!("{:.2}  {}", caption.score, caption.generated_text);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A program that must not report to the makers of ONNX Runtime calls [`disable_telemetry`] first.
//!
//! | item | topic |
//! |---|---|
//! | [`Captioner`], [`Caption`] | a bundle opened; photos in, captions out |
//! | [`Captioner::stream`], [`PreparedPhotos`] | many photos: prepared ahead, in batches, answered in order |
//! | [`Captioner::decode_traced`], [`Trace`] | all that a search considered: the beam tree |
//! | [`Answer`] | the captions of a photo as JSON: one schema for programs and servers |
//! | [`Photo`] | a file, bytes or pixels |
//! | [`generation`] | greedy and beam search over any step-wise model |
//! | [`OnnxRuntime`] | the library found, loaded and started once per process |
//! | [`disable_telemetry`] | what programs call first, so that ONNX Runtime reports nothing |
//! | [`Device`] | where the graphs run |
//! | [`PrecisionChoice`] | which of a bundle's graphs run |
//! | [`optimize`] | graphs kept as they run on this machine, for shorter starts |
//! | [`ObservedEncoder`] | what tensors hold for a photo, to calibrate eight bits |
//! | [`mod@inspect`] | what a bundle holds; its graphs against reference outputs |

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod answer;
mod captioner;
mod contract;
mod decoder;
mod device;
mod encoder;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod inspect;
mod mapped_model;
mod observe;
mod onnxruntime;
mod optimized;
mod parallel;
mod photo;
mod precision;
mod selection;
mod session;
mod stream;
mod trace;
mod verification;

pub use glimpse_generation as generation;
pub use glimpse_generation::GenerationConfig;

pub use answer::{Answer, Milliseconds};
pub use captioner::{Caption, Captioner, CaptionerOptions};
pub use device::{Device, UnknownDevice};
pub use encoder::Encoded;
pub use error::{Error, OrtError, Result};
pub use observe::ObservedEncoder;
pub use onnxruntime::{LoadError, OnnxRuntime, OnnxRuntimeOptions, Origin, disable_telemetry};
pub use optimized::{OptimizedGraph, optimize};
pub use photo::{NetworkInput, Photo};
pub use precision::{PrecisionChoice, UnknownChoice};
pub use stream::{CaptionStream, Captioned, EncodedBatch, EncodedBatches, PreparedPhotos, StreamOptions};
pub use trace::{Alternative, Trace, TraceNode, TraceRow};
