//! `glimpse compare`: the captions of greedy search and of beam search with several widths, their scores and their
//! cost.

mod html;
mod plot;
mod settings;
mod side_by_side;
mod sweep;
mod table;

use super::args::{ModelArgs, ReferenceArgs};
use super::attention::AttentionDir;
use super::decoding::DecodingArgs;
use super::inputs::{Input, expand};
use super::{SOME_FAILED, complain, outputs};
use anyhow::{Context, Result, bail};
use clap::ArgMatches;
use clap::builder::FalseyValueParser;
use glimpse_bundle::write_whole;
use glimpse_captions::CaptionedImage;
use glimpse_runtime::Captioner;
use settings::Setting;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use sweep::{Examples, Sweep};

/// Compare greedy search with beam search: side by side on photos, or scored on a data set
#[derive(clap::Args)]
pub struct Args {
    /// Pictures, folders of pictures, globs to caption with every setting
    #[arg(value_name = "PHOTO", conflicts_with_all = ["images", "captions"], required_unless_present_any = ["images", "captions"])]
    photos: Vec<PathBuf>,
    /// Folder of a data set's photos
    #[arg(long, value_name = "DIR", requires = "captions")]
    images: Option<PathBuf>,
    #[command(flatten)]
    references: ReferenceArgs,
    /// Widths to compare; 1 is greedy search [default: 1,3,5 for photos, 1,2,3,5,10,20 for a data set]
    #[arg(long, visible_alias = "beam-size", value_name = "N,N", value_delimiter = ',')]
    num_beams: Vec<usize>,
    /// Length penalties to compare, each with every width above 1 [default: the bundle's]
    #[arg(long, value_name = "F,F", value_delimiter = ',', allow_negative_numbers = true)]
    length_penalty: Vec<f32>,
    #[command(flatten)]
    decoding: DecodingArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// Write the decoder's attention for each word, a folder for each setting
    #[arg(long, value_name = "DIR")]
    attention: Option<PathBuf>,
    /// Write an HTML report that needs no network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How many photos of a data set --html and --attention show; the first ones are taken [default: 6]
    #[arg(long, value_name = "N")]
    examples: Option<usize>,
    /// Write the table of a data set as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a plot of score and time by width: FILE.svg or FILE.png
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// JSON instead of text
    #[arg(long, env = "GLIMPSE_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

pub fn run(args: &Args, matches: &ArgMatches) -> Result<ExitCode> {
    let references = args.references()?;
    let kind = args.plot.as_deref().map(plot::Kind::of).transpose()?;
    let photos = args.photos(references.as_deref())?;
    let files = [("--csv", &args.csv), ("--plot", &args.plot), ("--html", &args.html)];
    let files = files.map(|(flag, file)| (flag, file.as_deref()));
    outputs::check(&files, args.references.files().chain(photos.inputs.iter().filter_map(Input::file)))?;
    let training = args.references.training()?;
    let captioner = args.model.open()?;
    let settings = args.settings(matches, &captioner, references.is_some())?;
    let attention_dirs = args.attention.as_deref().map(|dir| {
        let of = |setting: &Setting| AttentionDir::create(&dir.join(setting.slug()), &photos.inputs);
        settings.iter().map(of).collect::<Result<Vec<_>>>()
    });
    let attention_dirs = attention_dirs.transpose()?;
    let examples = Examples {
        photos: if references.is_some() { args.examples.unwrap_or(6) } else { photos.inputs.len() },
        with_attention: args.with_attention(),
    };
    let sweep = Sweep::run(&captioner, &settings, &photos.inputs, args.model.stream_options(), examples)?;
    for (position, reason) in &sweep.failed {
        complain(format_args!("{}: {reason}", photos.names[*position]));
    }
    if sweep.photos == 0 && references.is_some() {
        return Ok(ExitCode::from(SOME_FAILED));
    }
    let scored = |images: &[CaptionedImage]| table::Table::new(&sweep, &settings, images, training.as_ref());
    let table = references.as_deref().map(scored).transpose()?;
    for (mut dir, run) in attention_dirs.into_iter().flatten().zip(&sweep.runs) {
        for (&position, captions) in &run.examples {
            let Some(input) = sweep.inputs.get(&position) else { continue };
            dir.write(&photos.names[position], input, captions, &captioner)?;
        }
    }
    args.write(kind, table.as_ref(), &sweep, &settings, &photos.names, &captioner)?;
    Ok(if sweep.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(SOME_FAILED) })
}

