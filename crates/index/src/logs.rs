//! Logs: how they are written, found and checked.

use crate::{IndexedBlock, LogLimits, ROWS_PER_INSERT, as_sql, content::Content};
use alloy_primitives::{Address, B256, Bloom, BloomInput, Keccak256, Log};
use florin_types::Height;
use futures::TryStreamExt as _;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use std::collections::BTreeSet;

/// Bytes of the checksum of a row.
const CHECKSUM_BYTES: usize = 8;
/// Most topics of a log. Source: Ethereum yellow paper, LOG0 to LOG4.
pub const TOPICS_MAX: usize = 4;
/// Addresses and topics up to which a block's bloom filter is asked before its logs: each costs a hash.
const BLOOM_INPUTS_MAX: usize = 16;

/// Which logs are wanted. An empty list matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// First block.
    pub from: Height,
    /// Last block, included.
    pub to: Height,
    /// Any of these addresses.
    pub addresses: BTreeSet<Address>,
    /// For each position any of these topics. A log must have at least as many topics as there are positions here.
    pub topics: Vec<BTreeSet<B256>>,
}

impl LogQuery {
    /// Whether a log fits addresses and topics. Blocks are not looked at.
    pub fn matches(&self, log: &Log) -> bool {
        (self.addresses.is_empty() || self.addresses.contains(&log.address))
            && self.topics.len() <= log.topics().len()
            && self.topics.iter().zip(log.topics()).all(|(any, topic)| any.is_empty() || any.contains(topic))
    }

    /// Whether a block with this bloom filter may hold logs that fit. It never denies one that does.
    pub fn may_match(&self, bloom: &Bloom) -> bool {
        let inputs = self.topics.iter().map(BTreeSet::len).fold(self.addresses.len(), usize::saturating_add);
        let knows = |value: &[u8]| bloom.contains_input(BloomInput::Raw(value));
        let any_topic = |any: &BTreeSet<B256>| any.is_empty() || any.iter().any(|topic| knows(topic.as_slice()));
        inputs > BLOOM_INPUTS_MAX
            || (self.addresses.is_empty() || self.addresses.iter().any(|address| knows(address.as_slice())))
                && self.topics.iter().all(any_topic)
    }

    /// Keys of which a matching log has one of each list, the most selective list first: later topics name accounts,
    /// the first one only the kind of event, and a busy token's address is in most logs.
    fn key_lists(&self) -> Vec<Vec<i64>> {
        let mut lists: Vec<Vec<i64>> = (0..TOPICS_MAX)
            .zip(&self.topics)
            .filter(|(_, any)| !any.is_empty())
            .map(|(position, any)| any.iter().map(|topic| topic_key(position, topic)).collect())
            .collect();
        lists.reverse();
        if !self.addresses.is_empty() {
            let addresses = self.addresses.iter().map(address_key).collect();
            // Before the kind of event, after topics that name accounts.
            let kind_of_event = usize::from(self.topics.first().is_some_and(|any| !any.is_empty()));
            lists.insert(lists.len() - kind_of_event, addresses);
        }
        lists
    }
}

/// A log and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedLog {
    /// Block.
    pub height: Height,
    /// Hash of the block.
    pub block_hash: B256,
    /// Time of the block in seconds since 1970.
    pub timestamp_s: u64,
    /// Transaction that emitted it.
    pub transaction_hash: B256,
    /// Place of the transaction in its block.
    pub transaction_index: u64,
    /// Place of the log in its block.
    pub log_index: u64,
    /// The log.
    pub log: Log,
}

/// A row as SQLite gives it.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct LogRow {
    height: i64,
    log_index: i64,
    transaction_position: i64,
    topics: i64,
    transaction_hash: Vec<u8>,
    body: Vec<u8>,
    checksum: Vec<u8>,
    block_hash: Vec<u8>,
    timestamp_s: i64,
}

/// Why a query about logs has no answer.
#[derive(Debug)]
pub(crate) enum FetchError {
    TooMany { height: Height },
    TooLong { height: Height },
    Damaged(String),
    Database(sqlx::Error),
}

