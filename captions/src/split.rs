use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// What the decoder learns on.
    Train,
    /// What chooses checkpoints and settings.
    Validation,
    /// What is only ever scored.
    Test,
}

/// A text that names no part of a split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no part of a split; known: train, restval, val, test")]
pub struct UnknownSplitName(pub String);

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Train => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

impl FromStr for Split {
    type Err = UnknownSplitName;

    /// Karpathy's and other usual names: `restval` is a part of `train`.
    fn from_str(name: &str) -> Result<Self, UnknownSplitName> {
        match name.trim().to_ascii_lowercase().as_str() {
            "train" | "training" | "restval" => Ok(Self::Train),
            "val" | "valid" | "validation" | "dev" => Ok(Self::Validation),
            "test" => Ok(Self::Test),
            _ => Err(UnknownSplitName(name.to_string())),
        }
    }
}
