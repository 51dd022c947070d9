//! Payment limits: per transaction, day and month, per person, per token.

use super::{people::*, *};
use crate::{
    Context,
    identity::IIdentity::unlinkCall,
    policy::{Movement, Outcome, decide},
    testing::{ADMIN, ISSUER},
    token::{
        IToken::{ERC20InsufficientBalance, approveCall, burnCall, burnFromCall, mintCall, transferFromCall},
        NetChange, pay_for, settle_net,
    },
};
use alloy_primitives::U256;

fn exceeded(policy: u64, period: u8, limit: u128, used: u128, amount: u128) -> PaymentLimitExceeded {
    let (limit, used, amount) = (units(limit), units(used), units(amount));
    PaymentLimitExceeded { policyId: policy, period, limit, used, amount }
}

/// EUR under one payment limit that exempts nobody.
fn limited(single: U256, day: U256, month: U256) -> (Ledger, u64) {
    let mut ledger = society();
    let policy = payment_limit(&mut ledger, CLOSED, [single, day, month]);
    set_policy(&mut ledger, policy);
    (ledger, policy)
}

#[test]
fn the_three_limits_are_asked_in_order_and_each_at_its_last_unit() {
    let (mut ledger, policy) = limited(units(100), units(150), units(170));
    let (payer, payee) = (account(1), account(2));
    ledger.reverts(payer, eur(), pay(payee, 101), exceeded(policy, 0, 100, 0, 101));
    ledger.ok(payer, eur(), pay(payee, 100));
    ledger.reverts(payer, eur(), pay(payee, 51), exceeded(policy, 1, 150, 100, 51));
    ledger.ok(payer, eur(), pay(payee, 50));
    ledger.reverts(payer, eur(), pay(payee, 1), exceeded(policy, 1, 150, 150, 1));
    assert_eq!(spent(&mut ledger, policy, payer), (150, 150));
    ledger.timestamp_ms += DAY_MS;
    assert_eq!(spent(&mut ledger, policy, payer), (0, 150));
    ledger.reverts(payer, eur(), pay(payee, 21), exceeded(policy, 2, 170, 150, 21));
    ledger.ok(payer, eur(), pay(payee, 20));
    ledger.ok(payer, eur(), pay(payee, 0));
    assert_eq!(spent(&mut ledger, policy, payer), (20, 170));
    assert_eq!(spent(&mut ledger, policy, payee), (0, 0), "who is paid spends nothing");
}

/// The last millisecond of a day is that day's, the first of the next is the next one's. A leap day is a day, and of
/// February; a year ends a month.
#[test]
fn days_and_months_end_where_the_calendar_says() {
    for (last, month_ends) in [
        (at(2024, 58), false), // 27 February
        (at(2024, 59), false), // 28 February, before the leap day
        (at(2024, 60), true),  // 29 February
        (at(2023, 59), true),  // 28 February of a common year
        (at(2023, 365), true), // New Year's Eve
        (at(2024, 366), true), // New Year's Eve of a leap year
        (at(2024, 31), true),  // 31 January
        (at(2024, 30), false),
    ] {
        let (mut ledger, policy) = limited(NO_LIMIT, units(10), units(15));
        let (payer, payee) = (account(1), account(2));
        ledger.timestamp_ms = last + DAY_MS - 1;
        ledger.ok(payer, eur(), pay(payee, 10));
        ledger.reverts(payer, eur(), pay(payee, 1), exceeded(policy, 1, 10, 10, 1));
        ledger.timestamp_ms = last + DAY_MS;
        if month_ends {
            ledger.ok(payer, eur(), pay(payee, 10));
            assert_eq!(spent(&mut ledger, policy, payer), (10, 10), "after {last}");
        } else {
            ledger.reverts(payer, eur(), pay(payee, 6), exceeded(policy, 2, 15, 10, 6));
            ledger.ok(payer, eur(), pay(payee, 5));
            assert_eq!(spent(&mut ledger, policy, payer), (5, 15), "after {last}");
        }
    }
}

