//! What a payment costs the index, and a question about it: `cargo bench -p florin-index`.
//!
//! Blocks of 1,000 transfers between random accounts go into a fresh file. `FLORIN_BENCH_BLOCKS` names another number of
//! blocks, to see how the costs grow with the file.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use alloy_consensus::{
    Header, Receipt, ReceiptWithBloom, SignableTransaction as _, TxEnvelope, TxLegacy,
    proofs::calculate_transaction_root,
};
use alloy_primitives::{Address, B256, Bytes, Log, Signature, U256, keccak256};
use florin_index::{Index, IndexedBlock, LogLimits, LogQuery};
use florin_types::{Block, Extension, Height, ReceiptEnvelope};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const BLOCKS: Height = 100;
const TRANSFERS_PER_BLOCK: u64 = 1_000;
/// Blocks of one append: about what a busy ledger hands over in a second, and what it does while it catches up.
const BATCHES: [usize; 2] = [1, 10];
const QUESTIONS: u64 = 200;
/// The only token.
const TOKEN: Address = Address::repeat_byte(0x20);
/// Ticks of the processor's clock in `/proc/self/stat`. Source: Linux, USER_HZ.
const TICKS_PER_SECOND: f64 = 100.0;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let blocks = std::env::var("FLORIN_BENCH_BLOCKS").map_or(BLOCKS, |blocks| blocks.parse().unwrap());
    for batch in BATCHES {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("index.sqlite");
        let index = Index::open(&file, B256::ZERO).await.unwrap();
        append(&index, blocks, batch).await;
        println!(
            "  bytes of file a transfer: {}",
            std::fs::metadata(&file).unwrap().len() / (blocks * TRANSFERS_PER_BLOCK)
        );
        ask(&index, blocks).await;
        drop(index);
        check(&file, blocks).await;
    }
}

/// Appends all blocks and prints the cost of a transfer.
async fn append(index: &Index, blocks: Height, batch: usize) {
    let (mut wall, mut longest, mut processor) = (Duration::ZERO, Duration::ZERO, 0.0);
    let mut next = 0;
    while next < blocks {
        let until = blocks.min(next + batch as u64);
        let made: Vec<_> = (next..until).map(block).collect();
        let (begun, used) = (Instant::now(), processor_s());
        index.append(&made).await.unwrap();
        let elapsed = begun.elapsed();
        (wall, longest) = (wall + elapsed, longest.max(elapsed));
        processor += processor_s() - used;
        next = until;
    }
    let transfers = (blocks * TRANSFERS_PER_BLOCK) as f64;
    println!(
        "append, {batch} blocks at once: {:.2} us a transfer, {:.2} us of processor, the longest {:.0} ms",
        wall.as_secs_f64() * 1e6 / transfers,
        processor * 1e6 / transfers,
        longest.as_secs_f64() * 1e3
    );
}

