//! ISO 20022 messages in, and everything that was answered or told.

use super::{
    Answered, Api, FINAL_WAIT_MAX, READ_WAIT,
    document::{Message, Read, Unknown},
    parts::{After, Asked, Named, accepts, number_of},
    problem::Problem,
    search_turn,
    told::{AnswerTold, MessageTold, NotificationsTold},
};
use crate::{
    access::Caller,
    gateway::now_ms,
    inbox::{Arrival, receive},
    store::{Answer, MESSAGE_OPEN, MESSAGE_REFUSED, MessageRow, OWN_NAMES, Sender},
};
use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use florin_iso20022::{Limits, parse};
use serde_json::json;
use std::time::Duration;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

/// How long a body may take.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);
/// Notifications in one answer.
const PAGE_MAX: u64 = 100;

/// Takes an ISO 20022 message, XML or ISO's JSON
///
/// The answer is the latest answer message; `Prefer: wait=SECONDS` (at most 45) waits for the final one. The same bytes again get the same
/// answer again, with status 200.
#[utoipa::path(
    post, path = "/v1/messages", tag = "messages", operation_id = "take_message", security(("key" = [])),
    params(("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, at most 45")),
    request_body(content((String = "application/xml"), (serde_json::Value = "application/json")), description = "A message"),
    responses(
        (status = 200, description = "It was known: its latest answer", content((String = "application/xml"), (serde_json::Value = "application/json"))),
        (status = 202, description = "It is durable: its first answer", content((String = "application/xml"), (serde_json::Value = "application/json")),
            headers(("Location" = String, description = "The message"))),
        Read, Message
    )
)]
pub(super) async fn take_message(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    let (content, place) = take_body(&api, body, api.shared.limits.bytes_max).await?;
    let sender = Sender { tenant: &caller.tenant, maker: &caller.name, file: None };
    let (number, known) = match receive(&api.shared.store, &sender, &content, now_ms()).await? {
        Arrival::New(number) => (number, false),
        Arrival::Known(number) => (number, true),
        Arrival::Busy => return Err(Problem::busy("too much waits to be worked on")),
    };
    drop((content, place));
    let row = wait_for(&api, &caller, number, &headers).await?;
    respond(&api, &row, known, accepts(&headers, "json")).await
}

/// A body within its bounds, with its place among those that are held at the same time: to be kept as long as the body.
pub(super) async fn take_body(
    api: &Api,
    body: Body,
    bytes_max: usize,
) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
    let place = api.bodies.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("too many bodies are being worked on"))?;
    let read = tokio::time::timeout(BODY_TIME_MAX, axum::body::to_bytes(body, bytes_max)).await;
    let content = read.map_err(|_| Problem::slow())?.map_err(|_| Problem::large(bytes_max))?;
    Ok((content, place))
}

