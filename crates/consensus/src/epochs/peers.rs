//! Whom the network connects to: the nodes that the ledger lists, and those of the committees that change hands.
//!
//! Two tell it of changes, the ledger's list and the beginning of an epoch, and the network knows one set: so both come
//! here, and the set is made of both under a number of its own. The members of the committee that signs, of that which is
//! dealt to and of the one after are *primary*: everybody dials them and keeps their blocks.
//!
//! **Failures.** A member whose address nobody knows cannot be dialled and is named in the log. More nodes than the network
//! has room for are left out, members last.

use crate::network::{PeersError, address, peers};
use alloy_primitives::B256;
use commonware_consensus::types::Epoch;
use commonware_cryptography::ed25519::PublicKey;
use commonware_glue::dkg::network::Manager;
use commonware_p2p::{
    Address, AddressableManager, AddressableTrackedPeers, PeerSetSubscription, Provider, TrackedPeers,
};
use commonware_utils::{
    ordered::{Map, Set},
    sequence::Unit,
};
use florin_types::{GENESIS_NODES_MAX, Genesis, GenesisNode};
use parking_lot::Mutex;
use std::{convert::Infallible, fmt, sync::Arc};

/// The nodes that may connect, as they were last listed. Clones share it.
#[derive(Clone)]
pub(crate) struct Listed(Arc<Mutex<Roll>>);

struct Roll {
    nodes: Vec<GenesisNode>,
    /// Members of the committees of the newest epoch, the ones that sign first. Empty where the committee never changes.
    members: Vec<PublicKey>,
    /// Whom the node turns to before it has read the ledger's list: they are dialled like members until then.
    first: Vec<PublicKey>,
}

impl Listed {
    /// Until the ledger was read, the validators of the genesis file may connect.
    pub(crate) fn new(genesis: &Genesis) -> Self {
        let nodes = genesis.validators().cloned().collect();
        Self(Arc::new(Mutex::new(Roll { nodes, members: Vec::new(), first: Vec::new() })))
    }

    /// The entry of a node.
    pub(crate) fn find(&self, key: &B256) -> Option<GenesisNode> {
        self.0.lock().nodes.iter().find(|node| node.public_key == *key).cloned()
    }

    /// Whether the ledger's list has been read, so that everybody on it may connect.
    pub(crate) fn is_read(&self) -> bool {
        self.0.lock().first.is_empty()
    }

    /// Whether all who may connect beside `me` are so.
    pub(crate) fn all_but(&self, me: &B256, are: impl Fn(&B256) -> bool) -> bool {
        self.0.lock().nodes.iter().map(|node| &node.public_key).filter(|key| *key != me).all(are)
    }

    /// How many may connect beside `me`.
    pub(crate) fn others(&self, me: &B256) -> usize {
        self.0.lock().nodes.iter().filter(|node| node.public_key != *me).count()
    }

    /// Who signs in this epoch, is dealt shares in it, or is to be in the next.
    pub(crate) fn members(&self) -> Vec<B256> {
        self.0.lock().members.iter().map(|key| B256::from_slice(key.as_ref())).collect()
    }
}

/// Tells the network whom to connect to. Clones share what was told.
#[derive(Clone)]
pub(crate) struct Peers<M> {
    manager: M,
    genesis: Arc<Genesis>,
    listed: Listed,
    /// Number of the next set: the network wants rising ones.
    next: Arc<Mutex<u64>>,
}

impl<M> fmt::Debug for Peers<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Peers").finish_non_exhaustive()
    }
}

impl<M: AddressableManager<PublicKey = PublicKey>> Peers<M> {
    pub(crate) fn new(manager: M, genesis: Arc<Genesis>, listed: Listed) -> Self {
        Self { manager, genesis, listed, next: Arc::default() }
    }

