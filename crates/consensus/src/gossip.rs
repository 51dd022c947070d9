//! Transactions between mempools: what clients gave to this node goes to the validators in batches.
//!
//! **Limits.** A batch has at most [`BATCH_BYTES_MAX`] bytes (or one larger transaction) and [`BATCH_TRANSACTIONS_MAX`]
//! transactions. A node sends no more batches than the channel's quota lets through: it waits and gathers more for the
//! next. Of what it is sent it judges one batch at a time, with half of the machine's threads; see [`crate::inbox`] for
//! what each peer may ask of it.
//!
//! **Failures.** A batch that does not decode, or holds a transaction whose signature is wrong, is a lie: an honest node
//! checks before it passes on. Its sender is blocked. A batch can still be lost, with its connection or because its
//! receiver had no room for it: a client's own node sends again what stays in its pool, others do not.

use crate::{
    admission::{Admissions, SubmitError},
    epochs::current::Current,
    inbox::{Allowances, Floods, Inbox},
    metrics::Metrics,
    pace::POLL,
    pending::Pending,
    runtime::Runtime,
};
use alloy_primitives::keccak256;
use commonware_codec::{Decode as _, Encode as _, RangeCfg};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, CheckedSender as _, Receiver, Recipients, Sender, block};
use commonware_runtime::{Clock, Handle, IoBuf};
use florin_mempool::{Origin, Pool};
use florin_types::{TX_BYTES_MAX, TxEnvelope, VerifiedTx, decode_transaction};
use futures::{FutureExt as _, future::BoxFuture, pin_mut, select_biased};
use std::{num::NonZeroUsize, sync::Arc, time::Duration};

/// Bytes of transactions in one message.
pub(crate) const BATCH_BYTES_MAX: usize = 256 * 1024;
/// Transactions in one message.
const BATCH_TRANSACTIONS_MAX: usize = 4_096;
/// Bytes of one message with its lengths: a batch may be one transaction above the bound.
pub(crate) const MESSAGE_BYTES_MAX: usize = BATCH_BYTES_MAX + TX_BYTES_MAX + 5 * BATCH_TRANSACTIONS_MAX + 5;
/// How long transactions are gathered for the next batch once one has left: taking a batch costs its receiver a fifth of
/// a millisecond, however small it is.
const GATHER: Duration = Duration::from_millis(20);
/// Transactions that are judged before it is asked again whether the peer's allowance holds.
const JUDGED_AT_ONCE: usize = 256;

/// Starts passing on what this node was given, to those of `validators` that are not `me`.
pub(crate) fn start_sending<E: Runtime>(
    context: E,
    pending: Pending,
    admissions: Admissions,
    (validators, me): (Current, PublicKey),
    mut sender: impl Sender<PublicKey = PublicKey>,
    metrics: Arc<Metrics>,
) -> Handle<()> {
    context.spawn(move |context| async move {
        loop {
            let changed = pending.changed();
            let batch = pending.pool().take_gossip(BATCH_BYTES_MAX, admissions.now_ms());
            if batch.is_empty() {
                let mut poll = Box::pin(context.sleep(POLL)).fuse();
                let mut changed = Box::pin(changed).fuse();
                select_biased! {
                    () = changed => {}
                    () = poll => {}
                }
            } else {
                metrics.gossip_sent.inc_by(u64::try_from(batch.len()).unwrap_or(u64::MAX));
                let batch: Vec<bytes::Bytes> = batch.into_iter().map(|tx| tx.0).collect();
                let others = validators.get().others(&me);
                send_to_all(&context, &mut sender, others, batch.encode().into()).await;
                context.sleep(GATHER).await;
            }
        }
    })
}

/// Sends a batch to all of `waiting`: to those that the channel's quota holds back now as soon as it lets them have it.
/// The batch has left the pool, so whoever is passed over would hear of its transactions seconds later or never.
async fn send_to_all(
    clock: &impl Clock,
    sender: &mut impl Sender<PublicKey = PublicKey>,
    mut waiting: Vec<PublicKey>,
    batch: IoBuf,
) {
    while !waiting.is_empty() {
        let until = match sender.check(Recipients::Some(waiting.clone())) {
            Ok(checked) => {
                let reached = checked.recipients();
                if reached.is_empty() || !checked.send(batch.clone(), false).accepted() {
                    return;
                }
                waiting.retain(|peer| !reached.contains(peer));
                continue;
            }
            Err(until) => until,
        };
        // At least a moment: a clock that stands still must not make this a loop without a pause.
        clock.sleep_until(until.max(clock.current() + Duration::from_millis(1))).await;
    }
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// Judged to its end, or until the allowance was used up.
    Judged { taken: u64, useless: u64 },
    /// No honest node sends this.
    Lie(String),
    /// This node could not judge it.
    Unjudged(String),
}

/// Starts taking what other nodes pass on.
pub(crate) fn start_receiving<E: Runtime>(
    context: E,
    admissions: Admissions,
    validators: Current,
    receiver: impl Receiver<PublicKey = PublicKey>,
    blocker: impl Blocker<PublicKey = PublicKey> + Sync,
    threads: NonZeroUsize,
    metrics: Arc<Metrics>,
) -> Handle<()> {
    // The other half is for consensus, whatever is sent here.
    let threads = NonZeroUsize::new(threads.get() / 2).unwrap_or(NonZeroUsize::MIN);
    context.spawn(move |context| async move {
        let task = context.child("batches");
        let work = move |peer: &PublicKey, batch, useless_max| {
            let signs = validators.get().committee.participants.position(peer).is_some();
            let origin = if signs { Origin::Peer } else { Origin::Forwarded };
            let admissions = admissions.clone();
            let judging = task
                .child("batch")
                .shared(true)
                .spawn(move |_| async move { judge(&admissions, batch, origin, threads, useless_max).await });
            async move { judging.await.ok() }.boxed()
        };
        receive(&context, receiver, blocker, work, &metrics).await;
    })
}

