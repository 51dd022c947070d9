//! A plain list of logs is the model; SQLite must agree with it.
#![allow(clippy::unwrap_used)]

use super::*;
use alloy_consensus::{
    Header, Receipt, ReceiptWithBloom, SignableTransaction as _, TxEnvelope, TxLegacy,
    proofs::calculate_transaction_root,
};
use alloy_primitives::{Address, Bytes, Log, Signature, U256};
use florin_types::Extension;
use std::collections::BTreeSet;
use tempfile::TempDir;

const GENESIS: B256 = B256::repeat_byte(9);
const SECOND: Duration = Duration::from_secs(1);

/// So many logs, of any length.
fn up_to(logs_max: usize) -> LogLimits {
    LogLimits { logs_max, bytes_max: usize::MAX, time_max: Duration::from_secs(30) }
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

async fn connect(directory: &TempDir) -> SqliteConnection {
    SqliteConnection::connect(directory.path().join("index.sqlite").to_str().unwrap()).await.unwrap()
}

/// Changes the file behind the index's back; gives how many rows that were.
async fn run_sql(directory: &TempDir, sql: &str) -> u64 {
    let mut file = connect(directory).await;
    sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut file).await.unwrap().rows_affected()
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
            assert_eq!(position, [Position { height: block.block.height(), index: place }]);
        }
    }
    assert_eq!(index.transaction(B256::ZERO).await.unwrap(), []);
}

#[tokio::test]
async fn logs_agree_with_the_model_for_every_shape_of_query() {
    // Written as one run of keys, as several, and merged.
    for blocks_at_once in [10, 3, 1] {
        let directory = tempfile::tempdir().unwrap();
        let index = open(&directory).await.unwrap();
        let chain = chain();
        for blocks in chain.chunks(blocks_at_once) {
            index.append(blocks).await.unwrap();
        }
        agrees_with_the_model(&index, &chain).await;
    }
}

