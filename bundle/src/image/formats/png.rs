//! PNG, by the `png` crate, and where it keeps EXIF.

use super::super::decode::{Picture, Warning};
use super::super::limits::Needs;
use super::super::orientation::Metadata;
use super::super::{ImageError, RgbImage, pixels};
use super::one_line;
use ::image::metadata::Orientation;
use flate2::read::ZlibDecoder;
use png::{DecodingError, Reader, Transformations};
use std::io::{Cursor, ErrorKind, Read};

const FORMAT: &str = "PNG";

/// What chunks beside the pixels may take. Profiles and texts are left out, so that little is left.
const CHUNK_BYTES: usize = 16 << 20;

/// What a compressed text may hold. A block of EXIF has 64 KiB at most.
const TEXT_BYTES: u64 = 1 << 20;

pub(super) struct Png<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
    metadata: Metadata,
    is_complete: bool,
}

impl<'a> Png<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, ImageError> {
        // The crate panics where a colour is not whole.
        let is_whole = |data: &[u8]| data.len().is_multiple_of(3) && (1..=256).contains(&(data.len() / 3));
        if chunks(bytes).any(|(kind, data)| kind == b"PLTE" && !is_whole(data)) {
            let reason = "its palette has the wrong length".to_owned();
            return Err(ImageError::Damaged { format: FORMAT, reason });
        }
        let mut decoder =
            png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: CHUNK_BYTES });
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
        let reader = decoder.read_info().map_err(translate)?;
        let metadata = metadata(bytes);
        Ok(Self { reader, is_complete: metadata.is_some(), metadata: metadata.unwrap_or_default() })
    }
}

impl Picture for Png<'_> {
    fn needs(&self) -> Needs {
        let info = self.reader.info();
        let pixels = u64::from(info.width) * u64::from(info.height);
        let stored = pixels * info.bits_per_pixel() as u64 / 8;
        let channels = self.reader.output_color_type().0.samples() as u64;
        // Grey is spread out to RGB.
        let decoded = if channels < 3 { channels + 3 } else { channels };
        Needs {
            width: info.width,
            height: info.height,
            working_bytes: stored.max(decoded * pixels),
            max_pixels: None,
        }
    }

    fn orientation(&self) -> Orientation {
        self.metadata.orientation()
    }

    fn decode(mut self: Box<Self>) -> Result<(RgbImage, Option<Warning>), ImageError> {
        // Metadata may stand behind the pixels, so that the end has to be there too.
        if !self.is_complete {
            return Err(ImageError::Truncated { format: FORMAT });
        }
        let (width, height) = self.reader.info().size();
        let no_pixels = ImageError::NoPixels { width, height };
        let channels = self.reader.output_color_type().0.samples();
        let mut values = vec![0; self.reader.output_buffer_size().ok_or(no_pixels.clone())?];
        self.reader.next_frame(&mut values).map_err(translate)?;
        drop(self);
        values.truncate(channels * width as usize * height as usize);
        pixels::to_rgb(&mut values, channels);
        Ok((RgbImage::from_raw(width, height, values).ok_or(no_pixels)?, None))
    }
}

fn translate(error: DecodingError) -> ImageError {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImageError::Truncated { format: FORMAT }
        }
        DecodingError::LimitsExceeded => {
            ImageError::OutOfMemory { format: FORMAT, max_bytes: CHUNK_BYTES as u64 }
        }
        error => {
            let text = one_line(&error.to_string());
            // The crate prints checksums in hexadecimal and chunks as its own types.
            let reason = if text.starts_with("CRC error") {
                "a checksum does not match".to_owned()
            } else if text.contains("ChunkType") {
                "its chunks are not in order".to_owned()
            } else if text.starts_with("Corrupt deflate stream") {
                "its compressed pixels make no sense".to_owned()
            } else {
                text
            };
            ImageError::Damaged { format: FORMAT, reason }
        }
    }
}

/// EXIF in a chunk of its own or as the hexadecimal text that older programs wrote, and XMP; before the
/// pixels or behind them. Nothing if the last chunk is missing.
fn metadata(bytes: &[u8]) -> Option<Metadata> {
    let (mut exif, mut raw_profile, mut xmp) = (None, None, None);
    for (kind, data) in chunks(bytes) {
        match kind {
            b"IEND" => return Some(Metadata { exif: exif.or(raw_profile), xmp }),
            b"eXIf" => exif = Some(data.to_vec()),
            b"tEXt" | b"zTXt" | b"iTXt" => match text(kind, data) {
                Some((b"Raw profile type exif", text)) => raw_profile = from_hexadecimal(&text),
                Some((b"XML:com.adobe.xmp", text)) => xmp = Some(text),
                _ => {}
            },
            _ => {}
        }
    }
    None
}

/// Names and contents of the chunks.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let data = after.get(..length)?;
        // A checksum stands at the end.
        rest = after.get(length.checked_add(4)?..)?;
        Some((kind, data))
    })
}

/// Keyword and text of a chunk, if it is one of those that are looked for.
fn text<'a>(kind: &[u8; 4], data: &'a [u8]) -> Option<(&'a [u8], Vec<u8>)> {
    let (keyword, rest) = split_at_zero(data)?;
    if keyword != b"Raw profile type exif" && keyword != b"XML:com.adobe.xmp" {
        return None;
    }
    let (text, is_compressed) = match kind {
        b"tEXt" => (rest, false),
        b"zTXt" => (rest.get(1..)?, true),
        _ => {
            // Two flags, then a language and the keyword in that language.
            let (flags, rest) = rest.split_first_chunk::<2>()?;
            let (_, rest) = split_at_zero(rest)?;
            let (_, rest) = split_at_zero(rest)?;
            (rest, flags[0] != 0)
        }
    };
    let mut plain = Vec::new();
    if is_compressed {
        ZlibDecoder::new(text).take(TEXT_BYTES).read_to_end(&mut plain).ok()?;
    } else {
        plain.extend_from_slice(text);
    }
    Some((keyword, plain))
}

fn split_at_zero(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = data.iter().position(|&byte| byte == 0)?;
    Some((&data[..end], &data[end + 1..]))
}

/// ImageMagick's profiles: an empty line, a name, a length, then the bytes as hexadecimal digits.
fn from_hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let lines = text.split(|&byte| byte == b'\n').skip(3);
    let digits: Vec<u8> = lines
        .flatten()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|&byte| char::from(byte).to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    Some(digits.chunks_exact(2).map(|pair| 16 * pair[0] + pair[1]).collect())
}
