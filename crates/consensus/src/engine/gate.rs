//! The gate before agreement: a validator asks the others first. One that is to vote for the first time asks whether the network has
//! begun without it ([`beginning`](crate::joining::beginning)); one that has voted, whether its disk remembers all of its votes
//! ([`again`]). Until they have answered no vote is cast and no vote journal is made.

use super::{REPLAY_BUFFER, StartError, Starting, WRITE_BUFFER};
use crate::{
    joining::{
        again::{self, Again},
        beginning::{Before, Beginning, Found, Rule},
        sample::{self, Answering},
    },
    journal::{Opening, OwnVotes},
    node,
    runtime::Runtime,
    votes::of_engine,
};
use commonware_consensus::Viewable as _;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Receiver, Sender};
use commonware_runtime::Handle;
use florin_types::NodeRole;
use futures::channel::oneshot;
use std::sync::Arc;

/// Opens when agreement may begin.
pub(super) struct Gate(oneshot::Receiver<()>);

impl Gate {
    /// Begins agreement when the gate opens, which it may never do.
    pub(super) fn then<E: Runtime>(
        self,
        context: &E,
        begin: impl FnOnce() -> Handle<()> + Send + 'static,
    ) -> Handle<()> {
        context.child("gate").spawn(move |_| async move {
            if self.0.await.is_err() {
                return futures::future::pending().await;
            }
            // However it ends, this ends with it, and the node names the part.
            let _ = begin().await;
        })
    }
}

/// What is asked before agreement begins.
enum Asks {
    First(Box<Before>),
    Again(Box<Again>),
}

impl Asks {
    async fn look<E: Runtime>(
        &self,
        context: &mut E,
        channel: &mut (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
        blocker: impl Blocker<PublicKey = PublicKey>,
    ) -> Found {
        match self {
            Self::First(before) => before.look(context, channel, blocker).await,
            Self::Again(again) => again.look(context, channel, blocker).await,
        }
    }
}

impl<E: Runtime> Starting<E> {
    /// Whether this validator is to vote for the first time.
    pub(super) fn is_to_begin(&self) -> bool {
        self.believes().is_some_and(|beginning| beginning != Beginning::Again)
    }

    /// What this node believes of its votes, if it is a validator that may vote.
    fn believes(&self) -> Option<Beginning> {
        self.config.beginning.filter(|_| self.schemes.current().get().role == NodeRole::Validator)
    }

    async fn asks(&self, answering: Answering) -> Result<Option<Asks>, StartError> {
        let floor = self.config.floor.clone().map(of_engine);
        let others = self.other_validators();
        let quorum = usize::try_from(self.schemes.current().get().committee.quorum()).unwrap_or(usize::MAX);
        let asks = match self.believes() {
            None => return Ok(None),
            // Where the committee changes those who must be asked are not known before blocks are delivered.
            Some(Beginning::Again) if self.config.genesis.epoch_blocks.is_some() => return Ok(None),
            Some(Beginning::Again) => {
                let opening = Opening {
                    partition: self.partition("simplex"),
                    page_cache: self.page_cache.clone(),
                    write_buffer: WRITE_BUFFER,
                    replay_buffer: REPLAY_BUFFER,
                };
                let rule = again::Rule {
                    me: self.config.secret.public_key(),
                    network: (self.config.genesis.chain_id, self.genesis.inner().hash()),
                    floor: floor.map_or(0, |floor| floor.view().get()),
                    own: OwnVotes::read(self.context.child("journal"), opening).await?,
                    others,
                    quorum,
                };
                Asks::Again(Box::new(Again { rule, answering }))
            }
            Some(beginning) => {
                let rule = Rule { beginning, floor, others, quorum };
                Asks::First(Box::new(Before { rule, certificates: self.certificates(), answering }))
            }
        };
        Ok(Some(asks))
    }

    /// Says where the network stands to nodes that ask. A validator that is to vote asks before: then agreement waits for the gate.
    pub(super) async fn answer_samples<B, S, R>(
        &mut self,
        mut channel: (S, R),
        blocker: B,
    ) -> Result<Option<Gate>, StartError>
    where
        B: Blocker<PublicKey = PublicKey> + Sync,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let Some(marshal) = self.core.marshal.get().cloned() else { return Ok(None) };
        let answering = Answering {
            marshal,
            sightings: self.observed.sightings.clone(),
            witness: self.witness.clone(),
            epoch_blocks: self.config.genesis.epoch_blocks,
        };
        let asks = self.asks(answering.clone()).await?;
        let (open, gate) = oneshot::channel();
        let (tell, told) = oneshot::channel::<Arc<str>>();
        let gate = asks.is_some().then_some(Gate(gate));
        self.begun_before = node::shared(async move {
            match told.await {
                Ok(reason) => reason,
                Err(_) => futures::future::pending().await,
            }
        });
        let task = self.context.child("samples").spawn(move |mut context| async move {
            if let Some(asks) = asks {
                // Whoever no longer waits for the answer is stopping.
                match asks.look(&mut context, &mut channel, blocker.clone()).await {
                    Found::Nothing => drop(open.send(())),
                    Found::Begun(reason) => drop(tell.send(reason.into())),
                }
            }
            sample::keep_answering(context, answering, channel, blocker).await;
        });
        self.tasks.push(("samples", task));
        Ok(gate)
    }
}
