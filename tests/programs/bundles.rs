//! Bundles that lack a file or were changed, and machines without ONNX Runtime.

use crate::{DONE, WRONG_USE, bundle, copy_of_bundle, example};
use glimpse_tests::programs::{Outcome, glimpse, glimpse_path};
use std::fs;
use std::path::Path;
use std::process::Command;

fn caption_with(bundle: &Path) -> Outcome {
    Outcome::of(
        glimpse().args(["caption", "--device", "cpu", "--model"]).arg(bundle).arg(example("beach.jpg")),
    )
}

/// One line that holds all the words; nothing captioned.
#[track_caller]
fn assert_refused(outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.code, Some(WRONG_USE), "{outcome:#?}");
    assert!(outcome.stdout.is_empty(), "{outcome:#?}");
    assert_eq!(outcome.stderr.len(), 1, "{outcome:#?}");
    for word in words {
        assert!(outcome.stderr[0].contains(word), "{:?} does not say {word:?}", outcome.stderr[0]);
    }
}

#[test]
fn a_missing_file_is_named() {
    let files = [
        "config.json",
        "preprocessor_config.json",
        "generation_config.json",
        "tokenizer.json",
        "encoder_model.onnx",
        "decoder_model.onnx",
        "SHA256SUMS",
    ];
    for file in files {
        let copy = copy_of_bundle();
        fs::remove_file(copy.path().join(file)).unwrap();
        assert_refused(&caption_with(copy.path()), &[copy.path().to_str().unwrap(), file, "missing"]);
    }
}

#[test]
fn a_changed_file_is_named() {
    for file in ["generation_config.json", "tokenizer.json", "decoder_model.onnx"] {
        let copy = copy_of_bundle();
        let path = copy.path().join(file);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_refused(&caption_with(copy.path()), &[path.to_str().unwrap(), "SHA256SUMS"]);
    }
}

#[test]
fn a_model_card_may_be_added_and_edited() {
    let copy = copy_of_bundle();
    fs::write(copy.path().join("README.md"), "# A model\n").unwrap();
    let outcome = caption_with(copy.path());
    assert_eq!(outcome.code, Some(DONE), "{outcome:#?}");
}

/// `glimpse` alone in a folder, far from any `.deps`, with an empty environment.
#[test]
fn without_onnx_runtime_one_line_says_what_was_tried() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("glimpse");
    fs::copy(glimpse_path(), &program).unwrap();
    let mut command = Command::new(&program);
    command.current_dir(folder.path()).env_clear().args(["caption", "--model"]).arg(bundle());
    let outcome = Outcome::of(command.arg(example("beach.jpg")));
    if outcome.code == Some(DONE) {
        println!("skipped: the system's loader knows an ONNX Runtime");
        return;
    }
    let folder = folder.path().canonicalize().unwrap();
    assert_refused(
        &outcome,
        &["no ONNX Runtime found", "pip install", "ORT_DYLIB_PATH", folder.to_str().unwrap()],
    );
}

/// A library that was asked for is the one that is used, or none is.
#[test]
fn a_named_library_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libonnxruntime.so");
    fs::write(&library, "no library").unwrap();
    let mut command = glimpse();
    command.env("ORT_DYLIB_PATH", &library).args(["caption", "--model"]).arg(bundle());
    let outcome = Outcome::of(command.arg(example("beach.jpg")));
    assert_refused(&outcome, &["ORT_DYLIB_PATH", library.to_str().unwrap()]);
}
