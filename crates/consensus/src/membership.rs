//! Which nodes may connect: the list on the ledger, read from finalised state and followed as it changes.
//!
//! The permission module says who is registered and who may connect; this room only tells the network. Validators always
//! may: a list that leaves one out, or gives it an address that cannot be used, must not cost the network its quorum, so
//! the genesis file's entry then stands in. A node that nobody registered cannot connect even where connecting is open,
//! because nothing is known of it that its connection could be checked against.
//!
//! **Failures.** A follower whose key or address cannot be used is left out and named in the log: one bad entry must not
//! cut off all others. If the list cannot be read, the one before stays in force until the next block. If the ledger
//! gives no block any more, the node stops.

use crate::{epochs::peers::Peers, network::peers, runtime::Runtime};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::AddressableManager;
use commonware_runtime::Handle;
use florin_modules::{CallEnv, PERMISSION_ADDRESS, permission, query};
use florin_state::{FinalizedBlock, Ledger, LedgerError, with_view};
use florin_types::{Genesis, GenesisNode};
use std::{sync::Arc, time::Duration};

/// Time between two looks at whether the list can be read.
const PAUSE: Duration = Duration::from_millis(20);

/// Tells the network of the list at the ledger's head, and of every change from then on.
pub(crate) async fn follow<E, M>(context: E, ledger: Ledger, genesis: Arc<Genesis>, mut told: Peers<M>) -> Handle<()>
where
    E: Runtime,
    M: AddressableManager<PublicKey = PublicKey> + Sync,
{
    let head = ledger.head();
    let mut blocks = ledger.subscribe_from(head.block.height().saturating_add(1));
    let mut tracked = !is_starting(&ledger, &head).await && track(&ledger, &genesis, &head, &mut told).await;
    context.spawn(move |context| async move {
        if !tracked {
            // The next block may be one that only nodes of this list have, so it is not waited for.
            while is_starting(&ledger, &head).await {
                context.sleep(PAUSE).await;
            }
            tracked = track(&ledger, &genesis, &head, &mut told).await;
        }
        loop {
            match blocks.next().await {
                Ok(Some(block)) if !tracked || changes_permissions(&block) => {
                    tracked = track(&ledger, &genesis, &block, &mut told).await;
                }
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => {
                    // The end of this task is the end of the node, as with every part of it.
                    tracing::error!(%error, "fault: the ledger gives no blocks to follow the list of nodes by");
                    return;
                }
            }
        }
    })
}

/// Whether the store still stands below this block: after a crash it comes to the ledger's head by itself.
async fn is_starting(ledger: &Ledger, head: &FinalizedBlock) -> bool {
    matches!(ledger.state(head.block.height()).await, Err(LedgerError::Starting { .. }))
}

fn changes_permissions(block: &FinalizedBlock) -> bool {
    block.receipts.iter().flat_map(|receipt| receipt.logs()).any(|log| log.address == PERMISSION_ADDRESS)
}

/// Tells the network of the list after `block`; `false` if it cannot be read.
async fn track<M: AddressableManager<PublicKey = PublicKey>>(
    ledger: &Ledger,
    genesis: &Arc<Genesis>,
    block: &FinalizedBlock,
    told: &mut Peers<M>,
) -> bool {
    match nodes(ledger, genesis.clone(), block).await {
        Ok(nodes) => {
            if let Err(error) = told.list(usable(nodes, genesis)) {
                tracing::error!(%error, "the network cannot be told of the list of nodes; the last one stays in force");
            }
        }
        Err(error) => {
            tracing::error!(error, "cannot read the list of nodes; the last one stays in force");
            return false;
        }
    }
    true
}

/// The listed nodes that the network can be told of, and every validator whatever the list says of it.
fn usable(listed: Vec<GenesisNode>, genesis: &Genesis) -> Vec<GenesisNode> {
    let mut usable: Vec<GenesisNode> =
        listed.into_iter().filter_map(|node| with_usable_address(node, genesis)).collect();
    let missing = |validator: &&GenesisNode| !usable.iter().any(|node| node.public_key == validator.public_key);
    let missing: Vec<GenesisNode> = genesis.validators().filter(missing).cloned().collect();
    usable.extend(missing);
    usable
}

