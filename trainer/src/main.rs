//! `glimpse-train`: from captions and photos to a bundle.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod cli;

use clap::{CommandFactory, Parser, Subcommand};
use cli::terminal;
use std::process::ExitCode;

/// Train an attention-LSTM captioner on a frozen backbone.
///
/// Exit codes: 0 all done, 1 some inputs or checks failed (each named on stderr), 2 wrong use or a failure.
#[derive(Debug, Parser)]
#[command(name = "glimpse-train", version, about)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Prepare(cli::prepare::PrepareArgs),
    Features(cli::features::FeaturesArgs),
    Train(Box<cli::train::TrainArgs>),
    Average(cli::average::AverageArgs),
    Adjust(cli::adjust::AdjustArgs),
    Evaluate(cli::evaluate::EvaluateArgs),
    Sample(cli::sample::SampleArgs),
    Export(cli::export::ExportArgs),
}

fn main() -> ExitCode {
    let program = match Program::try_parse() {
        Ok(program) => program,
        Err(error) => return ExitCode::from(terminal::refuse(&error)),
    };
    let result = match program.command {
        Command::Prepare(args) => args.run(),
        Command::Features(args) => args.run(),
        Command::Train(args) => args.run(),
        Command::Average(args) => args.run(),
        Command::Adjust(args) => args.run(),
        Command::Evaluate(args) => args.run(),
        Command::Sample(args) => args.run(),
        Command::Export(args) => args.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if terminal::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::complain(&error, &Program::command());
            ExitCode::from(terminal::exit_code(&error))
        }
    }
}
