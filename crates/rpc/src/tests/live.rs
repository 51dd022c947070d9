//! Filters and subscriptions.

use super::{
    harness::{TOKEN, bank, developer, on_a_node, on_a_plain_node, plain_config, raw},
    schema,
    socket::WebSocket,
};
use crate::RpcConfig;
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use serde_json::{Value, json};
use std::time::Duration;

fn token_payment(nonce: u64) -> alloy_consensus::TxEnvelope {
    let mut input = hex!("a9059cbb").to_vec();
    input.extend_from_slice(Address::repeat_byte(3).into_word().as_slice());
    input.extend_from_slice(&U256::from(1).to_be_bytes::<32>());
    bank().call(nonce, TxKind::Call(TOKEN), 0, Bytes::from(input))
}

#[test]
fn filters_give_everything_once() {
    on_a_plain_node(|node| async move {
        let logs = node.ok("eth_newFilter", json!([{ "address": TOKEN }])).await;
        let other = node.ok("eth_newFilter", json!([{ "address": Address::ZERO }])).await;
        let later = node.ok("eth_newFilter", json!([{ "fromBlock": "0x2" }])).await;
        let blocks = node.ok("eth_newBlockFilter", json!([])).await;
        let pending = node.ok("eth_newPendingTransactionFilter", json!([])).await;
        let changes = async |filter: &Value| node.ok("eth_getFilterChanges", json!([filter])).await;
        for filter in [&logs, &blocks, &pending] {
            assert_eq!(changes(filter).await, json!([]));
        }
        let first = node.include(&token_payment(0)).await;
        assert_eq!(changes(&pending).await, json!([first]));
        let block = node.ok("eth_getBlockByNumber", json!(["latest"])).await;
        assert_eq!(changes(&blocks).await, json!([block["hash"]]));
        let found = changes(&logs).await;
        assert_eq!(found[0]["transactionHash"], json!(first));
        for filter in [&logs, &other, &blocks, &pending, &later] {
            assert_eq!(changes(filter).await, json!([]));
        }
        node.produce().await;
        let third = node.include(&token_payment(1)).await;
        assert_eq!(changes(&blocks).await.as_array().unwrap().len(), 2);
        for filter in [&logs, &later] {
            let found = changes(filter).await;
            assert_eq!((found.as_array().unwrap().len(), &found[0]["transactionHash"]), (1, &json!(third)));
        }
        let all = node.ok("eth_newFilter", json!([{ "fromBlock": "0x0" }])).await;
        assert_eq!(node.ok("eth_getFilterLogs", json!([all])).await.as_array().unwrap().len(), 2);
        let (code, ..) = node.error("eth_getFilterLogs", json!([blocks])).await;
        assert_eq!(code, -32602);
        assert_eq!(node.ok("eth_uninstallFilter", json!([logs])).await, true);
        assert_eq!(node.ok("eth_uninstallFilter", json!([logs])).await, false);
        let (code, message, data) = node.error("eth_getFilterChanges", json!([logs])).await;
        assert_eq!((code, &data["code"]), (-32000, &json!("filter_not_found")));
        assert!(message.starts_with("filter not found"), "{message}");
    });
}

#[test]
fn a_poll_never_gets_stuck_behind_too_many_logs() {
    on_a_node(RpcConfig { logs_max: 2, ..plain_config() }, |node| async move {
        let filter = node.ok("eth_newFilter", json!([{}])).await;
        for nonce in 0..5 {
            node.include(&token_payment(nonce)).await;
        }
        let mut found = 0;
        for _ in 0..5 {
            found += node.ok("eth_getFilterChanges", json!([filter])).await.as_array().unwrap().len();
        }
        assert_eq!(found, 5);
    });
}

#[test]
fn filters_are_bounded_and_expire() {
    let config = RpcConfig { filters_max: 2, filter_idle_max: Duration::from_millis(300), ..plain_config() };
    on_a_node(config, |node| async move {
        let first = node.ok("eth_newBlockFilter", json!([])).await;
        let second = node.ok("eth_newBlockFilter", json!([])).await;
        node.ok("eth_getFilterChanges", json!([first])).await;
        // The third takes the place of the one that was not asked for longest.
        let third = node.ok("eth_newBlockFilter", json!([])).await;
        node.ok("eth_getFilterChanges", json!([first])).await;
        let (_, _, data) = node.error("eth_getFilterChanges", json!([second])).await;
        assert_eq!(data["code"], "filter_not_found");
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            node.ok("eth_getFilterChanges", json!([first])).await;
        }
        // The third was not asked for in time.
        node.ok("eth_newBlockFilter", json!([])).await;
        node.error("eth_getFilterChanges", json!([third])).await;
        node.ok("eth_getFilterChanges", json!([first])).await;
    });
}

