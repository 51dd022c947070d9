//! The registry against a plain model: the same random operations on both, time passing between them, compared after
//! each run.

use super::*;
use crate::testing::model_cases;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const PERSONS: u64 = 1;
const ACCOUNTS: u8 = 5;
const REGISTRARS: [Address; 2] = [REGISTRAR, RIVAL];
const VERIFIERS: [Address; 2] = [VERIFIER, OTHER_VERIFIER];

/// A credential as one would write it on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Card {
    value: u16,
    verifier: Address,
    end: u64,
    revoked: bool,
    given: u32,
    renewals: u32,
}

/// The registry as one would write it on a page: maps and checks.
#[derive(Clone, Debug, Default)]
struct Model {
    now: u64,
    /// In whose care each person is.
    care: BTreeMap<u64, Address>,
    registrars: BTreeSet<Address>,
    /// Verifiers by kind: true when accredited, false when retired.
    verifiers: BTreeMap<(Address, u8), bool>,
    owner: BTreeMap<Address, u64>,
    proposed: BTreeMap<Address, u64>,
    cards: BTreeMap<(u64, u8), Card>,
}

#[derive(Clone, Debug)]
enum Operation {
    Wait { milliseconds: u64 },
    Appoint { registrar: Address, on: bool },
    Accredit { verifier: Address, kind: u8, status: u8 },
    Register { registrar: Address },
    Assign { by: Address, person: u64, to: Address },
    Propose { by: Address, person: u64, account: Address },
    Withdraw { by: Address, person: u64, account: Address },
    Accept { person: u64, account: Address },
    Unlink { by: Address, account: Address },
    Give { by: Address, person: u64, kind: u8, value: u16, after: u64 },
    Renew { by: Address, person: u64, kind: u8, after: u64 },
    Revoke { by: Address, person: u64, kind: u8 },
}

impl Model {
    fn cares(&self, by: Address, person: u64) -> bool {
        self.registrars.contains(&by) && self.care.get(&person) == Some(&by)
    }

    fn accredited(&self, by: Address, kind: u8) -> bool {
        self.verifiers.get(&(by, kind)) == Some(&true)
    }

    fn in_force(&self, person: u64, kind: u8) -> Option<Card> {
        let card = *self.cards.get(&(person, kind))?;
        let counts = self.verifiers.contains_key(&(card.verifier, kind));
        (counts && !card.revoked && self.now < card.end).then_some(card)
    }

    /// Applies the operation; false, with nothing changed, where a rule forbids it.
    fn apply(&mut self, operation: &Operation) -> bool {
        match *operation {
            Operation::Wait { milliseconds } => self.now += milliseconds,
            Operation::Appoint { registrar, on: true } => _ = self.registrars.insert(registrar),
            Operation::Appoint { registrar, on: false } => _ = self.registrars.remove(&registrar),
            Operation::Accredit { verifier, kind, status: 0 } => _ = self.verifiers.remove(&(verifier, kind)),
            Operation::Accredit { verifier, kind, status } => {
                _ = self.verifiers.insert((verifier, kind), status == 1);
            }
            Operation::Register { registrar } => {
                if !self.registrars.contains(&registrar) {
                    return false;
                }
                let number = self.care.len() as u64 + 1;
                self.care.insert(number, registrar);
            }
            Operation::Assign { by, person, to } => {
                let entitled = self.care.contains_key(&person) && (by == GOVERNOR || self.cares(by, person));
                if !entitled || !self.registrars.contains(&to) {
                    return false;
                }
                self.care.insert(person, to);
            }
            Operation::Propose { by, person, account } => {
                if !self.cares(by, person) || self.owner.contains_key(&account) {
                    return false;
                }
                self.proposed.insert(account, person);
            }
            Operation::Withdraw { by, person, account } => {
                if !self.cares(by, person) || self.proposed.get(&account) != Some(&person) {
                    return false;
                }
                self.proposed.remove(&account);
            }
            Operation::Accept { person, account } => {
                let backed = self.care.get(&person).is_some_and(|registrar| self.registrars.contains(registrar));
                if !backed || self.proposed.get(&account) != Some(&person) {
                    return false;
                }
                self.proposed.remove(&account);
                self.owner.insert(account, person);
            }
            Operation::Unlink { by, account } => {
                let Some(person) = self.owner.get(&account).copied() else { return false };
                if by != account && !self.cares(by, person) {
                    return false;
                }
                self.owner.remove(&account);
            }
            Operation::Give { by, person, kind, value, after } => {
                let rivals = self.in_force(person, kind).is_some_and(|card| card.verifier != by);
                if !self.accredited(by, kind) || !self.care.contains_key(&person) || after == 0 || rivals {
                    return false;
                }
                let given = self.cards.get(&(person, kind)).map_or(0, |card| card.given) + 1;
                let end = self.now + after;
                let card = Card { value, verifier: by, end, revoked: false, given, renewals: 0 };
                self.cards.insert((person, kind), card);
            }
            Operation::Renew { by, person, kind, after } => {
                let (now, accredited) = (self.now, self.accredited(by, kind));
                let Some(card) = self.cards.get_mut(&(person, kind)) else { return false };
                let end = now + after;
                if !accredited || card.verifier != by || card.revoked || after == 0 || end < card.end {
                    return false;
                }
                (card.end, card.renewals) = (end, card.renewals + 1);
            }
            Operation::Revoke { by, person, kind } => {
                let itself = self.owner.get(&by) == Some(&person);
                let Some(card) = self.cards.get_mut(&(person, kind)) else { return false };
                if card.revoked || !(itself || by == ACCREDITOR || by == card.verifier) {
                    return false;
                }
                card.revoked = true;
            }
        }
        true
    }
}

