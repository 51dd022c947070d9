//! What a conviction costs.

use super::*;
use crate::governance::layout::layout as governance_layout;
use alloy_sol_types::SolEvent;

fn told<E: SolEvent>(ledger: &Ledger) -> Vec<E> {
    ledger.storage.logs.iter().filter_map(|log| E::decode_log(log).ok()).map(|log| log.data).collect()
}

#[test]
fn a_conviction_takes_its_part_of_what_is_bonded_and_unbonding() {
    let mut ledger = network();
    bond(&mut ledger, 1, 1_001);
    ledger.ok(bank(1), TO, unbondCall { node: node(1), amount: units(400) });
    assert_eq!(ledger.ok(STRANGER, GOV, evidence(1, 0)), node(1));
    // 5 % of 1,001, rounded up; what is bonded gives way first.
    let slashed = told::<Slashed>(&ledger);
    assert_eq!(slashed, [Slashed { node: node(1), institution: bank(1), amount: units(51), due: units(51) }]);
    assert_eq!(told::<SlashPaid>(&ledger), [SlashPaid { node: node(1), to: TREASURY, amount: units(51) }]);
    assert_eq!(stands(&mut ledger, 1), (550, 400, 0));
    assert_eq!((balance(&mut ledger, bank(1)), balance(&mut ledger, TREASURY)), (WEALTH - 51, 51));
    sound(&mut ledger);
    // Once: a further proof is refused, and no operation takes anything again.
    let stands_already = IGovernance::ConvictionStands { node: node(1), epoch: 0, viewNumber: 9 };
    ledger.reverts(SEAT, GOV, evidence(1, 0), stands_already);
    ledger.ok(bank(1), TO, unbondCall { node: node(1), amount: U256::MAX });
    assert_eq!(stands(&mut ledger, 1), (0, 950, 0));
    ledger.reverts(STRANGER, TO, collectCall { node: node(1) }, NothingDue { node: node(1) });
    sound(&mut ledger);
}

/// What is unbonding is slashed, what was withdrawn is not.
#[test]
fn what_went_back_is_out_of_reach() {
    let mut ledger = network();
    bond(&mut ledger, 1, 1_000);
    ledger.ok(bank(1), TO, unbondCall { node: node(1), amount: units(900) });
    ledger.height = UNBONDING * BLOCKS;
    ledger.ok(bank(1), TO, withdrawCall { node: node(1) });
    ledger.ok(STRANGER, GOV, evidence(1, 0));
    assert_eq!(balance(&mut ledger, TREASURY), 5);
    assert_eq!(stands(&mut ledger, 1), (95, 0, 0));
    sound(&mut ledger);
}

#[test]
fn who_bonded_nothing_is_convicted_all_the_same() {
    let mut ledger = network();
    ledger.ok(STRANGER, GOV, evidence(2, 0));
    assert!(ledger.ok(STRANGER, GOV, IGovernance::convictionOfCall { node: node(2) }).stands);
    assert!(told::<Slashed>(&ledger).is_empty());
    // A bond after the pardon is whole.
    pardon(&mut ledger, 2);
    bond(&mut ledger, 2, 1_000);
    assert_eq!(stands(&mut ledger, 2), (1_000, 0, 0));
    assert_eq!(balance(&mut ledger, TREASURY), 0);
    sound(&mut ledger);
}

/// Where the token does not let it be paid, it is due: it does not go back, elects nobody, and anybody has it paid later.
#[test]
fn what_cannot_be_paid_is_due() {
    type Change = fn(&mut Ledger);
    let rows: [(&str, Change, Change); 3] = [
        (
            "the bank is frozen",
            |ledger| _ = ledger.ok(FREEZER, eur(), IToken::setAddressFrozenCall { userAddress: bank(1), freeze: true }),
            |ledger| {
                _ = ledger.ok(FREEZER, eur(), IToken::setAddressFrozenCall { userAddress: bank(1), freeze: false })
            },
        ),
        (
            "the treasury is frozen",
            |ledger| {
                _ = ledger.ok(FREEZER, eur(), IToken::setAddressFrozenCall { userAddress: TREASURY, freeze: true })
            },
            |ledger| {
                _ = ledger.ok(FREEZER, eur(), IToken::setAddressFrozenCall { userAddress: TREASURY, freeze: false })
            },
        ),
        (
            "the token is paused",
            |ledger| _ = ledger.ok(PAUSER, eur(), IToken::pauseCall {}),
            |ledger| _ = ledger.ok(PAUSER, eur(), IToken::unpauseCall {}),
        ),
    ];
    for (name, obstruct, relent) in rows {
        let mut ledger = network();
        bond(&mut ledger, 1, 1_000);
        ledger.ok(bank(1), TO, unbondCall { node: node(1), amount: units(800) });
        obstruct(&mut ledger);
        ledger.ok(STRANGER, GOV, evidence(1, 0));
        assert_eq!(stands(&mut ledger, 1), (150, 800, 50), "{name}");
        assert_eq!(balance(&mut ledger, TREASURY), 0, "{name}");
        ledger.call(STRANGER, TO, collectCall { node: node(1) }).unwrap_err();
        // The units that are due do not go back, whatever else does.
        ledger.height = 30 * BLOCKS;
        assert_eq!(ledger.ok(bank(1), TO, withdrawCall { node: node(1) }), units(800), "{name}");
        assert_eq!(stands(&mut ledger, 1), (150, 0, 50), "{name}");
        sound(&mut ledger);
        relent(&mut ledger);
        assert_eq!(ledger.ok(STRANGER, TO, collectCall { node: node(1) }), units(50), "{name}");
        assert_eq!((balance(&mut ledger, TREASURY), stands(&mut ledger, 1)), (50, (150, 0, 0)), "{name}");
        sound(&mut ledger);
    }
}

