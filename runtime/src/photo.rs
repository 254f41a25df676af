use crate::{Error, Result};
use glimpse_bundle::image::RgbImage;
use glimpse_bundle::{Preprocessor, Size};
use std::fmt;
use std::path::{Path, PathBuf};

/// With shorter sides the network's 7x7 grid has cells without a pixel, and the captions mean nothing.
pub const MIN_SIDE: u32 = 7;

/// A photo to caption: a file, the bytes of one, or pixels.
pub enum Photo {
    /// A file of any common format.
    Path(PathBuf),
    /// The bytes of such a file.
    Bytes(Vec<u8>),
    /// Upright RGB pixels.
    Pixels(RgbImage),
    /// Bytes that are read when their turn comes; an error is that photo's own.
    Reader(Box<dyn FnOnce() -> std::io::Result<Vec<u8>> + Send>),
}

impl Photo {
    /// The photo's pixels, upright.
    ///
    /// # Errors
    /// A file that cannot be read, bytes that are not a picture, or fewer than [`MIN_SIDE`] pixels on a side.
    pub fn decode(self, preprocessor: &Preprocessor) -> Result<RgbImage> {
        let pixels = match self {
            Self::Pixels(pixels) => pixels,
            Self::Bytes(bytes) => preprocessor.decode(&bytes)?,
            Self::Path(path) => {
                let bytes = std::fs::read(&path).map_err(Error::read)?;
                preprocessor.decode(&bytes)?
            }
            Self::Reader(read) => preprocessor.decode(&read().map_err(Error::read)?)?,
        };
        let (columns, rows) = pixels.dimensions();
        if columns.min(rows) < MIN_SIDE {
            return Err(Error::TooFewPixels { columns, rows });
        }
        Ok(pixels)
    }
}

impl fmt::Debug for Photo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Pixels(pixels) => write!(f, "Pixels({:?})", pixels.dimensions()),
            Self::Reader(_) => f.write_str("Reader"),
        }
    }
}

impl From<PathBuf> for Photo {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&Path> for Photo {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_path_buf())
    }
}

impl From<&str> for Photo {
    /// The file of that name.
    fn from(path: &str) -> Self {
        Self::Path(path.into())
    }
}

impl From<Vec<u8>> for Photo {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&RgbImage> for Photo {
    fn from(pixels: &RgbImage) -> Self {
        Self::Pixels(pixels.clone())
    }
}

impl From<RgbImage> for Photo {
    fn from(pixels: RgbImage) -> Self {
        Self::Pixels(pixels)
    }
}

/// A photo that is ready for the encoder.
pub(crate) struct Prepared {
    /// f32 [3, height, width]
    pub(crate) pixel_values: Vec<f32>,
    /// What the network sees, where it is wanted.
    pub(crate) input: Option<NetworkInput>,
}

/// A photo as the network sees it, for pictures of attention.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NetworkInput {
    /// Resized and cropped, before normalisation.
    pub pixels: RgbImage,
    /// Width and height of the photo, upright.
    pub original: (u32, u32),
}

impl Prepared {
    pub(crate) fn new(photo: Photo, preprocessor: &Preprocessor, keep_input: bool) -> Result<Self> {
        let decoded = photo.decode(preprocessor)?;
        let original = decoded.dimensions();
        let pixels = preprocessor.resize(&decoded)?;
        drop(decoded);
        let Size { height, width } = preprocessor.config().output_size();
        let mut pixel_values = vec![0.0; 3 * height as usize * width as usize];
        preprocessor.normalize(&pixels, &mut pixel_values);
        Ok(Self { pixel_values, input: keep_input.then_some(NetworkInput { pixels, original }) })
    }
}
