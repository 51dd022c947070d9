//! Rules across fields, each with its place and its reason code.

use super::{PACS_008, PAIN_001, broken, findings, read, with};
use crate::identifier::{check_bic, check_creditor_reference, check_iban, check_lei};
use crate::reference::{currency_digits, iban_length, is_country};
use crate::{Kind, Profile, Scheme, Scope, check};

const TX: &str = "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[1]";
const GROUP: &str = "/Document/FIToFICstmrCdtTrf/GrpHdr";

/// Asserts that one change of the good message breaks one rule of ISO 20022.
fn breaks(from: &str, to: &str, path: &str, reason: &str) {
    broken(&with(PACS_008, from, to), Scheme::Iso, &[(path, reason)]);
}

/// The same under CBPR+.
fn breaks_cbpr(from: &str, to: &str, path: &str, reason: &str) {
    broken(&with(PACS_008, from, to), Scheme::CbprPlus, &[(path, reason)]);
}

#[test]
fn good_messages_break_nothing() {
    broken(PACS_008, Scheme::CbprPlus, &[]);
    broken(PAIN_001, Scheme::Iso, &[]);
}

#[test]
fn identifiers_have_right_check_digits() {
    breaks("DE89370400440532013000", "DE88370400440532013000", &format!("{TX}/DbtrAcct/Id/IBAN"), "AC01");
    breaks("DE89370400440532013000", "DE893704004405320130", &format!("{TX}/DbtrAcct/Id/IBAN"), "AC01");
    breaks("DE89370400440532013000", "US89370400440532013000", &format!("{TX}/DbtrAcct/Id/IBAN"), "AC01");
    breaks(
        "<CdtrAgt><FinInstnId><BICFI>BNPAFRPPXXX",
        "<CdtrAgt><FinInstnId><BICFI>BNPAXXPPXXX",
        &format!("{TX}/CdtrAgt/FinInstnId/BICFI"),
        "RC01",
    );
    breaks("<Ctry>DE</Ctry>", "<Ctry>XX</Ctry>", &format!("{TX}/Dbtr/PstlAdr/Ctry"), "BE10");
    let lei = "<Nm>Bruno Creditor</Nm><Id><OrgId><LEI>5299000J2N45DDNE4Y29</LEI></OrgId></Id>";
    breaks("<Nm>Bruno Creditor</Nm>", lei, &format!("{TX}/Cdtr/Id/OrgId/LEI"), "BE17");
    broken(&with(PACS_008, "<Nm>Bruno Creditor</Nm>", &lei.replace("4Y29", "4Y28")), Scheme::Iso, &[]);
    let reference = |text: &str| {
        format!(
            "<RmtInf><Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp><Ref>{text}</Ref></CdtrRefInf></Strd></RmtInf>"
        )
    };
    let old = "<RmtInf><Ustrd>Invoice 7</Ustrd></RmtInf>";
    breaks(old, &reference("RF19539007547034"), &format!("{TX}/RmtInf/Strd[1]/CdtrRefInf/Ref"), "RR07");
    broken(&with(PACS_008, old, &reference("RF18539007547034")), Scheme::Iso, &[]);
}

#[test]
fn published_identifiers_pass() {
    // Examples of the IBAN registry, of ISO 17442 and of ISO 11649.
    for iban in [
        "AL47212110090000000235698741",
        "BE68539007547034",
        "MT84MALT011000012345MTLCAST001S",
        "NO9386011117947",
        "SC18SSCB11010000000000001497USD",
    ] {
        assert_eq!(check_iban(iban), Ok(()), "{iban}");
    }
    for wrong in ["", "DE", "DE00370400440532013000", "ZZ89370400440532013000", "NO9386011117948"] {
        assert!(check_iban(wrong).is_err(), "{wrong}");
    }
    assert_eq!(check_lei("5493001KJTIIGC8Y1R12"), Ok(()));
    assert!(check_lei("5493001KJTIIGC8Y1R13").is_err());
    assert_eq!(check_bic("DEUTDEFF"), Ok(()));
    assert!(check_bic("DEUTDEF").is_err() && check_bic("DEUT00FF").is_err());
    assert_eq!(check_creditor_reference("RF18539007547034"), Ok(()));
    assert!(check_creditor_reference("RF").is_err());
}

