//! Requests to pay.

use super::*;

/// The payee asks the payer for ten seconds, under its first reference.
fn request(ledger: &Ledger, amount: u128) -> requestPaymentCall {
    requestPaymentCall {
        token: eur(),
        debtor: PAYER,
        amount: units(amount),
        expiryMs: ledger.timestamp_ms + 10_000,
        creditorAgent: agent("DEUTDEFF"),
        endToEnd: B256::repeat_byte(0xe2),
        purpose: code("RENT"),
        remittance: B256::repeat_byte(0x4e),
        requestReference: B256::with_last_byte(1),
    }
}

/// Asks twice: requests 1 and 2.
fn two_requests(ledger: &mut Ledger, amount: u128) {
    for reference in 1..=2 {
        let reference = B256::with_last_byte(reference);
        let call = requestPaymentCall { requestReference: reference, ..request(ledger, amount) };
        ledger.ok(PAYEE, TO, call);
    }
}

fn accept_call(id: u64, number: u8) -> acceptCall {
    acceptCall { requestId: id, uetr: uetr(number), debtorAgent: agent("COBADEFF") }
}

fn answer(ledger: &mut Ledger, id: u64) -> u8 {
    ledger.ok(STRANGER, TO, requestOfCall { requestId: id }).state
}

#[test]
fn an_accepted_request_pays_exactly_what_was_asked() {
    let mut ledger = world();
    let call = request(&ledger, 400);
    assert_eq!(ledger.ok(PAYEE, TO, call.clone()), 1);
    let (_, event) = ledger.last_event::<RequestMade>();
    let expected = RequestMade {
        requestId: 1,
        creditor: PAYEE,
        debtor: PAYER,
        token: eur(),
        amount: units(400),
        expiryMs: call.expiryMs,
        creditorAgent: call.creditorAgent,
        endToEnd: call.endToEnd,
        purpose: call.purpose,
        remittance: call.remittance,
        requestReference: call.requestReference,
    };
    assert_eq!(event, expected);
    let found = ledger.ok(STRANGER, TO, requestOfCall { requestId: 1 });
    assert_eq!((found.creditor, found.debtor, found.token, found.amount), (PAYEE, PAYER, eur(), units(400)));
    ledger.ok(PAYER, TO, accept_call(1, 1));
    let accepted = RequestAccepted { requestId: 1, creditor: PAYEE, debtor: PAYER, uetr: uetr(1) };
    assert_eq!(ledger.last_event::<RequestAccepted>().1, accepted);
    assert_eq!((balance(&mut ledger, PAYEE), answer(&mut ledger, 1)), (400, 2));
    let error = || RequestStateForbids { requestId: 1, state: 2 };
    // The same again learns what became of its payment; another one, what became of the request.
    ledger.reverts(PAYER, TO, accept_call(1, 1), UetrUsed { payer: PAYER, uetr: uetr(1), state: 3 });
    ledger.reverts(PAYER, TO, accept_call(1, 2), error());
    ledger.reverts(PAYER, TO, refuseCall { requestId: 1, reason: code("AM04") }, error());
    ledger.reverts(PAYEE, TO, cancelRequestCall { requestId: 1 }, error());
    ledger.ok(PAYEE, TO, return_call(1, 1, 400));
    assert_sound(&mut ledger);
}

#[test]
fn a_debtor_refuses_and_a_creditor_withdraws() {
    let mut ledger = world();
    two_requests(&mut ledger, 400);
    let reason = code("AM04");
    ledger.ok(PAYER, TO, refuseCall { requestId: 1, reason });
    let refused = RequestRefused { requestId: 1, creditor: PAYEE, debtor: PAYER, reason };
    assert_eq!(ledger.last_event::<RequestRefused>().1, refused);
    ledger.ok(PAYEE, TO, cancelRequestCall { requestId: 2 });
    let withdrawn = RequestWithdrawn { requestId: 2, creditor: PAYEE, debtor: PAYER };
    assert_eq!(ledger.last_event::<RequestWithdrawn>().1, withdrawn);
    assert_eq!((answer(&mut ledger, 1), answer(&mut ledger, 2)), (3, 4));
    for id in [1, 2] {
        let state = answer(&mut ledger, id);
        ledger.reverts(PAYER, TO, accept_call(id, 1), RequestStateForbids { requestId: id, state });
    }
}

#[test]
fn a_request_is_late_at_the_very_instant() {
    let mut ledger = world();
    two_requests(&mut ledger, 100);
    let expiry = ledger.timestamp_ms + 10_000;
    ledger.timestamp_ms = expiry - 1;
    ledger.ok(PAYER, TO, accept_call(1, 1));
    ledger.timestamp_ms = expiry;
    let late = || RequestLate { requestId: 2, expiryMs: expiry, nowMs: expiry };
    ledger.reverts(PAYER, TO, accept_call(2, 2), late());
    ledger.reverts(PAYER, TO, refuseCall { requestId: 2, reason: code("AM04") }, late());
    ledger.ok(PAYEE, TO, cancelRequestCall { requestId: 2 });
}

