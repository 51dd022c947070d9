//! `web3_`, `net_`, `rpc` and what `eth_` says about the node itself.

use crate::{args::Args, backend::Context, error::RpcError, methods::METHODS, openrpc, shapes::Quantity};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use florin_types::Height;
use serde::Serialize;
use serde_json::{Map, Value, json, value::RawValue};
use std::sync::{Arc, LazyLock};

/// Name and version as `web3_clientVersion` gives them.
pub(crate) const CLIENT_VERSION: &str = concat!("Florin/v", env!("CARGO_PKG_VERSION"));

pub(crate) async fn client_version(_: &Arc<Context>, _: &Args) -> Result<&'static str, RpcError> {
    Ok(CLIENT_VERSION)
}

pub(crate) async fn keccak(_: &Arc<Context>, args: &Args) -> Result<B256, RpcError> {
    Ok(keccak256(args.required::<Bytes>(0)?))
}

pub(crate) async fn network_version(context: &Arc<Context>, _: &Args) -> Result<String, RpcError> {
    Ok(context.chain_id().to_string())
}

pub(crate) async fn listening(_: &Arc<Context>, _: &Args) -> Result<bool, RpcError> {
    Ok(true)
}

pub(crate) async fn peer_count(context: &Arc<Context>, _: &Args) -> Result<Quantity, RpcError> {
    Ok(Quantity(context.node.status().peers_connected))
}

pub(crate) async fn modules(_: &Arc<Context>, _: &Args) -> Result<Map<String, Value>, RpcError> {
    let namespaces = METHODS.iter().filter_map(|method| method.name.split_once('_'));
    Ok(namespaces.map(|(namespace, _)| (namespace.to_owned(), "1.0".into())).collect())
}

/// The document never changes: it is written once.
static DOCUMENT: LazyLock<Result<Box<RawValue>, String>> =
    LazyLock::new(|| serde_json::value::to_raw_value(&openrpc::document()).map_err(|error| error.to_string()));

pub(crate) async fn discover(_: &Arc<Context>, _: &Args) -> Result<&'static RawValue, RpcError> {
    DOCUMENT.as_deref().map_err(|error| RpcError::fault(error))
}

pub(crate) async fn chain_id(context: &Arc<Context>, _: &Args) -> Result<Quantity, RpcError> {
    Ok(Quantity(context.chain_id()))
}

/// `false`, or how far the node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Syncing {
    No(bool),
    #[serde(rename_all = "camelCase")]
    Yes {
        starting_block: Quantity,
        current_block: Quantity,
        highest_block: Quantity,
    },
}

pub(crate) fn syncing_now(context: &Context) -> Syncing {
    let status = context.node.status();
    if !status.syncing {
        return Syncing::No(false);
    }
    let current = context.chain.head().block.height();
    Syncing::Yes {
        starting_block: Quantity(context.chain.oldest_block()),
        current_block: Quantity(current),
        highest_block: Quantity(status.known_height.max(current)),
    }
}

pub(crate) async fn syncing(context: &Arc<Context>, _: &Args) -> Result<Syncing, RpcError> {
    Ok(syncing_now(context))
}

pub(crate) async fn accounts(_: &Arc<Context>, _: &Args) -> Result<[Address; 0], RpcError> {
    Ok([])
}

pub(crate) async fn coinbase(context: &Arc<Context>, _: &Args) -> Result<Address, RpcError> {
    Ok(context.chain.head().block.header().beneficiary)
}

pub(crate) async fn capabilities(context: &Arc<Context>, _: &Args) -> Result<Value, RpcError> {
    let head = context.chain.head();
    let since = |height: Height| json!({ "disabled": false, "oldestBlock": Quantity(height) });
    let blocks = since(context.chain.oldest_block());
    Ok(json!({
        "head": { "number": Quantity(head.block.height()), "hash": head.block.hash() },
        "state": since(context.ledger.oldest_state()),
        "tx": blocks,
        "logs": blocks,
        "receipts": blocks,
        "blocks": blocks,
        "stateproofs": since(head.block.height()),
    }))
}
