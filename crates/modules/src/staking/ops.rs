//! Operations of bonds: checks, then effects, then the event.

use alloy_primitives::{Address, B256, U256};
use florin_types::GenesisStake;

use super::{
    IStaking,
    bond::{Bond, units},
    layout::{Settings, layout},
    settings,
};
use crate::{
    STAKING_ADDRESS,
    context::{Context, Failure, ensure, revert},
    governance::{committee, punishment},
    permission,
    token::{self, Keeper},
    token_address,
};

// ----- who bonds -----------------------------------------------------------------------------------------------------

/// The account that may bond for a node: the one that was named, or else the one that registered it.
pub(super) fn institution_for(context: &mut Context<'_>, node: B256) -> Result<Address, Failure> {
    let named = layout().institutions.at(context, &node)?.read(context)?;
    if !named.is_zero() {
        return Ok(named);
    }
    permission::owner_of(context, node)
}

/// Says which account bonds for a node.
pub fn name_institution(context: &mut Context<'_>, node: B256, account: Address) -> Result<(), Failure> {
    settings(context)?;
    let (caller, admin) = (context.caller(), permission::admin(context)?);
    ensure(caller == admin, || IStaking::StakeAdminRequired { caller, admin })?;
    ensure(permission::is_registered(context, node)?, || IStaking::NodeUnregistered { node })?;
    if !account.is_zero() {
        ensure_can_bond(context, account)?;
    }
    let institution = layout().bonds.at(context, &node)?.head.read(context)?.institution;
    ensure(institution.is_zero(), || IStaking::InstitutionBound { node, institution })?;
    name(context, node, account)
}

fn name(context: &mut Context<'_>, node: B256, account: Address) -> Result<(), Failure> {
    layout().institutions.at(context, &node)?.write(context, account)?;
    context.emit(STAKING_ADDRESS, &IStaking::InstitutionNamed { node, account })
}

/// It can hold units, and does not get back what it loses.
fn ensure_can_bond(context: &mut Context<'_>, account: Address) -> Result<(), Failure> {
    let slashed_to = layout().slashed_to.read(context)?;
    let can_bond = context.can_hold(account) && account != slashed_to;
    ensure(can_bond, || IStaking::InstitutionInvalid { account })
}

// ----- bonds ---------------------------------------------------------------------------------------------------------

/// Puts units of the caller on hold for a node.
pub fn bond(context: &mut Context<'_>, node: B256, amount: U256) -> Result<(), Failure> {
    let settings = settings(context)?;
    ensure(permission::is_registered(context, node)?, || IStaking::NodeUnregistered { node })?;
    let (caller, mut bond) = (context.caller(), Bond::read(context, &settings, node)?);
    let bound = bond.head.institution;
    let institution = if bound.is_zero() { institution_for(context, node)? } else { bound };
    ensure(caller == institution, || IStaking::InstitutionRequired { node, caller, institution })?;
    ensure_can_bond(context, caller)?;
    punishment::ensure_not_convicted(context, node)?;
    let spendable = token::spendable_units(context, settings.token, caller)?;
    let added = units(amount, spendable)?;
    bond.tell_slashed(context)?;
    let kept = bond.kept.checked_add(added).ok_or_else(|| revert(IStaking::BondAmountInvalid { amount }))?;
    let before = std::mem::replace(&mut bond.kept, kept);
    bond.ensure_large_enough(context, false)?;
    if bound.is_zero() {
        bond.begin(context, caller)?;
    }
    bond.funds.hold = if before == 0 {
        token::hold(context, settings.token, Keeper::Staking, caller, added)?
    } else {
        token::carry_over(context, settings.token, (Keeper::Staking, bond.funds.hold), (before, added))?
    };
    let bonded = U256::from(bond.bonded());
    bond.write(context)?;
    let told = IStaking::Bonded { node, institution: caller, amount: U256::from(added), bonded };
    context.emit(STAKING_ADDRESS, &told)
}

/// Takes units out of the next election. Answers the first epoch in which they may be withdrawn.
pub fn unbond(context: &mut Context<'_>, node: B256, amount: U256) -> Result<u64, Failure> {
    let settings = settings(context)?;
    let mut bond = Bond::read(context, &settings, node)?;
    bond.ensure_institution(context)?;
    let bonded = bond.bonded();
    let units = units(amount, bonded)?;
    ensure(units <= bonded, || IStaking::BondExceeded { node, bonded: U256::from(bonded), amount })?;
    let epoch = committee::epoch_of(context)?.1;
    let until_epoch = epoch.saturating_add(settings.unbonding_epochs.into());
    bond.part(units, until_epoch)?;
    bond.ensure_large_enough(context, true)?;
    bond.tell_slashed(context)?;
    let (institution, left) = (bond.head.institution, U256::from(bond.bonded()));
    bond.write(context)?;
    let (amount, bonded) = (U256::from(units), left);
    let told = IStaking::Unbonding { node, institution, amount, bonded, untilEpoch: until_epoch };
    context.emit(STAKING_ADDRESS, &told)?;
    Ok(until_epoch)
}

