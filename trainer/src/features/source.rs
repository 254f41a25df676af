use super::{CacheKey, FeatureCache, LivePhotos};
use crate::Result;
use crate::backbone::FeatureExtractor;
use tch::{Device, Tensor};

/// Where the features of photos come from.
#[derive(Debug)]
pub struct FeatureSource {
    /// The part that threads share: it reads files.
    pub reader: FeatureReader,
    /// Turns what was read into grids, where that was photos.
    backbone: Option<FeatureExtractor>,
}

/// What reads the files of a [`FeatureSource`].
#[derive(Debug)]
pub enum FeatureReader {
    /// Grids computed earlier.
    Cache(FeatureCache),
    /// Photos, decoded each time.
    Photos(LivePhotos),
}

impl FeatureReader {
    /// What the grids depend on.
    pub fn key(&self) -> &CacheKey {
        match self {
            Self::Cache(cache) => cache.key(),
            Self::Photos(photos) => photos.key(),
        }
    }

    /// First grid and number of views of a photo.
    pub fn place(&self, file_name: &str) -> Option<(usize, usize)> {
        match self {
            Self::Cache(cache) => cache.place(file_name),
            Self::Photos(photos) => photos.place(file_name),
        }
    }

    /// What the grids are made of, on the CPU: for [`FeatureSource::grids`].
    pub fn read(&self, grids: &[usize]) -> Result<Tensor> {
        match self {
            Self::Cache(cache) => Ok(cache.gather(grids)),
            Self::Photos(photos) => photos.read(grids),
        }
    }
}

impl FeatureSource {
    /// From a finished cache.
    pub fn cached(cache: FeatureCache) -> Self {
        Self { reader: FeatureReader::Cache(cache), backbone: None }
    }

    /// From photos, through the backbone at each step.
    pub fn live(photos: LivePhotos, backbone: FeatureExtractor) -> Self {
        Self { reader: FeatureReader::Photos(photos), backbone: Some(backbone) }
    }

    /// f16 or f32 [batch, cells, channels] on `device`, of what the reader read: the grid, or the maps before the first
    /// block that is trained.
    pub fn grids(&self, read: &Tensor, device: Device) -> Tensor {
        match &self.backbone {
            Some(backbone) => backbone.forward(read).to_device(device),
            None => read.to_device(device),
        }
    }
}
