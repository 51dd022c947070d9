//! Before every call: who calls, whether it may, and whether it calls too often.

use super::{Api, Problem};
use crate::{
    access::{Caller, Peer, Stranger, right_of},
    audit::{AuditEntry, PATH_CHARS_MAX},
    gateway::now_ms,
};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::net::IpAddr;
use zeroize::Zeroizing;

/// Target of events that look like an intrusion. Their codes stand in docs/security.md.
const INTRUSION: &str = "intrusion";

/// Characters of a reason that are logged.
const REASON_CHARS_MAX: usize = 200;

/// Finds the caller and its right, or ends the call.
pub(super) async fn admit(State(api): State<Api>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let authorization = request.headers().get(header::AUTHORIZATION);
    let authorization = authorization.map(|value| Zeroizing::new(value.to_str().unwrap_or_default().to_owned()));
    // A task of its own: who goes away before the answer is in the log all the same, a failure is counted, and what was begun for
    // others (a fetch of the issuer's keys) is not given up.
    let worked_on = tokio::spawn(async move {
        match recognised(&api, authorization, peer).await {
            Ok(caller) => work_on(api, caller, request, next).await,
            Err(refusal) => refusal,
        }
    });
    worked_on.await.unwrap_or_else(|_| Problem::fault().into_response())
}

/// Works on a call of a known caller, and makes its row durable before it is answered: what is not in the log is told to nobody.
async fn work_on(api: Api, caller: Caller, mut request: Request, next: Next) -> Response {
    let entry = entry(&caller, &request);
    let response = match may(&caller, &request) {
        Err(problem) => problem.into_response(),
        Ok(()) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
    };
    let status = u64::from(response.status().as_u16());
    if api.shared.audit.append(AuditEntry { status, ..entry }).await {
        return response;
    }
    Problem::unaudited().into_response()
}

/// The row of a call, without its result.
fn entry(caller: &Caller, request: &Request) -> AuditEntry {
    let path = request.uri().path_and_query().map(|path| path.as_str()).unwrap_or_default();
    AuditEntry {
        time_ms: now_ms(),
        tenant: caller.tenant.clone(),
        who: caller.name.clone(),
        roles: caller.roles_text(),
        method: request.method().to_string(),
        path: path.chars().take(PATH_CHARS_MAX).collect(),
        status: 0,
    }
}

async fn recognised(
    api: &Api,
    authorization: Option<Zeroizing<String>>,
    peer: Option<IpAddr>,
) -> Result<Caller, Response> {
    if let Some(left) = peer.and_then(|peer| api.shared.throttle.shut_out_for(peer)) {
        let detail = "too many attempts from this address were nobody's";
        return Err(Problem::too_many("access.shut_out", detail, left).into_response());
    }
    let recognised = api.shared.access.recognise(authorization.as_ref().map(|text| text.as_str())).await;
    let caller = recognised.map_err(|stranger| turned_away(api, stranger, peer))?;
    if let Err(wait) = api.shared.throttle.call(&caller.tenant, &caller.name) {
        let detail = "the caller used up its calls of a second";
        return Err(Problem::too_many("access.calls", detail, wait).into_response());
    }
    Ok(caller)
}

/// Whether a caller may use a route. One that is not in the table is nobody's.
fn may(caller: &Caller, request: &Request) -> Result<(), Problem> {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let right = right_of(request.method().as_str(), path);
    if right.is_some_and(|right| caller.may(right)) {
        return Ok(());
    }
    let needs = right.map_or("it is nobody's".to_owned(), |right| format!("it needs the right {right:?}"));
    let detail =
        format!("{} {path}: {needs}; {:?} has the roles: {}", request.method(), caller.name, caller.roles_text());
    Err(Problem::new(StatusCode::FORBIDDEN, "access.right", detail, "specs/gateway.md says which role has which right"))
}

/// Nobody was recognised: told, counted, logged.
fn turned_away(api: &Api, stranger: Stranger, peer: Option<IpAddr>) -> Response {
    let client = peer.map(|peer| peer.to_string()).unwrap_or_default();
    let what = match stranger {
        Stranger::Later => {
            return Problem::busy("whose token it is cannot be verified now: the issuer does not answer")
                .into_response();
        }
        Stranger::Silent => "a key or token is needed",
        Stranger::Unknown(why) => {
            // A library may repeat what it was sent.
            let why: String = why.chars().take(REASON_CHARS_MAX).collect();
            tracing::warn!(target: INTRUSION, code = "gateway_stranger", client, reason = why, "somebody came with a key or token that is nobody's");
            if peer.is_some_and(|peer| api.shared.throttle.failure(peer)) {
                tracing::warn!(target: INTRUSION, code = "gateway_shut_out", client, "an address failed too often and is not listened to for a minute");
            }
            "the key or token is not known"
        }
    };
    let next = "send it in the header Authorization, as: Bearer KEY";
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, "access.key", what, next).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
