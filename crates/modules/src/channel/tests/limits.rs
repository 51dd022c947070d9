//! Channels under a payment limit of the token: a deposit is counted, a payout is not asked again.

use super::*;
use crate::{
    POLICY_ADDRESS,
    policy::{
        CLOSED,
        IPolicy::{PaymentLimitExceeded, createPaymentLimitCall, setPaymentLimitCall, spentOfCall},
    },
    testing::{ADMIN, COMPLIANCE},
    token::IToken::setPolicyCall,
};

/// EUR may be paid up to so much a movement and a day.
fn limit(ledger: &mut Ledger, single: u128, day: u128) -> u64 {
    let call = createPaymentLimitCall {
        admin: COMPLIANCE,
        exemptPolicyId: CLOSED,
        perTransaction: units(single),
        perDay: units(day),
        perMonth: U256::MAX,
    };
    let limit = ledger.ok(COMPLIANCE, POLICY_ADDRESS, call);
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: limit });
    limit
}

fn lower(ledger: &mut Ledger, limit: u64) {
    let (zero, none) = (U256::ZERO, U256::MAX);
    let call = setPaymentLimitCall { policyId: limit, perTransaction: zero, perDay: zero, perMonth: none };
    ledger.ok(COMPLIANCE, POLICY_ADDRESS, call);
}

fn used(ledger: &mut Ledger, limit: u64, who: Address) -> u128 {
    ledger.ok(ANYONE, POLICY_ADDRESS, spentOfCall { policyId: limit, token: eur(), account: who }).today.to()
}

/// The payer cannot starve its payee by spending the day's limit elsewhere, nor can a lowered limit.
#[test]
fn a_payout_cannot_be_starved() {
    let mut ledger = set_up();
    let limit = limit(&mut ledger, 300, 400);
    let payer = payer().1;
    let id = open(&mut ledger, 300);
    ledger.ok(payer, eur(), transferCall { to: ANYONE, amount: units(100) });
    let call = state(&mut ledger, id, 120);
    ledger.ok(PAYEE, TO, call);
    lower(&mut ledger, limit);
    let call = state(&mut ledger, id, 200);
    ledger.ok(PAYEE, TO, call);
    assert_eq!(balance(&mut ledger, PAYEE), 700);
    assert_eq!(used(&mut ledger, limit, payer), 400, "counted once, when it was promised");
    ledger.ok(PAYEE, TO, closeByPayeeCall { channelId: id, payNow: true });
    assert_eq!(used(&mut ledger, limit, payer), 300, "and what was not owed is given back");
    sound(&mut ledger);
}

#[test]
fn a_top_up_is_asked_and_counted_for_what_it_adds() {
    let mut ledger = set_up();
    let limit = limit(&mut ledger, 300, 700);
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
    assert_eq!(used(&mut ledger, limit, payer), 600);
    ledger.reverts(payer, TO, top(101), error(1, day, 600, 101));
    // The next day counts what is added then, and gives back that alone.
    ledger.timestamp_ms += DAY;
    ledger.ok(payer, TO, top(50));
    assert_eq!(used(&mut ledger, limit, payer), 50);
    let call = state(&mut ledger, id, 20);
    ledger.ok(PAYEE, TO, call);
    ledger.ok(PAYEE, TO, closeByPayeeCall { channelId: id, payNow: true });
    assert_eq!((used(&mut ledger, limit, payer), spendable(&mut ledger, payer)), (0, 880));
    sound(&mut ledger);
}
