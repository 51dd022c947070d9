//! When elections are, who stands, and what becomes of their outcome.

use super::*;

/// Epoch, result, candidates, those who are there, fewest that make a list, newest version.
fn last(ledger: &mut Ledger) -> (u64, u8, u64, u64, u64, u64) {
    let told = ledger.ok(STRANGER, TO, lastElectionCall {});
    (told.epoch, told.result, told.candidates, told.present, told.countMin, told.version)
}

/// Banks 1 to 5 bond, the fifth is ready.
fn five(ledger: &mut Ledger) {
    for number in 1..=5 {
        bond(ledger, number, 100 * u128::from(number));
    }
    declare_ready(ledger, &[5]);
}

#[test]
fn the_validators_of_genesis_stay_until_a_list_is_elected() {
    let mut ledger = network();
    assert_eq!(last(&mut ledger), (0, 0, 0, 0, 0, 0));
    elect_for(&mut ledger, 2, &[]);
    assert_eq!(last(&mut ledger), (2, 3, 0, 0, 4, 0));
    for number in [1, 2, 3] {
        bond(&mut ledger, number, 100);
    }
    elect_for(&mut ledger, 3, &[]);
    assert_eq!(last(&mut ledger), (3, 3, 3, 3, 4, 0));
    assert_eq!(listed(&mut ledger, u64::MAX), [1, 2, 3, 4]);
    bond(&mut ledger, 5, 100);
    declare_ready(&mut ledger, &[5]);
    elect_for(&mut ledger, 4, &[]);
    assert_eq!(last(&mut ledger), (4, 1, 4, 4, 4, 1));
    assert_eq!((listed(&mut ledger, 3), listed(&mut ledger, 4)), (vec![1, 2, 3, 4], vec![1, 2, 3, 5]));
    let version = ledger.ok(STRANGER, GOV, IGovernance::validatorsAtCall { version: 1 });
    let mut expected = [1, 2, 3, 5].map(|number| (node(number), bank(number)));
    expected.sort_unstable();
    assert_eq!(version.nodes.into_iter().zip(version.seats).collect::<Vec<_>>(), expected);
    sound(&mut ledger);
}

/// In one block of an epoch, the last before its middle, and in no other.
#[test]
fn one_block_of_an_epoch_elects() {
    let mut ledger = network();
    five(&mut ledger);
    let mut elections = Vec::new();
    for height in 1..4 * BLOCKS {
        ledger.height = height;
        lead(&mut ledger, &[1, 2, 3, 4, 5]);
        if height % BLOCKS == 1 {
            declare_ready(&mut ledger, &[5]);
        }
        let before = last(&mut ledger).0;
        ledger.run(Address::ZERO, elect).unwrap();
        let after = last(&mut ledger).0;
        if before != after {
            elections.push((height, after));
        }
    }
    assert_eq!(elections, [(31, 2), (95, 3), (159, 4), (223, 5)]);
    for (height, epoch) in elections {
        assert_eq!(frozen_at(BLOCKS, epoch), height, "as the engine reads it");
    }
}

#[test]
fn a_version_is_made_only_where_the_list_differs() {
    let mut ledger = network();
    five(&mut ledger);
    elect_for(&mut ledger, 2, &[]);
    assert_eq!(last(&mut ledger), (2, 1, 5, 5, 4, 1));
    for epoch in 3..6 {
        elect_for(&mut ledger, epoch, &[]);
        assert_eq!(last(&mut ledger), (epoch, 2, 5, 5, 4, 1));
    }
    bond(&mut ledger, 6, 1_000);
    declare_ready(&mut ledger, &[6]);
    let would = ledger.ok(STRANGER, TO, wouldElectCall {});
    elect_for(&mut ledger, 6, &[]);
    assert_eq!(last(&mut ledger), (6, 1, 6, 6, 4, 2));
    assert_eq!(listed(&mut ledger, 6), [2, 3, 4, 5, 6], "the least bond lost its place");
    let version = ledger.ok(STRANGER, GOV, IGovernance::validatorsAtCall { version: 2 });
    assert_eq!((would.result, would.nodes, would.institutions), (1, version.nodes, version.seats));
    let again = ledger.ok(STRANGER, TO, wouldElectCall {});
    assert_eq!((again.result, again.nodes.len()), (2, 5));
    sound(&mut ledger);
}

