//! An ONNX file whose weights stay in the file.
//!
//! When a file is opened by its path, ONNX Runtime reads all of it and parses it into a second copy of the weights.
//! Weights in an external file are mapped into memory instead. [`MappedModel`] makes use of that without writing to the
//! disk: it is a copy of the graph in which every large tensor is external, as a range of bytes of the same file.

use glimpse_bundle::wire::{VARINT, message, onnx, put_bytes, put_varint, rewrite};
use memmap2::Mmap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Smaller tensors, in bytes, stay in the graph: shape inference reads them, and mapping them saves nothing.
const SMALLEST: usize = 4096;

/// A graph without its large tensors, and where those are.
pub(crate) struct MappedModel {
    /// A `ModelProto` that refers to the file by name.
    pub(crate) graph: Vec<u8>,
    /// The folder that the names of external files are relative to.
    pub(crate) folder: PathBuf,
}

impl MappedModel {
    /// Reads a file's graph. `None` when no tensor is large enough to be mapped, or when the file is not an ONNX file: it
    /// can be opened by its path, or ONNX Runtime reports what is wrong.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let path = path.canonicalize()?;
        let file = File::open(&path)?;
        // SAFETY: no other process may write to the file while this function reads it. All that writes bundles here
        // puts whole folders in their place.
        let bytes = unsafe { Mmap::map(&file)? };
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return Ok(None);
        };
        let graph = externalized(&bytes, name).filter(|graph| graph.len() < bytes.len());
        Ok(graph.map(|graph| Self { graph, folder: folder.to_path_buf() }))
    }
}

/// The model with every large tensor of its main graph referring to `file`.
fn externalized(model: &[u8], file: &str) -> Option<Vec<u8>> {
    rewrite(model, 0..model.len(), |out, number, content| {
        if number != onnx::MODEL_GRAPH {
            return Some(false);
        }
        let graph = rewrite(model, content?, |out, number, content| {
            let (onnx::GRAPH_INITIALIZER, Some(tensor)) = (number, content) else { return Some(false) };
            put_bytes(out, onnx::GRAPH_INITIALIZER, &external_tensor(model, tensor, file)?);
            Some(true)
        })?;
        put_bytes(out, onnx::MODEL_GRAPH, &graph);
        Some(true)
    })
}

/// A `TensorProto` whose `raw_data`, if it is large, is named by its place in the file.
fn external_tensor(model: &[u8], tensor: Range<usize>, file: &str) -> Option<Vec<u8>> {
    rewrite(model, tensor, |out, number, content| match (number, content) {
        (onnx::TENSOR_RAW_DATA, Some(data)) if data.len() >= SMALLEST => {
            let (offset, length) = (data.start.to_string(), data.len().to_string());
            for (key, value) in [("location", file), ("offset", &offset), ("length", &length)] {
                let entry =
                    message(&[(onnx::ENTRY_KEY, key.as_bytes()), (onnx::ENTRY_VALUE, value.as_bytes())]);
                put_bytes(out, onnx::TENSOR_EXTERNAL_DATA, &entry);
            }
            put_varint(out, onnx::TENSOR_DATA_LOCATION << 3 | VARINT);
            put_varint(out, onnx::EXTERNAL);
            Some(true)
        }
        _ => Some(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model with a producer, a node, a small tensor and a large one.
    fn model(large: &[u8]) -> Vec<u8> {
        let tensor = |name: &str, data: &[u8]| {
            let mut tensor = Vec::new();
            put_varint(&mut tensor, 1 << 3 | VARINT);
            put_varint(&mut tensor, data.len() as u64);
            put_bytes(&mut tensor, 8, name.as_bytes());
            put_bytes(&mut tensor, onnx::TENSOR_RAW_DATA, data);
            tensor
        };
        let mut graph = Vec::new();
        put_bytes(&mut graph, 1, b"a node");
        put_bytes(&mut graph, onnx::GRAPH_INITIALIZER, &tensor("small", &[7; 100]));
        put_bytes(&mut graph, onnx::GRAPH_INITIALIZER, &tensor("large", large));
        let mut model = Vec::new();
        put_bytes(&mut model, 2, b"a producer");
        put_bytes(&mut model, onnx::MODEL_GRAPH, &graph);
        put_varint(&mut model, 5 << 3 | VARINT);
        put_varint(&mut model, 300);
        model
    }

    #[test]
    fn large_tensors_become_ranges_of_the_file() {
        let large: Vec<u8> = (0..10_000).map(|index| (index % 251) as u8).collect();
        let model = model(&large);
        let graph = externalized(&model, "encoder_model.onnx").unwrap();
        assert!(graph.len() < 400, "{} bytes", graph.len());

        let whole = String::from_utf8_lossy(&graph);
        for kept in ["a producer", "a node", "small", "large", "encoder_model.onnx"] {
            assert!(whole.contains(kept), "{kept} is gone");
        }
        let number_after = |key: &str| -> usize {
            let start = whole.find(key).unwrap() + key.len() + 2;
            let digits = whole[start..].chars().take_while(char::is_ascii_digit);
            digits.collect::<String>().parse().unwrap()
        };
        let (offset, length) = (number_after("offset"), number_after("length"));
        assert_eq!(&model[offset..offset + length], large);
    }

    #[test]
    fn what_is_not_a_model_is_not_changed() {
        let model = model(&[1; 5000]);
        assert_eq!(externalized(&model[..model.len() - 10], "file"), None, "cut short");
        assert_eq!(externalized(&[0xff; 40], "file"), None, "no message");
        assert_eq!(externalized(b"", "file"), Some(Vec::new()));
    }

    #[test]
    fn a_file_without_large_tensors_is_opened_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.onnx");
        std::fs::write(&path, model(&[1; 8])).unwrap();
        assert!(MappedModel::read(&path).unwrap().is_none());
        std::fs::write(&path, model(&[1; 8192])).unwrap();
        let mapped = MappedModel::read(&path).unwrap().unwrap();
        assert_eq!(mapped.folder, folder.path().canonicalize().unwrap());
    }
}
