use crate::names::is_picture;
use crate::{CaptionedImage, CleaningReport, Error, FindingKind, ImageId, Result, Split, Unit};
use std::collections::{HashMap, HashSet};

/// Groups captions by photo while a layout's reader finds them.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    images: Vec<CaptionedImage>,
    report: CleaningReport,
    index: HashMap<String, usize>,
    /// Place of the first row of each photo; 0 while it has none.
    first_place: Vec<usize>,
    numbered: HashSet<(usize, u32, String)>,
    keep_cut: bool,
}

impl Builder {
    pub(crate) fn new(unit: Unit, keep_cut: bool) -> Self {
        let report = CleaningReport { unit, kept_cut: keep_cut, ..CleaningReport::default() };
        Self { report, keep_cut, ..Self::default() }
    }

    pub(crate) fn count_row(&mut self) {
        self.report.rows += 1;
    }

    /// Notes the names of columns that are not read.
    pub(crate) fn drop_columns(&mut self, names: &[String]) {
        self.report.dropped_columns.extend_from_slice(names);
    }

    /// Notes something about a row that stays.
    pub(crate) fn note(&mut self, place: usize, kind: FindingKind) {
        self.report.add(place, kind);
    }

    /// Whether a caption cut at a comma stays; notes it if so.
    pub(crate) fn keeps_cut(&mut self, place: usize) -> bool {
        if self.keep_cut {
            self.note(place, FindingKind::CutAtComma);
        }
        self.keep_cut
    }

    /// Leaves a row out, but remembers its photo where the row names one.
    pub(crate) fn leave_out(&mut self, place: usize, kind: FindingKind, file_name: Option<&str>) {
        if let Some(file_name) = file_name.filter(|name| !name.is_empty()) {
            self.image(place, file_name);
        }
        self.note(place, kind);
    }

    /// Lists a photo with its id and its part of the split, where the file has them.
    ///
    /// # Errors
    /// [`Error::InTwoLists`] where the file put it in another part before.
    pub(crate) fn describe(
        &mut self,
        file_name: &str,
        id: Option<ImageId>,
        split: Option<Split>,
    ) -> Result<()> {
        let image = self.image(0, file_name.trim());
        let image = &mut self.images[image];
        if let (Some(first), Some(second)) = (image.split, split)
            && first != second
        {
            return Err(Error::InTwoLists { file_name: file_name.into(), first, second });
        }
        image.id = id.or(image.id.take());
        image.split = split.or(image.split);
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
        self.images[image].captions.push(caption);
    }

    fn image(&mut self, place: usize, file_name: &str) -> usize {
        if let Some(&image) = self.index.get(file_name) {
            if self.first_place[image] == 0 {
                self.first_place[image] = place;
            }
            return image;
        }
        let image = self.images.len();
        self.index.insert(file_name.to_string(), image);
        self.first_place.push(place);
        self.images.push(CaptionedImage { file_name: file_name.into(), ..CaptionedImage::default() });
        image
    }

    /// The photos that have captions, and what was found.
    pub(crate) fn finish(self) -> (Vec<CaptionedImage>, CleaningReport) {
        let Self { mut images, mut report, first_place, .. } = self;
        for (image, place) in images.iter().zip(first_place) {
            if image.captions.is_empty() {
                report.add(place, FindingKind::ImageWithoutCaption);
            } else if !is_picture(&image.file_name) && image.id.is_none() {
                report.add(place, FindingKind::UnusualName);
            }
        }
        report.findings.sort_by_key(|finding| (finding.place, finding.kind));
        images.retain(|image| !image.captions.is_empty());
        report.images = images.len();
        report.captions = images.iter().map(|image| image.captions.len()).sum();
        (images, report)
    }
}

/// Line breaks and tabs inside a caption (COCO has some) become blanks.
fn one_line(caption: &str) -> String {
    caption.replace("\r\n", " ").replace(['\n', '\r', '\t'], " ")
}
