use super::args::{RuntimeArgs, model_dir};
use super::columns::columns;
use super::{SOME_FAILED, complain};
use anyhow::Result;
use clap::builder::FalseyValueParser;
use glimpse_bundle::Bundle;
use glimpse_runtime::OnnxRuntime;
use glimpse_runtime::inspect::{Difference, Inspection, TensorInfo, compare, inspect};
use serde_json::json;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Show what a bundle holds, or check its graphs against reference outputs
#[derive(clap::Args)]
pub struct Args {
    /// The bundle [default: models/flickr8k-edge in the working directory or beside the program]
    #[arg(value_name = "DIR", env = "GLIMPSE_MODEL")]
    model: Option<PathBuf>,
    /// Run the graphs on the inputs in this file and compare with the outputs in it: safetensors, with names
    /// that begin with encoder/ and decoder/
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// Largest absolute difference that --reference allows
    #[arg(long, value_name = "F", default_value = "1e-4", requires = "reference")]
    atol: f64,
    #[command(flatten)]
    runtime: RuntimeArgs,
    /// JSON instead of text
    #[arg(long, env = "GLIMPSE_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let bundle = Bundle::open(model_dir(args.model.as_deref())?)?;
    let runtime = OnnxRuntime::load(&args.runtime.options())?;
    match &args.reference {
        Some(file) => check(args, &compare(&bundle, &runtime, file)?),
        None => {
            let inspection = inspect(&bundle, &runtime)?;
            let mut out = BufWriter::new(std::io::stdout());
            if args.json {
                writeln!(out, "{}", serde_json::to_string_pretty(&inspection)?)?;
            } else {
                print(&mut out, &inspection)?;
            }
            out.flush()?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Prints the differences. The exit code says whether one is too large.
fn check(args: &Args, differences: &[Difference]) -> Result<ExitCode> {
    let largest = differences.iter().map(|difference| difference.max_abs_difference).fold(0.0, f64::max);
    let passed = largest <= args.atol;
    let mut out = BufWriter::new(std::io::stdout());
    if args.json {
        let report = json!({ "differences": differences, "atol": args.atol, "passed": passed });
        writeln!(out, "{report}")?;
    } else {
        let rows = differences.iter().map(|Difference { graph, tensor, shape, max_abs_difference }| {
            vec![graph.to_string(), tensor.clone(), format!("{max_abs_difference:.3e}"), format!("{shape:?}")]
        });
        write!(out, "{}", columns(0, &[0, 1, 3], rows))?;
    }
    out.flush()?;
    if passed {
        return Ok(ExitCode::SUCCESS);
    }
    complain(format_args!("error: the largest difference is {largest:.3e}, allowed is {:.0e}", args.atol));
    Ok(ExitCode::from(SOME_FAILED))
}

fn print(out: &mut impl Write, inspection: &Inspection) -> Result<()> {
    let Inspection { architecture, provenance, onnxruntime, generation, .. } = inspection;
    writeln!(out, "{} (format {})", inspection.dir.display(), inspection.format_version)?;

    writeln!(out, "\nfiles")?;
    let total = inspection.files.iter().map(|file| file.bytes).sum();
    let files = inspection.files.iter().map(|file| (file.name.as_str(), file.bytes));
    let files = files.chain([("together", total)]).map(|(name, bytes)| vec![name.into(), megabytes(bytes)]);
    write!(out, "{}", columns(2, &[0], files))?;

    writeln!(out, "\narchitecture")?;
    fields(out, architecture)?;
    writeln!(out, "\nprovenance")?;
    fields(out, provenance)?;
    writeln!(out, "\ngeneration")?;
    fields(out, generation)?;
    for (setting, scores) in &inspection.scores {
        writeln!(out, "\nscores: {setting}")?;
        fields(out, scores)?;
    }
    for graph in &inspection.graphs {
        writeln!(out, "\n{} ({})", graph.file, graph.precision)?;
        if let Some(producer) = &graph.producer {
            writeln!(out, "  by {producer}")?;
        }
        if let Some(folder) = &graph.optimized {
            writeln!(out, "  kept for this machine in {}", path(folder))?;
        }
        tensors(out, "in ", &graph.inputs)?;
        tensors(out, "out", &graph.outputs)?;
    }
    writeln!(out, "\nONNX Runtime {}, {} threads", onnxruntime.version, onnxruntime.threads)?;
    writeln!(out, "  {} ({})", path(&onnxruntime.library), onnxruntime.found)?;
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

fn tensors(out: &mut impl Write, side: &str, tensors: &[TensorInfo]) -> Result<()> {
    let rows = tensors.iter().map(|tensor| vec![side.into(), tensor.name.clone(), tensor.dtype.clone()]);
    Ok(write!(out, "{}", columns(2, &[0, 1, 2], rows))?)
}

/// Prints a flat record, one field on each line.
fn fields(out: &mut impl Write, record: &impl serde::Serialize) -> Result<()> {
    let serde_json::Value::Object(fields) = serde_json::to_value(record)? else { return Ok(()) };
    let rows = fields.into_iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        vec![name, text]
    });
    Ok(write!(out, "{}", columns(2, &[0, 1], rows))?)
}
