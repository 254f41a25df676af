//! `glimpse evaluate`: scores of captions, with confidence intervals.

mod hypotheses;
mod partial;
mod report;

use super::args::{ModelArgs, ReferenceArgs, count};
use super::decoding::SearchArgs;
use super::{SOME_FAILED, complain, outputs};
use anyhow::{Context, Result, bail};
use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use glimpse_captions::{match_results, read_results};
use glimpse_metrics::{Bootstrap, Diversity, Evaluation, Meteor, References, metrics};
use hypotheses::Hypotheses;
use report::Report;
pub use report::TRAINING_UNKNOWN;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Caption a data set and score the captions as pycocoevalcap does, with bootstrap intervals
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    references: ReferenceArgs,
    /// Folder of the photos
    #[arg(long, value_name = "DIR", required_unless_present = "results")]
    images: Option<PathBuf>,
    /// Score these captions and generate none: COCO results JSON, of any system
    #[arg(long, value_name = "FILE", conflicts_with_all = ["images", "output"])]
    results: Option<PathBuf>,
    /// Show the difference to the scores of these captions: COCO results JSON of another run on the same photos
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write the captions as COCO results JSON; after a stop, the next run continues from FILE.partial
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// meteor-1.5.jar, with its data folder beside it; needed for METEOR
    #[arg(long, value_name = "JAR", env = "GLIMPSE_METEOR_JAR")]
    meteor_jar: Option<PathBuf>,
    /// The Java program that runs it
    #[arg(long, value_name = "PROGRAM", default_value = "java", env = "GLIMPSE_JAVA")]
    java: PathBuf,
    /// Number of resamples for the bootstrap intervals
    #[arg(long, value_name = "N", default_value = "1000", value_parser = count(1_000_000))]
    num_resamples: usize,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// JSON instead of a table
    #[arg(long, env = "GLIMPSE_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

/// The arguments that have an effect together with --results. `conflicts_with` of clap would refuse environment
/// variables too.
const SCORING_ARGUMENTS: [&str; 10] = [
    "captions",
    "layout",
    "split",
    "results",
    "baseline",
    "train_captions",
    "meteor_jar",
    "java",
    "num_resamples",
    "json",
];

pub fn run(args: &Args, given: &ArgMatches) -> Result<ExitCode> {
    if args.results.is_some() {
        let command = <Args as clap::Args>::augment_args(Command::new("evaluate"));
        let is_flag = |id: &&str| given.value_source(id) == Some(ValueSource::CommandLine);
        let flags = command.get_arguments().map(|flag| flag.get_id().as_str());
        if let Some(flag) = flags.filter(is_flag).find(|id| !SCORING_ARGUMENTS.contains(id)) {
            bail!("--{} has no effect on the captions in --results", flag.replace('_', "-"));
        }
    }
    if let Some(output) = args.output.as_deref().filter(|output| output.exists() && !output.is_file()) {
        bail!("--output {} is not a file", output.display());
    }
    let inputs = args.references.files().chain(args.baseline.as_deref());
    outputs::check(&[("--output", args.output.as_deref())], inputs)?;
    let bootstrap = Bootstrap { num_resamples: args.num_resamples, ..Bootstrap::default() };
    bootstrap.validate()?;
    let Some(images) = args.references.read()? else {
        bail!("--captions FILE with the reference captions is needed")
    };
    let baseline = args.baseline.as_deref().map(read_results).transpose()?;
    let training = args.references.training()?;
    let meteor = args.meteor_jar.as_deref().map(|jar| Meteor::start(jar, &args.java)).transpose()?;
    if meteor.is_none() {
        complain("note: METEOR is left out: it needs its own program, which --meteor-jar names");
    }

    let Hypotheses { images, captions, failed, speed, setting } = match (&args.results, &args.images) {
        (Some(results), _) => Hypotheses::read(results, images)?,
        (None, Some(folder)) => hypotheses::caption(args, given, folder, images)?,
        (None, None) => bail!("--images DIR or --results FILE is needed"),
    };
    if images.is_empty() {
        bail!("no photo could be captioned: there is nothing to score");
    }
    let references = images.iter().map(|image| (image.file_name.clone(), image.captions.clone()));
    let references = References::with_metrics(references, metrics(meteor))?;
    let score = |captions: &[String]| -> Result<Evaluation> {
        Ok(references.evaluate(images.iter().map(|image| &image.file_name).zip(captions))?)
    };
    let evaluation = score(&captions)?;
    let scores = bootstrap.intervals(&evaluation)?;
    let differences = baseline.map(|results| {
        let (captions, _) = match_results(results, &images)
            .with_context(|| format!("--baseline {}", args.baseline.clone().unwrap_or_default().display()))?;
        let other = score(&captions)?;
        Ok(bootstrap.differences(&evaluation, &other)?)
    });
    // With a baseline of other photos, the scores are still printed.
    let (differences, unusable) = match differences.transpose() {
        Ok(differences) => (differences, None),
        Err(error) => (None, Some(error)),
    };
    let report = Report {
        setting,
        num_images: images.len(),
        num_references: images.iter().map(|image| image.captions.len()).sum(),
        failed,
        speed,
        bootstrap,
        scores,
        differences,
        diversity: Diversity::new(evaluation.tokens(), training.as_ref()),
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        report.print(&mut out)?;
    }
    if let Some(error) = unusable {
        return Err(error);
    }
    Ok(if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(SOME_FAILED) })
}
