//! The bearer token.

use crate::body;
use crate::refusal::Refusal;
use crate::state::AppState;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::fmt;
use subtle::ConstantTimeEq;

/// A secret that clients send with each request.
#[derive(Clone)]
pub struct Token {
    /// Digests have one length, so that the time of a comparison says nothing about the token's.
    digest: String,
}

impl Token {
    /// The digest of a secret is kept, and the secret is not.
    pub fn new(secret: &str) -> Self {
        Self { digest: glimpse_bundle::sha256(secret.as_bytes()) }
    }

    fn is(&self, secret: &str) -> bool {
        let digest = glimpse_bundle::sha256(secret.as_bytes());
        digest.as_bytes().ct_eq(self.digest.as_bytes()).into()
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
            return false;
        };
        let Some((scheme, secret)) = value.split_once(' ') else { return false };
        scheme.eq_ignore_ascii_case("bearer") && self.is(secret.trim())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Refuses requests without the token.
pub async fn require(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match &state.token {
        Some(token) if !token.is_in(request.headers()) => {
            let refusal =
                Refusal::new(StatusCode::UNAUTHORIZED, "Authorization: this server wants a bearer token");
            let (parts, unread) = request.into_parts();
            body::unread(refusal, &parts.headers, unread, &state.limits).await.into_response()
        }
        _ => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_header_holds_the_token_or_not() {
        let token = Token::new("swordfish");
        let is_in = |value: &'static str| {
            token.is_in(&HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]))
        };
        assert!(is_in("Bearer swordfish") && is_in("bearer swordfish"));
        for value in ["Bearer swordfis", "Bearer swordfish2", "Bearer ", "Basic swordfish", "swordfish"] {
            assert!(!is_in(value), "{value}");
        }
        assert!(!token.is_in(&HeaderMap::new()));
        assert_eq!(format!("{token:?}"), "Token");
    }
}
