//! Which column of a text file holds what.

use crate::Layout;

/// What a photo's column may be called, the surest name first. Letter case does not matter, and a blank or a
/// hyphen is read as `_`.
const IMAGE: [&str; 17] = [
    "image",
    "image_name",
    "filename",
    "file_name",
    "image_path",
    "image_file",
    "image_filename",
    "image_file_name",
    "imagename",
    "img",
    "img_name",
    "img_path",
    "file",
    "filepath",
    "file_path",
    "image_id",
    "name",
];
/// What a caption's column may be called.
const CAPTION: [&str; 9] = [
    "caption",
    "captions",
    "comment",
    "comments",
    "description",
    "descriptions",
    "text",
    "sentence",
    "caption_text",
];
/// What the column may be called that numbers the captions of a photo.
const NUMBER: [&str; 7] = [
    "comment_number",
    "caption_number",
    "number",
    "sentence_number",
    "comment_no",
    "caption_no",
    "caption_index",
];
/// What the column may be called that puts a photo in a part.
const SPLIT: [&str; 1] = ["split"];

/// The columns of a text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns {
    /// How many there are.
    pub count: usize,
    /// The photo's, from 0.
    pub image: usize,
    /// The caption's: the only one in which an unquoted separator may be a part of the text.
    pub caption: usize,
    /// The number's.
    pub number: Option<usize>,
    /// The split's.
    pub split: Option<usize>,
    /// Names of those that are not read.
    pub dropped: Vec<String>,
    /// How many at the end have no name; rows may lack them.
    pub unnamed_at_end: usize,
    /// A name that two columns have, where it leaves a doubt.
    pub twice: Option<String>,
}

/// What no column of a header is known to hold.
pub(crate) struct Missing {
    pub what: &'static str,
    pub known: String,
}

impl Columns {
    /// Those of a layout's files without a header.
    pub fn of_layout(layout: Layout) -> Self {
        let number = (layout != Layout::Kaggle).then_some(1);
        let count = 2 + usize::from(number.is_some());
        Self {
            count,
            image: 0,
            caption: count - 1,
            number,
            split: None,
            dropped: Vec::new(),
            unnamed_at_end: 0,
            twice: None,
        }
    }

    /// Those that a header names, if `fields` is one: it names a column of photos and one of captions.
    pub fn of_header(fields: &[String]) -> Option<Self> {
        Self::find(&normalised(fields)).ok()
    }

    /// What `fields` would have to name to be a header.
    pub fn missing(fields: &[String]) -> Option<Missing> {
        Self::find(&normalised(fields)).err()
    }

    fn find(names: &[String]) -> Result<Self, Missing> {
        let place = |known: &[&str]| known.iter().find_map(|name| names.iter().position(|held| held == name));
        let need =
            |what, known: &[&str]| place(known).ok_or_else(|| Missing { what, known: known.join(", ") });
        let (image, caption) = (need("photos", &IMAGE)?, need("captions", &CAPTION)?);
        let (number, split) = (place(&NUMBER), place(&SPLIT));
        let read = [Some(image), Some(caption), number, split];
        let twice = read.into_iter().flatten().map(|column| &names[column]);
        let twice = twice.clone().find(|name| names.iter().filter(|held| held == name).count() > 1).cloned();
        let is_dropped =
            |(column, name): &(usize, &String)| !name.is_empty() && !read.contains(&Some(*column));
        let dropped = names.iter().enumerate().filter(is_dropped).map(|(_, name)| name.clone()).collect();
        let unnamed_at_end = names.iter().rev().take_while(|name| name.is_empty()).count();
        Ok(Self { count: names.len(), image, caption, number, split, dropped, unnamed_at_end, twice })
    }

    /// The layout of a file with these columns and this separator.
    pub fn layout(&self, separator: char) -> Layout {
        match (separator, self.number) {
            ('|', _) => Layout::ResultsPipe,
            (_, Some(_)) => Layout::ResultsComma,
            (_, None) => Layout::Kaggle,
        }
    }
}

fn normalised(fields: &[String]) -> Vec<String> {
    let name = |field: &String| field.trim().trim_matches('"').trim().to_lowercase().replace([' ', '-'], "_");
    fields.iter().map(name).collect()
}
