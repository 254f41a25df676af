//! From cached features to a checkpoint.

mod adamw;
mod cross_entropy;
mod curves;
mod data;
mod epoch_metrics;
mod event_file;
mod learner;
mod missing_tokens;
mod outcome;
mod recipe;
mod rewards;
mod run_folder;
mod run_log;
mod self_critical;
mod start_from;
mod trainer;
mod validate;

pub use adamw::{AdamW, clip_grad_norm};
pub use data::{EncodedImage, TrainingData, encode};
pub use epoch_metrics::{EpochMetrics, Phase};
pub use missing_tokens::MissingTokens;
pub use recipe::{CaptionsPerImage, Criterion, Precision, Recipe, Schedule, SelfCritical, TrainBackbone};
pub use rewards::Rewards;
pub use run_folder::{Card, Progress, ResumeRules, RunFolder, RunState};
pub use start_from::StartFrom;
pub use trainer::{Trainer, TrainerOptions};
pub(crate) use validate::cut;
pub use validate::{Validation, validate};
