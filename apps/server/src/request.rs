//! From a body to photos and options: a photo as it is, a form, or JSON.

mod form;
mod json;

use crate::options;
use crate::refusal::Refusal;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde_json::{Map, Value};

/// What a photo is called that came without a name, as in `glimpse caption -`.
const UNNAMED: &str = "-";

/// A photo to caption.
#[derive(Debug, PartialEq)]
pub struct Upload {
    /// What the answer calls it.
    pub name: String,
    /// A file of any format that is read.
    pub bytes: Bytes,
}

/// A request, read.
#[derive(Debug, Default, PartialEq)]
pub struct Uploads {
    /// In the order of the request.
    pub photos: Vec<Upload>,
    /// By key.
    pub options: Map<String, Value>,
}

/// How a body is read.
#[derive(Debug, PartialEq)]
pub enum Kind {
    /// A photo as it is.
    Photo,
    /// A form with this boundary.
    Form(String),
    /// JSON with photos in base64.
    Json,
}

impl Kind {
    /// By the `Content-Type` header; without one, and with what curl writes by itself, it is a photo.
    pub fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
            && encoding != "identity"
        {
            return Err(Refusal::unsupported(
                "Content-Encoding: send the body as it is, without compression",
            ));
        }
        let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return Ok(Self::Photo) };
        let unknown = || {
            Refusal::unsupported(format!(
                "Content-Type {content_type:?} is not read; send a photo as image/* or application/octet-stream, \
                 photos as multipart/form-data, or base64 as application/json"
            ))
        };
        let text = content_type.to_str().map_err(|_| unknown())?;
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "multipart/form-data" => match multer::parse_boundary(text) {
                Ok(boundary) => Ok(Self::Form(boundary)),
                Err(_) => Err(Refusal::malformed("Content-Type multipart/form-data has no boundary")),
            },
            "application/json" => Ok(Self::Json),
            "application/octet-stream" | "application/x-www-form-urlencoded" => Ok(Self::Photo),
            image if image.starts_with("image/") => Ok(Self::Photo),
            _ => Err(unknown()),
        }
    }

    /// Reads the body, and the options of the query with it.
    pub async fn read(
        self,
        body: Bytes,
        query: Map<String, Value>,
        max_photos: usize,
    ) -> Result<Uploads, Refusal> {
        if body.is_empty() {
            return Err(Refusal::malformed("the body is empty: send a photo"));
        }
        let mut uploads = match self {
            Self::Photo => {
                let photos = vec![Upload { name: UNNAMED.into(), bytes: body }];
                Uploads { photos, options: Map::new() }
            }
            Self::Form(boundary) => form::read(body, boundary, max_photos).await?,
            Self::Json => json::read(&body, max_photos)?,
        };
        for (key, value) in query {
            options::add(&mut uploads.options, key, value)?;
        }
        if uploads.photos.is_empty() {
            return Err(Refusal::malformed("the request holds no photo"));
        }
        Ok(uploads)
    }
}

fn too_many(max_photos: usize) -> Refusal {
    Refusal::too_large(format!("more than {max_photos} photos, the most that this server takes in a request"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn kind(content_type: &'static str) -> Result<Kind, Refusal> {
        Kind::of(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]))
    }

    #[test]
    fn the_content_type_says_how_a_body_is_read() {
        assert_eq!(Kind::of(&HeaderMap::new()).unwrap(), Kind::Photo);
        for photo in ["image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded"] {
            assert_eq!(kind(photo).unwrap(), Kind::Photo);
        }
        assert_eq!(kind("Application/JSON; charset=utf-8").unwrap(), Kind::Json);
        assert_eq!(kind("multipart/form-data; boundary=abc").unwrap(), Kind::Form("abc".into()));
        assert!(format!("{:?}", kind("multipart/form-data").unwrap_err()).contains("400"));
        assert!(format!("{:?}", kind("text/html").unwrap_err()).contains("415"));
    }
}
