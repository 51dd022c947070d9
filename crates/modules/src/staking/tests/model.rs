//! Bonds, elections and convictions against a plain model: the same random operations on both, compared after each.

use super::*;
use crate::testing::model_cases;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What one would write on a page about a node.
#[derive(Clone, Debug, Default)]
struct Page {
    exists: bool,
    bonded: u128,
    /// Units and the epoch from which they go back, the oldest first.
    leaving: Vec<(u128, u64)>,
    due: u128,
    free: u128,
    frozen: bool,
    convicted: bool,
    votes_count_from: u64,
    ready_until: Option<u64>,
}

#[derive(Clone, Debug)]
enum Operation {
    Bond(u8, u128),
    Unbond(u8, u128),
    Withdraw(u8),
    Collect(u8),
    Ready(u8),
    /// The next block that elects; everybody leads before it.
    Elect,
    Convict(u8),
    Pardon(u8),
    Freeze(u8, bool),
    Seize(u8, u128),
}

#[derive(Clone, Debug)]
struct Model {
    epoch: u64,
    pages: BTreeMap<u8, Page>,
    treasury: u128,
    /// First epoch, and who is on the list.
    lists: Vec<(u64, BTreeSet<u8>)>,
    result: u8,
}

impl Page {
    fn leaving_units(&self) -> u128 {
        self.leaving.iter().map(|(units, _)| units).sum()
    }

    fn kept(&self) -> u128 {
        self.bonded + self.leaving_units() + self.due
    }

    /// Takes units from what is bonded, then from what was unbonded last.
    fn lose(&mut self, mut units: u128) -> u128 {
        let mut take = |from: &mut u128| {
            let taken = units.min(*from);
            *from -= taken;
            units -= taken;
        };
        take(&mut self.bonded);
        self.leaving.iter_mut().rev().for_each(|(units, _)| take(units));
        self.leaving.retain(|(units, _)| *units > 0);
        units
    }

    fn end_if_empty(&mut self) {
        self.exists = self.exists && self.kept() > 0;
    }
}

impl Model {
    fn serves(&self, number: u8) -> bool {
        let Some(last) = self.lists.iter().rposition(|(_, list)| list.contains(&number)) else { return false };
        self.lists.get(last + 1).is_none_or(|(from_epoch, _)| self.epoch < from_epoch + 1 + 8)
    }

    fn page(&mut self, number: u8) -> &mut Page {
        self.pages.get_mut(&number).unwrap()
    }

    /// Applies the operation; false, with nothing changed, where a rule forbids it.
    fn apply(&mut self, operation: &Operation) -> bool {
        let epoch = self.epoch;
        match *operation {
            Operation::Bond(number, amount) => {
                let page = self.page(number);
                let refused = page.convicted || page.frozen || amount == 0 || amount > page.free;
                if refused || page.bonded + amount < BOND_MIN {
                    return false;
                }
                (page.exists, page.bonded, page.free) = (true, page.bonded + amount, page.free - amount);
            }
            Operation::Unbond(number, amount) => {
                let page = self.page(number);
                let (until, left) = (epoch + UNBONDING, page.bonded.checked_sub(amount));
                let joins = page.leaving.last().is_some_and(|(_, last)| *last == until);
                let fits = left.is_some_and(|left| left == 0 || left >= BOND_MIN);
                if !page.exists || amount == 0 || !fits || (!joins && page.leaving.len() == 8) {
                    return false;
                }
                page.bonded -= amount;
                match page.leaving.last_mut() {
                    Some((units, _)) if joins => *units += amount,
                    _ => page.leaving.push((amount, until)),
                }
            }
            Operation::Withdraw(number) => return self.withdraw(number),
            Operation::Collect(number) => {
                let page = self.page(number);
                if page.due == 0 || page.frozen {
                    return false;
                }
                let due = std::mem::take(&mut page.due);
                page.end_if_empty();
                self.treasury += due;
            }
            Operation::Ready(number) => {
                let page = self.page(number);
                if page.convicted {
                    return false;
                }
                page.ready_until = Some(epoch + 2);
            }
            Operation::Elect => self.elect(),
            Operation::Convict(number) => {
                let serves = self.serves(number);
                let page = self.page(number);
                if !serves || page.convicted || epoch < page.votes_count_from {
                    return false;
                }
                page.convicted = true;
                let whole = page.bonded + page.leaving_units();
                let slashed = (whole * u128::from(SLASH)).div_ceil(10_000);
                page.lose(slashed);
                page.due += slashed;
                let paid = if page.frozen { 0 } else { std::mem::take(&mut page.due) };
                page.end_if_empty();
                self.treasury += paid;
            }
            Operation::Pardon(number) => {
                let page = self.page(number);
                if page.convicted {
                    (page.convicted, page.votes_count_from) = (false, epoch + 1);
                }
            }
            Operation::Freeze(number, frozen) => self.page(number).frozen = frozen,
            Operation::Seize(number, amount) => {
                let page = self.page(number);
                if amount == 0 || amount > page.kept() {
                    return false;
                }
                let rest = page.lose(amount);
                page.due -= rest;
            }
        }
        true
    }

