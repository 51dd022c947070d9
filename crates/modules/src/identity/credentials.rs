//! Credentials: given, renewed and revoked by verifiers, in force or not at block time.

use alloy_primitives::{Address, B256};

use super::{
    IIdentity, VerifierStatus,
    layout::{CredentialHistory, CredentialPlace, CredentialTerms, layout},
    offices::{is_accreditor, verifier_status},
    person_of,
    persons::existing,
};
use crate::{
    IDENTITY_ADDRESS,
    context::{Context, Failure, ensure, revert},
};

/// What a credential is about. The numbers are part of the ABI and of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CredentialKind {
    /// How well a person is known; the value is a tier, and a higher one includes the lower ones.
    Kyc = 1,
    /// Where it resides; the value is two letters.
    Jurisdiction = 2,
    /// What it is admitted to; the value is a class that the network names.
    Accreditation = 3,
}

impl CredentialKind {
    /// Every kind, in order.
    pub const ALL: [Self; 3] = [Self::Kyc, Self::Jurisdiction, Self::Accreditation];

    /// The kind with this number, or a revert.
    pub(super) fn parse(number: u8) -> Result<Self, Failure> {
        let kind = Self::ALL.into_iter().find(|kind| kind.number() == number);
        kind.ok_or_else(|| revert(IIdentity::CredentialKindInvalid { kind: number }))
    }

    /// Number in ABI and storage.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Kyc => 1,
            Self::Jurisdiction => 2,
            Self::Accreditation => 3,
        }
    }

    /// Whether a value is one of this kind.
    pub fn admits(self, value: u16) -> bool {
        match self {
            Self::Kyc => (1..=255).contains(&value),
            Self::Jurisdiction => value.to_be_bytes().iter().all(u8::is_ascii_uppercase),
            Self::Accreditation => value > 0,
        }
    }
}

/// A credential in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Tier, jurisdiction or class.
    pub value: u16,
    /// Who gave it.
    pub verifier: Address,
    /// Block time from which on it is expired.
    pub expires_ms: u64,
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// The person's credential of this kind, if one is in force at block time: not revoked, not expired (at the very
/// instant of expiry it is), and of a verifier that still counts. Nobody has none.
pub fn credential(context: &mut Context<'_>, person: u64, kind: CredentialKind) -> Result<Option<Credential>, Failure> {
    if person == 0 {
        return Ok(None);
    }
    let terms = place(context, person, kind)?.terms.read(context)?;
    in_force(context, kind, terms)
}

/// The person's jurisdiction, if one is in force at block time: two capital letters.
pub fn jurisdiction_of(context: &mut Context<'_>, person: u64) -> Result<Option<[u8; 2]>, Failure> {
    let credential = credential(context, person, CredentialKind::Jurisdiction)?;
    Ok(credential.map(|credential| credential.value.to_be_bytes()))
}

fn in_force(
    context: &mut Context<'_>,
    kind: CredentialKind,
    terms: CredentialTerms,
) -> Result<Option<Credential>, Failure> {
    let CredentialTerms { value, verifier, expires_ms, revoked } = terms;
    let stands = !verifier.is_zero() && !revoked && context.env().timestamp_ms < expires_ms;
    if !stands || !verifier_status(context, verifier, kind)?.counts() {
        return Ok(None);
    }
    Ok(Some(Credential { value, verifier, expires_ms }))
}

fn place(context: &mut Context<'_>, person: u64, kind: CredentialKind) -> Result<CredentialPlace, Failure> {
    layout().persons.at(context, &person)?.credentials.at(context, &kind.number())
}

/// The latest credential of a kind, in force or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) in_force: bool,
    pub(super) terms: CredentialTerms,
    pub(super) history: CredentialHistory,
    pub(super) commitment: B256,
}

/// The person's latest credential of a kind; all zero if none was given.
pub(super) fn entry(context: &mut Context<'_>, person: u64, kind: CredentialKind) -> Result<Entry, Failure> {
    existing(context, person)?;
    let place = place(context, person, kind)?;
    let terms = place.terms.read(context)?;
    let in_force = in_force(context, kind, terms)?.is_some();
    let (history, commitment) = (place.history.read(context)?, place.commitment.read(context)?);
    Ok(Entry { in_force, terms, history, commitment })
}

/// What the person was ever given: at most one entry a kind.
pub(super) fn entries(context: &mut Context<'_>, person: u64) -> Result<Vec<(CredentialKind, Entry)>, Failure> {
    let mut entries = Vec::with_capacity(CredentialKind::ALL.len());
    for kind in CredentialKind::ALL {
        let entry = entry(context, person, kind)?;
        if entry.history.given > 0 {
            entries.push((kind, entry));
        }
    }
    Ok(entries)
}

// ----- operations ----------------------------------------------------------------------------------------------------

/// Reverts unless the caller is accredited for the kind, which it answers.
fn require_verifier(context: &mut Context<'_>, kind: u8) -> Result<CredentialKind, Failure> {
    let (parsed, caller) = (CredentialKind::parse(kind)?, context.caller());
    let status = verifier_status(context, caller, parsed)?;
    ensure(status == VerifierStatus::Accredited, || IIdentity::VerifierRequired { caller, kind })?;
    Ok(parsed)
}

