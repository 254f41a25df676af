//! Flags that several subcommands share.

use super::complain;
use anyhow::{Context, Result, bail};
use glimpse_bundle::{Bundle, SHIPPED_BUNDLE, shipped_bundle};
use glimpse_captions::{CaptionedImage, Dataset, Layout, Split, SplitLists, Splits, read_split_list};
use glimpse_metrics::TrainingCaptions;
use glimpse_runtime::{
    Captioner, CaptionerOptions, Device, OnnxRuntimeOptions, PrecisionChoice, StreamOptions,
};
use std::path::{Path, PathBuf};

/// The model, and where it runs.
#[derive(clap::Args)]
pub struct ModelArgs {
    /// The bundle [default: models/flickr8k-edge in the working directory or beside the program]
    #[arg(long, value_name = "DIR", env = "GLIMPSE_MODEL")]
    model: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:INDEX; auto takes CUDA where it works, cuda takes it or fails
    #[arg(long, default_value = "auto", env = "GLIMPSE_DEVICE")]
    device: Device,
    /// fp32, fp16, int8, or one for the encoder and one for the decoder (fp32,int8); auto takes fp16
    /// on CUDA and fp32 on the CPU where the bundle has it
    #[arg(long, default_value = "auto", env = "GLIMPSE_PRECISION")]
    precision: PrecisionChoice,
    /// Photos that run through the network together
    #[arg(long, value_name = "N", default_value = "8", env = "GLIMPSE_BATCH_SIZE", value_parser = count(100_000))]
    pub batch_size: usize,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

impl ModelArgs {
    /// Opens the bundle. Prints a note if CUDA is there but cannot be used.
    pub fn open(&self) -> Result<Captioner> {
        self.open_graphs(self.bundle()?)
    }

    /// Opens the bundle without its graphs.
    pub fn bundle(&self) -> Result<Bundle> {
        Ok(Bundle::open_unverified(model_dir(self.model.as_deref())?)?)
    }

    /// Opens the graphs of [`bundle`](Self::bundle).
    pub fn open_graphs(&self, bundle: Bundle) -> Result<Captioner> {
        let mut options = CaptionerOptions::default();
        options.device = self.device;
        options.precision = self.precision;
        options.onnxruntime = self.runtime.options();
        let captioner = Captioner::of_bundle(bundle, &options)?;
        if let Some(reason) = captioner.fallback() {
            complain(format_args!("note: captioning on the CPU, as CUDA cannot be used: {reason}"));
        }
        Ok(captioner)
    }

    /// Batch size and threads.
    pub fn stream_options(&self) -> StreamOptions {
        let threads = self.runtime.options().resolved_threads();
        StreamOptions::default().with_batch_size(self.batch_size).with_threads(threads)
    }

    /// The precision of the graphs.
    pub fn precision(&self) -> PrecisionChoice {
        self.precision
    }
}

/// Photos and their reference captions.
#[derive(clap::Args)]
pub struct ReferenceArgs {
    /// Reference captions: Flickr30k results.csv or .token, Flickr8k.token.txt, Kaggle captions.txt,
    /// Karpathy's or COCO's JSON
    #[arg(long, value_name = "FILE")]
    captions: Option<PathBuf>,
    /// Layout of the caption file, needed only if its content fits more than one
    #[arg(long, requires = "captions")]
    layout: Option<Layout>,
    /// Only these photos: a file with their names, one on each line, or train, val or test if the caption
    /// file has its own split
    #[arg(long, value_name = "LIST", requires = "captions")]
    split: Option<PathBuf>,
    /// Training captions, any layout: how many captions are copies of one
    #[arg(long, value_name = "FILE", requires = "captions")]
    train_captions: Option<PathBuf>,
}

impl ReferenceArgs {
    /// The files that will be read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.captions.iter().chain(&self.split).chain(&self.train_captions).map(PathBuf::as_path)
    }

    /// The captions that captions may be copies of; `None` without --train-captions.
    pub fn training(&self) -> Result<Option<TrainingCaptions>> {
        let Some(path) = &self.train_captions else { return Ok(None) };
        let dataset = Dataset::read(path, None)?;
        Ok(Some(TrainingCaptions::new(&dataset.captions().collect::<Vec<_>>())))
    }

    /// The photos to score, in the order of the caption file; `None` without --captions.
    pub fn read(&self) -> Result<Option<Vec<CaptionedImage>>> {
        let Some(path) = &self.captions else {
            // clap ignores `requires` if another argument excludes the required one.
            if self.layout.is_some() || self.split.is_some() || self.train_captions.is_some() {
                bail!("--layout, --split and --train-captions need --captions");
            }
            return Ok(None);
        };
        let dataset = Dataset::read(path, self.layout)?;
        let Some(list) = &self.split else { return Ok(Some(dataset.images)) };
        if list.is_file() {
            let lists = SplitLists { test: read_split_list(list)?, ..SplitLists::default() };
            let (splits, report) = Splits::by_lists(dataset.images, &lists)?;
            if let Some((_, name)) = report.missing.first() {
                let missing = report.missing.len();
                complain(format_args!(
                    "note: {missing} of the photos in {} have no caption, for example {name}",
                    list.display()
                ));
            }
            return Ok(Some(splits.test));
        }
        let part: Split = list
            .to_string_lossy()
            .parse()
            .with_context(|| format!("--split {} is neither a file nor a part of a split", list.display()))?;
        let splits = Splits::own(dataset.images)?;
        let images = match part {
            Split::Train => splits.train,
            Split::Validation => splits.validation,
            Split::Test => splits.test,
        };
        if images.is_empty() {
            bail!("{} has no photo in the {part} part", path.display());
        }
        Ok(Some(images))
    }
}

#[derive(clap::Args)]
pub struct RuntimeArgs {
    /// Threads of ONNX Runtime, and threads that prepare photos [default: the physical cores]
    #[arg(long, value_name = "N", env = "GLIMPSE_THREADS", value_parser = count(1024))]
    threads: Option<usize>,
    /// The ONNX Runtime library, or the folder that holds it [default: searched for]
    #[arg(long, value_name = "PATH", env = "GLIMPSE_ORT_LIB")]
    ort_lib: Option<PathBuf>,
}

impl RuntimeArgs {
    pub fn options(&self) -> OnnxRuntimeOptions {
        let mut options = OnnxRuntimeOptions::default();
        options.library = self.ort_lib.clone();
        options.threads = self.threads;
        options
    }
}

/// Reads a count from 1 to `max`.
pub fn count(max: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse() {
        Ok(count) if (1..=max).contains(&count) => Ok(count),
        _ => Err(format!("not a whole number from 1 to {max}")),
    }
}

/// The bundle to use: the named one, or the shipped one, which is searched for in the working directory and in the
/// folders of the program and above it.
pub fn model_dir(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(dir) = named {
        return Ok(dir.to_path_buf());
    }
    match shipped_bundle() {
        Some(dir) => Ok(dir),
        None => bail!(
            "no bundle: {SHIPPED_BUNDLE} is neither in the working directory nor beside or above the \
             program; name one with --model"
        ),
    }
}
