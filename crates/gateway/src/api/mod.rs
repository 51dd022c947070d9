//! HTTP: payments and messages in, answers and what is known out. Every call is a caller's, whose tenant decides what it sees.
//!
//! A route exists by its handler's own description, from which the OpenAPI document is made: neither can be without the other.

mod accounts;
mod approvals;
mod audit;
mod batches;
mod bodies;
mod document;
mod events;
mod guard;
mod journey;
mod lines;
mod liquidity;
mod messages;
mod ordering;
mod parts;
mod payments;
mod postman;
mod preview;
mod problem;
mod quotes;
mod requests;
mod search;
mod statements;
#[cfg(test)]
mod tests;
mod told;
mod webhooks;

pub use bodies::{decode_body, message_of_payment};
pub use search::decode_cursor;

use crate::{GatewayError, access::Caller, gateway::Shared};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
};
use document::{Head, Read, Unknown};
use parts::{Named, header_text};
use problem::Problem;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::sync::{Semaphore, SemaphorePermit};
use utoipa::{OpenApi as _, ToSchema, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Bodies that are being taken at the same time, until they are durable.
const BODIES_MAX: usize = 16;
/// Searches and statements at the same time: they may read much, and the rounds read from the same database.
const SEARCHES_MAX: usize = 2;
/// Calls that wait for an answer, those of callers who went away included.
const WAITS_MAX: usize = 64;
/// How long one waits for its turn.
const SEARCH_WAIT: Duration = Duration::from_secs(5);
/// How long an arrival waits to be read.
const READ_WAIT: Duration = Duration::from_secs(20);
/// Longest time that a caller may wait for the final answer.
const FINAL_WAIT_MAX: u64 = 45;

/// What the calls share.
#[derive(Clone)]
struct Api {
    shared: Arc<Shared>,
    bodies: Arc<Semaphore>,
    document: Arc<str>,
    listeners: events::Listeners,
    searches: Arc<Semaphore>,
    waits: Arc<Semaphore>,
}

type Answered = Result<Response, Problem>;

/// Routes of callers.
fn of_callers() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Head::openapi())
        .routes(routes!(messages::take_message))
        .routes(routes!(messages::message))
        .routes(routes!(messages::answer))
        .routes(routes!(batches::orders))
        .routes(routes!(payments::order_payment))
        .routes(routes!(batches::order_batch))
        .routes(routes!(search::payments))
        .routes(routes!(payment))
        .routes(routes!(journey::journey))
        .routes(routes!(requests::ask))
        .routes(routes!(requests::requests))
        .routes(routes!(requests::request))
        .routes(routes!(requests::accept_request))
        .routes(routes!(requests::refuse_request))
        .routes(routes!(requests::withdraw_request))
        .routes(routes!(quotes::make_quote))
        .routes(routes!(quotes::quotes))
        .routes(routes!(quotes::quote))
        .routes(routes!(quotes::take_quote))
        .routes(routes!(quotes::withdraw_quote))
        .routes(routes!(messages::notifications))
        .routes(routes!(messages::notification))
        .routes(routes!(accounts::accounts))
        .routes(routes!(accounts::account))
        .routes(routes!(liquidity::account_liquidity))
        .routes(routes!(statements::account_statement))
        .routes(routes!(accounts::participants))
        .routes(routes!(approvals::approvals))
        .routes(routes!(approvals::decide))
        .routes(routes!(audit::audit))
        .routes(routes!(events::events))
        .routes(routes!(webhooks::webhook))
        .routes(routes!(webhooks::replay))
}

/// Routes that name nobody.
fn of_everybody() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(openapi))
}

/// What the routes are.
fn description() -> OpenApi {
    let mut document = of_callers().merge(of_everybody()).into_openapi();
    document.info.version = env!("CARGO_PKG_VERSION").into();
    document
}

/// The OpenAPI document, as it is served and as it stands in the documentation.
pub fn openapi_json() -> String {
    let value = serde_json::to_value(description()).unwrap_or_default();
    format!("{value:#}\n")
}

/// The routes as a Postman collection, as it stands in the documentation.
pub fn postman_json() -> String {
    let document = serde_json::to_value(description()).unwrap_or_default();
    format!("{:#}\n", postman::collection(&document, include_str!("../../../../docs/examples/pacs008.xml")))
}

