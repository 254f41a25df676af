//! `glimpse compare`: what greedy search and beams of several widths say, what that is worth and what
//! it costs.

mod html;
mod plot;
mod settings;
mod side_by_side;
mod sweep;
mod table;

use super::args::{ModelArgs, ReferenceArgs};
use super::attention::AttentionDir;
use super::decoding::{DecodingArgs, search_only};
use super::inputs::{Input, expand};
use super::{SOME_FAILED, complain, outputs};
use anyhow::{Context, Result, bail};
use clap::builder::FalseyValueParser;
use glimpse_captions::CaptionedImage;
use settings::Setting;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use sweep::{Examples, Sweep};

/// Compare greedy search with beam search: side by side on photos, or scored on a data set
#[derive(clap::Args)]
pub struct Args {
    /// Pictures, folders of pictures, globs to caption in every way
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
    /// Write where the decoders looked at each word, a folder for each setting
    #[arg(long, value_name = "DIR")]
    attention: Option<PathBuf>,
    /// Write a report that a browser shows without a network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Photos of a data set that --html and --attention show, from the first on [default: 6]
    #[arg(long, value_name = "N")]
    examples: Option<usize>,
    /// Write the table of a data set as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a plot of quality and time by width: FILE.svg or FILE.png
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// JSON instead of text
    #[arg(long, env = "GLIMPSE_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if args.references.files().next().is_some() && args.photos.is_empty() && args.images.is_none() {
        bail!("--images DIR has the photos that --captions is about");
    }
    let references = args.references.read()?;
    // clap does not ask for what another argument excludes.
    if references.is_none() && (args.csv.is_some() || args.plot.is_some()) {
        bail!(
            "--csv and --plot show the scores of a data set: give --images and --captions instead of photos"
        );
    }
    let with_attention = args.html.is_some() || args.attention.is_some();
    if args.examples.is_some() && (references.is_none() || !with_attention) {
        bail!(
            "--examples is how many photos of a data set --html and --attention show: give one of them too"
        );
    }
    let kind = args.plot.as_deref().map(plot::Kind::of).transpose()?;
    let (inputs, names): (Vec<_>, Vec<_>) = match (&args.images, &references) {
        (Some(folder), Some(images)) => {
            let of = |image: &CaptionedImage| {
                (Input::File(folder.join(&image.file_name)), image.file_name.clone())
            };
            images.iter().map(of).unzip()
        }
        _ => {
            let inputs = expand(&args.photos)?;
            let names = inputs.iter().map(Input::name).collect();
            (inputs, names)
        }
    };
    if inputs.contains(&Input::Stdin) {
        bail!("- is for `glimpse caption`: compare reads files");
    }
    let files = [("--csv", &args.csv), ("--plot", &args.plot), ("--html", &args.html)];
    let files = files.map(|(flag, file)| (flag, file.as_deref()));
    outputs::check(&files, args.references.files().chain(inputs.iter().filter_map(Input::file)))?;
    let mut captioner = args.model.open()?;
    let mut options = captioner.search_options();
    search_only(&mut options);
    args.decoding.apply(&mut options);
    let widths: &[usize] = match (&args.num_beams[..], &references) {
        ([], Some(_)) => &[1, 2, 3, 5, 10, 20],
        ([], None) => &[1, 3, 5],
        (given, _) => given,
    };
    args.decoding.check_width(settings::widest(widths))?;
    if options.num_return_sequences > 1 && references.is_some() && !with_attention {
        bail!("--num-return-sequences shows in --html and --attention alone: give one of them too");
    }
    let settings = settings::settings(&options, widths, &args.length_penalty)?;
    let attention_dirs = args.attention.as_deref().map(|dir| {
        let of = |setting: &Setting| AttentionDir::create(&dir.join(setting.slug()), &inputs);
        settings.iter().map(of).collect::<Result<Vec<_>>>()
    });
    let attention_dirs = attention_dirs.transpose()?;
    let vocab_size = captioner.bundle().config.architecture.vocab_size;
    for Setting { options, .. } in &settings {
        options.validate(vocab_size)?;
    }
    let examples = Examples {
        photos: if references.is_some() { args.examples.unwrap_or(6) } else { inputs.len() },
        with_attention,
    };
    let sweep = Sweep::run(&mut captioner, &settings, &inputs, args.model.batch_size, examples)?;
    for (position, reason) in &sweep.failed {
        complain(format_args!("{}: {reason}", names[*position]));
    }
    if sweep.photos == 0 && references.is_some() {
        return Ok(ExitCode::from(SOME_FAILED));
    }
    let table =
        references.as_deref().map(|images| table::Table::new(&sweep, &settings, images)).transpose()?;

    for (mut dir, run) in attention_dirs.into_iter().flatten().zip(&sweep.runs) {
        for (&position, captions) in &run.examples {
            let Some(seen) = sweep.seen.get(&position) else { continue };
            dir.write(&names[position], seen, captions, &captioner)?;
        }
    }
    if let (Some(path), Some(table)) = (&args.csv, &table) {
        table.write_csv(path).with_context(|| format!("--csv {}", path.display()))?;
    }
    if let (Some(path), Some(kind), Some(table)) = (&args.plot, kind, &table) {
        plot::write(path, kind, table).with_context(|| format!("--plot {}", path.display()))?;
    }
    if let Some(path) = &args.html {
        let page = html::page(&sweep, &settings, &names, table.as_ref(), &captioner)?;
        std::fs::write(path, page).with_context(|| format!("--html {}", path.display()))?;
    }
    let mut out = std::io::stdout().lock();
    match &table {
        Some(table) if args.json => {
            serde_json::to_writer_pretty(&mut out, table)?;
            writeln!(out)?;
        }
        Some(table) => table.print(&mut out)?,
        None => side_by_side::print(&mut out, args.json, &sweep, &settings, &names)?,
    }
    Ok(if sweep.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(SOME_FAILED) })
}
