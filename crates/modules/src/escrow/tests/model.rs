//! Escrows against a plain model: the same random operations on both, compared after each.
//!
//! The model keeps piles of units and knows nothing of holds, slots or the order in which the module looks at things.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// One escrow: where its units lie.
#[derive(Clone, Debug)]
struct Pile {
    payer: Address,
    payee: Address,
    undecided: u128,
    due: u128,
    paid: u128,
    refunded: u128,
    seized: u128,
    disputed: bool,
    decided: bool,
    deadline: u64,
    outcome: u8,
    silence: u8,
    arbiter: bool,
    lock: bool,
    /// Amount, evidence, who approved, granted.
    parts: Vec<(u128, u8, BTreeSet<u8>, bool)>,
}

#[derive(Clone, Debug, Default)]
struct Model {
    now: u64,
    free: BTreeMap<Address, u128>,
    frozen: BTreeSet<Address>,
    piles: Vec<Pile>,
}

#[derive(Clone, Debug)]
enum Kind {
    Plain,
    Approvals,
    Lock,
    Arbiter { silence: u8 },
}

#[derive(Clone, Debug)]
enum Operation {
    Open { payer: u8, payee: u8, amount: u128, term: u64, outcome: u8, kind: Kind },
    Release { which: usize, caller: u8, amount: u128 },
    Refund { which: usize, caller: u8, amount: u128 },
    Evidence { which: usize, caller: u8, part: u8, evidence: u8 },
    Approve { which: usize, caller: u8, part: u8, evidence: u8, pay: bool },
    Reveal { which: usize, right: bool, pay: bool },
    Dispute { which: usize, caller: u8 },
    Rule { which: usize, to_payee: u128, pay: bool },
    Conclude { which: usize, pay: bool },
    PayOut { which: usize },
    Freeze { who: u8, on: bool },
    Seize { which: usize, amount: u128 },
    Wait { ms: u64 },
}

impl Pile {
    fn left(&self) -> u128 {
        self.undecided + self.due
    }

    fn settle(&mut self) {
        self.decided |= self.undecided == 0;
    }

    fn grant(&mut self, amount: u128) {
        let amount = amount.min(self.undecided);
        self.undecided -= amount;
        self.due += amount;
    }
}

impl Model {
    fn give(&mut self, who: Address, amount: u128) {
        *self.free.entry(who).or_default() += amount;
    }

    /// Pays what is due; false where a party is frozen.
    fn pay(&mut self, which: usize, wanted: bool) -> bool {
        let pile = self.piles[which].clone();
        if !wanted || pile.due == 0 {
            return true;
        }
        if self.frozen.contains(&pile.payer) || self.frozen.contains(&pile.payee) {
            return false;
        }
        self.give(pile.payee, pile.due);
        self.piles[which].paid += pile.due;
        self.piles[which].due = 0;
        true
    }

    fn give_back(&mut self, which: usize, undecided: u128, due: u128) {
        self.give(self.piles[which].payer, undecided + due);
        let pile = &mut self.piles[which];
        pile.undecided -= undecided;
        pile.due -= due;
        pile.refunded += undecided + due;
    }

    fn running(&self, which: usize) -> bool {
        !self.piles[which].decided && self.now < self.piles[which].deadline
    }

