//! Checks of the network as one node sees it, from two looks at its metrics.

use super::{
    machine::{disk_finding, size},
    report::Finding,
    sample::Sample,
};
use crate::node::vitals::Room;
use florin_types::GenesisNode;
use std::collections::BTreeMap;

/// Final blocks that may be missing without being called behind.
const LAG_BLOCKS_MAX: u64 = 20;
/// Heartbeats without a block that are no halt yet: leaders may be passed over.
const HEARTBEATS_MAX: u64 = 4;
/// Blocks that may wait for the index, and for the history.
const INDEX_BLOCKS_MAX: u64 = 100;
const HISTORY_BLOCKS_MAX: u64 = 100;
/// Clocks that differ by more are named, and by which a node does not work well any more, in milliseconds.
const CLOCK_WARNING_MS: f64 = 1_000.0;
const CLOCK_BROKEN_MS: f64 = 10_000.0;
/// Longer mean waits in settlement are named, in milliseconds.
const WAIT_MS_MAX: f64 = 600_000.0;

const NOT_TOLD: &str = "the node does not tell; it may be of an older version";

/// Two looks at a node.
pub(super) struct Seen<'a> {
    pub(super) first: &'a Sample,
    pub(super) second: &'a Sample,
    /// Seconds between them.
    pub(super) seconds: u64,
    /// A height that did not grow for longer stands still.
    pub(super) still_ms_max: u64,
    /// The nodes of the genesis file, where it is at hand: their addresses are named then.
    pub(super) nodes: Vec<GenesisNode>,
}

