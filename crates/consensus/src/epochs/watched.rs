//! Agreement's view of the application, with the node's own eyes on what agreement reports.
//!
//! Every call is passed on: a default would answer in the place of the application, and the default of `certify` says yes
//! to a block that nobody executed.

use crate::{block::BlockContext, observe::ActivityObserver, votes::VoteScheme};
use commonware_actor::Feedback;
use commonware_consensus::{
    Automaton, CertifiableAutomaton, Handoff, Relay, Reporter, simplex::types::Activity, types::Round,
};
use commonware_utils::channel::oneshot;
use florin_proof::BlockDigest;

/// Wraps what proposes, verifies and certifies.
#[derive(Clone)]
pub(crate) struct Watched<A> {
    inner: A,
    activity: ActivityObserver,
}

impl<A> Watched<A> {
    pub(crate) fn new(inner: A, activity: ActivityObserver) -> Self {
        Self { inner, activity }
    }
}

impl<A: Automaton<Context = BlockContext, Digest = BlockDigest>> Automaton for Watched<A> {
    type Context = BlockContext;
    type Digest = BlockDigest;

    async fn propose(&mut self, context: BlockContext) -> oneshot::Receiver<BlockDigest> {
        self.inner.propose(context).await
    }

    async fn verify(&mut self, context: BlockContext, payload: BlockDigest) -> oneshot::Receiver<bool> {
        self.inner.verify(context, payload).await
    }
}

impl<A: CertifiableAutomaton<Context = BlockContext, Digest = BlockDigest>> CertifiableAutomaton for Watched<A> {
    async fn prepare(&mut self, context: BlockContext) -> oneshot::Receiver<Handoff<BlockDigest>> {
        self.inner.prepare(context).await
    }

    async fn certify(&mut self, round: Round, payload: BlockDigest) -> oneshot::Receiver<bool> {
        self.inner.certify(round, payload).await
    }
}

impl<A: Relay> Relay for Watched<A> {
    type Digest = A::Digest;
    type PublicKey = A::PublicKey;
    type Plan = A::Plan;

    fn broadcast(&mut self, payload: A::Digest, plan: A::Plan) -> Feedback {
        self.inner.broadcast(payload, plan)
    }
}

impl<A: Reporter<Activity = Activity<VoteScheme, BlockDigest>>> Reporter for Watched<A> {
    type Activity = Activity<VoteScheme, BlockDigest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        self.activity.report(activity.clone());
        self.inner.report(activity)
    }
}
