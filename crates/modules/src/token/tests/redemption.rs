//! Redemption: who may do what and when, pay-out in one step, and what freezes and seizures leave of it.

use super::{
    issuance::{BANK_A, BANK_B, backed, bank_money, line, mint, pledge, seize, sound},
    *,
};

const HOLDER: Address = Address::repeat_byte(3);
const REFERENCE: B256 = B256::repeat_byte(0x42);
const REASON: [u8; 4] = *b"AC04";

/// Bank A issued 300 units to a holder, who asked to redeem 200 within a second.
fn requested() -> Ledger {
    let mut ledger = backed();
    ledger.ok(BANK_A, bank_money(), pledge(400));
    ledger.ok(BANK_A, bank_money(), mint(300));
    let call = request(&ledger, 200);
    assert_eq!(ledger.ok(HOLDER, bank_money(), call), 1);
    ledger
}

fn request(ledger: &Ledger, amount: u128) -> requestRedemptionCall {
    let end = ledger.timestamp_ms + 1_000;
    requestRedemptionCall { issuer: BANK_A, amount: units(amount), endToEnd: REFERENCE, deadlineMs: end }
}

fn fulfil(amount: u128, pay_out: bool) -> fulfilRedemptionCall {
    let amount = if amount == u128::MAX { U256::MAX } else { units(amount) };
    fulfilRedemptionCall { redemptionId: 1, amount, payOut: pay_out }
}

fn refuse(reason: [u8; 4]) -> refuseRedemptionCall {
    refuseRedemptionCall { redemptionId: 1, reason: reason.into() }
}

fn state(ledger: &mut Ledger) -> (u8, u128, u128) {
    let found = ledger.ok(HOLDER, bank_money(), redemptionOfCall { redemptionId: 1 });
    (found.status, found.redeemed.to(), found.left.to())
}

fn free(ledger: &mut Ledger, token: Address) -> u128 {
    ledger.ok(HOLDER, token, spendableBalanceOfCall { account: HOLDER }).to()
}

#[test]
fn a_redemption_is_paid_out_of_the_reserve_in_one_step() {
    let mut ledger = requested();
    let found = ledger.ok(HOLDER, bank_money(), redemptionOfCall { redemptionId: 1 });
    assert_eq!((found.holder, found.issuer, found.endToEnd), (HOLDER, BANK_A, REFERENCE));
    assert_eq!((free(&mut ledger, bank_money()), state(&mut ledger)), (100, (1, 0, 200)));
    ledger.ok(BANK_A, bank_money(), fulfil(50, false));
    assert_eq!((free(&mut ledger, eur()), line(&mut ledger, BANK_A)), (0, (600, 250, 400)));
    ledger.ok(BANK_A, bank_money(), fulfil(u128::MAX, true));
    assert_eq!((free(&mut ledger, eur()), line(&mut ledger, BANK_A)), (150, (600, 100, 250)));
    assert_eq!(state(&mut ledger), (2, 200, 0));
    let event = RedemptionEnded { redemptionId: 1, status: 2, reason: [0; 4].into(), released: U256::ZERO };
    assert_eq!(ledger.last_event::<RedemptionEnded>().1, event);
    ledger.reverts(BANK_A, bank_money(), fulfil(1, false), RedemptionNotPending { redemptionId: 1, status: 2 });
    assert_eq!(sound(&mut ledger), []);
}

#[test]
fn what_the_reserve_token_forbids_undoes_the_redemption() {
    let mut ledger = requested();
    ledger.ok(COMPLIANCE, POLICY_ADDRESS, addMembersCall { policyId: 2, accounts: vec![HOLDER] });
    let error = PolicyForbids { policyId: 2, account: HOLDER };
    ledger.reverts(BANK_A, bank_money(), fulfil(u128::MAX, true), error);
    assert_eq!((state(&mut ledger), line(&mut ledger, BANK_A)), ((1, 0, 200), (600, 300, 400)));
    ledger.ok(BANK_A, bank_money(), fulfil(u128::MAX, false));
    assert_eq!(sound(&mut ledger), []);
}

