//! Conditions and rules: how they come into being and change.

use alloy_primitives::{Address, FixedBytes, U256};

use super::{
    IPolicy, Kind,
    accounts::place_of,
    layout::{Amounts, Policy, Terms, TermsPlace, layout},
    ops::{check_batch, create, deeper, get, require_admin},
};
use crate::{
    POLICY_ADDRESS,
    context::{Context, Failure, ensure},
    identity::CredentialKind,
};

/// Words that hold a bit for every two letters.
const JURISDICTION_WORDS: u64 = 3;

/// What a holding limit does beyond its amount. The numbers are part of the ABI and of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldingOutcome {
    /// The credit does not happen.
    Reject = 1,
    /// The amount waits, on hold with its payer.
    Park = 2,
    /// The excess goes on to the payee's linked account.
    Sweep = 3,
}

impl HoldingOutcome {
    pub(super) fn from_number(number: u8) -> Option<Self> {
        [Self::Reject, Self::Park, Self::Sweep].into_iter().find(|outcome| outcome.number() == number)
    }

    fn number(self) -> u8 {
        match self {
            Self::Reject => 1,
            Self::Park => 2,
            Self::Sweep => 3,
        }
    }
}

// ----- conditions ----------------------------------------------------------------------------------------------------

/// Makes a condition on the person of an address: that it is known, its tier, its class.
pub fn create_condition(context: &mut Context<'_>, kind: u8, value: u16) -> Result<u64, Failure> {
    let parsed = Kind::parse(kind, |kind| matches!(kind, Kind::KnownPerson | Kind::KycTier | Kind::Accreditation))?;
    let fits = match parsed {
        Kind::KycTier => CredentialKind::Kyc.admits(value),
        Kind::Accreditation => CredentialKind::Accreditation.admits(value),
        _ => value == 0,
    };
    ensure(fits, || IPolicy::ConditionValueInvalid { kind, value })?;
    let policy = create(context, condition(parsed))?;
    layout().terms.at(context, &policy)?.terms.write(context, Terms { value, ..Terms::default() })?;
    let creator = context.caller();
    let event = IPolicy::ConditionCreated { policyId: policy, kind, value, codes: Vec::new(), creator };
    context.emit(POLICY_ADDRESS, &event)?;
    Ok(policy)
}

/// Makes a condition on the jurisdiction of an address's person.
pub fn create_jurisdiction_condition(
    context: &mut Context<'_>,
    kind: u8,
    codes: &[FixedBytes<2>],
) -> Result<u64, Failure> {
    let parsed = Kind::parse(kind, |kind| matches!(kind, Kind::JurisdictionAmong | Kind::JurisdictionOutside))?;
    check_batch(codes.len())?;
    ensure(!codes.is_empty(), || IPolicy::JurisdictionsMissing {})?;
    for code in codes {
        let letters = CredentialKind::Jurisdiction.admits(u16::from_be_bytes(code.0));
        ensure(letters, || IPolicy::JurisdictionInvalid { code: *code })?;
    }
    let policy = create(context, condition(parsed))?;
    let words = layout().jurisdictions.at(context, &policy)?;
    for word in 0..JURISDICTION_WORDS {
        let mut bits = U256::ZERO;
        codes.iter().map(|code| place_of(code.0)).filter(|place| place.0 == word).for_each(|(_, bit)| {
            bits.set_bit(bit, true);
        });
        if !bits.is_zero() {
            words.at(context, &word)?.write(context, bits)?;
        }
    }
    let creator = context.caller();
    let event = IPolicy::ConditionCreated { policyId: policy, kind, value: 0, codes: codes.to_vec(), creator };
    context.emit(POLICY_ADDRESS, &event)?;
    Ok(policy)
}

fn condition(kind: Kind) -> Policy {
    Policy { kind: kind.number(), lists: 1, extent: 1, ..Policy::default() }
}

/// Tier or class that a condition asks for.
pub(super) fn condition_of(context: &mut Context<'_>, policy: u64) -> Result<u16, Failure> {
    get(context, policy)?;
    Ok(layout().terms.at(context, &policy)?.terms.read(context)?.value)
}

/// Jurisdictions of a condition, in alphabetical order.
pub(super) fn jurisdictions_of(context: &mut Context<'_>, policy: u64) -> Result<Vec<FixedBytes<2>>, Failure> {
    get(context, policy)?;
    let place = layout().jurisdictions.at(context, &policy)?;
    let mut words = Vec::new();
    for word in 0..JURISDICTION_WORDS {
        words.push(place.at(context, &word)?.read(context)?);
    }
    let letters = b'A'..=b'Z';
    let codes = letters.clone().flat_map(|first| letters.clone().map(move |second| [first, second]));
    let listed = codes.filter(|code| {
        let (word, bit) = place_of(*code);
        usize::try_from(word).ok().and_then(|word| words.get(word)).is_some_and(|bits: &U256| bits.bit(bit))
    });
    Ok(listed.map(FixedBytes).collect())
}

// ----- rules ---------------------------------------------------------------------------------------------------------

