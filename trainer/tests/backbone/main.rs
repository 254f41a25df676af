//! Weight files and backbones against PyTorch.
//!
//! The files and arrays come from `python3 trainer/tests/backbone/generate.py` (torch, torchvision,
//! safetensors, efficientnet-lite-pytorch); its header says what they are.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod grids;
mod sources;
mod state_dicts;

use std::path::PathBuf;

/// A file beside this one.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/backbone").join(name)
}
