//! Which crate may know which: the one table, held against what cargo says.
//!
//! Dependencies point down only. An edge that is needed and not here is added here, in the commit that needs it, with its
//! reason in `docs/decisions/` if it crosses a wall.

use crate::process;
use crate::workspace::Workspace;
use serde_json::Value;
use std::collections::BTreeMap;

/// Our crates and the ones of ours that each may know, tests aside.
const INSIDE: &[(&str, &[&str])] = &[
    ("florin-types", &[]),
    ("florin-modules", &["florin-types"]),
    ("florin-execution", &["florin-types", "florin-modules"]),
    ("florin-proof", &["florin-types"]),
    ("florin-state", &["florin-types", "florin-proof"]),
    ("florin-index", &["florin-types"]),
    ("florin-iso20022", &["florin-types"]),
    ("florin-history", &["florin-types", "florin-modules"]),
    ("florin-mempool", &["florin-types", "florin-execution"]),
    (
        "florin-consensus",
        &["florin-types", "florin-modules", "florin-proof", "florin-execution", "florin-state", "florin-mempool"],
    ),
    (
        "florin-rpc",
        &[
            "florin-types",
            "florin-modules",
            "florin-execution",
            "florin-proof",
            "florin-state",
            "florin-mempool",
            "florin-index",
        ],
    ),
    ("florin-client", &["florin-types", "florin-modules", "florin-proof"]),
    ("florin-bench", &["florin-types", "florin-modules", "florin-client"]),
    ("florin-gateway", &["florin-types", "florin-modules", "florin-iso20022", "florin-history", "florin-client"]),
    (
        "florin-sim",
        &[
            "florin-types",
            "florin-modules",
            "florin-execution",
            "florin-proof",
            "florin-state",
            "florin-index",
            "florin-consensus",
            "florin-client",
        ],
    ),
    ("florin", ANY),
    ("xtask", &[]),
];

/// The program knows every room.
const ANY: &[&str] = &["*"];

/// What only tests of a crate may know besides.
const INSIDE_TESTS: &[(&str, &[&str])] = &[
    ("florin-state", &["florin-execution"]),
    ("florin-mempool", &["florin-modules"]),
    ("florin-consensus", &["florin-client"]),
    ("florin-rpc", &["florin-consensus", "florin-client"]),
    ("florin-client", &["florin-state", "florin-execution"]),
    ("florin-bench", &["florin-execution", "florin-mempool"]),
];

/// Libraries that stand behind a wall: by the beginning of their names, and who may know them.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("revm", &["florin-execution"]),
    ("commonware-", &["florin-consensus", "florin-state", "florin-proof", "florin-sim"]),
    ("jsonrpsee", &["florin-rpc"]),
    ("hyper", &["florin-client", "florin-rpc"]),
    ("rustls", &["florin-client", "florin-rpc"]),
    ("tokio-rustls", &["florin-rpc"]),
    ("quick-xml", &["florin-iso20022"]),
    ("sqlx", &["florin-index", "florin-history"]),
    ("clap", &["florin"]),
    ("cryptoki", &["florin"]),
];

/// Who may know them in tests besides: the server is tested on a real ledger, which runs on the engine's runtime.
const OUTSIDE_TESTS: &[(&str, &[&str])] = &[("commonware-", &["florin-rpc"]), ("sqlx", &["florin"])];

/// The pure core, and what would make it depend on when, where or in which order it runs.
const PURE: &[&str] = &["florin-types", "florin-modules", "florin-execution", "florin-iso20022"];
const IMPURE: &[&str] = &["tokio", "futures", "async-", "rand", "parking_lot", "tracing", "tempfile"];

/// One edge of the graph.
#[derive(Debug, PartialEq, Eq)]
struct Edge {
    from: String,
    to: String,
    only_tests: bool,
}

pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--locked"];
    let metadata = process::output(workspace.cargo().args(arguments))?;
    let metadata = serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let edges = read(&metadata)?;
    let mut wrong = breaches(&edges);
    wrong.extend(unknown_crates(&metadata));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n    ")) }
}

