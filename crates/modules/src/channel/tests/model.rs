//! Channels against a plain model: the same random operations on both, compared after each.
//!
//! The model keeps piles of units per channel and a set of signed states; it knows nothing of holds, lists or slots.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closing { until: u64 },
    Closed,
}

#[derive(Clone, Debug)]
struct Pile {
    deposit: u128,
    left: u128,
    owed: u128,
    paid: u128,
    released: u128,
    seized: u128,
    phase: Phase,
}

#[derive(Clone, Debug, Default)]
struct Model {
    now: u64,
    free: u128,
    payee: u128,
    frozen: BTreeSet<bool>,
    piles: Vec<Pile>,
}

#[derive(Clone, Debug)]
enum Operation {
    Open {
        amount: u128,
    },
    TopUp {
        which: usize,
        amount: u128,
    },
    Submit {
        which: usize,
        cumulative: u128,
        forged: bool,
        pay: bool,
    },
    ByPayee {
        which: usize,
        pay: bool,
    },
    Start {
        which: usize,
        cumulative: u128,
    },
    Finish {
        which: usize,
        pay: bool,
    },
    Together {
        which: usize,
        cumulative: u128,
        forged: bool,
        pay: bool,
    },
    PayOut {
        which: usize,
    },
    /// Freezes the payer (true) or the payee (false).
    Freeze {
        payer: bool,
        on: bool,
    },
    Seize {
        which: usize,
        amount: u128,
    },
    Wait {
        ms: u64,
    },
}

impl Pile {
    fn due(&self) -> u128 {
        (self.owed - self.paid).min(self.left)
    }
}

impl Model {
    /// Applies the operation; false, with nothing changed, where a rule forbids it.
    fn apply(&mut self, operation: &Operation) -> bool {
        let mut next = self.clone();
        let done = next.attempt(operation);
        if done {
            *self = next;
        }
        done
    }

    fn pay(&mut self, which: usize, wanted: bool) -> bool {
        let due = self.piles[which].due();
        if !wanted || due == 0 {
            return true;
        }
        if !self.frozen.is_empty() {
            return false;
        }
        let pile = &mut self.piles[which];
        pile.left -= due;
        pile.paid += due;
        self.payee += due;
        true
    }

    fn close(&mut self, which: usize, pay: bool) -> bool {
        let pile = &mut self.piles[which];
        let rest = pile.left - pile.due();
        pile.left -= rest;
        pile.released = rest;
        pile.phase = Phase::Closed;
        self.free += rest;
        self.pay(which, pay)
    }

    fn attempt(&mut self, operation: &Operation) -> bool {
        let (now, payer_frozen) = (self.now, self.frozen.contains(&true));
        match *operation {
            Operation::Open { amount } => {
                if amount == 0 || amount > self.free || payer_frozen {
                    return false;
                }
                self.free -= amount;
                let (left, phase) = (amount, Phase::Open);
                self.piles.push(Pile { deposit: amount, left, owed: 0, paid: 0, released: 0, seized: 0, phase });
                true
            }
            Operation::TopUp { which, amount } => {
                let pile = &mut self.piles[which];
                if pile.phase != Phase::Open || amount == 0 || amount > self.free || payer_frozen {
                    return false;
                }
                self.free -= amount;
                pile.deposit += amount;
                pile.left += amount;
                true
            }
            Operation::Submit { which, cumulative, forged, pay } => {
                let pile = &mut self.piles[which];
                let heard = match pile.phase {
                    Phase::Open => true,
                    Phase::Closing { until } => now < until,
                    Phase::Closed => false,
                };
                if !heard || forged || cumulative > pile.deposit || cumulative <= pile.owed {
                    return false;
                }
                pile.owed = cumulative;
                self.pay(which, pay)
            }
            Operation::ByPayee { which, pay } => self.piles[which].phase != Phase::Closed && self.close(which, pay),
            Operation::Start { which, cumulative } => {
                let pile = &mut self.piles[which];
                if pile.phase != Phase::Open || cumulative > pile.deposit || cumulative < pile.owed {
                    return false;
                }
                pile.owed = cumulative;
                pile.phase = Phase::Closing { until: now + DAY };
                true
            }
            Operation::Finish { which, pay } => match self.piles[which].phase {
                Phase::Closing { until } if now >= until => self.close(which, pay),
                _ => false,
            },
            Operation::Together { which, cumulative, forged, pay } => {
                let pile = &mut self.piles[which];
                if pile.phase == Phase::Closed || forged || cumulative > pile.deposit || cumulative < pile.paid {
                    return false;
                }
                pile.owed = cumulative;
                self.close(which, pay)
            }
            Operation::PayOut { which } => self.piles[which].due() > 0 && self.pay(which, true),
            Operation::Freeze { payer, on } => {
                if on {
                    self.frozen.insert(payer)
                } else {
                    self.frozen.remove(&payer)
                };
                true
            }
            Operation::Seize { which, amount } => {
                let pile = &mut self.piles[which];
                let fits = amount > 0 && amount <= pile.left;
                if fits {
                    pile.left -= amount;
                    pile.seized += amount;
                }
                fits
            }
            Operation::Wait { ms } => {
                self.now += ms;
                true
            }
        }
    }
}

