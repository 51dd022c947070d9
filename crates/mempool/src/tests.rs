use crate::{
    Candidates, Origin, Pool, PoolError, PoolLimits, SenderCache,
    test_tools::{CHAIN_ID, Draft, address, admission},
};
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_primitives::{B256, U256};
use florin_execution::{Candidates as _, Lane, Rejection};
use florin_types::{Rules, TX_BYTES_MAX, TxError, VerifiedTx};
use std::{collections::HashSet, num::NonZeroUsize};
use tokio::sync::broadcast::error::TryRecvError;

fn small() -> PoolLimits {
    PoolLimits { transactions_max: 12, sender_transactions_max: 8, ..PoolLimits::default() }
}

fn submit(pool: &Pool, draft: Draft) -> Result<VerifiedTx, PoolError> {
    let tx = draft.sign();
    pool.submit(tx.clone(), &admission(0, Lane::General), Origin::Local, 0).map(|_| tx)
}

fn code(outcome: Result<VerifiedTx, PoolError>) -> &'static str {
    outcome.map(|_| "accepted").unwrap_or_else(|error| error.code())
}

fn drain(mut candidates: Candidates) -> Vec<(u64, u64)> {
    let mut order = Vec::new();
    while let Some(tx) = candidates.next() {
        candidates.taken(&tx, tx.tx().gas_limit());
        let sender = (0..64).find(|sender| address(*sender) == tx.sender()).unwrap();
        order.push((sender, tx.tx().nonce()));
    }
    order
}

fn none() -> HashSet<B256> {
    HashSet::new()
}

#[test]
fn codes_are_permanent() {
    let golden = [
        "already_known",
        "nonce_too_low",
        "nonce_too_high",
        "nonce_max",
        "replacement_underpriced",
        "sender_full",
        "pool_full",
    ];
    assert_eq!(PoolError::CODES, golden);
    let hash = B256::ZERO;
    assert_eq!(PoolError::AlreadyKnown { hash }.code(), "already_known");
    assert_eq!(PoolError::NonceMax.code(), "nonce_max");
}

#[test]
fn nonces_in_any_order_end_as_one_run() {
    let pool = Pool::new(PoolLimits::default());
    for nonce in [4, 2, 0, 3, 1] {
        submit(&pool, Draft::new(1, nonce)).unwrap();
    }
    assert_eq!(pool.status(), (5, 0));
    assert_eq!(pool.pending_nonce(address(1), 0), 5);
    assert_eq!(drain(pool.candidates(&Rules::default(), &none())), [(1, 0), (1, 1), (1, 2), (1, 3), (1, 4)]);
}

#[test]
fn a_gap_holds_what_lies_behind_it() {
    let pool = Pool::new(PoolLimits::default());
    submit(&pool, Draft::new(1, 0)).unwrap();
    submit(&pool, Draft::new(1, 2)).unwrap();
    assert_eq!(pool.status(), (1, 1));
    assert_eq!(pool.pending_nonce(address(1), 0), 1);
    assert_eq!(pool.pending_nonce(address(2), 9), 9);
    assert_eq!(drain(pool.candidates(&Rules::default(), &none())), [(1, 0)]);
    let content = pool.content_from(address(1));
    assert!(content.pending[&address(1)].contains_key(&0) && content.queued[&address(1)].contains_key(&2));
}

#[test]
fn nonces_at_the_edges_are_refused() {
    let pool = Pool::new(small());
    assert_eq!(code(submit(&pool, Draft::new(1, u64::MAX))), "nonce_max");
    assert_eq!(code(submit(&pool, Draft::new(1, u64::MAX - 1))), "nonce_too_high");
    assert_eq!(code(submit(&pool, Draft::new(1, 8))), "nonce_too_high");
    assert_eq!(code(submit(&pool, Draft::new(1, 7))), "accepted");
    pool.finalized([(address(1), 3)]);
    assert_eq!(code(submit(&pool, Draft::new(1, 2))), "nonce_too_low");
    assert_eq!(code(submit(&pool, Draft::new(1, 7))), "already_known");
}

