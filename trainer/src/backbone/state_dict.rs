use crate::{Error, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::{Kind, TchError, Tensor};

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
    ///
    /// # Errors
    /// [`Error::WeightsMissing`] and [`Error::WeightsUnreadable`], which says what the file is instead.
    pub fn read(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(Error::WeightsMissing { path: path.to_path_buf() });
        }
        let unreadable = |reason| Error::WeightsUnreadable { path: path.to_path_buf(), reason };
        let tensors = match path.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => {
                Tensor::read_safetensors(path).map_err(|source| unreadable(reason(source)))?
            }
            Some("pth" | "pt" | "bin") => super::pickle::read(path)?,
            _ => return Err(unreadable("the name ends in none of .safetensors, .pth, .pt, .bin".into())),
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

    /// Whether there is a weight called `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Refuses a file without a weight called `name`.
    pub(super) fn check_contains(&self, name: &str) -> Result<()> {
        match self.contains(name) {
            true => Ok(()),
            false => Err(Error::WeightMissing { name: name.to_string(), path: self.source.clone() }),
        }
    }

    /// Every weight with its name, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}

/// tch's words without the path, which the error names already.
fn reason(error: TchError) -> String {
    match error {
        TchError::SafeTensorError { err, .. } => format!("it is cut short or no safetensors file ({err})"),
        other => other.to_string(),
    }
}
