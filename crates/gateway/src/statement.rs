//! What account owners are told: camt.054 of a credit, camt.053 of a day, camt.052 of today. Pure.

use crate::{
    GatewayError,
    book::{Book, Holder, TokenEntry},
    identity::{DAY_MS, day_text, message_id, time_text},
    outbox::{is_text, written},
    quote::rate,
    store::{Entry, NewAnswer, Purpose, Side, Turnover},
};
use alloy_primitives::U256;
use florin_iso20022::model::{
    Account, AccountReport, AccountStatement, Agent, Balance, Coded, Entry as ToldEntry, EntryDetails,
    EntryTransaction, Message, Party, Principal, Reason, Remittance, When,
};
use florin_types::{Amount, Currency};

/// Characters of a text of remittance information, and how many there are of them.
const REMITTANCE_CHARS: usize = 140;
/// Amounts of a message have 18 digits.
const COUNTER_VALUE_END: u128 = 1_000_000_000_000_000_000;
/// Digits of a rate (`BaseOneRate`).
const RATE_DIGITS_MAX: usize = 11;

/// Notification of a credit. `None` for a token that is no longer configured.
pub(crate) fn notification(book: &Book, entry: &Entry, now_ms: u64) -> Result<Option<NewAnswer>, GatewayError> {
    let Some((holder, token)) = book.at(entry.holder).zip(book.token_at(entry.token)) else { return Ok(None) };
    let claim = format!("credit:{}:{}:{}", entry.hash, entry.log, entry.item);
    let id = message_id(&[&entry.tenant, &claim]);
    let mut told = account_of(holder, token, &id, now_ms);
    told.entries = vec![told_entry(book, entry, currency(token)?)];
    let message = Message::Notification(AccountReport {
        message_id: id.clone(),
        created: time_text(now_ms),
        accounts: vec![told],
    });
    written(&message, &entry.tenant, None, Purpose::Notification, claim, &id, now_ms).map(Some)
}

/// A day of an account, with the balances that it began and ended with.
pub(crate) struct Day<'a> {
    pub(crate) book: &'a Book,
    pub(crate) holder: &'a Holder,
    pub(crate) token: &'a TokenEntry,
    /// First moment of the day.
    pub(crate) begins_ms: u64,
    /// First moment that is told: later where the account came to be served on that day. The opening balance is the one then.
    pub(crate) from_ms: u64,
    /// Whether it is over.
    pub(crate) is_over: bool,
    pub(crate) opening: u128,
    pub(crate) closing: u128,
    pub(crate) entries: &'a [Entry],
}

/// The statement of a day that is over, or the report of today.
pub(crate) fn statement(day: &Day<'_>, now_ms: u64) -> Result<String, GatewayError> {
    let currency = currency(day.token)?;
    let name = day_text(day.begins_ms);
    let made_ms = now_ms.to_string();
    let version = if day.is_over { "" } else { made_ms.as_str() };
    let id = message_id(&["statement", &day.holder.address.to_string(), &day.token.currency, &name, version]);
    let mut told = account_of(day.holder, day.token, &id, now_ms);
    let ends_ms = if day.is_over { day.begins_ms.saturating_add(DAY_MS - 1) } else { now_ms };
    told.from = Some(time_text(day.from_ms));
    told.to = Some(time_text(ends_ms));
    let balance = |kind: &str, minor: u128| Balance {
        kind: Some(kind.into()),
        amount: Some(Amount::new(minor, currency)),
        side: Side::Credit.name().into(),
        at: When::on(&name),
    };
    told.balances = vec![balance("OPBD", day.opening), balance(if day.is_over { "CLBD" } else { "ITBD" }, day.closing)];
    told.entries = day.entries.iter().map(|entry| told_entry(day.book, entry, currency)).collect();
    let report = AccountReport { message_id: id, created: time_text(now_ms), accounts: vec![told] };
    let message = if day.is_over { Message::Statement(report) } else { Message::Report(report) };
    let envelope = message.write(None).map_err(|rejection| GatewayError::Answer(rejection.to_string()))?;
    Ok(envelope.to_xml())
}

/// What a balance was before a turnover; `None` where that cannot have led to it.
pub(crate) fn before(balance: u128, turnover: &Turnover) -> Option<u128> {
    let before = U256::from(balance).checked_add(turnover.debits)?.checked_sub(turnover.credits)?;
    u128::try_from(before).ok()
}

