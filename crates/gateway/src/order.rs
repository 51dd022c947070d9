//! The life of an order: its states, which of them follow which, and what the world is told. Pure.

use crate::reason::Reason;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Its day has not come.
    Held,
    /// It is above the tenant's limit: somebody else than its maker approves it.
    Waiting,
    /// The screening service is asked.
    Screening,
    /// Screening stopped it: compliance decides.
    Review,
    /// An item that screening let pass, or compliance after it: the rest of its batch is waited for.
    Passed,
    /// It is known who pays whom, and whoever is asked let it pass; nothing is signed.
    Checked,
    /// The bytes of its transaction are durable. Only what is final leads on.
    Signed,
    /// Paid, with a proven receipt.
    Settled,
    /// Refused by a rule here or by the ledger's.
    Refused,
    /// Cancelled before it was signed.
    Cancelled,
    /// The same payment came in another message, whose order says what became of it.
    Same,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Held,
        Self::Waiting,
        Self::Screening,
        Self::Review,
        Self::Passed,
        Self::Checked,
        Self::Signed,
        Self::Settled,
        Self::Refused,
        Self::Cancelled,
        Self::Same,
    ];

    /// Its name in the database and for programs. Permanent.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Screening => "screening",
            Self::Review => "review",
            Self::Passed => "passed",
            Self::Checked => "checked",
            Self::Signed => "signed",
            Self::Settled => "settled",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Same => "same",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The status that messages give: `ExternalPaymentTransactionStatus1Code`. What is the same as another has that one's.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Held | Self::Waiting | Self::Screening | Self::Review | Self::Passed => "PDNG",
            Self::Checked | Self::Same => "ACTC",
            Self::Signed => "ACSP",
            Self::Settled => "ACSC",
            Self::Refused => "RJCT",
            Self::Cancelled => "CANC",
        }
    }

    /// Whether nothing follows.
    pub const fn is_last(self) -> bool {
        matches!(self, Self::Settled | Self::Refused | Self::Cancelled)
    }

    /// The names of the states of orders that go on, as SQL lists them.
    pub(crate) fn going_on() -> String {
        let going_on = Self::ALL.into_iter().filter(|state| !state.is_last() && *state != Self::Same);
        going_on.map(|state| format!("'{}'", state.name())).collect::<Vec<_>>().join(", ")
    }

    /// Whether it can still be cancelled here: nobody has signed anything.
    pub const fn can_be_cancelled(self) -> bool {
        !self.is_last() && !matches!(self, Self::Signed | Self::Same)
    }

    /// Whether `next` may follow. A signed order goes back to checked only when its transaction is proven dead.
    pub const fn leads_to(self, next: Self) -> bool {
        match self {
            Self::Waiting => {
                matches!(next, Self::Held | Self::Screening | Self::Checked | Self::Refused | Self::Cancelled)
            }
            Self::Held => matches!(next, Self::Screening | Self::Checked | Self::Cancelled),
            Self::Screening => {
                matches!(next, Self::Review | Self::Passed | Self::Checked | Self::Refused | Self::Cancelled)
            }
            Self::Review => matches!(next, Self::Passed | Self::Checked | Self::Refused | Self::Cancelled),
            Self::Passed => matches!(next, Self::Checked | Self::Cancelled),
            Self::Checked => matches!(next, Self::Signed | Self::Settled | Self::Refused | Self::Cancelled),
            Self::Signed => matches!(next, Self::Settled | Self::Refused | Self::Checked),
            Self::Settled | Self::Refused | Self::Cancelled | Self::Same => false,
        }
    }
}

/// The status of a group, where there is one that says what is true of all: `ExternalPaymentGroupStatus1Code`.
pub fn group_status<'a>(statuses: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut statuses = statuses.into_iter();
    let first = statuses.next()?;
    let all_same = statuses.all(|status| status == first);
    match (all_same, first) {
        (true, "CANC") => None,
        (true, _) => Some(first),
        (false, _) => Some("PART"),
    }
}

/// What became of an order on the ledger, proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Paid.
    Settled,
    /// Not paid, and never will be.
    Refused(Reason),
}

impl Outcome {
    /// The state that it leads to.
    pub const fn state(&self) -> State {
        match self {
            Self::Settled => State::Settled,
            Self::Refused(_) => State::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_states_lead_nowhere_and_nothing_leads_to_itself() {
        for from in State::ALL {
            assert_eq!(State::from_name(from.name()), Some(from));
            assert!(!from.leads_to(from), "{from:?}");
            let leads = State::ALL.into_iter().any(|next| from.leads_to(next));
            assert_eq!(leads, !from.is_last() && from != State::Same, "{from:?}");
        }
        assert_eq!(State::from_name("Settled"), None);
        assert_eq!(State::from_name(""), None);
    }

    /// Once something is signed, only the ledger decides: a cancellation or a second signature would be two answers.
    #[test]
    fn what_is_signed_is_neither_cancelled_nor_held() {
        assert!(!State::Signed.leads_to(State::Cancelled) && !State::Signed.leads_to(State::Held));
        for state in State::ALL {
            assert_eq!(state.can_be_cancelled(), state.leads_to(State::Cancelled), "{state:?}");
        }
        for state in [State::Held, State::Waiting, State::Screening, State::Review, State::Passed] {
            assert!(!state.leads_to(State::Signed), "{state:?}: somebody or some day is waited for");
            assert_eq!(state.status(), "PDNG");
        }
        assert_eq!(State::going_on(), "'held', 'waiting', 'screening', 'review', 'passed', 'checked', 'signed'");
    }

    /// A payment is signed at most once at a time, however the states are walked.
    #[test]
    fn every_way_to_a_second_signature_passes_a_dead_transaction() {
        let mut ways = vec![vec![State::Held], vec![State::Checked], vec![State::Waiting], vec![State::Screening]];
        while let Some(way) = ways.pop() {
            let last = *way.last().unwrap();
            let signed = way.iter().filter(|state| **state == State::Signed).count();
            let died = way.windows(2).filter(|pair| *pair == [State::Signed, State::Checked]).count();
            assert!(signed <= died + 1, "{way:?}");
            if way.len() < 8 {
                ways.extend(State::ALL.into_iter().filter(|next| last.leads_to(*next)).map(|next| {
                    let mut longer = way.clone();
                    longer.push(next);
                    longer
                }));
            }
        }
    }

    #[test]
    fn a_group_says_only_what_is_true_of_all() {
        assert_eq!(group_status([]), None);
        assert_eq!(group_status(["ACSC", "ACSC"]), Some("ACSC"));
        assert_eq!(group_status(["ACSC", "RJCT"]), Some("PART"));
        assert_eq!(group_status(["CANC", "CANC"]), None, "ISO has no such status of a group");
        assert_eq!(group_status(["CANC", "RJCT"]), Some("PART"));
    }
}
