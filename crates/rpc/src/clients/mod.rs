//! What each client may ask of the server: connections, requests, bytes, signatures; and who is sent away for a while.
//!
//! A client is an address: an IPv4 address, or the first 64 bits of an IPv6 address, since whoever has one of those has
//! them all. Addresses that the configuration trusts (a bank's own gateway, this machine) have no bounds of their own.
//! A proxy in front of the server is one client: what stands behind it is the proxy's to bound.
//!
//! **Bounds.** Open connections are counted. Everything else is an allowance: so much a second in the long run, ten
//! seconds' worth at once. It may be overdrawn by one request, which is then paid back, so that no request is too large
//! for it. A connection takes from one of them as it arrives, before anything is done for it; what comes over a
//! connection and asks for nothing counts as one request.
//!
//! **Bans.** A refusal costs patience, and so does what no honest client sends: a wrong signature, a request that is no
//! HTTP, a TLS handshake that is no TLS. A client that has used up its patience is banned, with the reason and the time at
//! which it ends. Clients that wait as long as they are told to never come near it.
//!
//! **State.** In memory, for at most [`CLIENTS_MAX`] clients. Whoever is at rest is forgotten first, then whoever is not
//! connected: someone with that many addresses can shed a ban, and gains ten seconds' worth of each by it.

mod allowance;
#[cfg(test)]
mod tests;

use crate::error::RpcError;
use allowance::Allowance;
use ipnet::IpNet;
use jsonrpsee::server::Extensions;
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

/// Log target of intrusion events.
pub(crate) const INTRUSION: &str = "intrusion";
/// Clients that are remembered.
const CLIENTS_MAX: usize = 16_384;
/// Patience regained in a second.
const PATIENCE_PER_SECOND: u64 = 20;
/// What a refusal costs, in patience.
const REFUSAL: u64 = 1;
/// What a thing that no honest client sends costs.
const OFFENCE: u64 = 10;
/// A client that must wait longer for its next request sends no further frames either.
const FRAMES_WAIT_MAX: Duration = Duration::from_secs(20);
/// A client's next event of one kind is logged after this time; what comes before is counted.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
/// Bits of an IPv6 address that name a client.
const IPV6_CLIENT_BITS: u32 = 64;

/// What one client may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Connections at the same time.
    pub connections_max: u32,
    /// Connections a second in the long run that are opened, however short they are.
    pub arrivals_per_second_max: u64,
    /// Requests a second in the long run, by weight: 20 for what takes processor time, 5 for searches, 1 for all else.
    pub requests_per_second_max: u64,
    /// Bytes a second in the long run, in both directions together.
    pub bytes_per_second_max: u64,
    /// Signatures a second in the long run that are checked for it.
    pub signatures_per_second_max: u64,
    /// How long a ban lasts. Zero: nobody is banned.
    pub ban_time: Duration,
    /// Addresses without bounds of their own.
    pub trusted: Vec<IpNet>,
}

impl Default for ClientLimits {
    fn default() -> Self {
        let loopback = [IpNet::from(IpAddr::from([127, 0, 0, 1])), IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST))];
        Self {
            connections_max: 256,
            arrivals_per_second_max: 200,
            requests_per_second_max: 2_000,
            bytes_per_second_max: 16 * 1024 * 1024,
            signatures_per_second_max: 1_000,
            ban_time: Duration::from_secs(10 * 60),
            trusted: loopback.to_vec(),
        }
    }
}

/// What a request counts for: what takes processor time counts for 20, what may read many blocks for 5, all else for 1.
pub(crate) fn weight(method: &str) -> u64 {
    match method {
        "eth_call"
        | "eth_estimateGas"
        | "eth_createAccessList"
        | "eth_simulateV1"
        | "eth_getProof"
        | "florin_stateProof"
        | "florin_stateOperations" => 20,
        traces if traces.starts_with("debug_trace") => 20,
        "eth_getLogs" | "eth_getFilterLogs" | "eth_getFilterChanges" | "eth_getBlockReceipts" | "eth_feeHistory" => 5,
        _ => 1,
    }
}

/// A client that is not served for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Address, or network of addresses.
    pub client: String,
    /// What used up the server's patience in the end.
    pub reason: &'static str,
    /// When it ends, in milliseconds since 1970.
    pub until_ms: u64,
}

/// What a client may have too much of. The names are permanent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Connections,
    Arrivals,
    Requests,
    Bytes,
    Signatures,
    Banned,
}

impl Limit {
    const ALL: [Self; 6] =
        [Self::Connections, Self::Arrivals, Self::Requests, Self::Bytes, Self::Signatures, Self::Banned];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Arrivals => "arrivals",
            Self::Requests => "requests",
            Self::Bytes => "bytes",
            Self::Signatures => "signatures",
            Self::Banned => "banned",
        }
    }
}

