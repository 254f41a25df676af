//! Writes a bundle with seeded random weights: its words mean nothing, its shapes and files are real.
//!
//! ```sh
//! cargo run --release -p glimpse-export --example seeded_bundle -- efficientnet-lite0 /tmp/bundle
//! ```

use anyhow::Result;
use clap::Parser;
use glimpse_bundle::Architecture;
use glimpse_export::{Checkpoint, Weights, backbone::backbone, seeded, write_bundle};
use std::path::PathBuf;

/// Write a bundle with seeded random weights.
#[derive(Parser)]
struct Args {
    /// `resnet50` or `efficientnet-lite0`.
    backbone: String,
    /// The folder to write.
    out: PathBuf,
    /// A .safetensors file of the backbone's weights; random without it.
    #[arg(long)]
    backbone_weights: Option<PathBuf>,
    /// The seed report's plain model: no projection, no gate, no deep output, no tied embeddings.
    #[arg(long)]
    report: bool,
    /// Drop the projection alone.
    #[arg(long)]
    no_projection: bool,
    /// Drop the gate alone.
    #[arg(long)]
    no_gate: bool,
    /// Drop deep output alone.
    #[arg(long)]
    no_deep_output: bool,
    /// Give the output a matrix of its own.
    #[arg(long)]
    no_tie: bool,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[arg(long, default_value_t = 3000)]
    vocab_size: usize,
    /// Channels of the projected grid.
    #[arg(long, default_value_t = 512)]
    encoder_dim: usize,
    #[arg(long, default_value_t = 512)]
    attention_dim: usize,
    #[arg(long, default_value_t = 512)]
    decoder_dim: usize,
    #[arg(long, default_value_t = 300)]
    embed_dim: usize,
    /// Write the checkpoint here too.
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    /// Write the backbone's weights here too.
    #[arg(long)]
    write_backbone: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let network = backbone(&args.backbone)?;
    let project_features = !(args.report || args.no_projection);
    let deep_output = !(args.report || args.no_deep_output);
    let feature_dim = network.feature_dim();
    let architecture = Architecture {
        backbone: args.backbone.clone(),
        feature_dim,
        num_cells: 49,
        encoder_dim: if project_features { args.encoder_dim } else { feature_dim },
        attention_dim: args.attention_dim,
        decoder_dim: args.decoder_dim,
        embed_dim: args.embed_dim,
        vocab_size: args.vocab_size,
        project_features,
        gated_context: !(args.report || args.no_gate),
        deep_output,
        tie_word_embeddings: !(args.report || args.no_tie || !deep_output),
    };
    let tokenizer = seeded::tokenizer(args.vocab_size)?;
    let checkpoint = Checkpoint::seeded(architecture, tokenizer, args.seed)?;
    let backbone_weights = match &args.backbone_weights {
        Some(path) => Weights::read(path)?,
        None => seeded::backbone_weights(network, args.seed)?,
    };
    if let Some(path) = &args.checkpoint {
        checkpoint.write(path)?;
    }
    if let Some(path) = &args.write_backbone {
        backbone_weights.write(path)?;
    }
    let report = write_bundle(&checkpoint, &backbone_weights, &args.out)?;
    for file in &report.files {
        println!("{:>10} {}", file.bytes, file.name);
    }
    println!("{:>10} {}", report.total_bytes(), report.dir.display());
    Ok(())
}
