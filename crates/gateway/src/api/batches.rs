//! Many payments: lines in, and one message's orders out, one by one.

use super::{
    Answered, Api,
    document::{Ordered, Read, Unknown},
    lines::{self, Lines},
    messages::{find_message, take_body, told, wait_for},
    parts::{Asked, Named, accepts, header_text, media_type, number_of, stored},
    payments::{Asking, KEY_CHARS_MAX, find, invalid, take},
    problem::Problem,
    search_turn,
    told::{MessageTold, OrderTold},
};
use crate::{
    access::Caller,
    batch,
    exceptions::as_they_are,
    gateway::now_ms,
    identity::digest,
    store::{MESSAGE_REFUSED, Order},
};
use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use florin_iso20022::accept;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Lines are short: room for every field of every payment.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Orders in one answer.
const PAGE_MAX: u64 = 1_000;
/// What is told of an order as a line: what it is by the names of the lines that order payments, and what became of it.
const OUTCOME_COLUMNS: [&str; 17] = [
    "line",
    "payer",
    "creditor_name",
    "creditor_number",
    "creditor_bic",
    "amount",
    "currency",
    "end_to_end_id",
    "uetr",
    "remittance",
    "due",
    "state",
    "status",
    "code",
    "reason",
    "block",
    "settled",
];

/// Orders many payments, as lines
///
/// CSV (RFC 4180) with the names of its columns in the first line: `payer`, `creditor_name`, `amount` and `currency`, and as far as they are needed `creditor_number`,
/// `creditor_bic`, `end_to_end_id`, `uetr`, `remittance`, `purpose` and `due`; as the fields of a payment in JSON. At most 20,000 payments. If one line is wrong by itself nothing is
/// ordered, and `errors` names every such line and column. The payments become one message: those of one payer and day are paid as a batch.
/// `instruction_id` of each order is the number of its line. The same `Idempotency-Key` with the same body has the same message for its answer, for ever. `Prefer: wait=SECONDS` (at most 45) waits for the last outcome.
#[utoipa::path(
    post, path = "/v1/batches", tag = "payments", operation_id = "order_batch", security(("key" = [])),
    params(
        ("Idempotency-Key" = String, Header, description = "1 to 255 printable characters of ASCII, of the caller's choice"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, at most 45")
    ),
    request_body(content((String = "text/csv", example = json!(include_str!("../../../../docs/examples/payments.csv")))), description = "Lines"),
    responses(
        (status = 200, description = "It was known: what became of it", body = MessageTold, headers(("Location" = String, description = "The message"))),
        (status = 201, description = "It is durable: its orders by state", body = MessageTold, headers(("Location" = String, description = "The message"))),
        (status = 202, description = "It is durable, and not read yet", body = MessageTold, headers(("Location" = String, description = "The message"))),
        (status = 409, description = "`message.duplicate`: other bytes came under this name", body = super::problem::ProblemDetails, content_type = "application/problem+json"),
        Read, Ordered
    )
)]
pub(super) async fn order_batch(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    if !media_type(&headers).eq_ignore_ascii_case("text/csv") {
        return Err(Problem::kind("text/csv"));
    }
    let key = header_text(&headers, "idempotency-key", KEY_CHARS_MAX)?.ok_or_else(Problem::no_key)?;
    let name = format!("key:{key}");
    let (content, place) = take_body(&api, body, BODY_BYTES_MAX).await?;
    let asked = digest(&content);
    let (number, known) = match find(&api, &caller, &name, asked).await? {
        Some(number) => (number, true),
        None => {
            let asking = hold_to_rules(&api, &caller, name, content.clone()).await?;
            take(&api, &caller, &asking, asked).await?
        }
    };
    drop((content, place));
    let row = wait_for(&api, &caller, number, &headers).await?;
    if row.state == MESSAGE_REFUSED {
        return Err(Problem::refused(&row));
    }
    let status = match (row.is_read(), known) {
        (false, _) => StatusCode::ACCEPTED,
        (true, false) => StatusCode::CREATED,
        (true, true) => StatusCode::OK,
    };
    let location = HeaderValue::from_str(&format!("/v1/messages/{number}")).map_err(|_| Problem::fault())?;
    Ok((status, [(header::LOCATION, location)], Json(told(&api, row).await?)).into_response())
}

