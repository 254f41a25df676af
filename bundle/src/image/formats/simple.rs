//! GIF, BMP and the pixels of WebP, by the decoders of the `image` crate.

use super::super::decode::{Picture, Warning};
use super::super::limits::{Limits, Needs};
use super::super::orientation::Metadata;
use super::super::{ImageError, RgbImage, pixels};
use super::{Format, one_line};
use ::image::codecs::{bmp::BmpDecoder, gif::GifDecoder, webp::WebPDecoder};
use ::image::error::UnsupportedErrorKind;
use ::image::metadata::Orientation;
use ::image::{ColorType, ImageDecoder, ImageError as CodecError};
use std::error::Error;
use std::io::{self, Cursor};

/// A picture that one decoder reads in any case.
pub(super) struct Simple<'a> {
    format: Format,
    decoder: Box<dyn ImageDecoder + 'a>,
    /// Bytes for each pixel at the decoder's worst moment.
    bytes_per_pixel: u64,
    metadata: Metadata,
    max_bytes: u64,
}

pub(super) fn open<'a>(format: Format, bytes: &'a [u8], limits: &Limits) -> Result<Simple<'a>, ImageError> {
    let reader = Cursor::new(bytes);
    // RGB with alpha; a GIF's frame beside the whole, a WebP's planes of luma and chroma, or its palette
    // and a second picture.
    let (decoder, bytes_per_pixel): (Result<Box<dyn ImageDecoder>, _>, u64) = match format {
        Format::Gif => (GifDecoder::new(reader).map(|decoder| Box::new(decoder) as _), 8),
        Format::WebP => (WebPDecoder::new(reader).map(|decoder| Box::new(decoder) as _), 8),
        _ => (BmpDecoder::new(reader).map(|decoder| Box::new(decoder) as _), 4),
    };
    let max_bytes = limits.max_bytes;
    let mut decoder = decoder.map_err(|error| translate(error, format, max_bytes))?;
    let mut memory = ::image::Limits::no_limits();
    memory.max_alloc = Some(max_bytes / 2);
    decoder.set_limits(memory).map_err(|error| translate(error, format, max_bytes))?;
    Ok(Simple { format, decoder, bytes_per_pixel, metadata: Metadata::default(), max_bytes })
}

impl Simple<'_> {
    pub(super) fn with_metadata(self, metadata: Metadata) -> Self {
        Self { metadata, ..self }
    }
}

impl Picture for Simple<'_> {
    fn needs(&self) -> Needs {
        let (width, height) = self.decoder.dimensions();
        let working_bytes = self.bytes_per_pixel * u64::from(width) * u64::from(height);
        Needs { width, height, working_bytes }
    }

    fn orientation(&self) -> Orientation {
        self.metadata.orientation()
    }

    fn decode(self: Box<Self>) -> Result<(RgbImage, Option<Warning>), ImageError> {
        let Self { format, decoder, max_bytes, .. } = *self;
        let (width, height) = decoder.dimensions();
        let channels = match decoder.color_type() {
            ColorType::L8 => 1,
            ColorType::Rgb8 => 3,
            ColorType::Rgba8 => 4,
            other => {
                let feature = format!("pixels of {} bits", 8 * other.bytes_per_pixel());
                return Err(ImageError::Unsupported { format: format.name(), feature });
            }
        };
        let mut values = vec![0; channels * width as usize * height as usize];
        decoder.read_image_boxed(&mut values).map_err(|error| translate(error, format, max_bytes))?;
        pixels::to_rgb(&mut values, channels);
        let picture = RgbImage::from_raw(width, height, values);
        Ok((picture.ok_or(ImageError::NoPixels { width, height })?, None))
    }
}

/// Turns the layers of a decoder's error into one line.
fn translate(error: CodecError, format: Format, max_bytes: u64) -> ImageError {
    let format = format.name();
    match error {
        CodecError::Limits(_) => ImageError::OutOfMemory { format, max_bytes },
        CodecError::Unsupported(error) => {
            let feature = match error.kind() {
                UnsupportedErrorKind::GenericFeature(feature) => one_line(&feature),
                other => format!("{other:?}"),
            };
            ImageError::Unsupported { format, feature }
        }
        CodecError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            ImageError::Truncated { format }
        }
        error => {
            let innermost = std::iter::successors(Some(&error as &dyn Error), |&cause| cause.source())
                .last()
                .map(|cause| one_line(&cause.to_string()))
                .unwrap_or_default();
            // The GIF decoder has a word of its own for an early end, and no public type.
            if innermost.eq_ignore_ascii_case("unexpected end of file") {
                ImageError::Truncated { format }
            } else {
                ImageError::Damaged { format, reason: innermost }
            }
        }
    }
}
