//! From what is asked to the index along which it is found.

use super::{
    DecisionSearch, LogSearch, NAMED_MAX, Party, PaymentSearch, Reference, SettlementSearch, Side, TransactionSearch,
    TransferSearch, Who, beginning_so, limit, of_hash, rows,
};
use crate::{
    columns::{Fields, Record, amount, amount_from, bytes, number, text},
    cursor::Cursor,
    database::{Failure, Statement, Value, Work},
    decode::{TEXT_BYTES_MAX, kept},
    record::{
        DecisionRecord, LogRecord, NameRecord, PaymentRecord, Place, SettlementRecord, Status, TransactionRecord,
        TransferRecord,
    },
    runs,
    schema::{self, Index},
};
use alloy_primitives::{Address, B256, U256};
use std::{collections::BTreeSet, future::Future, ops::RangeInclusive};

/// Names kept of accounts for one of them: a token has two, an institution a seat and an LEI.
const NAMES_PER_ACCOUNT: usize = 4;

/// Something that can be asked for, page by page.
pub(crate) trait Search: std::fmt::Debug + Sync {
    type Row: Record + Send;

    /// How it is found; none where nothing can fit.
    fn plan(&self, work: &mut Work) -> impl Future<Output = Result<Option<Plan>, Failure>> + Send;
}

/// Places of a table: along an index, from the newest or from the largest key on.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    table: &'static str,
    /// What the index is of, after the name of the table; absent for the places themselves.
    index: Option<&'static str>,
    /// The column that is sorted by before the place, if any. The index has it before the place.
    key: Option<(&'static str, KeyKind)>,
    /// Each gives places; all together are the answer.
    branches: Vec<Branch>,
    range: Range,
}

/// What the column holds that is sorted by.
#[derive(Clone, Copy, Debug)]
enum KeyKind {
    Amount,
    Text,
}

#[derive(Clone, Debug, Default)]
struct Branch {
    /// The index, where it is another one than the plan's.
    index: Option<&'static str>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
struct Condition {
    column: &'static str,
    operator: &'static str,
    value: Value,
}

/// Places from one to another, both included.
#[derive(Clone, Copy, Debug)]
struct Range {
    from: i64,
    until: i64,
}

impl Plan {
    /// All places of a table within a range.
    fn new(table: &'static str, range: Range) -> Self {
        Self { table, index: None, key: None, branches: vec![Branch::default()], range }
    }

    /// Walks along this index.
    fn along(mut self, index: &'static str) -> Self {
        self.index = Some(index);
        self
    }

    /// Keeps what fits.
    fn with(mut self, column: &'static str, operator: &'static str, value: Value) -> Self {
        for branch in &mut self.branches {
            branch.conditions.push(Condition { column, operator, value: value.clone() });
        }
        self
    }

    /// Keeps what is equal, if it is asked for; walks along the index, if it has no better one.
    fn equal(self, column: &'static str, index: Option<&'static str>, value: Option<Value>) -> Self {
        let Some(value) = value else { return self };
        let mut plan = self.with(column, "=", value);
        plan.index = plan.index.or(index);
        plan
    }

    fn amounts(self, amounts: Option<&RangeInclusive<U256>>) -> Self {
        let Some(amounts) = amounts else { return self };
        self.with("amount", ">=", amount(*amounts.start())).with("amount", "<=", amount(*amounts.end()))
    }

    /// One index for all branches: none within a transaction, whose rows stand side by side; else that of what says
    /// more than a party, if there is such.
    fn settle(&mut self, within_transaction: bool) {
        self.index = self.index.filter(|_| !within_transaction);
        if within_transaction || self.index.is_some() {
            self.branches.iter_mut().for_each(|branch| branch.index = None);
        }
    }

    /// Whether the answer is sorted by something before the place.
    pub(crate) fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    /// What the answer is sorted by before the place.
    pub(crate) fn key(&self) -> Option<&'static str> {
        self.key.map(|(key, _)| key)
    }

    /// The runs that have to be looked into one by one, where the database keeps them and the answer is sorted by a key.
    pub(crate) async fn runs(&self, work: &mut Work) -> Result<Vec<i64>, Failure> {
        match self.index.and_then(|index| schema::scattered(self.table, index)) {
            Some(index) if work.is_sqlite() && self.is_keyed() => runs::numbers(work, index).await,
            _ => Ok(Vec::new()),
        }
    }

