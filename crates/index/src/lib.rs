//! Searchable history: where a transaction, a block or a log stands in the chain, in SQLite.
//!
//! **Place in the way of a payment.** After finality. Whoever follows the ledger hands over finalised blocks in order
//! ([`Index::append`]); RPC asks where things are. The index owns nothing: it can be removed and rebuilt from block 0.
//!
//! **State.** One SQLite file in WAL mode: blocks by height; every log, in pages of some dozen; and sorted runs of keys
//! that tell where a transaction, an emitter or a topic stands.
//!
//! **Invariants.** The indexed heights have no gap. A batch of blocks is one SQL transaction: a crash leaves a whole
//! prefix. A block that is already indexed is skipped, so that at-least-once delivery is enough. A page whose content
//! does not fit its checksum is reported, never returned; nothing is called absent before the file was checked. A key is
//! 64 bits of a hash: what is found under it is compared with what was asked for.
//!
//! **Failures.** Every [`IndexError`] names the file and what to do; damage is cured by [`Index::remove`] and a rebuild.
//!
//! **Limits.** A query names how many logs and bytes it wants at most and the time it may take; all are enforced here.
//! Looking up a transaction never waits for queries about logs: it has connections of its own.

mod content;
mod keys;
mod logs;
#[cfg(test)]
mod tests;

pub use logs::{IndexedLog, LogQuery, TOPICS_MAX};

use alloy_primitives::B256;
use content::Content;
use florin_types::{Block, Height, ReceiptEnvelope};
use sqlx::{
    Connection as _, QueryBuilder, Sqlite, SqliteConnection, SqlitePool,
    pool::PoolConnection,
    query_builder::Separated,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Connections that answer queries about logs at the same time.
const SEARCHERS_MAX: u32 = 4;
/// Connections that look up transactions at the same time.
const FINDERS_MAX: u32 = 2;
/// How long any query that is not about logs may take.
const LOOKUP_TIME_MAX: Duration = Duration::from_secs(5);
/// The same as limits: it is bounded by nothing else.
const LOOKUP_LIMITS: LogLimits = LogLimits { logs_max: usize::MAX, bytes_max: usize::MAX, time_max: LOOKUP_TIME_MAX };
/// Size to which SQLite's journal shrinks.
const JOURNAL_BYTES_MAX: u64 = 16 << 20;
/// SQLite instructions between two looks at the clock.
const INSTRUCTIONS_PER_TICK: i32 = 20_000;

/// Why the index cannot answer or grow.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file belongs to another chain.
    #[error(
        "index {file} belongs to the chain with genesis block {found}, not {expected}: give this node its own data directory, or remove the file and it is rebuilt"
    )]
    OtherChain {
        /// File of the index.
        file: PathBuf,
        /// Genesis hash in the file.
        found: B256,
        /// Genesis hash of this node.
        expected: B256,
    },
    /// A block came out of turn.
    #[error("the index ends at height {indexed:?} and cannot take height {offered}: offer the next one")]
    Gap {
        /// Last indexed height.
        indexed: Option<Height>,
        /// Height that was offered.
        offered: Height,
    },
    /// More logs match than were asked for.
    #[error("more than {limit} logs match; those up to block {height} are not too many")]
    TooMany {
        /// Most logs that were asked for.
        limit: usize,
        /// Last block whose logs are all within the limit; the first block, if it has too many alone.
        height: Height,
    },
    /// The logs that match are too long.
    #[error("more than {bytes_max} bytes of logs match; those up to block {height} are not too many")]
    TooLong {
        /// Most bytes that were asked for.
        bytes_max: usize,
        /// Last block whose logs are all within the limit; the first block, if it has too many alone.
        height: Height,
    },
    /// The query took too long.
    #[error("the query ran for {milliseconds} ms without an end")]
    TooSlow {
        /// Time that it was given.
        milliseconds: u128,
    },
    /// What is absent cannot be told yet.
    #[error(
        "index {file} is being checked since the start and cannot yet tell what is not there: ask again in a moment"
    )]
    Checking {
        /// File of the index.
        file: PathBuf,
    },
    /// Content of the file is not what was written.
    #[error("index {file} is damaged at {place}: stop the node, remove the file, and it is rebuilt from the blocks")]
    Damaged {
        /// File of the index.
        file: PathBuf,
        /// Where.
        place: String,
    },
    /// SQLite failed otherwise.
    #[error("index {file}: {source}")]
    Database {
        /// File of the index.
        file: PathBuf,
        /// What SQLite says.
        source: sqlx::Error,
    },
}

