//! Holding limits: over every wallet of one person, with pending credits; rejected, parked or swept.

use super::{people::*, *};
use crate::{
    Failure,
    testing::{FREEZER, ISSUER, PAUSER},
    token::{
        IToken::{self, *},
        Keeper, NetChange, hold, hold_for, pay_for, post_hold, release_hold, settle_net,
    },
};
use alloy_primitives::U256;
use alloy_sol_types::SolError;

fn over(policy: u64, limit: u128, held: u128, amount: u128) -> IPolicy::HoldingLimitExceeded {
    let (limit, held, amount) = (units(limit), units(held), units(amount));
    IPolicy::HoldingLimitExceeded { policyId: policy, limit, held, amount }
}

fn refused(result: Result<impl std::fmt::Debug, Failure>, error: impl SolError) {
    assert_eq!(result.unwrap_err(), Failure::Revert(error.abi_encode().into()));
}

fn balance(ledger: &mut Ledger, who: Address) -> u128 {
    ledger.ok(who, eur(), balanceOfCall { account: who }).to()
}

fn pending(ledger: &mut Ledger, who: Address) -> u128 {
    ledger.ok(who, eur(), pendingCreditOfCall { account: who }).to()
}

/// A pending payment to a payee that is known.
fn pend(ledger: &mut Ledger, from: Address, to: Address, amount: u128) -> Result<u64, Failure> {
    ledger.run(from, |x| hold_for(x, eur(), Keeper::Payment, (from, to), amount))
}

fn post(ledger: &mut Ledger, number: u64, to: Address, amount: u128) -> Result<(), Failure> {
    ledger.run(account(9), |x| post_hold(x, eur(), (Keeper::Payment, number), to, amount))
}

/// EUR under a holding limit that exempts account 1, who has 1,000; account 2 has 500 and is a person with account 3.
fn limited(limit: u128, outcome: HoldingOutcome) -> (Ledger, u64) {
    let mut ledger = society();
    person(&mut ledger, &[account(2), account(3)]);
    let banks = list(&mut ledger, Kind::Allow, &[account(1)]);
    let policy = holding_limit(&mut ledger, banks, limit, outcome);
    set_policy(&mut ledger, policy);
    (ledger, policy)
}

/// The classic case: the limit is one over two wallets, and a pending credit of one counts for both.
#[test]
fn one_limit_over_two_wallets_with_pending_credits() {
    let (mut ledger, policy) = limited(700, HoldingOutcome::Reject);
    let (bank, first, second) = (account(1), account(2), account(3));
    ledger.reverts(bank, eur(), pay(second, 201), over(policy, 700, 500, 201));
    ledger.ok(bank, eur(), pay(second, 50));
    assert_eq!(pend(&mut ledger, bank, first, 100), Ok(1));
    assert_eq!((pending(&mut ledger, first), pending(&mut ledger, second)), (100, 0));
    for wallet in [first, second] {
        ledger.reverts(bank, eur(), pay(wallet, 51), over(policy, 700, 650, 51));
        refused(pend(&mut ledger, bank, wallet, 51), over(policy, 700, 650, 51));
    }
    ledger.ok(bank, eur(), pay(second, 50));
    // What was pending can be posted: it was tested when it became so.
    post(&mut ledger, 1, first, 60).unwrap();
    assert_eq!((balance(&mut ledger, first), pending(&mut ledger, first)), (560, 40));
    ledger.reverts(bank, eur(), pay(first, 1), over(policy, 700, 700, 1));
    ledger.run(bank, |x| release_hold(x, eur(), (Keeper::Payment, 1), 40)).unwrap();
    assert_eq!(pending(&mut ledger, first), 0);
    ledger.ok(bank, eur(), pay(first, 40));
    ledger.ok(first, eur(), pay(second, 600));
    ledger.reverts(bank, eur(), pay(second, 1), over(policy, 700, 700, 1));
}

#[test]
fn lowering_a_limit_blocks_credits_only() {
    let (mut ledger, policy) = limited(700, HoldingOutcome::Reject);
    let (bank, holder) = (account(1), account(2));
    assert_eq!(pend(&mut ledger, bank, holder, 150), Ok(1));
    let call = setHoldingLimitCall { policyId: policy, limit: units(100), outcome: 1 };
    ledger.ok(COMPLIANCE, TO, call);
    refused(post(&mut ledger, 1, holder, 10), over(policy, 100, 640, 10));
    ledger.reverts(bank, eur(), pay(holder, 1), over(policy, 100, 650, 1));
    assert_eq!(balance(&mut ledger, holder), 500, "what it has it keeps");
    ledger.ok(holder, eur(), pay(account(3), 400));
    ledger.ok(holder, eur(), pay(bank, 100));
    ledger.ok(account(3), eur(), pay(bank, 330));
    ledger.run(bank, |x| release_hold(x, eur(), (Keeper::Payment, 1), 120)).unwrap();
    post(&mut ledger, 1, holder, 30).unwrap();
    assert_eq!(balance(&mut ledger, holder), 30);
}

