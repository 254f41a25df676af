use super::Augmentation;
use crate::dataset::PreparedDataset;
use crate::{Error, Result};
use glimpse_bundle::{PreprocessorConfig, Size, write_whole};
use glimpse_captions::CaptionedImage;
use glimpse_export::backbone::{MapShape, backbone};
use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor};

pub(super) const INDEX: &str = "index.json";
pub(super) const GRIDS: &str = "grids.f16";

/// Everything that changes the numbers in a cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheKey {
    /// Name of the backbone.
    pub backbone: String,
    /// SHA-256 of its weight file.
    pub backbone_sha256: String,
    /// Preprocessing of view 0.
    pub preprocessor: PreprocessorConfig,
    /// What the other views are.
    #[serde(default, skip_serializing_if = "Augmentation::is_default")]
    pub augmentation: Augmentation,
    /// Seed of their crops and flips.
    pub view_seed: u64,
    /// Name of the first block of the backbone that is trained: the cache holds the maps before it. `None` where no
    /// block is trained: the cache holds the grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_block: Option<String>,
}

impl CacheKey {
    /// Shape of the features of each view.
    ///
    /// # Errors
    /// A backbone, or a block of it, that is not known.
    pub fn map_shape(&self) -> Result<MapShape> {
        let backbone = backbone(&self.backbone)?;
        let Some(name) = &self.before_block else { return Ok(backbone.grid()) };
        let block = backbone.blocks.iter().position(|block| block.name == *name).ok_or_else(|| {
            let reason = format!("{} has no block {name}", self.backbone);
            Error::Invalid { what: "before_block", reason }
        })?;
        let Size { height, width } = self.preprocessor.output_size();
        Ok(backbone.map_shape(block, height as usize, width as usize))
    }
}

/// [`CacheKey::before_block`] where the last `trained_blocks` blocks of a backbone are trained.
///
/// # Errors
/// An unknown backbone, and more blocks than it has.
pub fn before_last(name: &str, trained_blocks: usize) -> Result<Option<String>> {
    if trained_blocks == 0 {
        return Ok(None);
    }
    let backbone = backbone(name)?;
    Ok(Some(backbone.blocks[backbone.first_of_last(trained_blocks)?].name.clone()))
}

impl std::fmt::Display for CacheKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let p = &self.preprocessor;
        let weights = self.backbone_sha256.get(..8).unwrap_or(&self.backbone_sha256);
        let size = p.output_size();
        write!(
            f,
            "{}{} (weights {weights}, {}x{}, mean {:.3?}, std {:.3?}, {:?} views of seed {})",
            self.backbone,
            self.before_block.as_ref().map(|block| format!(" before {block}")).unwrap_or_default(),
            size.height,
            size.width,
            p.image_mean,
            p.image_std,
            self.augmentation,
            self.view_seed
        )
    }
}

/// A photo and how many views of it are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// File name below the folder of photos.
    pub file_name: String,
    /// Views; the first is the plain one.
    pub views: usize,
}

/// Every photo of a data set, the training photos with `train_views` views and the others with the plain one.
pub fn entries(dataset: &PreparedDataset, train_views: usize) -> Vec<Entry> {
    let entry = |views| move |image: &CaptionedImage| Entry { file_name: image.file_name.clone(), views };
    let others = dataset.validation.iter().chain(&dataset.test).map(entry(1));
    dataset.train.iter().map(entry(train_views)).chain(others).collect()
}

/// `index.json`: which features are where in `grids.f16`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheSpec {
    /// What the numbers depend on.
    pub key: CacheKey,
    /// Cells of a grid, or of the maps before a trained block.
    #[serde(default = "cells_before_they_were_written")]
    pub cells: usize,
    /// Channels of a cell.
    pub feature_dim: usize,
    /// In the order of the file.
    pub entries: Vec<Entry>,
}

/// Caches of earlier versions hold 7x7 grids only, and do not say so.
fn cells_before_they_were_written() -> usize {
    49
}

impl CacheSpec {
    /// What a cache of `entries` under `key` holds.
    ///
    /// # Errors
    /// A backbone, or a block of it, that is not known.
    pub fn new(key: CacheKey, entries: Vec<Entry>) -> Result<Self> {
        let shape = key.map_shape()?;
        Ok(Self { key, cells: shape.cells(), feature_dim: shape.channels, entries })
    }

    /// Bytes of one grid: cells x feature_dim x 2.
    pub fn grid_bytes(&self) -> usize {
        self.cells * self.feature_dim * 2
    }

