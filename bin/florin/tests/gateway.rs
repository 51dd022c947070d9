//! The gateway against a real ledger: messages over HTTP and as files, and death at every step.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "gateway/bank.rs"]
mod bank;
mod common;

use bank::*;
use common::{Running, florin, signal, wait_for};
use florin_gateway::Faults;
use std::time::Duration;

/// The final answer, as soon as it is there.
fn final_answer(url: &str, message: &str, key: &str) -> Option<String> {
    let told = get(url, &format!("/v1/messages/{message}"), key);
    (told.json()["state"] == "final").then(|| get(url, &format!("/v1/messages/{message}/answer"), key).body)
}

fn notifications(url: &str, key: &str) -> Vec<String> {
    let listed = get(url, "/v1/notifications", key).json();
    let ids = listed["notifications"].as_array().unwrap().iter().map(|told| told["id"].as_str().unwrap().to_owned());
    ids.map(|id| get(url, &format!("/v1/notifications/{id}"), key).body).collect()
}

/// The thin path through all layers, with the real program on both sides.
#[test]
fn a_pacs_008_by_http_is_settled_answered_and_told_to_the_creditor() {
    let ledger = Ledger::start();
    let gateway = Running::start(florin(ledger.configured(None)));
    let url = gateway.text("url");
    let uetr = uetr();
    let message = Transfer::new("MSG-1", &uetr, "1250.75").pacs_008();

    // Nobody without a key, and nothing that is no message.
    assert_eq!(get(&url, "/v1/notifications", "guess").status, 401);
    assert_eq!(get(&url, "/nowhere", KEY_A).status, 404);
    let garbage = http(&url, "POST", "/v1/messages", KEY_A, b"<a>");
    assert_eq!((garbage.status, garbage.json()["code"].as_str()), (422, Some("message.refused")), "{garbage:?}");
    assert_eq!(garbage.json()["errors"][0]["code"], "FF01");

    let paid = try_http(&url, "POST", "/v1/messages", KEY_A, "Prefer: wait=30\r\n", message.as_bytes()).unwrap();
    assert_eq!(paid.status, 202, "{paid:?}");
    assert_eq!(element(&paid.body, "TxSts"), Some("ACSC"), "{}", paid.body);
    assert_eq!(element(&paid.body, "OrgnlUETR"), Some(uetr.as_str()));
    assert_eq!(element(&paid.body, "GrpSts"), Some("ACSC"));

    // The same bytes again: the same answer. Other bytes under the name: refused, and nothing is paid.
    let again = http(&url, "POST", "/v1/messages", KEY_A, message.as_bytes());
    assert_eq!((again.status, &again.body), (200, &paid.body));
    let other = Transfer::new("MSG-1", &bank::uetr(), "1.00").pacs_008();
    let refused = http(&url, "POST", "/v1/messages", KEY_A, other.as_bytes());
    assert_eq!(element(&refused.body, "GrpSts"), Some("RJCT"), "{refused:?}");
    assert!(refused.body.contains("<Cd>DUPL</Cd>") && refused.body.contains("/GrpHdr/MsgId"), "{}", refused.body);
    // A known UETR with another amount, and the same payment in another message.
    let changed = Transfer::new("MSG-2", &uetr, "1250.76").pacs_008();
    let changed = http(&url, "POST", "/v1/messages", KEY_A, changed.as_bytes());
    assert!(changed.body.contains("<Cd>DUPL</Cd>"), "{}", changed.body);
    let resent = Transfer::new("MSG-3", &uetr, "1250.75").pacs_008();
    let resent = try_http(&url, "POST", "/v1/messages", KEY_A, "Prefer: wait=30\r\n", resent.as_bytes()).unwrap();
    assert_eq!(element(&resent.body, "TxSts"), Some("ACSC"), "{}", resent.body);

    // Bank B is told once, with what the debtor's bank said; bank A sees no notification of it.
    let told = wait_for("the camt.054", || Some(notifications(&url, KEY_B)).filter(|told| !told.is_empty()));
    assert_eq!(told.len(), 1);
    for part in [uetr.as_str(), "<CdtDbtInd>CRDT</CdtDbtInd>", "1250.75", IBAN_B, "E-MSG-1", "Invoice 7 &amp; 8"] {
        assert!(told[0].contains(part), "{part}: {}", told[0]);
    }
    assert!(notifications(&url, KEY_A).is_empty());
    let payment = get(&url, &format!("/v1/payments/{uetr}"), KEY_A).json();
    assert_eq!(payment["orders"][0]["status"], "ACSC");
    assert_eq!(payment["orders"][0]["amount"], "1250.75 EUR");
    // What is another's is not found.
    assert_eq!(get(&url, &format!("/v1/messages/{}", paid.message()), KEY_B).status, 404);
    let wrong = Transfer { from: IBAN_A, to: IBAN_B, ..Transfer::new("MSG-9", &uetr, "5.00") }.pacs_008();
    let wrong = http(&url, "POST", "/v1/messages", KEY_B, wrong.as_bytes());
    assert!(wrong.body.contains("<Cd>AC02</Cd>"), "{}", wrong.body);
    assert!(gateway.stop().success());
}