/// Reverts unless the expiry is at `earliest_ms` or later, and the evidence was committed to.
fn check_evidence(expires_ms: u64, earliest_ms: u64, commitment: B256) -> Result<(), Failure> {
    ensure(expires_ms >= earliest_ms, || IIdentity::CredentialExpiryInvalid {
        expiresMs: expires_ms,
        earliestMs: earliest_ms,
    })?;
    ensure(!commitment.is_zero(), || IIdentity::CommitmentMissing {})
}

/// Gives a person a credential, in place of one that is the caller's own or no longer in force.
pub fn give_credential(
    context: &mut Context<'_>,
    person: u64,
    kind: u8,
    value: u16,
    expires_ms: u64,
    commitment: B256,
) -> Result<(), Failure> {
    let credential_kind = require_verifier(context, kind)?;
    existing(context, person)?;
    ensure(credential_kind.admits(value), || IIdentity::CredentialValueInvalid { kind, value })?;
    let (verifier, issued_ms) = (context.caller(), context.env().timestamp_ms);
    check_evidence(expires_ms, issued_ms.saturating_add(1), commitment)?;
    let place = place(context, person, credential_kind)?;
    let before = place.terms.read(context)?;
    if before.verifier != verifier {
        let standing = in_force(context, credential_kind, before)?;
        ensure(standing.is_none(), || IIdentity::CredentialInForce {
            personId: person,
            kind,
            verifier: before.verifier,
            expiresMs: before.expires_ms,
        })?;
    }
    let given = place.history.read(context)?.given.saturating_add(1);
    place.terms.write(context, CredentialTerms { value, verifier, expires_ms, revoked: false })?;
    place.history.write(context, CredentialHistory { issued_ms, given, ..CredentialHistory::default() })?;
    place.commitment.write(context, commitment)?;
    let event = IIdentity::CredentialGiven {
        personId: person,
        kind,
        verifier,
        number: given,
        value,
        expiresMs: expires_ms,
        commitment,
    };
    context.emit(IDENTITY_ADDRESS, &event)
}

/// Prolongs the caller's credential on new evidence.
pub fn renew_credential(
    context: &mut Context<'_>,
    person: u64,
    kind: u8,
    expires_ms: u64,
    commitment: B256,
) -> Result<(), Failure> {
    let credential_kind = require_verifier(context, kind)?;
    let (place, terms) = given(context, person, credential_kind)?;
    let (caller, verifier) = (context.caller(), terms.verifier);
    ensure(verifier == caller, || IIdentity::CredentialNotOwn { personId: person, kind, caller, verifier })?;
    ensure(!terms.revoked, || IIdentity::CredentialRevoked { personId: person, kind })?;
    let renewed_ms = context.env().timestamp_ms;
    check_evidence(expires_ms, terms.expires_ms.max(renewed_ms.saturating_add(1)), commitment)?;
    let history = place.history.read(context)?;
    let renewals = history.renewals.saturating_add(1);
    place.terms.write(context, CredentialTerms { expires_ms, ..terms })?;
    place.history.write(context, CredentialHistory { renewed_ms, renewals, ..history })?;
    place.commitment.write(context, commitment)?;
    let event = IIdentity::CredentialRenewed {
        personId: person,
        kind,
        verifier,
        number: history.given,
        expiresMs: expires_ms,
        commitment,
    };
    context.emit(IDENTITY_ADDRESS, &event)
}

/// Ends a credential for good: its verifier does so, an accreditor, or the person through one of its addresses.
pub fn revoke_credential(context: &mut Context<'_>, person: u64, kind: u8) -> Result<(), Failure> {
    let (place, terms) = given(context, person, CredentialKind::parse(kind)?)?;
    let (caller, verifier) = (context.caller(), terms.verifier);
    let entitled = verifier == caller || is_accreditor(context, caller)? || person_of(context, caller)? == person;
    ensure(entitled, || IIdentity::CredentialNotOwn { personId: person, kind, caller, verifier })?;
    ensure(!terms.revoked, || IIdentity::CredentialRevoked { personId: person, kind })?;
    let (history, revoked_ms) = (place.history.read(context)?, context.env().timestamp_ms);
    place.terms.write(context, CredentialTerms { revoked: true, ..terms })?;
    place.history.write(context, CredentialHistory { revoked_ms, ..history })?;
    let event = IIdentity::CredentialRevokedBy { personId: person, kind, by: caller, number: history.given };
    context.emit(IDENTITY_ADDRESS, &event)
}

/// The latest credential of a kind; reverts where the person is unknown or was given none.
fn given(
    context: &mut Context<'_>,
    person: u64,
    kind: CredentialKind,
) -> Result<(CredentialPlace, CredentialTerms), Failure> {
    existing(context, person)?;
    let place = place(context, person, kind)?;
    let terms = place.terms.read(context)?;
    ensure(!terms.verifier.is_zero(), || IIdentity::CredentialUnknown { personId: person, kind: kind.number() })?;
    Ok((place, terms))
}
