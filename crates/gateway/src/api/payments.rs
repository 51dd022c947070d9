//! A payment in JSON: one durable order, on the way of every message.

use super::{
    Answered, Api,
    document::{Ordered, Read},
    messages::{take_body, wait_for},
    parts::{Asked, header_text, media_type},
    preview::{self, PreviewTold},
    problem::{Flaw, Problem},
    told::{EntryTold, OrderTold, PaymentTold, decided},
};
use crate::{
    access::Caller,
    exceptions::as_they_are,
    gateway::now_ms,
    inbox::{Arrival, keep},
    order::State as OrderState,
    request::{PaymentRequest, Wrong, of_message},
    store::{Called, Sender},
};
use alloy_primitives::B256;
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use florin_iso20022::{Accepted, accept};
use serde::{Deserialize, de::DeserializeOwned};

/// A payment is small.
pub(super) const BODY_BYTES_MAX: usize = 16 << 10;
/// Characters of an `Idempotency-Key`.
pub(super) const KEY_CHARS_MAX: usize = 255;

/// How it is ordered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct How {
    #[serde(default)]
    dry_run: bool,
}

/// What was asked for, held to the rules, and nothing else yet.
pub(super) struct Asking {
    /// What the call is known by.
    pub(super) name: String,
    /// The message that it becomes.
    pub(super) content: String,
    pub(super) now_ms: u64,
}

/// Orders a payment
///
/// The same `Idempotency-Key` (or UETR, without a key) with the same body has the same payment for its answer, for ever; with another body it is refused.
/// `Prefer: wait=SECONDS` (at most 45) waits until the payment is settled or refused. With `dry_run=true` nothing is stored, and the
/// answer says whether it would be taken.
#[utoipa::path(
    post, path = "/v1/payments", tag = "payments", operation_id = "order_payment", security(("key" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters of ASCII, of the caller's choice. Needed where the body has no UETR"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, at most 45"),
        ("dry_run" = Option<bool>, Query, description = "Only say whether it would be taken")
    ),
    request_body = PaymentRequest,
    responses(
        (status = 200, description = "It was known, or `dry_run`: whether it would be taken", body = PaymentOrPreview),
        (status = 201, description = "It is durable", body = PaymentTold, headers(("Location" = String, description = "The payment"))),
        (status = 202, description = "It is durable, and not read yet", body = PaymentTold, headers(("Location" = String, description = "The payment"))),
        Read, Ordered
    )
)]
pub(super) async fn order_payment(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Asked(how): Asked<How>,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    if media_type(&headers) != "application/json" {
        return Err(Problem::kind("application/json"));
    }
    let key = header_text(&headers, "idempotency-key", KEY_CHARS_MAX)?;
    let (content, place) = take_body(&api, body, BODY_BYTES_MAX).await?;
    let request = read(&content)?;
    // It is small: what is bounded is how many are being read.
    drop((content, place));
    let name = match (key, request.uetr.as_deref().and_then(crate::Uetr::parse)) {
        (Some(key), _) => format!("key:{key}"),
        (None, Some(uetr)) => format!("uetr:{uetr}"),
        (None, None) => return Err(Problem::no_key()),
    };
    let uetr = request.uetr_under(&caller.tenant, &name);
    // A dry run meets a key that was used for something else, too.
    let known = find(&api, &caller, &name, request.digest()).await?;
    if let Some(number) = known.filter(|_| !how.dry_run) {
        return respond(&api, &caller, (number, true), uetr, &headers).await;
    }
    let (asking, accepted) = hold_to_rules(&api, &caller, name, &request)?;
    if how.dry_run {
        return Ok(Json(preview::preview(&api, &caller, &accepted, asking.now_ms).await?).into_response());
    }
    drop(accepted);
    let (number, known) = take(&api, &caller, &asking, request.digest()).await?;
    respond(&api, &caller, (number, known), uetr, &headers).await
}

/// Either of the two answers that have status 200.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[allow(
    dead_code,
    clippy::large_enum_variant,
    reason = "it is the shape of what is answered, for the OpenAPI document"
)]
pub(super) enum PaymentOrPreview {
    Payment(PaymentTold),
    Preview(PreviewTold),
}

pub(super) fn read(content: &[u8]) -> Result<PaymentRequest, Problem> {
    let request: PaymentRequest = parsed(content).map_err(|wrong| invalid(&[wrong]))?;
    let wrong = request.wrong();
    if wrong.is_empty() { Ok(request) } else { Err(invalid(&wrong)) }
}

pub(super) fn invalid(wrong: &[Wrong]) -> Problem {
    Problem::flawed("payment.invalid", wrong.iter().map(flaw).collect())
}

