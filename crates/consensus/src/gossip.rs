//! Transactions between mempools: what clients gave to this node goes to the validators in batches.
//!
//! **Limits.** A batch has at most [`BATCH_BYTES_MAX`] bytes and [`BATCH_TRANSACTIONS_MAX`] transactions; a peer sends as
//! many batches as the channel's quota allows, what is above is dropped by the network. One batch is worked on at a time.
//!
//! **Failures.** A batch that does not decode, or holds a transaction whose signature is wrong, is dropped whole and
//! counted: an honest node checks before it passes on. Nothing is lost for good: the node that has the transaction from
//! its client sends it again while it waits.

use crate::{admission::Admissions, metrics::Metrics, pace::POLL, pending::Pending, runtime::Runtime};
use alloy_primitives::keccak256;
use commonware_codec::{Decode as _, Encode as _, RangeCfg};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::{Handle, IoBuf};
use florin_mempool::Origin;
use florin_types::{TX_BYTES_MAX, TxEnvelope, decode_transaction};
use futures::FutureExt as _;
use std::{num::NonZeroUsize, sync::Arc, time::Duration};

/// Bytes of transactions in one message.
pub(crate) const BATCH_BYTES_MAX: usize = 256 * 1024;
/// Transactions in one message.
const BATCH_TRANSACTIONS_MAX: usize = 4_096;
/// Bytes of one message with its lengths: a batch may be one transaction above the bound.
pub(crate) const MESSAGE_BYTES_MAX: usize = BATCH_BYTES_MAX + TX_BYTES_MAX + 5 * BATCH_TRANSACTIONS_MAX + 5;
/// How long transactions are gathered before a batch leaves.
const GATHER: Duration = Duration::from_millis(5);
/// Batches sent without a pause; above, the rest waits for the next round so that quotas hold.
const BATCHES_PER_ROUND_MAX: usize = 4;

/// Starts passing on what this node was given. `validators` are the other validators.
pub(crate) fn start_sending<E: Runtime>(
    context: E,
    pending: Pending,
    admissions: Admissions,
    validators: Vec<PublicKey>,
    mut sender: impl Sender<PublicKey = PublicKey>,
    metrics: Arc<Metrics>,
) -> Handle<()> {
    context.spawn(move |context| async move {
        loop {
            let changed = pending.changed();
            let mut backlog = false;
            for _ in 0..BATCHES_PER_ROUND_MAX {
                let batch = pending.pool().take_gossip(BATCH_BYTES_MAX, admissions.now_ms());
                backlog = !batch.is_empty();
                if !backlog {
                    break;
                }
                metrics.gossip_sent.inc_by(u64::try_from(batch.len()).unwrap_or(u64::MAX));
                let batch: Vec<bytes::Bytes> = batch.into_iter().map(|tx| tx.0).collect();
                sender.send(Recipients::Some(validators.clone()), batch.encode(), false);
            }
            if !backlog {
                let mut poll = Box::pin(context.sleep(POLL)).fuse();
                let mut changed = Box::pin(changed).fuse();
                futures::select_biased! {
                    () = changed => {}
                    () = poll => {}
                }
            }
            context.sleep(GATHER).await;
        }
    })
}

/// Starts taking what other nodes pass on.
pub(crate) fn start_receiving<E: Runtime>(
    context: E,
    admissions: Admissions,
    validators: Vec<PublicKey>,
    mut receiver: impl Receiver<PublicKey = PublicKey>,
    threads: NonZeroUsize,
    metrics: Arc<Metrics>,
) -> Handle<()> {
    context.spawn(move |context| async move {
        while let Ok((peer, message)) = receiver.recv().await {
            let origin = if validators.contains(&peer) { Origin::Peer } else { Origin::Forwarded };
            let admissions = admissions.clone();
            let work = context.child("batch").shared(true).spawn(move |_| async move {
                let verified = verify(&admissions, message, threads)?;
                let count = verified.len();
                let answers = admissions.submit(verified, origin).await.map_err(|error| error.to_string())?;
                let taken = answers.iter().filter(|answer| answer.is_ok()).count();
                tracing::trace!(count, taken, "transactions from a peer");
                Ok::<_, String>(taken)
            });
            match work.await {
                Ok(Ok(taken)) => {
                    metrics.gossip_received.inc_by(u64::try_from(taken).unwrap_or(u64::MAX));
                }
                Ok(Err(reason)) => {
                    metrics.gossip_refused.inc();
                    tracing::warn!(%peer, reason, "dropped a batch of transactions");
                }
                Err(_) => return,
            }
        }
    })
}

/// Decodes a batch and checks the signatures of what this node has not seen.
fn verify(
    admissions: &Admissions,
    message: IoBuf,
    threads: NonZeroUsize,
) -> Result<Vec<florin_types::VerifiedTx>, String> {
    let unseen = decode(message, |hash| admissions.pool().knows(hash))?;
    admissions
        .pool()
        .cache()
        .verify_block(&unseen, admissions.chain_id(), threads)
        .map_err(|(index, error)| format!("transaction {index} of the batch: {error}"))
}

/// Decodes what another node might send as a batch of transactions; gives how many. For fuzzers.
#[doc(hidden)]
pub fn decode_gossip(message: &[u8]) -> Result<usize, String> {
    decode(IoBuf::from(message.to_vec()), |_| false).map(|transactions| transactions.len())
}

/// Decodes a batch; what is `known` by its hash is left out before any costly work.
fn decode(message: IoBuf, known: impl Fn(&alloy_primitives::B256) -> bool) -> Result<Vec<TxEnvelope>, String> {
    let bounds = (RangeCfg::new(0..=BATCH_TRANSACTIONS_MAX), RangeCfg::new(0..=TX_BYTES_MAX));
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(format!("{} bytes, at most {MESSAGE_BYTES_MAX}", message.len()));
    }
    let batch = Vec::<bytes::Bytes>::decode_cfg(message, &bounds).map_err(|error| error.to_string())?;
    batch
        .iter()
        .filter(|encoded| !known(&keccak256(encoded)))
        .map(|encoded| decode_transaction(encoded).map_err(|error| error.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_batches_are_refused_and_known_transactions_left_out() {
        let unknown = |_: &alloy_primitives::B256| false;
        assert!(decode(IoBuf::from(vec![0xff; 16]), unknown).is_err());
        assert!(decode(IoBuf::from(vec![0; MESSAGE_BYTES_MAX + 1]), unknown).unwrap_err().contains("at most"));
        let batch = vec![bytes::Bytes::from_static(&[0x7f; 40])];
        assert!(decode(IoBuf::from(batch.encode()), unknown).is_err());
        assert_eq!(decode(IoBuf::from(batch.encode()), |_| true).unwrap().len(), 0);
        let many = vec![bytes::Bytes::new(); BATCH_TRANSACTIONS_MAX + 1];
        assert!(decode(IoBuf::from(many.encode()), |_| true).is_err());
    }
}
