//! What Prometheus reads under `/metrics`.

use axum::extract::{MatchedPath, Request};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const REQUEST_DURATION: &str = "glimpse_request_duration_seconds";
const QUEUE_DURATION: &str = "glimpse_queue_duration_seconds";
const BATCH_DURATION: &str = "glimpse_batch_duration_seconds";
const BATCH_SIZE: &str = "glimpse_batch_size";
const QUEUED: &str = "glimpse_queue_photos";
const REJECTED: &str = "glimpse_rejected_requests_total";
const PHOTOS: &str = "glimpse_photos_total";
const ABANDONED: &str = "glimpse_abandoned_photos_total";
const TOKENS: &str = "glimpse_generated_tokens_total";

const SECONDS: [f64; 13] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
const PHOTOS_OF_A_BATCH: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// Starts to count, once in a process, and hands out what prints the counts.
///
/// # Errors
/// Another recorder of metrics runs in this process.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    static HANDLE: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut handle = HANDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*handle {
        return Ok(handle.clone());
    }
    let buckets = |name: &str| Matcher::Full(name.into());
    let installed = PrometheusBuilder::new()
        .set_buckets_for_metric(buckets(REQUEST_DURATION), &SECONDS)?
        .set_buckets_for_metric(buckets(QUEUE_DURATION), &SECONDS)?
        .set_buckets_for_metric(buckets(BATCH_DURATION), &SECONDS)?
        .set_buckets_for_metric(buckets(BATCH_SIZE), &PHOTOS_OF_A_BATCH)?
        .install_recorder()?;
    describe();
    *handle = Some(installed.clone());
    Ok(installed)
}

fn describe() {
    describe_histogram!(REQUEST_DURATION, Unit::Seconds, "From the headers of a request to its answer");
    describe_histogram!(QUEUE_DURATION, Unit::Seconds, "From a photo's admission to the start of its batch");
    describe_histogram!(BATCH_DURATION, Unit::Seconds, "Encoder and searches of a batch");
    describe_histogram!(BATCH_SIZE, Unit::Count, "Photos that ran through the network together");
    describe_gauge!(QUEUED, Unit::Count, "Photos that wait or are captioned");
    describe_counter!(REJECTED, Unit::Count, "Requests that were answered with an error, by status");
    describe_counter!(PHOTOS, Unit::Count, "Photos by their outcome: captioned or failed");
    describe_counter!(ABANDONED, Unit::Count, "Photos whose client left before their batch");
    describe_counter!(TOKENS, Unit::Count, "Tokens of the captions that were handed out");
}

/// Empties the buffers of the histograms from time to time: between two visits of Prometheus they would grow.
pub async fn keep_small(handle: PrometheusHandle) {
    let mut interval = tokio::time::interval(Duration::from_secs(5));
    loop {
        interval.tick().await;
        handle.run_upkeep();
    }
}

/// Measures a request.
pub async fn measure(request: Request, next: Next) -> Response {
    let start = Instant::now();
    // By the route, as clients choose paths freely.
    let path = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_string();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    histogram!(REQUEST_DURATION, "path" => path, "status" => status).record(start.elapsed());
    response
}

/// A request was answered with an error.
pub fn rejected(status: StatusCode) {
    counter!(REJECTED, "status" => status.as_u16().to_string()).increment(1);
}

/// A photo was answered.
pub fn photo(captioned: bool) {
    counter!(PHOTOS, "outcome" => if captioned { "captioned" } else { "failed" }).increment(1);
}

/// Photos left the queue because their clients had left.
pub fn abandoned(photos: usize) {
    counter!(ABANDONED).increment(photos as u64);
}

/// A batch begins, whose photos have waited so long.
pub fn batch(waited: impl Iterator<Item = Duration>) {
    let mut photos = 0_u32;
    for waited in waited {
        histogram!(QUEUE_DURATION).record(waited);
        photos += 1;
    }
    histogram!(BATCH_SIZE).record(f64::from(photos));
}

/// A batch is done.
pub fn batch_done(took: Duration, tokens: usize) {
    histogram!(BATCH_DURATION).record(took);
    counter!(TOKENS).increment(tokens as u64);
}

/// How many places of the queue are taken.
pub fn queued(photos: usize) {
    gauge!(QUEUED).set(photos as f64);
}