#[test]
fn subscribers_are_told_everything_in_order() {
    on_a_plain_node(|node| async move {
        let mut socket = WebSocket::connect(node.address()).await;
        assert_eq!(socket.call("eth_chainId", json!([])).await["result"], "0x14a34");
        let mut ids = Vec::new();
        for params in [
            json!(["newHeads"]),
            json!(["logs", { "address": TOKEN }]),
            json!(["logs"]),
            json!(["newPendingTransactions"]),
            json!(["newPendingTransactions", true]),
            json!(["syncing"]),
        ] {
            let answer = socket.call("eth_subscribe", params).await;
            schema::check("SubscriptionId", &answer["result"]).unwrap();
            ids.push(answer["result"].clone());
        }
        assert_eq!(socket.notification(&ids[5]).await, false);
        for nonce in 0..3 {
            let tx = token_payment(nonce);
            node.ok("eth_sendRawTransaction", json!([raw(&tx)])).await;
            assert_eq!(socket.notification(&ids[3]).await, json!(tx.tx_hash()));
            let full = socket.notification(&ids[4]).await;
            schema::check("Transaction", &full).unwrap();
            assert_eq!(full["hash"], json!(tx.tx_hash()));
            let block = node.produce().await;
            let head = socket.notification(&ids[0]).await;
            schema::check("Header", &head).unwrap();
            assert_eq!(head["hash"], json!(block.block.hash()));
            for id in [&ids[1], &ids[2]] {
                let log = socket.notification(id).await;
                schema::check("Log", &log).unwrap();
                assert_eq!((&log["transactionHash"], &log["blockHash"]), (&json!(tx.tx_hash()), &head["hash"]));
            }
        }
        for id in &ids {
            assert_eq!(socket.call("eth_unsubscribe", json!([id])).await["result"], true);
            assert_eq!(socket.call("eth_unsubscribe", json!([id])).await["result"], false);
        }
        node.produce().await;
        // Nothing comes any more but the answer.
        assert_eq!(socket.call("eth_blockNumber", json!([])).await["result"], "0x4");
    });
}

#[test]
fn subscriptions_have_a_bound_over_all_connections() {
    on_a_node(RpcConfig { subscriptions_max: 2, ..plain_config() }, |node| async move {
        let mut sockets = [WebSocket::connect(node.address()).await, WebSocket::connect(node.address()).await];
        for socket in &mut sockets {
            assert!(socket.call("eth_subscribe", json!(["newHeads"])).await["result"].is_string());
        }
        let refused = sockets[0].call("eth_subscribe", json!(["newHeads"])).await;
        assert_eq!(refused["error"]["data"]["code"], "too_many_subscriptions", "{refused}");
        let [mut first, second] = sockets;
        drop(second);
        for _ in 0..1_000 {
            if first.call("eth_subscribe", json!(["newHeads"])).await["result"].is_string() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("a closed connection gives its places back");
    });
}

#[test]
fn wrong_subscriptions_are_refused_and_their_number_is_bounded() {
    on_a_node(RpcConfig { subscriptions_per_connection_max: 2, ..plain_config() }, |node| async move {
        let mut socket = WebSocket::connect(node.address()).await;
        for (params, words) in [
            (json!([]), "missing value for required argument 0 (kind)"),
            (json!(["everything"]), "no \"everything\" subscription"),
            (json!([5]), "kind"),
            (json!(["logs", { "address": 5 }]), "options.address"),
            (json!(["newPendingTransactions", "yes"]), "options"),
        ] {
            let answer = socket.call("eth_subscribe", params).await;
            assert_eq!(answer["error"]["code"], -32602, "{answer}");
            assert!(answer["error"]["message"].as_str().unwrap().contains(words), "{answer}");
        }
        let of_no_block = json!(["logs", { "blockHash": alloy_primitives::B256::ZERO }]);
        assert_eq!(socket.call("eth_subscribe", of_no_block).await["error"]["data"]["code"], "unknown_block");
        for _ in 0..2 {
            assert!(socket.call("eth_subscribe", json!(["newHeads"])).await["result"].is_string());
        }
        assert!(socket.call("eth_subscribe", json!(["newHeads"])).await["error"]["code"].is_i64());
        for garbage in ["", "{", "[]", "\u{1f4a5}", "[1,2]"] {
            socket.send(garbage).await;
            assert!(socket.receive().await.to_string().contains("error"), "{garbage}");
        }
        socket
            .send(r#"[{"jsonrpc":"2.0","id":1,"method":"eth_chainId"},{"jsonrpc":"2.0","id":2,"method":"no"}]"#)
            .await;
        let batch = socket.receive().await;
        assert_eq!((&batch[0]["result"], &batch[1]["error"]["code"]), (&json!("0x14a34"), &json!(-32601)));
        let metrics = node.server.metrics();
        assert!(metrics.contains("florin_rpc_subscriptions 2"), "{metrics}");
        drop(socket);
        while !node.server.metrics().contains("florin_rpc_subscriptions 0") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        node.include(&developer().pay(0, Address::ZERO, 1)).await;
    });
}
