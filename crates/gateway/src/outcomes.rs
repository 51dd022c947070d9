//! What became of orders: by the logs of a final transaction, or by what the state has. Pure.
//!
//! **Invariant.** What is said is of these orders: another payment, request or return under their name is a refusal (`DUPL`), never theirs.

use crate::{
    chain::{Key, Payment},
    identity::Uetr,
    order::Outcome,
    reason::Reason,
    store::{Order, OrderKind, Stand},
};
use alloy_primitives::{Address, Log, U256};
use alloy_sol_types::SolEvent as _;
use florin_modules::{
    EXCHANGE_ADDRESS, PAYMENT_ADDRESS,
    fx::IExchange,
    payment::{IPayment, RequestState, State as LedgerState},
    token::{IToken, batch_items},
};
use std::collections::HashMap;

/// What a successful transaction's logs say became of these orders, in their order. `None` where the logs do not speak of them: then
/// nothing is said.
pub(crate) fn outcomes(key: &Key, orders: &[Order], logs: &[Log]) -> Option<Vec<Outcome>> {
    let ours = logs.iter().filter(|log| log.address == PAYMENT_ADDRESS);
    let exchanges = logs.iter().filter(|log| log.address == EXCHANGE_ADDRESS);
    match key.kind {
        OrderKind::Exchange => {
            let mut ordered = ours.filter_map(|log| IPayment::PaymentOrdered::decode_log(log).ok());
            ordered.find(|event| (event.payer, event.uetr) == (key.payer, key.uetr))?;
            let exchanges: Vec<&Log> = exchanges.collect();
            let mut paid = exchanges.iter().filter_map(|log| IExchange::CrossBorderPaid::decode_log(log).ok());
            let paid = paid.find(|event| (event.debtor, event.uetr) == (key.payer, key.uetr));
            let hop = |paid: &IExchange::CrossBorderPaid| {
                let mut hops = exchanges.iter().filter_map(|log| IExchange::Exchanged::decode_log(log).ok());
                hops.find(|hop| hop.tradeId == paid.tradeId)
            };
            let hop = paid.and_then(|paid| hop(&paid));
            Some(orders.iter().map(|order| of_exchange(order, hop.as_deref())).collect())
        }
        OrderKind::Quote => {
            let mut posted = exchanges.filter_map(|log| IExchange::QuotePosted::decode_log(log).ok());
            let is_ours =
                |event: Log<IExchange::QuotePosted>| (event.provider, event.digest) == (key.payer, key.reference);
            posted.any(is_ours).then(|| vec![Outcome::Settled; orders.len()])
        }
        OrderKind::Retract => {
            let mut cancelled = exchanges.filter_map(|log| IExchange::QuoteCancelled::decode_log(log).ok());
            let is_ours =
                |event: Log<IExchange::QuoteCancelled>| (event.provider, event.nonce) == (key.payer, key.reference);
            cancelled.any(is_ours).then(|| vec![Outcome::Settled; orders.len()])
        }
        OrderKind::Pay => {
            let mut ordered = ours.filter_map(|log| IPayment::PaymentOrdered::decode_log(log).ok());
            let event = ordered.find(|event| (event.payer, event.uetr) == (key.payer, key.uetr))?;
            // What waited in the ledger then may be settled by now: the state tells.
            if event.state != LedgerState::Settled.number() {
                return None;
            }
            Some(orders.iter().map(|order| of_payment(order, &event)).collect())
        }
        OrderKind::Return => {
            let mut returned = ours.filter_map(|log| IPayment::PaymentReturned::decode_log(log).ok());
            let is_ours = |event: &Log<IPayment::PaymentReturned>| {
                (event.payer, event.uetr, event.returnReference) == (key.payer, key.uetr, key.reference)
            };
            let event = returned.find(is_ours)?;
            Some(orders.iter().map(|order| of_return(order, event.amount)).collect())
        }
        OrderKind::Accept => {
            let events: Vec<&Log> = ours.collect();
            let mut ordered = events.iter().filter_map(|log| IPayment::PaymentOrdered::decode_log(log).ok());
            let event = ordered.find(|event| (event.payer, event.uetr) == (key.payer, key.uetr))?;
            let mut accepted = events.iter().filter_map(|log| IPayment::RequestAccepted::decode_log(log).ok());
            let accepted = accepted.find(|accepted| (accepted.debtor, accepted.uetr) == (event.payer, event.uetr));
            let request = accepted.map(|accepted| accepted.requestId);
            Some(orders.iter().map(|order| of_acceptance(order, request)).collect())
        }
        OrderKind::Ask => {
            let mut made = ours.filter_map(|log| IPayment::RequestMade::decode_log(log).ok());
            let event = made.find(|event| (event.creditor, event.requestReference) == (key.payer, key.reference))?;
            let asked = (event.debtor, event.token, event.amount, event.expiryMs);
            Some(orders.iter().map(|order| of_request(order, asked)).collect())
        }
        OrderKind::Refuse => {
            let mut refused = ours.filter_map(|log| IPayment::RequestRefused::decode_log(log).ok());
            refused.any(|event| event.requestId == key.request()).then(|| vec![Outcome::Settled; orders.len()])
        }
        OrderKind::Withdraw => {
            let mut withdrawn = ours.filter_map(|log| IPayment::RequestWithdrawn::decode_log(log).ok());
            withdrawn.any(|event| event.requestId == key.request()).then(|| vec![Outcome::Settled; orders.len()])
        }
        OrderKind::Item => {
            let mut paid = ours.filter_map(|log| IPayment::BatchPaid::decode_log(log).ok());
            let event = paid.find(|event| (event.payer, event.uetr) == (key.payer, key.uetr))?;
            let moved = logs.iter().filter(|log| log.address == event.token);
            let mut moved = moved.filter_map(|log| IToken::BatchTransfer::decode_log(log).ok());
            let moved = moved.find(|moved| moved.from == event.payer && moved.results == event.results)?;
            let paid = items_paid(&moved);
            Some(orders.iter().map(|order| of_item(order, event.token, &paid)).collect())
        }
    }
}

