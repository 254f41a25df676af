use super::args::ModelArgs;
use super::attention::AttentionDir;
use super::decoding::SearchArgs;
use super::inputs::{Input, expand};
use super::progress::progress_bar;
use super::{SOME_FAILED, complain};
use anyhow::Result;
use clap::ArgMatches;
use clap::builder::FalseyValueParser;
use glimpse_bundle::{Preprocessor, printable, with_causes};
use glimpse_runtime::{Answer, Caption, Captioned, PreparedPhotos};
use indicatif::ProgressBar;
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
    /// Write the decoder's attention for each word to this folder: pictures, .npy and JSON
    #[arg(long, value_name = "DIR", env = "GLIMPSE_ATTENTION")]
    attention: Option<PathBuf>,
    /// One line of JSON for each photo
    #[arg(long, env = "GLIMPSE_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

pub fn run(args: &Args, matches: &ArgMatches) -> Result<ExitCode> {
    let inputs = expand(&args.photos)?;
    let bundle = args.model.bundle()?;
    let options = args.search.given(matches)?.over(&bundle.generation)?;
    options.validate(bundle.config.architecture.vocab_size)?;
    let options = options.with_output_attentions(args.attention.is_some());
    let preprocessor = Preprocessor::new(bundle.preprocessor.clone())?;
    let mut attention =
        args.attention.as_deref().map(|dir| AttentionDir::create(dir, &inputs)).transpose()?;

    let stream = args.model.stream_options().with_inputs(attention.is_some());
    let photos: Vec<_> = inputs.iter().map(Input::photo).collect();
    // The first photos are decoded while the graphs are opened.
    let photos = PreparedPhotos::new(photos.into_iter(), preprocessor, stream);
    let captioner = args.model.open_graphs(bundle)?;
    let mut output = Output::new(args.json, inputs.len());
    let answers = captioner.stream_prepared(photos, &options)?;
    for (place, (input, answer)) in inputs.iter().zip(answers).enumerate() {
        let name = input.name();
        let answer = answer.map_err(|error| with_causes(&error));
        if let Ok(Captioned { warning: Some(warning), .. }) = &answer {
            output.warn(format_args!("warning: {name}: {warning}"));
        }
        if let (Some(attention), Ok(Captioned { captions, input: Some(input), .. })) =
            (&mut attention, &answer)
            && let Err(error) = attention.write(&name, input, captions, &captioner)
        {
            output.fail(format_args!("{name}: {error}"));
        }
        let captions = answer.map(|answer| answer.captions);
        output.write(&name, captions.map(without_attentions))?;
        if (place + 1) % args.model.batch_size == 0 {
            output.flush()?;
        }
    }
    output.flush()?;
    Ok(if output.failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(SOME_FAILED) })
}

/// They lie in files of their own, and would make the lines of JSON long.
fn without_attentions(mut captions: Vec<Caption>) -> Vec<Caption> {
    captions.iter_mut().for_each(|caption| caption.attentions = None);
    captions
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

    fn warn(&mut self, warning: std::fmt::Arguments<'_>) {
        self.progress.suspend(|| complain(warning));
    }

    fn write(&mut self, name: &str, result: Result<Vec<Caption>, String>) -> std::io::Result<()> {
        if let Err(reason) = &result {
            self.fail(format_args!("{name}: {reason}"));
        }
        self.progress.inc(1);
        if self.json {
            let answer = Answer::new(name, result.as_deref().map_err(String::as_str));
            serde_json::to_writer(&mut self.out, &answer)?;
            return writeln!(self.out);
        }
        let Ok(captions) = result else { return Ok(()) };
        writeln!(self.out, "{}", printable(name))?;
        for caption in &captions {
            if captions.len() > 1 {
                write!(self.out, "  {:>7.3}", caption.score)?;
            }
            writeln!(self.out, "  {}", printable(&caption.generated_text))?;
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
