//! Channels under a payment limit of the token: a deposit is counted, a payout is not asked again.

use super::*;
use crate::{
    policy::IPolicy::PaymentLimitExceeded,
    testing::{limit_payments, lower_to_nothing, used_today},
};

/// The payer cannot starve its payee by spending the day's limit elsewhere, nor can a lowered limit.
#[test]
fn a_payout_cannot_be_starved() {
    let mut ledger = set_up();
    let limit = limit_payments(&mut ledger, 300, 400);
    let payer = payer().1;
    let id = open(&mut ledger, 300);
    ledger.ok(payer, eur(), transferCall { to: ANYONE, amount: units(100) });
    let call = state(&mut ledger, id, 120);
    ledger.ok(PAYEE, TO, call);
    lower_to_nothing(&mut ledger, limit);
    let call = state(&mut ledger, id, 200);
    ledger.ok(PAYEE, TO, call);
    assert_eq!(balance(&mut ledger, PAYEE), 700);
    assert_eq!(used_today(&mut ledger, limit, payer), 400, "counted once, when it was promised");
    ledger.ok(PAYEE, TO, closeByPayeeCall { channelId: id, payNow: true });
    assert_eq!(used_today(&mut ledger, limit, payer), 300, "and what was not owed is given back");
    sound(&mut ledger);
}

#[test]
fn a_top_up_is_asked_and_counted_for_what_it_adds() {
    let mut ledger = set_up();
    let limit = limit_payments(&mut ledger, 300, 700);
    let payer = payer().1;
    let id = open(&mut ledger, 300);
    let top = |amount| topUpCall { channelId: id, amount: units(amount) };
    let (single, day) = (units(300), units(700));
    let error = |period, limit_of, used, amount| PaymentLimitExceeded {
        policyId: limit,
        period,
        limit: limit_of,
        used: units(used),
        amount: units(amount),
    };
    ledger.reverts(payer, TO, top(301), error(0, single, 0, 301));
    ledger.ok(payer, TO, top(300));
    assert_eq!(used_today(&mut ledger, limit, payer), 600);
    ledger.reverts(payer, TO, top(101), error(1, day, 600, 101));
    // The next day counts what is added then, and gives back that alone.
    ledger.timestamp_ms += DAY;
    ledger.ok(payer, TO, top(50));
    assert_eq!(used_today(&mut ledger, limit, payer), 50);
    let call = state(&mut ledger, id, 20);
    ledger.ok(PAYEE, TO, call);
    ledger.ok(PAYEE, TO, closeByPayeeCall { channelId: id, payNow: true });
    assert_eq!((used_today(&mut ledger, limit, payer), spendable(&mut ledger, payer)), (0, 880));
    sound(&mut ledger);
}
