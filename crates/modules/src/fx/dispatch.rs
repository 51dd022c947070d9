//! From selector to operation. No logic.

use alloy_primitives::{B256, Bytes, U256};

use super::{
    IExchange::{IExchangeCalls as Call, *},
    ops, providers, quote,
};
use crate::{
    EXCHANGE_ADDRESS,
    calls::{decode, mutate, view},
    context::{Context, Failure},
    typed_data,
};

/// Answers a call to the module.
pub(crate) fn dispatch(context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure> {
    match decode::<Call>(context, input)? {
        Call::registerProvider(_) => mutate::<registerProviderCall, _>(context, providers::register_provider),
        Call::retireProvider(_) => mutate::<retireProviderCall, _>(context, providers::retire_provider),
        Call::revokeQuotes(_) => mutate::<revokeQuotesCall, _>(context, providers::revoke_quotes),
        Call::cancelQuote(c) => mutate::<cancelQuoteCall, _>(context, |x| providers::cancel_quote(x, c.nonce)),
        Call::requestQuote(c) => mutate::<requestQuoteCall, _>(context, |x| {
            providers::request_quote(x, c.sellToken, c.buyToken, c.amount, c.side, c.answerByMs)
        }),
        Call::postQuote(c) => mutate::<postQuoteCall, _>(context, |x| providers::post_quote(x, &c.quote, c.requestId)),
        Call::execute(c) => mutate::<executeCall, _>(context, |x| {
            let trade = ops::execute(x, &c.quote, &c.signature, &c.order)?;
            Ok((trade.number, U256::from(trade.sent), U256::from(trade.received)))
        }),
        Call::executeVia(c) => mutate::<executeViaCall, _>(context, |x| {
            let (first, second) = ((&c.first, &c.firstSignature[..]), (&c.second, &c.secondSignature[..]));
            let trade = ops::execute_via(x, first, second, &c.order)?;
            Ok((trade.number, U256::from(trade.sent), U256::from(trade.received)))
        }),

        Call::costOf(c) => {
            let cost = quote::Offer::parse(context, &c.quote)?.cost(c.amount)?;
            view::<costOfCall>((U256::from(cost.sent), U256::from(cost.received), U256::from(cost.fee)))
        }
        Call::costVia(c) => {
            let cost = quote::cost_via(context, &c.first, &c.second, c.amount)?;
            view::<costViaCall>(costViaReturn {
                sent: U256::from(cost.first.sent),
                vehicle: U256::from(cost.first.received),
                received: U256::from(cost.second.received),
                firstFee: U256::from(cost.first.fee),
                secondFee: U256::from(cost.second.fee),
            })
        }
        Call::quoteStatus(c) => view::<quoteStatusCall>(quote::quote_usability(context, &c.quote)?.number()),
        Call::quoteDigest(c) => view::<quoteDigestCall>(quote::quote_digest(context, &c.quote)?),
        Call::isPosted(c) => view::<isPostedCall>(providers::is_posted(context, c.digest)?),
        Call::providerOf(c) => {
            let provider = providers::provider_of(context, c.account)?;
            view::<providerOfCall>((provider.active, provider.epoch))
        }
        Call::isNonceUsed(c) => view::<isNonceUsedCall>(providers::is_nonce_used(context, c.provider, c.nonce)?),
        Call::tradeOfUetr(c) => view::<tradeOfUetrCall>(ops::trade_of_uetr(context, c.debtor, c.uetr)?),
        Call::tradeCount(_) => view::<tradeCountCall>(ops::trade_count(context)?),
        Call::eip712Domain(_) => view::<eip712DomainCall>((
            typed_data::DOMAIN_FIELDS.into(),
            quote::DOMAIN_NAME.into(),
            typed_data::DOMAIN_VERSION.into(),
            U256::from(context.env().chain_id),
            EXCHANGE_ADDRESS,
            B256::ZERO,
            Vec::new(),
        )),
    }
}
