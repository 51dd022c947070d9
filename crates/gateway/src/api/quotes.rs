//! Quotes of foreign exchange: a provider promises a price, somebody takes it by paying across two currencies; the provider withdraws it.

use super::{
    Answered, Api,
    document::{Quoted, Read, Taken, Unknown},
    messages::wait_for,
    ordering::{Made, Ordering, body_of, digest_of, id_of, invalid, is_on_ledger, name_of, name_of_payment},
    parts::{Asked, Named, header_text, stored},
    payments::{KEY_CHARS_MAX, respond},
    problem::Problem,
    search_turn,
    told::{DecidedTold, PartyTold, PaymentTold, ReasonTold, decided},
};
use crate::{
    GatewayError,
    access::Caller,
    book::TokenEntry,
    gateway::{Shared, now_ms},
    identity::time_text,
    order::State as OrderState,
    quote::{QuoteBody, SideNamed, TakeBody, is_late, minor, provider, rate, retraction},
    store::{About, NewOrder, OrderKind, Quote, QuoteSearch, QuoteState},
};
use alloy_primitives::U256;
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use florin_history::sql::Work;
use florin_modules::fx::{Cost, Side};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Code of a body whose fields are wrong.
const INVALID: &str = "quote.invalid";
/// Quotes of one page.
const PAGE_MAX: usize = 100;
/// Open quotes that fit an amount, of those that live longest, among which the best are looked for.
const COMPARED_MAX: u64 = 1_000;
/// Orders that are told of one quote.
const ORDERS_MAX: u64 = 20;

/// What taking a quote costs.
#[derive(Serialize, ToSchema)]
pub(super) struct CostTold {
    /// What is sent, with the fee: decimal, in the sold currency.
    sent: Option<String>,
    /// What is received, in the bought currency.
    received: Option<String>,
    /// Units of the bought currency for one of the sold, fee included, rounded down to 8 digits after the point.
    rate: Option<String>,
}

/// A quote, as whoever takes it sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct QuoteTold {
    /// What it is known by: a UUID, the same at every gateway.
    quote: String,
    /// `outgoing` (the tenant promises) or `incoming` (it may take it).
    direction: &'static str,
    /// `ordered` (not on the ledger yet), `failed` (it never will be: `reason` says why, and nothing where it was withdrawn before), `open`, `late` (it expired and was not taken), `taken`, `withdrawn` or `revoked` (with all others
    /// of its provider).
    state: &'static str,
    /// Why it failed.
    reason: Option<ReasonTold>,
    /// Who promises.
    provider: PartyTold,
    /// Who alone may take it; anybody where nobody is named.
    taker: Option<PartyTold>,
    /// The currency that the taker sends: code of ISO 4217.
    sell: Option<String>,
    /// How much of it at most, without the fee.
    sell_amount: Option<String>,
    /// The currency that the payee receives.
    buy: Option<String>,
    /// How much of it at most.
    buy_amount: Option<String>,
    /// Which amount the taker chooses.
    side: Option<SideNamed>,
    /// The least that it may choose.
    least: Option<String>,
    /// What comes on top of what is sold.
    fee: Option<String>,
    /// Units of the bought currency for one of the sold, without the fee, rounded down to 8 digits after the point.
    rate: Option<String>,
    /// From when on it is taken no more.
    expires: String,
    /// What it costs: for the `amount` that is asked about, else for all of it.
    cost: Option<CostTold>,
    /// When it was made.
    made: String,
    /// When it was taken, withdrawn or revoked.
    ended: Option<String>,
    /// UETR of the payment that took it, for those on whose accounts it moved something.
    uetr: Option<String>,
    /// What this tenant ordered about it, to make, to take, to withdraw: the newest 20, oldest first. Where one quote is asked for, and
    /// not in lists and events.
    orders: Option<Vec<DecidedTold>>,
}

