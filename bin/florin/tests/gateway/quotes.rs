//! Quotes of foreign exchange over HTTP, against a real ledger.

use crate::bank::*;
use crate::common::{Running, florin, wait_for};
use crate::new_database;
use crate::rest::{code, get_as, header};
use alloy_primitives::B256;
use florin_gateway::{
    Controls, Faults,
    access::{Role, Tenant},
};
use florin_history::Location;
use florin_modules::{EXCHANGE_ADDRESS, fx::IExchange};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment so many seconds from now, as JSON writes it.
fn after_now(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + seconds;
    let output =
        std::process::Command::new("date").args(["-u", "-d", &format!("@{now}"), "+%Y-%m-%dT%H:%M:%SZ"]).output();
    String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
}

/// Bank B sells dollars.
fn price(dollars: &str) -> Value {
    json!({
        "provider": "BNPAFRPP", "sell": "EUR", "sell_amount": "1000.00", "buy": "USD", "buy_amount": dollars, "side": "send",
        "least": "10.00", "fee": "1.50", "expires": after_now(3_600)
    })
}

/// Bank A pays alma.
fn taking(amount: &str, sent: &str, received: &str) -> Value {
    json!({
        "payer": IBAN_A, "creditor": { "name": "Alma", "number": IBAN_ALMA, "bic": "BNPAFRPPXXX" }, "amount": amount,
        "sent_max": sent, "received_min": received, "end_to_end_id": "INVOICE-9", "remittance": "Invoice 9"
    })
}

fn with(body: &Value, field: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[field] = value;
    body
}

fn post(url: &str, path: &str, key: &str, idempotency: &str, body: &Value) -> Http {
    let named = if idempotency.is_empty() { String::new() } else { format!("Idempotency-Key: {idempotency}\r\n") };
    let head = format!("Content-Type: application/json\r\n{named}Prefer: wait=40\r\n");
    try_http(url, "POST", path, key, &head, body.to_string().as_bytes()).unwrap()
}

fn seen(url: &str, key: &str, quote: &str, state: &str) -> Option<Value> {
    let answer = get(url, &format!("/v1/quotes/{quote}"), key);
    (answer.status == 200).then(|| answer.json()).filter(|told| told["state"] == state)
}

fn until_seen(url: &str, key: &str, quote: &str, state: &str) -> Value {
    wait_for(&format!("quote {quote} {state}"), || seen(url, key, quote, state))
}

/// Makes a quote, and waits until both banks see that the ledger has it; its name.
fn make(url: &str, idempotency: &str, body: &Value) -> String {
    let answer = post(url, "/v1/quotes", KEY_B, idempotency, body);
    assert_eq!(answer.status, 201, "{answer:?}");
    let quote = answer.json()["quote"].as_str().unwrap().to_owned();
    assert_eq!(header(&answer, "location"), Some(format!("/v1/quotes/{quote}").as_str()));
    for key in [KEY_A, KEY_B] {
        until_seen(url, key, &quote, "open");
    }
    quote
}

