//! Calls that order what no message of ISO 20022 says: requests to pay and quotes, and what is done with them.

use super::{
    Api,
    messages::take_body,
    parts::media_type,
    payments::{BODY_BYTES_MAX, find, flaw, parsed, same},
    problem::Problem,
};
use crate::{
    GatewayError,
    access::Caller,
    chain::{Key, Standing},
    desk::claim_orders,
    identity::digest,
    inbox::{Arrival, keep},
    request::Wrong,
    request_to_pay::Call,
    store::{
        About, Called, MESSAGE_FINAL, MESSAGE_OPEN, NewOrder, OWN_NAMES, OrderKind, Quote, ReadAs, RequestToPay, Sender,
    },
};
use alloy_primitives::B256;
use axum::{body::Body, http::HeaderMap};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

/// A call that orders something.
pub(super) struct Ordering<'a> {
    pub(super) api: &'a Api,
    pub(super) caller: &'a Caller,
    /// What it is known by.
    pub(super) name: &'a str,
    /// Digest of what was asked.
    pub(super) asked: B256,
    pub(super) now_ms: u64,
}

/// What an order makes.
pub(super) enum Made {
    Request(Box<RequestToPay>),
    Quote(Box<Quote>),
}

impl Ordering<'_> {
    pub(super) fn call(&self) -> Call<'_> {
        Call { book: &self.api.shared.book, tenant: &self.caller.tenant, name: self.name, now_ms: self.now_ms }
    }

    /// The message that it became, where it is known.
    pub(super) async fn known(&self) -> Result<Option<u64>, Problem> {
        find(self.api, self.caller, self.name, self.asked).await
    }

    /// Whether somebody is asked before the order is signed.
    fn is_held(&self, order: &NewOrder) -> bool {
        let mut entered = [order.clone()];
        self.api.shared.office.enter(&mut entered);
        entered[0].state != order.state
    }

    /// Makes the call, its order and what that makes durable, in one. The message that they are, and whether it was known.
    pub(super) async fn take(&self, order: NewOrder, made: Option<Made>) -> Result<(u64, bool), Problem> {
        let store = &self.api.shared.store;
        // In a life of this gateway whose database is lost it may have been let pass, and be done: then nobody can refuse it any more.
        let is_done = self.is_held(&order) && is_on_ledger(self.api, &order).await?;
        let mut work = store.write().await?;
        let tenant = &self.caller.tenant;
        // Somebody may have been first.
        if let Some(message) = same(store.call(&mut work, tenant, self.name).await?, self.asked)? {
            return Ok((message, true));
        }
        let kind = order.kind.name();
        let content = json!({ "order": kind, "call": self.name, "request": order.request, "quote": order.quote, "asked": self.asked });
        let sender = Sender { tenant, maker: &self.caller.name, file: None };
        let arrival = keep(store, &mut work, &sender, content.to_string().as_bytes(), self.now_ms).await?;
        let message = match arrival {
            Arrival::New(message) => message,
            // Somebody of this tenant sent these very bytes as a message.
            Arrival::Known(_) => return Err(Problem::reused()),
            Arrival::Busy => return Err(Problem::busy("too much waits to be worked on")),
        };
        let mut order = NewOrder { message, ..order };
        // The ledger may have told of what is made already: it was made in an earlier life of this gateway.
        match made {
            None => {}
            Some(Made::Request(made)) => {
                let known = store.request_under(&mut work, made.creditor, made.reference).await?;
                order.request = Some(match known {
                    Some(known) if !known.asks_the_same(&made) => return Err(Problem::reused()),
                    Some(known) => {
                        if known.end_to_end.is_none() && known.remittance.is_none() {
                            store.keep_texts(&mut work, &known, &made).await?;
                        }
                        known.number
                    }
                    None => store.add_request_to_pay(&mut work, *made).await?,
                });
            }
            Some(Made::Quote(made)) => {
                order.quote = Some(match store.quote_known(&mut work, &made.id).await? {
                    Some(known) => known.number,
                    None => store.add_quote(&mut work, *made).await?,
                });
            }
        }
        let mut orders = [order];
        claim_orders(store, &mut work, &mut orders).await?;
        if !is_done {
            self.api.shared.office.enter(&mut orders);
        }
        let goes_on = orders.iter().any(|order| !order.state.is_last());
        let state = if goes_on { MESSAGE_OPEN } else { MESSAGE_FINAL };
        let read = ReadAs { state, name: Some(format!("{OWN_NAMES}{kind}")), ..ReadAs::default() };
        store.read_as(&mut work, message, &read).await?;
        store.add_orders(&mut work, &mut orders).await?;
        let requested = Called { digest: self.asked, message };
        store.add_call(&mut work, tenant, self.name, &requested, self.now_ms).await?;
        store.commit(work, "ordered").await?;
        Ok((message, false))
    }
}

/// Whether the ledger is proven to know what an order does.
pub(super) async fn is_on_ledger(api: &Api, order: &NewOrder) -> Result<bool, Problem> {
    let Some(key) = Key::of(order) else { return Ok(false) };
    let standing = api.shared.chain.proven_standing(&key).await.map_err(GatewayError::from)?;
    Ok(standing == Standing::Known)
}

/// What a call without a key of the caller's is known by: what it does, and with what. One that was refused, by a rule that may hold no
/// more (a pause), is ordered anew.
pub(super) async fn name_of(
    api: &Api,
    caller: &Caller,
    (kind, id): (OrderKind, &str),
    about: About,
) -> Result<String, Problem> {
    let mut work = api.shared.store.read().await?;
    let refused = api.shared.store.refused_about(&mut work, &caller.tenant, about, kind).await?;
    Ok(format!("{}:{id}:{refused}", kind.name()))
}

/// What a request or a quote is known by.
pub(super) fn id_of(what: &str, text: &str) -> Result<String, Problem> {
    let id = crate::Uetr::parse(text).ok_or_else(|| Problem::unknown(what, text))?;
    Ok(id.to_string())
}

/// A small body in JSON. `code` is that of a body which is none.
pub(super) async fn body_of<T: DeserializeOwned>(
    api: &Api,
    headers: &HeaderMap,
    body: Body,
    code: &str,
) -> Result<T, Problem> {
    if media_type(headers) != "application/json" {
        return Err(Problem::kind("application/json"));
    }
    let (content, _place) = take_body(api, body, BODY_BYTES_MAX).await?;
    parsed(&content).map_err(|wrong| invalid(code, &[wrong]))
}

/// What a payment is known by: the caller's key, else the UETR that it sent.
pub(super) fn name_of_payment(key: Option<&str>, sent: Option<crate::Uetr>) -> Result<String, Problem> {
    match (key, sent) {
        (Some(key), _) => Ok(format!("key:{key}")),
        (None, Some(uetr)) => Ok(format!("uetr:{uetr}")),
        (None, None) => Err(Problem::no_key()),
    }
}

pub(super) fn invalid(code: &str, wrong: &[Wrong]) -> Problem {
    Problem::flawed(code, wrong.iter().map(flaw).collect())
}

/// A tuple of texts and numbers is always written.
pub(super) fn digest_of(asked: &impl Serialize) -> B256 {
    digest(&serde_json::to_vec(asked).unwrap_or_default())
}
