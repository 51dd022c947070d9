//! The ledger as the engine's application: builds blocks, executes them again, and hands over what is final.
//!
//! **Place in the way of a payment.** Steps 4 to 6: the leader drains the pool into a block, every validator executes it
//! before it votes, finality applies it.
//!
//! **State.** None that decides anything: the state of a block lives in the engine's batches. What execution gave beside
//! it (receipts, senders, changes) is kept until the block is final or overtaken; if it is missing, it is computed again.
//!
//! **Invariants.** A block is voted for only if its header, its signatures, every receipt and the state root follow from
//! its parent. Finality is durable before anyone is told.
//!
//! **Failures.** An invalid block is refused, for ever, with the reason in the log. A *fault* (the disk does not give what
//! it must, or execution differs from what the network finalised) stops the node: this task panics with the reason.

use crate::{
    block::{BlockContext, EngineBlock, EpochPayload},
    clock,
    config::Timing,
    epochs::{dealings::Dealings, wrapped::Carried},
    execution::{Invalid, Outcome, Place, Refused, build, replay, verify},
    metrics::Metrics,
    pending::Pending,
    runtime::Runtime,
    votes::VoteScheme,
};
use alloy_primitives::B256;
use commonware_codec::Encode as _;
use commonware_consensus::{
    marshal::{Identifier, ancestry::Ancestry, core::Mailbox as MarshalMailbox, standard::Standard},
    types::Height as EngineHeight,
};
use commonware_glue::{
    dkg::types::EpochOutcome,
    stateful::{self, Finality, Input, Proposed, db::Reader},
};
use commonware_runtime::telemetry::metrics::GaugeExt as _;
use florin_mempool::{Pool, SenderCache};
use florin_state::{
    Batch, Databases, Db, FinalizedBlock, LedgerError, LedgerWriter, SealedBatch, SyncTarget, Undo, sync_target,
};
use florin_types::{Block, Bytes, Height, RulesSchedule};
use futures::StreamExt as _;
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// Marshal's mailbox for this ledger.
pub(crate) type Marshal = MarshalMailbox<VoteScheme, Standard<EngineBlock>>;

/// Executed blocks that are not final yet, by height and hash.
type Outcomes = BTreeMap<Height, BTreeMap<B256, Arc<Outcome>>>;
/// Most undecided blocks of one height whose outcome is kept. Honest leaders make one a view.
const OUTCOMES_PER_HEIGHT_MAX: usize = 16;

/// What every part of the application shares.
pub(crate) struct Core<E: florin_state::Runtime> {
    pub(crate) chain_id: u64,
    pub(crate) rules: Arc<RulesSchedule>,
    pub(crate) genesis: Arc<Block>,
    pub(crate) pending: Pending,
    pub(crate) writer: LedgerWriter<E>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) timing: Timing,
    /// Threads that recover the senders of a block.
    pub(crate) threads: NonZeroUsize,
    /// Set as soon as marshal runs: certificates are read from it.
    pub(crate) marshal: OnceLock<Marshal>,
    pub(crate) outcomes: Mutex<Outcomes>,
    /// Judges what blocks carry of the next committee's shares, where there are epochs.
    pub(crate) dealings: Option<Dealings>,
}

impl<E: florin_state::Runtime> Core<E> {
    pub(crate) fn pool(&self) -> &Pool {
        self.pending.pool()
    }

    pub(crate) fn cache(&self) -> &SenderCache {
        self.pool().cache()
    }

    fn remember(&self, block: &Block, outcome: Outcome) {
        let mut outcomes = self.outcomes.lock();
        let height = outcomes.entry(block.height()).or_default();
        if height.len() < OUTCOMES_PER_HEIGHT_MAX {
            height.insert(block.hash(), Arc::new(outcome));
        }
    }

    /// Begins the ledger with the block of this height, at which a copied state stands.
    pub(crate) async fn begin_ledger_at(&self, height: Height) -> Result<(), LedgerError> {
        let missing = || LedgerError::Fault(format!("block {height}, at which the copied state stands, is missing"));
        let marshal = self.marshal.get().ok_or_else(missing)?;
        let block = marshal.get_block(Identifier::Height(EngineHeight::new(height))).await.ok_or_else(missing)?;
        let certificate = marshal.get_finalization(EngineHeight::new(height)).await;
        let certificate = certificate.map(|certificate| Bytes::from(certificate.encode()));
        self.writer.begin_at(block.inner().inner().clone(), certificate).await?;
        self.pending.set_finalized(height);
        Ok(())
    }

    /// Whether a block of this height may carry the payload. The error says why not.
    async fn judge_payload(&self, height: Height, payload: Option<&EpochPayload>) -> Result<(), String> {
        match (payload, &self.dealings, self.marshal.get()) {
            (Some(payload), Some(dealings), Some(marshal)) => dealings.judge(marshal, height, payload).await,
            _ => Ok(()),
        }
    }

