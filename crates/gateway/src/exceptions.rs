//! Requests about orders: cancellations (camt.056) and statuses (pacs.028).

use crate::{
    GatewayError,
    order::State,
    outbox::item_status,
    store::{Order, OrderKind, Store},
};
use florin_history::sql::Work;
use florin_iso20022::{
    Mark,
    model::{
        Assignment, CancellationRequest, CancellationRequests, GroupStatus, ItemStatus, Message, OriginalGroup,
        OriginalIds, Reason, Resolution, ResolutionDetails, ResolutionItem, StatusReport, StatusRequests,
    },
};
use std::collections::{
    BTreeSet, HashMap,
    hash_map::Entry::{Occupied, Vacant},
};

/// Orders with the state that they have: one that is the same as another has that one's.
pub(crate) async fn as_they_are(
    store: &Store,
    work: &mut Work,
    mut orders: Vec<Order>,
) -> Result<Vec<Order>, GatewayError> {
    let same = orders.iter().filter(|order| order.state == State::Same).filter_map(|order| order.same_as);
    let firsts = store.orders_numbered(work, same.collect()).await?;
    for order in orders.iter_mut().filter(|order| order.state == State::Same) {
        let first = order.same_as.and_then(|first| firsts.get(&first));
        let first = first.ok_or_else(|| store.damaged(format!("order {} is the same as none", order.number)))?.clone();
        order.state = first.state;
        order.code = first.code;
        order.words = first.words;
        order.path = first.path;
        order.details.problems = first.details.problems;
        (order.height, order.settled_ms) = (first.height, first.settled_ms);
    }
    Ok(orders)
}

/// What a request's message names orders by, and the tenant's messages that it named, read once each.
struct Names<'a> {
    store: &'a Store,
    tenant: &'a str,
    groups: HashMap<(String, String), Group>,
}

/// The orders of a message, and where they stand by each of their references.
#[derive(Default)]
struct Group {
    orders: Vec<Order>,
    places: HashMap<String, Vec<usize>>,
}

impl Group {
    fn new(orders: Vec<Order>) -> Self {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, order) in orders.iter().enumerate() {
            let references = [&order.transaction, &order.end_to_end, &order.instruction];
            let mut references: Vec<&String> = references.into_iter().flatten().collect();
            references.dedup();
            references.into_iter().for_each(|one| places.entry(one.clone()).or_default().push(place));
        }
        Self { orders, places }
    }

    /// The one order with all these references. A reference that several have (NOTPROVIDED may be one) names none of them.
    fn find(&self, original: &OriginalIds) -> Option<&Order> {
        let asked = [&original.transaction, &original.end_to_end, &original.instruction];
        // The rarest first, so that asking for every order of a message costs as much as its orders.
        let places = asked.into_iter().flatten().map(|one| self.places.get(one).map_or(&[][..], Vec::as_slice));
        let mut named = places.min_by_key(|places| places.len())?.iter().filter_map(|place| {
            let order = self.orders.get(*place)?;
            let known = [&order.transaction, &order.end_to_end, &order.instruction];
            asked.iter().zip(known).all(|(asked, known)| asked.is_none() || *asked == known).then_some(order)
        });
        let (found, other) = (named.next(), named.next());
        found.filter(|_| other.is_none())
    }
}

impl<'a> Names<'a> {
    fn new(store: &'a Store, tenant: &'a str) -> Self {
        Self { store, tenant, groups: HashMap::new() }
    }

    /// The order that a request names: by its UETR, else by its message and its references.
    async fn order(&mut self, work: &mut Work, original: &OriginalIds) -> Result<Option<Order>, GatewayError> {
        let found = if let Some(uetr) = &original.uetr {
            let under = self.store.orders_under(work, self.tenant, &uetr.to_lowercase()).await?;
            let own = under.iter().position(|order| order.kind != OrderKind::Return && order.claim.is_some());
            own.or((!under.is_empty()).then_some(0)).and_then(|place| under.into_iter().nth(place))
        } else {
            let Some(group) = &original.group else { return Ok(None) };
            self.group(work, &group.message_id, &group.message_name).await?.find(original).cloned()
        };
        Ok(as_they_are(self.store, work, found.into_iter().collect()).await?.pop())
    }