#[test]
fn a_limit_counts_per_person_over_all_addresses() {
    let (mut ledger, policy) = limited(NO_LIMIT, units(100), NO_LIMIT);
    let (first, second, shop) = (account(1), account(2), account(3));
    let number = person(&mut ledger, &[first, second]);
    ledger.ok(first, eur(), pay(shop, 60));
    ledger.reverts(second, eur(), pay(shop, 41), exceeded(policy, 1, 100, 60, 41));
    ledger.ok(second, eur(), pay(shop, 40));
    for wallet in [first, second] {
        assert_eq!(spent(&mut ledger, policy, wallet).0, 100);
        ledger.reverts(wallet, eur(), pay(shop, 1), exceeded(policy, 1, 100, 100, 1));
    }
    ledger.ok(first, eur(), pay(second, 500));
    assert_eq!(spent(&mut ledger, policy, first).0, 100, "from one pocket to the other is no payment");

    // Who leaves counts for itself from then on; who comes back finds what the person used.
    ledger.ok(second, crate::IDENTITY_ADDRESS, unlinkCall { account: second });
    ledger.ok(second, eur(), pay(shop, 30));
    assert_eq!((spent(&mut ledger, policy, second).0, spent(&mut ledger, policy, first).0), (30, 100));
    join(&mut ledger, REGISTRAR, number, second);
    ledger.reverts(second, eur(), pay(shop, 1), exceeded(policy, 1, 100, 100, 1));
}

#[test]
fn a_limit_counts_each_token_and_each_policy_for_itself() {
    let (mut ledger, policy) = limited(NO_LIMIT, units(100), NO_LIMIT);
    let create = crate::factory::IFactory::createTokenCall {
        name: "Dollar".into(),
        symbol: "USD".into(),
        decimals: 2,
        admin: ADMIN,
        policyId: policy,
        supplyCap: units(10_000),
    };
    let usd = ledger.ok(ADMIN, crate::FACTORY_ADDRESS, create);
    let role = crate::token::ISSUER_ROLE;
    ledger.ok(ADMIN, usd, crate::token::IToken::grantRoleCall { role, account: ISSUER });
    ledger.ok(ISSUER, usd, mintCall { to: account(1), amount: units(1_000) });
    ledger.ok(account(1), eur(), pay(account(2), 100));
    ledger.ok(account(1), usd, pay(account(2), 100));
    ledger.reverts(account(1), usd, pay(account(2), 1), exceeded(policy, 1, 100, 100, 1));
    let other = payment_limit(&mut ledger, CLOSED, [NO_LIMIT, units(7), NO_LIMIT]);
    set_policy(&mut ledger, other);
    ledger.ok(account(1), eur(), pay(account(2), 7));
    ledger.reverts(account(1), eur(), pay(account(2), 1), exceeded(other, 1, 7, 7, 1));
}

#[test]
fn whom_the_exempt_policy_admits_the_limit_does_not_bind() {
    let mut ledger = society();
    let number = person(&mut ledger, &[account(1)]);
    let tier = condition(&mut ledger, Kind::KycTier, 2);
    let policy = payment_limit(&mut ledger, tier, [units(10), NO_LIMIT, NO_LIMIT]);
    set_policy(&mut ledger, policy);
    ledger.reverts(account(1), eur(), pay(account(2), 11), exceeded(policy, 0, 10, 0, 11));
    give(&mut ledger, number, KYC, 2, u64::MAX);
    ledger.ok(account(1), eur(), pay(account(2), 11));
    ledger.reverts(account(2), eur(), pay(account(1), 11), exceeded(policy, 0, 10, 0, 11));
}

#[test]
fn a_lowered_limit_binds_the_next_movement_and_forgets_nothing() {
    let (mut ledger, policy) = limited(NO_LIMIT, units(100), NO_LIMIT);
    let set = |day: u128| setPaymentLimitCall {
        policyId: policy,
        perTransaction: NO_LIMIT,
        perDay: units(day),
        perMonth: NO_LIMIT,
    };
    ledger.ok(account(1), eur(), pay(account(2), 80));
    let stranger = PolicyAdminRequired { policyId: policy, caller: account(1), admin: COMPLIANCE };
    ledger.reverts(account(1), TO, set(50), stranger);
    ledger.ok(COMPLIANCE, TO, set(50));
    let event = ledger.last_event::<RuleChanged>().1;
    assert_eq!((event.policyId, event.version, event.amounts[1]), (policy, 1, units(50)));
    ledger.reverts(account(1), eur(), pay(account(2), 1), exceeded(policy, 1, 50, 80, 1));
    ledger.ok(COMPLIANCE, TO, set(90));
    ledger.ok(account(1), eur(), pay(account(2), 10));
    let found = ledger.ok(account(9), TO, paymentLimitOfCall { policyId: policy });
    assert_eq!((found.exemptPolicyId, found.perDay), (CLOSED, units(90)));
    assert_eq!((found.perTransaction, found.perMonth), (units(u128::MAX), units(u128::MAX)));
}

