//! Escrows under a payment limit of the token: what is promised is counted, what is granted is paid.

use super::*;
use crate::{
    policy::IPolicy::PaymentLimitExceeded,
    testing::{limit_payments, lower_to_nothing, used_today},
};

/// Neither a day's limit that the payer spent nor a lowered one stops what was granted.
#[test]
fn what_was_granted_is_paid_whatever_the_payer_spent() {
    let mut ledger = world();
    let limit = limit_payments(&mut ledger, 600, 700);
    let terms = plain(&ledger);
    let id = open(&mut ledger, terms);
    let spending = IToken::transferCall { to: ANYONE, amount: units(101) };
    let error =
        PaymentLimitExceeded { policyId: limit, period: 1, limit: units(700), used: units(600), amount: units(101) };
    ledger.reverts(PAYER, eur(), spending, error);
    ledger.ok(PAYER, eur(), IToken::transferCall { to: ANYONE, amount: units(100) });
    lower_to_nothing(&mut ledger, limit);
    ledger.ok(PAYER, TO, releaseCall { escrowId: id, amount: ALL });
    assert_eq!((balance(&mut ledger, PAYEE), used_today(&mut ledger, limit, PAYER)), (1_100, 700));
}

/// The deadline refunds: on the same day the limit has its room again.
#[test]
fn a_refund_at_the_deadline_gives_back() {
    let mut ledger = world();
    let limit = limit_payments(&mut ledger, 600, 700);
    let terms = plain(&ledger);
    let id = open(&mut ledger, terms);
    ledger.timestamp_ms += 10_000;
    ledger.ok(ANYONE, TO, concludeCall { escrowId: id, payNow: false });
    assert_eq!((balance(&mut ledger, PAYER), used_today(&mut ledger, limit, PAYER)), (1_000, 0));
    let terms = plain(&ledger);
    open(&mut ledger, terms);
}
