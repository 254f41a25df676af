use super::terminal::note;
use anyhow::{Context, Result, bail};
use clap::Args;
use glimpse_bundle::{CaptionTokenizer, WordCounts, printable};
use glimpse_captions::{CaptionedImage, Dataset, Layout, SeededSplit, SplitLists, Splits, read_split_list};
use glimpse_trainer::dataset::{self, PreparedDataset};
use std::path::{Path, PathBuf};

/// Clean captions, split them and build the vocabulary.
#[derive(Debug, Args)]
pub struct PrepareArgs {
    /// Caption file: Flickr30k results.csv or .token, Flickr8k.token.txt, Kaggle captions.txt, a CSV file whose
    /// header names the columns image and caption, Karpathy's or COCO's JSON
    #[arg(long)]
    captions: PathBuf,
    /// Folder of the photos that it names
    #[arg(long)]
    images: PathBuf,
    /// Folder to write
    #[arg(long)]
    output: PathBuf,
    /// Further captions and their photos, all for training (repeatable); photos that are in a split
    /// already are left out
    #[arg(long, num_args = 2, value_names = ["CAPTIONS", "IMAGES"])]
    also: Vec<PathBuf>,
    /// Layout of the caption file, where its content leaves a doubt
    #[arg(long)]
    layout: Option<Layout>,
    /// File with the names of the training photos; the lists of all three splits are given, or none
    #[arg(long)]
    train_list: Option<PathBuf>,
    /// File with the names of the validation photos; the lists of all three splits are given, or none
    #[arg(long)]
    validation_list: Option<PathBuf>,
    /// File with the names of the test photos; the lists of all three splits are given, or none
    #[arg(long)]
    test_list: Option<PathBuf>,
    /// Draw the split although the caption file has one
    #[arg(long, conflicts_with = "train_list")]
    redraw: bool,
    /// Seed of a drawn split [default: 42]
    #[arg(long)]
    seed: Option<u64>,
    /// Training share of a drawn split, in percent [default: 80]
    #[arg(long, conflicts_with = "train_list")]
    train_percent: Option<u8>,
    /// Validation share of a drawn split, in percent; the rest is the test split [default: 0]
    #[arg(long, conflicts_with = "train_list")]
    validation_percent: Option<u8>,
    /// Train on half of the training split and validate on the other half, as the seed report does, in place of
    /// any validation split
    #[arg(long, conflicts_with = "validation_percent")]
    halve: bool,
    /// Words rarer than this in the training split become the unknown word
    #[arg(long, default_value_t = 2)]
    min_frequency: u64,
    /// Photos that may be missing or broken; they are named and left out
    #[arg(long, default_value_t = 100)]
    max_bad_images: usize,
    /// Name of the data set in the model's provenance [default: the caption file's folder]
    #[arg(long)]
    name: Option<String>,
}

impl PrepareArgs {
    pub fn run(self) -> Result<()> {
        self.check_lists()?;
        dataset::check_output(&self.output)?;
        let dataset = Dataset::read(&self.captions, self.layout)?;
        note(format_args!("{}: {}\n{}", self.captions.display(), dataset.layout, dataset.report));
        let splits = self.split(dataset)?;
        let name = self.name.clone().unwrap_or_else(|| folder_name(&self.captions));
        let images_dir =
            self.images.canonicalize().with_context(|| format!("--images {}", self.images.display()))?;
        let mut prepared = PreparedDataset {
            name,
            images_dir,
            min_frequency: self.min_frequency,
            train: without_own_split(splits.train),
            validation: without_own_split(splits.validation),
            test: without_own_split(splits.test),
        };
        self.add_further(&mut prepared)?;
        for (_, line) in dataset::drop_bad_images(&mut prepared, self.max_bad_images)? {
            note(format_args!("left out: {}", printable(&line)));
        }

        let captions = prepared.train.iter().flat_map(|image| &image.captions);
        let counts = WordCounts::from_captions(captions)?;
        let tokenizer = CaptionTokenizer::build(counts.vocabulary(self.min_frequency)?)?;
        prepared.write(&self.output, &tokenizer)?;
        let most_common: Vec<_> = counts.most_common(10).iter().map(|(word, _)| word.as_str()).collect();
        note(format_args!("the ten most frequent words: {}", most_common.join(" ")));
        note(format_args!(
            "{}: {} training, {} validation, {} test photos; vocabulary of {} words",
            self.output.display(),
            prepared.train.len(),
            prepared.validation.len(),
            prepared.test.len(),
            tokenizer.vocab_size()
        ));
        if prepared.validation.is_empty() {
            note(
                "note: training needs validation photos: draw some with --validation-percent 10, or with --halve",
            );
        }
        Ok(())
    }