/// Sends the same operation through the dispatcher; false where it reverts.
fn send(ledger: &mut Ledger, operation: &Operation) -> bool {
    let id = |which: usize| which as u64 + 1;
    let (secret, payer) = payer();
    match *operation {
        Operation::Open { amount } => {
            let call = openCall { token: eur(), payee: PAYEE, amount: units(amount), challengeMs: DAY };
            done(ledger.call(payer, TO, call))
        }
        Operation::TopUp { which, amount } => {
            done(ledger.call(payer, TO, topUpCall { channelId: id(which), amount: units(amount) }))
        }
        Operation::Submit { which, cumulative, forged, pay } => {
            let mut call = submitStateCall { payNow: pay, ..state(ledger, id(which), cumulative) };
            if forged {
                call.signature = state(ledger, id(which), cumulative + 1).signature;
            }
            done(ledger.call(ANYONE, TO, call))
        }
        Operation::ByPayee { which, pay } => {
            done(ledger.call(PAYEE, TO, closeByPayeeCall { channelId: id(which), payNow: pay }))
        }
        Operation::Start { which, cumulative } => {
            done(ledger.call(payer, TO, startCloseCall { channelId: id(which), cumulative: units(cumulative) }))
        }
        Operation::Finish { which, pay } => {
            done(ledger.call(ANYONE, TO, finishCloseCall { channelId: id(which), payNow: pay }))
        }
        Operation::Together { which, cumulative, forged, pay } => {
            let (channel, cumulative) = (id(which), units(cumulative));
            let digest =
                ledger.ok(ANYONE, TO, closeDigestCall { channelId: channel, cumulative, validUntilMs: u64::MAX });
            let signature = packed(&if forged { key(77).0 } else { secret }, digest);
            let call = closeTogetherCall {
                channelId: channel,
                cumulative,
                validUntilMs: u64::MAX,
                payerSignature: signature,
                payeeSignature: Bytes::new(),
                payNow: pay,
            };
            done(ledger.call(PAYEE, TO, call))
        }
        Operation::PayOut { which } => done(ledger.call(ANYONE, TO, payOutCall { channelId: id(which) })),
        Operation::Freeze { payer: of_payer, on } => {
            freeze(ledger, if of_payer { payer } else { PAYEE }, on);
            true
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
    let which = || 0usize..3;
    let amount = || 0u128..300;
    let flag = || prop::bool::weighted(0.7);
    let forged = || prop::bool::weighted(0.1);
    prop_oneof![
        3 => amount().prop_map(|amount| Operation::Open { amount }),
        2 => (which(), amount()).prop_map(|(which, amount)| Operation::TopUp { which, amount }),
        8 => (which(), amount(), forged(), flag()).prop_map(|(which, cumulative, forged, pay)|
            Operation::Submit { which, cumulative, forged, pay }),
        1 => (which(), flag()).prop_map(|(which, pay)| Operation::ByPayee { which, pay }),
        3 => (which(), amount()).prop_map(|(which, cumulative)| Operation::Start { which, cumulative }),
        3 => (which(), flag()).prop_map(|(which, pay)| Operation::Finish { which, pay }),
        1 => (which(), amount(), forged(), flag()).prop_map(|(which, cumulative, forged, pay)|
            Operation::Together { which, cumulative, forged, pay }),
        2 => which().prop_map(|which| Operation::PayOut { which }),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(payer, on)| Operation::Freeze { payer, on }),
        1 => (which(), amount()).prop_map(|(which, amount)| Operation::Seize { which, amount }),
        3 => (0u64..=DAY).prop_map(|ms| Operation::Wait { ms }),
        1 => Just(Operation::Wait { ms: DAY }),
    ]
}

/// Operations on a channel that is not there are left out: what they answer is tested elsewhere.
fn applies(operation: &Operation, piles: usize) -> bool {
    match *operation {
        Operation::Open { .. } | Operation::Freeze { .. } | Operation::Wait { .. } => true,
        Operation::TopUp { which, .. }
        | Operation::Submit { which, .. }
        | Operation::ByPayee { which, .. }
        | Operation::Start { which, .. }
        | Operation::Finish { which, .. }
        | Operation::Together { which, .. }
        | Operation::PayOut { which }
        | Operation::Seize { which, .. } => which < piles,
    }
}

fn compare(ledger: &mut Ledger, model: &Model) -> Result<(), TestCaseError> {
    for (number, pile) in (1u64..).zip(&model.piles) {
        let found = get(ledger, number);
        let status = match pile.phase {
            Phase::Open => 1,
            Phase::Closing { .. } => 2,
            Phase::Closed => 3,
        };
        prop_assert_eq!(found.status, status, "channel {}", number);
        let found = [found.deposit, found.owed, found.paid, found.due, found.undecided, found.seized];
        let due = pile.due();
        let expected = [pile.deposit, pile.owed, pile.paid, due, pile.left - due, pile.seized].map(units);
        prop_assert_eq!(found, expected, "channel {}", number);
    }
    let left: u128 = model.piles.iter().map(|pile| pile.left).sum();
    prop_assert_eq!(balance(ledger, payer().1), model.free + left);
    prop_assert_eq!(spendable(ledger, payer().1), model.free);
    prop_assert_eq!(balance(ledger, PAYEE), model.payee);
    let open: Vec<&Pile> = model.piles.iter().filter(|pile| pile.phase != Phase::Closed).collect();
    let call = liquidityOfCall { token: eur(), owner: payer().1, start: 0, count: 100 };
    let found = ledger.ok(ANYONE, TO, call);
    prop_assert_eq!(found.held, units(open.iter().map(|pile| pile.left).sum()));
    prop_assert_eq!(found.due, units(open.iter().map(|pile| pile.due()).sum()));
    prop_assert_eq!(found.listed, open.len() as u64);
    Ok(())
}

proptest! {
    #![proptest_config(model_cases(48, 60))]

    #[test]
    fn channels_do_what_the_model_does(operations in prop::collection::vec(operation(), 1..60)) {
        let mut ledger = set_up();
        let mut model = Model { now: ledger.timestamp_ms, free: 900, payee: 500, ..Model::default() };
        for operation in &operations {
            if !applies(operation, model.piles.len()) {
                continue;
            }
            let expected = model.apply(operation);
            prop_assert_eq!(send(&mut ledger, operation), expected, "{:?} on {:?}", operation, model);
            compare(&mut ledger, &model)?;
        }
        let violations = ledger.run(ANYONE, invariants::check).unwrap();
        prop_assert!(violations.is_empty(), "{:?}", violations);
        let expected: BTreeMap<u64, [U256; 4]> = (1u64..)
            .zip(&model.piles)
            .map(|(number, pile)| (number, [pile.deposit, pile.owed, pile.paid, pile.released].map(units)))
            .collect();
        prop_assert_eq!(rebuild(&ledger), expected);
    }
}
