//! What other nodes may send, what is done with it, and that nothing that is sent is lost to a quota.

use super::*;
use crate::{NodeSecret, metrics::Metrics, network::peer_key, tests::transaction};
use commonware_p2p::{
    Manager as _,
    simulated::{Config, Link, Network, Oracle},
};
use commonware_runtime::{Quota, Runner as _, Spawner as _, Supervisor as _, deterministic};
use commonware_utils::{NZU32, NZUsize, ordered::Set, probability};
use florin_mempool::PoolLimits;
use parking_lot::Mutex;

type Context = deterministic::Context;

fn peers(count: u64) -> Vec<PublicKey> {
    (1..=count).map(|seed| peer_key(&NodeSecret::from_seed(seed).public_key()).unwrap()).collect()
}

/// A network on which all of `peers` are linked with each other.
async fn network(context: &Context, peers: &[PublicKey]) -> Oracle<PublicKey, Context> {
    let config = Config {
        max_size: 1 << 20,
        max_peers_per_set: NZUsize!(8),
        disconnect_on_block: true,
        tracked_peer_sets: NZUsize!(1),
    };
    let (network, oracle) = Network::new(context.child("network"), config);
    network.start();
    oracle.manager().track(0, Set::from_iter_dedup(peers.iter().cloned()));
    for from in peers {
        for to in peers.iter().filter(|to| *to != from) {
            let link =
                Link { latency: Duration::from_millis(1), jitter: Duration::ZERO, success_rate: probability!(1.0) };
            oracle.add_link(from.clone(), to.clone(), link).await.unwrap();
        }
    }
    oracle
}

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

#[test]
fn signatures_are_checked_and_nothing_unasked_is_remembered() {
    let pool = Pool::new(PoolLimits::default());
    let unseen: Vec<TxEnvelope> = (1..=40).map(|sender| transaction(sender, 0).tx().clone()).collect();
    let chain_id = crate::tests::CHAIN_ID;
    let verified = verify(&pool, &unseen, chain_id, NZUsize!(2)).unwrap();
    assert_eq!(verified.len(), 40);
    assert_eq!(pool.cache().bytes(), 0, "a stranger's transactions push nobody's out");
    let error = verify(&pool, &unseen, chain_id + 1, NZUsize!(2)).unwrap_err();
    assert!(error.starts_with("transaction 0 of the unseen ones: signed for chain"), "{error}");
}

#[test]
fn what_the_quota_holds_back_is_sent_later_and_not_lost() {
    deterministic::Runner::default().start(|context| async move {
        let peers = peers(3);
        let oracle = network(&context, &peers).await;
        // Two messages a second for each receiver.
        let quota = Quota::per_second(NZU32!(2));
        let (mut sender, _receiver) = oracle.control(peers[0].clone()).register(0, quota).await.unwrap();
        let mut receivers = Vec::new();
        for peer in &peers[1..] {
            receivers.push(oracle.control(peer.clone()).register(0, quota).await.unwrap().1);
        }
        // One of them has had a message of its own, so that the two are held back at different times.
        assert_eq!(sender.send(Recipients::One(peers[1].clone()), IoBuf::from(vec![100]), false).len(), 1);
        let to = peers[1..].to_vec();
        let sending = context.child("sending").spawn(|context| async move {
            for number in 0..7u8 {
                send_to_all(&context, &mut sender, to.clone(), IoBuf::from(vec![number])).await;
            }
        });
        for (receiver, first) in receivers.iter_mut().zip([Some(100), None]) {
            for expected in first.into_iter().chain(0..7) {
                assert_eq!(receiver.recv().await.unwrap().1.as_ref(), [expected]);
            }
        }
        sending.await.unwrap();
    });
}

/// Sends `batches` from two peers to a third, which judges each by its first byte: 0 is a lie, others are so many useless
/// transactions. Gives what was judged, in order, and who was blocked.
async fn judged(context: Context, batches: Vec<(usize, u8)>) -> (Vec<(usize, u8)>, Vec<(PublicKey, PublicKey)>) {
    let peers = peers(3);
    let oracle = network(&context, &peers).await;
    let quota = Quota::per_second(NZU32!(128));
    let mut senders = Vec::new();
    for peer in &peers[..2] {
        senders.push(oracle.control(peer.clone()).register(0, quota).await.unwrap().0);
    }
    let control = oracle.control(peers[2].clone());
    let (_sender, receiver) = control.register(0, quota).await.unwrap();
    for (from, content) in batches {
        senders[from].send(Recipients::One(peers[2].clone()), IoBuf::from(vec![content]), false);
    }
    let seen: Arc<Mutex<Vec<(usize, u8)>>> = Arc::default();
    let (judged, known, pause) = (seen.clone(), peers.clone(), context.child("pause"));
    let work = move |peer: &PublicKey, batch: IoBuf, _: u64| {
        let content = batch.as_ref()[0];
        judged.lock().push((known.iter().position(|other| other == peer).unwrap(), content));
        let verdict = match content {
            0 => Verdict::Lie("a lie".into()),
            useless => Verdict::Judged { taken: 1, useless: u64::from(useless) * 100 },
        };
        let pause = pause.child("work");
        async move {
            pause.sleep(Duration::from_millis(10)).await;
            Some(verdict)
        }
        .boxed()
    };
    let receiving = context.child("receiving").spawn(move |context| async move {
        let metrics = Metrics::register(&context);
        receive(&context, receiver, control, work, &metrics).await;
    });
    context.sleep(Duration::from_millis(500)).await;
    receiving.abort();
    let judged = seen.lock().clone();
    (judged, oracle.blocked().await.unwrap())
}

#[test]
fn a_flood_is_bounded_and_waits_its_turn() {
    deterministic::Runner::default().start(|context| async move {
        let flood = (1..=20).map(|number| (0, number % 2 + 1)).chain([(1, 7)]).collect();
        let (judged, blocked) = judged(context, flood).await;
        let place = judged.iter().position(|entry| *entry == (1, 7)).unwrap();
        assert!(place <= 2, "the quiet peer waited for more than what was worked on: {judged:?}");
        assert!(judged.len() <= crate::inbox::BATCHES_PER_PEER_MAX + 2, "{judged:?}");
        assert_eq!(blocked, [], "much is no lie");
    });
}

#[test]
fn a_peer_whose_batches_are_of_no_use_is_not_judged_for_a_while() {
    deterministic::Runner::default().start(|context| async move {
        // 1,500 each: the second uses up what may be judged at once.
        let (judged, _) = judged(context, vec![(0, 15), (0, 15), (0, 15), (0, 15), (1, 1)]).await;
        assert_eq!(judged.iter().filter(|(peer, _)| *peer == 0).count(), 2, "{judged:?}");
        assert!(judged.contains(&(1, 1)));
    });
}

#[test]
fn a_peer_that_lies_is_blocked_and_the_rest_it_sent_dropped() {
    deterministic::Runner::default().start(|context| async move {
        let key = peers(3);
        let (judged, blocked) = judged(context, vec![(0, 0), (0, 1), (0, 1), (1, 1)]).await;
        assert_eq!(judged, [(0, 0), (1, 1)]);
        assert_eq!(blocked, [(key[2].clone(), key[0].clone())]);
    });
}
