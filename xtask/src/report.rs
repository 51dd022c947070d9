//! What passed and what failed, step by step, with a last line that a machine can read.

use crate::process;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Outcome of one step: tests that passed and failed in it, and why the step as a whole failed, if it did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) reason: Option<String>,
}

impl Outcome {
    /// A step that is one check, and held.
    pub(crate) fn held() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// A step that failed as a whole.
    pub(crate) fn broken(reason: impl Into<String>) -> Self {
        Self { failed: 1, reason: Some(reason.into()), ..Self::default() }
    }

    /// A program of tests, watched for at most `limit`. `count` reads from a line how many passed and how many failed.
    pub(crate) fn of_tests(command: &mut Command, limit: Duration, count: fn(&str) -> (u64, u64)) -> Self {
        let (mut passed, mut failed) = (0, 0);
        let ending = process::watch(command, limit, |line| {
            let (more_passed, more_failed) = count(line);
            passed += more_passed;
            failed += more_failed;
        });
        match ending {
            Ok(process::Ending::TimedOut) => Self::broken(format!("not done after {} s", limit.as_secs())),
            Ok(ending) => Self::counted(passed, failed, ending.is_success()),
            Err(error) => Self::broken(error),
        }
    }

    /// A step that counted its tests. One without any test has failed, and so has one whose program ended badly though
    /// no test of it failed.
    pub(crate) fn counted(passed: u64, failed: u64, ended_well: bool) -> Self {
        let reason = match (passed, failed, ended_well) {
            (_, 1.., _) => Some(format!("{failed} tests failed")),
            (_, 0, false) => Some("the program that runs the tests ended with an error".into()),
            (0, 0, true) => Some("no test ran".into()),
            (_, 0, true) => None,
        };
        let failed = if reason.is_some() { failed.max(1) } else { 0 };
        Self { passed, failed, reason }
    }
}

/// Collects the outcomes of all steps.
pub(crate) struct Report {
    started: Instant,
    steps: Vec<(String, Outcome, Duration)>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), steps: Vec::new() }
    }

    /// Runs one step under its name.
    pub(crate) fn step(&mut self, name: &str, run: impl FnOnce() -> Outcome) -> bool {
        println!("\n=== {name}");
        let started = Instant::now();
        let outcome = run();
        let held = outcome.reason.is_none();
        if let Some(reason) = &outcome.reason {
            println!("--- {name} FAILED: {reason}");
        }
        self.steps.push((name.into(), outcome, started.elapsed()));
        held
    }

    /// Prints the table and the closing line.
    pub(crate) fn finish(self) -> ExitCode {
        println!("\n=== summary ({} s)", self.started.elapsed().as_secs());
        for (name, outcome, elapsed) in &self.steps {
            let verdict = outcome.reason.as_deref().map_or("ok".into(), |reason| format!("FAILED: {reason}"));
            println!(
                "{:>5} s  {name:<36} {:>5} passed {:>4} failed  {verdict}",
                elapsed.as_secs(),
                outcome.passed,
                outcome.failed
            );
        }
        let passed: u64 = self.steps.iter().map(|(_, outcome, _)| outcome.passed).sum();
        let failed: u64 = self.steps.iter().map(|(_, outcome, _)| outcome.failed).sum();
        println!("\n{passed} passed, {failed} failed");
        if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_ran_nothing_or_ended_badly_has_failed() {
        assert_eq!(Outcome::counted(5, 0, true).reason, None);
        assert_eq!(Outcome::counted(5, 2, false).failed, 2);
        assert_eq!(Outcome::counted(5, 0, false).failed, 1);
        assert_eq!(Outcome::counted(0, 0, true).failed, 1);
    }
}
