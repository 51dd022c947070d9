//! The engine wired up: storage, network, agreement, dissemination, execution, and the tasks around them.
//!
//! ```text
//!  votes, certificates ── simplex ── Watched ── Deferred ── Paced ── Wrapped ── Stateful ── Application ── state, execution
//!                            │                     │                                │
//!                            └────────────────── marshal ──────────────────────────┘   (blocks in order, archives, backfill)
//! ```
//!
//! Where there are epochs, one simplex engine an epoch is started by the `orchestrator`, and the `reshare` actor deals the
//! shares of the next one (`changing`).
//!
//! The order of starting matters: the ledger and marshal's archives are opened, then Stateful recovers the state to what
//! marshal has delivered, and only then does agreement begin. While the state is copied from peers instead, agreement is
//! followed already: what becomes final meanwhile is where the copy goes. With epochs that is so for both actors: what they ask
//! the ledger for, they then read from final blocks.

use self::gate::Gate;
use crate::{
    admission::Admissions,
    application::{Application, Core, Marshal},
    archives::{FinalBlocks, FinalCertificates},
    block::{EngineBlock, Epochal},
    config::NodeConfig,
    epochs::{
        self, joined,
        peers::{Listed, Peers},
        schemes::Schemes,
        watched::Watched,
        wrapped::Wrapped,
    },
    evidence::{Telling, Witness, telling},
    gossip,
    joining::{sample, source, source::StateSource},
    keys::{Committee, VALIDATORS, VALIDATORS_MAX},
    membership,
    network::Transport,
    node::{self, Node},
    observe::{ActivityObserver, Observed, TipObserver, start_watching},
    pace::Paced,
    runtime::Runtime,
    sight::Heard,
    turns::Turns,
    votes::{Domain, Finalization, VoteScheme, of_engine},
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
    },
    types::{Epoch, FixedEpocher, ViewDelta},
};
use commonware_cryptography::{
    Digested, Digestible as _, bls12381::primitives::variant::MinSig, certificate::ConstantProvider, ed25519::PublicKey,
};
use commonware_glue::{
    dkg,
    stateful::{self, Config as StatefulConfig, PruneConfig, Stateful, SyncPlan, db::SyncEngineConfig},
};
use commonware_p2p::{AddressableManager, Blocker, Receiver, Sender, max_message_size};
use commonware_parallel::{Rayon, Sequential};
use commonware_runtime::{Handle, buffer::paged::CacheRef};
use commonware_utils::{NZDuration, NZU64, NZUsize};
use florin_execution::genesis_state;
use florin_proof::BlockDigest;
use florin_state::{Ledger, LedgerConfig, LedgerError, OPERATIONS_MAX, database_config, page_cache_with};
use florin_types::Changeset;
use futures::{FutureExt as _, future::select_all};
use parking_lot::Mutex;
use std::{
    num::{NonZeroU64, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

mod changing;
mod error;
mod floor;
mod gate;
mod opening;
pub(crate) mod rebuild;

pub use error::StartError;

use changing::{Actors, Changing, Mailboxes};
use error::of_another_network;
use opening::{abstains, archive, check_kept, core, genesis, partition, stands_at, threads};

const MAILBOX: NonZeroUsize = NZUsize!(1_024);
const REPLAY_BUFFER: NonZeroUsize = NZUsize!(1_048_576);
const WRITE_BUFFER: NonZeroUsize = NZUsize!(262_144);
/// Heights, or views of undecided blocks, in one file: pruning drops whole files.
const ITEMS_PER_SECTION: NonZeroU64 = NZU64!(64);
/// Views that votes and undecided blocks are kept behind the newest final one.
const VIEWS_RETAINED: ViewDelta = ViewDelta::new(256);
/// Missing blocks asked for at once while catching up.
const REPAIRS_MAX: NonZeroUsize = NZUsize!(32);
/// Final blocks handed to the application before it has made the first of them durable.
const ACKNOWLEDGEMENTS_PENDING_MAX: NonZeroUsize = NZUsize!(16);
/// Blocks of one sender that are kept before they are decided.
const BROADCAST_BLOCKS_KEPT: usize = 16;
/// Most blocks between two rounds of pruning.
const PRUNE_INTERVAL_MAX: usize = 1_024;
/// Time between two looks at whether the block at which the state stands is recorded.
const RECORDING_PAUSE: Duration = Duration::from_millis(5);
const FETCH_TIMEOUT: Duration = Duration::from_millis(1_500);
const FETCH_RETRY: Duration = Duration::from_millis(150);
/// Bytes of a page in the cache.
const PAGE_BYTES: usize = 4_096;
/// How long a node that is asked to stop waits for its parts.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of the largest message that nodes of this network exchange.
pub fn message_bytes_max() -> u32 {
    max_message_size(&[
        dkg::orchestrator::max_payload_size::<VoteScheme, BlockDigest>(VALIDATORS_MAX),
        dkg::max_payload_size::<MinSig, PublicKey>(VALIDATORS),
        marshal::max_payload_size::<Standard<EngineBlock>, VoteScheme>(VALIDATORS_MAX, &()),
        gossip::MESSAGE_BYTES_MAX,
        sample::MESSAGE_BYTES_MAX,
        source::message_bytes_max(),
        telling::MESSAGE_BYTES,
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
    let (mut starting, archives, plan) = Starting::open(context, config).await?;
    let Transport {
        manager,
        blocker,
        votes,
        certificates,
        resolver,
        broadcast,
        backfill,
        transactions,
        sample,
        state,
        dealing,
        evidence,
    } = transport;
    let mut peers = Peers::new(manager.clone(), starting.config.genesis.clone(), starting.listed.clone());
    peers.begin(&starting.config.contacts)?;
    let watched = votes.0.clone();
    let buffer = starting.disseminate(manager.clone(), broadcast);
    let missing = starting.backfill(manager.clone(), blocker.clone(), backfill);
    let (plan, sample) = starting.choose_floor(plan, sample, blocker.clone()).await?;
    let state = starting.state_source(manager, blocker.clone(), state);
    let floor = plan.floor().cloned();
    let copying = floor.is_some();
    if copying && starting.is_to_begin() {
        return Err(StartError::Begun("the state is copied from a network that has begun".into()));
    }
    let changing = starting.changing(&peers, &blocker, floor.as_ref()).await?;
    let Delivered { automaton, stateful, actors } =
        starting.deliver(archives, plan, state, (buffer, missing), changing).await;
    let gate = starting.answer_samples(sample, blocker.clone()).await?;
    let heard =
        |channel: (S, R), sightings| (channel.0, Heard::new(channel.1, sightings, starting.context.child("heard")));
    let votes = heard(votes, Some(starting.observed.sightings.clone()));
    let (certificates, resolver) = (heard(certificates, None), heard(resolver, None));
    let agreement = Agreement { automaton, floor, gate, blocker: blocker.clone(), votes, certificates, resolver };
    if !copying {
        starting.attach(stateful.clone()).await?;
        starting.follow_membership(peers.clone()).await;
    }
    match actors {
        None => starting.agree(agreement),
        Some(actors) => starting.agree_in_epochs(actors, agreement, dealing),
    }
    // What becomes final meanwhile is where the copy goes, so agreement is followed first.
    if copying {
        starting.attach(stateful).await?;
        starting.follow_membership(peers).await;
    }
    starting.watch(watched);
    starting.exchange_evidence(blocker.clone(), evidence);
    let admissions = starting.exchange(blocker, transactions);
    Ok(starting.into_node(admissions))
}

/// Final blocks and their certificates, as marshal keeps them.
struct Archives<E: Runtime> {
    finalizations: FinalCertificates<E>,
    blocks: FinalBlocks<E>,
}

/// Proposes, verifies and certifies on behalf of simplex.
type Automaton<E> = Watched<Deferred<E, VoteScheme, Paced<Wrapped<StatefulMailbox<E>>>, EngineBlock, FixedEpocher>>;
/// The state behind the application, as the engine's parts reach it.
type StatefulMailbox<E> = stateful::Mailbox<E, Application<E>>;
/// Whether the state is copied from peers, and from which certificate on.
type Plan<E> = SyncPlan<E, VoteScheme, Standard<EngineBlock>>;
/// What agreement needs beside the node itself.
struct Agreement<E: Runtime, B, S, R> {
    automaton: Automaton<E>,
    /// The certificate at which a copied state began; genesis where it was not copied.
    floor: Option<Finalization>,
    /// Opens when this validator may vote; absent where it is not to ask, or never votes.
    gate: Option<Gate>,
    blocker: B,
    votes: (S, Heard<R, E>),
    certificates: (S, Heard<R, E>),
    resolver: (S, Heard<R, E>),
}

/// The application and what agreement is started with, once blocks are delivered.
struct Delivered<E: Runtime, M, B>
where
    M: AddressableManager<PublicKey = PublicKey> + Sync,
    B: Blocker<PublicKey = PublicKey> + Sync,
{
    automaton: Automaton<E>,
    stateful: StatefulMailbox<E>,
    /// What changes the committee, where there are epochs.
    actors: Option<Actors<E, M, B>>,
}

/// Where marshal asks for blocks that are missing.
type Backfill = (marshal::resolver::handler::Receiver<BlockDigest>, marshal_resolver::Mailbox<BlockDigest, PublicKey>);

/// A node whose storage is open, on its way to taking part.
struct Starting<E: Runtime> {
    context: E,
    config: NodeConfig,
    me: PublicKey,
    schemes: Schemes,
    /// Hears all votes.
    witness: Witness,
    /// Votes that it wants others to know of.
    telling: Option<Telling>,
    /// Blocks of an epoch.
    epoch_blocks: NonZeroU64,
    genesis: EngineBlock,
    /// What genesis puts into the state.
    genesis_changes: Changeset,
    page_cache: CacheRef,
    /// Threads that hash what blocks change.
    hashing: Rayon,
    ledger: Ledger,
    core: Arc<Core<E>>,
    observed: Arc<Observed>,
    /// Resolves when a first vote would not be the first.
    begun_before: node::Told,
    listed: Listed,
    /// What the epoch began with in which the state was copied, where it was and there are epochs.
    joined: Option<Epochal>,
    tasks: Vec<(&'static str, Handle<()>)>,
}

impl<E: Runtime> Starting<E> {
    async fn open(context: E, config: NodeConfig) -> Result<(Self, Archives<E>, Plan<E>), StartError> {
        let committee = Committee::from_genesis(&config.genesis)?;
        let node_key = config.secret.public_key();
        if let Some(share) = &config.share {
            committee.check_share(&node_key, share)?;
        }
        check_kept(&config)?;
        let pages = NonZeroUsize::new(config.page_cache_bytes / PAGE_BYTES).unwrap_or(NonZeroUsize::MIN);
        let page_cache = page_cache_with(pages);
        let hashing = context.strategy(threads());
        let plan = SyncPlan::init(context.child("plan"), partition(&config, "plan")).await;
        let genesis_changes = genesis_state(&config.genesis)?;
        let genesis = genesis(&config.genesis, &genesis_changes, &committee)?;
        let ledger_config = LedgerConfig {
            partition_prefix: config.partition_prefix.clone(),
            window_blocks: config.history.window,
            archive: config.history.archive,
            blocks_kept: config.history.blocks_kept,
            page_cache: page_cache.clone(),
        };
        let (ledger, writer) = Ledger::open(context.child("ledger"), ledger_config, genesis.inner().clone())
            .await
            .map_err(of_another_network)?;
        let core = Arc::new(core(&context, &config, genesis.inner().clone(), &ledger, writer));
        let domain = Domain { chain_id: config.genesis.chain_id, genesis_hash: genesis.inner().hash() };
        let me = crate::keys::node_key(&node_key)?;
        let joined = match config.genesis.epoch_blocks {
            Some(_) => joined::read(context.child("joined"), partition(&config, "joined")).await?,
            None => None,
        };
        let abstains = abstains(&config, joined.as_ref());
        let schemes = Schemes::new(domain, config.secret.clone(), committee, config.share.as_ref(), abstains)?;
        let observed: Arc<Observed> = Arc::default();
        let (witness, evidence, telling) = Witness::new(schemes.clone());
        observed.keep_evidence(evidence);
        let finalizations = archive(context.child("finalizations"), &config, "finalizations", &page_cache).await?;
        let blocks = archive(context.child("blocks"), &config, "blocks", &page_cache).await?;
        let archives = Archives {
            finalizations: FinalCertificates {
                recent: finalizations,
                place: partition(&config, "finalizations").into(),
                ledger: ledger.clone(),
            },
            blocks: FinalBlocks {
                recent: blocks,
                place: partition(&config, "blocks").into(),
                ledger: ledger.clone(),
                first: genesis.epoch_payload().map(|_| Arc::new(genesis.clone())),
            },
        };
        let mut starting = Self {
            me,
            listed: Listed::new(&config.genesis),
            epoch_blocks: epochs::epoch_blocks(&config.genesis),
            observed,
            witness,
            telling: Some(telling),
            begun_before: node::shared(futures::future::pending()),
            tasks: Vec::new(),
            context,
            config,
            schemes,
            genesis,
            genesis_changes,
            page_cache,
            hashing,
            ledger,
            core,
            joined: None,
        };
        if let Some(begins) = joined {
            starting.joins(begins);
        }
        Ok((starting, archives, plan))
    }

    fn partition(&self, name: &str) -> String {
        partition(&self.config, name)
    }

    /// Blocks as they are proposed, sent to everyone.
    fn disseminate<M, S, R>(&mut self, manager: M, broadcast: (S, R)) -> buffered::Mailbox<PublicKey, EngineBlock>
    where
        M: AddressableManager<PublicKey = PublicKey>,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let config = buffered::Config {
            public_key: self.me.clone(),
            mailbox_size: MAILBOX,
            deque_size: BROADCAST_BLOCKS_KEPT,
            priority: true,
            codec_config: (),
            peer_provider: manager,
            strategy: Sequential,
        };
        let (engine, mailbox) = buffered::Engine::new(self.context.child("broadcast"), config);
        self.tasks.push(("broadcast", engine.start(broadcast)));
        mailbox
    }

    /// Blocks that are missing, asked for.
    fn backfill<M, B, S, R>(&self, manager: M, blocker: B, backfill: (S, R)) -> Backfill
    where
        M: AddressableManager<PublicKey = PublicKey>,
        B: Blocker<PublicKey = PublicKey>,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let config = marshal_resolver::Config {
            public_key: self.me.clone(),
            peer_provider: manager,
            blocker,
            mailbox_size: MAILBOX,
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            priority_requests: false,
            priority_responses: false,
        };
        marshal_resolver::init(self.context.child("backfill"), config, backfill)
    }

    /// Operations of the state, fetched and served.
    fn state_source<M, B, S, R>(&mut self, manager: M, blocker: B, channel: (S, R)) -> StateSource<E>
    where
        M: AddressableManager<PublicKey = PublicKey>,
        B: Blocker<PublicKey = PublicKey>,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let (source, task) = StateSource::start(&self.context, self.me.clone(), manager, blocker, channel);
        self.tasks.push(("state source", task));
        source
    }

    /// Starts marshal and the application behind it.
    async fn deliver<M, B>(
        &mut self,
        archives: Archives<E>,
        plan: Plan<E>,
        state: StateSource<E>,
        (buffer, missing): (buffered::Mailbox<PublicKey, EngineBlock>, Backfill),
        changing: Option<Changing<E, M, B>>,
    ) -> Delivered<E, M, B>
    where
        M: AddressableManager<PublicKey = PublicKey> + Sync,
        B: Blocker<PublicKey = PublicKey> + Sync,
    {
        let digest = self.genesis.digest();
        let start = plan.marshal_start(Digested::precomputed(self.genesis.clone(), digest));
        let Archives { finalizations, blocks } = archives;
        let context = self.context.child("marshal");
        let config = self.marshal_config(start);
        let (actor, marshal, floor) =
            MarshalActor::<_, Standard<EngineBlock>, _, _, _, _, _>::init(context, finalizations, blocks, config).await;
        let _ = self.core.marshal.set(marshal.clone());
        let config = self.stateful_config((marshal.clone(), floor), plan, state);
        let (stateful, application) = Stateful::new(self.context.child("stateful"), config);
        let (automaton, actors, mailboxes) = match changing {
            None => (self.automaton(Wrapped::OneEpoch(application.clone()), marshal), None, None),
            Some(changing) => {
                let (automaton, actors, mailboxes) = self.change(changing, application.clone(), marshal);
                (automaton, Some(actors), Some(mailboxes))
            }
        };
        let tips = TipObserver { observed: self.observed.clone() };
        // Each of them acknowledges every block: whoever is told later than the first would miss some.
        let node = Reporters::<_, TipObserver>::from((application.clone(), tips));
        let reporters = Reporters::<_, Mailboxes>::from((node, mailboxes));
        self.tasks.push(("marshal", actor.start(reporters, buffer, missing)));
        self.tasks.push(("stateful", stateful.start()));
        Delivered { automaton, stateful: application, actors }
    }

    /// What proposes, verifies and certifies, as agreement knows it.
    fn automaton(&self, application: Wrapped<StatefulMailbox<E>>, marshal: Marshal) -> Automaton<E> {
        let core = &self.core;
        let sightings = self.observed.sightings.clone();
        let paced = Paced::new(application, core.pending.clone(), core.rules.clone(), sightings);
        let context = self.context.child("deferred");
        let deferred = Deferred::new(context, paced, marshal, FixedEpocher::new(self.epoch_blocks));
        let (observed, metrics, witness) = (self.observed.clone(), core.metrics.clone(), self.witness.clone());
        Watched::new(deferred, ActivityObserver { observed, metrics, witness })
    }

    /// Waits until the state stands where marshal has delivered, and gives it to the ledger. A copied state may stand where
    /// the ledger has no block yet: it then begins there.
    async fn attach(&self, stateful: StatefulMailbox<E>) -> Result<(), StartError> {
        let databases = stateful.subscribe_databases().await;
        if self.core.writer.is_copying() {
            let height = stands_at(&databases).await?;
            if height > self.ledger.head().block.height() {
                self.core.begin_ledger_at(height).await?;
            }
            if self.core.writer.is_copying() {
                self.core.writer.set_copying(false).await?;
            }
            tracing::info!(height, "the state is complete");
        }
        loop {
            match self.core.writer.attach(databases.clone()).await {
                Err(LedgerError::Starting { .. }) => self.context.sleep(RECORDING_PAUSE).await,
                attached => return Ok(attached.map(drop)?),
            }
        }
    }

    fn marshal_config(&self, start: marshal::Start<VoteScheme, BlockDigest, Digested<EngineBlock>>) -> MarshalConfig {
        marshal::Config {
            // Certificates of all epochs verify under the network's key.
            provider: ConstantProvider::new(self.schemes.of_certificates()),
            epocher: FixedEpocher::new(self.epoch_blocks),
            start,
            partition_prefix: self.partition("marshal"),
            mailbox_size: MAILBOX,
            view_retention: VIEWS_RETAINED,
            prunable_items_per_section: ITEMS_PER_SECTION,
            page_cache: self.page_cache.clone(),
            replay_buffer: REPLAY_BUFFER,
            key_write_buffer: WRITE_BUFFER,
            value_write_buffer: WRITE_BUFFER,
            block_codec_config: (),
            max_repair: REPAIRS_MAX,
            max_pending_acks: ACKNOWLEDGEMENTS_PENDING_MAX,
            strategy: Sequential,
        }
    }

    fn stateful_config(
        &self,
        marshal: (Marshal, marshal::core::Floor),
        plan: Plan<E>,
        state: StateSource<E>,
    ) -> StatefulConfig<E, Application<E>, Standard<EngineBlock>, StateSource<E>, Sequential> {
        let blocks_retained = self.config.history.blocks_retained;
        // Neither the block at which the copy began nor the last one of an epoch that passed during it is in the ledger, and
        // a node that starts again in that epoch needs them.
        let epoch = self.joined.as_ref().and_then(|_| usize::try_from(self.epoch_blocks.get()).ok());
        let marshal_blocks_retained = blocks_retained.max(epoch.unwrap_or_default());
        let max_outstanding_requests = state.requests_max();
        StatefulConfig {
            application: Application(self.core.clone()),
            db_config: database_config(&self.config.partition_prefix, self.page_cache.clone(), self.hashing.clone()),
            provider: (),
            marshal,
            mailbox_size: MAILBOX,
            plan,
            resolvers: state,
            sync_config: SyncEngineConfig {
                fetch_batch_size: OPERATIONS_MAX,
                apply_batch_size: OPERATIONS_MAX,
                max_outstanding_requests,
            },
            // It remembers the targets of all retained blocks in memory, and prunes nothing before there are as many.
            prune_config: Some(PruneConfig {
                maintenance_interval: NonZeroUsize::new(blocks_retained.min(PRUNE_INTERVAL_MAX))
                    .unwrap_or(NonZeroUsize::MIN),
                retained_marshal_blocks: marshal_blocks_retained,
                retained_qmdb_blocks: blocks_retained,
            }),
            strategy: Sequential,
        }
    }

    async fn follow_membership<M>(&mut self, peers: Peers<M>)
    where
        M: AddressableManager<PublicKey = PublicKey> + Sync,
    {
        let following = membership::follow(
            self.context.child("membership"),
            self.ledger.clone(),
            self.config.genesis.clone(),
            peers,
        );
        self.tasks.push(("membership", following.await));
    }

    /// How a committee agrees, in one epoch for ever or in each of many.
    fn voting(&self) -> dkg::orchestrator::SimplexConfig<Turns> {
        let timing = self.core.timing;
        dkg::orchestrator::SimplexConfig {
            elector: Turns,
            mailbox_size: MAILBOX,
            replay_buffer: REPLAY_BUFFER,
            write_buffer: WRITE_BUFFER,
            page_cache: self.page_cache.clone(),
            leader_timeout: timing.leader_timeout,
            certification_timeout: timing.certification_timeout,
            timeout_retry: timing.retry,
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            view_retention: VIEWS_RETAINED,
            skip: SkipPolicy::Enabled { timeout: timing.skip_after, budget: SkipBudget::Participants },
            track_historical_votes: true,
            forward: ForwardPolicy::SilentLeader,
        }
    }

    /// Starts to vote, or to follow the votes of others: from the certificate that the state is copied at, if it is.
    fn agree<B, S, R>(&mut self, agreement: Agreement<E, B, S, R>)
    where
        B: Blocker<PublicKey = PublicKey> + Sync,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let Agreement { automaton, floor, gate, blocker, votes, certificates, resolver } = agreement;
        let Some(scheme) = self.schemes.of(Epoch::zero()) else { return };
        let voting = self.voting();
        let config = simplex::Config {
            scheme: scheme.as_ref().clone(),
            elector: voting.elector,
            blocker,
            automaton: automaton.clone(),
            relay: automaton.clone(),
            reporter: automaton,
            track_historical_votes: voting.track_historical_votes,
            strategy: Sequential,
            partition: self.partition("simplex"),
            mailbox_size: voting.mailbox_size,
            epoch: Epoch::zero(),
            // Where a copied state begins, and up to where votes may have been cast that nobody remembers: the later of both.
            floor: [floor, self.config.floor.clone().map(of_engine)]
                .into_iter()
                .flatten()
                .max_by_key(|finalization| finalization.round())
                .map_or_else(|| Floor::Genesis(self.genesis.digest()), Floor::Finalized),
            replay_buffer: voting.replay_buffer,
            write_buffer: voting.write_buffer,
            page_cache: voting.page_cache,
            leader_timeout: voting.leader_timeout,
            certification_timeout: voting.certification_timeout,
            timeout_retry: voting.timeout_retry,
            view_retention: voting.view_retention,
            skip: voting.skip,
            fetch_timeout: voting.fetch_timeout,
            fetch_retry_delay: voting.fetch_retry_delay,
            forward: voting.forward,
        };
        let engine = simplex::Engine::new(self.context.child("simplex"), config);
        let task = match gate {
            None => engine.start(votes, certificates, resolver),
            Some(gate) => gate.then(&self.context, move || engine.start(votes, certificates, resolver)),
        };
        self.tasks.push(("simplex", task));
    }

    /// Starts to watch the connections. A look costs a message's worth of the channel's quota, and who has none left is
    /// not seen: `sender` is one that never comes near its quota.
    fn watch<S: Sender<PublicKey = PublicKey>>(&mut self, sender: S) {
        let (observed, pending) = (self.observed.clone(), self.core.pending.clone());
        let watch = start_watching(self.context.child("watch"), observed, pending, self.core.metrics.clone(), sender);
        self.tasks.push(("watch", watch));
    }

    /// Tells other nodes of votes for something else than a quorum wants, and hears what they tell.
    fn exchange_evidence<B, S, R>(&mut self, blocker: B, (sender, receiver): (S, R))
    where
        B: Blocker<PublicKey = PublicKey> + Sync,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let Some(votes) = self.telling.take() else { return };
        let telling = telling::start_telling(self.context.child("evidence_out"), votes, sender);
        let (context, witness) = (self.context.child("evidence_in"), self.witness.clone());
        let listening = telling::start_listening(context, witness, receiver, blocker);
        self.tasks.extend([("evidence out", telling), ("evidence in", listening)]);
    }

    /// Starts to exchange transactions with other nodes.
    fn exchange<B, S, R>(&mut self, blocker: B, (sender, receiver): (S, R)) -> Admissions
    where
        B: Blocker<PublicKey = PublicKey> + Sync,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let (context, core) = (&self.context, &self.core);
        let (pending, metrics) = (core.pending.clone(), core.metrics.clone());
        let clock = context.child("clock");
        let admissions =
            Admissions::new(self.ledger.clone(), core.pool().clone(), core.chain_id, core.rules.clone(), clock);
        let validators = self.schemes.current().clone();
        let listener = pending.start_listening(context.child("pool_listener"));
        let sending = gossip::start_sending(
            context.child("gossip_out"),
            pending,
            admissions.clone(),
            (validators.clone(), self.me.clone()),
            sender,
            metrics.clone(),
        );
        let receiving = gossip::start_receiving(
            context.child("gossip_in"),
            admissions.clone(),
            validators,
            receiver,
            blocker,
            core.threads,
            metrics,
        );
        self.tasks.extend([("pool listener", listener), ("gossip out", sending), ("gossip in", receiving)]);
        admissions
    }

    fn into_node(self, admissions: Admissions) -> Node {
        let (context, encoder) = (self.context.child("stop"), self.context.child("metrics"));
        let stop = move || {
            let stopping = async move {
                let _ = context.stop(0, Some(STOP_TIMEOUT)).await;
            };
            stopping.boxed()
        };
        Node::new(node::Inner {
            genesis: self.config.genesis.clone(),
            genesis_hash: self.genesis.inner().hash(),
            node_key: self.config.secret.public_key(),
            schemes: self.schemes,
            ledger: self.ledger,
            admissions,
            observed: self.observed,
            listed: self.listed,
            started_ms: crate::clock::now_ms(&self.context),
            metrics: self.core.metrics.clone(),
            encode_metrics: Box::new(move || encoder.encode()),
            begun_before: self.begun_before,
            ended: node::shared(first_to_end(self.tasks)),
            stop: Mutex::new(Some(Box::new(stop))),
        })
    }
}

type MarshalConfig = marshal::Config<
    ConstantProvider<VoteScheme, Epoch>,
    FixedEpocher,
    Sequential,
    EngineBlock,
    Digested<EngineBlock>,
    BlockDigest,
>;

/// Names the first part that ends. None does while the node is well.
async fn first_to_end(tasks: Vec<(&'static str, Handle<()>)>) -> Arc<str> {
    let waiting = tasks.into_iter().map(|(name, handle)| handle.map(move |end| (name, end)).boxed());
    let ((name, end), _, _) = select_all(waiting).await;
    match end {
        Ok(()) => format!("{name} ended").into(),
        Err(error) => format!("{name} ended: {error}").into(),
    }
}
