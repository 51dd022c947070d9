//! Quotes of foreign exchange as JSON, and the orders that make, withdraw and take them. What the ledger does with them:
//! `specs/fx.md`. Pure.
//!
//! **Invariant.** What taking a quote moves is worked out from its terms alone, as the ledger does, and never again: the order keeps it.

use crate::{
    book::{Book, Holder, TokenEntry},
    identity::{Uetr, is_bic, quote_id, quote_nonce, time_ms_of},
    reason::Reason,
    request::{Creditor, Wrong, bad, no_decimal, no_expiry},
    request_to_pay::Call,
    store::{Details, Exchange, NewOrder, OrderKind, Quote, QuoteState},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolStruct as _, SolValue as _, eip712_domain};
use florin_modules::{
    EXCHANGE_ADDRESS,
    fx::{Cost, IExchange, Offer, Rounding, Side},
};
use florin_types::{Amount, Currency};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::ToSchema;

/// Digits after the point of a rate.
const RATE_DIGITS: u32 = 8;

/// What a quote promises, as the ledger takes it. As text: its ABI encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms(pub(crate) IExchange::Quote);

impl Terms {
    pub(crate) fn encoded(&self) -> Bytes {
        self.0.abi_encode().into()
    }

    pub(crate) fn decoded(bytes: &[u8]) -> Option<Self> {
        IExchange::Quote::abi_decode_validate(bytes).ok().map(Self)
    }

    /// What callers know it by: the same at every gateway and in every database.
    pub(crate) fn id(&self) -> String {
        quote_id(&self.encoded())
    }

    /// What the ledger knows it by (EIP-712).
    pub(crate) fn digest(&self, chain_id: u64) -> B256 {
        let domain = eip712_domain! {
            name: "Florin Exchange",
            version: "1",
            chain_id: chain_id,
            verifying_contract: EXCHANGE_ADDRESS,
        };
        self.0.eip712_signing_hash(&domain)
    }

    /// Who alone may take it; nobody named where anybody may.
    pub(crate) fn taker(&self) -> Option<Address> {
        Some(self.0.taker).filter(|taker| !taker.is_zero())
    }

    /// What its amounts say; `None` where they say nothing that the ledger takes.
    pub(crate) fn offer(&self) -> Option<Offer> {
        Offer::of(&self.0).ok()
    }

    /// What an order of so much of its fixed side moves; why it cannot be ordered.
    pub(crate) fn cost(&self, ordered: U256) -> Result<Cost, Reason> {
        let offer = self.offer().ok_or_else(|| Reason::new("NARR", "the quote says nothing that the ledger takes"))?;
        offer.cost(ordered).map_err(|_| {
            let most = if offer.side == Side::Send { offer.sell } else { offer.buy };
            let words =
                format!("{ordered} minor units are not between {} and {most}, or round to nothing", offer.least);
            Reason::new("AM02", words)
        })
    }
}

impl Serialize for Terms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.encoded().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Terms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        Self::decoded(&bytes).ok_or_else(|| D::Error::custom("these bytes are no quote"))
    }
}

/// Which amount whoever takes a quote chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SideNamed {
    /// What is sold.
    Send,
    /// What is bought.
    Receive,
}

impl From<Side> for SideNamed {
    fn from(side: Side) -> Self {
        match side {
            Side::Send => Self::Send,
            Side::Receive => Self::Receive,
        }
    }
}