/// Quotes: newest first, or best first where an amount is asked about.
#[derive(Serialize, ToSchema)]
pub(super) struct QuotesTold {
    quotes: Vec<QuoteTold>,
    /// `before` of the next page; nothing on the last one.
    next: Option<u64>,
}

/// Which are looked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    /// `outgoing` (the tenant promises) or `incoming` (it may take it). Both where it is left out.
    direction: Option<String>,
    /// `ordered`, `failed`, `open`, `late`, `taken`, `withdrawn` or `revoked`.
    state: Option<String>,
    /// The currency that the taker sends.
    sell: Option<String>,
    /// The currency that the payee receives.
    buy: Option<String>,
    /// Which amount is asked about: `send` or `receive`. With `amount`, `sell` and `buy`, and nothing else.
    side: Option<String>,
    /// The amount. Open quotes that may be taken for it are told, the best rate first, each with its cost: at most 100.
    amount: Option<String>,
    /// `next` of the page before: only those after it.
    #[param(maximum = 9223372036854775807_i64)]
    before: Option<u64>,
}

/// Makes a quote
///
/// The same `Idempotency-Key` with the same body has the same quote for its answer, for ever. `Prefer: wait=SECONDS` (at most 45) waits
/// until the ledger has it.
#[utoipa::path(
    post, path = "/v1/quotes", tag = "quotes", operation_id = "make_quote", security(("key" = [])),
    params(
        ("Idempotency-Key" = String, Header, description = "1 to 255 printable characters of ASCII, of the caller's choice"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, at most 45")
    ),
    request_body = QuoteBody,
    responses(
        (status = 200, description = "It was known", body = QuoteTold),
        (status = 201, description = "It is durable", body = QuoteTold, headers(("Location" = String, description = "The quote"))),
        Read, Quoted
    )
)]
pub(super) async fn make_quote(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    let key = header_text(&headers, "idempotency-key", KEY_CHARS_MAX)?.ok_or_else(Problem::no_key)?;
    let asked: QuoteBody = body_of(&api, &headers, body, INVALID).await?;
    let name = format!("key:{key}");
    let now_ms = now_ms();
    let ordering = Ordering { api: &api, caller: &caller, name: &name, asked: digest_of(&("quote", &asked)), now_ms };
    let (number, known) = match ordering.known().await? {
        Some(message) => (message, true),
        None => {
            let wrong = asked.wrong(now_ms);
            if !wrong.is_empty() {
                return Err(invalid(INVALID, &wrong));
            }
            let call = ordering.call();
            let provider = provider(&call, &asked.provider).map_err(|wrong| invalid(INVALID, &[wrong]))?;
            let chain = &api.shared.chain;
            let epoch = chain.proven_epoch(provider.address).await.map_err(GatewayError::from)?;
            let made = asked.order(&call, provider, (epoch, chain.chain_id));
            let (quote, order) = made.map_err(|wrong| invalid(INVALID, &[wrong]))?;
            ordering.take(order, Some(Made::Quote(Box::new(quote)))).await?
        }
    };
    wait_for(&api, &caller, number, &headers).await?;
    let mut work = api.shared.store.read().await?;
    let orders = api.shared.store.orders_of(&mut work, number).await?;
    let quote = orders.first().and_then(|order| order.quote).ok_or_else(Problem::fault)?;
    let found = api.shared.store.quote_numbered(&mut work, &caller.tenant, quote).await?;
    let told = told_of(&api, &mut work, &caller.tenant, found.ok_or_else(Problem::fault)?).await?;
    let location = HeaderValue::from_str(&format!("/v1/quotes/{}", told.quote)).map_err(|_| Problem::fault())?;
    let status = if known { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, [(header::LOCATION, location)], Json(told)).into_response())
}