    fn withdraw(&mut self, number: u8) -> bool {
        let (epoch, serves) = (self.epoch, self.serves(number));
        let page = self.page(number);
        if !page.exists {
            return false;
        }
        let ripe: u128 = page.leaving.iter().filter(|(_, until)| *until <= epoch).map(|(units, _)| units).sum();
        let most = page.bonded + page.leaving_units();
        let mut units = if serves { ripe.min(most.saturating_sub(BOND_MIN)) } else { ripe };
        if units == 0 && page.kept() > 0 {
            return false;
        }
        page.free += units;
        for (part, _) in &mut page.leaving {
            let taken = units.min(*part);
            *part -= taken;
            units -= taken;
        }
        page.leaving.retain(|(units, _)| *units > 0);
        page.end_if_empty();
        true
    }

    /// Everybody is there, and every node has an institution of its own: the five highest bonds, if they are four at least.
    fn elect(&mut self) {
        let epoch = self.epoch + 1;
        self.epoch = epoch;
        let newest = self.lists.last().unwrap().1.clone();
        let mut standing: Vec<(u128, u8)> = Vec::new();
        for (number, page) in &self.pages {
            let may = page.bonded >= BOND_MIN && !page.convicted;
            if may && (newest.contains(number) || page.ready_until.is_some_and(|until| until >= epoch)) {
                standing.push((page.bonded, *number));
            }
        }
        standing.sort_by_key(|(units, number)| (std::cmp::Reverse(*units), node(*number)));
        standing.truncate(5);
        let list: BTreeSet<u8> = standing.into_iter().map(|(_, number)| number).collect();
        // The validators of genesis are of no institution: as elected they are others.
        let same = list == newest && self.lists.len() > 1;
        self.result = match (list.len() < 4, same) {
            (true, _) => 3,
            (_, true) => 2,
            _ => 1,
        };
        if self.result == 1 {
            self.lists.push((epoch + 2, list));
        }
    }
}

