//! Limits and the travel rule against a plain model: payments, holds, sweeps and links over two months, each on both
//! sides. The model keeps every payment and adds up; it knows months by a table.

use super::{people::*, *};
use crate::{
    Failure, IDENTITY_ADDRESS,
    identity::IIdentity::unlinkCall,
    testing::model_cases,
    token::{
        IToken::{
            balanceOfCall, checkTransferCall, claimParkedCall, pendingCreditOfCall, releaseParkedCall,
            setLinkedAccountCall,
        },
        Keeper, hold_for,
        invariants::EventBook,
        post_hold, release_hold,
    },
};
use alloy_primitives::{B256, U256};
use std::collections::BTreeMap;

const ACCOUNTS: u8 = 5;
const PERSONS: u64 = 3;

/// What becomes of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Moved,
    Parked,
    Refused,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    Park,
    Sweep(u128),
    No,
}

/// Something that was paid or promised, as far as rules counted it.
#[derive(Clone, Copy, Debug)]
struct Paid {
    time: u64,
    payer: (u64, Option<Address>),
    payee: (u64, Option<Address>),
    amount: u128,
    limited: bool,
    travelled: bool,
}

#[derive(Clone, Copy, Debug)]
struct Reserved {
    owner: Address,
    payee: Address,
    left: u128,
    pending: bool,
    parked: bool,
    /// Whether limits were asked when it was made.
    asked: bool,
    /// Where it stands among what was paid, if a limit counted it.
    counted: Option<usize>,
}

#[derive(Clone, Debug, Default)]
struct Model {
    now: u64,
    balances: BTreeMap<Address, u128>,
    persons: BTreeMap<Address, u64>,
    linked: BTreeMap<Address, Address>,
    exempt: BTreeSet<Address>,
    limits: [u128; 3],
    holding: (u128, u8),
    threshold: u128,
    paid: Vec<Paid>,
    reserved: Vec<Reserved>,
    exchanges: BTreeMap<(u64, u64), (u128, u64)>,
}

#[derive(Clone, Debug)]
enum Operation {
    Wait { milliseconds: u64 },
    Pay { from: Address, to: Address, amount: u128 },
    Reserve { from: Address, to: Address, amount: u128 },
    Post { pick: prop::sample::Index, amount: u128 },
    Release { pick: prop::sample::Index, amount: u128 },
    Link { who: Address, person: u64 },
    Unlink { who: Address },
    Sink { who: Address, to: Address },
    Exempt { who: Address, on: bool },
    Limits { limits: [u128; 3] },
    Holding { limit: u128, outcome: u8 },
    Threshold { threshold: u128 },
    Exchange { payer: u64, payee: u64, amount: u128, after: u64 },
}

/// 1 January, 1 February, 1 March and 1 April of 2024, a leap year.
fn month_of(time: u64) -> usize {
    [at(2024, 1), at(2024, 32), at(2024, 61), at(2024, 92)].iter().filter(|start| **start <= time).count()
}

impl Model {
    fn balance(&self, who: Address) -> u128 {
        self.balances.get(&who).copied().unwrap_or_default()
    }

    fn person(&self, who: Address) -> u64 {
        self.persons.get(&who).copied().unwrap_or_default()
    }

    /// Who counts: the person, or the address of nobody.
    fn party(&self, who: Address) -> (u64, Option<Address>) {
        let person = self.person(who);
        (person, (person == 0).then_some(who))
    }

    fn same(&self, one: Address, other: Address) -> bool {
        one == other || (self.person(one) != 0 && self.person(one) == self.person(other))
    }

    fn pending(&self, who: Address) -> u128 {
        self.reserved.iter().filter(|hold| hold.pending && hold.payee == who).map(|hold| hold.left).sum()
    }

    fn spendable(&self, who: Address) -> u128 {
        let held: u128 = self.reserved.iter().filter(|hold| hold.owner == who).map(|hold| hold.left).sum();
        self.balance(who) - held
    }

    fn holds(&self, who: Address) -> u128 {
        let wallets = (1..=ACCOUNTS).map(account).filter(|wallet| *wallet == who || self.same(*wallet, who));
        wallets.map(|wallet| self.balance(wallet) + self.pending(wallet)).sum()
    }

    fn spent(&self, who: Address) -> (u128, u128) {
        let party = self.party(who);
        let own = self.paid.iter().filter(|paid| paid.limited && paid.payer == party);
        let today = own.clone().filter(|paid| paid.time / DAY_MS == self.now / DAY_MS).map(|paid| paid.amount);
        let month = own.filter(|paid| month_of(paid.time) == month_of(self.now)).map(|paid| paid.amount);
        (today.sum(), month.sum())
    }

