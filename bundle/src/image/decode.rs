use super::limits::{DECODING, Limits};
use super::{ImageError, RgbImage, Source, orientation};
use crate::Result;
use ::image::DynamicImage;
use std::fmt;
use std::path::Path;

/// A photo, and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// The picture: upright, 8-bit RGB.
    pub image: RgbImage,
    /// What a user has to be told although there is a picture.
    pub warning: Option<Warning>,
}

impl Decoded {
    /// Upright pixels, which no file is behind.
    pub fn new(image: RgbImage) -> Self {
        Self { image, warning: None }
    }
}

/// What a user has to be told about a picture that was decoded. The message is one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The file says that it is complete, but a part of the picture is not in it.
    MissingPart {
        /// The file format, e.g. `JPEG`.
        format: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingPart { format } => write!(
                formatter,
                "a part of the picture is missing in the {format} file and was filled in; fetch it again"
            ),
        }
    }
}

/// Reads and decodes a photo, and hands it to `use_photo`.
///
/// Reads JPEG, PNG, WebP, GIF, BMP and TIFF, told apart by their first bytes and not by a name. The result
/// is what PIL gives:
///
/// - The orientation is applied that EXIF names, or XMP where EXIF names none.
/// - An alpha channel is dropped and the colours below it stay, as PIL's `convert("RGB")` does it.
/// - Channels of 16 bits keep their high byte.
/// - CMYK and YCCK become RGB without a colour profile; profiles are not applied to RGB either.
/// - An animation is its first frame, a file of several pages its first page.
/// - A file that is cut short is an error, even where a decoder could fill the missing part with grey.
///
/// Photos that are decoded at the same time share the memory that [`Limits`] names, and `use_photo` runs
/// while the photo holds its share: it should keep a resized picture or pixel values, and must not load
/// another photo.
///
/// # Errors
/// What cannot be read, is no picture, exceeds `limits` or is damaged.
pub fn load<T>(source: Source<'_>, limits: &Limits, use_photo: impl FnOnce(Decoded) -> T) -> Result<T> {
    let content = source.read(limits)?;
    let picture = content.format.open(&content.bytes, limits)?;
    let orientation = picture.orientation();
    let mut needs = picture.needs();
    if orientation::is_quarter_turn(orientation) {
        needs = needs.turned();
    }
    needs = needs.with_file(content.bytes.len());
    limits.check(&needs)?;
    let mut share = DECODING.acquire(needs.working_bytes);
    let (image, warning) = picture.decode()?;
    let mut upright = DynamicImage::ImageRgb8(image);
    upright.apply_orientation(orientation);
    drop(content);
    share.shrink_to(3 * needs.pixels());
    Ok(use_photo(Decoded { image: upright.into_rgb8(), warning }))
}

/// Decodes a photo into upright 8-bit RGB, under the default [`Limits`]; see [`load`].
///
/// # Errors
/// Those of [`load`].
pub fn decode(bytes: &[u8]) -> Result<RgbImage> {
    decode_with_limits(bytes, &Limits::default())
}

/// [`decode`] under other limits than the default ones.
///
/// # Errors
/// Those of [`load`].
pub fn decode_with_limits(bytes: &[u8], limits: &Limits) -> Result<RgbImage> {
    load(bytes.into(), limits, |photo| photo.image)
}

/// Reads a photo from a file and decodes it into upright 8-bit RGB; see [`load`].
///
/// # Errors
/// Those of [`load`].
pub fn open(path: &Path) -> Result<RgbImage> {
    load(path.into(), &Limits::default(), |photo| photo.image)
}

/// A picture whose header was read and whose pixels were not.
pub(super) trait Picture {
    fn needs(&self) -> super::limits::Needs;
    fn orientation(&self) -> ::image::metadata::Orientation;
    /// The pixels as they are stored, not yet upright.
    fn decode(self: Box<Self>) -> Result<(RgbImage, Option<Warning>), ImageError>;
}
