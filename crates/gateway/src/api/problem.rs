//! What a caller is told when it cannot have what it asked for: problem details (RFC 9457) with a permanent code, the rule with
//! its values, and the next step.

use crate::{GatewayError, store::MessageRow};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::time::Duration;

/// A refused call.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: String,
    detail: String,
    next: String,
    errors: Value,
    /// Seconds after which it makes sense to ask again.
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &str, detail: impl Into<String>, next: &str) -> Self {
        Self {
            status,
            code: code.into(),
            detail: detail.into(),
            next: next.into(),
            errors: Value::Null,
            retry_after: None,
        }
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

    pub(crate) fn busy(what: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", what, "ask again in a moment: nothing was taken")
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
