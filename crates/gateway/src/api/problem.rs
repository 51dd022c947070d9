//! What a caller is told when it cannot have what it asked for: problem details (RFC 9457) with a permanent code, the rule with
//! its values, and the next step.

use super::told::OrderTold;
use crate::{GatewayError, store::MessageRow};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;
use utoipa::ToSchema;

/// Problem details (RFC 9457).
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "it is the shape of what is written below, for the OpenAPI document")]
pub(crate) struct ProblemDetails {
    /// Always `about:blank`: the code says more.
    r#type: String,
    /// The status in words.
    title: String,
    status: u16,
    /// Permanent: programs may depend on it.
    code: String,
    /// The rule that was broken, with its values.
    detail: String,
    /// What to do now.
    next: String,
    /// Where fields are wrong: which, and why.
    errors: Option<Vec<Flaw>>,
}

/// One thing that is wrong with what was sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Flaw {
    /// A code of ISO 20022's list, such as `AC01`.
    pub(crate) code: String,
    /// The field: a JSON pointer, or the path in a message.
    pub(crate) path: String,
    /// The rule.
    pub(crate) text: String,
    /// What was found.
    pub(crate) value: Option<String>,
}

/// A refused call.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: String,
    detail: String,
    next: &'static str,
    errors: Value,
    /// Seconds after which it makes sense to ask again.
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &str, detail: impl Into<String>, next: &'static str) -> Self {
        Self { status, code: code.into(), detail: detail.into(), next, errors: Value::Null, retry_after: None }
    }

    pub(crate) fn unknown(what: &str, name: &str) -> Self {
        let shown: String = name.chars().take(64).collect();
        let detail = format!("this tenant has no {what} {shown:?}");
        Self::new(
            StatusCode::NOT_FOUND,
            &format!("{what}.unknown"),
            detail,
            "check the reference, and whose key was sent",
        )
    }

    pub(crate) fn parameter(name: &str, expected: &str) -> Self {
        let detail = format!("parameter {name} is {expected}");
        Self::new(StatusCode::BAD_REQUEST, "parameter", detail, "correct it and ask again")
    }

    /// What the query says, in the words of whoever read it.
    pub(crate) fn parameters(what: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "parameter", what, "correct the query and ask again")
    }

    pub(crate) fn busy(what: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", what, "ask again in a moment: nothing was taken")
    }

    /// The act may be durable; without its row nothing is told of it.
    pub(crate) fn unaudited() -> Self {
        let detail = "the audit log cannot be written, so nothing is answered";
        let next = "send it again in a moment: what was taken already is known then";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "audit.unwritten", detail, next)
    }

    pub(crate) fn too_many(code: &str, detail: &str, wait: Duration) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail, "wait as long as Retry-After says");
        Self { retry_after: Some(wait.as_secs().saturating_add(1)), ..problem }
    }

    pub(crate) fn slow() -> Self {
        let detail = "the body did not arrive within 60 seconds";
        Self::new(StatusCode::REQUEST_TIMEOUT, "body.slow", detail, "send it again, faster or in parts")
    }

    pub(crate) fn large(bytes_max: usize) -> Self {
        let detail = format!("a message has at most {bytes_max} bytes, or its sender went away");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body.large", detail, "divide it into several messages")
    }

    pub(crate) fn fault() -> Self {
        let detail = "what is recorded does not fit together";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "gateway.fault", detail, "report it: the operator's log says more")
    }

    pub(crate) fn kind(expected: &str) -> Self {
        let detail = format!("the body is {expected}, and the header Content-Type says so");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body.kind", detail, "set the header and send it again")
    }

    /// Whoever asks knows more events than there are: the database is an older one, and gives their numbers to others.
    pub(crate) fn beyond(last: u64, newest: u64) -> Self {
        let detail =
            format!("the newest event is {newest}, and {last} is known to the caller: the gateway was restored");
        let next = "forget the numbers that are known, and read again from a number up to the newest";
        Self::new(StatusCode::CONFLICT, "events.beyond", detail, next)
    }

    pub(crate) fn no_key() -> Self {
        let detail = "a payment has an Idempotency-Key or a UETR, and a file of payments a key, so that it is made once however often it is sent";
        let next =
            "send the header Idempotency-Key, or `uetr` in the body of one payment; the same ones when you try again";
        Self::new(StatusCode::BAD_REQUEST, "idempotency.missing", detail, next)
    }

    pub(crate) fn reused() -> Self {
        let detail = "this key or UETR is known with another body: nothing was taken";
        let next = "send the first body to see its payment; give another payment another key";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency.reused", detail, next)
    }

    /// Fields that are wrong; nothing was stored.
    pub(crate) fn flawed(code: &str, flaws: Vec<Flaw>) -> Self {
        let detail = flaws.first().map(|flaw| format!("{}: {}", flaw.path, flaw.text)).unwrap_or_default();
        let next = "mend what `errors` names, and send it again: nothing was stored";
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail, next);
        Self { errors: serde_json::to_value(flaws).unwrap_or_default(), ..problem }
    }

    /// A payment that was ordered and is refused.
    pub(crate) fn not_paid(order: OrderTold) -> Self {
        let reason = order.reason.map(|reason| Flaw {
            code: reason.code,
            path: reason.path.unwrap_or_default(),
            text: reason.text.unwrap_or_default(),
            value: None,
        });
        let flaw = reason.unwrap_or_else(|| Flaw {
            code: "NARR".into(),
            path: String::new(),
            text: String::new(),
            value: None,
        });
        let detail = format!("payment {} is refused: {} {}", order.uetr.unwrap_or_default(), flaw.code, flaw.text);
        let next = "see `errors`; order another payment under another key: this one is refused for ever";
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "payment.refused", detail, next);
        Self { errors: json!([flaw]), ..problem }
    }

    /// A message of which no answer could be made.
    pub(crate) fn refused(row: &MessageRow) -> Self {
        let errors: Value = row.problem.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let first = |field: &str| errors[0][field].as_str().unwrap_or_default().to_owned();
        let is_duplicate = first("code") == "DUPL";
        let status = if is_duplicate { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
        let detail = format!("{} {}: {}", first("code"), first("path"), first("text"));
        let code = if is_duplicate { "message.duplicate" } else { "message.refused" };
        Self { errors, ..Self::new(status, code, detail, "mend what `errors` names, and send it again") }
    }
}

impl From<GatewayError> for Problem {
    fn from(error: GatewayError) -> Self {
        tracing::warn!(code = error.code(), %error, "gateway.api");
        let (status, next) = if error.is_fatal() {
            (StatusCode::INTERNAL_SERVER_ERROR, "tell the operator: the log says more")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "ask again in a moment; what was sent may be sent again")
        };
        // What the database or the node said is the operator's, not the caller's.
        Self::new(status, error.code(), "the gateway cannot answer now", next)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or_default();
        let mut body = json!({
            "type": "about:blank",
            "title": title,
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
            "next": self.next,
        });
        if !self.errors.is_null() {
            body["errors"] = self.errors;
        }
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, body.to_string()).into_response();
        let is_busy = self.status == StatusCode::SERVICE_UNAVAILABLE;
        if let Some(seconds) = self.retry_after.or(is_busy.then_some(1)) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