#[test]
fn the_last_possible_nonce_works() {
    let pool = Pool::new(small());
    let last = Draft::new(1, u64::MAX - 1).sign();
    let submitted = pool.submit(last, &admission(u64::MAX - 1, Lane::General), Origin::Local, 0).unwrap();
    assert!(submitted.pending);
    assert_eq!(pool.pending_nonce(address(1), u64::MAX - 1), u64::MAX);
    pool.finalized([(address(1), u64::MAX)]);
    assert_eq!(pool.status(), (0, 0));
}

#[test]
fn a_stale_admission_does_not_bring_back_a_used_nonce() {
    let pool = Pool::new(small());
    pool.finalized([(address(1), 5)]);
    let stale = pool.submit(Draft::new(1, 4).sign(), &admission(4, Lane::General), Origin::Local, 0);
    assert_eq!(stale.unwrap_err().code(), "nonce_too_low");
    // Neither does finality that is delivered again, later and lower.
    submit(&pool, Draft::new(1, 5)).unwrap();
    pool.finalized([(address(1), 2)]);
    assert_eq!(pool.status(), (1, 0));
}

#[test]
fn replacement_needs_a_higher_price() {
    let pool = Pool::new(small());
    let draft = Draft { price_wei: 1_000, ..Draft::new(1, 0) };
    let old = submit(&pool, draft).unwrap();
    let error = submit(&pool, Draft { price_wei: 1_099, ..draft }).unwrap_err();
    assert!(
        matches!(error, PoolError::ReplacementUnderpriced { fee_wei_min: 1_100, priority_fee_wei_min: 1_100, .. }),
        "{error}"
    );
    let new = Draft { price_wei: 1_100, ..draft }.sign();
    let submitted = pool.submit(new, &admission(0, Lane::General), Origin::Local, 0).unwrap();
    assert_eq!(submitted.replaced, Some(old.hash()));
    assert!(!pool.knows(&old.hash()));
    assert_eq!(pool.status(), (1, 0));
}

#[test]
fn a_replacement_is_announced_alone() {
    let pool = Pool::new(small());
    (0..4).for_each(|nonce| assert!(submit(&pool, Draft::new(1, nonce)).is_ok()));
    submit(&pool, Draft::new(1, 6)).unwrap();
    let mut hashes = pool.subscribe();
    let level = pool.watch_pending();
    let replace = |nonce| submit(&pool, Draft { price_wei: 1, ..Draft::new(1, nonce) }).unwrap().hash();
    let pending = replace(1);
    replace(6);
    assert_eq!(hashes.try_recv(), Ok(pending));
    assert_eq!(hashes.try_recv(), Err(TryRecvError::Empty), "what waits above it was announced before");
    assert!(!level.has_changed().unwrap(), "nothing was queued in between");
    assert_eq!((pool.status(), pool.metrics().replaced_total), ((4, 1), 2));
    pool.finalized([(address(1), 7)]);
    assert_eq!((pool.status(), pool.metrics().bytes), ((0, 0), 0));
}

#[test]
fn a_price_of_zero_is_replaced_by_one_wei_and_never_by_zero() {
    let pool = Pool::new(small());
    submit(&pool, Draft::new(1, 0)).unwrap();
    let other_of_zero = Draft { input_bytes: 1, ..Draft::new(1, 0) };
    assert_eq!(code(submit(&pool, other_of_zero)), "replacement_underpriced");
    assert_eq!(code(submit(&pool, Draft { price_wei: 1, ..other_of_zero })), "accepted");
    // A bid of 2^128 - 1 cannot be raised.
    let highest = Draft { price_wei: u128::MAX, ..Draft::new(1, 1) };
    submit(&pool, highest).unwrap();
    assert_eq!(code(submit(&pool, Draft { input_bytes: 1, ..highest })), "replacement_underpriced");
}

