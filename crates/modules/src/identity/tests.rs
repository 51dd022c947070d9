//! Scenarios of the identity registry: offices, persons, links by both ways of consent, credentials at the edges of
//! time, and the order of errors.

use super::{IIdentity::*, *};
use crate::{
    Failure, IDENTITY_ADDRESS, POLICY_ADDRESS,
    calls::IModule,
    testing::{GOVERNOR, Ledger, account, key, sign, units, world},
    token_address,
};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolCall, SolError};

mod consent;
mod model;
mod precedence;

const TO: Address = IDENTITY_ADDRESS;
const REGISTRAR: Address = Address::repeat_byte(0xb1);
const RIVAL: Address = Address::repeat_byte(0xb2);
const ACCREDITOR: Address = Address::repeat_byte(0xb3);
const VERIFIER: Address = Address::repeat_byte(0xb4);
const OTHER_VERIFIER: Address = Address::repeat_byte(0xb5);
const KYC: u8 = 1;
const JURISDICTION: u8 = 2;
const ACCREDITATION: u8 = 3;
/// Real LEIs, of public companies.
const LEI: &str = "5493001KJTIIGC8Y1R12";
const OTHER_LEI: &str = "HWUPKR0MPOU8FGXBT394";

/// Two registrars, an accreditor and two verifiers of everything; person 1 is natural and has account 1.
fn office() -> Ledger {
    let mut ledger = world();
    for registrar in [REGISTRAR, RIVAL] {
        ledger.ok(GOVERNOR, TO, setRegistrarCall { account: registrar, appointed: true });
    }
    ledger.ok(GOVERNOR, TO, setAccreditorCall { account: ACCREDITOR, appointed: true });
    for kind in [KYC, JURISDICTION, ACCREDITATION] {
        accredit(&mut ledger, VERIFIER, kind, 1);
        accredit(&mut ledger, OTHER_VERIFIER, kind, 1);
    }
    assert_eq!(register(&mut ledger), 1);
    link(&mut ledger, 1, account(1));
    ledger
}

fn accredit(ledger: &mut Ledger, verifier: Address, kind: u8, status: u8) {
    ledger.ok(ACCREDITOR, TO, setVerifierCall { verifier, kind, status });
}

fn register(ledger: &mut Ledger) -> u64 {
    ledger.ok(REGISTRAR, TO, registerPersonCall { kind: 1, lei: String::new() })
}

fn link(ledger: &mut Ledger, person: u64, who: Address) {
    ledger.ok(REGISTRAR, TO, proposeLinkCall { personId: person, account: who });
    ledger.ok(who, TO, acceptLinkCall { personId: person });
}

fn person(ledger: &mut Ledger, who: Address) -> u64 {
    ledger.ok(account(9), TO, personOfCall { account: who })
}

fn addresses(ledger: &mut Ledger, person: u64) -> Vec<Address> {
    ledger.ok(account(9), TO, addressesOfCall { personId: person })
}

fn give_until(person: u64, kind: u8, value: u16, expires_ms: u64) -> giveCredentialCall {
    let commitment = B256::repeat_byte(7);
    giveCredentialCall { personId: person, kind, value, expiresMs: expires_ms, commitment }
}

fn entry(ledger: &mut Ledger, person: u64, kind: u8) -> credentialOfReturn {
    ledger.ok(account(9), TO, credentialOfCall { personId: person, kind })
}

/// What modules above see.
fn in_force(ledger: &mut Ledger, person: u64, kind: CredentialKind) -> Option<u16> {
    let found = ledger.run(account(9), |context| credential(context, person, kind)).unwrap();
    found.map(|credential| credential.value)
}

// ----- government ----------------------------------------------------------------------------------------------------

