//! What lies in a folder of photos.

use std::path::{Path, PathBuf};

/// What the names of pictures end in, in any case; all of these formats are read.
pub const EXTENSIONS: [&str; 10] = ["jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "webp", "tif", "tiff"];

/// What the names of pictures end in that are not read here, in any case: newer formats of phones, layered
/// pictures, what cameras write before it is developed.
pub const UNREADABLE_EXTENSIONS: [&str; 42] = [
    "heic", "heif", "hif", "avif", "jxl", "jp2", "j2k", "jpf", "jpx", "jxr", "wdp", "psd", "psb", "xcf",
    "svg", "ico", "tga", "pcx", "ppm", "pgm", "pbm", "pnm", "qoi", "hdr", "exr", "dng", "cr2", "cr3", "nef",
    "nrw", "arw", "srf", "sr2", "orf", "rw2", "raf", "pef", "srw", "x3f", "3fr", "iiq", "raw",
];

/// The entries of a folder, each list sorted. Files that are no pictures by their names are not listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// Files that end in one of [`EXTENSIONS`]. A link that leads nowhere is one of them, so that it is
    /// named when it cannot be read.
    pub pictures: Vec<PathBuf>,
    /// Files that end in one of [`UNREADABLE_EXTENSIONS`].
    pub unreadable: Vec<PathBuf>,
    /// What is named like a picture but is a pipe, a socket or a device.
    pub special: Vec<PathBuf>,
    /// Folders within, whose pictures are not listed.
    pub folders: Vec<PathBuf>,
}

/// Looks at the names in a folder, not at those in folders within. Opens no file.
///
/// # Errors
/// A folder that cannot be read.
pub fn list_folder(folder: &Path) -> std::io::Result<Listing> {
    let mut paths =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    let mut listing = Listing::default();
    for path in paths {
        let (readable, unreadable) = (ends_in(&path, &EXTENSIONS), ends_in(&path, &UNREADABLE_EXTENSIONS));
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => listing.folders.push(path),
            _ if !readable && !unreadable => {}
            Ok(metadata) if !metadata.is_file() => listing.special.push(path),
            _ if unreadable => listing.unreadable.push(path),
            _ => listing.pictures.push(path),
        }
    }
    Ok(listing)
}

/// [`Listing::pictures`] of a folder.
///
/// # Errors
/// Those of [`list_folder`].
pub fn pictures_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    Ok(list_folder(folder)?.pictures)
}

/// Whether a path leads to a pipe, a socket or a device, without opening it.
pub fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

fn ends_in(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|found| extensions.iter().any(|known| known.eq_ignore_ascii_case(found)))
}