/// A firm price, as whoever takes it sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "provider": "FLRBFRPPXXX", "sell": "EUR", "sell_amount": "10000.00", "buy": "USD", "buy_amount": "10850.00", "side": "send",
    "least": "100.00", "fee": "1.50", "expires": "2027-06-30T12:00:00Z"
}))]
pub(crate) struct QuoteBody {
    /// Number or BIC of the account that promises. It must be the tenant's.
    #[schema(min_length = 1, max_length = 34)]
    pub(crate) provider: String,
    /// The currency that the taker sends: code of ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$")]
    pub(crate) sell: String,
    /// How much of it at most, without the fee. With `buy_amount` it is the price.
    #[schema(pattern = r"^[0-9]{1,18}(\.[0-9]{1,5})?$")]
    pub(crate) sell_amount: String,
    /// The currency that the payee receives.
    #[schema(pattern = "^[A-Z]{3}$")]
    pub(crate) buy: String,
    /// How much of it at most.
    #[schema(pattern = r"^[0-9]{1,18}(\.[0-9]{1,5})?$")]
    pub(crate) buy_amount: String,
    /// Which amount the taker chooses. The other one is worked out, and rounded in the provider's favour.
    pub(crate) side: SideNamed,
    /// The least that the taker may choose. All or nothing where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = r"^[0-9]{1,18}(\.[0-9]{1,5})?$")]
    pub(crate) least: Option<String>,
    /// What comes on top of what is sold, whatever its amount. Nothing where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = r"^[0-9]{1,18}(\.[0-9]{1,5})?$")]
    pub(crate) fee: Option<String>,
    /// Number or BIC of the only account that may take it. Anybody where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 34)]
    pub(crate) taker: Option<String>,
    /// The moment (UTC) from which it is taken no more, at most 366 days ahead: `YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ssZ`.
    #[schema(max_length = 25)]
    pub(crate) expires: String,
}

/// How a quote is taken: a payment across currencies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "payer": "DE89370400440532013000", "creditor": { "name": "Chiara", "number": "NL91ABNA0417164300", "bic": "FLRCNL2AXXX" },
    "amount": "1000.00", "sent_max": "1001.50", "received_min": "1085.00", "end_to_end_id": "INVOICE-9"
}))]
pub(crate) struct TakeBody {
    /// Number or BIC of the account that pays. It must be the tenant's.
    #[schema(min_length = 1, max_length = 34)]
    pub(crate) payer: String,
    /// BIC of the payer's bank; that of the account where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 8, max_length = 11)]
    pub(crate) payer_bic: Option<String>,
    /// Who is paid. Its bank's BIC is needed: here, or with the account where that is known.
    pub(crate) creditor: Creditor,
    /// How much of the side that the quote leaves to the taker. All of it where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = r"^[0-9]{1,18}(\.[0-9]{1,5})?$")]
    pub(crate) amount: Option<String>,
    /// The most that may be sent, fee included: what the list of quotes said.
    #[schema(pattern = r"^[0-9]{1,18}(\.[0-9]{1,5})?$")]
    pub(crate) sent_max: String,
    /// The least that the creditor has to receive.
    #[schema(pattern = r"^[0-9]{1,18}(\.[0-9]{1,5})?$")]
    pub(crate) received_min: String,
    /// UUID of version 4: the payment's own name. Derived from the header `Idempotency-Key` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) uetr: Option<String>,
    /// Reference of the customer. `NOTPROVIDED` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 35)]
    pub(crate) end_to_end_id: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 140)]
    pub(crate) remittance: Option<String>,
}

impl QuoteBody {
    /// Everything that no quote could have.
    pub(crate) fn wrong(&self, now_ms: u64) -> Vec<Wrong> {
        let optional = |path, text: &Option<String>, chars_max| text.clone().map(|text| (path, text, chars_max));
        let texts = [
            Some(("/provider", self.provider.clone(), 34)),
            Some(("/sell", self.sell.clone(), 3)),
            Some(("/buy", self.buy.clone(), 3)),
            Some(("/expires", self.expires.clone(), 25)),
            optional("/taker", &self.taker, 34),
        ];
        let mut wrong: Vec<Wrong> =
            texts.into_iter().flatten().filter_map(|(path, text, max)| bad(path, &text, max)).collect();
        let amounts = [
            ("/sell_amount", Some(&self.sell_amount)),
            ("/buy_amount", Some(&self.buy_amount)),
            ("/least", self.least.as_ref()),
            ("/fee", self.fee.as_ref()),
        ];
        wrong.extend(amounts.into_iter().filter_map(|(path, text)| no_decimal(path, text?)));
        wrong.extend(no_expiry("/expires", &self.expires, now_ms));
        wrong
    }

