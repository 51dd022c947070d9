//! Deciding what a node's answer is worth, from the network's constant key alone.
//!
//! **What is checked.** A header is final: headers chain up to one that a certificate of the committee names. A value
//! is in the state: its proof leads to the state root of such a header. The answer is to what was asked. It is not old:
//! a server that withholds new blocks is found out by the time of the header and by what was seen before.
//!
//! **What is trusted.** The network's key, the chain id and the genesis hash, from the genesis file or another trusted
//! source; and this machine's clock, roughly, for freshness.

use crate::{ClientError, RpcClient};
use alloy_primitives::{Address, B256, U256};
use alloy_rlp::Decodable as _;
use florin_modules::{CallEnv, Context, Failure, query, token};
use florin_proof::{
    CertifiedHeader, FinalityError, FinalityProof, Namespace, NetworkKey, ProofError, StateItem, StateProof, StateValue,
};
use florin_types::{
    Account, BlockError, Bytes, Changeset, Extension, Genesis, Header, Height, Rules, StateFault, StateView,
    wire::{STATE_PROOF_ITEMS_MAX, WireFinality, WireHeader, WireStateItem, WireStateProof},
};
use std::{
    cell::RefCell,
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// Largest RLP of a header; a real one has about 600 bytes.
const HEADER_BYTES_MAX: usize = 2_048;
/// Rounds in which a query may find that it needs more state.
const QUERY_ROUNDS_MAX: usize = 8;
/// How old the latest header may be before the server is taken for stuck or withholding, in milliseconds.
const HEADER_AGE_MS_MAX: u64 = 60_000;

/// Why a server's answer is not shown to be true.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// No proof of finality, or a wrong one.
    #[error("the block is not shown to be final: {0}")]
    Finality(#[from] FinalityError),
    /// A wrong proof of state.
    #[error("the state is not proven: {0}")]
    Proof(#[from] ProofError),
    /// A header or extension that cannot be read.
    #[error("the server's header cannot be read: {reason}; ask another node")]
    Header {
        /// What the decoder met.
        reason: String,
    },
    /// An answer to another question.
    #[error("the server answered about {answered} when asked about {asked}; ask another node")]
    OtherQuestion {
        /// What was asked.
        asked: String,
        /// What the answer is about.
        answered: String,
    },
    /// True once, but old.
    #[error(
        "the server's latest block is {height}, {age_ms} ms old (at most {age_ms_max}); it is stuck or withholds news: ask another node and check this machine's clock"
    )]
    Stale {
        /// Height of the answer.
        height: Height,
        /// Age of its header.
        age_ms: u64,
        /// The bound.
        age_ms_max: u64,
    },
    /// Behind what was seen before.
    #[error("the server's latest block is {height} but {seen} was final before; it is behind: ask another node")]
    Behind {
        /// Height of the answer.
        height: Height,
        /// Highest height seen.
        seen: Height,
    },
    /// A block's transactions or receipts are not those its header commits to.
    #[error(
        "the {list} of block {height} have root {found} but its final header commits to {expected}; ask another node"
    )]
    Body {
        /// The block.
        height: Height,
        /// `transactions` or `receipts`.
        list: &'static str,
        /// Root of what the server gave.
        found: B256,
        /// Root in the header.
        expected: B256,
    },
    /// A query needs more state than one proof may hold.
    #[error("the question needs more than {STATE_PROOF_ITEMS_MAX} pieces of state; ask for less at once")]
    TooMuch,
    /// The proven state does not answer the question.
    #[error("the proven state does not answer: {reason}")]
    Unanswerable {
        /// What the module said.
        reason: String,
    },
}

impl VerifyError {
    /// The permanent code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Finality(error) => error.code(),
            Self::Proof(error) => error.code(),
            Self::Header { .. } => "verify.header",
            Self::OtherQuestion { .. } => "verify.other_question",
            Self::Stale { .. } => "verify.stale",
            Self::Behind { .. } => "verify.behind",
            Self::Body { .. } => "verify.body",
            Self::TooMuch => "verify.too_much",
            Self::Unanswerable { .. } => "verify.unanswerable",
        }
    }
}

/// A header that is final. Only a [`Verifier`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalHeader {
    header: Header,
    extension: Extension,
    hash: B256,
}

impl FinalHeader {
    /// The Ethereum header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the header commits to beside Ethereum's fields.
    pub fn extension(&self) -> &Extension {
        &self.extension
    }

    /// Hash of the block.
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// Height of the block.
    pub fn height(&self) -> Height {
        self.header.number
    }
}

