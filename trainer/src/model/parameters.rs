use crate::backbone::StateDict;
use crate::word_vectors::WordVectors;
use crate::{Error, Result};
use glimpse_bundle::Architecture;
use glimpse_bundle::checkpoint::weights as names;
use glimpse_export::weight_shapes;
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

/// How a weight begins.
#[derive(Debug, Clone, Copy)]
enum Init {
    Zeros,
    Ones,
    /// Uniform in +-sqrt(6 / (in + out)) (Glorot and Bengio 2010).
    Xavier,
    Normal(f64),
    /// Zeros, and ones for the forget gate (Jozefowicz et al. 2015).
    LstmBias,
}

impl Parameters {
    pub(super) fn init(architecture: &Architecture, device: Device) -> Self {
        let tensors = shapes(architecture)
            .map(|(name, shape)| {
                let tensor = Tensor::zeros(&shape, (Kind::Float, Device::Cpu));
                fill(&tensor, init(name, architecture));
                (name.to_string(), tensor.to_device(device).set_requires_grad(true))
            })
            .collect();
        Self { tensors, backbone: BTreeSet::new() }
    }

    /// Takes the weights that `architecture` names out of a safetensors file; others are ignored.
    pub fn read(path: &Path, architecture: &Architecture, device: Device) -> Result<Self> {
        Self::from_dict(&StateDict::read(path)?, architecture, device)
    }

    /// Takes the weights that `architecture` names; others are ignored.
    pub fn from_dict(dict: &StateDict, architecture: &Architecture, device: Device) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for (name, shape) in shapes(architecture) {
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

    pub(super) fn check(&self, architecture: &Architecture) -> Result<()> {
        for (name, shape) in shapes(architecture) {
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

    /// Puts the vectors in the place of their words' embeddings.
    pub fn set_embedding(&self, words: &WordVectors) {
        let embedding = self.get(names::EMBEDDING);
        tch::no_grad(|| {
            for (id, vector) in words.vectors.iter().enumerate() {
                if let Some(vector) = vector {
                    embedding.get(id as i64).copy_(&Tensor::from_slice(vector));
                }
            }
        });
    }

    /// Keeps the embedding from being trained.
    pub fn freeze_embedding(&self) {
        let _ = self.get(names::EMBEDDING).set_requires_grad(false);
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

/// Name and shape of every weight that the architecture has.
fn shapes(architecture: &Architecture) -> impl Iterator<Item = (&'static str, Vec<i64>)> {
    let signed = |shape: Vec<usize>| shape.into_iter().map(|size| size as i64).collect();
    weight_shapes(architecture).into_iter().map(move |(name, shape)| (name, signed(shape)))
}

/// How the weight called `name` begins.
fn init(name: &str, architecture: &Architecture) -> Init {
    match name {
        names::NORM_WEIGHT => Init::Ones,
        names::ROW_POSITIONS | names::COLUMN_POSITIONS => Init::Normal(0.02),
        // It is the output matrix too.
        names::EMBEDDING if architecture.tie_word_embeddings => Init::Normal(0.05),
        names::LSTM_BIAS_IH => Init::LstmBias,
        _ if name.ends_with("bias") || name == names::LSTM_BIAS_HH => Init::Zeros,
        _ => Init::Xavier,
    }
}
