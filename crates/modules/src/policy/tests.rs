//! Scenarios of the policy registry, its bounds, and combinations against a plain model.

use super::{IPolicy::*, *};
use crate::{
    POLICY_ADDRESS,
    testing::{COMPLIANCE, Ledger, account, units, world},
};
use alloy_primitives::Address;
use proptest::prelude::*;
use std::collections::BTreeSet;

mod conditions;
mod holding;
mod limits;
mod model;
mod people;
mod promises;
mod receipts;
mod travel;

const TO: Address = POLICY_ADDRESS;

fn allowed(ledger: &mut Ledger, policy: u64, who: Address) -> bool {
    ledger.ok(account(9), TO, isAllowedCall { policyId: policy, account: who })
}

fn list(ledger: &mut Ledger, kind: Kind, members: &[Address]) -> u64 {
    ledger.ok(COMPLIANCE, TO, createListCall { kind: kind.number(), admin: COMPLIANCE, members: members.to_vec() })
}

fn combine(ledger: &mut Ledger, kind: Kind, operands: &[u64]) -> u64 {
    ledger.ok(account(9), TO, createCombinationCall { kind: kind.number(), operands: operands.to_vec() })
}

#[test]
fn the_built_in_policies_admit_everyone_and_no_one() {
    let mut ledger = world();
    assert!(allowed(&mut ledger, OPEN, account(1)) && !allowed(&mut ledger, CLOSED, account(1)));
    for policy in [OPEN, CLOSED] {
        assert!(ledger.ok(account(1), TO, policyExistsCall { policyId: policy }));
        ledger.reverts(
            account(1),
            TO,
            addMembersCall { policyId: policy, accounts: vec![] },
            PolicyNotList { policyId: policy },
        );
        assert_eq!(ledger.ok(account(1), TO, operandsOfCall { policyId: policy }), Vec::<u64>::new());
    }
}

#[test]
fn lists_admit_their_members_or_all_others() {
    let mut ledger = world();
    let allow = list(&mut ledger, Kind::Allow, &[account(1)]);
    let deny = list(&mut ledger, Kind::Deny, &[account(1)]);
    assert_eq!((allow, deny), (4, 5), "numbers follow each other");
    assert!(allowed(&mut ledger, allow, account(1)) && !allowed(&mut ledger, allow, account(2)));
    assert!(!allowed(&mut ledger, deny, account(1)) && allowed(&mut ledger, deny, account(2)));
    ledger.ok(COMPLIANCE, TO, removeMembersCall { policyId: allow, accounts: vec![account(1)] });
    ledger.ok(COMPLIANCE, TO, addMembersCall { policyId: allow, accounts: vec![account(2)] });
    assert!(!allowed(&mut ledger, allow, account(1)) && allowed(&mut ledger, allow, account(2)));
}

#[test]
fn a_question_about_an_unknown_policy_is_never_yes() {
    let mut ledger = world();
    for policy in [4, 5, u64::MAX - 1, u64::MAX] {
        let error = || PolicyUnknown { policyId: policy };
        ledger.reverts(account(1), TO, isAllowedCall { policyId: policy, account: account(1) }, error());
        ledger.reverts(account(1), TO, isMemberCall { policyId: policy, account: account(1) }, error());
        ledger.reverts(account(1), TO, operandsOfCall { policyId: policy }, error());
        ledger.reverts(account(1), TO, getPolicyCall { policyId: policy }, error());
        ledger.reverts(account(1), TO, addMembersCall { policyId: policy, accounts: vec![] }, error());
        assert!(!ledger.ok(account(1), TO, policyExistsCall { policyId: policy }));
    }
}

#[test]
fn members_are_counted_once_and_events_tell_changes_only() {
    let mut ledger = world();
    let policy = list(&mut ledger, Kind::Allow, &[account(1), account(1), account(2)]);
    let count = |ledger: &mut Ledger| ledger.ok(account(1), TO, getPolicyCall { policyId: policy }).memberCount;
    assert_eq!(count(&mut ledger), 2);
    let events = ledger.storage.logs.len();
    ledger.ok(COMPLIANCE, TO, addMembersCall { policyId: policy, accounts: vec![account(1), account(2)] });
    ledger.ok(COMPLIANCE, TO, removeMembersCall { policyId: policy, accounts: vec![account(3)] });
    assert_eq!((ledger.storage.logs.len(), count(&mut ledger)), (events, 2));
    ledger.ok(COMPLIANCE, TO, removeMembersCall { policyId: policy, accounts: vec![account(2), account(2)] });
    assert_eq!(ledger.last_event::<MemberRemoved>().1, MemberRemoved { policyId: policy, account: account(2) });
    assert_eq!((ledger.storage.logs.len(), count(&mut ledger)), (events + 1, 1));
}