/// Quotes that the tenant makes and may take, newest first; or those that an amount can be exchanged by, best first
#[utoipa::path(
    get, path = "/v1/quotes", tag = "quotes", operation_id = "quotes", security(("key" = [])),
    params(Filters),
    responses((status = 200, description = "At most 100", body = QuotesTold), Read)
)]
pub(super) async fn quotes(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Asked(filters): Asked<Filters>,
) -> Answered {
    let search = search(&api, &caller, &filters)?;
    let _turn = search_turn(&api).await?;
    let mut work = api.shared.store.read().await?;
    let (mut quotes, mut next) = (Vec::new(), None);
    if let Some((_, amount)) = search.fits {
        let found = api.shared.store.search_quotes(&mut work, &search, COMPARED_MAX).await?;
        for (quote, cost) in best(found, amount) {
            let told = told(&api.shared, &mut work, &caller.tenant, quote.clone()).await?;
            quotes.push(QuoteTold { cost: Some(cost_told(&api.shared, &quote, cost)), ..told });
        }
    } else {
        let limit = u64::try_from(PAGE_MAX).unwrap_or(u64::MAX).saturating_add(1);
        let mut found = api.shared.store.search_quotes(&mut work, &search, limit).await?;
        let has_more = found.len() > PAGE_MAX;
        found.truncate(PAGE_MAX);
        next = found.last().map(|quote| quote.number).filter(|_| has_more);
        for quote in found {
            quotes.push(told(&api.shared, &mut work, &caller.tenant, quote).await?);
        }
    }
    Ok(Json(QuotesTold { quotes, next }).into_response())
}

/// One quote
#[utoipa::path(
    get, path = "/v1/quotes/{quote}", tag = "quotes", operation_id = "quote", security(("key" = [])),
    params(("quote" = String, Path, description = "`quote` of the list")),
    responses((status = 200, description = "As it stands, with what the tenant ordered about it", body = QuoteTold), Read, Unknown)
)]
pub(super) async fn quote(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(quote): Named,
) -> Answered {
    let mut work = api.shared.store.read().await?;
    let found = find_quote(&api, &mut work, &caller, &id_of("quote", &quote)?).await?;
    Ok(Json(told_of(&api, &mut work, &caller.tenant, found).await?).into_response())
}

/// Takes a quote: a payment across currencies
///
/// Both legs settle at once or not at all. `sent_max` and `received_min` are what the list of quotes said: nothing worse is ever paid.
/// The same `Idempotency-Key` (or UETR, without a key) with the same body has the same payment for its answer, for ever.
/// `Prefer: wait=SECONDS` (at most 45) waits until it is settled or refused.
#[utoipa::path(
    post, path = "/v1/quotes/{quote}/take", tag = "quotes", operation_id = "take_quote", security(("key" = [])),
    params(
        ("quote" = String, Path, description = "`quote` of the list"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters of ASCII, of the caller's choice. Needed where the body has no UETR"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, at most 45")
    ),
    request_body = TakeBody,
    responses(
        (status = 200, description = "It was known", body = PaymentTold),
        (status = 201, description = "It is durable", body = PaymentTold, headers(("Location" = String, description = "The payment"))),
        Read, Unknown, Taken
    )
)]
pub(super) async fn take_quote(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(quote): Named,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    let id = id_of("quote", &quote)?;
    let key = header_text(&headers, "idempotency-key", KEY_CHARS_MAX)?;
    let asked: TakeBody = body_of(&api, &headers, body, INVALID).await?;
    let wrong = asked.wrong();
    if !wrong.is_empty() {
        return Err(invalid(INVALID, &wrong));
    }
    let name = name_of_payment(key, asked.uetr.as_deref().and_then(crate::Uetr::parse))?;
    let uetr = asked.uetr_under(&caller.tenant, &name);
    let digest = digest_of(&("take", &id, &asked.as_compared()));
    let ordering = Ordering { api: &api, caller: &caller, name: &name, asked: digest, now_ms: now_ms() };
    let taken = match ordering.known().await? {
        Some(message) => (message, true),
        None => {
            let found = find_quote(&api, &mut api.shared.store.read().await?, &caller, &id).await?;
            let order = asked.order(&ordering.call(), &found, api.shared.chain.chain_id);
            let order = order.map_err(|wrong| invalid(INVALID, &[wrong]))?;
            let is_open = found.state == QuoteState::Open && !is_late(&found, ordering.now_ms);
            // It may have been taken by this very payment, in an earlier life of this gateway: then the ledger says so again.
            if !is_open && !is_on_ledger(&api, &order).await? {
                return Err(over(&found, ordering.now_ms));
            }
            ordering.take(order, None).await?
        }
    };
    respond(&api, &caller, taken, uetr, &headers).await
}