/// The message of a file, if no line of it is wrong by itself.
async fn hold_to_rules(api: &Api, caller: &Caller, name: String, content: Bytes) -> Result<Asking, Problem> {
    let _turn = search_turn(api).await?;
    let (shared, tenant) = (api.shared.clone(), caller.tenant.clone());
    let work = move || {
        let lines = batch::read(&content)?;
        let now_ms = now_ms();
        let message = batch::message(&lines, &shared.book, &tenant, &name, now_ms);
        let problems = match accept(message.content.as_bytes(), &shared.limits, None) {
            Ok(accepted) => accepted.refused.into_values().flatten().collect(),
            Err(rejection) => rejection.problems,
        };
        let wrong = batch::told(&lines, &message.places, &problems);
        if wrong.is_empty() { Ok(Asking { name, content: message.content, now_ms }) } else { Err(wrong) }
    };
    let held = tokio::task::spawn_blocking(work).await.map_err(|_| Problem::fault())?;
    held.map_err(|wrong| invalid(&wrong))
}

/// From which place on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    #[serde(default)]
    from: u64,
}

/// Orders of a message, in its order.
#[derive(Serialize, ToSchema)]
pub(super) struct OrdersTold {
    orders: Vec<OrderTold>,
    /// `from` of the next page; nothing where this is the last one.
    next: Option<u64>,
}

/// What became of each order of a message
///
/// In the message's order: of payments that were ordered as lines, `instruction_id` (in lines `line`) is the number of the line.
#[utoipa::path(
    get, path = "/v1/messages/{number}/orders", tag = "messages", operation_id = "orders", security(("key" = [])),
    params(
        ("number" = String, Path, description = "Number of the message, from `Location`"),
        ("from" = Option<u64>, Query, description = "The first place that is told, from 0", maximum = 9223372036854775807_i64)
    ),
    responses(
        (status = 200, description = "At most 1,000; all of them as lines where `Accept` says csv", content((OrdersTold = "application/json"), (String = "text/csv"))),
        Read, Unknown
    )
)]
pub(super) async fn orders(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(number): Named,
    Asked(Place { from }): Asked<Place>,
    headers: HeaderMap,
) -> Answered {
    let from = stored("from", from, "a whole number, as `next` says")?;
    let row = find_message(&api, &caller, number_of("message", &number)?).await?;
    if !row.is_read() {
        return Err(Problem::busy("the message is durable, and not read yet: its orders are not known"));
    }
    if accepts(&headers, "csv") {
        let _turn = search_turn(&api).await?;
        return Ok(lines::respond(all(&api, row.number, from).await?));
    }
    let (orders, next) = page(&api, row.number, from).await?;
    let orders = orders.iter().map(|order| OrderTold::new(&api.shared.book, order)).collect();
    Ok(Json(OrdersTold { orders, next }).into_response())
}

/// Orders from a place on, and the place after them, if there are more.
async fn page(api: &Api, message: u64, from: u64) -> Result<(Vec<Order>, Option<u64>), Problem> {
    let store = &api.shared.store;
    let mut work = store.read().await?;
    let mut orders = store.orders_from(&mut work, message, from, PAGE_MAX + 1).await?;
    let next = if orders.len() as u64 > PAGE_MAX { orders.pop().map(|order| order.item) } else { None };
    Ok((as_they_are(store, &mut work, orders).await?, next))
}

/// A line for each order: where it stood, if it was ordered in lines; the columns of such lines; and what became of it.
async fn all(api: &Api, message: u64, from: u64) -> Result<String, Problem> {
    let mut lines = Lines::new(OUTCOME_COLUMNS)?;
    let mut next = Some(from);
    while let Some(place) = next {
        let (orders, after) = page(api, message, place).await?;
        for order in &orders {
            let order = OrderTold::new(&api.shared.book, order);
            let text = |text: Option<String>| text.unwrap_or_default();
            let (line, block) = (text(order.instruction_id), text(order.block.map(|block| block.to_string())));
            let (code, reason) = order.reason.map(|reason| (reason.code, text(reason.text))).unwrap_or_default();
            let payer = text(order.debtor.number.or(order.debtor.bic));
            let [name, number, bic] = [order.creditor.name, order.creditor.number, order.creditor.bic].map(text);
            let [amount, currency, reference] = [order.amount, order.currency, order.end_to_end_id].map(text);
            let [uetr, due, settled] = [order.uetr, order.due, order.settled].map(text);
            let remittance = order.remittance.join(" ");
            lines.write([
                &line,
                &payer,
                &name,
                &number,
                &bic,
                &amount,
                &currency,
                &reference,
                &uetr,
                &remittance,
                &due,
                order.state,
                order.status,
                &code,
                &reason,
                &block,
                &settled,
            ])?;
        }
        next = after;
    }
    lines.into_text()
}
