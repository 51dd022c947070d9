//! Runs in which the shares of the key change hands.

use super::*;

/// Epochs of 32 blocks, three seconds under load.
fn epochs(seed: u64, duration: u64, faults: Vec<(Duration, Fault)>) -> Scenario {
    Scenario { seed, epoch_blocks: Some(32), faults, ..seconds(duration) }
}

/// Epochs whose shares differ from those of the epoch before.
fn dealt(report: &Report) -> usize {
    let committees: Vec<&Seated> = report.committees.values().collect();
    committees.windows(2).filter(|pair| pair[0].share_keys != pair[1].share_keys).count()
}

#[test]
fn shares_change_with_every_epoch_and_the_key_does_not() {
    let report = run(&epochs(1, 20, Vec::new())).unwrap();
    let (seen, last) = (report.committees.len(), *report.committees.keys().last().unwrap());
    assert!(last >= 4 && seen as u64 == last + 1, "every epoch was seen: {report:?}");
    assert_eq!(dealt(&report), seen - 1, "new shares in each: {report:?}");
    assert!(report.committees.values().all(|seated| seated.machines == BTreeSet::from([0, 1, 2, 3])));
    assert!(report.longest_pause_ms <= 2_000, "{report:?}");
}

/// The follower has nothing when it starts, several epochs later.
#[test]
fn a_follower_catches_up_over_many_epochs() {
    let faults = vec![at(1, Fault::Kill(4)), at(1, Fault::ReplaceDisk(4)), at(250, Fault::Start(4))];
    let report = run(&epochs(2, 32, faults)).unwrap();
    assert!(report.committees.len() >= 6, "{report:?}");
}

#[test]
fn a_validator_that_was_away_for_epochs_comes_back_and_gets_a_share() {
    let faults = vec![at(20, Fault::Kill(2)), at(160, Fault::Start(2))];
    let report = run(&epochs(3, 30, faults)).unwrap();
    assert!(report.committees.len() >= 6 && dealt(&report) >= 3, "{report:?}");
}

/// One after the other is killed, at other moments of an epoch each time, and comes back at once.
#[test]
fn kills_around_the_end_of_an_epoch_lose_nothing() {
    for seed in 0..3u64 {
        let faults = (0..10u64).flat_map(|step| {
            let (machine, tenth) = ((step % 4) as usize, 26 + step * 23 + seed * 3);
            [at(tenth, Fault::Kill(machine)), at(tenth + 2, Fault::Start(machine))]
        });
        let report = run(&epochs(30 + seed, 28, faults.collect())).unwrap();
        assert!(report.committees.len() >= 4, "seed {seed}: {report:?}");
        assert_eq!(report.reveals, 0, "seed {seed}: {report:?}");
    }
}

#[test]
fn power_lost_around_the_end_of_an_epoch_loses_nothing() {
    for seed in 0..4u64 {
        let faults = (0..6u64).map(|step| at(22 + step * 17 + seed * 3, Fault::PowerLoss));
        let report = run(&epochs(40 + seed, 16, faults.collect())).unwrap();
        assert!(report.committees.len() >= 2, "seed {seed}: {report:?}");
    }
}

/// Who is asleep while shares are dealt gets none, and nobody publishes what was meant for it.
#[test]
fn one_that_sleeps_while_shares_are_dealt_makes_the_ceremony_fail_and_no_more() {
    let faults = vec![at(20, Fault::Kill(3)), at(110, Fault::Start(3))];
    let report = run(&epochs(5, 22, faults)).unwrap();
    let committees: Vec<&Seated> = report.committees.values().collect();
    let same = committees.windows(2).filter(|pair| pair[0].share_keys == pair[1].share_keys).count();
    assert!(same >= 1, "the shares stayed at least once: {report:?}");
    assert!(dealt(&report) >= 2, "and changed again: {report:?}");
    assert_eq!(report.reveals, 0, "{report:?}");
}

/// Proposes a change, has it accepted and executes it, within three seconds.
pub(super) fn decide(tenths: u64, joining: &[usize], leaving: &[usize]) -> Vec<(Duration, Fault)> {
    let machines = |machines: &[usize]| machines.iter().copied().collect();
    vec![
        at(tenths, Fault::Propose(machines(joining), machines(leaving))),
        at(tenths + 10, Fault::Vote),
        at(tenths + 20, Fault::Execute),
    ]
}

#[test]
fn four_grow_to_seven_and_shrink_to_four_under_load() {
    let faults = [decide(15, &[4, 5, 6], &[]), decide(330, &[], &[0, 1, 2])].concat();
    let report = run(&Scenario { epoch_blocks: Some(64), followers: 3, ..epochs(6, 68, faults) }).unwrap();
    let sizes: Vec<usize> = report.committees.values().map(|seated| seated.machines.len()).collect();
    assert!(sizes.contains(&7), "{sizes:?}");
    let last = report.committees.values().last().unwrap();
    assert_eq!(last.machines, BTreeSet::from([3, 4, 5, 6]), "{sizes:?}");
    assert!(report.longest_pause_ms <= 2_000, "{report:?}");
    assert_eq!((report.refused, report.reveals), (0, 0), "{report:?}");
}

/// Five bond, two of the four validators of genesis do not: who bonded signs, under the same key.
#[test]
fn bonds_elect_who_signs_under_load() {
    let faults = vec![at(10, Fault::Bond([2, 3, 4, 5, 6].into()))];
    let scenario = Scenario { epoch_blocks: Some(64), by_stake: true, followers: 3, ..epochs(9, 44, faults) };
    let report = run(&scenario).unwrap();
    let first = report.committees.values().next().unwrap();
    let last = report.committees.values().last().unwrap();
    assert_eq!(first.machines, BTreeSet::from([0, 1, 2, 3]), "{report:?}");
    assert_eq!(last.machines, BTreeSet::from([2, 3, 4, 5, 6]), "{report:?}");
    assert_eq!((report.refused, report.reveals), (0, 0), "{report:?}");
}
