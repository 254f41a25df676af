//! Reading files that may be anything: the kind and the size are looked at before a file is opened.

use crate::{Error, Result};
use std::fs::{File, FileType, metadata, read_dir};
use std::io::{self, Read};
use std::path::Path;

/// Largest `config.json`, `preprocessor_config.json`, `generation_config.json` and `SHA256SUMS`, in bytes.
pub(crate) const MAX_JSON_BYTES: u64 = 1 << 20;
/// Largest `tokenizer.json`, in bytes.
pub(crate) const MAX_TOKENIZER_BYTES: u64 = 16 << 20;
/// Largest file of a bundle, in bytes: Protocol Buffers allow no larger graph.
pub(crate) const MAX_FILE_BYTES: u64 = i32::MAX as u64;
/// Most files and folders in a bundle.
const MAX_ENTRIES: usize = 10_000;

/// The size of a regular file in bytes; symbolic links are followed. The file is not opened.
///
/// # Errors
/// [`Error::NotAFile`], [`Error::TooLarge`] above `limit` bytes, or [`Error::Io`].
pub(crate) fn file_size(path: &Path, limit: u64) -> Result<u64> {
    let found = metadata(path).map_err(Error::io(path))?;
    if !found.is_file() {
        return Err(Error::NotAFile { path: path.to_path_buf(), kind: kind_of(found.file_type()) });
    }
    if found.len() > limit {
        return Err(Error::TooLarge { path: path.to_path_buf(), bytes: found.len(), limit });
    }
    Ok(found.len())
}

/// Opens a regular file; the reader ends where the file ended when it was opened.
///
/// An empty file is not opened: files of `/proc` say that they are empty, and some of them never end.
///
/// # Errors
/// As [`file_size`].
pub(crate) fn open(path: &Path, limit: u64) -> Result<Box<dyn Read>> {
    let bytes = file_size(path, limit)?;
    if bytes == 0 {
        return Ok(Box::new(io::empty()));
    }
    Ok(Box::new(File::open(path).map_err(Error::io(path))?.take(bytes)))
}

/// The bytes of a regular file of at most `limit` bytes.
///
/// # Errors
/// As [`file_size`].
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, limit)?.read_to_end(&mut bytes).map_err(Error::io(path))?;
    Ok(bytes)
}

/// [`read`] as text.
///
/// # Errors
/// As [`file_size`], and [`Error::Io`] where the file is not UTF-8.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String> {
    text(path, read(path, limit)?)
}

pub(crate) fn text(path: &Path, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes)
        .map_err(|_| Error::io(path)(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text")))
}

/// Refuses a folder that holds a pipe, a device or a socket, or a link to one, down to `depth` folders below it. They
/// are not opened: reading one may never end.
///
/// # Errors
/// [`Error::NotAFile`] with the path of the first; [`Error::NotABundle`] where there are too many entries.
pub(crate) fn refuse_special_files(folder: &Path, depth: usize) -> Result<()> {
    for (index, entry) in read_dir(folder).map_err(Error::io(folder))?.enumerate() {
        if index == MAX_ENTRIES {
            let reason = format!("it holds more than {MAX_ENTRIES} files");
            return Err(Error::NotABundle { path: folder.to_path_buf(), reason });
        }
        let entry = entry.map_err(Error::io(folder))?;
        let path = entry.path();
        let mut kind = entry.file_type().map_err(Error::io(&path))?;
        if kind.is_symlink() {
            // A link that leads nowhere is harmless here: where the file is needed, it is missing.
            let Ok(behind) = metadata(&path) else { continue };
            kind = behind.file_type();
        }
        if kind.is_dir() && depth > 0 {
            refuse_special_files(&path, depth - 1)?;
        } else if !kind.is_dir() && !kind.is_file() {
            return Err(Error::NotAFile { path, kind: kind_of(kind) });
        }
    }
    Ok(())
}

fn kind_of(kind: FileType) -> &'static str {
    if kind.is_dir() {
        return "a folder";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
    }
    "a device"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::write;

    #[test]
    fn sizes_are_looked_at_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        let refused = read(&path, 4).unwrap_err().to_string();
        assert!(refused.contains("5 bytes") && refused.contains("at most 4"), "{refused}");
        assert!(read(folder.path(), 5).unwrap_err().to_string().contains("a folder"));
        write(&path, [0xff]).unwrap();
        assert!(read_text(&path, 5).unwrap_err().to_string().contains("UTF-8"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_a_file_is_never_opened() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("/dev/zero", at("zero")).unwrap();
        assert!(read(&at("zero"), 10).unwrap_err().to_string().contains("a device"));
        let refused = refuse_special_files(folder.path(), 0).unwrap_err().to_string();
        assert!(refused.contains("zero") && refused.contains("a device"), "{refused}");
        std::fs::remove_file(at("zero")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert!(refuse_special_files(folder.path(), 0).unwrap_err().to_string().contains("a socket"));
        std::fs::remove_file(at("socket")).unwrap();
        std::fs::create_dir_all(at("a/b")).unwrap();
        symlink("/dev/null", at("a/b/null")).unwrap();
        assert!(refuse_special_files(folder.path(), 1).is_ok(), "beyond the depth");
        assert!(refuse_special_files(folder.path(), 2).is_err());
        symlink("nowhere", at("dangling")).unwrap();
        std::fs::remove_file(at("a/b/null")).unwrap();
        assert!(refuse_special_files(folder.path(), 2).is_ok());
        // A file of /proc says that it is empty.
        assert_eq!(read(Path::new("/proc/self/status"), 10).unwrap_or_default(), b"");
    }
}
