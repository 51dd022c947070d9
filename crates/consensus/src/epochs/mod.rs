//! Epochs: the threshold key changes hands while the network runs, and its public half stays.
//!
//! **Purpose.** Where the genesis file names a number of blocks (`epoch_blocks`), the chain is cut into epochs of that
//! length. In each the committee that holds shares of the key deals new ones to the next, by the engine's own protocol;
//! with the first block of the next epoch those sign. Certificates of all epochs verify under one key.
//!
//! **Place.** Around agreement: `schemes` says who signs in which epoch, `current` tells the rest of the node, `peers` who is
//! connected for it, `wrapped` puts what the protocol must publish into blocks, `watched` lets the node see what agreement
//! does, `joined` keeps with what an epoch began that a node came into. Where the genesis file names no length there is one epoch for ever and nothing is dealt.
//!
//! **State.** Shares, dealings and seeds of two epochs (`crate::secrets`), the protocol's journal (`-reshare`), votes of
//! two epochs (`-simplex_consensus_N`).
//!
//! **Invariants.** The public key never changes: a committee whose polynomial gives another key is a fault. A node votes
//! only with a share that fits that polynomial. What is older than the epoch before is removed from the disk.
//!
//! **Failures.** A ceremony that fails leaves the committee and its shares for one more epoch, and the log says so.
//! `docs/decisions/0075-changing-committee.md` says what else can happen.

pub(crate) mod current;
pub(crate) mod dealings;
pub(crate) mod joined;
pub(crate) mod participants;
pub(crate) mod peers;
pub(crate) mod schemes;
#[cfg(test)]
mod tests;
pub(crate) mod watched;
pub(crate) mod wrapped;

use crate::{
    block::{Epochal, payload_bounds},
    keys::{Committee, KeyError},
};
use commonware_codec::{Copying, Decode as _, Encode as _};
use commonware_consensus::types::Epoch;
use commonware_cryptography::{
    bls12381::{dkg::feldman_desmedt::Output, primitives::variant::MinSig},
    ed25519::PublicKey,
};
use commonware_glue::dkg::types::EpochOutcome;
use commonware_utils::{ordered::Set, sequence::Unit};
use florin_types::{B256, Genesis};
use std::num::NonZeroU64;

/// Blocks of an epoch: one epoch for ever where the genesis file says nothing.
pub(crate) fn epoch_blocks(genesis: &Genesis) -> NonZeroU64 {
    genesis.epoch_blocks.unwrap_or(NonZeroU64::MAX)
}

/// What the first epoch begins with: the committee of the genesis file, which also deals to itself twice. `None` where
/// there is one epoch for ever.
pub(crate) fn first(genesis: &Genesis, committee: &Committee) -> Result<Option<Epochal>, KeyError> {
    if genesis.epoch_blocks.is_none() {
        return Ok(None);
    }
    let members = committee.participants.clone();
    Ok(Some(Epochal {
        outcome: EpochOutcome::Success,
        epoch: Epoch::zero(),
        output: output(genesis, committee)?,
        players: members.clone(),
        next_players: members,
        directory: Unit,
    }))
}

/// The genesis file's key as the protocol knows the end of a ceremony. It was another one, so its transcript is replaced
/// by a name that all nodes give it.
fn output(genesis: &Genesis, committee: &Committee) -> Result<Output<MinSig, PublicKey>, KeyError> {
    let mut summary = blake3::Hasher::new_derive_key("florin first epoch 2026");
    summary.update(&genesis.chain_id.to_be_bytes()).update(&genesis.threshold_public);
    let members = committee.participants.encode();
    let nobody = Set::<PublicKey>::default().encode();
    let sharing = committee.sharing.encode();
    let encoded = [summary.finalize().as_bytes().as_slice(), &sharing, &members, &members, &nobody].concat();
    Output::decode_cfg(Copying(&encoded), &payload_bounds())
        .map_err(|error| KeyError::Malformed { kind: "threshold public key", reason: error.to_string() })
}

/// What dealings and logs of this network are signed for, and of no other. It lives as long as the program, as the
/// protocol wants: a node makes one when it starts.
pub(crate) fn namespace(chain_id: u64, genesis_hash: B256) -> &'static [u8] {
    let mut namespace = b"florin/reshare/1".to_vec();
    namespace.extend(chain_id.to_be_bytes());
    namespace.extend(genesis_hash.0);
    Box::leak(namespace.into_boxed_slice())
}