#[test]
fn batches_are_bounded() {
    let mut ledger = world();
    let many: Vec<Address> = (0..=BATCH_MAX).map(|n| Address::left_padding_from(&(n + 1).to_be_bytes())).collect();
    let error = || BatchTooLarge { length: units(257), lengthMax: units(256) };
    let call = createListCall { kind: 1, admin: COMPLIANCE, members: many.clone() };
    ledger.reverts(COMPLIANCE, TO, call, error());
    ledger.reverts(COMPLIANCE, TO, addMembersCall { policyId: 2, accounts: many.clone() }, error());
    ledger.reverts(COMPLIANCE, TO, removeMembersCall { policyId: 2, accounts: many.clone() }, error());
    ledger.ok(COMPLIANCE, TO, addMembersCall { policyId: 2, accounts: many[..BATCH_MAX].to_vec() });
    assert_eq!(ledger.ok(account(1), TO, getPolicyCall { policyId: 2 }).memberCount, 256);
}

#[test]
fn only_the_admin_changes_a_list_and_hands_it_over_in_two_steps() {
    let mut ledger = world();
    let (policy, heir) = (2, account(7));
    let error = |caller| PolicyAdminRequired { policyId: policy, caller, admin: COMPLIANCE };
    ledger.reverts(heir, TO, addMembersCall { policyId: policy, accounts: vec![] }, error(heir));
    ledger.reverts(heir, TO, removeMembersCall { policyId: policy, accounts: vec![] }, error(heir));
    ledger.reverts(heir, TO, proposeAdminCall { policyId: policy, newAdmin: heir }, error(heir));
    let not_offered = |pending| PolicyAdminNotProposed { policyId: policy, caller: heir, pendingAdmin: pending };
    ledger.reverts(heir, TO, acceptAdminCall { policyId: policy }, not_offered(Address::ZERO));
    let nobody = PolicyAdminNotProposed { policyId: policy, caller: Address::ZERO, pendingAdmin: Address::ZERO };
    ledger.reverts(Address::ZERO, TO, acceptAdminCall { policyId: policy }, nobody);

    ledger.ok(COMPLIANCE, TO, proposeAdminCall { policyId: policy, newAdmin: heir });
    ledger.ok(COMPLIANCE, TO, proposeAdminCall { policyId: policy, newAdmin: Address::ZERO });
    ledger.reverts(heir, TO, acceptAdminCall { policyId: policy }, not_offered(Address::ZERO));
    ledger.ok(COMPLIANCE, TO, proposeAdminCall { policyId: policy, newAdmin: heir });
    ledger.ok(COMPLIANCE, TO, addMembersCall { policyId: policy, accounts: vec![account(1)] });
    ledger.ok(heir, TO, acceptAdminCall { policyId: policy });
    let state = ledger.ok(heir, TO, getPolicyCall { policyId: policy });
    assert_eq!((state.admin, state.pendingAdmin, state.memberCount), (heir, Address::ZERO, 1));
    let error = PolicyAdminRequired { policyId: policy, caller: COMPLIANCE, admin: heir };
    ledger.reverts(COMPLIANCE, TO, addMembersCall { policyId: policy, accounts: vec![] }, error);
    ledger.reverts(heir, TO, acceptAdminCall { policyId: policy }, not_offered(Address::ZERO));
}

#[test]
fn a_list_needs_an_admin_and_a_kind() {
    let mut ledger = world();
    for kind in [0, 3, 4, 5, 255] {
        let call = createListCall { kind, admin: Address::ZERO, members: vec![] };
        ledger.reverts(COMPLIANCE, TO, call, PolicyKindInvalid { kind });
    }
    for kind in [0, 1, 2, 5, 255] {
        ledger.reverts(COMPLIANCE, TO, createCombinationCall { kind, operands: vec![] }, PolicyKindInvalid { kind });
    }
    for admin in [Address::ZERO, POLICY_ADDRESS] {
        let call = createListCall { kind: 1, admin, members: vec![] };
        ledger.reverts(COMPLIANCE, TO, call, PolicyAdminInvalid { admin });
        let call = proposeAdminCall { policyId: 2, newAdmin: POLICY_ADDRESS };
        ledger.reverts(COMPLIANCE, TO, call, PolicyAdminInvalid { admin: POLICY_ADDRESS });
    }
}

