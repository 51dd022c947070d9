//! What a node sees of each validator: when a vote last came from it, and how its clock compares with this one.
//!
//! **Purpose.** An operator asks who is missing. An open connection does not answer that: a process that was stopped or a
//! machine that hangs keeps its connections for a while. Votes do, because validators send them all the time; while no
//! quorum is there, again and again.
//!
//! **Clocks.** A block carries its leader's clock. Where it arrives, this clock minus that time is the way of the block
//! (building, sending: tens of milliseconds) plus the difference between both clocks. One leader who stands out has a wrong
//! clock; when all stand out, this machine has.
//!
//! **Limits.** One entry a node, and only listed nodes can connect. Nothing here decides anything.

use crate::{metrics::Metrics, node::Node};
use alloy_primitives::B256;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Message, Receiver};
use commonware_runtime::{
    Clock, Metrics as Registry,
    telemetry::metrics::{Gauge, GaugeExt as _, GaugeFamily, MetricsExt as _},
};
use parking_lot::Mutex;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A validator whose last vote is older was not heard, in milliseconds; a slow heartbeat of the rules prolongs it.
pub const SILENT_MS_MAX: u64 = 10_000;

/// What was seen of nodes, by key. Shared between those who see and those who ask.
#[derive(Default)]
pub(crate) struct Sightings {
    heard_ms: Mutex<BTreeMap<B256, u64>>,
    clock_ahead_ms: Mutex<BTreeMap<B256, i64>>,
}

impl Sightings {
    /// A vote came from a node, or its wish to vote.
    pub(crate) fn hear(&self, node: B256, now_ms: u64) {
        self.heard_ms.lock().insert(node, now_ms);
    }

    /// A leader's block with this time arrived now. Only for times that a leader took from its clock.
    pub(crate) fn compare_clocks(&self, leader: B256, timestamp_ms: u64, now_ms: u64) {
        let signed = |time_ms: u64| i64::try_from(time_ms).unwrap_or(i64::MAX);
        self.clock_ahead_ms.lock().insert(leader, signed(now_ms).saturating_sub(signed(timestamp_ms)));
    }

    /// When a vote last came from a node, by this clock.
    pub(crate) fn heard_ms(&self, node: &B256) -> Option<u64> {
        self.heard_ms.lock().get(node).copied()
    }

    /// By how much this clock was ahead of the time in a node's latest block when it arrived; negative: behind.
    pub(crate) fn clock_ahead_ms(&self, node: &B256) -> Option<i64> {
        self.clock_ahead_ms.lock().get(node).copied()
    }
}

/// A channel's receiver that notes who sent, and when; or does not, so that all channels of agreement have one type.
pub(crate) struct Heard<R, C> {
    inner: R,
    sightings: Option<Arc<Sightings>>,
    clock: C,
}

impl<R, C> Heard<R, C> {
    pub(crate) fn new(inner: R, sightings: Option<Arc<Sightings>>, clock: C) -> Self {
        Self { inner, sightings, clock }
    }
}

impl<R: fmt::Debug, C> fmt::Debug for Heard<R, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(formatter)
    }
}

impl<R: Receiver<PublicKey = PublicKey>, C: Clock> Receiver for Heard<R, C> {
    type Error = R::Error;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, Self::Error> {
        let message = self.inner.recv().await?;
        if let Some(sightings) = &self.sightings {
            sightings.hear(B256::from_slice(message.0.as_ref()), crate::clock::now_ms(&self.clock));
        }
        Ok(message)
    }

    fn capacity(&self) -> NonZeroUsize {
        self.inner.capacity()
    }
}

/// A validator as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sight {
    /// Name from the genesis file.
    pub name: String,
    /// Node key.
    pub node_key: B256,
    /// Whether a connection to it is open, or it is this node.
    pub connected: bool,
    /// Milliseconds since its last vote came, or since this node started if none did. 0 for this node.
    pub silent_ms: u64,
    /// Whether it is connected and its last vote is recent: it counts towards the quorum.
    pub heard: bool,
    /// By how many milliseconds this clock was ahead of its latest block's time when that came, the block's way included.
    /// 0 for this node, nothing before a block came.
    pub clock_ahead_ms: Option<i64>,
}

