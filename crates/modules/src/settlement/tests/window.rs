//! Windows of deferred net settlement.

use super::*;
use crate::{
    testing::{COURT, SEIZER, seize_from_hold},
    token::{
        IToken::{grantRoleCall, issueOrderCall, seizeCall},
        SEIZER_ROLE,
        invariants::EventBook,
    },
};

impl Scheme {
    fn window(&mut self) -> u64 {
        self.ledger.ok(OPERATOR, TO, openWindowCall { schemeId: self.id })
    }

    fn assign(&mut self, window: u64, debtor: u8, creditor: u8, amount: u128) -> u64 {
        let call = self.assignment(window, creditor, amount);
        self.ledger.ok(account(debtor), TO, call)
    }

    fn assignment(&mut self, window: u64, creditor: u8, amount: u128) -> assignCall {
        self.submitted += 1;
        let instruction_reference = reference(self.submitted);
        assignCall {
            windowId: window,
            creditor: account(creditor),
            amount: units(amount),
            instructionReference: instruction_reference,
        }
    }

    /// Closes the window and gives it a second to be funded.
    fn pend(&mut self, window: u64) -> u64 {
        self.ledger.ok(OPERATOR, TO, closeWindowCall { windowId: window });
        let deadline = self.ledger.timestamp_ms + 1_000;
        self.ledger.ok(OPERATOR, TO, startWindowSettlementCall { windowId: window, fundBeforeMs: deadline });
        deadline
    }

    fn state(&mut self, window: u64) -> u8 {
        self.ledger.ok(OPERATOR, TO, windowOfCall { windowId: window }).state
    }
}

#[test]
fn a_window_settles_its_net_all_at_once() {
    let mut scheme = Scheme::fifo(&[15, 5, 0]);
    let window = scheme.window();
    let ids: Vec<u64> = [(1, 2, 100), (2, 1, 90), (2, 3, 15), (3, 1, 3)]
        .iter()
        .map(|(from, to, amount)| scheme.assign(window, *from, *to, *amount))
        .collect();
    assert_eq!((scheme.statuses(&ids), scheme.balances(3)), (vec![6; 4], vec![15, 5, 0]));
    let found = scheme.ledger.ok(OPERATOR, TO, positionOfCall { windowId: window, account: account(2) });
    assert_eq!((found.gives, found.gets), (units(105), units(100)));
    scheme.check();
    scheme.pend(window);
    assert_eq!(scheme.state(window), 2);
    assert!(scheme.ledger.ok(account(9), TO, settleWindowCall { windowId: window }));
    assert_eq!((scheme.statuses(&ids), scheme.balances(3)), (vec![3; 4], vec![8, 0, 12]));
    let (_, event) = scheme.ledger.last_event::<WindowSettled>();
    assert_eq!(event, WindowSettled { windowId: window, value: units(208), netDebits: units(12) });
    let figures = scheme.ledger.ok(OPERATOR, TO, figuresOfCall { schemeId: 1 });
    assert_eq!((figures.count, figures.value, figures.liquidityUsed), (4, units(208), units(12)));
    let done = WindowStatusInvalid { windowId: window, state: 3 };
    scheme.ledger.reverts(account(9), TO, settleWindowCall { windowId: window }, done);
    assert!(scheme.close(10), "no window is left");
    scheme.check();
}

#[test]
fn an_unfunded_debit_waits_for_the_deadline_and_then_aborts_the_whole() {
    let mut scheme = Scheme::fifo(&[9, 100, 0]);
    let window = scheme.window();
    let ids = [scheme.assign(window, 1, 3, 10), scheme.assign(window, 2, 3, 50)];
    let deadline = scheme.pend(window);
    let call = || settleWindowCall { windowId: window };
    let unfunded = || UnfundedDebit { windowId: window, account: account(1), needed: units(10), available: units(9) };
    scheme.ledger.timestamp_ms = deadline - 1;
    scheme.ledger.reverts(account(9), TO, call(), unfunded());
    scheme.ledger.timestamp_ms = deadline;
    assert!(!scheme.ledger.ok(account(9), TO, call()), "the instant of the deadline is late");
    assert_eq!((scheme.state(window), scheme.statuses(&ids)), (4, vec![5, 5]));
    assert_eq!(scheme.balances(3), [9, 100, 0], "no one's default is passed on");
    let expected = WindowAborted { windowId: window, defaulter: account(1), needed: units(10), available: units(9) };
    assert_eq!(scheme.ledger.last_event::<WindowAborted>().1, expected);
    scheme.check();
}

