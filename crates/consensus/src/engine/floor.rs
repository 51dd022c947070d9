//! Where the state of a node comes from: its own disk, genesis, or a copy from its peers that begins at a certificate.

use super::{Plan, StartError, Starting};
use crate::{
    block::{EpochPayload, Epochal},
    epochs::joined,
    joining::{
        boundary::{self, Trust},
        sample::{self, Asked, Certificates},
    },
    keys::node_key,
    runtime::Runtime,
    votes::Finalization,
};
use commonware_consensus::Epochable as _;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Receiver, Sender};
use florin_proof::{Namespace, NetworkKey};
use florin_state::{database_config, place_genesis};
use florin_types::{BlockError, NodeRole};

impl<E: Runtime> Starting<E> {
    /// Decides once where the state comes from: genesis, or a certificate that peers agree on. An interrupted copy goes on,
    /// with a newer certificate: what belongs to the old one may not be kept any more.
    pub(super) async fn choose_floor<B, S, R>(
        &mut self,
        mut plan: Plan<E>,
        mut channel: (S, R),
        blocker: B,
    ) -> Result<(Plan<E>, (S, R)), StartError>
    where
        B: Blocker<PublicKey = PublicKey>,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        if plan.should_sync(self.config.history.copies_state()) {
            let chosen = self.ask_for_floor(plan.floor(), &mut channel, blocker).await?;
            if let Some((floor, begins)) = chosen {
                let (epoch, view) = (floor.epoch().get(), floor.round().view().get());
                tracing::info!(epoch, view, "the state is copied from peers");
                self.core.writer.set_copying(true).await?;
                if let Some(begins) = begins {
                    let context = self.context.child("joining");
                    joined::write(context, self.partition("joined"), begins.clone()).await?;
                    self.joins(begins);
                }
                plan = plan.set_floor(floor).await;
            }
        } else if self.config.history.copies_state()
            && let Some(since) = plan.completed()
        {
            tracing::info!(
                since = since.get(),
                "the state was placed once and is not copied again: what is missing is fetched and executed block by block. If \
                 that takes too long, stop the node, move its data directory away, and start it again"
            );
        }
        if plan.floor().is_none() {
            self.place_genesis().await?;
        }
        Ok((plan, channel))
    }

    /// The newest certificate that peers know of, or the one that is known here if that is newer, and with what its epoch
    /// began where there are epochs. `None` where nothing is final yet.
    async fn ask_for_floor<B, S, R>(
        &self,
        known: Option<&Finalization>,
        channel: &mut (S, R),
        blocker: B,
    ) -> Result<Option<(Finalization, Option<Epochal>)>, StartError>
    where
        B: Blocker<PublicKey = PublicKey>,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let mut context = self.context.child("sample");
        let asked = self.asked();
        let certificates = self.certificates();
        loop {
            let newest = sample::newest(&mut context, &certificates, &asked, known, channel, blocker.clone()).await;
            let later = newest.into_iter().chain(known.cloned()).max_by_key(|finalization| finalization.round());
            let Some(floor) = later else {
                if self.joins_what_runs() && !asked.nodes.is_empty() {
                    tracing::warn!(
                        "network.contacts know of no final block, but this node is none that the network began with: asking them again"
                    );
                    continue;
                }
                return Ok(None);
            };
            let Some(trust) = self.trust()? else { return Ok(Some((floor, None))) };
            let begins = match floor.epoch() {
                epoch if epoch.is_zero() => self.first_epoch(),
                epoch => {
                    boundary::ask(&context, (&asked, &floor), (&trust, epoch.get()), channel, blocker.clone()).await
                }
            };
            // Who has been asked in vain for long may have gone on, and forgotten that epoch.
            if let Some(begins) = begins {
                return Ok(Some((floor, Some(begins))));
            }
        }
    }

    /// Whether a network runs already: its operator names nodes of it, and this one is not of the genesis file's validators,
    /// who might wait for one another. Contacts that join themselves know of nothing yet; who believed that would execute
    /// every block for ever, where peers still have them.
    fn joins_what_runs(&self) -> bool {
        let founders = self.config.genesis.nodes.iter().filter(|node| node.role == NodeRole::Validator);
        let own = self.config.secret.public_key();
        !self.config.contacts.is_empty() && founders.into_iter().all(|node| node.public_key != own)
    }

    /// Whom this node asks where the network stands: the contacts that its operator names, else the validators of the
    /// genesis file.
    fn asked(&self) -> Asked {
        let contacts = &self.config.contacts;
        if contacts.is_empty() {
            let members = self.schemes.current().get().committee.participants.len();
            return Asked::new(self.other_validators(), members);
        }
        let keys = contacts.iter().filter_map(|contact| node_key(&contact.public_key).ok());
        Asked::new(keys.filter(|key| *key != self.me).collect(), contacts.len())
    }

    /// What certificates are held against that peers answer with.
    pub(super) fn certificates(&self) -> Certificates {
        Certificates { scheme: self.schemes.of_certificates(), epochs: self.config.genesis.epoch_blocks.is_some() }
    }

    /// What the beginning of an epoch is held against; `None` where there is one epoch for ever.
    fn trust(&self) -> Result<Option<Trust>, StartError> {
        let genesis = &self.config.genesis;
        let Some(epoch_blocks) = genesis.epoch_blocks else { return Ok(None) };
        let malformed = |error: florin_proof::FinalityError| BlockError::Malformed { reason: error.to_string() };
        let key = NetworkKey::from_threshold_public(&genesis.threshold_public).map_err(malformed)?;
        let namespace = Namespace::new(genesis.chain_id, self.genesis.inner().hash());
        Ok(Some(Trust { key, namespace, epoch_blocks }))
    }

    fn first_epoch(&self) -> Option<Epochal> {
        match self.genesis.epoch_payload() {
            Some(EpochPayload::EpochInfo(first)) => Some(first.clone()),
            _ => None,
        }
    }

    /// The state was copied in this epoch: its beginning is not on this disk, and what this node signed in it, or before, is
    /// not known.
    pub(super) fn joins(&mut self, begins: Epochal) {
        self.schemes.abstain_up_to(begins.epoch);
        if let Some(dealings) = &self.core.dealings {
            dealings.begins(begins.clone());
        }
        self.joined = Some(begins);
    }

    /// Puts genesis into a fresh store.
    pub(super) async fn place_genesis(&self) -> Result<(), StartError> {
        let prefix = &self.config.partition_prefix;
        let database = database_config(prefix, self.page_cache.clone(), self.hashing.clone());
        let header = self.genesis.inner().header();
        let expected = (header.state_root, self.genesis.inner().extension().state);
        Ok(place_genesis(self.context.child("genesis"), database, (&self.genesis_changes, expected), prefix).await?)
    }

    pub(super) fn other_validators(&self) -> Vec<PublicKey> {
        self.schemes.current().get().others(&self.me)
    }
}