/// Withdraws a quote
#[utoipa::path(
    post, path = "/v1/quotes/{quote}/withdraw", tag = "quotes", operation_id = "withdraw_quote", security(("key" = [])),
    params(
        ("quote" = String, Path, description = "`quote` of the list"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, at most 45")
    ),
    responses((status = 200, description = "The withdrawal is durable: the quote as it stands", body = QuoteTold), Read, Unknown, Taken)
)]
pub(super) async fn withdraw_quote(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(quote): Named,
    headers: HeaderMap,
) -> Answered {
    let id = id_of("quote", &quote)?;
    let found = find_quote(&api, &mut api.shared.store.read().await?, &caller, &id).await?;
    let name = name_of(&api, &caller, (OrderKind::Retract, &id), About::Quote(found.number)).await?;
    let asked = digest_of(&("retract", &id));
    let ordering = Ordering { api: &api, caller: &caller, name: &name, asked, now_ms: now_ms() };
    let message = match ordering.known().await? {
        Some(message) => Some(message),
        None => {
            let order = retraction(&ordering.call(), &found, api.shared.chain.chain_id).map_err(|reason| {
                let next = "look at `direction`: who promises withdraws";
                Problem::new(StatusCode::FORBIDDEN, "quote.party", format!("{}: {}", reason.code, reason.words), next)
            })?;
            match found.state {
                QuoteState::Open => Some(ordering.take(order, None).await?.0),
                // It waits for a person, for screening or for its signature, and is not on the ledger from a life of this gateway whose
                // database is lost: then it never comes there.
                QuoteState::Ordered if !is_posted(&api, &order).await? && cancel(&api, &found).await? => None,
                // It is on its way there, and this comes after it.
                QuoteState::Ordered if is_ordered(&api, &found).await? => Some(ordering.take(order, None).await?.0),
                _ => return Err(over(&found, ordering.now_ms)),
            }
        }
    };
    if let Some(message) = message {
        wait_for(&api, &caller, message, &headers).await?;
    }
    let mut work = api.shared.store.read().await?;
    let found = find_quote(&api, &mut work, &caller, &id).await?;
    Ok(Json(told_of(&api, &mut work, &caller.tenant, found).await?).into_response())
}

/// Whether the quote that an order withdraws is proven to be on the ledger.
async fn is_posted(api: &Api, retraction: &NewOrder) -> Result<bool, Problem> {
    is_on_ledger(api, &NewOrder { kind: OrderKind::Quote, ..retraction.clone() }).await
}

/// Whether a quote is still to come to the ledger.
async fn is_ordered(api: &Api, quote: &Quote) -> Result<bool, Problem> {
    let found = api.shared.store.quote_known(&mut api.shared.store.read().await?, &quote.id).await?;
    Ok(found.is_some_and(|quote| quote.state == QuoteState::Ordered))
}

/// Withdraws a quote that is not signed yet. `false` where somebody was first.
async fn cancel(api: &Api, quote: &Quote) -> Result<bool, Problem> {
    let store = &api.shared.store;
    let mut work = store.write().await?;
    let order = store.order_that_made(&mut work, About::Quote(quote.number)).await?;
    let Some(order) = order.filter(|order| order.state.can_be_cancelled()) else { return Ok(false) };
    if !store.move_orders(&mut work, &[order.number], (order.state, OrderState::Cancelled), None).await? {
        return Ok(false);
    }
    store.commit(work, "withdrawn").await?;
    Ok(true)
}

