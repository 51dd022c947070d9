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
use crate::context::{Context, Failure, ensure};

/// `keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")`.
pub(super) const DOMAIN_TYPE: B256 = b256!("8b73c3c69bb8fe3d512ecc4cf759cc79239f7b179b0ffacaa9a75d522b39400f");
/// `keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")`.
pub(super) const PERMIT_TYPE: B256 = b256!("6e71edae12b1b97f4d1f60370fef10105fa2faae0126114a169c64845d6126c9");
/// Version in the domain.
pub(super) const DOMAIN_VERSION: &str = "1";
/// Fields of the domain that are used: name, version, chain id, contract (ERC-5267).
pub(super) const DOMAIN_FIELDS: [u8; 1] = [0x0f];

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
    let name_hash = context.keccak(name.as_bytes())?;
    let version_hash = context.keccak(DOMAIN_VERSION.as_bytes())?;
    let chain_id = U256::from(context.env().chain_id);
    let domain = (DOMAIN_TYPE, name_hash, version_hash, chain_id, token).abi_encode();
    context.keccak(&domain)
}

/// What the owner signs.
pub fn permit_digest(context: &mut Context<'_>, token: Address, permit: Permit, nonce: U256) -> Result<B256, Failure> {
    let Permit { owner, spender, value, deadline } = permit;
    let permit_hash = context.keccak(&(PERMIT_TYPE, owner, spender, value, nonce, deadline).abi_encode())?;
    let domain = domain_separator(context, token)?;
    context.keccak(&[&[0x19, 0x01], domain.as_slice(), permit_hash.as_slice()].concat())
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
