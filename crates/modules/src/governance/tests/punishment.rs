//! Convictions: what proves guilt, what follows from it, and pardons.

use super::{
    committee::{BLOCKS, all_led, change, is, list, make_ready, refusal, with_epochs},
    *,
};
use crate::governance::{
    committee::led,
    punishment::{convict, note_genesis},
};
use crate::testing::{accuse, node_key, public_node_key, registered_key as node, vote};
use alloy_sol_types::SolEvent;
use florin_types::{Equivocation, NodeVote, VoteKind};
use proptest::prelude::*;

const GENESIS_HASH: B256 = B256::repeat_byte(0xbe);
const CHAIN_ID: u64 = 1337;

/// A network whose validators are the keys 1 to so many, all of which led just now, in the middle of epoch 1.
fn network(validators: u8) -> Ledger {
    let mut genesis = governed_genesis();
    genesis.epoch_blocks = std::num::NonZeroU64::new(BLOCKS);
    let entry = |number: u8| florin_types::GenesisNode {
        name: format!("Bank {number}"),
        public_key: public_node_key(number),
        address: format!("bank{number}.example:9000"),
        role: florin_types::NodeRole::Validator,
    };
    genesis.nodes = (1..=validators).map(entry).collect();
    let mut ledger = Ledger::bare();
    ledger.storage.slots = crate::genesis(&genesis).unwrap().slots;
    ledger.height = 1;
    ledger.run(STRANGER, |context| note_genesis(context, GENESIS_HASH)).unwrap();
    ledger.height = BLOCKS + 10;
    lead(&mut ledger, 1..=validators);
    ledger
}

fn lead(ledger: &mut Ledger, numbers: std::ops::RangeInclusive<u8>) {
    for number in numbers {
        ledger.run(STRANGER, |context| led(context, public_node_key(number))).unwrap();
    }
}

/// Evidence against a node for an epoch.
fn evidence(number: u8, epoch: u64) -> Vec<u8> {
    accuse(number, epoch, CHAIN_ID, GENESIS_HASH).encode()
}

fn punish(evidence: Vec<u8>) -> punishCall {
    punishCall { evidence: evidence.into() }
}

fn pardon(number: u8) -> Vec<Action> {
    vec![action(GOV, pardonValidatorCall { node: public_node_key(number) })]
}

/// Who is dealt to in an epoch, by the numbers of their keys.
fn listed(ledger: &mut Ledger, epoch: u64) -> Vec<u8> {
    let validators = ledger.run(STRANGER, |context| super::super::committee::validators_for(context, epoch)).unwrap();
    (1..=20).filter(|number| validators.iter().any(|entry| entry.node == public_node_key(*number))).collect()
}

#[test]
fn anybody_convicts_a_validator_that_contradicted_itself() {
    let mut ledger = network(5);
    let bytes = evidence(3, 1);
    assert_eq!(ledger.ok(STRANGER, GOV, punish(bytes.clone())), public_node_key(3));
    let told: Vec<_> = ledger.storage.logs.iter().filter_map(|log| ValidatorPunished::decode_log(log).ok()).collect();
    let hash = alloy_primitives::keccak256(&bytes);
    let expected = ValidatorPunished {
        node: public_node_key(3),
        by: STRANGER,
        kind: 1,
        epoch: 1,
        viewNumber: 9,
        evidenceHash: hash,
    };
    assert_eq!(told.iter().map(|log| &log.data).collect::<Vec<_>>(), [&expected]);
    // Block 74 is before the middle of epoch 1: the list of epoch 3 is open.
    let changed = ledger.last_event::<ValidatorsChanged>().1;
    assert_eq!((changed.version, changed.fromEpoch, changed.count), (1, 3, 4));
    assert_eq!((changed.joining, changed.leaving), (vec![], vec![public_node_key(3)]));
    assert_eq!((listed(&mut ledger, 2), listed(&mut ledger, 3)), (vec![1, 2, 3, 4, 5], vec![1, 2, 4, 5]));
    let record = ledger.ok(STRANGER, GOV, convictionOfCall { node: public_node_key(3) });
    assert!(record.stands);
    assert_eq!((record.count, record.kind, record.epoch, record.viewNumber), (1, 1, 1, 9));
    assert_eq!((record.evidenceHash, record.countsFromEpoch), (hash, 0));
    assert_eq!(ledger.ok(STRANGER, GOV, genesisHashCall {}), GENESIS_HASH);
    sound(&mut ledger);
}

