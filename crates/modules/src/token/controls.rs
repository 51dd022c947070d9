//! What the holders of roles may do to a token: cap, pause, freezing, policy.

use alloy_primitives::{Address, U256};

use super::{
    ADMIN_ROLE, FREEZER_ROLE, IToken, PAUSER_ROLE,
    layout::{FROZEN_MAX, Supply, layout},
    ops::{Holder, terms},
    roles::require_role,
};
use crate::{
    context::{Context, Failure, ensure, revert},
    policy as policies,
};

// ----- supply cap ----------------------------------------------------------------------------------------------------

/// Most units that may exist at once.
pub fn supply_cap(context: &mut Context<'_>, token: Address) -> Result<u128, Failure> {
    Ok(layout(token).supply.read(context)?.cap)
}

/// Sets the cap.
pub fn set_supply_cap(context: &mut Context<'_>, token: Address, cap: U256) -> Result<(), Failure> {
    require_role(context, token, ADMIN_ROLE)?;
    let place = layout(token).supply;
    let supply = place.read(context)?;
    let units = checked_cap(supply.total, cap)?;
    place.write(context, Supply { cap: units, ..supply })?;
    context.emit(token, &IToken::SupplyCapChanged { previousCap: U256::from(supply.cap), newCap: cap })
}

/// A cap as units: not below the supply, not beyond what an amount can be.
pub(super) fn checked_cap(supply: u128, cap: U256) -> Result<u128, Failure> {
    u128::try_from(cap)
        .ok()
        .filter(|units| *units >= supply)
        .ok_or_else(|| revert(IToken::SupplyCapInvalid { supply: U256::from(supply), cap }))
}

// ----- pause ---------------------------------------------------------------------------------------------------------

/// Whether movements are stopped.
pub fn paused(context: &mut Context<'_>, token: Address) -> Result<bool, Failure> {
    Ok(terms(context, token)?.paused)
}

/// Stops every movement.
pub fn pause(context: &mut Context<'_>, token: Address) -> Result<(), Failure> {
    require_role(context, token, PAUSER_ROLE)?;
    let mut terms = terms(context, token)?;
    ensure(!terms.paused, || IToken::EnforcedPause {})?;
    terms.paused = true;
    layout(token).terms.write(context, terms)?;
    let account = context.caller();
    context.emit(token, &IToken::Paused { account })
}

/// Lets movements go on.
pub fn unpause(context: &mut Context<'_>, token: Address) -> Result<(), Failure> {
    require_role(context, token, PAUSER_ROLE)?;
    let mut terms = terms(context, token)?;
    ensure(terms.paused, || IToken::ExpectedPause {})?;
    terms.paused = false;
    layout(token).terms.write(context, terms)?;
    let account = context.caller();
    context.emit(token, &IToken::Unpaused { account })
}

// ----- freezing ------------------------------------------------------------------------------------------------------

/// Whether the address as a whole is frozen, by a freezer's call or by an order.
pub fn is_frozen(context: &mut Context<'_>, token: Address, account: Address) -> Result<bool, Failure> {
    Ok(Holder::read(context, token, account)?.blocked())
}

/// Units of the account that it may not move, orders included; never more than its balance.
pub fn frozen_units(context: &mut Context<'_>, token: Address, account: Address) -> Result<u128, Failure> {
    Ok(Holder::read(context, token, account)?.frozen())
}

/// Freezes or thaws an address as a whole. What is so already stays without an event.
pub fn set_frozen(context: &mut Context<'_>, token: Address, account: Address, frozen: bool) -> Result<(), Failure> {
    require_role(context, token, FREEZER_ROLE)?;
    let mut holder = Holder::read(context, token, account)?;
    if holder.holding.address_frozen == frozen {
        return Ok(());
    }
    holder.holding.address_frozen = frozen;
    holder.write(context)?;
    let owner = context.caller();
    context.emit(token, &IToken::AddressFrozen { userAddress: account, isFrozen: frozen, owner })
}

/// Freezes units that the account holds and that are not frozen yet.
pub fn freeze_units(context: &mut Context<'_>, token: Address, account: Address, amount: U256) -> Result<(), Failure> {
    require_role(context, token, FREEZER_ROLE)?;
    let mut holder = Holder::read(context, token, account)?;
    let holding = &mut holder.holding;
    let available = holding.balance.min(FROZEN_MAX).saturating_sub(holding.frozen);
    let units = u128::try_from(amount)
        .ok()
        .filter(|units| *units <= available)
        .ok_or_else(|| revert(IToken::FreezeExceedsBalance { account, available: U256::from(available), amount }))?;
    holding.frozen = holding.frozen.saturating_add(units);
    holder.write(context)?;
    context.emit(token, &IToken::TokensFrozen { userAddress: account, amount })
}

/// Thaws units.
pub fn unfreeze_units(
    context: &mut Context<'_>,
    token: Address,
    account: Address,
    amount: U256,
) -> Result<(), Failure> {
    require_role(context, token, FREEZER_ROLE)?;
    let mut holder = Holder::read(context, token, account)?;
    let holding = &mut holder.holding;
    let frozen = U256::from(holding.frozen);
    let rest = u128::try_from(amount).ok().and_then(|units| holding.frozen.checked_sub(units));
    holding.frozen = rest.ok_or_else(|| revert(IToken::UnfreezeExceedsFrozen { account, frozen, amount }))?;
    holder.write(context)?;
    context.emit(token, &IToken::TokensUnfrozen { userAddress: account, amount })
}

// ----- policy --------------------------------------------------------------------------------------------------------

/// Policy that every movement must satisfy.
pub fn policy(context: &mut Context<'_>, token: Address) -> Result<u64, Failure> {
    Ok(terms(context, token)?.policy)
}

/// Sets the policy.
pub fn set_policy(context: &mut Context<'_>, token: Address, policy: u64) -> Result<(), Failure> {
    require_role(context, token, ADMIN_ROLE)?;
    policies::ensure_exists(context, policy)?;
    let mut terms = terms(context, token)?;
    let previous = terms.policy;
    terms.policy = policy;
    layout(token).terms.write(context, terms)?;
    context.emit(token, &IToken::PolicyChanged { previousPolicyId: previous, newPolicyId: policy })
}
