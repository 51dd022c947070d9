//! Statements: the balance that is proven now, and back from it through the entries.

use super::{
    Answered, Api, READ_WAIT,
    document::{Read, Unknown},
    lines::{self, Lines},
    parts::{Asked, Named, accepts},
    problem::Problem,
    search_turn,
};
use crate::{
    access::Caller,
    book::{Book, Holder, TokenEntry},
    gateway::now_ms,
    identity::{DAY_MS, day_begins_ms, day_text, time_text},
    statement::{Day, before, statement, without},
    store::Side,
};
use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::IntoResponse,
};
use serde::Deserialize;

/// Movements of one statement.
const ENTRIES_MAX: u64 = 100_000;

/// Which statement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    day: Option<String>,
    currency: Option<String>,
}

/// Statement of a day that is over (camt.053), or the report of today (camt.052)
#[utoipa::path(
    get, path = "/v1/accounts/{number}/statement", tag = "accounts", operation_id = "statement", security(("key" = [])),
    params(
        ("number" = String, Path, description = "Number or BIC of an account of the tenant"),
        ("day" = Option<String>, Query, description = "YYYY-MM-DD, UTC; today where it is left out", format = "date"),
        ("currency" = Option<String>, Query, description = "Code of ISO 4217; the first configured one where it is left out")
    ),
    responses((status = 200, description = "XML, or lines where `Accept` says csv", content((String = "application/xml"), (String = "text/csv"))), Read, Unknown)
)]
pub(super) async fn account_statement(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(number): Named,
    Asked(asked): Asked<Which>,
    headers: HeaderMap,
) -> Answered {
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
    if accepts(&headers, "csv") {
        let text = make_statement(&api, holder, token, begins_ms, now, |day| csv(&api.shared.book, day)).await?;
        return Ok(lines::respond(text));
    }
    let xml = make_statement(&api, holder, token, begins_ms, now, |day| Ok(statement(day, now)?)).await?;
    Ok(([(header::CONTENT_TYPE, "application/xml")], xml).into_response())
}

/// The balance that is proven now, and back from it through the entries.
async fn make_statement(
    api: &Api,
    holder: &Holder,
    token: &TokenEntry,
    begins_ms: u64,
    now: u64,
    write: impl FnOnce(&Day<'_>) -> Result<String, Problem>,
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
    let _turn = search_turn(api).await?;
    let mut work = shared.store.read().await?;
    let since_ms = shared.store.served_since(&mut work, holder.address, token.address).await?;
    let since_ms = since_ms.ok_or_else(Problem::fault)?;
    let ends_ms = begins_ms.saturating_add(DAY_MS);
    if ends_ms <= since_ms {
        let first = day_text(since_ms);
        return Err(Problem::parameter("day", &format!("{first} or a later day: what was before is not known here")));
    }
    let (account, day) = ((holder.address, token.address), (begins_ms, ends_ms));
    let mut of_day = shared.store.entries_between(&mut work, account, day, ENTRIES_MAX + 1).await?;
    if of_day.len() as u64 > ENTRIES_MAX {
        let what = "a day with at most 100,000 movements: read the others by GET /v1/payments";
        return Err(Problem::parameter("day", what));
    }
    of_day.retain(|entry| entry.height <= head.height());
    let later = shared.store.turnover_since(&mut work, account, ends_ms, head.height()).await?;
    let closing = before(balance, &later).ok_or_else(Problem::fault)?;
    let opening = without(closing, &of_day).ok_or_else(Problem::fault)?;
    let is_over = ends_ms <= now && head.extension().timestamp_ms >= ends_ms;
    let from_ms = begins_ms.max(since_ms);
    let day =
        Day { book: &api.shared.book, holder, token, begins_ms, from_ms, is_over, opening, closing, entries: &of_day };
    write(&day)
}

/// A day as lines: the opening balance, the movements, the closing balance.
fn csv(book: &Book, day: &Day<'_>) -> Result<String, Problem> {
    let currency = day.token.currency.as_str();
    let money = |minor| book.decimal(currency, minor).ok_or_else(Problem::fault);
    let mut lines = Lines::new([
        "line",
        "time",
        "side",
        "amount",
        "currency",
        "uetr",
        "end_to_end_id",
        "counterparty",
        "counterparty_number",
        "remittance",
        "block",
        "transaction",
    ])?;
    let (begins, closing) = (time_text(day.from_ms), money(day.closing)?);
    lines.write(["opening", &begins, "", &money(day.opening)?, currency, "", "", "", "", "", "", ""])?;
    for entry in day.entries {
        let details = &entry.details;
        let (name, number) = match entry.side {
            Side::Credit => (&details.debtor, &details.debtor_account),
            Side::Debit => (&details.creditor, &details.creditor_account),
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (time, amount) = (time_text(entry.time_ms), money(entry.amount)?);
        let (block, hash) = (entry.height.to_string(), entry.hash.to_string());
        let remittance = details.remittance.join(" ");
        let [uetr, reference, name, number] = [&entry.uetr, &details.end_to_end, name, number].map(text);
        let side = entry.side.name();
        lines.write([
            "entry",
            &time,
            side,
            &amount,
            currency,
            &uetr,
            &reference,
            &name,
            &number,
            &remittance,
            &block,
            &hash,
        ])?;
    }
    lines.write(["closing", "", "", &closing, currency, "", "", "", "", "", "", ""])?;
    lines.into_text()
}
