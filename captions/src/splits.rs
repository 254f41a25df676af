use crate::names::stem;
use crate::text_file::read_utf8;
use crate::{CaptionedImage, Error, Result, Split};
use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

/// Share of a list's names that may lack captions, in percent; more means the wrong list.
const MISSING_PERCENT: usize = 5;

/// Reads a list of file names, one a line (`Flickr_8k.trainImages.txt`). Blank lines and repeated
/// names are dropped.
///
/// # Errors
/// [`Error::Io`], [`Error::NotUtf8`], [`Error::EmptyList`].
pub fn read_split_list(path: &Path) -> Result<Vec<String>> {
    let text = read_utf8(path)?;
    let mut seen = HashSet::new();
    let names = text.lines().map(str::trim).filter(|name| !name.is_empty());
    let names: Vec<_> = names.filter(|name| seen.insert(*name)).map(str::to_string).collect();
    if names.is_empty() {
        return Err(Error::EmptyList { path: path.into() });
    }
    Ok(names)
}

/// The file names of each part. A name may lack its suffix, as in Flickr30k Entities' lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SplitLists {
    /// Names for training.
    pub train: Vec<String>,
    /// Names for validation.
    pub validation: Vec<String>,
    /// Names for the test.
    pub test: Vec<String>,
}

/// What a split by lists did not use. `Display` writes a few lines for a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListReport {
    /// Listed names that have no caption.
    pub missing: Vec<(Split, String)>,
    /// Photos with captions that no list names.
    pub unlisted: usize,
}

impl fmt::Display for ListReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} images with captions are in no list", self.unlisted)?;
        for (split, name) in self.missing.iter().take(5) {
            write!(f, "\n{name} of the {split} list has no caption")?;
        }
        if self.missing.len() > 5 {
            write!(f, "\n{} more listed images have no caption", self.missing.len() - 5)?;
        }
        Ok(())
    }
}

/// A random split that depends on the seed and the file names only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeededSplit {
    /// Seed of the shuffle.
    pub seed: u64,
    /// Photos for training, in percent, rounded down.
    pub train_percent: u8,
    /// Photos for validation, in percent, rounded down; the rest is for the test.
    pub validation_percent: u8,
}

impl Default for SeededSplit {
    /// The seed report's: 80 % training, 20 % test (31,783 photos: 25,426 and 6,357), seed 42.
    fn default() -> Self {
        Self { seed: 42, train_percent: 80, validation_percent: 0 }
    }
}

/// A data set in parts; each keeps the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Splits {
    /// What the decoder learns on.
    pub train: Vec<CaptionedImage>,
    /// What chooses checkpoints and settings.
    pub validation: Vec<CaptionedImage>,
    /// What is only ever scored.
    pub test: Vec<CaptionedImage>,
}

impl Splits {
    /// The parts that the file itself names (Karpathy's layout, or a column `split`). Photos without a part are dropped.
    ///
    /// # Errors
    /// [`Error::NoOwnSplit`] where no photo has one.
    pub fn own(images: Vec<CaptionedImage>) -> Result<Self> {
        if images.iter().all(|image| image.split.is_none()) {
            return Err(Error::NoOwnSplit);
        }
        Ok(Self::by(images.into_iter().filter_map(|image| image.split.map(|split| (split, image)))))
    }

