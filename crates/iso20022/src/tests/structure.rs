//! What the schemas say: every breach at its exact place, all of them at once.

use super::{PACS_008, PAIN_001, faults, read, with};
use crate::{Kind, Scope};

const TX: &str = "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[1]";

fn wrong(text: &str, expected: &[(&str, &str)]) {
    let found = faults(text);
    let found: Vec<(&str, &str)> = found.iter().map(|(path, reason)| (path.as_str(), *reason)).collect();
    assert_eq!(found, expected);
}

#[test]
fn right_messages_pass() {
    for message in [PACS_008, PAIN_001] {
        assert_eq!(faults(message), []);
    }
}

#[test]
fn elements_stand_in_order_as_often_as_allowed() {
    wrong(&with(PACS_008, "<EndToEndId>E2E-1</EndToEndId>", ""), &[(&format!("{TX}/PmtId/EndToEndId"), "FF01")]);
    wrong(
        &with(PACS_008, "<ChrgBr>SHAR</ChrgBr>", "<ChrgBr>SHAR</ChrgBr><ChrgBr>DEBT</ChrgBr>"),
        &[(&format!("{TX}/ChrgBr"), "FF01")],
    );
    wrong(
        &with(PACS_008, "<Purp><Cd>SALA</Cd></Purp>", "<Purp><Cd>SALA</Cd></Purp><Nonsense><A/></Nonsense>"),
        &[(&format!("{TX}/Nonsense"), "FF01")],
    );
    let swapped = with(PACS_008, "<TwnNm>Frankfurt</TwnNm><Ctry>DE</Ctry>", "<Ctry>DE</Ctry><TwnNm>Frankfurt</TwnNm>");
    wrong(&swapped, &[(&format!("{TX}/Dbtr/PstlAdr/TwnNm"), "FF01")]);
    let lines = format!("{}<Ctry>DE</Ctry>", "<AdrLine>x</AdrLine>".repeat(8));
    wrong(
        &with(PACS_008, "<Ctry>DE</Ctry>", &lines),
        &[(&format!("{TX}/Dbtr/PstlAdr/AdrLine[8]"), "FF01"), (&format!("{TX}/Dbtr/PstlAdr/Ctry"), "FF01")],
    );
    wrong(&with(PACS_008, "<Nm>Anna Debtor</Nm>", "Anna<Nm>Anna Debtor</Nm>"), &[(&format!("{TX}/Dbtr"), "FF01")]);
    wrong(&with(PACS_008, "<Nm>Anna Debtor</Nm>", "<Nm><b/>Anna</Nm>"), &[(&format!("{TX}/Dbtr/Nm/b"), "FF01")]);
}

#[test]
fn choices_take_one_branch() {
    let both = "<IBAN>DE89370400440532013000</IBAN><Othr><Id>1</Id></Othr>";
    wrong(&with(PACS_008, "<IBAN>DE89370400440532013000</IBAN>", both), &[(&format!("{TX}/DbtrAcct/Id/Othr"), "FF01")]);
    wrong(&with(PACS_008, "<IBAN>DE89370400440532013000</IBAN>", ""), &[(&format!("{TX}/DbtrAcct/Id"), "FF01")]);
    let other = "<Othr><Id>4711</Id></Othr>";
    assert_eq!(faults(&with(PACS_008, "<IBAN>DE89370400440532013000</IBAN>", other)), []);
    wrong(&with(PACS_008, "<Cd>SALA</Cd>", "<Cd>SALA</Cd><Prtry>x</Prtry>"), &[(&format!("{TX}/Purp/Prtry"), "FF01")]);
}

