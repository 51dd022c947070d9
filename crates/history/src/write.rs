//! How blocks get into the tables: one SQL transaction a batch.

use crate::{
    BlockRecord, DecisionRecord, History, HistoryBlock, HistoryError, LogRecord, NameKind, NameRecord, PaymentRecord,
    PaymentStepRecord, SettlementRecord, TransactionRecord, TransferRecord,
    columns::{Fields, Kind, PersonRecord, Record, amount, bytes, number, optional, text},
    content::{self, Content, Written},
    database::{Database, Failure, Statement, Value, Work},
    decode::{NameChange, PaymentEvent, PaymentStep, Rows, decode},
    runs,
    schema::PAYMENTS_BY_UETR,
    search::rows,
};
use alloy_primitives::{Address, B256};
use florin_types::Height;
use std::collections::{BTreeMap, BTreeSet};

/// The table that says which chain this is.
const CHAIN: &str = "chain";
/// Payments that are looked up by one statement.
const KEYS_PER_QUERY: usize = 200;

/// Which chain a history tells, and how far.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) genesis_hash: B256,
    pub(crate) first: Option<Height>,
    pub(crate) last: Option<(Height, B256)>,
    /// Sum of the digests of all rows but this one.
    pub(crate) content: Content,
}

/// Payer and UETR.
type Key = (Address, B256);

/// Reads which chain this is; writes it, with the names of genesis, where there is none yet.
pub(crate) async fn begin(database: &Database, genesis_hash: B256, names: &[NameRecord]) -> Result<Chain, Failure> {
    let mut work = database.write().await?;
    if !work.is_sqlite() {
        // Two programs may begin the same history at once.
        work.execute(Statement::new("LOCK TABLE chain IN SHARE ROW EXCLUSIVE MODE")).await?;
    }
    if let Some(chain) = read_chain(&mut work, true).await? {
        return Ok(chain);
    }
    let mut chain = Chain { genesis_hash, first: None, last: None, content: Content::default() };
    for name in names {
        chain.content += set(&mut work, name).await?;
    }
    let sql = "INSERT INTO chain (genesis_hash, first_height, last_height, last_hash, content, digest) VALUES ($1, $2, $3, $4, $5, $6)";
    work.execute(Statement { sql: sql.into(), values: chain.values() }).await?;
    work.commit().await?;
    Ok(chain)
}

impl Chain {
    /// As it is stored, its digest last.
    fn values(&self) -> Vec<Value> {
        let (last_height, last_hash) = self.last.unzip();
        let mut values = vec![
            bytes(self.genesis_hash),
            optional(self.first, Kind::Integer, number),
            optional(last_height, Kind::Integer, number),
            optional(last_hash, Kind::Bytes, bytes),
            content::to_sql(self.content),
        ];
        values.push(content::to_sql(content::digest(CHAIN, &values)));
        values
    }
}

/// Writes the blocks that are not told yet. What is told is read in the same transaction, under a lock, so that several
/// writers agree.
pub(crate) async fn append(history: &History, blocks: &[HistoryBlock]) -> Result<Chain, HistoryError> {
    let failed = |failure| history.error(failure);
    let mut work = history.0.database.write().await.map_err(failed)?;
    let chain = read_chain(&mut work, true).await.map_err(failed)?;
    let mut chain = chain.ok_or_else(|| failed(Failure::Damaged("table chain is empty".into())))?;
    let mut new = Vec::with_capacity(blocks.len());
    for block in blocks {
        let (height, found) = (block.block().height(), block.block().hash());
        let other = |expected| HistoryError::OtherBlock { place: history.place(), height, found, expected };
        match chain.last {
            Some((last, _)) if height <= last => {
                // Blocks from before the history began cannot be compared, and change nothing.
                if let Some(expected) = told_hash(&mut work, height).await.map_err(failed)?
                    && expected != found
                {
                    return Err(other(expected));
                }
                continue;
            }
            Some((last, _)) if last.checked_add(1) != Some(height) => {
                return Err(HistoryError::Gap { told: Some(last), offered: height });
            }
            Some((_, last_hash)) if block.block().header().parent_hash != last_hash => {
                let (found, expected) = (block.block().header().parent_hash, last_hash);
                let height = height.saturating_sub(1);
                return Err(HistoryError::OtherBlock { place: history.place(), height, found, expected });
            }
            None if height == 0 && found != chain.genesis_hash => return Err(other(chain.genesis_hash)),
            None if height == 1 && block.block().header().parent_hash != chain.genesis_hash => {
                let (found, expected) = (block.block().header().parent_hash, chain.genesis_hash);
                return Err(HistoryError::OtherBlock { place: history.place(), height: 0, found, expected });
            }
            Some(_) | None => {}
        }
        chain.first = chain.first.or(Some(height));
        chain.last = Some((height, found));
        new.push(decode(block)?);
    }
    if let Some(first) = new.first().map(|rows: &Rows| rows.block.height) {
        let written = write(&mut work, new).await.map_err(failed)?;
        chain.content += written.rows;
        chain.content += runs::write(&mut work, first, &written).await.map_err(failed)?;
        write_chain(&mut work, &chain).await.map_err(failed)?;
        work.commit().await.map_err(failed)?;
    }
    Ok(chain)
}

