//! The OpenAPI document: made from the handlers and from what they answer, so that it is true of this program.

use super::problem::ProblemDetails;
use utoipa::{
    IntoResponses, Modify, OpenApi,
    openapi::{
        Ref, RefOr,
        content::ContentBuilder,
        response::{Response, ResponseBuilder},
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

/// What stands in front of the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Florin gateway",
        description = "Payments on the ledger for a bank's own systems: JSON or ISO 20022 in, proven outcomes out. Amounts are decimal texts; \
                       times are UTC. Every error is a problem (RFC 9457) with a permanent `code`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(ProblemDetails)),
    modifiers(&Keys),
    tags(
        (name = "payments", description = "Order payments, and see what became of them"),
        (name = "requests", description = "Requests to pay: ask, accept, refuse, withdraw"),
        (name = "quotes", description = "Quotes of foreign exchange: make, find, take, withdraw"),
        (name = "accounts", description = "Accounts, balances and statements"),
        (name = "messages", description = "ISO 20022 messages in and out"),
        (name = "approvals", description = "Four eyes: what waits for a person, and what persons decide"),
        (name = "audit", description = "Who did and saw what"),
        (name = "events", description = "What happens, as it happens"),
        (name = "service", description = "The gateway itself")
    )
)]
pub(super) struct Head;

/// A caller is known by a key or a token.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        let mut key = Http::new(HttpAuthScheme::Bearer);
        key.description = Some("A caller's key, or an access token of the configured issuer".into());
        components.add_security_scheme("key", SecurityScheme::Http(key));
    }
}

type Responses = std::collections::BTreeMap<String, RefOr<Response>>;

/// A response that is a problem, with the codes that it may have.
fn problem(description: &str) -> RefOr<Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemDetails"))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build().into()
}

/// Declares sets of problems that a route may answer with: status, and the codes.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident { $($status:literal: $codes:literal,)* })*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> Responses {
                [$(($status.to_owned(), problem($codes))),*].into()
            }
        }
    )*};
}

problems! {
    /// Of every route of callers.
    Read {
        "400": "`parameter`: a parameter is not what it must be; `idempotency.missing`: neither key nor UETR",
        "401": "`access.key`: no key or token, or one that is not known",
        "403": "`access.right`: the caller's roles do not give this right",
        "405": "`method.unknown`: not with this method",
        "429": "`access.calls`, `access.shut_out`, `client.requests`, `client.bytes`, `client.banned`: too many calls of the caller, failed attempts, or too much from the address: wait as long as `Retry-After` says",
        "500": "`gateway.fault` and others: the operator has to look",
        "503": "`busy`, `audit.unwritten`, `gateway.database` and others: ask again, after `Retry-After` seconds",
    }
    /// Of the route that tells events.
    Beyond { "409": "`events.beyond`: the caller knows events that are not there: the gateway was restored", }
    /// Of a route that names one thing.
    Unknown { "404": "`message.unknown`, `message.unanswered`, `payment.unknown`, `account.unknown`, `notification.unknown`, `order.unknown`, `request.unknown`, `quote.unknown`, `webhook.unknown`: this tenant has none", }
    /// Of a route that takes a message.
    Message {
        "408": "`body.slow`: the body did not arrive in time",
        "409": "`message.duplicate`: other bytes came under this name",
        "413": "`body.large`: the body is too large",
        "422": "`message.refused`: `errors` says what is wrong, by code and place",
    }
    /// Of the route that decides over an order.
    Decided {
        "400": "`approval.body`, `parameter`: the body is not a decision",
        "403": "`access.right`, `approval.role`, `approval.own`: this caller does not decide over it",
        "408": "`body.slow`: the body did not arrive in time",
        "409": "`approval.over`: it waits for nobody any more",
        "413": "`body.large`: the body is too large",
    }
    /// Of the route that asks somebody to pay.
    Asked {
        "408": "`body.slow`: the body did not arrive in time",
        "413": "`body.large`: the body is too large",
        "415": "`body.kind`: the body is not JSON",
        "422": "`request.invalid`: fields are wrong, nothing was stored; `idempotency.reused`: the key is known with another body",
    }
    /// Of the routes that accept, refuse and withdraw a request to pay.
    Answered {
        "403": "`access.right`; `request.party`: it is not this tenant who may do so, or there is no key here for its account",
        "408": "`body.slow`: the body did not arrive in time",
        "409": "`request.over`: it is not open",
        "413": "`body.large`: the body is too large",
        "415": "`body.kind`: the body is not JSON",
        "422": "`request.invalid`: fields are wrong, nothing was stored; `payment.refused`: it was ordered and the payment is refused, `errors` says why; `idempotency.reused`: the key or UETR is known with another body, or the request was refused with another code",
    }
    /// Of the route that makes a quote.
    Quoted {
        "408": "`body.slow`: the body did not arrive in time",
        "413": "`body.large`: the body is too large",
        "415": "`body.kind`: the body is not JSON",
        "422": "`quote.invalid`: fields are wrong, nothing was stored; `idempotency.reused`: the key is known with another body",
    }
    /// Of the routes that take and withdraw a quote.
    Taken {
        "403": "`access.right`; `quote.party`: it is another's quote, or there is no key here for its account",
        "408": "`body.slow`: the body did not arrive in time",
        "409": "`quote.over`: it is not open",
        "413": "`body.large`: the body is too large",
        "415": "`body.kind`: the body is not JSON",
        "422": "`quote.invalid`: fields are wrong, nothing was stored; `payment.refused`: it was ordered and the payment is refused, `errors` says why; `idempotency.reused`: the key or UETR is known with another body",
    }
    /// Of the route that orders a payment.
    Ordered {
        "408": "`body.slow`: the body did not arrive in time",
        "413": "`body.large`: the body is too large",
        "415": "`body.kind`: the body is not JSON",
        "422": "`payment.invalid`: fields are wrong, nothing was stored; `payment.refused`: it was ordered and is refused, `errors` says why; `idempotency.reused`: the key is known with another body",
    }
}
