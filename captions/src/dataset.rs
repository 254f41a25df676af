use crate::builder::Builder;
use crate::text_file::read_utf8;
use crate::{CaptionedImage, CleaningReport, Error, Layout, Result, Unit, json, rows};
use std::path::Path;

/// How a caption file is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The layout; recognised by content where `None`.
    pub layout: Option<Layout>,
    /// Keep captions that were cut at a comma. They are fragments (`Two men`), so the default leaves them out.
    pub keep_cut: bool,
}

impl ReadOptions {
    /// Names the layout instead of recognising it.
    pub fn with_layout(mut self, layout: Layout) -> Self {
        self.layout = Some(layout);
        self
    }

    /// Keeps captions that were cut at a comma, or leaves them out.
    pub fn with_keep_cut(mut self, keep_cut: bool) -> Self {
        self.keep_cut = keep_cut;
        self
    }
}

/// A caption file, cleaned and grouped by photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// How the file lists its captions.
    pub layout: Layout,
    /// Photos in the order in which the file first names them; none is listed twice.
    pub images: Vec<CaptionedImage>,
    /// What was left out or mended.
    pub report: CleaningReport,
}

impl Dataset {
    /// Reads a caption file; the layout is recognised by content unless it is named.
    ///
    /// # Errors
    /// As [`read_with`](Self::read_with).
    pub fn read(path: &Path, layout: Option<Layout>) -> Result<Self> {
        Self::read_with(path, &ReadOptions { layout, ..ReadOptions::default() })
    }

    /// Reads a caption file as the options say. A byte order mark and Windows line ends are accepted.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotUtf8`], [`Error::Json`], [`Error::Entry`] where the file cannot be read;
    /// [`Error::UnknownLayout`] and [`Error::WrongLayout`] where it has no known layout or not the
    /// named one; [`Error::UnknownColumns`], [`Error::TwoColumns`], [`Error::FurtherColumn`] and
    /// [`Error::SplitCell`] where its columns leave a doubt; [`Error::InTwoLists`] where it puts a photo in
    /// two parts; [`Error::NoCaptions`] where no caption is left.
    pub fn read_with(path: &Path, options: &ReadOptions) -> Result<Self> {
        let text = read_utf8(path)?;
        let layout = match options.layout {
            None => recognise(&text).ok_or_else(|| unknown_layout(path, &text))?,
            Some(layout) if fits(layout, &text) => layout,
            Some(named) => {
                let recognised = recognise(&text);
                return Err(Error::WrongLayout { path: path.into(), named, recognised });
            }
        };
        let unit = if layout.is_json() { Unit::Annotation } else { Unit::Line };
        let mut builder = Builder::new(unit, options.keep_cut);
        match layout {
            Layout::Karpathy => json::read_karpathy(path, &text, &mut builder)?,
            Layout::Coco => json::read_coco(path, &text, &mut builder)?,
            Layout::Token | Layout::ResultsPipe | Layout::ResultsComma | Layout::Kaggle => {
                rows::read(path, layout, &text, &mut builder)?;
            }
        }
        let (images, report) = builder.finish();
        if images.is_empty() {
            return Err(Error::NoCaptions { path: path.into(), layout, rows: report.rows });
        }
        Ok(Self { layout, images, report })
    }

    /// All captions, photo by photo.
    pub fn captions(&self) -> impl Iterator<Item = &str> {
        self.images.iter().flat_map(|image| &image.captions).map(String::as_str)
    }
}

fn unknown_layout(path: &Path, text: &str) -> Error {
    let first_line = text.lines().next().unwrap_or_default().chars().take(80).collect();
    Error::UnknownLayout { path: path.into(), first_line }
}

/// Whether the content fits a layout: by its keys for JSON, by its first rows for a text file.
fn fits(layout: Layout, text: &str) -> bool {
    let starts_as_json = text.trim_start().starts_with('{');
    match layout {
        Layout::Karpathy => starts_as_json && text.contains("\"sentences\""),
        Layout::Coco => starts_as_json && text.contains("\"annotations\""),
        Layout::ResultsPipe | Layout::ResultsComma | Layout::Token | Layout::Kaggle => {
            !starts_as_json && rows::fits(layout, text)
        }
    }
}

/// The layout of a file's content, or `None`.
fn recognise(text: &str) -> Option<Layout> {
    Layout::ALL.into_iter().find(|layout| fits(*layout, text))
}