#[test]
fn genesis_gives_the_government_to_the_permission_admin_who_hands_it_over_in_two_steps() {
    let mut ledger = world();
    let heir = account(7);
    assert_eq!(ledger.ok(heir, TO, adminCall {}), GOVERNOR);
    let not_offered = |pending| IdentityAdminNotProposed { caller: heir, pendingAdmin: pending };
    ledger.reverts(heir, TO, acceptAdminCall {}, not_offered(Address::ZERO));
    ledger.ok(GOVERNOR, TO, proposeAdminCall { newAdmin: heir });
    ledger.ok(GOVERNOR, TO, proposeAdminCall { newAdmin: Address::ZERO });
    ledger.reverts(heir, TO, acceptAdminCall {}, not_offered(Address::ZERO));
    ledger.ok(GOVERNOR, TO, proposeAdminCall { newAdmin: heir });
    assert_eq!(ledger.ok(heir, TO, pendingAdminCall {}), heir);
    ledger.ok(heir, TO, acceptAdminCall {});
    assert_eq!(ledger.last_event::<AdminChanged>().1, AdminChanged { previousAdmin: GOVERNOR, newAdmin: heir });
    assert_eq!((ledger.ok(heir, TO, adminCall {}), ledger.ok(heir, TO, pendingAdminCall {})), (heir, Address::ZERO));
    let call = setRegistrarCall { account: account(1), appointed: true };
    ledger.reverts(GOVERNOR, TO, call, IdentityAdminRequired { caller: GOVERNOR, admin: heir });
    let nobody = IdentityAdminNotProposed { caller: Address::ZERO, pendingAdmin: Address::ZERO };
    ledger.reverts(Address::ZERO, TO, acceptAdminCall {}, nobody);
}

#[test]
fn no_office_includes_another() {
    let mut ledger = office();
    let stranger = |caller| IdentityAdminRequired { caller, admin: GOVERNOR };
    for caller in [REGISTRAR, ACCREDITOR, VERIFIER] {
        ledger.reverts(caller, TO, setRegistrarCall { account: caller, appointed: true }, stranger(caller));
        ledger.reverts(caller, TO, setAccreditorCall { account: caller, appointed: true }, stranger(caller));
        ledger.reverts(caller, TO, proposeAdminCall { newAdmin: caller }, stranger(caller));
    }
    for caller in [GOVERNOR, REGISTRAR, VERIFIER] {
        let call = setVerifierCall { verifier: caller, kind: KYC, status: 1 };
        ledger.reverts(caller, TO, call, AccreditorRequired { caller });
    }
    for caller in [GOVERNOR, ACCREDITOR, VERIFIER] {
        let call = registerPersonCall { kind: 1, lei: String::new() };
        ledger.reverts(caller, TO, call, RegistrarRequired { account: caller });
    }
    for caller in [GOVERNOR, REGISTRAR, ACCREDITOR] {
        let call = give_until(1, KYC, 1, u64::MAX);
        ledger.reverts(caller, TO, call, VerifierRequired { caller, kind: KYC });
    }
}

#[test]
fn offices_are_given_and_taken_and_only_changes_are_told() {
    let mut ledger = office();
    let events = ledger.storage.logs.len();
    ledger.ok(GOVERNOR, TO, setRegistrarCall { account: REGISTRAR, appointed: true });
    ledger.ok(GOVERNOR, TO, setAccreditorCall { account: ACCREDITOR, appointed: true });
    accredit(&mut ledger, VERIFIER, KYC, 1);
    assert_eq!(ledger.storage.logs.len(), events);
    accredit(&mut ledger, VERIFIER, KYC, 2);
    let event = VerifierSet { verifier: VERIFIER, kind: KYC, status: 2, accreditor: ACCREDITOR };
    assert_eq!(ledger.last_event::<VerifierSet>().1, event);
    let status = |ledger: &mut Ledger, kind| ledger.ok(account(9), TO, verifierStatusCall { verifier: VERIFIER, kind });
    assert_eq!([KYC, JURISDICTION, ACCREDITATION].map(|kind| status(&mut ledger, kind)), [2, 1, 1]);
    ledger.ok(GOVERNOR, TO, setAccreditorCall { account: ACCREDITOR, appointed: false });
    assert!(!ledger.ok(account(9), TO, isAccreditorCall { account: ACCREDITOR }));
    assert!(ledger.ok(account(9), TO, isRegistrarCall { account: REGISTRAR }));
    let call = setVerifierCall { verifier: VERIFIER, kind: KYC, status: 0 };
    ledger.reverts(ACCREDITOR, TO, call, AccreditorRequired { caller: ACCREDITOR });
}

// ----- persons -------------------------------------------------------------------------------------------------------

