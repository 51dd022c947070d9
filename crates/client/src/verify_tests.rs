//! Answers of a real network of four validators, kept in `golden/answers.json`, true and then tampered with.
//!
//! `examples/record_golden.rs` renews the file after a change of what consensus sees.

use crate::{
    ClientError, RpcClient, Verifier, VerifyError,
    test_server::{Reply, serve},
};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use florin_proof::{NetworkKey, StateItem, StateValue};
use florin_types::wire::{WireFinality, WireStateProof};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Clone, Deserialize)]
struct Golden {
    chain_id: U64,
    genesis_hash: B256,
    network_key: Bytes,
    /// A token, one of its holders, and an address that was never used.
    token: Address,
    holder: Address,
    unused: Address,
    balance: U256,
    /// A payment between the holder and others.
    payment: B256,
    /// Answers by method and parameters.
    answers: serde_json::Map<String, Value>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/answers.json")).unwrap()
}

impl Golden {
    fn verifier(&self) -> Verifier {
        let key = NetworkKey::from_bytes(&self.network_key).unwrap();
        Verifier::new(key, self.chain_id.to(), self.genesis_hash).with_age_ms_max(u64::MAX)
    }

    fn finality(&self) -> WireFinality {
        serde_json::from_value(answer(&self.answers, "florin_finalityCertificate", "").clone()).unwrap()
    }

    fn accounts(&self) -> (Vec<StateItem>, WireStateProof) {
        let items = [self.holder, self.unused];
        let asked = json!([items.map(|address| json!({"address": address}))]);
        let answer = answer(&self.answers, "florin_stateProof", &asked.to_string());
        (items.map(StateItem::Account).to_vec(), serde_json::from_value(answer.clone()).unwrap())
    }

    /// A client of a server that gives the golden answers after `tamper` has seen to them.
    async fn client(&self, tamper: impl Fn(&str, &mut Value) + Send + Sync + 'static) -> RpcClient {
        let answers = self.answers.clone();
        let url = serve(move |body| {
            let request: Value = serde_json::from_str(&body).unwrap();
            let method = request["method"].as_str().unwrap().to_owned();
            let mut answer = answer(&answers, &method, &request["params"].to_string()).clone();
            tamper(&method, &mut answer);
            let reply = json!({"jsonrpc": "2.0", "id": request["id"], "result": answer});
            async move { Reply::Json(reply.to_string()) }
        })
        .await;
        RpcClient::new(&url).unwrap()
    }
}

/// The answer to a call, or else any answer to that method.
fn answer<'a>(answers: &'a serde_json::Map<String, Value>, method: &str, params: &str) -> &'a Value {
    let any = || answers.iter().find(|(call, _)| call.starts_with(method)).map(|(_, answer)| answer);
    answers.get(&format!("{method} {params}")).or_else(any).unwrap_or(&Value::Null)
}

fn flipped(bytes: &Bytes, position: usize) -> Bytes {
    let mut changed = bytes.to_vec();
    changed[position] ^= 0x01;
    changed.into()
}

#[test]
fn a_true_finality_answer_verifies_and_no_changed_byte_does() {
    let golden = golden();
    let (verifier, answer) = (golden.verifier(), golden.finality());
    let header = verifier.check_finality(answer.height, &answer).unwrap();
    assert_eq!(header.height(), answer.height);
    let refused = |changed: WireFinality, what: &str| {
        assert!(verifier.check_finality(answer.height, &changed).is_err(), "{what}");
    };
    for position in 0..answer.certificate.len() {
        let certificate = flipped(&answer.certificate, position);
        refused(WireFinality { certificate, ..answer.clone() }, &format!("certificate byte {position}"));
    }
    for index in 0..answer.headers.len() {
        for position in 0..answer.headers[index].header.len() {
            let mut changed = answer.clone();
            changed.headers[index].header = flipped(&answer.headers[index].header, position);
            refused(changed, &format!("header {index} byte {position}"));
        }
        for position in 0..answer.headers[index].extension.len() {
            let mut changed = answer.clone();
            changed.headers[index].extension = flipped(&answer.headers[index].extension, position);
            refused(changed, &format!("extension {index} byte {position}"));
        }
    }
    let mut longer = answer.clone();
    longer.headers[0].header = [&answer.headers[0].header[..], &[0]].concat().into();
    refused(longer, "a byte after the header");
    refused(WireFinality { headers: vec![], ..answer.clone() }, "no headers");
}

#[test]
fn an_answer_about_another_block_or_network_is_refused() {
    let golden = golden();
    let answer = golden.finality();
    let error = golden.verifier().check_finality(answer.height + 1, &answer).unwrap_err();
    assert_eq!(error.code(), "verify.other_question");
    let relabelled = WireFinality { height: answer.height + 1, ..answer.clone() };
    let error = golden.verifier().check_finality(answer.height + 1, &relabelled).unwrap_err();
    assert_eq!(error.code(), "verify.other_question", "the header decides, not the label");
    let key = NetworkKey::from_bytes(&golden.network_key).unwrap();
    for verifier in [
        Verifier::new(key, golden.chain_id.to::<u64>() + 1, golden.genesis_hash),
        Verifier::new(key, golden.chain_id.to(), B256::ZERO),
    ] {
        assert_eq!(verifier.check_finality(answer.height, &answer).unwrap_err().code(), "finality.signature");
    }
}

