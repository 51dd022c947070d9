//! The token against a plain model: the same random operations on both, compared after each.

use super::*;
use crate::testing::model_cases;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const HOLDERS: u8 = 5;

/// A token as one would write it on a page: maps and checks.
#[derive(Clone, Debug, Default)]
struct Model {
    balances: BTreeMap<Address, u128>,
    frozen: BTreeMap<Address, u128>,
    blocked: BTreeSet<Address>,
    denied: BTreeSet<Address>,
    allowances: BTreeMap<(Address, Address), U256>,
    cap: u128,
    paused: bool,
}

#[derive(Clone, Debug)]
enum Operation {
    Transfer { from: Address, to: Address, amount: u128 },
    Pull { operator: Address, from: Address, to: Address, amount: u128 },
    Approve { owner: Address, spender: Address, amount: U256 },
    Mint { to: Address, amount: u128 },
    Redeem { from: Address, amount: u128 },
    Block { who: Address, on: bool },
    Freeze { who: Address, amount: u128 },
    Thaw { who: Address, amount: u128 },
    Deny { who: Address, on: bool },
    Pause { on: bool },
    Cap { cap: u128 },
}

impl Model {
    fn balance(&self, who: Address) -> u128 {
        self.balances.get(&who).copied().unwrap_or_default()
    }

    fn supply(&self) -> u128 {
        self.balances.values().sum()
    }

    fn free(&self, parties: &[Address]) -> bool {
        !self.paused && parties.iter().all(|who| !self.blocked.contains(who) && !self.denied.contains(who))
    }

    fn spendable(&self, who: Address) -> u128 {
        self.balance(who) - self.frozen.get(&who).copied().unwrap_or_default()
    }

    fn spend(&mut self, owner: Address, spender: Address, amount: u128) -> bool {
        let allowance = self.allowances.entry((owner, spender)).or_default();
        if *allowance == U256::MAX {
            return true;
        }
        let Some(rest) = allowance.checked_sub(units(amount)) else { return false };
        *allowance = rest;
        true
    }

    fn debit(&mut self, who: Address, amount: u128) -> bool {
        let enough = amount <= self.spendable(who);
        if enough {
            *self.balances.entry(who).or_default() -= amount;
        }
        enough
    }

    fn credit(&mut self, who: Address, amount: u128) -> bool {
        *self.balances.entry(who).or_default() += amount;
        true
    }

    /// Applies the operation; false, with nothing changed, where a rule forbids it.
    fn apply(&mut self, operation: &Operation) -> bool {
        let mut next = self.clone();
        let done = match *operation {
            Operation::Transfer { from, to, amount } => {
                next.free(&[from, to]) && next.debit(from, amount) && next.credit(to, amount)
            }
            Operation::Pull { operator, from, to, amount } => {
                next.free(&[from, to, operator])
                    && next.spend(from, operator, amount)
                    && next.debit(from, amount)
                    && next.credit(to, amount)
            }
            Operation::Approve { owner, spender, amount } => {
                next.allowances.insert((owner, spender), amount);
                true
            }
            Operation::Mint { to, amount } => {
                next.free(&[to]) && amount <= next.cap - next.supply() && next.credit(to, amount)
            }
            Operation::Redeem { from, amount } => {
                next.free(&[from, ISSUER]) && next.spend(from, ISSUER, amount) && next.debit(from, amount)
            }
            Operation::Block { who, on } => {
                if on {
                    next.blocked.insert(who)
                } else {
                    next.blocked.remove(&who)
                };
                true
            }
            Operation::Freeze { who, amount } => {
                let fits = amount <= next.spendable(who);
                *next.frozen.entry(who).or_default() += if fits { amount } else { 0 };
                fits
            }
            Operation::Thaw { who, amount } => {
                let frozen = next.frozen.entry(who).or_default();
                let fits = amount <= *frozen;
                *frozen -= if fits { amount } else { 0 };
                fits
            }
            Operation::Deny { who, on } => {
                if on {
                    next.denied.insert(who)
                } else {
                    next.denied.remove(&who)
                };
                true
            }
            Operation::Pause { on } => {
                let changes = next.paused != on;
                next.paused = on;
                changes
            }
            Operation::Cap { cap } => {
                let fits = cap >= next.supply();
                next.cap = cap;
                fits
            }
        };
        if done {
            *self = next;
        }
        done
    }
}

