//! What the index holds, as one number: the sum of the digests of its rows, in any order.
//!
//! Each batch of blocks adds its rows to the sum in the same SQL transaction, and takes out those that it replaces. After
//! every start the whole file is read once, beside the node's work, and summed up anew: a row that was changed or lost
//! since makes another number. Until then the index says where something is, because that is checked when it is read, and
//! never that something is absent.

use crate::{
    Failure,
    keys::{KeyPage, Run},
    logs::LogPage,
};
use futures::TryStreamExt as _;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteRow};

/// Bytes of the checksum of a page.
const CHECKSUM_BYTES: usize = 16;

/// Sum of the digests of rows, modulo 2^128. The digest of a page is its checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content(u128);

impl Content {
    /// Digest of one row: a kind, numbers, bytes. Rows of one kind have the same numbers, so that no two rows look alike.
    pub(crate) fn digest(kind: u8, numbers: &[i64], bytes: [&[u8]; 2]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[kind]);
        for number in numbers {
            hasher.update(&number.to_be_bytes());
        }
        for bytes in bytes {
            hasher.update(bytes);
        }
        let mut first = [0; CHECKSUM_BYTES];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM_BYTES]);
        Self(u128::from_be_bytes(first))
    }

    /// A block's row.
    pub(crate) fn block(height: i64, timestamp_s: i64, hash: &[u8]) -> Self {
        Self::digest(b'b', &[height, timestamp_s], [hash, &[]])
    }

    /// As a column.
    pub(crate) fn to_sql(self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
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

impl std::ops::SubAssign for Content {
    fn sub_assign(&mut self, other: Self) {
        self.0 = self.0.wrapping_sub(other.0);
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

/// Adds what changed in the same SQL transaction. A sum that is no number stays one: the check names it.
pub(crate) async fn add(connection: &mut SqliteConnection, change: Content) -> Result<(), sqlx::Error> {
    let Some(mut content) = stored(&mut *connection).await? else { return Ok(()) };
    content += change;
    sqlx::query("UPDATE chain SET content = ?").bind(content.to_sql()).execute(connection).await?;
    Ok(())
}

/// Reads every row, as they were at one moment, and fails unless they are what was written.
pub(crate) async fn check(connection: &mut SqliteConnection) -> Result<(), Failure> {
    // One transaction sees one moment, however long it reads and whatever is appended meanwhile.
    let mut moment = connection.begin().await?;
    let expected = stored(&mut moment).await?;
    let mut found = Content::default();
    found += sum(&mut moment, "SELECT height, timestamp_s, hash FROM blocks", |(height, timestamp_s, hash)| {
        Ok(Content::block(height, timestamp_s, Vec::as_slice(&hash)))
    })
    .await?;
    found += sum(&mut moment, "SELECT last, first, entries FROM runs", |run: Run| Ok(run.digest())).await?;
    found +=
        sum(&mut moment, "SELECT run, first, body, checksum FROM key_pages", |page: KeyPage| page.verify()).await?;
    found += sum(&mut moment, LogPage::SELECT_ALL, |page: LogPage| page.verify()).await?;
    match expected == Some(found) {
        true => Ok(()),
        false => Err(Failure::Damaged("a row that was changed or lost".into())),
    }
}

async fn sum<Row>(
    connection: &mut SqliteConnection,
    sql: &'static str,
    digest: impl Fn(Row) -> Result<Content, Failure>,
) -> Result<Content, Failure>
where
    Row: for<'row> sqlx::FromRow<'row, SqliteRow> + Send + Unpin,
{
    let mut rows = sqlx::query_as::<_, Row>(sql).fetch(connection);
    let mut found = Content::default();
    while let Some(row) = rows.try_next().await? {
        found += digest(row)?;
    }
    Ok(found)
}
