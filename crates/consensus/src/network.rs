//! The network of one node: channels with their quotas, who may connect, and the encrypted network of production.
//!
//! **Who may connect.** A connection is authenticated by the node key and encrypted before a single message passes.
//! Keys that the ledger does not list are refused during the handshake. Validators are *primary* peers: everybody dials
//! them. Followers are *secondary*: they dial, and are accepted.
//!
//! **Limits.** Every channel has a quota a peer. A quota is also memory: mailboxes hold one burst of every peer, so
//! quotas are small and messages are batches.

use crate::{
    config::NetworkConfig,
    keys::{KeyError, NodeSecret, node_key},
};
use commonware_cryptography::{ChaCha20Poly1305, ed25519::PrivateKey, ed25519::PublicKey};
use commonware_p2p::{
    Address, AddressableTrackedPeers, Ingress,
    authenticated::lookup::{self, Oracle},
};
use commonware_runtime::{Clock, Metrics, Network, Quota, Resolver, Spawner};
use commonware_stream::{
    SakeCups,
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{Hostname, NZU32, NZUsize, ordered::Map};
use florin_types::{GENESIS_NODES_MAX, GenesisNode, NodeRole};
use rand::CryptoRng;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    time::Duration,
};

/// Votes on proposals.
pub const VOTES: u64 = 0;
/// Certificates: notarizations, nullifications, finalizations.
pub const CERTIFICATES: u64 = 1;
/// Requests for missing certificates.
pub const RESOLVER: u64 = 2;
/// Blocks as they are proposed.
pub const BROADCAST: u64 = 3;
/// Requests for missing blocks.
pub const BACKFILL: u64 = 4;
/// Transactions between mempools.
pub const TRANSACTIONS: u64 = 5;
/// Where the network stands, for nodes that join.
pub const SAMPLE: u64 = 6;
/// Operations of the state, for nodes that join.
pub const STATE: u64 = 7;
/// Shares of the key, dealt to the members of the next committee.
pub const DEALING: u64 = 8;
/// Votes for something else than a quorum wants, told so that nobody shows each of the others another vote unnoticed.
pub const EVIDENCE: u64 = 9;

/// Every channel and the messages a second that one peer may send on it.
pub fn channels() -> [(u64, Quota); 10] {
    [
        (VOTES, Quota::per_second(NZU32!(256))),
        (CERTIFICATES, Quota::per_second(NZU32!(256))),
        (RESOLVER, Quota::per_second(NZU32!(64))),
        (BROADCAST, Quota::per_second(NZU32!(64))),
        (BACKFILL, Quota::per_second(NZU32!(128))),
        (TRANSACTIONS, Quota::per_second(NZU32!(128))),
        (SAMPLE, Quota::per_second(NZU32!(4))),
        (STATE, Quota::per_second(NZU32!(128))),
        (DEALING, Quota::per_second(NZU32!(64))),
        (EVIDENCE, Quota::per_second(NZU32!(16))),
    ]
}

/// What a node needs of a network. The production network and the simulated one both give it.
pub struct Transport<M, B, S, R> {
    /// Decides who may connect.
    pub manager: M,
    /// Refuses peers that misbehave.
    pub blocker: B,
    /// See [`VOTES`].
    pub votes: (S, R),
    /// See [`CERTIFICATES`].
    pub certificates: (S, R),
    /// See [`RESOLVER`].
    pub resolver: (S, R),
    /// See [`BROADCAST`].
    pub broadcast: (S, R),
    /// See [`BACKFILL`].
    pub backfill: (S, R),
    /// See [`TRANSACTIONS`].
    pub transactions: (S, R),
    /// See [`SAMPLE`].
    pub sample: (S, R),
    /// See [`STATE`].
    pub state: (S, R),
    /// See [`DEALING`].
    pub dealing: (S, R),
    /// See [`EVIDENCE`].
    pub evidence: (S, R),
}

