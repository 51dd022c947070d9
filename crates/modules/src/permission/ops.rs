//! Operations of the permission registry on capabilities: checks, then effects, then the event.

use alloy_primitives::{Address, U256};
use florin_types::Access;

use super::{
    IPermission,
    layout::{Account, Settings, SufficientRoles, layout},
};
use crate::{
    PERMISSION_ADDRESS,
    context::{Context, Failure, ensure, revert},
    governance,
};

/// Most accounts in one call.
pub const BATCH_MAX: usize = 256;
/// Role of an institution that transacts: bit 0.
pub const ROLE_PARTICIPANT: u64 = 1;
/// Role of a team that deploys contracts: bit 1.
pub const ROLE_DEVELOPER: u64 = 2;
/// Role of a node that votes: bit 0. Validators may connect with or without it.
pub const NODE_ROLE_VALIDATOR: u64 = 1;
/// Role of a node that follows: bit 1.
pub const NODE_ROLE_FOLLOWER: u64 = 2;
/// Node roles that may connect by default when nodes connect by role: all, so that the genesis file's followers do.
const NODE_ROLES_DEFAULT: u64 = NODE_ROLE_VALIDATOR | NODE_ROLE_FOLLOWER;

/// What a permission is about. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Sending transactions.
    Transact = 0,
    /// Deploying contracts and making tokens.
    Deploy = 1,
    /// Connecting a node.
    Connect = 2,
}

impl Capability {
    /// The capability with this number.
    pub(super) fn from_number(number: u8) -> Result<Self, Failure> {
        match number {
            0 => Ok(Self::Transact),
            1 => Ok(Self::Deploy),
            2 => Ok(Self::Connect),
            _ => Err(revert(IPermission::CapabilityUnknown { capability: number })),
        }
    }

    /// The same, where only accounts can be meant.
    pub(super) fn of_accounts(number: u8) -> Result<Self, Failure> {
        match Self::from_number(number)? {
            Self::Connect => Err(revert(IPermission::CapabilityUnknown { capability: number })),
            capability => Ok(capability),
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Transact => 0,
            Self::Deploy => 1,
            Self::Connect => 2,
        }
    }
}

/// Number of an access in ABI and storage.
pub(super) fn access_number(access: Access) -> u8 {
    match access {
        Access::Open => 0,
        Access::Listed => 1,
        Access::Role => 2,
    }
}

fn access_from_number(number: u8) -> Result<Access, Failure> {
    match number {
        0 => Ok(Access::Open),
        1 => Ok(Access::Listed),
        2 => Ok(Access::Role),
        _ => Err(revert(IPermission::AccessUnknown { access: number })),
    }
}

impl Settings {
    fn access(&mut self, capability: Capability) -> &mut u8 {
        match capability {
            Capability::Transact => &mut self.transact,
            Capability::Deploy => &mut self.deploy,
            Capability::Connect => &mut self.connect,
        }
    }
}

impl SufficientRoles {
    fn of(&mut self, capability: Capability) -> &mut u64 {
        match capability {
            Capability::Transact => &mut self.transact,
            Capability::Deploy => &mut self.deploy,
            Capability::Connect => &mut self.connect,
        }
    }
}

impl Account {
    fn listed(&mut self, capability: Capability) -> Option<&mut bool> {
        match capability {
            Capability::Transact => Some(&mut self.may_transact),
            Capability::Deploy => Some(&mut self.may_deploy),
            Capability::Connect => None,
        }
    }
}

