//! Errors in the order that `specs/payment.md` promises: everything is wrong at first, and each rule is healed before
//! the next is seen.

use super::*;
use crate::{ESCROW_ADDRESS, FACTORY_ADDRESS};
use alloy_sol_types::{SolCall, SolError};

#[test]
fn errors_of_an_order_come_in_the_promised_order() {
    let mut ledger = world();
    let now = ledger.timestamp_ms;
    ledger.ok(PAYER, TO, order(1, 1));
    ledger.ok(PAUSER, eur(), pauseCall {});
    let bad = (agent("cobadeff"), agent("1"));
    let mut call = reserveCall {
        token: FACTORY_ADDRESS,
        payee: PAYER,
        amount: units(u128::MAX) + U256::ONE,
        uetr: B256::ZERO,
        debtorAgent: bad.0,
        creditorAgent: bad.1,
        purpose: code("supp"),
        priority: 3,
        expiryMs: now,
        poster: ESCROW_ADDRESS,
        ..reservation(&ledger, 1, 1)
    };
    let mut next = |call: &reserveCall, error: Vec<u8>| {
        let expected = Failure::Revert(error.into());
        assert_eq!(ledger.call(PAYER, TO, call.clone()).unwrap_err(), expected, "reserve");
        // The same order at once; it has no poster.
        let expiry_told = explain(&expected) == "ExpiryInvalid";
        if explain(&expected) == "PosterInvalid" {
            return;
        }
        // Only an order that may park has an expiry; both kinds meet every other rule.
        for until_ms in if expiry_told { vec![call.expiryMs] } else { vec![call.expiryMs, 0] } {
            let at_once = payCall {
                token: call.token,
                payee: call.payee,
                amount: call.amount,
                uetr: call.uetr,
                debtorAgent: call.debtorAgent,
                creditorAgent: call.creditorAgent,
                endToEnd: call.endToEnd,
                purpose: call.purpose,
                remittance: call.remittance,
                priority: call.priority,
                parkUntilMs: until_ms,
            };
            assert_eq!(ledger.call(PAYER, TO, at_once).unwrap_err(), expected, "pay, parking until {until_ms}");
        }
    };
    next(&call, UetrInvalid {}.abi_encode());
    call.uetr = uetr(1);
    next(&call, UetrUsed { payer: PAYER, uetr: uetr(1), state: 3 }.abi_encode());
    call.uetr = uetr(2);
    next(&call, AmountInvalid { amount: call.amount }.abi_encode());
    call.amount = U256::ZERO;
    next(&call, AmountInvalid { amount: U256::ZERO }.abi_encode());
    call.amount = units(2_000);
    for party in [PAYER, Address::ZERO, eur(), ESCROW_ADDRESS] {
        call.payee = party;
        next(&call, PartyInvalid { party }.abi_encode());
    }
    call.payee = PAYEE;
    next(&call, AgentInvalid { agent: bad.0 }.abi_encode());
    call.debtorAgent = agent("COBADEFF");
    next(&call, AgentInvalid { agent: bad.1 }.abi_encode());
    call.creditorAgent = agent("COBADEFFXXX");
    next(&call, PurposeInvalid { purpose: code("supp") }.abi_encode());
    call.purpose = code("SUPP");
    next(&call, PriorityInvalid { priority: 3, priorityMax: 2 }.abi_encode());
    call.priority = 2;
    let expiry = ExpiryInvalid { expiryMs: now, nowMs: now, expiryMsMax: now + EXPIRY_AHEAD_MS_MAX };
    next(&call, expiry.abi_encode());
    call.expiryMs = now + 1;
    next(&call, PosterInvalid { poster: ESCROW_ADDRESS }.abi_encode());
    call.poster = POSTER;
    for token in [FACTORY_ADDRESS, token_address(9), PAYER] {
        call.token = token;
        next(&call, TokenUnknown { token }.abi_encode());
    }
    call.token = eur();
    next(&call, EnforcedPause {}.abi_encode());
}

fn explain(failure: &Failure) -> &'static str {
    let Failure::Revert(data) = failure else { panic!("{failure:?}") };
    crate::explain(data).unwrap().code
}

