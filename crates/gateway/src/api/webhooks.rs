//! A tenant's webhook: how far it is, and again from an event on.

use super::{
    Answered, Api,
    document::{Read, Unknown},
    parts::{Asked, stored},
    problem::Problem,
};
use crate::{access::Caller, identity::time_text};
use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far the tenant's server was told.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookTold {
    /// Where events go, without a query.
    url: String,
    /// Number of the last event that it has.
    event: u64,
    /// Deliveries that failed since then.
    failures: u64,
    /// When it is tried again, where one failed.
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Again {
    after: u64,
}

async fn told(api: &Api, caller: &Caller) -> Result<WebhookTold, Problem> {
    let own = api.shared.webhooks.iter().find(|webhook| webhook.tenant == caller.tenant);
    let unknown = || Problem::unknown("webhook", &caller.tenant);
    let url = own.map(|webhook| webhook.url.split('?').next().unwrap_or_default().to_owned()).ok_or_else(unknown)?;
    let mut work = api.shared.store.read().await?;
    let told = api.shared.store.told_to(&mut work, &caller.tenant).await?.ok_or_else(unknown)?;
    let next = (told.failures > 0).then(|| time_text(told.next_ms));
    Ok(WebhookTold { url, event: told.event, failures: told.failures, next })
}

/// How far the tenant's webhook is
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "events", operation_id = "webhook", security(("key" = [])),
    responses((status = 200, description = "The webhook", body = WebhookTold), Read, Unknown)
)]
pub(super) async fn webhook(State(api): State<Api>, axum::Extension(caller): axum::Extension<Caller>) -> Answered {
    Ok(Json(told(&api, &caller).await?).into_response())
}

/// Posts the tenant's events again, from one on
#[utoipa::path(
    post, path = "/v1/webhooks/replay", tag = "events", operation_id = "replay", security(("key" = [])),
    params(("after" = u64, Query, description = "Number of the event after which they are posted again; 0 for all", maximum = 9223372036854775807_i64)),
    responses((status = 202, description = "They will be", body = WebhookTold), Read, Unknown)
)]
pub(super) async fn replay(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Asked(Again { after }): Asked<Again>,
) -> Answered {
    let after = stored("after", after, "the number of an event")?;
    // Only who has one.
    told(&api, &caller).await?;
    let mut work = api.shared.store.write().await?;
    let after = after.min(api.shared.store.last_event(&mut work).await?);
    api.shared.store.tell_again(&mut work, &caller.tenant, after).await?;
    api.shared.store.commit(work, "webhook replayed").await?;
    Ok((StatusCode::ACCEPTED, Json(told(&api, &caller).await?)).into_response())
}
