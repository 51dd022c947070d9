use crate::{
    ClientError, Roots, RpcClient, RpcConfig, SignedTx,
    test_server::{Reply, serve},
};
use alloy_primitives::{B256, Bytes};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

fn hasty() -> RpcConfig {
    RpcConfig { timeout_ms: 200, answer_bytes_max: 10_000, retries_max: 2, retry_pause_ms: 1, ..RpcConfig::default() }
}

/// A client of a server that always replies so, and the number of requests that came.
async fn client_of(reply: Reply) -> (RpcClient, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = requests.clone();
    let url = serve(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        let reply = reply.clone();
        async move { reply }
    })
    .await;
    (RpcClient::with_config(&url, hasty()).unwrap(), requests)
}

/// A client of a server that answers every call with `answer(method, params)`.
async fn client_answering(answer: impl Fn(&str, &Value) -> Value + Send + Sync + 'static) -> RpcClient {
    let answer = Arc::new(answer);
    let url = serve(move |body| {
        let answer = answer.clone();
        async move {
            let request: Value = serde_json::from_str(&body).unwrap();
            let one = |call: &Value| {
                json!({"jsonrpc": "2.0", "id": call["id"], "result": answer(call["method"].as_str().unwrap(), &call["params"])})
            };
            let reply = match &request {
                Value::Array(calls) => Value::Array(calls.iter().rev().map(one).collect()),
                call => one(call),
            };
            Reply::Json(reply.to_string())
        }
    })
    .await;
    RpcClient::with_config(&url, hasty()).unwrap()
}

fn payment() -> SignedTx {
    SignedTx { hash: B256::repeat_byte(7), bytes: Bytes::from_static(&[1, 2]) }
}

#[test]
fn bad_addresses_are_refused_with_a_reason() {
    for url in ["", "localhost:8545", "ws://localhost", "http://", "http://a:b@c", "http://a b"] {
        let error = RpcClient::new(url).unwrap_err();
        assert_eq!(error.code(), "url", "{url:?}: {error}");
    }
    assert!(RpcClient::new("http://localhost:8545").is_ok());
    for pem in [&b""[..], b"no certificate", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        let roots = Roots::Pem(pem.to_vec());
        let error = RpcClient::with_roots("https://localhost:8545", RpcConfig::default(), &roots).err().unwrap();
        assert!(error.code() == "url" && error.to_string().contains("root"), "{error}");
        assert!(RpcClient::with_roots("http://localhost:8545", RpcConfig::default(), &roots).is_ok());
    }
}

#[tokio::test]
async fn answers_are_typed() {
    let client = client_answering(|method, params| match method {
        "eth_chainId" => json!("0x1b59"),
        "eth_getBlockByNumber" if params[0] == "0x5" => {
            json!({"number": "0x5", "hash": B256::repeat_byte(5), "transactions": [B256::repeat_byte(6)], "extra": 1})
        }
        _ => Value::Null,
    })
    .await;
    assert_eq!(client.chain_id().await.unwrap(), 7_001);
    let block = client.block(5).await.unwrap().unwrap();
    assert_eq!((block.number, block.transactions), (5, vec![B256::repeat_byte(6)]));
    assert_eq!(client.block(6).await.unwrap(), None, "null is a value");
    assert_eq!(client.receipt(B256::ZERO).await.unwrap(), None);
    assert_eq!(client.block_number().await.unwrap_err().code(), "answer_malformed");
}

#[tokio::test]
async fn hostile_bodies_are_errors() {
    let bodies = [
        "",
        "null",
        "{",
        "[]",
        "\u{0}",
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","result":"0x1"}"#,
        r#"{"jsonrpc":"2.0","id":99,"result":"0x1"}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":"one"}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":"0x10000000000000000"}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":-1}"#,
    ];
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(4_000));
    for body in bodies.into_iter().chain([deep.as_str()]) {
        let (client, _) = client_of(Reply::Json(body.into())).await;
        let error = client.block_number().await.unwrap_err();
        assert_eq!(error.code(), "answer_malformed", "{body:.60}: {error}");
    }
}

#[tokio::test]
async fn an_oversized_answer_is_cut_off() {
    let (client, _) = client_of(Reply::Json(" ".repeat(10_001))).await;
    assert!(matches!(client.block_number().await, Err(ClientError::TooLarge { bytes_max: 10_000, .. })));
    let (client, _) = client_of(Reply::Endless).await;
    assert!(matches!(client.block_number().await, Err(ClientError::TooLarge { .. })));
}

