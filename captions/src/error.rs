use crate::{ImageId, Layout, Split};
use std::path::PathBuf;

/// Why captions could not be read or split.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file holds bytes that are no UTF-8.
    #[error("{path}: line {line} is not UTF-8; save the file as UTF-8", path = path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line of the first such byte, from 1.
        line: usize,
    },
    /// The file starts as JSON, but does not parse as the layout that it looks like.
    #[error("{path}: {source}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why it does not parse.
        source: serde_json::Error,
    },
    /// No layout fits the file.
    #[error(
        "{path} has no known caption layout; its first line is {first_line:?}. Known: {known}",
        path = path.display(), known = Layout::names()
    )]
    UnknownLayout {
        /// The file.
        path: PathBuf,
        /// The start of its first line.
        first_line: String,
    },
    /// The caller named a layout that the file does not have.
    #[error("{path} does not have the layout {named}: {}", recognised_as(*recognised), path = path.display())]
    WrongLayout {
        /// The file.
        path: PathBuf,
        /// What the caller named.
        named: Layout,
        /// What the file has, where that is known.
        recognised: Option<Layout>,
    },
    /// A results file lacks images that are to be scored.
    #[error("the results lack {missing} of {images} images, {image} for one: are both of the same split?")]
    NoResult {
        /// The first of them.
        image: String,
        /// How many are missing.
        missing: usize,
        /// How many there are.
        images: usize,
    },
    /// A results file has two captions of an image.
    #[error("the results have two captions of image {image}: leave one")]
    TwoResults {
        /// What the file calls it.
        image: ImageId,
    },
    /// A text that names no layout.
    #[error("{0:?} is no caption layout; known: {known}", known = Layout::names())]
    LayoutName(String),
    /// A text that names no part of a split.
    #[error("{0:?} is no part of a split; known: train, restval, val, test")]
    SplitName(String),
    /// The file was read, but there is no caption in it.
    #[error("{path} holds no caption ({layout} layout, {rows} rows)", path = path.display())]
    NoCaptions {
        /// The file.
        path: PathBuf,
        /// How it was read.
        layout: Layout,
        /// Rows that were looked at.
        rows: usize,
    },
    /// A split list without a name.
    #[error("{path} lists no image; it should hold one file name a line", path = path.display())]
    EmptyList {
        /// The file.
        path: PathBuf,
    },
    /// A split list that belongs to another data set.
    #[error(
        "{missing} of the {listed} images in the {split} list have no caption, {example} for one: \
         the list and the captions are of different data sets"
    )]
    ListMismatch {
        /// Which list.
        split: Split,
        /// Names in the list.
        listed: usize,
        /// Names without captions.
        missing: usize,
        /// One of them.
        example: String,
    },
    /// A photo in two parts would be learned and tested on.
    #[error("{file_name} is in the {first} part and in the {second} part; an image may be in one only")]
    InTwoLists {
        /// The photo.
        file_name: String,
        /// The first list that names it.
        first: Split,
        /// The other one.
        second: Split,
    },
    /// The file's own split was asked for, but it has none.
    #[error("the captions bring no split of their own (only Karpathy's files do); give lists or a seed")]
    NoOwnSplit,
    /// Shares beyond the whole.
    #[error("a split of {train} % training and {validation} % validation: the sum must be 1 to 100")]
    Shares {
        /// Percent for training.
        train: u8,
        /// Percent for validation.
        validation: u8,
    },
}

fn recognised_as(layout: Option<Layout>) -> String {
    match layout {
        Some(layout) => format!("it looks like {layout}"),
        None => format!("its rows do not fit; known layouts: {}", Layout::names()),
    }
}

impl Error {
    /// Wraps an I/O error with the path that it happened at; made for `map_err`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
