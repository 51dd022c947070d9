//! The operations of the state over the network: fetched from peers while this node copies, served to them afterwards.
//!
//! The engine's own channel for this carries operations of one size only; ours differ with the values that they write. So
//! an answer may hold fewer operations than were asked for, as many as fit, and the engine asks for the rest.
//!
//! **Limits.** 1,024 operations and 4 MiB an answer, four answers in work at a time, sixteen questions on their way. What
//! does not decode within these bounds, or does not fit the root, blocks who sent it. A node that is busy, or has not the
//! size that is asked for, does not answer; who asks asks another.

use super::given::Given;
use crate::runtime::Runtime;
use bytes::Bytes;
use commonware_codec::DecodeExt as _;
use commonware_cryptography::ed25519::PublicKey;
use commonware_glue::stateful::db::AttachableResolver;
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_resolver::{Consumer, Delivery, Fetch, Resolver as _, p2p};
use commonware_runtime::Handle;
use commonware_storage::{
    merkle::Location,
    qmdb::sync::{Feedback, Response, Source, source},
};
use commonware_utils::{
    NZDuration, NZUsize,
    channel::{mpsc, oneshot},
};
use florin_proof::{Family, StateDigest};
use florin_state::{
    Databases, Db, OPERATIONS_BYTES_MAX, OPERATIONS_MAX, OperationsAnswer as Answer, OperationsQuestion as Key,
    StateOperation as Operation, decode_operations, serve_operations,
};
use std::{
    cmp::Ordering as Order,
    num::NonZeroUsize,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Questions on their way to peers.
const REQUESTS_MAX: NonZeroUsize = NZUsize!(16);
/// Answers in work at a time.
const SERVING_MAX: usize = 4;
const MAILBOX: NonZeroUsize = NZUsize!(256);
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const FETCH_RETRY: Duration = Duration::from_millis(100);
/// Operations between two lines in the log.
const OPERATIONS_PER_LINE: u64 = 262_144;

/// Bytes of the longest message.
pub(crate) fn message_bytes_max() -> usize {
    p2p::max_message_size::<Key>(OPERATIONS_BYTES_MAX)
}

/// Where the engine gets operations from. Clones share everything.
pub(crate) struct StateSource<E: Runtime> {
    context: Arc<E>,
    requests: p2p::Mailbox<Key, PublicKey, Subscriber>,
    serving: Serving<E>,
    asked: Arc<AtomicU64>,
    fetched: Arc<AtomicU64>,
    /// Instead of peers.
    given: Option<Arc<Given>>,
}

impl<E: Runtime> Clone for StateSource<E> {
    fn clone(&self) -> Self {
        Self {
            context: self.context.clone(),
            requests: self.requests.clone(),
            serving: self.serving.clone(),
            asked: self.asked.clone(),
            fetched: self.fetched.clone(),
            given: self.given.clone(),
        }
    }
}

/// Why no answer comes any more.
#[derive(Debug, thiserror::Error)]
#[error("the network was closed while the state was copied: start the node again, it goes on from there")]
pub(crate) struct Closed;

impl<E: Runtime> StateSource<E> {
    /// Starts to fetch and to serve.
    pub(crate) fn start(
        context: &E,
        me: PublicKey,
        peers: impl Provider<PublicKey = PublicKey>,
        blocker: impl Blocker<PublicKey = PublicKey>,
        channel: (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
    ) -> (Self, Handle<()>) {
        let shared = Arc::new(context.child("state_source"));
        let served = Served { context: shared.clone(), databases: OnceLock::new(), slots: Arc::default() };
        let serving = Serving(Arc::new(served));
        let config = p2p::Config {
            peer_provider: peers,
            blocker,
            consumer: Deliveries { context: shared.clone() },
            producer: serving.clone(),
            mailbox_size: MAILBOX,
            me: Some(me),
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            priority_requests: false,
            priority_responses: false,
        };
        let (engine, requests) = p2p::Engine::new(context.child("state_requests"), config);
        let (asked, fetched) = (Arc::default(), Arc::default());
        let source = Self { context: shared, requests, serving, asked, fetched, given: None };
        (source, engine.start(channel))
    }

    /// The same, but it takes the state from parts that somebody kept.
    pub(crate) fn with(self, given: Given) -> Self {
        Self { given: Some(Arc::new(given)), ..self }
    }

    /// Questions that may be on their way. Kept parts come in their order, one at a time.
    pub(crate) fn requests_max(&self) -> NonZeroUsize {
        if self.given.is_some() { NonZeroUsize::MIN } else { REQUESTS_MAX }
    }

    /// Ends a request as soon as nobody waits for its answer.
    fn retire_when_closed(&self, subscriber: Subscriber) {
        let mut requests = self.requests.clone();
        self.context.child("retire").spawn(move |_| async move {
            subscriber.answers.closed().await;
            requests.retain(move |_, other| other.number != subscriber.number);
        });
    }

    fn count(&self, answer: &Answer) {
        let Response::Operations { operations, .. } = answer else { return };
        let more = u64::try_from(operations.len()).unwrap_or(u64::MAX);
        let before = self.fetched.fetch_add(more, Ordering::Relaxed);
        let fetched = before.saturating_add(more);
        if before / OPERATIONS_PER_LINE != fetched / OPERATIONS_PER_LINE {
            tracing::info!(operations = fetched, "copying the state");
        }
    }
}

impl<E: Runtime> Source for StateSource<E> {
    type Family = Family;
    type Digest = StateDigest;
    type Op = Operation;
    type Error = Closed;

    async fn serve(&self, request: Key) -> source::Result<Self> {
        if let Some(given) = &self.given {
            let answer = given.answer(&request).await;
            self.count(&answer);
            return Ok((answer, None));
        }
        let (answers, mut received) = mpsc::channel(1);
        let subscriber = Subscriber { number: self.asked.fetch_add(1, Ordering::Relaxed), answers };
        self.retire_when_closed(subscriber.clone());
        let fetch = Fetch { key: request, subscriber, span: tracing::Span::none() };
        self.requests.clone().fetch(fetch);
        let (answer, verdict) = received.recv().await.ok_or(Closed)?;
        self.count(&answer);
        Ok((answer, Some(Feedback::new(verdict, received))))
    }
}

impl<E: Runtime> AttachableResolver<Db<E>> for StateSource<E> {
    /// The state is complete: it is served from now on.
    async fn attach_database(&self, database: Databases<E>) {
        let _ = self.serving.0.databases.set(database);
    }
}

/// Who waits for an answer.
#[derive(Clone)]
struct Subscriber {
    number: u64,
    answers: mpsc::Sender<(Answer, oneshot::Sender<bool>)>,
}

impl PartialEq for Subscriber {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Subscriber {}

impl PartialOrd for Subscriber {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl Ord for Subscriber {
    fn cmp(&self, other: &Self) -> Order {
        self.number.cmp(&other.number)
    }
}

/// Hands answers to those who wait.
struct Deliveries<E> {
    context: Arc<E>,
}

impl<E> Clone for Deliveries<E> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone() }
    }
}

impl<E: Runtime> Consumer for Deliveries<E> {
    type Key = Key;
    type Value = Bytes;
    type Subscriber = Subscriber;
    type Outcome = bool;

    /// All who wait for one question check the answer against the same root, so the first verdict counts for all.
    fn deliver(&mut self, delivery: Delivery<Key, Subscriber>, value: Bytes) -> oneshot::Receiver<bool> {
        let (verdict, outcome) = oneshot::channel();
        let Some(answer) = decode_operations(&delivery.key, value) else {
            let _ = verdict.send(false);
            return outcome;
        };
        let verdicts: Vec<_> = delivery
            .subscribers
            .into_iter()
            .filter_map(|(subscriber, _)| {
                let (verdict, judged) = oneshot::channel();
                subscriber.answers.try_send((answer.clone(), verdict)).ok().map(|()| judged)
            })
            .collect();
        self.context.child("verdict").spawn(move |_| async move {
            for judged in verdicts {
                if let Ok(valid) = judged.await {
                    let _ = verdict.send(valid);
                    return;
                }
            }
        });
        outcome
    }
}

/// Decodes what another node might send about the state, as a question and as an answer; gives how many operations the
/// question asks for. For fuzzers.
#[doc(hidden)]
pub fn decode_state(message: &[u8]) -> Result<u64, String> {
    let (size, start) = (Location::new(2), Location::new(1));
    for question in [Key::Operations { size, start, max_ops: OPERATIONS_MAX }, Key::Boundary { size, start }] {
        let _ = decode_operations(&question, Bytes::copy_from_slice(message));
    }
    let question = Key::decode(commonware_codec::Copying(message)).map_err(|error| error.to_string())?;
    Ok(question.max_ops().get())
}

/// Answers other nodes, once this one has the state. Clones share everything.
struct Serving<E: Runtime>(Arc<Served<E>>);

struct Served<E: Runtime> {
    context: Arc<E>,
    databases: OnceLock<Databases<E>>,
    /// Has as many owners beside this one as answers are in work.
    slots: Arc<()>,
}

impl<E: Runtime> Clone for Serving<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E: Runtime> p2p::Producer for Serving<E> {
    type Key = Key;

    /// Dropping the sender says that there is no answer here.
    fn produce(&mut self, question: Key) -> oneshot::Receiver<Bytes> {
        let (sender, receiver) = oneshot::channel();
        let Some(databases) = self.0.databases.get().cloned() else { return receiver };
        let slot = self.0.slots.clone();
        if Arc::strong_count(&slot) > SERVING_MAX.saturating_add(1) {
            return receiver;
        }
        self.0.context.child("serve").spawn(move |_| async move {
            // A size that is not here yet, or operations that were dropped: another node may have them.
            if let Ok(answer) = serve_operations(&databases, question).await {
                let _ = sender.send(answer);
            }
            drop(slot);
        });
        receiver
    }
}
