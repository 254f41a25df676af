use anyhow::Result;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use std::path::Path;

/// The programs of a release, as clap knows them.
pub fn programs() -> [Command; 2] {
    [glimpse_cli::command(), glimpse_server::Args::command()]
}

/// Writes a manual page of each program and subcommand into `folder`.
///
/// # Errors
/// A file that cannot be written.
pub fn manual_pages(folder: &Path) -> Result<()> {
    for program in programs() {
        clap_mangen::generate_to(program, folder)?;
    }
    Ok(())
}

/// Writes each program's completions for bash, fish and zsh into `folder`, under the names that the shells look for.
///
/// # Errors
/// A file that cannot be written.
pub fn completions(folder: &Path) -> Result<()> {
    for mut program in programs() {
        let name = program.get_name().to_string();
        for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
            clap_complete::generate_to(shell, &mut program, &name, folder)?;
        }
    }
    Ok(())
}
