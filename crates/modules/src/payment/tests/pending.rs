//! Payments at once, pending, parked and returned.

use super::*;
use crate::testing::{COURT, seize_from_hold};

#[test]
fn a_payment_at_once_moves_units_and_says_what_for() {
    let mut ledger = world();
    let call = order(400, 1);
    assert_eq!(ledger.ok(PAYER, TO, call.clone()), State::Settled.number());
    let (address, event) = ledger.last_event::<PaymentOrdered>();
    let expected = PaymentOrdered {
        payer: PAYER,
        uetr: uetr(1),
        payee: PAYEE,
        token: eur(),
        amount: units(400),
        state: 3,
        debtorAgent: call.debtorAgent,
        creditorAgent: call.creditorAgent,
        endToEnd: call.endToEnd,
        purpose: call.purpose,
        remittance: call.remittance,
        priority: 0,
    };
    assert_eq!((address, event), (TO, expected));
    assert_eq!((balance(&mut ledger, PAYER), balance(&mut ledger, PAYEE)), (600, 400));
    let found = payment(&mut ledger, 1);
    assert_eq!((found.state, found.token, found.payee, found.received), (3, eur(), PAYEE, units(400)));
    assert_sound(&mut ledger);
}

#[test]
fn an_agent_and_a_purpose_may_be_left_out() {
    let mut ledger = world();
    let (none, purpose) = (Default::default(), Default::default());
    let call = payCall { debtorAgent: none, creditorAgent: none, purpose, priority: PRIORITY_MAX, ..order(1, 1) };
    ledger.ok(PAYER, TO, call);
}

/// The classic: a client that lost the answer sends again.
#[test]
fn a_uetr_pays_once_whatever_the_second_order_says() {
    let mut ledger = world();
    ledger.ok(PAYER, TO, order(400, 1));
    let used = |state: State| UetrUsed { payer: PAYER, uetr: uetr(1), state: state.number() };
    ledger.reverts(PAYER, TO, order(400, 1), used(State::Settled));
    ledger.reverts(PAYER, TO, order(0, 1), used(State::Settled));
    let call = reservation(&ledger, 1, 1);
    ledger.reverts(PAYER, TO, call, used(State::Settled));
    let items = vec![0; 40].into();
    ledger.reverts(PAYER, TO, payBatchCall { token: eur(), uetr: uetr(1), mode: 1, items }, used(State::Settled));
    assert_eq!(balance(&mut ledger, PAYEE), 400);
}

#[test]
fn a_retry_after_the_expiry_still_learns_of_the_first() {
    let mut ledger = world();
    let call = reservation(&ledger, 400, 1);
    ledger.ok(PAYER, TO, call.clone());
    ledger.timestamp_ms = call.expiryMs + 1;
    ledger.reverts(PAYER, TO, call.clone(), UetrUsed { payer: PAYER, uetr: uetr(1), state: 1 });
    ledger.ok(STRANGER, TO, expire_call(1));
    ledger.reverts(PAYER, TO, call, UetrUsed { payer: PAYER, uetr: uetr(1), state: 5 });
}

#[test]
fn nobody_can_use_up_the_uetr_of_another() {
    let mut ledger = world();
    ledger.ok(account(2), TO, order(1, 1));
    ledger.ok(PAYER, TO, order(400, 1));
    assert_eq!(balance(&mut ledger, PAYEE), 401);
    assert_sound(&mut ledger);
}

// ----- pending -------------------------------------------------------------------------------------------------------

#[test]
fn a_reservation_holds_and_posts_in_full() {
    let mut ledger = world();
    let call = reservation(&ledger, 600, 1);
    assert_eq!(ledger.ok(PAYER, TO, call.clone()), 1);
    let (_, event) = ledger.last_event::<PaymentReserved>();
    let poster = Address::ZERO;
    assert_eq!(event, PaymentReserved { payer: PAYER, uetr: uetr(1), holdId: 1, expiryMs: call.expiryMs, poster });
    assert_eq!((balance(&mut ledger, PAYER), spendable(&mut ledger, PAYER)), (1_000, 400));
    assert_eq!(payment(&mut ledger, 1).reserved, units(600));
    assert_sound(&mut ledger);
    assert_eq!(ledger.ok(PAYEE, TO, post_call(1, U256::MAX)), units(600));
    let posted = PaymentPosted { payer: PAYER, uetr: uetr(1), posted: units(600), freed: U256::ZERO };
    assert_eq!(ledger.last_event::<PaymentPosted>().1, posted);
    assert_eq!((balance(&mut ledger, PAYER), spendable(&mut ledger, PAYER)), (400, 400));
    assert_eq!((balance(&mut ledger, PAYEE), state(&mut ledger, 1)), (600, Some(State::Settled)));
    assert_sound(&mut ledger);
}

