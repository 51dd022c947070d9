//! Who issues a backed token, how much, and against which reserve.
//!
//! A reserve on this ledger is a hold in the reserve token, with the issuer as its owner: units that the issuer cannot
//! move as long as what it has outstanding needs them. What a seizure takes from that hold counts no more for minting.

use alloy_primitives::{Address, B256, U256};
use florin_types::StateFault;

use super::{
    ADMIN_ROLE, ATTESTOR_ROLE, ISSUER_ROLE, IToken, Keeper,
    holds::{frozen_on_hold, hold, hold_of, post_hold, release_hold},
    layout::{Attested, IssuerLine, IssuerRecord, Pledge, Supply, Terms, layout},
    ops::{ensure_token, terms},
    roles::require_role,
};
use crate::{
    context::{Context, Failure, ensure, revert},
    invariants::{self, Violation},
};

/// Most issuers that a token ever has.
pub const ISSUERS_MAX: u64 = 64;
/// Longest term of an attestation: 366 days.
pub const ATTESTATION_MS_MAX: u64 = 366 * 24 * 60 * 60 * 1_000;

/// Backed by units of another token of this ledger.
pub(super) const ON_LEDGER: u8 = 1;
/// Backed by what an attestor states.
const ATTESTED: u8 = 2;

/// How a token is backed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backing {
    /// 0 not, 1 on the ledger, 2 by attestation.
    pub kind: u8,
    /// The token that backs; zero unless the kind is 1.
    pub reserve_token: Address,
}

/// An issuer of a backed token, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Issuer {
    /// Most that it may have outstanding.
    pub quota: u128,
    /// What it has outstanding.
    pub outstanding: u128,
    /// What of the reserve token is on hold for it now.
    pub reserve: u128,
    /// What it pledged and neither took back nor paid out; more than the reserve only after a seizure.
    pub pledged: u128,
    /// Number of the hold; 0 before the first pledge.
    pub hold: u64,
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// How the token is backed.
pub fn backing(context: &mut Context<'_>, token: Address) -> Result<Backing, Failure> {
    let kind = terms(context, token)?.backing;
    Ok(Backing { kind, reserve_token: layout(token).reserve_token.read(context)? })
}

/// Everyone who ever had a quota.
pub fn issuers(context: &mut Context<'_>, token: Address) -> Result<Vec<Address>, Failure> {
    layout(token).issuers.all(context)
}

/// What an account may issue and has issued.
pub fn issuer_of(context: &mut Context<'_>, token: Address, account: Address) -> Result<Issuer, Failure> {
    let record = layout(token).issued.at(context, &account)?;
    let IssuerLine { quota, outstanding } = record.line.read(context)?;
    let Pledge { pledged, hold, .. } = record.pledge.read(context)?;
    let reserve = match hold {
        0 => 0,
        hold => {
            let reserve_token = layout(token).reserve_token.read(context)?;
            hold_of(context, reserve_token, hold)?.amount
        }
    };
    Ok(Issuer { quota, outstanding, reserve, pledged, hold })
}

/// The reserve as last attested, and the hash of the report.
pub(super) fn attestation(context: &mut Context<'_>, token: Address) -> Result<(Attested, B256), Failure> {
    let place = layout(token).attestation;
    Ok((place.stated.read(context)?, place.report.read(context)?))
}

// ----- what the admin sets -------------------------------------------------------------------------------------------

/// Sets the backing, once and before the first unit.
pub fn set_backing(context: &mut Context<'_>, token: Address, kind: u8, reserve: Address) -> Result<(), Failure> {
    require_role(context, token, ADMIN_ROLE)?;
    let mut terms = terms(context, token)?;
    ensure(terms.backing == 0, || IToken::BackingAlreadySet { kind: terms.backing })?;
    let supply = layout(token).supply.read(context)?.total;
    ensure(supply == 0, || IToken::BackingTooLate { supply: U256::from(supply) })?;
    let sound = match kind {
        ON_LEDGER => reserve != token && same_decimals(context, terms, reserve)?,
        ATTESTED => reserve.is_zero(),
        _ => false,
    };
    ensure(sound, || IToken::BackingInvalid { kind, reserveToken: reserve })?;
    terms.backing = kind;
    layout(token).terms.write(context, terms)?;
    layout(token).reserve_token.write(context, reserve)?;
    context.emit(token, &IToken::BackingSet { kind, reserveToken: reserve })
}

