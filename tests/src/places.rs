//! Where the project's files lie.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders whose pages are checked, besides the project's root.
const PAGES_IN: [&str; 5] =
    ["docs", "apps/python", "assets/photos", "models/backbones", "models/flickr8k-edge"];

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

/// Whether it is a file in Markdown.
pub fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The pages of the documentation, sorted.
///
/// # Panics
/// When a folder cannot be read.
pub fn pages() -> Vec<PathBuf> {
    let folders = [""].iter().chain(&PAGES_IN).map(|folder| project().join(folder));
    let mut pages: Vec<_> = folders
        .flat_map(|folder| fs::read_dir(folder).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| is_page(path))
        .collect();
    pages.sort();
    pages
}
