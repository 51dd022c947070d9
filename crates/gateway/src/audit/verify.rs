//! Computes the log's chain again and compares it with what was committed to the ledger.

use super::anchor::REFERENCE;
use crate::{
    Faults, GatewayError,
    chain::Chain,
    store::{AuditRow, Store},
};
use alloy_primitives::{Address, B256};
use alloy_sol_types::SolEvent as _;
use florin_client::{RpcClient, Verifier};
use florin_history::Location;
use florin_modules::token::IToken;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

/// Rows read at once.
const ROWS_MAX: u64 = 1_000;

/// What the log shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audited {
    /// Rows of the log.
    pub rows: u64,
    /// The hash of the last.
    pub head: B256,
    /// Commitments on the ledger.
    pub commitments: u64,
    /// The last row that a commitment covers: rows after it are shown by the chain alone.
    pub covered: u64,
}

/// What is wrong with the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// A row says something else than when it was written.
    #[error("row {0} was changed: it has not the hash that was written with it")]
    Changed(u64),
    /// A row does not follow the one before.
    #[error("row {0} does not follow row {before}: one of them was changed, with its hash", before = .0.saturating_sub(1))]
    Broken(u64),
    /// A row is not there.
    #[error("row {0} was deleted: the next one that is there has a higher number")]
    Deleted(u64),
    /// The ledger has a commitment to a row that is not there.
    #[error("rows after {last} were deleted: block {height} of the ledger has a commitment to row {row}")]
    Cut {
        /// The last row that is there.
        last: u64,
        /// The row that was committed.
        row: u64,
        /// Where.
        height: u64,
    },
    /// The ledger has another hash of a row.
    #[error(
        "some row from {from} to {row} was changed, and the chain after it with it: block {height} of the ledger has another hash of row {row}"
    )]
    Rewritten {
        /// The first row after the last commitment that is right.
        from: u64,
        /// The row that was committed.
        row: u64,
        /// Where.
        height: u64,
    },
}

/// Hashes of rows on the ledger, with the heights at which they stand.
pub type Commitments = BTreeMap<u64, (B256, u64)>;

/// Verifies the log in this database against what an account committed with a token's transfers. Which transfers there are is the node's
/// word; each of them is proven.
pub async fn verify_audit(
    location: &Location,
    genesis_hash: B256,
    (rpc, verifier): (RpcClient, Verifier),
    anchor: Option<(Address, Address)>,
) -> Result<Result<Audited, AuditFault>, GatewayError> {
    let (store, _) = Store::open(location, genesis_hash, 0, Faults::default()).await?;
    let chain = Chain { rpc, verifier: Arc::new(verifier), chain_id: 0, salt: Arc::new([]) };
    let commitments = match anchor {
        Some((account, token)) => committed(&chain, account, token).await?,
        None => Commitments::new(),
    };
    let audited = check(&store, genesis_hash, &commitments).await;
    store.close().await;
    audited
}

/// What an account committed. Of one row the first commitment counts.
async fn committed(chain: &Chain, account: Address, token: Address) -> Result<Commitments, GatewayError> {
    let topics = json!([IToken::TransferWithMemo::SIGNATURE_HASH, account.into_word(), account.into_word()]);
    let mut commitments = Commitments::new();
    for height in chain.logs_of_all_times(json!([token]), topics).await? {
        let Some(body) = chain.body(height).await? else { continue };
        for log in body.receipts.iter().filter(|receipt| receipt.status()).flat_map(|receipt| receipt.logs()) {
            let Ok(event) = IToken::TransferWithMemo::decode_log(log) else { continue };
            let row = event.paymentReference.strip_prefix(REFERENCE).and_then(|number| number.parse().ok());
            if let Some(row) = row.filter(|_| log.address == token && (event.from, event.to) == (account, account)) {
                commitments.entry(row).or_insert((event.memo, height));
            }
        }
    }
    Ok(commitments)
}

/// Walks over all rows.
pub(super) async fn check(
    store: &Store,
    genesis_hash: B256,
    commitments: &Commitments,
) -> Result<Result<Audited, AuditFault>, GatewayError> {
    let (mut last, mut head, mut covered) = (0u64, genesis_hash, 0u64);
    loop {
        let mut work = store.read().await?;
        let rows = store.audit_after(&mut work, None, last, ROWS_MAX).await?;
        drop(work);
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let expected = last.saturating_add(1);
            if let Some(fault) = fault_of(&row, expected, head) {
                return Ok(Err(fault));
            }
            if let Some((committed, height)) = commitments.get(&row.number) {
                if *committed != row.hash {
                    let (from, row, height) = (covered.saturating_add(1), row.number, *height);
                    return Ok(Err(AuditFault::Rewritten { from, row, height }));
                }
                covered = row.number;
            }
            (last, head) = (row.number, row.hash);
        }
    }
    if let Some((row, (_, height))) = commitments.range(last.saturating_add(1)..).next() {
        return Ok(Err(AuditFault::Cut { last, row: *row, height: *height }));
    }
    let commitments = u64::try_from(commitments.len()).unwrap_or(u64::MAX);
    Ok(Ok(Audited { rows: last, head, commitments, covered }))
}

fn fault_of(row: &AuditRow, expected: u64, previous: B256) -> Option<AuditFault> {
    if row.number != expected {
        return Some(AuditFault::Deleted(expected));
    }
    if row.entry.hash(row.number, row.previous) != row.hash {
        return Some(AuditFault::Changed(row.number));
    }
    (row.previous != previous).then_some(AuditFault::Broken(row.number))
}
