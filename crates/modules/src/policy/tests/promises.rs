//! Payment limits and holds: a promise is counted when it is made, is binding from then on, and what is not paid of it
//! is given back while its periods run.

use super::{people::*, *};
use crate::{
    Failure, IDENTITY_ADDRESS,
    identity::IIdentity::unlinkCall,
    policy::{Movement, Outcome, decide},
    testing::seize_from_hold,
    token::{Keeper, carry_over, hold, hold_for, post_hold, release_hold},
};
use alloy_primitives::U256;
use alloy_sol_types::SolError;

const PAYER: Address = Address::repeat_byte(1);
const PAYEE: Address = Address::repeat_byte(2);
const WALLET: Address = Address::repeat_byte(3);

/// EUR under a limit of 100 a day and 150 a month; the last day but one of January.
fn limited() -> (Ledger, u64) {
    let mut ledger = society();
    let policy = payment_limit(&mut ledger, CLOSED, [NO_LIMIT, units(100), units(150)]);
    set_policy(&mut ledger, policy);
    ledger.timestamp_ms = at(2024, 30);
    (ledger, policy)
}

fn make(ledger: &mut Ledger, keeper: Keeper, amount: u128) -> Result<u64, Failure> {
    ledger.run(PAYER, |x| hold(x, eur(), keeper, PAYER, amount))
}

fn promise(ledger: &mut Ledger, amount: u128) -> u64 {
    make(ledger, Keeper::Escrow, amount).unwrap()
}

fn post(ledger: &mut Ledger, number: u64, amount: u128) -> Result<(), Failure> {
    ledger.run(account(9), |x| post_hold(x, eur(), (Keeper::Escrow, number), PAYEE, amount))
}

fn release(ledger: &mut Ledger, number: u64, amount: u128) {
    ledger.run(account(9), |x| release_hold(x, eur(), (Keeper::Escrow, number), amount)).unwrap();
}

fn grow(ledger: &mut Ledger, number: u64, units: (u128, u128)) -> Result<u64, Failure> {
    ledger.run(PAYER, |x| carry_over(x, eur(), (Keeper::Escrow, number), units))
}

fn exceeded(policy: u64, period: u8, used: u128, amount: u128) -> Failure {
    let limit = units([0, 100, 150][usize::from(period)]);
    let (used, amount) = (units(used), units(amount));
    Failure::Revert(PaymentLimitExceeded { policyId: policy, period, limit, used, amount }.abi_encode().into())
}

fn set_limit(ledger: &mut Ledger, policy: u64, [single, day, month]: [U256; 3]) {
    let call = setPaymentLimitCall { policyId: policy, perTransaction: single, perDay: day, perMonth: month };
    ledger.ok(COMPLIANCE, TO, call);
}

#[test]
fn several_holds_together_stay_within_the_limit() {
    let (mut ledger, policy) = limited();
    assert_eq!(make(&mut ledger, Keeper::Escrow, 101), Err(exceeded(policy, 1, 0, 101)));
    promise(&mut ledger, 60);
    assert_eq!(spent(&mut ledger, policy, PAYER), (60, 60), "a promise is counted");
    assert_eq!(make(&mut ledger, Keeper::Escrow, 41), Err(exceeded(policy, 1, 60, 41)));
    assert_eq!(make(&mut ledger, Keeper::Payment, 40), Ok(2));
    let error =
        PaymentLimitExceeded { policyId: policy, period: 1, limit: units(100), used: units(100), amount: units(1) };
    ledger.reverts(PAYER, eur(), pay(PAYEE, 1), error);
    ledger.timestamp_ms += DAY_MS;
    assert_eq!(make(&mut ledger, Keeper::Escrow, 51), Err(exceeded(policy, 2, 100, 51)));
    promise(&mut ledger, 50);
}

