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
    /// A request to pay has a new state.
    Request,
    /// A quote has a new state.
    Quote,
}

impl Subject {
    const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Notification => "notification",
            Self::Request => "request",
            Self::Quote => "quote",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) number: u64,
    pub(crate) time_ms: u64,
    pub(crate) subject: Subject,
    /// Number of the order, of the answer, of the request to pay, or of the quote.
    pub(crate) reference: u64,
    /// What state it has since then.
    pub(crate) state: String,
}

impl Event {
    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            number: row.number()?,
            time_ms: row.number()?,
            subject: {
                let name = row.text()?;
                let all = [Subject::Payment, Subject::Notification, Subject::Request, Subject::Quote];
                let found = all.into_iter().find(|one| one.name() == name);
                found.ok_or_else(|| Failure::Damaged(format!("table events: subject {name:?} is not known")))?
            },
            reference: row.number()?,
            state: row.text()?,
        })
    }
}

/// A call that was made under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Called {
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
    pub(crate) async fn call(&self, work: &mut Work, tenant: &str, name: &str) -> Result<Option<Called>, GatewayError> {
        let sql = "SELECT digest, message FROM requests WHERE tenant = $1 AND name = $2".into();
        let query = Statement { sql, values: vec![text(tenant), clean(name)] };
        let row = self.rows(work, "requests", query).await?.pop();
        let read = row.map(|mut row| Ok(Called { digest: row.hash()?, message: row.number()? }));
        self.told(read.transpose())
    }

    /// Keeps what was asked under a name, with the message that it became.
    pub(crate) async fn add_call(
        &self,
        work: &mut Work,
        tenant: &str,
        name: &str,
        requested: &Called,
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
        self.insert(work, "requests", &columns, vec![values]).await
    }

    async fn events(&self, work: &mut Work, rest: &str, values: Vec<Value>) -> Result<Vec<Event>, GatewayError> {
        let sql = format!("SELECT number, time_ms, subject, reference, state FROM events {rest}");
        self.read_rows(work, "events", Statement { sql, values }, Event::read).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Faults, order::State};
    use florin_history::{
        Location,
        sql::{Database, Schema},
    };

    /// As databases were before there were events; the fourth change was made before the second.
    const FIRST: Schema = Schema {
        changes: &[(1, "gateway", crate::store::beginning), (4, "mass", crate::store::many_orders)],
        survives_power_cuts: true,
    };

    /// A database from before there were events goes on; from then on every change of an order is an event, and nothing else is.
    #[tokio::test]
    async fn a_database_of_the_first_version_goes_on_and_tells_every_change_once() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::parse(directory.path().join("g.sqlite").to_str().unwrap(), None).unwrap();
        let genesis = B256::repeat_byte(1);
        let old = Database::open(&location, &FIRST).await.unwrap();
        let mut work = old.write().await.unwrap();
        let order = |order: u64| {
            let sql = "INSERT INTO orders (number, message, item, tenant, kind, part, details, state, due_ms) \
                       VALUES ($1, $1, 0, 'a', 'pay', 0, '{}', 'checked', 0)";
            Statement { sql: sql.into(), values: vec![number(order)] }
        };
        work.execute(order(1)).await.unwrap();
        let sql = "INSERT INTO gateway (genesis_hash, salt, read_to) VALUES ($1, $2, 7)".into();
        work.execute(Statement { sql, values: vec![bytes(genesis), bytes([2u8; 32])] }).await.unwrap();
        work.commit().await.unwrap();
        old.close().await;

        let (store, known) = Store::open(&location, genesis, 0, Faults::default()).await.unwrap();
        assert_eq!((known.read_to, known.salt), (7, vec![2u8; 32]));
        let mut work = store.write().await.unwrap();
        assert_eq!(store.last_event(&mut work).await.unwrap(), 0);
        work.execute(order(2)).await.unwrap();
        assert!(store.move_orders(&mut work, &[1, 2], (State::Checked, State::Signed), Some(5)).await.unwrap());
        // What changes something else, or nothing, is no event.
        work.execute(Statement::new("UPDATE orders SET state = 'signed', code = 'X'")).await.unwrap();
        let told = store.events_after(&mut work, "a", 0, 10).await.unwrap();
        let told: Vec<_> = told.iter().map(|event| (event.number, event.reference, event.state.as_str())).collect();
        assert_eq!(told, [(1, 2, "checked"), (2, 1, "signed"), (3, 2, "signed")]);
        assert_eq!(store.events_after(&mut work, "a", 2, 10).await.unwrap().len(), 1);
        assert_eq!(store.events_after(&mut work, "b", 0, 10).await.unwrap(), []);
        // What is taken back is not told, and leaves no gap that somebody could wait for.
        drop(work);
        let mut work = store.write().await.unwrap();
        assert_eq!(store.last_event(&mut work).await.unwrap(), 0);
    }
}