    /// The parts that the lists name.
    ///
    /// # Errors
    /// [`Error::InTwoLists`] where a photo would be in two parts, [`Error::ListMismatch`] where more
    /// than a twentieth of a list has no captions.
    pub fn by_lists(images: Vec<CaptionedImage>, lists: &SplitLists) -> Result<(Self, ListReport)> {
        let mut by_name = HashMap::new();
        for (index, image) in images.iter().enumerate() {
            by_name.entry(stem(&image.file_name)).or_insert(index);
        }
        // Whole names win over names without their suffix.
        for (index, image) in images.iter().enumerate() {
            by_name.insert(&image.file_name, index);
        }
        let mut parts = vec![None; images.len()];
        let mut report = ListReport::default();
        for (split, names) in
            [(Split::Train, &lists.train), (Split::Validation, &lists.validation), (Split::Test, &lists.test)]
        {
            let missing_before = report.missing.len();
            for name in names {
                match by_name.get(name.as_str()) {
                    None => report.missing.push((split, name.clone())),
                    Some(&index) => match parts[index].replace(split) {
                        Some(first) if first != split => {
                            let file_name = name.clone();
                            return Err(Error::InTwoLists { file_name, first, second: split });
                        }
                        _ => {}
                    },
                }
            }
            let missing = report.missing.len() - missing_before;
            if missing * 100 > names.len() * MISSING_PERCENT {
                let example = report.missing[missing_before].1.clone();
                return Err(Error::ListMismatch { split, listed: names.len(), missing, example });
            }
        }
        report.unlisted = parts.iter().filter(|part| part.is_none()).count();
        let listed = parts.into_iter().zip(images).filter_map(|(part, image)| Some((part?, image)));
        Ok((Self::by(listed), report))
    }

    /// A seeded random split by photo.
    ///
    /// The photos are put in the order of their file names' code points and shuffled by Fisher and
    /// Yates: for i from n - 1 down to 1, i changes places with a j drawn evenly from 0..=i. Draws are
    /// 64-bit words of ChaCha8 keyed with the seed's eight little-endian bytes and 24 zeros; a word in
    /// the incomplete last multiple of i + 1 is thrown away, else j is its remainder. The first
    /// photos are for training, the next for validation, the rest for the test. This will
    /// not change: a seed always gives the same split.
    ///
    /// # Errors
    /// [`Error::Shares`] where the shares exceed 100 % or are all 0.
    pub fn seeded(images: Vec<CaptionedImage>, options: &SeededSplit) -> Result<Self> {
        let SeededSplit { seed, train_percent: train, validation_percent: validation } = *options;
        if train > 100 || validation > 100 - train || train + validation == 0 {
            return Err(Error::Shares { train, validation });
        }
        let count = |percent: u8| images.len() * usize::from(percent) / 100;
        let (train, validation) = (count(train), count(validation));
        let mut parts = vec![Split::Test; images.len()];
        for (rank, index) in shuffled(&images, seed).into_iter().enumerate() {
            if rank < train {
                parts[index] = Split::Train;
            } else if rank < train + validation {
                parts[index] = Split::Validation;
            }
        }
        Ok(Self::by(parts.into_iter().zip(images)))
    }

    /// The seed report's subset: half of the training part (rounded down) goes on to be trained on, the
    /// other half becomes the validation part, in place of any that there was. Drawn as in
    /// [`seeded`](Self::seeded).
    pub fn halve_training(self, seed: u64) -> Self {
        let order = shuffled(&self.train, seed);
        let half = self.train.len() / 2;
        let mut parts = vec![Split::Validation; self.train.len()];
        for index in &order[..half] {
            parts[*index] = Split::Train;
        }
        let halves = Self::by(parts.into_iter().zip(self.train));
        Self { test: self.test, ..halves }
    }

    fn by(images: impl Iterator<Item = (Split, CaptionedImage)>) -> Self {
        let mut splits = Self::default();
        for (split, image) in images {
            match split {
                Split::Train => splits.train.push(image),
                Split::Validation => splits.validation.push(image),
                Split::Test => splits.test.push(image),
            }
        }
        splits
    }
}

/// Indices of the photos in an order that the seed and the file names decide; see [`Splits::seeded`].
fn shuffled(images: &[CaptionedImage], seed: u64) -> Vec<usize> {
    let mut order: Vec<_> = (0..images.len()).collect();
    order.sort_by(|a, b| images[*a].file_name.cmp(&images[*b].file_name));
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    for i in (1..order.len()).rev() {
        order.swap(i, below(&mut rng, i as u64 + 1) as usize);
    }
    order
}

/// An even draw from `0..bound`.
fn below(rng: &mut ChaCha8Rng, bound: u64) -> u64 {
    let whole = u64::MAX - u64::MAX % bound;
    loop {
        let word = rng.next_u64();
        if word < whole {
            return word % bound;
        }
    }
}