#[test]
fn a_promise_is_paid_whatever_became_of_the_limit() {
    let (mut ledger, policy) = limited();
    let number = promise(&mut ledger, 60);
    ledger.ok(PAYER, eur(), pay(PAYEE, 40));
    post(&mut ledger, number, 10).unwrap();
    assert_eq!(spent(&mut ledger, policy, PAYER), (100, 100), "and not counted twice");
    set_limit(&mut ledger, policy, [units(0); 3]);
    post(&mut ledger, number, 10).unwrap();
    let other = payment_limit(&mut ledger, CLOSED, [units(0); 3]);
    set_policy(&mut ledger, other);
    post(&mut ledger, number, 10).unwrap();
    ledger.timestamp_ms += 2 * DAY_MS;
    post(&mut ledger, number, 30).unwrap();
    assert_eq!(spent(&mut ledger, policy, PAYER), (0, 0), "nor in the month in which it is paid");
    assert_eq!(spent(&mut ledger, other, PAYER), (0, 0));
    assert!(make(&mut ledger, Keeper::Escrow, 1).is_err(), "the next one is bound");
}

/// Made before there was any limit, or when it had none: a limit that comes later does not take it back.
#[test]
fn a_promise_from_before_the_limit_is_paid_and_gives_nothing_back() {
    let mut ledger = society();
    let unlimited = promise(&mut ledger, 200);
    let policy = payment_limit(&mut ledger, CLOSED, [NO_LIMIT; 3]);
    set_policy(&mut ledger, policy);
    let uncounted = promise(&mut ledger, 200);
    set_limit(&mut ledger, policy, [units(100), units(100), NO_LIMIT]);
    ledger.ok(PAYER, eur(), pay(PAYEE, 70));
    for number in [unlimited, uncounted] {
        release(&mut ledger, number, 90);
        assert_eq!(spent(&mut ledger, policy, PAYER), (70, 0));
        post(&mut ledger, number, 110).unwrap();
    }
    assert_eq!(spent(&mut ledger, policy, PAYER), (70, 0));
}

#[test]
fn what_is_released_comes_back_to_each_period_that_still_runs() {
    for (days, expected) in [(0, (40, 40)), (1, (0, 40)), (2, (0, 0))] {
        let (mut ledger, policy) = limited();
        let number = promise(&mut ledger, 100);
        // The last millisecond of the day is that day's.
        ledger.timestamp_ms += if days == 0 { DAY_MS - 1 } else { days * DAY_MS };
        post(&mut ledger, number, 30).unwrap();
        release(&mut ledger, number, 50);
        release(&mut ledger, number, 10);
        assert_eq!(spent(&mut ledger, policy, PAYER), expected, "after {days} days");
    }
    // What is counted anew in the next period is not touched by what was counted before.
    let (mut ledger, policy) = limited();
    let number = promise(&mut ledger, 100);
    ledger.timestamp_ms += 2 * DAY_MS;
    ledger.ok(PAYER, eur(), pay(PAYEE, 70));
    release(&mut ledger, number, 100);
    assert_eq!(spent(&mut ledger, policy, PAYER), (70, 70));
}

/// Released the same day it makes room for exactly that much.
#[test]
fn given_back_room_is_room() {
    let (mut ledger, policy) = limited();
    let number = promise(&mut ledger, 100);
    release(&mut ledger, number, 30);
    assert_eq!(make(&mut ledger, Keeper::Escrow, 31), Err(exceeded(policy, 1, 70, 31)));
    promise(&mut ledger, 30);
}

#[test]
fn what_is_seized_was_not_paid() {
    let (mut ledger, policy) = limited();
    let number = promise(&mut ledger, 80);
    seize_from_hold(&mut ledger, eur(), number, 50).unwrap();
    assert_eq!(spent(&mut ledger, policy, PAYER), (30, 30));
    post(&mut ledger, number, 30).unwrap();
}

