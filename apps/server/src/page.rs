//! `GET /`: the page, one file that asks nothing of other hosts, and the example photos beside it.

use crate::refusal::Refusal;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use glimpse_page::{EXAMPLES, Engine, Page};
use std::sync::LazyLock;

/// The page and its policy.
static PAGE: LazyLock<(String, String)> = LazyLock::new(|| {
    let page = Page::new(&Engine {
        script: include_str!("page/engine.js"),
        controls: include_str!("page/controls.html"),
        footer: "Photos go to this server alone. <a href=\"docs\">API</a>",
    });
    let policy = format!("{}; frame-ancestors 'none'", page.policy(""));
    (page.into_html(None), policy)
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
