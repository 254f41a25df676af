use super::ImageError;
use super::budget::Budget;

/// 64 MiB of files and 288 MiB of pictures at work: with a captioner of some 200 MB beside them, a process
/// stays below 600 MB.
const FILE_BYTES: u64 = 64 << 20;
const WORKING_BYTES: u64 = 288 << 20;

/// What the files that are being decoded take together.
pub(super) static FILES: Budget = Budget::new(FILE_BYTES);
/// What decoding takes together.
pub(super) static DECODING: Budget = Budget::new(WORKING_BYTES);

/// Visits of a block of 8x8 values over all scans of a JPEG. A visit takes 20 ns even where a scan says
/// nothing about the block. A progressive photo of the largest size takes a fifth of this.
pub(super) const JPEG_BLOCK_VISITS: u64 = 32 << 20;

/// How large a picture may be. It is refused by its header, before its pixels take any memory or time.
///
/// Pictures that are decoded at the same time share 64 MiB for their files and 288 MiB for their pixels;
/// one that finds no room waits for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest side in pixels. Default: 16,384.
    pub max_side: u32,
    /// Bytes that decoding may take: the pixels as the file stores them or as 8-bit RGB, whichever is
    /// more, and what the decoder needs beside them. Default: 288 MiB, which is a JPEG of 100 megapixels
    /// (50 if it has to be turned upright, 30 to 50 if it is progressive), a PNG of 100, or a WebP of 37.
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
}

impl Limits {
    pub(super) fn check(&self, needs: &Needs) -> Result<(), ImageError> {
        let Self { max_side, max_bytes, .. } = *self;
        let Needs { width, height, working_bytes } = *needs;
        if width == 0 || height == 0 {
            return Err(ImageError::NoPixels { width, height });
        }
        if width.max(height) > max_side {
            return Err(ImageError::SideTooLong { width, height, max_side });
        }
        let bytes = working_bytes.max(3 * needs.pixels());
        if bytes > max_bytes {
            return Err(ImageError::TooManyPixels { width, height, bytes, max_bytes });
        }
        Ok(())
    }
}
