//! WebSocket: many requests at once on one connection, and subscriptions.
//!
//! jsonrpsee starts a task for every message that arrives, however many wait for their answers to be taken. Here a
//! message has a place before it is read and until its answer is written, so that a client that asks faster than it reads
//! waits, and the server's memory does not grow.

use crate::{
    backend::Context,
    budget::Held,
    clients::Caller,
    frames::Frames,
    guard::{Guard, Transport, refused},
    subscriptions::HexIds,
};
use futures::io::{BufReader, BufWriter};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use jsonrpsee::{
    core::middleware::{Batch, BatchEntry, BatchEntryErr, Notification, RpcServiceT},
    server::{
        BoundedSubscriptions, ConnectionId, Extensions, HttpBody, HttpRequest, HttpResponse, MethodCallback,
        MethodResponse, MethodSink, Methods, StopHandle, SubscriptionState, prepare_error,
    },
    types::{
        ErrorCode, ErrorObject, Id, InvalidRequest, Params, Request,
        error::{reject_too_big_batch_request, reject_too_big_request, reject_too_many_subscriptions},
    },
};
use serde_json::value::RawValue;
use soketto::{
    Incoming,
    base::Error as FrameError,
    connection::{Builder, Error as SocketError},
    data::ByteSlice125,
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
};
use tokio_util::{
    compat::{Compat, TokioAsyncReadCompatExt as _},
    sync::CancellationToken,
};

/// How often a client is asked whether it lives.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// Silence after which it does not.
const SILENCE_MAX: Duration = Duration::from_secs(75);
/// How long saying goodbye may take.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);
/// HTTP status.
const BAD_REQUEST: u16 = 400;

type Stream = BufReader<BufWriter<Compat<Frames<TokioIo<Upgraded>>>>>;
type Sender = soketto::Sender<Stream>;
type Receiver = soketto::Receiver<Stream>;

/// Ends a connection whose subscriber can no longer be told everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closer(pub(crate) CancellationToken);

/// Serves WebSocket connections.
#[derive(Clone)]
pub(crate) struct Sockets {
    context: Arc<Context>,
    methods: Methods,
    stop: StopHandle,
    next_id: Arc<AtomicUsize>,
}

/// An answer on its way out, and what it holds until it is written.
struct Outgoing {
    json: Box<RawValue>,
    _held: Held,
    _place: OwnedSemaphorePermit,
}

impl Sockets {
    pub(crate) fn new(context: Arc<Context>, methods: Methods, stop: StopHandle) -> Self {
        Self { context, methods, stop, next_id: Arc::default() }
    }

    /// Answers a handshake, and serves the connection once it is open.
    pub(crate) fn upgrade<B>(&self, mut request: HttpRequest<B>) -> HttpResponse {
        let mut handshake = soketto::handshake::http::Server::new();
        match handshake.receive_request(&request) {
            Ok(response) => {
                let caller = Caller::of(request.extensions());
                let (sockets, upgrade) = (self.clone(), hyper::upgrade::on(&mut request));
                tokio::spawn(async move {
                    match upgrade.await {
                        Ok(upgraded) => {
                            let frames = Frames::new(TokioIo::new(upgraded), caller.clone());
                            let stream = BufReader::new(BufWriter::new(frames.compat()));
                            sockets.serve(handshake.into_builder(stream), caller).await;
                        }
                        Err(error) => tracing::debug!(%error, "rpc.socket.handshake"),
                    }
                });
                response.map(|()| HttpBody::empty())
            }
            Err(error) => {
                let mut response =
                    HttpResponse::new(HttpBody::from(format!("this is no WebSocket handshake: {error}\n")));
                if let Ok(status) = BAD_REQUEST.try_into() {
                    *response.status_mut() = status;
                }
                response
            }
        }
    }

    /// Serves one connection until either side ends it.
    async fn serve(self, mut builder: Builder<Stream>, caller: Caller) {
        let config = &self.context.config;
        let request_bytes_max = config.request_bytes_max as usize;
        builder.set_max_message_size(request_bytes_max);
        builder.set_max_frame_size(request_bytes_max);
        let (mut sender, receiver) = builder.finish();
        let places_max = config.socket_requests_max.max(1) as usize;
        // Every answer has a place already, so that this queue is never full.
        let (answers, outgoing) = mpsc::channel(places_max);
        let (queue, told) = mpsc::channel(config.subscription_backlog_max.max(1) as usize);
        let closer = Closer::default();
        let service = SocketService {
            methods: self.methods.clone(),
            connection: ConnectionId(self.next_id.fetch_add(1, Ordering::Relaxed)),
            subscriptions: BoundedSubscriptions::new(config.subscriptions_per_connection_max),
            queue: MethodSink::new(queue),
            answer_bytes_max: config.socket_response_bytes_max as usize,
        };
        let reader = Reader {
            service: Arc::new(Guard::new(service, self.context.clone(), config.socket_response_bytes_max)),
            places: Arc::new(Semaphore::new(places_max)),
            places_max,
            answers,
            closer: closer.clone(),
            caller,
            batch_requests_max: config.batch_requests_max as usize,
            request_bytes_max: config.request_bytes_max,
        };
        // Whichever ends first ends the others, and with the reader every request that still runs.
        tokio::select! {
            () = reader.read(receiver, self.stop.clone()) => {}
            ended = write(&mut sender, outgoing, told) => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "rpc.socket.write");
                }
            }
            () = closer.0.cancelled() => {}
        }
        let _ = tokio::time::timeout(CLOSE_TIME_MAX, sender.close()).await;
    }
}

