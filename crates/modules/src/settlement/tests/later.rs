//! Instructions for a later value date.

use super::*;

const TOMORROW: u32 = 20_231_115;
const NEXT_CUT_OFF_MS: u64 = CUT_OFF_MS + 1_000_000;

impl Scheme {
    fn later_call(&mut self, creditor: u8, amount: u128, value_date: u32, not_before_ms: u64) -> submitLaterCall {
        let call = self.submission(creditor, amount, 2);
        submitLaterCall {
            schemeId: call.schemeId,
            creditor: call.creditor,
            amount: call.amount,
            priority: call.priority,
            instructionReference: call.instructionReference,
            valueDate: value_date,
            notBeforeMs: not_before_ms,
        }
    }

    fn later(&mut self, debtor: u8, creditor: u8, amount: u128, value_date: u32, not_before_ms: u64) -> u64 {
        let call = self.later_call(creditor, amount, value_date, not_before_ms);
        self.ledger.ok(account(debtor), TO, call)
    }

    fn present(&mut self, id: u64) -> u8 {
        self.ledger.ok(account(9), TO, presentCall { instructionId: id })
    }

    /// The day closes, and that of this value date opens.
    fn next_day(&mut self, value_date: u32) {
        assert!(self.close(100));
        let call = openDayCall { schemeId: 1, valueDate: value_date, cutOffMs: NEXT_CUT_OFF_MS };
        self.ledger.ok(OPERATOR, TO, call);
    }
}

fn not_come(id: u64, current: u32) -> ValueDateNotCome {
    ValueDateNotCome { instructionId: id, valueDate: TOMORROW, currentValueDate: current }
}

#[test]
fn an_instruction_waits_for_its_day_and_then_goes_the_way_of_a_submission() {
    let mut scheme = Scheme::fifo(&[10, 0]);
    let ids = [scheme.later(1, 2, 10, TOMORROW, 0), scheme.later(1, 2, 7, TOMORROW, 0)];
    let event = InstructionForLater { instructionId: ids[1], valueDate: TOMORROW, notBeforeMs: 0 };
    assert_eq!(scheme.ledger.last_event::<InstructionForLater>().1, event);
    assert_eq!((scheme.statuses(&ids), scheme.balances(2)), (vec![8, 8], vec![10, 0]));
    let liquidity = scheme.ledger.ok(OPERATOR, TO, liquidityOfCall { schemeId: 1, account: account(1) });
    assert_eq!((liquidity.queued, liquidity.queuedOut), (0, U256::ZERO), "it is in no queue");
    scheme.ledger.reverts(account(9), TO, presentCall { instructionId: ids[0] }, not_come(ids[0], 20_231_114));
    // At the cut-off of an earlier day it is neither rejected nor touched.
    scheme.ledger.timestamp_ms = CUT_OFF_MS;
    assert!(scheme.close(100));
    assert_eq!(scheme.statuses(&ids), [8, 8]);
    scheme.ledger.reverts(account(9), TO, presentCall { instructionId: ids[0] }, not_come(ids[0], 20_231_114));
    let call = openDayCall { schemeId: 1, valueDate: TOMORROW, cutOffMs: NEXT_CUT_OFF_MS };
    scheme.ledger.ok(OPERATOR, TO, call);
    assert_eq!((scheme.present(ids[0]), scheme.present(ids[1])), (3, 1));
    scheme.check();
    let again = InstructionStatusInvalid { instructionId: ids[0], status: 3 };
    scheme.ledger.reverts(account(9), TO, presentCall { instructionId: ids[0] }, again);
    // Delay counts from when it could settle.
    scheme.ledger.timestamp_ms += 40;
    scheme.give(1, 7);
    assert_eq!((scheme.release(1), scheme.balances(2)), (1, vec![0, 17]));
    let figures = scheme.ledger.ok(OPERATOR, TO, figuresOfCall { schemeId: 1 });
    assert_eq!((figures.count, figures.delayMs), (2, units(40)));
    scheme.check();
}

