//! Runs in which a machine joins a network with epochs by copying the state.

use super::*;

/// Machine 4 keeps few blocks and joins; an epoch of 32 blocks takes three seconds under load.
fn newcomer(seed: u64, duration: u64, faults: Vec<(Duration, Fault)>) -> Scenario {
    Scenario { seed, epoch_blocks: Some(32), accounts: 200, joining: [4].into(), faults, ..seconds(duration) }
}

/// Nobody gives it the state from its start on, until this moment.
fn joins_slowly(start: u64, until: u64) -> Vec<(Duration, Fault)> {
    let withhold = |withheld| Fault::WithholdState(4, withheld);
    vec![at(start, withhold(true)), at(start, Fault::Join(4)), at(until, withhold(false))]
}

fn sorted(mut faults: Vec<(Duration, Fault)>) -> Vec<(Duration, Fault)> {
    faults.sort_by_key(|(at, _)| *at);
    faults
}

/// The epoch in which a machine's ledger begins.
fn joined_in(report: &Report, machine: usize, epoch_blocks: u64) -> u64 {
    report.oldest[machine] / epoch_blocks
}

#[test]
fn a_machine_joins_in_any_epoch_while_payments_go_on() {
    for (seed, tenths) in [(101, 12), (102, 40), (103, 75), (104, 118)] {
        let report = run(&newcomer(seed, 16, vec![at(tenths, Fault::Join(4))])).unwrap();
        let oldest = report.oldest[4];
        assert!(oldest > 5 && oldest < report.height - 20, "it executed blocks, but not from genesis on: {report:?}");
        assert_eq!((report.refused, report.blocked.len()), (0, 0), "{report:?}");
    }
}

/// Epochs pass before anybody gives it the state: what is final is delivered all the same, so the copy is of a state
/// that is new when it is done.
#[test]
fn epochs_pass_while_the_state_is_copied() {
    for seed in [111, 112] {
        let report = run(&newcomer(seed, 26, joins_slowly(60, 170))).unwrap();
        let before = joined_in(&run(&newcomer(seed, 26, vec![at(60, Fault::Join(4))])).unwrap(), 4, 32);
        let after = joined_in(&report, 4, 32);
        assert!(after >= before + 2, "from epoch {before} to {after}: {report:?}");
        assert!(report.oldest[4] < report.height - 20, "{report:?}");
    }
}

#[test]
fn a_copy_over_epochs_that_is_interrupted_goes_on() {
    for tenths in [80, 95, 110, 125, 140, 182, 190] {
        let interrupted = vec![at(tenths, Fault::Kill(4)), at(tenths + 7, Fault::Join(4))];
        let faults = sorted([joins_slowly(60, 170), interrupted].concat());
        let report = run(&newcomer(tenths, 26, faults)).unwrap();
        assert!(report.oldest[4] > 5 && report.oldest[4] < report.height, "killed after {tenths} tenths: {report:?}");
    }
}

#[test]
fn a_copy_over_epochs_survives_the_loss_of_power() {
    for tenths in [131, 133, 136] {
        let faults = [joins_slowly(60, 130), vec![at(tenths, Fault::PowerLoss)]].concat();
        let report = run(&newcomer(tenths, 22, faults)).unwrap();
        assert!(report.oldest[4] > 5, "power lost after {tenths} tenths: {report:?}");
    }
}

/// What a restart needs of the epoch in which it joined, and of the end of that epoch, is there for as long as it needs it.
#[test]
fn a_machine_that_has_joined_restarts_in_that_epoch_and_in_later_ones() {
    for (seed, begin) in [(121, 80), (122, 100)] {
        let restarts = [25, 45, 70, 95, 120, 150]
            .map(|after| [at(begin + after, Fault::Kill(4)), at(begin + after + 5, Fault::Start(4))]);
        let faults = [vec![at(begin, Fault::Join(4))], restarts.concat()].concat();
        let report = run(&Scenario { epoch_blocks: Some(64), ..newcomer(seed, 28, faults) }).unwrap();
        assert!(report.oldest[4] > 5 && report.oldest[4] < report.height - 64, "{report:?}");
    }
    // The same where an epoch ended during the copy.
    let restarts = [30, 55, 80].map(|after| [at(170 + after, Fault::Kill(4)), at(175 + after, Fault::Start(4))]);
    let report = run(&newcomer(123, 28, [joins_slowly(60, 170), restarts.concat()].concat())).unwrap();
    assert!(report.oldest[4] > 160, "{report:?}");
}

