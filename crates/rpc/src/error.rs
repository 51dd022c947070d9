//! What goes wrong, in the codes and words that Ethereum's clients understand.
//!
//! | code | meaning |
//! |---|---|
//! | 3 | execution reverted; `data` is the revert data |
//! | 4 | `eth_sendRawTransactionSync` ran out of time; `data` is the transaction hash |
//! | -32000 | refused; `data.code` is a permanent code |
//! | -32002 | took too long |
//! | -32005 | above a limit; the message names it |
//! | -38010 to -38026 | `eth_simulateV1`: a simulated block or call breaks a rule |
//! | -32600, -32601, -32602, -32603, -32700 | JSON-RPC's own |

use alloy_primitives::{B256, Bytes};
use florin_execution::{AdmitError, CallError, Rejection, TraceError, decode_revert};
use florin_index::IndexError;
use florin_mempool::PoolError;
use florin_types::{Height, StateFault, TxError};
use jsonrpsee::types::{ErrorObjectOwned, error::INTERNAL_ERROR_CODE};
use serde_json::{Value, json};

/// Permanent code of a transaction that nobody signed.
const INVALID_SIGNATURE: &str = "invalid_signature";
/// JSON-RPC: the parameters are not what the method takes.
pub(crate) const INVALID_PARAMS: i32 = -32602;
/// JSON-RPC: there is no such method.
pub(crate) const METHOD_NOT_FOUND: i32 = -32601;
/// Ethereum clients: the request is understood and refused.
pub(crate) const REFUSED: i32 = -32000;
/// Ethereum clients: it took too long.
pub(crate) const TIMED_OUT: i32 = -32002;
/// EIP-1474: above a limit.
pub(crate) const LIMIT_EXCEEDED: i32 = -32005;
/// Ethereum clients: reverted.
pub(crate) const REVERTED: i32 = 3;
/// EIP-7966: not included in time.
pub(crate) const NOT_INCLUDED_IN_TIME: i32 = 4;

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct RpcError {
    code: i32,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    /// A refusal with a permanent code.
    pub(crate) fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: REFUSED, message: message.into(), data: Some(json!({ "code": code })) }
    }

    /// A simulated block or call breaks a rule; `eth_simulateV1` has numbers of its own.
    pub(crate) fn simulation(number: i32, code: &'static str, message: String) -> Self {
        Self { code: number, message, data: Some(json!({ "code": code })) }
    }

    /// A parameter is not what the method takes.
    pub(crate) fn invalid_params(message: impl Into<String>) -> Self {
        Self { code: INVALID_PARAMS, message: message.into(), data: None }
    }

    /// Above a limit of this node.
    pub(crate) fn limit(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: LIMIT_EXCEEDED, message: message.into(), data: Some(json!({ "code": code })) }
    }

    /// Above what one client may have; says when to come again.
    pub(crate) fn over_limit(limit: &'static str, message: String, retry_after_ms: u64) -> Self {
        let data = json!({ "code": "client_limit", "limit": limit, "retry_after_ms": retry_after_ms });
        Self { code: LIMIT_EXCEEDED, message, data: Some(data) }
    }

    /// It took too long.
    pub(crate) fn timed_out(message: impl Into<String>) -> Self {
        Self { code: TIMED_OUT, message: message.into(), data: Some(json!({ "code": "timed_out" })) }
    }

    /// Something is wrong with this machine, not with the request. The details go to the log.
    pub(crate) fn fault(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "rpc.fault");
        Self {
            code: INTERNAL_ERROR_CODE,
            message: format!("internal error: {error}"),
            data: Some(json!({ "code": "fault" })),
        }
    }

    /// Execution reverted with this data.
    pub(crate) fn reverted(data: &Bytes) -> Self {
        let message = match decode_revert(data) {
            Some(reason) => format!("execution reverted: {}", reason.message),
            None => "execution reverted".to_owned(),
        };
        Self { code: REVERTED, message, data: Some(json!(data)) }
    }

    /// The virtual machine stopped the call. Words as geth's.
    pub(crate) fn halted(reason: &str) -> Self {
        Self::refused("execution_halted", reason.to_owned())
    }

    /// EIP-7966: the transaction is in the pool but no block has it yet.
    pub(crate) fn not_included_in_time(hash: B256, milliseconds: u64) -> Self {
        Self {
            code: NOT_INCLUDED_IN_TIME,
            message: format!(
                "the transaction was taken into the pool but not included within {milliseconds} ms: \
                 ask for its receipt with eth_getTransactionReceipt"
            ),
            data: Some(json!(hash)),
        }
    }

    /// No such block.
    pub(crate) fn unknown_block(which: &str) -> Self {
        Self::refused("unknown_block", format!("header not found: there is no final block {which}"))
    }

    /// What can only be said once the index has caught up.
    pub(crate) fn index_behind(indexed: Option<Height>, head: Height) -> Self {
        let indexed = indexed.map_or("nothing".to_owned(), |height| format!("block {height}"));
        Self::refused(
            "index_behind",
            format!("the index of this node is catching up and has {indexed} of {head}: ask again in a moment"),
        )
    }

    /// Whether it says that a transaction's signature is none.
    pub(crate) fn is_wrong_signature(&self) -> bool {
        self.data.as_ref().is_some_and(|data| data["code"] == INVALID_SIGNATURE)
    }

    /// Code on the wire.
    pub(crate) fn code(&self) -> i32 {
        self.code
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        ErrorObjectOwned::owned(error.code, error.message, error.data)
    }
}