    /// Grids in the finished cache.
    pub fn total_grids(&self) -> usize {
        self.entries.iter().map(|entry| entry.views).sum()
    }

    /// Whether every view that `wanted` lists is here, made in the same way.
    pub fn covers(&self, wanted: &Self) -> bool {
        let views: HashMap<_, _> = self.entries.iter().map(|entry| (&entry.file_name, entry.views)).collect();
        self.key == wanted.key
            && wanted
                .entries
                .iter()
                .all(|entry| views.get(&entry.file_name).is_some_and(|held| *held >= entry.views))
    }

    /// Bytes of the finished cache.
    pub fn total_bytes(&self) -> u64 {
        self.total_grids() as u64 * self.grid_bytes() as u64
    }
}

/// A finished cache, memory-mapped: f16 [grids, cells, feature_dim].
#[derive(Debug)]
pub struct FeatureCache {
    spec: CacheSpec,
    grids: Mmap,
    /// First grid and number of views, by file name.
    places: HashMap<String, (usize, usize)>,
}

impl FeatureCache {
    /// Opens the cache in `dir`, which must be finished.
    pub fn open(dir: &Path) -> Result<Self> {
        if !dir.join(INDEX).is_file() {
            return Err(Error::NoCache { path: dir.to_path_buf() });
        }
        let spec = read_spec(dir)?;
        let path = dir.join(GRIDS);
        let file = File::open(&path).map_err(Error::io(&path))?;
        let length = file.metadata().map_err(Error::io(&path))?.len();
        if length != spec.total_bytes() {
            return Err(Error::UnfinishedCache {
                path: dir.to_path_buf(),
                done: (length / spec.grid_bytes() as u64) as usize,
                total: spec.total_grids(),
            });
        }
        // SAFETY: the file is only ever appended to by `extract`, which never touches a finished one.
        let grids = unsafe { Mmap::map(&file) }.map_err(Error::io(&path))?;
        let mut next = 0;
        let mut places = HashMap::with_capacity(spec.entries.len());
        for entry in &spec.entries {
            places.insert(entry.file_name.clone(), (next, entry.views));
            next += entry.views;
        }
        Ok(Self { spec, grids, places })
    }

    /// What the grids depend on.
    pub fn key(&self) -> &CacheKey {
        &self.spec.key
    }

    /// Refuses a cache that was made in another way; `dir` names it in the error.
    pub fn check(&self, wanted: &CacheKey, dir: &Path) -> Result<()> {
        if self.spec.key == *wanted {
            return Ok(());
        }
        let (found, wanted) = (self.spec.key.to_string(), wanted.to_string());
        Err(Error::OtherCache { path: dir.to_path_buf(), found, wanted })
    }

    /// Channels of a cell.
    pub fn feature_dim(&self) -> usize {
        self.spec.feature_dim
    }

    /// First grid and number of views of a photo.
    pub fn place(&self, file_name: &str) -> Option<(usize, usize)> {
        self.places.get(file_name).copied()
    }

    /// f16 [grids.len(), cells, feature_dim] on the CPU.
    pub fn gather(&self, grids: &[usize]) -> Tensor {
        let size = self.spec.grid_bytes();
        let mut bytes = Vec::with_capacity(grids.len() * size);
        for &grid in grids {
            bytes.extend_from_slice(&self.grids[grid * size..(grid + 1) * size]);
        }
        let shape = [grids.len() as i64, self.spec.cells as i64, self.spec.feature_dim as i64];
        Tensor::from_data_size(&bytes, &shape, Kind::Half)
    }
}

pub(super) fn read_spec(dir: &Path) -> Result<CacheSpec> {
    let path = dir.join(INDEX);
    let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
    serde_json::from_str(&text).map_err(Error::json(&path))
}

pub(super) fn write_spec(dir: &Path, spec: &CacheSpec) -> Result<PathBuf> {
    let path = dir.join(INDEX);
    let text = serde_json::to_string_pretty(spec).map_err(Error::json(&path))?;
    write_whole(&path, text.as_bytes())?;
    Ok(path)
}

/// The folder of a prepared data set's cache: `DATA/features/BACKBONE-HASH`.
pub fn cache_dir(data: &Path, key: &CacheKey) -> PathBuf {
    let hash = glimpse_bundle::sha256(serde_json::to_string(key).expect("a key is plain data").as_bytes());
    data.join("features").join(format!("{}-{}", key.backbone, &hash[..8]))
}
