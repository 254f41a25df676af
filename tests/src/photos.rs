//! Real photos.

use crate::places::{examples, shared};
use glimpse_bundle::image::{self, RgbImage};
use std::fs;
use std::path::{Path, PathBuf};

/// The example photos, by name, and what a small data set of them says of each.
pub const CAPTIONS: [(&str, &str); 5] = [
    ("beach", "a man spreads his arms in the shallow water"),
    ("canyon", "a man in a woollen hat stands above a canyon"),
    ("dog-in-woods", "a black dog stands on fallen leaves"),
    ("photographer", "a man in a dark coat bends to a camera"),
    ("two-dogs", "two brown dogs look out of a window"),
];

/// The pictures in a folder, sorted.
///
/// # Panics
/// When the folder cannot be read.
pub fn pictures_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut pictures: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "jpg")).collect();
    pictures.sort();
    pictures
}

/// `count` different photos: of Flickr8k where it lies beside the project, else the examples and
/// parts of them.
///
/// # Panics
/// When one cannot be read.
pub fn photos(count: usize) -> Vec<RgbImage> {
    let open =
        |path: &PathBuf| image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if let Some(folder) = shared("data/flickr8k/images") {
        let paths = pictures_in(&folder);
        let step = paths.len() / count;
        return paths.iter().step_by(step).take(count).map(open).collect();
    }
    let whole: Vec<_> = pictures_in(&examples()).iter().map(open).collect();
    let parts = (0..).flat_map(|round| whole.iter().map(move |photo| part(photo, round)));
    let photos = parts.take(count).collect();
    println!("{count} photos: the {} examples and parts of them", whole.len());
    photos
}

/// The whole photo in round 0, then windows of 6/10 of its sides that move along the diagonal.
fn part(photo: &RgbImage, round: u32) -> RgbImage {
    if round == 0 {
        return photo.clone();
    }
    let (width, height) = (photo.width() * 6 / 10, photo.height() * 6 / 10);
    let (x, y) = ((photo.width() - width) * (round % 7) / 6, (photo.height() - height) * (round % 5) / 4);
    ::image::imageops::crop_imm(photo, x, y, width, height).to_image()
}