/// Every kind of contradiction has its number.
#[test]
fn kinds_are_numbered() {
    use VoteKind::{Finalize, Notarize};
    for (number, one, other) in [
        (1, vote(Notarize, 1, 9, 1), vote(Notarize, 1, 9, 2)),
        (2, vote(Finalize, 1, 9, 1), vote(Finalize, 1, 9, 2)),
        (3, NodeVote::nullify(1, 9), vote(Finalize, 1, 9, 1)),
    ] {
        let mut ledger = network(5);
        let signed = |vote| crate::testing::sign_vote(&node_key(2), vote, CHAIN_ID, GENESIS_HASH);
        let proof = Equivocation::new(public_node_key(2), signed(one), signed(other)).unwrap();
        ledger.ok(STRANGER, GOV, punish(proof.encode()));
        assert_eq!(ledger.ok(A, GOV, convictionOfCall { node: public_node_key(2) }).kind, number);
    }
}

#[test]
fn what_is_wrong_with_evidence_is_said_in_order() {
    let mut ledger = network(5);
    let good = evidence(3, 1);
    let length = U256::from(good.len());
    let malformed = |fault, length| EvidenceMalformed { fault, length, lengthExpected: U256::from(good.len()) };
    let changed = |place: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[place] = byte;
        bytes
    };
    ledger.reverts(STRANGER, GOV, punish(vec![]), malformed(1, U256::ZERO));
    ledger.reverts(STRANGER, GOV, punish([&good[..], &[0]].concat()), malformed(1, length + U256::from(1)));
    ledger.reverts(STRANGER, GOV, punish(changed(0, 2)), malformed(2, length));
    ledger.reverts(STRANGER, GOV, punish(changed(33, 7)), malformed(3, length));
    ledger.reverts(STRANGER, GOV, punish(changed(33, 1)), malformed(4, length));
    let half = (good.len() - 33) / 2;
    let swapped = [&good[..33], &good[33 + half..], &good[33..33 + half]].concat();
    ledger.reverts(STRANGER, GOV, punish(swapped), malformed(5, length));
    let twice = [&good[..33 + half], &good[33..33 + half]].concat();
    ledger.reverts(STRANGER, GOV, punish(twice), malformed(6, length));
    // Good evidence, of a node that is on no list.
    let stranger = AccusedNotValidator { node: public_node_key(9) };
    ledger.reverts(STRANGER, GOV, punish(evidence(9, 7)), stranger);
    let early = EvidenceTooEarly { node: public_node_key(3), epoch: 2, epochNow: 1 };
    ledger.reverts(STRANGER, GOV, punish(evidence(3, 2)), early);
    let node = public_node_key(3);
    let last = good.len() - 1;
    let unsigned = |vote| EvidenceNotSigned { node, vote };
    ledger.reverts(STRANGER, GOV, punish(changed(last, good[last] ^ 1)), unsigned(2));
    ledger.reverts(STRANGER, GOV, punish(changed(33 + half - 1, good[33 + half - 1] ^ 1)), unsigned(1));
    let elsewhere = accuse(3, 1, CHAIN_ID + 1, GENESIS_HASH).encode();
    ledger.reverts(STRANGER, GOV, punish(elsewhere), unsigned(1));
    let elsewhere = accuse(3, 1, CHAIN_ID, B256::repeat_byte(1)).encode();
    ledger.reverts(STRANGER, GOV, punish(elsewhere), unsigned(1));
    // The accused key is not the one that signed.
    let mut framed = good.clone();
    framed[1..33].copy_from_slice(public_node_key(4).as_slice());
    ledger.reverts(STRANGER, GOV, punish(framed), EvidenceNotSigned { node: public_node_key(4), vote: 1 });
    ledger.ok(STRANGER, GOV, punish(good.clone()));
    // A second time: that it stands comes before everything that costs.
    let stands = || ConvictionStands { node, epoch: 1, viewNumber: 9 };
    ledger.reverts(A, GOV, punish(good.clone()), stands());
    ledger.reverts(A, GOV, punish(changed(last, 0)), stands());
    sound(&mut ledger);
}

