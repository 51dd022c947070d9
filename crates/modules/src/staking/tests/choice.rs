//! Whom bonds elect, by the pure rule: a table, and properties that say what the best list is without making one.

use crate::governance::committee::tolerated;
use crate::staking::choice::{Attendance, Candidate, Reason, Room, choose};
use alloy_primitives::{Address, B256};
use proptest::prelude::*;
use std::collections::BTreeMap;

const HEIGHT: u64 = 1_000;

fn candidate(number: u8, institution: u8, units: u128, led: Option<u64>) -> Candidate {
    Candidate {
        node: B256::repeat_byte(number),
        institution: Address::repeat_byte(institution),
        units,
        attendance: led.map_or(Attendance::Ready, Attendance::Led),
    }
}

fn room(count_min: u64, count_max: u64) -> Room {
    Room { count_min, count_max, height: HEIGHT, rotation: 0 }
}

fn elected(candidates: &[Candidate], count_min: u64, count_max: u64) -> Result<Vec<u8>, Reason> {
    let list = choose(candidates, room(count_min, count_max))?;
    Ok(list.iter().map(|entry| entry.node[0]).collect())
}

/// Each of an institution of its own, all ready, with these bonds.
fn ready(units: &[u128]) -> Vec<Candidate> {
    (1u8..).zip(units).map(|(number, units)| candidate(number, number, *units, None)).collect()
}

#[test]
fn the_highest_bonds_are_elected_and_ties_go_to_the_lower_key() {
    let many = ready(&[100, 200, 300, 400, 500, 500, 600]);
    assert_eq!(elected(&many, 4, 5), Ok(vec![3, 4, 5, 6, 7]));
    assert_eq!(elected(&many, 4, 4), Ok(vec![4, 5, 6, 7]));
    let equal = ready(&[7; 7]);
    assert_eq!(elected(&equal, 4, 5), Ok(vec![1, 2, 3, 4, 5]));
    assert_eq!(elected(&many, 4, 64), Ok(vec![1, 2, 3, 4, 5, 6, 7]));
}

#[test]
fn too_few_make_no_list() {
    assert_eq!(elected(&[], 4, 5), Err(Reason::TooFewCandidates));
    assert_eq!(elected(&ready(&[1; 3]), 4, 5), Err(Reason::TooFewCandidates));
    assert_eq!(elected(&ready(&[1; 3]), 3, 5), Ok(vec![1, 2, 3]), "a network that began smaller may stay so");
    assert_eq!(elected(&[], 0, 5), Err(Reason::TooFewCandidates), "an empty list is none");
}

#[test]
fn an_institution_s_surplus_is_passed_over() {
    let of_one = |numbers: &[u8]| -> Vec<Candidate> {
        let one = numbers.iter().map(|number| candidate(*number, 0xee, 1_000, None));
        ready(&[10, 20, 30, 40]).into_iter().chain(one).collect()
    };
    // Of seven two may be faulty: but so long a list has only six that may be on it. Of six and of five one may.
    assert_eq!(elected(&of_one(&[5, 6, 7]), 4, 7), Ok(vec![1, 2, 3, 4, 5]));
    let mut six = of_one(&[5, 6, 7]);
    six.push(candidate(8, 8, 1, None));
    assert_eq!(elected(&six, 4, 7), Ok(vec![1, 2, 3, 4, 5, 6, 8]), "the lower keys of equal bonds");
    let alone: Vec<Candidate> = (1..9).map(|number| candidate(number, 0xee, 9, None)).collect();
    assert_eq!(elected(&alone, 4, 7), Err(Reason::TooFewInstitutions));
}

#[test]
fn who_is_silent_loses_its_place() {
    let (there, silent) = (Some(HEIGHT), Some(0));
    let mut five: Vec<Candidate> = (1..5).map(|number| candidate(number, number, 10, there)).collect();
    five.push(candidate(5, 5, 1_000, silent));
    assert_eq!(elected(&five, 4, 5), Ok(vec![1, 2, 3, 4]), "with it no shares could be dealt");
    five.push(candidate(6, 6, 1, None));
    assert_eq!(elected(&five, 4, 5), Ok(vec![1, 2, 3, 4, 6]), "who is there comes first, however small its bond");
    let mut two: Vec<Candidate> = (1..4).map(|number| candidate(number, number, 10, there)).collect();
    two.extend([candidate(4, 4, 9, silent), candidate(5, 5, 8, silent)]);
    assert_eq!(elected(&two, 3, 5), Ok(vec![1, 2, 3]));
    assert_eq!(elected(&two, 4, 5), Err(Reason::TooFewPresent));
}

