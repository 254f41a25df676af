//! What the program prints, and how it ends.

use glimpse_bundle::printable;
use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// Some inputs failed, or a check of the result did; each is named on stderr, and the other results stand.
pub const SOME_FAILED: u8 = 1;
/// Nothing, or not all, could be done: wrong flags or files, a full disk, a loss that is not a number.
pub const WRONG_USE: u8 = 2;

/// Why a command that did its work ends with [`SOME_FAILED`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SomeFailed(pub String);

/// Prints to stderr, line by line; what a terminal would obey is escaped.
pub fn note(text: impl Display) {
    for line in text.to_string().lines() {
        // There is no place left to report that stderr is closed.
        let _ = writeln!(std::io::stderr(), "{}", printable(line));
    }
}

/// Prints one line on stdout; what a terminal would obey is escaped.
pub fn say(line: impl Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{}", printable(&line.to_string()))
}

/// An error in one line. The library names an option `` `max_bad_images` ``, which is `--max-bad-images` here.
pub fn complain(error: &anyhow::Error, program: &clap::Command) {
    let text = one_line(&glimpse_bundle::with_causes(error.as_ref()));
    note(format_args!("error: {}", with_flags(&text, program)));
}

/// `text` with the options in it as the program's flags.
fn with_flags(text: &str, program: &clap::Command) -> String {
    let is_flag = |name: &str| {
        let flags = program.get_subcommands().flat_map(clap::Command::get_arguments);
        flags.filter_map(clap::Arg::get_long).any(|flag| flag == name)
    };
    let part = |(index, part): (usize, &str)| match part.replace('_', "-") {
        flag if index % 2 == 1 && is_flag(&flag) => format!("--{flag}"),
        _ if index % 2 == 1 => format!("`{part}`"),
        _ => part.to_owned(),
    };
    // What stands at an odd place is between two backticks.
    text.split('`').enumerate().map(part).collect()
}

/// Says what is wrong with the flags in one line, without the usage that clap adds, and gives the exit code. Help is
/// printed as it is.
pub fn refuse(error: &clap::Error) -> u8 {
    if !error.use_stderr() || error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    {
        error.exit();
    }
    let text = error.to_string();
    let message = text.split("\n\nUsage:").next().unwrap_or_default();
    let message = message.split("\n\nFor more information").next().unwrap_or_default();
    let paragraphs: Vec<_> = message.split("\n\n").map(one_line).collect();
    note(format_args!("{}; try --help", paragraphs.join("; ")));
    WRONG_USE
}

fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}

/// Whether whoever read stdout has seen enough.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// The exit code of a command that failed.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let of_photo = matches!(error.downcast_ref(), Some(glimpse_trainer::Error::Photo { .. }));
    if of_photo || error.is::<SomeFailed>() { SOME_FAILED } else { WRONG_USE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};
    use glimpse_trainer::Error;
    use std::path::PathBuf;

    #[test]
    fn options_are_told_as_flags() {
        let program = clap::Command::new("p")
            .subcommand(clap::Command::new("train").arg(clap::Arg::new("a").long("max-bad-images")));
        let told = with_flags("more than `max_bad_images` 3; run `glimpse-train features`", &program);
        assert_eq!(told, "more than --max-bad-images 3; run `glimpse-train features`");
    }

    #[test]
    fn exit_codes_tell_failed_inputs_from_wrong_use() {
        let path = || PathBuf::from("a.jpg");
        let io = || std::io::Error::from(ErrorKind::NotFound);
        let photo = || Error::Photo { path: path(), source: glimpse_bundle::Error::io(path())(io()) };
        let invalid = || Error::Invalid { what: "--epochs", reason: "is 0".into() };
        for (error, code) in [
            (photo().into(), SOME_FAILED),
            (Err::<(), _>(photo()).context("features").unwrap_err(), SOME_FAILED),
            (SomeFailed("1 photo".into()).into(), SOME_FAILED),
            (invalid().into(), WRONG_USE),
            (Error::io("data")(io()).into(), WRONG_USE),
            (Error::InUse { path: path() }.into(), WRONG_USE),
            (anyhow!("--seed: nothing is drawn"), WRONG_USE),
        ] {
            assert_eq!(exit_code(&error), code, "{error:#}");
        }
    }
}
