//! The engine wired up: storage, network, agreement, dissemination, execution, and the tasks around them.
//!
//! ```text
//!  votes, certificates ── simplex ── Deferred ── Paced ── Stateful ── Application ── state, execution
//!                            │           │                    │
//!                            └─────── marshal ───────────────┘   (blocks in order, archives, backfill)
//! ```
//!
//! The order of starting matters: the ledger and marshal's archives are opened, then Stateful recovers the state to what
//! marshal has delivered, and only then does agreement begin.

use crate::{
    admission::Admissions,
    application::{Application, Core},
    block::EngineBlock,
    config::{NodeConfig, Timing},
    gossip,
    keys::{Committee, KeyError},
    membership,
    metrics::Metrics,
    network::{PeersError, Transport, peers},
    node::{self, Node},
    observe::{ActivityObserver, Observed, TipObserver, start_watching},
    pace::Paced,
    pending::Pending,
    replay::ReplayOnly,
    runtime::Runtime,
};
use commonware_broadcast::buffered;
use commonware_consensus::{
    Reporters,
    marshal::{
        self,
        core::Actor as MarshalActor,
        resolver::p2p as marshal_resolver,
        standard::{Deferred, Standard},
    },
    simplex::{
        self, SkipBudget,
        config::{Floor, ForwardPolicy, SkipPolicy},
        elector::RoundRobin,
    },
    types::{Epoch, FixedEpocher, ViewDelta},
};
use commonware_cryptography::{Digested, Digestible as _, Sha256, certificate::ConstantProvider, ed25519::PublicKey};
use commonware_glue::stateful::{Config as StatefulConfig, PruneConfig, Stateful, SyncPlan, db::SyncEngineConfig};
use commonware_p2p::{AddressableManager, Blocker, Receiver, Sender, max_message_size};
use commonware_parallel::Sequential;
use commonware_runtime::{Handle, buffer::paged::CacheRef};
use commonware_storage::{archive::prunable, translator::EightCap};
use commonware_utils::{NZDuration, NZU64, NZUsize};
use florin_execution::{GenesisStateError, genesis_block, genesis_state};
use florin_proof::{BlockDigest, Finalization, Namespace, Scheme};
use florin_state::{Ledger, LedgerConfig, LedgerError, database_config, open_genesis, page_cache_with};
use florin_types::{Block, BlockError, NodeRole, StateFault};
use futures::{FutureExt as _, future::select_all};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    num::{NonZeroU64, NonZeroUsize},
    sync::{Arc, OnceLock},
    time::Duration,
};

const MAILBOX: NonZeroUsize = NZUsize!(1_024);
const REPLAY_BUFFER: NonZeroUsize = NZUsize!(1_048_576);
const WRITE_BUFFER: NonZeroUsize = NZUsize!(262_144);
const ITEMS_PER_SECTION: NonZeroU64 = NZU64!(4_096);
/// Views that votes and undecided blocks are kept behind the newest final one.
const VIEWS_RETAINED: ViewDelta = ViewDelta::new(256);
/// Missing blocks asked for at once while catching up.
const REPAIRS_MAX: NonZeroUsize = NZUsize!(32);
/// Final blocks handed to the application before it has made the first of them durable.
const ACKNOWLEDGEMENTS_PENDING_MAX: NonZeroUsize = NZUsize!(16);
/// Blocks of one sender that are kept before they are decided.
const BROADCAST_BLOCKS_KEPT: usize = 16;
/// Blocks between two rounds of pruning.
const PRUNE_INTERVAL: NonZeroUsize = NZUsize!(1_024);
/// Blocks whose state operations stay available to nodes that synchronise, beyond what the engine itself needs.
const STATE_BLOCKS_RETAINED: usize = 1_024;
const FETCH_TIMEOUT: Duration = Duration::from_millis(1_500);
const FETCH_RETRY: Duration = Duration::from_millis(150);
/// Bytes of a page in the cache.
const PAGE_BYTES: usize = 4_096;
/// One epoch for ever: the committee is that of the genesis file.
const EPOCH_BLOCKS: NonZeroU64 = NonZeroU64::MAX;

type Archive<E, V> = prunable::Archive<EightCap, E, BlockDigest, V>;

