//! What a payment costs a history, and how long a search takes: `cargo bench -p florin-history`.
//!
//! Blocks of 1,000 payments between random accounts go into a fresh SQLite file, and into the PostgreSQL that
//! `FLORIN_BENCH_POSTGRES` names, if it does (a URL of an empty database; `FLORIN_BENCH_PASSWORD` is its password).
//! `FLORIN_BENCH_BLOCKS` names another number of blocks than 1,000.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::arithmetic_side_effects, missing_docs)]

use alloy_consensus::{
    Header, Receipt, ReceiptWithBloom, SignableTransaction as _, TxEnvelope, TxLegacy,
    proofs::calculate_transaction_root,
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, Log, Signature, TxKind, U256, keccak256};
use alloy_sol_types::SolEvent;
use florin_history::{
    Ask, History, HistoryBlock, Location, Party, PaymentSearch, Reference, Side, TransferSearch, Who,
};
use florin_modules::{PAYMENT_ADDRESS, payment::IPayment, token::IToken, token_address};
use florin_types::{Block, Extension, Height, ReceiptEnvelope};
use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

const BLOCKS: Height = 1_000;
const PAYMENTS_PER_BLOCK: u64 = 1_000;
/// Blocks of one append.
const BLOCKS_AT_ONCE: u64 = 10;
/// Blocks that come one by one afterwards.
const SINGLE_BLOCKS: u64 = 100;
/// Accounts that pay each other.
const ACCOUNTS: u64 = 10_000;
const QUESTIONS: u64 = 300;
const BEGUN_MS: u64 = 1_700_000_000_000;
/// Ticks of the processor's clock in `/proc/self/stat`. Source: Linux, USER_HZ.
const TICKS_PER_SECOND: f64 = 100.0;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let blocks = std::env::var("FLORIN_BENCH_BLOCKS").map_or(BLOCKS, |blocks| blocks.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("history.sqlite");
    println!("SQLite, {blocks} blocks of {PAYMENTS_PER_BLOCK} payments");
    measure(&Location::parse(file.to_str().unwrap(), None).unwrap(), blocks).await;
    println!("  bytes of file a payment: {}", std::fs::metadata(&file).unwrap().len() / (blocks * PAYMENTS_PER_BLOCK));
    if let Ok(url) = std::env::var("FLORIN_BENCH_POSTGRES") {
        let password = std::env::var("FLORIN_BENCH_PASSWORD").ok();
        println!("PostgreSQL, {blocks} blocks of {PAYMENTS_PER_BLOCK} payments");
        measure(&Location::parse(&url, password.as_deref()).unwrap(), blocks).await;
    }
}

async fn measure(location: &Location, blocks: Height) {
    let history = History::open(location, B256::ZERO, &[]).await.unwrap();
    let parent = append(&history, 1..blocks + 1, BLOCKS_AT_ONCE, B256::ZERO).await;
    append(&history, blocks + 1..blocks + 1 + SINGLE_BLOCKS, 1, parent).await;
    history.analyse().await.unwrap();
    ask(&history, blocks).await;
    history.close().await;
}

/// Appends blocks, so many at once; prints what that costs, and gives the hash of the last.
async fn append(history: &History, heights: Range<Height>, at_once: u64, mut parent: B256) -> B256 {
    let (mut wall, mut longest, mut processor) = (Duration::ZERO, Duration::ZERO, 0.0);
    let mut next = heights.start;
    while next < heights.end {
        let made: Vec<HistoryBlock> = (next..(next + at_once).min(heights.end))
            .map(|height| {
                let made = block(height, parent);
                parent = made.block().hash();
                made
            })
            .collect();
        next += at_once;
        let (begun, used) = (Instant::now(), processor_s());
        history.append(&made).await.unwrap();
        (wall, longest) = (wall + begun.elapsed(), longest.max(begun.elapsed()));
        processor += processor_s() - used;
    }
    let payments = ((heights.end - heights.start) * PAYMENTS_PER_BLOCK) as f64;
    println!(
        "  append, {at_once} blocks at once: {:.1} us a payment, {:.1} us of this process's processor time, the longest {:.0} ms",
        wall.as_secs_f64() * 1e6 / payments,
        processor * 1e6 / payments,
        longest.as_secs_f64() * 1e3
    );
    parent
}

/// A search, drawn from a number.
type Question<'a> = Box<dyn Fn(u64) -> PaymentSearch + 'a>;