    /// The quote, and the order that makes it; or the field that the book refuses, and why. `epoch` is the provider's.
    pub(crate) fn order(
        &self,
        call: &Call<'_>,
        provider: &Holder,
        (epoch, chain_id): (u64, u64),
    ) -> Result<(Quote, NewOrder), Wrong> {
        let Call { book, tenant, name, now_ms } = *call;
        let taker = self.taker.as_deref().map(|text| {
            book.named(text).filter(|taker| taker.address != provider.address).ok_or_else(|| {
                let words = "who may take it is another account that is known on this ledger: nothing is guessed";
                Wrong::of("AC03", "/taker", words, text)
            })
        });
        let taker = taker.transpose()?;
        let (sell, buy) = (token(book, "/sell", &self.sell)?, token(book, "/buy", &self.buy)?);
        if sell.address == buy.address {
            return Err(Wrong::of("AM03", "/buy", "an exchange is between two currencies", &self.buy));
        }
        let sell_amount = above_zero(sell, "/sell_amount", &self.sell_amount)?;
        let buy_amount = above_zero(buy, "/buy_amount", &self.buy_amount)?;
        let (side, rounding, fixed, most) = match self.side {
            SideNamed::Send => (Side::Send, Rounding::Down, sell, sell_amount),
            SideNamed::Receive => (Side::Receive, Rounding::Up, buy, buy_amount),
        };
        let least = self.least.as_deref().map(|text| {
            let least = above_zero(fixed, "/least", text)?;
            let words = "the least is no more than the amount of its side";
            if least > most { Err(Wrong::of("AM02", "/least", words, text)) } else { Ok(least) }
        });
        let least = least.transpose()?.unwrap_or(most);
        let fee = self.fee.as_deref().map(|text| minor(sell, "/fee", text)).transpose()?.unwrap_or_default();
        let claim = format!("quote:{tenant}:{name}");
        let terms = Terms(IExchange::Quote {
            provider: provider.address,
            epoch,
            nonce: quote_nonce(&claim),
            taker: taker.map_or(Address::ZERO, |taker| taker.address),
            sellToken: sell.address,
            buyToken: buy.address,
            sellAmount: U256::from(sell_amount),
            buyAmount: U256::from(buy_amount),
            leastAmount: U256::from(least),
            side: side as u8,
            rounding: rounding as u8,
            fee: U256::from(fee),
            expiresAtMs: time_ms_of(&self.expires).unwrap_or_default(),
        });
        if terms.offer().is_none() {
            return Err(Wrong::of("AM02", "/sell_amount", "amount and fee are more than the ledger counts", ""));
        }
        let quote = Quote::ordered(terms, Some(tenant), taker.and_then(|taker| taker.tenant.as_deref()), now_ms);
        let order = order(call, OrderKind::Quote, &quote, chain_id);
        Ok((quote, NewOrder { claim: Some(claim), ..order }))
    }
}

/// The order that withdraws a quote.
pub(crate) fn retraction(call: &Call<'_>, quote: &Quote, chain_id: u64) -> Result<NewOrder, Reason> {
    own(call, quote.terms.0.provider)?;
    let order = order(call, OrderKind::Retract, quote, chain_id);
    Ok(NewOrder { claim: Some(call.name.into()), ..order })
}

/// An order of the provider about its own quote. What it promises to pay at most is what a checker is asked about.
fn order(call: &Call<'_>, kind: OrderKind, quote: &Quote, chain_id: u64) -> NewOrder {
    let terms = quote.terms.clone();
    let exchange = Exchange { digest: terms.digest(chain_id), ordered: U256::MAX, received: terms.0.buyAmount, terms };
    let told = &quote.terms.0;
    let (provider, taker) = (call.book.at(told.provider), quote.terms.taker().and_then(|taker| call.book.at(taker)));
    NewOrder {
        signer: Some(told.provider),
        payee: quote.terms.taker(),
        token: Some(told.buyToken),
        amount: u128::try_from(told.buyAmount).ok(),
        currency: call.book.token_at(told.buyToken).map(|token| token.currency.clone()),
        quote: Some(quote.number).filter(|number| *number > 0),
        details: Details {
            debtor: provider.and_then(|holder| holder.name.clone()),
            debtor_account: provider.map(|holder| holder.number.clone()),
            debtor_agent: provider.and_then(|holder| holder.bic.clone()),
            creditor: taker.and_then(|holder| holder.name.clone()),
            creditor_account: taker.map(|holder| holder.number.clone()),
            creditor_agent: taker.and_then(|holder| holder.bic.clone()),
            exchange: Some(exchange),
            ..Details::default()
        },
        ..NewOrder::blank(0, 0, call.tenant, kind)
    }
}