#[test]
fn leis_are_valid_by_shape_and_check_digits() {
    for lei in [LEI, OTHER_LEI, "7ZW8QJWVPR4P1J1KQY45", "529900T8BM49AURSDO55", "INR2EJN1ERAN0W5ZP974"] {
        assert!(is_valid_lei(lei), "{lei}");
    }
    let wrong = [
        "",
        "5493001KJTIIGC8Y1R1",
        "5493001KJTIIGC8Y1R122",
        "5493001KJTIIGC8Y1R13",
        "5493001KJTIIGC8Y1R21",
        "4593001KJTIIGC8Y1R12",
        "5493001kjtiigc8y1r12",
        "5493001KJTIIGC8Y1R1A",
        "5493001KJTIIGC8Y1 12",
        "5493001KJTIIGC8Y1é12",
    ];
    for lei in wrong {
        assert!(!is_valid_lei(lei), "{lei}");
    }
}

/// Of the numbers modulo 97, three have two forms in two digits: only the one that the procedure yields is taken.
#[test]
fn check_digits_have_one_form() {
    let mut accepted = std::collections::BTreeMap::new();
    for number in 0..500u32 {
        let head = format!("ABCDEF{number:012}");
        let checks: Vec<u32> = (0..100).filter(|check| is_valid_lei(&format!("{head}{check:02}"))).collect();
        let [check] = checks[..] else { panic!("{head} is valid with {checks:?}") };
        *accepted.entry(check).or_insert(0) += 1;
    }
    assert!(accepted.keys().all(|check| (2..=98).contains(check)));
    assert!(accepted.contains_key(&2) && accepted.contains_key(&97) && accepted.contains_key(&98));
}

#[test]
fn persons_are_numbered_and_leis_lead_to_them() {
    let mut ledger = office();
    let bank = ledger.ok(REGISTRAR, TO, registerPersonCall { kind: 2, lei: LEI.into() });
    assert_eq!((bank, ledger.ok(account(9), TO, personCountCall {})), (2, 2));
    let event = PersonRegistered { personId: 2, kind: 2, registrar: REGISTRAR, lei: LEI.into() };
    assert_eq!(ledger.last_event::<PersonRegistered>().1, event);
    let found = ledger.ok(account(9), TO, getPersonCall { personId: bank });
    assert_eq!((found.kind, found.registrar, found.lei.as_str()), (2, REGISTRAR, LEI));
    assert_eq!((found.registeredMs, found.addressCount), (ledger.timestamp_ms, 0));
    assert_eq!(ledger.ok(account(9), TO, personOfLeiCall { lei: LEI.into() }), bank);
    assert_eq!(ledger.ok(account(9), TO, personOfLeiCall { lei: OTHER_LEI.into() }), 0);
    let again = registerPersonCall { kind: 2, lei: LEI.into() };
    ledger.reverts(RIVAL, TO, again, LeiTaken { lei: LEI.into(), personId: bank });
    let human = ledger.ok(account(9), TO, getPersonCall { personId: 1 });
    assert_eq!((human.kind, human.lei.as_str(), human.addressCount), (1, "", 1));
    for nobody in [0, 3, u64::MAX] {
        ledger.reverts(account(9), TO, getPersonCall { personId: nobody }, PersonUnknown { personId: nobody });
        ledger.reverts(account(9), TO, addressesOfCall { personId: nobody }, PersonUnknown { personId: nobody });
        ledger.reverts(account(9), TO, credentialsOfCall { personId: nobody }, PersonUnknown { personId: nobody });
    }
}

