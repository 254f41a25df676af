mod triton;

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
    #[arg(long, value_name = "FILE", required_unless_present = "triton")]
    self_contained: Option<PathBuf>,
    /// Write two models into this repository of NVIDIA Triton's: glimpse_captioner, which takes pixel values, and glimpse,
    /// which takes picture files and needs the Python package glimpse-captioner
    #[arg(long, value_name = "DIR")]
    triton: Option<PathBuf>,
    /// Which of the bundle's graphs: fp32, fp16 or int8
    #[arg(long, value_name = "P", default_value = "fp32")]
    precision: Precision,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let model = model_dir(args.model.as_deref())?;
    let bundle = if args.triton.is_some() { Bundle::open(model)? } else { Bundle::open_unverified(model)? };
    let file = args.self_contained.as_deref();
    outputs::check(&[("--self-contained", file)], [])?;
    // A bundle holds the files that SHA256SUMS lists.
    for (flag, target) in [("--self-contained", file), ("--triton", args.triton.as_deref())] {
        let Some(target) = target else { continue };
        if is_inside(target, bundle.dir())? {
            bail!("{flag} {} is in the bundle's folder: name a place elsewhere", target.display());
        }
    }
    if let Some(repository) = &args.triton {
        triton::refuse_existing(repository)?;
    }
    let captioner = bundle.self_contained(CAPTIONER, args.precision)?;
    if let Some(target) = file {
        write_whole(target, &captioner)?;
        writeln!(std::io::stdout(), "{:<26} {:>7.2} MB", target.display(), captioner.len() as f64 / 1e6)?;
    }
    if let Some(repository) = &args.triton {
        for folder in triton::write(repository, &bundle, &captioner, args.precision)? {
            writeln!(std::io::stdout(), "{}", folder.display())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a file or folder, which may not exist yet, lies in `folder` or is it.
fn is_inside(target: &Path, folder: &Path) -> Result<bool> {
    let target = std::path::absolute(target)?;
    let folder = folder.canonicalize()?;
    let existing = target.ancestors().find_map(|ancestor| ancestor.canonicalize().ok());
    Ok(existing.is_some_and(|existing| existing.starts_with(folder)))
}
