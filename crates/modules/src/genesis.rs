//! The modules' state at genesis.
use alloy_primitives::{Address, U256};
use florin_types::Genesis;
use std::collections::{BTreeMap, BTreeSet};

/// Why a genesis file cannot be turned into module state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisStateError {
    /// A field breaks a rule of a module.
    #[error("genesis field {field}: {rule}")]
    Field {
        /// Path of the field.
        field: String,
        /// The rule, with the values.
        rule: String,
    },
}

/// The modules' part of the state at genesis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenesisState {
    /// Slots that are not zero.
    pub slots: BTreeMap<(Address, U256), U256>,
    /// Accounts that carry [`crate::MARKER_CODE`]: singletons and tokens.
    pub marked: BTreeSet<Address>,
    /// Addresses of the genesis tokens, in the order of the file.
    pub tokens: Vec<Address>,
}

/// The modules' state at genesis.
pub fn genesis(genesis: &Genesis) -> Result<GenesisState, GenesisStateError> {
    let _ = genesis;
    todo!()
}