/// Takes batches and has them judged by `work`, one after another, until the channel is closed or `work` has no answer.
/// `work` is told how many useless transactions it may look at.
async fn receive(
    clock: &impl Clock,
    mut receiver: impl Receiver<PublicKey = PublicKey>,
    mut blocker: impl Blocker<PublicKey = PublicKey>,
    work: impl Fn(&PublicKey, IoBuf, u64) -> BoxFuture<'static, Option<Verdict>>,
    metrics: &Metrics,
) {
    let (mut inbox, mut allowances, mut floods) = (Inbox::default(), Allowances::default(), Floods::default());
    let mut working: Option<(PublicKey, BoxFuture<'static, Option<Verdict>>)> = None;
    loop {
        if working.is_none()
            && let Some((peer, batch)) = inbox.take()
        {
            let useless_max = allowances.left(&peer, crate::clock::now_ms(clock));
            if useless_max == 0 {
                metrics.gossip_refused.inc();
                floods.tell(&peer, "transactions of no use", crate::clock::now_ms(clock));
                continue;
            }
            let verdict = work(&peer, batch, useless_max);
            working = Some((peer, verdict));
        }
        match next_event(&mut receiver, &mut working).await {
            Event::Arrived(peer, batch) => {
                // No flood: honest peers send that much to a node that has just stood still. What they hold comes again.
                if !inbox.put(peer.clone(), batch) {
                    metrics.gossip_refused.inc();
                    tracing::debug!(%peer, "dropped a batch of transactions: too many of this peer wait");
                }
            }
            Event::Judged(peer, Verdict::Judged { taken, useless }) => {
                metrics.gossip_received.inc_by(taken);
                tracing::trace!(%peer, taken, useless, "transactions from a peer");
                allowances.spend(peer, useless, crate::clock::now_ms(clock));
            }
            Event::Judged(peer, Verdict::Lie(reason)) => {
                metrics.gossip_refused.inc();
                inbox.drop_all_of(&peer);
                block!(blocker, peer, reason, "blocked a peer for a batch of transactions that no honest node sends");
            }
            Event::Judged(peer, Verdict::Unjudged(reason)) => {
                metrics.gossip_refused.inc();
                tracing::warn!(%peer, reason, "dropped a batch of transactions");
            }
            Event::Ended => return,
        }
    }
}

enum Event {
    Arrived(PublicKey, IoBuf),
    Judged(PublicKey, Verdict),
    Ended,
}

/// Waits for the next batch and for the verdict on the one that is worked on, whichever comes first.
async fn next_event(
    receiver: &mut impl Receiver<PublicKey = PublicKey>,
    working: &mut Option<(PublicKey, BoxFuture<'static, Option<Verdict>>)>,
) -> Event {
    let event = {
        let arrived = receiver.recv().fuse();
        let judged = async {
            match working.as_mut() {
                Some((peer, verdict)) => verdict.await.map(|verdict| (peer.clone(), verdict)),
                None => futures::future::pending().await,
            }
        }
        .fuse();
        pin_mut!(arrived, judged);
        select_biased! {
            message = arrived => message.map_or(Event::Ended, |(peer, batch)| Event::Arrived(peer, batch)),
            judged = judged => judged.map_or(Event::Ended, |(peer, verdict)| Event::Judged(peer, verdict)),
        }
    };
    if matches!(event, Event::Judged(..)) {
        *working = None;
    }
    event
}

/// Judges a batch: what is new and good goes into the pool. Stops when more than `useless_max` were of no use.
async fn judge(
    admissions: &Admissions,
    batch: IoBuf,
    origin: Origin,
    threads: NonZeroUsize,
    useless_max: u64,
) -> Verdict {
    let pool = admissions.pool();
    let unseen = match decode(batch, |hash| pool.knows(hash)) {
        Ok(unseen) => unseen,
        Err(reason) => return Verdict::Lie(reason),
    };
    let (mut taken, mut useless) = (0u64, 0u64);
    for part in unseen.chunks(JUDGED_AT_ONCE) {
        // What is remembered costs no signature check: batches often come when their transactions have just become final.
        let costly: Vec<bool> = part.iter().map(|tx| pool.cache().get(tx.tx_hash()).is_none()).collect();
        let verified = match verify(pool, part, admissions.chain_id(), threads) {
            Ok(verified) => verified,
            Err(reason) => return Verdict::Lie(reason),
        };
        let answers = match admissions.submit(verified, origin).await {
            Ok(answers) => answers,
            Err(error) => return Verdict::Unjudged(error.to_string()),
        };
        for (answer, costly) in answers.into_iter().zip(costly) {
            match answer {
                Ok(_) => taken = taken.saturating_add(1),
                Err(SubmitError::Rejected(_) | SubmitError::Pool(_)) => {
                    useless = useless.saturating_add(u64::from(costly));
                }
                Err(error) => return Verdict::Unjudged(error.to_string()),
            }
        }
        if useless >= useless_max {
            break;
        }
    }
    Verdict::Judged { taken, useless }
}

/// Checks signatures. Nothing is remembered of what the pool does not keep.
fn verify(pool: &Pool, unseen: &[TxEnvelope], chain_id: u64, threads: NonZeroUsize) -> Result<Vec<VerifiedTx>, String> {
    pool.cache()
        .verify_unasked(unseen, chain_id, threads)
        .map_err(|(index, error)| format!("transaction {index} of the unseen ones: {error}"))
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
mod tests;
