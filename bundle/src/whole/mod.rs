//! Files and folders that appear whole or not at all.
//!
//! Everything is written beside its target under a name that no other process uses, flushed to the disk, renamed, and
//! the folder that holds the new name is flushed as well: after a crash or a power cut the old content is there, or the
//! new one, never half of it. What is written follows the umask, as an ordinary new file does.
//!
//! `std::fs::write` and `File::create` are forbidden outside tests (see `clippy.toml`): a full disk would leave half a
//! file in place of the old one.

mod file;
mod folder;

pub use file::{write_together, write_whole, write_whole_with};
pub use folder::WholeFolder;

use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// What a killed process left is removed after this time without a change.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Flushes a folder, so that a rename in it survives a power cut.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    // Windows cannot open a folder as a file, and keeps renames by itself.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The folder that holds a path.
fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