    /// The statement for the first places after the cursor: place, and the key if there is one. `runs` as [`Self::runs`]
    /// gives them.
    pub(crate) fn places(
        &self,
        after: Option<&Cursor>,
        rows_max: usize,
        is_sqlite: bool,
        runs: &[i64],
    ) -> Result<Statement, Failure> {
        let bounds = self.bounds(after)?;
        let mut statement = Statement::new("");
        let several = self.branches.len() > 1;
        for (number, branch) in self.branches.iter().enumerate() {
            if several {
                statement.push(if number == 0 { "SELECT place FROM (" } else { " UNION SELECT place FROM (" });
            }
            let index = branch.index.or(self.index);
            let scattered = index.filter(|_| is_sqlite).and_then(|index| schema::scattered(self.table, index));
            match (scattered, self.key) {
                (None, _) => self.along_index(&mut statement, branch, &bounds, index.filter(|_| is_sqlite), is_sqlite),
                (Some(index), None) => self.along_runs(&mut statement, branch, &bounds, index),
                (Some(index), Some((key, _))) => {
                    for (number, run) in runs.iter().enumerate() {
                        statement.push(if number == 0 { "" } else { " UNION ALL " });
                        self.largest_of_run(&mut statement, branch, &bounds, (index, key, *run), rows_max);
                    }
                    statement.push(&format!(" ORDER BY {key} DESC, place DESC"));
                }
            }
            statement.push(" LIMIT ").bind(limit(rows_max));
            if several {
                statement.push(&format!(") AS branch{number}"));
            }
        }
        if several {
            statement.push(" ORDER BY place DESC LIMIT ").bind(limit(rows_max));
        }
        Ok(statement)
    }

    /// Along an index of the database.
    fn along_index(
        &self,
        statement: &mut Statement,
        branch: &Branch,
        bounds: &Bounds,
        named: Option<&str>,
        is_sqlite: bool,
    ) {
        let key = self.key.map(|(key, _)| key);
        let columns = key.map_or("place".into(), |key| format!("place, {key}"));
        statement.push(&format!("SELECT {columns} FROM {}", self.table));
        if is_sqlite {
            statement.push(&match named {
                Some(index) => format!(" INDEXED BY {}_by_{index}", self.table),
                None => " NOT INDEXED".into(),
            });
        }
        statement.push(" WHERE ");
        bounds.push(statement, "");
        for Condition { column, operator, value } in &branch.conditions {
            let value = bounds.nearest(column, operator, value);
            statement.push(&format!(" AND {column} {operator} ")).bind(value.clone());
        }
        statement.push(&key.map_or(" ORDER BY ".into(), |key| format!(" ORDER BY {key} DESC, ")));
        statement.push("place DESC");
    }

    /// Along the runs of an index, the newest first.
    fn along_runs(&self, statement: &mut Statement, branch: &Branch, bounds: &Bounds, index: &Index) {
        let name = index.full_name();
        statement.push(&format!("SELECT k.place FROM runs r CROSS JOIN {name} k"));
        self.in_run(statement, branch, bounds, index, &format!("r.name = '{name}' AND k.run = r.run"));
        statement.push(" ORDER BY r.run DESC, k.place DESC");
    }

    /// The largest keys of one run, and their places.
    fn largest_of_run(
        &self,
        statement: &mut Statement,
        branch: &Branch,
        bounds: &Bounds,
        (index, key, run): (&Index, &str, i64),
        rows_max: usize,
    ) {
        let name = index.full_name();
        statement.push(&format!("SELECT place, {key} FROM (SELECT k.place, k.{key} FROM {name} k"));
        // The number is ours: the plan of the statement may know it.
        self.in_run(statement, branch, bounds, index, &format!("k.run = {run}"));
        statement.push(&format!(" ORDER BY k.{key} DESC, k.place DESC LIMIT ")).bind(limit(rows_max)).push(")");
    }

    /// What fits in a run called `k`, with the rows where one of the conditions needs them.
    fn in_run(&self, statement: &mut Statement, branch: &Branch, bounds: &Bounds, index: &Index, run: &str) {
        let rows = branch.conditions.iter().any(|condition| index.needs_row(condition.column));
        if rows {
            statement.push(&format!(" CROSS JOIN {} t", self.table));
        }
        statement.push(&format!(" WHERE {run} AND "));
        bounds.push(statement, "k.");
        for Condition { column, operator, value } in &branch.conditions {
            statement.push(" AND ");
            index.condition(statement, column, operator, bounds.nearest(column, operator, value).clone());
        }
        if rows {
            statement.push(" AND t.place = k.place");
        }
    }

