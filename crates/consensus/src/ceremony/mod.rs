//! The ceremony in which the first validators make their threshold key together, so that nobody ever holds it whole.
//!
//! **Purpose.** Every participant deals a random secret to all others and adds up what it was dealt. The sum of all secrets
//! is the network's key, which exists nowhere; each keeps a share. The machines agree on who dealt correctly by a short
//! chain of their own, over encrypted connections.
//!
//! **State.** Under the partition prefix `ceremony`: that chain, and this node's secrets, encrypted (see `crate::secrets`). A
//! participant that is killed and started again goes on where it was.
//!
//! **Invariants.** All participants are connected before anything is dealt. A ceremony in which somebody's share had to be
//! revealed in the open, because that participant was away, is refused: run it again, with all of them there.
//!
//! **Failures.** [`CeremonyError`] names whom it waited for. **Limits.** [`crate::keys::VALIDATORS_MAX`] participants.

#[cfg(test)]
mod tests;

use crate::{
    config::NetworkConfig,
    keys::{Committee, KeyError, NodeSecret, REVEAL, SHARING, ThresholdShare, node_key, participants},
    network::{PeersError, encrypted, peers},
    runtime::{Context, Runtime},
    secrets::{Kept, Secrets},
};
use alloy_primitives::{B256, Bytes, keccak256};
use commonware_codec::Encode as _;
use commonware_cryptography::{
    bls12381::primitives::{sharing::ModeVersion, variant::MinSig},
    ed25519::PublicKey,
};
use commonware_glue::dkg::{
    bootstrap::{self, Completion, Engine},
    network::{AddressableManager as DkgManager, Addresses},
    types::EpochOutcome,
};
use commonware_p2p::{
    Address, AddressableManager, Blocker, CheckedSender as _, Receiver, Recipients, Sender, max_message_size,
};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Quota, Supervisor as _, buffer::paged::CacheRef};
use commonware_utils::{
    NZDuration, NZU32, NZU64, NZUsize,
    ordered::{Map, Set},
};
use florin_types::GenesisNode;
use futures::{FutureExt as _, future::BoxFuture};
use std::{
    collections::BTreeSet,
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

/// Blocks of the ceremony's chain. In the first half shares are dealt, in the second the dealings are agreed on.
const BLOCKS: NonZeroU64 = NZU64!(600);
const NAMESPACE: &[u8] = b"florin/ceremony/1";
const PARTITION: &str = "ceremony";
/// How often connections and ends are looked at.
const POLL: Duration = Duration::from_millis(250);
/// Channel on which participants tell one another that they have their share.
const FINISHED: u64 = 6;

/// A ceremony, as one participant runs it. All participants must name the same list.
#[derive(Clone, Debug)]
pub struct CeremonyConfig {
    /// This participant's node key.
    pub secret: NodeSecret,
    /// Everybody, this participant included: the validators of the network to be. Their role is not looked at.
    pub participants: Vec<GenesisNode>,
    /// Where this participant listens.
    pub network: NetworkConfig,
    /// How long to wait for the others to connect, and then for the ceremony to end.
    pub timeout: Duration,
    /// How long to stay for those who have not got their share yet, after this one has.
    pub linger: Duration,
}

/// What a participant takes home.
#[derive(Clone, Debug)]
pub struct CeremonyOutcome {
    /// For [`florin_types::Genesis::threshold_public`]; the same for all.
    pub threshold_public: Bytes,
    /// This participant's share; nobody else has it.
    pub share: ThresholdShare,
}

/// How far a ceremony has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CeremonyStep {
    /// Waiting for these participants (names) to connect.
    Connecting {
        /// Who is missing.
        missing: Vec<String>,
    },
    /// All are connected; shares are being dealt and agreed on.
    Dealing,
    /// This participant has its share and waits for these (names) to have theirs.
    Finishing {
        /// Who has not said so yet.
        missing: Vec<String>,
    },
}

