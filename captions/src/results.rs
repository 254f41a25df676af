//! COCO's results format: one caption an image, by image id.

use crate::names::stem;
use crate::python_json::{Entry, parse, without_nan};
use crate::text_file::read_utf8;
use crate::{CaptionedImage, Error, ImageId, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::path::Path;

/// A line of a results file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptionResult {
    /// The image.
    pub image_id: ImageId,
    /// What a system says of it.
    pub caption: String,
}

#[derive(Deserialize)]
struct RawResult<'a> {
    #[serde(borrow)]
    image_id: Option<&'a RawValue>,
    #[serde(borrow)]
    caption: Option<&'a RawValue>,
}

/// Reads a results file, `[{"image_id": 42, "caption": "a dog runs"}, ...]`; other keys are not read.
///
/// # Errors
/// [`Error::Io`], [`Error::NotUtf8`], [`Error::Json`], [`Error::Entry`].
pub fn read_results(path: &Path) -> Result<Vec<CaptionResult>> {
    let text = read_utf8(path)?;
    let text = without_nan(&text);
    let wanted = "a list of results, [{\"image_id\": 1, \"caption\": \"a dog\"}, ...],";
    let results: Vec<&RawValue> = parse(path, &text, wanted)?;
    let read = |(number, result): (usize, &RawValue)| {
        let entry = Entry { path, kind: "result", number };
        let RawResult { image_id, caption } = entry.object(result)?;
        let (image_id, caption) =
            (entry.needed_id("image_id", image_id)?, entry.needed_text("caption", caption)?);
        Ok(CaptionResult { image_id, caption })
    };
    (1..).zip(results).map(read).collect()
}

/// The caption of each of `images`, in their order, and how many results are of other images. An image
/// is found by its id, its file name, or its file name without folder or suffix.
///
/// # Errors
/// [`Error::NoResult`] where an image has none, [`Error::TwoResults`] where one has several.
pub fn match_results(results: Vec<CaptionResult>, images: &[CaptionedImage]) -> Result<(Vec<String>, usize)> {
    // What is surer comes first and stays: a COCO id may also be some other file's name.
    let names = |image: &CaptionedImage| {
        let whole = image.file_name.as_str();
        let name = whole.rsplit('/').next().unwrap_or(whole);
        [
            image.id.as_ref().map(ToString::to_string),
            Some(whole.into()),
            Some(name.into()),
            Some(stem(whole).into()),
        ]
    };
    let names: Vec<_> = images.iter().map(names).collect();
    let mut positions = HashMap::new();
    for kind in 0..4 {
        for (position, names) in names.iter().enumerate() {
            if let Some(name) = &names[kind] {
                positions.entry(name.as_str()).or_insert(position);
            }
        }
    }
    let mut captions = vec![None; images.len()];
    let mut others = 0;
    for CaptionResult { image_id, caption } in results {
        match positions.get(image_id.to_string().as_str()) {
            None => others += 1,
            Some(&position) => {
                if captions[position].replace(caption).is_some() {
                    return Err(Error::TwoResults { image: image_id });
                }
            }
        }
    }
    let missing = captions.iter().filter(|caption| caption.is_none()).count();
    if let Some(first) = captions.iter().position(Option::is_none) {
        return Err(Error::NoResult {
            image: images[first].file_name.clone(),
            missing,
            images: images.len(),
        });
    }
    Ok((captions.into_iter().flatten().collect(), others))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn image(file_name: &str, id: Option<u64>) -> CaptionedImage {
        CaptionedImage { file_name: file_name.into(), id: id.map(Into::into), ..CaptionedImage::default() }
    }

    fn results(json: &str) -> Vec<CaptionResult> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn images_are_found_by_number_name_and_stem() {
        let images = [image("val2014/c.jpg", Some(7)), image("7.jpg", Some(9)), image("1_a.jpg", None)];
        let json = r#"[{"image_id": "1_a", "caption": "z"}, {"image_id": 7, "caption": "x", "score": 1},
                       {"image_id": 9, "caption": "y"}, {"image_id": 11, "caption": "another's"}]"#;
        let found = match_results(results(json), &images).unwrap();
        assert_eq!(found, (vec!["x".into(), "y".into(), "z".into()], 1));
    }

    #[test]
    fn a_whole_name_is_surer_than_one_without_suffix() {
        let images = [image("b", None), image("b.jpg", None)];
        let json = r#"[{"image_id": "b.jpg", "caption": "y"}, {"image_id": "b", "caption": "x"}]"#;
        assert_eq!(match_results(results(json), &images).unwrap(), (vec!["x".into(), "y".into()], 0));
    }

    #[test]
    fn each_image_has_one_result() {
        let images = [image("a.jpg", None), image("b.jpg", None)];
        let one = r#"{"image_id": "a.jpg", "caption": "x"}"#;
        let missing = match_results(results(&format!("[{one}]")), &images).unwrap_err();
        assert!(matches!(missing, Error::NoResult { image, missing: 1, images: 2 } if image == "b.jpg"));
        let twice = match_results(results(&format!("[{one}, {one}]")), &images).unwrap_err();
        assert!(matches!(twice, Error::TwoResults { .. }));
    }
}