/// What is left of a balance without these entries; `None` where they cannot have led to it.
pub(crate) fn without(balance: u128, entries: &[Entry]) -> Option<u128> {
    // From the last one back, so that nothing on the way falls below what an account can hold.
    entries.iter().rev().try_fold(balance, |balance, entry| match entry.side {
        Side::Credit => balance.checked_sub(entry.amount),
        Side::Debit => balance.checked_add(entry.amount),
    })
}

fn currency(token: &TokenEntry) -> Result<Currency, GatewayError> {
    Currency::new(&token.currency, token.digits).map_err(|error| GatewayError::Answer(error.to_string()))
}

fn account_of(holder: &Holder, token: &TokenEntry, id: &str, now_ms: u64) -> AccountStatement {
    AccountStatement {
        id: id.into(),
        created: Some(time_text(now_ms)),
        account: Account { currency: Some(token.currency.clone()), ..account(&holder.number) },
        owner: holder.name.clone(),
        servicer: holder.bic.as_deref().map(Agent::of_bic),
        ..AccountStatement::default()
    }
}

/// An account by its number: an IBAN where it looks like one.
pub(crate) fn account(number: &str) -> Account {
    let compact: String = number.chars().filter(|character| !character.is_whitespace()).collect();
    let is_iban = compact.len() >= 15
        && compact.bytes().take(2).all(|byte| byte.is_ascii_uppercase())
        && compact.bytes().skip(2).take(2).all(|byte| byte.is_ascii_digit())
        && compact.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_iban {
        return Account::of_iban(&compact);
    }
    let other = florin_iso20022::model::OtherId { id: number.chars().take(34).collect(), ..Default::default() };
    Account { other: Some(other), ..Account::default() }
}

fn told_entry(book: &Book, entry: &Entry, currency: Currency) -> ToldEntry {
    let amount = Some(Amount::new(entry.amount, currency));
    let kind = entry.details.kind.as_deref();
    let family = if entry.side == Side::Credit { "RCDT" } else { "ICDT" };
    let (family, sub_family) = match kind {
        Some("return") => (family, "RRTN"),
        Some("exchange" | "quote") => (family, "XBCT"),
        Some(_) => (family, "DMCT"),
        None => ("OTHR", "OTHR"),
    };
    let booked = When::on(&day_text(entry.time_ms));
    let reference = message_id(&["entry", &entry.hash.to_string(), &entry.log.to_string(), &entry.item.to_string()]);
    let transaction = with_exchange(book, entry, transaction(entry, amount));
    let details = EntryDetails { transactions: vec![transaction] };
    ToldEntry {
        reference: Some(reference.clone()),
        amount,
        side: entry.side.name().into(),
        status: Some("BOOK".into()),
        booked: Some(booked.clone()),
        valued: Some(booked),
        servicer_reference: Some(reference),
        domain: Some("PMNT".into()),
        family: Some(family.into()),
        sub_family: Some(sub_family.into()),
        details: vec![details],
        ..ToldEntry::default()
    }
}

fn transaction(entry: &Entry, amount: Option<Amount>) -> EntryTransaction {
    let details = &entry.details;
    let party = |name: &Option<String>| {
        let named = |name: &String| Principal::Party(Party { name: Some(name.clone()), ..Party::default() });
        name.as_ref().map(named)
    };
    let unstructured: Vec<String> = details.remittance.iter().filter_map(|text| shown(text)).collect();
    EntryTransaction {
        end_to_end: details.end_to_end.clone(),
        instruction: details.instruction.clone(),
        uetr: entry.uetr.clone(),
        amount,
        side: Some(entry.side.name().into()),
        debtor: party(&details.debtor),
        debtor_account: details.debtor_account.as_deref().map(account),
        creditor: party(&details.creditor),
        creditor_account: details.creditor_account.as_deref().map(account),
        debtor_agent: details.debtor_agent.as_deref().map(Agent::of_bic),
        creditor_agent: details.creditor_agent.as_deref().map(Agent::of_bic),
        purpose: details.purpose.as_deref().map(Coded::code),
        remittance: (!unstructured.is_empty()).then(|| Remittance { unstructured, ..Remittance::default() }),
        return_reason: details.return_reason.as_deref().map(|code| Reason::new(code, &[])),
        ..EntryTransaction::default()
    }
}

