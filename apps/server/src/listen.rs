//! Connections: accepted within a bound, with a time limit for headers, closed when the server stops.

use crate::state::AppState;
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

/// A short rest after a failure to accept, which is most often a lack of file descriptors.
const REST: Duration = Duration::from_millis(100);

/// Serves connections until the server drains and its last request is answered.
pub async fn serve(listener: TcpListener, router: Router, state: AppState) {
    let limits = state.limits.clone();
    let connections = Arc::new(Semaphore::new(limits.max_connections));
    let graceful = GracefulShutdown::new();
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
    let mut drained = std::pin::pin!(state.lifecycle.drained());
    loop {
        let next = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&connections).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = &mut drained => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let io = TokioIo::new(with_timeouts(stream, limits.body_timeout));
        let connection = server.serve_connection(io, TowerToHyperService::new(router.clone()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// A client that reads nothing of its answer for so long loses its connection.
fn with_timeouts(stream: TcpStream, write: Duration) -> Pin<Box<TimeoutStream<TcpStream>>> {
    // Answers are small: waiting for more to send only costs time.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(write));
    Box::pin(stream)
}
