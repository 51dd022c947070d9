//! The gate before agreement: a validator asks the others first. One that is to vote for the first time asks whether the network has
//! begun without it ([`beginning`](crate::joining::beginning)); one that has voted, whether its disk remembers all of its votes
//! ([`again`]). Until they have answered no vote is cast and no vote journal is made.

use super::{REPLAY_BUFFER, StartError, Starting, WRITE_BUFFER};
use crate::{
    block::{EpochPayload, decode_payload},
    epochs::schemes::votes_partition,
    joining::{
        again::{self, Again},
        beginning::{Before, Beginning, Found, Rule},
        boundary,
        sample::{self, Answering},
    },
    journal::{Opening, OwnVotes},
    node,
    runtime::Runtime,
    votes::of_engine,
};
use commonware_consensus::{Epochable as _, Viewable as _};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Receiver, Sender};
use commonware_runtime::Handle;
use commonware_utils::{Faults as _, N3f1};
use florin_types::NodeRole;
use futures::channel::oneshot;
use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc};

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
        // Whatever it is at the moment: where a copy of the state was begun it abstains already.
        self.config.share.is_some() && self.config.beginning.is_some_and(|beginning| beginning != Beginning::Again)
    }

    /// What this node believes of its votes, if it may vote: as a validator, or, where the committee changes, as what it may become.
    fn believes(&self) -> Option<Beginning> {
        let may_become = |beginning| beginning == Beginning::Again && self.config.genesis.epoch_blocks.is_some();
        let votes = self.schemes.current().get().role == NodeRole::Validator;
        self.config.beginning.filter(|beginning| votes || may_become(*beginning))
    }

    async fn own_votes(&self, partition: String) -> Result<Option<OwnVotes>, StartError> {
        let opening = Opening {
            partition,
            page_cache: self.page_cache.clone(),
            write_buffer: WRITE_BUFFER,
            replay_buffer: REPLAY_BUFFER,
        };
        OwnVotes::read(self.context.child("journal"), opening).await
    }

    /// This node's votes in the epoch in which its disk stands and in those beside it. The ledger may be a little behind the journals:
    /// then those of the epoch before may be gone, and those of the next be there.
    async fn own_votes_around(&self, epoch: u64) -> Result<BTreeMap<u64, OwnVotes>, StartError> {
        let mut around = BTreeMap::from([(epoch, OwnVotes::default())]);
        for epoch in epoch.saturating_sub(1)..=epoch.saturating_add(1) {
            let partition = votes_partition(&self.partition("simplex"), epoch);
            around.extend(self.own_votes(partition).await?.map(|own| (epoch, own)));
        }
        Ok(around)
    }

    /// Who signs in the epoch in which the disk stands, as far as the disk knows, without this node; and how many must sign.
    async fn committee_of(&self, epoch: u64, epoch_blocks: NonZeroU64) -> (Vec<PublicKey>, usize) {
        let read = async {
            let block = self.ledger.block(boundary::last_before(epoch, epoch_blocks)?).await.ok()??;
            decode_payload(block.block.payload()?)
        };
        let begins = match &self.joined {
            Some(joined) if joined.epoch.get() == epoch => Some(EpochPayload::EpochInfo(joined.clone())),
            _ => read.await,
        };
        let members = match begins {
            Some(EpochPayload::EpochInfo(begins)) => begins.output.players().clone(),
            _ => self.schemes.current().get().committee.participants.clone(),
        };
        let quorum = usize::try_from(N3f1::quorum(members.len())).unwrap_or(usize::MAX);
        (members.iter().filter(|key| **key != self.me).cloned().collect(), quorum)
    }

    async fn asks(&self, answering: Answering) -> Result<Option<Asks>, StartError> {
        let floor = self.config.floor.clone().map(of_engine);
        let others = self.other_validators();
        let quorum = usize::try_from(self.schemes.current().get().committee.quorum()).unwrap_or(usize::MAX);
        let asks = match self.believes() {
            None => return Ok(None),
            Some(Beginning::Again) => {
                let network = (self.config.genesis.chain_id, self.genesis.inner().hash());
                let floor = floor.map_or((0, 0), |floor| (floor.epoch().get(), floor.view().get()));
                let me = self.config.secret.public_key();
                let rule = match self.config.genesis.epoch_blocks {
                    None => {
                        let own = self.own_votes(self.partition("simplex")).await?.unwrap_or_default();
                        again::Rule { me, network, floor, own: [(0, own)].into(), others, everybody: None, quorum }
                    }
                    Some(epoch_blocks) => {
                        let epoch = self.ledger.head().block.height().saturating_add(1) / epoch_blocks;
                        let own = self.own_votes_around(epoch).await?;
                        let (others, quorum) = self.committee_of(epoch, epoch_blocks).await;
                        again::Rule { me, network, floor, own, others, everybody: Some(self.listed.clone()), quorum }
                    }
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
