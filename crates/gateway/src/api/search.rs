//! Lists of payments: filters, newest first, and a cursor that new payments do not move.

use super::{
    Answered, Api,
    document::Read,
    parts::Asked,
    problem::Problem,
    search_turn,
    told::{EntryTold, OrderTold, PartyTold, ReasonTold},
};
use crate::{
    access::Caller,
    exceptions::as_they_are,
    identity::{digest, time_ms_of, time_text},
    order::State as OrderState,
    store::{Entry, Order, Search},
};
use alloy_primitives::{Address, B256, hex};
use axum::{Json, extract::State, response::IntoResponse};
use florin_types::{Amount, Currency};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Payments of one page, at most and where nothing is said.
const PAGE_MAX: u64 = 200;
const PAGE: u64 = 50;
/// Characters of a filter.
const FILTER_CHARS_MAX: usize = 140;
/// Bytes of a cursor that say which search it belongs to.
const CURSOR_MARK_BYTES: usize = 8;

/// What is looked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    /// `outgoing` (ordered by the tenant) or `incoming` (credited to it). Outgoing where it is left out.
    direction: Option<String>,
    /// State of the order. Outgoing payments alone.
    #[param(inline)]
    state: Option<String>,
    /// Code of ISO 4217.
    currency: Option<String>,
    /// Smallest amount, decimal. With `currency` alone.
    amount_min: Option<String>,
    /// Largest amount, decimal. With `currency` alone.
    amount_max: Option<String>,
    /// From this moment on: `YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ssZ`. Of an outgoing payment, when it arrived; else when it was booked.
    from: Option<String>,
    /// Before this moment.
    to: Option<String>,
    /// Reference of the customer, exactly.
    end_to_end_id: Option<String>,
    /// Number or BIC of who is at the other end, or its account on the ledger.
    counterparty: Option<String>,
    /// Hash of the transaction on the ledger.
    transaction: Option<String>,
    /// `next` of the page before, with the same filters.
    #[serde(skip_serializing)]
    cursor: Option<String>,
    /// Payments of a page: 1 to 200, 50 where it is left out.
    #[serde(skip_serializing)]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// A payment in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct ListedTold {
    /// `outgoing` or `incoming`.
    direction: &'static str,
    uetr: Option<String>,
    /// Of an outgoing payment, the order's; an incoming one is `settled`.
    state: &'static str,
    /// The same as ISO 20022 says it.
    status: &'static str,
    reason: Option<ReasonTold>,
    amount: Option<String>,
    currency: Option<String>,
    end_to_end_id: Option<String>,
    /// Who is at the other end.
    counterparty: PartyTold,
    remittance: Vec<String>,
    /// When the order arrived here; nothing for an incoming payment.
    received: Option<String>,
    /// Time of the block that settled it.
    settled: Option<String>,
    /// Height of that block.
    block: Option<u64>,
}

/// Payments, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct PageTold {
    payments: Vec<ListedTold>,
    /// Cursor of the next page; nothing on the last one.
    next: Option<String>,
}

/// Payments of the tenant, newest first
///
/// Payments that come while pages are read appear on the first page alone: no page has one twice, and none is left out.
#[utoipa::path(
    get, path = "/v1/payments", tag = "payments", operation_id = "payments", security(("key" = [])),
    params(Filters),
    responses((status = 200, description = "A page", body = PageTold), Read)
)]
pub(super) async fn payments(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Asked(filters): Asked<Filters>,
) -> Answered {
    let mark = mark(&filters, &caller.tenant);
    let limit = filters.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::parameter("limit", "1 to 200"));
    }
    let incoming = match filters.direction.as_deref() {
        None | Some("outgoing") => false,
        Some("incoming") => true,
        Some(_) => return Err(Problem::parameter("direction", "outgoing or incoming")),
    };
    let Some(search) = search(&api, &caller, &filters, incoming, mark)? else {
        return Ok(Json(PageTold { payments: Vec::new(), next: None }).into_response());
    };
    let _turn = search_turn(&api).await?;
    let (payments, last) = if incoming {
        credits(&api, &search, limit.saturating_add(1)).await?
    } else {
        orders(&api, &search, limit.saturating_add(1)).await?
    };
    Ok(Json(page(payments, last, limit, mark)).into_response())
}

