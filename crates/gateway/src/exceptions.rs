//! Requests about orders: cancellations (camt.056) and statuses (pacs.028).

use crate::{
    GatewayError,
    office::release,
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

/// The tenant's order that a message names: by its UETR, else by its message and one of its references.
async fn find(
    store: &Store,
    work: &mut Work,
    tenant: &str,
    original: &OriginalIds,
) -> Result<Option<Order>, GatewayError> {
    let found = if let Some(uetr) = &original.uetr {
        let under = store.orders_under(work, tenant, &uetr.to_lowercase()).await?;
        let own = under.iter().position(|order| order.kind != OrderKind::Return && order.claim.is_some());
        own.or((!under.is_empty()).then_some(0)).and_then(|place| under.into_iter().nth(place))
    } else {
        let Some(group) = &original.group else { return Ok(None) };
        let ordered = in_group(store, work, tenant, (&group.message_id, &group.message_name)).await?;
        let mut named = ordered.into_iter().filter(|order| {
            let said = [
                (&original.transaction, &order.transaction),
                (&original.end_to_end, &order.end_to_end),
                (&original.instruction, &order.instruction),
            ];
            said.iter().any(|(asked, _)| asked.is_some())
                && said.iter().all(|(asked, known)| asked.is_none() || asked == known)
        });
        // A reference that several have (NOTPROVIDED may be one) names none of them.
        let (found, other) = (named.next(), named.next());
        found.filter(|_| other.is_none())
    };
    Ok(as_they_are(store, work, found.into_iter().collect()).await?.pop())
}

/// Orders of the tenant's message of this identification and name. None where several are called so: then nobody knows which is meant.
async fn in_group(
    store: &Store,
    work: &mut Work,
    tenant: &str,
    (message_id, name): (&str, &str),
) -> Result<Vec<Order>, GatewayError> {
    let family: String = name.chars().take(8).collect();
    let mut rows = store.messages_named(work, tenant, message_id).await?;
    rows.retain(|row| row.name.as_deref().is_some_and(|name| name.starts_with(&family)));
    let [row] = rows.as_slice() else { return Ok(Vec::new()) };
    let orders = store.orders_of(work, row.number).await?;
    as_they_are(store, work, orders).await
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
    let mut all = Vec::new();
    for group in &requests.underlying {
        if let Some(whole) = group.group.as_ref().filter(|_| group.requests.is_empty()) {
            let orders = in_group(store, work, tenant, (&whole.message_id, &whole.message_name)).await?;
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
                let refusal = cancel_order(store, work, Some(order.clone())).await?;
                let original = item_status(&order, Some(named.clone())).original;
                all.push(Cancelled { request: None, original, refusal });
            }
        }
        for request in &group.requests {
            let order = find(store, work, tenant, &request.original).await?;
            let refusal = cancel_order(store, work, order).await?;
            all.push(Cancelled { request: Some(request.clone()), original: request.original.clone(), refusal });
        }
    }
    Ok(resolution(requests, &all, mark))
}

/// Cancels one order, or says why not.
async fn cancel_order(
    store: &Store,
    work: &mut Work,
    order: Option<Order>,
) -> Result<Option<(&'static str, String)>, GatewayError> {
    let Some(order) = order else {
        return Ok(Some(("NOOR", "no such payment of this sender is known here".into())));
    };
    // The payment itself, where the message that names it was a second one.
    let number = order.same_as.unwrap_or(order.number);
    if order.state.can_be_cancelled()
        && store.move_orders(work, &[number], (order.state, State::Cancelled), None).await?
    {
        // Others of its batch may have waited for its screening.
        let cancelled = store.order(work, number).await?;
        release(store, work, &cancelled).await?;
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
    for group in &requests.groups {
        let orders = in_group(store, work, tenant, (&group.message_id, &group.message_name)).await?;
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
        let found = find(store, work, tenant, &request.original).await?;
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
