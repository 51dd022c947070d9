//! Records what a real network answers, for the verifier's tests. Against a `florin demo` that runs:
//!
//! `echo URL PRIVATE_KEY PAYEE TOKEN | cargo run --release -p florin-client --example record_golden > answers.json`
//!
//! The key must hold some of the token, and the token's policy must admit the payee. One minor unit is paid; then the verifier asks its questions through a server
//! that writes down every answer.
#![allow(clippy::unwrap_used, clippy::print_stdout, dead_code)]

use alloy_primitives::{Address, U64, U256};
use florin_client::{RpcClient, Signer, Token, Verifier};
use florin_proof::{NetworkKey, StateItem};
use florin_types::Amount;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex};
use test_server::{Reply, serve};

#[path = "../src/test_server.rs"]
mod test_server;

#[tokio::main]
async fn main() {
    let line = std::io::read_to_string(std::io::stdin()).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let [url, key, payee, token] = words[..] else { panic!("on standard input: URL PRIVATE_KEY PAYEE TOKEN") };
    let node = RpcClient::new(url).unwrap();
    let signer = Signer::from_hex(key).unwrap();
    let token = Token::open(node.clone(), token.parse().unwrap()).await.unwrap();
    let sent = token.transfer(&signer, payee.parse().unwrap(), Amount::new(1, token.currency())).await.unwrap();
    token.wait_final(&sent, 30_000).await.unwrap();

    let answers = Arc::new(Mutex::new(Map::new()));
    let recorder = RpcClient::new(&serve(record(node.clone(), answers.clone())).await).unwrap();
    let genesis: Value = node.call("eth_getBlockByNumber", json!(["0x0", false])).await.unwrap();
    let genesis_hash = serde_json::from_value(genesis["hash"].clone()).unwrap();
    let chain_id = node.chain_id().await.unwrap();
    let network_key = node.validators().await.unwrap().network_key;
    let verifier = Verifier::new(NetworkKey::from_bytes(&network_key).unwrap(), chain_id, genesis_hash);

    let unused = Address::repeat_byte(0x99);
    verifier.receipt(&recorder, sent.hash).await.unwrap().unwrap();
    let accounts = [signer.address(), unused].map(StateItem::Account);
    verifier.prove(&recorder, &accounts).await.unwrap();
    let (_, balance) = verifier.token_balance(&recorder, token.address(), signer.address()).await.unwrap();

    let golden = json!({
        "chain_id": U64::from(chain_id),
        "genesis_hash": genesis_hash,
        "network_key": network_key,
        "token": token.address(),
        "holder": signer.address(),
        "unused": unused,
        "balance": U256::from(balance),
        "payment": sent.hash,
        "answers": *answers.lock().unwrap(),
    });
    println!("{}", serde_json::to_string_pretty(&golden).unwrap());
}

/// Passes each call on and writes its answer down under method and parameters.
fn record(
    node: RpcClient,
    answers: Arc<Mutex<Map<String, Value>>>,
) -> impl Fn(String) -> std::pin::Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync {
    move |body| {
        let (node, answers) = (node.clone(), answers.clone());
        Box::pin(async move {
            let request: Value = serde_json::from_str(&body).unwrap();
            let method = request["method"].as_str().unwrap();
            let answer: Value = node.call(method, request["params"].clone()).await.unwrap();
            answers.lock().unwrap().insert(format!("{method} {}", request["params"]), answer.clone());
            Reply::Json(json!({"jsonrpc": "2.0", "id": request["id"], "result": answer}).to_string())
        })
    }
}
