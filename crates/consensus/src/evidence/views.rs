//! What validators said in the newest views, so that what they say later, or said elsewhere, can be held against it.

use alloy_primitives::B256;
use florin_types::{Contradiction, NodeVote, SignedVote, VoteKind};
use std::collections::{BTreeMap, BTreeSet};

/// Views that are remembered, as many as the engine keeps.
const VIEWS_MAX: usize = 256;
/// Votes that are remembered of one validator in one view. An honest one casts three at most, a liar is convicted by two.
const VOTES_MAX: usize = 6;

/// Epoch, and view within it.
type Round = (u64, u64);

/// Votes of the newest [`VIEWS_MAX`] views. Nothing here has been verified that the engine has not.
#[derive(Default)]
pub(super) struct Views {
    by_round: BTreeMap<Round, InView>,
    /// The latest vote of each validator in the highest view, for as long as this node runs: it may have lost it.
    latest: BTreeMap<B256, SignedVote>,
}

#[derive(Default)]
struct InView {
    /// Parent and hash of the block that a quorum wants.
    certified: Option<(u64, B256)>,
    /// Whether that block is final.
    is_final: bool,
    votes: BTreeMap<B256, Vec<SignedVote>>,
    /// Whose vote was told to others.
    told: BTreeSet<B256>,
}

/// What is to be done about a vote.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Noted {
    /// Votes of the same validator that contradict it.
    pub(super) against: Vec<SignedVote>,
    /// Whether it is not what a quorum wants, so that others may have heard something else.
    pub(super) is_odd: bool,
}

impl Views {
    /// Remembers a vote that the engine took.
    pub(super) fn note(&mut self, validator: B256, vote: SignedVote) -> Noted {
        let Some(view) = self.view(round(&vote)) else { return Noted::default() };
        let against = view.keep(validator, vote);
        let is_odd = view.is_odd(&vote.vote) && view.told.insert(validator);
        let latest = self.latest.entry(validator).or_insert(vote);
        if round(&vote) >= round(latest) {
            *latest = vote;
        }
        Noted { against, is_odd }
    }

    /// The latest vote of a validator that the engine took.
    pub(super) fn latest(&self, validator: &B256) -> Option<SignedVote> {
        self.latest.get(validator).copied()
    }

    /// Remembers a vote that another node told of, and gives those that contradict it.
    pub(super) fn note_told(&mut self, validator: B256, vote: SignedVote) -> Vec<SignedVote> {
        let view = self.by_round.get_mut(&round(&vote));
        view.map(|view| view.keep(validator, vote)).unwrap_or_default()
    }

    /// Whether a vote is news: of a view in which something was heard, and not known.
    pub(super) fn lacks(&self, validator: &B256, vote: &SignedVote) -> bool {
        let Some(view) = self.by_round.get(&round(vote)) else { return false };
        view.votes.get(validator).is_none_or(|votes| votes.len() < VOTES_MAX && !votes.contains(vote))
    }

    /// A quorum wants this block, or it is final. Gives the votes for something else, each validator's once.
    pub(super) fn certify(&mut self, round: Round, block: (u64, B256), is_final: bool) -> Vec<(B256, SignedVote)> {
        let Some(view) = self.view(round) else { return Vec::new() };
        view.certified.get_or_insert(block);
        view.is_final |= is_final;
        let odd = |(validator, votes): (&B256, &Vec<SignedVote>)| {
            let vote = votes.iter().find(|vote| view.is_odd(&vote.vote))?;
            (!view.told.contains(validator)).then_some((*validator, *vote))
        };
        let odd: Vec<_> = view.votes.iter().filter_map(odd).collect();
        view.told.extend(odd.iter().map(|(validator, _)| *validator));
        odd
    }

    /// A view that is remembered, which a new one becomes unless all others are newer.
    fn view(&mut self, round: Round) -> Option<&mut InView> {
        let oldest = self.by_round.first_key_value().map(|(oldest, _)| *oldest);
        if self.by_round.len() >= VIEWS_MAX && !self.by_round.contains_key(&round) {
            if oldest > Some(round) {
                return None;
            }
            self.by_round.pop_first();
        }
        Some(self.by_round.entry(round).or_default())
    }
}

fn round(vote: &SignedVote) -> Round {
    (vote.vote.epoch, vote.vote.view)
}

impl InView {
    /// Remembers a vote that is new, and gives those of the same validator that contradict it.
    fn keep(&mut self, validator: B256, vote: SignedVote) -> Vec<SignedVote> {
        let votes = self.votes.entry(validator).or_default();
        if votes.contains(&vote) {
            return Vec::new();
        }
        let contradicts = |other: &&SignedVote| Contradiction::between(&other.vote, &vote.vote).is_some();
        let against = votes.iter().filter(contradicts).copied().collect();
        if votes.len() < VOTES_MAX {
            votes.push(vote);
        }
        against
    }

