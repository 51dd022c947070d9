//! Instructions one by one and in pairs.

use super::*;

#[test]
fn what_is_covered_settles_at_once_and_says_so() {
    let mut scheme = Scheme::fifo(&[100, 0]);
    assert_eq!(scheme.pay(1, 2, 60), (1, 3));
    assert_eq!(scheme.balances(2), [40, 60]);
    let (from, event) = scheme.ledger.last_event::<InstructionSettled>();
    assert_eq!((from, event), (TO, InstructionSettled { instructionId: 1, schemeId: 1 }));
    let found = scheme.ledger.ok(OPERATOR, TO, instructionOfCall { instructionId: 1 });
    assert_eq!((found.debtor, found.creditor, found.amount), (account(1), account(2), units(60)));
    assert_eq!(found.submittedMs, scheme.ledger.timestamp_ms);
    let call = instructionByReferenceCall { debtor: account(1), instructionReference: reference(1) };
    assert_eq!(scheme.ledger.ok(OPERATOR, TO, call), 1);
    scheme.check();
}

#[test]
fn what_is_not_covered_queues_and_settles_when_money_came() {
    let mut scheme = Scheme::fifo(&[10, 0, 50]);
    let first = scheme.queue(1, 2, 30);
    let second = scheme.queue(1, 2, 5);
    assert_eq!(scheme.release(1), 0, "nothing changed: the first blocks the second, which alone is covered");
    scheme.pay(3, 1, 20);
    assert_eq!(scheme.release(1), 1);
    assert_eq!(scheme.statuses(&[first, second]), [3, 1]);
    scheme.give(1, 5);
    assert_eq!(scheme.release(1), 1);
    assert_eq!((scheme.balances(3), scheme.status(second)), (vec![0, 35, 30], 3));
    scheme.check();
}

/// The same instructions under both rules.
#[test]
fn a_blocked_head_blocks_its_tail_unless_the_scheme_bypasses() {
    let story = |mut scheme: Scheme| {
        let blocked = scheme.queue(1, 2, 100);
        let (small, _) = scheme.pay(1, 3, 10);
        scheme.release(1);
        scheme.check();
        (scheme.statuses(&[blocked, small]), scheme.balances(3))
    };
    assert_eq!(story(Scheme::fifo(&[20, 0, 0])), (vec![1, 1], vec![20, 0, 0]));
    assert_eq!(story(Scheme::bypass(&[20, 0, 0])), (vec![1, 3], vec![10, 0, 10]));
}

/// In a bypass scheme `release` passes what is blocked, and only that.
#[test]
fn release_passes_blocked_ones_in_a_bypass_scheme() {
    let mut scheme = Scheme::bypass(&[0, 0]);
    let ids = [50, 7, 60, 8].map(|amount| scheme.queue(1, 2, amount));
    scheme.give(1, 16);
    assert_eq!(scheme.release(1), 2);
    assert_eq!(scheme.statuses(&ids), [1, 3, 1, 3]);
    scheme.check();
}

#[test]
fn the_urgent_pass_the_normal_and_not_the_other_way() {
    let mut scheme = Scheme::fifo(&[10, 0]);
    let normal = scheme.queue(1, 2, 11);
    let (urgent, status) = scheme.pay_as(1, 2, 4, 0);
    assert_eq!(status, 3, "nothing urgent stands before it");
    let (urgent_blocked, status) = scheme.pay_as(1, 2, 7, 0);
    assert_eq!(status, 1);
    let (high, status) = scheme.pay_as(1, 2, 1, 1);
    assert_eq!(status, 1, "covered, but something urgent stands before it");
    scheme.give(1, 5);
    assert_eq!(scheme.release(1), 2, "the urgent one first, then what is high, and 3 are left");
    assert_eq!(scheme.statuses(&[normal, urgent, urgent_blocked, high]), [1, 3, 3, 3]);
    scheme.check();
}

