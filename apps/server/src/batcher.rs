//! Photos of all requests, captioned in batches by one thread.
//!
//! A photo has a place in a queue of bounded length from its request's admission to its answer. It is decoded on a
//! blocking thread and handed to the thread that owns the network, which takes whatever waits when it becomes free: a
//! batch never waits for photos, and grows while the one before it runs.

mod worker;

use crate::metrics;
use crate::options::Asked;
use crate::refusal::{Refusal, status_of_photo};
use axum::http::StatusCode;
use bytes::Bytes;
use glimpse_bundle::with_causes;
use glimpse_runtime::{Caption, Captioner, Milliseconds, Trace};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use worker::{Job, Pace, Worker};

/// Batches of photos that lie decoded ahead of the network: enough that it never waits for one, and no more, as each
/// photo takes 0.6 MB.
const BATCHES_AHEAD: usize = 4;

/// What each search of a request found for one photo.
pub type Searches = Vec<Found>;

/// What a search found for one photo.
#[derive(Debug)]
pub struct Found {
    /// Best first.
    pub captions: Vec<Caption>,
    /// The photo's share of the batch's time.
    pub milliseconds: Milliseconds,
    /// Where the request asks for it.
    pub trace: Option<Trace>,
}

/// Why a photo has no captions.
#[derive(Debug)]
pub struct PhotoError {
    /// The status of a request all of whose photos fail in this way.
    pub status: StatusCode,
    /// In one line.
    pub error: String,
}

impl PhotoError {
    fn internal(error: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, error: error.into() }
    }
}

/// Takes photos and gives captions. Its thread ends once it is dropped.
#[derive(Debug)]
pub struct Batcher {
    captioner: Arc<Captioner>,
    queue_size: usize,
    /// A permit is a place in the queue.
    queue: Arc<Semaphore>,
    /// A permit is a photo that is decoded and waits for its batch.
    ahead: Arc<Semaphore>,
    /// A permit is a photo that is being decoded.
    decoding: Arc<Semaphore>,
    jobs: Sender<Job>,
    pace: Arc<Pace>,
    worker: JoinHandle<()>,
}

impl Batcher {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(captioner: Arc<Captioner>, queue_size: usize, batch_size: usize) -> std::io::Result<Self> {
        let (jobs, received) = channel();
        let pace = Arc::new(Pace::default());
        let worker = Worker::new(Arc::clone(&captioner), batch_size, Arc::clone(&pace));
        let worker =
            std::thread::Builder::new().name("batches".into()).spawn(move || worker.run(&received))?;
        let permits = |count| Arc::new(Semaphore::new(count));
        let decoding = permits(captioner.runtime().threads());
        let ahead = permits(BATCHES_AHEAD * batch_size);
        Ok(Self { captioner, queue_size, queue: permits(queue_size), ahead, decoding, jobs, pace, worker })
    }

    /// Whether photos are captioned at all.
    pub fn is_alive(&self) -> bool {
        !self.worker.is_finished()
    }

    /// Photos that wait or are captioned.
    pub fn queued(&self) -> usize {
        self.queue_size - self.queue.available_permits()
    }

    /// Places in the queue for so many photos, or 503 with the time after which there should be some.
    pub fn admit(&self, photos: usize) -> Result<Places, Refusal> {
        let full = |_| {
            let seconds = self.pace.seconds(self.queue_size);
            Refusal::unavailable(
                format!("the queue of {} photos has no place for {photos}: try again later", self.queue_size),
                seconds,
            )
        };
        let permits = u32::try_from(photos).unwrap_or(u32::MAX);
        let permits = Arc::clone(&self.queue).try_acquire_many_owned(permits).map_err(full)?;
        Ok(Places(permits))
    }

    /// Captions one photo in each of the ways of `asked`. Dropped, it costs nothing more than the step that runs.
    pub async fn caption(
        &self,
        photo: Bytes,
        asked: Arc<Asked>,
        place: OwnedSemaphorePermit,
    ) -> Result<Searches, PhotoError> {
        let queued = Instant::now();
        let stopped = || PhotoError::internal("the server stops");
        let ahead = Arc::clone(&self.ahead).acquire_owned().await.map_err(|_| stopped())?;
        let decoding = Arc::clone(&self.decoding).acquire_owned().await.map_err(|_| stopped())?;
        let captioner = Arc::clone(&self.captioner);
        let decode = move || {
            // The permit ends with the work, even where the request ends before.
            let _decoding = decoding;
            decode(&captioner, &photo)
        };
        let pixel_values = tokio::task::spawn_blocking(decode).await.map_err(|_| stopped()).flatten();
        let pixel_values = pixel_values.inspect_err(|_| metrics::photo(false))?;
        let (answer, answered) = oneshot::channel();
        let job = Job { pixel_values, asked, answer, queued, _place: place, ahead: Some(ahead) };
        self.jobs.send(job).map_err(|_| stopped())?;
        let result = answered.await.unwrap_or_else(|_| Err("the batch failed unexpectedly".into()));
        metrics::photo(result.is_ok());
        result.map_err(PhotoError::internal)
    }
}

/// Places in the queue, given back when they are dropped.
#[derive(Debug)]
pub struct Places(OwnedSemaphorePermit);

impl Places {
    /// One of the places.
    pub fn take(&mut self) -> Option<OwnedSemaphorePermit> {
        self.0.split(1)
    }
}

/// f32 [3, height, width] of a photo.
fn decode(captioner: &Captioner, photo: &[u8]) -> Result<Vec<f32>, PhotoError> {
    match catch_unwind(AssertUnwindSafe(|| captioner.preprocessor().prepare(photo))) {
        Ok(Ok(prepared)) => Ok(prepared.pixel_values),
        Ok(Err(error)) => Err(PhotoError { status: status_of_photo(&error), error: with_causes(&error) }),
        Err(_) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Err(PhotoError { status, error: glimpse_runtime::Error::DecoderPanic.to_string() })
        }
    }
}
