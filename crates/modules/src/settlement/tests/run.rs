//! The multilateral run.

use super::*;

#[test]
fn a_circle_of_three_without_money_resolves() {
    for steps in [1, 2, 1_000] {
        let mut scheme = Scheme::fifo(&[0, 0, 0]);
        let ids = [(1, 2), (2, 3), (3, 1)].map(|(from, to)| scheme.queue(from, to, 10));
        let call = forecastCall { schemeId: 1, account: account(1), injected: U256::ZERO };
        let found = scheme.ledger.ok(OPERATOR, TO, call);
        assert_eq!((found.state, found.count, found.value), (2, 3, units(30)), "gridlock");
        assert_eq!(scheme.run_in(steps), (1, 3, 30), "{steps} steps a call");
        assert_eq!((scheme.statuses(&ids), scheme.balances(3)), (vec![3, 3, 3], vec![0, 0, 0]));
    }
}

#[test]
fn a_circle_of_many_resolves_with_one_payment_s_money() {
    let banks: u8 = 60;
    let mut scheme = Scheme::fifo(&[0; 60]);
    let ids: Vec<u64> = (1..=banks).map(|bank| scheme.queue(bank, bank % banks + 1, 10)).collect();
    assert_eq!(scheme.run(), (1, 60, 600));
    assert!(scheme.statuses(&ids).iter().all(|status| *status == 3));
    let figures = scheme.ledger.ok(OPERATOR, TO, figuresOfCall { schemeId: 1 });
    assert_eq!((figures.count, figures.value, figures.liquidityUsed), (60, units(600), U256::ZERO));
}

#[test]
fn gridlock_in_part_leaves_one_bank_out() {
    let mut scheme = Scheme::fifo(&[0, 0, 0, 4]);
    let circle = [(1, 2), (2, 3), (3, 1)].map(|(from, to)| scheme.queue(from, to, 10));
    let left_out = scheme.queue(4, 1, 5);
    assert_eq!(scheme.run(), (1, 3, 30));
    assert_eq!((scheme.statuses(&circle), scheme.status(left_out)), (vec![3, 3, 3], 1));
    let (_, event) = scheme.ledger.last_event::<QueueSettled>();
    let expected =
        QueueSettled { schemeId: 1, run: 1, debtor: account(3), priority: 2, fromPosition: 0, toPosition: 1 };
    assert_eq!(event, expected);
    scheme.give(4, 1);
    assert_eq!((scheme.release(4), scheme.status(left_out)), (1, 3), "it is where it was");
    scheme.check();
}

#[test]
fn a_deadlock_is_another_outcome_and_liquidity_resolves_it() {
    let mut scheme = Scheme::fifo(&[0, 0, 0]);
    let ids = [(1, 2, 10), (2, 3, 12), (3, 1, 12)].map(|(from, to, amount)| scheme.queue(from, to, amount));
    assert_eq!(scheme.run(), (2, 0, 0));
    assert_eq!((scheme.statuses(&ids), scheme.balances(3)), (vec![1, 1, 1], vec![0, 0, 0]));
    let (_, event) = scheme.ledger.last_event::<RunDeadlocked>();
    assert_eq!((event.run, event.dropped), (1, 3));
    let mut forecast = |bank: u8, more: u128| {
        let call = forecastCall { schemeId: 1, account: account(bank), injected: units(more) };
        let found = scheme.ledger.ok(OPERATOR, TO, call);
        (found.state, found.count)
    };
    assert_eq!([forecast(2, 0), forecast(2, 1), forecast(2, 2), forecast(2, 12)], [(3, 0), (3, 0), (2, 3), (1, 3)]);
    scheme.give(2, 2);
    assert_eq!((scheme.run(), scheme.balances(3)), ((1, 3, 34), vec![2, 0, 0]));
}

#[test]
fn a_run_over_nothing_says_so() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    assert_eq!(scheme.run(), (3, 0, 0));
    let call = forecastCall { schemeId: 1, account: account(1), injected: units(5) };
    assert_eq!(scheme.ledger.ok(OPERATOR, TO, call).state, 0);
    let held = scheme.queue(1, 2, 5);
    scheme.ledger.ok(account(1), TO, holdInstructionCall { instructionId: held });
    assert_eq!((scheme.run(), scheme.status(held)), ((3, 0, 0), 2), "what is on hold takes no part");
}

