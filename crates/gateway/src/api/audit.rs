//! The audit log, for a tenant's auditors.

use super::{
    Answered, Api,
    document::Read,
    parts::{After, Asked},
};
use crate::{access::Caller, identity::time_text, store::AuditRow};
use axum::{Extension, Json, extract::State, response::IntoResponse as _};
use serde::Serialize;
use utoipa::ToSchema;

/// Rows of one answer.
const PAGE_MAX: u64 = 1_000;

/// A call of somebody of the tenant.
#[derive(Serialize, ToSchema)]
pub(super) struct CallTold {
    number: u64,
    /// When it came.
    time: String,
    /// The caller.
    who: String,
    /// Roles that the caller had then.
    roles: String,
    method: String,
    path: String,
    /// Status of the answer.
    status: u64,
    /// Hash of the row before, of whichever tenant.
    previous: String,
    /// SHA-256 over that and the rest of the row.
    hash: String,
}

/// Calls, oldest first.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditTold {
    audit: Vec<CallTold>,
}

/// What the tenant's callers did and saw, oldest first
///
/// The rows are the tenant's own; the chain of hashes is everybody's.
#[utoipa::path(
    get, path = "/v1/audit", tag = "audit", operation_id = "audit", security(("key" = [])),
    params(("after" = Option<u64>, Query, description = "Number of the last row that is known", maximum = 9223372036854775807_i64)),
    responses((status = 200, description = "At most 1,000", body = AuditTold), Read)
)]
pub(super) async fn audit(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Asked(after): Asked<After>,
) -> Answered {
    let after = after.number("a whole number, as `number` says")?;
    let mut work = api.shared.store.read().await?;
    let rows = api.shared.store.audit_after(&mut work, Some(&caller.tenant), after, PAGE_MAX).await?;
    Ok(Json(AuditTold { audit: rows.into_iter().map(told).collect() }).into_response())
}

fn told(row: AuditRow) -> CallTold {
    let AuditRow { number, entry, previous, hash } = row;
    CallTold {
        number,
        time: time_text(entry.time_ms),
        who: entry.who,
        roles: entry.roles,
        method: entry.method,
        path: entry.path,
        status: entry.status,
        previous: previous.to_string(),
        hash: hash.to_string(),
    }
}
