//! Against a server that takes payments and makes them final after a time that the test knows.

use crate::{BenchConfig, BenchError, Latency, MeasuredNode, Progress, Workload, derive_signers, run};
use alloy_primitives::{Address, B256, U64, keccak256};
use florin_client::Signer;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use test_server::{Reply, serve};
use tokio::time::{Duration, Instant};
use zeroize::Zeroizing;

// The client's tests let it misbehave; here it only answers.
#[allow(dead_code)]
#[path = "../../client/src/test_server.rs"]
mod test_server;

/// What settles does so within this time, on however busy a machine.
const PATIENCE_MS: u64 = 60_000;
/// How long to wait for what never settles.
const LOST_AFTER_MS: u64 = 3_000;

/// How the ledger behind the server behaves.
#[derive(Clone, Copy)]
struct Behaviour {
    /// How long each payment takes to become final, in milliseconds.
    finality_ms: u64,
    /// No block is made from the first to the second time after the start, in milliseconds.
    stall_ms: Option<(u64, u64)>,
    /// Every so many payments one is refused.
    refuse_every: Option<usize>,
    /// Every so many payments one is taken and never included.
    lose_every: Option<usize>,
    /// Every so many included payments one has reverted.
    revert_every: Option<usize>,
}

const GOOD: Behaviour =
    Behaviour { finality_ms: 100, stall_ms: None, refuse_every: None, lose_every: None, revert_every: None };

struct Ledger {
    behaviour: Behaviour,
    start: Option<Instant>,
    taken: usize,
    waiting: Vec<(Instant, B256)>,
    blocks: Vec<Vec<B256>>,
}

