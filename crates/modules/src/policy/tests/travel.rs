//! The travel rule: commitment and both acknowledgements before value moves; linked transfers add up.

use super::{people::*, *};
use crate::{
    Failure, IDENTITY_ADDRESS, SETTLEMENT_ADDRESS,
    identity::IIdentity::{PersonUnknown, setRegistrarCall},
    settlement::ISettlement::{
        ParticipantBarred, admitParticipantCall, assignCall, closeWindowCall, createSchemeCall, joinCall, openDayCall,
        openWindowCall, settleWindowCall, startWindowSettlementCall,
    },
    testing::{GOVERNOR, ISSUER},
    token::{
        IToken::{mintCall, setLinkedAccountCall},
        Keeper, NetChange, hold, pay_for, post_hold, settle_net,
    },
};
use alloy_primitives::B256;
use alloy_sol_types::SolError;

const PAYER: u64 = 1;
const PAYEE: u64 = 2;

fn data() -> B256 {
    B256::repeat_byte(0xda)
}

/// EUR under a travel rule from 300 on. Account 1 is person 1, account 2 person 2 of another registrar.
fn travelling() -> (Ledger, u64) {
    let mut ledger = society();
    assert_eq!(person(&mut ledger, &[account(1)]), PAYER);
    assert_eq!(person_of(&mut ledger, OTHER_REGISTRAR, &[account(2), account(4)]), PAYEE);
    let policy = travel_rule(&mut ledger, CLOSED, 300);
    set_policy(&mut ledger, policy);
    (ledger, policy)
}

fn unmet(policy: u64, missing: u8, total: u128, amount: u128) -> TravelRuleUnmet {
    let (threshold, total, amount) = (units(300), units(total), units(amount));
    TravelRuleUnmet { policyId: policy, missing, threshold, total, amount }
}

fn open(policy: u64, amount: u128, expires_ms: u64) -> openExchangeCall {
    openExchangeCall {
        policyId: policy,
        token: eur(),
        payerPersonId: PAYER,
        payeePersonId: PAYEE,
        amount: units(amount),
        expiresMs: expires_ms,
        commitment: data(),
    }
}

fn acknowledge(policy: u64, amount: u128, expires_ms: u64) -> acknowledgeExchangeCall {
    acknowledgeExchangeCall {
        policyId: policy,
        token: eur(),
        payerPersonId: PAYER,
        payeePersonId: PAYEE,
        amount: units(amount),
        expiresMs: expires_ms,
        commitment: data(),
    }
}

fn exchanged(ledger: &mut Ledger, policy: u64, amount: u128, expires_ms: u64) {
    ledger.ok(REGISTRAR, TO, open(policy, amount, expires_ms));
    ledger.ok(OTHER_REGISTRAR, TO, acknowledge(policy, amount, expires_ms));
}

fn exchange(ledger: &mut Ledger, policy: u64) -> exchangeOfReturn {
    let call = exchangeOfCall { policyId: policy, token: eur(), payerPersonId: PAYER, payeePersonId: PAYEE };
    ledger.ok(account(9), TO, call)
}

#[test]
fn value_moves_only_after_commitment_and_both_acknowledgements() {
    let (mut ledger, policy) = travelling();
    let (payer, payee) = (account(1), account(2));
    ledger.reverts(payer, eur(), pay(payee, 300), unmet(policy, 2, 0, 300));
    ledger.ok(REGISTRAR, TO, open(policy, 350, u64::MAX));
    ledger.reverts(payer, eur(), pay(payee, 300), unmet(policy, 3, 0, 300));
    ledger.ok(OTHER_REGISTRAR, TO, acknowledge(policy, 350, u64::MAX));
    ledger.reverts(payer, eur(), pay(payee, 351), unmet(policy, 2, 0, 351));
    ledger.ok(payer, eur(), pay(payee, 300));
    let found = exchange(&mut ledger, policy);
    assert_eq!((found.left, found.acknowledged, found.commitment), (units(50), true, data()));
    assert_eq!(found.today, units(300));
    // All further ones of the day need it, until it is used up.
    ledger.ok(payer, eur(), pay(account(4), 40));
    ledger.reverts(payer, eur(), pay(payee, 11), unmet(policy, 2, 340, 11));
    ledger.ok(payer, eur(), pay(payee, 10));
}