#[test]
fn a_movement_that_fails_uses_nothing_up() {
    let (mut ledger, policy) = limited(NO_LIMIT, units(2_000), NO_LIMIT);
    let short = ERC20InsufficientBalance { sender: account(1), balance: units(1_000), needed: units(1_001) };
    ledger.reverts(account(1), eur(), pay(account(2), 1_001), short);
    assert_eq!(spent(&mut ledger, policy, account(1)), (0, 0));
    let beyond = crate::token::IToken::transferCall { to: account(2), amount: U256::MAX };
    ledger.reverts(account(1), eur(), beyond, exceeded(policy, 1, 2_000, 0, u128::MAX));
}

#[test]
fn the_payer_s_limit_is_used_whoever_moves_its_units() {
    let (mut ledger, policy) = limited(NO_LIMIT, units(100), NO_LIMIT);
    let (payer, operator) = (account(1), account(3));
    ledger.ok(payer, eur(), approveCall { spender: operator, amount: U256::MAX });
    let pull = |amount: u128| transferFromCall { from: payer, to: account(2), amount: units(amount) };
    ledger.ok(operator, eur(), pull(100));
    ledger.reverts(operator, eur(), pull(1), exceeded(policy, 1, 100, 100, 1));
    assert_eq!((spent(&mut ledger, policy, payer).0, spent(&mut ledger, policy, operator).0), (100, 0));
}

#[test]
fn mint_burn_and_refund_are_no_payments_and_net_debits_are() {
    let (mut ledger, policy) = limited(units(100), units(100), NO_LIMIT);
    ledger.ok(ISSUER, eur(), mintCall { to: account(1), amount: units(5_000) });
    ledger.ok(ISSUER, eur(), mintCall { to: ISSUER, amount: units(5_000) });
    ledger.ok(ISSUER, eur(), burnCall { amount: units(3_000) });
    ledger.ok(account(1), eur(), approveCall { spender: ISSUER, amount: U256::MAX });
    ledger.ok(ISSUER, eur(), burnFromCall { from: account(1), amount: units(500) });
    let refund = |x: &mut Context<'_>| pay_for(x, eur(), Purpose::Refund, (account(1), account(2)), 500);
    ledger.run(account(1), refund).unwrap();
    assert_eq!(spent(&mut ledger, policy, account(1)).0, 0);
    let net = |ledger: &mut Ledger, amount| {
        let changes = [
            NetChange { account: account(1), debit: amount, credit: 0 },
            NetChange { account: account(2), debit: 0, credit: amount },
        ];
        ledger.run(account(9), |x| settle_net(x, eur(), &changes))
    };
    net(&mut ledger, 90).unwrap();
    assert_eq!((spent(&mut ledger, policy, account(1)).0, spent(&mut ledger, policy, account(2)).0), (90, 0));
    assert!(net(&mut ledger, 11).is_err());
}

/// The table of purposes in `specs/policy.md`: which rule is asked for which purpose.
#[test]
fn each_purpose_meets_the_rules_of_the_table() {
    let mut ledger = society();
    person(&mut ledger, &[account(1)]);
    person(&mut ledger, &[account(2)]);
    let rules = [
        payment_limit(&mut ledger, CLOSED, [units(0), NO_LIMIT, NO_LIMIT]),
        holding_limit(&mut ledger, CLOSED, 0, HoldingOutcome::Reject),
        travel_rule(&mut ledger, CLOSED, 1),
    ];
    let table = [
        (Purpose::Transfer, [true, true, true]),
        (Purpose::Mint, [false, true, false]),
        (Purpose::Burn, [false, false, false]),
        (Purpose::Hold, [true, true, false]),
        (Purpose::Post, [true, true, true]),
        (Purpose::Net, [true, true, true]),
        (Purpose::Sweep, [false, true, true]),
        (Purpose::Refund, [false, false, false]),
        (Purpose::Interest, [false, false, false]),
        (Purpose::Seizure, [false, false, false]),
        (Purpose::Pledge, [false, false, false]),
        (Purpose::PostCounted, [false, true, true]),
    ];
    for (purpose, expected) in table {
        let movement = Movement {
            token: eur(),
            payer: Some(account(1)),
            payee: Some(account(2)),
            operator: None,
            amount: 5,
            pending: 0,
            purpose,
            holding_of: |_, _, _| Ok(0),
        };
        let found = rules.map(|rule| {
            let decision = ledger.run(account(9), |x| decide(x, rule, &movement)).unwrap();
            matches!(decision.outcome, Outcome::Refused(_))
        });
        assert_eq!(found, expected, "{purpose:?}");
    }
}

