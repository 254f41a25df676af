use crate::{AttentionMap, Error};
use glimpse_bundle::image::RgbImage;
use glimpse_bundle::write_whole;
use image::ImageFormat;
use ndarray::ArrayView2;
use ndarray_npy::WriteNpyExt;
use serde::Serialize;
use std::collections::HashSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::{fs, iter};

/// The files of one caption's attention: pictures and numbers.
///
/// | file | |
/// |---|---|
/// | `NAME.png` | the contact sheet |
/// | `NAME/01-man.png`, ... | the overlay of each token |
/// | `NAME.npy` | the weights, f32 \[tokens, cells\] |
/// | `NAME.json` | the same with the tokens, their ids and log-probabilities |
#[derive(Debug, Clone)]
pub struct CaptionFiles {
    /// The path of `NAME`, without an extension.
    stem: PathBuf,
}

/// Creates the folder for the pictures of `photos`. Call it before captioning, so that a wrong folder costs no time.
///
/// # Errors
/// A folder that cannot be created, or [`Error::HoldsPhoto`].
pub fn create_folder<'a>(dir: &Path, photos: impl IntoIterator<Item = &'a Path>) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(write_error(dir))?;
    let canonical = dir.canonicalize().map_err(write_error(dir))?;
    let is_in_dir = |photo: &&Path| {
        let beside =
            std::path::absolute(photo).and_then(|photo| photo.parent().unwrap_or(&photo).canonicalize());
        let behind_links = photo.canonicalize();
        beside.is_ok_and(|folder| folder == canonical)
            || behind_links.is_ok_and(|photo| photo.parent() == Some(&canonical))
    };
    match photos.into_iter().find(is_in_dir) {
        Some(photo) => Err(Error::HoldsPhoto { dir: dir.to_path_buf(), photo: photo.to_path_buf() }),
        None => Ok(()),
    }
}

/// Unique names for the photos of a run: photos of different folders may have the same file name.
#[derive(Debug, Default)]
pub struct FileNames(HashSet<String>);

impl FileNames {
    /// The photo's file name without its extension; the second photo with this name gets NAME~2.
    pub fn of(&mut self, photo: &Path) -> String {
        let stem = photo.file_stem().unwrap_or_default().to_string_lossy();
        let others = (2..).map(|number| format!("{stem}~{number}"));
        let mut names = iter::once(stem.to_string()).chain(others);
        names.find(|name| self.0.insert(name.clone())).unwrap_or_default()
    }
}

/// A caption with the decoder's attention weights.
#[derive(Debug, Clone, Copy)]
pub struct AttendedCaption<'a> {
    /// The photo's name in the JSON.
    pub image: &'a str,
    /// The sentence.
    pub generated_text: &'a str,
    /// Sum of log-probabilities / length^length_penalty.
    pub score: f32,
    /// Generated tokens as text, with `<eos>` if it was reached.
    pub tokens: &'a [String],
    /// Their ids.
    pub token_ids: &'a [u32],
    /// Their natural log-probabilities.
    pub token_logprobs: &'a [f32],
    /// \[tokens, cells\] of a square feature grid, row-major; each row sums to 1.
    pub attentions: ArrayView2<'a, f32>,
}

#[derive(Serialize)]
struct Json<'a> {
    image: &'a str,
    generated_text: &'a str,
    score: f32,
    #[serde(rename = "words")]
    tokens: &'a [String],
    token_ids: &'a [u32],
    token_logprobs: &'a [f32],
    /// Rows and columns.
    grid: [usize; 2],
    attentions: Vec<Vec<f32>>,
}

impl CaptionFiles {
    /// Files in `dir` under `name`. The folder is created when they are written.
    pub fn new(dir: &Path, name: &str) -> Self {
        Self { stem: dir.join(name) }
    }

