use super::checkpoint::write_checkpoint;
use super::terminal::note;
use anyhow::Result;
use clap::Args;
use glimpse_export::Checkpoint;
use glimpse_trainer::dataset::PreparedDataset;
use std::path::PathBuf;

/// Raise the logits of tokens that the training captions seldom have: captions get more different words.
#[derive(Debug, Args)]
pub struct AdjustArgs {
    /// best.safetensors of a run
    checkpoint: PathBuf,
    /// Folder that `prepare` wrote, whose training captions are counted
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// How many times the negative log of a token's share is added to its logit, 0 to 1; 0.1 to 0.2 are usual
    #[arg(long, value_name = "F")]
    strength: f32,
    /// File to write, to be read by `export`, `evaluate` and `sample`
    #[arg(long)]
    output: PathBuf,
}

impl AdjustArgs {
    pub fn run(self) -> Result<()> {
        let mut checkpoint = Checkpoint::read(&self.checkpoint)?;
        let dataset = PreparedDataset::read(&self.data)?;
        let captions: Vec<&str> =
            dataset.train.iter().flat_map(|photo| &photo.captions).map(String::as_str).collect();
        checkpoint.adjust_logits(&captions, self.strength)?;
        write_checkpoint(&checkpoint, &self.output)?;
        note(format_args!("{}: adjusted by {} captions", self.output.display(), captions.len()));
        Ok(())
    }
}