/// Why a node does not start.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StartError {
    /// A key is wrong or does not fit the genesis file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A node's key or address in the genesis file is wrong.
    #[error(transparent)]
    Peers(#[from] PeersError),
    /// The genesis file gives no state.
    #[error(transparent)]
    Genesis(#[from] GenesisStateError),
    /// The genesis file gives no block.
    #[error("the genesis file gives no block: {0}")]
    GenesisBlock(#[from] BlockError),
    /// The state on disk is damaged or belongs to another network.
    #[error(transparent)]
    State(#[from] StateFault),
    /// The ledger on disk is damaged or belongs to another network.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An archive of blocks or certificates cannot be opened.
    #[error(
        "cannot open the archive {partition}: {reason}; restore the data directory from a backup or start with an empty one"
    )]
    Archive {
        /// Partition in the storage directory.
        partition: String,
        /// What the storage said.
        reason: String,
    },
}

/// Bytes of the largest message that nodes of this network exchange.
pub fn message_bytes_max(committee: &Committee) -> u32 {
    let validators = u32::try_from(committee.validators().len()).unwrap_or(u32::MAX);
    max_message_size(&[
        simplex::max_payload_size::<Scheme, BlockDigest>(validators),
        marshal::max_payload_size::<Standard<EngineBlock>, Scheme>(validators, &()),
        gossip::MESSAGE_BYTES_MAX,
    ])
}

/// Starts a node on a network that is already set up. Returns when the node has recovered its state and takes part.
pub async fn start_on<E, M, B, S, R>(
    context: E,
    config: NodeConfig,
    transport: Transport<M, B, S, R>,
) -> Result<Node, StartError>
where
    E: Runtime,
    M: AddressableManager<PublicKey = PublicKey> + Sync,
    B: Blocker<PublicKey = PublicKey> + Sync,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let starting = Starting::open(context, config).await?;
    starting.run(transport).await
}

/// A node whose storage is open.
struct Starting<E: Runtime> {
    context: E,
    config: NodeConfig,
    committee: Committee,
    scheme: Scheme,
    role: NodeRole,
    genesis: Arc<Block>,
    page_cache: CacheRef,
    ledger: Ledger,
    core: Arc<Core<E>>,
    finalizations: Archive<E, Finalization>,
    blocks: Archive<E, Arc<EngineBlock>>,
}

impl<E: Runtime> Starting<E> {
    async fn open(context: E, config: NodeConfig) -> Result<Self, StartError> {
        let committee = Committee::from_genesis(&config.genesis)?;
        let node_key = config.secret.public_key();
        if let Some(share) = &config.share {
            committee.check_share(&node_key, share)?;
        }
        let prefix = config.partition_prefix.clone();
        let pages = NonZeroUsize::new(config.page_cache_bytes / PAGE_BYTES).unwrap_or(NonZeroUsize::MIN);
        let page_cache = page_cache_with(pages);
        let changes = genesis_state(&config.genesis)?;
        let database = database_config(&prefix, page_cache.clone());
        let (root, target) = open_genesis(context.child("genesis"), database, &changes, &prefix).await?;
        let genesis = Arc::new(genesis_block(&config.genesis, root, target)?);
        let ledger_config = LedgerConfig {
            partition_prefix: prefix.clone(),
            window_blocks: config.history.window,
            archive: config.history.archive,
            page_cache: page_cache.clone(),
        };
        let (ledger, writer) = Ledger::open(context.child("ledger"), ledger_config, genesis.clone()).await?;
        let pending = Pending::new(florin_mempool::Pool::new(config.pool));
        pending.set_finalized(ledger.head().block.height());
        let core = Arc::new(Core {
            chain_id: config.genesis.chain_id,
            rules: Arc::new(config.genesis.rules.clone()),
            genesis: genesis.clone(),
            pending,
            writer,
            metrics: Arc::new(Metrics::register(&context.child("node"))),
            timing: Timing::default(),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            marshal: OnceLock::new(),
            outcomes: Mutex::new(BTreeMap::new()),
        });
        let namespace = Namespace::new(config.genesis.chain_id, genesis.hash());
        let (scheme, role) = scheme(&committee, &config, &namespace)?;
        let finalizations = archive(context.child("finalizations"), &prefix, "finalizations", &page_cache, ()).await?;
        let blocks = archive(context.child("blocks"), &prefix, "blocks", &page_cache, ()).await?;
        Ok(Self { context, config, committee, scheme, role, genesis, page_cache, ledger, core, finalizations, blocks })
    }

    async fn run<M, B, S, R>(self, mut transport: Transport<M, B, S, R>) -> Result<Node, StartError>
    where
        M: AddressableManager<PublicKey = PublicKey> + Sync,
        B: Blocker<PublicKey = PublicKey> + Sync,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let Self { context, config, committee, scheme, role, genesis, page_cache, ledger, core, finalizations, blocks } =
            self;
        let me = crate::keys::node_key(&config.secret.public_key())?;
        let prefix = config.partition_prefix.clone();
        let nodes = peers(&config.genesis.nodes)?;
        let peers_known = Arc::new(Mutex::new(config.genesis.nodes.len().saturating_sub(1)));
        transport.manager.track(0, nodes);