/// A run keeps order: it settles the beginnings of queues by priority, whatever stands behind.
#[test]
fn a_run_settles_beginnings_by_priority() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    let normal = scheme.queue(1, 2, 50);
    let high = scheme.pay_as(1, 2, 40, 1).0;
    let late = scheme.queue(1, 2, 1);
    // 2 owes someone else first, so that no offset settles before the run.
    let mut third = Scheme { submitted: 100, ..scheme };
    third.ledger.ok(OPERATOR, TO, admitParticipantCall { schemeId: 1, account: account(3) });
    third.ledger.ok(account(3), TO, joinCall { schemeId: 1 });
    let ring = [third.queue(2, 3, 45), third.queue(3, 1, 45)];
    assert_eq!(third.run(), (2, 0, 0), "nobody has the 5 between 40 and 45");
    third.give(2, 5);
    assert_eq!(third.run(), (1, 3, 130));
    assert_eq!(third.statuses(&[high, normal, late]), [3, 1, 1]);
    assert_eq!((third.statuses(&ring), third.balances(3)), (vec![3, 3], vec![5, 0, 0]));
}

#[test]
fn given_up_places_do_not_disturb_a_run() {
    let mut scheme = Scheme::fifo(&[0, 0, 0]);
    let ids: Vec<u64> = (0..6).map(|_| scheme.queue(1, 2, 10)).collect();
    for gone in [1, 5, 4] {
        scheme.ledger.ok(account(1), TO, cancelCall { instructionId: ids[gone] });
    }
    // A place given up between two that stay, and one before the last.
    let ring = [scheme.queue(2, 3, 20), scheme.queue(3, 1, 20)];
    assert_eq!(scheme.run_in(1), (1, 4, 60));
    assert_eq!((scheme.statuses(&ids), scheme.statuses(&ring)), (vec![3, 4, 3, 1, 4, 4], vec![3, 3]));
}

#[test]
fn limits_and_reserves_bound_the_net_of_a_run() {
    let mut scheme = Scheme::closed(&[50, 0, 0], false, 0);
    let limit = setBilateralLimitCall { schemeId: 1, counterparty: account(2), amount: units(4) };
    scheme.ledger.ok(account(1), TO, limit);
    scheme.ledger.ok(account(1), TO, setReserveCall { schemeId: 1, amount: units(45) });
    scheme.open(20_231_114);
    let first = scheme.queue(1, 2, 100);
    let ring = [scheme.queue(2, 3, 96), scheme.queue(3, 2, 1), scheme.queue(3, 1, 95)];
    scheme.check();
    // 1 would pay 2 a net of 100: more than 4, although its end balance would be right.
    assert_eq!(scheme.run(), (2, 0, 0));
    let limit = |amount| setBilateralLimitCall { schemeId: 1, counterparty: account(2), amount };
    scheme.ledger.ok(account(1), TO, limit(units(100)));
    assert_eq!(scheme.run(), (1, 4, 292));
    assert_eq!((scheme.status(first), scheme.statuses(&ring)), (3, vec![3, 3, 3]));
    assert_eq!(scheme.balances(3), [45, 5, 0]);
    let call = bilateralLimitOfCall { schemeId: 1, account: account(1), counterparty: account(2) };
    assert_eq!(scheme.ledger.ok(OPERATOR, TO, call).netOutflow.to_string(), "100");
    scheme.ledger.ok(account(1), TO, setReserveCall { schemeId: 1, amount: units(46) });
    scheme.queue(1, 3, 1);
    assert_eq!(scheme.run(), (2, 0, 0), "45 are below the reserve");
}

// ----- while a run is in progress ------------------------------------------------------------------------------------

