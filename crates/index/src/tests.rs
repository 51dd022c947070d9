//! A plain list of logs is the model; SQLite must agree with it.
#![allow(clippy::unwrap_used)]

use super::*;
use alloy_consensus::{
    Header, Receipt, ReceiptWithBloom, SignableTransaction as _, TxEnvelope, TxLegacy,
    proofs::calculate_transaction_root,
};
use alloy_primitives::{Address, Bytes, Log, Signature, U256};
use florin_types::Extension;
use sqlx::Connection as _;
use tempfile::TempDir;

const GENESIS: B256 = B256::repeat_byte(9);
const SECOND: Duration = Duration::from_secs(1);

/// So many logs, of any length.
fn up_to(logs_max: usize) -> LogLimits {
    LogLimits { logs_max, bytes_max: usize::MAX, time_max: SECOND }
}

fn address(number: u8) -> Address {
    Address::repeat_byte(number)
}

fn topic(number: u8) -> B256 {
    B256::with_last_byte(number)
}

fn log(emitter: u8, topics: &[u8]) -> Log {
    Log::new(address(emitter), topics.iter().copied().map(topic).collect(), Bytes::from(vec![emitter; 40])).unwrap()
}

/// A block of one transaction for each list of logs.
fn block(height: Height, logs_by_transaction: Vec<Vec<Log>>) -> IndexedBlock {
    let extension = Extension { timestamp_ms: 1_700_000_000_000 + height * 500, ..Extension::default() };
    let transactions: Vec<TxEnvelope> = (0..logs_by_transaction.len())
        .map(|index| {
            let tx = TxLegacy { nonce: height * 1_000 + index as u64, ..TxLegacy::default() };
            tx.into_signed(Signature::new(U256::ONE, U256::ONE, false)).into()
        })
        .collect();
    let header = Header {
        number: height,
        timestamp: extension.timestamp_ms / 1_000,
        extra_data: Bytes::copy_from_slice(extension.commitment().as_slice()),
        transactions_root: calculate_transaction_root(&transactions),
        ..Block::header_template()
    };
    let receipts = logs_by_transaction
        .into_iter()
        .map(|logs| {
            let receipt = Receipt { status: true.into(), cumulative_gas_used: 21_000, logs };
            ReceiptEnvelope::Legacy(ReceiptWithBloom::from(receipt))
        })
        .collect();
    IndexedBlock { block: Arc::new(Block::new(header, extension, transactions).unwrap()), receipts: Arc::new(receipts) }
}

/// Ten blocks of three transactions with two logs each; emitters and topics repeat with different periods.
fn chain() -> Vec<IndexedBlock> {
    let mut number = 0u8;
    (0..10)
        .map(|height| {
            let transactions = (0..3)
                .map(|_| {
                    (0..2)
                        .map(|_| {
                            number += 1;
                            let topics = [number % 2, 10 + number % 5, 20 + number % 7, 30];
                            log(1 + number % 3, &topics[..usize::from(number % 5)])
                        })
                        .collect()
                })
                .collect();
            block(height, transactions)
        })
        .collect()
}

async fn open(directory: &TempDir) -> Result<Index, IndexError> {
    Index::open(&directory.path().join("index.sqlite"), GENESIS).await
}

/// What a query must give, from the blocks themselves.
fn model(chain: &[IndexedBlock], query: &LogQuery) -> Vec<IndexedLog> {
    let mut found = Vec::new();
    for block in chain {
        let mut log_index = 0;
        for (transaction_index, (tx, receipt)) in
            (0..).zip(block.block.transactions().iter().zip(block.receipts.iter()))
        {
            for log in receipt.logs() {
                let height = block.block.height();
                if (query.from..=query.to).contains(&height) && query.matches(log) {
                    found.push(IndexedLog {
                        height,
                        block_hash: block.block.hash(),
                        timestamp_s: block.block.header().timestamp,
                        transaction_hash: *tx.tx_hash(),
                        transaction_index,
                        log_index,
                        log: log.clone(),
                    });
                }
                log_index += 1;
            }
        }
    }
    found
}

