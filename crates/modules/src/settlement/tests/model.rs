//! A scheme against a plain model: the same random operations on both, compared after each.
//!
//! The model keeps every queue as a list and settles by the book: to find what a run settles it tries again and again to
//! take the last instruction from whoever is short, over amounts that it adds up anew each time.

use super::*;
use crate::{
    Failure,
    testing::{model_cases, seize_unheld},
    token::invariants::EventBook,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const BANKS: u8 = 4;

#[derive(Clone, Debug)]
struct Item {
    debtor: u8,
    creditor: u8,
    amount: u128,
    priority: u8,
    status: u8,
    submitted_ms: u64,
}

/// A scheme as one would write it on a page.
#[derive(Clone, Debug, Default)]
struct Model {
    bypass: bool,
    open: bool,
    now_ms: u64,
    balances: BTreeMap<u8, u128>,
    reserves: BTreeMap<u8, u128>,
    multilateral: BTreeMap<u8, u128>,
    bilateral: BTreeMap<(u8, u8), u128>,
    frozen: BTreeSet<u8>,
    suspended: BTreeSet<u8>,
    /// What flowed from one to another today.
    flowed: BTreeMap<(u8, u8), u128>,
    items: BTreeMap<u64, Item>,
    /// Queues in order: numbers by debtor and priority.
    lanes: BTreeMap<(u8, u8), Vec<u64>>,
    value: u128,
    used: u128,
    delay_ms: u128,
    /// How the latest run ended.
    outcome: u8,
    /// Whether the units of the latest run had moved before something happened meanwhile.
    late: bool,
}

/// What happens to a participant during a run.
#[derive(Clone, Debug)]
enum Meanwhile {
    Frozen(u8),
    Spends(u8, u128),
    IsSeized(u8, u128),
}

impl Meanwhile {
    fn operation(&self) -> Operation {
        match *self {
            Self::Frozen(bank) => Operation::Freeze { bank, on: true },
            Self::Spends(bank, amount) => Operation::Spend { bank, amount },
            Self::IsSeized(bank, amount) => Operation::Seize { bank, amount },
        }
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Submit {
        debtor: u8,
        creditor: u8,
        amount: u128,
        priority: u8,
    },
    Cancel {
        by: u8,
        pick: prop::sample::Index,
    },
    Hold {
        by: u8,
        pick: prop::sample::Index,
    },
    Unhold {
        by: u8,
        pick: prop::sample::Index,
    },
    Reprioritise {
        by: u8,
        pick: prop::sample::Index,
        priority: u8,
    },
    Swap {
        by: u8,
        pick: prop::sample::Index,
        other: prop::sample::Index,
    },
    Release {
        debtor: u8,
    },
    Offset {
        first: u8,
        second: u8,
    },
    /// A whole run in calls of so many steps; before the first this arrives, and after it this happens.
    Run {
        steps: u32,
        arrival: Option<(u8, u8, u128)>,
        meanwhile: Option<Meanwhile>,
    },
    Reserve {
        bank: u8,
        amount: u128,
    },
    Multilateral {
        bank: u8,
        amount: Option<u128>,
    },
    Bilateral {
        bank: u8,
        other: u8,
        amount: Option<u128>,
    },
    Freeze {
        bank: u8,
        on: bool,
    },
    Suspend {
        bank: u8,
        on: bool,
    },
    Spend {
        bank: u8,
        amount: u128,
    },
    Earn {
        bank: u8,
        amount: u128,
    },
    /// Units are taken by order, frozen or not.
    Seize {
        bank: u8,
        amount: u128,
    },
    CloseAndOpen,
    Wait {
        milliseconds: u64,
    },
}

impl Model {
    fn queue(&self, bank: u8) -> Vec<u64> {
        (0..3).flat_map(|lane| self.lanes.get(&(bank, lane)).cloned().unwrap_or_default()).collect()
    }

    fn may(&self, bank: u8) -> bool {
        !self.frozen.contains(&bank) && !self.suspended.contains(&bank)
    }

    fn net_today(&self, bank: u8, other: u8) -> i128 {
        let flow = |from, to| self.flowed.get(&(from, to)).copied().unwrap_or_default() as i128;
        flow(bank, other) - flow(other, bank)
    }

    /// Whether the bank stays within its bounds when it pays these net amounts.
    fn within(&self, bank: u8, net: &BTreeMap<u8, i128>, paid: &BTreeSet<u8>, urgent: bool) -> bool {
        let total: i128 = net.values().sum();
        let reserve = if urgent { 0 } else { self.reserves.get(&bank).copied().unwrap_or_default() };
        let covered = total <= self.balances[&bank] as i128 - reserve as i128;
        let today: i128 = (1..=BANKS).map(|other| self.net_today(bank, other)).sum();
        let limited = self.multilateral.get(&bank).is_none_or(|limit| today + total <= *limit as i128);
        let pairs = paid.iter().all(|other| {
            let net = net.get(other).copied().unwrap_or_default();
            let limit = self.bilateral.get(&(bank, *other));
            limit.is_none_or(|limit| self.net_today(bank, *other) + net <= *limit as i128)
        });
        covered && limited && pairs
    }

    fn covered(&self, id: u64) -> bool {
        let Item { debtor, creditor, amount, priority, .. } = self.items[&id];
        let net = BTreeMap::from([(creditor, amount as i128)]);
        let paid = BTreeSet::from([creditor]);
        self.may(debtor) && self.may(creditor) && self.within(debtor, &net, &paid, priority == 0)
    }

    /// Lets instructions settle together, on the net of `banks`.
    fn settle(&mut self, ids: &[u64]) {
        let before = self.balances.clone();
        for id in ids {
            let item = self.items.get_mut(id).unwrap();
            item.status = 3;
            let Item { debtor, creditor, amount, submitted_ms, .. } = item.clone();
            // Within the step a balance may be short; the end counts, and is checked by unsigned arithmetic.
            *self.balances.get_mut(&creditor).unwrap() += amount;
            *self.flowed.entry((debtor, creditor)).or_default() += amount;
            self.value += amount;
            self.delay_ms += u128::from(self.now_ms - submitted_ms);
            self.lanes.values_mut().for_each(|lane| lane.retain(|other| other != id));
        }
        for id in ids {
            let Item { debtor, amount, .. } = self.items[id];
            *self.balances.get_mut(&debtor).unwrap() -= amount;
        }
        self.used += (1..=BANKS).map(|bank| before[&bank].saturating_sub(self.balances[&bank])).sum::<u128>();
    }

    fn release(&mut self, bank: u8) {
        for id in self.queue(bank) {
            if self.covered(id) {
                self.settle(&[id]);
            } else if !self.bypass {
                return;
            }
        }
    }

    /// What settles of these queues together: shortened from the end until nobody is short.
    fn largest(&self, mut queues: BTreeMap<u8, Vec<u64>>) -> Vec<u64> {
        loop {
            let short = queues.keys().copied().find(|bank| {
                let paid: BTreeSet<u8> = queues[bank].iter().map(|id| self.items[id].creditor).collect();
                let mut net = BTreeMap::<u8, i128>::new();
                for id in queues.values().flatten() {
                    let Item { debtor, creditor, amount, .. } = self.items[id];
                    if debtor == *bank {
                        *net.entry(creditor).or_default() += amount as i128;
                    }
                    if creditor == *bank {
                        *net.entry(debtor).or_default() -= amount as i128;
                    }
                }
                !paid.is_empty()
                    && (!self.may(*bank)
                        || !paid.iter().all(|other| self.may(*other))
                        || !self.within(*bank, &net, &paid, false))
            });
            match short {
                Some(bank) => _ = queues.get_mut(&bank).unwrap().pop(),
                None => return queues.into_values().flatten().collect(),
            }
        }
    }

    fn offset(&mut self, first: u8, second: u8) {
        if !self.may(first) || !self.may(second) {
            return;
        }
        let leading = |debtor, creditor| -> Vec<u64> {
            self.queue(debtor).into_iter().take_while(|id| self.items[id].creditor == creditor).take(16).collect()
        };
        let queues = BTreeMap::from([(first, leading(first, second)), (second, leading(second, first))]);
        if queues.values().all(|queue| !queue.is_empty()) {
            let set = self.largest(queues);
            self.settle(&set);
        }
    }

    fn run(&mut self) {
        let queues: BTreeMap<u8, Vec<u64>> = (1..=BANKS).map(|bank| (bank, self.queue(bank))).collect();
        let queued = queues.values().flatten().count();
        let set = self.largest(queues);
        self.outcome = if queued == 0 {
            3
        } else if set.is_empty() {
            2
        } else {
            1
        };
        self.settle(&set);
    }

    fn submit(&mut self, (debtor, creditor, amount, priority): (u8, u8, u128, u8), running: bool) -> bool {
        let known = self.open && debtor != creditor && amount > 0;
        if !known || self.suspended.contains(&debtor) || self.suspended.contains(&creditor) {
            return false;
        }
        let id = self.items.len() as u64 + 1;
        let item = Item { debtor, creditor, amount, priority, status: 1, submitted_ms: self.now_ms };
        self.items.insert(id, item);
        let first = (0..=priority).all(|lane| self.lanes.get(&(debtor, lane)).is_none_or(Vec::is_empty));
        if !running && (self.bypass || first) && self.covered(id) {
            self.settle(&[id]);
            return true;
        }
        self.lanes.entry((debtor, priority)).or_default().push(id);
        if !running {
            self.offset(debtor, creditor);
        }
        true
    }

    /// Takes a queued or held instruction of the debtor out of its lane.
    fn withdraw(&mut self, by: u8, id: u64, statuses: &[u8]) -> bool {
        let fits = self.items.get(&id).is_some_and(|item| item.debtor == by && statuses.contains(&item.status));
        if fits {
            self.lanes.values_mut().for_each(|lane| lane.retain(|other| *other != id));
        }
        fits
    }

    fn enter(&mut self, id: u64) {
        let item = self.items.get_mut(&id).unwrap();
        item.status = 1;
        let lane = (item.debtor, item.priority);
        self.lanes.entry(lane).or_default().push(id);
    }

    fn swap(&mut self, by: u8, first: u64, second: u64) -> bool {
        let place =
            |id| self.lanes.iter().find_map(|(lane, ids)| Some((*lane, ids.iter().position(|other| *other == id)?)));
        let (Some(one), Some(two)) = (place(first), place(second)) else { return false };
        if first == second || one.0.0 != by || two.0.0 != by {
            return false;
        }
        self.lanes.get_mut(&one.0).unwrap()[one.1] = second;
        self.lanes.get_mut(&two.0).unwrap()[two.1] = first;
        self.items.get_mut(&first).unwrap().priority = two.0.1;
        self.items.get_mut(&second).unwrap().priority = one.0.1;
        true
    }

    fn next_day(&mut self) {
        for item in self.items.values_mut().filter(|item| item.status == 1 || item.status == 2) {
            item.status = 5;
        }
        self.lanes.clear();
        self.flowed.clear();
    }

    /// Applies an operation; false where a rule forbids it.
    fn apply(&mut self, operation: &Operation) -> bool {
        let count = self.items.len();
        let id = |pick: &prop::sample::Index| if count == 0 { 1 } else { pick.index(count) as u64 + 1 };
        match operation {
            Operation::Submit { debtor, creditor, amount, priority } => {
                self.submit((*debtor, *creditor, *amount, *priority), false)
            }
            Operation::Cancel { by, pick } => {
                let done = self.withdraw(*by, id(pick), &[1, 2]);
                self.items.entry(id(pick)).and_modify(|item| item.status = if done { 4 } else { item.status });
                done
            }
            Operation::Hold { by, pick } => {
                let done = self.withdraw(*by, id(pick), &[1]);
                self.items.entry(id(pick)).and_modify(|item| item.status = if done { 2 } else { item.status });
                done
            }
            Operation::Unhold { by, pick } => {
                let done = self.withdraw(*by, id(pick), &[2]);
                if done {
                    self.enter(id(pick));
                }
                done
            }
            Operation::Reprioritise { by, pick, priority } => {
                let done = self.withdraw(*by, id(pick), &[1]);
                if done {
                    self.items.get_mut(&id(pick)).unwrap().priority = *priority;
                    self.enter(id(pick));
                }
                done
            }
            Operation::Swap { by, pick, other } => self.swap(*by, id(pick), id(other)),
            Operation::Release { debtor } => {
                let active = !self.suspended.contains(debtor);
                if active {
                    self.release(*debtor);
                }
                active
            }
            Operation::Offset { first, second } => {
                let active = first != second && !self.suspended.contains(first) && !self.suspended.contains(second);
                if active {
                    self.offset(*first, *second);
                }
                active
            }
            Operation::Run { arrival, meanwhile, .. } => {
                let meanwhile = meanwhile.as_ref().map(Meanwhile::operation);
                if let Some(operation) = meanwhile.as_ref().filter(|_| !self.late) {
                    self.apply(operation);
                }
                self.run();
                if let Some(operation) = meanwhile.as_ref().filter(|_| self.late) {
                    self.apply(operation);
                }
                if let Some((debtor, creditor, amount)) = *arrival {
                    self.submit((debtor, creditor, amount, 2), true);
                }
                true
            }
            Operation::Reserve { bank, amount } => self.bound(*bank, |model| _ = model.reserves.insert(*bank, *amount)),
            Operation::Multilateral { bank, amount } => self.bound(*bank, |model| match amount {
                Some(amount) => _ = model.multilateral.insert(*bank, *amount),
                None => _ = model.multilateral.remove(bank),
            }),
            Operation::Bilateral { bank, other, amount } => {
                // Every pair had its first limit before the first day.
                let fits = bank != other && !self.suspended.contains(other);
                fits && self.bound(*bank, |model| match amount {
                    Some(amount) => _ = model.bilateral.insert((*bank, *other), *amount),
                    None => _ = model.bilateral.remove(&(*bank, *other)),
                })
            }
            Operation::Freeze { bank, on } => {
                if *on {
                    self.frozen.insert(*bank)
                } else {
                    self.frozen.remove(bank)
                };
                true
            }
            Operation::Suspend { bank, on: true } => self.suspended.insert(*bank),
            Operation::Suspend { bank, on: false } => self.suspended.remove(bank),
            Operation::Spend { bank, amount } => {
                let done = !self.frozen.contains(bank) && *amount <= self.balances[bank];
                *self.balances.get_mut(bank).unwrap() -= if done { *amount } else { 0 };
                done
            }
            Operation::Seize { bank, amount } => {
                let done = *amount > 0 && *amount <= self.balances[bank];
                *self.balances.get_mut(bank).unwrap() -= if done { *amount } else { 0 };
                done
            }
            Operation::Earn { bank, amount } => {
                let done = !self.frozen.contains(bank);
                *self.balances.get_mut(bank).unwrap() += if done { *amount } else { 0 };
                done
            }
            Operation::CloseAndOpen => {
                self.next_day();
                true
            }
            Operation::Wait { milliseconds } => {
                self.now_ms += milliseconds;
                true
            }
        }
    }

    fn bound(&mut self, bank: u8, change: impl FnOnce(&mut Self)) -> bool {
        let active = !self.suspended.contains(&bank);
        if active {
            change(self);
        }
        active
    }
}

fn done<T>(result: Result<T, Failure>) -> bool {
    match result {
        Ok(_) => true,
        Err(Failure::Revert(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

impl Scheme {
    /// Submits; a reference is used up only by what is accepted.
    fn try_pay(&mut self, debtor: u8, creditor: u8, amount: u128, priority: u8) -> bool {
        let call = self.submission(creditor, amount, priority);
        let accepted = done(self.ledger.call(account(debtor), TO, call));
        self.submitted -= u64::from(!accepted);
        accepted
    }

    fn send(&mut self, operation: &Operation, value_date: &mut u32) -> bool {
        let count = usize::try_from(self.submitted).unwrap();
        let id = |pick: &prop::sample::Index| if count == 0 { 1 } else { pick.index(count) as u64 + 1 };
        let bound = |amount: Option<u128>| amount.map_or(NONE, units);
        let ledger = &mut self.ledger;
        match operation {
            Operation::Submit { debtor, creditor, amount, priority } => {
                self.try_pay(*debtor, *creditor, *amount, *priority)
            }
            Operation::Cancel { by, pick } => {
                done(ledger.call(account(*by), TO, cancelCall { instructionId: id(pick) }))
            }
            Operation::Hold { by, pick } => {
                done(ledger.call(account(*by), TO, holdInstructionCall { instructionId: id(pick) }))
            }
            Operation::Unhold { by, pick } => {
                done(ledger.call(account(*by), TO, unholdInstructionCall { instructionId: id(pick) }))
            }
            Operation::Reprioritise { by, pick, priority } => {
                let call = reprioritiseCall { instructionId: id(pick), priority: *priority };
                done(ledger.call(account(*by), TO, call))
            }
            Operation::Swap { by, pick, other } => {
                let call = swapCall { instructionId: id(pick), otherId: id(other) };
                done(ledger.call(account(*by), TO, call))
            }
            Operation::Release { debtor } => {
                let call = releaseCall { schemeId: 1, debtor: account(*debtor), steps: 1_000 };
                done(ledger.call(account(9), TO, call))
            }
            Operation::Offset { first, second } => {
                let call = offsetCall { schemeId: 1, first: account(*first), second: account(*second) };
                done(ledger.call(account(9), TO, call))
            }
            Operation::Run { steps, arrival, meanwhile } => {
                ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
                if let Some((debtor, creditor, amount)) = *arrival {
                    self.try_pay(debtor, creditor, amount, 2);
                }
                let mut phase = self.advance(*steps);
                // With one step a call phase 4 is always reached by itself: there the most can go wrong.
                while *steps == 1 && (1..4).contains(&phase) {
                    phase = self.advance(1);
                }
                self.late = !(1..=4).contains(&phase);
                if let Some(meanwhile) = meanwhile {
                    self.send(&meanwhile.operation(), value_date);
                }
                while phase != 0 {
                    phase = self.advance(*steps);
                }
                true
            }
            Operation::Reserve { bank, amount } => {
                done(ledger.call(account(*bank), TO, setReserveCall { schemeId: 1, amount: units(*amount) }))
            }
            Operation::Multilateral { bank, amount } => {
                let call = setMultilateralLimitCall { schemeId: 1, amount: bound(*amount) };
                done(ledger.call(account(*bank), TO, call))
            }
            Operation::Bilateral { bank, other, amount } => {
                let (counterparty, amount) = (account(*other), bound(*amount));
                done(ledger.call(account(*bank), TO, setBilateralLimitCall { schemeId: 1, counterparty, amount }))
            }
            Operation::Freeze { bank, on } => {
                self.freeze(*bank, *on);
                true
            }
            Operation::Suspend { bank, on: true } => {
                done(ledger.call(OPERATOR, TO, suspendCall { schemeId: 1, account: account(*bank) }))
            }
            Operation::Suspend { bank, on: false } => {
                done(ledger.call(OPERATOR, TO, resumeCall { schemeId: 1, account: account(*bank) }))
            }
            Operation::Spend { bank, amount } => {
                done(ledger.call(account(*bank), eur(), transferCall { to: ADMIN, amount: units(*amount) }))
            }
            Operation::Earn { bank, amount } => {
                done(ledger.call(ADMIN, eur(), transferCall { to: account(*bank), amount: units(*amount) }))
            }
            Operation::Seize { bank, amount } => done(seize_unheld(ledger, eur(), account(*bank), *amount)),
            Operation::CloseAndOpen => {
                while !self.close(3) {}
                *value_date += 1;
                self.open(*value_date);
                true
            }
            Operation::Wait { milliseconds } => {
                ledger.timestamp_ms += milliseconds;
                true
            }
        }
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let bank = || 1..=BANKS;
    let pick = any::<prop::sample::Index>;
    let amount = || prop_oneof![8 => 1u128..40, 1 => Just(0)];
    let bound = || prop_oneof![3 => (0u128..60).prop_map(Some), 1 => Just(None)];
    let arrival = prop::option::of((bank(), bank(), 1u128..40));
    let steps = prop_oneof![Just(1u32), 1u32..8, Just(1_000)];
    let meanwhile = prop_oneof![
        2 => Just(None),
        1 => bank().prop_map(|bank| Some(Meanwhile::Frozen(bank))),
        1 => (bank(), 1u128..40).prop_map(|(bank, amount)| Some(Meanwhile::Spends(bank, amount))),
        1 => (bank(), 1u128..40).prop_map(|(bank, amount)| Some(Meanwhile::IsSeized(bank, amount))),
    ];
    prop_oneof![
        16 => (bank(), bank(), amount(), 0u8..3)
            .prop_map(|(debtor, creditor, amount, priority)| Operation::Submit { debtor, creditor, amount, priority }),
        2 => (bank(), pick()).prop_map(|(by, pick)| Operation::Cancel { by, pick }),
        2 => (bank(), pick()).prop_map(|(by, pick)| Operation::Hold { by, pick }),
        2 => (bank(), pick()).prop_map(|(by, pick)| Operation::Unhold { by, pick }),
        2 => (bank(), pick(), 0u8..3).prop_map(|(by, pick, priority)| Operation::Reprioritise { by, pick, priority }),
        2 => (bank(), pick(), pick()).prop_map(|(by, pick, other)| Operation::Swap { by, pick, other }),
        4 => bank().prop_map(|debtor| Operation::Release { debtor }),
        2 => (bank(), bank()).prop_map(|(first, second)| Operation::Offset { first, second }),
        4 => (steps, arrival, meanwhile)
            .prop_map(|(steps, arrival, meanwhile)| Operation::Run { steps, arrival, meanwhile }),
        1 => (bank(), 0u128..20).prop_map(|(bank, amount)| Operation::Reserve { bank, amount }),
        1 => (bank(), bound()).prop_map(|(bank, amount)| Operation::Multilateral { bank, amount }),
        2 => (bank(), bank(), bound()).prop_map(|(bank, other, amount)| Operation::Bilateral { bank, other, amount }),
        1 => (bank(), any::<bool>()).prop_map(|(bank, on)| Operation::Freeze { bank, on }),
        1 => (bank(), any::<bool>()).prop_map(|(bank, on)| Operation::Suspend { bank, on }),
        1 => (bank(), amount()).prop_map(|(bank, amount)| Operation::Spend { bank, amount }),
        2 => (bank(), amount()).prop_map(|(bank, amount)| Operation::Earn { bank, amount }),
        1 => (bank(), amount()).prop_map(|(bank, amount)| Operation::Seize { bank, amount }),
        1 => Just(Operation::CloseAndOpen),
        1 => (1u64..50).prop_map(|milliseconds| Operation::Wait { milliseconds }),
    ]
}

fn compare(scheme: &mut Scheme, model: &Model) -> Result<(), TestCaseError> {
    for bank in 1..=BANKS {
        prop_assert_eq!(scheme.balance(bank), model.balances[&bank], "balance of {}", bank);
        let found = scheme.ledger.ok(OPERATOR, TO, liquidityOfCall { schemeId: 1, account: account(bank) });
        let sum = |ids: Vec<u64>| ids.iter().map(|id| model.items[id].amount).sum::<u128>();
        prop_assert_eq!(found.queuedOut, units(sum(model.queue(bank))));
        let net: i128 = (1..=BANKS).map(|other| model.net_today(other, bank)).sum();
        prop_assert_eq!(found.netPosition.to_string(), net.to_string());
    }
    for (id, item) in &model.items {
        let found = scheme.ledger.ok(OPERATOR, TO, instructionOfCall { instructionId: *id });
        prop_assert_eq!((found.status, found.priority), (item.status, item.priority), "instruction {}", id);
    }
    let figures = scheme.ledger.ok(OPERATOR, TO, figuresOfCall { schemeId: 1 });
    prop_assert_eq!((figures.value, figures.liquidityUsed), (units(model.value), units(model.used)));
    prop_assert_eq!(figures.delayMs, units(model.delay_ms));
    let order = |scheme: &mut Scheme, ids: &[u64]| -> Vec<u32> {
        ids.iter().map(|id| scheme.ledger.ok(OPERATOR, TO, instructionOfCall { instructionId: *id }).position).collect()
    };
    for ids in model.lanes.values() {
        let positions = order(scheme, ids);
        prop_assert!(positions.is_sorted_by(|one, two| one < two), "{:?} stand at {:?}", ids, positions);
    }
    let violations = scheme.ledger.run(OPERATOR, invariants::check).unwrap();
    prop_assert!(violations.is_empty(), "{:?}", violations);
    Ok(())
}

fn balances() -> impl Strategy<Value = Vec<u128>> {
    prop::collection::vec(prop_oneof![Just(0u128), 0u128..60], usize::from(BANKS))
}

proptest! {
    #![proptest_config(model_cases(64, 50))]

    #[test]
    fn a_scheme_does_what_the_model_does(
        bypass in any::<bool>(),
        balances in balances(),
        limits in any::<bool>(),
        operations in prop::collection::vec(operation(), 1..50),
    ) {
        let mut scheme = Scheme::closed(&balances, bypass, 0);
        let mut model = Model { bypass, open: true, now_ms: scheme.ledger.timestamp_ms, ..Model::default() };
        model.balances = (1..).zip(balances).collect();
        for (bank, other) in (1..=BANKS).flat_map(|bank| (1..=BANKS).map(move |other| (bank, other))) {
            // Half of the cases have bilateral limits from the first day on; the others get none.
            if limits && bank != other {
                let call = setBilateralLimitCall { schemeId: 1, counterparty: account(other), amount: NONE };
                scheme.ledger.ok(account(bank), TO, call);
            }
        }
        let mut value_date = 20_231_101;
        scheme.open(value_date);
        for operation in &operations {
            if !limits && matches!(operation, Operation::Bilateral { .. }) {
                continue;
            }
            // Dates of this test are days of one month.
            if value_date == 20_231_130 && matches!(operation, Operation::CloseAndOpen) {
                continue;
            }
            let accepted = scheme.send(operation, &mut value_date);
            model.late = scheme.late;
            prop_assert_eq!(accepted, model.apply(operation), "{:?}", operation);
            if matches!(operation, Operation::Run { .. }) {
                let outcome = scheme.ledger.ok(OPERATOR, TO, runOfCall { schemeId: 1 }).outcome;
                prop_assert_eq!(outcome, model.outcome);
            }
            compare(&mut scheme, &model)?;
        }
        let mut book = EventBook::default();
        for (bank, minor) in [(1, 1_000), (2, 500)] {
            book.credit_genesis(eur(), account(bank), minor);
        }
        for log in &scheme.ledger.storage.logs {
            prop_assert!(book.apply(log).is_ok());
        }
        let violations = scheme.ledger.run(OPERATOR, |context| book.check(context)).unwrap();
        prop_assert!(violations.is_empty(), "{:?}", violations);
    }
}
