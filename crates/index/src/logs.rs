//! Logs: how they are written, found and checked.

use crate::{
    Failure, IndexedBlock, LogLimits, as_sql, check_time,
    content::Content,
    insert,
    keys::{self, KeyList, Place},
};
use alloy_primitives::{Address, B256, Bloom, BloomInput, Log};
use alloy_rlp::{Decodable as _, Encodable as _, Header};
use florin_types::Height;
use futures::{StreamExt as _, stream::BoxStream};
use sqlx::SqliteConnection;
use std::{collections::BTreeSet, time::Instant};

/// Bytes and logs up to which a log joins a page. Longer pages cost less to write, and more for whoever wants one log.
const PAGE_BYTES: usize = 8 * 1024;
const PAGE_LOGS: usize = 64;
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
    fn key_lists(&self) -> Vec<KeyList> {
        let of_topics = |position: usize| {
            let any = self.topics.get(position).filter(|any| !any.is_empty())?;
            let keys = any.iter().map(|topic| keys::topic_key(position, topic)).collect();
            Some(KeyList { keys, of_block: position == 0 })
        };
        let addresses = KeyList { keys: self.addresses.iter().map(keys::address_key).collect(), of_block: true };
        let accounts = (1..TOPICS_MAX).rev().filter_map(of_topics);
        accounts.chain((!self.addresses.is_empty()).then_some(addresses)).chain(of_topics(0)).collect()
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

/// A row of `log_pages`, with the row of its block.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct LogPage {
    place: i64,
    body: Vec<u8>,
    checksum: Vec<u8>,
    block_hash: Option<Vec<u8>>,
    timestamp_s: Option<i64>,
}

/// Columns of a [`LogPage`], and where its block comes from.
macro_rules! select_pages {
    ($from:literal, $order:literal) => {
        concat!(
            "SELECT p.place, p.body, p.checksum, b.hash AS block_hash, b.timestamp_s FROM ",
            $from,
            " LEFT JOIN blocks b ON b.height = p.place >> 24 ",
            $order
        )
    };
}

impl LogPage {
    /// All pages.
    pub(crate) const SELECT_ALL: &str = select_pages!("log_pages p", "");
    /// The pages of a range of places that begins with a block.
    const SELECT_RANGE: &str = select_pages!("log_pages p", "WHERE p.place BETWEEN ? AND ? ORDER BY p.place");
    /// The pages of blocks, from the first place of each. CROSS JOIN fixes the order of SQLite's loops.
    const SELECT_BLOCKS: &str =
        select_pages!("json_each(?) c CROSS JOIN log_pages p ON p.place BETWEEN c.value AND c.value + 16777215", "");
    /// The pages in which rising places stand, each page once.
    const SELECT_PLACES: &str = select_pages!(
        "(SELECT DISTINCT (SELECT MAX(q.place) FROM log_pages q WHERE q.place <= c.value) AS place FROM json_each(?) c) f \
         CROSS JOIN log_pages p ON p.place = f.place",
        ""
    );

    /// Checks the page; gives what it adds to the content.
    pub(crate) fn verify(&self) -> Result<Content, Failure> {
        let digest = self.digest().filter(|digest| digest.to_sql() == self.checksum);
        digest.ok_or_else(|| damaged(self.place.unsigned_abs()))
    }

    /// Its checksum as it must be; absent without its block.
    fn digest(&self) -> Option<Content> {
        let numbers = [self.place, self.timestamp_s?];
        Some(Content::digest(b'l', &numbers, [self.block_hash.as_ref()?, &self.body]))
    }

    /// What its logs have in common: place of the first, and the block.
    fn block(&self) -> Option<(Place, B256, u64)> {
        let hash = B256::try_from(self.block_hash.as_ref()?.as_slice()).ok()?;
        Some((u64::try_from(self.place).ok()?, hash, u64::try_from(self.timestamp_s?).ok()?))
    }
}

/// A log as it stands in a page.
struct PagedLog<'log> {
    transaction_position: u64,
    transaction_hash: &'log B256,
    log: &'log Log,
}

impl PagedLog<'_> {
    fn encode(&self) -> Vec<u8> {
        let payload_length = self.transaction_position.length() + self.transaction_hash.length() + self.log.length();
        let header = Header { list: true, payload_length };
        let mut out = Vec::with_capacity(header.length_with_payload());
        header.encode(&mut out);
        self.transaction_position.encode(&mut out);
        self.transaction_hash.encode(&mut out);
        self.log.encode(&mut out);
        out
    }
}

fn damaged(place: Place) -> Failure {
    Failure::Damaged(format!("log {} of block {}", keys::number(place), keys::height(place)))
}

/// Reads the logs that match, page by page: what is above a bound is never in memory as a whole.
pub(crate) async fn fetch(
    connection: &mut SqliteConnection,
    query: &LogQuery,
    limits: &LogLimits,
    deadline: Instant,
) -> Result<Vec<IndexedLog>, Failure> {
    let mut answer = Answer { query, limits, deadline, bytes: 0, logs: Vec::new() };
    let lists = query.key_lists();
    let (mut from, to) = (keys::place(query.from, 0), keys::block_end(query.to));
    if lists.is_empty() {
        let pages = sqlx::query_as(LogPage::SELECT_RANGE).bind(as_sql(from)).bind(as_sql(to)).fetch(connection);
        answer.read(pages, None).await?;
        return Ok(answer.logs);
    }
    let of_blocks = lists.iter().all(|list| list.of_block);
    while from <= to {
        let found = keys::search(&mut *connection, &lists, (from, to), deadline).await?;
        from = found.next;
        if found.places.is_empty() {
            continue;
        }
        let (sql, places) = match of_blocks {
            true => (LogPage::SELECT_BLOCKS, None),
            false => (LogPage::SELECT_PLACES, Some(found.places.as_slice())),
        };
        // Numbers in brackets are JSON.
        let pages = sqlx::query_as(sql).bind(format!("{:?}", found.places)).fetch(&mut *connection);
        answer.read(pages, places).await?;
    }
    Ok(answer.logs)
}

