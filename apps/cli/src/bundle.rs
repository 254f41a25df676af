use super::args::model_dir;
use super::outputs;
use anyhow::{Result, bail};
use glimpse_bundle::{Bundle, CAPTIONER, Precision, write_whole};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write a bundle's captioner in the form that other hosts open
///
/// A browser or a server of models opens one file. captioner_model.onnx, which holds the search too, keeps its weights in
/// the files of the encoder and the decoder; here they are copied into it.
#[derive(clap::Args)]
pub struct Args {
    /// The bundle [default: models/flickr8k-edge in the working directory or beside the program]
    #[arg(value_name = "DIR", env = "GLIMPSE_MODEL")]
    model: Option<PathBuf>,
    /// Write the captioner with its weights into one ONNX file
    #[arg(long, value_name = "FILE", required = true)]
    self_contained: PathBuf,
    /// Which of the bundle's captioners: fp32, fp16 or int8
    #[arg(long, value_name = "P", default_value = "fp32")]
    precision: Precision,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let bundle = Bundle::open_unverified(model_dir(args.model.as_deref())?)?;
    let target = &args.self_contained;
    outputs::check(&[("--self-contained", Some(target))], [])?;
    // A bundle holds the files that SHA256SUMS lists.
    if std::path::absolute(target)?.parent().map(Path::canonicalize).transpose()?
        == Some(bundle.dir().canonicalize()?)
    {
        bail!("--self-contained {} is in the bundle's folder: name a file elsewhere", target.display());
    }
    let model = bundle.self_contained(CAPTIONER, args.precision)?;
    write_whole(target, &model)?;
    writeln!(std::io::stdout(), "{:<26} {:>7.2} MB", target.display(), model.len() as f64 / 1e6)?;
    Ok(ExitCode::SUCCESS)
}
