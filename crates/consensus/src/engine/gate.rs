//! The gate before agreement: a validator that is to vote for the first time asks the others first
//! ([`beginning`](crate::joining::beginning)). Until they have answered no vote is cast and no vote journal is made.

use super::Starting;
use crate::{
    joining::{
        beginning::{Before, Found, Rule},
        sample::{self, Answering},
    },
    node,
    runtime::Runtime,
    votes::of_engine,
};
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

impl<E: Runtime> Starting<E> {
    /// Whether this validator is to vote for the first time.
    pub(super) fn is_to_begin(&self) -> bool {
        self.config.beginning.is_some() && self.schemes.current().get().role == NodeRole::Validator
    }

    /// Says where the network stands to nodes that ask. A validator that is to vote for the first time asks before: then
    /// agreement waits for the gate.
    pub(super) fn answer_samples<B, S, R>(&mut self, mut channel: (S, R), blocker: B) -> Option<Gate>
    where
        B: Blocker<PublicKey = PublicKey> + Sync,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let marshal = self.core.marshal.get().cloned()?;
        let answering = Answering {
            marshal,
            sightings: self.observed.sightings.clone(),
            epoch_blocks: self.config.genesis.epoch_blocks,
        };
        let before = self.config.beginning.filter(|_| self.is_to_begin()).map(|beginning| Before {
            rule: Rule {
                beginning,
                floor: self.config.floor.clone().map(of_engine),
                others: self.other_validators(),
                quorum: usize::try_from(self.schemes.current().get().committee.quorum()).unwrap_or(usize::MAX),
            },
            certificates: self.certificates(),
            answering: answering.clone(),
        });
        let (open, gate) = oneshot::channel();
        let (tell, told) = oneshot::channel::<Arc<str>>();
        let gate = before.is_some().then_some(Gate(gate));
        self.begun_before = node::shared(async move {
            match told.await {
                Ok(reason) => reason,
                Err(_) => futures::future::pending().await,
            }
        });
        let task = self.context.child("samples").spawn(move |mut context| async move {
            if let Some(before) = before {
                // Whoever no longer waits for the answer is stopping.
                match before.look(&mut context, &mut channel, blocker.clone()).await {
                    Found::Nothing => drop(open.send(())),
                    Found::Begun(reason) => drop(tell.send(reason.into())),
                }
            }
            sample::keep_answering(answering, channel, blocker).await;
        });
        self.tasks.push(("samples", task));
        gate
    }
}
