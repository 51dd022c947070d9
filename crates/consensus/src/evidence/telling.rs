//! Votes that contradict what a quorum wants, told to all nodes on a channel of their own.
//!
//! **Messages.** A node key (32 bytes), and a vote with that key's signature as `florin_types` encodes it.
//!
//! **Limits.** A node tells [`PAUSE`] between two votes, each validator's once a view; of what it is told it looks at votes
//! of views that it has heard of itself, of members of that epoch's committee, and that it does not know. Who tells of a vote
//! that its validator did not sign is blocked.

use super::{Telling, Witness};
use crate::runtime::Runtime;
use alloy_primitives::B256;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender, block};
use commonware_runtime::{Handle, IoBuf};
use florin_types::{SIGNED_VOTE_BYTES, SignedVote};
use futures::StreamExt as _;
use std::time::Duration;

/// Bytes of every message.
pub(crate) const MESSAGE_BYTES: usize = 32 + SIGNED_VOTE_BYTES;
/// Time between two votes that are told: half of what the channel's quota lets through.
const PAUSE: Duration = Duration::from_millis(125);

/// Starts to tell.
pub(crate) fn start_telling<E: Runtime>(
    context: E,
    mut votes: Telling,
    mut sender: impl Sender<PublicKey = PublicKey>,
) -> Handle<()> {
    context.spawn(move |context| async move {
        while let Some((validator, vote)) = votes.next().await {
            tracing::debug!(%validator, view = vote.vote.view, "tells of a vote for something else than a quorum wants");
            sender.send(Recipients::All, IoBuf::from(encode(validator, &vote)), false);
            context.sleep(PAUSE).await;
        }
        // Agreement ended, and the node with it.
        futures::future::pending().await
    })
}

/// Starts to listen.
pub(crate) fn start_listening<E: Runtime>(
    context: E,
    mut witness: Witness,
    mut receiver: impl Receiver<PublicKey = PublicKey>,
    mut blocker: impl Blocker<PublicKey = PublicKey> + Sync,
) -> Handle<()> {
    context.spawn(move |_| async move {
        while let Ok((peer, message)) = receiver.recv().await {
            if let Err(reason) = witness.be_told(message.as_ref()) {
                block!(blocker, peer, reason, "blocked a peer for a message that no honest node sends");
            }
        }
    })
}

pub(super) fn encode(validator: B256, vote: &SignedVote) -> Vec<u8> {
    [validator.as_slice(), &vote.encode()].concat()
}

/// Reads what another node tells. Whether the vote is signed is not asked.
pub(super) fn decode(message: &[u8]) -> Result<(B256, SignedVote), String> {
    let (validator, vote) = message.split_first_chunk::<32>().ok_or("too short to name a validator")?;
    let vote = SignedVote::decode(vote).map_err(|error| error.to_string())?;
    Ok((B256::from(validator), vote))
}

/// Reads what another node might tell, and gives what it read as it is told. For fuzzers.
#[doc(hidden)]
pub fn decode_told(message: &[u8]) -> Option<Vec<u8>> {
    decode(message).ok().map(|(validator, vote)| encode(validator, &vote))
}
