//! Whom the token's policy or freezer refuses while the queue, a run or a window counts on it: it is left out, and nobody
//! else waits for it.

use super::*;
use crate::{
    POLICY_ADDRESS,
    policy::IPolicy::{createHoldingLimitCall, createPaymentLimitCall},
    token::IToken::setPolicyCall,
};

/// Nobody is exempt from a rule with this policy.
const NOBODY: u64 = 1;

impl Scheme {
    /// From now on nobody holds more than so much; beyond it credits are rejected.
    fn limit_holdings(&mut self, limit: u128) {
        let call = createHoldingLimitCall { admin: ADMIN, exemptPolicyId: NOBODY, limit: units(limit), outcome: 1 };
        let policy = self.ledger.ok(ADMIN, POLICY_ADDRESS, call);
        self.ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: policy });
    }

    /// From now on nobody pays more than so much at once.
    fn limit_payments(&mut self, limit: u128) {
        let (admin, most) = (ADMIN, units(limit));
        let call = createPaymentLimitCall {
            admin,
            exemptPolicyId: NOBODY,
            perTransaction: most,
            perDay: NONE,
            perMonth: NONE,
        };
        let policy = self.ledger.ok(ADMIN, POLICY_ADDRESS, call);
        self.ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: policy });
    }
}

/// 1, 2 and 3 go round; 4 would pay 5, which may not hold what it gets.
#[test]
fn a_run_leaves_out_who_may_not_hold_its_net_credit() {
    for steps in [1, 3, 1_000] {
        let mut scheme = Scheme::fifo(&[0, 0, 0, 20, 90]);
        scheme.limit_holdings(100);
        let ring = [(1, 2), (2, 3), (3, 1)].map(|(from, to)| scheme.queue(from, to, 10));
        let refused = scheme.queue(4, 5, 30);
        scheme.give(4, 15);
        assert_eq!(scheme.run_in(steps), (1, 3, 30), "{steps} steps a call");
        assert_eq!((scheme.statuses(&ring), scheme.status(refused)), (vec![3; 3], 1));
        assert_eq!(scheme.balances(5), [0, 0, 0, 35, 90]);
    }
}

#[test]
fn a_run_leaves_out_who_may_not_pay_its_net_debit() {
    let mut scheme = Scheme::fifo(&[0, 0, 0, 0, 0]);
    let ring = [(1, 2), (2, 3), (3, 1)].map(|(from, to)| scheme.queue(from, to, 10));
    let refused = scheme.queue(4, 5, 30);
    scheme.limit_payments(20);
    scheme.give(4, 30);
    assert_eq!(scheme.run(), (1, 3, 30));
    assert_eq!((scheme.statuses(&ring), scheme.status(refused)), (vec![3; 3], 1));
}

/// Whose payments cancel out moves no units, and is frozen all the same.
#[test]
fn a_run_leaves_out_who_was_frozen_in_it_with_a_net_of_zero() {
    for steps in [1, 2, 1_000] {
        let mut scheme = Scheme::fifo(&[0, 0, 0, 0, 0]);
        let ring = [(1, 2), (2, 3), (3, 1)].map(|(from, to)| scheme.queue(from, to, 10));
        let pair = [scheme.queue(4, 3, 7), scheme.queue(3, 4, 7)];
        scheme.ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
        while scheme.advance(1) != 4 {}
        scheme.freeze(4, true);
        while scheme.advance(steps) != 0 {
            scheme.check();
        }
        assert_eq!((scheme.statuses(&ring), scheme.statuses(&pair)), (vec![3; 3], vec![1; 2]), "{steps} steps a call");
        assert_eq!(scheme.balances(4), [0; 4]);
        scheme.check();
    }
}

/// One instruction that a rule refuses keeps neither its debtor's others nor the submission of another from settling.
#[test]
fn what_a_rule_refuses_is_not_covered() {
    let mut scheme = Scheme::bypass(&[0, 0, 95]);
    scheme.limit_holdings(100);
    let (refused, other) = (scheme.queue(1, 3, 6), scheme.queue(1, 2, 4));
    scheme.give(1, 10);
    assert_eq!((scheme.release(1), scheme.status(refused), scheme.status(other)), (1, 1, 3));
    let again = scheme.queue(1, 3, 6);
    assert_eq!((scheme.status(again), scheme.balances(3)), (1, vec![6, 4, 95]));
    scheme.check();
}

