//! How far it is, for people who watch. Scripts see nothing of it.

use crate::output::Output;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar in the terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(output: Output) -> Self {
        let bar = if output.is_json() { ProgressBar::hidden() } else { ProgressBar::new(0) };
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec}, {eta} left") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Shows the same bar from elsewhere.
    pub(crate) fn also(&self) -> impl Fn(&'static str, (u64, u64)) + Send + 'static {
        let bar = self.0.clone();
        move |what, (done, all)| show(&bar, what, done, all)
    }

    /// Says something beside the bar.
    pub(crate) fn say(&self, text: &str) {
        self.0.println(text);
    }

    /// So much of all is done.
    pub(crate) fn show(&self, what: &'static str, done: u64, all: u64) {
        show(&self.0, what, done, all);
    }
}

fn show(bar: &ProgressBar, what: &'static str, done: u64, all: u64) {
    bar.set_message(what);
    bar.set_length(all);
    bar.set_position(done);
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