fn over(quote: &Quote, now_ms: u64) -> Problem {
    let detail = format!("quote {} is {}: only an open one is taken or withdrawn", quote.id, state_of(quote, now_ms));
    let next = "see what GET /v1/quotes/{quote} says now";
    Problem::new(StatusCode::CONFLICT, "quote.over", detail, next)
}

/// What the filters mean.
fn search(api: &Api, caller: &Caller, filters: &Filters) -> Result<QuoteSearch, Problem> {
    let provides = match filters.direction.as_deref() {
        None => None,
        Some("outgoing") => Some(true),
        Some("incoming") => Some(false),
        Some(_) => return Err(Problem::parameter("direction", "outgoing or incoming")),
    };
    let now_ms = now_ms();
    let open = (Some(QuoteState::Open.name()), Some((false, now_ms)));
    let (state, late) = match filters.state.as_deref() {
        None => (None, None),
        Some("open") => open,
        Some("late") => (open.0, Some((true, now_ms))),
        Some(name) => {
            let known = QuoteState::from_name(name).map(QuoteState::name);
            let expected = "ordered, failed, open, late, taken, withdrawn or revoked";
            (Some(known.ok_or_else(|| Problem::parameter("state", expected))?), None)
        }
    };
    let before = filters.before.map(|before| stored("before", before, "`next` of the page before")).transpose()?;
    let token = |name: &str, currency: &Option<String>| {
        let known = currency.as_deref().map(|currency| {
            let unknown = |_| Problem::parameter(name, "a currency that is configured");
            api.shared.book.token(currency).map_err(unknown)
        });
        known.transpose()
    };
    let (sell, buy) = (token("sell", &filters.sell)?, token("buy", &filters.buy)?);
    let address = |token: Option<&TokenEntry>| token.map(|token| token.address);
    let search = QuoteSearch {
        tenant: caller.tenant.clone(),
        provides,
        state,
        late,
        sell: address(sell),
        buy: address(buy),
        fits: None,
        before,
    };
    let Some(amount) = &filters.amount else {
        let alone = filters.side.is_some();
        return if alone { Err(Problem::parameter("side", "there beside `amount`")) } else { Ok(search) };
    };
    let others = [&filters.direction, &filters.state].iter().any(|filter| filter.is_some()) || before.is_some();
    let needed = "a decimal amount, beside `side` (send or receive), `sell` and `buy`, and nothing else";
    let wrong = || Problem::parameter("amount", needed);
    let (sell, buy) = sell.zip(buy).filter(|_| !others).ok_or_else(wrong)?;
    let (side, token) = match filters.side.as_deref() {
        Some("send") => (Side::Send, sell),
        Some("receive") => (Side::Receive, buy),
        _ => return Err(wrong()),
    };
    let amount = minor(token, "", amount).map_err(|_| wrong())?;
    let (state, late) = open;
    Ok(QuoteSearch { provides: Some(false), state, late, fits: Some((side, amount)), ..search })
}

/// Quotes that may be taken for an amount, the best rate first, with what that costs; the older one first of two that are as good.
fn best(found: Vec<Quote>, amount: u128) -> Vec<(Quote, Cost)> {
    let costs = found.into_iter().rev().filter_map(|quote| {
        let cost = quote.terms.cost(U256::from(amount)).ok()?;
        Some((quote, cost))
    });
    let mut costs: Vec<(Quote, Cost)> = costs.collect();
    // Fractions are compared crosswise: 256 bits hold the products.
    let product = |one: u128, other: u128| U256::from(one).saturating_mul(U256::from(other));
    costs.sort_by(|(_, one), (_, other)| product(other.received, one.sent).cmp(&product(one.received, other.sent)));
    costs.truncate(PAGE_MAX);
    costs
}

async fn find_quote(api: &Api, work: &mut Work, caller: &Caller, id: &str) -> Result<Quote, Problem> {
    let found = api.shared.store.quote(work, &caller.tenant, id).await?;
    found.ok_or_else(|| Problem::unknown("quote", id))
}

