//! The program `glimpse-serve`.

use clap::Parser;
use glimpse_server::{Args, run, share_heap};
use std::process::ExitCode;

fn main() -> ExitCode {
    // SAFETY: the first thing that runs.
    unsafe { glimpse_runtime::disable_telemetry() };
    share_heap();
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = glimpse_bundle::with_causes(error.as_ref());
            eprintln!("error: {}", glimpse_bundle::printable(&error));
            ExitCode::from(2)
        }
    }
}
