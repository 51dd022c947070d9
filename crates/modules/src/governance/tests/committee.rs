//! The list of validators: versions, and what a change may be.

use super::*;
use crate::{
    governance::committee::{frozen_at, led, quorum, serves, tolerated, validators_for},
    testing::registered_key as node,
};
use alloy_sol_types::SolError;
use std::num::NonZeroU64;

/// Long enough for ten validators.
pub(super) const BLOCKS: u64 = 64;

pub(super) fn with_epochs(blocks: u64) -> Ledger {
    let mut genesis = governed_genesis();
    genesis.epoch_blocks = NonZeroU64::new(blocks);
    let mut ledger = Ledger::bare();
    ledger.storage.slots = crate::genesis(&genesis).unwrap().slots;
    ledger
}

/// Each for an institution of its own.
fn joining(nodes: &[u8]) -> Vec<Candidate> {
    nodes.iter().map(|number| Candidate { node: node(*number), seat: Address::repeat_byte(*number) }).collect()
}

pub(super) fn change(joins: &[u8], leaves: &[u8]) -> Vec<Action> {
    let leaving = leaves.iter().map(|number| node(*number)).collect();
    vec![action(GOV, changeValidatorsCall { joining: joining(joins), leaving })]
}

/// Registers nodes and has a seat declare them ready.
pub(super) fn make_ready(ledger: &mut Ledger, nodes: &[u8]) {
    for number in nodes {
        let (public_key, endpoint) = (node(*number), format!("bank{number}.example:9000"));
        if ledger.ok(STRANGER, PERMISSION_ADDRESS, IPermission::getNodeCall { publicKey: public_key }).role == 0 {
            let call = IPermission::addNodeCall { publicKey: public_key, name: "bank".into(), endpoint };
            ledger.ok(GOV, PERMISSION_ADDRESS, call);
        }
        ledger.ok(A, PERMISSION_ADDRESS, IPermission::declareNodeReadyCall { publicKey: public_key });
    }
}

/// Everybody has led a block just now.
pub(super) fn all_led(ledger: &mut Ledger) {
    lead(ledger, 1..=20);
}

fn lead(ledger: &mut Ledger, mut nodes: std::ops::RangeInclusive<u8>) {
    assert!(nodes.all(|number| ledger.run(Address::ZERO, |context| led(context, node(number))).is_ok()));
}

pub(super) fn list(ledger: &mut Ledger, epoch: u64) -> Vec<u8> {
    let validators = ledger.run(STRANGER, |context| validators_for(context, epoch)).unwrap();
    let number = |key: B256| (1..=10).find(|number| node(*number) == key).expect("ten nodes are enough");
    let mut numbers: Vec<u8> = validators.iter().map(|validator| number(validator.node)).collect();
    numbers.sort_unstable();
    numbers
}

pub(super) fn refusal(ledger: &mut Ledger, joins: &[u8], leaves: &[u8]) -> Bytes {
    let call = proposeCall { actions: change(joins, leaves), descriptionHash: WHY };
    match ledger.send(A, GOV, &call.abi_encode()) {
        Err(Failure::Revert(data)) => data,
        other => panic!("{other:?}"),
    }
}

pub(super) fn is<E: SolError>(data: &Bytes, error: E) {
    assert_eq!(*data, Bytes::from(error.abi_encode()));
}

#[test]
fn a_quorum_is_more_than_two_thirds() {
    for (validators, faults, needed) in
        [(1, 0, 1), (3, 0, 3), (4, 1, 3), (5, 1, 4), (6, 1, 5), (7, 2, 5), (10, 3, 7), (64, 21, 43)]
    {
        assert_eq!((tolerated(validators), quorum(validators)), (faults, needed), "{validators}");
    }
}