#[test]
fn submissions_go_on_and_everything_else_waits() {
    let mut scheme = Scheme::fifo(&[0, 0, 0]);
    let ids = [(1, 2), (2, 3), (3, 1)].map(|(from, to)| scheme.queue(from, to, 10));
    let run = scheme.ledger.ok(account(2), TO, startRunCall { schemeId: 1 });
    assert_eq!(scheme.advance(1), 1);
    let busy = || RunInProgress { schemeId: 1, run };
    let (me, ledger) = (account(1), &mut scheme.ledger);
    ledger.reverts(me, TO, cancelCall { instructionId: ids[0] }, busy());
    ledger.reverts(me, TO, holdInstructionCall { instructionId: ids[0] }, busy());
    ledger.reverts(me, TO, reprioritiseCall { instructionId: ids[0], priority: 0 }, busy());
    ledger.reverts(me, TO, swapCall { instructionId: ids[0], otherId: ids[0] }, busy());
    ledger.reverts(me, TO, setReserveCall { schemeId: 1, amount: units(1) }, busy());
    ledger.reverts(me, TO, setMultilateralLimitCall { schemeId: 1, amount: NONE }, busy());
    let limit = setBilateralLimitCall { schemeId: 1, counterparty: account(2), amount: NONE };
    ledger.reverts(me, TO, limit, busy());
    ledger.reverts(me, TO, releaseCall { schemeId: 1, debtor: me, steps: 1 }, busy());
    ledger.reverts(me, TO, offsetCall { schemeId: 1, first: me, second: account(2) }, busy());
    ledger.reverts(me, TO, startRunCall { schemeId: 1 }, busy());
    ledger.reverts(OPERATOR, TO, suspendCall { schemeId: 1, account: me }, busy());
    ledger.reverts(OPERATOR, TO, closeDayCall { schemeId: 1, steps: 1 }, busy());
    ledger.reverts(me, TO, forecastCall { schemeId: 1, account: me, injected: U256::ZERO }, busy());

    scheme.give(1, 7);
    let (waiting, status) = scheme.pay(1, 2, 7);
    assert_eq!(status, 7, "covered, but the queue stands still");
    scheme.check();
    while scheme.advance(1) != 0 {
        scheme.check();
    }
    assert_eq!(scheme.statuses(&ids), [3, 3, 3]);
    assert_eq!((scheme.status(waiting), scheme.release(1), scheme.status(waiting)), (1, 1, 3));
    assert_eq!(scheme.balances(3), [0, 7, 0]);
    scheme.check();
}

/// Between the step that moves the units and the one that moves a queue's head, an instruction already shows as settled.
#[test]
fn what_settled_shows_so_before_its_queue_is_sealed() {
    let mut scheme = Scheme::fifo(&[0, 0, 0]);
    let ids = [(1, 2), (2, 3), (3, 1)].map(|(from, to)| scheme.queue(from, to, 10));
    let left = scheme.queue(1, 2, 5);
    scheme.ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
    while scheme.advance(1) != 5 {}
    assert_eq!((scheme.statuses(&ids), scheme.status(left)), (vec![3, 3, 3], 1));
    assert_eq!(scheme.advance(1), 5);
    assert_eq!((scheme.statuses(&ids), scheme.status(left)), (vec![3, 3, 3], 1));
    scheme.ledger.reverts(account(1), TO, cancelCall { instructionId: ids[0] }, RunInProgress { schemeId: 1, run: 1 });
    while scheme.advance(1) != 0 {}
    let settled = InstructionStatusInvalid { instructionId: ids[0], status: 3 };
    scheme.ledger.reverts(account(1), TO, cancelCall { instructionId: ids[0] }, settled);
    scheme.check();
}

#[test]
fn who_spends_its_money_during_a_run_is_left_out_by_it() {
    let mut scheme = Scheme::fifo(&[10, 0, 0]);
    // 1 puts 10 into a circle of 20; 2 and 3 also settle without it.
    let ids = [scheme.queue(1, 2, 20), scheme.queue(2, 3, 20), scheme.queue(3, 1, 10)];
    scheme.ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
    while scheme.advance(1) != 4 {}
    scheme.ledger.ok(account(1), eur(), transferCall { to: ADMIN, amount: units(1) });
    assert_eq!(scheme.advance(1), 3, "back to the solver");
    while scheme.advance(1) != 0 {}
    let run = scheme.ledger.ok(OPERATOR, TO, runOfCall { schemeId: 1 });
    assert_eq!((run.outcome, run.dropped, scheme.statuses(&ids)), (2, 3, vec![1, 1, 1]));
    assert_eq!(scheme.balances(3), [9, 0, 0]);
    scheme.check();
}