/// 2's 30 and 1's 20 would offset on a net of 10, which 1 may not hold: both wait.
#[test]
fn an_offset_that_a_rule_refuses_is_none() {
    let mut scheme = Scheme::fifo(&[95, 0, 0]);
    scheme.limit_holdings(100);
    let first = scheme.queue(2, 1, 30);
    scheme.give(2, 10);
    scheme.ledger.ok(account(1), TO, setReserveCall { schemeId: 1, amount: units(95) });
    let second = scheme.queue(1, 2, 20);
    assert_eq!(scheme.ledger.ok(account(9), TO, offsetCall { schemeId: 1, first: account(1), second: account(2) }), 0);
    assert_eq!(scheme.statuses(&[first, second]), [1, 1]);
    scheme.check();
}

/// In a window as in a run: whose net is zero moves no units, and may not settle while it is frozen.
#[test]
fn a_window_waits_for_the_frozen_with_a_net_of_zero() {
    let mut scheme = Scheme::fifo(&[50, 50]);
    let window = scheme.ledger.ok(OPERATOR, TO, openWindowCall { schemeId: 1 });
    for (debtor, creditor) in [(1, 2), (2, 1)] {
        let instruction_reference = reference(u64::from(debtor));
        let call = assignCall {
            windowId: window,
            creditor: account(creditor),
            amount: units(10),
            instructionReference: instruction_reference,
        };
        scheme.ledger.ok(account(debtor), TO, call);
    }
    scheme.ledger.ok(OPERATOR, TO, closeWindowCall { windowId: window });
    let deadline = scheme.ledger.timestamp_ms + 1_000;
    scheme.ledger.ok(OPERATOR, TO, startWindowSettlementCall { windowId: window, fundBeforeMs: deadline });
    scheme.freeze(2, true);
    let barred = ParticipantBarred { schemeId: 1, account: account(2) };
    scheme.ledger.reverts(account(9), TO, settleWindowCall { windowId: window }, barred);
    scheme.ledger.timestamp_ms = deadline;
    assert!(!scheme.ledger.ok(account(9), TO, settleWindowCall { windowId: window }));
    assert_eq!((scheme.statuses(&[1, 2]), scheme.balances(2)), (vec![5; 2], vec![50, 50]));
}

/// A window that a rule refuses settles in time or is aborted, as one that is not funded.
#[test]
fn a_window_that_a_rule_refuses_is_aborted_at_its_deadline() {
    let mut scheme = Scheme::fifo(&[50, 95]);
    let window = scheme.ledger.ok(OPERATOR, TO, openWindowCall { schemeId: 1 });
    let instruction_reference = reference(1);
    let call = assignCall {
        windowId: window,
        creditor: account(2),
        amount: units(10),
        instructionReference: instruction_reference,
    };
    let id = scheme.ledger.ok(account(1), TO, call);
    scheme.limit_holdings(100);
    scheme.ledger.ok(OPERATOR, TO, closeWindowCall { windowId: window });
    let deadline = scheme.ledger.timestamp_ms + 1_000;
    scheme.ledger.ok(OPERATOR, TO, startWindowSettlementCall { windowId: window, fundBeforeMs: deadline });
    let settle = || settleWindowCall { windowId: window };
    scheme.ledger.timestamp_ms = deadline - 1;
    let barred = ParticipantBarred { schemeId: 1, account: account(2) };
    scheme.ledger.reverts(account(9), TO, settle(), barred);
    scheme.ledger.timestamp_ms = deadline;
    assert!(!scheme.ledger.ok(account(9), TO, settle()));
    assert_eq!((scheme.status(id), scheme.balances(2)), (5, vec![50, 95]));
    assert!(scheme.close(10), "the day closes");
    scheme.check();
}