#[test]
fn a_registrar_that_closes_leaves_no_orphans() {
    let mut ledger = office();
    let propose = || proposeLinkCall { personId: 1, account: account(2) };
    let foreign = PersonRegistrarRequired { personId: 1, caller: RIVAL, registrar: REGISTRAR };
    ledger.reverts(RIVAL, TO, propose(), foreign.clone());
    ledger.reverts(RIVAL, TO, assignRegistrarCall { personId: 1, registrar: RIVAL }, foreign);
    ledger.ok(GOVERNOR, TO, setRegistrarCall { account: REGISTRAR, appointed: false });
    ledger.reverts(REGISTRAR, TO, propose(), RegistrarRequired { account: REGISTRAR });
    ledger.reverts(REGISTRAR, TO, unlinkCall { account: account(1) }, RegistrarRequired { account: REGISTRAR });
    let hand_over = assignRegistrarCall { personId: 1, registrar: RIVAL };
    ledger.reverts(REGISTRAR, TO, hand_over.clone(), RegistrarRequired { account: REGISTRAR });
    ledger.ok(GOVERNOR, TO, hand_over.clone());
    let event = RegistrarAssigned { personId: 1, previousRegistrar: REGISTRAR, newRegistrar: RIVAL };
    assert_eq!(ledger.last_event::<RegistrarAssigned>().1, event);
    let events = ledger.storage.logs.len();
    ledger.ok(RIVAL, TO, hand_over);
    assert_eq!(ledger.storage.logs.len(), events, "what is so already is not told again");
    ledger.ok(RIVAL, TO, propose());
    ledger.ok(account(2), TO, acceptLinkCall { personId: 1 });
    assert_eq!(addresses(&mut ledger, 1), [account(1), account(2)]);
}

// ----- credentials ---------------------------------------------------------------------------------------------------

#[test]
fn a_credential_is_given_renewed_and_revoked_and_its_history_is_counted() {
    let mut ledger = office();
    let start = ledger.timestamp_ms;
    ledger.ok(VERIFIER, TO, give_until(1, KYC, 2, start + 1_000));
    let commitment = B256::repeat_byte(7);
    let event = CredentialGiven {
        personId: 1,
        kind: KYC,
        verifier: VERIFIER,
        number: 1,
        value: 2,
        expiresMs: start + 1_000,
        commitment,
    };
    assert_eq!(ledger.last_event::<CredentialGiven>().1, event);
    assert_eq!(in_force(&mut ledger, 1, CredentialKind::Kyc), Some(2));

    ledger.timestamp_ms = start + 400;
    let fresh = B256::repeat_byte(8);
    let renew = renewCredentialCall { personId: 1, kind: KYC, expiresMs: start + 9_000, commitment: fresh };
    ledger.ok(VERIFIER, TO, renew);
    let found = entry(&mut ledger, 1, KYC);
    assert_eq!((found.issuedMs, found.renewedMs, found.expiresMs), (start, start + 400, start + 9_000));
    assert_eq!((found.given, found.renewals, found.value, found.commitment), (1, 1, 2, fresh));

    ledger.timestamp_ms = start + 500;
    ledger.ok(VERIFIER, TO, revokeCredentialCall { personId: 1, kind: KYC });
    let event = CredentialRevokedBy { personId: 1, kind: KYC, by: VERIFIER, number: 1 };
    assert_eq!(ledger.last_event::<CredentialRevokedBy>().1, event);
    let found = entry(&mut ledger, 1, KYC);
    assert_eq!((found.inForce, found.revokedMs, found.verifier), (false, start + 500, VERIFIER));
    assert_eq!(in_force(&mut ledger, 1, CredentialKind::Kyc), None);
    let renew = renewCredentialCall { personId: 1, kind: KYC, expiresMs: u64::MAX, commitment: fresh };
    ledger.reverts(VERIFIER, TO, renew, CredentialRevoked { personId: 1, kind: KYC });
    let again = revokeCredentialCall { personId: 1, kind: KYC };
    ledger.reverts(VERIFIER, TO, again, CredentialRevoked { personId: 1, kind: KYC });

    ledger.ok(VERIFIER, TO, give_until(1, KYC, 3, u64::MAX));
    let found = entry(&mut ledger, 1, KYC);
    assert_eq!((found.given, found.renewals, found.revokedMs, found.renewedMs), (2, 0, 0, 0));
    assert_eq!((found.inForce, found.value), (true, 3));
}

