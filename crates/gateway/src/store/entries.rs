//! Movements on accounts that are served, in the order of the ledger.

use super::{Store, clean, minor, money, perhaps};
use crate::GatewayError;
use alloy_primitives::{Address, B256, U256};
use florin_history::sql::{Failure, Fields, Statement, Value, Work, bytes, number, text};
use serde::{Deserialize, Serialize};

/// Which way units went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// To the account.
    Credit,
    /// From it.
    Debit,
}

impl Side {
    /// As messages write it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Credit => "CRDT",
            Self::Debit => "DBIT",
        }
    }
}

/// What else is known of a movement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EntryDetails {
    /// `pay`, `item`, `return`, `exchange`, or `quote` for its provider; nothing for a movement that no payment made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_to_end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instruction: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) debtor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) debtor_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) debtor_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) creditor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) creditor_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) creditor_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) purpose: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) remittance: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) return_reason: Option<String>,
    /// Of a leg of an exchange: both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exchange: Option<ExchangeLegs>,
}

/// The two legs of an exchange: tokens, and minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExchangeLegs {
    pub(crate) sold: Address,
    /// With the fee.
    pub(crate) sent: U256,
    pub(crate) bought: Address,
    pub(crate) received: U256,
    pub(crate) fee: U256,
}

/// One movement on one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// 0 while it is not kept.
    pub(crate) number: u64,
    pub(crate) tenant: String,
    /// Number or BIC of the account.
    pub(crate) account: String,
    pub(crate) holder: Address,
    pub(crate) token: Address,
    pub(crate) height: u64,
    /// Number of the log in its block.
    pub(crate) log: u64,
    /// Place in a batch.
    pub(crate) item: u64,
    pub(crate) side: Side,
    /// Of the transaction.
    pub(crate) hash: B256,
    pub(crate) time_ms: u64,
    pub(crate) amount: u128,
    /// The account at the other end; of a payment across currencies, for debtor and creditor each other, and not the provider.
    pub(crate) counterparty: Address,
    pub(crate) uetr: Option<String>,
    pub(crate) details: EntryDetails,
}

/// What moved on an account in some time, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turnover {
    pub(crate) credits: U256,
    pub(crate) debits: U256,
}

/// Rows that are summed at once.
const TURNOVER_ROWS: u64 = 10_000;

const COLUMNS: [&str; 15] = [
    "number",
    "tenant",
    "account",
    "holder",
    "token",
    "height",
    "log",
    "item",
    "side",
    "hash",
    "time_ms",
    "amount",
    "counterparty",
    "uetr",
    "details",
];

impl Entry {
    fn read(row: &mut Fields) -> Result<Self, Failure> {
        let unknown = |value: &str| Failure::Damaged(format!("table entries: {value:?} is not known"));
        Ok(Self {
            number: row.number()?,
            tenant: row.text()?,
            account: row.text()?,
            holder: row.account()?,
            token: row.account()?,
            height: row.number()?,
            log: row.number()?,
            item: row.number()?,
            side: {
                let name = row.text()?;
                let found = [Side::Credit, Side::Debit].into_iter().find(|side| side.name() == name);
                found.ok_or_else(|| unknown(&name))?
            },
            hash: row.hash()?,
            time_ms: row.number()?,
            amount: minor(row)?,
            counterparty: row.account()?,
            uetr: row.optional(Fields::text)?,
            details: {
                let details = row.text()?;
                serde_json::from_str(&details).map_err(|_| unknown(&details))?
            },
        })
    }
}

impl Store {
    /// Notes since when the movements of an account in a token are told, unless that is known.
    pub(crate) async fn serve(
        &self,
        work: &mut Work,
        (holder, token): (Address, Address),
        since_ms: u64,
    ) -> Result<(), GatewayError> {
        let sql =
            "INSERT INTO served (holder, token, since_ms) VALUES ($1, $2, $3) ON CONFLICT (holder, token) DO NOTHING";
        self.run(work, sql, vec![bytes(holder), bytes(token), number(since_ms)]).await.map(drop)
    }

