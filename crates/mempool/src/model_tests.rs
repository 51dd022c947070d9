//! The pool against a plain model: a map, and every question answered by counting.

use crate::{
    Origin, Pool, PoolLimits,
    price::{Bid, is_cancellation},
    test_tools::{self, Draft, admission},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256};
use florin_execution::{Candidates as _, Lane};
use florin_types::{Rules, VerifiedTx};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, HashSet},
    sync::LazyLock,
};

const SENDERS: u64 = 4;
const NONCES: u64 = 9;
const KINDS: u64 = 4;

const LIMITS: PoolLimits = PoolLimits {
    transactions_max: 14,
    bytes_max: 3_600,
    sender_transactions_max: 6,
    sender_bytes_max: 1_500,
    lifetime_ms: 40,
    price_bump_percent: 10,
    gossip_again_ms: 10,
    deferral_ms: 10,
    sender_cache_bytes_max: 4_096,
    subscription_backlog_max: 4,
};

/// Every transaction that a run may use; signing takes longer than the run.
static UNIVERSE: LazyLock<Vec<VerifiedTx>> = LazyLock::new(|| {
    let mut universe = Vec::new();
    for sender in 0..SENDERS {
        for nonce in 0..NONCES {
            let plain = Draft::new(sender, nonce);
            universe.push(plain.sign());
            universe.push(Draft { price_wei: 1, input_bytes: 400, ..plain }.sign());
            universe.push(Draft { price_wei: 2, ..plain }.sign());
            universe.push(Draft { cancels: true, ..plain }.sign());
        }
    }
    universe
});

static ADDRESSES: LazyLock<Vec<Address>> = LazyLock::new(|| (0..SENDERS).map(test_tools::address).collect());

fn address(sender: u64) -> Address {
    ADDRESSES[sender as usize]
}

#[derive(Clone, Debug)]
enum Step {
    Submit { index: usize, origin: Origin },
    Finalize { sender: u64, nonce: u64 },
    Wait { ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let index = || 0..usize::try_from(SENDERS * NONCES * KINDS).unwrap();
    let origin = prop_oneof![Just(Origin::Local), Just(Origin::Peer), Just(Origin::Forwarded)];
    prop_oneof![
        12 => (index(), origin).prop_map(|(index, origin)| Step::Submit { index, origin }),
        2 => (0..SENDERS, 0..NONCES).prop_map(|(sender, nonce)| Step::Finalize { sender, nonce }),
        2 => (0u64..20).prop_map(|ms| Step::Wait { ms }),
    ]
}

#[derive(Default)]
struct Model {
    now_ms: u64,
    sequence: u64,
    accounts: BTreeMap<u64, u64>,
    /// By sender and nonce: transaction, time and order of arrival.
    held: BTreeMap<(u64, u64), (VerifiedTx, u64, u64)>,
}

impl Model {
    fn account(&self, sender: u64) -> u64 {
        self.accounts.get(&sender).copied().unwrap_or_default()
    }

    fn next(&self, sender: u64) -> u64 {
        (self.account(sender)..).find(|nonce| !self.held.contains_key(&(sender, *nonce))).unwrap()
    }

    fn is_pending(&self, (sender, nonce): (u64, u64)) -> bool {
        nonce < self.next(sender)
    }

    fn measure(&self, count: impl Fn((u64, u64)) -> bool) -> (usize, usize) {
        let counted = self.held.iter().filter(|(place, _)| count(**place));
        counted.fold((0, 0), |(txs, bytes), (_, (tx, ..))| (txs + 1, bytes + tx.encoded().len()))
    }

