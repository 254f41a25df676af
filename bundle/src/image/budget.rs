//! How much memory all pictures in the process may take together.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that a process may use for one purpose. Who asks for more than is free waits until others have
/// finished; requests are served in the order in which they were made.
#[derive(Debug)]
pub(super) struct Budget {
    total: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    free: u64,
    next_ticket: u64,
    serving: u64,
}

impl Budget {
    pub(super) const fn new(total: u64) -> Self {
        let state = State { free: total, next_ticket: 0, serving: 0 };
        Self { total, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Waits for `bytes`. A request for more than the total takes all of it, and so runs alone.
    pub(super) fn acquire(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(self.total);
        let mut state = self.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        while state.serving != ticket || state.free < bytes {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.serving += 1;
        state.free -= bytes;
        drop(state);
        self.changed.notify_all();
        Share { budget: self, bytes }
    }

    /// A panic cannot leave the numbers half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A part of a [`Budget`], given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Share<'_> {
    /// Gives back all but `bytes`.
    pub(super) fn shrink_to(&mut self, bytes: u64) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.bytes -= surplus;
        self.budget.lock().free += surplus;
        self.budget.changed.notify_all();
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    #[test]
    fn shares_never_exceed_the_total() {
        static BUDGET: Budget = Budget::new(100);
        let (used, most) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for worker in 0..8 {
                let (used, most) = (&used, &most);
                scope.spawn(move || {
                    for round in 0..50 {
                        let bytes = [10, 40, 70, 500][(worker + round) % 4];
                        let mut share = BUDGET.acquire(bytes);
                        let now = used.fetch_add(bytes.min(100), Ordering::SeqCst) + bytes.min(100);
                        most.fetch_max(now, Ordering::SeqCst);
                        used.fetch_sub(bytes.min(100), Ordering::SeqCst);
                        share.shrink_to(5);
                    }
                });
            }
        });
        let most = most.into_inner();
        assert!((70..=100).contains(&most), "{most}");
        // All of it is there again.
        drop(BUDGET.acquire(100));
    }
}
