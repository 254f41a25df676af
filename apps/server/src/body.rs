//! A request's body: read whole, within a size, a time, and the memory that all bodies share.

use crate::config::Limits;
use crate::refusal::Refusal;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is counted in these.
const BLOCK: usize = 4096;
/// What is read and thrown away of a body that is refused.
const DISCARDED_BYTES: usize = 512 << 20;

/// The memory of all bodies.
#[derive(Debug, Clone)]
pub struct BodyMemory(Arc<Semaphore>);

/// A body, and its share of the memory.
#[derive(Debug)]
pub struct HeldBody {
    /// The body.
    pub bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

impl BodyMemory {
    /// Memory of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / BLOCK).min(Semaphore::MAX_PERMITS))))
    }
}

/// Reads a body.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    memory: &BodyMemory,
    limits: &Limits,
) -> Result<HeldBody, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > limits.max_body_bytes) {
        return Err(unread(too_long(limits), headers, body, limits).await);
    }
    let mut stream = body.into_data_stream();
    let read = async {
        let mut bytes = BytesMut::new();
        let mut share: Option<OwnedSemaphorePermit> = None;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Refusal::malformed("the body ended before it was complete"))?;
            if bytes.len() + chunk.len() > limits.max_body_bytes {
                return Err(too_long(limits));
            }
            bytes.extend_from_slice(&chunk);
            let held = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let more = u32::try_from(bytes.len().div_ceil(BLOCK) - held).unwrap_or(u32::MAX);
            let more = Arc::clone(&memory.0).try_acquire_many_owned(more).map_err(|_| {
                Refusal::unavailable("too many bytes of photos are held at the moment: try again later", 1)
            })?;
            match &mut share {
                Some(share) => share.merge(more),
                None => share = Some(more),
            }
        }
        Ok(HeldBody { bytes: bytes.freeze(), _share: share })
    };
    let held = match tokio::time::timeout(limits.body_timeout, read).await {
        Ok(held) => held,
        Err(_) => {
            let error = format!("the body took longer than {} s", limits.body_timeout.as_secs_f32());
            return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, error));
        }
    };
    match held {
        // The client sends already, whatever it has waited for.
        Err(refusal) => Err(unread(refusal, &HeaderMap::new(), Body::from_stream(stream), limits).await),
        held => held,
    }
}

fn too_long(limits: &Limits) -> Refusal {
    let most = limits.max_body_bytes;
    Refusal::too_large(format!("the body is longer than {most} bytes, the most that this server reads"))
}

/// A refusal of a body that was not read: most clients read an answer only once their body is gone, and so it is read
/// to its end, for a bounded time and length. One that waits for a word before it sends, as curl does, gets it at once.
pub async fn unread(refusal: Refusal, headers: &HeaderMap, body: Body, limits: &Limits) -> Refusal {
    if headers.contains_key(header::EXPECT) {
        return refusal;
    }
    let mut stream = body.into_data_stream();
    let read = async {
        let mut bytes = 0;
        while let Some(Ok(chunk)) = stream.next().await {
            bytes += chunk.len();
            if bytes > DISCARDED_BYTES {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(limits.body_timeout, read).await;
    refusal
}
