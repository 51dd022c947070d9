//! Operations of the policy registry: checks, then effects, then the event.

use alloy_primitives::{Address, U256};
use florin_types::StateFault;

use super::{
    IPolicy,
    layout::{Policy, layout},
};
use crate::{
    POLICY_ADDRESS, can_hold,
    context::{Context, Failure, ensure, revert},
};

/// The policy that admits everyone.
pub const OPEN: u64 = 0;
/// The policy that admits no one.
pub const CLOSED: u64 = 1;
/// Number of the first policy that is created.
pub const FIRST_CREATED: u64 = 2;
/// Most accounts in one call.
pub const BATCH_MAX: usize = 256;
/// Most lists that one question about one account may ask.
pub const LISTS_MAX: usize = 16;
/// Most combinations on a way from a policy down to a list.
pub const DEPTH_MAX: u8 = 4;

/// What a created policy is. The numbers are part of the ABI and of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Admits its members only.
    Allow = 1,
    /// Admits everyone but its members.
    Deny = 2,
    /// Admits whom all of its operands admit.
    AllOf = 3,
    /// Admits whom any of its operands admits.
    AnyOf = 4,
}

impl Kind {
    fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Allow),
            2 => Some(Self::Deny),
            3 => Some(Self::AllOf),
            4 => Some(Self::AnyOf),
            _ => None,
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Allow => 1,
            Self::Deny => 2,
            Self::AllOf => 3,
            Self::AnyOf => 4,
        }
    }

    fn is_list(self) -> bool {
        matches!(self, Self::Allow | Self::Deny)
    }

    /// The kind of a list, or a revert.
    pub(super) fn list(number: u8) -> Result<Self, Failure> {
        Self::from_number(number)
            .filter(|kind| kind.is_list())
            .ok_or_else(|| revert(IPolicy::PolicyKindInvalid { kind: number }))
    }

    /// The kind of a combination, or a revert.
    pub(super) fn combination(number: u8) -> Result<Self, Failure> {
        Self::from_number(number)
            .filter(|kind| !kind.is_list())
            .ok_or_else(|| revert(IPolicy::PolicyKindInvalid { kind: number }))
    }
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// Whether the policy exists; the two built-in ones do.
pub fn exists(context: &mut Context<'_>, policy: u64) -> Result<bool, Failure> {
    Ok(policy < count(context)?)
}

/// Reverts unless the policy exists.
pub fn ensure_exists(context: &mut Context<'_>, policy: u64) -> Result<(), Failure> {
    let exists = exists(context, policy)?;
    ensure(exists, || IPolicy::PolicyUnknown { policyId: policy })
}

/// Number of policies, the built-in ones included.
pub(super) fn count(context: &mut Context<'_>) -> Result<u64, Failure> {
    Ok(layout().created.read(context)?.saturating_add(FIRST_CREATED))
}

/// A policy and its kind; absent kind for the built-in ones.
pub fn get(context: &mut Context<'_>, policy: u64) -> Result<(Option<Kind>, Policy), Failure> {
    if policy < FIRST_CREATED {
        return Ok((None, Policy::default()));
    }
    let record = layout().policies.at(context, &policy)?.read(context)?;
    match Kind::from_number(record.kind) {
        Some(kind) => Ok((Some(kind), record)),
        None => Err(revert(IPolicy::PolicyUnknown { policyId: policy })),
    }
}

/// Whether the policy admits the account.
pub fn is_allowed(context: &mut Context<'_>, policy: u64, account: Address) -> Result<bool, Failure> {
    admits(context, policy, account, DEPTH_MAX)
}

/// The first of the accounts that the policy does not admit.
pub fn first_forbidden(
    context: &mut Context<'_>,
    policy: u64,
    accounts: impl IntoIterator<Item = Address>,
) -> Result<Option<Address>, Failure> {
    if policy == OPEN {
        return Ok(None);
    }
    for account in accounts {
        if !is_allowed(context, policy, account)? {
            return Ok(Some(account));
        }
    }
    Ok(None)
}

/// Recursion is bounded twice: by what [`create_combination`] accepts and, should storage lie, by `depth_left`.
fn admits(context: &mut Context<'_>, policy: u64, account: Address, depth_left: u8) -> Result<bool, Failure> {
    let kind = match (policy, get(context, policy)?.0) {
        (OPEN, _) => return Ok(true),
        (_, None) => return Ok(false),
        (_, Some(kind)) => kind,
    };
    if kind.is_list() {
        let listed = layout().members.at(context, &policy)?.at(context, &account)?.read(context)?;
        return Ok(listed == (kind == Kind::Allow));
    }
    let Some(depth_left) = depth_left.checked_sub(1) else {
        return Err(StateFault(format!("policy {policy} is nested deeper than {DEPTH_MAX}")).into());
    };
    // All of: one "no" decides. Any of: one "yes" decides.
    let decisive = kind == Kind::AnyOf;
    for operand in operands(context, policy)? {
        if admits(context, operand, account, depth_left)? == decisive {
            return Ok(decisive);
        }
    }
    Ok(!decisive)
}

