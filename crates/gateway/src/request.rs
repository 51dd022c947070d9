//! A payment as JSON, and the message that it becomes: a pain.001 of one transfer. From there on it is a message as any other. Pure.

use crate::{
    book::Book,
    identity::{Uetr, day_text, digest, message_id, time_ms_of, time_text},
    statement::account,
};
use alloy_primitives::B256;
use florin_iso20022::Problem as IsoProblem;
use florin_modules::payment::EXPIRY_AHEAD_MS_MAX;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Who is paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Creditor {
    /// Name.
    #[schema(min_length = 1, max_length = 140)]
    pub(crate) name: String,
    /// IBAN or another number. One of number and BIC is needed, or both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 34)]
    pub(crate) number: Option<String>,
    /// BIC of the bank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 8, max_length = 11)]
    pub(crate) bic: Option<String>,
}

/// A payment to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "payer": "DE89370400440532013000", "creditor": { "name": "Bruno", "number": "IT60X0542811101000000123456" },
    "amount": "12.50", "currency": "EUR", "end_to_end_id": "INVOICE-7", "remittance": "Invoice 7"
}))]
pub(crate) struct PaymentRequest {
    /// Number or BIC of the account that pays. It must be the tenant's.
    #[schema(min_length = 1, max_length = 34)]
    pub(crate) payer: String,
    pub(crate) creditor: Creditor,
    /// Decimal, with a point, such as `1250.75`.
    #[schema(pattern = r"^[0-9]{1,18}(\.[0-9]{1,5})?$")]
    pub(crate) amount: String,
    /// Code of ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$")]
    pub(crate) currency: String,
    /// Reference of the customer, unchanged to the end. `NOTPROVIDED` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 35)]
    pub(crate) end_to_end_id: Option<String>,
    /// UUID of version 4: the payment's own name. Derived from the header `Idempotency-Key` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) uetr: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 140)]
    pub(crate) remittance: Option<String>,
    /// Code of ISO's list of purposes, such as `SALA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z0-9]{4}$")]
    pub(crate) purpose: Option<String>,
    /// Day on which it is paid, UTC, at most 366 ahead. At once where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "date")]
    pub(crate) due: Option<String>,
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) code: &'static str,
    /// JSON pointer.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) value: Option<String>,
}

impl Wrong {
    /// A field with its value.
    pub(crate) fn of(code: &'static str, path: &str, text: &str, value: &str) -> Self {
        Self { code, path: path.into(), text: text.into(), value: Some(value.chars().take(140).collect()) }
    }
}

impl PaymentRequest {
    /// Its content, whatever the blanks and the order of the fields were.
    pub(crate) fn digest(&self) -> B256 {
        let uetr = self.uetr.as_deref().and_then(Uetr::parse).map(|uetr| uetr.to_string());
        // A struct of texts is always written. What is left out is left out here, too, so that a field that comes to be
        // known later changes no digest.
        digest(
            &serde_json::to_vec(&Self { uetr: uetr.or_else(|| self.uetr.clone()), ..self.clone() }).unwrap_or_default(),
        )
    }

    /// Everything that no message could hold.
    pub(crate) fn wrong(&self) -> Vec<Wrong> {
        let optional = |path, text: &Option<String>, chars_max| text.clone().map(|text| (path, text, chars_max));
        let texts = [
            Some(("/payer", self.payer.clone(), 34)),
            Some(("/creditor/name", self.creditor.name.clone(), 140)),
            optional("/creditor/number", &self.creditor.number, 34),
            optional("/creditor/bic", &self.creditor.bic, 11),
            Some(("/amount", self.amount.clone(), 24)),
            Some(("/currency", self.currency.clone(), 3)),
            optional("/end_to_end_id", &self.end_to_end_id, 35),
            optional("/uetr", &self.uetr, 36),
            optional("/remittance", &self.remittance, 140),
            optional("/purpose", &self.purpose, 4),
            optional("/due", &self.due, 10),
        ];
        let mut wrong: Vec<Wrong> =
            texts.into_iter().flatten().filter_map(|(path, text, max)| bad(path, &text, max)).collect();
        wrong.extend(no_decimal("/amount", &self.amount));
        let mut say = |code, path: &str, text: &str, value: &str| wrong.push(Wrong::of(code, path, text, value));
        if self.creditor.number.is_none() && self.creditor.bic.is_none() {
            say("AC03", "/creditor", "a creditor has a number, a BIC or both", "");
        }
        if let Some(uetr) = self.uetr.as_deref().filter(|uetr| Uetr::parse(uetr).is_none()) {
            say("CH16", "/uetr", "a UETR is a UUID of version 4", uetr);
        }
        if let Some(purpose) = self.purpose.as_deref().filter(|purpose| !is_purpose(purpose)) {
            say("FF07", "/purpose", "a purpose is four capitals or digits", purpose);
        }
        wrong
    }

