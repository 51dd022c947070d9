//! Documentation for people: every link inside the repository leads somewhere, every decision and specification is listed.

use crate::process;
use crate::workspace::Workspace;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let mut git = Command::new("git");
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"];
    let listed = process::output(git.current_dir(workspace.root()).args(arguments))?;
    let mut wrong = Vec::new();
    for page in listed.lines() {
        let text = std::fs::read_to_string(workspace.path(page)).map_err(|error| format!("{page}: {error}"))?;
        let broken = links(&text).into_iter().filter(|link| !leads_somewhere(workspace.root(), page, link));
        wrong.extend(broken.map(|link| format!("{page} links to {link}, which is not there")));
    }
    wrong.extend(unlisted(workspace, "docs/decisions")?);
    wrong.extend(unlisted(workspace, "specs")?);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n    ")) }
}

/// Targets of Markdown links and images, outside of fenced code.
fn links(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        found.extend(line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(String::from));
    }
    found
}

fn leads_somewhere(root: &Path, page: &str, link: &str) -> bool {
    let target = link.split('#').next().unwrap_or_default();
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let from = Path::new(page).parent().unwrap_or(Path::new(""));
    inside(&from.join(target)).is_some_and(|path| root.join(path).exists())
}

/// The path without `..`; absent if it leaves the repository.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => plain.pop().then_some(())?,
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(plain)
}

/// Pages of a directory that its README does not link to.
fn unlisted(workspace: &Workspace, directory: &str) -> Result<Vec<String>, String> {
    let index = format!("{directory}/README.md");
    let text = std::fs::read_to_string(workspace.path(&index)).map_err(|error| format!("{index}: {error}"))?;
    let linked = links(&text);
    let entries = std::fs::read_dir(workspace.path(directory)).map_err(|error| format!("{directory}: {error}"))?;
    let names = entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok());
    let pages = names.filter(|name| name.ends_with(".md") && name != "README.md");
    let mut missing: Vec<String> = pages.filter(|name| !linked.contains(name)).collect();
    missing.sort();
    Ok(missing.into_iter().map(|name| format!("{index} does not list {name}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let text = "See [a](a.md) and ![b](../b.svg#x).\n```\n[no](no.md)\n```\n[c](https://example.org)";
        assert_eq!(links(text), ["a.md", "../b.svg#x", "https://example.org"]);
    }

    #[test]
    fn links_that_lead_nowhere_are_seen() {
        let root = Workspace::locate().root().to_path_buf();
        for (page, link, there) in [
            ("README.md", "xtask/src/main.rs", true),
            ("docs/architecture.md", "../xtask/src/main.rs#L1", true),
            ("docs/architecture.md", "xtask/src/main.rs", false),
            ("README.md", "../outside.md", false),
            ("README.md", "/etc/hosts", false),
            ("README.md", "#below", true),
            ("README.md", "https://example.org/x", true),
        ] {
            assert_eq!(leads_somewhere(&root, page, link), there, "{page} -> {link}");
        }
    }
}