    /// Which places a page may have.
    fn bounds(&self, after: Option<&Cursor>) -> Result<Bounds, Failure> {
        let until = match after {
            Some(after) if self.key.is_none() => after.place.as_sql().saturating_sub(1).min(self.range.until),
            _ => self.range.until,
        };
        let reached = match self.key.zip(after) {
            Some(((key, kind), after)) => {
                Some((key, kind.value(after.key.as_deref().unwrap_or_default())?, after.place))
            }
            None => None,
        };
        Ok(Bounds { from: self.range.from, until, reached })
    }
}

/// Where a page begins and ends.
struct Bounds {
    from: i64,
    until: i64,
    /// Key and place of the last row before the page, where rows are sorted by a key.
    reached: Option<(&'static str, Value, Place)>,
}

impl Bounds {
    /// As conditions on the columns of a table, whose name and a full stop come before them.
    fn push(&self, statement: &mut Statement, table: &str) {
        statement.push(&format!("{table}place >= ")).bind(Value::Integer(self.from));
        statement.push(&format!(" AND {table}place <= ")).bind(Value::Integer(self.until));
        if let Some((key, value, place)) = &self.reached {
            statement.push(&format!(" AND ({table}{key}, {table}place) < (")).bind(value.clone()).push(", ");
            statement.bind(Value::Integer(place.as_sql())).push(")");
        }
    }

    /// SQLite takes one upper bound of an index: the nearest, or every page would begin at the top again.
    fn nearest<'a>(&'a self, column: &str, operator: &str, value: &'a Value) -> &'a Value {
        match &self.reached {
            Some((key, reached, _)) if *key == column && operator == "<=" => reached.least(value),
            _ => value,
        }
    }
}

impl KeyKind {
    /// The key of a cursor, which is untrusted.
    fn value(self, key: &[u8]) -> Result<Value, Failure> {
        match self {
            Self::Amount if amount_from(key).is_some() => Ok(bytes(key)),
            Self::Amount => Err(Failure::Cursor),
            // No NUL is ever kept, and PostgreSQL takes none.
            Self::Text => match std::str::from_utf8(key) {
                Ok(key) if !key.contains('\0') => Ok(text(key)),
                _ => Err(Failure::Cursor),
            },
        }
    }
}

impl Search for PaymentSearch {
    type Row = PaymentRecord;

    async fn plan(&self, work: &mut Work) -> Result<Option<Plan>, Failure> {
        let Some(range) = range(work, self.time_ms.as_ref(), self.transaction, Transaction::logs).await? else {
            return Ok(None);
        };
        let mut plan = Plan::new(PaymentRecord::TABLE, range);
        plan.branches = branches(work, self.party.as_ref(), self.counterparty).await?;
        plan = plan
            .equal("uetr", Some("uetr"), self.uetr.map(bytes))
            .equal("end_to_end", Some("reference"), self.end_to_end.map(bytes))
            .amounts(self.amount.as_ref());
        plan.settle(self.transaction.is_some());
        let (token, status) = (self.token.map(bytes), self.status.map(|status| text(status.name())));
        if plan.index.is_some() || self.transaction.is_some() || self.party.is_some() {
            return Ok(Some(plan.equal("token", None, token).equal("status", None, status)));
        }
        if self.amount.is_some() {
            return by_amount(plan.equal("status", None, status), token).map(Some);
        }
        // Nearly all payments are settled, so that status alone says little then.
        let rare = self.status.is_some_and(|status| status != Status::Settled);
        let plan = if rare { plan.along("status") } else { plan };
        Ok(Some(plan.equal("token", Some("token"), token).equal("status", Some("status"), status)))
    }
}

impl Search for TransferSearch {
    type Row = TransferRecord;

    async fn plan(&self, work: &mut Work) -> Result<Option<Plan>, Failure> {
        let Some(range) = range(work, self.time_ms.as_ref(), self.transaction, Transaction::transfers).await? else {
            return Ok(None);
        };
        let mut plan = Plan::new(TransferRecord::TABLE, range);
        plan.branches = branches(work, self.party.as_ref(), self.counterparty).await?;
        let mut prefix = None;
        plan = match &self.reference {
            None => plan,
            Some(Reference::Memo(memo)) => plan.equal("memo", Some("memo"), Some(bytes(memo))),
            Some(Reference::Exact(reference)) => {
                plan.equal("reference", Some("reference"), Some(text(&kept(reference))))
            }
            Some(Reference::Prefix(reference)) => {
                let reference = kept(reference);
                if reference.is_empty() {
                    return Err(Failure::Search("a prefix has at least one character".into()));
                }
                let last = last_beginning_with(&reference);
                prefix = Some("reference");
                plan.with("reference", ">=", text(&reference)).with("reference", "<=", text(&last))
            }
        };
        plan = plan.amounts(self.amount.as_ref());
        plan.settle(self.transaction.is_some());
        let token = self.token.map(bytes);
        if plan.index.is_some() || self.transaction.is_some() || self.party.is_some() {
            return Ok(Some(plan.equal("token", None, token)));
        }
        if let Some(column) = prefix {
            plan.key = Some((column, KeyKind::Text));
            return Ok(Some(plan.along("reference").equal("token", None, token)));
        }
        if self.amount.is_some() {
            return by_amount(plan, token).map(Some);
        }
        Ok(Some(plan.equal("token", Some("token"), token)))
    }
}

impl Search for TransactionSearch {
    type Row = TransactionRecord;

