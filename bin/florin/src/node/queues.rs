//! What waits in settlement, by participant, for monitors: the business effect of a network that stands still.
//!
//! **How.** A task reads the schemes after each final block, at most every two seconds, from the state of that block. Monitors
//! see the latest that was read.
//!
//! **Names.** The ledger knows addresses. The operator may name them (`monitoring.account_names`); others are shown by
//! address.
//!
//! **Limits.** A label costs the monitor memory for ever, so their number is bounded: the newest [`SCHEMES_MAX`] schemes, and in
//! each the [`PARTICIPANTS_MAX`] participants with most waiting. The rest is one participant, `others`: sums stay true. What
//! is shown as an amount is whole units of the currency, cut off: it is for reading, never for booking.
//!
//! **Failures.** A read that fails is logged and counted, and what was read before stays.

use alloy_primitives::Address;
use florin_modules::{
    CallEnv, Context, Failure, query,
    settlement::{self, Waiting},
    token,
};
use florin_state::{FinalizedBlock, Ledger, with_view};
use florin_types::{Currency, Genesis};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Schemes that are shown, the newest.
pub(crate) const SCHEMES_MAX: u64 = 8;
/// Participants that are shown of each.
pub(crate) const PARTICIPANTS_MAX: usize = 50;
/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(2);
/// A look that took long is paid for by a longer pause: reading takes a twentieth of one processor at most.
const READ_PART: u32 = 20;
const OTHERS: &str = "others";

