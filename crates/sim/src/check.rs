//! What must hold after every run, and what a broken rule looks like.

use crate::{
    cluster::Cluster,
    workload::{CHAIN_ID, START_BALANCE, TOKEN, Workload},
};
use alloy_primitives::{Address, B256, Bytes, Log, U256, keccak256};
use florin_consensus::Node;
use florin_execution::{BlockEnv, CallLimits, CallStatus, Overrides, TransactionRequest};
use florin_proof::{Namespace, NetworkKey};
use florin_state::{FinalizedBlock, with_view};
use florin_types::{Genesis, Height, Rules};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A rule that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Two nodes have different blocks at one height.
    #[error("machine {machine} has block {found} at height {height} where another has {expected}")]
    Fork {
        /// The machine.
        machine: usize,
        /// The height.
        height: Height,
        /// Hash there.
        found: B256,
        /// Hash elsewhere.
        expected: B256,
    },
    /// A machine lost blocks that it had.
    #[error("machine {machine} stands at height {found} but stood at {expected} before")]
    Lost {
        /// The machine.
        machine: usize,
        /// Height now.
        found: Height,
        /// Height before.
        expected: Height,
    },
    /// A machine did not catch up although all was well again.
    #[error("machine {machine} still stands at height {found} while another is at {expected}")]
    Behind {
        /// The machine.
        machine: usize,
        /// Its height.
        found: Height,
        /// The highest of all.
        expected: Height,
    },
    /// A node ended, or did not start, although its machine gave it no reason.
    #[error("machine {machine} ended by itself: {reason}")]
    Ended {
        /// The machine.
        machine: usize,
        /// What the node said.
        reason: String,
    },
    /// An honest machine took another honest one for a liar.
    #[error("machine {by} blocks machine {machine}, and both are honest")]
    Blocked {
        /// Who refuses to talk.
        by: usize,
        /// To whom.
        machine: usize,
    },
    /// A machine has evidence against an honest one, or evidence that is none.
    #[error("machine {by} has evidence against {accused}: {reason}")]
    Evidence {
        /// Who keeps it.
        by: usize,
        /// Node key of the accused.
        accused: B256,
        /// What is wrong with it.
        reason: String,
    },
    /// A node says something else of the committee than it should.
    #[error("machine {machine}, the committee of epoch {epoch}: {reason}")]
    Committee {
        /// The machine.
        machine: usize,
        /// The epoch.
        epoch: u64,
        /// What is wrong.
        reason: String,
    },
    /// A stored certificate does not verify under the genesis file's key.
    #[error("machine {machine}, the certificate of block {height}: {reason}")]
    Certificate {
        /// The machine.
        machine: usize,
        /// The block.
        height: Height,
        /// What is wrong.
        reason: String,
    },
    /// The searchable history says something else than the chain.
    #[error("the index: {0}")]
    History(String),
    /// The chain, executed once more, gives another state, or is refused.
    #[error("executed once more: {0}")]
    Replay(String),
    /// A transaction was accepted but never became final.
    #[error("{count} of the accepted transactions were never final, the first is {first}")]
    NeverFinal {
        /// How many.
        count: usize,
        /// One of them.
        first: B256,
    },
    /// A transaction stands in two final blocks.
    #[error("transaction {0} is final twice")]
    Twice(B256),
    /// Events and state tell different stories.
    #[error("{holder} holds {state} by the state but {events} by the events")]
    Balance {
        /// The account.
        holder: Address,
        /// Balance in the state.
        state: U256,
        /// Balance rebuilt from events.
        events: U256,
    },
    /// Money appeared or vanished.
    #[error("{what}: {found} instead of {expected}")]
    Supply {
        /// What was added up.
        what: &'static str,
        /// Sum.
        found: U256,
        /// What it must be.
        expected: U256,
    },
    /// An invariant of a native module does not hold on the state after a block.
    #[error("after block {height}: invariant {invariant} does not hold: {found}")]
    Invariant {
        /// The block.
        height: Height,
        /// Name of the invariant, such as `token.supply_is_sum`.
        invariant: &'static str,
        /// Values that contradict it.
        found: String,
    },
    /// The chain went on although too few machines were there, or stood still although enough were.
    #[error("{0}")]
    Progress(String),
    /// The scenario itself makes no sense, so nothing was checked.
    #[error("{0}")]
    Scenario(String),
    /// Something could not be read.
    #[error("{0}")]
    Unreadable(String),
}

