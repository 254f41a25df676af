//! `GET /`: the page, one file that asks nothing of other hosts, and the example photos beside it.

use crate::refusal::Refusal;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("page/request.js"),
    include_str!("page/captions.js"),
    include_str!("page/parting.js"),
    include_str!("page/tree.js"),
    include_str!("page/folder.js"),
    include_str!("page/start.js"),
);

/// The example photos with their names.
const EXAMPLES: [(&str, &[u8]); 5] = [
    ("beach.jpg", include_bytes!("../../../assets/photos/beach.jpg")),
    ("canyon.jpg", include_bytes!("../../../assets/photos/canyon.jpg")),
    ("dog-in-woods.jpg", include_bytes!("../../../assets/photos/dog-in-woods.jpg")),
    ("photographer.jpg", include_bytes!("../../../assets/photos/photographer.jpg")),
    ("two-dogs.jpg", include_bytes!("../../../assets/photos/two-dogs.jpg")),
];

/// The page and its policy: its own style and script run, and nothing else.
static PAGE: LazyLock<(String, String)> = LazyLock::new(|| {
    let page = include_str!("page/page.html").replace("/*STYLE*/", STYLE).replace("/*SCRIPT*/", SCRIPT);
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src 'self' blob: data:; connect-src \
         'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    (page, policy)
});

/// The names of the example photos.
pub fn examples() -> impl Iterator<Item = &'static str> {
    EXAMPLES.iter().map(|(name, _)| *name)
}

/// The page.
pub async fn page() -> impl IntoResponse {
    let (page, policy) = &*PAGE;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_str(policy).unwrap_or(HeaderValue::from_static("default-src 'none'")),
        ),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, page.as_str())
}

/// An example photo.
pub async fn example(Path(name): Path<String>) -> Response {
    match EXAMPLES.iter().find(|(known, _)| *known == name) {
        Some((_, photo)) => {
            ([(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "max-age=3600")], *photo)
                .into_response()
        }
        None => Refusal::new(StatusCode::NOT_FOUND, "no such example").into_response(),
    }
}