/// Whether the account is on the list.
pub fn is_member(context: &mut Context<'_>, policy: u64, account: Address) -> Result<bool, Failure> {
    require_list(context, policy)?;
    layout().members.at(context, &policy)?.at(context, &account)?.read(context)
}

/// What a combination combines; empty for any other policy.
pub fn operands_of(context: &mut Context<'_>, policy: u64) -> Result<Vec<u64>, Failure> {
    ensure_exists(context, policy)?;
    operands(context, policy)
}

fn operands(context: &mut Context<'_>, policy: u64) -> Result<Vec<u64>, Failure> {
    let operands = layout().operands.at(context, &policy)?.all(context)?;
    operands
        .into_iter()
        .map(|operand| {
            u64::try_from(operand).map_err(|_| StateFault(format!("policy {policy} has operand {operand}")).into())
        })
        .collect()
}

/// To whom a list was offered; zero if to nobody.
pub(super) fn pending_admin(context: &mut Context<'_>, policy: u64) -> Result<Address, Failure> {
    layout().pending_admins.at(context, &policy)?.read(context)
}

// ----- creation ------------------------------------------------------------------------------------------------------

/// Makes a list.
pub fn create_list(context: &mut Context<'_>, kind: u8, admin: Address, members: &[Address]) -> Result<u64, Failure> {
    let kind = Kind::list(kind)?;
    ensure(can_hold(admin), || IPolicy::PolicyAdminInvalid { admin })?;
    check_batch(members)?;
    found(context, kind, admin, members)
}

/// Makes a list of any length: genesis does.
pub(crate) fn found(
    context: &mut Context<'_>,
    kind: Kind,
    admin: Address,
    members: &[Address],
) -> Result<u64, Failure> {
    ensure(can_hold(admin), || IPolicy::PolicyAdminInvalid { admin })?;
    let record = Policy { kind: kind.number(), depth: 0, lists: 1, admin, member_count: 0 };
    let policy = create(context, record)?;
    let creator = context.caller();
    context.emit(POLICY_ADDRESS, &IPolicy::ListCreated { policyId: policy, kind: kind.number(), admin, creator })?;
    set_members(context, policy, record, members, true)?;
    Ok(policy)
}

/// Makes a combination of existing policies.
pub fn create_combination(context: &mut Context<'_>, kind: u8, operands: &[u64]) -> Result<u64, Failure> {
    let kind = Kind::combination(kind)?;
    ensure(operands.len() >= 2, || IPolicy::CombinationTooSmall { length: U256::from(operands.len()) })?;
    let (depth, lists) = measure(context, operands)?;
    let policy = create(context, Policy { kind: kind.number(), depth, lists, admin: Address::ZERO, member_count: 0 })?;
    let array = layout().operands.at(context, &policy)?;
    operands.iter().try_for_each(|operand| array.push(context, U256::from(*operand)))?;
    let creator = context.caller();
    context
        .emit(
            POLICY_ADDRESS,
            &IPolicy::CombinationCreated {
                policyId: policy,
                kind: kind.number(),
                operands: operands.to_vec(),
                creator,
            },
        )
        .map(|()| policy)
}

/// Depth of a combination of `operands` and the lists that it may ask, both within bounds. A built-in policy counts as
/// a list, so that the number of operands is bounded too; it is tested first, before anything is read.
fn measure(context: &mut Context<'_>, operands: &[u64]) -> Result<(u8, u8), Failure> {
    let too_wide =
        |lists: usize| IPolicy::CombinationTooWide { lists: U256::from(lists), listsMax: U256::from(LISTS_MAX) };
    ensure(operands.len() <= LISTS_MAX, || too_wide(operands.len()))?;
    let (mut depth, mut lists) = (0u8, 0usize);
    for operand in operands {
        ensure_exists(context, *operand)?;
        let (_, record) = get(context, *operand)?;
        depth = depth.max(record.depth);
        lists = lists.saturating_add(usize::from(record.lists).max(1));
    }
    ensure(lists <= LISTS_MAX, || too_wide(lists))?;
    let depth = depth.saturating_add(1);
    ensure(depth <= DEPTH_MAX, || IPolicy::CombinationTooDeep {
        depth: U256::from(depth),
        depthMax: U256::from(DEPTH_MAX),
    })?;
    Ok((depth, u8::try_from(lists).unwrap_or(u8::MAX)))
}