#[test]
fn the_list_begins_with_the_validators_of_genesis() {
    let mut ledger = with_epochs(BLOCKS);
    assert_eq!(list(&mut ledger, 0), [1, 2, 3, 4]);
    assert_eq!(list(&mut ledger, u64::MAX), [1, 2, 3, 4]);
    let known = ledger.ok(STRANGER, GOV, epochOfCall {});
    assert_eq!((known.epochBlocks, known.epoch, known.versions), (BLOCKS, 0, 1));
    let first = ledger.ok(STRANGER, GOV, validatorsAtCall { version: 0 });
    assert_eq!((first.fromEpoch, first.nodes.len(), first.seats), (0, 4, vec![Address::ZERO; 4]));
    ledger.reverts(STRANGER, GOV, validatorsAtCall { version: 1 }, VersionUnknown { version: 1, versions: 1 });
}

#[test]
fn where_the_committee_is_fixed_nothing_can_be_changed() {
    let mut ledger = governed();
    is(&refusal(&mut ledger, &[5], &[]), CommitteeFixed {});
    ledger.reverts(STRANGER, GOV, epochOfCall {}, CommitteeFixed {});
    ledger.reverts(A, PERMISSION_ADDRESS, IPermission::declareNodeReadyCall { publicKey: node(5) }, CommitteeFixed {});
    let before = ledger.storage.slots.clone();
    all_led(&mut ledger);
    assert_eq!(ledger.storage.slots, before, "and nothing is noted");
    assert!(!ledger.run(STRANGER, |context| serves(context, node(1))).unwrap());
}

/// A change counts from the first epoch that is not fixed, and never for an earlier one, whatever is asked later.
#[test]
fn a_change_counts_from_the_first_epoch_that_is_not_fixed() {
    for (height, from_epoch) in
        [(0, 2), (31, 2), (32, 3), (63, 3), (64, 3), (95, 3), (96, 4), (640 + 31, 12), (640 + 32, 13)]
    {
        let mut ledger = with_epochs(BLOCKS);
        ledger.height = height;
        make_ready(&mut ledger, &[5, 6, 7]);
        all_led(&mut ledger);
        pass(&mut ledger, change(&[5, 6, 7], &[])).unwrap();
        assert!(
            height <= frozen_at(BLOCKS, from_epoch) && (from_epoch == 2 || height > frozen_at(BLOCKS, from_epoch - 1))
        );
        for later in [height, height + 1, height + 10 * BLOCKS] {
            ledger.height = later;
            assert_eq!(list(&mut ledger, from_epoch - 1), [1, 2, 3, 4], "height {height}");
            assert_eq!(list(&mut ledger, from_epoch), [1, 2, 3, 4, 5, 6, 7], "height {height}");
        }
        sound(&mut ledger);
    }
}

#[test]
fn a_list_is_answered_for_every_epoch_of_the_past() {
    let mut ledger = with_epochs(BLOCKS);
    let (mut expected, mut height) = (vec![(0u64, vec![1u8, 2, 3, 4])], 40);
    for (joins, leaves) in [(&[5, 6, 7][..], &[][..]), (&[], &[1, 2, 3]), (&[8], &[4]), (&[1, 2, 3], &[])] {
        ledger.height = height;
        make_ready(&mut ledger, joins);
        all_led(&mut ledger);
        pass(&mut ledger, change(joins, leaves)).unwrap();
        let mut now = expected.last().unwrap().1.clone();
        now.extend(joins);
        now.retain(|number| !leaves.contains(number));
        now.sort_unstable();
        expected.push((height / BLOCKS + 3, now));
        height += 4 * BLOCKS;
    }
    for epoch in 0..40 {
        let (_, members) = expected.iter().rev().find(|(from, _)| *from <= epoch).unwrap();
        assert_eq!(list(&mut ledger, epoch), *members, "epoch {epoch}");
    }
}

