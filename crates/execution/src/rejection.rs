//! Why a transaction is never included: a verdict with a permanent code, the rule, the values and the next action.
//!
//! A rejection is not a revert (which is included, with a receipt) and not a fault (which is the machine's). The texts
//! begin with the words that Ethereum's wallets look for.

use florin_types::{Address, Height, U256};

/// What whoever keeps the transaction should do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Nothing but a new transaction can help: drop it.
    Drop,
    /// It may become valid later (a nonce gap closes, funds arrive, a new period begins): keep it for a while.
    Hold,
}

/// Why a transaction is not included. Codes are permanent: they are never reused nor renamed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// EIP-4844.
    #[error(
        "blob transactions (EIP-4844, type 3) are not supported on this chain: send type 2 and put data in calldata"
    )]
    BlobsUnsupported,
    /// Signed for another chain.
    #[error(
        "invalid chain id: signed for chain {found:?} but this chain is {expected}: set chainId to {expected} and sign again"
    )]
    WrongChain {
        /// Chain id in the transaction.
        found: Option<u64>,
        /// This chain's id.
        expected: u64,
    },
    /// `transaction_gas_max` (EIP-7825 on Ethereum).
    #[error(
        "exceeds transaction gas limit: the gas limit {gas_limit} is above {gas_max} (rule transaction_gas_max): lower it or split the work"
    )]
    GasLimitTooHigh {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Most that a transaction may ask for.
        gas_max: u64,
    },
    /// EIP-1559: the tip is part of the fee cap.
    #[error(
        "max priority fee per gas higher than max fee per gas: {max_priority_fee_wei} > {max_fee_wei}: lower maxPriorityFeePerGas"
    )]
    PriorityFeeAboveMaxFee {
        /// `maxPriorityFeePerGas`.
        max_priority_fee_wei: u128,
        /// `maxFeePerGas`.
        max_fee_wei: u128,
    },
    /// EIP-1559: the fee cap covers the base fee.
    #[error(
        "max fee per gas less than block base fee: {max_fee_wei} < {base_fee_wei} wei: offer at least the base fee"
    )]
    FeeTooLow {
        /// `maxFeePerGas` or `gasPrice`.
        max_fee_wei: u128,
        /// Base fee of the block.
        base_fee_wei: u64,
    },
    /// Products of gas and price fit 128 bits.
    #[error("fee out of range: gas limit {gas_limit} times {max_fee_wei} wei exceeds 2^128 - 1: lower maxFeePerGas")]
    FeeOutOfRange {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// `maxFeePerGas` or `gasPrice`.
        max_fee_wei: u128,
    },
    /// EIP-3860.
    #[error("max initcode size exceeded: {bytes} bytes, at most {bytes_max} (EIP-3860): make the contract smaller")]
    InitCodeTooLarge {
        /// Bytes of init code.
        bytes: u64,
        /// Most bytes allowed.
        bytes_max: u64,
    },
    /// EIP-7702.
    #[error(
        "authorization list is empty: a type 4 transaction (EIP-7702) carries at least one authorization: add one or send type 2"
    )]
    AuthorizationListEmpty,
    /// EIP-2681.
    #[error("nonce has max value: {nonce} cannot be used (EIP-2681): send from another account")]
    NonceOutOfRange {
        /// Nonce of the transaction.
        nonce: u64,
    },
    /// Intrinsic gas (yellow paper, EIP-2028, 2930, 3860, 7702) and floor (EIP-7623).
    #[error("intrinsic gas too low: have {gas_limit}, want {gas_required}: raise the gas limit")]
    IntrinsicGas {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Least gas that it needs before anything runs.
        gas_required: u64,
    },
    /// The ledger's permission to transact.
    #[error(
        "sender not permitted: {sender} may not send transactions on this ledger: ask its permission admin to list the address"
    )]
    SenderNotPermitted {
        /// Who signed.
        sender: Address,
    },
    /// The ledger's permission to create contracts.
    #[error("deploy not permitted: {sender} may not create contracts on this ledger: ask its permission admin for it")]
    DeployNotPermitted {
        /// Who signed.
        sender: Address,
    },
    /// EIP-3607.
    #[error("sender not an eoa: {sender} is a contract (EIP-3607): send from an account without code")]
    SenderHasCode {
        /// Who signed.
        sender: Address,
    },
    /// Replay.
    #[error(
        "nonce too low: next nonce {account_nonce}, tx nonce {nonce}: the nonce is used already, sign again with {account_nonce}"
    )]
    NonceTooLow {
        /// Nonce of the transaction.
        nonce: u64,
        /// Next nonce of the account.
        account_nonce: u64,
    },
    /// A gap before it.
    #[error("nonce too high: next nonce {account_nonce}, tx nonce {nonce}: send the transactions between first")]
    NonceTooHigh {
        /// Nonce of the transaction.
        nonce: u64,
        /// Next nonce of the account.
        account_nonce: u64,
    },
    /// Gas at its price, plus value.
    #[error(
        "insufficient funds for gas * price + value: have {balance}, want {cost} wei: fund {sender} or lower value and fee"
    )]
    InsufficientFunds {
        /// Who signed.
        sender: Address,
        /// Most that the transaction may cost.
        cost: U256,
        /// What the account holds.
        balance: U256,
    },
    /// `gas_quota` of the rules.
    #[error(
        "gas quota exceeded: {sender} used {gas_used} of {gas_quota} gas in this period and asks for {gas_limit} more: lower the gas limit or wait for block time {resumes_at_ms} ms"
    )]
    QuotaExceeded {
        /// Who signed.
        sender: Address,
        /// Gas used in the period.
        gas_used: u64,
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Gas allowed in a period.
        gas_quota: u64,
        /// Block time at which the next period begins.
        resumes_at_ms: u64,
    },
    /// The block's gas, in the transaction's lane. Only blocks of a faulty proposer show it.
    #[error(
        "gas limit reached: block {height} has {gas_left} gas left in the {lane} lane, the transaction asks for {gas_limit}: put it in a later block"
    )]
    BlockGas {
        /// Height of the block.
        height: Height,
        /// Lane of the transaction.
        lane: Lane,
        /// Gas left in it.
        gas_left: u64,
        /// Gas limit of the transaction.
        gas_limit: u64,
    },
    /// The block's bytes, in the transaction's lane.
    #[error(
        "block bytes reached: block {height} has {bytes_left} bytes left in the {lane} lane, the transaction has {bytes}: put it in a later block"
    )]
    BlockBytes {
        /// Height of the block.
        height: Height,
        /// Lane of the transaction.
        lane: Lane,
        /// Bytes left in it.
        bytes_left: u64,
        /// Bytes of the transaction.
        bytes: u64,
    },
    /// The block's number of transactions, in the transaction's lane.
    #[error(
        "block transactions reached: block {height} has no place left in the {lane} lane: put the transaction in a later block"
    )]
    BlockTransactions {
        /// Height of the block.
        height: Height,
        /// Lane of the transaction.
        lane: Lane,
    },
    /// A rule of the virtual machine that no other code names.
    #[error("invalid transaction: {reason}: correct it and sign again")]
    Invalid {
        /// What the machine says.
        reason: String,
    },
}