/// Why a client is not served now, and when to come again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) limit: Limit,
    pub(crate) message: String,
    pub(crate) retry_after: Duration,
}

impl From<Refusal> for RpcError {
    fn from(refusal: Refusal) -> Self {
        let retry_after_ms = u64::try_from(refusal.retry_after.as_millis()).unwrap_or(u64::MAX);
        Self::over_limit(refusal.limit.name(), refusal.message, retry_after_ms)
    }
}

/// All clients.
#[derive(Debug)]
pub(crate) struct Clients {
    limits: ClientLimits,
    /// Monotonic. Tests move their own.
    clock: fn() -> Instant,
    known: Mutex<HashMap<IpAddr, Arc<Client>>>,
    /// How often, by [`Limit::ALL`].
    refused: [AtomicU64; Limit::ALL.len()],
}

/// One client, on all of its connections.
#[derive(Debug)]
struct Client {
    address: IpAddr,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    connections: u32,
    arrivals: Allowance,
    requests: Allowance,
    bytes: Allowance,
    signatures: Allowance,
    patience: Allowance,
    ban: Option<(Instant, &'static str)>,
    logged: Vec<(&'static str, Instant)>,
}

/// One connection of a client. It is counted until the last clone is dropped.
/// By default one without bounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    address: Option<IpAddr>,
    visit: Option<Arc<Visit>>,
    /// The check of a signature has been taken already, for the batch that the request came in.
    signature_taken: bool,
}

#[derive(Debug)]
struct Visit {
    clients: Arc<Clients>,
    client: Arc<Client>,
    /// Something was asked for since [`Caller::begin_message`].
    asked: AtomicBool,
}

impl Visit {
    fn now(&self) -> Instant {
        (self.clients.clock)()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut state = self.client.state.lock();
        state.connections = state.connections.saturating_sub(1);
    }
}

impl State {
    fn new(limits: &ClientLimits, now: Instant) -> Self {
        Self {
            connections: 0,
            arrivals: Allowance::new(limits.arrivals_per_second_max, now),
            requests: Allowance::new(limits.requests_per_second_max, now),
            bytes: Allowance::new(limits.bytes_per_second_max, now),
            signatures: Allowance::new(limits.signatures_per_second_max, now),
            patience: Allowance::new(PATIENCE_PER_SECOND, now),
            ban: None,
            logged: Vec::new(),
        }
    }

    fn is_at_rest(&self, now: Instant) -> bool {
        let allowances = [&self.arrivals, &self.requests, &self.bytes, &self.signatures, &self.patience];
        self.connections == 0 && self.banned(now).is_none() && allowances.iter().all(|left| left.is_whole(now))
    }

    /// Why, and for how long still.
    fn banned(&self, now: Instant) -> Option<(&'static str, Duration)> {
        let (until, reason) = self.ban?;
        let left = until.saturating_duration_since(now);
        (!left.is_zero()).then_some((reason, left))
    }

    /// Whether an event of this kind is to be logged: it was not a while ago.
    fn may_log(&mut self, kind: &'static str, now: Instant) -> bool {
        self.logged.retain(|(_, at)| now.saturating_duration_since(*at) < LOG_INTERVAL);
        let fresh = !self.logged.iter().any(|(logged, _)| *logged == kind);
        if fresh {
            self.logged.push((kind, now));
        }
        fresh
    }
}

impl Clients {
    pub(crate) fn new(limits: ClientLimits) -> Arc<Self> {
        Self::with_clock(limits, Instant::now)
    }

    fn with_clock(limits: ClientLimits, clock: fn() -> Instant) -> Arc<Self> {
        Arc::new(Self { limits, clock, known: Mutex::default(), refused: Default::default() })
    }

    /// A connection from this address, or why it cannot stay.
    pub(crate) fn arrive(self: &Arc<Self>, address: IpAddr) -> Result<Caller, Refusal> {
        let address = address.to_canonical();
        if self.limits.trusted.iter().any(|network| network.contains(&address)) {
            return Ok(Caller { address: Some(address), ..Caller::default() });
        }
        let now = (self.clock)();
        let client = self.client(named(address), now);
        let mut state = client.state.lock();
        // Whether it finds a place or not: arriving is what costs.
        self.take(&client, &mut state, &[(Limit::Arrivals, 1)], now)?;
        if state.connections >= self.limits.connections_max {
            let most = self.limits.connections_max;
            let message = format!("{most} connections from {address} are open, and no more may be: close some");
            let refusal = Refusal { limit: Limit::Connections, message, retry_after: Duration::from_secs(1) };
            self.refuse(&client, &mut state, &refusal, now);
            return Err(refusal);
        }
        state.connections = state.connections.saturating_add(1);
        drop(state);
        let visit = Visit { clients: self.clone(), client, asked: AtomicBool::new(false) };
        Ok(Caller { address: Some(address), visit: Some(Arc::new(visit)), signature_taken: false })
    }