/// A tenant's events after a number, as they are posted, and the number of the last of them. Nothing where there are none.
pub(crate) async fn events_json(
    shared: &Shared,
    tenant: &str,
    after: u64,
) -> Result<Option<(Vec<u8>, u64)>, GatewayError> {
    let told = events::read(shared, tenant, after).await?;
    let Some(last) = told.last().map(|event| event.number) else { return Ok(None) };
    let body = serde_json::to_vec(&events::EventsTold { events: told });
    body.map(|body| Some((body, last))).map_err(|error| GatewayError::Answer(error.to_string()))
}

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let document = openapi_json().into();
    let [searches, waits] = [SEARCHES_MAX, WAITS_MAX].map(|places| Arc::new(Semaphore::new(places)));
    let api = Api {
        shared,
        bodies: Arc::new(Semaphore::new(BODIES_MAX)),
        document,
        listeners: Default::default(),
        searches,
        waits,
    };
    let (closed, _) = of_callers().split_for_parts();
    let (open, _) = of_everybody().split_for_parts();
    closed
        .route_layer(middleware::from_fn_with_state(api.clone(), guard::admit))
        .merge(open)
        .fallback(async || {
            let next = "see /v1/openapi.json";
            Problem::new(StatusCode::NOT_FOUND, "path.unknown", "there is nothing here", next)
        })
        .method_not_allowed_fallback(async || {
            let next = "the header Allow has the methods; see /v1/openapi.json";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method.unknown", "not with this method", next)
        })
        .with_state(api)
}

/// A turn to read much.
async fn search_turn(api: &Api) -> Result<SemaphorePermit<'_>, Problem> {
    let turn = tokio::time::timeout(SEARCH_WAIT, api.searches.acquire()).await;
    turn.ok().and_then(Result::ok).ok_or_else(|| Problem::busy("too many searches and statements are under way"))
}

/// JSON that says which version it is: who has it already is told so, and nothing else.
fn versioned(headers: &HeaderMap, value: &impl Serialize) -> Answered {
    let body = serde_json::to_vec(value).map_err(|_| Problem::fault())?;
    let digest = crate::identity::digest(&body).to_string();
    let tag = format!("\"{}\"", digest.get(2..34).unwrap_or_default());
    let known = header_text(headers, header::IF_NONE_MATCH.as_str(), 1_000)?;
    let is_known = known.is_some_and(|known| {
        known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
    });
    let head = [(header::ETAG, tag), (header::CACHE_CONTROL, "private, no-cache".into())];
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, head).into_response());
    }
    Ok((head, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// A payment by its UETR: the orders and the movements that the tenant may see
#[utoipa::path(
    get, path = "/v1/payments/{uetr}", tag = "payments", operation_id = "payment", security(("key" = [])),
    params(
        ("uetr" = String, Path, description = "UETR of the payment"),
        ("If-None-Match" = Option<String>, Header, description = "ETag of the version that is known already")
    ),
    responses(
        (status = 200, description = "What became of it", body = told::PaymentTold, headers(("ETag" = String, description = "Version of the answer"))),
        (status = 304, description = "Nothing changed"),
        Read, Unknown
    )
)]
async fn payment(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(uetr): Named,
    headers: HeaderMap,
) -> Answered {
    let named = crate::Uetr::parse(&uetr).ok_or_else(|| Problem::unknown("payment", &uetr))?.to_string();
    versioned(&headers, &told::payment(&api, &caller.tenant, &named).await?)
}

/// Whether the gateway works.
#[derive(Serialize, ToSchema)]
struct Health {
    ok: bool,
    /// Height up to which the ledger was read.
    read_to_block: u64,
}

/// Whether the gateway works, and how far it has read the ledger
#[utoipa::path(
    get, path = "/healthz", tag = "service", operation_id = "health",
    responses((status = 200, description = "It works", body = Health), (status = 503, description = "It does not, for now", body = Health))
)]
async fn health(State(api): State<Api>) -> Response {
    // Who has no key learns that something is wrong, not what.
    let ok = api.shared.trouble.borrow().is_none();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let read_to_block = *api.shared.read_to.borrow();
    (status, Json(Health { ok, read_to_block })).into_response()
}

/// This document
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "service", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value))
)]
async fn openapi(State(api): State<Api>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], api.document.to_string()).into_response()
}