/// What a query has found so far.
struct Answer<'query> {
    query: &'query LogQuery,
    limits: &'query LogLimits,
    deadline: Instant,
    bytes: usize,
    logs: Vec<IndexedLog>,
}

impl Answer<'_> {
    /// Takes what matches from pages: from all of their logs, or from those at some places, which all must be there.
    async fn read(
        &mut self,
        mut pages: BoxStream<'_, Result<LogPage, sqlx::Error>>,
        places: Option<&[Place]>,
    ) -> Result<(), Failure> {
        let mut expected = places;
        while let Some(page) = pages.next().await {
            check_time(self.deadline)?;
            let page = page?;
            page.verify()?;
            self.read_page(&page, &mut expected)?;
        }
        // A log that has keys and stands in no page.
        expected.and_then(|places| places.first()).map_or(Ok(()), |place| Err(damaged(*place)))
    }

    fn read_page(&mut self, page: &LogPage, expected: &mut Option<&[Place]>) -> Result<(), Failure> {
        let (mut place, block_hash, timestamp_s) = page.block().ok_or_else(|| damaged(page.place.unsigned_abs()))?;
        let mut body = page.body.as_slice();
        while !body.is_empty() {
            let mut fields = Header::decode_bytes(&mut body, true).map_err(|_| damaged(place))?;
            let wanted = match expected {
                None => true,
                Some(places) => match places.split_first() {
                    Some((next, later)) if *next == place => {
                        *places = later;
                        true
                    }
                    _ => false,
                },
            };
            if wanted {
                let mut parse = || {
                    let transaction_index = u64::decode(&mut fields)?;
                    let transaction_hash = B256::decode(&mut fields)?;
                    let log = Log::decode(&mut fields)?;
                    Ok::<_, alloy_rlp::Error>(IndexedLog {
                        height: keys::height(place),
                        block_hash,
                        timestamp_s,
                        transaction_hash,
                        transaction_index,
                        log_index: keys::number(place),
                        log,
                    })
                };
                let log = parse().map_err(|_| damaged(place))?;
                self.take(log)?;
            }
            place += 1;
        }
        Ok(())
    }

    /// Adds a log if it matches. Only those count, so that a key that two values share makes no answer look too long.
    fn take(&mut self, log: IndexedLog) -> Result<(), Failure> {
        if !self.query.matches(&log.log) {
            return Ok(());
        }
        // The blocks before this one are whole.
        let height = log.height.saturating_sub(1).max(self.query.from);
        self.bytes = self.bytes.saturating_add(stored_bytes(&log.log));
        if self.logs.len() >= self.limits.logs_max {
            return Err(Failure::TooMany { height });
        }
        if self.bytes > self.limits.bytes_max {
            return Err(Failure::TooLong { height });
        }
        self.logs.push(log);
        Ok(())
    }
}

/// About what a log takes in memory.
pub(crate) fn stored_bytes(log: &Log) -> usize {
    log.data.data.len().saturating_add(size_of::<IndexedLog>()).saturating_add(log.topics().len().saturating_mul(32))
}

/// Writes the logs of blocks; answers what they add to the content.
pub(crate) async fn write(connection: &mut SqliteConnection, blocks: &[&IndexedBlock]) -> Result<Content, sqlx::Error> {
    let mut content = Content::default();
    let mut pages = Vec::new();
    for block in blocks {
        push_pages(&mut pages, block, &mut content);
    }
    insert(connection, "INSERT INTO log_pages (place, body, checksum) ", pages.into_iter(), |values, page: LogPage| {
        values.push_bind(page.place).push_bind(page.body).push_bind(page.checksum);
    })
    .await?;
    Ok(content)
}

/// Cuts the logs of a block into pages and adds them to the content. A long log gets a page of its own.
fn push_pages(pages: &mut Vec<LogPage>, block: &IndexedBlock, content: &mut Content) {
    let (height, timestamp_s) = (block.block.height(), as_sql(block.block.header().timestamp));
    let (mut body, mut first, mut count) = (Vec::new(), 0u64, 0usize);
    let mut close = |body: &mut Vec<u8>, first: u64| {
        let mut page = LogPage {
            place: as_sql(keys::place(height, first)),
            body: std::mem::take(body),
            checksum: Vec::new(),
            block_hash: Some(block.block.hash().to_vec()),
            timestamp_s: Some(timestamp_s),
        };
        let digest = page.digest().unwrap_or_default();
        *content += digest;
        page.checksum = digest.to_sql();
        pages.push(page);
    };
    for ((tx, receipt), transaction_position) in block.block.transactions().iter().zip(block.receipts.iter()).zip(0..) {
        for log in receipt.logs() {
            let encoded = PagedLog { transaction_position, transaction_hash: tx.tx_hash(), log }.encode();
            if count == PAGE_LOGS || (count > 0 && body.len() + encoded.len() > PAGE_BYTES) {
                close(&mut body, first);
                first += count as u64;
                count = 0;
            }
            body.extend(encoded);
            count += 1;
        }
    }
    if count > 0 {
        close(&mut body, first);
    }
}
