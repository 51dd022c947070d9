//! What is durable. Every function is a few statements; whoever calls decides what is one SQL transaction.

mod answers;
mod audit;
mod decisions;
mod entries;
mod events;
mod messages;
mod orders;
mod quotes;
mod requests_to_pay;
mod search;
mod submissions;
mod webhooks;

pub(crate) use answers::{Answer, NewAnswer, Purpose};
pub(crate) use audit::{AnchorRow, AuditRow};
pub(crate) use decisions::{Decision, DecisionRow, Stage, Verdict};
pub(crate) use entries::{Entry, EntryDetails, ExchangeLegs, Side, Turnover};
pub(crate) use events::{Called, Event, Subject};
pub(crate) use messages::{MESSAGE_FINAL, MESSAGE_OPEN, MESSAGE_REFUSED, MessageRow, OWN_NAMES, ReadAs, Sender};
pub(crate) use orders::{About, Details, Exchange, Kind as OrderKind, NewOrder, Order, Told};
pub(crate) use quotes::{Quote, QuoteEnd, QuoteSearch, QuoteState};
pub(crate) use requests_to_pay::{RequestEnd, RequestSearch, RequestToPay, Stand};
pub(crate) use search::Search;
pub(crate) use submissions::{Submission, SubmissionState};
pub(crate) use webhooks::Told as TellState;

use crate::{Faults, GatewayError};
use alloy_primitives::{B256, U256};
use florin_history::{
    Location,
    sql::{
        Database, Failure, Fields, Kind, Schema, Statement, Value, Work, amount, bytes, number, optional, text, typed,
    },
};
use std::time::{Duration, Instant};

const SCHEMA: Schema = Schema {
    changes: &[
        (1, "gateway", beginning),
        (2, "rest", rest),
        (3, "access", access),
        (4, "mass", many_orders),
        (5, "returns", returns),
        (6, "requests", requests),
        (7, "quotes", quotes),
    ],
    survives_power_cuts: true,
};
/// Rows of one statement: few different ones, so that each is prepared once.
const ROWS_AT_ONCE: [usize; 3] = [128, 16, 1];
/// How long a read may take.
const READ_TIME_MAX: Duration = Duration::from_secs(20);

/// What a new database is given.
fn beginning(is_sqlite: bool) -> String {
    typed(include_str!("../../migrations/0001_gateway.sql"), is_sqlite)
}

/// What JSON needs beside messages.
fn rest(is_sqlite: bool) -> String {
    let triggers = if is_sqlite {
        include_str!("../../migrations/0002_rest_sqlite.sql")
    } else {
        include_str!("../../migrations/0002_rest_postgres.sql")
    };
    typed(include_str!("../../migrations/0002_rest.sql"), is_sqlite) + triggers
}

/// Who made what, and who decided.
fn access(is_sqlite: bool) -> String {
    typed(include_str!("../../migrations/0003_access.sql"), is_sqlite)
}

/// How many orders are found, counted and followed at once.
fn many_orders(is_sqlite: bool) -> String {
    typed(include_str!("../../migrations/0004_mass.sql"), is_sqlite)
}

/// Returns by their references.
fn returns(is_sqlite: bool) -> String {
    typed(include_str!("../../migrations/0005_returns.sql"), is_sqlite)
}

/// Requests to pay.
fn requests(is_sqlite: bool) -> String {
    let triggers = if is_sqlite {
        include_str!("../../migrations/0006_requests_sqlite.sql")
    } else {
        include_str!("../../migrations/0006_requests_postgres.sql")
    };
    typed(include_str!("../../migrations/0006_requests.sql"), is_sqlite) + triggers
}

/// Quotes of foreign exchange.
fn quotes(is_sqlite: bool) -> String {
    let triggers = if is_sqlite {
        include_str!("../../migrations/0007_quotes_sqlite.sql")
    } else {
        include_str!("../../migrations/0007_quotes_postgres.sql")
    };
    typed(include_str!("../../migrations/0007_quotes.sql"), is_sqlite) + triggers
}

