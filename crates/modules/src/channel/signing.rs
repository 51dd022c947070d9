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
/// `keccak256("ChannelClose(uint64 channelId,uint256 cumulative)")`.
pub(super) const CLOSE_TYPE: B256 = b256!("dbb43b65460ea725e84b9910d13546a25db861bb0cfd609352c75cbf61487fd8");

/// What the payer signs for a state.
pub fn state_digest(context: &mut Context<'_>, channel: u64, cumulative: U256) -> Result<B256, Failure> {
    digest(context, STATE_TYPE, channel, cumulative)
}

/// What a party signs to close together.
pub fn close_digest(context: &mut Context<'_>, channel: u64, cumulative: U256) -> Result<B256, Failure> {
    digest(context, CLOSE_TYPE, channel, cumulative)
}

fn digest(context: &mut Context<'_>, message_type: B256, channel: u64, cumulative: U256) -> Result<B256, Failure> {
    let domain = typed_data::domain_separator(context, DOMAIN_NAME, CHANNEL_ADDRESS)?;
    typed_data::digest(context, domain, &(message_type, channel, cumulative).abi_encode())
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