    /// What the payment is called: as it was sent, else by what the call is known by.
    pub(crate) fn uetr_under(&self, tenant: &str, name: &str) -> Uetr {
        let sent = self.uetr.as_deref().and_then(Uetr::parse);
        sent.unwrap_or_else(|| Uetr::derive(&[tenant, "payment", name]))
    }

    /// The message for it. `name` is what the call is known by: it gives identification and, where none was sent, UETR, so that
    /// the same call orders the same payment even from a gateway without memory.
    pub(crate) fn message(&self, book: &Book, tenant: &str, name: &str, now_ms: u64) -> (String, Uetr) {
        let uetr = self.uetr_under(tenant, name);
        let id = message_id(&[tenant, "payment", name]);
        (initiation(book, tenant, &id, now_ms, &[Transfer { payment: self, uetr, line: None }]).content, uetr)
    }

    fn transfer(&self, uetr: Uetr, line: Option<u64>) -> String {
        let optional =
            |text: &Option<String>, write: &dyn Fn(&str) -> String| text.as_deref().map(write).unwrap_or_default();
        let agent =
            optional(&self.creditor.bic, &|bic| format!("<CdtrAgt><FinInstnId>{}</FinInstnId></CdtrAgt>", bank(bic)));
        let number = optional(&self.creditor.number, &|number| format!("<CdtrAcct>{}</CdtrAcct>", numbered(number)));
        let purpose = optional(&self.purpose, &|code| format!("<Purp>{}</Purp>", element("Cd", code)));
        let remittance = optional(&self.remittance, &|text| format!("<RmtInf>{}</RmtInf>", element("Ustrd", text)));
        format!(
            "<CdtTrfTxInf><PmtId>{instruction}{end_to_end}<UETR>{uetr}</UETR></PmtId><Amt><InstdAmt Ccy=\"{currency}\">{amount}</InstdAmt></Amt>\
             {agent}<Cdtr>{name}</Cdtr>{number}{purpose}{remittance}</CdtTrfTxInf>",
            instruction = line.map(|line| element("InstrId", &line.to_string())).unwrap_or_default(),
            end_to_end = element("EndToEndId", self.end_to_end_id.as_deref().unwrap_or("NOTPROVIDED")),
            currency = escaped(&self.currency),
            amount = escaped(&self.amount),
            name = element("Nm", &self.creditor.name),
        )
    }
}

/// A payment on its way into a message.
pub(crate) struct Transfer<'a> {
    pub(crate) payment: &'a PaymentRequest,
    pub(crate) uetr: Uetr,
    /// The line that it stands in, which its `InstrId` says.
    pub(crate) line: Option<u64>,
}

/// Payer and day, as they are written.
type Written<'a> = (&'a str, Option<&'a str>);

/// A message that orders payments.
pub(crate) struct Initiation {
    /// A pain.001.
    pub(crate) content: String,
    /// Which of the payments its transfers are: by instruction, in their order there.
    pub(crate) places: Vec<Vec<usize>>,
}

