//! JPEG by libjpeg's rules.
//!
//! A scan of the headers decides what the picture is; a decoder is told, and guesses nothing. `zune-jpeg`
//! reads what it was verified on: grey and YCbCr, luma sampled as usual, one interleaved scan or
//! progressive. It needs half the memory. `jpeg-decoder` reads everything else: any sampling and order of
//! scans, RGB, CMYK, YCCK. `tests/image/make_jpegs.py` has a picture of each kind.

mod header;

use super::decode::{Picture, Warning};
use super::formats::one_line;
use super::limits::{JPEG_BLOCK_VISITS, Needs};
use super::orientation::Metadata;
use super::{ImageError, RgbImage, pixels};
use ::image::metadata::Orientation;
use header::{Colour, Header};
use jpeg_decoder::ColorTransform;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const FORMAT: &str = "JPEG";

/// A JPEG whose headers, those of its scans included, were read.
pub(super) struct Jpeg<'a> {
    bytes: &'a [u8],
    header: Header,
}

impl<'a> Jpeg<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let header = Header::read(bytes)?;
        let (width, height) = (header.width, header.height);
        if header.block_visits > JPEG_BLOCK_VISITS && width > 0 && height > 0 {
            return Err(ImageError::TooManyScans {
                width,
                height,
                scans: header.scans,
                visits: header.block_visits,
                max_visits: JPEG_BLOCK_VISITS,
            });
        }
        Ok(Self { bytes, header })
    }

    fn is_verified_on_zune(&self) -> bool {
        let header = &self.header;
        let usual = match header.components.as_slice() {
            [_] => true,
            [luma, blue, red] => {
                header.colour == Colour::YCbCr
                    && !header.contradicts_itself
                    && [blue, red].map(|chroma| (chroma.horizontal, chroma.vertical)) == [(1, 1); 2]
                    && matches!((luma.horizontal, luma.vertical), (1, 1) | (2, 1) | (1, 2) | (2, 2) | (4, 1))
            }
            _ => false,
        };
        usual && (header.is_progressive || header.scans == 1)
    }

    fn by_zune(&self, bytes: &[u8], is_strict: bool) -> Result<Vec<u8>, DecodeErrors> {
        let is_grey = self.header.components.len() == 1;
        let options = DecoderOptions::default()
            .set_strict_mode(is_strict)
            .set_max_width(usize::from(u16::MAX))
            .set_max_height(usize::from(u16::MAX))
            .jpeg_set_max_scans(usize::MAX)
            .jpeg_set_out_colorspace(if is_grey { ColorSpace::Luma } else { ColorSpace::RGB });
        zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode()
    }

    /// The pixels, and whether some were filled in.
    ///
    /// Behind an end-of-image marker `zune-jpeg` goes on with zeros without a word. So it is first shown
    /// the file without the marker, where it has to report what it lacks. It reads some bytes ahead, which
    /// matters where the last rows take fewer: the second file has zeros there.
    fn by_zune_with_warning(&self) -> Result<(Vec<u8>, bool), ImageError> {
        let lenient = || {
            self.by_zune(self.bytes, false).map_err(|error| match error {
                DecodeErrors::ExhaustedData => ImageError::Truncated { format: FORMAT },
                error => damaged(&format!("{error:?}")),
            })
        };
        if self.header.is_progressive {
            return Ok((lenient()?, false));
        }
        let codes = &self.bytes[..self.header.end_of_scans];
        let values = match self.by_zune(codes, true) {
            // Harmless, and read by every other program.
            Err(DecodeErrors::FormatStatic(text)) if text.contains("Extra bytes between headers") => {
                return Ok((lenient()?, false));
            }
            Err(_) => self.by_zune(&[codes, &[0; 16]].concat(), true),
            values => values,
        };
        match values {
            Ok(values) => Ok((values, false)),
            Err(_) => Ok((lenient()?, true)),
        }
    }

    fn by_jpeg_decoder(&self) -> Result<Vec<u8>, ImageError> {
        let mut decoder = jpeg_decoder::Decoder::new(self.bytes);
        decoder.set_color_transform(match self.header.colour {
            Colour::Grey => ColorTransform::Grayscale,
            Colour::Rgb => ColorTransform::RGB,
            Colour::YCbCr => ColorTransform::YCbCr,
            Colour::Cmyk => ColorTransform::CMYK,
            Colour::Ycck => ColorTransform::YCCK,
        });
        decoder.decode().map_err(|error| damaged(&error.to_string()))
    }
}

impl Picture for Jpeg<'_> {
    fn needs(&self) -> Needs {
        let header = &self.header;
        let (width, height) = (header.width, header.height);
        let pixels = u64::from(width) * u64::from(height);
        let samples = 64 * header.blocks();
        let channels = header.components.len() as u64;
        // Pixels, planes of 8 bits and coefficients of 16, which wait for another thread.
        let working_bytes = if self.is_verified_on_zune() {
            let coefficients = if header.is_progressive { 2 * samples } else { 0 };
            // Grey is spread out to RGB.
            coefficients + if channels == 1 { 4 * pixels } else { 3 * pixels }
        } else {
            let coefficients = if header.is_progressive { 4 * samples } else { 2 * samples };
            coefficients + samples + channels.max(4) * pixels
        };
        Needs { width, height, working_bytes }
    }

    fn orientation(&self) -> Orientation {
        let Header { exif, xmp, .. } = &self.header;
        Metadata { exif: exif.clone(), xmp: xmp.clone() }.orientation()
    }

    fn decode(self: Box<Self>) -> Result<(RgbImage, Option<Warning>), ImageError> {
        let Header { width, height, lacks_a_part, .. } = self.header;
        let channels = self.header.components.len();
        let (mut values, was_filled) = if self.is_verified_on_zune() {
            self.by_zune_with_warning()?
        } else {
            (self.by_jpeg_decoder()?, false)
        };
        if values.len() != channels * width as usize * height as usize {
            return Err(damaged("its scans do not make the picture that its header promises"));
        }
        if channels == 4 {
            pixels::cmyk_to_rgb(&mut values);
        } else {
            pixels::to_rgb(&mut values, channels);
        }
        let picture = RgbImage::from_raw(width, height, values);
        let warning = (lacks_a_part || was_filled).then_some(Warning::MissingPart { format: FORMAT });
        Ok((picture.ok_or(ImageError::NoPixels { width, height })?, warning))
    }
}

fn damaged(reason: &str) -> ImageError {
    ImageError::Damaged { format: FORMAT, reason: one_line(reason) }
}
