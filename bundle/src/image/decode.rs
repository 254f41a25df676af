use super::{ImageError, RgbImage, jpeg, scaled_jpeg};
use crate::Size;
use ::image::{
    DynamicImage, ImageDecoder, ImageError as CodecError, ImageFormat, ImageReader,
    error::UnsupportedErrorKind, metadata::Orientation,
};
use std::{error::Error, io};

/// How large a picture may be. It is refused by its header, before its pixels take any memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest side in pixels. Default: 16,384.
    pub max_side: u32,
    /// Bytes of the decoded pixels, as the file stores them or as 8-bit RGB, whichever is more. A
    /// decoder may hold up to about three times as much while it works. Default: 512 MiB, which is a
    /// photo of 178 megapixels.
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_side: 16_384, max_bytes: 512 << 20 }
    }
}

impl Limits {
    fn check(&self, width: u32, height: u32, stored_bytes: u64) -> Result<(), ImageError> {
        let Self { max_side, max_bytes } = *self;
        if width == 0 || height == 0 {
            return Err(ImageError::NoPixels { width, height });
        }
        if width.max(height) > max_side {
            return Err(ImageError::SideTooLong { width, height, max_side });
        }
        let bytes = stored_bytes.max(3 * u64::from(width) * u64::from(height));
        if bytes > max_bytes {
            return Err(ImageError::TooManyPixels { width, height, bytes, max_bytes });
        }
        Ok(())
    }
}

/// Decodes a photo into upright 8-bit RGB, under the default [`Limits`].
///
/// Reads JPEG, PNG, WebP, GIF, BMP and TIFF, told apart by their first bytes and not by a name.
///
/// - The EXIF orientation is applied.
/// - An alpha channel is dropped and the colours below it stay, as PIL's `convert("RGB")` does it.
/// - Channels of 16 bits keep their high byte.
/// - CMYK and YCCK become RGB without a colour profile; profiles are not applied to RGB either.
/// - An animation is its first frame.
/// - A file that is cut short is an error, even where a decoder could fill the missing part with grey.
pub fn decode(bytes: &[u8]) -> crate::Result<RgbImage> {
    decode_with_limits(bytes, &Limits::default())
}

/// [`decode`] for a resize to `wanted`: a JPEG with eight times as many pixels a side or more is decoded
/// at a quarter of its size, which takes less time and a sixteenth of the memory.
///
/// After the resize, pixels differ from those of the whole picture by less than a grey level on
/// average. Pictures as small as those of the usual data sets are decoded as [`decode`] does it.
pub fn decode_for_resize(bytes: &[u8], wanted: Size) -> crate::Result<RgbImage> {
    decode_picture(bytes, &Limits::default(), Some(wanted))
}

/// [`decode`] under other limits than the default ones.
pub fn decode_with_limits(bytes: &[u8], limits: &Limits) -> crate::Result<RgbImage> {
    decode_picture(bytes, limits, None)
}

fn decode_picture(bytes: &[u8], limits: &Limits, wanted: Option<Size>) -> crate::Result<RgbImage> {
    let format = picture_format(bytes)?;
    // Where these decoders go on without the end of a file, they make pixels or metadata up.
    let complete = match format {
        ImageFormat::Jpeg => jpeg::is_complete(bytes),
        ImageFormat::WebP => riff_is_complete(bytes),
        _ => true,
    };
    if !complete {
        return Err(ImageError::Truncated { format: name(format) }.into());
    }
    Ok(decode_as(format, bytes, limits, wanted)?)
}

fn decode_as(
    format: ImageFormat,
    bytes: &[u8],
    limits: &Limits,
    wanted: Option<Size>,
) -> Result<RgbImage, ImageError> {
    let translate = |error| translate(error, format, limits);
    let mut reader = ImageReader::with_format(io::Cursor::new(bytes), format);
    // The sides are compared below, where the message can name them.
    let mut memory = ::image::Limits::no_limits();
    memory.max_alloc = Some(limits.max_bytes.saturating_mul(2));
    reader.limits(memory);
    let mut decoder = reader.into_decoder().map_err(translate)?;
    let (width, height) = decoder.dimensions();
    limits.check(width, height, decoder.total_bytes())?;
    // A picture with unreadable metadata is still a picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    // Before it is turned upright, the sides of the picture may be those of `wanted` the other way round.
    let wanted =
        wanted.map(|Size { height, width }| Size { height: height.max(width), width: height.max(width) });
    let scaled =
        wanted.filter(|_| format == ImageFormat::Jpeg).and_then(|size| scaled_jpeg::decode(bytes, size));
    let picture = match scaled {
        Some(scaled) => scaled,
        None => to_rgb8(DynamicImage::from_decoder(decoder).map_err(translate)?),
    };
    let mut upright = DynamicImage::ImageRgb8(picture);
    upright.apply_orientation(orientation);
    Ok(upright.into_rgb8())
}

fn picture_format(bytes: &[u8]) -> Result<ImageFormat, ImageError> {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    match ::image::guess_format(bytes) {
        Ok(format @ (Bmp | Gif | Jpeg | Png | Tiff | WebP)) => Ok(format),
        Ok(_) => Err(ImageError::UnsupportedFormat),
        // Phones write HEIC, which the crate does not know by its brand.
        Err(_) if matches!(bytes.get(4..12), Some(b"ftypheic" | b"ftypheix" | b"ftypmif1")) => {
            Err(ImageError::UnsupportedFormat)
        }
        Err(_) => Err(ImageError::NotAPicture),
    }
}

/// A WebP says its length after the four letters `RIFF`, not counting these first eight bytes.
fn riff_is_complete(bytes: &[u8]) -> bool {
    bytes[4..].first_chunk().is_some_and(|length| bytes.len() - 8 >= u32::from_le_bytes(*length) as usize)
}

fn to_rgb8(picture: DynamicImage) -> RgbImage {
    let wide = matches!(
        picture,
        DynamicImage::ImageLuma16(_)
            | DynamicImage::ImageLumaA16(_)
            | DynamicImage::ImageRgb16(_)
            | DynamicImage::ImageRgba16(_)
    );
    if !wide {
        return picture.into_rgb8();
    }
    let wide = picture.into_rgb16();
    RgbImage::from_fn(wide.width(), wide.height(), |x, y| {
        ::image::Rgb(wide.get_pixel(x, y).0.map(|value| (value >> 8) as u8))
    })
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::WebP => "WebP",
        ImageFormat::Gif => "GIF",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Tiff => "TIFF",
        _ => "picture",
    }
}

/// Turns the layers of a decoder's error into one line.
fn translate(error: CodecError, format: ImageFormat, limits: &Limits) -> ImageError {
    let format = name(format);
    match error {
        CodecError::Limits(_) => ImageError::OutOfMemory { format, max_bytes: limits.max_bytes },
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

/// Decoders break lines, quote and close with a full stop as they please.
fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").trim_matches(['"', '.']).to_owned()
}
