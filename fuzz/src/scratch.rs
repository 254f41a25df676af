//! A folder for readers that take a path.

use std::path::{Path, PathBuf};
use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = new();
}

/// In memory where the system has such a place: millions of files are written.
fn new() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    made.expect("a folder for the inputs")
}

/// Writes a file in this thread's folder, in place of the one of this name.
///
/// # Panics
/// Where it cannot be written.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    // Not over the old one: a target may have mapped it into memory.
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, bytes).expect("an input on disk");
    path
}

/// This thread's folder.
pub(crate) fn folder() -> PathBuf {
    FOLDER.with(|folder| folder.path().to_path_buf())
}
