//! What stands around every request: known method, time limit, no panic gets out, metrics.

use crate::{
    backend::Context,
    budget::{Held, Parts},
    clients::{Caller, Refusal, weight},
    desk::GROUP_MAX,
    error::{METHOD_NOT_FOUND, RpcError},
    methods::{METHODS, SUBSCRIBE, UNSUBSCRIBE},
    socket::Sockets,
    visitors::Visitors,
};
use futures::{FutureExt as _, StreamExt as _, stream};
use http_body_util::BodyExt as _;
use hyper::header::HeaderValue;
use jsonrpsee::{
    core::{
        BoxError,
        middleware::{Batch, BatchEntry, BatchEntryErr, Notification, RpcServiceT},
    },
    server::{BatchResponseBuilder, HttpBody, HttpRequest, HttpResponse, MethodResponse, ws::is_upgrade_request},
    types::{ErrorObjectOwned, Id, Request, error::INVALID_REQUEST_CODE},
};
use std::{
    collections::HashMap,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context as TaskContext, Poll},
    time::{Duration, Instant},
};
use tower::Service;

/// Label of requests for methods that do not exist.
const UNKNOWN_METHOD: &str = "unknown";
/// Characters of an unknown method's name that an error repeats.
const NAME_CHARS_MAX: usize = 64;

/// HTTP statuses.
const REQUEST_TIMEOUT: u16 = 408;
const TOO_MANY_REQUESTS: u16 = 429;

/// Names that stay for ever, by what a request says.
static NAMES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    METHODS.iter().chain([&SUBSCRIBE, &UNSUBSCRIBE]).map(|method| (method.name, method.name)).collect()
});

/// How a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Http,
    WebSocket,
}

/// Wraps the service that runs methods.
#[derive(Clone)]
pub(crate) struct Guard<S> {
    service: S,
    context: Arc<Context>,
    answer_bytes_max: u32,
}

impl<S> Guard<S> {
    pub(crate) fn new(service: S, context: Arc<Context>, answer_bytes_max: u32) -> Self {
        Self { service, context, answer_bytes_max }
    }

    /// Gives a large answer its place among those that wait to be read, or says that there is none.
    fn hold(&self, id: Id<'static>, mut response: MethodResponse) -> MethodResponse {
        match self.context.answers.take_answer(&mut response) {
            Ok(()) => response,
            Err(error) => MethodResponse::error(id, ErrorObjectOwned::from(error)),
        }
    }
}

impl<S> Guard<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync,
{
    /// Runs one request and counts it.
    async fn answer(&self, request: Request<'_>, deadline: Instant) -> MethodResponse {
        let begun = Instant::now();
        let method = NAMES.get(request.method_name()).copied();
        let id = request.id.clone().into_owned();
        let response = match refuse(method, &request) {
            Some(error) => MethodResponse::error(id, error),
            None => self.run(request, id, deadline).await,
        };
        self.context.metrics.record(method.unwrap_or(UNKNOWN_METHOD), begun.elapsed(), response.as_error_code());
        response
    }

    async fn run(&self, request: Request<'_>, id: Id<'static>, deadline: Instant) -> MethodResponse {
        let time_left = deadline.saturating_duration_since(Instant::now());
        let call = AssertUnwindSafe(self.service.call(request)).catch_unwind();
        let error = match tokio::time::timeout(time_left, call).await {
            Ok(Ok(response)) => return response,
            Ok(Err(_)) => RpcError::fault(&"a method panicked, which is a defect of this program: please report it"),
            Err(_) => RpcError::timed_out(format!(
                "request timed out after {} ms: ask for less, or in smaller batches",
                self.context.config.request_time_max.as_millis()
            )),
        };
        MethodResponse::error(id, ErrorObjectOwned::from(error))
    }