/// One more than a page was looked for: it says whether there is a next one.
fn page(mut payments: Vec<ListedTold>, numbers: Vec<u64>, limit: u64, mark: [u8; CURSOR_MARK_BYTES]) -> PageTold {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = numbers.len() > limit;
    payments.truncate(limit);
    let last = limit.checked_sub(1).and_then(|last| numbers.get(last));
    PageTold { payments, next: last.filter(|_| has_more).map(|last| cursor(*last, mark)) }
}

/// Which search a cursor belongs to.
fn mark(filters: &Filters, tenant: &str) -> [u8; CURSOR_MARK_BYTES] {
    let text = serde_json::to_string(&(tenant, filters)).unwrap_or_default();
    let mut mark = [0u8; CURSOR_MARK_BYTES];
    mark.iter_mut().zip(digest(text.as_bytes())).for_each(|(byte, from)| *byte = from);
    mark
}

fn cursor(number: u64, mark: [u8; CURSOR_MARK_BYTES]) -> String {
    hex::encode([number.to_be_bytes(), mark].concat())
}

fn number_of(cursor: &str, mark: [u8; CURSOR_MARK_BYTES]) -> Option<u64> {
    read_cursor(cursor).filter(|(_, of)| *of == mark).map(|(number, _)| number)
}

/// Where the page before ended, and the search that it was of.
fn read_cursor(text: &str) -> Option<(u64, [u8; CURSOR_MARK_BYTES])> {
    let mut bytes = [0u8; 8 + CURSOR_MARK_BYTES];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    let (number, mark) = bytes.split_first_chunk::<8>()?;
    let (number, mark) = (u64::from_be_bytes(*number), mark.try_into().ok()?);
    i64::try_from(number).ok()?;
    // Hexadecimal has capitals and `0x`, too; a cursor has neither.
    (cursor(number, mark) == text).then_some((number, mark))
}

/// Reads a cursor of whatever search, and writes it again; `None` where it is none.
pub fn decode_cursor(text: &str) -> Option<String> {
    read_cursor(text).map(|(number, mark)| cursor(number, mark))
}

/// What the filters mean. Nothing where they name somebody whom nobody knows: then nothing is found.
fn search(
    api: &Api,
    caller: &Caller,
    filters: &Filters,
    incoming: bool,
    mark: [u8; CURSOR_MARK_BYTES],
) -> Result<Option<Search>, Problem> {
    let book = &api.shared.book;
    let before = filters.cursor.as_deref().map(|cursor| {
        number_of(cursor, mark).ok_or_else(|| Problem::parameter("cursor", "`next` of a page with the same filters"))
    });
    let texts = [("end_to_end_id", &filters.end_to_end_id), ("counterparty", &filters.counterparty)];
    for (name, text) in texts {
        if text.as_ref().is_some_and(|text| text.is_empty() || text.chars().count() > FILTER_CHARS_MAX) {
            return Err(Problem::parameter(name, "a text of 1 to 140 characters"));
        }
    }
    let state = filters.state.as_deref().map(|name| {
        let known = OrderState::from_name(name).filter(|_| !incoming);
        known.ok_or_else(|| {
            let mut names = OrderState::ALL.map(OrderState::name).to_vec();
            let last = names.pop().unwrap_or_default();
            let known = names.join(", ");
            Problem::parameter("state", &format!("{known} or {last}; of outgoing payments alone"))
        })
    });
    let token = filters.currency.as_deref().map(|currency| {
        book.token(currency).map_err(|_| Problem::parameter("currency", "a currency that is configured"))
    });
    let token = token.transpose()?;
    let amount = |name: &str, text: &Option<String>| {
        let Some(text) = text else { return Ok(None) };
        let wrong = || Problem::parameter(name, "a decimal amount of the currency, which is given beside it");
        let token = token.ok_or_else(wrong)?;
        let currency = Currency::new(&token.currency, token.digits).map_err(|_| wrong())?;
        Amount::parse(text, currency).map(|amount| Some(amount.minor())).map_err(|_| wrong())
    };
    let moment = |name: &str, text: &Option<String>| {
        let read = text.as_deref().map(|text| {
            time_ms_of(text)
                .ok_or_else(|| Problem::parameter(name, "YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ, from 1970 to 9999"))
        });
        read.transpose()
    };
    let transaction = filters.transaction.as_deref().map(|text| {
        text.parse::<B256>().map_err(|_| Problem::parameter("transaction", "a hash: 0x and 64 hexadecimal digits"))
    });
    let counterparty = match filters.counterparty.as_deref() {
        None => None,
        Some(name) => match book.named(name).map(|holder| holder.address).or_else(|| name.parse::<Address>().ok()) {
            Some(address) => Some(address),
            None => return Ok(None),
        },
    };
    Ok(Some(Search {
        tenant: caller.tenant.clone(),
        before: before.transpose()?,
        state: state.transpose()?,
        currency: filters.currency.clone(),
        token: token.map(|token| token.address),
        amount_min: amount("amount_min", &filters.amount_min)?,
        amount_max: amount("amount_max", &filters.amount_max)?,
        from_ms: moment("from", &filters.from)?,
        to_ms: moment("to", &filters.to)?,
        end_to_end: filters.end_to_end_id.clone(),
        counterparty,
        transaction: transaction.transpose()?,
    }))
}

