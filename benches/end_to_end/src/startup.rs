//! From the start of a process to its first caption, its peak memory, and single photos.

use crate::Args;
use crate::fixtures::{Model, Variant, examples};
use crate::measure::Times;
use crate::peer::{Process, SCRIPT};
use crate::report::{Single, Summary};
use anyhow::{Result, ensure};
use glimpse_bundle::{DECODER, ENCODER, model_file};
use serde::Deserialize;
use serde_json::json;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The program that is started.
const VARIANTS: [Variant; 2] = [Variant::F32, Variant::INT8];
const RUNNER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/processes.py");

#[derive(Deserialize)]
struct Ended {
    /// From the start to the first line of output.
    seconds: f64,
    peak_memory_mb: f64,
}

/// Starts the program and its peer in turns, on one photo.
pub fn measure(args: &Args, models: &[Model], summary: &mut Summary) -> Result<()> {
    let photo = examples()?.swap_remove(0);
    let mut runner = Process::start(&args.python, RUNNER, &[])?;
    for model in models {
        eprintln!("==> {}, starts", model.name);
        let mut starts = vec![Start::python(args, model, &photo)?];
        let optimized = optimized(args, model)?;
        for variant in VARIANTS {
            starts.push(Start::glimpse(args, &model.bundle, variant, "", &photo)?);
            starts.push(Start::glimpse(args, &optimized, variant, " after `glimpse optimize`", &photo)?);
        }
        for _ in 0..args.rounds {
            for start in &mut starts {
                start.run(&mut runner)?;
            }
        }
        for Start { what, seconds, memory, .. } in starts {
            summary.single.push(Single {
                model: model.name.into(),
                what,
                times: Times::of(seconds),
                peak_memory_mb: memory.into_iter().reduce(f64::max),
            });
        }
        for variant in VARIANTS {
            summary.single.push(reading(model, variant, args.rounds)?);
        }
    }
    Ok(())
}

/// A program that captions one photo by greedy search, and how its starts went.
struct Start {
    what: String,
    argv: Vec<String>,
    seconds: Vec<f64>,
    memory: Vec<f64>,
}

impl Start {
    fn new(what: String, argv: &[&OsStr]) -> Self {
        let argv = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Self { what, argv, seconds: Vec::new(), memory: Vec::new() }
    }

    fn glimpse(args: &Args, bundle: &Path, variant: Variant, note: &str, photo: &Path) -> Result<Self> {
        let program = std::path::absolute(&args.program)?;
        let precision = precision_flag(variant);
        let fixed = ["caption", "--device=cpu", "--num-beams=1", &precision, "--model"].map(OsStr::new);
        let argv = [&[program.as_os_str()], &fixed[..], &[bundle.as_ref(), photo.as_ref()]].concat();
        Ok(Self::new(format!("start to first caption, Glimpse, {}{note}", variant.name), &argv))
    }

    fn python(args: &Args, model: &Model, photo: &Path) -> Result<Self> {
        let python = std::path::absolute(&args.python)?;
        let argv = [
            python.as_os_str(),
            SCRIPT.as_ref(),
            "onnxruntime".as_ref(),
            model.bundle.as_ref(),
            photo.as_ref(),
            "--once".as_ref(),
        ];
        Ok(Self::new("start to first caption, onnxruntime in Python, f32".into(), &argv))
    }

    fn run(&mut self, runner: &mut Process) -> Result<()> {
        let ended: Ended = runner.ask(&json!({ "argv": self.argv }))?;
        self.seconds.push(ended.seconds);
        self.memory.push(ended.peak_memory_mb);
        Ok(())
    }
}

fn precision_flag(variant: Variant) -> String {
    format!("--precision={},{}", variant.encoder, variant.decoder)
}

/// A copy of the bundle whose graphs are kept as they run on this machine.
fn optimized(args: &Args, model: &Model) -> Result<PathBuf> {
    let copy = model.bundle.with_file_name("optimized-bundle");
    let _ = std::fs::remove_dir_all(&copy);
    std::fs::create_dir_all(&copy)?;
    for entry in std::fs::read_dir(&model.bundle)? {
        let entry = entry?;
        std::fs::copy(entry.path(), copy.join(entry.file_name()))?;
    }
    for variant in VARIANTS {
        let mut command = Command::new(&args.program);
        command.arg("optimize").arg(&copy).arg(precision_flag(variant)).stdout(Stdio::null());
        ensure!(command.status()?.success(), "{command:?} failed");
    }
    Ok(copy)
}

/// Reading the graphs, which no start can avoid.
fn reading(model: &Model, variant: Variant, rounds: usize) -> Result<Single> {
    let files = [model_file(ENCODER, variant.encoder), model_file(DECODER, variant.decoder)];
    let mut seconds = Vec::new();
    let mut bytes = 0;
    for _ in 0..rounds {
        let start = Instant::now();
        bytes = 0;
        for file in &files {
            bytes += std::fs::read(model.bundle.join(file))?.len();
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    let what = format!("reading the {} graphs, {:.1} MB", variant.name, bytes as f64 / 1e6);
    Ok(Single { model: model.name.into(), what, times: Times::of(seconds), peak_memory_mb: None })
}
