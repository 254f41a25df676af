//! A prepared data set: cleaned captions, split, with their vocabulary beside them.

use crate::ahead::ahead;
use crate::{Error, Result};
use glimpse_bundle::{CaptionTokenizer, TOKENIZER, write_together};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::convert::Infallible;
use std::path::{Path, PathBuf};

/// The file that `prepare` writes besides `tokenizer.json`.
pub const DATASET: &str = "dataset.json";

/// A photo and what people wrote about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptionedImage {
    /// File name below the folder of photos, or the whole path of a photo that lies elsewhere.
    pub file_name: String,
    /// Cleaned captions, as written.
    pub captions: Vec<String>,
}

/// `dataset.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedDataset {
    /// Free text: where the captions come from.
    pub name: String,
    /// The folder of photos.
    pub images_dir: PathBuf,
    /// Words rarer than this in the training split are `<unk>`.
    pub min_frequency: u64,
    /// What the decoder learns on.
    pub train: Vec<CaptionedImage>,
    /// What chooses checkpoints and settings.
    pub validation: Vec<CaptionedImage>,
    /// What is only ever scored.
    pub test: Vec<CaptionedImage>,
}

impl PreparedDataset {
    /// Reads `dataset.json` of a folder that `prepare` wrote.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(DATASET);
        let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::Invalid {
                what: "--data",
                reason: format!(
                    "{} does not exist; run `glimpse-train prepare --output {}` first",
                    path.display(),
                    dir.display()
                ),
            },
            _ => Error::io(&path)(source),
        })?;
        serde_json::from_str(&text).map_err(Error::json(&path))
    }

    /// Adds the photos below `images_dir` that no split has yet to the training split; gives their number.
    ///
    /// Flickr8k names a photo `ID_SECRET.jpg` and Flickr30k the same one `ID.jpg`: they count as one.
    pub fn add_training(
        &mut self,
        images: Vec<glimpse_captions::CaptionedImage>,
        images_dir: &Path,
    ) -> usize {
        let splits = [&self.train, &self.validation, &self.test];
        let mut known: HashSet<String> =
            splits.into_iter().flatten().map(|image| photo_id(&image.file_name).to_owned()).collect();
        let before = self.train.len();
        for image in images {
            if known.insert(photo_id(&image.file_name).to_owned()) {
                let path = images_dir.join(&image.file_name);
                let file_name = path.to_string_lossy().into_owned();
                self.train.push(CaptionedImage { file_name, captions: image.captions });
            }
        }
        self.train.len() - before
    }

    /// Writes `dataset.json` and `tokenizer.json`, once both are on the disk.
    pub fn write(&self, dir: &Path, tokenizer: &CaptionTokenizer) -> Result<()> {
        let path = dir.join(DATASET);
        let text = serde_json::to_string(self).map_err(Error::json(&path))?;
        let tokenizer = tokenizer.to_json()?;
        let tokenizer_path = dir.join(TOKENIZER);
        Ok(write_together(&[(&path, text.as_bytes()), (&tokenizer_path, tokenizer.as_bytes())])?)
    }
}

/// Refuses a folder whose `tokenizer.json` belongs to a bundle.
pub fn check_output(dir: &Path) -> Result<()> {
    match dir.join(glimpse_bundle::CHECKSUMS).exists() || dir.join(glimpse_bundle::CONFIG).exists() {
        true => Err(Error::Invalid {
            what: "--output",
            reason: format!("{} is a bundle; name a folder of its own", dir.display()),
        }),
        false => Ok(()),
    }
}

/// Flickr's number of a photo called `NUMBER.jpg` or `NUMBER_SECRET.jpg`, or the whole file name.
fn photo_id(file_name: &str) -> &str {
    let name = file_name.rsplit('/').next().unwrap_or(file_name);
    let stem = name.strip_suffix(".jpg").unwrap_or(name);
    let is_secret = |text: &str| text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = match stem.split_once('_') {
        Some((number, secret)) if is_secret(secret) => number,
        Some(_) => return name,
        None => stem,
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { number } else { name }
}

impl From<glimpse_captions::CaptionedImage> for CaptionedImage {
    fn from(image: glimpse_captions::CaptionedImage) -> Self {
        Self { file_name: image.file_name, captions: image.captions }
    }
}

/// Decodes every photo once and leaves out those that cannot be; gives them with the reason.
///
/// # Errors
/// [`Error::BadImages`] where more than `limit` are bad: then the folder is wrong, not the photos.
pub fn drop_bad_images(dataset: &mut PreparedDataset, limit: usize) -> Result<Vec<(PathBuf, String)>> {
    let all: Vec<PathBuf> = [&dataset.train, &dataset.validation, &dataset.test]
        .into_iter()
        .flatten()
        .map(|image| dataset.images_dir.join(&image.file_name))
        .collect();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut bad = Vec::new();
    let open = |path: &PathBuf| glimpse_bundle::image::open(path).err();
    let Ok(()) = ahead(&all, workers, open, |path, error| {
        bad.extend(error.map(|error| (path.clone(), error.to_string())));
        Ok::<_, Infallible>(())
    });
    if bad.len() > limit || (bad.len() == all.len() && !bad.is_empty()) {
        let first = bad[0].1.clone();
        return Err(Error::BadImages { count: bad.len(), limit, first });
    }
    let names: HashSet<&Path> = bad.iter().map(|(path, _)| path.as_path()).collect();
    let images_dir = dataset.images_dir.clone();
    for split in [&mut dataset.train, &mut dataset.validation, &mut dataset.test] {
        split.retain(|image| !names.contains(images_dir.join(&image.file_name).as_path()));
    }
    Ok(bad)
}

#[cfg(test)]
mod tests {
    use super::photo_id;

    #[test]
    fn only_flickrs_names_are_shortened() {
        for name in ["x/1000268201_693b08cb0e.jpg", "1000268201.jpg"] {
            assert_eq!(photo_id(name), "1000268201");
        }
        for name in ["2021_0001.jpg", "20210101_123045123.jpg", "_693b08cb0e.jpg", "dog.png"] {
            assert_eq!(photo_id(name), name);
        }
    }
}
