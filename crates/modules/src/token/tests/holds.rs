//! Units in suspense: who may do what with them, what freezes and pauses do to them, and net settlement.

use super::*;
use crate::{
    ESCROW_ADDRESS, SETTLEMENT_ADDRESS,
    policy::IPolicy::{addMembersCall, removeMembersCall},
    token::{Keeper, NetChange, hold, ops::Holder, post_hold, release_hold, settle_net},
};
use alloy_sol_types::SolError;

const KEEPER: Keeper = Keeper::Escrow;

fn refused(result: Result<impl std::fmt::Debug, Failure>, error: impl SolError) {
    assert_eq!(result.unwrap_err(), Failure::Revert(error.abi_encode().into()));
}

fn make(ledger: &mut Ledger, owner: Address, amount: u128) -> Result<u64, Failure> {
    ledger.run(owner, |context| hold(context, eur(), KEEPER, owner, amount))
}

fn post(ledger: &mut Ledger, number: u64, to: Address, amount: u128) -> Result<(), Failure> {
    ledger.run(account(9), |context| post_hold(context, eur(), (KEEPER, number), to, amount))
}

fn release(ledger: &mut Ledger, number: u64, amount: u128) -> Result<(), Failure> {
    ledger.run(account(9), |context| release_hold(context, eur(), (KEEPER, number), amount))
}

fn spendable(ledger: &mut Ledger, who: Address) -> u128 {
    ledger.ok(who, eur(), spendableBalanceOfCall { account: who }).to()
}

fn left(ledger: &mut Ledger, number: u64) -> u128 {
    ledger.ok(account(9), eur(), holdOfCall { holdId: number }).amount.to()
}

#[test]
fn a_hold_reserves_posts_in_parts_and_releases_the_rest() {
    let mut ledger = world();
    let (payer, payee) = (account(1), account(3));
    assert_eq!(make(&mut ledger, payer, 600), Ok(1));
    let (_, event) = ledger.last_event::<Held>();
    assert_eq!(event, Held { holdId: 1, owner: payer, keeper: ESCROW_ADDRESS, amount: units(600) });
    assert_eq!((balance(&mut ledger, payer), spendable(&mut ledger, payer)), (1_000, 400));
    assert_eq!(ledger.ok(payer, eur(), heldBalanceOfCall { account: payer }), units(600));

    post(&mut ledger, 1, payee, 250).unwrap();
    assert_eq!((balance(&mut ledger, payer), spendable(&mut ledger, payer), left(&mut ledger, 1)), (750, 400, 350));
    release(&mut ledger, 1, 350).unwrap();
    assert_eq!((balance(&mut ledger, payer), spendable(&mut ledger, payer), left(&mut ledger, 1)), (750, 750, 0));
    assert_eq!(balance(&mut ledger, payee), 250);
    let found = ledger.run(payer, |context| Holder::read(context, eur(), payer)).unwrap();
    assert!(!found.holding.is_marked(layout::ON_HOLD), "nothing is left on hold");
}

#[test]
fn no_more_than_is_free_and_no_more_than_is_held() {
    let mut ledger = world();
    let payer = account(1);
    make(&mut ledger, payer, 700).unwrap();
    let unheld = InsufficientUnheldBalance {
        sender: payer,
        balance: units(1_000),
        frozen: U256::ZERO,
        held: units(700),
        needed: units(301),
    };
    refused(make(&mut ledger, payer, 301), unheld.clone());
    ledger.reverts(payer, eur(), transferCall { to: account(2), amount: units(301) }, unheld);
    let exceeded = HoldExceeded { holdId: 1, held: units(700), amount: units(701) };
    refused(post(&mut ledger, 1, account(2), 701), exceeded.clone());
    refused(release(&mut ledger, 1, 701), exceeded);
    refused(post(&mut ledger, 2, account(2), 1), HoldUnknown { holdId: 2 });
    refused(post(&mut ledger, 1, Address::ZERO, 1), ERC20InvalidReceiver { receiver: Address::ZERO });
    refused(post(&mut ledger, 1, ESCROW_ADDRESS, 1), ERC20InvalidReceiver { receiver: ESCROW_ADDRESS });
    ledger.ok(payer, eur(), transferCall { to: account(2), amount: units(300) });
    assert_eq!((balance(&mut ledger, payer), spendable(&mut ledger, payer)), (700, 0));
}