    /// Applies the operation; false, with nothing changed, where a rule forbids it.
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
            Operation::Open { payer, payee, amount, term, outcome, ref kind } => {
                self.open((account(payer), account(payee)), amount, (term, outcome), kind)
            }
            Operation::Release { which, caller, amount } => {
                let running = self.running(which);
                let pile = &mut self.piles[which];
                let units = if amount == u128::MAX { pile.undecided } else { amount };
                let allowed = running && account(caller) == pile.payer && amount > 0 && units <= pile.undecided;
                pile.grant(units);
                pile.settle();
                allowed && self.pay(which, true)
            }
            Operation::Refund { which, caller, amount } => self.refund(which, account(caller), amount),
            Operation::Evidence { which, caller, part, evidence } => {
                let open = self.running(which) && !self.piles[which].disputed;
                let pile = &mut self.piles[which];
                let payee = pile.payee == account(caller);
                let Some(part) = pile.parts.get_mut(usize::from(part)) else { return false };
                let allowed = open && payee && evidence > 0 && !part.3;
                (part.1, part.2) = (evidence, BTreeSet::new());
                allowed
            }
            Operation::Approve { which, caller, part, evidence, pay } => {
                let open = self.running(which) && !self.piles[which].disputed;
                let pile = &mut self.piles[which];
                let Some(part) = pile.parts.get_mut(usize::from(part)) else { return false };
                if !open || !(3..=5).contains(&caller) || part.3 || part.1 != evidence || !part.2.insert(caller) {
                    return false;
                }
                if part.2.len() < 2 {
                    return true;
                }
                part.3 = true;
                let amount = part.0;
                pile.grant(amount);
                pile.settle();
                self.pay(which, pay)
            }
            Operation::Reveal { which, right, pay } => {
                let allowed = self.running(which) && self.piles[which].lock && right;
                let pile = &mut self.piles[which];
                pile.grant(u128::MAX);
                pile.settle();
                allowed && self.pay(which, pay)
            }
            Operation::Dispute { which, caller } => {
                let (running, now) = (self.running(which), self.now);
                let pile = &mut self.piles[which];
                let party = [pile.payer, pile.payee].contains(&account(caller));
                let allowed = running && party && pile.arbiter && !pile.disputed;
                (pile.disputed, pile.deadline) = (true, now + 500);
                allowed
            }
            Operation::Rule { which, to_payee, pay } => {
                let undecided = self.piles[which].undecided;
                let units = if to_payee == u128::MAX { undecided } else { to_payee };
                let pile = &self.piles[which];
                if !self.running(which) || !pile.disputed || units > undecided {
                    return false;
                }
                self.give_back(which, undecided - units, 0);
                self.piles[which].grant(units);
                self.piles[which].settle();
                self.pay(which, pay)
            }
            Operation::Conclude { which, pay } => {
                let pile = self.piles[which].clone();
                if pile.decided || self.now < pile.deadline {
                    return false;
                }
                match if pile.disputed { pile.silence } else { pile.outcome } {
                    1 => self.give_back(which, pile.undecided, 0),
                    _ => self.piles[which].grant(pile.undecided),
                }
                self.piles[which].settle();
                self.pay(which, pay)
            }
            Operation::PayOut { which } => {
                let any = self.piles[which].due > 0;
                let paid = self.pay(which, true);
                self.piles[which].settle();
                any && paid
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
                if amount > pile.left() || amount == 0 {
                    return false;
                }
                let undecided = amount.min(pile.undecided);
                pile.undecided -= undecided;
                pile.due -= amount - undecided;
                pile.seized += amount;
                true
            }
            Operation::Wait { ms } => {
                self.now += ms;
                true
            }
        }
    }

    fn refund(&mut self, which: usize, caller: Address, amount: u128) -> bool {
        let (running, pile) = (self.running(which), self.piles[which].clone());
        let undecided = if running { pile.undecided } else { 0 };
        if caller != pile.payee || amount == 0 || (!running && pile.due == 0) {
            return false;
        }
        let units = if amount == u128::MAX { undecided + pile.due } else { amount };
        if units > undecided + pile.due {
            return false;
        }
        let first = units.min(undecided);
        self.give_back(which, first, units - first);
        self.piles[which].settle();
        true
    }

    fn open(&mut self, parties: (Address, Address), amount: u128, end: (u64, u8), kind: &Kind) -> bool {
        let ((payer, payee), (term, outcome)) = (parties, end);
        let free = self.free.entry(payer).or_default();
        if amount == 0 || payer == payee || amount > *free || self.frozen.contains(&payer) {
            return false;
        }
        *free -= amount;
        let (half, lock) = (amount / 2, matches!(kind, Kind::Lock));
        let parts = match kind {
            Kind::Approvals if half > 0 => vec![half, amount - half],
            Kind::Approvals => vec![amount],
            _ => Vec::new(),
        };
        self.piles.push(Pile {
            payer,
            payee,
            undecided: amount,
            due: 0,
            paid: 0,
            refunded: 0,
            seized: 0,
            disputed: false,
            decided: false,
            deadline: self.now + term,
            outcome: if lock { 1 } else { outcome },
            silence: if let Kind::Arbiter { silence } = kind { *silence } else { 0 },
            arbiter: matches!(kind, Kind::Arbiter { .. }),
            lock,
            parts: parts.into_iter().map(|part| (part, 0, BTreeSet::new(), false)).collect(),
        });
        true
    }
}

fn amount_word(amount: u128) -> U256 {
    if amount == u128::MAX { ALL } else { units(amount) }
}

fn evidence_word(evidence: u8) -> B256 {
    B256::with_last_byte(evidence)
}

fn terms(ledger: &Ledger, payee: u8, amount: u128, (term, outcome): (u64, u8), kind: &Kind) -> Terms {
    let base = Terms {
        payee: account(payee),
        amount: units(amount),
        deadlineMs: ledger.timestamp_ms + term,
        deadlineOutcome: outcome,
        ..plain(ledger)
    };
    let half = amount / 2;
    match kind {
        Kind::Plain => base,
        Kind::Approvals => Terms {
            approvers: vec![account(3), account(4), account(5)],
            approvalsNeeded: 2,
            parts: if half > 0 { vec![units(half), units(amount - half)] } else { Vec::new() },
            ..base
        },
        Kind::Lock => Terms { hashLock: LOCK, deadlineOutcome: 1, ..base },
        Kind::Arbiter { silence } => Terms { arbiter: ARBITER, rulingMs: 500, silenceOutcome: *silence, ..base },
    }
}