    fn total(&self, from: Address, to: Address) -> u128 {
        let (payer, payee) = (self.party(from), self.party(to));
        let both = self.paid.iter().filter(|paid| paid.travelled && (paid.payer, paid.payee) == (payer, payee));
        both.filter(|paid| paid.time / DAY_MS == self.now / DAY_MS).map(|paid| paid.amount).sum()
    }

    fn within_limits(&self, from: Address, amount: u128) -> bool {
        let ([single, day, month], (today, this_month)) = (self.limits, self.spent(from));
        self.exempt.contains(&from) || (amount <= single && today + amount <= day && this_month + amount <= month)
    }

    fn fits(&self, to: Address, amount: u128, already: u128) -> Verdict {
        let (limit, outcome) = self.holding;
        let excess = (self.holds(to) - already + amount).saturating_sub(limit).min(amount);
        match outcome {
            _ if excess == 0 || self.exempt.contains(&to) => Verdict::Fine,
            2 => Verdict::Park,
            3 => Verdict::Sweep(excess),
            _ => Verdict::No,
        }
    }

    fn needs_exchange(&self, from: Address, to: Address, amount: u128) -> bool {
        let exempt = self.exempt.contains(&from) && self.exempt.contains(&to);
        !exempt && amount > 0 && !self.same(from, to) && self.total(from, to) + amount >= self.threshold
    }

    fn exchanged(&self, from: Address, to: Address, amount: u128) -> bool {
        let exchange = self.exchanges.get(&(self.person(from), self.person(to)));
        exchange.is_some_and(|(left, end)| *left >= amount && self.now < *end)
    }

    /// What the rules say of a payment; of a hold, which does not travel yet; of posting what limits counted before.
    fn judge(&self, from: Address, to: Address, amount: u128, already: u128, asks: (bool, bool)) -> Verdict {
        if self.same(from, to) {
            return Verdict::Fine;
        }
        let (limited, travels) = asks;
        let within = !limited || self.within_limits(from, amount);
        let told = !travels || !self.needs_exchange(from, to, amount) || self.exchanged(from, to, amount);
        let credit = self.fits(to, amount, already);
        if !within || !told || credit == Verdict::No { Verdict::No } else { credit }
    }

    /// Where the excess goes, if it can go anywhere.
    fn sink(&self, to: Address, excess: u128) -> Option<Address> {
        let sink = *self.linked.get(&to)?;
        let told = !self.needs_exchange(to, sink, excess) || self.exchanged(to, sink, excess);
        (told && self.fits(sink, excess, 0) == Verdict::Fine).then_some(sink)
    }

    fn shift(&mut self, from: Address, to: Address, amount: u128) {
        *self.balances.entry(from).or_default() -= amount;
        *self.balances.entry(to).or_default() += amount;
    }

    /// Uses up an exchange where it is needed, and notes what was paid; a sweep counts for no limit of who is swept.
    fn count(&mut self, from: Address, to: Address, amount: u128, limited: bool) {
        if self.same(from, to) {
            return;
        }
        if self.needs_exchange(from, to, amount) {
            self.exchanges.get_mut(&(self.person(from), self.person(to))).unwrap().0 -= amount;
        }
        let travelled = !(self.exempt.contains(&from) && self.exempt.contains(&to));
        let (payer, payee) = (self.party(from), self.party(to));
        self.paid.push(Paid { time: self.now, payer, payee, amount, limited, travelled });
    }

    /// Moves and counts what was judged; false where the excess has nowhere to go.
    fn settle(&mut self, from: Address, to: Address, amount: u128, verdict: Verdict, limited: bool) -> bool {
        let sink = match verdict {
            Verdict::Sweep(excess) => match self.sink(to, excess) {
                Some(sink) => Some((sink, excess)),
                None => return false,
            },
            _ => None,
        };
        self.count(from, to, amount, limited && !self.exempt.contains(&from));
        self.shift(from, to, amount);
        if let Some((sink, excess)) = sink {
            self.shift(to, sink, excess);
            self.count(to, sink, excess, false);
        }
        true
    }

