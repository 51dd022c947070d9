//! A machine's own clock and disk, between a node and the simulation's runtime.
//!
//! The runtime has one clock and one disk for all machines, and loses power everywhere at once. What happens to one machine
//! alone happens here: its clock is wrong, its disk is full or fails now and then.

use commonware_p2p::{LimitedSender, Message, Receiver, Recipients};
use commonware_parallel::Rayon;
use commonware_runtime::{
    Blob, BlobVersion, Clock, Error, Handle, IoBufs, IoBufsMut, Metrics, Name, Network, ReadOptions, SinkOf, Spawner,
    Storage, Strategizer, StreamOf, Supervisor, WriteOptions, deterministic, signal::Signal, telemetry::metrics,
};
use florin_consensus::{PastVotes, Verdict};
use florin_proof::Finalization;
use futures::{FutureExt as _, future::Either};
use parking_lot::Mutex;
use rand::{RngExt as _, TryCryptoRng, TryRng};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    convert::Infallible,
    fmt::{self, Display},
    future::Future,
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A century, for who waits for ever.
const SLEEP_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);
/// When a dead process sends again, since 1970.
const NEVER: Duration = Duration::from_secs(1 << 33);
/// How long a message waits at most for the next one to overtake it.
const HELD_MAX: Duration = Duration::from_millis(250);

/// What is wrong with a machine beside its process and its links. Shared by all lives of the machine.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    /// How far its clock is ahead of the true time, in milliseconds.
    clock_ahead_ms: AtomicI64,
    /// One in so many operations that change the disk fails: 0 none, 1 all of them, as on a full one.
    disk_fails_each: AtomicU64,
    /// Whether the disk only says that it has written through.
    lies: AtomicBool,
    /// Whether it gets no answer when it asks for the state.
    state_withheld: AtomicBool,
    /// The disk that it has now.
    disk: AtomicU64,
    /// Disks that it has had, and copies of them.
    disks: AtomicU64,
    /// The copy that was made last.
    image: AtomicU64,
    /// Names of the places on its disks.
    places: Mutex<BTreeSet<String>>,
    /// Whether it has come back with an old disk: what it signed meanwhile it does not know, and perhaps nobody tells.
    forgot: AtomicBool,
    /// How it stands with the votes on each of its disks; where nothing is said, it votes.
    standings: Mutex<BTreeMap<u64, Standing>>,
    /// What its process knows of the votes that it does not know, and when that began, by a clock that nobody sets.
    waits: Mutex<Option<(PastVotes, SystemTime)>>,
    /// Such operations so far.
    changes: AtomicU64,
    /// So many of them until the process dies in the midst of one; 0: it does not.
    dies_after: AtomicU64,
    /// Whether it died so: nothing of it reaches the disk or the network any more.
    is_dead: AtomicBool,
    /// Whether the disk failed, or might have, since the machine was started.
    spoilt: AtomicBool,
    /// Whether a task of its node has panicked, which ends the process of a real one.
    faulted: AtomicBool,
}

/// How it stands with a validator's votes, as the program notes it on the disk.
#[derive(Clone, Debug)]
pub(crate) enum Standing {
    /// Those that are not known are at or below this.
    Votes(Option<Box<Finalization>>),
    /// They are not known.
    Waits,
}

impl Condition {
    pub(crate) fn set_clock(&self, ahead_ms: i64) {
        self.clock_ahead_ms.store(ahead_ms, Ordering::Relaxed);
    }

    pub(crate) fn set_disk(&self, fails_each: u64) {
        self.disk_fails_each.store(fails_each, Ordering::Relaxed);
        self.spoilt.fetch_or(fails_each > 0, Ordering::Relaxed);
    }

    /// The process dies when it changes the disk for the time after so many.
    pub(crate) fn dies_after(&self, changes: u64) {
        self.dies_after.store(changes, Ordering::Relaxed);
    }

    /// Whether its process has died in the midst of a change, and nobody has taken it away.
    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// What was left of its process is gone.
    pub(crate) fn is_taken_away(&self) {
        self.dies_after.store(0, Ordering::Relaxed);
        self.is_dead.store(false, Ordering::Relaxed);
    }

