//! Scenarios of decisions. What runs as EVM code is played here by [`execute`]; `crates/execution` tests the code.

mod committee;
mod limits;
mod model;
mod pauses;
mod precedence;
mod punishment;

use super::{IGovernance::*, decision::Record, layout::*, *};
use crate::{
    Failure, GOVERNANCE_ADDRESS, PERMISSION_ADDRESS, dispatch,
    permission::IPermission,
    testing::{ADMIN, Ledger, account, genesis_file},
    token::IToken,
    token_address,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use florin_types::{Genesis, GenesisGovernance, GenesisSeat, GovernanceParameters};

const GOV: Address = GOVERNANCE_ADDRESS;
/// Four seats that weigh 100 together, and three guardians of whom two pause.
const A: Address = Address::repeat_byte(0x11);
const B: Address = Address::repeat_byte(0x12);
const C: Address = Address::repeat_byte(0x13);
const D: Address = Address::repeat_byte(0x14);
const WEIGHTS: [(Address, u64); 4] = [(A, 40), (B, 30), (C, 20), (D, 10)];
const GUARDIANS: [Address; 3] = [Address::repeat_byte(0x21), Address::repeat_byte(0x22), Address::repeat_byte(0x23)];
const STRANGER: Address = Address::repeat_byte(0x66);
const WHY: B256 = B256::repeat_byte(0x77);

const AGAINST: u8 = 0;
const FOR: u8 = 1;
const ABSTAIN: u8 = 2;

const HOUR_MS: u64 = 3_600_000;
const VOTING_MS: u64 = 24 * HOUR_MS;
const DELAY_MS: u64 = 10 * HOUR_MS;
const WINDOW_MS: u64 = 48 * HOUR_MS;
const EMERGENCY_MS: u64 = 40 * HOUR_MS;

fn section() -> GenesisGovernance {
    let seat = |(account, weight): (Address, u64)| GenesisSeat { account, name: format!("Bank {account:.4}"), weight };
    GenesisGovernance {
        seats: WEIGHTS.map(seat).to_vec(),
        guardians: GUARDIANS.into(),
        parameters: GovernanceParameters {
            quorum_basis_points: 5_000,
            threshold_basis_points: 6_000,
            veto_basis_points: 3_000,
            guardian_quorum: 2,
            voting_period_ms: VOTING_MS,
            delay_ms: DELAY_MS,
            execution_window_ms: WINDOW_MS,
            emergency_pause_ms: EMERGENCY_MS,
        },
        ..GenesisGovernance::default()
    }
}

/// The network of the other tests under governance, which also governs permissions and pauses the token.
fn governed_genesis() -> Genesis {
    let mut genesis = genesis_file();
    genesis.governance = Some(section());
    genesis.permission_admin = GOV;
    genesis.tokens[0].roles.pauser.push(GOV);
    genesis
}

fn governed() -> Ledger {
    let mut ledger = Ledger::bare();
    ledger.storage.slots = crate::genesis(&governed_genesis()).unwrap().slots;
    ledger
}

fn action(target: Address, call: impl SolCall) -> Action {
    Action { target, data: call.abi_encode().into() }
}

/// Lists an account for transacting: what the permission admin may.
fn listing(who: Address) -> Action {
    action(PERMISSION_ADDRESS, IPermission::setListedCall { capability: 0, accounts: vec![who], listed: true })
}

fn is_listed(ledger: &mut Ledger, who: Address) -> bool {
    ledger.ok(STRANGER, PERMISSION_ADDRESS, IPermission::isListedCall { capability: 0, account: who })
}

fn propose(ledger: &mut Ledger, by: Address, actions: Vec<Action>) -> u64 {
    ledger.ok(by, GOV, proposeCall { actions, descriptionHash: WHY })
}

fn vote(ledger: &mut Ledger, by: Address, proposal: u64, support: u8) {
    ledger.ok(by, GOV, castVoteCall { proposalId: proposal, support });
}

/// What the code at governance's address does, in one transaction.
fn execute(ledger: &mut Ledger, proposal: u64) -> Result<(), Failure> {
    ledger.run(GOV, |context| {
        let begin = dispatch(context, GOV, &beginExecutionCall { proposalId: proposal }.abi_encode())?;
        let (mut target, mut data) = {
            let first = beginExecutionCall::abi_decode_returns_validate(&begin).unwrap();
            (first.target, first.data)
        };
        while !target.is_zero() {
            dispatch(context, target, &data)?;
            let next = dispatch(context, GOV, &nextActionCall {}.abi_encode())?;
            let next = nextActionCall::abi_decode_returns_validate(&next).unwrap();
            (target, data) = (next.target, next.data);
        }
        Ok(())
    })
}

/// Proposes, accepts with everybody's vote, waits and executes.
fn pass(ledger: &mut Ledger, actions: Vec<Action>) -> Result<u64, Failure> {
    let proposal = accept(ledger, actions);
    ledger.timestamp_ms += DELAY_MS;
    execute(ledger, proposal).map(|()| proposal)
}

/// Proposes, and accepts with the votes that suffice.
fn accept(ledger: &mut Ledger, actions: Vec<Action>) -> u64 {
    let (count, _) = ledger.run(STRANGER, seat_count).unwrap();
    let seats: Vec<Address> = (0..count).map(|index| ledger.run(STRANGER, |x| seat_at(x, index)).unwrap().0).collect();
    let proposal = propose(ledger, seats[0], actions);
    for seat in seats {
        if state(ledger, proposal) == State::Voting.number() {
            vote(ledger, seat, proposal, FOR);
        }
    }
    proposal
}

fn state(ledger: &mut Ledger, proposal: u64) -> u8 {
    ledger.ok(STRANGER, GOV, proposalOfCall { proposalId: proposal }).state
}

fn reverted(result: Result<impl std::fmt::Debug, Failure>, error: impl alloy_sol_types::SolError) {
    let expected = Failure::Revert(error.abi_encode().into());
    let found = format!("{result:?}");
    assert_eq!(result.err(), Some(expected.clone()), "expected {expected}, found {found}");
}

fn sound(ledger: &mut Ledger) {
    let violations = ledger.run(STRANGER, invariants::check).unwrap();
    assert!(violations.is_empty(), "{violations:?}");
}

#[test]
fn a_decision_from_its_proposal_to_its_execution() {
    let mut ledger = governed();
    let start = ledger.timestamp_ms;
    let proposal = propose(&mut ledger, D, vec![listing(STRANGER), listing(account(9))]);
    assert_eq!(proposal, 1);
    let created = ledger.last_event::<ProposalCreated>().1;
    assert_eq!((created.weightTotal, created.quorumWeight, created.closesMs), (100, 50, start + VOTING_MS));
    vote(&mut ledger, A, proposal, FOR);
    assert_eq!(state(&mut ledger, proposal), 1);
    ledger.timestamp_ms += HOUR_MS;
    // 70 for of 100: whatever the other 30 do, 6,000 basis points are reached.
    vote(&mut ledger, B, proposal, FOR);
    let decided = ledger.last_event::<ProposalDecided>().1;
    let ripe = start + HOUR_MS + DELAY_MS;
    let window = (ripe, ripe + WINDOW_MS);
    assert_eq!((decided.accepted, decided.ripeMs, decided.expiresMs), (true, window.0, window.1));
    assert_eq!(state(&mut ledger, proposal), 3);
    ledger.timestamp_ms = ripe;
    assert_eq!(state(&mut ledger, proposal), 4);
    assert!(!is_listed(&mut ledger, STRANGER));
    execute(&mut ledger, proposal).unwrap();
    assert!(is_listed(&mut ledger, STRANGER) && is_listed(&mut ledger, account(9)));
    assert_eq!(ledger.last_event::<ProposalExecuted>().1, ProposalExecuted { proposalId: proposal });
    let told = ledger.ok(STRANGER, GOV, proposalOfCall { proposalId: proposal });
    assert_eq!((told.state, told.proposer, told.descriptionHash, told.actionCount), (6, D, WHY, 2));
    assert_eq!((told.forWeight, told.ripeMs, told.expiresMs), (70, window.0, window.1));
    let second = ledger.ok(STRANGER, GOV, actionOfCall { proposalId: proposal, index: 1 });
    assert_eq!(Action { target: second.target, data: second.data }, listing(account(9)));
    let ballot = ledger.ok(STRANGER, GOV, ballotOfCall { proposalId: proposal, account: A });
    assert_eq!((ballot.hasVoted, ballot.support, ballot.hasVetoed), (true, FOR, false));
    reverted(execute(&mut ledger, proposal), ProposalNotAccepted { proposalId: proposal, state: 6 });
    sound(&mut ledger);
}

/// What votes decide, by the pure rule: weight 100, quorum 50, threshold as given. The outcome at the end, and the one
/// that is certain before.
#[test]
fn quorum_and_threshold() {
    type Votes = (u64, u64, u64);
    let rows: [(Votes, u16, bool, Option<bool>); 16] = [
        ((0, 0, 0), 6_000, false, None),
        ((49, 0, 0), 6_000, false, None),
        ((50, 0, 0), 6_000, true, None),
        ((60, 0, 0), 6_000, true, Some(true)),
        ((59, 0, 0), 6_000, true, None),
        ((60, 40, 0), 6_000, true, Some(true)),
        ((59, 41, 0), 6_000, false, Some(false)),
        // 41 against: the rest cannot make 60 of 100.
        ((0, 41, 0), 6_000, false, Some(false)),
        ((0, 40, 0), 6_000, false, None),
        // Abstentions make the quorum, votes against do not.
        ((1, 0, 49), 6_000, true, None),
        ((49, 20, 0), 6_000, false, None),
        ((30, 20, 50), 6_000, true, Some(true)),
        // Half is the least threshold, and a tie is no majority.
        ((50, 50, 0), 5_000, false, Some(false)),
        ((51, 49, 0), 5_000, true, Some(true)),
        // Unanimity of those who decide.
        ((99, 1, 0), 10_000, false, Some(false)),
        ((1, 0, 99), 10_000, true, Some(true)),
    ];
    for ((for_weight, against_weight, abstain_weight), threshold, at_the_end, certain) in rows {
        let record = Record {
            head: Head::default(),
            times: Times { closes_ms: 10, ..Times::default() },
            terms: Terms { threshold_basis_points: threshold, execution_window_ms: 5, ..Terms::default() },
            electorate: Electorate { weight_total: 100, quorum_weight: 50, veto_weight: 30 },
            tally: Tally { for_weight, against_weight, abstain_weight, veto_weight: 0 },
        };
        let name = format!("{for_weight}/{against_weight}/{abstain_weight} at {threshold}");
        assert_eq!(record.state(9), State::Voting, "{name}");
        assert_eq!(record.is_accepted(10), at_the_end, "{name}");
        assert_eq!(record.state(10), if at_the_end { State::Ripe } else { State::Defeated }, "{name}");
        assert_eq!(record.certain(), certain, "{name}");
    }
}

#[test]
fn shares_are_rounded_up_and_never_overflow() {
    use super::decision::share;
    assert_eq!([share(0, 10_000), share(1, 1), share(3, 3_334), share(100, 5_000)], [0, 1, 2, 50]);
    assert_eq!(share(u128::MAX, 10_000), u128::MAX);
    assert_eq!(share(u128::MAX, u16::MAX), u128::MAX);
    assert_eq!(share(u64::MAX.into(), u16::MAX), (u128::from(u64::MAX) * 65_535).div_ceil(10_000));
    let record = |tally| Record {
        head: Head::default(),
        times: Times::default(),
        terms: Terms { threshold_basis_points: 10_000, ..Terms::default() },
        electorate: Electorate { weight_total: u64::MAX, quorum_weight: u64::MAX, veto_weight: 1 },
        tally,
    };
    assert_eq!(record(Tally { for_weight: u64::MAX, ..Tally::default() }).certain(), Some(true));
    assert_eq!(record(Tally { for_weight: u64::MAX - 1, ..Tally::default() }).certain(), None);
    assert_eq!(record(Tally { against_weight: 1, ..Tally::default() }).certain(), Some(false));
}

/// Every period contains its first millisecond and not its last; a second before and after are told too.
#[test]
fn periods_end_to_the_millisecond() {
    let mut ledger = governed();
    let start = ledger.timestamp_ms;
    let proposal = propose(&mut ledger, A, vec![listing(STRANGER)]);
    // 40 for, 10 abstain: that suffices, but the other 50 could defeat it, so the end of the period is waited for.
    vote(&mut ledger, A, proposal, FOR);
    vote(&mut ledger, D, proposal, ABSTAIN);
    let (closes, ripe) = (start + VOTING_MS, start + VOTING_MS + DELAY_MS);
    let expires = ripe + WINDOW_MS;
    let rows = [
        (closes - 1_000, 1),
        (closes - 1, 1),
        (closes, 3),
        (closes + 1_000, 3),
        (ripe - 1_000, 3),
        (ripe - 1, 3),
        (ripe, 4),
        (ripe + 1_000, 4),
        (expires - 1_000, 4),
        (expires - 1, 4),
        (expires, 5),
        (expires + 1_000, 5),
    ];
    for (now, expected) in rows {
        let mut ledger = Ledger {
            storage: ledger.storage.clone(),
            rules: ledger.rules.clone(),
            timestamp_ms: now,
            height: ledger.height,
        };
        assert_eq!(state(&mut ledger, proposal), expected, "{}", now - start);
        let late = ledger.call(B, GOV, castVoteCall { proposalId: proposal, support: FOR });
        assert_eq!(late.is_ok(), expected == 1, "{}", now - start);
        if expected == 1 {
            continue;
        }
        let executed = execute(&mut ledger, proposal);
        match expected {
            3 => reverted(executed, ProposalNotRipe { proposalId: proposal, nowMs: now, ripeMs: ripe }),
            4 => executed.unwrap(),
            _ => reverted(executed, ProposalExpired { proposalId: proposal, nowMs: now, expiresMs: expires }),
        }
        sound(&mut ledger);
    }
}

#[test]
fn weights_are_those_of_the_time_of_the_proposal() {
    let mut ledger = governed();
    let old = propose(&mut ledger, A, vec![listing(STRANGER)]);
    let moved = Address::repeat_byte(0x31);
    // A moves its seat, B is reweighed, C goes, all while the old proposal is voted on.
    let change = vec![
        action(GOV, removeSeatCall { account: A }),
        action(GOV, setSeatCall { account: moved, weight: 40, name: "Bank A, new key".into() }),
        action(GOV, setSeatCall { account: B, weight: 5, name: "Bank B".into() }),
        action(GOV, removeSeatCall { account: C }),
    ];
    pass(&mut ledger, change).unwrap();
    let weigh = |ledger: &mut Ledger, proposal| {
        [A, moved, B, C, D].map(|account| ledger.ok(STRANGER, GOV, weightAtCall { account, proposalId: proposal }))
    };
    assert_eq!(weigh(&mut ledger, old), [40, 0, 30, 20, 10]);
    vote(&mut ledger, A, old, FOR);
    let again = castVoteCall { proposalId: old, support: FOR };
    ledger.reverts(moved, GOV, again, WeightAbsent { proposalId: old, account: moved });
    vote(&mut ledger, B, old, FOR);
    assert_eq!(ledger.last_event::<ProposalDecided>().1.proposalId, old);
    let told = ledger.ok(STRANGER, GOV, proposalOfCall { proposalId: old });
    assert_eq!((told.forWeight, told.weightTotal), (70, 100));
    let new = propose(&mut ledger, moved, vec![listing(STRANGER)]);
    assert_eq!(weigh(&mut ledger, new), [0, 40, 5, 0, 10]);
    assert_eq!(ledger.ok(STRANGER, GOV, proposalOfCall { proposalId: new }).weightTotal, 55);
    let gone = castVoteCall { proposalId: new, support: AGAINST };
    ledger.reverts(A, GOV, gone, WeightAbsent { proposalId: new, account: A });
    let proposing = proposeCall { actions: vec![listing(STRANGER)], descriptionHash: WHY };
    ledger.reverts(A, GOV, proposing, SeatRequired { caller: A });
    sound(&mut ledger);
}

/// Many changes of one seat, one and several between proposals: each proposal keeps its own weight.
#[test]
fn a_weight_is_found_among_many_snapshots() {
    let mut ledger = governed();
    let mut expected = vec![];
    for step in 1..=20u64 {
        let set = |weight| action(GOV, setSeatCall { account: D, weight, name: "Bank D".into() });
        // The second change of the proposal replaces the first.
        let proposal = pass(&mut ledger, vec![set(500), set(step)]).unwrap();
        expected.push((proposal, if step == 1 { 10 } else { step - 1 }));
    }
    for (proposal, weight) in expected {
        assert_eq!(ledger.ok(STRANGER, GOV, weightAtCall { account: D, proposalId: proposal }), weight, "{proposal}");
    }
    let member = ledger.run(STRANGER, |x| layout().seats.members.at(x, &D)?.member.read(x)).unwrap();
    assert_eq!((member.weight, member.snapshots), (20, 21), "one snapshot a proposal, and that of genesis");
    sound(&mut ledger);
}

#[test]
fn a_proposer_withdraws_while_others_vote() {
    let mut ledger = governed();
    let proposal = propose(&mut ledger, A, vec![listing(STRANGER)]);
    let cancel = || cancelCall { proposalId: proposal };
    ledger.reverts(B, GOV, cancel(), ProposerRequired { caller: B, proposer: A });
    ledger.ok(A, GOV, cancel());
    assert_eq!(state(&mut ledger, proposal), 7);
    let closes = ledger.timestamp_ms + VOTING_MS;
    let late = || ProposalNotVoting { proposalId: proposal, state: 7, nowMs: closes - VOTING_MS, closesMs: closes };
    ledger.reverts(A, GOV, cancel(), late());
    ledger.reverts(B, GOV, castVoteCall { proposalId: proposal, support: FOR }, late());
    reverted(execute(&mut ledger, proposal), ProposalNotAccepted { proposalId: proposal, state: 7 });

    let accepted = accept(&mut ledger, vec![listing(STRANGER)]);
    let refused = ledger.call(A, GOV, cancelCall { proposalId: accepted });
    let error = ProposalNotVoting { proposalId: accepted, state: 3, nowMs: closes - VOTING_MS, closesMs: closes };
    reverted(refused, error);
}

#[test]
fn an_accepted_proposal_is_vetoed() {
    let mut ledger = governed();
    let voted = propose(&mut ledger, A, vec![listing(STRANGER)]);
    let early = vetoCall { proposalId: voted };
    ledger.reverts(C, GOV, early, ProposalNotAccepted { proposalId: voted, state: 1 });
    let proposal = accept(&mut ledger, vec![listing(STRANGER)]);
    let veto = || vetoCall { proposalId: proposal };
    ledger.reverts(STRANGER, GOV, veto(), WeightAbsent { proposalId: proposal, account: STRANGER });
    ledger.ok(C, GOV, veto());
    ledger.reverts(C, GOV, veto(), VetoRepeated { proposalId: proposal, account: C });
    assert_eq!(state(&mut ledger, proposal), 3, "20 of the 30 that it takes");
    ledger.timestamp_ms += DELAY_MS;
    assert_eq!(state(&mut ledger, proposal), 4);
    // Also who has voted for it, also when it is ripe.
    ledger.ok(A, GOV, veto());
    assert_eq!(ledger.last_event::<ProposalVetoed>().1, ProposalVetoed { proposalId: proposal, vetoWeight: 60 });
    assert_eq!(state(&mut ledger, proposal), 8);
    reverted(execute(&mut ledger, proposal), ProposalNotAccepted { proposalId: proposal, state: 8 });
    ledger.reverts(B, GOV, veto(), ProposalNotAccepted { proposalId: proposal, state: 8 });
    sound(&mut ledger);
}

#[test]
fn an_action_that_fails_undoes_all_and_can_be_tried_again() {
    let mut ledger = governed();
    let unpause = action(token_address(1), IToken::unpauseCall {});
    let proposal = accept(&mut ledger, vec![listing(STRANGER), unpause]);
    ledger.timestamp_ms += DELAY_MS;
    let before = ledger.storage.slots.clone();
    reverted(execute(&mut ledger, proposal), IToken::ExpectedPause {});
    assert_eq!(ledger.storage.slots, before);
    assert_eq!(state(&mut ledger, proposal), 4);
    ledger.ok(crate::testing::PAUSER, token_address(1), IToken::pauseCall {});
    execute(&mut ledger, proposal).unwrap();
    assert!(is_listed(&mut ledger, STRANGER));
    sound(&mut ledger);
}

/// What a contract that is called by an action could try: begin, go on, act.
#[test]
fn an_execution_is_driven_by_governance_alone_and_one_at_a_time() {
    let mut ledger = governed();
    let [first, second] = [1u8, 2].map(|number| accept(&mut ledger, vec![listing(account(number + 50))]));
    ledger.timestamp_ms += DELAY_MS;
    for caller in [A, STRANGER, GUARDIANS[0]] {
        let error = || GovernanceRequired { caller };
        ledger.reverts(caller, GOV, beginExecutionCall { proposalId: first }, error());
        ledger.reverts(caller, GOV, nextActionCall {}, error());
        ledger.reverts(caller, GOV, executeCall { proposalId: first }, error());
        ledger.reverts(caller, GOV, removeSeatCall { account: A }, error());
    }
    ledger.reverts(GOV, GOV, nextActionCall {}, ExecutionAbsent {});
    ledger.reverts(GOV, GOV, removeSeatCall { account: A }, ExecutionAbsent {});
    let nested = ledger.run(GOV, |context| {
        dispatch(context, GOV, &beginExecutionCall { proposalId: first }.abi_encode())?;
        dispatch(context, GOV, &beginExecutionCall { proposalId: second }.abi_encode())
    });
    reverted(nested, ExecutionInProgress { proposalId: first });
    let twice = ledger.run(GOV, |context| {
        dispatch(context, GOV, &beginExecutionCall { proposalId: first }.abi_encode())?;
        dispatch(context, GOV, &beginExecutionCall { proposalId: first }.abi_encode())
    });
    reverted(twice, ExecutionInProgress { proposalId: first });
    execute(&mut ledger, first).unwrap();
    execute(&mut ledger, second).unwrap();
    sound(&mut ledger);
}

#[test]
fn a_state_in_which_nothing_can_be_decided_is_refused_with_the_arithmetic() {
    let mut ledger = governed();
    let remove = |account| action(GOV, removeSeatCall { account });
    let all = WEIGHTS.map(|(account, _)| remove(account));
    let error = QuorumUnreachable { seats: 0, weightTotal: 0, quorumBasisPoints: 5_000, quorumWeight: U256::ONE };
    reverted(pass(&mut ledger, all.to_vec()), error);
    let mut parameters = ledger.ok(STRANGER, GOV, parametersCall {});
    parameters.quorumBasisPoints = 10_001;
    let set = |parameters: &Parameters| vec![action(GOV, setParametersCall { parameters: parameters.clone() })];
    let error =
        QuorumUnreachable { seats: 4, weightTotal: 100, quorumBasisPoints: 10_001, quorumWeight: U256::from(101) };
    reverted(pass(&mut ledger, set(&parameters)), error);
    parameters.quorumBasisPoints = 10_000;
    pass(&mut ledger, set(&parameters)).unwrap();
    // Everybody is exchanged at once: only the end counts.
    let mut exchange = WEIGHTS.map(|(account, _)| remove(account)).to_vec();
    exchange.push(action(GOV, setSeatCall { account: account(90), weight: 1, name: "Successor".into() }));
    pass(&mut ledger, exchange).unwrap();
    assert_eq!(ledger.run(STRANGER, seat_count).unwrap(), (1, 1));
    pass(&mut ledger, vec![listing(STRANGER)]).unwrap();

    let guardian = |account, guardian| action(GOV, setGuardianCall { account, guardian });
    let error = GuardianQuorumUnreachable { guardians: 1, guardianQuorum: 2 };
    reverted(pass(&mut ledger, vec![guardian(GUARDIANS[0], false), guardian(GUARDIANS[1], false)]), error);
    parameters.guardianQuorum = 0;
    let error = GuardianQuorumUnreachable { guardians: 3, guardianQuorum: 0 };
    reverted(pass(&mut ledger, set(&parameters)), error);
    let mut none = GUARDIANS.map(|account| guardian(account, false)).to_vec();
    none.extend(set(&parameters));
    pass(&mut ledger, none).unwrap();
    parameters.emergencyPauseMs = VOTING_MS + DELAY_MS - 1;
    let error = EmergencyPauseTooShort {
        emergencyPauseMs: VOTING_MS + DELAY_MS - 1,
        votingPeriodMs: VOTING_MS,
        delayMs: DELAY_MS,
    };
    reverted(pass(&mut ledger, set(&parameters)), error);
    parameters.emergencyPauseMs += 1;
    pass(&mut ledger, set(&parameters)).unwrap();
    sound(&mut ledger);
}

/// Terms are those of the time of the proposal, also when they change while it is voted on.
#[test]
fn parameters_change_for_later_proposals() {
    let mut ledger = governed();
    let old = propose(&mut ledger, A, vec![listing(STRANGER)]);
    let mut parameters = ledger.ok(STRANGER, GOV, parametersCall {});
    (parameters.delayMs, parameters.quorumBasisPoints) = (0, 9_000);
    pass(&mut ledger, vec![action(GOV, setParametersCall { parameters: parameters.clone() })]).unwrap();
    assert_eq!(ledger.ok(STRANGER, GOV, parametersCall {}), parameters);
    vote(&mut ledger, A, old, FOR);
    vote(&mut ledger, B, old, FOR);
    let told = ledger.ok(STRANGER, GOV, proposalOfCall { proposalId: old });
    assert_eq!((told.quorumWeight, told.ripeMs), (50, ledger.timestamp_ms + DELAY_MS));
    let new = accept(&mut ledger, vec![listing(STRANGER)]);
    let told = ledger.ok(STRANGER, GOV, proposalOfCall { proposalId: new });
    assert_eq!((told.state, told.quorumWeight, told.forWeight), (4, 90, 90), "ripe at once");
    execute(&mut ledger, new).unwrap();
}

#[test]
fn who_votes_may_transact_whatever_the_list_says() {
    let mut ledger = governed();
    let may = |ledger: &mut Ledger, account| {
        ledger.ok(STRANGER, PERMISSION_ADDRESS, IPermission::mayTransactCall { account })
    };
    assert!(may(&mut ledger, A) && may(&mut ledger, GUARDIANS[2]) && may(&mut ledger, account(1)));
    assert!(!may(&mut ledger, STRANGER) && !is_listed(&mut ledger, A));
    pass(&mut ledger, vec![action(GOV, removeSeatCall { account: A })]).unwrap();
    assert!(!may(&mut ledger, A), "and no longer than they vote");
    let mut bare = crate::testing::world();
    assert!(!may(&mut bare, A), "where there is no governance nobody does");
}

#[test]
fn the_admin_of_permissions_becomes_governance_and_hands_it_back() {
    let mut genesis = governed_genesis();
    genesis.permission_admin = ADMIN;
    let mut ledger = Ledger::bare();
    ledger.storage.slots = crate::genesis(&genesis).unwrap().slots;
    ledger.ok(ADMIN, PERMISSION_ADDRESS, IPermission::proposeAdminCall { newAdmin: GOV });
    pass(&mut ledger, vec![action(PERMISSION_ADDRESS, IPermission::acceptAdminCall {})]).unwrap();
    let admin = |ledger: &mut Ledger| ledger.ok(STRANGER, PERMISSION_ADDRESS, IPermission::adminCall {});
    assert_eq!(admin(&mut ledger), GOV);
    pass(&mut ledger, vec![listing(STRANGER)]).unwrap();
    assert!(is_listed(&mut ledger, STRANGER));
    pass(&mut ledger, vec![action(PERMISSION_ADDRESS, IPermission::proposeAdminCall { newAdmin: ADMIN })]).unwrap();
    ledger.ok(ADMIN, PERMISSION_ADDRESS, IPermission::acceptAdminCall {});
    assert_eq!(admin(&mut ledger), ADMIN);
}

#[test]
fn governance_holds_and_pays_units() {
    let mut ledger = governed();
    let eur = token_address(1);
    ledger.ok(account(1), eur, IToken::transferCall { to: GOV, amount: U256::from(100) });
    pass(&mut ledger, vec![action(eur, IToken::transferCall { to: account(2), amount: U256::from(60) })]).unwrap();
    let balance = ledger.ok(STRANGER, eur, IToken::balanceOfCall { account: GOV });
    assert_eq!(balance, U256::from(40));
}

#[test]
fn invariants_find_what_is_damaged() {
    type Damage = fn(&mut crate::Context<'_>) -> Result<(), Failure>;
    let rows: [(&str, Damage); 9] = [
        ("governance.weight_is_sum", |x| layout().seats.weight_total.write(x, 99)),
        ("governance.weight_is_sum", |x| layout().seats.accounts.set(x, 0, B)),
        ("governance.weight_is_sum", |x| {
            let place = layout().guardians.members.at(x, &GUARDIANS[1])?.member;
            let member = place.read(x)?;
            place.write(x, Member { weight: 2, ..member })
        }),
        ("governance.quorum_reachable", |x| {
            let terms = layout().terms.read(x)?;
            layout().terms.write(x, Terms { quorum_basis_points: 10_001, ..terms })
        }),
        ("governance.nothing_in_execution", |x| {
            layout().execution.write(x, Execution { proposal_id: 1, actions_begun: 0 })
        }),
        ("governance.tally_within_weight", |x| {
            let place = layout().proposals.at(x, &1)?;
            place.tally.write(x, Tally { for_weight: 60, against_weight: 41, ..Tally::default() })
        }),
        ("governance.executed_in_time", |x| {
            let place = layout().proposals.at(x, &1)?;
            let times = place.times.read(x)?;
            place.times.write(x, Times { executed_ms: times.executed_ms - 1, ..times })
        }),
        ("governance.pause_bounded", |x| {
            let status = layout().status.read(x)?;
            layout().status.write(x, Status { paused: 1 << 3, ..status })
        }),
        ("governance.pause_bounded", |x| {
            let status = layout().status.read(x)?;
            layout().status.write(x, Status { paused: 1 << 11, ..status })
        }),
    ];
    for (invariant, damage) in rows {
        let mut ledger = governed();
        pass(&mut ledger, vec![listing(STRANGER)]).unwrap();
        sound(&mut ledger);
        ledger.run(GOV, damage).unwrap();
        let violations = ledger.run(STRANGER, invariants::check).unwrap();
        assert!(violations.iter().any(|violation| violation.invariant == invariant), "{invariant}: {violations:?}");
    }
}
