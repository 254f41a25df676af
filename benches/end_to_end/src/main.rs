//! Times Glimpse beside eager PyTorch and a plain ONNX Runtime loop in Python: the same weights, the
//! same pixels, the same number of words, round by round in one run. `make bench` runs it.

mod engine;
mod fixtures;
mod glimpse;
mod large_photo;
mod measure;
mod peer;
mod report;
mod rows;
mod startup;

use anyhow::Result;
use clap::Parser;
use glimpse_runtime::Device;
use std::path::PathBuf;

/// Time Glimpse beside what a user would run instead.
#[derive(Parser)]
struct Args {
    /// The Python that has the peers' packages
    #[arg(long, default_value = ".cache/bench/bin/python3")]
    python: PathBuf,
    /// The program whose start is timed
    #[arg(long, default_value = "target/release/glimpse")]
    program: PathBuf,
    /// The program that adds int8 and fp16 graphs to the bundles
    #[arg(long, default_value = "target/release/glimpse-quantize")]
    quantizer: PathBuf,
    /// Where bundles and tensors are kept and summary.json is written
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// Photos in a batch
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32])]
    photos: Vec<usize>,
    /// Times that every row is run; rows take turns
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Only the models whose name contains this
    #[arg(long, default_value = "")]
    model: String,
    /// Only the engines whose name contains this
    #[arg(long, default_value = "")]
    engine: String,
    /// Where Glimpse and PyTorch run; ONNX Runtime in Python is left out on a GPU
    #[arg(long, default_value = "cpu")]
    device: Device,
    /// Leave out the rows that are not batches: starts, memory and photos of 12 megapixels
    #[arg(long)]
    batches_only: bool,
}

fn main() -> Result<()> {
    // SAFETY: the first thing that runs.
    unsafe { glimpse_runtime::disable_telemetry() };
    let args = Args::parse();
    std::fs::create_dir_all(&args.out)?;
    let mut summary = report::Summary::new();
    let models: Vec<_> = fixtures::models(&args.out, &args.quantizer)?
        .into_iter()
        .filter(|model| model.name.contains(&args.model))
        .collect();
    let pixel_values = fixtures::pixel_values(&args.out, args.photos.iter().copied().max().unwrap_or(1))?;
    // First, while this process is small: a child's peak memory includes what its parent held.
    if !args.batches_only {
        startup::measure(&args, &models, &mut summary)?;
        large_photo::measure(&args, &models, &mut summary)?;
    }
    for model in &models {
        rows::measure(&args, model, &pixel_values, &mut summary)?;
    }
    summary.print();
    let path = args.out.join("summary.json");
    summary.write(&path)?;
    println!("\nwritten to {}", path.display());
    Ok(())
}