#[tokio::test]
async fn silence_ends_in_a_timeout() {
    let (client, requests) = client_of(Reply::Silence).await;
    let start = Instant::now();
    let error = client.send(&payment()).await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { timeout_ms: 200, .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn only_what_reads_is_tried_again() {
    for (reply, code) in
        [(Reply::Status(503, "busy".into()), "http_status"), (Reply::Raw(b"HTTP/1.1 ".into()), "connect")]
    {
        let (client, requests) = client_of(reply.clone()).await;
        assert_eq!(client.block_number().await.unwrap_err().code(), code);
        assert_eq!(requests.load(Ordering::SeqCst), 3, "two retries");
        let (client, requests) = client_of(reply).await;
        assert_eq!(client.send(&payment()).await.unwrap_err().code(), code);
        assert_eq!(requests.load(Ordering::SeqCst), 1);
        assert_eq!(client.call::<Value>("eth_newFilter", json!([])).await.unwrap_err().code(), code);
        assert_eq!(client.call::<Value>("eth_getFilterChanges", json!([])).await.unwrap_err().code(), code);
        assert_eq!(requests.load(Ordering::SeqCst), 3, "one each");
    }
    // What will not change is not tried again.
    let (client, requests) = client_of(Reply::Status(404, "no such page".into())).await;
    let error = client.block_number().await.unwrap_err();
    assert!(matches!(&error, ClientError::Http { status: 404, body, .. } if body == "no such page"), "{error}");
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_node_that_comes_back_is_found() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = requests.clone();
    let url = serve(move |body| {
        let first = counter.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            let request: Value = serde_json::from_str(&body).unwrap();
            let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": "0x2a"}).to_string();
            if first { Reply::Raw(Vec::new()) } else { Reply::Json(answer) }
        }
    })
    .await;
    assert_eq!(RpcClient::with_config(&url, hasty()).unwrap().block_number().await.unwrap(), 42);
}

#[tokio::test]
async fn nobody_there_is_said_plainly() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = RpcClient::with_config(&url, hasty()).unwrap().block_number().await.unwrap_err();
    assert!(error.to_string().contains("refused") && error.to_string().contains(&url), "{error}");
}

#[tokio::test]
async fn a_refusal_keeps_code_words_and_revert_data() {
    let body = r#"{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"execution reverted: EnforcedPause()","data":"0xd93c0665"}}"#;
    for reply in [Reply::Json(body.into()), Reply::Status(400, body.into())] {
        let (client, _) = client_of(reply).await;
        let error = client.block_number().await.unwrap_err();
        let ClientError::Refused { code: 3, message, data: Some(data), .. } = error else { panic!("{error}") };
        assert_eq!((message.as_str(), data.len()), ("execution reverted: EnforcedPause()", 4));
    }
    // Errors of a request that the server could not even read have no id.
    let body = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#;
    let (client, _) = client_of(Reply::Json(body.into())).await;
    assert!(matches!(client.block_number().await, Err(ClientError::Refused { code: -32_700, .. })));
}

#[tokio::test]
async fn a_batch_is_split_and_its_answers_find_their_calls() {
    let client = client_answering(|_, params| params[0].clone()).await;
    let calls: Vec<(&str, Value)> = (0..120).map(|number| ("eth_call", json!([number]))).collect();
    let results = client.batch(&calls).await.unwrap();
    let numbers: Vec<u64> = results.into_iter().map(|result| result.unwrap().as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..120).collect::<Vec<_>>());
    assert!(client.batch(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_batch_with_holes_names_them() {
    let (client, _) =
        client_of(Reply::Json(r#"[{"jsonrpc":"2.0","id":2,"result":"0x1"},{"id":77,"result":1}]"#.into())).await;
    let results = client.batch(&[("a", json!([])), ("b", json!([]))]).await.unwrap();
    assert_eq!(results[0].as_ref().unwrap_err().code(), "answer_malformed");
    assert_eq!(results[1].as_ref().unwrap(), &json!("0x1"));
    let (client, _) =
        client_of(Reply::Json(r#"{"id":null,"error":{"code":-32600,"message":"batch too large"}}"#.into())).await;
    assert!(matches!(client.batch(&[("a", json!([]))]).await, Err(ClientError::Refused { code: -32_600, .. })));
}

#[tokio::test]
async fn a_node_that_acknowledges_another_transaction_is_noticed() {
    let client = client_answering(|_, _| json!(B256::repeat_byte(8))).await;
    assert_eq!(client.send(&payment()).await.unwrap_err().code(), "answer_malformed");
}

#[tokio::test]
async fn waiting_for_finality_ends() {
    let client = client_answering(|_, _| Value::Null).await;
    let error = client.wait_final(B256::ZERO, 60).await.unwrap_err();
    assert!(matches!(error, ClientError::NotFinal { waited_ms, .. } if waited_ms >= 60), "{error}");
    let receipt = |status: &str| {
        json!({
            "transactionHash": B256::ZERO, "transactionIndex": "0x0", "blockHash": B256::ZERO, "blockNumber": "0x1",
            "from": alloy_primitives::Address::ZERO, "to": null, "cumulativeGasUsed": "0x1", "gasUsed": "0x1",
            "contractAddress": null, "logs": [], "logsBloom": alloy_primitives::Bloom::ZERO, "type": "0x2",
            "status": status, "effectiveGasPrice": "0x0",
        })
    };
    let good = receipt("0x1");
    let client = client_answering(move |_, _| good.clone()).await;
    assert_eq!(client.wait_final(B256::ZERO, 0).await.unwrap().block_number, Some(1));
    let bad = receipt("0x0");
    let client = client_answering(move |_, _| bad.clone()).await;
    assert!(matches!(client.wait_final(B256::ZERO, 0).await, Err(ClientError::Reverted { .. })));
}