    async fn plan(&self, work: &mut Work) -> Result<Option<Plan>, Failure> {
        let range = range(work, self.time_ms.as_ref(), None, Transaction::logs).await?;
        let status = self.succeeded.map(|succeeded| text(if succeeded { "succeeded" } else { "failed" }));
        Ok(range.map(|range| {
            Plan::new(TransactionRecord::TABLE, range)
                .equal("sender", Some("sender"), self.sender.map(bytes))
                .equal("recipient", Some("recipient"), self.recipient.map(bytes))
                .equal("status", None, status)
        }))
    }
}

impl Search for LogSearch {
    type Row = LogRecord;

    async fn plan(&self, work: &mut Work) -> Result<Option<Plan>, Failure> {
        let range = range(work, self.time_ms.as_ref(), self.transaction, Transaction::logs).await?;
        let narrow = |index| self.transaction.is_none().then_some(index);
        Ok(range.map(|range| {
            Plan::new(LogRecord::TABLE, range)
                .equal("name", narrow("name"), self.name.as_deref().map(kept).as_deref().map(text))
                .equal("emitter", narrow("emitter"), self.emitter.map(bytes))
        }))
    }
}

impl Search for DecisionSearch {
    type Row = DecisionRecord;

    async fn plan(&self, work: &mut Work) -> Result<Option<Plan>, Failure> {
        let range = range(work, self.time_ms.as_ref(), self.transaction, Transaction::logs).await?;
        let narrow = |index| self.transaction.is_none().then_some(index);
        Ok(range.map(|range| {
            Plan::new(DecisionRecord::TABLE, range)
                .equal("policy", narrow("policy"), self.policy.map(number))
                .equal("outcome", narrow("outcome"), self.outcome.as_deref().map(kept).as_deref().map(text))
                .equal("token", narrow("token"), self.token.map(bytes))
        }))
    }
}

impl Search for SettlementSearch {
    type Row = SettlementRecord;