#[test]
fn without_epochs_or_before_block_1_nobody_is_convicted() {
    let mut ledger = governed();
    ledger.reverts(STRANGER, GOV, punish(evidence(1, 0)), CommitteeFixed {});
    let before = ledger.storage.slots.clone();
    ledger.height = 1;
    ledger.run(STRANGER, |context| note_genesis(context, GENESIS_HASH)).unwrap();
    assert_eq!(ledger.storage.slots, before, "and nothing is noted");
    let mut ledger = crate::testing::world();
    ledger.reverts(STRANGER, GOV, punish(evidence(1, 0)), GovernanceAbsent {});
    let mut ledger = network(4);
    ledger.storage.slots.remove(&layout().genesis_hash.place());
    ledger.reverts(STRANGER, GOV, punish(evidence(1, 0)), GenesisHashUnknown {});
    for height in [0, 2, 1_000] {
        ledger.height = height;
        ledger.run(STRANGER, |context| note_genesis(context, GENESIS_HASH)).unwrap();
        assert!(!ledger.storage.slots.contains_key(&layout().genesis_hash.place()), "height {height}");
    }
}

/// Two signatures are checked, and paid for, last.
#[test]
fn checking_signatures_has_its_price() {
    let mut ledger = network(5);
    let wrong = accuse(3, 1, CHAIN_ID + 1, GENESIS_HASH).encode();
    ledger.call(STRANGER, GOV, punish(wrong)).unwrap_err();
    let checked = ledger.storage.gas_used;
    ledger.call(STRANGER, GOV, punish(evidence(3, 9))).unwrap_err();
    let unchecked = ledger.storage.gas_used;
    assert!(checked > unchecked + 2 * crate::VERIFY_GAS, "{checked} and {unchecked}");
}

