use super::args::ModelArgs;
use super::attention::AttentionDir;
use super::decoding::SearchArgs;
use super::inputs::{Input, expand};
use super::photos::Prepared;
use super::progress::progress_bar;
use super::{SOME_FAILED, complain};
use anyhow::{Context, Result};
use clap::builder::FalseyValueParser;
use glimpse_bundle::image::RgbImage;
use glimpse_bundle::{Preprocessor, Size};
use glimpse_runtime::pipeline::with_ordered;
use glimpse_runtime::search::SearchOptions;
use glimpse_runtime::{Caption, Captioner};
use indicatif::ProgressBar;
use ndarray::ArrayView4;
use serde::Serialize;
use std::io::{BufWriter, Stdout, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Caption photos: files, folders, globs, or - for one picture on standard input
#[derive(clap::Args)]
pub struct Args {
    /// Pictures, folders of pictures, globs; - reads one picture from standard input
    #[arg(required = true, value_name = "PHOTO")]
    photos: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    search: SearchArgs,
    /// Write to this folder where the decoder looked at each word: pictures, .npy and JSON
    #[arg(long, value_name = "DIR", env = "GLIMPSE_ATTENTION")]
    attention: Option<PathBuf>,
    /// One line of JSON for each photo
    #[arg(long, env = "GLIMPSE_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let inputs = expand(&args.photos)?;
    let bundle = args.model.bundle()?;
    let mut options = SearchOptions::from(&bundle.generation);
    args.search.apply(&mut options)?;
    options.validate(bundle.config.architecture.vocab_size)?;
    options.output_attentions = args.attention.is_some();
    let preprocessor = Preprocessor::new(bundle.preprocessor.clone())?;

    let attention = args.attention.as_deref().map(|dir| AttentionDir::create(dir, &inputs)).transpose()?;

    let prepare = |input: &Input| Prepared::new(input, &preprocessor, args.attention.is_some());
    with_ordered(&inputs, args.model.threads(), args.model.batch_size, prepare, |photos| {
        // The first photos are decoded meanwhile.
        let captioner = args.model.open_graphs(bundle)?;
        let mut batch = Batch::new(captioner, options, Output::new(args.json, inputs.len()), attention);
        for (input, prepared) in photos {
            batch.push(input, prepared);
            if batch.photos == args.model.batch_size {
                batch.run()?;
            }
        }
        batch.run()?;
        Ok(if batch.output.failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(SOME_FAILED) })
    })
}

/// Photos that wait for each other, and the failures between them.
struct Batch {
    captioner: Captioner,
    options: SearchOptions,
    output: Output,
    attention: Option<AttentionDir>,
    /// f32 [photos, 3, height, width]
    pixel_values: Vec<f32>,
    photos: usize,
    /// In the order of the inputs: the name, and what was seen of a photo of the batch or why it is none.
    waiting: Vec<(String, Result<Option<RgbImage>, String>)>,
}

impl Batch {
    fn new(
        captioner: Captioner,
        options: SearchOptions,
        output: Output,
        attention: Option<AttentionDir>,
    ) -> Self {
        let (pixel_values, waiting) = (Vec::new(), Vec::new());
        Self { captioner, options, output, attention, pixel_values, photos: 0, waiting }
    }

    fn push(&mut self, input: &Input, prepared: Result<Prepared, String>) {
        let seen = prepared.map(|Prepared { pixel_values, seen }| {
            self.pixel_values.extend_from_slice(&pixel_values);
            self.photos += 1;
            seen
        });
        self.waiting.push((input.name(), seen));
    }

    /// Captions the batch and writes all that waited.
    fn run(&mut self) -> Result<()> {
        let mut captions = match self.caption() {
            Ok(captions) => captions.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error.to_string()); self.photos],
        }
        .into_iter();
        for (name, seen) in self.waiting.drain(..) {
            let result = match &seen {
                Ok(_) => captions.next().context("a photo of the batch got no answer")?,
                Err(reason) => Err(reason.clone()),
            };
            if let (Some(attention), Ok(Some(seen)), Ok(captions)) = (&mut self.attention, &seen, &result)
                && let Err(error) = attention.write(&name, seen, captions, &self.captioner)
            {
                self.output.fail(format_args!("{name}: {error}"));
            }
            self.output.write(&name, result)?;
        }
        self.output.flush()?;
        self.pixel_values.clear();
        self.photos = 0;
        Ok(())
    }

    fn caption(&mut self) -> Result<Vec<Vec<Caption>>> {
        if self.photos == 0 {
            return Ok(Vec::new());
        }
        let Size { height, width } = self.captioner.preprocessor().config().output_size();
        let shape = (self.photos, 3, height as usize, width as usize);
        let encoded =
            self.captioner.encode_pixel_values(ArrayView4::from_shape(shape, &self.pixel_values)?)?;
        Ok(self.captioner.decode(&encoded, &self.options)?)
    }
}

/// Captions on stdout, failures on stderr, progress on a terminal.
struct Output {
    json: bool,
    out: BufWriter<Stdout>,
    failed: usize,
    progress: ProgressBar,
}

impl Output {
    fn new(json: bool, photos: usize) -> Self {
        let progress = progress_bar(photos);
        Self { json, out: BufWriter::new(std::io::stdout()), failed: 0, progress }
    }

    fn fail(&mut self, reason: std::fmt::Arguments<'_>) {
        self.failed += 1;
        self.progress.suspend(|| complain(reason));
    }

    fn write(&mut self, name: &str, result: Result<Vec<Caption>, String>) -> std::io::Result<()> {
        if let Err(reason) = &result {
            self.fail(format_args!("{name}: {reason}"));
        }
        self.progress.inc(1);
        if self.json {
            serde_json::to_writer(&mut self.out, &Line::new(name, &result))?;
            return writeln!(self.out);
        }
        let Ok(captions) = result else { return Ok(()) };
        writeln!(self.out, "{name}")?;
        for caption in &captions {
            if captions.len() > 1 {
                write!(self.out, "  {:>7.3}", caption.score)?;
            }
            writeln!(self.out, "  {}", caption.generated_text)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.progress.suspend(|| self.out.flush())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.progress.finish_and_clear();
    }
}

/// A line of `--json`.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Captions { image: &'a str, captions: Vec<CaptionLine<'a>> },
    Error { image: &'a str, error: &'a str },
}

#[derive(Serialize)]
struct CaptionLine<'a> {
    generated_text: &'a str,
    score: f32,
    token_ids: &'a [u32],
    token_logprobs: &'a [f32],
}

impl<'a> Line<'a> {
    fn new(image: &'a str, result: &'a Result<Vec<Caption>, String>) -> Self {
        match result {
            Ok(captions) => {
                Self::Captions { image, captions: captions.iter().map(CaptionLine::new).collect() }
            }
            Err(error) => Self::Error { image, error },
        }
    }
}

impl<'a> CaptionLine<'a> {
    fn new(caption: &'a Caption) -> Self {
        let Caption { generated_text, score, token_ids, token_logprobs, .. } = caption;
        Self { generated_text, score: *score, token_ids, token_logprobs }
    }
}