#[test]
fn what_is_funded_in_time_settles_even_late() {
    let mut scheme = Scheme::fifo(&[9, 0]);
    let window = scheme.window();
    scheme.assign(window, 1, 2, 10);
    let deadline = scheme.pend(window);
    scheme.give(1, 1);
    scheme.ledger.timestamp_ms = deadline + 5;
    assert!(scheme.ledger.ok(account(9), TO, settleWindowCall { windowId: window }));
    assert_eq!(scheme.balances(2), [0, 10]);
}

#[test]
fn a_participant_that_may_not_take_part_stops_the_window() {
    let mut scheme = Scheme::fifo(&[50, 0]);
    let window = scheme.window();
    scheme.assign(window, 1, 2, 10);
    let deadline = scheme.pend(window);
    scheme.freeze(2, true);
    let barred = ParticipantBarred { schemeId: 1, account: account(2) };
    scheme.ledger.reverts(account(9), TO, settleWindowCall { windowId: window }, barred);
    scheme.ledger.timestamp_ms = deadline;
    assert!(!scheme.ledger.ok(account(9), TO, settleWindowCall { windowId: window }));
    assert_eq!((scheme.state(window), scheme.balances(2)), (4, vec![50, 0]));
}

#[test]
fn prefunded_debits_stay_within_what_was_reserved() {
    let mut scheme = Scheme::new(&[100, 40, 0], false, 1);
    let window = scheme.window();
    let call = scheme.assignment(window, 2, 1);
    let none = PrefundExceeded { windowId: window, account: account(1), netDebit: units(1), prefunded: U256::ZERO };
    scheme.ledger.reverts(account(1), TO, call, none);
    scheme.ledger.ok(account(1), TO, prefundCall { schemeId: 1, amount: units(30) });
    let found = scheme.ledger.ok(OPERATOR, TO, participantOfCall { schemeId: 1, account: account(1) });
    assert_eq!(found.prefunded, units(30));
    scheme.assign(window, 1, 2, 30);
    let call = scheme.assignment(window, 3, 1);
    let full = PrefundExceeded { windowId: window, account: account(1), netDebit: units(31), prefunded: units(30) };
    scheme.ledger.reverts(account(1), TO, call, full);
    scheme.assign(window, 2, 1, 30);
    scheme.assign(window, 1, 3, 30);
    let open = WindowsUnresolved { schemeId: 1, windows: 1 };
    scheme.ledger.reverts(account(1), TO, withdrawPrefundCall { schemeId: 1 }, open);
    let second = WindowsUnresolved { schemeId: 1, windows: 1 };
    scheme.ledger.reverts(OPERATOR, TO, openWindowCall { schemeId: 1 }, second);
    // The debtor spends all that it can; what it reserved is not among it.
    scheme.ledger.ok(account(1), eur(), transferCall { to: ADMIN, amount: units(70) });
    scheme.pend(window);
    assert!(scheme.ledger.ok(account(9), TO, settleWindowCall { windowId: window }));
    assert_eq!(scheme.balances(3), [0, 40, 30]);
    scheme.ledger.ok(account(1), TO, withdrawPrefundCall { schemeId: 1 });
    let missing = PrefundMissing { schemeId: 1, account: account(1) };
    scheme.ledger.reverts(account(1), TO, withdrawPrefundCall { schemeId: 1 }, missing);
}