#[test]
fn pending_credits_are_those_of_the_payee_that_the_hold_names() {
    let (mut ledger, _) = limited(10_000, HoldingOutcome::Reject);
    let (bank, holder) = (account(1), account(2));
    assert_eq!(pend(&mut ledger, bank, holder, 100), Ok(1));
    // Posted to another, such as a refund that was agreed: it is pending for the first no more.
    post(&mut ledger, 1, account(5), 30).unwrap();
    assert_eq!((pending(&mut ledger, holder), balance(&mut ledger, account(5))), (70, 30));
    let plain = ledger.run(bank, |x| hold(x, eur(), Keeper::Escrow, bank, 5)).unwrap();
    assert_eq!((plain, pending(&mut ledger, holder)), (2, 70));
    // From one wallet to the other of one person nothing is pending: it would count twice.
    assert_eq!(pend(&mut ledger, holder, account(3), 10), Ok(3));
    assert_eq!(pending(&mut ledger, account(3)), 0);
    post(&mut ledger, 3, account(3), 10).unwrap();
    assert_eq!(balance(&mut ledger, account(3)), 10);
    let nobody = pend(&mut ledger, bank, TO, 1);
    refused(nobody, ERC20InvalidReceiver { receiver: TO });
}

/// What is pending for one person leaves another no room: a hold posted to somebody else counts in full.
#[test]
fn a_hold_posted_to_another_is_no_pending_credit_of_that_one() {
    let (mut ledger, policy) = limited(700, HoldingOutcome::Reject);
    let (bank, holder, other) = (account(1), account(2), account(5));
    assert_eq!(pend(&mut ledger, bank, holder, 100), Ok(1));
    ledger.ok(bank, eur(), pay(other, 690));
    refused(post(&mut ledger, 1, other, 30), over(policy, 700, 690, 30));
    post(&mut ledger, 1, other, 10).unwrap();
    assert_eq!((balance(&mut ledger, other), pending(&mut ledger, holder)), (700, 90));
}

/// The checker is checked: credits that no hold backs, and holds that no credit shows.
#[test]
fn the_checker_notices_pending_credits_that_no_hold_backs() {
    for (who, forged) in [(account(2), 99), (account(2), 101), (account(1), 1)] {
        let (mut ledger, _) = limited(10_000, HoldingOutcome::Reject);
        pend(&mut ledger, account(1), account(2), 100).unwrap();
        let check = |ledger: &mut Ledger| {
            let holders = [account(1), account(2)];
            let found = ledger.run(account(9), |x| crate::token::invariants::check(x, eur(), holders)).unwrap();
            found.iter().map(|violation| violation.invariant).collect::<Vec<_>>()
        };
        assert_eq!(check(&mut ledger), Vec::<&str>::new());
        let place = crate::token::layout::layout(eur()).pending_credits.of(&who).place();
        ledger.storage.slots.insert(place, units(forged));
        assert_eq!(check(&mut ledger), ["token.pending_is_sum_of_holds"]);
    }
}

#[test]
fn an_address_of_nobody_counts_for_itself_and_wallets_add_up_as_soon_as_they_are_linked() {
    let (mut ledger, policy) = limited(600, HoldingOutcome::Reject);
    let (bank, stranger) = (account(1), account(5));
    ledger.ok(bank, eur(), pay(stranger, 400));
    let number = person(&mut ledger, &[stranger]);
    join(&mut ledger, REGISTRAR, number, account(6));
    ledger.reverts(bank, eur(), pay(account(6), 201), over(policy, 600, 400, 201));
    ledger.ok(bank, eur(), pay(account(6), 200));
}

