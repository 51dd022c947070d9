//! Holds, freezes and orders against a plain model: the same random operations on both, compared after each.
//!
//! The model is a list of piles and a list of papers. It knows nothing of slots, marks, lists of orders or pruning.

use super::*;
use crate::{
    testing::{COURT, SEIZER, cases},
    token::{Keeper, hold_for, post_hold, release_hold},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const HOLDERS: u8 = 4;
const ALL: u128 = u128::MAX;

#[derive(Clone, Debug)]
struct Pile {
    owner: u8,
    payee: u8,
    left: u128,
}

#[derive(Clone, Debug)]
struct Paper {
    account: u8,
    payee: Option<u8>,
    whole: bool,
    cap: u128,
    left: u128,
    until: u64,
}

/// A token as one would write it on a page.
#[derive(Clone, Debug, Default)]
struct Model {
    balances: BTreeMap<u8, u128>,
    frozen: BTreeMap<u8, u128>,
    blocked: BTreeSet<u8>,
    piles: Vec<Pile>,
    papers: Vec<Paper>,
    paused: bool,
    now: u64,
}

#[derive(Clone, Debug)]
enum Operation {
    Transfer { from: u8, to: u8, amount: u128 },
    Hold { owner: u8, payee: u8, amount: u128 },
    Post { pile: usize, to: u8, amount: u128 },
    Release { pile: usize, amount: u128 },
    Freeze { who: u8, amount: u128 },
    Thaw { who: u8, amount: u128 },
    Block { who: u8, on: bool },
    Pause { on: bool },
    Issue { who: u8, payee: Option<u8>, cap: u128, span: u64 },
    End { paper: usize },
    Seize { paper: usize, amount: u128, named: u8 },
    SeizeOne { paper: usize, pile: usize, amount: u128 },
    Prune { who: u8 },
    Wait { ms: u64 },
}

impl Model {
    fn balance(&self, who: u8) -> u128 {
        self.balances.get(&who).copied().unwrap_or_default()
    }

    fn held(&self, who: u8) -> u128 {
        self.piles.iter().filter(|pile| pile.owner == who).map(|pile| pile.left).sum()
    }

    fn in_force(&self, who: u8) -> Vec<usize> {
        let holds = |paper: &Paper| paper.account == who && self.now < paper.until && (paper.whole || paper.left > 0);
        (0..self.papers.len()).filter(|index| holds(&self.papers[*index])).collect()
    }

    fn frozen(&self, who: u8) -> u128 {
        let ordered: u128 = self.in_force(who).iter().map(|index| self.papers[*index].left).sum();
        (ordered + self.frozen.get(&who).copied().unwrap_or_default()).min(self.balance(who))
    }

    fn stopped(&self, who: u8) -> bool {
        self.blocked.contains(&who) || self.in_force(who).iter().any(|index| self.papers[*index].whole)
    }

    fn free(&self, who: u8) -> u128 {
        self.balance(who).saturating_sub(self.frozen(who)).saturating_sub(self.held(who))
    }

    fn shift(&mut self, from: u8, to: u8, amount: u128) {
        *self.balances.entry(from).or_default() -= amount;
        *self.balances.entry(to).or_default() += amount;
    }

    fn seize(&mut self, paper: usize, amount: u128, unheld: bool, named: &[usize]) -> bool {
        let Paper { account, payee, left, until, .. } = self.papers[paper];
        let Some(payee) = payee else { return false };
        if self.now >= until || left == 0 || amount == 0 || (amount != ALL && amount > left) || self.paused {
            return false;
        }
        if self.stopped(payee) || named.iter().any(|pile| self.piles[*pile].owner != account) {
            return false;
        }
        let bare = if unheld { self.balance(account) - self.held(account) } else { 0 };
        let reach = bare + named.iter().map(|pile| self.piles[*pile].left).sum::<u128>();
        let units = if amount == ALL { left.min(reach) } else { amount };
        if units == 0 || units > reach {
            return false;
        }
        let mut rest = units.saturating_sub(bare);
        for pile in named {
            let taken = rest.min(self.piles[*pile].left);
            self.piles[*pile].left -= taken;
            rest -= taken;
        }
        self.papers[paper].left -= units;
        self.shift(account, payee, units);
        let most = self.balance(account);
        let frozen = self.frozen.entry(account).or_default();
        *frozen = most.min(*frozen);
        true
    }

    /// Applies the operation; false where a rule forbids it.
    fn apply(&mut self, operation: &Operation) -> bool {
        let mut next = self.clone();
        let done = next.attempt(operation);
        if done {
            *self = next;
        }
        done
    }

    fn attempt(&mut self, operation: &Operation) -> bool {
        match *operation {
            Operation::Transfer { from, to, amount } => {
                let allowed = !self.paused && !self.stopped(from) && !self.stopped(to) && amount <= self.free(from);
                if allowed {
                    self.shift(from, to, amount);
                }
                allowed
            }
            Operation::Hold { owner, payee, amount } => {
                let allowed = !self.paused && !self.stopped(owner) && amount <= self.free(owner);
                self.piles.push(Pile { owner, payee, left: amount });
                allowed
            }
            Operation::Post { pile, to, amount } => {
                let Pile { owner, left, .. } = self.piles[pile];
                let unfrozen = self.balance(owner) - self.frozen(owner);
                let allowed = !self.paused && !self.stopped(owner) && !self.stopped(to);
                if !allowed || amount > left || amount > unfrozen {
                    return false;
                }
                self.piles[pile].left -= amount;
                self.shift(owner, to, amount);
                true
            }
            Operation::Release { pile, amount } => {
                let pile = &mut self.piles[pile];
                let fits = amount <= pile.left;
                pile.left -= if fits { amount } else { 0 };
                fits
            }
            Operation::Freeze { who, amount } => {
                let room = self.balance(who) - self.frozen.get(&who).copied().unwrap_or_default();
                *self.frozen.entry(who).or_default() += amount.min(room);
                amount <= room
            }
            Operation::Thaw { who, amount } => {
                let frozen = self.frozen.entry(who).or_default();
                let fits = amount <= *frozen;
                *frozen -= if fits { amount } else { 0 };
                fits
            }
            Operation::Block { who, on } => {
                if on {
                    self.blocked.insert(who)
                } else {
                    self.blocked.remove(&who)
                };
                true
            }
            Operation::Pause { on } => {
                let changes = self.paused != on;
                self.paused = on;
                changes
            }
            Operation::Issue { who, payee, cap, span } => {
                let whole = cap == ALL && payee.is_none();
                let sound = payee != Some(who) && cap > 0 && (cap < ALL || whole) && span > 0;
                let room = self.in_force(who).len() < 8;
                let units = if whole { 0 } else { cap };
                let until = self.now + span;
                self.papers.push(Paper { account: who, payee, whole, cap: units, left: units, until });
                sound && room
            }
            Operation::End { paper } => {
                let ends = self.now < self.papers[paper].until;
                self.papers[paper].until = self.now;
                ends
            }
            Operation::Seize { paper, amount, named } => {
                let named: Vec<usize> = (0..self.piles.len().min(8)).filter(|pile| named >> pile & 1 == 1).collect();
                self.seize(paper, amount, true, &named)
            }
            Operation::SeizeOne { paper, pile, amount } => self.seize(paper, amount, false, &[pile]),
            Operation::Prune { .. } => true,
            Operation::Wait { ms } => {
                self.now += ms;
                true
            }
        }
    }
}

fn word(amount: u128) -> U256 {
    if amount == ALL { U256::MAX } else { units(amount) }
}

fn number(index: usize) -> u64 {
    index as u64 + 1
}

fn done<T>(result: Result<T, Failure>) -> bool {
    match result {
        Ok(_) => true,
        Err(Failure::Revert(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

/// Sends the same operation; false where it reverts.
fn send(ledger: &mut Ledger, operation: &Operation, piles: usize) -> bool {
    let (token, decision) = (eur(), B256::repeat_byte(0xd1));
    match *operation {
        Operation::Transfer { from, to, amount } => {
            done(ledger.call(account(from), token, transferCall { to: account(to), amount: units(amount) }))
        }
        Operation::Hold { owner, payee, amount } => {
            let parties = (account(owner), account(payee));
            done(ledger.run(account(9), |x| hold_for(x, token, Keeper::Payment, parties, amount)))
        }
        Operation::Post { pile, to, amount } => {
            let hold = (Keeper::Payment, number(pile));
            done(ledger.run(account(9), |x| post_hold(x, token, hold, account(to), amount)))
        }
        Operation::Release { pile, amount } => {
            done(ledger.run(account(9), |x| release_hold(x, token, (Keeper::Payment, number(pile)), amount)))
        }
        Operation::Freeze { who, amount } => {
            let call = freezePartialTokensCall { userAddress: account(who), amount: units(amount) };
            done(ledger.call(FREEZER, token, call))
        }
        Operation::Thaw { who, amount } => {
            let call = unfreezePartialTokensCall { userAddress: account(who), amount: units(amount) };
            done(ledger.call(FREEZER, token, call))
        }
        Operation::Block { who, on } => {
            done(ledger.call(FREEZER, token, setAddressFrozenCall { userAddress: account(who), freeze: on }))
        }
        Operation::Pause { on: true } => done(ledger.call(PAUSER, token, pauseCall {})),
        Operation::Pause { on: false } => done(ledger.call(PAUSER, token, unpauseCall {})),
        Operation::Issue { who, payee, cap, span } => {
            let payee = payee.map_or(Address::ZERO, account);
            let expiry = ledger.timestamp_ms + span;
            let (account, cap) = (account(who), word(cap));
            let call = issueOrderCall { account, payee, cap, expiryMs: expiry, legalReference: decision };
            done(ledger.call(FREEZER, token, call))
        }
        Operation::End { paper } => {
            done(ledger.call(FREEZER, token, endOrderCall { orderId: number(paper), legalReference: decision }))
        }
        Operation::Seize { paper, amount, named } => {
            let holds = (0..piles.min(8)).filter(|pile| named >> pile & 1 == 1).map(number).collect();
            let (order, amount) = (number(paper), word(amount));
            let call = seizeCall { orderId: order, amount, holdIds: holds, legalReference: decision };
            done(ledger.call(SEIZER, token, call))
        }
        Operation::SeizeOne { paper, pile, amount } => {
            let (order, hold, amount) = (number(paper), number(pile), word(amount));
            let call = seizeHoldCall { orderId: order, holdId: hold, amount, legalReference: decision };
            done(ledger.call(SEIZER, token, call))
        }
        Operation::Prune { who } => done(ledger.call(account(9), token, pruneOrdersCall { account: account(who) })),
        Operation::Wait { ms } => {
            ledger.timestamp_ms += ms;
            true
        }
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let who = || 1..=HOLDERS;
    let amount = || 0u128..300;
    let most = || prop_oneof![3 => 0u128..300, 2 => Just(ALL)];
    let index = || 0usize..8;
    let payee = prop_oneof![1 => Just(None), 4 => who().prop_map(Some)];
    let cap = prop_oneof![5 => 0u128..600, 1 => Just(ALL)];
    prop_oneof![
        6 => (who(), who(), amount()).prop_map(|(from, to, amount)| Operation::Transfer { from, to, amount }),
        4 => (who(), who(), amount()).prop_map(|(owner, payee, amount)| Operation::Hold { owner, payee, amount }),
        4 => (index(), who(), amount()).prop_map(|(pile, to, amount)| Operation::Post { pile, to, amount }),
        2 => (index(), amount()).prop_map(|(pile, amount)| Operation::Release { pile, amount }),
        1 => (who(), amount()).prop_map(|(who, amount)| Operation::Freeze { who, amount }),
        1 => (who(), amount()).prop_map(|(who, amount)| Operation::Thaw { who, amount }),
        1 => (who(), prop::bool::weighted(0.3)).prop_map(|(who, on)| Operation::Block { who, on }),
        1 => prop::bool::weighted(0.3).prop_map(|on| Operation::Pause { on }),
        6 => (who(), payee, cap, 0u64..400)
            .prop_map(|(who, payee, cap, span)| Operation::Issue { who, payee, cap, span }),
        1 => index().prop_map(|paper| Operation::End { paper }),
        6 => (index(), most(), any::<u8>())
            .prop_map(|(paper, amount, named)| Operation::Seize { paper, amount, named }),
        6 => (index(), index(), most())
            .prop_map(|(paper, pile, amount)| Operation::SeizeOne { paper, pile, amount }),
        1 => who().prop_map(|who| Operation::Prune { who }),
        2 => (0u64..150).prop_map(|ms| Operation::Wait { ms }),
    ]
}

/// Operations on what is not there are left out: what they answer is tested elsewhere.
fn applies(operation: &Operation, model: &Model) -> bool {
    let (piles, papers) = (model.piles.len(), model.papers.len());
    match *operation {
        Operation::Post { pile, .. } | Operation::Release { pile, .. } => pile < piles,
        Operation::End { paper } | Operation::Seize { paper, .. } => paper < papers,
        Operation::SeizeOne { paper, pile, .. } => paper < papers && pile < piles,
        _ => true,
    }
}

fn compare(ledger: &mut Ledger, model: &Model) -> Result<(), TestCaseError> {
    for who in 1..=HOLDERS {
        let account = account(who);
        prop_assert_eq!(balance(ledger, account), model.balance(who));
        let frozen = ledger.ok(account, eur(), getFrozenTokensCall { userAddress: account });
        let spendable = ledger.ok(account, eur(), spendableBalanceOfCall { account });
        let held = ledger.ok(account, eur(), heldBalanceOfCall { account });
        let expected = [model.frozen(who), model.free(who), model.held(who)].map(units);
        prop_assert_eq!([frozen, spendable, held], expected, "account {}", who);
        prop_assert_eq!(ledger.ok(account, eur(), isFrozenCall { userAddress: account }), model.stopped(who));
        let orders: Vec<u64> = model.in_force(who).into_iter().map(number).collect();
        prop_assert_eq!(ledger.ok(account, eur(), ordersOfCall { account }), orders);
        let due = |pile: &&Pile| pile.payee == who && pile.owner != who;
        let pending: u128 = model.piles.iter().filter(due).map(|pile| pile.left).sum();
        prop_assert_eq!(ledger.ok(account, eur(), pendingCreditOfCall { account }), units(pending));
    }
    for (index, paper) in model.papers.iter().enumerate().filter(|(_, paper)| !paper.whole) {
        let found = ledger.ok(ADMIN, eur(), orderOfCall { orderId: number(index) });
        prop_assert_eq!((found.cap, found.left, found.expiryMs), (units(paper.cap), units(paper.left), paper.until));
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn orders_do_what_the_model_does(operations in prop::collection::vec(operation(), 1..100)) {
        let mut ledger = world();
        ledger.ok(ADMIN, eur(), grantRoleCall { role: SEIZER_ROLE, account: SEIZER });
        let mut model = Model { now: ledger.timestamp_ms, ..Model::default() };
        let mut book = EventBook::default();
        for (who, minor) in [(1, 1_000), (2, 500)] {
            model.balances.insert(who, minor);
            book.credit_genesis(eur(), account(who), minor);
        }
        let supply: u128 = 1_500;
        for operation in &operations {
            if !applies(operation, &model) {
                continue;
            }
            let piles = model.piles.len();
            let expected = model.apply(operation);
            prop_assert_eq!(send(&mut ledger, operation, piles), expected, "{:?} on {:?}", operation, model);
            compare(&mut ledger, &model)?;
        }
        prop_assert_eq!(model.balances.values().sum::<u128>(), supply);
        prop_assert_eq!(balance(&mut ledger, COURT), 0);
        for log in &ledger.storage.logs {
            prop_assert!(book.apply(log).is_ok());
        }
        let violations = ledger.run(account(9), |context| book.check(context)).unwrap();
        prop_assert!(violations.is_empty(), "{:?}", violations);
    }
}
