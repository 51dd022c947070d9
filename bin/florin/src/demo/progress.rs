//! What a person sees while the demo runs: one line that changes, and notes above it.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// Between two lines where the output is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// What the line says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pulse {
    /// Latest finalised height.
    pub(crate) height: u64,
    /// Validators whose process runs.
    pub(crate) validators_up: usize,
    /// Validators in all.
    pub(crate) validators: usize,
    /// Payments that became final in the last second.
    pub(crate) payments_per_second: u64,
    /// Payments since the start.
    pub(crate) payments: u64,
    /// From submission to finality of recent payments, in milliseconds.
    pub(crate) finality_ms: Option<u64>,
}

impl Pulse {
    /// For people.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("height {}  validators {}/{}", self.height, self.validators_up, self.validators);
        if self.payments > 0 {
            line.push_str(&format!("  payments {} ({}/s)", self.payments, self.payments_per_second));
        }
        if let Some(finality_ms) = self.finality_ms {
            line.push_str(&format!("  final in {finality_ms} ms"));
        }
        line
    }
}

/// The changing line.
pub(crate) struct Progress {
    bar: ProgressBar,
    plain: bool,
    silent: bool,
    last_plain: Option<Instant>,
}

impl Progress {
    /// On standard error; `silent` shows notes only, for scripts.
    pub(crate) fn new(silent: bool) -> Self {
        let plain = ProgressDrawTarget::stderr().is_hidden();
        let bar = if silent || plain { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        // The template is a constant of this function; a wrong one would only cost the colour.
        if let Ok(style) = ProgressStyle::with_template("{spinner:.green} {msg}") {
            bar.set_style(style);
        }
        if !silent && !plain {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar, plain, silent, last_plain: None }
    }

    /// Shows a state of the start.
    pub(crate) fn step(&self, text: &str) {
        if self.silent {
            return;
        }
        if self.plain {
            self.note(text);
        }
        self.bar.set_message(text.to_string());
    }

    /// Shows how it goes.
    pub(crate) fn pulse(&mut self, pulse: &Pulse) {
        let line = pulse.line();
        if self.plain && !self.silent && self.last_plain.is_none_or(|last| last.elapsed() >= PLAIN_INTERVAL) {
            self.note(&line);
            self.last_plain = Some(Instant::now());
        }
        self.bar.set_message(line);
    }

    /// A line that stays.
    #[expect(clippy::print_stderr, reason = "notes for people go to standard error")]
    pub(crate) fn note(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    /// Changes the line, where there is one; what is told elsewhere is not repeated.
    pub(crate) fn doing(&self, text: &str) {
        self.bar.set_message(text.to_string());
    }

    /// Prints something while the changing line is away.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
