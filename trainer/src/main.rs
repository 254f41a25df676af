//! `glimpse-train`: from captions and photos to a bundle.

mod cli;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Train an attention-LSTM captioner on a frozen backbone.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Prepare(cli::prepare::PrepareArgs),
    Features(cli::features::FeaturesArgs),
    Train(Box<cli::train::TrainArgs>),
    Evaluate(cli::evaluate::EvaluateArgs),
    Sample(cli::sample::SampleArgs),
    Export(cli::export::ExportArgs),
}

fn main() -> ExitCode {
    let result = match Program::parse().command {
        Command::Prepare(args) => args.run(),
        Command::Features(args) => args.run(),
        Command::Train(args) => args.run(),
        Command::Evaluate(args) => args.run(),
        Command::Sample(args) => args.run(),
        Command::Export(args) => args.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", one_line(&error));
            ExitCode::from(2)
        }
    }
}

/// An error with its causes; many name theirs already.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !line.contains(&cause) {
            line += if line.is_empty() { "" } else { ": " };
            line += &cause;
        }
    }
    line
}