/// Stopped before and after everything that is durable or told to somebody, and begun again on the same database: one payment,
/// one answer, one notification.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_it_dies_a_payment_is_made_once_and_answered_once() {
    let ledger = Ledger::start();
    let mut place = 0;
    loop {
        let location = sqlite(&ledger.at(&format!("gateway-{place}.sqlite")));
        let uetr = uetr();
        let message = Transfer::new("MSG-1", &uetr, "3.00").pacs_008();
        let before = ledger.balance("bank-a", None).await;
        let died = run_until_death(&ledger, &location, message.as_bytes(), place).await;

        // Its sender knows nothing of the death, and sends again.
        let mut opened = ledger.gateway(&location, None, Faults::default()).await;
        let number = opened.gateway.receive("bank-a", message.as_bytes()).await.unwrap().unwrap().to_string();
        let what = format!("the answer after a death at place {place}");
        let answer = opened.until(&what, |url| final_answer(url, &number, KEY_A)).await;
        assert_eq!(element(&answer, "TxSts"), Some("ACSC"), "place {place}: {answer}");
        let told = opened
            .until("the notification", |url| Some(notifications(url, KEY_B)).filter(|told| !told.is_empty()))
            .await;
        assert_eq!(told.len(), 1, "place {place}");
        let state = tokio::task::block_in_place(|| get(&opened.url, &format!("/v1/messages/{number}"), KEY_A).json());
        let purposes: Vec<_> =
            state["answers"].as_array().unwrap().iter().map(|told| told["purpose"].clone()).collect();
        assert_eq!(purposes, ["taken", "final"], "place {place}");
        assert_eq!(ledger.balance("bank-a", None).await, before - 300, "place {place}");
        opened.close().await;
        if !died {
            break;
        }
        place += 1;
    }
    assert!(place >= 16, "only {place} places were passed");
}

