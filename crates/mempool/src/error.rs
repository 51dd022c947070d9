//! Why the pool did not take a transaction.

use alloy_primitives::{Address, B256};

/// Why a transaction was not taken, or not found. The texts begin as Ethereum clients' do, because wallets look for that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The same transaction is in the pool.
    #[error("already known: transaction {hash} is in the pool; wait for its receipt")]
    AlreadyKnown {
        /// Its hash.
        hash: B256,
    },
    /// The account has used this nonce.
    #[error("nonce too low: transaction has {nonce}, the next nonce of {sender} is {expected}; sign again with that")]
    NonceTooLow {
        /// Who signed.
        sender: Address,
        /// Nonce of the transaction.
        nonce: u64,
        /// Nonce of the account.
        expected: u64,
    },
    /// Farther ahead of the account than the pool holds.
    #[error(
        "nonce too high: transaction has {nonce}, {sender} is at {account}, and the pool holds at most {ahead_max} \
         ahead; send the missing nonces first"
    )]
    NonceTooHigh {
        /// Who signed.
        sender: Address,
        /// Nonce of the transaction.
        nonce: u64,
        /// Nonce of the account.
        account: u64,
        /// How far ahead a nonce may be.
        ahead_max: usize,
    },
    /// No transaction may have the nonce 2^64 - 1 (EIP-2681).
    #[error("nonce has max value: 2^64 - 1 can never be included (EIP-2681); use another account")]
    NonceMax,
    /// Another transaction has this nonce and the new one does not pay enough more.
    #[error(
        "replacement transaction underpriced: {replaced} has nonce {nonce} already; raise maxFeePerGas to at least \
         {fee_wei_min} and maxPriorityFeePerGas to at least {priority_fee_wei_min}, or cancel it with a transfer of 0 \
         to yourself at the same nonce"
    )]
    ReplacementUnderpriced {
        /// What stands in the way.
        replaced: B256,
        /// The nonce of both.
        nonce: u64,
        /// Least `maxFeePerGas` (or `gasPrice`) that replaces it, in wei.
        fee_wei_min: u128,
        /// Least `maxPriorityFeePerGas` (or `gasPrice`) that replaces it, in wei.
        priority_fee_wei_min: u128,
    },
    /// The sender has as many as one sender may have.
    #[error(
        "txpool is full for this sender: {sender} has {held} of at most {held_max} {unit} waiting; wait until some are \
         final, then send again"
    )]
    SenderFull {
        /// Who signed.
        sender: Address,
        /// What the sender holds.
        held: usize,
        /// The bound.
        held_max: usize,
        /// `transactions` or `bytes`.
        unit: &'static str,
    },
    /// The pool is under pressure and this sender holds more than what is left for everyone.
    #[error(
        "txpool is full: {sender} has {held} {unit} waiting and only {free} are free for all senders; send again after \
         some of yours are final, or through another node"
    )]
    PoolFull {
        /// Who signed.
        sender: Address,
        /// What the sender holds.
        held: usize,
        /// What is free.
        free: usize,
        /// `transactions` or `bytes`.
        unit: &'static str,
    },
}

impl PoolError {
    /// All codes. They are permanent: a code is never renamed, reused or removed.
    pub const CODES: [&'static str; 7] = [
        "already_known",
        "nonce_too_low",
        "nonce_too_high",
        "nonce_max",
        "replacement_underpriced",
        "sender_full",
        "pool_full",
    ];

    /// The permanent code of this error, for programs and metrics.
    pub const fn code(&self) -> &'static str {
        Self::CODES[self.index()]
    }

    pub(crate) const fn index(&self) -> usize {
        match self {
            Self::AlreadyKnown { .. } => 0,
            Self::NonceTooLow { .. } => 1,
            Self::NonceTooHigh { .. } => 2,
            Self::NonceMax => 3,
            Self::ReplacementUnderpriced { .. } => 4,
            Self::SenderFull { .. } => 5,
            Self::PoolFull { .. } => 6,
        }
    }
}