/// The message as soon as it was read, or final where the caller waits for that.
pub(super) async fn wait_for(
    api: &Api,
    caller: &Caller,
    number: u64,
    headers: &HeaderMap,
) -> Result<MessageRow, Problem> {
    api.shared.arrived.notify_one();
    let wait = wait_of(headers);
    let deadline = Instant::now() + wait.unwrap_or(READ_WAIT).max(READ_WAIT);
    let final_deadline = Instant::now() + wait.unwrap_or(Duration::ZERO);
    // Who finds no place is told what is known now.
    let place = api.waits.try_acquire();
    let mut changed = api.shared.changed.subscribe();
    loop {
        let row = find_message(api, caller, number).await?;
        if place.is_err() {
            return Ok(row);
        }
        let is_over = row.is_read() && (row.state != MESSAGE_OPEN || Instant::now() >= final_deadline);
        if is_over || Instant::now() >= deadline {
            return Ok(row);
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

/// The latest answer to a message; a problem where none could be made.
async fn respond(api: &Api, row: &MessageRow, known: bool, json: bool) -> Answered {
    if row.state == MESSAGE_REFUSED {
        return Err(Problem::refused(row));
    }
    let mut work = api.shared.store.read().await?;
    let answer = api.shared.store.answer_to(&mut work, row.number).await?;
    drop(work);
    let status = if known { StatusCode::OK } else { StatusCode::ACCEPTED };
    let location = format!("/v1/messages/{}", row.number);
    let mut response = match answer {
        Some(answer) => content(api, answer, json).await?,
        // Durable, and not read yet.
        None => Json(json!({ "message": row.number, "state": row.state })).into_response(),
    };
    *response.status_mut() = status;
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// An answer's bytes: XML, or the JSON form of the same, which may be much work.
async fn content(api: &Api, answer: Answer, json: bool) -> Answered {
    if !json {
        return Ok(([(header::CONTENT_TYPE, "application/xml")], answer.content).into_response());
    }
    let _turn = search_turn(api).await?;
    let read = move || parse(&answer.content, &Limits::default()).map(|envelope| envelope.to_json());
    let text = tokio::task::spawn_blocking(read).await.map_err(|_| Problem::fault())?.map_err(|_| Problem::fault())?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

pub(super) async fn find_message(api: &Api, caller: &Caller, number: u64) -> Result<MessageRow, Problem> {
    let mut work = api.shared.store.read().await?;
    let found = api.shared.store.message(&mut work, &caller.tenant, number).await?;
    found.ok_or_else(|| Problem::unknown("message", &number.to_string()))
}

/// What became of a message
#[utoipa::path(
    get, path = "/v1/messages/{number}", tag = "messages", operation_id = "message", security(("key" = [])),
    params(("number" = String, Path, description = "Number of the message, from `Location`")),
    responses((status = 200, description = "State, orders by state and status, answers", body = MessageTold), Read, Unknown)
)]
pub(super) async fn message(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(number): Named,
) -> Answered {
    let row = find_message(&api, &caller, number_of("message", &number)?).await?;
    Ok(Json(told(&api, row).await?).into_response())
}

/// A message with its orders by state.
pub(super) async fn told(api: &Api, row: MessageRow) -> Result<MessageTold, Problem> {
    let mut work = api.shared.store.read().await?;
    let counts = api.shared.store.states_of(&mut work, row.number).await?;
    let answers = api.shared.store.answers_about(&mut work, row.number).await?;
    Ok(MessageTold::new(row, &counts, &answers))
}

/// The latest answer to a message
#[utoipa::path(
    get, path = "/v1/messages/{number}/answer", tag = "messages", operation_id = "answer", security(("key" = [])),
    params(("number" = String, Path, description = "Number of the message")),
    responses(
        (status = 200, description = "XML, or ISO's JSON where `Accept` says json", content((String = "application/xml"), (serde_json::Value = "application/json"))),
        (status = 409, description = "`message.duplicate`", body = super::problem::ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`message.refused`: no answer could be made", body = super::problem::ProblemDetails, content_type = "application/problem+json"),
        Read, Unknown
    )
)]
pub(super) async fn answer(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(number): Named,
    headers: HeaderMap,
) -> Answered {
    let row = find_message(&api, &caller, number_of("message", &number)?).await?;
    if let Some(name) = row.name.as_deref().filter(|name| name.starts_with(OWN_NAMES)) {
        let detail = format!("message {number} is {name}, which is none of ISO 20022: it has no answer");
        let next = "see GET /v1/messages/{number}, and the request to pay that it is about";
        return Err(Problem::new(StatusCode::NOT_FOUND, "message.unanswered", detail, next));
    }
    respond(&api, &row, true, accepts(&headers, "json")).await
}

/// Notifications of credits (camt.054), oldest first
#[utoipa::path(
    get, path = "/v1/notifications", tag = "messages", operation_id = "notifications", security(("key" = [])),
    params(("after" = Option<u64>, Query, description = "Number of the last one that is known", maximum = 9223372036854775807_i64)),
    responses((status = 200, description = "At most 100", body = NotificationsTold), Read)
)]
pub(super) async fn notifications(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Asked(after): Asked<After>,
) -> Answered {
    let after = after.number("a number that was given, as `number` says")?;
    let mut work = api.shared.store.read().await?;
    let found = api.shared.store.notifications(&mut work, &caller.tenant, after, PAGE_MAX).await?;
    Ok(Json(NotificationsTold { notifications: found.iter().map(AnswerTold::new).collect() }).into_response())
}

/// One notification, or another answer, by its identification
#[utoipa::path(
    get, path = "/v1/notifications/{id}", tag = "messages", operation_id = "notification", security(("key" = [])),
    params(("id" = String, Path, description = "`id` of the list")),
    responses(
        (status = 200, description = "XML, or ISO's JSON where `Accept` says json", content((String = "application/xml"), (serde_json::Value = "application/json"))),
        Read, Unknown
    )
)]
pub(super) async fn notification(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(id): Named,
    headers: HeaderMap,
) -> Answered {
    let mut work = api.shared.store.read().await?;
    let found = api.shared.store.answer_by_id(&mut work, &caller.tenant, &id).await?;
    drop(work);
    let found = found.ok_or_else(|| Problem::unknown("notification", &id))?;
    content(&api, found, accepts(&headers, "json")).await
}
