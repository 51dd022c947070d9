//! The way of one payment, as one record: from the message to the entries.

use super::{
    Answered, Api,
    document::{Read, Unknown},
    parts::{Asked, Named},
    problem::Problem,
    told::{DecidedTold, EntryTold, OrderTold, decided},
    versioned,
};
use crate::{
    access::{Caller, Right},
    exceptions::as_they_are,
    identity::time_text,
    order::State as OrderState,
    store::{Entry, Order, Side},
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use florin_history::sql::Work;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One step of the way. What a step does not have is left out.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(super) struct StepTold {
    /// When. A block's own time where the ledger did it.
    time: String,
    /// `received`, a state of the order, `decided`, `answered`, or `entered`.
    step: String,
    /// In words.
    text: String,
    /// Number of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<u64>,
    /// Name of the message or of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Identification of the message or of the answer; name of the person who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Hash of the transaction on the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<String>,
    /// Its nonce.
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<u64>,
    /// Height of the block.
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<u64>,
    /// Number or BIC of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// `CRDT` or `DBIT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<&'static str>,
    /// Code of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

/// The way of a payment.
#[derive(Serialize, ToSchema)]
pub(super) struct JourneyTold {
    uetr: String,
    /// Of the newest order; `settled` of a payment that came in. A customer is told `pending` while anybody is asked about it.
    state: &'static str,
    status: &'static str,
    amount: Option<String>,
    currency: Option<String>,
    /// Steps, oldest first.
    steps: Vec<StepTold>,
    /// What a regulator is told beside the steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<RecordTold>,
}

/// Who paid whom, who decided, and where it stands on the ledger: what a regulator holds against a node of its own.
#[derive(Serialize, ToSchema)]
struct RecordTold {
    /// Chain id of the ledger.
    chain_id: u64,
    /// Who sent the message: a name, `files` for the watched directory, or nobody whose name is known. One for each order.
    makers: Vec<Option<String>>,
    /// Orders with their parties, and every decision over them.
    orders: Vec<DecidedTold>,
    /// Movements on accounts of the tenant, each with its transaction on the ledger.
    entries: Vec<EntryTold>,
}

/// For whom the way is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Bank,
    Customer,
    Regulator,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct View {
    view: Option<String>,
}

/// A step and its time, to be sorted.
type Timed = (u64, StepTold);

/// The way of a payment: message, checks, what was signed, block, answers, entries
#[utoipa::path(
    get, path = "/v1/payments/{uetr}/journey", tag = "payments", operation_id = "journey", security(("key" = [])),
    params(
        ("uetr" = String, Path, description = "UETR of the payment"),
        ("view" = Option<String>, Query, description = "`full`; `customer`: states in plain words, and nothing of messages, keys and the ledger; `regulator`, for auditors alone: parties, makers and decisions too, and what is needed to find it on the ledger")
    ),
    responses((status = 200, description = "The steps, oldest first", body = JourneyTold), (status = 304, description = "Nothing changed"), Read, Unknown)
)]
pub(super) async fn journey(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(uetr): Named,
    Asked(View { view }): Asked<View>,
    headers: HeaderMap,
) -> Answered {
    let reader = match view.as_deref() {
        None | Some("full") => Reader::Bank,
        Some("customer") => Reader::Customer,
        Some("regulator") if caller.may(Right::Audit) => Reader::Regulator,
        Some("regulator") => {
            let detail = "the regulator's view needs the right Audit, which the role auditor gives";
            let next = "ask with the key of an auditor, or for another view";
            return Err(Problem::new(StatusCode::FORBIDDEN, "access.right", detail, next));
        }
        Some(_) => return Err(Problem::parameter("view", "full, customer or regulator")),
    };
    let named = crate::Uetr::parse(&uetr).ok_or_else(|| Problem::unknown("payment", &uetr))?.to_string();
    let store = &api.shared.store;
    let mut work = store.read().await?;
    let orders = store.orders_under(&mut work, &caller.tenant, &named).await?;
    let orders = as_they_are(store, &mut work, orders).await?;
    let entries = store.entries_under(&mut work, &caller.tenant, &named).await?;
    let mut steps: Vec<Timed> = Vec::new();
    for order in &orders {
        of_order(&api, &mut work, order, &mut steps).await?;
    }
    steps.extend(entries.iter().map(of_entry));
    steps.sort_by_key(|(time_ms, _)| *time_ms);
    let mut steps: Vec<StepTold> = steps.into_iter().map(|(_, step)| step).collect();
    if reader == Reader::Customer {
        steps = for_customer(steps);
    }
    let mut told = head(&api, named, orders.last(), entries.first(), steps)?;
    match reader {
        Reader::Bank => {}
        Reader::Customer => told.state = customer_word(told.state),
        Reader::Regulator => told.record = Some(record(&api, &mut work, &orders, &entries).await?),
    }
    versioned(&headers, &told)
}