/// All edges that leave one of our crates.
fn read(metadata: &Value) -> Result<Vec<Edge>, String> {
    let mut edges = Vec::new();
    for package in packages(metadata) {
        let from = text(package, "name")?;
        let dependencies = package["dependencies"].as_array().ok_or("a package without dependencies")?;
        for dependency in dependencies {
            let only_tests = dependency["kind"].as_str() == Some("dev");
            edges.push(Edge { from: from.clone(), to: text(dependency, "name")?, only_tests });
        }
    }
    if edges.is_empty() { Err("cargo metadata names no dependency at all".into()) } else { Ok(edges) }
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

fn text(value: &Value, key: &str) -> Result<String, String> {
    value[key].as_str().map(String::from).ok_or_else(|| format!("cargo metadata without {key}"))
}

/// Edges that the tables do not allow, in words.
fn breaches(edges: &[Edge]) -> Vec<String> {
    edges.iter().filter_map(|edge| inside(edge).or_else(|| outside(edge)).or_else(|| impure(edge))).collect()
}

fn inside(edge: &Edge) -> Option<String> {
    let ours = edge.to == "florin" || edge.to.starts_with("florin-") || edge.to == "xtask";
    let allowed = |table: &[(&str, &[&str])]| {
        let row = table.iter().find(|(from, _)| *from == edge.from);
        row.is_some_and(|(_, to)| to.contains(&edge.to.as_str()) || *to == ANY)
    };
    let itself = edge.from == edge.to;
    let held = !ours || itself || allowed(INSIDE) || (edge.only_tests && allowed(INSIDE_TESTS));
    (!held).then(|| {
        format!("{} must not know {}{}", edge.from, edge.to, if edge.only_tests { " even in tests" } else { "" })
    })
}

fn outside(edge: &Edge) -> Option<String> {
    let (_, who) = OUTSIDE.iter().find(|(start, _)| edge.to.starts_with(start))?;
    let in_tests =
        OUTSIDE_TESTS.iter().any(|(start, who)| edge.to.starts_with(start) && who.contains(&edge.from.as_str()));
    let held = who.contains(&edge.from.as_str()) || (edge.only_tests && in_tests);
    (!held).then(|| format!("{} must not know {}; only {} may", edge.from, edge.to, who.join(", ")))
}

fn impure(edge: &Edge) -> Option<String> {
    let breach =
        !edge.only_tests && PURE.contains(&edge.from.as_str()) && IMPURE.iter().any(|start| edge.to.starts_with(start));
    breach.then(|| format!("{} is pure and must not know {}", edge.from, edge.to))
}

/// A crate that is not in the table has no rules, so it is a breach by itself; so is a row without its crate.
fn unknown_crates(metadata: &Value) -> Vec<String> {
    let names: BTreeMap<&str, ()> =
        packages(metadata).filter_map(|package| package["name"].as_str()).map(|name| (name, ())).collect();
    let missing = names.keys().filter(|name| !INSIDE.iter().any(|(row, _)| row == *name));
    let stale = INSIDE.iter().map(|(row, _)| *row).filter(|row| !names.contains_key(row));
    let missing = missing.map(|name| format!("{name} has no row in xtask/src/check/edges.rs"));
    missing.chain(stale.map(|row| format!("the row {row} names no crate of the workspace"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn edge(from: &str, to: &str, only_tests: bool) -> Edge {
        Edge { from: from.into(), to: to.into(), only_tests }
    }

    #[test]
    fn edges_that_point_down_hold() {
        for (from, to, only_tests) in [
            ("florin-modules", "florin-types", false),
            ("florin-execution", "revm", false),
            ("florin-execution", "revm-inspectors", false),
            ("florin-consensus", "commonware-glue", false),
            ("florin", "florin-sim", false),
            ("florin-state", "florin-execution", true),
            ("florin-mempool", "tokio", false),
            ("florin-rpc", "commonware-runtime", true),
            ("florin-execution", "rand", true),
            ("florin-types", "serde", false),
        ] {
            assert_eq!(breaches(&[edge(from, to, only_tests)]), Vec::<String>::new(), "{from} -> {to}");
        }
    }

    #[test]
    fn edges_that_cross_a_wall_are_named() {
        for (from, to, only_tests) in [
            ("florin-types", "florin-modules", false),
            ("florin-modules", "revm", false),
            ("florin-rpc", "commonware-runtime", false),
            ("florin-mempool", "commonware-runtime", true),
            ("florin-execution", "florin-state", false),
            ("florin-state", "florin-execution", false),
            ("florin-client", "jsonrpsee", false),
            ("florin-execution", "tokio", false),
            ("florin-bench", "clap", false),
            ("florin-types", "florin", true),
        ] {
            let named = breaches(&[edge(from, to, only_tests)]);
            assert_eq!(named.len(), 1, "{from} -> {to}: {named:?}");
            assert!(named[0].contains(from) && named[0].contains(to), "{named:?}");
        }
    }

    #[test]
    fn the_tables_have_no_circle() {
        fn reaches(from: &str, to: &str, depth: usize) -> bool {
            let row = INSIDE.iter().find(|(name, _)| *name == from).map_or(ANY, |(_, row)| row);
            depth > 0 && row != ANY && row.iter().any(|next| *next == to || reaches(next, to, depth - 1))
        }
        for (name, _) in INSIDE {
            assert!(!reaches(name, name, INSIDE.len()), "{name} reaches itself");
        }
    }

    #[test]
    fn a_crate_without_a_row_is_named() {
        let all: Vec<Value> = INSIDE.iter().map(|(name, _)| json!({ "name": name })).collect();
        assert!(unknown_crates(&json!({ "packages": all })).is_empty());
        let more: Vec<Value> = all.iter().skip(1).cloned().chain([json!({ "name": "florin-new" })]).collect();
        let named = unknown_crates(&json!({ "packages": more }));
        assert_eq!(named.len(), 2, "{named:?}");
    }

    #[test]
    fn kinds_are_read_from_metadata() {
        let metadata = json!({ "packages": [{ "name": "florin-state", "dependencies": [
            { "name": "florin-execution", "kind": "dev" }, { "name": "blake3", "kind": null },
        ] }] });
        let expected = vec![edge("florin-state", "florin-execution", true), edge("florin-state", "blake3", false)];
        assert_eq!(read(&metadata), Ok(expected));
        assert!(read(&json!({ "packages": [] })).is_err());
    }
}
