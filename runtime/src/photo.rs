//! From a picture's bytes to the pixel values of one photo.

use crate::{Error, Result};
use glimpse_bundle::image::{self, RgbImage};
use glimpse_bundle::{Preprocessor, Size};

/// With shorter sides the network's 7x7 grid has cells without a pixel, and the words are invented.
pub const MIN_SIDE: u32 = 7;

/// Decodes a picture of any common format into upright 8-bit RGB.
///
/// # Errors
/// Bytes that are no whole picture, or fewer than [`MIN_SIDE`] pixels on a side.
pub fn decode(bytes: &[u8]) -> Result<RgbImage> {
    large_enough(image::decode(bytes)?)
}

/// [`decode`] for what follows, a resize: large JPEGs are decoded at a quarter of their size, as
/// [`image::decode_for_resize`] says.
///
/// # Errors
/// Those of [`decode`].
pub fn decode_for_resize(bytes: &[u8], preprocessor: &Preprocessor) -> Result<RgbImage> {
    large_enough(preprocessor.decode(bytes)?)
}

fn large_enough(photo: RgbImage) -> Result<RgbImage> {
    let (columns, rows) = photo.dimensions();
    if columns.min(rows) < MIN_SIDE {
        return Err(Error::TooFewPixels { columns, rows });
    }
    Ok(photo)
}

/// Prepares a photo as the bundle wants it: f32 [3, height, width], standard layout.
///
/// # Errors
/// A photo that cannot be resized.
pub fn pixel_values(photo: &RgbImage, preprocessor: &Preprocessor) -> Result<Vec<f32>> {
    let Size { height, width } = preprocessor.config().output_size();
    let mut pixel_values = vec![0.0; 3 * height as usize * width as usize];
    preprocessor.pixel_values(photo, &mut pixel_values)?;
    Ok(pixel_values)
}
