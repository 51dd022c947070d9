//! What parties of a channel sign, and whether they did.

use alloy_primitives::{Address, B256, U256, b256};
use alloy_sol_types::SolValue;

use super::IChannel;
use crate::{
    CHANNEL_ADDRESS,
    context::{Context, Failure, ensure},
    typed_data,
};

/// Name in the domain.
pub(super) const DOMAIN_NAME: &str = "Florin Channel";
/// `keccak256("ChannelState(uint64 channelId,uint256 cumulative)")`.
pub(super) const STATE_TYPE: B256 = b256!("cba34cdce10a611deaa28178241d4d9855380f95fac3bbf67f0d8ab648cb711c");
/// `keccak256("ChannelClose(uint64 channelId,uint256 cumulative,uint64 validUntilMs)")`.
pub(super) const CLOSE_TYPE: B256 = b256!("71ae1d250ee8b22ba577f62eeb161d0165b794eba834b550bb140fdf7da3e85b");

/// What the payer signs for a state.
pub fn state_digest(context: &mut Context<'_>, channel: u64, cumulative: U256) -> Result<B256, Failure> {
    digest(context, &(STATE_TYPE, channel, cumulative).abi_encode())
}

/// What a party signs to close together. It names a time, for states go on being signed while it is on its way.
pub fn close_digest(
    context: &mut Context<'_>,
    channel: u64,
    cumulative: U256,
    valid_until_ms: u64,
) -> Result<B256, Failure> {
    digest(context, &(CLOSE_TYPE, channel, cumulative, valid_until_ms).abi_encode())
}

fn digest(context: &mut Context<'_>, message: &[u8]) -> Result<B256, Failure> {
    let domain = typed_data::domain_separator(context, DOMAIN_NAME, CHANNEL_ADDRESS)?;
    typed_data::digest(context, domain, message)
}

/// Reverts unless `party` signed the digest.
pub(super) fn ensure_signed(
    context: &mut Context<'_>,
    channel: u64,
    digest: B256,
    signature: &[u8],
    party: Address,
) -> Result<(), Failure> {
    let signer = typed_data::signer(context, digest, signature)?;
    // The zero address stands for "no signer" and is no party.
    ensure(signer == party && !party.is_zero(), || IChannel::ChannelSignatureInvalid {
        channelId: channel,
        signer,
        expected: party,
    })
}
