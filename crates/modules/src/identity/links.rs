//! Links between addresses and persons: both sides consent to one, either side undoes it.

use alloy_primitives::{Address, B256, U256, b256};
use alloy_sol_types::SolValue;
use florin_types::StateFault;

use super::{
    IIdentity,
    layout::{Link, PersonPlace, layout},
    offices::require_registrar,
    persons::{existing, in_care},
};
use crate::{
    IDENTITY_ADDRESS,
    context::{Context, Failure, ensure, revert},
    slots::Slot,
    typed_data,
};

/// Most addresses of a person. What asks for all wallets of a person is bounded by it.
pub const ADDRESSES_MAX: u64 = 32;

/// `keccak256("Link(uint64 personId,address account,uint64 nonce,uint64 expiresMs)")`.
pub(super) const LINK_TYPE: B256 = b256!("fa274dc108d1a1fa228dd5584a0a37a872892b6f281aeaa9fbc011645707284f");
/// Name in the domain.
pub(super) const DOMAIN_NAME: &str = "Florin Identity";

/// An account's consent to a link, by EIP-712.
#[derive(Clone, Copy, Debug)]
pub struct LinkSignature {
    /// Block time, in milliseconds, from which on the signature is void.
    pub expires_ms: u64,
    /// 27 or 28.
    pub v: u8,
    /// First half.
    pub r: B256,
    /// Second half.
    pub s: B256,
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// The person that the account belongs to; 0 if to nobody.
pub fn person_of(context: &mut Context<'_>, account: Address) -> Result<u64, Failure> {
    Ok(link_of(context, account)?.1.person)
}

/// All addresses of a person; empty for nobody.
pub fn addresses_of(context: &mut Context<'_>, person: u64) -> Result<Vec<Address>, Failure> {
    layout().persons.at(context, &person)?.addresses.all(context)
}

/// Where it stands to whom the account belongs, for prefetching.
pub(crate) fn link_place(account: Address) -> (Address, U256) {
    layout().links.of(&account).place()
}

/// To whom an account belongs, is proposed to belong, and its nonce.
pub(super) fn link_of(context: &mut Context<'_>, account: Address) -> Result<(Slot<Link>, Link), Failure> {
    let place = layout().links.at(context, &account)?;
    let link = place.read(context)?;
    Ok((place, link))
}

// ----- consent by proposal -------------------------------------------------------------------------------------------

/// Proposes that the account belongs to the person. A later proposal takes the place of an earlier one.
pub fn propose_link(context: &mut Context<'_>, person: u64, account: Address) -> Result<(), Failure> {
    let place = in_care(context, person)?;
    ensure(context.can_hold(account), || IIdentity::AddressInvalid { account })?;
    let (slot, link) = link_of(context, account)?;
    room(context, person, &place, account, link)?;
    slot.write(context, Link { proposed: person, ..link })?;
    context.emit(IDENTITY_ADDRESS, &IIdentity::LinkProposed { personId: person, account })
}

/// Takes a proposal back.
pub fn withdraw_link(context: &mut Context<'_>, person: u64, account: Address) -> Result<(), Failure> {
    in_care(context, person)?;
    let (slot, link) = link_of(context, account)?;
    require_proposed(account, person, link)?;
    slot.write(context, Link { proposed: 0, ..link })?;
    context.emit(IDENTITY_ADDRESS, &IIdentity::LinkWithdrawn { personId: person, account })
}

/// The caller accepts that it belongs to the person.
pub fn accept_link(context: &mut Context<'_>, person: u64) -> Result<(), Failure> {
    let account = context.caller();
    let (place, record) = existing(context, person)?;
    let (slot, link) = link_of(context, account)?;
    require_proposed(account, person, link)?;
    require_registrar(context, record.registrar)?;
    let position = room(context, person, &place, account, link)?;
    add(context, (person, account), &place, (slot, link), position)?;
    context.emit(IDENTITY_ADDRESS, &IIdentity::AddressLinkedTo { personId: person, account, bySignature: false })
}

fn require_proposed(account: Address, person: u64, link: Link) -> Result<(), Failure> {
    ensure(link.proposed == person, || IIdentity::LinkNotProposed {
        account,
        personId: person,
        proposedPersonId: link.proposed,
    })
}

/// Where the account would stand in the person's list, if it is free and the list not full.
fn room(
    context: &mut Context<'_>,
    person: u64,
    place: &PersonPlace,
    account: Address,
    link: Link,
) -> Result<u32, Failure> {
    ensure(link.person == 0, || IIdentity::AddressLinked { account, personId: link.person })?;
    let count = place.addresses.len(context)?;
    let position = u32::try_from(count).ok().filter(|_| count < ADDRESSES_MAX);
    position.ok_or_else(|| revert(IIdentity::AddressesFull { personId: person, addressesMax: ADDRESSES_MAX }))
}

/// Adds an account that consented. Whatever it signed before is void from now on.
fn add(
    context: &mut Context<'_>,
    (person, account): (u64, Address),
    place: &PersonPlace,
    (slot, link): (Slot<Link>, Link),
    position: u32,
) -> Result<(), Failure> {
    // A nonce counts calls: it cannot reach 2^64.
    let nonce = link.nonce.saturating_add(1);
    slot.write(context, Link { person, position, proposed: 0, nonce })?;
    place.addresses.push(context, account)
}

// ----- consent by signature ------------------------------------------------------------------------------------------

/// Links an account that signed.
pub fn link_by_signature(
    context: &mut Context<'_>,
    person: u64,
    account: Address,
    signature: LinkSignature,
) -> Result<(), Failure> {
    let place = in_care(context, person)?;
    ensure(context.can_hold(account), || IIdentity::AddressInvalid { account })?;
    let (now_ms, expires_ms) = (context.env().timestamp_ms, signature.expires_ms);
    ensure(now_ms < expires_ms, || IIdentity::LinkExpired { expiresMs: expires_ms, nowMs: now_ms })?;
    let (slot, link) = link_of(context, account)?;
    let digest = link_digest(context, person, account, link.nonce, expires_ms)?;
    let signer = context.recover(digest, signature.v, signature.r, signature.s)?.unwrap_or_default();
    // The zero address stands for "no signer"; it was refused as an account.
    ensure(signer == account, || IIdentity::LinkSignerInvalid { signer, account })?;
    let position = room(context, person, &place, account, link)?;
    add(context, (person, account), &place, (slot, link), position)?;
    context.emit(IDENTITY_ADDRESS, &IIdentity::AddressLinkedTo { personId: person, account, bySignature: true })
}

/// EIP-712 domain separator of the registry.
pub(super) fn domain_separator(context: &mut Context<'_>) -> Result<B256, Failure> {
    typed_data::domain_separator(context, DOMAIN_NAME, IDENTITY_ADDRESS)
}

/// What the account signs.
pub fn link_digest(
    context: &mut Context<'_>,
    person: u64,
    account: Address,
    nonce: u64,
    expires_ms: u64,
) -> Result<B256, Failure> {
    let fields = (LINK_TYPE, U256::from(person), account, U256::from(nonce), U256::from(expires_ms));
    let domain = domain_separator(context)?;
    typed_data::digest(context, domain, &fields.abi_encode())
}

// ----- undoing -------------------------------------------------------------------------------------------------------

/// Undoes the link of an account: the account itself does so, or the person's registrar.
pub fn unlink(context: &mut Context<'_>, account: Address) -> Result<(), Failure> {
    let (slot, link) = link_of(context, account)?;
    ensure(link.person != 0, || IIdentity::AddressNotLinked { account })?;
    let by = context.caller();
    let place = if by == account { existing(context, link.person)?.0 } else { in_care(context, link.person)? };
    // The last address takes the place of the one that leaves.
    let last = place.addresses.len(context)?.checked_sub(1);
    let moved = match last {
        Some(last) => place.addresses.get(context, last)?,
        None => None,
    };
    let moved = moved.ok_or_else(|| StateFault(format!("person {} lists no address, not {account}", link.person)))?;
    if moved != account {
        place.addresses.set(context, u64::from(link.position), moved)?;
        let (moved_slot, moved_link) = link_of(context, moved)?;
        moved_slot.write(context, Link { position: link.position, ..moved_link })?;
    }
    place.addresses.pop(context)?;
    slot.write(context, Link { person: 0, position: 0, ..link })?;
    context.emit(IDENTITY_ADDRESS, &IIdentity::AddressUnlinked { personId: link.person, account, by })
}