/// Linked transfers add up by pair of persons and day, over all their addresses.
#[test]
fn linked_transfers_add_up_until_midnight() {
    let (mut ledger, policy) = travelling();
    let payer = account(1);
    ledger.ok(payer, eur(), pay(account(2), 150));
    ledger.ok(payer, eur(), pay(account(4), 149));
    ledger.reverts(payer, eur(), pay(account(2), 1), unmet(policy, 2, 299, 1));
    ledger.ok(account(2), eur(), pay(payer, 299));
    ledger.timestamp_ms = at(2024, 2) - 1;
    ledger.reverts(payer, eur(), pay(account(2), 1), unmet(policy, 2, 299, 1));
    ledger.timestamp_ms = at(2024, 2);
    ledger.ok(payer, eur(), pay(account(2), 299));
    assert_eq!(exchange(&mut ledger, policy).today, units(299));
}

#[test]
fn an_exchange_is_void_at_the_very_instant_of_its_expiry() {
    let (mut ledger, policy) = travelling();
    let end = ledger.timestamp_ms + 1_000;
    exchanged(&mut ledger, policy, 600, end);
    ledger.timestamp_ms = end - 1;
    ledger.ok(account(1), eur(), pay(account(2), 300));
    ledger.timestamp_ms = end;
    ledger.reverts(account(1), eur(), pay(account(2), 1), unmet(policy, 2, 300, 1));
    let now = ledger.timestamp_ms;
    ledger.reverts(REGISTRAR, TO, open(policy, 1, now), ExchangeExpiryInvalid { expiresMs: now, nowMs: now });
}

/// Found by the model: an exchange that is void covered a payment of nothing, once the threshold was reached.
#[test]
fn zero_units_do_not_travel() {
    let (mut ledger, policy) = travelling();
    let end = ledger.timestamp_ms + 1_000;
    exchanged(&mut ledger, policy, 300, end);
    ledger.ok(account(1), eur(), pay(account(2), 300));
    for now in [end - 1, end] {
        ledger.timestamp_ms = now;
        ledger.ok(account(1), eur(), pay(account(2), 0));
        ledger.reverts(account(1), eur(), pay(account(2), 1), unmet(policy, 2, 300, 1));
    }
}

#[test]
fn without_persons_there_is_nobody_to_ask() {
    let (mut ledger, policy) = travelling();
    ledger.reverts(account(1), eur(), pay(account(5), 300), unmet(policy, 1, 0, 300));
    ledger.ok(account(1), eur(), pay(account(5), 299));
    ledger.reverts(account(1), eur(), pay(account(5), 1), unmet(policy, 1, 299, 1));
    ledger.ok(account(5), eur(), pay(account(1), 299));
}

#[test]
fn who_opens_anew_needs_a_new_acknowledgement_and_what_was_seen_is_what_counts() {
    let (mut ledger, policy) = travelling();
    exchanged(&mut ledger, policy, 300, u64::MAX);
    ledger.ok(REGISTRAR, TO, open(policy, 900, u64::MAX));
    assert!(!exchange(&mut ledger, policy).acknowledged);
    ledger.reverts(account(1), eur(), pay(account(2), 300), unmet(policy, 3, 0, 300));
    let differs = || ExchangeDiffers { openAmount: units(900), openExpiresMs: u64::MAX, openCommitment: data() };
    ledger.reverts(OTHER_REGISTRAR, TO, acknowledge(policy, 300, u64::MAX), differs());
    ledger.reverts(OTHER_REGISTRAR, TO, acknowledge(policy, 900, 5), differs());
    let other = acknowledgeExchangeCall { commitment: B256::repeat_byte(1), ..acknowledge(policy, 900, u64::MAX) };
    ledger.reverts(OTHER_REGISTRAR, TO, other, differs());
    ledger.ok(OTHER_REGISTRAR, TO, acknowledge(policy, 900, u64::MAX));
    let event = ledger.last_event::<ExchangeAcknowledged>().1;
    assert_eq!((event.payerPersonId, event.payeePersonId, event.commitment), (PAYER, PAYEE, data()));
}

