//! Payments under limits of the token's policy: what counts, what waits, what no limit binds.

use super::*;
use crate::{
    policy::{
        CLOSED,
        IPolicy::{
            HoldingLimitExceeded, PaymentLimitExceeded, createHoldingLimitCall, createPaymentLimitCall,
            setPaymentLimitCall, spentOfCall,
        },
    },
    testing::{ADMIN, GOVERNOR},
    token::{BatchItem, ItemResult},
};

const DAY_MS: u64 = 86_400_000;

/// A ledger whose EUR may be paid up to 100 a day, at the first instant of a day, and that limit.
fn limited() -> (Ledger, u64) {
    let mut ledger = world();
    ledger.timestamp_ms = 20_000 * DAY_MS;
    let (none, per_day) = (U256::MAX, units(100));
    let call = createPaymentLimitCall {
        admin: GOVERNOR,
        exemptPolicyId: CLOSED,
        perTransaction: none,
        perDay: per_day,
        perMonth: none,
    };
    let limit = ledger.ok(GOVERNOR, POLICY_ADDRESS, call);
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: limit });
    (ledger, limit)
}

fn exceeded(limit: u64, used: u128, amount: u128) -> PaymentLimitExceeded {
    let (most, used, amount) = (units(100), units(used), units(amount));
    PaymentLimitExceeded { policyId: limit, period: 1, limit: most, used, amount }
}

fn batch(items: &[(Address, u128)], number: u8) -> payBatchCall {
    let encoded = items.iter().flat_map(|(to, amount)| {
        BatchItem { to: *to, amount: *amount, reference: [0; 8] }.encode().expect("a small amount")
    });
    payBatchCall { token: eur(), uetr: uetr(number), mode: 1, items: encoded.collect::<Vec<u8>>().into() }
}

#[test]
fn each_item_of_a_batch_counts_for_the_payers_limit() {
    let (mut ledger, limit) = limited();
    let paid = ledger.ok(PAYER, TO, batch(&[(PAYEE, 60), (POSTER, 50), (STRANGER, 40)], 1));
    let refused = ItemResult::PolicyMustAdmitPayment.number();
    assert_eq!(paid.results.to_vec(), [0, refused, 0]);
    assert_eq!(paid.total, units(100));
    ledger.reverts(PAYER, TO, order(1, 2), exceeded(limit, 100, 1));
    assert_sound(&mut ledger);
}

#[test]
fn a_batch_diverts_nothing() {
    let mut ledger = world();
    for (number, outcome) in [(1, 1), (2, 2), (3, 3)] {
        let call = createHoldingLimitCall { admin: GOVERNOR, exemptPolicyId: CLOSED, limit: units(50), outcome };
        let limit = ledger.ok(GOVERNOR, POLICY_ADDRESS, call);
        ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: limit });
        let payee = account(0x40 + number);
        let paid = ledger.ok(PAYER, TO, batch(&[(payee, 30), (payee, 30), (payee, 20)], number));
        assert_eq!(paid.results.to_vec(), [0, ItemResult::PolicyMustAdmitPayment.number(), 0]);
        assert_eq!(balance(&mut ledger, payee), 50);
    }
    assert_sound(&mut ledger);
}

#[test]
fn a_payment_beyond_a_limit_waits_for_the_next_day() {
    let (mut ledger, limit) = limited();
    ledger.ok(PAYER, TO, order(80, 1));
    ledger.reverts(PAYER, TO, order(30, 2), exceeded(limit, 80, 30));
    let park_until_ms = ledger.timestamp_ms + 2 * DAY_MS;
    let parked = ledger.ok(PAYER, TO, payCall { parkUntilMs: park_until_ms, ..order(30, 2) });
    assert_eq!(parked, State::Parked.number());
    let (_, event) = ledger.last_event::<PaymentParked>();
    assert_eq!((event.policyId, event.account), (limit, PAYER));
    ledger.reverts(STRANGER, TO, release_call(2), exceeded(limit, 80, 30));
    ledger.timestamp_ms += DAY_MS;
    ledger.ok(STRANGER, TO, release_call(2));
    assert_eq!(balance(&mut ledger, PAYEE), 110);
    ledger.reverts(PAYER, TO, order(71, 3), exceeded(limit, 30, 71));
    assert_sound(&mut ledger);
}

