//! What is taken over and what is answered.

use super::{PACS_008, PAIN_001, read, with};
use crate::model::Message;
use crate::{Accepted, Limits, Mark, accept};

fn mark() -> Mark {
    Mark { message_id: "ANSWER-1".into(), created: "2026-11-22T12:00:00+00:00".into() }
}

fn accepted(text: &str) -> Accepted {
    accept(text.as_bytes(), &Limits::default(), None).unwrap()
}

/// The answer as it goes out, read again.
fn written(answer: &Message) -> String {
    let envelope = answer.write(None).unwrap();
    let text = envelope.to_xml();
    assert_eq!(Message::read(&read(&text).unwrap()).unwrap(), *answer);
    text
}

#[test]
fn a_good_payment_is_answered_with_its_status() {
    let accepted = accepted(PACS_008);
    let Message::CustomerTransfers(message) = &accepted.message else { panic!("not transfers") };
    let transfer = &message.transfers[0];
    assert_eq!(transfer.settlement_amount.unwrap().to_string(), "1250.75 EUR");
    assert_eq!(transfer.ids.uetr.as_deref(), Some("eb6305c9-1f7f-49de-aed0-16487c27b42d"));
    assert_eq!(transfer.creditor_account.as_ref().unwrap().number(), Some("FR1420041010050500013M02606"));
    let answer = written(&accepted.answer("ACTC", &mark()).unwrap());
    for part in
        ["<OrgnlMsgId>MSG-1<", "<OrgnlMsgNmId>pacs.008.001.08<", "<GrpSts>ACTC<", "<TxSts>ACTC<", "<OrgnlUETR>eb6305c9"]
    {
        assert!(answer.contains(part), "{answer}");
    }
}

#[test]
fn good_payments_of_a_file_go_on_and_bad_ones_are_answered_one_by_one() {
    let text = with(PAIN_001, "GB29NWBK60161331926819", "GB29NWBK60161331926818");
    let accepted = accepted(&text);
    let Message::Initiation(order) = &accepted.message else { panic!("not an order") };
    let left: Vec<_> = order.batches.iter().map(|batch| batch.transfers.len()).collect();
    assert_eq!(left, [1, 1]);
    assert_eq!(
        order.batches[0].transfers[0].charge_bearer.as_deref(),
        Some("SLEV"),
        "what the batch says is said in each"
    );
    assert_eq!(accepted.refused.keys().collect::<Vec<_>>(), [&1]);
    let answer = written(&accepted.answer("ACCP", &mark()).unwrap());
    assert!(
        answer.contains("<GrpSts>PART</GrpSts>")
            && answer.contains("<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.002.001.10\">")
    );
    let refused = answer.split("<TxInfAndSts>").find(|part| part.contains("E-2")).unwrap();
    assert!(refused.contains("<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC01</Cd></Rsn><AddtlInf>/Document/CstmrCdtTrfInitn/PmtInf[1]/CdtTrfTxInf[2]/CdtrAcct/Id/IBAN</AddtlInf>"), "{refused}");
    assert_eq!(answer.matches("<TxSts>ACCP</TxSts>").count(), 2);
    assert_eq!(answer.matches("<OrgnlPmtInfId>").count(), 2);
}

#[test]
fn a_batch_that_is_wrong_refuses_its_payments() {
    let accepted = accepted(&with(PAIN_001, "<CtrlSum>30.5</CtrlSum>", "<CtrlSum>31</CtrlSum>"));
    assert_eq!(accepted.refused.keys().collect::<Vec<_>>(), [&0, &1]);
    assert!(accepted.refused.values().all(|problems| problems[0].reason == "AM10"));
}

#[test]
fn when_all_items_are_wrong_the_group_is_refused() {
    let accepted = accepted(&with(PACS_008, "DE89370400440532013000", "DE88370400440532013000"));
    let answer = written(&accepted.answer("ACTC", &mark()).unwrap());
    assert!(answer.contains("<GrpSts>RJCT</GrpSts>") && answer.contains("<TxSts>RJCT</TxSts>"));
}

