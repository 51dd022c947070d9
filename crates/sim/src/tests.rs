use super::*;
use crate::check::{all_final, balances_from_events};
use alloy_primitives::{Address, B256, U256};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

fn at(tenths: u64, fault: Fault) -> (Duration, Fault) {
    (Duration::from_millis(tenths * 100), fault)
}

fn seconds(duration: u64) -> Scenario {
    Scenario { duration: Duration::from_secs(duration), ..Scenario::default() }
}

#[test]
fn payments_become_final_everywhere() {
    let report = run(&seconds(4)).unwrap();
    assert_eq!((report.refused, report.transactions), (0, 160), "{report:?}");
    assert!(report.height >= 10, "{report:?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let scenario =
        Scenario { followers: 0, faults: vec![at(8, Fault::Kill(2)), at(14, Fault::Start(2))], ..seconds(2) };
    let first = run(&scenario).unwrap();
    assert_eq!(first, run(&scenario).unwrap());
    let other = run(&Scenario { seed: 2, ..scenario }).unwrap();
    assert_ne!(first.trace, other.trace);
}

#[test]
fn killed_machines_come_back() {
    for seed in [11, 12] {
        let faults = vec![
            at(10, Fault::Kill(1)),
            at(25, Fault::Start(1)),
            at(32, Fault::Kill(3)),
            at(33, Fault::Start(3)),
            at(38, Fault::Kill(4)),
            at(45, Fault::Kill(0)),
            at(60, Fault::Start(4)),
        ];
        let report = run(&Scenario { seed, faults, ..seconds(7) }).unwrap();
        assert!(report.height >= 10, "seed {seed}: {report:?}");
    }
}

/// Engines drop final blocks in files of 64 heights, and whatever they cached 256 views later; the ledger has it all.
#[test]
fn a_machine_that_was_away_for_long_gets_blocks_that_engines_have_forgotten() {
    let faults = vec![at(1, Fault::Kill(4)), at(340, Fault::Start(4))];
    let report = run(&Scenario { seed: 71, payments_per_s: 10, faults, ..seconds(35) }).unwrap();
    assert!(report.height >= 340, "too few blocks for any to be forgotten: {report:?}");
}

#[test]
fn lossy_and_slow_links_only_delay() {
    let links =
        LinkQuality { latency: Duration::from_millis(40), jitter: Duration::from_millis(20), lost_per_mille: 50 };
    let report = run(&Scenario { seed: 21, links, ..seconds(5) }).unwrap();
    assert!(report.height >= 3, "{report:?}");
}

#[test]
fn two_of_four_finalise_nothing_and_nothing_is_lost() {
    let faults = vec![
        at(15, Fault::Kill(0)),
        at(15, Fault::Kill(1)),
        at(25, Fault::StandstillBegins),
        at(70, Fault::StandstillEnds),
        at(70, Fault::Start(1)),
    ];
    let report = run(&Scenario { seed: 31, faults, ..seconds(10) }).unwrap();
    assert!(report.transactions > 200, "payments were taken throughout: {report:?}");
}

#[test]
fn a_split_network_stands_still_and_heals() {
    let faults = vec![
        at(15, Fault::Split(vec![0, 1])),
        at(25, Fault::StandstillBegins),
        at(60, Fault::StandstillEnds),
        at(60, Fault::Links(LinkQuality::default())),
    ];
    run(&Scenario { seed: 41, faults, ..seconds(8) }).unwrap();
}

#[test]
fn power_lost_everywhere_loses_nothing_final() {
    for seed in [51, 52] {
        let faults = vec![at(17, Fault::PowerLoss), at(31, Fault::PowerLoss)];
        let report = run(&Scenario { seed, faults, ..seconds(5) }).unwrap();
        assert!(report.height >= 10, "seed {seed}: {report:?}");
    }
}

#[test]
fn the_checkers_notice_what_they_are_for() {
    let missing = B256::repeat_byte(1);
    let error = all_final(&[], &BTreeSet::from([missing, B256::repeat_byte(2)])).unwrap_err();
    assert_eq!(error, Violation::NeverFinal { count: 2, first: missing });

    let holder = Address::repeat_byte(3);
    let start = BTreeMap::from([(holder, U256::from(5))]);
    assert_eq!(balances_from_events(&[], start.clone()).unwrap(), start);

    // Machines that are expected to stand still but do not.
    let faults = vec![at(5, Fault::StandstillBegins), at(20, Fault::StandstillEnds)];
    let error = run(&Scenario { followers: 0, faults, ..seconds(3) }).unwrap_err();
    assert!(matches!(error, Violation::Progress(_)), "{error}");

    // A standstill of which only one end is told was never checked.
    for fault in [Fault::StandstillEnds, Fault::StandstillBegins] {
        let scenario = Scenario { followers: 0, faults: vec![at(1, fault)], ..seconds(1) };
        let error = run(&scenario).unwrap_err();
        assert!(matches!(error, Violation::Scenario(_)), "{error}");
    }
}