    pub(crate) fn let_disk_lie(&self) {
        self.lies.store(true, Ordering::Relaxed);
    }

    pub(crate) fn withhold_state(&self, withheld: bool) {
        self.state_withheld.store(withheld, Ordering::Relaxed);
    }

    pub(crate) fn state_is_withheld(&self) -> bool {
        self.state_withheld.load(Ordering::Relaxed)
    }

    /// Its disk is gone; it gets an empty one. It must not run.
    pub(crate) fn replace_disk(&self) {
        self.disk.store(self.another_disk(), Ordering::Relaxed);
        self.stand(Standing::Waits);
    }

    /// Copies its disk. It must not run. `prefix` is what the names of places on a disk begin with.
    pub(crate) async fn keep_disk(
        &self,
        storage: &deterministic::Context,
        prefix: impl Fn(u64) -> String,
    ) -> Result<(), Error> {
        let image = self.another_disk();
        let (from, to) = (prefix(self.disk()), prefix(image));
        for place in self.places_of(&from) {
            let copy = place.replacen(&from, &to, 1);
            copy_place(storage, &place, &copy).await?;
            self.places.lock().insert(copy);
        }
        self.image.store(image, Ordering::Relaxed);
        let standing = self.standing();
        self.standings.lock().insert(image, standing);
        Ok(())
    }

    /// The copy that was made last takes the place of its disk; there is none if it was never copied. It must not run.
    pub(crate) fn use_old_disk(&self) -> bool {
        let image = self.image.swap(0, Ordering::Relaxed);
        if image > 0 {
            self.disk.store(image, Ordering::Relaxed);
            self.forgot.store(true, Ordering::Relaxed);
        }
        image > 0
    }

