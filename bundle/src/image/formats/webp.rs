//! The container of a WebP; `simple` reads the pixels.

use super::super::ImageError;
use super::super::limits::Limits;
use super::super::orientation::Metadata;
use super::Format;
use super::simple::{self, Simple};

pub(super) fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Simple<'a>, ImageError> {
    // The decoder makes metadata up where the end of the file is missing.
    if !is_complete(bytes) {
        return Err(ImageError::Truncated { format: Format::WebP.name() });
    }
    let mut metadata = Metadata::default();
    for (kind, data) in chunks(bytes) {
        match kind {
            b"EXIF" if metadata.exif.is_none() => metadata.exif = Some(data.to_vec()),
            b"XMP " if metadata.xmp.is_none() => metadata.xmp = Some(data.to_vec()),
            _ => {}
        }
    }
    Ok(simple::open(Format::WebP, bytes, limits)?.with_metadata(metadata))
}

/// A WebP says its length after the four letters `RIFF`, not counting these first eight bytes.
fn is_complete(bytes: &[u8]) -> bool {
    bytes[4..].first_chunk().is_some_and(|length| bytes.len() - 8 >= u32::from_le_bytes(*length) as usize)
}

/// Names and contents of the chunks that follow the header.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes.get(12..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (kind, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let data = after.get(..length)?;
        // Chunks of an odd length are padded.
        rest = after.get(length.next_multiple_of(2)..).unwrap_or_default();
        Some((kind, data))
    })
}