/// The final chain as all running nodes have it, checked height by height.
pub(crate) async fn agreed_chain(cluster: &Cluster) -> Result<Vec<Arc<FinalizedBlock>>, Violation> {
    let mut chain: Vec<Arc<FinalizedBlock>> = Vec::new();
    // Those that keep every block come first: what they have is what the others are held against.
    let mut nodes: Vec<_> = cluster.nodes().collect();
    nodes.sort_by_key(|(machine, node)| (node.ledger().oldest_block(), *machine));
    for (machine, node) in nodes {
        let head = node.ledger().head().block.height();
        let oldest = node.ledger().oldest_block();
        if oldest > chain.len() as Height {
            return Err(Violation::Unreadable(format!("nobody keeps the blocks from {} to {oldest}", chain.len())));
        }
        for height in oldest..=head {
            let block = block_at(node, height).await?;
            match chain.get(height as usize) {
                None => chain.push(block),
                Some(known) if known.block.hash() == block.block.hash() && known.receipts == block.receipts => {}
                Some(known) => {
                    let (found, expected) = (block.block.hash(), known.block.hash());
                    return Err(Violation::Fork { machine, height, found, expected });
                }
            }
        }
    }
    Ok(chain)
}

pub(crate) async fn block_at(node: &Node, height: Height) -> Result<Arc<FinalizedBlock>, Violation> {
    let block = node.ledger().block(height).await;
    let block = block.map_err(|error| Violation::Unreadable(error.to_string()))?;
    block.ok_or_else(|| Violation::Unreadable(format!("block {height} is missing below the head")))
}

/// Every accepted transaction stands in the chain, exactly once.
pub(crate) fn all_final(chain: &[Arc<FinalizedBlock>], accepted: &BTreeSet<B256>) -> Result<(), Violation> {
    let mut found = BTreeSet::new();
    for tx in chain.iter().flat_map(|block| block.block.transactions()) {
        if !found.insert(*tx.tx_hash()) {
            return Err(Violation::Twice(*tx.tx_hash()));
        }
    }
    let mut missing = accepted.difference(&found);
    match missing.next() {
        Some(first) => Err(Violation::NeverFinal { count: missing.count() + 1, first: *first }),
        None => Ok(()),
    }
}

/// Balances rebuilt from genesis and the events of all receipts.
pub(crate) fn balances_from_events(
    chain: &[Arc<FinalizedBlock>],
    start: BTreeMap<Address, U256>,
) -> Result<BTreeMap<Address, U256>, Violation> {
    let mut balances = start;
    let logs = chain.iter().flat_map(|block| block.receipts.iter()).flat_map(|receipt| receipt.logs().iter());
    for log in logs.filter(|log| log.address == TOKEN) {
        for (from, to, amount) in movements(log)? {
            let paid = balances.entry(from).or_default();
            *paid = paid.checked_sub(amount).ok_or(Violation::Supply {
                what: "an event moves more than its payer had",
                found: amount,
                expected: *paid,
            })?;
            *balances.entry(to).or_default() += amount;
        }
    }
    Ok(balances)
}

