//! Receipts of decisions, replaying them, and the dry run.

use super::{people::*, *};
use crate::{
    calls::IModule,
    testing::{FREEZER, PAUSER},
    token::{IToken::*, Remedy},
};
use alloy_primitives::{U256, keccak256};
use alloy_sol_types::{SolEvent, SolValue};

fn decisions(ledger: &Ledger) -> Vec<IPolicy::Decision> {
    let logs = ledger.storage.logs.iter().filter(|log| log.address == TO);
    logs.filter_map(|log| IPolicy::Decision::decode_log(log).ok().map(|log| log.data)).collect()
}

fn replay_of(
    decision: &IPolicy::Decision,
    payer: Address,
    payee: Address,
    amount: u128,
    now_ms: u64,
) -> replayDecisionCall {
    replayDecisionCall {
        policyId: decision.policyId,
        token: decision.token,
        payer,
        payee,
        operator: Address::ZERO,
        amount: units(amount),
        purpose: 1,
        timestampMs: now_ms,
        figures: decision.figures.clone(),
    }
}

#[test]
fn lists_alone_leave_no_receipt() {
    let mut ledger = society();
    for policy in [OPEN, 2, 3] {
        set_policy(&mut ledger, policy);
        ledger.ok(account(1), eur(), pay(account(2), 1));
    }
    let both = combine(&mut ledger, Kind::AllOf, &[2, 3]);
    set_policy(&mut ledger, both);
    ledger.ok(account(1), eur(), pay(account(2), 1));
    assert_eq!(decisions(&ledger), []);
    let any = condition(&mut ledger, Kind::KnownPerson, 0);
    let either = combine(&mut ledger, Kind::AnyOf, &[2, any]);
    set_policy(&mut ledger, either);
    ledger.ok(account(1), eur(), pay(account(2), 1));
    assert_eq!(decisions(&ledger).len(), 1);
}

#[test]
fn a_receipt_names_policy_version_inputs_and_outcome() {
    let mut ledger = society();
    let limit = payment_limit(&mut ledger, CLOSED, [NO_LIMIT, units(100), units(500)]);
    let whole = combine(&mut ledger, Kind::AllOf, &[2, limit]);
    set_policy(&mut ledger, whole);
    let now = ledger.timestamp_ms;
    ledger.ok(account(1), eur(), pay(account(2), 30));
    ledger.ok(account(1), eur(), pay(account(2), 40));
    let [first, second] = &decisions(&ledger)[..] else { panic!("two decisions") };
    assert_eq!((first.policyId, first.token, first.version, first.rule, first.outcome), (whole, eur(), 0, 0, 1));
    assert_eq!((&first.figures, &second.figures), (&vec![U256::ZERO; 2], &vec![units(30); 2]));
    // Anyone can hash the inputs as Solidity's abi.encode does.
    let (payer, payee, nobody) = (account(1), account(2), Address::ZERO);
    let one = U256::ONE;
    let inputs = (U256::from(whole), eur(), payer, payee, nobody, units(40), one, U256::from(now), vec![units(30); 2]);
    assert_eq!(second.inputsHash, keccak256(inputs.abi_encode_params()));
}

