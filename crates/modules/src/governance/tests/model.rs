//! Governance against a plain model: the same random operations on both, time passing between them, compared after each
//! run.

use super::*;
use crate::{POLICY_ADDRESS, testing::model_cases};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const PEOPLE: [Address; 6] = [A, B, C, D, GUARDIANS[0], GUARDIANS[1]];

/// A proposal as one would write it on a page: it keeps a copy of who could vote.
#[derive(Clone, Debug)]
struct Draft {
    proposer: Address,
    voters: BTreeMap<Address, u64>,
    terms: (u16, u64),
    votes: BTreeMap<Address, u8>,
    vetoes: BTreeSet<Address>,
    created: u64,
    /// When votes ended, and whether it was accepted.
    decided: Option<(u64, bool)>,
    end: Option<u8>,
    act: Act,
}

#[derive(Clone, Debug)]
enum Act {
    Seat(Address, u64),
    Unseat(Address),
    Quorum(u16, u64),
    Pause(u64),
    Unpause,
}

#[derive(Clone, Debug)]
enum Operation {
    Wait(u64),
    Propose(Address, Act),
    Vote(Address, u64, u8),
    Cancel(Address, u64),
    Veto(Address, u64),
    Execute(u64),
}

#[derive(Clone, Debug, Default)]
struct Model {
    now: u64,
    seats: BTreeMap<Address, u64>,
    quorum: u16,
    delay: u64,
    paused_until: u64,
    drafts: Vec<Draft>,
}

impl Draft {
    fn weight(&self, support: u8) -> u128 {
        self.votes.iter().filter(|(_, vote)| **vote == support).map(|(who, _)| u128::from(self.voters[who])).sum()
    }

    fn whole(&self) -> u128 {
        self.voters.values().map(|weight| u128::from(*weight)).sum()
    }

    /// Whether these votes accept: 6,000 basis points of what decides, and the quorum.
    fn accepts(&self, yes: u128, no: u128, neither: u128) -> bool {
        (yes + neither) * 10_000 >= self.whole() * u128::from(self.terms.0) && yes > no && yes * 10 >= (yes + no) * 6
    }

    fn settle(&mut self, now: u64, at_the_end: bool) {
        let (yes, no, neither) = (self.weight(FOR), self.weight(AGAINST), self.weight(ABSTAIN));
        let missing = self.whole() - yes - no - neither;
        if at_the_end {
            self.decided = Some((self.created + VOTING_MS, self.accepts(yes, no, neither)));
        } else {
            // Every way in which the missing weight can be split, as far as it matters.
            let outcomes: BTreeSet<bool> = (0..=missing)
                .flat_map(|more| (0..=missing - more).map(move |less| (more, less)))
                .map(|(more, less)| self.accepts(yes + more, no + less, neither + (missing - more - less)))
                .collect();
            if outcomes.len() == 1 {
                self.decided = Some((now, outcomes.contains(&true)));
            }
        }
    }
}

impl Model {
    fn state(&mut self, proposal: u64) -> Option<u8> {
        let now = self.now;
        let draft = self.drafts.get_mut(usize::try_from(proposal).ok()?.checked_sub(1)?)?;
        if draft.end.is_some() {
            return draft.end;
        }
        if draft.decided.is_none() && now >= draft.created + VOTING_MS {
            draft.settle(now, true);
        }
        Some(match draft.decided {
            None => 1,
            Some((_, false)) => 2,
            Some((at, true)) if now < at + draft.terms.1 => 3,
            Some((at, true)) if now < at + draft.terms.1 + WINDOW_MS => 4,
            Some(_) => 5,
        })
    }

    fn draft(&mut self, proposal: u64) -> &mut Draft {
        &mut self.drafts[usize::try_from(proposal).unwrap() - 1]
    }

    /// Applies the operation; false, with nothing changed, where a rule forbids it.
    fn apply(&mut self, operation: &Operation) -> bool {
        match operation {
            Operation::Wait(time) => self.now += time,
            Operation::Propose(by, act) => {
                if !self.seats.contains_key(by) {
                    return false;
                }
                self.drafts.push(Draft {
                    proposer: *by,
                    voters: self.seats.clone(),
                    terms: (self.quorum, self.delay),
                    votes: BTreeMap::new(),
                    vetoes: BTreeSet::new(),
                    created: self.now,
                    decided: None,
                    end: None,
                    act: act.clone(),
                });
            }
            Operation::Vote(by, proposal, support) => {
                let (now, state) = (self.now, self.state(*proposal));
                if state != Some(1) || *support > 2 {
                    return false;
                }
                let draft = self.draft(*proposal);
                if !draft.voters.contains_key(by) || draft.votes.contains_key(by) {
                    return false;
                }
                draft.votes.insert(*by, *support);
                draft.settle(now, false);
            }
            Operation::Cancel(by, proposal) => {
                if self.state(*proposal) != Some(1) || self.draft(*proposal).proposer != *by {
                    return false;
                }
                self.draft(*proposal).end = Some(7);
            }
            Operation::Veto(by, proposal) => {
                if !matches!(self.state(*proposal), Some(3 | 4)) {
                    return false;
                }
                let draft = self.draft(*proposal);
                if !draft.voters.contains_key(by) || !draft.vetoes.insert(*by) {
                    return false;
                }
                let sum: u128 = draft.vetoes.iter().map(|who| u128::from(draft.voters[who])).sum();
                if sum * 10_000 >= draft.whole() * 3_000 {
                    draft.end = Some(8);
                }
            }
            Operation::Execute(proposal) => {
                if self.state(*proposal) != Some(4) || !self.act(*proposal) {
                    return false;
                }
                self.draft(*proposal).end = Some(6);
            }
        }
        true
    }

