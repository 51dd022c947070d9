//! The tables and their indexes, as each of the two databases has them.
//!
//! A new place of a chain is larger than all before it, so rows are appended to their tables. What they are found by is
//! not: hashes, accounts and amounts fall anywhere in an index. PostgreSQL is given an index for each of them. SQLite
//! keeps the same as *runs* ([`crate::runs`]), because in one large tree every such key costs a page of the file.

use crate::database::{Statement, Value};
use std::fmt::Write as _;

/// The tables, one text for both databases.
const TABLES: &str = include_str!("../migrations/0001_history.sql");
/// What the tables were given for [`crate::content`].
const DIGESTS: &str = include_str!("../migrations/0002_digests.sql");
/// Bytes of a hash that SQLite's runs have: enough to be rare, a quarter of the size. The rest is compared in the row.
const CUT_BYTES: usize = 8;

/// What rows of a table are found by: some columns, then the place.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) table: &'static str,
    name: &'static str,
    pub(crate) columns: &'static [&'static str],
    /// The column by which rows are numbered in the order of the chain; empty for a table without such order.
    place: &'static str,
    /// The first column may be empty, and is not in the index then.
    optional: bool,
    /// Its keys fall anywhere, and never change: SQLite keeps it as runs.
    pub(crate) scattered: bool,
    /// Only the first bytes of the column are in SQLite's runs.
    cut: bool,
}

const fn index(table: &'static str, name: &'static str, columns: &'static [&'static str]) -> Index {
    Index { table, name, columns, place: "place", optional: false, scattered: false, cut: false }
}

impl Index {
    const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    const fn scattered(self) -> Self {
        Self { scattered: true, ..self }
    }

    const fn cut(self) -> Self {
        Self { cut: true, scattered: true, ..self }
    }

    const fn placed(self, place: &'static str) -> Self {
        Self { place, ..self }
    }
}

/// Transactions by their hashes.
pub(crate) const TRANSACTIONS_BY_HASH: Index = index("transactions", "hash", &["hash"]).cut();
/// Payments by their UETR, which payers may share.
pub(crate) const PAYMENTS_BY_UETR: Index = index("payments", "uetr", &["uetr"]).cut();

/// Every index. They belong to the migration that makes the tables: a change is a migration of its own.
pub(crate) const INDEXES: &[Index] = &[
    index("blocks", "time", &["time_ms"]).placed("height"),
    TRANSACTIONS_BY_HASH,
    index("transactions", "sender", &["sender"]).scattered(),
    index("transactions", "recipient", &["recipient"]).scattered().optional(),
    index("logs", "emitter", &["emitter"]),
    index("logs", "name", &["name"]).optional(),
    index("transfers", "payer", &["payer"]).scattered(),
    index("transfers", "payee", &["payee"]).scattered(),
    index("transfers", "token", &["token"]),
    index("transfers", "amount", &["token", "amount"]).scattered(),
    index("transfers", "memo", &["memo"]).scattered().optional(),
    index("transfers", "reference", &["reference"]).scattered().optional(),
    PAYMENTS_BY_UETR,
    index("payments", "payer", &["payer"]).scattered(),
    index("payments", "payee", &["payee"]).scattered().optional(),
    index("payments", "token", &["token"]),
    index("payments", "amount", &["token", "amount"]).scattered(),
    index("payments", "status", &["status"]),
    index("payments", "reference", &["end_to_end"]).cut().optional(),
    index("payment_steps", "payment", &["payment_place"]),
    index("decisions", "policy", &["policy"]),
    index("decisions", "token", &["token"]),
    index("decisions", "outcome", &["outcome"]).optional(),
    index("settlement_events", "scheme", &["scheme"]).optional(),
    index("settlement_events", "instruction", &["instruction"]).optional(),
    index("settlement_events", "account", &["account"]).scattered().optional(),
    index("settlement_events", "counterparty", &["counterparty"]).scattered().optional(),
    index("settlement_events", "reference", &["reference"]).cut().optional(),
    index("names", "folded", &["folded", "account", "kind"]).placed(""),
];

/// The index of a table with this name, if SQLite keeps it as runs.
pub(crate) fn scattered(table: &str, name: &str) -> Option<&'static Index> {
    INDEXES.iter().find(|index| index.scattered && index.table == table && index.name == name)
}

/// A text in which `{key}`, `{bytes}` and `{text}` stand for each database's own types, for one of them.
pub fn typed(sql: &str, is_sqlite: bool) -> String {
    let [key, bytes, text] = match is_sqlite {
        true => ["INTEGER PRIMARY KEY", "BLOB", "TEXT"],
        false => ["BIGINT PRIMARY KEY", "BYTEA", "TEXT COLLATE \"C\""],
    };
    sql.replace("{key}", key).replace("{bytes}", bytes).replace("{text}", text)
}

/// Digests of rows, and of the entries of each run.
pub(crate) fn digests(is_sqlite: bool) -> String {
    let mut sql = typed(DIGESTS, is_sqlite);
    if is_sqlite {
        sql.push_str("DELETE FROM runs;\nALTER TABLE runs ADD COLUMN content BLOB NOT NULL DEFAULT '';\n");
        for index in INDEXES.iter().filter(|index| index.scattered) {
            // Writing to a string cannot fail.
            let _ = writeln!(sql, "DELETE FROM {};", index.full_name());
        }
    }
    sql
}

