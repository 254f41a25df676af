//! SIGTERM and SIGINT: the first one drains the server, the second one ends it at once.

use crate::state::AppState;
use std::io;

/// The exit code of a process that was ended by a second signal.
const ENDED_AT_ONCE: i32 = 130;

/// Waits for signals for as long as the process lives.
///
/// # Errors
/// The system lets no signal be waited for.
pub fn watch(state: AppState) -> io::Result<()> {
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping: requests that are here are answered; another signal ends them");
        state.lifecycle().drain();
        let late = tokio::time::sleep(state.limits.shutdown_timeout);
        tokio::select! {
            () = signals.next() => tracing::warn!("ended by a second signal"),
            () = late => tracing::warn!("ended: requests were not answered in time"),
        }
        std::process::exit(ENDED_AT_ONCE);
    });
    Ok(())
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Elsewhere there is Ctrl-C alone.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
