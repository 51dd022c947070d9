//! Keys: what is searched for, and at which places of the chain it stands.
//!
//! An entry is a key, 64 bits of a hash over a kind and a value, and a place. Each batch of blocks writes its entries as
//! one sorted *run*; when eight of about the same size have come together, they are merged into one, as in a
//! log-structured merge tree. Random keys in one large tree would cost a page of the file each; here an entry is written
//! four or five times, among neighbours, however large the file is. Runs follow each other in the chain, so that a search
//! in them meets places in their order, and passes over the runs outside of its heights.

use crate::{Failure, IndexedBlock, ROWS_PER_INSERT, as_sql, check_time, content::Content, insert};
use alloy_primitives::{Address, B256};
use florin_types::Height;
use futures::TryStreamExt as _;
use sqlx::SqliteConnection;
use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, binary_heap::PeekMut},
    time::Instant,
};

/// Bits of a place that count inside of the block. Source: a log costs 375 gas and a transaction 21,000, so that more of
/// them than this counts would need blocks of six thousand million gas.
const NUMBER_BITS: u32 = 24;
const NUMBER_MAX: u64 = (1 << NUMBER_BITS) - 1;
/// Largest height that a place can name: places stay positive in SQL.
const HEIGHT_MAX: Height = (1 << (63 - NUMBER_BITS)) - 1;
/// Bytes of an entry.
const ENTRY_BYTES: usize = 16;
/// Entries of a page: 4 KiB, since most searches want one entry of it. Tests have small sizes here and below, so that a
/// few blocks reach every limit.
const PAGE_ENTRIES: usize = if cfg!(test) { 4 } else { 256 };
/// Pages that a merge reads of each run at once.
const PAGES_AT_ONCE: usize = 16;
/// Runs of one level that are merged.
const MERGED_RUNS: usize = 8;
/// Entries of a run from which it is above level 0; each level above has eight times as many.
const LEVEL_ENTRIES: u64 = if cfg!(test) { 16 } else { 4_096 };
/// Highest level that is merged, so that no merge rewrites more than some 20 million entries.
const MERGED_LEVEL_MAX: u32 = 3;
/// Places of one list that a search has in memory, about; and of one key, at least.
const PLACES_AT_ONCE: usize = if cfg!(test) { 8 } else { 4_096 };
const PLACES_OF_KEY_MIN: usize = if cfg!(test) { 2 } else { 256 };
/// So few candidates are read at once, rather than looked up under further keys.
const CANDIDATES_FEW: usize = if cfg!(test) { 2 } else { 64 };

/// Where something stands: height, then number in the block.
pub(crate) type Place = u64;

/// The place of a number in a block.
pub(crate) fn place(height: Height, number: u64) -> Place {
    (height.min(HEIGHT_MAX) << NUMBER_BITS) | number.min(NUMBER_MAX)
}

/// The last place of a block.
pub(crate) fn block_end(height: Height) -> Place {
    place(height, NUMBER_MAX)
}

/// The block of a place.
pub(crate) fn height(place: Place) -> Height {
    place >> NUMBER_BITS
}

/// The number in the block of a place.
pub(crate) fn number(place: Place) -> u64 {
    place & NUMBER_MAX
}

/// Key of a transaction; its number is its position.
pub(crate) fn transaction_key(hash: &B256) -> u64 {
    key(b'h', hash.as_slice())
}

/// Key of an emitter. It stands once a block, with number 0: a busy token would write it once a log.
pub(crate) fn address_key(address: &Address) -> u64 {
    key(b'a', address.as_slice())
}

/// Key of a topic; its number is that of the log. Topics of different positions have different keys: a payer is not a
/// payee. The first topic, the kind of event, stands once a block, as an address does.
pub(crate) fn topic_key(position: usize, topic: &B256) -> u64 {
    key(u8::try_from(position).unwrap_or(u8::MAX), topic.as_slice())
}

fn key(kind: u8, value: &[u8]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[kind]).update(value);
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_be_bytes(first)
}

/// A key and a place under it. Its order is that of a run.
pub(crate) type Entry = u128;

