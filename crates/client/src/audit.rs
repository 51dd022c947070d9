//! The modules' invariants on a ledger that runs.
//!
//! **How.** The predicates are those that the simulation checks after every block. They run here, over the state of one
//! final block: all reads name that block's hash, so what is compared belongs together however fast the ledger goes on.
//! What they read is found out by running them: each round fetches everything that the one before missed, until nothing
//! is missing. Balances, payments and trades are rebuilt from the events of every block since genesis.
//!
//! **Trust.** Which block is final at the height is shown by its certificate. What the node says of its state and
//! events is its word: an operator asks a node of its own. `florin inspect` checks the directory of a stopped node
//! without any word.
//!
//! **Limits.** A million slots, ten thousand rounds; the node must still keep the state of that height.

use crate::{ClientError, RpcClient, Verifier, VerifyError};
use alloy_primitives::{Address, B256, Bytes, Log, U256};
use florin_modules::{
    CallEnv, Context, Failure,
    invariants::{Books, Violation},
    query, token_address,
};
use florin_types::{Account, Changeset, Genesis, Height, StateFault, StateView};
use serde_json::json;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Most slots that one audit reads.
const SLOTS_MAX: usize = 1_000_000;
/// Most rounds of one audit: a chain of slots that name one another takes a round for each link.
const ROUNDS_MAX: usize = 10_000;
/// Blocks whose events are asked for at once. A node that finds too many answers so, and is asked for half.
const EVENT_BLOCKS: u64 = 2_000;
/// How often the certificate of a block is asked for, and the pause between.
const CERTIFICATE_TRIES: usize = 100;
const CERTIFICATE_PAUSE: Duration = Duration::from_millis(100);
/// JSON-RPC code with which a node says that an answer would exceed its limits (EIP-1474).
const LIMIT_EXCEEDED: i64 = -32005;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Height of the state that was checked.
    pub height: Height,
    /// Hash of its block, final by its certificate.
    pub block_hash: B256,
    /// Currencies with a balance.
    pub tokens: usize,
    /// Balances, over all currencies.
    pub holders: usize,
    /// Events that were read.
    pub events: u64,
    /// Slots that were read.
    pub slots: usize,
    /// Invariants that do not hold; empty if all do.
    pub violations: Vec<Violation>,
}

/// Checks every invariant of every module in the state of the final block at `height`, the latest if `None`.
pub async fn audit(
    rpc: &RpcClient,
    verifier: &Verifier,
    genesis: &Genesis,
    height: Option<Height>,
) -> Result<Audit, ClientError> {
    let height = match height {
        Some(height) => height,
        None => rpc.block_number().await?,
    };
    let block_hash = final_hash(rpc, verifier, height).await?;
    let (books, events) = match books(rpc, genesis, height).await? {
        Ok(read) => read,
        // The events contradict themselves: there is nothing to hold the state against.
        Err((events, violation)) => {
            let violations = vec![violation];
            return Ok(Audit { height, block_hash, tokens: 0, holders: 0, events, slots: 0, violations });
        }
    };
    let rules = genesis.rules.at(height);
    let mut state = StateAt { rpc, block_hash, known: BTreeMap::new() };
    let violations = state.read(|view| query(view, CallEnv::reader(rules), |context| checked(&books, context))).await?;
    let balances = &books.balances;
    let tokens = balances.tokens();
    let holders = tokens.iter().map(|token| balances.holders(*token).len()).sum();
    Ok(Audit { height, block_hash, tokens: tokens.len(), holders, events, slots: state.known.len(), violations })
}

fn checked(books: &Books, context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
    books.check(context)
}

async fn final_hash(rpc: &RpcClient, verifier: &Verifier, height: Height) -> Result<B256, ClientError> {
    let missing = |what: &str| VerifyError::Unanswerable { reason: format!("the server has no {what} {height}") };
    if height == 0 {
        // Nobody certifies genesis; which one it is was settled when the network was opened.
        return Ok(rpc.block(height).await?.ok_or_else(|| missing("block"))?.hash);
    }
    // The latest block may be final through a descendant, some moments before its certificate is here.
    for _ in 0..CERTIFICATE_TRIES {
        if let Some(header) = verifier.final_header(rpc, height).await? {
            return Ok(header.hash());
        }
        tokio::time::sleep(CERTIFICATE_PAUSE).await;
    }
    Err(missing("certificate of block").into())
}