#[test]
fn posting_a_part_frees_the_rest_and_resolves() {
    let mut ledger = world();
    let call = reservation(&ledger, 600, 1);
    ledger.ok(PAYER, TO, call);
    ledger.ok(PAYEE, TO, post_call(1, units(250)));
    let posted = PaymentPosted { payer: PAYER, uetr: uetr(1), posted: units(250), freed: units(350) };
    assert_eq!(ledger.last_event::<PaymentPosted>().1, posted);
    assert_eq!((balance(&mut ledger, PAYER), spendable(&mut ledger, PAYER)), (750, 750));
    let found = payment(&mut ledger, 1);
    assert_eq!((found.received, found.reserved), (units(250), U256::ZERO));
    let forbids = || PaymentStateForbids { payer: PAYER, uetr: uetr(1), state: 3 };
    ledger.reverts(PAYEE, TO, post_call(1, units(1)), forbids());
    ledger.reverts(PAYEE, TO, void_call(1), forbids());
    ledger.timestamp_ms += 20_000;
    ledger.reverts(STRANGER, TO, expire_call(1), forbids());
    assert_sound(&mut ledger);
}

#[test]
fn no_more_is_posted_than_is_on_hold() {
    let mut ledger = world();
    let call = reservation(&ledger, 600, 1);
    ledger.ok(PAYER, TO, call);
    let exceeded = HoldExceeded { holdId: 1, held: units(600), amount: units(601) };
    ledger.reverts(PAYEE, TO, post_call(1, units(601)), exceeded);
    ledger.reverts(PAYEE, TO, post_call(1, U256::ZERO), AmountInvalid { amount: U256::ZERO });
    let beyond = U256::MAX - U256::ONE;
    ledger.reverts(PAYEE, TO, post_call(1, beyond), AmountInvalid { amount: beyond });
    assert_eq!(state(&mut ledger, 1), Some(State::Pending));
}

#[test]
fn a_reservation_needs_free_units() {
    let mut ledger = world();
    let first = reservation(&ledger, 700, 1);
    ledger.ok(PAYER, TO, first);
    let second = reservation(&ledger, 301, 2);
    let (balance, frozen, held) = (units(1_000), U256::ZERO, units(700));
    let error = InsufficientUnheldBalance { sender: PAYER, balance, frozen, held, needed: units(301) };
    ledger.reverts(PAYER, TO, second, error);
    assert_eq!(state(&mut ledger, 2), None, "nothing is left of an order that failed");
}

#[test]
fn only_the_named_poster_posts() {
    let mut ledger = world();
    let call = reserveCall { poster: POSTER, ..reservation(&ledger, 600, 1) };
    ledger.ok(PAYER, TO, call);
    for caller in [PAYER, PAYEE, STRANGER] {
        ledger.reverts(caller, TO, post_call(1, U256::MAX), CallerForbidden { caller, expected: POSTER });
    }
    ledger.ok(POSTER, TO, post_call(1, units(100)));
    assert_eq!(balance(&mut ledger, PAYEE), 100);
}

#[test]
fn payee_and_poster_give_up_and_the_payer_waits() {
    for who in [PAYEE, POSTER] {
        let mut ledger = world();
        let call = reserveCall { poster: POSTER, ..reservation(&ledger, 600, 1) };
        ledger.ok(PAYER, TO, call);
        for caller in [PAYER, STRANGER] {
            ledger.reverts(caller, TO, void_call(1), CallerForbidden { caller, expected: PAYEE });
        }
        ledger.ok(who, TO, void_call(1));
        let voided = PaymentVoided { payer: PAYER, uetr: uetr(1), by: who, freed: units(600) };
        assert_eq!(ledger.last_event::<PaymentVoided>().1, voided);
        assert_eq!((spendable(&mut ledger, PAYER), state(&mut ledger, 1)), (1_000, Some(State::Voided)));
        assert_sound(&mut ledger);
    }
}

