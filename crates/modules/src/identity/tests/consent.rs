//! Links: consent of both sides, in two ways; undone by either.

use super::*;

#[test]
fn a_proposal_and_its_acceptance_make_a_link() {
    let mut ledger = office();
    let who = account(2);
    ledger.ok(REGISTRAR, TO, proposeLinkCall { personId: 1, account: who });
    assert_eq!(ledger.last_event::<LinkProposed>().1, LinkProposed { personId: 1, account: who });
    assert_eq!(ledger.ok(who, TO, proposedLinkOfCall { account: who }), 1);
    assert_eq!(person(&mut ledger, who), 0, "a proposal alone links nobody");
    ledger.ok(who, TO, acceptLinkCall { personId: 1 });
    let event = AddressLinkedTo { personId: 1, account: who, bySignature: false };
    assert_eq!(ledger.last_event::<AddressLinkedTo>().1, event);
    assert_eq!((person(&mut ledger, who), addresses(&mut ledger, 1)), (1, vec![account(1), who]));
    assert_eq!(ledger.ok(who, TO, proposedLinkOfCall { account: who }), 0);
    let again = LinkNotProposed { account: who, personId: 1, proposedPersonId: 0 };
    ledger.reverts(who, TO, acceptLinkCall { personId: 1 }, again);
}

#[test]
fn one_accepts_only_the_person_that_was_proposed() {
    let mut ledger = office();
    let (who, other) = (account(2), register(&mut ledger));
    ledger.ok(REGISTRAR, TO, proposeLinkCall { personId: 1, account: who });
    ledger.ok(REGISTRAR, TO, proposeLinkCall { personId: other, account: who });
    let error = LinkNotProposed { account: who, personId: 1, proposedPersonId: other };
    ledger.reverts(who, TO, acceptLinkCall { personId: 1 }, error);
    let error = LinkNotProposed { account: account(3), personId: 1, proposedPersonId: 0 };
    ledger.reverts(account(3), TO, acceptLinkCall { personId: 1 }, error);
    ledger.reverts(account(3), TO, acceptLinkCall { personId: 0 }, PersonUnknown { personId: 0 });
    ledger.ok(who, TO, acceptLinkCall { personId: other });
    assert_eq!(person(&mut ledger, who), other);
}

#[test]
fn a_proposal_is_withdrawn_or_void_with_its_registrar() {
    let mut ledger = office();
    let who = account(2);
    let withdraw = || withdrawLinkCall { personId: 1, account: who };
    ledger.ok(REGISTRAR, TO, proposeLinkCall { personId: 1, account: who });
    ledger.ok(REGISTRAR, TO, withdraw());
    assert_eq!(ledger.last_event::<LinkWithdrawn>().1, LinkWithdrawn { personId: 1, account: who });
    let none = LinkNotProposed { account: who, personId: 1, proposedPersonId: 0 };
    ledger.reverts(who, TO, acceptLinkCall { personId: 1 }, none.clone());
    ledger.reverts(REGISTRAR, TO, withdraw(), none);
    ledger.ok(REGISTRAR, TO, proposeLinkCall { personId: 1, account: who });
    ledger.ok(GOVERNOR, TO, setRegistrarCall { account: REGISTRAR, appointed: false });
    ledger.reverts(who, TO, acceptLinkCall { personId: 1 }, RegistrarRequired { account: REGISTRAR });
    ledger.ok(GOVERNOR, TO, assignRegistrarCall { personId: 1, registrar: RIVAL });
    ledger.ok(who, TO, acceptLinkCall { personId: 1 });
    assert_eq!(person(&mut ledger, who), 1, "the registrar that took over stands by the proposal");
}

#[test]
fn an_address_belongs_to_one_person_at_most() {
    let mut ledger = office();
    let other = register(&mut ledger);
    let taken = || AddressLinked { account: account(1), personId: 1 };
    for target in [1, other] {
        ledger.reverts(REGISTRAR, TO, proposeLinkCall { personId: target, account: account(1) }, taken());
    }
    // Two proposals for one account: the second one wins, and the first cannot be accepted after it.
    let (secret, who) = key(1);
    ledger.ok(REGISTRAR, TO, proposeLinkCall { personId: other, account: who });
    let call = signed(&mut ledger, &secret, 1, who, 0);
    ledger.ok(REGISTRAR, TO, call);
    let error = LinkNotProposed { account: who, personId: other, proposedPersonId: 0 };
    ledger.reverts(who, TO, acceptLinkCall { personId: other }, error);
    assert_eq!(person(&mut ledger, who), 1);
}

