//! Feeds a fixed number of damaged inputs to every reader, on stable Rust.
//!
//! Each target runs in a process of its own, which may die; the inputs that kill it are made again from their numbers and
//! kept under `fuzz/artifacts/`.

use anyhow::{Context, Result, bail};
use clap::Parser;
use glimpse_fuzz::harness::{Inputs, Outcome, keep_panics, read_file, run};
use glimpse_fuzz::{TARGETS, Target, target};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: glimpse_fuzz::heap::Counting = glimpse_fuzz::heap::Counting;

/// An input that is still read after this time is never done.
const HANGS: Duration = Duration::from_secs(60);
/// After so many deaths a target is given up.
const MOST_DEATHS: usize = 20;

/// Feeds a fixed number of damaged inputs to everything that reads files and requests.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Inputs in all, shared equally by the targets.
    #[arg(long, default_value_t = 100_000)]
    executions: u64,
    /// A target alone; may be given several times.
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// Other inputs follow from another seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where inputs are kept that were found.
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/artifacts"))]
    artifacts: PathBuf,
    /// Read this file with the target, and say what happens.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// The file in which a process says which input it reads.
    #[arg(long, hide = true)]
    position: Option<PathBuf>,
    /// The first input of a process.
    #[arg(long, hide = true, default_value_t = 0)]
    start: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let chosen: Vec<&'static Target> = match args.targets.is_empty() {
        true => TARGETS.iter().collect(),
        false => args.targets.iter().map(|name| named(name)).collect::<Result<_>>()?,
    };
    if let (Some(position), [target]) = (&args.position, &chosen[..]) {
        return work(target, &args, position);
    }
    keep_panics();
    if let Some(file) = &args.input {
        let [target] = chosen[..] else { bail!("name the one target that reads the file") };
        return read_file(target, file).map_err(anyhow::Error::msg);
    }
    let each = args.executions.div_ceil(chosen.len() as u64);
    println!(
        "{:<18} {:>10} {:>8} {:>11} {:>9}  findings",
        "target", "executions", "seconds", "slowest ms", "heap MB"
    );
    let (mut findings, mut executions) = (0, 0);
    for target in chosen {
        let start = Instant::now();
        let (outcome, found) = watch(target, each, &args)?;
        println!(
            "{:<18} {:>10} {:>8.1} {:>11.1} {:>9.2}  {}",
            target.name,
            outcome.executions,
            start.elapsed().as_secs_f32(),
            outcome.slowest.as_secs_f32() * 1e3,
            outcome.most_heap as f32 / 1e6,
            found.len()
        );
        found.iter().for_each(|line| println!("  {line}"));
        findings += found.len();
        executions += outcome.executions;
    }
    println!("{executions} executions, {findings} findings");
    if findings > 0 {
        bail!("{findings} findings: their inputs lie in {}", args.artifacts.display());
    }
    Ok(())
}

fn named(name: &str) -> Result<&'static Target> {
    let known = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    target(name).with_context(|| format!("no target is called {name:?}; there are {}", known()))
}

/// The process of one target: prints what it found, a line each, and what it took.
fn work(target: &'static Target, args: &Args, position: &Path) -> Result<()> {
    keep_panics();
    let position = File::options().write(true).open(position)?;
    let Outcome { executions, slowest, most_heap, findings } =
        run(&Inputs::new(target, args.seed), args.start..args.executions, Some(&position))?;
    for finding in findings {
        println!("found {} {}", finding.number, finding.what.escape_debug());
    }
    println!("done {executions} {} {most_heap}", slowest.as_micros());
    Ok(())
}

/// Runs a target's processes until all inputs were read. The lines say what was found.
fn watch(target: &'static Target, executions: u64, args: &Args) -> Result<(Outcome, Vec<String>)> {
    let inputs = Inputs::new(target, args.seed);
    let position = tempfile::NamedTempFile::new()?;
    let (mut all, mut found) = (Outcome::default(), Vec::new());
    let mut start = 0_u64;
    for _ in 0..MOST_DEATHS {
        position.as_file().write_all_at(&start.to_le_bytes(), 0)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--target", target.name, "--seed", &args.seed.to_string()]);
        command.args(["--start", &start.to_string(), "--executions", &executions.to_string(), "--position"]);
        let (output, death) = finish(command.arg(position.path()), position.as_file())?;
        for line in output.lines() {
            match line.split_once(' ') {
                Some(("found", rest)) => {
                    let (number, what) = rest.split_once(' ').unwrap_or((rest, ""));
                    let number = number.parse()?;
                    found.push(format!(
                        "{number}: {what}; {}",
                        keep(&inputs, target, number, args)?.display()
                    ));
                }
                Some(("done", rest)) => add(&mut all, rest)?,
                _ => {}
            }
        }
        let Some(death) = death else { return Ok((all, found)) };
        let number = at(position.as_file())?;
        found.push(format!("{number}: {death}; {}", keep(&inputs, target, number, args)?.display()));
        all.executions += number + 1 - start;
        start = number + 1;
    }
    Ok((all, found))
}

fn add(all: &mut Outcome, line: &str) -> Result<()> {
    let numbers: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [executions, slowest, heap] = numbers[..] else { bail!("a process says {line:?}") };
    all.executions += executions;
    all.slowest = all.slowest.max(Duration::from_micros(slowest));
    all.most_heap = all.most_heap.max(heap as usize);
    Ok(())
}

/// Which input a process reads.
fn at(position: &File) -> Result<u64> {
    let mut bytes = [0; 8];
    position.read_exact_at(&mut bytes, 0)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Keeps an input.
fn keep(inputs: &Inputs, target: &Target, number: u64, args: &Args) -> Result<PathBuf> {
    let folder = args.artifacts.join(target.name);
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}-{number}", args.seed));
    glimpse_bundle::write_whole(&path, &inputs.get(number))?;
    Ok(path)
}

/// Waits for a process; what it printed, and how it died, if it did.
fn finish(command: &mut Command, position: &File) -> Result<(String, Option<String>)> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let read = |pipe: &mut dyn Read| {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
    };
    std::thread::scope(|scope| {
        let out = scope.spawn(|| out.as_mut().map_or(Ok(String::new()), |pipe| read(pipe)));
        let err = scope.spawn(|| err.as_mut().map_or(Ok(String::new()), |pipe| read(pipe)));
        let (mut last, mut since, mut hangs) = (u64::MAX, Instant::now(), false);
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            let now = at(position)?;
            if now != last {
                (last, since) = (now, Instant::now());
            } else if since.elapsed() > HANGS {
                hangs = true;
                child.kill()?;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let joined = |text: std::thread::ScopedJoinHandle<'_, std::io::Result<String>>| {
            text.join()
                .map_err(|_| anyhow::anyhow!("a pipe cannot be read"))?
                .context("a pipe cannot be read")
        };
        let (out, err) = (joined(out)?, joined(err)?);
        let death = match (hangs, status.success()) {
            (true, _) => Some(format!("it was not done after {} s", HANGS.as_secs())),
            (false, true) => None,
            (false, false) => {
                Some(format!("the process died: {status}: {}", err.lines().last().unwrap_or_default()))
            }
        };
        Ok((out, death))
    })
}
