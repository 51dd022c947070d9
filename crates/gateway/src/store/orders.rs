//! Orders: one payment or return each, or one act about a request to pay or a quote.

use super::{Store, clean, minor, money, perhaps, places, portion};
use crate::{
    GatewayError,
    order::{Outcome, State},
    quote::Terms,
    reason::Reason,
};
use alloy_primitives::{Address, B256, U256};
use florin_history::sql::{Failure, Fields, Kind as SqlKind, Statement, Value, Work, bytes, number, optional, text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is done on the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A payment of its own.
    Pay,
    /// An item of a batch.
    Item,
    /// A return.
    Return,
    /// A payment that accepts a request to pay.
    Accept,
    /// A request to pay.
    Ask,
    /// The debtor's refusal of one.
    Refuse,
    /// The creditor's withdrawal of one.
    Withdraw,
    /// A payment across currencies, by a quote.
    Exchange,
    /// A quote.
    Quote,
    /// Its provider's withdrawal of one.
    Retract,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Pay,
        Self::Item,
        Self::Return,
        Self::Accept,
        Self::Ask,
        Self::Refuse,
        Self::Withdraw,
        Self::Exchange,
        Self::Quote,
        Self::Retract,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Item => "item",
            Self::Return => "return",
            Self::Accept => "accept",
            Self::Ask => "ask",
            Self::Refuse => "refuse",
            Self::Withdraw => "withdraw",
            Self::Exchange => "exchange",
            Self::Quote => "quote",
            Self::Retract => "retract",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The names of those that move no money, as SQL lists them.
    pub(crate) fn without_money() -> String {
        let names = Self::ALL.into_iter().filter(|kind| !kind.moves_money()).map(|kind| format!("'{}'", kind.name()));
        names.collect::<Vec<_>>().join(", ")
    }

    /// Whether it binds money: it moves some, or lets others take some. Who only asks and answers binds nothing.
    pub(crate) const fn binds_money(self) -> bool {
        self.moves_money() || matches!(self, Self::Quote)
    }

    /// Whether it moves money. What only asks, answers and promises is no payment.
    pub(crate) const fn moves_money(self) -> bool {
        matches!(self, Self::Pay | Self::Item | Self::Return | Self::Accept | Self::Exchange)
    }
}

/// What a message says of an order and no rule of the ledger needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) debtor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) debtor_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) debtor_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) creditor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) creditor_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) creditor_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) purpose: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) remittance: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) return_reason: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) urgent: bool,
    /// `RtrId` of a return.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) return_id: Option<String>,
    /// Until when a request to pay may be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_ms: Option<u64>,
    /// Number on the ledger of the request to pay that is accepted, refused or withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ledger_request: Option<u64>,
    /// Code of the refusal of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<String>,
    /// The quote that is made, withdrawn or taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exchange: Option<Exchange>,
    /// Everything that is wrong with an order that its message's rules refuse.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<Told>,
}

/// A quote as an order makes, withdraws or takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    pub(crate) terms: Terms,
    /// Of the terms, as the ledger knows them.
    pub(crate) digest: B256,
    /// What is ordered of the side that the quote fixes, in minor units.
    pub(crate) ordered: U256,
    /// What the payee receives, in minor units; what is sent is the order's amount.
    pub(crate) received: U256,
}

/// What orders are about beside payments: a request to pay or a quote, by its number here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Request(u64),
    Quote(u64),
}

impl About {
    /// The column that names it, its number, and what kind of order makes it.
    const fn parts(self) -> (&'static str, u64, Kind) {
        match self {
            Self::Request(number) => ("request", number, Kind::Ask),
            Self::Quote(number) => ("quote", number, Kind::Quote),
        }
    }
}

/// One thing that is wrong: code, place, words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    pub(crate) code: String,
    pub(crate) path: String,
    pub(crate) words: String,
}

