//! What the index holds, as one number: the sum of the digests of its rows, in any order.
//!
//! Each batch of blocks adds its rows to the sum in the same SQL transaction. After every start the whole file is read
//! once, beside the node's work, and summed up anew: a row that was changed or lost since makes another number. Until
//! then the index says where something is, because that is checked when it is read, and never that something is absent.

use futures::TryStreamExt as _;
use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteRow};

/// Sum of the digests of rows, modulo 2^128.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content(u128);

/// Digest of one row: a kind, numbers, bytes. Rows of one kind have the same numbers, so that no two rows look alike.
fn digest(kind: u8, numbers: &[i64], bytes: &[u8]) -> Content {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[kind]);
    for number in numbers {
        hasher.update(&number.to_be_bytes());
    }
    hasher.update(bytes);
    let mut first = [0; 16];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Content(u128::from_be_bytes(first))
}

impl Content {
    /// A block's row.
    pub(crate) fn block(height: i64, timestamp_s: i64, hash: &[u8]) -> Self {
        digest(b'b', &[height, timestamp_s], hash)
    }

    /// A transaction's row.
    pub(crate) fn transaction(height: i64, position: i64, hash: &[u8]) -> Self {
        digest(b't', &[height, position], hash)
    }

    /// A log's row: what a search looks at; the rest has its checksum and is read with it.
    pub(crate) fn log(height: i64, log_index: i64, topics: i64, checksum: &[u8]) -> Self {
        digest(b'l', &[height, log_index, topics], checksum)
    }

    /// A key's row.
    pub(crate) fn key(key: i64, height: i64, log_index: i64) -> Self {
        digest(b'k', &[key, height, log_index], &[])
    }

    fn from_sql(stored: &[u8]) -> Option<Self> {
        stored.try_into().ok().map(|bytes| Self(u128::from_be_bytes(bytes)))
    }
}

impl std::ops::AddAssign for Content {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

impl std::iter::Sum for Content {
    fn sum<I: Iterator<Item = Self>>(rows: I) -> Self {
        rows.fold(Self::default(), |mut sum, row| {
            sum += row;
            sum
        })
    }
}

/// What the file says that it holds; `None` if that is not even a number.
async fn stored(connection: &mut SqliteConnection) -> Result<Option<Content>, sqlx::Error> {
    let stored: Vec<u8> = sqlx::query_scalar("SELECT content FROM chain").fetch_one(connection).await?;
    Ok(Content::from_sql(&stored))
}

/// Adds rows that were written in the same SQL transaction. A sum that is no number stays one: the check names it.
pub(crate) async fn add(connection: &mut SqliteConnection, rows: Content) -> Result<(), sqlx::Error> {
    let Some(mut content) = stored(&mut *connection).await? else { return Ok(()) };
    content += rows;
    sqlx::query("UPDATE chain SET content = ?").bind(content.0.to_be_bytes().to_vec()).execute(connection).await?;
    Ok(())
}

/// Reads every row, as they were at one moment, and says whether they are what was written.
pub(crate) async fn is_whole(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // One transaction sees one moment, however long it reads and whatever is appended meanwhile.
    let mut moment = connection.begin().await?;
    let expected = stored(&mut moment).await?;
    let mut found = Content::default();
    found += sum(&mut moment, "SELECT height, timestamp_s, hash FROM blocks", |row| {
        Ok(Content::block(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    })
    .await?;
    found += sum(&mut moment, "SELECT height, position, hash FROM transactions", |row| {
        Ok(Content::transaction(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    })
    .await?;
    found += sum(&mut moment, "SELECT height, log_index, topics, checksum FROM logs", |row| {
        Ok(Content::log(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
    })
    .await?;
    found += sum(&mut moment, "SELECT key, height, log_index FROM log_keys", |row| {
        Ok(Content::key(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    })
    .await?;
    Ok(expected == Some(found))
}

async fn sum(
    connection: &mut SqliteConnection,
    sql: &'static str,
    digest: impl Fn(&SqliteRow) -> Result<Content, sqlx::Error>,
) -> Result<Content, sqlx::Error> {
    let mut rows = sqlx::query(sql).fetch(connection);
    let mut found = Content::default();
    while let Some(row) = rows.try_next().await? {
        found += digest(&row)?;
    }
    Ok(found)
}