#[test]
fn refunds_are_exempt_and_mints_and_net_credits_are_not() {
    let (mut ledger, policy) = limited(500, HoldingOutcome::Reject);
    let (bank, holder) = (account(1), account(2));
    ledger.reverts(ISSUER, eur(), mintCall { to: holder, amount: units(1) }, over(policy, 500, 500, 1));
    let net = [NetChange { account: bank, debit: 1, credit: 0 }, NetChange { account: holder, debit: 0, credit: 1 }];
    refused(ledger.run(bank, |x| settle_net(x, eur(), &net)), over(policy, 500, 500, 1));
    let pay = |ledger: &mut Ledger, purpose| ledger.run(bank, |x| pay_for(x, eur(), purpose, (bank, holder), 7));
    refused(pay(&mut ledger, Purpose::Transfer), over(policy, 500, 500, 7));
    pay(&mut ledger, Purpose::Refund).unwrap();
    pay(&mut ledger, Purpose::Interest).unwrap();
    assert_eq!(balance(&mut ledger, holder), 514);
}

// ----- parking -------------------------------------------------------------------------------------------------------

#[test]
fn a_parked_payment_waits_with_its_payer_until_there_is_room() {
    let (mut ledger, policy) = limited(600, HoldingOutcome::Park);
    let (bank, holder) = (account(1), account(2));
    assert!(ledger.ok(bank, eur(), pay(holder, 100)), "within the limit it is paid");
    assert!(!ledger.ok(bank, eur(), pay(holder, 250)), "ERC-20's false: the units did not move");
    let logs = ledger.storage.logs.len();
    let parked = <Parked as alloy_sol_types::SolEvent>::decode_log(&ledger.storage.logs[logs - 2]).unwrap().data;
    assert_eq!(parked, Parked { holdId: 1, from: bank, to: holder, value: units(250) });
    assert_eq!((balance(&mut ledger, bank), balance(&mut ledger, holder)), (900, 600));
    let found = ledger.ok(bank, eur(), holdOfCall { holdId: 1 });
    assert_eq!((found.owner, found.keeper, found.amount), (bank, POLICY_ADDRESS, units(250)));
    assert_eq!(pending(&mut ledger, holder), 0, "what is parked is not pending: it would never fit");
    assert_eq!(ledger.ok(bank, eur(), spendableBalanceOfCall { account: bank }), units(650));

    let claim = |amount| claimParkedCall { holdId: 1, amount };
    ledger.reverts(holder, eur(), claim(units(1)), over(policy, 600, 600, 1));
    ledger.ok(holder, eur(), pay(bank, 200));
    ledger.reverts(holder, eur(), claim(U256::MAX), over(policy, 600, 400, 250));
    ledger.ok(account(9), eur(), claim(units(200)));
    assert_eq!((balance(&mut ledger, bank), balance(&mut ledger, holder)), (900, 600));
    ledger.ok(holder, eur(), pay(bank, 50));
    ledger.ok(account(9), eur(), claim(U256::MAX));
    assert_eq!(ledger.ok(bank, eur(), holdOfCall { holdId: 1 }).amount, U256::ZERO);
    assert_eq!((balance(&mut ledger, bank), balance(&mut ledger, holder)), (900, 600));
}

#[test]
fn payer_takes_parked_units_back_or_payee_declines_them_and_nobody_else() {
    for by in [account(1), account(2)] {
        let (mut ledger, _) = limited(500, HoldingOutcome::Park);
        assert!(!ledger.ok(account(1), eur(), pay(account(2), 10)));
        let call = || releaseParkedCall { holdId: 1 };
        let stranger = ParkedPartyRequired { holdId: 1, caller: account(9) };
        ledger.reverts(account(9), eur(), call(), stranger);
        ledger.ok(by, eur(), call());
        let free = ledger.ok(by, eur(), spendableBalanceOfCall { account: account(1) });
        assert_eq!(free, units(1_000));
        ledger.ok(by, eur(), call());
        ledger.ok(account(2), eur(), pay(account(1), 1));
        ledger.reverts(
            by,
            eur(),
            claimParkedCall { holdId: 1, amount: units(1) },
            HoldExceeded { holdId: 1, held: U256::ZERO, amount: units(1) },
        );
    }
}

