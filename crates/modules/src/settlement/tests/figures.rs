//! What a treasurer reads: figures against a day computed by hand, and where the money is.

use super::*;
use crate::token::{
    self,
    IToken::{freezePartialTokensCall, heldBalanceByCall},
    Keeper,
};

/// One of each way of settling:
///
/// | way | value | used | delay |
/// |---|---|---|---|
/// | by itself, at once | 10 | 10 | 0 |
/// | released after 30 ms | 25 | 25 | 30 |
/// | bilateral offset of 40 (waited 20 ms) against 33 | 73 | 7 | 20 |
/// | run over a circle of 50, 50 and 52, after 100, 60 and 0 ms | 152 | 2 | 160 |
/// | window of 20 and 14 | 34 | 6 | |
#[test]
fn figures_are_those_of_a_day_computed_by_hand() {
    let mut scheme = Scheme::fifo(&[10, 0, 0]);
    let ratios = |scheme: &mut Scheme| {
        let found = scheme.ledger.ok(OPERATOR, TO, ratiosOfCall { schemeId: 1 });
        (found.liquiditySaved, found.turnover, found.meanDelayMs)
    };
    assert_eq!(ratios(&mut scheme), (U256::ZERO, U256::ZERO, U256::ZERO), "nothing settled");
    assert_eq!(scheme.pay(1, 2, 10).1, 3);

    scheme.queue(2, 3, 25);
    scheme.ledger.timestamp_ms += 30;
    scheme.give(2, 15);
    assert_eq!((scheme.release(2), scheme.balances(3)), (1, vec![0, 0, 25]));

    scheme.queue(1, 2, 40);
    scheme.ledger.timestamp_ms += 20;
    scheme.give(1, 7);
    // The second one's payment lacks 33 but finds the other's.
    assert_eq!(scheme.pay(2, 1, 33).1, 3);
    assert_eq!(scheme.balances(3), [0, 7, 25]);

    scheme.queue(1, 2, 50);
    scheme.ledger.timestamp_ms += 40;
    scheme.queue(2, 3, 50);
    scheme.ledger.timestamp_ms += 60;
    scheme.queue(3, 1, 52);
    assert_eq!(scheme.run(), (1, 3, 152));
    assert_eq!(scheme.balances(3), [2, 7, 23]);

    let window = scheme.ledger.ok(OPERATOR, TO, openWindowCall { schemeId: 1 });
    for (debtor, creditor, amount, number) in [(3, 1, 20, 901), (1, 3, 14, 902)] {
        let call = assignCall {
            windowId: window,
            creditor: account(creditor),
            amount: units(amount),
            instructionReference: reference(number),
        };
        scheme.ledger.ok(account(debtor), TO, call);
    }
    scheme.ledger.timestamp_ms += 1_000;
    scheme.ledger.ok(OPERATOR, TO, closeWindowCall { windowId: window });
    let deadline = scheme.ledger.timestamp_ms + 1;
    scheme.ledger.ok(OPERATOR, TO, startWindowSettlementCall { windowId: window, fundBeforeMs: deadline });
    assert!(scheme.ledger.ok(OPERATOR, TO, settleWindowCall { windowId: window }));

    let found = scheme.ledger.ok(OPERATOR, TO, figuresOfCall { schemeId: 1 });
    assert_eq!((found.count, found.value, found.liquidityUsed), (9, units(294), units(50)));
    assert_eq!(found.delayMs, units(210));
    // 294 - 50; 294 / 50 = 5.88; 210 / 9 = 23.3.
    assert_eq!(ratios(&mut scheme), (units(244), units(58_800), units(23)));
    scheme.check();
}

/// Bank 1 has two instructions that wait since 100 and 40 ms: 70 in the mean. What settles or is on hold does not wait.
#[test]
fn what_waits_is_counted_with_its_value_and_time() {
    let mut scheme = Scheme::fifo(&[10, 0, 0]);
    scheme.ledger.timestamp_ms += 500;
    scheme.queue(1, 2, 40);
    scheme.ledger.timestamp_ms += 60;
    scheme.queue(1, 3, 50);
    scheme.ledger.timestamp_ms += 40;
    let waiting = |scheme: &mut Scheme, seat| {
        let read = scheme.ledger.run(OPERATOR, |context| {
            assert_eq!(super::super::schemes_made(context)?, 1);
            super::super::waiting_of(context, 1, seat)
        });
        read.unwrap()
    };
    let one = waiting(&mut scheme, 0);
    assert_eq!((one.account, one.queued, one.outward, one.inward), (account(1), 2, 90, 0));
    assert_eq!((one.wait_ms, one.spendable), (70, 10));
    let two = waiting(&mut scheme, 1);
    assert_eq!((two.queued, two.outward, two.inward, two.wait_ms), (0, 0, 40, 0));
    let queue = |scheme: &mut Scheme, number, most| {
        scheme.ledger.run(OPERATOR, |context| super::super::queue_of(context, 1, account(number), most)).unwrap()
    };
    assert_eq!(
        (queue(&mut scheme, 1, 9), queue(&mut scheme, 1, 1), queue(&mut scheme, 2, 9)),
        (vec![1, 2], vec![1], vec![])
    );
    let admitted = |scheme: &mut Scheme, number, of: u64| {
        scheme.ledger.run(OPERATOR, |context| super::super::is_participant(context, of, account(number))).unwrap()
    };
    for (number, of, is) in [(1, 1, true), (9, 1, false), (1, 0, false), (1, 2, false), (1, u64::MAX, false)] {
        assert_eq!(admitted(&mut scheme, number, of), is, "{number} {of}");
    }
    scheme.give(1, 30);
    scheme.release(1);
    assert_eq!(queue(&mut scheme, 1, 9), [2]);
    let one = waiting(&mut scheme, 0);
    assert_eq!((one.queued, one.outward, one.wait_ms, one.spendable), (1, 50, 40, 0));
}

