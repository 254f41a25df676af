use super::DecoderKind;
use crate::backbone::StateDict;
use crate::word_vectors::WordVectors;
use crate::{Error, Result};
use glimpse_bundle::Architecture;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Named trainable weights, in a fixed order.
#[derive(Debug)]
pub struct Parameters {
    tensors: BTreeMap<String, Tensor>,
    /// Those that belong to the backbone.
    backbone: BTreeSet<String>,
}

/// The weights and sizes that a decoder computes with.
#[derive(Debug, Clone, Copy)]
pub struct ModelWeights<'a> {
    /// By name.
    pub parameters: &'a Parameters,
    /// The sizes that their shapes follow from.
    pub sizes: &'a Architecture,
}

/// How a weight begins.
#[derive(Debug, Clone, Copy)]
pub enum Init {
    /// Zeros.
    Zeros,
    /// Ones.
    Ones,
    /// Uniform in +-sqrt(6 / (in + out)) (Glorot and Bengio 2010).
    Xavier,
    /// Normal around 0, with this standard deviation.
    Normal(f64),
    /// Zeros, and ones for the forget gate (Jozefowicz et al. 2015).
    LstmBias,
}

impl Parameters {
    pub(super) fn init(kind: &dyn DecoderKind, architecture: &Architecture, device: Device) -> Result<Self> {
        let tensors = shapes(kind.name(), architecture)?
            .map(|(name, shape)| {
                let tensor = Tensor::zeros(&shape, (Kind::Float, Device::Cpu));
                fill(&tensor, kind.init(name, architecture));
                (name.to_string(), tensor.to_device(device).set_requires_grad(true))
            })
            .collect();
        Ok(Self { tensors, backbone: BTreeSet::new() })
    }

    /// Takes the weights of a decoder of this kind and these sizes out of a safetensors file; others are ignored.
    pub fn read(path: &Path, kind: &str, architecture: &Architecture, device: Device) -> Result<Self> {
        Self::from_dict(&StateDict::read(path)?, kind, architecture, device)
    }

    /// Takes the weights of a decoder of this kind and these sizes; others are ignored.
    pub fn from_dict(
        dict: &StateDict,
        kind: &str,
        architecture: &Architecture,
        device: Device,
    ) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for (name, shape) in shapes(kind, architecture)? {
            let tensor = dict.get(name, &shape)?.to_device(device).set_requires_grad(true);
            tensors.insert(name.to_string(), tensor);
        }
        Ok(Self { tensors, backbone: BTreeSet::new() })
    }

    /// Adds weights of the backbone.
    pub(super) fn add_backbone(&mut self, weights: &[(String, Tensor)]) {
        for (name, value) in weights {
            self.tensors.insert(name.clone(), value.copy().set_requires_grad(true));
            self.backbone.insert(name.clone());
        }
    }

    /// Whether the weight called `name` is the backbone's.
    pub fn is_backbone(&self, name: &str) -> bool {
        self.backbone.contains(name)
    }

    /// Overwrites every weight by that of the same name in `dict`.
    ///
    /// # Errors
    /// The first weight that is missing or of another shape; those before it are overwritten.
    pub fn load(&self, dict: &StateDict) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for (name, tensor) in self.iter() {
            tensor.shallow_clone().copy_(&dict.get(name, &tensor.size())?);
        }
        Ok(())
    }

    pub(super) fn check(&self, kind: &str, architecture: &Architecture) -> Result<()> {
        for (name, shape) in shapes(kind, architecture)? {
            let found = self.tensors.get(name).map(Tensor::size).unwrap_or_default();
            if found != shape {
                return Err(Error::Invalid {
                    what: "weights",
                    reason: format!("{name} has shape {found:?}, the architecture wants {shape:?}"),
                });
            }
        }
        Ok(())
    }

    /// The weight called `name`.
    ///
    /// # Panics
    /// When the architecture has no such weight, which is a mistake in this crate.
    pub fn get(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("no weight is called {name}"))
    }

    /// Every weight with its name, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Copies of the weights, outside of any gradient.
    pub fn snapshot(&self) -> Vec<(String, Tensor)> {
        tch::no_grad(|| {
            self.iter().map(|(name, tensor)| (name.to_string(), tensor.detach().copy())).collect()
        })
    }

    /// Overwrites the weights by values in the same order.
    pub fn assign(&self, values: &[(String, Tensor)]) {
        tch::no_grad(|| {
            for ((_, tensor), (_, value)) in self.iter().zip(values) {
                tensor.shallow_clone().copy_(value);
            }
        });
    }

    /// Puts the vectors in the place of their words' rows of the weight `embedding`.
    pub fn set_embedding(&self, embedding: &str, words: &WordVectors) {
        let embedding = self.get(embedding);
        tch::no_grad(|| {
            for (id, vector) in words.vectors.iter().enumerate() {
                if let Some(vector) = vector {
                    embedding.get(id as i64).copy_(&Tensor::from_slice(vector));
                }
            }
        });
    }

    /// Keeps a weight from being trained.
    pub fn freeze(&self, name: &str) {
        let _ = self.get(name).set_requires_grad(false);
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.tensors.values().map(Tensor::numel).sum()
    }
}

fn fill(tensor: &Tensor, init: Init) {
    let _guard = tch::no_grad_guard();
    let mut tensor = tensor.shallow_clone();
    let size = tensor.size();
    match init {
        Init::Zeros => {}
        Init::Ones => drop(tensor.fill_(1.0)),
        Init::Xavier => {
            let bound = (6.0 / (size[0] + size[1]) as f64).sqrt();
            drop(tensor.uniform_(-bound, bound));
        }
        Init::Normal(std) => drop(tensor.normal_(0.0, std)),
        Init::LstmBias => drop(tensor.narrow(0, size[0] / 4, size[0] / 4).fill_(1.0)),
    }
}

/// Name and shape of every weight of a decoder of this kind and these sizes.
fn shapes(
    kind: &str,
    architecture: &Architecture,
) -> Result<impl Iterator<Item = (&'static str, Vec<i64>)> + use<>> {
    let signed = |shape: Vec<usize>| shape.into_iter().map(|size| size as i64).collect();
    let shapes = glimpse_export::decoder_kind(kind)?.weight_shapes(architecture);
    Ok(shapes.into_iter().map(move |(name, shape)| (name, signed(shape))))
}
