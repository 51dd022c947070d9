//! When a leader proposes: at once if there is work and the interval is over, at the heartbeat if there is none. And when
//! a validator checks: not before the block's own time. The first leader of an epoch gives the others time to begin it.
//!
//! These waits stand before [`commonware_glue::stateful`], not inside of it: it finalises nothing while it builds, so an
//! idle leader that waited there would hear of finality only when its own next block is due.
//!
//! **Failures.** None of its own. A clock that is behind only delays a vote; how far ahead a block's time may be is a
//! rule of the ledger and is checked before the wait, so a hostile leader cannot make validators wait for ever.

use crate::{
    block::{BlockContext, EngineBlock},
    clock,
    pending::Pending,
    sight::Sightings,
    votes::VoteScheme,
};
use commonware_consensus::{
    Application, Handoff,
    marshal::ancestry::Ancestry,
    types::{Round, View},
};
use commonware_cryptography::Digested;
use commonware_runtime::Clock;
use florin_types::{Block, RulesSchedule};
use futures::{FutureExt as _, StreamExt as _};
use std::{sync::Arc, time::Duration};

/// How long the first leader of an epoch lets the others begin it. A vote that reaches a validator before it has begun the
/// epoch is lost to it; if that makes a quorum impossible, the view stands until it is given up, for seconds.
const EPOCH_BEGINS: Duration = Duration::from_millis(400);

/// Wraps the application that builds and checks with the waits before it.
#[derive(Clone)]
pub(crate) struct Paced<A> {
    inner: A,
    pending: Pending,
    rules: Arc<RulesSchedule>,
    sightings: Arc<Sightings>,
}

impl<A> Paced<A> {
    pub(crate) fn new(inner: A, pending: Pending, rules: Arc<RulesSchedule>, sightings: Arc<Sightings>) -> Self {
        Self { inner, pending, rules, sightings }
    }

    /// Waits until the child of `parent` should be proposed.
    async fn wait_for_work<E: Clock>(&self, clock: &E, parent: &Block, ancestors: impl Ancestry<EngineBlock>) {
        let rules = self.rules.at(parent.height().saturating_add(1));
        let entered_ms = clock::now_ms(clock);
        let due_ms = parent.timestamp_ms().saturating_add(rules.block_interval_ms_min);
        // After a view was lost the parent may be old: the heartbeat is then due at once. A parent with a time ahead of
        // this clock must not hold the leader longer than its peers wait for it.
        let waited_for_ms = entered_ms.saturating_add(rules.heartbeat_ms);
        let heartbeat_ms = parent.timestamp_ms().saturating_add(rules.heartbeat_ms).min(waited_for_ms);
        let included = self.pending.included_above_finalized(ancestors).await;
        loop {
            let changed = self.pending.changed();
            if self.pending.has_work(&included) {
                clock::sleep_until_ms(clock, due_ms.min(waited_for_ms)).await;
                return;
            }
            if clock::now_ms(clock) >= heartbeat_ms {
                return;
            }
            let mut heartbeat = Box::pin(clock::sleep_until_ms(clock, heartbeat_ms)).fuse();
            let mut changed = Box::pin(changed).fuse();
            futures::select_biased! {
                () = changed => {}
                () = heartbeat => {}
            }
        }
    }
}

impl<E, A> Application<E> for Paced<A>
where
    E: Clock + Send + 'static,
    A: Application<E, SigningScheme = VoteScheme, Context = BlockContext, Block = EngineBlock, Input = ()> + Sync,
{
    type SigningScheme = VoteScheme;
    type Context = BlockContext;
    type Block = EngineBlock;
    type Input = ();

    async fn prepare(
        &mut self,
        _context: (E, BlockContext),
        _ancestry: impl Ancestry<EngineBlock>,
        _input: (),
    ) -> Handoff<Digested<EngineBlock>> {
        // A block on a parent that may still fail would trust its leader; blocks are made when their parent stands.
        Handoff::Wait
    }

    async fn propose(
        &mut self,
        context: (E, BlockContext),
        ancestry: impl Ancestry<EngineBlock>,
        input: (),
    ) -> Option<Digested<EngineBlock>> {
        let mut walk = ancestry.clone();
        let parent = walk.next().await?;
        if begins_epoch(context.1.round) {
            context.0.sleep(EPOCH_BEGINS).await;
        }
        self.wait_for_work(&context.0, parent.inner().inner(), ancestry.clone()).await;
        self.inner.propose(context, ancestry, input).await
    }

    async fn verify(&mut self, context: (E, BlockContext), ancestry: impl Ancestry<EngineBlock>) -> bool {
        let mut walk = ancestry.clone();
        let (Some(block), Some(parent)) = (walk.next().await, walk.next().await) else {
            // The ancestry ends only when the node stops; the application below answers then.
            return self.inner.verify(context, ancestry).await;
        };
        let (block, parent) = (block.inner().inner(), parent.inner().inner());
        let step_ms_max = self.rules.at(block.height()).block_time_step_ms_max;
        let latest_ms = parent.timestamp_ms().saturating_add(step_ms_max);
        if block.timestamp_ms() < latest_ms {
            // A time at the limit is the rule's, not the leader's clock.
            let leader = block.extension().context.leader;
            self.sightings.compare_clocks(leader, block.timestamp_ms(), clock::now_ms(&context.0));
        }
        if block.timestamp_ms() > latest_ms {
            tracing::warn!(
                height = block.height(),
                timestamp_ms = block.timestamp_ms(),
                parent_timestamp_ms = parent.timestamp_ms(),
                step_ms_max,
                "refused a block whose time is too far after its parent's (rule block_time_step_ms_max)"
            );
            return false;
        }
        clock::sleep_until_ms(&context.0, block.timestamp_ms()).await;
        self.inner.verify(context, ancestry).await
    }
}

/// Whether this is the first view of an epoch that follows another.
fn begins_epoch(round: Round) -> bool {
    !round.epoch().is_zero() && round.view() == View::new(1)
}

/// Longest wait for another node's message while nothing else is known.
pub(crate) const POLL: Duration = Duration::from_millis(500);
