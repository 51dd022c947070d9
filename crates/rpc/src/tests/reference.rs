//! The table and what is made from it.

use crate::{
    methods::{METHODS, SUBSCRIBE, UNSUBSCRIBE},
    openrpc,
};
use std::collections::BTreeSet;

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference");

#[test]
fn names_are_unique_and_schemas_exist() {
    let document = openrpc::document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut names = BTreeSet::new();
    for method in METHODS.iter().chain([&SUBSCRIBE, &UNSUBSCRIBE]) {
        assert!(names.insert(method.name), "{} stands twice", method.name);
        assert!(schemas.contains_key(method.result), "{}: no schema {}", method.name, method.result);
        let mut optional = false;
        for param in method.params {
            assert!(schemas.contains_key(param.schema), "{}: no schema {}", method.name, param.schema);
            assert!(!(optional && param.required), "{}: {} is required after an optional one", method.name, param.name);
            optional |= !param.required;
        }
    }
}

#[test]
fn no_schema_is_left_over_or_missing() {
    let document = openrpc::document();
    let text = document.to_string();
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("\"#/components/schemas/{name}\"")), "schema {name} is not used");
    }
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(!document["components"]["schemas"][name].is_null(), "schema {name} does not exist");
    }
}

/// The references that are committed are what the code gives.
#[test]
fn the_committed_references_are_current() {
    for (name, text) in [("openrpc.json", format!("{:#}\n", openrpc::document())), ("rpc.md", openrpc::reference())] {
        let path = format!("{REFERENCE}/{name}");
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{path} is not current: run `cargo xtask generate` and review the change");
    }
}

#[test]
fn the_reference_names_every_method() {
    let reference = openrpc::reference();
    for method in METHODS.iter().chain([&SUBSCRIBE, &UNSUBSCRIBE]) {
        assert_eq!(reference.matches(&format!("| `{}` |", method.name)).count(), 1, "{}", method.name);
    }
}