/// A person's limit: who joins or leaves it between promise and release moves no count.
#[test]
fn it_comes_back_to_who_it_was_counted_for() {
    let (mut ledger, policy) = limited();
    let number = person(&mut ledger, &[PAYER, WALLET]);
    let promised = promise(&mut ledger, 60);
    assert_eq!(spent(&mut ledger, policy, WALLET), (60, 60));
    ledger.ok(PAYER, IDENTITY_ADDRESS, unlinkCall { account: PAYER });
    ledger.ok(PAYER, eur(), pay(PAYEE, 70));
    let alone = promise(&mut ledger, 20);
    release(&mut ledger, promised, 60);
    assert_eq!((spent(&mut ledger, policy, WALLET), spent(&mut ledger, policy, PAYER)), ((0, 0), (90, 90)));
    join(&mut ledger, REGISTRAR, number, PAYER);
    release(&mut ledger, alone, 20);
    assert_eq!(spent(&mut ledger, policy, PAYER), (0, 0), "the person's, which has used nothing");
    ledger.ok(PAYER, IDENTITY_ADDRESS, unlinkCall { account: PAYER });
    assert_eq!(spent(&mut ledger, policy, PAYER), (70, 70));
}

/// Rules are told apart: what one of them counted comes back to that one, once.
#[test]
fn it_comes_back_to_the_rules_that_counted_it() {
    let mut ledger = society();
    let daily = payment_limit(&mut ledger, CLOSED, [NO_LIMIT, units(500), NO_LIMIT]);
    let monthly = payment_limit(&mut ledger, CLOSED, [NO_LIMIT, NO_LIMIT, units(500)]);
    let exempt = list(&mut ledger, Kind::Allow, &[PAYER]);
    let others = payment_limit(&mut ledger, exempt, [NO_LIMIT, units(500), units(500)]);
    let whole = combine(&mut ledger, Kind::AllOf, &[others, daily, monthly, daily]);
    set_policy(&mut ledger, whole);
    let number = promise(&mut ledger, 100);
    let used = |ledger: &mut Ledger| [daily, monthly, others].map(|rule| spent(ledger, rule, PAYER));
    assert_eq!(used(&mut ledger), [(100, 0), (0, 100), (0, 0)]);
    ledger.ok(COMPLIANCE, TO, removeMembersCall { policyId: exempt, accounts: vec![PAYER] });
    set_limit(&mut ledger, daily, [NO_LIMIT, units(500), units(500)]);
    ledger.ok(PAYER, eur(), pay(PAYEE, 40));
    assert_eq!(used(&mut ledger), [(140, 40), (0, 140), (40, 40)]);
    set_policy(&mut ledger, others);
    release(&mut ledger, number, 100);
    assert_eq!(used(&mut ledger), [(40, 40), (0, 40), (40, 40)]);
}

#[test]
fn what_is_no_payment_uses_nothing_up() {
    let (mut ledger, policy) = limited();
    set_limit(&mut ledger, policy, [units(50), units(100), units(150)]);
    for (keeper, month) in [(Keeper::Settlement, 0), (Keeper::Reserve, 20), (Keeper::Redemption, 0)] {
        let number = make(&mut ledger, keeper, 120).unwrap();
        assert_eq!(spent(&mut ledger, policy, PAYER), (0, month), "{keeper:?}");
        // Should it be paid after all, it is asked and counted then.
        let mut pay = |amount| ledger.run(account(9), |x| post_hold(x, eur(), (keeper, number), PAYEE, amount));
        assert!(pay(51).is_err());
        pay(20).unwrap();
        ledger.run(account(9), |x| release_hold(x, eur(), (keeper, number), 100)).unwrap();
        assert_eq!(spent(&mut ledger, policy, PAYER).0, 20);
        ledger.timestamp_ms += DAY_MS;
    }
    for keeper in [Keeper::Payment, Keeper::Exchange, Keeper::Escrow, Keeper::Channel, Keeper::Voucher] {
        assert!(make(&mut ledger, keeper, 51).is_err(), "{keeper:?}");
    }
}

