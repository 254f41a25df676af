//! What `fuzz/` calls.

use crate::config::Limits;
use crate::options;
use crate::refusal::Refusal;
use crate::request::Kind;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use bytes::Bytes;
use futures_util::FutureExt;
use glimpse_runtime::GenerationConfig;

/// Reads a request to `/v1/captions` as the server does. The result is how many photos it has, and how many searches each
/// of them gets.
///
/// # Errors
/// Why the request is refused, in one line.
pub fn read_request(
    content_type: HeaderValue,
    uri: &Uri,
    body: Bytes,
    bundle: &GenerationConfig,
    vocab_size: usize,
) -> Result<(usize, usize), String> {
    let limits = Limits::default();
    let read = async {
        let kind = Kind::of(&HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]))?;
        let query = options::query(uri)?;
        let uploads = kind.read(body, query, limits.max_photos).await?;
        let asked = options::searches(bundle, vocab_size, &uploads.options, &limits)?;
        Ok((uploads.photos.len(), asked.searches.len()))
    };
    // All of the body is there, so that nothing waits.
    let read = read.now_or_never().ok_or("reading waited for more of the body")?;
    read.map_err(|refusal: Refusal| refusal.error().to_string())
}