/// Silence is counted in rotations of the list that would be, or of those who sign if they are more.
#[test]
fn a_rotation_is_as_long_as_the_list() {
    let led = |ago: u64| Some(HEIGHT - ago);
    let last_led = |ago: u64| -> Vec<Candidate> {
        let mut list: Vec<Candidate> = (1..5).map(|number| candidate(number, number, 10, led(0))).collect();
        list.push(candidate(5, 5, 99, led(ago)));
        list.push(candidate(6, 6, 1, led(0)));
        list
    };
    assert_eq!(elected(&last_led(20), 4, 5), Ok(vec![1, 2, 3, 4, 5]));
    assert_eq!(elected(&last_led(21), 4, 5), Ok(vec![1, 2, 3, 4, 6]));
    let ten_sign = Room { rotation: 10, ..room(4, 5) };
    let list = |ago| choose(&last_led(ago), ten_sign).unwrap().iter().map(|seat| seat.node[0]).collect::<Vec<_>>();
    assert_eq!((list(40), list(41)), (vec![1, 2, 3, 4, 5], vec![1, 2, 3, 4, 6]));
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (0u8..6, 1u128..4, prop::option::of(prop::sample::select(vec![0, HEIGHT - 20, HEIGHT - 30, HEIGHT])));
    prop::collection::vec(one, 0..14).prop_map(|all| {
        (1u8..).zip(all).map(|(number, (institution, units, led))| candidate(number, institution, units, led)).collect()
    })
}

/// How many of the candidates that are there a list of so many can have.
fn most(candidates: &[Candidate], count: u64) -> u64 {
    let nodes_max = tolerated(count).max(1);
    let mut nodes: BTreeMap<Address, u64> = BTreeMap::new();
    for candidate in candidates.iter().filter(|entry| entry.is_present(count, room(0, 0))) {
        *nodes.entry(candidate.institution).or_default() += 1;
    }
    nodes.values().map(|nodes| *nodes.min(&nodes_max)).sum()
}

proptest! {
    #![proptest_config(crate::testing::cases(400))]

    /// A list is one, is the longest that can be, and nobody outside of it has a better claim than somebody in it.
    #[test]
    fn the_longest_list_of_the_best_is_elected(
        candidates in candidates(), count_min in 1u64..6, more in 0u64..8,
    ) {
        let room = room(count_min, count_min + more);
        let outcome = choose(&candidates, room);
        let length = outcome.as_ref().map_or(0, |list| list.len() as u64);
        // No longer list is possible, whoever were chosen.
        for count in (count_min.max(length + 1))..=room.count_max {
            prop_assert!(most(&candidates, count) < count, "{} of {:?}", count, candidates);
        }
        let Ok(list) = outcome else { return Ok(()) };
        prop_assert!((count_min..=room.count_max).contains(&length));
        prop_assert!(list.windows(2).all(|pair| pair[0].node < pair[1].node));
        let is_in = |entry: &Candidate| list.iter().any(|seat| seat.node == entry.node);
        let (inside, outside): (Vec<&Candidate>, Vec<&Candidate>) = candidates.iter().partition(|entry| is_in(entry));
        prop_assert_eq!(inside.len() as u64, length);
        let nodes = |institution| inside.iter().filter(|entry| entry.institution == institution).count() as u64;
        let nodes_max = tolerated(length).max(1);
        prop_assert!(inside.iter().all(|entry| nodes(entry.institution) <= nodes_max));
        prop_assert!(inside.iter().all(|entry| entry.is_present(length, room)));
        let claim = |entry: &Candidate| (entry.is_present(length, room), entry.units, std::cmp::Reverse(entry.node));
        for loser in outside {
            let full = nodes(loser.institution) >= nodes_max;
            let rivals = inside.iter().filter(|entry| !full || entry.institution == loser.institution);
            for winner in rivals {
                prop_assert!(claim(winner) > claim(loser), "{:?} and {:?}", winner, loser);
            }
        }
    }
}
