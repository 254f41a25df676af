//! Captions photos with an exported bundle and ONNX Runtime.
//!
//! ```no_run
//! use glimpse_runtime::{Captioner, CaptionerOptions};
//!
//! # fn main() -> glimpse_runtime::Result<()> {
//! // SAFETY: no other thread runs yet.
//! unsafe { glimpse_runtime::disable_telemetry() };
//! let mut captioner = Captioner::open("models/flickr8k-edge", &CaptionerOptions::default())?;
//! let mut options = captioner.search_options();
//! options.num_beams = 5;
//! options.num_return_sequences = 2;
//!
//! let photo = glimpse_bundle::image::open("photo.jpg".as_ref())?;
//! for caption in &captioner.caption(&[photo], &options)?[0] {
//!     println!("{:.2}  {}", caption.score, caption.generated_text);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | item | topic |
//! |---|---|
//! | [`Captioner`], [`Caption`] | a bundle opened; photos in, captions out |
//! | [`search`](mod@search) | greedy and beam search over any step-wise model |
//! | [`OnnxRuntime`] | the library found, loaded and started once per process |
//! | [`disable_telemetry`] | what programs call first, so that ONNX Runtime reports to nobody |
//! | [`Device`] | where the graphs run |
//! | [`PrecisionChoice`] | which of a bundle's graphs run |
//! | [`optimize`] | graphs kept as they run on this machine, for shorter starts |
//! | [`ObservedEncoder`] | what tensors hold for a photo, to calibrate eight bits |
//! | [`mod@inspect`] | what a bundle holds; its graphs against reference outputs |
//! | [`photo`] | pictures decoded and prepared |
//! | [`pipeline`] | photos prepared on all cores while the graphs run |

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod bound_decoder;
mod captioner;
mod check_outputs;
mod contract;
mod decoder;
mod device;
mod encoder;
mod error;
pub mod inspect;
mod mapped_model;
mod observe;
mod onnxruntime;
mod optimized;
pub mod photo;
pub mod pipeline;
mod precision;
pub mod search;
mod selection;
mod session;
mod verification;

pub use captioner::{Caption, Captioner, CaptionerOptions};
pub use device::{Device, UnknownDevice};
pub use encoder::Encoded;
pub use error::{Error, Result};
pub use observe::ObservedEncoder;
pub use onnxruntime::{LoadError, OnnxRuntime, OnnxRuntimeOptions, Origin, disable_telemetry};
pub use optimized::{OptimizedGraph, optimize};
pub use precision::{PrecisionChoice, UnknownChoice};
