//! Questions about seats, guardians, proposals and pauses.

use alloy_primitives::{Address, B256, Bytes};

use super::{
    IGovernance::{self, Parameters, Proposal},
    actions, committee, layout,
    layout::Pause,
    ops, pauses, proposals, punishment, require_established,
};
use crate::context::{Context, Failure, ensure, revert};

/// What a decision needs.
pub fn parameters(context: &mut Context<'_>) -> Result<Parameters, Failure> {
    require_established(context)?;
    ops::parameters(context)
}

/// Number of seats, and their whole weight.
pub fn seat_count(context: &mut Context<'_>) -> Result<(u64, u64), Failure> {
    require_established(context)?;
    let seats = layout::layout().seats;
    Ok((seats.accounts.len(context)?, seats.weight_total.read(context)?))
}

/// Seat number `index`: account, weight and name.
pub fn seat_at(context: &mut Context<'_>, index: u64) -> Result<(Address, u64, String), Failure> {
    require_established(context)?;
    let account = member_at(context, &layout::layout().seats, index)?;
    let (weight, name) = seat_of(context, account)?;
    Ok((account, weight, name))
}

/// Weight and name of a seat.
pub fn seat_of(context: &mut Context<'_>, account: Address) -> Result<(u64, String), Failure> {
    require_established(context)?;
    let seats = layout::layout().seats;
    Ok((seats.weight(context, account)?, seats.name(context, account)?))
}

/// Weight of an account for a proposal.
pub fn weight_at(context: &mut Context<'_>, account: Address, proposal_id: u64) -> Result<u64, Failure> {
    require_established(context)?;
    let place = proposals::place(context, proposal_id)?;
    let kind = proposals::record(context, &place)?.kind();
    proposals::register(kind).weight_at(context, account, proposal_id)
}

/// Number of guardians.
pub fn guardian_count(context: &mut Context<'_>) -> Result<u64, Failure> {
    require_established(context)?;
    layout::layout().guardians.accounts.len(context)
}

/// Guardian number `index`.
pub fn guardian_at(context: &mut Context<'_>, index: u64) -> Result<Address, Failure> {
    require_established(context)?;
    member_at(context, &layout::layout().guardians, index)
}

/// Whether the account is a guardian.
pub fn is_guardian(context: &mut Context<'_>, account: Address) -> Result<bool, Failure> {
    require_established(context)?;
    Ok(layout::layout().guardians.weight(context, account)? > 0)
}

/// Whether the account has a seat or is a guardian; nobody where there is no governance.
pub fn is_member(context: &mut Context<'_>, account: Address) -> Result<bool, Failure> {
    if !layout::layout().status.read(context)?.is_established {
        return Ok(false);
    }
    let layout = layout::layout();
    Ok(layout.seats.weight(context, account)? > 0 || layout.guardians.weight(context, account)? > 0)
}

fn member_at(context: &mut Context<'_>, register: &layout::Register, index: u64) -> Result<Address, Failure> {
    let account = register.accounts.get(context, index)?;
    account.ok_or_else(|| revert(IGovernance::MemberUnknown { account: Address::ZERO }))
}

/// Number of proposals ever made.
pub fn proposal_count(context: &mut Context<'_>) -> Result<u64, Failure> {
    require_established(context)?;
    layout::layout().proposals_made.read(context)
}

/// A proposal, with its state now.
pub fn proposal_of(context: &mut Context<'_>, proposal_id: u64) -> Result<Proposal, Failure> {
    require_established(context)?;
    let now_ms = context.env().timestamp_ms;
    let place = proposals::place(context, proposal_id)?;
    let record = proposals::record(context, &place)?;
    let (ripe_ms, expires_ms) = if record.is_accepted(now_ms) { record.window() } else { (0, 0) };
    Ok(Proposal {
        proposer: record.head.proposer,
        kind: record.head.kind,
        state: record.state(now_ms).number(),
        descriptionHash: place.description_hash.read(context)?,
        actionCount: record.head.actions.into(),
        createdMs: record.times.created_ms,
        closesMs: record.times.closes_ms,
        ripeMs: ripe_ms,
        expiresMs: expires_ms,
        weightTotal: record.electorate.weight_total,
        quorumWeight: record.electorate.quorum_weight,
        forWeight: record.tally.for_weight,
        againstWeight: record.tally.against_weight,
        abstainWeight: record.tally.abstain_weight,
        vetoWeight: record.tally.veto_weight,
    })
}

/// An action of a proposal.
pub fn action_of(context: &mut Context<'_>, proposal_id: u64, index: u64) -> Result<(Address, Bytes), Failure> {
    require_established(context)?;
    let place = proposals::place(context, proposal_id)?;
    let actions = place.head.read(context)?.actions;
    ensure(index < u64::from(actions), || IGovernance::ActionUnknown { proposalId: proposal_id, index })?;
    actions::read(context, &place, index)
}

/// How an account voted, and whether it vetoed.
pub fn ballot_of(context: &mut Context<'_>, proposal_id: u64, account: Address) -> Result<(bool, u8, bool), Failure> {
    require_established(context)?;
    let place = proposals::place(context, proposal_id)?;
    let ballot = place.ballots.at(context, &account)?.read(context)?;
    Ok((ballot.vote > 0, ballot.vote.saturating_sub(1), ballot.has_vetoed))
}

/// The pause of a module, and whether it is in force.
pub fn pause_of(context: &mut Context<'_>, module: Address) -> Result<(bool, Pause), Failure> {
    require_established(context)?;
    pauses::pause_of(context, module)
}

/// A version of the list of validators, as the ABI returns it.
pub(super) fn validators_at(
    context: &mut Context<'_>,
    version: u64,
) -> Result<(u64, Vec<B256>, Vec<Address>), Failure> {
    let (from_epoch, validators) = committee::version_of(context, version)?;
    Ok((
        from_epoch,
        validators.iter().map(|entry| entry.node).collect(),
        validators.iter().map(|entry| entry.seat).collect(),
    ))
}

/// What a node was convicted of, as the ABI returns it.
pub(super) fn conviction_of(context: &mut Context<'_>, node: B256) -> Result<IGovernance::convictionOfReturn, Failure> {
    let (record, evidence_hash) = punishment::conviction_of(context, node)?;
    Ok(IGovernance::convictionOfReturn {
        stands: record.stands,
        count: record.count.into(),
        kind: record.kind,
        epoch: record.epoch,
        viewNumber: record.view,
        evidenceHash: evidence_hash,
        countsFromEpoch: record.counts_from,
    })
}
