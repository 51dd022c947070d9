//! The bond for a node during one operation: read once, written once.
//!
//! One hold of the token has all units of a bond. Of it so much is *due* (convictions took it), so much is *unbonding*, and
//! the rest is *bonded*. Whoever shortens the hold, as a court's order does, takes from what is bonded first, then from
//! what was unbonded last.

use alloy_primitives::{Address, B256, U256};

use super::{
    BONDS_MAX, IStaking, PARTS_MAX,
    layout::{BondPlace, Funds, Head, Part, Settings, layout},
};
use crate::{
    STAKING_ADDRESS,
    context::{Context, Failure, ensure, revert},
    governance::{self, punishment},
    token::{self, Keeper},
};

/// The bond for a node.
pub(super) struct Bond {
    pub(super) node: B256,
    pub(super) head: Head,
    pub(super) funds: Funds,
    /// Units on hold.
    pub(super) kept: u128,
    /// What is unbonding, the oldest first.
    pub(super) parts: Vec<Part>,
    /// Units that convictions took since it was written.
    slashed: u128,
    place: BondPlace,
}

impl Bond {
    /// Reads a bond, takes from it what convictions take, and fits it to what is still on hold. Nothing is written.
    pub(super) fn read(context: &mut Context<'_>, settings: &Settings, node: B256) -> Result<Self, Failure> {
        let place = layout().bonds.at(context, &node)?;
        let (head, funds) = (place.head.read(context)?, place.funds.read(context)?);
        let kept = if funds.hold == 0 { 0 } else { token::hold_of(context, settings.token, funds.hold)?.amount };
        let parts = (0..head.parts)
            .map(|index| place.parts.at(context, &index)?.read(context))
            .collect::<Result<Vec<Part>, Failure>>()?;
        let mut bond = Self { node, head, funds, kept, parts, slashed: 0, place };
        bond.fit();
        let convictions = punishment::record_of(context, node)?.count;
        // Mostly none or one: each needs a pardon by vote before the next.
        for _ in bond.head.convictions..convictions {
            bond.slash(settings.slash_basis_points);
        }
        bond.head.convictions = convictions;
        bond.fit();
        Ok(bond)
    }

    /// A conviction takes its part of all that is on hold and not due, rounded up.
    fn slash(&mut self, basis_points: u16) {
        let whole = self.kept.saturating_sub(self.funds.due);
        let units = share(whole, basis_points);
        self.funds.due = self.funds.due.saturating_add(units);
        self.slashed = self.slashed.saturating_add(units);
    }

    /// Fits what is due and unbonding to what is on hold: what was unbonded last gives way first.
    fn fit(&mut self) {
        self.funds.due = self.funds.due.min(self.kept);
        let mut room = self.kept.saturating_sub(self.funds.due);
        for part in &mut self.parts {
            part.units = part.units.min(room);
            room = room.saturating_sub(part.units);
        }
        self.parts.retain(|part| part.units > 0);
    }

    /// Units that are unbonding.
    pub(super) fn unbonding(&self) -> u128 {
        self.parts.iter().fold(0u128, |sum, part| sum.saturating_add(part.units))
    }

    /// Units that elect the node.
    pub(super) fn bonded(&self) -> u128 {
        self.kept.saturating_sub(self.funds.due).saturating_sub(self.unbonding())
    }

    /// The bond is the caller's.
    pub(super) fn ensure_institution(&self, context: &Context<'_>) -> Result<(), Failure> {
        let (node, caller, institution) = (self.node, context.caller(), self.head.institution);
        ensure(!institution.is_zero(), || IStaking::BondAbsent { node })?;
        ensure(caller == institution, || IStaking::InstitutionRequired { node, caller, institution })
    }

    /// What elects the node is nothing, or enough.
    pub(super) fn ensure_large_enough(&self, context: &mut Context<'_>, may_be_nothing: bool) -> Result<(), Failure> {
        let (node, bonded, bond_min) = (self.node, self.bonded(), layout().bond_min.read(context)?);
        ensure(bonded >= bond_min || (may_be_nothing && bonded == 0), || IStaking::BondTooSmall {
            node,
            bonded: U256::from(bonded),
            bondMin: U256::from(bond_min),
        })
    }

    /// Begins a bond: the node joins those that may be elected.
    pub(super) fn begin(&mut self, context: &mut Context<'_>, institution: Address) -> Result<(), Failure> {
        let nodes = layout().nodes;
        let count = nodes.len(context)?;
        ensure(count < BONDS_MAX, || IStaking::BondsFull { bondsMax: BONDS_MAX })?;
        nodes.push(context, self.node)?;
        let index = u16::try_from(count).unwrap_or(u16::MAX);
        self.head = Head { institution, index, ..self.head };
        Ok(())
    }

