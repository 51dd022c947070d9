//! All Rust tests of the workspace, in release: the code that is tested is the code that runs.

use crate::process;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(40 * 60);

const ARGUMENTS: &[&str] = &["test", "--release", "--workspace", "--locked", "--no-fail-fast"];

/// Builds all tests and, because the program has tests that start it, the program. One selection of packages for
/// everything: another one would unify features differently and build most dependencies twice.
pub(crate) fn build(workspace: &Workspace) -> Result<(), String> {
    process::run(workspace.cargo().args(ARGUMENTS).arg("--no-run"))
}

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("Rust tests", || {
        let mut command = workspace.cargo();
        command.args(ARGUMENTS);
        let mut tally = Tally::default();
        match process::watch(&mut command, LIMIT, |line| tally.see(line)) {
            Ok(process::Ending::TimedOut) => Outcome::broken(format!("not done after {} s", LIMIT.as_secs())),
            Ok(ending) => Outcome::counted(tally.passed, tally.failed, ending.is_success()),
            Err(error) => Outcome::broken(error),
        }
    });
}

/// Adds up the `test result:` lines of cargo.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    fn see(&mut self, line: &str) {
        let Some(result) = line.trim_start().strip_prefix("test result: ") else { return };
        for part in result.split([';', '.']) {
            let mut words = part.split_whitespace();
            match (words.next().and_then(|count| count.parse::<u64>().ok()), words.next()) {
                (Some(count), Some("passed")) => self.passed += count,
                (Some(count), Some("failed")) => self.failed += count,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_test_programs_add_up() {
        let mut tally = Tally::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s",
            "test money::tests::a ... ok",
            "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            tally.see(line);
        }
        assert_eq!(tally, Tally { passed: 15, failed: 2 });
    }
}
