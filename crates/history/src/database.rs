//! Two databases behind one face: statements with numbered values, rows of values.
//!
//! Everything that differs between SQLite and PostgreSQL stands here: how to connect, how a transaction begins, how a
//! query is stopped, how many rows are inserted fast.

use crate::{
    columns::{Column, Kind, Record},
    content::{self, Content, Written},
    location::Location,
    schema,
};
use futures::TryStreamExt as _;
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _,
    migrate::{Migration, MigrationType, Migrator},
    pool::PoolOptions,
    postgres::{PgArguments, PgPool, PgPoolOptions, PgRow, Postgres},
    sqlite::{
        Sqlite, SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
        SqliteSynchronous,
    },
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Queries at the same time.
const READERS_MAX: u32 = 4;
/// How long the writer waits for a connection.
pub(crate) const WRITER_WAIT: Duration = Duration::from_secs(30);
/// Size to which SQLite's journal shrinks.
const JOURNAL_BYTES_MAX: u64 = 64 << 20;
/// Pages of the journal from which SQLite copies it into the file: a page that changes again before costs no second copy.
const JOURNAL_PAGES: u32 = 16_000;
/// SQLite instructions between two looks at the clock.
const INSTRUCTIONS_PER_TICK: i32 = 20_000;
/// Rows of one INSERT of SQLite. There is one prepared statement for each smaller number, and sqlx keeps a hundred.
const SQLITE_ROWS: usize = 16;
/// Rows of one INSERT of PostgreSQL, which takes columns as arrays.
const POSTGRES_ROWS: usize = 4_096;
/// One change of a schema: its number, its name, and its text for SQLite if so asked, else for PostgreSQL.
pub type Change = (i64, &'static str, fn(is_sqlite: bool) -> String);

/// What a database holds, and how much of it a power cut may take.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Every change of it, oldest first.
    pub changes: &'static [Change],
    /// Whether what is committed survives a power cut. What can be derived again need not.
    pub survives_power_cuts: bool,
}

/// The history's. Everything is derived, so losing the last moments to a power cut is harmless; WAL stays consistent.
pub(crate) const HISTORY: Schema = Schema {
    changes: &[(1, "history", schema::migration), (2, "digests", schema::digests)],
    survives_power_cuts: false,
};
/// The last column of every table of rows.
const DIGEST: Column = Column { name: "digest", kind: Kind::Bytes };
/// Every table, those that refer to others first.
const TABLES: [&str; 12] = [
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
    "chain",
    "_sqlx_migrations",
];

/// What a statement takes and a row gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, in a column of this kind.
    Null(Kind),
    /// A whole number.
    Integer(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// UTF-8 without NUL.
    Text(String),
}

/// Why the database did not answer.
#[derive(Debug)]
pub enum Failure {
    /// Stopped at its deadline.
    TooSlow,
    /// A value is not what this program writes.
    Damaged(String),
    /// What was asked for cannot be asked so.
    Search(String),
    /// The cursor is none of this search.
    Cursor,
    /// The database keeps text in this way, and not as UTF-8.
    Encoding(String),
    /// The database says so.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
        match code.as_ref() {
            // SQLITE_INTERRUPT; PostgreSQL's query_canceled.
            "9" | "57014" => Self::TooSlow,
            // SQLITE_CORRUPT with its extensions, SQLITE_NOTADB; PostgreSQL's data_corrupted and index_corrupted.
            "11" | "267" | "523" | "779" | "26" | "XX001" | "XX002" => Self::Damaged(error.to_string()),
            _ if matches!(error, sqlx::Error::PoolTimedOut) => Self::TooSlow,
            _ if matches!(error, sqlx::Error::ColumnDecode { .. }) => Self::Damaged(error.to_string()),
            _ => Self::Database(error),
        }
    }
}

/// SQL with the values of `$1`, `$2`, ... in their order.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    /// The text.
    pub sql: String,
    /// The values.
    pub values: Vec<Value>,
}

impl Statement {
    /// A text that has no values yet.
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }

    /// Appends text.
    pub fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Appends a value's number.
    pub fn bind(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        let number = self.values.len();
        self.sql.push_str(&format!("${number}"));
        self
    }
}