async fn agrees_with_the_model(index: &Index, chain: &[IndexedBlock]) {
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
        let expected = model(chain, query);
        found += expected.len();
        assert_eq!(index.logs(query, &up_to(1_000)).await.unwrap(), expected, "{query:?}");
        // A limit never makes logs disappear: there is the whole answer, or an error.
        for limit in [0, 1, 3, 10, expected.len().saturating_sub(1), expected.len()] {
            match index.logs(query, &up_to(limit)).await {
                Ok(found) => assert_eq!(found, expected, "{query:?} with limit {limit}"),
                Err(IndexError::TooMany { height, .. }) => {
                    assert!(expected.len() > limit, "{query:?} with limit {limit}");
                    let first = LogQuery { to: height, ..query.clone() };
                    let fits = model(chain, &first).len() <= limit || height == query.from;
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
    assert_eq!(index.transaction(hash).await.unwrap(), [Position { height: 3, index: 1 }]);
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
    assert_eq!(index.transaction(*chain[6].block.transactions()[0].tx_hash()).await.unwrap(), []);
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
    let query = LogQuery { from: 0, to: 9, ..LogQuery::default() };
    let page = "log_pages SET %s WHERE place >> 24 = 4";
    let mut changes: Vec<String> = [
        page.replace("%s", "place = place + 1"),
        page.replace("%s", "body = zeroblob(10)"),
        page.replace("%s", "body = x''"),
        page.replace("%s", "checksum = zeroblob(16)"),
        page.replace("%s", "checksum = x''"),
        "blocks SET hash = zeroblob(32) WHERE height = 4".into(),
        "blocks SET hash = x'' WHERE height = 4".into(),
        "blocks SET timestamp_s = timestamp_s + 1 WHERE height = 4".into(),
    ]
    .into();
    // Every field of every log: one byte of the page after the other.
    let body = {
        let directory = tempfile::tempdir().unwrap();
        open(&directory).await.unwrap().append(&chain()).await.unwrap();
        let mut file = connect(&directory).await;
        let sql = "SELECT body FROM log_pages WHERE place >> 24 = 4";
        sqlx::query_scalar::<_, Vec<u8>>(sql).fetch_one(&mut file).await.unwrap()
    };
    for byte in (0..body.len()).step_by(29) {
        let mut body = body.clone();
        body[byte] ^= 1;
        changes.push(page.replace("%s", &format!("body = x'{}'", alloy_primitives::hex::encode(body))));
    }
    assert!(changes.len() > 30, "{}", changes.len());
    for change in changes {
        let directory = tempfile::tempdir().unwrap();
        let index = open(&directory).await.unwrap();
        index.append(&chain()).await.unwrap();
        index.whole(SECOND).await.unwrap();
        assert_eq!(run_sql(&directory, &format!("UPDATE {change}")).await, 1, "{change}");
        let error = index.logs(&query, &up_to(1_000)).await.unwrap_err();
        assert!(matches!(&error, IndexError::Damaged { place, .. } if place.contains("block 4")), "{change}: {error}");
        let elsewhere = LogQuery { from: 5, ..query.clone() };
        assert_eq!(index.logs(&elsewhere, &up_to(1_000)).await.unwrap().len(), 30);
    }
}

#[tokio::test]
async fn a_changed_page_of_keys_is_never_believed() {
    let block = &chain()[4];
    let hash = *block.block.transactions()[1].tx_hash();
    for change in ["body = zeroblob(length(body))", "checksum = zeroblob(16)", "first = x'01' || first"] {
        let directory = tempfile::tempdir().unwrap();
        let index = open(&directory).await.unwrap();
        index.append(&chain()).await.unwrap();
        index.whole(SECOND).await.unwrap();
        // The last one is a change of the key of the tree, which moves the page: the check at the next start sees it.
        assert_ne!(run_sql(&directory, &format!("UPDATE key_pages SET {change}")).await, 0);
        match index.transaction(hash).await {
            Err(IndexError::Damaged { .. }) => {}
            other => panic!("{change}: {other:?}"),
        }
        let query = LogQuery { from: 0, to: 9, addresses: [address(1)].into(), ..LogQuery::default() };
        let error = index.logs(&query, &up_to(1_000)).await.unwrap_err();
        assert!(matches!(error, IndexError::Damaged { .. }), "{change}: {error}");
    }
}

/// A merge writes nothing that it could not check, and a log that has keys is not left out silently.
#[tokio::test]
async fn damage_is_noticed_by_merges_and_by_missing_pages() {
    for damage in ["DELETE FROM key_pages", "UPDATE key_pages SET body = zeroblob(length(body))"] {
        let directory = tempfile::tempdir().unwrap();
        let index = open(&directory).await.unwrap();
        index.append(&chain()[..1]).await.unwrap();
        assert_ne!(run_sql(&directory, damage).await, 0);
        let mut outcome = Ok(());
        for height in 1..200 {
            outcome = index.append(&[block(height, vec![vec![log(1, &[1, 2])]])]).await;
            if outcome.is_err() {
                break;
            }
        }
        assert!(matches!(outcome, Err(IndexError::Damaged { .. })), "{damage}: {outcome:?}");
    }
    let directory = tempfile::tempdir().unwrap();
    let index = open(&directory).await.unwrap();
    index.append(&chain()).await.unwrap();
    index.whole(SECOND).await.unwrap();
    assert_eq!(run_sql(&directory, "DELETE FROM log_pages WHERE place >> 24 = 4").await, 1);
    let topics = vec![[].into(), (10..15).map(topic).collect()];
    let query = LogQuery { from: 0, to: 9, addresses: [].into(), topics };
    let error = index.logs(&query, &up_to(1_000)).await.unwrap_err();
    assert!(matches!(&error, IndexError::Damaged { place, .. } if place.contains("block 4")), "{error}");
}

/// After the next start no answer leaves out what was changed or lost, and nothing is called absent.
#[tokio::test]
async fn what_is_missing_is_noticed_at_the_next_start() {
    let damages = [
        "UPDATE log_pages SET place = place + 1 WHERE place >> 24 = 4",
        "UPDATE log_pages SET body = zeroblob(10) WHERE place >> 24 = 4",
        "UPDATE log_pages SET checksum = zeroblob(16) WHERE place >> 24 = 4",
        "DELETE FROM log_pages WHERE place >> 24 = 4",
        "DELETE FROM key_pages WHERE run = 9",
        "UPDATE key_pages SET run = 8 WHERE run = 9",
        "UPDATE key_pages SET first = x'00' || first WHERE run = 9",
        "UPDATE key_pages SET body = zeroblob(length(body)) WHERE run = 9",
        "UPDATE key_pages SET checksum = zeroblob(16) WHERE run = 9",
        "DELETE FROM key_pages WHERE first = (SELECT MAX(first) FROM key_pages)",
        "DELETE FROM runs WHERE last = 9",
        "UPDATE runs SET last = 10 WHERE last = 9",
        "UPDATE runs SET first = 9 WHERE last = 9",
        "UPDATE runs SET entries = entries - 1 WHERE last = 9",
        "UPDATE blocks SET hash = zeroblob(32) WHERE height = 4",
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
        assert_eq!(index.transaction(absent).await.unwrap(), []);
        drop(index);
        let index = open(&directory).await.unwrap();
        assert_eq!(index.transaction(absent).await.unwrap(), [], "a whole file is whole after every start");
        drop(index);
        assert_ne!(run_sql(&directory, damage).await, 0, "{damage}");
        let index = open(&directory).await.unwrap();
        let errors = [
            index.transaction(absent).await.map(|_| ()).unwrap_err(),
            index.logs(&everything, &up_to(1_000)).await.map(|_| ()).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, IndexError::Damaged { .. }), "{damage}: {error}");
        }
        let hash = *chain()[3].block.transactions()[1].tx_hash();
        // A page of keys that a search passes is checked by it as well.
        match index.transaction(hash).await {
            Err(IndexError::Damaged { .. }) if damage.contains("key_pages") => {}
            found => assert_eq!(found.unwrap(), [Position { height: 3, index: 1 }], "{damage}"),
        }
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

/// Blocks of many logs over several pages, some of them long: each log is found by a topic of its own.
#[tokio::test]
async fn logs_are_found_wherever_they_stand_in_pages() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(&directory).await.unwrap();
    let own_topic = |number: u64| B256::from(U256::from(1_000 + number));
    let mut number = 0;
    let blocks: Vec<IndexedBlock> = (0..3)
        .map(|height| {
            let mut next = || {
                number += 1;
                // Long ones: around the size of a page, and at both ends of a block.
                let bytes = match number % 90 {
                    1 => 20_000,
                    40 => 8_192,
                    41 => 7_900,
                    _ => 32,
                };
                let topics = vec![topic(1), own_topic(number), topic(2)];
                Log::new(address(7), topics, Bytes::from(vec![3; bytes])).unwrap()
            };
            block(height, (0..30).map(|_| (0..9).map(|_| next()).collect()).collect())
        })
        .collect();
    index.append(&blocks).await.unwrap();
    let mut file = connect(&directory).await;
    let pages: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM log_pages").fetch_one(&mut file).await.unwrap();
    assert!((15..100).contains(&pages), "{pages}");
    let everything = LogQuery { from: 0, to: 2, ..LogQuery::default() };
    let all = model(&blocks, &everything);
    assert_eq!(all.len(), 810);
    assert_eq!(index.logs(&everything, &up_to(810)).await.unwrap(), all);
    for number in 1..=810 {
        let topics = vec![BTreeSet::new(), [own_topic(number)].into()];
        let query = LogQuery { topics, ..everything.clone() };
        assert_eq!(index.logs(&query, &up_to(1)).await.unwrap(), all[number as usize - 1..number as usize]);
    }
    let emitter = LogQuery { from: 1, to: 1, addresses: [address(7)].into(), topics: Vec::new() };
    assert_eq!(index.logs(&emitter, &up_to(270)).await.unwrap(), model(&blocks, &emitter));
}

/// Busy accounts and tokens beside rare ones, in an order that every list of a query has to be followed.
#[tokio::test]
async fn rare_logs_are_found_among_busy_ones() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(&directory).await.unwrap();
    let blocks: Vec<IndexedBlock> = (0..60)
        .map(|height| {
            let logs = (0..40).map(|number| match (height, number) {
                (7 | 31, 20) => log(2, &[1, 5, 6]),
                (31 | 32, 21) => log(2, &[3]),
                (20..=29, _) => log(1, &[1, 5, number]),
                (_, 0..=19) => log(1, &[1, 5, 7]),
                _ => log(1, &[1, 8, 6]),
            });
            block(height, logs.map(|log| vec![log]).collect())
        })
        .collect();
    for blocks in blocks.chunks(7) {
        index.append(blocks).await.unwrap();
    }
    let mut sizes = BTreeSet::new();
    for emitters in [vec![], vec![2], vec![1, 2], vec![9]] {
        for topics in [
            vec![],
            vec![vec![1]],
            vec![vec![3]],
            vec![vec![], vec![5], vec![6]],
            vec![vec![1], vec![5], vec![]],
            vec![vec![], vec![8], vec![7]],
            vec![vec![], vec![5, 8], vec![6, 7]],
            vec![vec![1], vec![], vec![30, 31, 6]],
        ] {
            for (from, to) in [(0, 59), (8, 40), (20, 29), (31, u64::MAX)] {
                let query = LogQuery {
                    from,
                    to,
                    addresses: emitters.iter().copied().map(address).collect(),
                    topics: topics.iter().map(|any: &Vec<u8>| any.iter().copied().map(topic).collect()).collect(),
                };
                let expected = model(&blocks, &query);
                assert_eq!(index.logs(&query, &up_to(expected.len())).await.unwrap(), expected, "{query:?}");
                sizes.insert(expected.len());
            }
        }
    }
    assert!(sizes.contains(&0) && sizes.contains(&1) && sizes.len() > 8, "{sizes:?}");
}

/// Entries under whose key something else stands, as if two hashes had the same first bits.
#[tokio::test]
async fn keys_that_values_share_cost_time_and_never_a_wrong_answer() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(&directory).await.unwrap();
    let chain = chain();
    index.append(&chain).await.unwrap();
    let hash = *chain[3].block.transactions()[1].tx_hash();
    let mut entries = vec![keys::entry(keys::transaction_key(&hash), keys::place(9, 2))];
    for log_index in 0..6 {
        entries.push(keys::entry(keys::topic_key(1, &topic(12)), keys::place(9, log_index)));
        entries.push(keys::entry(keys::topic_key(3, &topic(30)), keys::place(9, log_index)));
    }
    entries.push(keys::entry(keys::address_key(&address(200)), keys::place(9, 0)));
    let mut transaction = index.0.writer.begin().await.unwrap();
    let content = keys::write_run(&mut transaction, (9, 10), entries).await.unwrap();
    content::add(&mut transaction, content).await.unwrap();
    transaction.commit().await.unwrap();

    let positions = [Position { height: 3, index: 1 }, Position { height: 9, index: 2 }];
    assert_eq!(index.transaction(hash).await.unwrap(), positions);
    agrees_with_the_model(&index, &chain).await;
    // Candidates that do not match count toward no limit.
    let query = LogQuery { from: 0, to: 9, topics: vec![[].into(), [topic(12)].into()], ..LogQuery::default() };
    let expected = model(&chain, &query);
    let bytes_max = expected.iter().map(|log| logs::stored_bytes(&log.log)).sum();
    let exact = LogLimits { logs_max: expected.len(), bytes_max, time_max: SECOND };
    assert_eq!(index.logs(&query, &exact).await.unwrap(), expected);
    let error = index.logs(&query, &LogLimits { logs_max: expected.len() - 1, ..exact }).await.unwrap_err();
    assert!(matches!(error, IndexError::TooMany { .. }), "{error}");
    let error = index.logs(&query, &LogLimits { bytes_max: bytes_max - 1, ..exact }).await.unwrap_err();
    assert!(matches!(error, IndexError::TooLong { .. }), "{error}");
    drop(index);
    assert_eq!(open(&directory).await.unwrap().transaction(B256::ZERO).await.unwrap(), []);
}

