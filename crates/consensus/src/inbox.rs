//! Batches of transactions from other nodes that wait to be judged: bounded, in turn, and at the sender's expense.
//!
//! Any node that may connect can send batches, and judging one costs far more than making it. So no peer makes another
//! one wait for more than a batch, none holds more than a few batches of memory, and each has an allowance of
//! transactions whose signature is checked for nothing: the ledger or the pool refuses them. Honest nodes send such too,
//! because what they admitted may be forbidden meanwhile or find the pool full, but not thousands a second. What has just
//! become final is remembered and costs nothing.
//!
//! **Limits.** [`BATCHES_PER_PEER_MAX`], [`USELESS_BURST_MAX`], [`USELESS_PER_SECOND_MAX`].

use commonware_cryptography::ed25519::PublicKey;
use commonware_runtime::IoBuf;
use std::collections::{BTreeMap, VecDeque};

/// Batches of one peer that wait; what comes above is dropped.
pub(crate) const BATCHES_PER_PEER_MAX: usize = 4;
/// Useless transactions of one peer that are judged at once at most.
pub(crate) const USELESS_BURST_MAX: u64 = 2_048;
/// Useless transactions of one peer that are judged in a second in the long run. Each costs some 50 us.
pub(crate) const USELESS_PER_SECOND_MAX: u64 = 512;

/// What waits, by peer.
#[derive(Default)]
pub(crate) struct Inbox {
    waiting: BTreeMap<PublicKey, VecDeque<IoBuf>>,
    /// Peers with something waiting, the next one first.
    turns: VecDeque<PublicKey>,
}

impl Inbox {
    /// Keeps a batch until its peer's turn; `false` if too many of that peer wait already.
    pub(crate) fn put(&mut self, peer: PublicKey, batch: IoBuf) -> bool {
        let waiting = self.waiting.entry(peer.clone()).or_default();
        if waiting.len() >= BATCHES_PER_PEER_MAX {
            return false;
        }
        if waiting.is_empty() {
            self.turns.push_back(peer);
        }
        waiting.push_back(batch);
        true
    }

    /// The oldest batch of the peer whose turn it is.
    pub(crate) fn take(&mut self) -> Option<(PublicKey, IoBuf)> {
        let peer = self.turns.pop_front()?;
        let waiting = self.waiting.get_mut(&peer)?;
        let batch = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&peer);
        } else {
            self.turns.push_back(peer.clone());
        }
        Some((peer, batch))
    }

    /// Drops all that waits of a peer.
    pub(crate) fn drop_all_of(&mut self, peer: &PublicKey) {
        self.waiting.remove(peer);
        self.turns.retain(|other| other != peer);
    }
}

/// What peers have used of their allowances. A peer that is not here has all of it.
#[derive(Default)]
pub(crate) struct Allowances(BTreeMap<PublicKey, Used>);

struct Used {
    transactions: u64,
    at_ms: u64,
}

impl Used {
    fn now(&self, now_ms: u64) -> u64 {
        let regained = now_ms.saturating_sub(self.at_ms).saturating_mul(USELESS_PER_SECOND_MAX) / 1_000;
        self.transactions.saturating_sub(regained)
    }
}

impl Allowances {
    /// Useless transactions that may still be judged for a peer.
    pub(crate) fn left(&self, peer: &PublicKey, now_ms: u64) -> u64 {
        let used = self.0.get(peer).map_or(0, |used| used.now(now_ms));
        USELESS_BURST_MAX.saturating_sub(used)
    }

    /// Counts useless transactions of a peer.
    pub(crate) fn spend(&mut self, peer: PublicKey, useless: u64, now_ms: u64) {
        if useless == 0 {
            return;
        }
        // Who has regained everything need not be remembered, so that peers of the past are forgotten.
        self.0.retain(|_, used| used.now(now_ms) > 0);
        let used = self.0.get(&peer).map_or(0, |used| used.now(now_ms));
        self.0.insert(peer, Used { transactions: used.saturating_add(useless), at_ms: now_ms });
    }
}

/// Peers whose batches were dropped, told once a while: a flood must not become one in the log.
#[derive(Default)]
pub(crate) struct Floods(BTreeMap<PublicKey, u64>);

