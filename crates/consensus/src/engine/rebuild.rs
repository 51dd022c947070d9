//! A node's storage made from blocks that somebody kept, with or without the state at the first of them: for `florin restore`
//! and `florin backup verify`.
//!
//! The blocks go the way that they go on a node that catches up: marshal takes them with their certificates, Stateful executes
//! them, the ledger records them. So what stands on the disk afterwards is what a node leaves behind, and a block whose
//! execution gives anything but what its header says is a fault. What is missing is agreement: nothing is voted for, nobody
//! is connected, and no vote journal is made.
//!
//! **Beginning with a state.** A certified block and the state after it are placed as on a node that joins (`joining`), from a
//! file instead of from peers: the engine checks every part against that block before it stores it, and the ledger begins there.
//!
//! **Crashes.** As with a node: what was recorded stays, and going on begins after the ledger's head. A state that was placed
//! only in part is of no use, and noticed: parts have their places in a whole, and none in the rest of one.

use super::{Changing, Starting, first_to_end};
use crate::{
    block::EngineBlock,
    config::NodeConfig,
    engine::StartError,
    joining::given::{Given, StateParts},
    node::shared,
    runtime::Context,
    votes::{Finalization, of_engine},
};
use alloy_primitives::B256;
use commonware_actor::{Feedback, Unreliable};
use commonware_consensus::{
    Reporter as _,
    simplex::types::Activity,
    types::{Epoch, Round, View},
};
use commonware_cryptography::{Digested, Digestible as _, ed25519::PublicKey};
use commonware_p2p::{
    Address, AddressableManager, AddressableTrackedPeers, BlockedSubscription, Blocker, CheckedSender, LimitedSender,
    Message, PeerSetSubscription, PeerSetUpdate, Provider, Receiver, Recipients, TrackedPeers,
};
use commonware_runtime::{Clock as _, IoBufs, Spawner as _, Supervisor as _};
use commonware_utils::{
    NZUsize,
    channel::{mpsc, oneshot, ring},
    ordered::{Map, Set},
};
use florin_proof::{Namespace, NetworkKey, StateItem, decode_finalization, verify_finality};
use florin_state::{Ledger, LedgerError, ProvenState, Subscription};
use florin_types::{Address as Account, Bytes, Height};
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use std::{
    convert::Infallible,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Blocks that are handed over before the first of them is recorded.
const AHEAD_MAX: u64 = 16;
/// Time between two looks at whether the state stands where the ledger does.
const PAUSE: Duration = Duration::from_millis(20);

/// Why a block is not taken into the storage.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RebuildError {
    /// The storage does not open.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What was recorded cannot be read back.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The bytes are no block.
    #[error("the bytes that should be block {height} are no block of this ledger")]
    Malformed {
        /// Height that comes next.
        height: Height,
    },
    /// The block does not follow the one before it.
    #[error("block {height} with parent {parent} does not follow block {last} ({last_hash})")]
    Order {
        /// Height of the block.
        height: Height,
        /// Parent that it names.
        parent: B256,
        /// Height of the block before.
        last: Height,
        /// Hash of the block before.
        last_hash: B256,
    },
    /// The certificate does not make the block final.
    #[error("the certificate of block {height}: {reason}")]
    Certificate {
        /// Height of the block.
        height: Height,
        /// What is wrong.
        reason: String,
    },
    /// The state with which the storage was to begin is not whole.
    #[error("the state: {0}")]
    State(String),
    /// An earlier call was interrupted while it placed the state.
    #[error("the state was placed only in part: begin anew in an empty directory")]
    HalfPlaced,
    /// A part of the engine ended.
    #[error("the engine ended by itself: {0}")]
    Ended(Arc<str>),
}

impl RebuildError {
    /// Permanent code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Start(_) => "rebuild.start",
            Self::Ledger(error) => error.code(),
            Self::Malformed { .. } => "rebuild.malformed",
            Self::Order { .. } => "rebuild.order",
            Self::Certificate { .. } => "rebuild.certificate",
            Self::State(_) => "rebuild.state",
            Self::HalfPlaced => "rebuild.half_placed",
            Self::Ended(_) => "rebuild.ended",
        }
    }
}

