//! Roles over a token, with the names and errors of OpenZeppelin's AccessControl.

use alloy_primitives::{Address, B256, b256};

use super::{IToken, layout::layout, ops::terms};
use crate::context::{Context, Failure, ensure};

/// Grants and revokes roles, sets cap and policy.
pub const ADMIN_ROLE: B256 = B256::ZERO;
/// Mints and burns: `keccak256("ISSUER_ROLE")`.
pub const ISSUER_ROLE: B256 = b256!("114e74f6ea3bd819998f78687bfcb11b140da08e9b7d222fa9c1f1ba1f2aa122");
/// Pauses and resumes: `keccak256("PAUSER_ROLE")`.
pub const PAUSER_ROLE: B256 = b256!("65d7a28e3265b37a6474929f336521b332c1681b933f6cb9f3376673440d862a");
/// Freezes and thaws: `keccak256("FREEZER_ROLE")`.
pub const FREEZER_ROLE: B256 = b256!("92de27771f92d6942691d73358b3a4673e4880de8356f8f2cf452be87e02d363");
/// Executes orders: `keccak256("SEIZER_ROLE")`.
pub const SEIZER_ROLE: B256 = b256!("e770a2b882b0a3a025be15ffce2d5d54f5d719264e701933268dd62f79db677f");

/// States the reserve of a token that is backed by attestation: `keccak256("ATTESTOR_ROLE")`.
pub const ATTESTOR_ROLE: B256 = b256!("a7e0cd0f2772b23ee4c329892293a6bd99d48c306b094d6d008c9a8bb8b731e4");

const ROLES: [B256; 6] = [ADMIN_ROLE, ISSUER_ROLE, PAUSER_ROLE, FREEZER_ROLE, SEIZER_ROLE, ATTESTOR_ROLE];

/// Whether the account holds the role.
pub fn has_role(context: &mut Context<'_>, token: Address, role: B256, account: Address) -> Result<bool, Failure> {
    layout(token).roles.at(context, &role)?.at(context, &account)?.read(context)
}

/// How many accounts hold the admin role.
pub fn admin_count(context: &mut Context<'_>, token: Address) -> Result<u64, Failure> {
    Ok(terms(context, token)?.admins)
}

/// Reverts unless the caller holds the role.
pub(super) fn require_role(context: &mut Context<'_>, token: Address, role: B256) -> Result<(), Failure> {
    let account = context.caller();
    let held = has_role(context, token, role, account)?;
    ensure(held, || IToken::AccessControlUnauthorizedAccount { account, neededRole: role })
}

/// Gives a role. What is so already stays without an event.
pub fn grant_role(context: &mut Context<'_>, token: Address, role: B256, account: Address) -> Result<(), Failure> {
    require_role(context, token, ADMIN_ROLE)?;
    give(context, token, role, account)
}

/// Gives a role without asking who calls: the factory and genesis do.
pub(crate) fn give(context: &mut Context<'_>, token: Address, role: B256, account: Address) -> Result<(), Failure> {
    check_role(role)?;
    ensure(context.can_hold(account), || IToken::RoleHolderInvalid { account })?;
    let place = layout(token).roles.at(context, &role)?.at(context, &account)?;
    if place.read(context)? {
        return Ok(());
    }
    ensure_separate(context, token, role, account)?;
    place.write(context, true)?;
    if role == ADMIN_ROLE {
        let mut terms = terms(context, token)?;
        terms.admins = terms.admins.saturating_add(1);
        layout(token).terms.write(context, terms)?;
    }
    let sender = context.caller();
    context.emit(token, &IToken::RoleGranted { role, account, sender })
}

/// Takes a role away.
pub fn revoke_role(context: &mut Context<'_>, token: Address, role: B256, account: Address) -> Result<(), Failure> {
    require_role(context, token, ADMIN_ROLE)?;
    take(context, token, role, account)
}

/// Gives up a role of one's own.
pub fn renounce_role(
    context: &mut Context<'_>,
    token: Address,
    role: B256,
    confirmation: Address,
) -> Result<(), Failure> {
    let account = context.caller();
    ensure(confirmation == account, || IToken::AccessControlBadConfirmation {})?;
    take(context, token, role, account)
}

/// Takes a role; the last admin stays, because a token without one could never be governed again.
fn take(context: &mut Context<'_>, token: Address, role: B256, account: Address) -> Result<(), Failure> {
    check_role(role)?;
    let place = layout(token).roles.at(context, &role)?.at(context, &account)?;
    if !place.read(context)? {
        return Ok(());
    }
    if role == ADMIN_ROLE {
        let mut terms = terms(context, token)?;
        ensure(terms.admins > 1, || IToken::LastAdmin { account })?;
        terms.admins = terms.admins.saturating_sub(1);
        layout(token).terms.write(context, terms)?;
    }
    place.write(context, false)?;
    let sender = context.caller();
    context.emit(token, &IToken::RoleRevoked { role, account, sender })
}

// ----- separation of freezer and seizer ------------------------------------------------------------------------------

/// Whether nobody may be freezer and seizer at once. True unless an admin said otherwise.
pub fn role_separation(context: &mut Context<'_>, token: Address) -> Result<bool, Failure> {
    Ok(!layout(token).roles_may_meet.read(context)?)
}

/// Says whether one account may be both. What is so already stays without an event.
pub fn set_role_separation(context: &mut Context<'_>, token: Address, required: bool) -> Result<(), Failure> {
    require_role(context, token, ADMIN_ROLE)?;
    if role_separation(context, token)? == required {
        return Ok(());
    }
    layout(token).roles_may_meet.write(context, !required)?;
    let admin = context.caller();
    context.emit(token, &IToken::RoleSeparationSet { required, admin })
}

/// Reverts unless the caller holds the role and, where the two must be separate, not its counterpart. Asked at each use,
/// because separation may be required again after somebody got both.
pub(super) fn require_separate_role(context: &mut Context<'_>, token: Address, role: B256) -> Result<(), Failure> {
    require_role(context, token, role)?;
    let account = context.caller();
    ensure_separate(context, token, role, account)
}

fn ensure_separate(context: &mut Context<'_>, token: Address, role: B256, account: Address) -> Result<(), Failure> {
    let other = match role {
        FREEZER_ROLE => SEIZER_ROLE,
        SEIZER_ROLE => FREEZER_ROLE,
        _ => return Ok(()),
    };
    let separate = !has_role(context, token, other, account)? || !role_separation(context, token)?;
    ensure(separate, || IToken::RolesMustBeSeparate { account, role, held: other })
}

fn check_role(role: B256) -> Result<(), Failure> {
    ensure(ROLES.contains(&role), || IToken::RoleUnknown { role })
}