impl Seen<'_> {
    /// Everything that the figures tell. `on_machine`: the disk was looked at already.
    pub(super) fn findings(&self, on_machine: bool) -> Vec<Finding> {
        let mut findings = vec![
            self.height(),
            self.quorum(),
            self.validators(),
            self.members(),
            self.lag(),
            self.clock_peers(),
            self.peers(),
            self.blocked_peers(),
            self.refused_blocks(),
            self.pool(),
            self.index(),
            self.history(),
            self.settlement_queue(),
            self.memory(),
        ];
        if !on_machine {
            findings.push(self.disk());
        }
        findings
    }

    fn now(&self, name: &str) -> Option<u64> {
        self.second.count(name)
    }

    /// Names of the validators that are not heard.
    fn missing(&self) -> Vec<&str> {
        let silent = self.second.by("florin_node_validator_heard", "validator").filter(|(_, heard)| *heard < 1.0);
        let mut missing: Vec<&str> = silent.map(|(name, _)| name).collect();
        missing.sort_unstable();
        missing
    }

    /// A validator with the address at which the genesis file has it.
    fn with_address(&self, name: &str) -> String {
        let known = self.nodes.iter().find(|node| node.name == name);
        known.map_or_else(|| name.to_string(), |node| format!("{name} ({})", node.address))
    }

    // ----- why the height does not move ------------------------------------------------------------------------------

    fn height(&self) -> Finding {
        const CODE: &str = "height";
        let height = "florin_node_height_blocks";
        let (Some(before), Some(after), Some(age_ms)) =
            (self.first.count(height), self.now(height), self.now("florin_node_height_age_ms"))
        else {
            return Finding::not_seen(CODE, NOT_TOLD);
        };
        // Where the rules allow long pauses, a short limit of the configuration would call each of them a halt.
        let pauses_ms = self.now("florin_node_heartbeat_ms").unwrap_or_default().saturating_mul(HEARTBEATS_MAX);
        if age_ms <= self.still_ms_max.max(pauses_ms) {
            let moved = after.saturating_sub(before);
            let seconds = self.seconds;
            return Finding::well(CODE, format!("{after}, {moved} more in {seconds} s; it last grew {age_ms} ms ago"));
        }
        let (why, next) = self.why_it_stands();
        let stands = if after > before { "moves" } else { "stands" };
        Finding::broken(CODE, format!("{after}, and it {stands}: it last grew {} s ago. {why}", age_ms / 1_000), next)
    }

    /// The first of the known reasons for which nothing becomes final here.
    fn why_it_stands(&self) -> (String, String) {
        let missing = self.missing();
        let (heard, quorum) = (self.now("florin_node_heard_validators"), self.now("florin_node_quorum_validators"));
        if let (Some(heard), Some(quorum)) = (heard, quorum)
            && heard < quorum
        {
            let why = format!(
                "Too few validators are heard ({heard}, {quorum} must sign): nothing can be final, and nothing is lost"
            );
            return (why, format!("bring one back: {}", missing.join(", ")));
        }
        let lag = self.lag_blocks().unwrap_or_default();
        if lag > 0 {
            let why = format!("This node is {lag} blocks behind what the network has finalised, and catches up");
            return (why, "wait while `lag` shrinks; else see `peers` and `disk`".into());
        }
        let (own, others) = self.clocks();
        if own.is_some() || !others.is_empty() {
            return ("Clocks differ".into(), "see `clock_peers`".into());
        }
        let view = "florin_node_view_number";
        if self.first.get(view) < self.second.get(view) {
            let why = "Enough validators are heard, and leader after leader is given up: their blocks do not come in time, or are refused";
            return (
                why.into(),
                "see `refused_blocks` and the logs of the leaders; look for slow disks and slow links".into(),
            );
        }
        let why = "Enough validators are heard, and nobody moves on";
        (why.into(), "run the doctor on the other validators: who sees fewer than a quorum has the broken link".into())
    }

    /// The arithmetic, spelled out.
    fn quorum(&self) -> Finding {
        const CODE: &str = "quorum";
        let count = |name| self.now(name);
        let (Some(all), Some(quorum), Some(heard)) = (
            count("florin_node_committee_validators"),
            count("florin_node_quorum_validators"),
            count("florin_node_heard_validators"),
        ) else {
            return Finding::not_seen(CODE, NOT_TOLD);
        };
        let arithmetic = format!("{all} validators, {quorum} needed, {heard} heard");
        let missing = self.missing();
        let names = and(&missing);
        let verb = if missing.len() == 1 { "is" } else { "are" };
        if heard < quorum {
            let lacking = quorum.saturating_sub(heard);
            let (back, either) = match (lacking, missing.len()) {
                (1, 1) => ("it must come back".to_string(), "start it"),
                (1, _) => ("one of them back is enough".to_string(), "start one of them"),
                _ => (format!("{lacking} of them must come back"), "start them"),
            };
            let places: Vec<String> = missing.iter().map(|name| self.with_address(name)).collect();
            return Finding::broken(
                CODE,
                format!("{arithmetic}: {names} {verb} missing; {back}"),
                format!(
                    "{either}, or mend the network to {}; never start a copy of a validator elsewhere",
                    places.join(", ")
                ),
            );
        }
        if heard < all && heard == quorum {
            return Finding::warning(
                CODE,
                format!("{arithmetic}: {names} {verb} missing, and none to spare; one more and nothing is final"),
                format!("bring {names} back before anything else is stopped"),
            );
        }
        Finding::well(CODE, format!("{arithmetic}: {} to spare", heard.saturating_sub(quorum)))
    }

    fn validators(&self) -> Finding {
        const CODE: &str = "validators";
        let missing = self.missing();
        if self.second.by("florin_node_validator_heard", "validator").next().is_none() {
            return Finding::not_seen(CODE, NOT_TOLD);
        }
        if missing.is_empty() {
            return Finding::well(CODE, "all are connected and vote");
        }
        let silent: BTreeMap<&str, f64> = self.second.by("florin_node_validator_silent_ms", "validator").collect();
        let seconds = |name: &&str| silent.get(name).copied().unwrap_or_default() / 1_000.0;
        let said: Vec<String> = missing
            .iter()
            .map(|name| format!("{}: no vote for {:.0} s", self.with_address(name), seconds(name)))
            .collect();
        Finding::warning(
            CODE,
            said.join("; "),
            "ask its operator: does the process run, does its machine answer, is its port open from here",
        )
    }

    /// Who would make the ceremony of this epoch fail, before it does.
    fn members(&self) -> Finding {
        const CODE: &str = "members";
        const CONNECTED: &str = "florin_node_member_connected";
        let (Some(epoch_blocks), Some(failed)) =
            (self.now("florin_node_epoch_blocks"), self.now("florin_node_failed_ceremonies_total"))
        else {
            return Finding::not_seen(CODE, NOT_TOLD);
        };
        if epoch_blocks == 0 {
            return Finding::well(CODE, "the committee of this network never changes");
        }
        let members: Vec<(&str, f64)> = self.second.by(CONNECTED, "validator").collect();
        let failures = format!("{failed} ceremonies failed since this node started");
        let mut away: Vec<&str> =
            members.iter().filter(|(_, connected)| *connected < 1.0).map(|(name, _)| *name).collect();
        if away.is_empty() {
            return Finding::well(CODE, format!("all {} are connected; {failures}", members.len()));
        }
        away.sort_unstable();
        let places: Vec<String> = away.iter().map(|name| self.with_address(name)).collect();
        Finding::warning(
            CODE,
            format!("{} of {} not connected: {}; {failures}", away.len(), members.len(), places.join(", ")),
            "start it, or propose changeValidators to take it off the list: while it is away no shares are dealt, and the \
             committee stays as it is",
        )
    }

    fn lag_blocks(&self) -> Option<u64> {
        let known = self.now("florin_node_known_height_blocks")?;
        Some(known.saturating_sub(self.now("florin_node_height_blocks")?))
    }

    fn lag(&self) -> Finding {
        const CODE: &str = "lag";
        let Some(lag) = self.lag_blocks() else { return Finding::not_seen(CODE, NOT_TOLD) };
        if lag < LAG_BLOCKS_MAX {
            return Finding::well(CODE, format!("{lag} final blocks are missing here"));
        }
        let moved = self.now("florin_node_height_blocks").unwrap_or_default();
        let moved = moved.saturating_sub(self.first.count("florin_node_height_blocks").unwrap_or_default());
        let rate = format!("{moved} came in {} s", self.seconds);
        let next = "wait while it shrinks; if it grows, look for a slow disk or processor, and at `peers`";
        Finding::warning(CODE, format!("{lag} final blocks are missing here; {rate}"), next)
    }

    // ----- clocks ------------------------------------------------------------------------------------------------------

    /// By how much this clock is ahead of most others, if it is the odd one; and else the validators that are.
    fn clocks(&self) -> (Option<f64>, Vec<(&str, f64)>) {
        let ahead: Vec<(&str, f64)> = self.second.by("florin_node_clock_ahead_ms", "validator").collect();
        let all = ahead.len();
        let mut odd: Vec<(&str, f64)> =
            ahead.into_iter().filter(|(_, ahead_ms)| ahead_ms.abs() >= CLOCK_WARNING_MS).collect();
        odd.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        // Of two clocks that differ nobody can say which is wrong; it takes a majority that differs in one direction.
        let one_way =
            odd.iter().all(|(_, ahead_ms)| *ahead_ms > 0.0) || odd.iter().all(|(_, ahead_ms)| *ahead_ms < 0.0);
        match odd.get(odd.len() / 2) {
            Some((_, middle)) if odd.len() >= 2 && odd.len() * 2 > all && one_way => (Some(*middle), Vec::new()),
            _ => (None, odd),
        }
    }

    fn clock_peers(&self) -> Finding {
        const CODE: &str = "clock_peers";
        // A validator compares with itself, too.
        if self.second.by("florin_node_clock_ahead_ms", "validator").count() < 2 {
            return Finding::not_seen(CODE, "no block of another validator has come since this node started");
        }
        let direction =
            |ms: f64| format!("{:.1} s {}", ms.abs() / 1_000.0, if ms > 0.0 { "ahead of" } else { "behind" });
        let (own, others) = self.clocks();
        if let Some(ms) = own {
            let seen = format!("this machine's clock is {} those of most validators", direction(ms));
            let next = "synchronise this machine's clock; see `clock_sync`";
            return match ms.abs() >= CLOCK_BROKEN_MS {
                true => Finding::broken(CODE, seen, next),
                false => Finding::warning(CODE, seen, next),
            };
        }
        if others.is_empty() {
            return Finding::well(CODE, "no validator's clock differs by a second or more");
        }
        let named: Vec<String> =
            others.iter().map(|(name, ms)| format!("this clock is {} that of {name}", direction(*ms))).collect();
        let next = "ask their operators to synchronise their clocks; a leader whose clock is ahead delays every vote on its blocks";
        Finding::warning(CODE, named.join("; "), next)
    }

    // ----- peers -------------------------------------------------------------------------------------------------------

    fn peers(&self) -> Finding {
        const CODE: &str = "peers";
        let (Some(connected), Some(known)) =
            (self.now("florin_node_connected_peers"), self.now("florin_node_known_peers"))
        else {
            return Finding::not_seen(CODE, NOT_TOLD);
        };
        let seen = format!("{connected} of {known} other nodes are connected");
        if connected > 0 || known == 0 {
            return Finding::well(CODE, seen);
        }
        let next = "check this machine's network and firewall, that this node's key is listed, and network.private_addresses for peers at private addresses";
        Finding::broken(CODE, seen, next)
    }

    /// The network's own list: a peer's key, and until when it is blocked.
    fn blocked_peers(&self) -> Finding {
        const CODE: &str = "blocked_peers";
        let blocked: Vec<String> = self
            .second
            .by("florin_network_tracker_directory_blocked", "peer")
            .map(|(key, _)| self.name_of(key))
            .collect();
        if blocked.is_empty() {
            return Finding::well(CODE, "nobody is blocked");
        }
        let next = "read the log for what it sent: it runs another version, its data is damaged, or it is hostile. A block ends by itself after ten minutes";
        Finding::warning(CODE, format!("blocked for what no honest node sends: {}", blocked.join(", ")), next)
    }

    fn name_of(&self, key: &str) -> String {
        let digits = key.trim_start_matches("0x");
        let known = self.nodes.iter().find(|node| node.public_key.to_string().trim_start_matches("0x") == digits);
        known.map_or_else(|| key.to_string(), |node| node.name.clone())
    }

    fn refused_blocks(&self) -> Finding {
        const CODE: &str = "refused_blocks";
        let Some(refused) = self.now("florin_node_refused_blocks_total") else {
            return Finding::not_seen(CODE, NOT_TOLD);
        };
        if refused == 0 {
            return Finding::well(CODE, "none");
        }
        let next = "the log names height and rule: compare versions (`florin --version`) with that block's leader";
        Finding::warning(CODE, format!("{refused} blocks of other leaders broke a rule"), next)
    }

    // ----- queues ------------------------------------------------------------------------------------------------------

    fn pool(&self) -> Finding {
        const CODE: &str = "pool";
        let now = |name| self.now(name);
        let (Some(pending), Some(queued), Some(bytes), Some(room), Some(room_bytes)) = (
            now("florin_node_pool_pending_transactions"),
            now("florin_node_pool_queued_transactions"),
            now("florin_node_pool_size_bytes"),
            now("florin_node_pool_room_transactions"),
            now("florin_node_pool_room_bytes"),
        ) else {
            return Finding::not_seen(CODE, NOT_TOLD);
        };
        let seen = format!(
            "{pending} transactions can be included, {queued} wait for an earlier nonce, of {room}; {} of {}",
            size(bytes),
            size(room_bytes)
        );
        let full = |used: u64, room: u64| used.saturating_mul(10) >= room.saturating_mul(9);
        if full(pending.saturating_add(queued), room) || full(bytes, room_bytes) {
            let next = "if blocks are final: clients send faster than blocks take; slow them down or raise [mempool]. If not: see `height`";
            return Finding::warning(CODE, seen, next);
        }
        Finding::well(CODE, seen)
    }

    fn index(&self) -> Finding {
        const CODE: &str = "index";
        let (Some(head), Some(indexed)) =
            (self.now("florin_rpc_head_height_blocks"), self.second.get("florin_rpc_indexed_height_blocks"))
        else {
            return Finding::not_seen(CODE, "JSON-RPC, and with it the index, is off");
        };
        // -1: nothing is indexed yet.
        let indexed = if indexed < 0.0 { 0 } else { indexed as u64 };
        let behind = head.saturating_sub(indexed);
        let seen = format!("{behind} blocks wait for the index");
        if behind < INDEX_BLOCKS_MAX {
            return Finding::well(CODE, seen);
        }
        let next = "after a start or a rebuild: wait; searches by hash and logs answer late. If it grows: the disk is too slow";
        Finding::warning(CODE, seen, next)
    }

    fn history(&self) -> Finding {
        const CODE: &str = "history";
        let Some(behind) = self.now("florin_history_lag_blocks") else {
            return Finding::well(CODE, "this node keeps none: history.store is off");
        };
        let failures = self.now("florin_history_failures_total").unwrap_or_default();
        let earlier = self.first.count("florin_history_failures_total").unwrap_or_default();
        let seen = format!("{behind} blocks wait for the history, it has failed {failures} times since the start");
        if failures > earlier {
            let next = "the log says why: see that the database runs, takes this user and has room";
            return Finding::warning(CODE, seen, next);
        }
        if behind < HISTORY_BLOCKS_MAX {
            return Finding::well(CODE, seen);
        }
        let next =
            "after a start or a rebuild: wait; searches do not find the newest. If it grows: the database is too slow";
        Finding::warning(CODE, seen, next)
    }

    /// Whose payments wait: "bank B: 14 payments, 3200000 DEUR waiting for 4 minutes".
    fn settlement_queue(&self) -> Finding {
        const CODE: &str = "settlement_queue";
        let name = "florin_settlement_queued_instructions";
        let before: Vec<_> = self.first.all(name).collect();
        let other = |family: &str, labels| {
            let found = self.second.all(family).find(|(of, _)| *of == labels);
            found.map_or(0.0, |(_, value)| value)
        };
        let (mut said, mut waits_long) = (Vec::new(), false);
        for (labels, queued) in self.second.all(name).filter(|(_, queued)| *queued >= 1.0) {
            let earlier = before.iter().find(|(of, _)| *of == labels).map_or(0.0, |(_, queued)| *queued);
            let (amount, wait_ms) =
                (other("florin_settlement_queued_amount", labels), other("florin_settlement_queued_wait_ms", labels));
            let label = |name: &str| labels.get(name).map_or("", String::as_str);
            let (who, currency) = (label("participant"), label("currency"));
            let growth = if queued > earlier { ", and it grows" } else { "" };
            waits_long |= wait_ms > WAIT_MS_MAX || queued > earlier;
            let seconds = wait_ms / 1_000.0;
            said.push(format!(
                "{who}: {queued:.0} payments, {amount:.0} {currency} waiting for {seconds:.0} s{growth}"
            ));
        }
        if said.is_empty() {
            return Finding::well(CODE, "nothing waits");
        }
        if !waits_long {
            return Finding::well(CODE, said.join("; "));
        }
        let next = "tell their treasurers: they need liquidity, or a run against gridlock (`startRun`); `forecast` says which helps";
        Finding::warning(CODE, said.join("; "), next)
    }

    // ----- the machine, from afar ----------------------------------------------------------------------------------------

    fn memory(&self) -> Finding {
        const CODE: &str = "memory";
        let (Some(used), Some(all)) = (self.now("runtime_process_rss"), self.now("florin_machine_memory_size_bytes"))
        else {
            return Finding::not_seen(CODE, NOT_TOLD);
        };
        let seen = format!("{} of {}", size(used), size(all));
        if used.saturating_mul(10) >= all.saturating_mul(9) {
            let next = "give it more memory, or lower storage.page_cache_mb and [mempool] bytes_max: the system ends a process without memory";
            return Finding::warning(CODE, seen, next);
        }
        Finding::well(CODE, seen)
    }

    fn disk(&self) -> Finding {
        let now = |name| self.now(name);
        let (Some(free_bytes), Some(total_bytes)) =
            (now("florin_machine_disk_free_bytes"), now("florin_machine_disk_size_bytes"))
        else {
            return Finding::not_seen("disk", NOT_TOLD);
        };
        let data_bytes = now("florin_machine_data_size_bytes").unwrap_or_default();
        disk_finding(Room { free_bytes, total_bytes }, data_bytes, None)
    }
}

/// `a`, `a and b`, `a, b and c`.
fn and(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