    /// Since when they are; `None` where they never were.
    pub(crate) async fn served_since(
        &self,
        work: &mut Work,
        holder: Address,
        token: Address,
    ) -> Result<Option<u64>, GatewayError> {
        let sql = "SELECT since_ms FROM served WHERE holder = $1 AND token = $2".to_owned();
        let rows = self.rows(work, "served", Statement { sql, values: vec![bytes(holder), bytes(token)] }).await?;
        self.told(rows.into_iter().next().map(|mut row| row.number()).transpose())
    }

    /// Keeps movements.
    pub(crate) async fn add_entries(&self, work: &mut Work, entries: &[Entry]) -> Result<(), GatewayError> {
        let first = self.next_number(work, "entries").await?;
        let mut rows = Vec::with_capacity(entries.len());
        for (entry, given) in entries.iter().zip(first..) {
            let details = serde_json::to_string(&entry.details).map_err(|error| self.damaged(error.to_string()))?;
            rows.push(vec![
                number(given),
                text(&entry.tenant),
                text(&entry.account),
                bytes(entry.holder),
                bytes(entry.token),
                number(entry.height),
                number(entry.log),
                number(entry.item),
                text(entry.side.name()),
                bytes(entry.hash),
                number(entry.time_ms),
                money(entry.amount),
                bytes(entry.counterparty),
                perhaps(entry.uetr.as_deref()),
                clean(&details),
            ]);
        }
        self.insert(work, "entries", &COLUMNS, rows).await
    }

    /// Movements on an account from one time until before another, in the order of the ledger.
    pub(crate) async fn entries_between(
        &self,
        work: &mut Work,
        (holder, token): (Address, Address),
        (from_ms, to_ms): (u64, u64),
        limit: u64,
    ) -> Result<Vec<Entry>, GatewayError> {
        let rest = "WHERE holder = $1 AND token = $2 AND time_ms >= $3 AND time_ms < $4 \
                    ORDER BY time_ms, height, log, item LIMIT $5";
        let values = vec![bytes(holder), bytes(token), number(from_ms), number(to_ms), number(limit)];
        self.entries(work, rest, values).await
    }

    /// What came to an account and what left it from a time on, up to a height, in minor units.
    pub(crate) async fn turnover_since(
        &self,
        work: &mut Work,
        (holder, token): (Address, Address),
        since_ms: u64,
        upto_height: u64,
    ) -> Result<Turnover, GatewayError> {
        let sql = "SELECT time_ms, number, height, side, amount FROM entries WHERE holder = $1 AND token = $2 AND \
                   time_ms >= $3 AND (time_ms > $3 OR number > $4) ORDER BY time_ms, number LIMIT $5";
        let (mut turnover, mut last) = (Turnover::default(), (since_ms, 0));
        loop {
            let (time_ms, after) = last;
            let values = vec![bytes(holder), bytes(token), number(time_ms), number(after), number(TURNOVER_ROWS)];
            let rows = self.rows(work, "entries", Statement { sql: sql.into(), values }).await?;
            let is_whole = (rows.len() as u64) < TURNOVER_ROWS;
            for mut row in rows {
                let read = (|| Ok((row.number()?, row.number()?, row.number()?, row.text()?, minor(&mut row)?)))();
                let (time_ms, number, height, side, amount) = self.told(read)?;
                last = (time_ms, number);
                let sum = if side == Side::Credit.name() { &mut turnover.credits } else { &mut turnover.debits };
                if height <= upto_height {
                    *sum = sum.saturating_add(U256::from(amount));
                }
            }
            if is_whole {
                return Ok(turnover);
            }
        }
    }

    /// A tenant's movements under a UETR, oldest first.
    pub(crate) async fn entries_under(
        &self,
        work: &mut Work,
        tenant: &str,
        uetr: &str,
    ) -> Result<Vec<Entry>, GatewayError> {
        let rest = "WHERE uetr = $1 AND tenant = $2 ORDER BY number LIMIT 100";
        self.entries(work, rest, vec![clean(uetr), text(tenant)]).await
    }

    pub(super) async fn entries(
        &self,
        work: &mut Work,
        rest: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Entry>, GatewayError> {
        let query = Statement { sql: format!("SELECT {} FROM entries {rest}", COLUMNS.join(", ")), values };
        self.read_rows(work, "entries", query, Entry::read).await
    }
}