pub(crate) fn entry(key: u64, place: Place) -> Entry {
    (u128::from(key) << 64) | u128::from(place)
}

/// A row of `runs`.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub(crate) struct Run {
    last: i64,
    first: i64,
    entries: i64,
}

impl Run {
    /// What it adds to the content.
    pub(crate) fn digest(&self) -> Content {
        Content::digest(b'r', &[self.last, self.first, self.entries], [&[], &[]])
    }

    /// 0 for the smallest runs, one more for each eightfold size.
    fn level(&self) -> u32 {
        let units = self.entries.unsigned_abs() / LEVEL_ENTRIES;
        units.checked_ilog(MERGED_RUNS as u64).map_or(0, |level| level + 1)
    }

    fn damaged(&self) -> Failure {
        Failure::Damaged(format!("keys of blocks {} to {}", self.first, self.last))
    }
}

/// A row of `key_pages`.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct KeyPage {
    run: i64,
    first: Vec<u8>,
    body: Vec<u8>,
    checksum: Vec<u8>,
}

impl KeyPage {
    /// A new page; it is added to the content.
    fn new(run: i64, entries: &[Entry], content: &mut Content) -> Self {
        let body = entries.iter().map(|entry| entry.to_be_bytes()).collect::<Vec<_>>().into_flattened();
        let first = body.get(..ENTRY_BYTES).unwrap_or_default().to_vec();
        let mut page = Self { run, first, body, checksum: Vec::new() };
        let digest = page.digest();
        *content += digest;
        page.checksum = digest.to_sql();
        page
    }

    /// Its checksum as it must be.
    fn digest(&self) -> Content {
        Content::digest(b'k', &[self.run], [&self.first, &self.body])
    }

    /// Checks the page; gives what it adds to the content.
    pub(crate) fn verify(&self) -> Result<Content, Failure> {
        let digest = self.digest();
        match digest.to_sql() == self.checksum {
            true => Ok(digest),
            false => Err(Failure::Damaged(format!("a page of the keys up to block {}", self.run))),
        }
    }

    fn entries(&self) -> &[[u8; ENTRY_BYTES]] {
        self.body.as_chunks().0
    }

    /// Places in it from one entry up to another, both included, in their order.
    fn places(&self, from: Entry, to: Entry) -> impl Iterator<Item = Place> {
        let (from, to) = (from.to_be_bytes(), to.to_be_bytes());
        let start = self.entries().partition_point(|entry| *entry < from);
        let within = self.entries()[start..].iter().take_while(move |entry| **entry <= to);
        within.map(|entry| u128::from_be_bytes(*entry) as Place)
    }
}

/// Writes the keys of blocks; answers what that adds to the content.
pub(crate) async fn write(connection: &mut SqliteConnection, blocks: &[&IndexedBlock]) -> Result<Content, Failure> {
    let mut entries = Vec::new();
    blocks.iter().for_each(|block| push_entries(&mut entries, block));
    match (blocks.first(), blocks.last()) {
        (Some(first), Some(last)) if !entries.is_empty() => {
            write_run(connection, (first.block.height(), last.block.height()), entries).await
        }
        _ => Ok(Content::default()),
    }
}

/// Writes entries of some blocks as a run, merged with older ones if it is time.
pub(crate) async fn write_run(
    connection: &mut SqliteConnection,
    (first, last): (Height, Height),
    mut entries: Vec<Entry>,
) -> Result<Content, Failure> {
    entries.sort_unstable();
    // A key stands twice at one place only through a collision: then one entry is enough.
    entries.dedup();
    let runs: Vec<Run> =
        sqlx::query_as("SELECT last, first, entries FROM runs ORDER BY last").fetch_all(&mut *connection).await?;
    let new = Run { last: as_sql(last), first: as_sql(first), entries: as_sql(entries.len() as u64) };
    let merged = &runs[runs.len() - merged_with(&runs, &new)..];
    merge(connection, merged, new, entries).await
}