#[test]
fn a_decision_is_replayed_from_its_inputs_after_everything_has_gone_on() {
    let mut ledger = society();
    let number = person(&mut ledger, &[account(1)]);
    let end = ledger.timestamp_ms + 1_000;
    give(&mut ledger, number, KYC, 2, end);
    let tier = condition(&mut ledger, Kind::KycTier, 2);
    let known = list(&mut ledger, Kind::Allow, &[account(2)]);
    let parties = combine(&mut ledger, Kind::AnyOf, &[tier, known]);
    let limit = payment_limit(&mut ledger, CLOSED, [NO_LIMIT, units(100), NO_LIMIT]);
    let whole = combine(&mut ledger, Kind::AllOf, &[parties, limit]);
    set_policy(&mut ledger, whole);
    let then = ledger.timestamp_ms;
    ledger.ok(account(1), eur(), pay(account(2), 60));
    ledger.ok(account(1), eur(), pay(account(2), 40));
    let decision = decisions(&ledger)[0].clone();

    // Later the limit is used up and the credential expired: the inputs of then still give the answer of then.
    ledger.timestamp_ms = end + DAY_MS;
    let call = replay_of(&decision, account(1), account(2), 60, then);
    let found = ledger.ok(account(9), TO, call.clone());
    assert_eq!((found.version, found.rule, found.inputsHash, found.outcome), (0, 0, decision.inputsHash, 1));
    // At another time, with other figures or another amount it is another decision.
    let expired = replayDecisionCall { timestampMs: end, ..call.clone() };
    let found = ledger.ok(account(9), TO, expired);
    assert_eq!((found.outcome, found.rule), (2, parties));
    assert_ne!(found.inputsHash, decision.inputsHash);
    let used = replayDecisionCall { figures: vec![units(41)], ..call.clone() };
    let found = ledger.ok(account(9), TO, used);
    assert_eq!((found.outcome, found.rule), (2, limit));
    assert_ne!(found.inputsHash, decision.inputsHash);
    let none = replayDecisionCall { figures: vec![], ..call.clone() };
    ledger.reverts(account(9), TO, none, FiguresMissing { length: U256::ZERO });
    let huge = replayDecisionCall { figures: vec![U256::MAX], ..call.clone() };
    ledger.reverts(account(9), TO, huge, FiguresMissing { length: U256::ZERO });
    let more = replayDecisionCall { figures: vec![U256::ZERO; 5], ..call.clone() };
    let found = ledger.ok(account(9), TO, more);
    assert_eq!(found.inputsHash, decision.inputsHash, "what is not asked for is no input");
    let wrong = replayDecisionCall { purpose: 13, ..call.clone() };
    ledger.reverts(account(9), TO, wrong, PurposeUnknown { purpose: 13 });
    let wrong = replayDecisionCall { policyId: 999, ..call.clone() };
    ledger.reverts(account(9), TO, wrong, IPolicy::PolicyUnknown { policyId: 999 });

    // A change of the policy shows in the version.
    ledger.ok(COMPLIANCE, TO, addMembersCall { policyId: known, accounts: vec![account(7)] });
    assert_eq!(ledger.ok(account(9), TO, call).version, 1);
}

/// Versions add up over everything beneath, exempt policies included, and count changes only.
#[test]
fn a_version_counts_changes_of_all_that_is_referenced() {
    let mut ledger = society();
    let exempt = list(&mut ledger, Kind::Allow, &[account(5), account(6)]);
    let limit = payment_limit(&mut ledger, exempt, [NO_LIMIT; 3]);
    let banned = list(&mut ledger, Kind::Deny, &[]);
    let inner = combine(&mut ledger, Kind::AllOf, &[banned, limit]);
    let whole = combine(&mut ledger, Kind::AllOf, &[inner, 2]);
    let version = |ledger: &mut Ledger| ledger.ok(account(9), TO, versionOfCall { policyId: whole });
    assert_eq!(version(&mut ledger), 0, "a policy begins with version 0, whatever it was made with");
    let add = |policy, who| addMembersCall { policyId: policy, accounts: vec![account(who)] };
    ledger.ok(COMPLIANCE, TO, add(banned, 7));
    ledger.ok(COMPLIANCE, TO, add(banned, 7));
    assert_eq!(version(&mut ledger), 1, "what was so already is no change");
    ledger.ok(COMPLIANCE, TO, removeMembersCall { policyId: exempt, accounts: vec![account(5), account(6)] });
    assert_eq!(version(&mut ledger), 2);
    let call = setPaymentLimitCall { policyId: limit, perTransaction: units(1), perDay: units(1), perMonth: units(1) };
    ledger.ok(COMPLIANCE, TO, call);
    assert_eq!(version(&mut ledger), 3);
    ledger.ok(COMPLIANCE, TO, add(3, 7));
    assert_eq!(version(&mut ledger), 3, "policy 3 is not referenced");
    assert_eq!(ledger.ok(account(9), TO, versionOfCall { policyId: OPEN }), 0);
    ledger.reverts(account(9), TO, versionOfCall { policyId: 999 }, IPolicy::PolicyUnknown { policyId: 999 });
}