#[test]
fn a_list_without_a_quorum_is_refused_with_the_numbers() {
    let mut ledger = with_epochs(BLOCKS);
    all_led(&mut ledger);
    let absent = |present, unready, silent| ValidatorsAbsent { count: 7, quorum: 5, present, unready, silent };
    is(&refusal(&mut ledger, &[5, 6, 7], &[]), CandidateNeverReady { node: node(5) });
    make_ready(&mut ledger, &[5, 6, 7]);
    let proposal = accept(&mut ledger, change(&[5, 6, 7], &[]));
    ledger.timestamp_ms += DELAY_MS;
    // Ready nodes are believed for two epochs after the one in which they were declared.
    ledger.height = 3 * BLOCKS;
    all_led(&mut ledger);
    is(&refusal(&mut ledger, &[5, 6, 7], &[]), absent(4, 3, 0));
    let error = absent(4, 3, 0).abi_encode();
    assert_eq!(execute(&mut ledger, proposal), Err(Failure::Revert(error.into())), "what was refused when proposed");
    // Four rotations of seven.
    ledger.height += 29;
    make_ready(&mut ledger, &[5, 6, 7]);
    is(&refusal(&mut ledger, &[5, 6, 7], &[]), absent(3, 0, 4));
    ledger.run(STRANGER, |context| led(context, node(1))).unwrap();
    is(&refusal(&mut ledger, &[5, 6, 7], &[]), absent(4, 0, 3));
    ledger.run(STRANGER, |context| led(context, node(2))).unwrap();
    execute(&mut ledger, proposal).unwrap();
}

#[test]
fn a_list_is_neither_too_small_nor_too_large() {
    let mut ledger = with_epochs(BLOCKS);
    all_led(&mut ledger);
    let eleven = [5, 6, 7, 8, 9, 10, 11];
    make_ready(&mut ledger, &eleven);
    is(&refusal(&mut ledger, &[], &[1]), ValidatorCountOutOfRange { count: 3, countMin: 4, countMax: 64 });
    is(&refusal(&mut ledger, &[], &[]), ValidatorChangeEmpty {});
    is(&refusal(&mut ledger, &[5, 5], &[]), ValidatorExists { node: node(5) });
    is(&refusal(&mut ledger, &[4], &[]), ValidatorExists { node: node(4) });
    is(&refusal(&mut ledger, &[5], &[9]), ValidatorUnknown { node: node(9) });
    is(&refusal(&mut ledger, &[5], &[5]), ValidatorUnknown { node: node(5) });
    is(&refusal(&mut ledger, &[5], &[1, 1]), ValidatorUnknown { node: node(1) });
    is(&refusal(&mut ledger, &[0], &[]), CandidateInvalid { node: B256::ZERO, seat: Address::ZERO });
    is(&refusal(&mut ledger, &eleven, &[]), EpochTooShort { count: 11, epochBlocks: 64, epochBlocksMin: 66 });
    let (many, mut ledger) = ((5..=65).collect::<Vec<u8>>(), with_epochs(1_024));
    make_ready(&mut ledger, &many);
    is(&refusal(&mut ledger, &many, &[]), ValidatorCountOutOfRange { count: 65, countMin: 4, countMax: 64 });
}

#[test]
fn no_institution_has_more_nodes_than_may_be_faulty() {
    let mut ledger = with_epochs(BLOCKS);
    all_led(&mut ledger);
    make_ready(&mut ledger, &[5, 6, 7, 8]);
    let of_one = |nodes: &[u8]| {
        let joining = nodes.iter().map(|number| Candidate { node: node(*number), seat: B }).collect();
        vec![action(GOV, changeValidatorsCall { joining, leaving: vec![] })]
    };
    let call = |nodes: &[u8]| proposeCall { actions: of_one(nodes), descriptionHash: WHY };
    let error = InstitutionTooLarge { seat: B, nodes: 2, nodesMax: 1 };
    ledger.reverts(A, GOV, call(&[5, 6]), error);
    let error = InstitutionTooLarge { seat: B, nodes: 3, nodesMax: 2 };
    ledger.reverts(A, GOV, call(&[5, 6, 7]), error);
    pass(&mut ledger, of_one(&[5])).unwrap();
}

