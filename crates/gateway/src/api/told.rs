//! What is told in JSON.

use super::{Api, problem::Problem};
use crate::{
    GatewayError,
    book::Book,
    gateway::Shared,
    identity::time_text,
    order::State,
    quote::rate,
    store::{Answer, DecisionRow, Entry, MessageRow, Order, OrderKind},
};
use alloy_primitives::Address;
use florin_history::sql::Work;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What became of a message.
#[derive(Serialize, ToSchema)]
pub(super) struct MessageTold {
    /// Its number at this gateway.
    pub(super) message: u64,
    /// `received`, `open` (orders go on), `final`, or `refused` (no answer could be made).
    pub(super) state: String,
    /// Such as `pacs.008.001.08`; `florin.ask` and so on for what is ordered about requests to pay and quotes, which is no message of ISO 20022.
    pub(super) name: Option<String>,
    /// Its `MsgId`.
    pub(super) message_id: Option<String>,
    /// When it was durable here.
    pub(super) received: String,
    /// The file that it came in.
    pub(super) file: Option<String>,
    /// How many orders it is.
    pub(super) orders: u64,
    /// How many of them are in which state now.
    pub(super) states: BTreeMap<&'static str, u64>,
    /// How many of them have which status.
    pub(super) statuses: BTreeMap<&'static str, u64>,
    /// Answers to it, oldest first.
    pub(super) answers: Vec<AnswerTold>,
    /// What is wrong with it: code, path, text, value.
    #[schema(value_type = Option<Vec<super::problem::Flaw>>)]
    pub(super) problems: Option<Value>,
}

impl MessageTold {
    pub(super) fn new(row: MessageRow, counts: &BTreeMap<State, u64>, answers: &[Answer]) -> Self {
        let mut statuses: BTreeMap<&'static str, u64> = BTreeMap::new();
        counts.iter().for_each(|(state, count)| *statuses.entry(state.status()).or_default() += count);
        Self {
            message: row.number,
            state: row.state,
            name: row.name,
            message_id: row.message_id,
            received: time_text(row.received_ms),
            file: row.file,
            orders: counts.values().sum(),
            states: counts.iter().map(|(state, count)| (state.name(), *count)).collect(),
            statuses,
            answers: answers.iter().map(AnswerTold::new).collect(),
            problems: row.problem.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        }
    }
}

/// A message that the gateway wrote.
#[derive(Serialize, ToSchema)]
pub(super) struct AnswerTold {
    /// In the order in which they were written.
    pub(super) number: u64,
    /// Its own `MsgId`.
    pub(super) id: String,
    /// Such as `pacs.002.001.10`.
    pub(super) name: String,
    /// `taken`, `final` or `notification`.
    pub(super) purpose: &'static str,
    /// When it was written.
    pub(super) created: String,
}

impl AnswerTold {
    pub(super) fn new(answer: &Answer) -> Self {
        Self {
            number: answer.number,
            id: answer.id.clone(),
            name: answer.name.clone(),
            purpose: answer.purpose.name(),
            created: time_text(answer.created_ms),
        }
    }
}

/// Notifications, oldest first.
#[derive(Serialize, ToSchema)]
pub(super) struct NotificationsTold {
    pub(super) notifications: Vec<AnswerTold>,
}

/// Why an order was refused.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ReasonTold {
    /// A code of ISO 20022's list, such as `AM04`.
    pub(super) code: String,
    /// In words, with the values.
    pub(super) text: Option<String>,
    /// The field of the message.
    pub(super) path: Option<String>,
}

impl ReasonTold {
    /// Why an order was refused; `None` where it was not.
    pub(super) fn of(order: &Order) -> Option<Self> {
        let code = order.code.clone()?;
        Some(Self { code, text: order.words.clone(), path: order.path.clone() })
    }
}