/// An order. What a refused one does not have is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) number: u64,
    pub(crate) message: u64,
    /// Its place in the message, from 0.
    pub(crate) item: u64,
    pub(crate) tenant: String,
    pub(crate) kind: Kind,
    /// Which batch of the message it is paid in.
    pub(crate) part: u64,
    /// `PmtInfId`.
    pub(crate) batch: Option<String>,
    pub(crate) instruction: Option<String>,
    pub(crate) end_to_end: Option<String>,
    pub(crate) transaction: Option<String>,
    pub(crate) uetr: Option<String>,
    pub(crate) claim: Option<String>,
    /// Whose key signs.
    pub(crate) signer: Option<Address>,
    /// Whose payment it is on the ledger; of a return, who gets the money back; of a request to pay, who is asked; of a quote, nobody.
    pub(crate) payer: Option<Address>,
    pub(crate) payee: Option<Address>,
    pub(crate) token: Option<Address>,
    pub(crate) amount: Option<u128>,
    pub(crate) currency: Option<String>,
    /// UETR of the batch.
    pub(crate) part_uetr: Option<String>,
    pub(crate) details: Details,
    pub(crate) state: State,
    /// Not before.
    pub(crate) due_ms: u64,
    pub(crate) code: Option<String>,
    pub(crate) words: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) same_as: Option<u64>,
    pub(crate) submission: Option<u64>,
    pub(crate) height: Option<u64>,
    pub(crate) settled_ms: Option<u64>,
    /// The request to pay that it makes, accepts, refuses or withdraws.
    pub(crate) request: Option<u64>,
    /// The quote that it makes, withdraws or takes.
    pub(crate) quote: Option<u64>,
}

/// An order before it has a number.
pub(crate) type NewOrder = Order;

const COLUMNS: [&str; 31] = [
    "number",
    "message",
    "item",
    "tenant",
    "kind",
    "part",
    "batch",
    "instruction",
    "end_to_end",
    "transaction_id",
    "uetr",
    "claim",
    "signer",
    "payer",
    "payee",
    "token",
    "amount",
    "currency",
    "part_uetr",
    "details",
    "state",
    "due_ms",
    "code",
    "words",
    "path",
    "same_as",
    "submission",
    "height",
    "settled_ms",
    "request",
    "quote",
];

impl Order {
    /// An order that names its place in a message and nothing else.
    pub(crate) fn blank(message: u64, item: u64, tenant: &str, kind: Kind) -> NewOrder {
        Self {
            number: 0,
            message,
            item,
            tenant: tenant.into(),
            kind,
            part: 0,
            batch: None,
            instruction: None,
            end_to_end: None,
            transaction: None,
            uetr: None,
            claim: None,
            signer: None,
            payer: None,
            payee: None,
            token: None,
            amount: None,
            currency: None,
            part_uetr: None,
            details: Details::default(),
            state: State::Checked,
            due_ms: 0,
            code: None,
            words: None,
            path: None,
            same_as: None,
            submission: None,
            height: None,
            settled_ms: None,
            request: None,
            quote: None,
        }
    }

    fn values(&self) -> Result<Vec<Value>, serde_json::Error> {
        let address = |value: Option<Address>| optional(value, SqlKind::Bytes, bytes);
        Ok(vec![
            number(self.number),
            number(self.message),
            number(self.item),
            text(&self.tenant),
            text(self.kind.name()),
            number(self.part),
            perhaps(self.batch.as_deref()),
            perhaps(self.instruction.as_deref()),
            perhaps(self.end_to_end.as_deref()),
            perhaps(self.transaction.as_deref()),
            perhaps(self.uetr.as_deref()),
            perhaps(self.claim.as_deref()),
            address(self.signer),
            address(self.payer),
            address(self.payee),
            address(self.token),
            optional(self.amount, SqlKind::Bytes, money),
            perhaps(self.currency.as_deref()),
            perhaps(self.part_uetr.as_deref()),
            clean(&serde_json::to_string(&self.details)?),
            text(self.state.name()),
            number(self.due_ms),
            perhaps(self.code.as_deref()),
            perhaps(self.words.as_deref()),
            perhaps(self.path.as_deref()),
            optional(self.same_as, SqlKind::Integer, number),
            optional(self.submission, SqlKind::Integer, number),
            optional(self.height, SqlKind::Integer, number),
            optional(self.settled_ms, SqlKind::Integer, number),
            optional(self.request, SqlKind::Integer, number),
            optional(self.quote, SqlKind::Integer, number),
        ])
    }