impl TakeBody {
    /// Everything that no payment could have.
    pub(crate) fn wrong(&self) -> Vec<Wrong> {
        let optional = |path, text: &Option<String>, chars_max| text.clone().map(|text| (path, text, chars_max));
        let texts = [
            Some(("/payer", self.payer.clone(), 34)),
            optional("/payer_bic", &self.payer_bic, 11),
            Some(("/creditor/name", self.creditor.name.clone(), 140)),
            optional("/creditor/number", &self.creditor.number, 34),
            optional("/creditor/bic", &self.creditor.bic, 11),
            optional("/end_to_end_id", &self.end_to_end_id, 35),
            optional("/remittance", &self.remittance, 140),
        ];
        let mut wrong: Vec<Wrong> =
            texts.into_iter().flatten().filter_map(|(path, text, max)| bad(path, &text, max)).collect();
        let amounts = [
            ("/amount", self.amount.as_ref()),
            ("/sent_max", Some(&self.sent_max)),
            ("/received_min", Some(&self.received_min)),
        ];
        wrong.extend(amounts.into_iter().filter_map(|(path, text)| no_decimal(path, text?)));
        if self.creditor.number.is_none() && self.creditor.bic.is_none() {
            wrong.push(Wrong::of("AC03", "/creditor", "a creditor has a number, a BIC or both", ""));
        }
        if let Some(uetr) = self.uetr.as_deref().filter(|uetr| Uetr::parse(uetr).is_none()) {
            wrong.push(Wrong::of("CH16", "/uetr", "a UETR is a UUID of version 4", uetr));
        }
        wrong
    }

    /// What the payment is called: as it was sent, else by what the call is known by.
    pub(crate) fn uetr_under(&self, tenant: &str, name: &str) -> Uetr {
        let sent = self.uetr.as_deref().and_then(Uetr::parse);
        sent.unwrap_or_else(|| Uetr::derive(&[tenant, "exchange", name]))
    }

    /// The same as it is compared: however its UETR was written.
    pub(crate) fn as_compared(&self) -> Self {
        let sent = self.uetr.as_deref().and_then(Uetr::parse).map(|uetr| uetr.to_string());
        Self { uetr: sent.or_else(|| self.uetr.clone()), ..self.clone() }
    }

