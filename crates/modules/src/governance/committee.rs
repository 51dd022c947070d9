//! The list of validators: which nodes are to hold shares of the network's key, epoch by epoch.
//!
//! **Versions.** The list is kept in versions, each with the first epoch in which it is dealt to; it signs from the epoch after.
//! A change that is executed in a block counts from the first epoch whose committee is not fixed yet: that of epoch `e` is
//! fixed by the block before the middle of epoch `e - 2` ([`frozen_at`]). So the list for an epoch is the same in every state
//! from that block on ([`validators_for`]), whatever changes come later.
//!
//! **What is refused**, with the numbers: a list that is too small, too large, or too large for the length of an epoch; one
//! in which one institution has more nodes than may be faulty; one that could not make a quorum of those that are known to
//! be there; a second change before the first one signs. Readiness is absolute, not a difference to the list before: where
//! a ceremony fails a list is passed over, and each must stand by itself.
//!
//! **Who is there.** A validator that has led a block lately or could not have yet; a node that was declared ready within two
//! epochs, if it joins, or if it has not led since it joined: while ceremonies fail it cannot.
//!
//! **Who changes it.** Governance by proposal, or bonds by an election an epoch (`crate::staking`), as the genesis file says.
//! Who is convicted ([`super::punishment`]) is on no list that is made after it.

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolCall;
use std::collections::BTreeMap;

use super::{
    IGovernance::{self, Action, Candidate, changeValidatorsCall},
    execution::proposal_in_execution,
    layout::{Duty, Epochs, Version, VersionPlace, layout},
    punishment, require_established,
};
use crate::{
    GOVERNANCE_ADDRESS,
    context::{Context, Failure, ensure},
};
use florin_types::{EPOCH_BLOCKS_PER_VALIDATOR, epoch_blocks_min};

/// Most validators of a list.
pub const VALIDATORS_MAX: u64 = 64;
/// Fewest validators of a list that bears a fault. A network that began with fewer may stay or grow.
pub const VALIDATORS_MIN: u64 = 4;
/// Epochs after the one in which it was declared for which a node is taken to be ready.
pub const READY_EPOCHS: u64 = 2;
/// Epochs between the one in which a list is fixed and the one in which it is dealt to.
const LOOKAHEAD_EPOCHS: u64 = 2;
/// Rotations of leaders in which a validator that is there has led a block.
const SILENT_ROTATIONS: u64 = 4;
/// Epochs for which a list may still sign after the next should: as many ceremonies in a row may fail.
const GRACE_EPOCHS: u64 = 8;

/// Validators of so many that may be faulty: fewer than a third.
pub fn tolerated(validators: u64) -> u64 {
    validators.saturating_sub(1) / 3
}

/// Validators of so many that must sign.
pub fn quorum(validators: u64) -> u64 {
    validators.saturating_sub(tolerated(validators))
}

/// Last block whose changes count for the committee that is dealt to in `epoch`.
pub fn frozen_at(epoch_blocks: u64, epoch: u64) -> u64 {
    let fixed_in = epoch.saturating_sub(LOOKAHEAD_EPOCHS);
    fixed_in.saturating_mul(epoch_blocks).saturating_add(epoch_blocks / 2).saturating_sub(1)
}

/// A validator, and the account of the institution that answers for it; zero for those of genesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validator {
    /// Node key.
    pub node: B256,
    /// Account of the institution.
    pub seat: Address,
}

/// The epochs of the network; refuses where its committee is fixed.
pub(super) fn epochs(context: &mut Context<'_>) -> Result<Epochs, Failure> {
    require_established(context)?;
    let epochs = layout().epochs.read(context)?;
    ensure(epochs.epoch_blocks > 0, || IGovernance::CommitteeFixed {})?;
    Ok(epochs)
}

/// Number of the epoch of the block that is executed.
fn epoch_now(context: &Context<'_>, epochs: &Epochs) -> u64 {
    context.env().height.checked_div(epochs.epoch_blocks).unwrap_or_default()
}

/// What is known of a node.
fn duty_of(context: &mut Context<'_>, node: B256) -> Result<Duty, Failure> {
    layout().duties.at(context, &node)?.read(context)
}