#[test]
fn a_freeze_reaches_units_on_hold() {
    let mut ledger = world();
    let (payer, payee) = (account(1), account(3));
    make(&mut ledger, payer, 800).unwrap();
    ledger.ok(FREEZER, eur(), freezePartialTokensCall { userAddress: payer, amount: units(500) });
    assert_eq!(spendable(&mut ledger, payer), 0);
    post(&mut ledger, 1, payee, 500).unwrap();
    let frozen =
        InsufficientUnfrozenBalance { sender: payer, balance: units(500), frozen: units(500), needed: units(1) };
    refused(post(&mut ledger, 1, payee, 1), frozen);

    ledger.ok(FREEZER, eur(), unfreezePartialTokensCall { userAddress: payer, amount: units(500) });
    freeze(&mut ledger, payee, true);
    refused(post(&mut ledger, 1, payee, 1), AccountFrozen { account: payee });
    freeze(&mut ledger, payer, true);
    refused(post(&mut ledger, 1, payee, 1), AccountFrozen { account: payer });
    release(&mut ledger, 1, 300).unwrap();
    refused(make(&mut ledger, payer, 1), AccountFrozen { account: payer });
}

#[test]
fn pause_and_policy_stop_posting_but_never_release() {
    let mut ledger = world();
    let (payer, payee) = (account(1), account(3));
    make(&mut ledger, payer, 100).unwrap();
    ledger.ok(PAUSER, eur(), pauseCall {});
    refused(make(&mut ledger, payer, 1), EnforcedPause {});
    refused(post(&mut ledger, 1, payee, 1), EnforcedPause {});
    release(&mut ledger, 1, 10).unwrap();
    ledger.ok(PAUSER, eur(), unpauseCall {});
    for party in [payer, payee] {
        let (policy, accounts) = (2, vec![party]);
        ledger.ok(COMPLIANCE, POLICY_ADDRESS, addMembersCall { policyId: policy, accounts: accounts.clone() });
        refused(post(&mut ledger, 1, payee, 1), PolicyForbids { policyId: policy, account: party });
        ledger.ok(COMPLIANCE, POLICY_ADDRESS, removeMembersCall { policyId: policy, accounts });
    }
    post(&mut ledger, 1, payee, 90).unwrap();
    assert_eq!(left(&mut ledger, 1), 0);
}

#[test]
fn a_hold_of_another_keeper_is_corruption() {
    let mut ledger = world();
    make(&mut ledger, account(1), 100).unwrap();
    let stolen = ledger.run(account(9), |x| post_hold(x, eur(), (Keeper::Channel, 1), account(2), 1));
    assert!(matches!(stolen, Err(Failure::Fault(_))), "{stolen:?}");
}

#[test]
fn a_hold_posted_to_its_owner_is_released() {
    let mut ledger = world();
    make(&mut ledger, account(1), 100).unwrap();
    post(&mut ledger, 1, account(1), 100).unwrap();
    assert_eq!((balance(&mut ledger, account(1)), spendable(&mut ledger, account(1))), (1_000, 1_000));
}

// ----- netting -------------------------------------------------------------------------------------------------------

fn net(ledger: &mut Ledger, changes: &[(u8, u128, u128)]) -> Result<(), Failure> {
    let change = |&(number, debit, credit): &(u8, u128, u128)| NetChange { account: account(number), debit, credit };
    let changes: Vec<NetChange> = changes.iter().map(change).collect();
    ledger.run(account(9), |context| settle_net(context, eur(), &changes))
}

#[test]
fn net_changes_settle_all_or_nothing_and_events_rebuild_them() {
    let mut ledger = world();
    let mut book = EventBook::default();
    book.credit_genesis(eur(), account(1), 1_000);
    book.credit_genesis(eur(), account(2), 500);
    net(&mut ledger, &[(1, 700, 0), (2, 0, 400), (3, 0, 300)]).unwrap();
    ledger.storage.logs.iter().for_each(|log| book.apply(log).unwrap());
    for (who, expected) in [(1, 300), (2, 900), (3, 300)] {
        assert_eq!(balance(&mut ledger, account(who)), expected, "account {who}");
        assert_eq!(book.balance(eur(), account(who)), units(expected), "account {who} by events");
    }
    assert_eq!(book.balance(eur(), SETTLEMENT_ADDRESS), U256::ZERO);

    let short = ERC20InsufficientBalance { sender: account(3), balance: units(300), needed: units(301) };
    refused(net(&mut ledger, &[(1, 100, 0), (3, 301, 0), (2, 0, 401)]), short);
    assert_eq!(balance(&mut ledger, account(1)), 300, "nothing is left of a settlement that failed");
    freeze(&mut ledger, account(2), true);
    refused(net(&mut ledger, &[(1, 100, 0), (2, 0, 100)]), AccountFrozen { account: account(2) });
}

#[test]
fn net_changes_that_create_money_are_a_fault() {
    let mut ledger = world();
    for changes in [&[(1, 1, 0)][..], &[(1, 0, 1)], &[(1, 5, 0), (2, 0, 6)], &[(1, 0, u128::MAX), (2, 0, u128::MAX)]] {
        let result = net(&mut ledger, changes);
        assert!(matches!(result, Err(Failure::Fault(_))), "{changes:?}: {result:?}");
    }
}
