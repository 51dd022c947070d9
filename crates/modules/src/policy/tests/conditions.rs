//! Conditions on the person of an address.

use super::{people::*, *};
use crate::{
    IDENTITY_ADDRESS,
    identity::IIdentity::{revokeCredentialCall, unlinkCall},
    token::IToken::PolicyForbids,
};
use alloy_primitives::{FixedBytes, U256};

#[test]
fn each_condition_asks_the_person_of_an_address() {
    let mut ledger = society();
    let (german, swiss, bare, nobody) = (account(1), account(2), account(3), account(4));
    for (wallet, tier, code, class) in [(german, 3, "DE", 5), (swiss, 1, "CH", 6)] {
        let number = person(&mut ledger, &[wallet]);
        give(&mut ledger, number, KYC, tier, u64::MAX);
        give(&mut ledger, number, JURISDICTION, letters(code), u64::MAX);
        give(&mut ledger, number, ACCREDITATION, class, u64::MAX);
    }
    person(&mut ledger, &[bare]);
    let table = [
        (condition(&mut ledger, Kind::KnownPerson, 0), [true, true, true]),
        (condition(&mut ledger, Kind::KycTier, 1), [true, true, false]),
        (condition(&mut ledger, Kind::KycTier, 2), [true, false, false]),
        (condition(&mut ledger, Kind::KycTier, 3), [true, false, false]),
        (condition(&mut ledger, Kind::KycTier, 4), [false, false, false]),
        (jurisdictions(&mut ledger, Kind::JurisdictionAmong, &["DE", "FR"]), [true, false, false]),
        (jurisdictions(&mut ledger, Kind::JurisdictionAmong, &["CH", "DE"]), [true, true, false]),
        (jurisdictions(&mut ledger, Kind::JurisdictionOutside, &["DE"]), [false, true, false]),
        (jurisdictions(&mut ledger, Kind::JurisdictionOutside, &["KP"]), [true, true, false]),
        (condition(&mut ledger, Kind::Accreditation, 5), [true, false, false]),
        (condition(&mut ledger, Kind::Accreditation, 6), [false, true, false]),
    ];
    for (policy, expected) in table {
        let found = [german, swiss, bare].map(|who| allowed(&mut ledger, policy, who));
        assert_eq!(found, expected, "policy {policy}");
        assert!(!allowed(&mut ledger, policy, nobody), "policy {policy} admits nobody");
    }
}

/// A place is right if the question reads it: a word with every bit set is no value of any type there.
#[test]
fn the_place_that_is_fetched_ahead_is_the_one_that_is_read() {
    let mut ledger = society();
    let who = account(1);
    let lists = [Kind::Allow, Kind::Deny].map(|kind| list(&mut ledger, kind, &[who]));
    let conditions = [(Kind::KnownPerson, 0), (Kind::KycTier, 1)];
    let conditions = conditions.map(|(kind, value)| condition(&mut ledger, kind, value));
    let place = |ledger: &mut Ledger, policy| {
        ledger.run(account(9), |context| Ok(accounts::Asked::of(context, policy)?.place_of(who))).unwrap()
    };
    for policy in lists.into_iter().chain(conditions) {
        let place = place(&mut ledger, policy).unwrap();
        let before = ledger.storage.slots.insert(place, U256::MAX);
        assert!(ledger.call(account(9), TO, isAllowedCall { policyId: policy, account: who }).is_err(), "{policy}");
        match before {
            Some(word) => ledger.storage.slots.insert(place, word),
            None => ledger.storage.slots.remove(&place),
        };
    }
    let both = combine(&mut ledger, Kind::AllOf, &lists);
    for policy in [OPEN, CLOSED, both] {
        assert_eq!(place(&mut ledger, policy), None, "{policy}");
    }
}

/// Whose KYC expires in the very block neither pays nor is paid in it.
#[test]
fn a_credential_that_expires_in_the_very_block_has_expired() {
    let mut ledger = society();
    let end = ledger.timestamp_ms + 5_000;
    let number = person(&mut ledger, &[account(1)]);
    give(&mut ledger, number, KYC, 2, end);
    let other = person(&mut ledger, &[account(2)]);
    give(&mut ledger, other, KYC, 2, u64::MAX);
    let tier = condition(&mut ledger, Kind::KycTier, 2);
    set_policy(&mut ledger, tier);
    ledger.timestamp_ms = end - 1;
    ledger.ok(account(1), eur(), pay(account(2), 10));
    ledger.timestamp_ms = end;
    let error = || PolicyForbids { policyId: tier, account: account(1) };
    ledger.reverts(account(1), eur(), pay(account(2), 10), error());
    ledger.reverts(account(2), eur(), pay(account(1), 10), error());
}

