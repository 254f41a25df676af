//! Every answer that is not captions: one JSON object, one status for each reason.

use crate::metrics;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use glimpse_bundle::image::ImageError;
use glimpse_bundle::{InvalidOption, printable};
use serde_json::{Value, json};

/// Longest reason, in characters.
const MOST_CHARACTERS: usize = 500;

/// Why a request is not answered with captions.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    error: String,
    /// The decoding option that is at fault.
    option: Option<String>,
    /// Seconds after which to try again.
    retry_after: Option<u64>,
    /// What can be said of each photo.
    results: Option<Value>,
}

impl Refusal {
    /// A refusal with this status, for this reason.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: line(&error.into()), option: None, retry_after: None, results: None }
    }

    /// 400: the request is malformed.
    pub fn malformed(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// 413: more than a limit allows.
    pub fn too_large(error: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, error)
    }

    /// 415: a kind of content that is not read.
    pub fn unsupported(error: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error)
    }

    /// 422: well-formed, and not to be obeyed.
    pub fn unprocessable(error: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error)
    }

    /// 422 for a decoding option.
    pub fn option(option: &str, reason: impl std::fmt::Display) -> Self {
        Self { option: Some(option.into()), ..Self::unprocessable(format!("{option}: {reason}")) }
    }

    /// 503: the request would be answered at another time.
    pub fn unavailable(error: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, error) }
    }

    /// Why, in one line.
    pub fn error(&self) -> &str {
        &self.error
    }

    /// Adds what can be said of each photo.
    pub fn with_results(self, results: Value) -> Self {
        Self { results: Some(results), ..self }
    }
}

/// One line, which quotes no more of a request than a person reads.
fn line(error: &str) -> String {
    let line = printable(error);
    match line.char_indices().nth(MOST_CHARACTERS) {
        None => line.into_owned(),
        Some((end, _)) => format!("{}...", &line[..end]),
    }
}

impl From<InvalidOption> for Refusal {
    fn from(error: InvalidOption) -> Self {
        Self::option(&error.option, &error.reason)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        metrics::rejected(self.status);
        let mut body = json!({ "error": self.error });
        if let Some(option) = self.option {
            body["option"] = option.into();
        }
        if let Some(results) = self.results {
            body["results"] = results;
        }
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The status of a request all of whose photos fail in this way.
pub fn status_of_photo(error: &glimpse_bundle::Error) -> StatusCode {
    match error {
        glimpse_bundle::Error::Image(ImageError::NotAPicture | ImageError::UnsupportedFormat) => {
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        }
        glimpse_bundle::Error::Image(
            ImageError::FileTooLong { .. }
            | ImageError::SideTooLong { .. }
            | ImageError::TooManyPixels { .. }
            | ImageError::TooManyScans { .. }
            | ImageError::OutOfMemory { .. },
        ) => StatusCode::PAYLOAD_TOO_LARGE,
        glimpse_bundle::Error::Image(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