impl Ledger {
    fn take(&mut self, bytes: &str) -> Result<B256, &'static str> {
        self.start.get_or_insert_with(Instant::now);
        self.taken += 1;
        let is_nth = |every: Option<usize>| every.is_some_and(|every| self.taken.is_multiple_of(every));
        if is_nth(self.behaviour.refuse_every) {
            return Err("txpool is full: 7 of 7");
        }
        let hash = keccak256(alloy_primitives::hex::decode(bytes).unwrap());
        if !is_nth(self.behaviour.lose_every) {
            self.waiting.push((Instant::now(), hash));
        }
        Ok(hash)
    }

    fn block(&mut self, height: usize) -> Value {
        self.make_block();
        let Some(txs) = self.blocks.get(height - 1) else { return Value::Null };
        json!({"number": U64::from(height), "hash": B256::ZERO, "transactions": txs})
    }

    fn make_block(&mut self) {
        let now = Instant::now();
        let since_start = self.start.map_or(0, |start| (now - start).as_millis() as u64);
        if self.behaviour.stall_ms.is_some_and(|(from, to)| (from..to).contains(&since_start)) {
            return;
        }
        let finality = Duration::from_millis(self.behaviour.finality_ms);
        let ready = |at: &Instant| now - *at >= finality;
        let block: Vec<B256> = self.waiting.iter().filter(|(at, _)| ready(at)).map(|(_, hash)| *hash).collect();
        self.waiting.retain(|(at, _)| !ready(at));
        if !block.is_empty() {
            self.blocks.push(block);
        }
    }

    fn receipts(&self, height: usize) -> Value {
        let before: usize = self.blocks[..height - 1].iter().map(Vec::len).sum();
        let receipts = self.blocks[height - 1].iter().enumerate().map(|(index, hash)| {
            let reverted = self.behaviour.revert_every.is_some_and(|every| (before + index + 1).is_multiple_of(every));
            json!({"transactionHash": hash, "status": if reverted { "0x0" } else { "0x1" }})
        });
        receipts.collect()
    }

    fn answer(&mut self, call: &Value) -> Value {
        let params = &call["params"];
        let height = || params[0].as_str().map(|text| usize::from_str_radix(&text[2..], 16).unwrap()).unwrap();
        let result = match call["method"].as_str().unwrap() {
            "eth_chainId" => json!("0x7"),
            "eth_gasPrice" | "eth_getTransactionCount" => json!("0x0"),
            "eth_estimateGas" => json!("0xc350"),
            "eth_blockNumber" => json!(U64::from(self.blocks.len())),
            "eth_getBlockByNumber" => self.block(height()),
            "eth_getBlockReceipts" => self.receipts(height()),
            "eth_sendRawTransaction" => match self.take(params[0].as_str().unwrap()) {
                Ok(hash) => json!(hash),
                Err(message) => {
                    return json!({"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32003, "message": message}});
                }
            },
            other => panic!("{other} is not called"),
        };
        json!({"jsonrpc": "2.0", "id": call["id"], "result": result})
    }
}

async fn node(behaviour: Behaviour) -> String {
    let ledger = Ledger { behaviour, start: None, taken: 0, waiting: Vec::new(), blocks: Vec::new() };
    let ledger = Arc::new(Mutex::new(ledger));
    serve(move |body| {
        let ledger = ledger.clone();
        async move {
            let request: Value = serde_json::from_str(&body).unwrap();
            let mut ledger = ledger.lock().unwrap();
            Reply::Json(match &request {
                Value::Array(calls) => Value::Array(calls.iter().map(|call| ledger.answer(call)).collect()).to_string(),
                call => ledger.answer(call).to_string(),
            })
        }
    })
    .await
}

async fn load(behaviour: Behaviour, rate_per_second: u64, duration_ms: u64) -> BenchConfig {
    let urls = vec![node(behaviour).await];
    let senders = derive_signers(b"test", 8).unwrap();
    let config = BenchConfig::new(urls, senders, Address::repeat_byte(9), rate_per_second, duration_ms);
    let this = MeasuredNode { process_id: std::process::id(), ..MeasuredNode::default() };
    BenchConfig { settle_ms_max: PATIENCE_MS, nodes: vec![this], ..config }
}

#[test]
fn percentiles_are_values_that_occurred() {
    let mut thousand: Vec<(u64, u64)> = (1..=1_000).rev().map(|ms| (ms * 1_000, 1)).collect();
    let latency = Latency::of(&mut thousand);
    assert_eq!((latency.p50, latency.p90, latency.p99), (500.0, 900.0, 990.0));
    assert_eq!((latency.p999, latency.max, latency.mean), (999.0, 1_000.0, 500.5));
    let one = Latency::of(&mut [(7_000, 1)]);
    assert_eq!((one.p50, one.p999, one.max), (7.0, 7.0, 7.0));
    assert_eq!(Latency::of(&mut []), Latency::default());
}

#[test]
fn a_transaction_counts_with_its_payments() {
    // A batch of 990 payments took 1 ms, ten single ones took 2 ms.
    let mut latencies: Vec<(u64, u64)> = [(1_000, 990)].into_iter().chain((0..10).map(|_| (2_000, 1))).collect();
    let latency = Latency::of(&mut latencies);
    assert_eq!((latency.p50, latency.p99, latency.p999, latency.mean), (1.0, 1.0, 2.0, 1.01));
}

#[test]
fn senders_follow_from_a_secret_and_from_nothing_that_is_public() {
    let funder = Signer::random();
    let addresses =
        |secret: &[u8]| -> Vec<Address> { derive_signers(secret, 3).unwrap().iter().map(Signer::address).collect() };
    let senders = addresses(funder.secret().unwrap().as_slice());
    assert_eq!(addresses(funder.secret().unwrap().as_slice()), senders, "an interrupted load is found again");
    assert_ne!(senders[0], senders[1]);
    let public = funder.address().to_string();
    assert!(addresses(public.as_bytes()).iter().all(|address| !senders.contains(address)));
    for (index, sender) in senders.iter().enumerate() {
        let guessed = keccak256(format!("florin bench {public} {index}")).0;
        assert_ne!(Signer::from_bytes(Zeroizing::new(guessed)).unwrap().address(), *sender);
    }
}

#[tokio::test]
async fn senseless_loads_are_refused() {
    let good = load(GOOD, 100, 100).await;
    let senseless = [
        BenchConfig { rpc_urls: vec![], ..good.clone() },
        BenchConfig { senders: vec![], ..good.clone() },
        BenchConfig { rate_per_second: 0, ..good.clone() },
        BenchConfig { duration_ms: 0, ..good.clone() },
        BenchConfig { rate_per_second: u64::MAX, ..good.clone() },
        BenchConfig { request_max: 0, ..good.clone() },
        BenchConfig { batch_items: 0, ..good.clone() },
        BenchConfig { batch_items: 3_001, ..good.clone() },
        BenchConfig { accounts: 10_000_001, ..good.clone() },
        BenchConfig { workload: Workload::Clearing, senders: good.senders[..1].to_vec(), ..good },
    ];
    for config in senseless {
        let error = run(config, |_| {}).await.unwrap_err();
        assert!(matches!(error, BenchError::Config { .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_latency_is_measured() {
    let stages = Mutex::new(Vec::new());
    let config = load(GOOD, 400, 1_500).await;
    let report = run(config, |stage| stages.lock().unwrap().push(stage)).await.unwrap();
    assert_eq!((report.payments, report.settled, report.unsettled, report.reverted), (600, 600, 0, 0));
    assert_eq!((report.accepted, report.rejected_total()), (600, 0));
    // No payment is final sooner than the server makes it; how much later is a matter of the machine.
    assert!(report.latency_ms.p50 >= 100.0, "{}", report.table());
    assert!(report.latency_ms.p50 <= report.latency_ms.p99 && report.latency_ms.p99 <= report.latency_ms.max);
    assert_eq!(report.timeline.iter().map(|second| second.settled).sum::<u64>(), 600);
    assert_eq!(
        (report.nodes.len(), report.cpu_s_per_1000.is_some()),
        (1, std::path::Path::new("/proc/self/stat").exists())
    );
    let stages = stages.into_inner().unwrap();
    assert!(matches!(stages[0], Progress::Signing { payments: 600 }), "{stages:?}");
    assert!(stages.iter().any(|stage| matches!(stage, Progress::Running(_))), "{stages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_warms_up_is_paid_and_not_measured() {
    let config = BenchConfig { warmup_ms: 500, ..load(GOOD, 400, 1_000).await };
    let report = run(config, |_| {}).await.unwrap();
    assert_eq!((report.payments, report.settled, report.unsettled), (400, 400, 0), "{}", report.table());
    assert_eq!(report.timeline.iter().map(|second| second.settled).sum::<u64>(), 600);
}

/// Batches pay the senders themselves unless accounts are asked for, so this needs nothing on the ledger.
#[tokio::test(flavor = "multi_thread")]
async fn payments_in_batches_are_counted_one_by_one() {
    let workload = Workload::Batches;
    let config = BenchConfig { workload, batch_items: 30, ..load(GOOD, 3_000, 1_000).await };
    let report = run(config, |_| {}).await.unwrap();
    assert_eq!((report.payments, report.settled), (3_000, 3_000), "{}", report.table());
    assert_eq!((report.workload.as_str(), report.validators), ("batches", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_is_seen_by_every_payment_that_it_delays() {
    let stalled = Behaviour { stall_ms: Some((300, 1_300)), ..GOOD };
    let report = run(load(stalled, 200, 2_000).await, |_| {}).await.unwrap();
    assert_eq!((report.settled, report.unsettled), (400, 0));
    // About half of the payments were due during the stall or just before it, and waited half a second on average.
    assert!(report.latency_ms.max >= 1_000.0, "{}", report.table());
    assert!(report.latency_ms.p90 >= 700.0, "{}", report.table());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_settle_is_listed() {
    let bad = Behaviour { refuse_every: Some(10), lose_every: Some(7), revert_every: Some(50), ..GOOD };
    let config = BenchConfig { settle_ms_max: LOST_AFTER_MS, ..load(bad, 500, 1_000).await };
    let report = run(config, |_| {}).await.unwrap();
    // Of 500: 50 are refused (each tenth), 71 - 7 are lost (each seventh, of which 7 were refused), 386 are final.
    assert_eq!(report.rejected.get("txpool is full (code -32003)"), Some(&50), "{}", report.table());
    assert_eq!((report.unsettled, report.reverted, report.settled), (64, 7, 379), "{}", report.table());
    assert_eq!(report.payments, report.settled + report.reverted + report.unsettled + report.rejected_total());
    let table = report.table();
    assert!(table.contains("unsettled") && table.contains("50 x txpool is full"), "{table}");
    let parsed: crate::Report = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    assert_eq!(parsed.rejected, report.rejected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_answer_leaves_payments_unsettled() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead_url = format!("http://{}", dead.local_addr().unwrap());
    drop(dead);
    let mut config = BenchConfig { settle_ms_max: LOST_AFTER_MS, ..load(GOOD, 100, 500).await };
    config.rpc_urls.push(dead_url.clone());
    let report = run(config.clone(), |_| {}).await.unwrap();
    assert_eq!((report.settled, report.unsettled), (25, 25), "{}", report.table());
    assert_eq!(report.delivery_failures.get("connect"), Some(&25), "{}", report.table());
    config.rpc_urls.remove(0);
    assert!(matches!(run(config, |_| {}).await, Err(BenchError::Client(_))));
}
