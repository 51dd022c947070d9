//! Business days and their cut-off.

use super::*;

#[test]
fn at_cut_off_everything_unsettled_is_rejected_in_pieces() {
    let mut scheme = Scheme::fifo(&[0, 0, 0]);
    let ids = [scheme.queue(1, 2, 5), scheme.pay_as(2, 3, 6, 0).0, scheme.queue(2, 3, 7), scheme.queue(3, 1, 9)];
    scheme.ledger.ok(account(3), TO, holdInstructionCall { instructionId: ids[3] });
    scheme.ledger.timestamp_ms = CUT_OFF_MS;
    let call = || closeDayCall { schemeId: 1, steps: 1 };
    assert!(!scheme.ledger.ok(account(9), TO, call()), "anyone closes from the cut-off on");
    assert_eq!(scheme.statuses(&ids), [5, 1, 1, 2]);
    scheme.check();
    let mut calls = 0;
    while !scheme.ledger.ok(account(9), TO, call()) {
        calls += 1;
        assert!(calls < 10, "a call of one step gets on");
        scheme.check();
    }
    assert_eq!(scheme.statuses(&ids), [5, 5, 5, 5]);
    assert_eq!(scheme.ledger.last_event::<DayClosed>().1, DayClosed { schemeId: 1, day: 1 });
    let events = scheme.ledger.storage.logs.iter().filter(|log| {
        <InstructionRejected as alloy_sol_types::SolEvent>::decode_log(log).is_ok_and(|event| event.reason == 1)
    });
    assert_eq!(events.count(), 4);
    let call = submitCall {
        schemeId: 1,
        creditor: account(2),
        amount: units(1),
        priority: 2,
        instructionReference: reference(77),
    };
    scheme.ledger.reverts(account(1), TO, call, DayNotOpen { schemeId: 1, phase: 0 });
}

/// The instant of the cut-off is late for submitting, and early enough for closing.
#[test]
fn the_cut_off_is_decided_by_block_time_at_its_very_instant() {
    let mut scheme = Scheme::fifo(&[100, 0]);
    scheme.ledger.timestamp_ms = CUT_OFF_MS - 1;
    assert_eq!(scheme.pay(1, 2, 1).1, 3);
    let early = CutOffNotReached { schemeId: 1, cutOffMs: CUT_OFF_MS, nowMs: CUT_OFF_MS - 1 };
    scheme.ledger.reverts(account(9), TO, closeDayCall { schemeId: 1, steps: 1 }, early);
    scheme.ledger.timestamp_ms = CUT_OFF_MS;
    let late = || CutOffPassed { schemeId: 1, cutOffMs: CUT_OFF_MS, nowMs: CUT_OFF_MS };
    let call = scheme.submission(2, 1, 2);
    scheme.ledger.reverts(account(1), TO, call, late());
    assert!(scheme.ledger.ok(account(9), TO, closeDayCall { schemeId: 1, steps: 1 }));
}

#[test]
fn what_is_queued_may_still_settle_between_cut_off_and_close() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    let id = scheme.queue(1, 2, 5);
    scheme.ledger.timestamp_ms = CUT_OFF_MS;
    scheme.give(1, 5);
    assert_eq!((scheme.release(1), scheme.status(id)), (1, 3));
}

#[test]
fn the_next_day_begins_with_empty_queues_and_a_later_date() {
    let mut scheme = Scheme::fifo(&[10, 0]);
    scheme.queue(1, 2, 11);
    assert!(scheme.close(100));
    let open = |date, cut_off| openDayCall { schemeId: 1, valueDate: date, cutOffMs: cut_off };
    for date in [20_231_113, 20_231_114, 20_231_301, 20_231_200, 20_231_132, 0, 99_999_999] {
        let error = ValueDateInvalid { valueDate: date, previousValueDate: 20_231_114 };
        scheme.ledger.reverts(OPERATOR, TO, open(date, CUT_OFF_MS), error);
    }
    let now = scheme.ledger.timestamp_ms;
    for cut_off in [0, now, now + 604_800_001, u64::MAX] {
        let error = CutOffInvalid { cutOffMs: cut_off, nowMs: now };
        scheme.ledger.reverts(OPERATOR, TO, open(20_231_115, cut_off), error);
    }
    scheme.open(20_231_115);
    scheme.ledger.reverts(OPERATOR, TO, open(20_231_116, CUT_OFF_MS), DayNotClosed { schemeId: 1, phase: 1 });
    let day = scheme.ledger.ok(OPERATOR, TO, dayOfCall { schemeId: 1 });
    assert_eq!((day.day, day.valueDate, day.phase, day.queued), (2, 20_231_115, 1, 0));
    assert_eq!(scheme.pay(1, 2, 10).1, 3, "nothing stands before it");
    scheme.check();
}

#[test]
fn a_day_does_not_close_over_a_window() {
    let mut scheme = Scheme::fifo(&[10, 0]);
    scheme.ledger.ok(OPERATOR, TO, openWindowCall { schemeId: 1 });
    let error = WindowsUnresolved { schemeId: 1, windows: 1 };
    scheme.ledger.reverts(OPERATOR, TO, closeDayCall { schemeId: 1, steps: 1 }, error);
}

/// Places that were given up at the head of a lane cost their step once, so that a call of one step gets on.
#[test]
fn a_cut_off_passes_given_up_places_once() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    let ids: Vec<u64> = (0..6).map(|_| scheme.queue(1, 2, 5)).collect();
    for gone in [1, 2, 3, 0] {
        scheme.ledger.ok(account(1), TO, cancelCall { instructionId: ids[gone] });
    }
    let mut calls = 1;
    while !scheme.close(1) {
        calls += 1;
        assert!(calls < 20);
    }
    // Three empty places behind the head that was cancelled last, two instructions, and the end.
    assert_eq!((calls, scheme.statuses(&ids)), (6, vec![4, 4, 4, 4, 5, 5]));
}
