//! The examples of the runtime library, run as a reader would run them.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use std::path::Path;
use std::process::Command;

/// What an example prints, line by line; `None` without ONNX Runtime. Cargo builds the examples of a package before it
/// runs the package's tests, beside them.
fn run(example: &str) -> Option<Vec<String>> {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples").join(example);
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(program).current_dir(project).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    if stderr.contains("no ONNX Runtime found") || stderr.contains("NotFound {") {
        println!("skipped: there is no ONNX Runtime (make deps)");
        return None;
    }
    assert!(output.status.success(), "{example}: {stderr}");
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_string).collect())
}

#[test]
fn the_examples_agree_with_each_other() {
    let Some(file) = run("caption_file") else { return };
    let [caption] = file.as_slice() else { panic!("one caption is due: {file:?}") };
    assert!(caption.ends_with('.') && caption.split(' ').count() > 3, "{caption}");

    let widths = run("compare_widths").unwrap();
    let [greedy, three, five] = widths.as_slice() else { panic!("three widths are due: {widths:?}") };
    assert!(greedy.starts_with("1 beams: ") && three.starts_with("3 beams: "), "{widths:?}");
    // The shipped bundle searches with five beams.
    assert!(five.ends_with(caption), "{five:?} is not {caption:?}");

    let folder = run("stream_folder").unwrap();
    assert_eq!(folder.len(), 5, "{folder:?}");
    assert_eq!(folder[0], format!("assets/photos/beach.jpg: {caption}"));

    let attention = run("attention").unwrap();
    let tokens: Vec<_> = attention.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(tokens.last(), Some(&"<eos>"), "{attention:?}");
    assert_eq!(tokens[..tokens.len() - 1].join(" ").replace(" .", "."), *caption);
}