    /// Says how a ceremony ended, with the block that tells it.
    fn tell_of_ceremony(&self, payload: Option<&EpochPayload>) {
        let Some(EpochPayload::EpochInfo(info)) = payload else { return };
        if info.outcome == EpochOutcome::Success {
            return;
        }
        self.metrics.ceremonies_failed.inc();
        tracing::warn!(
            epoch = info.epoch.get(),
            validators = info.output.players().len(),
            next_players = ?info.players,
            "the committee and its shares stay for one more epoch: a member of the next one was away while shares were \
             dealt, or too few dealers led a block. `florin doctor` says who is away: start it, or take it off the list"
        );
    }

    fn recall(&self, block: &Block) -> Option<Arc<Outcome>> {
        self.outcomes.lock().get(&block.height())?.get(&block.hash()).cloned()
    }

    fn forget_up_to(&self, height: Height) {
        let mut outcomes = self.outcomes.lock();
        *outcomes = outcomes.split_off(&height.saturating_add(1));
    }
}

/// The application. Clones share everything.
pub(crate) struct Application<E: florin_state::Runtime>(pub(crate) Arc<Core<E>>);

impl<E: florin_state::Runtime> Clone for Application<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What is read before a final block is applied.
pub(crate) struct Captured {
    outcome: Arc<Outcome>,
    undo: Undo,
}

impl<E: Runtime> Application<E> {
    /// Executes a block again. `None` if it is invalid for ever.
    async fn check(
        &self,
        context: E,
        parent: Arc<Block>,
        block: Arc<Block>,
        batch: Batch<E>,
    ) -> Option<SealedBatch<E>> {
        let started_ms = clock::now_ms(&context);
        let (core, task) = (self.0.clone(), context.child("execute").shared(true));
        let checked = block.clone();
        let verified = task.spawn(move |_| async move { verify(&core, &parent, &checked, batch).await }).await;
        self.0.metrics.execute_seconds.observe(seconds_since(started_ms, &context));
        match verified {
            Ok(Ok((outcome, sealed))) => {
                self.0.remember(&block, outcome);
                Some(sealed)
            }
            Ok(Err(Refused::Invalid(Invalid(reason)))) => {
                self.0.metrics.blocks_refused.inc();
                tracing::warn!(height = block.height(), hash = %block.hash(), reason, "refused an invalid block");
                None
            }
            Ok(Err(Refused::Fault(fault))) => stop(&format!("cannot execute block {}: {fault}", block.height())),
            // The runtime is shutting down and took the task with it.
            Err(_) => futures::future::pending().await,
        }
    }

    /// Receipts and changes of a final block, from memory or by executing it once more.
    async fn outcome(&self, block: &Arc<Block>, reader: &Reader<Db<E>>) -> Arc<Outcome> {
        if let Some(outcome) = self.0.recall(block) {
            return outcome;
        }
        match replay(&self.0, block, reader).await {
            Ok(outcome) => Arc::new(outcome),
            Err(fault) => stop(&format!("cannot execute final block {} again: {fault}", block.height())),
        }
    }

    /// The certificate of this very block, if it has one: a block may also be final through a descendant.
    async fn certificate(&self, height: Height) -> Option<Bytes> {
        let finalization = self.0.marshal.get()?.get_finalization(EngineHeight::new(height)).await?;
        Some(Bytes::from(finalization.encode()))
    }
}

impl<E: Runtime> stateful::Application<E> for Application<E> {
    type SigningScheme = VoteScheme;
    type Context = BlockContext;
    type Block = EngineBlock;
    type Databases = Databases<E>;
    type Captured = Captured;
    type Provider = ();
    type Input = Carried;

    fn sync_targets(block: &EngineBlock) -> SyncTarget {
        // A block with a range that no store can have does not decode (see `EngineBlock::new`).
        sync_target(&block.inner().extension().state).unwrap_or_else(|| stop("a decoded block has no state target"))
    }

    async fn genesis(&mut self) -> EngineBlock {
        EngineBlock::new(self.0.genesis.clone()).unwrap_or_else(|| stop("the genesis block is not one"))
    }

    async fn propose(
        &mut self,
        context: (E, BlockContext),
        mut ancestry: impl Ancestry<EngineBlock>,
        batch: Batch<E>,
        input: Input<Carried, ()>,
    ) -> Option<Proposed<Self, E>> {
        let (runtime, context) = context;
        let included = self.0.pending.included_above_finalized(ancestry.clone()).await;
        let parent = ancestry.next().await?.inner().inner().clone();
        let mut payload = input.upstream.payload;
        let height = parent.height().saturating_add(1);
        if let Err(reason) = self.0.judge_payload(height, payload.as_ref()).await {
            tracing::warn!(
                height,
                reason,
                "left this node's own dealing out of its block: no other node would vote for it"
            );
            payload = None;
        }
        let payload = payload.map(|payload| Bytes::from(payload.encode()));
        let started_ms = clock::now_ms(&runtime);
        let core = self.0.clone();
        let now = runtime.child("clock");
        let task = runtime.child("build").shared(true);
        let built = task
            .spawn(move |_| async move {
                let elapsed = move || Duration::from_millis(clock::now_ms(&now).saturating_sub(started_ms));
                let place = Place { context: EngineBlock::extension_context(&context), payload };
                build(&core, &parent, started_ms, place, included, Box::new(elapsed), batch).await
            })
            .await;
        self.0.metrics.build_seconds.observe(seconds_since(started_ms, &runtime));
        match built {
            Ok(Ok((block, outcome, merkleized))) => {
                self.0.metrics.blocks_proposed.inc();
                self.0.remember(&block, outcome);
                let block = EngineBlock::new(block).unwrap_or_else(|| stop("a block of its own is not one"));
                Some(Proposed { block, merkleized })
            }
            Ok(Err(fault)) => stop(&format!("cannot build a block: {fault}")),
            Err(_) => None,
        }
    }