fn push_entries(entries: &mut Vec<Entry>, block: &IndexedBlock) {
    let height = block.block.height();
    // Hashed once a block.
    let (mut addresses, mut events) = (BTreeSet::new(), BTreeSet::new());
    let mut logs = 0u64..;
    for ((tx, receipt), position) in block.block.transactions().iter().zip(block.receipts.iter()).zip(0..) {
        entries.push(entry(transaction_key(tx.tx_hash()), place(height, position)));
        for (log, log_index) in receipt.logs().iter().zip(&mut logs) {
            addresses.insert(log.address);
            events.extend(log.topics().first());
            for (position, topic) in log.topics().iter().enumerate().skip(1) {
                entries.push(entry(topic_key(position, topic), place(height, log_index)));
            }
        }
    }
    entries.extend(addresses.iter().map(|address| entry(address_key(address), place(height, 0))));
    entries.extend(events.into_iter().map(|topic| entry(topic_key(0, topic), place(height, 0))));
}

/// How many of the newest runs are merged with a new one: all that are not above the highest level that is full.
fn merged_with(runs: &[Run], new: &Run) -> usize {
    let newest_first = || std::iter::once(new).chain(runs.iter().rev());
    let tail = |level| newest_first().take_while(move |run| run.level() <= level);
    let is_full = |level: &u32| tail(*level).filter(|run| run.level() == *level).count() >= MERGED_RUNS;
    (0..=MERGED_LEVEL_MAX).rev().find(is_full).map_or(0, |level| tail(level).count() - 1)
}

/// Puts new entries and those of the newest runs into one run in their place.
async fn merge(
    connection: &mut SqliteConnection,
    old: &[Run],
    new: Run,
    entries: Vec<Entry>,
) -> Result<Content, Failure> {
    let mut run = new;
    let mut content = Content::default();
    let mut sources: Vec<Source> = Vec::with_capacity(old.len() + 1);
    for old in old {
        run = Run { first: run.first.min(old.first), entries: run.entries.saturating_add(old.entries), ..run };
        sources.push(Source { run: *old, entries: Vec::new().into_iter(), after: Some(Vec::new()), read: 0 });
    }
    sources.push(Source { read: new.entries, run: new, entries: entries.into_iter(), after: None });
    let mut heads = BinaryHeap::new();
    for (number, source) in sources.iter_mut().enumerate() {
        heads.extend(source.next(connection, &mut content).await?.map(|entry| Reverse((entry, number))));
    }
    let mut pages = Vec::with_capacity(ROWS_PER_INSERT);
    let mut page = Vec::with_capacity(PAGE_ENTRIES);
    while let Some(mut head) = heads.peek_mut() {
        let Reverse((entry, number)) = *head;
        page.push(entry);
        match sources[number].next(connection, &mut content).await? {
            Some(next) => *head = Reverse((next, number)),
            None => drop(PeekMut::pop(head)),
        }
        if page.len() == PAGE_ENTRIES {
            pages.push(KeyPage::new(run.last, &page, &mut content));
            page.clear();
        }
        if pages.len() == ROWS_PER_INSERT {
            insert_pages(connection, &mut pages).await?;
        }
    }
    if !page.is_empty() {
        pages.push(KeyPage::new(run.last, &page, &mut content));
    }
    insert_pages(connection, &mut pages).await?;
    for old in old {
        sqlx::query("DELETE FROM key_pages WHERE run = ?").bind(old.last).execute(&mut *connection).await?;
        sqlx::query("DELETE FROM runs WHERE last = ?").bind(old.last).execute(&mut *connection).await?;
        content -= old.digest();
    }
    sqlx::query("INSERT INTO runs (last, first, entries) VALUES (?, ?, ?)")
        .bind(run.last)
        .bind(run.first)
        .bind(run.entries)
        .execute(connection)
        .await?;
    content += run.digest();
    Ok(content)
}

async fn insert_pages(connection: &mut SqliteConnection, pages: &mut Vec<KeyPage>) -> Result<(), sqlx::Error> {
    insert(connection, "INSERT INTO key_pages (run, first, body, checksum) ", pages.drain(..), |values, page| {
        values.push_bind(page.run).push_bind(page.first).push_bind(page.body).push_bind(page.checksum);
    })
    .await
}

