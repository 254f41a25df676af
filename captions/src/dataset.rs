use crate::{CleaningReport, Error, FindingKind, Layout, Result, Split, Unit, json, rows};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// A photo and what people wrote about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptionedImage {
    /// File name below the folder of photos.
    pub file_name: String,
    /// Cleaned captions, in the order of the file; at least one.
    pub captions: Vec<String>,
    /// The part that the file itself puts the photo in; Karpathy's layout only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// The photo's number in COCO's and Karpathy's layouts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
}

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

    /// Reads a caption file as the options say. A byte order mark and Windows line ends are no matter.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotUtf8`], [`Error::Json`] where the file cannot be read,
    /// [`Error::UnknownLayout`] and [`Error::WrongLayout`] where it has no known layout or not the
    /// named one, [`Error::NoCaptions`] where nothing is left.
    pub fn read_with(path: &Path, options: &ReadOptions) -> Result<Self> {
        let text = read_utf8(path)?;
        let layout = match options.layout {
            None => Layout::recognise(&text).ok_or_else(|| unknown_layout(path, &text))?,
            Some(layout) if layout.fits(&text) => layout,
            Some(named) => {
                let recognised = Layout::recognise(&text);
                return Err(Error::WrongLayout { path: path.into(), named, recognised });
            }
        };
        let mut builder = Builder::new(layout, options);
        match layout {
            Layout::Karpathy => json::read_karpathy(path, &text, &mut builder)?,
            Layout::Coco => json::read_coco(path, &text, &mut builder)?,
            Layout::Token | Layout::ResultsPipe | Layout::ResultsComma | Layout::Kaggle => {
                rows::read(layout, &text, &mut builder);
            }
        }
        let dataset = builder.finish();
        if dataset.images.is_empty() {
            return Err(Error::NoCaptions { path: path.into(), layout, rows: dataset.report.rows });
        }
        Ok(dataset)
    }

    /// All captions, photo by photo.
    pub fn captions(&self) -> impl Iterator<Item = &str> {
        self.images.iter().flat_map(|image| &image.captions).map(String::as_str)
    }
}

/// Reads a text file without its byte order mark.
pub(crate) fn read_utf8(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        Error::NotUtf8 { path: path.into(), line }
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

fn unknown_layout(path: &Path, text: &str) -> Error {
    let first_line = text.lines().next().unwrap_or_default().chars().take(80).collect();
    Error::UnknownLayout { path: path.into(), first_line }
}

/// Groups captions by photo while a layout's reader finds them.
pub(crate) struct Builder {
    dataset: Dataset,
    index: HashMap<String, usize>,
    /// Place of the first row of each photo; 0 while it has none.
    first_place: Vec<usize>,
    numbered: HashSet<(usize, u32, String)>,
    keep_cut: bool,
}

impl Builder {
    fn new(layout: Layout, options: &ReadOptions) -> Self {
        let unit = match layout {
            Layout::Karpathy | Layout::Coco => Unit::Annotation,
            Layout::Token | Layout::ResultsPipe | Layout::ResultsComma | Layout::Kaggle => Unit::Line,
        };
        let report = CleaningReport { unit, kept_cut: options.keep_cut, ..CleaningReport::default() };
        Self {
            dataset: Dataset { layout, images: Vec::new(), report },
            index: HashMap::new(),
            first_place: Vec::new(),
            numbered: HashSet::new(),
            keep_cut: options.keep_cut,
        }
    }

    pub(crate) fn count_row(&mut self) {
        self.dataset.report.rows += 1;
    }

    /// Notes something about a row that stays.
    pub(crate) fn note(&mut self, place: usize, kind: FindingKind) {
        self.dataset.report.add(place, kind);
    }

    /// Whether a caption cut at a comma stays; notes it if so.
    pub(crate) fn keeps_cut(&mut self, place: usize) -> bool {
        if self.keep_cut {
            self.note(place, FindingKind::CutAtComma);
        }
        self.keep_cut
    }

    /// Leaves a row out; its photo is remembered where it is known.
    pub(crate) fn leave_out(&mut self, place: usize, kind: FindingKind, file_name: Option<&str>) {
        if let Some(file_name) = file_name.filter(|name| !name.is_empty()) {
            self.image(place, file_name);
        }
        self.note(place, kind);
    }

    /// Lists a photo with what the file says of it besides captions.
    ///
    /// # Errors
    /// [`Error::InTwoLists`] where the file put it in another part before.
    pub(crate) fn describe(&mut self, file_name: &str, id: Option<u64>, split: Option<Split>) -> Result<()> {
        let image = self.image(0, file_name.trim());
        let image = &mut self.dataset.images[image];
        if let (Some(first), Some(second)) = (image.split, split)
            && first != second
        {
            return Err(Error::InTwoLists { file_name: file_name.into(), first, second });
        }
        (image.id, image.split) = (id.or(image.id), split.or(image.split));
        Ok(())
    }

    /// Adds a caption, or leaves it out where it is blank or a repeated row.
    pub(crate) fn add(&mut self, place: usize, file_name: &str, number: Option<u32>, caption: &str) {
        let file_name = file_name.trim();
        if file_name.is_empty() {
            return self.leave_out(place, FindingKind::NoImage, None);
        }
        let image = self.image(place, file_name);
        let caption = one_line(caption.trim());
        if caption.is_empty() {
            return self.note(place, FindingKind::NoCaption);
        }
        if let Some(number) = number
            && !self.numbered.insert((image, number, caption.clone()))
        {
            return self.note(place, FindingKind::DuplicateRow);
        }
        self.dataset.images[image].captions.push(caption);
    }

    fn image(&mut self, place: usize, file_name: &str) -> usize {
        if let Some(&image) = self.index.get(file_name) {
            if self.first_place[image] == 0 {
                self.first_place[image] = place;
            }
            return image;
        }
        let image = self.dataset.images.len();
        self.index.insert(file_name.to_string(), image);
        self.first_place.push(place);
        self.dataset.images.push(CaptionedImage { file_name: file_name.into(), ..CaptionedImage::default() });
        image
    }

    fn finish(self) -> Dataset {
        let Self { mut dataset, first_place, .. } = self;
        let report = &mut dataset.report;
        for (image, place) in dataset.images.iter().zip(first_place) {
            if image.captions.is_empty() {
                report.add(place, FindingKind::ImageWithoutCaption);
            } else if !rows::is_picture(&image.file_name) && image.id.is_none() {
                report.add(place, FindingKind::UnusualName);
            }
        }
        report.findings.sort_by_key(|finding| (finding.place, finding.kind));
        dataset.images.retain(|image| !image.captions.is_empty());
        report.images = dataset.images.len();
        report.captions = dataset.images.iter().map(|image| image.captions.len()).sum();
        dataset
    }
}

/// Line breaks and tabs inside a caption (COCO has some) become blanks.
fn one_line(caption: &str) -> String {
    caption.replace("\r\n", " ").replace(['\n', '\r', '\t'], " ")
}