    fn read(row: &mut Fields) -> Result<Self, Failure> {
        let unknown =
            |what: &str, value: &str| Failure::Damaged(format!("table orders: {what} {value:?} is not known"));
        Ok(Self {
            number: row.number()?,
            message: row.number()?,
            item: row.number()?,
            tenant: row.text()?,
            kind: {
                let name = row.text()?;
                Kind::from_name(&name).ok_or_else(|| unknown("kind", &name))?
            },
            part: row.number()?,
            batch: row.optional(Fields::text)?,
            instruction: row.optional(Fields::text)?,
            end_to_end: row.optional(Fields::text)?,
            transaction: row.optional(Fields::text)?,
            uetr: row.optional(Fields::text)?,
            claim: row.optional(Fields::text)?,
            signer: row.optional(Fields::account)?,
            payer: row.optional(Fields::account)?,
            payee: row.optional(Fields::account)?,
            token: row.optional(Fields::account)?,
            amount: row.optional(minor)?,
            currency: row.optional(Fields::text)?,
            part_uetr: row.optional(Fields::text)?,
            details: {
                let details = row.text()?;
                serde_json::from_str(&details).map_err(|error| unknown(&error.to_string(), &details))?
            },
            state: {
                let name = row.text()?;
                State::from_name(&name).ok_or_else(|| unknown("state", &name))?
            },
            due_ms: row.number()?,
            code: row.optional(Fields::text)?,
            words: row.optional(Fields::text)?,
            path: row.optional(Fields::text)?,
            same_as: row.optional(Fields::number)?,
            submission: row.optional(Fields::number)?,
            height: row.optional(Fields::number)?,
            settled_ms: row.optional(Fields::number)?,
            request: row.optional(Fields::number)?,
            quote: row.optional(Fields::number)?,
        })
    }

    /// Refuses it.
    pub(crate) fn refuse(&mut self, reason: Reason) {
        self.state = State::Refused;
        self.claim = None;
        self.code = Some(reason.code.into());
        self.words = Some(reason.words);
    }
}

impl Store {
    /// Adds orders of one message; each gets its number.
    pub(crate) async fn add_orders(&self, work: &mut Work, orders: &mut [NewOrder]) -> Result<(), GatewayError> {
        let first = self.next_number(work, "orders").await?;
        orders.iter_mut().zip(first..).for_each(|(order, number)| order.number = number);
        let rows: Result<Vec<_>, _> = orders.iter().map(Order::values).collect();
        self.insert(work, "orders", &COLUMNS, rows.map_err(|error| self.damaged(error.to_string()))?).await
    }

    /// Orders of a message, in its order.
    pub(crate) async fn orders_of(&self, work: &mut Work, message: u64) -> Result<Vec<Order>, GatewayError> {
        self.orders(work, "WHERE message = $1 ORDER BY item", vec![number(message)]).await
    }

    /// Orders of a message from a place on, in its order.
    pub(crate) async fn orders_from(
        &self,
        work: &mut Work,
        message: u64,
        from: u64,
        limit: u64,
    ) -> Result<Vec<Order>, GatewayError> {
        let values = vec![number(message), number(from), number(limit)];
        self.orders(work, "WHERE message = $1 AND item >= $2 ORDER BY item LIMIT $3", values).await
    }

