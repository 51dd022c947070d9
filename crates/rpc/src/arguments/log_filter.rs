//! The filter object of `eth_getLogs`, `eth_newFilter` and `eth_subscribe("logs")`.

use crate::{
    args::{FromValue, Problem, array, field, is_array, is_null, object},
    arguments::BlockNumberSelector,
};
use alloy_primitives::{Address, B256};
use florin_index::TOPICS_MAX;
use serde_json::value::RawValue;
use std::collections::BTreeSet;

/// Addresses and topics that a filter may name, at all positions together: a search costs their product.
const ALTERNATIVES_MAX: usize = 1_000;

/// Blocks that a filter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogRange {
    /// One block.
    Block(B256),
    /// From and to, both included and both possibly absent.
    Between(Option<BlockNumberSelector>, Option<BlockNumberSelector>),
}

/// Which logs are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFilter {
    pub(crate) range: LogRange,
    pub(crate) addresses: BTreeSet<Address>,
    pub(crate) topics: Vec<BTreeSet<B256>>,
}

impl LogFilter {
    /// All logs of all blocks to come.
    pub(crate) fn everything() -> Self {
        Self { range: LogRange::Between(None, None), addresses: BTreeSet::new(), topics: Vec::new() }
    }
}

impl FromValue for LogFilter {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let fields = object(value)?;
        fields.only(&["fromBlock", "toBlock", "blockHash", "address", "topics"])?;
        let from = field::<BlockNumberSelector>(&fields, "fromBlock")?;
        let to = field::<BlockNumberSelector>(&fields, "toBlock")?;
        let range = match field::<B256>(&fields, "blockHash")? {
            Some(_) if from.is_some() || to.is_some() => {
                return Err(Problem::new(
                    "cannot specify both blockHash and fromBlock/toBlock, choose one or the other",
                ));
            }
            Some(hash) => LogRange::Block(hash),
            None => LogRange::Between(from, to),
        };
        let addresses = fields.get("address").map_or_else(|| Ok(BTreeSet::new()), one_or_many);
        let addresses = addresses.map_err(|problem| problem.inside("address"))?;
        let topics = fields.get("topics").map_or_else(|| Ok(Vec::new()), topics);
        let topics = topics.map_err(|problem| problem.inside("topics"))?;
        bounded(topics.iter().map(BTreeSet::len).fold(addresses.len(), usize::saturating_add))?;
        Ok(Self { range, addresses, topics })
    }
}

fn bounded(alternatives: usize) -> Result<(), Problem> {
    match alternatives {
        0..=ALTERNATIVES_MAX => Ok(()),
        _ => Err(Problem::new(format!("{alternatives} addresses and topics, at most {ALTERNATIVES_MAX} together"))),
    }
}

fn one_or_many<T: FromValue + Ord>(value: &RawValue) -> Result<BTreeSet<T>, Problem> {
    if !is_array(value) {
        return Ok([T::from_value(value)?].into());
    }
    bounded(array(value)?.len())?;
    Ok(Vec::from_value(value)?.into_iter().collect())
}

fn topics(value: &RawValue) -> Result<Vec<BTreeSet<B256>>, Problem> {
    let positions = array(value)?;
    if positions.len() > TOPICS_MAX {
        return Err(Problem::new(format!("{} positions, a log has at most {TOPICS_MAX} topics", positions.len())));
    }
    let any_of = |(position, value): (usize, &RawValue)| {
        // `null` among alternatives means that any topic will do.
        let whatever = is_null(value) || is_array(value) && array(value)?.into_iter().any(is_null);
        if whatever { Ok(BTreeSet::new()) } else { one_or_many(value).map_err(|problem| problem.at(position)) }
    };
    positions.into_iter().enumerate().map(any_of).collect()
}