#[test]
fn one_change_waits_for_the_other() {
    let mut ledger = with_epochs(BLOCKS);
    all_led(&mut ledger);
    make_ready(&mut ledger, &[5, 6, 7, 8]);
    pass(&mut ledger, change(&[5, 6, 7], &[])).unwrap();
    for height in [31, 2 * BLOCKS, 3 * BLOCKS - 1] {
        ledger.height = height;
        all_led(&mut ledger);
        make_ready(&mut ledger, &[8]);
        let pending = ValidatorChangePending { version: 1, epoch: height / BLOCKS, signsFromEpoch: 3 };
        let refused = pass(&mut ledger, change(&[8], &[]));
        assert_eq!(refused, Err(Failure::Revert(pending.abi_encode().into())), "height {height}");
    }
    ledger.height = 3 * BLOCKS;
    all_led(&mut ledger);
    pass(&mut ledger, change(&[8], &[])).unwrap();
}

/// A new member has not led yet, and is not silent before it could.
#[test]
fn who_has_just_joined_is_not_silent() {
    let mut ledger = with_epochs(BLOCKS);
    all_led(&mut ledger);
    make_ready(&mut ledger, &[5, 6, 7]);
    pass(&mut ledger, change(&[5, 6, 7], &[])).unwrap();
    ledger.height = 3 * BLOCKS + 24;
    lead(&mut ledger, 1..=4);
    // A proposal shows what counts: of six, five must be there.
    propose(&mut ledger, A, change(&[], &[1]));
    ledger.height = 3 * BLOCKS + 25;
    let absent = ValidatorsAbsent { count: 6, quorum: 5, present: 3, unready: 0, silent: 3 };
    lead(&mut ledger, 1..=4);
    is(&refusal(&mut ledger, &[], &[1]), absent);
}

/// While ceremonies fail nobody on the new list can lead: it is there if it is declared ready, until it has led once.
#[test]
fn who_cannot_lead_yet_is_there_when_it_is_ready() {
    let mut ledger = with_epochs(BLOCKS);
    all_led(&mut ledger);
    make_ready(&mut ledger, &[5, 6, 7]);
    pass(&mut ledger, change(&[5, 6, 7], &[])).unwrap();
    ledger.height = 6 * BLOCKS;
    lead(&mut ledger, 1..=4);
    let absent = |present, silent| ValidatorsAbsent { count: 6, quorum: 5, present, unready: 0, silent };
    is(&refusal(&mut ledger, &[], &[7]), absent(4, 2));
    make_ready(&mut ledger, &[5, 6]);
    propose(&mut ledger, A, change(&[], &[7]));
    lead(&mut ledger, 5..=6);
    ledger.height += 4 * 6 + 1;
    lead(&mut ledger, 1..=4);
    is(&refusal(&mut ledger, &[], &[7]), absent(4, 2));
}

/// A member of the old list and of the next but one leads for the old one meanwhile.
#[test]
fn who_leads_before_it_must_is_not_silent_for_that() {
    let mut ledger = with_epochs(BLOCKS);
    all_led(&mut ledger);
    make_ready(&mut ledger, &[5, 6, 7]);
    pass(&mut ledger, change(&[5, 6, 7], &[])).unwrap();
    ledger.height = 40;
    lead(&mut ledger, 5..=7);
    ledger.height = 3 * BLOCKS + 24;
    lead(&mut ledger, 1..=4);
    propose(&mut ledger, A, change(&[], &[1]));
}