#[test]
fn either_side_undoes_a_link_and_the_list_closes_up() {
    let mut ledger = office();
    for number in 2..=4 {
        link(&mut ledger, 1, account(number));
    }
    ledger.ok(account(2), TO, unlinkCall { account: account(2) });
    let event = AddressUnlinked { personId: 1, account: account(2), by: account(2) };
    assert_eq!(ledger.last_event::<AddressUnlinked>().1, event);
    assert_eq!(addresses(&mut ledger, 1), [account(1), account(4), account(3)]);
    ledger.ok(REGISTRAR, TO, unlinkCall { account: account(3) });
    assert_eq!(addresses(&mut ledger, 1), [account(1), account(4)], "the last one leaves without moving another");
    ledger.ok(account(1), TO, unlinkCall { account: account(1) });
    assert_eq!((addresses(&mut ledger, 1), person(&mut ledger, account(1))), (vec![account(4)], 0));
    ledger.reverts(account(1), TO, unlinkCall { account: account(1) }, AddressNotLinked { account: account(1) });
    let stranger = PersonRegistrarRequired { personId: 1, caller: account(1), registrar: REGISTRAR };
    ledger.reverts(account(1), TO, unlinkCall { account: account(4) }, stranger);
    assert_eq!(ledger.run(account(9), invariants::check).unwrap(), []);
    let other = register(&mut ledger);
    link(&mut ledger, other, account(1));
    assert_eq!(person(&mut ledger, account(1)), other, "who left may join another person");
}

#[test]
fn a_person_has_a_bounded_number_of_addresses() {
    let mut ledger = office();
    let wallet = |number: u64| Address::left_padding_from(&(number + 0x1_0000).to_be_bytes());
    for number in 1..ADDRESSES_MAX {
        link(&mut ledger, 1, wallet(number));
    }
    assert_eq!(addresses(&mut ledger, 1).len(), 32);
    let full = || AddressesFull { personId: 1, addressesMax: ADDRESSES_MAX };
    let (secret, who) = key(1);
    ledger.reverts(REGISTRAR, TO, proposeLinkCall { personId: 1, account: who }, full());
    let call = signed(&mut ledger, &secret, 1, who, 0);
    ledger.reverts(REGISTRAR, TO, call, full());
    // Proposed while there was room, accepted when there is none.
    ledger.ok(REGISTRAR, TO, unlinkCall { account: wallet(5) });
    for number in [98, 99] {
        ledger.ok(REGISTRAR, TO, proposeLinkCall { personId: 1, account: wallet(number) });
    }
    ledger.ok(wallet(98), TO, acceptLinkCall { personId: 1 });
    ledger.reverts(wallet(99), TO, acceptLinkCall { personId: 1 }, full());
}

// ----- consent by signature ------------------------------------------------------------------------------------------

fn signed(
    ledger: &mut Ledger,
    secret: &secp256k1::SecretKey,
    person: u64,
    account: Address,
    nonce: u64,
) -> linkBySignatureCall {
    let expires_ms = ledger.timestamp_ms + 1_000;
    let digest = ledger.run(account, |x| link_digest(x, person, account, nonce, expires_ms)).unwrap();
    let (v, r, s) = sign(secret, digest);
    linkBySignatureCall { personId: person, account, expiresMs: expires_ms, v, r, s }
}