    /// How many orders of a message are in each state. One that is the same as another has that one's.
    pub(crate) async fn states_of(&self, work: &mut Work, message: u64) -> Result<BTreeMap<State, u64>, GatewayError> {
        let own = "SELECT state, COUNT(*) FROM orders WHERE message = $1 GROUP BY state";
        let mut counts = self.counts(work, own, message).await?;
        if counts.remove(&State::Same).is_some() {
            let of_others = "SELECT first.state, COUNT(*) FROM orders AS mine JOIN orders AS first \
                             ON first.number = mine.same_as WHERE mine.message = $1 AND mine.state = 'same' \
                             GROUP BY first.state";
            for (state, count) in self.counts(work, of_others, message).await? {
                let known = counts.entry(state).or_default();
                *known = known.saturating_add(count);
            }
        }
        Ok(counts)
    }

    async fn counts(&self, work: &mut Work, sql: &str, message: u64) -> Result<BTreeMap<State, u64>, GatewayError> {
        let query = Statement { sql: sql.into(), values: vec![number(message)] };
        let counted = |row: &mut Fields| {
            let name = row.text()?;
            let unknown = || Failure::Damaged(format!("table orders: state {name:?} is not known"));
            Ok((State::from_name(&name).ok_or_else(unknown)?, row.number()?))
        };
        Ok(self.read_rows(work, "orders", query, counted).await?.into_iter().collect())
    }

    /// Accounts that have something to sign.
    pub(crate) async fn signers(&self, work: &mut Work) -> Result<Vec<Address>, GatewayError> {
        let sql = "SELECT DISTINCT signer FROM orders WHERE state = $1 AND signer IS NOT NULL";
        let values = vec![text(State::Checked.name())];
        self.read_rows(work, "orders", Statement { sql: sql.into(), values }, Fields::account).await
    }

    /// The oldest things that an account has to sign: of each batch the first item, and each other order.
    pub(crate) async fn heads_to_sign(
        &self,
        work: &mut Work,
        signer: Address,
        limit: u64,
    ) -> Result<Vec<Order>, GatewayError> {
        let sql = "SELECT MIN(number) AS head FROM orders WHERE state = $1 AND signer = $2 \
                   GROUP BY message, part, CASE WHEN kind = 'item' THEN 0 ELSE number END ORDER BY head LIMIT $3";
        let values = vec![text(State::Checked.name()), bytes(signer), number(limit)];
        let heads = self.read_rows(work, "orders", Statement { sql: sql.into(), values }, Fields::number).await?;
        let mut orders = self.orders_with(work, "number", heads.into_iter().map(number).collect()).await?;
        orders.sort_by_key(|order| order.number);
        Ok(orders)
    }

    /// What is to be signed of a batch, whole: in two transactions it would be two batches.
    pub(crate) async fn batch_to_sign(
        &self,
        work: &mut Work,
        message: u64,
        part: u64,
    ) -> Result<Vec<Order>, GatewayError> {
        let rest = "WHERE message = $1 AND part = $2 AND kind = $3 AND state = $4 ORDER BY item";
        let values = vec![number(message), number(part), text(Kind::Item.name()), text(State::Checked.name())];
        self.orders(work, rest, values).await
    }

    /// Items of a batch that an account paid.
    pub(crate) async fn items_paid(
        &self,
        work: &mut Work,
        payer: Address,
        part_uetr: &str,
    ) -> Result<Vec<Order>, GatewayError> {
        let rest = "WHERE part_uetr = $1 AND payer = $2 AND claim IS NOT NULL ORDER BY number DESC";
        self.orders(work, rest, vec![clean(part_uetr), bytes(payer)]).await
    }

    /// The orders that claim these.
    pub(crate) async fn orders_by_claim(&self, work: &mut Work, claims: &[&str]) -> Result<Vec<Order>, GatewayError> {
        self.orders_with(work, "claim", claims.iter().map(|claim| clean(claim)).collect()).await
    }

    /// Orders with one of these values in a column.
    async fn orders_with(&self, work: &mut Work, column: &str, values: Vec<Value>) -> Result<Vec<Order>, GatewayError> {
        let (mut values, mut found) = (values.into_iter(), Vec::new());
        while values.len() > 0 {
            let count = portion(values.len());
            let rest = format!("WHERE {column} IN ({})", places(1, count));
            found.extend(self.orders(work, &rest, values.by_ref().take(count).collect()).await?);
        }
        Ok(found)
    }