    /// The order that takes a quote; or the field that is against it, and why.
    pub(crate) fn order(&self, call: &Call<'_>, quote: &Quote, chain_id: u64) -> Result<NewOrder, Wrong> {
        let Call { book, tenant, name, .. } = *call;
        let told = &quote.terms.0;
        let uetr = self.uetr_under(tenant, name);
        let payer = book.of(tenant, &self.payer).filter(|holder| holder.pays).ok_or_else(|| {
            let words = "it is no account that this tenant pays from here: configure it, with its key";
            Wrong::of("AC02", "/payer", words, &self.payer)
        })?;
        let may_take = quote.terms.taker().is_none_or(|taker| taker == payer.address);
        if !may_take || payer.address == told.provider {
            let words = "the quote is for another account, or this one is its provider's";
            return Err(Wrong::of("AC02", "/payer", words, &self.payer));
        }
        let (payee_field, payee_text) = match (&self.creditor.number, &self.creditor.bic) {
            (Some(number), _) => ("/creditor/number", number.as_str()),
            (None, bic) => ("/creditor/bic", bic.as_deref().unwrap_or_default()),
        };
        let payee = book.named(payee_text).filter(|payee| ![payer.address, told.provider].contains(&payee.address));
        let payee = payee.ok_or_else(|| {
            let words = "who is paid is a third account that is known on this ledger, neither payer nor provider";
            Wrong::of("AC03", payee_field, words, payee_text)
        })?;
        let payer_bic = bank("/payer_bic", &self.payer_bic, payer)?;
        let payee_bic = bank("/creditor/bic", &self.creditor.bic, payee)?;
        let (sell, buy) = (traded(book, told.sellToken)?, traded(book, told.buyToken)?);
        let fixed = if told.side == Side::Send as u8 { sell } else { buy };
        let ordered = self.amount.as_deref().map(|text| minor(fixed, "/amount", text).map(U256::from)).transpose()?;
        let ordered = ordered.unwrap_or(U256::MAX);
        let amount = self.amount.as_deref().unwrap_or("all of it");
        let cost = quote.terms.cost(ordered);
        let cost = cost.map_err(|reason| Wrong::of(reason.code, "/amount", &reason.words, amount))?;
        if cost.sent > minor(sell, "/sent_max", &self.sent_max)? {
            let words = format!("{} would be sent", shown(sell, cost.sent));
            return Err(Wrong::of("AM02", "/sent_max", &words, &self.sent_max));
        }
        if cost.received < minor(buy, "/received_min", &self.received_min)? {
            let words = format!("{} would be received", shown(buy, cost.received));
            return Err(Wrong::of("AM02", "/received_min", &words, &self.received_min));
        }
        let terms = quote.terms.clone();
        let exchange = Exchange { digest: terms.digest(chain_id), ordered, received: U256::from(cost.received), terms };
        Ok(NewOrder {
            uetr: Some(uetr.to_string()),
            claim: Some(format!("pay:{}:{uetr}", payer.address)),
            end_to_end: Some(self.end_to_end_id.clone().unwrap_or_else(|| "NOTPROVIDED".into())),
            signer: Some(payer.address),
            payer: Some(payer.address),
            payee: Some(payee.address),
            token: Some(sell.address),
            amount: Some(cost.sent),
            currency: Some(sell.currency.clone()),
            quote: Some(quote.number),
            details: Details {
                debtor: payer.name.clone().or_else(|| payer.bic.clone()),
                debtor_account: Some(payer.number.clone()),
                debtor_agent: Some(payer_bic),
                creditor: Some(self.creditor.name.clone()),
                creditor_account: self.creditor.number.clone(),
                creditor_agent: Some(payee_bic),
                remittance: self.remittance.iter().cloned().collect(),
                exchange: Some(exchange),
                ..Details::default()
            },
            ..NewOrder::blank(0, 0, tenant, OrderKind::Exchange)
        })
    }
}

/// The tenant's account that promises, with its key.
pub(crate) fn provider<'a>(call: &Call<'a>, text: &str) -> Result<&'a Holder, Wrong> {
    call.book.of(call.tenant, text).filter(|holder| holder.pays).ok_or_else(|| {
        let words = "it is no account that this tenant makes prices from here: configure it, with its key";
        Wrong::of("AC02", "/provider", words, text)
    })
}

/// An account of the caller's, with its key.
fn own(call: &Call<'_>, account: Address) -> Result<(), Reason> {
    let holder = call.book.at(account).filter(|holder| holder.tenant.as_deref() == Some(call.tenant) && holder.pays);
    holder.map(drop).ok_or_else(|| Reason::new("AC02", format!("there is no key here for account {account}")))
}

/// The bank of an account, as the call says it, else as the book does: a payment across currencies names both.
fn bank(path: &'static str, given: &Option<String>, holder: &Holder) -> Result<String, Wrong> {
    let bic = given.as_ref().or(holder.bic.as_ref()).map(|bic| bic.to_uppercase());
    bic.clone().filter(|bic| is_bic(bic)).ok_or_else(|| {
        let words = "a payment across currencies names the banks of payer and creditor: a BIC of 8 or 11 characters";
        Wrong::of("RC01", path, words, &bic.unwrap_or_default())
    })
}

