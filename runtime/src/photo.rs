use crate::{Error, Result};
use glimpse_bundle::image::{Decoded, Limits, RgbImage, Source, Warning, load};
use glimpse_bundle::{Preprocessor, Size};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A photo to caption: a file, the bytes of one, or pixels.
pub enum Photo {
    /// A regular file of any common format. Pipes and devices are refused.
    Path(PathBuf),
    /// The bytes of such a file.
    Bytes(Vec<u8>),
    /// Upright RGB pixels.
    Pixels(RgbImage),
    /// A stream that is opened and read when its turn comes; an error is that photo's own.
    Reader(Box<dyn FnOnce() -> std::io::Result<Box<dyn Read>> + Send>),
}

impl Photo {
    /// Reads and decodes the photo, and hands it to `use_photo`.
    fn load<T>(self, use_photo: impl FnOnce(Decoded) -> T) -> Result<T> {
        let limits = Limits::default();
        Ok(match self {
            Self::Pixels(image) => use_photo(Decoded::new(image)),
            Self::Bytes(bytes) => load(Source::Bytes(&bytes), &limits, use_photo)?,
            Self::Path(path) => load(Source::File(&path), &limits, use_photo).map_err(Error::photo)?,
            Self::Reader(open) => {
                let mut stream = open().map_err(Error::read)?;
                load(Source::Stream(&mut stream), &limits, use_photo).map_err(Error::photo)?
            }
        })
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
    /// A warning about a photo that could be decoded.
    pub(crate) warning: Option<Warning>,
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
        photo.load(|Decoded { image, warning, .. }| {
            preprocessor.check(&image)?;
            let (original, pixels) = (image.dimensions(), preprocessor.resize(&image)?);
            let Size { height, width } = preprocessor.config().output_size();
            let mut pixel_values = vec![0.0; 3 * height as usize * width as usize];
            preprocessor.normalize(&pixels, &mut pixel_values);
            let input = keep_input.then_some(NetworkInput { pixels, original });
            Ok(Self { pixel_values, input, warning })
        })?
    }
}
