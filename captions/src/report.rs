use std::collections::BTreeMap;
use std::fmt;

/// Places named in a line of the printed report; the rest is counted.
const SHOWN: usize = 5;

/// What a file is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Lines of a text file, from 1.
    #[default]
    Line,
    /// Annotations (COCO) or sentences (Karpathy) of a JSON file, from 1 in the order of the file.
    Annotation,
}

/// What was found wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// The caption is empty or blank: left out.
    NoCaption,
    /// The row names no image: left out.
    NoImage,
    /// The row does not have the columns of its layout: left out.
    NotARow,
    /// The caption ends in a blank where a comma stood, as when a program read an unquoted comma as a
    /// column's end: a fragment, left out unless `ReadOptions::keep_cut` is set.
    CutAtComma,
    /// Image, number and caption repeat an earlier row: left out. Equal captions under different
    /// numbers are written by two people, and stay.
    DuplicateRow,
    /// The annotation is of an image that the file does not list: left out.
    UnknownImage,
    /// No caption of the image is left: the image is left out.
    ImageWithoutCaption,
    /// Commas inside the caption were not quoted: the caption was put together again.
    UnquotedComma,
    /// Number and caption stood in one column: taken apart.
    MissingSeparator,
    /// The file name does not end in a picture's suffix (Flickr8k's `.jpg.1`): kept.
    UnusualName,
}

impl FindingKind {
    /// Singular, plural, and what was done.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::NoCaption => ("row without a caption", "rows without a caption", "left out"),
            Self::NoImage => ("row without an image", "rows without an image", "left out"),
            Self::NotARow => ("row of another layout", "rows of another layout", "left out"),
            Self::CutAtComma => ("caption cut at a comma", "captions cut at a comma", ""),
            Self::DuplicateRow => ("repeated row", "repeated rows", "left out"),
            Self::UnknownImage => ("caption of an unlisted image", "captions of unlisted images", "left out"),
            Self::ImageWithoutCaption => ("image without a caption", "images without a caption", "left out"),
            Self::UnquotedComma => ("caption with bare commas", "captions with bare commas", "mended"),
            Self::MissingSeparator => (
                "row with number and caption in one column",
                "rows with number and caption in one column",
                "mended",
            ),
            Self::UnusualName => {
                ("file name without a picture's suffix", "file names without a picture's suffix", "kept")
            }
        }
    }
}

/// One thing found, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Line or annotation, from 1; see [`CleaningReport::unit`]. 0 for an image without any annotation.
    pub place: usize,
    /// What was found.
    pub kind: FindingKind,
}

/// What cleaning found in a caption file. `Display` writes a few lines for a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CleaningReport {
    /// Rows of the file, without header and blank lines.
    pub rows: usize,
    /// Captions that are left.
    pub captions: usize,
    /// Images that are left.
    pub images: usize,
    /// What [`Finding::place`] counts.
    pub unit: Unit,
    /// Whether captions cut at a comma were kept.
    pub kept_cut: bool,
    /// Names of the columns that were not read, in the order of the header.
    pub dropped_columns: Vec<String>,
    /// Everything found, in the order of the file.
    pub findings: Vec<Finding>,
}

impl CleaningReport {
    /// How many findings are of a kind.
    pub fn count(&self, kind: FindingKind) -> usize {
        self.findings.iter().filter(|finding| finding.kind == kind).count()
    }

    /// The lines (or annotations) of a kind of finding, from 1.
    pub fn places(&self, kind: FindingKind) -> impl Iterator<Item = usize> {
        self.findings.iter().filter(move |finding| finding.kind == kind).map(|finding| finding.place)
    }

    pub(crate) fn add(&mut self, place: usize, kind: FindingKind) {
        self.findings.push(Finding { place, kind });
    }
}

impl fmt::Display for CleaningReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows: {} captions of {} images", self.rows, self.captions, self.images)?;
        if !self.dropped_columns.is_empty() {
            let names: Vec<_> = self.dropped_columns.iter().map(|name| format!("{name:?}")).collect();
            let columns = if names.len() == 1 { "column" } else { "columns" };
            write!(f, "\n  {columns} not read: {}", names.join(", "))?;
        }
        let mut by_kind = BTreeMap::<FindingKind, Vec<usize>>::new();
        for finding in &self.findings {
            by_kind.entry(finding.kind).or_default().push(finding.place);
        }
        for (kind, places) in by_kind {
            let (one, many, done) = kind.words();
            let what = if places.len() == 1 { one } else { many };
            let done = match kind {
                FindingKind::CutAtComma if self.kept_cut => "kept",
                FindingKind::CutAtComma => "left out",
                _ => done,
            };
            write!(f, "\n  {} {what}, {done}", places.len())?;
            let places: Vec<_> = places.into_iter().filter(|place| *place > 0).collect();
            let unit = match (self.unit, places.len()) {
                (_, 0) => continue,
                (Unit::Line, 1) => "line",
                (Unit::Line, _) => "lines",
                (Unit::Annotation, 1) => "annotation",
                (Unit::Annotation, _) => "annotations",
            };
            let shown: Vec<_> = places.iter().take(SHOWN).map(usize::to_string).collect();
            write!(f, ": {unit} {}", shown.join(", "))?;
            if places.len() > SHOWN {
                write!(f, " and {} more", places.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}