/// Amounts and outcome of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RuleTerms {
    /// The most in a movement, the most that may be held, or the threshold.
    pub(super) first: u128,
    /// The most in a day.
    pub(super) per_day: u128,
    /// The most in a month.
    pub(super) per_month: u128,
    /// Number of a holding limit's outcome.
    pub(super) outcome: u8,
}

/// An amount of the ABI as units. Nobody has more than 2^128 - 1 of anything: what is beyond bounds nothing.
pub(super) fn units(amount: U256) -> u128 {
    u128::try_from(amount).unwrap_or(u128::MAX)
}

impl RuleTerms {
    /// Terms of a payment limit.
    pub(super) fn payment(per_transaction: U256, per_day: U256, per_month: U256) -> Self {
        Self { first: units(per_transaction), per_day: units(per_day), per_month: units(per_month), outcome: 0 }
    }

    /// Terms of a holding limit.
    pub(super) fn holding(limit: U256, outcome: u8) -> Self {
        Self { first: units(limit), outcome, ..Self::default() }
    }

    /// Terms of a travel rule.
    pub(super) fn travel(threshold: U256) -> Self {
        Self { first: units(threshold), ..Self::default() }
    }

    fn check(self, kind: Kind) -> Result<(), Failure> {
        let known = kind != Kind::HoldingLimit || HoldingOutcome::from_number(self.outcome).is_some();
        ensure(known, || IPolicy::HoldingOutcomeInvalid { outcome: self.outcome })
    }

    /// Amounts as the ABI has them.
    pub(super) fn amounts(self) -> [U256; 3] {
        [self.first, self.per_day, self.per_month].map(U256::from)
    }

    fn write(self, context: &mut Context<'_>, place: &TermsPlace, exempt: u64) -> Result<(), Failure> {
        place.terms.write(context, Terms { exempt, value: 0, outcome: self.outcome })?;
        place.amounts.write(context, Amounts { first: self.first, second: self.per_day })?;
        place.per_month.write(context, self.per_month)
    }
}

/// Makes a rule.
pub(super) fn create_rule(
    context: &mut Context<'_>,
    kind: Kind,
    admin: Address,
    exempt: u64,
    terms: RuleTerms,
) -> Result<u64, Failure> {
    terms.check(kind)?;
    ensure(context.can_hold(admin), || IPolicy::PolicyAdminInvalid { admin })?;
    super::ensure_exists(context, exempt)?;
    let (_, beneath) = get(context, exempt)?;
    ensure(beneath.rules() == 0, || IPolicy::ExemptionInvalid { exemptPolicyId: exempt })?;
    let (depth, lists) = (deeper(beneath.depth)?, beneath.lists.max(1));
    let kind = kind.number();
    let policy = create(context, Policy { kind, depth, lists, admin, extent: 2, ..Policy::default() })?;
    let place = layout().terms.at(context, &policy)?;
    terms.write(context, &place, exempt)?;
    let event = IPolicy::RuleCreated {
        policyId: policy,
        kind,
        admin,
        exemptPolicyId: exempt,
        amounts: terms.amounts(),
        outcome: terms.outcome,
        creator: context.caller(),
    };
    context.emit(POLICY_ADDRESS, &event)?;
    Ok(policy)
}

/// Changes a rule. What it exempts stays.
pub(super) fn set_rule(context: &mut Context<'_>, kind: Kind, policy: u64, terms: RuleTerms) -> Result<(), Failure> {
    let (mut record, place) = rule(context, kind, policy)?;
    require_admin(context, policy, record)?;
    terms.check(kind)?;
    let exempt = place.terms.read(context)?.exempt;
    terms.write(context, &place, exempt)?;
    record.version = record.version.saturating_add(1);
    layout().policies.at(context, &policy)?.write(context, record)?;
    let (amounts, outcome) = (terms.amounts(), terms.outcome);
    context.emit(POLICY_ADDRESS, &IPolicy::RuleChanged { policyId: policy, version: record.version, amounts, outcome })
}

/// A rule of this kind; reverts where the policy is something else.
pub(super) fn rule(context: &mut Context<'_>, kind: Kind, policy: u64) -> Result<(Policy, TermsPlace), Failure> {
    let (found, record) = get(context, policy)?;
    ensure(found == Some(kind), || IPolicy::PolicyNotRule { policyId: policy, kind: kind.number() })?;
    Ok((record, layout().terms.at(context, &policy)?))
}

/// Terms of a rule and the policy of whom it does not bind.
pub(super) fn terms_of(context: &mut Context<'_>, kind: Kind, policy: u64) -> Result<(u64, RuleTerms), Failure> {
    let (_, place) = rule(context, kind, policy)?;
    let Terms { exempt, outcome, .. } = place.terms.read(context)?;
    let Amounts { first, second: per_day } = place.amounts.read(context)?;
    let per_month = if kind == Kind::PaymentLimit { place.per_month.read(context)? } else { 0 };
    Ok((exempt, RuleTerms { first, per_day, per_month, outcome }))
}