/// Whoever falls below its reserve is left out, whether it spent its units before the run or in it.
#[test]
fn who_goes_below_its_reserve_during_a_run_is_left_out_by_it() {
    for late in [false, true] {
        let mut scheme = Scheme::fifo(&[10, 0, 0]);
        scheme.ledger.ok(account(1), TO, setReserveCall { schemeId: 1, amount: units(10) });
        let ids = [(1, 2), (2, 3), (3, 1)].map(|(from, to)| scheme.queue(from, to, 5));
        let spend = transferCall { to: ADMIN, amount: units(5) };
        if !late {
            scheme.ledger.ok(account(1), eur(), spend.clone());
        }
        scheme.ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
        if late {
            while scheme.advance(1) != 4 {}
            scheme.ledger.ok(account(1), eur(), spend);
        }
        while scheme.advance(1) != 0 {}
        let run = scheme.ledger.ok(OPERATOR, TO, runOfCall { schemeId: 1 });
        assert_eq!((run.outcome, scheme.statuses(&ids)), (2, vec![1, 1, 1]), "late: {late}");
        scheme.check();
    }
}

#[test]
fn queues_end_before_the_barred() {
    for steps in [1, 2, 5, 1_000] {
        let mut scheme = Scheme::fifo(&[0, 0, 0, 0]);
        let ring = [(1, 2), (2, 3), (3, 1)].map(|(from, to)| scheme.queue(from, to, 10));
        let to_barred = scheme.queue(1, 4, 1);
        let behind = [scheme.queue(1, 2, 5), scheme.queue(2, 3, 5), scheme.queue(3, 1, 5)];
        let from_barred = scheme.queue(4, 1, 1);
        scheme.freeze(4, true);
        assert_eq!(scheme.run_in(steps), (1, 3, 30), "{steps} steps a call");
        assert_eq!((scheme.statuses(&ring), scheme.status(to_barred), scheme.status(from_barred)), (vec![3; 3], 1, 1));
        // 3 pays 1 another 5 only if 2 pays 3, which waits for 1; 2 has nothing.
        assert_eq!(scheme.statuses(&behind), [1, 1, 1]);
        scheme.freeze(4, false);
        assert_eq!((scheme.run(), scheme.balances(4)), ((1, 5, 17), vec![0, 0, 0, 0]));
    }
}

/// What stops the whole token stops a run; who waits for it in vain gives the run up after ten minutes.
#[test]
fn a_pause_in_a_run_stops_it_whole() {
    use crate::{
        testing::PAUSER,
        token::IToken::{EnforcedPause, pauseCall, unpauseCall},
    };
    let mut scheme = Scheme::fifo(&[5, 0, 0]);
    let ids = [scheme.queue(1, 2, 20), scheme.queue(2, 3, 20), scheme.queue(3, 1, 15)];
    let run = scheme.ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
    while scheme.advance(1) != 4 {}
    scheme.ledger.ok(PAUSER, eur(), pauseCall {});
    let call = || advanceRunCall { schemeId: 1, steps: 1 };
    scheme.ledger.reverts(account(9), TO, call(), EnforcedPause {});
    let abandon = || abandonRunCall { schemeId: 1 };
    scheme.ledger.timestamp_ms += 599_999;
    let young = RunNotAbandonable { schemeId: 1, run, phase: 4 };
    scheme.ledger.reverts(account(9), TO, abandon(), young);
    scheme.ledger.timestamp_ms += 1;
    scheme.ledger.ok(account(9), TO, abandon());
    assert_eq!((scheme.advance(1), scheme.statuses(&ids)), (0, vec![1, 1, 1]));
    scheme.ledger.ok(PAUSER, eur(), unpauseCall {});
    scheme.check();
    assert_eq!(scheme.run(), (1, 3, 55));
}