#[test]
fn the_reserve_is_for_the_urgent() {
    let mut scheme = Scheme::fifo(&[100, 0]);
    scheme.ledger.ok(account(1), TO, setReserveCall { schemeId: 1, amount: units(40) });
    assert_eq!(scheme.pay(1, 2, 60).1, 3);
    let normal = scheme.queue(1, 2, 1);
    assert_eq!(scheme.pay_as(1, 2, 40, 0).1, 3);
    assert_eq!((scheme.balance(1), scheme.release(1), scheme.status(normal)), (0, 0, 1));
    let found = scheme.ledger.ok(OPERATOR, TO, liquidityOfCall { schemeId: 1, account: account(1) });
    assert_eq!((found.reserve, found.queuedOut, found.queued), (units(40), units(1), 1));
    assert_eq!(found.netPosition.to_string(), "-100");
}

#[test]
fn held_instructions_leave_the_queue_and_come_back_last() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    let ids = [30, 20, 10].map(|amount| scheme.queue(1, 2, amount));
    scheme.ledger.ok(account(1), TO, holdInstructionCall { instructionId: ids[0] });
    scheme.check();
    scheme.give(1, 20);
    assert_eq!(scheme.release(1), 1, "20 stands first now");
    scheme.ledger.ok(account(1), TO, unholdInstructionCall { instructionId: ids[0] });
    scheme.give(1, 30);
    assert_eq!(scheme.release(1), 1, "10 stands before 30");
    assert_eq!(scheme.statuses(&ids), [1, 3, 3]);
    scheme.check();
}

#[test]
fn the_debtor_orders_its_queue_by_priority_and_swap() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    let ids = [30, 20, 10].map(|amount| scheme.queue(1, 2, amount));
    let me = account(1);
    scheme.ledger.ok(me, TO, swapCall { instructionId: ids[0], otherId: ids[2] });
    scheme.give(1, 10);
    assert_eq!(scheme.release(1), 1);
    assert_eq!(scheme.statuses(&ids), [1, 1, 3], "10 took the place of 30");
    scheme.ledger.ok(me, TO, reprioritiseCall { instructionId: ids[0], priority: 0 });
    scheme.give(1, 30);
    assert_eq!(scheme.release(1), 1);
    assert_eq!(scheme.statuses(&ids), [3, 1, 3], "30 is urgent now");
    scheme.ledger.ok(me, TO, cancelCall { instructionId: ids[1] });
    scheme.give(1, 20);
    assert_eq!((scheme.release(1), scheme.status(ids[1])), (0, 4));
    scheme.check();
}

/// A lane that begins, goes on and ends with given up places is passed, and forgets them when it is empty.
#[test]
fn given_up_places_are_passed() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    let ids: Vec<u64> = (0..9).map(|n| scheme.queue(1, 2, 10 + n)).collect();
    for gone in [0, 3, 4, 8, 7] {
        scheme.ledger.ok(account(1), TO, cancelCall { instructionId: ids[gone] });
        scheme.check();
    }
    scheme.give(1, 11 + 12);
    assert_eq!(scheme.release(1), 2);
    scheme.give(1, 15 + 16);
    assert_eq!(scheme.release(1), 2);
    assert_eq!(scheme.statuses(&ids), [4, 3, 3, 4, 4, 3, 3, 4, 4]);
    scheme.check();
}

#[test]
fn release_looks_at_no_more_places_than_it_may() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    (0..5).for_each(|_| _ = scheme.queue(1, 2, 1));
    scheme.give(1, 5);
    let call = || releaseCall { schemeId: 1, debtor: account(1), steps: 2 };
    assert_eq!(scheme.ledger.ok(account(9), TO, call()), 2);
    assert_eq!(scheme.ledger.ok(account(9), TO, call()), 2);
    assert_eq!(scheme.ledger.ok(account(9), TO, call()), 1);
}

// ----- bilateral offset ----------------------------------------------------------------------------------------------

