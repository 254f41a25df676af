//! JSON layouts: Karpathy's and COCO's.

use crate::builder::Builder;
use crate::python_json::{Entry, parse, without_nan};
use crate::{FindingKind, ImageId, Result, Split};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::path::Path;

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    images: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    annotations: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct KarpathyImage<'a> {
    #[serde(borrow)]
    filename: Option<&'a RawValue>,
    /// COCO's folder, `train2014` or `val2014`.
    #[serde(borrow)]
    filepath: Option<&'a RawValue>,
    #[serde(borrow)]
    imgid: Option<&'a RawValue>,
    #[serde(borrow)]
    cocoid: Option<&'a RawValue>,
    #[serde(borrow)]
    split: Option<&'a RawValue>,
    #[serde(borrow)]
    sentences: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Sentence<'a> {
    #[serde(borrow)]
    raw: Option<&'a RawValue>,
    #[serde(borrow)]
    tokens: Option<&'a RawValue>,
}

/// Adds every sentence of Karpathy's JSON; `restval` joins `train`, as is usual.
pub(crate) fn read_karpathy(path: &Path, text: &str, builder: &mut Builder) -> Result<()> {
    let text = without_nan(text);
    let file: File = parse(path, &text, "an object with a list of images")?;
    let mut place = 0;
    for (number, image) in (1..).zip(file.images) {
        let entry = Entry { path, kind: "image", number };
        let image: KarpathyImage = entry.object(image)?;
        let file_name = entry.needed_text("filename", image.filename)?;
        let file_name = match entry.text("filepath", image.filepath)? {
            Some(folder) => format!("{}/{file_name}", folder.trim_end_matches('/')),
            None => file_name,
        };
        let split = entry.text("split", image.split)?;
        let split = split.as_deref().map(str::parse::<Split>).transpose()?;
        let id = entry.id("cocoid", image.cocoid)?.or(entry.id("imgid", image.imgid)?);
        builder.describe(&file_name, id, split)?;
        for sentence in entry.list("sentences", image.sentences)? {
            place += 1;
            builder.count_row();
            builder.add(place, &file_name, None, &sentence_text(path, place, sentence)?);
        }
    }
    Ok(())
}

/// What was written, or its tokens where only they are there.
fn sentence_text(path: &Path, number: usize, sentence: &RawValue) -> Result<String> {
    let entry = Entry { path, kind: "sentence", number };
    let sentence: Sentence = entry.object(sentence)?;
    if let Some(raw) = entry.text("raw", sentence.raw)? {
        return Ok(raw);
    }
    let tokens = entry.list("tokens", sentence.tokens)?.into_iter();
    let tokens: Vec<_> =
        tokens.map(|token| entry.needed_text("tokens", Some(token))).collect::<Result<_>>()?;
    Ok(tokens.join(" "))
}

#[derive(Deserialize)]
struct CocoImage<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    file_name: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(borrow)]
    image_id: Option<&'a RawValue>,
    #[serde(borrow)]
    caption: Option<&'a RawValue>,
}

/// Adds every annotation of COCO's JSON. An image without a `file_name` is known by its id; an annotation whose
/// caption is null or not there has none.
pub(crate) fn read_coco(path: &Path, text: &str, builder: &mut Builder) -> Result<()> {
    let text = without_nan(text);
    let file: File = parse(path, &text, "an object with a list of images and a list of annotations")?;
    let mut names = HashMap::<ImageId, String>::new();
    for (number, image) in (1..).zip(file.images) {
        let entry = Entry { path, kind: "image", number };
        let image: CocoImage = entry.object(image)?;
        let id = entry.needed_id("id", image.id)?;
        let file_name = entry.text("file_name", image.file_name)?.unwrap_or_else(|| id.to_string());
        builder.describe(&file_name, Some(id.clone()), None)?;
        match names.entry(id) {
            MapEntry::Occupied(held) if *held.get() != file_name => {
                let reason =
                    format!("is {file_name:?} and has the id of {:?}: an id is of one image", held.get());
                return Err(entry.error(reason));
            }
            held => held.or_insert(file_name),
        };
    }
    for (place, annotation) in (1..).zip(file.annotations) {
        builder.count_row();
        let entry = Entry { path, kind: "annotation", number: place };
        let annotation: Annotation = entry.object(annotation)?;
        let caption = entry.text("caption", annotation.caption)?.unwrap_or_default();
        match names.get(&entry.needed_id("image_id", annotation.image_id)?) {
            Some(file_name) => builder.add(place, file_name, None, &caption),
            None => builder.leave_out(place, FindingKind::UnknownImage, None),
        }
    }
    Ok(())
}
