//! What is asked of an account: lists, conditions on its person, and combinations of them. A rule admits every account.

use alloy_primitives::{Address, U256};
use florin_types::StateFault;

use super::{
    DEPTH_MAX, Kind, OPEN,
    layout::{Policy, layout},
    ops::{get, operands},
};
use crate::{
    context::{Context, Failure},
    identity::{self, CredentialKind},
};

/// A policy with what [`get`] says of it, so that it is read once for all parties.
pub(super) type Known = (Option<Kind>, Policy);

/// Whether the policy admits the account.
pub fn is_allowed(context: &mut Context<'_>, policy: u64, account: Address) -> Result<bool, Failure> {
    Ok(first_forbidden(context, policy, [account])?.is_none())
}

/// The first of the accounts that the policy does not admit.
pub fn first_forbidden(
    context: &mut Context<'_>,
    policy: u64,
    accounts: impl IntoIterator<Item = Address>,
) -> Result<Option<Address>, Failure> {
    let asked = Asked::of(context, policy)?;
    for account in accounts {
        if !asked.admits(context, account)? {
            return Ok(Some(account));
        }
    }
    Ok(None)
}

/// A policy that is asked of several accounts, read once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    policy: u64,
    known: Known,
}

impl Asked {
    /// Reads the policy.
    pub(crate) fn of(context: &mut Context<'_>, policy: u64) -> Result<Self, Failure> {
        let known = if policy == OPEN { (None, Policy::default()) } else { get(context, policy)? };
        Ok(Self { policy, known })
    }

    /// Whether it admits the account.
    pub(crate) fn admits(self, context: &mut Context<'_>, account: Address) -> Result<bool, Failure> {
        Ok(forbidding(context, self.policy, self.known, account, DEPTH_MAX)?.is_none())
    }

    /// The slot that it reads of an account first, for prefetching: the account's place on a list, or its person. None
    /// where that depends on other policies.
    pub(crate) fn place_of(self, account: Address) -> Option<(Address, U256)> {
        let kind = self.known.0?;
        if kind.is_list() {
            return Some(layout().members.of(&self.policy).of(&account).place());
        }
        (!kind.is_combination() && !kind.is_rule()).then(|| identity::link_place(account))
    }
}

/// The policy at or beneath `policy` that forbids the account; none if it is admitted. Where several forbid it, that is
/// the first; where none of several operands admits it, the combination itself.
///
/// Recursion is bounded twice: by what creation accepts and, should storage lie, by `depth_left`.
pub(super) fn forbidding(
    context: &mut Context<'_>,
    policy: u64,
    (kind, _): Known,
    account: Address,
    depth_left: u8,
) -> Result<Option<u64>, Failure> {
    let kind = match (policy, kind) {
        (OPEN, _) => return Ok(None),
        (_, None) => return Ok(Some(policy)),
        (_, Some(kind)) => kind,
    };
    if !kind.is_combination() {
        let admitted = admits(context, policy, kind, account)?;
        return Ok((!admitted).then_some(policy));
    }
    let depth_left = one_less(policy, depth_left)?;
    for operand in operands(context, policy)? {
        let known = get(context, operand)?;
        let forbidden = forbidding(context, operand, known, account, depth_left)?;
        // All of: one "no" decides. Any of: one "yes" decides.
        if forbidden.is_some() == (kind == Kind::AllOf) {
            return Ok(forbidden);
        }
    }
    Ok((kind == Kind::AnyOf).then_some(policy))
}

/// Levels left beneath a policy; a fault where storage claims more than creation accepts.
pub(super) fn one_less(policy: u64, depth_left: u8) -> Result<u8, Failure> {
    depth_left
        .checked_sub(1)
        .ok_or_else(|| StateFault(format!("policy {policy} is nested deeper than {DEPTH_MAX}")).into())
}

/// What a list, a condition or a rule says of an account.
fn admits(context: &mut Context<'_>, policy: u64, kind: Kind, account: Address) -> Result<bool, Failure> {
    if kind.is_list() {
        let listed = layout().members.at(context, &policy)?.at(context, &account)?.read(context)?;
        return Ok(listed == (kind == Kind::Allow));
    }
    if kind.is_rule() {
        return Ok(true);
    }
    // A condition: what is not known never admits.
    let person = identity::person_of(context, account)?;
    if person == 0 || kind == Kind::KnownPerson {
        return Ok(person != 0);
    }
    let credential_kind = match kind {
        Kind::KycTier => CredentialKind::Kyc,
        Kind::Accreditation => CredentialKind::Accreditation,
        _ => CredentialKind::Jurisdiction,
    };
    let Some(credential) = identity::credential(context, person, credential_kind)? else { return Ok(false) };
    match kind {
        Kind::KycTier => Ok(credential.value >= demanded(context, policy)?),
        Kind::Accreditation => Ok(credential.value == demanded(context, policy)?),
        _ => {
            let listed = is_listed(context, policy, credential.value.to_be_bytes())?;
            Ok(listed == (kind == Kind::JurisdictionAmong))
        }
    }
}

/// Tier or class that a condition asks for.
fn demanded(context: &mut Context<'_>, policy: u64) -> Result<u16, Failure> {
    Ok(layout().terms.at(context, &policy)?.terms.read(context)?.value)
}

/// Whether a condition names the jurisdiction.
fn is_listed(context: &mut Context<'_>, policy: u64, letters: [u8; 2]) -> Result<bool, Failure> {
    let (word, bit) = place_of(letters);
    let bits: U256 = layout().jurisdictions.at(context, &policy)?.at(context, &word)?.read(context)?;
    Ok(bits.bit(bit))
}

/// Where a jurisdiction stands: number of the word, and of the bit in it. The letters are capital letters.
pub(super) fn place_of([first, second]: [u8; 2]) -> (u64, usize) {
    let number = |letter: u8| usize::from(letter.saturating_sub(b'A'));
    let index = number(first).saturating_mul(26).saturating_add(number(second));
    (u64::from(index >= 256).saturating_add(u64::from(index >= 512)), index & 255)
}
