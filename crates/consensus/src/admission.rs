//! The one door into the mempool: a verified transaction is judged by the finalised state, then kept or refused.

use crate::clock;
use commonware_runtime::Clock;
use florin_execution::{AdmitError, Rejection, admit};
use florin_mempool::{Origin, Pool, PoolError, Submitted};
use florin_state::{Ledger, LedgerError, with_view};
use florin_types::{RulesSchedule, StateFault, VerifiedTx};
use std::sync::Arc;

/// Why a transaction was not taken. Wallets see `Rejected` and `Pool`; the others are this node's trouble.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SubmitError {
    /// It breaks a rule of the ledger.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The mempool has no place for it.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The state cannot be read yet or any more.
    #[error("the node cannot read its state to judge the transaction: {0}; try again or use another node")]
    Ledger(String),
    /// Local corruption.
    #[error(transparent)]
    Fault(#[from] StateFault),
}

impl From<LedgerError> for SubmitError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error.to_string())
    }
}

/// Judges and keeps transactions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Admissions {
    ledger: Ledger,
    pool: Pool,
    chain_id: u64,
    rules: Arc<RulesSchedule>,
    now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Admissions {
    pub(crate) fn new(ledger: Ledger, pool: Pool, chain_id: u64, rules: Arc<RulesSchedule>, clock: impl Clock) -> Self {
        Self { ledger, pool, chain_id, rules, now_ms: Arc::new(move || clock::now_ms(&clock)) }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        (self.now_ms)()
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Judges `txs` by the state after the last finalised block and puts what is admitted into the pool. One answer each.
    pub(crate) async fn submit(
        &self,
        txs: Vec<VerifiedTx>,
        origin: Origin,
    ) -> Result<Vec<Result<Submitted, SubmitError>>, SubmitError> {
        let height = self.ledger.head().block.height();
        let reader = self.ledger.state(height).await?;
        let (chain_id, rules, now_ms) = (self.chain_id, self.rules.clone(), self.now_ms());
        let next = height.saturating_add(1);
        let judged = with_view(reader, move |view| {
            let senders: Vec<_> = txs.iter().map(VerifiedTx::sender).collect();
            view.prefetch(&senders, &[]);
            txs.into_iter()
                .map(|tx| {
                    let verdict = admit(view, chain_id, rules.at(next), now_ms, next, &tx);
                    (tx, verdict)
                })
                .collect::<Vec<_>>()
        })
        .await;
        let keep = |(tx, verdict): (VerifiedTx, Result<_, AdmitError>)| match verdict {
            Ok(admission) => Ok(self.pool.submit(tx, &admission, origin, now_ms)?),
            Err(AdmitError::Rejected(rejection)) => Err(rejection.into()),
            Err(AdmitError::Fault(fault)) => Err(fault.into()),
        };
        Ok(judged.into_iter().map(keep).collect())
    }
}
