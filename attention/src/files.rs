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

/// Where the pictures and numbers of one caption's attention go.
///
/// | file | |
/// |---|---|
/// | `NAME.png` | the contact sheet |
/// | `NAME/01-man.png`, ... | the overlay of each word |
/// | `NAME.npy` | the weights, f32 \[words, cells\] |
/// | `NAME.json` | the same with the words, their ids and log-probabilities |
#[derive(Debug, Clone)]
pub struct CaptionFiles {
    /// All of it without an extension.
    stem: PathBuf,
}

/// Makes the folder for the pictures of `photos`, so that a run does not begin in vain.
///
/// # Errors
/// A folder that cannot be made, or [`Error::HoldsPhoto`].
pub fn create_folder<'a>(dir: &Path, photos: impl IntoIterator<Item = &'a Path>) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(write_error(dir))?;
    let canonical = dir.canonicalize().map_err(write_error(dir))?;
    let lies_here = |photo: &&Path| {
        let beside =
            std::path::absolute(photo).and_then(|photo| photo.parent().unwrap_or(&photo).canonicalize());
        let behind_links = photo.canonicalize();
        beside.is_ok_and(|folder| folder == canonical)
            || behind_links.is_ok_and(|photo| photo.parent() == Some(&canonical))
    };
    match photos.into_iter().find(lies_here) {
        Some(photo) => Err(Error::HoldsPhoto { dir: dir.to_path_buf(), photo: photo.to_path_buf() }),
        None => Ok(()),
    }
}

/// Names of the photos of a run, as photos of different folders may share one.
#[derive(Debug, Default)]
pub struct FileNames(HashSet<String>);

impl FileNames {
    /// The photo's file name without its extension; the second of a name gets NAME~2.
    pub fn of(&mut self, photo: &Path) -> String {
        let stem = photo.file_stem().unwrap_or_default().to_string_lossy();
        let others = (2..).map(|number| format!("{stem}~{number}"));
        let mut names = iter::once(stem.to_string()).chain(others);
        names.find(|name| self.0.insert(name.clone())).unwrap_or_default()
    }
}

/// A caption with what the decoder looked at.
#[derive(Debug, Clone, Copy)]
pub struct AttendedCaption<'a> {
    /// What the JSON calls the photo.
    pub image: &'a str,
    /// The sentence.
    pub generated_text: &'a str,
    /// Sum of log-probabilities / length^length_penalty.
    pub score: f32,
    /// Generated words, `<eos>` among them where it was reached.
    pub words: &'a [String],
    /// Their ids.
    pub token_ids: &'a [u32],
    /// Their natural log-probabilities.
    pub token_logprobs: &'a [f32],
    /// \[words, cells\] of a square grid, row-major; each row sums to 1.
    pub attentions: ArrayView2<'a, f32>,
}

#[derive(Serialize)]
struct Json<'a> {
    image: &'a str,
    generated_text: &'a str,
    score: f32,
    words: &'a [String],
    token_ids: &'a [u32],
    token_logprobs: &'a [f32],
    /// Rows and columns.
    grid: [usize; 2],
    attentions: Vec<Vec<f32>>,
}

impl CaptionFiles {
    /// Files in `dir`, which is made if need be, under `name`.
    pub fn new(dir: &Path, name: &str) -> Self {
        Self { stem: dir.join(name) }
    }

    /// Writes all files of a caption; what has their names is replaced. `seen` is what
    /// [`seen`](super::seen()) makes of the photo.
    ///
    /// # Errors
    /// Weights that fit no grid, or the first file that cannot be written.
    pub fn write(&self, seen: &RgbImage, caption: &AttendedCaption<'_>) -> Result<(), Error> {
        let map = AttentionMap::new(seen, caption.words, caption.attentions)?;
        self.remove()?;
        self.write_json(caption)?;
        fs::create_dir_all(&self.stem).map_err(write_error(&self.stem))?;
        for (index, word) in caption.words.iter().enumerate() {
            save(&map.overlay(index), &self.stem.join(file_name(index + 1, word)))?;
        }
        save(&map.contact_sheet(), &self.with_extension("png"))?;
        self.write_npy(caption.attentions)
    }

    /// Removes the files of a caption that were written under this name, if any were: says whether.
    ///
    /// # Errors
    /// The first file that cannot be removed.
    pub fn remove(&self) -> Result<bool, Error> {
        // Written first: without it the others are somebody else's.
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
        // Kept where something else lies in it.
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
        let &AttendedCaption { image, generated_text, score, words, token_ids, token_logprobs, attentions } =
            caption;
        let grid = [attentions.ncols().isqrt(); 2];
        let attentions = attentions.rows().into_iter().map(|row| row.to_vec()).collect();
        let json = Json { image, generated_text, score, words, token_ids, token_logprobs, grid, attentions };
        let path = self.with_extension("json");
        let mut text = serde_json::to_vec(&json).map_err(write_error(&path))?;
        text.push(b'\n');
        write_whole(&path, &text).map_err(write_error(&path))
    }

    /// `Path::with_extension` would cut off what follows a dot in the name.
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

/// `03-dog.png`; of a word only what may stand in a file name, so that `<eos>` is eos.
fn file_name(number: usize, word: &str) -> String {
    let letters: String = word.chars().filter(|letter| letter.is_alphanumeric()).take(32).collect();
    if letters.is_empty() { format!("{number:02}.png") } else { format!("{number:02}-{letters}.png") }
}

#[cfg(test)]
mod tests {
    use super::FileNames;
    use std::path::Path;

    #[test]
    fn photos_that_share_a_name_keep_apart() {
        let mut names = FileNames::default();
        let photos = ["x/dog.jpg", "y/dog.png", "dog~2.jpg", "two.dots.jpg", "dog.gif"];
        let names = photos.map(|photo| names.of(Path::new(photo)));
        assert_eq!(names, ["dog", "dog~2", "dog~2~2", "two.dots", "dog~3"]);
    }
}