async fn record(api: &Api, work: &mut Work, orders: &[Order], entries: &[Entry]) -> Result<RecordTold, Problem> {
    let (store, book) = (&api.shared.store, &api.shared.book);
    let (mut makers, mut told) = (Vec::with_capacity(orders.len()), Vec::with_capacity(orders.len()));
    for order in orders {
        makers.push(store.maker_of(work, order.message).await?);
        told.push(decided(&api.shared, work, order).await?);
    }
    Ok(RecordTold {
        chain_id: api.shared.chain.chain_id,
        makers,
        orders: told,
        entries: entries.iter().map(|entry| EntryTold::new(book, entry)).collect(),
    })
}

fn head(
    api: &Api,
    uetr: String,
    order: Option<&Order>,
    entry: Option<&Entry>,
    steps: Vec<StepTold>,
) -> Result<JourneyTold, Problem> {
    let book = &api.shared.book;
    if let Some(order) = order {
        let OrderTold { state, status, amount, currency, .. } = OrderTold::new(book, order);
        return Ok(JourneyTold { uetr, state, status, amount, currency, steps, record: None });
    }
    let entry = entry.ok_or_else(|| Problem::unknown("payment", &uetr))?;
    let currency = book.token_at(entry.token).map(|token| token.currency.clone());
    let amount = currency.as_deref().and_then(|currency| book.decimal(currency, entry.amount));
    let (state, status) = (OrderState::Settled.name(), OrderState::Settled.status());
    Ok(JourneyTold { uetr, state, status, amount, currency, steps, record: None })
}

/// The steps of an order: its message, its states, the answers to it.
async fn of_order(api: &Api, work: &mut Work, order: &Order, steps: &mut Vec<Timed>) -> Result<(), Problem> {
    let store = &api.shared.store;
    if let Some(row) = store.message(work, &order.tenant, order.message).await? {
        let step = StepTold {
            time: time_text(row.received_ms),
            step: "received".into(),
            text: "the order arrived".into(),
            message: Some(row.number),
            name: row.name,
            id: row.message_id,
            ..StepTold::default()
        };
        steps.push((row.received_ms, step));
    }
    let signed = match order.submission {
        Some(submission) => store.signed(work, submission).await?,
        None => None,
    };
    for event in store.events_of_order(work, order.number).await? {
        let Some(state) = OrderState::from_name(&event.state) else { continue };
        let is_settled = state == OrderState::Settled;
        // The ledger's own time says when it was paid; ours, when that was known here.
        let time_ms = order.settled_ms.filter(|_| is_settled).unwrap_or(event.time_ms);
        let mut step = StepTold {
            time: time_text(time_ms),
            step: state.name().into(),
            text: words(state).into(),
            ..StepTold::default()
        };
        match state {
            OrderState::Signed => {
                step.transaction = signed.map(|(hash, _)| hash.to_string());
                step.nonce = signed.map(|(_, nonce)| nonce);
            }
            OrderState::Settled => step.block = order.height,
            OrderState::Refused => {
                step.code.clone_from(&order.code);
                step.text = order.words.clone().unwrap_or(step.text);
            }
            _ => {}
        }
        steps.push((time_ms, step));
    }
    for decision in store.decisions_over(work, &order.tenant, order.number).await? {
        let words = decision.words.map(|words| format!(": {words}")).unwrap_or_default();
        let step = StepTold {
            time: time_text(decision.decided_ms),
            step: "decided".into(),
            text: format!("{} says {}{words}", decision.stage, decision.verdict),
            id: decision.who,
            code: decision.code,
            ..StepTold::default()
        };
        steps.push((decision.decided_ms, step));
    }
    for answer in store.answers_about(work, order.message).await? {
        let step = StepTold {
            time: time_text(answer.created_ms),
            step: "answered".into(),
            text: format!("the {} answer was written", answer.purpose.name()),
            message: answer.message,
            name: Some(answer.name),
            id: Some(answer.id),
            ..StepTold::default()
        };
        steps.push((answer.created_ms, step));
    }
    Ok(())
}