// ----- making and changing rules -------------------------------------------------------------------------------------

#[test]
fn errors_of_making_and_changing_rules_come_in_the_promised_order() {
    let mut ledger = society();
    let rule = payment_limit(&mut ledger, CLOSED, [NO_LIMIT; 3]);
    let mut tower = 2;
    for _ in 0..DEPTH_MAX {
        tower = combine(&mut ledger, Kind::AllOf, &[tower, 3]);
    }
    let make =
        |admin, exempt, outcome| createHoldingLimitCall { admin, exemptPolicyId: exempt, limit: units(1), outcome };
    for outcome in [0, 4, 255] {
        let error = HoldingOutcomeInvalid { outcome };
        ledger.reverts(account(9), TO, make(Address::ZERO, 999, outcome), error);
    }
    for admin in [Address::ZERO, POLICY_ADDRESS] {
        ledger.reverts(account(9), TO, make(admin, 999, 1), PolicyAdminInvalid { admin });
    }
    ledger.reverts(account(9), TO, make(COMPLIANCE, 999, 1), PolicyUnknown { policyId: 999 });
    ledger.reverts(account(9), TO, make(COMPLIANCE, rule, 1), ExemptionInvalid { exemptPolicyId: rule });
    let error = CombinationTooDeep { depth: units(5), depthMax: units(4) };
    ledger.reverts(account(9), TO, make(COMPLIANCE, tower, 1), error);

    let set = |policy, outcome| setHoldingLimitCall { policyId: policy, limit: units(1), outcome };
    let holding = holding_limit(&mut ledger, CLOSED, 5, HoldingOutcome::Park);
    ledger.reverts(account(9), TO, set(999, 0), PolicyUnknown { policyId: 999 });
    for other in [OPEN, CLOSED, 2, tower, rule] {
        ledger.reverts(account(9), TO, set(other, 0), PolicyNotRule { policyId: other, kind: 11 });
    }
    let stranger = PolicyAdminRequired { policyId: holding, caller: account(9), admin: COMPLIANCE };
    ledger.reverts(account(9), TO, set(holding, 0), stranger);
    ledger.reverts(COMPLIANCE, TO, set(holding, 0), HoldingOutcomeInvalid { outcome: 0 });
    ledger.ok(COMPLIANCE, TO, set(holding, 3));
    let found = ledger.ok(account(9), TO, holdingLimitOfCall { policyId: holding });
    assert_eq!((found.exemptPolicyId, found.limit, found.outcome), (CLOSED, units(1), 3));
    let call = addMembersCall { policyId: holding, accounts: vec![] };
    ledger.reverts(COMPLIANCE, TO, call, PolicyNotList { policyId: holding });
}

#[test]
fn a_rule_is_handed_over_in_two_steps_as_a_list_is() {
    let mut ledger = society();
    let rule = travel_rule(&mut ledger, CLOSED, 1_000);
    let heir = account(7);
    ledger.ok(COMPLIANCE, TO, proposeAdminCall { policyId: rule, newAdmin: heir });
    ledger.ok(heir, TO, acceptAdminCall { policyId: rule });
    let set = || setTravelRuleCall { policyId: rule, threshold: units(5) };
    let error = PolicyAdminRequired { policyId: rule, caller: COMPLIANCE, admin: heir };
    ledger.reverts(COMPLIANCE, TO, set(), error);
    ledger.ok(heir, TO, set());
    assert_eq!(ledger.ok(heir, TO, travelRuleOfCall { policyId: rule }).threshold, units(5));
}