/// Values that are proven to be in the state of a final block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenState {
    /// The block.
    pub header: FinalHeader,
    /// Values, in the order of the items asked for.
    pub values: Vec<(StateItem, StateValue)>,
}

/// Verifies answers about one network. It remembers the highest height that it has seen to be final.
#[derive(Debug)]
pub struct Verifier {
    key: NetworkKey,
    namespace: Namespace,
    age_ms_max: u64,
    height_seen: AtomicU64,
}

impl Verifier {
    /// A verifier for the network with this key, chain id and genesis block, all from a source that you trust.
    pub fn new(key: NetworkKey, chain_id: u64, genesis_hash: B256) -> Self {
        let namespace = Namespace::new(chain_id, genesis_hash);
        Self { key, namespace, age_ms_max: HEADER_AGE_MS_MAX, height_seen: AtomicU64::new(0) }
    }

    /// A verifier for the network of a genesis file whose block hashes to `genesis_hash`.
    pub fn from_genesis(genesis: &Genesis, genesis_hash: B256) -> Result<Self, VerifyError> {
        let key = NetworkKey::from_threshold_public(&genesis.threshold_public)?;
        Ok(Self::new(key, genesis.chain_id, genesis_hash))
    }

    /// Changes how old the latest state may be, in milliseconds (60 s by default).
    pub fn with_age_ms_max(self, age_ms_max: u64) -> Self {
        Self { age_ms_max, ..self }
    }

    /// Checks that the answer makes the block at `height` final.
    pub fn check_finality(&self, height: Height, answer: &WireFinality) -> Result<FinalHeader, VerifyError> {
        let headers: Vec<CertifiedHeader> = answer.headers.iter().map(read_header).collect::<Result<_, _>>()?;
        let proof = FinalityProof { headers, certificate: answer.certificate.clone() };
        let CertifiedHeader { header, extension } = proof.verify(&self.key, &self.namespace)?.clone();
        if header.number != height || answer.height != height {
            let answered = format!("block {} (labelled {})", header.number, answer.height);
            return Err(VerifyError::OtherQuestion { asked: format!("block {height}"), answered });
        }
        let hash = header.hash_slow();
        Ok(FinalHeader { header, extension, hash })
    }

    /// Checks that the answer proves `items`, in a block that is final, fresh at `now_ms` and not before what was seen.
    pub fn check_state(
        &self,
        items: &[StateItem],
        answer: &WireStateProof,
        now_ms: u64,
    ) -> Result<ProvenState, VerifyError> {
        let header = self.check_finality(answer.finality.height, &answer.finality)?;
        let values = StateProof::from_bytes(&answer.proof)?.verify(header.header.state_root)?;
        let answered: Vec<StateItem> = values.iter().map(|(item, _)| *item).collect();
        if answered != items {
            let (asked, answered) = (format!("{items:?}"), format!("{answered:?}"));
            return Err(VerifyError::OtherQuestion { asked, answered });
        }
        self.check_fresh(&header, now_ms)?;
        Ok(ProvenState { header, values })
    }

    /// Remembers that `height` is final; returns the highest height known before.
    pub(crate) fn note_final(&self, height: Height) -> Height {
        self.height_seen.fetch_max(height, Ordering::Relaxed)
    }

    fn check_fresh(&self, header: &FinalHeader, now_ms: u64) -> Result<(), VerifyError> {
        let height = header.height();
        let seen = self.note_final(height);
        if height < seen {
            return Err(VerifyError::Behind { height, seen });
        }
        let age_ms = now_ms.saturating_sub(header.extension.timestamp_ms);
        if age_ms > self.age_ms_max {
            return Err(VerifyError::Stale { height, age_ms, age_ms_max: self.age_ms_max });
        }
        Ok(())
    }

    /// The final header at `height`, or `None` if the node has none yet.
    pub async fn final_header(&self, rpc: &RpcClient, height: Height) -> Result<Option<FinalHeader>, ClientError> {
        let answer = rpc.finality(height).await?;
        Ok(answer.map(|answer| self.check_finality(height, &answer)).transpose()?)
    }

    /// Proven values of accounts and slots in the node's latest final state.
    pub async fn prove(&self, rpc: &RpcClient, items: &[StateItem]) -> Result<ProvenState, ClientError> {
        if items.len() > STATE_PROOF_ITEMS_MAX {
            return Err(VerifyError::TooMuch.into());
        }
        let asked: Vec<WireStateItem> = items.iter().map(wire_item).collect::<Result<_, _>>()?;
        let answer = rpc.state_proof(&asked).await?;
        Ok(self.check_state(items, &answer, now_ms())?)
    }