fn token<'a>(book: &'a Book, path: &'static str, currency: &str) -> Result<&'a TokenEntry, Wrong> {
    book.token(currency).map_err(|reason| Wrong::of(reason.code, path, &reason.words, currency))
}

/// The currency of a quote that the ledger has: it is configured, or the quote is not listed here.
fn traded(book: &Book, address: Address) -> Result<&TokenEntry, Wrong> {
    let words = "no currency is configured for a token of this quote";
    book.token_at(address).ok_or_else(|| Wrong::of("AM03", "/amount", words, &address.to_string()))
}

/// Minor units of a decimal text.
pub(crate) fn minor(token: &TokenEntry, path: &'static str, text: &str) -> Result<u128, Wrong> {
    let currency = Currency::new(&token.currency, token.digits).ok();
    let amount = currency.and_then(|currency| Amount::parse(text, currency).ok()).map(|amount| amount.minor());
    amount.ok_or_else(|| {
        let words = format!("an amount of {} has at most {} digits after the point", token.currency, token.digits);
        Wrong::of("AM12", path, &words, text)
    })
}

fn above_zero(token: &TokenEntry, path: &'static str, text: &str) -> Result<u128, Wrong> {
    let amount = minor(token, path, text)?;
    if amount > 0 { Ok(amount) } else { Err(Wrong::of("AM01", path, "an amount is above 0", text)) }
}

fn shown(token: &TokenEntry, minor: u128) -> String {
    let currency = Currency::new(&token.currency, token.digits);
    currency.map_or_else(|_| minor.to_string(), |currency| Amount::new(minor, currency).to_string())
}

/// Whether it can be taken no more, at a moment.
pub(crate) fn is_late(quote: &Quote, now_ms: u64) -> bool {
    quote.state == QuoteState::Open && quote.terms.0.expiresAtMs <= now_ms
}

