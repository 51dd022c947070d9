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
    let report = run(&Scenario { seed: 71, payments_per_min: 600, faults, ..seconds(35) }).unwrap();
    assert!(report.height >= 340, "too few blocks for any to be forgotten: {report:?}");
}

/// A follower that copies the state, and comes when payments have been going on for a while.
fn joining(seed: u64, duration: u64, faults: Vec<(Duration, Fault)>) -> Scenario {
    Scenario { seed, accounts: 200, joining: BTreeSet::from([4]), faults, ..seconds(duration) }
}

#[test]
fn a_machine_joins_by_copying_the_state_while_payments_go_on() {
    let report = run(&joining(81, 8, vec![at(40, Fault::Join(4))])).unwrap();
    assert_eq!(report.oldest[..4], [0; 4], "{report:?}");
    let oldest = report.oldest[4];
    assert!(oldest > 5 && oldest < report.height - 5, "it executed blocks, but not from genesis on: {report:?}");
    assert_eq!((report.refused, report.blocked.len()), (0, 0), "{report:?}");
}

#[test]
fn a_copy_that_is_interrupted_goes_on() {
    for tenths in [49, 50, 51, 52, 54, 58] {
        let faults = vec![at(40, Fault::Join(4)), at(tenths, Fault::Kill(4)), at(tenths + 7, Fault::Join(4))];
        let report = run(&joining(tenths, 8, faults)).unwrap();
        assert!(report.oldest[4] > 5, "killed after {tenths} tenths: {report:?}");
    }
}

#[test]
fn a_copy_survives_the_loss_of_power() {
    for tenths in [51, 53] {
        let faults = vec![at(40, Fault::Join(4)), at(tenths, Fault::PowerLoss)];
        let report = run(&joining(tenths, 7, faults)).unwrap();
        assert!(report.oldest[4] > 5, "power lost after {tenths} tenths: {report:?}");
    }
}

#[test]
fn who_hands_out_a_wrong_state_is_blocked_and_another_is_asked() {
    // Three validators of four run; the fourth only lies. The joining machine asks any of them, so some seeds miss it.
    let asked_the_liar = (82..98).any(|seed| {
        let traitors = BTreeMap::from([(3, Treason::WrongState)]);
        let report =
            run(&Scenario { accounts: 600, traitors, ..joining(seed, 6, vec![at(30, Fault::Join(4))]) }).unwrap();
        assert!(report.oldest[3] > 5, "{report:?}");
        assert!(report.blocked.iter().all(|pair| *pair == (4, 3)), "{report:?}");
        !report.blocked.is_empty()
    });
    assert!(asked_the_liar, "in no run was the liar asked");
}

#[test]
fn a_network_begins_with_machines_that_would_copy() {
    let joining = BTreeSet::from([0, 1, 2, 3, 4]);
    let faults = (0..5).map(|machine| at(1, Fault::Join(machine))).collect();
    let report = run(&Scenario { joining, faults, ..seconds(4) }).unwrap();
    assert_eq!(report.oldest, [0; 5], "nobody had anything to copy: {report:?}");
}

mod committee;
mod newcomers;

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
fn a_traitor_that_tells_two_stories_changes_nothing_and_is_convicted() {
    let halves = Treason::Equivocates { first: BTreeSet::from([0]), second: BTreeSet::from([1]) };
    let traitors = BTreeMap::from([(3, halves)]);
    let report = run(&Scenario { seed: 81, traitors, ..seconds(12) }).unwrap();
    assert!(report.height >= 5 && report.transactions > 400, "{report:?}");
    // Machine 2 heard both halves.
    assert!(report.convicted.contains(&(2, 3)), "{report:?}");
}

/// Nobody hears both stories: they are found out by what machine 0 tells the others.
#[test]
fn a_traitor_that_tells_each_of_the_others_one_story_is_convicted() {
    let halves = Treason::Equivocates { first: BTreeSet::from([0]), second: BTreeSet::from([1, 2]) };
    let traitors = BTreeMap::from([(3, halves)]);
    let report = run(&Scenario { seed: 83, followers: 0, traitors, ..seconds(12) }).unwrap();
    assert!(report.height >= 5, "{report:?}");
    assert!(report.convicted.iter().any(|(_, accused)| *accused == 3), "{report:?}");
}

#[test]
fn garbage_and_blocks_without_payments_change_nothing() {
    for treason in [Treason::Garbage, Treason::Censors] {
        let traitors = BTreeMap::from([(2, treason.clone())]);
        let report = run(&Scenario { seed: 82, traitors, ..seconds(8) }).unwrap();
        assert!(report.height >= 10 && report.transactions > 300, "{treason:?}: {report:?}");
    }
}

#[test]
fn full_disks_end_nodes_and_lose_nothing() {
    // All at once: nobody is left, and all come back.
    let full = (0..4).map(|machine| at(20, Fault::Disk(machine, 1)));
    let works = (0..4).map(|machine| at(50, Fault::Disk(machine, 0)));
    let faults = full.chain(works).collect();
    let report = run(&Scenario { seed: 91, followers: 0, faults, ..seconds(10) }).unwrap();
    assert!(report.height >= 5 && report.refused > 0, "payments were refused while no node was there: {report:?}");

    // A disk that fails now and then, under one of four.
    let faults = vec![at(10, Fault::Disk(1, 40)), at(60, Fault::Disk(1, 0))];
    let report = run(&Scenario { seed: 92, faults, ..seconds(9) }).unwrap();
    assert_eq!(report.refused, 0, "{report:?}");
}

