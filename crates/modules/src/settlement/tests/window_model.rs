//! Windows against a plain model: the same random operations on both, compared after each.
//!
//! The model keeps a window as the list of its payments and adds positions up anew each time; it knows no seats, slots or holds.

use super::*;
use crate::{Failure, testing::model_cases, token::invariants::EventBook};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const BANKS: u8 = 4;

#[derive(Clone, Debug, Default)]
struct Window {
    /// As the interface numbers them: 0 open, 1 closed, 2 pending settlement, 3 settled, 4 aborted.
    state: u8,
    payments: Vec<(u8, u8, u128)>,
    deadline_ms: u64,
}

impl Window {
    fn gives(&self, bank: u8) -> u128 {
        self.payments.iter().filter(|(debtor, ..)| *debtor == bank).map(|(.., amount)| amount).sum()
    }

    fn gets(&self, bank: u8) -> u128 {
        self.payments.iter().filter(|(_, creditor, _)| *creditor == bank).map(|(.., amount)| amount).sum()
    }

    fn debit(&self, bank: u8) -> u128 {
        self.gives(bank).saturating_sub(self.gets(bank))
    }
}

#[derive(Clone, Debug, Default)]
struct Model {
    now_ms: u64,
    prefunded: bool,
    balances: BTreeMap<u8, u128>,
    /// What is reserved for net debits, by whom; nothing may be left of it.
    reserved: BTreeMap<u8, u128>,
    frozen: BTreeSet<u8>,
    suspended: BTreeSet<u8>,
    windows: Vec<Window>,
    /// Window of each payment, in order of submission.
    places: Vec<usize>,
    value: u128,
    used: u128,
}

#[derive(Clone, Debug)]
enum Operation {
    Open,
    Assign { window: usize, debtor: u8, creditor: u8, amount: u128 },
    Close { window: usize },
    Start { window: usize, after_ms: u64 },
    Settle { window: usize },
    Prefund { bank: u8, amount: u128 },
    Withdraw { bank: u8 },
    Freeze { bank: u8, on: bool },
    Suspend { bank: u8, on: bool },
    Spend { bank: u8, amount: u128 },
    Earn { bank: u8, amount: u128 },
    Wait { milliseconds: u64 },
}

impl Model {
    fn unresolved(&self) -> bool {
        self.windows.iter().any(|window| window.state < 3)
    }

    fn window(&mut self, number: usize, state: u8) -> Option<&mut Window> {
        self.windows.get_mut(number).filter(|window| window.state == state)
    }

    fn free(&self, bank: u8) -> u128 {
        self.balances[&bank] - self.reserved.get(&bank).copied().unwrap_or_default()
    }

    fn assign(&mut self, number: usize, debtor: u8, creditor: u8, amount: u128) -> bool {
        let active = !self.suspended.contains(&debtor) && !self.suspended.contains(&creditor);
        let reserved = self.reserved.get(&debtor).copied().unwrap_or_default();
        let bounded = self.prefunded.then_some(reserved);
        let Some(window) = self.window(number, 0) else { return false };
        let mut next = window.clone();
        next.payments.push((debtor, creditor, amount));
        let fits = bounded.is_none_or(|reserved| next.debit(debtor) <= reserved);
        if !active || debtor == creditor || amount == 0 || !fits {
            return false;
        }
        *window = next;
        self.places.push(number);
        true
    }

    fn settle(&mut self, number: usize) -> bool {
        let now_ms = self.now_ms;
        let Some(window) = self.window(number, 2).cloned() else { return false };
        let able = (1..=BANKS).all(|bank| {
            let (debit, balanced) = (window.debit(bank), window.gives(bank) == window.gets(bank));
            let barred = self.frozen.contains(&bank) || self.suspended.contains(&bank);
            let set_aside = self.reserved.get(&bank).copied().unwrap_or_default().min(debit);
            balanced || (!barred && debit <= self.free(bank) + set_aside)
        });
        if !able {
            self.windows[number].state = if now_ms < window.deadline_ms { 2 } else { 4 };
            return now_ms >= window.deadline_ms;
        }
        for bank in 1..=BANKS {
            let debit = window.debit(bank);
            self.reserved.entry(bank).and_modify(|reserved| *reserved -= debit.min(*reserved));
            let after = self.balances[&bank] + window.gets(bank) - window.gives(bank);
            self.balances.insert(bank, after);
            self.used += debit;
        }
        self.value += window.payments.iter().map(|(.., amount)| amount).sum::<u128>();
        self.windows[number].state = 3;
        true
    }

