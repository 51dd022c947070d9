//! What can be asked, and how an answer is found.
//!
//! Every search is walked along one index that was made for it, from the newest on, and stops when the page is full.
//! What else is asked for is compared on the way. SQLite is told the index by name, or the runs that it has instead;
//! PostgreSQL finds it by its
//! statistics and is not allowed to read a whole table instead. A page is found in two steps: the places first, then
//! their rows.

mod plan;

use crate::{
    History, HistoryError,
    columns::{Fields, Record, bytes, fold, number, text},
    content,
    cursor::{Cursor, SearchId, key_bytes},
    database::{Failure, Statement, Value, Work},
    decode::kept,
    record::{
        BlockRecord, DecisionRecord, LogRecord, NameRecord, PaymentRecord, PaymentStepRecord, Place, SettlementRecord,
        Status, TransactionRecord, TransferRecord,
    },
    schema::TRANSACTIONS_BY_HASH,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use florin_types::Height;
pub(crate) use plan::{Plan, Search};
use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};

/// Most rows of a page.
pub const PAGE_ROWS_MAX: usize = 1_000;
/// Longest time of a search, waiting included.
pub const SEARCH_TIME_MAX: Duration = Duration::from_secs(30);
/// Most accounts whose names begin with what was asked for.
pub const NAMED_MAX: usize = 16;

/// How much of an answer is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Most rows: 1 to [`PAGE_ROWS_MAX`].
    pub rows_max: usize,
    /// Longest time: at most [`SEARCH_TIME_MAX`].
    pub time_max: Duration,
    /// Where the page before ended; absent for the first.
    pub cursor: Option<String>,
}

impl Default for Ask {
    fn default() -> Self {
        Self { rows_max: 100, time_max: Duration::from_secs(5), cursor: None }
    }
}

/// Some rows, and how to ask for those that follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Rows.
    pub rows: Vec<T>,
    /// Cursor of the next page; absent where this is the last.
    pub next: Option<String>,
}

/// Whose payments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Who.
    pub who: Who,
    /// In which part.
    pub side: Side,
}

/// An account, or the accounts of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// This account.
    Account(Address),
    /// The accounts of which a name begins so, upper and lower case alike; at most [`NAMED_MAX`].
    Named(String),
}

/// Part of an account in a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It pays.
    Payer,
    /// It is paid.
    Payee,
    /// One of both.
    Either,
}

/// What a payer wrote beside a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The payment reference is this.
    Exact(String),
    /// The payment reference begins so. Alone, it sorts by reference, descending, and newest first among equal ones.
    Prefix(String),
    /// The memo of 32 bytes, or the 8 bytes of a batch's item, is this.
    Memo(Bytes),
}

/// Payments of the payment module, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentSearch {
    /// Whose.
    pub party: Option<Party>,
    /// With whom; goes with a party.
    pub counterparty: Option<Address>,
    /// Under this UETR, of whichever payer.
    pub uetr: Option<B256>,
    /// With this end-to-end id.
    pub end_to_end: Option<B256>,
    /// Ordered by this transaction.
    pub transaction: Option<B256>,
    /// Of this token.
    pub token: Option<Address>,
    /// Of so many minor units; goes with a token or one of the above. With a token alone it sorts by amount, largest
    /// first.
    pub amount: Option<RangeInclusive<U256>>,
    /// Ordered within this block time, in milliseconds since 1970.
    pub time_ms: Option<RangeInclusive<u64>>,
    /// What they are now.
    pub status: Option<Status>,
}

/// Units that moved, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransferSearch {
    /// Whose.
    pub party: Option<Party>,
    /// With whom; goes with a party.
    pub counterparty: Option<Address>,
    /// With this reference or memo.
    pub reference: Option<Reference>,
    /// In this transaction.
    pub transaction: Option<B256>,
    /// Of this token.
    pub token: Option<Address>,
    /// Of so many minor units, as in [`PaymentSearch`].
    pub amount: Option<RangeInclusive<U256>>,
    /// Within this block time, in milliseconds since 1970.
    pub time_ms: Option<RangeInclusive<u64>>,
}

/// Transactions, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionSearch {
    /// Signed by.
    pub sender: Option<Address>,
    /// Calling.
    pub recipient: Option<Address>,
    /// Carried out or not.
    pub succeeded: Option<bool>,
    /// Within this block time, in milliseconds since 1970.
    pub time_ms: Option<RangeInclusive<u64>>,
}

/// Logs, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSearch {
    /// Emitted by.
    pub emitter: Option<Address>,
    /// Of the event of this name.
    pub name: Option<String>,
    /// In this transaction.
    pub transaction: Option<B256>,
    /// Within this block time, in milliseconds since 1970.
    pub time_ms: Option<RangeInclusive<u64>>,
}

/// Decisions of policies and steps of the travel rule, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionSearch {
    /// Of this policy.
    pub policy: Option<u64>,
    /// About this token.
    pub token: Option<Address>,
    /// admitted, parked or swept.
    pub outcome: Option<String>,
    /// In this transaction.
    pub transaction: Option<B256>,
    /// Within this block time, in milliseconds since 1970.
    pub time_ms: Option<RangeInclusive<u64>>,
}

