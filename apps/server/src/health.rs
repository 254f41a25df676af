//! Whether the process runs, and whether it takes photos.

use crate::schema::{Health, Refused};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// 200 as long as the process answers and its network does.
#[utoipa::path(get, path = "/health/live", responses(
    (status = 200, description = "The process answers, and its network does", body = Health),
    (status = 503, description = "It does not", body = Refused)
))]
pub async fn live(State(state): State<AppState>) -> (StatusCode, Json<Value>) {
    report(state.batcher.is_alive(), "live", "the network's thread has ended")
}

/// 200 while photos are taken: not once the server stops.
#[utoipa::path(get, path = "/health/ready", responses(
    (status = 200, description = "Photos are taken", body = Health),
    (status = 503, description = "They are not: the server stops", body = Refused)
))]
pub async fn ready(State(state): State<AppState>) -> (StatusCode, Json<Value>) {
    let takes = state.batcher.is_alive() && !state.lifecycle.is_draining();
    report(takes, "ready", "the server stops")
}

fn report(good: bool, word: &str, problem: &str) -> (StatusCode, Json<Value>) {
    if good {
        (StatusCode::OK, Json(json!({ "status": word })))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": problem })))
    }
}
