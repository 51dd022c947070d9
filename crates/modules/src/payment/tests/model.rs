//! Payments against a plain model: the same random operations on both, compared after each.
//!
//! The model knows nothing of slots, holds or UETR mappings: it is a list of payments and what each account has.

use super::*;
use crate::testing::model_cases;
use crate::testing::seize_from_hold;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Parties 1 to 3; 1 has 1,000 and 2 has 500.
const PARTIES: u8 = 3;
/// UETRs are few, so that operations meet.
const UETRS: u8 = 5;

#[derive(Clone, Copy, Debug)]
enum Operation {
    Pay { from: u8, to: u8, amount: u128, key: u8, park_ms: u64 },
    Reserve { from: u8, to: u8, amount: u128, key: u8, wait_ms: u64, poster: u8 },
    Post { by: u8, from: u8, key: u8, amount: Option<u128> },
    Void { by: u8, from: u8, key: u8 },
    Release { from: u8, key: u8 },
    Expire { from: u8, key: u8 },
    Return { by: u8, from: u8, key: u8, back: u32, amount: u128 },
    Transfer { from: u8, to: u8, amount: u128 },
    Seize { from: u8, key: u8, amount: u128 },
    Deny { who: u8, on: bool },
    Block { who: u8, on: bool },
    Pause { on: bool },
    Wait { ms: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Pending,
    Parked,
    Settled,
    Voided,
    Expired,
}

#[derive(Clone, Debug)]
struct Entry {
    to: u8,
    ordered: u128,
    seized: u128,
    life: Life,
    received: u128,
    returned: u128,
    /// References of its returns.
    returns: BTreeSet<u32>,
    until_ms: u64,
    poster: u8,
}

#[derive(Clone, Debug, Default)]
struct Model {
    now_ms: u64,
    balances: BTreeMap<u8, u128>,
    payments: BTreeMap<(u8, u8), Entry>,
    denied: BTreeSet<u8>,
    blocked: BTreeSet<u8>,
    paused: bool,
}

impl Entry {
    /// What a seizure left on hold of it, as long as it waits.
    fn left(&self) -> u128 {
        self.ordered - self.seized
    }
}

impl Model {
    fn balance(&self, who: u8) -> u128 {
        self.balances.get(&who).copied().unwrap_or_default()
    }

    /// What waits of an account's units.
    fn reserved(&self, who: u8) -> u128 {
        let waits = |entry: &&Entry| matches!(entry.life, Life::Pending | Life::Parked);
        self.payments.range((who, 0)..=(who, u8::MAX)).map(|(_, entry)| entry).filter(waits).map(Entry::left).sum()
    }

    fn free(&self, who: u8) -> u128 {
        self.balance(who) - self.reserved(who)
    }

    fn stopped(&self, parties: &[u8]) -> bool {
        self.paused || parties.iter().any(|who| self.blocked.contains(who))
    }

    fn refused(&self, parties: &[u8]) -> bool {
        parties.iter().any(|who| self.denied.contains(who))
    }

    fn shift(&mut self, from: u8, to: u8, amount: u128) {
        *self.balances.entry(from).or_default() -= amount;
        *self.balances.entry(to).or_default() += amount;
    }

    fn waiting(&self, from: u8, key: u8, life: Life) -> Option<Entry> {
        self.payments.get(&(from, key)).filter(|entry| entry.life == life && self.now_ms < entry.until_ms).cloned()
    }

    fn set(&mut self, from: u8, key: u8, change: impl FnOnce(&mut Entry)) -> bool {
        change(self.payments.get_mut(&(from, key)).unwrap());
        true
    }

