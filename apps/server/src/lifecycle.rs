//! Whether the server takes requests, and how many it still has to answer.

use tokio::sync::watch;

/// Starts in service. Once it drains, it never goes back.
#[derive(Debug)]
pub struct Lifecycle {
    draining: watch::Sender<bool>,
    active: watch::Sender<usize>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self { draining: watch::Sender::new(false), active: watch::Sender::new(0) }
    }
}

impl Lifecycle {
    /// Takes no more requests; those that are here are answered.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Whether no more requests are taken.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// A request, counted until the result is dropped. `None` once the server drains.
    pub fn enter(&self) -> Option<Active<'_>> {
        // First in, then look: a request is either counted or refused.
        self.active.send_modify(|active| *active += 1);
        let active = Active(&self.active);
        (!self.is_draining()).then_some(active)
    }

    /// Waits until the server drains and the last request is answered.
    pub async fn drained(&self) {
        // The senders live as long as `self`, so that waiting cannot fail.
        let _ = self.draining.subscribe().wait_for(|draining| *draining).await;
        let _ = self.active.subscribe().wait_for(|active| *active == 0).await;
    }
}

/// A request that is not answered yet.
#[derive(Debug)]
pub struct Active<'a>(&'a watch::Sender<usize>);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|active| *active -= 1);
    }
}