#[test]
fn requests_name_an_amount_an_issuer_and_an_end() {
    let mut ledger = requested();
    let (to, now) = (bank_money(), ledger.timestamp_ms);
    let base = request(&ledger, 1);
    let beyond = units(u128::MAX) + U256::ONE;
    for amount in [U256::ZERO, beyond, U256::MAX] {
        let call = requestRedemptionCall { amount, issuer: HOLDER, deadlineMs: 0, ..base.clone() };
        ledger.reverts(HOLDER, to, call, RedemptionAmountInvalid { amount });
    }
    let call = requestRedemptionCall { issuer: HOLDER, deadlineMs: 0, ..base.clone() };
    ledger.reverts(HOLDER, to, call, IssuerUnknown { issuer: HOLDER });
    let latest = now + REDEMPTION_MS_MAX;
    for end in [0, now, latest + 1] {
        let error = RedemptionDeadlineInvalid { deadlineMs: end, nowMs: now, deadlineMsMax: latest };
        ledger.reverts(HOLDER, to, requestRedemptionCall { deadlineMs: end, ..base.clone() }, error);
    }
    let error = InsufficientUnheldBalance {
        sender: HOLDER,
        balance: units(300),
        frozen: U256::ZERO,
        held: units(200),
        needed: units(101),
    };
    ledger.reverts(HOLDER, to, request(&ledger, 101), error);
    ledger.ok(HOLDER, to, requestRedemptionCall { deadlineMs: latest, ..request(&ledger, 100) });
}

#[test]
fn each_party_does_what_is_its_own() {
    let mut ledger = requested();
    let to = bank_money();
    let party = |caller, party| RedemptionPartyRequired { redemptionId: 1, caller, party };
    for stranger in [HOLDER, BANK_B, ADMIN] {
        ledger.reverts(stranger, to, fulfil(1, false), party(stranger, BANK_A));
        ledger.reverts(stranger, to, refuse(REASON), party(stranger, BANK_A));
    }
    ledger.reverts(BANK_A, to, withdrawRedemptionCall { redemptionId: 1 }, party(BANK_A, HOLDER));
    for number in [0, 2, u64::MAX] {
        let error = RedemptionUnknown { redemptionId: number };
        ledger.reverts(HOLDER, to, withdrawRedemptionCall { redemptionId: number }, error);
    }
    for amount in [U256::ZERO, units(u128::MAX) + U256::ONE] {
        let call = fulfilRedemptionCall { redemptionId: 1, amount, payOut: true };
        ledger.reverts(BANK_A, to, call, RedemptionAmountInvalid { amount });
    }
    ledger.reverts(BANK_A, to, fulfil(201, true), HoldExceeded { holdId: 1, held: units(200), amount: units(201) });
    ledger.reverts(BANK_A, to, refuse([0; 4]), RedemptionReasonMissing { redemptionId: 1 });
    ledger.ok(BANK_A, to, refuse(REASON));
    assert_eq!((free(&mut ledger, to), state(&mut ledger)), (300, (3, 0, 0)));
    assert_eq!(ledger.ok(HOLDER, to, redemptionOfCall { redemptionId: 1 }).reason, REASON);
    let ended = || RedemptionNotPending { redemptionId: 1, status: 3 };
    ledger.reverts(HOLDER, to, withdrawRedemptionCall { redemptionId: 1 }, ended());
    ledger.reverts(HOLDER, to, expireRedemptionCall { redemptionId: 1 }, ended());
}

#[test]
fn at_the_very_instant_of_the_deadline_the_issuer_is_late() {
    let mut ledger = requested();
    let (to, end) = (bank_money(), ledger.timestamp_ms + 1_000);
    let expire = || expireRedemptionCall { redemptionId: 1 };
    ledger.timestamp_ms = end - 1;
    let error = RedemptionNotDue { redemptionId: 1, deadlineMs: end, nowMs: end - 1 };
    ledger.reverts(account(9), to, expire(), error);
    ledger.ok(BANK_A, to, fulfil(10, false));
    ledger.timestamp_ms = end;
    let late = || RedemptionLate { redemptionId: 1, deadlineMs: end, nowMs: end };
    ledger.reverts(BANK_A, to, fulfil(10, false), late());
    ledger.reverts(BANK_A, to, refuse(REASON), late());
    ledger.ok(account(9), to, expire());
    assert_eq!((free(&mut ledger, to), state(&mut ledger)), (290, (5, 10, 0)));
    assert_eq!(sound(&mut ledger), []);
}

