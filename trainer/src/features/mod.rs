//! The frozen backbone's grids, computed once and kept on disk.

mod cache;
mod extract;
mod views;

pub use cache::{CacheKey, CacheSpec, Entry, FeatureCache, NUM_CELLS, cache_dir};
pub use extract::{ExtractOptions, ExtractReport, extract};
pub use views::Augmentation;
