//! Graphs of other precisions on disk: a bundle in, a bundle out.

use crate::Result;
use glimpse_bundle::{Bundle, CHECKSUMS, Precision};
use glimpse_export::graph::Model;
use glimpse_export::{BundleDraft, BundleReport, Error as ExportError};
use std::ffi::OsStr;
use std::path::Path;

/// A graph for a bundle.
#[derive(Debug)]
pub struct Variant {
    /// What the graph is for, as in [`glimpse_bundle::ENCODER`].
    pub stem: &'static str,
    /// The number format of its weights.
    pub precision: Precision,
    /// The graph.
    pub model: Model,
}

/// Writes `variants` and the files of `bundle` into `dir`, which appears whole or not at all.
///
/// Where `dir` is the bundle's own folder, graphs of other precisions stay, and what `glimpse optimize` kept of
/// them goes. Any other folder gets the variants as its only graphs: a bundle for a device that should not carry
/// the rest.
///
/// # Errors
/// `dir` holds something other than a bundle; files that cannot be read or written.
pub fn write_variants(bundle: &Bundle, variants: Vec<Variant>, dir: &Path) -> Result<BundleReport> {
    let draft = BundleDraft::new(dir)?;
    let in_place = draft.replaces(bundle.dir())?;
    let io = |source| ExportError::Io { path: bundle.dir().to_path_buf(), source };
    for entry in std::fs::read_dir(bundle.dir()).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let is_graph = path.extension() == Some(OsStr::new("onnx"));
        let is_checksums = path.file_name() == Some(OsStr::new(CHECKSUMS));
        if path.is_file() && !is_checksums && (in_place || !is_graph) {
            draft.copy(&path)?;
        }
    }
    for Variant { stem, precision, model } in variants {
        draft.add_graph(stem, precision, model)?;
    }
    Ok(draft.finish(&bundle.generation)?)
}
