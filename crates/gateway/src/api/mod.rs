//! HTTP: messages in, answers and what is known out. Every call is a caller's, whose tenant decides what it sees.

mod approvals;
mod audit;
mod guard;
mod problem;

use crate::{
    access::Caller,
    book::{Holder, TokenEntry},
    exceptions::as_they_are,
    gateway::{Shared, now_ms},
    identity::{day_begins_ms, day_text, time_text},
    inbox::{Arrival, receive},
    statement::{Day, statement, without},
    store::{Answer, MESSAGE_REFUSED, MessageRow, Order, Sender},
};
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use florin_iso20022::{Limits, parse};
use problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::Instant};

/// Messages whose bytes are being taken at the same time.
const BODIES_MAX: usize = 16;
/// How long a body may take.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);
/// How long an arrival waits to be read.
const READ_WAIT: Duration = Duration::from_secs(20);
/// Longest time that a caller may wait for the final answer.
const FINAL_WAIT_MAX: u64 = 45;
/// Notifications in one answer.
const PAGE_MAX: u64 = 100;
/// Movements of one statement.
const ENTRIES_MAX: u64 = 100_000;

/// What the calls share.
#[derive(Clone)]
struct Api {
    shared: Arc<Shared>,
    bodies: Arc<Semaphore>,
}

type Answered = Result<Response, Problem>;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let api = Api { shared, bodies: Arc::new(Semaphore::new(BODIES_MAX)) };
    Router::new()
        .route("/v1/messages", post(take_message))
        .route("/v1/messages/{number}", get(message))
        .route("/v1/messages/{number}/answer", get(answer))
        .route("/v1/payments/{uetr}", get(payment))
        .route("/v1/notifications", get(notifications))
        .route("/v1/notifications/{id}", get(notification))
        .route("/v1/accounts/{number}/statement", get(account_statement))
        .route("/v1/approvals", get(approvals::list))
        .route("/v1/approvals/{order}", post(approvals::decide))
        .route("/v1/audit", get(audit::list))
        .route_layer(middleware::from_fn_with_state(api.clone(), guard::admit))
        .route("/healthz", get(health))
        .fallback(async || {
            Problem::new(StatusCode::NOT_FOUND, "path.unknown", "there is nothing here", "see specs/gateway.md")
        })
        .with_state(api)
}

async fn take_message(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    let busy = || Problem::busy("too much waits to be worked on");
    let Ok(_place) = api.bodies.clone().try_acquire_owned() else { return Err(busy()) };
    let bytes_max = api.shared.limits.bytes_max;
    let read = tokio::time::timeout(BODY_TIME_MAX, axum::body::to_bytes(body, bytes_max)).await;
    let content = read.map_err(|_| Problem::slow())?.map_err(|_| Problem::large(bytes_max))?;
    let sender = Sender { tenant: &caller.tenant, maker: &caller.name, file: None };
    let (number, known) = match receive(&api.shared.store, &sender, &content, now_ms()).await? {
        Arrival::New(number) => (number, false),
        Arrival::Known(number) => (number, true),
        Arrival::Busy => return Err(busy()),
    };
    drop((_place, content));
    api.shared.arrived.notify_one();
    let wait = wait_of(&headers);
    let deadline = Instant::now() + wait.unwrap_or(READ_WAIT).max(READ_WAIT);
    let final_deadline = Instant::now() + wait.unwrap_or(Duration::ZERO);
    let mut changed = api.shared.changed.subscribe();
    loop {
        let row = find_message(&api, &caller, number).await?;
        let is_over = row.is_read() && (row.state != crate::store::MESSAGE_OPEN || Instant::now() >= final_deadline);
        if is_over || Instant::now() >= deadline {
            return respond(&api, &row, known, wants_json(&headers)).await;
        }
        let until = if row.is_read() { final_deadline } else { deadline };
        // A change that came between the look and the wait is seen at once; a lost one, after a moment.
        let _ =
            tokio::time::timeout_at(until.min(Instant::now() + Duration::from_millis(500)), changed.changed()).await;
    }
}

/// `Prefer: wait=SECONDS` (RFC 7240).
fn wait_of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("prefer")?.to_str().ok()?;
    let seconds = text.split([',', ';']).find_map(|part| part.trim().strip_prefix("wait=")?.parse::<u64>().ok())?;
    Some(Duration::from_secs(seconds.min(FINAL_WAIT_MAX)))
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("json"))
}