#[test]
fn what_moved_nothing_has_a_turnover_without_bound() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    scheme.queue(1, 2, 5);
    assert_eq!(scheme.pay(2, 1, 5).1, 3);
    let found = scheme.ledger.ok(OPERATOR, TO, ratiosOfCall { schemeId: 1 });
    assert_eq!((found.liquiditySaved, found.turnover), (units(10), NONE));
}

/// Each module's holds are told apart, and all together are what is neither spendable nor frozen.
#[test]
fn the_liquidity_view_shows_who_keeps_what() {
    let mut scheme = Scheme::new(&[1_000, 0], false, 1);
    let owner = account(1);
    let keepers = [
        (Keeper::Parking, 1, 3),
        (Keeper::Payment, 5, 10),
        (Keeper::Exchange, 7, 40),
        (Keeper::Escrow, 8, 80),
        (Keeper::Channel, 9, 160),
        (Keeper::Reserve, 2, 7),
        (Keeper::Redemption, 3, 9),
        (Keeper::Voucher, 10, 11),
        (Keeper::Staking, 12, 13),
    ];
    for (keeper, _, amount) in keepers {
        scheme.ledger.run(owner, |x| token::hold(x, eur(), keeper, owner, amount)).unwrap();
    }
    scheme.ledger.ok(owner, TO, prefundCall { schemeId: 1, amount: units(20) });
    scheme.ledger.ok(FREEZER, eur(), freezePartialTokensCall { userAddress: owner, amount: units(100) });
    let call = || fundsOfCall { schemeId: 1, account: owner };
    let found = scheme.ledger.ok(account(9), TO, call());
    let parts = [found.parked, found.payments, found.settlement, found.quotes, found.escrows, found.channels];
    assert_eq!(parts, [3, 10, 20, 40, 80, 160].map(units));
    let others = [found.reserves, found.redemptions, found.vouchers, found.bonds];
    assert_eq!(others, [7, 9, 11, 13].map(units));
    assert_eq!((found.balance, found.frozen, found.spendable), (units(1_000), units(100), units(547)));
    let held: U256 = parts.iter().chain(&others).sum();
    assert_eq!(found.spendable + found.frozen + held, found.balance);
    for (keeper, number, amount) in keepers {
        assert_eq!(keeper.number(), number);
        let call = heldBalanceByCall { account: owner, keeper: number };
        assert_eq!(scheme.ledger.ok(owner, eur(), call), units(amount));
    }
    for nobody in [0, 4, 11, 255] {
        let call = heldBalanceByCall { account: owner, keeper: nobody };
        assert_eq!(scheme.ledger.ok(owner, eur(), call), U256::ZERO);
    }
    // What is posted, released or given back is kept no more.
    scheme.ledger.run(owner, |x| token::post_hold(x, eur(), (Keeper::Channel, 5), account(2), 60)).unwrap();
    scheme.ledger.run(owner, |x| token::release_hold(x, eur(), (Keeper::Escrow, 4), 80)).unwrap();
    scheme.ledger.ok(owner, TO, withdrawPrefundCall { schemeId: 1 });
    let found = scheme.ledger.ok(account(9), TO, call());
    assert_eq!((found.channels, found.escrows, found.settlement), (units(100), U256::ZERO, U256::ZERO));
    let holders = [owner, account(2), ADMIN];
    let violations = scheme.ledger.run(ADMIN, |x| token::invariants::check(x, eur(), holders)).unwrap();
    assert_eq!(violations, []);
    let stranger = ParticipantRequired { schemeId: 1, account: account(9), status: 0 };
    scheme.ledger.reverts(account(9), TO, fundsOfCall { schemeId: 1, account: account(9) }, stranger);
}
