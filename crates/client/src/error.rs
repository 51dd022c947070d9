//! Errors of the client, for people.

use crate::{SignerError, VerifyError};
use alloy_primitives::{B256, Bytes};
use florin_modules::Explanation;

/// Why a call had no usable answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL cannot be used.
    #[error("{url:?} is not an RPC address: {reason}; write one like http://127.0.0.1:8545")]
    Url {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection, or it broke.
    #[error("{url} cannot be reached: {reason}; check that the node runs and that the address and port are right")]
    Connect {
        /// The node.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// No answer in time.
    #[error(
        "{url} did not answer {method} within {timeout_ms} ms; the node may be overloaded or stuck: see florin_nodeStatus"
    )]
    Timeout {
        /// The node.
        url: String,
        /// The call.
        method: String,
        /// How long the client waited.
        timeout_ms: u64,
    },
    /// The server answered, but not as an RPC server does.
    #[error("{url} answered with HTTP status {status}: {body:?}; check that the address is that of the RPC")]
    Http {
        /// The node.
        url: String,
        /// HTTP status.
        status: u16,
        /// Beginning of the body.
        body: String,
    },
    /// The answer is larger than the client reads.
    #[error("the answer to {method} exceeds {bytes_max} bytes; ask for less at once")]
    TooLarge {
        /// The call.
        method: String,
        /// The bound.
        bytes_max: usize,
    },
    /// The answer is not what the call answers with.
    #[error("the answer to {method} is malformed: {reason}; the server is not a Florin node or is faulty")]
    Malformed {
        /// The call.
        method: String,
        /// What the decoder met.
        reason: String,
    },
    /// The node refused the call.
    #[error("{method} was refused: {message} (code {code})")]
    Refused {
        /// The call.
        method: String,
        /// JSON-RPC error code.
        code: i64,
        /// The node's words.
        message: String,
        /// Revert data, if there is any.
        data: Option<Bytes>,
        /// The rule's permanent code, as in `ledger.block_pruned`, where the node names one.
        rule: Option<String>,
    },
    /// Sent, but not final in time. It may still become final.
    #[error(
        "transaction {hash} is not final after {waited_ms} ms; it may still be: ask for its receipt before sending another"
    )]
    NotFinal {
        /// The transaction.
        hash: B256,
        /// How long the client waited.
        waited_ms: u64,
    },
    /// Final, and reverted.
    #[error(
        "transaction {hash} is final and was reverted: nothing but its gas was spent; see its trace for the reason"
    )]
    Reverted {
        /// The transaction.
        hash: B256,
    },
    /// The server's answer is not shown to be true.
    #[error(transparent)]
    Unverified(#[from] VerifyError),
    /// Nothing was signed.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A state of a payment channel cannot be kept.
    #[error("this state of channel {channel_id} is not kept: {reason}; ask the payer to sign it again")]
    ChannelState {
        /// The channel.
        channel_id: u64,
        /// What is wrong.
        reason: String,
    },
    /// The token does not say of itself what a currency must.
    #[error("{token} is not a usable currency: {reason}; check the token's address")]
    Token {
        /// The token's address.
        token: alloy_primitives::Address,
        /// What is wrong.
        reason: String,
    },
}

impl ClientError {
    /// The permanent code of this error, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Url { .. } => "url",
            Self::Connect { .. } => "connect",
            Self::Timeout { .. } => "timeout",
            Self::Http { .. } => "http_status",
            Self::TooLarge { .. } => "answer_too_large",
            Self::Malformed { .. } => "answer_malformed",
            Self::Refused { .. } => "refused",
            Self::NotFinal { .. } => "not_final",
            Self::Reverted { .. } => "reverted",
            Self::Unverified(error) => error.code(),
            Self::Signer(error) => error.code(),
            Self::Token { .. } => "token",
            Self::ChannelState { .. } => "channel_state",
        }
    }

    /// What the ledger's module says of a refusal: permanent code, values, rule and remedy. `None` for any other error,
    /// and for a revert that no module wrote.
    pub fn explanation(&self) -> Option<Explanation> {
        match self {
            Self::Refused { data: Some(data), .. } => florin_modules::explain(data),
            _ => None,
        }
    }

    /// Whether the same call may succeed a moment later.
    pub(crate) const fn is_transient(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Timeout { .. } | Self::Http { status: 429 | 502 | 503 | 504, .. })
    }
}
