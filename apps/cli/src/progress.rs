//! Progress of a run.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// A run of at least this many photos shows a progress bar.
const MANY: usize = 10;

/// A bar on stderr if stderr is a terminal, else nothing.
pub fn progress_bar(photos: usize) -> ProgressBar {
    let target = if photos >= MANY && std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let progress = ProgressBar::with_draw_target(Some(photos as u64), target);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} photos, {per_sec}, {eta} left") {
        progress.set_style(style);
    }
    progress
}
