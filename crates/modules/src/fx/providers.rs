//! Providers: who they are, what they take back, what they answer on the ledger.

use alloy_primitives::{Address, B256, U256};
use florin_types::StateFault;

use super::{
    IExchange,
    IExchange::Quote,
    layout::{Provider, layout},
    quote::{Offer, Side, ensure_pair, ensure_usable, quote_digest},
};
use crate::{
    EXCHANGE_ADDRESS,
    context::{Context, Failure, ensure, revert},
};

// ----- questions -----------------------------------------------------------------------------------------------------

/// What is known of a provider; inactive with epoch 0 for everyone else.
pub fn provider_of(context: &mut Context<'_>, account: Address) -> Result<Provider, Failure> {
    layout().providers.at(context, &account)?.read(context)
}

/// Whether a provider's nonce is used up.
pub fn is_nonce_used(context: &mut Context<'_>, provider: Address, nonce: B256) -> Result<bool, Failure> {
    layout().nonces.at(context, &provider)?.at(context, &nonce)?.read(context)
}

/// Whether the quote with this digest was posted.
pub fn is_posted(context: &mut Context<'_>, digest: B256) -> Result<bool, Failure> {
    layout().posted.at(context, &digest)?.read(context)
}

fn active(context: &mut Context<'_>) -> Result<Provider, Failure> {
    let provider = context.caller();
    let record = provider_of(context, provider)?;
    ensure(record.active, || IExchange::ProviderNotActive { provider })?;
    Ok(record)
}

fn write(context: &mut Context<'_>, record: Provider) -> Result<(), Failure> {
    let provider = context.caller();
    layout().providers.at(context, &provider)?.write(context, record)
}

// ----- providers -----------------------------------------------------------------------------------------------------

/// Makes the caller a provider. What is so already stays without an event.
pub fn register_provider(context: &mut Context<'_>) -> Result<(), Failure> {
    let provider = context.caller();
    let record = provider_of(context, provider)?;
    if record.active {
        return Ok(());
    }
    write(context, Provider { active: true, ..record })?;
    context.emit(EXCHANGE_ADDRESS, &IExchange::ProviderRegistered { provider, epoch: record.epoch })
}

/// Ends the caller's being a provider. Its quotes are void for good, should it come back.
pub fn retire_provider(context: &mut Context<'_>) -> Result<(), Failure> {
    let record = active(context)?;
    write(context, Provider { active: false, epoch: next_epoch(record)? })?;
    let provider = context.caller();
    context.emit(EXCHANGE_ADDRESS, &IExchange::ProviderRetired { provider })
}

/// Revokes every quote that the caller made so far.
pub fn revoke_quotes(context: &mut Context<'_>) -> Result<u64, Failure> {
    let record = active(context)?;
    let epoch = next_epoch(record)?;
    write(context, Provider { epoch, ..record })?;
    let provider = context.caller();
    context.emit(EXCHANGE_ADDRESS, &IExchange::QuotesRevoked { provider, epoch })?;
    Ok(epoch)
}

/// Epochs count calls: they cannot reach 2^64.
fn next_epoch(record: Provider) -> Result<u64, Failure> {
    let next = record.epoch.checked_add(1);
    next.ok_or_else(|| StateFault("a provider has no more epochs".into()).into())
}

/// Uses up a nonce of the caller. Being a provider is not asked: a nonce may be cancelled before.
pub fn cancel_quote(context: &mut Context<'_>, nonce: B256) -> Result<(), Failure> {
    let provider = context.caller();
    let place = layout().nonces.at(context, &provider)?.at(context, &nonce)?;
    let used = place.read(context)?;
    ensure(!used, || IExchange::QuoteUsed { provider, nonce })?;
    place.write(context, true)?;
    context.emit(EXCHANGE_ADDRESS, &IExchange::QuoteCancelled { provider, nonce })
}

// ----- requests ------------------------------------------------------------------------------------------------------

/// Asks providers for quotes. A request is an event and a number; nobody is bound by it.
pub fn request_quote(
    context: &mut Context<'_>,
    sell_token: Address,
    buy_token: Address,
    amount: U256,
    side: u8,
    answer_by_ms: u64,
) -> Result<u64, Failure> {
    Side::parse(side)?;
    ensure_pair(context, sell_token, buy_token)?;
    let bounded = u128::try_from(amount).is_ok_and(|units| units > 0);
    ensure(bounded, || IExchange::OrderAmountInvalid { amount, least: U256::ONE, most: U256::from(u128::MAX) })?;
    let now_ms = context.env().timestamp_ms;
    ensure(now_ms < answer_by_ms, || IExchange::QuoteExpired { expiresAtMs: answer_by_ms, nowMs: now_ms })?;
    let place = layout().requests;
    let request = place.read(context)?.saturating_add(1);
    place.write(context, request)?;
    let taker = context.caller();
    context.emit(
        EXCHANGE_ADDRESS,
        &IExchange::QuoteRequested {
            requestId: request,
            taker,
            sellToken: sell_token,
            buyToken: buy_token,
            amount,
            side,
            answerByMs: answer_by_ms,
        },
    )?;
    Ok(request)
}

/// Makes a quote of the caller firm without a signature.
pub fn post_quote(context: &mut Context<'_>, quote: &Quote, request: u64) -> Result<B256, Failure> {
    let (caller, provider) = (context.caller(), quote.provider);
    ensure(caller == provider, || IExchange::QuoteNotOwn { provider, caller })?;
    if request > layout().requests.read(context)? {
        return Err(revert(IExchange::QuoteRequestUnknown { requestId: request }));
    }
    Offer::parse(context, quote)?;
    ensure_usable(context, quote)?;
    let digest = quote_digest(context, quote)?;
    layout().posted.at(context, &digest)?.write(context, true)?;
    let event = IExchange::QuotePosted { requestId: request, provider, digest, quote: quote.clone() };
    context.emit(EXCHANGE_ADDRESS, &event)?;
    Ok(digest)
}
