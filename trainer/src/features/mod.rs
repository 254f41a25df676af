//! The frozen backbone's grids: computed once and kept on disk, or anew at each step.

mod cache;
mod extract;
mod live;
mod source;
mod views;

pub use cache::{CacheKey, CacheSpec, Entry, FeatureCache, cache_dir, entries};
pub use extract::{ExtractOptions, ExtractReport, extract};
pub use live::LivePhotos;
pub use source::{FeatureReader, FeatureSource};
pub use views::Augmentation;
