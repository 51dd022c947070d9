//! Requests to pay over HTTP, against a real ledger.

use crate::bank::*;
use crate::common::{Running, florin, wait_for};
use crate::new_database;
use crate::rest::{code, get_as, header};
use alloy_primitives::{B256, U256};
use florin_gateway::Faults;
use florin_history::Location;
use florin_modules::{PAYMENT_ADDRESS, payment::IPayment};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bank A asks bank B.
fn asking(amount: &str, reference: &str) -> Value {
    json!({
        "creditor": IBAN_A, "debtor": "BNPAFRPP", "amount": amount, "currency": "EUR", "expires": after_now(3_600),
        "end_to_end_id": reference, "remittance": "Invoice 8", "purpose": "RENT"
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A moment so many seconds from now, as JSON writes it.
fn after_now(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + seconds;
    let output =
        std::process::Command::new("date").args(["-u", "-d", &format!("@{now}"), "+%Y-%m-%dT%H:%M:%SZ"]).output();
    String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
}

fn post(url: &str, path: &str, key: &str, idempotency: &str, body: &Value) -> Http {
    let named = if idempotency.is_empty() { String::new() } else { format!("Idempotency-Key: {idempotency}\r\n") };
    let head = format!("Content-Type: application/json\r\n{named}Prefer: wait=40\r\n");
    try_http(url, "POST", path, key, &head, body.to_string().as_bytes()).unwrap()
}

/// The request as this tenant sees it, when it is in this state.
fn seen(url: &str, key: &str, request: &str, state: &str) -> Option<Value> {
    let answer = get(url, &format!("/v1/requests/{request}"), key);
    (answer.status == 200).then(|| answer.json()).filter(|told| told["state"] == state)
}

fn until_seen(url: &str, key: &str, request: &str, state: &str) -> Value {
    wait_for(&format!("request {request} {state}"), || seen(url, key, request, state))
}

/// Asks, and waits until the ledger has it; its number.
fn ask(url: &str, idempotency: &str, body: &Value) -> String {
    let answer = post(url, "/v1/requests", KEY_A, idempotency, body);
    assert_eq!(answer.status, 201, "{answer:?}");
    let request = answer.json()["request"].as_str().unwrap().to_owned();
    assert_eq!(header(&answer, "location"), Some(format!("/v1/requests/{request}").as_str()));
    until_seen(url, KEY_A, &request, "open");
    request
}

#[test]
fn a_request_is_asked_once_and_accepted_refused_or_withdrawn() {
    let ledger = Ledger::start();
    let arguments = ledger.configured(None);
    let gateway = Running::start(florin(arguments.iter()));
    let url = gateway.text("url");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let before = runtime.block_on(ledger.balance("bank-a", None));

    // Asked, and again, and with another body: one request, seen from both sides, and no payment.
    let body = asking("250.00", "INVOICE-8");
    let request = ask(&url, "one", &body);
    let again = post(&url, "/v1/requests", KEY_A, "one", &body);
    assert_eq!((again.status, &again.json()["request"]), (200, &json!(request)), "{again:?}");
    let other = post(&url, "/v1/requests", KEY_A, "one", &asking("251.00", "INVOICE-8"));
    assert_eq!((other.status, code(&other).as_str()), (422, "idempotency.reused"));
    let told = until_seen(&url, KEY_B, &request, "open");
    assert_eq!((&told["direction"], &told["amount"]), (&json!("incoming"), &json!("250.00")), "{told}");
    assert_eq!((&told["creditor"]["number"], &told["debtor"]["number"]), (&json!(IBAN_A), &json!(IBAN_B)));
    assert_eq!((&told["end_to_end_id"], &told["remittance"]), (&json!("INVOICE-8"), &json!("Invoice 8")));
    assert_eq!(told["orders"], json!([]), "what bank A ordered is bank A's");
    for key in [KEY_A, KEY_B] {
        assert_eq!(get(&url, "/v1/payments", key).json()["payments"], json!([]));
    }
    only_parties_answer(&url, &request);

    // Accepted: one payment of exactly that, and never another one.
    let accept = format!("/v1/requests/{request}/accept");
    let paid = post(&url, &accept, KEY_B, "pay-1", &json!({}));
    assert_eq!((paid.status, &paid.json()["orders"][0]["status"]), (201, &json!("ACSC")), "{paid:?}");
    let uetr = paid.json()["uetr"].as_str().unwrap().to_owned();
    assert_eq!(header(&paid, "location"), Some(format!("/v1/payments/{uetr}").as_str()));
    let again = post(&url, &accept, KEY_B, "pay-1", &json!({}));
    assert_eq!((again.status, &again.json()["orders"]), (200, &paid.json()["orders"]), "{again:?}");
    for key in [KEY_A, KEY_B] {
        let told = until_seen(&url, key, &request, "accepted");
        assert_eq!(told["uetr"], uetr, "{told}");
    }
    let twice = post(&url, &accept, KEY_B, "pay-2", &json!({}));
    assert_eq!((twice.status, code(&twice).as_str()), (409, "request.over"), "{twice:?}");
    assert_eq!(runtime.block_on(ledger.balance("bank-a", None)), before + 25_000);
    let listed = get(&url, "/v1/payments", KEY_B).json();
    assert_eq!((&listed["payments"][0]["uetr"], &listed["payments"][1]), (&json!(uetr), &Value::Null), "{listed}");
    let credited = get(&url, "/v1/payments?direction=incoming&end_to_end_id=INVOICE-8", KEY_A).json();
    assert_eq!(credited["payments"][0]["uetr"], uetr, "the credit has the creditor's own reference: {credited}");
    let journey = get(&url, &format!("/v1/payments/{uetr}/journey"), KEY_B);
    assert_eq!(journey.status, 200, "{journey:?}");

    // Refused, and withdrawn; each once, whatever is said again. A UETR that paid one request pays no other.
    let refused = ask(&url, "two", &body);
    let reused = post(&url, &format!("/v1/requests/{refused}/accept"), KEY_B, "", &json!({ "uetr": uetr }));
    assert_eq!((reused.status, &reused.json()["errors"][0]["code"]), (422, &json!("DUPL")), "{reused:?}");
    let refuse = format!("/v1/requests/{refused}/refuse");
    let unknown = post(&url, &refuse, KEY_B, "", &json!({ "code": "XX99" }));
    assert_eq!((unknown.status, code(&unknown).as_str()), (422, "request.invalid"), "{unknown:?}");
    for _ in 0..2 {
        assert_eq!(post(&url, &refuse, KEY_B, "", &json!({ "code": "AM09" })).status, 200);
    }
    let told = until_seen(&url, KEY_A, &refused, "refused");
    assert_eq!(told["reason"]["code"], "AM09", "{told}");
    let withdrawn = ask(&url, "three", &body);
    assert_eq!(post(&url, &format!("/v1/requests/{withdrawn}/withdraw"), KEY_A, "", &json!({})).status, 200);
    until_seen(&url, KEY_B, &withdrawn, "withdrawn");
    for over in [&refused, &withdrawn] {
        let late = post(&url, &format!("/v1/requests/{over}/accept"), KEY_B, &format!("over-{over}"), &json!({}));
        assert_eq!((late.status, code(&late).as_str()), (409, "request.over"), "{late:?}");
    }

    // What the ledger refuses to pay is refused, and the request stays open; it expires.
    let mut too_much = as_map(&asking("99999999999.00", "TOO-MUCH"));
    too_much.insert("expires".into(), json!(after_now(6)));
    let large = ask(&url, "large", &Value::Object(too_much));
    let unpaid = post(&url, &format!("/v1/requests/{large}/accept"), KEY_B, "large", &json!({}));
    assert_eq!((unpaid.status, code(&unpaid).as_str()), (422, "payment.refused"), "{unpaid:?}");
    assert_eq!(unpaid.json()["errors"][0]["code"], "AM04", "{unpaid:?}");
    until_seen(&url, KEY_B, &large, "late");
    let late = post(&url, &format!("/v1/requests/{large}/refuse"), KEY_B, "", &json!({ "code": "AM09" }));
    assert_eq!((late.status, code(&late).as_str()), (409, "request.over"), "{late:?}");

    found_in_lists_and_events(&url, [&request, &refused, &withdrawn, &large].map(String::as_str));
    assert_eq!(runtime.block_on(ledger.balance("bank-a", None)), before + 25_000);
    assert!(gateway.stop().success());
}

fn as_map(value: &Value) -> serde_json::Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Who asks cannot accept, who is asked cannot withdraw, and there is nothing under other numbers.
fn only_parties_answer(url: &str, request: &str) {
    for (key, act, body) in
        [(KEY_A, "accept", json!({})), (KEY_A, "refuse", json!({ "code": "AM09" })), (KEY_B, "withdraw", json!({}))]
    {
        let refused = post(url, &format!("/v1/requests/{request}/{act}"), key, &format!("foreign-{act}"), &body);
        assert_eq!((refused.status, code(&refused).as_str()), (403, "request.party"), "{act}: {refused:?}");
        for number in ["0", "x", "eb6305c9-1f7f-49de-aed0-16487c27b42d"] {
            let nobody = post(url, &format!("/v1/requests/{number}/{act}"), key, &format!("none-{act}"), &body);
            assert_eq!((nobody.status, code(&nobody).as_str()), (404, "request.unknown"), "{act}: {nobody:?}");
        }
    }
    let nameless = post(url, &format!("/v1/requests/{request}/accept"), KEY_B, "", &json!({}));
    assert_eq!((nameless.status, code(&nameless).as_str()), (400, "idempotency.missing"));
    let wrong = post(url, &format!("/v1/requests/{request}/accept"), KEY_B, "", &json!({ "uetr": "1" }));
    assert_eq!((wrong.status, wrong.json()["errors"][0]["path"].as_str()), (422, Some("/uetr")), "{wrong:?}");
}

fn found_in_lists_and_events(url: &str, [accepted, refused, withdrawn, late]: [&str; 4]) {
    let numbers = |key: &str, query: &str| -> Vec<String> {
        let listed = get(url, &format!("/v1/requests{query}"), key).json();
        listed["requests"].as_array().unwrap().iter().map(|told| text(&told["request"])).collect()
    };
    let all = [late, withdrawn, refused, accepted].map(String::from).to_vec();
    assert_eq!((numbers(KEY_A, ""), numbers(KEY_B, "?direction=incoming")), (all.clone(), all));
    assert_eq!((numbers(KEY_A, "?direction=incoming"), numbers(KEY_B, "?state=open")), (vec![], vec![]));
    assert_eq!(
        (numbers(KEY_A, "?state=accepted"), numbers(KEY_B, "?state=late")),
        (vec![accepted.to_owned()], vec![late.to_owned()])
    );
    // The first of them has number 1, which is the cursor of the page before it.
    assert_eq!((numbers(KEY_B, "?before=2"), numbers(KEY_B, "?before=1")), (vec![accepted.to_owned()], vec![]));
    for wrong in ["?state=gone", "?direction=up", "?before=-1", "?before=9223372036854775808", "?after=1"] {
        assert_eq!(code(&get(url, &format!("/v1/requests{wrong}"), KEY_A)), "parameter", "{wrong}");
    }
    let told = |key: &str| -> Vec<(String, String)> {
        let events = get_as(url, "/v1/events", key, "Accept: application/json\r\n").json();
        let events = events["events"].as_array().unwrap().iter();
        let about = events.filter(|event| event["type"].as_str().unwrap().starts_with("request."));
        about.map(|event| (text(&event["type"]), text(&event["request"]["request"]))).collect()
    };
    let of_both = [
        ("request.open", accepted),
        ("request.accepted", accepted),
        ("request.open", refused),
        ("request.refused", refused),
        ("request.open", withdrawn),
        ("request.withdrawn", withdrawn),
        ("request.open", late),
    ]
    .map(|(kind, request)| (kind.to_owned(), request.to_owned()));
    assert_eq!(told(KEY_B), of_both);
    let (ordered, others): (Vec<_>, Vec<_>) = told(KEY_A).into_iter().partition(|(kind, _)| kind == "request.ordered");
    assert_eq!((ordered.len(), others.as_slice()), (4, of_both.as_slice()));
}

/// Anybody on the ledger may ask; who is not in the book is not paid, and may be refused.
#[test]
fn who_is_not_known_here_asks_in_vain() {
    let ledger = Ledger::start();
    let arguments = ledger.configured(None);
    let gateway = Running::start(florin(arguments.iter()));
    let url = gateway.text("url");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let before = runtime.block_on(ledger.balance("bank-b", None));
    let expires = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(3_600);
    let asked = IPayment::requestPaymentCall {
        token: ledger.token(),
        debtor: ledger.address("bank-b"),
        amount: U256::from(100),
        expiryMs: u64::try_from(expires.as_millis()).unwrap(),
        creditorAgent: Default::default(),
        endToEnd: B256::ZERO,
        purpose: Default::default(),
        remittance: B256::ZERO,
        requestReference: B256::repeat_byte(7),
    };
    runtime.block_on(ledger.act("bruno", PAYMENT_ADDRESS, asked));
    let told = wait_for("the request", || {
        let listed = get(&url, "/v1/requests?direction=incoming&state=open", KEY_B).json();
        listed["requests"].get(0).cloned()
    });
    assert_eq!((&told["creditor"]["number"], &told["end_to_end_id"]), (&Value::Null, &Value::Null), "{told}");
    let request = text(&told["request"]);
    let unpaid = post(&url, &format!("/v1/requests/{request}/accept"), KEY_B, "one", &json!({}));
    assert_eq!((unpaid.status, code(&unpaid).as_str()), (422, "payment.refused"), "{unpaid:?}");
    assert_eq!(unpaid.json()["errors"][0]["code"], "AC03", "{unpaid:?}");
    assert_eq!(
        post(&url, &format!("/v1/requests/{request}/refuse"), KEY_B, "", &json!({ "code": "AC03" })).status,
        200
    );
    until_seen(&url, KEY_B, &request, "refused");
    assert_eq!(get(&url, &format!("/v1/requests/{request}"), KEY_A).status, 404, "it is nobody's at bank A");
    assert_eq!(runtime.block_on(ledger.balance("bank-b", None)), before);
    assert!(gateway.stop().success());
}

/// Every field that is wrong is named, nothing is stored, and the same key may be used for what was mended.
#[test]
fn what_cannot_be_asked_is_refused_with_its_fields() {
    let ledger = Ledger::start();
    let arguments = ledger.configured(None);
    let gateway = Running::start(florin(arguments.iter()));
    let url = gateway.text("url");
    let with = |field: &str, value: Value| {
        let mut body = as_map(&asking("1.00", "R-1"));
        body.insert(field.into(), value);
        Value::Object(body)
    };
    for (body, path) in [
        (with("creditor", json!(IBAN_B)), "/creditor"),
        (with("creditor", json!("")), "/creditor"),
        (with("debtor", json!("DE00000000000000000000")), "/debtor"),
        (with("debtor", json!(IBAN_A)), "/debtor"),
        (with("amount", json!("0")), "/amount"),
        (with("amount", json!("1.001")), "/amount"),
        (with("amount", json!("-1")), "/amount"),
        (with("amount", json!(1)), "/amount"),
        (with("currency", json!("USD")), "/currency"),
        (with("expires", json!(after_now(367 * 86_400))), "/expires"),
        (with("expires", json!("2020-01-01")), "/expires"),
        (with("expires", json!("soon")), "/expires"),
        (with("purpose", json!("rent")), "/purpose"),
        (with("remittance", json!("a\u{0}b")), "/remittance"),
        (with("more", json!(1)), "/more"),
        (json!([]), ""),
    ] {
        let refused = post(&url, "/v1/requests", KEY_A, "one", &body);
        assert_eq!((refused.status, code(&refused).as_str()), (422, "request.invalid"), "{body} {refused:?}");
        let paths: Vec<Value> =
            refused.json()["errors"].as_array().unwrap().iter().map(|flaw| flaw["path"].clone()).collect();
        assert!(paths.contains(&json!(path)), "{path}: {paths:?}");
    }
    let no_key = post(&url, "/v1/requests", KEY_A, "", &asking("1.00", "R-1"));
    assert_eq!((no_key.status, code(&no_key).as_str()), (400, "idempotency.missing"));
    let no_json = try_http(&url, "POST", "/v1/requests", KEY_A, "Idempotency-Key: one\r\n", b"{}").unwrap();
    assert_eq!((no_json.status, code(&no_json).as_str()), (415, "body.kind"));
    assert_eq!(get(&url, "/v1/requests", KEY_A).json()["requests"], json!([]));
    ask(&url, "one", &asking("1.00", "R-1"));
    assert!(gateway.stop().success());
}

/// What both sides do, as often as they have to: bank A asks, bank B accepts. The payment, when all is done.
fn ask_and_accept(url: &str, name: &str) -> Option<Value> {
    let send = |path: &str, key: &str, body: &Value| {
        let head = format!("Content-Type: application/json\r\nIdempotency-Key: {name}\r\n");
        try_http(url, "POST", path, key, &head, body.to_string().as_bytes())
    };
    let mut body = as_map(&asking("2.00", "R-1"));
    // The same at every try.
    body.insert("expires".into(), json!(&after_now(86_400)[..10]));
    let asked = send("/v1/requests", KEY_A, &Value::Object(body)).filter(|answer| answer.status < 300)?.json();
    let request = asked["request"].as_str()?;
    if seen(url, KEY_B, request, "open").is_some() {
        send(&format!("/v1/requests/{request}/accept"), KEY_B, &json!({}))?;
    }
    let told = seen(url, KEY_A, request, "accepted")?;
    let payment = get(url, &format!("/v1/payments/{}", told["uetr"].as_str()?), KEY_B).json();
    (payment["orders"][0]["status"] == "ACSC").then_some(payment)
}

/// Stopped before and after everything that is durable or told to somebody, and begun again on the same database, with both sides
/// sending again: one request, one payment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_it_dies_a_request_is_made_once_and_paid_once() {
    let ledger = Ledger::start();
    die_everywhere(&ledger, |number| sqlite(&ledger.at(&format!("gateway-{number}.sqlite")))).await;
}

/// The same on a real PostgreSQL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_too_a_request_is_made_once_and_paid_once() {
    let ledger = Ledger::start();
    die_everywhere(&ledger, |number| new_database(&format!("requests_{number}"))).await;
}

async fn die_everywhere(ledger: &Ledger, location: impl Fn(u64) -> Location) {
    for number in 0.. {
        let location = location(number);
        let (before, asked) = (ledger.balance("bank-a", None).await, requests_on_ledger(ledger).await);
        let name = format!("place-{number}");
        let (mut died, faults) = (true, Faults::stop_at(number));
        if let Ok(mut opened) = ledger.try_gateway(&location, None, faults.clone()).await {
            loop {
                let has_stopped = opened.gateway.round().await.is_err_and(|error| error.is_fatal());
                // It may stop in a call, too.
                if has_stopped || faults.passed() > number {
                    break;
                }
                let url = opened.url.clone();
                if tokio::task::block_in_place(|| ask_and_accept(&url, &name)).is_some() {
                    died = false;
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            opened.close().await;
        }
        let mut opened = ledger.gateway(&location, None, Faults::default()).await;
        let what = format!("the payment after a death at place {number}");
        opened.until(&what, |url| ask_and_accept(url, &name)).await;
        assert_eq!(ledger.balance("bank-a", None).await, before + 200, "place {number}");
        assert_eq!(requests_on_ledger(ledger).await, asked + 1, "place {number}");
        opened.close().await;
        if !died {
            assert!(number >= 20, "only {number} places were passed");
            return;
        }
    }
}

/// How many requests the ledger ever had.
async fn requests_on_ledger(ledger: &Ledger) -> usize {
    use alloy_sol_types::SolEvent as _;
    let topics = [IPayment::RequestMade::SIGNATURE_HASH];
    let filter = json!([{ "fromBlock": "0x0", "address": PAYMENT_ADDRESS, "topics": topics }]);
    let found: Vec<Value> = ledger.rpc().call("eth_getLogs", filter).await.unwrap();
    found.len()
}

/// A gateway that lost its whole memory makes no second request when it is told the same again, and says what became of the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_database_asks_nobody_twice() {
    let ledger = Ledger::start();
    let before = ledger.balance("bank-a", None).await;
    let body = Value::Object({
        let mut body = as_map(&asking("2.00", "R-1"));
        body.insert("expires".into(), json!(&after_now(86_400)[..10]));
        body
    });
    let mut numbers = Vec::new();
    for (life, state) in [("first", "open"), ("second", "open"), ("third", "accepted")] {
        let mut opened = ledger.gateway(&sqlite(&ledger.at(&format!("{life}.sqlite"))), None, Faults::default()).await;
        let told = opened
            .until(life, |url| {
                let head = "Content-Type: application/json\r\nIdempotency-Key: one\r\n";
                let asked = try_http(url, "POST", "/v1/requests", KEY_A, head, body.to_string().as_bytes())?;
                seen(url, KEY_A, asked.json()["request"].as_str()?, state)
            })
            .await;
        assert_eq!(told["uetr"].is_string(), state == "accepted", "{told}");
        numbers.push(told["ledger_number"].as_u64().unwrap());
        let request = text(&told["request"]);
        if life == "second" {
            let accept = format!("/v1/requests/{request}/accept");
            opened
                .until("the payment", |url| {
                    let head = "Content-Type: application/json\r\nIdempotency-Key: one\r\n";
                    try_http(url, "POST", &accept, KEY_B, head, b"{}")?;
                    seen(url, KEY_B, &request, "accepted")
                })
                .await;
        }
        // Another request under a key that only the ledger remembers.
        if life == "third" {
            let mut fourth = ledger.gateway(&sqlite(&ledger.at("fourth.sqlite")), None, Faults::default()).await;
            let mut other = as_map(&body);
            other.insert("amount".into(), json!("3.00"));
            let failed = fourth
                .until("the refusal", |url| {
                    let head = "Content-Type: application/json\r\nIdempotency-Key: one\r\n";
                    let content = Value::Object(other.clone()).to_string();
                    let asked = try_http(url, "POST", "/v1/requests", KEY_A, head, content.as_bytes())?;
                    seen(url, KEY_A, asked.json()["request"].as_str()?, "failed")
                })
                .await;
            assert_eq!(failed["reason"]["code"], "DUPL", "{failed}");
            let told = |url: &str| {
                let listed = get(url, "/v1/requests?state=failed", KEY_A).json();
                let events = get_as(url, "/v1/events", KEY_A, "Accept: application/json\r\n").json();
                let last = events["events"].as_array()?.last()?.clone();
                Some((
                    listed["requests"].as_array()?.len(),
                    text(&last["type"]),
                    last["request"]["reason"]["code"].clone(),
                ))
            };
            let told = fourth.until("the event", told).await;
            assert_eq!(told, (1, "request.failed".into(), json!("DUPL")));
            fourth.close().await;
        }
        opened.close().await;
    }
    assert_eq!(numbers, [numbers[0]; 3]);
    assert_eq!(requests_on_ledger(&ledger).await, 1);
    assert_eq!(ledger.balance("bank-a", None).await, before + 200);
}