/// Why a ceremony gave no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyError {
    /// A key is wrong.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A participant's key or address is wrong.
    #[error(transparent)]
    Peers(#[from] PeersError),
    /// The node that runs it is not among the participants.
    #[error(
        "this node's key {node} is not among the participants: add it to the list on every machine, or use the right key"
    )]
    Outsider {
        /// Key of this node.
        node: B256,
    },
    /// Somebody did not come.
    #[error("waited {seconds} s for {}: check that they run the ceremony with the same list and are reachable, then start again", missing.join(", "))]
    Missing {
        /// How long.
        seconds: u64,
        /// Names of those who did not connect.
        missing: Vec<String>,
    },
    /// All were there, but no key was made in time.
    #[error(
        "no key after {seconds} s: a participant left or is too slow. Start again with an empty ceremony directory on every machine"
    )]
    Unfinished {
        /// How long.
        seconds: u64,
    },
    /// The participants could not agree on enough dealings.
    #[error(
        "the dealings of too many participants were faulty: start again with an empty ceremony directory on every machine"
    )]
    Failed,
    /// Shares were revealed, so they are secret no more.
    #[error("the shares of {} had to be revealed because they were away: start again with an empty ceremony directory on every machine", nodes.join(", "))]
    Revealed {
        /// Names of the participants.
        nodes: Vec<String>,
    },
    /// The storage does not work.
    #[error("cannot use the ceremony's storage: {0}; check the directory and its permissions")]
    Storage(String),
}

/// What a ceremony needs of its machine: a place to write, and channels, six for the engine and [`FINISHED`].
pub(crate) struct CeremonyMachine<M, B, S, R> {
    pub(crate) partition_prefix: String,
    pub(crate) manager: M,
    pub(crate) blocker: B,
    pub(crate) channels: [(S, R); 6],
    pub(crate) finished: (S, R),
}

/// Messages a second on one channel of a ceremony. Its chain runs at the speed of the network.
pub(crate) fn quota() -> Quota {
    Quota::per_second(NZU32!(2_048))
}

/// Runs a ceremony over the encrypted network. Start it on every participant's machine within the timeout.
///
/// The runtime is fixed and the future boxed for the same reason as [`start`](crate::start())'s.
pub fn run(
    context: Context,
    config: CeremonyConfig,
    progress: Progress,
) -> BoxFuture<'static, Result<CeremonyOutcome, CeremonyError>> {
    Box::pin(run_encrypted(context, config, progress))
}

/// Told each step of a ceremony, so that people see whom they wait for.
pub type Progress = Box<dyn Fn(CeremonyStep) + Send + Sync>;

async fn run_encrypted(
    context: Context,
    config: CeremonyConfig,
    progress: Progress,
) -> Result<CeremonyOutcome, CeremonyError> {
    let keys = participants(config.participants.iter().map(|node| node.public_key))?;
    let (mut network, oracle) = encrypted(
        context.child("network"),
        &config.secret,
        &network_namespace(&keys),
        &config.network,
        message_bytes_max(&keys),
    );
    let channels = [0, 1, 2, 3, 4, 5].map(|channel| network.register(channel, quota()));
    let finished = network.register(FINISHED, quota());
    network.start();
    run_on(
        context,
        config,
        CeremonyMachine {
            partition_prefix: PARTITION.into(),
            manager: oracle.clone(),
            blocker: oracle,
            channels,
            finished,
        },
        progress,
    )
    .await
}

