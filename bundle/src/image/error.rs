/// Why a picture could not be turned into pixels. Each message is one line, fit for a user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// There is nothing to decode.
    #[error("the file is empty")]
    Empty,
    /// The first bytes are those of no picture format that is read here.
    #[error("not a picture: its first bytes are not those of a JPEG, PNG, WebP, GIF, BMP or TIFF file")]
    NotAPicture,
    /// The path leads to a pipe, a socket or a device. A [`Source::Stream`](super::Source::Stream) reads
    /// from such.
    #[error("not a regular file but a pipe, a socket or a device")]
    NotAFile,
    /// The file is longer than [`Limits::max_file_bytes`](super::Limits::max_file_bytes).
    #[error(
        "the {format} file is longer than {max} MiB, the most that is read; scale the picture down or save it as JPEG",
        max = max_bytes >> 20
    )]
    FileTooLong {
        /// The file format, e.g. `TIFF`.
        format: &'static str,
        /// What is read at most.
        max_bytes: u64,
    },
    /// The file is a picture in a format that is not read here, such as HEIC or AVIF.
    #[error("only JPEG, PNG, WebP, GIF, BMP and TIFF are read; save the picture as JPEG or PNG")]
    UnsupportedFormat,
    /// The format is read, but not this kind of it.
    #[error("this kind of {format} is not supported: {feature}; save the picture as JPEG or PNG")]
    Unsupported {
        /// The file format, e.g. `TIFF`.
        format: &'static str,
        /// What is not read.
        feature: String,
    },
    /// The file ends before the picture does, as after an interrupted copy or download.
    #[error("the {format} file is cut short: its end is missing; fetch it again")]
    Truncated {
        /// The file format, e.g. `JPEG`.
        format: &'static str,
    },
    /// The file contradicts its own format.
    #[error("the {format} file is damaged: {reason}")]
    Damaged {
        /// The file format, e.g. `PNG`.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A side is longer than [`Limits::max_side`](super::Limits::max_side).
    #[error(
        "{width}x{height} pixels is too large: a side may have at most {max_side}; scale the picture down"
    )]
    SideTooLong {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// The longest side that is accepted.
        max_side: u32,
    },
    /// Decoding would take more than [`Limits::max_bytes`](super::Limits::max_bytes).
    #[error(
        "{width}x{height} pixels is too large: decoding takes {needed} MiB, over the limit of {max} MiB; scale the picture down",
        needed = bytes.div_ceil(1 << 20),
        max = max_bytes >> 20
    )]
    TooManyPixels {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// What decoding would take, the file included.
        bytes: u64,
        /// What it may take.
        max_bytes: u64,
    },
    /// Decoding this format would take too long.
    #[error(
        "{width}x{height} pixels is too large: of a WebP at most {} megapixels are read; scale the picture down or save it as JPEG",
        max_pixels / 1_000_000
    )]
    TooSlow {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// How many pixels are decoded at most.
        max_pixels: u64,
    },
    /// A JPEG goes through its picture so many times that decoding would take seconds.
    #[error(
        "{width}x{height} pixels in {scans} scans is too much work: {visits} blocks of 8x8 values, over the limit of {max_visits}; save the picture anew"
    )]
    TooManyScans {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// Scans in the file.
        scans: usize,
        /// Blocks that all scans go through.
        visits: u64,
        /// How many they may go through.
        max_visits: u64,
    },
    /// Something else in the file, such as its metadata, would take too much memory.
    #[error("decoding the {format} file takes too much memory (the limit is {max} MiB)", max = max_bytes >> 20)]
    OutOfMemory {
        /// The file format, e.g. `TIFF`.
        format: &'static str,
        /// What decoding may take.
        max_bytes: u64,
    },
    /// The picture has no pixel.
    #[error("{width}x{height} pixels: the picture is empty")]
    NoPixels {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The picture is too small to say anything about; see
    /// [`Preprocessor::with_min_side`](super::Preprocessor::with_min_side).
    #[error("{width}x{height} pixels are too few to caption: a side needs {min_side} at least")]
    TooFewPixels {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// The shortest side that is accepted.
        min_side: u32,
    },
    /// The resizer refused.
    #[error("the picture could not be resized: {0}")]
    Resize(String),
}