#[test]
fn what_happens_to_a_credential_happens_to_every_token_at_once() {
    let mut ledger = society();
    let mut numbers = Vec::new();
    for wallet in [account(1), account(2)] {
        let number = person(&mut ledger, &[wallet]);
        give(&mut ledger, number, KYC, 2, u64::MAX);
        numbers.push(number);
    }
    let tier = condition(&mut ledger, Kind::KycTier, 2);
    set_policy(&mut ledger, tier);
    let forbidden = |who| PolicyForbids { policyId: tier, account: who };
    ledger.ok(account(1), eur(), pay(account(2), 1));
    set_verifier(&mut ledger, KYC, 0);
    ledger.reverts(account(1), eur(), pay(account(2), 1), forbidden(account(1)));
    set_verifier(&mut ledger, KYC, 2);
    ledger.ok(account(1), eur(), pay(account(2), 1));
    let call = revokeCredentialCall { personId: numbers[1], kind: KYC };
    ledger.ok(account(2), IDENTITY_ADDRESS, call);
    ledger.reverts(account(1), eur(), pay(account(2), 1), forbidden(account(2)));
    ledger.ok(account(1), IDENTITY_ADDRESS, unlinkCall { account: account(1) });
    ledger.reverts(account(1), eur(), pay(account(2), 1), forbidden(account(1)));
}

#[test]
fn conditions_combine_with_lists() {
    let mut ledger = society();
    let number = person(&mut ledger, &[account(1)]);
    give(&mut ledger, number, KYC, 2, u64::MAX);
    let banks = list(&mut ledger, Kind::Allow, &[account(2)]);
    let sanctioned = list(&mut ledger, Kind::Deny, &[account(2)]);
    let tier = condition(&mut ledger, Kind::KycTier, 2);
    let either = combine(&mut ledger, Kind::AnyOf, &[banks, tier]);
    let both = combine(&mut ledger, Kind::AllOf, &[either, sanctioned]);
    let ask = |ledger: &mut Ledger, policy| [1, 2, 3].map(|n| allowed(ledger, policy, account(n)));
    assert_eq!(ask(&mut ledger, either), [true, true, false]);
    assert_eq!(ask(&mut ledger, both), [true, false, false]);
    assert_eq!(ledger.run(account(9), invariants::check).unwrap(), []);
}

#[test]
fn every_jurisdiction_has_a_bit_of_its_own() {
    let mut ledger = society();
    // The edges of the alphabet and of the three words of storage.
    let codes = ["AA", "AZ", "BA", "JV", "JW", "TR", "TS", "ZA", "ZZ"];
    for code in codes {
        let policy = jurisdictions(&mut ledger, Kind::JurisdictionAmong, &[code, code]);
        let found = ledger.ok(account(9), TO, jurisdictionsOfCall { policyId: policy });
        assert_eq!(found, [FixedBytes(letters(code).to_be_bytes())], "{code}");
    }
    let policy = jurisdictions(&mut ledger, Kind::JurisdictionOutside, &["ZZ", "JW", "AA", "JV"]);
    let found = ledger.ok(account(9), TO, jurisdictionsOfCall { policyId: policy });
    assert_eq!(found, ["AA", "JV", "JW", "ZZ"].map(|code| FixedBytes(letters(code).to_be_bytes())));
    assert_eq!(ledger.ok(account(9), TO, jurisdictionsOfCall { policyId: 2 }), Vec::<FixedBytes<2>>::new());
}

#[test]
fn errors_of_making_conditions_come_in_the_promised_order() {
    let mut ledger = society();
    let call = |kind, value| createConditionCall { kind, value };
    for kind in [0, 1, 2, 3, 4, 7, 8, 10, 11, 12, 13, 255] {
        ledger.reverts(account(9), TO, call(kind, 256), PolicyKindInvalid { kind });
    }
    for (kind, value) in [(5, 1), (6, 0), (6, 256), (9, 0)] {
        ledger.reverts(account(9), TO, call(kind, value), ConditionValueInvalid { kind, value });
    }
    let wrong: FixedBytes<2> = FixedBytes(*b"de");
    let call = |kind, codes| createJurisdictionConditionCall { kind, codes };
    for kind in [0, 1, 4, 5, 6, 9, 10] {
        ledger.reverts(account(9), TO, call(kind, vec![wrong; 257]), PolicyKindInvalid { kind });
    }
    let error = BatchTooLarge { length: units(257), lengthMax: units(256) };
    ledger.reverts(account(9), TO, call(7, vec![wrong; 257]), error);
    ledger.reverts(account(9), TO, call(7, vec![]), JurisdictionsMissing {});
    let codes = vec![FixedBytes(*b"DE"), wrong];
    ledger.reverts(account(9), TO, call(8, codes), JurisdictionInvalid { code: wrong });
}

#[test]
fn a_condition_has_no_admin_and_no_members() {
    let mut ledger = society();
    let tier = condition(&mut ledger, Kind::KycTier, 200);
    let found = ledger.ok(account(9), TO, getPolicyCall { policyId: tier });
    assert_eq!((found.kind, found.admin, found.memberCount), (6, Address::ZERO, 0));
    assert_eq!(ledger.ok(account(9), TO, conditionOfCall { policyId: tier }), 200);
    let not_list = || PolicyNotList { policyId: tier };
    let call = addMembersCall { policyId: tier, accounts: vec![account(1)] };
    ledger.reverts(Address::ZERO, TO, call, not_list());
    let call = proposeAdminCall { policyId: tier, newAdmin: account(1) };
    ledger.reverts(Address::ZERO, TO, call, not_list());
    let created = ledger.last_event::<ConditionCreated>().1;
    assert_eq!((created.policyId, created.kind, created.value, created.creator), (tier, 6, 200, account(9)));
}
