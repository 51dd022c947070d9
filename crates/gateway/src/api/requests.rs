//! Requests to pay: a creditor asks, a debtor accepts by paying, or refuses; a creditor withdraws.

use super::{
    Answered, Api,
    document::{Answered as AnsweredProblems, Asked as AskedProblems, Read, Unknown},
    messages::wait_for,
    ordering::{Made, Ordering, body_of, digest_of, id_of, invalid, name_of, name_of_payment},
    parts::{Asked, Named, header_text, stored},
    payments::{KEY_CHARS_MAX, respond},
    problem::Problem,
    told::{DecidedTold, PartyTold, PaymentTold, ReasonTold, decided},
};
use crate::{
    GatewayError,
    access::Caller,
    gateway::{Shared, now_ms},
    identity::time_text,
    reason::Reason,
    request::Wrong,
    request_to_pay::{AcceptBody, AskBody, Call, RefuseBody, is_late, withdrawal},
    store::{About, NewOrder, OrderKind, RequestSearch, RequestToPay, Stand},
};
use alloy_primitives::B256;
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use florin_history::sql::Work;
use florin_iso20022::status_reason;
use florin_modules::payment::RequestState;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Code of a body whose fields are wrong.
const INVALID: &str = "request.invalid";
/// Requests of one page.
const PAGE_MAX: usize = 100;
/// Orders that are told of one request.
const ORDERS_MAX: u64 = 20;

/// A request to pay.
#[derive(Serialize, ToSchema)]
pub(super) struct RequestTold {
    /// What it is known by: a UUID, the same at every gateway.
    request: String,
    /// `outgoing` (the tenant asks) or `incoming` (it is asked).
    direction: &'static str,
    /// `ordered` (not on the ledger yet), `failed` (it never will be: `reason` says why), `open`, `late` (it expired without an answer), `accepted`, `refused` or `withdrawn`.
    state: &'static str,
    /// Why it failed, or was refused.
    reason: Option<ReasonTold>,
    /// Who asks.
    creditor: PartyTold,
    /// Who is asked.
    debtor: PartyTold,
    /// Decimal, such as `1250.75`.
    amount: Option<String>,
    /// Code of ISO 4217.
    currency: Option<String>,
    /// From when on it can be accepted no more.
    expires: String,
    /// Texts of the creditor. Where it asked through another gateway, the ledger has hashes of the first two alone.
    end_to_end_id: Option<String>,
    remittance: Option<String>,
    purpose: Option<String>,
    /// When it was made.
    made: String,
    /// When it was accepted, refused or withdrawn.
    ended: Option<String>,
    /// UETR of the payment that accepted it.
    uetr: Option<String>,
    /// Its number on the ledger.
    ledger_number: Option<u64>,
    /// What this tenant ordered about it, to ask, to accept, to refuse, to withdraw: the newest 20, oldest first. Where one request is
    /// asked for, and not in lists and events.
    orders: Option<Vec<DecidedTold>>,
}

/// Requests, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct RequestsTold {
    requests: Vec<RequestTold>,
    /// `before` of the next page; nothing on the last one.
    next: Option<u64>,
}

/// Which are looked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    /// `outgoing` (the tenant asks) or `incoming` (it is asked). Both where it is left out.
    direction: Option<String>,
    /// `ordered`, `failed`, `open`, `late`, `accepted`, `refused` or `withdrawn`.
    state: Option<String>,
    /// `next` of the page before: only those after it.
    #[param(maximum = 9223372036854775807_i64)]
    before: Option<u64>,
}

