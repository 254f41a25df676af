//! `glimpse` run as a user would: what it takes, what it prints, how it ends, and what it says when
//! something is wrong.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod bundles;
mod compare;
mod evaluate;
mod hostile;
mod inputs;
mod optimize;
mod outputs;

use glimpse_tests::models::{self, SeededModel};
use glimpse_tests::places::examples;
use glimpse_tests::programs::glimpse;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

/// All went well.
const DONE: i32 = 0;
/// Some photos failed.
const SOME_FAILED: i32 = 1;
/// Nothing could be done.
const WRONG_USE: i32 = 2;

/// A bundle whose words mean nothing.
fn bundle() -> &'static Path {
    static MODEL: LazyLock<SeededModel> = LazyLock::new(|| SeededModel::write(models::small()));
    &MODEL.bundle
}

/// A copy of it, to be changed.
fn copy_of_bundle() -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(bundle()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

/// `glimpse caption` with that bundle.
fn caption() -> Command {
    let mut command = glimpse();
    command.args(["caption", "--device", "cpu", "--model"]).arg(bundle());
    command
}

fn example(name: &str) -> PathBuf {
    examples().join(name)
}

/// The keys of a JSON object, sorted.
fn keys(object: &Value) -> Vec<String> {
    let mut keys: Vec<_> = object.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    keys
}