#[tokio::test]
async fn positions_are_found_and_unknown_hashes_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(&directory).await.unwrap();
    assert_eq!(index.range(), None);
    let chain = chain();
    index.append(&chain).await.unwrap();
    assert_eq!(index.range(), Some(IndexedRange { first: 0, last: 9 }));
    for block in &chain {
        for (place, tx) in block.block.transactions().iter().enumerate() {
            let position = index.transaction(*tx.tx_hash()).await.unwrap();
            assert_eq!(position, Some(Position { height: block.block.height(), index: place }));
        }
    }
    assert_eq!(index.transaction(B256::ZERO).await.unwrap(), None);
}

#[tokio::test]
async fn logs_agree_with_the_model_for_every_shape_of_query() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(&directory).await.unwrap();
    let chain = chain();
    index.append(&chain).await.unwrap();
    let mut queries = Vec::new();
    for addresses in [vec![], vec![1], vec![2, 3], vec![200]] {
        for topics in [
            vec![],
            vec![vec![]],
            vec![vec![0]],
            vec![vec![0, 1]],
            vec![vec![], vec![11]],
            vec![vec![1], vec![12, 13]],
            vec![vec![], vec![], vec![21, 22]],
            vec![vec![0], vec![], vec![], vec![30]],
            vec![vec![], vec![], vec![], vec![]],
            vec![vec![11]],
        ] {
            for (from, to) in [(0, 9), (3, 5), (9, 100), (50, 60), (6, 2)] {
                let addresses = addresses.iter().copied().map(address).collect();
                let topics = topics.iter().map(|any: &Vec<u8>| any.iter().copied().map(topic).collect()).collect();
                queries.push(LogQuery { from, to, addresses, topics });
            }
        }
    }
    let mut found = 0;
    for query in &queries {
        let expected = model(&chain, query);
        found += expected.len();
        assert_eq!(index.logs(query, &up_to(1_000)).await.unwrap(), expected, "{query:?}");
        // A limit never makes logs disappear: there is the whole answer, or an error.
        for limit in [0, 1, 3, 10, expected.len().saturating_sub(1), expected.len()] {
            match index.logs(query, &up_to(limit)).await {
                Ok(found) => assert_eq!(found, expected, "{query:?} with limit {limit}"),
                Err(IndexError::TooMany { height, .. }) => {
                    assert!(expected.len() > limit, "{query:?} with limit {limit}");
                    let first = LogQuery { to: height, ..query.clone() };
                    let fits = model(&chain, &first).len() <= limit || height == query.from;
                    assert!(fits, "{query:?} with limit {limit}: not even up to {height}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(found > 500, "the queries must find something: {found}");
}

#[tokio::test]
async fn more_logs_than_the_limit_is_an_error_that_says_how_far_it_got() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(&directory).await.unwrap();
    index.append(&chain()).await.unwrap();
    let query = LogQuery { from: 0, to: 9, ..LogQuery::default() };
    assert_eq!(index.logs(&query, &up_to(60)).await.unwrap().len(), 60);
    let error = index.logs(&query, &up_to(20)).await.unwrap_err();
    assert!(matches!(error, IndexError::TooMany { limit: 20, height: 2 }), "{error}");
    let bytes_max = 20 * (40 + size_of::<IndexedLog>() + 4 * 32);
    let error = index.logs(&query, &LogLimits { bytes_max, ..up_to(60) }).await.unwrap_err();
    assert!(matches!(error, IndexError::TooLong { height: 3.., .. }), "{error}");
}

#[tokio::test]
async fn a_lookup_does_not_wait_for_queries_about_logs() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(&directory).await.unwrap();
    let chain = chain();
    index.append(&chain).await.unwrap();
    let mut busy = Vec::new();
    for _ in 0..SEARCHERS_MAX {
        busy.push(index.reader(&index.0.searchers, SECOND).await.unwrap());
    }
    let query = LogQuery { from: 0, to: 9, ..LogQuery::default() };
    let limits = LogLimits { time_max: Duration::from_millis(50), ..up_to(60) };
    let error = index.logs(&query, &limits).await.unwrap_err();
    assert!(matches!(error, IndexError::TooSlow { .. }), "{error}");
    let hash = *chain[3].block.transactions()[1].tx_hash();
    assert_eq!(index.transaction(hash).await.unwrap(), Some(Position { height: 3, index: 1 }));
}

#[test]
fn a_bloom_filter_never_denies_a_log_that_matches() {
    let chain = chain();
    let logs = || chain.iter().flat_map(|block| block.receipts.iter()).flat_map(|receipt| receipt.logs());
    let mut denied = 0;
    for log in logs() {
        let query = LogQuery {
            addresses: [log.address].into(),
            topics: log.topics().iter().map(|topic| [*topic].into()).collect(),
            ..LogQuery::default()
        };
        for other in logs() {
            let bloom = [other].into_iter().collect::<alloy_primitives::Bloom>();
            assert!(query.may_match(&bloom) || !query.matches(other), "{query:?} {other:?}");
            denied += usize::from(!query.may_match(&bloom));
        }
    }
    assert!(denied > 1_000, "it must spare something: {denied}");
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_stopped_and_the_next_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(&directory).await.unwrap();
    let many = (0..200).map(|height| block(height, vec![vec![log(1, &[1, 2]); 50]])).collect::<Vec<_>>();
    index.append(&many).await.unwrap();
    // Every log has the one key but none has the other: SQLite looks at all 10,000 before it can say "none".
    let query = LogQuery { from: 0, to: 999, addresses: [address(1)].into(), topics: vec![[topic(9)].into()] };
    let at_once = LogLimits { time_max: Duration::ZERO, ..up_to(9_999) };
    let error = index.logs(&LogQuery { topics: vec![[topic(1)].into()], ..query.clone() }, &at_once).await;
    assert!(matches!(error, Err(IndexError::TooSlow { .. })), "{error:?}");
    assert_eq!(index.logs(&query, &up_to(10)).await.unwrap(), vec![]);
}

#[tokio::test]
async fn delivery_twice_changes_nothing_and_a_gap_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(&directory).await.unwrap();
    let chain = chain();
    index.append(&chain[..4]).await.unwrap();
    index.append(&chain[2..6]).await.unwrap();
    index.append(&chain[..6]).await.unwrap();
    let query = LogQuery { from: 0, to: 9, ..LogQuery::default() };
    assert_eq!(index.logs(&query, &up_to(1_000)).await.unwrap(), model(&chain[..6], &query));
    let error = index.append(&chain[7..]).await.unwrap_err();
    assert!(matches!(error, IndexError::Gap { indexed: Some(5), offered: 7 }), "{error}");
    // All or nothing: a gap inside of a batch leaves the whole batch out.
    let error = index.append(&[chain[6].clone(), chain[8].clone()]).await.unwrap_err();
    assert!(matches!(error, IndexError::Gap { indexed: Some(6), offered: 8 }), "{error}");
    assert_eq!(index.height(), Some(5));
    assert_eq!(index.transaction(*chain[6].block.transactions()[0].tx_hash()).await.unwrap(), None);
}

#[tokio::test]
async fn it_goes_on_after_a_restart_and_can_be_rebuilt() {
    let directory = tempfile::tempdir().unwrap();
    let chain = chain();
    open(&directory).await.unwrap().append(&chain[..5]).await.unwrap();
    let index = open(&directory).await.unwrap();
    assert_eq!(index.height(), Some(4));
    index.append(&chain[5..]).await.unwrap();
    let query = LogQuery { from: 0, to: 9, ..LogQuery::default() };
    let before = index.logs(&query, &up_to(1_000)).await.unwrap();
    drop(index);
    Index::remove(&directory.path().join("index.sqlite")).unwrap();
    Index::remove(&directory.path().join("index.sqlite")).unwrap();
    let index = open(&directory).await.unwrap();
    assert_eq!(index.height(), None);
    index.append(&chain).await.unwrap();
    assert_eq!(index.logs(&query, &up_to(1_000)).await.unwrap(), before);
}

#[tokio::test]
async fn a_chain_that_starts_above_zero_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(&directory).await.unwrap();
    index.append(&chain()[6..]).await.unwrap();
    assert_eq!(index.range(), Some(IndexedRange { first: 6, last: 9 }));
}

