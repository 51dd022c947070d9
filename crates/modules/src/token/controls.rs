//! What the holders of roles may do to a token: cap, pause, freezing, policy.

use alloy_primitives::{Address, U256};

use super::{
    ADMIN_ROLE, FREEZER_ROLE, IToken, PAUSER_ROLE,
    layout::{CapChange, FROZEN_MAX, PolicyChange, Supply, layout},
    notice::{self, Rule},
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
    let terms = terms(context, token)?;
    let cap = layout(token).supply.read(context)?.cap;
    Ok(notice::caps(context, token, terms, cap)?.in_force)
}

/// Sets the cap, at once or under the token's notice.
pub fn set_supply_cap(context: &mut Context<'_>, token: Address, cap: U256) -> Result<(), Failure> {
    require_role(context, token, ADMIN_ROLE)?;
    let place = layout(token).supply;
    let supply = place.read(context)?;
    let units = checked_cap(supply.total, cap)?;
    let mut terms = terms(context, token)?;
    let previous = notice::caps(context, token, terms, supply.cap)?.in_force;
    let begins = notice::begins(context, token, Rule::Cap)?;
    let stored = if begins.is_some() { previous } else { units };
    place.write(context, Supply { cap: stored, ..supply })?;
    if notice::note(&mut terms, Rule::Cap, begins.is_some()) {
        layout(token).terms.write(context, terms)?;
    }
    let previous = U256::from(previous);
    let Some(from_ms) = begins else {
        return context.emit(token, &IToken::SupplyCapChanged { previousCap: previous, newCap: cap });
    };
    layout(token).cap_change.write(context, CapChange { cap: units, from_ms })?;
    notice::announce(context, token, Rule::Cap, (previous, cap), from_ms)
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

/// Sets the policy, at once or under the token's notice.
pub fn set_policy(context: &mut Context<'_>, token: Address, policy: u64) -> Result<(), Failure> {
    require_role(context, token, ADMIN_ROLE)?;
    policies::ensure_exists(context, policy)?;
    let mut terms = terms(context, token)?;
    let previous = terms.policy;
    let begins = notice::begins(context, token, Rule::Policy)?;
    notice::note(&mut terms, Rule::Policy, begins.is_some());
    if begins.is_none() {
        terms.policy = policy;
    }
    layout(token).terms.write(context, terms)?;
    let Some(from_ms) = begins else {
        return context.emit(token, &IToken::PolicyChanged { previousPolicyId: previous, newPolicyId: policy });
    };
    layout(token).policy_change.write(context, PolicyChange { policy, from_ms })?;
    notice::announce(context, token, Rule::Policy, (U256::from(previous), U256::from(policy)), from_ms)
}