#[test]
fn what_is_reserved_and_not_used_comes_back() {
    let mut scheme = Scheme::new(&[100, 0], false, 1);
    scheme.ledger.ok(account(1), TO, prefundCall { schemeId: 1, amount: units(60) });
    let window = scheme.window();
    scheme.assign(window, 1, 2, 25);
    scheme.pend(window);
    scheme.ledger.ok(account(9), TO, settleWindowCall { windowId: window });
    assert!(scheme.close(10));
    let error = PrefundInUse { schemeId: 1, account: account(1), holdId: 1 };
    scheme.ledger.reverts(account(1), TO, leaveCall { schemeId: 1 }, error);
    scheme.ledger.ok(account(1), TO, withdrawPrefundCall { schemeId: 1 });
    let (_, event) = scheme.ledger.last_event::<PrefundWithdrawn>();
    assert_eq!((event.amount, scheme.balance(1)), (units(35), 75));
    scheme.ledger.ok(account(1), eur(), transferCall { to: ADMIN, amount: units(75) });
    scheme.ledger.ok(account(1), TO, leaveCall { schemeId: 1 });
}

#[test]
fn an_empty_window_settles() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    let window = scheme.window();
    scheme.pend(window);
    assert!(scheme.ledger.ok(account(9), TO, settleWindowCall { windowId: window }));
}

// ----- windows that nobody brings to an outcome ----------------------------------------------------------------------

impl Scheme {
    /// Anyone may abort the window from the end of an hour after `due_ms` on, and not before.
    fn abort_after(&mut self, window: u64, due_ms: u64) {
        let call = || abortWindowCall { windowId: window };
        let from = due_ms + 3_600_000;
        self.ledger.timestamp_ms = from - 1;
        let early = WindowNotAbortable { windowId: window, fromMs: from, nowMs: from - 1 };
        self.ledger.reverts(account(9), TO, call(), early);
        self.ledger.timestamp_ms = from;
        self.ledger.ok(account(9), TO, call());
        let expected =
            WindowAborted { windowId: window, defaulter: Address::ZERO, needed: U256::ZERO, available: U256::ZERO };
        assert_eq!(self.ledger.last_event::<WindowAborted>().1, expected);
        self.ledger.reverts(account(9), TO, call(), WindowStatusInvalid { windowId: window, state: 4 });
    }
}

/// The operator is gone: what was reserved comes back, and the day ends.
#[test]
fn a_window_that_its_operator_left_gives_back_what_was_reserved() {
    for closed in [false, true] {
        let mut scheme = Scheme::new(&[100, 0], false, 1);
        scheme.ledger.ok(account(1), TO, prefundCall { schemeId: 1, amount: units(60) });
        let window = scheme.window();
        let id = scheme.assign(window, 1, 2, 25);
        if closed {
            scheme.ledger.ok(OPERATOR, TO, closeWindowCall { windowId: window });
        }
        scheme.abort_after(window, CUT_OFF_MS);
        assert_eq!(scheme.status(id), 5);
        assert!(scheme.ledger.ok(account(9), TO, closeDayCall { schemeId: 1, steps: 1 }));
        scheme.ledger.ok(account(1), TO, withdrawPrefundCall { schemeId: 1 });
        scheme.ledger.ok(account(1), eur(), transferCall { to: ADMIN, amount: units(100) });
        scheme.check();
    }
}

#[test]
fn a_window_that_cannot_be_settled_is_aborted_an_hour_late() {
    use crate::{
        testing::PAUSER,
        token::IToken::{EnforcedPause, pauseCall},
    };
    let mut scheme = Scheme::fifo(&[100, 0]);
    let window = scheme.window();
    let id = scheme.assign(window, 1, 2, 25);
    let deadline = scheme.pend(window);
    scheme.ledger.ok(PAUSER, eur(), pauseCall {});
    scheme.ledger.timestamp_ms = deadline;
    scheme.ledger.reverts(account(9), TO, settleWindowCall { windowId: window }, EnforcedPause {});
    scheme.abort_after(window, deadline);
    assert_eq!((scheme.status(id), scheme.balances(2)), (5, vec![100, 0]));
    scheme.check();
}

#[test]
fn a_window_with_an_outcome_keeps_it() {
    let mut scheme = Scheme::fifo(&[100, 0]);
    let window = scheme.window();
    scheme.assign(window, 1, 2, 25);
    let deadline = scheme.pend(window);
    scheme.ledger.ok(account(9), TO, settleWindowCall { windowId: window });
    scheme.ledger.timestamp_ms = deadline + 3_600_000;
    let done = WindowStatusInvalid { windowId: window, state: 3 };
    scheme.ledger.reverts(OPERATOR, TO, abortWindowCall { windowId: window }, done);
    scheme.ledger.reverts(OPERATOR, TO, abortWindowCall { windowId: 2 }, WindowUnknown { windowId: 2 });
}