#[test]
fn two_that_owe_each_other_settle_on_their_net() {
    let mut scheme = Scheme::fifo(&[5, 0, 0]);
    let first = scheme.queue(1, 2, 100);
    let (second, status) = scheme.pay(2, 1, 95);
    assert_eq!(status, 3, "the answer came with the second");
    assert_eq!((scheme.status(first), scheme.status(second), scheme.balances(2)), (3, 3, vec![0, 5]));
    let figures = scheme.ledger.ok(OPERATOR, TO, figuresOfCall { schemeId: 1 });
    assert_eq!((figures.count, figures.value, figures.liquidityUsed), (2, units(195), units(5)));
    scheme.check();
}

#[test]
fn an_offset_keeps_the_order_of_both_queues() {
    let mut scheme = Scheme::fifo(&[0, 0, 0]);
    let to_third = scheme.queue(1, 3, 50);
    let first = scheme.queue(1, 2, 100);
    let second = scheme.queue(2, 1, 100);
    assert_eq!(scheme.statuses(&[to_third, first, second]), [1, 1, 1], "1 owes 3 before it owes 2");
    let offset = offsetCall { schemeId: 1, first: account(1), second: account(2) };
    assert_eq!(scheme.ledger.ok(account(9), TO, offset), 0);
    scheme.ledger.ok(account(1), TO, holdInstructionCall { instructionId: to_third });
    let offset = offsetCall { schemeId: 1, first: account(1), second: account(2) };
    assert_eq!(scheme.ledger.ok(account(9), TO, offset), 2);
    assert_eq!((scheme.statuses(&[first, second]), scheme.balances(2)), (vec![3, 3], vec![0, 0]));
    scheme.check();
}

#[test]
fn an_offset_settles_the_largest_beginnings_only() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    let there = [10, 20, 70].map(|amount| scheme.queue(1, 2, amount));
    let back: Vec<u64> = [30, 60].iter().map(|amount| scheme.pay(2, 1, *amount).0).collect();
    // After 30 came back for 10 and 20, 70 faces 60 and neither has the difference.
    assert_eq!((scheme.statuses(&there), scheme.statuses(&back)), (vec![3, 3, 1], vec![3, 1]));
    assert_eq!(scheme.balances(2), [0, 0]);
    scheme.give(1, 10);
    let offset = offsetCall { schemeId: 1, first: account(2), second: account(1) };
    assert_eq!(scheme.ledger.ok(account(9), TO, offset), 2);
    assert_eq!(scheme.balances(2), [0, 10]);
    scheme.check();
}

// ----- limits --------------------------------------------------------------------------------------------------------

#[test]
fn the_multilateral_limit_bounds_the_day_s_net_outflow() {
    let mut scheme = Scheme::fifo(&[100, 100]);
    scheme.ledger.ok(account(1), TO, setMultilateralLimitCall { schemeId: 1, amount: units(30) });
    assert_eq!(scheme.pay(1, 2, 30).1, 3);
    let blocked = scheme.queue(1, 2, 1);
    assert_eq!(scheme.pay(2, 1, 1).1, 3, "what comes in makes room");
    assert_eq!((scheme.release(1), scheme.status(blocked)), (1, 3));
    let blocked = scheme.queue(1, 2, 1);
    scheme.ledger.ok(account(1), TO, setMultilateralLimitCall { schemeId: 1, amount: NONE });
    assert_eq!((scheme.release(1), scheme.status(blocked)), (1, 3));
    let found = scheme.ledger.ok(OPERATOR, TO, participantOfCall { schemeId: 1, account: account(1) });
    assert_eq!((found.multilateralLimit, found.status, found.seat), (NONE, 2, 0));
}