/// A scheme as it was read.
#[derive(Clone, Debug)]
struct SchemeState {
    id: u64,
    currency: Currency,
    phase: u8,
    settled: u64,
    settled_value: u128,
    participants: Vec<Waiting>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SchemeLabels {
    scheme: u64,
    currency: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ParticipantLabels {
    scheme: u64,
    currency: String,
    participant: String,
}

/// The latest that was read of settlement.
pub(crate) struct Queues {
    names: BTreeMap<Address, String>,
    schemes: Mutex<Vec<SchemeState>>,
    failures: Counter,
}

/// Begins to look after what waits.
pub(crate) fn watch(ledger: Ledger, genesis: Arc<Genesis>, names: BTreeMap<Address, String>) -> Arc<Queues> {
    let queues = Arc::new(Queues { names, schemes: Mutex::default(), failures: Counter::default() });
    let reading = queues.clone();
    tokio::spawn(async move {
        let mut read = None;
        loop {
            let (begun, head) = (Instant::now(), ledger.head());
            if read != Some(head.block.height()) {
                match schemes(&ledger, genesis.clone(), &head).await {
                    Ok(schemes) => {
                        *reading.schemes.lock().unwrap_or_else(PoisonError::into_inner) = schemes;
                        read = Some(head.block.height());
                    }
                    Err(error) => {
                        reading.failures.inc();
                        tracing::warn!(error, height = head.block.height(), "cannot read what waits in settlement");
                    }
                }
            }
            tokio::time::sleep(PAUSE.max(begun.elapsed() * READ_PART)).await;
        }
    });
    queues
}

/// The schemes at the state after a block.
async fn schemes(ledger: &Ledger, genesis: Arc<Genesis>, block: &FinalizedBlock) -> Result<Vec<SchemeState>, String> {
    let (height, timestamp_ms) = (block.block.height(), block.block.timestamp_ms());
    let reader = ledger.state(height).await.map_err(|error| error.to_string())?;
    with_view(reader, move |view| {
        let env = CallEnv { height, timestamp_ms, ..CallEnv::reader(genesis.rules.at(height)) };
        query(view, env, read_schemes).map_err(|failure| format!("{failure:?}"))
    })
    .await
}

fn read_schemes(context: &mut Context<'_>) -> Result<Vec<SchemeState>, Failure> {
    let made = settlement::schemes_made(context)?;
    let first = made.saturating_sub(SCHEMES_MAX);
    (first + 1..=made).map(|id| read_scheme(context, id)).collect()
}

fn read_scheme(context: &mut Context<'_>, id: u64) -> Result<SchemeState, Failure> {
    let scheme = settlement::scheme_of(context, id)?;
    let (day, figures) = (settlement::day_of(context, id)?, settlement::figures_of(context, id)?);
    let seats = (0..scheme.participants).map(|seat| settlement::waiting_of(context, id, seat));
    Ok(SchemeState {
        id,
        participants: seats.collect::<Result<_, _>>()?,
        currency: token::currency(context, scheme.token)?,
        phase: day.phase,
        settled: figures.count,
        settled_value: u128::try_from(figures.value).unwrap_or(u128::MAX),
    })
}

impl Queues {
    /// Prometheus text, without the mark of its end.
    pub(crate) fn encode(&self) -> String {
        let schemes = self.schemes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let gauges = Gauges::default();
        for scheme in &schemes {
            gauges.show_scheme(scheme);
            for (participant, waiting) in self.shown(&scheme.participants) {
                gauges.show_participant(scheme, participant, &waiting);
            }
        }
        gauges.encode(&self.failures)
    }

    /// What a scheme with one participant looks like, for the reference.
    pub(crate) fn example() -> String {
        let waiting = Waiting { account: Address::ZERO, queued: 0, outward: 0, inward: 0, wait_ms: 0, spendable: 0 };
        let currency = Currency::new("X", 0).into_iter();
        let scheme = |currency| SchemeState {
            id: 1,
            currency,
            phase: 0,
            settled: 0,
            settled_value: 0,
            participants: vec![waiting],
        };
        let schemes = Mutex::new(currency.map(scheme).collect());
        Self { names: BTreeMap::new(), schemes, failures: Counter::default() }.encode()
    }

    /// Those with most waiting by name, and the sums of all others.
    fn shown(&self, participants: &[Waiting]) -> Vec<(String, Waiting)> {
        let mut sorted = participants.to_vec();
        sorted.sort_by_key(|waiting| (std::cmp::Reverse(waiting.queued), waiting.account));
        let rest = sorted.split_off(sorted.len().min(PARTICIPANTS_MAX));
        let name = |account: &Address| self.names.get(account).cloned().unwrap_or_else(|| account.to_string());
        let mut shown: Vec<_> = sorted.into_iter().map(|waiting| (name(&waiting.account), waiting)).collect();
        if let Some(sum) = rest.into_iter().reduce(sum) {
            shown.push((OTHERS.into(), sum));
        }
        shown
    }
}

/// Sums of two; the wait is that of whoever waits longer.
fn sum(one: Waiting, other: Waiting) -> Waiting {
    Waiting {
        account: Address::ZERO,
        queued: one.queued.saturating_add(other.queued),
        outward: one.outward.saturating_add(other.outward),
        inward: one.inward.saturating_add(other.inward),
        wait_ms: one.wait_ms.max(other.wait_ms),
        spendable: one.spendable.saturating_add(other.spendable),
    }
}

/// Whole units of a currency, cut off.
fn whole(currency: Currency, minor: u128) -> i64 {
    let scale = 10u128.checked_pow(u32::from(currency.digits())).unwrap_or(u128::MAX);
    level(minor / scale.max(1))
}

fn level(value: u128) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[derive(Default)]
struct Gauges {
    phase: Family<SchemeLabels, Gauge>,
    settled: Family<SchemeLabels, Gauge>,
    settled_amount: Family<SchemeLabels, Gauge>,
    queued: Family<ParticipantLabels, Gauge>,
    queued_amount: Family<ParticipantLabels, Gauge>,
    incoming_amount: Family<ParticipantLabels, Gauge>,
    spendable_amount: Family<ParticipantLabels, Gauge>,
    wait: Family<ParticipantLabels, Gauge>,
}

impl Gauges {
    fn show_scheme(&self, scheme: &SchemeState) {
        let labels = SchemeLabels { scheme: scheme.id, currency: scheme.currency.symbol().into() };
        self.phase.get_or_create(&labels).set(scheme.phase.into());
        self.settled.get_or_create(&labels).set(level(scheme.settled.into()));
        self.settled_amount.get_or_create(&labels).set(whole(scheme.currency, scheme.settled_value));
    }

    fn show_participant(&self, scheme: &SchemeState, participant: String, waiting: &Waiting) {
        let currency = scheme.currency;
        let labels = ParticipantLabels { scheme: scheme.id, currency: currency.symbol().into(), participant };
        self.queued.get_or_create(&labels).set(waiting.queued.into());
        self.queued_amount.get_or_create(&labels).set(whole(currency, waiting.outward));
        self.incoming_amount.get_or_create(&labels).set(whole(currency, waiting.inward));
        self.spendable_amount.get_or_create(&labels).set(whole(currency, waiting.spendable));
        self.wait.get_or_create(&labels).set(level(waiting.wait_ms.into()));
    }

    fn encode(self, failures: &Counter) -> String {
        let mut registry = Registry::with_prefix("florin_settlement");
        registry.register("day_phase", "Business day of a scheme: 0 closed, 1 open, 2 closing", self.phase);
        registry.register(
            "settled_instructions",
            "Instructions that a scheme has settled since it was made",
            self.settled,
        );
        registry.register("settled_amount", "What a scheme has settled, in whole units", self.settled_amount);
        registry.register("queued_instructions", "Payments of a participant that wait in the queue", self.queued);
        registry.register("queued_amount", "What they are worth, in whole units", self.queued_amount);
        registry.register(
            "incoming_amount",
            "What others have queued for a participant, in whole units",
            self.incoming_amount,
        );
        registry.register(
            "spendable_amount",
            "What a participant can pay with now, in whole units",
            self.spendable_amount,
        );
        registry.register(
            "queued_wait_ms",
            "Mean time that a participant's payments have waited, in milliseconds",
            self.wait,
        );
        registry.register("read_failures", "Looks at settlement that failed", failures.clone());
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode_registry(&mut out, &registry);
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn waiting(number: u8, queued: u32, outward: u128) -> Waiting {
        let account = Address::repeat_byte(number);
        Waiting { account, queued, outward, inward: 0, wait_ms: 1_000, spendable: 7 }
    }

    fn queues(participants: Vec<Waiting>) -> Queues {
        let currency = Currency::new("DEUR", 2).unwrap();
        let scheme = SchemeState { id: 3, currency, phase: 1, settled: 9, settled_value: 12_345, participants };
        let names = BTreeMap::from([(Address::repeat_byte(2), "bank B".to_string())]);
        Queues { names, schemes: Mutex::new(vec![scheme]), failures: Counter::default() }
    }

    #[test]
    fn a_participant_is_named_and_its_amount_is_in_whole_units() {
        let text = queues(vec![waiting(2, 14, 320_000_099)]).encode();
        let labels = r#"{scheme="3",currency="DEUR",participant="bank B"}"#;
        for line in [
            format!("florin_settlement_queued_instructions{labels} 14"),
            format!("florin_settlement_queued_amount{labels} 3200000"),
            format!("florin_settlement_queued_wait_ms{labels} 1000"),
            r#"florin_settlement_settled_amount{scheme="3",currency="DEUR"} 123"#.to_string(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn labels_are_bounded_and_sums_stay_true() {
        let many: Vec<Waiting> = (0..=255).map(|number| waiting(number, u32::from(number), 100)).collect();
        let text = queues(many).encode();
        let counts: Vec<u64> = text
            .lines()
            .filter(|line| line.starts_with("florin_settlement_queued_instructions{"))
            .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(counts.len(), PARTICIPANTS_MAX + 1);
        assert_eq!(counts.iter().sum::<u64>(), 255 * 256 / 2);
        let others = text.lines().find(|line| line.contains("queued_instructions{") && line.contains(OTHERS)).unwrap();
        assert!(others.ends_with(&format!(" {}", (0..=205).sum::<u64>())), "{others}");
    }
}