    /// Writes all files of a caption and replaces those of an earlier run. `picture` is the photo as
    /// [`input_picture`](super::input_picture()) returns it.
    ///
    /// # Errors
    /// Weights that are not those of a square grid for each token, or the first file that cannot be written.
    pub fn write(&self, picture: &RgbImage, caption: &AttendedCaption<'_>) -> Result<(), Error> {
        let map = AttentionMap::new(picture, caption.tokens, caption.attentions)?;
        self.remove()?;
        self.write_json(caption)?;
        fs::create_dir_all(&self.stem).map_err(write_error(&self.stem))?;
        for (index, token) in caption.tokens.iter().enumerate() {
            save(&map.overlay(index), &self.stem.join(file_name(index + 1, token)))?;
        }
        save(&map.contact_sheet(), &self.with_extension("png"))?;
        self.write_npy(caption.attentions)
    }

    /// Removes the files of a caption that were written under this name. Returns whether there were any.
    ///
    /// # Errors
    /// The first file that cannot be removed.
    pub fn remove(&self) -> Result<bool, Error> {
        // The JSON is written first. Without it, files of these names are not ours.
        let json = self.with_extension("json");
        if !json.is_file() {
            return Ok(false);
        }
        self.remove_overlays()?;
        for file in [self.with_extension("png"), self.with_extension("npy"), json] {
            if file.is_file() {
                fs::remove_file(&file).map_err(write_error(&file))?;
            }
        }
        Ok(true)
    }

    fn remove_overlays(&self) -> Result<(), Error> {
        if !self.stem.is_dir() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.stem).map_err(write_error(&self.stem))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let number = name.strip_suffix(".png").and_then(|name| name.split('-').next());
            if number.is_some_and(|number| number.parse::<usize>().is_ok()) {
                fs::remove_file(entry.path()).map_err(write_error(&entry.path()))?;
            }
        }
        // The folder stays if it holds other files.
        let _ = fs::remove_dir(&self.stem);
        Ok(())
    }

    fn write_npy(&self, weights: ArrayView2<'_, f32>) -> Result<(), Error> {
        let path = self.with_extension("npy");
        let mut bytes = Vec::new();
        weights.write_npy(&mut bytes).map_err(write_error(&path))?;
        write_whole(&path, &bytes).map_err(write_error(&path))
    }

    fn write_json(&self, caption: &AttendedCaption<'_>) -> Result<(), Error> {
        let &AttendedCaption { image, generated_text, score, tokens, token_ids, token_logprobs, attentions } =
            caption;
        let grid = [attentions.ncols().isqrt(); 2];
        let attentions = attentions.rows().into_iter().map(|row| row.to_vec()).collect();
        let json = Json { image, generated_text, score, tokens, token_ids, token_logprobs, grid, attentions };
        let path = self.with_extension("json");
        let mut text = serde_json::to_vec(&json).map_err(write_error(&path))?;
        text.push(b'\n');
        write_whole(&path, &text).map_err(write_error(&path))
    }

    /// `Path::with_extension` would remove the part of the name after a dot.
    fn with_extension(&self, extension: &str) -> PathBuf {
        let mut path = self.stem.clone().into_os_string();
        path.push(".");
        path.push(extension);
        path.into()
    }
}

fn save(picture: &RgbImage, path: &Path) -> Result<(), Error> {
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).map_err(write_error(path))?;
    write_whole(path, png.get_ref()).map_err(write_error(path))
}

fn write_error<E: std::fmt::Display>(path: &Path) -> impl Fn(E) -> Error {
    move |error| Error::Write { path: path.to_path_buf(), reason: error.to_string() }
}

/// `03-dog.png`. Only letters and digits of the token are used, so that `<eos>` becomes eos.
fn file_name(number: usize, token: &str) -> String {
    let letters: String = token.chars().filter(|letter| letter.is_alphanumeric()).take(32).collect();
    if letters.is_empty() { format!("{number:02}.png") } else { format!("{number:02}-{letters}.png") }
}

#[cfg(test)]
mod tests {
    use super::FileNames;
    use std::path::Path;

    #[test]
    fn photos_with_the_same_name_get_different_names() {
        let mut names = FileNames::default();
        let photos = ["x/dog.jpg", "y/dog.png", "dog~2.jpg", "two.dots.jpg", "dog.gif"];
        let names = photos.map(|photo| names.of(Path::new(photo)));
        assert_eq!(names, ["dog", "dog~2", "dog~2~2", "two.dots", "dog~3"]);
    }
}
