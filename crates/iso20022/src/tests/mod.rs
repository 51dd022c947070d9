//! Tests of the whole crate: bad bytes, wrong structure, rules, the model in both directions, answers.

mod answers;
mod malformed;
mod model;
mod rules;
mod schema;
mod structure;

use crate::{Envelope, Findings, Limits, Profile, Rejection, Scheme, check, parse};

/// A customer's transfer between banks as CBPR+ has it, with nothing wrong.
pub(super) const PACS_008: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="urn:swift:xsd:envelope">
<AppHdr xmlns="urn:iso:std:iso:20022:tech:xsd:head.001.001.02"><Fr><FIId><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></FIId></Fr><To><FIId><FinInstnId><BICFI>BNPAFRPPXXX</BICFI></FinInstnId></FIId></To><BizMsgIdr>MSG-1</BizMsgIdr><MsgDefIdr>pacs.008.001.08</MsgDefIdr><BizSvc>swift.cbprplus.02</BizSvc><CreDt>2026-11-22T10:00:00+00:00</CreDt></AppHdr>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"><FIToFICstmrCdtTrf>
<GrpHdr><MsgId>MSG-1</MsgId><CreDtTm>2026-11-22T10:00:00+00:00</CreDtTm><NbOfTxs>1</NbOfTxs><SttlmInf><SttlmMtd>INDA</SttlmMtd></SttlmInf></GrpHdr>
<CdtTrfTxInf><PmtId><InstrId>INS-1</InstrId><EndToEndId>E2E-1</EndToEndId><UETR>eb6305c9-1f7f-49de-aed0-16487c27b42d</UETR></PmtId>
<IntrBkSttlmAmt Ccy="EUR">1250.75</IntrBkSttlmAmt><IntrBkSttlmDt>2026-11-23</IntrBkSttlmDt><InstdAmt Ccy="EUR">1250.75</InstdAmt><ChrgBr>SHAR</ChrgBr>
<InstgAgt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></InstgAgt><InstdAgt><FinInstnId><BICFI>BNPAFRPPXXX</BICFI></FinInstnId></InstdAgt>
<Dbtr><Nm>Anna Debtor</Nm><PstlAdr><StrtNm>Hauptstrasse</StrtNm><TwnNm>Frankfurt</TwnNm><Ctry>DE</Ctry></PstlAdr></Dbtr><DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></DbtrAgt>
<CdtrAgt><FinInstnId><BICFI>BNPAFRPPXXX</BICFI></FinInstnId></CdtrAgt><Cdtr><Nm>Bruno Creditor</Nm></Cdtr><CdtrAcct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id></CdtrAcct>
<Purp><Cd>SALA</Cd></Purp><RmtInf><Ustrd>Invoice 7</Ustrd></RmtInf></CdtTrfTxInf>
</FIToFICstmrCdtTrf></Document></Envelope>"#;

/// A customer's order of three payments in two batches, with nothing wrong.
pub(super) const PAIN_001: &str = r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"><CstmrCdtTrfInitn>
<GrpHdr><MsgId>ORDER-1</MsgId><CreDtTm>2026-11-22T10:00:00+00:00</CreDtTm><NbOfTxs>3</NbOfTxs><CtrlSum>60.50</CtrlSum><InitgPty><Nm>Firm</Nm></InitgPty></GrpHdr>
<PmtInf><PmtInfId>BATCH-A</PmtInfId><PmtMtd>TRF</PmtMtd><NbOfTxs>2</NbOfTxs><CtrlSum>30.5</CtrlSum><ReqdExctnDt><Dt>2026-11-23</Dt></ReqdExctnDt><Dbtr><Nm>Firm</Nm></Dbtr><DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></DbtrAgt><ChrgBr>SLEV</ChrgBr>
<CdtTrfTxInf><PmtId><EndToEndId>E-1</EndToEndId></PmtId><Amt><InstdAmt Ccy="EUR">10.25</InstdAmt></Amt><CdtrAgt><FinInstnId><BICFI>BNPAFRPPXXX</BICFI></FinInstnId></CdtrAgt><Cdtr><Nm>One</Nm></Cdtr><CdtrAcct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id></CdtrAcct></CdtTrfTxInf>
<CdtTrfTxInf><PmtId><EndToEndId>E-2</EndToEndId></PmtId><Amt><InstdAmt Ccy="EUR">20.25</InstdAmt></Amt><Cdtr><Nm>Two</Nm></Cdtr><CdtrAcct><Id><IBAN>GB29NWBK60161331926819</IBAN></Id></CdtrAcct></CdtTrfTxInf></PmtInf>
<PmtInf><PmtInfId>BATCH-B</PmtInfId><PmtMtd>TRF</PmtMtd><ReqdExctnDt><Dt>2026-11-24</Dt></ReqdExctnDt><Dbtr><Nm>Firm</Nm></Dbtr><DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></DbtrAgt>
<CdtTrfTxInf><PmtId><EndToEndId>E-3</EndToEndId></PmtId><Amt><InstdAmt Ccy="EUR">30.00</InstdAmt></Amt><Cdtr><Nm>Three</Nm></Cdtr><CdtrAcct><Id><IBAN>NL91ABNA0417164300</IBAN></Id></CdtrAcct></CdtTrfTxInf></PmtInf>
</CstmrCdtTrfInitn></Document>"#;

/// A message with one part replaced, which must be there.
pub(super) fn with(message: &str, part: &str, other: &str) -> String {
    assert!(message.contains(part), "{part} is not in the message");
    message.replacen(part, other, 1)
}

pub(super) fn read(text: &str) -> Result<Envelope, Rejection> {
    parse(text.as_bytes(), &Limits::default())
}

/// Places and reason codes of everything that is wrong with the structure of a message.
pub(super) fn faults(text: &str) -> Vec<(String, &'static str)> {
    match read(text) {
        Ok(_) => Vec::new(),
        Err(rejection) => rejection.problems.into_iter().map(|problem| (problem.path, problem.reason)).collect(),
    }
}

/// What the rules say of a message whose structure is right.
pub(super) fn findings(text: &str, scheme: Scheme) -> Findings {
    let envelope = read(text).unwrap();
    check(&envelope, &Profile { scheme, ..Profile::default() })
}

/// Asserts that exactly this is wrong.
pub(super) fn broken(text: &str, scheme: Scheme, expected: &[(&str, &str)]) {
    let found = findings(text, scheme).problems;
    let found: Vec<(&str, &str)> = found.iter().map(|problem| (problem.path.as_str(), problem.reason)).collect();
    assert_eq!(found, expected);
}