impl From<TxError> for RpcError {
    fn from(error: TxError) -> Self {
        let code = match error {
            TxError::TooLarge { .. } => "transaction_too_large",
            TxError::Malformed { .. } => "transaction_malformed",
            TxError::BlobsUnsupported => "blobs_unsupported",
            TxError::WrongChain { .. } => "wrong_chain",
            TxError::Signature => INVALID_SIGNATURE,
        };
        Self::refused(code, error.to_string())
    }
}

impl From<Rejection> for RpcError {
    fn from(rejection: Rejection) -> Self {
        Self::refused(rejection.code(), rejection.to_string())
    }
}

impl From<PoolError> for RpcError {
    fn from(error: PoolError) -> Self {
        Self::refused(error.code(), error.to_string())
    }
}

impl From<StateFault> for RpcError {
    fn from(fault: StateFault) -> Self {
        Self::fault(&fault)
    }
}

impl From<AdmitError> for RpcError {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Rejected(rejection) => rejection.into(),
            AdmitError::Fault(fault) => fault.into(),
        }
    }
}

impl From<CallError> for RpcError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Request(_) => Self::invalid_params(error.to_string()),
            CallError::Rejected(rejection) => rejection.into(),
            CallError::Reverted(data) => Self::reverted(&data),
            CallError::Halted(reason) => Self::halted(&reason),
            CallError::Stopped => Self::timed_out(error.to_string()),
            CallError::Fault(fault) => fault.into(),
        }
    }
}

impl From<TraceError> for RpcError {
    fn from(error: TraceError) -> Self {
        match error {
            TraceError::Unsupported(_) => Self::invalid_params(error.to_string()),
            TraceError::TooLarge(_) => Self::limit("trace_too_large", error.to_string()),
            TraceError::Index { .. } => Self::refused("unknown_transaction", error.to_string()),
            TraceError::Call(call) => call.into(),
            TraceError::Fault(fault) => fault.into(),
        }
    }
}

impl From<IndexError> for RpcError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::TooMany { limit, height } => Self::limit(
                "too_many_logs",
                format!(
                    "query returned more than {limit} results: narrow the filter, or ask for blocks up to {height} \
                     first and go on from there"
                ),
            ),
            IndexError::TooLong { bytes_max, height } => Self::limit(
                "too_many_logs",
                format!(
                    "query returned more than {bytes_max} bytes of results: narrow the filter, or ask for blocks up to \
                     {height} first and go on from there"
                ),
            ),
            IndexError::TooSlow { milliseconds } => Self::timed_out(format!(
                "the query ran for {milliseconds} ms without an end: ask for fewer blocks or name an address"
            )),
            IndexError::Checking { .. } => Self::refused("index_behind", error.to_string()),
            other => Self::fault(&other),
        }
    }
}
