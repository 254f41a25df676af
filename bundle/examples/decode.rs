//! Decodes a picture: its size on the first line, then its pixels, three bytes each. On Linux, the last line on stderr is
//! the most memory that the process had, in kB.
//!
//!     cargo run -p glimpse-bundle --example decode -- photo.jpg > pixels

use glimpse_bundle::image::{Limits, load};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: decode PICTURE");
        return ExitCode::from(2);
    };
    let written = load(path.as_path().into(), &Limits::default(), |photo| {
        if let Some(warning) = photo.warning {
            eprintln!("warning: {warning}");
        }
        let (width, height) = photo.image.dimensions();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{width} {height}").and_then(|()| out.write_all(photo.image.as_raw()))
    });
    let code = match written {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        eprintln!("{}", peak.trim());
    }
    code
}
