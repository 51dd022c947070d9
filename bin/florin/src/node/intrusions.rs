//! What looks like an intrusion: one stream in the log, with the target `intrusion`, and one counter by code.
//!
//! Every part says what it sees as an event of that target with a permanent `code` of [`CODES`]; this layer counts them. The
//! engine's libraries know no such target: what they say of peers is translated here, by their own words, and a test holds
//! those words against the running engine. A peer that was blocked is away for ten minutes; of what comes to the nodes' port
//! each kind is logged once a minute and address, and counted every time: whoever floods the port does not flood the log.

use alloy_primitives::B256;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// Target of all intrusion events.
pub(crate) const INTRUSION: &str = "intrusion";
/// How long the network blocks a peer, in seconds. Source: specs/consensus.md, Failures.
const PEER_BLOCK_SECONDS: u64 = 600;
/// Translated events that wait to be logged; more are counted only.
const WAITING_MAX: usize = 256;
/// Characters of a reason that are logged.
const REASON_CHARS_MAX: usize = 200;
/// What an address at the nodes' port did is logged again after this time, and so many addresses are remembered.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
const ADDRESSES_MAX: usize = 1_024;

/// Every code, with its meaning. Codes are permanent.
pub(crate) const CODES: &[(&str, &str)] = &[
    ("client_over_limit", "a client of a public port asked for more than one client may have"),
    ("client_banned", "a client of a public port used up its patience and is not served until `until_ms`"),
    ("wrong_signature", "a client sent a transaction that nobody signed"),
    ("malformed_http", "a client sent what is no HTTP"),
    ("tls_handshake", "a client sent what is no TLS handshake"),
    ("peer_handshake", "someone connected to the nodes' port who is no node of this ledger, or spoke no handshake"),
    ("peer_handshake_flood", "handshakes at the nodes' port were dropped: too many from one address, or at once"),
    ("peer_address", "someone connected to the nodes' port from an address that may not"),
    ("peer_blocked", "a node sent what no honest node sends, and is blocked until `until_ms`"),
    ("peer_malformed", "a node sent a message that cannot be read"),
    ("peer_flood", "a node sent more transactions than a peer may, and they were dropped"),
    ("equivocation", "a validator signed two votes that contradict one another; the file is the evidence"),
    ("gateway_stranger", "somebody came to the gateway with a key or token that is nobody's"),
    (
        "gateway_shut_out",
        "an address failed too often to say who it is, and the gateway does not listen to it for a minute",
    ),
    ("admin_act", "someone used a power over the ledger: a role, freeze, pause, seizure, policy, node or cap changed"),
];

/// Counts of intrusion events. Shared by the layer that counts and the page that shows.
#[derive(Debug, Default)]
pub(crate) struct Intrusions {
    counts: [AtomicU64; CODES.len()],
    /// Validators call one another at the same time, and one of two connections is turned away: that is no intrusion.
    validators: RwLock<BTreeSet<B256>>,
}

impl Intrusions {
    /// Says who may connect twice at once.
    pub(crate) fn expect(&self, validators: impl Iterator<Item = B256>) {
        *self.validators.write().unwrap_or_else(PoisonError::into_inner) = validators.collect();
    }

