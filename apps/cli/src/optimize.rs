use super::args::{RuntimeArgs, model_dir};
use anyhow::Result;
use clap::builder::FalseyValueParser;
use glimpse_bundle::Bundle;
use glimpse_runtime::{OnnxRuntime, PrecisionChoice, optimize};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Store a bundle's graphs in the form that runs on this machine's CPU, so that programs start faster
///
/// The stored graphs are in the bundle's folder optimized/ and are used from then on. They are not used with another
/// processor, another ONNX Runtime or other graphs. To undo this, remove the folder.
#[derive(clap::Args)]
pub struct Args {
    /// The bundle [default: models/flickr8k-edge in the working directory or beside the program]
    #[arg(value_name = "DIR", env = "GLIMPSE_MODEL")]
    model: Option<PathBuf>,
    /// Which of the bundle's graphs: auto, fp32, fp16 or int8, or two of them as ENCODER,DECODER
    #[arg(long, value_name = "P", default_value = "auto", env = "GLIMPSE_PRECISION")]
    precision: PrecisionChoice,
    #[command(flatten)]
    runtime: RuntimeArgs,
    /// JSON instead of text
    #[arg(long, env = "GLIMPSE_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let bundle = Bundle::open_unverified(model_dir(args.model.as_deref())?)?;
    let runtime = OnnxRuntime::load(&args.runtime.options())?;
    let kept = optimize(&bundle, &runtime, args.precision)?;
    let mut out = std::io::stdout();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&kept)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    for graph in &kept {
        let megabytes = graph.bytes as f64 / 1e6;
        writeln!(out, "{:<26} {megabytes:>7.2} MB  {}", graph.file, graph.folder.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
