//! What happens to the tenant's payments, as it happens: server-sent events with durable numbers, or the same as JSON.

use super::{
    Answered, Api,
    document::{Beyond, Read},
    parts::{Asked, accepts, header_text},
    problem::Problem,
    quotes::{self, QuoteTold},
    requests::{self, RequestTold},
    told::{AnswerTold, OrderTold},
};
use crate::{
    GatewayError,
    access::Caller,
    exceptions::as_they_are,
    gateway::Shared,
    identity::time_text,
    order::State as OrderState,
    store::{Event, Subject},
};
use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse,
        sse::{Event as Sent, KeepAlive, Sse},
    },
};
use futures::stream;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use utoipa::ToSchema;

/// Those who listen at the same time: all tenants', and one's.
const LISTENERS_MAX: usize = 32;
const LISTENERS_OF_TENANT_MAX: usize = 8;
/// How long one stream lives: then its place is somebody else's.
const LISTEN_TIME_MAX: Duration = Duration::from_secs(50);
/// Events read at once.
const PAGE_MAX: u64 = 100;
/// Pause after which it is looked whether something happened, even where nobody said so.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How soon a listener comes again.
const COME_AGAIN: Duration = Duration::from_secs(1);
/// How often a silent stream shows that it lives.
const ALIVE_EVERY: Duration = Duration::from_secs(10);

/// How many listen, by tenant.
#[derive(Clone, Default)]
pub(super) struct Listeners(Arc<Mutex<BTreeMap<String, usize>>>);

/// The place of one that listens.
struct Place {
    listeners: Listeners,
    tenant: String,
}

