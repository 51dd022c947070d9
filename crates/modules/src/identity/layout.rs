//! Where the identity registry keeps what it knows. Who an account is costs one slot; a credential in force two: its
//! terms and the office of its verifier.

use alloy_primitives::{Address, B256, U256};

use crate::{
    IDENTITY_ADDRESS,
    slots::{Array, Located, Mapping, Slot, Text, layout, packed},
};

packed! {
    /// Offices of an account.
    pub struct Offices {
        /// Whether it registers persons.
        pub registrar: bool = 0..1,
        /// Whether it says who may verify.
        pub accreditor: bool = 1..2,
        /// Its status as verifier of KYC.
        pub kyc: u8 = 2..3,
        /// Its status as verifier of jurisdictions.
        pub jurisdiction: u8 = 3..4,
        /// Its status as verifier of accreditations.
        pub accreditation: u8 = 4..5,
    }
}

packed! {
    /// To whom an account belongs.
    pub struct Link {
        /// The person; 0 if nobody.
        pub person: u64 = 0..8,
        /// Where the account stands in the person's list of addresses.
        pub position: u32 = 8..12,
        /// The person to which a registrar proposed to link it.
        pub proposed: u64 = 12..20,
        /// Links made.
        pub nonce: u64 = 20..28,
    }
}

packed! {
    /// What a person is.
    pub struct PersonRecord {
        /// 0 none, 1 natural, 2 legal.
        pub kind: u8 = 0..1,
        /// In whose care it is.
        pub registrar: Address = 1..21,
        /// Block time at which it was registered.
        pub registered_ms: u64 = 21..29,
    }
}

packed! {
    /// All that must be known to tell whether a credential is in force.
    pub struct CredentialTerms {
        /// Tier, jurisdiction or class.
        pub value: u16 = 0..2,
        /// Who gave it; zero if it was never given.
        pub verifier: Address = 2..22,
        /// Block time from which on it is expired.
        pub expires_ms: u64 = 22..30,
        /// Whether it was revoked.
        pub revoked: bool = 30..31,
    }
}

packed! {
    /// What has become of a credential.
    pub struct CredentialHistory {
        /// Block time at which it was given.
        pub issued_ms: u64 = 0..8,
        /// Block time of the last renewal; 0 if none.
        pub renewed_ms: u64 = 8..16,
        /// Block time of revocation; 0 if none.
        pub revoked_ms: u64 = 16..24,
        /// Credentials of the kind that the person was given, this one included.
        pub given: u32 = 24..28,
        /// Renewals of this one.
        pub renewals: u32 = 28..32,
    }
}

layout! {
    /// The latest credential of one kind.
    pub struct CredentialPlace {
        /// What it says and until when.
        pub terms: Slot<CredentialTerms> = 0,
        /// What has become of it.
        pub history: Slot<CredentialHistory> = 1,
        /// Salted hash of the evidence.
        pub commitment: Slot<B256> = 2,
    }
}

layout! {
    /// A person.
    pub struct PersonPlace {
        /// What it is and in whose care.
        pub record: Slot<PersonRecord> = 0,
        /// LEI of a legal person.
        pub lei: Text = 1,
        /// Its addresses.
        pub addresses: Array<Address> = 2,
        /// Its credentials, by kind.
        pub credentials: Mapping<u8, CredentialPlace> = 3,
    }
}

layout! {
    /// Storage of the identity registry.
    pub struct Layout {
        /// Who appoints registrars and accreditors.
        pub admin: Slot<Address> = 0,
        /// To whom the government was offered; zero if to nobody.
        pub pending_admin: Slot<Address> = 1,
        /// Persons registered; the next one gets this number plus 1.
        pub registered: Slot<u64> = 2,
        /// Offices by account.
        pub offices: Mapping<Address, Slot<Offices>> = 3,
        /// To whom an account belongs.
        pub links: Mapping<Address, Slot<Link>> = 4,
        /// Persons by number.
        pub persons: Mapping<u64, PersonPlace> = 5,
        /// Legal persons by LEI.
        pub by_lei: Mapping<str, Slot<u64>> = 6,
    }
}

/// The registry's storage.
#[inline]
pub fn layout() -> Layout {
    Layout::locate(IDENTITY_ADDRESS, U256::ZERO)
}