#[test]
fn a_value_date_that_goes_by_rejects_at_its_very_cut_off() {
    let mut scheme = Scheme::fifo(&[10, 0]);
    let id = scheme.later(1, 2, 1, TOMORROW, 0);
    scheme.next_day(TOMORROW);
    scheme.ledger.timestamp_ms = NEXT_CUT_OFF_MS - 1;
    assert_eq!(scheme.status(id), 8);
    scheme.ledger.timestamp_ms = NEXT_CUT_OFF_MS;
    assert_eq!(scheme.status(id), 5, "said at once, recorded when anyone presents it");
    let late = InstructionStatusInvalid { instructionId: id, status: 5 };
    scheme.ledger.reverts(account(1), TO, cancelCall { instructionId: id }, late);
    assert_eq!(scheme.present(id), 5);
    assert_eq!(
        scheme.ledger.last_event::<InstructionRejected>().1,
        InstructionRejected { instructionId: id, reason: 2 }
    );
    let late = InstructionStatusInvalid { instructionId: id, status: 5 };
    scheme.ledger.reverts(account(9), TO, presentCall { instructionId: id }, late);
    assert_eq!(scheme.balances(2), [10, 0]);
}

#[test]
fn a_day_that_closed_early_or_never_was_rejects_too() {
    let mut scheme = Scheme::fifo(&[10, 0]);
    let today = scheme.later(1, 2, 1, 20_231_114, 0);
    let skipped = scheme.later(1, 2, 1, TOMORROW, 0);
    scheme.next_day(20_231_116);
    assert_eq!(scheme.statuses(&[today, skipped]), [5, 5]);
    assert_eq!((scheme.present(today), scheme.present(skipped)), (5, 5));
    scheme.check();
}

#[test]
fn not_before_a_time_means_from_its_very_instant_on() {
    let mut scheme = Scheme::fifo(&[10, 0]);
    let start = scheme.ledger.timestamp_ms + 500;
    let id = scheme.later(1, 2, 1, 20_231_114, start);
    let found = scheme.ledger.ok(OPERATOR, TO, instructionOfCall { instructionId: id });
    assert_eq!((found.status, found.position, found.submittedMs), (8, 20_231_114, start));
    scheme.ledger.timestamp_ms = start - 1;
    let early = InstructionTooEarly { instructionId: id, notBeforeMs: start, nowMs: start - 1 };
    scheme.ledger.reverts(account(2), TO, presentCall { instructionId: id }, early);
    scheme.ledger.timestamp_ms = start;
    assert_eq!(scheme.present(id), 3);
}

#[test]
fn its_debtor_cancels_it_and_nobody_holds_or_swaps_it() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    let (id, queued) = (scheme.later(1, 2, 1, TOMORROW, 0), scheme.queue(1, 2, 1));
    let waits = || InstructionStatusInvalid { instructionId: id, status: 8 };
    scheme.ledger.reverts(account(1), TO, holdInstructionCall { instructionId: id }, waits());
    scheme.ledger.reverts(account(1), TO, unholdInstructionCall { instructionId: id }, waits());
    scheme.ledger.reverts(account(1), TO, reprioritiseCall { instructionId: id, priority: 0 }, waits());
    scheme.ledger.reverts(account(1), TO, swapCall { instructionId: id, otherId: queued }, waits());
    scheme.ledger.reverts(account(1), TO, swapCall { instructionId: queued, otherId: id }, waits());
    let error = DebtorRequired { instructionId: id, caller: account(2), debtor: account(1) };
    scheme.ledger.reverts(account(2), TO, cancelCall { instructionId: id }, error);
    // A run does not concern it.
    scheme.ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
    scheme.ledger.ok(account(1), TO, cancelCall { instructionId: id });
    assert_eq!(scheme.statuses(&[id, queued]), [4, 1]);
    scheme.ledger.ok(OPERATOR, TO, abandonRunCall { schemeId: 1 });
    scheme.advance(100);
    scheme.check();
}

