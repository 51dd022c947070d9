//! The gate: every rule of the house that a machine can hold.

mod edges;
mod monitoring;
mod pages;
mod sources;
pub(crate) mod supply;

use crate::arguments::Gate;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use crate::{generate, process};

type Step = (&'static str, fn(&Workspace, &Gate) -> Result<(), String>);

/// Cheap steps first, so that a slip is known in seconds.
const STEPS: &[Step] = &[
    ("format", |workspace, _| process::run(workspace.cargo().args(["fmt", "--all", "--check"]))),
    ("edges", |workspace, _| edges::check(workspace)),
    ("sources", |workspace, _| sources::check(workspace)),
    ("pages", |workspace, _| pages::check(workspace)),
    ("monitoring", |workspace, _| monitoring::check(workspace)),
    ("lints", |workspace, _| lints(workspace)),
    ("documentation", |workspace, _| documentation(workspace)),
    ("licences", |workspace, _| supply::check_licences(workspace)),
    ("advisories", |workspace, gate| supply::check_advisories(workspace, gate.advisory_db.as_deref())),
    ("references", |workspace, _| generate::check(workspace)),
];

/// Everything but the tests, which follow it.
pub(crate) fn run(workspace: &Workspace, gate: &Gate, report: &mut Report) {
    let chosen = |name: &str| gate.only.as_deref().is_none_or(|only| only == name);
    let steps: Vec<&Step> = STEPS.iter().filter(|(name, _)| chosen(name)).collect();
    if steps.is_empty() {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        report.step("check", || {
            Outcome::broken(format!("no step is named {:?}; the steps are: {}", gate.only, names.join(", ")))
        });
    }
    for (name, check) in steps {
        report.step(name, || check(workspace, gate).map_or_else(Outcome::broken, |()| Outcome::held()));
    }
}

/// Clippy over everything; the money lints are denied in the crates themselves, and `sources` sees that they are.
fn lints(workspace: &Workspace) -> Result<(), String> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    process::run(workspace.cargo().args(arguments))
}

fn documentation(workspace: &Workspace) -> Result<(), String> {
    let mut command = workspace.cargo();
    command.args(["doc", "--workspace", "--no-deps", "--locked", "--document-private-items"]);
    process::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}
