//! The segments of a JPEG (ITU-T T.81, annex B), from its start to its end-of-image marker.

use super::super::ImageError;
use super::{FORMAT, damaged};

/// How the colours are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Grey,
    Rgb,
    YCbCr,
    Cmyk,
    Ycck,
}

/// A plane of the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Component {
    id: u8,
    pub(super) horizontal: u8,
    pub(super) vertical: u8,
    /// Bit k: coefficient k is known to its last bit.
    known: u64,
}

/// What the headers say about a picture.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: Vec<Component>,
    pub(super) is_progressive: bool,
    pub(super) colour: Colour,
    /// Other readers could take the colours for something else.
    pub(super) contradicts_itself: bool,
    pub(super) scans: usize,
    /// Blocks of 8x8 values that the scans go through, all together.
    pub(super) block_visits: u64,
    /// Where the codes of the last scan end.
    pub(super) end_of_scans: usize,
    /// Scans are missing, or one has fewer bits than its blocks take at least.
    pub(super) lacks_a_part: bool,
    /// The first block of EXIF, and what others continue it with.
    pub(super) exif: Option<Vec<u8>>,
    pub(super) xmp: Option<Vec<u8>>,
}

/// What the segments have said so far.
#[derive(Default)]
struct Reading {
    frame: Option<Frame>,
    has_jfif: bool,
    adobe_transform: Option<u8>,
    /// Bits of the shortest DC code and of the end-of-block code, by table.
    shortest_codes: [[u64; 4]; 2],
    scans: usize,
    block_visits: u64,
    lacks_bits: bool,
    exif: Option<Vec<u8>>,
    xmp: Option<Vec<u8>>,
}

struct Frame {
    width: u32,
    height: u32,
    components: Vec<Component>,
    is_progressive: bool,
}

const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

impl Header {
    /// Reads all segments. Decoders fill what is missing with grey and report success, so a file that was
    /// cut short has to be found out here: it has no end-of-image marker. Segments are stepped over by
    /// their length, as a thumbnail inside one has such a marker of its own.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        const END_OF_IMAGE: u8 = 0xD9;
        let truncated = ImageError::Truncated { format: FORMAT };
        let mut reading = Reading::default();
        // Where the codes of the scan begin that is being read, and how many bits they take at least.
        let mut scan: Option<(usize, u64)> = None;
        let mut end_of_scans = 0;
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(prefix) = rest.iter().position(|&byte| byte == 0xFF) else { return Err(truncated) };
            // Any number of 0xFF may stand before a marker.
            let Some(skipped) = rest[prefix..].iter().position(|&byte| byte != 0xFF) else {
                return Err(truncated);
            };
            let marker = rest[prefix + skipped];
            let marker_at = at + prefix;
            at = marker_at + skipped + 1;
            // A stuffed zero and restarts belong to the codes; the start of the image stands alone.
            if matches!(marker, 0x00 | 0x01 | 0xD0..=0xD8) {
                continue;
            }
            if let Some((start, least_bits)) = scan.take() {
                reading.lacks_bits |= 8 * ((marker_at - start) as u64) < least_bits;
                end_of_scans = marker_at;
            }
            if marker == END_OF_IMAGE {
                break;
            }
            if !matches!(marker, 0xC0..=0xCF | 0xDA..=0xEF | 0xFE) {
                continue;
            }
            let Some(length) = bytes[at..].first_chunk().map(|length| u16::from_be_bytes(*length)) else {
                return Err(truncated);
            };
            let end = at + usize::from(length);
            let Some(data) = bytes.get(at + 2..end.max(at + 2)) else { return Err(truncated) };
            at = end.max(at + 2);
            if let Some(least_bits) = reading.segment(marker, data)? {
                scan = Some((at, least_bits));
            }
        }
        reading.finish(end_of_scans)
    }

    /// Blocks of 8x8 values in all planes, those of padding included.
    pub(super) fn blocks(&self) -> u64 {
        let units = units(self.width, self.height, &self.components);
        units * self.components.iter().map(Component::blocks_in_unit).sum::<u64>()
    }
}

impl Component {
    fn blocks_in_unit(&self) -> u64 {
        u64::from(self.horizontal) * u64::from(self.vertical)
    }
}

