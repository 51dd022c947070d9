//! Rules of the house about source files that no lint knows: size, purity of the core, who reads the environment.

use crate::process;
use crate::workspace::Workspace;
use std::collections::BTreeSet;
use std::process::Command;

const LINES_MAX: usize = 800;
/// The pure core: no I/O, clock, randomness, async or unordered iteration.
const PURE: &[&str] = &["crates/types/src/", "crates/modules/src/", "crates/execution/src/", "crates/iso20022/src/"];
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::io",
    "std::env",
    "std::process",
    "std::time",
    "SystemTime",
    "Instant::",
    "std::thread",
    "std::*",
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
/// Lints and groups of lints that a part of the core may not switch off; the groups hold the money lints.
const NEVER_ALLOWED: &[&str] = &["clippy::restriction", "clippy::pedantic"];
/// Their order differs between runs. A file of the core that looks things up in one says that it is never iterated.
const UNORDERED: &[&str] = &["HashMap", "HashSet"];
const UNORDERED_IS_SAFE: &str = "never iterated";
/// Only the program reads its surroundings.
const SURROUNDINGS: &[&str] = &[
    "std::env",
    "env::var",
    "env::var_os",
    "env::vars",
    "env::vars_os",
    "env::args",
    "env::args_os",
    "env!(\"HOME",
    "option_env!(\"HOME",
];

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

/// Whether all of a file is tests, benchmarks or examples, by its name.
fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.contains("/tests/")
        || path.contains("/benches/")
        || path.contains("/examples/")
        || matches!(name, "tests.rs" | "testing.rs")
        || name.ends_with("_tests.rs")
        || name.starts_with("test_")
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
    let code = code_lines(text);
    let uses = used_paths(&code);
    for (words, rule) in forbidden(source) {
        for word in words {
            let written = code.iter().filter(|(_, line)| has_word(line, word)).map(|(number, _)| *number);
            let used = uses.iter().filter(|(_, path)| has_word(path, word)).map(|(number, _)| *number);
            let places: BTreeSet<usize> = written.chain(used).collect();
            wrong.extend(places.into_iter().map(|number| format!("{path}:{number} has {word}: {rule}")));
        }
    }
    if is_core(path) {
        wrong.extend(allowed_money_lints(path, &code));
    }
    wrong
}

fn is_core(path: &str) -> bool {
    PURE.iter().any(|root| path.starts_with(root))
}

/// Words that a file must not have, with the rule that forbids them.
fn forbidden(source: &Source) -> Vec<(&'static [&'static str], &'static str)> {
    let core = is_core(&source.path);
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

/// Lines with their numbers, without comments and without what is compiled for unit tests only.
fn code_lines(text: &str) -> Vec<(usize, &str)> {
    let mut lines = text.lines().enumerate().map(|(number, line)| (number + 1, without_comment(line)));
    let mut code = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line.trim_start().starts_with("#[cfg(test)]") || line.trim_start().starts_with("#[cfg(all(test,") {
            skip_item(&mut lines);
        } else {
            code.push((number, line));
        }
    }
    code
}

/// A line up to its comment. `//` after a colon is part of an address.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// Passes over one item with its attributes, which rustfmt has laid out: it ends on its first line, or on the line that
/// closes it with the same indentation.
fn skip_item<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>) {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let Some((_, first)) = lines.by_ref().find(|(_, line)| !line.trim_start().starts_with("#[")) else { return };
    if first.trim_end().ends_with([';', ',', '}']) {
        return;
    }
    let depth = indentation(first);
    lines.by_ref().find(|(_, line)| {
        indentation(line) == depth && (line.trim_start().starts_with('}') || line.trim_end().ends_with(';'))
    });
}

/// Every path that `use` declarations name, groups resolved, with the line where its declaration begins.
fn used_paths(code: &[(usize, &str)]) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    let mut lines = code.iter();
    while let Some((number, line)) = lines.next() {
        let Some(start) = use_declaration(line) else { continue };
        let mut tree = start.to_string();
        while !tree.contains(';') {
            let Some((_, line)) = lines.next() else { break };
            tree.push_str(line.trim());
        }
        let tree = tree.split(';').next().unwrap_or_default();
        paths.extend(resolved(tree).into_iter().map(|path| (*number, path)));
    }
    paths
}

/// What follows `use` where a line begins with it, possibly after a visibility.
fn use_declaration(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let public = line.strip_prefix("pub").map(|rest| match rest.strip_prefix('(') {
        Some(scoped) => scoped.split_once(')').map_or(scoped, |(_, rest)| rest),
        None => rest,
    });
    public.unwrap_or(line).trim_start().strip_prefix("use ")
}