#[test]
fn rules_combine_by_all_of_only_and_are_bounded() {
    let mut ledger = society();
    let limits: Vec<u64> =
        (0..5).map(|n| payment_limit(&mut ledger, CLOSED, [units(100 - n), NO_LIMIT, NO_LIMIT])).collect();
    let combination = |kind, operands| createCombinationCall { kind, operands };
    let error = CombinationOfRules { policyId: limits[0] };
    ledger.reverts(account(9), TO, combination(4, vec![2, limits[0], 999]), error);
    let error = TooManyRules { rules: units(5), rulesMax: units(4) };
    ledger.reverts(account(9), TO, combination(3, limits.clone()), error);
    let four = combine(&mut ledger, Kind::AllOf, &limits[..4]);
    let error = CombinationOfRules { policyId: four };
    ledger.reverts(account(9), TO, combination(4, vec![2, four]), error);
    let error = TooManyRules { rules: units(5), rulesMax: units(4) };
    ledger.reverts(account(9), TO, combination(3, vec![four, limits[4]]), error);
    let whole = combine(&mut ledger, Kind::AllOf, &[2, four]);
    set_policy(&mut ledger, whole);
    // The tightest of four is found, two levels down.
    ledger.reverts(account(1), eur(), pay(account(2), 98), exceeded(limits[3], 0, 97, 0, 98));
    ledger.ok(account(1), eur(), pay(account(2), 97));
    assert!(allowed(&mut ledger, whole, account(1)), "a rule admits every account");
    assert_eq!(ledger.run(account(9), invariants::check).unwrap(), []);
}

/// Parties come before rules, and rules in the order of the combination.
#[test]
fn parties_are_asked_before_rules() {
    let mut ledger = society();
    let single = payment_limit(&mut ledger, CLOSED, [units(10), NO_LIMIT, NO_LIMIT]);
    let holding = holding_limit(&mut ledger, CLOSED, 505, HoldingOutcome::Reject);
    let whole = combine(&mut ledger, Kind::AllOf, &[holding, single, 2]);
    set_policy(&mut ledger, whole);
    ledger.ok(COMPLIANCE, TO, addMembersCall { policyId: 2, accounts: vec![account(2)] });
    let error = crate::token::IToken::PolicyForbids { policyId: whole, account: account(2) };
    ledger.reverts(account(1), eur(), pay(account(2), 11), error);
    ledger.ok(COMPLIANCE, TO, removeMembersCall { policyId: 2, accounts: vec![account(2)] });
    let error = HoldingLimitExceeded { policyId: holding, limit: units(505), held: units(500), amount: units(11) };
    ledger.reverts(account(1), eur(), pay(account(2), 11), error);
    let call = setHoldingLimitCall { policyId: holding, limit: units(600), outcome: 1 };
    ledger.ok(COMPLIANCE, TO, call);
    ledger.reverts(account(1), eur(), pay(account(2), 11), exceeded(single, 0, 10, 0, 11));
    ledger.ok(account(1), eur(), pay(account(2), 10));
}

#[test]
fn invariants_notice_what_they_name_of_rules() {
    let check = |forge: fn(&mut layout::Policy)| {
        let mut ledger = society();
        let rule = travel_rule(&mut ledger, CLOSED, 1_000);
        let place = layout::layout().policies.of(&rule);
        ledger
            .run(account(1), |context| {
                let mut record = place.read(context)?;
                forge(&mut record);
                place.write(context, record)
            })
            .unwrap();
        let violations = ledger.run(account(1), invariants::check).unwrap();
        violations.iter().map(|violation| violation.invariant).collect::<Vec<_>>()
    };
    assert_eq!(check(|_| ()), Vec::<&str>::new());
    assert_eq!(check(|record| record.admin = Address::ZERO), ["policy.list_has_admin"]);
    assert_eq!(check(|record| record.extent = 1), ["policy.extent_is_true"]);
    assert_eq!(check(|record| record.extent = 6), ["policy.bounded", "policy.extent_is_true"]);
    let mut ledger = society();
    let rule = travel_rule(&mut ledger, CLOSED, 1_000);
    let terms = layout::layout().terms.of(&rule).terms;
    ledger
        .run(account(1), |context| terms.write(context, layout::Terms { exempt: rule, ..Default::default() }))
        .unwrap();
    let violations = ledger.run(account(1), invariants::check).unwrap();
    assert_eq!(violations.iter().map(|v| v.invariant).collect::<Vec<_>>(), ["policy.exemptions_are_older"]);
}
