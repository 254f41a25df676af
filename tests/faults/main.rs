//! What goes wrong around the programs: killed processes, full disks, odd pictures.
//!
//! Each test runs a script of Python, which measures processes from outside, in a short form; `make power-cuts` and
//! `make images` run them in full.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_tests::places::project;
use glimpse_tests::programs::{
    Outcome, built_as_tests, glimpse_path, glimpse_quantize_path, glimpse_train_path, python,
};
use std::process::Command;

/// Runs a script of this crate, which must succeed, and prints what it says.
fn run(mut python: Command, script: &str, configure: impl FnOnce(&mut Command)) {
    python.arg(project().join("tests").join(script));
    configure(&mut python);
    let outcome = Outcome::of(&mut python);
    println!("{}", outcome.stdout.join("\n"));
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
}

fn power_cuts(kills: &str, full_disks: &str, precision: &str) {
    let Some(python) = python("resource") else { return };
    run(python, "power_cuts/power_cuts.py", |command| {
        command.arg("--glimpse").arg(glimpse_path());
        command.arg("--train").arg(glimpse_train_path());
        command.arg("--quantize").arg(glimpse_quantize_path());
        command.args(["--kills", kills, "--full-disks", full_disks, "--precision", precision]);
    });
}

#[test]
fn a_killed_program_loses_nothing() {
    power_cuts("7", "3", "fp16");
}

/// `make power-cuts`.
#[test]
#[ignore = "takes half an hour"]
fn two_hundred_killed_programs_lose_nothing() {
    let kills = std::env::var("KILLS").unwrap_or("200".into());
    power_cuts(&kills, "30", "int8,fp16");
}

/// The table of `docs/images.md`.
#[test]
fn pictures_are_those_of_pil_and_take_no_more_than_they_may() {
    let Some(python) = python("numpy, PIL") else { return };
    run(python, "images/check.py", |command| {
        let decode = built_as_tests("--example", "decode");
        // Without optimisation it takes longer.
        command.arg("--decode").arg(decode).args(["--check", "--slower", "3"]);
    });
}