fn create(context: &mut Context<'_>, record: Policy) -> Result<u64, Failure> {
    let created = layout().created.read(context)?;
    let policy = created.checked_add(FIRST_CREATED).ok_or_else(|| revert(IPolicy::PoliciesExhausted {}))?;
    layout().created.write(context, created.saturating_add(1))?;
    layout().policies.at(context, &policy)?.write(context, record)?;
    Ok(policy)
}

// ----- members -------------------------------------------------------------------------------------------------------

/// Puts accounts on a list.
pub fn add_members(context: &mut Context<'_>, policy: u64, accounts: &[Address]) -> Result<(), Failure> {
    change_members(context, policy, accounts, true)
}

/// Takes accounts off a list.
pub fn remove_members(context: &mut Context<'_>, policy: u64, accounts: &[Address]) -> Result<(), Failure> {
    change_members(context, policy, accounts, false)
}

fn change_members(context: &mut Context<'_>, policy: u64, accounts: &[Address], listed: bool) -> Result<(), Failure> {
    let record = require_admin(context, policy)?;
    check_batch(accounts)?;
    set_members(context, policy, record, accounts, listed)
}

fn check_batch(accounts: &[Address]) -> Result<(), Failure> {
    ensure(accounts.len() <= BATCH_MAX, || IPolicy::BatchTooLarge {
        length: U256::from(accounts.len()),
        lengthMax: U256::from(BATCH_MAX),
    })
}

/// Lists or strikes accounts and counts them; what is so already stays without an event.
fn set_members(
    context: &mut Context<'_>,
    policy: u64,
    mut record: Policy,
    accounts: &[Address],
    listed: bool,
) -> Result<(), Failure> {
    let before = record.member_count;
    let members = layout().members.at(context, &policy)?;
    for account in accounts {
        let place = members.at(context, account)?;
        if place.read(context)? == listed {
            continue;
        }
        place.write(context, listed)?;
        let (policy_id, account) = (policy, *account);
        if listed {
            record.member_count = record.member_count.saturating_add(1);
            context.emit(POLICY_ADDRESS, &IPolicy::MemberAdded { policyId: policy_id, account })?;
        } else {
            record.member_count = record.member_count.saturating_sub(1);
            context.emit(POLICY_ADDRESS, &IPolicy::MemberRemoved { policyId: policy_id, account })?;
        }
    }
    if record.member_count == before {
        return Ok(());
    }
    layout().policies.at(context, &policy)?.write(context, record)
}

// ----- government ----------------------------------------------------------------------------------------------------

/// The record of a list that the caller governs.
fn require_admin(context: &mut Context<'_>, policy: u64) -> Result<Policy, Failure> {
    let record = require_list(context, policy)?;
    let (admin, caller) = (record.admin, context.caller());
    ensure(admin == caller, || IPolicy::PolicyAdminRequired { policyId: policy, caller, admin })?;
    Ok(record)
}

fn require_list(context: &mut Context<'_>, policy: u64) -> Result<Policy, Failure> {
    let (kind, record) = get(context, policy)?;
    ensure(kind.is_some_and(Kind::is_list), || IPolicy::PolicyNotList { policyId: policy })?;
    Ok(record)
}

/// Offers a list to a new admin; zero withdraws the offer.
pub fn propose_admin(context: &mut Context<'_>, policy: u64, new_admin: Address) -> Result<(), Failure> {
    let admin = require_admin(context, policy)?.admin;
    ensure(new_admin.is_zero() || can_hold(new_admin), || IPolicy::PolicyAdminInvalid { admin: new_admin })?;
    layout().pending_admins.at(context, &policy)?.write(context, new_admin)?;
    context.emit(POLICY_ADDRESS, &IPolicy::AdminProposed { policyId: policy, admin, pendingAdmin: new_admin })
}

/// Takes an offered list over.
pub fn accept_admin(context: &mut Context<'_>, policy: u64) -> Result<(), Failure> {
    let record = require_list(context, policy)?;
    let (pending, caller) = (pending_admin(context, policy)?, context.caller());
    // The zero address never calls, so that an absent offer is nobody's.
    ensure(pending == caller && !caller.is_zero(), || IPolicy::PolicyAdminNotProposed {
        policyId: policy,
        caller,
        pendingAdmin: pending,
    })?;
    layout().policies.at(context, &policy)?.write(context, Policy { admin: caller, ..record })?;
    layout().pending_admins.at(context, &policy)?.write(context, Address::ZERO)?;
    let previous = record.admin;
    context.emit(POLICY_ADDRESS, &IPolicy::AdminChanged { policyId: policy, previousAdmin: previous, newAdmin: caller })
}
