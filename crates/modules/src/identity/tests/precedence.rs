//! Order of errors, as `specs/identity.md` promises it: everything is wrong with a call, and each error is healed
//! before the next is seen.

use super::*;

fn legal(kind: u8, lei: &str) -> registerPersonCall {
    registerPersonCall { kind, lei: lei.into() }
}

#[test]
fn of_offices() {
    let mut ledger = office();
    let module = POLICY_ADDRESS;
    let invalid = || OfficerInvalid { account: module };
    let stranger = || IdentityAdminRequired { caller: account(1), admin: GOVERNOR };
    ledger.reverts(account(1), TO, proposeAdminCall { newAdmin: module }, stranger());
    ledger.reverts(GOVERNOR, TO, proposeAdminCall { newAdmin: module }, invalid());
    for appointed in [true, false] {
        let call = setRegistrarCall { account: module, appointed };
        ledger.reverts(account(1), TO, call.clone(), stranger());
        ledger.reverts(GOVERNOR, TO, call, invalid());
        let call = setAccreditorCall { account: module, appointed };
        ledger.reverts(account(1), TO, call.clone(), stranger());
        ledger.reverts(GOVERNOR, TO, call, invalid());
    }
    let call = |kind, status| setVerifierCall { verifier: module, kind, status };
    ledger.reverts(account(1), TO, call(4, 3), AccreditorRequired { caller: account(1) });
    ledger.reverts(ACCREDITOR, TO, call(4, 3), CredentialKindInvalid { kind: 4 });
    ledger.reverts(ACCREDITOR, TO, call(0, 3), CredentialKindInvalid { kind: 0 });
    ledger.reverts(ACCREDITOR, TO, call(KYC, 3), VerifierStatusInvalid { status: 3 });
    ledger.reverts(ACCREDITOR, TO, call(KYC, 1), invalid());
}

#[test]
fn of_persons() {
    let mut ledger = office();
    ledger.ok(REGISTRAR, TO, legal(2, LEI));
    ledger.reverts(account(1), TO, legal(3, "x"), RegistrarRequired { account: account(1) });
    ledger.reverts(REGISTRAR, TO, legal(3, "x"), PersonKindInvalid { kind: 3 });
    ledger.reverts(REGISTRAR, TO, legal(0, LEI), PersonKindInvalid { kind: 0 });
    ledger.reverts(REGISTRAR, TO, legal(1, LEI), LeiNotApplicable { lei: LEI.into() });
    ledger.reverts(REGISTRAR, TO, legal(2, ""), LeiInvalid { lei: String::new() });
    ledger.reverts(REGISTRAR, TO, legal(2, LEI), LeiTaken { lei: LEI.into(), personId: 2 });
    ledger.ok(REGISTRAR, TO, legal(2, OTHER_LEI));

    let call = |person| assignRegistrarCall { personId: person, registrar: account(8) };
    ledger.reverts(RIVAL, TO, call(9), PersonUnknown { personId: 9 });
    let foreign = PersonRegistrarRequired { personId: 1, caller: RIVAL, registrar: REGISTRAR };
    ledger.reverts(RIVAL, TO, call(1), foreign);
    ledger.reverts(GOVERNOR, TO, call(1), RegistrarRequired { account: account(8) });
}

#[test]
fn of_links() {
    let mut ledger = office();
    let module = token_address(1);
    let propose = |person, who| proposeLinkCall { personId: person, account: who };
    let foreign = |caller| PersonRegistrarRequired { personId: 1, caller, registrar: REGISTRAR };
    let dismissed = || RegistrarRequired { account: REGISTRAR };
    ledger.ok(GOVERNOR, TO, setRegistrarCall { account: REGISTRAR, appointed: false });
    ledger.reverts(RIVAL, TO, propose(9, module), PersonUnknown { personId: 9 });
    ledger.reverts(RIVAL, TO, propose(1, module), foreign(RIVAL));
    ledger.reverts(REGISTRAR, TO, propose(1, module), dismissed());
    let withdraw = |person| withdrawLinkCall { personId: person, account: module };
    ledger.reverts(RIVAL, TO, withdraw(9), PersonUnknown { personId: 9 });
    ledger.reverts(RIVAL, TO, withdraw(1), foreign(RIVAL));
    ledger.reverts(REGISTRAR, TO, withdraw(1), dismissed());
    let by_signature = |person, who| linkBySignatureCall {
        personId: person,
        account: who,
        expiresMs: 0,
        v: 27,
        r: B256::ZERO,
        s: B256::ZERO,
    };
    ledger.reverts(RIVAL, TO, by_signature(9, module), PersonUnknown { personId: 9 });
    ledger.reverts(RIVAL, TO, by_signature(1, module), foreign(RIVAL));
    ledger.reverts(REGISTRAR, TO, by_signature(1, module), dismissed());
    ledger.reverts(RIVAL, TO, unlinkCall { account: module }, AddressNotLinked { account: module });
    ledger.reverts(RIVAL, TO, unlinkCall { account: account(1) }, foreign(RIVAL));
    ledger.reverts(REGISTRAR, TO, unlinkCall { account: account(1) }, dismissed());

    ledger.ok(GOVERNOR, TO, setRegistrarCall { account: REGISTRAR, appointed: true });
    for nobody in [module, Address::ZERO] {
        ledger.reverts(REGISTRAR, TO, propose(1, nobody), AddressInvalid { account: nobody });
        ledger.reverts(REGISTRAR, TO, by_signature(1, nobody), AddressInvalid { account: nobody });
    }
    let none = LinkNotProposed { account: module, personId: 1, proposedPersonId: 0 };
    ledger.reverts(REGISTRAR, TO, withdraw(1), none);
    let expired = LinkExpired { expiresMs: 0, nowMs: ledger.timestamp_ms };
    ledger.reverts(REGISTRAR, TO, by_signature(1, account(1)), expired);
    let call = linkBySignatureCall { expiresMs: u64::MAX, ..by_signature(1, account(1)) };
    let unsigned = LinkSignerInvalid { signer: Address::ZERO, account: account(1) };
    ledger.reverts(REGISTRAR, TO, call, unsigned);
}