    async fn process(
        &mut self,
        context: (E, BlockContext),
        mut ancestry: impl Ancestry<EngineBlock>,
        batch: Batch<E>,
        finality: Finality,
    ) -> Option<SealedBatch<E>> {
        let lineage = async { Some((ancestry.next().await?, ancestry.next().await?)) }.await;
        let Some((proposed, parent)) = lineage else {
            // Whoever keeps the blocks ends first when a node is stopped. To give up a final block would be a fault, so this
            // waits to be ended, too.
            if finality == Finality::Finalized {
                futures::future::pending::<()>().await;
            }
            return None;
        };
        let (block, parent) = (proposed.inner().inner().clone(), parent.inner().inner().clone());
        // What is final was judged by a quorum.
        if finality == Finality::Candidate
            && let Err(reason) = self.0.judge_payload(block.height(), proposed.inner().epoch_payload()).await
        {
            self.0.metrics.blocks_refused.inc();
            tracing::warn!(height = block.height(), hash = %block.hash(), reason, "refused a block for what it carries");
            return None;
        }
        let sealed = self.check(context.0, parent, block.clone(), batch).await;
        if sealed.is_none() && finality == Finality::Finalized {
            stop(&format!(
                "the network finalised block {} ({}) but it is invalid here: this program or its state differs from the \
                 others'. Keep the data directory for analysis",
                block.height(),
                block.hash()
            ));
        }
        sealed
    }

    async fn capture(
        &mut self,
        _context: (E, BlockContext),
        block: &EngineBlock,
        _batch: &SealedBatch<E>,
        reader: Reader<Db<E>>,
    ) -> Captured {
        let block = block.inner();
        // The first block after a copy: the ledger has none below it yet.
        let parent_height = block.height().saturating_sub(1);
        if self.0.writer.is_copying()
            && self.0.writer.ledger().head().block.height() < parent_height
            && let Err(error) = self.0.begin_ledger_at(parent_height).await
        {
            stop(&format!("cannot begin the ledger at block {parent_height}: {error}"));
        }
        let outcome = self.outcome(block, &reader).await;
        match self.0.writer.capture(block, &outcome.executed.changeset, reader).await {
            Ok(undo) => Captured { outcome, undo },
            Err(error) => stop(&format!("cannot read the state before block {}: {error}", block.height())),
        }
    }

    async fn finalized(
        &mut self,
        context: (E, BlockContext),
        block: &EngineBlock,
        captured: Captured,
        _reader: Reader<Db<E>>,
    ) {
        self.0.tell_of_ceremony(block.epoch_payload());
        let (core, block, context) = (&self.0, block.inner().clone(), &context.0);
        let started_ms = clock::now_ms(context);
        let Captured { outcome, undo } = captured;
        let certificate = self.certificate(block.height()).await;
        let record = FinalizedBlock {
            block: block.clone(),
            receipts: Arc::new(outcome.executed.receipts.clone()),
            senders: outcome.senders.clone(),
            executed: true,
        };
        if let Err(error) = core.writer.finalized(record, undo, certificate).await {
            stop(&format!("cannot record final block {}: {error}", block.height()));
        }
        // The pool hears after the ledger: what is admitted from now on has been judged by the new state.
        let nonces = outcome.executed.changeset.accounts.iter();
        core.pool().finalized(nonces.map(|(address, account)| (*address, account.map_or(0, |account| account.nonce))));
        core.pending.set_finalized(block.height());
        core.forget_up_to(block.height());
        core.metrics.commit_seconds.observe(seconds_since(started_ms, context));
        core.metrics.finality_seconds.observe(seconds_since(block.timestamp_ms(), context));
        core.metrics.transactions_finalized.inc_by(u64::try_from(block.transactions().len()).unwrap_or(u64::MAX));
        let _ = core.metrics.height.try_set(block.height());
        core.metrics.sight.grew(clock::now_ms(context));
    }
}

fn seconds_since(started_ms: u64, clock: &impl commonware_runtime::Clock) -> f64 {
    Duration::from_millis(clock::now_ms(clock).saturating_sub(started_ms)).as_secs_f64()
}

/// A fault: this machine must not go on. The runtime turns the panic into the end of the node.
pub(crate) fn stop(reason: &str) -> ! {
    tracing::error!(reason, "fault: the node stops");
    panic!("fault: {reason}");
}
