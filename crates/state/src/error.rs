//! Why the ledger does not answer.

use florin_types::{B256, BlockError, Height, StateFault};

/// Why the ledger does not answer, or does not accept a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// State or records of this height are no longer kept.
    #[error(
        "state at height {height} is no longer kept here, the oldest is {oldest_height}: ask for a later height, or a node in \
         archive mode"
    )]
    Pruned {
        /// Height asked for.
        height: Height,
        /// Oldest height that can be read.
        oldest_height: Height,
    },
    /// The block of this height is not kept: the ledger began above it, or has dropped it.
    #[error(
        "block {height} is not kept here, the oldest is {oldest_height}: ask for a later one, or a node that keeps every block"
    )]
    BlockPruned {
        /// Height asked for.
        height: Height,
        /// Oldest height whose block is kept with its receipts.
        oldest_height: Height,
    },
    /// The operations of this state were dropped.
    #[error("operations of the state after block {height} are no longer kept here: ask for those of a later block")]
    OperationsPruned {
        /// Height of the block.
        height: Height,
    },
    /// The state of this block has no such operation.
    #[error(
        "the state after block {height} has operations {first} to {end}, the last not counted, and {start} is none of them"
    )]
    OperationsRange {
        /// Height of the block.
        height: Height,
        /// Operation asked for.
        start: u64,
        /// First operation.
        first: u64,
        /// One above the last.
        end: u64,
    },
    /// Not finalised yet.
    #[error("height {height} is not finalised, the latest is {head_height}: wait for it or ask for `latest`")]
    Future {
        /// Height asked for.
        height: Height,
        /// Latest finalised height.
        head_height: Height,
    },
    /// After a restart the store is still being brought up to the ledger's head.
    #[error(
        "the node is starting: its state stands at {state}, its ledger at height {head_height}; try again in a moment"
    )]
    Starting {
        /// Where the state stands, for people.
        state: String,
        /// Latest finalised height.
        head_height: Height,
    },
    /// A record was offered out of order.
    #[error("a record of height {offered} was offered but {expected} comes next")]
    Order {
        /// Next height.
        expected: Height,
        /// Height of the record.
        offered: Height,
    },
    /// Two different blocks claim to be final at one height.
    #[error(
        "height {height} is final as block {stored} but block {offered} was offered: stop the node and keep its data"
    )]
    Conflict {
        /// The height.
        height: Height,
        /// Block on record.
        stored: B256,
        /// Block offered.
        offered: B256,
    },
    /// More items than one proof may have.
    #[error("a state proof has 1 to {max} items, not {items}: ask in parts")]
    Items {
        /// Items asked for.
        items: usize,
        /// Most items.
        max: usize,
    },
    /// Local corruption, or a disk that does not answer. Names partition and height where it can.
    #[error("ledger fault: {0}")]
    Fault(String),
}

impl LedgerError {
    /// Permanent code for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Pruned { .. } => "ledger.pruned",
            Self::BlockPruned { .. } => "ledger.block_pruned",
            Self::OperationsPruned { .. } => "ledger.operations_pruned",
            Self::OperationsRange { .. } => "ledger.operations_range",
            Self::Future { .. } => "ledger.future",
            Self::Starting { .. } => "ledger.starting",
            Self::Order { .. } => "ledger.order",
            Self::Conflict { .. } => "ledger.conflict",
            Self::Items { .. } => "ledger.items",
            Self::Fault(_) => "ledger.fault",
        }
    }
}

impl From<StateFault> for LedgerError {
    fn from(fault: StateFault) -> Self {
        Self::Fault(fault.0)
    }
}

impl From<BlockError> for LedgerError {
    fn from(error: BlockError) -> Self {
        Self::Fault(error.to_string())
    }
}

/// A fault met while doing something: what, and what the layer below said.
pub(crate) fn fault(doing: &str, error: impl core::fmt::Display) -> StateFault {
    StateFault(format!("cannot {doing}: {error}"))
}