/// A freeze of units reaches what is reserved for other debits: what is left does not fund this one, and at the deadline the
/// window is aborted instead of reverting for ever.
#[test]
fn a_partial_freeze_leaves_a_prefunded_debit_unfunded() {
    let mut scheme = Scheme::new(&[100, 0], false, 1);
    scheme.ledger.ok(account(1), TO, prefundCall { schemeId: 1, amount: units(50) });
    let window = scheme.window();
    scheme.assign(window, 1, 2, 4);
    let deadline = scheme.pend(window);
    let freeze = freezePartialTokensCall { userAddress: account(1), amount: units(95) };
    scheme.ledger.ok(FREEZER, eur(), freeze);
    let call = || settleWindowCall { windowId: window };
    let unfunded = UnfundedDebit { windowId: window, account: account(1), needed: units(4), available: units(0) };
    scheme.ledger.reverts(account(9), TO, call(), unfunded);
    scheme.ledger.timestamp_ms = deadline;
    assert!(!scheme.ledger.ok(account(9), TO, call()));
    assert_eq!((scheme.state(window), scheme.balances(2)), (4, vec![100, 0]));
    assert!(scheme.close(10), "the day can end");
    scheme.check();
}

// ----- freeze and seizure by order -----------------------------------------------------------------------------------

impl Scheme {
    /// An order over a participant's units, with the court as payee.
    fn order(&mut self, bank: u8, cap: u128, span_ms: u64) -> u64 {
        let call = issueOrderCall {
            account: account(bank),
            payee: COURT,
            cap: units(cap),
            expiryMs: self.ledger.timestamp_ms + span_ms,
            legalReference: B256::repeat_byte(1),
        };
        self.ledger.ok(FREEZER, eur(), call)
    }

    fn seize(&mut self, order: u64, amount: u128) {
        self.ledger.ok(ADMIN, eur(), grantRoleCall { role: SEIZER_ROLE, account: SEIZER });
        let call = seizeCall {
            orderId: order,
            amount: units(amount),
            holdIds: Vec::new(),
            legalReference: B256::repeat_byte(2),
        };
        assert_eq!(self.ledger.ok(SEIZER, eur(), call), units(amount));
    }

    /// The token's invariants, and its events against its balances.
    fn check_token(&mut self) {
        let mut book = EventBook::default();
        book.credit_genesis(eur(), account(1), 1_000);
        book.credit_genesis(eur(), account(2), 500);
        self.ledger.storage.logs.iter().try_for_each(|log| book.apply(log)).unwrap();
        assert_eq!(self.ledger.run(OPERATOR, |context| book.check(context)).unwrap(), []);
    }
}

/// Money of a queued settlement is seized: its instruction is uncovered and waits for other money.
#[test]
fn what_seized_units_covered_waits_for_other_money() {
    let mut scheme = Scheme::fifo(&[50, 0, 0]);
    let order = scheme.order(1, 40, 1_000);
    let id = scheme.queue(1, 2, 30);
    assert_eq!(scheme.release(1), 0, "frozen units cover nothing");
    scheme.seize(order, 40);
    assert_eq!((scheme.release(1), scheme.run().0, scheme.status(id)), (0, 2, 1), "a deadlock: only liquidity helps");
    scheme.give(1, 20);
    assert_eq!((scheme.release(1), scheme.status(id)), (1, 3));
    assert_eq!(scheme.balances(3), [0, 30, 0]);
    scheme.check();
    scheme.check_token();
}

#[test]
fn an_order_that_expires_uncovers_nothing_any_more() {
    let mut scheme = Scheme::fifo(&[50, 0]);
    scheme.order(1, 50, 5);
    let id = scheme.queue(1, 2, 30);
    scheme.ledger.timestamp_ms += 4;
    assert_eq!(scheme.release(1), 0);
    scheme.ledger.timestamp_ms += 1;
    assert_eq!((scheme.release(1), scheme.status(id)), (1, 3), "the instant of the expiry is late");
    scheme.check();
}