#[test]
fn values_have_the_form_of_their_type() {
    for (from, to, path, reason) in [
        (
            "<MsgId>MSG-1<",
            format!("<MsgId>{}<", "x".repeat(36)),
            "/Document/FIToFICstmrCdtTrf/GrpHdr/MsgId".into(),
            "FF01",
        ),
        ("<MsgId>MSG-1<", "<MsgId><".into(), "/Document/FIToFICstmrCdtTrf/GrpHdr/MsgId".into(), "FF01"),
        ("<NbOfTxs>1<", "<NbOfTxs>one<".into(), "/Document/FIToFICstmrCdtTrf/GrpHdr/NbOfTxs".into(), "AM18"),
        (
            "<CreDtTm>2026-11-22T",
            "<CreDtTm>22.11.2026T".into(),
            "/Document/FIToFICstmrCdtTrf/GrpHdr/CreDtTm".into(),
            "DT02",
        ),
        (">INDA<", ">XXXX<".into(), "/Document/FIToFICstmrCdtTrf/GrpHdr/SttlmInf/SttlmMtd".into(), "FF01"),
        (">SHAR<", ">OURS<".into(), format!("{TX}/ChrgBr"), "BE19"),
        ("eb6305c9-1f7f-49de", "eb6305c9-1f7f-19de".into(), format!("{TX}/PmtId/UETR"), "CH16"),
        ("eb6305c9-1f7f-49de", "EB6305C9-1f7f-49de".into(), format!("{TX}/PmtId/UETR"), "CH16"),
        ("<IntrBkSttlmDt>2026-11-23", "<IntrBkSttlmDt>2026-02-29".into(), format!("{TX}/IntrBkSttlmDt"), "DT01"),
        ("\"EUR\">1250.75</IntrBk", "\"EUR\">1,250.75</IntrBk".into(), format!("{TX}/IntrBkSttlmAmt"), "AM12"),
        ("\"EUR\">1250.75</IntrBk", "\"EUR\">-1250.75</IntrBk".into(), format!("{TX}/IntrBkSttlmAmt"), "AM12"),
        ("\"EUR\">1250.75</IntrBk", "\"EUR\">1.123456</IntrBk".into(), format!("{TX}/IntrBkSttlmAmt"), "CH20"),
        (
            "\"EUR\">1250.75</IntrBk",
            "\"EUR\">1234567890123456789</IntrBk".into(),
            format!("{TX}/IntrBkSttlmAmt"),
            "AM12",
        ),
        (
            "<IntrBkSttlmAmt Ccy=\"EUR\">",
            "<IntrBkSttlmAmt Ccy=\"Eur\">".into(),
            format!("{TX}/IntrBkSttlmAmt/@Ccy"),
            "AM11",
        ),
        ("<IntrBkSttlmAmt Ccy=\"EUR\">", "<IntrBkSttlmAmt>".into(), format!("{TX}/IntrBkSttlmAmt/@Ccy"), "AM11"),
        ("<Ctry>DE<", "<Ctry>Germany<".into(), format!("{TX}/Dbtr/PstlAdr/Ctry"), "BE10"),
        (">DE89370400440532013000<", ">DE89 3704 0044 0532 0130 00<".into(), format!("{TX}/DbtrAcct/Id/IBAN"), "AC01"),
        (
            "<DbtrAgt><FinInstnId><BICFI>COBADEFFXXX<",
            "<DbtrAgt><FinInstnId><BICFI>COBADEFFX<".into(),
            format!("{TX}/DbtrAgt/FinInstnId/BICFI"),
            "RC01",
        ),
        ("<Nm>Anna Debtor</Nm>", "<Nm lang=\"de\">Anna Debtor</Nm>".into(), format!("{TX}/Dbtr/Nm/@lang"), "FF01"),
    ] {
        wrong(&with(PACS_008, from, &to), &[(&path, reason)]);
    }
}

#[test]
fn everything_wrong_is_named_at_once_and_the_message_can_be_answered() {
    let text = with(PAIN_001, "<EndToEndId>E-2</EndToEndId>", "");
    let text = with(&text, ">NL91ABNA0417164300<", ">NL91ABNA-0417164300<");
    let text = with(
        &text,
        "<PmtMtd>TRF</PmtMtd><ReqdExctnDt><Dt>2026-11-24",
        "<PmtMtd>XXX</PmtMtd><ReqdExctnDt><Dt>2026-11-31",
    );
    let rejection = read(&text).unwrap_err();
    let found: Vec<_> = rejection.problems.iter().map(|p| (p.path.as_str(), p.scope, p.kind)).collect();
    assert_eq!(
        found,
        [
            ("/Document/CstmrCdtTrfInitn/PmtInf[1]/CdtTrfTxInf[2]/PmtId/EndToEndId", Scope::Item(1), Kind::Structure),
            ("/Document/CstmrCdtTrfInitn/PmtInf[2]/PmtMtd", Scope::Batch(1), Kind::Code),
            ("/Document/CstmrCdtTrfInitn/PmtInf[2]/ReqdExctnDt/Dt", Scope::Batch(1), Kind::Structure),
            ("/Document/CstmrCdtTrfInitn/PmtInf[2]/CdtTrfTxInf[1]/CdtrAcct/Id/IBAN", Scope::Item(2), Kind::Structure),
        ]
    );
    assert!(rejection.is_structural());
    assert_eq!(rejection.original.message_id.as_deref(), Some("ORDER-1"));
    assert_eq!(rejection.original.items.len(), 3);
    assert_eq!(rejection.original.items[2].batch.as_deref(), Some("BATCH-B"));
}

#[test]
fn the_header_is_held_to_its_schema_too() {
    wrong(&with(PACS_008, "<BizMsgIdr>MSG-1</BizMsgIdr>", ""), &[("/AppHdr/BizMsgIdr", "FF01")]);
    wrong(
        &with(
            PACS_008,
            "<BICFI>BNPAFRPPXXX</BICFI></FinInstnId></FIId></To>",
            "<BICFI>?</BICFI></FinInstnId></FIId></To>",
        ),
        &[("/AppHdr/To/FIId/FinInstnId/BICFI", "RC01")],
    );
}

#[test]
fn the_document_has_no_attributes_but_where_its_schema_is() {
    let document = "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08\"";
    let located =
        format!("{document} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"a b\"");
    assert_eq!(faults(&with(PACS_008, document, &located)), []);
    wrong(&with(PACS_008, document, &format!("{document} version=\"1\"")), &[("/Document/@version", "FF01")]);
}

