use super::ImageError;
use super::budget::Budget;

/// 64 MiB of files and 276 MiB of pictures at work with their files: one picture stays below 300 MB, and a
/// process with a captioner of some 200 MB below 600 MB.
const FILE_BYTES: u64 = 64 << 20;
const WORKING_BYTES: u64 = 276 << 20;

/// What the files that are being decoded take together.
pub(super) static FILES: Budget = Budget::new(FILE_BYTES);
/// What decoding takes together.
pub(super) static DECODING: Budget = Budget::new(WORKING_BYTES);

/// Visits of a block of 8x8 values over all scans of a JPEG. A visit takes 20 ns even where a scan says
/// nothing about the block. A progressive photo of the largest size takes a fifth of this.
pub(super) const JPEG_BLOCK_VISITS: u64 = 32 << 20;

/// The decoder of WebP takes about 50 ns of a core for each pixel, so that this many take over a second.
pub(super) const WEBP_PIXELS: u64 = 25_000_000;

/// How large a picture may be. It is refused by its header, before its pixels take any memory or time.
///
/// Pictures that are decoded at the same time share 64 MiB for their files and 276 MiB for their pixels;
/// one that finds no room waits for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest side in pixels. Default: 16,384.
    pub max_side: u32,
    /// Bytes that decoding may take: the file, the pixels as it stores them or as 8-bit RGB, whichever is
    /// more, and what the decoder needs beside them. Default: 276 MiB, which is a JPEG of 90 megapixels and
    /// 19 MB (45 megapixels if it has to be turned upright, 30 to 45 if it is progressive), or such a PNG.
    /// Of a WebP 25 megapixels are read, as decoding takes longer.
    pub max_bytes: u64,
    /// Bytes that are read of a file or a stream. Default: 64 MiB.
    pub max_file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_side: 16_384, max_bytes: WORKING_BYTES, max_file_bytes: FILE_BYTES }
    }
}

/// What a picture's header promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes that decoding takes at its worst moment.
    pub(super) working_bytes: u64,
    /// How many pixels are decoded in a bearable time, where that is fewer than fit in the memory.
    pub(super) max_pixels: Option<u64>,
}

impl Needs {
    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// A quarter turn needs a second picture beside the first.
    pub(super) fn turned(mut self) -> Self {
        self.working_bytes = self.working_bytes.max(6 * self.pixels());
        self
    }

    /// The file stays in memory while it is decoded.
    pub(super) fn with_file(mut self, bytes: usize) -> Self {
        self.working_bytes = self.working_bytes.max(3 * self.pixels()) + bytes as u64;
        self
    }
}

impl Limits {
    pub(super) fn check(&self, needs: &Needs) -> Result<(), ImageError> {
        let Self { max_side, max_bytes, .. } = *self;
        let Needs { width, height, working_bytes, max_pixels } = *needs;
        if width == 0 || height == 0 {
            return Err(ImageError::NoPixels { width, height });
        }
        if width.max(height) > max_side {
            return Err(ImageError::SideTooLong { width, height, max_side });
        }
        if working_bytes > max_bytes {
            return Err(ImageError::TooManyPixels { width, height, bytes: working_bytes, max_bytes });
        }
        if let Some(max_pixels) = max_pixels.filter(|&most| needs.pixels() > most) {
            return Err(ImageError::TooSlow { width, height, max_pixels });
        }
        Ok(())
    }
}
