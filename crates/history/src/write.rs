//! How blocks get into the tables: one SQL transaction a batch.

use crate::{
    BlockRecord, DecisionRecord, History, HistoryBlock, HistoryError, LogRecord, NameKind, NameRecord, PaymentRecord,
    PaymentStepRecord, SettlementRecord, TransactionRecord, TransferRecord,
    columns::{Fields, amount, bytes, fold, number, text},
    database::{Database, Failure, Statement, Value, Work},
    decode::{NameChange, PaymentEvent, PaymentStep, Rows, decode},
    runs,
    schema::PAYMENTS_BY_UETR,
    search::rows,
};
use alloy_primitives::{Address, B256};
use florin_types::Height;
use std::collections::{BTreeMap, BTreeSet};

/// Payments that are looked up by one statement.
const KEYS_PER_QUERY: usize = 200;

/// Which chain a history tells, and how far.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) genesis_hash: B256,
    pub(crate) first: Option<Height>,
    pub(crate) last: Option<(Height, B256)>,
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
    if let Some(chain) = read_chain(&mut work).await? {
        return Ok(chain);
    }
    let mut statement = Statement::new("INSERT INTO chain (genesis_hash) VALUES (");
    statement.bind(bytes(genesis_hash)).push(")");
    work.execute(statement).await?;
    for name in names {
        set_name(&mut work, name).await?;
    }
    work.commit().await?;
    Ok(Chain { genesis_hash, first: None, last: None })
}

/// Writes the blocks that are not told yet. What is told is read in the same transaction, under a lock, so that several
/// writers agree.
pub(crate) async fn append(history: &History, blocks: &[HistoryBlock]) -> Result<Chain, HistoryError> {
    let failed = |failure| history.error(failure);
    let mut work = history.0.database.write().await.map_err(failed)?;
    let chain = read_chain(&mut work).await.map_err(failed)?;
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
        write(&mut work, new).await.map_err(failed)?;
        runs::write(&mut work, first).await.map_err(failed)?;
        write_chain(&mut work, &chain).await.map_err(failed)?;
        work.commit().await.map_err(failed)?;
    }
    Ok(chain)
}

async fn read_chain(work: &mut Work) -> Result<Option<Chain>, Failure> {
    let lock = if work.is_sqlite() { "" } else { " FOR UPDATE" };
    let sql = format!("SELECT genesis_hash, first_height, last_height, last_hash FROM chain{lock}");
    let Some(row) = work.fetch(Statement::new(sql)).await?.pop() else { return Ok(None) };
    let mut row = Fields::new("chain", row);
    let genesis_hash = row.hash()?;
    let (first, last) = (row.optional(Fields::number)?, row.optional(Fields::number)?);
    Ok(Some(Chain { genesis_hash, first, last: last.zip(row.optional(Fields::hash)?) }))
}

async fn write_chain(work: &mut Work, chain: &Chain) -> Result<(), Failure> {
    let (Some(first), Some((last, hash))) = (chain.first, chain.last) else { return Ok(()) };
    let mut statement = Statement::new("UPDATE chain SET first_height = ");
    statement.bind(number(first)).push(", last_height = ").bind(number(last));
    statement.push(", last_hash = ").bind(bytes(hash));
    work.execute(statement).await.map(|_| ())
}

async fn told_hash(work: &mut Work, height: Height) -> Result<Option<B256>, Failure> {
    let mut statement = Statement::new("SELECT hash FROM blocks WHERE height = ");
    statement.bind(number(height));
    work.fetch(statement).await?.pop().map(|row| Fields::new("blocks", row).hash()).transpose()
}

/// Writes what blocks say, a table after the other.
async fn write(work: &mut Work, blocks: Vec<Rows>) -> Result<(), Failure> {
    let mut all = Tables::default();
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
    work.insert(&all.blocks).await?;
    work.insert(&all.transactions).await?;
    work.insert(&all.logs).await?;
    work.insert(&all.transfers).await?;
    work.insert(&all.decisions).await?;
    work.insert(&all.settlement).await?;
    write_payments(work, all.events).await?;
    for change in all.names {
        write_name(work, change).await?;
    }
    Ok(())
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
async fn write_payments(work: &mut Work, events: Vec<PaymentEvent>) -> Result<(), Failure> {
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
    work.insert(&new).await?;
    for payment in old.values() {
        update_payment(work, payment).await?;
    }
    work.insert(&steps).await
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

async fn update_payment(work: &mut Work, payment: &PaymentRecord) -> Result<(), Failure> {
    let mut statement = Statement::new("UPDATE payments SET status = ");
    statement.bind(text(payment.status.name()));
    statement.push(", received = ").bind(amount(payment.received));
    statement.push(", returned = ").bind(amount(payment.returned));
    statement.push(", updated_height = ").bind(number(payment.updated_height));
    statement.push(", updated_ms = ").bind(number(payment.updated_ms));
    statement.push(" WHERE place = ").bind(Value::Integer(payment.spot.place.as_sql()));
    work.execute(statement).await.map(|_| ())
}

async fn write_name(work: &mut Work, change: NameChange) -> Result<(), Failure> {
    match change {
        NameChange::Set(name) => set_name(work, &name).await,
        NameChange::Removed { account, kind } => {
            let mut statement = Statement::new("DELETE FROM names WHERE account = ");
            statement.bind(bytes(account)).push(" AND kind = ").bind(text(kind.name()));
            work.execute(statement).await.map(|_| ())
        }
        NameChange::Person { person, lei } => {
            let mut statement = Statement::new("INSERT INTO persons (person, lei) VALUES (");
            statement.bind(number(person)).push(", ").bind(text(&lei));
            statement.push(") ON CONFLICT (person) DO UPDATE SET lei = excluded.lei");
            work.execute(statement).await.map(|_| ())
        }
        NameChange::Linked { account, person, height } => {
            let mut statement = Statement::new("SELECT lei FROM persons WHERE person = ");
            statement.bind(number(person));
            let Some(row) = work.fetch(statement).await?.pop() else { return Ok(()) };
            let name = Fields::new("persons", row).text()?;
            set_name(work, &NameRecord { account, kind: NameKind::Lei, name, height }).await
        }
    }
}

async fn set_name(work: &mut Work, name: &NameRecord) -> Result<(), Failure> {
    let mut statement = Statement::new("INSERT INTO names (account, kind, name, folded, height) VALUES (");
    statement.bind(bytes(name.account)).push(", ").bind(text(name.kind.name()));
    statement.push(", ").bind(text(&name.name)).push(", ").bind(text(&fold(&name.name)));
    statement.push(", ").bind(number(name.height));
    statement.push(") ON CONFLICT (account, kind) DO UPDATE SET name = excluded.name, folded = excluded.folded");
    statement.push(", height = excluded.height");
    work.execute(statement).await.map(|_| ())
}
