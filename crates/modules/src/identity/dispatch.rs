//! From selector to operation. No logic.

use alloy_primitives::{B256, Bytes, U256};

use super::{
    CredentialKind,
    IIdentity::*,
    credentials::{self, Entry},
    links, offices, persons,
};
use crate::{
    IDENTITY_ADDRESS,
    calls::{decode, mutate, view},
    context::{Context, Failure},
    typed_data,
};

/// Answers a call to the registry. One table, so that the compiler sees that no function is missing.
pub(crate) fn dispatch(context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure> {
    use IIdentityCalls as Call;
    match decode::<Call>(context, input)? {
        // Government
        Call::admin(_) => view::<adminCall>(offices::admin(context)?),
        Call::pendingAdmin(_) => view::<pendingAdminCall>(offices::pending_admin(context)?),
        Call::proposeAdmin(c) => mutate::<proposeAdminCall, _>(context, |x| offices::propose_admin(x, c.newAdmin)),
        Call::acceptAdmin(_) => mutate::<acceptAdminCall, _>(context, offices::accept_admin),
        Call::isRegistrar(c) => view::<isRegistrarCall>(offices::is_registrar(context, c.account)?),
        Call::isAccreditor(c) => view::<isAccreditorCall>(offices::is_accreditor(context, c.account)?),
        Call::verifierStatus(c) => {
            let kind = CredentialKind::parse(c.kind)?;
            view::<verifierStatusCall>(offices::verifier_status(context, c.verifier, kind)?.number())
        }
        Call::setRegistrar(c) => {
            mutate::<setRegistrarCall, _>(context, |x| offices::set_registrar(x, c.account, c.appointed))
        }
        Call::setAccreditor(c) => {
            mutate::<setAccreditorCall, _>(context, |x| offices::set_accreditor(x, c.account, c.appointed))
        }
        Call::setVerifier(c) => {
            mutate::<setVerifierCall, _>(context, |x| offices::set_verifier(x, c.verifier, c.kind, c.status))
        }

        // Persons
        Call::registerPerson(c) => {
            mutate::<registerPersonCall, _>(context, |x| persons::register_person(x, c.kind, &c.lei))
        }
        Call::assignRegistrar(c) => {
            mutate::<assignRegistrarCall, _>(context, |x| persons::assign_registrar(x, c.personId, c.registrar))
        }
        Call::personCount(_) => view::<personCountCall>(persons::person_count(context)?),
        Call::getPerson(c) => {
            let (place, record) = persons::existing(context, c.personId)?;
            let (lei, count) = (place.lei.read(context)?, place.addresses.len(context)?);
            view::<getPersonCall>((record.kind, record.registrar, lei, record.registered_ms, count))
        }
        Call::personOfLei(c) => view::<personOfLeiCall>(persons::person_of_lei(context, &c.lei)?),

        // Addresses
        Call::personOf(c) => view::<personOfCall>(links::person_of(context, c.account)?),
        Call::addressesOf(c) => {
            persons::existing(context, c.personId)?;
            view::<addressesOfCall>(links::addresses_of(context, c.personId)?)
        }
        Call::proposedLinkOf(c) => view::<proposedLinkOfCall>(links::link_of(context, c.account)?.1.proposed),
        Call::proposeLink(c) => {
            mutate::<proposeLinkCall, _>(context, |x| links::propose_link(x, c.personId, c.account))
        }
        Call::withdrawLink(c) => {
            mutate::<withdrawLinkCall, _>(context, |x| links::withdraw_link(x, c.personId, c.account))
        }
        Call::acceptLink(c) => mutate::<acceptLinkCall, _>(context, |x| links::accept_link(x, c.personId)),
        Call::linkBySignature(c) => mutate::<linkBySignatureCall, _>(context, |x| {
            let signature = links::LinkSignature { expires_ms: c.expiresMs, v: c.v, r: c.r, s: c.s };
            links::link_by_signature(x, c.personId, c.account, signature)
        }),
        Call::unlink(c) => mutate::<unlinkCall, _>(context, |x| links::unlink(x, c.account)),
        Call::linkNonce(c) => view::<linkNonceCall>(links::link_of(context, c.account)?.1.nonce),
        Call::DOMAIN_SEPARATOR(_) => view::<DOMAIN_SEPARATORCall>(links::domain_separator(context)?),
        Call::eip712Domain(_) => view::<eip712DomainCall>((
            typed_data::DOMAIN_FIELDS.into(),
            links::DOMAIN_NAME.into(),
            typed_data::DOMAIN_VERSION.into(),
            U256::from(context.env().chain_id),
            IDENTITY_ADDRESS,
            B256::ZERO,
            Vec::new(),
        )),

        // Credentials
        Call::giveCredential(c) => mutate::<giveCredentialCall, _>(context, |x| {
            credentials::give_credential(x, c.personId, c.kind, c.value, c.expiresMs, c.commitment)
        }),
        Call::renewCredential(c) => mutate::<renewCredentialCall, _>(context, |x| {
            credentials::renew_credential(x, c.personId, c.kind, c.expiresMs, c.commitment)
        }),
        Call::revokeCredential(c) => {
            mutate::<revokeCredentialCall, _>(context, |x| credentials::revoke_credential(x, c.personId, c.kind))
        }
        Call::credentialOf(c) => {
            let kind = CredentialKind::parse(c.kind)?;
            view::<credentialOfCall>(row(credentials::entry(context, c.personId, kind)?))
        }
        Call::credentialsOf(c) => view::<credentialsOfCall>(rows(&credentials::entries(context, c.personId)?)),
        Call::jurisdictionOf(c) => {
            persons::existing(context, c.personId)?;
            let letters = credentials::jurisdiction_of(context, c.personId)?;
            view::<jurisdictionOfCall>(alloy_primitives::FixedBytes(letters.unwrap_or_default()))
        }
    }
}

/// A credential as `credentialOf` answers it.
fn row(entry: Entry) -> credentialOfReturn {
    let Entry { in_force, terms, history, commitment } = entry;
    credentialOfReturn {
        inForce: in_force,
        value: terms.value,
        verifier: terms.verifier,
        commitment,
        issuedMs: history.issued_ms,
        renewedMs: history.renewed_ms,
        expiresMs: terms.expires_ms,
        revokedMs: history.revoked_ms,
        given: history.given,
        renewals: history.renewals,
    }
}

/// Credentials as `credentialsOf` answers them: one column a field.
fn rows(entries: &[(CredentialKind, Entry)]) -> credentialsOfReturn {
    credentialsOfReturn {
        kinds: entries.iter().map(|(kind, _)| kind.number()).collect(),
        values: entries.iter().map(|(_, entry)| entry.terms.value).collect(),
        verifiers: entries.iter().map(|(_, entry)| entry.terms.verifier).collect(),
        commitments: entries.iter().map(|(_, entry)| entry.commitment).collect(),
        issuedMs: entries.iter().map(|(_, entry)| entry.history.issued_ms).collect(),
        expiresMs: entries.iter().map(|(_, entry)| entry.terms.expires_ms).collect(),
        inForce: entries.iter().map(|(_, entry)| entry.in_force).collect(),
    }
}