#[test]
fn tables_of_other_standards() {
    assert_eq!(
        (currency_digits("EUR"), currency_digits("JPY"), currency_digits("KWD")),
        (Some(Some(2)), Some(Some(0)), Some(Some(3)))
    );
    assert_eq!((currency_digits("XAU"), currency_digits("EUU"), currency_digits("")), (Some(None), None, None));
    assert!(is_country("DE") && !is_country("ZZ") && !is_country("") && !is_country("D"));
    assert_eq!((iban_length("NO"), iban_length("US"), iban_length("N")), (Some(15), None, None));
}

#[test]
fn amounts_fit_their_currency() {
    let amount = "<IntrBkSttlmAmt Ccy=\"EUR\">1250.75</IntrBkSttlmAmt>";
    let settled = |text: &str| with(&with(PACS_008, amount, text), "<InstdAmt Ccy=\"EUR\">1250.75</InstdAmt>", "");
    let path = format!("{TX}/IntrBkSttlmAmt");
    for (text, place, reason) in [
        ("<IntrBkSttlmAmt Ccy=\"EUR\">1.234</IntrBkSttlmAmt>", path.clone(), "CH20"),
        ("<IntrBkSttlmAmt Ccy=\"JPY\">100.0</IntrBkSttlmAmt>", path.clone(), "CH20"),
        ("<IntrBkSttlmAmt Ccy=\"KWD\">1.2345</IntrBkSttlmAmt>", path.clone(), "CH20"),
        ("<IntrBkSttlmAmt Ccy=\"EUR\">0.00</IntrBkSttlmAmt>", path.clone(), "AM01"),
        ("<IntrBkSttlmAmt Ccy=\"EUU\">1</IntrBkSttlmAmt>", format!("{path}/@Ccy"), "AM11"),
        ("<IntrBkSttlmAmt Ccy=\"XAU\">1</IntrBkSttlmAmt>", format!("{path}/@Ccy"), "AM03"),
    ] {
        broken(&settled(text), Scheme::Iso, &[(&place, reason)]);
    }
    broken(&settled("<IntrBkSttlmAmt Ccy=\"KWD\">1.234</IntrBkSttlmAmt>"), Scheme::Iso, &[]);
    broken(&settled("<IntrBkSttlmAmt Ccy=\"JPY\">100</IntrBkSttlmAmt>"), Scheme::Iso, &[]);
}

#[test]
fn counts_sums_and_totals_are_true() {
    breaks("<NbOfTxs>1<", "<NbOfTxs>2<", &format!("{GROUP}/NbOfTxs"), "AM18");
    breaks(
        "<NbOfTxs>1</NbOfTxs>",
        "<NbOfTxs>1</NbOfTxs><CtrlSum>1250.74</CtrlSum>",
        &format!("{GROUP}/CtrlSum"),
        "AM10",
    );
    broken(
        &with(PACS_008, "<NbOfTxs>1</NbOfTxs>", "<NbOfTxs>01</NbOfTxs><CtrlSum>+1250.7500</CtrlSum>"),
        Scheme::Iso,
        &[],
    );
    let total = |text: &str| {
        with(&with(PACS_008, "<IntrBkSttlmDt>2026-11-23</IntrBkSttlmDt>", ""), "<NbOfTxs>1</NbOfTxs>", text)
    };
    let right = "<NbOfTxs>1</NbOfTxs><TtlIntrBkSttlmAmt Ccy=\"EUR\">1250.75</TtlIntrBkSttlmAmt><IntrBkSttlmDt>2026-11-23</IntrBkSttlmDt>";
    broken(&total(right), Scheme::Iso, &[]);
    broken(
        &total(&right.replace("1250.75", "1250.76")),
        Scheme::Iso,
        &[(&format!("{GROUP}/TtlIntrBkSttlmAmt"), "AM10")],
    );
    broken(&total(&right.replace("EUR", "USD")), Scheme::Iso, &[(&format!("{TX}/IntrBkSttlmAmt"), "AM11")]);
    broken(
        &total(&right.replace("<IntrBkSttlmDt>2026-11-23</IntrBkSttlmDt>", "")),
        Scheme::Iso,
        &[(&format!("{GROUP}/IntrBkSttlmDt"), "DT01")],
    );
    let huge = with(PAIN_001, "<CtrlSum>60.50</CtrlSum>", "<CtrlSum>0.00000000000000001</CtrlSum>");
    broken(&huge, Scheme::Iso, &[("/Document/CstmrCdtTrfInitn/GrpHdr/CtrlSum", "AM10")]);
}

