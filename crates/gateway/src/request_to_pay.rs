//! Requests to pay as JSON, and the orders that make and answer them. No message of ISO 20022 that is taken here says them, so an
//! order comes straight from the call. Pure.

use crate::{
    book::Book,
    identity::{Uetr, request_id, request_reference, time_ms_of},
    reason::Reason,
    request::{Wrong, bad, is_purpose, no_decimal, no_expiry},
    store::{Details, NewOrder, OrderKind, RequestToPay, Stand},
};
use alloy_primitives::Address;
use florin_modules::payment::RequestState;
use florin_types::{Amount, Currency};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who is asked for what, until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "creditor": "IT60X0542811101000000123456", "debtor": "DE89370400440532013000", "amount": "250.00", "currency": "EUR",
    "expires": "2027-06-30T12:00:00Z", "end_to_end_id": "INVOICE-8", "remittance": "Invoice 8"
}))]
pub(crate) struct AskBody {
    /// Number or BIC of the account that asks, and is paid. It must be the tenant's.
    #[schema(min_length = 1, max_length = 34)]
    pub(crate) creditor: String,
    /// Number or BIC of who is asked.
    #[schema(min_length = 1, max_length = 34)]
    pub(crate) debtor: String,
    /// Decimal, with a point, such as `1250.75`.
    #[schema(pattern = r"^[0-9]{1,18}(\.[0-9]{1,5})?$")]
    pub(crate) amount: String,
    /// Code of ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$")]
    pub(crate) currency: String,
    /// The moment (UTC) from which it can be accepted no more, at most 366 days ahead: `YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ssZ`.
    #[schema(max_length = 25)]
    pub(crate) expires: String,
    /// Reference of the creditor for the payment. `NOTPROVIDED` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 35)]
    pub(crate) end_to_end_id: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 140)]
    pub(crate) remittance: Option<String>,
    /// Code of ISO's list of purposes, such as `RENT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z0-9]{4}$")]
    pub(crate) purpose: Option<String>,
}

/// How a request is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub(crate) struct AcceptBody {
    /// UUID of version 4: the payment's own name. Derived from the header `Idempotency-Key` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) uetr: Option<String>,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "AM09" }))]
pub(crate) struct RefuseBody {
    /// Code of ISO 20022's ExternalStatusReason1Code, such as `AM09` (wrong amount) or `CUST` (by the customer's decision).
    #[schema(pattern = "^[A-Z0-9]{4}$")]
    pub(crate) code: String,
}

/// Whose call an order comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) book: &'a Book,
    pub(crate) tenant: &'a str,
    /// What it is known by.
    pub(crate) name: &'a str,
    pub(crate) now_ms: u64,
}

impl AskBody {
    /// Everything that no request could have.
    pub(crate) fn wrong(&self, now_ms: u64) -> Vec<Wrong> {
        let optional = |path, text: &Option<String>, chars_max| text.clone().map(|text| (path, text, chars_max));
        let texts = [
            Some(("/creditor", self.creditor.clone(), 34)),
            Some(("/debtor", self.debtor.clone(), 34)),
            Some(("/amount", self.amount.clone(), 24)),
            Some(("/currency", self.currency.clone(), 3)),
            Some(("/expires", self.expires.clone(), 25)),
            optional("/end_to_end_id", &self.end_to_end_id, 35),
            optional("/remittance", &self.remittance, 140),
            optional("/purpose", &self.purpose, 4),
        ];
        let mut wrong: Vec<Wrong> =
            texts.into_iter().flatten().filter_map(|(path, text, max)| bad(path, &text, max)).collect();
        wrong.extend(no_decimal("/amount", &self.amount));
        if let Some(purpose) = self.purpose.as_deref().filter(|purpose| !is_purpose(purpose)) {
            wrong.push(Wrong::of("FF07", "/purpose", "a purpose is four capitals or digits", purpose));
        }
        wrong.extend(no_expiry("/expires", &self.expires, now_ms));
        wrong
    }

    /// The request, and the order that makes it; or the field that the book refuses, and why.
    pub(crate) fn order(&self, call: &Call<'_>) -> Result<(RequestToPay, NewOrder), Wrong> {
        let Call { book, tenant, name, now_ms } = *call;
        let unknown = |path, who: &str| {
            let text = "is no account that this tenant asks for from here: configure it, with its key";
            Wrong::of("AC02", path, &format!("{who} {text}"), who)
        };
        let creditor = book.of(tenant, &self.creditor).filter(|holder| holder.pays);
        let creditor = creditor.ok_or_else(|| unknown("/creditor", &self.creditor))?;
        let debtor = book.named(&self.debtor).filter(|debtor| debtor.address != creditor.address).ok_or_else(|| {
            let text = "who is asked is another account that is known on this ledger: nothing is guessed";
            Wrong::of("AC03", "/debtor", text, &self.debtor)
        })?;
        let token = book
            .token(&self.currency)
            .map_err(|reason| Wrong::of(reason.code, "/currency", &reason.words, &self.currency))?;
        let amount = Currency::new(&token.currency, token.digits)
            .ok()
            .and_then(|currency| Amount::parse(&self.amount, currency).ok())
            .map(|amount| amount.minor())
            .filter(|minor| *minor > 0);
        let amount = amount.ok_or_else(|| {
            let text = format!("an amount is above 0 and has at most {} digits after the point", token.digits);
            Wrong::of("AM12", "/amount", &text, &self.amount)
        })?;
        let claim = format!("ask:{tenant}:{name}");
        let expires_ms = time_ms_of(&self.expires).unwrap_or_default();
        let reference = request_reference(&claim);
        let request = RequestToPay {
            number: 0,
            id: request_id(creditor.address, reference),
            creditor: creditor.address,
            reference,
            debtor: debtor.address,
            creditor_tenant: Some(tenant.into()),
            debtor_tenant: debtor.tenant.clone(),
            token: token.address,
            amount,
            expires_ms,
            end_to_end: Some(self.end_to_end_id.clone().unwrap_or_else(|| "NOTPROVIDED".into())),
            remittance: self.remittance.clone(),
            purpose: self.purpose.clone(),
            stand: Stand::Ordered,
            code: None,
            uetr: None,
            ledger: None,
            made_ms: now_ms,
            ended_ms: None,
        };
        let order = NewOrder {
            claim: Some(claim),
            details: Details { expires_ms: Some(expires_ms), ..details(book, &request) },
            ..order(call, OrderKind::Ask, &request, creditor.address)
        };
        Ok((request, order))
    }
}

