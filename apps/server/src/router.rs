//! Which path does what.

use crate::refusal::Refusal;
use crate::schema::Refused;
use crate::state::AppState;
use crate::{body, captions, health, info, metrics, openapi, page, token};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use std::any::Any;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::Level;

/// All paths. Health, the page and its example photos need no token; the rest does, where there is one.
pub fn router(state: AppState) -> Router {
    let guarded = Router::new()
        .route("/v1/captions", post(captions::caption))
        .route("/info", get(info::info))
        .route("/metrics", get(print_metrics))
        .route("/openapi.json", get(openapi::json))
        .route("/docs", get(openapi::page))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(state.clone(), token::require));
    let open = Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/v2/health/live", get(health::live))
        .route("/v2/health/ready", get(health::ready))
        .route("/", get(page::page))
        .route("/examples/{name}", get(page::example))
        .method_not_allowed_fallback(not_allowed);
    let no_sniffing = SetResponseHeaderLayer::overriding(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // A 503 is no failure of the server: `/metrics` counts them, and the log stays short under load.
    let trace =
        TraceLayer::new_for_http().on_response(DefaultOnResponse::new().level(Level::DEBUG)).on_failure(());
    guarded
        .merge(open)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(metrics::measure))
        .layer(no_sniffing)
        .layer(trace)
        .with_state(state)
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed unexpectedly").into_response()
}

/// What Prometheus reads.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, description = "Counts and durations", body = String, content_type = "text/plain"),
    (status = 401, description = "The server wants a token", body = Refused)
))]
pub async fn print_metrics(State(state): State<AppState>) -> impl IntoResponse {
    metrics::queued(state.batcher.queued());
    let text = state.metrics.as_ref().map(|handle| handle.render()).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

async fn not_found(State(state): State<AppState>, request: Request) -> Refusal {
    unread(&state, request, Refusal::new(StatusCode::NOT_FOUND, "no such path")).await
}

async fn not_allowed(State(state): State<AppState>, request: Request) -> Refusal {
    let error = "this path has another method: the Allow header names it";
    unread(&state, request, Refusal::new(StatusCode::METHOD_NOT_ALLOWED, error)).await
}

async fn unread(state: &AppState, request: Request, refusal: Refusal) -> Refusal {
    let (parts, body) = request.into_parts();
    body::unread(refusal, &parts.headers, body, &state.limits).await
}