/// Between wallets of one person nothing was asked: if the other one leaves, posting is a payment.
#[test]
fn from_one_pocket_to_the_other_is_counted_if_it_becomes_a_payment() {
    let (mut ledger, policy) = limited();
    person(&mut ledger, &[PAYER, PAYEE]);
    let number = ledger.run(PAYER, |x| hold_for(x, eur(), Keeper::Escrow, (PAYER, PAYEE), 300)).unwrap();
    post(&mut ledger, number, 100).unwrap();
    assert_eq!(spent(&mut ledger, policy, PAYER), (0, 0));
    ledger.ok(PAYEE, IDENTITY_ADDRESS, unlinkCall { account: PAYEE });
    assert_eq!(post(&mut ledger, number, 101), Err(exceeded(policy, 1, 0, 101)));
    post(&mut ledger, number, 100).unwrap();
    assert_eq!(spent(&mut ledger, policy, PAYER), (100, 100));
}

/// And a promise to another who becomes the same person is no payment any more.
#[test]
fn a_promise_that_comes_home_is_given_back() {
    let (mut ledger, policy) = limited();
    let number = person(&mut ledger, &[PAYER]);
    let promised = promise(&mut ledger, 60);
    join(&mut ledger, REGISTRAR, number, PAYEE);
    post(&mut ledger, promised, 50).unwrap();
    assert_eq!(spent(&mut ledger, policy, PAYER), (10, 10));
    ledger.run(PAYER, |x| post_hold(x, eur(), (Keeper::Escrow, promised), PAYER, 10)).unwrap();
    assert_eq!(spent(&mut ledger, policy, PAYER), (0, 0));
}

/// A holding limit that parks leaves the units on hold: they are promised all the same.
#[test]
fn what_a_holding_limit_diverts_is_promised_too() {
    let mut ledger = society();
    let limit = payment_limit(&mut ledger, CLOSED, [NO_LIMIT, units(100), NO_LIMIT]);
    let full = holding_limit(&mut ledger, CLOSED, 0, HoldingOutcome::Park);
    let whole = combine(&mut ledger, Kind::AllOf, &[limit, full]);
    set_policy(&mut ledger, whole);
    let number = ledger.run(PAYER, |x| hold_for(x, eur(), Keeper::Escrow, (PAYER, PAYEE), 80)).unwrap();
    assert_eq!(spent(&mut ledger, limit, PAYER).0, 80);
    // A transfer that is parked waits: it is counted when it is claimed.
    ledger.ok(PAYER, eur(), pay(PAYEE, 20));
    assert_eq!(spent(&mut ledger, limit, PAYER).0, 80);
    release(&mut ledger, number, 80);
    assert_eq!(spent(&mut ledger, limit, PAYER).0, 0);
}

#[test]
fn a_hold_that_grows_counts_what_it_grows_by() {
    let (mut ledger, policy) = limited();
    let first = promise(&mut ledger, 80);
    assert_eq!(grow(&mut ledger, first, (80, 21)), Err(exceeded(policy, 1, 80, 21)));
    let second = grow(&mut ledger, first, (80, 20)).unwrap();
    assert_eq!(spent(&mut ledger, policy, PAYER), (100, 100));
    release(&mut ledger, second, 100);
    assert_eq!(spent(&mut ledger, policy, PAYER), (0, 0), "counted alike, it comes back as one");
}

/// What was there is counted in its day and posted first; what came in comes back first, and never more than that.
#[test]
fn a_hold_that_grows_on_another_day_gives_back_what_came_in() {
    for (paid, expected) in [(0, 0), (80, 0), (90, 10), (110, 30)] {
        let (mut ledger, policy) = limited();
        let first = promise(&mut ledger, 80);
        ledger.timestamp_ms += DAY_MS;
        let second = grow(&mut ledger, first, (80, 30)).unwrap();
        assert_eq!(spent(&mut ledger, policy, PAYER), (30, 110));
        post(&mut ledger, second, paid).unwrap();
        for rest in [5, 105 - paid.min(105)] {
            release(&mut ledger, second, rest.min(110 - paid));
        }
        assert_eq!(spent(&mut ledger, policy, PAYER), (expected, 80 + expected), "{paid} paid");
    }
    // A part that comes back before anything is paid is of what came in.
    let (mut ledger, policy) = limited();
    let first = promise(&mut ledger, 80);
    ledger.timestamp_ms += DAY_MS;
    let second = grow(&mut ledger, first, (80, 30)).unwrap();
    release(&mut ledger, second, 40);
    assert_eq!(spent(&mut ledger, policy, PAYER), (0, 80));
    release(&mut ledger, second, 70);
    assert_eq!(spent(&mut ledger, policy, PAYER), (0, 80));
}