    /// The proven account at `address`; `None` if it is proven that there is none.
    pub async fn account(
        &self,
        rpc: &RpcClient,
        address: Address,
    ) -> Result<(FinalHeader, Option<Account>), ClientError> {
        let proven = self.prove(rpc, &[StateItem::Account(address)]).await?;
        let account = match proven.values.first() {
            Some((_, StateValue::Account(account))) => *account,
            other => return Err(unanswerable(format!("an account was asked for, the proof is of {other:?}")).into()),
        };
        Ok((proven.header, account))
    }

    /// The proven balance of `holder` in minor units of the token at `token`.
    pub async fn token_balance(
        &self,
        rpc: &RpcClient,
        token: Address,
        holder: Address,
    ) -> Result<(FinalHeader, u128), ClientError> {
        self.query(rpc, |context| token::balance_of(context, token, holder)).await
    }

    /// Runs a module's own reading function here, over proven state only. What it reads is found out by running it:
    /// each round proves all that was missed so far, in one block.
    pub async fn query<T>(
        &self,
        rpc: &RpcClient,
        read: impl Fn(&mut Context<'_>) -> Result<T, Failure>,
    ) -> Result<(FinalHeader, T), ClientError> {
        let mut items = BTreeSet::new();
        let mut proven: Option<ProvenState> = None;
        for _ in 0..QUERY_ROUNDS_MAX {
            let view = ProvenView { proven: proven.as_ref(), missed: RefCell::default() };
            let outcome = query(&view, CallEnv::reader(&Rules::default()), &read);
            let missed = view.missed.into_inner();
            if let (true, Some(proven)) = (missed.is_empty(), proven) {
                return outcome.map(|value| (proven.header, value)).map_err(|failure| {
                    let reason = format!("{failure:?}");
                    unanswerable(reason).into()
                });
            }
            items.extend(missed);
            let all: Vec<StateItem> = items.iter().copied().collect();
            proven = Some(self.prove(rpc, &all).await?);
        }
        Err(VerifyError::TooMuch.into())
    }
}

/// A view that knows proven values only, and notes down what it was asked beyond them.
struct ProvenView<'a> {
    proven: Option<&'a ProvenState>,
    missed: RefCell<BTreeSet<StateItem>>,
}

impl ProvenView<'_> {
    fn value(&self, item: StateItem) -> Option<&StateValue> {
        let known = self.proven.and_then(|proven| proven.values.iter().find(|(other, _)| *other == item));
        if known.is_none() {
            self.missed.borrow_mut().insert(item);
        }
        known.map(|(_, value)| value)
    }
}

impl StateView for ProvenView<'_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateFault> {
        match self.value(StateItem::Account(address)) {
            Some(StateValue::Account(account)) => Ok(*account),
            _ => Ok(None),
        }
    }

    fn slot(&self, address: Address, slot: U256) -> Result<U256, StateFault> {
        match self.value(StateItem::Slot(address, slot)) {
            Some(StateValue::Slot(value)) => Ok(*value),
            _ => Ok(U256::ZERO),
        }
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, StateFault> {
        // Modules read no code.
        Changeset::default().code(code_hash)
    }
}

fn unanswerable(reason: String) -> VerifyError {
    VerifyError::Unanswerable { reason }
}

fn wire_item(item: &StateItem) -> Result<WireStateItem, VerifyError> {
    match *item {
        StateItem::Account(address) => Ok(WireStateItem { address, slot: None }),
        StateItem::Slot(address, slot) => Ok(WireStateItem { address, slot: Some(slot) }),
        StateItem::Code(hash) => Err(unanswerable(format!("code {hash} is shown by its hash, not by a proof"))),
    }
}

fn read_header(wire: &WireHeader) -> Result<CertifiedHeader, VerifyError> {
    let wrong = |reason: String| VerifyError::Header { reason };
    if wire.header.len() > HEADER_BYTES_MAX {
        return Err(wrong(format!("{} bytes, at most {HEADER_BYTES_MAX}", wire.header.len())));
    }
    let mut rest = wire.header.as_ref();
    let header = Header::decode(&mut rest).map_err(|error| wrong(error.to_string()))?;
    if !rest.is_empty() {
        return Err(wrong(format!("{} bytes follow it", rest.len())));
    }
    let extension = Extension::decode(&wire.extension).map_err(|error: BlockError| wrong(error.to_string()))?;
    Ok(CertifiedHeader { header, extension })
}

fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
