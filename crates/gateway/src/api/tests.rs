//! The OpenAPI document is true of the routes.

use super::*;
use serde_json::Value;

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((method.clone(), path.clone(), operation.clone()));
        }
    }
    found
}

#[test]
fn every_operation_has_its_problems_and_its_key() {
    let document: Value = serde_json::from_str(&openapi_json()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let operations = operations(&document);
    assert!(operations.len() >= 9, "{operations:?}");
    let mut ids = std::collections::BTreeSet::new();
    for (method, path, operation) in operations {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        assert!(ids.insert(id), "{method} {path}");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
        let responses = operation["responses"].as_object().unwrap();
        let is_open = matches!(path.as_str(), "/healthz" | "/v1/openapi.json");
        assert_eq!(operation["security"].is_null(), is_open, "{method} {path}");
        if !is_open {
            for status in ["400", "401", "403", "405", "429", "500", "503"] {
                let content = &responses[status]["content"]["application/problem+json"];
                assert_eq!(
                    content["schema"]["$ref"], "#/components/schemas/ProblemDetails",
                    "{method} {path} {status}"
                );
            }
        }
        // A part of the path is a parameter, and the other way round.
        let named = |place: &str| -> Vec<String> {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            parameters.filter(|one| one["in"] == place).map(|one| one["name"].as_str().unwrap().to_owned()).collect()
        };
        let parts: Vec<String> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(String::from).collect();
        assert_eq!(named("path"), parts, "{method} {path}");
    }
}

#[test]
fn every_schema_that_is_named_is_there() {
    let text = openapi_json();
    let document: Value = serde_json::from_str(&text).unwrap();
    for reference in text.split("\"$ref\": \"#/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(!document.pointer(&format!("/{reference}")).unwrap_or(&Value::Null).is_null(), "{reference}");
    }
}

/// A route comes with its description: nothing is added beside it.
#[test]
fn no_route_is_added_without_its_description() {
    let source = include_str!("mod.rs");
    let added = source.matches(".routes(routes!(").count();
    let document: Value = serde_json::from_str(&openapi_json()).unwrap();
    assert_eq!(added, operations(&document).len());
    assert!(!source.contains(".route(") && !source.contains(".nest(") && !source.contains("_service("));
}
