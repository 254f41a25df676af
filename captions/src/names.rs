//! What file names tell.

/// More formats than are decoded here: a name tells whether a column holds names of pictures, whoever reads them.
const PICTURE_SUFFIXES: [&str; 13] = [
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".heic",
    ".avif",
];

/// Whether a file name ends as a picture's does.
pub(crate) fn is_picture(file_name: &str) -> bool {
    let lower = file_name.to_ascii_lowercase();
    PICTURE_SUFFIXES.iter().any(|suffix| lower.ends_with(suffix))
}

/// A file name without its folder and suffix.
pub(crate) fn stem(file_name: &str) -> &str {
    let name = file_name.rsplit('/').next().unwrap_or(file_name);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