    fn act(&mut self, proposal: u64) -> bool {
        match self.draft(proposal).act.clone() {
            Act::Seat(account, weight) => {
                if weight == 0 {
                    return false;
                }
                self.seats.insert(account, weight);
            }
            Act::Unseat(account) => {
                if !self.seats.contains_key(&account) || self.seats.len() == 1 {
                    return false;
                }
                self.seats.remove(&account);
            }
            Act::Quorum(quorum, delay) => {
                if quorum == 0 || quorum > 10_000 {
                    return false;
                }
                (self.quorum, self.delay) = (quorum, delay);
            }
            Act::Pause(time) => self.paused_until = self.now + time,
            Act::Unpause => {
                if self.now >= self.paused_until {
                    return false;
                }
                self.paused_until = self.now;
            }
        }
        true
    }
}

fn real_act(ledger: &mut Ledger, act: &Act) -> Action {
    match act {
        Act::Seat(account, weight) => {
            action(GOV, setSeatCall { account: *account, weight: *weight, name: "Seat".into() })
        }
        Act::Unseat(account) => action(GOV, removeSeatCall { account: *account }),
        Act::Quorum(quorum, delay) => {
            let before = ledger.ok(STRANGER, GOV, parametersCall {});
            let parameters = Parameters { quorumBasisPoints: *quorum, delayMs: *delay, ..before };
            action(GOV, setParametersCall { parameters })
        }
        Act::Pause(time) => action(GOV, pauseModuleCall { module: POLICY_ADDRESS, durationMs: *time }),
        Act::Unpause => action(GOV, unpauseModuleCall { module: POLICY_ADDRESS }),
    }
}

fn real(ledger: &mut Ledger, operation: &Operation) -> bool {
    match operation {
        Operation::Wait(time) => {
            ledger.timestamp_ms += time;
            true
        }
        Operation::Propose(by, act) => {
            let actions = vec![real_act(ledger, act)];
            ledger.call(*by, GOV, proposeCall { actions, descriptionHash: WHY }).is_ok()
        }
        Operation::Vote(by, proposal, support) => {
            ledger.call(*by, GOV, castVoteCall { proposalId: *proposal, support: *support }).is_ok()
        }
        Operation::Cancel(by, proposal) => ledger.call(*by, GOV, cancelCall { proposalId: *proposal }).is_ok(),
        Operation::Veto(by, proposal) => ledger.call(*by, GOV, vetoCall { proposalId: *proposal }).is_ok(),
        Operation::Execute(proposal) => execute(ledger, *proposal).is_ok(),
    }
}

fn operations() -> impl Strategy<Value = Operation> {
    let who = || prop::sample::select(PEOPLE.to_vec());
    let number = || prop::sample::select(vec![0u64, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5]);
    let wait =
        prop::sample::select(vec![1, 1_000, HOUR_MS, DELAY_MS - 1, DELAY_MS, VOTING_MS - 1, VOTING_MS, WINDOW_MS]);
    let act = prop_oneof![
        3 => (who(), 0u64..60).prop_map(|(who, weight)| Act::Seat(who, weight)),
        2 => who().prop_map(Act::Unseat),
        1 => (prop::sample::select(vec![0, 1, 5_000, 9_999, 10_000, 10_001]), 0..DELAY_MS)
            .prop_map(|(quorum, delay)| Act::Quorum(quorum, delay)),
        2 => (1..100 * HOUR_MS).prop_map(Act::Pause),
        1 => Just(Act::Unpause),
    ];
    prop_oneof![
        3 => wait.prop_map(Operation::Wait),
        3 => (who(), act).prop_map(|(who, act)| Operation::Propose(who, act)),
        12 => (who(), number(), prop::sample::select(vec![0u8, 1, 1, 1, 1, 2, 3]))
            .prop_map(|(who, number, support)| Operation::Vote(who, number, support)),
        1 => (who(), number()).prop_map(|(who, number)| Operation::Cancel(who, number)),
        1 => (who(), number()).prop_map(|(who, number)| Operation::Veto(who, number)),
        4 => number().prop_map(Operation::Execute),
    ]
}

proptest! {
    #![proptest_config(model_cases(40, 80))]

    #[test]
    fn decisions_follow_the_model(operations in prop::collection::vec(operations(), 0..80)) {
        let mut ledger = governed();
        let mut model = Model {
            now: ledger.timestamp_ms,
            seats: WEIGHTS.into(),
            quorum: 5_000,
            delay: DELAY_MS,
            ..Model::default()
        };
        for operation in &operations {
            let expected = model.apply(operation);
            prop_assert_eq!(real(&mut ledger, operation), expected, "{:?}", operation);
            let paused = ledger.ok(STRANGER, GOV, pauseOfCall { module: POLICY_ADDRESS }).paused;
            prop_assert_eq!(paused, model.now < model.paused_until);
        }
        for proposal in 1..=model.drafts.len() as u64 {
            prop_assert_eq!(Some(state(&mut ledger, proposal)), model.state(proposal), "proposal {}", proposal);
            let told = ledger.ok(STRANGER, GOV, proposalOfCall { proposalId: proposal });
            let draft = model.draft(proposal);
            prop_assert_eq!(u128::from(told.forWeight), draft.weight(FOR));
            prop_assert_eq!(u128::from(told.weightTotal), draft.whole());
        }
        for account in PEOPLE {
            let weight = ledger.ok(STRANGER, GOV, seatOfCall { account }).weight;
            prop_assert_eq!(weight, model.seats.get(&account).copied().unwrap_or_default());
        }
        let violations = ledger.run(STRANGER, invariants::check).unwrap();
        prop_assert!(violations.is_empty(), "{:?}", violations);
    }
}
