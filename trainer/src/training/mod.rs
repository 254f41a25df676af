//! From cached features to a checkpoint.

mod adamw;
mod cross_entropy;
mod data;
mod progress_bar;
mod recipe;
mod rewards;
mod run_folder;
mod self_critical;
mod trainer;
mod validate;

pub use adamw::{AdamW, clip_grad_norm};
pub use data::{EncodedImage, TrainingData, encode};
pub use recipe::{CaptionsPerImage, Criterion, Precision, Recipe, Schedule, SelfCritical};
pub use rewards::Rewards;
pub use run_folder::{Card, Progress, RunFolder};
pub use trainer::{EpochMetrics, Trainer, TrainerOptions};
pub use validate::{Validation, validate};