/// Frees what is unbonded long enough; of a node that may still have to sign the least bond stays. Answers how much. Where an
/// order took everything, the bond ends.
pub fn withdraw(context: &mut Context<'_>, node: B256) -> Result<U256, Failure> {
    let settings = settings(context)?;
    let mut bond = Bond::read(context, &settings, node)?;
    bond.ensure_institution(context)?;
    let units = if bond.kept == 0 { 0 } else { free(context, &bond)? };
    bond.tell_slashed(context)?;
    if units > 0 {
        token::release_hold(context, settings.token, (Keeper::Staking, bond.funds.hold), units)?;
        bond.take(units);
        bond.kept = bond.kept.saturating_sub(units);
    }
    let (institution, amount) = (bond.head.institution, U256::from(units));
    bond.write(context)?;
    context.emit(STAKING_ADDRESS, &IStaking::Withdrawn { node, institution, amount })?;
    Ok(amount)
}

/// Units that may be withdrawn now: at least one.
fn free(context: &mut Context<'_>, bond: &Bond) -> Result<u128, Failure> {
    let (node, epoch) = (bond.node, committee::epoch_of(context)?.1);
    let ripe = bond.parts.iter().filter(|part| part.until_epoch <= epoch);
    let ripe = ripe.fold(0u128, |sum, part| sum.saturating_add(part.units));
    ensure(ripe > 0, || {
        let next_epoch = bond.parts.first().map_or(0, |part| part.until_epoch);
        IStaking::NothingToWithdraw { node, epoch, nextEpoch: next_epoch }
    })?;
    if !committee::serves(context, node)? {
        return Ok(ripe);
    }
    let (bond_min, kept) = (layout().bond_min.read(context)?, bond.kept.saturating_sub(bond.funds.due));
    let units = ripe.min(kept.saturating_sub(bond_min));
    ensure(units > 0, || IStaking::NodeServes { node, kept: U256::from(kept), bondMin: U256::from(bond_min) })?;
    Ok(units)
}

// ----- convictions ---------------------------------------------------------------------------------------------------

/// What governance's `punish` does: convicts a validator, and where bonds elect takes a part of its bond. What cannot be
/// taken now, because this module is paused, is taken with the next operation on the bond; what cannot be paid now, because
/// the token refuses it, is due.
pub(crate) fn punish(context: &mut Context<'_>, evidence: &[u8]) -> Result<B256, Failure> {
    let node = punishment::convict(context, evidence)?;
    if committee::is_by_stake(context)? && !context.is_paused(STAKING_ADDRESS) {
        let settings = settings(context)?;
        let mut bond = Bond::read(context, &settings, node)?;
        bond.tell_slashed(context)?;
        bond.pay_if_admitted(context, &settings)?;
        bond.write(context)?;
    }
    Ok(node)
}

/// Pays what convictions took and the token did not let be paid. Answers how much.
pub fn collect(context: &mut Context<'_>, node: B256) -> Result<U256, Failure> {
    let settings = settings(context)?;
    let mut bond = Bond::read(context, &settings, node)?;
    let due = bond.funds.due;
    ensure(due > 0, || IStaking::NothingDue { node })?;
    bond.tell_slashed(context)?;
    bond.pay(context, &settings)?;
    bond.write(context)?;
    Ok(U256::from(due))
}

// ----- genesis -------------------------------------------------------------------------------------------------------

/// Sets bonds up at genesis. The error names the part of the section.
pub(crate) fn initialise(context: &mut Context<'_>, section: &GenesisStake) -> Result<(), (String, Failure)> {
    let at = |field: &str| {
        let field = field.to_owned();
        move |failure: Failure| (field, failure)
    };
    let token = token_address(section.token.saturating_add(1));
    token::ensure_token(context, token).map_err(at(".token"))?;
    let settings = Settings {
        token,
        validators_max: section.validators_max,
        slash_basis_points: section.slash_basis_points,
        unbonding_epochs: section.unbonding_epochs,
    };
    layout().settings.write(context, settings).map_err(at(""))?;
    layout().bond_min.write(context, section.bond_min_minor).map_err(at(".bond_min_minor"))?;
    let account = section.slashed_to;
    ensure(context.can_hold(account), || IStaking::InstitutionInvalid { account }).map_err(at(".slashed_to"))?;
    layout().slashed_to.write(context, account).map_err(at(".slashed_to"))?;
    for (node, account) in &section.institutions {
        let field = format!(".institutions.{node}");
        ensure_can_bond(context, *account).map_err(at(&field))?;
        name(context, *node, *account).map_err(at(&field))?;
    }
    Ok(())
}