    fn is_expected(&self, key: &B256) -> bool {
        self.validators.read().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    fn count(&self, code: &str) {
        let known = CODES.iter().position(|(known, _)| *known == code);
        if let Some(count) = known.and_then(|index| self.counts.get(index)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// In Prometheus' text format, every code from the start, so that an alert sees the first event too.
    pub(crate) fn metrics(&self) -> String {
        let mut out =
            String::from("# HELP florin_intrusions Intrusion events by code.\n# TYPE florin_intrusions counter\n");
        for ((code, _), count) in CODES.iter().zip(&self.counts) {
            let _ = writeln!(out, "florin_intrusions_total{{code=\"{code}\"}} {}", count.load(Ordering::Relaxed));
        }
        out
    }
}

/// A layer that counts, and a task that says what it translated. Must run inside of a runtime.
pub(crate) fn layer<S>(intrusions: Arc<Intrusions>) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let (translated, mut waiting) = mpsc::channel::<Translated>(WAITING_MAX);
    // A layer must not log while it is told of an event, so somebody else does.
    let counts = intrusions.clone();
    tokio::spawn(async move {
        let mut said = LastSaid::default();
        while let Some(event) = waiting.recv().await {
            // What is logged is counted by that.
            match said.may_log(&event, Instant::now()) {
                true => event.log(),
                false => counts.count(event.code),
            }
        }
    });
    let wanted = tracing_subscriber::filter::filter_fn(is_wanted);
    Watch { intrusions, translated }.with_filter(wanted)
}

/// What a library said, in our words.
#[derive(Debug)]
struct Translated {
    code: &'static str,
    peer: String,
    reason: String,
}

impl Translated {
    fn log(self) {
        let Self { code, peer, reason } = self;
        if code == "peer_blocked" {
            let until_ms = super::monitoring::now_ms().saturating_add(PEER_BLOCK_SECONDS.saturating_mul(1_000));
            tracing::warn!(target: INTRUSION, code, peer, reason, until_ms, "a peer is blocked for a while");
        } else {
            tracing::warn!(target: INTRUSION, code, peer, reason, "something at the nodes' port is not as it should be");
        }
    }
}

/// When something was last said of an address at the nodes' port.
#[derive(Default)]
struct LastSaid(BTreeMap<(&'static str, String), Instant>);

impl LastSaid {
    fn may_log(&mut self, event: &Translated, now: Instant) -> bool {
        if !AT_THE_DOOR.contains(&event.code) {
            return true;
        }
        // Each connection has a port of its own.
        let address = event.peer.rsplit_once(':').map_or(event.peer.as_str(), |(address, _)| address);
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < LOG_INTERVAL;
        let mut who = (event.code, address.to_owned());
        if self.0.get(&who).is_some_and(is_recent) {
            return false;
        }
        self.0.retain(|_, at| is_recent(at));
        // Those who come from very many addresses are one.
        if self.0.len() >= ADDRESSES_MAX {
            who.1.clear();
        }
        let is_new = !self.0.contains_key(&who);
        if is_new {
            self.0.insert(who, now);
        }
        is_new
    }
}

struct Watch {
    intrusions: Arc<Intrusions>,
    translated: mpsc::Sender<Translated>,
}

/// Codes of what comes to the nodes' port.
const AT_THE_DOOR: [&str; 3] = ["peer_handshake", "peer_handshake_flood", "peer_address"];
/// Where the network's door speaks.
const DOOR: &str = "commonware_p2p::authenticated::lookup::actors::listener";
/// Whose warnings that name a peer say why it is blocked.
const BLOCKERS: [&str; 3] = ["commonware_consensus::", "commonware_resolver::", "florin_consensus::gossip"];
/// Their warnings that name a peer and block nobody.
const NO_BLOCKS: [&str; 2] = ["serve send failed", "dropped a batch of transactions"];
const BROADCAST: &str = "commonware_broadcast::";

fn is_wanted(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let named = |name: &str| metadata.fields().field(name).is_some();
    match *metadata.level() {
        _ if target == INTRUSION => true,
        Level::DEBUG => target == DOOR && named("address"),
        Level::WARN => {
            named("peer") && (target.starts_with(BROADCAST) || BLOCKERS.iter().any(|from| target.starts_with(from)))
        }
        _ => false,
    }
}

impl<S: Subscriber> Layer<S> for Watch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let target = event.metadata().target();
        if target == INTRUSION {
            self.intrusions.count(&said.code);
        } else if let Some(translated) = translate(target, said, |key| self.intrusions.is_expected(key))
            && let Err(mpsc::error::TrySendError::Full(lost)) = self.translated.try_send(translated)
        {
            self.intrusions.count(lost.code);
        }
    }
}

fn translate(target: &str, said: Said, is_expected: impl Fn(&B256) -> bool) -> Option<Translated> {
    let Said { message, peer, address, mut reason, .. } = said;
    if target != DOOR {
        if NO_BLOCKS.contains(&message.as_str()) {
            return None;
        }
        let code = if target.starts_with(BROADCAST) { "peer_malformed" } else { "peer_blocked" };
        if reason.is_empty() {
            reason = message;
        }
        return Some(Translated { code, peer, reason });
    }
    match rejected_key(&reason) {
        Some(key) if is_expected(&key) => return None,
        Some(key) => reason = format!("the key {key} may not connect"),
        None => {}
    }
    let code = match message.as_str() {
        "failed to upgrade connection" => "peer_handshake",
        "rejecting private address" | "rejecting unregistered address" => "peer_address",
        "ip exceeded handshake rate limit"
        | "subnet exceeded handshake rate limit"
        | "maximum concurrent handshakes reached" => "peer_handshake_flood",
        _ => return None,
    };
    let reason = if reason.is_empty() { message } else { format!("{message}: {reason}") };
    Some(Translated { code, peer: address, reason })
}

/// The key of a node that was turned away, as the network prints it: `PeerRejected([1, 2, …])`.
fn rejected_key(reason: &str) -> Option<B256> {
    let (_, rest) = reason.split_once("PeerRejected([")?;
    let (bytes, _) = rest.split_once(']')?;
    let bytes: Option<Vec<u8>> = bytes.split(", ").map(|byte| byte.parse().ok()).collect();
    B256::try_from(bytes?.as_slice()).ok()
}

/// The fields of an event that matter here.
#[derive(Debug, Default)]
struct Said {
    message: String,
    code: String,
    peer: String,
    address: String,
    reason: String,
}

impl Said {
    fn note(&mut self, field: &Field, text: String) {
        let text: String = text.chars().take(REASON_CHARS_MAX).collect();
        match field.name() {
            "message" => self.message = text,
            "code" => self.code = text,
            "peer" => self.peer = text,
            "address" => self.address = text,
            "reason" | "err" | "error" => self.reason = text,
            _ => {}
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.note(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.note(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[tokio::test]
    async fn events_are_counted_by_code_and_what_libraries_say_is_translated() {
        let intrusions = Arc::new(Intrusions::default());
        let subscriber = tracing_subscriber::registry().with(layer(intrusions.clone()));
        let _guard = tracing::subscriber::set_default(subscriber);
        tracing::warn!(target: "intrusion", code = "client_banned", client = "192.0.2.1", "x");
        tracing::warn!(target: "intrusion", code = "no such code", "x");
        tracing::warn!(target: "florin_rpc", code = "client_banned", "another target");
        let peer = "0a";
        tracing::debug!(target: "commonware_p2p::authenticated::lookup::actors::listener", err = "bad", address = "192.0.2.1:9", "failed to upgrade connection");
        tracing::debug!(target: "commonware_p2p::authenticated::lookup::actors::listener", address = "192.0.2.1:9", "accepted incoming connection");
        tracing::warn!(target: "commonware_consensus::simplex::actors::batcher::round", ?peer, "conflicting notarize");
        tracing::warn!(target: "commonware_resolver::p2p::engine", ?peer, "serve send failed");
        tracing::warn!(target: "florin_consensus::gossip", %peer, reason = "x", "dropped a batch of transactions");
        let counted = |code: &str, count: u64| intrusions.metrics().contains(&format!("{{code=\"{code}\"}} {count}\n"));
        for _ in 0..1_000 {
            if counted("peer_handshake", 1) && counted("peer_blocked", 1) {
                break;
            }
            tokio::task::yield_now().await;
        }
        let metrics = intrusions.metrics();
        for (code, _) in CODES {
            let expected = u64::from(["client_banned", "peer_handshake", "peer_blocked"].contains(code));
            assert!(counted(code, expected), "{code}: {metrics}");
        }
    }

    #[test]
    fn a_validator_that_calls_at_the_same_time_is_no_stranger() {
        let key = B256::repeat_byte(200);
        let said = || Said {
            message: "failed to upgrade connection".into(),
            reason: format!("Upgrade(PeerRejected({:?}))", key.as_slice()),
            ..Said::default()
        };
        let stranger = translate(DOOR, said(), |_| false).unwrap();
        assert!(stranger.code == "peer_handshake" && stranger.reason.contains(&key.to_string()), "{stranger:?}");
        let intrusions = Intrusions::default();
        intrusions.expect([key].into_iter());
        assert!(translate(DOOR, said(), |key| intrusions.is_expected(key)).is_none());
        assert!(!intrusions.is_expected(&B256::ZERO));
        for other in ["", "PeerRejected([", "PeerRejected([1, 2])", "PeerRejected([300])", "Timeout"] {
            assert_eq!(rejected_key(other), None, "{other}");
        }
    }

    #[test]
    fn who_floods_the_nodes_port_does_not_flood_the_log() {
        let event = |code, peer: &str| Translated { code, peer: peer.into(), reason: String::new() };
        let (mut said, begin) = (LastSaid::default(), Instant::now());
        let mut at = |seconds, event| said.may_log(&event, begin + Duration::from_secs(seconds));
        assert!(at(0, event("peer_handshake_flood", "192.0.2.1:1")));
        assert!(!at(59, event("peer_handshake_flood", "192.0.2.1:2")), "the same address");
        assert!(at(59, event("peer_handshake", "192.0.2.1:3")), "something else");
        assert!(at(59, event("peer_handshake_flood", "[2001:db8::1]:2")), "another address");
        assert!(at(60, event("peer_handshake_flood", "192.0.2.1:4")), "a minute later");
        assert!((0..3).all(|_| at(60, event("peer_blocked", "0a"))), "of nodes everything is said");
        let said = (0..5_000).filter(|last| at(200, event("peer_handshake_flood", &format!("10.0.{last}:1")))).count();
        assert_eq!(said, ADDRESSES_MAX + 1, "those that are remembered, and the others once");
    }

    #[test]
    fn what_is_said_is_translated() {
        let said = Said { message: "failed to upgrade connection".into(), address: "a".into(), ..Said::default() };
        let translated = translate(DOOR, said, |_| false).unwrap();
        assert_eq!((translated.code, translated.peer.as_str()), ("peer_handshake", "a"));
        let blocked = Said { message: "invalid signature".into(), peer: "0b".into(), ..Said::default() };
        let translated = translate("commonware_consensus::simplex", blocked, |_| false).unwrap();
        assert_eq!((translated.code, translated.reason.as_str()), ("peer_blocked", "invalid signature"));
    }
}
