//! From messages to orders: what is refused, what is held, and what orders are called.

use crate::{
    book::{Book, HolderConfig, TokenEntry},
    identity::Uetr,
    order::State,
    plan::{self, Context},
    store::{NewOrder, OrderKind},
};
use alloy_primitives::Address;
use florin_iso20022::{Limits, accept};

/// 2026-11-22T12:00:00Z.
const NOW_MS: u64 = 1_795_348_800_000;
const UETR: &str = "eb6305c9-1f7f-49de-aed0-16487c27b42d";

fn pacs_008(transfer: &str) -> String {
    format!(
        r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"><FIToFICstmrCdtTrf><GrpHdr><MsgId>MSG-1</MsgId><CreDtTm>2026-11-22T10:00:00+00:00</CreDtTm><NbOfTxs>1</NbOfTxs><SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf></GrpHdr>{transfer}</FIToFICstmrCdtTrf></Document>"#
    )
}

/// A transfer with nothing wrong: from account 1 to account 2.
fn transfer() -> String {
    format!(
        r#"<CdtTrfTxInf><PmtId><InstrId>I-1</InstrId><EndToEndId>E-1</EndToEndId><UETR>{UETR}</UETR></PmtId><IntrBkSttlmAmt Ccy="EUR">12.50</IntrBkSttlmAmt><IntrBkSttlmDt>2026-11-22</IntrBkSttlmDt><ChrgBr>SLEV</ChrgBr><Dbtr><Nm>Alma</Nm></Dbtr><DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></DbtrAgt><CdtrAgt><FinInstnId><BICFI>BNPAFRPPXXX</BICFI></FinInstnId></CdtrAgt><Cdtr><Nm>Bruno</Nm></Cdtr><CdtrAcct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id></CdtrAcct></CdtTrfTxInf>"#
    )
}

fn pain_001(items: usize) -> String {
    let item = |number: usize| {
        format!(
            r#"<CdtTrfTxInf><PmtId><EndToEndId>E-{number}</EndToEndId></PmtId><Amt><InstdAmt Ccy="EUR">1.00</InstdAmt></Amt><Cdtr><Nm>B</Nm></Cdtr><CdtrAcct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id></CdtrAcct></CdtTrfTxInf>"#
        )
    };
    let items_text: String = (0..items).map(item).collect();
    format!(
        r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"><CstmrCdtTrfInitn><GrpHdr><MsgId>ORDER-1</MsgId><CreDtTm>2026-11-22T10:00:00+00:00</CreDtTm><NbOfTxs>{items}</NbOfTxs><InitgPty><Nm>Firm</Nm></InitgPty></GrpHdr><PmtInf><PmtInfId>BATCH-A</PmtInfId><PmtMtd>TRF</PmtMtd><ReqdExctnDt><Dt>2026-11-22</Dt></ReqdExctnDt><Dbtr><Nm>Firm</Nm></Dbtr><DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></DbtrAgt>{items_text}</PmtInf></CstmrCdtTrfInitn></Document>"#
    )
}

fn book() -> Book {
    let holder = |number: &str, byte: u8, tenant: &str| HolderConfig {
        number: Some(number.into()),
        bic: None,
        name: None,
        address: Address::repeat_byte(byte),
        tenant: Some(tenant.into()),
        key: Some("key".into()),
    };
    let holders = [holder("DE89370400440532013000", 1, "a"), holder("FR1420041010050500013M02606", 2, "b")];
    let euro = TokenEntry { currency: "EUR".into(), address: Address::repeat_byte(9), digits: 2, scheme: None };
    Book::new(&holders, vec![euro], &["a", "b"].map(String::from).into()).unwrap()
}

fn orders_of(tenant: &str, message: &str) -> Vec<NewOrder> {
    let accepted = accept(message.as_bytes(), &Limits::default(), None).unwrap();
    let book = book();
    let context = Context { book: &book, tenant, message: 7, now_ms: NOW_MS };
    plan::orders(&accepted, &context).unwrap()
}

fn one(tenant: &str, transfer: &str) -> NewOrder {
    let mut orders = orders_of(tenant, &pacs_008(transfer));
    assert_eq!(orders.len(), 1);
    orders.pop().unwrap()
}

/// Refused with this code at this place, and nothing of it can be signed or claimed.
fn refused(order: &NewOrder, code: &str, path: &str) {
    assert_eq!(order.state, State::Refused, "{order:?}");
    assert_eq!((order.code.as_deref(), order.path.as_deref()), (Some(code), Some(path)));
    assert!(order.words.as_deref().is_some_and(|words| !words.is_empty()) && order.claim.is_none());
}