    /// Whether any address is trusted.
    pub(crate) fn trusts_any(&self) -> bool {
        !self.limits.trusted.is_empty()
    }

    /// Who is banned now, whose ban ends first before the others.
    pub(crate) fn bans(&self) -> Vec<Ban> {
        let (now, wall) = ((self.clock)(), SystemTime::now());
        let known: Vec<_> = self.known.lock().values().cloned().collect();
        let mut bans: Vec<Ban> = known
            .iter()
            .filter_map(|client| {
                let (reason, left) = client.state.lock().banned(now)?;
                Some(Ban { client: client.name(), reason, until_ms: milliseconds(wall, left) })
            })
            .collect();
        bans.sort_by(|one, other| (one.until_ms, &one.client).cmp(&(other.until_ms, &other.client)));
        bans
    }

    /// How often clients were refused, by what they had too much of.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Limit::ALL.iter().zip(&self.refused).map(|(limit, count)| (limit.name(), count.load(Ordering::Relaxed)))
    }

    fn client(&self, address: IpAddr, now: Instant) -> Arc<Client> {
        let mut known = self.known.lock();
        if let Some(client) = known.get(&address) {
            return client.clone();
        }
        if known.len() >= CLIENTS_MAX {
            known.retain(|_, client| !client.state.lock().is_at_rest(now));
        }
        if known.len() >= CLIENTS_MAX {
            known.retain(|_, client| client.state.lock().connections > 0);
        }
        let client = Arc::new(Client { address, state: Mutex::new(State::new(&self.limits, now)) });
        known.insert(address, client.clone());
        client
    }

    fn count(&self, limit: Limit) {
        let mut counts = Limit::ALL.iter().zip(&self.refused);
        if let Some((_, count)) = counts.find(|(known, _)| **known == limit) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes all of these costs, unless the client is banned or one of these allowances is overdrawn.
    fn take(&self, client: &Client, state: &mut State, costs: &[(Limit, u64)], now: Instant) -> Result<(), Refusal> {
        if let Some(refusal) = client.refused_for_ban(state, now) {
            self.count(Limit::Banned);
            return Err(refusal);
        }
        for (limit, _) in costs.iter().copied() {
            let allowance = state.allowance(limit);
            let (retry_after, per_second) = (allowance.wait(now), allowance.per_second());
            if !retry_after.is_zero() {
                let message = format!(
                    "{} has used up its {}, {per_second} a second: come again in {} ms",
                    client.name(),
                    limit.name(),
                    retry_after.as_millis()
                );
                let refusal = Refusal { limit, message, retry_after };
                self.refuse(client, state, &refusal, now);
                return Err(refusal);
            }
        }
        for (limit, cost) in costs.iter().copied().filter(|(_, cost)| *cost > 0) {
            state.allowance(limit).spend(cost, now);
        }
        Ok(())
    }

    /// Counts a refusal, and says it where it has not been said lately.
    fn refuse(&self, client: &Client, state: &mut State, refusal: &Refusal, now: Instant) {
        self.count(refusal.limit);
        let reason = refusal.limit.name();
        if state.may_log(reason, now) {
            let client = client.name();
            tracing::warn!(target: INTRUSION, code = "client_over_limit", client, reason, "{}", refusal.message);
        }
        self.lose_patience(client, state, REFUSAL, reason, now);
    }

    fn lose_patience(&self, client: &Client, state: &mut State, cost: u64, reason: &'static str, now: Instant) {
        state.patience.spend(cost, now);
        let ban_time = self.limits.ban_time;
        if ban_time.is_zero() || state.banned(now).is_some() || state.patience.wait(now).is_zero() {
            return;
        }
        state.ban = now.checked_add(ban_time).map(|until| (until, reason));
        let (client, until_ms) = (client.name(), milliseconds(SystemTime::now(), ban_time));
        tracing::warn!(target: INTRUSION, code = "client_banned", client, reason, until_ms, "a client is not served for a while");
    }
}

impl Client {
    /// The address, or the network of an IPv6 client.
    fn name(&self) -> String {
        match self.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("{address}/{IPV6_CLIENT_BITS}"),
        }
    }

    fn refused_for_ban(&self, state: &State, now: Instant) -> Option<Refusal> {
        let (reason, retry_after) = state.banned(now)?;
        let message = format!("{} is not served for {} s more: {reason}", self.name(), retry_after.as_secs());
        Some(Refusal { limit: Limit::Banned, message, retry_after })
    }
}

