//! Acts of governance on itself: who votes, who guards, what a decision needs. Checks, then effects, then the event.

use alloy_primitives::{Address, B256, U256};
use florin_types::{GenesisGovernance, GovernanceParameters};

use super::{
    IGovernance::{self, Parameters},
    committee,
    decision::BASIS_POINTS,
    execution::{ensure_decidable, proposal_in_execution},
    layout::{Status, Terms, layout},
    register::{ensure_can_act, weight_out_of_range},
};
use crate::{
    GOVERNANCE_ADDRESS,
    context::{Context, Failure, ensure},
};

/// Most seats.
pub const SEATS_MAX: u64 = 128;
/// Most guardians.
pub const GUARDIANS_MAX: u64 = 32;
/// Most bytes of a seat's name.
pub const SEAT_NAME_BYTES_MAX: usize = 64;
/// Shortest time in which votes are taken, and in which an accepted proposal may be executed: a shorter one would end
/// before a transaction finds its block.
pub const PERIOD_MS_MIN: u64 = 60_000;
/// Longest of all times that governance sets itself: 90 days.
pub const PERIOD_MS_MAX: u64 = 90 * 24 * 60 * 60 * 1_000;
/// Least part of what is for and against that must be for: half.
const THRESHOLD_MIN: u16 = 5_000;

// ----- seats ---------------------------------------------------------------------------------------------------------

/// Adds a seat, or changes its weight and name.
pub(super) fn set_seat(context: &mut Context<'_>, account: Address, weight: u64, name: &str) -> Result<(), Failure> {
    proposal_in_execution(context)?;
    seat(context, account, weight, name)
}

fn seat(context: &mut Context<'_>, account: Address, weight: u64, name: &str) -> Result<(), Failure> {
    ensure_can_act(account)?;
    let seats = layout().seats;
    if weight == 0 {
        return Err(weight_out_of_range(weight, seats.weight_total.read(context)?));
    }
    ensure((1..=SEAT_NAME_BYTES_MAX).contains(&name.len()), || IGovernance::SeatNameInvalid {
        length: U256::from(name.len()),
        lengthMax: U256::from(SEAT_NAME_BYTES_MAX),
    })?;
    let before = seats.set_weight(context, account, weight, SEATS_MAX)?;
    seats.set_name(context, account, name)?;
    seat_changed(context, account, (before, weight), name)
}

/// Removes a seat.
pub(super) fn remove_seat(context: &mut Context<'_>, account: Address) -> Result<(), Failure> {
    proposal_in_execution(context)?;
    let seats = layout().seats;
    ensure(seats.weight(context, account)? > 0, || IGovernance::MemberUnknown { account })?;
    let before = seats.set_weight(context, account, 0, SEATS_MAX)?;
    seats.set_name(context, account, "")?;
    seat_changed(context, account, (before, 0), "")
}

fn seat_changed(
    context: &mut Context<'_>,
    account: Address,
    (before, after): (u64, u64),
    name: &str,
) -> Result<(), Failure> {
    let changed = IGovernance::SeatChanged { account, previousWeight: before, newWeight: after, name: name.to_owned() };
    context.emit(GOVERNANCE_ADDRESS, &changed)
}

// ----- guardians -----------------------------------------------------------------------------------------------------

/// Adds or removes a guardian.
pub(super) fn set_guardian(context: &mut Context<'_>, account: Address, is_guardian: bool) -> Result<(), Failure> {
    proposal_in_execution(context)?;
    guardian(context, account, is_guardian)
}

fn guardian(context: &mut Context<'_>, account: Address, is_guardian: bool) -> Result<(), Failure> {
    let guardians = layout().guardians;
    let was = guardians.weight(context, account)? > 0;
    if is_guardian {
        ensure_can_act(account)?;
        ensure(!was, || IGovernance::GuardianExists { account })?;
    } else {
        ensure(was, || IGovernance::MemberUnknown { account })?;
    }
    guardians.set_weight(context, account, u64::from(is_guardian), GUARDIANS_MAX)?;
    context.emit(GOVERNANCE_ADDRESS, &IGovernance::GuardianChanged { account, guardian: is_guardian })
}

// ----- parameters ----------------------------------------------------------------------------------------------------

/// Changes what a decision needs, for proposals that are made after it.
pub(super) fn set_parameters(context: &mut Context<'_>, values: &Parameters) -> Result<(), Failure> {
    proposal_in_execution(context)?;
    write_parameters(context, values)
}

