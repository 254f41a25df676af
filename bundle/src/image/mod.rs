//! From a photo's bytes to `pixel_values`.
//!
//! [`decode`] and [`open`] turn a file of any common format into an upright 8-bit [`RgbImage`], or say in
//! one line why it cannot be ([`ImageError`]). A [`Preprocessor`] then resizes, crops and normalises it
//! as `preprocessor_config.json` says, to within a grey level of what PIL and torchvision give.

mod decode;
mod error;
mod jpeg;
mod preprocess;
mod scaled_jpeg;

pub use ::image::RgbImage;
pub use decode::{Limits, decode, decode_for_resize, decode_with_limits};
pub use error::ImageError;
pub use preprocess::Preprocessor;

use crate::Result;
use std::path::{Path, PathBuf};

/// What counts as a picture in a folder, in any case.
pub const EXTENSIONS: [&str; 9] = ["jpg", "jpeg", "jpe", "png", "gif", "bmp", "webp", "tif", "tiff"];

/// The pictures in a folder, sorted; not those of folders within. A link that leads nowhere is one of them, so
/// that it is named when it cannot be read.
///
/// # Errors
/// A folder that cannot be read.
pub fn pictures_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let is_picture = |path: &Path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|found| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(found)))
    };
    let entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut pictures = entries.collect::<std::io::Result<Vec<_>>>()?;
    pictures.retain(|path| is_picture(path) && (path.is_file() || !path.exists()));
    pictures.sort();
    Ok(pictures)
}

/// Reads and decodes a photo into upright 8-bit RGB; see [`decode`].
pub fn open(path: &Path) -> Result<RgbImage> {
    decode(&std::fs::read(path).map_err(crate::Error::io(path))?)
}
