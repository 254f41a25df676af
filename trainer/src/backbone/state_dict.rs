use crate::{Error, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor};

/// The named weights of a checkpoint file, as PyTorch calls them.
#[derive(Debug)]
pub struct StateDict {
    tensors: HashMap<String, Tensor>,
    source: PathBuf,
}

impl StateDict {
    /// Weights that were made rather than read; `source` names them in errors.
    pub fn new(tensors: impl IntoIterator<Item = (String, Tensor)>, source: impl Into<PathBuf>) -> Self {
        Self { tensors: tensors.into_iter().collect(), source: source.into() }
    }

    /// Reads a `.safetensors` file, or a `.pth`/`.pt`/`.bin` file that `torch.save` wrote.
    pub fn read(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(Error::WeightsMissing { path: path.to_path_buf() });
        }
        let tensors = match path.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => Tensor::read_safetensors(path).map_err(|source| {
                Error::WeightsUnreadable { path: path.to_path_buf(), reason: source.to_string() }
            })?,
            Some("pth" | "pt" | "bin") => super::pickle::read(path)?,
            _ => {
                return Err(Error::WeightsUnreadable {
                    path: path.to_path_buf(),
                    reason: "the name ends in none of .safetensors, .pth, .pt, .bin".into(),
                });
            }
        };
        Ok(Self::new(tensors, path))
    }

    /// The weight called `name` as f32, which must have the given shape.
    pub fn get(&self, name: &str, shape: &[i64]) -> Result<Tensor> {
        let tensor = self
            .tensors
            .get(name)
            .ok_or_else(|| Error::WeightMissing { name: name.to_string(), path: self.source.clone() })?;
        if tensor.size() != shape {
            return Err(Error::WeightShape {
                name: name.to_string(),
                path: self.source.clone(),
                expected: shape.to_vec(),
                found: tensor.size(),
            });
        }
        Ok(tensor.to_kind(Kind::Float))
    }

    /// Every weight with its name, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}