    /// Orders by their numbers.
    pub(crate) async fn orders_numbered(
        &self,
        work: &mut Work,
        numbers: Vec<u64>,
    ) -> Result<BTreeMap<u64, Order>, GatewayError> {
        let found = self.orders_with(work, "number", numbers.into_iter().map(number).collect()).await?;
        Ok(found.into_iter().map(|order| (order.number, order)).collect())
    }

    /// One order.
    pub(crate) async fn order(&self, work: &mut Work, order: u64) -> Result<Order, GatewayError> {
        let found = self.orders(work, "WHERE number = $1", vec![number(order)]).await?.pop();
        found.ok_or_else(|| self.damaged(format!("order {order} is gone")))
    }

    /// A tenant's orders under a UETR, oldest first.
    pub(crate) async fn orders_under(
        &self,
        work: &mut Work,
        tenant: &str,
        uetr: &str,
    ) -> Result<Vec<Order>, GatewayError> {
        self.orders(work, "WHERE uetr = $1 AND tenant = $2 ORDER BY number LIMIT 100", vec![clean(uetr), text(tenant)])
            .await
    }

    /// The order under a UETR that was paid by this account, whoever gave it: what the debtor's bank said for the creditor.
    pub(crate) async fn order_paid(
        &self,
        work: &mut Work,
        payer: Address,
        uetr: &str,
    ) -> Result<Option<Order>, GatewayError> {
        let rest = "WHERE uetr = $1 AND payer = $2 AND claim IS NOT NULL ORDER BY number LIMIT 1";
        Ok(self.orders(work, rest, vec![clean(uetr), bytes(payer)]).await?.pop())
    }

    /// The newest of a tenant's orders about one thing, oldest first.
    pub(crate) async fn orders_about(
        &self,
        work: &mut Work,
        tenant: &str,
        about: About,
        limit: u64,
    ) -> Result<Vec<Order>, GatewayError> {
        let (column, about, _) = about.parts();
        let rest = format!("WHERE {column} = $1 AND tenant = $2 ORDER BY number DESC LIMIT $3");
        let mut orders = self.orders(work, &rest, vec![number(about), clean(tenant), number(limit)]).await?;
        orders.reverse();
        Ok(orders)
    }

    /// How many of a tenant's orders of this kind about one thing were refused.
    pub(crate) async fn refused_about(
        &self,
        work: &mut Work,
        tenant: &str,
        about: About,
        kind: Kind,
    ) -> Result<u64, GatewayError> {
        let (column, about, _) = about.parts();
        let sql =
            format!("SELECT COUNT(*) FROM orders WHERE {column} = $1 AND tenant = $2 AND kind = $3 AND state = $4");
        let values = vec![number(about), clean(tenant), text(kind.name()), text(State::Refused.name())];
        self.count(work, &sql, values).await
    }

    /// The order that made one thing.
    pub(crate) async fn order_that_made(&self, work: &mut Work, about: About) -> Result<Option<Order>, GatewayError> {
        let (column, about, kind) = about.parts();
        let rest = format!("WHERE {column} = $1 AND kind = $2 ORDER BY number DESC LIMIT 1");
        Ok(self.orders(work, &rest, vec![number(about), text(kind.name())]).await?.pop())
    }

    /// Orders that a transaction pays.
    pub(crate) async fn orders_signed_in(&self, work: &mut Work, submission: u64) -> Result<Vec<Order>, GatewayError> {
        self.orders(work, "WHERE submission = $1 ORDER BY item", vec![number(submission)]).await
    }

    /// Moves orders from one state to another, if all are in it. `false` where somebody was first: the work is to be given up.
    pub(crate) async fn move_orders(
        &self,
        work: &mut Work,
        orders: &[u64],
        (from, to): (State, State),
        submission: Option<u64>,
    ) -> Result<bool, GatewayError> {
        debug_assert!(from.leads_to(to), "{from:?} to {to:?}");
        let submission = optional(submission, SqlKind::Integer, number);
        self.update(work, "state = $1, submission = $2", vec![text(to.name()), submission], (from, orders)).await
    }