#[test]
fn errors_of_exchanges_come_in_the_promised_order() {
    let (mut ledger, policy) = travelling();
    let now = ledger.timestamp_ms;
    let wrong = openExchangeCall {
        policyId: 999,
        payerPersonId: 9,
        payeePersonId: 9,
        commitment: B256::ZERO,
        ..open(policy, 1, 0)
    };
    ledger.reverts(account(9), TO, wrong.clone(), PolicyUnknown { policyId: 999 });
    let wrong = openExchangeCall { policyId: 2, ..wrong };
    ledger.reverts(account(9), TO, wrong.clone(), PolicyNotRule { policyId: 2, kind: 12 });
    let wrong = openExchangeCall { policyId: policy, ..wrong };
    ledger.reverts(account(9), TO, wrong.clone(), PersonUnknown { personId: 9 });
    let wrong = openExchangeCall { payerPersonId: PAYER, ..wrong };
    let need = |person, caller, registrar| InstitutionRequired { personId: person, caller, registrar };
    for caller in [account(1), OTHER_REGISTRAR] {
        ledger.reverts(caller, TO, wrong.clone(), need(PAYER, caller, REGISTRAR));
    }
    ledger.reverts(REGISTRAR, TO, wrong.clone(), PersonUnknown { personId: 9 });
    let wrong = openExchangeCall { payeePersonId: PAYEE, ..wrong };
    ledger.reverts(REGISTRAR, TO, wrong.clone(), ExchangeExpiryInvalid { expiresMs: 0, nowMs: now });
    let wrong = openExchangeCall { expiresMs: now + 1, ..wrong };
    ledger.reverts(REGISTRAR, TO, wrong, ExchangeCommitmentMissing {});

    let call = acknowledge(policy, 1, 0);
    let wrong = acknowledgeExchangeCall { policyId: 999, payeePersonId: 9, ..call.clone() };
    ledger.reverts(account(9), TO, wrong.clone(), PolicyUnknown { policyId: 999 });
    let wrong = acknowledgeExchangeCall { policyId: 3, ..wrong };
    ledger.reverts(account(9), TO, wrong.clone(), PolicyNotRule { policyId: 3, kind: 12 });
    let wrong = acknowledgeExchangeCall { policyId: policy, ..wrong };
    ledger.reverts(account(9), TO, wrong, PersonUnknown { personId: 9 });
    ledger.reverts(REGISTRAR, TO, call.clone(), need(PAYEE, REGISTRAR, OTHER_REGISTRAR));
    let none = ExchangeUnknown { policyId: policy, payerPersonId: PAYER, payeePersonId: PAYEE };
    ledger.reverts(OTHER_REGISTRAR, TO, call.clone(), none);
    ledger.ok(GOVERNOR, IDENTITY_ADDRESS, setRegistrarCall { account: OTHER_REGISTRAR, appointed: false });
    ledger.reverts(OTHER_REGISTRAR, TO, call, need(PAYEE, OTHER_REGISTRAR, OTHER_REGISTRAR));
}

/// A hold is asked when it is posted: that is when value moves. A refund has its original's exchange.
#[test]
fn posting_travels_and_holding_and_refunding_do_not() {
    let (mut ledger, policy) = travelling();
    let (payer, payee) = (account(1), account(2));
    let number = ledger.run(payer, |x| hold(x, eur(), Keeper::Payment, payer, 400)).unwrap();
    let post = |ledger: &mut Ledger| ledger.run(payer, |x| post_hold(x, eur(), (Keeper::Payment, number), payee, 400));
    assert_eq!(post(&mut ledger), Err(Failure::Revert(unmet(policy, 2, 0, 400).abi_encode().into())));
    exchanged(&mut ledger, policy, 400, u64::MAX);
    post(&mut ledger).unwrap();
    ledger.run(payee, |x| pay_for(x, eur(), Purpose::Refund, (payee, payer), 400)).unwrap();
}

#[test]
fn exempt_is_only_who_is_so_on_both_sides() {
    let mut ledger = society();
    person(&mut ledger, &[account(1)]);
    person(&mut ledger, &[account(2)]);
    let banks = list(&mut ledger, Kind::Allow, &[account(1)]);
    let policy = travel_rule(&mut ledger, banks, 300);
    set_policy(&mut ledger, policy);
    ledger.reverts(account(1), eur(), pay(account(2), 300), unmet(policy, 2, 0, 300));
    ledger.ok(COMPLIANCE, TO, addMembersCall { policyId: banks, accounts: vec![account(2)] });
    ledger.ok(account(1), eur(), pay(account(2), 300));
}