impl Listeners {
    /// A place, as long as there is one.
    fn enter(&self, tenant: &str) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = counts.values().sum();
        let own = counts.entry(tenant.into()).or_default();
        if all >= LISTENERS_MAX || *own >= LISTENERS_OF_TENANT_MAX {
            return None;
        }
        *own += 1;
        Some(Place { listeners: self.clone(), tenant: tenant.into() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.listeners.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = counts.get_mut(&self.tenant) {
            *own = own.saturating_sub(1);
        }
    }
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub(super) struct EventTold {
    /// Its number, which is its `id` as a server-sent event. Numbers rise; some are other tenants'.
    pub(super) number: u64,
    /// `payment.STATE` with the order's new state, `request.STATE` with that of a request to pay and `quote.STATE` with that of a quote (`late` is none: nothing happens then), or `notification`. It is the name of the
    /// server-sent event.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// When it was durable.
    time: String,
    /// Status of the new state as ISO 20022 says it.
    status: Option<&'static str>,
    /// The order as it stands now.
    order: Option<OrderTold>,
    /// The notification, which is read at `/v1/notifications/{id}`.
    notification: Option<AnswerTold>,
    /// The request to pay as it stands now.
    request: Option<RequestTold>,
    /// The quote as it stands now.
    quote: Option<QuoteTold>,
}

/// Events, oldest first.
#[derive(Serialize, ToSchema)]
pub(super) struct EventsTold {
    pub(super) events: Vec<EventTold>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct After {
    after: Option<u64>,
}

/// What happens to the tenant's payments, as it happens
///
/// Server-sent events. A stream ends after 50 seconds; a client comes again by itself and sends `Last-Event-ID`, after which nothing is
/// left out and nothing told twice. Where `Accept` says json the answer is at once, with at most 100 events.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", operation_id = "events", security(("key" = [])),
    params(
        ("after" = Option<u64>, Query, description = "Number of the last event that is known. From now on where neither this nor the header is there; with `Accept: application/json`, from the first one", maximum = 9223372036854775807_i64),
        ("Last-Event-ID" = Option<String>, Header, description = "The same, as browsers send it; it counts before `after`")
    ),
    responses((status = 200, description = "Events", content((String = "text/event-stream"), (EventsTold = "application/json"))), Read, Beyond)
)]
pub(super) async fn events(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Asked(After { after }): Asked<After>,
    headers: HeaderMap,
) -> Answered {
    let wrong = || Problem::parameter("Last-Event-ID or after", "the number of an event");
    let last = header_text(&headers, "last-event-id", 20)?;
    let last = last.map(|text| text.parse::<u64>().map_err(|_| wrong())).transpose()?.or(after);
    if last.is_some_and(|last| i64::try_from(last).is_err()) {
        return Err(wrong());
    }
    let newest = api.shared.store.last_event(&mut api.shared.store.read().await?).await?;
    if let Some(last) = last.filter(|last| *last > newest) {
        return Err(Problem::beyond(last, newest));
    }
    if accepts(&headers, "json") && !accepts(&headers, "event-stream") {
        let events = read(&api.shared, &caller.tenant, last.unwrap_or_default()).await?;
        return Ok(Json(EventsTold { events }).into_response());
    }
    let place = api.listeners.enter(&caller.tenant).ok_or_else(|| Problem::busy("too many listen already"))?;
    let listener = Listener {
        changed: api.shared.changed.subscribe(),
        api,
        tenant: caller.tenant,
        after: last.unwrap_or(newest),
        waiting: VecDeque::new(),
        begun: Instant::now(),
        said_hello: false,
        _place: place,
    };
    let stream = Sse::new(stream::unfold(listener, Listener::next));
    Ok(stream.keep_alive(KeepAlive::new().interval(ALIVE_EVERY)).into_response())
}

/// Somebody who listens.
struct Listener {
    api: Api,
    tenant: String,
    /// The last event that was read.
    after: u64,
    waiting: VecDeque<EventTold>,
    changed: watch::Receiver<u64>,
    begun: Instant,
    said_hello: bool,
    _place: Place,
}

impl Listener {
    /// The next event; the end when the time is over or the database does not answer: whoever listens comes again.
    async fn next(mut self) -> Option<(Result<Sent, Infallible>, Self)> {
        if !self.said_hello {
            self.said_hello = true;
            return Some((Ok(Sent::default().retry(COME_AGAIN).comment("listening")), self));
        }
        loop {
            if let Some(event) = self.waiting.pop_front() {
                let data = serde_json::to_string(&event).ok()?;
                let sent = Sent::default().id(event.number.to_string()).event(&event.kind).data(data);
                return Some((Ok(sent), self));
            }
            if self.begun.elapsed() >= LISTEN_TIME_MAX {
                return None;
            }
            let found = read(&self.api.shared, &self.tenant, self.after).await.ok()?;
            if let Some(last) = found.last() {
                self.after = last.number;
                self.waiting = found.into();
                continue;
            }
            // The gateway ended: so does the stream.
            if let Ok(Err(_)) = tokio::time::timeout(LOOK_AGAIN, self.changed.changed()).await {
                return None;
            }
        }
    }
}

/// Events after a number, with what they are about.
pub(super) async fn read(shared: &Shared, tenant: &str, after: u64) -> Result<Vec<EventTold>, GatewayError> {
    let store = &shared.store;
    let mut work = store.read().await?;
    let mut told = Vec::new();
    for Event { number, time_ms, subject, reference, state } in
        store.events_after(&mut work, tenant, after, PAGE_MAX).await?
    {
        let mut event = EventTold {
            number,
            kind: String::new(),
            time: time_text(time_ms),
            status: None,
            order: None,
            notification: None,
            request: None,
            quote: None,
        };
        match subject {
            Subject::Payment => {
                let order = store.order(&mut work, reference).await?;
                let order = as_they_are(store, &mut work, vec![order]).await?.pop();
                event.order = order.map(|order| OrderTold::new(&shared.book, &order));
                event.status = OrderState::from_name(&state).map(OrderState::status);
                event.kind = format!("payment.{state}");
            }
            Subject::Notification => {
                let answer = store.answer_numbered(&mut work, tenant, reference).await?;
                event.notification = answer.as_ref().map(AnswerTold::new);
                event.kind = state;
            }
            Subject::Request => {
                let request = store.request_numbered(&mut work, tenant, reference).await?;
                event.request = match request {
                    Some(request) => Some(requests::told(shared, &mut work, tenant, request).await?),
                    None => None,
                };
                event.kind = format!("request.{state}");
            }
            Subject::Quote => {
                let quote = store.quote_numbered(&mut work, tenant, reference).await?;
                event.quote = match quote {
                    Some(quote) => Some(quotes::told(shared, &mut work, tenant, quote).await?),
                    None => None,
                };
                event.kind = format!("quote.{state}");
            }
        }
        told.push(event);
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_places_and_each_is_given_back() {
        let listeners = Listeners::default();
        let own: Vec<_> = (0..LISTENERS_OF_TENANT_MAX).map(|_| listeners.enter("a").unwrap()).collect();
        assert!(listeners.enter("a").is_none());
        let others: Vec<_> = (0..LISTENERS_MAX - own.len())
            .map(|number| listeners.enter(&format!("b{}", number % 4)).unwrap())
            .collect();
        assert!(listeners.enter("c").is_none(), "all places are taken");
        drop(own);
        assert!(listeners.enter("a").is_some());
        drop(others);
        assert_eq!(listeners.0.lock().unwrap().values().sum::<usize>(), 0);
    }
}
