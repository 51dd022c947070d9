//! The audit log and its commitments.

use super::{Store, clean};
use crate::{GatewayError, audit::AuditEntry};
use alloy_primitives::{Address, B256};
use florin_history::sql::{Fields, Kind, Statement, Value, Work, bytes, number, optional, text};

const COLUMNS: [&str; 10] =
    ["number", "time_ms", "tenant", "who", "roles", "method", "path", "status", "previous", "hash"];

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditRow {
    pub(crate) number: u64,
    pub(crate) entry: AuditEntry,
    pub(crate) previous: B256,
    pub(crate) hash: B256,
}

/// A head of the log that was signed for the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnchorRow {
    pub(crate) number: u64,
    pub(crate) day: u64,
    /// The last row that it covers.
    pub(crate) row_number: u64,
    pub(crate) hash: B256,
    pub(crate) account: Address,
    pub(crate) nonce: u64,
    pub(crate) tx_hash: B256,
    pub(crate) content: Vec<u8>,
    pub(crate) is_final: bool,
}

impl Store {
    /// Number and hash of the last row; before the first, 0 and the genesis block.
    pub(crate) async fn audit_head(&self, work: &mut Work) -> Result<(u64, B256), GatewayError> {
        let last = Statement::new("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1");
        if let Some(mut row) = self.rows(work, "audit", last).await?.pop() {
            return self.told((|| Ok((row.number()?, row.hash()?)))());
        }
        let genesis = Statement::new("SELECT genesis_hash FROM gateway");
        let row = self.rows(work, "gateway", genesis).await?.pop();
        let mut row = row.ok_or_else(|| self.damaged("table gateway has no row"))?;
        Ok((0, self.told(row.hash())?))
    }

    /// Adds a row.
    pub(crate) async fn add_audit(
        &self,
        work: &mut Work,
        entry: &AuditEntry,
        row: u64,
        previous: B256,
        hash: B256,
    ) -> Result<(), GatewayError> {
        let values = vec![
            number(row),
            number(entry.time_ms),
            clean(&entry.tenant),
            clean(&entry.who),
            clean(&entry.roles),
            clean(&entry.method),
            clean(&entry.path),
            number(entry.status),
            bytes(previous),
            bytes(hash),
        ];
        self.insert(work, "audit", &COLUMNS, vec![values]).await
    }

    /// Rows after one, oldest first: of a tenant, or of all.
    pub(crate) async fn audit_after(
        &self,
        work: &mut Work,
        tenant: Option<&str>,
        after: u64,
        limit: u64,
    ) -> Result<Vec<AuditRow>, GatewayError> {
        let mut values = vec![number(after), number(limit)];
        let mut condition = "number > $1";
        if let Some(tenant) = tenant {
            condition = "number > $1 AND tenant = $3";
            values.push(clean(tenant));
        }
        let sql = format!("SELECT {} FROM audit WHERE {condition} ORDER BY number LIMIT $2", COLUMNS.join(", "));
        let read = |row: &mut Fields| {
            let number = row.number()?;
            let entry = AuditEntry {
                time_ms: row.number()?,
                tenant: row.text()?,
                who: row.text()?,
                roles: row.text()?,
                method: row.text()?,
                path: row.text()?,
                status: row.number()?,
            };
            Ok(AuditRow { number, entry, previous: row.hash()?, hash: row.hash()? })
        };
        self.read_rows(work, "audit", Statement { sql, values }, read).await
    }

    /// The last commitment that is not dead.
    pub(crate) async fn last_anchor(&self, work: &mut Work) -> Result<Option<AnchorRow>, GatewayError> {
        let sql = "SELECT number, day, row_number, hash, account, nonce, tx_hash, content, state FROM anchors WHERE state <> \
                   'dead' ORDER BY number DESC LIMIT 1";
        let Some(mut row) = self.rows(work, "anchors", Statement::new(sql)).await?.pop() else { return Ok(None) };
        let mut read = || {
            Ok(AnchorRow {
                number: row.number()?,
                day: row.number()?,
                row_number: row.number()?,
                hash: row.hash()?,
                account: row.account()?,
                nonce: row.number()?,
                tx_hash: row.hash()?,
                content: row.bytes()?,
                is_final: row.text()? == "final",
            })
        };
        self.told(read()).map(Some)
    }

    /// Keeps a commitment that is signed.
    pub(crate) async fn add_anchor(&self, work: &mut Work, anchor: &AnchorRow) -> Result<(), GatewayError> {
        let next = self.next_number(work, "anchors").await?;
        let columns = ["number", "day", "row_number", "hash", "account", "nonce", "tx_hash", "content", "state"];
        let values = vec![
            number(next),
            number(anchor.day),
            number(anchor.row_number),
            bytes(anchor.hash),
            bytes(anchor.account),
            number(anchor.nonce),
            bytes(anchor.tx_hash),
            Value::Bytes(anchor.content.clone()),
            text("signed"),
        ];
        self.insert(work, "anchors", &columns, vec![values]).await
    }

    /// A commitment is final at a height; without one, it never will be.
    pub(crate) async fn move_anchor(
        &self,
        work: &mut Work,
        anchor: u64,
        height: Option<u64>,
    ) -> Result<(), GatewayError> {
        let state = if height.is_some() { "final" } else { "dead" };
        let values = vec![text(state), optional(height, Kind::Integer, number), number(anchor)];
        let sql = "UPDATE anchors SET state = $1, height = $2 WHERE number = $3 AND state = 'signed'";
        self.run(work, sql, values).await.map(drop)
    }
}
