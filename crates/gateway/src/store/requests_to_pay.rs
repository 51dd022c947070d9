//! Requests to pay: what the tenants ask for, and what they are asked for on the ledger.

use super::{Store, clean, minor, money, perhaps};
use crate::GatewayError;
use alloy_primitives::{Address, B256};
use florin_history::sql::{Failure, Fields, Kind, Statement, Value, Work, bytes, number, optional, text};
use florin_modules::payment::RequestState;

/// Where a request to pay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    /// It is ordered here, and not on the ledger yet.
    Ordered,
    /// The ledger refused it: it never will be there. The database itself says so, when the order is refused.
    Failed,
    /// It is there.
    Ledger(RequestState),
}

impl Stand {
    const ALL: [Self; 6] = [
        Self::Ordered,
        Self::Failed,
        Self::Ledger(RequestState::Open),
        Self::Ledger(RequestState::Accepted),
        Self::Ledger(RequestState::Refused),
        Self::Ledger(RequestState::Withdrawn),
    ];

    /// Its name in the database and for programs. Permanent.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Failed => "failed",
            Self::Ledger(RequestState::Open) => "open",
            Self::Ledger(RequestState::Accepted) => "accepted",
            Self::Ledger(RequestState::Refused) => "refused",
            Self::Ledger(RequestState::Withdrawn) => "withdrawn",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stand| stand.name() == name)
    }
}

/// A request to pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestToPay {
    /// In this database; 0 while it is not kept.
    pub(crate) number: u64,
    /// What callers know it by, in every database.
    pub(crate) id: String,
    pub(crate) creditor: Address,
    /// Under what the ledger knows it, for its creditor.
    pub(crate) reference: B256,
    pub(crate) debtor: Address,
    /// Tenants of this gateway whose accounts these are.
    pub(crate) creditor_tenant: Option<String>,
    pub(crate) debtor_tenant: Option<String>,
    pub(crate) token: Address,
    pub(crate) amount: u128,
    /// From this moment of block time on it is late.
    pub(crate) expires_ms: u64,
    /// Texts; the ledger has hashes of the first two, so they are known where it was ordered here.
    pub(crate) end_to_end: Option<String>,
    pub(crate) remittance: Option<String>,
    pub(crate) purpose: Option<String>,
    pub(crate) stand: Stand,
    /// Why the debtor refused it.
    pub(crate) code: Option<String>,
    /// Of the payment that accepted it.
    pub(crate) uetr: Option<String>,
    /// Its number on the ledger.
    pub(crate) ledger: Option<u64>,
    pub(crate) made_ms: u64,
    pub(crate) ended_ms: Option<u64>,
}

/// How a request ended on the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestEnd {
    /// Its number there.
    pub(crate) ledger: u64,
    pub(crate) state: RequestState,
    pub(crate) code: Option<String>,
    pub(crate) uetr: Option<String>,
    pub(crate) ended_ms: u64,
}

/// Which requests are looked for. What is not said is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestSearch {
    pub(crate) tenant: String,
    /// The tenant is the creditor, or the debtor.
    pub(crate) asks: Option<bool>,
    pub(crate) stand: Option<&'static str>,
    /// Of open ones: whether they are late at this moment.
    pub(crate) late: Option<(bool, u64)>,
    /// Only what has a smaller number.
    pub(crate) before: Option<u64>,
}

const COLUMNS: [&str; 19] = [
    "number",
    "id",
    "creditor",
    "reference",
    "debtor",
    "creditor_tenant",
    "debtor_tenant",
    "token",
    "amount",
    "expires_ms",
    "end_to_end",
    "remittance",
    "purpose",
    "state",
    "code",
    "uetr",
    "ledger",
    "made_ms",
    "ended_ms",
];

/// What a tenant may see: what it asks for, and what it is asked for as soon as the ledger has it.
const OWN: &str = "(creditor_tenant = $1 OR (debtor_tenant = $1 AND ledger IS NOT NULL))";

impl RequestToPay {
    /// Whether another one asks for the same.
    pub(crate) fn asks_the_same(&self, other: &Self) -> bool {
        let says = |one: &Self| (one.creditor, one.reference, one.debtor, one.token, one.amount, one.expires_ms);
        says(self) == says(other)
    }

