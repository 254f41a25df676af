use crate::{ImageId, Layout, Split, UnknownSplitName};
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
    /// The file holds bytes that are not UTF-8.
    #[error("{path}: line {line} is not UTF-8; save the file as UTF-8", path = path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line of the first such byte, from 1.
        line: usize,
    },
    /// The file starts as JSON, but is not whole or not JSON.
    #[error("{path}: line {line}, column {column}: {reason}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where reading stopped, from 1.
        line: usize,
        /// The same within the line, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// An entry of a JSON file lacks something, or holds something of another kind.
    #[error("{path}: {entry} {reason}", path = path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// Which entry: "annotation 3", from 1.
        entry: String,
        /// What is wrong with it, and what is expected.
        reason: String,
    },
    /// The first line names columns, but not those that are needed.
    #[error(
        "{path}: the header {header:?} names no column of {missing}; rename that column to one of: {known}",
        path = path.display()
    )]
    UnknownColumns {
        /// The file.
        path: PathBuf,
        /// The first line.
        header: String,
        /// What no column is known to hold.
        missing: &'static str,
        /// Names that would be known.
        known: String,
    },
    /// The header names two columns alike.
    #[error("{path}: the header names two columns {name:?}: rename the one that is not to be read", path = path.display())]
    TwoColumns {
        /// The file.
        path: PathBuf,
        /// Their name.
        name: String,
    },
    /// Rows have a column more than is known, and not because of commas in captions.
    #[error(
        "{path}: rows have {found} columns where {expected} are known (line {line}, for one); name every column \
         in a header line, such as image,caption,other, and quote captions that contain the separator",
        path = path.display()
    )]
    FurtherColumn {
        /// The file.
        path: PathBuf,
        /// The first such line, from 1.
        line: usize,
        /// Columns in it.
        found: usize,
        /// Columns that the header, or the layout, names.
        expected: usize,
    },
    /// The column `split` holds something else.
    #[error("{path}: line {line}, column \"split\": {source}; if it is another thing, rename the column", path = path.display())]
    SplitCell {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What it holds.
        source: UnknownSplitName,
    },
    /// No layout fits the file.
    #[error(
        "{path} has no known caption layout; its first line is {first_line:?}. Known: {known}; a CSV file needs a \
         header that names its columns, such as image,caption",
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
    /// A text that is not the name of a part of a split.
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
    #[error(
        "the captions bring no split of their own (Karpathy's files do, and CSV files with a column named split); give lists or a seed"
    )]
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

impl From<UnknownSplitName> for Error {
    fn from(UnknownSplitName(name): UnknownSplitName) -> Self {
        Self::SplitName(name)
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