/// The classic: at the very instant of its expiry a payment is late, and not a millisecond before.
#[test]
fn a_post_in_the_very_instant_of_expiry_is_late() {
    let mut ledger = world();
    let (first, second) = (reservation(&ledger, 100, 1), reservation(&ledger, 100, 2));
    let expiry = first.expiryMs;
    ledger.ok(PAYER, TO, first);
    ledger.ok(PAYER, TO, second);
    ledger.timestamp_ms = expiry - 1;
    let early = PaymentNotLate { payer: PAYER, uetr: uetr(1), expiryMs: expiry, nowMs: expiry - 1 };
    ledger.reverts(STRANGER, TO, expire_call(1), early);
    ledger.ok(PAYEE, TO, post_call(1, U256::MAX));
    ledger.timestamp_ms = expiry;
    let late = || PaymentLate { payer: PAYER, uetr: uetr(2), expiryMs: expiry, nowMs: expiry };
    ledger.reverts(PAYEE, TO, post_call(2, U256::MAX), late());
    ledger.reverts(PAYEE, TO, void_call(2), late());
    assert_eq!(state(&mut ledger, 2), Some(State::Pending), "nobody has swept it");
    ledger.ok(STRANGER, TO, expire_call(2));
    assert_eq!(
        ledger.last_event::<PaymentExpired>().1,
        PaymentExpired { payer: PAYER, uetr: uetr(2), freed: units(100) }
    );
    assert_eq!((spendable(&mut ledger, PAYER), balance(&mut ledger, PAYEE)), (900, 100));
    assert_sound(&mut ledger);
}

#[test]
fn expiries_lie_ahead_but_not_for_ever() {
    let mut ledger = world();
    let now = ledger.timestamp_ms;
    let most = now + EXPIRY_AHEAD_MS_MAX;
    for wrong in [0, now - 1, now, most + 1, u64::MAX] {
        let call = reserveCall { expiryMs: wrong, ..reservation(&ledger, 1, 1) };
        ledger.reverts(PAYER, TO, call, ExpiryInvalid { expiryMs: wrong, nowMs: now, expiryMsMax: most });
    }
    for (number, right) in [(1, now + 1), (2, most)] {
        let call = reserveCall { expiryMs: right, ..reservation(&ledger, 1, number) };
        ledger.ok(PAYER, TO, call);
    }
}

#[test]
fn a_sweep_expires_what_is_due_and_passes_over_the_rest() {
    let mut ledger = world();
    for number in 1..=3 {
        let call = reservation(&ledger, 100, number);
        ledger.ok(PAYER, TO, call);
    }
    let later = reserveCall { expiryMs: ledger.timestamp_ms + 10_001, ..reservation(&ledger, 100, 4) };
    ledger.ok(PAYER, TO, later);
    ledger.ok(PAYEE, TO, void_call(3));
    ledger.timestamp_ms += 10_000;
    let named = [1, 2, 2, 3, 4, 77].map(uetr).to_vec();
    let sweep = sweepCall { payers: vec![PAYER; named.len()], uetrs: named };
    assert_eq!(ledger.ok(STRANGER, TO, sweep), units(2), "each once");
    let states = [1, 2, 3, 4].map(|number| state(&mut ledger, number).unwrap());
    assert_eq!(states, [State::Expired, State::Expired, State::Voided, State::Pending]);
    for (payers, uetrs) in [(1, 0), (0, 1), (129, 129)] {
        let call = sweepCall { payers: vec![PAYER; payers], uetrs: vec![uetr(1); uetrs] };
        let error = SweepInvalid { payers: U256::from(payers), uetrs: U256::from(uetrs), lengthMax: units(128) };
        ledger.reverts(STRANGER, TO, call, error);
    }
    assert_sound(&mut ledger);
}

