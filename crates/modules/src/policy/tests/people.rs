//! A ledger with persons, for tests of conditions and limits.

use super::*;
use crate::{
    IDENTITY_ADDRESS,
    identity::IIdentity::{
        acceptLinkCall, giveCredentialCall, proposeLinkCall, registerPersonCall, setAccreditorCall, setRegistrarCall,
        setVerifierCall,
    },
    testing::{ADMIN, GOVERNOR},
    token::IToken::{setPolicyCall, transferCall},
    token_address,
};
use alloy_primitives::{B256, U256};

pub(super) const REGISTRAR: Address = Address::repeat_byte(0xb1);
pub(super) const OTHER_REGISTRAR: Address = Address::repeat_byte(0xb2);
pub(super) const VERIFIER: Address = Address::repeat_byte(0xb4);
pub(super) const KYC: u8 = 1;
pub(super) const JURISDICTION: u8 = 2;
pub(super) const ACCREDITATION: u8 = 3;
pub(super) const NO_LIMIT: U256 = U256::MAX;
pub(super) const DAY_MS: u64 = 86_400_000;

pub(super) fn eur() -> Address {
    token_address(1)
}

/// The test network with registrars and a verifier of everything, before midnight of 1 January 2024. EUR has no policy.
pub(super) fn society() -> Ledger {
    let mut ledger = world();
    ledger.timestamp_ms = at(2024, 1);
    for registrar in [REGISTRAR, OTHER_REGISTRAR] {
        ledger.ok(GOVERNOR, IDENTITY_ADDRESS, setRegistrarCall { account: registrar, appointed: true });
    }
    ledger.ok(GOVERNOR, IDENTITY_ADDRESS, setAccreditorCall { account: GOVERNOR, appointed: true });
    for kind in [KYC, JURISDICTION, ACCREDITATION] {
        set_verifier(&mut ledger, kind, 1);
    }
    set_policy(&mut ledger, OPEN);
    ledger
}

pub(super) fn set_verifier(ledger: &mut Ledger, kind: u8, status: u8) {
    ledger.ok(GOVERNOR, IDENTITY_ADDRESS, setVerifierCall { verifier: VERIFIER, kind, status });
}

/// The first instant of the day with this number in the year, for 2024 and the years around it.
pub(super) fn at(year: u64, day_of_year: u64) -> u64 {
    let new_year = match year {
        2023 => 19_358,
        2024 => 19_723,
        2025 => 20_089,
        _ => panic!("no new year of {year} is written here"),
    };
    (new_year + day_of_year - 1) * DAY_MS
}

/// A person of the first registrar with these addresses.
pub(super) fn person(ledger: &mut Ledger, wallets: &[Address]) -> u64 {
    person_of(ledger, REGISTRAR, wallets)
}

pub(super) fn person_of(ledger: &mut Ledger, registrar: Address, wallets: &[Address]) -> u64 {
    let call = registerPersonCall { kind: 1, lei: String::new() };
    let person = ledger.ok(registrar, IDENTITY_ADDRESS, call);
    for wallet in wallets {
        join(ledger, registrar, person, *wallet);
    }
    person
}

pub(super) fn join(ledger: &mut Ledger, registrar: Address, person: u64, wallet: Address) {
    ledger.ok(registrar, IDENTITY_ADDRESS, proposeLinkCall { personId: person, account: wallet });
    ledger.ok(wallet, IDENTITY_ADDRESS, acceptLinkCall { personId: person });
}

pub(super) fn give(ledger: &mut Ledger, person: u64, kind: u8, value: u16, expires_ms: u64) {
    let commitment = B256::repeat_byte(7);
    let call = giveCredentialCall { personId: person, kind, value, expiresMs: expires_ms, commitment };
    ledger.ok(VERIFIER, IDENTITY_ADDRESS, call);
}

pub(super) fn letters(text: &str) -> u16 {
    u16::from_be_bytes(text.as_bytes().try_into().unwrap())
}

pub(super) fn set_policy(ledger: &mut Ledger, policy: u64) {
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: policy });
}

pub(super) fn pay(to: Address, amount: u128) -> transferCall {
    transferCall { to, amount: units(amount) }
}

pub(super) fn payment_limit(ledger: &mut Ledger, exempt: u64, [single, day, month]: [U256; 3]) -> u64 {
    let call = createPaymentLimitCall {
        admin: COMPLIANCE,
        exemptPolicyId: exempt,
        perTransaction: single,
        perDay: day,
        perMonth: month,
    };
    ledger.ok(account(9), TO, call)
}

pub(super) fn holding_limit(ledger: &mut Ledger, exempt: u64, limit: u128, outcome: HoldingOutcome) -> u64 {
    let (limit, outcome) = (units(limit), outcome as u8);
    ledger.ok(account(9), TO, createHoldingLimitCall { admin: COMPLIANCE, exemptPolicyId: exempt, limit, outcome })
}

pub(super) fn travel_rule(ledger: &mut Ledger, exempt: u64, threshold: u128) -> u64 {
    let call = createTravelRuleCall { admin: COMPLIANCE, exemptPolicyId: exempt, threshold: units(threshold) };
    ledger.ok(account(9), TO, call)
}

pub(super) fn condition(ledger: &mut Ledger, kind: Kind, value: u16) -> u64 {
    ledger.ok(account(9), TO, createConditionCall { kind: kind.number(), value })
}

pub(super) fn jurisdictions(ledger: &mut Ledger, kind: Kind, codes: &[&str]) -> u64 {
    let codes = codes.iter().map(|code| letters(code).to_be_bytes().into()).collect();
    ledger.ok(account(9), TO, createJurisdictionConditionCall { kind: kind.number(), codes })
}

/// What an account has used of a payment limit this day and this month.
pub(super) fn spent(ledger: &mut Ledger, policy: u64, who: Address) -> (u128, u128) {
    let found = ledger.ok(account(9), TO, spentOfCall { policyId: policy, token: eur(), account: who });
    (found.today.to(), found.thisMonth.to())
}