type Found = (Vec<ListedTold>, Vec<u64>);

async fn orders(api: &Api, search: &Search, limit: u64) -> Result<Found, Problem> {
    let store = &api.shared.store;
    let mut work = store.read().await?;
    let found = store.search_orders(&mut work, search, limit).await?;
    let found = as_they_are(store, &mut work, found).await?;
    let mut listed = Vec::with_capacity(found.len());
    for order in &found {
        let message = store.message(&mut work, &search.tenant, order.message).await?;
        listed.push(of_order(api, order, message.map(|message| message.received_ms)));
    }
    Ok((listed, found.iter().map(|order| order.number).collect()))
}

fn of_order(api: &Api, order: &Order, received_ms: Option<u64>) -> ListedTold {
    let told = OrderTold::new(&api.shared.book, order);
    ListedTold {
        direction: "outgoing",
        uetr: told.uetr,
        state: told.state,
        status: told.status,
        reason: told.reason,
        amount: told.amount,
        currency: told.currency,
        end_to_end_id: told.end_to_end_id,
        counterparty: told.creditor,
        remittance: told.remittance,
        received: received_ms.map(time_text),
        settled: told.settled,
        block: told.block,
    }
}

async fn credits(api: &Api, search: &Search, limit: u64) -> Result<Found, Problem> {
    let store = &api.shared.store;
    let mut work = store.read().await?;
    let found = store.search_credits(&mut work, search, limit).await?;
    let listed = found.iter().map(|entry| of_credit(api, entry)).collect();
    Ok((listed, found.iter().map(|entry| entry.number).collect()))
}

fn of_credit(api: &Api, entry: &Entry) -> ListedTold {
    let book = &api.shared.book;
    let told = EntryTold::new(book, entry);
    let details = &entry.details;
    let amount = told.currency.as_deref().and_then(|currency| book.decimal(currency, entry.amount));
    ListedTold {
        direction: "incoming",
        uetr: told.uetr,
        state: OrderState::Settled.name(),
        status: OrderState::Settled.status(),
        reason: None,
        amount,
        currency: told.currency,
        end_to_end_id: told.end_to_end_id,
        counterparty: PartyTold {
            name: details.debtor.clone(),
            number: details.debtor_account.clone(),
            bic: details.debtor_agent.clone(),
            address: Some(entry.counterparty),
        },
        remittance: told.remittance,
        received: None,
        settled: Some(told.booked),
        block: Some(told.block),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_search_and_its_tenant_alone() {
        let filters = |state: &str| Filters { state: Some(state.into()), ..Filters::default() };
        let own = mark(&filters("held"), "a");
        let text = cursor(7, own);
        assert_eq!(number_of(&text, own), Some(7));
        assert_eq!(number_of(&text, mark(&filters("held"), "b")), None);
        assert_eq!(number_of(&text, mark(&filters("settled"), "a")), None);
        // The cursor and the size of a page are no part of the search.
        let later = Filters { cursor: Some(text.clone()), limit: Some(3), ..filters("held") };
        assert_eq!(mark(&later, "a"), own);
        let capitals = text.to_uppercase();
        assert_ne!(capitals, text);
        let others = [&text[2..], &format!("{text}00"), &format!("0x{text}"), &capitals];
        for wrong in ["", "7", "zz", "ffffffffffffffff0000000000000000"].into_iter().chain(others) {
            assert_eq!(number_of(wrong, own), None, "{wrong}");
        }
        assert_eq!(number_of(&cursor(u64::MAX, own), own), None, "a number that no row has");
    }
}