#[test]
fn a_cancellation_replaces_once_at_any_price() {
    let pool = Pool::new(small());
    submit(&pool, Draft { price_wei: 1_000, ..Draft::new(1, 0) }).unwrap();
    let cancellation = Draft { cancels: true, ..Draft::new(1, 0) };
    assert_eq!(code(submit(&pool, cancellation)), "accepted");
    assert_eq!(code(submit(&pool, Draft { gas_limit: 61_000, ..cancellation })), "replacement_underpriced");
    assert_eq!(code(submit(&pool, Draft::new(1, 0))), "replacement_underpriced");
    // With input or by another sender's address it is no cancellation.
    submit(&pool, Draft::new(1, 1)).unwrap();
    let with_input = Draft { cancels: true, input_bytes: 1, ..Draft::new(1, 1) };
    assert_eq!(code(submit(&pool, with_input)), "replacement_underpriced");
}

#[test]
fn a_sender_is_bounded_in_transactions_and_bytes() {
    let pool = Pool::new(PoolLimits { sender_transactions_max: 3, sender_bytes_max: 2_000, ..PoolLimits::default() });
    (0..3).for_each(|nonce| assert!(submit(&pool, Draft::new(1, nonce)).is_ok()));
    let error = submit(&pool, Draft::new(1, 3)).unwrap_err();
    assert!(matches!(error, PoolError::SenderFull { held: 3, held_max: 3, unit: "transactions", .. }), "{error}");
    submit(&pool, Draft { input_bytes: 1_500, ..Draft::new(2, 0) }).unwrap();
    let error = submit(&pool, Draft { input_bytes: 500, ..Draft::new(2, 1) }).unwrap_err();
    assert!(matches!(error, PoolError::SenderFull { held_max: 2_000, unit: "bytes", .. }), "{error}");
    // A smaller cancellation makes room even so.
    assert_eq!(code(submit(&pool, Draft { cancels: true, ..Draft::new(2, 0) })), "accepted");
    assert_eq!(code(submit(&pool, Draft { input_bytes: 500, ..Draft::new(2, 1) })), "accepted");
}

#[test]
fn one_busy_sender_leaves_room_for_others() {
    let pool = Pool::new(PoolLimits { sender_transactions_max: 64, ..small() });
    let taken = (0..12).take_while(|nonce| submit(&pool, Draft::new(1, *nonce)).is_ok()).count();
    assert_eq!(taken, 6, "half of what the pool holds");
    let error = submit(&pool, Draft::new(1, 6)).unwrap_err();
    assert!(matches!(error, PoolError::PoolFull { held: 6, free: 6, unit: "transactions", .. }), "{error}");
    for sender in 2..8 {
        assert_eq!(code(submit(&pool, Draft::new(sender, 0))), "accepted", "sender {sender}");
    }
    assert_eq!(pool.status(), (12, 0));
    assert_eq!(code(submit(&pool, Draft::new(8, 0))), "pool_full");
}

#[test]
fn under_pressure_gaps_go_and_pending_stays() {
    let pool = Pool::new(small());
    for sender in 1..=3 {
        for nonce in 1..=2 {
            submit(&pool, Draft::new(sender, nonce)).unwrap();
        }
    }
    for sender in 10..16 {
        submit(&pool, Draft::new(sender, 0)).unwrap();
    }
    assert_eq!(pool.status(), (6, 6));
    assert_eq!(code(submit(&pool, Draft::new(20, 5))), "pool_full", "a gap displaces nothing");
    let oldest = Draft::new(1, 1).sign().hash();
    for sender in 16..22 {
        assert_eq!(code(submit(&pool, Draft::new(sender, 0))), "accepted", "sender {sender}");
        assert!(!pool.knows(&oldest), "the oldest gap went first");
    }
    assert_eq!(pool.status(), (12, 0));
    assert_eq!(pool.metrics().evicted_total, 6);
    assert_eq!(code(submit(&pool, Draft::new(22, 0))), "pool_full", "pending transactions are never displaced");
    assert_eq!(pool.metrics().rejected_total["pool_full"], 2);
}

