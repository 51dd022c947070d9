//! What becomes of credits beyond a holding limit: parked with their payer, or swept to the payee's linked account.

use alloy_primitives::{Address, U256};

use super::{
    IToken, Keeper,
    gate::{admit_plain, movement, refused},
    holds::{hold_of, payee_of, post_hold, release_hold},
    layout::layout,
    ops::Holder,
};
use crate::{
    context::{Context, Failure, ensure},
    policy::{self, Decision, Movement, Purpose, Refusal},
};

// ----- linked accounts -----------------------------------------------------------------------------------------------

/// Where the excess over a holding limit goes; zero if nowhere.
pub fn linked_account(context: &mut Context<'_>, token: Address, account: Address) -> Result<Address, Failure> {
    layout(token).linked_accounts.at(context, &account)?.read(context)
}

/// Links the account that takes what the caller may not hold; zero undoes it.
pub fn set_linked_account(context: &mut Context<'_>, token: Address, linked: Address) -> Result<(), Failure> {
    let account = context.caller();
    let sound = linked.is_zero() || (context.can_hold(linked) && linked != account);
    ensure(sound, || IToken::LinkedAccountInvalid { account: linked })?;
    layout(token).linked_accounts.at(context, &account)?.write(context, linked)?;
    context.emit(token, &IToken::LinkedAccountSet { account, linkedAccount: linked })
}

// ----- sweeping ------------------------------------------------------------------------------------------------------

/// Units that go on from a payee to its linked account, once they have come in.
pub(super) struct Sweep {
    from: Address,
    to: Address,
    units: u128,
    decision: Decision,
}

/// Whether the excess of a credit can go on; refused as the credit itself would be, where no account is linked, or where
/// more is frozen than is there, so that the credit itself is. A sweep that would itself be diverted is refused: sweeps
/// do not follow each other.
pub(super) fn plan_sweep(
    context: &mut Context<'_>,
    token: Address,
    policy: u64,
    from: Address,
    (refusal, units): (Refusal, u128),
) -> Result<Sweep, Failure> {
    let to = linked_account(context, token, from)?;
    let payer = Holder::read(context, token, from)?;
    if to.is_zero() || payer.frozen_in_all() > payer.holding.balance {
        return Err(refused(policy, refusal));
    }
    let receiver = Holder::read(context, token, to)?;
    let movement =
        Movement { payer: Some(from), payee: Some(to), ..movement(token, Purpose::Sweep, U256::from(units)) };
    let decision = admit_plain(context, policy, &movement, [Some(&receiver), None, None])?;
    Ok(Sweep { from, to, units, decision })
}

/// Moves the excess on. The credit came before, so that the units are there and neither frozen nor on hold.
pub(super) fn sweep(context: &mut Context<'_>, token: Address, sweep: Sweep) -> Result<(), Failure> {
    let Sweep { from, to, units, decision } = sweep;
    let mut payer = Holder::read(context, token, from)?;
    let mut receiver = Holder::read(context, token, to)?;
    payer.debit(units)?;
    receiver.credit(units)?;
    payer.write(context)?;
    receiver.write(context)?;
    context.emit(token, &IToken::Transfer { from, to, value: U256::from(units) })?;
    policy::record(context, decision)
}

// ----- parking -------------------------------------------------------------------------------------------------------

/// Pays parked units to their payee, as far as it may hold them now. Anyone may ask for it: every rule is asked again.
/// The maximum stands for all that are left.
pub fn claim_parked(context: &mut Context<'_>, token: Address, number: u64, amount: U256) -> Result<(), Failure> {
    let (_, payee, left) = parked(context, token, number)?;
    let all = amount == U256::MAX;
    let units = if all { left } else { u128::try_from(amount).unwrap_or(u128::MAX) };
    post_hold(context, token, (Keeper::Parking, number), payee, units)
}

/// Gives parked units back to their payer: it asks for them, or the payee declines them.
pub fn release_parked(context: &mut Context<'_>, token: Address, number: u64) -> Result<(), Failure> {
    let (payer, payee, left) = parked(context, token, number)?;
    let caller = context.caller();
    ensure(caller == payer || caller == payee, || IToken::ParkedPartyRequired { holdId: number, caller })?;
    release_hold(context, token, (Keeper::Parking, number), left)
}

/// Payer, payee and what is left of parked units. Holds of modules are none.
fn parked(context: &mut Context<'_>, token: Address, number: u64) -> Result<(Address, Address, u128), Failure> {
    let hold = hold_of(context, token, number)?;
    ensure(hold.keeper == Keeper::Parking, || IToken::HoldNotParked { holdId: number })?;
    Ok((hold.owner, payee_of(context, token, number)?, hold.amount))
}
