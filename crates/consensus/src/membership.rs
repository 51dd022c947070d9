//! Which nodes may connect: the list on the ledger, read from finalised state and followed as it changes.
//!
//! The permission module says who is registered and who may connect; this room only tells the network. Validators always
//! may. A node that nobody registered cannot connect even where connecting is open, because nothing is known of it that
//! its connection could be checked against.
//!
//! **Failures.** An entry whose key or address cannot be used is left out and named in the log: one bad entry must not
//! cut off all others. If the list cannot be read, the one before stays in force.

use crate::{network::peers, runtime::Runtime};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::AddressableManager;
use commonware_runtime::Handle;
use florin_modules::{CallEnv, PERMISSION_ADDRESS, permission, query};
use florin_state::{FinalizedBlock, Ledger, with_view};
use florin_types::{B256, Genesis, GenesisNode};
use parking_lot::Mutex;
use std::sync::Arc;

/// Tells the network of the list at the ledger's head, and of every change from then on.
pub(crate) async fn follow<E, M>(
    context: E,
    ledger: Ledger,
    genesis: Arc<Genesis>,
    me: B256,
    mut manager: M,
    known: Arc<Mutex<usize>>,
) -> Handle<()>
where
    E: Runtime,
    M: AddressableManager<PublicKey = PublicKey> + Sync,
{
    let head = ledger.head();
    let mut blocks = ledger.subscribe_from(head.block.height().saturating_add(1));
    track(&ledger, &genesis, me, &head, &mut manager, &known).await;
    context.spawn(move |_| async move {
        loop {
            match blocks.next().await {
                Ok(Some(block)) if changes_permissions(&block) => {
                    track(&ledger, &genesis, me, &block, &mut manager, &known).await;
                }
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, "cannot follow the list of nodes any more; the last one stays in force");
                    return;
                }
            }
        }
    })
}

fn changes_permissions(block: &FinalizedBlock) -> bool {
    block.receipts.iter().flat_map(|receipt| receipt.logs()).any(|log| log.address == PERMISSION_ADDRESS)
}

async fn track<M: AddressableManager<PublicKey = PublicKey>>(
    ledger: &Ledger,
    genesis: &Arc<Genesis>,
    me: B256,
    block: &FinalizedBlock,
    manager: &mut M,
    known: &Mutex<usize>,
) {
    match nodes(ledger, genesis.clone(), block).await {
        Ok(nodes) => {
            let usable: Vec<GenesisNode> = nodes.into_iter().filter(usable).collect();
            *known.lock() = usable.iter().filter(|node| node.public_key != me).count();
            // Set 0 is the genesis file's; the network wants rising numbers.
            if let Ok(peers) = peers(&usable) {
                manager.track(block.block.height().saturating_add(1), peers);
            }
        }
        Err(error) => tracing::error!(error, "cannot read the list of nodes; the last one stays in force"),
    }
}

fn usable(node: &GenesisNode) -> bool {
    match peers(std::slice::from_ref(node)) {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(node = node.name, %error, "left a registered node out: it cannot connect");
            false
        }
    }
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