/// Why a node's address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address {address:?} of node {node}: {reason}; write it as host:port")]
pub struct AddressError {
    /// Name of the node.
    pub node: String,
    /// Address as given.
    pub address: String,
    /// What is wrong.
    pub reason: String,
}

/// Peers as the network wants them.
pub(crate) fn peers(nodes: &[GenesisNode]) -> Result<AddressableTrackedPeers<PublicKey>, PeersError> {
    let of = |role: NodeRole| {
        let peers = nodes
            .iter()
            .filter(|node| node.role == role)
            .take(GENESIS_NODES_MAX)
            .map(|node| Ok((node_key(&node.public_key)?, address(node)?)))
            .collect::<Result<Vec<_>, PeersError>>()?;
        Ok::<_, PeersError>(Map::from_iter_dedup(peers))
    };
    Ok(AddressableTrackedPeers::new(of(NodeRole::Validator)?, of(NodeRole::Follower)?))
}

/// Why a list of nodes cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeersError {
    /// A key is none.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// An address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
}

/// Reads `host:port`; the host is an IP address or a name, resolved anew at every dial.
pub(crate) fn address(node: &GenesisNode) -> Result<Address, AddressError> {
    let wrong = |reason: String| AddressError { node: node.name.clone(), address: node.address.clone(), reason };
    if let Ok(socket) = node.address.parse::<SocketAddr>() {
        return Ok(Address::Symmetric(socket));
    }
    let (host, port) = node.address.rsplit_once(':').ok_or_else(|| wrong("no port".into()))?;
    let port = port.parse::<u16>().map_err(|error| wrong(format!("port: {error}")))?;
    let host = Hostname::new(host).map_err(|error| wrong(format!("host: {error}")))?;
    // The source address of a named host is not known beforehand; its key is what counts.
    let egress = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    Ok(Address::Asymmetric { ingress: Ingress::Dns { host, port }, egress })
}

/// Handshake and encryption of production: mutual authentication by node keys, ChaCha20-Poly1305.
pub(crate) type Handshake = SakeCups<PrivateKey, ChaCha20Poly1305>;

/// Sends on a channel of the production network.
pub type ChannelSender<E> = lookup::Sender<PublicKey, E>;
/// Receives on a channel of the production network.
pub type ChannelReceiver = lookup::Receiver<PublicKey>;

/// What the production network must offer of its runtime.
pub trait NetworkRuntime: Spawner + Clock + CryptoRng + Network + Resolver + Metrics {}
impl<E: Spawner + Clock + CryptoRng + Network + Resolver + Metrics> NetworkRuntime for E {}

/// A network that is set up but not started: register channels, then start.
pub(crate) fn encrypted<E: NetworkRuntime>(
    context: E,
    secret: &NodeSecret,
    namespace: &[u8],
    config: &NetworkConfig,
    message_bytes_max: u32,
) -> (lookup::Network<E, Handshake>, Oracle<PublicKey>) {
    let handshake = Cups::new(
        Sake {
            signer: secret.signer().clone(),
            synchrony_bound: Duration::from_secs(10),
            max_handshake_age: Duration::from_secs(20),
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let mut lookup =
        lookup::Config::local(handshake, namespace, config.listen, peers_max(), message_bytes_max, NZUsize!(1_024));
    lookup.allow_private_ips = config.allow_private_addresses;
    lookup.bypass_ip_check = !config.check_source_addresses;
    lookup.dial_frequency = Duration::from_millis(200);
    lookup.tracked_peer_sets = NZUsize!(1);
    lookup.block_duration = Duration::from_secs(600);
    lookup::Network::new(context, lookup)
}

/// Identities that the network keeps room for: all nodes a ledger may list, and this one.
pub(crate) const fn peers_max() -> NonZeroUsize {
    match NonZeroUsize::new(GENESIS_NODES_MAX + 1) {
        Some(count) => count,
        None => NonZeroUsize::MIN,
    }
}

/// A node key as the networks know it.
pub fn peer_key(key: &florin_types::B256) -> Result<PublicKey, KeyError> {
    node_key(key)
}
