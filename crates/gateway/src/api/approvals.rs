//! What waits for a person, and what persons decide.

use super::{Answered, Api, Problem, told_order};
use crate::{
    access::Caller,
    gateway::now_ms,
    identity::time_text,
    office::{Answer, Refusal, WORDS_CHARS_MAX},
    order::State,
    store::{DecisionRow, Order},
};
use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, Query, State as Shared, rejection::QueryRejection},
    http::StatusCode,
    response::IntoResponse as _,
};
use florin_history::sql::Work;
use florin_iso20022::status_reason;
use serde::Deserialize;
use serde_json::{Value, json};

/// Orders of one answer.
const PAGE_MAX: u64 = 100;
/// Bytes of a decision.
const BODY_BYTES_MAX: usize = 16 * 1024;

#[derive(Deserialize)]
pub(super) struct After {
    #[serde(default)]
    after: u64,
}

/// What waits for a person, oldest first.
pub(super) async fn list(
    Shared(api): Shared<Api>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<After>, QueryRejection>,
) -> Answered {
    let after = query.ok().map(|Query(query)| query.after).filter(|after| i64::try_from(*after).is_ok());
    let after = after.ok_or_else(|| Problem::parameter("after", "a whole number, as `order` says"))?;
    let store = &api.shared.store;
    let mut work = store.read().await?;
    let waiting = store.waiting_for_people(&mut work, &caller.tenant, after, PAGE_MAX).await?;
    let mut told = Vec::with_capacity(waiting.len());
    for waiting in &waiting {
        let (order, details) = (&waiting.order, &waiting.order.details);
        let mut value = told_order(&api, order);
        value["order"] = order.number.into();
        value["uetr"] = json!(order.uetr);
        value["waits_for"] = if order.state == State::Waiting { "checker" } else { "compliance" }.into();
        value["maker"] = json!(waiting.maker);
        value["debtor"] = json!({ "name": details.debtor, "account": details.debtor_account });
        value["creditor"] = json!({ "name": details.creditor, "account": details.creditor_account });
        value["remittance"] = json!(details.remittance);
        add_decisions(&api, &mut work, order, &mut value).await?;
        told.push(value);
    }
    Ok(Json(json!({ "approvals": told })).into_response())
}

/// Adds what was decided over an order to what is told of it.
pub(super) async fn add_decisions(api: &Api, work: &mut Work, order: &Order, value: &mut Value) -> Result<(), Problem> {
    let number = order.same_as.unwrap_or(order.number);
    let decisions = api.shared.store.decisions_over(work, &order.tenant, number).await?;
    value["decisions"] = decisions.iter().map(told_decision).collect();
    Ok(())
}

fn told_decision(decision: &DecisionRow) -> Value {
    json!({
        "stage": decision.stage,
        "verdict": decision.verdict,
        "code": decision.code,
        "words": decision.words,
        "who": decision.who,
        "decided": time_text(decision.decided_ms),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decided {
    decision: String,
    code: Option<String>,
    words: Option<String>,
}

/// Approves or refuses an order that waits.
pub(super) async fn decide(
    Shared(api): Shared<Api>,
    Extension(caller): Extension<Caller>,
    Path(order): Path<String>,
    body: Body,
) -> Answered {
    let number: Option<u64> = order.parse().ok().filter(|number| i64::try_from(*number).is_ok());
    let number = number.ok_or_else(|| Problem::unknown("order", &order))?;
    let read = tokio::time::timeout(super::BODY_TIME_MAX, axum::body::to_bytes(body, BODY_BYTES_MAX)).await;
    let content = read.map_err(|_| Problem::slow())?.map_err(|_| Problem::large(BODY_BYTES_MAX))?;
    let answer = read_answer(&content)?;
    let decided = api.shared.office.decide(&api.shared.store, &caller, number, &answer, now_ms()).await?;
    decided.map_err(|refusal| refused(&refusal, number, &caller))?;
    api.shared.arrived.notify_one();
    api.shared.changed.send_modify(|count| *count = count.wrapping_add(1));
    let mut work = api.shared.store.read().await?;
    let order = api.shared.store.order_of(&mut work, &caller.tenant, number).await?.ok_or_else(Problem::fault)?;
    let mut value = told_order(&api, &order);
    value["order"] = number.into();
    add_decisions(&api, &mut work, &order, &mut value).await?;
    Ok(Json(value).into_response())
}

fn read_answer(content: &[u8]) -> Result<Answer, Problem> {
    let decided: Decided = serde_json::from_slice(content).map_err(|error| {
        let detail = format!("the body is {{\"decision\": \"approve\" or \"refuse\", \"words\": …}}: {error}");
        Problem::new(StatusCode::BAD_REQUEST, "approval.body", detail, "correct it and send it again")
    })?;
    let words = decided.words.map(|words| words.trim().to_owned()).filter(|words| !words.is_empty());
    let is_plain = |words: &String| words.chars().count() <= WORDS_CHARS_MAX && !words.chars().any(char::is_control);
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
