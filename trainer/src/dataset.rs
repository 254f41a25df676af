//! A prepared data set: cleaned captions, split, with their vocabulary beside them.

use crate::READ_AHEAD;
use crate::error::photo_reason;
use crate::{Error, Result};
use glimpse_bundle::{CaptionTokenizer, TOKENIZER, for_each_ordered, write_together};
use glimpse_captions::CaptionedImage;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::convert::Infallible;
use std::path::{Path, PathBuf};

/// The file that `glimpse-train prepare` writes besides `tokenizer.json`.
pub const DATASET: &str = "dataset.json";

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
                what: "`data`",
                reason: format!(
                    "{} does not exist; make it with `glimpse-train prepare`, whose `output` is {}",
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
    /// Flickr8k names a photo `ID_SECRET.jpg` and Flickr30k the same one `ID.jpg`: they count as one,
    /// with any suffix.
    pub fn add_training(&mut self, images: Vec<CaptionedImage>, images_dir: &Path) -> usize {
        let splits = [&self.train, &self.validation, &self.test];
        let mut known: HashSet<String> =
            splits.into_iter().flatten().map(|image| photo_id(&image.file_name)).collect();
        let before = self.train.len();
        for image in images {
            if known.insert(photo_id(&image.file_name)) {
                let path = images_dir.join(&image.file_name);
                let file_name = path.to_string_lossy().into_owned();
                self.train.push(CaptionedImage { file_name, ..image });
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
            what: "`output`",
            reason: format!("{} is a bundle; name a folder of its own", dir.display()),
        }),
        false => Ok(()),
    }
}

/// Flickr's number of a photo called `NUMBER`, `NUMBER_SECRET` or `NUMBER_SECRET_SIZE` with any suffix, or the whole
/// file name; in lower case.
fn photo_id(file_name: &str) -> String {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name).to_ascii_lowercase();
    let stem = name.split('.').next().unwrap_or(&name);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_secret = |text: &str| text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match stem.split('_').collect::<Vec<_>>()[..] {
        [number] if is_number(number) => number.into(),
        [number, secret] if is_number(number) && is_secret(secret) => number.into(),
        [number, secret, size] if is_number(number) && is_secret(secret) && size.len() == 1 => number.into(),
        _ => name,
    }
}

/// Decodes every photo once and leaves out those that cannot be decoded; gives them with a line each, which names
/// the photo and says why.
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
    let Ok(()) = for_each_ordered(&all, workers, READ_AHEAD * workers, open, |path, error| {
        bad.extend(error.map(|error| (path.clone(), photo_reason(path, &error))));
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
    use super::*;

    #[test]
    fn only_flickrs_names_are_shortened() {
        for name in [
            "x/1000268201_693b08cb0e.jpg",
            "1000268201.jpg",
            "1000268201.webp",
            "1000268201.PNG",
            "1000268201",
            "X\\1000268201_693B08CB0E.JPEG",
            "1000268201_693b08cb0e_b.jpg",
            "1000268201_693b08cb0e.jpg.1",
        ] {
            assert_eq!(photo_id(name), "1000268201", "{name}");
        }
        for name in
            ["2021_0001.jpg", "20210101_123045123.jpg", "_693b08cb0e.jpg", "dog.png", "1_693b08cb0e_new.jpg"]
        {
            assert_eq!(photo_id(name), name);
        }
    }

    /// A test photo that further captions name in another way is not trained on.
    #[test]
    fn known_photos_are_left_out_whatever_their_suffix_and_case() {
        let image = |name: &str| CaptionedImage { file_name: name.into(), ..CaptionedImage::default() };
        let mut dataset = PreparedDataset {
            name: String::new(),
            images_dir: PathBuf::new(),
            min_frequency: 1,
            train: vec![image("1000268201_693b08cb0e.jpg")],
            validation: vec![image("1001773457_577c3a7d70.jpg")],
            test: vec![image("1002674143_1b742ab4b8.jpg"), image("1003163366_44323f5815.jpg")],
        };
        let further = [
            "1000268201.jpg",
            "1001773457.webp",
            "1002674143.PNG",
            "1003163366_44323F5815.Jpeg",
            "1009434119.webp",
            "1009434119.png",
        ];
        let added = dataset.add_training(further.map(image).to_vec(), Path::new("/more"));
        assert_eq!(added, 1);
        let names: Vec<_> = dataset.train.iter().map(|image| image.file_name.as_str()).collect();
        assert_eq!(names, ["1000268201_693b08cb0e.jpg", "/more/1009434119.webp"]);
    }

    /// `tests/photos-one-broken` has one photo that is cut off.
    #[test]
    fn a_broken_photo_is_named_with_the_reason() {
        let images_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photos-one-broken");
        let names = ["1000000010.jpg", "10000001.jpg", "1100000011.jpg", "missing.jpg"];
        let image = |name: &str| CaptionedImage { file_name: name.into(), ..CaptionedImage::default() };
        let mut dataset = PreparedDataset {
            name: String::new(),
            images_dir: images_dir.clone(),
            min_frequency: 1,
            train: names.map(image).to_vec(),
            validation: Vec::new(),
            test: Vec::new(),
        };
        let bad = drop_bad_images(&mut dataset, 2).unwrap();
        assert_eq!(
            bad.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>(),
            [names[0], names[3]].map(|name| images_dir.join(name))
        );
        for (path, line) in &bad {
            let name = path.display().to_string();
            let reason = line.strip_prefix(&format!("{name}: ")).unwrap_or_else(|| panic!("{line}"));
            assert!(!reason.is_empty() && !reason.contains(&name) && !line.contains('\n'), "{line}");
        }
        let left: Vec<_> = dataset.train.iter().map(|image| image.file_name.as_str()).collect();
        assert_eq!(left, ["10000001.jpg", "1100000011.jpg"]);

        dataset.train.insert(0, image(names[0]));
        let error = drop_bad_images(&mut dataset, 0).unwrap_err().to_string();
        assert!(error.contains("1 photos are missing") && error.contains(names[0]), "{error}");
    }
}