/// How long nothing more is told of a peer.
const TOLD_INTERVAL_MS: u64 = 60_000;

impl Floods {
    /// Tells that a batch was dropped, if that was not told lately; says whether it was told now.
    pub(crate) fn tell(&mut self, peer: &PublicKey, reason: &'static str, now_ms: u64) -> bool {
        self.0.retain(|_, told_ms| now_ms.saturating_sub(*told_ms) < TOLD_INTERVAL_MS);
        let fresh = !self.0.contains_key(peer);
        if fresh {
            self.0.insert(peer.clone(), now_ms);
            tracing::warn!(target: "intrusion", code = "peer_flood", %peer, reason, "dropped what a peer sent above its bounds");
        }
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NodeSecret, network::peer_key};

    fn peer(seed: u64) -> PublicKey {
        peer_key(&NodeSecret::from_seed(seed).public_key()).unwrap()
    }

    fn batch(number: u8) -> IoBuf {
        IoBuf::from(vec![number])
    }

    fn take(inbox: &mut Inbox) -> Option<(PublicKey, u8)> {
        inbox.take().map(|(peer, batch)| (peer, batch.as_ref()[0]))
    }

    #[test]
    fn a_peer_that_sends_much_waits_behind_one_that_sends_little() {
        let mut inbox = Inbox::default();
        let (busy, quiet) = (peer(1), peer(2));
        let kept = (0..100).filter(|number| inbox.put(busy.clone(), batch(*number))).count();
        assert_eq!(kept, BATCHES_PER_PEER_MAX);
        assert!(inbox.put(quiet.clone(), batch(200)));
        assert_eq!(take(&mut inbox), Some((busy.clone(), 0)));
        assert_eq!(take(&mut inbox), Some((quiet.clone(), 200)));
        assert!(inbox.put(busy.clone(), batch(101)), "there is room again");
        let rest: Vec<u8> = std::iter::from_fn(|| take(&mut inbox)).map(|(_, number)| number).collect();
        assert_eq!(rest, [1, 2, 3, 101], "each peer's batches stay in order");
    }

    #[test]
    fn what_a_blocked_peer_left_is_dropped() {
        let mut inbox = Inbox::default();
        (0..4).for_each(|number| assert!(inbox.put(peer(1 + u64::from(number) % 2), batch(number))));
        inbox.drop_all_of(&peer(1));
        assert_eq!(take(&mut inbox), Some((peer(2), 1)));
        assert!(inbox.put(peer(1), batch(9)));
        assert_eq!(take(&mut inbox), Some((peer(2), 3)));
        assert_eq!((take(&mut inbox), take(&mut inbox)), (Some((peer(1), 9)), None));
    }

    #[test]
    fn a_flood_is_told_once_a_minute() {
        let mut floods = Floods::default();
        assert!(floods.tell(&peer(1), "x", 1_000));
        assert!(!floods.tell(&peer(1), "x", 60_999));
        assert!(floods.tell(&peer(2), "x", 60_999), "peers are apart");
        assert!(floods.tell(&peer(1), "x", 61_000));
        assert!(floods.tell(&peer(3), "x", 500_000));
        assert_eq!(floods.0.len(), 1, "who was told of long ago is forgotten");
    }

    #[test]
    fn an_allowance_is_used_up_and_comes_back_with_time() {
        let mut allowances = Allowances::default();
        assert_eq!(allowances.left(&peer(1), 0), USELESS_BURST_MAX);
        allowances.spend(peer(1), USELESS_BURST_MAX + 512, 1_000);
        assert_eq!(allowances.left(&peer(1), 1_000), 0);
        assert_eq!(allowances.left(&peer(2), 1_000), USELESS_BURST_MAX, "peers are apart");
        assert_eq!(allowances.left(&peer(1), 2_000), 0, "what was above is paid back too");
        assert_eq!(allowances.left(&peer(1), 2_500), 256);
        assert_eq!(allowances.left(&peer(1), 0), 0, "a clock that steps back gives nothing");
        allowances.spend(peer(2), 1, 60_000);
        assert_eq!(allowances.0.len(), 1, "who has regained everything is forgotten");
    }
}
