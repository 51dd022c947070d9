//! What was signed.

use super::Store;
use crate::{GatewayError, store::OrderKind};
use alloy_primitives::{Address, B256};
use florin_history::sql::{Failure, Fields, Kind, Statement, Value, Work, bytes, number, optional, text};

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubmissionState {
    /// Its bytes are durable.
    Signed,
    /// A node has taken it.
    Sent,
    /// It is in a final block.
    Final,
    /// It never will be.
    Dead,
}

impl SubmissionState {
    const ALL: [Self; 4] = [Self::Signed, Self::Sent, Self::Final, Self::Dead];

    const fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Sent => "sent",
            Self::Final => "final",
            Self::Dead => "dead",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Submission {
    pub(crate) number: u64,
    pub(crate) account: Address,
    pub(crate) nonce: u64,
    pub(crate) hash: B256,
    pub(crate) content: Vec<u8>,
    /// What it does for its orders.
    pub(crate) kind: OrderKind,
    /// Payer and UETR under which the ledger knows what it does.
    pub(crate) payer: Address,
    pub(crate) uetr: B256,
    /// Reference of the return; zero for what is none.
    pub(crate) reference: B256,
    pub(crate) state: SubmissionState,
}

const COLUMNS: [&str; 11] =
    ["number", "account", "nonce", "hash", "content", "kind", "payer", "uetr", "reference", "state", "height"];

impl Submission {
    fn read(row: &mut Fields) -> Result<Self, Failure> {
        let unknown = |value: &str| Failure::Damaged(format!("table submissions: {value:?} is not known"));
        Ok(Self {
            number: row.number()?,
            account: row.account()?,
            nonce: row.number()?,
            hash: row.hash()?,
            content: row.bytes()?,
            kind: {
                let name = row.text()?;
                OrderKind::from_name(&name).ok_or_else(|| unknown(&name))?
            },
            payer: row.account()?,
            uetr: row.hash()?,
            reference: row.optional(Fields::hash)?.unwrap_or_default(),
            state: {
                let name = row.text()?;
                SubmissionState::from_name(&name).ok_or_else(|| unknown(&name))?
            },
        })
    }
}

impl Store {
    /// Keeps what was signed; gives its number.
    pub(crate) async fn add_submission(&self, work: &mut Work, submission: &Submission) -> Result<u64, GatewayError> {
        let given = self.next_number(work, "submissions").await?;
        let values = vec![
            number(given),
            bytes(submission.account),
            number(submission.nonce),
            bytes(submission.hash),
            bytes(&submission.content),
            text(submission.kind.name()),
            bytes(submission.payer),
            bytes(submission.uetr),
            optional(Some(submission.reference).filter(|one| !one.is_zero()), Kind::Bytes, bytes),
            text(submission.state.name()),
            Value::Null(Kind::Integer),
        ];
        self.insert(work, "submissions", &COLUMNS, vec![values]).await?;
        Ok(given)
    }

    /// Everything that is signed and not final, in the order of the nonces of each account.
    pub(crate) async fn unfinished(&self, work: &mut Work) -> Result<Vec<Submission>, GatewayError> {
        let columns = COLUMNS.split_last().map_or(String::new(), |(_, columns)| columns.join(", "));
        let sql = format!("SELECT {columns} FROM submissions WHERE state IN ($1, $2) ORDER BY account, nonce");
        let states = vec![text(SubmissionState::Signed.name()), text(SubmissionState::Sent.name())];
        self.read_rows(work, "submissions", Statement { sql, values: states }, Submission::read).await
    }

    /// Moves a transaction to its next state. `false` where it is not in the first one any more.
    pub(crate) async fn move_submission(
        &self,
        work: &mut Work,
        submission: u64,
        to: SubmissionState,
        height: Option<u64>,
    ) -> Result<bool, GatewayError> {
        let sql = "UPDATE submissions SET state = $1, height = $2 WHERE number = $3 AND state IN ($4, $5)";
        let values = vec![
            text(to.name()),
            optional(height, Kind::Integer, number),
            number(submission),
            text(SubmissionState::Signed.name()),
            text(SubmissionState::Sent.name()),
        ];
        Ok(self.run(work, sql, values).await? == 1)
    }
}