/// Events of the settlement module, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettlementSearch {
    /// Of this scheme, where the event names it.
    pub scheme: Option<u64>,
    /// Of this instruction.
    pub instruction: Option<u64>,
    /// Of this debtor, creditor or participant.
    pub account: Option<Address>,
    /// With this reference of an instruction.
    pub reference: Option<B256>,
    /// Of this name.
    pub event: Option<String>,
    /// Within this block time, in milliseconds since 1970.
    pub time_ms: Option<RangeInclusive<u64>>,
}

impl History {
    /// Payments that fit.
    pub async fn payments(&self, search: &PaymentSearch, ask: &Ask) -> Result<Page<PaymentRecord>, HistoryError> {
        self.search(search, ask).await
    }

    /// Transfers that fit.
    pub async fn transfers(&self, search: &TransferSearch, ask: &Ask) -> Result<Page<TransferRecord>, HistoryError> {
        self.search(search, ask).await
    }

    /// Transactions that fit.
    pub async fn transactions(
        &self,
        search: &TransactionSearch,
        ask: &Ask,
    ) -> Result<Page<TransactionRecord>, HistoryError> {
        self.search(search, ask).await
    }

    /// Logs that fit.
    pub async fn logs(&self, search: &LogSearch, ask: &Ask) -> Result<Page<LogRecord>, HistoryError> {
        self.search(search, ask).await
    }

    /// Decisions that fit.
    pub async fn decisions(&self, search: &DecisionSearch, ask: &Ask) -> Result<Page<DecisionRecord>, HistoryError> {
        self.search(search, ask).await
    }

    /// Events of settlement that fit.
    pub async fn settlement(
        &self,
        search: &SettlementSearch,
        ask: &Ask,
    ) -> Result<Page<SettlementRecord>, HistoryError> {
        self.search(search, ask).await
    }

    /// What happened to a payment, from its order on. A payment has at most some 1,000 returns; at most twice
    /// [`PAGE_ROWS_MAX`] steps are given.
    pub async fn steps(&self, payment: Place, ask: &Ask) -> Result<Vec<PaymentStepRecord>, HistoryError> {
        let mut rest = Statement::new("WHERE t.payment_place = ");
        rest.bind(Value::Integer(payment.as_sql()));
        rest.push(" ORDER BY t.place LIMIT ").bind(limit(PAGE_ROWS_MAX.saturating_mul(2)));
        self.lookup(ask, rest).await
    }

    /// The transaction with this hash.
    pub async fn transaction(&self, hash: B256, ask: &Ask) -> Result<Option<TransactionRecord>, HistoryError> {
        let found = async {
            let (mut work, _) = self.begin_search(ask).await?;
            of_hash(&mut work, hash).await
        };
        Ok(found.await.map_err(|failure| self.refused(failure, ask))?.pop())
    }

    /// The block at a height.
    pub async fn block(&self, height: Height, ask: &Ask) -> Result<Option<BlockRecord>, HistoryError> {
        let mut rest = Statement::new("WHERE t.height = ");
        rest.bind(number(height));
        Ok(self.lookup(ask, rest).await?.pop())
    }

    /// Names that begin so, upper and lower case alike, in their order; no more than the page has rows.
    pub async fn names(&self, prefix: &str, ask: &Ask) -> Result<Vec<NameRecord>, HistoryError> {
        self.lookup(ask, beginning_so(prefix, ask.rows_max)).await
    }

    /// What these accounts are called: at most [`PAGE_ROWS_MAX`] accounts.
    pub async fn names_of(&self, accounts: &[Address], ask: &Ask) -> Result<Vec<NameRecord>, HistoryError> {
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        let mut rest = Statement::new("WHERE t.account IN (");
        for (index, account) in accounts.iter().take(PAGE_ROWS_MAX).enumerate() {
            rest.push(if index == 0 { "" } else { ", " }).bind(bytes(account));
        }
        rest.push(") ORDER BY t.account, t.kind");
        self.lookup(ask, rest).await
    }

    async fn lookup<R: Record>(&self, ask: &Ask, rest: Statement) -> Result<Vec<R>, HistoryError> {
        let found = async {
            let (mut work, _) = self.begin_search(ask).await?;
            rows(&mut work, rest).await
        };
        found.await.map_err(|failure| self.refused(failure, ask))
    }

    async fn search<S: Search>(&self, search: &S, ask: &Ask) -> Result<Page<S::Row>, HistoryError> {
        let found = async {
            let (mut work, deadline) = self.begin_search(ask).await?;
            let Some(plan) = search.plan(&mut work).await? else { return Ok(Page { rows: Vec::new(), next: None }) };
            page(&mut work, SearchId::of(search), &plan, ask, deadline).await
        };
        found.await.map_err(|failure| self.refused(failure, ask))
    }

