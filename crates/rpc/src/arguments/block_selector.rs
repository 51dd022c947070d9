//! Which block a request is about.

use crate::args::{FromValue, Problem, excerpt, field, is_object, object, text};
use alloy_primitives::B256;
use florin_types::Height;
use serde_json::value::RawValue;

/// A block by number or tag. `latest`, `safe` and `finalized` mean the same: a block is final or does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BlockNumberSelector {
    /// The latest final block.
    #[default]
    Latest,
    /// The latest final block, and after it what is in the pool, where that makes a difference.
    Pending,
    /// Block 0.
    Earliest,
    /// That block.
    Number(Height),
}

/// A block by number, tag or hash (EIP-1898).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockSelector {
    /// By number or tag.
    Number(BlockNumberSelector),
    /// By hash. Every block that a node knows is canonical, so `requireCanonical` always holds.
    Hash(B256),
}

impl Default for BlockSelector {
    fn default() -> Self {
        Self::Number(BlockNumberSelector::Latest)
    }
}

impl FromValue for BlockNumberSelector {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        match text(value)? {
            "latest" | "safe" | "finalized" => Ok(Self::Latest),
            "pending" => Ok(Self::Pending),
            "earliest" => Ok(Self::Earliest),
            number if number.starts_with("0x") => Height::from_value(value).map(Self::Number),
            other => Err(Problem::new(format!(
                "\"{}\" is neither a block number (0x…) nor one of latest, safe, finalized, pending, earliest",
                excerpt(other)
            ))),
        }
    }
}

impl FromValue for BlockSelector {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        if is_object(value) {
            let fields = object(value)?;
            fields.only(&["blockNumber", "blockHash", "requireCanonical"])?;
            let number = field::<BlockNumberSelector>(&fields, "blockNumber")?;
            let hash = field::<B256>(&fields, "blockHash")?;
            field::<bool>(&fields, "requireCanonical")?;
            return match (number, hash) {
                (Some(number), None) => Ok(Self::Number(number)),
                (None, Some(hash)) => Ok(Self::Hash(hash)),
                (Some(_), Some(_)) => Err(Problem::new("cannot specify both blockHash and blockNumber, choose one")),
                (None, None) => Err(Problem::new("one of blockHash and blockNumber is needed")),
            };
        }
        const HASH_CHARS: usize = 66;
        match text(value) {
            Ok(hash) if hash.len() == HASH_CHARS => B256::from_value(value).map(Self::Hash),
            _ => BlockNumberSelector::from_value(value).map(Self::Number),
        }
    }
}
