//! Allowances by signature (ERC-2612) over typed data (EIP-712).
//!
//! A permit is signed by a key: an account that is a contract cannot sign one and approves by a call instead.

use alloy_primitives::{Address, B256, U256, b256};
use alloy_sol_types::SolValue;

use super::{
    IToken,
    layout::layout,
    ops::{name, set_allowance},
};
use crate::{
    context::{Context, Failure, ensure},
    typed_data,
};

/// `keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")`.
pub(super) const PERMIT_TYPE: B256 = b256!("6e71edae12b1b97f4d1f60370fef10105fa2faae0126114a169c64845d6126c9");

/// An allowance to be set by signature.
#[derive(Clone, Copy, Debug)]
pub struct Permit {
    /// Whose units.
    pub owner: Address,
    /// Who may move them.
    pub spender: Address,
    /// How many.
    pub value: U256,
    /// Block time, in seconds, after which the signature is void.
    pub deadline: U256,
}

/// A secp256k1 signature as Solidity passes it.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// 27 or 28.
    pub v: u8,
    /// First half.
    pub r: B256,
    /// Second half.
    pub s: B256,
}

/// Number of permits that the owner has used.
pub fn nonce(context: &mut Context<'_>, token: Address, owner: Address) -> Result<U256, Failure> {
    layout(token).nonces.at(context, &owner)?.read(context)
}

/// EIP-712 domain separator of the token.
pub fn domain_separator(context: &mut Context<'_>, token: Address) -> Result<B256, Failure> {
    let name = name(context, token)?;
    typed_data::domain_separator(context, &name, token)
}

/// What the owner signs.
pub fn permit_digest(context: &mut Context<'_>, token: Address, permit: Permit, nonce: U256) -> Result<B256, Failure> {
    let Permit { owner, spender, value, deadline } = permit;
    let domain = domain_separator(context, token)?;
    typed_data::digest(context, domain, &(PERMIT_TYPE, owner, spender, value, nonce, deadline).abi_encode())
}

/// Sets an allowance by the owner's signature.
pub fn permit(context: &mut Context<'_>, token: Address, permit: Permit, signature: Signature) -> Result<(), Failure> {
    let Permit { owner, spender, value, deadline } = permit;
    let now = U256::from(context.env().timestamp_seconds());
    ensure(now <= deadline, || IToken::ERC2612ExpiredSignature { deadline })?;
    let used = nonce(context, token, owner)?;
    let digest = permit_digest(context, token, permit, used)?;
    let signer = context.recover(digest, signature.v, signature.r, signature.s)?.unwrap_or_default();
    // The zero address stands for "no signer" and must not own the permit.
    ensure(signer == owner && !owner.is_zero(), || IToken::ERC2612InvalidSigner { signer, owner })?;
    // A nonce counts signatures: it cannot reach 2^256.
    layout(token).nonces.at(context, &owner)?.write(context, used.saturating_add(U256::ONE))?;
    set_allowance(context, token, owner, spender, value)
}
