//! Flags that several subcommands share.

use anyhow::{Result, bail};
use glimpse_runtime::OnnxRuntimeOptions;
use std::env;
use std::path::{Path, PathBuf};

/// The bundle that is used when none is named.
const DEFAULT_MODEL: &str = "models/flickr8k-edge";

#[derive(clap::Args)]
pub struct RuntimeArgs {
    /// Threads of ONNX Runtime, and photos prepared at once [default: the physical cores]
    #[arg(long, value_name = "N", env = "GLIMPSE_THREADS", value_parser = at_least_one)]
    threads: Option<usize>,
    /// The ONNX Runtime library, or the folder that holds it [default: searched]
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

/// A count that cannot be 0.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(count) => Ok(count),
        Err(_) => Err("not a whole number".into()),
    }
}

/// The bundle to use: the one named, or the shipped one in the working directory, or beside or above
/// the program.
pub fn model_dir(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(dir) = named {
        return Ok(dir.to_path_buf());
    }
    let program = env::current_exe().and_then(|path| path.canonicalize()).unwrap_or_default();
    let above = program.ancestors().skip(1).map(|folder| folder.join(DEFAULT_MODEL));
    let mut places = std::iter::once(PathBuf::from(DEFAULT_MODEL)).chain(above);
    match places.find(|dir| dir.is_dir()) {
        Some(dir) => Ok(dir),
        None => bail!(
            "no bundle: {DEFAULT_MODEL} is neither in the working directory nor beside or above the \
             program; name one with --model"
        ),
    }
}
