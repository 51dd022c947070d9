//! What each method answers.

use super::harness::{
    Account, CHAIN_ID, GENESIS_MS, TOKEN, bank, deploying, developer, on_a_node, on_a_plain_node, plain_config, raw,
};
use crate::RpcConfig;
use alloy_consensus::{TxEip2930, TxEip7702, TxLegacy};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use serde_json::{Value, json};

/// Adds one to slot 0, logs it with topic 0x2a and returns it.
const COUNTER: &[u8] = &hex!("6001600054016000556000546000526020600020602a60206000a160206000f3");
/// Reverts with its calldata.
const REVERTER: &[u8] = &hex!("366000600037366000fd");
/// Never ends.
const LOOP: &[u8] = &hex!("5b600056");

fn word(number: u64) -> String {
    B256::from(U256::from(number)).to_string()
}

/// `transfer(address,uint256)`.
fn transfer(to: Address, amount: u64) -> Bytes {
    let mut input = hex!("a9059cbb").to_vec();
    input.extend_from_slice(to.into_word().as_slice());
    input.extend_from_slice(&U256::from(amount).to_be_bytes::<32>());
    input.into()
}

#[test]
fn the_node_says_who_it_is() {
    on_a_plain_node(|node| async move {
        assert_eq!(node.ok("eth_chainId", json!([])).await, format!("{CHAIN_ID:#x}"));
        assert_eq!(node.ok("net_version", json!([])).await, CHAIN_ID.to_string());
        assert_eq!(node.ok("net_listening", json!([])).await, true);
        assert_eq!(node.ok("net_peerCount", json!([])).await, "0x3");
        assert!(node.ok("web3_clientVersion", json!([])).await.as_str().unwrap().starts_with("Florin/v"));
        assert_eq!(node.ok("web3_sha3", json!(["0x68656c6c6f"])).await, keccak256("hello").to_string());
        assert_eq!(node.ok("eth_accounts", json!([])).await, json!([]));
        assert_eq!(node.ok("eth_coinbase", json!([])).await, Address::ZERO.to_string());
        assert_eq!(node.ok("eth_syncing", json!([])).await, false);
        {
            let mut status = node.status.lock();
            (status.syncing, status.known_height) = (true, 90);
        }
        assert_eq!(node.ok("eth_syncing", json!([])).await["highestBlock"], "0x5a");
        assert_eq!(node.ok("rpc_modules", json!([])).await["eth"], "1.0");
        assert_eq!(node.ok("rpc.discover", json!([])).await, crate::openrpc());
        node.ok("eth_capabilities", json!([])).await;
        let status = node.ok("florin_nodeStatus", json!([])).await;
        assert_eq!(
            (&status["role"], &status["view"], &status["peersKnown"]),
            (&json!("validator"), &json!("0x3"), &json!("0x4"))
        );
    });
}

