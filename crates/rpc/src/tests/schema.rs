//! As much of JSON Schema as `schemas.json` uses.

use crate::openrpc;
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> = LazyLock::new(openrpc::document);

/// Holds a value against a named schema.
pub(super) fn check(name: &str, value: &Value) -> Result<(), String> {
    let schema = DOCUMENT.pointer(&format!("/components/schemas/{name}"));
    holds(schema.unwrap_or_else(|| panic!("no schema {name}")), value, "result")
}

fn holds(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = DOCUMENT.pointer(reference.trim_start_matches('#'));
        return holds(target.unwrap_or_else(|| panic!("dangling {reference}")), value, path);
    }
    if let Some(any) = schema["oneOf"].as_array() {
        let failures: Vec<String> = any.iter().filter_map(|schema| holds(schema, value, path).err()).collect();
        return if failures.len() < any.len() { Ok(()) } else { Err(failures.join("; or ")) };
    }
    if let Some(kind) = schema["type"].as_str() {
        let fits = match kind {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "number" => value.is_number(),
            "integer" => value.is_u64(),
            other => panic!("type {other}"),
        };
        if !fits {
            return Err(format!("{path} is no {kind}: {value}"));
        }
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && !Regex::new(pattern).unwrap().is_match(value.as_str().unwrap_or_default())
    {
        return Err(format!("{path} does not fit {pattern}: {value}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{path} is none of {allowed:?}: {value}"));
    }
    for (bound, below) in [("minimum", true), ("maximum", false)] {
        if let (Some(bound), Some(value)) = (schema[bound].as_f64(), value.as_f64())
            && (value < bound) == below
            && value != bound
        {
            return Err(format!("{path} is {value}, out of bounds"));
        }
    }
    items(schema, value, path)?;
    fields(schema, value, path)
}

fn items(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let Some(list) = value.as_array() else { return Ok(()) };
    if schema["maxItems"].as_u64().is_some_and(|most| list.len() as u64 > most) {
        return Err(format!("{path} has {} items", list.len()));
    }
    match schema.get("items") {
        None => Ok(()),
        Some(items) => {
            list.iter().enumerate().try_for_each(|(index, value)| holds(items, value, &format!("{path}[{index}]")))
        }
    }
}

fn fields(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let Some(fields) = value.as_object() else { return Ok(()) };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            return Err(format!("{path} has no {name}"));
        }
    }
    for (name, value) in fields {
        let path = format!("{path}.{name}");
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(schema), _) => holds(schema, value, &path)?,
            (None, Some(Value::Bool(false))) => return Err(format!("{path} is unknown")),
            (None, Some(schema @ Value::Object(_))) => holds(schema, value, &path)?,
            (None, _) => {}
        }
    }
    Ok(())
}