/// Sends the same operation through the dispatcher; false where it reverts.
fn send(ledger: &mut Ledger, operation: &Operation) -> bool {
    use crate::policy::IPolicy::removeMembersCall;
    let token = eur();
    match *operation {
        Operation::Transfer { from, to, amount } => {
            done(ledger.call(from, token, transferCall { to, amount: units(amount) }))
        }
        Operation::Pull { operator, from, to, amount } => {
            done(ledger.call(operator, token, transferFromCall { from, to, amount: units(amount) }))
        }
        Operation::Approve { owner, spender, amount } => {
            done(ledger.call(owner, token, approveCall { spender, amount }))
        }
        Operation::Mint { to, amount } => done(ledger.call(ISSUER, token, mintCall { to, amount: units(amount) })),
        Operation::Redeem { from, amount } => {
            done(ledger.call(ISSUER, token, burnFromCall { from, amount: units(amount) }))
        }
        Operation::Block { who, on } => {
            done(ledger.call(FREEZER, token, setAddressFrozenCall { userAddress: who, freeze: on }))
        }
        Operation::Freeze { who, amount } => {
            done(ledger.call(FREEZER, token, freezePartialTokensCall { userAddress: who, amount: units(amount) }))
        }
        Operation::Thaw { who, amount } => {
            done(ledger.call(FREEZER, token, unfreezePartialTokensCall { userAddress: who, amount: units(amount) }))
        }
        Operation::Deny { who, on: true } => {
            done(ledger.call(COMPLIANCE, POLICY_ADDRESS, addMembersCall { policyId: 2, accounts: vec![who] }))
        }
        Operation::Deny { who, on: false } => {
            done(ledger.call(COMPLIANCE, POLICY_ADDRESS, removeMembersCall { policyId: 2, accounts: vec![who] }))
        }
        Operation::Pause { on: true } => done(ledger.call(PAUSER, token, pauseCall {})),
        Operation::Pause { on: false } => done(ledger.call(PAUSER, token, unpauseCall {})),
        Operation::Cap { cap } => done(ledger.call(ADMIN, token, setSupplyCapCall { newCap: units(cap) })),
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
    let who = || (1..=HOLDERS).prop_map(account);
    let amount = || prop_oneof![0u128..400, Just(0), Just(1_000), Just(u128::MAX)];
    let allowance = prop_oneof![4 => (0u128..800).prop_map(units), 1 => Just(U256::MAX)];
    let spender = prop_oneof![2 => who(), 1 => Just(ISSUER)];
    prop_oneof![
        6 => (who(), who(), amount()).prop_map(|(from, to, amount)| Operation::Transfer { from, to, amount }),
        4 => (who(), who(), who(), amount())
            .prop_map(|(operator, from, to, amount)| Operation::Pull { operator, from, to, amount }),
        4 => (who(), spender, allowance)
            .prop_map(|(owner, spender, amount)| Operation::Approve { owner, spender, amount }),
        2 => (who(), amount()).prop_map(|(to, amount)| Operation::Mint { to, amount }),
        2 => (who(), amount()).prop_map(|(from, amount)| Operation::Redeem { from, amount }),
        1 => (who(), any::<bool>()).prop_map(|(who, on)| Operation::Block { who, on }),
        2 => (who(), amount()).prop_map(|(who, amount)| Operation::Freeze { who, amount }),
        2 => (who(), amount()).prop_map(|(who, amount)| Operation::Thaw { who, amount }),
        1 => (who(), any::<bool>()).prop_map(|(who, on)| Operation::Deny { who, on }),
        1 => any::<bool>().prop_map(|on| Operation::Pause { on }),
        1 => (0u128..4_000).prop_map(|cap| Operation::Cap { cap }),
    ]
}

fn compare(ledger: &mut Ledger, model: &Model) -> Result<(), TestCaseError> {
    for number in 1..=HOLDERS {
        let who = account(number);
        prop_assert_eq!(balance(ledger, who), model.balance(who));
        let frozen = ledger.ok(who, eur(), getFrozenTokensCall { userAddress: who });
        prop_assert_eq!(frozen, units(model.frozen.get(&who).copied().unwrap_or_default()));
        for spender in [account(1), account(2), ISSUER] {
            let expected = model.allowances.get(&(who, spender)).copied().unwrap_or_default();
            prop_assert_eq!(ledger.ok(who, eur(), allowanceCall { owner: who, spender }), expected);
        }
    }
    prop_assert_eq!(ledger.ok(ADMIN, eur(), totalSupplyCall {}), units(model.supply()));
    Ok(())
}

proptest! {
    #![proptest_config(model_cases(96, 60))]

    #[test]
    fn a_token_does_what_the_model_does(operations in prop::collection::vec(operation(), 1..60)) {
        let mut ledger = world();
        let mut model = Model { cap: 1_000_000, ..Model::default() };
        let mut book = EventBook::default();
        for (number, minor) in [(1, 1_000), (2, 500)] {
            model.balances.insert(account(number), minor);
            book.credit_genesis(eur(), account(number), minor);
        }
        for operation in &operations {
            prop_assert_eq!(send(&mut ledger, operation), model.apply(operation), "{:?}", operation);
        }
        compare(&mut ledger, &model)?;
        for log in &ledger.storage.logs {
            prop_assert!(book.apply(log).is_ok());
        }
        let violations = ledger.run(account(9), |context| book.check(context)).unwrap();
        prop_assert!(violations.is_empty(), "{:?}", violations);
    }
}
