//! Bad input: every one of it gets an error, and the server lives on.

use super::{
    harness::{Node, developer, on_a_node, on_a_plain_node, plain_config, raw},
    schema, socket,
};
use crate::{RpcConfig, methods::METHODS};
use alloy_primitives::{Address, B256};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::{Value, json};
use std::time::Duration;

async fn lives(node: &Node) {
    node.ok("eth_chainId", json!([])).await;
}

/// A value that fits the schema of a parameter.
fn sample(schema: &str) -> Value {
    match schema {
        "Address" => json!(Address::repeat_byte(1)),
        "Hash" => json!(B256::repeat_byte(1)),
        "Bytes" => json!("0x1234"),
        "Quantity" | "Count" | "StorageKey" => json!("0x1"),
        "BlockNumberOrTag" | "BlockNumberOrTagOrHash" => json!("latest"),
        "Boolean" => json!(true),
        "StorageKeys" => json!(["0x0"]),
        "StorageRequests" => json!({ Address::ZERO.to_string(): ["0x0"] }),
        "Percentiles" => json!([1, 2]),
        "StateItems" => json!([{ "address": Address::ZERO }]),
        "Call" | "StateOverrides" | "BlockOverrides" | "Filter" | "TraceOptions" | "TraceCallOptions" => json!({}),
        "SimulatePayload" => json!({ "blockStateCalls": [{}] }),
        other => panic!("no sample of {other}"),
    }
}

fn junk() -> Vec<Value> {
    let mut deep = json!([]);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    vec![
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(1e300),
        json!(false),
        json!(""),
        json!(" "),
        json!("0"),
        json!("0x"),
        json!("0x00"),
        json!("0xg"),
        json!("x0"),
        json!("0x-1"),
        json!("0x1 "),
        json!("LATEST"),
        json!("latest\u{0}"),
        json!("\u{1f4a5}"),
        json!("0x\u{1f4a5}"),
        json!(format!("0x{}", "f".repeat(39))),
        json!(format!("0x{}", "f".repeat(65))),
        json!(format!("0x{}", "zz".repeat(32))),
        json!(format!("0x{}", "1".repeat(100_001))),
        json!("a".repeat(100_000)),
        json!([]),
        json!([null]),
        json!([[[]]]),
        json!([1, "2", {}]),
        json!({}),
        json!({ "": null }),
        json!({ "address": [] }),
        deep,
    ]
}

