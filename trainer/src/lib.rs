//! Trains an attention-LSTM captioner on a frozen backbone with libtorch.
//!
//! Data flows one way: captions and photos ([`dataset`]) -> grids ([`features`]) -> checkpoint
//! ([`training`]) -> bundle (`glimpse-export`).

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod backbone;
pub mod dataset;
pub mod decode;
pub mod device;
mod error;
pub mod evaluation;
pub mod exporting;
pub mod features;
mod folder_lock;
mod memory;
pub mod model;
mod observer;
mod safetensors_file;
pub mod training;
pub mod word_vectors;

pub use error::{Error, Result};
pub use folder_lock::FolderLock;
pub use observer::{Observer, Silent};

/// Batches that are made ahead of their use, for each thread that makes some.
const READ_AHEAD: usize = 2;
