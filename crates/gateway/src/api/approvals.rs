//! What waits for a person, and what persons decide.

use super::{
    Answered, Api,
    document::{Decided, Read, Unknown},
    messages::take_body,
    parts::{After, Asked, Named, number_of},
    problem::Problem,
    told::{DecidedTold, decided},
};
use crate::{
    access::Caller,
    gateway::now_ms,
    office::{Answer, Refusal, WORDS_CHARS_MAX},
    order::State as OrderState,
    outbox::is_text,
};
use axum::{Extension, Json, body::Body, extract::State, http::StatusCode, response::IntoResponse as _};
use florin_iso20022::status_reason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Orders of one answer.
const PAGE_MAX: u64 = 100;
/// Bytes of a decision.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// An order that waits for a person.
#[derive(Serialize, ToSchema)]
pub(super) struct ApprovalTold {
    /// Its number, by which it is decided.
    order: u64,
    /// `checker` or `compliance`.
    waits_for: &'static str,
    /// The caller who sent it; nobody for one that came before makers were kept.
    maker: Option<String>,
    #[serde(flatten)]
    told: DecidedTold,
}

/// Orders that wait for a person, oldest first.
#[derive(Serialize, ToSchema)]
pub(super) struct ApprovalsTold {
    approvals: Vec<ApprovalTold>,
}

/// An order that was decided over.
#[derive(Serialize, ToSchema)]
pub(super) struct DecisionMade {
    /// Its number.
    order: u64,
    #[serde(flatten)]
    told: DecidedTold,
}

/// What waits for a person, oldest first
#[utoipa::path(
    get, path = "/v1/approvals", tag = "approvals", operation_id = "approvals", security(("key" = [])),
    params(("after" = Option<u64>, Query, description = "Number of the last order that is known", maximum = 9223372036854775807_i64)),
    responses((status = 200, description = "At most 100", body = ApprovalsTold), Read)
)]
pub(super) async fn approvals(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Asked(after): Asked<After>,
) -> Answered {
    let after = after.number("a whole number, as `order` says")?;
    let store = &api.shared.store;
    let mut work = store.read().await?;
    let mut approvals = Vec::new();
    for waiting in store.waiting_for_people(&mut work, &caller.tenant, after, PAGE_MAX).await? {
        let told = decided(&api.shared, &mut work, &waiting.order).await?;
        let waits_for = if waiting.order.state == OrderState::Waiting { "checker" } else { "compliance" };
        approvals.push(ApprovalTold { order: waiting.order.number, waits_for, maker: waiting.maker, told });
    }
    Ok(Json(ApprovalsTold { approvals }).into_response())
}

/// What a person decides.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "decision": "refuse", "words": "the invoice was paid on Monday" }))]
pub(super) struct Decision {
    /// `approve` or `refuse`.
    decision: String,
    /// Code of a refusal, of ISO 20022's ExternalStatusReason1Code.
    code: Option<String>,
    /// At most 300 characters in one line; needed with a refusal.
    words: Option<String>,
}

/// Approves or refuses an order that waits
///
/// A batch's orders that wait are decided together. Nobody decides over what they sent themselves.
#[utoipa::path(
    post, path = "/v1/approvals/{order}", tag = "approvals", operation_id = "decide", security(("key" = [])),
    params(("order" = String, Path, description = "`order` of the list")),
    request_body = Decision,
    responses((status = 200, description = "It is durable: the order as it stands", body = DecisionMade), Read, Unknown, Decided)
)]
pub(super) async fn decide(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Named(order): Named,
    body: Body,
) -> Answered {
    let number = number_of("order", &order)?;
    let (content, place) = take_body(&api, body, BODY_BYTES_MAX).await?;
    let answer = read_answer(&content)?;
    drop((content, place));
    let outcome = api.shared.office.decide(&api.shared.store, &caller, number, &answer, now_ms()).await?;
    outcome.map_err(|refusal| refused(&refusal, number, &caller))?;
    api.shared.arrived.notify_one();
    api.shared.changed.send_modify(|count| *count = count.wrapping_add(1));
    let mut work = api.shared.store.read().await?;
    let order = api.shared.store.order_of(&mut work, &caller.tenant, number).await?.ok_or_else(Problem::fault)?;
    let told = decided(&api.shared, &mut work, &order).await?;
    Ok(Json(DecisionMade { order: number, told }).into_response())
}

pub(super) fn read_answer(content: &[u8]) -> Result<Answer, Problem> {
    let decided: Decision = serde_json::from_slice(content).map_err(|error| {
        let detail = format!("the body is {{\"decision\": \"approve\" or \"refuse\", \"words\": …}}: {error}");
        Problem::new(StatusCode::BAD_REQUEST, "approval.body", detail, "correct it and send it again")
    })?;
    let words = decided.words.map(|words| words.trim().to_owned()).filter(|words| !words.is_empty());
    let is_plain = |words: &String| words.chars().count() <= WORDS_CHARS_MAX && words.chars().all(is_text);
    if !words.as_ref().is_none_or(is_plain) {
        return Err(Problem::parameter("words", &format!("at most {WORDS_CHARS_MAX} characters in one line")));
    }
    match (decided.decision.as_str(), decided.code, words) {
        ("approve", None, words) => Ok(Answer::Approve { words }),
        ("refuse", code, Some(words)) => {
            let code = match code {
                None => None,
                Some(code) => Some(status_reason(&code).ok_or_else(|| {
                    Problem::parameter("code", "a code of ISO 20022's ExternalStatusReason1Code, such as RR04")
                })?),
            };
            Ok(Answer::Refuse { code, words })
        }
        ("refuse", _, None) => Err(Problem::parameter("words", "needed with a refusal: its sender is told them")),
        ("approve", Some(_), _) => Err(Problem::parameter("code", "of a refusal alone")),
        _ => Err(Problem::parameter("decision", "approve or refuse")),
    }
}

fn refused(refusal: &Refusal, number: u64, caller: &Caller) -> Problem {
    match refusal {
        Refusal::Unknown => Problem::unknown("order", &number.to_string()),
        Refusal::Over(state) => {
            let detail = format!("order {number} is in state {:?} and waits for nobody", state.name());
            Problem::new(StatusCode::CONFLICT, "approval.over", detail, "see what GET /v1/approvals says now")
        }
        Refusal::Role(role) => {
            let detail =
                format!("order {number} waits for the role {role}; {:?} has: {}", caller.name, caller.roles_text());
            Problem::new(StatusCode::FORBIDDEN, "approval.role", detail, "let somebody with that role decide")
        }
        Refusal::Own => {
            let detail = format!("order {number} was made by {:?}: nobody decides over their own", caller.name);
            Problem::new(StatusCode::FORBIDDEN, "approval.own", detail, "let somebody else decide")
        }
    }
}