#[test]
fn a_follower_with_an_empty_disk_gets_everything_again() {
    let faults = vec![at(30, Fault::Kill(4)), at(30, Fault::ReplaceDisk(4)), at(35, Fault::Start(4))];
    run(&Scenario { seed: 93, faults, ..seconds(6) }).unwrap();
}

#[test]
fn a_machine_with_an_old_disk_catches_up_and_harms_nobody() {
    // A follower, and a validator: the others show it votes that the disk does not know, and it casts none until they are past.
    for machine in [4, 2] {
        let copied = [at(20, Fault::Kill(machine)), at(20, Fault::KeepDisk(machine)), at(25, Fault::Start(machine))];
        let returned = [at(50, Fault::Kill(machine)), at(50, Fault::OldDisk(machine)), at(55, Fault::Start(machine))];
        let faults = copied.into_iter().chain(returned).collect();
        let report = run(&Scenario { seed: 96, faults, ..seconds(9) }).unwrap();
        assert!(report.height >= 8, "{report:?}");
        assert!(report.convicted.is_empty() && report.blocked.is_empty(), "{report:?}");
    }
    let faults = vec![at(10, Fault::Kill(4)), at(10, Fault::OldDisk(4))];
    let error = run(&Scenario { seed: 97, faults, ..seconds(2) }).unwrap_err();
    assert!(matches!(error, Violation::Scenario(_)), "no copy was made: {error}");
}

/// At the end every run asks whether it votes ([`Violation::Progress`]).
#[test]
fn a_validator_with_an_empty_disk_votes_when_its_votes_are_past() {
    for clock_ms in [0, -9_000] {
        let lost = [at(20, Fault::Kill(2)), at(20, Fault::ReplaceDisk(2)), at(20, Fault::Clock(2, clock_ms))];
        let faults = [&lost[..], &[at(25, Fault::Start(2))]].concat();
        let report = run(&Scenario { seed: 98, faults, ..seconds(9) }).unwrap();
        assert!(report.convicted.is_empty() && report.blocked.is_empty(), "{report:?}");
    }
}

#[test]
fn wrong_clocks_of_one_machine_only_delay() {
    let faults =
        vec![at(5, Fault::Clock(0, 3_600_000)), at(40, Fault::Clock(0, -3_600_000)), at(80, Fault::Clock(0, 0))];
    let report = run(&Scenario { seed: 94, faults, ..seconds(12) }).unwrap();
    assert!(report.height >= 8, "{report:?}");
}

#[test]
fn links_that_work_one_way_only_delay() {
    let faults =
        vec![at(10, Fault::OneWay(0, 1, None)), at(10, Fault::OneWay(1, 2, None)), at(10, Fault::OneWay(4, 3, None))];
    let report = run(&Scenario { seed: 95, faults, ..seconds(8) }).unwrap();
    assert!(report.height >= 8, "{report:?}");
}

/// A bounded set for every change; `cargo xtask sim` runs as many as one likes.
#[test]
fn stories_drawn_from_a_seed_hold() {
    for seed in 1..=6 {
        let scenario = Scenario::drawn(seed, Duration::from_secs(100));
        let report = run(&scenario).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        assert!(report.height > 3, "seed {seed}: {report:?}");
        assert!(
            report.reverted * 10 < report.transactions * 9,
            "seed {seed}: nearly everything was refused: {report:?}"
        );
    }
}

#[test]
fn a_story_is_drawn_from_its_seed_alone_and_mends_what_it_breaks() {
    for seed in 0..200 {
        let story = Scenario::drawn(seed, Duration::from_secs(3_600));
        assert_eq!(story, Scenario::drawn(seed, Duration::from_secs(3_600)));
        assert!(story.traitors.len() * 3 < story.validators, "seed {seed}: {:?}", story.traitors);
        assert!(story.faults.is_sorted_by_key(|(at, _)| *at), "seed {seed}: faults out of order");
        let count = |wanted: fn(&Fault) -> bool| story.faults.iter().filter(|(_, fault)| wanted(fault)).count();
        let pairs = [
            (
                "kills",
                count(|f| matches!(f, Fault::Kill(_))) + story.joining.len(),
                count(|f| matches!(f, Fault::Start(_) | Fault::Join(_))),
            ),
            ("standstills", count(|f| *f == Fault::StandstillBegins), count(|f| *f == Fault::StandstillEnds)),
            ("disks", count(|f| matches!(f, Fault::Disk(_, 1..))), count(|f| matches!(f, Fault::Disk(_, 0)))),
            ("acts", count(|f| *f == Fault::WholeAgain), count(|f| *f == Fault::MustMove)),
        ];
        for (what, begun, ended) in pairs {
            assert_eq!(begun, ended, "seed {seed}: {what}");
        }
    }
}

#[test]
fn planted_bugs_are_found() {
    let faults = vec![at(25, Fault::PowerLoss)];
    let error = run(&Scenario { seed: 61, faults, ..seconds(5) }.planted(Plant::LostWrite)).unwrap_err();
    assert!(matches!(error, Violation::Lost { .. } | Violation::Ended { .. }), "{error}");

    let gone = [at(10, Fault::Kill(0)), at(10, Fault::Kill(1)), at(20, Fault::StandstillBegins)];
    let faults = gone.into_iter().chain([at(60, Fault::StandstillEnds)]).collect();
    let error = run(&Scenario { seed: 62, faults, ..seconds(7) }.planted(Plant::WrongQuorum)).unwrap_err();
    assert!(matches!(error, Violation::Progress(_)), "{error}");
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
