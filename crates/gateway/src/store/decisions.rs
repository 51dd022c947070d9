//! Decisions over orders: of checkers, of the screening service, of compliance. Nothing here is ever changed.

use super::{OrderKind, Store, clean, perhaps};
use crate::{GatewayError, order::State, store::Order};
use florin_history::sql::{Fields, Statement, Work, number, text};

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A checker.
    Approval,
    /// The screening service.
    Screening,
    /// Somebody of compliance.
    Review,
}

impl Stage {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Screening => "screening",
            Self::Review => "review",
        }
    }
}

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    Refuse,
    Hold,
}

impl Verdict {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Refuse => "refuse",
            Self::Hold => "hold",
        }
    }
}

/// A decision, as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Decision<'a> {
    pub(crate) stage: Stage,
    pub(crate) verdict: Verdict,
    pub(crate) code: Option<&'a str>,
    pub(crate) words: Option<&'a str>,
    /// Who decided; the service is nobody.
    pub(crate) who: Option<&'a str>,
    pub(crate) decided_ms: u64,
}

/// A decision, as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DecisionRow {
    pub(crate) stage: String,
    pub(crate) verdict: String,
    pub(crate) code: Option<String>,
    pub(crate) words: Option<String>,
    pub(crate) who: Option<String>,
    pub(crate) decided_ms: u64,
}

/// An order that waits for a person, with its maker.
pub(crate) struct Waiting {
    pub(crate) order: Order,
    pub(crate) maker: Option<String>,
}

impl Store {
    /// Keeps a decision over an order.
    pub(crate) async fn decide(
        &self,
        work: &mut Work,
        order: &Order,
        decision: &Decision<'_>,
    ) -> Result<(), GatewayError> {
        let next = self.next_number(work, "decisions").await?;
        let columns = ["number", "tenant", "order_number", "stage", "verdict", "code", "words", "who", "decided_ms"];
        let values = vec![
            number(next),
            text(&order.tenant),
            number(order.number),
            text(decision.stage.name()),
            text(decision.verdict.name()),
            perhaps(decision.code),
            perhaps(decision.words),
            perhaps(decision.who),
            number(decision.decided_ms),
        ];
        self.insert(work, "decisions", &columns, vec![values]).await
    }

    /// What was decided over a tenant's order, oldest first.
    pub(crate) async fn decisions_over(
        &self,
        work: &mut Work,
        tenant: &str,
        order: u64,
    ) -> Result<Vec<DecisionRow>, GatewayError> {
        let sql = "SELECT stage, verdict, code, words, who, decided_ms FROM decisions WHERE tenant = $1 AND \
                   order_number = $2 ORDER BY number LIMIT 20";
        let query = Statement { sql: sql.into(), values: vec![text(tenant), number(order)] };
        let read = |row: &mut Fields| {
            Ok(DecisionRow {
                stage: row.text()?,
                verdict: row.text()?,
                code: row.optional(Fields::text)?,
                words: row.optional(Fields::text)?,
                who: row.optional(Fields::text)?,
                decided_ms: row.number()?,
            })
        };
        self.read_rows(work, "decisions", query, read).await
    }

    /// Who sent a message. Nothing for one that came before makers were kept.
    pub(crate) async fn maker_of(&self, work: &mut Work, message: u64) -> Result<Option<String>, GatewayError> {
        let sql = "SELECT maker FROM messages WHERE number = $1";
        let query = Statement { sql: sql.into(), values: vec![number(message)] };
        let row = self.rows(work, "messages", query).await?.pop();
        let mut row = row.ok_or_else(|| self.damaged(format!("message {message} is gone")))?;
        self.told(row.optional(Fields::text))
    }

    /// A tenant's orders that wait for a person, oldest first.
    pub(crate) async fn waiting_for_people(
        &self,
        work: &mut Work,
        tenant: &str,
        after: u64,
        limit: u64,
    ) -> Result<Vec<Waiting>, GatewayError> {
        let sql = "WHERE tenant = $1 AND state IN ($2, $3) AND number > $4 ORDER BY number LIMIT $5";
        let (one, other) = (State::Waiting.name(), State::Review.name());
        let values = vec![clean(tenant), text(one), text(other), number(after), number(limit)];
        let mut waiting = Vec::new();
        for order in self.orders(work, sql, values).await? {
            let maker = self.maker_of(work, order.message).await?;
            waiting.push(Waiting { order, maker });
        }
        Ok(waiting)
    }

    /// One of a tenant's orders.
    pub(crate) async fn order_of(
        &self,
        work: &mut Work,
        tenant: &str,
        order: u64,
    ) -> Result<Option<Order>, GatewayError> {
        let values = vec![clean(tenant), number(order)];
        Ok(self.orders(work, "WHERE tenant = $1 AND number = $2", values).await?.pop())
    }

    /// The oldest orders after a number that the screening service was not heard about.
    pub(crate) async fn unscreened(&self, work: &mut Work, after: u64, limit: u64) -> Result<Vec<Order>, GatewayError> {
        let values = vec![text(State::Screening.name()), number(after), number(limit)];
        self.orders(work, "WHERE state = $1 AND number > $2 ORDER BY number LIMIT $3", values).await
    }

    /// Lets go the items of a batch that passed, when nobody is waited for who decides over another of them.
    pub(crate) async fn release_batch(&self, work: &mut Work, message: u64, part: u64) -> Result<(), GatewayError> {
        let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM orders WHERE message = $1 AND part = $2 AND kind = $3 AND \
                   state IN ($4, $5) LIMIT 1) AS undecided";
        let batch = || vec![number(message), number(part), text(OrderKind::Item.name())];
        let with = |states: [State; 2]| [batch(), states.map(|state| text(state.name())).to_vec()].concat();
        if self.count(work, sql, with([State::Screening, State::Review])).await? > 0 {
            return Ok(());
        }
        let sql = "UPDATE orders SET state = $5 WHERE message = $1 AND part = $2 AND kind = $3 AND state = $4";
        self.run(work, sql, with([State::Passed, State::Checked])).await.map(drop)
    }
}