/// A paused module keeps its state; the conviction takes its part with the next operation on the bond.
#[test]
fn a_pause_delays_what_a_conviction_takes() {
    for module in [STAKING_ADDRESS, crate::TOKENS_ADDRESS, crate::POLICY_ADDRESS] {
        let mut ledger = network();
        bond(&mut ledger, 1, 1_000);
        let (bit, until_ms) =
            (crate::address::Module::at(module).map_or(0, |m| crate::address::pause_bit(m).unwrap()), 5_000);
        let since_ms = ledger.timestamp_ms;
        ledger
            .run(GOV, |context| {
                let status = governance_layout().status.read(context)?;
                let paused = crate::governance::layout::Status { paused: 1 << bit, ..status };
                governance_layout().status.write(context, paused)?;
                let pause =
                    crate::governance::layout::Pause { since_ms, until_ms: since_ms + until_ms, ..Default::default() };
                governance_layout().pauses.at(context, &module)?.write(context, pause)
            })
            .unwrap();
        ledger.ok(STRANGER, GOV, evidence(1, 0));
        // Views tell what stands, whether or not it was written.
        assert_eq!(stands(&mut ledger, 1), (950, 0, 50), "{module}");
        assert_eq!(balance(&mut ledger, TREASURY), 0);
        ledger.timestamp_ms += until_ms;
        assert_eq!(ledger.ok(STRANGER, TO, collectCall { node: node(1) }), units(50));
        assert_eq!(told::<Slashed>(&ledger).len(), 1, "{module}");
        assert_eq!((balance(&mut ledger, TREASURY), stands(&mut ledger, 1)), (50, (950, 0, 0)));
    }
}

#[test]
fn who_is_convicted_is_passed_over_until_it_is_pardoned() {
    let mut ledger = network();
    for number in 1..=5 {
        bond(&mut ledger, number, 1_000);
    }
    declare_ready(&mut ledger, &[5]);
    elect_for(&mut ledger, 2, &[]);
    let versions = ledger.ok(STRANGER, GOV, IGovernance::epochOfCall {}).versions;
    ledger.ok(STRANGER, GOV, evidence(1, 0));
    assert_eq!(ledger.ok(STRANGER, GOV, IGovernance::epochOfCall {}).versions, versions, "an election does it");
    elect_for(&mut ledger, 3, &[]);
    assert_eq!(listed(&mut ledger, 3), [2, 3, 4, 5]);
    // A second one stays: four are needed.
    ledger.ok(STRANGER, GOV, evidence(2, 1));
    elect_for(&mut ledger, 4, &[]);
    let last = ledger.ok(STRANGER, TO, lastElectionCall {});
    assert_eq!((last.result, last.candidates, last.countMin), (3, 3, 4));
    assert_eq!(listed(&mut ledger, 4), [2, 3, 4, 5]);
    sound(&mut ledger);
    pardon(&mut ledger, 1);
    declare_ready(&mut ledger, &[1]);
    elect_for(&mut ledger, 5, &[]);
    assert_eq!(listed(&mut ledger, 5), [1, 3, 4, 5]);
    // And a further conviction takes a further part, of what is left.
    ledger.height = 4 * BLOCKS;
    ledger.ok(STRANGER, GOV, evidence(1, 4));
    assert_eq!(stands(&mut ledger, 1), (902, 0, 0));
    assert_eq!(balance(&mut ledger, TREASURY), 50 + 50 + 48);
    sound(&mut ledger);
}

/// All of it may be taken: then the bond ends.
#[test]
fn a_conviction_may_take_everything() {
    let mut genesis = stake_genesis();
    genesis.governance.as_mut().unwrap().stake.as_mut().unwrap().slash_basis_points = 10_000;
    let mut ledger = network();
    ledger.storage.slots = crate::genesis(&genesis).unwrap().slots;
    ledger.run(STRANGER, |context| note_genesis(context, GENESIS_HASH)).unwrap();
    bond(&mut ledger, 1, 1_000);
    bond(&mut ledger, 2, 300);
    ledger.ok(STRANGER, GOV, evidence(1, 0));
    assert_eq!(balance(&mut ledger, TREASURY), 1_000);
    assert_eq!(ledger.ok(STRANGER, TO, bondCountCall {}), 1);
    ledger.reverts(bank(1), TO, withdrawCall { node: node(1) }, BondAbsent { node: node(1) });
    sound(&mut ledger);
}

/// The gas references bring evidence, and the program that makes them has no key of a node. `FLORIN_GENERATE=1` writes it.
#[test]
fn the_evidence_of_the_gas_references_is_that_of_node_1() {
    let made = alloy_primitives::hex::encode(accuse(1, 0, 0, crate::gas::committee::GENESIS_HASH).encode()) + "\n";
    if std::env::var_os("FLORIN_GENERATE").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/gas/evidence.hex");
        std::fs::write(file, &made).unwrap();
    }
    assert_eq!(crate::gas::committee::EVIDENCE, made);
}
