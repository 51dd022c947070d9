//! What watches a network: every alert has its page and its tests, every page its alert, and the rules do what their tests say.
//!
//! The rules are judged by Prometheus' own `promtool`. That metrics exist in what a node exports is a test of the program
//! (`bin/florin/tests/doctor.rs`), because only a running node can say.

use crate::debian;
use crate::process;
use crate::workspace::Workspace;
use std::collections::BTreeSet;
use std::process::Command;

const DIRECTORY: &str = "monitoring";
const RULES: &str = "monitoring/alerts.yml";
const TESTS: &str = "monitoring/alerts.test.yml";
const PAGES: &str = "docs/runbooks";
const PAGES_INDEX: &str = "README.md";
/// What whoever is called at night must find, in this order.
const HEADINGS: [&str; 4] = ["## What it means", "## What customers notice", "## What to look at", "## What to do"];

pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let read = |name: &str| std::fs::read_to_string(workspace.path(name)).map_err(|error| format!("{name}: {error}"));
    let (rules, tests) = (read(RULES)?, read(TESTS)?);
    let alerts = alerts(&rules);
    if alerts.is_empty() {
        return Err(format!("{RULES} has no alert"));
    }
    let mut wrong = Vec::new();
    let index = read(&format!("{PAGES}/{PAGES_INDEX}"))?;
    for Alert { name, text } in &alerts {
        let page = format!("{PAGES}/{name}.md");
        wrong.extend(alert_faults(name, text, &page));
        wrong.extend(test_faults(name, &tests));
        wrong.extend(read(&page).map_or_else(|error| vec![error], |text| page_faults(&page, name, &text)));
        if !index.contains(&format!("({name}.md)")) {
            wrong.push(format!("{PAGES}/{PAGES_INDEX} does not list {name}"));
        }
    }
    let entries = std::fs::read_dir(workspace.path(PAGES)).map_err(|error| format!("{PAGES}: {error}"))?;
    let pages = entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok());
    wrong.extend(orphans(&alerts, pages));
    if !wrong.is_empty() {
        return Err(wrong.join("\n    "));
    }
    find_promtool()?;
    let promtool = |arguments: &[&str]| {
        process::run(Command::new("promtool").args(arguments).current_dir(workspace.path(DIRECTORY)))
    };
    promtool(&["check", "rules", "alerts.yml"])?;
    promtool(&["test", "rules", "alerts.test.yml"])
}

fn find_promtool() -> Result<(), String> {
    let find = || process::output(Command::new("promtool").arg("--version"));
    if find().is_ok() {
        return Ok(());
    }
    let missing = |error| format!("promtool judges the alerts: sudo apt-get install prometheus ({error})");
    debian::install_on_gate(&["prometheus"]).map_err(missing)?;
    find().map(|_| ()).map_err(missing)
}

/// An alert with its part of the rules.
struct Alert<'a> {
    name: &'a str,
    text: &'a str,
}

fn alerts(rules: &str) -> Vec<Alert<'_>> {
    let parts = rules.split("- alert: ").skip(1);
    parts.map(|part| Alert { name: part.lines().next().unwrap_or_default().trim(), text: part }).collect()
}

fn alert_faults(name: &str, text: &str, page: &str) -> Vec<String> {
    let needed = [format!("runbook_url: {page}"), "summary: ".into(), "severity: ".into()];
    let missing = needed.into_iter().filter(|needed| !text.contains(needed));
    missing.map(|missing| format!("{RULES}: {name} has no `{}`", missing.trim_end())).collect()
}

/// An alert has a test in which it fires and one in which it does not.
fn test_faults(name: &str, tests: &str) -> Vec<String> {
    let parts: Vec<&str> = tests.split("  - name: ").filter(|part| part.starts_with(&format!("{name},"))).collect();
    let fires = parts.iter().any(|part| part.contains("exp_labels:"));
    let silent = parts.iter().any(|part| part.contains("exp_alerts: []") && !part.contains("exp_labels:"));
    let faults = [(fires, "in which it fires"), (silent, "in which it never fires")];
    let missing = faults.into_iter().filter(|(has, _)| !has);
    missing.map(|(_, which)| format!("{TESTS}: {name} has no test {which}")).collect()
}

fn page_faults(page: &str, name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.lines().next() != Some(&format!("# {name}")) {
        faults.push(format!("{page} does not begin with its alert's name"));
    }
    let found: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
    if found != HEADINGS {
        faults.push(format!("{page} has the headings {found:?}, not {HEADINGS:?}"));
    }
    if !text.contains("florin doctor") && !text.contains(".md)") {
        faults.push(format!("{page} names neither a check of the doctor nor another page"));
    }
    faults
}

fn orphans(alerts: &[Alert<'_>], pages: impl Iterator<Item = String>) -> Vec<String> {
    let named: BTreeSet<String> = alerts.iter().map(|alert| format!("{}.md", alert.name)).collect();
    let mut orphans: Vec<String> = pages.filter(|page| page != PAGES_INDEX && !named.contains(page)).collect();
    orphans.sort();
    orphans.into_iter().map(|page| format!("{PAGES}/{page} is of no alert")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A\n\n## What it means\n\n## What customers notice\n\n## What to look at\n\n`florin doctor`\n\n## What to do\n";

    #[test]
    fn an_alert_without_its_parts_is_named() {
        let rules = "  - alert: A\n    labels: { severity: x }\n    summary: s\n    runbook_url: docs/runbooks/A.md\n  - alert: B\n";
        let found = alerts(rules);
        let faults =
            |at: usize| alert_faults(found[at].name, found[at].text, &format!("docs/runbooks/{}.md", found[at].name));
        assert_eq!(faults(0), Vec::<String>::new());
        assert_eq!(faults(1).len(), 3);
        let pages = ["A.md", "C.md", "README.md"].map(String::from);
        assert_eq!(orphans(&found, pages.into_iter()), ["docs/runbooks/C.md is of no alert"]);
    }

    #[test]
    fn an_alert_needs_a_test_of_both_kinds() {
        let fires = "  - name: A, one\n exp_alerts: []\n exp_labels: {}\n";
        let silent = "  - name: A, two\n exp_alerts: []\n";
        assert_eq!(test_faults("A", &format!("{fires}{silent}")), Vec::<String>::new());
        assert_eq!(test_faults("A", fires).len(), 1);
        assert_eq!(test_faults("A", silent).len(), 1);
        assert_eq!(test_faults("B", &format!("{fires}{silent}")).len(), 2);
    }

    #[test]
    fn a_page_has_what_is_needed_at_night() {
        assert_eq!(page_faults("A.md", "A", PAGE), Vec::<String>::new());
        assert_eq!(page_faults("A.md", "B", PAGE).len(), 1);
        assert_eq!(page_faults("A.md", "A", &PAGE.replace("## What to do", "## Do")).len(), 1);
        assert_eq!(page_faults("A.md", "A", &PAGE.replace("florin doctor", "look")).len(), 1);
    }
}