impl AcceptBody {
    /// What the payment is called: as it was sent, else by what the call is known by.
    pub(crate) fn uetr_under(&self, tenant: &str, name: &str) -> Uetr {
        let sent = self.uetr.as_deref().and_then(Uetr::parse);
        sent.unwrap_or_else(|| Uetr::derive(&[tenant, "accept", name]))
    }

    /// The order that pays what was asked, and says so.
    pub(crate) fn order(&self, call: &Call<'_>, request: &RequestToPay) -> Result<NewOrder, Reason> {
        let uetr = self.uetr_under(call.tenant, call.name);
        let answer = answer(call, OrderKind::Accept, request, request.debtor)?;
        let claim = format!("pay:{}:{uetr}", request.debtor);
        let mut order = NewOrder { uetr: Some(uetr.to_string()), claim: Some(claim), ..answer };
        // As for every payment: nothing is guessed. Anybody on the ledger may ask, and screening has to be told whom it is about.
        if call.book.at(request.creditor).is_none() {
            let words =
                format!("{} is not known here: ask for it to be configured, and accept again", request.creditor);
            order.refuse(Reason::new("AC03", words));
        } else if order.currency.is_none() {
            order.refuse(Reason::new("AM03", format!("no currency is configured for token {}", request.token)));
        }
        Ok(order)
    }
}

impl RefuseBody {
    /// The order that refuses it.
    pub(crate) fn order(&self, call: &Call<'_>, request: &RequestToPay) -> Result<NewOrder, Reason> {
        let answer = answer(call, OrderKind::Refuse, request, request.debtor)?;
        let details = Details { refusal: Some(self.code.clone()), ..answer.details };
        Ok(NewOrder { details, claim: Some(call.name.into()), ..answer })
    }
}

/// The order that withdraws a request.
pub(crate) fn withdrawal(call: &Call<'_>, request: &RequestToPay) -> Result<NewOrder, Reason> {
    let answer = answer(call, OrderKind::Withdraw, request, request.creditor)?;
    Ok(NewOrder { claim: Some(call.name.into()), ..answer })
}

/// An order about a request that the ledger has, signed by one of its parties.
fn answer(call: &Call<'_>, kind: OrderKind, request: &RequestToPay, signer: Address) -> Result<NewOrder, Reason> {
    let holder = call.book.at(signer).filter(|holder| holder.tenant.as_deref() == Some(call.tenant) && holder.pays);
    if holder.is_none() {
        return Err(Reason::new("AC02", format!("there is no key here for account {signer}")));
    }
    let details = Details { ledger_request: request.ledger, ..details(call.book, request) };
    Ok(NewOrder { details, request: Some(request.number), ..order(call, kind, request, signer) })
}

fn order(call: &Call<'_>, kind: OrderKind, request: &RequestToPay, signer: Address) -> NewOrder {
    NewOrder {
        end_to_end: request.end_to_end.clone(),
        signer: Some(signer),
        payer: Some(request.debtor),
        payee: Some(request.creditor),
        token: Some(request.token),
        amount: Some(request.amount),
        currency: call.book.token_at(request.token).map(|token| token.currency.clone()),
        ..NewOrder::blank(0, 0, call.tenant, kind)
    }
}

/// Who they are, as the book says, and what it is for.
fn details(book: &Book, request: &RequestToPay) -> Details {
    let name = |address| book.at(address).and_then(|holder| holder.name.clone().or_else(|| holder.bic.clone()));
    let number = |address| book.at(address).map(|holder| holder.number.clone());
    let bic = |address| book.at(address).and_then(|holder| holder.bic.clone());
    Details {
        debtor: name(request.debtor),
        debtor_account: number(request.debtor),
        debtor_agent: bic(request.debtor),
        creditor: name(request.creditor),
        creditor_account: number(request.creditor),
        creditor_agent: bic(request.creditor),
        purpose: request.purpose.clone(),
        remittance: request.remittance.iter().cloned().collect(),
        ..Details::default()
    }
}

/// Whether it can be accepted and refused no more, at a moment.
pub(crate) fn is_late(request: &RequestToPay, now_ms: u64) -> bool {
    request.stand == Stand::Ledger(RequestState::Open) && request.expires_ms <= now_ms
}
