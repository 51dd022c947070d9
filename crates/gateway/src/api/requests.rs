//! Requests to pay: a creditor asks, a debtor accepts by paying, or refuses; a creditor withdraws.

use super::{
    Answered, Api,
    document::{Answered as AnsweredProblems, Asked as AskedProblems, Read, Unknown},
    messages::{take_body, wait_for},
    parts::{Asked, Named, header_text, media_type, stored},
    payments::{BODY_BYTES_MAX, KEY_CHARS_MAX, find, flaw, parsed, respond, same},
    problem::Problem,
    told::{DecidedTold, PartyTold, PaymentTold, ReasonTold, decided},
};
use crate::{
    GatewayError,
    access::Caller,
    book::Book,
    desk::claim_orders,
    gateway::{Shared, now_ms},
    identity::{digest, time_text},
    inbox::{Arrival, keep},
    reason::Reason,
    request::Wrong,
    request_to_pay::{AcceptBody, AskBody, Call, RefuseBody, is_late, withdrawal},
    store::{
        Called, MESSAGE_FINAL, MESSAGE_OPEN, NewOrder, OWN_NAMES, Order, OrderKind, ReadAs, RequestSearch,
        RequestToPay, Sender, Stand,
    },
};
use alloy_primitives::{Address, B256};
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
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

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
    let asked: AskBody = body_of(&api, &headers, body).await?;
    let name = format!("key:{key}");
    let now_ms = now_ms();
    let order = Ordering { api: &api, caller: &caller, name: &name, asked: digest_of(&("ask", &asked)), now_ms };
    let (number, known) = match find(&api, &caller, &name, order.asked).await? {
        Some(message) => (message, true),
        None => {
            let wrong = asked.wrong(now_ms);
            if !wrong.is_empty() {
                return Err(invalid(&wrong));
            }
            let (request, made) = asked.order(&order.call()).map_err(|wrong| invalid(&[wrong]))?;
            order.take(made, Some(request)).await?
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
    let found = find_request(&api, &mut work, &caller, &id_of(&request)?).await?;
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
    let id = id_of(&request)?;
    let key = header_text(&headers, "idempotency-key", KEY_CHARS_MAX)?;
    let accepted: AcceptBody = body_of(&api, &headers, body).await?;
    let given = accepted.uetr.as_deref().map(|text| {
        let text_is = "a UETR is a UUID of version 4";
        crate::Uetr::parse(text).ok_or_else(|| invalid(&[Wrong::of("CH16", "/uetr", text_is, text)]))
    });
    let name = match (key, given.transpose()?) {
        (Some(key), _) => format!("key:{key}"),
        (None, Some(uetr)) => format!("uetr:{uetr}"),
        (None, None) => return Err(Problem::no_key()),
    };
    let uetr = accepted.uetr_under(&caller.tenant, &name);
    let asked = digest_of(&("accept", &id, uetr.to_string()));
    let order = Ordering { api: &api, caller: &caller, name: &name, asked, now_ms: now_ms() };
    let taken = order.answer(&id, |call, request| accepted.order(call, request)).await?;
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
    let id = id_of(&request)?;
    let refused: RefuseBody = body_of(&api, &headers, body).await?;
    if status_reason(&refused.code).is_none() {
        let text = "a code of ISO 20022's ExternalStatusReason1Code, such as AM09";
        return Err(invalid(&[Wrong::of("CH16", "/code", text, &refused.code)]));
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
    let id = id_of(&request)?;
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

/// A call that orders something about a request.
struct Ordering<'a> {
    api: &'a Api,
    caller: &'a Caller,
    /// What it is known by.
    name: &'a str,
    /// Digest of what was asked.
    asked: B256,
    now_ms: u64,
}

impl Ordering<'_> {
    fn call(&self) -> Call<'_> {
        Call { book: &self.api.shared.book, tenant: &self.caller.tenant, name: self.name, now_ms: self.now_ms }
    }

    /// Orders an answer to a request that is open, unless that was ordered already. The message, and whether it was known.
    async fn answer(
        &self,
        id: &str,
        order: impl FnOnce(&Call<'_>, &RequestToPay) -> Result<NewOrder, Reason>,
    ) -> Result<(u64, bool), Problem> {
        if let Some(message) = find(self.api, self.caller, self.name, self.asked).await? {
            return Ok((message, true));
        }
        let mut work = self.api.shared.store.read().await?;
        let request = find_request(self.api, &mut work, self.caller, id).await?;
        drop(work);
        let order = order(&self.call(), &request).map_err(|reason| {
            let next = "look at `direction`: who is asked accepts or refuses, who asks withdraws";
            Problem::new(StatusCode::FORBIDDEN, "request.party", format!("{}: {}", reason.code, reason.words), next)
        })?;
        let is_in_time = order.kind == OrderKind::Withdraw || !is_late(&request, self.now_ms);
        let is_open = request.stand == Stand::Ledger(RequestState::Open) && is_in_time;
        // Accepted by this very payment, in an earlier life of this gateway: the ledger says so again.
        let is_own = request.uetr.is_some() && request.uetr == order.uetr;
        if !is_open && !is_own {
            let state = state_of(&request, self.now_ms);
            let detail = format!("request {id} is {state}: only an open one is answered or withdrawn");
            let next = "see what GET /v1/requests/{request} says now";
            return Err(Problem::new(StatusCode::CONFLICT, "request.over", detail, next));
        }
        self.take(order, None).await
    }

    /// Makes the call, its order and the request that it makes durable, in one. The message that they are, and whether it was known.
    async fn take(&self, order: NewOrder, made: Option<RequestToPay>) -> Result<(u64, bool), Problem> {
        let store = &self.api.shared.store;
        let mut work = store.write().await?;
        let tenant = &self.caller.tenant;
        // Somebody may have been first.
        if let Some(message) = same(store.call(&mut work, tenant, self.name).await?, self.asked)? {
            return Ok((message, true));
        }
        let kind = order.kind.name();
        let content = json!({ "order": kind, "call": self.name, "request": order.request, "asked": self.asked });
        let sender = Sender { tenant, maker: &self.caller.name, file: None };
        let arrival = keep(store, &mut work, &sender, content.to_string().as_bytes(), self.now_ms).await?;
        let message = match arrival {
            Arrival::New(message) => message,
            // Somebody of this tenant sent these very bytes as a message.
            Arrival::Known(_) => return Err(Problem::reused()),
            Arrival::Busy => return Err(Problem::busy("too much waits to be worked on")),
        };
        let mut order = NewOrder { message, ..order };
        if let Some(made) = made {
            // The ledger may have told of it already: it was made in an earlier life of this gateway.
            let known = store.request_under(&mut work, made.creditor, made.reference).await?;
            order.request = Some(match known {
                Some(known) if !known.asks_the_same(&made) => return Err(Problem::reused()),
                Some(known) => {
                    if known.end_to_end.is_none() && known.remittance.is_none() {
                        store.keep_texts(&mut work, &known, &made).await?;
                    }
                    known.number
                }
                None => store.add_request_to_pay(&mut work, made).await?,
            });
        }
        let mut orders = [order];
        claim_orders(store, &mut work, &mut orders).await?;
        self.api.shared.office.enter(&mut orders);
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

/// Orders an answer that has no key of the caller's: it is known by its request. One that was refused, by a rule that may hold no more
/// (a pause), is ordered anew. The message that it is.
async fn again(
    api: &Api,
    caller: &Caller,
    (kind, id): (OrderKind, &str),
    asked: B256,
    order: impl FnOnce(&Call<'_>, &RequestToPay) -> Result<NewOrder, Reason>,
) -> Result<u64, Problem> {
    let store = &api.shared.store;
    let mut work = store.read().await?;
    let request = find_request(api, &mut work, caller, id).await?;
    let refused = store.refused_about(&mut work, &caller.tenant, request.number, kind).await?;
    drop(work);
    let name = format!("{}:{id}:{refused}", kind.name());
    let ordering = Ordering { api, caller, name: &name, asked, now_ms: now_ms() };
    Ok(ordering.answer(id, order).await?.0)
}

/// What a request is known by.
fn id_of(text: &str) -> Result<String, Problem> {
    let id = crate::Uetr::parse(text).ok_or_else(|| Problem::unknown("request", text))?;
    Ok(id.to_string())
}

/// A small body in JSON.
async fn body_of<T: DeserializeOwned>(api: &Api, headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    if media_type(headers) != "application/json" {
        return Err(Problem::kind("application/json"));
    }
    let (content, _place) = take_body(api, body, BODY_BYTES_MAX).await?;
    parsed(&content).map_err(|wrong| invalid(&[wrong]))
}

fn invalid(wrong: &[Wrong]) -> Problem {
    Problem::flawed("request.invalid", wrong.iter().map(flaw).collect())
}

/// A tuple of texts and numbers is always written.
fn digest_of(asked: &impl Serialize) -> B256 {
    digest(&serde_json::to_vec(asked).unwrap_or_default())
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
    for order in api.shared.store.orders_about(work, tenant, request.number, ORDERS_MAX).await? {
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
            let order = shared.store.order_that_asks(work, request.number).await?;
            let told = |order: Order| Some(ReasonTold { code: order.code?, text: order.words, path: order.path });
            order.and_then(told)
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
        creditor: party(book, request.creditor),
        debtor: party(book, request.debtor),
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

/// A party as the book knows it.
fn party(book: &Book, address: Address) -> PartyTold {
    let holder = book.at(address);
    PartyTold {
        name: holder.and_then(|holder| holder.name.clone()),
        number: holder.map(|holder| holder.number.clone()),
        bic: holder.and_then(|holder| holder.bic.clone()),
        address: Some(address),
    }
}