/// Presented in a run it waits for its end; a party that left or is suspended refuses.
#[test]
fn presenting_asks_what_submitting_asks() {
    let mut scheme = Scheme::fifo(&[5, 0, 0]);
    let ids = [scheme.later(1, 2, 1, TOMORROW, 0), scheme.later(1, 3, 1, TOMORROW, 0)];
    assert!(scheme.close(10));
    scheme.ledger.ok(account(2), TO, leaveCall { schemeId: 1 });
    let call = openDayCall { schemeId: 1, valueDate: TOMORROW, cutOffMs: NEXT_CUT_OFF_MS };
    scheme.ledger.ok(OPERATOR, TO, call);
    let required = |who, status| ParticipantRequired { schemeId: 1, account: account(who), status };
    scheme.ledger.reverts(account(1), TO, presentCall { instructionId: ids[0] }, required(2, 4));
    scheme.ledger.ok(OPERATOR, TO, suspendCall { schemeId: 1, account: account(1) });
    scheme.ledger.reverts(account(9), TO, presentCall { instructionId: ids[0] }, required(1, 3));
    scheme.ledger.ok(OPERATOR, TO, resumeCall { schemeId: 1, account: account(1) });
    scheme.queue(3, 1, 1);
    scheme.ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
    assert_eq!(scheme.present(ids[1]), 7);
    while scheme.advance(100) != 0 {}
    assert_eq!((scheme.release(1), scheme.status(ids[1])), (1, 3));
    scheme.check();
}

#[test]
fn handing_in_for_later_is_checked_in_order() {
    let mut scheme = Scheme::fifo(&[5, 0]);
    let now = scheme.ledger.timestamp_ms;
    let call = |scheme, creditor, amount, priority, reference, value_date, not_before_ms| submitLaterCall {
        schemeId: scheme,
        creditor,
        amount,
        priority,
        instructionReference: reference,
        valueDate: value_date,
        notBeforeMs: not_before_ms,
    };
    let ledger = &mut scheme.ledger;
    let (me, other, stranger) = (account(1), account(2), account(9));
    let never = u64::MAX;
    ledger.reverts(stranger, TO, call(4, me, NONE, 3, B256::ZERO, 0, never), SchemeUnknown { schemeId: 4 });
    let required = ParticipantRequired { schemeId: 1, account: stranger, status: 0 };
    ledger.reverts(stranger, TO, call(1, me, NONE, 3, B256::ZERO, 0, never), required);
    ledger.reverts(me, TO, call(1, me, NONE, 3, B256::ZERO, 0, never), SelfSettlement { account: me });
    let amount_max = (U256::from(1) << 94) - U256::from(1);
    let error = InstructedAmountInvalid { amount: NONE, amountMax: amount_max };
    ledger.reverts(me, TO, call(1, other, NONE, 3, B256::ZERO, 0, never), error);
    let error = SettlementPriorityUnknown { priority: 3 };
    ledger.reverts(me, TO, call(1, other, units(1), 3, B256::ZERO, 0, never), error);
    ledger.reverts(me, TO, call(1, other, units(1), 2, B256::ZERO, 0, never), InstructionReferenceMissing {});
    for date in [0, 20_231_113, 20_231_132, 20_231_301, u32::MAX] {
        let error = ValueDateInvalid { valueDate: date, previousValueDate: 20_231_114 };
        ledger.reverts(me, TO, call(1, other, units(1), 2, reference(1), date, never), error);
    }
    for (date, latest) in [(20_231_114, CUT_OFF_MS - 1), (TOMORROW, (1 << 48) - 1)] {
        for not_before_ms in [latest + 1, never] {
            let error = NotBeforeInvalid { notBeforeMs: not_before_ms, notBeforeMsMax: latest };
            ledger.reverts(me, TO, call(1, other, units(1), 2, reference(1), date, not_before_ms), error);
        }
        ledger.ok(me, TO, call(1, other, units(1), 2, reference(u64::from(date)), date, latest));
    }
    let used = InstructionReferenceUsed { instructionReference: reference(20_231_114), instructionId: 1 };
    ledger.reverts(me, TO, call(1, other, units(1), 2, reference(20_231_114), TOMORROW, now), used);
    ledger.timestamp_ms = CUT_OFF_MS;
    let late = CutOffPassed { schemeId: 1, cutOffMs: CUT_OFF_MS, nowMs: CUT_OFF_MS };
    ledger.reverts(me, TO, call(1, other, units(1), 2, reference(1), 20_231_114, never), late);
    assert!(scheme.close(10));
    let error = ValueDateInvalid { valueDate: 20_231_114, previousValueDate: 20_231_114 };
    scheme.ledger.reverts(me, TO, call(1, other, units(1), 2, reference(1), 20_231_114, 0), error);
    // While the day is closed a later one may be named.
    scheme.later(1, 2, 1, TOMORROW, 0);
    scheme.ledger.reverts(me, TO, presentCall { instructionId: 77 }, InstructionUnknown { instructionId: 77 });
}