#[test]
fn a_refused_message_is_answered_with_everything_that_is_wrong() {
    for (text, name, parts) in [
        (
            with(PACS_008, "<ChrgBr>SHAR</ChrgBr>", ""),
            "pacs.002.001.10",
            ["<GrpSts>RJCT<", "<Cd>FF01<", "/CdtTrfTxInf[1]/ChrgBr<"],
        ),
        (
            with(PACS_008, "<NbOfTxs>1<", "<NbOfTxs>7<"),
            "pacs.002.001.10",
            ["<GrpSts>RJCT<", "<Cd>AM18<", "/GrpHdr/NbOfTxs<"],
        ),
        (
            with(PAIN_001, "<CtrlSum>60.50<", "<CtrlSum>60.51<"),
            "pain.002.001.10",
            ["<GrpSts>RJCT<", "<Cd>AM10<", "/GrpHdr/CtrlSum<"],
        ),
    ] {
        let rejection = accept(text.as_bytes(), &Limits::default(), None).unwrap_err();
        let answer = written(&rejection.answer(&mark()).unwrap());
        assert!(answer.contains(name), "{answer}");
        for part in parts {
            assert!(answer.contains(part), "{part}: {answer}");
        }
    }
}

#[test]
fn what_cannot_be_named_is_not_answered_by_a_message() {
    for text in ["", "<a/>", "{}", &with(PACS_008, "<MsgId>MSG-1</MsgId>", "")] {
        let rejection = accept(text.as_bytes(), &Limits::default(), None).unwrap_err();
        assert!(rejection.answer(&mark()).is_none());
        assert!(!rejection.to_string().is_empty());
    }
    let request = "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pacs.028.001.03\"><FIToFIPmtStsReq><GrpHdr><MsgId>M</MsgId><CreDtTm>2026-11-22T10:00:00Z</CreDtTm></GrpHdr></FIToFIPmtStsReq></Document>";
    assert!(accepted(request).answer("ACTC", &mark()).is_none());
}

#[test]
fn what_is_wrong_in_the_message_is_not_repeated_as_if_it_were_right() {
    let text = with(PACS_008, "<UETR>eb6305c9", "<UETR>EB6305C9");
    let rejection = accept(text.as_bytes(), &Limits::default(), None).unwrap_err();
    let answer = written(&rejection.answer(&mark()).unwrap());
    assert!(!answer.contains("<OrgnlUETR>") && answer.contains("PmtId/UETR<"), "{answer}");
}

#[test]
fn long_places_and_words_are_divided_into_pieces_that_fit() {
    let text = with(
        PACS_008,
        "<Ustrd>Invoice 7</Ustrd>",
        "<Strd><TaxRmt><Rcrd><Prd><FrToDt><FrDt>2026-99-99</FrDt></FrToDt></Prd></Rcrd></TaxRmt></Strd>",
    );
    let rejection = accept(text.as_bytes(), &Limits::default(), None).unwrap_err();
    let answer = written(&rejection.answer(&mark()).unwrap());
    assert!(answer.contains("<AddtlInf>"));
    assert!(answer.split("<AddtlInf>").skip(1).all(|part| part.split('<').next().unwrap().chars().count() <= 105));
}

#[test]
fn ten_thousand_payments_are_taken_over_and_answered() {
    let item = "<CdtTrfTxInf><PmtId><EndToEndId>E-#</EndToEndId></PmtId><Amt><InstdAmt Ccy=\"EUR\">1.01</InstdAmt></Amt><Cdtr><Nm>Name</Nm></Cdtr><CdtrAcct><Id><IBAN>NL91ABNA0417164300</IBAN></Id></CdtrAcct></CdtTrfTxInf>";
    let items: String = (0..10_000).map(|number| item.replace('#', &number.to_string())).collect();
    let (head, rest) = PAIN_001.split_once("<PmtInf>").unwrap();
    let (batch, _) = rest.split_once("<CdtTrfTxInf>").unwrap();
    let text = format!("{head}<PmtInf>{batch}{items}</PmtInf></CstmrCdtTrfInitn></Document>")
        .replace("<NbOfTxs>3<", "<NbOfTxs>10000<")
        .replace("<NbOfTxs>2<", "<NbOfTxs>10000<")
        .replace("<CtrlSum>60.50<", "<CtrlSum>10100<")
        .replace("<CtrlSum>30.5<", "<CtrlSum>10100.00<");
    let accepted = accepted(&text);
    assert!(accepted.refused.is_empty());
    let answer = written(&accepted.answer("ACCP", &mark()).unwrap());
    assert_eq!(answer.matches("<TxSts>ACCP</TxSts>").count(), 10_000);
}
