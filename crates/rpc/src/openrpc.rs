//! The OpenRPC document and the reference for people, made from the method table.

use crate::{
    methods::node::CLIENT_VERSION,
    methods::{METHODS, Method, Param, SUBSCRIBE, UNSUBSCRIBE},
};
use serde_json::{Map, Value, json};
use std::{fmt::Write as _, sync::LazyLock};

/// Schemas by the names that the table uses.
static SCHEMAS: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("schemas.json")).unwrap_or_default());

/// Errors that every method can give.
const ERRORS: [(i32, &str); 8] = [
    (-32700, "Parse error"),
    (-32600, "Invalid request"),
    (-32601, "Method not found"),
    (-32602, "Invalid params: names the argument"),
    (-32603, "Internal error"),
    (-32000, "Refused: data.code is a permanent code"),
    (-32002, "Timed out"),
    (-32005, "Above a limit: the message names it"),
];

fn all_methods() -> impl Iterator<Item = &'static Method> {
    METHODS.iter().chain([&SUBSCRIBE, &UNSUBSCRIBE])
}

fn schema_reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn method_object(method: &Method) -> Value {
    let params: Vec<Value> = method
        .params
        .iter()
        .map(
            |param| json!({ "name": param.name, "required": param.required, "schema": schema_reference(param.schema) }),
        )
        .collect();
    let errors: Vec<Value> = ERRORS.iter().map(|(code, message)| json!({ "code": code, "message": message })).collect();
    let mut object = json!({
        "name": method.name,
        "summary": method.summary,
        "paramStructure": "by-position",
        "params": params,
        "result": { "name": "result", "schema": schema_reference(method.result) },
        "errors": errors,
    });
    if method.name == SUBSCRIBE.name {
        object["x-notification"] = schema_reference("SubscriptionNotification");
    }
    object
}

/// The OpenRPC document: what `rpc.discover` answers.
pub fn document() -> Value {
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Florin JSON-RPC",
            "version": CLIENT_VERSION.trim_start_matches("Florin/v"),
            "description": "Ethereum's JSON-RPC and the florin_ namespace. Blocks are final when they are shown.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "methods": all_methods().map(method_object).collect::<Vec<_>>(),
        "components": { "schemas": &*SCHEMAS },
    })
}

const REFERENCE_HEAD: &str = "\
# JSON-RPC reference

Generated from the method table of `crates/rpc` by `cargo xtask generate`; do not edit. The same as an OpenRPC document:
`rpc.discover`, or `openrpc.json` beside this file.

HTTP and WebSocket share one port. Parameters are given by position. `latest`, `safe` and `finalized` mean the same: a
block is final when it is shown. `pending` is the latest block, and for nonces also what waits in the pool.

## Errors

| code | meaning |
|---|---|
| 3 | execution reverted; `data` is the revert data, the message its decoded reason |
| 4 | `eth_sendRawTransactionSync`: not included in time; `data` is the transaction hash |
| -32000 | refused; `data.code` is a permanent code, the message says the values and what to do |
| -32002 | timed out |
| -32005 | above a limit of this node; the message names it |
| -38010 to -38026 | `eth_simulateV1`: a simulated block or call breaks a rule |
| -32600, -32601, -32602, -32603, -32700 | JSON-RPC's own; -32602 names the argument |

## Proofs

State is not kept in a Merkle-Patricia trie, so an Ethereum verifier cannot check `eth_getProof`. It answers in
Ethereum's shape with these differences. `accountProof` holds one Florin state proof of the account and all slots asked
for, or nothing when the block is not the latest one: an empty list proves nothing. `storageProof[].proof` is empty,
`storageHash` is zero. To verify without trusting the server use `florin_stateProof`, which comes with a finality
certificate, and the verifier in `crates/client`.
";

/// The reference for people, in Markdown.
pub fn reference() -> String {
    let mut out = REFERENCE_HEAD.to_owned();
    for namespace in ["eth", "florin", "debug", "txpool", "net", "web3", "rpc"] {
        let _ = write!(out, "\n## {namespace}\n\n| method | parameters | result | |\n|---|---|---|---|\n");
        for method in all_methods().filter(|method| method.name.split(['_', '.']).next() == Some(namespace)) {
            let _ = writeln!(out, "{}", reference_line(method));
        }
    }
    out
}

fn reference_line(method: &Method) -> String {
    let param = |param: &Param| format!("{}{}: {}", param.name, if param.required { "" } else { "?" }, param.schema);
    let params: Vec<String> = method.params.iter().map(param).collect();
    let summary = method.summary.replace('|', "\\|");
    format!("| `{}` | {} | {} | {summary} |", method.name, params.join(", "), method.result)
}