/// Entries of one run in their order, of which some pages are in memory.
struct Source {
    run: Run,
    entries: std::vec::IntoIter<Entry>,
    /// First entry of the last page that was read; `None` if there is no more to read.
    after: Option<Vec<u8>>,
    /// Entries that were read.
    read: i64,
}

impl Source {
    /// The next entry. Pages that are read leave the content: a merge replaces them.
    async fn next(
        &mut self,
        connection: &mut SqliteConnection,
        content: &mut Content,
    ) -> Result<Option<Entry>, Failure> {
        if let Some(entry) = self.entries.next() {
            return Ok(Some(entry));
        }
        let Some(after) = self.after.take() else { return Ok(None) };
        let pages: Vec<KeyPage> = sqlx::query_as(
            "SELECT run, first, body, checksum FROM key_pages WHERE run = ? AND first > ? ORDER BY first LIMIT ?",
        )
        .bind(self.run.last)
        .bind(after)
        .bind(as_sql(PAGES_AT_ONCE as u64))
        .fetch_all(connection)
        .await?;
        let mut entries = Vec::with_capacity(PAGES_AT_ONCE * PAGE_ENTRIES);
        for page in &pages {
            *content -= page.verify()?;
            entries.extend(page.entries().iter().map(|entry| Entry::from_be_bytes(*entry)));
        }
        self.read = self.read.saturating_add_unsigned(entries.len() as u64);
        if pages.is_empty() && self.read != self.run.entries {
            return Err(self.run.damaged());
        }
        self.after = pages.into_iter().next_back().map(|page| page.first);
        self.entries = entries.into_iter();
        Ok(self.entries.next())
    }
}

/// Keys of which one must stand where something is found.
#[derive(Clone, Debug)]
pub(crate) struct KeyList {
    /// The keys.
    pub(crate) keys: Vec<u64>,
    /// Whether they stand once a block, and say nothing about a single log.
    pub(crate) of_block: bool,
}

impl KeyList {
    /// The place under which these keys stand for what is at `place`.
    fn place_of(&self, at: Place) -> Place {
        if self.of_block { place(height(at), 0) } else { at }
    }
}

/// Places that a search has found, and from where it goes on.
#[derive(Debug)]
pub(crate) struct Candidates {
    /// Places, rising. Everything before `next` that has a key of each list is among them.
    pub(crate) places: Vec<Place>,
    /// First place that was not looked at.
    pub(crate) next: Place,
}

/// Some places from `from` to `to` at which a key of each list stands, as far as looking further pays: whoever asks
/// compares the values anyway, because a key is only some bits of them. The first list is the most selective one.
pub(crate) async fn search(
    connection: &mut SqliteConnection,
    lists: &[KeyList],
    (from, to): (Place, Place),
    deadline: Instant,
) -> Result<Candidates, Failure> {
    let mut found: Option<Vec<Place>> = None;
    let mut until = to;
    for list in lists {
        let start = found.as_ref().and_then(|found| found.first()).copied().unwrap_or(from);
        let (places, known_to) = under_any(connection, list, (list.place_of(start), to), deadline).await?;
        until = until.min(known_to);
        let candidates = match found {
            None => places.clone(),
            Some(mut found) => {
                found.retain(|place| *place <= until && places.binary_search(&list.place_of(*place)).is_ok());
                found
            }
        };
        if candidates.is_empty() {
            // Nothing can be found before this list goes on.
            let goes_on = places.first().copied().unwrap_or(to + 1);
            return Ok(Candidates { places: candidates, next: goes_on.max(until + 1) });
        }
        let few = candidates.len() <= CANDIDATES_FEW;
        found = Some(candidates);
        if few {
            break;
        }
    }
    Ok(Candidates { places: found.unwrap_or_default(), next: until + 1 })
}