    /// Applies the operation; false, with nothing changed, where a rule forbids it.
    fn apply(&mut self, operation: Operation) -> bool {
        match operation {
            Operation::Pay { from, to, amount, key, park_ms } => {
                if self.payments.contains_key(&(from, key)) || amount == 0 || from == to || self.stopped(&[from, to]) {
                    return false;
                }
                let refused = self.refused(&[from, to]);
                if refused && park_ms == 0 || amount > self.free(from) {
                    return false;
                }
                let life = if refused { Life::Parked } else { Life::Settled };
                let received = if refused { 0 } else { amount };
                if !refused {
                    self.shift(from, to, amount);
                }
                let entry = entry(to, amount, life, received, self.now_ms + park_ms, 0);
                self.payments.insert((from, key), entry).is_none()
            }
            Operation::Reserve { from, to, amount, key, wait_ms, poster } => {
                let known = self.payments.contains_key(&(from, key)) || amount == 0 || from == to || wait_ms == 0;
                if known || self.stopped(&[from]) || self.refused(&[from]) || amount > self.free(from) {
                    return false;
                }
                let entry = entry(to, amount, Life::Pending, 0, self.now_ms + wait_ms, poster);
                self.payments.insert((from, key), entry).is_none()
            }
            Operation::Post { by, from, key, amount } => {
                let Some(entry) = self.waiting(from, key, Life::Pending) else { return false };
                let poster = if entry.poster == 0 { entry.to } else { entry.poster };
                let amount = amount.unwrap_or(entry.left());
                let wrong = by != poster || amount == 0 || amount > entry.left();
                if wrong || self.stopped(&[from, entry.to]) || self.refused(&[from, entry.to]) {
                    return false;
                }
                self.shift(from, entry.to, amount);
                self.set(from, key, |entry| (entry.life, entry.received) = (Life::Settled, amount))
            }
            Operation::Void { by, from, key } => {
                let pending = self.waiting(from, key, Life::Pending);
                let parked = self.waiting(from, key, Life::Parked);
                let may = pending.is_some_and(|entry| by == entry.to || by == entry.poster)
                    || parked.is_some_and(|entry| by == entry.to || by == from);
                may && self.set(from, key, |entry| entry.life = Life::Voided)
            }
            Operation::Release { from, key } => {
                let Some(entry) = self.waiting(from, key, Life::Parked) else { return false };
                if entry.seized > 0 || self.stopped(&[from, entry.to]) || self.refused(&[from, entry.to]) {
                    return false;
                }
                self.shift(from, entry.to, entry.ordered);
                self.set(from, key, |entry| (entry.life, entry.received) = (Life::Settled, entry.ordered))
            }
            Operation::Expire { from, key } => {
                let Some(entry) = self.payments.get(&(from, key)) else { return false };
                let due = matches!(entry.life, Life::Pending | Life::Parked) && self.now_ms >= entry.until_ms;
                due && self.set(from, key, |entry| entry.life = Life::Expired)
            }
            Operation::Return { by, from, key, back, amount } => {
                let Some(entry) = self.payments.get(&(from, key)).filter(|entry| entry.life == Life::Settled).cloned()
                else {
                    return false;
                };
                let is_new = back > 0 && !entry.returns.contains(&back);
                let fits = is_new && amount > 0 && amount <= entry.received - entry.returned;
                if by != entry.to || !fits || self.stopped(&[by, from]) || self.refused(&[by, from]) {
                    return false;
                }
                if amount > self.free(by) {
                    return false;
                }
                self.shift(by, from, amount);
                self.set(from, key, |entry| {
                    entry.returned += amount;
                    entry.returns.insert(back);
                })
            }
            Operation::Transfer { from, to, amount } => {
                let fits = !self.stopped(&[from, to]) && !self.refused(&[from, to]) && amount <= self.free(from);
                if fits {
                    self.shift(from, to, amount);
                }
                fits
            }
            Operation::Seize { from, key, amount } => {
                let Some(entry) = self.payments.get(&(from, key)) else { return false };
                let waits = matches!(entry.life, Life::Pending | Life::Parked);
                if self.paused || !waits || amount == 0 || amount > entry.left() {
                    return false;
                }
                *self.balances.entry(from).or_default() -= amount;
                self.set(from, key, |entry| entry.seized += amount)
            }
            Operation::Deny { who, on } => {
                set(&mut self.denied, who, on);
                true
            }
            Operation::Block { who, on } => {
                set(&mut self.blocked, who, on);
                true
            }
            Operation::Pause { on } => std::mem::replace(&mut self.paused, on) != on,
            Operation::Wait { ms } => {
                self.now_ms += ms;
                true
            }
        }
    }
}

fn set(set: &mut BTreeSet<u8>, who: u8, on: bool) {
    if on {
        set.insert(who);
    } else {
        set.remove(&who);
    }
}

fn entry(to: u8, ordered: u128, life: Life, received: u128, until_ms: u64, poster: u8) -> Entry {
    Entry { to, ordered, seized: 0, life, received, returned: 0, returns: BTreeSet::new(), until_ms, poster }
}

/// Sends the same operation through the dispatcher; false where it reverts.
fn send(ledger: &mut Ledger, operation: Operation) -> bool {
    let of = |from: u8, key: u8| (account(from), uetr(key));
    let now = ledger.timestamp_ms;
    match operation {
        Operation::Pay { from, to, amount, key, park_ms } => {
            let until_ms = if park_ms == 0 { 0 } else { now + park_ms };
            let call = payCall { payee: account(to), parkUntilMs: until_ms, ..order(amount, key) };
            done(ledger.call(account(from), TO, call))
        }
        Operation::Reserve { from, to, amount, key, wait_ms, poster } => {
            let poster = if poster == 0 { Address::ZERO } else { account(poster) };
            let call = reservation(ledger, amount, key);
            let call = reserveCall { payee: account(to), expiryMs: now + wait_ms, poster, ..call };
            done(ledger.call(account(from), TO, call))
        }
        Operation::Post { by, from, key, amount } => {
            let (payer, uetr) = of(from, key);
            let amount = amount.map_or(U256::MAX, units);
            done(ledger.call(account(by), TO, postCall { payer, uetr, amount }))
        }
        Operation::Void { by, from, key } => {
            let (payer, uetr) = of(from, key);
            done(ledger.call(account(by), TO, voidPaymentCall { payer, uetr }))
        }
        Operation::Release { from, key } => {
            let (payer, uetr) = of(from, key);
            done(ledger.call(STRANGER, TO, releaseCall { payer, uetr }))
        }
        Operation::Expire { from, key } => {
            let (payer, uetr) = of(from, key);
            done(ledger.call(STRANGER, TO, expireCall { payer, uetr }))
        }
        Operation::Return { by, from, key, back, amount } => {
            let (payer, uetr) = of(from, key);
            let call = returnPaymentCall { payer, uetr, ..return_call(key, back, amount) };
            done(ledger.call(account(by), TO, call))
        }
        Operation::Transfer { from, to, amount } => {
            done(ledger.call(account(from), eur(), transferCall { to: account(to), amount: units(amount) }))
        }
        Operation::Seize { from, key, amount } => {
            let (payer, uetr) = of(from, key);
            let hold = ledger.ok(STRANGER, TO, paymentOfCall { payer, uetr }).holdId;
            done(seize_from_hold(ledger, eur(), hold, amount))
        }
        Operation::Deny { who, on } => {
            deny(ledger, account(who), on);
            true
        }
        Operation::Block { who, on } => {
            freeze(ledger, account(who), on);
            true
        }
        Operation::Pause { on: true } => done(ledger.call(PAUSER, eur(), pauseCall {})),
        Operation::Pause { on: false } => done(ledger.call(PAUSER, eur(), unpauseCall {})),
        Operation::Wait { ms } => {
            ledger.timestamp_ms += ms;
            true
        }
    }
}

fn done<T>(result: Result<T, Failure>) -> bool {
    match result {
        Ok(_) => true,
        Err(Failure::Revert(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let who = || prop_oneof![2 => Just(1), 1 => Just(2), 1 => Just(3)];
    let key = || 1..=UETRS;
    let amount = || prop_oneof![5 => 1u128..150, 1 => Just(0), 1 => Just(1_000)];
    // Times are coarse, so that something happens in the very instant of an expiry.
    let wait = || prop_oneof![4 => (1u64..20).prop_map(|tens| tens * 10), 1 => Just(0)];
    let back = prop_oneof![5 => Just(1u32), 3 => Just(2), 1 => Just(3), 1 => Just(0)];
    prop_oneof![
        4 => (who(), who(), amount(), key(), wait())
            .prop_map(|(from, to, amount, key, park_ms)| Operation::Pay { from, to, amount, key, park_ms }),
        5 => (who(), who(), amount(), key(), wait(), 0..=PARTIES).prop_map(
            |(from, to, amount, key, wait_ms, poster)| Operation::Reserve { from, to, amount, key, wait_ms, poster }
        ),
        8 => (who(), who(), key(), prop::option::weighted(0.7, amount()))
            .prop_map(|(by, from, key, amount)| Operation::Post { by, from, key, amount }),
        3 => (who(), who(), key()).prop_map(|(by, from, key)| Operation::Void { by, from, key }),
        3 => (who(), key()).prop_map(|(from, key)| Operation::Release { from, key }),
        3 => (who(), key()).prop_map(|(from, key)| Operation::Expire { from, key }),
        8 => (who(), who(), key(), back, amount())
            .prop_map(|(by, from, key, back, amount)| Operation::Return { by, from, key, back, amount }),
        1 => (who(), who(), amount()).prop_map(|(from, to, amount)| Operation::Transfer { from, to, amount }),
        2 => (who(), key(), amount()).prop_map(|(from, key, amount)| Operation::Seize { from, key, amount }),
        2 => (who(), any::<bool>()).prop_map(|(who, on)| Operation::Deny { who, on }),
        1 => (who(), prop::bool::weighted(0.3)).prop_map(|(who, on)| Operation::Block { who, on }),
        1 => prop::bool::weighted(0.3).prop_map(|on| Operation::Pause { on }),
        4 => (1u64..3).prop_map(|tens| Operation::Wait { ms: tens * 10 }),
    ]
}

fn compare(ledger: &mut Ledger, model: &Model) -> Result<(), TestCaseError> {
    for who in 1..=PARTIES {
        prop_assert_eq!(balance(ledger, account(who)), model.balance(who), "balance of {}", who);
        prop_assert_eq!(spendable(ledger, account(who)), model.free(who), "free units of {}", who);
        for key in 1..=UETRS {
            let found = ledger.ok(STRANGER, TO, paymentOfCall { payer: account(who), uetr: uetr(key) });
            let found_state = State::from_number(found.state);
            let Some(entry) = model.payments.get(&(who, key)) else {
                prop_assert_eq!(found_state, None);
                continue;
            };
            let expected = match entry.life {
                Life::Pending => State::Pending,
                Life::Parked => State::Parked,
                Life::Settled => State::Settled,
                Life::Voided => State::Voided,
                Life::Expired => State::Expired,
            };
            prop_assert_eq!(found_state, Some(expected));
            prop_assert_eq!((found.received, found.returned), (units(entry.received), units(entry.returned)));
            prop_assert_eq!(found.payee, account(entry.to));
            prop_assert_eq!(usize::try_from(found.returnCount).ok(), Some(entry.returns.len()));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(model_cases(96, 120))]

    #[test]
    fn payments_do_what_the_model_does(operations in prop::collection::vec(operation(), 1..120)) {
        let mut ledger = world();
        let now_ms = ledger.timestamp_ms;
        let mut model = Model { now_ms, balances: [(1, 1_000), (2, 500)].into(), ..Model::default() };
        for operation in operations {
            prop_assert_eq!(send(&mut ledger, operation), model.apply(operation), "{:?}", operation);
        }
        compare(&mut ledger, &model)?;
        assert_sound(&mut ledger);
    }
}
