//! Quotes of foreign exchange: what the tenants promise, and what is promised to them on the ledger.

use super::{Store, clean, money, perhaps};
use crate::{GatewayError, quote::Terms};
use alloy_primitives::{Address, B256};
use florin_history::sql::{Failure, Fields, Kind, Statement, Value, Work, amount, bytes, number, optional, text};
use florin_modules::fx::Side;

/// Where a quote stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuoteState {
    /// It is ordered here, and not on the ledger yet.
    Ordered,
    /// The ledger refused it: it never will be there. The database itself says so, when the order is refused.
    Failed,
    /// It is there.
    Open,
    /// It was taken, or another one with its nonce.
    Taken,
    /// Its provider withdrew it.
    Withdrawn,
    /// Its provider revoked all, or is no provider any more.
    Revoked,
}

impl QuoteState {
    const ALL: [Self; 6] = [Self::Ordered, Self::Failed, Self::Open, Self::Taken, Self::Withdrawn, Self::Revoked];

    /// Its name in the database and for programs. Permanent.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Failed => "failed",
            Self::Open => "open",
            Self::Taken => "taken",
            Self::Withdrawn => "withdrawn",
            Self::Revoked => "revoked",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quote {
    /// In this database; 0 while it is not kept.
    pub(crate) number: u64,
    /// What callers know it by, in every database.
    pub(crate) id: String,
    pub(crate) terms: Terms,
    /// Tenants of this gateway whose accounts provider and taker are.
    pub(crate) provider_tenant: Option<String>,
    pub(crate) taker_tenant: Option<String>,
    pub(crate) state: QuoteState,
    /// Of the payment that took it; nothing where it was an exchange without one.
    pub(crate) uetr: Option<String>,
    pub(crate) made_ms: u64,
    pub(crate) ended_ms: Option<u64>,
}

/// Which quotes end on the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QuoteEnd {
    pub(crate) provider: Address,
    /// Those with this nonce; all of the provider's where there is none.
    pub(crate) nonce: Option<B256>,
    pub(crate) state: QuoteState,
    pub(crate) uetr: Option<String>,
    pub(crate) ended_ms: u64,
}

/// Which quotes are looked for. What is not said is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QuoteSearch {
    pub(crate) tenant: String,
    /// The tenant is the provider, or may take it.
    pub(crate) provides: Option<bool>,
    pub(crate) state: Option<&'static str>,
    /// Of open ones: whether they are late at this moment.
    pub(crate) late: Option<(bool, u64)>,
    pub(crate) sell: Option<Address>,
    pub(crate) buy: Option<Address>,
    /// Only what may be taken for this amount, in minor units, of the side that is left to the taker.
    pub(crate) fits: Option<(Side, u128)>,
    /// Only what has a smaller number.
    pub(crate) before: Option<u64>,
}

/// Whose quotes are looked at: an index has each in its order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    ForAll,
    ForTenant,
}

const COLUMNS: [&str; 18] = [
    "number",
    "id",
    "terms",
    "provider_tenant",
    "taker_tenant",
    "state",
    "uetr",
    "made_ms",
    "ended_ms",
    // What the terms say, for who searches.
    "provider",
    "nonce",
    "taker",
    "sell_token",
    "buy_token",
    "side",
    "least",
    "most",
    "expires_ms",
];
/// Those that are read.
const READ: usize = 9;

/// What a tenant may see: what it promises, and what is promised on the ledger to everybody or to it.
const OWN: &str =
    "(provider_tenant = $1 OR (state NOT IN ('ordered', 'failed') AND (taker IS NULL OR taker_tenant = $1)))";

impl Quote {
    /// One that is ordered and not on the ledger yet.
    pub(crate) fn ordered(
        terms: Terms,
        provider_tenant: Option<&str>,
        taker_tenant: Option<&str>,
        made_ms: u64,
    ) -> Self {
        Self {
            number: 0,
            id: terms.id(),
            terms,
            provider_tenant: provider_tenant.map(String::from),
            taker_tenant: taker_tenant.map(String::from),
            state: QuoteState::Ordered,
            uetr: None,
            made_ms,
            ended_ms: None,
        }
    }