/// Places from `from` on where any of the keys stands, rising, and up to which place these are all: `to`, unless there
/// are too many.
async fn under_any(
    connection: &mut SqliteConnection,
    list: &KeyList,
    (from, to): (Place, Place),
    deadline: Instant,
) -> Result<(Vec<Place>, Place), Failure> {
    let enough = (PLACES_AT_ONCE / list.keys.len().max(1)).max(PLACES_OF_KEY_MIN);
    let mut known_to = to;
    let mut places = Vec::new();
    for key in &list.keys {
        let before = places.len();
        under(connection, *key, (from, known_to), deadline, |place| {
            places.push(place);
            if places.len() - before < enough {
                return true;
            }
            known_to = if list.of_block { block_end(height(place)) } else { place };
            false
        })
        .await?;
    }
    places.retain(|place| *place <= known_to);
    places.sort_unstable();
    places.dedup();
    Ok((places, known_to))
}

/// All places where a key stands, rising.
pub(crate) async fn all_under(
    connection: &mut SqliteConnection,
    key: u64,
    deadline: Instant,
) -> Result<Vec<Place>, Failure> {
    let mut places = Vec::new();
    let everywhere = (0, block_end(HEIGHT_MAX));
    under(connection, key, everywhere, deadline, |place| {
        places.push(place);
        true
    })
    .await?;
    Ok(places)
}

/// Hands over the places from `from` to `to` where a key stands, rising, until `wanted` says that it is enough.
async fn under(
    connection: &mut SqliteConnection,
    key: u64,
    (from, to): (Place, Place),
    deadline: Instant,
    mut wanted: impl FnMut(Place) -> bool,
) -> Result<(), Failure> {
    check_time(deadline)?;
    let (first, last) = (entry(key, from), entry(key, to));
    // CROSS JOIN fixes the order of SQLite's loops: runs in the order of the chain, then the pages of each: the one in
    // which the first entry would stand, and those after it up to the last.
    let mut pages = sqlx::query_as::<_, KeyPage>(
        "SELECT p.run, p.first, p.body, p.checksum FROM runs r CROSS JOIN key_pages p \
         ON p.run = r.last AND p.first >= COALESCE( \
             (SELECT MAX(q.first) FROM key_pages q WHERE q.run = r.last AND q.first <= ?1), x'') AND p.first <= ?2 \
         WHERE r.last >= ?3 AND r.first <= ?4 ORDER BY r.last",
    )
    .bind(first.to_be_bytes().to_vec())
    .bind(last.to_be_bytes().to_vec())
    .bind(as_sql(height(from)))
    .bind(as_sql(height(to)))
    .fetch(connection);
    while let Some(page) = pages.try_next().await? {
        check_time(deadline)?;
        page.verify()?;
        if !page.places(first, last).all(&mut wanted) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appends of some size for long: there are few runs, and an entry is rewritten few times.
    #[test]
    fn runs_stay_few_and_merges_rare() {
        let runs_max = MERGED_RUNS * (MERGED_LEVEL_MAX as usize + 1);
        for (appended, written_max) in [(1u64, 8), (10, 6), (100, 5), (1_000, 3)] {
            let (mut runs, mut written, mut total) = (Vec::<Run>::new(), 0u64, 0u64);
            for last in 0..20_000 {
                let mut new = Run { last, first: last, entries: as_sql(appended) };
                let old = runs.split_off(runs.len() - merged_with(&runs, &new));
                new.entries += old.iter().map(|run| run.entries).sum::<i64>();
                (written, total) = (written + new.entries.unsigned_abs(), total + appended);
                runs.push(new);
                let full = LEVEL_ENTRIES * (MERGED_RUNS as u64).pow(MERGED_LEVEL_MAX);
                let unmerged = runs.iter().filter(|run| run.entries.unsigned_abs() < full).count();
                assert!(unmerged <= runs_max, "{appended}: {unmerged} runs");
                assert!(runs.iter().all(|run| run.entries.unsigned_abs() <= full * 2 * MERGED_RUNS as u64));
            }
            assert!(written <= total * written_max, "{appended}: {}", written / total);
        }
    }
}