#[test]
fn elements_of_a_strange_namespace_are_no_elements_of_the_message() {
    let strange = with(PACS_008, "<Nm>Anna Debtor</Nm>", "<Nm xmlns=\"urn:other\">Anna Debtor</Nm>");
    wrong(&strange, &[(&format!("{TX}/Dbtr/Nm"), "FF01")]);
}

#[test]
fn other_vocabularies_are_kept_where_the_schema_has_room() {
    let data = "<SplmtryData><PlcAndNm>here</PlcAndNm><Envlp><x:Data xmlns:x=\"urn:x\" a=\"1 &lt; 2\" x:b=\"2\"><x:Inner/>t &amp; u<y xmlns=\"urn:y\"/></x:Data></Envlp></SplmtryData></CdtTrfTxInf>";
    let envelope = read(&with(PACS_008, "</CdtTrfTxInf>", data)).unwrap();
    let kept = envelope.document.root().value("CdtTrfTxInf/SplmtryData/Envlp").unwrap();
    assert_eq!(
        kept,
        "<Data xmlns=\"urn:x\" a=\"1 &lt; 2\" xmlns:n1=\"urn:x\" n1:b=\"2\"><Inner></Inner>t &amp; u<y xmlns=\"urn:y\"></y></Data>"
    );
    assert_eq!(read(&envelope.to_xml()).unwrap(), envelope);
    assert_eq!(read(&envelope.to_json()).unwrap(), envelope);
    let two = data.replace("</Envlp>", "<z xmlns=\"urn:z\"/></Envlp>");
    wrong(&with(PACS_008, "</CdtTrfTxInf>", &two), &[(&format!("{TX}/SplmtryData[1]/Envlp"), "FF01")]);
    wrong(
        &with(PACS_008, "</CdtTrfTxInf>", "<SplmtryData><Envlp/></SplmtryData></CdtTrfTxInf>"),
        &[(&format!("{TX}/SplmtryData[1]/Envlp"), "FF01")],
    );
}

#[test]
fn json_says_the_same_and_is_held_to_the_same() {
    let envelope = read(PACS_008).unwrap();
    let json = envelope.to_json();
    assert_eq!(read(&json).unwrap(), envelope);
    assert!(json.starts_with("{\"$id\":\"urn:iso:std:iso:20022:tech:json:pacs.008.001.08\",\"AppHdr\":"));
    assert!(json.contains("\"IntrBkSttlmAmt\":{\"Ccy\":\"EUR\",\"amt\":\"1250.75\"}"));
    // Members in any order, a single element without an array, the XML namespace in place of the JSON one.
    let other = r#"{"Document":{"FIToFIPmtStsReq":{"TxInf":{"OrgnlUETR":"eb6305c9-1f7f-49de-aed0-16487c27b42d","StsReqId":"S"},"GrpHdr":{"CreDtTm":"2026-11-22T10:00:00Z","MsgId":"M"}}},"@xmlns":"urn:iso:std:iso:20022:tech:xsd:pacs.028.001.03"}"#;
    assert_eq!(read(other).unwrap().document.root().value("TxInf/StsReqId"), Some("S"));
    // Without a name, the root says it: the version of CBPR+.
    assert!(read(&with(other, ",\"@xmlns\":\"urn:iso:std:iso:20022:tech:xsd:pacs.028.001.03\"", "")).is_ok());
    for (from, to, path) in [
        ("\"MsgId\":\"M\"", "\"MsgId\":null", "/Document/FIToFIPmtStsReq/GrpHdr/MsgId"),
        ("\"MsgId\":\"M\"", "\"MsgId\":\"M\",\"MsgId\":\"N\"", "/Document/FIToFIPmtStsReq/GrpHdr/MsgId"),
        ("\"MsgId\":\"M\"", "\"MsgId\":[]", "/Document/FIToFIPmtStsReq/GrpHdr/MsgId"),
        ("\"MsgId\":\"M\"", "\"MsgId\":{\"a\":\"b\"}", "/Document/FIToFIPmtStsReq/GrpHdr/MsgId/a"),
        ("\"StsReqId\":\"S\"", "\"StsReqId\":[\"S\",\"T\"]", "/Document/FIToFIPmtStsReq/TxInf[1]/StsReqId"),
        ("\"StsReqId\":\"S\"", "\"Wrong\":\"S\"", "/Document/FIToFIPmtStsReq/TxInf[1]/Wrong"),
    ] {
        assert_eq!(faults(&with(other, from, to)).first().map(|(path, _)| path.as_str()), Some(path), "{to}");
    }
    let fraction = json.replace("\"1250.75\"", "1250.75");
    assert!(read(&fraction).unwrap_err().to_string().contains("write decimals as strings"));
    let foreign = with(&json, "\"Purp\"", "\"SplmtryData\":[{\"Envlp\":{\"xml\":\"<!DOCTYPE a><a/>\"}}],\"Purp\"");
    assert!(read(&foreign).unwrap_err().problems.iter().any(|problem| problem.text.contains("document type")));
}