/// The same with the other leg and the rate, where currencies were exchanged that are both configured.
fn with_exchange(book: &Book, entry: &Entry, told: EntryTransaction) -> EntryTransaction {
    let Some(legs) = &entry.details.exchange else { return told };
    let Some((sold, bought)) = book.token_at(legs.sold).zip(book.token_at(legs.bought)) else { return told };
    let units = |amount: U256| u128::try_from(amount).unwrap_or(u128::MAX);
    let (other, amount) = if entry.token == legs.sold { (bought, legs.received) } else { (sold, legs.sent) };
    let price = (units(legs.sent.saturating_sub(legs.fee)), units(legs.received));
    let is_told = units(amount) < COUNTER_VALUE_END;
    let rate = rate(sold, bought, price).and_then(|rate| short_rate(&rate)).filter(|_| is_told);
    let name = |token: &TokenEntry| rate.is_some().then(|| token.currency.clone());
    EntryTransaction {
        counter_value: currency(other).ok().filter(|_| is_told).map(|currency| Amount::new(units(amount), currency)),
        exchange_source: name(sold),
        exchange_target: name(bought),
        exchange_unit: name(sold),
        exchange_rate: rate,
        ..told
    }
}

/// A rate in the digits that a message has for it. `None` where the whole ones are too many, or nothing is left.
fn short_rate(rate: &str) -> Option<String> {
    let (whole, rest) = rate.split_once('.').unwrap_or((rate, ""));
    let room = RATE_DIGITS_MAX.checked_sub(whole.len())?;
    let rest = rest.get(..room).unwrap_or(rest).trim_end_matches('0');
    let rate = if rest.is_empty() { whole.to_owned() } else { format!("{whole}.{rest}") };
    rate.bytes().any(|byte| matches!(byte, b'1'..=b'9')).then_some(rate)
}