/// An account as a payment names it.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(super) struct PartyTold {
    /// Name, as the message or the book says it.
    pub(super) name: Option<String>,
    /// Account number.
    pub(super) number: Option<String>,
    /// BIC of the bank.
    pub(super) bic: Option<String>,
    /// Account on the ledger.
    #[schema(value_type = Option<String>)]
    pub(super) address: Option<Address>,
}

impl PartyTold {
    /// A party as the book knows it.
    pub(super) fn at(book: &Book, address: Address) -> Self {
        let holder = book.at(address);
        Self {
            name: holder.and_then(|holder| holder.name.clone()),
            number: holder.map(|holder| holder.number.clone()),
            bic: holder.and_then(|holder| holder.bic.clone()),
            address: Some(address),
        }
    }

    /// The same for a tenant: of accounts that are not its own, what participants know.
    pub(super) fn seen_by(book: &Book, tenant: &str, address: Address) -> Self {
        match book.at(address) {
            Some(holder) if holder.tenant.as_deref() == Some(tenant) => Self::at(book, address),
            Some(holder) if holder.bic.is_some() => Self { number: None, ..Self::at(book, address) },
            _ => Self { address: Some(address), ..Self::default() },
        }
    }
}

/// What an order has to do with a quote.
#[derive(Serialize, ToSchema)]
pub(super) struct ExchangeTold {
    /// What the quote is known by.
    quote: String,
    /// Who promised it.
    provider: PartyTold,
    /// What the creditor receives, decimal; of an order about the quote itself, what it promises at most.
    received: Option<String>,
    /// Code of ISO 4217.
    currency: Option<String>,
    /// What is sold for it, decimal: with the fee where it is taken, without where it is made or withdrawn.
    sold: Option<String>,
    /// Code of ISO 4217.
    sold_currency: Option<String>,
    /// What comes on top of what is sold.
    fee: Option<String>,
    /// From when on the quote is taken no more.
    expires: String,
    /// Units of that currency for one that is sent, fee included, rounded down to 8 digits after the point; of an order about the quote
    /// itself, without the fee.
    rate: Option<String>,
}

impl ExchangeTold {
    fn new(book: &Book, order: &Order) -> Option<Self> {
        let exchange = order.details.exchange.as_ref()?;
        let terms = &exchange.terms.0;
        let received = u128::try_from(exchange.received).ok()?;
        let (sold, bought) = (book.token_at(terms.sellToken), book.token_at(terms.buyToken));
        let sent =
            if order.kind == OrderKind::Exchange { order.amount? } else { u128::try_from(terms.sellAmount).ok()? };
        let rate = sold.zip(bought).and_then(|(sold, bought)| rate(sold, bought, (sent, received)));
        Some(Self {
            quote: exchange.terms.id(),
            provider: PartyTold::seen_by(book, &order.tenant, terms.provider),
            sold: sold.and_then(|sold| book.decimal(&sold.currency, sent)),
            sold_currency: sold.map(|sold| sold.currency.clone()),
            fee: sold.and_then(|sold| book.decimal(&sold.currency, u128::try_from(terms.fee).ok()?)),
            expires: time_text(terms.expiresAtMs),
            received: bought.and_then(|bought| book.decimal(&bought.currency, received)),
            currency: bought.map(|bought| bought.currency.clone()),
            rate,
        })
    }
}

