//! From a photo's bytes to `pixel_values`.

mod error;
mod preprocess;

pub use ::image::RgbImage;
pub use error::ImageError;
pub use preprocess::Preprocessor;

use crate::Result;
use std::path::Path;

/// Decodes a photo into upright 8-bit RGB.
pub fn decode(bytes: &[u8]) -> Result<RgbImage> {
    let picture = ::image::load_from_memory(bytes).map_err(|error| ImageError::Resize(error.to_string()))?;
    Ok(picture.into_rgb8())
}

/// Reads and decodes a photo into upright 8-bit RGB.
pub fn open(path: &Path) -> Result<RgbImage> {
    decode(&std::fs::read(path).map_err(crate::Error::io(path))?)
}
