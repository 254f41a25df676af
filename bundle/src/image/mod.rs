//! From a photo's bytes to `pixel_values`.
//!
//! [`decode`] and [`open`] turn a file of any common format into an upright 8-bit [`RgbImage`], or say in
//! one line why it cannot be ([`ImageError`]). A [`Preprocessor`] then resizes, crops and normalises it
//! as `preprocessor_config.json` says, to within a grey level of what PIL and torchvision give.

mod decode;
mod error;
mod jpeg;
mod preprocess;
mod scaled_jpeg;

pub use ::image::RgbImage;
pub use decode::{Limits, decode, decode_for_resize, decode_with_limits};
pub use error::ImageError;
pub use preprocess::Preprocessor;

use crate::Result;
use std::path::Path;

/// Reads and decodes a photo into upright 8-bit RGB; see [`decode`].
pub fn open(path: &Path) -> Result<RgbImage> {
    decode(&std::fs::read(path).map_err(crate::Error::io(path))?)
}