#[test]
fn bytes_bound_the_pool_too() {
    let pool = Pool::new(PoolLimits { bytes_max: 10_000, ..PoolLimits::default() });
    let heavy = |sender, nonce| Draft { input_bytes: 2_000, ..Draft::new(sender, nonce) };
    assert_eq!(code(submit(&pool, heavy(1, 1))), "accepted");
    assert_eq!(code(submit(&pool, heavy(2, 0))), "accepted");
    assert_eq!(code(submit(&pool, heavy(3, 0))), "accepted");
    assert_eq!(code(submit(&pool, heavy(4, 0))), "accepted");
    assert_eq!(code(submit(&pool, heavy(5, 0))), "accepted");
    assert_eq!(pool.status(), (4, 0), "the gap made room");
    let error = submit(&pool, heavy(6, 0)).unwrap_err();
    assert!(matches!(error, PoolError::PoolFull { unit: "bytes", .. }), "{error}");
    assert!(pool.metrics().bytes <= 10_000);
}

#[test]
fn what_waits_too_long_expires() {
    let pool = Pool::new(PoolLimits { lifetime_ms: 1_000, ..small() });
    let at = |draft: Draft, now_ms| {
        pool.submit(draft.sign(), &admission(0, Lane::General), Origin::Local, now_ms).unwrap();
    };
    at(Draft::new(1, 0), 0);
    at(Draft::new(1, 1), 500);
    at(Draft::new(2, 0), 999);
    assert_eq!(pool.expire(999), 0);
    assert_eq!(pool.expire(1_000), 1);
    assert_eq!(pool.status(), (1, 1), "sender 1 has a gap now");
    // A clock that steps back expires nothing and breaks nothing.
    assert_eq!(pool.expire(0), 0);
    assert_eq!(pool.expire(u64::MAX), 2);
    assert_eq!(pool.metrics().expired_total, 3);
    assert_eq!((pool.status(), pool.metrics().bytes, pool.metrics().senders), ((0, 0), 0, 0));
}

#[test]
fn finality_removes_what_it_used_and_promotes_the_rest() {
    let pool = Pool::new(small());
    for nonce in [0, 1, 3] {
        submit(&pool, Draft::new(1, nonce)).unwrap();
    }
    let mut hashes = pool.subscribe();
    // Nonce 2 was included without passing here; an unknown account does no harm.
    pool.finalized([(address(1), 3), (address(40), 1)]);
    assert_eq!(pool.status(), (1, 0));
    assert_eq!(hashes.try_recv().unwrap(), Draft::new(1, 3).sign().hash());
    pool.finalized([(address(1), 3)]);
    assert_eq!((pool.status(), pool.metrics().settled_total), ((1, 0), 2));
}

#[test]
fn senders_take_turns() {
    let pool = Pool::new(PoolLimits::default());
    (0..4).for_each(|nonce| assert!(submit(&pool, Draft::new(1, nonce)).is_ok()));
    (0..2).for_each(|nonce| assert!(submit(&pool, Draft::new(2, nonce)).is_ok()));
    submit(&pool, Draft { price_wei: 5, ..Draft::new(3, 0) }).unwrap();
    let order = drain(pool.candidates(&Rules::default(), &none()));
    assert_eq!(order, [(3, 0), (1, 0), (2, 0), (1, 1), (2, 1), (1, 2), (1, 3)]);
}

#[test]
fn payments_come_first_until_their_lane_is_full() {
    let pool = Pool::new(PoolLimits::default());
    let submit = |sender, nonce, lane| {
        pool.submit(Draft::new(sender, nonce).sign(), &admission(0, lane), Origin::Local, 0).unwrap();
    };
    submit(1, 0, Lane::General);
    submit(2, 0, Lane::General);
    submit(2, 1, Lane::Payment);
    for nonce in 0..3 {
        submit(3, nonce, Lane::Payment);
    }
    let rules = |payment_lane_gas| Rules { payment_lane_gas, ..Rules::default() };
    let ample = [(3, 0), (3, 1), (3, 2), (1, 0), (2, 0), (2, 1)];
    assert_eq!(drain(pool.candidates(&rules(1_000_000), &none())), ample);
    let of_two = [(3, 0), (3, 1), (1, 0), (2, 0), (3, 2), (2, 1)];
    assert_eq!(drain(pool.candidates(&rules(120_000), &none())), of_two);
    let nothing = [(1, 0), (2, 0), (3, 0), (2, 1), (3, 1), (3, 2)];
    assert_eq!(drain(pool.candidates(&rules(0), &none())), nothing);
}