/// A text as a message can hold it. Whoever pays on the ledger itself writes what it likes.
fn shown(text: &str) -> Option<String> {
    let kept: String = text.chars().filter(|character| is_text(*character)).take(REMITTANCE_CHARS).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::EntryDetails as Details;
    use alloy_primitives::{Address, B256};
    use std::slice::from_ref;

    fn entry(side: Side, amount: u128) -> Entry {
        Entry {
            number: 0,
            tenant: "a".into(),
            account: "1".into(),
            holder: Address::repeat_byte(1),
            token: Address::repeat_byte(9),
            height: 1,
            log: 0,
            item: 0,
            side,
            hash: B256::repeat_byte(3),
            time_ms: 0,
            amount,
            counterparty: Address::repeat_byte(2),
            uetr: None,
            details: Details::default(),
        }
    }

    fn book() -> Book {
        let holder = crate::book::HolderConfig {
            number: Some("an account with a name".into()),
            bic: None,
            name: Some("A".into()),
            address: Address::repeat_byte(1),
            tenant: Some("a".into()),
            key: None,
        };
        let euro = TokenEntry { currency: "EUR".into(), address: Address::repeat_byte(9), digits: 2, scheme: None };
        Book::new(&[holder], vec![euro], &["a".to_owned()].into()).unwrap()
    }

    #[test]
    fn entries_that_cannot_have_led_to_a_balance_are_noticed() {
        let (credit, debit) = (entry(Side::Credit, 5), entry(Side::Debit, 3));
        assert_eq!(without(2, from_ref(&credit)), None);
        assert_eq!(without(u128::MAX, from_ref(&debit)), None);
        assert_eq!(without(2, &[credit.clone(), debit.clone()]), Some(0));
        assert_eq!(without(7, &[]), Some(7));
        // Back from the last one: the account held 5 before it paid 3.
        assert_eq!(without(2, &[debit, credit]), None);
        let turnover =
            |credits: u64, debits: u64| Turnover { credits: U256::from(credits), debits: U256::from(debits) };
        assert_eq!(before(10, &turnover(4, 1)), Some(7));
        assert_eq!(before(10, &turnover(12, 1)), None);
        assert_eq!(before(u128::MAX, &turnover(0, 1)), None);
        assert_eq!(
            before(u128::MAX, &turnover(1, 1)),
            Some(u128::MAX),
            "a sum on the way may be larger than a balance"
        );
    }

    /// Anybody can write anything into a payment on the ledger, and its payee is still told.
    #[test]
    fn hostile_texts_do_not_keep_a_credit_from_being_told() {
        for text in ["\u{0}\u{1}", "", "  ", "\u{ffff}", "]]>&<", "\u{202e}evil", &"x".repeat(100_000)] {
            let details = Details { remittance: vec![text.into()], ..Details::default() };
            let told = notification(&book(), &Entry { details, ..entry(Side::Credit, 5) }, 0);
            assert!(matches!(told, Ok(Some(_))), "{text:?}: {told:?}");
        }
        let other = Entry { token: Address::repeat_byte(8), ..entry(Side::Credit, 5) };
        assert!(matches!(notification(&book(), &other, 0), Ok(None)));
    }

    #[test]
    fn a_day_that_is_over_is_stated_from_where_it_is_known() {
        let book = book();
        let (holder, token) =
            (book.at(Address::repeat_byte(1)).unwrap(), book.token_at(Address::repeat_byte(9)).unwrap());
        let begins_ms = 1_767_571_200_000; // 2026-01-05
        let entries = [entry(Side::Credit, 500), entry(Side::Debit, 300)];
        let closing = 1_200;
        let opening = without(closing, &entries).unwrap();
        let day = |from_ms, is_over| {
            let day =
                Day { book: &book, holder, token, begins_ms, from_ms, is_over, opening, closing, entries: &entries };
            statement(&day, begins_ms + 3_600_000).unwrap()
        };
        let stated = day(begins_ms, true);
        assert!(stated.contains("camt.053.001.08") && stated.contains("<Cd>CLBD</Cd>"), "{stated}");
        assert!(
            stated.contains(r#"<Amt Ccy="EUR">10.00</Amt>"#) && stated.contains(r#"<Amt Ccy="EUR">12.00</Amt>"#),
            "{stated}"
        );
        assert_eq!(stated.matches("<Ntry>").count(), 2);
        assert!(stated.contains("<FrDtTm>2026-01-05T00:00:00"), "{stated}");
        assert!(day(begins_ms + 60_000, true).contains("<FrDtTm>2026-01-05T00:01:00"), "from when it is known");
        assert!(day(begins_ms, false).contains("camt.052.001.08"));
    }

    /// Both legs and the rate stand in an exchange's entry, and a rate has the digits of its type.
    #[test]
    fn an_exchange_is_told_with_its_other_leg_and_its_rate() {
        let dollar = TokenEntry { currency: "USD".into(), address: Address::repeat_byte(8), digits: 2, scheme: None };
        let holder = crate::book::HolderConfig {
            number: Some("1".into()),
            bic: None,
            name: None,
            address: Address::repeat_byte(1),
            tenant: Some("a".into()),
            key: None,
        };
        let euro = book().token_at(Address::repeat_byte(9)).unwrap().clone();
        let book = Book::new(&[holder], vec![euro, dollar], &["a".to_owned()].into()).unwrap();
        let legs = crate::store::ExchangeLegs {
            sold: Address::repeat_byte(8),
            sent: U256::from(10_150),
            bought: Address::repeat_byte(9),
            received: U256::from(9_215),
            fee: U256::from(150),
        };
        let details = Details { kind: Some("exchange".into()), exchange: Some(legs), ..Details::default() };
        let told = notification(&book, &Entry { details, ..entry(Side::Credit, 9_215) }, 0).unwrap().unwrap();
        let content = String::from_utf8(told.content.clone()).unwrap();
        for part in [
            r#"<CntrValAmt><Amt Ccy="USD">101.50</Amt>"#,
            "<SrcCcy>USD</SrcCcy>",
            "<XchgRate>0.9215</XchgRate>",
            "XBCT",
        ] {
            assert!(content.contains(part), "{part}: {content}");
        }
        assert_eq!(short_rate("1085.12345678").as_deref(), Some("1085.1234567"));
        assert_eq!(short_rate("162").as_deref(), Some("162"));
        assert_eq!(short_rate("12345678901.5").as_deref(), Some("12345678901"));
        assert_eq!((short_rate("123456789012"), short_rate("0.00000000"), short_rate("0")), (None, None, None));
    }

    #[test]
    fn a_number_is_an_iban_only_if_it_looks_like_one() {
        assert_eq!(account("DE89 3704 0044 0532 0130 00").iban.as_deref(), Some("DE89370400440532013000"));
        for number in ["12345", "DE8937", "de89370400440532013000", "DE89-3704-0044-0532"] {
            assert_eq!((account(number).iban, account(number).other.unwrap().id), (None, number.to_owned()));
        }
    }
}
