//! What happened, numbered; and which call made which order.

use super::{Store, clean};
use crate::GatewayError;
use alloy_primitives::B256;
use florin_history::sql::{Failure, Fields, Statement, Value, Work, bytes, number, text};

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// An order has a new state.
    Payment,
    /// A credit was told.
    Notification,
}

impl Subject {
    const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Notification => "notification",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) number: u64,
    pub(crate) time_ms: u64,
    pub(crate) subject: Subject,
    /// Number of the order, or of the answer.
    pub(crate) reference: u64,
    /// What state the order has since then.
    pub(crate) state: String,
}

impl Event {
    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            number: row.number()?,
            time_ms: row.number()?,
            subject: {
                let name = row.text()?;
                let found = [Subject::Payment, Subject::Notification].into_iter().find(|one| one.name() == name);
                found.ok_or_else(|| Failure::Damaged(format!("table events: subject {name:?} is not known")))?
            },
            reference: row.number()?,
            state: row.text()?,
        })
    }
}

/// A call that was made under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requested {
    pub(crate) digest: B256,
    pub(crate) message: u64,
}

impl Store {
    /// A tenant's events after a number, oldest first.
    pub(crate) async fn events_after(
        &self,
        work: &mut Work,
        tenant: &str,
        after: u64,
        limit: u64,
    ) -> Result<Vec<Event>, GatewayError> {
        let rest = "WHERE tenant = $1 AND number > $2 ORDER BY number LIMIT $3";
        self.events(work, rest, vec![text(tenant), number(after), number(limit)]).await
    }

    /// When an order came to its states, oldest first.
    pub(crate) async fn events_of_order(&self, work: &mut Work, order: u64) -> Result<Vec<Event>, GatewayError> {
        let rest = "WHERE reference = $1 AND subject = $2 ORDER BY number LIMIT 100";
        self.events(work, rest, vec![number(order), text(Subject::Payment.name())]).await
    }

    /// Number of the newest event of anybody; 0 where there is none.
    pub(crate) async fn last_event(&self, work: &mut Work) -> Result<u64, GatewayError> {
        self.count(work, "SELECT COALESCE(MAX(number), 0) FROM events", Vec::new()).await
    }

    /// What was asked under a name.
    pub(crate) async fn request(
        &self,
        work: &mut Work,
        tenant: &str,
        name: &str,
    ) -> Result<Option<Requested>, GatewayError> {
        let sql = "SELECT digest, message FROM requests WHERE tenant = $1 AND name = $2".into();
        let query = Statement { sql, values: vec![text(tenant), clean(name)] };
        let row = self.rows(work, "requests", query).await?.pop();
        let read = row.map(|mut row| Ok(Requested { digest: row.hash()?, message: row.number()? }));
        self.told(read.transpose())
    }

    /// Keeps what was asked under a name, with the message that it became.
    pub(crate) async fn add_request(
        &self,
        work: &mut Work,
        tenant: &str,
        name: &str,
        requested: &Requested,
        now_ms: u64,
    ) -> Result<(), GatewayError> {
        let given = self.next_number(work, "requests").await?;
        let columns = ["number", "tenant", "name", "digest", "message", "created_ms"];
        let values = vec![
            number(given),
            text(tenant),
            clean(name),
            bytes(requested.digest),
            number(requested.message),
            number(now_ms),
        ];
        self.run(work, &super::insert("requests", &columns), values).await.map(drop)
    }

    async fn events(&self, work: &mut Work, rest: &str, values: Vec<Value>) -> Result<Vec<Event>, GatewayError> {
        let sql = format!("SELECT number, time_ms, subject, reference, state FROM events {rest}");
        let rows = self.rows(work, "events", Statement { sql, values }).await?;
        let rows: Result<Vec<_>, Failure> = rows.into_iter().map(|mut row| Event::read(&mut row)).collect();
        self.told(rows)
    }
}