/// The state after a block, for a storage that begins with it instead of with genesis.
pub struct StateBeginning {
    /// The block, encoded.
    pub block: Bytes,
    /// Its own certificate, encoded.
    pub certificate: Bytes,
    /// The parts of the state, in their order.
    pub parts: StateParts,
}

impl std::fmt::Debug for StateBeginning {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("StateBeginning").finish_non_exhaustive()
    }
}

/// A storage that is being made.
pub struct Rebuild {
    trust: (NetworkKey, Namespace),
    ledger: Ledger,
    marshal: crate::application::Marshal,
    recorded: Subscription,
    recorded_height: Height,
    /// Height and hash of the last block that was handed over.
    last: (Height, B256),
    /// Whether it is final by what was handed over.
    certified: bool,
    ended: Shared<BoxFuture<'static, Arc<str>>>,
    context: Context,
    _alone: Alone,
}

/// Opens the storage of `config` (key and share in it do not matter), or goes on with one that an earlier call began. One that
/// is new begins with `beginning`, if there is one; it is not looked at where a storage begins already.
pub fn rebuild(
    context: Context,
    config: NodeConfig,
    beginning: Option<StateBeginning>,
) -> BoxFuture<'static, Result<Rebuild, RebuildError>> {
    Box::pin(open(context, config, beginning))
}

async fn open(
    context: Context,
    config: NodeConfig,
    beginning: Option<StateBeginning>,
) -> Result<Rebuild, RebuildError> {
    let (mut starting, archives, mut plan) = Starting::open(context.child("rebuild"), config).await?;
    if plan.floor().is_some() {
        return Err(RebuildError::HalfPlaced);
    }
    let trust = trust(&starting)?;
    let alone = Alone::default();
    let buffer = starting.disseminate(alone.clone(), (alone.clone(), Silence));
    let missing = starting.backfill(alone.clone(), alone.clone(), (alone.clone(), Silence));
    let mut state = starting.state_source(alone.clone(), alone.clone(), (alone.clone(), Silence));
    let mut placing = None;
    if let Some(beginning) = beginning.filter(|_| plan.may_sync()) {
        let malformed = || RebuildError::State("what should be its block is no block of this ledger".into());
        let block = EngineBlock::from_encoding(beginning.block.0).ok_or_else(malformed)?;
        let finalization = check(&trust, &block, &beginning.certificate)?;
        starting.core.writer.set_copying(true).await?;
        plan = plan.set_floor(finalization).await;
        let (given, failed) = Given::new(beginning.parts);
        state = state.with(given);
        placing = Some((block, failed));
    } else {
        starting.place_genesis().await?;
    }
    // Nothing is dealt and nobody votes: who changes the committee need not hear of the blocks.
    let changing = None::<Changing<_, Alone, Alone>>;
    let delivered = starting.deliver(archives, plan, state, (buffer, missing), changing).await;
    let marshal = starting.core.marshal.get().cloned();
    let marshal = marshal.ok_or_else(|| RebuildError::Ended("marshal was not started".into()))?;
    match placing {
        None => starting.attach(delivered.stateful).await?,
        Some((block, failed)) => {
            hand_over(&marshal, block);
            place(starting.attach(delivered.stateful), failed).await?;
        }
    }
    // After a crash the state may stand below the ledger: its last blocks are applied again by themselves.
    let head = starting.ledger.head();
    let last = (head.block.height(), head.block.hash());
    Ok(Rebuild {
        trust,
        recorded: starting.ledger.subscribe(),
        recorded_height: last.0,
        last,
        certified: true,
        ledger: starting.ledger,
        marshal,
        ended: shared(first_to_end(starting.tasks)),
        context,
        _alone: alone,
    })
}

/// What certificates are checked against.
fn trust(starting: &Starting<Context>) -> Result<(NetworkKey, Namespace), RebuildError> {
    let genesis = &starting.config.genesis;
    let key = NetworkKey::from_threshold_public(&genesis.threshold_public)
        .map_err(|error| RebuildError::Certificate { height: 0, reason: error.to_string() })?;
    Ok((key, Namespace::new(genesis.chain_id, starting.genesis.inner().hash())))
}

