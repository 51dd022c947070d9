//! Proposals and votes: checks, then effects, then the event.

use alloy_primitives::{Address, B256};

use super::{
    IGovernance::{self, Action},
    actions, committee,
    decision::{CANCELLED, Kind, Record, State, VETOED, share},
    layout::{Ballot, Electorate, Head, ProposalPlace, Register, Tally, Terms, Times, layout},
    require_established,
};
use crate::{
    GOVERNANCE_ADDRESS,
    context::{Context, Failure, ensure, revert},
};

/// How long guardians may confirm an emergency.
pub const EMERGENCY_VOTING_MS: u64 = 24 * 60 * 60 * 1_000;

/// A vote. The numbers are OpenZeppelin's.
pub(super) const AGAINST: u8 = 0;
pub(super) const FOR: u8 = 1;
pub(super) const ABSTAIN: u8 = 2;

/// The place of a proposal that exists.
pub(super) fn place(context: &mut Context<'_>, proposal_id: u64) -> Result<ProposalPlace, Failure> {
    let made = layout().proposals_made.read(context)?;
    ensure(proposal_id > 0 && proposal_id <= made, || IGovernance::ProposalUnknown { proposalId: proposal_id })?;
    layout().proposals.at(context, &proposal_id)
}

/// All that decides about a proposal.
pub(super) fn record(context: &mut Context<'_>, place: &ProposalPlace) -> Result<Record, Failure> {
    Ok(Record {
        head: place.head.read(context)?,
        times: place.times.read(context)?,
        terms: place.terms.read(context)?,
        electorate: place.electorate.read(context)?,
        tally: place.tally.read(context)?,
    })
}

/// Those who vote on a proposal.
pub(super) fn register(kind: Kind) -> Register {
    match kind {
        Kind::Ordinary => layout().seats,
        Kind::Emergency => layout().guardians,
    }
}

// ----- propose -------------------------------------------------------------------------------------------------------

/// Proposes actions; answers the number of the proposal.
pub fn propose(context: &mut Context<'_>, actions: &[Action], description_hash: B256) -> Result<u64, Failure> {
    require_established(context)?;
    let caller = context.caller();
    let weight = layout().seats.weight(context, caller)?;
    ensure(weight > 0, || IGovernance::SeatRequired { caller })?;
    ensure_settled(context)?;
    actions::check(actions)?;
    committee::check_proposed(context, actions)?;
    create(context, Kind::Ordinary, actions, description_hash)
}

/// Refuses a proposal amid an execution, which may still change who votes and what a decision needs: the proposal would
/// keep seats and parameters that no execution has left.
pub(super) fn ensure_settled(context: &mut Context<'_>) -> Result<(), Failure> {
    let open = layout().execution.read(context)?;
    ensure(open.proposal_id == 0, || IGovernance::ExecutionInProgress { proposalId: open.proposal_id })
}

/// Makes a proposal of the caller, who is entitled to it.
pub(super) fn create(
    context: &mut Context<'_>,
    kind: Kind,
    actions: &[Action],
    description_hash: B256,
) -> Result<u64, Failure> {
    let terms = layout().terms.read(context)?;
    let electorate = electorate(context, kind, terms)?;
    let proposal_id = layout().proposals_made.read(context)?.saturating_add(1);
    layout().proposals_made.write(context, proposal_id)?;
    let (proposer, created_ms) = (context.caller(), context.env().timestamp_ms);
    let voting_ms = if kind == Kind::Emergency { EMERGENCY_VOTING_MS } else { terms.voting_period_ms };
    let closes_ms = created_ms.saturating_add(voting_ms);
    let place = layout().proposals.at(context, &proposal_id)?;
    let actions_count = u8::try_from(actions.len()).unwrap_or(u8::MAX);
    let kind = kind as u8;
    place.head.write(context, Head { proposer, kind, outcome: 0, is_decided: false, actions: actions_count })?;
    place.description_hash.write(context, description_hash)?;
    place.times.write(context, Times { created_ms, closes_ms, ..Times::default() })?;
    place.terms.write(context, terms)?;
    place.electorate.write(context, electorate)?;
    actions::write(context, &place, actions)?;
    let created = IGovernance::ProposalCreated {
        proposalId: proposal_id,
        proposer,
        kind,
        descriptionHash: description_hash,
        closesMs: closes_ms,
        weightTotal: electorate.weight_total,
        quorumWeight: electorate.quorum_weight,
    };
    context.emit(GOVERNANCE_ADDRESS, &created)?;
    Ok(proposal_id)
}

/// The weights that count for a proposal that is made now. The checks at the end of every execution see to it that
/// shares fit the whole.
fn electorate(context: &mut Context<'_>, kind: Kind, terms: Terms) -> Result<Electorate, Failure> {
    let weight_total = register(kind).weight_total.read(context)?;
    let part = |basis_points| u64::try_from(share(weight_total.into(), basis_points)).unwrap_or(u64::MAX);
    let quorum_weight = match kind {
        Kind::Ordinary => part(terms.quorum_basis_points),
        Kind::Emergency => u64::from(terms.guardian_quorum),
    };
    Ok(Electorate { weight_total, quorum_weight, veto_weight: part(terms.veto_basis_points) })
}

// ----- vote ----------------------------------------------------------------------------------------------------------

