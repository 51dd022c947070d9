//! An empty database for one test.

use super::{
    chain::{GENESIS, Model},
    server::{PASSWORD, server},
};
use crate::{
    History, HistoryError, Location, NameRecord,
    database::{Database, Statement},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A database, and what makes it go away.
pub(super) struct Store {
    pub(super) location: Location,
    /// As [`Location::parse`] takes it, for another process.
    pub(super) url: String,
    _directory: Option<TempDir>,
}

impl Store {
    pub(super) fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file: PathBuf = directory.path().join("history.sqlite");
        let url = file.to_str().unwrap().to_owned();
        Self { location: Location::parse(&url, None).unwrap(), url, _directory: Some(directory) }
    }

    pub(super) async fn postgres() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let url = |database: &str| server().url(database);
        let Location::Postgres(options) = Location::parse(&url("postgres"), Some(PASSWORD)).unwrap() else { panic!() };
        let mut first = PgConnection::connect_with(&options).await.unwrap();
        let create = format!("CREATE DATABASE test_{number}");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut first).await.unwrap();
        let url = url(&format!("test_{number}"));
        Self { location: Location::parse(&url, Some(PASSWORD)).unwrap(), url, _directory: None }
    }

    pub(super) async fn open(&self) -> Result<History, HistoryError> {
        History::open(&self.location, GENESIS, &[]).await
    }

    pub(super) async fn open_named(&self, names: &[NameRecord]) -> History {
        History::open(&self.location, GENESIS, names).await.unwrap()
    }

    /// The database beside the history.
    pub(super) async fn database(&self) -> Database {
        Database::open(&self.location, &crate::database::HISTORY).await.unwrap()
    }

    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self.location, Location::Sqlite(_))
    }
}

/// Every table has the rows that the blocks say.
pub(super) async fn agree(database: &Database, model: &Model) {
    for (table, rows) in [
        ("blocks", model.blocks),
        ("transactions", model.transactions.len()),
        ("logs", model.logs.len()),
        ("transfers", model.transfers.len()),
        ("payments", model.payments.len()),
        ("payment_steps", model.steps),
        ("decisions", model.decisions.len()),
        ("settlement_events", model.settlement.len()),
    ] {
        assert_eq!(count(database, table).await, rows, "{table}");
    }
}

/// Every row of every table that people read, as text.
pub(super) async fn dump(store: &Store) -> Vec<String> {
    let database = store.database().await;
    let mut work = database.read(Instant::now() + Duration::from_secs(30)).await.unwrap();
    let mut all = Vec::new();
    for table in [
        "chain",
        "persons",
        "names",
        "settlement_events",
        "decisions",
        "payment_steps",
        "payments",
        "transfers",
        "logs",
        "transactions",
        "blocks",
    ] {
        let rows = work.fetch(Statement::new(format!("SELECT * FROM {table} ORDER BY 1, 2"))).await.unwrap();
        all.extend(rows.into_iter().map(|row| format!("{table} {row:?}")));
    }
    drop(work);
    database.close().await;
    all
}

/// How many rows a table has.
pub(super) async fn count(database: &Database, table: &str) -> usize {
    let mut work = database.read(Instant::now() + Duration::from_secs(30)).await.unwrap();
    let row = work.fetch(Statement::new(format!("SELECT COUNT(*) FROM {table}"))).await.unwrap().pop().unwrap();
    crate::columns::Fields::new("count", row).number().unwrap().try_into().unwrap()
}