/// Asks what wallets ask and prints how long an answer takes.
async fn ask(index: &Index, blocks: Height) {
    let limits = LogLimits { logs_max: 10_000, bytes_max: usize::MAX, time_max: Duration::from_secs(10) };
    let numbers = || (0..QUESTIONS).map(|number| number * 7_919 % (blocks * TRANSFERS_PER_BLOCK));
    let begun = Instant::now();
    for number in numbers() {
        let (height, index_in_block) = (number / TRANSFERS_PER_BLOCK, number % TRANSFERS_PER_BLOCK);
        let found = index.transaction(*transaction(height, index_in_block).tx_hash()).await.unwrap();
        assert!(!found.is_empty());
    }
    print_time("a transaction", begun, QUESTIONS);
    let begun = Instant::now();
    for number in 0..QUESTIONS {
        assert!(index.transaction(word(b'x', number)).await.unwrap().is_empty());
    }
    print_time("no transaction", begun, QUESTIONS);
    for (name, position) in [("logs of a payer", 1), ("logs of a payee", 2)] {
        let begun = Instant::now();
        for number in numbers() {
            let mut topics = vec![Default::default(); 3];
            topics[0] = [word(b't', 0)].into();
            topics[position] = [word([b'f', b't'][position - 1], number)].into();
            let query = LogQuery { from: 0, to: blocks, addresses: [TOKEN].into(), topics };
            assert_eq!(index.logs(&query, &limits).await.unwrap().len(), 1);
        }
        print_time(name, begun, QUESTIONS);
    }
    let begun = Instant::now();
    let payees = numbers().map(|number| word(b't', number)).chain((0..800).map(|number| word(b'x', number))).collect();
    let query = LogQuery { from: 0, to: blocks, topics: vec![[].into(), [].into(), payees], ..LogQuery::default() };
    assert_eq!(index.logs(&query, &limits).await.unwrap().len() as u64, QUESTIONS);
    print_time("logs of 1,000 payees", begun, 1);
    let begun = Instant::now();
    for number in 0..QUESTIONS {
        let height = number % blocks;
        let query = LogQuery { from: height, to: height, addresses: [TOKEN].into(), topics: Vec::new() };
        assert_eq!(index.logs(&query, &limits).await.unwrap().len() as u64, TRANSFERS_PER_BLOCK);
    }
    print_time("all logs of a token in a block", begun, QUESTIONS);
}

/// Opens the file again and waits until it is read through.
async fn check(file: &std::path::Path, blocks: Height) {
    let begun = Instant::now();
    let index = Index::open(file, B256::ZERO).await.unwrap();
    while index.transaction(word(b'x', 0)).await.is_err() {}
    println!(
        "  check at start: {:.2} us a transfer",
        begun.elapsed().as_secs_f64() * 1e6 / (blocks * TRANSFERS_PER_BLOCK) as f64
    );
}

fn print_time(question: &str, begun: Instant, count: u64) {
    println!("  {question}: {:.0} us", begun.elapsed().as_secs_f64() * 1e6 / count as f64);
}

/// Seconds that all threads of this process have run.
fn processor_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11..=12].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS_PER_SECOND
}

/// A value that looks random.
fn word(kind: u8, number: u64) -> B256 {
    keccak256([&[kind][..], &number.to_be_bytes()].concat())
}

fn transaction(height: Height, index: u64) -> TxEnvelope {
    let tx = TxLegacy { nonce: height * TRANSFERS_PER_BLOCK + index, ..TxLegacy::default() };
    tx.into_signed(Signature::new(U256::ONE, U256::ONE, false)).into()
}

fn block(height: Height) -> IndexedBlock {
    let extension = Extension { timestamp_ms: 1_700_000_000_000 + height * 500, ..Extension::default() };
    let transactions: Vec<_> = (0..TRANSFERS_PER_BLOCK).map(|index| transaction(height, index)).collect();
    let receipts = (0..TRANSFERS_PER_BLOCK)
        .map(|index| {
            let number = height * TRANSFERS_PER_BLOCK + index;
            let topics = vec![word(b't', 0), word(b'f', number), word(b't', number)];
            let log = Log::new(TOKEN, topics, Bytes::from(vec![7; 32])).unwrap();
            let receipt = Receipt { status: true.into(), cumulative_gas_used: 21_000, logs: vec![log] };
            ReceiptEnvelope::Legacy(ReceiptWithBloom::from(receipt))
        })
        .collect();
    let header = Header {
        number: height,
        timestamp: extension.timestamp_ms / 1_000,
        extra_data: Bytes::copy_from_slice(extension.commitment().as_slice()),
        transactions_root: calculate_transaction_root(&transactions),
        ..Block::header_template()
    };
    for transaction in &transactions {
        let _ = transaction.tx_hash(); // Computed here, not while the clock runs.
    }
    IndexedBlock { block: Arc::new(Block::new(header, extension, transactions).unwrap()), receipts: Arc::new(receipts) }
}