#[test]
fn combinations_follow_their_lists_at_once() {
    let mut ledger = world();
    let clients = list(&mut ledger, Kind::Allow, &[account(1), account(2)]);
    let partners = list(&mut ledger, Kind::Allow, &[account(3)]);
    let sanctioned = list(&mut ledger, Kind::Deny, &[account(2)]);
    let known = combine(&mut ledger, Kind::AnyOf, &[clients, partners]);
    let good = combine(&mut ledger, Kind::AllOf, &[known, sanctioned]);
    let admitted = |ledger: &mut Ledger| (1..=4).filter(|n| allowed(ledger, good, account(*n))).collect::<Vec<_>>();
    assert_eq!(admitted(&mut ledger), [1, 3]);
    ledger.ok(COMPLIANCE, TO, addMembersCall { policyId: sanctioned, accounts: vec![account(3)] });
    ledger.ok(COMPLIANCE, TO, removeMembersCall { policyId: sanctioned, accounts: vec![account(2)] });
    assert_eq!(admitted(&mut ledger), [1, 2]);
    ledger.reverts(
        COMPLIANCE,
        TO,
        addMembersCall { policyId: good, accounts: vec![] },
        PolicyNotList { policyId: good },
    );
    ledger.reverts(COMPLIANCE, TO, acceptAdminCall { policyId: good }, PolicyNotList { policyId: good });
    assert_eq!(ledger.ok(COMPLIANCE, TO, operandsOfCall { policyId: good }), [known, sanctioned]);
    let with_built_in = combine(&mut ledger, Kind::AnyOf, &[CLOSED, partners]);
    assert!(allowed(&mut ledger, with_built_in, account(3)) && !allowed(&mut ledger, with_built_in, account(1)));
}

#[test]
fn a_movement_asks_for_all_its_parties() {
    let mut ledger = world();
    let policy = list(&mut ledger, Kind::Allow, &[account(1), account(2)]);
    let mut ask = |from: u8, to: u8, operator: Address| {
        let call = isTransferAllowedCall { policyId: policy, from: account(from), to: account(to), operator };
        ledger.ok(account(9), TO, call)
    };
    assert!(ask(1, 2, Address::ZERO) && ask(1, 2, account(1)));
    assert!(!ask(1, 3, Address::ZERO) && !ask(3, 1, Address::ZERO) && !ask(1, 2, account(3)));
}

#[test]
fn combinations_are_bounded_in_depth_and_breadth_and_cannot_form_cycles() {
    let mut ledger = world();
    let next = ledger.ok(account(1), TO, policyCountCall {});
    let combination = |operands: Vec<u64>| createCombinationCall { kind: 3, operands };
    for unknown in [next, next + 1, u64::MAX] {
        let error = PolicyUnknown { policyId: unknown };
        ledger.reverts(account(1), TO, combination(vec![2, unknown]), error);
    }
    ledger.reverts(account(1), TO, combination(vec![]), CombinationTooSmall { length: units(0) });
    ledger.reverts(account(1), TO, combination(vec![2]), CombinationTooSmall { length: units(1) });
    let error = CombinationTooWide { lists: units(17), listsMax: units(16) };
    ledger.reverts(account(1), TO, combination(vec![2; 17]), error);
    let error = CombinationTooWide { lists: units(17), listsMax: units(16) };
    ledger.reverts(account(1), TO, combination(vec![OPEN; 17]), error);

    let mut tower = 2;
    for _ in 0..DEPTH_MAX {
        tower = combine(&mut ledger, Kind::AllOf, &[tower, 3]);
    }
    let error = CombinationTooDeep { depth: units(5), depthMax: units(4) };
    ledger.reverts(account(1), TO, combination(vec![tower, 2]), error);
    assert!(allowed(&mut ledger, tower, account(1)), "the deepest tower answers");

    let wide = combine(&mut ledger, Kind::AnyOf, &[2; 16]);
    let error = CombinationTooWide { lists: units(17), listsMax: units(16) };
    ledger.reverts(account(1), TO, combination(vec![wide, 2]), error);
    assert!(allowed(&mut ledger, wide, account(1)), "the widest combination answers");
    assert_eq!(ledger.run(account(1), invariants::check).unwrap(), []);
}

