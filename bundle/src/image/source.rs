use super::budget::Share;
use super::formats::Format;
use super::limits::{FILES, Limits};
use super::{ImageError, is_special};
use crate::{Error, Result};
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Enough to tell every format by.
const HEAD_BYTES: u64 = 64;

/// Where a photo comes from.
pub enum Source<'a> {
    /// A regular file. Pipes, sockets and devices are refused without being opened, so that one that lies
    /// among photos holds nothing up. No more is read than the limit, and only the first 64 bytes of what
    /// is no picture.
    File(&'a Path),
    /// Bytes that lie ready.
    Bytes(&'a [u8]),
    /// Standard input, or a pipe that a user named. Read as a file is, up to the limit.
    Stream(&'a mut dyn Read),
}

impl<'a> From<&'a Path> for Source<'a> {
    fn from(path: &'a Path) -> Self {
        Self::File(path)
    }
}

impl<'a> From<&'a [u8]> for Source<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

/// The bytes of a picture, and their share of the memory for files.
pub(super) struct Content<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) format: Format,
    _share: Option<Share<'static>>,
}

impl<'a> Source<'a> {
    pub(super) fn read(self, limits: &Limits) -> Result<Content<'a>> {
        match self {
            Self::Bytes(bytes) => {
                Ok(Content { format: Format::of(bytes)?, bytes: bytes.into(), _share: None })
            }
            Self::File(path) => {
                // Opening a pipe waits for a writer, so the kind of file is looked at first.
                if is_special(path) {
                    return Err(ImageError::NotAFile.into());
                }
                let metadata = std::fs::metadata(path).map_err(Error::io(path))?;
                let mut file = File::open(path).map_err(Error::io(path))?;
                read(&mut file, metadata.len(), limits, path)
            }
            Self::Stream(stream) => read(stream, limits.max_file_bytes, limits, Path::new("standard input")),
        }
    }
}

/// Reads on only if the first bytes are those of a picture. `expected` bytes are reserved.
fn read(stream: &mut dyn Read, expected: u64, limits: &Limits, name: &Path) -> Result<Content<'static>> {
    let mut bytes = Vec::new();
    (&mut *stream).take(HEAD_BYTES).read_to_end(&mut bytes).map_err(Error::io(name))?;
    let format = Format::of(&bytes)?;
    let max_bytes = limits.max_file_bytes;
    let too_long = || Err(ImageError::FileTooLong { format: format.name(), max_bytes }.into());
    if expected > max_bytes {
        return too_long();
    }
    let share = FILES.acquire(expected);
    let rest = max_bytes.saturating_sub(bytes.len() as u64) + 1;
    stream.take(rest).read_to_end(&mut bytes).map_err(Error::io(name))?;
    if bytes.len() as u64 > max_bytes {
        return too_long();
    }
    Ok(Content { bytes: bytes.into(), format, _share: Some(share) })
}