fn listed(url: &str, key: &str, query: &str) -> Vec<String> {
    let answer = get(url, &format!("/v1/quotes{query}"), key);
    let told = answer.json();
    let quotes = told["quotes"].as_array().unwrap_or_else(|| panic!("{query}: {answer:?}"));
    quotes.iter().map(|told| told["quote"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quote_is_made_once_found_and_taken_by_one_payment() {
    let ledger = Ledger::start_with_dollars().await;
    let arguments = ledger.configured(None);
    let before = (ledger.balance("bank-a", None).await, ledger.balance("bank-b", None).await);
    let quote = tokio::task::block_in_place(|| {
        let gateway = Running::start(florin(arguments.iter()));
        let url = gateway.text("url");
        let quote = made_and_found(&url);
        let uetr = taken(&url, &quote);
        told_to_each(&url, &quote, &uetr);
        assert!(gateway.stop().success());
        quote
    });
    assert!(!quote.is_empty());
    let after = (ledger.balance("bank-a", None).await, ledger.balance("bank-b", None).await);
    assert_eq!(after, (before.0 - 10_150, before.1 + 10_150));
    assert_eq!((ledger.dollars("alma").await, ledger.dollars("bank-b").await), (10_000, 200_000_000 - 10_855));
    assert_eq!(ledger.dollars("bank-a").await, 855);
}

/// Made, and again, and with another body: one quote, which both see; the best one first.
fn made_and_found(url: &str) -> String {
    let body = price("1085.55");
    let quote = make(url, "one", &body);
    let again = post(url, "/v1/quotes", KEY_B, "one", &body);
    assert_eq!((again.status, &again.json()["quote"]), (200, &json!(quote)), "{again:?}");
    let other = post(url, "/v1/quotes", KEY_B, "one", &price("1085.56"));
    assert_eq!((other.status, code(&other).as_str()), (422, "idempotency.reused"));
    let told = get(url, &format!("/v1/quotes/{quote}"), KEY_A).json();
    assert_eq!((&told["direction"], &told["sell"], &told["buy"]), (&json!("incoming"), &json!("EUR"), &json!("USD")));
    assert_eq!((&told["rate"], &told["least"], &told["fee"]), (&json!("1.08555"), &json!("10.00"), &json!("1.50")));
    assert_eq!(told["cost"], json!({ "sent": "1001.50", "received": "1085.55", "rate": "1.08392411" }), "{told}");
    assert_eq!((&told["provider"]["bic"], &told["orders"]), (&json!("BNPAFRPPXXX"), &json!([])), "{told}");
    assert_eq!(told["provider"]["number"], Value::Null, "other tenants' numbers are not told: {told}");

    let worse = make(url, "worse", &price("1080.00"));
    let whole = make(url, "whole", &with(&price("1090.00"), "least", Value::Null));
    let alone = make(url, "alone", &with(&price("1091.00"), "taker", json!(IBAN_A)));
    let receive = make(url, "receive", &with(&price("1092.00"), "side", json!("receive")));
    let asked = "?sell=EUR&buy=USD&side=send&amount=";
    assert_eq!(listed(url, KEY_A, &format!("{asked}100")), [&alone[..], &quote, &worse]);
    assert_eq!(listed(url, KEY_A, &format!("{asked}1000.00")), [&alone[..], &whole, &quote, &worse]);
    assert_eq!(listed(url, KEY_A, "?sell=EUR&buy=USD&side=receive&amount=20"), [&receive[..]]);
    assert_eq!(listed(url, KEY_A, &format!("{asked}9.99")), [""; 0]);
    assert_eq!(listed(url, KEY_B, &format!("{asked}100")), [""; 0], "nobody takes its own");
    assert_eq!(listed(url, KEY_A, "?sell=USD&buy=EUR&side=send&amount=100"), [""; 0]);
    let costs = get(url, &format!("/v1/quotes{asked}100"), KEY_A).json();
    assert_eq!(costs["quotes"][1]["cost"], json!({ "sent": "101.50", "received": "108.55", "rate": "1.06945812" }));
    assert_eq!(listed(url, KEY_B, "?direction=outgoing&state=open"), [&receive[..], &alone, &whole, &worse, &quote]);
    assert_eq!(listed(url, KEY_A, "?direction=outgoing"), [""; 0]);
    for wrong in [
        "?state=gone",
        "?direction=up",
        "?sell=CHF",
        "?before=-1",
        "?amount=1",
        "?side=send",
        "?sell=EUR&buy=USD&side=up&amount=1",
        "?sell=EUR&buy=USD&side=send&amount=1.001",
        "?sell=EUR&buy=USD&side=send&amount=1&state=open",
        "?more=1",
    ] {
        assert_eq!(code(&get(url, &format!("/v1/quotes{wrong}"), KEY_A)), "parameter", "{wrong}");
    }

    // Withdrawn once, whatever is said again, and by its provider alone.
    let withdraw = format!("/v1/quotes/{worse}/withdraw");
    let foreign = post(url, &withdraw, KEY_A, "", &json!({}));
    assert_eq!((foreign.status, code(&foreign).as_str()), (403, "quote.party"), "{foreign:?}");
    for _ in 0..2 {
        assert_eq!(post(url, &withdraw, KEY_B, "", &json!({})).status, 200);
    }
    until_seen(url, KEY_A, &worse, "withdrawn");
    let late = post(url, &format!("/v1/quotes/{worse}/take"), KEY_A, "late", &taking("100", "200", "1"));
    assert_eq!((late.status, code(&late).as_str()), (409, "quote.over"), "{late:?}");
    quote
}

/// Taken by one payment, with nothing worse than what was seen; its UETR.
fn taken(url: &str, quote: &str) -> String {
    let take = format!("/v1/quotes/{quote}/take");
    let good = taking("100", "101.50", "108.55");
    for (body, key, path) in [
        (with(&good, "sent_max", json!("101.49")), KEY_A, "/sent_max"),
        (with(&good, "received_min", json!("108.56")), KEY_A, "/received_min"),
        (with(&good, "amount", json!("9.99")), KEY_A, "/amount"),
        (with(&good, "amount", json!(9)), KEY_A, "/amount"),
        (with(&good, "payer", json!(IBAN_B)), KEY_A, "/payer"),
        (with(&good, "payer", json!(IBAN_B)), KEY_B, "/payer"),
        (with(&good, "creditor", json!({ "name": "B", "number": IBAN_B })), KEY_A, "/creditor/number"),
        (with(&good, "creditor", json!({ "name": "Alma", "number": IBAN_ALMA })), KEY_A, "/creditor/bic"),
        (with(&good, "uetr", json!("1")), KEY_A, "/uetr"),
        (with(&good, "more", json!(1)), KEY_A, "/more"),
    ] {
        let refused = post(url, &take, key, "pay", &body);
        assert_eq!((refused.status, code(&refused).as_str()), (422, "quote.invalid"), "{path}: {refused:?}");
        assert_eq!(refused.json()["errors"][0]["path"], path, "{refused:?}");
    }
    for unknown in ["0", "eb6305c9-1f7f-49de-aed0-16487c27b42d"] {
        let nobody = post(url, &format!("/v1/quotes/{unknown}/take"), KEY_A, "pay", &good);
        assert_eq!((nobody.status, code(&nobody).as_str()), (404, "quote.unknown"), "{nobody:?}");
    }
    let nameless = post(url, &take, KEY_A, "", &good);
    assert_eq!((nameless.status, code(&nameless).as_str()), (400, "idempotency.missing"));

    let paid = post(url, &take, KEY_A, "pay", &good);
    assert_eq!((paid.status, &paid.json()["orders"][0]["status"]), (201, &json!("ACSC")), "{paid:?}");
    let order = &paid.json()["orders"][0];
    assert_eq!(
        (&order["kind"], &order["amount"], &order["currency"]),
        (&json!("exchange"), &json!("101.50"), &json!("EUR"))
    );
    assert_eq!((&order["exchange"]["received"], &order["exchange"]["currency"]), (&json!("108.55"), &json!("USD")));
    let uetr = paid.json()["uetr"].as_str().unwrap().to_owned();
    let again = post(url, &take, KEY_A, "pay", &good);
    assert_eq!((again.status, &again.json()["orders"]), (200, &paid.json()["orders"]), "{again:?}");
    for key in [KEY_A, KEY_B] {
        assert_eq!(until_seen(url, key, quote, "taken")["uetr"], uetr);
    }
    let twice = post(url, &take, KEY_A, "pay-2", &good);
    assert_eq!((twice.status, code(&twice).as_str()), (409, "quote.over"), "{twice:?}");
    // Its UETR pays nothing else.
    let others = listed(url, KEY_A, "?sell=EUR&buy=USD&side=send&amount=100");
    let reused = with(&taking("100", "200", "1"), "uetr", json!(uetr));
    let reused = post(url, &format!("/v1/quotes/{}/take", others[0]), KEY_A, "", &reused);
    assert_eq!((reused.status, &reused.json()["errors"][0]["code"]), (422, &json!("DUPL")), "{reused:?}");
    uetr
}

/// Debits, credits, lists, statements and events say what happened; the provider reads no names.
fn told_to_each(url: &str, quote: &str, uetr: &str) {
    let entries = |key: &str| {
        let told = get(url, &format!("/v1/payments/{uetr}"), key).json();
        let entries = told["entries"].as_array().unwrap().iter();
        entries
            .map(|entry| {
                (
                    entry["side"].clone(),
                    entry["amount"].clone(),
                    entry["currency"].clone(),
                    entry["end_to_end_id"].clone(),
                )
            })
            .collect::<Vec<_>>()
    };
    let debited = wait_for("the debit", || Some(entries(KEY_A)).filter(|entries| !entries.is_empty()));
    assert_eq!(debited, [(json!("DBIT"), json!("101.50"), json!("EUR"), json!("INVOICE-9"))]);
    let provider = entries(KEY_B);
    assert_eq!(
        provider,
        [
            (json!("CRDT"), json!("101.50"), json!("EUR"), Value::Null),
            (json!("DBIT"), json!("108.55"), json!("USD"), Value::Null),
            // Alma is bank B's customer.
            (json!("CRDT"), json!("108.55"), json!("USD"), json!("INVOICE-9"))
        ]
    );
    let outgoing = get(url, "/v1/payments", KEY_A).json();
    assert_eq!(outgoing["payments"][0]["uetr"], uetr, "{outgoing}");
    assert_eq!(get(url, "/v1/payments", KEY_B).json()["payments"], json!([]), "a price is no payment");
    let credited = get(url, "/v1/payments?direction=incoming&end_to_end_id=INVOICE-9", KEY_B).json();
    assert_eq!(
        (&credited["payments"][0]["uetr"], &credited["payments"][1]),
        (&json!(uetr), &Value::Null),
        "{credited}"
    );
    assert_eq!(get(url, &format!("/v1/payments/{uetr}/journey"), KEY_A).status, 200);
    let today = &after_now(0)[..10];
    let statement = get(url, &format!("/v1/accounts/{IBAN_A}/statement?day={today}&currency=EUR"), KEY_A).body;
    for part in ["<CntrValAmt><Amt Ccy=\"USD\">108.55</Amt>", "<XchgRate>1.0855</XchgRate>", uetr] {
        assert!(statement.contains(part), "{part}: {statement}");
    }
    let events = |key: &str| {
        let events = get_as(url, "/v1/events", key, "Accept: application/json\r\n").json();
        let events = events["events"].as_array().unwrap().iter();
        let about = events.filter(|event| event["quote"]["quote"] == quote);
        about.map(|event| event["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(events(KEY_B), ["quote.ordered", "quote.open", "quote.taken"]);
    assert_eq!(events(KEY_A), [""; 0], "what anybody may take is looked for, not told");

    // What comes back comes back to the payer, in the currency that was received.
    let back = pacs_004("RTR-1", uetr, "8.55").replace("Ccy=\"EUR\"", "Ccy=\"USD\"");
    let returned = try_http(url, "POST", "/v1/messages", KEY_B, "Prefer: wait=40\r\n", back.as_bytes()).unwrap();
    assert_eq!(element(&returned.body, "TxSts"), Some("ACSC"), "{}", returned.body);
}

/// What both sides do, as often as they have to: bank B makes a price, bank A takes it. The payment, when all is done.
fn make_and_take(url: &str, name: &str) -> Option<Value> {
    let send = |path: &str, key: &str, body: &Value| {
        let head = format!("Content-Type: application/json\r\nIdempotency-Key: {name}\r\n");
        try_http(url, "POST", path, key, &head, body.to_string().as_bytes())
    };
    // The same at every try.
    let body = with(&price("1085.55"), "expires", json!(&after_now(86_400)[..10]));
    let made = send("/v1/quotes", KEY_B, &body).filter(|answer| answer.status < 300)?.json();
    let quote = made["quote"].as_str()?;
    if seen(url, KEY_A, quote, "open").is_some() {
        send(&format!("/v1/quotes/{quote}/take"), KEY_A, &taking("100", "101.50", "108.55"))?;
    }
    let told = seen(url, KEY_A, quote, "taken")?;
    let payment = get(url, &format!("/v1/payments/{}", told["uetr"].as_str()?), KEY_A).json();
    (payment["orders"][0]["status"] == "ACSC" && payment["entries"].as_array()?.len() == 1).then_some(payment)
}

/// Stopped before and after everything that is durable or told to somebody, and begun again on the same database, with both sides
/// sending again: one quote, one payment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_it_dies_a_quote_is_made_once_and_taken_once() {
    let ledger = Ledger::start_with_dollars().await;
    die_everywhere(&ledger, |number| sqlite(&ledger.at(&format!("gateway-{number}.sqlite")))).await;
}

/// The same on a real PostgreSQL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_too_a_quote_is_made_once_and_taken_once() {
    let ledger = Ledger::start_with_dollars().await;
    die_everywhere(&ledger, |number| new_database(&format!("quotes_{number}"))).await;
}

async fn die_everywhere(ledger: &Ledger, location: impl Fn(u64) -> Location) {
    for number in 0.. {
        let location = location(number);
        let before = (ledger.balance("bank-a", None).await, ledger.dollars("alma").await, posted(ledger).await);
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
                if tokio::task::block_in_place(|| make_and_take(&url, &name)).is_some() {
                    died = false;
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            opened.close().await;
        }
        let mut opened = ledger.gateway(&location, None, Faults::default()).await;
        let what = format!("the payment after a death at place {number}");
        opened.until(&what, |url| make_and_take(url, &name)).await;
        let after = (ledger.balance("bank-a", None).await, ledger.dollars("alma").await, posted(ledger).await);
        assert_eq!(after, (before.0 - 10_150, before.1 + 10_855, before.2 + 1), "place {number}");
        opened.close().await;
        if !died {
            assert!(number >= 20, "only {number} places were passed");
            return;
        }
    }
}

/// How many quotes the ledger ever had.
async fn posted(ledger: &Ledger) -> usize {
    use alloy_sol_types::SolEvent as _;
    let topics = [IExchange::QuotePosted::SIGNATURE_HASH];
    let filter = json!([{ "fromBlock": "0x0", "address": EXCHANGE_ADDRESS, "topics": topics }]);
    let found: Vec<Value> = ledger.rpc().call("eth_getLogs", filter).await.unwrap();
    found.len()
}

/// A gateway that lost its whole memory makes no second quote when it is told the same again, and says what became of the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_database_makes_and_takes_nothing_twice() {
    let ledger = Ledger::start_with_dollars().await;
    let before = ledger.balance("bank-a", None).await;
    let body = with(&price("1085.55"), "expires", json!(&after_now(86_400)[..10]));
    let head = "Content-Type: application/json\r\nIdempotency-Key: one\r\n";
    let (mut quotes, mut uetrs) = (Vec::new(), Vec::new());
    for (life, state) in [("first", "open"), ("second", "open"), ("third", "taken")] {
        let mut opened = ledger.gateway(&sqlite(&ledger.at(&format!("{life}.sqlite"))), None, Faults::default()).await;
        let told = opened
            .until(life, |url| {
                let made = try_http(url, "POST", "/v1/quotes", KEY_B, head, body.to_string().as_bytes())?;
                seen(url, KEY_B, made.json()["quote"].as_str()?, state)
            })
            .await;
        let quote = told["quote"].as_str().unwrap().to_owned();
        // Who sends the payment again to a gateway that lost its memory learns that it was made.
        if life != "first" {
            let take = format!("/v1/quotes/{quote}/take");
            let content = taking("100", "101.50", "108.55").to_string();
            let uetr = opened
                .until("the payment", |url| {
                    let paid = try_http(url, "POST", &take, KEY_A, head, content.as_bytes())?;
                    seen(url, KEY_A, &quote, "taken")?;
                    assert!(paid.status < 300, "{life}: {paid:?}");
                    let paid = paid.json();
                    (paid["orders"][0]["status"] == "ACSC").then(|| paid["uetr"].clone())
                })
                .await;
            uetrs.push(uetr);
        }
        quotes.push(quote);
        opened.close().await;
    }
    assert_eq!(quotes, [quotes[0].as_str(); 3]);
    assert_eq!((uetrs.len(), &uetrs[0]), (2, &uetrs[1]));
    assert_eq!(posted(&ledger).await, 1);
    assert_eq!(ledger.balance("bank-a", None).await, before - 10_150);

    // What became of quotes while no gateway read: withdrawn on the ledger itself, all revoked, and who retired comes back by its own act.
    let mut fourth = ledger.gateway(&sqlite(&ledger.at("fourth.sqlite")), None, Faults::default()).await;
    let other = |name: &str| format!("Content-Type: application/json\r\nIdempotency-Key: {name}\r\n");
    let mut ids = Vec::new();
    for name in ["two", "three"] {
        let told = fourth
            .until(name, |url| {
                let made = try_http(url, "POST", "/v1/quotes", KEY_B, &other(name), body.to_string().as_bytes())?;
                seen(url, KEY_B, made.json()["quote"].as_str()?, "open")
            })
            .await;
        ids.push(told["quote"].as_str().unwrap().to_owned());
    }
    fourth.close().await;
    let nonce = nonce_of_newest(&ledger).await;
    ledger.act("bank-b", EXCHANGE_ADDRESS, IExchange::cancelQuoteCall { nonce }).await;
    ledger.act("bank-b", EXCHANGE_ADDRESS, IExchange::retireProviderCall {}).await;
    let mut fourth = ledger.gateway(&sqlite(&ledger.at("fourth.sqlite")), None, Faults::default()).await;
    fourth.until("the withdrawal", |url| seen(url, KEY_B, &ids[1], "withdrawn")).await;
    fourth.until("the end of all", |url| seen(url, KEY_B, &ids[0], "revoked")).await;
    let failed = fourth
        .until("the refusal", |url| {
            let made = try_http(url, "POST", "/v1/quotes", KEY_B, &other("four"), body.to_string().as_bytes())?;
            seen(url, KEY_B, made.json()["quote"].as_str()?, "failed")
        })
        .await;
    assert!(failed["reason"]["text"].as_str().unwrap().contains("retired"), "{failed}");
    fourth.close().await;
}

async fn nonce_of_newest(ledger: &Ledger) -> B256 {
    use alloy_sol_types::SolEvent as _;
    let filter = json!([{ "fromBlock": "0x0", "address": EXCHANGE_ADDRESS, "topics": [IExchange::QuotePosted::SIGNATURE_HASH] }]);
    let found: Vec<Value> = ledger.rpc().call("eth_getLogs", filter).await.unwrap();
    let data: alloy_primitives::Bytes = serde_json::from_value(found.last().unwrap()["data"].clone()).unwrap();
    IExchange::QuotePosted::abi_decode_data(&data).unwrap().0.nonce
}

/// A price above the limit of what the bank would pay waits for a second person: whoever takes it is paid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_above_the_limit_needs_two_people() {
    let ledger = Ledger::start_with_dollars().await;
    let keys: [(&str, &[Role], &str); 2] =
        [("maker", &[Role::Maker], KEY_B), ("checker", &[Role::Checker], "a checker's key of bank B")];
    let limited = Tenant { approval_above: [("USD".to_owned(), 100_000u128)].into(), ..tenant("bank-b", &keys) };
    let tenants = vec![tenant("bank-a", &[("bank-a", &Role::ALL, KEY_A)]), limited];
    let location = sqlite(&ledger.at("gateway.sqlite"));
    let mut opened = ledger.governed(&location, None, Faults::default(), tenants, Controls::default()).await.unwrap();
    let head = "Content-Type: application/json\r\nIdempotency-Key: one\r\n";
    let body = price("1085.55").to_string();
    let quote = opened
        .until("the quote", |url| {
            let made = try_http(url, "POST", "/v1/quotes", KEY_B, head, body.as_bytes())?.json();
            let quote = made["quote"].as_str()?.to_owned();
            let waits = made["orders"][0]["state"] == "waiting";
            (waits && seen(url, KEY_B, &quote, "ordered").is_some()).then_some(quote)
        })
        .await;
    assert_eq!(posted(&ledger).await, 0);
    // Who made a mistake withdraws it while it waits: it never comes to the ledger, and nobody else ever saw it.
    let mistake = "Content-Type: application/json\r\nIdempotency-Key: mistake\r\n";
    let wrong = price("9999.00").to_string();
    opened
        .until("the withdrawal", |url| {
            let made = try_http(url, "POST", "/v1/quotes", KEY_B, mistake, wrong.as_bytes())?.json();
            let id = made["quote"].as_str()?;
            let json = "Content-Type: application/json\r\n";
            try_http(url, "POST", &format!("/v1/quotes/{id}/withdraw"), KEY_B, json, b"{}")?;
            assert_eq!(get(url, &format!("/v1/quotes/{id}"), KEY_A).status, 404);
            seen(url, KEY_B, id, "failed")
        })
        .await;
    let url = opened.url.clone();
    tokio::task::block_in_place(|| {
        let waiting = get(&url, "/v1/approvals", "a checker's key of bank B").json();
        let order = &waiting["approvals"][0];
        assert_eq!(waiting["approvals"][1], Value::Null, "{waiting}");
        assert_eq!((&order["exchange"]["sold"], &order["exchange"]["fee"]), (&json!("1000.00"), &json!("1.50")));
        assert_eq!(
            (&order["amount"], &order["currency"], &order["kind"]),
            (&json!("1085.55"), &json!("USD"), &json!("quote"))
        );
        let decide = format!("/v1/approvals/{}", order["order"]);
        let json = "Content-Type: application/json\r\n";
        let approved =
            try_http(&url, "POST", &decide, "a checker's key of bank B", json, br#"{"decision":"approve"}"#).unwrap();
        assert_eq!(approved.status, 200, "{approved:?}");
    });
    opened.until("the quote", |url| seen(url, KEY_A, &quote, "open")).await;
    assert_eq!(posted(&ledger).await, 1);
    opened.close().await;
}
