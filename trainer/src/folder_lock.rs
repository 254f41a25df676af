//! One writer a folder.

use crate::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

/// Name of the file that is locked. It stays in the folder; only the lock on it counts, and that ends with the
/// process, however it ends.
const LOCK: &str = ".lock";

/// The right to write a folder, held until it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Locks a folder; a missing one is made.
    ///
    /// # Errors
    /// [`Error::InUse`] where another process, or another lock of this one, holds it; [`Error::Io`].
    pub fn take(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
        let path = dir.join(LOCK);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse { path: dir.to_path_buf() }),
            // Some network file systems have no locks: there, nothing is locked.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(Error::io(&path)(error)),
        }
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("run");
        let held = FolderLock::take(&dir).unwrap();
        let refused = FolderLock::take(&dir).unwrap_err();
        assert!(matches!(&refused, Error::InUse { path } if *path == dir), "{refused}");
        drop(held);
        FolderLock::take(&dir).unwrap();
    }
}