#[test]
fn what_is_wrong_with_a_batch_or_an_item_is_about_it_alone() {
    let text = with(PAIN_001, "<CtrlSum>30.5</CtrlSum>", "<CtrlSum>30.51</CtrlSum>");
    let text = with(&text, "NL91ABNA0417164300", "NL92ABNA0417164300");
    let found = findings(&text, Scheme::Iso);
    let scopes: Vec<_> = found.problems.iter().map(|p| (p.scope, p.path.as_str(), p.reason)).collect();
    assert_eq!(
        scopes,
        [
            (Scope::Batch(0), "/Document/CstmrCdtTrfInitn/PmtInf[1]/CtrlSum", "AM10"),
            (Scope::Item(2), "/Document/CstmrCdtTrfInitn/PmtInf[2]/CdtTrfTxInf[1]/CdtrAcct/Id/IBAN", "AC01"),
        ]
    );
    assert!(!found.refuses_all());
    let few = Profile { problems_max: 1, ..Profile::default() };
    assert!(check(&read(&text).unwrap(), &few).refuses_all(), "what was not looked at may be wrong");
}

#[test]
fn what_stands_twice_is_a_duplicate() {
    let text = with(PAIN_001, "<EndToEndId>E-2<", "<EndToEndId>E-1<");
    broken(&text, Scheme::Iso, &[("/Document/CstmrCdtTrfInitn/PmtInf[1]/CdtTrfTxInf[2]/PmtId/EndToEndId", "AM05")]);
    let absent = PAIN_001
        .replace("<EndToEndId>E-2<", "<EndToEndId>NOTPROVIDED<")
        .replace("<EndToEndId>E-1<", "<EndToEndId>NOTPROVIDED<");
    broken(&absent, Scheme::Iso, &[]);
    let (head, rest) = PACS_008.split_once("<CdtTrfTxInf>").unwrap();
    let (item, tail) = rest.split_once("</CdtTrfTxInf>").unwrap();
    let twice = format!("{head}<CdtTrfTxInf>{item}</CdtTrfTxInf><CdtTrfTxInf>{item}</CdtTrfTxInf>{tail}");
    let twice = with(&twice, "<NbOfTxs>1<", "<NbOfTxs>2<");
    broken(&twice, Scheme::Iso, &[("/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[2]/PmtId/UETR", "AM05")]);
    broken(
        &with(PAIN_001, "BATCH-B", "BATCH-A"),
        Scheme::Iso,
        &[("/Document/CstmrCdtTrfInitn/PmtInf[2]/PmtInfId", "AM05")],
    );
}

#[test]
fn what_the_group_says_the_transaction_does_not() {
    let after = "</SttlmInf>";
    breaks(
        after,
        "</SttlmInf><InstgAgt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></InstgAgt>",
        &format!("{TX}/InstgAgt"),
        "CH17",
    );
    breaks("<SttlmInf>", "<IntrBkSttlmDt>2026-11-23</IntrBkSttlmDt><SttlmInf>", &format!("{TX}/IntrBkSttlmDt"), "CH17");
    let text = with(
        PAIN_001,
        "<EndToEndId>E-1</EndToEndId></PmtId><Amt><InstdAmt Ccy=\"EUR\">10.25</InstdAmt></Amt>",
        "<EndToEndId>E-1</EndToEndId></PmtId><Amt><InstdAmt Ccy=\"EUR\">10.25</InstdAmt></Amt><ChrgBr>SHAR</ChrgBr>",
    );
    broken(&text, Scheme::Iso, &[("/Document/CstmrCdtTrfInitn/PmtInf[1]/CdtTrfTxInf[1]/ChrgBr", "CH17")]);
}

#[test]
fn settlement_methods_exclude_each_other() {
    let method = "<SttlmMtd>INDA</SttlmMtd>";
    let agent = |name: &str| format!("<{name}><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></{name}>");
    let place = |name: &str| format!("{GROUP}/SttlmInf/{name}");
    breaks(method, &format!("{method}<ClrSys><Cd>TGT</Cd></ClrSys>"), &place("ClrSys"), "CH17");
    breaks(method, &format!("{method}{}", agent("InstgRmbrsmntAgt")), &place("InstgRmbrsmntAgt"), "CH17");
    breaks(method, "<SttlmMtd>COVE</SttlmMtd>", &place("InstgRmbrsmntAgt"), "RC02");
    breaks(
        method,
        "<SttlmMtd>CLRG</SttlmMtd><SttlmAcct><Id><Othr><Id>1</Id></Othr></Id></SttlmAcct>",
        &place("SttlmAcct"),
        "CH17",
    );
    broken(&with(PACS_008, method, "<SttlmMtd>CLRG</SttlmMtd><ClrSys><Cd>TGT</Cd></ClrSys>"), Scheme::Iso, &[]);
    let cover = format!("<SttlmMtd>COVE</SttlmMtd>{}", agent("InstgRmbrsmntAgt"));
    broken(&with(PACS_008, method, &cover), Scheme::Iso, &[]);
    breaks(method, &format!("{cover}{}", agent("ThrdRmbrsmntAgt")), &place("ThrdRmbrsmntAgt"), "RC02");
}