/// The node as it is listed or, where that cannot be used, at the address that the genesis file gives for its key.
fn with_usable_address(node: GenesisNode, genesis: &Genesis) -> Option<GenesisNode> {
    let Err(error) = peers(std::slice::from_ref(&node)) else { return Some(node) };
    let at_genesis = genesis.nodes.iter().find(|entry| entry.public_key == node.public_key);
    let Some(entry) = at_genesis.filter(|entry| peers(std::slice::from_ref(*entry)).is_ok()) else {
        tracing::warn!(node = node.name, %error, "left a registered node out: it cannot connect");
        return None;
    };
    tracing::warn!(node = node.name, %error, used = entry.address, "used the genesis file's address of a node");
    Some(GenesisNode { address: entry.address.clone(), ..node })
}

/// The nodes that may connect, at the state after `block`.
async fn nodes(ledger: &Ledger, genesis: Arc<Genesis>, block: &FinalizedBlock) -> Result<Vec<GenesisNode>, String> {
    let (height, timestamp_ms) = (block.block.height(), block.block.timestamp_ms());
    let reader = ledger.state(height).await.map_err(|error| error.to_string())?;
    with_view(reader, move |view| {
        let env = CallEnv { height, timestamp_ms, ..CallEnv::reader(genesis.rules.at(height)) };
        let listed = query(view, env, |context| {
            let mut listed = Vec::new();
            for node in permission::nodes(context)? {
                if permission::may_connect(context, node.public_key)? {
                    listed.push(node);
                }
            }
            Ok(listed)
        });
        listed.map_err(|failure| format!("{failure:?}"))
    })
    .await
    .map(|listed| listed.into_iter().map(as_genesis_node).collect())
}

fn as_genesis_node(node: permission::Node) -> GenesisNode {
    GenesisNode { name: node.name, public_key: node.public_key, address: node.endpoint, role: node.role }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeSecret;
    use florin_types::{B256, NodeRole};

    fn node(seed: u64, address: &str, role: NodeRole) -> GenesisNode {
        let public_key = NodeSecret::from_seed(seed).public_key();
        GenesisNode { name: format!("node {seed}"), public_key, address: address.into(), role }
    }

    fn network() -> Genesis {
        let validators = (1..=4).map(|seed| node(seed, &format!("bank{seed}.example:9000"), NodeRole::Validator));
        let follower = node(5, "follower.example:9000", NodeRole::Follower);
        crate::tests::genesis_of(validators.chain([follower]).collect())
    }

    fn addresses(nodes: &[GenesisNode]) -> Vec<&str> {
        nodes.iter().map(|node| node.address.as_str()).collect()
    }

    #[test]
    fn a_validator_with_an_unusable_address_keeps_the_one_from_genesis() {
        let genesis = network();
        let mut listed = genesis.nodes.clone();
        listed[0].address = "bank-a.example".into();
        listed[1].address = "moved.example:9001".into();
        let nodes = usable(listed, &genesis);
        let expected = ["bank1.example:9000", "moved.example:9001", "bank3.example:9000", "bank4.example:9000"];
        assert_eq!(addresses(&nodes)[..4], expected);
        assert!(peers(&nodes).is_ok());
    }

    #[test]
    fn a_validator_that_no_list_names_is_told_all_the_same() {
        let genesis = network();
        let nodes = usable(vec![genesis.nodes[4].clone()], &genesis);
        assert_eq!(nodes.iter().filter(|node| node.role == NodeRole::Validator).count(), 4);
        assert!(peers(&nodes).is_ok());
    }

    #[test]
    fn a_follower_that_cannot_be_used_is_left_out_alone() {
        let genesis = network();
        let mut listed = genesis.nodes.clone();
        listed.push(node(6, "no-port.example", NodeRole::Follower));
        let no_key = (0..=255).map(B256::repeat_byte).find(|key| crate::keys::node_key(key).is_err()).unwrap();
        listed.push(GenesisNode { public_key: no_key, ..node(7, "a.example:1", NodeRole::Follower) });
        assert_eq!(usable(listed, &genesis), genesis.nodes);
    }
}
