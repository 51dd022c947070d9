//! Bodies of calls as bytes that anybody may send, without an API around them: each as every body that there is.

use super::{
    approvals::read_answer,
    payments::{self, parsed},
};
use crate::{
    Uetr,
    book::Book,
    quote::{QuoteBody, TakeBody, provider},
    request_to_pay::{AcceptBody, AskBody, Call, RefuseBody},
};
use florin_iso20022::status_reason;

/// What the calls are known by, and when they come.
const NAME: &str = "key:1";
const NOW_MS: u64 = 1_800_000_000_000;
/// Epoch of a provider, and id of the chain that a quote is for.
const EPOCH_AND_CHAIN: (u64, u64) = (0, 1);

/// Reads `content` as every body of a call but a payment, and works out what it orders for a tenant of this book. Gives how many of
/// them it is, by all rules that need no database.
pub fn decode_body(content: &[u8], book: &Book, tenant: &str) -> usize {
    let call = Call { book, tenant, name: NAME, now_ms: NOW_MS };
    let kinds = [decides, asks, accepts, refuses, quotes, takes];
    kinds.iter().filter(|kind| kind(content, &call)).count()
}

/// The message that a payment in JSON becomes, for a tenant of this book; `None` where it is refused before.
pub fn message_of_payment(content: &[u8], book: &Book, tenant: &str) -> Option<String> {
    let request = payments::read(content).ok()?;
    Some(request.message(book, tenant, NAME, NOW_MS).0)
}

fn decides(content: &[u8], _: &Call<'_>) -> bool {
    read_answer(content).is_ok()
}

fn asks(content: &[u8], call: &Call<'_>) -> bool {
    parsed::<AskBody>(content).is_ok_and(|asked| asked.wrong(call.now_ms).is_empty() && asked.order(call).is_ok())
}

fn accepts(content: &[u8], _: &Call<'_>) -> bool {
    parsed::<AcceptBody>(content).is_ok_and(|body| body.uetr.as_deref().is_none_or(|text| Uetr::parse(text).is_some()))
}

fn refuses(content: &[u8], _: &Call<'_>) -> bool {
    parsed::<RefuseBody>(content).is_ok_and(|refused| status_reason(&refused.code).is_some())
}

fn quotes(content: &[u8], call: &Call<'_>) -> bool {
    let Ok(asked) = parsed::<QuoteBody>(content) else { return false };
    let made = provider(call, &asked.provider).and_then(|provider| asked.order(call, provider, EPOCH_AND_CHAIN));
    asked.wrong(call.now_ms).is_empty() && made.is_ok()
}

fn takes(content: &[u8], _: &Call<'_>) -> bool {
    parsed::<TakeBody>(content).is_ok_and(|asked| asked.wrong().is_empty())
}
