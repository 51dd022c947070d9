//! References that are derived from the code: the program writes them itself, so that they are true of the program at hand.

use crate::e2e::build;
use crate::process;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const REFERENCE: &str = "docs/reference";

/// Writes `docs/reference` and the goldens of the modules.
pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("generate references", || match build(workspace).and_then(|()| write(workspace, workspace.root())) {
        Ok(()) => Outcome::held(),
        Err(error) => Outcome::broken(error),
    });
}

/// Holds what is kept against what the program would write.
pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let root = workspace.target().join("xtask").join("references");
    if root.exists() {
        std::fs::remove_dir_all(&root).map_err(|error| format!("{}: {error}", root.display()))?;
    }
    std::fs::create_dir_all(&root).map_err(|error| format!("{}: {error}", root.display()))?;
    build(workspace)?;
    write(workspace, &root)?;
    let fresh = contents(&root)?;
    let mut kept = prefixed(REFERENCE, contents(&workspace.path(REFERENCE))?);
    for name in fresh.keys() {
        kept.extend(std::fs::read_to_string(workspace.path(name)).ok().map(|text| (name.clone(), text)));
    }
    let stale = differences(&kept, &fresh);
    if stale.is_empty() { Ok(()) } else { Err(format!("run `cargo xtask generate`: {}", stale.join(", "))) }
}

fn write(workspace: &Workspace, root: &Path) -> Result<(), String> {
    process::run(Command::new(workspace.florin()).args(["reference", "--root"]).arg(root))
}

fn prefixed(directory: &str, files: BTreeMap<String, String>) -> BTreeMap<String, String> {
    files.into_iter().map(|(name, text)| (format!("{directory}/{name}"), text)).collect()
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

/// What is missing, left over, or different: `docs/reference` holds nothing that people write.
fn differences(kept: &BTreeMap<String, String>, fresh: &BTreeMap<String, String>) -> Vec<String> {
    let changed = fresh.iter().filter(|(name, text)| kept.get(*name) != Some(text));
    let changed = changed.map(|(name, _)| format!("{name} is not current"));
    let left_over = kept.keys().filter(|name| !fresh.contains_key(*name));
    changed.chain(left_over.map(|name| format!("{name} is no longer generated"))).collect()
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