    fn submit(&mut self, sender: u64, tx: &VerifiedTx) -> &'static str {
        let (hash, nonce, size) = (tx.hash(), tx.tx().nonce(), tx.encoded().len());
        if self.held.values().any(|(held, ..)| held.hash() == hash) {
            return "already_known";
        }
        let (account, next) = (self.account(sender), self.next(sender));
        if nonce < account {
            return "nonce_too_low";
        }
        if nonce - account >= LIMITS.sender_transactions_max as u64 {
            return if nonce > next { "nonce_too_high" } else { "sender_full" };
        }
        let old = self.held.get(&(sender, nonce)).map(|(old, ..)| old.clone());
        if let Some(old) = &old {
            let cancels = is_cancellation(tx) && !is_cancellation(old);
            if !cancels && !Bid::of(tx).outbids(Bid::of(old), LIMITS.price_bump_percent) {
                return "replacement_underpriced";
            }
        }
        let old_size = old.as_ref().map_or(0, |old| old.encoded().len());
        let (own_txs, own_bytes) = self.measure(|place| place.0 == sender);
        if own_bytes - old_size + size > LIMITS.sender_bytes_max {
            return "sender_full";
        }
        let reaches = nonce <= next;
        let (txs, bytes) = self.measure(|place| !reaches || self.is_pending(place));
        let grows = old.is_none() || size > old_size;
        let too_many = old.is_none() && own_txs + 1 > LIMITS.transactions_max - txs;
        let too_heavy = own_bytes - old_size + size > LIMITS.bytes_max + old_size - bytes;
        if grows && (too_many || too_heavy) {
            return "pool_full";
        }
        self.sequence += 1;
        self.held.insert((sender, nonce), (tx.clone(), self.now_ms, self.sequence));
        self.evict();
        "accepted"
    }

    fn evict(&mut self) {
        loop {
            let (txs, bytes) = self.measure(|_| true);
            if txs <= LIMITS.transactions_max && bytes <= LIMITS.bytes_max {
                return;
            }
            let queued = self.held.iter().filter(|(place, _)| !self.is_pending(**place));
            let oldest = *queued.min_by_key(|(_, (_, _, sequence))| *sequence).expect("a gap to evict").0;
            self.held.remove(&oldest);
        }
    }
}

fn check(pool: &Pool, model: &Model) -> Result<(), TestCaseError> {
    let (pending, _) = model.measure(|place| model.is_pending(place));
    let (all, bytes) = model.measure(|_| true);
    prop_assert_eq!(pool.status(), (pending, all - pending));
    prop_assert_eq!(pool.metrics().bytes, bytes);
    prop_assert!(all <= LIMITS.transactions_max && bytes <= LIMITS.bytes_max);
    prop_assert_eq!(*pool.watch_pending().borrow(), pending);
    let content = pool.content();
    for ((sender, nonce), (tx, ..)) in &model.held {
        let side = if model.is_pending((*sender, *nonce)) { &content.pending } else { &content.queued };
        prop_assert_eq!(side.get(&address(*sender)).and_then(|txs| txs.get(nonce)), Some(tx));
        prop_assert!(pool.knows(&tx.hash()));
    }
    for sender in 0..SENDERS {
        prop_assert_eq!(pool.pending_nonce(address(sender), model.account(sender)), model.next(sender));
    }
    let mut candidates = pool.candidates(&Rules::default(), &HashSet::<B256>::new());
    let mut expected: BTreeMap<_, u64> = (0..SENDERS).map(|s| (address(s), model.account(s))).collect();
    let mut handed_out = 0;
    while let Some(tx) = candidates.next() {
        let next = expected.get_mut(&tx.sender()).unwrap();
        prop_assert_eq!(tx.tx().nonce(), *next, "nonces of a sender come in order");
        *next += 1;
        handed_out += 1;
    }
    prop_assert_eq!(handed_out, pending);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_pool_does_what_the_model_does(steps in prop::collection::vec(step(), 1..120)) {
        let pool = Pool::new(LIMITS);
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Submit { index, origin } => {
                    let tx = &UNIVERSE[index];
                    let sender = (0..SENDERS).find(|sender| address(*sender) == tx.sender()).unwrap();
                    let admission = admission(model.account(sender), Lane::Payment);
                    let outcome = pool.submit(tx.clone(), &admission, origin, model.now_ms);
                    let code = outcome.map(|_| "accepted").unwrap_or_else(|error| error.code());
                    prop_assert_eq!(code, model.submit(sender, tx));
                }
                Step::Finalize { sender, nonce } => {
                    let nonce = nonce.max(model.account(sender));
                    pool.finalized([(address(sender), nonce)]);
                    model.accounts.insert(sender, nonce);
                    model.held.retain(|place, _| place.0 != sender || place.1 >= nonce);
                }
                Step::Wait { ms } => {
                    model.now_ms += ms;
                    let now_ms = model.now_ms;
                    let before = model.held.len();
                    model.held.retain(|_, (_, arrived_ms, _)| now_ms - *arrived_ms < LIMITS.lifetime_ms);
                    prop_assert_eq!(pool.expire(now_ms), before - model.held.len());
                }
            }
            check(&pool, &model)?;
        }
    }
}