/// The message of payments: those of one payer and day, as they are written, are one instruction (`PmtInf`). What an instruction is made of
/// never depends on the clock: the ledger knows a batch by its instruction, and the same payments sent again on another day must be the
/// same batches.
pub(crate) fn initiation(book: &Book, tenant: &str, id: &str, now_ms: u64, payments: &[Transfer<'_>]) -> Initiation {
    let mut groups: Vec<(Written<'_>, Vec<usize>)> = Vec::new();
    let mut known: BTreeMap<Written<'_>, usize> = BTreeMap::new();
    for (place, Transfer { payment, .. }) in payments.iter().enumerate() {
        let written = (payment.payer.as_str(), payment.due.as_deref());
        let group = *known.entry(written).or_insert(groups.len());
        match groups.get_mut(group) {
            Some((_, places)) => places.push(place),
            None => groups.push((written, vec![place])),
        }
    }
    let mut content = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09\">\
         <CstmrCdtTrfInitn><GrpHdr><MsgId>{id}</MsgId><CreDtTm>{created}</CreDtTm><NbOfTxs>{count}</NbOfTxs>\
         <InitgPty>{initiating}</InitgPty></GrpHdr>",
        created = time_text(now_ms),
        count = payments.len(),
        initiating = element("Nm", tenant),
    );
    let today = day_text(now_ms);
    for (number, ((payer, due), places)) in groups.iter().enumerate() {
        let own_id = if number == 0 { id.to_owned() } else { message_id(&[id, &number.to_string()]) };
        content.push_str(&instruction_head(book, tenant, &own_id, payer, due.unwrap_or(&today)));
        let transfers = places.iter().filter_map(|place| payments.get(*place));
        transfers.for_each(|transfer| content.push_str(&transfer.payment.transfer(transfer.uetr, transfer.line)));
        content.push_str("</PmtInf>");
    }
    content.push_str("</CstmrCdtTrfInitn></Document>");
    Initiation { content, places: groups.into_iter().map(|(_, places)| places).collect() }
}

/// An instruction up to its transfers.
fn instruction_head(book: &Book, tenant: &str, id: &str, payer: &str, day: &str) -> String {
    let holder = book.of(tenant, payer);
    let name = holder.and_then(|holder| holder.name.as_deref()).unwrap_or(payer);
    let number = holder.map_or(payer, |holder| holder.number.as_str());
    let unnamed = || "<Othr><Id>NOTPROVIDED</Id></Othr>".to_owned();
    format!(
        "<PmtInf><PmtInfId>{id}</PmtInfId><PmtMtd>TRF</PmtMtd><ReqdExctnDt>{day}</ReqdExctnDt><Dbtr>{name}</Dbtr>\
         <DbtrAcct>{number}</DbtrAcct><DbtrAgt><FinInstnId>{own_bank}</FinInstnId></DbtrAgt>",
        day = element("Dt", day),
        name = element("Nm", name),
        number = numbered(number),
        own_bank = holder.and_then(|holder| holder.bic.as_deref()).map_or_else(unnamed, bank),
    )
}

fn bank(bic: &str) -> String {
    element("BICFI", &bic.to_uppercase())
}

/// What the rules of messages say of a field, told by the field of the JSON.
pub(crate) fn of_message(problem: &IsoProblem) -> Wrong {
    const PLACES: [(&str, &str); 13] = [
        ("CdtrAgt", "/creditor/bic"),
        ("CdtrAcct", "/creditor/number"),
        ("/Cdtr", "/creditor/name"),
        ("@Ccy", "/currency"),
        ("InstdAmt", "/amount"),
        ("EndToEndId", "/end_to_end_id"),
        ("UETR", "/uetr"),
        ("RmtInf", "/remittance"),
        ("Purp", "/purpose"),
        ("ReqdExctnDt", "/due"),
        ("DbtrAcct", "/payer"),
        ("DbtrAgt", "/payer"),
        ("Dbtr", "/payer"),
    ];
    let place = PLACES.iter().find(|(part, _)| problem.path.contains(part));
    let path = place.map_or(problem.path.as_str(), |(_, pointer)| pointer);
    Wrong { code: problem.reason, path: path.into(), text: problem.text.clone(), value: problem.value.clone() }
}

pub(crate) fn bad(path: &str, text: &str, chars_max: usize) -> Option<Wrong> {
    let is_text = |character: char| !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}');
    let good = !text.trim().is_empty() && text.chars().count() <= chars_max && text.chars().all(is_text);
    let says =
        || format!("a text of 1 to {chars_max} characters, none of them a control character, and not blanks alone");
    (!good).then(|| Wrong::of("FF01", path, &says(), text))
}

