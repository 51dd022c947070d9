//! Starting a node on the production network.

use crate::{
    config::{NetworkConfig, NodeConfig},
    engine::{StartError, message_bytes_max, start_on},
    network::{self, Transport},
    node::Node,
    runtime::Context,
};
use commonware_runtime::Supervisor as _;
use florin_types::{Genesis, alloy_primitives::keccak256};
use futures::future::BoxFuture;

/// Starts a node: listens on the network, recovers what is on disk, takes part. Returns once its state is recovered; what
/// the network finalised meanwhile follows by itself.
///
/// The runtime is fixed and the future boxed so that the engine is compiled here, once, and not again in every program
/// and test that starts a node.
pub fn start(
    context: Context,
    config: NodeConfig,
    network: NetworkConfig,
) -> BoxFuture<'static, Result<Node, StartError>> {
    Box::pin(start_encrypted(context, config, network))
}

async fn start_encrypted(context: Context, config: NodeConfig, network: NetworkConfig) -> Result<Node, StartError> {
    let (mut lookup, oracle) = network::encrypted(
        context.child("network"),
        &config.secret,
        &network_namespace(&config.genesis),
        &network,
        message_bytes_max(),
    );
    let mut open = network::channels().map(|(channel, quota)| Some(lookup.register(channel, quota))).into_iter();
    let mut next = || open.next().flatten();
    let transport = (|| {
        Some(Transport {
            manager: oracle.clone(),
            blocker: oracle,
            votes: next()?,
            certificates: next()?,
            resolver: next()?,
            broadcast: next()?,
            backfill: next()?,
            transactions: next()?,
            sample: next()?,
            state: next()?,
            dealing: next()?,
            evidence: next()?,
        })
    })();
    let transport = transport.unwrap_or_else(|| unreachable!("a channel for each field is registered above"));
    lookup.start();
    start_on(context, config, transport).await
}

/// Connections of different networks never meet, even on one machine.
pub(crate) fn network_namespace(genesis: &Genesis) -> Vec<u8> {
    let mut namespace = b"florin/network/1".to_vec();
    namespace.extend(genesis.chain_id.to_be_bytes());
    namespace.extend(keccak256(&genesis.threshold_public).0);
    // Nodes that would cut the chain differently could only contradict each other.
    namespace.extend(genesis.epoch_blocks.iter().flat_map(|blocks| blocks.get().to_be_bytes()));
    namespace
}
