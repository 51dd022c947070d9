//! Building and checking one block on its parent's state: the pure core run over the engine's batches.

use crate::{application::Core, config::Timing};
use alloy_primitives::B256;
use florin_execution::{
    BlockEnv, Candidates, ExecuteError, Executed, Rejection, assemble, check_header, check_outcome,
};
use florin_state::{Batch, Runtime, SealedBatch, StateReader, commitment, merkleize, with_view, write};
use florin_types::{Address, Block, Bytes, ConsensusContext, Extension, Rules, StateFault, VerifiedTx};
use std::{collections::HashSet, sync::Arc, time::Duration};

/// What execution of a block gave beside its state.
pub(crate) struct Outcome {
    pub(crate) senders: Arc<Vec<Address>>,
    pub(crate) executed: Executed,
}

impl Outcome {
    fn new(txs: &[VerifiedTx], executed: Executed) -> Self {
        Self { senders: Arc::new(txs.iter().map(VerifiedTx::sender).collect()), executed }
    }
}

/// Why a block is invalid, for people.
pub(crate) struct Invalid(pub(crate) String);

/// Why a block was not executed to its end.
pub(crate) enum Refused {
    /// It breaks a rule, for ever.
    Invalid(Invalid),
    /// This machine's state cannot be read.
    Fault(StateFault),
}

impl From<StateFault> for Refused {
    fn from(fault: StateFault) -> Self {
        Self::Fault(fault)
    }
}

fn invalid(reason: impl ToString) -> Refused {
    Refused::Invalid(Invalid(reason.to_string()))
}

/// Where a new block stands in consensus, and what it carries for the engine.
pub(crate) struct Place {
    pub(crate) context: ConsensusContext,
    pub(crate) payload: Option<Bytes>,
}

/// Fills a block on top of `parent` from the pool. `elapsed` is the leader's time since it began.
pub(crate) async fn build<E: Runtime>(
    core: &Core<E>,
    parent: &Block,
    now_ms: u64,
    Place { context, payload }: Place,
    included: HashSet<B256>,
    elapsed: Box<dyn Fn() -> Duration + Send>,
    batch: Batch<E>,
) -> Result<(Arc<Block>, Outcome, SealedBatch<E>), StateFault> {
    let rules = core.rules.at(parent.height().saturating_add(1)).clone();
    // Time rises, follows the clock, and stays within what validators accept after a long silence.
    let earliest_ms = parent.timestamp_ms().saturating_add(1);
    let latest_ms = parent.timestamp_ms().saturating_add(rules.block_time_step_ms_max);
    let env = BlockEnv::child_of(parent, now_ms.clamp(earliest_ms, latest_ms.max(earliest_ms)));
    let env = BlockEnv { leader: context.leader, ..env };
    let inner = core.pool().candidates(&rules, &included);
    let candidates = TimedCandidates { inner, stale: Vec::new(), elapsed, timing: core.timing };
    let (chain_id, execution_env, execution_rules) = (core.chain_id, env.clone(), rules.clone());
    let (txs, executed, candidates) = with_view(&batch, move |view| {
        let mut candidates = candidates;
        florin_execution::build(view, chain_id, &execution_rules, &execution_env, &mut candidates)
            .map(|(txs, executed)| (txs, executed, candidates))
    })
    .await?;
    // On top of undecided blocks the verdict may change with them; only the finalised state condemns.
    if included.is_empty() {
        core.pool().discard(candidates.inner.invalid());
        core.pool().discard(&candidates.stale);
    }
    core.pool().defer(candidates.inner.blocked(), now_ms);
    let sealed = merkleize(write(batch, env.height, &executed.changeset)?).await?;
    let (state_root, state) = commitment(&sealed);
    let extension = Extension { timestamp_ms: env.timestamp_ms, context, state, payload_hash: None };
    let block = assemble(parent, &env, &rules, &executed, &txs, state_root, extension, payload)
        .map_err(|error| StateFault(format!("the block that was built is not one: {error}")))?;
    Ok((Arc::new(block), Outcome::new(&txs, executed), sealed))
}

/// Checks everything about `block` that follows from its parent.
pub(crate) async fn verify<E: Runtime>(
    core: &Core<E>,
    parent: &Block,
    block: &Block,
    batch: Batch<E>,
) -> Result<(Outcome, SealedBatch<E>), Refused> {
    let rules = core.rules.at(block.height());
    check_header(parent, block, rules).map_err(invalid)?;
    let txs = core
        .cache()
        .verify_block(block.transactions(), core.chain_id, core.threads)
        .map_err(|(index, error)| invalid(format!("transaction {index}: {error}")))?;
    let (executed, txs) = execute(core, rules, block, txs, &batch).await?;
    let sealed = merkleize(write(batch, block.height(), &executed.changeset)?).await?;
    let (state_root, state) = commitment(&sealed);
    check_outcome(block, &executed, state_root).map_err(invalid)?;
    if state != block.extension().state {
        return Err(invalid(format!("state target {:?} but execution gives {state:?}", block.extension().state)));
    }
    Ok((Outcome::new(&txs, executed), sealed))
}