#[test]
fn who_was_frozen_after_the_reservation_is_not_paid_but_is_freed() {
    let mut ledger = world();
    let call = reservation(&ledger, 100, 1);
    ledger.ok(PAYER, TO, call);
    freeze(&mut ledger, PAYER, true);
    ledger.reverts(PAYEE, TO, post_call(1, U256::MAX), AccountFrozen { account: PAYER });
    ledger.ok(PAUSER, eur(), pauseCall {});
    ledger.ok(PAYEE, TO, void_call(1));
    assert_eq!(payment(&mut ledger, 1).reserved, U256::ZERO);
}

/// A seizure shortens the hold itself; its payment finds less.
#[test]
fn a_shortened_hold_posts_what_is_left() {
    let mut ledger = world();
    let call = reservation(&ledger, 600, 1);
    ledger.ok(PAYER, TO, call);
    assert_eq!(seize_from_hold(&mut ledger, eur(), 1, 450), Ok(units(450)));
    assert_eq!(ledger.ok(PAYEE, eur(), pendingCreditOfCall { account: PAYEE }), units(150));
    let exceeded = HoldExceeded { holdId: 1, held: units(150), amount: units(600) };
    ledger.reverts(PAYEE, TO, post_call(1, units(600)), exceeded);
    assert_eq!(ledger.ok(PAYEE, TO, post_call(1, U256::MAX)), units(150));
    let balances = [PAYER, PAYEE, COURT].map(|who| balance(&mut ledger, who));
    assert_eq!(balances, [400, 150, 450], "the court and the payee, each once");
    assert_eq!(ledger.ok(PAYEE, eur(), pendingCreditOfCall { account: PAYEE }), U256::ZERO);
    assert_sound(&mut ledger);
}

#[test]
fn a_hold_that_was_seized_whole_can_be_given_up_only() {
    let mut ledger = world();
    let call = reservation(&ledger, 600, 1);
    ledger.ok(PAYER, TO, call);
    assert_eq!(seize_from_hold(&mut ledger, eur(), 1, 600), Ok(units(600)));
    assert_sound(&mut ledger);
    ledger.reverts(PAYEE, TO, post_call(1, U256::MAX), AmountInvalid { amount: U256::ZERO });
    ledger.ok(PAYEE, TO, void_call(1));
    assert_eq!(ledger.last_event::<PaymentVoided>().1.freed, U256::ZERO);
}

// ----- parked --------------------------------------------------------------------------------------------------------

fn parkable(ledger: &Ledger, amount: u128, number: u8) -> payCall {
    payCall { parkUntilMs: ledger.timestamp_ms + 10_000, ..order(amount, number) }
}

/// KYC may finish after a payment was created, on either side.
#[test]
fn a_payment_waits_for_the_policy_visibly_and_anyone_releases_it() {
    for account in [PAYER, PAYEE] {
        let mut ledger = world();
        deny(&mut ledger, account, true);
        let call = parkable(&ledger, 600, 1);
        assert_eq!(ledger.ok(PAYER, TO, call.clone()), State::Parked.number());
        let (_, event) = ledger.last_event::<PaymentParked>();
        let expiry = call.parkUntilMs;
        let parked = PaymentParked { payer: PAYER, uetr: uetr(1), holdId: 1, expiryMs: expiry, policyId: 2, account };
        assert_eq!(event, parked);
        assert_eq!((balance(&mut ledger, PAYER), spendable(&mut ledger, PAYER)), (1_000, 400));
        assert_sound(&mut ledger);
        let error = || IToken::PolicyForbids { policyId: 2, account };
        ledger.reverts(STRANGER, TO, release_call(1), error());
        deny(&mut ledger, account, false);
        ledger.ok(STRANGER, TO, release_call(1));
        assert_eq!((balance(&mut ledger, PAYEE), state(&mut ledger, 1)), (600, Some(State::Settled)));
        assert_sound(&mut ledger);
    }
}