/// The latest answer to a message; a problem where none could be made.
async fn respond(api: &Api, row: &MessageRow, known: bool, json: bool) -> Answered {
    if row.state == MESSAGE_REFUSED {
        return Err(Problem::refused(row));
    }
    let mut work = api.shared.store.read().await?;
    let answer = api.shared.store.answer_to(&mut work, row.number).await?;
    let status = if known { StatusCode::OK } else { StatusCode::ACCEPTED };
    let location = format!("/v1/messages/{}", row.number);
    let mut response = match answer {
        Some(answer) => content(&answer, json)?,
        // Durable, and not read yet.
        None => Json(json!({ "message": row.number, "state": row.state })).into_response(),
    };
    *response.status_mut() = status;
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// An answer's bytes: XML, or the JSON form of the same.
fn content(answer: &Answer, json: bool) -> Answered {
    if json {
        let envelope = parse(&answer.content, &Limits::default()).map_err(|_| Problem::fault())?;
        return Ok(([(header::CONTENT_TYPE, "application/json")], envelope.to_json()).into_response());
    }
    Ok(([(header::CONTENT_TYPE, "application/xml")], answer.content.clone()).into_response())
}

async fn find_message(api: &Api, caller: &Caller, number: u64) -> Result<MessageRow, Problem> {
    let mut work = api.shared.store.read().await?;
    let found = api.shared.store.message(&mut work, &caller.tenant, number).await?;
    found.ok_or_else(|| Problem::unknown("message", &number.to_string()))
}

fn number_of(text: &str) -> Result<u64, Problem> {
    text.parse().ok().filter(|number| i64::try_from(*number).is_ok()).ok_or_else(|| Problem::unknown("message", text))
}

async fn message(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Path(number): Path<String>,
) -> Answered {
    let row = find_message(&api, &caller, number_of(&number)?).await?;
    let mut work = api.shared.store.read().await?;
    let counts = api.shared.store.states_of(&mut work, row.number).await?;
    let answers = api.shared.store.answers_about(&mut work, row.number).await?;
    let states: BTreeMap<&str, u64> = counts.iter().map(|(state, count)| (state.name(), *count)).collect();
    let mut statuses: BTreeMap<&str, u64> = BTreeMap::new();
    counts.iter().for_each(|(state, count)| *statuses.entry(state.status()).or_default() += count);
    let answers: Vec<Value> = answers.iter().map(about).collect();
    let problem = row.problem.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    Ok(Json(json!({
        "message": row.number,
        "state": row.state,
        "name": row.name,
        "message_id": row.message_id,
        "received": time_text(row.received_ms),
        "file": row.file,
        "orders": counts.values().sum::<u64>(),
        "states": states,
        "statuses": statuses,
        "answers": answers,
        "problems": problem,
    }))
    .into_response())
}

fn about(answer: &Answer) -> Value {
    json!({
        "number": answer.number,
        "id": answer.id,
        "name": answer.name,
        "purpose": answer.purpose.name(),
        "created": time_text(answer.created_ms),
    })
}

async fn answer(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Path(number): Path<String>,
    headers: HeaderMap,
) -> Answered {
    let row = find_message(&api, &caller, number_of(&number)?).await?;
    respond(&api, &row, true, wants_json(&headers)).await
}

async fn payment(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Path(uetr): Path<String>,
) -> Answered {
    let named = crate::Uetr::parse(&uetr).ok_or_else(|| Problem::unknown("payment", &uetr))?.to_string();
    let mut work = api.shared.store.read().await?;
    let orders = api.shared.store.orders_under(&mut work, &caller.tenant, &named).await?;
    let orders = as_they_are(&api.shared.store, &mut work, orders).await?;
    let entries = api.shared.store.entries_under(&mut work, &caller.tenant, &named).await?;
    if orders.is_empty() && entries.is_empty() {
        return Err(Problem::unknown("payment", &named));
    }
    let mut told = Vec::with_capacity(orders.len());
    for order in &orders {
        let mut value = told_order(&api, order);
        approvals::add_decisions(&api, &mut work, order, &mut value).await?;
        told.push(value);
    }
    let entries: Vec<Value> = entries
        .iter()
        .map(|entry| {
            json!({
                "account": entry.account,
                "side": entry.side.name(),
                "amount_minor": entry.amount.to_string(),
                "booked": time_text(entry.time_ms),
                "block": entry.height,
                "transaction": entry.hash,
                "kind": entry.details.kind,
            })
        })
        .collect();
    Ok(Json(json!({ "uetr": named, "orders": told, "entries": entries })).into_response())
}

fn told_order(api: &Api, order: &Order) -> Value {
    let money = order.currency.as_deref().zip(order.amount).and_then(|(currency, minor)| {
        let digits = api.shared.book.token(currency).ok()?.digits;
        let currency = florin_types::Currency::new(currency, digits).ok()?;
        Some(florin_types::Amount::new(minor, currency).to_string())
    });
    let reason = order.code.as_ref().map(|code| json!({ "code": code, "text": order.words, "path": order.path }));
    json!({
        "message": order.message,
        "item": order.item,
        "kind": order.kind.name(),
        "state": order.state.name(),
        "status": order.state.status(),
        "reason": reason,
        "amount": money,
        "end_to_end_id": order.end_to_end,
        "payer": order.payer,
        "payee": order.payee,
        "block": order.height,
        "settled": order.settled_ms.map(time_text),
    })
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn notifications(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    query: Result<Query<After>, axum::extract::rejection::QueryRejection>,
) -> Answered {
    let Query(After { after }) = query.map_err(|_| Problem::parameter("after", "a whole number, as `number` says"))?;
    let mut work = api.shared.store.read().await?;
    let found = api.shared.store.notifications(&mut work, &caller.tenant, after, PAGE_MAX).await?;
    let told: Vec<Value> = found.iter().map(about).collect();
    Ok(Json(json!({ "notifications": told })).into_response())
}

async fn notification(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answered {
    let mut work = api.shared.store.read().await?;
    let found = api.shared.store.answer_by_id(&mut work, &caller.tenant, &id).await?;
    content(&found.ok_or_else(|| Problem::unknown("notification", &id))?, wants_json(&headers))
}

#[derive(Deserialize)]
struct Asked {
    day: Option<String>,
    currency: Option<String>,
}

async fn account_statement(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Path(number): Path<String>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Answered {
    let Query(asked) = asked.map_err(|_| Problem::parameter("day", "a day that has begun, as YYYY-MM-DD"))?;
    let book = &api.shared.book;
    let holder = book.of(&caller.tenant, &number).ok_or_else(|| Problem::unknown("account", &number))?;
    let token = match &asked.currency {
        Some(currency) => book.token(currency).ok(),
        None => book.tokens().next(),
    };
    let token = token.ok_or_else(|| Problem::parameter("currency", "a currency that is configured"))?;
    let now = now_ms();
    let day = asked.day.unwrap_or_else(|| day_text(now));
    let begins_ms = day_begins_ms(&day).filter(|begins| *begins <= now && day.len() == 10);
    let begins_ms = begins_ms.ok_or_else(|| Problem::parameter("day", "a day that has begun, as YYYY-MM-DD"))?;
    let xml = make_statement(&api, holder, token, begins_ms, now).await?;
    Ok(([(header::CONTENT_TYPE, "application/xml")], xml).into_response())
}

/// The balance that is proven now, and back from it through the entries.
async fn make_statement(
    api: &Api,
    holder: &Holder,
    token: &TokenEntry,
    begins_ms: u64,
    now: u64,
) -> Result<String, Problem> {
    let shared = &api.shared;
    let proven = shared.chain.verifier.token_balance(&shared.chain.rpc, token.address, holder.address).await;
    let (head, balance) = proven.map_err(crate::GatewayError::from)?;
    let mut read_to = shared.read_to.clone();
    let reached = read_to.wait_for(|height| *height >= head.height());
    // Not kept: the guard would hold the journal up.
    let reached = tokio::time::timeout(READ_WAIT, reached).await.is_ok_and(|reached| reached.is_ok());
    if !reached {
        return Err(Problem::busy("the ledger was not yet read to its present height"));
    }
    let mut work = shared.store.read().await?;
    let (holder_address, token_address) = (holder.address, token.address);
    let since_ms = shared.store.served_since(&mut work, holder_address, token_address).await?;
    let since_ms = since_ms.ok_or_else(Problem::fault)?;
    if begins_ms.saturating_add(86_400_000) <= since_ms {
        let first = crate::identity::day_text(since_ms);
        return Err(Problem::parameter("day", &format!("{first} or a later day: what was before is not known here")));
    }
    let entries =
        shared.store.entries_since(&mut work, holder_address, token_address, begins_ms, ENTRIES_MAX + 1).await?;
    if entries.len() as u64 > ENTRIES_MAX {
        return Err(Problem::parameter("day", "a later day: since this one there were more than 100,000 movements"));
    }
    let ends_ms = begins_ms.saturating_add(86_400_000);
    let counted = entries.into_iter().filter(|entry| entry.height <= head.height());
    let (of_day, later): (Vec<_>, Vec<_>) = counted.partition(|entry| entry.time_ms < ends_ms);
    let closing = without(balance, &later).ok_or_else(Problem::fault)?;
    let opening = without(closing, &of_day).ok_or_else(Problem::fault)?;
    let is_over = ends_ms <= now && head.extension().timestamp_ms >= ends_ms;
    let from_ms = begins_ms.max(since_ms);
    let day = Day { holder, token, begins_ms, from_ms, is_over, opening, closing, entries: &of_day };
    Ok(statement(&day, now)?)
}

async fn health(State(api): State<Api>) -> Response {
    let trouble = api.shared.trouble.borrow().clone();
    let status = if trouble.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let read_to = *api.shared.read_to.borrow();
    // Who has no key learns that something is wrong, not what.
    (status, Json(json!({ "ok": trouble.is_none(), "read_to_block": read_to }))).into_response()
}
