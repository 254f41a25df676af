//! The program `glimpse`; all of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // SAFETY: no other thread runs yet.
    unsafe { glimpse_runtime::disable_telemetry() };
    glimpse_cli::run(std::env::args_os())
}