/// So many validators, who of them are silent, who is convicted one after the other, and who is left in the end.
type Trial = (u8, &'static [u8], &'static [u8], &'static [u8]);

#[test]
fn who_is_convicted_goes_if_the_others_suffice() {
    let rows: [Trial; 7] = [
        (5, &[], &[2], &[1, 3, 4, 5]),
        (4, &[], &[2], &[1, 2, 3, 4]),
        // The second conviction finds four left and one of them too many.
        (5, &[], &[2, 4], &[1, 3, 4, 5]),
        (7, &[], &[1, 2, 3], &[4, 5, 6, 7]),
        // Of six five must sign: one silent is bearable, two are not.
        (7, &[7], &[1], &[2, 3, 4, 5, 6, 7]),
        (7, &[6, 7], &[1], &[1, 2, 3, 4, 5, 6, 7]),
        // Who stayed goes with the next, as soon as the others suffice without both: of five four must sign.
        (7, &[6, 7], &[1, 6], &[2, 3, 4, 5, 7]),
    ];
    for (validators, silent, convicted, left) in rows {
        let mut ledger = network(validators);
        ledger.height = 3 * BLOCKS;
        for number in (1..=validators).filter(|number| !silent.contains(number)) {
            lead(&mut ledger, number..=number);
        }
        for number in convicted {
            ledger.ok(STRANGER, GOV, punish(evidence(*number, 1)));
        }
        assert_eq!(listed(&mut ledger, u64::MAX), left, "{validators} {silent:?} {convicted:?}");
        sound(&mut ledger);
    }
}

#[test]
fn who_stays_is_named_with_the_numbers() {
    let mut ledger = network(4);
    ledger.ok(STRANGER, GOV, punish(evidence(2, 0)));
    let stays = ledger.last_event::<ValidatorStays>().1;
    let node = public_node_key(2);
    assert_eq!(stays, ValidatorStays { node, count: 3, countMin: 4, quorum: 3, present: 3 });
    assert_eq!(ledger.ok(A, GOV, epochOfCall {}).versions, 1);
}

/// A conviction is a change beside those of governance: it waits for none, and comes after the last one.
#[test]
fn a_conviction_does_not_wait_for_a_pending_change() {
    let mut ledger = network(6);
    let leaving = vec![public_node_key(1)];
    pass(&mut ledger, vec![action(GOV, changeValidatorsCall { joining: vec![], leaving })]).unwrap();
    ledger.ok(STRANGER, GOV, punish(evidence(2, 1)));
    let changed = ledger.last_event::<ValidatorsChanged>().1;
    assert_eq!((changed.version, changed.fromEpoch), (2, 4));
    assert_eq!((listed(&mut ledger, 3), listed(&mut ledger, 4)), (vec![2, 3, 4, 5, 6], vec![3, 4, 5, 6]));
    sound(&mut ledger);
}

#[test]
fn who_left_long_ago_is_no_validator() {
    let mut ledger = network(5);
    let leaving = vec![public_node_key(5)];
    pass(&mut ledger, vec![action(GOV, changeValidatorsCall { joining: vec![], leaving })]).unwrap();
    // Dealt to without it from epoch 3, signed by others from 4, and eight ceremonies may fail.
    ledger.height = 12 * BLOCKS;
    let absent = AccusedNotValidator { node: public_node_key(5) };
    ledger.reverts(STRANGER, GOV, punish(evidence(5, 1)), absent);
    ledger.height -= 1;
    let versions = ledger.ok(STRANGER, GOV, epochOfCall {}).versions;
    ledger.ok(STRANGER, GOV, punish(evidence(5, 1)));
    assert_eq!(ledger.ok(STRANGER, GOV, epochOfCall {}).versions, versions, "it was off the list already");
}

#[test]
fn a_convicted_node_joins_nothing_until_it_is_pardoned() {
    let mut ledger = network(6);
    let node = public_node_key(2);
    let ready = IPermission::declareNodeReadyCall { publicKey: node };
    ledger.ok(A, PERMISSION_ADDRESS, ready.clone());
    let rejoin = || {
        let joining = vec![Candidate { node, seat: B }];
        vec![action(GOV, changeValidatorsCall { joining, leaving: vec![] })]
    };
    ledger.ok(STRANGER, GOV, punish(evidence(2, 1)));
    ledger.reverts(A, PERMISSION_ADDRESS, ready.clone(), ValidatorConvicted { node });
    is(&refused(&mut ledger, rejoin()), ValidatorConvicted { node });
    // Pardons are governance's, of somebody who is convicted.
    let call = pardonValidatorCall { node };
    ledger.reverts(A, GOV, call.clone(), GovernanceRequired { caller: A });
    ledger.reverts(GOV, GOV, call, ExecutionAbsent {});
    reverted(pass(&mut ledger, pardon(3)), ConvictionAbsent { node: public_node_key(3) });
    pass(&mut ledger, pardon(2)).unwrap();
    let told = ledger.storage.logs.iter().rev().find_map(|log| ValidatorPardoned::decode_log(log).ok()).unwrap();
    assert_eq!(told.data, ValidatorPardoned { node, countsFromEpoch: 2 });
    reverted(pass(&mut ledger, pardon(2)), ConvictionAbsent { node });
    // The evidence that was pardoned counts no more, and neither does any of its time.
    let old = EvidenceTooOld { node, epoch: 1, countsFromEpoch: 2 };
    ledger.reverts(STRANGER, GOV, punish(evidence(2, 1)), old);
    ledger.height = 4 * BLOCKS;
    lead(&mut ledger, 1..=6);
    ledger.ok(A, PERMISSION_ADDRESS, ready);
    pass(&mut ledger, rejoin()).unwrap();
    assert_eq!(listed(&mut ledger, u64::MAX), [1, 2, 3, 4, 5, 6]);
    ledger.ok(STRANGER, GOV, punish(evidence(2, 2)));
    let record = ledger.ok(STRANGER, GOV, convictionOfCall { node });
    assert_eq!((record.stands, record.count, record.epoch, record.countsFromEpoch), (true, 2, 2, 2));
    assert_eq!(listed(&mut ledger, u64::MAX), [1, 3, 4, 5, 6]);
    sound(&mut ledger);
}

/// Governance may change a list on which a convicted validator stays only if it takes that one off.
#[test]
fn a_change_leaves_nobody_who_is_convicted() {
    let mut ledger = network(4);
    let five = public_node_key(5);
    let call = IPermission::addNodeCall { publicKey: five, name: "five".into(), endpoint: "five.example:1".into() };
    ledger.ok(GOV, PERMISSION_ADDRESS, call);
    ledger.ok(A, PERMISSION_ADDRESS, IPermission::declareNodeReadyCall { publicKey: five });
    ledger.ok(STRANGER, GOV, punish(evidence(2, 1)));
    let join = |leaving: &[u8]| {
        let leaving = leaving.iter().map(|number| public_node_key(*number)).collect();
        vec![action(GOV, changeValidatorsCall { joining: vec![Candidate { node: five, seat: B }], leaving })]
    };
    let convicted = ValidatorConvicted { node: public_node_key(2) };
    is(&refused(&mut ledger, join(&[])), convicted);
    pass(&mut ledger, join(&[2])).unwrap();
    assert_eq!(listed(&mut ledger, u64::MAX), [1, 3, 4, 5]);
    sound(&mut ledger);
}

fn refused(ledger: &mut Ledger, actions: Vec<Action>) -> Bytes {
    match ledger.send(A, GOV, &proposeCall { actions, descriptionHash: WHY }.abi_encode()) {
        Err(Failure::Revert(data)) => data,
        other => panic!("{other:?}"),
    }
}

/// While a module is paused, guilt goes on being proven.
#[test]
fn a_pause_does_not_protect_the_guilty() {
    let mut ledger = network(5);
    pass(&mut ledger, vec![action(GOV, pauseModuleCall { module: PERMISSION_ADDRESS, durationMs: 1_000 })]).unwrap();
    ledger.ok(STRANGER, GOV, punish(evidence(1, 1)));
    assert_eq!(listed(&mut ledger, u64::MAX), [2, 3, 4, 5]);
}

/// The invariant finds a convicted node on a list that was made after its conviction.
#[test]
fn a_convicted_node_on_a_later_list_is_found() {
    let mut ledger = network(5);
    ledger.ok(STRANGER, GOV, punish(evidence(3, 1)));
    ledger
        .run(STRANGER, |context| {
            let place = layout().committees.at(context, &1)?;
            place.nodes.set(context, 0, public_node_key(3))
        })
        .unwrap();
    let violations = ledger.run(STRANGER, invariants::check).unwrap();
    assert!(violations.iter().any(|found| found.invariant == "governance.no_convict_joins"), "{violations:?}");
}

/// A key that nobody has signs nothing, and a list without convicts changes as ever.
#[test]
fn a_key_that_nobody_has_signs_nothing() {
    let mut ledger = with_epochs(BLOCKS);
    ledger.height = 1;
    ledger.run(STRANGER, |context| note_genesis(context, GENESIS_HASH)).unwrap();
    all_led(&mut ledger);
    let mut bytes = evidence(1, 0);
    bytes[1..33].copy_from_slice(node(1).as_slice());
    ledger.reverts(STRANGER, GOV, punish(bytes), EvidenceNotSigned { node: node(1), vote: 1 });
    make_ready(&mut ledger, &[5]);
    is(&refusal(&mut ledger, &[5], &[1, 2]), ValidatorCountOutOfRange { count: 3, countMin: 4, countMax: 64 });
    pass(&mut ledger, change(&[5], &[1])).unwrap();
    assert_eq!(list(&mut ledger, u64::MAX), [2, 3, 4, 5]);
}

proptest! {
    #![proptest_config(crate::testing::cases(64))]

    /// Whatever bytes are brought, nobody is convicted by what was not signed, and nothing panics.
    #[test]
    fn bytes_that_were_changed_convict_nobody(place in 0usize..florin_types::EQUIVOCATION_BYTES, mask in 1u8..=255) {
        let mut ledger = network(5);
        let mut bytes = evidence(3, 1);
        bytes[place] ^= mask;
        let before = ledger.storage.slots.clone();
        let result = ledger.run(STRANGER, |context| convict(context, &bytes));
        prop_assert!(matches!(result, Err(Failure::Revert(_))), "{:?}", result);
        prop_assert_eq!(&ledger.storage.slots, &before);
    }
}