/// Asks somebody to pay
///
/// The same `Idempotency-Key` with the same body has the same request for its answer, for ever. `Prefer: wait=SECONDS` (at most 45) waits
/// until the ledger has it.
#[utoipa::path(
    post, path = "/v1/requests", tag = "requests", operation_id = "ask", security(("key" = [])),
    params(
        ("Idempotency-Key" = String, Header, description = "1 to 255 printable characters of ASCII, of the caller's choice"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, at most 45")
    ),
    request_body = AskBody,
    responses(
        (status = 200, description = "It was known", body = RequestTold),
        (status = 201, description = "It is durable", body = RequestTold, headers(("Location" = String, description = "The request"))),
        Read, AskedProblems
    )
)]
pub(super) async fn ask(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    let key = header_text(&headers, "idempotency-key", KEY_CHARS_MAX)?.ok_or_else(Problem::no_key)?;
    let asked: AskBody = body_of(&api, &headers, body, INVALID).await?;
    let name = format!("key:{key}");
    let now_ms = now_ms();
    let order = Ordering { api: &api, caller: &caller, name: &name, asked: digest_of(&("ask", &asked)), now_ms };
    let (number, known) = match order.known().await? {
        Some(message) => (message, true),
        None => {
            let wrong = asked.wrong(now_ms);
            if !wrong.is_empty() {
                return Err(invalid(INVALID, &wrong));
            }
            let (request, made) = asked.order(&order.call()).map_err(|wrong| invalid(INVALID, &[wrong]))?;
            order.take(made, Some(Made::Request(Box::new(request)))).await?
        }
    };
    wait_for(&api, &caller, number, &headers).await?;
    let mut work = api.shared.store.read().await?;
    let orders = api.shared.store.orders_of(&mut work, number).await?;
    let request = orders.first().and_then(|order| order.request).ok_or_else(Problem::fault)?;
    let found = api.shared.store.request_numbered(&mut work, &caller.tenant, request).await?;
    let told = told_of(&api, &mut work, &caller.tenant, found.ok_or_else(Problem::fault)?).await?;
    let location = HeaderValue::from_str(&format!("/v1/requests/{}", told.request)).map_err(|_| Problem::fault())?;
    let status = if known { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, [(header::LOCATION, location)], Json(told)).into_response())
}

/// Requests to pay of the tenant, newest first: what it asks for, and what it is asked for
#[utoipa::path(
    get, path = "/v1/requests", tag = "requests", operation_id = "requests", security(("key" = [])),
    params(Filters),
    responses((status = 200, description = "At most 100", body = RequestsTold), Read)
)]
pub(super) async fn requests(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Asked(filters): Asked<Filters>,
) -> Answered {
    let search = search(&caller, &filters)?;
    let store = &api.shared.store;
    let mut work = store.read().await?;
    let limit = u64::try_from(PAGE_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut found = store.search_requests(&mut work, &search, limit).await?;
    let has_more = found.len() > PAGE_MAX;
    found.truncate(PAGE_MAX);
    let next = found.last().map(|request| request.number).filter(|_| has_more);
    let mut requests = Vec::with_capacity(found.len());
    for request in found {
        requests.push(told(&api.shared, &mut work, &caller.tenant, request).await?);
    }
    Ok(Json(RequestsTold { requests, next }).into_response())
}

/// One request to pay
#[utoipa::path(
    get, path = "/v1/requests/{request}", tag = "requests", operation_id = "request", security(("key" = [])),
    params(("request" = String, Path, description = "`request` of the list")),
    responses((status = 200, description = "As it stands, with what the tenant ordered about it", body = RequestTold), Read, Unknown)
)]
pub(super) async fn request(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(request): Named,
) -> Answered {
    let mut work = api.shared.store.read().await?;
    let found = find_request(&api, &mut work, &caller, &id_of("request", &request)?).await?;
    Ok(Json(told_of(&api, &mut work, &caller.tenant, found).await?).into_response())
}

/// Accepts a request to pay: pays exactly what is asked
///
/// It is a payment as any other from there on, with approval and screening. `Idempotency-Key`, or a UETR in the body, is needed.
#[utoipa::path(
    post, path = "/v1/requests/{request}/accept", tag = "requests", operation_id = "accept_request", security(("key" = [])),
    params(
        ("request" = String, Path, description = "`request` of the list"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters of ASCII, of the caller's choice. Needed where the body has no UETR"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, at most 45")
    ),
    request_body = AcceptBody,
    responses(
        (status = 200, description = "It was known", body = PaymentTold),
        (status = 201, description = "It is durable", body = PaymentTold, headers(("Location" = String, description = "The payment"))),
        Read, Unknown, AnsweredProblems
    )
)]
pub(super) async fn accept_request(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(request): Named,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    let id = id_of("request", &request)?;
    let key = header_text(&headers, "idempotency-key", KEY_CHARS_MAX)?;
    let accepted: AcceptBody = body_of(&api, &headers, body, INVALID).await?;
    let given = accepted.uetr.as_deref().map(|text| {
        let text_is = "a UETR is a UUID of version 4";
        crate::Uetr::parse(text).ok_or_else(|| invalid(INVALID, &[Wrong::of("CH16", "/uetr", text_is, text)]))
    });
    let name = name_of_payment(key, given.transpose()?)?;
    let uetr = accepted.uetr_under(&caller.tenant, &name);
    let asked = digest_of(&("accept", &id, uetr.to_string()));
    let order = Ordering { api: &api, caller: &caller, name: &name, asked, now_ms: now_ms() };
    let taken = answer(&order, &id, |call, request| accepted.order(call, request)).await?;
    respond(&api, &caller, taken, uetr, &headers).await
}