#[test]
fn what_the_book_does_not_know_is_refused_at_its_place() {
    const PATH: &str = "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[1]";
    let with = |part: &str, other: &str| {
        assert!(transfer().contains(part), "{part}");
        one("a", &transfer().replace(part, other))
    };
    refused(&one("b", &transfer()), "AC02", PATH);
    refused(&with("DE89370400440532013000", "DE02120300000000202051"), "AC02", PATH);
    refused(&with("FR1420041010050500013M02606", "GB29NWBK60161331926819"), "AC03", PATH);
    refused(&with("FR1420041010050500013M02606", "DE89370400440532013000"), "AC03", PATH);
    refused(&with(r#"Ccy="EUR""#, r#"Ccy="USD""#), "AM03", PATH);
    refused(&with("<IntrBkSttlmDt>2026-11-22", "<IntrBkSttlmDt>2028-01-01"), "DT01", PATH);
}

#[test]
fn what_a_rule_of_iso_refuses_keeps_its_own_place_and_every_problem() {
    let order = one("a", &transfer().replace("DE89370400440532013000", "DE88370400440532013000"));
    refused(&order, "AC01", "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[1]/DbtrAcct/Id/IBAN");
    let both = transfer()
        .replace("DE89370400440532013000", "DE88370400440532013000")
        .replace("FR1420041010050500013M02606", "FR1520041010050500013M02606");
    assert_eq!(one("a", &both).details.problems.len(), 2);
}

#[test]
fn a_good_transfer_says_who_pays_whom() {
    let order = one("a", &transfer());
    assert_eq!((order.state, order.kind, order.message, order.item), (State::Checked, OrderKind::Pay, 7, 0));
    assert_eq!((order.payer, order.payee), (Some(Address::repeat_byte(1)), Some(Address::repeat_byte(2))));
    assert_eq!((order.signer, order.amount), (order.payer, Some(1_250)));
    assert_eq!(order.uetr.as_deref(), Some(UETR));
    let expected = format!("pay:{}:{UETR}", Address::repeat_byte(1));
    assert_eq!(order.claim, Some(expected));
    // The same payment is claimed under the same name, however its UETR is written.
    let upper = one("a", &transfer().replace(UETR, &UETR.to_lowercase()));
    assert_eq!(upper.claim, order.claim);
}

#[test]
fn a_later_day_is_waited_for_and_an_earlier_one_is_now() {
    let on = |day: &str| one("a", &transfer().replace("<IntrBkSttlmDt>2026-11-22", &format!("<IntrBkSttlmDt>{day}")));
    assert_eq!((on("2026-11-22").state, on("2026-11-01").state), (State::Checked, State::Checked));
    let later = on("2026-11-23");
    assert_eq!((later.state, later.due_ms), (State::Held, 1_795_392_000_000));
    assert!(later.claim.is_some(), "its UETR is taken from now on");
}

#[test]
fn orders_without_a_uetr_get_one_that_depends_on_the_message_alone() {
    let (first, again) = (orders_of("a", &pain_001(3)), orders_of("a", &pain_001(3)));
    assert_eq!(first, again);
    let uetrs: std::collections::BTreeSet<_> = first.iter().map(|order| order.uetr.clone().unwrap()).collect();
    assert_eq!(uetrs.len(), 3);
    assert_eq!(first[1].uetr, Some(Uetr::derive(&["a", "", "ORDER-1", "BATCH-A", "E-1", "1"]).to_string()));
    // Whom the book knows changes nothing of what an order is called: or one payment could have two names.
    let foreign = orders_of("b", &pain_001(3));
    assert!(foreign.iter().all(|order| order.state == State::Refused));
    assert!(foreign.iter().all(|order| !uetrs.contains(order.uetr.as_ref().unwrap())), "tenants do not share names");
}

#[test]
fn batches_are_cut_by_places_and_one_item_is_a_payment() {
    let single = orders_of("a", &pain_001(1));
    assert_eq!((single[0].kind, single[0].part_uetr.clone()), (OrderKind::Pay, None));
    let many = orders_of("a", &pain_001(1_501));
    assert!(many.iter().all(|order| order.kind == OrderKind::Item && order.state == State::Checked));
    let parts: Vec<u64> = many.iter().map(|order| order.part).collect();
    assert_eq!((parts[0], parts[1_499], parts[1_500]), (0, 0, 1));
    assert_ne!(many[1_499].part_uetr, many[1_500].part_uetr);
    // A part keeps its name when some of its items are refused, so that it can never be paid under two.
    let damaged = pain_001(3).replacen("FR1420041010050500013M02606", "FR1520041010050500013M02606", 1);
    let rest = orders_of("a", &damaged);
    refused(&rest[0], "AC01", "/Document/CstmrCdtTrfInitn/PmtInf[1]/CdtTrfTxInf[1]/CdtrAcct/Id/IBAN");
    assert_eq!(rest[1].part_uetr, many[0].part_uetr);
}

/// The ledger knows an item of a batch by payee, amount and the first eight bytes of its UETR: two that are the same there would
/// get each other's outcome.
#[test]
fn an_item_that_the_ledger_cannot_tell_from_another_is_paid_by_itself() {
    let named = (0..3).fold(pain_001(3), |message, number| {
        let end = format!("E-{number}</EndToEndId>");
        message.replace(&end, &format!("{end}<UETR>00000000-0000-4000-8000-00000000000{number}</UETR>"))
    });
    let kinds: Vec<OrderKind> = orders_of("a", &named).iter().map(|order| order.kind).collect();
    assert_eq!(kinds, [OrderKind::Item, OrderKind::Pay, OrderKind::Pay]);
}

#[test]
fn what_is_not_offered_is_refused_in_words() {
    let cheque = orders_of("a", &pain_001(2).replace("<PmtMtd>TRF", "<PmtMtd>CHK"));
    refused(&cheque[1], "NARR", "/Document/CstmrCdtTrfInitn/PmtInf[1]/CdtTrfTxInf[2]");
    let wrong = "<PmtId><EndToEndId>E-1</EndToEndId></PmtId><IntrBkSttlmAmt";
    let without = transfer().replace(
        &format!("<PmtId><InstrId>I-1</InstrId><EndToEndId>E-1</EndToEndId><UETR>{UETR}</UETR></PmtId><IntrBkSttlmAmt"),
        wrong,
    );
    let order = one("a", &without);
    assert_eq!(order.state, State::Checked, "{order:?}");
    assert_eq!(order.uetr, Some(Uetr::derive(&["a", "", "MSG-1", "", "E-1", "0"]).to_string()));
}