#[test]
fn diverted_movements_have_receipts_that_can_be_replayed() {
    let mut ledger = society();
    let (bank, holder) = (account(1), account(2));
    let banks = list(&mut ledger, Kind::Allow, &[bank]);
    let park = holding_limit(&mut ledger, banks, 500, HoldingOutcome::Park);
    let sweep = holding_limit(&mut ledger, banks, 500, HoldingOutcome::Sweep);
    let now = ledger.timestamp_ms;
    ledger.ok(holder, eur(), setLinkedAccountCall { linkedAccount: bank });
    for (policy, outcome, count) in [(park, 3, 1), (sweep, 4, 2)] {
        set_policy(&mut ledger, policy);
        let before = decisions(&ledger).len();
        ledger.ok(bank, eur(), pay(holder, 10));
        let found = decisions(&ledger)[before..].to_vec();
        assert_eq!(found.len(), count, "a sweep is a movement with a decision of its own");
        assert_eq!((found[0].policyId, found[0].rule, found[0].outcome), (policy, policy, outcome));
        assert_eq!(found[0].figures, [units(500)]);
        let again = ledger.ok(account(9), TO, replay_of(&found[0], bank, holder, 10, now));
        assert_eq!((again.outcome, again.rule, again.inputsHash), (outcome, policy, found[0].inputsHash));
    }
}

#[test]
fn a_refused_movement_leaves_its_reason_and_no_receipt() {
    let mut ledger = society();
    let limit = payment_limit(&mut ledger, CLOSED, [units(1), NO_LIMIT, NO_LIMIT]);
    set_policy(&mut ledger, limit);
    let events = ledger.storage.logs.len();
    assert!(ledger.call(account(1), eur(), pay(account(2), 2)).is_err());
    assert_eq!(ledger.storage.logs.len(), events);
}

// ----- dry run -------------------------------------------------------------------------------------------------------

fn check(ledger: &mut Ledger, from: Address, to: Address, operator: Address, amount: U256) -> checkTransferReturn {
    ledger.ok(account(9), eur(), checkTransferCall { from, to, operator, amount })
}

/// A preview as a row: allowed, policy, code, values, remedy.
fn row(found: &checkTransferReturn) -> (bool, u64, u8, Vec<U256>, u8) {
    (found.allowed, found.policyId, found.code, found.values.clone(), found.remedy)
}

fn word(who: Address) -> U256 {
    U256::from_be_slice(who.as_slice())
}

