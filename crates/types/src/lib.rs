//! The vocabulary of Florin: money, identifiers, transactions, blocks, protocol rules and the genesis file.
//!
//! **Place in the way of a payment.** Everything that crosses a wall between two rooms is one of these types. Bytes from
//! outside become one of them through a bounded decoder, or an error.
//!
//! **Invariants.** A value of a type here is valid: [`Currency`] is well formed, [`Amount`] never wraps,
//! [`VerifiedTx`] was signed by its sender, [`Block`] commits to its body.
//!
//! **Pure.** No I/O, no clock, no randomness, no async, no floats, no unordered iteration.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::arithmetic_side_effects))]

mod block;
mod genesis;
mod money;
mod rules;
mod state;
mod transaction;
mod vote;
pub mod wire;

pub use block::{
    BLOCK_BYTES_MAX, Block, BlockError, ConsensusContext, EXTENSION_BYTES, EXTENSION_BYTES_MAX, Extension,
    PAYLOAD_BYTES_MAX, StateTarget,
};
pub use genesis::{
    Access, BASIS_POINTS, EPOCH_BLOCKS_MAX, EPOCH_BLOCKS_MIN, EPOCH_BLOCKS_PER_VALIDATOR, Election, GENESIS_NODES_MAX,
    Genesis, GenesisAccount, GenesisError, GenesisGovernance, GenesisNode, GenesisPolicy, GenesisSeat, GenesisStake,
    GenesisToken, GenesisTokenRoles, GovernanceParameters, NodeRole, UNBONDING_EPOCHS_MIN, epoch_blocks_min,
};
pub use money::{Amount, CURRENCY_DIGITS_MAX, CURRENCY_SYMBOL_CHARS_MAX, Currency, MoneyError};
pub use rules::{EvmSpec, GasQuota, Rules, RulesError, RulesSchedule, RulesStep};
pub use state::{Account, Changeset, StateFault, StateView};
pub use transaction::{TX_BYTES_MAX, TxError, VerifiedTx, decode_transaction};

pub use vote::{
    Contradiction, EQUIVOCATION_BYTES, Equivocation, EquivocationError, NodeVote, SIGNED_VOTE_BYTES, SignedVote,
    VoteKind, is_node_key,
};

pub use alloy_consensus::{Header, ReceiptEnvelope, TxEnvelope};
pub use alloy_primitives::{self, Address, B256, Bytes, U256};

/// Number of a block, counted from 0 (genesis).
pub type Height = u64;
