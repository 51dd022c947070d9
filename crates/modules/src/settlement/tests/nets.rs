//! Windows against plain sums: whatever is assigned, spent and frozen, a window moves exactly the nets, or nothing.

use super::*;
use crate::{Failure, testing::cases};
use proptest::prelude::*;

const BANKS: usize = 4;

#[derive(Clone, Debug)]
enum Operation {
    Assign { debtor: u8, creditor: u8, amount: u128 },
    Prefund { bank: u8, amount: u128 },
    Spend { bank: u8, amount: u128 },
    Freeze { bank: u8 },
}

/// What everyone has, has reserved, gives and gets, and who is frozen.
#[derive(Clone, Debug, Default)]
struct Plain {
    balances: [u128; BANKS],
    reserved: [u128; BANKS],
    gives: [u128; BANKS],
    gets: [u128; BANKS],
    frozen: [bool; BANKS],
}

impl Plain {
    fn debit(&self, bank: usize) -> u128 {
        self.gives[bank].saturating_sub(self.gets[bank])
    }

    /// Applies an operation; false where a rule forbids it.
    fn apply(&mut self, operation: &Operation, prefunded: bool) -> bool {
        let free = |plain: &Self, bank: usize| plain.balances[bank] - plain.reserved[bank];
        match *operation {
            Operation::Assign { debtor, creditor, amount } => {
                let (debtor, creditor) = (usize::from(debtor) - 1, usize::from(creditor) - 1);
                let before = self.clone();
                self.gives[debtor] += amount;
                self.gets[creditor] += amount;
                let fits = debtor != creditor && (!prefunded || self.debit(debtor) <= self.reserved[debtor]);
                *self = if fits { self.clone() } else { before };
                fits
            }
            Operation::Prefund { bank, amount } => {
                let bank = usize::from(bank) - 1;
                let once = prefunded && self.reserved[bank] == 0;
                let fits = once && !self.frozen[bank] && amount <= free(self, bank);
                self.reserved[bank] += if fits { amount } else { 0 };
                fits
            }
            Operation::Spend { bank, amount } => {
                let bank = usize::from(bank) - 1;
                let fits = !self.frozen[bank] && amount <= free(self, bank);
                self.balances[bank] -= if fits { amount } else { 0 };
                fits
            }
            Operation::Freeze { bank } => {
                self.frozen[usize::from(bank) - 1] = true;
                true
            }
        }
    }

    /// Settles the window, if everyone in it may take part and has what it gives.
    fn settle(&mut self) -> bool {
        let able = |bank: usize| {
            let takes_part = self.gives[bank] > 0 || self.gets[bank] > 0;
            !takes_part || (!self.frozen[bank] && self.debit(bank) <= self.balances[bank])
        };
        // What is reserved is for this debit, the rest of it is not.
        let funded = |bank: usize| {
            let debit = self.debit(bank);
            debit <= self.balances[bank] - (self.reserved[bank] - self.reserved[bank].min(debit))
        };
        if !(0..BANKS).all(|bank| able(bank) && funded(bank)) {
            return false;
        }
        for bank in 0..BANKS {
            self.balances[bank] = self.balances[bank] + self.gets[bank] - self.gives[bank];
        }
        true
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
    fn send_net(&mut self, window: u64, operation: &Operation) -> bool {
        match *operation {
            Operation::Assign { debtor, creditor, amount } => {
                self.submitted += 1;
                let instruction_reference = reference(self.submitted);
                let call = assignCall {
                    windowId: window,
                    creditor: account(creditor),
                    amount: units(amount),
                    instructionReference: instruction_reference,
                };
                done(self.ledger.call(account(debtor), TO, call))
            }
            Operation::Prefund { bank, amount } => {
                done(self.ledger.call(account(bank), TO, prefundCall { schemeId: 1, amount: units(amount) }))
            }
            Operation::Spend { bank, amount } => {
                let call = transferCall { to: ADMIN, amount: units(amount) };
                done(self.ledger.call(account(bank), eur(), call))
            }
            Operation::Freeze { bank } => {
                self.freeze(bank, true);
                true
            }
        }
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let bank = || 1..=u8::try_from(BANKS).unwrap_or_default();
    prop_oneof![
        10 => (bank(), bank(), 1u128..40)
            .prop_map(|(debtor, creditor, amount)| Operation::Assign { debtor, creditor, amount }),
        4 => (bank(), 1u128..40).prop_map(|(bank, amount)| Operation::Prefund { bank, amount }),
        2 => (bank(), 1u128..30).prop_map(|(bank, amount)| Operation::Spend { bank, amount }),
        1 => bank().prop_map(|bank| Operation::Freeze { bank }),
    ]
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_window_moves_the_nets_or_nothing(
        prefunded in any::<bool>(),
        balances in prop::array::uniform4(0u128..80),
        operations in prop::collection::vec(operation(), 1..30),
        late in prop::collection::vec(operation(), 0..4),
    ) {
        let mut scheme = Scheme::new(&balances, false, u8::from(prefunded));
        let mut plain = Plain { balances, ..Plain::default() };
        let window = scheme.ledger.ok(OPERATOR, TO, openWindowCall { schemeId: 1 });
        for operation in &operations {
            prop_assert_eq!(scheme.send_net(window, operation), plain.apply(operation, prefunded), "{:?}", operation);
            scheme.check();
        }
        scheme.ledger.ok(OPERATOR, TO, closeWindowCall { windowId: window });
        let deadline = scheme.ledger.timestamp_ms + 1_000;
        scheme.ledger.ok(OPERATOR, TO, startWindowSettlementCall { windowId: window, fundBeforeMs: deadline });
        for operation in late.iter().filter(|operation| !matches!(operation, Operation::Assign { .. })) {
            prop_assert_eq!(scheme.send_net(window, operation), plain.apply(operation, prefunded), "{:?}", operation);
        }
        scheme.ledger.timestamp_ms = deadline;
        let settled = scheme.ledger.ok(account(9), TO, settleWindowCall { windowId: window });
        prop_assert_eq!(settled, plain.settle(), "{:?}", plain);
        for (bank, balance) in (1..).zip(plain.balances) {
            prop_assert_eq!(scheme.balance(bank), balance, "of {}", bank);
        }
        scheme.check();
        prop_assert!(scheme.close(10), "nothing keeps the day open");
    }
}