/// The gateway's memory. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
    place: String,
    faults: Faults,
}

/// What is known about the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) salt: Vec<u8>,
    pub(crate) read_to: u64,
}

impl Store {
    /// Opens it; `read_to` is where reading the ledger begins the first time.
    pub(crate) async fn open(
        location: &Location,
        genesis_hash: B256,
        read_to: u64,
        faults: Faults,
    ) -> Result<(Self, Known), GatewayError> {
        let place = location.to_string();
        let database = Database::open(location, &SCHEMA).await.map_err(|failure| GatewayError::sql(&place, failure))?;
        let store = Self { database, place, faults };
        let mut work = store.write().await?;
        let known = Statement::new("SELECT genesis_hash, salt, read_to FROM gateway");
        let known = match store.rows(&mut work, "gateway", known).await?.pop() {
            Some(mut row) => {
                let read = (|| Ok::<_, Failure>((row.hash()?, row.bytes()?, row.number()?)))();
                let (found, salt, read_to) = store.told(read)?;
                if found != genesis_hash {
                    let (found, expected) = (found.to_string(), genesis_hash.to_string());
                    return Err(GatewayError::OtherLedger { place: store.place.clone(), found, expected });
                }
                Known { salt, read_to }
            }
            None => {
                let salt = rand::random::<[u8; 32]>().to_vec();
                let values = vec![bytes(genesis_hash), bytes(&salt), number(read_to)];
                let sql = "INSERT INTO gateway (genesis_hash, salt, read_to) VALUES ($1, $2, $3)";
                store.run(&mut work, sql, values).await?;
                Known { salt, read_to }
            }
        };
        store.commit(work, "begun").await?;
        Ok((store, known))
    }

    /// Begins a transaction that writes.
    pub(crate) async fn write(&self) -> Result<Work, GatewayError> {
        self.told(self.database.write().await)
    }

    /// Begins one that reads.
    pub(crate) async fn read(&self) -> Result<Work, GatewayError> {
        self.told(self.database.read(Instant::now() + READ_TIME_MAX).await)
    }

    /// Makes a transaction durable. The name is that of the step, for tests that stop before or after it.
    pub(crate) async fn commit(&self, work: Work, step: &'static str) -> Result<(), GatewayError> {
        self.faults.pass(step)?;
        self.told(work.commit().await)?;
        self.faults.pass(step)
    }

    /// The same for what is no step of a round: tests do not stop there.
    pub(crate) async fn commit_aside(&self, work: Work) -> Result<(), GatewayError> {
        self.told(work.commit().await)
    }

    /// Passes a place at which a test may stop.
    pub(crate) fn pass(&self, step: &'static str) -> Result<(), GatewayError> {
        self.faults.pass(step)
    }

    /// How far the ledger was read from now on.
    pub(crate) async fn read_to(&self, work: &mut Work, height: u64) -> Result<(), GatewayError> {
        self.run(work, "UPDATE gateway SET read_to = $1", vec![number(height)]).await.map(drop)
    }

    /// How far that is, durably.
    pub(crate) async fn stored_read_to(&self, work: &mut Work) -> Result<u64, GatewayError> {
        self.count(work, "SELECT read_to FROM gateway", Vec::new()).await
    }

    /// Ends all connections.
    pub(crate) async fn close(&self) {
        self.database.close().await;
    }

    async fn run(&self, work: &mut Work, sql: &str, values: Vec<Value>) -> Result<u64, GatewayError> {
        self.told(work.execute(Statement { sql: sql.into(), values }).await)
    }

    async fn rows(&self, work: &mut Work, table: &'static str, query: Statement) -> Result<Vec<Fields>, GatewayError> {
        let rows = self.told(work.fetch(query).await)?;
        Ok(rows.into_iter().map(|row| Fields::new(table, row)).collect())
    }