impl Caller {
    /// Whose request it is, as the listener noted it.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Where it calls from. None outside of a connection.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Whether the connection is to end.
    pub(crate) fn is_banned(&self) -> bool {
        self.visit.as_ref().is_some_and(|visit| visit.client.state.lock().banned(visit.now()).is_some())
    }

    /// The client's open connections, this one among them. None where it may have any number.
    pub(crate) fn connections(&self) -> Option<u32> {
        self.visit.as_ref().map(|visit| visit.client.state.lock().connections)
    }

    /// A message begins to arrive. For connections that have one message at a time.
    pub(crate) fn begin_message(&self) {
        if let Some(visit) = &self.visit {
            visit.asked.store(false, Ordering::Relaxed);
        }
    }

    /// The message has been answered. One that asked for nothing, such as garbage, counts as a request all the same.
    pub(crate) fn end_message(&self) {
        let Some(visit) = &self.visit else { return };
        if !visit.asked.load(Ordering::Relaxed) {
            visit.client.state.lock().requests.spend(1, visit.now());
        }
    }

    /// Counts frames that are no messages as requests. They cannot be refused one by one, and a client that waits for its
    /// allowance may still say that it lives: so only who is far above it is refused.
    pub(crate) fn count_frames(&self, frames: u64) -> Result<(), Refusal> {
        let (Some(visit), true) = (&self.visit, frames > 0) else { return Ok(()) };
        let now = visit.now();
        let mut state = visit.client.state.lock();
        state.requests.spend(frames, now);
        match state.requests.wait(now) > FRAMES_WAIT_MAX {
            true => visit.clients.take(&visit.client, &mut state, &[(Limit::Requests, 0)], now),
            false => Ok(()),
        }
    }

    /// Refuses a client that has overdrawn its requests or bytes. Costs nothing where it has not.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        self.take(&[(Limit::Requests, 0), (Limit::Bytes, 0)])
    }

    /// Takes requests of this weight out of the client's allowance.
    pub(crate) fn take_requests(&self, weight: u64) -> Result<(), Refusal> {
        self.take_batch(weight, 0)
    }

    /// Takes requests of this weight and the checks of their signatures out of the client's allowances, all or nothing.
    pub(crate) fn take_batch(&self, weight: u64, signatures: u64) -> Result<(), Refusal> {
        if let Some(visit) = &self.visit {
            visit.asked.store(true, Ordering::Relaxed);
        }
        let costs = [(Limit::Requests, weight), (Limit::Bytes, 0), (Limit::Signatures, signatures)];
        self.take(if signatures > 0 { &costs } else { &costs[..2] })
    }

    /// The same caller, for a request of a batch whose signatures have been taken together.
    pub(crate) fn with_signature_taken(&self) -> Self {
        Self { signature_taken: true, ..self.clone() }
    }

    /// Takes the check of one signature out of the client's allowance.
    pub(crate) fn take_signature(&self) -> Result<(), Refusal> {
        match self.signature_taken {
            true => Ok(()),
            false => self.take(&[(Limit::Signatures, 1)]),
        }
    }

    /// The signature need not be checked. What was taken for it with its batch is given back.
    pub(crate) fn spare_signature(&self) {
        if let (true, Some(visit)) = (self.signature_taken, &self.visit) {
            visit.client.state.lock().signatures.give_back(1, visit.now());
        }
    }

    /// Counts bytes that have come or gone.
    pub(crate) fn count_bytes(&self, bytes: usize) {
        if let Some(visit) = &self.visit {
            visit.client.state.lock().bytes.spend(bytes as u64, visit.now());
        }
    }

    /// The client did what no honest client does.
    pub(crate) fn accuse(&self, code: &'static str, reason: &'static str) {
        let Some(visit) = &self.visit else { return };
        let now = visit.now();
        let mut state = visit.client.state.lock();
        if state.may_log(code, now) {
            tracing::warn!(target: INTRUSION, code, client = visit.client.name(), reason, "no honest client sends this");
        }
        visit.clients.lose_patience(&visit.client, &mut state, OFFENCE, reason, now);
    }

    fn take(&self, costs: &[(Limit, u64)]) -> Result<(), Refusal> {
        let Some(visit) = &self.visit else { return Ok(()) };
        visit.clients.take(&visit.client, &mut visit.client.state.lock(), costs, visit.now())
    }
}

impl State {
    fn allowance(&mut self, limit: Limit) -> &mut Allowance {
        match limit {
            Limit::Arrivals => &mut self.arrivals,
            Limit::Bytes => &mut self.bytes,
            Limit::Signatures => &mut self.signatures,
            Limit::Requests | Limit::Connections | Limit::Banned => &mut self.requests,
        }
    }
}

/// The address by which a client is known.
fn named(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let mask = u128::MAX << (128 - IPV6_CLIENT_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

fn milliseconds(wall: SystemTime, from_now: Duration) -> u64 {
    let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().saturating_add(from_now);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
