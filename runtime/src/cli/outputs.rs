//! Files that a run is to write, looked at before it begins: it shall not end in vain.

use anyhow::{Result, bail};
use std::path::Path;

/// Refuses a file that `flag` names but that cannot be written, or that would replace something else.
pub fn check(flag: &str, file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        bail!("{flag} {}: there is no folder {}", file.display(), folder.display());
    }
    if file.exists() && !file.is_file() {
        bail!("{flag} {} is no file", file.display());
    }
    Ok(())
}