fn real(ledger: &mut Ledger, operation: &Operation) -> bool {
    let amount = |amount: u128| units(amount);
    match *operation {
        Operation::Bond(n, units) => {
            ledger.call(bank(n), TO, bondCall { node: node(n), amount: amount(units) }).is_ok()
        }
        Operation::Unbond(n, units) => {
            ledger.call(bank(n), TO, unbondCall { node: node(n), amount: amount(units) }).is_ok()
        }
        Operation::Withdraw(n) => ledger.call(bank(n), TO, withdrawCall { node: node(n) }).is_ok(),
        Operation::Collect(n) => ledger.call(STRANGER, TO, collectCall { node: node(n) }).is_ok(),
        Operation::Ready(n) => {
            let call = IPermission::declareNodeReadyCall { publicKey: node(n) };
            ledger.call(SEAT, PERMISSION_ADDRESS, call).is_ok()
        }
        Operation::Elect => {
            let epoch = ledger.height / BLOCKS + 1;
            elect_for(ledger, epoch + 2, &[]);
            true
        }
        Operation::Convict(n) => {
            let epoch = ledger.height / BLOCKS;
            ledger.call(STRANGER, GOV, evidence(n, epoch)).is_ok()
        }
        Operation::Pardon(n) => {
            if ledger.ok(STRANGER, GOV, IGovernance::convictionOfCall { node: node(n) }).stands {
                pardon(ledger, n);
            }
            true
        }
        Operation::Freeze(n, freeze) => {
            ledger.call(FREEZER, eur(), IToken::setAddressFrozenCall { userAddress: bank(n), freeze }).is_ok()
        }
        Operation::Seize(n, units) => {
            let hold = ledger.ok(STRANGER, TO, bondOfCall { node: node(n) }).holdId;
            let seized = hold > 0 && crate::testing::seize_from_hold(ledger, eur(), hold, units).is_ok();
            // The order ends by itself.
            ledger.timestamp_ms += 2;
            seized
        }
    }
}

fn operations() -> impl Strategy<Value = Operation> {
    let who = || 1u8..=6;
    let units = || prop_oneof![4 => 0u128..700, 1 => prop::sample::select(vec![99, 100, 101, WEALTH, WEALTH + 1])];
    prop_oneof![
        8 => (who(), units()).prop_map(|(who, units)| Operation::Bond(who, units)),
        4 => (who(), units()).prop_map(|(who, units)| Operation::Unbond(who, units)),
        4 => who().prop_map(Operation::Withdraw),
        2 => who().prop_map(Operation::Collect),
        4 => who().prop_map(Operation::Ready),
        6 => Just(Operation::Elect),
        2 => who().prop_map(Operation::Convict),
        1 => who().prop_map(Operation::Pardon),
        2 => (who(), any::<bool>()).prop_map(|(who, frozen)| Operation::Freeze(who, frozen)),
        1 => (who(), units()).prop_map(|(who, units)| Operation::Seize(who, units)),
    ]
}

proptest! {
    #![proptest_config(model_cases(40, 60))]

    #[test]
    fn bonds_follow_the_model(operations in prop::collection::vec(operations(), 0..60)) {
        let mut ledger = network();
        let page = Page { free: WEALTH, ..Page::default() };
        let mut model = Model {
            epoch: 0,
            pages: (1..=NODES).map(|number| (number, page.clone())).collect(),
            treasury: 0,
            lists: vec![(0, [1, 2, 3, 4].into())],
            result: 0,
        };
        for operation in &operations {
            let expected = model.apply(operation);
            prop_assert_eq!(real(&mut ledger, operation), expected, "{:?} of {:?}", operation, model);
            for (number, page) in &model.pages {
                let found = stands(&mut ledger, *number);
                prop_assert_eq!(found, (page.bonded, page.leaving_units(), page.due), "{} after {:?}", number, operation);
                let spendable = ledger.run(STRANGER, |x| token::spendable_units(x, eur(), bank(*number))).unwrap();
                prop_assert_eq!(spendable, page.free);
            }
            prop_assert_eq!(balance(&mut ledger, TREASURY), model.treasury);
            let list: BTreeSet<u8> = listed(&mut ledger, u64::MAX).into_iter().collect();
            prop_assert_eq!(&list, &model.lists.last().unwrap().1);
            prop_assert_eq!(ledger.ok(STRANGER, TO, lastElectionCall {}).result, model.result);
        }
        let count = model.pages.values().filter(|page| page.exists).count() as u64;
        prop_assert_eq!(ledger.ok(STRANGER, TO, bondCountCall {}), count);
        sound(&mut ledger);
    }
}