fn write_parameters(context: &mut Context<'_>, values: &Parameters) -> Result<(), Failure> {
    // What all seats together can reach is asked at the end, with the arithmetic: here are the bounds of each alone.
    let bounds = [
        ("quorumBasisPoints", u64::from(values.quorumBasisPoints), 1, u64::from(u16::MAX)),
        ("thresholdBasisPoints", values.thresholdBasisPoints.into(), THRESHOLD_MIN.into(), BASIS_POINTS.into()),
        ("vetoBasisPoints", values.vetoBasisPoints.into(), 1, BASIS_POINTS.into()),
        ("votingPeriodMs", values.votingPeriodMs, PERIOD_MS_MIN, PERIOD_MS_MAX),
        ("delayMs", values.delayMs, 0, PERIOD_MS_MAX),
        ("executionWindowMs", values.executionWindowMs, PERIOD_MS_MIN, PERIOD_MS_MAX),
        ("emergencyPauseMs", values.emergencyPauseMs, PERIOD_MS_MIN, PERIOD_MS_MAX),
    ];
    for (parameter, value, minimum, maximum) in bounds {
        ensure((minimum..=maximum).contains(&value), || IGovernance::ParameterOutOfRange {
            parameter: parameter.to_owned(),
            value: U256::from(value),
            valueMin: U256::from(minimum),
            valueMax: U256::from(maximum),
        })?;
    }
    layout().terms.write(context, terms_of(values))?;
    context.emit(GOVERNANCE_ADDRESS, &IGovernance::ParametersChanged { parameters: values.clone() })
}

fn terms_of(values: &Parameters) -> Terms {
    Terms {
        quorum_basis_points: values.quorumBasisPoints,
        threshold_basis_points: values.thresholdBasisPoints,
        veto_basis_points: values.vetoBasisPoints,
        guardian_quorum: values.guardianQuorum,
        voting_period_ms: values.votingPeriodMs,
        delay_ms: values.delayMs,
        execution_window_ms: values.executionWindowMs,
        emergency_pause_ms: values.emergencyPauseMs,
    }
}

/// What a decision needs now.
pub(super) fn parameters(context: &mut Context<'_>) -> Result<Parameters, Failure> {
    let terms = layout().terms.read(context)?;
    Ok(Parameters {
        quorumBasisPoints: terms.quorum_basis_points,
        thresholdBasisPoints: terms.threshold_basis_points,
        vetoBasisPoints: terms.veto_basis_points,
        guardianQuorum: terms.guardian_quorum,
        votingPeriodMs: terms.voting_period_ms,
        delayMs: terms.delay_ms,
        executionWindowMs: terms.execution_window_ms,
        emergencyPauseMs: terms.emergency_pause_ms,
    })
}

// ----- genesis -------------------------------------------------------------------------------------------------------

/// Sets governance up at genesis; `epochs` are the blocks of an epoch and the validators, where the committee changes. The
/// error names the part of the section.
pub(crate) fn initialise(
    context: &mut Context<'_>,
    section: &GenesisGovernance,
    epochs: Option<(u64, &[B256])>,
) -> Result<(), (String, Failure)> {
    let at = |field: String| move |failure: Failure| (field, failure);
    layout().status.write(context, Status { is_established: true, ..Status::default() }).map_err(at(String::new()))?;
    write_parameters(context, &parameters_of(&section.parameters)).map_err(at(".parameters".into()))?;
    for (index, entry) in section.seats.iter().enumerate() {
        let field = format!(".seats[{index}]");
        seat(context, entry.account, entry.weight, &entry.name).map_err(at(field))?;
    }
    for account in &section.guardians {
        guardian(context, *account, true).map_err(at(format!(".guardians.{account}")))?;
    }
    if let Some((epoch_blocks, validators)) = epochs {
        committee::establish(context, epoch_blocks, section.stake.is_some(), validators).map_err(at(String::new()))?;
    }
    ensure_decidable(context).map_err(at(String::new()))
}

fn parameters_of(parameters: &GovernanceParameters) -> Parameters {
    Parameters {
        quorumBasisPoints: parameters.quorum_basis_points,
        thresholdBasisPoints: parameters.threshold_basis_points,
        vetoBasisPoints: parameters.veto_basis_points,
        guardianQuorum: parameters.guardian_quorum,
        votingPeriodMs: parameters.voting_period_ms,
        delayMs: parameters.delay_ms,
        executionWindowMs: parameters.execution_window_ms,
        emergencyPauseMs: parameters.emergency_pause_ms,
    }
}