/// Who of nodes 1 to 6, all bonded alike and all but the last there, is elected when the sixth is as each row says.
#[test]
fn only_who_may_and_can_stands() {
    type Change = fn(&mut Ledger);
    let rows: [(&str, Change, &[u8]); 7] = [
        ("ready, with the highest bond", |_| {}, &[1, 2, 3, 4, 6]),
        ("not ready any more", |ledger| ledger.height = 3 * BLOCKS, &[1, 2, 3, 4]),
        (
            "unbonded",
            |ledger| _ = ledger.ok(bank(6), TO, unbondCall { node: node(6), amount: U256::MAX }),
            &[1, 2, 3, 4],
        ),
        (
            "not in the registry",
            |ledger| _ = ledger.ok(GOVERNOR, PERMISSION_ADDRESS, IPermission::removeNodeCall { publicKey: node(6) }),
            &[1, 2, 3, 4],
        ),
        (
            "seized below the least bond",
            |ledger| {
                let hold = ledger.ok(STRANGER, TO, bondOfCall { node: node(6) }).holdId;
                crate::testing::seize_from_hold(ledger, eur(), hold, 950).unwrap();
            },
            &[1, 2, 3, 4],
        ),
        (
            "frozen, which takes nothing away",
            |ledger| {
                let freeze = IToken::setAddressFrozenCall { userAddress: bank(6), freeze: true };
                ledger.ok(FREEZER, eur(), freeze);
            },
            &[1, 2, 3, 4, 6],
        ),
        (
            "of another's institution, which has its node already",
            |ledger| {
                ledger.ok(bank(6), TO, unbondCall { node: node(6), amount: U256::MAX });
                ledger.height = UNBONDING * BLOCKS;
                ledger.ok(bank(6), TO, withdrawCall { node: node(6) });
                ledger.ok(GOVERNOR, TO, nameInstitutionCall { node: node(6), account: bank(1) });
                ledger.ok(bank(1), TO, bondCall { node: node(6), amount: units(5_000) });
                declare_ready(ledger, &[6]);
            },
            // The higher of its two bonds.
            &[2, 3, 4, 6],
        ),
    ];
    for (name, change, expected) in rows {
        let mut ledger = network();
        for number in 1..=4 {
            bond(&mut ledger, number, 500);
        }
        bond(&mut ledger, 6, 1_000);
        declare_ready(&mut ledger, &[6]);
        change(&mut ledger);
        let epoch = ledger.height / BLOCKS + 2;
        elect_for(&mut ledger, epoch, &[]);
        assert_eq!(listed(&mut ledger, u64::MAX), expected, "{name}");
        sound(&mut ledger);
    }
}

#[test]
fn who_is_silent_loses_its_place() {
    let mut ledger = network();
    five(&mut ledger);
    elect_for(&mut ledger, 2, &[]);
    assert_eq!(listed(&mut ledger, 2), [1, 2, 3, 4, 5]);
    // The fifth has the highest bond, signs from epoch 3 on, and leads no block for four rotations.
    elect_for(&mut ledger, 6, &[5]);
    assert_eq!((last(&mut ledger), listed(&mut ledger, 6)), ((6, 1, 5, 4, 4, 2), vec![1, 2, 3, 4]));
    bond(&mut ledger, 6, 100);
    declare_ready(&mut ledger, &[6]);
    elect_for(&mut ledger, 7, &[5]);
    assert_eq!(listed(&mut ledger, 7), [1, 2, 3, 4, 6]);
    // Where too few are there, the list stays and the state says why.
    elect_for(&mut ledger, 10, &[1, 2, 3, 5, 6]);
    assert_eq!(last(&mut ledger), (10, 5, 5, 1, 4, 3));
    assert_eq!(listed(&mut ledger, 10), [1, 2, 3, 4, 6]);
    let would = ledger.ok(STRANGER, TO, wouldElectCall {});
    assert_eq!((would.result, would.nodes.len()), (5, 0));
    sound(&mut ledger);
}

/// What a list is, is asked in one place for governance and in one for bonds: they agree.
#[test]
fn a_list_that_is_elected_is_one_that_governance_could_make() {
    let mut ledger = network();
    five(&mut ledger);
    elect_for(&mut ledger, 2, &[]);
    let (elected, numbers) = (listed(&mut ledger, 2), [1, 2, 3, 4, 5]);
    assert_eq!(elected, numbers);
    // The same network, with a list of governance's.
    let mut genesis = stake_genesis();
    let governance = genesis.governance.as_mut().unwrap();
    (governance.stake, governance.election) = (None, Election::Authority);
    let mut other = Ledger::bare();
    other.storage.slots = crate::genesis(&genesis).unwrap().slots;
    other.height = ledger.height;
    lead(&mut other, &[1, 2, 3, 4]);
    declare_ready(&mut other, &[5]);
    let joining = vec![IGovernance::Candidate { node: node(5), seat: bank(5) }];
    let call = IGovernance::changeValidatorsCall { joining, leaving: vec![] };
    let action = IGovernance::Action { target: GOV, data: call.abi_encode().into() };
    other.ok(SEAT, GOV, IGovernance::proposeCall { actions: vec![action], descriptionHash: B256::ZERO });
}