/// Which part of a block's budget a transaction uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Movements of tokens: they have a part of every block for themselves.
    Payment,
    /// Everything else.
    General,
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Payment => "payment",
            Self::General => "general",
        })
    }
}

impl Rejection {
    /// The permanent code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BlobsUnsupported => "blobs_unsupported",
            Self::WrongChain { .. } => "wrong_chain",
            Self::GasLimitTooHigh { .. } => "gas_limit_too_high",
            Self::PriorityFeeAboveMaxFee { .. } => "priority_fee_above_max_fee",
            Self::FeeTooLow { .. } => "fee_too_low",
            Self::FeeOutOfRange { .. } => "fee_out_of_range",
            Self::InitCodeTooLarge { .. } => "init_code_too_large",
            Self::AuthorizationListEmpty => "authorization_list_empty",
            Self::NonceOutOfRange { .. } => "nonce_out_of_range",
            Self::IntrinsicGas { .. } => "intrinsic_gas_too_low",
            Self::SenderNotPermitted { .. } => "sender_not_permitted",
            Self::DeployNotPermitted { .. } => "deploy_not_permitted",
            Self::SenderHasCode { .. } => "sender_has_code",
            Self::NonceTooLow { .. } => "nonce_too_low",
            Self::NonceTooHigh { .. } => "nonce_too_high",
            Self::InsufficientFunds { .. } => "insufficient_funds",
            Self::QuotaExceeded { .. } => "gas_quota_exceeded",
            Self::BlockGas { .. } => "block_gas",
            Self::BlockBytes { .. } => "block_bytes",
            Self::BlockTransactions { .. } => "block_transactions",
            Self::Invalid { .. } => "invalid_transaction",
        }
    }

    /// Whether the block had no room for it, rather than the ledger no use.
    pub fn is_for_want_of_room(&self) -> bool {
        matches!(self, Self::BlockGas { .. } | Self::BlockBytes { .. } | Self::BlockTransactions { .. })
    }

    /// Whether waiting can help.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::NonceTooHigh { .. }
            | Self::InsufficientFunds { .. }
            | Self::QuotaExceeded { .. }
            | Self::BlockGas { .. }
            | Self::BlockBytes { .. }
            | Self::BlockTransactions { .. } => Disposition::Hold,
            _ => Disposition::Drop,
        }
    }
}