    fn pay(&mut self, from: Address, to: Address, amount: u128) -> Fate {
        let verdict = self.judge(from, to, amount, 0, (true, true));
        if verdict == Verdict::No || amount > self.spendable(from) {
            return Fate::Refused;
        }
        if verdict == Verdict::Park {
            let (pending, parked, asked, counted) = (false, true, false, None);
            self.reserved.push(Reserved { owner: from, payee: to, left: amount, pending, parked, asked, counted });
            return Fate::Parked;
        }
        if self.settle(from, to, amount, verdict, true) { Fate::Moved } else { Fate::Refused }
    }

    fn reserve(&mut self, owner: Address, payee: Address, amount: u128) -> bool {
        let verdict = self.judge(owner, payee, amount, 0, (true, false));
        if verdict == Verdict::No || amount > self.spendable(owner) {
            return false;
        }
        let asked = !self.same(owner, payee);
        let pending = verdict == Verdict::Fine && asked;
        let limited = asked && !self.exempt.contains(&owner);
        let counted = limited.then_some(self.paid.len());
        if limited {
            let (time, payer, payee) = (self.now, self.party(owner), self.party(payee));
            self.paid.push(Paid { time, payer, payee, amount, limited, travelled: false });
        }
        self.reserved.push(Reserved { owner, payee, left: amount, pending, parked: false, asked, counted });
        true
    }

    /// What is not paid was never counted; of periods that are over nobody asks.
    fn give_back(&mut self, index: usize, amount: u128) {
        if let Some(place) = self.reserved[index].counted {
            self.paid[place].amount -= amount;
        }
    }

    fn post(&mut self, index: usize, amount: u128) -> bool {
        let Reserved { owner, payee, left, pending, asked, .. } = self.reserved[index];
        let already = if pending { amount.min(self.holds(payee)) } else { 0 };
        let verdict = self.judge(owner, payee, amount, already, (!asked, true));
        if matches!(verdict, Verdict::No | Verdict::Park) || amount > left {
            return false;
        }
        let settled = self.settle(owner, payee, amount, verdict, !asked);
        if settled {
            self.reserved[index].left -= amount;
            if self.same(owner, payee) {
                self.give_back(index, amount);
            }
        }
        settled
    }

    fn release(&mut self, index: usize, amount: u128) {
        self.give_back(index, amount);
        self.reserved[index].left -= amount;
    }
}

// ----- both sides ----------------------------------------------------------------------------------------------------

struct Both {
    ledger: Ledger,
    model: Model,
    banks: u64,
    rules: [u64; 3],
}

impl Both {
    fn new() -> Self {
        let mut ledger = society();
        let mut model = Model { now: ledger.timestamp_ms, ..Model::default() };
        model.limits = [200, 300, 900];
        model.holding = (600, 2);
        model.threshold = 250;
        model.balances = BTreeMap::from([(account(1), 1_000), (account(2), 500)]);
        for _ in 0..PERSONS {
            person(&mut ledger, &[]);
        }
        let banks = list(&mut ledger, Kind::Allow, &[]);
        let rules = [
            payment_limit(&mut ledger, banks, model.limits.map(units)),
            holding_limit(&mut ledger, banks, 600, HoldingOutcome::Park),
            travel_rule(&mut ledger, banks, 250),
        ];
        let whole = combine(&mut ledger, Kind::AllOf, &rules);
        set_policy(&mut ledger, whole);
        Self { ledger, model, banks, rules }
    }

    fn pay(&mut self, from: Address, to: Address, amount: u128) -> Result<(), TestCaseError> {
        let call = checkTransferCall { from, to, operator: Address::ZERO, amount: units(amount) };
        let preview = self.ledger.ok(account(9), eur(), call);
        let found = match self.ledger.call(from, eur(), super::people::pay(to, amount)) {
            Ok(true) => Fate::Moved,
            Ok(false) => Fate::Parked,
            Err(Failure::Revert(_)) => Fate::Refused,
            Err(other) => panic!("{other:?}"),
        };
        prop_assert_eq!(found, self.model.pay(from, to, amount), "{} pays {} to {}", from, amount, to);
        prop_assert_eq!(preview.allowed, found == Fate::Moved, "the dry run said {:?}", preview.code);
        Ok(())
    }

    fn post(&mut self, index: usize, amount: u128) -> bool {
        let Reserved { payee, parked, .. } = self.model.reserved[index];
        let number = u64::try_from(index).unwrap() + 1;
        if parked {
            return done(self.ledger.call(
                account(9),
                eur(),
                claimParkedCall { holdId: number, amount: units(amount) },
            ));
        }
        done(self.ledger.run(account(9), |x| post_hold(x, eur(), (Keeper::Payment, number), payee, amount)))
    }