/// Expiry is decided by block time: in the very block of expiry the credential has expired.
#[test]
fn at_the_very_instant_of_expiry_a_credential_has_expired() {
    let mut ledger = office();
    let end = ledger.timestamp_ms + 1_000;
    ledger.ok(VERIFIER, TO, give_until(1, KYC, 2, end));
    for (now, expected) in [(end - 1, Some(2)), (end, None), (end + 1, None)] {
        ledger.timestamp_ms = now;
        assert_eq!(in_force(&mut ledger, 1, CredentialKind::Kyc), expected, "at {now}");
        assert_eq!(entry(&mut ledger, 1, KYC).inForce, expected.is_some(), "at {now}");
    }
    let now = end + 1;
    let invalid = |expires| CredentialExpiryInvalid { expiresMs: expires, earliestMs: now + 1 };
    ledger.reverts(VERIFIER, TO, give_until(1, KYC, 2, now), invalid(now));
    let renew =
        |expires| renewCredentialCall { personId: 1, kind: KYC, expiresMs: expires, commitment: B256::repeat_byte(1) };
    ledger.reverts(VERIFIER, TO, renew(now), invalid(now));
    ledger.ok(VERIFIER, TO, renew(now + 1));
    assert_eq!(in_force(&mut ledger, 1, CredentialKind::Kyc), Some(2), "a late renewal counts from its block on");
}

#[test]
fn renewal_never_shortens() {
    let mut ledger = office();
    let end = ledger.timestamp_ms + 1_000;
    ledger.ok(VERIFIER, TO, give_until(1, KYC, 2, end));
    let renew =
        |expires| renewCredentialCall { personId: 1, kind: KYC, expiresMs: expires, commitment: B256::repeat_byte(1) };
    let error = CredentialExpiryInvalid { expiresMs: end - 1, earliestMs: end };
    ledger.reverts(VERIFIER, TO, renew(end - 1), error);
    ledger.ok(VERIFIER, TO, renew(end));
}

#[test]
fn values_are_those_of_their_kind() {
    let mut ledger = office();
    let letters = |text: &[u8; 2]| u16::from_be_bytes(*text);
    for (kind, value) in [
        (KYC, 1),
        (KYC, 255),
        (JURISDICTION, letters(b"AA")),
        (JURISDICTION, letters(b"ZZ")),
        (ACCREDITATION, 1),
        (ACCREDITATION, u16::MAX),
    ] {
        ledger.ok(VERIFIER, TO, give_until(1, kind, value, u64::MAX));
        assert_eq!(entry(&mut ledger, 1, kind).value, value);
    }
    for (kind, value) in [
        (KYC, 0),
        (KYC, 256),
        (JURISDICTION, 0),
        (JURISDICTION, letters(b"de")),
        (JURISDICTION, letters(b"D1")),
        (JURISDICTION, letters(b"@A")),
        (JURISDICTION, letters(b"[A")),
        (ACCREDITATION, 0),
    ] {
        let error = CredentialValueInvalid { kind, value };
        ledger.reverts(VERIFIER, TO, give_until(1, kind, value, u64::MAX), error);
    }
    ledger.ok(VERIFIER, TO, give_until(1, JURISDICTION, letters(b"DE"), u64::MAX));
    let found = ledger.ok(account(9), TO, jurisdictionOfCall { personId: 1 });
    assert_eq!(found.as_slice(), b"DE");
    assert_eq!(ledger.run(account(9), |context| jurisdiction_of(context, 1)).unwrap(), Some(*b"DE"));
    ledger.ok(account(1), TO, revokeCredentialCall { personId: 1, kind: JURISDICTION });
    assert_eq!(ledger.ok(account(9), TO, jurisdictionOfCall { personId: 1 }).as_slice(), [0, 0]);
    assert_eq!(ledger.run(account(9), |context| jurisdiction_of(context, 0)).unwrap(), None, "nobody is nowhere");
}