impl LogRow {
    /// Checks the row and takes it apart; the error names the row.
    pub(crate) fn verify(self) -> Result<IndexedLog, String> {
        let place = format!("log {} of block {}", self.log_index, self.height);
        let expected = checksum(
            [self.height, self.log_index, self.transaction_position, self.topics, self.timestamp_s],
            [&self.transaction_hash, &self.block_hash, &self.body],
        );
        if self.checksum != expected {
            return Err(place);
        }
        let parse = || {
            Some(IndexedLog {
                height: u64::try_from(self.height).ok()?,
                block_hash: B256::try_from(self.block_hash.as_slice()).ok()?,
                timestamp_s: u64::try_from(self.timestamp_s).ok()?,
                transaction_hash: B256::try_from(self.transaction_hash.as_slice()).ok()?,
                transaction_index: u64::try_from(self.transaction_position).ok()?,
                log_index: u64::try_from(self.log_index).ok()?,
                log: alloy_rlp::decode_exact(&self.body).ok()?,
            })
        };
        parse().ok_or(place)
    }
}

/// Reads the logs that match, row by row: what is above a bound is never in memory as a whole.
pub(crate) async fn fetch(
    connection: &mut SqliteConnection,
    query: &LogQuery,
    limits: &LogLimits,
) -> Result<Vec<IndexedLog>, FetchError> {
    let mut sql = select(query, limits.logs_max);
    let mut rows = sql.build_query_as::<LogRow>().persistent(false).fetch(connection);
    let mut found = Vec::new();
    // Rows, not logs that match: a key that two values share must not make an answer look complete.
    let (mut count, mut bytes) = (0usize, 0usize);
    while let Some(row) = rows.try_next().await.map_err(FetchError::Database)? {
        let log = row.verify().map_err(FetchError::Damaged)?;
        // The blocks before this one are whole.
        let height = log.height.saturating_sub(1).max(query.from);
        count = count.saturating_add(1);
        bytes = bytes.saturating_add(stored_bytes(&log.log));
        if count > limits.logs_max {
            return Err(FetchError::TooMany { height });
        }
        if bytes > limits.bytes_max {
            return Err(FetchError::TooLong { height });
        }
        if query.matches(&log.log) {
            found.push(log);
        }
    }
    Ok(found)
}

/// About what a log takes in memory.
fn stored_bytes(log: &Log) -> usize {
    log.data.data.len().saturating_add(size_of::<IndexedLog>()).saturating_add(log.topics().len().saturating_mul(32))
}

/// One row more than `limit`, if there is one.
fn select(query: &LogQuery, limit: usize) -> QueryBuilder<Sqlite> {
    let lists = query.key_lists();
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT l.height, l.log_index, l.transaction_position, l.topics, l.transaction_hash, l.body, l.checksum, \
         b.hash AS block_hash, b.timestamp_s FROM ",
    );
    match lists.split_first() {
        None => {
            sql.push("logs l CROSS JOIN blocks b ON b.height = l.height WHERE l.height BETWEEN ");
            push_range(&mut sql, query);
        }
        Some((first, others)) => {
            // CROSS JOIN fixes the order of SQLite's loops: keys first, then each log by its primary key.
            sql.push(
                "log_keys k CROSS JOIN logs l ON l.height = k.height AND l.log_index = k.log_index \
                 CROSS JOIN blocks b ON b.height = l.height WHERE k.key IN ",
            );
            push_list(&mut sql, first);
            sql.push(" AND k.height BETWEEN ");
            push_range(&mut sql, query);
            for list in others {
                sql.push(
                    " AND EXISTS (SELECT 1 FROM log_keys o WHERE o.height = k.height AND o.log_index = k.log_index \
                     AND o.key IN ",
                );
                push_list(&mut sql, list);
                sql.push(")");
            }
        }
    }
    sql.push(" AND l.topics >= ").push_bind(topics_as_sql(query.topics.len()));
    sql.push(" ORDER BY l.height, l.log_index LIMIT ");
    sql.push_bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
    sql
}

fn push_range(sql: &mut QueryBuilder<Sqlite>, query: &LogQuery) {
    sql.push_bind(as_sql(query.from)).push(" AND ").push_bind(as_sql(query.to));
}

fn push_list(sql: &mut QueryBuilder<Sqlite>, keys: &[i64]) {
    sql.push("(");
    let mut list = sql.separated(", ");
    for key in keys {
        list.push_bind(*key);
    }
    sql.push(")");
}