/// What is known of an account.
pub(super) fn account(context: &mut Context<'_>, address: Address) -> Result<Account, Failure> {
    layout().accounts.at(context, &address)?.read(context)
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// Whether the account may send transactions. The admin always may, and so may those who vote on what the network does:
/// the admin could otherwise strike them off and decide alone.
pub fn may_transact(context: &mut Context<'_>, address: Address) -> Result<bool, Failure> {
    let settings = layout().settings.read(context)?;
    if settings.admin == address || may(context, Capability::Transact, address)? {
        return Ok(true);
    }
    governance::is_member(context, address)
}

/// Whether the account may deploy contracts and make tokens.
pub fn may_deploy(context: &mut Context<'_>, address: Address) -> Result<bool, Failure> {
    may(context, Capability::Deploy, address)
}

fn may(context: &mut Context<'_>, capability: Capability, address: Address) -> Result<bool, Failure> {
    let (access, roles) = match access_of(context, capability)? {
        (Access::Open, _) => return Ok(true),
        other => other,
    };
    let mut account = account(context, address)?;
    let listed = account.listed(capability).is_some_and(|listed| *listed);
    Ok(if access == Access::Role { account.roles & roles != 0 } else { listed })
}

/// How a capability is given, and the roles that suffice when it is given by role.
pub fn access_of(context: &mut Context<'_>, capability: Capability) -> Result<(Access, u64), Failure> {
    let access = *layout().settings.read(context)?.access(capability);
    let access = access_from_number(access)?;
    let roles = *layout().sufficient_roles.read(context)?.of(capability);
    Ok((access, roles))
}

/// Whether the account is listed for a capability of accounts.
pub fn is_listed(context: &mut Context<'_>, capability: Capability, address: Address) -> Result<bool, Failure> {
    Ok(account(context, address)?.listed(capability).is_some_and(|listed| *listed))
}

/// Roles of the account.
pub fn roles_of(context: &mut Context<'_>, address: Address) -> Result<u64, Failure> {
    Ok(account(context, address)?.roles)
}

/// Who governs permissions.
pub fn admin(context: &mut Context<'_>) -> Result<Address, Failure> {
    Ok(layout().settings.read(context)?.admin)
}

/// To whom the government was offered; zero if to nobody.
pub fn pending_admin(context: &mut Context<'_>) -> Result<Address, Failure> {
    layout().pending_admin.read(context)
}

// ----- government ----------------------------------------------------------------------------------------------------

pub(super) fn require_admin(context: &mut Context<'_>) -> Result<Address, Failure> {
    let (admin, caller) = (admin(context)?, context.caller());
    ensure(admin == caller, || IPermission::AdminRequired { caller, admin })?;
    Ok(admin)
}

/// Offers the government to a new admin; zero withdraws the offer.
pub fn propose_admin(context: &mut Context<'_>, new_admin: Address) -> Result<(), Failure> {
    let admin = require_admin(context)?;
    ensure(new_admin.is_zero() || context.can_hold(new_admin), || IPermission::AdminInvalid { admin: new_admin })?;
    layout().pending_admin.write(context, new_admin)?;
    context.emit(PERMISSION_ADDRESS, &IPermission::AdminProposed { admin, pendingAdmin: new_admin })
}

/// Takes the government over.
pub fn accept_admin(context: &mut Context<'_>) -> Result<(), Failure> {
    let (pending, caller) = (pending_admin(context)?, context.caller());
    // The zero address never calls, so that an absent offer is nobody's.
    ensure(pending == caller && !caller.is_zero(), || IPermission::AdminNotProposed { caller, pendingAdmin: pending })?;
    let mut settings = layout().settings.read(context)?;
    let previous = settings.admin;
    settings.admin = caller;
    layout().settings.write(context, settings)?;
    layout().pending_admin.write(context, Address::ZERO)?;
    context.emit(PERMISSION_ADDRESS, &IPermission::AdminChanged { previousAdmin: previous, newAdmin: caller })
}

/// Sets how a capability is given.
pub fn set_access(context: &mut Context<'_>, capability: u8, access: u8, roles: u64) -> Result<(), Failure> {
    require_admin(context)?;
    let kind = Capability::from_number(capability)?;
    access_from_number(access)?;
    let mut settings = layout().settings.read(context)?;
    *settings.access(kind) = access;
    layout().settings.write(context, settings)?;
    let mut sufficient = layout().sufficient_roles.read(context)?;
    *sufficient.of(kind) = roles;
    layout().sufficient_roles.write(context, sufficient)?;
    context.emit(PERMISSION_ADDRESS, &IPermission::AccessChanged { capability, access, roles })
}

/// Lists accounts for a capability, or strikes them off. What is so already stays without an event.
pub fn set_listed(
    context: &mut Context<'_>,
    capability: u8,
    accounts: &[Address],
    listed: bool,
) -> Result<(), Failure> {
    require_admin(context)?;
    let kind = Capability::of_accounts(capability)?;
    ensure(accounts.len() <= BATCH_MAX, || IPermission::BatchTooLarge {
        length: U256::from(accounts.len()),
        lengthMax: U256::from(BATCH_MAX),
    })?;
    accounts.iter().try_for_each(|account| list(context, kind, *account, listed))
}

fn list(context: &mut Context<'_>, capability: Capability, address: Address, listed: bool) -> Result<(), Failure> {
    let place = layout().accounts.at(context, &address)?;
    let mut account = place.read(context)?;
    match account.listed(capability) {
        Some(flag) if *flag != listed => *flag = listed,
        _ => return Ok(()),
    }
    place.write(context, account)?;
    let capability = capability.number();
    context.emit(PERMISSION_ADDRESS, &IPermission::ListingChanged { capability, account: address, listed })
}

/// Sets the roles of an account.
pub fn set_roles(context: &mut Context<'_>, address: Address, roles: u64) -> Result<(), Failure> {
    require_admin(context)?;
    let place = layout().accounts.at(context, &address)?;
    let mut account = place.read(context)?;
    let previous = account.roles;
    account.roles = roles;
    place.write(context, account)?;
    context.emit(
        PERMISSION_ADDRESS,
        &IPermission::RolesChanged { account: address, previousRoles: previous, newRoles: roles },
    )
}

/// Notes whether an account has a node of its own; `false` if that was so already.
pub(super) fn own_node(context: &mut Context<'_>, owner: Address, owns_node: bool) -> Result<bool, Failure> {
    let place = layout().accounts.at(context, &owner)?;
    let account = place.read(context)?;
    if account.owns_node == owns_node {
        return Ok(false);
    }
    place.write(context, Account { owns_node, ..account })?;
    Ok(true)
}

/// Sets the registry up at genesis: who governs and how capabilities are given.
pub(crate) fn initialise(
    context: &mut Context<'_>,
    admin: Address,
    transact: Access,
    deploy: Access,
    connect: Access,
) -> Result<(), Failure> {
    layout().settings.write(
        context,
        Settings {
            admin,
            transact: access_number(transact),
            deploy: access_number(deploy),
            connect: access_number(connect),
        },
    )?;
    layout().sufficient_roles.write(
        context,
        SufficientRoles { transact: ROLE_PARTICIPANT, deploy: ROLE_DEVELOPER, connect: NODE_ROLES_DEFAULT },
    )
}

/// Lists an account at genesis and, where the capability is given by role, gives it the role.
pub(crate) fn enrol(
    context: &mut Context<'_>,
    address: Address,
    capability: Capability,
    by_role: bool,
) -> Result<(), Failure> {
    list(context, capability, address, true)?;
    if !by_role {
        return Ok(());
    }
    let sufficient = *layout().sufficient_roles.read(context)?.of(capability);
    let place = layout().accounts.at(context, &address)?;
    let account = place.read(context)?;
    place.write(context, Account { roles: account.roles | sufficient, ..account })
}
