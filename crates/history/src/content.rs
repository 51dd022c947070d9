//! That rows are what was written: each has a digest of its values, and the history the sum of all digests.
//!
//! **How.** A row is read with its digest, and one that does not fit is never served. The sum also has what rows are found by in
//! SQLite, its runs. Each batch of blocks changes it in its own SQL transaction. [`check`] reads everything and sums it up anew: a row,
//! or an entry of a run, that was changed, lost or added since makes another number, although nobody asks for it.
//!
//! **What it is not.** A proof: whoever may write the database can write digests, too. It finds what disks and file systems do.

use crate::{
    BlockRecord, DecisionRecord, LogRecord, NameRecord, PaymentRecord, PaymentStepRecord, SettlementRecord,
    TransactionRecord, TransferRecord,
    columns::{Fields, PersonRecord, Record, bytes},
    database::{Failure, Statement, Value, Work},
    runs,
    schema::{INDEXES, Index},
    search::selecting,
    write::read_chain,
};
use std::{collections::BTreeMap, num::Wrapping};

/// Bytes of a digest.
const DIGEST_BYTES: usize = 16;

/// Sum of digests of rows, in any order.
pub(crate) type Content = Wrapping<u128>;

/// What a digest is of. A buffer is kept from row to row: hashing at once costs half of hashing in parts.
#[derive(Default)]
struct Hashed(Vec<u8>);

impl Hashed {
    fn part(&mut self, tag: u8, content: &[u8]) {
        self.0.push(tag);
        self.0.extend_from_slice(&(content.len() as u64).to_be_bytes());
        self.0.extend_from_slice(content);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null(_) => self.part(b'0', &[]),
            Value::Integer(value) => self.part(b'i', &value.to_be_bytes()),
            Value::Bytes(value) => self.part(b'b', value),
            Value::Text(value) => self.part(b's', value.as_bytes()),
        }
    }

    /// The digest of a row of a table.
    fn row<'a>(&mut self, table: &str, values: impl IntoIterator<Item = &'a Value>) -> Content {
        self.part(b't', table.as_bytes());
        values.into_iter().for_each(|value| self.value(value));
        self.digest()
    }

    /// The digest of a row's entry in the runs of an index, if it has one: its keys, then its place.
    fn entry(&mut self, (index, name, columns): (&Index, &str, &[usize]), values: &[Value]) -> Option<Content> {
        let keys: Vec<&Value> = columns.iter().filter_map(|column| values.get(*column)).collect();
        if keys.iter().any(|key| matches!(key, Value::Null(_))) {
            return None;
        }
        self.part(b't', name.as_bytes());
        for key in keys {
            match key {
                Value::Bytes(bytes) => self.part(b'b', index.held(bytes)),
                key => self.value(key),
            }
        }
        self.value(values.first()?);
        Some(self.digest())
    }

    fn digest(&mut self) -> Content {
        let mut first = [0; DIGEST_BYTES];
        first.copy_from_slice(&blake3::hash(&self.0).as_bytes()[..DIGEST_BYTES]);
        self.0.clear();
        Wrapping(u128::from_be_bytes(first))
    }
}

/// The digest of a row of a table.
pub(crate) fn digest<'a>(table: &str, values: impl IntoIterator<Item = &'a Value>) -> Content {
    Hashed::default().row(table, values)
}

/// As a column.
pub(crate) fn to_sql(content: Content) -> Value {
    bytes(content.0.to_be_bytes())
}

/// From a column.
pub(crate) fn from_sql(row: &mut Fields) -> Result<Content, Failure> {
    row.array().map(|bytes| Wrapping(u128::from_be_bytes(bytes)))
}

/// A row's values as they are stored, its digest last; and its digest.
pub(crate) fn sealed<R: Record>(row: &R) -> (Vec<Value>, Content) {
    let mut values = Vec::with_capacity(R::COLUMNS.len().saturating_add(1));
    row.write(&mut values);
    // The hash of its transaction is served with it, and stands elsewhere.
    let transaction = row.transaction_hash().map(bytes);
    let digest = digest(R::TABLE, transaction.iter().chain(&values));
    values.push(to_sql(digest));
    (values, digest)
}

/// Takes the digest from the end of a row that was read, which has it if it is what was written.
pub(crate) fn verified(table: &'static str, row: &mut Vec<Value>) -> Result<Content, Failure> {
    let stored = row.pop();
    let found = digest(table, row.iter());
    match stored == Some(to_sql(found)) {
        true => Ok(found),
        false => Err(Failure::Damaged(format!("table {table}: a row that was changed, with {:?}", row.first()))),
    }
}

/// What was written: the sum of its rows, and that of the entries by which SQLite finds them, an index each.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) rows: Content,
    pub(crate) entries: BTreeMap<String, Content>,
}

impl Written {
    /// Adds rows as they are stored.
    pub(crate) fn add<R: Record>(&mut self, rows: &[(Vec<Value>, Content)]) {
        self.rows += rows.iter().map(|(_, digest)| *digest).sum::<Content>();
        let mut hashed = Hashed::default();
        for index in INDEXES.iter().filter(|index| index.scattered && index.table == R::TABLE) {
            let (name, columns) = (index.full_name(), positions::<R>(index));
            let entry = |(values, _): &(Vec<Value>, Content)| hashed.entry((index, &name, &columns), values);
            let sum: Content = rows.iter().filter_map(entry).sum();
            *self.entries.entry(name).or_default() += sum;
        }
    }
}

/// Where the columns of an index stand in a row.
fn positions<R: Record>(index: &Index) -> Vec<usize> {
    let columns = index.columns.iter();
    columns.filter_map(|name| R::COLUMNS.iter().position(|column| column.name == *name)).collect()
}

/// Reads everything, as it was at one moment, and fails unless it is what was written.
pub(crate) async fn check(work: &mut Work) -> Result<(), Failure> {
    let expected = match read_chain(work, false).await? {
        Some(chain) => chain.content,
        None => return Ok(()),
    };
    let mut found = sum::<BlockRecord>(work).await?;
    found += sum::<TransactionRecord>(work).await?;
    found += sum::<LogRecord>(work).await?;
    found += sum::<TransferRecord>(work).await?;
    found += sum::<PaymentRecord>(work).await?;
    found += sum::<PaymentStepRecord>(work).await?;
    found += sum::<DecisionRecord>(work).await?;
    found += sum::<SettlementRecord>(work).await?;
    found += sum::<NameRecord>(work).await?;
    found += sum::<PersonRecord>(work).await?;
    if work.is_sqlite() {
        found += runs::check(work).await?;
        check_trees(work).await?;
    }
    match found == expected {
        true => Ok(()),
        false => Err(Failure::Damaged("a row that was lost or added".into())),
    }
}

async fn sum<R: Record>(work: &mut Work) -> Result<Content, Failure> {
    let mut found = Content::default();
    work.each(selecting::<R>(Statement::default()), |mut row| {
        found += verified(R::TABLE, &mut row)?;
        Ok(())
    })
    .await?;
    Ok(found)
}

/// What SQLite finds other rows by, and what lies between: it compares that with the tables itself.
async fn check_trees(work: &mut Work) -> Result<(), Failure> {
    let said = work.fetch(Statement::new("PRAGMA integrity_check(1)")).await?;
    match said.into_iter().flatten().next() {
        Some(Value::Text(said)) if said == "ok" => Ok(()),
        said => Err(Failure::Damaged(format!("SQLite says {said:?}"))),
    }
}
