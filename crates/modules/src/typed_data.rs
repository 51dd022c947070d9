//! Typed data that people sign (EIP-712): the domain of a module, the digest of a message, who signed it.
//!
//! The domain binds a signature to one chain and one module; the message's type binds it to one meaning. Whether it
//! may be used once only is the module's own rule. An account that is a contract has no key and consents by a call.

use alloy_primitives::{Address, B256, U256, b256};
use alloy_sol_types::SolValue;

use crate::context::{Context, Failure};

/// `keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")`.
pub(crate) const DOMAIN_TYPE: B256 = b256!("8b73c3c69bb8fe3d512ecc4cf759cc79239f7b179b0ffacaa9a75d522b39400f");
/// Version in every domain.
pub(crate) const DOMAIN_VERSION: &str = "1";
/// Fields of the domain that are used: name, version, chain id, contract (ERC-5267).
pub(crate) const DOMAIN_FIELDS: [u8; 1] = [0x0f];

/// Separator of the domain with this name at this module.
pub(crate) fn domain_separator(context: &mut Context<'_>, name: &str, module: Address) -> Result<B256, Failure> {
    let name_hash = context.keccak(name.as_bytes())?;
    let version_hash = context.keccak(DOMAIN_VERSION.as_bytes())?;
    let chain_id = U256::from(context.env().chain_id);
    let domain = (DOMAIN_TYPE, name_hash, version_hash, chain_id, module).abi_encode();
    context.keccak(&domain)
}

/// What is signed: a message, given by the ABI encoding of its type's hash and its members, within a domain.
pub(crate) fn digest(context: &mut Context<'_>, domain: B256, message: &[u8]) -> Result<B256, Failure> {
    let message_hash = context.keccak(message)?;
    context.keccak(&[&[0x19, 0x01], domain.as_slice(), message_hash.as_slice()].concat())
}

/// Who signed the digest: 65 bytes, r, s and v (27 or 28). The zero address where nobody did: a wrong length, `s` in the
/// upper half (EIP-2), or no point of the curve. Callers never take the zero address for a party.
pub(crate) fn signer(context: &mut Context<'_>, digest: B256, signature: &[u8]) -> Result<Address, Failure> {
    let Ok(bytes) = <&[u8; 65]>::try_from(signature) else { return Ok(Address::ZERO) };
    let (r, s) = (B256::from_slice(&bytes[..32]), B256::from_slice(&bytes[32..64]));
    Ok(context.recover(digest, bytes[64], r, s)?.unwrap_or_default())
}
