//! The filter object of `eth_getLogs`, `eth_newFilter` and `eth_subscribe("logs")`.

use crate::{
    args::{FromValue, Problem, array, field, object},
    arguments::BlockNumberSelector,
};
use alloy_primitives::{Address, B256};
use serde_json::Value;

/// Addresses, or topics at one position, that a filter may name.
const ALTERNATIVES_MAX: usize = 1_000;
/// Positions of topics. Source: Ethereum yellow paper, LOG4.
const TOPICS_MAX: usize = 4;

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
    pub(crate) addresses: Vec<Address>,
    pub(crate) topics: Vec<Vec<B256>>,
}

impl LogFilter {
    /// All logs of all blocks to come.
    pub(crate) fn everything() -> Self {
        Self { range: LogRange::Between(None, None), addresses: Vec::new(), topics: Vec::new() }
    }
}

impl FromValue for LogFilter {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        let fields = object(value)?;
        let from = field::<BlockNumberSelector>(fields, "fromBlock")?;
        let to = field::<BlockNumberSelector>(fields, "toBlock")?;
        let range = match field::<B256>(fields, "blockHash")? {
            Some(_) if from.is_some() || to.is_some() => {
                return Err(Problem::new(
                    "cannot specify both blockHash and fromBlock/toBlock, choose one or the other",
                ));
            }
            Some(hash) => LogRange::Block(hash),
            None => LogRange::Between(from, to),
        };
        let addresses = match fields.get("address") {
            None | Some(Value::Null) => Vec::new(),
            Some(value) => one_or_many(value).map_err(|problem| problem.inside("address"))?,
        };
        let topics = match fields.get("topics") {
            None | Some(Value::Null) => Vec::new(),
            Some(value) => topics(value).map_err(|problem| problem.inside("topics"))?,
        };
        Ok(Self { range, addresses, topics })
    }
}

fn one_or_many<T: FromValue>(value: &Value) -> Result<Vec<T>, Problem> {
    let Some(list) = value.as_array() else { return Ok(vec![T::from_value(value)?]) };
    if list.len() > ALTERNATIVES_MAX {
        return Err(Problem::new(format!("{} alternatives, at most {ALTERNATIVES_MAX}", list.len())));
    }
    Vec::from_value(value)
}

fn topics(value: &Value) -> Result<Vec<Vec<B256>>, Problem> {
    let positions = array(value)?;
    if positions.len() > TOPICS_MAX {
        return Err(Problem::new(format!("{} positions, a log has at most {TOPICS_MAX} topics", positions.len())));
    }
    positions
        .iter()
        .enumerate()
        .map(|(position, value)| match value {
            Value::Null => Ok(Vec::new()),
            // `null` among alternatives means that any topic will do.
            Value::Array(any) if any.iter().any(Value::is_null) => Ok(Vec::new()),
            value => one_or_many(value).map_err(|problem| problem.at(position)),
        })
        .collect()
}
