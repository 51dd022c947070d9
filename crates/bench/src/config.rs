//! What to measure.

use crate::Workload;
use alloy_primitives::Address;
use florin_client::{ClientError, Signer};
use florin_modules::token::BATCH_ITEMS_MAX;
use std::path::PathBuf;

/// Payments in one run: they are signed beforehand and held in memory, about 600 bytes each, 44 in a batch.
pub const PAYMENTS_MAX: u64 = 2_000_000;
/// The same where batches make them.
pub const BATCHED_PAYMENTS_MAX: u64 = 40_000_000;
/// Accounts that are paid, at most.
pub const ACCOUNTS_MAX: u64 = 10_000_000;
/// Bytes of signed transactions in one HTTP request, about: servers bound what they read.
const REQUEST_BYTES: usize = 1 << 20;
/// Bytes of a batch beside its items: envelope, signature, arguments.
const BATCH_ENVELOPE_BYTES: usize = 400;

/// A node whose cost is measured. What is absent is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeasuredNode {
    /// Its process, for processor time and memory (Linux).
    pub process_id: u32,
    /// Its metrics (`http://host:port/metrics`), for bytes on the wire and to disk.
    pub metrics_url: Option<String>,
    /// Its data, for growth on disk.
    pub data: Option<PathBuf>,
}

/// A load.
#[derive(Clone, Debug)]
pub struct BenchConfig {
    /// What is paid.
    pub workload: Workload,
    /// Nodes that take payments (`http://host:port`); finality is read from the first.
    pub rpc_urls: Vec<String>,
    /// Funded accounts that pay, each to the next.
    pub senders: Vec<Signer>,
    /// The currency.
    pub token: Address,
    /// Payments a second, all senders together.
    pub rate_per_second: u64,
    /// How long payments are due and measured, in milliseconds.
    pub duration_ms: u64,
    /// How long the same load runs before that without being measured, in milliseconds.
    pub warmup_ms: u64,
    /// How long to wait for finality of the last ones, in milliseconds.
    pub settle_ms_max: u64,
    /// Nodes whose cost is measured.
    pub nodes: Vec<MeasuredNode>,
    /// Transactions in one HTTP request at most.
    pub request_max: usize,
    /// Payments under one signature in the workload of batches.
    pub batch_items: usize,
    /// Accounts that are paid, made before the clock starts; 0 pays the senders.
    pub accounts: u64,
}

impl BenchConfig {
    /// Individually signed payments at `rate_per_second` for `duration_ms`, the rest as usual.
    pub fn new(
        rpc_urls: Vec<String>,
        senders: Vec<Signer>,
        token: Address,
        rate_per_second: u64,
        duration_ms: u64,
    ) -> Self {
        Self {
            workload: Workload::Transfers,
            rpc_urls,
            senders,
            token,
            rate_per_second,
            duration_ms,
            warmup_ms: 0,
            settle_ms_max: 10_000,
            nodes: Vec::new(),
            request_max: 20,
            batch_items: BATCH_ITEMS_MAX,
            accounts: 0,
        }
    }

    /// Payments in the whole run, warm-up included. Whole batches may make it a few more.
    pub fn payments(&self) -> u64 {
        self.due_within(self.warmup_ms.saturating_add(self.duration_ms))
    }

    /// Payments due in the first so many milliseconds.
    pub(crate) fn due_within(&self, ms: u64) -> u64 {
        u64::try_from(u128::from(self.rate_per_second).saturating_mul(u128::from(ms)) / 1_000).unwrap_or(u64::MAX)
    }

    /// Transactions in one request, as far as their size allows.
    pub(crate) fn request_txs(&self) -> usize {
        if self.workload != Workload::Batches {
            return self.request_max;
        }
        let bytes = self.batch_items.saturating_mul(40).saturating_add(BATCH_ENVELOPE_BYTES);
        (REQUEST_BYTES / bytes).clamp(1, self.request_max)
    }

    pub(crate) fn validate(&self) -> Result<(), BenchError> {
        let wrong = |rule: String| Err(BenchError::Config { rule });
        if self.rpc_urls.is_empty() {
            return wrong("rpc_urls is empty: name at least one node".into());
        }
        if self.senders.is_empty() {
            return wrong("senders is empty: name at least one funded account".into());
        }
        if self.workload == Workload::Clearing && self.senders.len() < 2 {
            return wrong("a clearing day needs two senders at least".into());
        }
        if self.request_max == 0 {
            return wrong("request_max is 0: send at least one transaction at once".into());
        }
        if !(1..=BATCH_ITEMS_MAX).contains(&self.batch_items) {
            return wrong(format!("a batch has {} items: choose between 1 and {BATCH_ITEMS_MAX}", self.batch_items));
        }
        if self.accounts > ACCOUNTS_MAX {
            return wrong(format!("{} accounts are more than {ACCOUNTS_MAX}", self.accounts));
        }
        let payments = self.payments();
        let most = if self.workload == Workload::Batches { BATCHED_PAYMENTS_MAX } else { PAYMENTS_MAX };
        if self.due_within(self.duration_ms) == 0 || payments > most {
            return wrong(format!("rate and duration make {payments} payments: choose between 1 and {most}"));
        }
        Ok(())
    }
}

/// Why there is no measurement.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BenchError {
    /// The load makes no sense.
    #[error("the load cannot be run: {rule}")]
    Config {
        /// The rule, with the values.
        rule: String,
    },
    /// A node did not do what the preparation needs.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The node whose blocks are followed stopped answering.
    #[error("finality cannot be followed any more: {0}")]
    Follower(ClientError),
    /// The network does not sustain any load.
    #[error("not even {rate} payments/s are sustained, nor any part of it")]
    NoKnee {
        /// The rate that was tried first, in payments a second.
        rate: u64,
    },
    /// The senders still hold units.
    #[error("the senders still hold units after {rounds} rounds of paying back; other payments reach them")]
    Refund {
        /// How often all was paid back.
        rounds: usize,
    },
    /// A thread of this process failed.
    #[error("the load generator failed: {reason}")]
    Internal {
        /// What happened.
        reason: String,
    },
}

impl BenchError {
    /// The permanent code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "bench.config",
            Self::Client(error) => error.code(),
            Self::Follower(_) => "bench.follower",
            Self::NoKnee { .. } => "bench.no_knee",
            Self::Refund { .. } => "bench.refund",
            Self::Internal { .. } => "bench.internal",
        }
    }
}
