//! Writes what a release holds beside the programs.

use anyhow::{Context, Result};
use clap::Parser;
use glimpse_packaging::{Parts, Release, completions, licences, manual_pages, sbom};
use std::fs;
use std::path::{Path, PathBuf};

/// Write manual pages, completions of shells, licences of crates and a CycloneDX list of the parts of a release
#[derive(Parser)]
#[command(name = "glimpse-packaging")]
struct Args {
    /// The target of the release, e.g. x86_64-unknown-linux-gnu
    #[arg(long, value_name = "TRIPLE")]
    target: String,
    /// When the release was made, e.g. 2026-11-28T12:00:00Z
    #[arg(long, value_name = "TIME")]
    timestamp: String,
    /// Version of the ONNX Runtime in the release
    #[arg(long, value_name = "VERSION")]
    onnxruntime: String,
    /// Version of the Rust compiler, whose standard library is in the programs
    #[arg(long, value_name = "VERSION")]
    rustc: String,
    /// The folder to fill: man1/, completions/, licences/crates.txt, sbom.cdx.json
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let folder = |name| {
        let folder = args.output.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        anyhow::Ok(folder)
    };
    manual_pages(&folder("man1")?)?;
    completions(&folder("completions")?)?;

    let parts = Parts::of_programs(Path::new("."), &args.target)?;
    write(&folder("licences")?.join("crates.txt"), &licences(&parts)?)?;
    let release = Release {
        target: &args.target,
        timestamp: &args.timestamp,
        onnxruntime: &args.onnxruntime,
        rustc: &args.rustc,
    };
    let sbom = serde_json::to_string_pretty(&sbom(&parts, &release))? + "\n";
    write(&args.output.join("sbom.cdx.json"), &sbom)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