/// Refuses a request to pay
#[utoipa::path(
    post, path = "/v1/requests/{request}/refuse", tag = "requests", operation_id = "refuse_request", security(("key" = [])),
    params(
        ("request" = String, Path, description = "`request` of the list"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, at most 45")
    ),
    request_body = RefuseBody,
    responses((status = 200, description = "The refusal is durable: the request as it stands", body = RequestTold), Read, Unknown, AnsweredProblems)
)]
pub(super) async fn refuse_request(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(request): Named,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    let id = id_of("request", &request)?;
    let refused: RefuseBody = body_of(&api, &headers, body, INVALID).await?;
    if status_reason(&refused.code).is_none() {
        let text = "a code of ISO 20022's ExternalStatusReason1Code, such as AM09";
        return Err(invalid(INVALID, &[Wrong::of("CH16", "/code", text, &refused.code)]));
    }
    let asked = digest_of(&("refuse", &id, &refused));
    let (api, caller) = (&api, &caller);
    let message =
        again(api, caller, (OrderKind::Refuse, &id), asked, |call, request| refused.order(call, request)).await?;
    stands(api, caller, (message, &id), &headers).await
}

/// Withdraws a request to pay
#[utoipa::path(
    post, path = "/v1/requests/{request}/withdraw", tag = "requests", operation_id = "withdraw_request", security(("key" = [])),
    params(
        ("request" = String, Path, description = "`request` of the list"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, at most 45")
    ),
    responses((status = 200, description = "The withdrawal is durable: the request as it stands", body = RequestTold), Read, Unknown, AnsweredProblems)
)]
pub(super) async fn withdraw_request(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(request): Named,
    headers: HeaderMap,
) -> Answered {
    let id = id_of("request", &request)?;
    let asked = digest_of(&("withdraw", &id));
    let message = again(&api, &caller, (OrderKind::Withdraw, &id), asked, withdrawal).await?;
    stands(&api, &caller, (message, &id), &headers).await
}

/// The request, after its answer had the time that the caller gives it.
async fn stands(api: &Api, caller: &Caller, (message, id): (u64, &str), headers: &HeaderMap) -> Answered {
    wait_for(api, caller, message, headers).await?;
    let mut work = api.shared.store.read().await?;
    let found = find_request(api, &mut work, caller, id).await?;
    Ok(Json(told_of(api, &mut work, &caller.tenant, found).await?).into_response())
}

