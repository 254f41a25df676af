use super::views::Views;
use super::{CacheKey, Entry};
use crate::{Error, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::Tensor;

/// Different views of a photo; each is a crop of its own.
const VIEWS: usize = 1 << 31;

/// Photos that are decoded each time they are wanted, for training without a cache.
#[derive(Debug)]
pub struct LivePhotos {
    key: CacheKey,
    images_dir: PathBuf,
    views: Views,
    /// In order; a grid's number is its photo's place times [`VIEWS`] plus its view.
    names: Vec<String>,
    places: HashMap<String, (usize, usize)>,
}

impl LivePhotos {
    /// The photos that a cache of `entries` would be made of. An entry with one view is always seen plain.
    pub fn new(key: &CacheKey, images_dir: &Path, entries: &[Entry]) -> Result<Self> {
        let views = Views::new(&key.preprocessor, key.augmentation, key.view_seed)?;
        let place = |(i, entry): (usize, &Entry)| {
            let count = if entry.views > 1 { VIEWS } else { 1 };
            (entry.file_name.clone(), (i * VIEWS, count))
        };
        Ok(Self {
            key: key.clone(),
            images_dir: images_dir.to_path_buf(),
            views,
            names: entries.iter().map(|entry| entry.file_name.clone()).collect(),
            places: entries.iter().enumerate().map(place).collect(),
        })
    }

    /// What the views depend on.
    pub fn key(&self) -> &CacheKey {
        &self.key
    }

    /// First grid and number of views of a photo.
    pub fn place(&self, file_name: &str) -> Option<(usize, usize)> {
        self.places.get(file_name).copied()
    }

    /// `pixel_values` of the photos that the grids are of, f32 [grids.len(), 3, height, width] on the CPU.
    pub fn read(&self, grids: &[usize]) -> Result<Tensor> {
        let size = self.views.output_size();
        let mut values = Vec::new();
        for &grid in grids {
            let name = &self.names[grid / VIEWS];
            let path = self.images_dir.join(name);
            let picture =
                glimpse_bundle::image::open(&path).map_err(|source| Error::Photo { path, source })?;
            self.views.append_one(&picture, name, grid % VIEWS, &mut values)?;
        }
        let shape = [grids.len() as i64, 3, i64::from(size.height), i64::from(size.width)];
        Ok(Tensor::from_slice(&values).view(shape))
    }
}
