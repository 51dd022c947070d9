//! How far each tenant's server was told.

use super::Store;
use crate::GatewayError;
use florin_history::sql::{Statement, Work, number, text};

/// How far a tenant's server was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The last event that it has.
    pub(crate) event: u64,
    /// Failures in a row.
    pub(crate) failures: u64,
    /// Not before this moment.
    pub(crate) next_ms: u64,
}

impl Store {
    /// Nothing for a tenant that was never told anything.
    pub(crate) async fn told_to(&self, work: &mut Work, tenant: &str) -> Result<Option<Told>, GatewayError> {
        let sql = "SELECT event, failures, next_ms FROM webhooks WHERE tenant = $1".into();
        let row = self.rows(work, "webhooks", Statement { sql, values: vec![text(tenant)] }).await?.pop();
        let read =
            row.map(|mut row| Ok(Told { event: row.number()?, failures: row.number()?, next_ms: row.number()? }));
        self.told(read.transpose())
    }

    /// A tenant is told what happens from now on.
    pub(crate) async fn begin_telling(&self, work: &mut Work, tenant: &str) -> Result<(), GatewayError> {
        let sql = "INSERT INTO webhooks (tenant, event, failures, next_ms) VALUES ($1, $2, 0, 0)";
        let last = self.last_event(work).await?;
        self.run(work, sql, vec![text(tenant), number(last)]).await.map(drop)
    }

    /// Says how far it was told, if nobody said so otherwise since `before`.
    pub(crate) async fn tell(
        &self,
        work: &mut Work,
        tenant: &str,
        before: &Told,
        now: &Told,
    ) -> Result<bool, GatewayError> {
        let sql = "UPDATE webhooks SET event = $1, failures = $2, next_ms = $3 \
                   WHERE tenant = $4 AND event = $5 AND failures = $6 AND next_ms = $7";
        let values = vec![
            number(now.event),
            number(now.failures),
            number(now.next_ms),
            text(tenant),
            number(before.event),
            number(before.failures),
            number(before.next_ms),
        ];
        Ok(self.run(work, sql, values).await? == 1)
    }

    /// Tells again from an event on, at once. `false` for a tenant that was never told anything.
    pub(crate) async fn tell_again(&self, work: &mut Work, tenant: &str, after: u64) -> Result<bool, GatewayError> {
        let sql = "UPDATE webhooks SET event = $1, failures = 0, next_ms = 0 WHERE tenant = $2";
        Ok(self.run(work, sql, vec![number(after), text(tenant)]).await? == 1)
    }
}
