//! What the doctor found, for people and scripts.

use super::CHECKS;
use crate::output;
use serde::Serialize;

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// This machine and this build.
    Machine,
    /// The running network.
    Network,
    /// A gateway.
    Gateway,
}

/// How a check ended, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// The rule does not hold.
    Broken,
    /// It works; it will not always.
    Warning,
    /// Nothing was seen; `seen` says why.
    CouldNotLook,
    /// The rule holds.
    Well,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Broken => "BROKEN",
            Self::Warning => "warning",
            Self::CouldNotLook => "not seen",
            Self::Well => "well",
        }
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Permanent code of the check.
    pub(crate) code: &'static str,
    /// How it ended.
    pub(crate) verdict: Verdict,
    /// The values seen, in words.
    pub(crate) seen: String,
    /// What must hold.
    pub(crate) rule: &'static str,
    /// What to do; absent where nothing need be done.
    pub(crate) next: Option<String>,
}

impl Finding {
    fn new(code: &'static str, verdict: Verdict, seen: String, next: Option<String>) -> Self {
        // A code that is not in the list is found by the test of all findings; people then miss the rule, nothing else.
        let rule = CHECKS.iter().find(|check| check.code == code).map_or("", |check| check.rule);
        Self { code, verdict, seen, rule, next }
    }

    /// The rule holds.
    pub(crate) fn well(code: &'static str, seen: impl Into<String>) -> Self {
        Self::new(code, Verdict::Well, seen.into(), None)
    }

    /// It works; it will not always.
    pub(crate) fn warning(code: &'static str, seen: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(code, Verdict::Warning, seen.into(), Some(next.into()))
    }

    /// The rule does not hold.
    pub(crate) fn broken(code: &'static str, seen: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(code, Verdict::Broken, seen.into(), Some(next.into()))
    }

    /// Nothing was seen.
    pub(crate) fn not_seen(code: &'static str, why: impl Into<String>) -> Self {
        Self::new(code, Verdict::CouldNotLook, why.into(), None)
    }
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// The directory or address that was looked at.
    pub(crate) examined: String,
    /// The worst verdict; what could not be seen is not worse than a warning.
    pub(crate) verdict: Verdict,
    /// The findings, the worst first.
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(examined: String, mut findings: Vec<Finding>) -> Self {
        let place = |finding: &Finding| CHECKS.iter().position(|check| check.code == finding.code);
        findings.sort_by_key(|finding| (finding.verdict, place(finding)));
        let verdict = findings.first().map_or(Verdict::CouldNotLook, |finding| finding.verdict);
        Self { examined, verdict, findings }
    }

    /// Codes of what is broken.
    pub(crate) fn broken(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.findings.iter().filter(|finding| finding.verdict == Verdict::Broken).map(|finding| finding.code)
    }

    /// For people: what needs them on lines of its own, then the rest as a table.
    pub(crate) fn text(&self) -> String {
        let (needs, rest): (Vec<&Finding>, Vec<&Finding>) =
            self.findings.iter().partition(|finding| finding.next.is_some());
        let mut out = format!("looked at {}\n\n", self.examined);
        for finding in needs {
            out.push_str(&format!("{} {}\n  {}\n", finding.verdict.name(), finding.code, finding.seen));
            for (name, text) in [("rule", Some(finding.rule)), ("next", finding.next.as_deref())] {
                out.push_str(&text.map(|text| format!("  {name}: {text}\n")).unwrap_or_default());
            }
            out.push('\n');
        }
        // What was not seen for one reason takes one line.
        let alike = |one: &&Finding, other: &&Finding| {
            one.seen == other.seen && [one.verdict, other.verdict] == [Verdict::CouldNotLook; 2]
        };
        let rows = rest.chunk_by(alike).map(|group| {
            let codes: Vec<&str> = group.iter().map(|finding| finding.code).collect();
            let first = group.first().map(|finding| (finding.verdict.name(), finding.seen.clone())).unwrap_or_default();
            match codes.len() {
                1 => vec![first.0.to_string(), codes.concat(), first.1],
                _ => vec![first.0.to_string(), first.1, codes.join(", ")],
            }
        });
        out + &output::table(&rows.collect::<Vec<_>>())
    }
}
