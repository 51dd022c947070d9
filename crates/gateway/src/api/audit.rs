//! The audit log, for a tenant's auditors.

use super::{Answered, Api, Problem};
use crate::{access::Caller, identity::time_text, store::AuditRow};
use axum::{
    Extension, Json,
    extract::{Query, State, rejection::QueryRejection},
    response::IntoResponse as _,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Rows of one answer.
const PAGE_MAX: u64 = 1_000;

#[derive(Deserialize)]
pub(super) struct After {
    #[serde(default)]
    after: u64,
}

/// Rows after one, oldest first. They are the tenant's own; the chain is everybody's.
pub(super) async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<After>, QueryRejection>,
) -> Answered {
    let after = query.ok().map(|Query(query)| query.after).filter(|after| i64::try_from(*after).is_ok());
    let after = after.ok_or_else(|| Problem::parameter("after", "a whole number, as `number` says"))?;
    let mut work = api.shared.store.read().await?;
    let rows = api.shared.store.audit_after(&mut work, Some(&caller.tenant), after, PAGE_MAX).await?;
    let told: Vec<Value> = rows.iter().map(told).collect();
    Ok(Json(json!({ "audit": told })).into_response())
}

fn told(row: &AuditRow) -> Value {
    let entry = &row.entry;
    json!({
        "number": row.number,
        "time": time_text(entry.time_ms),
        "who": entry.who,
        "roles": entry.roles,
        "method": entry.method,
        "path": entry.path,
        "status": entry.status,
        "previous": row.previous,
        "hash": row.hash,
    })
}