/// The paths of a tree such as `std::{fs, io::{self, Read}}`: `std::fs`, `std::io`, `std::io::Read`.
fn resolved(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((prefix, group)) = tree.split_once('{') else {
        return vec![tree.trim_end_matches("::self").trim_start_matches("::").to_string()];
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    branches(group).into_iter().flat_map(|branch| resolved(&format!("{prefix}{}", branch.trim()))).collect()
}

/// Divides a group at the commas that are not in a group within it.
fn branches(group: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = group.split(|c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.filter(|part| !part.trim().is_empty()).collect()
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

/// Attributes that switch a money lint off again in a part of the core.
fn allowed_money_lints(path: &str, code: &[(usize, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut lines = code.iter();
    while let Some((number, line)) = lines.next() {
        let start = line.trim_start();
        // The crate's own switch for its unit tests is meant.
        if !start.starts_with('#') || start.starts_with("#![cfg_attr(test,") {
            continue;
        }
        let mut attribute = start.to_string();
        while !attribute.contains(']') {
            let Some((_, line)) = lines.next() else { break };
            attribute.push_str(line.trim());
        }
        if ["allow", "expect", "warn"].iter().any(|level| has_word(&attribute, &format!("{level}("))) {
            let named = MONEY_LINTS.iter().chain(NEVER_ALLOWED).filter(|lint| has_word(&attribute, lint));
            wrong.extend(named.map(|lint| format!("{path}:{number} allows {lint}: money never goes unguarded")));
        }
    }
    wrong
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
    fn a_group_of_uses_hides_nothing() {
        for (text, word) in [
            ("use std::{fs, path::Path};", "std::fs"),
            ("use std::{\n    fmt,\n    io::{self, Read},\n};", "std::io"),
            ("pub(crate) use ::std::{fmt, net::{IpAddr, TcpStream}};", "std::net"),
            ("use std::{thread as other};", "std::thread"),
            ("use std::*;", "std::*"),
        ] {
            let named = breaches(&source("crates/types/src/money.rs", text));
            assert!(named.iter().any(|wrong| wrong.contains(word) && wrong.contains(":1 ")), "{text}: {named:?}");
        }
        assert!(breaches(&source("crates/types/src/money.rs", "use std::{fmt, str::FromStr};")).is_empty());
    }

    #[test]
    fn only_what_is_compiled_for_tests_is_left_out() {
        for text in [
            "#[cfg(test)]\nmod testing;\nlet now = std::time::Instant::now();",
            "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\nlet now = std::time::Instant::now();",
            "#[cfg(test)]\n#[path = \"x.rs\"]\nuse a::{\n    b,\n};\nlet now = std::time::Instant::now();",
            "impl A {\n    #[cfg(test)]\n    fn b(\n    ) {\n    }\n    fn c() -> std::time::Instant {}\n}",
            "let (url, now) = (\"http://a\", std::time::Instant::now());",
        ] {
            let named = breaches(&source("crates/modules/src/lib.rs", text));
            assert!(named.iter().any(|wrong| wrong.contains("std::time")), "{text}: {named:?}");
            assert!(named.iter().all(|wrong| !wrong.contains("std::fs")), "{text}: {named:?}");
        }
    }

    #[test]
    fn a_file_is_tests_only_by_its_whole_name() {
        for path in
            ["a/src/tests.rs", "a/src/money_tests.rs", "a/src/test_tools.rs", "a/src/testing.rs", "a/src/tests/b.rs"]
        {
            assert!(is_test(path), "{path}");
        }
        for path in ["a/src/attestation.rs", "a/src/contest.rs", "a/src/latest/mod.rs", "a/src/golden/b.rs"] {
            assert!(!is_test(path), "{path}");
        }
    }

    #[test]
    fn a_part_of_the_core_cannot_switch_the_money_lints_off() {
        for text in [
            "#![allow(clippy::arithmetic_side_effects)]",
            "#[expect(\n    clippy::cast_sign_loss,\n    reason = \"small\"\n)]",
            "#![allow(clippy::restriction)]",
            "#[cfg_attr(not(debug_assertions), allow(clippy::float_arithmetic))]",
        ] {
            let named = breaches(&source("crates/execution/src/gas.rs", text));
            assert_eq!(named.len(), 1, "{text}: {named:?}");
            assert!(breaches(&source("crates/rpc/src/gas.rs", text)).is_empty());
        }
        for text in [
            "#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]",
            "#[allow(clippy::too_many_arguments)]",
            "#![deny(clippy::arithmetic_side_effects)]",
        ] {
            assert_eq!(breaches(&source("crates/execution/src/lib.rs", text)), Vec::<String>::new(), "{text}");
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
        for line in [
            "let url = std::env::var(\"URL\");",
            "let url = env::var_os(\"URL\");",
            "for (name, value) in env::vars() {}",
            "let words = env::args_os();",
            "use std::{env, fmt};",
        ] {
            assert!(!breaches(&source("crates/rpc/src/lib.rs", line)).is_empty(), "{line}");
            assert!(breaches(&source("bin/florin/src/main.rs", line)).is_empty(), "{line}");
        }
        let built = "const VERSION: &str = env!(\"CARGO_PKG_VERSION\");";
        assert!(breaches(&source("crates/rpc/src/lib.rs", built)).is_empty());
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