/// A finalised block as the index takes it.
#[derive(Clone, Debug)]
pub struct IndexedBlock {
    /// The block.
    pub block: Arc<Block>,
    /// Its receipts, in the order of its transactions.
    pub receipts: Arc<Vec<ReceiptEnvelope>>,
}

/// Bounds of one query about logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Most logs.
    pub logs_max: usize,
    /// Most bytes of logs, as they are stored.
    pub bytes_max: usize,
    /// Longest time, waiting included.
    pub time_max: Duration,
}

/// Heights that are indexed, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexedRange {
    /// First indexed height.
    pub first: Height,
    /// Last indexed height.
    pub last: Height,
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Block.
    pub height: Height,
    /// Place in the block, from 0.
    pub index: usize,
}

/// Handle to the index. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Index(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: PathBuf,
    writer: SqlitePool,
    searchers: SqlitePool,
    finders: SqlitePool,
    range: watch::Sender<Option<IndexedRange>>,
    check: watch::Sender<Check>,
}

/// Why something cannot be read or written; the index adds its file.
#[derive(Debug)]
enum Failure {
    TooMany { height: Height },
    TooLong { height: Height },
    TooSlow,
    Damaged(String),
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        // SQLITE_INTERRUPT
        let interrupted = error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "9");
        if interrupted { Self::TooSlow } else { Self::Database(error) }
    }
}

/// What reading the whole file after the start has shown.
#[derive(Clone, Debug)]
enum Check {
    Running,
    Whole,
    Damaged(String),
}

impl Index {
    /// Opens the index in `file`, creating it if it is absent.
    pub async fn open(file: &Path, genesis_hash: B256) -> Result<Self, IndexError> {
        let failed = |source| database_error(file, source);
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // The index is derived, so losing the last moments to a power cut is harmless; WAL stays consistent.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(LOOKUP_TIME_MAX)
            .pragma("cache_size", "-16384")
            // A large merge passes through the journal, which keeps its size otherwise.
            .pragma("journal_size_limit", JOURNAL_BYTES_MAX.to_string());
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.map_err(failed)?;
        sqlx::migrate!("./migrations").run(&writer).await.map_err(|error| failed(error.into()))?;
        let options = options.read_only(true);
        let readers = async |count| {
            SqlitePoolOptions::new().max_connections(count).connect_with(options.clone()).await.map_err(failed)
        };
        let (searchers, finders) = (readers(SEARCHERS_MAX).await?, readers(FINDERS_MAX).await?);
        let (range, check) = (watch::Sender::new(None), watch::Sender::new(Check::Running));
        let index = Self(Arc::new(Inner { file: file.to_path_buf(), writer, searchers, finders, range, check }));
        index.check_chain(genesis_hash).await?;
        let range = index.stored_range().await?;
        index.0.range.send_replace(range);
        let reader = SqliteConnection::connect_with(&options).await.map_err(failed)?;
        tokio::spawn(index.clone().check(reader));
        Ok(index)
    }

    /// Reads the whole file once.
    async fn check(self, mut reader: SqliteConnection) {
        let outcome = match content::check(&mut reader).await {
            Ok(()) => Check::Whole,
            Err(Failure::Damaged(place)) => Check::Damaged(place),
            Err(failure) => Check::Damaged(self.error(failure, &LOOKUP_LIMITS).to_string()),
        };
        self.0.check.send_replace(outcome);
    }

    /// Waits until it is sure that what is not found is absent.
    pub async fn checked(&self) -> Result<(), IndexError> {
        self.whole(LOOKUP_TIME_MAX).await
    }

    async fn whole(&self, time_max: Duration) -> Result<(), IndexError> {
        let mut check = self.0.check.subscribe();
        let ended = check.wait_for(|check| !matches!(check, Check::Running));
        let outcome = tokio::time::timeout(time_max, ended).await.ok().and_then(Result::ok).map(|check| check.clone());
        match outcome {
            Some(Check::Whole) => Ok(()),
            Some(Check::Damaged(place)) => Err(self.damaged(place)),
            Some(Check::Running) | None => Err(IndexError::Checking { file: self.0.file.clone() }),
        }
    }