    /// Removes from its disk the votes that it has cast, as a process does that begins to wait. `prefix` is what the names of their
    /// places begin with.
    pub(crate) async fn forget_votes(&self, storage: &deterministic::Context, prefix: &str) -> Result<(), Error> {
        for place in self.places_of(prefix) {
            match storage.remove(&place, None).await {
                Ok(()) | Err(Error::PartitionMissing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether it has ever opened a place whose name begins so.
    pub(crate) fn has_places(&self, prefix: &str) -> bool {
        self.places.lock().iter().any(|place| place.starts_with(prefix))
    }

    /// Places whose names begin so.
    fn places_of(&self, prefix: &str) -> Vec<String> {
        self.places.lock().iter().filter(|place| place.starts_with(prefix)).cloned().collect()
    }

    /// A true time as the machine's clock has it.
    fn own_time(&self, time: SystemTime) -> SystemTime {
        let ahead_ms = self.clock_ahead_ms.load(Ordering::Relaxed);
        let wrong = Duration::from_millis(ahead_ms.unsigned_abs());
        if ahead_ms < 0 { time - wrong } else { time + wrong }
    }

    fn another_disk(&self) -> u64 {
        self.disks.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Whether it may contradict what it said before.
    pub(crate) fn forgot(&self) -> bool {
        self.forgot.load(Ordering::Relaxed)
    }

    /// The others have shown it votes that its old disk does not know: its process ends, and it votes when they are past. Where the disk
    /// is none that was put back it must know all of them: then nothing excuses that it ends.
    pub(crate) fn be_told(&self) {
        self.stand(Standing::Waits);
        self.spoilt.fetch_or(self.forgot(), Ordering::Relaxed);
    }

    /// How it stands with its votes.
    pub(crate) fn standing(&self) -> Standing {
        self.standings.lock().get(&self.disk()).cloned().unwrap_or(Standing::Votes(None))
    }

    /// Notes how it stands with its votes, durably.
    pub(crate) fn stand(&self, standing: Standing) {
        self.standings.lock().insert(self.disk(), standing);
    }

    /// Its process begins at this true time, and waits until the votes are past that it does not know.
    pub(crate) fn begins_to_wait(&self, now: SystemTime) {
        *self.waits.lock() = Some((PastVotes::before(self.shows_ms(now)), now));
    }

    /// What a certified block of this time says to its process at this true time, if that waits.
    pub(crate) fn judge(&self, certified_ms: u64, now: SystemTime) -> Option<Verdict> {
        let mut waits = self.waits.lock();
        let (past, since) = waits.as_mut()?;
        let elapsed_ms = now.duration_since(*since).map_or(0, |elapsed| elapsed.as_millis() as u64);
        Some(past.judge(certified_ms, self.shows_ms(now), elapsed_ms))
    }

    /// Whether its process waits.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waits.lock().is_some()
    }

    /// Its process waits no more, or has ended.
    pub(crate) fn waits_no_more(&self) {
        *self.waits.lock() = None;
    }

    fn shows_ms(&self, now: SystemTime) -> u64 {
        self.own_time(now).duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
    }

    /// Which of its disks it has now.
    pub(crate) fn disk(&self) -> u64 {
        self.disk.load(Ordering::Relaxed)
    }

    /// Whether its process has ended by a panic that nobody has seen yet.
    pub(crate) fn take_fault(&self) -> bool {
        self.faulted.swap(false, Ordering::Relaxed)
    }

    fn lies(&self) -> bool {
        self.lies.load(Ordering::Relaxed)
    }

    pub(crate) fn disk_is_broken(&self) -> bool {
        self.disk_fails_each.load(Ordering::Relaxed) > 0
    }

    /// Whether its disk is a reason for a node to end.
    pub(crate) fn may_end(&self) -> bool {
        self.spoilt.load(Ordering::Relaxed)
    }

    /// The machine starts: what was is over.
    pub(crate) fn starts(&self) {
        self.spoilt.store(self.disk_is_broken(), Ordering::Relaxed);
    }

    /// Whether the disk takes one more change. Never ends in a process that is dead.
    async fn change(&self, place: &str) -> Result<(), Error> {
        let left = self.dies_after.load(Ordering::Relaxed);
        if left > 0 {
            self.dies_after.store(left - 1, Ordering::Relaxed);
            self.is_dead.fetch_or(left == 1, Ordering::Relaxed);
        }
        if self.is_dead() {
            futures::future::pending::<()>().await;
        }
        let each = self.disk_fails_each.load(Ordering::Relaxed);
        if each == 0 || !self.changes.fetch_add(1, Ordering::Relaxed).is_multiple_of(each) {
            return Ok(());
        }
        let full = io::Error::new(io::ErrorKind::StorageFull, "no space left on the simulated disk");
        Err(Error::BlobSyncFailed(place.to_owned(), String::new(), Arc::new(full)))
    }
}

/// Copies what lies in one place to another one, where nothing is yet.
async fn copy_place(storage: &deterministic::Context, from: &str, to: &str) -> Result<(), Error> {
    let names = match storage.scan(from).await {
        Err(Error::PartitionMissing(_)) => return Ok(()),
        names => names?,
    };
    let any = BlobVersion::new(0)..=BlobVersion::new(u16::MAX);
    for name in names {
        let mut tries = 1_000;
        let (original, length, version) = loop {
            match storage.open_versioned(from, &name, any.clone()).await {
                // Tasks that were aborted hold what they had open until the runtime has dropped them.
                Err(Error::BlobAlreadyOpen(..)) if tries > 0 => storage.sleep(Duration::from_millis(1)).await,
                opened => break opened?,
            }
            tries -= 1;
        };
        let (copy, _, _) = storage.open_versioned(to, &name, version..=version).await?;
        let bytes = original.read_at(0, usize::try_from(length).unwrap_or(usize::MAX), ReadOptions::default()).await?;
        copy.write_at(0, bytes, WriteOptions::SYNC).await?;
    }
    Ok(())
}

/// What a node of a simulated machine runs on.
pub(crate) struct Hardware {
    inner: deterministic::Context,
    condition: Arc<Condition>,
}

impl Hardware {
    pub(crate) fn new(inner: deterministic::Context, condition: Arc<Condition>) -> Self {
        Self { inner, condition }
    }

    fn with(&self, inner: deterministic::Context) -> Self {
        Self { inner, condition: self.condition.clone() }
    }
}

impl Supervisor for Hardware {
    fn name(&self) -> Name {
        self.inner.name()
    }

    fn child(&self, label: &'static str) -> Self {
        self.with(self.inner.child(label))
    }

    fn with_attribute(self, key: &'static str, value: impl Display) -> Self {
        Self { inner: self.inner.with_attribute(key, value), condition: self.condition }
    }
}

impl Spawner for Hardware {
    fn shared(self, blocking: bool) -> Self {
        Self { inner: self.inner.shared(blocking), condition: self.condition }
    }

    fn dedicated(self) -> Self {
        Self { inner: self.inner.dedicated(), condition: self.condition }
    }

    fn spawn<F, Fut, T>(self, f: F) -> Handle<T>
    where
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let condition = self.condition;
        self.inner.spawn(move |inner| {
            let machine = condition.clone();
            AssertUnwindSafe(f(Self { inner, condition })).catch_unwind().map(move |ended| {
                ended.unwrap_or_else(|fault| {
                    machine.faulted.store(true, Ordering::Relaxed);
                    resume_unwind(fault)
                })
            })
        })
    }

    fn stop(self, value: i32, timeout: Option<Duration>) -> impl Future<Output = Result<(), Error>> + Send {
        self.inner.stop(value, timeout)
    }

    fn stopped(&self) -> Signal {
        self.inner.stopped()
    }
}

impl Strategizer for Hardware {
    fn strategy(&self, parallelism: NonZeroUsize) -> Rayon {
        self.inner.strategy(parallelism)
    }
}

impl Metrics for Hardware {
    fn register<N: Into<String>, H: Into<String>, M: metrics::Metric>(
        &self,
        name: N,
        help: H,
        metric: M,
    ) -> metrics::Registered<M> {
        self.inner.register(name, help, metric)
    }

    fn encode(&self) -> String {
        self.inner.encode()
    }
}

impl Clock for Hardware {
    fn current(&self) -> SystemTime {
        self.condition.own_time(self.inner.current())
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.inner.sleep(duration)
    }

    /// As on a real machine: how long that is, is worked out once, and a clock that is set in the meantime changes nothing.
    fn sleep_until(&self, deadline: SystemTime) -> impl Future<Output = ()> + Send + 'static + use<> {
        let duration = deadline.duration_since(self.current()).unwrap_or_default();
        // Who waits for ever says the last moment that there is, which a clock that is behind makes later still.
        self.inner.sleep(duration.min(SLEEP_MAX))
    }
}

/// A sender that says by its machine's own clock when it may send again, as a real one does: the simulated network knows the true time
/// alone. One of a dead process sends nothing. A machine whose clock is ahead would else try again and again until then, and one whose clock is behind wait for an hour.
#[derive(Clone)]
pub(crate) struct Limited<S> {
    sender: S,
    condition: Arc<Condition>,
}

impl<S> Limited<S> {
    pub(crate) fn new(sender: S, condition: Arc<Condition>) -> Self {
        Self { sender, condition }
    }
}

impl<S: LimitedSender> LimitedSender for Limited<S> {
    type PublicKey = S::PublicKey;
    type Checked<'a> = S::Checked<'a>;

    fn check(&mut self, recipients: Recipients<S::PublicKey>) -> Result<S::Checked<'_>, SystemTime> {
        if self.condition.is_dead() {
            return Err(self.condition.own_time(SystemTime::UNIX_EPOCH + NEVER));
        }
        self.sender.check(recipients).map_err(|again| self.condition.own_time(again))
    }
}

/// A receiver to which some messages come twice, and some after the next one.
pub(crate) struct Disordered<R: Receiver> {
    receiver: R,
    context: deterministic::Context,
    /// How many of a thousand messages.
    per_mille: u32,
    /// What comes next.
    waiting: VecDeque<Message<R::PublicKey>>,
    /// What the next one overtakes.
    held: Option<Message<R::PublicKey>>,
}

impl<R: Receiver> Disordered<R> {
    pub(crate) fn new(receiver: R, context: deterministic::Context, per_mille: u32) -> Self {
        Self { receiver, context, per_mille, waiting: VecDeque::new(), held: None }
    }
}

impl<R: Receiver> fmt::Debug for Disordered<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Disordered").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}

impl<R: Receiver> Receiver for Disordered<R> {
    type Error = R::Error;
    type PublicKey = R::PublicKey;

