//! What `fuzz/` calls.

use crate::mapped_model::MappedModel;
use std::io;
use std::path::Path;

/// The graph of a file without its large tensors, where it has such.
///
/// # Errors
/// A file that cannot be read.
pub fn graph_without_weights(path: &Path) -> io::Result<Option<Vec<u8>>> {
    Ok(MappedModel::read(path)?.map(|model| model.graph))
}
