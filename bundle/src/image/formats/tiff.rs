//! TIFF, by the `tiff` crate: the kinds that were compared with PIL; others are refused by name.

use super::super::decode::{Picture, Warning};
use super::super::limits::{Limits, Needs};
use super::super::orientation::from_xmp;
use super::super::{ImageError, RgbImage, pixels};
use super::one_line;
use ::image::metadata::Orientation;
use ::tiff::decoder::{Decoder, Limits as Memory};
use ::tiff::tags::Tag;
use ::tiff::{TiffError, TiffResult};
use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::ops::RangeInclusive;

const FORMAT: &str = "TIFF";
/// What is read of an XMP packet.
const XMP_BYTES: u64 = 1 << 20;

/// What the values of a pixel stand for.
enum Kind {
    /// One value, perhaps with alpha.
    Grey,
    /// An index into red, green and blue.
    Palette(Vec<[u8; 3]>),
    /// Three values, perhaps with alpha, by which they may be multiplied.
    Rgb {
        is_multiplied: bool,
    },
    Cmyk,
}

pub(super) struct Tiff<'a> {
    decoder: Decoder<Patched<'a>>,
    kind: Kind,
    bits: u8,
    channels: usize,
    is_planar: bool,
    needs: Needs,
    orientation: Orientation,
    max_bytes: u64,
}

impl<'a> Tiff<'a> {
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, ImageError> {
        let max_bytes = limits.max_bytes;
        let translate = |error| translate(error, max_bytes);
        let directory = Directory::of(bytes);
        // The crate would take 32 bytes for each value, before it knows that the file has so many.
        if directory.as_ref().is_some_and(Directory::has_long_list) {
            return Err(ImageError::OutOfMemory { format: FORMAT, max_bytes });
        }
        let patch = directory.and_then(|directory| directory.palette_as_grey());
        let (reader, is_palette) = (Patched { bytes: Cursor::new(bytes), patch }, patch.is_some());
        let mut decoder = Decoder::new(reader).map_err(translate)?;
        let (width, height) = decoder.dimensions().map_err(translate)?;
        let tags = Tags::read(&mut decoder).map_err(translate)?;
        let kind = tags.kind(is_palette)?;
        let pixels = u64::from(width) * u64::from(height);
        let stored = pixels * u64::from(tags.bits) * u64::from(tags.channels) / 8;
        // Packed values, planes, an index or grey need a second buffer.
        let second = if tags.bits < 8 || tags.is_planar || tags.channels < 3 { 3 * pixels } else { 0 };
        let orientation = orientation(&mut decoder);
        let mut memory = Memory::default();
        memory.decoding_buffer_size = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        Ok(Self {
            decoder: decoder.with_limits(memory),
            kind,
            bits: tags.bits,
            channels: tags.channels.into(),
            is_planar: tags.is_planar,
            needs: Needs { width, height, working_bytes: stored + second, max_pixels: None },
            orientation,
            max_bytes,
        })
    }

    fn values(&mut self) -> TiffResult<Vec<u8>> {
        let layout = self.decoder.image_buffer_layout()?;
        let mut values = vec![0; layout.complete_len];
        self.decoder.read_image_bytes(&mut values)?;
        if self.is_planar {
            let bytes_per_value = usize::from(self.bits / 8);
            let plane = layout.plane_stride.map_or(layout.complete_len, usize::from);
            values = interleaved(&values, plane, self.channels, bytes_per_value);
        }
        Ok(values)
    }
}

impl Picture for Tiff<'_> {
    fn needs(&self) -> Needs {
        self.needs
    }

    fn orientation(&self) -> Orientation {
        self.orientation
    }

    fn decode(mut self: Box<Self>) -> Result<(RgbImage, Option<Warning>), ImageError> {
        let max_bytes = self.max_bytes;
        let Needs { width, height, .. } = self.needs;
        let mut values = self.values().map_err(|error| translate(error, max_bytes))?;
        let Self { kind, bits, channels, .. } = *self;
        if bits == 16 {
            pixels::narrow(&mut values);
        }
        if bits < 8 {
            let steps = u8::MAX >> (8 - bits);
            let scale = if matches!(kind, Kind::Grey) { 255 / steps } else { 1 };
            values = pixels::unpack(&values, bits, width as usize, |value| value * scale);
        }
        match kind {
            Kind::Grey => pixels::to_rgb(&mut values, channels),
            Kind::Palette(colours) => {
                values = values.iter().flat_map(|&index| colours[usize::from(index)]).collect();
            }
            Kind::Rgb { is_multiplied } => {
                if is_multiplied {
                    pixels::unmultiply_alpha(&mut values);
                }
                pixels::to_rgb(&mut values, channels);
            }
            Kind::Cmyk => pixels::cmyk_to_rgb(&mut values),
        }
        let picture = RgbImage::from_raw(width, height, values);
        Ok((picture.ok_or(ImageError::NoPixels { width, height })?, None))
    }
}

