use super::terminal::note;
use glimpse_trainer::Observer;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::Mutex;

/// A bar where stderr is a terminal; elsewhere a line after each tenth of a task.
#[derive(Debug, Default)]
pub struct Bar(Mutex<Option<Task>>);

#[derive(Debug)]
struct Task {
    bar: ProgressBar,
    name: String,
    /// Units that were done when the task began.
    before: u64,
}

impl Observer for Bar {
    fn begin(&self, task: &str, done: usize, total: usize) {
        let template = "{prefix} {bar:30} {pos}/{len} [{elapsed}<{eta}, {per_sec}] {msg}";
        let style = ProgressStyle::with_template(template).expect("the template is fixed");
        let bar = ProgressBar::new(total as u64).with_style(style).with_prefix(task.to_string());
        let bar = bar.with_position(done as u64);
        self.set(Some(Task { bar, name: task.into(), before: done as u64 }));
    }

    fn advance(&self, units: usize, state: &str) {
        let task = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(Task { bar, name, before }) = &*task else { return };
        bar.set_message(state.to_string());
        let last = bar.position();
        bar.inc(units as u64);
        let (done, total) = (bar.position(), bar.length().unwrap_or(0).max(1));
        if bar.is_hidden() && done * 10 / total != last * 10 / total {
            let rate = (done - before) as f64 / bar.elapsed().as_secs_f64().max(1e-9);
            note(format_args!("{name} {done}/{total} {rate:.2} it/s {state}"));
        }
    }

    fn end(&self) {
        self.set(None);
    }

    fn note(&self, line: &str) {
        note(line);
    }
}

impl Bar {
    /// Puts another task in the place of the last, whose bar goes.
    fn set(&self, task: Option<Task>) {
        let mut place = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(task) = std::mem::replace(&mut *place, task) {
            task.bar.finish_and_clear();
        }
    }
}
