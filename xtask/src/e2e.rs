//! The suites of real clients (`e2e/suites`): sets up what they need, runs each suite by itself.

use crate::arguments::Selection;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use crate::{debian, process};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SUITE_LIMIT: Duration = Duration::from_secs(10 * 60);
/// Points the suites at another server, where some skip: the gate never does.
const ELSEWHERE: &[&str] = &["E2E_RPC_URL", "E2E_WS_URL", "E2E_PRIVATE_KEY"];
/// What one more kill adds to the time that a suite may take.
const KILL_LIMIT: Duration = Duration::from_secs(60);
/// What one more round of faults adds to it.
const ROUND_LIMIT: Duration = Duration::from_secs(5 * 60);
/// Suites whose nodes are machines of their own.
const WITH_MACHINES: &[&str] = &["committee", "faults", "stake"];
/// Suites that are a Python program.
const WITH_PYTHON: &[&str] = &["gateway-openapi", "iso20022", "web3py"];
const NODE_VERSION_MIN: u32 = 20;
const SUITE_ENDING: &str = ".test.mjs";

pub(crate) fn run(workspace: &Workspace, selection: &Selection, report: &mut Report) {
    if !report.step("npm packages of the suites", || outcome(install_npm_packages(workspace))) {
        return;
    }
    let suites = match suites(workspace, selection) {
        Ok(suites) => suites,
        Err(error) => {
            report.step("suites", || Outcome::broken(error));
            return;
        }
    };
    if suites.iter().any(|name| WITH_PYTHON.contains(&name.as_str())) {
        report.step("Python packages of the suites", || outcome(install_python_packages(workspace)));
    }
    if suites.iter().any(|name| WITH_MACHINES.contains(&name.as_str())) {
        report.step("network namespaces of the suites", || outcome(debian::install_on_gate(&["iproute2"])));
    }
    for name in suites {
        report.step(&format!("suite {name}"), || run_suite(workspace, &name, selection));
    }
}

fn outcome(result: Result<(), String>) -> Outcome {
    result.map_or_else(Outcome::broken, |()| Outcome::held())
}

/// Builds the program the way the README does.
pub(crate) fn build(workspace: &Workspace) -> Result<(), String> {
    process::run(workspace.cargo().args(["build", "--release", "--locked"]))
}

/// Names of the suites to run, in order.
fn suites(workspace: &Workspace, selection: &Selection) -> Result<Vec<String>, String> {
    let directory = workspace.path("e2e/suites");
    let entries = std::fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let names = entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter_map(|name| name.strip_suffix(SUITE_ENDING).map(String::from)).collect();
    names.sort();
    if let Some(unknown) = selection.suites.iter().find(|suite| !names.contains(suite)) {
        return Err(format!("no suite is named {unknown:?}; the suites are: {}", names.join(", ")));
    }
    if !selection.suites.is_empty() {
        names.retain(|name| selection.suites.contains(name));
    }
    Ok(names)
}

/// `npm ci`, unless the lockfile is the one that was installed before.
fn install_npm_packages(workspace: &Workspace) -> Result<(), String> {
    check_node()?;
    let directory = workspace.path("e2e");
    let lockfile = read(&directory.join("package-lock.json"))?;
    let installed = directory.join("node_modules/.installed-lock.json");
    if read(&installed).is_ok_and(|before| before == lockfile) {
        return Ok(());
    }
    process::run(Command::new("npm").args(["ci", "--no-fund", "--no-audit"]).current_dir(&directory))?;
    write(&installed, &lockfile)
}

fn check_node() -> Result<(), String> {
    let missing = format!("Node {NODE_VERSION_MIN} or newer runs the suites of real clients: install nodejs and npm");
    let version = process::output(Command::new("node").arg("--version")).map_err(|_| missing.clone())?;
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= NODE_VERSION_MIN => Ok(()),
        _ => Err(format!("{missing} (found {})", version.trim())),
    }
}

fn python_directory(workspace: &Workspace) -> PathBuf {
    workspace.target().join("e2e").join("python")
}

fn python(workspace: &Workspace) -> PathBuf {
    python_directory(workspace).join("bin").join("python")
}

/// A virtual environment with the requirements, unless they are the ones that were installed before.
fn install_python_packages(workspace: &Workspace) -> Result<(), String> {
    let directory = python_directory(workspace);
    let requirements_path = workspace.path("e2e/python/requirements.txt");
    let requirements = read(&requirements_path)?;
    let installed = directory.join("installed-requirements.txt");
    if read(&installed).is_ok_and(|before| before == requirements) {
        return Ok(());
    }
    let path = directory.display().to_string();
    make_python_environment(&path)?;
    let list = requirements_path.display().to_string();
    process::run(Command::new(python(workspace)).args(["-m", "pip", "install", "--quiet", "--requirement", &list]))?;
    write(&installed, &requirements)
}

fn make_python_environment(path: &str) -> Result<(), String> {
    let make = || process::run(Command::new("python3").args(["-m", "venv", "--clear", path]));
    if make().is_ok() {
        return Ok(());
    }
    debian::install_on_gate(&["python3", "python3-venv"])?;
    make().map_err(|error| {
        format!("Python 3 with venv runs the web3.py suite: sudo apt-get install python3 python3-venv ({error})")
    })
}

fn run_suite(workspace: &Workspace, name: &str, selection: &Selection) -> Outcome {
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-reporter=spec", &format!("suites/{name}{SUITE_ENDING}")])
        .current_dir(workspace.path("e2e"))
        .env("FLORIN_BIN", workspace.florin())
        .env("E2E_PYTHON", python(workspace));
    for variable in ELSEWHERE {
        command.env_remove(variable);
    }
    let repeated = [("E2E_KILLS", selection.kills, KILL_LIMIT), ("E2E_FAULTS", selection.rounds, ROUND_LIMIT)];
    let mut limit = SUITE_LIMIT;
    for (variable, times, each) in repeated {
        let Some(times) = times else { continue };
        command.env(variable, times.to_string());
        limit += each * times;
    }
    Outcome::of_tests(&mut command, limit, counts)
}

/// Reads a closing line of Node's test runner.
fn counts(line: &str) -> (u64, u64) {
    let mut words = line.split_whitespace().skip_while(|word| *word == "\u{2139}" || *word == "#");
    let (Some(kind), Some(count), None) = (words.next(), words.next(), words.next()) else { return (0, 0) };
    match (kind, count.parse()) {
        ("pass", Ok(count)) => (count, 0),
        // What was cancelled or skipped did not run although it should have.
        ("fail" | "cancelled" | "skipped" | "todo", Ok(count)) => (0, count),
        _ => (0, 0),
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_did_not_run_count_as_failed() {
        for (line, expected) in [
            ("\u{2139} tests 9", (0, 0)),
            ("\u{2139} pass 4", (4, 0)),
            ("\u{2139} fail 1", (0, 1)),
            ("\u{2139} cancelled 3", (0, 3)),
            ("\u{2139} skipped 1", (0, 1)),
            ("\u{2139} todo 2", (0, 2)),
            ("pass 7 of them", (0, 0)),
            ("pass it", (0, 0)),
        ] {
            assert_eq!(counts(line), expected, "{line}");
        }
    }

    #[test]
    fn a_suite_that_does_not_exist_is_named() {
        let selection = Selection { suites: vec!["viem".into(), "vime".into()], ..Selection::everything() };
        let error = suites(&Workspace::locate(), &selection).expect_err("there is no vime");
        assert!(error.contains("vime") && error.contains("uniswap-v2"), "{error}");
    }
}