        let resolver = marshal_resolver::init(
            context.child("backfill"),
            marshal_resolver::Config {
                public_key: me.clone(),
                peer_provider: transport.manager.clone(),
                blocker: transport.blocker.clone(),
                mailbox_size: MAILBOX,
                fetch_timeout: NZDuration!(FETCH_TIMEOUT),
                fetch_retry_delay: FETCH_RETRY,
                priority_requests: false,
                priority_responses: false,
            },
            transport.backfill,
        );
        let (broadcast, buffer) = buffered::Engine::new(
            context.child("broadcast"),
            buffered::Config {
                public_key: me.clone(),
                mailbox_size: MAILBOX,
                deque_size: BROADCAST_BLOCKS_KEPT,
                priority: true,
                codec_config: (),
                peer_provider: transport.manager.clone(),
                strategy: Sequential,
            },
        );
        let mut tasks = vec![("broadcast", broadcast.start(transport.broadcast))];

        let plan = SyncPlan::init(context.child("plan"), format!("{prefix}-plan")).await;
        let provider = ConstantProvider::<Scheme, Epoch>::new(scheme.clone());
        let engine_genesis = EngineBlock::new(genesis.clone())
            .ok_or(BlockError::Malformed { reason: "the genesis block has no state target".into() })?;
        let digest = engine_genesis.digest();
        let (marshal_actor, marshal, floor) = MarshalActor::<_, Standard<EngineBlock>, _, _, _, _, _>::init(
            context.child("marshal"),
            finalizations,
            blocks,
            marshal::Config {
                provider,
                epocher: FixedEpocher::new(EPOCH_BLOCKS),
                start: plan.marshal_start(Digested::precomputed(engine_genesis, digest)),
                partition_prefix: format!("{prefix}-marshal"),
                mailbox_size: MAILBOX,
                view_retention: VIEWS_RETAINED,
                prunable_items_per_section: ITEMS_PER_SECTION,
                page_cache: page_cache.clone(),
                replay_buffer: REPLAY_BUFFER,
                key_write_buffer: WRITE_BUFFER,
                value_write_buffer: WRITE_BUFFER,
                block_codec_config: (),
                max_repair: REPAIRS_MAX,
                max_pending_acks: ACKNOWLEDGEMENTS_PENDING_MAX,
                strategy: Sequential,
            },
        )
        .await;
        let _ = core.marshal.set(marshal.clone());

        let (stateful, stateful_mailbox) = Stateful::new(
            context.child("stateful"),
            StatefulConfig {
                application: Application(core.clone()),
                db_config: database_config(&prefix, page_cache.clone()),
                provider: (),
                marshal: (marshal.clone(), floor),
                mailbox_size: MAILBOX,
                plan,
                resolvers: ReplayOnly::<E>::default(),
                sync_config: SyncEngineConfig {
                    fetch_batch_size: NZU64!(1_024),
                    apply_batch_size: NZU64!(1_024),
                    max_outstanding_requests: NZUsize!(16),
                },
                prune_config: Some(PruneConfig {
                    maintenance_interval: PRUNE_INTERVAL,
                    retained_marshal_blocks: config.history.blocks_retained,
                    retained_qmdb_blocks: STATE_BLOCKS_RETAINED.min(config.history.blocks_retained),
                }),
                strategy: Sequential,
            },
        );
        let paced = Paced::new(stateful_mailbox.clone(), core.pending.clone(), core.rules.clone(), core.timing);
        let deferred =
            Deferred::new(context.child("deferred"), paced, marshal.clone(), FixedEpocher::new(EPOCH_BLOCKS));
        let observed = Arc::new(Observed::default());
        let tips = TipObserver { observed: observed.clone() };
        let reporters = Reporters::from((stateful_mailbox.clone(), tips));
        tasks.push(("marshal", marshal_actor.start(reporters, buffer, resolver)));
        tasks.push(("stateful", stateful.start()));

        let databases = stateful_mailbox.subscribe_databases().await;
        core.writer.attach(databases).await?;

        let membership = membership::follow(
            context.child("membership"),
            ledger.clone(),
            config.genesis.clone(),
            config.secret.public_key(),
            transport.manager.clone(),
            peers_known.clone(),
        );
        tasks.push(("membership", membership.await));

        let activity = ActivityObserver { observed: observed.clone(), metrics: core.metrics.clone() };
        let timing = core.timing;
        let simplex = simplex::Engine::new(
            context.child("simplex"),
            simplex::Config {
                scheme,
                elector: RoundRobin::<Sha256>::default(),
                blocker: transport.blocker,
                automaton: deferred.clone(),
                relay: deferred.clone(),
                reporter: Reporters::from((deferred, activity)),
                track_historical_votes: false,
                strategy: Sequential,
                partition: format!("{prefix}-simplex"),
                mailbox_size: MAILBOX,
                epoch: Epoch::zero(),
                floor: Floor::Genesis(digest),
                replay_buffer: REPLAY_BUFFER,
                write_buffer: WRITE_BUFFER,
                page_cache,
                leader_timeout: timing.leader_timeout,
                certification_timeout: timing.certification_timeout,
                timeout_retry: timing.retry,
                view_retention: VIEWS_RETAINED,
                skip: SkipPolicy::Enabled { timeout: timing.skip_after, budget: SkipBudget::Participants },
                fetch_timeout: NZDuration!(FETCH_TIMEOUT),
                fetch_retry_delay: FETCH_RETRY,
                forward: ForwardPolicy::SilentLeader,
            },
        );
        tasks.push(("simplex", simplex.start(transport.votes, transport.certificates, transport.resolver)));