/// Orders an answer to a request that is open, unless that was ordered already. The message, and whether it was known.
async fn answer(
    ordering: &Ordering<'_>,
    id: &str,
    order: impl FnOnce(&Call<'_>, &RequestToPay) -> Result<NewOrder, Reason>,
) -> Result<(u64, bool), Problem> {
    if let Some(message) = ordering.known().await? {
        return Ok((message, true));
    }
    let mut work = ordering.api.shared.store.read().await?;
    let request = find_request(ordering.api, &mut work, ordering.caller, id).await?;
    drop(work);
    let order = order(&ordering.call(), &request).map_err(|reason| {
        let next = "look at `direction`: who is asked accepts or refuses, who asks withdraws";
        Problem::new(StatusCode::FORBIDDEN, "request.party", format!("{}: {}", reason.code, reason.words), next)
    })?;
    let is_in_time = order.kind == OrderKind::Withdraw || !is_late(&request, ordering.now_ms);
    let is_open = request.stand == Stand::Ledger(RequestState::Open) && is_in_time;
    // Accepted by this very payment, in an earlier life of this gateway: the ledger says so again.
    let is_own = request.uetr.is_some() && request.uetr == order.uetr;
    if !is_open && !is_own {
        let state = state_of(&request, ordering.now_ms);
        let detail = format!("request {id} is {state}: only an open one is answered or withdrawn");
        let next = "see what GET /v1/requests/{request} says now";
        return Err(Problem::new(StatusCode::CONFLICT, "request.over", detail, next));
    }
    ordering.take(order, None).await
}

/// Orders an answer that has no key of the caller's: it is known by its request. The message that it is.
async fn again(
    api: &Api,
    caller: &Caller,
    (kind, id): (OrderKind, &str),
    asked: B256,
    order: impl FnOnce(&Call<'_>, &RequestToPay) -> Result<NewOrder, Reason>,
) -> Result<u64, Problem> {
    let request = find_request(api, &mut api.shared.store.read().await?, caller, id).await?;
    let name = name_of(api, caller, (kind, id), About::Request(request.number)).await?;
    let ordering = Ordering { api, caller, name: &name, asked, now_ms: now_ms() };
    Ok(answer(&ordering, id, order).await?.0)
}

fn search(caller: &Caller, filters: &Filters) -> Result<RequestSearch, Problem> {
    let asks = match filters.direction.as_deref() {
        None => None,
        Some("outgoing") => Some(true),
        Some("incoming") => Some(false),
        Some(_) => return Err(Problem::parameter("direction", "outgoing or incoming")),
    };
    let now_ms = now_ms();
    let open = Stand::Ledger(RequestState::Open).name();
    let (stand, late) = match filters.state.as_deref() {
        None => (None, None),
        Some("open") => (Some(open), Some((false, now_ms))),
        Some("late") => (Some(open), Some((true, now_ms))),
        Some(name) => {
            let known = Stand::from_name(name).map(Stand::name);
            let expected = "ordered, failed, open, late, accepted, refused or withdrawn";
            (Some(known.ok_or_else(|| Problem::parameter("state", expected))?), None)
        }
    };
    let before = filters.before.map(|before| stored("before", before, "`next` of the page before")).transpose()?;
    Ok(RequestSearch { tenant: caller.tenant.clone(), asks, stand, late, before })
}

async fn find_request(api: &Api, work: &mut Work, caller: &Caller, id: &str) -> Result<RequestToPay, Problem> {
    let found = api.shared.store.request_to_pay(work, &caller.tenant, id).await?;
    found.ok_or_else(|| Problem::unknown("request", id))
}

/// One request as its tenant sees it, with what the tenant ordered about it.
async fn told_of(api: &Api, work: &mut Work, tenant: &str, request: RequestToPay) -> Result<RequestTold, Problem> {
    let mut acts = Vec::new();
    for order in api.shared.store.orders_about(work, tenant, About::Request(request.number), ORDERS_MAX).await? {
        acts.push(decided(&api.shared, work, &order).await?);
    }
    Ok(RequestTold { orders: Some(acts), ..told(&api.shared, work, tenant, request).await? })
}

/// The same, as it stands in lists and events.
pub(super) async fn told(
    shared: &Shared,
    work: &mut Work,
    tenant: &str,
    request: RequestToPay,
) -> Result<RequestTold, GatewayError> {
    let reason = match (request.stand, &request.code) {
        (Stand::Failed, _) => {
            let order = shared.store.order_that_made(work, About::Request(request.number)).await?;
            order.as_ref().and_then(ReasonTold::of)
        }
        (_, Some(code)) => Some(ReasonTold { code: code.clone(), text: None, path: None }),
        _ => None,
    };
    let book = &shared.book;
    let currency = book.token_at(request.token).map(|token| token.currency.clone());
    let asks = request.creditor_tenant.as_deref() == Some(tenant);
    Ok(RequestTold {
        state: state_of(&request, now_ms()),
        request: request.id,
        direction: if asks { "outgoing" } else { "incoming" },
        reason,
        creditor: PartyTold::at(book, request.creditor),
        debtor: PartyTold::at(book, request.debtor),
        amount: currency.as_deref().and_then(|currency| book.decimal(currency, request.amount)),
        currency,
        expires: time_text(request.expires_ms),
        end_to_end_id: request.end_to_end,
        remittance: request.remittance,
        purpose: request.purpose,
        made: time_text(request.made_ms),
        ended: request.ended_ms.map(time_text),
        uetr: request.uetr,
        ledger_number: request.ledger,
        orders: None,
    })
}

/// Where it stands, as it is told.
fn state_of(request: &RequestToPay, now_ms: u64) -> &'static str {
    if is_late(request, now_ms) { "late" } else { request.stand.name() }
}