    /// Adds the photos of `--also` to the training split.
    fn add_further(&self, prepared: &mut PreparedDataset) -> Result<()> {
        for pair in self.also.chunks_exact(2) {
            let further = Dataset::read(&pair[0], None)?;
            note(format_args!("{}: {}\n{}", pair[0].display(), further.layout, further.report));
            let images = pair[1].canonicalize().with_context(|| format!("--also {}", pair[1].display()))?;
            let count = further.images.len();
            let added = prepared.add_training(without_own_split(further.images), &images);
            note(format_args!(
                "{added} photos of {} added to the training split, {} are known already",
                pair[1].display(),
                count - added
            ));
        }
        Ok(())
    }

    /// Refuses lists of some splits only, before anything is read.
    fn check_lists(&self) -> Result<()> {
        let lists = [
            ("--train-list", &self.train_list),
            ("--validation-list", &self.validation_list),
            ("--test-list", &self.test_list),
        ];
        let missing: Vec<_> =
            lists.iter().filter(|(_, list)| list.is_none()).map(|(flag, _)| *flag).collect();
        match missing.len() {
            0 | 3 => Ok(()),
            _ => bail!(
                "lists split a data set in three, so --train-list, --validation-list and --test-list go together: \
                 add {}",
                missing.join(" and ")
            ),
        }
    }

    fn split(&self, dataset: Dataset) -> Result<Splits> {
        let defaults = SeededSplit::default();
        let seed = self.seed.unwrap_or(defaults.seed);
        let has_own = dataset.images.iter().any(|image| image.split.is_some()) && !self.redraw;
        if self.seed.is_some() && !self.halve && (has_own || self.train_list.is_some()) {
            bail!("--seed: nothing is drawn, because the split is given");
        }
        let splits = match (&self.train_list, &self.validation_list, &self.test_list) {
            (Some(train), Some(validation), Some(test)) => {
                let lists = SplitLists {
                    train: read_split_list(train)?,
                    validation: read_split_list(validation)?,
                    test: read_split_list(test)?,
                };
                let (splits, report) = Splits::by_lists(dataset.images, &lists)?;
                note(report);
                splits
            }
            (None, None, None) if has_own => {
                if self.train_percent.or(self.validation_percent).is_some() {
                    bail!("the caption file has a split of its own: add --redraw to draw one by percent");
                }
                let without = dataset.images.iter().filter(|image| image.split.is_none()).count();
                if without > 0 {
                    note(format_args!(
                        "{without} photos are in no part of the file's split, and are left out"
                    ));
                }
                Splits::own(dataset.images)?
            }
            _ => {
                let options = SeededSplit {
                    seed,
                    train_percent: self.train_percent.unwrap_or(defaults.train_percent),
                    validation_percent: self.validation_percent.unwrap_or(defaults.validation_percent),
                };
                Splits::seeded(dataset.images, &options)?
            }
        };
        Ok(if self.halve { splits.halve_training(seed) } else { splits })
    }
}

/// Prepared photos are listed by split, which may differ from the split in the caption file.
fn without_own_split(images: Vec<CaptionedImage>) -> Vec<CaptionedImage> {
    images.into_iter().map(|image| CaptionedImage { split: None, ..image }).collect()
}

fn folder_name(captions: &Path) -> String {
    let folder = captions.canonicalize().ok().and_then(|path| Some(path.parent()?.file_name()?.to_owned()));
    folder.map_or_else(|| "captions".into(), |name| name.to_string_lossy().into_owned())
}