#[test]
fn parking_is_asked_for_and_for_the_policy_only() {
    let mut ledger = world();
    deny(&mut ledger, PAYEE, true);
    ledger.reverts(PAYER, TO, order(600, 1), IToken::PolicyForbids { policyId: 2, account: PAYEE });
    let call = parkable(&ledger, 1_001, 1);
    let error = ERC20InsufficientBalance { sender: PAYER, balance: units(1_000), needed: units(1_001) };
    ledger.reverts(PAYER, TO, call, error);
    let call = parkable(&ledger, 600, 1);
    for frozen in [PAYER, PAYEE] {
        freeze(&mut ledger, frozen, true);
        ledger.reverts(PAYER, TO, call.clone(), AccountFrozen { account: frozen });
        freeze(&mut ledger, frozen, false);
    }
    ledger.ok(PAUSER, eur(), pauseCall {});
    ledger.reverts(PAYER, TO, call.clone(), EnforcedPause {});
    ledger.ok(PAUSER, eur(), unpauseCall {});
    deny(&mut ledger, PAYEE, false);
    assert_eq!(ledger.ok(PAYER, TO, call), State::Settled.number(), "nothing refuses it now");
}

#[test]
fn a_parked_payment_promises_nothing_yet() {
    let mut ledger = world();
    deny(&mut ledger, PAYEE, true);
    for (number, by) in [(1, PAYER), (2, PAYEE)] {
        let call = parkable(&ledger, 600, number);
        ledger.ok(PAYER, TO, call);
        ledger.reverts(STRANGER, TO, void_call(number), CallerForbidden { caller: STRANGER, expected: PAYEE });
        let forbids = PaymentStateForbids { payer: PAYER, uetr: uetr(number), state: 2 };
        ledger.reverts(PAYEE, TO, post_call(number, U256::MAX), forbids);
        ledger.ok(by, TO, void_call(number));
        assert_eq!(spendable(&mut ledger, PAYER), 1_000);
    }
    assert_sound(&mut ledger);
}

#[test]
fn a_parked_payment_expires_at_the_very_instant() {
    let mut ledger = world();
    deny(&mut ledger, PAYEE, true);
    let call = parkable(&ledger, 600, 1);
    ledger.ok(PAYER, TO, call.clone());
    deny(&mut ledger, PAYEE, false);
    let expiry = call.parkUntilMs;
    ledger.timestamp_ms = expiry;
    let late = || PaymentLate { payer: PAYER, uetr: uetr(1), expiryMs: expiry, nowMs: expiry };
    ledger.reverts(STRANGER, TO, release_call(1), late());
    ledger.reverts(PAYER, TO, void_call(1), late());
    ledger.ok(STRANGER, TO, expire_call(1));
    assert_eq!((spendable(&mut ledger, PAYER), state(&mut ledger, 1)), (1_000, Some(State::Expired)));
}

#[test]
fn a_parked_payment_is_released_in_full_or_not_at_all() {
    let mut ledger = world();
    deny(&mut ledger, PAYEE, true);
    let call = parkable(&ledger, 600, 1);
    ledger.ok(PAYER, TO, call);
    deny(&mut ledger, PAYEE, false);
    assert_eq!(seize_from_hold(&mut ledger, eur(), 1, 1), Ok(units(1)));
    ledger.reverts(STRANGER, TO, release_call(1), HoldExceeded { holdId: 1, held: units(599), amount: units(600) });
    ledger.ok(PAYER, TO, void_call(1));
    assert_sound(&mut ledger);
}

// ----- returns -------------------------------------------------------------------------------------------------------

#[test]
fn returns_come_in_parts_and_never_exceed_what_was_received() {
    let mut ledger = world();
    ledger.ok(PAYER, TO, order(400, 1));
    assert_eq!(ledger.ok(PAYEE, TO, return_call(1, 7, 150)), 1);
    let returned = PaymentReturned {
        payer: PAYER,
        uetr: uetr(1),
        returnReference: reference(7),
        number: 1,
        amount: units(150),
        reason: code("CUST"),
    };
    assert_eq!(ledger.last_event::<PaymentReturned>().1, returned);
    let exceeded = ReturnExceeded { received: units(400), returned: units(150), amount: units(251) };
    ledger.reverts(PAYEE, TO, return_call(1, 2, 251), exceeded);
    assert_eq!(ledger.ok(PAYEE, TO, return_call(1, 2, 250)), 2);
    let found = payment(&mut ledger, 1);
    assert_eq!((found.received, found.returned, found.returnCount), (units(400), units(400), 2));
    let exceeded = ReturnExceeded { received: units(400), returned: units(400), amount: units(1) };
    ledger.reverts(PAYEE, TO, return_call(1, 3, 1), exceeded);
    assert_eq!((balance(&mut ledger, PAYER), balance(&mut ledger, PAYEE)), (1_000, 0));
    assert_sound(&mut ledger);
}

