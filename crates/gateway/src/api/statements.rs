//! Statements: the balance that is proven now, and back from it through the entries.

use super::{
    Answered, Api, READ_WAIT,
    document::{Read, Unknown},
    parts::{Asked, Named},
    problem::Problem,
};
use crate::{
    book::{Holder, TokenEntry},
    gateway::{Tenant, now_ms},
    identity::{day_begins_ms, day_text},
    statement::{Day, statement, without},
};
use axum::{extract::State, http::header, response::IntoResponse};
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
    responses((status = 200, description = "The statement", body = String, content_type = "application/xml"), Read, Unknown)
)]
pub(super) async fn account_statement(
    State(api): State<Api>,
    axum::Extension(tenant): axum::Extension<Tenant>,
    Named(number): Named,
    Asked(asked): Asked<Which>,
) -> Answered {
    let book = &api.shared.book;
    let holder = book.of(&tenant.name, &number).ok_or_else(|| Problem::unknown("account", &number))?;
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
    let day = Day { holder, token, begins_ms, is_over, opening, closing, entries: &of_day };
    Ok(statement(&day, now)?)
}