/// Runs a ceremony on a network that is already set up.
pub(crate) async fn run_on<E, M, B, S, R>(
    context: E,
    config: CeremonyConfig,
    machine: CeremonyMachine<M, B, S, R>,
    progress: impl Fn(CeremonyStep) + Send + Sync,
) -> Result<CeremonyOutcome, CeremonyError>
where
    E: Runtime,
    M: AddressableManager<PublicKey = PublicKey> + Sync,
    B: Blocker<PublicKey = PublicKey> + Sync,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let node = config.secret.public_key();
    let keys = participants(config.participants.iter().map(|node| node.public_key))?;
    let me = node_key(&node)?;
    if keys.position(&me).is_none() {
        return Err(CeremonyError::Outsider { node });
    }
    let CeremonyMachine { partition_prefix, mut manager, blocker, channels, mut finished } = machine;
    let tracked = directory(&config.participants)?;
    manager.track(0, tracked.clone());
    let waiting = Waiting { nodes: &config.participants, me: node, timeout: config.timeout };
    waiting.connect(&context, &mut finished.0, &progress).await?;

    progress(CeremonyStep::Dealing);
    let secrets = Secrets::open(
        context.child("secrets"),
        format!("{partition_prefix}-secrets"),
        &config.secret,
        Kept::Ceremony,
        |_| false,
    )
    .await
    .map_err(CeremonyError::Storage)?;
    let engine = engine(context.child("engine"), &config, tracked, manager, blocker, secrets.clone(), partition_prefix);
    let [votes, certificates, resolver, backfill, broadcast, dkg] = channels;
    let (handle, completion) = engine.start(votes, certificates, resolver, backfill, broadcast, dkg);
    let unfinished = CeremonyError::Unfinished { seconds: config.timeout.as_secs() };
    let mut deadline = Box::pin(context.sleep(config.timeout)).fuse();
    let completion = futures::select_biased! {
        completion = completion.fuse() => completion.map_err(|_| CeremonyError::Failed)?,
        () = deadline => return Err(unfinished),
    };
    let outcome = outcome(&config, keys, completion, &secrets).await?;
    waiting.finish(&context, &mut finished, config.linger, &progress).await;
    handle.abort();
    Ok(outcome)
}

/// All participants as peers that everybody dials.
fn directory(nodes: &[GenesisNode]) -> Result<Map<PublicKey, Address>, PeersError> {
    let as_validators: Vec<GenesisNode> =
        nodes.iter().map(|node| GenesisNode { role: florin_types::NodeRole::Validator, ..node.clone() }).collect();
    Ok(peers(&as_validators)?.primary)
}

type CeremonyEngine<E, M, B> = Engine<E, MinSig, DkgManager<M>, B, Secrets<E>, Sequential, Addresses<PublicKey>>;

fn engine<E, M, B>(
    context: E,
    config: &CeremonyConfig,
    directory: Map<PublicKey, Address>,
    manager: M,
    blocker: B,
    secret_store: Secrets<E>,
    partition_prefix: String,
) -> CeremonyEngine<E, M, B>
where
    E: Runtime,
    M: AddressableManager<PublicKey = PublicKey>,
{
    Engine::new(
        context,
        bootstrap::Config {
            signer: config.secret.signer().clone(),
            manager: DkgManager::new(manager),
            blocker,
            secret_store,
            strategy: Sequential,
            namespace: NAMESPACE,
            sharing_mode: SHARING,
            reveal: REVEAL,
            max_supported_mode: ModeVersion::v0(),
            partition_prefix,
            page_cache: CacheRef::new(commonware_utils::NZU16!(4_096), NZUsize!(1_024)),
            write_buffer: NZUsize!(65_536),
            replay_buffer: NZUsize!(65_536),
            mailbox_size: NZUsize!(1_024),
            fetch_timeout: NZDuration!(Duration::from_secs(1)),
            fetch_retry_delay: Duration::from_millis(200),
            items_per_section: NZU64!(1_024),
            participants: directory.keys().clone(),
            directory: Addresses::from(directory),
            blocks_per_epoch: BLOCKS,
        },
    )
}

/// Reads the result, and checks that it is one to build a network on.
async fn outcome<E: Runtime>(
    config: &CeremonyConfig,
    keys: Set<PublicKey>,
    completion: Completion<MinSig, Addresses<PublicKey>>,
    secrets: &Secrets<E>,
) -> Result<CeremonyOutcome, CeremonyError> {
    let info = completion.info.filter(|info| info.outcome == EpochOutcome::Success).ok_or(CeremonyError::Failed)?;
    if !info.output.revealed().is_empty() {
        let name = |key: &PublicKey| name_of(&config.participants, key);
        return Err(CeremonyError::Revealed { nodes: info.output.revealed().iter().map(name).collect() });
    }
    let share = ThresholdShare::new(secrets.share().await.ok_or(CeremonyError::Failed)?);
    let sharing = info.output.public().clone();
    let threshold_public = Bytes::from(sharing.encode());
    Committee::new(keys, sharing)?.check_share(&config.secret.public_key(), &share)?;
    Ok(CeremonyOutcome { threshold_public, share })
}