/// Executes a final block once more on the state before it.
pub(crate) async fn replay<E: Runtime>(
    core: &Core<E>,
    block: &Block,
    reader: &impl StateReader,
) -> Result<Outcome, StateFault> {
    let rules = core.rules.at(block.height());
    let txs = core
        .cache()
        .verify_block(block.transactions(), core.chain_id, core.threads)
        .map_err(|(index, error)| StateFault(format!("transaction {index}: {error}")))?;
    match execute(core, rules, block, txs, reader).await {
        Ok((executed, txs)) => Ok(Outcome::new(&txs, executed)),
        Err(Refused::Fault(fault)) => Err(fault),
        Err(Refused::Invalid(Invalid(reason))) => Err(StateFault(reason)),
    }
}

async fn execute<E: Runtime>(
    core: &Core<E>,
    rules: &Rules,
    block: &Block,
    txs: Vec<VerifiedTx>,
    reader: &impl StateReader,
) -> Result<(Executed, Vec<VerifiedTx>), Refused> {
    let (chain_id, rules, env) = (core.chain_id, rules.clone(), BlockEnv::of(block));
    with_view(reader, move |view| {
        let executed = florin_execution::execute(view, chain_id, &rules, &env, &txs);
        executed.map(|executed| (executed, txs))
    })
    .await
    .map_err(|error| match error {
        ExecuteError::Fault(fault) => Refused::Fault(fault),
        rejected => invalid(rejected),
    })
}

/// Candidates until the leader's time for one block is over; the rest comes in the next. Payments come first for their
/// part of that time, everything for what is left of it.
struct TimedCandidates {
    inner: florin_mempool::Candidates,
    /// Transactions whose nonce the parent's state has used: admitted while their twin became final.
    stale: Vec<B256>,
    elapsed: Box<dyn Fn() -> Duration + Send>,
    timing: Timing,
}

impl Candidates for TimedCandidates {
    fn next(&mut self) -> Option<VerifiedTx> {
        let elapsed = (self.elapsed)();
        if elapsed >= self.timing.build_budget {
            return None;
        }
        if elapsed >= self.timing.payments_budget {
            self.inner.end_payments();
        }
        self.inner.next()
    }

    fn taken(&mut self, tx: &VerifiedTx, gas_used: u64) {
        self.inner.taken(tx, gas_used);
    }

    fn rejected(&mut self, tx: &VerifiedTx, rejection: &Rejection) {
        if matches!(rejection, Rejection::NonceTooLow { .. }) {
            self.stale.push(tx.hash());
        }
        self.inner.rejected(tx, rejection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::transaction;
    use florin_execution::{Admission, Lane};
    use florin_mempool::{Origin, Pool, PoolLimits};
    use florin_types::{RulesSchedule, U256};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Three contract calls that came first, and three payments.
    fn pool() -> Pool {
        let pool = Pool::new(PoolLimits::default());
        for (sender, lane) in [(1, Lane::General), (2, Lane::Payment)] {
            for nonce in 0..3 {
                let admission = Admission { account_nonce: 0, balance: U256::MAX, cost: U256::ZERO, lane };
                pool.submit(transaction(sender, nonce), &admission, Origin::Local, 0).unwrap();
            }
        }
        pool
    }

    /// Senders in the order of a block, where each transaction takes the leader so many milliseconds.
    fn order(milliseconds_each: u64) -> Vec<u8> {
        let rules = Rules::default();
        let timing = Timing::of(&RulesSchedule::constant(rules.clone()).unwrap());
        let now = Arc::new(AtomicU64::new(0));
        let clock = now.clone();
        let elapsed = Box::new(move || Duration::from_millis(clock.load(Ordering::Relaxed)));
        let inner = pool().candidates(&rules, &HashSet::new());
        let mut candidates = TimedCandidates { inner, stale: Vec::new(), elapsed, timing };
        let payer = transaction(2, 0).sender();
        std::iter::from_fn(|| {
            let tx = candidates.next()?;
            now.fetch_add(milliseconds_each, Ordering::Relaxed);
            candidates.taken(&tx, 50_000);
            Some(if tx.sender() == payer { 2 } else { 1 })
        })
        .collect()
    }

    #[test]
    fn payments_have_their_own_part_of_the_leaders_time() {
        assert_eq!(order(1), [2, 2, 2, 1, 1, 1]);
        assert_eq!(order(60), [2, 2, 2, 1, 1], "payments end early and leave the rest to everything");
        assert_eq!(order(80), [2, 2, 1, 2], "payments that did not come in time take turns with everything");
        assert_eq!(order(300), [2], "the first is always a payment");
    }
}
