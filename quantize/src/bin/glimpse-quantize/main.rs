//! A bundle in, a bundle with smaller graphs out.
//!
//! Calibration for int8 needs both the exporter, which makes graphs, and the runtime, which runs them. It works on any
//! bundle.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod calibrate;
mod photos;

use anyhow::{Context, Result, bail};
use clap::Parser;
use glimpse_bundle::{Bundle, Config, DECODER, ENCODER, Precision, with_causes};
use glimpse_export::graph::{Model, read_model};
use glimpse_export::proto::{GraphProto, ModelProto};
use glimpse_quantize::{Variant, half_precision, int8_decoder, int8_encoder, write_variants};
use glimpse_runtime::OnnxRuntimeOptions;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Add int8 and fp16 variants to a bundle.
///
/// int8 is for CPUs, at a quarter of the size. fp16 is for GPUs.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The bundle; its graphs stay, unless --output names another folder
    bundle: PathBuf,
    /// What to write: int8, fp16, or both with a comma between
    #[arg(long, value_delimiter = ',', required = true)]
    precision: Vec<Precision>,
    /// Photos, or folders of photos, like those that will be captioned; int8 needs some dozens
    #[arg(long, value_name = "PHOTO", num_args = 1..)]
    calibration: Vec<PathBuf>,
    /// Take this many of the calibration photos at most, evenly spread
    #[arg(long, value_name = "N", default_value = "64")]
    calibration_photos: usize,
    /// Write a bundle of the new variants alone to this folder
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// The ONNX Runtime library, or the folder that holds it [default: searched]
    #[arg(long, value_name = "PATH", env = "GLIMPSE_ORT_LIB")]
    ort_lib: Option<PathBuf>,
    /// Threads of ONNX Runtime [default: the physical cores]
    #[arg(long, value_name = "N", env = "GLIMPSE_THREADS")]
    threads: Option<NonZeroUsize>,
}

fn main() -> ExitCode {
    // SAFETY: the first thing that runs.
    unsafe { glimpse_runtime::disable_telemetry() };
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = format!("error: {}", with_causes(error.as_ref()));
            eprintln!("{}", text.split_whitespace().collect::<Vec<_>>().join(" "));
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<()> {
    if !args.calibration.is_empty() && !args.precision.contains(&Precision::Int8) {
        bail!("--calibration is for --precision int8");
    }
    let bundle = Bundle::open(&args.bundle)?;
    let [encoder, decoder] = [ENCODER, DECODER].map(|stem| bundle.model_path(stem, Precision::Fp32));
    let (encoder_path, decoder) = (encoder?, read_model(&decoder?)?);
    let encoder = read_model(&encoder_path)?;
    let mut variants = Vec::new();
    for &precision in &args.precision {
        let graphs = match precision {
            Precision::Fp32 => bail!("fp32 is what the bundle holds already; ask for int8 or fp16"),
            Precision::Fp16 => [half_precision(graph(&encoder)?)?, half_precision(graph(&decoder)?)?],
            Precision::Int8 => {
                let calibration = calibrate::calibrate(&bundle, graph(&encoder)?, args)?;
                [
                    int8_encoder(graph(&encoder)?, &calibration)?,
                    int8_decoder(graph(&decoder)?, &bundle.config.decoder_interface())?,
                ]
            }
        };
        for ((stem, source), graph) in [(ENCODER, &encoder), (DECODER, &decoder)].into_iter().zip(graphs) {
            variants.push(Variant {
                stem,
                precision,
                model: variant(source, graph, precision, &bundle.config),
            });
        }
    }
    let report = write_variants(&bundle, variants, args.output.as_deref().unwrap_or(bundle.dir()))?;
    for file in &report.files {
        println!("{:>10}  {}", file.bytes, report.dir.join(&file.name).display());
    }
    println!("{:>10}  in all", report.total_bytes());
    Ok(())
}

fn graph(model: &ModelProto) -> Result<&GraphProto> {
    model.graph.as_ref().context("an ONNX file without a graph")
}

/// The graph as a file with its description, and with the metadata of its source.
fn variant(source: &ModelProto, graph: GraphProto, precision: Precision, config: &Config) -> Model {
    let metadata = source.metadata_props.iter();
    let metadata = metadata.map(|entry| (entry.key().to_string(), entry.value().to_string()));
    let precision = ("precision".to_string(), precision.to_string());
    let doc = source.doc_string.clone().unwrap_or_else(|| config.model_type.clone());
    Model { graph, doc: format!("{doc}, {}", precision.1), metadata: metadata.chain([precision]).collect() }
}

impl Args {
    fn onnxruntime(&self) -> OnnxRuntimeOptions {
        let mut options = OnnxRuntimeOptions::default();
        options.library = self.ort_lib.clone();
        options.threads = self.threads.map(NonZeroUsize::get);
        options
    }
}