#[test]
fn who_leads_serves_however_many_ceremonies_failed() {
    let mut ledger = with_epochs(BLOCKS);
    all_led(&mut ledger);
    make_ready(&mut ledger, &[5, 6, 7]);
    pass(&mut ledger, change(&[5, 6, 7], &[])).unwrap();
    ledger.height = 4 * BLOCKS;
    all_led(&mut ledger);
    pass(&mut ledger, change(&[], &[5, 6, 7])).unwrap();
    ledger.height = 20 * BLOCKS;
    let serves = |ledger: &mut Ledger| ledger.run(STRANGER, |context| serves(context, node(5))).unwrap();
    assert!(!serves(&mut ledger));
    lead(&mut ledger, 5..=5);
    ledger.height = 28 * BLOCKS - 1;
    assert!(serves(&mut ledger));
    ledger.height = 28 * BLOCKS;
    assert!(!serves(&mut ledger));
}

#[test]
fn a_key_that_is_registered_again_was_not_declared_ready() {
    let mut ledger = with_epochs(BLOCKS);
    make_ready(&mut ledger, &[6]);
    assert_eq!(ledger.ok(STRANGER, GOV, readyUntilCall { node: node(6) }), 2);
    ledger.ok(GOV, PERMISSION_ADDRESS, IPermission::removeNodeCall { publicKey: node(6) });
    let (public_key, endpoint) = (node(6), "bank6.example:9000".to_string());
    ledger.ok(
        GOV,
        PERMISSION_ADDRESS,
        IPermission::addNodeCall { publicKey: public_key, name: "bank".into(), endpoint },
    );
    assert_eq!(ledger.ok(STRANGER, GOV, readyUntilCall { node: node(6) }), 0);
    is(&refusal(&mut ledger, &[6], &[]), CandidateNeverReady { node: node(6) });
}

#[test]
fn who_serves_stays_registered() {
    let mut ledger = with_epochs(BLOCKS);
    all_led(&mut ledger);
    make_ready(&mut ledger, &[5, 6, 7]);
    let remove = |number: u8| IPermission::removeNodeCall { publicKey: node(number) };
    pass(&mut ledger, change(&[5, 6, 7], &[])).unwrap();
    for number in [1, 5, 7] {
        ledger.reverts(
            GOV,
            PERMISSION_ADDRESS,
            remove(number),
            IPermission::NodeIsValidator { publicKey: node(number) },
        );
    }
    ledger.height = 4 * BLOCKS;
    all_led(&mut ledger);
    pass(&mut ledger, change(&[], &[5, 6, 7])).unwrap();
    // Dealt to from epoch 6 on, signs from 7 on; ceremonies may fail for eight more.
    ledger.height = 15 * BLOCKS - 1;
    ledger.reverts(GOV, PERMISSION_ADDRESS, remove(5), IPermission::NodeIsValidator { publicKey: node(5) });
    ledger.height = 15 * BLOCKS;
    ledger.ok(GOV, PERMISSION_ADDRESS, remove(5));
}

#[test]
fn only_governance_changes_the_list_and_only_who_answers_for_a_node_declares_it() {
    let mut ledger = with_epochs(BLOCKS);
    let call = changeValidatorsCall { joining: joining(&[5]), leaving: vec![] };
    ledger.reverts(A, GOV, call.clone(), GovernanceRequired { caller: A });
    ledger.reverts(GOV, GOV, call, ExecutionAbsent {});
    let ready = |number: u8| IPermission::declareNodeReadyCall { publicKey: node(number) };
    let error = IPermission::AdminRequired { caller: STRANGER, admin: GOV };
    ledger.reverts(STRANGER, PERMISSION_ADDRESS, ready(5), error);
    ledger.reverts(A, PERMISSION_ADDRESS, ready(9), IPermission::NodeUnknown { publicKey: node(9) });
    assert_eq!(ledger.ok(GUARDIANS[0], PERMISSION_ADDRESS, ready(5)), 2);
    assert_eq!(ledger.ok(STRANGER, GOV, readyUntilCall { node: node(5) }), 2);
    assert_eq!(ledger.last_event::<NodeReady>().1, NodeReady { node: node(5), by: GUARDIANS[0], untilEpoch: 2 });
}