#[test]
fn a_signature_links_once_until_it_expires() {
    let mut ledger = office();
    let (secret, who) = key(1);
    let call = signed(&mut ledger, &secret, 1, who, 0);
    let mut late = office();
    late.timestamp_ms = call.expiresMs;
    late.reverts(REGISTRAR, TO, call.clone(), LinkExpired { expiresMs: call.expiresMs, nowMs: call.expiresMs });
    ledger.timestamp_ms = call.expiresMs - 1;
    ledger.ok(REGISTRAR, TO, call.clone());
    let event = AddressLinkedTo { personId: 1, account: who, bySignature: true };
    assert_eq!(ledger.last_event::<AddressLinkedTo>().1, event);
    assert_eq!((person(&mut ledger, who), ledger.ok(who, TO, linkNonceCall { account: who })), (1, 1));
    // Who left is not dragged back by the same signature.
    ledger.ok(who, TO, unlinkCall { account: who });
    let replay = ledger.call(REGISTRAR, TO, call).unwrap_err();
    let Failure::Revert(data) = replay else { panic!("{replay:?}") };
    assert_eq!(crate::explain(&data).unwrap().code, "LinkSignerInvalid");
    assert_eq!(person(&mut ledger, who), 0);
}

/// A signature that was never used is void too, once the account was linked by another way: who left stays away.
#[test]
fn who_left_is_not_dragged_back_by_a_signature_in_the_drawer() {
    let mut ledger = office();
    let (secret, who) = key(1);
    let drawer = signed(&mut ledger, &secret, 1, who, 0);
    link(&mut ledger, 1, who);
    ledger.ok(who, TO, unlinkCall { account: who });
    let Err(Failure::Revert(data)) = ledger.call(REGISTRAR, TO, drawer) else { panic!("linked against its will") };
    assert_eq!(crate::explain(&data).unwrap().code, "LinkSignerInvalid");
    assert_eq!((person(&mut ledger, who), ledger.ok(who, TO, linkNonceCall { account: who })), (0, 1));
    let call = signed(&mut ledger, &secret, 1, who, 1);
    ledger.ok(REGISTRAR, TO, call);
}

#[test]
fn a_signature_is_bound_to_every_value() {
    let mut ledger = office();
    let other = register(&mut ledger);
    let ((secret, who), (_, thief)) = (key(1), key(2));
    let good = signed(&mut ledger, &secret, 1, who, 0);
    for (what, call) in [
        ("person", linkBySignatureCall { personId: other, ..good.clone() }),
        ("account", linkBySignatureCall { account: thief, ..good.clone() }),
        ("expiry", linkBySignatureCall { expiresMs: good.expiresMs + 1, ..good.clone() }),
        ("v", linkBySignatureCall { v: good.v ^ 7, ..good.clone() }),
        ("r", linkBySignatureCall { r: B256::ZERO, ..good.clone() }),
        ("s", linkBySignatureCall { s: B256::repeat_byte(0xff), ..good.clone() }),
    ] {
        let failure = ledger.call(REGISTRAR, TO, call).unwrap_err();
        let Failure::Revert(data) = failure else { panic!("{what}: {failure:?}") };
        assert_eq!(crate::explain(&data).unwrap().code, "LinkSignerInvalid", "{what}");
    }
    let foreign = PersonRegistrarRequired { personId: 1, caller: RIVAL, registrar: REGISTRAR };
    ledger.reverts(RIVAL, TO, good.clone(), foreign);
    ledger.ok(REGISTRAR, TO, good);
}

#[test]
fn the_typed_data_is_what_wallets_build() {
    assert_eq!(links::LINK_TYPE, keccak256("Link(uint64 personId,address account,uint64 nonce,uint64 expiresMs)"));
    let domain_type = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    assert_eq!(crate::typed_data::DOMAIN_TYPE, keccak256(domain_type));
    let mut ledger = office();
    let domain = ledger.ok(account(1), TO, eip712DomainCall {});
    assert_eq!((domain.fields.0, domain.name.as_str(), domain.version.as_str()), ([0x0f], "Florin Identity", "1"));
    assert_eq!((domain.chainId, domain.verifyingContract), (units(1337), TO));
    assert!(domain.salt.is_zero() && domain.extensions.is_empty());
    let built = alloy_sol_types::Eip712Domain::new(
        Some("Florin Identity".into()),
        Some("1".into()),
        Some(U256::from(1337)),
        Some(TO),
        None,
    );
    assert_eq!(ledger.ok(account(1), TO, DOMAIN_SEPARATORCall {}), built.separator());
}