    fn release(&mut self, index: usize, amount: u128) {
        let Reserved { owner, left, parked, .. } = self.model.reserved[index];
        let number = u64::try_from(index).unwrap() + 1;
        let amount = if parked { left } else { amount.min(left) };
        if parked {
            self.ledger.ok(owner, eur(), releaseParkedCall { holdId: number });
        } else {
            self.ledger.run(owner, |x| release_hold(x, eur(), (Keeper::Payment, number), amount)).unwrap();
        }
        self.model.release(index, amount);
    }

    fn apply(&mut self, operation: &Operation) -> Result<(), TestCaseError> {
        match *operation {
            Operation::Wait { milliseconds } => {
                self.ledger.timestamp_ms += milliseconds;
                self.model.now += milliseconds;
            }
            Operation::Pay { from, to, amount } => self.pay(from, to, amount)?,
            Operation::Reserve { from, to, amount } => {
                let made = self.ledger.run(from, |x| hold_for(x, eur(), Keeper::Payment, (from, to), amount));
                prop_assert_eq!(done(made), self.model.reserve(from, to, amount), "{:?}", operation);
            }
            Operation::Post { ref pick, amount } if !self.model.reserved.is_empty() => {
                let index = pick.index(self.model.reserved.len());
                let posted = self.post(index, amount);
                prop_assert_eq!(posted, self.model.post(index, amount), "{:?}", operation);
            }
            Operation::Release { ref pick, amount } if !self.model.reserved.is_empty() => {
                self.release(pick.index(self.model.reserved.len()), amount);
            }
            Operation::Post { .. } | Operation::Release { .. } => {}
            Operation::Link { who, person } => {
                if self.model.person(who) == 0 {
                    join(&mut self.ledger, REGISTRAR, person, who);
                    self.model.persons.insert(who, person);
                }
            }
            Operation::Unlink { who } => {
                let left = done(self.ledger.call(who, IDENTITY_ADDRESS, unlinkCall { account: who }));
                prop_assert_eq!(left, self.model.persons.remove(&who).is_some());
            }
            Operation::Sink { who, to } => {
                let call = setLinkedAccountCall { linkedAccount: to };
                if done(self.ledger.call(who, eur(), call)) {
                    self.model.linked.insert(who, to);
                }
            }
            _ => self.govern(operation),
        }
        Ok(())
    }

    fn govern(&mut self, operation: &Operation) {
        let [payments, holdings, travel] = self.rules;
        match *operation {
            Operation::Exempt { who, on } => {
                let (policy_id, accounts) = (self.banks, vec![who]);
                if on {
                    self.ledger.ok(COMPLIANCE, TO, addMembersCall { policyId: policy_id, accounts });
                    self.model.exempt.insert(who);
                } else {
                    self.ledger.ok(COMPLIANCE, TO, removeMembersCall { policyId: policy_id, accounts });
                    self.model.exempt.remove(&who);
                }
            }
            Operation::Limits { limits } => {
                let [single, day, month] = limits.map(units);
                let call =
                    setPaymentLimitCall { policyId: payments, perTransaction: single, perDay: day, perMonth: month };
                self.ledger.ok(COMPLIANCE, TO, call);
                self.model.limits = limits;
            }
            Operation::Holding { limit, outcome } => {
                let call = setHoldingLimitCall { policyId: holdings, limit: units(limit), outcome };
                self.ledger.ok(COMPLIANCE, TO, call);
                self.model.holding = (limit, outcome);
            }
            Operation::Threshold { threshold } => {
                let call = setTravelRuleCall { policyId: travel, threshold: units(threshold) };
                self.ledger.ok(COMPLIANCE, TO, call);
                self.model.threshold = threshold;
            }
            Operation::Exchange { payer, payee, amount, after } => {
                let (token, commitment) = (eur(), B256::repeat_byte(1));
                let (payer_id, payee_id, expires_ms) = (payer, payee, self.model.now + after);
                let call = openExchangeCall {
                    policyId: travel,
                    token,
                    payerPersonId: payer_id,
                    payeePersonId: payee_id,
                    amount: units(amount),
                    expiresMs: expires_ms,
                    commitment,
                };
                self.ledger.ok(REGISTRAR, TO, call);
                let call = acknowledgeExchangeCall {
                    policyId: travel,
                    token,
                    payerPersonId: payer_id,
                    payeePersonId: payee_id,
                    amount: units(amount),
                    expiresMs: expires_ms,
                    commitment,
                };
                self.ledger.ok(REGISTRAR, TO, call);
                self.model.exchanges.insert((payer, payee), (amount, expires_ms));
            }
            _ => unreachable!("{operation:?} is no act of government"),
        }
    }

