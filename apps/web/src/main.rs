//! The program `glimpse-web`.

use clap::Parser;
use glimpse_bundle::Precision;
use glimpse_web::{Site, build};
use std::path::PathBuf;
use std::process::ExitCode;

/// Write the page and a bundle as static files: photos are captioned in the browser.
#[derive(Debug, Parser)]
#[command(name = "glimpse-web", version)]
struct Args {
    /// The bundle
    #[arg(long, value_name = "DIR", default_value = "models/flickr8k-edge")]
    model: PathBuf,
    /// Which of its graphs: fp32, fp16 or int8
    #[arg(long, default_value = "fp32")]
    precision: Precision,
    /// The npm package onnxruntime-web
    #[arg(long, value_name = "DIR", default_value = ".deps/web/node_modules/onnxruntime-web")]
    onnxruntime: PathBuf,
    /// The folder to write
    #[arg(long, value_name = "DIR", default_value = "dist/web")]
    output: PathBuf,
}

fn main() -> ExitCode {
    let Args { model, precision, onnxruntime, output } = Args::parse();
    let site = Site { bundle: &model, precision, onnxruntime: &onnxruntime, output: &output };
    match build(&site) {
        Ok(files) => {
            let megabytes = |bytes: usize| bytes as f64 / 1e6;
            println!("{:>8} {:>8}  MB of content, MB as stored", "content", "stored");
            for file in files.iter().filter(|file| file.is_model) {
                println!("{:8.2} {:8.2}  {}", megabytes(file.bytes), megabytes(file.stored), file.path);
            }
            let sum = |size: fn(&glimpse_web::Written) -> usize| megabytes(files.iter().map(size).sum());
            println!(
                "{:8.2} {:8.2}  all {} files",
                sum(|file| file.bytes),
                sum(|file| file.stored),
                files.len()
            );
            println!("python3 -m http.server --directory {}", output.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}", glimpse_bundle::printable(&glimpse_bundle::with_causes(&error)));
            ExitCode::from(2)
        }
    }
}