    /// The answer to an entry of a batch; a notification has none.
    async fn answer_entry(
        &self,
        entry: Result<BatchEntry<'_>, BatchEntryErr<'_>>,
        deadline: Instant,
    ) -> Option<MethodResponse> {
        match entry {
            Ok(BatchEntry::Call(request)) => Some(self.answer(request, deadline).await),
            Ok(BatchEntry::Notification(_)) => None,
            Err(error) => {
                let (error, id) = error.into_parts();
                Some(MethodResponse::error(id, error))
            }
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.context.config.request_time_max
    }
}

pub(crate) fn refused(id: Id<'static>, refusal: Refusal) -> MethodResponse {
    MethodResponse::error(id, ErrorObjectOwned::from(RpcError::from(refusal)))
}

/// Takes all of a batch out of its client's allowances: what its entries weigh, those that are no requests too, and every
/// signature, so that it is refused before any of it has been done.
fn take_batch(batch: &mut Batch<'_>) -> Result<(), Refusal> {
    // Whose it is stands in every entry that could be read.
    let caller = batch.iter().flatten().next().map(|entry| Caller::of(entry.extensions())).unwrap_or_default();
    let (mut weights, mut signatures) = (0u64, 0u64);
    for entry in batch.iter() {
        let Ok(BatchEntry::Call(request)) = entry else {
            weights = weights.saturating_add(1);
            continue;
        };
        weights = weights.saturating_add(weight(request.method_name()));
        signatures = signatures.saturating_add(u64::from(has_signature(request)));
    }
    caller.take_batch(weights, signatures)?;
    for entry in batch.iter_mut() {
        if let Ok(BatchEntry::Call(request)) = entry
            && has_signature(request)
        {
            request.extensions_mut().insert(caller.with_signature_taken());
        }
    }
    Ok(())
}

/// Whether a request hands in a transaction.
fn has_signature(request: &Request<'_>) -> bool {
    ["eth_sendRawTransaction", "eth_sendRawTransactionSync"].contains(&request.method_name())
}

/// Whether an entry of a batch hands in a transaction without waiting for its block.
fn is_submission(entry: &Result<BatchEntry<'_>, BatchEntryErr<'_>>) -> bool {
    matches!(entry, Ok(BatchEntry::Call(request)) if request.method_name() == "eth_sendRawTransaction")
}

/// Why a request is not run at all.
fn refuse(method: Option<&'static str>, request: &Request<'_>) -> Option<ErrorObjectOwned> {
    let refused = |message: String| Some(ErrorObjectOwned::owned(METHOD_NOT_FOUND, message, None::<()>));
    let Some(method) = method else {
        let name: String = request.method_name().chars().take(NAME_CHARS_MAX).collect();
        let advice = match name.as_str() {
            "eth_sendTransaction" | "eth_sign" | "eth_signTransaction" | "eth_signTypedData_v4" | "personal_sign" => {
                ": this node holds no keys of accounts, sign in a wallet and use eth_sendRawTransaction"
            }
            _ => ": rpc.discover lists what there is",
        };
        return refused(format!("the method {name} does not exist/is not available{advice}"));
    };
    let over_http = request.extensions().get::<Transport>() == Some(&Transport::Http);
    if over_http && [SUBSCRIBE.name, UNSUBSCRIBE.name].contains(&method) {
        return refused(format!(
            "notifications not supported: {method} needs a WebSocket connection, or use filters (eth_newFilter)"
        ));
    }
    None
}

impl<S> RpcServiceT for Guard<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse, NotificationResponse = MethodResponse>
        + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let guard = self.clone();
        async move {
            let id = request.id.clone().into_owned();
            if let Err(refusal) = Caller::of(request.extensions()).take_requests(weight(request.method_name())) {
                return refused(id, refusal);
            }
            let response = guard.answer(request, guard.deadline()).await;
            guard.hold(id, response)
        }
    }

    fn batch<'a>(&self, mut batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let guard = self.clone();
        async move {
            // A batch is let in as a whole, or not at all: half of one is harder to repeat.
            if let Err(refusal) = take_batch(&mut batch) {
                return refused(Id::Null, refusal);
            }
            let deadline = guard.deadline();
            let mut responses = BatchResponseBuilder::new_with_limit(guard.answer_bytes_max as usize);
            let mut notified = false;
            let mut entries = batch.into_iter().peekable();
            while let Some(entry) = entries.next() {
                // Transactions in a row are handed in together. Everything else sees what was asked for before it.
                let mut row = vec![entry];
                if row.iter().all(is_submission) {
                    while let Some(next) = entries.next_if(is_submission) {
                        row.push(next);
                    }
                }
                // No more at once than a clerk takes: a long row leaves places at the desk to others.
                let mut answers =
                    stream::iter(row).map(|entry| guard.answer_entry(entry, deadline)).buffered(GROUP_MAX).boxed();
                while let Some(response) = answers.next().await {
                    let Some(response) = response else {
                        notified = true;
                        continue;
                    };
                    if let Err(too_large) = responses.append(response) {
                        return too_large;
                    }
                }
            }
            if responses.is_empty() && notified {
                return MethodResponse::notification();
            }
            guard.hold(Id::Null, MethodResponse::from_batch(responses.finish()))
        }
    }

    /// A single request without an id, or with one that is no id. No method here is of use without its answer, so this
    /// is a mistake, and who made it should hear so.
    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        if let Err(refusal) = Caller::of(&notification.extensions).take_requests(1) {
            return std::future::ready(refused(Id::Null, refusal));
        }
        self.context.metrics.record(UNKNOWN_METHOD, Duration::ZERO, Some(INVALID_REQUEST_CODE));
        let message = "invalid request: id must be there, and be a string, a number or null";
        let error = ErrorObjectOwned::owned(INVALID_REQUEST_CODE, message, None::<()>);
        std::future::ready(MethodResponse::error(Id::Null, error))
    }
}