#[test]
fn errors_of_asking_come_in_the_promised_order() {
    let mut ledger = world();
    let now = ledger.timestamp_ms;
    let bad_agent = agent("cobadeff");
    let mut call = requestPaymentCall {
        token: token_address(7),
        debtor: PAYEE,
        amount: U256::ZERO,
        expiryMs: now,
        creditorAgent: bad_agent,
        purpose: code("rent"),
        requestReference: B256::ZERO,
        ..request(&ledger, 1)
    };
    ledger.reverts(PAYEE, TO, call.clone(), RequestReferenceMissing {});
    call.requestReference = B256::with_last_byte(9);
    ledger.reverts(PAYEE, TO, call.clone(), AmountInvalid { amount: U256::ZERO });
    call.amount = units(1);
    ledger.reverts(PAYEE, TO, call.clone(), PartyInvalid { party: PAYEE });
    call.debtor = PAYER;
    ledger.reverts(PAYEE, TO, call.clone(), AgentInvalid { agent: bad_agent });
    call.creditorAgent = Default::default();
    ledger.reverts(PAYEE, TO, call.clone(), PurposeInvalid { purpose: code("rent") });
    call.purpose = Default::default();
    let expiry = ExpiryInvalid { expiryMs: now, nowMs: now, expiryMsMax: now + EXPIRY_AHEAD_MS_MAX };
    ledger.reverts(PAYEE, TO, call.clone(), expiry);
    call.expiryMs = now + 1;
    ledger.reverts(PAYEE, TO, call.clone(), TokenUnknown { token: token_address(7) });
    call.token = eur();
    ledger.ok(PAYEE, TO, call);
}

/// Who lost the answer asks again and learns of the first, whatever the second one says; a reference is one creditor's.
#[test]
fn a_reference_makes_one_request() {
    let mut ledger = world();
    let call = request(&ledger, 400);
    let under = |creditor| requestUnderCall { creditor, requestReference: call.requestReference };
    assert_eq!(ledger.ok(STRANGER, TO, under(PAYEE)), 0);
    ledger.ok(PAYEE, TO, call.clone());
    let used = |id| RequestReferenceUsed { creditor: PAYEE, requestReference: call.requestReference, requestId: id };
    ledger.reverts(PAYEE, TO, call.clone(), used(1));
    ledger.reverts(PAYEE, TO, requestPaymentCall { amount: U256::ZERO, debtor: PAYEE, ..call.clone() }, used(1));
    ledger.ok(PAYEE, TO, cancelRequestCall { requestId: 1 });
    ledger.reverts(PAYEE, TO, call.clone(), used(1));
    assert_eq!(ledger.ok(STRANGER, TO, call.clone()), 2);
    assert_eq!((ledger.ok(PAYER, TO, under(PAYEE)), ledger.ok(PAYER, TO, under(STRANGER))), (1, 2));
    assert_sound(&mut ledger);
}

#[test]
fn errors_of_answering_come_in_the_promised_order() {
    let mut ledger = world();
    let call = request(&ledger, 1_001);
    ledger.ok(PAYEE, TO, call.clone());
    ledger.ok(PAYER, TO, order(1, 1));
    let bad_agent = agent("cobadeff");
    let accept = |number: u8| acceptCall { debtorAgent: bad_agent, ..accept_call(1, number) };
    let refuse = refuseCall { requestId: 1, reason: Default::default() };
    ledger.reverts(STRANGER, TO, acceptCall { requestId: 2, ..accept(0) }, RequestUnknown { requestId: 2 });
    ledger.reverts(STRANGER, TO, refuseCall { requestId: 0, ..refuse.clone() }, RequestUnknown { requestId: 0 });
    ledger.reverts(STRANGER, TO, cancelRequestCall { requestId: 2 }, RequestUnknown { requestId: 2 });
    let stranger = |expected| CallerForbidden { caller: STRANGER, expected };
    ledger.reverts(STRANGER, TO, accept(0), stranger(PAYER));
    ledger.reverts(STRANGER, TO, refuse.clone(), stranger(PAYER));
    ledger.reverts(STRANGER, TO, cancelRequestCall { requestId: 1 }, stranger(PAYEE));
    let now = ledger.timestamp_ms;
    ledger.timestamp_ms = call.expiryMs;
    let mut withdrawn = Ledger { storage: ledger.storage.clone(), rules: ledger.rules.clone(), ..Ledger::bare() };
    withdrawn.timestamp_ms = call.expiryMs;
    withdrawn.ok(PAYEE, TO, cancelRequestCall { requestId: 1 });
    let used = || UetrUsed { payer: PAYER, uetr: uetr(1), state: 3 };
    withdrawn.reverts(PAYER, TO, accept(0), UetrInvalid {});
    withdrawn.reverts(PAYER, TO, accept(1), used());
    withdrawn.reverts(PAYER, TO, accept(2), RequestStateForbids { requestId: 1, state: 4 });
    withdrawn.reverts(PAYER, TO, refuse.clone(), RequestStateForbids { requestId: 1, state: 4 });
    let late = || RequestLate { requestId: 1, expiryMs: call.expiryMs, nowMs: call.expiryMs };
    ledger.reverts(PAYER, TO, accept(1), used());
    ledger.reverts(PAYER, TO, accept(2), late());
    ledger.reverts(PAYER, TO, refuse.clone(), late());
    ledger.timestamp_ms = now;
    ledger.reverts(PAYER, TO, refuse, ReasonInvalid { reason: Default::default() });
    ledger.reverts(PAYER, TO, accept(2), AgentInvalid { agent: bad_agent });
    let error = ERC20InsufficientBalance { sender: PAYER, balance: units(999), needed: units(1_001) };
    ledger.reverts(PAYER, TO, accept_call(1, 2), error);
    assert_eq!(answer(&mut ledger, 1), 1, "it may be tried again");
}
