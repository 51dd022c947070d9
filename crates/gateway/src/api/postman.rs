//! The routes as a Postman collection (schema 2.1.0), made from the OpenAPI document. Pure.
//!
//! Source of the shape: <https://schema.getpostman.com/json/collection/v2.1.0/collection.json>.

use serde_json::{Value, json};

const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
/// What somebody tries first: where the demo's gateway listens, the key of its bank A, an account of that, and the UETR of the
/// message that is the example.
const TRIED_FIRST: [(&str, &str); 4] = [
    ("url", "http://127.0.0.1:8600"),
    ("key", "demo-key-of-bank-a"),
    ("account", "DE89370400440532013000"),
    ("uetr", "eb6305c9-1f7f-49de-aed0-16487c27b42d"),
];

/// The collection of an OpenAPI document: a folder for each tag, a request for each operation. `example` is a message in XML.
pub(super) fn collection(document: &Value, example: &str) -> Value {
    let tags = document["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let operations = operations(document);
    let folders = tags.iter().map(|tag| {
        let own = operations.iter().filter(|operation| operation.value["tags"][0] == tag["name"]);
        let items: Vec<Value> = own.map(|operation| operation.item(document, example)).collect();
        json!({ "name": tag["name"], "description": tag["description"], "item": items })
    });
    let variables = TRIED_FIRST.map(|(name, value)| json!({ "key": name, "value": value, "type": "string" }));
    json!({
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["description"],
            "version": document["info"]["version"],
            "schema": SCHEMA,
        },
        "auth": { "type": "bearer", "bearer": [{ "key": "token", "value": "{{key}}", "type": "string" }] },
        "variable": variables,
        "item": folders.collect::<Vec<_>>(),
    })
}

struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    value: &'a Value,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().into_iter().flatten();
            methods.map(move |(method, value)| Operation { path, method, value })
        })
        .collect()
}

impl Operation<'_> {
    fn item(&self, document: &Value, example: &str) -> Value {
        let mut request = json!({
            "method": self.method.to_uppercase(),
            "description": self.value["description"],
            "header": self.parameters("header"),
            "url": self.url(),
        });
        if self.value["security"].is_null() {
            request["auth"] = json!({ "type": "noauth" });
        }
        if let Some((kind, raw)) = self.body(document, example)
            && let Some(headers) = request["header"].as_array_mut()
        {
            headers.push(json!({ "key": "Content-Type", "value": kind }));
            request["body"] = json!({ "mode": "raw", "raw": raw });
        }
        json!({ "name": self.value["summary"], "request": request, "response": [] })
    }

    /// Parts of the path are variables that are filled in, parameters of the query are there to be switched on.
    fn url(&self) -> Value {
        let path: Vec<String> = self.path.trim_start_matches('/').split('/').map(part).collect();
        let raw = format!("{{{{url}}}}/{}", path.join("/"));
        json!({
            "raw": raw,
            "host": ["{{url}}"],
            "path": path,
            "query": self.parameters("query"),
            "variable": self.parameters("path"),
        })
    }

    fn parameters(&self, place: &str) -> Vec<Value> {
        let all = self.value["parameters"].as_array().into_iter().flatten();
        let told = all.filter(|one| one["in"] == place).map(|one| {
            let value = match one["name"].as_str() {
                // A key for each call, which Postman makes.
                Some("Idempotency-Key") => "{{$guid}}",
                Some("uetr") => "{{uetr}}",
                Some("number") if self.path.starts_with("/v1/accounts") => "{{account}}",
                _ => "",
            };
            let is_needed = one["required"] == true || !value.is_empty();
            let (name, description) = (&one["name"], &one["description"]);
            json!({ "key": name, "value": value, "description": description, "disabled": !is_needed })
        });
        told.collect()
    }

    /// Kind and text of an example of the body, where there is one.
    fn body(&self, document: &Value, example: &str) -> Option<(&'static str, String)> {
        let content = &self.value["requestBody"]["content"];
        if !content["application/xml"].is_null() {
            return Some(("application/xml", example.to_owned()));
        }
        if let Some(lines) = content["text/csv"]["example"].as_str() {
            return Some(("text/csv", lines.to_owned()));
        }
        let reference = content["application/json"]["schema"]["$ref"].as_str()?.strip_prefix('#')?;
        let shown = &document.pointer(reference)?["example"];
        Some(("application/json", format!("{shown:#}")))
    }
}

/// `{name}` of OpenAPI is `:name` of Postman.
fn part(text: &str) -> String {
    match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        Some(name) => format!(":{name}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_a_request_with_its_parameters_and_an_example_of_its_body() {
        let document: Value = serde_json::from_str(&crate::openapi_json()).unwrap();
        let collection: Value = serde_json::from_str(&crate::postman_json()).unwrap();
        assert_eq!(collection["info"]["schema"], SCHEMA);
        assert!(include_str!("../../../../docs/examples/pacs008.xml").contains(TRIED_FIRST[3].1));
        let folders = collection["item"].as_array().unwrap();
        let requests: Vec<&Value> = folders.iter().flat_map(|folder| folder["item"].as_array().unwrap()).collect();
        let operations = operations(&document);
        assert_eq!(requests.len(), operations.len());
        for operation in operations {
            let (method, name) = (operation.method.to_uppercase(), &operation.value["summary"]);
            let found = requests.iter().find(|one| one["name"] == *name && one["request"]["method"] == method.as_str());
            let request = &found.unwrap_or_else(|| panic!("{method} {}", operation.path))["request"];
            let url = &request["url"];
            for variable in url["variable"].as_array().unwrap() {
                let named = format!(":{}", variable["key"].as_str().unwrap());
                assert!(url["path"].as_array().unwrap().iter().any(|part| *part == named.as_str()), "{url}");
            }
            let has_body = !operation.value["requestBody"].is_null();
            let raw = request["body"]["raw"].as_str().unwrap_or_default();
            assert_eq!(!raw.is_empty() && raw != "null", has_body, "{method} {}: {raw}", operation.path);
        }
    }
}