#[test]
fn the_lane_fills_with_gas_that_is_used() {
    let pool = Pool::new(PoolLimits::default());
    let submit = |sender, lane| {
        pool.submit(Draft::new(sender, 0).sign(), &admission(0, lane), Origin::Local, 0).unwrap();
    };
    submit(1, Lane::General);
    (2..10).for_each(|sender| submit(sender, Lane::Payment));
    // Each asks for 60,000 gas and uses 10,000: the sixth finds 50,000 left.
    let rules = Rules { payment_lane_gas: 100_000, ..Rules::default() };
    let mut candidates = pool.candidates(&rules, &none());
    let mut order = Vec::new();
    while let Some(tx) = candidates.next() {
        candidates.taken(&tx, 10_000);
        order.push(tx.sender());
    }
    let general = order.iter().position(|sender| *sender == address(1));
    assert_eq!((order.len(), general), (9, Some(5)));
}

#[test]
fn the_pass_of_payments_can_be_ended() {
    let pool = Pool::new(PoolLimits::default());
    let submit = |sender, nonce, lane| {
        pool.submit(Draft::new(sender, nonce).sign(), &admission(0, lane), Origin::Local, 0).unwrap();
    };
    submit(1, 0, Lane::General);
    (0..3).for_each(|nonce| submit(2, nonce, Lane::Payment));
    let mut candidates = pool.candidates(&Rules::default(), &none());
    assert_eq!(candidates.next().unwrap().sender(), address(2));
    candidates.end_payments();
    candidates.end_payments();
    assert_eq!(drain(candidates), [(1, 0), (2, 1), (2, 2)]);
}

#[test]
fn what_is_in_flight_is_not_handed_out_again() {
    let pool = Pool::new(PoolLimits::default());
    let first = submit(&pool, Draft::new(1, 0)).unwrap();
    let second = submit(&pool, Draft::new(1, 1)).unwrap();
    let in_flight = HashSet::from([first.hash()]);
    assert_eq!(drain(pool.candidates(&Rules::default(), &in_flight)), [(1, 1)]);
    assert!(pool.has_candidates(&in_flight));
    assert!(!pool.has_candidates(&HashSet::from([first.hash(), second.hash()])));
    assert!(pool.has_candidates(&HashSet::from([B256::ZERO, second.hash()])), "hashes from elsewhere do not count");
    assert!(!Pool::new(PoolLimits::default()).has_candidates(&none()));
}

#[test]
fn a_rejected_transaction_ends_its_senders_turns() {
    let pool = Pool::new(PoolLimits::default());
    for sender in 1..=2 {
        (0..3).for_each(|nonce| assert!(submit(&pool, Draft::new(sender, nonce)).is_ok()));
    }
    let mut candidates = pool.candidates(&Rules::default(), &none());
    let used = candidates.next().unwrap();
    candidates.rejected(&used, &Rejection::NonceTooLow { nonce: 0, account_nonce: 1 });
    let refused = candidates.next().unwrap();
    candidates.rejected(&refused, &Rejection::SenderNotPermitted { sender: refused.sender() });
    assert_eq!(candidates.invalid(), [refused.hash()], "a nonce used by an undecided block is kept");
    assert_eq!(pool.discard(candidates.invalid()), 1);
    assert_eq!(drain(candidates), [(1, 1), (1, 2)]);
    assert_eq!(pool.status(), (3, 2));
}