#[test]
fn presence_and_absence_are_proven_and_no_changed_byte_is_believed() {
    let golden = golden();
    let (items, answer) = golden.accounts();
    let verifier = golden.verifier();
    let proven = verifier.check_state(&items, &answer, 0).unwrap();
    let StateValue::Account(Some(account)) = &proven.values[0].1 else { panic!("{proven:?}") };
    assert!(account.nonce > 0, "the holder has paid: {account:?}");
    assert_eq!(proven.values[1].1, StateValue::Account(None));
    for position in 0..answer.proof.len() {
        let changed = WireStateProof { proof: flipped(&answer.proof, position), ..answer.clone() };
        assert!(verifier.check_state(&items, &changed, 0).is_err(), "byte {position} of the proof");
    }
    let swapped: Vec<StateItem> = items.iter().rev().copied().collect();
    assert_eq!(verifier.check_state(&swapped, &answer, 0).unwrap_err().code(), "verify.other_question");
    assert_eq!(verifier.check_state(&items[..1], &answer, 0).unwrap_err().code(), "verify.other_question");
}

#[test]
fn old_answers_are_refused() {
    let golden = golden();
    let (items, answer) = golden.accounts();
    let made_ms = golden.verifier().check_state(&items, &answer, 0).unwrap().header.extension().timestamp_ms;
    let verifier = golden.verifier().with_age_ms_max(1_000);
    assert!(verifier.check_state(&items, &answer, made_ms + 1_000).is_ok());
    let error = verifier.check_state(&items, &answer, made_ms + 1_001).unwrap_err();
    assert!(matches!(error, VerifyError::Stale { age_ms: 1_001, age_ms_max: 1_000, .. }), "{error}");
    verifier.note_final(answer.finality.height + 1);
    let error = verifier.check_state(&items, &answer, made_ms).unwrap_err();
    assert_eq!(error, VerifyError::Behind { height: answer.finality.height, seen: answer.finality.height + 1 });
}

#[tokio::test]
async fn a_balance_is_computed_here_from_proven_state() {
    let golden = golden();
    let client = golden.client(|_, _| {}).await;
    let (header, balance) = golden.verifier().token_balance(&client, golden.token, golden.holder).await.unwrap();
    assert_eq!(U256::from(balance), golden.balance);
    assert!(header.height() > 0);
    let lying = golden
        .client(|method, answer| {
            if method == "florin_stateProof" {
                let proof: Bytes = serde_json::from_value(answer["proof"].clone()).unwrap();
                answer["proof"] = json!(flipped(&proof, proof.len() / 2));
            }
        })
        .await;
    let error = golden.verifier().token_balance(&lying, golden.token, golden.holder).await.unwrap_err();
    assert!(matches!(error, ClientError::Unverified(VerifyError::Proof(_))), "{error}");
}

#[tokio::test]
async fn a_receipt_is_proven_with_its_block() {
    let golden = golden();
    let verifier = golden.verifier();
    let client = golden.client(|_, _| {}).await;
    let proven = verifier.receipt(&client, golden.payment).await.unwrap().unwrap();
    assert!(proven.receipt.status());
    assert_eq!(*proven.tx.tx_hash(), golden.payment);

    type Lie = (&'static str, fn(&mut Value));
    let lies: [Lie; 4] = [
        ("eth_getBlockReceipts", |answer| answer[0]["status"] = json!("0x0")),
        ("eth_getBlockReceipts", |answer| answer[0]["logs"] = json!([])),
        ("eth_getBlockByNumber", |answer| answer["transactions"][0]["nonce"] = json!("0xffff")),
        ("eth_getBlockByNumber", |answer| answer["transactions"] = json!([])),
    ];
    for (lied_about, lie) in lies {
        let client = golden
            .client(move |method, answer| {
                if method == lied_about {
                    lie(answer)
                }
            })
            .await;
        let error = verifier.receipt(&client, golden.payment).await.unwrap_err();
        assert_eq!(error.code(), "verify.body", "{error}");
    }
    let client = golden.client(|_, _| {}).await;
    let error = verifier.receipt(&client, B256::repeat_byte(1)).await.unwrap_err();
    assert_eq!(error.code(), "verify.other_question", "a receipt of another transaction: {error}");
}

#[tokio::test]
async fn a_block_is_proven_with_its_transactions() {
    let golden = golden();
    let verifier = golden.verifier();
    let height = golden.finality().height;
    let client = golden.client(|_, _| {}).await;
    let proven = verifier.block(&client, height).await.unwrap().unwrap();
    assert!(proven.transactions.contains(&golden.payment), "{proven:?}");

    // A hash in the JSON is nobody's proof: it is computed from what the root covers.
    let renamed = golden
        .client(|method, answer| {
            if method == "eth_getBlockByNumber" {
                answer["transactions"][0]["hash"] = json!(B256::repeat_byte(1));
            }
        })
        .await;
    assert_eq!(verifier.block(&renamed, height).await.unwrap().unwrap(), proven);
    let emptied = golden
        .client(|method, answer| {
            if method == "eth_getBlockByNumber" {
                answer["transactions"] = json!([]);
            }
        })
        .await;
    assert_eq!(verifier.block(&emptied, height).await.unwrap_err().code(), "verify.body");
    let error = verifier.block(&client, height + 1).await.unwrap_err();
    assert_eq!(error.code(), "verify.other_question", "an answer about another height: {error}");
}
