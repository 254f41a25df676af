//! The program `glimpse`: one module per subcommand. [`run`] is the whole of it, for the executable and for Python's
//! `python -m glimpse`.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod args;
mod attention;
mod bundle;
mod caption;
mod columns;
mod compare;
mod decoding;
mod evaluate;
mod inputs;
mod inspect;
mod optimize;
mod outputs;
mod progress;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use glimpse_bundle::printable;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// Caption photos with an exported bundle and ONNX Runtime.
///
/// Exit codes: 0 all done, 1 some inputs failed (each named on stderr), 2 wrong use.
#[derive(Parser)]
#[command(name = "glimpse", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bundle(bundle::Args),
    Caption(caption::Args),
    Compare(compare::Args),
    Evaluate(evaluate::Args),
    Inspect(inspect::Args),
    Optimize(optimize::Args),
}

/// The program's flags, subcommands and help, as manual pages and completions of shells are made from them.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Some inputs failed.
const SOME_FAILED: u8 = 1;
/// Wrong use: bad flags, no bundle, no ONNX Runtime.
const WRONG_USE: u8 = 2;

/// Runs the program with `arguments`, of which the first is its own name, and returns its exit code: 0 all done, 1 some
/// inputs failed, 2 wrong use. Reads standard input and the environment; prints.
///
/// The caller turns reports of ONNX Runtime off, see [`glimpse_runtime::disable_telemetry`].
pub fn run<I>(arguments: I) -> ExitCode
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let parsed = Cli::command().try_get_matches_from(arguments).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((cli, matches))
    });
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return refuse(&error),
    };
    let subcommand = matches.subcommand().map_or(&matches, |(_, subcommand)| subcommand);
    let result = match cli.command {
        Command::Bundle(args) => bundle::run(&args),
        Command::Caption(args) => caption::run(&args, subcommand),
        Command::Compare(args) => compare::run(&args, subcommand),
        Command::Evaluate(args) => evaluate::run(&args, subcommand),
        Command::Inspect(args) => inspect::run(&args),
        Command::Optimize(args) => optimize::run(&args),
    };
    result.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            // The reader of the output needs no more of it.
            return ExitCode::SUCCESS;
        }
        complain(format_args!("error: {}", glimpse_bundle::with_causes(error.as_ref())));
        ExitCode::from(WRONG_USE)
    })
}

/// Prints what is wrong with the flags, in one line: clap's message without the usage that it adds. Help is printed
/// unchanged.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Where nobody reads the help, nothing is lost.
        let _ = error.print();
        return if error.use_stderr() { ExitCode::from(WRONG_USE) } else { ExitCode::SUCCESS };
    }
    if let (ErrorKind::UnknownArgument, Some(ContextValue::String(argument))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
        && argument
            .strip_prefix('-')
            .is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
    {
        complain(format_args!("error: {argument}: a negative number is not possible here; try --help"));
        return ExitCode::from(WRONG_USE);
    }
    let text = error.to_string();
    let end = ["\n\nUsage:", "\n\nFor more information"].map(|part| text.find(part).unwrap_or(text.len()));
    let paragraphs: Vec<_> = text[..end[0].min(end[1])].split("\n\n").map(str::trim).collect();
    complain(format_args!("{}; try --help", paragraphs.join("; ")));
    ExitCode::from(WRONG_USE)
}

/// Prints one line on stderr, without the line breaks of the text. A failure to write is ignored.
fn complain(text: impl std::fmt::Display) {
    let text = text.to_string();
    let lines = text.split(['\n', '\r']).map(str::trim);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    let _ = writeln!(std::io::stderr(), "{}", printable(&lines.join(" ")));
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let of_text = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    let of_json = error.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
    of_text.or(of_json) == Some(std::io::ErrorKind::BrokenPipe)
}