struct NewLog {
    height: i64,
    log_index: i64,
    transaction_position: i64,
    topics: i64,
    transaction_hash: Vec<u8>,
    body: Vec<u8>,
    checksum: [u8; CHECKSUM_BYTES],
}

/// Writes the logs of blocks, and their keys; answers what they add to the content.
pub(crate) async fn write(connection: &mut SqliteConnection, blocks: &[&IndexedBlock]) -> Result<Content, sqlx::Error> {
    let (logs, keys) = rows(blocks);
    let of_logs = logs.iter().map(|log| Content::log(log.height, log.log_index, log.topics, &log.checksum));
    let of_keys = keys.iter().map(|(key, height, log_index)| Content::key(*key, *height, *log_index));
    let written = of_logs.chain(of_keys).sum();
    for logs in logs.chunks(ROWS_PER_INSERT) {
        QueryBuilder::<Sqlite>::new(
            "INSERT INTO logs (height, log_index, transaction_position, topics, transaction_hash, body, checksum) ",
        )
        .push_values(logs, |mut values, log| {
            values
                .push_bind(log.height)
                .push_bind(log.log_index)
                .push_bind(log.transaction_position)
                .push_bind(log.topics)
                .push_bind(log.transaction_hash.clone())
                .push_bind(log.body.clone())
                .push_bind(log.checksum.to_vec());
        })
        .build()
        .execute(&mut *connection)
        .await?;
    }
    for keys in keys.chunks(ROWS_PER_INSERT) {
        QueryBuilder::<Sqlite>::new("INSERT INTO log_keys (key, height, log_index) ")
            .push_values(keys, |mut values, (key, height, log_index)| {
                values.push_bind(*key).push_bind(*height).push_bind(*log_index);
            })
            .build()
            .execute(&mut *connection)
            .await?;
    }
    Ok(written)
}

/// Rows to insert, keys sorted: SQLite inserts neighbours of a B-tree much faster than scattered ones.
fn rows(blocks: &[&IndexedBlock]) -> (Vec<NewLog>, Vec<(i64, i64, i64)>) {
    let mut logs = Vec::new();
    let mut keys = Vec::new();
    for block in blocks {
        let height = as_sql(block.block.height());
        let timestamp_s = as_sql(block.block.header().timestamp);
        let mut log_indices = 0i64..;
        for ((tx, receipt), transaction_position) in
            block.block.transactions().iter().zip(block.receipts.iter()).zip(0i64..)
        {
            for (log, log_index) in receipt.logs().iter().zip(&mut log_indices) {
                let transaction_hash = tx.tx_hash().to_vec();
                let body = alloy_rlp::encode(log);
                let topics = topics_as_sql(log.topics().len());
                let checksum = checksum(
                    [height, log_index, transaction_position, topics, timestamp_s],
                    [&transaction_hash, block.block.hash().as_slice(), &body],
                );
                keys.push((address_key(&log.address), height, log_index));
                for (position, topic) in log.topics().iter().enumerate() {
                    keys.push((topic_key(position, topic), height, log_index));
                }
                logs.push(NewLog { height, log_index, transaction_position, topics, transaction_hash, body, checksum });
            }
        }
    }
    keys.sort_unstable();
    // A log may name the same key twice only through a collision: then one row is enough.
    keys.dedup();
    (logs, keys)
}

fn topics_as_sql(topics: usize) -> i64 {
    i64::try_from(topics).unwrap_or(i64::MAX)
}

fn checksum(numbers: [i64; 5], bytes: [&[u8]; 3]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = Keccak256::new();
    numbers.iter().for_each(|number| hasher.update(number.to_be_bytes()));
    bytes.iter().for_each(|bytes| hasher.update(bytes));
    first_bytes(hasher)
}

/// Topics of different positions have different keys: a payer is not a payee.
fn topic_key(position: usize, topic: &B256) -> i64 {
    key(u8::try_from(position).unwrap_or(u8::MAX), topic.as_slice())
}

fn address_key(address: &Address) -> i64 {
    key(b'a', address.as_slice())
}

fn key(kind: u8, value: &[u8]) -> i64 {
    let mut hasher = Keccak256::new();
    hasher.update([kind]);
    hasher.update(value);
    i64::from_be_bytes(first_bytes(hasher))
}

fn first_bytes(hasher: Keccak256) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize()[..8]);
    bytes
}
