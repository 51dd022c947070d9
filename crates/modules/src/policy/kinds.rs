//! What a policy can be, and what a movement can be for.

use super::IPolicy;
use crate::context::{Failure, revert};

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
    /// Admits addresses of a person.
    KnownPerson = 5,
    /// Admits addresses of a person of at least a tier.
    KycTier = 6,
    /// Admits addresses of a person in one of a set of jurisdictions.
    JurisdictionAmong = 7,
    /// Admits addresses of a person in a jurisdiction that is none of a set.
    JurisdictionOutside = 8,
    /// Admits addresses of a person that is accredited for a class.
    Accreditation = 9,
    /// Binds what a payer pays in a movement, a day, a month.
    PaymentLimit = 10,
    /// Binds what a payee holds.
    HoldingLimit = 11,
    /// Demands that institutions exchange data before much is paid.
    TravelRule = 12,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Self; 12] = [
        Self::Allow,
        Self::Deny,
        Self::AllOf,
        Self::AnyOf,
        Self::KnownPerson,
        Self::KycTier,
        Self::JurisdictionAmong,
        Self::JurisdictionOutside,
        Self::Accreditation,
        Self::PaymentLimit,
        Self::HoldingLimit,
        Self::TravelRule,
    ];

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Number in ABI and storage.
    pub fn number(self) -> u8 {
        match self {
            Self::Allow => 1,
            Self::Deny => 2,
            Self::AllOf => 3,
            Self::AnyOf => 4,
            Self::KnownPerson => 5,
            Self::KycTier => 6,
            Self::JurisdictionAmong => 7,
            Self::JurisdictionOutside => 8,
            Self::Accreditation => 9,
            Self::PaymentLimit => 10,
            Self::HoldingLimit => 11,
            Self::TravelRule => 12,
        }
    }

    /// Whether it has members.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Allow | Self::Deny)
    }

    /// Whether it has operands.
    pub(super) fn is_combination(self) -> bool {
        matches!(self, Self::AllOf | Self::AnyOf)
    }

    /// Whether it is asked of a movement instead of an account.
    pub(super) fn is_rule(self) -> bool {
        matches!(self, Self::PaymentLimit | Self::HoldingLimit | Self::TravelRule)
    }

    /// Whether an admin changes it.
    pub(super) fn is_governed(self) -> bool {
        self.is_list() || self.is_rule()
    }

    /// The kind with this number, if `wanted` holds for it; or a revert.
    pub(super) fn parse(number: u8, wanted: impl FnOnce(Self) -> bool) -> Result<Self, Failure> {
        let kind = Self::from_number(number).filter(|kind| wanted(*kind));
        kind.ok_or_else(|| revert(IPolicy::PolicyKindInvalid { kind: number }))
    }
}

/// What a movement is for. The numbers are part of the ABI. `specs/policy.md` has the table of what binds which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A holder pays.
    Transfer = 1,
    /// Units come into existence.
    Mint = 2,
    /// Units cease to exist.
    Burn = 3,
    /// Units are reserved for a payment: it is this that payment limits count.
    Hold = 4,
    /// Reserved units are paid, and no payment limit was asked when they were reserved.
    Post = 5,
    /// Balances change by net settlement.
    Net = 6,
    /// The excess over a holding limit goes on to the payee's linked account.
    Sweep = 7,
    /// What was paid comes back.
    Refund = 8,
    /// Interest is paid.
    Interest = 9,
    /// An authority takes units.
    Seizure = 10,
    /// Units are reserved for no payment: they stay their owner's, or another movement counts them.
    Pledge = 11,
    /// Units that were reserved for a payment are paid: payment limits counted them then.
    PostCounted = 12,
}

impl Purpose {
    const ALL: [Self; 12] = [
        Self::Transfer,
        Self::Mint,
        Self::Burn,
        Self::Hold,
        Self::Post,
        Self::Net,
        Self::Sweep,
        Self::Refund,
        Self::Interest,
        Self::Seizure,
        Self::Pledge,
        Self::PostCounted,
    ];

    /// The purpose with this number, or a revert.
    pub(super) fn parse(number: u8) -> Result<Self, Failure> {
        let purpose = Self::ALL.into_iter().find(|purpose| purpose.number() == number);
        purpose.ok_or_else(|| revert(IPolicy::PurposeUnknown { purpose: number }))
    }

    /// Number in the ABI.
    pub fn number(self) -> u8 {
        match self {
            Self::Transfer => 1,
            Self::Mint => 2,
            Self::Burn => 3,
            Self::Hold => 4,
            Self::Post => 5,
            Self::Net => 6,
            Self::Sweep => 7,
            Self::Refund => 8,
            Self::Interest => 9,
            Self::Seizure => 10,
            Self::Pledge => 11,
            Self::PostCounted => 12,
        }
    }

    /// Whether a payment limit is asked and counts it.
    pub(super) fn is_limited(self) -> bool {
        matches!(self, Self::Transfer | Self::Hold | Self::Post | Self::Net)
    }

    /// Whether a holding limit is asked for its payee.
    pub(super) fn is_credit(self) -> bool {
        matches!(
            self,
            Self::Transfer | Self::Mint | Self::Hold | Self::Post | Self::PostCounted | Self::Net | Self::Sweep
        )
    }

    /// Whether the travel rule is asked: units come from one person to another, on their way through nobody's hands.
    pub(super) fn travels(self) -> bool {
        matches!(self, Self::Transfer | Self::Post | Self::PostCounted | Self::Net | Self::Sweep)
    }
}
