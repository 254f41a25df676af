//! JPEG decoded at a quarter of its size, straight from the frequencies.

use super::RgbImage;
use crate::Size;
use ::image::imageops::crop_imm;
use jpeg_decoder::{Decoder, PixelFormat};

/// Half size is no faster than the whole picture by the other decoder, which is vectorised. An eighth is
/// no faster than a quarter, as reading the codes takes the time, and keeps too little to average.
const REDUCTION: u16 = 4;

/// Decodes a JPEG smaller than it is, as libjpeg's `scale_denom` and PIL's `draft` do: each block of
/// 8x8 pixels becomes 2x2 by a smaller inverse transform. Both sides keep twice the pixels that
/// `wanted` has, so that a resize has something left to average.
///
/// `None` where that would be too few, or where this decoder does not go: CMYK, 12 bits, damage.
pub(super) fn decode(bytes: &[u8], wanted: Size) -> Option<RgbImage> {
    let mut decoder = Decoder::new(bytes);
    decoder.read_info().ok()?;
    let info = decoder.info()?;
    let reduced = |length: u16, wanted: u32| {
        (u32::from(length / REDUCTION) >= 2 * wanted).then(|| length.div_ceil(REDUCTION))
    };
    let (columns, rows) = (reduced(info.width, wanted.width)?, reduced(info.height, wanted.height)?);
    let (width, height) = decoder.scale(columns, rows).ok()?;
    let pixels = decoder.decode().ok()?;
    let rgb = match info.pixel_format {
        PixelFormat::RGB24 => pixels,
        PixelFormat::L8 => pixels.into_iter().flat_map(|grey| [grey; 3]).collect(),
        _ => return None,
    };
    let picture = RgbImage::from_raw(width.into(), height.into(), rgb)?;
    // The last pixel of a row may stand for less than four. It would stretch the picture.
    let rounded = |length: u16| u32::from((length + REDUCTION / 2) / REDUCTION);
    Some(crop_imm(&picture, 0, 0, rounded(info.width), rounded(info.height)).to_image())
}