/// One quote as its tenant sees it, with what the tenant ordered about it.
async fn told_of(api: &Api, work: &mut Work, tenant: &str, quote: Quote) -> Result<QuoteTold, Problem> {
    let mut acts = Vec::new();
    for order in api.shared.store.orders_about(work, tenant, About::Quote(quote.number), ORDERS_MAX).await? {
        acts.push(decided(&api.shared, work, &order).await?);
    }
    Ok(QuoteTold { orders: Some(acts), ..told(&api.shared, work, tenant, quote).await? })
}

/// The same, as it stands in lists and events.
pub(super) async fn told(
    shared: &Shared,
    work: &mut Work,
    tenant: &str,
    quote: Quote,
) -> Result<QuoteTold, GatewayError> {
    let reason = match quote.state {
        QuoteState::Failed => shared.store.order_that_made(work, About::Quote(quote.number)).await?,
        _ => None,
    };
    let book = &shared.book;
    let terms = &quote.terms.0;
    let (sell, buy) = (book.token_at(terms.sellToken), book.token_at(terms.buyToken));
    let decimal = |token: Option<&TokenEntry>, minor: u128| book.decimal(&token?.currency, minor);
    let offer = quote.terms.offer();
    let fixed = offer.map(|offer| if offer.side == Side::Send { sell } else { buy });
    let cost = quote.terms.cost(U256::MAX).ok().map(|cost| cost_told(shared, &quote, cost));
    let price = sell.zip(buy).zip(offer);
    let provides = quote.provider_tenant.as_deref() == Some(tenant);
    // Whose payment it was is the business of those who have to do with it.
    let uetr = match quote.uetr.as_deref() {
        Some(uetr) if provides || !shared.store.entries_under(work, tenant, uetr).await?.is_empty() => {
            Some(uetr.to_owned())
        }
        _ => None,
    };
    Ok(QuoteTold {
        state: state_of(&quote, now_ms()),
        direction: if provides { "outgoing" } else { "incoming" },
        reason: reason.as_ref().and_then(ReasonTold::of),
        provider: PartyTold::seen_by(book, tenant, terms.provider),
        taker: quote.terms.taker().map(|taker| PartyTold::seen_by(book, tenant, taker)),
        sell: sell.map(|token| token.currency.clone()),
        sell_amount: offer.and_then(|offer| decimal(sell, offer.sell)),
        buy: buy.map(|token| token.currency.clone()),
        buy_amount: offer.and_then(|offer| decimal(buy, offer.buy)),
        side: offer.map(|offer| offer.side.into()),
        least: offer.and_then(|offer| decimal(fixed.flatten(), offer.least)),
        fee: offer.and_then(|offer| decimal(sell, offer.fee)),
        rate: price.and_then(|((sell, buy), offer)| rate(sell, buy, (offer.sell, offer.buy))),
        expires: time_text(terms.expiresAtMs),
        cost,
        made: time_text(quote.made_ms),
        ended: quote.ended_ms.map(time_text),
        uetr,
        quote: quote.id,
        orders: None,
    })
}

fn cost_told(shared: &Shared, quote: &Quote, cost: Cost) -> CostTold {
    let (terms, book) = (&quote.terms.0, &shared.book);
    let (sell, buy) = (book.token_at(terms.sellToken), book.token_at(terms.buyToken));
    CostTold {
        sent: sell.and_then(|sell| book.decimal(&sell.currency, cost.sent)),
        received: buy.and_then(|buy| book.decimal(&buy.currency, cost.received)),
        rate: sell.zip(buy).and_then(|(sell, buy)| rate(sell, buy, (cost.sent, cost.received))),
    }
}

/// Where it stands, as it is told.
fn state_of(quote: &Quote, now_ms: u64) -> &'static str {
    if is_late(quote, now_ms) { "late" } else { quote.state.name() }
}
