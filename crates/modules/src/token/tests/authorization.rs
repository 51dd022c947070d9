//! Payments by signature: the window, nonces, who signs and who brings them, and interfaces that programs ask for.

use super::*;
use crate::{policy::IPolicy::createHoldingLimitCall, token::authorization as signing};
use alloy_sol_types::{SolCall, SolEvent};

const NONCE: B256 = B256::repeat_byte(0x33);
const BRINGER: Address = Address::repeat_byte(9);

fn owner() -> Address {
    key(1).1
}

/// The owner of key 1 has 1,000 euros.
fn funded() -> Ledger {
    let mut ledger = world();
    ledger.ok(account(1), eur(), transferCall { to: owner(), amount: units(1_000) });
    ledger
}

fn now(ledger: &Ledger) -> U256 {
    U256::from(ledger.timestamp_ms / 1_000)
}

/// Seventy euros for account 2, valid in this second alone.
fn payment(ledger: &Ledger) -> Authorization {
    let now = now(ledger);
    let (valid_after, valid_before) = (now - U256::ONE, now + U256::ONE);
    Authorization { from: owner(), to: account(2), value: units(70), valid_after, valid_before, nonce: NONCE }
}

fn signed(ledger: &mut Ledger, number: u8, bringer: Bringer, payment: Authorization) -> (u8, B256, B256) {
    let digest = ledger.run(BRINGER, |x| authorization_digest(x, eur(), bringer, payment)).unwrap();
    sign(&key(number).0, digest)
}

fn transfer(payment: Authorization, (v, r, s): (u8, B256, B256)) -> transferWithAuthorization_0Call {
    let Authorization { from, to, value, valid_after, valid_before, nonce } = payment;
    transferWithAuthorization_0Call {
        from,
        to,
        value,
        validAfter: valid_after,
        validBefore: valid_before,
        nonce,
        v,
        r,
        s,
    }
}

fn receive(payment: Authorization, (v, r, s): (u8, B256, B256)) -> receiveWithAuthorization_0Call {
    let Authorization { from, to, value, valid_after, valid_before, nonce } = payment;
    receiveWithAuthorization_0Call {
        from,
        to,
        value,
        validAfter: valid_after,
        validBefore: valid_before,
        nonce,
        v,
        r,
        s,
    }
}

fn spent(ledger: &mut Ledger) -> bool {
    ledger.ok(BRINGER, eur(), authorizationStateCall { authorizer: owner(), nonce: NONCE })
}

#[test]
fn types_and_selectors_are_the_published_ones() {
    let members = "(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)";
    assert_eq!(signing::TRANSFER_TYPE, keccak256(format!("TransferWithAuthorization{members}")));
    assert_eq!(signing::RECEIVE_TYPE, keccak256(format!("ReceiveWithAuthorization{members}")));
    assert_eq!(signing::CANCEL_TYPE, keccak256("CancelAuthorization(address authorizer,bytes32 nonce)"));
    // Selectors of deployed stablecoins.
    assert_eq!(transferWithAuthorization_0Call::SELECTOR, [0xe3, 0xee, 0x16, 0x0e]);
    assert_eq!(receiveWithAuthorization_0Call::SELECTOR, [0xef, 0x55, 0xbe, 0xc6]);
    assert_eq!(cancelAuthorization_0Call::SELECTOR, [0x5a, 0x04, 0x9a, 0x70]);
}

#[test]
fn anyone_brings_what_the_holder_signed_once() {
    let mut ledger = funded();
    let payment = payment(&ledger);
    let call = transfer(payment, signed(&mut ledger, 1, Bringer::Anyone, payment));
    assert!(!spent(&mut ledger));
    ledger.ok(BRINGER, eur(), call.clone());
    assert!(spent(&mut ledger));
    assert_eq!((balance(&mut ledger, owner()), balance(&mut ledger, account(2))), (930, 570));
    let moved = Transfer { from: owner(), to: account(2), value: units(70) };
    assert_eq!(ledger.last_event::<Transfer>().1, moved);
    let before = &ledger.storage.logs[ledger.storage.logs.len() - 2];
    let used = AuthorizationUsed::decode_log(before).unwrap().data;
    assert_eq!(used, AuthorizationUsed { authorizer: owner(), nonce: NONCE });
    ledger.reverts(BRINGER, eur(), call, AuthorizationSpent { authorizer: owner(), nonce: NONCE });
    assert_eq!(ledger.ok(BRINGER, eur(), noncesCall { owner: owner() }), U256::ZERO, "permits count for themselves");
}