#[test]
fn a_verifier_that_is_struck_off_takes_its_credentials_with_it_and_a_retired_one_does_not() {
    let mut ledger = office();
    let now = ledger.timestamp_ms;
    ledger.ok(VERIFIER, TO, give_until(1, KYC, 2, now + 1_000));
    ledger.ok(VERIFIER, TO, give_until(1, ACCREDITATION, 5, now + 1_000));
    accredit(&mut ledger, VERIFIER, KYC, 2);
    assert_eq!(in_force(&mut ledger, 1, CredentialKind::Kyc), Some(2));
    let error = || VerifierRequired { caller: VERIFIER, kind: KYC };
    ledger.reverts(VERIFIER, TO, give_until(1, KYC, 2, now + 1_000), error());
    let renew = renewCredentialCall { personId: 1, kind: KYC, expiresMs: u64::MAX, commitment: B256::repeat_byte(1) };
    ledger.reverts(VERIFIER, TO, renew, error());

    accredit(&mut ledger, VERIFIER, KYC, 0);
    assert_eq!(in_force(&mut ledger, 1, CredentialKind::Kyc), None);
    assert_eq!(in_force(&mut ledger, 1, CredentialKind::Accreditation), Some(5), "kinds are apart");
    accredit(&mut ledger, VERIFIER, KYC, 1);
    assert_eq!(in_force(&mut ledger, 1, CredentialKind::Kyc), Some(2), "accredited again, it counts again");
    accredit(&mut ledger, VERIFIER, KYC, 0);
    ledger.ok(OTHER_VERIFIER, TO, give_until(1, KYC, 1, now + 1_000));
    accredit(&mut ledger, VERIFIER, KYC, 1);
    assert_eq!(in_force(&mut ledger, 1, CredentialKind::Kyc), Some(1), "it was replaced");
    ledger.reverts(
        VERIFIER,
        TO,
        revokeCredentialCall { personId: 1, kind: KYC },
        CredentialNotOwn { personId: 1, kind: KYC, caller: VERIFIER, verifier: OTHER_VERIFIER },
    );
}

#[test]
fn another_verifier_replaces_only_what_is_no_longer_in_force() {
    let mut ledger = office();
    let end = ledger.timestamp_ms + 1_000;
    ledger.ok(VERIFIER, TO, give_until(1, KYC, 3, end));
    ledger.ok(VERIFIER, TO, give_until(1, KYC, 2, end));
    let blocked = || CredentialInForce { personId: 1, kind: KYC, verifier: VERIFIER, expiresMs: end };
    ledger.reverts(OTHER_VERIFIER, TO, give_until(1, KYC, 1, end), blocked());
    ledger.ok(account(1), TO, revokeCredentialCall { personId: 1, kind: KYC });
    ledger.ok(OTHER_VERIFIER, TO, give_until(1, KYC, 1, end));
    assert_eq!(entry(&mut ledger, 1, KYC).given, 3);
    ledger.timestamp_ms = end;
    ledger.ok(VERIFIER, TO, give_until(1, KYC, 4, end + 1));
    assert_eq!(in_force(&mut ledger, 1, CredentialKind::Kyc), Some(4));
}

#[test]
fn verifier_accreditor_and_the_person_itself_revoke_and_nobody_else() {
    for by in [VERIFIER, ACCREDITOR, account(1)] {
        let mut ledger = office();
        ledger.ok(VERIFIER, TO, give_until(1, KYC, 2, u64::MAX));
        for stranger in [OTHER_VERIFIER, REGISTRAR, GOVERNOR, account(2)] {
            let error = CredentialNotOwn { personId: 1, kind: KYC, caller: stranger, verifier: VERIFIER };
            ledger.reverts(stranger, TO, revokeCredentialCall { personId: 1, kind: KYC }, error);
        }
        ledger.ok(by, TO, revokeCredentialCall { personId: 1, kind: KYC });
        assert_eq!(ledger.last_event::<CredentialRevokedBy>().1.by, by);
        assert_eq!(in_force(&mut ledger, 1, CredentialKind::Kyc), None);
    }
}

#[test]
fn a_person_sees_who_holds_what_about_it() {
    let mut ledger = office();
    let now = ledger.timestamp_ms;
    let view = |ledger: &mut Ledger| ledger.ok(account(1), TO, credentialsOfCall { personId: 1 });
    assert_eq!(view(&mut ledger).kinds, Vec::<u8>::new());
    ledger.ok(VERIFIER, TO, give_until(1, ACCREDITATION, 9, now + 500));
    ledger.ok(OTHER_VERIFIER, TO, give_until(1, KYC, 2, now + 900));
    ledger.timestamp_ms = now + 500;
    let found = view(&mut ledger);
    assert_eq!((found.kinds, found.values), (vec![KYC, ACCREDITATION], vec![2, 9]));
    assert_eq!((found.verifiers, found.inForce), (vec![OTHER_VERIFIER, VERIFIER], vec![true, false]));
    assert_eq!((found.issuedMs, found.expiresMs), (vec![now, now], vec![now + 900, now + 500]));
    assert_eq!(found.commitments, [B256::repeat_byte(7); 2]);
}

