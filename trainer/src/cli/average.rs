use super::terminal::note;
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;

/// Average the weights of several runs that began with the same checkpoint.
#[derive(Debug, Args)]
pub struct AverageArgs {
    /// best.safetensors of two or more runs
    #[arg(required = true, num_args = 2..)]
    checkpoints: Vec<PathBuf>,
    /// File to write, to be read by `export`, `evaluate` and `sample`
    #[arg(long)]
    output: PathBuf,
}

impl AverageArgs {
    pub fn run(self) -> Result<()> {
        let mean = glimpse_export::average(&self.checkpoints)?;
        if let Some(folder) = self.output.parent() {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        mean.write(&self.output)?;
        note(format_args!("{}: the mean of {} checkpoints", self.output.display(), self.checkpoints.len()));
        Ok(())
    }
}