    /// What is held stays in its place when somebody gives up waiting: no message is lost by that.
    async fn recv(&mut self) -> Result<Message<R::PublicKey>, R::Error> {
        if let Some(message) = self.waiting.pop_front() {
            return Ok(message);
        }
        if self.held.is_none() {
            let message = self.receiver.recv().await?;
            if self.per_mille == 0 || self.context.random_range(0..1_000) >= self.per_mille {
                return Ok(message);
            }
            if self.context.random() {
                self.waiting.push_back(message.clone());
                return Ok(message);
            }
            self.held = Some(message);
        }
        // Where nothing comes after it, it is late and nothing else.
        let late = self.context.sleep(HELD_MAX);
        let next = {
            let next = self.receiver.recv();
            futures::pin_mut!(next, late);
            match futures::future::select(next, late).await {
                Either::Left((next, _)) => Some(next?),
                Either::Right(_) => None,
            }
        };
        self.waiting.extend(self.held.take());
        match next {
            Some(next) => Ok(next),
            None => self.waiting.pop_front().map_or_else(|| unreachable!("it was held"), Ok),
        }
    }

    fn capacity(&self) -> NonZeroUsize {
        self.receiver.capacity()
    }
}

impl governor::clock::Clock for Hardware {
    type Instant = SystemTime;