    /// Sets columns of orders that are in a state; `false` where not all were.
    async fn update(
        &self,
        work: &mut Work,
        set: &str,
        values: Vec<Value>,
        (from, orders): (State, &[u64]),
    ) -> Result<bool, GatewayError> {
        let (mut left, mut all) = (orders.iter(), true);
        let state = values.len().saturating_add(1);
        while left.len() > 0 {
            let count = portion(left.len());
            let numbers = places(state.saturating_add(1), count);
            let sql = format!("UPDATE orders SET {set} WHERE state = ${state} AND number IN ({numbers})");
            let mut values = values.clone();
            values.push(text(from.name()));
            values.extend(left.by_ref().take(count).map(|order| number(*order)));
            all &= usize::try_from(self.run(work, &sql, values).await?) == Ok(count);
        }
        Ok(all)
    }

    /// Whether the day of an order has come.
    pub(crate) async fn is_any_due(&self, work: &mut Work, now_ms: u64) -> Result<bool, GatewayError> {
        let sql = "SELECT COUNT(*) FROM orders WHERE state = $1 AND due_ms <= $2";
        Ok(self.count(work, sql, vec![text(State::Held.name()), number(now_ms)]).await? > 0)
    }

    /// Lets go the orders whose day has come, whole batches at once.
    pub(crate) async fn release_held(&self, work: &mut Work, to: State, now_ms: u64) -> Result<(), GatewayError> {
        debug_assert!(State::Held.leads_to(to), "{to:?}");
        let sql = "UPDATE orders SET state = $1 WHERE state = $2 AND due_ms <= $3";
        let values = vec![text(to.name()), text(State::Held.name()), number(now_ms)];
        self.run(work, sql, values).await.map(drop)
    }

    /// Says what became of orders, if they are in this state. `false` where that was said of one of them.
    pub(crate) async fn resolve(
        &self,
        work: &mut Work,
        outcomes: &[(u64, Outcome)],
        from: State,
        place: Option<(u64, u64)>,
    ) -> Result<bool, GatewayError> {
        // Few are different: what is settled, and each rule by which a batch's items were refused.
        let mut alike: Vec<(&Outcome, Vec<u64>)> = Vec::new();
        for (order, outcome) in outcomes {
            match alike.iter_mut().find(|(one, _)| *one == outcome) {
                Some((_, orders)) => orders.push(*order),
                None => alike.push((outcome, vec![*order])),
            }
        }
        let mut all = true;
        for (outcome, orders) in alike {
            let (reason, place) = match outcome {
                Outcome::Settled => (None, place),
                Outcome::Refused(reason) => (Some(reason), None),
            };
            let values = vec![
                text(outcome.state().name()),
                perhaps(reason.map(|reason| reason.code)),
                perhaps(reason.map(|reason| reason.words.as_str())),
                optional(place.map(|(height, _)| height), SqlKind::Integer, number),
                optional(place.map(|(_, time_ms)| time_ms), SqlKind::Integer, number),
            ];
            let set = "state = $1, code = $2, words = $3, height = $4, settled_ms = $5";
            all &= self.update(work, set, values, (from, &orders)).await?;
        }
        Ok(all)
    }

    /// How many orders are on their way.
    pub(crate) async fn waiting_count(&self, work: &mut Work) -> Result<u64, GatewayError> {
        let sql = format!("SELECT COUNT(*) FROM orders WHERE state IN ({})", State::going_on());
        self.count(work, &sql, Vec::new()).await
    }

    pub(super) async fn orders(
        &self,
        work: &mut Work,
        rest: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Order>, GatewayError> {
        let sql = format!("SELECT {} FROM orders {rest}", COLUMNS.join(", "));
        self.read_rows(work, "orders", Statement { sql, values }, Order::read).await
    }
}