/// Holds of modules are out of reach of these calls, and what is parked is subject to everything else.
#[test]
fn only_parked_units_are_claimed_and_every_rule_is_asked_again() {
    let (mut ledger, _) = limited(500, HoldingOutcome::Park);
    let (bank, holder) = (account(1), account(2));
    ledger.run(bank, |x| hold(x, eur(), Keeper::Escrow, bank, 5)).unwrap();
    let foreign = || HoldNotParked { holdId: 1 };
    ledger.reverts(bank, eur(), claimParkedCall { holdId: 1, amount: units(1) }, foreign());
    ledger.reverts(bank, eur(), releaseParkedCall { holdId: 1 }, foreign());
    ledger.reverts(bank, eur(), releaseParkedCall { holdId: 9 }, HoldUnknown { holdId: 9 });
    assert!(!ledger.ok(bank, eur(), pay(holder, 10)));
    ledger.ok(holder, eur(), pay(bank, 100));
    let claim = || claimParkedCall { holdId: 2, amount: U256::MAX };
    ledger.ok(FREEZER, eur(), setAddressFrozenCall { userAddress: bank, freeze: true });
    ledger.reverts(holder, eur(), claim(), AccountFrozen { account: bank });
    ledger.ok(FREEZER, eur(), setAddressFrozenCall { userAddress: bank, freeze: false });
    ledger.ok(PAUSER, eur(), pauseCall {});
    ledger.reverts(holder, eur(), claim(), EnforcedPause {});
    ledger.ok(bank, eur(), releaseParkedCall { holdId: 2 });
}

#[test]
fn parking_needs_the_units_and_the_allowance_and_a_payer_who_acts() {
    let (mut ledger, policy) = limited(500, HoldingOutcome::Park);
    let (bank, holder, operator) = (account(1), account(2), account(7));
    let short = ERC20InsufficientBalance { sender: bank, balance: units(1_000), needed: units(1_001) };
    ledger.reverts(bank, eur(), pay(holder, 1_001), short);
    ledger.ok(bank, eur(), approveCall { spender: operator, amount: units(15) });
    let pull = |amount: u128| transferFromCall { from: bank, to: holder, amount: units(amount) };
    assert!(!ledger.ok(operator, eur(), pull(10)));
    let used = ERC20InsufficientAllowance { spender: operator, allowance: units(5), needed: units(6) };
    ledger.reverts(operator, eur(), pull(6), used);
    let call = mintCall { to: holder, amount: units(1) };
    ledger.reverts(ISSUER, eur(), call, over(policy, 500, 500, 1));
    let paid = ledger.run(bank, |x| pay_for(x, eur(), Purpose::Transfer, (bank, holder), 1));
    refused(paid, over(policy, 500, 500, 1));
    // A module that can wait has a hold: it is made, without being pending, and posted when there is room.
    let number = pend(&mut ledger, bank, holder, 20).unwrap();
    assert_eq!(pending(&mut ledger, holder), 0);
    refused(post(&mut ledger, number, holder, 20), over(policy, 500, 500, 20));
    ledger.ok(holder, eur(), pay(bank, 20));
    post(&mut ledger, number, holder, 20).unwrap();
}

// ----- sweeping ------------------------------------------------------------------------------------------------------

fn link(ledger: &mut Ledger, holder: Address, linked: Address) {
    ledger.ok(holder, eur(), setLinkedAccountCall { linkedAccount: linked });
}

#[test]
fn the_excess_is_swept_to_the_linked_account() {
    let (mut ledger, policy) = limited(600, HoldingOutcome::Sweep);
    let (bank, holder, savings) = (account(1), account(2), account(6));
    ledger.reverts(bank, eur(), pay(holder, 250), over(policy, 600, 500, 250));
    link(&mut ledger, holder, savings);
    assert_eq!(ledger.ok(bank, eur(), linkedAccountOfCall { account: holder }), savings);
    assert!(ledger.ok(bank, eur(), pay(holder, 250)));
    let moved = [bank, holder, savings].map(|who| balance(&mut ledger, who));
    assert_eq!(moved, [750, 600, 150]);
    let transfers: Vec<Transfer> = ledger
        .storage
        .logs
        .iter()
        .filter_map(|log| <Transfer as alloy_sol_types::SolEvent>::decode_log(log).ok().map(|log| log.data))
        .collect();
    let last = &transfers[transfers.len() - 2..];
    assert_eq!(last[0], Transfer { from: bank, to: holder, value: units(250) });
    assert_eq!(last[1], Transfer { from: holder, to: savings, value: units(150) });
    // At the limit all of a credit goes on, however it comes.
    ledger.ok(ISSUER, eur(), mintCall { to: holder, amount: units(10) });
    let number = pend(&mut ledger, bank, holder, 5).unwrap();
    post(&mut ledger, number, holder, 5).unwrap();
    let moved = [bank, holder, savings].map(|who| balance(&mut ledger, who));
    assert_eq!(moved, [745, 600, 165]);
    let net = [NetChange { account: bank, debit: 1, credit: 0 }, NetChange { account: holder, debit: 0, credit: 1 }];
    refused(ledger.run(bank, |x| settle_net(x, eur(), &net)), over(policy, 600, 600, 1));
}