/// A return is a refund: it neither asks the limit of who pays back nor uses it up.
#[test]
fn returns_do_not_count() {
    let (mut ledger, limit) = limited();
    ledger.ok(PAYER, TO, order(100, 1));
    ledger.ok(PAYEE, eur(), transferCall { to: STRANGER, amount: units(80) });
    ledger.ok(STRANGER, eur(), transferCall { to: PAYEE, amount: units(80) });
    ledger.ok(PAYEE, TO, return_call(1, 1, 90));
    ledger.reverts(PAYEE, eur(), transferCall { to: STRANGER, amount: units(21) }, exceeded(limit, 80, 21));
    assert_sound(&mut ledger);
}

#[test]
fn a_reservation_is_pending_credit_of_its_payee() {
    let mut ledger = world();
    let call = createHoldingLimitCall { admin: GOVERNOR, exemptPolicyId: CLOSED, limit: units(100), outcome: 2 };
    let limit = ledger.ok(GOVERNOR, POLICY_ADDRESS, call);
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: limit });
    let pending = |ledger: &mut Ledger| ledger.ok(STRANGER, eur(), pendingCreditOfCall { account: PAYEE });
    let first = reservation(&ledger, 70, 1);
    ledger.ok(PAYER, TO, first);
    assert_eq!(pending(&mut ledger), units(70));
    // Beyond the limit units are on hold without being pending, and a payment that may wait does.
    let second = reservation(&ledger, 40, 2);
    ledger.ok(PAYER, TO, second);
    let park_until_ms = ledger.timestamp_ms + 10_000;
    let parked = ledger.ok(PAYER, TO, payCall { parkUntilMs: park_until_ms, ..order(40, 3) });
    assert_eq!((parked, pending(&mut ledger)), (State::Parked.number(), units(70)));
    let (_, event) = ledger.last_event::<PaymentParked>();
    assert_eq!((event.policyId, event.account), (limit, PAYEE));
    // What was pending is posted; what was not asks again.
    ledger.ok(PAYEE, TO, post_call(1, U256::MAX));
    assert_eq!((pending(&mut ledger), balance(&mut ledger, PAYEE)), (U256::ZERO, 70));
    assert!(ledger.call(PAYEE, TO, post_call(2, units(40))).is_err());
    assert_eq!(ledger.ok(PAYEE, TO, post_call(2, units(30))), units(30));
    assert_sound(&mut ledger);
}

/// A limit that sweeps refuses where nothing is linked, or what is linked cannot take the excess: that can wait as well.
#[test]
fn a_payment_waits_for_an_account_to_sweep_to() {
    let mut ledger = world();
    let call = createHoldingLimitCall { admin: GOVERNOR, exemptPolicyId: CLOSED, limit: units(100), outcome: 3 };
    let limit = ledger.ok(GOVERNOR, POLICY_ADDRESS, call);
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: limit });
    let refused =
        |held| HoldingLimitExceeded { policyId: limit, limit: units(100), held: units(held), amount: units(130) };
    ledger.reverts(PAYER, TO, order(130, 1), refused(0));
    let call = payCall { parkUntilMs: ledger.timestamp_ms + 10_000, ..order(130, 1) };
    assert_eq!(ledger.ok(PAYER, TO, call), State::Parked.number());
    let (_, event) = ledger.last_event::<PaymentParked>();
    assert_eq!((event.policyId, event.account), (limit, PAYEE));
    ledger.reverts(STRANGER, TO, release_call(1), refused(0));
    ledger.ok(PAYEE, eur(), setLinkedAccountCall { linkedAccount: POSTER });
    ledger.ok(STRANGER, TO, release_call(1));
    assert_eq!((balance(&mut ledger, PAYEE), balance(&mut ledger, POSTER)), (100, 30));
    let call = payCall { parkUntilMs: ledger.timestamp_ms + 10_000, ..order(40, 2) };
    assert_eq!(ledger.ok(PAYER, TO, call), State::Settled.number(), "what can be swept is paid");
    assert_sound(&mut ledger);
}

