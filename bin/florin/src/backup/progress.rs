//! How far it is, for people who watch. Scripts see nothing of it.

use crate::output::Output;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar in the terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(output: Output) -> Self {
        let bar = if output.is_json() { ProgressBar::hidden() } else { ProgressBar::new(0) };
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec}, {eta} left") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// So much of all is done.
    pub(super) fn show(&self, what: &'static str, done: u64, all: u64) {
        self.0.set_message(what);
        self.0.set_length(all);
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