    fn values(&self) -> Vec<Value> {
        vec![
            number(self.number),
            text(&self.id),
            bytes(self.creditor),
            bytes(self.reference),
            bytes(self.debtor),
            perhaps(self.creditor_tenant.as_deref()),
            perhaps(self.debtor_tenant.as_deref()),
            bytes(self.token),
            money(self.amount),
            number(self.expires_ms),
            perhaps(self.end_to_end.as_deref()),
            perhaps(self.remittance.as_deref()),
            perhaps(self.purpose.as_deref()),
            text(self.stand.name()),
            perhaps(self.code.as_deref()),
            perhaps(self.uetr.as_deref()),
            optional(self.ledger, Kind::Integer, number),
            number(self.made_ms),
            optional(self.ended_ms, Kind::Integer, number),
        ]
    }

    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            number: row.number()?,
            id: row.text()?,
            creditor: row.account()?,
            reference: row.hash()?,
            debtor: row.account()?,
            creditor_tenant: row.optional(Fields::text)?,
            debtor_tenant: row.optional(Fields::text)?,
            token: row.account()?,
            amount: minor(row)?,
            expires_ms: row.number()?,
            end_to_end: row.optional(Fields::text)?,
            remittance: row.optional(Fields::text)?,
            purpose: row.optional(Fields::text)?,
            stand: {
                let name = row.text()?;
                let unknown = || Failure::Damaged(format!("table requests_to_pay: state {name:?} is not known"));
                Stand::from_name(&name).ok_or_else(unknown)?
            },
            code: row.optional(Fields::text)?,
            uetr: row.optional(Fields::text)?,
            ledger: row.optional(Fields::number)?,
            made_ms: row.number()?,
            ended_ms: row.optional(Fields::number)?,
        })
    }
}

impl Store {
    /// Adds a request; gives its number.
    pub(crate) async fn add_request_to_pay(&self, work: &mut Work, request: RequestToPay) -> Result<u64, GatewayError> {
        let given = self.next_number(work, "requests_to_pay").await?;
        let values = RequestToPay { number: given, ..request }.values();
        self.insert(work, "requests_to_pay", &COLUMNS, vec![values]).await?;
        Ok(given)
    }

    /// The ledger has a request: one that was ordered here, or one that is new. Said twice, it is said once.
    pub(crate) async fn request_made(&self, work: &mut Work, request: RequestToPay) -> Result<(), GatewayError> {
        let known = self.request_under(work, request.creditor, request.reference).await?;
        let Some(known) = known else { return self.add_request_to_pay(work, request).await.map(drop) };
        if known.ledger.is_some() {
            return Ok(());
        }
        // What the ledger says is what counts.
        let sql = "UPDATE requests_to_pay SET debtor = $1, debtor_tenant = $2, token = $3, amount = $4, expires_ms = $5, \
                   state = $6, ledger = $7, made_ms = $8 WHERE number = $9";
        let values = vec![
            bytes(request.debtor),
            perhaps(request.debtor_tenant.as_deref()),
            bytes(request.token),
            money(request.amount),
            number(request.expires_ms),
            text(request.stand.name()),
            optional(request.ledger, Kind::Integer, number),
            number(request.made_ms),
            number(known.number),
        ];
        self.run(work, sql, values).await.map(drop)
    }

    /// A request ended on the ledger. One that nobody here knows is nobody's here.
    pub(crate) async fn request_ended(&self, work: &mut Work, end: &RequestEnd) -> Result<(), GatewayError> {
        let sql = "UPDATE requests_to_pay SET state = $1, code = $2, uetr = $3, ended_ms = $4 WHERE ledger = $5";
        let values = vec![
            text(Stand::Ledger(end.state).name()),
            perhaps(end.code.as_deref()),
            perhaps(end.uetr.as_deref()),
            number(end.ended_ms),
            number(end.ledger),
        ];
        self.run(work, sql, values).await.map(drop)
    }