#[test]
fn a_blocked_sender_has_no_turns_for_a_while() {
    let pool = Pool::new(PoolLimits { deferral_ms: 1_000, ..PoolLimits::default() });
    let tx = submit(&pool, Draft::new(1, 0)).unwrap();
    let build = || {
        let mut candidates = pool.candidates(&Rules::default(), &none());
        let first = candidates.next()?;
        let (balance, cost) = (U256::ZERO, U256::ONE);
        candidates.rejected(&first, &Rejection::InsufficientFunds { sender: first.sender(), cost, balance });
        assert!(candidates.invalid().is_empty());
        pool.defer(candidates.blocked(), 0);
        Some(first)
    };
    let mut wakes = pool.watch_pending();
    assert_eq!(build(), Some(tx.clone()));
    assert_eq!((build(), pool.has_candidates(&none()), pool.status()), (None, false, (1, 0)));
    assert!(!wakes.has_changed().unwrap());
    // Time passes; or its account changes; or its transactions do.
    pool.expire(999);
    assert!(!pool.has_candidates(&none()));
    pool.expire(1_000);
    assert!(wakes.has_changed().unwrap(), "the leader is woken");
    wakes.mark_unchanged();
    assert_eq!(build(), Some(tx.clone()));
    pool.finalized([(address(1), 0)]);
    assert!(wakes.has_changed().unwrap());
    assert_eq!(build(), Some(tx.clone()));
    submit(&pool, Draft::new(1, 1)).unwrap();
    assert_eq!(build(), Some(tx));
}

#[test]
fn a_full_block_defers_nobody() {
    let pool = Pool::new(PoolLimits::default());
    let tx = submit(&pool, Draft::new(1, 0)).unwrap();
    let mut candidates = pool.candidates(&Rules::default(), &none());
    candidates.next().unwrap();
    candidates.rejected(&tx, &Rejection::BlockTransactions { height: 1, lane: Lane::General });
    assert!(candidates.blocked().is_empty() && candidates.invalid().is_empty());
}

#[test]
fn only_own_and_forwarded_transactions_are_gossiped() {
    let pool = Pool::new(PoolLimits { gossip_again_ms: 1_000, ..PoolLimits::default() });
    let by = |sender, origin| {
        let tx = Draft::new(sender, 0).sign();
        pool.submit(tx.clone(), &admission(0, Lane::General), origin, 0).unwrap();
        tx
    };
    let (local, forwarded) = (by(1, Origin::Local), by(2, Origin::Forwarded));
    by(3, Origin::Peer);
    let encoded = |txs: &[&VerifiedTx]| txs.iter().map(|tx| tx.encoded().clone()).collect::<Vec<_>>();
    assert_eq!(pool.take_gossip(TX_BYTES_MAX, 0), encoded(&[&local, &forwarded]));
    assert!(pool.take_gossip(TX_BYTES_MAX, 999).is_empty());
    assert_eq!(pool.take_gossip(TX_BYTES_MAX, 1_000), encoded(&[&local]), "again while it stays");
    pool.finalized([(address(1), 1)]);
    assert!(pool.take_gossip(TX_BYTES_MAX, 5_000).is_empty());
}

#[test]
fn gossip_comes_in_bounded_portions() {
    let pool = Pool::new(PoolLimits::default());
    let heavy = |sender| Draft { input_bytes: 100_000, ..Draft::new(sender, 0) };
    (1..=3).for_each(|sender| assert!(submit(&pool, heavy(sender)).is_ok()));
    // A bound below the largest transaction still makes progress.
    assert_eq!([0, 0, 0, 0].map(|bytes| pool.take_gossip(bytes, 0).len()), [1, 1, 1, 0]);
}

#[test]
fn a_slow_subscriber_is_told_what_it_lost() {
    let pool = Pool::new(PoolLimits { subscription_backlog_max: 2, ..PoolLimits::default() });
    let mut hashes = pool.subscribe();
    let mut pending = pool.watch_pending();
    submit(&pool, Draft::new(1, 1)).unwrap();
    assert_eq!(hashes.try_recv(), Err(TryRecvError::Empty), "queued is not announced");
    assert!(!pending.has_changed().unwrap());
    submit(&pool, Draft::new(1, 0)).unwrap();
    assert_eq!(*pending.borrow_and_update(), 2);
    submit(&pool, Draft::new(2, 0)).unwrap();
    submit(&pool, Draft::new(3, 0)).unwrap();
    assert_eq!(hashes.try_recv(), Err(TryRecvError::Lagged(2)));
    assert_eq!(hashes.try_recv().unwrap(), Draft::new(2, 0).sign().hash());
}

