//! All Rust tests of the workspace, in release: the code that is tested is the code that runs.

use crate::debian;
use crate::process;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(40 * 60);

/// Random operations of each model in the nightly run. `testing::model_cases` of the modules reads it.
const NIGHTLY_OPERATIONS: &str = "100000";

const NIGHTLY_LIMIT: Duration = Duration::from_secs(4 * 3_600);

const ARGUMENTS: &[&str] = &["test", "--release", "--workspace", "--locked", "--no-fail-fast"];

/// Builds all tests and, because the program has tests that start it, the program. One selection of packages for
/// everything: another one would unify features differently and build most dependencies twice.
pub(crate) fn build(workspace: &Workspace) -> Result<(), String> {
    process::run(workspace.cargo().args(ARGUMENTS).arg("--no-run"))
}

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    // The device that keys are kept in by tests of the program, and the database that tests of the history start.
    report.step("Rust tests", || match debian::install_on_gate(&["softhsm2", "postgresql", "openssl"]) {
        Ok(()) => Outcome::of_tests(workspace.cargo().args(ARGUMENTS), LIMIT, counts),
        Err(error) => Outcome::broken(error),
    });
}

/// Only the modules against their models, each over at least [`NIGHTLY_OPERATIONS`] random operations.
pub(crate) fn run_models(workspace: &Workspace, report: &mut Report) {
    report.step("models", || {
        let mut command = workspace.cargo();
        command.args(ARGUMENTS).args(["--lib", "--", "model"]).env("FLORIN_MODEL_OPERATIONS", NIGHTLY_OPERATIONS);
        Outcome::of_tests(&mut command, NIGHTLY_LIMIT, counts)
    });
}

/// Reads a `test result:` line of cargo.
fn counts(line: &str) -> (u64, u64) {
    let (mut passed, mut failed) = (0, 0);
    let result = line.trim_start().strip_prefix("test result: ").unwrap_or_default();
    for part in result.split([';', '.']) {
        let mut words = part.split_whitespace();
        match (words.next().and_then(|count| count.parse::<u64>().ok()), words.next()) {
            (Some(count), Some("passed")) => passed = count,
            (Some(count), Some("failed")) => failed = count,
            _ => {}
        }
    }
    (passed, failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_a_test_program_are_read() {
        for (line, expected) in [
            ("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s", (12, 0)),
            ("test money::tests::a ... ok", (0, 0)),
            (
                "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.00s",
                (3, 2),
            ),
        ] {
            assert_eq!(counts(line), expected, "{line}");
        }
    }
}