        tasks.push(("pool listener", core.pending.start_listening(context.child("pool_listener"))));
        let admissions = Admissions::new(
            ledger.clone(),
            core.pool().clone(),
            core.chain_id,
            core.rules.clone(),
            context.child("clock"),
        );
        let others: Vec<PublicKey> = committee.participants.iter().filter(|key| **key != me).cloned().collect();
        let (sender, receiver) = transport.transactions;
        tasks.push((
            "watch",
            start_watching(
                context.child("watch"),
                observed.clone(),
                core.pending.clone(),
                core.metrics.clone(),
                sender.clone(),
            ),
        ));
        tasks.push((
            "gossip out",
            gossip::start_sending(
                context.child("gossip_out"),
                core.pending.clone(),
                admissions.clone(),
                others.clone(),
                sender,
                core.metrics.clone(),
            ),
        ));
        tasks.push((
            "gossip in",
            gossip::start_receiving(
                context.child("gossip_in"),
                admissions.clone(),
                others,
                receiver,
                core.threads,
                core.metrics.clone(),
            ),
        ));

        let encoder = context.child("metrics");
        Ok(Node::new(node::Inner {
            genesis: config.genesis.clone(),
            genesis_hash: genesis.hash(),
            node_key: config.secret.public_key(),
            role,
            committee,
            ledger,
            admissions,
            observed,
            peers_known,
            encode_metrics: Box::new(move || encoder.encode()),
            ended: node::shared(first_to_end(tasks)),
            stop: Mutex::new(Some(Box::new(move || {
                async move {
                    let _ = context.stop(0, Some(Duration::from_secs(10))).await;
                }
                .boxed()
            }))),
        }))
    }
}

/// How this node signs, and so what it is: it votes with its share, and only follows without.
fn scheme(committee: &Committee, config: &NodeConfig, namespace: &Namespace) -> Result<(Scheme, NodeRole), KeyError> {
    let (participants, sharing) = (committee.participants.clone(), committee.sharing.clone());
    let node = config.secret.public_key();
    if let Some(share) = &config.share {
        let foreign = KeyError::ForeignShare { node };
        let signer = Scheme::signer(namespace.as_bytes(), participants, sharing, share.inner().clone());
        return signer.map(|scheme| (scheme, NodeRole::Validator)).ok_or(foreign);
    }
    if committee.contains(&node) {
        tracing::warn!(%node, "this node's key is a validator's but its threshold share is missing: it only follows");
        let key = crate::keys::node_key(&node)?;
        let member = Scheme::member(namespace.as_bytes(), participants.clone(), sharing.clone(), &key);
        if let Some(scheme) = member {
            return Ok((scheme, NodeRole::Follower));
        }
    }
    Ok((Scheme::verifier(namespace.as_bytes(), participants, sharing), NodeRole::Follower))
}

async fn archive<E, V>(
    context: E,
    prefix: &str,
    name: &str,
    page_cache: &CacheRef,
    codec_config: V::Cfg,
) -> Result<Archive<E, V>, StartError>
where
    E: Runtime,
    V: commonware_codec::CodecShared,
{
    let partition = format!("{prefix}-{name}");
    let config = prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{partition}-metadata"),
        key_partition: format!("{partition}-key"),
        key_page_cache: page_cache.clone(),
        value_partition: format!("{partition}-value"),
        compression: None,
        codec_config,
        items_per_section: ITEMS_PER_SECTION,
        key_write_buffer: WRITE_BUFFER,
        value_write_buffer: WRITE_BUFFER,
        replay_buffer: REPLAY_BUFFER,
    };
    prunable::Archive::init(context, config)
        .await
        .map_err(|error| StartError::Archive { partition, reason: error.to_string() })
}

/// Names the first part that ends. None does while the node is well.
async fn first_to_end(tasks: Vec<(&'static str, Handle<()>)>) -> Arc<str> {
    let waiting = tasks.into_iter().map(|(name, handle)| handle.map(move |end| (name, end)).boxed());
    let ((name, end), _, _) = select_all(waiting).await;
    match end {
        Ok(()) => format!("{name} ended").into(),
        Err(error) => format!("{name} ended: {error}").into(),
    }
}