/// Whether the gateway died at this place before everything was done.
async fn run_until_death(ledger: &Ledger, location: &florin_history::Location, message: &[u8], place: u64) -> bool {
    let Ok(mut opened) = ledger.try_gateway(location, None, Faults::stop_at(place)).await else { return true };
    let died = async {
        let Ok(number) = opened.gateway.receive("bank-a", message).await else { return true };
        let number = number.unwrap().to_string();
        loop {
            if let Err(error) = opened.gateway.round().await
                && error.is_fatal()
            {
                return true;
            }
            let url = opened.url.clone();
            let over = tokio::task::block_in_place(|| {
                final_answer(&url, &number, KEY_A).is_some() && !notifications(&url, KEY_B).is_empty()
            });
            if over {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    .await;
    opened.close().await;
    died
}

/// A gateway that lost its whole memory pays nothing twice, and says what became of each payment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_database_pays_nothing_twice() {
    let ledger = Ledger::start();
    let uetr = uetr();
    let single = Transfer::new("MSG-1", &uetr, "3.00").pacs_008();
    let batch = pain_001("ORDER-1", &[("1.00".into(), IBAN_B), ("2.00".into(), IBAN_ALMA)]);
    let before = ledger.balance("bank-a", None).await;
    for life in ["first", "second"] {
        let location = sqlite(&ledger.at(&format!("{life}.sqlite")));
        let mut opened = ledger.gateway(&location, None, Faults::default()).await;
        for message in [&single, &batch] {
            let number = opened.gateway.receive("bank-a", message.as_bytes()).await.unwrap().unwrap().to_string();
            let answer = opened.until(life, |url| final_answer(url, &number, KEY_A)).await;
            assert_eq!(element(&answer, "GrpSts"), Some("ACSC"), "{life}: {answer}");
        }
        assert_eq!(ledger.balance("bank-a", None).await, before - 600, "{life}");
        // Another payment under a UETR that only the ledger remembers.
        if life == "second" {
            let other = ledger.at("third.sqlite");
            let mut third = ledger.gateway(&sqlite(&other), None, Faults::default()).await;
            let changed = Transfer::new("MSG-7", &uetr, "4.00").pacs_008();
            let number = third.gateway.receive("bank-a", changed.as_bytes()).await.unwrap().unwrap().to_string();
            let answer = third.until("the refusal", |url| final_answer(url, &number, KEY_A)).await;
            assert!(answer.contains("<Cd>DUPL</Cd>"), "{answer}");
            third.close().await;
        }
        opened.close().await;
    }
}

/// What the ledger refuses is answered with the code of its rule; what the book does not know, at its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_the_code_of_the_rule() {
    let ledger = Ledger::start();
    let mut opened = ledger.gateway(&sqlite(&ledger.at("gateway.sqlite")), None, Faults::default()).await;
    for (id, amount, to, code) in
        [("MSG-1", "99999999999.00", IBAN_B, "AM04"), ("MSG-2", "1.00", "GB29NWBK60161331926819", "SETTLED")]
    {
        let uetr = uetr();
        let message = Transfer { to, ..Transfer::new(id, &uetr, amount) }.pacs_008();
        let number = opened.gateway.receive("bank-a", message.as_bytes()).await.unwrap().unwrap().to_string();
        let answer = opened.until(id, |url| final_answer(url, &number, KEY_A)).await;
        // An account that is not in the book is paid at its bank, which is.
        if code == "SETTLED" {
            assert_eq!(element(&answer, "TxSts"), Some("ACSC"), "{answer}");
            continue;
        }
        assert_eq!(element(&answer, "TxSts"), Some("RJCT"), "{answer}");
        assert!(answer.contains(&format!("<Cd>{code}</Cd>")), "{answer}");
        // Refused once, refused for ever: the same UETR in another message has the same answer.
        let again = Transfer { to, ..Transfer::new("MSG-9", &uetr, amount) }.pacs_008();
        let number = opened.gateway.receive("bank-a", again.as_bytes()).await.unwrap().unwrap().to_string();
        let answer = opened.until(id, |url| final_answer(url, &number, KEY_A)).await;
        assert!(answer.contains(&format!("<Cd>{code}</Cd>")), "{answer}");
    }
    opened.close().await;
}

/// A customer's order of many items: one transaction a part, one pain.002 with a status for each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pain_001_is_paid_in_batches_and_answered_item_by_item() {
    let ledger = Ledger::start();
    let mut opened = ledger.gateway(&sqlite(&ledger.at("gateway.sqlite")), None, Faults::default()).await;
    let before = (ledger.balance("bank-a", None).await, ledger.balance("alma", None).await);
    let mut items: Vec<(String, &str)> = (0..1_600).map(|_| ("0.01".into(), IBAN_ALMA)).collect();
    items[3] = ("1.00".into(), "GB29NWBK60161331926819");
    items[5] = ("1.00".into(), "FR1520041010050500013M02606");
    items[7] = ("99999999999.00".into(), IBAN_ALMA);
    items[1_599] = ("5.00".into(), IBAN_B);
    let order = pain_001("ORDER-1", &items);
    let number = opened.gateway.receive("bank-a", order.as_bytes()).await.unwrap().unwrap().to_string();
    let answer = opened.until("the pain.002", |url| final_answer(url, &number, KEY_A)).await;
    assert!(answer.contains("pain.002.001.10"), "{}", &answer[..300]);
    assert_eq!(element(&answer, "GrpSts"), Some("PART"));
    assert_eq!((count(&answer, "<TxSts>ACSC</TxSts>"), count(&answer, "<TxSts>RJCT</TxSts>")), (1_597, 3));
    // Without a bank in the order, an account that nobody knows is nobody's.
    for (code, path) in [("AC03", "CdtTrfTxInf[4]"), ("AC01", "CdtTrfTxInf[6]/CdtrAcct/Id/IBAN"), ("AM04", "")] {
        assert!(answer.contains(&format!("<Cd>{code}</Cd>")) && answer.contains(path), "{code} {path}");
    }
    let after = (ledger.balance("bank-a", None).await, ledger.balance("alma", None).await);
    assert_eq!((before.0 - after.0, after.1 - before.1), (1_596 + 500, 1_596));
    // Bank B's item is told with what the customer said of it.
    let told =
        opened.until("the camt.054", |url| Some(notifications(url, KEY_B)).filter(|told| !told.is_empty())).await;
    assert!(told[0].contains("Salary 1599") && told[0].contains("E-1599"), "{}", told[0]);
    opened.close().await;
}