/// What stands before every HTTP request.
pub(crate) struct Door {
    pub(crate) visitors: Visitors,
    pub(crate) sockets: Sockets,
    /// How long a request may take to arrive and be answered.
    pub(crate) time_max: Duration,
}

/// Wraps the HTTP service: sends away who may not come in, opens WebSockets, and ends requests that never arrive whole.
#[derive(Clone)]
pub(crate) struct HttpGuard<S> {
    service: S,
    door: Arc<Door>,
}

impl<S> HttpGuard<S> {
    pub(crate) fn new(service: S, door: Arc<Door>) -> Self {
        Self { service, door }
    }
}

impl<S, B> Service<HttpRequest<B>> for HttpGuard<S>
where
    S: Service<HttpRequest<B>, Response = HttpResponse, Error = BoxError> + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = HttpResponse;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, BoxError>> + Send>>;

    fn poll_ready(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<(), BoxError>> {
        self.service.poll_ready(task)
    }

    fn call(&mut self, mut request: HttpRequest<B>) -> Self::Future {
        let is_upgrade = is_upgrade_request(&request);
        let caller = Caller::of(request.extensions());
        caller.begin_message();
        if let Err(refusal) = caller.check() {
            return Box::pin(std::future::ready(Ok(too_many_requests(&refusal))));
        }
        if let Some(refusal) = self.door.visitors.refuse(&request, is_upgrade) {
            caller.end_message();
            return Box::pin(std::future::ready(Ok(refusal)));
        }
        if is_upgrade {
            caller.end_message();
            return Box::pin(std::future::ready(Ok(self.door.sockets.upgrade(request))));
        }
        request.extensions_mut().insert(Transport::Http);
        let answer = self.service.call(request);
        let time_max = self.door.time_max;
        Box::pin(async move {
            let answered = tokio::time::timeout(time_max, answer).await;
            caller.end_message();
            match answered {
                Ok(answer) => in_parts(answer?).await,
                Err(_) => {
                    let mut response = HttpResponse::new(HttpBody::from("the request did not arrive in time\n"));
                    if let Ok(status) = REQUEST_TIMEOUT.try_into() {
                        *response.status_mut() = status;
                    }
                    Ok(response)
                }
            }
        })
    }
}

/// Refused before the request is read: as HTTP says it, and as JSON-RPC does.
fn too_many_requests(refusal: &Refusal) -> HttpResponse {
    let error = ErrorObjectOwned::from(RpcError::from(refusal.clone()));
    let body = MethodResponse::error(Id::Null, error).into_json();
    let seconds = refusal.retry_after.as_millis().div_ceil(1_000);
    let mut response = HttpResponse::new(HttpBody::from(String::from(Box::<str>::from(body))));
    if let (Ok(status), Ok(seconds)) = (TOO_MANY_REQUESTS.try_into(), seconds.to_string().parse()) {
        *response.status_mut() = status;
        response.headers_mut().insert("retry-after", seconds);
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    }
    response
}

/// A large answer leaves memory as its client takes it.
async fn in_parts(mut response: HttpResponse) -> Result<HttpResponse, BoxError> {
    let Some(held) = response.extensions_mut().remove::<Held>() else { return Ok(response) };
    let (head, body) = response.into_parts();
    // It is whole already.
    let bytes = body.collect().await?.to_bytes();
    Ok(HttpResponse::from_parts(head, HttpBody::new(Parts::new(bytes, held))))
}