#[test]
fn a_sweep_back_to_the_payer_is_one_too() {
    let (mut ledger, _) = limited(600, HoldingOutcome::Sweep);
    let (bank, holder) = (account(1), account(2));
    link(&mut ledger, holder, bank);
    ledger.ok(bank, eur(), pay(holder, 250));
    assert_eq!((balance(&mut ledger, bank), balance(&mut ledger, holder)), (900, 600));
}

#[test]
fn a_sweep_that_its_receiver_cannot_take_stops_the_payment() {
    let (mut ledger, policy) = limited(600, HoldingOutcome::Sweep);
    let (bank, holder, savings) = (account(1), account(2), account(6));
    link(&mut ledger, holder, savings);
    link(&mut ledger, savings, bank);
    // Sweeps do not follow each other, though the second one could.
    ledger.reverts(bank, eur(), pay(holder, 701), over(policy, 600, 0, 601));
    ledger.ok(FREEZER, eur(), setAddressFrozenCall { userAddress: savings, freeze: true });
    ledger.reverts(bank, eur(), pay(holder, 200), AccountFrozen { account: savings });
    assert_eq!(balance(&mut ledger, holder), 500, "nothing is left of a payment that failed");
    ledger.ok(bank, eur(), pay(holder, 100));
    // Another wallet of the same person takes nothing away from it.
    link(&mut ledger, holder, account(3));
    ledger.reverts(bank, eur(), pay(holder, 10), over(policy, 600, 600, 10));
}

#[test]
fn who_is_linked_is_someone_else_who_can_hold() {
    let mut ledger = society();
    let call = |linked| setLinkedAccountCall { linkedAccount: linked };
    for wrong in [account(1), TO, eur()] {
        ledger.reverts(account(1), eur(), call(wrong), LinkedAccountInvalid { account: wrong });
    }
    link(&mut ledger, account(1), account(2));
    let event = ledger.last_event::<LinkedAccountSet>().1;
    assert_eq!(event, LinkedAccountSet { account: account(1), linkedAccount: account(2) });
    link(&mut ledger, account(1), Address::ZERO);
    assert_eq!(ledger.ok(account(9), eur(), linkedAccountOfCall { account: account(1) }), Address::ZERO);
}

// ----- two limits ----------------------------------------------------------------------------------------------------

/// Of two limits the stricter one decides: parking before sweeping, the larger excess, rejection before both.
#[test]
fn of_two_limits_the_stricter_one_decides() {
    let mut ledger = society();
    let (bank, holder, savings) = (account(1), account(2), account(6));
    let banks = list(&mut ledger, Kind::Allow, &[bank, savings]);
    let limit = |ledger: &mut Ledger, limit, outcome| holding_limit(ledger, banks, limit, outcome);
    let (wide, tight) =
        (limit(&mut ledger, 550, HoldingOutcome::Sweep), limit(&mut ledger, 520, HoldingOutcome::Sweep));
    let (park, reject) =
        (limit(&mut ledger, 600, HoldingOutcome::Park), limit(&mut ledger, 700, HoldingOutcome::Reject));
    let sweeps = combine(&mut ledger, Kind::AllOf, &[wide, tight]);
    let whole = combine(&mut ledger, Kind::AllOf, &[sweeps, park, reject]);
    set_policy(&mut ledger, whole);
    link(&mut ledger, holder, savings);
    assert!(ledger.ok(bank, eur(), pay(holder, 60)));
    assert_eq!((balance(&mut ledger, holder), balance(&mut ledger, savings)), (520, 40));
    assert!(!ledger.ok(bank, eur(), pay(holder, 81)));
    assert_eq!((balance(&mut ledger, holder), balance(&mut ledger, savings)), (520, 40));
    ledger.reverts(bank, eur(), pay(holder, 181), over(reject, 700, 520, 181));
}

/// What the token's interface says of these errors is what the registry's says.
#[test]
fn errors_of_rules_are_the_same_in_both_interfaces() {
    let here = over(7, 1, 2, 3).abi_encode();
    let there = IToken::HoldingLimitExceeded { policyId: 7, limit: units(1), held: units(2), amount: units(3) };
    assert_eq!(here, there.abi_encode());
    assert_eq!(IPolicy::PaymentLimitExceeded::SELECTOR, IToken::PaymentLimitExceeded::SELECTOR);
    assert_eq!(IPolicy::TravelRuleUnmet::SELECTOR, IToken::TravelRuleUnmet::SELECTOR);
}