/// Which chain it is, if that was written; locked for a writer.
pub(crate) async fn read_chain(work: &mut Work, is_writer: bool) -> Result<Option<Chain>, Failure> {
    let lock = if work.is_sqlite() || !is_writer { "" } else { " FOR UPDATE" };
    let sql = format!("SELECT genesis_hash, first_height, last_height, last_hash, content, digest FROM {CHAIN}{lock}");
    let Some(mut row) = work.fetch(Statement::new(sql)).await?.pop() else { return Ok(None) };
    content::verified(CHAIN, &mut row)?;
    let mut row = Fields::new(CHAIN, row);
    let genesis_hash = row.hash()?;
    let (first, last) = (row.optional(Fields::number)?, row.optional(Fields::number)?);
    let last = last.zip(row.optional(Fields::hash)?);
    Ok(Some(Chain { genesis_hash, first, last, content: content::from_sql(&mut row)? }))
}

async fn write_chain(work: &mut Work, chain: &Chain) -> Result<(), Failure> {
    let sql = "UPDATE chain SET genesis_hash = $1, first_height = $2, last_height = $3, last_hash = $4, content = $5, digest = $6";
    work.execute(Statement { sql: sql.into(), values: chain.values() }).await.map(|_| ())
}

async fn told_hash(work: &mut Work, height: Height) -> Result<Option<B256>, Failure> {
    let mut rest = Statement::new("WHERE t.height = ");
    rest.bind(number(height));
    Ok(rows::<BlockRecord>(work, rest).await?.pop().map(|block| block.hash))
}

/// Writes what blocks say, a table after the other.
async fn write(work: &mut Work, blocks: Vec<Rows>) -> Result<Written, Failure> {
    let (mut all, mut written) = (Tables::default(), Written::default());
    for rows in blocks {
        all.blocks.push(rows.block);
        all.transactions.extend(rows.transactions);
        all.logs.extend(rows.logs);
        all.transfers.extend(rows.transfers);
        all.events.extend(rows.payments);
        all.decisions.extend(rows.decisions);
        all.settlement.extend(rows.settlement);
        all.names.extend(rows.names);
    }
    work.insert(&all.blocks, &mut written).await?;
    work.insert(&all.transactions, &mut written).await?;
    work.insert(&all.logs, &mut written).await?;
    work.insert(&all.transfers, &mut written).await?;
    work.insert(&all.decisions, &mut written).await?;
    work.insert(&all.settlement, &mut written).await?;
    write_payments(work, all.events, &mut written).await?;
    for change in all.names {
        written.rows += write_name(work, change).await?;
    }
    Ok(written)
}

#[derive(Default)]
struct Tables {
    blocks: Vec<BlockRecord>,
    transactions: Vec<TransactionRecord>,
    logs: Vec<LogRecord>,
    transfers: Vec<TransferRecord>,
    events: Vec<PaymentEvent>,
    decisions: Vec<DecisionRecord>,
    settlement: Vec<SettlementRecord>,
    names: Vec<NameChange>,
}

/// Payments that the batch orders are written as they are at its end; earlier ones are changed. What happens to a
/// payment that was ordered before the history began is known of nobody and is left out.
async fn write_payments(work: &mut Work, events: Vec<PaymentEvent>, written: &mut Written) -> Result<(), Failure> {
    let ordered_here: BTreeSet<Key> = events
        .iter()
        .filter(|event| matches!(event.step, PaymentStep::Ordered(_)))
        .map(|event| (event.payer, event.uetr))
        .collect();
    let mut earlier: Vec<Key> = events.iter().map(|event| (event.payer, event.uetr)).collect();
    earlier.retain(|key| !ordered_here.contains(key));
    earlier.sort_unstable();
    earlier.dedup();
    let mut old = read_payments(work, &earlier).await?;
    written.rows -= old.values().map(|payment| content::sealed(payment).1).sum::<Content>();
    let mut new: BTreeMap<Key, PaymentRecord> = BTreeMap::new();
    let mut steps = Vec::with_capacity(events.len());
    for event in events {
        let key = (event.payer, event.uetr);
        if let PaymentStep::Ordered(payment) = &event.step {
            new.insert(key, (**payment).clone());
        }
        let Some(payment) = new.get_mut(&key).or_else(|| old.get_mut(&key)) else { continue };
        payment.apply(&event);
        steps.push(step(payment, &event));
    }
    let mut new: Vec<PaymentRecord> = new.into_values().collect();
    new.sort_unstable_by_key(|payment| payment.spot.place);
    work.insert(&new, written).await?;
    for payment in old.values() {
        written.rows += update_payment(work, payment).await?;
    }
    work.insert(&steps, written).await
}