type Read = Result<(Books, u64), (u64, Violation)>;

/// The books at `height`, and the number of events in them; or the event that contradicts those before.
async fn books(rpc: &RpcClient, genesis: &Genesis, height: Height) -> Result<Read, ClientError> {
    let mut books = Books::default();
    for (index, token) in (1u64..).zip(&genesis.tokens) {
        for (account, minor) in &token.balances {
            books.balances.credit_genesis(token_address(index), *account, *minor);
        }
    }
    let (mut from, mut blocks, mut events) = (1, EVENT_BLOCKS, 0u64);
    while from <= height {
        let to = from.saturating_add(blocks - 1).min(height);
        let logs = match logs(rpc, from, to).await {
            Err(ClientError::Refused { code: LIMIT_EXCEEDED, .. }) if to > from => {
                blocks = (to - from + 1).div_ceil(2);
                continue;
            }
            read => read?,
        };
        for log in &logs {
            events += 1;
            if let Err(violation) = books.apply(log) {
                return Ok(Err((events, violation)));
            }
        }
        from = to + 1;
    }
    Ok(Ok((books, events)))
}

async fn logs(rpc: &RpcClient, from: Height, to: Height) -> Result<Vec<Log>, ClientError> {
    let filter = json!([{ "fromBlock": U256::from(from), "toBlock": U256::from(to) }]);
    let logs: Vec<alloy_rpc_types_eth::Log> = rpc.call("eth_getLogs", filter).await?;
    Ok(logs.into_iter().map(|log| log.inner).collect())
}

/// The storage of one block, as far as it was read.
struct StateAt<'a> {
    rpc: &'a RpcClient,
    block_hash: B256,
    known: BTreeMap<(Address, U256), U256>,
}

impl StateAt<'_> {
    /// Runs `read` until it reads nothing that is not known, and gives what it answered then.
    async fn read<T>(&mut self, read: impl Fn(&dyn StateView) -> Result<T, Failure>) -> Result<T, ClientError> {
        for _ in 0..ROUNDS_MAX {
            let view = NotingView { known: &self.known, missed: RefCell::default() };
            let outcome = read(&view);
            let missed: Vec<_> = view.missed.into_inner().into_iter().collect();
            if missed.is_empty() {
                let failed = |failure: Failure| VerifyError::Unanswerable { reason: failure.to_string() };
                return Ok(outcome.map_err(failed)?);
            }
            if self.known.len() + missed.len() > SLOTS_MAX {
                break;
            }
            self.fetch(&missed).await?;
        }
        let reason = format!("more than {SLOTS_MAX} slots or {ROUNDS_MAX} rounds of reading would be needed");
        Err(VerifyError::Unanswerable { reason }.into())
    }

    async fn fetch(&mut self, slots: &[(Address, U256)]) -> Result<(), ClientError> {
        const METHOD: &str = "eth_getStorageAt";
        let at = json!({ "blockHash": self.block_hash });
        let calls: Vec<_> = slots.iter().map(|(address, slot)| (METHOD, json!([address, slot, at]))).collect();
        for (key, answer) in slots.iter().zip(self.rpc.batch(&calls).await?) {
            let value: B256 = serde_json::from_value(answer?)
                .map_err(|error| ClientError::Malformed { method: METHOD.into(), reason: error.to_string() })?;
            self.known.insert(*key, value.into());
        }
        Ok(())
    }
}

/// Knows some slots, takes the others for zero, and notes them down.
struct NotingView<'a> {
    known: &'a BTreeMap<(Address, U256), U256>,
    missed: RefCell<BTreeSet<(Address, U256)>>,
}

impl StateView for NotingView<'_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateFault> {
        // Invariants are about slots. A predicate that asked for an account would be told nonsense here.
        Err(StateFault(format!("an invariant asked for account {address}, of which an audit knows nothing")))
    }

    fn slot(&self, address: Address, slot: U256) -> Result<U256, StateFault> {
        let known = self.known.get(&(address, slot)).copied();
        if known.is_none() {
            self.missed.borrow_mut().insert((address, slot));
        }
        Ok(known.unwrap_or_default())
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, StateFault> {
        Changeset::default().code(code_hash)
    }
}
