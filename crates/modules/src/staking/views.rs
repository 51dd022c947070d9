//! Questions about bonds.

use alloy_primitives::{Address, B256, U256};

use super::{
    IStaking,
    bond::Bond,
    layout::{Part, layout},
    ops::institution_for,
    settings,
};
use crate::context::{Context, Failure, revert};

/// What an election and a bond need.
pub fn terms(context: &mut Context<'_>) -> Result<IStaking::StakeTerms, Failure> {
    let settings = settings(context)?;
    Ok(IStaking::StakeTerms {
        token: settings.token,
        validatorsMax: settings.validators_max.into(),
        bondMin: U256::from(layout().bond_min.read(context)?),
        unbondingEpochs: settings.unbonding_epochs.into(),
        slashBasisPoints: settings.slash_basis_points.into(),
        slashedTo: layout().slashed_to.read(context)?,
    })
}

/// The account that bonds for a node, or has bonded; zero if nobody may.
pub fn institution_of(context: &mut Context<'_>, node: B256) -> Result<Address, Failure> {
    settings(context)?;
    let bound = layout().bonds.at(context, &node)?.head.read(context)?.institution;
    if bound.is_zero() { institution_for(context, node) } else { Ok(bound) }
}

/// Where the bond for a node stands now.
pub fn bond_of(context: &mut Context<'_>, node: B256) -> Result<IStaking::Bond, Failure> {
    let settings = settings(context)?;
    let bond = Bond::read(context, &settings, node)?;
    Ok(IStaking::Bond {
        institution: bond.head.institution,
        bonded: U256::from(bond.bonded()),
        unbonding: U256::from(bond.unbonding()),
        due: U256::from(bond.funds.due),
        holdId: bond.funds.hold,
    })
}

/// What is unbonding for a node, the oldest part first.
pub fn unbonding_of(context: &mut Context<'_>, node: B256) -> Result<Vec<Part>, Failure> {
    let settings = settings(context)?;
    Ok(Bond::read(context, &settings, node)?.parts)
}

/// Number of nodes for which units are on hold.
pub fn bond_count(context: &mut Context<'_>) -> Result<u64, Failure> {
    settings(context)?;
    layout().nodes.len(context)
}

/// Node number `index` for which units are on hold.
pub fn bond_at(context: &mut Context<'_>, index: u64) -> Result<B256, Failure> {
    let count = bond_count(context)?;
    let node = layout().nodes.get(context, index)?;
    node.ok_or_else(|| revert(IStaking::BondUnknown { index, count }))
}