#[test]
fn nobody_has_no_credential() {
    let mut ledger = office();
    // Should storage hold something for person 0, it still counts for nothing.
    let place = layout::layout().persons.of(&0).credentials.of(&KYC).terms;
    ledger
        .run(account(9), |context| {
            let verifier = VERIFIER;
            place.write(context, layout::CredentialTerms { value: 9, verifier, expires_ms: u64::MAX, revoked: false })
        })
        .unwrap();
    assert_eq!(in_force(&mut ledger, 0, CredentialKind::Kyc), None);
}

// ----- hostile input, storage, invariants ----------------------------------------------------------------------------

#[test]
fn a_static_call_changes_nothing() {
    let mut ledger = office();
    let calls = [
        setRegistrarCall { account: account(3), appointed: true }.abi_encode(),
        registerPersonCall { kind: 9, lei: String::new() }.abi_encode(),
        unlinkCall { account: account(1) }.abi_encode(),
        give_until(1, KYC, 1, u64::MAX).abi_encode(),
    ];
    for input in calls {
        let mut storage = ledger.storage.clone();
        let env = crate::CallEnv { is_static: true, ..ledger.env(GOVERNOR) };
        let result = crate::dispatch(&mut crate::Context::new(env, &mut storage), TO, &input);
        assert_eq!(result, Err(Failure::Revert(IModule::StaticCallForbidden {}.abi_encode().into())));
        assert_eq!(storage.slots, ledger.storage.slots);
    }
    let cut = &personOfCall { account: account(1) }.abi_encode()[..35];
    let error = IModule::ArgumentsMalformed { selector: personOfCall::SELECTOR.into() };
    assert_eq!(ledger.send(account(1), TO, cut), Err(Failure::Revert(error.abi_encode().into())));
}

/// What an external reader finds with eth_getStorageAt.
#[test]
fn a_link_lies_where_the_layout_says() {
    let mut ledger = office();
    link(&mut ledger, 1, account(2));
    let preimage = [B256::left_padding_from(account(2).as_slice()).0, U256::from(4).to_be_bytes()].concat();
    let word = ledger.storage.slots[&(TO, keccak256(preimage).into())];
    assert_eq!(word, units(1) | U256::ONE << 64 | U256::ONE << 160, "person 1, position 1, one link made");
}

/// The checkers are checked: each tampering is named.
#[test]
fn invariants_notice_what_they_name() {
    let mut sound = office();
    link(&mut sound, 1, account(2));
    sound.ok(REGISTRAR, TO, registerPersonCall { kind: 2, lei: LEI.into() });
    sound.ok(VERIFIER, TO, give_until(1, KYC, 2, u64::MAX));
    assert_eq!(sound.run(account(9), invariants::check).unwrap(), []);
    let check = |place: (Address, U256), word: U256| {
        let mut ledger = office();
        ledger.storage = sound.storage.clone();
        ledger.storage.slots.insert(place, word);
        let found = ledger.run(account(9), invariants::check).unwrap();
        found.iter().map(|violation| violation.invariant).collect::<Vec<_>>()
    };
    let layout = layout::layout();
    let first = layout.persons.of(&1);
    assert_eq!(check(layout.admin.place(), U256::ZERO), ["identity.admin_exists"]);
    assert_eq!(check(layout.links.of(&account(2)).place(), units(2)), ["identity.addresses_point_back"]);
    let claimed = check(layout.links.of(&account(2)).place(), units(1));
    assert_eq!(claimed, ["identity.addresses_point_back"], "right person, wrong place");
    assert_eq!(check(layout.by_lei.of(LEI).place(), units(1)), ["identity.lei_points_back"]);
    let commitment = first.credentials.of(&KYC).commitment.place();
    assert_eq!(check(commitment, U256::ZERO), ["identity.credentials_well_formed"]);
    let history = first.credentials.of(&KYC).history.place();
    assert_eq!(check(history, U256::ZERO), ["identity.credentials_well_formed"]);
    let length = layout.persons.of(&2).record.place().1 + units(2);
    let found = check((TO, length), units(u128::from(ADDRESSES_MAX) + 1));
    assert!(found.contains(&"identity.addresses_bounded"), "{found:?}");
}