/// One order.
#[derive(Serialize, ToSchema)]
pub(super) struct OrderTold {
    /// UETR under which the ledger knows it.
    pub(super) uetr: Option<String>,
    /// The message that it came in.
    pub(super) message: u64,
    /// Its place there, from 0.
    pub(super) item: u64,
    /// `pay`, `item` (of a batch), `return`, `accept` (of a request to pay), `exchange` (by a quote); about requests, `ask`, `refuse` and `withdraw`; about quotes, `quote` and
    /// `retract`.
    pub(super) kind: &'static str,
    /// `held`, `waiting` (for a checker), `screening`, `review` (by compliance), `passed` (the rest of its batch is waited for), `checked`, `signed`, `settled`, `refused`, `cancelled` or
    /// `same`.
    pub(super) state: &'static str,
    /// The same as ISO 20022 says it: `PDNG`, `ACTC`, `ACSP`, `ACSC`, `RJCT` or `CANC`.
    pub(super) status: &'static str,
    pub(super) reason: Option<ReasonTold>,
    /// Decimal, such as `1250.75`.
    pub(super) amount: Option<String>,
    /// Code of ISO 4217.
    pub(super) currency: Option<String>,
    /// `InstrId`; of a payment that was ordered as a line, the number of the line.
    pub(super) instruction_id: Option<String>,
    pub(super) end_to_end_id: Option<String>,
    pub(super) debtor: PartyTold,
    pub(super) creditor: PartyTold,
    /// Where it takes a quote: `amount` is what is sent, and this what is received. Where it makes or withdraws one, `amount` is what is
    /// promised at most.
    pub(super) exchange: Option<ExchangeTold>,
    /// What it is for.
    pub(super) remittance: Vec<String>,
    /// The day before which nothing is paid, where it waits for one.
    pub(super) due: Option<String>,
    /// Height of the block that settled it.
    pub(super) block: Option<u64>,
    /// Time of that block.
    pub(super) settled: Option<String>,
}

/// Whether a price is for a customer who is not the tenant's: then the address is all that is told, as in the list of quotes.
fn names_another(book: &Book, order: &Order) -> bool {
    let is_price = matches!(order.kind, OrderKind::Quote | OrderKind::Retract);
    let taker = order.payee.and_then(|address| book.at(address));
    is_price && taker.is_some_and(|holder| holder.tenant.as_ref() != Some(&order.tenant))
}

impl OrderTold {
    pub(super) fn new(book: &Book, order: &Order) -> Self {
        let details = &order.details;
        let reason = ReasonTold::of(order);
        let party = |name: &Option<String>, number: &Option<String>, bic: &Option<String>, address| PartyTold {
            name: name.clone(),
            number: number.clone(),
            bic: bic.clone(),
            address,
        };
        // Of a return, the payer is who gets the money back.
        let from = if order.kind == OrderKind::Return { order.signer } else { order.payer };
        Self {
            uetr: order.uetr.clone(),
            message: order.message,
            item: order.item,
            kind: order.kind.name(),
            state: order.state.name(),
            status: order.state.status(),
            reason,
            amount: order
                .currency
                .as_deref()
                .zip(order.amount)
                .and_then(|(currency, minor)| book.decimal(currency, minor)),
            currency: order.currency.clone(),
            instruction_id: order.instruction.clone(),
            end_to_end_id: order.end_to_end.clone(),
            debtor: party(&details.debtor, &details.debtor_account, &details.debtor_agent, from),
            creditor: if names_another(book, order) {
                party(&None, &None, &None, order.payee)
            } else {
                party(&details.creditor, &details.creditor_account, &details.creditor_agent, order.payee)
            },
            exchange: ExchangeTold::new(book, order),
            remittance: details.remittance.clone(),
            due: (order.due_ms > 0).then(|| crate::identity::day_text(order.due_ms)),
            block: order.height,
            settled: order.settled_ms.map(time_text),
        }
    }
}

/// A decision over an order: a checker's, the screening service's, or compliance's.
#[derive(Serialize, ToSchema)]
pub(super) struct DecisionTold {
    /// `approval`, `screening` or `review`.
    stage: String,
    /// `pass`, `refuse` or `hold`.
    verdict: String,
    /// Code of a refusal.
    code: Option<String>,
    words: Option<String>,
    /// Who decided; nobody where the service did.
    who: Option<String>,
    /// When.
    decided: String,
}