/// Who paid whom how much, by one event. Read from its bytes as `specs/token.md` has them, not with the core's code.
fn movements(log: &Log) -> Result<Vec<(Address, Address, U256)>, Violation> {
    let unreadable = |what: &str| Violation::Unreadable(format!("{what} in {log:?}"));
    let parties: Vec<Address> = log.topics().iter().skip(1).map(|topic| Address::from_word(*topic)).collect();
    let word = |bytes: &[u8]| U256::try_from_be_slice(bytes).and_then(|value| usize::try_from(value).ok());
    // A dynamic value of the event: an offset, there a length, then the bytes.
    let bytes = |place: usize| -> Option<&[u8]> {
        let offset = word(log.data.data.get(place * 32..place * 32 + 32)?)?;
        let length = word(log.data.data.get(offset..offset + 32)?)?;
        log.data.data.get(offset + 32..offset + 32 + length)
    };
    match (log.topics().first(), parties.as_slice()) {
        (Some(topic), [from, to]) if *topic == keccak256("Transfer(address,address,uint256)") => {
            Ok(vec![(*from, *to, U256::from_be_slice(&log.data.data))])
        }
        (Some(topic), [from, ..]) if *topic == keccak256("BatchTransfer(address,bytes,bytes)") => {
            let (items, results) = bytes(0).zip(bytes(1)).ok_or_else(|| unreadable("no items"))?;
            let (items, rest) = items.as_chunks::<40>();
            if !rest.is_empty() || items.len() != results.len() {
                return Err(unreadable("items without results"));
            }
            let settled = items.iter().zip(results).filter(|(_, result)| **result == 0);
            let item = |(item, _): (&[u8; 40], &u8)| {
                (*from, Address::from_slice(&item[..20]), U256::from_be_slice(&item[20..32]))
            };
            Ok(settled.map(item).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// State, events and supply tell the same story on this node.
pub(crate) async fn money_is_conserved(
    node: &Node,
    chain: &[Arc<FinalizedBlock>],
    workload: &Workload,
) -> Result<(), Violation> {
    let holders: Vec<Address> = workload.addresses().collect();
    let start = holders.iter().map(|holder| (*holder, U256::from(START_BALANCE))).collect();
    let events = balances_from_events(chain, start)?;
    let expected = U256::from(START_BALANCE) * U256::from(holders.len());
    let head = node.ledger().head();
    let reader = node.ledger().state(head.block.height()).await;
    let reader = reader.map_err(|error| Violation::Unreadable(error.to_string()))?;
    let (rules, env) = (node.genesis().rules.at(head.block.height()).clone(), BlockEnv::of(&head.block));
    let (tokens, native, supply) = with_view(reader, move |view| -> Result<_, String> {
        let tokens = holders
            .iter()
            .map(|holder| Ok((*holder, ask(view, &rules, &env, balance_of(*holder))?)))
            .collect::<Result<Vec<_>, String>>()?;
        let native = holders.iter().try_fold(U256::ZERO, |sum, holder| {
            let account = view.account(*holder).map_err(|fault| fault.to_string())?;
            Ok::<_, String>(sum + account.map_or(U256::ZERO, |account| account.balance))
        })?;
        let supply = ask(view, &rules, &env, Bytes::copy_from_slice(&keccak256("totalSupply()")[..4]))?;
        Ok((tokens, native, supply))
    })
    .await
    .map_err(Violation::Unreadable)?;
    for (holder, state) in &tokens {
        let events = events.get(holder).copied().unwrap_or_default();
        if events != *state {
            return Err(Violation::Balance { holder: *holder, state: *state, events });
        }
    }
    let held = tokens.iter().map(|(_, balance)| *balance).sum();
    let sums = [("tokens held", held), ("native units held", native), ("total supply", supply)];
    match sums.into_iter().find(|(_, found)| *found != expected) {
        Some((what, found)) => Err(Violation::Supply { what, found, expected }),
        None => Ok(()),
    }
}

fn balance_of(holder: Address) -> Bytes {
    [&keccak256("balanceOf(address)")[..4], holder.into_word().as_slice()].concat().into()
}

/// Asks the token a question that is answered with one number.
fn ask(view: &dyn florin_types::StateView, rules: &Rules, env: &BlockEnv, input: Bytes) -> Result<U256, String> {
    let request = TransactionRequest::default().to(TOKEN).input(input.into());
    let outcome =
        florin_execution::call(view, CHAIN_ID, rules, env, &request, &Overrides::default(), &CallLimits::default());
    match outcome.map_err(|error| error.to_string())?.status {
        CallStatus::Success(output) => Ok(U256::from_be_slice(&output)),
        other => Err(format!("the token answered {other:?}")),
    }
}

/// Every certificate that a node has kept verifies under the public key of the genesis file, whoever signed it.
pub(crate) async fn certificates_verify(machine: usize, node: &Node, genesis: &Genesis) -> Result<(), Violation> {
    let unreadable = |error: String| Violation::Unreadable(error);
    let key = NetworkKey::from_threshold_public(&genesis.threshold_public).map_err(|e| unreadable(e.to_string()))?;
    let namespace = Namespace::new(genesis.chain_id, node.genesis_hash());
    let ledger = node.ledger();
    for height in ledger.oldest_block().max(1)..=ledger.head().block.height() {
        let proof = ledger.certificate(height).await.map_err(|error| unreadable(error.to_string()))?;
        // The newest block may be final through a vote that has not arrived here.
        let Some(proof) = proof else { continue };
        if let Err(error) = proof.verify(&key, &namespace) {
            return Err(Violation::Certificate { machine, height, reason: error.to_string() });
        }
    }
    Ok(())
}

/// Longest time between two blocks after the first.
pub(crate) fn longest_pause_ms(chain: &[Arc<FinalizedBlock>]) -> u64 {
    let times = chain.iter().skip(1).map(|block| block.block.timestamp_ms()).collect::<Vec<_>>();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}
