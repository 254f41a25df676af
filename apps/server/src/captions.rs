//! `POST /v1/captions`.

use crate::batcher::{PhotoError, Searches};
use crate::body;
use crate::options::{self, Asked};
use crate::refusal::Refusal;
use crate::request::{Kind, Upload};
use crate::schema::{FormPhotos, JsonPhotos, PhotoResult, Refused, Results};
use crate::state::AppState;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use glimpse_runtime::Answer;
use serde::Serialize;
use std::sync::Arc;

/// One JSON object a line.
const NDJSON: &str = "application/x-ndjson";

/// Captions photos.
///
/// A photo that cannot be captioned gets an error, and the others are captioned.
#[utoipa::path(
    post,
    path = "/v1/captions",
    request_body(
        description = "A photo as it is, a form of photos, or JSON with photos in base64. JPEG, PNG, WebP, GIF, BMP and \
            TIFF are read.",
        content(
            (Vec<u8> = "image/*"),
            (Vec<u8> = "application/octet-stream"),
            (Vec<u8> = "application/x-www-form-urlencoded"),
            (FormPhotos = "multipart/form-data"),
            (JsonPhotos = "application/json")
        )
    ),
    responses(
        (status = 200, description = "Captions; at least one photo has some. `Accept: application/x-ndjson` asks for \
            one result a line", content((Results = "application/json"), (PhotoResult = "application/x-ndjson"))),
        (status = 400, description = "Malformed: no photo, broken JSON, a body that is cut short", body = Refused),
        (status = 401, description = "The server wants a token", body = Refused),
        (status = 408, description = "The body took too long", body = Refused),
        (status = 413, description = "Too many bytes, photos or pixels", body = Refused),
        (status = 415, description = "A kind of content, or of picture, that is not read", body = Refused),
        (status = 422, description = "An option that is refused, or photos that are damaged", body = Refused),
        (status = 500, description = "The network failed", body = Refused),
        (status = 503, description = "The queue is full or the server stops: Retry-After says when to come back",
            body = Refused, headers(("Retry-After" = u64, description = "Seconds")))
    )
)]
pub async fn caption(State(state): State<AppState>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let active = state.lifecycle.enter();
    let kind = match (&active, Kind::of(&parts.headers)) {
        (Some(_), Ok(kind)) => kind,
        (None, _) => {
            let refusal = Refusal::unavailable("the server stops", 1);
            return Err(body::unread(refusal, &parts.headers, body, &state.limits).await);
        }
        (_, Err(refusal)) => return Err(body::unread(refusal, &parts.headers, body, &state.limits).await),
    };
    let held = body::read(&parts.headers, body, &state.body_memory, &state.limits).await?;
    let query = options::query(&parts.uri)?;
    let uploads = kind.read(held.bytes.clone(), query, state.limits.max_photos).await?;

    let captioner = &state.captioner;
    let vocab_size = captioner.bundle().config.architecture.vocab_size;
    let asked =
        options::searches(captioner.generation_config(), vocab_size, &uploads.options, &state.limits)?;
    let asked = Arc::new(asked);

    let mut places = state.batcher.admit(uploads.photos.len())?;
    let (names, photos): (Vec<_>, Vec<_>) =
        uploads.photos.into_iter().map(|Upload { name, bytes }| (name, bytes)).unzip();
    let answers = photos.into_iter().filter_map(|photo| {
        let place = places.take()?;
        Some(state.batcher.caption(photo, Arc::clone(&asked), place))
    });
    let time = state.limits.request_timeout;
    let answers = tokio::time::timeout(time, join_all(answers)).await.map_err(|_| {
        let error = format!("the photos were not captioned within {} s: try again later", time.as_secs_f32());
        Refusal::unavailable(error, 1)
    })?;
    answer(&names, &answers, &asked, wants_lines(&parts.headers))
}

fn wants_lines(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|text| text.contains(NDJSON)))
}

#[derive(Serialize)]
struct ResultsOf<'a> {
    results: &'a [Answer<'a>],
}

fn answer(
    names: &[String],
    photos: &[Result<Searches, PhotoError>],
    asked: &Asked,
    as_lines: bool,
) -> Result<Response, Refusal> {
    let mut results = Vec::new();
    for (name, photo) in names.iter().zip(photos) {
        match photo {
            Err(error) => results.push(Answer::new(name, Err(&error.error))),
            Ok(searches) => results.extend(asked.searches.iter().zip(searches).map(|(options, found)| {
                let mut answer = Answer::new(name, Ok(&found.captions));
                if asked.is_list {
                    answer = answer.with_num_beams(options.num_beams);
                }
                if asked.timings {
                    answer = answer.with_milliseconds(found.milliseconds);
                }
                match &found.trace {
                    Some(trace) => answer.with_trace(trace),
                    None => answer,
                }
            })),
        }
    }
    let unwritten = |error: serde_json::Error| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the answer cannot be written: {error}"))
    };
    if photos.iter().all(Result::is_err) {
        let failed: Vec<_> = photos.iter().filter_map(|photo| photo.as_ref().err()).collect();
        let alike = failed.iter().all(|error| error.status == failed[0].status);
        let status = if alike { failed[0].status } else { StatusCode::UNPROCESSABLE_ENTITY };
        let error = match &failed[..] {
            [error] => error.error.clone(),
            _ => "no photo could be captioned: results has the reasons".into(),
        };
        let results = serde_json::to_value(&results).map_err(unwritten)?;
        return Err(Refusal::new(status, error).with_results(results));
    }
    if !as_lines {
        let json = serde_json::to_vec(&ResultsOf { results: &results }).map_err(unwritten)?;
        return Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response());
    }
    let mut lines = Vec::new();
    for result in &results {
        serde_json::to_writer(&mut lines, result).map_err(unwritten)?;
        lines.push(b'\n');
    }
    Ok(([(header::CONTENT_TYPE, NDJSON)], lines).into_response())
}