/// A scheme of one's own is no way around the rule: account 1 pays account 2 through a window between the two.
#[test]
fn a_net_window_of_ones_own_is_no_way_around_the_rule() {
    let (mut ledger, _) = travelling();
    let (payer, payee, to) = (account(1), account(2), SETTLEMENT_ADDRESS);
    let call = createSchemeCall { token: eur(), bypassFifo: false, defaultRule: 0 };
    let scheme = ledger.ok(payer, to, call);
    for who in [payer, payee] {
        ledger.ok(payer, to, admitParticipantCall { schemeId: scheme, account: who });
        ledger.ok(who, to, joinCall { schemeId: scheme });
    }
    let cut_off = ledger.timestamp_ms + 1_000_000;
    ledger.ok(payer, to, openDayCall { schemeId: scheme, valueDate: 20_240_101, cutOffMs: cut_off });
    let settle = |ledger: &mut Ledger, amount: u128, number: u8| {
        let window = ledger.ok(payer, to, openWindowCall { schemeId: scheme });
        let instruction_reference = B256::repeat_byte(number);
        let call = assignCall {
            windowId: window,
            creditor: payee,
            amount: units(amount),
            instructionReference: instruction_reference,
        };
        ledger.ok(payer, to, call);
        ledger.ok(payer, to, closeWindowCall { windowId: window });
        let deadline = ledger.timestamp_ms + 1_000;
        ledger.ok(payer, to, startWindowSettlementCall { windowId: window, fundBeforeMs: deadline });
        ledger.call(account(9), to, settleWindowCall { windowId: window })
    };
    // A window names whom it cannot settle for.
    let barred = ParticipantBarred { schemeId: scheme, account: payer };
    let barred = || Err(Failure::Revert(barred.abi_encode().into()));
    assert_eq!(settle(&mut ledger, 300, 1), barred());
    assert_eq!(settle(&mut ledger, 299, 2), Ok(true), "below the threshold");
    assert_eq!(settle(&mut ledger, 1, 3), barred(), "and in parts it adds up");
}

/// Who is exempt settles net for its own account; the other side is asked for itself.
#[test]
fn institutions_settle_net_when_they_are_exempt() {
    let mut ledger = society();
    let banks = list(&mut ledger, Kind::Allow, &[account(1)]);
    let policy = travel_rule(&mut ledger, banks, 300);
    set_policy(&mut ledger, policy);
    let change = |account, debit, credit| NetChange { account, debit, credit };
    let net = [change(account(1), 300, 0), change(account(2), 0, 300)];
    let settle = |ledger: &mut Ledger| ledger.run(account(9), |x| settle_net(x, eur(), &net));
    assert_eq!(settle(&mut ledger), Err(Failure::Revert(unmet(policy, 4, 0, 300).abi_encode().into())));
    ledger.ok(COMPLIANCE, TO, addMembersCall { policyId: banks, accounts: vec![account(2)] });
    settle(&mut ledger).unwrap();
}

/// A linked account is no way around the rule either: what is swept is paid by who linked it.
#[test]
fn what_is_swept_travels() {
    let mut ledger = society();
    let (bank, holder, other) = (account(1), account(2), account(5));
    let payer = person(&mut ledger, &[holder]);
    let payee = person_of(&mut ledger, OTHER_REGISTRAR, &[other]);
    person(&mut ledger, &[bank]);
    let banks = list(&mut ledger, Kind::Allow, &[bank, other]);
    let room = holding_limit(&mut ledger, banks, 500, HoldingOutcome::Sweep);
    // The bank's own payments are below the threshold of its pair each day; those that the holder passes on are not.
    let rule = travel_rule(&mut ledger, CLOSED, 300);
    let whole = combine(&mut ledger, Kind::AllOf, &[room, rule]);
    set_policy(&mut ledger, whole);
    ledger.ok(holder, eur(), setLinkedAccountCall { linkedAccount: other });
    ledger.ok(bank, eur(), pay(holder, 200));
    ledger.ok(account(5), eur(), pay(bank, 200));
    ledger.ok(ISSUER, eur(), mintCall { to: holder, amount: units(99) });
    let mint = || mintCall { to: holder, amount: units(1) };
    ledger.reverts(ISSUER, eur(), mint(), unmet(rule, 2, 299, 1));
    let call = openExchangeCall { payerPersonId: payer, payeePersonId: payee, ..open(rule, 300, u64::MAX) };
    ledger.ok(REGISTRAR, TO, call);
    let call =
        acknowledgeExchangeCall { payerPersonId: payer, payeePersonId: payee, ..acknowledge(rule, 300, u64::MAX) };
    ledger.ok(OTHER_REGISTRAR, TO, call);
    ledger.ok(ISSUER, eur(), mint());
    // To another wallet of the same person nothing travels.
    ledger.ok(COMPLIANCE, TO, addMembersCall { policyId: banks, accounts: vec![account(6)] });
    join(&mut ledger, REGISTRAR, payer, account(6));
    ledger.ok(holder, eur(), setLinkedAccountCall { linkedAccount: account(6) });
    let call = mintCall { to: holder, amount: units(1_000) };
    ledger.ok(ISSUER, eur(), call);
}
