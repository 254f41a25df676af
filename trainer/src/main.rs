//! `glimpse-train`: from captions and photos to a bundle.

mod cli;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Train an attention-LSTM captioner on a frozen backbone.
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
            eprintln!("error: {}", glimpse_bundle::with_causes(error.as_ref()));
            ExitCode::from(2)
        }
    }
}
