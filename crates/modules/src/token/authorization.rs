//! Payments by signature (ERC-3009) over typed data (EIP-712): the holder signs, anyone brings it.
//!
//! Nonces are random and each is used once, so that payments do not wait for each other. An account that is a contract
//! cannot sign: a module calls no contract that could answer for it.

use alloy_primitives::{Address, B256, U256, b256};
use alloy_sol_types::SolValue;

use super::{
    IToken,
    layout::layout,
    ops::{Movement, pay_at_once},
    permit::domain_separator,
};
use crate::{
    context::{Context, Failure, ensure},
    slots::Slot,
    typed_data,
};

/// Hash of `TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)`.
pub(super) const TRANSFER_TYPE: B256 = b256!("7c7c6cdb67a18743f49ec6fa9b35f50d52ed05cbed4cc592e13b44501c1a2267");
/// The same of `ReceiveWithAuthorization`, with the same members.
pub(super) const RECEIVE_TYPE: B256 = b256!("d099cc98ef71107a616c4f0f941f04c322d8e254fe26b3c6668db87aae413de8");
/// Hash of `CancelAuthorization(address authorizer,bytes32 nonce)`.
pub(super) const CANCEL_TYPE: B256 = b256!("158b0a9edf7a828aad02f63cd515c68ef2f50ba807396f6d12842833a1597429");

/// Who may bring an authorisation; the holder signs which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bringer {
    /// Anyone.
    Anyone,
    /// The payee alone.
    Payee,
}

/// A payment that a holder signs.
#[derive(Clone, Copy, Debug)]
pub struct Authorization {
    /// Whose units.
    pub from: Address,
    /// Who gets them.
    pub to: Address,
    /// How many, in minor units.
    pub value: U256,
    /// Valid strictly after this block time, in seconds.
    pub valid_after: U256,
    /// Valid strictly before this block time, in seconds.
    pub valid_before: U256,
    /// 32 bytes that the holder used for nothing else.
    pub nonce: B256,
}

impl From<(Address, Address, U256, U256, U256, B256)> for Authorization {
    fn from(members: (Address, Address, U256, U256, U256, B256)) -> Self {
        let (from, to, value, valid_after, valid_before, nonce) = members;
        Self { from, to, value, valid_after, valid_before, nonce }
    }
}

/// A signature in three parts as one: r, s, v.
pub(super) fn joined(v: u8, r: B256, s: B256) -> Vec<u8> {
    [r.as_slice(), s.as_slice(), &[v]].concat()
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// Whether the holder's nonce was used or cancelled.
pub fn authorization_used(
    context: &mut Context<'_>,
    token: Address,
    holder: Address,
    nonce: B256,
) -> Result<bool, Failure> {
    place(context, token, holder, nonce)?.read(context)
}

fn place(context: &mut Context<'_>, token: Address, holder: Address, nonce: B256) -> Result<Slot<bool>, Failure> {
    layout(token).authorizations.at(context, &holder)?.at(context, &nonce)
}

/// What the holder signs for a payment.
pub fn authorization_digest(
    context: &mut Context<'_>,
    token: Address,
    bringer: Bringer,
    payment: Authorization,
) -> Result<B256, Failure> {
    let kind = match bringer {
        Bringer::Anyone => TRANSFER_TYPE,
        Bringer::Payee => RECEIVE_TYPE,
    };
    let Authorization { from, to, value, valid_after, valid_before, nonce } = payment;
    let domain = domain_separator(context, token)?;
    let message = (kind, from, to, value, valid_after, valid_before, nonce).abi_encode();
    typed_data::digest(context, domain, &message)
}

/// What the holder signs to make a nonce unusable.
pub fn cancellation_digest(
    context: &mut Context<'_>,
    token: Address,
    holder: Address,
    nonce: B256,
) -> Result<B256, Failure> {
    let domain = domain_separator(context, token)?;
    typed_data::digest(context, domain, &(CANCEL_TYPE, holder, nonce).abi_encode())
}

// ----- operations ----------------------------------------------------------------------------------------------------

/// Pays by the holder's signature; a transfer of the holder in every other respect.
pub fn pay_by_authorization(
    context: &mut Context<'_>,
    token: Address,
    bringer: Bringer,
    payment: Authorization,
    signature: &[u8],
) -> Result<(), Failure> {
    let Authorization { from, to, value, valid_after, valid_before, nonce } = payment;
    let (caller, now) = (context.caller(), U256::from(context.env().timestamp_seconds()));
    let brought = bringer == Bringer::Anyone || caller == to;
    ensure(brought, || IToken::AuthorizationPayeeRequired { caller, payee: to })?;
    ensure(now > valid_after, || IToken::AuthorizationNotYetValid { validAfter: valid_after, nowSeconds: now })?;
    ensure(now < valid_before, || IToken::AuthorizationExpired { validBefore: valid_before, nowSeconds: now })?;
    let place = unused(context, token, from, nonce)?;
    let digest = authorization_digest(context, token, bringer, payment)?;
    ensure_signed(context, digest, signature, from)?;
    place.write(context, true)?;
    context.emit(token, &IToken::AuthorizationUsed { authorizer: from, nonce })?;
    pay_at_once(context, token, Movement::transfer(from, to, None, value))
}

/// Makes a nonce unusable by the holder's signature.
pub fn cancel_authorization(
    context: &mut Context<'_>,
    token: Address,
    holder: Address,
    nonce: B256,
    signature: &[u8],
) -> Result<(), Failure> {
    let place = unused(context, token, holder, nonce)?;
    let digest = cancellation_digest(context, token, holder, nonce)?;
    ensure_signed(context, digest, signature, holder)?;
    place.write(context, true)?;
    context.emit(token, &IToken::AuthorizationCanceled { authorizer: holder, nonce })
}

/// Where a nonce is noted that was neither used nor cancelled.
fn unused(context: &mut Context<'_>, token: Address, holder: Address, nonce: B256) -> Result<Slot<bool>, Failure> {
    let place = place(context, token, holder, nonce)?;
    let spent = place.read(context)?;
    ensure(!spent, || IToken::AuthorizationSpent { authorizer: holder, nonce })?;
    Ok(place)
}

/// The zero address stands for "no signer" and authorises nothing.
fn ensure_signed(context: &mut Context<'_>, digest: B256, signature: &[u8], holder: Address) -> Result<(), Failure> {
    let signer = typed_data::signer(context, digest, signature)?;
    ensure(signer == holder && !holder.is_zero(), || IToken::AuthorizationSignerInvalid { signer, authorizer: holder })
}