fn check(
    (key, namespace): &(NetworkKey, Namespace),
    block: &EngineBlock,
    certificate: &Bytes,
) -> Result<Finalization, RebuildError> {
    let (height, block) = (block.inner().height(), block.inner());
    let wrong = |error: florin_proof::FinalityError| RebuildError::Certificate { height, reason: error.to_string() };
    verify_finality(key, namespace, certificate, block.header(), block.extension()).map_err(wrong)?;
    decode_finalization(certificate).map(of_engine).map_err(wrong)
}

/// Gives marshal a block, as if a peer had sent it.
fn hand_over(marshal: &crate::application::Marshal, block: EngineBlock) {
    let context = block.inner().extension().context;
    let round = Round::new(Epoch::new(context.epoch), View::new(context.view));
    // Nobody waits for the cache: the block is durable when the ledger has it.
    let (durable, _) = oneshot::channel();
    let digest = block.digest();
    marshal.verified_deferred(round, Digested::precomputed(block, digest), durable);
}

/// Waits until the state is placed, or a part of it cannot be had.
async fn place(
    attached: impl Future<Output = Result<(), StartError>>,
    failed: oneshot::Receiver<String>,
) -> Result<(), RebuildError> {
    futures::pin_mut!(attached);
    match futures::future::select(attached, failed).await {
        futures::future::Either::Left((attached, _)) => Ok(attached?),
        futures::future::Either::Right((Ok(reason), _)) => Err(RebuildError::State(reason)),
        // Whoever could tell is gone, because nothing more is asked for.
        futures::future::Either::Right((Err(_), attached)) => Ok(attached.await?),
    }
}

impl Rebuild {
    /// Height and hash of the last block that was handed over, or that was there before.
    pub fn last(&self) -> (Height, B256) {
        self.last
    }

    /// Height of the last block that is recorded.
    pub fn recorded_height(&self) -> Height {
        self.recorded_height
    }

    /// Hands over the next block, encoded, with its encoded certificate if it has one of its own. It is executed and
    /// recorded once it is final, by its certificate or by that of a descendant.
    pub async fn add(&mut self, encoded: Bytes, certificate: Option<&Bytes>) -> Result<(), RebuildError> {
        let next = self.last.0.saturating_add(1);
        let block = EngineBlock::from_encoding(encoded.0).ok_or(RebuildError::Malformed { height: next })?;
        let inner = block.inner().clone();
        let (height, hash, parent) = (inner.height(), inner.hash(), inner.header().parent_hash);
        let (last, last_hash) = self.last;
        if height != next || parent != last_hash {
            return Err(RebuildError::Order { height, parent, last, last_hash });
        }
        let finalization = certificate.map(|bytes| check(&self.trust, &block, bytes)).transpose()?;
        hand_over(&self.marshal, block);
        self.certified = finalization.is_some();
        if let Some(finalization) = finalization {
            let _ = self.marshal.report(Activity::Finalization(finalization));
        }
        self.last = (height, hash);
        if self.certified { self.wait_for(height.saturating_sub(AHEAD_MAX)).await } else { Ok(()) }
    }

    /// Waits until everything that was handed over and is final is recorded, and proves that the state is the one that
    /// the header of the last block commits to. Gives that header's height, hash and state root.
    pub async fn settle(&mut self) -> Result<(Height, B256, B256), RebuildError> {
        let (height, hash) = self.last;
        if !self.certified {
            let reason = "it has none, and no block above it was given that has one".into();
            return Err(RebuildError::Certificate { height, reason });
        }
        self.wait_for(height).await?;
        let proven = self.prove().await?;
        let header = proven.block.block.header();
        if proven.block.block.hash() != hash {
            return Err(LedgerError::Fault(format!("the ledger ends with another block {height}")).into());
        }
        Ok((height, hash, header.state_root))
    }

