//! Whole bundles in ONNX Runtime against PyTorch, by `parity.py`. Runs where `python3` (or the
//! interpreter that `GLIMPSE_PYTHON` names) has numpy, onnx, onnxruntime, pillow, safetensors, torch
//! and torchvision; says so and passes where it has not.

use crate::common;
use glimpse_bundle::Architecture;
use glimpse_export::{Weights, write_bundle};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use tempfile::tempdir;

const MODULES: &str = "numpy, onnx, onnxruntime, PIL, safetensors, torch, torchvision";

fn python() -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("GLIMPSE_PYTHON").unwrap_or("python3".into()));
    let probe = Command::new(&python).args(["-c", &format!("import {MODULES}")]).output();
    if probe.is_ok_and(|probe| probe.status.success()) {
        return Some(python);
    }
    println!("skipped: {} cannot import {MODULES}", python.display());
    None
}

/// The files beside the project, where there are any.
fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared")
}

fn check(architecture: Architecture, backbone_weights: Option<&Path>) {
    let Some(python) = python() else { return };
    let folder = tempdir().unwrap();
    let [bundle, checkpoint_file, backbone_file] =
        ["bundle", "checkpoint.safetensors", "backbone.safetensors"].map(|name| folder.path().join(name));
    let trained = backbone_weights.map(|path| Weights::read(path).unwrap());
    let weights = trained.as_ref().unwrap_or(common::weights_for(&architecture));
    weights.write(&backbone_file).unwrap();
    let checkpoint = common::checkpoint(architecture);
    checkpoint.write(&checkpoint_file).unwrap();
    write_bundle(&checkpoint, weights, &bundle).unwrap();
    // Each run uses every core; together they would only wait for each other.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let output = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity.py"))
        .args([&bundle, &checkpoint_file, &backbone_file])
        .args(backbone_weights.map(|_| "--known-grid"))
        .arg("--shared")
        .arg(shared())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn resnet50_and_the_report_model_equal_torchvision() {
    check(common::report(), None);
}

#[test]
fn efficientnet_lite0_and_the_full_model_equal_pytorch() {
    let trained = shared().join("weights/efficientnet-lite0.safetensors");
    if !trained.exists() {
        println!("{} is absent: random weights", trained.display());
    }
    check(common::full(), trained.exists().then_some(trained.as_path()));
}

#[test]
fn the_known_grid_of_real_photos_comes_out() {
    let trained = shared().join("weights/efficientnet-lite0.safetensors");
    if !trained.exists() {
        println!("skipped: {} is absent", trained.display());
        return;
    }
    let architecture = Architecture {
        encoder_dim: 1280,
        project_features: false,
        deep_output: false,
        tie_word_embeddings: false,
        ..common::full()
    };
    check(architecture, Some(&trained));
}
