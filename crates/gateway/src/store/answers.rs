//! What was answered and told.

use super::{Store, clean};
use crate::GatewayError;
use florin_history::sql::{Failure, Fields, Kind, Statement, Value, Work, bytes, number, optional, text};

/// What an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The message was read.
    Taken,
    /// Every item has its last status.
    Final,
    /// Nobody asked.
    Notification,
}

impl Purpose {
    const ALL: [Self; 3] = [Self::Taken, Self::Final, Self::Notification];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Final => "final",
            Self::Notification => "notification",
        }
    }
}

/// A message that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) number: u64,
    pub(crate) tenant: String,
    pub(crate) message: Option<u64>,
    pub(crate) purpose: Purpose,
    /// Its own `MsgId`.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created_ms: u64,
    /// Empty where it was not asked for.
    pub(crate) content: Vec<u8>,
}

/// One that is about to be.
#[derive(Clone, Debug)]
pub(crate) struct NewAnswer {
    pub(crate) tenant: String,
    pub(crate) message: Option<u64>,
    pub(crate) purpose: Purpose,
    /// What there is one answer to.
    pub(crate) claim: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
    pub(crate) created_ms: u64,
}

const READ: &str = "number, tenant, message, purpose, id, name, created_ms, content";
/// The same without the content, which may be large.
const READ_HEAD: &str = "number, tenant, message, purpose, id, name, created_ms, NULL";

impl Answer {
    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            number: row.number()?,
            tenant: row.text()?,
            message: row.optional(Fields::number)?,
            purpose: {
                let name = row.text()?;
                let found = Purpose::ALL.into_iter().find(|purpose| purpose.name() == name);
                found.ok_or_else(|| Failure::Damaged(format!("table answers: purpose {name:?} is not known")))?
            },
            id: row.text()?,
            name: row.text()?,
            created_ms: row.number()?,
            content: row.optional(Fields::bytes)?.unwrap_or_default(),
        })
    }
}

impl Store {
    /// Keeps answers.
    pub(crate) async fn keep_answers(&self, work: &mut Work, answers: &[NewAnswer]) -> Result<(), GatewayError> {
        let first = self.next_number(work, "answers").await?;
        let columns =
            ["number", "tenant", "message", "purpose", "claim", "id", "name", "content", "created_ms", "written"];
        let row = |(answer, given): (&NewAnswer, u64)| {
            vec![
                number(given),
                text(&answer.tenant),
                optional(answer.message, Kind::Integer, number),
                text(answer.purpose.name()),
                clean(&answer.claim),
                text(&answer.id),
                text(&answer.name),
                bytes(&answer.content),
                number(answer.created_ms),
                number(0),
            ]
        };
        self.insert(work, "answers", &columns, answers.iter().zip(first..).map(row).collect()).await
    }

    /// The latest answer to a message.
    pub(crate) async fn answer_to(&self, work: &mut Work, message: u64) -> Result<Option<Answer>, GatewayError> {
        let rest = "WHERE message = $1 ORDER BY number DESC LIMIT 1";
        Ok(self.answers(work, READ, rest, vec![number(message)]).await?.pop())
    }

    /// Answers to a message, oldest first, without their content.
    pub(crate) async fn answers_about(&self, work: &mut Work, message: u64) -> Result<Vec<Answer>, GatewayError> {
        self.answers(work, READ_HEAD, "WHERE message = $1 ORDER BY number", vec![number(message)]).await
    }

    /// A tenant's notifications after a number, oldest first, without their content.
    pub(crate) async fn notifications(
        &self,
        work: &mut Work,
        tenant: &str,
        after: u64,
        limit: u64,
    ) -> Result<Vec<Answer>, GatewayError> {
        let rest = "WHERE tenant = $1 AND purpose = $2 AND number > $3 ORDER BY number LIMIT $4";
        let values = vec![text(tenant), text(Purpose::Notification.name()), number(after), number(limit)];
        self.answers(work, READ_HEAD, rest, values).await
    }

    /// A tenant's answer by its number, without its content.
    pub(crate) async fn answer_numbered(
        &self,
        work: &mut Work,
        tenant: &str,
        answer: u64,
    ) -> Result<Option<Answer>, GatewayError> {
        let rest = "WHERE tenant = $1 AND number = $2";
        Ok(self.answers(work, READ_HEAD, rest, vec![text(tenant), number(answer)]).await?.pop())
    }

    /// A tenant's answer by its identification.
    pub(crate) async fn answer_by_id(
        &self,
        work: &mut Work,
        tenant: &str,
        id: &str,
    ) -> Result<Option<Answer>, GatewayError> {
        let rest = "WHERE tenant = $1 AND id = $2";
        Ok(self.answers(work, READ, rest, vec![text(tenant), clean(id)]).await?.pop())
    }

    /// Answers that no file has yet, oldest first.
    pub(crate) async fn unwritten(&self, work: &mut Work, limit: u64) -> Result<Vec<Answer>, GatewayError> {
        self.answers(work, READ, "WHERE written = 0 ORDER BY number LIMIT $1", vec![number(limit)]).await
    }

    /// These have their files.
    pub(crate) async fn written(&self, work: &mut Work, upto: u64) -> Result<(), GatewayError> {
        let sql = "UPDATE answers SET written = 1 WHERE written = 0 AND number <= $1";
        self.run(work, sql, vec![number(upto)]).await.map(drop)
    }

    async fn answers(
        &self,
        work: &mut Work,
        columns: &str,
        rest: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Answer>, GatewayError> {
        let query = Statement { sql: format!("SELECT {columns} FROM answers {rest}"), values };
        self.read_rows(work, "answers", query, Answer::read).await
    }
}
