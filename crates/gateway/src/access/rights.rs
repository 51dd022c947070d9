//! The table: which right each route needs, and which role has it. Pure.

use std::fmt;

/// What a caller is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Orders, cancels and asks.
    Maker,
    /// Approves what others order.
    Checker,
    /// Looks at accounts and money.
    Treasurer,
    /// Decides what screening stopped.
    Compliance,
    /// Sees everything, the audit log too, and changes nothing.
    Auditor,
    /// Sees payments and accounts.
    ReadOnly,
}

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// To send messages.
    Order,
    /// To see messages and payments.
    Track,
    /// To see accounts: notifications and statements.
    Accounts,
    /// To see what waits for somebody's decision.
    Waiting,
    /// To decide: whether as checker or for compliance is decided by what the order waits for.
    Decide,
    /// To read the audit log.
    Audit,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::Maker, Self::Checker, Self::Treasurer, Self::Compliance, Self::Auditor, Self::ReadOnly];

    /// Its name in configurations and tokens. Permanent.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Maker => "maker",
            Self::Checker => "checker",
            Self::Treasurer => "treasurer",
            Self::Compliance => "compliance",
            Self::Auditor => "auditor",
            Self::ReadOnly => "read-only",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether it gives this right.
    pub const fn gives(self, right: Right) -> bool {
        match right {
            Right::Order => matches!(self, Self::Maker),
            Right::Track => true,
            Right::Accounts => matches!(self, Self::Treasurer | Self::Auditor | Self::ReadOnly),
            Right::Waiting => matches!(self, Self::Maker | Self::Checker | Self::Compliance | Self::Auditor),
            Right::Decide => matches!(self, Self::Checker | Self::Compliance),
            Right::Audit => matches!(self, Self::Auditor),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Method.
    pub method: &'static str,
    /// Path, with names for its parts.
    pub path: &'static str,
    /// What it needs.
    pub right: Right,
}

const fn route(method: &'static str, path: &'static str, right: Right) -> Route {
    Route { method, path, right }
}

/// Every route that needs a caller. One that is not here is refused to everybody.
pub const ROUTES: &[Route] = &[
    route("POST", "/v1/messages", Right::Order),
    route("GET", "/v1/messages/{number}", Right::Track),
    route("GET", "/v1/messages/{number}/answer", Right::Track),
    route("GET", "/v1/messages/{number}/orders", Right::Track),
    route("POST", "/v1/payments", Right::Order),
    route("POST", "/v1/batches", Right::Order),
    route("GET", "/v1/payments", Right::Track),
    route("GET", "/v1/payments/{uetr}", Right::Track),
    route("GET", "/v1/payments/{uetr}/journey", Right::Track),
    route("POST", "/v1/requests", Right::Order),
    route("GET", "/v1/requests", Right::Track),
    route("GET", "/v1/requests/{request}", Right::Track),
    route("POST", "/v1/requests/{request}/accept", Right::Order),
    route("POST", "/v1/requests/{request}/refuse", Right::Order),
    route("POST", "/v1/requests/{request}/withdraw", Right::Order),
    route("POST", "/v1/quotes", Right::Order),
    route("GET", "/v1/quotes", Right::Track),
    route("GET", "/v1/quotes/{quote}", Right::Track),
    route("POST", "/v1/quotes/{quote}/take", Right::Order),
    route("POST", "/v1/quotes/{quote}/withdraw", Right::Order),
    route("GET", "/v1/events", Right::Track),
    route("GET", "/v1/webhooks", Right::Track),
    route("POST", "/v1/webhooks/replay", Right::Order),
    route("GET", "/v1/participants", Right::Track),
    route("GET", "/v1/notifications", Right::Accounts),
    route("GET", "/v1/notifications/{id}", Right::Accounts),
    route("GET", "/v1/accounts", Right::Accounts),
    route("GET", "/v1/accounts/{number}", Right::Accounts),
    route("GET", "/v1/accounts/{number}/liquidity", Right::Accounts),
    route("GET", "/v1/accounts/{number}/statement", Right::Accounts),
    route("GET", "/v1/approvals", Right::Waiting),
    route("POST", "/v1/approvals/{order}", Right::Decide),
    route("GET", "/v1/audit", Right::Audit),
];

/// What a route needs; `None` for one that is not in the table. `HEAD` is `GET` without the answer's body.
pub fn right_of(method: &str, path: &str) -> Option<Right> {
    let method = if method == "HEAD" { "GET" } else { method };
    ROUTES.iter().find(|route| (route.method, route.path) == (method, path)).map(|route| route.right)
}