#[test]
fn thousands_of_senders_share_a_block() {
    let pool = Pool::new(PoolLimits::default());
    for sender in 100..2_100 {
        let tx = Draft::new(sender, 0).sign();
        pool.submit(tx, &admission(0, Lane::Payment), Origin::Peer, 0).unwrap();
    }
    for nonce in 0..500 {
        pool.submit(Draft::new(1, nonce).sign(), &admission(0, Lane::Payment), Origin::Peer, 0).unwrap();
    }
    let mut candidates = pool.candidates(&Rules::default(), &none());
    let first: Vec<VerifiedTx> = std::iter::from_fn(|| candidates.next()).take(2_001).collect();
    let busy = first.iter().filter(|tx| tx.sender() == address(1)).count();
    assert_eq!(busy, 1, "the busy sender has one turn in the first round");
    let rest: Vec<u64> = std::iter::from_fn(|| candidates.next()).map(|tx| tx.tx().nonce()).collect();
    assert_eq!(rest, (1..500).collect::<Vec<_>>());
}

#[test]
fn the_cache_is_bounded_and_forgets_the_oldest() {
    let cache = SenderCache::new(2_000);
    let txs: Vec<VerifiedTx> = (0..4).map(|nonce| Draft::new(1, nonce).sign()).collect();
    txs.iter().for_each(|tx| cache.insert(tx.clone()));
    assert!(cache.bytes() <= 2_000);
    assert_eq!(cache.get(&txs[0].hash()), None);
    assert_eq!(cache.get(&txs[3].hash()).as_ref(), Some(&txs[3]));
    let held = cache.bytes();
    cache.insert(txs[3].clone());
    assert_eq!(cache.bytes(), held, "twice the same counts once");
    let huge = Draft { input_bytes: 4_000, ..Draft::new(1, 9) }.sign();
    cache.insert(huge.clone());
    assert_eq!((cache.get(&huge.hash()), cache.bytes()), (None, 0));
}

#[test]
fn what_comes_unasked_pushes_nothing_out_of_the_cache() {
    let cache = SenderCache::new(1 << 20);
    let known = Draft::new(1, 0);
    cache.verify(known.envelope(), CHAIN_ID).unwrap();
    let held = cache.bytes();
    let threads = NonZeroUsize::new(2).unwrap();
    let txs: Vec<TxEnvelope> = (0..100).map(|nonce| Draft::new(1, nonce).envelope()).collect();
    let verified = cache.verify_unasked(&txs, CHAIN_ID, threads).unwrap();
    assert!(verified.iter().zip(&txs).all(|(verified, tx)| verified.hash() == *tx.tx_hash()));
    assert_eq!(cache.bytes(), held);
    assert!(cache.get(&known.sign().hash()).is_some() && cache.get(&verified[99].hash()).is_none());
}

#[test]
fn a_blocks_unseen_transactions_are_verified_and_the_bad_one_is_named() {
    let cache = SenderCache::new(1 << 20);
    let mut txs: Vec<TxEnvelope> = (0..150).map(|nonce| Draft::new(nonce % 7, nonce).envelope()).collect();
    cache.verify(txs[3].clone(), CHAIN_ID).unwrap();
    let threads = NonZeroUsize::new(4).unwrap();
    let verified = cache.verify_block(&txs, CHAIN_ID, threads).unwrap();
    let senders: Vec<_> = verified.iter().map(VerifiedTx::sender).collect();
    assert_eq!(senders, (0..150).map(|nonce| address(nonce % 7)).collect::<Vec<_>>());
    assert!(txs.iter().all(|tx| cache.get(tx.tx_hash()).is_some()));
    for position in [140, 70] {
        let wrong_chain = alloy_consensus::TxEip1559 { chain_id: CHAIN_ID + 1, ..Default::default() };
        let signature = *txs[position].signature();
        txs[position] = alloy_consensus::SignableTransaction::into_signed(wrong_chain, signature).into();
    }
    let (position, error) = SenderCache::new(1 << 20).verify_block(&txs, CHAIN_ID, threads).unwrap_err();
    assert_eq!(position, 70, "the first of them");
    assert!(matches!(error, TxError::WrongChain { .. }));
    assert!(cache.verify_block(&[], CHAIN_ID, threads).unwrap().is_empty());
}