/// Writes answers and notifications as they come, and asks whether the client lives.
async fn write(
    sender: &mut Sender,
    mut answers: mpsc::Receiver<Outgoing>,
    mut told: mpsc::Receiver<Box<RawValue>>,
) -> Result<(), SocketError> {
    let mut ping = tokio::time::interval(PING_INTERVAL);
    loop {
        tokio::select! {
            Some(answer) = answers.recv() => send(sender, answer.json).await?,
            Some(json) = told.recv() => send(sender, json).await?,
            _ = ping.tick() => {
                let nothing: &[u8] = &[];
                if let Ok(nothing) = ByteSlice125::try_from(nothing) {
                    sender.send_ping(nothing).await?;
                    sender.flush().await?;
                }
            }
        }
    }
}

async fn send(sender: &mut Sender, json: Box<RawValue>) -> Result<(), SocketError> {
    sender.send_text_owned(String::from(Box::<str>::from(json))).await?;
    sender.flush().await
}

/// The reading half of a connection.
struct Reader {
    service: Arc<Guard<SocketService>>,
    places: Arc<Semaphore>,
    places_max: usize,
    answers: mpsc::Sender<Outgoing>,
    closer: Closer,
    caller: Caller,
    batch_requests_max: usize,
    request_bytes_max: u32,
}

impl Reader {
    /// Runs every message that arrives, until the client goes or the server stops; then lets what runs finish.
    async fn read(self, mut receiver: Receiver, stop: StopHandle) {
        let stopped = stop.shutdown();
        tokio::pin!(stopped);
        let mut running = JoinSet::new();
        loop {
            while running.try_join_next().is_some() {}
            let Ok(place) = self.places.clone().acquire_owned().await else { return };
            let received = tokio::select! {
                received = next(&mut receiver) => received,
                () = &mut stopped => break,
            };
            match received {
                Ok(Some(message)) => drop(running.spawn(self.answer(message, place))),
                Ok(None) => return,
                Err(error) if is_too_large(&error) => {
                    // It ends the connection, and the next one costs an arrival.
                    let error = reject_too_big_request(self.request_bytes_max);
                    self.hand_over(MethodResponse::error(Id::Null, error), place);
                    break;
                }
                Err(error) => return tracing::debug!(%error, "rpc.socket.read"),
            }
        }
        // All places are free once every answer is written.
        let all = u32::try_from(self.places_max).unwrap_or(u32::MAX);
        let _ = self.places.acquire_many(all).await;
    }

    /// Answers one message.
    fn answer(&self, message: Vec<u8>, place: OwnedSemaphorePermit) -> impl Future<Output = ()> + Send + use<> {
        let (service, answers) = (self.service.clone(), self.answers.clone());
        let mut extensions = Extensions::new();
        extensions.insert(Transport::WebSocket);
        extensions.insert(self.closer.clone());
        extensions.insert(self.caller.clone());
        let batch_requests_max = self.batch_requests_max;
        async move {
            let response = run(&*service, &message, &extensions, batch_requests_max).await;
            drop(message);
            // A subscription has been answered through its own queue, in order with what it tells.
            if response.is_method_call() || response.is_batch() {
                let (json, _, mut extensions) = response.into_parts();
                let _ = answers
                    .send(Outgoing { json, _held: extensions.remove().unwrap_or_default(), _place: place })
                    .await;
            }
        }
    }

    fn hand_over(&self, response: MethodResponse, place: OwnedSemaphorePermit) {
        // There is room: the place is ours. A closed queue means that nobody will read this.
        let _ = self.answers.try_send(Outgoing { json: response.into_json(), _held: Held::default(), _place: place });
    }
}

/// The next message; none when the client closes.
async fn next(receiver: &mut Receiver) -> Result<Option<Vec<u8>>, SocketError> {
    let mut message = Vec::new();
    loop {
        let received = tokio::time::timeout(SILENCE_MAX, receiver.receive(&mut message));
        match received.await.map_err(|_| SocketError::Closed)?? {
            Incoming::Data(_) => return Ok(Some(message)),
            Incoming::Pong(_) => {}
            Incoming::Closed(_) => return Ok(None),
        }
    }
}

