//! Offices: who governs, who registers, who accredits, who verifies.

use alloy_primitives::Address;
use florin_types::StateFault;

use super::{
    CredentialKind, IIdentity,
    layout::{Offices, layout},
};
use crate::{
    IDENTITY_ADDRESS,
    context::{Context, Failure, ensure, revert},
    slots::Slot,
};

/// What a verifier may do with a kind of credential. The numbers are part of the ABI and of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifierStatus {
    /// Nothing, and what it gave does not count.
    None = 0,
    /// It gives, renews and revokes.
    Accredited = 1,
    /// It gives nothing more; what it gave runs out by itself.
    Retired = 2,
}

impl VerifierStatus {
    fn from_number(number: u8) -> Option<Self> {
        [Self::None, Self::Accredited, Self::Retired].into_iter().find(|status| status.number() == number)
    }

    /// Number in ABI and storage.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Accredited => 1,
            Self::Retired => 2,
        }
    }

    /// Whether credentials that such a verifier gave count.
    pub(super) fn counts(self) -> bool {
        self != Self::None
    }
}

impl Offices {
    fn verifier(&mut self, kind: CredentialKind) -> &mut u8 {
        match kind {
            CredentialKind::Kyc => &mut self.kyc,
            CredentialKind::Jurisdiction => &mut self.jurisdiction,
            CredentialKind::Accreditation => &mut self.accreditation,
        }
    }
}

fn offices(context: &mut Context<'_>, account: Address) -> Result<(Slot<Offices>, Offices), Failure> {
    let place = layout().offices.at(context, &account)?;
    let offices = place.read(context)?;
    Ok((place, offices))
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// Who appoints registrars and accreditors.
pub fn admin(context: &mut Context<'_>) -> Result<Address, Failure> {
    layout().admin.read(context)
}

/// To whom the government was offered; zero if to nobody.
pub fn pending_admin(context: &mut Context<'_>) -> Result<Address, Failure> {
    layout().pending_admin.read(context)
}

/// Whether the account registers persons and links addresses.
pub fn is_registrar(context: &mut Context<'_>, account: Address) -> Result<bool, Failure> {
    Ok(offices(context, account)?.1.registrar)
}

/// Whether the account says who may verify what.
pub fn is_accreditor(context: &mut Context<'_>, account: Address) -> Result<bool, Failure> {
    Ok(offices(context, account)?.1.accreditor)
}

/// What a verifier may do with a kind of credential.
pub fn verifier_status(
    context: &mut Context<'_>,
    verifier: Address,
    kind: CredentialKind,
) -> Result<VerifierStatus, Failure> {
    let number = *offices(context, verifier)?.1.verifier(kind);
    VerifierStatus::from_number(number)
        .ok_or_else(|| StateFault(format!("verifier {verifier} has status {number} for {kind:?}")).into())
}

/// Reverts unless the account is a registrar.
pub(super) fn require_registrar(context: &mut Context<'_>, account: Address) -> Result<(), Failure> {
    let appointed = is_registrar(context, account)?;
    ensure(appointed, || IIdentity::RegistrarRequired { account })
}

// ----- government ----------------------------------------------------------------------------------------------------

fn require_admin(context: &mut Context<'_>) -> Result<Address, Failure> {
    let (admin, caller) = (admin(context)?, context.caller());
    ensure(admin == caller, || IIdentity::IdentityAdminRequired { caller, admin })?;
    Ok(admin)
}

/// Offers the government to a new admin; zero withdraws the offer.
pub fn propose_admin(context: &mut Context<'_>, new_admin: Address) -> Result<(), Failure> {
    let admin = require_admin(context)?;
    ensure(new_admin.is_zero() || context.can_hold(new_admin), || IIdentity::OfficerInvalid { account: new_admin })?;
    layout().pending_admin.write(context, new_admin)?;
    context.emit(IDENTITY_ADDRESS, &IIdentity::AdminProposed { admin, pendingAdmin: new_admin })
}

/// Takes the government over.
pub fn accept_admin(context: &mut Context<'_>) -> Result<(), Failure> {
    let (pending, caller) = (pending_admin(context)?, context.caller());
    // The zero address never calls, so that an absent offer is nobody's.
    ensure(pending == caller && !caller.is_zero(), || IIdentity::IdentityAdminNotProposed {
        caller,
        pendingAdmin: pending,
    })?;
    let previous = admin(context)?;
    layout().admin.write(context, caller)?;
    layout().pending_admin.write(context, Address::ZERO)?;
    context.emit(IDENTITY_ADDRESS, &IIdentity::AdminChanged { previousAdmin: previous, newAdmin: caller })
}

/// Appoints or dismisses a registrar. What is so already stays without an event.
pub fn set_registrar(context: &mut Context<'_>, account: Address, appointed: bool) -> Result<(), Failure> {
    require_admin(context)?;
    ensure(context.can_hold(account), || IIdentity::OfficerInvalid { account })?;
    let (place, offices) = offices(context, account)?;
    if offices.registrar == appointed {
        return Ok(());
    }
    place.write(context, Offices { registrar: appointed, ..offices })?;
    context.emit(IDENTITY_ADDRESS, &IIdentity::RegistrarSet { account, appointed })
}

/// Appoints or dismisses an accreditor. What is so already stays without an event.
pub fn set_accreditor(context: &mut Context<'_>, account: Address, appointed: bool) -> Result<(), Failure> {
    require_admin(context)?;
    ensure(context.can_hold(account), || IIdentity::OfficerInvalid { account })?;
    let (place, offices) = offices(context, account)?;
    if offices.accreditor == appointed {
        return Ok(());
    }
    place.write(context, Offices { accreditor: appointed, ..offices })?;
    context.emit(IDENTITY_ADDRESS, &IIdentity::AccreditorSet { account, appointed })
}

/// Sets the status of a verifier for a kind of credential. What is so already stays without an event.
pub fn set_verifier(context: &mut Context<'_>, verifier: Address, kind: u8, status: u8) -> Result<(), Failure> {
    let accreditor = context.caller();
    let in_office = is_accreditor(context, accreditor)?;
    ensure(in_office, || IIdentity::AccreditorRequired { caller: accreditor })?;
    let credential_kind = CredentialKind::parse(kind)?;
    let checked = VerifierStatus::from_number(status);
    checked.ok_or_else(|| revert(IIdentity::VerifierStatusInvalid { status }))?;
    ensure(context.can_hold(verifier), || IIdentity::OfficerInvalid { account: verifier })?;
    let (place, mut offices) = offices(context, verifier)?;
    if *offices.verifier(credential_kind) == status {
        return Ok(());
    }
    *offices.verifier(credential_kind) = status;
    place.write(context, offices)?;
    context.emit(IDENTITY_ADDRESS, &IIdentity::VerifierSet { verifier, kind, status, accreditor })
}

/// Sets the registry up at genesis: who governs.
pub(crate) fn initialise(context: &mut Context<'_>, admin: Address) -> Result<(), Failure> {
    layout().admin.write(context, admin)
}