#[test]
fn the_operator_abandons_until_units_have_moved() {
    let mut scheme = Scheme::fifo(&[0, 0, 0]);
    [(1, 2), (2, 3), (3, 1)].iter().for_each(|(from, to)| _ = scheme.queue(*from, *to, 10));
    scheme.ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
    scheme.ledger.ok(OPERATOR, TO, abandonRunCall { schemeId: 1 });
    scheme.ledger.reverts(
        OPERATOR,
        TO,
        abandonRunCall { schemeId: 1 },
        RunNotAbandonable { schemeId: 1, run: 1, phase: 6 },
    );
    assert_eq!(scheme.advance(1), 0);
    scheme.ledger.reverts(OPERATOR, TO, abandonRunCall { schemeId: 1 }, RunMissing { schemeId: 1 });
    scheme.ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
    while scheme.advance(1) != 5 {}
    scheme.ledger.reverts(
        OPERATOR,
        TO,
        abandonRunCall { schemeId: 1 },
        RunNotAbandonable { schemeId: 1, run: 2, phase: 5 },
    );
}

/// A participant cannot keep the queue standing still by run after run; the operator starts when it likes.
#[test]
fn participants_start_runs_with_a_pause_between() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    let start = || startRunCall { schemeId: 1 };
    scheme.ledger.ok(account(1), TO, start());
    while scheme.advance(1) != 0 {}
    scheme.ledger.timestamp_ms += 9_999;
    let soon = RunTooSoon { schemeId: 1, earliestMs: scheme.ledger.timestamp_ms + 1 };
    scheme.ledger.reverts(account(2), TO, start(), soon);
    scheme.ledger.timestamp_ms += 1;
    scheme.ledger.ok(account(2), TO, start());
    while scheme.advance(1) != 0 {}
    scheme.ledger.ok(OPERATOR, TO, start());
}

/// Closing the day waits for a run, so that from the cut-off on only the operator begins one.
#[test]
fn no_participant_keeps_the_day_open_by_runs() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    let id = scheme.queue(1, 2, 10);
    scheme.ledger.timestamp_ms = CUT_OFF_MS;
    let late = CutOffPassed { schemeId: 1, cutOffMs: CUT_OFF_MS, nowMs: CUT_OFF_MS };
    scheme.ledger.reverts(account(1), TO, startRunCall { schemeId: 1 }, late);
    assert_eq!(scheme.run(), (2, 0, 0), "the operator's last try");
    assert!(scheme.ledger.ok(account(9), TO, closeDayCall { schemeId: 1, steps: 10 }));
    assert_eq!(scheme.status(id), 5);
}

/// The same queue gives the same set and, cut in the same way or another, the same proof.
#[test]
fn a_run_s_proof_does_not_depend_on_how_it_is_cut() {
    let proof = |steps: u32, last: u128| {
        let mut scheme = Scheme::fifo(&[3, 0, 7, 0]);
        for (from, to, amount) in [(1, 2, 10), (2, 3, 9), (3, 4, 9), (4, 1, 8), (2, 4, 1), (1, 3, last)] {
            scheme.pay(from, to, amount);
        }
        assert_eq!(scheme.run_in(steps).0, 1);
        scheme.ledger.ok(OPERATOR, TO, runOfCall { schemeId: 1 }).proof
    };
    assert_eq!(proof(1, 4), proof(1_000, 4));
    assert_ne!(proof(1, 4), proof(1, 5));
    assert_ne!(proof(1, 4), B256::ZERO);
}

#[test]
fn delay_is_the_time_in_the_queue() {
    let mut scheme = Scheme::fifo(&[0, 0, 0]);
    for (from, to) in [(1, 2), (2, 3), (3, 1)] {
        scheme.queue(from, to, 10);
        scheme.ledger.timestamp_ms += 1_000;
    }
    scheme.queue(1, 2, 4);
    scheme.ledger.timestamp_ms += 500;
    scheme.run();
    let delay = |scheme: &mut Scheme| scheme.ledger.ok(OPERATOR, TO, figuresOfCall { schemeId: 1 }).delayMs.to::<u64>();
    assert_eq!(delay(&mut scheme), 3_500 + 2_500 + 1_500);
    scheme.give(1, 4);
    scheme.ledger.timestamp_ms += 20;
    scheme.release(1);
    assert_eq!(delay(&mut scheme), 7_500 + 520);
}