impl Reading {
    /// For a scan: how many bits its codes take at least.
    fn segment(&mut self, marker: u8, data: &[u8]) -> Result<Option<u64>, ImageError> {
        match marker {
            0xC0..=0xC2 => self.frame(data, marker == 0xC2)?,
            0xC4 => self.codes(data),
            0xC3 | 0xC7 => return Err(unsupported("it is compressed without loss")),
            0xC5 | 0xC6 | 0xDE | 0xDF => return Err(unsupported("it is stored in several sizes")),
            0xC8..=0xCF => return Err(unsupported("it is compressed by arithmetic coding")),
            0xDA => return self.scan(data).map(Some),
            0xE0 => self.has_jfif |= data.starts_with(b"JFIF\0") && data.len() >= 14,
            0xEE if data.starts_with(b"Adobe") => self.adobe_transform = data.get(11).copied(),
            0xE1 if data.starts_with(EXIF) => {
                // A second block continues the first.
                self.exif.get_or_insert_default().extend_from_slice(&data[EXIF.len()..]);
            }
            0xE1 if data.starts_with(XMP) => self.xmp = Some(data[XMP.len()..].to_vec()),
            _ => {}
        }
        Ok(None)
    }

    fn frame(&mut self, data: &[u8], is_progressive: bool) -> Result<(), ImageError> {
        if self.frame.is_some() {
            return Err(damaged("it has two frame headers"));
        }
        let Some((&[precision, h1, h0, w1, w0, count], rest)) = data.split_first_chunk() else {
            return Err(damaged("its frame header is too short"));
        };
        if precision != 8 {
            return Err(unsupported(&format!("{precision} bits a channel")));
        }
        let channels = usize::from(count);
        if !matches!(channels, 1 | 3 | 4) {
            return Err(unsupported(&format!("{channels} channels")));
        }
        if rest.len() != 3 * channels {
            return Err(damaged("its frame header has the wrong length"));
        }
        let components: Vec<_> = rest
            .chunks_exact(3)
            .map(|entry| Component {
                id: entry[0],
                horizontal: entry[1] >> 4,
                vertical: entry[1] & 15,
                known: 0,
            })
            .collect();
        let (widest, tallest) = largest_factors(&components);
        for Component { horizontal, vertical, .. } in &components {
            if !(1..=4).contains(horizontal) || !(1..=4).contains(vertical) {
                return Err(damaged("a sampling factor is not 1 to 4"));
            }
            if widest % horizontal != 0 || tallest % vertical != 0 {
                return Err(unsupported("its channels are sampled at ratios such as 2 to 3"));
            }
        }
        let (width, height) = (u16::from_be_bytes([w1, w0]).into(), u16::from_be_bytes([h1, h0]).into());
        self.frame = Some(Frame { width, height, components, is_progressive });
        Ok(())
    }

    /// Huffman tables: how many codes there are of each length, then what they mean.
    fn codes(&mut self, mut data: &[u8]) {
        while let Some((&index, rest)) = data.split_first() {
            let Some((counts, meanings)) = rest.split_first_chunk::<16>() else { return };
            let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let Some(table) = self.shortest_codes.get_mut(usize::from(index >> 4)) else { return };
            let lengths =
                (1..).zip(counts).flat_map(|(bits, &count)| std::iter::repeat_n(bits, count.into()));
            // A block starts with a DC code and, unless all its values are there, ends with code 0 of AC.
            let is_ac = index >> 4 == 1;
            let mut wanted = lengths.zip(meanings).filter(|&(_, &meaning)| !is_ac || meaning == 0);
            table[usize::from(index & 3)] = wanted.next().map_or(0, |(bits, _)| bits);
            data = meanings.get(total..).unwrap_or_default();
        }
    }

