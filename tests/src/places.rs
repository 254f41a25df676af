//! Where the project's files lie.

use std::path::{Path, PathBuf};

/// The project's root.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".."))
}

/// The five photos that come with the project.
pub fn examples() -> PathBuf {
    project().join("assets/photos")
}

/// The bundle that comes with the project.
///
/// # Panics
/// When it is absent: it is a part of the repository.
pub fn shipped_bundle() -> PathBuf {
    let dir = project().join("models/flickr8k-edge");
    assert!(dir.is_dir(), "{} is absent, but the repository ships it", dir.display());
    dir
}

/// A file or folder of the read-only data beside the project, or `None` with a line that says so.
pub fn shared(path: &str) -> Option<PathBuf> {
    let path = project().join("../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    println!("there is no {}", path.display());
    None
}