/// What happened, beside what the payment is now.
fn step(payment: &PaymentRecord, event: &PaymentEvent) -> PaymentStepRecord {
    let (amount, account, reason) = match &event.step {
        PaymentStep::Ordered(payment) => (Some(payment.amount), payment.payee, None),
        PaymentStep::Reserved { poster, .. } => (None, *poster, None),
        PaymentStep::Parked { policy, account, .. } => (None, Some(*account), Some(format!("policy {policy}"))),
        PaymentStep::Posted { amount } => (Some(*amount), None, None),
        PaymentStep::Voided { by } => (None, Some(*by), None),
        PaymentStep::Expired => (None, None, None),
        PaymentStep::Returned { amount, reason } => (Some(*amount), None, reason.clone()),
    };
    PaymentStepRecord {
        spot: event.spot,
        payment: payment.spot.place,
        step: event.step.name().into(),
        status: payment.status,
        amount,
        account,
        reason,
    }
}

async fn read_payments(work: &mut Work, keys: &[Key]) -> Result<BTreeMap<Key, PaymentRecord>, Failure> {
    let mut found = BTreeMap::new();
    for keys in keys.chunks(KEYS_PER_QUERY) {
        let rest = PAYMENTS_BY_UETR.any(work.is_sqlite(), keys.iter().map(|(_, uetr)| bytes(uetr)));
        // Other payers may use the same UETR, and SQLite compares a part of it.
        let payments: Vec<PaymentRecord> = rows(work, rest).await?;
        let keyed = payments.into_iter().map(|payment| ((payment.payer, payment.uetr), payment));
        found.extend(keyed.filter(|(key, _)| keys.binary_search(key).is_ok()));
    }
    Ok(found)
}

/// Writes what may have become of a payment; gives its digest.
async fn update_payment(work: &mut Work, payment: &PaymentRecord) -> Result<Content, Failure> {
    let digest = content::sealed(payment).1;
    let mut statement = Statement::new("UPDATE payments SET status = ");
    statement.bind(text(payment.status.name()));
    statement.push(", received = ").bind(amount(payment.received));
    statement.push(", returned = ").bind(amount(payment.returned));
    statement.push(", expiry_ms = ").bind(optional(payment.expiry_ms, Kind::Integer, number));
    statement.push(", updated_height = ").bind(number(payment.updated_height));
    statement.push(", updated_ms = ").bind(number(payment.updated_ms));
    statement.push(", digest = ").bind(content::to_sql(digest));
    statement.push(" WHERE place = ").bind(Value::Integer(payment.spot.place.as_sql()));
    work.execute(statement).await?;
    Ok(digest)
}

/// Writes what accounts are called from now on; gives by how much the content has changed.
async fn write_name(work: &mut Work, change: NameChange) -> Result<Content, Failure> {
    match change {
        NameChange::Set(name) => set(work, &name).await,
        NameChange::Removed { account, kind } => remove::<NameRecord>(work, &[bytes(account), text(kind.name())]).await,
        NameChange::Person { person, lei } => set(work, &PersonRecord { person, lei }).await,
        NameChange::Linked { account, person, height } => {
            let Some(person) = rows::<PersonRecord>(work, keyed::<PersonRecord>("t.", &[number(person)])).await?.pop()
            else {
                return Ok(Content::default());
            };
            set(work, &NameRecord { account, kind: NameKind::Lei, name: person.lei, height }).await
        }
    }
}

/// A row that takes the place of an earlier one with the same key.
trait Replaced: Record {
    /// So many of the first columns are the key.
    const KEY: usize;
}

impl Replaced for NameRecord {
    const KEY: usize = 2;
}

impl Replaced for PersonRecord {
    const KEY: usize = 1;
}

async fn set<R: Replaced>(work: &mut Work, row: &R) -> Result<Content, Failure> {
    let mut values = Vec::new();
    row.write(&mut values);
    let removed = remove::<R>(work, values.get(..R::KEY).unwrap_or_default()).await?;
    let mut written = Written::default();
    work.insert(std::slice::from_ref(row), &mut written).await?;
    Ok(removed + written.rows)
}

/// Removes the row with this key, if there is one.
async fn remove<R: Replaced>(work: &mut Work, key: &[Value]) -> Result<Content, Failure> {
    let old: Vec<R> = rows(work, keyed::<R>("t.", key)).await?;
    let Statement { sql, values } = keyed::<R>("", key);
    work.execute(Statement { sql: format!("DELETE FROM {} {sql}", R::TABLE), values }).await?;
    Ok(old.iter().fold(Content::default(), |change, row| change - content::sealed(row).1))
}

/// `WHERE`, for the row with this key, in a table that is called so.
fn keyed<R: Replaced>(table: &str, key: &[Value]) -> Statement {
    let mut rest = Statement::default();
    for (number, (column, value)) in R::COLUMNS.iter().zip(key).enumerate() {
        rest.push(if number == 0 { "WHERE " } else { " AND " });
        rest.push(&format!("{table}{} = ", column.name)).bind(value.clone());
    }
    rest
}