#[test]
fn a_signature_of_65_bytes_is_the_same() {
    let mut ledger = funded();
    let payment = payment(&ledger);
    let (v, r, s) = signed(&mut ledger, 1, Bringer::Anyone, payment);
    let whole = signing::joined(v, r, s);
    let call = |signature: &[u8]| transferWithAuthorization_1Call {
        from: payment.from,
        to: payment.to,
        value: payment.value,
        validAfter: payment.valid_after,
        validBefore: payment.valid_before,
        nonce: payment.nonce,
        signature: signature.to_vec().into(),
    };
    let nobody = AuthorizationSignerInvalid { signer: Address::ZERO, authorizer: owner() };
    for wrong in [&whole[..64], &[], &[whole.as_slice(), &[0]].concat()] {
        ledger.reverts(BRINGER, eur(), call(wrong), nobody.clone());
    }
    ledger.ok(BRINGER, eur(), call(&whole));

    let next = Authorization { nonce: B256::ZERO, to: BRINGER, ..payment };
    let (v, r, s) = signed(&mut ledger, 1, Bringer::Payee, next);
    let call = receiveWithAuthorization_1Call {
        from: next.from,
        to: next.to,
        value: next.value,
        validAfter: next.valid_after,
        validBefore: next.valid_before,
        nonce: next.nonce,
        signature: signing::joined(v, r, s).into(),
    };
    ledger.ok(BRINGER, eur(), call);
    assert_eq!(balance(&mut ledger, BRINGER), 70);
}

#[test]
fn it_is_valid_strictly_within_its_window() {
    let mut ledger = funded();
    let (base, now) = (payment(&ledger), now(&ledger));
    let early = Authorization { valid_after: now, ..base };
    let call = transfer(early, signed(&mut ledger, 1, Bringer::Anyone, early));
    ledger.reverts(BRINGER, eur(), call, AuthorizationNotYetValid { validAfter: now, nowSeconds: now });
    let late = Authorization { valid_before: now, ..base };
    let call = transfer(late, signed(&mut ledger, 1, Bringer::Anyone, late));
    ledger.reverts(BRINGER, eur(), call, AuthorizationExpired { validBefore: now, nowSeconds: now });
    let always = Authorization { valid_after: U256::ZERO, valid_before: U256::MAX, ..base };
    let call = transfer(always, signed(&mut ledger, 1, Bringer::Anyone, always));
    ledger.ok(BRINGER, eur(), call);
}

#[test]
fn what_the_holder_did_not_sign_moves_nothing() {
    let mut ledger = funded();
    let payment = payment(&ledger);
    let thief = key(2).1;
    let forged = transfer(payment, signed(&mut ledger, 2, Bringer::Anyone, payment));
    ledger.reverts(thief, eur(), forged, AuthorizationSignerInvalid { signer: thief, authorizer: owner() });
    let good = signed(&mut ledger, 1, Bringer::Anyone, payment);
    for (what, changed) in [
        ("value", Authorization { value: units(71), ..payment }),
        ("payee", Authorization { to: thief, ..payment }),
        ("after", Authorization { valid_after: U256::ZERO, ..payment }),
        ("before", Authorization { valid_before: U256::MAX, ..payment }),
        ("nonce", Authorization { nonce: B256::ZERO, ..payment }),
        ("holder", Authorization { from: account(1), ..payment }),
    ] {
        let failure = ledger.call(thief, eur(), transfer(changed, good)).unwrap_err();
        let Failure::Revert(data) = failure else { panic!("{what}: {failure:?}") };
        assert_eq!(crate::explain(&data).unwrap().code, "AuthorizationSignerInvalid", "{what}");
    }
    let zero = Authorization { from: Address::ZERO, ..payment };
    let error = AuthorizationSignerInvalid { signer: Address::ZERO, authorizer: Address::ZERO };
    ledger.reverts(thief, eur(), transfer(zero, (27, B256::ZERO, B256::ZERO)), error);
    // What is signed for anyone to bring is another message than what the payee alone brings.
    let failure = ledger.call(account(2), eur(), receive(payment, good)).unwrap_err();
    let Failure::Revert(data) = failure else { panic!("{failure:?}") };
    assert_eq!(crate::explain(&data).unwrap().code, "AuthorizationSignerInvalid");
    ledger.ok(thief, eur(), transfer(payment, good));
}

#[test]
fn a_payee_alone_brings_what_is_to_be_received() {
    let mut ledger = funded();
    let payment = payment(&ledger);
    let call = receive(payment, signed(&mut ledger, 1, Bringer::Payee, payment));
    let error = AuthorizationPayeeRequired { caller: BRINGER, payee: account(2) };
    ledger.reverts(BRINGER, eur(), call.clone(), error);
    ledger.ok(account(2), eur(), call);
    assert_eq!(balance(&mut ledger, account(2)), 570);
}

#[test]
fn a_cancelled_nonce_never_pays() {
    let mut ledger = funded();
    let payment = payment(&ledger);
    let call = transfer(payment, signed(&mut ledger, 1, Bringer::Anyone, payment));
    let digest = ledger.run(BRINGER, |x| cancellation_digest(x, eur(), owner(), NONCE)).unwrap();
    let cancel = |(v, r, s)| cancelAuthorization_0Call { authorizer: owner(), nonce: NONCE, v, r, s };
    let error = AuthorizationSignerInvalid { signer: key(2).1, authorizer: owner() };
    ledger.reverts(BRINGER, eur(), cancel(sign(&key(2).0, digest)), error);
    let good = sign(&key(1).0, digest);
    ledger.ok(BRINGER, eur(), cancel(good));
    let event = AuthorizationCanceled { authorizer: owner(), nonce: NONCE };
    assert_eq!(ledger.last_event::<AuthorizationCanceled>().1, event);
    let error = || AuthorizationSpent { authorizer: owner(), nonce: NONCE };
    ledger.reverts(BRINGER, eur(), call, error());
    ledger.reverts(BRINGER, eur(), cancel(good), error());
    let signature = signing::joined(good.0, good.1, good.2).into();
    let call = cancelAuthorization_1Call { authorizer: owner(), nonce: NONCE, signature };
    ledger.reverts(BRINGER, eur(), call, error());
}

