//! Elections: once an epoch, in the block that fixes the list for an epoch to come, before its transactions.

use alloy_primitives::B256;

use super::{
    bond::Bond,
    choice::{Attendance, Candidate, Reason, Room, choose},
    layout::{Election, Settings, layout},
    settings,
};
use crate::{
    context::{Context, Failure},
    governance::{
        committee::{self, Claim, Validator},
        punishment,
    },
    permission,
};

/// A list was elected that is not the one before.
const NEW_LIST: u8 = 1;
/// The list that was elected is the one before.
const SAME_LIST: u8 = 2;

/// Who stands, and whom the bonds elect now.
struct Ballot {
    candidates: Vec<Candidate>,
    room: Room,
    outcome: Result<Vec<Validator>, Reason>,
}

/// Elects, if this block fixes the list for an epoch and bonds elect it. It is called outside of any transaction: no event
/// tells of it, and it never fails but for damage.
pub fn elect(context: &mut Context<'_>) -> Result<(), Failure> {
    let Some(epoch) = committee::election_due(context)? else { return Ok(()) };
    let ballot = count(context)?;
    let present = ballot.present();
    let Ballot { candidates, room, outcome } = ballot;
    let result = match outcome {
        Ok(list) if committee::elect(context, epoch, &list)? => NEW_LIST,
        Ok(_) => SAME_LIST,
        Err(reason) => reason.number(),
    };
    let election = Election {
        epoch,
        result,
        candidates: small(candidates.len()),
        present,
        count_min: u16::try_from(room.count_min).unwrap_or(u16::MAX),
        version: committee::epoch_of(context)?.2.saturating_sub(1),
    };
    layout().election.write(context, election)
}

/// Numbers of nodes are bounded by those of the registry.
fn small(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

impl Ballot {
    /// How many candidates are there, in a list of as many as there is room for.
    fn present(&self) -> u16 {
        let count = self.room.count_max.min(u64::try_from(self.candidates.len()).unwrap_or(u64::MAX));
        small(self.candidates.iter().filter(|candidate| candidate.is_present(count, self.room)).count())
    }
}

fn count(context: &mut Context<'_>) -> Result<Ballot, Failure> {
    let settings = settings(context)?;
    let before = committee::newest(context)?;
    let (epoch_blocks, epoch, _) = committee::epoch_of(context)?;
    // Who signs now was dealt to in the epoch before.
    let signing = committee::validators_for(context, epoch.saturating_sub(1))?;
    let room = Room {
        count_min: committee::count_min(&before),
        count_max: u64::from(settings.validators_max).min(committee::count_max(epoch_blocks)),
        height: context.env().height,
        rotation: u64::try_from(signing.len().max(before.len())).unwrap_or(u64::MAX),
    };
    let candidates = candidates(context, &settings)?;
    let outcome = choose(&candidates, room);
    Ok(Ballot { candidates, room, outcome })
}

/// Every node that can be elected: bonded enough, in the registry, not convicted, and on the newest list or ready.
fn candidates(context: &mut Context<'_>, settings: &Settings) -> Result<Vec<Candidate>, Failure> {
    let bond_min = layout().bond_min.read(context)?;
    let mut candidates = Vec::new();
    for node in layout().nodes.all(context)? {
        let bond = Bond::read(context, settings, node)?;
        if bond.bonded() >= bond_min
            && let Some(attendance) = attendance(context, node)?
        {
            candidates.push(Candidate { node, institution: bond.head.institution, units: bond.bonded(), attendance });
        }
    }
    Ok(candidates)
}

/// How it is known whether the node is there; absent if it cannot be elected.
fn attendance(context: &mut Context<'_>, node: B256) -> Result<Option<Attendance>, Failure> {
    if punishment::record_of(context, node)?.stands || !permission::is_registered(context, node)? {
        return Ok(None);
    }
    Ok(match committee::claim_of(context, node)? {
        Claim::Listed { led_height } => Some(Attendance::Led(led_height)),
        Claim::Ready => Some(Attendance::Ready),
        Claim::Neither => None,
    })
}

/// How the last election ended.
pub fn last_election(context: &mut Context<'_>) -> Result<Election, Failure> {
    settings(context)?;
    layout().election.read(context)
}

/// The result and the list, if the election were now; the list is empty where the old one would stay.
pub fn would_elect(context: &mut Context<'_>) -> Result<(u8, Vec<Validator>), Failure> {
    settings(context)?;
    let before = committee::newest(context)?;
    Ok(match count(context)?.outcome {
        Ok(list) if list == before => (SAME_LIST, list),
        Ok(list) => (NEW_LIST, list),
        Err(reason) => (reason.number(), Vec::new()),
    })
}
