//! JSON layouts: Karpathy's and COCO's.

use crate::dataset::Builder;
use crate::{Error, FindingKind, Result, Split};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

#[derive(Deserialize)]
struct Karpathy {
    images: Vec<KarpathyImage>,
}

#[derive(Deserialize)]
struct KarpathyImage {
    filename: String,
    /// COCO's folder, `train2014` or `val2014`.
    filepath: Option<String>,
    imgid: Option<u64>,
    cocoid: Option<u64>,
    split: Option<String>,
    sentences: Vec<Sentence>,
}

#[derive(Deserialize)]
struct Sentence {
    raw: Option<String>,
    #[serde(default)]
    tokens: Vec<String>,
}

/// Adds every sentence of Karpathy's JSON; `restval` joins `train`, as is usual.
pub(crate) fn read_karpathy(path: &Path, text: &str, builder: &mut Builder) -> Result<()> {
    let file: Karpathy = serde_json::from_str(text).map_err(|source| not_json(path, source))?;
    let mut place = 0;
    for image in file.images {
        let file_name = match &image.filepath {
            Some(folder) => format!("{}/{}", folder.trim_end_matches('/'), image.filename),
            None => image.filename,
        };
        let split = image.split.as_deref().map(str::parse::<Split>).transpose()?;
        builder.describe(&file_name, image.cocoid.or(image.imgid), split)?;
        for sentence in image.sentences {
            place += 1;
            builder.count_row();
            let caption = sentence.raw.unwrap_or_else(|| sentence.tokens.join(" "));
            builder.add(place, &file_name, None, &caption);
        }
    }
    Ok(())
}

fn not_json(path: &Path, source: serde_json::Error) -> Error {
    Error::Json { path: path.into(), source }
}

#[derive(Deserialize)]
struct Coco {
    images: Vec<CocoImage>,
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct CocoImage {
    id: u64,
    file_name: Option<String>,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    caption: String,
}

/// Adds every annotation of COCO's JSON. An image without a `file_name` is known by its id.
pub(crate) fn read_coco(path: &Path, text: &str, builder: &mut Builder) -> Result<()> {
    let file: Coco = serde_json::from_str(text).map_err(|source| not_json(path, source))?;
    let mut names = HashMap::new();
    for image in file.images {
        let file_name = image.file_name.unwrap_or_else(|| image.id.to_string());
        builder.describe(&file_name, Some(image.id), None)?;
        names.insert(image.id, file_name);
    }
    for (place, annotation) in (1..).zip(file.annotations) {
        builder.count_row();
        match names.get(&annotation.image_id) {
            Some(file_name) => builder.add(place, file_name, None, &annotation.caption),
            None => builder.leave_out(place, FindingKind::UnknownImage, None),
        }
    }
    Ok(())
}