/// It follows until the ledger's list has it, and then signs like any other.
#[test]
fn a_machine_that_joined_by_copying_becomes_a_validator() {
    let faults = [vec![at(60, Fault::Join(4))], super::committee::decide(110, &[4], &[])].concat();
    let report = run(&newcomer(131, 40, faults)).unwrap();
    let last = report.committees.values().last().unwrap();
    assert_eq!(last.machines, BTreeSet::from([0, 1, 2, 3, 4]), "{report:?}");
    let (epoch, _) = report.committees.last_key_value().unwrap();
    assert!(report.voting[&4].contains(epoch), "{report:?}");
    assert!(report.oldest[4] > 5 && report.reveals == 0, "{report:?}");
}

/// It has voted in the epoch in which it loses its disk, and does not know for what.
#[test]
fn a_validator_that_lost_its_disk_does_not_vote_before_it_is_dealt_a_new_share() {
    for (seed, tenths) in [(141, 100), (142, 113), (143, 126)] {
        let lost = vec![at(tenths, Fault::Kill(2)), at(tenths, Fault::ReplaceDisk(2)), at(tenths + 3, Fault::Join(2))];
        let faults = [vec![at(0, Fault::Join(2))], lost].concat();
        let scenario = Scenario { joining: [2].into(), followers: 0, ..newcomer(seed, 46, faults) };
        let report = run(&scenario).unwrap();
        let (oldest, voting) = (report.oldest[2], &report.voting[&2]);
        assert!(oldest > 32, "it copied the state again: {report:?}");
        assert!(voting.first() > report.lost_in.get(&2), "{report:?}");
        assert!(voting.len() >= 2, "{report:?}");
    }
}

/// What it has in its journals, and what was dealt to it for the epoch after, is older than what the others have heard.
#[test]
fn a_validator_with_an_old_disk_votes_again_with_a_new_share_only() {
    for (seed, returned) in [(161, 75), (162, 96), (163, 140)] {
        let copied = vec![at(60, Fault::Kill(2)), at(60, Fault::KeepDisk(2)), at(62, Fault::Start(2))];
        let old =
            vec![at(returned, Fault::Kill(2)), at(returned, Fault::OldDisk(2)), at(returned + 2, Fault::Start(2))];
        let report = run(&Scenario { joining: [].into(), ..newcomer(seed, 50, [copied, old].concat()) }).unwrap();
        assert!(report.convicted.is_empty() && report.blocked.is_empty(), "{report:?}");
        let (last, _) = report.committees.last_key_value().unwrap();
        assert!(report.voting[&2].iter().any(|epoch| epoch + 3 > *last), "{report:?}");
    }
}

/// Of the validators of the genesis file one is left, which nobody would believe alone.
#[test]
fn a_machine_joins_when_the_validators_of_genesis_are_gone() {
    let gone = [0, 1, 2].map(|machine| at(340, Fault::Kill(machine)));
    let faults =
        [vec![at(10, Fault::Bond([2, 3, 4, 5, 6].into()))], gone.into(), vec![at(350, Fault::Join(7))]].concat();
    let scenario = Scenario {
        by_stake: true,
        followers: 4,
        joining: [7].into(),
        contacts: [3, 4, 5, 6].into(),
        accounts: 12,
        ..newcomer(151, 50, faults)
    };
    let report = run(&scenario).unwrap();
    // Machine 2 had a place, too, until an election found it silent.
    let last = &report.committees.values().last().unwrap().machines;
    assert!(last.is_superset(&[3, 4, 5, 6].into()) && last.is_disjoint(&[0, 1].into()), "{report:?}");
    assert!(report.oldest[7] > 100 && report.oldest[7] < report.height - 30, "it did not wait for them: {report:?}");
    // Without contacts it asks those of the genesis file, and waits until they are back.
    let waits = run(&Scenario { contacts: BTreeSet::new(), ..scenario }).unwrap();
    assert!(waits.oldest[7] > report.oldest[7] + 30, "{waits:?}");
}
