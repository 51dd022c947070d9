//! What to measure.

use alloy_primitives::Address;
use florin_client::{ClientError, Signer};

/// Payments in one run: they are signed beforehand and held in memory, about 400 bytes each.
pub const PAYMENTS_MAX: u64 = 2_000_000;

/// A load.
#[derive(Clone, Debug)]
pub struct BenchConfig {
    /// Nodes that take payments (`http://host:port`); finality is read from the first.
    pub rpc_urls: Vec<String>,
    /// Funded accounts that pay, each to the next.
    pub senders: Vec<Signer>,
    /// The currency.
    pub token: Address,
    /// Payments a second, all senders together.
    pub rate_per_second: u64,
    /// How long payments are due, in milliseconds.
    pub duration_ms: u64,
    /// How long to wait for finality of the last ones, in milliseconds.
    pub settle_ms_max: u64,
    /// Processes whose CPU time is measured (Linux).
    pub process_ids: Vec<u32>,
    /// Payments in one HTTP batch at most.
    pub batch_max: usize,
}

impl BenchConfig {
    /// A load of `rate_per_second` for `duration_ms`, the rest as usual.
    pub fn new(
        rpc_urls: Vec<String>,
        senders: Vec<Signer>,
        token: Address,
        rate_per_second: u64,
        duration_ms: u64,
    ) -> Self {
        let process_ids = Vec::new();
        Self {
            rpc_urls,
            senders,
            token,
            rate_per_second,
            duration_ms,
            settle_ms_max: 10_000,
            process_ids,
            batch_max: 20,
        }
    }

    /// Payments in the whole run.
    pub fn payments(&self) -> u64 {
        self.rate_per_second.saturating_mul(self.duration_ms) / 1_000
    }

    pub(crate) fn validate(&self) -> Result<(), BenchError> {
        let wrong = |rule: String| Err(BenchError::Config { rule });
        if self.rpc_urls.is_empty() {
            return wrong("rpc_urls is empty: name at least one node".into());
        }
        if self.senders.is_empty() {
            return wrong("senders is empty: name at least one funded account".into());
        }
        if self.batch_max == 0 {
            return wrong("batch_max is 0: send at least one payment at once".into());
        }
        let payments = self.payments();
        if !(1..=PAYMENTS_MAX).contains(&payments) {
            return wrong(format!("rate and duration make {payments} payments: choose between 1 and {PAYMENTS_MAX}"));
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
            Self::Refund { .. } => "bench.refund",
            Self::Internal { .. } => "bench.internal",
        }
    }
}