    fn values(&self) -> Vec<Value> {
        let terms = &self.terms.0;
        vec![
            number(self.number),
            text(&self.id),
            bytes(self.terms.encoded()),
            perhaps(self.provider_tenant.as_deref()),
            perhaps(self.taker_tenant.as_deref()),
            text(self.state.name()),
            perhaps(self.uetr.as_deref()),
            number(self.made_ms),
            optional(self.ended_ms, Kind::Integer, number),
            bytes(terms.provider),
            bytes(terms.nonce),
            optional(self.terms.taker(), Kind::Bytes, bytes),
            bytes(terms.sellToken),
            bytes(terms.buyToken),
            number(terms.side.into()),
            amount(terms.leastAmount),
            amount(if terms.side == Side::Send as u8 { terms.sellAmount } else { terms.buyAmount }),
            number(terms.expiresAtMs),
        ]
    }

    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            number: row.number()?,
            id: row.text()?,
            terms: {
                let terms = row.bytes()?;
                Terms::decoded(&terms).ok_or_else(|| Failure::Damaged("table quotes: terms are none".into()))?
            },
            provider_tenant: row.optional(Fields::text)?,
            taker_tenant: row.optional(Fields::text)?,
            state: {
                let name = row.text()?;
                let unknown = || Failure::Damaged(format!("table quotes: state {name:?} is not known"));
                QuoteState::from_name(&name).ok_or_else(unknown)?
            },
            uetr: row.optional(Fields::text)?,
            made_ms: row.number()?,
            ended_ms: row.optional(Fields::number)?,
        })
    }
}

impl Store {
    /// Adds a quote; gives its number.
    pub(crate) async fn add_quote(&self, work: &mut Work, quote: Quote) -> Result<u64, GatewayError> {
        let given = self.next_number(work, "quotes").await?;
        let values = Quote { number: given, ..quote }.values();
        self.insert(work, "quotes", &COLUMNS, vec![values]).await?;
        Ok(given)
    }

    /// The ledger has a quote: one that was ordered here, or one that is new. Said twice, it is said once.
    pub(crate) async fn quote_made(&self, work: &mut Work, quote: Quote) -> Result<(), GatewayError> {
        match self.quote_known(work, &quote.id).await? {
            None => self.add_quote(work, quote).await.map(drop),
            Some(known) => {
                let sql =
                    "UPDATE quotes SET state = $1, made_ms = $2 WHERE number = $3 AND state IN ('ordered', 'failed')";
                let values = vec![text(quote.state.name()), number(quote.made_ms), number(known.number)];
                self.run(work, sql, values).await.map(drop)
            }
        }
    }

    /// Quotes ended on the ledger. One that nobody here knows is nobody's here.
    pub(crate) async fn quotes_ended(&self, work: &mut Work, end: &QuoteEnd) -> Result<(), GatewayError> {
        let mut query = Statement::new("UPDATE quotes SET state = ");
        query.bind(text(end.state.name())).push(", uetr = ").bind(perhaps(end.uetr.as_deref()));
        query.push(", ended_ms = ").bind(number(end.ended_ms));
        query.push(" WHERE provider = ").bind(bytes(end.provider));
        match end.nonce {
            // Also what was not known to be there: it was ordered anew when the database was lost, and refused then.
            Some(nonce) => query.push(" AND state IN ('open', 'ordered', 'failed') AND nonce = ").bind(bytes(nonce)),
            // What is late was over before.
            None => query.push(" AND state = 'open' AND expires_ms > ").bind(number(end.ended_ms)),
        };
        self.run(work, &query.sql, query.values).await.map(drop)
    }

    /// The quote of this name, whoever may see it.
    pub(crate) async fn quote_known(&self, work: &mut Work, id: &str) -> Result<Option<Quote>, GatewayError> {
        Ok(self.quotes(work, "WHERE id = $1", vec![clean(id)]).await?.pop())
    }