/// A payee that lost the answer sends again: the payer would get part of its payment twice.
#[test]
fn a_reference_returns_once_whatever_the_second_one_says() {
    let mut ledger = world();
    ledger.ok(PAYER, TO, order(400, 1));
    ledger.ok(PAYER, TO, order(100, 2));
    ledger.reverts(PAYEE, TO, return_call(1, 0, 150), ReturnReferenceMissing {});
    assert_eq!(return_of(&mut ledger, 1, 7), (0, U256::ZERO));
    ledger.ok(PAYEE, TO, return_call(1, 7, 150));
    let used = |number, amount| ReturnReferenceUsed {
        payer: PAYER,
        uetr: uetr(1),
        returnReference: reference(7),
        number,
        amount: units(amount),
    };
    ledger.reverts(PAYEE, TO, return_call(1, 7, 150), used(1, 150));
    ledger.reverts(PAYEE, TO, return_call(1, 7, 1), used(1, 150));
    // The same reference of another payment is another one, and of a payment that nobody ordered there is none.
    assert_eq!(ledger.ok(PAYEE, TO, return_call(2, 7, 100)), 1);
    let found = [(1, 7), (2, 7), (1, 8), (9, 7)].map(|(number, back)| return_of(&mut ledger, number, back));
    assert_eq!(found, [(1, units(150)), (1, units(100)), (0, U256::ZERO), (0, U256::ZERO)]);
    // What failed has used nothing.
    ledger.ok(PAUSER, eur(), pauseCall {});
    ledger.reverts(PAYEE, TO, return_call(1, 8, 1), EnforcedPause {});
    ledger.ok(PAUSER, eur(), unpauseCall {});
    assert_eq!(ledger.ok(PAYEE, TO, return_call(1, 8, 1)), 2);
    assert_eq!(balance(&mut ledger, PAYEE), 500 - 251);
    assert_sound(&mut ledger);
}

#[test]
fn what_was_posted_in_part_returns_at_most_that_part() {
    let mut ledger = world();
    let call = reservation(&ledger, 400, 1);
    ledger.ok(PAYER, TO, call);
    let forbids = PaymentStateForbids { payer: PAYER, uetr: uetr(1), state: 1 };
    ledger.reverts(PAYEE, TO, return_call(1, 1, 1), forbids);
    ledger.ok(PAYEE, TO, post_call(1, units(100)));
    let exceeded = ReturnExceeded { received: units(100), returned: U256::ZERO, amount: units(101) };
    ledger.reverts(PAYEE, TO, return_call(1, 1, 101), exceeded);
    ledger.ok(PAYEE, TO, return_call(1, 1, 100));
    assert_sound(&mut ledger);
}

#[test]
fn a_return_is_a_movement_like_any_other() {
    let mut ledger = world();
    ledger.ok(PAYER, TO, order(400, 1));
    ledger.ok(PAYEE, eur(), transferCall { to: account(2), amount: units(300) });
    let error = ERC20InsufficientBalance { sender: PAYEE, balance: units(100), needed: units(101) };
    ledger.reverts(PAYEE, TO, return_call(1, 1, 101), error);
    deny(&mut ledger, PAYER, true);
    ledger.reverts(PAYEE, TO, return_call(1, 1, 100), IToken::PolicyForbids { policyId: 2, account: PAYER });
}

