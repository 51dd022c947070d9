//! From a message that was taken over to orders: who pays whom how much, under which UETR, and when. Pure.
//!
//! What an order is called depends on the message alone, never on the book or the clock: so a gateway that lost its memory
//! gives the same orders the same UETRs, and the ledger pays none of them twice.

use crate::{
    book::{Book, Holder, bank_of},
    identity::{DAY_MS, Uetr, day_begins_ms},
    order::State,
    reason::Reason,
    store::{Details, NewOrder, OrderKind, Told},
};
use florin_iso20022::{
    Accepted, Problem,
    model::{Account, Agent, CreditTransfer, Message, PaymentReturn, Principal, Remittance},
};
use florin_types::Amount;
use std::collections::{BTreeMap, HashSet};

/// Items of one `payBatch`. The ledger takes 3,000; a policy and payees that never held the token cost so much gas that half of
/// them fit into a transaction. It is part of what batches are called: changing it would call them otherwise.
pub(crate) const PART_ITEMS: u64 = 1_500;
/// Largest amount of an item of a batch: 12 bytes.
const ITEM_AMOUNT_MAX: u128 = (1 << 96) - 1;
/// How far ahead a day may lie, in milliseconds.
const AHEAD_MS_MAX: u64 = 366 * DAY_MS;

/// What planning knows beside the message.
pub(crate) struct Context<'a> {
    pub(crate) book: &'a Book,
    pub(crate) tenant: &'a str,
    /// Number of the message.
    pub(crate) message: u64,
    pub(crate) now_ms: u64,
}

/// Where an item stands in its message.
struct Place {
    /// From 0, over the whole message.
    item: u64,
    /// Its batch, from 0.
    batch: u64,
    /// In its batch, or in the message where it has none; from 0.
    in_batch: u64,
    /// How many items its batch has.
    batch_items: u64,
    path: String,
}

/// The orders of a message, refused items included, in its order. `None` for a message that orders nothing.
pub(crate) fn orders(accepted: &Accepted, context: &Context<'_>) -> Option<Vec<NewOrder>> {
    let (transfers, returns): (Vec<Transfer<'_>>, &[PaymentReturn]) = match &accepted.message {
        Message::CustomerTransfers(message) | Message::BankTransfers(message) => {
            (message.transfers.iter().map(Transfer::between_banks).collect(), &[])
        }
        Message::Initiation(message) => {
            let of_batch = message.batches.iter().flat_map(|batch| {
                let date = batch.requested_date.date.as_deref().or(batch.requested_date.date_time.as_deref());
                batch.transfers.iter().map(move |transfer| Transfer::of_customer(transfer, date, &batch.method))
            });
            (of_batch.collect(), &[])
        }
        Message::Returns(message) => (Vec::new(), &message.returns),
        _ => return None,
    };
    let (mut transfers, mut returns) = (transfers.into_iter(), returns.iter());
    let mut batches = Batches::default();
    let planned = places(accepted).into_iter().map(|place| {
        let mut order = blank(accepted, context, &place);
        let index = usize::try_from(place.item).unwrap_or(usize::MAX);
        if let Some(problems) = accepted.refused.get(&index) {
            refuse_by_rules(&mut order, problems);
            return order;
        }
        let filled = if order.kind == OrderKind::Return {
            returns.next().map_or(Ok(()), |message| fill_return(&mut order, message, accepted))
        } else {
            let next = transfers.next();
            next.map_or(Ok(()), |transfer| {
                fill_transfer(&mut order, &transfer, &place, accepted, context, &mut batches)
            })
        };
        if let Err(reason) = filled {
            order.refuse(reason);
            order.path = Some(place.path);
        }
        order
    });
    Some(planned.collect())
}

/// A credit transfer, whichever message it stands in.
struct Transfer<'a> {
    transfer: &'a CreditTransfer,
    amount: Option<Amount>,
    date: Option<&'a str>,
    /// Of payment, where a customer names one.
    method: Option<&'a str>,
}

impl<'a> Transfer<'a> {
    fn between_banks(transfer: &'a CreditTransfer) -> Self {
        let (amount, date) = (transfer.settlement_amount, transfer.settlement_date.as_deref());
        Self { transfer, amount, date, method: None }
    }

    fn of_customer(transfer: &'a CreditTransfer, date: Option<&'a str>, method: &'a str) -> Self {
        Self { transfer, amount: transfer.instructed_amount, date, method: Some(method) }
    }
}