fn used(ledger: &mut Ledger, limit: u64) -> u128 {
    let call = spentOfCall { policyId: limit, token: eur(), account: PAYER };
    ledger.ok(STRANGER, POLICY_ADDRESS, call).today.to()
}

/// What was promised is paid, though its payer spent the rest of the day's limit and the limit was lowered since.
#[test]
fn a_reservation_is_posted_whatever_its_payer_spends() {
    let (mut ledger, limit) = limited();
    let promised = reservation(&ledger, 60, 1);
    ledger.ok(PAYER, TO, promised);
    ledger.reverts(PAYER, TO, order(41, 2), exceeded(limit, 60, 41));
    ledger.ok(PAYER, TO, order(40, 2));
    let (none, zero) = (U256::MAX, U256::ZERO);
    let call = setPaymentLimitCall { policyId: limit, perTransaction: zero, perDay: zero, perMonth: none };
    ledger.ok(GOVERNOR, POLICY_ADDRESS, call);
    assert_eq!(ledger.ok(PAYEE, TO, post_call(1, U256::MAX)), units(60));
    assert_eq!((balance(&mut ledger, PAYEE), used(&mut ledger, limit)), (100, 100));
    assert_sound(&mut ledger);
}

/// A partial post, a void and an expiry give back what was not paid, on the day of the reservation only.
#[test]
fn what_is_not_posted_comes_back_on_the_same_day() {
    for same_day in [true, false] {
        let (mut ledger, limit) = limited();
        if !same_day {
            ledger.timestamp_ms += DAY_MS - 1;
        }
        for (number, amount) in [(1, 50), (2, 30), (3, 20)] {
            let call = reservation(&ledger, amount, number);
            ledger.ok(PAYER, TO, call);
        }
        assert_eq!(used(&mut ledger, limit), 100);
        let expiry_ms = ledger.timestamp_ms + 10_000;
        ledger.timestamp_ms += 1;
        ledger.ok(PAYEE, TO, post_call(1, units(15)));
        assert_eq!(used(&mut ledger, limit), if same_day { 65 } else { 0 });
        ledger.ok(PAYEE, TO, voidPaymentCall { payer: PAYER, uetr: uetr(2) });
        assert_eq!(used(&mut ledger, limit), if same_day { 35 } else { 0 });
        ledger.timestamp_ms = expiry_ms;
        ledger.ok(STRANGER, TO, expireCall { payer: PAYER, uetr: uetr(3) });
        assert_eq!(used(&mut ledger, limit), if same_day { 15 } else { 0 });
        ledger.ok(PAYER, TO, order(if same_day { 85 } else { 100 }, 4));
        assert_sound(&mut ledger);
    }
}

/// What waits for the policy was not counted: it is asked when it is released, and its voiding gives nothing back.
#[test]
fn a_parked_payment_counts_when_it_is_paid() {
    let (mut ledger, limit) = limited();
    ledger.ok(PAYER, TO, order(80, 1));
    let park_until_ms = ledger.timestamp_ms + 2 * DAY_MS;
    for number in [2, 3] {
        ledger.ok(PAYER, TO, payCall { parkUntilMs: park_until_ms, ..order(30, number) });
    }
    ledger.ok(PAYER, TO, voidPaymentCall { payer: PAYER, uetr: uetr(2) });
    assert_eq!(used(&mut ledger, limit), 80);
    ledger.timestamp_ms += DAY_MS;
    ledger.ok(STRANGER, TO, release_call(3));
    assert_eq!(used(&mut ledger, limit), 30);
    assert_sound(&mut ledger);
}
