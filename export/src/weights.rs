use crate::{Error, Result};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Named f32 tensors, sorted by name.
///
/// Whatever the numbers were stored as, they are f32 here; tensors of integers, such as
/// torchvision's `num_batches_tracked`, are remembered by name alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    origin: Origin,
    tensors: BTreeMap<String, Tensor>,
    not_floats: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Origin {
    File(PathBuf),
    Memory(String),
}

/// A tensor in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Tensor {
    /// Sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }
}

impl Weights {
    /// An empty set; errors give `description` in the place of a file, e.g. `seeded resnet50`.
    pub fn in_memory(description: impl Into<String>) -> Self {
        Self::new(Origin::Memory(description.into()))
    }

    /// An empty set for the tensors of `file`, which was read by other means (a `.pth`, say).
    /// Errors name the file, and [`write_bundle`](crate::write_bundle) compares its SHA-256 with the checkpoint's.
    pub fn of_file(file: impl Into<PathBuf>) -> Self {
        Self::new(Origin::File(file.into()))
    }

    fn new(origin: Origin) -> Self {
        Self { origin, tensors: BTreeMap::new(), not_floats: BTreeMap::new() }
    }

    /// Reads a `.safetensors` file: f64, f32, f16 and bf16 tensors, all as f32.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Safetensors`], each with the path.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self::read_with_metadata(path)?.0)
    }

    /// As [`Weights::read`], with the file's metadata.
    pub(crate) fn read_with_metadata(path: &Path) -> Result<(Self, BTreeMap<String, String>)> {
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        let damaged = |source| Error::Safetensors { path: path.to_path_buf(), source };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let mut weights = Self::of_file(path);
        for (name, view) in SafeTensors::deserialize(&bytes).map_err(damaged)?.tensors() {
            match to_f32(&view) {
                Some(data) => weights.insert(name, view.shape(), data)?,
                None => {
                    weights.not_floats.insert(name, format!("{:?}", view.dtype()));
                }
            }
        }
        Ok((weights, metadata))
    }

    /// Writes a `.safetensors` file in f32; it appears whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be written to.
    pub fn write(&self, path: &Path) -> Result<()> {
        self.write_with_metadata(path, &BTreeMap::new())
    }

    /// As [`Weights::write`], with metadata. The same weights and metadata give the same bytes.
    pub(crate) fn write_with_metadata(&self, path: &Path, metadata: &BTreeMap<String, String>) -> Result<()> {
        let tensors = safetensors::serialize(&self.tensors, None)
            .map_err(|source| Error::Safetensors { path: path.to_path_buf(), source })?;
        Ok(glimpse_bundle::write_whole(path, &with_metadata(&tensors, metadata))?)
    }

    /// Adds or replaces a tensor.
    ///
    /// # Errors
    /// [`Error::DataLength`] where the data do not fill the shape.
    pub fn insert(&mut self, name: impl Into<String>, shape: &[usize], data: Vec<f32>) -> Result<()> {
        let name = name.into();
        if shape.iter().product::<usize>() != data.len() {
            return Err(Error::DataLength { name, shape: shape.to_vec(), found: data.len() });
        }
        self.tensors.insert(name, Tensor { shape: shape.to_vec(), data });
        Ok(())
    }

    /// Adds every `(name, shape, data)`.
    ///
    /// # Errors
    /// [`Error::DataLength`] for the first whose data do not fill the shape.
    pub fn extend<N: Into<String>>(
        &mut self,
        tensors: impl IntoIterator<Item = (N, Vec<usize>, Vec<f32>)>,
    ) -> Result<()> {
        tensors.into_iter().try_for_each(|(name, shape, data)| self.insert(name, &shape, data))
    }

    /// The numbers of a tensor of exactly this shape, row-major.
    ///
    /// # Errors
    /// [`Error::MissingWeight`], [`Error::WeightShape`] with both shapes, or [`Error::WeightType`].
    pub fn get(&self, name: &str, expected: &[usize]) -> Result<&[f32]> {
        match self.tensors.get(name) {
            Some(tensor) if tensor.shape == expected => Ok(&tensor.data),
            Some(tensor) => Err(Error::WeightShape {
                origin: self.origin(),
                name: name.into(),
                expected: expected.to_vec(),
                found: tensor.shape.clone(),
            }),
            None => Err(match self.not_floats.get(name).cloned() {
                Some(dtype) => Error::WeightType { origin: self.origin(), name: name.into(), dtype },
                None => Error::MissingWeight {
                    origin: self.origin(),
                    name: name.into(),
                    expected: expected.to_vec(),
                },
            }),
        }
    }

    /// Every tensor, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there is no tensor.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// The file that the weights come from, if they come from one.
    pub fn file(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(path) => Some(path),
            Origin::Memory(_) => None,
        }
    }

    /// The file or the description, for messages.
    pub fn origin(&self) -> String {
        match &self.origin {
            Origin::File(path) => path.display().to_string(),
            Origin::Memory(description) => description.clone(),
        }
    }
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        little_endian(&self.data).into()
    }

    fn data_len(&self) -> usize {
        self.data.len() * size_of::<f32>()
    }
}

/// The bytes that safetensors and ONNX both store.
pub(crate) fn little_endian(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// The numbers as f32, or nothing when they are not floating-point numbers.
fn to_f32(view: &TensorView<'_>) -> Option<Vec<f32>> {
    fn decode<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        bytes.as_chunks::<N>().0.iter().map(|chunk| convert(*chunk)).collect()
    }
    Some(match view.dtype() {
        Dtype::F64 => decode(view.data(), |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::F32 => decode(view.data(), f32::from_le_bytes),
        Dtype::F16 => decode(view.data(), |bytes| f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => decode(view.data(), |bytes| bf16::from_le_bytes(bytes).to_f32()),
        _ => return None,
    })
}

/// Adds metadata to a safetensors file, given as its bytes. The `safetensors` crate takes them as a hash map and writes
/// them in that map's random order; here they are sorted, so that equal content is equal bytes.
pub fn with_metadata(file: &[u8], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    const LENGTH: usize = size_of::<u64>();
    let mut prefix = [0; LENGTH];
    prefix.copy_from_slice(&file[..LENGTH]);
    let (header, data) = file[LENGTH..].split_at(u64::from_le_bytes(prefix) as usize);
    if metadata.is_empty() {
        return file.to_vec();
    }
    let entries = serde_json::Value::from_iter(metadata.clone()).to_string();
    let mut with = format!("{{\"__metadata__\":{entries}").into_bytes();
    let rest = header[1..].trim_ascii();
    if rest != b"}" {
        with.push(b',');
    }
    with.extend_from_slice(rest);
    // The format aligns the data to 8 bytes by blanks after the header.
    with.resize(with.len().next_multiple_of(LENGTH), b' ');
    [&(with.len() as u64).to_le_bytes(), with.as_slice(), data].concat()
}
