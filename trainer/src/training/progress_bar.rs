use indicatif::{ProgressBar, ProgressStyle};
use std::time::Instant;

/// A bar where stderr is a terminal; elsewhere a line after each tenth of the steps.
#[derive(Debug)]
pub(super) struct StepBar {
    bar: ProgressBar,
    what: String,
    start: Instant,
    steps: u64,
}

impl StepBar {
    pub fn new(steps: usize, what: String) -> Self {
        let template = "epoch {prefix} {bar:30} {pos}/{len} [{elapsed}<{eta}, {per_sec}] {msg}";
        let style = ProgressStyle::with_template(template).expect("the template is fixed");
        let bar = ProgressBar::new(steps as u64).with_style(style).with_prefix(what.clone());
        Self { bar, what, start: Instant::now(), steps: steps as u64 }
    }

    /// One step done; `message` is its loss or reward.
    pub fn step(&self, message: String) {
        self.bar.set_message(message.clone());
        self.bar.inc(1);
        let done = self.bar.position();
        if self.bar.is_hidden() && (done * 10 / self.steps) != ((done - 1) * 10 / self.steps) {
            let rate = done as f64 / self.start.elapsed().as_secs_f64();
            eprintln!("epoch {} {done}/{} {rate:.2} it/s {message}", self.what, self.steps);
        }
    }
}

impl Drop for StepBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