    /// Proves the state at the ledger's head. Where an earlier run ended between the two, the state is still on its way there.
    async fn prove(&self) -> Result<ProvenState, RebuildError> {
        loop {
            // A proof of anything, even of an absence, is against the root of the whole state.
            match self.ledger.prove(&[StateItem::Account(Account::ZERO)]).await {
                Err(LedgerError::Starting { .. }) => {}
                proven => return Ok(proven?),
            }
            let (ended, pause) = (self.ended.clone(), self.context.sleep(PAUSE));
            futures::pin_mut!(ended, pause);
            if let futures::future::Either::Left((reason, _)) = futures::future::select(ended, pause).await {
                return Err(RebuildError::Ended(reason));
            }
        }
    }

    async fn wait_for(&mut self, height: Height) -> Result<(), RebuildError> {
        while self.recorded_height < height {
            let ended = self.ended.clone();
            futures::pin_mut!(ended);
            let next = self.recorded.next();
            futures::pin_mut!(next);
            match futures::future::select(next, ended).await {
                futures::future::Either::Left((recorded, _)) => match recorded? {
                    Some(block) => self.recorded_height = block.block.height(),
                    None => return Err(RebuildError::Ended("the ledger was closed".into())),
                },
                futures::future::Either::Right((reason, _)) => return Err(RebuildError::Ended(reason)),
            }
        }
        Ok(())
    }

    /// Closes the storage.
    pub async fn close(self) {
        let _ = self.context.stop(0, Some(super::STOP_TIMEOUT)).await;
    }
}

impl std::fmt::Debug for Rebuild {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rebuild").field("last", &self.last).finish_non_exhaustive()
    }
}

/// A network of nobody else.
#[derive(Clone, Debug, Default)]
struct Alone {
    /// Those who want to hear of peers never do, but must not think that the network is gone.
    listeners: Arc<Listeners>,
}

#[derive(Default)]
struct Listeners {
    peers: Mutex<Vec<mpsc::UnboundedSender<PeerSetUpdate<PublicKey>>>>,
    blocked: Mutex<Vec<ring::Sender<Set<PublicKey>>>>,
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Listeners").finish_non_exhaustive()
    }
}

impl Provider for Alone {
    type PublicKey = PublicKey;

    async fn peer_set(&mut self, _: u64) -> Option<TrackedPeers<PublicKey>> {
        None
    }

    async fn subscribe(&mut self) -> PeerSetSubscription<PublicKey> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.listeners.peers.lock().push(sender);
        receiver
    }
}

impl AddressableManager for Alone {
    fn track<R>(&mut self, _: u64, _: R) -> Feedback
    where
        R: Into<AddressableTrackedPeers<PublicKey>> + Send,
    {
        Feedback::Ok
    }

    fn overwrite(&mut self, _: Map<PublicKey, Address>) -> Feedback {
        Feedback::Ok
    }
}

impl Blocker for Alone {
    type PublicKey = PublicKey;

    fn block(&mut self, _: PublicKey) -> Feedback {
        Feedback::Ok
    }

    fn blocked(&mut self) -> BlockedSubscription<PublicKey> {
        let (sender, receiver) = ring::channel(NZUsize!(1));
        self.listeners.blocked.lock().push(sender);
        receiver
    }
}

impl LimitedSender for Alone {
    type PublicKey = PublicKey;
    type Checked<'a> = Self;

    fn check(&mut self, _: Recipients<PublicKey>) -> Result<Self, SystemTime> {
        Ok(self.clone())
    }
}

impl CheckedSender for Alone {
    type PublicKey = PublicKey;

    fn recipients(&self) -> Vec<PublicKey> {
        Vec::new()
    }

    fn send(self, _: impl Into<IoBufs> + Send, _: bool) -> Unreliable<Feedback> {
        Unreliable::new(Feedback::Ok)
    }
}

/// Nothing ever arrives.
#[derive(Debug)]
struct Silence;

impl Receiver for Silence {
    type Error = Infallible;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, Infallible> {
        futures::future::pending().await
    }

    fn capacity(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }
}