#[test]
fn a_bilateral_limit_bounds_one_counterparty_and_is_new_each_day() {
    let mut scheme = Scheme::closed(&[100, 100, 0], false, 0);
    let limit = |amount| setBilateralLimitCall { schemeId: 1, counterparty: account(2), amount };
    scheme.ledger.ok(account(1), TO, limit(units(30)));
    scheme.open(20_231_114);
    assert_eq!(scheme.pay(1, 2, 30).1, 3);
    let blocked = scheme.queue(1, 2, 1);
    let behind = scheme.queue(1, 3, 1);
    let call = || bilateralLimitOfCall { schemeId: 1, account: account(1), counterparty: account(2) };
    let found = scheme.ledger.ok(OPERATOR, TO, call());
    assert_eq!((found.amount, found.netOutflow.to_string()), (units(30), "30".into()));
    scheme.check();
    scheme.ledger.ok(account(1), TO, limit(units(31)));
    assert_eq!(
        (scheme.release(1), scheme.statuses(&[blocked, behind])),
        (2, vec![3, 3]),
        "an existing one changes at once"
    );
    let blocked = scheme.queue(1, 2, 1);
    assert!(scheme.close(100));
    assert_eq!(scheme.status(blocked), 5);
    scheme.open(20_231_115);
    assert_eq!(scheme.ledger.ok(OPERATOR, TO, call()).netOutflow.to_string(), "0");
    assert_eq!(scheme.pay(1, 2, 31).1, 3);
    scheme.check();
}

// ----- the frozen and the suspended ----------------------------------------------------------------------------------

#[test]
fn who_is_frozen_or_suspended_neither_pays_nor_is_paid() {
    let mut scheme = Scheme::bypass(&[100, 0, 0]);
    scheme.freeze(2, true);
    let to_frozen = scheme.queue(1, 2, 10);
    assert_eq!(scheme.pay(1, 3, 10).1, 3, "others are not held up in a bypass scheme");
    scheme.freeze(2, false);
    scheme.ledger.ok(OPERATOR, TO, suspendCall { schemeId: 1, account: account(2) });
    assert_eq!(scheme.release(1), 0);
    scheme.ledger.ok(OPERATOR, TO, resumeCall { schemeId: 1, account: account(2) });
    assert_eq!((scheme.release(1), scheme.status(to_frozen)), (1, 3));
    scheme.freeze(1, true);
    scheme.queue(1, 2, 1);
    assert_eq!((scheme.release(1), scheme.balances(3)), (0, vec![80, 10, 10]));
}

/// What can settle by itself flows, wherever it stands in a bypass scheme, and with the reserve if it is urgent.
#[test]
fn a_forecast_knows_what_can_settle_by_itself() {
    let state = |scheme: &mut Scheme| {
        let call = forecastCall { schemeId: 1, account: account(1), injected: U256::ZERO };
        scheme.ledger.ok(OPERATOR, TO, call).state
    };
    let mut scheme = Scheme::fifo(&[0, 0]);
    let urgent = scheme.pay_as(1, 2, 10, 0).0;
    scheme.ledger.ok(account(1), TO, setReserveCall { schemeId: 1, amount: units(10) });
    assert_eq!(state(&mut scheme), 3, "a deadlock");
    scheme.give(1, 10);
    assert_eq!(state(&mut scheme), 1, "flowing");
    assert_eq!((scheme.release(1), scheme.status(urgent)), (1, 3));

    for (bypass, flows) in [(true, 1), (false, 3)] {
        let mut scheme = Scheme::new(&[0, 0], bypass, 0);
        let small = [scheme.queue(1, 2, 20), scheme.queue(1, 2, 5)][1];
        scheme.give(1, 5);
        assert_eq!(state(&mut scheme), flows, "bypass: {bypass}");
        assert_eq!((scheme.release(1), scheme.status(small)), if bypass { (1, 3) } else { (0, 1) });
    }
}

/// A pause is the token's, and says so.
#[test]
fn nothing_settles_while_the_token_is_paused() {
    use crate::{
        testing::PAUSER,
        token::IToken::{EnforcedPause, pauseCall},
    };
    let mut scheme = Scheme::fifo(&[100, 0]);
    scheme.ledger.ok(PAUSER, eur(), pauseCall {});
    let call = scheme.submission(2, 10, 2);
    scheme.ledger.reverts(account(1), TO, call, EnforcedPause {});
    assert_eq!(scheme.queue(1, 2, 101), 1, "nothing moves by queueing");
}
