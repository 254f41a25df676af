//! Files that appear whole or not at all.

use crate::{Error, Result};
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

/// Writes beside the target, then renames: a reader sees the old file or the new one.
/// Missing parent folders are made.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let mut file = builder(0o666).tempfile_in(folder).map_err(Error::io(folder))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(Error::io(path))?;
    file.persist(path).map_err(|failure| Error::io(path)(failure.error))?;
    Ok(())
}

/// Temporary names that sort as hidden files, with the access rights (before the umask) that an
/// ordinary file or folder has: `tempfile` alone would shut everybody else out.
pub(crate) fn builder(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".glimpse-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

/// An empty folder that will become `target`, on the same file system; missing parents are made.
/// It is removed when dropped.
pub(crate) fn folder_beside(target: &Path) -> Result<TempDir> {
    let parent = target.parent().unwrap_or(target);
    std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
    builder(0o777).tempdir_in(parent).map_err(Error::io(parent))
}

/// Renames `folder` to `target`; what was there is removed once the new one stands, and is put back
/// when the new one cannot be put there.
pub(crate) fn move_into_place(folder: TempDir, target: &Path) -> Result<()> {
    let replaced = if target.exists() { Some(move_aside(target)?) } else { None };
    if let Err(failure) = std::fs::rename(folder.path(), target) {
        if let Some(aside) = replaced
            && std::fs::rename(aside.path().join(ASIDE), target).is_err()
        {
            // Never delete the only copy.
            let _ = aside.keep();
        }
        return Err(Error::io(target)(failure));
    }
    // Its temporary name is gone: there is nothing left to remove.
    let _ = folder.keep();
    Ok(())
}

const ASIDE: &str = "replaced";

fn move_aside(target: &Path) -> Result<TempDir> {
    let aside = folder_beside(target)?;
    std::fs::rename(target, aside.path().join(ASIDE)).map_err(Error::io(target))?;
    Ok(aside)
}