fn is_too_large(error: &SocketError) -> bool {
    matches!(error, SocketError::MessageTooLarge { .. } | SocketError::Codec(FrameError::PayloadTooLarge { .. }))
}

/// Answers a message that is no request, which counts as one: whoever sends nothing else has bounds too.
fn no_request<'a>(extensions: &Extensions, id: Id<'_>, error: impl Into<ErrorObject<'a>>) -> MethodResponse {
    match Caller::of(extensions).take_requests(1) {
        Ok(()) => MethodResponse::error(id, error),
        Err(refusal) => refused(id.into_owned(), refusal),
    }
}

/// Runs what a message asks for: one request, or a batch.
async fn run<S>(service: &S, message: &[u8], extensions: &Extensions, batch_requests_max: usize) -> MethodResponse
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        >,
{
    let message = message.trim_ascii_start();
    if message.starts_with(b"[") {
        let Ok(entries) = serde_json::from_slice::<Vec<&RawValue>>(message) else {
            return no_request(extensions, Id::Null, ErrorCode::ParseError);
        };
        if entries.len() > batch_requests_max {
            return no_request(extensions, Id::Null, reject_too_big_batch_request(batch_requests_max));
        }
        let entries: Vec<_> = entries.into_iter().map(|entry| batch_entry(entry.get(), extensions)).collect();
        if entries.iter().all(Result::is_err) {
            // The guard finds nobody in it whom it could ask.
            if let Err(refusal) = Caller::of(extensions).take_requests(entries.len().max(1) as u64) {
                return refused(Id::Null, refusal);
            }
        }
        return service.batch(Batch::from(entries)).await;
    }
    if !message.starts_with(b"{") {
        return no_request(extensions, Id::Null, ErrorCode::ParseError);
    }
    if let Ok(mut request) = serde_json::from_slice::<Request<'_>>(message) {
        request.extensions = extensions.clone();
        service.call(request).await
    } else if let Ok(mut notification) = serde_json::from_slice::<Notification<'_>>(message) {
        notification.extensions = extensions.clone();
        service.notification(notification).await
    } else {
        let (id, code) = prepare_error(message);
        no_request(extensions, id, code)
    }
}

fn batch_entry<'a>(entry: &'a str, extensions: &Extensions) -> Result<BatchEntry<'a>, BatchEntryErr<'a>> {
    if let Ok(mut request) = serde_json::from_str::<Request<'a>>(entry) {
        request.extensions = extensions.clone();
        return Ok(BatchEntry::Call(request));
    }
    if let Ok(mut notification) = serde_json::from_str::<Notification<'a>>(entry) {
        notification.extensions = extensions.clone();
        return Ok(BatchEntry::Notification(notification));
    }
    let id = serde_json::from_str::<InvalidRequest<'a>>(entry).map_or(Id::Null, |request| request.id);
    Err(BatchEntryErr::new(id, ErrorCode::InvalidRequest.into()))
}

/// Runs methods and subscriptions of one connection.
#[derive(Clone)]
struct SocketService {
    methods: Methods,
    connection: ConnectionId,
    subscriptions: BoundedSubscriptions,
    queue: MethodSink,
    answer_bytes_max: usize,
}

impl SocketService {
    async fn run(self, request: Request<'_>) -> MethodResponse {
        let Request { id, method, params, extensions, .. } = request;
        let params = Params::new(params.as_ref().map(|params| params.get()));
        let bytes_max = self.answer_bytes_max;
        match self.methods.method(&method) {
            None => MethodResponse::error(id, ErrorObject::from(ErrorCode::MethodNotFound)),
            Some(MethodCallback::Sync(run)) => run(id, params, bytes_max, extensions),
            Some(MethodCallback::Async(run)) => {
                run(id.into_owned(), params.into_owned(), self.connection, bytes_max, extensions).await
            }
            Some(MethodCallback::Unsubscription(run)) => run(id, params, self.connection, bytes_max, extensions),
            Some(MethodCallback::Subscription(run)) => {
                let Some(subscription_permit) = self.subscriptions.acquire() else {
                    return MethodResponse::error(id, reject_too_many_subscriptions(self.subscriptions.max()));
                };
                let state = SubscriptionState { conn_id: self.connection, id_provider: &HexIds, subscription_permit };
                run(id, params, self.queue.clone(), state, extensions).await
            }
        }
    }
}

/// Only single requests arrive here: the guard takes batches apart.
impl RpcServiceT for SocketService {
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.clone().run(request)
    }

    fn batch<'a>(&self, _: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        std::future::ready(MethodResponse::error(Id::Null, ErrorObject::from(ErrorCode::InternalError)))
    }

    fn notification<'a>(&self, _: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        std::future::ready(MethodResponse::notification())
    }
}
