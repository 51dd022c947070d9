//! Searches for orders and for credits, newest first, a page at a time.

use super::{Entry, Order, OrderKind, Store, clean, money};
use crate::{GatewayError, order::State};
use alloy_primitives::{Address, B256};
use florin_history::sql::{Statement, Value, Work, bytes, number, text};

/// What is looked for. What is not said is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Search {
    pub(crate) tenant: String,
    /// Only what has a smaller number.
    pub(crate) before: Option<u64>,
    pub(crate) state: Option<State>,
    pub(crate) currency: Option<String>,
    /// The same as a token, for credits.
    pub(crate) token: Option<Address>,
    pub(crate) amount_min: Option<u128>,
    pub(crate) amount_max: Option<u128>,
    /// From this moment on.
    pub(crate) from_ms: Option<u64>,
    /// Before this moment.
    pub(crate) to_ms: Option<u64>,
    pub(crate) end_to_end: Option<String>,
    /// Account on the ledger at the other end.
    pub(crate) counterparty: Option<Address>,
    /// Transaction on the ledger.
    pub(crate) transaction: Option<B256>,
}

/// The conditions, and what they bind.
fn conditions(first: &str, tenant: &str, more: Vec<(&str, Option<Value>, &str)>, limit: u64) -> Statement {
    let mut query = Statement::new("WHERE tenant = ");
    query.bind(text(tenant)).push(first);
    for (before, value, after) in more {
        if let Some(value) = value {
            query.push(before).bind(value).push(after);
        }
    }
    query.push(" ORDER BY number DESC LIMIT ").bind(number(limit));
    query
}

impl Store {
    /// Orders of a tenant. Those that are the same as others are left out, unless they are asked for.
    pub(crate) async fn search_orders(
        &self,
        work: &mut Work,
        search: &Search,
        limit: u64,
    ) -> Result<Vec<Order>, GatewayError> {
        let same = if search.state.is_none() { " AND state <> 'same'" } else { "" };
        let first = format!(" AND kind NOT IN ({}){same}", OrderKind::without_money());
        let received = " AND (SELECT received_ms FROM messages WHERE messages.number = orders.message) ";
        let (from, to) = (format!("{received}>= "), format!("{received}< "));
        let more = vec![
            (" AND number < ", search.before.map(number), ""),
            (" AND state = ", search.state.map(|state| text(state.name())), ""),
            (" AND currency = ", search.currency.as_deref().map(clean), ""),
            (" AND amount >= ", search.amount_min.map(money), ""),
            (" AND amount <= ", search.amount_max.map(money), ""),
            (from.as_str(), search.from_ms.map(number), ""),
            (to.as_str(), search.to_ms.map(number), ""),
            (" AND end_to_end = ", search.end_to_end.as_deref().map(clean), ""),
            (" AND payee = ", search.counterparty.map(bytes), ""),
            (" AND submission IN (SELECT number FROM submissions WHERE hash = ", search.transaction.map(bytes), ")"),
        ];
        let Statement { sql, values } = conditions(&first, &search.tenant, more, limit);
        self.orders(work, &sql, values).await
    }

    /// Credits of payments on a tenant's accounts.
    pub(crate) async fn search_credits(
        &self,
        work: &mut Work,
        search: &Search,
        limit: u64,
    ) -> Result<Vec<Entry>, GatewayError> {
        let first = " AND side = 'CRDT' AND uetr IS NOT NULL";
        // It stands in the text of the details: there is no column of its own. LIKE would take capitals for small letters.
        let end_to_end = search.end_to_end.as_deref().map(|text| serde_json::json!(text).to_string());
        let end_to_end = end_to_end.map(|text| clean(&format!("\"end_to_end\":{text}")));
        let more = vec![
            (" AND number < ", search.before.map(number), ""),
            (" AND token = ", search.token.map(bytes), ""),
            (" AND amount >= ", search.amount_min.map(money), ""),
            (" AND amount <= ", search.amount_max.map(money), ""),
            (" AND time_ms >= ", search.from_ms.map(number), ""),
            (" AND time_ms < ", search.to_ms.map(number), ""),
            (" AND details <> REPLACE(details, ", end_to_end, ", '')"),
            (" AND counterparty = ", search.counterparty.map(bytes), ""),
            (" AND hash = ", search.transaction.map(bytes), ""),
        ];
        let Statement { sql, values } = conditions(first, &search.tenant, more, limit);
        self.entries(work, &sql, values).await
    }

    /// Hash and nonce of what was signed for an order.
    pub(crate) async fn signed(&self, work: &mut Work, submission: u64) -> Result<Option<(B256, u64)>, GatewayError> {
        let sql = "SELECT hash, nonce FROM submissions WHERE number = $1".into();
        let row = self.rows(work, "submissions", Statement { sql, values: vec![number(submission)] }).await?.pop();
        let read = row.map(|mut row| Ok((row.hash()?, row.number()?)));
        self.told(read.transpose())
    }
}