    fn now(&self) -> SystemTime {
        self.current()
    }
}

impl governor::clock::ReasonablyRealtime for Hardware {}

impl TryRng for Hardware {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.inner.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.inner.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.inner.try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for Hardware {}

impl Network for Hardware {
    type Listener = <deterministic::Context as Network>::Listener;

    async fn bind(&self, socket: SocketAddr) -> Result<Self::Listener, Error> {
        self.inner.bind(socket).await
    }

    async fn dial(&self, socket: SocketAddr) -> Result<(SinkOf<Self>, StreamOf<Self>), Error> {
        self.inner.dial(socket).await
    }
}

impl Storage for Hardware {
    type Blob = File;

    async fn open_versioned(
        &self,
        partition: &str,
        name: &[u8],
        versions: RangeInclusive<BlobVersion>,
    ) -> Result<(File, u64, BlobVersion), Error> {
        let (inner, size, version) = self.inner.open_versioned(partition, name, versions).await?;
        self.condition.places.lock().insert(partition.to_owned());
        Ok((File { inner, place: partition.into(), condition: self.condition.clone() }, size, version))
    }

    async fn remove(&self, partition: &str, name: Option<&[u8]>) -> Result<(), Error> {
        self.inner.remove(partition, name).await
    }

    async fn scan(&self, partition: &str) -> Result<Vec<Vec<u8>>, Error> {
        self.inner.scan(partition).await
    }
}

/// A file on a machine's disk.
pub(crate) struct File {
    inner: <deterministic::Context as Storage>::Blob,
    place: Arc<str>,
    condition: Arc<Condition>,
}

impl Blob for File {
    async fn read_at_buf(
        &self,
        offset: u64,
        len: usize,
        bufs: impl Into<IoBufsMut> + Send,
        options: ReadOptions,
    ) -> Result<IoBufsMut, Error> {
        self.inner.read_at_buf(offset, len, bufs, options).await
    }

    async fn read_at(&self, offset: u64, len: usize, options: ReadOptions) -> Result<IoBufsMut, Error> {
        self.inner.read_at(offset, len, options).await
    }

    async fn write_at(&self, offset: u64, bufs: impl Into<IoBufs> + Send, options: WriteOptions) -> Result<(), Error> {
        self.condition.change(&self.place).await?;
        let options = if self.condition.lies() { options.without(WriteOptions::SYNC) } else { options };
        self.inner.write_at(offset, bufs, options).await
    }

    async fn resize(&self, len: u64) -> Result<(), Error> {
        self.condition.change(&self.place).await?;
        self.inner.resize(len).await
    }

    async fn sync(&self) -> Result<(), Error> {
        self.condition.change(&self.place).await?;
        if self.condition.lies() { Ok(()) } else { self.inner.sync().await }
    }

    async fn start_sync(&self) -> Handle<()> {
        match self.condition.change(&self.place).await {
            Ok(()) if self.condition.lies() => Handle::ready(Ok(())),
            Ok(()) => self.inner.start_sync().await,
            Err(error) => Handle::ready(Err(error)),
        }
    }
}
