use serde::{Deserialize, Serialize};

/// A line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// 1-based, self-critical epochs counted.
    pub epoch: usize,
    /// What was trained on.
    pub phase: Phase,
    /// Mean training loss of a token, or mean reward of a sample.
    pub train: f64,
    /// Mean cross-entropy of a token of the validation split.
    pub validation_loss: f64,
    /// CIDEr-D of greedy captions of the validation split.
    pub validation_cider: f64,
    /// Different tokens in the greedy captions of the validation split.
    #[serde(default)]
    pub validation_vocabulary: usize,
    /// Training captions a second.
    pub captions_per_second: f64,
    /// Of the whole epoch.
    pub seconds: f64,
    /// Seconds from 1970 to the epoch's end.
    #[serde(default)]
    pub time: f64,
}

/// What an epoch learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The references.
    CrossEntropy,
    /// The rewards of its own captions.
    SelfCritical,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::CrossEntropy => "cross_entropy",
            Self::SelfCritical => "self_critical",
        })
    }
}