/// What decides how the values are read.
struct Tags {
    photometric: u16,
    compression: u16,
    bits: u8,
    channels: u16,
    is_planar: bool,
    /// The fourth channel, or the second of grey.
    extra: Option<u16>,
    colour_map: Option<Vec<u16>>,
    refusal: Option<&'static str>,
}

impl Tags {
    fn read<R: Read + Seek>(decoder: &mut Decoder<R>) -> TiffResult<Self> {
        let mut number =
            |tag, default| Ok::<u16, TiffError>(decoder.find_tag_unsigned(tag)?.unwrap_or(default));
        let photometric = number(Tag::PhotometricInterpretation, u16::MAX)?;
        let compression = number(Tag::Compression, 1)?;
        let channels = number(Tag::SamplesPerPixel, 1)?;
        let is_planar = number(Tag::PlanarConfiguration, 1)? == 2 && channels > 1;
        let fill_order = number(Tag::FillOrder, 1)?;
        let mut numbers = |tag| decoder.find_tag_unsigned_vec::<u16>(tag);
        let bits = numbers(Tag::BitsPerSample)?.unwrap_or(vec![1]);
        let formats = numbers(Tag::SampleFormat)?.unwrap_or_default();
        let refusal = if fill_order != 1 {
            Some("the bits of its bytes are stored in the reverse order")
        } else if formats.contains(&3) {
            Some("its values are floating-point numbers")
        } else if formats.iter().any(|&format| format != 1) {
            Some("its values are signed or complex numbers")
        } else if bits.iter().any(|&bits| bits > 16) {
            Some("its values have more than 16 bits")
        } else {
            None
        };
        Ok(Self {
            photometric,
            compression,
            bits: bits.first().map_or(1, |&bits| u8::try_from(bits).unwrap_or(u8::MAX)),
            channels,
            is_planar,
            extra: numbers(Tag::ExtraSamples)?.and_then(|extra| extra.first().copied()),
            colour_map: numbers(Tag::ColorMap)?,
            refusal,
        })
    }

    fn kind(&self, is_palette: bool) -> Result<Kind, ImageError> {
        let refuse = |feature: String| Err(ImageError::Unsupported { format: FORMAT, feature });
        if let Some(feature) = self.refusal {
            return refuse(feature.to_owned());
        }
        let compression = match self.compression {
            1 | 5 | 8 | 32_773 | 32_946 => None,
            4 if self.bits == 1 => None,
            2 | 3 => Some("an older fax method than group 4"),
            6 | 7 => Some("JPEG"),
            34_925 => Some("LZMA"),
            50_000 => Some("Zstandard"),
            50_001 => Some("WebP"),
            _ => Some("a method that is not known here"),
        };
        if let Some(name) = compression {
            return refuse(format!("its pixels are compressed by {name}"));
        }
        let Self { photometric, bits, channels, is_planar, extra, .. } = *self;
        match (photometric, channels, bits) {
            (1, 1, _) if is_palette => self.palette(),
            (0, 1, 1 | 2 | 4 | 8) | (1, 1, 1 | 2 | 4 | 8 | 16) => Ok(Kind::Grey),
            (2, 3, 8 | 16) => Ok(Kind::Rgb { is_multiplied: false }),
            (2, 4, 8 | 16) => Ok(Kind::Rgb { is_multiplied: extra == Some(1) }),
            (5, 4, 8 | 16) if !is_planar => Ok(Kind::Cmyk),
            (0..=2 | 5, ..) => refuse(format!("{channels} channels of {bits} bits")),
            (6, ..) => refuse("its colours are stored as YCbCr".to_owned()),
            (8..=10, ..) => refuse("its colours are stored as Lab".to_owned()),
            _ => refuse("its colours are stored in a way that is not known here".to_owned()),
        }
    }

    /// The high bytes of all reds, then of all greens, then of all blues.
    fn palette(&self) -> Result<Kind, ImageError> {
        let damaged = |reason: &str| ImageError::Damaged { format: FORMAT, reason: reason.to_owned() };
        let count = match self.bits {
            1 | 2 | 4 | 8 => 1 << self.bits,
            bits => {
                let feature = format!("a palette of {bits} bits");
                return Err(ImageError::Unsupported { format: FORMAT, feature });
            }
        };
        let map = self.colour_map.as_deref().ok_or_else(|| damaged("it has no palette"))?;
        if map.len() != 3 * count {
            return Err(damaged("its palette has the wrong length"));
        }
        let colour = |index: usize| [0, 1, 2].map(|channel| (map[channel * count + index] >> 8) as u8);
        Ok(Kind::Palette((0..count).map(colour).collect()))
    }
}

fn orientation<R: Read + Seek>(decoder: &mut Decoder<R>) -> Orientation {
    let code = decoder.find_tag_unsigned::<u32>(Tag::Orientation).ok().flatten();
    let code = code.or_else(|| from_xmp(&xmp(decoder)?)).unwrap_or(1);
    u8::try_from(code).ok().and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
}