#[test]
fn every_parameter_of_every_method_refuses_what_its_schema_refuses() {
    on_a_plain_node(|node| async move {
        let mut refused = 0;
        for method in METHODS.iter().filter(|method| method.handler.is_some()) {
            let samples: Vec<Value> = method.params.iter().map(|param| sample(param.schema)).collect();
            let required = method.params.iter().filter(|param| param.required).count();
            for given in 0..required {
                let (code, message, _) = node.error(method.name, json!(samples[..given])).await;
                assert_eq!(code, -32602, "{} with {given} arguments: {message}", method.name);
                assert!(message.contains(method.params[given].name), "{message}");
                refused += 1;
            }
            let mut too_many = samples.clone();
            too_many.push(json!("0x1"));
            let (code, message, _) = node.error(method.name, json!(too_many)).await;
            assert_eq!(code, -32602, "{}: {message}", method.name);
            assert!(message.contains("too many arguments"), "{message}");
            for (index, param) in method.params.iter().enumerate() {
                for junk in junk().into_iter().filter(|junk| schema::check(param.schema, junk).is_err()) {
                    let mut params = samples.clone();
                    params[index] = junk.clone();
                    let (code, message, _) = node.error(method.name, json!(params)).await;
                    assert_eq!(code, -32602, "{} argument {index} = {junk:.60}: {message}", method.name);
                    assert!(message.contains(param.name) && message.len() < 400, "{message}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 1_000, "{refused}");
        lives(&node).await;
    });
}

#[test]
fn structures_are_checked_field_by_field() {
    let address = Address::ZERO.to_string();
    let hash = B256::ZERO.to_string();
    let calls = [
        (json!({ "from": "0x1" }), "transaction.from"),
        (json!({ "to": 5 }), "transaction.to"),
        (json!({ "gas": "0x01" }), "leading zero"),
        (json!({ "gas": 21_000 }), "transaction.gas"),
        (json!({ "gas": "0x10000000000000000" }), "> 64 bits"),
        (json!({ "value": "1" }), "without 0x prefix"),
        (json!({ "value": format!("0x1{}", "0".repeat(64)) }), "> 256 bits"),
        (json!({ "gasPrice": "0x" }), "transaction.gasPrice"),
        (json!({ "gasPrice": "0x1", "maxFeePerGas": "0x1" }), "both gasPrice and"),
        (json!({ "data": "0x123" }), "odd length"),
        (json!({ "input": "0x12", "data": "0x13" }), "input and data are both given"),
        (json!({ "nonce": -1 }), "transaction.nonce"),
        (json!({ "type": "0x3" }), "transaction type 3"),
        (json!({ "type": "0x7f" }), "transaction type 127"),
        (json!({ "blobVersionedHashes": [hash] }), "blob transactions"),
        (json!({ "accessList": {} }), "transaction.accessList"),
        (json!({ "accessList": [{}] }), "accessList[0].address"),
        (json!({ "accessList": [{ "address": address, "storageKeys": ["0x0"] }] }), "storageKeys[0]"),
        (json!({ "authorizationList": [{ "chainId": "0x1" }] }), "authorizationList[0].address"),
        (
            json!({ "authorizationList": [{ "chainId": "0x1", "address": address, "nonce": "0x0", "yParity": "0x100", "r": "0x1", "s": "0x1" }] }),
            "yParity",
        ),
        (json!({ "accessList": vec![json!({ "address": address }); 10_001] }), "at most 10000"),
        (json!({ "form": address }), "transaction.form): no such field"),
        (json!({ "gasLimit": "0x1" }), "transaction.gasLimit): no such field"),
    ];
    let blocks = [
        (json!({}), "one of blockHash and blockNumber"),
        (json!({ "blockHash": hash, "blockNumber": "0x1" }), "cannot specify both"),
        (json!({ "blockHash": "0x1" }), "block.blockHash"),
        (json!({ "blockHash": hash, "requireCanonical": "yes" }), "block.requireCanonical"),
        (json!("newest"), "neither a block number"),
    ];
    let overrides = [
        (json!({ "0x1": {} }), "odd length"),
        (json!({ "0x1234": {} }), "want 20"),
        (json!({ address.clone(): { "balance": 1 } }), "balance"),
        (json!({ address.clone(): { "stat": {} } }), "stat): no such field"),
        (json!({ address.clone(): { "state": {}, "stateDiff": {} } }), "both state and stateDiff"),
        (json!({ address.clone(): { "stateDiff": { "key": "0x0" } } }), "stateDiff.key"),
    ];
    let filters = [
        (json!({ "blockHash": hash, "fromBlock": "0x1" }), "cannot specify both"),
        (json!({ "fromBlock": hash }), "filter.fromBlock"),
        (json!({ "address": "0x" }), "filter.address"),
        (json!({ "address": vec![address.clone(); 1_001] }), "at most 1000"),
        (json!({ "address": [address, 1] }), "address[1]"),
        (json!({ "topics": hash }), "filter.topics"),
        (json!({ "topics": [null, "0x1"] }), "topics[1]"),
        (json!({ "topics": [[[]]] }), "topics[0][0]"),
        (json!({ "topics": [null, null, null, null, null] }), "at most 4"),
        (json!({ "adress": address }), "filter.adress): no such field"),
    ];
    let many: Vec<B256> = (0..600).map(|number| B256::from(alloy_primitives::U256::from(number))).collect();
    let filters = filters.into_iter().chain([(json!({ "topics": [many, many] }), "at most 1000 together")]);
    let block_overrides = [
        (json!({ "tme": "0x1" }), "blockOverrides.tme): no such field"),
        (json!({ "time": "0x1", "timestamp": "0x1" }), "blockOverrides.timestamp): the same as time"),
        (json!({ "blobBaseFee": "0x1" }), "neither blobs"),
        (json!({ "blockHash": { "0x1": "0x2" } }), "blockHash.0x1"),
    ];
    let trace_options = [
        (json!({ "txIndex": "0x0" }), "tracer.txIndex"),
        (json!({ "stateOverride": {} }), "tracer.stateOverride): no such field"),
        (json!({ "blockOverrides": { "tme": "0x1" } }), "tracer.blockOverrides.tme): no such field"),
        (json!({ "tracerConfig": { "x": "0".repeat(70_000) } }), "at most 65536"),
    ];
    let percentiles = [json!([50, 10]), json!([-1]), json!([101]), json!(["1"]), json!(vec![1; 101])];
    on_a_plain_node(|node| async move {
        let expect = async |method: &str, params: Value, words: &str| {
            let (code, message, _) = node.error(method, params.clone()).await;
            assert_eq!(code, -32602, "{method} {params:.200}: {message}");
            assert!(message.contains(words), "{method} {params:.200}: {message} (expected {words})");
        };
        for (call, words) in calls {
            for method in ["eth_call", "eth_estimateGas", "eth_createAccessList", "debug_traceCall"] {
                expect(method, json!([call]), words).await;
            }
        }
        for (block, words) in blocks {
            expect("eth_getBalance", json!([Address::ZERO, block]), words).await;
            expect("eth_call", json!([{}, block]), words).await;
        }
        for (state, words) in overrides {
            expect("eth_call", json!([{}, "latest", state]), words).await;
        }
        for (block, words) in block_overrides {
            expect("eth_call", json!([{}, "latest", {}, block]), words).await;
        }
        for (options, words) in trace_options {
            expect("debug_traceCall", json!([{}, "latest", options]), words).await;
        }
        for (filter, words) in filters {
            expect("eth_getLogs", json!([filter]), words).await;
            expect("eth_newFilter", json!([filter]), words).await;
        }
        for percentiles in percentiles {
            expect("eth_feeHistory", json!(["0x1", "latest", percentiles]), "rewardPercentiles").await;
        }
        for data in [json!({ "0x0": [] }), json!({}), json!({ Address::ZERO.to_string(): vec!["0x0"; 1_025] })] {
            expect("eth_getStorageValues", json!([data]), "requests").await;
        }
        lives(&node).await;
    });
}

#[test]
fn broken_envelopes_get_json_rpcs_own_errors() {
    let cases = [
        ("", -32700),
        ("x", -32700),
        ("{", -32700),
        ("[", -32700),
        ("{}", -32700),
        ("[]", -32600),
        ("null", -32700),
        ("1", -32700),
        ("\"eth_chainId\"", -32700),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#, -32600),
        (r#"{"id":1,"method":"eth_chainId"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}"#, -32600),
        (r#"{"jsonrpc":"2.0","method":"eth_chainId"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":[],"method":"eth_chainId"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{}}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":5}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":"x"}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[1e999]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":""}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_nothing"}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[{}]}"#, -32601),
    ];
    on_a_plain_node(|node| async move {
        for (body, expected) in cases {
            let (status, answer) = socket::post(node.address(), body).await;
            let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{body}: {status} {answer}"));
            let code = answer["error"]["code"].as_i64();
            assert_eq!(code, Some(expected), "{body}: {answer}");
        }
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"web3_sha3","params":{}{}}}"#,
            "[".repeat(50_000),
            "]".repeat(50_000)
        );
        assert!(socket::post(node.address(), &deep).await.1.contains("error"));
        lives(&node).await;
    });
}

#[test]
fn bytes_that_are_no_http_do_no_harm() {
    let (idle_time_max, request_time_max) = (Duration::from_secs(1), Duration::from_secs(1));
    on_a_node(RpcConfig { idle_time_max, request_time_max, ..plain_config() }, |node| async move {
        let address = node.address();
        for (bytes, expected) in [
            (&b"\0\0\0\0"[..], "400"),
            (b"GET", ""),
            (b"GET / HTTP/1.1\r\n\r\n", "405"),
            (b"POST / HTTP/9.9\r\n\r\n", "400"),
            (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 999999999999\r\n\r\n", "408"),
            (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n{}", "400"),
            (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n", "500"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff", ""),
            (b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 1\r\n\r\n", "400"),
        ] {
            // Those that leave the server waiting for more are closed once their time is over.
            let answer = tokio::time::timeout(Duration::from_secs(15), socket::exchange(address, bytes)).await;
            let answer = answer.unwrap_or_else(|_| panic!("{} is never ended", String::from_utf8_lossy(bytes)));
            let answer = String::from_utf8_lossy(&answer).into_owned();
            let status = answer.split(' ').nth(1).unwrap_or_default();
            assert_eq!(status, expected, "{}: {answer}", String::from_utf8_lossy(bytes));
        }
        for (head, expected) in [
            ("GET / HTTP/1.1", 405),
            ("PUT / HTTP/1.1\r\nContent-Type: application/json", 405),
            ("POST / HTTP/1.1\r\nContent-Type: text/plain", 415),
            ("POST / HTTP/1.1", 415),
        ] {
            let (status, _, body) = socket::request(address, head, b"{}").await;
            assert_eq!(status, expected, "{head}: {body}");
        }
        let (status, _, _) =
            socket::request(address, "POST / HTTP/1.1\r\nContent-Type: application/json", b"\xff\xfe").await;
        assert!(status == 200 || status == 400, "{status}");
        lives(&node).await;
    });
}

/// JSON of any form.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "0x[0-9a-f]{0,70}".prop_map(Value::from),
        prop_oneof![Just("latest"), Just("pending"), Just("0x0"), Just("0x1")].prop_map(Value::from),
    ];
    let key = prop_oneof![
        "\\PC{0,8}",
        "0x[0-9a-f]{40}",
        prop_oneof![
            Just("to"),
            Just("data"),
            Just("gas"),
            Just("blockHash"),
            Just("topics"),
            Just("address"),
            Just("tracer"),
            Just("stateDiff"),
            Just("code"),
            Just("tracerConfig"),
            Just("accessList"),
            Just("authorizationList")
        ]
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[test]
fn random_arguments_and_random_bytes_never_stop_the_server() {
    let config = RpcConfig { call_gas_max: 1_000_000, ..plain_config() };
    on_a_node(config, |node| async move {
        let mut runner = TestRunner::deterministic();
        let params = proptest::collection::vec(any_json(), 0..4);
        for round in 0..20 {
            for method in METHODS.iter().filter(|method| method.handler.is_some()) {
                if method.name == "florin_stateProof" && round > 0 {
                    continue; // It waits for a certificate that blocks made by hand never get.
                }
                let params = params.new_tree(&mut runner).unwrap().current();
                let answer = node.call(method.name, json!(params)).await;
                assert!(answer.get("result").is_some() ^ answer.get("error").is_some(), "{answer}");
                assert_ne!(answer["error"]["code"], -32603, "{} {}: {answer}", method.name, json!(params));
            }
        }
        let valid = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [raw(&developer().pay(0, Address::ZERO, 1))] });
        let valid = valid.to_string().into_bytes();
        let mutations = (0..valid.len(), any::<u8>(), 0..valid.len());
        for _ in 0..300 {
            let (at, byte, length) = mutations.new_tree(&mut runner).unwrap().current();
            let mut body = valid.clone();
            body[at] = byte;
            body.truncate(length.max(at));
            socket::request(node.address(), "POST / HTTP/1.1\r\nContent-Type: application/json", &body).await;
        }
        lives(&node).await;
        node.produce().await;
        assert_eq!(node.ok("eth_blockNumber", json!([])).await, "0x1");
    });
}
