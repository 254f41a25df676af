//! Which way up a photo is, by its EXIF and XMP metadata, as PIL's `ImageOps.exif_transpose` finds it.

use ::image::metadata::Orientation;
use exif::{In, Reader, Tag, Value};

/// Orientation stands in the first directory, which comes first wherever it is written.
const EXIF_BYTES: usize = 1 << 20;

/// The metadata that may name an orientation.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    /// A block of EXIF: a TIFF header and directories, with or without `Exif\0\0` before it.
    pub(super) exif: Option<Vec<u8>>,
    /// An XMP packet.
    pub(super) xmp: Option<Vec<u8>>,
}

impl Metadata {
    /// EXIF decides where it names an orientation, XMP otherwise. A picture with unreadable metadata is
    /// still a picture.
    pub(super) fn orientation(&self) -> Orientation {
        let by_exif = self.exif.as_deref().and_then(from_exif);
        let code = by_exif.or_else(|| self.xmp.as_deref().and_then(from_xmp)).unwrap_or(1);
        u8::try_from(code).ok().and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
    }
}

/// Tag 274 of the first directory.
fn from_exif(mut block: &[u8]) -> Option<u32> {
    while let Some(rest) = block.strip_prefix(b"Exif\0\0") {
        block = rest;
    }
    let mut reader = Reader::new();
    reader.continue_on_error(true);
    let exif = reader
        .read_raw(block[..block.len().min(EXIF_BYTES)].to_vec())
        .or_else(|error| error.distill_partial_result(|_| ()))
        .ok()?;
    Some(match &exif.get_field(Tag::Orientation, In::PRIMARY)?.value {
        Value::Short(values) => values.first().copied().map_or(1, u32::from),
        Value::Long(values) => values.first().copied().unwrap_or(1),
        // PIL turns nothing by a number of another kind, and does not look at XMP either.
        _ => 1,
    })
}

/// `tiff:Orientation` as an attribute or an element.
pub(super) fn from_xmp(packet: &[u8]) -> Option<u32> {
    const NAME: &[u8] = b"tiff:Orientation";
    packet.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME).find_map(|(at, _)| {
        let rest = &packet[at + NAME.len()..];
        let value = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"))?;
        value.first().filter(|digit| digit.is_ascii_digit()).map(|digit| u32::from(digit - b'0'))
    })
}

/// Whether an orientation exchanges width and height.
pub(super) fn is_quarter_turn(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH)
}
