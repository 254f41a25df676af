//! The `glimpse` program.

mod cli;

fn main() -> std::process::ExitCode {
    // SAFETY: the first thing that runs.
    unsafe { glimpse_runtime::disable_telemetry() };
    cli::run()
}