    /// Adds a part that is unbonding; those of one epoch are one part.
    pub(super) fn part(&mut self, units: u128, until_epoch: u64) -> Result<(), Failure> {
        if let Some(last) = self.parts.last_mut().filter(|last| last.until_epoch == until_epoch) {
            last.units = last.units.saturating_add(units);
            return Ok(());
        }
        let node = self.node;
        ensure(self.parts.len() < usize::from(PARTS_MAX), || IStaking::UnbondingFull {
            node,
            partsMax: PARTS_MAX.into(),
        })?;
        self.parts.push(Part { units, until_epoch });
        Ok(())
    }

    /// Takes units out of the oldest parts.
    pub(super) fn take(&mut self, mut units: u128) {
        for part in &mut self.parts {
            let taken = part.units.min(units);
            part.units = part.units.saturating_sub(taken);
            units = units.saturating_sub(taken);
        }
        self.parts.retain(|part| part.units > 0);
    }

    /// Pays what is due to whom it is due. Whether the token let it be paid: its pause, freezes and policy are asked first,
    /// and a refusal changes nothing. While any module is paused nothing is tried.
    pub(super) fn pay_if_admitted(&mut self, context: &mut Context<'_>, settings: &Settings) -> Result<bool, Failure> {
        if self.funds.due == 0 || context.is_anything_paused() {
            return Ok(false);
        }
        let to = layout().slashed_to.read(context)?;
        let hold = (Keeper::Staking, self.funds.hold);
        let paid = token::post_hold_if_admitted(context, settings.token, hold, to, self.funds.due)?;
        if paid {
            self.paid(context, to)?;
        }
        Ok(paid)
    }

    /// The same, with the token's own error where it refuses.
    pub(super) fn pay(&mut self, context: &mut Context<'_>, settings: &Settings) -> Result<(), Failure> {
        let to = layout().slashed_to.read(context)?;
        token::post_hold(context, settings.token, (Keeper::Staking, self.funds.hold), to, self.funds.due)?;
        self.paid(context, to)
    }

    fn paid(&mut self, context: &mut Context<'_>, to: Address) -> Result<(), Failure> {
        let units = std::mem::take(&mut self.funds.due);
        self.kept = self.kept.saturating_sub(units);
        context.emit(STAKING_ADDRESS, &IStaking::SlashPaid { node: self.node, to, amount: U256::from(units) })
    }

    /// Tells what convictions took since the bond was written.
    pub(super) fn tell_slashed(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        let amount = std::mem::take(&mut self.slashed);
        if amount == 0 {
            return Ok(());
        }
        let (institution, due) = (self.head.institution, self.funds.due);
        let slashed =
            IStaking::Slashed { node: self.node, institution, amount: U256::from(amount), due: U256::from(due) };
        context.emit(STAKING_ADDRESS, &slashed)
    }

    /// Writes the bond. One of which nothing is on hold any more ends.
    pub(super) fn write(mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        let written = self.place.head.read(context)?.parts;
        if self.kept == 0 && !self.head.institution.is_zero() {
            self.leave(context)?;
            self.head = Head { convictions: self.head.convictions, ..Head::default() };
            self.funds = Funds::default();
            self.parts.clear();
        }
        let parts = u8::try_from(self.parts.len()).unwrap_or(u8::MAX);
        self.place.head.write(context, Head { parts, ..self.head })?;
        self.place.funds.write(context, self.funds)?;
        for index in 0..parts.max(written) {
            let part = self.parts.get(usize::from(index)).copied().unwrap_or_default();
            self.place.parts.at(context, &index)?.write(context, part)?;
        }
        Ok(())
    }

    /// The last node of the list takes the place of the one that leaves.
    fn leave(&self, context: &mut Context<'_>) -> Result<(), Failure> {
        let (nodes, index) = (layout().nodes, self.head.index);
        let last = nodes.len(context)?.saturating_sub(1);
        if let Some(moved) = nodes.get(context, last)?.filter(|moved| *moved != self.node) {
            nodes.set(context, index.into(), moved)?;
            let place = layout().bonds.at(context, &moved)?;
            let head = place.head.read(context)?;
            place.head.write(context, Head { index, ..head })?;
        }
        nodes.pop(context)
    }
}

/// Part of units, rounded up, never more than they are.
pub(super) fn share(units: u128, basis_points: u16) -> u128 {
    governance::share(units, basis_points).min(units)
}

/// An amount of a call as units: above zero; the maximum means all of `whole`.
pub(super) fn units(amount: U256, whole: u128) -> Result<u128, Failure> {
    if amount == U256::MAX && whole > 0 {
        return Ok(whole);
    }
    let units = u128::try_from(amount).ok().filter(|units| *units > 0);
    units.ok_or_else(|| revert(IStaking::BondAmountInvalid { amount }))
}
