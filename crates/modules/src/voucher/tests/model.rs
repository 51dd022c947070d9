//! Vouchers against a plain model: the same random operations on both, compared after each.
//!
//! The model keeps piles of units and knows nothing of holds, slots or the order in which the module looks at things.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// One voucher: where its units lie.
#[derive(Clone, Debug)]
struct Pile {
    sponsor: Address,
    beneficiary: Address,
    amount: u128,
    left: u128,
    spent: u128,
    handed: u128,
    returned: u128,
    shops_only: bool,
    transferable: bool,
    from: u64,
    expires: u64,
    active: bool,
}

#[derive(Clone, Debug, Default)]
struct Model {
    now: u64,
    free: BTreeMap<Address, u128>,
    frozen: BTreeSet<Address>,
    piles: Vec<Pile>,
}

#[derive(Clone, Debug)]
enum Operation {
    Create { sponsor: u8, beneficiary: u8, amount: u128, wait: u64, life: u64, shops: bool, transferable: bool },
    Spend { which: usize, caller: u8, payee: u8, amount: u128 },
    Hand { which: usize, caller: u8, to: u8, amount: u128 },
    GiveBack { which: usize, caller: u8, amount: u128 },
    Expire { which: usize },
    Freeze { who: u8, on: bool },
    Seize { which: usize, amount: u128 },
    Wait { ms: u64 },
}

impl Model {
    fn give(&mut self, who: Address, amount: u128) {
        *self.free.entry(who).or_default() += amount;
    }

    fn apply(&mut self, operation: &Operation) -> bool {
        let mut next = self.clone();
        let done = next.attempt(operation);
        if done {
            *self = next;
        }
        done
    }

    /// Units that the caller may decide over; none where it may not.
    fn portion(&self, which: usize, caller: u8, amount: u128) -> Option<u128> {
        let pile = &self.piles[which];
        let units = if amount == u128::MAX { pile.left } else { amount };
        let allowed = pile.active && pile.beneficiary == account(caller);
        (allowed && units > 0 && units <= pile.left).then_some(units)
    }

    fn take(&mut self, which: usize, units: u128) {
        let pile = &mut self.piles[which];
        pile.left -= units;
        pile.active = pile.left > 0;
    }

    fn attempt(&mut self, operation: &Operation) -> bool {
        match *operation {
            Operation::Create { sponsor, beneficiary, amount, wait, life, shops, transferable } => {
                let (sponsor, from, expires) = (account(sponsor), self.now + wait, self.now + life);
                let free = self.free.entry(sponsor).or_default();
                let sound = life > 0 && from < expires && amount > 0 && amount <= *free;
                if !sound || sponsor == account(beneficiary) || self.frozen.contains(&sponsor) {
                    return false;
                }
                *free -= amount;
                self.piles.push(Pile {
                    sponsor,
                    beneficiary: account(beneficiary),
                    amount,
                    left: amount,
                    spent: 0,
                    handed: 0,
                    returned: 0,
                    shops_only: shops,
                    transferable,
                    from,
                    expires,
                    active: true,
                });
                true
            }
            Operation::Spend { which, caller, payee, amount } => {
                let Some(units) = self.portion(which, caller, amount) else { return false };
                let pile = self.piles[which].clone();
                let open = (pile.from..pile.expires).contains(&self.now);
                // The shops are accounts 1 and 2.
                let admitted = payee != caller && (!pile.shops_only || payee <= 2);
                let parties = [pile.sponsor, pile.beneficiary, account(payee)];
                if !open || !admitted || parties.iter().any(|party| self.frozen.contains(party)) {
                    return false;
                }
                self.take(which, units);
                self.piles[which].spent += units;
                self.give(account(payee), units);
                true
            }
            Operation::Hand { which, caller, to, amount } => {
                let Some(units) = self.portion(which, caller, amount) else { return false };
                let pile = self.piles[which].clone();
                let fits = account(to) != pile.sponsor && to != caller && !self.frozen.contains(&pile.beneficiary);
                if !pile.transferable || self.now >= pile.expires || !fits {
                    return false;
                }
                if units == pile.left {
                    self.piles[which].beneficiary = account(to);
                    return true;
                }
                self.take(which, units);
                self.piles[which].handed += units;
                let (beneficiary, spent, handed, returned) = (account(to), 0, 0, 0);
                let part = Pile { beneficiary, amount: units, left: units, spent, handed, returned, ..pile };
                self.piles.push(part);
                !self.frozen.contains(&self.piles[which].sponsor)
            }
            Operation::GiveBack { which, caller, amount } => {
                let Some(units) = self.portion(which, caller, amount) else { return false };
                self.take(which, units);
                self.piles[which].returned += units;
                self.give(self.piles[which].sponsor, units);
                true
            }
            Operation::Expire { which } => {
                let pile = self.piles[which].clone();
                self.give(pile.sponsor, pile.left);
                self.piles[which].returned += pile.left;
                (self.piles[which].left, self.piles[which].active) = (0, false);
                pile.active && self.now >= pile.expires
            }
            Operation::Freeze { who, on } => {
                if on {
                    self.frozen.insert(account(who))
                } else {
                    self.frozen.remove(&account(who))
                };
                true
            }
            Operation::Seize { which, amount } => {
                let pile = &mut self.piles[which];
                let fits = amount <= pile.left;
                pile.left = pile.left.saturating_sub(amount);
                fits
            }
            Operation::Wait { ms } => {
                self.now += ms;
                true
            }
        }
    }
}

fn amount_word(amount: u128) -> U256 {
    if amount == u128::MAX { ALL } else { units(amount) }
}