#[test]
fn the_dry_run_names_what_the_token_would_refuse() {
    let mut ledger = society();
    let (payer, payee, operator) = (account(1), account(2), account(3));
    let ask = |ledger: &mut Ledger, amount: u128| row(&check(ledger, payer, payee, operator, units(amount)));
    assert_eq!(ask(&mut ledger, 5), (false, 0, 68, vec![U256::ZERO, units(5)], Remedy::ApproveMore.number()));
    ledger.ok(payer, eur(), approveCall { spender: operator, amount: U256::MAX });
    assert_eq!(ask(&mut ledger, 5), (true, 0, 0, vec![], 0));
    let short = (false, 0, 69, vec![units(1_000), units(1_001)], Remedy::PayIn.number());
    assert_eq!(ask(&mut ledger, 1_001), short);
    ledger.run(payer, |x| crate::token::hold(x, eur(), crate::token::Keeper::Escrow, payer, 400)).unwrap();
    let held = (false, 0, 71, [1_000, 0, 400, 700].map(units).to_vec(), Remedy::ReleaseHold.number());
    assert_eq!(ask(&mut ledger, 700), held);
    ledger.ok(FREEZER, eur(), freezePartialTokensCall { userAddress: payer, amount: units(900) });
    let frozen = (false, 0, 70, [1_000, 900, 101].map(units).to_vec(), Remedy::AskFreezer.number());
    assert_eq!(ask(&mut ledger, 101), frozen);
    ledger.ok(FREEZER, eur(), setAddressFrozenCall { userAddress: payee, freeze: true });
    assert_eq!(ask(&mut ledger, 1), (false, 0, 67, vec![word(payee)], Remedy::AskFreezer.number()));
    ledger.ok(PAUSER, eur(), pauseCall {});
    assert_eq!(ask(&mut ledger, 1), (false, 0, 66, vec![], Remedy::AwaitResumption.number()));
    let nobody = Address::ZERO;
    let found = row(&check(&mut ledger, payer, TO, nobody, units(1)));
    assert_eq!(found, (false, 0, 65, vec![word(TO)], Remedy::Correct.number()));
    let found = row(&check(&mut ledger, nobody, TO, nobody, U256::MAX));
    assert_eq!(found, (false, 0, 64, vec![U256::ZERO], Remedy::Correct.number()));
}

#[test]
fn the_dry_run_names_the_policy_that_would_refuse() {
    let mut ledger = society();
    let (payer, payee) = (account(1), account(2));
    let number = person(&mut ledger, &[payer]);
    let ask = |ledger: &mut Ledger, policy, amount: u128| {
        set_policy(ledger, policy);
        row(&check(ledger, payer, payee, Address::ZERO, units(amount)))
    };
    let stranger = vec![word(payee)];
    assert_eq!(ask(&mut ledger, CLOSED, 1), (false, CLOSED, 13, vec![word(payer)], Remedy::AskTokenAdmin.number()));
    let allow = list(&mut ledger, Kind::Allow, &[payer]);
    let whole = combine(&mut ledger, Kind::AllOf, &[2, allow]);
    let listed = (false, allow, 1, stranger.clone(), Remedy::AskListAdmin.number());
    assert_eq!(ask(&mut ledger, whole, 1), listed);
    let deny = list(&mut ledger, Kind::Deny, &[payee]);
    assert_eq!(ask(&mut ledger, deny, 1), (false, deny, 2, stranger.clone(), Remedy::AskListAdmin.number()));
    let either = combine(&mut ledger, Kind::AnyOf, &[deny, allow]);
    assert_eq!(ask(&mut ledger, either, 1), (false, either, 4, stranger.clone(), Remedy::AskTokenAdmin.number()));
    let known = condition(&mut ledger, Kind::KnownPerson, 0);
    assert_eq!(ask(&mut ledger, known, 1), (false, known, 5, stranger, Remedy::LinkAddress.number()));
    let tier = condition(&mut ledger, Kind::KycTier, 2);
    let asked = (false, tier, 6, vec![word(payer)], Remedy::ObtainCredential.number());
    assert_eq!(ask(&mut ledger, tier, 1), asked);

    let limit = payment_limit(&mut ledger, CLOSED, [units(50), units(60), units(70)]);
    let values = |period: u128, limit, used, amount| [period, limit, used, amount].map(units).to_vec();
    let parts = (false, limit, 10, values(0, 50, 0, 51), Remedy::PayInParts.number());
    assert_eq!(ask(&mut ledger, limit, 51), parts);
    ledger.ok(payer, eur(), pay(payee, 50));
    let tomorrow = (false, limit, 10, values(1, 60, 50, 11), Remedy::AwaitNextDay.number());
    assert_eq!(ask(&mut ledger, limit, 11), tomorrow);
    ledger.timestamp_ms += DAY_MS;
    let later = (false, limit, 10, values(2, 70, 50, 21), Remedy::AwaitNextMonth.number());
    assert_eq!(ask(&mut ledger, limit, 21), later);

    let travel = travel_rule(&mut ledger, CLOSED, 100);
    let unlinked = (false, travel, 12, values(1, 100, 0, 100), Remedy::LinkAddress.number());
    assert_eq!(ask(&mut ledger, travel, 100), unlinked);
    person(&mut ledger, &[payee]);
    let unmet = (false, travel, 12, values(2, 100, 0, 100), Remedy::ExchangeData.number());
    assert_eq!(ask(&mut ledger, travel, 100), unmet);
    assert_eq!(number, 1);
}