#[tokio::test]
async fn another_chain_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    open(&directory).await.unwrap();
    let error = Index::open(&directory.path().join("index.sqlite"), B256::ZERO).await.unwrap_err();
    assert!(matches!(error, IndexError::OtherChain { found: GENESIS, expected: B256::ZERO, .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_index_is_named_as_damaged() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("index.sqlite"), [7u8; 8_192]).unwrap();
    let error = open(&directory).await.unwrap_err();
    assert!(matches!(error, IndexError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("remove the file"), "{error}");
}

#[tokio::test]
async fn a_changed_row_is_never_served() {
    let columns = [
        "transaction_position = 7",
        "topics = 9",
        "transaction_hash = zeroblob(32)",
        "body = zeroblob(10)",
        "checksum = zeroblob(8)",
        "log_index = 99",
    ];
    for change in columns {
        let directory = tempfile::tempdir().unwrap();
        let index = open(&directory).await.unwrap();
        index.append(&chain()).await.unwrap();
        index.whole(SECOND).await.unwrap();
        let file = directory.path().join("index.sqlite");
        let mut other = SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
        let sql = format!("UPDATE logs SET {change} WHERE height = 4 AND log_index = 2");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut other).await.unwrap();
        let query = LogQuery { from: 0, to: 9, ..LogQuery::default() };
        let error = index.logs(&query, &up_to(1_000)).await.unwrap_err();
        assert!(matches!(&error, IndexError::Damaged { place, .. } if place.contains("block 4")), "{change}: {error}");
        let elsewhere = LogQuery { from: 5, ..query };
        assert_eq!(index.logs(&elsewhere, &up_to(1_000)).await.unwrap().len(), 30);
    }
}

/// After the next start no answer leaves out what was changed or lost, and nothing is called absent.
#[tokio::test]
async fn what_is_missing_is_noticed_at_the_next_start() {
    let damages = [
        "UPDATE transactions SET hash = zeroblob(32) WHERE height = 4 AND position = 2",
        "UPDATE transactions SET position = 1 WHERE height = 4 AND position = 0",
        "DELETE FROM transactions WHERE height = 9",
        "UPDATE logs SET topics = 0 WHERE height = 4 AND log_index = 2",
        "DELETE FROM logs WHERE height = 4 AND log_index = 2",
        "UPDATE log_keys SET key = key + 1 WHERE height = 4 AND log_index = 2",
        "DELETE FROM log_keys WHERE height = 4 AND log_index = 2",
        "UPDATE blocks SET timestamp_s = 1 WHERE height = 4",
        "UPDATE chain SET content = zeroblob(16)",
        "UPDATE chain SET content = zeroblob(1)",
    ];
    let everything = LogQuery { from: 0, to: 9, ..LogQuery::default() };
    let absent = B256::repeat_byte(0xab);
    for damage in damages {
        let directory = tempfile::tempdir().unwrap();
        open(&directory).await.unwrap().append(&chain()[..7]).await.unwrap();
        let index = open(&directory).await.unwrap();
        index.append(&chain()[7..]).await.unwrap();
        assert_eq!(index.transaction(absent).await.unwrap(), None);
        drop(index);
        let index = open(&directory).await.unwrap();
        assert_eq!(index.transaction(absent).await.unwrap(), None, "a whole file is whole after every start");
        drop(index);
        let mut other =
            SqliteConnection::connect(directory.path().join("index.sqlite").to_str().unwrap()).await.unwrap();
        assert_ne!(sqlx::query(damage).execute(&mut other).await.unwrap().rows_affected(), 0, "{damage}");
        drop(other);
        let index = open(&directory).await.unwrap();
        let errors = [
            index.transaction(absent).await.map(|_| ()).unwrap_err(),
            index.logs(&everything, &up_to(1_000)).await.map(|_| ()).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, IndexError::Damaged { .. }), "{damage}: {error}");
        }
        let hash = *chain()[3].block.transactions()[1].tx_hash();
        assert_eq!(index.transaction(hash).await.unwrap(), Some(Position { height: 3, index: 1 }), "{damage}");
    }
}

#[tokio::test]
async fn waiting_ends_when_the_height_is_indexed() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(&directory).await.unwrap();
    let waiting = tokio::spawn({
        let index = index.clone();
        async move { index.reached(9).await }
    });
    index.append(&chain()[..9]).await.unwrap();
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    index.append(&chain()[9..]).await.unwrap();
    tokio::time::timeout(SECOND, waiting).await.unwrap().unwrap();
}