    /// Orders of the tenant's message of this identification and name. None where several are called so: then nobody knows which
    /// is meant.
    async fn group(&mut self, work: &mut Work, message_id: &str, name: &str) -> Result<&Group, GatewayError> {
        let family: String = name.chars().take(8).collect();
        match self.groups.entry((message_id.to_owned(), family)) {
            Occupied(known) => Ok(known.into_mut()),
            Vacant(place) => {
                let mut rows = self.store.messages_named(work, self.tenant, message_id).await?;
                rows.retain(|row| row.name.as_deref().is_some_and(|name| name.starts_with(&place.key().1)));
                let orders = match rows.as_slice() {
                    [row] => self.store.orders_of(work, row.number).await?,
                    _ => Vec::new(),
                };
                Ok(place.insert(Group::new(as_they_are(self.store, work, orders).await?)))
            }
        }
    }
}

/// What became of one request.
struct Cancelled {
    request: Option<CancellationRequest>,
    original: OriginalIds,
    /// Why not; `None` where it was.
    refusal: Option<(&'static str, String)>,
}

/// Cancels what nobody has signed, and says what became of each request.
pub(crate) async fn cancel(
    store: &Store,
    work: &mut Work,
    tenant: &str,
    requests: &CancellationRequests,
    mark: &Mark,
) -> Result<Message, GatewayError> {
    let (mut all, mut names, mut batches) = (Vec::new(), Names::new(store, tenant), BTreeSet::new());
    for group in &requests.underlying {
        if let Some(whole) = group.group.as_ref().filter(|_| group.requests.is_empty()) {
            let orders = names.group(work, &whole.message_id, &whole.message_name).await?.orders.clone();
            let named = OriginalGroup {
                message_id: whole.message_id.clone(),
                message_name: whole.message_name.clone(),
                created: None,
            };
            if orders.is_empty() {
                let original = OriginalIds { group: Some(named.clone()), ..OriginalIds::default() };
                let refusal =
                    Some(("NOOR", "no message, or more than one, is known here under this identification".to_owned()));
                all.push(Cancelled { request: None, original, refusal });
            }
            for order in orders {
                let refusal = cancel_order(store, work, Some(&order), &mut batches).await?;
                let original = item_status(&order, Some(named.clone())).original;
                all.push(Cancelled { request: None, original, refusal });
            }
        }
        for request in &group.requests {
            let order = names.order(work, &request.original).await?;
            let refusal = cancel_order(store, work, order.as_ref(), &mut batches).await?;
            all.push(Cancelled { request: Some(request.clone()), original: request.original.clone(), refusal });
        }
    }
    // The rest of a batch may have waited for what was cancelled. Only now: what is let go cannot be cancelled by this message.
    for (message, part) in batches {
        store.release_batch(work, message, part).await?;
    }
    Ok(resolution(requests, &all, mark))
}

/// Cancels one order, or says why not. The batch of one that was cancelled is noted.
async fn cancel_order(
    store: &Store,
    work: &mut Work,
    order: Option<&Order>,
    batches: &mut BTreeSet<(u64, u64)>,
) -> Result<Option<(&'static str, String)>, GatewayError> {
    let Some(order) = order else {
        return Ok(Some(("NOOR", "no such payment of this sender is known here".into())));
    };
    // The payment itself, where the message that names it was a second one, as it stands: the same may be named twice.
    let order = store.order(work, order.same_as.unwrap_or(order.number)).await?;
    if order.state.can_be_cancelled()
        && store.move_orders(work, &[order.number], (order.state, State::Cancelled), None).await?
    {
        if order.kind == OrderKind::Item {
            batches.insert((order.message, order.part));
        }
        return Ok(None);
    }
    Ok(match order.state {
        State::Cancelled => None,
        State::Refused => Some(("ARJT", "it was refused before".into())),
        State::Settled => {
            let entries = store.entries_under(work, &order.tenant, order.uetr.as_deref().unwrap_or_default()).await?;
            let is_back = entries.iter().any(|entry| entry.details.kind.as_deref() == Some("return"));
            Some(if is_back {
                ("ARDT", "it was settled and has come back".into())
            } else {
                ("PTNA", "it is settled: only a return (pacs.004) by the payee brings it back".into())
            })
        }
        _ => Some(("PTNA", "it is signed and on its way to the ledger: it cannot be taken back".into())),
    })
}

fn resolution(requests: &CancellationRequests, all: &[Cancelled], mark: &Mark) -> Message {
    let cancelled = all.iter().filter(|one| one.refusal.is_none()).count();
    let status = match cancelled {
        0 => "RJCR",
        some if some == all.len() => "CNCL",
        _ => "PECR",
    };
    let items = all.iter().enumerate().map(|(place, one)| {
        let reasons = one.refusal.iter().map(|(code, words)| Reason::new(code, &[words.as_str()])).collect();
        let given = one.request.as_ref().and_then(|request| request.id.clone());
        ResolutionItem {
            id: Some(given.unwrap_or_else(|| format!("{}", place + 1))),
            case: one.request.as_ref().and_then(|request| request.case.clone()),
            original: one.original.clone(),
            status: Some(if one.refusal.is_none() { "ACCR" } else { "RJCR" }.into()),
            reasons,
            ..ResolutionItem::default()
        }
    });
    Message::Resolution(Resolution {
        assignment: Assignment {
            id: mark.message_id.clone(),
            assigner: requests.assignment.assignee.clone(),
            assignee: requests.assignment.assigner.clone(),
            created: mark.created.clone(),
        },
        case: requests.case.clone(),
        status: Some(status.into()),
        details: vec![ResolutionDetails { items: items.collect() }],
    })
}

/// What became of payments, as far as it is known now. Of what is not known nothing is said but that: silence is no rejection.
pub(crate) async fn statuses(
    store: &Store,
    work: &mut Work,
    tenant: &str,
    requests: &StatusRequests,
    mark: &Mark,
) -> Result<Message, GatewayError> {
    let mut report = StatusReport {
        message_id: mark.message_id.clone(),
        created: mark.created.clone(),
        instructing: requests.instructed.clone(),
        instructed: requests.instructing.clone(),
        ..StatusReport::default()
    };
    let mut names = Names::new(store, tenant);
    for group in &requests.groups {
        let orders = &names.group(work, &group.message_id, &group.message_name).await?.orders;
        if requests.requests.is_empty() {
            let named: Vec<ItemStatus> = orders.iter().map(|order| item_status(order, Some(group.clone()))).collect();
            report.items.extend(named);
        }
        let status = crate::order::group_status(orders.iter().map(|order| order.state.status()));
        let reasons = if orders.is_empty() { unknown() } else { Vec::new() };
        report.groups.push(GroupStatus {
            message_id: group.message_id.clone(),
            message_name: group.message_name.clone(),
            created: group.created.clone(),
            status: status.map(String::from),
            reasons,
            ..GroupStatus::default()
        });
    }
    for request in &requests.requests {
        let found = names.order(work, &request.original).await?;
        let mut status = match &found {
            Some(order) => {
                item_status(order, request.original.group.clone().or_else(|| requests.groups.first().cloned()))
            }
            None => ItemStatus { reasons: unknown(), ..ItemStatus::default() },
        };
        status.id.clone_from(&request.id);
        status.original = request.original.clone();
        report.items.push(status);
    }
    Ok(Message::StatusReport(report))
}

fn unknown() -> Vec<Reason> {
    vec![Reason::new("NARR", &["nothing is known here of a payment of this sender with these references"])]
}
