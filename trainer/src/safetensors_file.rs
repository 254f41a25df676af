//! Tensors and texts in one `.safetensors` file.

use crate::{Error, Result};
use glimpse_bundle::write_whole;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// A tensor's bytes on the CPU.
#[derive(Debug)]
pub struct Stored {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Stored {
    /// Integers stay i64, everything else becomes f32.
    pub fn new(name: &str, tensor: &Tensor) -> Self {
        let (kind, dtype) = match tensor.kind() {
            Kind::Int64 => (Kind::Int64, Dtype::I64),
            _ => (Kind::Float, Dtype::F32),
        };
        let tensor = tensor.detach().to_device(Device::Cpu).to_kind(kind).contiguous();
        let mut bytes = vec![0; tensor.numel() * kind.elt_size_in_bytes()];
        tensor.copy_data_u8(&mut bytes, tensor.numel());
        let shape = tensor.size().into_iter().map(|n| n as usize).collect();
        Self { name: name.to_string(), dtype, shape, bytes }
    }
}

/// Writes the file, all or nothing; equal content is equal bytes.
pub fn write(path: &Path, tensors: &[Stored], metadata: &BTreeMap<String, String>) -> Result<()> {
    let unwritable = |error: SafeTensorError| Error::Io {
        path: path.to_path_buf(),
        source: std::io::Error::other(error.to_string()),
    };
    let views = tensors
        .iter()
        .map(|t| Ok((&t.name, TensorView::new(t.dtype, t.shape.clone(), &t.bytes)?)))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(unwritable)?;
    let serialized = safetensors::serialize(views, None).map_err(unwritable)?;
    Ok(write_whole(path, &glimpse_export::with_metadata(&serialized, metadata))?)
}

/// The texts of a file.
pub fn read_metadata(path: &Path) -> Result<HashMap<String, String>> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let (_, header) = SafeTensors::read_metadata(&bytes)
        .map_err(|error| Error::WeightsUnreadable { path: path.to_path_buf(), reason: error.to_string() })?;
    Ok(header.metadata().clone().unwrap_or_default())
}
