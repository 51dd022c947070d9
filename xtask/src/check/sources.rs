//! Rules of the house about source files that no lint knows: size, purity of the core, who reads the environment.

use crate::process;
use crate::workspace::Workspace;
use std::process::Command;

const LINES_MAX: usize = 800;
/// The pure core: no I/O, clock, randomness, async or unordered iteration.
const PURE: &[&str] = &["crates/types/src/", "crates/modules/src/", "crates/execution/src/"];
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::io::",
    "std::time",
    "SystemTime",
    "Instant::",
    "std::thread",
    "thread_local!",
    "async fn",
    "rand::",
    "f32",
    "f64",
    "static mut",
];
const MONEY_LINTS: &[&str] = &[
    "clippy::arithmetic_side_effects",
    "clippy::cast_possible_truncation",
    "clippy::cast_sign_loss",
    "clippy::float_arithmetic",
];
/// Their order differs between runs. A file of the core that looks things up in one says that it is never iterated.
const UNORDERED: &[&str] = &["HashMap", "HashSet"];
const UNORDERED_IS_SAFE: &str = "never iterated";
/// Only the program reads its surroundings.
const SURROUNDINGS: &[&str] = &["env::var", "env::args", "env!(\"HOME"];

/// A source file of ours.
struct Source {
    path: String,
    text: String,
}

pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let sources = tracked(workspace)?;
    let mut wrong: Vec<String> = sources.iter().flat_map(breaches).collect();
    for root in PURE {
        let library = format!("{root}lib.rs");
        match sources.iter().find(|source| source.path == library) {
            None => wrong.push(format!("{library} is missing")),
            Some(source) => wrong.extend(missing_money_lints(source)),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n    ")) }
}

fn tracked(workspace: &Workspace) -> Result<Vec<Source>, String> {
    let mut git = Command::new("git");
    let listed = process::output(git.current_dir(workspace.root()).args(["ls-files", "*.rs"]))?;
    let sources: Vec<Source> = listed
        .lines()
        .filter_map(|path| {
            Some(Source { path: path.into(), text: std::fs::read_to_string(workspace.path(path)).ok()? })
        })
        .collect();
    if sources.is_empty() { Err("git lists no source file".into()) } else { Ok(sources) }
}

fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.contains("/tests/")
        || path.contains("/golden/")
        || path.contains("/benches/")
        || path.contains("/examples/")
        || name.contains("test")
}

fn breaches(source: &Source) -> Vec<String> {
    let Source { path, text } = source;
    if is_test(path) {
        return Vec::new();
    }
    let lines = text.lines().count();
    let too_long =
        (lines > LINES_MAX).then(|| format!("{path} has {lines} lines, at most {LINES_MAX}: divide it by task"));
    let mut wrong: Vec<String> = too_long.into_iter().collect();
    for (number, line) in code_lines(text) {
        for (words, rule) in forbidden(source) {
            let met = words.iter().filter(|word| has_word(line, word));
            wrong.extend(met.map(|word| format!("{path}:{number} has {word}: {rule}")));
        }
    }
    wrong
}

/// Words that a file must not have, with the rule that forbids them.
fn forbidden(source: &Source) -> Vec<(&'static [&'static str], &'static str)> {
    let core = PURE.iter().any(|root| source.path.starts_with(root));
    let mut rules: Vec<(&[&str], &str)> = Vec::new();
    if core {
        rules.push((IMPURE, "the core is pure"));
    }
    if core && !source.text.contains(UNORDERED_IS_SAFE) {
        rules.push((UNORDERED, "use an ordered map, or say in a comment why it is never iterated"));
    }
    if source.path.starts_with("crates/") {
        rules.push((SURROUNDINGS, "only bin/florin reads its surroundings"));
    }
    rules
}

/// Lines before the unit tests, without comments.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let code = text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    code.map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
}

/// Whether `word` stands in `line` and is not the middle of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let named = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(named);
        let after = word.ends_with(named) && line[at + word.len()..].chars().next().is_some_and(named);
        !before && !after
    })
}

fn missing_money_lints(source: &Source) -> Vec<String> {
    let Some(start) = source.text.find("#![deny(") else {
        return vec![format!("{} denies no money lints", source.path)];
    };
    let denied = source.text[start..].split(")]").next().unwrap_or_default();
    let missing = MONEY_LINTS.iter().filter(|lint| !denied.contains(*lint));
    missing.map(|lint| format!("{} does not deny {lint}", source.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn impure_words_in_the_core_are_named_with_their_line() {
        for (line, word) in [
            ("use std::collections::HashMap;", "HashMap"),
            ("let set: HashSet<u8>;", "HashSet"),
            ("pub async fn run() {}", "async fn"),
            ("let ratio: f64 = 0.5;", "f64"),
            ("let now = std::time::Instant::now();", "std::time"),
        ] {
            let named = breaches(&source("crates/modules/src/token/ops.rs", &format!("//! Doc.\n{line}\n")));
            assert!(named.iter().any(|wrong| wrong.contains(word) && wrong.contains(":2 ")), "{line}: {named:?}");
        }
    }

    #[test]
    fn comments_tests_and_longer_names_are_not_meant() {
        for text in [
            "// a HashMap would be unordered",
            "#[cfg(test)]\nuse std::collections::HashMap;",
            "let my_HashMapper = 1;",
            "fn f640() {}",
        ] {
            assert_eq!(breaches(&source("crates/types/src/money.rs", text)), Vec::<String>::new(), "{text}");
        }
        assert!(breaches(&source("crates/types/src/money_tests.rs", "use std::collections::HashMap;")).is_empty());
        assert!(breaches(&source("crates/rpc/src/lib.rs", "use std::collections::HashMap;")).is_empty());
    }

    #[test]
    fn only_the_program_reads_the_environment() {
        let line = "let url = std::env::var(\"URL\");";
        assert_eq!(breaches(&source("crates/rpc/src/lib.rs", line)).len(), 1);
        assert!(breaches(&source("bin/florin/src/main.rs", line)).is_empty());
    }

    #[test]
    fn long_files_are_named_unless_they_are_tests() {
        let long = "fn f() {}\n".repeat(LINES_MAX + 1);
        assert_eq!(breaches(&source("crates/rpc/src/lib.rs", &long)).len(), 1);
        assert!(breaches(&source("crates/rpc/src/tests.rs", &long)).is_empty());
    }

    #[test]
    fn money_lints_must_be_denied() {
        let whole = format!("#![deny(\n    {}\n)]", MONEY_LINTS.join(",\n    "));
        assert!(missing_money_lints(&source("lib.rs", &whole)).is_empty());
        let part = whole.replace("clippy::float_arithmetic", "");
        assert_eq!(missing_money_lints(&source("lib.rs", &part)).len(), 1);
        assert_eq!(missing_money_lints(&source("lib.rs", "")).len(), 1);
    }
}