    /// Until the ledger says who else may connect, the validators of the genesis file may, and those whom the operator
    /// names: a follower that was removed stays out.
    pub(crate) fn begin(&mut self, contacts: &[GenesisNode]) -> Result<(), PeersError> {
        let named = |node: &&GenesisNode| !contacts.iter().any(|contact| contact.public_key == node.public_key);
        let genesis = self.genesis.clone();
        let nodes: Vec<GenesisNode> = contacts.iter().chain(genesis.validators().filter(named)).cloned().collect();
        peers(&nodes)?;
        let mut roll = self.listed.0.lock();
        roll.first = nodes.iter().filter_map(|node| crate::keys::node_key(&node.public_key).ok()).collect();
        roll.nodes = nodes;
        drop(roll);
        self.tell();
        Ok(())
    }

    /// The list changed. The error names a node of which the network cannot be told.
    pub(crate) fn list(&mut self, nodes: Vec<GenesisNode>) -> Result<(), PeersError> {
        peers(&nodes)?;
        let mut roll = self.listed.0.lock();
        roll.nodes = nodes;
        roll.first.clear();
        drop(roll);
        self.tell();
        Ok(())
    }

    /// Tells the network of everybody under the next number.
    fn tell(&mut self) {
        let mut next = self.next.lock();
        let roll = self.listed.0.lock();
        let set = if roll.members.is_empty() { peers(&roll.nodes).ok() } else { Some(around(&roll, &self.genesis)) };
        drop(roll);
        if let Some(set) = set {
            self.manager.track(*next, set);
            *next = next.saturating_add(1);
        }
    }
}

/// The members as primary peers, everybody else who is listed as secondary ones.
fn around(roll: &Roll, genesis: &Genesis) -> AddressableTrackedPeers<PublicKey> {
    let Roll { nodes: listed, members, first } = roll;
    let mut primary: Vec<(PublicKey, Address)> = Vec::new();
    let others = first.iter().filter(|key| !members.contains(key));
    for key in members.iter().chain(others).take(GENESIS_NODES_MAX) {
        let is_member = |node: &&GenesisNode| node.public_key.as_slice() == key.as_ref();
        let entries = listed.iter().chain(&genesis.nodes).filter(is_member);
        match entries.filter_map(|node| address(node).ok()).next() {
            Some(address) => primary.push((key.clone(), address)),
            // The ledger's list is not known yet, and may have it.
            None if !first.is_empty() => {}
            None => {
                tracing::warn!(%key, "a member of a committee cannot be dialled: register the node with its address")
            }
        }
    }
    let room = GENESIS_NODES_MAX.saturating_sub(primary.len());
    let is_primary =
        |node: &&GenesisNode| members.iter().chain(first).any(|key| key.as_ref() == node.public_key.as_slice());
    let secondary = listed.iter().filter(|node| !is_primary(node)).filter_map(|node| {
        let key = crate::keys::node_key(&node.public_key).ok()?;
        Some((key, address(node).ok()?))
    });
    AddressableTrackedPeers::new(Map::from_iter_dedup(primary), Map::from_iter_dedup(secondary.take(room)))
}

impl<M: AddressableManager<PublicKey = PublicKey>> Provider for Peers<M> {
    type PublicKey = PublicKey;

    async fn peer_set(&mut self, id: u64) -> Option<TrackedPeers<PublicKey>> {
        self.manager.peer_set(id).await
    }

    async fn subscribe(&mut self) -> PeerSetSubscription<PublicKey> {
        self.manager.subscribe().await
    }
}

impl<M: AddressableManager<PublicKey = PublicKey> + Sync> Manager for Peers<M> {
    type Directory = Unit;
    type Error = Infallible;

    fn track(&mut self, _epoch: Epoch, peers: TrackedPeers<PublicKey>, _: &Unit) -> Result<(), Infallible> {
        let signing: &Set<PublicKey> = &peers.primary;
        let coming = peers.secondary.iter().filter(|key| signing.position(key).is_none());
        self.listed.0.lock().members = signing.iter().chain(coming).cloned().collect();
        self.tell();
        Ok(())
    }
}
