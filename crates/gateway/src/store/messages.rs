//! What arrived.

use super::{Store, clean, perhaps};
use crate::{GatewayError, order::State};
use alloy_primitives::B256;
use florin_history::sql::{Failure, Fields, Statement, Value, Work, bytes, number, text};

/// Orders of it go on.
pub(crate) const MESSAGE_OPEN: &str = "open";
/// It has its final answer.
pub(crate) const MESSAGE_FINAL: &str = "final";
/// No answer could be made.
pub(crate) const MESSAGE_REFUSED: &str = "refused";
const RECEIVED: &str = "received";
/// How the names begin of what is ordered in JSON and is no message of ISO 20022: `florin.` and the kind of its order.
pub(crate) const OWN_NAMES: &str = "florin.";

const COLUMNS: &str =
    "number, tenant, received_ms, state, name, message_id, created, count, control_sum, problem, file";

/// Where a message comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender<'a> {
    pub(crate) tenant: &'a str,
    /// Who made what it orders: a caller's permanent name, or what no caller is called.
    pub(crate) maker: &'a str,
    /// Name of the file that it came in.
    pub(crate) file: Option<&'a str>,
}

/// A message without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageRow {
    pub(crate) number: u64,
    pub(crate) tenant: String,
    pub(crate) received_ms: u64,
    pub(crate) state: String,
    /// Its name, such as `pacs.008.001.08`.
    pub(crate) name: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) created: Option<String>,
    pub(crate) count: Option<String>,
    pub(crate) control_sum: Option<String>,
    /// Why no answer could be made, as JSON.
    pub(crate) problem: Option<String>,
    pub(crate) file: Option<String>,
}

impl MessageRow {
    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            number: row.number()?,
            tenant: row.text()?,
            received_ms: row.number()?,
            state: row.text()?,
            name: row.optional(Fields::text)?,
            message_id: row.optional(Fields::text)?,
            created: row.optional(Fields::text)?,
            count: row.optional(Fields::text)?,
            control_sum: row.optional(Fields::text)?,
            problem: row.optional(Fields::text)?,
            file: row.optional(Fields::text)?,
        })
    }

    /// Whether it was read.
    pub(crate) fn is_read(&self) -> bool {
        self.state != RECEIVED
    }
}

/// What a message turned out to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadAs {
    pub(crate) state: &'static str,
    pub(crate) claim: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) created: Option<String>,
    pub(crate) count: Option<String>,
    pub(crate) control_sum: Option<String>,
    pub(crate) problem: Option<String>,
}

impl Store {
    /// The message with these bytes.
    pub(crate) async fn message_by_digest(
        &self,
        work: &mut Work,
        tenant: &str,
        digest: B256,
    ) -> Result<Option<MessageRow>, GatewayError> {
        self.message_with(work, tenant, "digest", bytes(digest)).await
    }

    /// A message of a tenant.
    pub(crate) async fn message(
        &self,
        work: &mut Work,
        tenant: &str,
        message: u64,
    ) -> Result<Option<MessageRow>, GatewayError> {
        self.message_with(work, tenant, "number", number(message)).await
    }

    /// The message that claims this.
    pub(crate) async fn message_by_claim(
        &self,
        work: &mut Work,
        tenant: &str,
        claim: &str,
    ) -> Result<Option<MessageRow>, GatewayError> {
        self.message_with(work, tenant, "claim", clean(claim)).await
    }

    async fn message_with(
        &self,
        work: &mut Work,
        tenant: &str,
        column: &str,
        value: Value,
    ) -> Result<Option<MessageRow>, GatewayError> {
        let sql = format!("SELECT {COLUMNS} FROM messages WHERE tenant = $1 AND {column} = $2");
        Ok(self.messages(work, sql, vec![text(tenant), value]).await?.pop())
    }

    /// Keeps bytes that nobody has read yet; gives their number.
    pub(crate) async fn receive(
        &self,
        work: &mut Work,
        sender: &Sender<'_>,
        content: &[u8],
        digest: B256,
        now_ms: u64,
    ) -> Result<u64, GatewayError> {
        let message = self.next_number(work, "messages").await?;
        let columns = ["number", "tenant", "digest", "content", "file", "received_ms", "state", "maker"];
        let values = vec![
            number(message),
            text(sender.tenant),
            bytes(digest),
            Value::Bytes(content.to_vec()),
            perhaps(sender.file),
            number(now_ms),
            text(RECEIVED),
            clean(sender.maker),
        ];
        self.insert(work, "messages", &columns, vec![values]).await?;
        Ok(message)
    }