/// Units of the bought currency for one of the sold, rounded down to 8 digits after the point. `None` where nothing is sold.
pub(crate) fn rate(sell: &TokenEntry, buy: &TokenEntry, (sold, bought): (u128, u128)) -> Option<String> {
    let ten = U256::from(10u8);
    let digits = RATE_DIGITS.saturating_add(u32::from(sell.digits));
    let bought = U256::from(bought).checked_mul(ten.checked_pow(U256::from(digits))?)?;
    let sold = U256::from(sold).checked_mul(ten.checked_pow(U256::from(buy.digits))?)?;
    let scaled = bought.checked_div(sold)?;
    let (whole, rest) = scaled.div_rem(ten.pow(U256::from(RATE_DIGITS)));
    let rest = format!("{:0>8}", rest.to_string());
    Some(match rest.trim_end_matches('0') {
        "" => whole.to_string(),
        rest => format!("{whole}.{rest}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{book::HolderConfig, identity::time_text};
    use proptest::prelude::*;

    const NOW_MS: u64 = 1_800_000_000_000;
    const CHAIN_ID: u64 = 7;

    fn token(currency: &str, byte: u8, digits: u8) -> TokenEntry {
        TokenEntry { currency: currency.into(), address: Address::repeat_byte(byte), digits, scheme: None }
    }

    fn book() -> Book {
        let holder = |number: &str, bic: Option<&str>, byte, tenant: &str| HolderConfig {
            number: Some(number.into()),
            bic: bic.map(String::from),
            name: Some(number.to_lowercase()),
            address: Address::repeat_byte(byte),
            tenant: Some(tenant.into()),
            key: Some(tenant.into()),
        };
        let holders =
            [holder("A", Some("BANKDEFF"), 1, "a"), holder("B", Some("BANKFRPP"), 2, "b"), holder("C", None, 3, "b")];
        let tokens = vec![token("EUR", 8, 2), token("USD", 9, 2), token("JPY", 10, 0)];
        Book::new(&holders, tokens, &["a", "b"].map(String::from).into()).unwrap()
    }

    fn body() -> QuoteBody {
        QuoteBody {
            provider: "B".into(),
            sell: "EUR".into(),
            sell_amount: "1000.00".into(),
            buy: "USD".into(),
            buy_amount: "1085.55".into(),
            side: SideNamed::Send,
            least: Some("10".into()),
            fee: Some("1.50".into()),
            taker: None,
            expires: time_text(NOW_MS + 60_000),
        }
    }

    fn made(body: &QuoteBody) -> Result<(Quote, NewOrder), Wrong> {
        let book = book();
        let call = Call { book: &book, tenant: "b", name: "key:1", now_ms: NOW_MS };
        body.order(&call, provider(&call, &body.provider)?, (3, CHAIN_ID))
    }

    fn taking() -> TakeBody {
        TakeBody {
            payer: "A".into(),
            payer_bic: None,
            creditor: Creditor { name: "Chiara".into(), number: Some("C".into()), bic: Some("BANKNL2A".into()) },
            amount: Some("100".into()),
            sent_max: "101.50".into(),
            received_min: "108.55".into(),
            uetr: None,
            end_to_end_id: None,
            remittance: None,
        }
    }

    fn taken(take: &TakeBody, quote: &Quote) -> Result<NewOrder, Wrong> {
        let book = book();
        take.order(&Call { book: &book, tenant: "a", name: "key:1", now_ms: NOW_MS }, quote, CHAIN_ID)
    }

    #[test]
    fn the_terms_are_what_was_said_and_their_name_never_changes() {
        assert!(body().wrong(NOW_MS).is_empty());
        let (quote, order) = made(&body()).unwrap();
        let terms = &quote.terms.0;
        assert_eq!((terms.sellAmount, terms.buyAmount), (U256::from(100_000), U256::from(108_555)));
        assert_eq!((terms.leastAmount, terms.fee, terms.epoch), (U256::from(1_000), U256::from(150), 3));
        assert_eq!((terms.side, terms.rounding, terms.taker), (1, 1, Address::ZERO));
        assert_eq!((order.kind, order.signer), (OrderKind::Quote, Some(Address::repeat_byte(2))));
        let again = made(&body()).unwrap();
        assert_eq!((&again.0.id, again.1.details), (&quote.id, order.details.clone()));
        let other = made(&QuoteBody { fee: None, ..body() }).unwrap().0;
        assert_ne!(other.id, quote.id);
        assert_eq!(other.terms.0.nonce, terms.nonce, "one key is one nonce: of two quotes under it one is taken");
        let kept: Details = serde_json::from_str(&serde_json::to_string(&order.details).unwrap()).unwrap();
        assert_eq!(kept, order.details);
        let receive = made(&QuoteBody { side: SideNamed::Receive, least: None, ..body() }).unwrap().0.terms.0;
        assert_eq!((receive.side, receive.rounding, receive.leastAmount), (2, 2, U256::from(108_555)));
    }

    #[test]
    fn what_no_quote_can_have_is_told_by_field() {
        let path = |body: QuoteBody| match body.wrong(NOW_MS).into_iter().next() {
            Some(wrong) => wrong.path,
            None => made(&body).map(|_| String::new()).unwrap_or_else(|wrong| wrong.path),
        };
        let text = |text: &str| text.to_owned();
        assert_eq!(path(QuoteBody { provider: text("A"), ..body() }), "/provider");
        assert_eq!(path(QuoteBody { sell: text("CHF"), ..body() }), "/sell");
        assert_eq!(path(QuoteBody { buy: text("EUR"), ..body() }), "/buy");
        assert_eq!(path(QuoteBody { sell_amount: text("0"), ..body() }), "/sell_amount");
        assert_eq!(path(QuoteBody { buy: text("JPY"), ..body() }), "/buy_amount");
        assert_eq!(path(QuoteBody { buy_amount: text("1,5"), ..body() }), "/buy_amount");
        assert_eq!(path(QuoteBody { least: Some(text("1000.01")), ..body() }), "/least");
        assert_eq!(path(QuoteBody { least: Some(text("0")), ..body() }), "/least");
        assert_eq!(path(QuoteBody { fee: Some(text("0.001")), ..body() }), "/fee");
        assert_eq!(path(QuoteBody { taker: Some(text("B")), ..body() }), "/taker");
        assert_eq!(path(QuoteBody { taker: Some(text("nobody")), ..body() }), "/taker");
        assert_eq!(path(QuoteBody { expires: time_text(NOW_MS), ..body() }), "/expires");
        assert_eq!(path(QuoteBody { fee: Some(text("0")), taker: Some(text("A")), ..body() }), "");
    }

    /// What the caller saw is the worst that it gets, and the order keeps what the ledger will move.
    #[test]
    fn taking_moves_what_the_terms_say_within_what_the_caller_saw() {
        let quote = made(&body()).unwrap().0;
        let quote = Quote { number: 5, ..quote };
        let order = taken(&taking(), &quote).unwrap();
        let exchange = order.details.exchange.clone().unwrap();
        assert_eq!(
            (order.amount, exchange.received, exchange.ordered),
            (Some(10_150), U256::from(10_855), U256::from(10_000))
        );
        assert_eq!((order.payer, order.payee), (Some(Address::repeat_byte(1)), Some(Address::repeat_byte(3))));
        assert_eq!(order.details.debtor_agent.as_deref(), Some("BANKDEFF"));
        let path = |take: TakeBody| taken(&take, &quote).map(|_| String::new()).unwrap_or_else(|wrong| wrong.path);
        let text = |text: &str| text.to_owned();
        assert_eq!(path(TakeBody { sent_max: text("101.49"), ..taking() }), "/sent_max");
        assert_eq!(path(TakeBody { received_min: text("108.56"), ..taking() }), "/received_min");
        assert_eq!(path(TakeBody { amount: Some(text("9.99")), ..taking() }), "/amount");
        assert_eq!(path(TakeBody { amount: Some(text("1000.01")), ..taking() }), "/amount");
        assert_eq!(path(TakeBody { payer: text("B"), ..taking() }), "/payer");
        for no_bic in ["12345678", "BANKD3FF", "BANKDEF", "BÄNKDEFF", "BANKDEFFX"] {
            assert_eq!(path(TakeBody { payer_bic: Some(text(no_bic)), ..taking() }), "/payer_bic", "{no_bic}");
        }
        let creditor = |number: &str, bic: Option<&str>| Creditor {
            name: text("X"),
            number: Some(text(number)),
            bic: bic.map(text),
        };
        assert_eq!(path(TakeBody { creditor: creditor("C", None), ..taking() }), "/creditor/bic");
        assert_eq!(path(TakeBody { creditor: creditor("B", None), ..taking() }), "/creditor/number");
        assert_eq!(path(TakeBody { creditor: creditor("A", None), ..taking() }), "/creditor/number");
        assert_eq!(
            path(TakeBody { amount: None, sent_max: text("1001.5"), received_min: text("1085.55"), ..taking() }),
            ""
        );
        let (mut other, mut own) = (quote.clone(), quote.clone());
        other.terms.0.taker = Address::repeat_byte(3);
        own.terms.0.provider = Address::repeat_byte(1);
        for quote in [other, own] {
            assert_eq!(taken(&taking(), &quote).unwrap_err().path, "/payer");
        }
    }

    #[test]
    fn rates_are_units_for_one_unit_whatever_the_digits() {
        let (euro, yen) = (token("EUR", 8, 2), token("JPY", 10, 0));
        assert_eq!(rate(&euro, &yen, (100, 162)).as_deref(), Some("162"));
        assert_eq!(rate(&yen, &euro, (162, 100)).as_deref(), Some("0.00617283"));
        assert_eq!(rate(&euro, &euro, (100_000, 108_550)).as_deref(), Some("1.0855"));
        assert_eq!(rate(&euro, &yen, (0, 1)), None);
        assert_eq!(rate(&euro, &yen, (1, u128::MAX)).map(|text| text.len()), Some(41));
    }

    proptest! {
        #[test]
        fn bytes_that_are_no_terms_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            if let Some(terms) = Terms::decoded(&bytes) {
                prop_assert_eq!(Terms::decoded(&terms.encoded()), Some(terms));
            }
        }
    }
}
