//! Named predicates over the identity registry.

use super::{
    ADDRESSES_MAX, CredentialKind, PersonKind, admin,
    credentials::entry,
    is_valid_lei,
    layout::{PersonPlace, PersonRecord},
    links::link_of,
    person_count, person_of_lei,
    persons::existing,
};
use crate::{
    context::{Context, Failure},
    invariants::{Violation, hold},
};

/// Checks every invariant of every person; empty where all hold.
pub fn check(context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    let admin = admin(context)?;
    hold(&mut violations, "identity.admin_exists", !admin.is_zero(), || "the admin is the zero address".into());
    for person in 1..=person_count(context)? {
        let (place, record) = existing(context, person)?;
        check_addresses(context, person, &place, &mut violations)?;
        check_lei(context, person, &place, record, &mut violations)?;
        check_credentials(context, person, &mut violations)?;
    }
    Ok(violations)
}

fn check_addresses(
    context: &mut Context<'_>,
    person: u64,
    place: &PersonPlace,
    violations: &mut Vec<Violation>,
) -> Result<(), Failure> {
    let count = place.addresses.len(context)?;
    hold(violations, "identity.addresses_bounded", count <= ADDRESSES_MAX, || {
        format!("person {person} has {count} addresses")
    });
    for position in 0..count.min(ADDRESSES_MAX) {
        let Some(account) = place.addresses.get(context, position)? else { continue };
        let link = link_of(context, account)?.1;
        let points_back = link.person == person && u64::from(link.position) == position;
        hold(violations, "identity.addresses_point_back", points_back, || {
            format!("person {person} lists {account} at {position}, which has {link:?}")
        });
    }
    Ok(())
}

fn check_lei(
    context: &mut Context<'_>,
    person: u64,
    place: &PersonPlace,
    record: PersonRecord,
    violations: &mut Vec<Violation>,
) -> Result<(), Failure> {
    let lei = place.lei.read(context)?;
    let legal = record.kind == PersonKind::Legal.number();
    let fits = if legal { is_valid_lei(&lei) && person_of_lei(context, &lei)? == person } else { lei.is_empty() };
    hold(violations, "identity.lei_points_back", fits, || {
        format!("person {person} of kind {} has LEI {lei:?}", record.kind)
    });
    Ok(())
}

fn check_credentials(context: &mut Context<'_>, person: u64, violations: &mut Vec<Violation>) -> Result<(), Failure> {
    for kind in CredentialKind::ALL {
        let entry = entry(context, person, kind)?;
        let given = entry.history.given > 0;
        let whole = kind.admits(entry.terms.value) && !entry.terms.verifier.is_zero() && !entry.commitment.is_zero();
        let times = entry.history.issued_ms < entry.terms.expires_ms
            && entry.terms.revoked == (entry.history.revoked_ms > 0)
            && (entry.history.renewals > 0) == (entry.history.renewed_ms > 0);
        let empty = entry.terms.verifier.is_zero() && entry.commitment.is_zero();
        hold(violations, "identity.credentials_well_formed", if given { whole && times } else { empty }, || {
            format!("person {person} has for {kind:?} {entry:?}")
        });
    }
    Ok(())
}