fn of_payment(order: &Order, event: &IPayment::PaymentOrdered) -> Outcome {
    let ordered = (order.token, order.payee, order.amount.map(U256::from));
    if ordered != (Some(event.token), Some(event.payee), Some(event.amount)) {
        let words = "the ledger has another payment under this UETR: other payee, amount or token";
        return Outcome::Refused(Reason::new("DUPL", words));
    }
    Outcome::Settled
}

/// What is proven of the payment under an order's UETR says whether it is this one.
pub(crate) fn of_paid(order: &Order, payment: &Payment) -> Outcome {
    let says = (payment.state, Some(payment.token), Some(payment.payee), Some(payment.received));
    if says == (LedgerState::Settled.number(), order.token, order.payee, order.amount.map(U256::from)) {
        return Outcome::Settled;
    }
    let words = "the ledger has another payment under this UETR: other payee, amount or token, or given up";
    Outcome::Refused(Reason::new("DUPL", words))
}

/// A payment across currencies took the quote that it was ordered for and moved what was ordered, or is another one.
fn of_exchange(order: &Order, hop: Option<&IExchange::Exchanged>) -> Outcome {
    let meant = order.details.exchange.as_ref().map(|meant| {
        let terms = &meant.terms.0;
        let tokens = (terms.sellToken, terms.buyToken);
        (terms.provider, terms.nonce, tokens, order.payee, order.amount.map(U256::from), meant.received)
    });
    let done = hop.map(|hop| {
        let tokens = (hop.sellToken, hop.buyToken);
        (hop.provider, hop.nonce, tokens, Some(hop.payee), Some(hop.sent), hop.received)
    });
    if done.is_some() && meant == done { Outcome::Settled } else { another_exchange() }
}

/// The same by the proven state, which knows what was received; `took` where its quote is used up and the payment is an exchange.
pub(crate) fn of_exchanged(order: &Order, payment: &Payment, took: bool) -> Outcome {
    let meant = order.details.exchange.as_ref().map(|meant| (meant.terms.0.buyToken, order.payee, meant.received));
    if took && meant == Some((payment.token, Some(payment.payee), payment.received)) {
        return Outcome::Settled;
    }
    another_exchange()
}

fn another_exchange() -> Outcome {
    let words = "the ledger has another payment under this UETR: another quote, amount or payee, or no exchange";
    Outcome::Refused(Reason::new("DUPL", words))
}

/// A payment accepts the request that it was ordered for, or is another one.
pub(crate) fn of_acceptance(order: &Order, accepted: Option<u64>) -> Outcome {
    if accepted.is_some() && accepted == order.details.ledger_request {
        return Outcome::Settled;
    }
    let words = "the ledger has another payment under this UETR, which does not accept this request";
    Outcome::Refused(Reason::new("DUPL", words))
}

/// A request is known by its reference; what it asks for says whether it is this one: debtor, token, amount and expiry.
pub(crate) fn of_request(order: &Order, asked: (Address, Address, U256, u64)) -> Outcome {
    let meant = (order.payer, order.token, order.amount.map(U256::from), order.details.expires_ms);
    let (debtor, token, amount, expires_ms) = asked;
    if meant == (Some(debtor), Some(token), Some(amount), Some(expires_ms)) {
        return Outcome::Settled;
    }
    let words = "the ledger has another request under this reference: other debtor, amount, token or expiry";
    Outcome::Refused(Reason::new("DUPL", words))
}

/// What the state of a request says of an answer to it.
pub(crate) fn of_answer(kind: OrderKind, state: u8) -> Outcome {
    let state = RequestState::from_number(state);
    let done = match kind {
        OrderKind::Refuse => RequestState::Refused,
        _ => RequestState::Withdrawn,
    };
    if state == Some(done) {
        return Outcome::Settled;
    }
    let became = state.map_or("unknown", |state| Stand::Ledger(state).name());
    Outcome::Refused(Reason::new("NARR", format!("the request is {became} already")))
}

/// A return is known by its reference; what went back under it says whether it is this one.
pub(crate) fn of_return(order: &Order, amount: U256) -> Outcome {
    if order.amount.map(U256::from) == Some(amount) {
        return Outcome::Settled;
    }
    let words = format!("the ledger has a return under this identification already, of {amount} minor units");
    Outcome::Refused(Reason::new("DUPL", words))
}

/// What an item of a batch is known by: payee, amount and reference.
type ItemKey = (Address, u128, [u8; 8]);

/// The results of a batch's items.
fn items_paid(moved: &IToken::BatchTransfer) -> HashMap<ItemKey, u8> {
    let items = batch_items(&moved.items).into_iter().flatten().zip(moved.results.iter());
    items.map(|(item, result)| ((item.to, item.amount, item.reference), *result)).collect()
}

fn of_item(order: &Order, token: Address, paid: &HashMap<ItemKey, u8>) -> Outcome {
    let reference = order.uetr.as_deref().and_then(Uetr::parse).map(Uetr::reference);
    let key = (|| Some((order.payee?, order.amount?, reference?)))().filter(|_| order.token == Some(token));
    match key.and_then(|key| paid.get(&key)) {
        Some(result) => Reason::of_item(*result).map_or(Outcome::Settled, Outcome::Refused),
        None => Outcome::Refused(Reason::new("DUPL", "its batch was paid on the ledger before, with other items")),
    }
}