#[test]
fn rates_charges_and_chains_of_agents() {
    let instructed = "<InstdAmt Ccy=\"EUR\">1250.75</InstdAmt>";
    breaks(instructed, "<InstdAmt Ccy=\"USD\">1300.00</InstdAmt>", &format!("{TX}/XchgRate"), "AM09");
    broken(
        &with(PACS_008, instructed, "<InstdAmt Ccy=\"USD\">1300.00</InstdAmt><XchgRate>0.9621</XchgRate>"),
        Scheme::Iso,
        &[],
    );
    breaks(instructed, &format!("{instructed}<XchgRate>1</XchgRate>"), &format!("{TX}/XchgRate"), "CH17");
    breaks(instructed, "<XchgRate>1</XchgRate>", &format!("{TX}/XchgRate"), "CH17");
    let charge = "<ChrgBr>SHAR</ChrgBr><ChrgsInf><Amt Ccy=\"EUR\">0</Amt><Agt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></Agt></ChrgsInf>";
    let charged = with(PACS_008, "<ChrgBr>SHAR</ChrgBr>", charge);
    broken(&charged, Scheme::Iso, &[]);
    broken(&with(&charged, instructed, ""), Scheme::Iso, &[(&format!("{TX}/ChrgsInf[1]"), "AM12")]);
    let second = "<IntrmyAgt2><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></IntrmyAgt2><Dbtr>";
    breaks("<Dbtr>", second, &format!("{TX}/IntrmyAgt2"), "RC02");
    breaks(
        "<Dbtr>",
        "<IntrmyAgt1Acct><Id><Othr><Id>1</Id></Othr></Id></IntrmyAgt1Acct><Dbtr>",
        &format!("{TX}/IntrmyAgt1Acct"),
        "RC02",
    );
}

#[test]
fn external_codes_that_decide_are_held_to_their_lists() {
    breaks("<Cd>SALA</Cd>", "<Cd>ZZZZ</Cd>", &format!("{TX}/Purp/Cd"), "FF07");
    let kind = |inside: &str| format!("</PmtId><PmtTpInf>{inside}</PmtTpInf>");
    for (inside, place, reason) in [
        ("<SvcLvl><Cd>ZZZZ</Cd></SvcLvl>", "SvcLvl[1]/Cd", "FF04"),
        ("<LclInstrm><Cd>ZZZZ</Cd></LclInstrm>", "LclInstrm/Cd", "FF05"),
        ("<CtgyPurp><Cd>ZZZZ</Cd></CtgyPurp>", "CtgyPurp/Cd", "FF06"),
    ] {
        breaks("</PmtId>", &kind(inside), &format!("{TX}/PmtTpInf/{place}"), reason);
    }
    broken(&with(PACS_008, "</PmtId>", &kind("<SvcLvl><Cd>SEPA</Cd></SvcLvl>")), Scheme::Iso, &[]);
    // A scheme of identification that is new does no harm.
    let scheme =
        "<Nm>Bruno Creditor</Nm><Id><OrgId><Othr><Id>1</Id><SchmeNm><Cd>NEWS</Cd></SchmeNm></Othr></OrgId></Id>";
    broken(&with(PACS_008, "<Nm>Bruno Creditor</Nm>", scheme), Scheme::Iso, &[]);
    let envelope = read(&with(PACS_008, "<Cd>SALA</Cd>", "<Cd>ZZZZ</Cd>")).unwrap();
    assert_eq!(check(&envelope, &Profile::default()).problems[0].kind, Kind::Code);
    let codes_added = [("ExternalPurpose1Code".to_string(), "ZZZZ".to_string())].into();
    assert!(check(&envelope, &Profile { codes_added, ..Profile::default() }).is_empty());
}

#[test]
fn the_header_names_its_message() {
    breaks("<MsgDefIdr>pacs.008.001.08", "<MsgDefIdr>pacs.008.001.09", "/AppHdr/MsgDefIdr", "FF01");
    let envelope = read(PACS_008).unwrap();
    assert_eq!(Profile::of(&envelope).scheme, Scheme::CbprPlus);
    assert_eq!(Profile::of(&read(PAIN_001).unwrap()).scheme, Scheme::Iso);
}