/// Sends the same operation through the dispatcher; false where it reverts.
fn send(ledger: &mut Ledger, operation: &Operation) -> bool {
    let id = |which: usize| which as u64 + 1;
    match *operation {
        Operation::Open { payer, payee, amount, term, outcome, ref kind } => {
            let terms = terms(ledger, payee, amount, (term, outcome), kind);
            done(ledger.call(account(payer), TO, openCall { terms }))
        }
        Operation::Release { which, caller, amount } => {
            let call = releaseCall { escrowId: id(which), amount: amount_word(amount) };
            done(ledger.call(account(caller), TO, call))
        }
        Operation::Refund { which, caller, amount } => {
            let call = refundCall { escrowId: id(which), amount: amount_word(amount) };
            done(ledger.call(account(caller), TO, call))
        }
        Operation::Evidence { which, caller, part, evidence } => {
            let evidence = evidence_word(evidence);
            let call = submitEvidenceCall { escrowId: id(which), part, evidenceHash: evidence };
            done(ledger.call(account(caller), TO, call))
        }
        Operation::Approve { which, caller, part, evidence, pay } => {
            let evidence = evidence_word(evidence);
            let call = approveCall { escrowId: id(which), part, evidenceHash: evidence, payNow: pay };
            done(ledger.call(account(caller), TO, call))
        }
        Operation::Reveal { which, right, pay } => {
            let preimage = B256::repeat_byte(u8::from(!right));
            done(ledger.call(ANYONE, TO, revealCall { escrowId: id(which), preimage, payNow: pay }))
        }
        Operation::Dispute { which, caller } => {
            let call = disputeCall { escrowId: id(which), reasonHash: B256::ZERO };
            done(ledger.call(account(caller), TO, call))
        }
        Operation::Rule { which, to_payee, pay } => {
            let call = ruleCall { escrowId: id(which), toPayee: amount_word(to_payee), payNow: pay };
            done(ledger.call(ARBITER, TO, call))
        }
        Operation::Conclude { which, pay } => {
            done(ledger.call(ANYONE, TO, concludeCall { escrowId: id(which), payNow: pay }))
        }
        Operation::PayOut { which } => done(ledger.call(ANYONE, TO, payOutCall { escrowId: id(which) })),
        Operation::Freeze { who, on } => {
            let call = setAddressFrozenCall { userAddress: account(who), freeze: on };
            done(ledger.call(FREEZER, eur(), call))
        }
        Operation::Seize { which, amount } => {
            let hold = get(ledger, id(which)).holdId;
            done(seize_from_hold(ledger, eur(), hold, amount))
        }
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
    let which = || 0usize..4;
    let who = || 1u8..=3;
    let amount = || prop_oneof![6 => 0u128..400, 1 => Just(u128::MAX)];
    let flag = || prop::bool::weighted(0.7);
    let kind = prop_oneof![
        1 => Just(Kind::Plain),
        2 => Just(Kind::Approvals),
        1 => Just(Kind::Lock),
        1 => (1u8..=2).prop_map(|silence| Kind::Arbiter { silence }),
    ];
    prop_oneof![
        5 => (who(), who(), 0u128..300, 1u64..2_000, 1u8..=2, kind)
            .prop_map(|(payer, payee, amount, term, outcome, kind)|
                Operation::Open { payer, payee, amount, term, outcome, kind }),
        3 => (which(), who(), amount())
            .prop_map(|(which, caller, amount)| Operation::Release { which, caller, amount }),
        3 => (which(), who(), amount())
            .prop_map(|(which, caller, amount)| Operation::Refund { which, caller, amount }),
        2 => (which(), who(), 0u8..3, 0u8..3)
            .prop_map(|(which, caller, part, evidence)| Operation::Evidence { which, caller, part, evidence }),
        8 => (which(), 2u8..=5, 0u8..3, prop_oneof![3 => Just(0u8), 1 => 1u8..3], flag())
            .prop_map(|(which, caller, part, evidence, pay)|
                Operation::Approve { which, caller, part, evidence, pay }),
        2 => (which(), flag(), flag()).prop_map(|(which, right, pay)| Operation::Reveal { which, right, pay }),
        2 => (which(), who()).prop_map(|(which, caller)| Operation::Dispute { which, caller }),
        2 => (which(), amount(), flag()).prop_map(|(which, to_payee, pay)| Operation::Rule { which, to_payee, pay }),
        3 => (which(), flag()).prop_map(|(which, pay)| Operation::Conclude { which, pay }),
        2 => which().prop_map(|which| Operation::PayOut { which }),
        1 => (who(), any::<bool>()).prop_map(|(who, on)| Operation::Freeze { who, on }),
        1 => (which(), 0u128..200).prop_map(|(which, amount)| Operation::Seize { which, amount }),
        3 => (0u64..600).prop_map(|ms| Operation::Wait { ms }),
    ]
}

/// Operations on an escrow that is not there are left out: what they answer is tested elsewhere.
fn applies(operation: &Operation, piles: usize) -> bool {
    match *operation {
        Operation::Open { .. } | Operation::Freeze { .. } | Operation::Wait { .. } => true,
        Operation::Release { which, .. }
        | Operation::Refund { which, .. }
        | Operation::Evidence { which, .. }
        | Operation::Approve { which, .. }
        | Operation::Reveal { which, .. }
        | Operation::Dispute { which, .. }
        | Operation::Rule { which, .. }
        | Operation::Conclude { which, .. }
        | Operation::PayOut { which }
        | Operation::Seize { which, .. } => which < piles,
    }
}

fn compare(ledger: &mut Ledger, model: &Model) -> Result<(), TestCaseError> {
    for (number, pile) in (1u64..).zip(&model.piles) {
        let found = get(ledger, number);
        let status = if pile.decided { 3 } else { 1 + u8::from(pile.disputed) };
        prop_assert_eq!((found.status, found.deadlineMs), (status, pile.deadline), "escrow {}", number);
        let found = [found.undecided, found.due, found.paid, found.refunded, found.seized];
        let expected = [pile.undecided, pile.due, pile.paid, pile.refunded, pile.seized].map(units);
        prop_assert_eq!(found, expected, "escrow {}", number);
    }
    for who in (1..=3).map(account) {
        let held: u128 = model.piles.iter().filter(|pile| pile.payer == who).map(Pile::left).sum();
        let free = model.free.get(&who).copied().unwrap_or_default();
        prop_assert_eq!(balance(ledger, who), free + held);
        prop_assert_eq!(spendable(ledger, who), free);
    }
    Ok(())
}

/// Granted, paid and refunded rebuilt from events alone.
fn rebuild(ledger: &Ledger) -> BTreeMap<u64, (U256, U256, U256)> {
    let mut book: BTreeMap<u64, (U256, U256, U256)> = BTreeMap::new();
    for log in ledger.storage.logs.iter().filter(|log| log.address == TO) {
        if let Ok(event) = EscrowOpened::decode_log(log) {
            book.insert(event.escrowId, Default::default());
        } else if let Ok(event) = EscrowGranted::decode_log(log) {
            book.get_mut(&event.escrowId).unwrap().0 += event.amount;
        } else if let Ok(event) = EscrowPaid::decode_log(log) {
            book.get_mut(&event.escrowId).unwrap().1 += event.amount;
        } else if let Ok(event) = EscrowRefunded::decode_log(log) {
            let entry = book.get_mut(&event.escrowId).unwrap();
            entry.0 -= event.fromDue;
            entry.2 += event.amount;
        }
    }
    book
}

proptest! {
    #![proptest_config(model_cases(96, 80))]

    #[test]
    fn escrows_do_what_the_model_does(operations in prop::collection::vec(operation(), 1..80)) {
        let mut ledger = world();
        let mut model = Model { now: ledger.timestamp_ms, ..Model::default() };
        model.free = BTreeMap::from([(account(1), 1_000), (account(2), 500)]);
        let mut seized = false;
        for operation in &operations {
            if !applies(operation, model.piles.len()) {
                continue;
            }
            let expected = model.apply(operation);
            prop_assert_eq!(send(&mut ledger, operation), expected, "{:?} on {:?}", operation, model);
            seized |= expected && matches!(operation, Operation::Seize { amount, .. } if *amount > 0);
            compare(&mut ledger, &model)?;
        }
        let violations = ledger.run(ANYONE, invariants::check).unwrap();
        prop_assert!(violations.is_empty(), "{:?}", violations);
        let book = rebuild(&ledger);
        prop_assert_eq!(book.len(), model.piles.len());
        for (number, pile) in (1u64..).zip(&model.piles) {
            let (granted, paid, refunded) = book[&number];
            prop_assert_eq!((paid, refunded), (units(pile.paid), units(pile.refunded)));
            prop_assert!(seized || granted - paid == units(pile.due), "due by events");
        }
    }
}
