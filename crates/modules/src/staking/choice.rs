//! Whom bonds elect: a pure function of who stands, of how many there is room for, and of the height.
//!
//! Those who are there come first, then the higher bonds, then the lower node keys. The longest list is taken in which no
//! institution has more nodes than may be faulty ([`committee`]), and of which all are there: one that is away when shares are dealt
//! would keep the old committee in its place, and nobody could take it off the list. So an institution with many nodes or with a
//! silent one stops no election: those are passed over.

use alloy_primitives::{Address, B256};
use std::{cmp::Reverse, collections::BTreeMap};

use crate::governance::committee::{self, Validator};

/// A node that can be elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) node: B256,
    pub(super) institution: Address,
    /// Units that are bonded for it.
    pub(super) units: u128,
    /// Whether it is there in a list of so many.
    pub(super) attendance: Attendance,
}

/// How it is known whether a node is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attendance {
    /// It is on the newest list, and last led or could first lead at this height.
    Led(u64),
    /// It was declared ready.
    Ready,
}

/// What a list has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Fewest validators.
    pub(super) count_min: u64,
    /// Most validators.
    pub(super) count_max: u64,
    /// Height at which it is elected.
    pub(super) height: u64,
    /// Validators among whom leading goes round now.
    pub(super) rotation: u64,
}

/// Why no list was elected. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Fewer nodes can be elected than a list needs.
    TooFewCandidates = 3,
    /// Fewer remain where no institution has more nodes than may be faulty.
    TooFewInstitutions = 4,
    /// Too few of them are known to be there.
    TooFewPresent = 5,
}

impl Reason {
    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Self::TooFewCandidates => 3,
            Self::TooFewInstitutions => 4,
            Self::TooFewPresent => 5,
        }
    }
}

impl Candidate {
    /// Whether the node is there, for a list of so many.
    pub(super) fn is_present(&self, count: u64, room: Room) -> bool {
        match self.attendance {
            Attendance::Led(led_height) => !committee::is_silent(led_height, count.max(room.rotation), room.height),
            Attendance::Ready => true,
        }
    }
}

/// The longest list that is one, ordered by node. If none is, why the shortest is not.
pub(super) fn choose(candidates: &[Candidate], room: Room) -> Result<Vec<Validator>, Reason> {
    let count_max = room.count_max.min(u64::try_from(candidates.len()).unwrap_or(u64::MAX));
    let mut reason = Reason::TooFewCandidates;
    for count in (room.count_min.max(1)..=count_max).rev() {
        match list_of(candidates, count, room) {
            Ok(list) => return Ok(list),
            Err(why) => reason = why,
        }
    }
    Err(reason)
}

/// The list of so many validators.
fn list_of(candidates: &[Candidate], count: u64, room: Room) -> Result<Vec<Validator>, Reason> {
    let mut ranked: Vec<&Candidate> = candidates.iter().collect();
    ranked.sort_by_key(|candidate| (!candidate.is_present(count, room), Reverse(candidate.units), candidate.node));
    let nodes_max = committee::institution_nodes_max(count);
    let size = usize::try_from(count).unwrap_or(usize::MAX);
    let mut nodes: BTreeMap<Address, u64> = BTreeMap::new();
    let mut elected: Vec<&Candidate> = Vec::new();
    for candidate in ranked {
        let taken = nodes.entry(candidate.institution).or_default();
        if *taken < nodes_max && elected.len() < size {
            *taken = taken.saturating_add(1);
            elected.push(candidate);
        }
    }
    if elected.len() < size {
        return Err(Reason::TooFewInstitutions);
    }
    if !elected.iter().all(|candidate| candidate.is_present(count, room)) {
        return Err(Reason::TooFewPresent);
    }
    let mut list: Vec<Validator> = elected
        .into_iter()
        .map(|Candidate { node, institution, .. }| Validator { node: *node, seat: *institution })
        .collect();
    list.sort_by_key(|validator| validator.node);
    Ok(list)
}