/// Should storage lie, recursion still ends: in a fault, not in a stack overflow.
#[test]
fn a_forged_cycle_is_a_fault() {
    let mut ledger = world();
    let policy = combine(&mut ledger, Kind::AllOf, &[2, 3]);
    let operands = layout::layout().operands.of(&policy);
    ledger.run(account(1), |context| operands.set(context, 0, alloy_primitives::U256::from(policy))).unwrap();
    let failure = ledger.call(account(1), TO, isAllowedCall { policyId: policy, account: account(1) }).unwrap_err();
    assert!(matches!(failure, crate::Failure::Fault(_)), "{failure:?}");
    let violations = ledger.run(account(1), invariants::check).unwrap();
    assert_eq!(violations.iter().map(|v| v.invariant).collect::<Vec<_>>(), ["policy.operands_are_older"]);
}

#[test]
fn invariants_notice_what_they_name() {
    let place = layout::layout().policies.of(&2);
    let check = |forge: fn(&mut layout::Policy)| {
        let mut ledger = world();
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
    assert_eq!(check(|record| record.depth = 5), ["policy.bounded"]);
    let combination: fn(&mut layout::Policy) = |record| (record.kind, record.admin) = (3, Address::ZERO);
    assert_eq!(check(combination), ["policy.only_combinations_have_operands"]);
}

/// A policy as one would write it on a page.
#[derive(Clone, Debug)]
enum Model {
    Allow(BTreeSet<u8>),
    Deny(BTreeSet<u8>),
    AllOf(Vec<usize>),
    AnyOf(Vec<usize>),
}

fn admits(models: &[Model], index: usize, who: u8) -> bool {
    match &models[index] {
        Model::Allow(members) => members.contains(&who),
        Model::Deny(members) => !members.contains(&who),
        Model::AllOf(operands) => operands.iter().all(|operand| admits(models, *operand, who)),
        Model::AnyOf(operands) => operands.iter().any(|operand| admits(models, *operand, who)),
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(96))]

    /// Random lists, random combinations over whatever exists, random changes: the registry answers as the model does.
    #[test]
    fn a_registry_answers_as_the_model_does(
        lists in prop::collection::vec((any::<bool>(), prop::collection::btree_set(1u8..6, 0..5)), 1..5),
        combinations in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<prop::sample::Index>(), 2..4)), 0..6),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1u8..6, any::<bool>()), 0..20),
    ) {
        let mut ledger = world();
        let mut models = Vec::new();
        let mut numbers = Vec::new();
        for (allow, members) in lists {
            let accounts: Vec<Address> = members.iter().copied().map(account).collect();
            numbers.push(list(&mut ledger, if allow { Kind::Allow } else { Kind::Deny }, &accounts));
            models.push(if allow { Model::Allow(members) } else { Model::Deny(members) });
        }
        let list_count = models.len();
        for (all, picks) in combinations {
            let operands: Vec<usize> = picks.iter().map(|pick| pick.index(models.len())).collect();
            let call = createCombinationCall {
                kind: if all { 3 } else { 4 },
                operands: operands.iter().map(|operand| numbers[*operand]).collect(),
            };
            // Beyond the bounds it reverts, and neither side has it.
            let Ok(number) = ledger.call(account(9), TO, call) else { continue };
            numbers.push(number);
            models.push(if all { Model::AllOf(operands) } else { Model::AnyOf(operands) });
        }
        for (pick, who, listed) in changes {
            let index = pick.index(list_count);
            let (policy_id, accounts) = (numbers[index], vec![account(who)]);
            if let Model::Allow(members) | Model::Deny(members) = &mut models[index] {
                if listed { members.insert(who) } else { members.remove(&who) };
            }
            if listed {
                ledger.ok(COMPLIANCE, TO, addMembersCall { policyId: policy_id, accounts });
            } else {
                ledger.ok(COMPLIANCE, TO, removeMembersCall { policyId: policy_id, accounts });
            }
        }
        for (index, number) in numbers.iter().enumerate() {
            for who in 1..6 {
                prop_assert_eq!(allowed(&mut ledger, *number, account(who)), admits(&models, index, who));
            }
        }
        let violations = ledger.run(account(9), invariants::check).unwrap();
        prop_assert!(violations.is_empty(), "{:?}", violations);
    }
}