    /// A quote that a tenant may see.
    pub(crate) async fn quote(&self, work: &mut Work, tenant: &str, id: &str) -> Result<Option<Quote>, GatewayError> {
        let rest = format!("WHERE {OWN} AND id = $2");
        Ok(self.quotes(work, &rest, vec![clean(tenant), clean(id)]).await?.pop())
    }

    /// The same by its number.
    pub(crate) async fn quote_numbered(
        &self,
        work: &mut Work,
        tenant: &str,
        quote: u64,
    ) -> Result<Option<Quote>, GatewayError> {
        let rest = format!("WHERE {OWN} AND number = $2");
        Ok(self.quotes(work, &rest, vec![clean(tenant), number(quote)]).await?.pop())
    }

    /// Quotes that a tenant may see, newest first.
    pub(crate) async fn search_quotes(
        &self,
        work: &mut Work,
        search: &QuoteSearch,
        limit: u64,
    ) -> Result<Vec<Quote>, GatewayError> {
        let whose: &[Whose] = match search.provides {
            None => &[Whose::Own, Whose::ForAll, Whose::ForTenant],
            Some(true) => &[Whose::Own],
            Some(false) => &[Whose::ForAll, Whose::ForTenant],
        };
        let mut found = Vec::new();
        for whose in whose {
            let mut query = Statement::new("WHERE ");
            match whose {
                Whose::Own => drop(query.push("provider_tenant = ").bind(clean(&search.tenant))),
                Whose::ForAll => drop(query.push("taker IS NULL")),
                Whose::ForTenant => drop(query.push("taker_tenant = ").bind(clean(&search.tenant))),
            }
            if *whose != Whose::Own {
                query.push(
                    " AND state NOT IN ('ordered', 'failed') AND (provider_tenant IS NULL OR provider_tenant <> ",
                );
                query.bind(clean(&search.tenant)).push(")");
            }
            if let Some(state) = search.state {
                query.push(" AND state = ").bind(text(state));
            }
            if let Some((late, now_ms)) = search.late {
                query.push(if late { " AND expires_ms <= " } else { " AND expires_ms > " }).bind(number(now_ms));
            }
            for (column, token) in [("sell_token", search.sell), ("buy_token", search.buy)] {
                if let Some(token) = token {
                    query.push(" AND ").push(column).push(" = ").bind(bytes(token));
                }
            }
            if let Some((side, minor)) = search.fits {
                query.push(" AND side = ").bind(number(side as u64));
                query.push(" AND least <= ").bind(money(minor)).push(" AND most >= ").bind(money(minor));
            }
            if let Some(before) = search.before {
                query.push(" AND number < ").bind(number(before));
            }
            // What fits an amount is compared by its rate: the index of what is open leads to what is not late.
            let order = if search.fits.is_some() { "expires_ms DESC" } else { "number DESC" };
            query.push(&format!(" ORDER BY {order} LIMIT ")).bind(number(limit));
            found.extend(self.quotes(work, &query.sql, query.values).await?);
        }
        found.sort_by_key(|quote| std::cmp::Reverse(quote.number));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// Quotes that the ledger has and of which no reading of it told: they were there already when they were ordered here. Oldest
    /// first.
    pub(crate) async fn quotes_unread(&self, work: &mut Work, limit: u64) -> Result<Vec<Quote>, GatewayError> {
        let rest = "WHERE state = 'ordered' AND EXISTS (SELECT 1 FROM orders WHERE orders.quote = quotes.number \
                    AND orders.kind = 'quote' AND orders.state = 'settled' AND (orders.height IS NULL OR \
                    orders.height <= (SELECT read_to FROM gateway))) ORDER BY number LIMIT $1";
        self.quotes(work, rest, vec![number(limit)]).await
    }

    async fn quotes(&self, work: &mut Work, rest: &str, values: Vec<Value>) -> Result<Vec<Quote>, GatewayError> {
        let columns = COLUMNS.get(..READ).unwrap_or_default().join(", ");
        let sql = format!("SELECT {columns} FROM quotes {rest}");
        self.read_rows(work, "quotes", Statement { sql, values }, Quote::read).await
    }
}