/// The photos to caption, and their names in the outputs.
struct Photos {
    inputs: Vec<Input>,
    names: Vec<String>,
}

impl Args {
    /// Whether the outputs show attentions.
    fn with_attention(&self) -> bool {
        self.html.is_some() || self.attention.is_some()
    }

    /// The reference captions, if there are any. Without them, refuses flags that need them.
    fn references(&self) -> Result<Option<Vec<CaptionedImage>>> {
        if self.references.files().next().is_some() && self.photos.is_empty() && self.images.is_none() {
            bail!("--captions needs --images DIR, the folder of its photos");
        }
        let references = self.references.read()?;
        // clap ignores `requires` if another argument excludes the required one.
        if references.is_none() && (self.csv.is_some() || self.plot.is_some()) {
            bail!(
                "--csv and --plot show the scores of a data set: give --images and --captions instead of photos"
            );
        }
        if self.examples.is_some() && (references.is_none() || !self.with_attention()) {
            bail!(
                "--examples is the number of photos of a data set in --html and --attention: give one of them too"
            );
        }
        Ok(references)
    }

    fn photos(&self, references: Option<&[CaptionedImage]>) -> Result<Photos> {
        let (inputs, names): (Vec<_>, Vec<_>) = match (&self.images, references) {
            (Some(folder), Some(images)) => {
                let of = |image: &CaptionedImage| {
                    (Input::File(folder.join(&image.file_name)), image.file_name.clone())
                };
                images.iter().map(of).unzip()
            }
            _ => {
                let inputs = expand(&self.photos)?;
                let names = inputs.iter().map(Input::name).collect();
                (inputs, names)
            }
        };
        if inputs.contains(&Input::Stdin) {
            bail!("- works with `glimpse caption` only: compare reads files");
        }
        Ok(Photos { inputs, names })
    }

    /// The settings to compare: every width with every length penalty.
    fn settings(
        &self,
        matches: &ArgMatches,
        captioner: &Captioner,
        has_references: bool,
    ) -> Result<Vec<Setting>> {
        let widths: &[usize] = match (&self.num_beams[..], has_references) {
            ([], true) => &[1, 2, 3, 5, 10, 20],
            ([], false) => &[1, 3, 5],
            (given, _) => given,
        };
        let bundle = captioner.generation_config().clone().search_only();
        let options = self.decoding.given(matches)?.over(&bundle.with_num_beams(settings::widest(widths)))?;
        if options.num_return_sequences > 1 && has_references && !self.with_attention() {
            bail!(
                "--num-return-sequences has an effect only in --html and --attention: give one of them too"
            );
        }
        let settings = settings::settings(&options, widths, &self.length_penalty)?;
        let vocab_size = captioner.bundle().config.architecture.vocab_size;
        settings.iter().try_for_each(|setting| setting.options.validate(vocab_size))?;
        Ok(settings)
    }

    /// Writes all outputs except attentions.
    fn write(
        &self,
        kind: Option<plot::Kind>,
        table: Option<&table::Table>,
        sweep: &Sweep,
        settings: &[Setting],
        names: &[String],
        captioner: &Captioner,
    ) -> Result<()> {
        if let (Some(path), Some(table)) = (&self.csv, table) {
            table.write_csv(path).with_context(|| format!("--csv {}", path.display()))?;
        }
        if let (Some(path), Some(kind), Some(table)) = (&self.plot, kind, table) {
            plot::write(path, kind, table).with_context(|| format!("--plot {}", path.display()))?;
        }
        if let Some(path) = &self.html {
            let page = html::Page { sweep, settings, names, table, captioner }.render()?;
            write_whole(path, page.as_bytes()).with_context(|| format!("--html {}", path.display()))?;
        }
        let mut out = std::io::stdout().lock();
        match table {
            Some(table) if self.json => {
                serde_json::to_writer_pretty(&mut out, table)?;
                writeln!(out)?;
            }
            Some(table) => table.print(&mut out)?,
            None => side_by_side::print(&mut out, self.json, sweep, settings, names)?,
        }
        Ok(())
    }
}