fn xmp<R: Read + Seek>(decoder: &mut Decoder<R>) -> Option<Vec<u8>> {
    const XMP: Tag = Tag::Unknown(700);
    let mut directory = decoder.image_ifd();
    let length = directory.find_entry(XMP)?.count().min(XMP_BYTES);
    let mut packet = vec![0; length as usize];
    let read = directory.find_tag_bytes(XMP, &mut packet, 0).ok()??;
    packet.truncate(read);
    Some(packet)
}

/// From one plane a channel to one pixel after the other.
fn interleaved(planes: &[u8], plane: usize, channels: usize, bytes_per_value: usize) -> Vec<u8> {
    let mut pixels = vec![0; plane * channels];
    for (channel, plane) in planes.chunks_exact(plane).enumerate() {
        let places = pixels.chunks_exact_mut(bytes_per_value).skip(channel).step_by(channels);
        for (place, value) in places.zip(plane.chunks_exact(bytes_per_value)) {
            place.copy_from_slice(value);
        }
    }
    pixels
}

fn translate(error: TiffError, max_bytes: u64) -> ImageError {
    match error {
        TiffError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImageError::Truncated { format: FORMAT }
        }
        TiffError::LimitsExceeded => ImageError::OutOfMemory { format: FORMAT, max_bytes },
        TiffError::UnsupportedError(_) => {
            let feature = "its values are stored in a way that is not known here".to_owned();
            ImageError::Unsupported { format: FORMAT, feature }
        }
        error => ImageError::Damaged { format: FORMAT, reason: one_line(&error.to_string()) },
    }
}

/// The first directory of a file, as far as it has to be known before the crate reads it.
struct Directory<'a> {
    bytes: &'a [u8],
    is_big: bool,
    first_entry: usize,
    count: usize,
}

/// Tags that describe a picture, among which are all that the crate reads by itself.
const DESCRIPTION: RangeInclusive<u64> = 254..=347;
/// Most values of one of them: the places of as many tiles. A picture of the largest size that is decoded, in tiles of 16x16
/// pixels, has 390,625.
const MOST_VALUES: u64 = 1 << 19;
const PHOTOMETRIC_INTERPRETATION: u64 = 262;

impl<'a> Directory<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let is_big = number(bytes, 2, 2)? == 43;
        let place = usize::try_from(if is_big { number(bytes, 8, 8)? } else { number(bytes, 4, 4)? }).ok()?;
        let count_length = if is_big { 8 } else { 2 };
        let count = number(bytes, place, count_length)?.min(u64::from(u16::MAX)) as usize;
        Some(Self { bytes, is_big, first_entry: place.checked_add(count_length)?, count })
    }

    /// Tag, number of values, and where the value or its place stands.
    fn entries(&self) -> impl Iterator<Item = (u64, u64, usize)> {
        // BigTIFF has longer offsets, counts and values.
        let (entry_length, count_length) = if self.is_big { (20, 8) } else { (12, 4) };
        (0..self.count).map_while(move |entry| {
            let at = self.first_entry.checked_add(entry * entry_length)?;
            let tag = number(self.bytes, at, 2)?;
            Some((tag, number(self.bytes, at + 4, count_length)?, at + 4 + count_length))
        })
    }

    fn has_long_list(&self) -> bool {
        self.entries().any(|(tag, count, _)| DESCRIPTION.contains(&tag) && count > MOST_VALUES)
    }

    /// The crate reads grey and no palettes. The indices of a palette are stored as grey is, so it is shown
    /// a file whose photometric interpretation is 1 (black is zero) where it is 3 (palette).
    ///
    /// Where this number stands in the file and what to show there.
    fn palette_as_grey(&self) -> Option<(u64, [u8; 2])> {
        let (.., at) = self.entries().find(|(tag, ..)| *tag == PHOTOMETRIC_INTERPRETATION)?;
        let grey = if self.bytes.starts_with(b"II") { 1_u16.to_le_bytes() } else { 1_u16.to_be_bytes() };
        (number(self.bytes, at, 2)? == 3).then_some((at as u64, grey))
    }
}

/// A number of so many bytes, in the order of the file.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let digits = bytes.get(at..at.checked_add(length)?)?.iter();
    let join = |number, &byte| number << 8 | u64::from(byte);
    Some(if bytes.starts_with(b"II") { digits.rev().fold(0, join) } else { digits.fold(0, join) })
}

/// A file with other bytes in one place.
struct Patched<'a> {
    bytes: Cursor<&'a [u8]>,
    patch: Option<(u64, [u8; 2])>,
}

impl Read for Patched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = self.bytes.position();
        let count = self.bytes.read(buffer)?;
        if let Some((at, patch)) = self.patch {
            for (place, value) in (at..).zip(patch) {
                let seen =
                    place.checked_sub(start).and_then(|offset| buffer[..count].get_mut(offset as usize));
                if let Some(seen) = seen {
                    *seen = value;
                }
            }
        }
        Ok(count)
    }
}

impl Seek for Patched<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(position)
    }
}
