/// What a long computation tells whoever started it, while it runs. By default nothing is done with it.
pub trait Observer: std::fmt::Debug {
    /// `task` begins; `done` of its `total` units are done already.
    fn begin(&self, task: &str, done: usize, total: usize) {
        let _ = (task, done, total);
    }

    /// More units of the task are done; `state` says how it goes, such as the loss.
    fn advance(&self, units: usize, state: &str) {
        let _ = (units, state);
    }

    /// The task is over.
    fn end(&self) {}

    /// A line for people.
    fn note(&self, line: &str) {
        let _ = line;
    }
}

/// Takes no notice.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}
