//! A fixed number of damaged inputs for every reader, and those that were found before. `make fuzz` reads millions.

#![allow(clippy::unwrap_used)]

use glimpse_fuzz::TARGETS;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Enough to find what was found in this code, in a few seconds for each of two processes.
const EXECUTIONS: u64 = 12_000;

fn fuzz(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_glimpse-fuzz"))
        .args(arguments)
        .arg("--artifacts")
        .arg(folder.path())
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn no_reader_does_what_it_must_not() {
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    let each = (EXECUTIONS / names.len() as u64).to_string();
    // As many processes at once as a small machine has cores.
    let run = |half: &[&'static str]| -> Vec<(&str, Output)> {
        half.iter().map(|name| (*name, fuzz(&["--target", name, "--executions", &each]))).collect()
    };
    std::thread::scope(|scope| {
        let halves = names.chunks(names.len().div_ceil(2));
        let halves: Vec<_> = halves.map(|half| scope.spawn(|| run(half))).collect();
        let outputs: Vec<_> = halves.into_iter().flat_map(|half| half.join().unwrap()).collect();
        assert_eq!(outputs.len(), TARGETS.len());
        for (name, output) in outputs {
            let said = text(&output.stdout);
            assert!(output.status.success(), "{name}: {said}{}", text(&output.stderr));
            assert!(said.contains(&format!("{each} executions, 0 findings")), "{said}");
        }
    });
}

/// The inputs in `findings/TARGET/`: each made a reader do what it must not, once.
#[test]
fn what_was_found_stays_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("findings");
    let files = |folder: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let mut count = 0;
    for target in files(&folder) {
        let name = target.file_name().unwrap().to_str().unwrap().to_owned();
        // Without libtorch, some targets are not there.
        if !TARGETS.iter().any(|target| target.name == name) {
            continue;
        }
        for file in files(&target) {
            let output = fuzz(&["--target", &name, "--input", file.to_str().unwrap()]);
            assert!(output.status.success(), "{}: {}", file.display(), text(&output.stderr));
            count += 1;
        }
    }
    assert!(count >= 4, "{count} inputs");
}

/// A harness that finds nothing is worth nothing: what a target forbids ends with its input kept.
#[test]
fn what_a_reader_must_not_do_is_found() {
    use glimpse_fuzz::harness::{Inputs, Outcome, keep_panics, run};
    use glimpse_fuzz::{Target, mutate};
    const PANICS: Target = Target {
        name: "panics",
        seeds: || vec![b"abc".to_vec()],
        mutate: mutate::bytes,
        run: |input| assert!(input.len() < 8 && !input.contains(&0xff), "a rule"),
        max_heap: usize::MAX,
    };
    keep_panics();
    let inputs = Inputs::new(&PANICS, 1);
    let Outcome { executions, findings, .. } = run(&inputs, 0..500, None).unwrap();
    assert_eq!((executions, findings.len()), (500, 1), "one place in the code is one finding: {findings:?}");
    assert!(findings[0].what.starts_with("a rule at ") && findings[0].what.contains("fixed_count.rs"));
    let input = inputs.get(findings[0].number);
    assert!(input.len() >= 8 || input.contains(&0xff), "the input is made again: {input:?}");
    assert_eq!(inputs.get(0), b"abc", "the seeds come first");
}
