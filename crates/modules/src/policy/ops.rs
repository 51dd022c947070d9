//! Lists and combinations: checks, then effects, then the event.

use alloy_primitives::{Address, U256};
use florin_types::StateFault;

use super::{
    IPolicy, Kind,
    layout::{Policy, layout},
};
use crate::{
    POLICY_ADDRESS,
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
/// Most rules that one movement may meet.
pub const RULES_MAX: u8 = 4;

impl Policy {
    /// Whether there is more than lists: then each decision leaves a receipt.
    pub(super) fn is_more_than_lists(self) -> bool {
        self.extent > 0
    }

    /// Rules in the policy.
    pub(super) fn rules(self) -> u8 {
        self.extent.saturating_sub(1)
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

pub(super) fn operands(context: &mut Context<'_>, policy: u64) -> Result<Vec<u64>, Failure> {
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
    let kind = Kind::parse(kind, Kind::is_list)?;
    ensure(context.can_hold(admin), || IPolicy::PolicyAdminInvalid { admin })?;
    check_batch(members.len())?;
    found(context, kind, admin, members)
}

/// Makes a list of any length: genesis does.
pub(crate) fn found(
    context: &mut Context<'_>,
    kind: Kind,
    admin: Address,
    members: &[Address],
) -> Result<u64, Failure> {
    ensure(context.can_hold(admin), || IPolicy::PolicyAdminInvalid { admin })?;
    let record = Policy { kind: kind.number(), lists: 1, admin, ..Policy::default() };
    let policy = create(context, record)?;
    let creator = context.caller();
    context.emit(POLICY_ADDRESS, &IPolicy::ListCreated { policyId: policy, kind: kind.number(), admin, creator })?;
    set_members(context, policy, record, members, true)?;
    Ok(policy)
}

/// Makes a combination of existing policies.
pub fn create_combination(context: &mut Context<'_>, kind: u8, operands: &[u64]) -> Result<u64, Failure> {
    let kind = Kind::parse(kind, Kind::is_combination)?;
    ensure(operands.len() >= 2, || IPolicy::CombinationTooSmall { length: U256::from(operands.len()) })?;
    let record = measure(context, kind, operands)?;
    let policy = create(context, record)?;
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

/// The record of a combination of `operands`: its depth, the lists that it may ask and its rules, all within bounds. A
/// built-in policy counts as a list, so that the number of operands is bounded too; it is tested first, before anything
/// is read.
fn measure(context: &mut Context<'_>, kind: Kind, operands: &[u64]) -> Result<Policy, Failure> {
    let too_wide =
        |lists: usize| IPolicy::CombinationTooWide { lists: U256::from(lists), listsMax: U256::from(LISTS_MAX) };
    ensure(operands.len() <= LISTS_MAX, || too_wide(operands.len()))?;
    let (mut depth, mut lists, mut rules, mut more) = (0u8, 0usize, 0u8, false);
    for operand in operands {
        ensure_exists(context, *operand)?;
        let (_, record) = get(context, *operand)?;
        ensure(kind == Kind::AllOf || record.rules() == 0, || IPolicy::CombinationOfRules { policyId: *operand })?;
        depth = depth.max(record.depth);
        lists = lists.saturating_add(usize::from(record.lists).max(1));
        rules = rules.saturating_add(record.rules());
        more |= record.is_more_than_lists();
    }
    ensure(lists <= LISTS_MAX, || too_wide(lists))?;
    let depth = deeper(depth)?;
    ensure(rules <= RULES_MAX, || IPolicy::TooManyRules { rules: U256::from(rules), rulesMax: U256::from(RULES_MAX) })?;
    let extent = if more { rules.saturating_add(1) } else { 0 };
    let lists = u8::try_from(lists).unwrap_or(u8::MAX);
    Ok(Policy { kind: kind.number(), depth, lists, extent, ..Policy::default() })
}

/// Depth of what stands above a policy of this depth.
pub(super) fn deeper(depth: u8) -> Result<u8, Failure> {
    let depth = depth.saturating_add(1);
    ensure(depth <= DEPTH_MAX, || IPolicy::CombinationTooDeep {
        depth: U256::from(depth),
        depthMax: U256::from(DEPTH_MAX),
    })?;
    Ok(depth)
}

/// Gives a new policy its number.
pub(super) fn create(context: &mut Context<'_>, record: Policy) -> Result<u64, Failure> {
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
    let record = require_list(context, policy)?;
    require_admin(context, policy, record)?;
    check_batch(accounts.len())?;
    // Written only if a membership changes.
    let record = Policy { version: record.version.saturating_add(1), ..record };
    set_members(context, policy, record, accounts, listed)
}

pub(super) fn check_batch(length: usize) -> Result<(), Failure> {
    ensure(length <= BATCH_MAX, || IPolicy::BatchTooLarge {
        length: U256::from(length),
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

/// Reverts unless the caller governs the policy.
pub(super) fn require_admin(context: &mut Context<'_>, policy: u64, record: Policy) -> Result<(), Failure> {
    let (admin, caller) = (record.admin, context.caller());
    ensure(admin == caller, || IPolicy::PolicyAdminRequired { policyId: policy, caller, admin })
}

/// A list or rule.
fn require_governed(context: &mut Context<'_>, policy: u64) -> Result<Policy, Failure> {
    let (kind, record) = get(context, policy)?;
    ensure(kind.is_some_and(Kind::is_governed), || IPolicy::PolicyNotList { policyId: policy })?;
    Ok(record)
}

fn require_list(context: &mut Context<'_>, policy: u64) -> Result<Policy, Failure> {
    let (kind, record) = get(context, policy)?;
    ensure(kind.is_some_and(Kind::is_list), || IPolicy::PolicyNotList { policyId: policy })?;
    Ok(record)
}

/// Offers a list or rule to a new admin; zero withdraws the offer.
pub fn propose_admin(context: &mut Context<'_>, policy: u64, new_admin: Address) -> Result<(), Failure> {
    let record = require_governed(context, policy)?;
    require_admin(context, policy, record)?;
    let admin = record.admin;
    ensure(new_admin.is_zero() || context.can_hold(new_admin), || IPolicy::PolicyAdminInvalid { admin: new_admin })?;
    layout().pending_admins.at(context, &policy)?.write(context, new_admin)?;
    context.emit(POLICY_ADDRESS, &IPolicy::AdminProposed { policyId: policy, admin, pendingAdmin: new_admin })
}

/// Takes an offered list or rule over.
pub fn accept_admin(context: &mut Context<'_>, policy: u64) -> Result<(), Failure> {
    let record = require_governed(context, policy)?;
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
