//! From a photo's bytes to `pixel_values`.
//!
//! One path for every program and every format: [`load`] turns a file, bytes or a stream into an upright
//! 8-bit [`RgbImage`], or says in one line why it cannot ([`ImageError`]). A [`Preprocessor`] then
//! resizes, crops and normalises it as `preprocessor_config.json` says, to within a grey level of what PIL
//! and torchvision give. [`Preprocessor::prepare`] is both in one. [`decode`] and [`open`] are [`load`] for
//! callers that want the picture alone.
//!
//! Work and memory are bounded before anything is decoded: see [`Limits`].

mod budget;
mod decode;
mod error;
mod folder;
mod formats;
mod jpeg;
mod limits;
mod orientation;
mod pixels;
mod preprocess;
mod source;

pub use ::image::RgbImage;
pub use decode::{Decoded, Warning, decode, decode_with_limits, load, open};
pub use error::ImageError;
pub use folder::{EXTENSIONS, Listing, UNREADABLE_EXTENSIONS, is_special, list_folder, pictures_in};
pub use limits::Limits;
pub use preprocess::{Prepared, Preprocessor};
pub use source::Source;