#[test]
fn the_dry_run_tells_diversion_from_refusal() {
    let mut ledger = society();
    let (bank, holder, savings) = (account(1), account(2), account(6));
    let banks = list(&mut ledger, Kind::Allow, &[bank]);
    let values = [500, 500, 10].map(units).to_vec();
    let room = Remedy::MakeRoom.number();
    for (outcome, linked, allowed) in [
        (HoldingOutcome::Reject, savings, false),
        (HoldingOutcome::Park, savings, false),
        (HoldingOutcome::Sweep, Address::ZERO, false),
        (HoldingOutcome::Sweep, savings, true),
    ] {
        let policy = holding_limit(&mut ledger, banks, 500, outcome);
        set_policy(&mut ledger, policy);
        ledger.ok(holder, eur(), setLinkedAccountCall { linkedAccount: linked });
        let found = row(&check(&mut ledger, bank, holder, Address::ZERO, units(10)));
        assert_eq!(found, (allowed, policy, 11, values.clone(), if allowed { 0 } else { room }), "{outcome:?}");
    }
    // The linked account itself may be what stops it.
    ledger.ok(FREEZER, eur(), setAddressFrozenCall { userAddress: savings, freeze: true });
    let found = row(&check(&mut ledger, bank, holder, Address::ZERO, units(10)));
    assert_eq!(found, (false, 0, 67, vec![word(savings)], Remedy::AskFreezer.number()));
}

#[test]
fn a_dry_run_changes_nothing_even_where_it_could() {
    let mut ledger = society();
    let limit = payment_limit(&mut ledger, CLOSED, [NO_LIMIT, units(60), NO_LIMIT]);
    set_policy(&mut ledger, limit);
    let before = ledger.storage.slots.clone();
    assert!(check(&mut ledger, account(1), account(2), Address::ZERO, units(60)).allowed);
    assert_eq!(ledger.storage.slots, before);
    let input = alloy_sol_types::SolCall::abi_encode(&checkTransferCall {
        from: account(1),
        to: account(2),
        operator: Address::ZERO,
        amount: units(60),
    });
    let mut storage = ledger.storage.clone();
    let env = crate::CallEnv { is_static: true, ..ledger.env(account(9)) };
    assert!(crate::dispatch(&mut crate::Context::new(env, &mut storage), eur(), &input).is_ok());
    let call = transferCall { to: account(2), amount: units(60) };
    let input = alloy_sol_types::SolCall::abi_encode(&call);
    let env = crate::CallEnv { is_static: true, ..ledger.env(account(1)) };
    let result = crate::dispatch(&mut crate::Context::new(env, &mut storage), eur(), &input);
    let forbidden = alloy_sol_types::SolError::abi_encode(&IModule::StaticCallForbidden {});
    assert_eq!(result, Err(crate::Failure::Revert(forbidden.into())));
}

/// The remedies' texts are those of the specification.
#[test]
fn remedies_are_as_the_specification_lists_them() {
    let page = include_str!("../../../../../specs/policy.md");
    for number in 0..=15u8 {
        let remedy = Remedy::ALL.into_iter().find(|remedy| remedy.number() == number).unwrap();
        let line = format!("| {number} | {} |", remedy.text());
        assert!(page.contains(&line), "{line}");
    }
}