/// Where each item stands.
fn places(accepted: &Accepted) -> Vec<Place> {
    let name = accepted.original.name.as_deref().unwrap_or_default();
    let items = &accepted.original.items;
    let mut places: Vec<Place> = Vec::with_capacity(items.len());
    let (mut batch, mut in_batch) = (0u64, 0u64);
    for (item, original) in (0u64..).zip(items) {
        let before = usize::try_from(item).ok().and_then(|item| items.get(item.checked_sub(1)?));
        match before {
            Some(before) if before.batch == original.batch => in_batch += 1,
            Some(_) => (batch, in_batch) = (batch + 1, 0),
            None => {}
        }
        let number = in_batch + 1;
        let path = match name.get(..8).unwrap_or_default() {
            "pacs.008" => format!("/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[{number}]"),
            "pacs.009" => format!("/Document/FICdtTrf/CdtTrfTxInf[{number}]"),
            "pacs.004" => format!("/Document/PmtRtr/TxInf[{number}]"),
            _ => format!("/Document/CstmrCdtTrfInitn/PmtInf[{}]/CdtTrfTxInf[{number}]", batch + 1),
        };
        places.push(Place { item, batch, in_batch, batch_items: 0, path });
    }
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    places.iter().for_each(|place| *counts.entry(place.batch).or_default() += 1);
    places.iter_mut().for_each(|place| place.batch_items = counts.get(&place.batch).copied().unwrap_or_default());
    places
}

/// An order that names its item and nothing else.
fn blank(accepted: &Accepted, context: &Context<'_>, place: &Place) -> NewOrder {
    let index = usize::try_from(place.item).unwrap_or(usize::MAX);
    let original = accepted.original.items.get(index).cloned().unwrap_or_default();
    let is_return = matches!(accepted.message, Message::Returns(_));
    let kind = if is_return { OrderKind::Return } else { OrderKind::Pay };
    NewOrder {
        batch: original.batch,
        instruction: original.instruction_id,
        end_to_end: original.end_to_end_id,
        transaction: original.transaction_id,
        uetr: original.uetr.map(|uetr| uetr.to_lowercase()),
        ..NewOrder::blank(context.message, place.item, context.tenant, kind)
    }
}

fn refuse_by_rules(order: &mut NewOrder, problems: &[Problem]) {
    let told = |problem: &Problem| {
        let value = problem.value.as_ref().map(|value| format!("{value:?} ")).unwrap_or_default();
        Told { code: problem.reason.into(), path: problem.path.clone(), words: format!("{value}{}", problem.text) }
    };
    order.state = State::Refused;
    order.details.problems = problems.iter().take(10).map(told).collect();
    if let Some(first) = order.details.problems.first() {
        order.code = Some(first.code.clone());
        order.path = Some(first.path.clone());
        order.words = Some(first.words.clone());
    }
}

/// What a message's batches are so far.
#[derive(Default)]
struct Batches {
    /// Numbers of the parts, by batch, portion and currency.
    parts: BTreeMap<(u64, u64, String), u64>,
    /// Batch, amount, and the part of a UETR that a batch's item has on the ledger. A second one with the same is paid by
    /// itself, so that what became of it is never taken for the other's.
    items: HashSet<(u64, u128, [u8; 8])>,
}

fn fill_transfer(
    order: &mut NewOrder,
    Transfer { transfer, amount, date, method }: &Transfer<'_>,
    place: &Place,
    accepted: &Accepted,
    context: &Context<'_>,
    batches: &mut Batches,
) -> Result<(), Reason> {
    order.details = details(transfer);
    let message_id = accepted.original.message_id.as_deref().unwrap_or_default();
    let sender = accepted.original.sender.as_deref().unwrap_or_default();
    let batch = order.batch.clone().unwrap_or_default();
    let end_to_end = order.end_to_end.clone().unwrap_or_default();
    let given = transfer.ids.uetr.as_deref().map(|text| Uetr::parse(text).ok_or_else(|| no_uetr(text))).transpose()?;
    let number = place.item.to_string();
    let uetr =
        given.unwrap_or_else(|| Uetr::derive(&[context.tenant, sender, message_id, &batch, &end_to_end, &number]));
    order.uetr = Some(uetr.to_string());
    if let Some(method) = method.filter(|method| *method == "CHK") {
        return Err(Reason::new("NARR", format!("payment method {method} is not offered: order a transfer (TRF)")));
    }
    if transfer.equivalent_amount.is_some() {
        return Err(Reason::new(
            "NARR",
            "an amount in another currency (EqvtAmt) is not exchanged here: order it as it is paid",
        ));
    }
    let amount = amount.ok_or_else(|| Reason::new("AM12", "an amount is needed"))?;
    let currency = amount.currency().symbol().to_owned();
    order.amount = Some(amount.minor());
    order.currency = Some(currency.clone());
    let token = context.book.token(&currency)?;
    order.token = Some(token.address);
    let is_new = batches.items.insert((place.batch, amount.minor(), uetr.reference()));
    let (payer, payee) = parties(transfer, context)?;
    (order.signer, order.payer, order.payee) = (Some(payer.address), Some(payer.address), Some(payee.address));
    order.claim = Some(format!("pay:{}:{uetr}", payer.address));
    hold(order, *date, context.now_ms)?;
    if order.batch.is_some() && place.batch_items > 1 && amount.minor() <= ITEM_AMOUNT_MAX && is_new {
        let chunk = place.in_batch / PART_ITEMS;
        let next = u64::try_from(batches.parts.len()).unwrap_or(u64::MAX);
        order.kind = OrderKind::Item;
        order.part = *batches.parts.entry((place.batch, chunk, currency.clone())).or_insert(next);
        let name = [context.tenant, sender, message_id, &batch, "part", &chunk.to_string(), &currency];
        order.part_uetr = Some(Uetr::derive(&name).to_string());
    }
    Ok(())
}