/// A payment by signature is a transfer: every rule of one holds, and what fails leaves the nonce unused.
#[test]
fn every_rule_of_a_transfer_holds() {
    let mut ledger = funded();
    let payment = payment(&ledger);
    let call = transfer(payment, signed(&mut ledger, 1, Bringer::Anyone, payment));
    ledger.ok(PAUSER, eur(), pauseCall {});
    ledger.reverts(BRINGER, eur(), call.clone(), EnforcedPause {});
    ledger.ok(PAUSER, eur(), unpauseCall {});
    freeze(&mut ledger, owner(), true);
    ledger.reverts(BRINGER, eur(), call.clone(), AccountFrozen { account: owner() });
    freeze(&mut ledger, owner(), false);
    freeze(&mut ledger, BRINGER, true);
    let beyond = Authorization { value: U256::MAX, ..payment };
    let too_much = transfer(beyond, signed(&mut ledger, 1, Bringer::Anyone, beyond));
    let error = ERC20InsufficientBalance { sender: owner(), balance: units(1_000), needed: U256::MAX };
    ledger.reverts(BRINGER, eur(), too_much, error);

    // A limit that would park the units refuses: whoever brings the payment expects them to arrive.
    let limit = createHoldingLimitCall { admin: COMPLIANCE, exemptPolicyId: 1, limit: units(510), outcome: 2 };
    let policy = ledger.ok(COMPLIANCE, POLICY_ADDRESS, limit);
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: policy });
    let failure = ledger.call(BRINGER, eur(), call.clone()).unwrap_err();
    let Failure::Revert(data) = failure else { panic!("{failure:?}") };
    assert_eq!(crate::explain(&data).unwrap().code, "HoldingLimitExceeded");
    assert!(!spent(&mut ledger));
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: 0 });
    ledger.ok(BRINGER, eur(), call);
}

#[test]
fn interfaces_are_the_selectors_of_their_functions() {
    let joined = |selectors: &[[u8; 4]]| {
        selectors.iter().fold([0u8; 4], |sum, one| std::array::from_fn(|byte| sum[byte] ^ one[byte]))
    };
    let erc20 = [
        totalSupplyCall::SELECTOR,
        balanceOfCall::SELECTOR,
        transferCall::SELECTOR,
        allowanceCall::SELECTOR,
        approveCall::SELECTOR,
        transferFromCall::SELECTOR,
    ];
    let metadata = [nameCall::SELECTOR, symbolCall::SELECTOR, decimalsCall::SELECTOR];
    let permit = [permitCall::SELECTOR, noncesCall::SELECTOR, DOMAIN_SEPARATORCall::SELECTOR];
    let roles = [
        hasRoleCall::SELECTOR,
        getRoleAdminCall::SELECTOR,
        grantRoleCall::SELECTOR,
        revokeRoleCall::SELECTOR,
        renounceRoleCall::SELECTOR,
    ];
    let expected = [
        supportsInterfaceCall::SELECTOR,
        joined(&roles),
        joined(&erc20),
        joined(&metadata),
        joined(&permit),
        eip712DomainCall::SELECTOR,
    ];
    assert_eq!(super::super::metadata::INTERFACES, expected);
    let mut ledger = world();
    for interface in expected {
        assert!(ledger.ok(BRINGER, eur(), supportsInterfaceCall { interfaceId: interface.into() }));
    }
    assert!(!ledger.ok(BRINGER, eur(), supportsInterfaceCall { interfaceId: [0xff; 4].into() }));
}

#[test]
fn an_admin_says_where_the_token_is_described() {
    let mut ledger = world();
    assert_eq!(ledger.ok(BRINGER, eur(), contractURICall {}), "");
    let set = |text: String| setContractURICall { newURI: text };
    let need = AccessControlUnauthorizedAccount { account: BRINGER, neededRole: ADMIN_ROLE };
    ledger.reverts(BRINGER, eur(), set("https://bank.example/eur.json".into()), need);
    let error = crate::calls::IModule::TextTooLong { length: units(257), lengthMax: units(256) };
    ledger.reverts(ADMIN, eur(), set("x".repeat(257)), error);
    ledger.ok(ADMIN, eur(), set("https://bank.example/eur.json".into()));
    assert_eq!(ledger.last_event::<ContractURIUpdated>(), (eur(), ContractURIUpdated {}));
    assert_eq!(ledger.ok(BRINGER, eur(), contractURICall {}), "https://bank.example/eur.json");
}