/// Sends the same operation through the dispatcher; false where it reverts.
fn send(ledger: &mut Ledger, operation: &Operation) -> bool {
    let now = ledger.timestamp_ms;
    let commitment = B256::repeat_byte(3);
    match *operation {
        Operation::Wait { milliseconds } => {
            ledger.timestamp_ms += milliseconds;
            true
        }
        Operation::Appoint { registrar, on } => {
            done(ledger.call(GOVERNOR, TO, setRegistrarCall { account: registrar, appointed: on }))
        }
        Operation::Accredit { verifier, kind, status } => {
            done(ledger.call(ACCREDITOR, TO, setVerifierCall { verifier, kind, status }))
        }
        Operation::Register { registrar } => {
            done(ledger.call(registrar, TO, registerPersonCall { kind: 1, lei: String::new() }))
        }
        Operation::Assign { by, person, to } => {
            done(ledger.call(by, TO, assignRegistrarCall { personId: person, registrar: to }))
        }
        Operation::Propose { by, person, account } => {
            done(ledger.call(by, TO, proposeLinkCall { personId: person, account }))
        }
        Operation::Withdraw { by, person, account } => {
            done(ledger.call(by, TO, withdrawLinkCall { personId: person, account }))
        }
        Operation::Accept { person, account } => done(ledger.call(account, TO, acceptLinkCall { personId: person })),
        Operation::Unlink { by, account } => done(ledger.call(by, TO, unlinkCall { account })),
        Operation::Give { by, person, kind, value, after } => {
            done(ledger.call(by, TO, give_until(person, kind, value, now + after)))
        }
        Operation::Renew { by, person, kind, after } => {
            let call = renewCredentialCall { personId: person, kind, expiresMs: now + after, commitment };
            done(ledger.call(by, TO, call))
        }
        Operation::Revoke { by, person, kind } => {
            done(ledger.call(by, TO, revokeCredentialCall { personId: person, kind }))
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
    let registrar = || prop::sample::select(&REGISTRARS[..]);
    let verifier = || prop::sample::select(&VERIFIERS[..]);
    let who = || (1..=ACCOUNTS).prop_map(account);
    let person = || 0..=PERSONS + 1;
    let kind = || 1u8..=3;
    let after = || prop::sample::select(&[0u64, 1, 2, 3, 50][..]);
    let governor = || prop_oneof![3 => registrar(), 1 => Just(GOVERNOR)];
    let leaver = || prop_oneof![1 => registrar(), 1 => who()];
    let revoker = || prop_oneof![2 => verifier(), 1 => Just(ACCREDITOR), 2 => who()];
    prop_oneof![
        4 => (1u64..4).prop_map(|milliseconds| Operation::Wait { milliseconds }),
        1 => (registrar(), prop::bool::weighted(0.8)).prop_map(|(registrar, on)| Operation::Appoint { registrar, on }),
        2 => (verifier(), kind(), 0u8..=2)
            .prop_map(|(verifier, kind, status)| Operation::Accredit { verifier, kind, status }),
        1 => registrar().prop_map(|registrar| Operation::Register { registrar }),
        1 => (governor(), person(), registrar()).prop_map(|(by, person, to)| Operation::Assign { by, person, to }),
        8 => (registrar(), person(), who())
            .prop_map(|(by, person, account)| Operation::Propose { by, person, account }),
        1 => (registrar(), person(), who())
            .prop_map(|(by, person, account)| Operation::Withdraw { by, person, account }),
        8 => (person(), who()).prop_map(|(person, account)| Operation::Accept { person, account }),
        4 => (leaver(), who()).prop_map(|(by, account)| Operation::Unlink { by, account }),
        6 => (verifier(), person(), kind(), 1u16..5, after())
            // Small numbers are no two letters: a jurisdiction takes A and a letter after it.
            .prop_map(|(by, person, kind, value, after)| {
                let letters = u16::from_be_bytes(*b"AA") + value;
                let value = if kind == JURISDICTION { letters } else { value };
                Operation::Give { by, person, kind, value, after }
            }),
        3 => (verifier(), person(), kind(), after())
            .prop_map(|(by, person, kind, after)| Operation::Renew { by, person, kind, after }),
        2 => (revoker(), person(), kind()).prop_map(|(by, person, kind)| Operation::Revoke { by, person, kind }),
    ]
}

fn compare(ledger: &mut Ledger, model: &Model) -> Result<(), TestCaseError> {
    let count = ledger.ok(account(9), TO, personCountCall {});
    prop_assert_eq!(count, model.care.len() as u64);
    for number in 1..=ACCOUNTS {
        let who = account(number);
        prop_assert_eq!(person(ledger, who), model.owner.get(&who).copied().unwrap_or_default());
        let proposed = ledger.ok(who, TO, proposedLinkOfCall { account: who });
        prop_assert_eq!(proposed, model.proposed.get(&who).copied().unwrap_or_default());
    }
    for (number, registrar) in &model.care {
        prop_assert_eq!(ledger.ok(account(9), TO, getPersonCall { personId: *number }).registrar, *registrar);
        let listed: BTreeSet<Address> = addresses(ledger, *number).into_iter().collect();
        let owned = model.owner.iter().filter(|(_, owner)| *owner == number).map(|(who, _)| *who).collect();
        prop_assert_eq!(listed, owned);
        for kind in CredentialKind::ALL {
            let code = kind.number();
            let found = entry(ledger, *number, code);
            prop_assert_eq!(in_force(ledger, *number, kind), model.in_force(*number, code).map(|card| card.value));
            let card = model.cards.get(&(*number, code));
            let expected = card.map_or((0, 0, false), |card| (card.given, card.renewals, card.revoked));
            prop_assert_eq!((found.given, found.renewals, found.revokedMs > 0), expected);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(model_cases(96, 120))]

    #[test]
    fn the_registry_does_what_the_model_does(operations in prop::collection::vec(operation(), 1..120)) {
        let mut ledger = office();
        let mut model = Model { now: ledger.timestamp_ms, ..Model::default() };
        model.registrars.extend(REGISTRARS);
        for kind in [KYC, JURISDICTION, ACCREDITATION] {
            model.verifiers.extend(VERIFIERS.map(|verifier| ((verifier, kind), true)));
        }
        model.care.insert(1, REGISTRAR);
        model.owner.insert(account(1), 1);
        for number in 2..ACCOUNTS {
            link(&mut ledger, 1, account(number));
            model.owner.insert(account(number), 1);
        }
        for operation in &operations {
            prop_assert_eq!(send(&mut ledger, operation), model.apply(operation), "{:?}", operation);
        }
        compare(&mut ledger, &model)?;
        let violations = ledger.run(account(9), invariants::check).unwrap();
        prop_assert!(violations.is_empty(), "{:?}", violations);
    }
}