/// The circle would settle if its second bank could pay the difference, which an order freezes while the run is in
/// progress: it drops out, the run ends, and the next one settles once the order is over.
#[test]
fn an_order_during_a_run_is_found_before_anything_moves() {
    let mut scheme = Scheme::fifo(&[10, 10, 10]);
    let ids = [scheme.queue(1, 2, 15), scheme.queue(2, 3, 18), scheme.queue(3, 1, 15)];
    scheme.ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
    scheme.advance(1);
    scheme.order(2, 10, 1_000);
    let mut calls = 0;
    while scheme.advance(100) != 0 {
        calls += 1;
        assert!(calls < 100, "a run ends");
    }
    scheme.check();
    scheme.check_token();
    assert_eq!((scheme.statuses(&ids), scheme.balances(3)), (vec![1, 1, 1], vec![10, 10, 10]));
    scheme.ledger.timestamp_ms += 10_000;
    assert_eq!(scheme.run().0, 1);
    assert_eq!((scheme.statuses(&ids), scheme.balances(3)), (vec![3, 3, 3], vec![10, 7, 13]));
}

/// Reserved money of a window is seized: other units fund the debit, or the window is aborted as a whole.
#[test]
fn a_seized_prefund_is_made_good_or_aborts_the_window() {
    for other_units in [20, 19] {
        let mut scheme = Scheme::new(&[30, 0, 0], false, 1);
        scheme.ledger.ok(account(1), TO, prefundCall { schemeId: 1, amount: units(30) });
        let window = scheme.window();
        let ids = [scheme.assign(window, 1, 2, 30)];
        assert_eq!(seize_from_hold(&mut scheme.ledger, eur(), 1, 20), Ok(units(20)));
        let deadline = scheme.pend(window);
        let unfunded = UnfundedDebit { windowId: window, account: account(1), needed: units(30), available: units(10) };
        scheme.ledger.reverts(account(9), TO, settleWindowCall { windowId: window }, unfunded);
        scheme.give(1, other_units);
        scheme.ledger.timestamp_ms = deadline;
        let settles = other_units == 20;
        assert_eq!(scheme.ledger.ok(account(9), TO, settleWindowCall { windowId: window }), settles);
        let expected = if settles { (vec![3], vec![0, 30, 0]) } else { (vec![5], vec![29, 0, 0]) };
        assert_eq!((scheme.statuses(&ids), scheme.balances(3)), expected);
        scheme.ledger.ok(account(1), TO, withdrawPrefundCall { schemeId: 1 });
        let missing = PrefundMissing { schemeId: 1, account: account(1) };
        scheme.ledger.reverts(account(1), TO, withdrawPrefundCall { schemeId: 1 }, missing);
        scheme.check();
        scheme.check_token();
    }
}

/// Nothing is left of a reserve: what remains can be withdrawn, and a new one made.
#[test]
fn a_prefund_seized_whole_is_replaced() {
    let mut scheme = Scheme::new(&[30, 0], false, 1);
    scheme.ledger.ok(account(1), TO, prefundCall { schemeId: 1, amount: units(30) });
    assert_eq!(seize_from_hold(&mut scheme.ledger, eur(), 1, 30), Ok(units(30)));
    scheme.give(1, 5);
    scheme.ledger.ok(account(1), TO, withdrawPrefundCall { schemeId: 1 });
    assert_eq!(scheme.ledger.last_event::<PrefundWithdrawn>().1.amount, U256::ZERO);
    scheme.ledger.ok(account(1), TO, prefundCall { schemeId: 1, amount: units(5) });
    let window = scheme.window();
    scheme.assign(window, 1, 2, 5);
    // Reserved and frozen: the reserve does not pay around an order.
    scheme.order(1, 5, 1_000);
    let deadline = scheme.pend(window);
    let unfunded = UnfundedDebit { windowId: window, account: account(1), needed: units(5), available: units(0) };
    scheme.ledger.reverts(account(9), TO, settleWindowCall { windowId: window }, unfunded);
    scheme.ledger.timestamp_ms = deadline;
    assert!(
        scheme.ledger.ok(account(9), TO, settleWindowCall { windowId: window }),
        "the order expired at that instant"
    );
    assert_eq!(scheme.balances(2), [0, 5]);
    scheme.check();
    scheme.check_token();
}