    /// The rows of a query, read.
    async fn read_rows<T>(
        &self,
        work: &mut Work,
        table: &'static str,
        query: Statement,
        read: impl FnMut(&mut Fields) -> Result<T, Failure>,
    ) -> Result<Vec<T>, GatewayError> {
        let mut rows = self.rows(work, table, query).await?;
        self.told(rows.iter_mut().map(read).collect())
    }

    /// Adds rows of a table, many in a statement.
    async fn insert(
        &self,
        work: &mut Work,
        table: &str,
        columns: &[&str],
        rows: Vec<Vec<Value>>,
    ) -> Result<(), GatewayError> {
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let count = portion(rows.len());
            let values = rows.by_ref().take(count).flatten().collect();
            self.run(work, &insert(table, columns, count), values).await?;
        }
        Ok(())
    }

    /// One number of a row that is always there.
    async fn count(&self, work: &mut Work, sql: &str, values: Vec<Value>) -> Result<u64, GatewayError> {
        let rows = self.rows(work, "count", Statement { sql: sql.into(), values }).await?;
        let number = rows.into_iter().next().map(|mut row| row.number());
        self.told(number.unwrap_or(Err(Failure::Damaged("a count without a row".into()))))
    }

    /// The number that the next row of a table has.
    async fn next_number(&self, work: &mut Work, table: &str) -> Result<u64, GatewayError> {
        self.count(work, &format!("SELECT COALESCE(MAX(number), 0) + 1 FROM {table}"), Vec::new()).await
    }

    fn told<T>(&self, result: Result<T, Failure>) -> Result<T, GatewayError> {
        result.map_err(|failure| GatewayError::sql(&self.place, failure))
    }

    pub(crate) fn damaged(&self, what: impl Into<String>) -> GatewayError {
        GatewayError::Damaged { place: self.place.clone(), what: what.into() }
    }
}

/// Text that both databases keep: PostgreSQL has no NUL.
fn clean(value: &str) -> Value {
    text(&value.replace('\0', "\u{2400}"))
}

fn perhaps(value: Option<&str>) -> Value {
    optional(value, Kind::Text, clean)
}

fn money(minor: u128) -> Value {
    amount(U256::from(minor))
}

fn minor(row: &mut Fields) -> Result<u128, Failure> {
    let amount = row.amount()?;
    u128::try_from(amount).map_err(|_| Failure::Damaged(format!("amount {amount} is beyond the ledger's")))
}

/// How many of so many rows go into the next statement; at least one.
fn portion(left: usize) -> usize {
    ROWS_AT_ONCE.into_iter().find(|count| *count <= left).unwrap_or(1)
}

/// `$first, …`: so many places of values.
fn places(first: usize, count: usize) -> String {
    let places: Vec<String> = (first..).take(count).map(|place| format!("${place}")).collect();
    places.join(", ")
}

/// `INSERT INTO table (columns) VALUES ($1, …), …`, for so many rows.
fn insert(table: &str, columns: &[&str], rows: usize) -> String {
    let firsts = (1..).step_by(columns.len().max(1)).take(rows);
    let rows: Vec<String> = firsts.map(|first| format!("({})", places(first, columns.len()))).collect();
    format!("INSERT INTO {table} ({}) VALUES {}", columns.join(", "), rows.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_every_row_has_a_place_of_its_own() {
        assert_eq!(insert("t", &["a"], 1), "INSERT INTO t (a) VALUES ($1)");
        assert_eq!(insert("t", &["a", "b"], 2), "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)");
        assert_eq!(places(3, 2), "$3, $4");
    }

    #[test]
    fn portions_are_never_empty_and_never_more_than_there_is() {
        for left in 1..1_000 {
            assert!((1..=left).contains(&portion(left)), "{left}");
        }
        assert_eq!((portion(127), portion(128), portion(10_000)), (16, 128, 128));
    }
}