    /// How many bits the codes of a scan take at least.
    fn scan(&mut self, data: &[u8]) -> Result<u64, ImageError> {
        let damaged = || damaged("the header of a scan makes no sense");
        let Some(frame) = &mut self.frame else { return Err(damaged()) };
        let (&count, rest) = data.split_first().ok_or_else(damaged)?;
        let (selectors, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or_else(damaged)?;
        let &[start, end, approximation] = rest.first_chunk().ok_or_else(damaged)?;
        if count == 0 || end > 63 || start > end {
            return Err(damaged());
        }
        let is_last_bit = !frame.is_progressive || approximation & 15 == 0;
        let bits = if is_last_bit { (u64::MAX >> (63 - (end - start))) << start } else { 0 };
        let mut per_unit = 0;
        let mut least_bits = 0;
        let units = units(frame.width, frame.height, &frame.components);
        let alone = (count == 1).then(|| largest_factors(&frame.components));
        for selector in selectors.chunks_exact(2) {
            let (id, tables) = (selector[0], selector[1]);
            let component = frame.components.iter_mut().find(|component| component.id == id);
            let component = component.ok_or_else(damaged)?;
            component.known |= if frame.is_progressive { bits } else { u64::MAX };
            // A scan of one component leaves padding out.
            let blocks = match alone {
                Some((widest, tallest)) => {
                    let blocks = |length: u32, factor: u8, largest: u8| {
                        let samples = (length * u32::from(factor)).div_ceil(u32::from(largest));
                        u64::from(samples.div_ceil(8))
                    };
                    blocks(frame.width, component.horizontal, widest)
                        * blocks(frame.height, component.vertical, tallest)
                }
                None => units * component.blocks_in_unit(),
            };
            per_unit += blocks;
            let [dc, ac] = &self.shortest_codes;
            least_bits += blocks * (dc[usize::from(tables >> 4 & 3)] + ac[usize::from(tables & 3)]);
        }
        self.scans += 1;
        self.block_visits += per_unit;
        // A progressive scan may say in one code that it has nothing to say about thousands of blocks.
        Ok(if frame.is_progressive { 0 } else { least_bits })
    }

    fn finish(self, end_of_scans: usize) -> Result<Header, ImageError> {
        let Some(Frame { width, height, components, is_progressive }) = self.frame else {
            return Err(damaged("it has no frame header"));
        };
        if self.scans == 0 {
            return Err(damaged("it has no picture, only headers"));
        }
        let ids: Vec<_> = components.iter().map(|component| component.id).collect();
        let (colour, contradicts_itself) = colour(&ids, self.has_jfif, self.adobe_transform);
        let lacks_scans = components.iter().any(|component| component.known != u64::MAX);
        Ok(Header {
            width,
            height,
            components,
            is_progressive,
            colour,
            contradicts_itself,
            scans: self.scans,
            block_visits: self.block_visits,
            end_of_scans,
            lacks_a_part: lacks_scans || self.lacks_bits,
            exif: self.exif,
            xmp: self.xmp,
        })
    }
}

/// libjpeg's rules: JFIF means YCbCr whatever Adobe's marker says; without both, the names of the
/// components decide. The second value is true where decoders differ.
fn colour(ids: &[u8], has_jfif: bool, adobe_transform: Option<u8>) -> (Colour, bool) {
    let colour = match (ids.len(), has_jfif, adobe_transform) {
        (1, _, _) => Colour::Grey,
        (4, _, None | Some(0)) => Colour::Cmyk,
        (4, _, Some(_)) => Colour::Ycck,
        (_, true, _) => Colour::YCbCr,
        (_, false, Some(0)) => Colour::Rgb,
        (_, false, Some(_)) => Colour::YCbCr,
        (_, false, None) if ids == b"RGB" => Colour::Rgb,
        (_, false, None) => Colour::YCbCr,
    };
    (colour, adobe_transform == Some(0) || ids == b"RGB")
}

fn largest_factors(components: &[Component]) -> (u8, u8) {
    let widest = components.iter().map(|component| component.horizontal).max();
    let tallest = components.iter().map(|component| component.vertical).max();
    (widest.unwrap_or(1), tallest.unwrap_or(1))
}

/// Minimum coded units in a scan of several components.
fn units(width: u32, height: u32, components: &[Component]) -> u64 {
    let (widest, tallest) = largest_factors(components);
    let units = |length: u32, factor: u8| u64::from(length.div_ceil(8 * u32::from(factor)));
    units(width, widest) * units(height, tallest)
}

fn unsupported(feature: &str) -> ImageError {
    ImageError::Unsupported { format: FORMAT, feature: feature.to_owned() }
}