    /// Checks the bounds of a question and begins its transaction.
    pub(crate) async fn begin_search(&self, ask: &Ask) -> Result<(Work, Instant), Failure> {
        self.is_whole()?;
        if ask.rows_max == 0 || ask.rows_max > PAGE_ROWS_MAX {
            return Err(Failure::Search(format!("a page has 1 to {PAGE_ROWS_MAX} rows, not {}", ask.rows_max)));
        }
        if ask.time_max > SEARCH_TIME_MAX {
            return Err(Failure::Search(format!("a search takes {} s at most", SEARCH_TIME_MAX.as_secs())));
        }
        let deadline = Instant::now().checked_add(ask.time_max).ok_or(Failure::TooSlow)?;
        Ok((self.0.database.read(deadline).await?, deadline))
    }

    fn refused(&self, failure: Failure, ask: &Ask) -> HistoryError {
        self.0.location.failure(failure, ask.time_max.as_millis())
    }
}

/// One page of a plan.
async fn page<R: Record>(
    work: &mut Work,
    id: SearchId,
    plan: &Plan,
    ask: &Ask,
    deadline: Instant,
) -> Result<Page<R>, Failure> {
    let cursor = ask.cursor.as_ref().map(|cursor| Cursor::decode(cursor, id, plan.is_keyed())).transpose()?;
    let runs = plan.runs(work).await?;
    let statement = plan.places(cursor.as_ref(), ask.rows_max.saturating_add(1), work.is_sqlite(), &runs)?;
    let mut places = Vec::new();
    for mut row in work.fetch(statement).await? {
        let key = if plan.is_keyed() { row.pop().as_ref().and_then(key_bytes) } else { None };
        places.push(Cursor { place: Fields::new(R::TABLE, row).place()?, key });
    }
    let more = places.len() > ask.rows_max;
    places.truncate(ask.rows_max);
    let next = places.last().filter(|_| more).map(|last| last.encode(id));
    if Instant::now() >= deadline {
        return Err(Failure::TooSlow);
    }
    Ok(Page { rows: rows_at(work, &places, plan.key()).await?, next })
}

/// The rows at these places, in the order of the search.
async fn rows_at<R: Record>(work: &mut Work, places: &[Cursor], key: Option<&str>) -> Result<Vec<R>, Failure> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    read(work, rows_at_statement::<R>(places, key)).await
}

pub(crate) fn rows_at_statement<R: Record>(places: &[Cursor], key: Option<&str>) -> Statement {
    let mut rest = Statement::new("WHERE t.place IN (");
    for (index, cursor) in places.iter().enumerate() {
        rest.push(if index == 0 { "" } else { ", " }).bind(Value::Integer(cursor.place.as_sql()));
    }
    rest.push(&key.map_or(") ORDER BY t.place DESC".into(), |key| format!(") ORDER BY t.{key} DESC, t.place DESC")));
    selecting::<R>(rest)
}

/// Rows of a table, called `t`, with the hashes of their transactions.
pub(crate) async fn rows<R: Record>(work: &mut Work, rest: Statement) -> Result<Vec<R>, Failure> {
    read(work, selecting::<R>(rest)).await
}

/// `SELECT`, for rows of a table with the hashes of their transactions, each with its digest at its end.
pub(crate) fn selecting<R: Record>(rest: Statement) -> Statement {
    let names = R::COLUMNS.iter().map(|column| column.name).chain(["digest"]);
    let columns: Vec<String> = names.map(|name| format!("t.{name}")).collect();
    let (columns, table) = (columns.join(", "), R::TABLE);
    let sql = if R::HAS_TRANSACTION {
        format!("SELECT x.hash, {columns} FROM {table} t JOIN transactions x ON x.place = t.transaction_place ")
    } else {
        format!("SELECT {columns} FROM {table} t ")
    };
    Statement { sql: sql + &rest.sql, values: rest.values }
}

async fn read<R: Record>(work: &mut Work, statement: Statement) -> Result<Vec<R>, Failure> {
    let found = work.fetch(statement).await?.into_iter();
    let verified = found.map(|mut row| {
        content::verified(R::TABLE, &mut row)?;
        R::read(&mut Fields::new(R::TABLE, row))
    });
    verified.collect()
}

/// The transaction with this hash, if there is one.
pub(crate) async fn of_hash(work: &mut Work, hash: B256) -> Result<Vec<TransactionRecord>, Failure> {
    let rest = TRANSACTIONS_BY_HASH.any(work.is_sqlite(), std::iter::once(bytes(hash)));
    let mut found: Vec<TransactionRecord> = rows(work, rest).await?;
    found.retain(|transaction| transaction.hash == hash);
    Ok(found)
}

/// Names that begin so.
pub(crate) fn beginning_so(prefix: &str, rows_max: usize) -> Statement {
    let prefix = fold(&kept(prefix));
    let mut rest = Statement::new("WHERE t.folded >= ");
    rest.bind(text(&prefix)).push(" AND t.folded <= ").bind(text(&plan::last_beginning_with(&prefix)));
    rest.push(" ORDER BY t.folded, t.account, t.kind LIMIT ").bind(limit(rows_max));
    rest
}

/// A number of rows.
fn limit(rows: usize) -> Value {
    Value::Integer(i64::try_from(rows).unwrap_or(i64::MAX))
}