/// Cancelling before and after signing, asking, and paying back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exceptions_are_answered_as_the_order_stands() {
    let ledger = Ledger::start();
    let mut opened = ledger.gateway(&sqlite(&ledger.at("gateway.sqlite")), None, Faults::default()).await;
    let before = ledger.balance("bank-a", None).await;
    let tomorrow = day_after_now(2);
    let (held, paid) = (uetr(), uetr());
    let later = Transfer { day: &tomorrow, ..Transfer::new("MSG-1", &held, "7.00") }.pacs_008();
    let now = pacs_009("MSG-2", &paid, "8.00");
    let held_number = opened.gateway.receive("bank-a", later.as_bytes()).await.unwrap().unwrap().to_string();
    let number = opened.gateway.receive("bank-a", now.as_bytes()).await.unwrap().unwrap().to_string();
    let answer = opened.until("the pacs.009", |url| final_answer(url, &number, KEY_A)).await;
    assert_eq!(element(&answer, "TxSts"), Some("ACSC"), "{answer}");

    // What is known is told; of what is not, only that.
    let mut ask = async |tenant: &str, key: &str, message: String| {
        let number = opened.gateway.receive(tenant, message.as_bytes()).await.unwrap().unwrap().to_string();
        opened.until("an answer", |url| final_answer(url, &number, key)).await
    };
    let status = ask("bank-a", KEY_A, pacs_028("ASK-1", &held)).await;
    assert_eq!((element(&status, "TxSts"), element(&status, "StsId")), (Some("PDNG"), Some("S-ASK-1")), "{status}");
    let status = ask("bank-a", KEY_A, pacs_028("ASK-2", &paid)).await;
    assert_eq!(element(&status, "TxSts"), Some("ACSC"), "{status}");
    let status = ask("bank-b", KEY_B, pacs_028("ASK-3", &held)).await;
    assert_eq!(element(&status, "TxSts"), None, "{status}");

    // Before it is signed it is cancelled; after that only the payee brings it back.
    let answer = ask("bank-b", KEY_B, camt_056("CXL-0", &held)).await;
    assert!(answer.contains("<Cd>NOOR</Cd>"), "another's payment is cancelled by nobody: {answer}");
    let answer = ask("bank-a", KEY_A, camt_056("CXL-1", &held)).await;
    assert_eq!((element(&answer, "Conf"), element(&answer, "TxCxlSts")), (Some("CNCL"), Some("ACCR")), "{answer}");
    let answer = ask("bank-a", KEY_A, camt_056("CXL-2", &paid)).await;
    assert_eq!((element(&answer, "Conf"), element(&answer, "TxCxlSts")), (Some("RJCR"), Some("RJCR")), "{answer}");
    assert!(answer.contains("<Cd>PTNA</Cd>"), "{answer}");

    // Back, by its payee alone, once for each return, and no more than was paid.
    let refused = ask("bank-a", KEY_A, pacs_004("RTR-0", &paid, "8.00")).await;
    assert_eq!(element(&refused, "TxSts"), Some("RJCT"), "{refused}");
    let back = ask("bank-b", KEY_B, pacs_004("RTR-1", &paid, "5.00")).await;
    assert_eq!((element(&back, "TxSts"), element(&back, "StsId")), (Some("ACSC"), Some("R-RTR-1")), "{back}");
    let again = ask("bank-b", KEY_B, pacs_004("RTR-1", &paid, "5.00")).await;
    assert_eq!(again, back);
    let more = ask("bank-b", KEY_B, pacs_004("RTR-2", &paid, "4.00")).await;
    assert!(more.contains("<Cd>AM09</Cd>"), "{more}");
    let held_answer = opened.until("the cancelled order", |url| final_answer(url, &held_number, KEY_A)).await;
    assert_eq!(element(&held_answer, "TxSts"), Some("CANC"), "{held_answer}");
    assert_eq!(ledger.balance("bank-a", None).await, before - 300);
    let told = opened.until("the return", |url| Some(notifications(url, KEY_A)).filter(|told| !told.is_empty())).await;
    assert!(told.len() == 1 && told[0].contains("<Cd>AC04</Cd>") && told[0].contains(&paid), "{told:?}");
    opened.close().await;
}

/// A day so many days from now, as messages write it.
fn day_after_now(days: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut date = std::process::Command::new("date");
    let output = date.args(["-u", "+%F", "-d"]).arg(format!("@{}", now + days * 86_400));
    common::text(&output.output().unwrap().stdout).trim().into()
}
