//! How long a block takes, in memory, without signatures and without the authenticated store:
//! `cargo bench -p florin-execution`. Compare with the table in the spec.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use alloy_primitives::{TxKind, keccak256};
use florin_execution::{Executed, execute, genesis_state};
use florin_modules::{token::BATCH_ITEMS_MAX, token_address};
use florin_types::{Address, Bytes, Rules, U256, VerifiedTx};
use secp256k1::SecretKey;
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

mod setup;
use setup::{
    CHAIN_ID, Call, Memory, address, batch, batch_rules, block_env, genesis, key, transactions, transfer, verify,
};

const ACCOUNTS: u32 = 10_000;
const TRANSACTIONS: usize = 10_000;
const ROUNDS: usize = 5;
const BATCHES: usize = 20;

/// Time that this thread has spent on a processor, where the system tells (Linux); the wall clock elsewhere.
fn now(start: Instant) -> Duration {
    let on_processor = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = on_processor.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanoseconds.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

/// What `run` costs in microseconds a transaction, the best of some rounds.
fn best_us<T>(count: usize, mut run: impl FnMut() -> T) -> (f64, T) {
    let clock = Instant::now();
    let mut best = Duration::MAX;
    let mut outcome = None;
    for _ in 0..ROUNDS {
        let start = now(clock);
        outcome = Some(black_box(run()));
        best = best.min(now(clock).saturating_sub(start));
    }
    (best.as_secs_f64() * 1e6 / count as f64, outcome.unwrap())
}

fn measure(name: &str, view: &Memory, rules: &Rules, txs: &[VerifiedTx]) -> Executed {
    let (each_us, outcome) = best_us(txs.len(), || execute(view, CHAIN_ID, rules, &block_env(), txs).unwrap());
    assert!(outcome.receipts.iter().all(|receipt| receipt.status()));
    println!("{name:<44} {each_us:>7.2} us a transaction, {:>8.0} a second", 1e6 / each_us);
    outcome
}

/// A full batch to accounts that hold units, and one to accounts that do not.
fn measure_batches(view: &Memory, payer: &SecretKey, holders: &[Address]) {
    let rules = batch_rules();
    let strangers: Vec<Address> = holders.iter().map(|holder| Address::from_slice(&keccak256(holder)[12..])).collect();
    for (name, payees) in [("batch item to a holder", holders), ("batch item to a new holder", &strangers)] {
        let tx = batch(payer, &payees[1..=BATCH_ITEMS_MAX]);
        // One batch alone is shorter than what the system's clock of a thread can tell.
        let mut outcome = Executed::default();
        let (each_us, ()) = best_us(BATCHES * BATCH_ITEMS_MAX, || {
            for _ in 0..BATCHES {
                outcome = execute(view, CHAIN_ID, &rules, &block_env(), std::slice::from_ref(&tx)).unwrap();
            }
        });
        assert!(outcome.receipts[0].status(), "the batch failed");
        let gas = outcome.gas_used / BATCH_ITEMS_MAX as u64;
        println!("{name:<44} {each_us:>7.2} us an item, {gas} gas an item of {}", outcome.gas_used);
    }
}

fn main() {
    let keys: Vec<SecretKey> = (0..ACCOUNTS).map(key).collect();
    let addresses: Vec<Address> = keys.iter().map(address).collect();
    let view = Memory::from(genesis_state(&genesis(&addresses)).unwrap());
    let make = |gas_limit, call: fn(usize, Address) -> Call| -> Vec<VerifiedTx> {
        transactions(&keys, TRANSACTIONS, gas_limit, call).into_iter().map(verify).collect()
    };
    let native = make(21_000, |_, to| (TxKind::Call(to), Bytes::new(), U256::ONE));
    let payments = make(60_000, |_, to| transfer(token_address(1), to));
    let rules = Rules { block_gas_max: 1_000_000_000, block_transactions_max: 50_000, ..Rules::default() };
    let free = Rules { gas_quota: None, ..rules.clone() };
    measure("native transfers, no quota", &view, &free, &native);
    measure("native transfers, gas quota", &view, &rules, &native);
    measure("token payments, no quota", &view, &free, &payments);
    let executed = measure("token payments, gas quota", &view, &rules, &payments);

    measure_batches(&view, &keys[0], &addresses);

    let root = || alloy_consensus::proofs::calculate_receipt_root(&executed.receipts);
    let (each_us, _) = best_us(TRANSACTIONS, root);
    println!("{:<44} {each_us:>7.2} us a transaction", "... of which the receipts root");
}
