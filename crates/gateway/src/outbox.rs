//! What is answered: pacs.002 and pain.002 about orders, camt.029 about cancellations. Pure.

use crate::identity::day_text;
use crate::{
    GatewayError,
    identity::{message_id, time_text},
    order::group_status,
    store::{MessageRow, NewAnswer, Order, OrderKind, Purpose, Told},
};
use florin_iso20022::{
    Mark, Rejection,
    model::{
        BatchStatus, GroupStatus, ItemStatus, Message, OriginalGroup, OriginalIds, Reason as ToldReason, StatusReport,
        When,
    },
};

/// Characters of one `AddtlInf`, and how many of them a reason has.
const ADDITIONAL_CHARS: usize = 105;
const ADDITIONAL_MAX: usize = 4;

/// An answer to a message, written. `claim` is what there is one answer to; `id` is what it is called in the world.
pub(crate) fn written(
    message: &Message,
    tenant: &str,
    to: Option<u64>,
    purpose: Purpose,
    claim: String,
    id: &str,
    created_ms: u64,
) -> Result<NewAnswer, GatewayError> {
    let refused = |rejection: Rejection| GatewayError::Answer(rejection.to_string());
    let content = message.write(None).map_err(refused)?.to_xml().into_bytes();
    let name = message.name().unwrap_or_default().to_owned();
    Ok(NewAnswer { tenant: tenant.into(), message: to, purpose, claim, id: id.into(), name, content, created_ms })
}

/// What an answer to a message is marked with. Numbers of messages begin anew in every database; whose it is and when it arrived
/// make the identification one among all gateways.
pub(crate) fn mark(row: &MessageRow, claim: &str, now_ms: u64) -> Mark {
    let arrived = row.received_ms.to_string();
    Mark { message_id: message_id(&[&row.tenant, &arrived, claim]), created: time_text(now_ms) }
}

/// The statuses of a message's orders: pain.002 to a customer, pacs.002 to a bank. Orders that are the same as others carry
/// those others' state already.
pub(crate) fn report(message: &MessageRow, orders: &[Order], mark: &Mark) -> Message {
    let name = message.name.clone().unwrap_or_default();
    let message_id = message.message_id.clone().unwrap_or_default();
    let to_customer = name.starts_with("pain.001");
    let head = GroupStatus {
        message_id: message_id.clone(),
        message_name: name.clone(),
        created: message.created.clone(),
        count: message.count.clone(),
        control_sum: message.control_sum.clone(),
        status: group_status(orders.iter().map(|order| order.state.status())).map(String::from),
        reasons: Vec::new(),
    };
    let group = OriginalGroup { message_id, message_name: name, created: message.created.clone() };
    let mut report = StatusReport {
        message_id: mark.message_id.clone(),
        created: mark.created.clone(),
        groups: vec![head],
        ..StatusReport::default()
    };
    for order in orders {
        let status = item_status(order, (!to_customer).then(|| group.clone()));
        if !to_customer {
            report.items.push(status);
            continue;
        }
        let batch = order.batch.clone().unwrap_or_default();
        match report.batches.last_mut().filter(|last| last.id == batch) {
            Some(last) => last.items.push(status),
            None => report.batches.push(BatchStatus { id: batch, items: vec![status], ..BatchStatus::default() }),
        }
    }
    if to_customer { Message::CustomerStatusReport(report) } else { Message::StatusReport(report) }
}

/// The status of one order, with its reasons.
pub(crate) fn item_status(order: &Order, group: Option<OriginalGroup>) -> ItemStatus {
    let to_customer = group.is_none();
    let original = OriginalIds {
        group,
        instruction: order.instruction.clone(),
        end_to_end: order.end_to_end.clone(),
        transaction: order.transaction.clone().filter(|_| !to_customer),
        uetr: order.uetr.clone(),
    };
    // A return is named by its own identification.
    let id = order.details.return_id.clone().filter(|_| order.kind == OrderKind::Return);
    ItemStatus {
        id,
        original,
        status: Some(order.state.status().into()),
        reasons: reasons(order),
        settled: order.settled_ms.filter(|_| !to_customer).map(|time_ms| When::on(&day_text(time_ms))),
        ..ItemStatus::default()
    }
}

fn reasons(order: &Order) -> Vec<ToldReason> {
    if !order.details.problems.is_empty() {
        return order.details.problems.iter().map(reason).collect();
    }
    let Some(code) = order.code.clone() else { return Vec::new() };
    let (path, words) = (order.path.clone().unwrap_or_default(), order.words.clone().unwrap_or_default());
    vec![reason(&Told { code, path, words })]
}

/// The code, then the place and the words in pieces that `AddtlInf` holds.
fn reason(told: &Told) -> ToldReason {
    let mut pieces = pieces(&told.path);
    pieces.extend(self::pieces(&told.words));
    pieces.truncate(ADDITIONAL_MAX);
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    ToldReason::new(&told.code, &pieces)
}

/// Whether a message can hold it: control characters and the two that are none have no place in XML.
pub(crate) fn is_text(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}')
}

/// A text in pieces.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().filter(|character| is_text(*character)).collect();
    let pieces = characters.chunks(ADDITIONAL_CHARS).map(|piece| piece.iter().collect::<String>());
    // A piece is a text with something in it.
    pieces.map(|piece| piece.trim().to_owned()).filter(|piece| !piece.is_empty()).collect()
}