    /// Applies an operation; false where a rule forbids it.
    fn apply(&mut self, operation: &Operation) -> bool {
        let now_ms = self.now_ms;
        match *operation {
            Operation::Open => {
                let may = !self.prefunded || !self.unresolved();
                self.windows.extend(may.then(Window::default));
                may
            }
            Operation::Assign { window, debtor, creditor, amount } => self.assign(window, debtor, creditor, amount),
            Operation::Close { window } => self.window(window, 0).map(|window| window.state = 1).is_some(),
            Operation::Start { window, after_ms } => {
                let found = self.window(window, 1).filter(|_| after_ms > 0);
                found.map(|window| (window.state, window.deadline_ms) = (2, now_ms + after_ms)).is_some()
            }
            Operation::Settle { window } => self.settle(window),
            Operation::Prefund { bank, amount } => {
                let barred = self.frozen.contains(&bank) || self.suspended.contains(&bank);
                let may = self.prefunded && !barred && amount > 0 && !self.reserved.contains_key(&bank);
                let done = may && amount <= self.balances[&bank];
                self.reserved.extend(done.then_some((bank, amount)));
                done
            }
            Operation::Withdraw { bank } => !self.unresolved() && self.reserved.remove(&bank).is_some(),
            Operation::Freeze { bank, on } => {
                if on {
                    self.frozen.insert(bank)
                } else {
                    self.frozen.remove(&bank)
                };
                true
            }
            Operation::Suspend { bank, on: true } => self.suspended.insert(bank),
            Operation::Suspend { bank, on: false } => self.suspended.remove(&bank),
            Operation::Spend { bank, amount } => {
                let done = !self.frozen.contains(&bank) && amount <= self.free(bank);
                *self.balances.get_mut(&bank).unwrap() -= if done { amount } else { 0 };
                done
            }
            Operation::Earn { bank, amount } => {
                let done = !self.frozen.contains(&bank);
                *self.balances.get_mut(&bank).unwrap() += if done { amount } else { 0 };
                done
            }
            Operation::Wait { milliseconds } => {
                self.now_ms += milliseconds;
                true
            }
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

impl Scheme {
    fn send_to_window(&mut self, operation: &Operation) -> bool {
        let number = |window: usize| window as u64 + 1;
        let now_ms = self.ledger.timestamp_ms;
        match *operation {
            Operation::Open => done(self.ledger.call(OPERATOR, TO, openWindowCall { schemeId: 1 })),
            Operation::Assign { window, debtor, creditor, amount } => {
                let call = assignCall {
                    windowId: number(window),
                    creditor: account(creditor),
                    amount: units(amount),
                    instructionReference: reference(self.submitted),
                };
                let accepted = done(self.ledger.call(account(debtor), TO, call));
                self.submitted += u64::from(accepted);
                accepted
            }
            Operation::Close { window } => {
                done(self.ledger.call(OPERATOR, TO, closeWindowCall { windowId: number(window) }))
            }
            Operation::Start { window, after_ms } => {
                let call = startWindowSettlementCall { windowId: number(window), fundBeforeMs: now_ms + after_ms };
                done(self.ledger.call(OPERATOR, TO, call))
            }
            Operation::Settle { window } => {
                done(self.ledger.call(account(9), TO, settleWindowCall { windowId: number(window) }))
            }
            Operation::Prefund { bank, amount } => {
                done(self.ledger.call(account(bank), TO, prefundCall { schemeId: 1, amount: units(amount) }))
            }
            Operation::Withdraw { bank } => {
                done(self.ledger.call(account(bank), TO, withdrawPrefundCall { schemeId: 1 }))
            }
            Operation::Freeze { bank, on } => {
                self.freeze(bank, on);
                true
            }
            Operation::Suspend { bank, on: true } => {
                done(self.ledger.call(OPERATOR, TO, suspendCall { schemeId: 1, account: account(bank) }))
            }
            Operation::Suspend { bank, on: false } => {
                done(self.ledger.call(OPERATOR, TO, resumeCall { schemeId: 1, account: account(bank) }))
            }
            Operation::Spend { bank, amount } => {
                done(self.ledger.call(account(bank), eur(), transferCall { to: ADMIN, amount: units(amount) }))
            }
            Operation::Earn { bank, amount } => {
                done(self.ledger.call(ADMIN, eur(), transferCall { to: account(bank), amount: units(amount) }))
            }
            Operation::Wait { milliseconds } => {
                self.ledger.timestamp_ms += milliseconds;
                true
            }
        }
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let bank = || 1..=BANKS;
    let window = || 0usize..4;
    let amount = || prop_oneof![8 => 1u128..40, 1 => Just(0)];
    prop_oneof![
        3 => Just(Operation::Open),
        12 => (window(), bank(), bank(), amount())
            .prop_map(|(window, debtor, creditor, amount)| Operation::Assign { window, debtor, creditor, amount }),
        3 => window().prop_map(|window| Operation::Close { window }),
        3 => (window(), 0u64..60).prop_map(|(window, after_ms)| Operation::Start { window, after_ms }),
        5 => window().prop_map(|window| Operation::Settle { window }),
        4 => (bank(), amount()).prop_map(|(bank, amount)| Operation::Prefund { bank, amount }),
        1 => bank().prop_map(|bank| Operation::Withdraw { bank }),
        1 => (bank(), any::<bool>()).prop_map(|(bank, on)| Operation::Freeze { bank, on }),
        1 => (bank(), any::<bool>()).prop_map(|(bank, on)| Operation::Suspend { bank, on }),
        2 => (bank(), amount()).prop_map(|(bank, amount)| Operation::Spend { bank, amount }),
        2 => (bank(), amount()).prop_map(|(bank, amount)| Operation::Earn { bank, amount }),
        2 => (1u64..50).prop_map(|milliseconds| Operation::Wait { milliseconds }),
    ]
}

fn compare(scheme: &mut Scheme, model: &Model) -> Result<(), TestCaseError> {
    for bank in 1..=BANKS {
        prop_assert_eq!(scheme.balance(bank), model.balances[&bank], "balance of {}", bank);
        let found = scheme.ledger.ok(OPERATOR, TO, participantOfCall { schemeId: 1, account: account(bank) });
        let reserved = model.reserved.get(&bank).copied().unwrap_or_default();
        prop_assert_eq!(found.prefunded, units(reserved), "reserved by {}", bank);
    }
    for (window, number) in model.windows.iter().zip(1..) {
        let found = scheme.ledger.ok(OPERATOR, TO, windowOfCall { windowId: number });
        prop_assert_eq!((found.state, found.count as usize), (window.state, window.payments.len()));
        for bank in 1..=BANKS {
            let call = positionOfCall { windowId: number, account: account(bank) };
            let found = scheme.ledger.ok(OPERATOR, TO, call);
            prop_assert_eq!((found.gives, found.gets), (units(window.gives(bank)), units(window.gets(bank))));
        }
    }
    for (place, id) in model.places.iter().zip(1..) {
        let expected = [6, 6, 6, 3, 5][usize::from(model.windows[*place].state)];
        prop_assert_eq!(scheme.status(id), expected, "payment {}", id);
    }
    let figures = scheme.ledger.ok(OPERATOR, TO, figuresOfCall { schemeId: 1 });
    prop_assert_eq!((figures.value, figures.liquidityUsed), (units(model.value), units(model.used)));
    let violations = scheme.ledger.run(OPERATOR, invariants::check).unwrap();
    prop_assert!(violations.is_empty(), "{:?}", violations);
    Ok(())
}

proptest! {
    #![proptest_config(model_cases(64, 60))]

    #[test]
    fn windows_do_what_the_model_does(
        prefunded in any::<bool>(),
        balances in prop::collection::vec(0u128..80, usize::from(BANKS)),
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        let mut scheme = Scheme::new(&balances, false, u8::from(prefunded));
        let mut model = Model { prefunded, now_ms: scheme.ledger.timestamp_ms, ..Model::default() };
        model.balances = (1..).zip(balances).collect();
        for operation in &operations {
            prop_assert_eq!(scheme.send_to_window(operation), model.apply(operation), "{:?}", operation);
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