fn version_place(context: &mut Context<'_>, version: u64) -> Result<VersionPlace, Failure> {
    layout().committees.at(context, &version)
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// Blocks of an epoch, the epoch now, and versions ever made of the list.
pub fn epoch_of(context: &mut Context<'_>) -> Result<(u64, u64, u64), Failure> {
    let epochs = epochs(context)?;
    Ok((epochs.epoch_blocks, epoch_now(context, &epochs), epochs.versions))
}

/// First epoch in which a version of the list is dealt to, and its validators.
pub fn version_of(context: &mut Context<'_>, version: u64) -> Result<(u64, Vec<Validator>), Failure> {
    let epochs = epochs(context)?;
    ensure(version < epochs.versions, || IGovernance::VersionUnknown { version, versions: epochs.versions })?;
    let place = version_place(context, version)?;
    let (nodes, seats) = (place.nodes.all(context)?, place.seats.all(context)?);
    let validators = nodes.into_iter().zip(seats).map(|(node, seat)| Validator { node, seat }).collect();
    Ok((place.head.read(context)?.from_epoch, validators))
}

/// The validators of the newest version.
pub(crate) fn newest(context: &mut Context<'_>) -> Result<Vec<Validator>, Failure> {
    let last = epochs(context)?.versions.saturating_sub(1);
    Ok(version_of(context, last)?.1)
}

/// Whether bonds elect the validators; governance lists them otherwise.
pub(crate) fn is_by_stake(context: &mut Context<'_>) -> Result<bool, Failure> {
    Ok(layout().epochs.read(context)?.by_stake)
}

/// What lets a node stand when bonds elect.
pub(crate) enum Claim {
    /// On the newest list.
    Listed {
        /// Height of the last block that it led, or from which on it can lead.
        led_height: u64,
    },
    /// Declared ready for this epoch.
    Ready,
    /// Neither.
    Neither,
}

/// What lets a node stand.
pub(crate) fn claim_of(context: &mut Context<'_>, node: B256) -> Result<Claim, Failure> {
    let epochs = epochs(context)?;
    let duty = duty_of(context, node)?;
    let epoch = epoch_now(context, &epochs);
    let listed = duty.last_version > 0 && duty.last_version >= epochs.versions;
    Ok(if listed && !waits_to_lead(duty, epoch) {
        Claim::Listed { led_height: duty.led_height }
    } else if is_ready(duty, epoch) {
        Claim::Ready
    } else {
        Claim::Neither
    })
}

/// The epoch whose list this block fixes, where bonds elect it: the last block before the middle of the epoch two before.
pub(crate) fn election_due(context: &mut Context<'_>) -> Result<Option<u64>, Failure> {
    let Epochs { epoch_blocks, by_stake, .. } = layout().epochs.read(context)?;
    let height = context.env().height;
    let epoch = height.checked_div(epoch_blocks).unwrap_or_default().saturating_add(LOOKAHEAD_EPOCHS);
    Ok((by_stake && height == frozen_at(epoch_blocks, epoch)).then_some(epoch))
}

/// The validators that are dealt to in an epoch, as far as that is known: it is fixed from block [`frozen_at`] on.
pub fn validators_for(context: &mut Context<'_>, epoch: u64) -> Result<Vec<Validator>, Failure> {
    let mut version = epochs(context)?.versions.saturating_sub(1);
    loop {
        let from_epoch = version_place(context, version)?.head.read(context)?.from_epoch;
        if from_epoch <= epoch || version == 0 {
            return Ok(version_of(context, version)?.1);
        }
        version = version.saturating_sub(1);
    }
}

/// Until the end of which epoch a node is taken to be ready; zero if it never was.
pub fn ready_until(context: &mut Context<'_>, node: B256) -> Result<u64, Failure> {
    epochs(context)?;
    Ok(duty_of(context, node)?.ready_until)
}

/// Whether a node signs, is to sign, or may still have to because ceremonies fail; nobody where the committee is fixed.
pub fn serves(context: &mut Context<'_>, node: B256) -> Result<bool, Failure> {
    let epochs = layout().epochs.read(context)?;
    let Duty { last_version, led_height, .. } = duty_of(context, node)?;
    if epochs.epoch_blocks == 0 || last_version == 0 {
        return Ok(false);
    }
    // Who leads signs, however many ceremonies failed.
    let led_until = led_height.saturating_add(GRACE_EPOCHS.saturating_mul(epochs.epoch_blocks));
    if last_version >= epochs.versions || context.env().height < led_until {
        return Ok(true);
    }
    // Versions are numbered from 0 and kept from 1, so this is the one that came after its last.
    let successor = version_place(context, last_version)?.head.read(context)?.from_epoch;
    let over = successor.saturating_add(1).saturating_add(GRACE_EPOCHS);
    Ok(epoch_now(context, &epochs) < over)
}

// ----- changes -------------------------------------------------------------------------------------------------------

/// Sets the list up at genesis.
pub(super) fn establish(
    context: &mut Context<'_>,
    epoch_blocks: u64,
    by_stake: bool,
    nodes: &[B256],
) -> Result<(), Failure> {
    layout().epochs.write(context, Epochs { epoch_blocks, versions: 0, by_stake })?;
    let validators: Vec<Validator> = nodes.iter().map(|node| Validator { node: *node, seat: Address::ZERO }).collect();
    append(context, 0, &validators)
}

/// Says that a node is there and follows. Answers until the end of which epoch that is believed. Who may say so, the
/// registry of nodes decides.
pub(crate) fn declare_ready(context: &mut Context<'_>, node: B256) -> Result<u64, Failure> {
    let epochs = epochs(context)?;
    punishment::ensure_not_convicted(context, node)?;
    let until_epoch = epoch_now(context, &epochs).saturating_add(READY_EPOCHS);
    let place = layout().duties.at(context, &node)?;
    let duty = place.read(context)?;
    place.write(context, Duty { ready_until: until_epoch, ..duty })?;
    let by = context.caller();
    context.emit(GOVERNANCE_ADDRESS, &IGovernance::NodeReady { node, by, untilEpoch: until_epoch })?;
    Ok(until_epoch)
}

/// A node leaves the registry: whoever registers the key again has not declared it ready.
pub(crate) fn forget_ready(context: &mut Context<'_>, node: B256) -> Result<(), Failure> {
    let place = layout().duties.at(context, &node)?;
    let duty = place.read(context)?;
    place.write(context, Duty { ready_until: 0, ..duty })
}

/// Notes who led a block. Nothing where the committee is fixed.
pub fn led(context: &mut Context<'_>, node: B256) -> Result<(), Failure> {
    if layout().epochs.read(context)?.epoch_blocks == 0 {
        return Ok(());
    }
    let place = layout().duties.at(context, &node)?;
    let duty = place.read(context)?;
    // It may lead for an older list before it can for the newest.
    let height = context.env().height;
    let has_led = duty.has_led || height >= duty.led_height;
    place.write(context, Duty { led_height: duty.led_height.max(height), has_led, ..duty })
}

/// Changes the list: who joins and who leaves, together.
pub(super) fn change(context: &mut Context<'_>, joining: &[Candidate], leaving: &[B256]) -> Result<(), Failure> {
    proposal_in_execution(context)?;
    let validators = changed(context, joining, leaving)?;
    let epochs = epochs(context)?;
    let (epoch, last) = (epoch_now(context, &epochs), epochs.versions.saturating_sub(1));
    let pending = version_place(context, last)?.head.read(context)?.from_epoch;
    ensure(last == 0 || epoch > pending, || IGovernance::ValidatorChangePending {
        version: last,
        epoch,
        signsFromEpoch: pending.saturating_add(1),
    })?;
    let joining = joining.iter().map(|candidate| candidate.node).collect();
    install(context, &validators, joining, leaving.to_vec())
}

/// Makes a new version of the list and says so: it counts from the first epoch that is neither fixed nor the last
/// version's.
pub(super) fn install(
    context: &mut Context<'_>,
    validators: &[Validator],
    joining: Vec<B256>,
    leaving: Vec<B256>,
) -> Result<(), Failure> {
    let epochs = epochs(context)?;
    let next = epoch_now(context, &epochs).saturating_add(LOOKAHEAD_EPOCHS);
    let in_time = context.env().height <= frozen_at(epochs.epoch_blocks, next);
    let open = if in_time { next } else { next.saturating_add(1) };
    let last = epochs.versions.saturating_sub(1);
    let taken = version_place(context, last)?.head.read(context)?.from_epoch;
    let from_epoch = open.max(taken.saturating_add(1));
    append(context, from_epoch, validators)?;
    let changed = IGovernance::ValidatorsChanged {
        version: epochs.versions,
        fromEpoch: from_epoch,
        count: count(validators),
        joining,
        leaving,
    };
    context.emit(GOVERNANCE_ADDRESS, &changed)
}

/// Makes a version for the epoch whose list this block fixes, if the list is not the one before; answers whether it did. Who
/// elects has seen to what a list must be.
pub(crate) fn elect(context: &mut Context<'_>, epoch: u64, validators: &[Validator]) -> Result<bool, Failure> {
    let differs = newest(context)? != validators;
    if differs {
        append(context, epoch, validators)?;
    }
    Ok(differs)
}

/// Refuses actions that could not be executed as things stand, so that nobody votes on them for nothing.
pub(super) fn check_proposed(context: &mut Context<'_>, actions: &[Action]) -> Result<(), Failure> {
    for action in actions.iter().filter(|action| action.target == GOVERNANCE_ADDRESS) {
        if let Ok(call) = changeValidatorsCall::abi_decode_validate(&action.data) {
            changed(context, &call.joining, &call.leaving)?;
        }
    }
    Ok(())
}

/// Keeps a new version.
fn append(context: &mut Context<'_>, from_epoch: u64, validators: &[Validator]) -> Result<(), Failure> {
    let epochs = layout().epochs.read(context)?;
    let place = version_place(context, epochs.versions)?;
    let versions = epochs.versions.saturating_add(1);
    layout().epochs.write(context, Epochs { versions, ..epochs })?;
    place.head.write(context, Version { from_epoch })?;
    // A validator that has not signed yet is not silent before it could have led.
    let signs_at = from_epoch.saturating_add(1).saturating_mul(epochs.epoch_blocks);
    let led_at_least = if from_epoch == 0 { 0 } else { signs_at };
    for Validator { node, seat } in validators {
        place.nodes.push(context, *node)?;
        place.seats.push(context, *seat)?;
        let duty_place = layout().duties.at(context, node)?;
        let duty = duty_place.read(context)?;
        let joins = duty.last_version.saturating_add(1) < versions;
        let led_height = if joins { duty.led_height.max(led_at_least) } else { duty.led_height };
        let has_led = duty.has_led && !joins;
        duty_place.write(context, Duty { led_height, has_led, last_version: versions, ..duty })?;
    }
    Ok(())
}

// ----- what a list must be -------------------------------------------------------------------------------------------

/// The list after a change, if it may be one.
fn changed(context: &mut Context<'_>, joining: &[Candidate], leaving: &[B256]) -> Result<Vec<Validator>, Failure> {
    let epochs = epochs(context)?;
    ensure(!epochs.by_stake, || IGovernance::ElectedByStake {})?;
    ensure(!joining.is_empty() || !leaving.is_empty(), || IGovernance::ValidatorChangeEmpty {})?;
    let before = newest(context)?;
    let mut after: BTreeMap<B256, Address> = before.iter().map(|entry| (entry.node, entry.seat)).collect();
    for candidate in joining {
        let Candidate { node, seat } = *candidate;
        ensure(!node.is_zero() && !seat.is_zero(), || IGovernance::CandidateInvalid { node, seat })?;
        ensure(after.insert(node, seat).is_none(), || IGovernance::ValidatorExists { node })?;
        let was_ready = duty_of(context, node)?.ready_until > 0;
        ensure(was_ready, || IGovernance::CandidateNeverReady { node })?;
    }
    for node in leaving {
        let is_joining = joining.iter().any(|candidate| candidate.node == *node);
        ensure(!is_joining && after.remove(node).is_some(), || IGovernance::ValidatorUnknown { node: *node })?;
    }
    let after: Vec<Validator> = after.into_iter().map(|(node, seat)| Validator { node, seat }).collect();
    for Validator { node, .. } in &after {
        punishment::ensure_not_convicted(context, *node)?;
    }
    ensure_size(&epochs, count_min(&before), count(&after))?;
    ensure_institutions(&after)?;
    let joining: Vec<B256> = joining.iter().map(|candidate| candidate.node).collect();
    ensure_quorum(context, &after, &joining)?;
    Ok(after)
}

fn count(validators: &[Validator]) -> u64 {
    u64::try_from(validators.len()).unwrap_or(u64::MAX)
}

/// Fewest validators of the list after this one.
pub(crate) fn count_min(before: &[Validator]) -> u64 {
    count(before).min(VALIDATORS_MIN)
}

/// Most validators for epochs of so many blocks.
pub(crate) fn count_max(epoch_blocks: u64) -> u64 {
    VALIDATORS_MAX.min(epoch_blocks.checked_div(EPOCH_BLOCKS_PER_VALIDATOR).unwrap_or(u64::MAX))
}

/// Most nodes of one institution among so many validators.
pub(crate) fn institution_nodes_max(validators: u64) -> u64 {
    tolerated(validators).max(1)
}

/// Not too few, not too many, not too many for the blocks of an epoch.
fn ensure_size(epochs: &Epochs, count_min: u64, after: u64) -> Result<(), Failure> {
    ensure((count_min..=VALIDATORS_MAX).contains(&after), || IGovernance::ValidatorCountOutOfRange {
        count: after,
        countMin: count_min,
        countMax: VALIDATORS_MAX,
    })?;
    let needed = epoch_blocks_min(after);
    ensure(epochs.epoch_blocks >= needed, || IGovernance::EpochTooShort {
        count: after,
        epochBlocks: epochs.epoch_blocks,
        epochBlocksMin: needed,
    })
}

/// No institution alone can make the network faulty. Validators of genesis are each an institution of its own.
fn ensure_institutions(validators: &[Validator]) -> Result<(), Failure> {
    let nodes_max = institution_nodes_max(count(validators));
    let mut nodes: BTreeMap<Address, u64> = BTreeMap::new();
    for Validator { seat, .. } in validators.iter().filter(|validator| !validator.seat.is_zero()) {
        let nodes = nodes.entry(*seat).or_default();
        *nodes = nodes.saturating_add(1);
        ensure(*nodes <= nodes_max, || IGovernance::InstitutionTooLarge {
            seat: *seat,
            nodes: *nodes,
            nodesMax: nodes_max,
        })?;
    }
    Ok(())
}

/// Those that are known to be there make a quorum.
fn ensure_quorum(context: &mut Context<'_>, validators: &[Validator], joining: &[B256]) -> Result<(), Failure> {
    let Presence { count, quorum, present, unready, silent } = presence(context, validators, joining)?;
    ensure(present >= quorum, || IGovernance::ValidatorsAbsent { count, quorum, present, unready, silent })
}

/// How many of a list are known to be there, and how many must sign.
pub(super) struct Presence {
    /// Validators of the list.
    pub(super) count: u64,
    /// Of them that many must sign.
    pub(super) quorum: u64,
    /// Known to be there.
    pub(super) present: u64,
    /// Join, and were not declared ready lately.
    pub(super) unready: u64,
    /// Are on the list, and have led no block for long.
    pub(super) silent: u64,
}

/// Counts who is there of a list in which these nodes are new.
pub(super) fn presence(
    context: &mut Context<'_>,
    validators: &[Validator],
    joining: &[B256],
) -> Result<Presence, Failure> {
    let epochs = epochs(context)?;
    let (count, epoch, height) = (count(validators), epoch_now(context, &epochs), context.env().height);
    let (mut unready, mut silent) = (0u64, 0u64);
    for Validator { node, .. } in validators {
        let duty = duty_of(context, *node)?;
        if joining.contains(node) {
            unready = unready.saturating_add(u64::from(!is_ready(duty, epoch)));
        } else {
            let there = !is_silent(duty.led_height, count, height) || waits_to_lead(duty, epoch);
            silent = silent.saturating_add(u64::from(!there));
        }
    }
    let present = count.saturating_sub(unready).saturating_sub(silent);
    Ok(Presence { count, quorum: quorum(count), present, unready, silent })
}

/// Whether a validator on the list is ready and has never led for it: ceremonies fail, so that it cannot.
fn waits_to_lead(duty: Duty, epoch: u64) -> bool {
    !duty.has_led && is_ready(duty, epoch)
}

/// Whether a node was declared ready for this epoch.
fn is_ready(duty: Duty, epoch: u64) -> bool {
    duty.ready_until > 0 && duty.ready_until >= epoch
}

/// Whether a validator among so many, which last led or could first lead at a height, should have led since.
pub(crate) fn is_silent(led_height: u64, validators: u64, height: u64) -> bool {
    led_height.saturating_add(validators.saturating_mul(SILENT_ROTATIONS)) < height
}