/// One payment in each state, and what each operation says of it: the caller before the state, the state before the time.
#[test]
fn errors_of_what_waits_come_in_the_promised_order() {
    let mut ledger = world();
    let call = reserveCall { poster: POSTER, ..reservation(&ledger, 10, 1) };
    let expiry = call.expiryMs;
    ledger.ok(PAYER, TO, call);
    deny(&mut ledger, PAYEE, true);
    ledger.ok(PAYER, TO, payCall { parkUntilMs: expiry, ..order(10, 2) });
    deny(&mut ledger, PAYEE, false);
    ledger.ok(PAYER, TO, order(10, 3));
    ledger.timestamp_ms = expiry;

    let unknown = || PaymentUnknown { payer: PAYER, uetr: uetr(9) };
    ledger.reverts(STRANGER, TO, post_call(9, U256::ZERO), unknown());
    ledger.reverts(STRANGER, TO, void_call(9), unknown());
    ledger.reverts(STRANGER, TO, release_call(9), unknown());
    ledger.reverts(STRANGER, TO, expire_call(9), unknown());
    ledger.reverts(STRANGER, TO, return_call(9, 0, 0), unknown());

    let forbids = |number: u8, state: u8| PaymentStateForbids { payer: PAYER, uetr: uetr(number), state };
    let stranger = |expected| CallerForbidden { caller: STRANGER, expected };
    let late = |number: u8| PaymentLate { payer: PAYER, uetr: uetr(number), expiryMs: expiry, nowMs: expiry };
    // Post: caller, state, time, amount.
    ledger.reverts(STRANGER, TO, post_call(3, U256::ZERO), stranger(PAYEE));
    ledger.reverts(PAYEE, TO, post_call(3, U256::ZERO), forbids(3, 3));
    ledger.reverts(PAYEE, TO, post_call(2, U256::ZERO), forbids(2, 2));
    ledger.reverts(POSTER, TO, post_call(1, U256::ZERO), late(1));
    // Void: caller, state, time.
    ledger.reverts(STRANGER, TO, void_call(3), stranger(PAYEE));
    ledger.reverts(PAYEE, TO, void_call(3), forbids(3, 3));
    ledger.reverts(PAYEE, TO, void_call(1), late(1));
    ledger.reverts(PAYER, TO, void_call(2), late(2));
    // Release: state, time.
    ledger.reverts(STRANGER, TO, release_call(3), forbids(3, 3));
    ledger.reverts(STRANGER, TO, release_call(1), forbids(1, 1));
    ledger.reverts(STRANGER, TO, release_call(2), late(2));
    // Expire: state, time.
    ledger.reverts(STRANGER, TO, expire_call(3), forbids(3, 3));
    ledger.timestamp_ms = expiry - 1;
    let early = PaymentNotLate { payer: PAYER, uetr: uetr(1), expiryMs: expiry, nowMs: expiry - 1 };
    ledger.reverts(STRANGER, TO, expire_call(1), early);
    // Post: amount, then the token's.
    ledger.ok(PAUSER, eur(), pauseCall {});
    ledger.reverts(POSTER, TO, post_call(1, U256::ZERO), AmountInvalid { amount: U256::ZERO });
    ledger.reverts(POSTER, TO, post_call(1, units(11)), EnforcedPause {});
    ledger.reverts(STRANGER, TO, release_call(2), EnforcedPause {});
    ledger.ok(PAUSER, eur(), unpauseCall {});
    ledger.reverts(POSTER, TO, post_call(1, units(11)), HoldExceeded { holdId: 1, held: units(10), amount: units(11) });
}