/// Tables and indexes, as a new database was first given them.
pub(crate) fn migration(is_sqlite: bool) -> String {
    let mut sql = typed(TABLES, is_sqlite);
    if is_sqlite {
        sql.push_str(
            "CREATE TABLE runs (name TEXT NOT NULL, run INTEGER NOT NULL, level INTEGER NOT NULL, \
             entries INTEGER NOT NULL, PRIMARY KEY (name, run)) WITHOUT ROWID;\n",
        );
    }
    for index in INDEXES {
        // Writing to a string cannot fail.
        let _ = writeln!(sql, "{};", index.create(is_sqlite));
    }
    sql
}

impl Index {
    /// Its name in the database: of an index, or of the table of its runs.
    pub(crate) fn full_name(&self) -> String {
        format!("{}_by_{}", self.table, self.name)
    }

    /// The columns of its runs.
    pub(crate) fn columns(&self) -> String {
        self.columns.join(", ")
    }

    fn create(&self, is_sqlite: bool) -> String {
        let (name, table, columns) = (self.full_name(), self.table, self.columns());
        if is_sqlite && self.scattered {
            let typed: Vec<String> = self.columns.iter().map(|column| format!("{column} NOT NULL")).collect();
            return format!(
                "CREATE TABLE {name} (run INTEGER NOT NULL, {}, place INTEGER NOT NULL, \
                 PRIMARY KEY (run, {columns}, place)) WITHOUT ROWID",
                typed.join(", ")
            );
        }
        // Every index of SQLite ends with the number of the row, which is the place.
        let place = if is_sqlite || self.place.is_empty() { String::new() } else { format!(", {}", self.place) };
        format!("CREATE INDEX {name} ON {table} ({columns}{place}){}", self.filter(" WHERE "))
    }

    /// Which rows of the table are in it.
    fn filter(&self, before: &str) -> String {
        match self.columns.first().filter(|_| self.optional) {
            Some(column) => format!("{before}{column} IS NOT NULL"),
            None => String::new(),
        }
    }

    /// What a run holds of the rows from a place on. The run's number and the place are `$1` and `$2`.
    pub(crate) fn insert_run(&self) -> String {
        let keys: Vec<String> = self.columns.iter().map(|column| self.key(column)).collect();
        let (name, table, keys, columns) = (self.full_name(), self.table, keys.join(", "), self.columns());
        let filter = self.filter(" AND ");
        format!(
            "INSERT INTO {name} (run, {columns}, place) SELECT $1, {keys}, place FROM {table} \
             WHERE place >= $2{filter} ORDER BY {keys}, place"
        )
    }

    fn key(&self, column: &str) -> String {
        if self.cut { format!("substr({column}, 1, {CUT_BYTES})") } else { column.to_owned() }
    }

    /// Whether the runs have this column.
    fn has(&self, column: &str) -> bool {
        self.columns.contains(&column)
    }

    /// Whether a condition on this column can only be decided by the row itself.
    pub(crate) fn needs_row(&self, column: &str) -> bool {
        self.cut || !self.has(column)
    }

    /// A condition on a run called `k` and, if one needs it, its row called `t`.
    pub(crate) fn condition(&self, statement: &mut Statement, column: &str, operator: &str, value: Value) {
        if self.has(column) {
            statement.push(&format!("k.{column} {operator} ")).bind(self.key_of(&value));
        }
        if self.needs_row(column) {
            statement.push(if self.has(column) { " AND " } else { "" });
            statement.push(&format!("t.{column} {operator} ")).bind(value);
        }
    }

    /// What a run holds of some bytes.
    pub(crate) fn held<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(..CUT_BYTES).filter(|_| self.cut).unwrap_or(bytes)
    }

    fn key_of(&self, value: &Value) -> Value {
        match value {
            Value::Bytes(bytes) => Value::Bytes(self.held(bytes).to_vec()),
            value => value.clone(),
        }
    }

    /// `WHERE`, for the rows of a table called `t` whose hash may be one of these. In SQLite others may come along, of
    /// which the first bytes are the same.
    pub(crate) fn any(&self, is_sqlite: bool, values: impl Iterator<Item = Value>) -> Statement {
        let (name, column) = (self.full_name(), self.columns());
        let mut rest = Statement::new("WHERE ");
        rest.push(&match is_sqlite {
            true => format!(
                "t.place IN (SELECT k.place FROM runs r CROSS JOIN {name} k ON k.run = r.run AND k.{column} IN ("
            ),
            false => format!("t.{column} IN ("),
        });
        for (number, value) in values.enumerate() {
            rest.push(if number == 0 { "" } else { ", " }).bind(if is_sqlite { self.key_of(&value) } else { value });
        }
        rest.push(")");
        if is_sqlite {
            rest.push(&format!(" WHERE r.name = '{name}')"));
        }
        rest
    }
}