/// A body in JSON; where it is none of these, the field that is wrong.
pub(super) fn parsed<T: DeserializeOwned>(content: &[u8]) -> Result<T, Wrong> {
    let wrong = |path: String, text: String| Wrong { code: "FF01", path, text, value: None };
    let mut json = serde_json::Deserializer::from_slice(content);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let pointer = if path == "." { String::new() } else { format!("/{}", path.replace('.', "/")) };
        wrong(pointer, error.inner().to_string())
    })?;
    json.end().map_err(|error| wrong(String::new(), error.to_string()))?;
    Ok(read)
}

pub(super) fn flaw(wrong: &Wrong) -> Flaw {
    let Wrong { code, path, text, value } = wrong;
    Flaw { code: (*code).into(), path: path.clone(), text: text.clone(), value: value.clone() }
}

/// The message of a call that is known.
pub(super) async fn find(api: &Api, caller: &Caller, name: &str, asked: B256) -> Result<Option<u64>, Problem> {
    let mut work = api.shared.store.read().await?;
    same(api.shared.store.call(&mut work, &caller.tenant, name).await?, asked)
}

/// A name that is known is known for what was asked under it.
pub(super) fn same(known: Option<Called>, asked: B256) -> Result<Option<u64>, Problem> {
    match known {
        Some(known) if known.digest != asked => Err(Problem::reused()),
        known => Ok(known.map(|known| known.message)),
    }
}

fn hold_to_rules(
    api: &Api,
    caller: &Caller,
    name: String,
    request: &PaymentRequest,
) -> Result<(Asking, Accepted), Problem> {
    let now_ms = now_ms();
    let (content, _) = request.message(&api.shared.book, &caller.tenant, &name, now_ms);
    let told =
        |problems: &[florin_iso20022::Problem]| invalid(&problems.iter().take(20).map(of_message).collect::<Vec<_>>());
    let accepted =
        accept(content.as_bytes(), &api.shared.limits, None).map_err(|rejection| told(&rejection.problems))?;
    if let Some(problems) = accepted.refused.values().next() {
        return Err(told(problems));
    }
    Ok((Asking { name, content, now_ms }, accepted))
}

/// Makes the call and its message durable, in one. `asked` is the digest of what was sent. The number of the message, and whether it
/// was known.
pub(super) async fn take(api: &Api, caller: &Caller, asking: &Asking, asked: B256) -> Result<(u64, bool), Problem> {
    let store = &api.shared.store;
    let mut work = store.write().await?;
    // Somebody may have been first.
    if let Some(number) = same(store.call(&mut work, &caller.tenant, &asking.name).await?, asked)? {
        return Ok((number, true));
    }
    let sender = Sender { tenant: &caller.tenant, maker: &caller.name, file: None };
    let arrival = keep(store, &mut work, &sender, asking.content.as_bytes(), asking.now_ms).await?;
    let (number, known) = match arrival {
        Arrival::New(number) => (number, false),
        Arrival::Known(number) => (number, true),
        Arrival::Busy => return Err(Problem::busy("too much waits to be worked on")),
    };
    let requested = Called { digest: asked, message: number };
    store.add_call(&mut work, &caller.tenant, &asking.name, &requested, asking.now_ms).await?;
    store.commit(work, "ordered").await?;
    Ok((number, known))
}

/// The payment as it stands; a problem where it was refused. Of the message: its number, and whether it was known.
pub(super) async fn respond(
    api: &Api,
    caller: &Caller,
    (number, known): (u64, bool),
    uetr: crate::Uetr,
    headers: &HeaderMap,
) -> Answered {
    let row = wait_for(api, caller, number, headers).await?;
    let store = &api.shared.store;
    let mut work = store.read().await?;
    let orders = store.orders_of(&mut work, number).await?;
    let order = as_they_are(store, &mut work, orders).await?.pop();
    let uetr = uetr.to_string();
    let location = HeaderValue::from_str(&format!("/v1/payments/{uetr}")).map_err(|_| Problem::fault())?;
    let (status, told) = match order {
        None if row.is_read() => return Err(Problem::refused(&row)),
        // Durable, and not read yet: whoever asks again is told more.
        None => (StatusCode::ACCEPTED, PaymentTold { uetr, orders: Vec::new(), entries: Vec::new() }),
        Some(order) if order.state == OrderState::Refused => {
            return Err(Problem::not_paid(OrderTold::new(&api.shared.book, &order)));
        }
        Some(order) => {
            let told = decided(&api.shared, &mut work, &order).await?;
            let entries = store.entries_under(&mut work, &caller.tenant, &uetr).await?;
            let entries = entries.iter().map(|entry| EntryTold::new(&api.shared.book, entry)).collect();
            let status = if known { StatusCode::OK } else { StatusCode::CREATED };
            (status, PaymentTold { uetr, orders: vec![told], entries })
        }
    };
    Ok((status, [(header::LOCATION, location)], Json(told)).into_response())
}