#[test]
fn returns_are_counted_and_bounded() {
    let mut ledger = world();
    ledger.ok(PAYER, TO, order(400, 1));
    let head = layout::layout().payments.of(&PAYER).of(&uetr(1)).head.place();
    let word = ledger.storage.slots[&head];
    ledger.storage.slots.insert(head, word | U256::from(RETURNS_MAX - 1) << 224);
    ledger.ok(PAYEE, TO, return_call(1, RETURNS_MAX, 1));
    let error = ReturnsExhausted { returnsMax: RETURNS_MAX };
    ledger.reverts(PAYEE, TO, return_call(1, RETURNS_MAX + 1, 1), error);
}

// ----- storage and invariants ----------------------------------------------------------------------------------------

/// What an external reader finds with eth_getStorageAt.
#[test]
fn a_payment_lies_where_the_layout_says() {
    use alloy_primitives::keccak256;
    let mut ledger = world();
    ledger.ok(PAYER, TO, order(400, 1));
    ledger.ok(PAYEE, TO, return_call(1, 1, 150));
    let of_payer = keccak256([B256::left_padding_from(PAYER.as_slice()).0, [0; 32]].concat());
    let slot: U256 = keccak256([uetr(1).0, of_payer.0].concat()).into();
    let head = ledger.storage.slots[&(TO, slot)];
    assert_eq!(head, U256::from_be_slice(PAYEE.as_slice()) | U256::ONE << 160 | U256::ONE << 224 | units(3) << 248);
    assert_eq!(ledger.storage.slots[&(TO, slot + U256::ONE)], units(400) | units(150) << 128);
}

/// The checkers are checked: each tampering is named.
#[test]
fn invariants_notice_what_they_name() {
    let tampered = |change: &dyn Fn(&mut Ledger)| -> Vec<&'static str> {
        let mut ledger = world();
        ledger.ok(PAYER, TO, order(100, 1));
        let call = reservation(&ledger, 200, 2);
        ledger.ok(PAYER, TO, call);
        let mut book = PaymentBook::default();
        ledger.storage.logs.iter().for_each(|log| book.apply(log).unwrap());
        change(&mut ledger);
        let found = ledger.run(STRANGER, |context| book.check(context)).unwrap();
        found.iter().map(|violation| violation.invariant).collect()
    };
    let record = |number| layout::layout().payments.of(&PAYER).of(&uetr(number));
    let set = |place: (Address, U256), word: U256| {
        move |ledger: &mut Ledger| {
            ledger.storage.slots.insert(place, word);
        }
    };
    assert_eq!(tampered(&|_| ()), Vec::<&str>::new());
    let amounts = record(1).amounts.place();
    let both = ["payment.state_follows_events", "payment.returned_within_received"];
    assert_eq!(tampered(&set(amounts, units(100) | units(101) << 128)), both);
    assert_eq!(tampered(&set(amounts, units(99))), both[..1]);
    let gone = ["payment.state_follows_events", "payment.reserves_equal_pending"];
    assert_eq!(tampered(&set(record(2).head.place(), U256::ZERO)), gone);
    let hold = crate::token::layout::layout(eur()).holds.of(&1);
    let more = ["payment.hold_is_its_own"];
    assert_eq!(tampered(&set(hold.amount.place(), units(201))), more);
    let foreign = U256::from_be_slice(STRANGER.as_slice()) | units(5) << 160;
    assert_eq!(tampered(&set(hold.parties.place(), foreign)), more);
    let other = U256::from_be_slice(PAYER.as_slice()) | units(8) << 160;
    assert_eq!(tampered(&set(hold.parties.place(), other)), [more[0], "payment.reserves_equal_pending"]);
}

#[test]
fn the_book_refuses_what_happens_twice() {
    let mut ledger = world();
    let call = reservation(&ledger, 200, 1);
    ledger.ok(PAYER, TO, call);
    ledger.ok(PAYEE, TO, post_call(1, U256::MAX));
    ledger.ok(PAYEE, TO, return_call(1, 1, 50));
    let mut book = PaymentBook::default();
    ledger.storage.logs.iter().for_each(|log| book.apply(log).unwrap());
    let again: Vec<_> = ledger.storage.logs.iter().filter_map(|log| book.clone().apply(log).err()).collect();
    let names: Vec<_> = again.iter().map(|violation| violation.invariant).collect();
    assert_eq!(names, ["payment.ordered_once", "payment.resolved_once", "payment.returned_once"]);
}