fn of_entry(entry: &Entry) -> Timed {
    let text = match entry.side {
        Side::Credit => "the units arrived on the account",
        Side::Debit => "the units left the account",
    };
    let step = StepTold {
        time: time_text(entry.time_ms),
        step: "entered".into(),
        text: text.into(),
        transaction: Some(entry.hash.to_string()),
        block: Some(entry.height),
        account: Some(entry.account.clone()),
        side: Some(entry.side.name()),
        ..StepTold::default()
    };
    (entry.time_ms, step)
}

const fn words(state: OrderState) -> &'static str {
    match state {
        OrderState::Held => "it waits for its day",
        OrderState::Waiting => "it waits for a checker",
        OrderState::Screening => "the screening service is asked",
        OrderState::Review => "compliance looks at it",
        OrderState::Passed => "it was let pass; the rest of its batch is waited for",
        OrderState::Checked => "it was checked: it is known who pays whom",
        OrderState::Signed => "it is signed and on its way to the ledger",
        OrderState::Settled => "it is paid, finally",
        OrderState::Refused => "it was refused",
        OrderState::Cancelled => "it was cancelled before it was signed",
        OrderState::Same => "it is the same payment as an earlier order",
    }
}

/// Whom a payment waits for is the bank's business: a customer who learnt that compliance looks at it would be warned.
fn customer_word(state: &str) -> &str {
    match state {
        "waiting" | "screening" | "review" | "passed" => "pending",
        other => other,
    }
}

/// What a customer is shown: when, and in plain words. A reason of the ledger stays a code, whose words name accounts.
fn for_customer(steps: Vec<StepTold>) -> Vec<StepTold> {
    let mut told: Vec<StepTold> = Vec::new();
    for step in steps {
        let text = match step.step.as_str() {
            "received" => "We have received the payment order.",
            "held" => "The payment waits for its day.",
            "waiting" | "screening" | "review" | "passed" => "The payment is being checked.",
            "signed" => "The payment is on its way.",
            "settled" => "The payment was made. It is final.",
            "refused" => "The payment was refused. Nothing was taken from the account.",
            "cancelled" => "The payment was cancelled. Nothing was taken from the account.",
            "entered" if step.side == Some("CRDT") => "The money has arrived.",
            _ => continue,
        };
        if told.iter().all(|other| other.text != text) {
            told.push(StepTold {
                time: step.time,
                step: customer_word(&step.step).into(),
                text: text.into(),
                code: step.code,
                ..StepTold::default()
            });
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_sees_no_message_no_key_and_no_account() {
        let step = |name: &str| StepTold {
            step: name.into(),
            time: "2026-01-01T00:00:00+00:00".into(),
            text: "InsufficientUnheldBalance(0x01)".into(),
            message: Some(1),
            name: Some("pacs.008.001.08".into()),
            id: Some("MSG-1".into()),
            transaction: Some("0x02".into()),
            nonce: Some(3),
            block: Some(4),
            account: Some("DE1".into()),
            side: Some("CRDT"),
            code: Some("AM04".into()),
        };
        let names = [
            "received",
            "held",
            "screening",
            "review",
            "decided",
            "checked",
            "signed",
            "checked",
            "signed",
            "answered",
            "settled",
            "entered",
            "same",
        ];
        let told = for_customer(names.into_iter().map(step).collect());
        let kept: Vec<&str> = told.iter().map(|step| step.step.as_str()).collect();
        assert_eq!(kept, ["received", "held", "pending", "signed", "settled", "entered"]);
        let text = serde_json::to_string(&told).unwrap();
        for secret in
            ["MSG-1", "pacs", "0x0", "DE1", "nonce", "Insufficient", "block", "message", "screening", "review"]
        {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert!(text.contains("AM04"));
    }
}