fn is_decimal(text: &str) -> bool {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, max| (1..=max).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(major, 18) && digits(minor, 5)
}

/// What is wrong with an amount by itself.
pub(crate) fn no_decimal(path: &str, text: &str) -> Option<Wrong> {
    let words = "an amount is digits, at most 18, and after a point at most 5";
    (!is_decimal(text)).then(|| Wrong::of("AM12", path, words, text))
}

/// What is wrong with the end of what is asked or promised.
pub(crate) fn no_expiry(path: &str, text: &str, now_ms: u64) -> Option<Wrong> {
    let last_ms = now_ms.saturating_add(EXPIRY_AHEAD_MS_MAX);
    let in_time = |expires_ms: u64| (now_ms.saturating_add(1)..=last_ms).contains(&expires_ms);
    if time_ms_of(text).is_some_and(in_time) {
        return None;
    }
    let (first, last) = (time_text(now_ms), time_text(last_ms));
    let words = format!("it expires after {first} and not after {last}: YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ");
    Some(Wrong::of("DT01", path, &words, text))
}

pub(crate) fn is_purpose(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(text))
}

/// An account by its number: an IBAN where it looks like one.
fn numbered(number: &str) -> String {
    match account(number) {
        known if known.iban.is_some() => format!("<Id>{}</Id>", element("IBAN", &known.iban.unwrap_or_default())),
        _ => format!("<Id><Othr>{}</Othr></Id>", element("Id", number)),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        book::{HolderConfig, TokenEntry},
        order::State,
        plan,
    };
    use alloy_primitives::Address;
    use florin_iso20022::{Limits, accept};
    use proptest::prelude::*;

    const IBAN_A: &str = "DE89370400440532013000";
    const IBAN_B: &str = "FR1420041010050500013M02606";

    fn book() -> Book {
        let holder = |number: Option<&str>, bic: Option<&str>, byte, tenant: &str| HolderConfig {
            number: number.map(String::from),
            bic: bic.map(String::from),
            name: Some(format!("Holder {byte} <&>")),
            address: Address::repeat_byte(byte),
            tenant: Some(tenant.into()),
            key: Some(tenant.into()),
        };
        let holders = [
            holder(Some(IBAN_A), None, 1, "a"),
            holder(Some(IBAN_B), None, 2, "b"),
            holder(None, Some("BANKDEFFXXX"), 3, "a"),
            holder(Some("12-34/X"), Some("BANKFRPP"), 4, "b"),
        ];
        let euro = TokenEntry { currency: "EUR".into(), address: Address::repeat_byte(9), digits: 2, scheme: None };
        Book::new(&holders, vec![euro], &["a", "b"].map(String::from).into()).unwrap()
    }

    fn request() -> PaymentRequest {
        PaymentRequest {
            payer: IBAN_A.into(),
            creditor: Creditor { name: "Bruno & <Söhne>".into(), number: Some(IBAN_B.into()), bic: None },
            amount: "12.50".into(),
            currency: "EUR".into(),
            end_to_end_id: Some("INVOICE-7".into()),
            uetr: None,
            remittance: Some("Invoice 7 & 8 \"now\"".into()),
            purpose: Some("SALA".into()),
            due: None,
        }
    }

    fn planned(request: &PaymentRequest) -> crate::store::NewOrder {
        let now_ms = 1_800_000_000_000;
        let (text, uetr) = request.message(&book(), "a", "key:1", now_ms);
        let accepted =
            accept(text.as_bytes(), &Limits::default(), None).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(accepted.refused, Default::default(), "{text}");
        let context = plan::Context { book: &book(), tenant: "a", message: 1, now_ms };
        let mut orders = plan::orders(&accepted, &context).unwrap();
        assert_eq!((orders.len(), orders[0].uetr.clone()), (1, Some(uetr.to_string())));
        orders.remove(0)
    }

    #[test]
    fn what_json_says_is_what_is_ordered() {
        assert_eq!(request().wrong(), []);
        let order = planned(&request());
        assert_eq!((order.state, order.kind), (State::Checked, crate::store::OrderKind::Pay), "{order:?}");
        let parties = (order.payer, order.payee, order.amount, order.currency.as_deref());
        let expected = (Some(Address::repeat_byte(1)), Some(Address::repeat_byte(2)), Some(1250), Some("EUR"));
        assert_eq!(parties, expected);
        assert_eq!(order.details.creditor.as_deref(), Some("Bruno & <Söhne>"));
        assert_eq!(order.details.remittance, ["Invoice 7 & 8 \"now\""]);
        assert_eq!((order.end_to_end.as_deref(), order.details.purpose.as_deref()), (Some("INVOICE-7"), Some("SALA")));
        // By another number, and by banks alone.
        let creditor = |number: Option<&str>, bic: Option<&str>| Creditor {
            number: number.map(String::from),
            bic: bic.map(String::from),
            ..request().creditor
        };
        let other = PaymentRequest { creditor: creditor(Some("12-34/X"), None), ..request() };
        assert_eq!(planned(&other).payee, Some(Address::repeat_byte(4)));
        let bank =
            PaymentRequest { payer: "BANKDEFF".into(), creditor: creditor(None, Some("BANKFRPPXXX")), ..request() };
        let order = planned(&bank);
        assert_eq!((order.payer, order.payee), (Some(Address::repeat_byte(3)), Some(Address::repeat_byte(4))));
        // A day that has not come.
        let later = PaymentRequest { due: Some("2027-06-01".into()), ..request() };
        assert_eq!(planned(&later).state, State::Held);
        // Somebody else's account is nobody's.
        let foreign = PaymentRequest { payer: IBAN_B.into(), ..request() };
        assert_eq!(planned(&foreign).code.as_deref(), Some("AC02"));
    }

    /// The name of a payment comes from the call alone: never from the clock.
    #[test]
    fn the_same_call_orders_the_same_payment_at_any_time() {
        let uetr = |name: &str, tenant: &str, now_ms| request().message(&book(), tenant, name, now_ms).1;
        assert_eq!(uetr("key:1", "a", 0), uetr("key:1", "a", 1_800_000_000_000));
        assert_ne!(uetr("key:1", "a", 0), uetr("key:2", "a", 0));
        assert_ne!(uetr("key:1", "a", 0), uetr("key:1", "b", 0));
        let given = "eb6305c9-1f7f-49de-aed0-16487c27b42d";
        let sent = PaymentRequest { uetr: Some(given.to_uppercase()), ..request() };
        assert_eq!(sent.message(&book(), "a", "key:1", 0).1.to_string(), given);
    }

    /// Digests are kept for ever: the same payment has the same one, however it was written.
    #[test]
    fn a_digest_is_of_what_was_asked_and_not_of_how_it_was_written() {
        let given = "eb6305c9-1f7f-49de-aed0-16487c27b42d";
        let named = |uetr: &str| PaymentRequest { uetr: Some(uetr.into()), ..request() }.digest();
        assert_eq!(named(given), named(&given.to_uppercase()));
        assert_ne!(named(given), request().digest());
        let least = r#"{"payer":"A","creditor":{"name":"B","bic":"BANKDEFF"},"amount":"1","currency":"EUR"}"#;
        let read: PaymentRequest = serde_json::from_str(least).unwrap();
        let known = crate::identity::digest(least.as_bytes());
        assert_eq!(read.digest(), known, "a field that is left out changes no digest");
    }

    #[test]
    fn what_is_wrong_is_told_by_its_field() {
        let one = |request: PaymentRequest| request.wrong().into_iter().map(|wrong| wrong.path).collect::<Vec<_>>();
        let named = |name: &str| Creditor { name: name.into(), ..request().creditor };
        assert_eq!(one(PaymentRequest { payer: " ".into(), ..request() }), ["/payer"]);
        assert_eq!(one(PaymentRequest { creditor: named("a\u{0}b"), ..request() }), ["/creditor/name"]);
        assert_eq!(one(PaymentRequest { creditor: named(&"x".repeat(141)), ..request() }), ["/creditor/name"]);
        let nobody = Creditor { number: None, bic: None, ..request().creditor };
        assert_eq!(one(PaymentRequest { creditor: nobody, ..request() }), ["/creditor"]);
        assert_eq!(one(PaymentRequest { uetr: Some("1".into()), ..request() }), ["/uetr"]);
        for amount in ["-1", "1e3", "1,5", "1.", ".5", "+1", "0x1", "1.000001", "1234567890123456789", "١"] {
            assert_eq!(one(PaymentRequest { amount: amount.into(), ..request() }), ["/amount"], "{amount}");
        }
        assert_eq!(one(PaymentRequest { purpose: Some("sala".into()), ..request() }), ["/purpose"]);
    }

    #[test]
    fn what_the_rules_of_messages_refuse_is_told_by_its_field_too() {
        let refused = |request: PaymentRequest| -> Vec<(&'static str, String)> {
            let (text, _) = request.message(&book(), "a", "key:1", 0);
            let problems = match accept(text.as_bytes(), &Limits::default(), None) {
                Ok(accepted) => accepted.refused.into_values().flatten().collect(),
                Err(rejection) => rejection.problems,
            };
            problems.iter().map(of_message).map(|wrong| (wrong.code, wrong.path)).collect()
        };
        let number = |number: &str| Creditor { number: Some(number.into()), ..request().creditor };
        let bic = Creditor { bic: Some("BANKDE".into()), ..request().creditor };
        let cases = [
            (PaymentRequest { creditor: number("FR1520041010050500013M02606"), ..request() }, "/creditor/number"),
            (PaymentRequest { creditor: bic, ..request() }, "/creditor/bic"),
            (PaymentRequest { amount: "1.234".into(), ..request() }, "/amount"),
            (PaymentRequest { due: Some("2026-13-01".into()), ..request() }, "/due"),
        ];
        for (request, path) in cases {
            let told = refused(request.clone());
            assert!(told.iter().any(|(_, told)| told == path), "{path}: {told:?}");
        }
        let unknown = refused(PaymentRequest { currency: "ÄÖ".into(), ..request() });
        assert!(!unknown.is_empty());
    }

    proptest! {
        /// Whatever texts say, the message is one transfer or is refused: nothing in a text becomes an element.
        #[test]
        fn no_text_changes_what_is_ordered(name in ".{1,140}", reference in ".{1,35}", text in ".{1,140}", number in ".{1,34}") {
            let creditor = Creditor { name: name.clone(), number: Some(number), bic: None };
            let asked = PaymentRequest { creditor, end_to_end_id: Some(reference), remittance: Some(text), ..request() };
            if asked.wrong().is_empty() {
                let (xml, _) = asked.message(&book(), "a", "key:1", 0);
                if let Ok(accepted) = accept(xml.as_bytes(), &Limits::default(), None) {
                    let context = plan::Context { book: &book(), tenant: "a", message: 1, now_ms: 0 };
                    let orders = plan::orders(&accepted, &context).unwrap();
                    prop_assert_eq!(orders.len(), 1);
                    prop_assert!(orders[0].amount.is_none_or(|amount| amount == 1250));
                    prop_assert!(orders[0].payer.is_none_or(|payer| payer == Address::repeat_byte(1)));
                }
            }
        }
    }
}