fn done<T>(result: Result<T, Failure>) -> bool {
    match result {
        Ok(_) => true,
        Err(Failure::Revert(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

/// Sends the same operation through the dispatcher; false where it reverts.
fn send(ledger: &mut Ledger, operation: &Operation) -> bool {
    let id = |which: usize| which as u64 + 1;
    match *operation {
        Operation::Create { sponsor, beneficiary, amount, wait, life, shops, transferable } => {
            let terms = VoucherTerms {
                payeePolicyId: if shops { SHOPS } else { 0 },
                spendFromMs: ledger.timestamp_ms + wait,
                expiresMs: ledger.timestamp_ms + life,
                transferable,
                ..terms(ledger)
            };
            let call = createCall { terms, beneficiary: account(beneficiary), amount: units(amount) };
            done(ledger.call(account(sponsor), TO, call))
        }
        Operation::Spend { which, caller, payee, amount } => {
            let call = spendCall { voucherId: id(which), ..spend(account(payee), amount_word(amount)) };
            done(ledger.call(account(caller), TO, call))
        }
        Operation::Hand { which, caller, to, amount } => {
            let call = handCall { voucherId: id(which), to: account(to), amount: amount_word(amount) };
            done(ledger.call(account(caller), TO, call))
        }
        Operation::GiveBack { which, caller, amount } => {
            let call = giveBackCall { voucherId: id(which), amount: amount_word(amount) };
            done(ledger.call(account(caller), TO, call))
        }
        Operation::Expire { which } => done(ledger.call(ANYONE, TO, expireCall { voucherId: id(which) })),
        Operation::Freeze { who, on } => {
            let call = setAddressFrozenCall { userAddress: account(who), freeze: on };
            done(ledger.call(FREEZER, eur(), call))
        }
        Operation::Seize { which, amount } => seize(ledger, id(which), amount),
        Operation::Wait { ms } => {
            ledger.timestamp_ms += ms;
            true
        }
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let which = || 0usize..4;
    let who = || 1u8..=4;
    let amount = || prop_oneof![6 => 0u128..300, 1 => Just(u128::MAX)];
    let times = (prop_oneof![Just(0), 0u64..900], 0u64..2_000);
    prop_oneof![
        6 => (1u8..=2, who(), 0u128..400, times, any::<bool>(), prop::bool::weighted(0.8)).prop_map(
            |(sponsor, beneficiary, amount, (wait, life), shops, transferable)| {
                Operation::Create { sponsor, beneficiary, amount, wait, life, shops, transferable }
            }
        ),
        8 => (which(), who(), who(), amount())
            .prop_map(|(which, caller, payee, amount)| Operation::Spend { which, caller, payee, amount }),
        6 => (which(), who(), who(), amount())
            .prop_map(|(which, caller, to, amount)| Operation::Hand { which, caller, to, amount }),
        2 => (which(), who(), amount())
            .prop_map(|(which, caller, amount)| Operation::GiveBack { which, caller, amount }),
        2 => which().prop_map(|which| Operation::Expire { which }),
        1 => (who(), any::<bool>()).prop_map(|(who, on)| Operation::Freeze { who, on }),
        1 => (which(), 1u128..100).prop_map(|(which, amount)| Operation::Seize { which, amount }),
        2 => (0u64..600).prop_map(|ms| Operation::Wait { ms }),
    ]
}

/// The voucher that an operation is about.
fn subject(operation: &Operation) -> Option<usize> {
    match *operation {
        Operation::Spend { which, .. }
        | Operation::Hand { which, .. }
        | Operation::GiveBack { which, .. }
        | Operation::Expire { which }
        | Operation::Seize { which, .. } => Some(which),
        _ => None,
    }
}

/// The caller of an operation on a voucher becomes its beneficiary more often than not: strangers are refused anyway.
fn aimed(model: &Model, mut operation: Operation, honest: bool) -> Operation {
    let beneficiary = subject(&operation).and_then(|which| model.piles.get(which)).map(|pile| pile.beneficiary[0]);
    if let (
        Some(own),
        true,
        Operation::Spend { caller, .. } | Operation::Hand { caller, .. } | Operation::GiveBack { caller, .. },
    ) = (beneficiary, honest, &mut operation)
    {
        *caller = own;
    }
    operation
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn vouchers_do_what_the_model_does(
        operations in prop::collection::vec((operation(), prop::bool::weighted(0.8)), 1..60),
    ) {
        let mut ledger = world();
        let mut model = Model { now: ledger.timestamp_ms, ..Model::default() };
        model.free = BTreeMap::from([(account(1), 1_000), (account(2), 500)]);
        for (operation, honest) in operations {
            if subject(&operation).is_some_and(|which| which >= model.piles.len()) {
                continue;
            }
            let operation = aimed(&model, operation, honest);
            prop_assert_eq!(send(&mut ledger, &operation), model.apply(&operation), "{:?}", operation);
        }
        for who in (1..=4).map(account) {
            let expected = model.free.get(&who).copied().unwrap_or_default();
            prop_assert_eq!(balances(&mut ledger, who).1, expected);
        }
        for (number, pile) in (1u64..).zip(&model.piles) {
            let found = get(&mut ledger, number);
            prop_assert_eq!((found.sponsor, found.beneficiary), (pile.sponsor, pile.beneficiary));
            let figures = [found.amount, found.spent, found.handed, found.returned, found.left];
            prop_assert_eq!(figures, [pile.amount, pile.spent, pile.handed, pile.returned, pile.left].map(units));
            prop_assert_eq!(found.status == 1, pile.active);
        }
        prop_assert_eq!(ledger.ok(ANYONE, TO, voucherCountCall {}), model.piles.len() as u64);
        prop_assert_eq!(sound(&mut ledger), Vec::<&str>::new());
    }
}