#[test]
fn a_part_that_is_handed_on_takes_its_count_along() {
    let (mut ledger, policy) = limited();
    let first = promise(&mut ledger, 80);
    ledger.ok(PAYER, eur(), pay(PAYEE, 20));
    let second = grow(&mut ledger, first, (30, 0)).unwrap();
    assert_eq!(spent(&mut ledger, policy, PAYER), (100, 100));
    post(&mut ledger, second, 10).unwrap();
    release(&mut ledger, second, 20);
    assert_eq!(spent(&mut ledger, policy, PAYER), (80, 80));
    release(&mut ledger, first, 50);
    assert_eq!(spent(&mut ledger, policy, PAYER), (30, 30));
    // Of a hold that grew, what is older goes along first.
    let (mut ledger, policy) = limited();
    let first = promise(&mut ledger, 80);
    ledger.timestamp_ms += DAY_MS;
    let second = grow(&mut ledger, first, (80, 30)).unwrap();
    let third = grow(&mut ledger, second, (90, 0)).unwrap();
    release(&mut ledger, second, 20);
    assert_eq!(spent(&mut ledger, policy, PAYER), (10, 90));
    release(&mut ledger, third, 90);
    assert_eq!(spent(&mut ledger, policy, PAYER), (0, 80));
}

/// Receipts of promise and payment are replayed from their inputs: the purpose says that limits were asked before.
#[test]
fn promise_and_payment_leave_receipts_that_can_be_replayed() {
    let (mut ledger, policy) = limited();
    let number = promise(&mut ledger, 60);
    let made = ledger.last_event::<IPolicy::Decision>().1;
    let made_ms = ledger.timestamp_ms;
    assert_eq!(made.figures, [units(0), units(0)]);
    ledger.timestamp_ms += DAY_MS;
    set_limit(&mut ledger, policy, [units(0); 3]);
    post(&mut ledger, number, 60).unwrap();
    let paid = ledger.last_event::<IPolicy::Decision>().1;
    assert_eq!((paid.outcome, paid.figures.len()), (1, 0));
    let replay = |purpose, payee, timestamp_ms, figures: &[U256]| replayDecisionCall {
        policyId: policy,
        token: eur(),
        payer: PAYER,
        payee,
        operator: Address::ZERO,
        amount: units(60),
        purpose,
        timestampMs: timestamp_ms,
        figures: figures.to_vec(),
    };
    let now_ms = ledger.timestamp_ms;
    let again = ledger.ok(account(9), TO, replay(12, PAYEE, now_ms, &paid.figures));
    assert_eq!((again.version, again.inputsHash, again.outcome), (paid.version, paid.inputsHash, paid.outcome));
    set_limit(&mut ledger, policy, [NO_LIMIT, units(100), units(150)]);
    let again = ledger.ok(account(9), TO, replay(4, Address::ZERO, made_ms, &made.figures));
    assert_eq!((again.inputsHash, again.outcome), (made.inputsHash, 1));
}

/// A hold asks no payee: whom it is for may become known later.
#[test]
fn a_pledge_asks_its_owner_alone() {
    let mut ledger = society();
    let members = list(&mut ledger, Kind::Allow, &[PAYER]);
    for (owner, admitted) in [(PAYER, true), (PAYEE, false)] {
        let movement = Movement {
            token: eur(),
            payer: Some(owner),
            payee: Some(WALLET),
            operator: None,
            amount: 5,
            pending: 0,
            purpose: Purpose::Pledge,
            holding_of: |_, _, _| Ok(0),
        };
        let outcome = ledger.run(account(9), |x| decide(x, members, &movement)).unwrap().outcome;
        assert_eq!(outcome == Outcome::Admitted, admitted);
    }
}