    fn is_odd(&self, vote: &NodeVote) -> bool {
        match vote.kind {
            VoteKind::Nullify => self.is_final,
            VoteKind::Notarize | VoteKind::Finalize => {
                self.certified.is_some_and(|block| block != (vote.parent_view, vote.payload))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(kind: VoteKind, view: u64, payload: u8) -> SignedVote {
        let vote = match kind {
            VoteKind::Nullify => NodeVote::nullify(1, view),
            _ => NodeVote { kind, epoch: 1, view, parent_view: 2, payload: B256::repeat_byte(payload) },
        };
        SignedVote { vote, signature: [payload; 64] }
    }

    fn block(payload: u8) -> (u64, B256) {
        (2, B256::repeat_byte(payload))
    }

    #[test]
    fn the_latest_vote_of_each_is_known_long_after_its_view() {
        use VoteKind::{Finalize, Notarize, Nullify};
        let mut views = Views::default();
        assert_eq!(views.latest(&ONE), None);
        for said in [vote(Notarize, 3, 1), vote(Finalize, 3, 1), vote(Nullify, 2, 0)] {
            views.note(ONE, said);
        }
        views.note_told(OTHER, vote(Notarize, 3, 2));
        for view in 4..4 + VIEWS_MAX as u64 {
            views.note(B256::repeat_byte(3), vote(Nullify, view, 0));
        }
        assert_eq!(views.latest(&ONE), Some(vote(Finalize, 3, 1)));
        assert_eq!(views.latest(&OTHER), None, "the engine took none");
    }

    const ONE: B256 = B256::repeat_byte(1);
    const OTHER: B256 = B256::repeat_byte(2);

    #[test]
    fn who_wanted_something_else_than_a_quorum_is_told_of_once() {
        use VoteKind::{Finalize, Notarize, Nullify};
        let mut views = Views::default();
        let quiet = Noted::default();
        assert_eq!(views.note(ONE, vote(Notarize, 3, 1)), quiet);
        assert_eq!(views.note(OTHER, vote(Notarize, 3, 2)), quiet);
        assert_eq!(views.certify((1, 3), block(2), false), [(ONE, vote(Notarize, 3, 1))]);
        assert_eq!(views.certify((1, 3), block(2), true), []);
        // What comes after the certificate; a vote to skip is odd where the block is final.
        let third = B256::repeat_byte(3);
        assert!(views.note(third, vote(Nullify, 3, 0)).is_odd);
        assert!(!views.note(third, vote(Finalize, 3, 1)).is_odd, "told of already");
        assert!(!views.note(ONE, vote(Finalize, 3, 2)).is_odd);
        // Where it is only wanted, who skips is honest.
        views.certify((1, 4), block(2), false);
        assert_eq!(views.note(ONE, vote(Nullify, 4, 0)), quiet);
        assert!(views.note(ONE, vote(Finalize, 4, 1)).is_odd);
    }

    #[test]
    fn what_contradicts_is_found_whoever_told_of_it() {
        use VoteKind::{Finalize, Notarize};
        let mut views = Views::default();
        let (first, second) = (vote(Notarize, 3, 1), vote(Notarize, 3, 2));
        assert!(!views.lacks(&ONE, &second), "nothing was heard in this view");
        assert_eq!(views.note_told(ONE, second), []);
        views.note(ONE, first);
        assert!(views.lacks(&ONE, &second) && !views.lacks(&ONE, &first) && views.lacks(&OTHER, &first));
        assert_eq!(views.note_told(OTHER, second), []);
        assert_eq!(views.note_told(ONE, second), [first]);
        assert_eq!(views.note_told(ONE, second), [], "once");
        assert_eq!(views.note(ONE, vote(Finalize, 3, 1)).against, []);
        assert_eq!(views.note(ONE, vote(Finalize, 3, 2)).against, [vote(Finalize, 3, 1)]);
    }

    #[test]
    fn memory_has_a_bound() {
        let mut views = Views::default();
        for view in 1..=2 * VIEWS_MAX as u64 {
            views.note(ONE, vote(VoteKind::Notarize, view, 1));
        }
        assert_eq!(
            (views.by_round.len(), views.by_round.first_key_value().unwrap().0.1),
            (VIEWS_MAX, VIEWS_MAX as u64 + 1)
        );
        // An old view takes the place of no newer one.
        views.note(ONE, vote(VoteKind::Notarize, 3, 1));
        assert_eq!(views.certify((1, 3), block(2), true), []);
        assert_eq!(
            (views.by_round.len(), views.by_round.first_key_value().unwrap().0.1),
            (VIEWS_MAX, VIEWS_MAX as u64 + 1)
        );
        let newest = 2 * VIEWS_MAX as u64;
        for payload in 0..50 {
            views.note_told(ONE, vote(VoteKind::Notarize, newest, payload));
        }
        assert_eq!(views.by_round[&(1, newest)].votes[&ONE].len(), VOTES_MAX);
        assert!(!views.lacks(&ONE, &vote(VoteKind::Notarize, newest, 99)));
    }
}