    /// The oldest messages in a state.
    pub(crate) async fn messages_in(
        &self,
        work: &mut Work,
        state: &str,
        after: u64,
        limit: u64,
    ) -> Result<Vec<MessageRow>, GatewayError> {
        let sql = format!("SELECT {COLUMNS} FROM messages WHERE state = $1 AND number > $2 ORDER BY number LIMIT $3");
        self.messages(work, sql, vec![text(state), number(after), number(limit)]).await
    }

    /// The oldest messages after a number that nobody has read.
    pub(crate) async fn unread(
        &self,
        work: &mut Work,
        after: u64,
        limit: u64,
    ) -> Result<Vec<MessageRow>, GatewayError> {
        self.messages_in(work, RECEIVED, after, limit).await
    }

    /// Open messages that have no order on its way of their own, oldest first.
    pub(crate) async fn messages_over(&self, work: &mut Work, limit: u64) -> Result<Vec<MessageRow>, GatewayError> {
        let going_on = State::going_on();
        let sql = format!(
            "SELECT {COLUMNS} FROM messages WHERE state = $1 AND NOT EXISTS (SELECT 1 FROM orders WHERE \
             orders.message = messages.number AND orders.state IN ({going_on})) AND NOT EXISTS \
             (SELECT 1 FROM orders AS mine JOIN orders AS first ON first.number = mine.same_as WHERE \
             mine.message = messages.number AND first.state IN ({going_on})) ORDER BY number LIMIT $2"
        );
        self.messages(work, sql, vec![text(MESSAGE_OPEN), number(limit)]).await
    }

    /// A tenant's messages of this name, oldest first.
    pub(crate) async fn messages_named(
        &self,
        work: &mut Work,
        tenant: &str,
        message_id: &str,
    ) -> Result<Vec<MessageRow>, GatewayError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM messages WHERE tenant = $1 AND message_id = $2 AND claim IS NOT NULL ORDER BY number LIMIT 10"
        );
        self.messages(work, sql, vec![text(tenant), clean(message_id)]).await
    }

    /// The bytes of a message.
    pub(crate) async fn content(&self, work: &mut Work, message: u64) -> Result<Vec<u8>, GatewayError> {
        let query =
            Statement { sql: "SELECT content FROM messages WHERE number = $1".into(), values: vec![number(message)] };
        let row = self.rows(work, "messages", query).await?.pop();
        let mut row = row.ok_or_else(|| self.damaged(format!("message {message} is gone")))?;
        self.told(row.bytes())
    }

    /// Says what a message is. `false` where it was read already, by another process.
    pub(crate) async fn read_as(&self, work: &mut Work, message: u64, read: &ReadAs) -> Result<bool, GatewayError> {
        let sql = "UPDATE messages SET state = $1, claim = $2, name = $3, message_id = $4, created = $5, count = $6, \
                   control_sum = $7, problem = $8 WHERE number = $9 AND state = $10";
        let values = vec![
            text(read.state),
            perhaps(read.claim.as_deref()),
            perhaps(read.name.as_deref()),
            perhaps(read.message_id.as_deref()),
            perhaps(read.created.as_deref()),
            perhaps(read.count.as_deref()),
            perhaps(read.control_sum.as_deref()),
            perhaps(read.problem.as_deref()),
            number(message),
            text(RECEIVED),
        ];
        Ok(self.run(work, sql, values).await? == 1)
    }

    /// An open message has its last answer. `false` where it had it.
    pub(crate) async fn finish_message(&self, work: &mut Work, message: u64) -> Result<bool, GatewayError> {
        let sql = "UPDATE messages SET state = $1 WHERE number = $2 AND state = $3";
        let values = vec![text(MESSAGE_FINAL), number(message), text(MESSAGE_OPEN)];
        Ok(self.run(work, sql, values).await? == 1)
    }

    /// How many messages wait to be read.
    pub(crate) async fn unread_count(&self, work: &mut Work) -> Result<u64, GatewayError> {
        self.count(work, "SELECT COUNT(*) FROM messages WHERE state = $1", vec![text(RECEIVED)]).await
    }

    async fn messages(
        &self,
        work: &mut Work,
        sql: String,
        values: Vec<Value>,
    ) -> Result<Vec<MessageRow>, GatewayError> {
        self.read_rows(work, "messages", Statement { sql, values }, MessageRow::read).await
    }
}
