//! `multipart/form-data`: a part with a file name or a picture's type is a photo, any other an option.

use super::{Upload, Uploads, too_many};
use crate::options;
use crate::refusal::Refusal;
use bytes::Bytes;
use futures_util::stream;
use multer::{Field, Multipart};
use serde_json::Map;
use std::convert::Infallible;

/// The text of an option, in bytes.
const OPTION_BYTES: usize = 64 << 10;

pub(super) async fn read(body: Bytes, boundary: String, max_photos: usize) -> Result<Uploads, Refusal> {
    let body = stream::iter([Ok::<_, Infallible>(body)]);
    let mut form = Multipart::new(body, boundary);
    let mut photos = Vec::new();
    let mut pairs = Vec::new();
    while let Some(part) = form.next_field().await.map_err(malformed)? {
        let name = part.name().unwrap_or_default().to_string();
        if is_photo(&part) {
            if photos.len() == max_photos {
                return Err(too_many(max_photos));
            }
            let name = part.file_name().filter(|file| !file.is_empty()).unwrap_or(&name).to_string();
            photos.push(Upload { name, bytes: part.bytes().await.map_err(malformed)? });
            continue;
        }
        let text = part.bytes().await.map_err(malformed)?;
        if text.len() > OPTION_BYTES {
            return Err(Refusal::malformed(format!(
                "the part {name:?} has no file name, so that it is an option, and is too long for one"
            )));
        }
        let text = std::str::from_utf8(&text)
            .map_err(|_| Refusal::malformed(format!("the part {name:?} is neither a file nor text")))?;
        pairs.push((name, text.to_string()));
    }
    let options = if pairs.is_empty() { Map::new() } else { options::from_text(pairs)? };
    Ok(Uploads { photos, options })
}

fn is_photo(part: &Field<'_>) -> bool {
    let is_picture = part.content_type().is_some_and(|kind| {
        let kind = kind.essence_str();
        kind.starts_with("image/") || kind == "application/octet-stream"
    });
    part.file_name().is_some() || is_picture
}

fn malformed(error: multer::Error) -> Refusal {
    Refusal::malformed(format!("the form cannot be read: {error}"))
}
