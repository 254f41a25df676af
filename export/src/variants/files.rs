//! Variants on disk: a bundle in, a bundle out.

use crate::bundle_writer::{BundleReport, model_bytes, report, resolve, target_is_free};
use crate::captioner::write_captioners;
use crate::graph::Model;
use crate::proto::ModelProto;
use crate::{Error, Result};
use glimpse_bundle::{Bundle, CHECKSUMS, Precision, WholeFolder, model_file, seal, write_whole};
use prost::Message;
use prost::bytes::Bytes;
use std::ffi::OsStr;
use std::path::Path;

/// Reads an `.onnx` file that this crate wrote; weights stay where the file's bytes lie.
///
/// # Errors
/// [`Error::Io`] and [`Error::NotOnnx`], each with the path.
pub fn read_model(path: &Path) -> Result<ModelProto> {
    let bytes = Bytes::from(std::fs::read(path).map_err(Error::io(path))?);
    ModelProto::decode(bytes).map_err(|source| Error::NotOnnx { path: path.to_path_buf(), source })
}

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
/// them goes. Any other folder gets the variants as its only graphs: a bundle for a device that shall not carry
/// the rest.
///
/// # Errors
/// [`Error::TargetInUse`]: `dir` is neither free, nor empty, nor a bundle; and what keeps files from
/// being read or written.
pub fn write_variants(bundle: &Bundle, variants: Vec<Variant>, dir: &Path) -> Result<BundleReport> {
    let source = resolve(bundle.dir())?;
    let target = resolve(dir)?;
    target_is_free(dir)?;
    let folder = WholeFolder::beside(&target)?;
    for entry in std::fs::read_dir(&source).map_err(Error::io(&source))? {
        let path = entry.map_err(Error::io(&source))?.path();
        let is_graph = path.extension() == Some(OsStr::new("onnx"));
        let name = path.file_name().unwrap_or_default();
        if path.is_file() && name != CHECKSUMS && (source == target || !is_graph) {
            std::fs::copy(&path, folder.path().join(name)).map_err(Error::io(&path))?;
        }
    }
    for Variant { stem, precision, model } in variants {
        let file = model_file(stem, precision);
        let bytes = model_bytes(&file, model)?;
        let path = folder.path().join(file);
        write_whole(&path, &bytes)?;
    }
    write_captioners(folder.path(), &bundle.generation)?;
    seal(folder.path())?;
    folder.publish()?;
    report(dir)
}