/// Of a full person and an account that is taken, the account is told first.
#[test]
fn of_room() {
    let mut ledger = office();
    for number in 0..ADDRESSES_MAX - 1 {
        link(&mut ledger, 1, Address::left_padding_from(&(number + 0x1_0000).to_be_bytes()));
    }
    let taken = AddressLinked { account: account(1), personId: 1 };
    ledger.reverts(REGISTRAR, TO, proposeLinkCall { personId: 1, account: account(1) }, taken);
    let full = AddressesFull { personId: 1, addressesMax: ADDRESSES_MAX };
    ledger.reverts(REGISTRAR, TO, proposeLinkCall { personId: 1, account: account(2) }, full);
}

#[test]
fn of_giving() {
    let mut ledger = office();
    let now = ledger.timestamp_ms;
    ledger.ok(OTHER_VERIFIER, TO, give_until(1, KYC, 1, u64::MAX));
    let wrong = giveCredentialCall { personId: 9, kind: 4, value: 0, expiresMs: 0, commitment: B256::ZERO };
    let stranger = account(1);
    ledger.reverts(stranger, TO, wrong.clone(), CredentialKindInvalid { kind: 4 });
    let wrong = giveCredentialCall { kind: KYC, ..wrong };
    ledger.reverts(stranger, TO, wrong.clone(), VerifierRequired { caller: stranger, kind: KYC });
    ledger.reverts(VERIFIER, TO, wrong.clone(), PersonUnknown { personId: 9 });
    let wrong = giveCredentialCall { personId: 1, ..wrong };
    ledger.reverts(VERIFIER, TO, wrong.clone(), CredentialValueInvalid { kind: KYC, value: 0 });
    let wrong = giveCredentialCall { value: 1, ..wrong };
    ledger.reverts(VERIFIER, TO, wrong.clone(), CredentialExpiryInvalid { expiresMs: 0, earliestMs: now + 1 });
    let wrong = giveCredentialCall { expiresMs: now + 1, ..wrong };
    ledger.reverts(VERIFIER, TO, wrong.clone(), CommitmentMissing {});
    let wrong = giveCredentialCall { commitment: B256::repeat_byte(1), ..wrong };
    let error = CredentialInForce { personId: 1, kind: KYC, verifier: OTHER_VERIFIER, expiresMs: u64::MAX };
    ledger.reverts(VERIFIER, TO, wrong, error);
}

#[test]
fn of_renewing_and_revoking() {
    let mut ledger = office();
    let end = ledger.timestamp_ms + 1_000;
    let stranger = account(2);
    let renew = |person, kind| renewCredentialCall { personId: person, kind, expiresMs: 0, commitment: B256::ZERO };
    let revoke = |person, kind| revokeCredentialCall { personId: person, kind };
    ledger.reverts(stranger, TO, renew(9, 4), CredentialKindInvalid { kind: 4 });
    ledger.reverts(stranger, TO, renew(9, KYC), VerifierRequired { caller: stranger, kind: KYC });
    ledger.reverts(VERIFIER, TO, renew(9, KYC), PersonUnknown { personId: 9 });
    ledger.reverts(VERIFIER, TO, renew(1, KYC), CredentialUnknown { personId: 1, kind: KYC });
    ledger.reverts(stranger, TO, revoke(9, 4), CredentialKindInvalid { kind: 4 });
    ledger.reverts(stranger, TO, revoke(9, KYC), PersonUnknown { personId: 9 });
    ledger.reverts(stranger, TO, revoke(1, KYC), CredentialUnknown { personId: 1, kind: KYC });

    ledger.ok(OTHER_VERIFIER, TO, give_until(1, KYC, 1, end));
    ledger.ok(OTHER_VERIFIER, TO, revoke(1, KYC));
    let own = |caller| CredentialNotOwn { personId: 1, kind: KYC, caller, verifier: OTHER_VERIFIER };
    ledger.reverts(VERIFIER, TO, renew(1, KYC), own(VERIFIER));
    ledger.reverts(stranger, TO, revoke(1, KYC), own(stranger));
    ledger.reverts(OTHER_VERIFIER, TO, renew(1, KYC), CredentialRevoked { personId: 1, kind: KYC });
    ledger.reverts(OTHER_VERIFIER, TO, revoke(1, KYC), CredentialRevoked { personId: 1, kind: KYC });
    ledger.ok(OTHER_VERIFIER, TO, give_until(1, KYC, 1, end));
    let early = CredentialExpiryInvalid { expiresMs: 0, earliestMs: end };
    ledger.reverts(OTHER_VERIFIER, TO, renew(1, KYC), early);
    let call = renewCredentialCall { expiresMs: end, ..renew(1, KYC) };
    ledger.reverts(OTHER_VERIFIER, TO, call, CommitmentMissing {});
}
