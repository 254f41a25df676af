//! From the start of a process to its first caption, its peak memory, and single photos.

use crate::Args;
use crate::fixtures::{Model, examples};
use crate::measure::Times;
use crate::peer::{Process, SCRIPT};
use crate::report::{Single, Summary};
use anyhow::Result;
use serde::Deserialize;
use serde_json::json;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

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
        let ours: Vec<OsString> = vec![
            absolute(&args.program)?.into(),
            "caption".into(),
            "--num-beams=1".into(),
            "--model".into(),
            (&model.bundle).into(),
            (&photo).into(),
        ];
        let peer: Vec<OsString> = vec![
            absolute(&args.python)?.into(),
            SCRIPT.into(),
            "onnxruntime".into(),
            (&model.bundle).into(),
            (&photo).into(),
            "--once".into(),
        ];
        let commands = [("start to first caption, Glimpse", ours), ("start to first caption, Python", peer)];
        let mut found = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
        for _ in 0..args.rounds {
            for ((_, command), (seconds, memory)) in commands.iter().zip(&mut found) {
                let argv: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
                let ended: Ended = runner.ask(&json!({ "argv": argv }))?;
                seconds.push(ended.seconds);
                memory.push(ended.peak_memory_mb);
            }
        }
        for ((what, _), (seconds, memory)) in commands.iter().zip(found) {
            summary.single.push(Single {
                model: model.name.into(),
                what: what.to_string(),
                times: Times::of(seconds),
                peak_memory_mb: memory.into_iter().reduce(f64::max),
            });
        }
        summary.single.push(reading(model, args.rounds)?);
    }
    Ok(())
}

/// Reading the bundle's files, which no start can avoid.
fn reading(model: &Model, rounds: usize) -> Result<Single> {
    let mut seconds = Vec::new();
    let mut bytes = 0;
    for _ in 0..rounds {
        let start = Instant::now();
        bytes = 0;
        for entry in std::fs::read_dir(&model.bundle)? {
            bytes += std::fs::read(entry?.path())?.len();
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    let what = format!("reading the bundle's {:.1} MB", bytes as f64 / 1e6);
    Ok(Single { model: model.name.into(), what, times: Times::of(seconds), peak_memory_mb: None })
}

fn absolute(path: &Path) -> Result<PathBuf> {
    Ok(std::path::absolute(path)?)
}