    async fn plan(&self, work: &mut Work) -> Result<Option<Plan>, Failure> {
        let Some(range) = range(work, self.time_ms.as_ref(), None, Transaction::logs).await? else { return Ok(None) };
        let mut plan = Plan::new(SettlementRecord::TABLE, range)
            .equal("instruction", Some("instruction"), self.instruction.map(number))
            .equal("reference", Some("reference"), self.reference.map(bytes));
        if let Some(account) = self.account {
            let sides = ["account", "counterparty"].map(|side| {
                let mut branch = plan.branches.first().cloned().unwrap_or_default();
                branch.index = plan.index.is_none().then_some(side);
                branch.conditions.push(Condition { column: side, operator: "=", value: bytes(account) });
                branch
            });
            plan.branches = sides.into();
        }
        Ok(Some(plan.equal("scheme", Some("scheme"), self.scheme.map(number)).equal(
            "event",
            None,
            self.event.as_deref().map(kept).as_deref().map(text),
        )))
    }
}

/// Amounts compare within a token: its minor units are not another's.
fn by_amount(plan: Plan, token: Option<Value>) -> Result<Plan, Failure> {
    if token.is_none() {
        let reason = "amounts are minor units of a token: name the token, a party or a reference, too";
        return Err(Failure::Search(reason.into()));
    }
    let mut plan = plan.equal("token", None, token).along("amount");
    plan.key = Some(("amount", KeyKind::Amount));
    Ok(plan)
}

/// One branch for each account and side that is asked for, along the index of its side.
async fn branches(work: &mut Work, party: Option<&Party>, other: Option<Address>) -> Result<Vec<Branch>, Failure> {
    let Some(Party { who, side }) = party else {
        let reason = "a counterparty is one of a party: name that, too";
        return if other.is_some() { Err(Failure::Search(reason.into())) } else { Ok(vec![Branch::default()]) };
    };
    let accounts = match who {
        Who::Account(account) => vec![*account],
        Who::Named(prefix) => accounts_named(work, prefix).await?,
    };
    let sides: &[(&'static str, &'static str)] = match side {
        Side::Payer => &[("payer", "payee")],
        Side::Payee => &[("payee", "payer")],
        Side::Either => &[("payer", "payee"), ("payee", "payer")],
    };
    let branch = |account: Address, (own, others): (&'static str, &'static str)| {
        let condition = |column, account| Condition { column, operator: "=", value: bytes(account) };
        let conditions = std::iter::once(condition(own, account)).chain(other.map(|other| condition(others, other)));
        Branch { index: Some(own), conditions: conditions.collect() }
    };
    Ok(accounts.into_iter().flat_map(|account| sides.iter().map(move |side| branch(account, *side))).collect())
}

/// The accounts of which a name begins so. Of nobody there are no payments, so that no account is an error, too: who
/// misspelt a name learns it.
async fn accounts_named(work: &mut Work, prefix: &str) -> Result<Vec<Address>, Failure> {
    let rows_max = NAMED_MAX.saturating_add(1).saturating_mul(NAMES_PER_ACCOUNT);
    let names: Vec<NameRecord> = rows(work, beginning_so(prefix, rows_max)).await?;
    let accounts: BTreeSet<Address> = names.into_iter().map(|name| name.account).collect();
    match accounts.len() {
        0 => Err(Failure::Search(format!("no account has a name that begins with {prefix:?}"))),
        1..=NAMED_MAX => Ok(accounts.into_iter().collect()),
        _ => Err(Failure::Search(format!(
            "more than {NAMED_MAX} accounts have a name that begins with {prefix:?}: name more of it"
        ))),
    }
}

/// The greatest text that is kept and begins so.
pub(super) fn last_beginning_with(prefix: &str) -> String {
    let greatest = char::MAX;
    let left = TEXT_BYTES_MAX.saturating_sub(prefix.len()).div_ceil(greatest.len_utf8());
    let mut last = prefix.to_owned();
    last.extend(std::iter::repeat_n(greatest, left));
    last
}

/// Rows of a transaction: number in the block of the first, and how many.
struct Transaction;

impl Transaction {
    fn logs(row: &TransactionRecord) -> (u64, u64) {
        (row.first_log, row.logs)
    }

    fn transfers(row: &TransactionRecord) -> (u64, u64) {
        (row.first_transfer, row.transfers)
    }
}

/// The places within a time and a transaction; none if there are none. Block times rise with the heights.
async fn range(
    work: &mut Work,
    time_ms: Option<&RangeInclusive<u64>>,
    transaction: Option<B256>,
    rows_of: fn(&TransactionRecord) -> (u64, u64),
) -> Result<Option<Range>, Failure> {
    let mut range = Range { from: 0, until: i64::MAX };
    if let Some(time_ms) = time_ms {
        let mut first = Statement::new("SELECT height FROM blocks WHERE time_ms >= ");
        first.bind(number(*time_ms.start())).push(" ORDER BY time_ms, height LIMIT 1");
        let mut last = Statement::new("SELECT height FROM blocks WHERE time_ms <= ");
        last.bind(number(*time_ms.end())).push(" ORDER BY time_ms DESC, height DESC LIMIT 1");
        let (Some(first), Some(last)) = (height(work, first).await?, height(work, last).await?) else {
            return Ok(None);
        };
        // The end of a block is just before the beginning of the next.
        let after = Place::new(last.saturating_add(1), 0).map_or(i64::MAX, Place::as_sql);
        range.from = Place::new(first, 0).map_or(i64::MAX, Place::as_sql);
        range.until = after.saturating_sub(1);
    }
    if let Some(hash) = transaction {
        let found: Vec<TransactionRecord> = of_hash(work, hash).await?;
        let Some(found) = found.first() else { return Ok(None) };
        let (first, count) = rows_of(found);
        let from = Place::new(found.place.height(), first).map_or(i64::MAX, Place::as_sql);
        let until = from.saturating_add_unsigned(count).saturating_sub(1);
        range = Range { from: range.from.max(from), until: range.until.min(until) };
    }
    Ok((range.from <= range.until).then_some(range))
}

async fn height(work: &mut Work, statement: Statement) -> Result<Option<u64>, Failure> {
    work.fetch(statement).await?.pop().map(|row| Fields::new("blocks", row).number()).transpose()
}
