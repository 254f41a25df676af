use crate::{Error, rows};
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

    /// Whether the content fits; by its keys for JSON, by its first rows for a text file.
    pub(crate) fn fits(self, text: &str) -> bool {
        match self {
            Self::Karpathy => starts_as_json(text) && text.contains("\"sentences\""),
            Self::Coco => starts_as_json(text) && text.contains("\"annotations\""),
            Self::ResultsPipe | Self::ResultsComma | Self::Token | Self::Kaggle => {
                !starts_as_json(text) && rows::fits(self, text)
            }
        }
    }

    /// The layout of a file's content, or `None`.
    pub(crate) fn recognise(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layout| layout.fits(text))
    }
}

fn starts_as_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|layout| layout.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| Error::LayoutName(name.to_string()))
    }
}