#[test]
fn cbpr_header_and_mandatory_elements() {
    breaks_cbpr("<BizMsgIdr>MSG-1", "<BizMsgIdr>MSG-2", "/AppHdr/BizMsgIdr", "CH16");
    breaks_cbpr(
        "<InstgAgt><FinInstnId><BICFI>COBADEFFXXX",
        "<InstgAgt><FinInstnId><BICFI>DEUTDEFFXXX",
        "/AppHdr/Fr/FIId/FinInstnId/BICFI",
        "RC01",
    );
    breaks_cbpr(
        "<InstdAgt><FinInstnId><BICFI>BNPAFRPPXXX",
        "<InstdAgt><FinInstnId><BICFI>DEUTDEFFXXX",
        "/AppHdr/To/FIId/FinInstnId/BICFI",
        "RC01",
    );
    breaks_cbpr("<InstrId>INS-1</InstrId>", "", &format!("{TX}/PmtId/InstrId"), "CH21");
    breaks_cbpr("<UETR>eb6305c9-1f7f-49de-aed0-16487c27b42d</UETR>", "", &format!("{TX}/PmtId/UETR"), "CH21");
    breaks_cbpr("<IntrBkSttlmDt>2026-11-23</IntrBkSttlmDt>", "", &format!("{TX}/IntrBkSttlmDt"), "DT01");
    breaks_cbpr("<InstrId>INS-1<", "<InstrId>/INS-1<", &format!("{TX}/PmtId/InstrId"), "CH16");
    breaks_cbpr("<InstrId>INS-1<", "<InstrId>INS//1<", &format!("{TX}/PmtId/InstrId"), "CH16");
    breaks_cbpr(
        "<CreDtTm>2026-11-22T10:00:00+00:00<",
        "<CreDtTm>2026-11-22T10:00:00Z<",
        &format!("{GROUP}/CreDtTm"),
        "DT02",
    );
    breaks_cbpr("<CreDt>2026-11-22T10:00:00+00:00<", "<CreDt>2026-11-22T10:00:00<", "/AppHdr/CreDt", "DT02");
    let (_, document) = PACS_008.split_once("</AppHdr>").unwrap();
    broken(document.strip_suffix("</Envelope>").unwrap(), Scheme::CbprPlus, &[("/AppHdr", "CH21")]);
}

#[test]
fn cbpr_charges_instructions_and_remittance() {
    breaks_cbpr(">SHAR<", ">CRED<", &format!("{TX}/ChrgsInf"), "CH21");
    breaks_cbpr("<InstdAmt Ccy=\"EUR\">1250.75", "<InstdAmt Ccy=\"EUR\">1255.75", &format!("{TX}/ChrgsInf"), "AM09");
    let instruct = |codes: &[&str]| {
        let all: String =
            codes.iter().map(|code| format!("<InstrForCdtrAgt><Cd>{code}</Cd></InstrForCdtrAgt>")).collect();
        format!("{all}<Purp>")
    };
    breaks_cbpr("<Purp>", &instruct(&["CHQB", "HOLD"]), &format!("{TX}/InstrForCdtrAgt[2]/Cd"), "CH17");
    breaks_cbpr("<Purp>", &instruct(&["TELB", "PHOB"]), &format!("{TX}/InstrForCdtrAgt[1]/Cd"), "CH17");
    breaks_cbpr("<Purp>", &instruct(&["PHOB", "PHOB"]), &format!("{TX}/InstrForCdtrAgt[2]/Cd"), "CH17");
    breaks_cbpr(
        "</Ustrd>",
        "</Ustrd><Strd><AddtlRmtInf>x</AddtlRmtInf></Strd>",
        &format!("{TX}/RmtInf/Strd[1]"),
        "RR07",
    );
    breaks_cbpr(
        "<RmtInf>",
        "<RltdRmtInf><RmtId>1</RmtId></RltdRmtInf><RmtInf>",
        &format!("{TX}/RltdRmtInf[1]"),
        "RR07",
    );
    let line = format!("<AddtlRmtInf>{}</AddtlRmtInf>", "x".repeat(140)).repeat(3);
    let long = format!("<Strd>{line}</Strd>").repeat(22);
    breaks_cbpr("<Ustrd>Invoice 7</Ustrd>", &long, &format!("{TX}/RmtInf"), "RR07");
}

