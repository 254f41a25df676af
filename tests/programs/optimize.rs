//! Graphs that are kept as they run on this machine, and what else a start leaves behind: nothing.

#![cfg(target_os = "linux")]

use crate::{DONE, WRONG_USE, bundle, copy_of_bundle, example};
use glimpse_tests::programs::{Outcome, glimpse};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn captions(bundle: &Path) -> Vec<String> {
    let mut command = glimpse();
    command.args(["caption", "--device", "cpu", "--json", "--num-beams", "3", "--model"]).arg(bundle);
    let outcome = Outcome::of(command.arg(example("beach.jpg")));
    assert_eq!(outcome.code, Some(DONE), "{outcome:#?}");
    outcome.stdout
}

fn optimize(bundle: &Path) -> Vec<PathBuf> {
    let outcome = Outcome::of(glimpse().args(["optimize", "--json"]).arg(bundle));
    assert_eq!(outcome.code, Some(DONE), "{outcome:#?}");
    let kept: Value = serde_json::from_str(&outcome.stdout.join("\n")).unwrap();
    let folder = |graph: &Value| PathBuf::from(graph["folder"].as_str().unwrap());
    kept.as_array().unwrap().iter().map(folder).collect()
}

/// Where each of encoder and decoder is kept, as `inspect` tells it.
fn inspected(bundle: &Path) -> Vec<Option<PathBuf>> {
    let outcome = Outcome::of(glimpse().args(["inspect", "--json"]).arg(bundle));
    let inspection: Value = serde_json::from_str(&outcome.stdout.join("\n")).unwrap();
    let folder = |graph: &Value| graph["optimized"].as_str().map(PathBuf::from);
    inspection["graphs"].as_array().unwrap().iter().take(2).map(folder).collect()
}

#[test]
fn a_kept_graph_gives_the_same_words_and_is_made_once() {
    let copy = copy_of_bundle();
    let expected = captions(copy.path());
    assert_eq!(inspected(copy.path()), [None, None]);

    let kept = optimize(copy.path());
    assert_eq!(inspected(copy.path()), kept.iter().cloned().map(Some).collect::<Vec<_>>());
    assert_eq!(captions(copy.path()), expected);
    // The bundle's own file is not opened any more.
    fs::write(copy.path().join("encoder_model.onnx"), "no graph").unwrap();
    assert_eq!(captions(copy.path()), expected);

    let written = |folder: &PathBuf| fs::metadata(folder.join("model.data")).unwrap().modified().unwrap();
    fs::copy(bundle().join("encoder_model.onnx"), copy.path().join("encoder_model.onnx")).unwrap();
    let before: Vec<_> = kept.iter().map(written).collect();
    assert_eq!(optimize(copy.path()), kept);
    assert_eq!(kept.iter().map(written).collect::<Vec<_>>(), before);
}

#[test]
fn a_damaged_one_is_passed_over_and_mended() {
    let copy = copy_of_bundle();
    let expected = captions(copy.path());
    let kept = optimize(copy.path());
    for folder in &kept {
        let path = folder.join("model.data");
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 4096].fill(0x7f);
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(captions(copy.path()), expected);
    assert_eq!(optimize(copy.path()), kept);
    fs::remove_file(copy.path().join("decoder_model.onnx")).unwrap();
    fs::write(copy.path().join("decoder_model.onnx"), "no graph").unwrap();
    assert_eq!(captions(copy.path()), expected, "the mended one runs");
}

#[test]
fn what_cannot_be_kept_is_refused_in_one_line() {
    let copy = copy_of_bundle();
    fs::write(copy.path().join("optimized"), "a file where a folder should be").unwrap();
    let outcome = Outcome::of(glimpse().arg("optimize").arg(copy.path()));
    assert_eq!(outcome.code, Some(WRONG_USE), "{outcome:#?}");
    assert_eq!(outcome.stderr.len(), 1, "{outcome:#?}");
    assert!(outcome.stderr[0].contains("optimized"), "{outcome:#?}");

    fs::remove_file(copy.path().join("optimized")).unwrap();
    fs::write(copy.path().join("decoder_model.onnx"), "no graph").unwrap();
    let outcome = Outcome::of(glimpse().arg("optimize").arg(copy.path()));
    assert_eq!(outcome.code, Some(WRONG_USE), "{outcome:#?}");
    assert!(outcome.stderr[0].contains("decoder_model.onnx"), "{outcome:#?}");
}

/// ONNX Runtime 1.29 and newer would keep an identifier here, and report to its makers.
#[test]
fn nothing_is_written_to_the_users_folders() {
    let home = tempfile::tempdir().unwrap();
    let mut command = glimpse();
    command.env("HOME", home.path()).env_remove("XDG_CACHE_HOME").env_remove("ORT_DISABLE_TELEMETRY");
    // Where it believes to be tested, ONNX Runtime reports nothing anyway.
    command.env_remove("CI").env_remove("GITHUB_ACTIONS");
    command.args(["caption", "--device", "cpu", "--model"]).arg(bundle()).arg(example("beach.jpg"));
    let outcome = Outcome::of(&mut command);
    assert_eq!(outcome.code, Some(DONE), "{outcome:#?}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}