    /// The request of a creditor under a reference.
    pub(crate) async fn request_under(
        &self,
        work: &mut Work,
        creditor: Address,
        reference: B256,
    ) -> Result<Option<RequestToPay>, GatewayError> {
        let rest = "WHERE creditor = $1 AND reference = $2";
        Ok(self.requests_to_pay(work, rest, vec![bytes(creditor), bytes(reference)]).await?.pop())
    }

    /// A request that a tenant may see.
    pub(crate) async fn request_to_pay(
        &self,
        work: &mut Work,
        tenant: &str,
        id: &str,
    ) -> Result<Option<RequestToPay>, GatewayError> {
        let rest = format!("WHERE {OWN} AND id = $2");
        Ok(self.requests_to_pay(work, &rest, vec![clean(tenant), clean(id)]).await?.pop())
    }

    /// The same by its number.
    pub(crate) async fn request_numbered(
        &self,
        work: &mut Work,
        tenant: &str,
        request: u64,
    ) -> Result<Option<RequestToPay>, GatewayError> {
        let rest = format!("WHERE {OWN} AND number = $2");
        Ok(self.requests_to_pay(work, &rest, vec![clean(tenant), number(request)]).await?.pop())
    }

    /// Keeps the texts of a request that the ledger told of first: it has hashes of them.
    pub(crate) async fn keep_texts(
        &self,
        work: &mut Work,
        known: &RequestToPay,
        from: &RequestToPay,
    ) -> Result<(), GatewayError> {
        let sql = "UPDATE requests_to_pay SET end_to_end = $1, remittance = $2 WHERE number = $3";
        let texts = [&from.end_to_end, &from.remittance].map(|text| perhaps(text.as_deref()));
        let values = texts.into_iter().chain([number(known.number)]).collect();
        self.run(work, sql, values).await.map(drop)
    }

    /// Requests that a tenant may see, newest first.
    pub(crate) async fn search_requests(
        &self,
        work: &mut Work,
        search: &RequestSearch,
        limit: u64,
    ) -> Result<Vec<RequestToPay>, GatewayError> {
        let sides = search.asks.map_or_else(|| vec![true, false], |asks| vec![asks]);
        let mut found = Vec::new();
        // One side after the other: an index has each in its order.
        for asks in sides {
            let mut query = Statement::new(if asks { "WHERE creditor_tenant = " } else { "WHERE debtor_tenant = " });
            query.bind(clean(&search.tenant));
            if !asks {
                query.push(" AND ledger IS NOT NULL");
            }
            if let Some(stand) = search.stand {
                query.push(" AND state = ").bind(text(stand));
            }
            if let Some((late, now_ms)) = search.late {
                query.push(if late { " AND expires_ms <= " } else { " AND expires_ms > " }).bind(number(now_ms));
            }
            if let Some(before) = search.before {
                query.push(" AND number < ").bind(number(before));
            }
            query.push(" ORDER BY number DESC LIMIT ").bind(number(limit));
            found.extend(self.requests_to_pay(work, &query.sql, query.values).await?);
        }
        found.sort_by_key(|request| std::cmp::Reverse(request.number));
        found.dedup_by_key(|request| request.number);
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// Requests that the ledger has and of which no reading of it told: what was ordered here was there already, or the part of the
    /// ledger that has it was read. Oldest first.
    pub(crate) async fn requests_without_number(
        &self,
        work: &mut Work,
        limit: u64,
    ) -> Result<Vec<RequestToPay>, GatewayError> {
        let rest = "WHERE state = 'ordered' AND EXISTS (SELECT 1 FROM orders WHERE orders.request = requests_to_pay.number \
                    AND orders.kind = 'ask' AND orders.state = 'settled' AND (orders.height IS NULL OR \
                    orders.height <= (SELECT read_to FROM gateway))) ORDER BY number LIMIT $1";
        self.requests_to_pay(work, rest, vec![number(limit)]).await
    }

    async fn requests_to_pay(
        &self,
        work: &mut Work,
        rest: &str,
        values: Vec<Value>,
    ) -> Result<Vec<RequestToPay>, GatewayError> {
        let sql = format!("SELECT {} FROM requests_to_pay {rest}", COLUMNS.join(", "));
        self.read_rows(work, "requests_to_pay", Statement { sql, values }, RequestToPay::read).await
    }
}
