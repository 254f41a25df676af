//! What the frozen part of the backbone gives: computed once and kept on disk, or anew at each step.

mod cache;
mod extract;
mod live;
mod source;
mod views;

pub use cache::{CacheKey, CacheSpec, Entry, FeatureCache, before_last, cache_dir, entries};
pub use extract::{ExtractOptions, ExtractReport, extract};
pub use live::LivePhotos;
pub use source::{FeatureReader, FeatureSource};
pub use views::Augmentation;