/// Many appends: runs are merged, blocks without anything leave none, and the file is whole after every start.
#[tokio::test]
async fn merged_runs_keep_every_entry() {
    let directory = tempfile::tempdir().unwrap();
    let blocks: Vec<IndexedBlock> = (0..200)
        .map(|height| match height % 5 {
            4 => block(height, Vec::new()),
            count => block(height, vec![vec![log(1, &[1, 2, u8::try_from(height).unwrap()])]; count as usize]),
        })
        .collect();
    for part in blocks.chunks(40) {
        let index = open(&directory).await.unwrap();
        assert_eq!(index.transaction(B256::ZERO).await.unwrap(), []);
        for (number, block) in part.iter().enumerate() {
            let empty = part[number..].iter().take_while(|block| block.block.transactions().is_empty()).count();
            index.append(&part[number..][..empty.max(1)]).await.unwrap();
            assert!(index.height() >= Some(block.block.height()));
        }
    }
    let index = open(&directory).await.unwrap();
    let mut file = connect(&directory).await;
    let runs: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM runs").fetch_one(&mut file).await.unwrap();
    assert!((1..25).contains(&runs), "{runs}");
    for block in &blocks {
        let height = block.block.height();
        for (place, tx) in block.block.transactions().iter().enumerate() {
            let found = index.transaction(*tx.tx_hash()).await.unwrap();
            assert_eq!(found, [Position { height, index: place }]);
        }
        let topics = vec![[].into(), [].into(), [topic(u8::try_from(height).unwrap())].into()];
        let query = LogQuery { from: 0, to: 199, topics, ..LogQuery::default() };
        assert_eq!(index.logs(&query, &up_to(10)).await.unwrap(), model(&blocks, &query));
    }
}
