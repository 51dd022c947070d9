//! Who leads which view.
//!
//! **Responsibilities.** Gives every view its leader: the validators in the order of their keys, one view each.
//!
//! **Why the first views of an epoch have one leader.** The engine passes over a leader of whom nothing was heard for a while,
//! and in the first view of an epoch nobody has heard of all. Its block is certified by the fastest quorum; a validator whose
//! votes come after those would lead the second view, some would pass it over and some would vote for its block, neither
//! would be a quorum, and the view would end with its certification timeout, 3.5 seconds by default. After
//! [`OPENING_VIEWS`] the votes of all who are there have arrived. A first leader that is not there costs its first view; the
//! others are passed over by all at once. One that is there and makes no good block is heard, and can hold up each of them.

use commonware_consensus::{
    simplex::elector::{Config, Elector, Scheduled, Terms},
    types::{Participant, Round},
};
use commonware_cryptography::certificate::Scheme;
use commonware_utils::ordered::Set;

/// Views at the beginning of an epoch that its first leader leads.
pub(crate) const OPENING_VIEWS: u64 = 4;

/// The rule, before it is known for whom.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turns;

/// The rule for so many validators, of whom there is one at least.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TurnsOf {
    validators: u64,
}

impl TurnsOf {
    /// The place of the leader of a view (from 1 on) among the validators of its epoch.
    pub(crate) fn leader(self, epoch: u64, view: u64) -> u64 {
        let turn = view.saturating_sub(OPENING_VIEWS);
        epoch.wrapping_add(turn).checked_rem(self.validators).unwrap_or_default()
    }
}

impl<S: Scheme> Config<S> for Turns {
    type Elector = TurnsOf;

    fn build(self, participants: &Set<S::PublicKey>) -> TurnsOf {
        TurnsOf { validators: participants.len() as u64 }
    }
}

impl<S: Scheme> Elector<S> for TurnsOf {
    type Mode = Scheduled;

    fn terms(&self) -> Terms {
        Terms::rotating()
    }

    fn elect(&self, round: Round, (): ()) -> Participant {
        let place = self.leader(round.epoch().get(), round.view().get());
        Participant::new(u32::try_from(place).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaders(validators: u64, epoch: u64, views: std::ops::RangeInclusive<u64>) -> Vec<u64> {
        views.map(|view| TurnsOf { validators }.leader(epoch, view)).collect()
    }

    #[test]
    fn the_first_leader_of_an_epoch_opens_it_and_then_everyone_leads_in_turn() {
        assert_eq!(leaders(4, 0, 1..=10), [0, 0, 0, 0, 1, 2, 3, 0, 1, 2]);
        assert_eq!(leaders(4, 5, 1..=10), [1, 1, 1, 1, 2, 3, 0, 1, 2, 3]);
        assert_eq!(leaders(1, 7, 1..=6), [0; 6]);
    }

    #[test]
    fn after_the_opening_no_views_that_follow_one_another_have_the_same_leader() {
        for validators in 2..=100 {
            for epoch in [0, 1, 99, 1 << 63] {
                let leaders = leaders(validators, epoch, OPENING_VIEWS..=OPENING_VIEWS + 2 * validators);
                assert!(
                    leaders.windows(2).all(|pair| pair[0] != pair[1]),
                    "{validators} in epoch {epoch}: {leaders:?}"
                );
                assert!(leaders.iter().all(|place| *place < validators));
            }
        }
        assert!(TurnsOf { validators: 4 }.leader(u64::MAX, u64::MAX) < 4);
    }
}