    fn compare(&mut self) -> Result<(), TestCaseError> {
        let Self { ledger, model, rules, .. } = self;
        for who in (1..=ACCOUNTS).map(account) {
            let balance: U256 = ledger.ok(who, eur(), balanceOfCall { account: who });
            prop_assert_eq!(balance, units(model.balance(who)));
            prop_assert_eq!(spent(ledger, rules[0], who), model.spent(who));
            let pending: U256 = ledger.ok(who, eur(), pendingCreditOfCall { account: who });
            prop_assert_eq!(pending, units(model.pending(who)));
        }
        for ((payer, payee), (left, _)) in &model.exchanges {
            let call =
                exchangeOfCall { policyId: rules[2], token: eur(), payerPersonId: *payer, payeePersonId: *payee };
            prop_assert_eq!(ledger.ok(account(9), TO, call).left, units(*left));
        }
        let mut book = EventBook::default();
        book.credit_genesis(eur(), account(1), 1_000);
        book.credit_genesis(eur(), account(2), 500);
        for log in &ledger.storage.logs {
            prop_assert!(book.apply(log).is_ok());
        }
        let mut violations = ledger.run(account(9), |context| book.check(context)).unwrap();
        violations.extend(ledger.run(account(9), invariants::check).unwrap());
        prop_assert!(violations.is_empty(), "{:?}", violations);
        Ok(())
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
    let who = || (1..=ACCOUNTS).prop_map(account);
    let person = || 1..=PERSONS;
    // Coarse amounts, so that sums meet limits exactly.
    let coarse = |most: u128| (0..=most / 50).prop_map(|count| count * 50);
    let amount = || prop_oneof![8 => coarse(150), 2 => coarse(400), 1 => 0u128..400, 1 => Just(2_000)];
    let pick = any::<prop::sample::Index>;
    // At most 60 waits of a day and a half: the run ends before April.
    let milliseconds = prop_oneof![Just(1), Just(DAY_MS - 1), Just(DAY_MS), 1..DAY_MS + DAY_MS / 2];
    let after = prop_oneof![Just(1), Just(DAY_MS), Just(30 * DAY_MS)];
    let pair = (1..=PERSONS, 1..PERSONS).prop_map(|(one, step)| (one, (one + step - 1) % PERSONS + 1));
    prop_oneof![
        4 => milliseconds.prop_map(|milliseconds| Operation::Wait { milliseconds }),
        16 => (who(), who(), amount()).prop_map(|(from, to, amount)| Operation::Pay { from, to, amount }),
        5 => (who(), who(), amount()).prop_map(|(from, to, amount)| Operation::Reserve { from, to, amount }),
        6 => (pick(), amount()).prop_map(|(pick, amount)| Operation::Post { pick, amount }),
        3 => (pick(), amount()).prop_map(|(pick, amount)| Operation::Release { pick, amount }),
        6 => (who(), person()).prop_map(|(who, person)| Operation::Link { who, person }),
        1 => who().prop_map(|who| Operation::Unlink { who }),
        3 => (who(), who()).prop_map(|(who, to)| Operation::Sink { who, to }),
        2 => (who(), any::<bool>()).prop_map(|(who, on)| Operation::Exempt { who, on }),
        1 => (coarse(300), coarse(500), coarse(900))
            .prop_map(|(single, day, month)| Operation::Limits { limits: [single, day, month] }),
        3 => (coarse(900), 1u8..=3).prop_map(|(limit, outcome)| Operation::Holding { limit, outcome }),
        1 => coarse(400).prop_map(|threshold| Operation::Threshold { threshold }),
        4 => (pair, coarse(900), after)
            .prop_map(|((payer, payee), amount, after)| Operation::Exchange { payer, payee, amount, after }),
    ]
}

proptest! {
    #![proptest_config(model_cases(96, 60))]

    #[test]
    fn payments_under_rules_do_what_the_model_does(operations in prop::collection::vec(operation(), 1..60)) {
        let mut both = Both::new();
        for operation in &operations {
            both.apply(operation)?;
            for who in (1..=ACCOUNTS).map(account) {
                prop_assert_eq!(spent(&mut both.ledger, both.rules[0], who), both.model.spent(who), "{:?}", operation);
            }
        }
        both.compare()?;
    }
}