fn same_decimals(context: &mut Context<'_>, own: Terms, reserve: Address) -> Result<bool, Failure> {
    match ensure_token(context, reserve) {
        Ok(()) => Ok(terms(context, reserve)?.decimals == own.decimals),
        Err(Failure::Revert(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Sets how many units an issuer may have outstanding.
pub fn set_issuer_quota(
    context: &mut Context<'_>,
    token: Address,
    issuer: Address,
    quota: U256,
) -> Result<(), Failure> {
    require_role(context, token, ADMIN_ROLE)?;
    let backed = terms(context, token)?.backing != 0;
    ensure(backed, || IToken::TokenUnbacked {})?;
    let units = u128::try_from(quota).map_err(|_| revert(IToken::QuotaInvalid { quota }))?;
    ensure(context.can_hold(issuer), || IToken::RoleHolderInvalid { account: issuer })?;
    let record = layout(token).issued.at(context, &issuer)?;
    let pledge = record.pledge.read(context)?;
    if !pledge.listed {
        let list = layout(token).issuers;
        let room = list.len(context)? < ISSUERS_MAX;
        ensure(room, || IToken::IssuersTooMany { issuersMax: U256::from(ISSUERS_MAX) })?;
        list.push(context, issuer)?;
        record.pledge.write(context, Pledge { listed: true, ..pledge })?;
    }
    let line = record.line.read(context)?;
    record.line.write(context, IssuerLine { quota: units, ..line })?;
    context.emit(token, &IToken::IssuerQuotaSet { issuer, previousQuota: U256::from(line.quota), newQuota: quota })
}

// ----- reserves ------------------------------------------------------------------------------------------------------

/// States the reserve that is held elsewhere.
pub fn attest_reserve(
    context: &mut Context<'_>,
    token: Address,
    amount: U256,
    expires_ms: u64,
    report: B256,
) -> Result<(), Failure> {
    require_role(context, token, ATTESTOR_ROLE)?;
    require_kind(context, token, ATTESTED)?;
    let units = u128::try_from(amount).map_err(|_| revert(IToken::ReserveAmountInvalid { amount }))?;
    let now_ms = context.env().timestamp_ms;
    let latest_ms = now_ms.saturating_add(ATTESTATION_MS_MAX);
    ensure(expires_ms > now_ms && expires_ms <= latest_ms, || IToken::AttestationTermInvalid {
        expiresMs: expires_ms,
        nowMs: now_ms,
        expiresMsMax: latest_ms,
    })?;
    ensure(!report.is_zero(), || IToken::ReportHashMissing {})?;
    let place = layout(token).attestation;
    place.stated.write(context, Attested { amount: units, attested_ms: now_ms, expires_ms })?;
    place.report.write(context, report)?;
    let attestor = context.caller();
    context.emit(token, &IToken::ReserveAttested { attestor, amount, expiresMs: expires_ms, reportHash: report })
}

/// Puts units of the reserve token on hold as the caller's reserve. One hold an issuer: a further pledge takes its place.
pub fn pledge_reserve(context: &mut Context<'_>, token: Address, amount: U256) -> Result<(), Failure> {
    require_role(context, token, ISSUER_ROLE)?;
    let reserve_token = require_kind(context, token, ON_LEDGER)?;
    let units = positive(amount)?;
    let owner = context.caller();
    let listed = layout(token).issued.at(context, &owner)?.pledge.read(context)?.listed;
    ensure(listed, || IToken::IssuerUnknown { issuer: owner })?;
    let issuer = issuer_of(context, token, owner)?;
    let too_much = || revert(IToken::ReserveAmountInvalid { amount });
    let reserve = issuer.reserve.checked_add(units).ok_or_else(too_much)?;
    let pledged = issuer.pledged.checked_add(units).ok_or_else(too_much)?;
    if issuer.reserve > 0 {
        release_hold(context, reserve_token, (Keeper::Reserve, issuer.hold), issuer.reserve)?;
    }
    let number = hold(context, reserve_token, Keeper::Reserve, owner, reserve)?;
    write_pledge(context, token, owner, pledged, number)?;
    let (reserve, hold_id) = (U256::from(reserve), number);
    context.emit(token, &IToken::ReservePledged { issuer: owner, amount, reserve, holdId: hold_id })
}

/// Frees units of the caller's reserve that nothing outstanding needs.
pub fn release_reserve(context: &mut Context<'_>, token: Address, amount: U256) -> Result<(), Failure> {
    let reserve_token = require_kind(context, token, ON_LEDGER)?;
    let units = positive(amount)?;
    let owner = context.caller();
    let issuer = issuer_of(context, token, owner)?;
    ensure(units <= issuer.reserve.saturating_sub(issuer.outstanding), || IToken::ReserveInUse {
        issuer: owner,
        reserve: U256::from(issuer.reserve),
        outstanding: U256::from(issuer.outstanding),
        amount,
    })?;
    release_hold(context, reserve_token, (Keeper::Reserve, issuer.hold), units)?;
    write_pledge(context, token, owner, issuer.pledged.saturating_sub(units), issuer.hold)?;
    let reserve = U256::from(issuer.reserve.saturating_sub(units));
    context.emit(token, &IToken::ReserveReleased { issuer: owner, amount, reserve })
}

/// Pays units of an issuer's reserve to whom it redeems from. The units redeemed are gone already.
pub(super) fn pay_reserve(
    context: &mut Context<'_>,
    token: Address,
    (issuer, holder): (Address, Address),
    units: u128,
) -> Result<(), Failure> {
    let reserve_token = require_kind(context, token, ON_LEDGER)?;
    let Issuer { pledged, hold, .. } = issuer_of(context, token, issuer)?;
    post_hold(context, reserve_token, (Keeper::Reserve, hold), holder, units)?;
    write_pledge(context, token, issuer, pledged.saturating_sub(units), hold)
}

fn write_pledge(
    context: &mut Context<'_>,
    token: Address,
    issuer: Address,
    pledged: u128,
    hold: u64,
) -> Result<(), Failure> {
    let place = layout(token).issued.at(context, &issuer)?.pledge;
    let before = place.read(context)?;
    place.write(context, Pledge { pledged, hold, ..before })
}

/// The reserve token of a backing of this kind; zero where there is none.
pub(super) fn require_kind(context: &mut Context<'_>, token: Address, needed: u8) -> Result<Address, Failure> {
    let Backing { kind, reserve_token } = backing(context, token)?;
    ensure(kind == needed, || IToken::BackingKindRequired { needed, kind })?;
    Ok(reserve_token)
}

fn positive(amount: U256) -> Result<u128, Failure> {
    let units = u128::try_from(amount).ok().filter(|units| *units > 0);
    units.ok_or_else(|| revert(IToken::ReserveAmountInvalid { amount }))
}

// ----- supply --------------------------------------------------------------------------------------------------------

/// Units that the caller brings into existence: within its quota and the reserve in force. Nothing for a token without
/// backing.
pub(super) fn note_issued(
    context: &mut Context<'_>,
    token: Address,
    terms: Terms,
    supply: u128,
    units: u128,
) -> Result<(), Failure> {
    if terms.backing == 0 {
        return Ok(());
    }
    let account = context.caller();
    let issuer = issuer_of(context, token, account)?;
    let amount = U256::from(units);
    let outstanding = issuer.outstanding.checked_add(units).filter(|sum| *sum <= issuer.quota);
    let outstanding = outstanding.ok_or_else(|| {
        revert(IToken::IssuerQuotaExceeded {
            issuer: account,
            quota: U256::from(issuer.quota),
            outstanding: U256::from(issuer.outstanding),
            amount,
        })
    })?;
    let (reserve, issued) = match terms.backing {
        ON_LEDGER => (unfrozen_reserve(context, token, account, issuer)?, issuer.outstanding),
        _ => (attested_now(context, token)?, supply),
    };
    let covered = issued.checked_add(units).is_some_and(|sum| sum <= reserve);
    ensure(covered, || IToken::ReserveExceeded { reserve: U256::from(reserve), issued: U256::from(issued), amount })?;
    let record: IssuerRecord = layout(token).issued.at(context, &account)?;
    record.line.write(context, IssuerLine { quota: issuer.quota, outstanding })
}

/// The reserve less what of it is frozen now: a court may take that, and no holder is paid with it.
fn unfrozen_reserve(
    context: &mut Context<'_>,
    token: Address,
    account: Address,
    issuer: Issuer,
) -> Result<u128, Failure> {
    let reserve_token = layout(token).reserve_token.read(context)?;
    Ok(issuer.reserve.saturating_sub(frozen_on_hold(context, reserve_token, account)?))
}

/// The attested reserve; at the very instant of its expiry it is none.
fn attested_now(context: &mut Context<'_>, token: Address) -> Result<u128, Failure> {
    let Attested { amount, expires_ms, .. } = layout(token).attestation.stated.read(context)?;
    let now_ms = context.env().timestamp_ms;
    ensure(now_ms < expires_ms, || IToken::AttestationExpired { expiresMs: expires_ms, nowMs: now_ms })?;
    Ok(amount)
}

/// Takes destroyed units out of the supply, and out of what their issuer has outstanding.
pub(super) fn lower_supply(
    context: &mut Context<'_>,
    token: Address,
    terms: Terms,
    issuer: Address,
    units: u128,
) -> Result<(), Failure> {
    if terms.backing != 0 {
        let place = layout(token).issued.at(context, &issuer)?.line;
        let line = place.read(context)?;
        let outstanding = line.outstanding.checked_sub(units).ok_or_else(|| {
            let (outstanding, amount) = (U256::from(line.outstanding), U256::from(units));
            revert(IToken::OutstandingExceeded { issuer, outstanding, amount })
        })?;
        place.write(context, IssuerLine { outstanding, ..line })?;
    }
    let place = layout(token).supply;
    let supply = place.read(context)?;
    let total = supply.total.checked_sub(units).ok_or_else(|| {
        Failure::from(StateFault(format!("token {token}: {units} units are destroyed of a supply of {}", supply.total)))
    })?;
    place.write(context, Supply { total, ..supply })
}

// ----- invariants ----------------------------------------------------------------------------------------------------

/// Checks the issuers of a backed token against its supply and their reserves.
pub(super) fn check(context: &mut Context<'_>, token: Address, violations: &mut Vec<Violation>) -> Result<(), Failure> {
    let Backing { kind, reserve_token } = backing(context, token)?;
    if kind == 0 {
        return Ok(());
    }
    let supply = layout(token).supply.read(context)?.total;
    let mut sum = 0u128;
    for account in issuers(context, token)? {
        let issuer = issuer_of(context, token, account)?;
        sum = sum.saturating_add(issuer.outstanding);
        let own = issuer.hold == 0 || {
            let kept = hold_of(context, reserve_token, issuer.hold)?;
            kept.owner == account && kept.keeper == Keeper::Reserve
        };
        let covered = kind != ON_LEDGER || issuer.outstanding <= issuer.pledged;
        let whole = own && covered && issuer.reserve <= issuer.pledged;
        invariants::hold(violations, "token.issued_within_reserve", whole, || {
            format!("issuer {account} of token {token}, its own hold: {own}: {issuer:?}")
        });
    }
    invariants::hold(violations, "token.issued_is_supply", sum == supply, || {
        format!("issuers of token {token} have {sum} outstanding, its supply is {supply}")
    });
    Ok(())
}