    /// Removes the files of an index that is not open.
    pub fn remove(file: &Path) -> std::io::Result<()> {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = file.as_os_str().to_owned();
            name.push(suffix);
            match std::fs::remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Heights that are indexed; `None` while there is none.
    pub fn range(&self) -> Option<IndexedRange> {
        *self.0.range.borrow()
    }

    /// Last indexed height.
    pub fn height(&self) -> Option<Height> {
        self.range().map(|range| range.last)
    }

    /// Waits until `height` is indexed.
    pub async fn reached(&self, height: Height) {
        let mut range = self.0.range.subscribe();
        // The sender lives in `self`, so waiting can only end by reaching the height.
        let _ = range.wait_for(|range| range.is_some_and(|range| range.last >= height)).await;
    }

    /// Takes finalised blocks in rising order, all or none of them. Blocks that are already indexed are skipped.
    pub async fn append(&self, blocks: &[IndexedBlock]) -> Result<(), IndexError> {
        let mut range = self.range();
        let mut new = Vec::with_capacity(blocks.len());
        for block in blocks {
            let offered = block.block.height();
            match range {
                Some(indexed) if offered <= indexed.last => continue,
                Some(indexed) if offered == indexed.last + 1 => range = Some(IndexedRange { last: offered, ..indexed }),
                Some(indexed) => return Err(IndexError::Gap { indexed: Some(indexed.last), offered }),
                None => range = Some(IndexedRange { first: offered, last: offered }),
            }
            new.push(block);
        }
        if new.is_empty() {
            return Ok(());
        }
        let mut transaction = self.0.writer.begin_with("BEGIN IMMEDIATE").await.map_err(|error| self.failed(error))?;
        write(&mut transaction, &new).await.map_err(|failure| self.error(failure, &LOOKUP_LIMITS))?;
        transaction.commit().await.map_err(|error| self.failed(error))?;
        self.0.range.send_replace(range);
        Ok(())
    }

    /// Where the transaction with this hash may stand: nearly always one place, since two hashes can have the same key.
    /// Whoever asks looks there. That it stands nowhere is said once the file is checked.
    pub async fn transaction(&self, hash: B256) -> Result<Vec<Position>, IndexError> {
        let deadline = Instant::now() + LOOKUP_TIME_MAX;
        let mut reader = self.reader(&self.0.finders, LOOKUP_TIME_MAX).await?;
        let found = keys::all_under(&mut reader, keys::transaction_key(&hash), deadline).await;
        drop(reader);
        let places = found.map_err(|failure| self.error(failure, &LOOKUP_LIMITS))?;
        if places.is_empty() {
            self.checked().await?;
        }
        let position = |place| Position { height: keys::height(place), index: keys::number(place) as usize };
        Ok(places.into_iter().map(position).collect())
    }

    /// Whether the index cannot tell two transactions apart: they share a key, though not a hash.
    pub fn confuses(one: &B256, other: &B256) -> bool {
        one != other && keys::transaction_key(one) == keys::transaction_key(other)
    }

    /// Logs that match, in the order of the chain, once the file is checked. More than the limits allow is an error.
    pub async fn logs(&self, query: &LogQuery, limits: &LogLimits) -> Result<Vec<IndexedLog>, IndexError> {
        let deadline = Instant::now() + limits.time_max;
        self.whole(limits.time_max).await?;
        let mut reader = self.reader(&self.0.searchers, limits.time_max).await?;
        let found = async {
            // All statements see one moment, whatever is appended and merged meanwhile.
            let mut moment = reader.begin().await?;
            logs::fetch(&mut moment, query, limits, deadline).await
        };
        found.await.map_err(|failure| self.error(failure, limits))
    }

    /// A connection whose statements are interrupted once `time_max` is over. Every read takes its connection here, so
    /// that the deadline of an earlier, abandoned query never reaches a later one.
    async fn reader(&self, pool: &SqlitePool, time_max: Duration) -> Result<PoolConnection<Sqlite>, IndexError> {
        let deadline = Instant::now() + time_max;
        let acquired = tokio::time::timeout(time_max, pool.acquire()).await.map_err(|_| too_slow(time_max))?;
        let mut reader = acquired.map_err(|error| self.failed(error))?;
        reader
            .lock_handle()
            .await
            .map_err(|error| self.failed(error))?
            .set_progress_handler(INSTRUCTIONS_PER_TICK, move || Instant::now() < deadline);
        Ok(reader)
    }

    async fn check_chain(&self, expected: B256) -> Result<(), IndexError> {
        let stored: Option<Vec<u8>> = sqlx::query_scalar("SELECT genesis_hash FROM chain")
            .fetch_optional(&self.0.writer)
            .await
            .map_err(|error| self.failed(error))?;
        let Some(stored) = stored else {
            sqlx::query("INSERT INTO chain (genesis_hash) VALUES (?)")
                .bind(expected.to_vec())
                .execute(&self.0.writer)
                .await
                .map_err(|error| self.failed(error))?;
            return Ok(());
        };
        let found = B256::try_from(stored.as_slice()).map_err(|_| self.damaged("the genesis hash".into()))?;
        if found != expected {
            return Err(IndexError::OtherChain { file: self.0.file.clone(), found, expected });
        }
        Ok(())
    }

    async fn stored_range(&self) -> Result<Option<IndexedRange>, IndexError> {
        let (first, last, count): (Option<i64>, Option<i64>, i64) =
            sqlx::query_as("SELECT MIN(height), MAX(height), COUNT(*) FROM blocks")
                .fetch_one(&self.0.writer)
                .await
                .map_err(|error| self.failed(error))?;
        let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
        if last - first + 1 != count {
            return Err(self.damaged(format!("blocks {first} to {last}: {count} rows")));
        }
        Ok(Some(IndexedRange { first: self.height_from_sql(first)?, last: self.height_from_sql(last)? }))
    }

    fn height_from_sql(&self, height: i64) -> Result<Height, IndexError> {
        Height::try_from(height).map_err(|_| self.damaged(format!("height {height}")))
    }

    fn damaged(&self, place: String) -> IndexError {
        IndexError::Damaged { file: self.0.file.clone(), place }
    }

    fn error(&self, failure: Failure, limits: &LogLimits) -> IndexError {
        match failure {
            Failure::TooMany { height } => IndexError::TooMany { limit: limits.logs_max, height },
            Failure::TooLong { height } => IndexError::TooLong { bytes_max: limits.bytes_max, height },
            Failure::TooSlow => too_slow(limits.time_max),
            Failure::Damaged(place) => self.damaged(place),
            Failure::Database(error) => self.failed(error),
        }
    }

    fn failed(&self, error: sqlx::Error) -> IndexError {
        database_error(&self.0.file, error)
    }
}

/// Writes blocks, all in one SQL transaction.
async fn write(connection: &mut SqliteConnection, blocks: &[&IndexedBlock]) -> Result<(), Failure> {
    let mut change = Content::default();
    let rows = blocks.iter().map(|block| {
        let header = block.block.header();
        (as_sql(block.block.height()), block.block.hash(), as_sql(header.timestamp))
    });
    change +=
        rows.clone().map(|(height, hash, timestamp_s)| Content::block(height, timestamp_s, hash.as_slice())).sum();
    insert(
        connection,
        "INSERT INTO blocks (height, hash, timestamp_s) ",
        rows,
        |values, (height, hash, timestamp_s)| {
            values.push_bind(height).push_bind(hash.to_vec()).push_bind(timestamp_s);
        },
    )
    .await?;
    change += logs::write(connection, blocks).await?;
    change += keys::write(connection, blocks).await?;
    content::add(connection, change).await?;
    Ok(())
}

/// Rows of one INSERT. There is one prepared statement for each smaller number, and sqlx keeps a hundred.
const ROWS_PER_INSERT: usize = 16;

/// Inserts rows, some at once.
async fn insert<Row>(
    connection: &mut SqliteConnection,
    into: &str,
    mut rows: impl Iterator<Item = Row>,
    mut bind: impl FnMut(&mut Separated<'_, Sqlite, &'static str>, Row),
) -> Result<(), sqlx::Error> {
    loop {
        let some: Vec<Row> = rows.by_ref().take(ROWS_PER_INSERT).collect();
        if some.is_empty() {
            return Ok(());
        }
        let mut sql = QueryBuilder::<Sqlite>::new(into);
        sql.push_values(some, |mut values, row| bind(&mut values, row));
        sql.build().execute(&mut *connection).await?;
    }
}

/// The deadline of statements is SQLite's matter; between them somebody else must look at the clock.
fn check_time(deadline: Instant) -> Result<(), Failure> {
    if Instant::now() < deadline { Ok(()) } else { Err(Failure::TooSlow) }
}

/// SQLite's integers are signed; no chain reaches 2^63 blocks or seconds.
fn as_sql(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn too_slow(time_max: Duration) -> IndexError {
    IndexError::TooSlow { milliseconds: time_max.as_millis() }
}

/// SQLITE_CORRUPT and SQLITE_NOTADB, with their extended codes, mean damage; everything else is passed on.
fn database_error(file: &Path, source: sqlx::Error) -> IndexError {
    let code = source.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
    if code.is_some_and(|code| matches!(code & 0xff, 11 | 26)) {
        return IndexError::Damaged { file: file.to_path_buf(), place: source.to_string() };
    }
    IndexError::Database { file: file.to_path_buf(), source }
}
