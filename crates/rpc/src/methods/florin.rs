//! `florin_`: what Ethereum has no word for. The shapes are `florin_types::wire`.

use crate::{
    args::{Args, FromValue, Problem, array, field, object},
    arguments::BlockSelector,
    backend::Context,
    error::RpcError,
    methods::node::CLIENT_VERSION,
    shapes::Quantity,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use florin_proof::{FinalityProof, NetworkKey, StateItem};
use florin_types::{
    Height, NodeRole,
    wire::{
        BLOCKS_BYTES_MAX, BLOCKS_MAX, STATE_PROOF_ITEMS_MAX, WireBlock, WireFinality, WireHeader, WireNodeStatus,
        WireStateProof, WireValidator, WireValidators,
    },
};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Heads that may pass by while a proof is made together with its certificate.
const PROOF_ATTEMPTS_MAX: usize = 5;

fn wire_finality(height: Height, proof: &FinalityProof) -> WireFinality {
    let header = |certified: &florin_proof::CertifiedHeader| WireHeader {
        header: alloy_rlp::encode(&certified.header).into(),
        extension: Bytes::copy_from_slice(&certified.extension.encode()),
    };
    WireFinality { height, headers: proof.headers.iter().map(header).collect(), certificate: proof.certificate.clone() }
}

pub(crate) async fn finality_certificate(
    context: &Arc<Context>,
    args: &Args,
) -> Result<Option<WireFinality>, RpcError> {
    let height = args.required::<Height>(0)?;
    if height > context.chain.head().block.height() {
        return Ok(None);
    }
    let proof = context.ledger.certificate(height).await?;
    Ok(proof.map(|proof| wire_finality(height, &proof)))
}

pub(crate) async fn blocks(context: &Arc<Context>, args: &Args) -> Result<Vec<WireBlock>, RpcError> {
    let (from, count) = (args.required::<Height>(0)?, args.required::<u64>(1)?);
    let head = context.chain.head().block.height();
    let mut blocks = Vec::new();
    let mut bytes = 0;
    for height in (from..=head).take(count.min(BLOCKS_MAX) as usize) {
        let stored = context.ledger.stored_block(height).await?;
        let stored = stored.ok_or_else(|| {
            let reason = format!("this node has no block {height}: ask from a later one, or another node");
            RpcError::refused("blocks_absent", reason)
        })?;
        bytes += stored.block.len();
        blocks.push(WireBlock { block: stored.block.into(), certificate: stored.certificate });
        if bytes >= BLOCKS_BYTES_MAX {
            break;
        }
    }
    Ok(blocks)
}

/// A part of the state's log. The places are those of proofs: both read the state and hash.
pub(crate) async fn state_operations(context: &Arc<Context>, args: &Args) -> Result<Bytes, RpcError> {
    let (height, start) = (args.required::<Height>(0)?, args.required::<u64>(1)?);
    context.operations(height, start).await
}

/// What is to be proven.
struct StateItems(Vec<StateItem>);

impl FromValue for StateItems {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let items = array(value)?;
        if items.is_empty() || items.len() > STATE_PROOF_ITEMS_MAX {
            return Err(Problem::new(format!(
                "{} items, want 1 to {STATE_PROOF_ITEMS_MAX}: ask in parts",
                items.len()
            )));
        }
        let parse = |(index, value): (usize, &RawValue)| state_item(value).map_err(|problem| problem.at(index));
        items.into_iter().enumerate().map(parse).collect::<Result<_, _>>().map(Self)
    }
}

fn state_item(value: &RawValue) -> Result<StateItem, Problem> {
    let fields = object(value)?;
    fields.only(&["address", "slot"])?;
    let address = field::<Address>(&fields, "address")?;
    let address = address.ok_or_else(|| Problem::new("it is missing").inside("address"))?;
    Ok(match field::<U256>(&fields, "slot")? {
        Some(slot) => StateItem::Slot(address, slot),
        None => StateItem::Account(address),
    })
}

pub(crate) async fn state_proof(context: &Arc<Context>, args: &Args) -> Result<WireStateProof, RpcError> {
    let StateItems(items) = args.required(0)?;
    // A block that is final through a descendant has no certificate until that one is here.
    for _ in 0..PROOF_ATTEMPTS_MAX {
        let mut head = context.chain.watch_head();
        head.borrow_and_update();
        let proven = context.prove(items.clone()).await?;
        let height = proven.block.block.height();
        if let Some(finality) = context.ledger.certificate(height).await? {
            let finality = wire_finality(height, &finality);
            return Ok(WireStateProof { finality, proof: proven.proof.to_bytes() });
        }
        head.changed().await.map_err(|error| RpcError::fault(&error))?;
    }
    Err(RpcError::refused(
        "certificate_missing",
        "the latest block has no certificate on this node yet: ask again in a moment",
    ))
}

pub(crate) async fn validators(context: &Arc<Context>, _: &Args) -> Result<WireValidators, RpcError> {
    let network_key = NetworkKey::from_threshold_public(&context.genesis.threshold_public)
        .map_err(|error| RpcError::fault(&error))?;
    let validators = context.node.validators().into_iter();
    Ok(WireValidators {
        network_key: network_key.to_bytes(),
        validators: validators.map(|(name, node_key)| WireValidator { name, node_key }).collect(),
    })
}

pub(crate) async fn node_status(context: &Arc<Context>, _: &Args) -> Result<WireNodeStatus, RpcError> {
    let status = context.node.status();
    let head = context.chain.head();
    let (pool_pending, pool_queued) = context.pool.status();
    let role = match status.role {
        NodeRole::Validator => "validator",
        NodeRole::Follower => "follower",
    };
    Ok(WireNodeStatus {
        version: CLIENT_VERSION.to_owned(),
        network: context.genesis.network.clone(),
        chain_id: context.chain_id(),
        genesis_hash: context.genesis_hash,
        role: role.to_owned(),
        height: head.block.height(),
        block_hash: head.block.hash(),
        block_timestamp_ms: head.block.timestamp_ms(),
        view: status.view,
        leader: status.leader,
        peers_connected: status.peers_connected,
        peers_known: status.peers_known,
        syncing: status.syncing,
        stuck: status.stuck,
        pool_pending: pool_pending as u64,
        pool_queued: pool_queued as u64,
    })
}

/// An extension, whole and in parts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockExtension {
    height: Quantity,
    block_hash: B256,
    /// Its keccak256 is the header's `extraData`.
    encoded: Bytes,
    timestamp_ms: Quantity,
    epoch: Quantity,
    view: Quantity,
    parent_view: Quantity,
    leader: B256,
    operations_root: B256,
    operations_start: Quantity,
    operations_end: Quantity,
}

pub(crate) async fn block_extension(context: &Arc<Context>, args: &Args) -> Result<Option<BlockExtension>, RpcError> {
    let selector = args.required::<BlockSelector>(0)?;
    let block = context.chain.select(selector).await?;
    Ok(block.map(|block| {
        let extension = block.block.extension();
        BlockExtension {
            height: Quantity(block.block.height()),
            block_hash: block.block.hash(),
            encoded: Bytes::copy_from_slice(&extension.encode()),
            timestamp_ms: Quantity(extension.timestamp_ms),
            epoch: Quantity(extension.context.epoch),
            view: Quantity(extension.context.view),
            parent_view: Quantity(extension.context.parent_view),
            leader: extension.context.leader,
            operations_root: extension.state.operations_root,
            operations_start: Quantity(extension.state.operations_start),
            operations_end: Quantity(extension.state.operations_end),
        }
    }))
}