#[test]
fn cbpr_statuses_and_orders() {
    let (header, _) = PACS_008.split_once("<Document").unwrap();
    let header = header.replace("pacs.008.001.08", "pacs.002.001.10");
    let report = |inside: &str| {
        format!(
            "{header}<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10\"><FIToFIPmtStsRpt><GrpHdr><MsgId>MSG-1</MsgId><CreDtTm>2026-11-22T10:00:00+00:00</CreDtTm></GrpHdr><TxInfAndSts>{inside}</TxInfAndSts></FIToFIPmtStsRpt></Document></Envelope>"
        )
    };
    let place = |name: &str| format!("/Document/FIToFIPmtStsRpt/TxInfAndSts[1]/{name}");
    let why = "<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC01</Cd></Rsn></StsRsnInf>";
    broken(&report(why), Scheme::CbprPlus, &[]);
    broken(&report("<TxSts>RJCT</TxSts>"), Scheme::CbprPlus, &[(&place("StsRsnInf/Rsn"), "CH21")]);
    let settled = format!("{why}<FctvIntrBkSttlmDt><Dt>2026-11-23</Dt></FctvIntrBkSttlmDt>");
    broken(&report(&settled), Scheme::CbprPlus, &[(&place("FctvIntrBkSttlmDt"), "CH17")]);
    let found = findings(PAIN_001, Scheme::CbprPlus).problems;
    let batches: Vec<_> = found.iter().filter(|p| p.path.ends_with("PmtInfId")).map(|p| (p.scope, p.reason)).collect();
    assert_eq!(batches, [(Scope::Batch(0), "CH16"), (Scope::Batch(1), "CH16")]);
}

#[test]
fn cbpr_parties_agents_addresses_and_characters() {
    let agent = "<CdtrAgt><FinInstnId><BICFI>BNPAFRPPXXX</BICFI>";
    breaks_cbpr(agent, &format!("{agent}<Nm>Bank</Nm>"), &format!("{TX}/CdtrAgt/FinInstnId/PstlAdr"), "RC02");
    breaks_cbpr("<Nm>Anna Debtor</Nm>", "", &format!("{TX}/Dbtr/Nm"), "BE08");
    breaks_cbpr("<Cdtr><Nm>Bruno Creditor</Nm></Cdtr>", "<Cdtr/>", &format!("{TX}/Cdtr/Nm"), "BE22");
    breaks_cbpr("<TwnNm>Frankfurt</TwnNm>", "", &format!("{TX}/Dbtr/PstlAdr/TwnNm"), "BE07");
    breaks_cbpr(
        "<Ctry>DE</Ctry>",
        "<Ctry>DE</Ctry><AdrLine>Hauptstrasse</AdrLine>",
        &format!("{TX}/Dbtr/PstlAdr/AdrLine[1]"),
        "BE07",
    );
    let lines = "<Ctry>DE</Ctry><AdrLine>a</AdrLine><AdrLine>b</AdrLine><AdrLine>c</AdrLine>";
    breaks_cbpr("<Ctry>DE</Ctry>", lines, &format!("{TX}/Dbtr/PstlAdr/AdrLine[3]"), "BE07");
    breaks_cbpr("Anna Debtor", "Änna Debtor", &format!("{TX}/Dbtr/Nm"), "RR10");
    breaks_cbpr("<EndToEndId>E2E-1", "<EndToEndId>E2E#1", &format!("{TX}/PmtId/EndToEndId"), "RR10");
    broken(&with(PACS_008, "Anna Debtor", "Anna & Co; #1".replace('&', "&amp;").as_str()), Scheme::CbprPlus, &[]);
    broken(&with(PACS_008, "Anna Debtor", "Änna Debtor"), Scheme::Iso, &[]);

    let unstructured = "<PstlAdr><AdrLine>Hauptstrasse 1</AdrLine><AdrLine>Frankfurt</AdrLine></PstlAdr>";
    let text = with(
        PACS_008,
        "<PstlAdr><StrtNm>Hauptstrasse</StrtNm><TwnNm>Frankfurt</TwnNm><Ctry>DE</Ctry></PstlAdr>",
        unstructured,
    );
    broken(&text, Scheme::CbprPlus, &[]);
    let strict = Profile { scheme: Scheme::CbprPlus, unstructured_addresses: false, ..Profile::default() };
    assert_eq!(check(&read(&text).unwrap(), &strict).problems[0].path, format!("{TX}/Dbtr/PstlAdr/TwnNm"));
}