/// What a node sees, for its monitors. Brought up to date when somebody asks.
pub(crate) struct SightGauges {
    known_height: Gauge,
    height_age: Gauge,
    heartbeat: Gauge,
    known_peers: Gauge,
    validators: Gauge,
    quorum: Gauge,
    heard: Gauge,
    validator_heard: GaugeFamily<[(&'static str, String); 1]>,
    validator_silent: GaugeFamily<[(&'static str, String); 1]>,
    clock_ahead: GaugeFamily<[(&'static str, String); 1]>,
    epoch_blocks: Gauge,
    member_connected: GaugeFamily<[(&'static str, String); 1]>,
    pool_transactions_max: Gauge,
    pool_bytes_max: Gauge,
    /// When a block last became final here. Not the block's own time: that is the leader's clock, and after a long pause of
    /// the network it comes up to the present in steps.
    grew_ms: AtomicU64,
    /// One writer at a time: the labels of validators that have left are dropped first.
    writing: Mutex<()>,
}

impl SightGauges {
    pub(crate) fn register(context: &impl Registry) -> Self {
        Self {
            known_height: context.gauge("known_height_blocks", "Newest height that is known to be final"),
            height_age: context.gauge("height_age_ms", "Milliseconds since the height last grew here, or since the start"),
            heartbeat: context
                .gauge("heartbeat_ms", "Longest pause between blocks while all is well, by the rules, in milliseconds"),
            known_peers: context.gauge("known_peers", "Nodes that may connect, this one not counted"),
            validators: context.gauge("committee_validators", "Validators of the committee"),
            quorum: context.gauge("quorum_validators", "Validators that must sign for a block to be final"),
            heard: context
                .gauge("heard_validators", "Validators that are connected and voted lately, this node included"),
            validator_heard: context
                .family("validator_heard", "1 if a validator is connected and voted lately, else 0, by name"),
            validator_silent: context
                .family("validator_silent_ms", "Milliseconds since a validator's last vote came, by name"),
            clock_ahead: context.family(
                "clock_ahead_ms",
                "By how much this clock was ahead of a validator's latest block when it came, its way included, by name",
            ),
            epoch_blocks: context.gauge("epoch_blocks", "Blocks of an epoch; 0 where the committee never changes"),
            member_connected: context.family(
                "member_connected",
                "1 if a member of this epoch's committees (that signs, is dealt to, or comes next) is connected, else 0, by name",
            ),
            pool_transactions_max: context
                .gauge("pool_room_transactions", "Most transactions that the pool holds, pending and queued"),
            pool_bytes_max: context.gauge("pool_room_bytes", "Most encoded bytes that the pool holds"),
            grew_ms: AtomicU64::new(0),
            writing: Mutex::new(()),
        }
    }

    /// A block became final here now.
    pub(crate) fn grew(&self, now_ms: u64) {
        self.grew_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Takes over what the node sees now, and gives what `encode` makes of it.
    pub(crate) fn show(&self, node: &Node, encode: impl FnOnce() -> String) -> String {
        let _writing = self.writing.lock();
        let (status, sights, limits) = (node.status(), node.sights(), node.pool().limits());
        let age_ms = node.now_ms().saturating_sub(self.grew_ms.load(Ordering::Relaxed).max(node.started_ms()));
        let _ = self.known_height.try_set(status.known_height);
        let _ = self.height_age.try_set(age_ms);
        let _ = self.heartbeat.try_set(node.heartbeat_ms());
        let _ = self.known_peers.try_set(status.peers_known);
        let _ = self.validators.try_set(sights.len());
        let _ = self.quorum.try_set(node.quorum());
        let _ = self.heard.try_set(sights.iter().filter(|sight| sight.heard).count());
        let _ = self.pool_transactions_max.try_set(limits.transactions_max);
        let _ = self.pool_bytes_max.try_set(limits.bytes_max);
        let _ = self.epoch_blocks.try_set(node.epoch_blocks());
        self.validator_heard.clear();
        self.validator_silent.clear();
        self.clock_ahead.clear();
        self.member_connected.clear();
        for (member, connected) in node.members() {
            self.member_connected.get_or_create(&[("validator", member.name)]).set(i64::from(connected));
        }
        for sight in sights {
            let label = [("validator", sight.name)];
            self.validator_heard.get_or_create(&label).set(i64::from(sight.heard));
            let _ = self.validator_silent.get_or_create(&label).try_set(sight.silent_ms);
            if let Some(ahead_ms) = sight.clock_ahead_ms {
                self.clock_ahead.get_or_create(&label).set(ahead_ms);
            }
        }
        encode()
    }
}

impl Metrics {
    /// Everything measured, as `encode` writes it.
    pub(crate) fn encode(&self, node: &Node, encode: impl FnOnce() -> String) -> String {
        self.sight.show(node, encode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_differ_in_both_directions_and_extremes_do_not_wrap() {
        let sightings = Sightings::default();
        let node = B256::repeat_byte(1);
        assert_eq!(sightings.clock_ahead_ms(&node), None);
        for (block_ms, now_ms, ahead_ms) in
            [(1_000, 1_040, 40), (9_000, 4_000, -5_000), (0, u64::MAX, i64::MAX), (u64::MAX, 0, -i64::MAX)]
        {
            sightings.compare_clocks(node, block_ms, now_ms);
            assert_eq!(sightings.clock_ahead_ms(&node), Some(ahead_ms));
        }
    }

    #[test]
    fn the_latest_vote_counts() {
        let sightings = Sightings::default();
        let (one, two) = (B256::repeat_byte(1), B256::repeat_byte(2));
        sightings.hear(one, 5);
        sightings.hear(one, 9);
        assert_eq!((sightings.heard_ms(&one), sightings.heard_ms(&two)), (Some(9), None));
    }
}