fn name_of(nodes: &[GenesisNode], key: &PublicKey) -> String {
    let named = nodes.iter().find(|node| node.public_key.as_slice() == key.as_ref());
    named.map_or_else(|| key.to_string(), |node| node.name.clone())
}

/// Whom a participant waits for.
struct Waiting<'a> {
    nodes: &'a [GenesisNode],
    me: B256,
    timeout: Duration,
}

impl Waiting<'_> {
    fn missing(&self, there: &BTreeSet<PublicKey>) -> Vec<String> {
        let absent = |node: &&GenesisNode| {
            node.public_key != self.me && !there.iter().any(|key| key.as_ref() == node.public_key.as_slice())
        };
        self.nodes.iter().filter(absent).map(|node| node.name.clone()).collect()
    }

    /// Returns when all others are connected.
    async fn connect<E: Clock>(
        &self,
        clock: &E,
        sender: &mut impl Sender<PublicKey = PublicKey>,
        progress: &(impl Fn(CeremonyStep) + Send + Sync),
    ) -> Result<(), CeremonyError> {
        let started = clock.current();
        let mut told = None;
        loop {
            let connected: BTreeSet<PublicKey> = sender
                .check(Recipients::All)
                .map(|checked| checked.recipients().into_iter().collect())
                .unwrap_or_default();
            let missing = self.missing(&connected);
            if missing.is_empty() {
                return Ok(());
            }
            if clock.current().duration_since(started).unwrap_or_default() > self.timeout {
                return Err(CeremonyError::Missing { seconds: self.timeout.as_secs(), missing });
            }
            if told.as_ref() != Some(&missing) {
                progress(CeremonyStep::Connecting { missing: missing.clone() });
                told = Some(missing);
            }
            clock.sleep(POLL).await;
        }
    }

    /// Tells the others that this one is done, and stays until all have said so, or for `linger`.
    async fn finish<E: Clock, S, R>(
        &self,
        clock: &E,
        (sender, receiver): &mut (S, R),
        linger: Duration,
        progress: &(impl Fn(CeremonyStep) + Send + Sync),
    ) where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let started = clock.current();
        let mut done = BTreeSet::new();
        let mut told = None;
        // Once more after all have answered: the last of them may not have heard from this one.
        let mut rounds_left = 4;
        while rounds_left > 0 && clock.current().duration_since(started).unwrap_or_default() <= linger {
            sender.send(Recipients::All, bytes::Bytes::from_static(b"finished"), true);
            let mut pause = Box::pin(clock.sleep(POLL)).fuse();
            loop {
                futures::select_biased! {
                    message = receiver.recv().fuse() => match message {
                        Ok((peer, _)) => { done.insert(peer); }
                        Err(_) => return,
                    },
                    () = pause => break,
                }
            }
            let missing = self.missing(&done);
            if missing.is_empty() {
                rounds_left -= 1;
            } else if told.as_ref() != Some(&missing) {
                progress(CeremonyStep::Finishing { missing: missing.clone() });
                told = Some(missing);
            }
        }
    }
}

/// Ceremonies of different lists never meet.
fn network_namespace(keys: &Set<PublicKey>) -> Vec<u8> {
    [NAMESPACE, keccak256(keys.encode()).as_slice()].concat()
}

pub(crate) fn message_bytes_max(keys: &Set<PublicKey>) -> u32 {
    let count = u32::try_from(keys.len()).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
    max_message_size(&[bootstrap::max_payload_size::<MinSig, Addresses<PublicKey>>(count, ModeVersion::v0())])
}