#[test]
fn errors_of_a_return_come_in_the_promised_order() {
    let mut ledger = world();
    let waiting = reservation(&ledger, 10, 1);
    ledger.ok(PAYER, TO, waiting);
    ledger.ok(PAYER, TO, order(10, 2));
    let bad = |number, back, amount| returnPaymentCall { reason: code("cust"), ..return_call(number, back, amount) };
    ledger.reverts(PAYER, TO, bad(1, 0, 0), CallerForbidden { caller: PAYER, expected: PAYEE });
    ledger.reverts(PAYEE, TO, bad(1, 0, 0), PaymentStateForbids { payer: PAYER, uetr: uetr(1), state: 1 });
    ledger.reverts(PAYEE, TO, bad(2, 0, 0), ReturnReferenceMissing {});
    ledger.ok(PAYEE, TO, return_call(2, 7, 1));
    let (uetr, reference) = (uetr(2), reference(7));
    let used = ReturnReferenceUsed { payer: PAYER, uetr, returnReference: reference, number: 1, amount: units(1) };
    ledger.reverts(PAYEE, TO, bad(2, 7, 0), used);
    ledger.reverts(PAYEE, TO, bad(2, 1, 0), AmountInvalid { amount: U256::ZERO });
    ledger.reverts(PAYEE, TO, bad(2, 1, 11), ReasonInvalid { reason: code("cust") });
    ledger.ok(PAUSER, eur(), pauseCall {});
    let exceeded = ReturnExceeded { received: units(10), returned: units(1), amount: units(10) };
    ledger.reverts(PAYEE, TO, return_call(2, 1, 10), exceeded);
    ledger.reverts(PAYEE, TO, return_call(2, 1, 9), EnforcedPause {});
}

#[test]
fn nothing_changes_in_a_static_call() {
    use crate::{CallEnv, Context, calls::IModule::StaticCallForbidden, dispatch};
    let mut ledger = world();
    let call = reservation(&ledger, 10, 1);
    ledger.ok(PAYER, TO, call);
    let inputs = [
        order(1, 2).abi_encode(),
        post_call(1, U256::MAX).abi_encode(),
        void_call(1).abi_encode(),
        expire_call(1).abi_encode(),
        return_call(1, 1, 1).abi_encode(),
        payBatchCall { token: eur(), uetr: uetr(2), mode: 1, items: vec![1; 40].into() }.abi_encode(),
        cancelMandateCall { mandateId: 1 }.abi_encode(),
        cancelRequestCall { requestId: 1 }.abi_encode(),
    ];
    let before = ledger.storage.slots.clone();
    for input in inputs {
        let rules = ledger.rules.clone();
        let env = CallEnv { is_static: true, rules: &rules, ..ledger.env(PAYEE) };
        let found = dispatch(&mut Context::new(env, &mut ledger.storage), TO, &input);
        assert_eq!(found, Err(Failure::Revert(StaticCallForbidden {}.abi_encode().into())));
    }
    assert_eq!(ledger.storage.slots, before);
}

/// Whatever number stands where an identity or an amount is expected, nothing is a fault and nothing moves by itself.
#[test]
fn hostile_numbers_are_refused_and_never_a_fault() {
    let mut ledger = world();
    let ids = [0, 1, u64::MAX];
    let mut inputs = Vec::new();
    for id in ids {
        inputs.push(collectCall { mandateId: id, dueMs: id, amount: U256::MAX, ..NONE_COLLECTED }.abi_encode());
        inputs.push(executeCall { mandateId: id }.abi_encode());
        inputs.push(mandateOfCall { mandateId: id }.abi_encode());
        inputs.push(usageOfCall { mandateId: id }.abi_encode());
        inputs.push(requestOfCall { requestId: id }.abi_encode());
        inputs.push(acceptCall { requestId: id, uetr: B256::ZERO, debtorAgent: agent("") }.abi_encode());
    }
    for amount in [U256::ZERO, U256::MAX] {
        inputs.push(payCall { amount, uetr: B256::repeat_byte(0xff), ..order(1, 1) }.abi_encode());
        inputs.push(postCall { payer: Address::ZERO, uetr: B256::ZERO, amount }.abi_encode());
    }
    let before = ledger.storage.slots.clone();
    for input in inputs {
        let found = ledger.send(PAYER, TO, &input);
        assert!(matches!(found, Err(Failure::Revert(_))), "{found:?}");
    }
    assert_eq!(ledger.storage.slots, before);
    assert_eq!(ledger.ok(PAYER, TO, paymentOfCall { payer: Address::ZERO, uetr: B256::ZERO }).state, 0);
}

const NONE_COLLECTED: collectCall =
    collectCall { mandateId: 0, dueMs: 0, amount: U256::ZERO, endToEnd: B256::ZERO, remittance: B256::ZERO };
