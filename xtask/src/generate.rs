//! References that are derived from the code: the program writes them itself, so that they are true of the program at hand.

use crate::e2e::build;
use crate::process;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const REFERENCE: &str = "docs/reference";

/// Writes `docs/reference`.
pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("generate docs/reference", || {
        match build(workspace).and_then(|()| write(workspace, &workspace.path(REFERENCE))) {
            Ok(()) => Outcome::held(),
            Err(error) => Outcome::broken(error),
        }
    });
}

/// Holds `docs/reference` against what the program would write.
pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let fresh = workspace.target().join("xtask").join("reference");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).map_err(|error| format!("{}: {error}", fresh.display()))?;
    }
    build(workspace)?;
    write(workspace, &fresh)?;
    let stale = differences(&contents(&workspace.path(REFERENCE))?, &contents(&fresh)?);
    if stale.is_empty() { Ok(()) } else { Err(format!("run `cargo xtask generate`: {}", stale.join(", "))) }
}

fn write(workspace: &Workspace, directory: &Path) -> Result<(), String> {
    std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let path = directory.display().to_string();
    process::run(Command::new(workspace.florin()).args(["reference", "--output", &path]))
}

/// Text of every file below a directory, by its relative path.
fn contents(directory: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        let entries = std::fs::read_dir(&next).map_err(|error| format!("{}: {error}", next.display()))?;
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(directory).map_err(|error| error.to_string())?.display().to_string();
            let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            found.insert(name, text);
        }
    }
    Ok(found)
}

/// What is missing, left over, or different; a page that people write beside the generated ones is not there.
fn differences(kept: &BTreeMap<String, String>, fresh: &BTreeMap<String, String>) -> Vec<String> {
    let changed = fresh.iter().filter(|(name, text)| kept.get(*name) != Some(text));
    let changed = changed.map(|(name, _)| format!("{REFERENCE}/{name} is not current"));
    let left_over = kept.keys().filter(|name| !fresh.contains_key(*name));
    changed.chain(left_over.map(|name| format!("{REFERENCE}/{name} is no longer generated"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect()
    }

    #[test]
    fn every_difference_is_named() {
        let kept = files(&[("cli.md", "old"), ("same.md", "same"), ("gone.md", "x")]);
        let fresh = files(&[("cli.md", "new"), ("same.md", "same"), ("added.md", "y")]);
        let named = differences(&kept, &fresh).join("\n");
        for name in ["cli.md", "added.md", "gone.md"] {
            assert!(named.contains(name), "{named}");
        }
        assert!(!named.contains("same.md"));
        assert!(differences(&fresh, &fresh).is_empty());
    }
}
