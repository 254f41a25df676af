use crate::batcher::Batcher;
use crate::body::BodyMemory;
use crate::config::Limits;
use crate::lifecycle::Lifecycle;
use crate::token::Token;
use glimpse_runtime::Captioner;
use metrics_exporter_prometheus::PrometheusHandle;
use std::io;
use std::sync::Arc;

/// What all requests share.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Shared>);

/// The parts of [`AppState`].
#[derive(Debug)]
pub struct Shared {
    pub(crate) captioner: Arc<Captioner>,
    pub(crate) batcher: Batcher,
    pub(crate) body_memory: BodyMemory,
    pub(crate) limits: Limits,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) token: Option<Token>,
    pub(crate) metrics: Option<PrometheusHandle>,
}

impl AppState {
    /// Starts the thread that captions. A request has at most as many photos as the queue, and as many bytes as all
    /// bodies together. Requests need `token`, where there is one. Without `metrics`, the path
    /// `/metrics` is empty.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn new(
        captioner: impl Into<Arc<Captioner>>,
        mut limits: Limits,
        token: Option<Token>,
        metrics: Option<PrometheusHandle>,
    ) -> io::Result<Self> {
        let captioner = captioner.into();
        limits.max_photos = limits.max_photos.min(limits.queue_size);
        limits.max_body_bytes = limits.max_body_bytes.min(limits.max_buffered_bytes);
        let batcher = Batcher::start(Arc::clone(&captioner), limits.queue_size, limits.batch_size)?;
        let body_memory = BodyMemory::new(limits.max_buffered_bytes);
        let lifecycle = Lifecycle::default();
        Ok(Self(Arc::new(Shared { captioner, batcher, body_memory, limits, lifecycle, token, metrics })))
    }

    /// Whether the server stops, and who is still at work.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.0.lifecycle
    }

    /// Photos that wait or are captioned.
    pub fn queued_photos(&self) -> usize {
        self.0.batcher.queued()
    }
}

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