/// Votes on a proposal. An emergency that is accepted by it takes effect at once.
pub fn cast_vote(context: &mut Context<'_>, proposal_id: u64, support: u8) -> Result<(), Failure> {
    require_established(context)?;
    let (voter, now_ms) = (context.caller(), context.env().timestamp_ms);
    let place = place(context, proposal_id)?;
    let mut record = record(context, &place)?;
    ensure_voting(proposal_id, &record, now_ms)?;
    let weight = entitled(context, record.kind(), voter, proposal_id)?;
    let ballot_place = place.ballots.at(context, &voter)?;
    let ballot = ballot_place.read(context)?;
    if let Some(before) = ballot.vote.checked_sub(1) {
        return Err(revert(IGovernance::VoteRepeated { proposalId: proposal_id, account: voter, support: before }));
    }
    count(&mut record.tally, support, weight)?;
    ballot_place.write(context, Ballot { vote: support.saturating_add(1), ..ballot })?;
    place.tally.write(context, record.tally)?;
    context.emit(GOVERNANCE_ADDRESS, &IGovernance::VoteCast { voter, proposalId: proposal_id, support, weight })?;
    decide(context, proposal_id, &place, record)
}

/// Refuses what may be done only while votes are taken.
fn ensure_voting(proposal_id: u64, record: &Record, now_ms: u64) -> Result<(), Failure> {
    let state = record.state(now_ms);
    ensure(state == State::Voting, || IGovernance::ProposalNotVoting {
        proposalId: proposal_id,
        state: state.number(),
        nowMs: now_ms,
        closesMs: record.times.closes_ms,
    })
}

/// Weight of an account for a proposal; nobody votes with none.
fn entitled(context: &mut Context<'_>, kind: Kind, account: Address, proposal_id: u64) -> Result<u64, Failure> {
    let weight = register(kind).weight_at(context, account, proposal_id)?;
    ensure(weight > 0, || IGovernance::WeightAbsent { proposalId: proposal_id, account })?;
    Ok(weight)
}

/// Adds a vote. No sum exceeds the whole weight, which fits.
fn count(tally: &mut Tally, support: u8, weight: u64) -> Result<(), Failure> {
    let sum = match support {
        FOR => &mut tally.for_weight,
        AGAINST => &mut tally.against_weight,
        ABSTAIN => &mut tally.abstain_weight,
        _ => return Err(revert(IGovernance::SupportUnknown { support })),
    };
    *sum = sum.saturating_add(weight);
    Ok(())
}

/// Notes that a proposal is decided, if the votes that are missing cannot change the outcome.
fn decide(
    context: &mut Context<'_>,
    proposal_id: u64,
    place: &ProposalPlace,
    mut record: Record,
) -> Result<(), Failure> {
    let Some(accepted) = record.certain() else { return Ok(()) };
    record.head.is_decided = true;
    record.times.decided_ms = context.env().timestamp_ms;
    place.head.write(context, record.head)?;
    place.times.write(context, record.times)?;
    let (ripe_ms, expires_ms) = if accepted { record.window() } else { (0, 0) };
    let decided =
        IGovernance::ProposalDecided { proposalId: proposal_id, accepted, ripeMs: ripe_ms, expiresMs: expires_ms };
    context.emit(GOVERNANCE_ADDRESS, &decided)?;
    if accepted && record.kind() == Kind::Emergency {
        return super::pauses::take_effect(context, proposal_id, place, record);
    }
    Ok(())
}

// ----- cancel, veto --------------------------------------------------------------------------------------------------

/// Withdraws a proposal that is still voted on.
pub fn cancel(context: &mut Context<'_>, proposal_id: u64) -> Result<(), Failure> {
    require_established(context)?;
    let (caller, now_ms) = (context.caller(), context.env().timestamp_ms);
    let place = place(context, proposal_id)?;
    let record = record(context, &place)?;
    let proposer = record.head.proposer;
    ensure(caller == proposer, || IGovernance::ProposerRequired { caller, proposer })?;
    ensure_voting(proposal_id, &record, now_ms)?;
    place.head.write(context, Head { outcome: CANCELLED, ..record.head })?;
    context.emit(GOVERNANCE_ADDRESS, &IGovernance::ProposalCancelled { proposalId: proposal_id })
}

/// Objects to an accepted proposal.
pub fn veto(context: &mut Context<'_>, proposal_id: u64) -> Result<(), Failure> {
    require_established(context)?;
    let (voter, now_ms) = (context.caller(), context.env().timestamp_ms);
    let place = place(context, proposal_id)?;
    let mut record = record(context, &place)?;
    let state = record.state(now_ms);
    ensure(matches!(state, State::Waiting | State::Ripe), || IGovernance::ProposalNotAccepted {
        proposalId: proposal_id,
        state: state.number(),
    })?;
    let weight = entitled(context, record.kind(), voter, proposal_id)?;
    let ballot_place = place.ballots.at(context, &voter)?;
    let ballot = ballot_place.read(context)?;
    ensure(!ballot.has_vetoed, || IGovernance::VetoRepeated { proposalId: proposal_id, account: voter })?;
    ballot_place.write(context, Ballot { has_vetoed: true, ..ballot })?;
    record.tally.veto_weight = record.tally.veto_weight.saturating_add(weight);
    place.tally.write(context, record.tally)?;
    context.emit(GOVERNANCE_ADDRESS, &IGovernance::VetoCast { voter, proposalId: proposal_id, weight })?;
    let veto_weight = record.tally.veto_weight;
    if veto_weight < record.electorate.veto_weight {
        return Ok(());
    }
    place.head.write(context, Head { outcome: VETOED, ..record.head })?;
    context.emit(GOVERNANCE_ADDRESS, &IGovernance::ProposalVetoed { proposalId: proposal_id, vetoWeight: veto_weight })
}
