//! Which format a file has, and who reads it.

mod png;
mod simple;
mod tiff;
mod webp;

use super::decode::Picture;
use super::jpeg::Jpeg;
use super::{ImageError, Limits};
use ::image::{ImageFormat, guess_format};

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Png,
    WebP,
    Gif,
    Bmp,
    Tiff,
}

/// Brands of HEIC, HEIF and AVIF in the first box of a file.
const BRANDS: [&[u8; 4]; 11] =
    [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"mif1", b"msf1", b"avif", b"avis"];

/// How files of other known formats start: JPEG XL (two ways), JPEG 2000 (two ways), Photoshop.
const UNSUPPORTED: [&[u8]; 5] =
    [b"\xFF\x0A", b"\0\0\0\x0CJXL ", b"\0\0\0\x0CjP  ", b"\xFF\x4F\xFF\x51", b"8BPS\0"];

const BIG_TIFF: [&[u8]; 2] = [b"II\x2B\0", b"MM\0\x2B"];

impl Format {
    /// By the first bytes.
    pub(super) fn of(head: &[u8]) -> Result<Self, ImageError> {
        if head.is_empty() {
            return Err(ImageError::Empty);
        }
        if BIG_TIFF.iter().any(|start| head.starts_with(start)) {
            return Ok(Self::Tiff);
        }
        let is_brand = |brand: &[u8]| BRANDS.iter().any(|&known| known == brand);
        let unsupported = UNSUPPORTED.iter().any(|start| head.starts_with(start))
            || head.get(4..8) == Some(b"ftyp") && head.get(8..12).is_some_and(is_brand);
        match guess_format(head) {
            Ok(ImageFormat::Jpeg) => Ok(Self::Jpeg),
            Ok(ImageFormat::Png) => Ok(Self::Png),
            Ok(ImageFormat::WebP) => Ok(Self::WebP),
            Ok(ImageFormat::Gif) => Ok(Self::Gif),
            Ok(ImageFormat::Bmp) => Ok(Self::Bmp),
            Ok(ImageFormat::Tiff) => Ok(Self::Tiff),
            Err(_) if !unsupported => Err(ImageError::NotAPicture),
            Ok(_) | Err(_) => Err(ImageError::UnsupportedFormat),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
        }
    }

    /// Reads the header, which decides whether the picture is decoded.
    pub(super) fn open<'a>(
        self,
        bytes: &'a [u8],
        limits: &Limits,
    ) -> Result<Box<dyn Picture + 'a>, ImageError> {
        Ok(match self {
            Self::Jpeg => Box::new(Jpeg::open(bytes)?),
            Self::Png => Box::new(png::Png::open(bytes)?),
            Self::WebP => Box::new(webp::open(bytes, limits)?),
            Self::Gif | Self::Bmp => Box::new(simple::open(self, bytes, limits)?),
            Self::Tiff => Box::new(tiff::Tiff::open(bytes, limits)?),
        })
    }
}

/// Decoders break lines, quote and close with a full stop as they please.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").trim_matches(['"', '.']).to_owned()
}
