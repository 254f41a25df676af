use super::checkpoint::write_checkpoint;
use super::terminal::note;
use anyhow::Result;
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
        write_checkpoint(&mean, &self.output)?;
        note(format_args!("{}: the mean of {} checkpoints", self.output.display(), self.checkpoints.len()));
        Ok(())
    }
}
