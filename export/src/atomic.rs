//! Folders that appear whole or not at all.

use crate::{Error, Result};
use std::path::Path;
use tempfile::TempDir;

/// An empty folder that will become `target`, on the same file system; missing parents are made.
/// It is removed when dropped.
///
/// Its name sorts as a hidden one, and it has the access rights of an ordinary folder (before the umask):
/// `tempfile` alone would shut everybody else out.
pub(crate) fn folder_beside(target: &Path) -> Result<TempDir> {
    let parent = target.parent().unwrap_or(target);
    std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".glimpse-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o777));
    }
    builder.tempdir_in(parent).map_err(Error::io(parent))
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
