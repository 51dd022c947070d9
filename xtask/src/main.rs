//! Development commands of Florin: `cargo xtask test`, `check`, `sim`, `counts`, `generate`, `advisories` and `peers`.
//!
//! **Purpose.** One command says whether the program does what the README promises (`test`), one whether a change is
//! fit to land (`check`), one whether the network survives stories of faults (`sim`), one whether a hot path does more than it did (`counts`), one brings what is derived from the
//! code up to date (`generate`), one compares with what people use today (`peers`).
//!
//! **Invariants.** A step that could not run has failed: nothing is skipped in silence. Each step is named in the
//! output, and the last line is `N passed, N failed`.
//!
//! **Limits.** Only the standard library and `serde_json`, so that it builds in seconds.
#![allow(clippy::print_stdout, reason = "a program whose output is its purpose")]

mod arguments;
mod check;
mod counts;
mod debian;
mod disk;
mod e2e;
mod generate;
mod peers;
mod process;
mod report;
mod rust_tests;
mod sim;
mod workspace;

use arguments::{Arguments, Selection, Task};
use report::{Outcome, Report};
use std::process::ExitCode;
use workspace::Workspace;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::FAILURE;
        }
    };
    let workspace = Workspace::locate();
    let mut report = Report::new();
    match &arguments.task {
        Task::Help => {
            println!("{}", arguments::USAGE);
            return ExitCode::SUCCESS;
        }
        Task::Test(selection) => test(&workspace, selection, &mut report),
        Task::Check(gate) => {
            check::run(&workspace, gate, &mut report);
            if gate.only.is_none() {
                test(&workspace, &Selection::everything(), &mut report);
            }
        }
        Task::Counts { update } => counts::run(&workspace, *update, &mut report),
        Task::Advisories { database } => {
            report.step("embed advisories", || {
                let embedded = check::supply::embed_advisories(&workspace, database.as_deref());
                embedded.map_or_else(Outcome::broken, |()| Outcome::held())
            });
        }
        Task::Generate => generate::run(&workspace, &mut report),
        Task::Peers(peers) => peers::run(&workspace, peers, &mut report),
        Task::Sim(stories) => sim::run(&workspace, stories, &mut report),
    }
    report.finish()
}

/// Builds, then all Rust tests and the counts of instructions, then the suites of real clients against the program.
fn test(workspace: &Workspace, selection: &Selection, report: &mut Report) {
    let build = || {
        let built = if selection.rust { rust_tests::build(workspace) } else { e2e::build(workspace) };
        built.map_or_else(Outcome::broken, |()| Outcome::held())
    };
    if !report.step("room on the disk", || disk::has_room(workspace)) || !report.step("release build", build) {
        return;
    }
    if selection.nightly {
        rust_tests::run_models(workspace, report);
        return;
    }
    if selection.rust {
        rust_tests::run(workspace, report);
        counts::run(workspace, false, report);
    }
    if selection.e2e {
        e2e::run(workspace, selection, report);
    }
}