#[test]
fn a_payment_is_seen_by_every_question_about_it() {
    on_a_plain_node(|node| async move {
        let to = Address::repeat_byte(0xaa);
        let tx = developer().pay(0, to, 5);
        let (hash, developer) = (*tx.tx_hash(), developer().address());
        assert_eq!(node.ok("eth_getTransactionByHash", json!([hash])).await, Value::Null);
        assert_eq!(node.ok("eth_sendRawTransaction", json!([raw(&tx)])).await, json!(hash));

        let waiting = node.ok("eth_getTransactionByHash", json!([hash])).await;
        assert_eq!((&waiting["blockHash"], &waiting["gasPrice"]), (&Value::Null, &json!("0x7")));
        assert_eq!(node.ok("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
        assert_eq!(node.ok("eth_getTransactionCount", json!([developer, "pending"])).await, "0x1");
        assert_eq!(node.ok("eth_getTransactionCount", json!([developer, "latest"])).await, "0x0");
        assert_eq!(node.ok("txpool_status", json!([])).await, json!({ "pending": "0x1", "queued": "0x0" }));
        let content = node.ok("txpool_content", json!([])).await;
        assert_eq!(content["pending"][developer.to_string()]["0"]["hash"], json!(hash));
        assert_eq!(node.ok("txpool_contentFrom", json!([developer])).await["pending"]["0"]["hash"], json!(hash));
        assert!(node.ok("txpool_inspect", json!([])).await["pending"][developer.to_string()]["0"].is_string());

        let block = node.produce().await.block.clone();
        assert_eq!(node.ok("eth_blockNumber", json!([])).await, "0x1");
        let mined = node.ok("eth_getTransactionByHash", json!([hash])).await;
        assert_eq!(mined["blockHash"], json!(block.hash()));
        assert_eq!(mined["blockTimestamp"], format!("{:#x}", block.header().timestamp));
        assert_eq!(
            (&mined["gasPrice"], &mined["maxFeePerGas"], &mined["yParity"]),
            (&json!("0x0"), &json!("0x7"), &mined["v"])
        );
        let receipt = node.ok("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(
            (&receipt["status"], &receipt["gasUsed"], &receipt["type"]),
            (&json!("0x1"), &json!("0x5208"), &json!("0x2"))
        );
        assert_eq!(node.ok("eth_getBlockReceipts", json!(["0x1"])).await, json!([receipt]));
        for (method, params) in [
            ("eth_getTransactionByBlockNumberAndIndex", json!(["latest", "0x0"])),
            ("eth_getTransactionByBlockHashAndIndex", json!([block.hash(), "0x0"])),
        ] {
            assert_eq!(node.ok(method, params).await, mined);
        }
        for (method, params) in [
            ("eth_getRawTransactionByHash", json!([hash])),
            ("debug_getRawTransaction", json!([hash])),
            ("eth_getRawTransactionByBlockNumberAndIndex", json!(["0x1", "0x0"])),
            ("eth_getRawTransactionByBlockHashAndIndex", json!([block.hash(), "0x0"])),
        ] {
            assert_eq!(node.ok(method, params).await, raw(&tx), "{method}");
        }
        assert_eq!(node.ok("eth_getBalance", json!([to, "latest"])).await, "0x5");
        assert_eq!(node.ok("eth_getBalance", json!([to, "earliest"])).await, "0x0");
        assert_eq!(node.ok("eth_getTransactionCount", json!([developer])).await, "0x1");
        assert_eq!(node.ok("txpool_status", json!([])).await["pending"], "0x0");
    });
}

#[test]
fn blocks_hash_to_what_they_say() {
    on_a_plain_node(|node| async move {
        node.include(&developer().pay(0, Address::ZERO, 1)).await;
        let block = node.ok("eth_getBlockByNumber", json!(["latest", true])).await;
        assert_eq!(
            (&block["number"], &block["withdrawals"], &block["uncles"]),
            (&json!("0x1"), &json!([]), &json!([]))
        );
        assert!(block.get("totalDifficulty").is_none());
        let hash = &block["hash"];
        let header: Bytes = serde_json::from_value(node.ok("debug_getRawHeader", json!(["0x1"])).await).unwrap();
        assert_eq!(hash, &json!(keccak256(&header)));
        // The fields themselves give the hash: what every light client computes.
        let fields: alloy_consensus::Header = serde_json::from_value(block.clone()).unwrap();
        assert_eq!(hash, &json!(fields.hash_slow()));
        let raw_block: Bytes = serde_json::from_value(node.ok("debug_getRawBlock", json!([hash])).await).unwrap();
        assert_eq!(block["size"], format!("{:#x}", raw_block.len()));
        let receipts: Vec<Bytes> =
            serde_json::from_value(node.ok("debug_getRawReceipts", json!(["0x1"])).await).unwrap();
        assert_eq!(receipts.len(), 1);
        let hashes = node.ok("eth_getBlockByHash", json!([hash, false])).await;
        assert_eq!(hashes["transactions"], json!([block["transactions"][0]["hash"]]));
        for tag in ["safe", "finalized", "latest", "pending", "0x1"] {
            assert_eq!(&node.ok("eth_getBlockByNumber", json!([tag, false])).await["hash"], hash, "{tag}");
        }
        assert_eq!(node.ok("eth_getBlockByNumber", json!(["earliest"])).await["number"], "0x0");
        assert_eq!(node.ok("eth_getBlockByNumber", json!(["0x2", true])).await, Value::Null);
        assert_eq!(node.ok("eth_getBlockByHash", json!([B256::ZERO, true])).await, Value::Null);
        for method in ["eth_getBlockTransactionCountByNumber", "eth_getUncleCountByBlockNumber"] {
            let expected = if method.contains("Uncle") { "0x0" } else { "0x1" };
            assert_eq!(node.ok(method, json!(["0x1"])).await, expected);
            assert_eq!(node.ok(method, json!(["0x9"])).await, Value::Null);
        }
        for method in ["eth_getBlockTransactionCountByHash", "eth_getUncleCountByBlockHash"] {
            let expected = if method.contains("Uncle") { "0x0" } else { "0x1" };
            assert_eq!(node.ok(method, json!([hash])).await, expected);
        }
        assert_eq!(node.ok("eth_getUncleByBlockNumberAndIndex", json!(["0x1", "0x0"])).await, Value::Null);
        assert_eq!(node.ok("eth_getUncleByBlockHashAndIndex", json!([hash, "0x0"])).await, Value::Null);
        assert_eq!(node.ok("eth_getBlockReceipts", json!([{ "blockHash": hash }])).await.as_array().unwrap().len(), 1);
        assert_eq!(node.ok("eth_getBlockReceipts", json!(["0x77"])).await, Value::Null);
    });
}

#[test]
fn every_type_of_transaction_has_its_shape() {
    on_a_plain_node(|node| async move {
        let (from, to) = (developer(), Address::repeat_byte(9));
        let legacy = TxLegacy {
            chain_id: Some(CHAIN_ID),
            nonce: 0,
            gas_limit: 50_000,
            to: TxKind::Call(to),
            gas_price: 3,
            ..TxLegacy::default()
        };
        let unprotected = TxLegacy { chain_id: None, nonce: 1, ..legacy.clone() };
        let listed = TxEip2930 {
            chain_id: CHAIN_ID,
            nonce: 2,
            gas_limit: 50_000,
            to: TxKind::Call(to),
            gas_price: 3,
            ..TxEip2930::default()
        };
        let authorization =
            alloy_eips::eip7702::Authorization { chain_id: U256::from(CHAIN_ID), address: to, nonce: 0 };
        let authorization = authorization.into_signed(alloy_primitives::Signature::new(U256::ONE, U256::ONE, false));
        let delegating = TxEip7702 {
            chain_id: CHAIN_ID,
            nonce: 3,
            gas_limit: 90_000,
            to,
            max_fee_per_gas: 1,
            authorization_list: vec![authorization],
            ..TxEip7702::default()
        };
        let txs = [from.sign(legacy), from.sign(unprotected), from.sign(listed), from.sign(delegating)];
        for tx in &txs {
            node.ok("eth_sendRawTransaction", json!([raw(tx)])).await;
        }
        node.produce().await;
        let shapes = node.ok("eth_getBlockByNumber", json!(["latest", true])).await["transactions"].clone();
        let shapes = shapes.as_array().unwrap();
        assert_eq!(
            shapes.iter().map(|tx| tx["type"].as_str().unwrap()).collect::<Vec<_>>(),
            ["0x0", "0x0", "0x1", "0x4"]
        );
        let v = |tx: &Value| u64::from_str_radix(tx["v"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
        assert!([0, 1].contains(&(v(&shapes[0]) - 2 * CHAIN_ID - 35)), "EIP-155");
        assert!([27, 28].contains(&v(&shapes[1])) && shapes[1].get("chainId").is_none());
        assert!(shapes[0].get("yParity").is_none() && shapes[0].get("maxFeePerGas").is_none());
        assert_eq!(shapes[2]["accessList"], json!([]));
        assert_eq!(shapes[3]["authorizationList"][0]["address"], json!(to));
        // What a client decodes from the answer is what was signed.
        for (shape, tx) in shapes.iter().zip(&txs) {
            let decoded: alloy_rpc_types_eth::Transaction = serde_json::from_value(shape.clone()).unwrap();
            assert_eq!(decoded.inner.inner(), tx);
        }
    });
}

#[test]
fn calls_run_on_the_state_that_was_asked_for() {
    on_a_plain_node(|node| async move {
        let counter = node.deploy(&developer(), 0, COUNTER).await;
        node.include(&developer().call(1, TxKind::Call(counter), 0, Bytes::new())).await;
        let call = json!({ "to": counter });
        assert_eq!(node.ok("eth_call", json!([call])).await, word(2));
        assert_eq!(node.ok("eth_call", json!([call, "0x1"])).await, word(1));
        assert_eq!(node.ok("eth_call", json!([call, "0x0"])).await, "0x");
        assert_eq!(node.ok("eth_call", json!([call, "pending"])).await, word(2));
        assert_eq!(node.ok("eth_getStorageAt", json!([counter, "0x0", "latest"])).await, word(1));
        assert_eq!(node.ok("eth_getStorageAt", json!([counter, "0x0", "0x1"])).await, word(0));
        assert_eq!(
            node.ok("eth_getStorageValues", json!([{ counter.to_string(): ["0x0", "0x1"] }])).await,
            json!({ format!("{counter:?}"): [word(1), word(0)] })
        );
        assert_eq!(node.ok("eth_getCode", json!([counter])).await, Bytes::from_static(COUNTER).to_string());
        assert_eq!(node.ok("eth_getCode", json!([counter, "earliest"])).await, "0x");
        let pretended = json!({ counter.to_string(): { "stateDiff": { word(0): word(41) } } });
        assert_eq!(node.ok("eth_call", json!([call, "latest", pretended])).await, word(42));
        let timestamp = json!({ counter.to_string(): { "code": "0x4260005260206000f3" } });
        let at = node.ok("eth_call", json!([call, "latest", timestamp, { "time": "0x99" }])).await;
        assert_eq!(at, word(0x99));
        let gas = node.ok("eth_estimateGas", json!([{ "from": developer().address(), "to": counter }])).await;
        let gas = u64::from_str_radix(gas.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
        assert!((26_000..60_000).contains(&gas), "{gas}");
        let list = node.ok("eth_createAccessList", json!([{ "from": developer().address(), "to": counter }])).await;
        assert_eq!(list["accessList"][0]["storageKeys"], json!([word(0)]));
    });
}

/// A contract that writes only when time has passed, as price accumulators do: the transaction lands in a later block
/// than the one that the client looked at.
#[test]
fn an_estimate_is_made_for_the_block_to_come() {
    on_a_plain_node(|node| async move {
        // Stops if slot 0 holds the time of the block, and else writes slot 1.
        let code = hex!("426000541461000e5760016001555b00");
        let at_head = node.ok("eth_getBlockByNumber", json!(["latest"])).await["timestamp"].clone();
        let at_head = U256::from_str_radix(at_head.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
        let contract = Address::repeat_byte(7).to_string();
        let state = json!({ contract.clone(): { "code": Bytes::copy_from_slice(&code), "stateDiff": { word(0): B256::from(at_head) } } });
        let request = json!({ "from": developer().address(), "to": contract });
        let gas = async |block: &str| {
            let gas = node.ok("eth_estimateGas", json!([request, block, state])).await;
            u64::from_str_radix(gas.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
        };
        let (latest, pending, numbered) = (gas("latest").await, gas("pending").await, gas("0x0").await);
        assert!(latest == pending && latest > numbered + 15_000, "{latest} {pending} {numbered}");
    });
}

#[test]
fn calls_that_fail_say_why() {
    on_a_plain_node(|node| async move {
        let code = |runtime: &[u8]| json!({ Address::repeat_byte(7).to_string(): { "code": Bytes::copy_from_slice(runtime) } });
        let call = |input: &str| json!({ "to": Address::repeat_byte(7), "input": input });
        let message = "0x08c379a0000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000056672696564000000000000000000000000000000000000000000000000000000".replace("6672696564", "6e6f706521");
        for method in ["eth_call", "eth_estimateGas"] {
            let error = node.error(method, json!([call(&message), "latest", code(REVERTER)])).await;
            assert_eq!(error, (3, "execution reverted: nope!".into(), json!(message)), "{method}");
            let error = node.error(method, json!([call("0x1234"), "latest", code(REVERTER)])).await;
            assert_eq!(error, (3, "execution reverted".into(), json!("0x1234")), "{method}");
        }
        let panic = format!("0x4e487b71{}", &word(0x11)[2..]);
        let (code_number, text, data) = node.error("eth_call", json!([call(&panic), "latest", code(REVERTER)])).await;
        assert_eq!((code_number, data), (3, json!(panic)));
        assert!(text.contains("overflow"), "{text}");
        let (number, text, _) = node.error("eth_call", json!([call("0x"), "latest", code(LOOP)])).await;
        assert_eq!(number, -32000);
        assert!(text.contains("out of gas"), "{text}");
        let (number, text, data) = node
            .error("eth_call", json!([{ "from": Address::repeat_byte(1), "to": Address::ZERO, "value": "0x1" }]))
            .await;
        assert_eq!((number, &data["code"]), (-32000, &json!("insufficient_funds")));
        assert!(text.starts_with("insufficient funds for gas * price + value"), "{text}");
        let (number, text, data) = node.error("eth_call", json!([call("0x"), "0x99"])).await;
        assert_eq!((number, &data["code"]), (-32000, &json!("unknown_block")));
        assert!(text.contains("header not found"), "{text}");
    });
}

#[test]
fn blocks_are_simulated_one_on_top_of_the_other() {
    on_a_plain_node(|node| async move {
        let counter = node.deploy(&developer(), 0, COUNTER).await;
        let head = node.ok("eth_getBlockByNumber", json!(["latest"])).await;
        let call = json!({ "from": developer().address(), "to": counter });
        let rich = json!({ Address::repeat_byte(7).to_string(): { "balance": "0x10" } });
        let pay = json!({ "from": Address::repeat_byte(7), "to": Address::repeat_byte(8), "value": "0x3" });
        let payload = json!({
            "blockStateCalls": [
                { "calls": [call, call], "stateOverrides": rich },
                { "calls": [pay, call], "blockOverrides": { "number": "0x4", "time": "0xffffffff", "prevRandao": "0x1" } },
            ],
            "traceTransfers": true,
        });
        let blocks = node.ok("eth_simulateV1", json!([payload, "latest"])).await;
        assert_eq!(blocks.as_array().unwrap().len(), 3, "the number that is left out is an empty block");
        assert_eq!((&blocks[0]["number"], &blocks[0]["parentHash"]), (&json!("0x2"), &head["hash"]));
        assert_eq!((&blocks[1]["parentHash"], &blocks[2]["parentHash"]), (&blocks[0]["hash"], &blocks[1]["hash"]));
        assert_eq!(blocks[2]["timestamp"], "0xffffffff");
        for (block, call, value) in [(0, 0, 1), (0, 1, 2), (2, 1, 3)] {
            let call = &blocks[block]["calls"][call];
            assert_eq!((&call["status"], &call["returnData"]), (&json!("0x1"), &json!(word(value))));
            assert_eq!(
                (&call["logs"][0]["blockHash"], &call["logs"][0]["address"]),
                (&blocks[block]["hash"], &json!(counter))
            );
        }
        let transfer = &blocks[2]["calls"][0]["logs"][0];
        assert_eq!((&transfer["address"], &transfer["data"]), (&json!(Address::repeat_byte(0xee)), &json!(word(3))));
        let fields: alloy_consensus::Header = serde_json::from_value(blocks[2].clone()).unwrap();
        assert_eq!(blocks[2]["hash"], json!(fields.hash_slow()));
        let full = json!({ "blockStateCalls": [{ "calls": [call] }], "returnFullTransactions": true });
        let full = node.ok("eth_simulateV1", json!([full])).await;
        assert_eq!(full[0]["transactions"][0]["from"], json!(developer().address()));
        // Nothing of it is kept.
        assert_eq!(node.ok("eth_call", json!([{ "to": counter }])).await, word(1));
        assert_eq!(node.ok("eth_blockNumber", json!([])).await, "0x1");
    });
}

#[test]
fn what_cannot_be_simulated_has_the_numbers_of_the_specification() {
    on_a_node(RpcConfig { call_gas_max: 5_000_000, ..plain_config() }, |node| async move {
        let (from, to) = (developer().address(), Address::repeat_byte(8));
        let poor = Address::repeat_byte(7);
        let of = |calls: Value| json!([{ "calls": calls }]);
        for (blocks, number) in [
            (json!([{ "blockOverrides": { "number": "0x0" } }]), -38020),
            (json!([{ "blockOverrides": { "time": "0x1" } }]), -38021),
            (json!([{ "blockOverrides": { "number": "0xffff" } }]), -38026),
            (json!([{ "blockOverrides": { "number": format!("0x1{}", "0".repeat(40)) } }]), -38026),
            (json!([{ "blockOverrides": { "gasLimit": "0x5208" }, "calls": [{ "to": to, "gas": "0x5209" }] }]), -38015),
            (of(json!([{ "from": from, "to": to, "nonce": "0x1" }])), -38011),
            (of(json!([{ "from": from, "to": to }, { "from": from, "to": to, "nonce": "0x0" }])), -38010),
            (of(json!([{ "to": to, "gas": "0x1" }])), -38013),
            (of(json!([{ "from": poor, "to": to, "value": "0x1" }])), -38014),
            (
                json!([{ "blockOverrides": { "baseFeePerGas": "0x7" }, "calls": [{ "from": from, "to": to, "gasPrice": "0x6" }] }]),
                -38012,
            ),
            (json!([]), -32602),
            (json!([{ "call": [] }]), -32602),
            (json!([{ "calls": vec![json!({}); 1_001] }]), -32602),
            (json!([{ "calls": [{ "data": "0x1", "input": "0x" }] }]), -32602),
        ] {
            let payload = json!({ "blockStateCalls": blocks, "validation": true });
            let (code, message, _) = node.error("eth_simulateV1", json!([payload])).await;
            assert_eq!(code, number, "{blocks:.200}: {message}");
        }
        // Without validation any nonce goes, and failures are results.
        let code = |code: &str| json!({ to.to_string(): { "code": code } });
        let payload = json!({ "blockStateCalls": [{
            "stateOverrides": code("0x366000600037366000fd"),
            "calls": [{ "from": from, "to": to, "nonce": "0x63", "data": "0x1234" }],
        }, { "stateOverrides": code("0xfe"), "calls": [{ "to": to, "gas": "0xf4240" }] }] });
        let blocks = node.ok("eth_simulateV1", json!([payload])).await;
        let failed = &blocks[0]["calls"][0];
        assert_eq!(
            (&failed["status"], &failed["returnData"], &failed["error"]["code"]),
            (&json!("0x0"), &json!("0x1234"), &json!(3))
        );
        assert_eq!(blocks[1]["calls"][0]["error"]["code"], -32015);
        // The gas of one simulation is for all calls together.
        let payload = json!({ "blockStateCalls": [{ "stateOverrides": code("0x5b600056"), "calls": [{ "to": to }, { "to": to }] }] });
        let (number, ..) = node.error("eth_simulateV1", json!([payload])).await;
        assert_eq!(number, -38013);
    });
}

#[test]
fn submissions_are_refused_in_ethereums_words_with_a_permanent_code() {
    on_a_plain_node(|node| async move {
        let (from, to) = (developer(), Address::ZERO);
        node.include(&from.pay(0, to, 1)).await;
        let waiting = from.pay(1, to, 1);
        node.ok("eth_sendRawTransaction", json!([raw(&waiting)])).await;
        let other_chain = {
            let tx = alloy_consensus::TxEip1559 { chain_id: 1, gas_limit: 21_000, ..Default::default() };
            from.sign(tx)
        };
        let large = format!("0x{}", "f8".repeat(131_073));
        for (encoded, words, code) in [
            (raw(&waiting), "already known", "already_known"),
            (raw(&from.pay(0, to, 2)), "nonce too low", "nonce_too_low"),
            (raw(&from.pay(1, to, 9)), "replacement transaction underpriced", "replacement_underpriced"),
            (raw(&Account::new(9).pay(0, to, 1)), "insufficient funds for gas * price + value", "insufficient_funds"),
            (raw(&other_chain), "", "wrong_chain"),
            ("0x03c0".into(), "blob transactions", "blobs_unsupported"),
            ("0xdeadbeef".into(), "not a signed Ethereum transaction", "transaction_malformed"),
            ("0x".into(), "not a signed Ethereum transaction", "transaction_malformed"),
            (large, "a transaction has at most", "transaction_too_large"),
        ] {
            let (number, message, data) = node.error("eth_sendRawTransaction", json!([encoded])).await;
            assert_eq!((number, &data["code"]), (-32000, &json!(code)), "{message}");
            assert!(message.starts_with(words) && message.len() > words.len() + 10, "{message}");
        }
    });
}

#[test]
fn a_submission_can_wait_for_its_receipt() {
    on_a_plain_node(|node| async move {
        let tx = developer().pay(0, Address::ZERO, 1);
        let (number, _, data) = node.error("eth_sendRawTransactionSync", json!([raw(&tx), 50])).await;
        assert_eq!((number, data), (4, json!(tx.tx_hash())));
        node.produce().await;
        let tx = developer().pay(1, Address::ZERO, 1);
        let (receipt, ()) =
            futures::future::join(node.ok("eth_sendRawTransactionSync", json!([raw(&tx), "0x1388"])), async {
                while node.pool.status().0 == 0 {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
                node.produce().await;
            })
            .await;
        assert_eq!((&receipt["transactionHash"], &receipt["status"]), (&json!(tx.tx_hash()), &json!("0x1")));
    });
}

#[test]
fn token_payments_are_found_by_their_logs() {
    on_a_plain_node(|node| async move {
        let payees: Vec<Address> = (0x10..0x13).map(Address::repeat_byte).collect();
        for (nonce, payee) in (0..).zip(&payees) {
            node.include(&bank().call(nonce, TxKind::Call(TOKEN), 0, transfer(*payee, 100 + nonce))).await;
        }
        let event = keccak256("Transfer(address,address,uint256)");
        let all = json!({ "fromBlock": "earliest", "address": TOKEN, "topics": [event] });
        let logs = node.ok("eth_getLogs", json!([all])).await;
        assert_eq!(logs.as_array().unwrap().len(), 3);
        assert_eq!(logs[1]["topics"][2], json!(payees[1].into_word()));
        assert_eq!(logs[1]["data"], word(101));
        let receipt = node.ok("eth_getTransactionReceipt", json!([logs[1]["transactionHash"]])).await;
        assert_eq!(receipt["logs"], json!([logs[1]]));
        let to_last = json!({ "fromBlock": "0x0", "toBlock": "latest", "topics": [null, null, [payees[2].into_word(), B256::ZERO]] });
        assert_eq!(node.ok("eth_getLogs", json!([to_last])).await, json!([logs[2]]));
        let of_block = json!({ "blockHash": logs[0]["blockHash"] });
        assert_eq!(node.ok("eth_getLogs", json!([of_block])).await, json!([logs[0]]));
        assert_eq!(node.ok("eth_getLogs", json!([{ "fromBlock": "0x2", "toBlock": "0x2" }])).await, json!([logs[1]]));
        assert_eq!(node.ok("eth_getLogs", json!([{ "address": payees[0], "fromBlock": "0x0" }])).await, json!([]));
        // The same from the index, once it has them all and from memory before.
        node.index.reached(3).await;
        assert_eq!(node.ok("eth_getLogs", json!([all])).await, logs);
        let balance = format!("0x70a08231{}", hex::encode(payees[2].into_word()));
        assert_eq!(node.ok("eth_call", json!([{ "to": TOKEN, "data": balance }])).await, word(102));
    });
}

#[test]
fn ranges_and_results_are_bounded_and_the_error_says_what_to_do() {
    let config = RpcConfig { log_blocks_max: 3, logs_max: 2, ..plain_config() };
    on_a_node(config, |node| async move {
        for nonce in 0..4 {
            node.include(&bank().call(nonce, TxKind::Call(TOKEN), 0, transfer(Address::ZERO.with_last(1), 1))).await;
        }
        let (number, message, data) = node.error("eth_getLogs", json!([{ "fromBlock": "0x0" }])).await;
        assert_eq!((number, &data["code"]), (-32005, &json!("log_range_too_wide")));
        assert!(message.contains("at most 3"), "{message}");
        let (number, message, data) = node.error("eth_getLogs", json!([{ "fromBlock": "0x2" }])).await;
        assert_eq!((number, &data["code"]), (-32005, &json!("too_many_logs")));
        assert!(message.contains("blocks up to 3"), "{message}");
        let (number, message, _) = node.error("eth_getLogs", json!([{ "fromBlock": "0x3", "toBlock": "0x2" }])).await;
        assert_eq!(number, -32602);
        assert!(message.contains("invalid block range"), "{message}");
        let (number, message, _) = node.error("eth_getLogs", json!([{ "fromBlock": "0x63", "toBlock": "0x64" }])).await;
        assert_eq!(number, -32602);
        assert!(message.contains("beyond current head"), "{message}");
        assert_eq!(
            node.ok("eth_getLogs", json!([{ "fromBlock": "0x3", "toBlock": "0x64" }])).await.as_array().unwrap().len(),
            2
        );
    });
}

trait WithLast {
    fn with_last(self, byte: u8) -> Self;
}

impl WithLast for Address {
    fn with_last(mut self, byte: u8) -> Self {
        self.0[19] = byte;
        self
    }
}

#[test]
fn state_beyond_the_window_is_an_error_that_names_the_oldest_height() {
    on_a_plain_node(|node| async move {
        for _ in 0..12 {
            node.produce().await;
        }
        let address = developer().address();
        node.ok("eth_getBalance", json!([address, "0x8"])).await;
        let (number, message, data) = node.error("eth_getBalance", json!([address, "0x1"])).await;
        assert_eq!((number, &data["code"]), (-32000, &json!("ledger.pruned")));
        assert!(message.contains("the oldest is 4"), "{message}");
        let (number, _, data) = node.error("eth_call", json!([{}, "0x1"])).await;
        assert_eq!((number, &data["code"]), (-32000, &json!("ledger.pruned")));
        node.ok("eth_getBlockByNumber", json!(["0x1", true])).await;
    });
}

#[test]
fn fees_are_the_rules() {
    on_a_plain_node(|node| async move {
        let tx = alloy_consensus::TxEip1559 {
            chain_id: CHAIN_ID,
            gas_limit: 21_000,
            max_fee_per_gas: 9,
            max_priority_fee_per_gas: 4,
            to: TxKind::Call(Address::ZERO),
            ..Default::default()
        };
        node.include(&developer().sign(tx)).await;
        for method in ["eth_gasPrice", "eth_maxPriorityFeePerGas", "eth_baseFee"] {
            assert_eq!(node.ok(method, json!([])).await, "0x0", "{method}");
        }
        assert_eq!(node.ok("eth_blobBaseFee", json!([])).await, "0x1");
        let history = node.ok("eth_feeHistory", json!(["0x5", "latest", [0, 50, 100]])).await;
        assert_eq!(history["oldestBlock"], "0x0");
        assert_eq!(history["baseFeePerGas"], json!(["0x0", "0x0", "0x0"]));
        assert_eq!(history["reward"], json!([["0x0", "0x0", "0x0"], ["0x4", "0x4", "0x4"]]));
        assert!(history["gasUsedRatio"][1].as_f64().unwrap() > 0.0);
        assert!(node.ok("eth_feeHistory", json!([1, "latest"])).await.get("reward").is_none());
        assert_eq!(node.ok("eth_feeHistory", json!(["0x0", "latest", []])).await["baseFeePerGas"], json!([]));
    });
}

#[test]
fn traces_tell_what_a_transaction_did() {
    on_a_plain_node(|node| async move {
        let counter = node.deploy(&developer(), 0, COUNTER).await;
        let hash = node.include(&developer().call(1, TxKind::Call(counter), 0, Bytes::new())).await;
        let calls = node.ok("debug_traceTransaction", json!([hash, { "tracer": "callTracer" }])).await;
        assert_eq!(
            (&calls["type"], &calls["to"], &calls["output"]),
            (&json!("CALL"), &json!(counter), &json!(word(1)))
        );
        let steps = node.ok("debug_traceTransaction", json!([hash])).await;
        assert!(steps["structLogs"].as_array().unwrap().len() > 10);
        let before = node.ok("debug_traceTransaction", json!([hash, { "tracer": "prestateTracer" }])).await;
        assert!(before[format!("{counter:?}")].is_object(), "{before}");
        let block = node.ok("debug_traceBlockByNumber", json!(["0x2", { "tracer": "callTracer" }])).await;
        assert_eq!(block, json!([{ "txHash": hash, "result": calls }]));
        let block_hash = node.ok("eth_getBlockByNumber", json!(["0x2"])).await["hash"].clone();
        assert_eq!(node.ok("debug_traceBlockByHash", json!([block_hash, { "tracer": "callTracer" }])).await, block);
        let call = node.ok("debug_traceCall", json!([{ "to": counter }, "latest", { "tracer": "callTracer" }])).await;
        assert_eq!(call["output"], word(2));
        let (number, ..) = node.error("debug_traceTransaction", json!([B256::ZERO])).await;
        assert_eq!(number, -32000);
        let (number, message, _) = node.error("debug_traceBlockByNumber", json!(["0x0"])).await;
        assert_eq!(number, -32000);
        assert!(message.contains("genesis is not traceable"), "{message}");
        let (number, ..) = node.error("debug_traceTransaction", json!([hash, { "tracer": "{ javascript }" }])).await;
        assert_eq!(number, -32602);
    });
}

#[test]
fn proofs_are_of_the_latest_block_and_verify() {
    on_a_plain_node(|node| async move {
        let counter = node.deploy(&developer(), 0, COUNTER).await;
        node.include(&developer().call(1, TxKind::Call(counter), 0, Bytes::new())).await;
        let head = node.ok("eth_getBlockByNumber", json!(["latest"])).await;
        let answer = node.ok("eth_getProof", json!([counter, ["0x0", "0x01"], "latest"])).await;
        assert_eq!((&answer["nonce"], &answer["codeHash"]), (&json!("0x1"), &json!(keccak256(COUNTER))));
        assert_eq!(answer["storageProof"][0], json!({ "key": "0x0", "value": "0x1", "proof": [] }));
        let proof: Bytes = serde_json::from_value(answer["accountProof"][0].clone()).unwrap();
        let proof = florin_proof::StateProof::from_bytes(&proof).unwrap();
        let root: B256 = serde_json::from_value(head["stateRoot"].clone()).unwrap();
        let proven = proof.verify(root).unwrap();
        assert_eq!(proven[1].1, florin_proof::StateValue::Slot(U256::ONE));
        assert_eq!(proven[2].1, florin_proof::StateValue::Slot(U256::ZERO), "absence is proven too");
        assert!(proof.verify(B256::ZERO).is_err());
        let older = node.ok("eth_getProof", json!([counter, ["0x0"], "0x1"])).await;
        assert_eq!((&older["accountProof"], &older["storageProof"][0]["value"]), (&json!([]), &json!("0x0")));
        let (number, ..) = node.error("eth_getProof", json!([counter, vec!["0x0"; 64]])).await;
        assert_eq!(number, -32602);
    });
}

#[test]
fn the_florin_namespace_answers() {
    on_a_plain_node(|node| async move {
        node.produce().await;
        let extension = node.ok("florin_blockExtension", json!(["0x1"])).await;
        let header = node.ok("eth_getBlockByNumber", json!(["0x1"])).await;
        let encoded: Bytes = serde_json::from_value(extension["encoded"].clone()).unwrap();
        assert_eq!(header["extraData"], json!(keccak256(&encoded)));
        assert_eq!(extension["timestampMs"], format!("{:#x}", GENESIS_MS + 1_500));
        assert_eq!(node.ok("florin_blockExtension", json!(["0x9"])).await, Value::Null);
        let blocks = node.ok("florin_blocks", json!(["0x0", "0xffff"])).await;
        assert_eq!(blocks.as_array().unwrap().len(), 2, "genesis and one block, whatever was asked for");
        let whole: Bytes = serde_json::from_value(blocks[1]["block"].clone()).unwrap();
        let whole = florin_types::Block::decode(&whole).unwrap();
        assert_eq!(json!(whole.hash()), header["hash"]);
        assert_eq!(whole.extension().encode().as_slice(), encoded.as_ref());
        assert_eq!(blocks[1]["certificate"], Value::Null);
        assert_eq!(node.ok("florin_blocks", json!(["0x0", "0x1"])).await, json!([blocks[0]]));
        assert_eq!(node.ok("florin_blocks", json!(["0x2", "0x1"])).await, json!([]));
        // The state after a block, part by part, as whoever takes it checks it.
        let mut copy = florin_state::StateCopy::of(&whole.extension().state).unwrap();
        while let Some(start) = copy.next() {
            let part = node.ok("florin_stateOperations", json!(["0x1", format!("{start:#x}")])).await;
            copy.take(serde_json::from_value::<Bytes>(part).unwrap().0).unwrap();
        }
        for (wrong, code) in
            [(["0x9", "0x0"], "ledger.future"), (["0x1", "0xffffffffffffffff"], "ledger.operations_range")]
        {
            let (number, _, data) = node.error("florin_stateOperations", json!(wrong)).await;
            assert_eq!((number, data["code"].as_str()), (-32000, Some(code)));
        }
        let committee = node.ok("florin_validators", json!([])).await;
        assert_eq!(committee["networkKey"].as_str().unwrap().len(), 2 + 2 * 96);
        assert_eq!(committee["validators"], json!([{ "name": "Bank A", "nodeKey": B256::repeat_byte(5) }]));
        // Blocks made by hand have no certificate, and nobody pretends that they have.
        assert_eq!(node.ok("florin_finalityCertificate", json!(["0x1"])).await, Value::Null);
        assert_eq!(node.ok("florin_finalityCertificate", json!(["0x99"])).await, Value::Null);
        for wrong in
            [json!([[]]), json!([[{ "slot": "0x0" }]]), json!([[{ "address": Address::ZERO, "slots": "0x0" }]])]
        {
            let (number, ..) = node.error("florin_stateProof", wrong).await;
            assert_eq!(number, -32602);
        }
    });
}

#[test]
fn contracts_see_the_chain_as_ethereum_shows_it() {
    on_a_plain_node(|node| async move {
        // Deployment through init code that stops half way leaves a failed receipt, not an error.
        let tx = developer().call(0, TxKind::Create, 0, vec![0xfe]);
        let hash = node.include(&tx).await;
        let receipt = node.ok("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!((&receipt["status"], &receipt["to"]), (&json!("0x0"), &Value::Null));
        assert_eq!(receipt["gasUsed"], format!("{:#x}", 2_000_000));
        let estimate =
            node.ok("eth_estimateGas", json!([{ "from": developer().address(), "data": deploying(COUNTER) }])).await;
        assert!(estimate.as_str().unwrap().len() > 5);
    });
}
