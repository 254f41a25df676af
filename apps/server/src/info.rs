//! `GET /info`: what runs here, and within which limits.

use crate::page;
use crate::schema::Refused;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use glimpse_bundle::{CHECKSUMS, Precision, sha256_of_file};
use glimpse_runtime::PrecisionChoice;
use serde_json::{Value, json};

/// The bundle, its hash, the precision of its graphs, ONNX Runtime, the bundle's decoding options and the limits.
#[utoipa::path(get, path = "/info", responses(
    (status = 200, description = "Model, precision, ONNX Runtime, decoding options, limits", body = Object),
    (status = 401, description = "The server wants a token", body = Refused)
))]
pub async fn info(State(state): State<AppState>) -> Json<Value> {
    let (captioner, limits) = (&state.captioner, &state.limits);
    let bundle = captioner.bundle();
    let PrecisionChoice { encoder, decoder } = captioner.precision();
    let name = |precision: Option<Precision>| precision.map(Precision::as_str);
    let image = glimpse_bundle::image::Limits::default();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "model": {
            "name": bundle.dir().file_name().map(|name| name.to_string_lossy()),
            // Of the list that has the hash of each file.
            "sha256": sha256_of_file(&bundle.dir().join(CHECKSUMS)).ok(),
            "architecture": bundle.config.architecture,
            "provenance": bundle.config.provenance,
        },
        "device": captioner.device().to_string(),
        "precision": { "encoder": name(encoder), "decoder": name(decoder) },
        "onnxruntime": { "version": captioner.runtime().version(), "threads": captioner.runtime().threads() },
        "preprocessor": captioner.preprocessor().config(),
        "examples": page::examples().collect::<Vec<_>>(),
        "generation_config": captioner.generation_config(),
        "limits": {
            "max_body_bytes": limits.max_body_bytes,
            "max_photos": limits.max_photos,
            "max_side": image.max_side,
            "max_decoded_bytes": image.max_bytes,
            "max_beams": limits.max_beams,
            "max_tokens": limits.max_tokens,
            "queue_size": limits.queue_size,
            "batch_size": limits.batch_size,
            "body_timeout_seconds": limits.body_timeout.as_secs_f32(),
            "request_timeout_seconds": limits.request_timeout.as_secs_f32(),
        },
    }))
}
