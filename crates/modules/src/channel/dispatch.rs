//! From selector to operation. No logic.

use alloy_primitives::{B256, Bytes, U256};

use super::{
    Channel,
    IChannel::{IChannelCalls as Call, *},
    ops, signing,
};
use crate::{
    CHANNEL_ADDRESS,
    calls::{decode, mutate, view},
    context::{Context, Failure},
    typed_data,
};

/// Answers a call to the module.
pub(crate) fn dispatch(context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure> {
    match decode::<Call>(context, input)? {
        Call::open(c) => mutate::<openCall, _>(context, |x| ops::open(x, c.token, c.payee, c.amount, c.challengeMs)),
        Call::topUp(c) => mutate::<topUpCall, _>(context, |x| ops::top_up(x, c.channelId, c.amount)),
        Call::submitState(c) => mutate::<submitStateCall, _>(context, |x| {
            ops::submit_state(x, c.channelId, c.cumulative, &c.signature, c.payNow)
        }),
        Call::closeByPayee(c) => {
            mutate::<closeByPayeeCall, _>(context, |x| ops::close_by_payee(x, c.channelId, c.payNow))
        }
        Call::startClose(c) => mutate::<startCloseCall, _>(context, |x| ops::start_close(x, c.channelId, c.cumulative)),
        Call::finishClose(c) => mutate::<finishCloseCall, _>(context, |x| ops::finish_close(x, c.channelId, c.payNow)),
        Call::closeTogether(c) => mutate::<closeTogetherCall, _>(context, |x| {
            let signatures = (&c.payerSignature[..], &c.payeeSignature[..]);
            ops::close_together(x, c.channelId, (c.cumulative, c.validUntilMs), signatures, c.payNow)
        }),
        Call::payOut(c) => mutate::<payOutCall, _>(context, |x| ops::pay_out(x, c.channelId)),

        Call::channelCount(_) => view::<channelCountCall>(ops::channel_count(context)?),
        Call::channelOf(c) => view::<channelOfCall>(show(&Channel::read(context, c.channelId)?)),
        Call::stateDigest(c) => view::<stateDigestCall>(signing::state_digest(context, c.channelId, c.cumulative)?),
        Call::closeDigest(c) => {
            view::<closeDigestCall>(signing::close_digest(context, c.channelId, c.cumulative, c.validUntilMs)?)
        }
        Call::payableAt(c) => view::<payableAtCall>(U256::from(ops::payable_at(context, c.channelId, c.cumulative)?)),
        Call::liquidityOf(c) => {
            let found = ops::liquidity_of(context, c.token, c.owner, c.start, c.count)?;
            view::<liquidityOfCall>((U256::from(found.held), U256::from(found.due), found.listed))
        }
        Call::eip712Domain(_) => view::<eip712DomainCall>((
            typed_data::DOMAIN_FIELDS.into(),
            signing::DOMAIN_NAME.into(),
            typed_data::DOMAIN_VERSION.into(),
            U256::from(context.env().chain_id),
            CHANNEL_ADDRESS,
            B256::ZERO,
            Vec::new(),
        )),
    }
}

fn show(channel: &Channel) -> channelOfReturn {
    channelOfReturn {
        payer: channel.head.payer,
        payee: channel.goal.payee,
        token: channel.funds.token,
        holdId: channel.funds.hold,
        status: channel.status.number(),
        challengeMs: channel.head.challenge_ms,
        closesAtMs: channel.goal.closes_at_ms,
        deposit: U256::from(channel.amounts.deposit),
        owed: U256::from(channel.amounts.owed),
        paid: U256::from(channel.progress.paid),
        due: U256::from(channel.due()),
        undecided: U256::from(channel.undecided()),
        seized: U256::from(channel.seized()),
    }
}
