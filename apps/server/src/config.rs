use std::time::Duration;

/// What a server accepts, and how long it waits. Each is checked before the work that it bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request's body. 32 MiB by default.
    pub max_body_bytes: usize,
    /// Bytes of all bodies that are held at the same time. 256 MiB by default.
    pub max_buffered_bytes: usize,
    /// Photos of a request. 32 by default.
    pub max_photos: usize,
    /// Beams, or drawn captions, of a photo; those of all searches of a request together. 32 by default.
    pub max_beams: usize,
    /// Length of a caption in tokens, `<sos>` counted. 100 by default.
    pub max_tokens: usize,
    /// Photos that wait or are captioned; a request that finds no place for all of its own is refused. 256 by default.
    pub queue_size: usize,
    /// Photos that run through the network together. 8 by default.
    pub batch_size: usize,
    /// Connections that are open at the same time; others wait to be accepted. 1024 by default.
    pub max_connections: usize,
    /// How long a client may take for the headers of a request, and between two requests. 10 s by default.
    pub header_timeout: Duration,
    /// How long a client may take for a body, and how long it may read nothing of an answer. 30 s by default.
    pub body_timeout: Duration,
    /// How long a request may wait for its captions. 60 s by default.
    pub request_timeout: Duration,
    /// How long requests are waited for after SIGTERM. 60 s by default.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 32 << 20,
            max_buffered_bytes: 256 << 20,
            max_photos: 32,
            max_beams: 32,
            max_tokens: 100,
            queue_size: 256,
            batch_size: 8,
            max_connections: 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            shutdown_timeout: Duration::from_secs(60),
        }
    }
}
