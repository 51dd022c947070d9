//! The `florin_` JSON-RPC namespace on the wire: what Ethereum has no word for.
//!
//! The server (`rpc`) writes these, the client (`client`) reads them; neither may know the other. Numbers are Ethereum
//! quantities (`0x…`), bytes are hex. Nothing here is trusted: a certificate or a proof counts once `florin_proof` has
//! verified its bytes. The sizes of lists are bounded by the server's limits and by the client's bound on an answer.

use crate::Height;
use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

/// Most items that one `florin_stateProof` may ask for.
pub const STATE_PROOF_ITEMS_MAX: usize = 64;

/// A header with the extension to which its `extraData` commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireHeader {
    /// RLP of the Ethereum header; its keccak256 is the block hash.
    pub header: Bytes,
    /// Encoding of the extension.
    pub extension: Bytes,
}

/// Answer of `florin_finalityCertificate(height)`.
///
/// A block may be final through a descendant: then `headers` leads from the block asked for to the one that the
/// certificate names, each the parent of the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireFinality {
    /// Height that was asked for: that of the first header.
    #[serde(with = "alloy_serde::quantity")]
    pub height: Height,
    /// Headers in rising order, without gaps; the last one is certified. Never empty.
    pub headers: Vec<WireHeader>,
    /// Encoded finalisation certificate of the last header.
    pub certificate: Bytes,
}

/// Most blocks of one answer to `florin_blocks`.
pub const BLOCKS_MAX: u64 = 512;
/// Bytes of blocks after which an answer to `florin_blocks` ends; it holds at least one block.
pub const BLOCKS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// One final block in the answer of `florin_blocks(from, count)`: what a backup keeps, and what every state follows from.
///
/// It is final if its certificate verifies, or if it is the ancestor of a block whose certificate does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireBlock {
    /// Encoding of the whole block, extension and all.
    pub block: Bytes,
    /// Encoded finalisation certificate of this very block; absent where it is final through a descendant.
    pub certificate: Option<Bytes>,
}

/// One thing whose value is to be proven: an account, or one slot of its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireStateItem {
    /// The account.
    pub address: Address,
    /// The slot; absent to prove the account itself (nonce, balance, code hash).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<U256>,
}

/// Answer of `florin_stateProof([items])`: always against the latest finalised block, whose finality comes along.
///
/// There are no values beside the proof: the client reads them out of what it has verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireStateProof {
    /// Finality of the block whose state root the proof is against.
    pub finality: WireFinality,
    /// Encoded proof of all items, in the order asked for.
    pub proof: Bytes,
}

/// One validator in [`WireValidators`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireValidator {
    /// Name for people: an institution.
    pub name: String,
    /// Node key (ed25519).
    pub node_key: B256,
}

/// Answer of `florin_validators()`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireValidators {
    /// The network's constant BLS public key: what certificates verify against. Compare it with one from a trusted
    /// source before use.
    pub network_key: Bytes,
    /// The committee in its order.
    pub validators: Vec<WireValidator>,
}

/// Answer of `florin_nodeStatus()`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireNodeStatus {
    /// Version of the program.
    pub version: String,
    /// Name of the network, from the genesis file.
    pub network: String,
    /// Chain id.
    #[serde(with = "alloy_serde::quantity")]
    pub chain_id: u64,
    /// Hash of the genesis block.
    pub genesis_hash: B256,
    /// `validator` or `follower`.
    pub role: String,
    /// Latest finalised height.
    #[serde(with = "alloy_serde::quantity")]
    pub height: Height,
    /// Hash of the latest finalised block.
    pub block_hash: B256,
    /// Time of the latest finalised block in milliseconds since 1970.
    #[serde(with = "alloy_serde::quantity")]
    pub block_timestamp_ms: u64,
    /// Consensus view.
    #[serde(with = "alloy_serde::quantity")]
    pub view: u64,
    /// Node key of the leader of this view, where the node knows it.
    pub leader: Option<B256>,
    /// Peers connected now.
    #[serde(with = "alloy_serde::quantity")]
    pub peers_connected: u64,
    /// Peers that may connect.
    #[serde(with = "alloy_serde::quantity")]
    pub peers_known: u64,
    /// Whether the node is catching up.
    pub syncing: bool,
    /// Why nothing is being finalised, for people; absent while all is well.
    pub stuck: Option<String>,
    /// Transactions in the pool that can be included now.
    #[serde(with = "alloy_serde::quantity")]
    pub pool_pending: u64,
    /// Transactions in the pool that wait for an earlier nonce.
    #[serde(with = "alloy_serde::quantity")]
    pub pool_queued: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_uses_ethereums_hex() {
        let finality = WireFinality {
            height: 26,
            headers: vec![WireHeader { header: Bytes::from_static(&[0xc0]), extension: Bytes::from_static(&[1]) }],
            certificate: Bytes::from_static(&[2, 3]),
        };
        let json = serde_json::to_value(&finality).unwrap();
        let expected = serde_json::json!({
            "height": "0x1a",
            "headers": [{"header": "0xc0", "extension": "0x01"}],
            "certificate": "0x0203",
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<WireFinality>(json).unwrap(), finality);
    }

    #[test]
    fn an_item_without_slot_is_the_account() {
        let account = r#"{"address":"0x0000000000000000000000000000000000000001"}"#;
        assert_eq!(serde_json::from_str::<WireStateItem>(account).unwrap().slot, None);
        let slot = r#"{"address":"0x0000000000000000000000000000000000000001","slot":"0x5"}"#;
        assert_eq!(serde_json::from_str::<WireStateItem>(slot).unwrap().slot, Some(U256::from(5)));
        let unknown = r#"{"address":"0x0000000000000000000000000000000000000001","slots":"0x5"}"#;
        assert!(serde_json::from_str::<WireStateItem>(unknown).is_err());
    }
}
