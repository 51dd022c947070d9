//! Persons: what they are and in whose care.

use alloy_primitives::Address;

use super::{
    IIdentity,
    layout::{PersonPlace, PersonRecord, layout},
    lei::is_valid_lei,
    offices::{admin, require_registrar},
};
use crate::{
    IDENTITY_ADDRESS,
    calls::IModule,
    context::{Context, Failure, ensure, revert},
};

/// What a person is. The numbers are part of the ABI and of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonKind {
    /// A human.
    Natural = 1,
    /// A company or an authority.
    Legal = 2,
}

impl PersonKind {
    fn parse(number: u8) -> Result<Self, Failure> {
        match number {
            1 => Ok(Self::Natural),
            2 => Ok(Self::Legal),
            _ => Err(revert(IIdentity::PersonKindInvalid { kind: number })),
        }
    }

    /// Number in ABI and storage.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Natural => 1,
            Self::Legal => 2,
        }
    }
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// Number of persons; they are numbered from 1.
pub fn person_count(context: &mut Context<'_>) -> Result<u64, Failure> {
    layout().registered.read(context)
}

/// The person with this LEI; 0 if none has it.
pub fn person_of_lei(context: &mut Context<'_>, lei: &str) -> Result<u64, Failure> {
    layout().by_lei.at(context, lei)?.read(context)
}

/// In whose care the person is; reverts where none has the number.
pub fn registrar_of(context: &mut Context<'_>, person: u64) -> Result<Address, Failure> {
    Ok(existing(context, person)?.1.registrar)
}

/// A person that is registered; reverts where none is.
pub(super) fn existing(context: &mut Context<'_>, person: u64) -> Result<(PersonPlace, PersonRecord), Failure> {
    let place = layout().persons.at(context, &person)?;
    let record = place.record.read(context)?;
    ensure(record.kind != 0, || IIdentity::PersonUnknown { personId: person })?;
    Ok((place, record))
}

/// A person in the caller's care, who is still in office.
pub(super) fn in_care(context: &mut Context<'_>, person: u64) -> Result<PersonPlace, Failure> {
    let (place, record) = existing(context, person)?;
    let (caller, registrar) = (context.caller(), record.registrar);
    ensure(registrar == caller, || IIdentity::PersonRegistrarRequired { personId: person, caller, registrar })?;
    require_registrar(context, caller)?;
    Ok(place)
}

// ----- operations ----------------------------------------------------------------------------------------------------

/// Registers a person in the caller's care and answers its number.
pub fn register_person(context: &mut Context<'_>, kind: u8, lei: &str) -> Result<u64, Failure> {
    let registrar = context.caller();
    require_registrar(context, registrar)?;
    let legal = PersonKind::parse(kind)? == PersonKind::Legal;
    if legal {
        ensure(is_valid_lei(lei), || IIdentity::LeiInvalid { lei: lei.into() })?;
        let owner = person_of_lei(context, lei)?;
        ensure(owner == 0, || IIdentity::LeiTaken { lei: lei.into(), personId: owner })?;
    } else {
        ensure(lei.is_empty(), || IIdentity::LeiNotApplicable { lei: lei.into() })?;
    }
    let counter = layout().registered;
    let next = counter.read(context)?.checked_add(1);
    let person = next.ok_or_else(|| revert(IModule::ValueTooLarge { slot: counter.place().1 }))?;
    counter.write(context, person)?;
    let place = layout().persons.at(context, &person)?;
    let registered_ms = context.env().timestamp_ms;
    place.record.write(context, PersonRecord { kind, registrar, registered_ms })?;
    if legal {
        place.lei.write(context, lei)?;
        layout().by_lei.at(context, lei)?.write(context, person)?;
    }
    let event = IIdentity::PersonRegistered { personId: person, kind, registrar, lei: lei.into() };
    context.emit(IDENTITY_ADDRESS, &event)?;
    Ok(person)
}

/// Gives a person into another registrar's care: its own registrar does so, or the admin.
pub fn assign_registrar(context: &mut Context<'_>, person: u64, registrar: Address) -> Result<(), Failure> {
    let (place, record) = existing(context, person)?;
    if context.caller() != admin(context)? {
        in_care(context, person)?;
    }
    require_registrar(context, registrar)?;
    if record.registrar == registrar {
        return Ok(());
    }
    place.record.write(context, PersonRecord { registrar, ..record })?;
    context.emit(
        IDENTITY_ADDRESS,
        &IIdentity::RegistrarAssigned {
            personId: person,
            previousRegistrar: record.registrar,
            newRegistrar: registrar,
        },
    )
}