/// Asks what people and bank systems ask; prints the median and the 99th of 100 answers.
async fn ask(history: &History, blocks: Height) {
    let payments = blocks * PAYMENTS_PER_BLOCK;
    let page = Ask { rows_max: 50, time_max: Duration::from_secs(30), cursor: None };
    let number = |question: u64| question * 7_919 % payments;
    let party = |number: u64, side| Some(Party { who: Who::Account(account(number)), side });
    let token = Some(token_address(1));
    let questions: [(&str, Question<'_>); 8] = [
        ("a UETR", Box::new(|q| PaymentSearch { uetr: Some(uetr(number(q))), ..Default::default() })),
        (
            "an end-to-end id",
            Box::new(|q| PaymentSearch { end_to_end: Some(hash(3, number(q))), ..Default::default() }),
        ),
        ("of a payer", Box::new(|q| PaymentSearch { party: party(q, Side::Payer), ..Default::default() })),
        ("of a payer or payee", Box::new(|q| PaymentSearch { party: party(q, Side::Either), ..Default::default() })),
        (
            "of a payer or payee, in an hour",
            Box::new(|q| {
                let from = BEGUN_MS + number(q) / PAYMENTS_PER_BLOCK * 500;
                PaymentSearch {
                    party: party(q, Side::Either),
                    time_ms: Some(from..=from + 3_600_000),
                    ..Default::default()
                }
            }),
        ),
        (
            "an amount",
            Box::new(|q| {
                let low = amount(number(q));
                PaymentSearch { token, amount: Some(low..=low), ..Default::default() }
            }),
        ),
        (
            "a range of amounts",
            Box::new(|q| {
                let low = amount(number(q));
                PaymentSearch { token, amount: Some(low..=low + U256::from(1_000)), ..Default::default() }
            }),
        ),
        (
            "of a minute",
            Box::new(|q| {
                let from = BEGUN_MS + number(q) / PAYMENTS_PER_BLOCK * 500;
                PaymentSearch { time_ms: Some(from..=from + 60_000), ..Default::default() }
            }),
        ),
    ];
    for (name, question) in questions {
        let mut times = Vec::new();
        for number in 0..QUESTIONS {
            let (search, begun) = (question(number), Instant::now());
            let found = history.payments(&search, &page).await.unwrap();
            times.push(begun.elapsed());
            assert!(!found.rows.is_empty() || name.ends_with("hour"), "{search:?}");
        }
        print_times(&format!("payments: {name}"), times);
    }
    for (name, prefix) in [("a reference", false), ("a prefix of references", true)] {
        let mut times = Vec::new();
        for question in 0..QUESTIONS {
            let reference = reference(number(question));
            let reference = match prefix {
                true => Reference::Prefix(reference[..10].to_owned()),
                false => Reference::Exact(reference),
            };
            let (search, begun) = (TransferSearch { reference: Some(reference), ..Default::default() }, Instant::now());
            let found = history.transfers(&search, &page).await.unwrap();
            times.push(begun.elapsed());
            assert!(!found.rows.is_empty());
        }
        print_times(&format!("transfers: {name}"), times);
    }
}

fn print_times(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    println!("  {name}: p50 {:.2} ms, p99 {:.2} ms", at(50), at(99));
}

/// A block of payments at once, each with its transfer; each tenth transfer has a reference of its own.
fn block(height: Height, parent_hash: B256) -> HistoryBlock {
    let extension = Extension { timestamp_ms: BEGUN_MS + height * 500, ..Extension::default() };
    let numbers = (height - 1) * PAYMENTS_PER_BLOCK..height * PAYMENTS_PER_BLOCK;
    let transactions: Vec<TxEnvelope> = numbers
        .clone()
        .map(|nonce| {
            let tx = TxLegacy { nonce, to: TxKind::Call(PAYMENT_ADDRESS), ..TxLegacy::default() };
            tx.into_signed(Signature::new(U256::ONE, U256::ONE, false)).into()
        })
        .collect();
    let header = Header {
        number: height,
        parent_hash,
        timestamp: extension.timestamp_ms / 1_000,
        extra_data: Bytes::copy_from_slice(extension.commitment().as_slice()),
        transactions_root: calculate_transaction_root(&transactions),
        ..Block::header_template()
    };
    let receipts = numbers
        .clone()
        .map(|number| {
            let receipt = Receipt { status: true.into(), cumulative_gas_used: 21_000, logs: logs(number) };
            ReceiptEnvelope::Legacy(ReceiptWithBloom::from(receipt))
        })
        .collect();
    let senders = numbers.map(account).collect();
    let block = Block::new(header, extension, transactions).unwrap();
    HistoryBlock::new(Arc::new(block), Arc::new(receipts), Arc::new(senders)).unwrap()
}

fn logs(number: u64) -> Vec<Log> {
    let (payer, payee) = (account(number), account(number / 3 + 1));
    let (token, value) = (token_address(1), amount(number));
    let log = |address, data| Log { address, data };
    let mut logs = vec![log(token, IToken::Transfer { from: payer, to: payee, value }.encode_log_data())];
    if number % 10 == 7 {
        let event = IToken::TransferWithMemo {
            from: payer,
            to: payee,
            value,
            memo: B256::ZERO,
            paymentReference: reference(number),
        };
        logs.push(log(token, event.encode_log_data()));
    }
    let ordered = IPayment::PaymentOrdered {
        payer,
        uetr: uetr(number),
        payee,
        token,
        amount: value,
        state: 3,
        debtorAgent: FixedBytes::from(*b"FLORINBBXXX"),
        creditorAgent: FixedBytes::from(*b"FLORINCCXXX"),
        endToEnd: hash(3, number),
        purpose: FixedBytes::from(*b"SALA"),
        remittance: hash(4, number),
        priority: 0,
    };
    logs.push(log(PAYMENT_ADDRESS, ordered.encode_log_data()));
    logs
}

fn hash(kind: u8, number: u64) -> B256 {
    keccak256([&[kind][..], &number.to_be_bytes()].concat())
}

fn account(number: u64) -> Address {
    Address::from_slice(&hash(1, number % ACCOUNTS)[12..])
}

fn uetr(number: u64) -> B256 {
    hash(2, number)
}

/// Up to ten million minor units.
fn amount(number: u64) -> U256 {
    U256::from(u64::from_be_bytes(hash(5, number)[..8].try_into().unwrap()) % 10_000_000)
}

/// The reference of this payment, or of the next that has one.
fn reference(number: u64) -> String {
    format!("RF{:012}", number / 10 * 10 + 7)
}

/// Processor time of this process so far.
fn processor_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    ticks / TICKS_PER_SECOND
}