/// Who pays whom. Banks pay each other under their own names; customers by account, or by their banks.
fn parties<'b>(transfer: &CreditTransfer, context: &Context<'b>) -> Result<(&'b Holder, &'b Holder), Reason> {
    let bank = |principal, agent: &Option<Agent>| bank_of(principal).cloned().or_else(|| agent.clone());
    let debtor = bank(&transfer.debtor, &transfer.debtor_agent);
    let payer = context.book.payer(context.tenant, transfer.debtor_account.as_ref(), debtor.as_ref())?;
    let creditor = bank(&transfer.creditor, &transfer.creditor_agent);
    let payee = context.book.payee(transfer.creditor_account.as_ref(), creditor.as_ref())?;
    if payee.address == payer.address {
        return Err(Reason::new(
            "AC03",
            format!("{} and {} are one account of the ledger", payer.number, payee.number),
        ));
    }
    Ok((payer, payee))
}

/// An order whose day has not come waits for it.
fn hold(order: &mut NewOrder, date: Option<&str>, now_ms: u64) -> Result<(), Reason> {
    let Some(date) = date else { return Ok(()) };
    let begins = day_begins_ms(date).ok_or_else(|| Reason::new("DT01", format!("{date:?} is no day")))?;
    if begins > now_ms.saturating_add(AHEAD_MS_MAX) {
        return Err(Reason::new("DT01", format!("{date} is more than 366 days ahead: order it later")));
    }
    if begins > now_ms {
        (order.state, order.due_ms) = (State::Held, begins);
    }
    Ok(())
}

/// A return names the payment; whose it was is looked up among the entries that the ledger made.
fn fill_return(order: &mut NewOrder, message: &PaymentReturn, accepted: &Accepted) -> Result<(), Reason> {
    let uetr = message.original.uetr.as_deref();
    let uetr =
        uetr.ok_or_else(|| Reason::new("CH21", "OrgnlUETR is needed: by it the payment is known on the ledger"))?;
    let uetr = Uetr::parse(uetr).ok_or_else(|| no_uetr(uetr))?;
    let amount = message.amount.ok_or_else(|| Reason::new("AM12", "an amount is needed"))?;
    let reason = message.reasons.first().and_then(|reason| reason.reason.as_ref()).and_then(|coded| coded.code.clone());
    order.uetr = Some(uetr.to_string());
    order.amount = Some(amount.minor());
    order.currency = Some(amount.currency().symbol().into());
    order.details.return_reason = reason.filter(|code| is_code(code));
    order.details.return_id.clone_from(&message.id);
    let message_id = accepted.original.message_id.as_deref().unwrap_or_default();
    let name = message.id.clone().unwrap_or_else(|| format!("{message_id}#{}", order.item));
    let sender = accepted.original.sender.as_deref().unwrap_or_default();
    order.claim = Some(format!("return:{}:{sender}:{uetr}:{name}", order.tenant));
    Ok(())
}

fn details(transfer: &CreditTransfer) -> Details {
    let bic = |agent: &Option<Agent>| agent.as_ref().and_then(|agent| agent.bic.clone());
    let number = |account: &Option<Account>| account.as_ref().and_then(Account::number).map(String::from);
    let name = |principal: &Principal| match principal {
        Principal::Party(party) => party.name.clone(),
        Principal::Agent(agent) => agent.name.clone().or_else(|| agent.bic.clone()),
    };
    let own = |principal: &Principal, agent: &Option<Agent>| {
        bank_of(principal).and_then(|bank| bank.bic.clone()).or_else(|| bic(agent))
    };
    let priority = transfer.payment_type.as_ref().and_then(|kind| kind.priority.as_deref());
    let urgency = transfer.settlement_priority.as_deref();
    Details {
        debtor: name(&transfer.debtor),
        debtor_account: number(&transfer.debtor_account),
        debtor_agent: own(&transfer.debtor, &transfer.debtor_agent),
        creditor: name(&transfer.creditor),
        creditor_account: number(&transfer.creditor_account),
        creditor_agent: own(&transfer.creditor, &transfer.creditor_agent),
        purpose: transfer.purpose.as_ref().and_then(|purpose| purpose.code.clone()).filter(|code| is_code(code)),
        remittance: transfer.remittance.as_ref().map(remittance).unwrap_or_default(),
        urgent: priority == Some("HIGH") || matches!(urgency, Some("HIGH" | "URGT")),
        ..Details::default()
    }
}

/// What a payment is for, in texts.
fn remittance(remittance: &Remittance) -> Vec<String> {
    let structured =
        remittance.structured.iter().filter_map(|part| part.reference.clone().or_else(|| part.document.clone()));
    remittance.unstructured.iter().cloned().chain(structured).take(100).collect()
}

/// Four characters that the ledger takes as a code.
fn is_code(code: &str) -> bool {
    code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn no_uetr(text: &str) -> Reason {
    Reason::new("CH16", format!("{text:?} is no UETR: a UUID of version 4"))
}
