use std::fmt;
use std::str::FromStr;

/// How a file lists its captions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// Flickr30k's `results.csv` as Kaggle has it: `image_name| comment_number| comment`.
    ResultsPipe,
    /// `results.csv` with commas: `image_name,comment_number,comment`, quoted or not.
    ResultsComma,
    /// `results_20130124.token` and `Flickr8k.token.txt`: `name.jpg#0`, a tab, the caption.
    Token,
    /// Kaggle's Flickr8k `captions.txt`: `image,caption`.
    Kaggle,
    /// Karpathy's `dataset_flickr8k.json`, `dataset_flickr30k.json`, `dataset_coco.json`, with their split.
    Karpathy,
    /// COCO's `captions_*.json`: `images` and `annotations`.
    Coco,
}

/// A text that names no layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a caption layout; known: {known}", known = Layout::names())]
pub struct UnknownLayoutName(String);

impl Layout {
    /// All layouts, in the order in which they are tried.
    pub const ALL: [Self; 6] =
        [Self::Karpathy, Self::Coco, Self::Token, Self::ResultsPipe, Self::ResultsComma, Self::Kaggle];

    /// The name that [`FromStr`] reads and `Display` writes.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResultsPipe => "results-pipe",
            Self::ResultsComma => "results-comma",
            Self::Token => "token",
            Self::Kaggle => "kaggle",
            Self::Karpathy => "karpathy",
            Self::Coco => "coco",
        }
    }

    /// All names, for messages.
    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Whether a file of this layout is JSON.
    pub(crate) fn is_json(self) -> bool {
        matches!(self, Self::Karpathy | Self::Coco)
    }

    /// What stands between the columns, where a file of this layout has columns that a header may name.
    pub(crate) fn separator(self) -> Option<char> {
        match self {
            Self::ResultsPipe => Some('|'),
            Self::ResultsComma | Self::Kaggle => Some(','),
            Self::Token | Self::Karpathy | Self::Coco => None,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Layout {
    type Err = UnknownLayoutName;

    fn from_str(name: &str) -> Result<Self, UnknownLayoutName> {
        Self::ALL
            .into_iter()
            .find(|layout| layout.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownLayoutName(name.to_string()))
    }
}