/// Connections to one database: one that writes, some that read.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file.
    Sqlite {
        /// The one that writes.
        writer: SqlitePool,
        /// Those that read.
        readers: SqlitePool,
    },
    /// A server.
    Postgres {
        /// The one that writes.
        writer: PgPool,
        /// Those that read.
        readers: PgPool,
    },
}

/// One SQL transaction. Rolled back unless committed.
pub enum Work {
    /// In SQLite.
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    /// In PostgreSQL.
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Database {
    /// Connects, creating what is missing. Changes an older schema to this program's.
    pub async fn open(location: &Location, schema: &Schema) -> Result<Self, Failure> {
        match location {
            Location::Sqlite(file) => {
                let options = SqliteConnectOptions::new()
                    .filename(file)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(if schema.survives_power_cuts {
                        SqliteSynchronous::Full
                    } else {
                        SqliteSynchronous::Normal
                    })
                    .busy_timeout(WRITER_WAIT)
                    .pragma("cache_size", "-65536")
                    .pragma("journal_size_limit", JOURNAL_BYTES_MAX.to_string())
                    .pragma("wal_autocheckpoint", JOURNAL_PAGES.to_string())
                    .disable_statement_logging();
                check_schema(&options).await?;
                let writer = one(SqlitePoolOptions::new()).connect_with(options.clone()).await?;
                migrator(schema, true).run(&writer).await.map_err(sqlx::Error::from)?;
                let readers = some(SqlitePoolOptions::new()).connect_with(options.read_only(true)).await?;
                Ok(Self::Sqlite { writer, readers })
            }
            Location::Postgres(options) => {
                let options = (**options).clone().disable_statement_logging();
                let writer = one(PgPoolOptions::new()).connect_with(options.clone()).await?;
                let encoding: String = sqlx::query_scalar("SHOW server_encoding").fetch_one(&writer).await?;
                if encoding != "UTF8" {
                    return Err(Failure::Encoding(encoding));
                }
                migrator(schema, false).run(&writer).await.map_err(sqlx::Error::from)?;
                // A search has an index made for it, and its values decide which part of it.
                let options = options.options([
                    ("default_transaction_read_only", "on"),
                    ("enable_seqscan", "off"),
                    ("plan_cache_mode", "force_custom_plan"),
                    // A plan that must scan looks dear to it then, and it would compile it first.
                    ("jit", "off"),
                ]);
                let readers = some(PgPoolOptions::new()).connect_with(options).await?;
                Ok(Self::Postgres { writer, readers })
            }
        }
    }

    /// Removes everything that [`Self::open`] makes. Nobody else may have it open.
    pub(crate) async fn remove(location: &Location) -> Result<(), crate::HistoryError> {
        match location {
            Location::Sqlite(file) => {
                check_own(location, file).await?;
                for suffix in ["", "-wal", "-shm"] {
                    let mut name = file.as_os_str().to_owned();
                    name.push(suffix);
                    match std::fs::remove_file(&name) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                            return Err(location.error(sqlx::Error::Io(error)));
                        }
                        _ => {}
                    }
                }
                Ok(())
            }
            Location::Postgres(options) => {
                let failed = |error| location.error(error);
                let pool = one(PgPoolOptions::new()).connect_with((**options).clone()).await.map_err(failed)?;
                let drop = format!("DROP TABLE IF EXISTS {}", TABLES.join(", "));
                sqlx::query(AssertSqlSafe(drop)).execute(&pool).await.map_err(failed)?;
                pool.close().await;
                Ok(())
            }
        }
    }

    /// Begins a transaction that writes. There is one at a time.
    pub async fn write(&self) -> Result<Work, Failure> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Work::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres { writer, .. } => Work::Postgres(writer.begin().await?),
        })
    }

    /// Begins a transaction that sees one moment and whose statements are stopped at the deadline, waiting for a
    /// connection included.
    pub async fn read(&self, deadline: Instant) -> Result<Work, Failure> {
        let time_left = || deadline.saturating_duration_since(Instant::now());
        match self {
            Self::Sqlite { readers, .. } => {
                let begun = tokio::time::timeout(time_left(), readers.begin());
                let mut work = begun.await.map_err(|_| Failure::TooSlow)??;
                // Every read sets its own deadline, so that the one of an earlier query never reaches a later one.
                work.lock_handle()
                    .await?
                    .set_progress_handler(INSTRUCTIONS_PER_TICK, move || Instant::now() < deadline);
                Ok(Work::Sqlite(work))
            }
            Self::Postgres { readers, .. } => {
                let begun =
                    tokio::time::timeout(time_left(), readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ"));
                let mut work = begun.await.map_err(|_| Failure::TooSlow)??;
                // 0 would mean no limit.
                let milliseconds = time_left().as_millis().max(1);
                let limit = format!("SET LOCAL statement_timeout = {milliseconds}");
                sqlx::query(AssertSqlSafe(limit)).execute(&mut *work).await?;
                Ok(Work::Postgres(work))
            }
        }
    }

    /// What the planner needs to know of the tables, after many rows came or went. SQLite's is told its index by name.
    pub(crate) async fn analyse(&self) -> Result<(), Failure> {
        if let Self::Postgres { writer, .. } = self {
            sqlx::query("ANALYZE").execute(writer).await?;
        }
        Ok(())
    }

    /// Ends all connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

impl Work {
    /// Whether the database is SQLite, which is told by name which index to use.
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Runs a statement; gives how many rows it changed.
    pub async fn execute(&mut self, statement: Statement) -> Result<u64, Failure> {
        let Statement { sql, values } = statement;
        Ok(match self {
            Self::Sqlite(work) => {
                let query = sqlx::query_with(AssertSqlSafe(sql), sqlite_arguments(values)?);
                query.execute(&mut **work).await?.rows_affected()
            }
            Self::Postgres(work) => {
                let query = sqlx::query_with(AssertSqlSafe(sql), postgres_arguments(values)?);
                query.execute(&mut **work).await?.rows_affected()
            }
        })
    }

    /// Runs a query; gives all of its rows.
    pub async fn fetch(&mut self, statement: Statement) -> Result<Vec<Vec<Value>>, Failure> {
        let Statement { sql, values } = statement;
        match self {
            Self::Sqlite(work) => {
                let query = sqlx::query_with(AssertSqlSafe(sql), sqlite_arguments(values)?);
                query.fetch_all(&mut **work).await?.iter().map(sqlite_row).collect()
            }
            Self::Postgres(work) => {
                let query = sqlx::query_with(AssertSqlSafe(sql), postgres_arguments(values)?);
                query.fetch_all(&mut **work).await?.iter().map(postgres_row).collect()
            }
        }
    }

    /// Runs a query; hands over its rows one by one.
    pub(crate) async fn each(
        &mut self,
        statement: Statement,
        mut take: impl FnMut(Vec<Value>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Statement { sql, values } = statement;
        match self {
            Self::Sqlite(work) => {
                let query = sqlx::query_with(AssertSqlSafe(sql), sqlite_arguments(values)?);
                let mut rows = query.fetch(&mut **work);
                while let Some(row) = rows.try_next().await? {
                    take(sqlite_row(&row)?)?;
                }
            }
            Self::Postgres(work) => {
                let query = sqlx::query_with(AssertSqlSafe(sql), postgres_arguments(values)?);
                let mut rows = query.fetch(&mut **work);
                while let Some(row) = rows.try_next().await? {
                    take(postgres_row(&row)?)?;
                }
            }
        }
        Ok(())
    }

    /// Inserts rows, many at once, and adds them to what was written.
    pub(crate) async fn insert<R: Record>(&mut self, rows: &[R], written: &mut Written) -> Result<(), Failure> {
        let columns: Vec<Column> = R::COLUMNS.iter().copied().chain([DIGEST]).collect();
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let into = format!("INSERT INTO {} ({}) ", R::TABLE, names.join(", "));
        let rows: Vec<(Vec<Value>, Content)> = rows.iter().map(content::sealed).collect();
        written.add::<R>(&rows);
        let mut rows = rows.into_iter().map(|(values, _)| values).peekable();
        match self {
            Self::Sqlite(_) => {
                let whole = insert_rows(&into, names.len(), SQLITE_ROWS);
                while rows.peek().is_some() {
                    let mut values = Vec::with_capacity(names.len().saturating_mul(SQLITE_ROWS));
                    values.extend(rows.by_ref().take(SQLITE_ROWS).flatten());
                    let sql = match values.len().checked_div(names.len()) {
                        Some(SQLITE_ROWS) => whole.clone(),
                        some => insert_rows(&into, names.len(), some.unwrap_or_default()),
                    };
                    self.execute(Statement { sql, values }).await?;
                }
            }
            Self::Postgres(work) => {
                let arrays: Vec<String> = (1..).zip(&columns).map(|(number, column)| column.array(number)).collect();
                let sql = format!("{into}SELECT * FROM UNNEST({})", arrays.join(", "));
                while rows.peek().is_some() {
                    let some = rows.by_ref().take(POSTGRES_ROWS);
                    let query = sqlx::query_with(AssertSqlSafe(sql.clone()), column_arguments(&columns, some)?);
                    query.execute(&mut **work).await?;
                }
            }
        }
        Ok(())
    }

    /// Ends it: everything is there, or nothing.
    pub async fn commit(self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(work) => work.commit().await?,
            Self::Postgres(work) => work.commit().await?,
        }
        Ok(())
    }
}

impl Column {
    /// This column of many rows as PostgreSQL takes it.
    fn array(&self, number: usize) -> String {
        let kind = match self.kind {
            Kind::Integer => "bigint",
            Kind::Bytes => "bytea",
            Kind::Text => "text",
        };
        format!("${number}::{kind}[]")
    }
}

/// A pool of one connection, for what must not happen twice at once.
fn one<DB: sqlx::Database>(options: PoolOptions<DB>) -> PoolOptions<DB> {
    options.max_connections(1).acquire_timeout(WRITER_WAIT)
}

fn some<DB: sqlx::Database>(options: PoolOptions<DB>) -> PoolOptions<DB> {
    options.max_connections(READERS_MAX).acquire_timeout(WRITER_WAIT)
}

/// The schema in a file is text. The driver panics at names and types that are not UTF-8, and whoever asks its dead thread
/// next may wait for ever.
async fn check_schema(options: &SqliteConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = options.connect().await?;
    let texts = sqlx::query_scalar::<_, Option<String>>("SELECT sql FROM sqlite_schema");
    texts.fetch_all(&mut connection).await?;
    connection.close().await
}

/// Whoever names another database by mistake keeps it: a history is removed, and nothing else. What is no database any more is
/// a damaged history.
async fn check_own(location: &Location, file: &Path) -> Result<(), crate::HistoryError> {
    if !file.exists() {
        return Ok(());
    }
    let options = SqliteConnectOptions::new().filename(file).read_only(true).disable_statement_logging();
    let Ok(pool) = one(SqlitePoolOptions::new()).connect_with(options).await else { return Ok(()) };
    let tables: Result<Vec<String>, _> =
        sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'").fetch_all(&pool).await;
    pool.close().await;
    match tables {
        Ok(tables) if !tables.is_empty() && !TABLES.iter().all(|table| tables.iter().any(|found| found == table)) => {
            Err(crate::HistoryError::Foreign { place: location.to_string() })
        }
        _ => Ok(()),
    }
}

/// The schema as one database has it.
fn migrator(schema: &Schema, is_sqlite: bool) -> Migrator {
    let migrations = schema.changes.iter().map(|&(version, name, text)| {
        let sql = sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(text(is_sqlite)));
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// One INSERT of some rows of so many columns.
fn insert_rows(into: &str, columns: usize, rows: usize) -> String {
    let mut sql = format!("{into}VALUES ");
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            // Values are bound in their order.
            sql.push_str(if column == 0 { "?" } else { ", ?" });
        }
        sql.push(')');
    }
    sql
}

fn sqlite_arguments(values: Vec<Value>) -> Result<SqliteArguments, Failure> {
    use sqlx::Arguments as _;
    let mut arguments = SqliteArguments::default();
    for value in values {
        let added = match value {
            Value::Null(_) => arguments.add(None::<i64>),
            Value::Integer(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn postgres_arguments(values: Vec<Value>) -> Result<PgArguments, Failure> {
    use sqlx::Arguments as _;
    let mut arguments = PgArguments::default();
    for value in values {
        let added = match value {
            Value::Null(Kind::Integer) => arguments.add(None::<i64>),
            Value::Null(Kind::Bytes) => arguments.add(None::<Vec<u8>>),
            Value::Null(Kind::Text) => arguments.add(None::<String>),
            Value::Integer(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// The columns of many rows, an array each.
fn column_arguments(columns: &[Column], rows: impl Iterator<Item = Vec<Value>>) -> Result<PgArguments, Failure> {
    use sqlx::Arguments as _;
    let mut by_column: Vec<Vec<Value>> = columns.iter().map(|_| Vec::new()).collect();
    for row in rows {
        for (column, value) in by_column.iter_mut().zip(row) {
            column.push(value);
        }
    }
    let mut arguments = PgArguments::default();
    for (column, values) in columns.iter().zip(by_column) {
        let values = values.into_iter();
        let added = match column.kind {
            Kind::Integer => arguments.add(values.map(Value::integer).collect::<Vec<_>>()),
            Kind::Bytes => arguments.add(values.map(Value::bytes).collect::<Vec<_>>()),
            Kind::Text => arguments.add(values.map(Value::text).collect::<Vec<_>>()),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

impl Value {
    /// The lesser of two bytes or two texts, as both databases sort them.
    pub(crate) fn least<'a>(&'a self, other: &'a Self) -> &'a Self {
        let is_less = match (self, other) {
            (Self::Bytes(one), Self::Bytes(other)) => one < other,
            (Self::Text(one), Self::Text(other)) => one < other,
            _ => false,
        };
        if is_less { self } else { other }
    }

    fn integer(self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(value) } else { None }
    }

    fn bytes(self) -> Option<Vec<u8>> {
        if let Self::Bytes(value) = self { Some(value) } else { None }
    }

    fn text(self) -> Option<String> {
        if let Self::Text(value) = self { Some(value) } else { None }
    }
}

fn sqlite_row(row: &SqliteRow) -> Result<Vec<Value>, Failure> {
    (0..row.len())
        .map(|index| {
            let raw = row.try_get_raw(index)?;
            if raw.is_null() {
                return Ok(Value::Null(Kind::Integer));
            }
            let kind = raw.type_info().into_owned();
            value(
                kind.name(),
                row.column(index).name(),
                || row.try_get(index),
                || row.try_get(index),
                || row.try_get(index),
            )
        })
        .collect()
}

fn postgres_row(row: &PgRow) -> Result<Vec<Value>, Failure> {
    (0..row.len())
        .map(|index| {
            let raw = row.try_get_raw(index)?;
            if raw.is_null() {
                return Ok(Value::Null(Kind::Integer));
            }
            let kind = raw.type_info().into_owned();
            value(
                kind.name(),
                row.column(index).name(),
                || row.try_get(index),
                || row.try_get(index),
                || row.try_get(index),
            )
        })
        .collect()
}

/// A value by the name that the database gives to its type.
fn value(
    kind: &str,
    column: &str,
    integer: impl FnOnce() -> Result<i64, sqlx::Error>,
    bytes: impl FnOnce() -> Result<Vec<u8>, sqlx::Error>,
    text: impl FnOnce() -> Result<String, sqlx::Error>,
) -> Result<Value, Failure> {
    Ok(match kind {
        "INTEGER" | "INT8" => Value::Integer(integer()?),
        "BLOB" | "BYTEA" => Value::Bytes(bytes()?),
        "TEXT" => Value::Text(text()?),
        other => return Err(Failure::Damaged(format!("column {column} is {other}"))),
    })
}