#[test]
fn a_holder_withdraws_even_paused_frozen_and_late() {
    let mut ledger = requested();
    let to = bank_money();
    for role in [PAUSER_ROLE, FREEZER_ROLE] {
        ledger.ok(ADMIN, to, grantRoleCall { role, account: ADMIN });
    }
    ledger.ok(ADMIN, to, setAddressFrozenCall { userAddress: HOLDER, freeze: true });
    ledger.reverts(BANK_A, to, fulfil(10, false), AccountFrozen { account: HOLDER });
    ledger.ok(ADMIN, to, pauseCall {});
    ledger.reverts(BANK_A, to, fulfil(10, false), EnforcedPause {});
    ledger.timestamp_ms += 5_000;
    ledger.ok(HOLDER, to, withdrawRedemptionCall { redemptionId: 1 });
    assert_eq!(state(&mut ledger), (4, 0, 0));
}

#[test]
fn a_seizure_leaves_less_to_redeem() {
    let mut ledger = requested();
    let to = bank_money();
    assert!(seize(&mut ledger, to, 1, 150));
    ledger.reverts(BANK_A, to, fulfil(51, true), HoldExceeded { holdId: 1, held: units(50), amount: units(51) });
    ledger.ok(BANK_A, to, fulfil(u128::MAX, true));
    assert_eq!((free(&mut ledger, eur()), state(&mut ledger)), (50, (2, 50, 0)));

    let call = request(&ledger, 100);
    ledger.ok(HOLDER, to, call);
    assert!(seize(&mut ledger, to, 2, 100));
    let call = fulfilRedemptionCall { redemptionId: 2, amount: U256::MAX, payOut: false };
    ledger.reverts(BANK_A, to, call, RedemptionAmountInvalid { amount: U256::MAX });
    ledger.ok(HOLDER, to, withdrawRedemptionCall { redemptionId: 2 });
    assert_eq!(sound(&mut ledger), []);
}

/// An issuer that lost its role is wound down; one that never issued is not asked.
#[test]
fn a_former_issuer_redeems_what_it_has_outstanding() {
    let mut ledger = requested();
    let to = bank_money();
    ledger.ok(ADMIN, to, revokeRoleCall { role: ISSUER_ROLE, account: BANK_A });
    let call = request(&ledger, 100);
    ledger.ok(HOLDER, to, call);
    ledger.ok(BANK_A, to, fulfil(u128::MAX, true));
    ledger.ok(BANK_A, to, fulfilRedemptionCall { redemptionId: 2, amount: U256::MAX, payOut: true });
    assert_eq!(ledger.ok(HOLDER, to, totalSupplyCall {}), U256::ZERO);
    ledger.ok(BANK_A, to, releaseReserveCall { amount: units(100) });
    ledger.ok(BANK_B, to, pledge(10));
    ledger.ok(BANK_B, to, mint(10));
    let call = request(&ledger, 10);
    ledger.reverts(HOLDER, to, call, IssuerUnknown { issuer: BANK_A });
    assert_eq!(sound(&mut ledger), []);
}

/// Units are alike: an issuer asked for more than it issued cannot redeem them.
#[test]
fn an_issuer_redeems_no_more_than_it_issued() {
    let mut ledger = requested();
    let to = bank_money();
    ledger.ok(BANK_B, to, pledge(20));
    ledger.ok(BANK_B, to, mint(20));
    let call = requestRedemptionCall { issuer: BANK_B, ..request(&ledger, 21) };
    ledger.ok(HOLDER, to, call);
    let call = fulfilRedemptionCall { redemptionId: 2, amount: U256::MAX, payOut: false };
    let error = OutstandingExceeded { issuer: BANK_B, outstanding: units(20), amount: units(21) };
    ledger.reverts(BANK_B, to, call, error);
    ledger.ok(BANK_B, to, fulfilRedemptionCall { redemptionId: 2, amount: units(20), payOut: true });
    assert_eq!(sound(&mut ledger), []);
}

#[test]
fn a_token_without_backing_redeems_without_a_reserve() {
    let mut ledger = world();
    let end = ledger.timestamp_ms + 1;
    let call = requestRedemptionCall { issuer: ISSUER, amount: units(400), endToEnd: REFERENCE, deadlineMs: end };
    ledger.ok(account(1), eur(), call);
    ledger.reverts(ISSUER, eur(), fulfil(1, true), BackingKindRequired { needed: 1, kind: 0 });
    ledger.ok(ISSUER, eur(), fulfil(u128::MAX, false));
    assert_eq!(ledger.ok(ISSUER, eur(), totalSupplyCall {}), units(1_100));
    assert_eq!(sound(&mut ledger), []);
}
