//! From a photo's bytes to `pixel_values`.

use crate::{PreprocessorConfig, Result};
pub use ::image::RgbImage;
use std::path::Path;

/// Why a picture could not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The decoder's own words.
    #[error("{0}")]
    Decode(String),
}

/// Decodes a photo into upright 8-bit RGB.
pub fn decode(bytes: &[u8]) -> Result<RgbImage> {
    let picture = ::image::load_from_memory(bytes).map_err(|error| ImageError::Decode(error.to_string()))?;
    Ok(picture.into_rgb8())
}

/// Reads and decodes a photo into upright 8-bit RGB.
pub fn open(path: &Path) -> Result<RgbImage> {
    decode(&std::fs::read(path).map_err(crate::Error::io(path))?)
}

/// Applies a [`PreprocessorConfig`].
#[derive(Debug, Clone)]
pub struct Preprocessor {
    config: PreprocessorConfig,
}

impl Preprocessor {
    /// Checks the config.
    pub fn new(config: PreprocessorConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self { config })
    }

    /// The config.
    pub fn config(&self) -> &PreprocessorConfig {
        &self.config
    }

    /// Resizes and crops to `output_size()`, still 8-bit RGB.
    pub fn resize(&self, picture: &RgbImage) -> Result<RgbImage> {
        let size = self.config.output_size();
        Ok(::image::imageops::resize(
            picture,
            size.width,
            size.height,
            ::image::imageops::FilterType::Triangle,
        ))
    }

    /// Resizes, crops and normalises into `out`, f32 [3, height, width].
    pub fn pixel_values(&self, picture: &RgbImage, out: &mut [f32]) -> Result<()> {
        self.normalize(&self.resize(picture)?, out);
        Ok(())
    }

    /// Normalises a picture of `output_size()` into `out`, f32 [3, height, width].
    pub fn normalize(&self, picture: &RgbImage, out: &mut [f32]) {
        let plane = (picture.width() * picture.height()) as usize;
        for (i, pixel) in picture.pixels().enumerate() {
            for c in 0..3 {
                let value = f64::from(pixel[c]) * self.config.rescale_factor;
                out[c * plane + i] = ((value - self.config.image_mean[c]) / self.config.image_std[c]) as f32;
            }
        }
    }
}