impl From<DecisionRow> for DecisionTold {
    fn from(row: DecisionRow) -> Self {
        let DecisionRow { stage, verdict, code, words, who, decided_ms } = row;
        Self { stage, verdict, code, words, who, decided: time_text(decided_ms) }
    }
}

/// An order with what was decided over it.
#[derive(Serialize, ToSchema)]
pub(super) struct DecidedTold {
    #[serde(flatten)]
    pub(super) order: OrderTold,
    /// Decisions, oldest first.
    pub(super) decisions: Vec<DecisionTold>,
}

/// An order with what was decided over it.
pub(super) async fn decided(shared: &Shared, work: &mut Work, order: &Order) -> Result<DecidedTold, GatewayError> {
    let number = order.same_as.unwrap_or(order.number);
    let decisions = shared.store.decisions_over(work, &order.tenant, number).await?;
    let order = OrderTold::new(&shared.book, order);
    Ok(DecidedTold { order, decisions: decisions.into_iter().map(DecisionTold::from).collect() })
}

/// One movement on an account of the tenant.
#[derive(Serialize, ToSchema)]
pub(super) struct EntryTold {
    pub(super) uetr: Option<String>,
    /// Number or BIC of the tenant's account.
    pub(super) account: String,
    /// `CRDT` (to the account) or `DBIT`.
    pub(super) side: &'static str,
    /// Decimal.
    pub(super) amount: Option<String>,
    pub(super) currency: Option<String>,
    /// Account on the ledger at the other end.
    #[schema(value_type = String)]
    pub(super) counterparty: Address,
    pub(super) end_to_end_id: Option<String>,
    pub(super) remittance: Vec<String>,
    /// Time of the block.
    pub(super) booked: String,
    /// Height of the block.
    pub(super) block: u64,
    /// Hash of the transaction on the ledger.
    pub(super) transaction: String,
    /// `pay`, `item`, `return`, `exchange`, or `quote` for its provider; nothing for a movement that no payment made.
    pub(super) kind: Option<String>,
}

impl EntryTold {
    pub(super) fn new(book: &Book, entry: &Entry) -> Self {
        let currency = book.token_at(entry.token).map(|token| token.currency.clone());
        Self {
            uetr: entry.uetr.clone(),
            account: entry.account.clone(),
            side: entry.side.name(),
            amount: currency.as_deref().and_then(|currency| book.decimal(currency, entry.amount)),
            currency,
            counterparty: entry.counterparty,
            end_to_end_id: entry.details.end_to_end.clone(),
            remittance: entry.details.remittance.clone(),
            booked: time_text(entry.time_ms),
            block: entry.height,
            transaction: entry.hash.to_string(),
            kind: entry.details.kind.clone(),
        }
    }
}

/// A payment: the orders and the movements under its UETR that this tenant may see.
#[derive(Serialize, ToSchema)]
pub(super) struct PaymentTold {
    pub(super) uetr: String,
    pub(super) orders: Vec<DecidedTold>,
    pub(super) entries: Vec<EntryTold>,
}

/// The orders and movements under a UETR; a problem where there are none.
pub(super) async fn payment(api: &Api, tenant: &str, uetr: &str) -> Result<PaymentTold, Problem> {
    let store = &api.shared.store;
    let mut work = store.read().await?;
    let orders = store.orders_under(&mut work, tenant, uetr).await?;
    let orders = crate::exceptions::as_they_are(store, &mut work, orders).await?;
    let entries = store.entries_under(&mut work, tenant, uetr).await?;
    if orders.is_empty() && entries.is_empty() {
        return Err(Problem::unknown("payment", uetr));
    }
    let mut told = Vec::with_capacity(orders.len());
    for order in &orders {
        told.push(decided(&api.shared, &mut work, order).await?);
    }
    let entries = entries.iter().map(|entry| EntryTold::new(&api.shared.book, entry)).collect();
    Ok(PaymentTold { uetr: uetr.into(), orders: told, entries })
}
