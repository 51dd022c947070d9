//! When a proposal is decided, and what state it is in: pure functions of its record and the block's time.

use alloy_primitives::U256;

use super::layout::{Electorate, Head, Tally, Terms, Times};

pub use florin_types::BASIS_POINTS;

/// What a proposal is. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Voted on by seats.
    Ordinary = 0,
    /// Voted on by guardians; pauses a module as soon as it is accepted.
    Emergency = 1,
}

/// What has become of a proposal. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Votes are taken.
    Voting = 1,
    /// It was not accepted.
    Defeated = 2,
    /// It was accepted and may not be executed yet.
    Waiting = 3,
    /// It may be executed.
    Ripe = 4,
    /// It was not executed in time.
    Expired = 5,
    /// It was executed.
    Executed = 6,
    /// Its proposer withdrew it.
    Cancelled = 7,
    /// It was accepted and stopped.
    Vetoed = 8,
}

impl State {
    /// Number in the ABI.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Voting => 1,
            Self::Defeated => 2,
            Self::Waiting => 3,
            Self::Ripe => 4,
            Self::Expired => 5,
            Self::Executed => 6,
            Self::Cancelled => 7,
            Self::Vetoed => 8,
        }
    }
}

/// How a proposal ended, as its record says it.
pub(super) const EXECUTED: u8 = 1;
pub(super) const CANCELLED: u8 = 2;
pub(super) const VETOED: u8 = 3;

/// All that decides about a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) head: Head,
    pub(super) times: Times,
    pub(super) terms: Terms,
    pub(super) electorate: Electorate,
    pub(super) tally: Tally,
}

/// A share of a whole, rounded up: `ceil(whole * basis_points / 10,000)`, or the largest number where that is larger.
pub(crate) fn share(whole: u128, basis_points: u16) -> u128 {
    let product = U256::from(whole).saturating_mul(U256::from(basis_points));
    u128::try_from(product.div_ceil(U256::from(BASIS_POINTS))).unwrap_or(u128::MAX)
}

impl Record {
    pub(super) fn kind(&self) -> Kind {
        if self.head.kind == 0 { Kind::Ordinary } else { Kind::Emergency }
    }

    /// Whether votes like these accept it.
    fn accepts(&self, tally: Tally) -> bool {
        let Tally { for_weight, against_weight, abstain_weight, .. } = tally;
        let quorum = u128::from(self.electorate.quorum_weight);
        if self.kind() == Kind::Emergency {
            return u128::from(for_weight) >= quorum;
        }
        let decided = u128::from(for_weight).saturating_add(u128::from(against_weight));
        let needed = decided.saturating_mul(u128::from(self.terms.threshold_basis_points));
        u128::from(for_weight).saturating_add(u128::from(abstain_weight)) >= quorum
            && for_weight > against_weight
            && u128::from(for_weight).saturating_mul(u128::from(BASIS_POINTS)) >= needed
    }

    /// The outcome that the votes that are missing cannot change any more, if there is one.
    ///
    /// A vote for it never hurts it, and a vote against never helps: the two extremes decide.
    pub(super) fn certain(&self) -> Option<bool> {
        let Tally { for_weight, against_weight, abstain_weight, .. } = self.tally;
        let cast = for_weight.saturating_add(against_weight).saturating_add(abstain_weight);
        let missing = self.electorate.weight_total.saturating_sub(cast);
        let worst = Tally { against_weight: against_weight.saturating_add(missing), ..self.tally };
        let best = Tally { for_weight: for_weight.saturating_add(missing), ..self.tally };
        match (self.accepts(worst), self.accepts(best)) {
            (true, _) => Some(true),
            (_, false) => Some(false),
            _ => None,
        }
    }

    /// From when on it may be executed, and from when on not any more, if it is accepted.
    pub(super) fn window(&self) -> (u64, u64) {
        let accepted_ms = if self.head.is_decided { self.times.decided_ms } else { self.times.closes_ms };
        let delay_ms = if self.kind() == Kind::Emergency { 0 } else { self.terms.delay_ms };
        let ripe_ms = accepted_ms.saturating_add(delay_ms);
        (ripe_ms, ripe_ms.saturating_add(self.terms.execution_window_ms))
    }

    /// Whether votes are not taken any more, and accepted it.
    pub(super) fn is_accepted(&self, now_ms: u64) -> bool {
        (self.head.is_decided || now_ms >= self.times.closes_ms) && self.accepts(self.tally)
    }

    /// The state at this time.
    pub(super) fn state(&self, now_ms: u64) -> State {
        match self.head.outcome {
            EXECUTED => return State::Executed,
            CANCELLED => return State::Cancelled,
            VETOED => return State::Vetoed,
            _ => {}
        }
        if !self.head.is_decided && now_ms < self.times.closes_ms {
            return State::Voting;
        }
        if !self.accepts(self.tally) {
            return State::Defeated;
        }
        let (ripe_ms, expires_ms) = self.window();
        match now_ms {
            now if now < ripe_ms => State::Waiting,
            now if now < expires_ms => State::Ripe,
            _ => State::Expired,
        }
    }
}
