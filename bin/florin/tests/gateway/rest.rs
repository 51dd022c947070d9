//! JSON over HTTP against a real ledger.

use crate::bank::*;
use crate::common::{Running, florin, wait_for};
use alloy_primitives::{B256, U256};
use florin_modules::{SETTLEMENT_ADDRESS, settlement::ISettlement};
use serde_json::{Value, json};

/// A payment from bank A's account to bank B's.
fn payment(amount: &str, reference: &str) -> Value {
    json!({
        "payer": IBAN_A, "creditor": { "name": "Bruno Creditor", "number": IBAN_B }, "amount": amount, "currency": "EUR",
        "end_to_end_id": reference, "remittance": "Invoice 7 & 8"
    })
}

fn post(url: &str, path: &str, key: &str, more: &str, body: &Value) -> Http {
    let head = format!("Content-Type: application/json\r\n{more}");
    try_http(url, "POST", path, key, &head, body.to_string().as_bytes()).unwrap()
}

/// Orders a payment under this key and waits for its end.
fn order(url: &str, key: &str, idempotency: &str, body: &Value) -> Http {
    post(url, "/v1/payments", key, &format!("Idempotency-Key: {idempotency}\r\nPrefer: wait=40\r\n"), body)
}

pub fn get_as(url: &str, path: &str, key: &str, more: &str) -> Http {
    try_http(url, "GET", path, key, more, b"").unwrap()
}

pub fn header<'a>(answer: &'a Http, name: &str) -> Option<&'a str> {
    let mut lines = answer.head.lines();
    lines
        .find_map(|line| line.split_once(": ").filter(|(found, _)| found.eq_ignore_ascii_case(name)))
        .map(|(_, value)| value)
}

pub fn code(answer: &Http) -> String {
    assert_eq!(header(answer, "content-type"), Some("application/problem+json"), "{answer:?}");
    let told = answer.json();
    assert_eq!(told["status"], answer.status, "{answer:?}");
    told["code"].as_str().unwrap().to_owned()
}

/// One payment from the dry run to the statement.
#[test]
fn a_payment_in_json_is_made_once_for_each_key_and_found_in_every_way() {
    let ledger = Ledger::start();
    let arguments = ledger.configured(None);
    let gateway = Running::start(florin(arguments.iter()));
    let url = gateway.text("url");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let before = runtime.block_on(ledger.balance("bank-a", None));

    // A dry run says what would be, and stores nothing.
    let body = payment("12.50", "INVOICE-7");
    let preview = post(&url, "/v1/payments?dry_run=true", KEY_A, "Idempotency-Key: one\r\n", &body);
    assert_eq!(preview.status, 200, "{preview:?}");
    let told = preview.json();
    assert_eq!((&told["would_be_taken"], &told["fee"]["total_wei"]), (&json!(true), &json!("0")), "{told}");
    assert_eq!(told["order"]["creditor"]["number"], IBAN_B);
    assert_eq!(told["free"].as_str().unwrap().replace('.', "").parse::<u128>().unwrap(), before);
    let large = payment("99999999999.00", "TOO-MUCH");
    let told = post(&url, "/v1/payments?dry_run=true", KEY_A, "Idempotency-Key: two\r\n", &large).json();
    assert_eq!((&told["would_be_taken"], &told["reason"]["code"]), (&json!(false), &json!("AM04")), "{told}");
    assert_eq!(get(&url, "/v1/payments", KEY_A).json()["payments"], json!([]));

    // Ordered, and again, and with another body, and after a restart.
    let paid = order(&url, KEY_A, "one", &body);
    assert_eq!((paid.status, &paid.json()["orders"][0]["status"]), (201, &json!("ACSC")), "{paid:?}");
    let uetr = paid.json()["uetr"].as_str().unwrap().to_owned();
    assert_eq!(header(&paid, "location"), Some(format!("/v1/payments/{uetr}").as_str()));
    let again = order(&url, KEY_A, "one", &body);
    assert_eq!((again.status, &again.json()["orders"]), (200, &paid.json()["orders"]), "{again:?}");
    let other = order(&url, KEY_A, "one", &payment("12.51", "INVOICE-7"));
    assert_eq!((other.status, code(&other).as_str()), (422, "idempotency.reused"));
    assert!(gateway.stop().success());
    let gateway = Running::start(florin(arguments.iter()));
    let url = gateway.text("url");
    let again = order(&url, KEY_A, "one", &body);
    assert_eq!((again.status, &again.json()["orders"]), (200, &paid.json()["orders"]), "{again:?}");
    assert_eq!(runtime.block_on(ledger.balance("bank-a", None)), before - 1_250);
    // Another tenant's key of the same name is another key; the account is not its own.
    let foreign = order(&url, KEY_B, "one", &body);
    assert_eq!((foreign.status, code(&foreign).as_str()), (422, "payment.refused"), "{foreign:?}");
    assert_eq!(foreign.json()["errors"][0]["code"], "AC02");
    // What the ledger refuses stays refused under its key.
    for _ in 0..2 {
        let refused = order(&url, KEY_A, "large", &large);
        assert_eq!((refused.status, &refused.json()["errors"][0]["code"]), (422, &json!("AM04")), "{refused:?}");
    }
    found_in_every_way(&url, &uetr);
    assert!(gateway.stop().success());
}

/// Sends lines under this key and waits for the last outcome.
fn order_lines(url: &str, key: &str, idempotency: &str, lines: &str) -> Http {
    let head = format!("Content-Type: text/csv\r\nIdempotency-Key: {idempotency}\r\nPrefer: wait=40\r\n");
    try_http(url, "POST", "/v1/batches", key, &head, lines.as_bytes()).unwrap()
}

#[test]
fn lines_are_ordered_whole_or_not_at_all_and_each_is_told() {
    const UNKNOWN: &str = "GB29NWBK60161331926819";
    let ledger = Ledger::start();
    let arguments = ledger.configured(None);
    let gateway = Running::start(florin(arguments.iter()));
    let url = gateway.text("url");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let before = runtime.block_on(ledger.balance("bank-a", None));
    let head = "payer;creditor_name;creditor_number;amount;currency;end_to_end_id";
    let line =
        |number: &str, amount: &str, reference: &str| format!("{IBAN_A};=Bruno;{number};{amount};EUR;{reference}\r\n");

    // One line is wrong, and nothing is ordered; nor is anything kept under the key.
    let wrong = format!("{head}\r\n{}{}", line(IBAN_B, "1.00", "L-1"), line(IBAN_B, "1.001", "L-2"));
    for lines in [wrong.as_str(), &wrong.replace("1.001", "1,00"), &wrong.replace("amount", "betrag"), "", "\0"] {
        let refused = order_lines(&url, KEY_A, "lines", lines);
        assert_eq!((refused.status, code(&refused).as_str()), (422, "payment.invalid"), "{lines:?} {refused:?}");
        let path = refused.json()["errors"][0]["path"].as_str().unwrap().to_owned();
        assert!(path.starts_with("/lines") && (lines != wrong || path == "/lines/3/amount"), "{path}");
    }
    // What the structure of messages refuses is told at its own line, too.
    let shape =
        format!("{head}\r\n{}{}", line(IBAN_B, "1.00", "L-1"), line(IBAN_B, "2.00", "L-2").replace("EUR", "eur"));
    let refused = order_lines(&url, KEY_A, "lines", &shape);
    assert_eq!(refused.json()["errors"][0]["path"], "/lines/3/currency", "{refused:?}");
    let no_key = try_http(&url, "POST", "/v1/batches", KEY_A, "Content-Type: text/csv\r\n", wrong.as_bytes()).unwrap();
    assert_eq!((no_key.status, code(&no_key).as_str()), (400, "idempotency.missing"));
    assert_eq!(post(&url, "/v1/batches", KEY_A, "Idempotency-Key: lines\r\n", &json!({})).status, 415);
    assert_eq!(get(&url, "/v1/payments", KEY_A).json()["payments"], json!([]));

    // What the book or the ledger refuse is one line's business.
    let lines = [
        line(IBAN_B, "1.00", "L-1"),
        line(UNKNOWN, "2.00", "L-2"),
        line(IBAN_B, "3.00", "L-3"),
        line(IBAN_B, "99999999999.00", "L-4"),
    ];
    let good = format!("{head}\r\n{}", lines.concat());
    let told = order_lines(&url, KEY_A, "lines", &good);
    assert_eq!(told.status, 201, "{told:?}");
    assert_eq!(told.json()["statuses"], json!({ "ACSC": 2, "RJCT": 2 }), "{told:?}");
    let path = header(&told, "location").unwrap().to_owned();
    let again = order_lines(&url, KEY_A, "lines", &good);
    assert_eq!((again.status, header(&again, "location")), (200, Some(path.as_str())));
    let other = order_lines(&url, KEY_A, "lines", &good.replace("1.00", "1.01"));
    assert_eq!((other.status, code(&other).as_str()), (422, "idempotency.reused"));
    let single = order(&url, KEY_A, "lines", &payment("1.00", "L-1"));
    assert_eq!((single.status, code(&single).as_str()), (422, "idempotency.reused"), "a key is one call's");
    assert_eq!(runtime.block_on(ledger.balance("bank-a", None)), before - 400);

    let orders = get(&url, &format!("{path}/orders"), KEY_A).json();
    let of =
        |field: &str| orders["orders"].as_array().unwrap().iter().map(|order| order[field].clone()).collect::<Vec<_>>();
    assert_eq!(of("instruction_id"), ["2", "3", "4", "5"], "the lines");
    assert_eq!(of("end_to_end_id"), ["L-1", "L-2", "L-3", "L-4"]);
    assert_eq!(of("status"), ["ACSC", "RJCT", "ACSC", "RJCT"]);
    let codes: Vec<Value> = of("reason").iter().map(|reason| reason["code"].clone()).collect();
    assert_eq!(codes, [Value::Null, json!("AC03"), Value::Null, json!("AM04")]);
    assert_eq!(orders["next"], Value::Null);
    assert_eq!(get(&url, &format!("{path}/orders?from=3"), KEY_A).json()["orders"].as_array().unwrap().len(), 1);
    for query in ["from=-1", "from=9223372036854775808", "after=1"] {
        assert_eq!(get(&url, &format!("{path}/orders?{query}"), KEY_A).status, 400, "{query}");
    }
    assert_eq!(get(&url, &format!("{path}/orders"), KEY_B).status, 404, "another tenant's");
    let written = get_as(&url, &format!("{path}/orders"), KEY_A, "Accept: text/csv\r\n");
    let rows: Vec<Vec<&str>> = written.body.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((rows.len(), rows[0][1], rows[1][2]), (5, "payer", "'=Bruno"), "{written:?}");
    assert_eq!((rows[2][11], rows[2][12], rows[2][13]), ("refused", "RJCT", "AC03"), "{written:?}");

    // For a regulator: who paid whom, who made it, and where it is on the ledger.
    let uetr = of("uetr")[0].as_str().unwrap().to_owned();
    let view = |view: &str, key: &str| get(&url, &format!("/v1/payments/{uetr}/journey?view={view}"), key);
    wait_for("the entry", || view("regulator", KEY_A).json()["record"]["entries"].get(0).map(|_| ()));
    let told = view("regulator", KEY_A).json();
    assert_eq!(told["record"]["makers"], json!(["bank-a"]), "{told}");
    let party = |side: &str| told["record"]["orders"][0][side]["number"].clone();
    assert_eq!((party("debtor"), party("creditor")), (json!(IBAN_A), json!(IBAN_B)));
    assert_eq!(told["record"]["entries"][0]["side"], "DBIT");
    assert!(view("full", KEY_A).json().get("record").is_none());
    assert_eq!(view("everything", KEY_A).status, 400);
    assert!(gateway.stop().success());
}

/// A bank's queue in a scheme of settlement that clears the euro.
#[test]
fn what_waits_in_a_banks_queue_is_told_with_its_liquidity() {
    let ledger = Ledger::start();
    let arguments = ledger.configured(None);
    let gateway = Running::start(florin(arguments.iter()));
    let url = gateway.text("url");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let path = format!("/v1/accounts/{IBAN_A}/liquidity");
    assert_eq!(get(&url, &path, KEY_A).json(), json!({ "schemes": [] }), "there is no scheme yet");

    let balance = runtime.block_on(ledger.balance("bank-a", None));
    let (free, limit) = (U256::from(10_000), U256::from(99_999));
    let create = ISettlement::createSchemeCall { token: ledger.token(), bypassFifo: false, defaultRule: 0 };
    runtime.block_on(ledger.act("central-bank", SETTLEMENT_ADDRESS, create));
    for bank in ["bank-a", "bank-b"] {
        let admit = ISettlement::admitParticipantCall { schemeId: 1, account: ledger.address(bank) };
        runtime.block_on(ledger.act("central-bank", SETTLEMENT_ADDRESS, admit));
        runtime.block_on(ledger.act(bank, SETTLEMENT_ADDRESS, ISettlement::joinCall { schemeId: 1 }));
    }
    runtime.block_on(ledger.act(
        "bank-a",
        SETTLEMENT_ADDRESS,
        ISettlement::setReserveCall { schemeId: 1, amount: U256::from(balance) - free },
    ));
    runtime.block_on(ledger.act(
        "bank-a",
        SETTLEMENT_ADDRESS,
        ISettlement::setMultilateralLimitCall { schemeId: 1, amount: limit },
    ));
    let now_ms = u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let open = ISettlement::openDayCall { schemeId: 1, valueDate: 20_300_102, cutOffMs: now_ms + 3_600_000 };
    runtime.block_on(ledger.act("central-bank", SETTLEMENT_ADDRESS, open));
    for number in 1..=20u8 {
        let (amount, priority) = (U256::from(15_000 + u32::from(number)), if number == 20 { 1 } else { 2 });
        let reference = B256::repeat_byte(number);
        let submit = ISettlement::submitCall {
            schemeId: 1,
            creditor: ledger.address("bank-b"),
            amount,
            priority,
            instructionReference: reference,
        };
        runtime.block_on(ledger.act("bank-a", SETTLEMENT_ADDRESS, submit));
    }
    runtime.block_on(ledger.act("bank-a", SETTLEMENT_ADDRESS, ISettlement::holdInstructionCall { instructionId: 1 }));

    let told = get(&url, &path, KEY_A).json();
    let scheme = &told["schemes"][0];
    for (field, expected) in [
        ("scheme", json!(1)),
        ("currency", json!("EUR")),
        ("status", json!("active")),
        ("limit", json!("999.99")),
        ("net", json!("0.00")),
        ("queued", json!(19)),
        ("queued_in", json!("0.00")),
    ] {
        assert_eq!(scheme[field], expected, "{field}: {told}");
    }
    assert_eq!((&scheme["day"]["value_date"], &scheme["day"]["phase"]), (&json!(20_300_102), &json!("open")));
    assert_eq!(
        scheme["credit"],
        json!({ "outstanding": "0.00", "available": "0.00", "shortfall": "0.00", "overdue": false })
    );
    let queue = scheme["queue"].as_array().unwrap();
    assert_eq!(queue.len(), 16, "{told}");
    let first = &queue[0];
    assert_eq!(
        (&first["instruction"], &first["priority"], &first["amount"]),
        (&json!(20), &json!("high"), &json!("150.20"))
    );
    assert_eq!((&first["creditor_bic"], &first["state"]), (&json!("BNPAFRPPXXX"), &json!("queued")));
    assert_eq!(queue[1]["instruction"], 2, "what is on hold stands last");
    let other = get(&url, &format!("/v1/accounts/{IBAN_B}/liquidity"), KEY_B).json();
    assert_eq!(
        (&other["schemes"][0]["queued_in"], &other["schemes"][0]["queue"]),
        (&scheme["queued_out"], &json!([])),
        "{other}"
    );
    assert_eq!(get(&url, &path, KEY_B).status, 404, "another tenant's");
    assert!(gateway.stop().success());
}

fn found_in_every_way(url: &str, uetr: &str) {
    let path = format!("/v1/payments/{uetr}");
    let told = wait_for("the entry", || {
        Some(get(url, &path, KEY_A)).filter(|told| told.json()["entries"].as_array().is_some_and(|all| !all.is_empty()))
    });
    let tag = header(&told, "etag").unwrap();
    let same = get_as(url, &path, KEY_A, &format!("If-None-Match: \"x\", {tag}\r\n"));
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    assert_eq!(get_as(url, &path, KEY_A, "If-None-Match: \"x\"\r\n").status, 200);
    let hash = told.json()["entries"][0]["transaction"].as_str().unwrap().to_owned();
    let count = |query: &str, key: &str| {
        let answer = get(url, &format!("/v1/payments?{query}"), key);
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        answer.json()["payments"].as_array().unwrap().len()
    };
    for (query, found) in [
        ("end_to_end_id=INVOICE-7", 1),
        ("end_to_end_id=invoice-7", 0),
        (&format!("transaction={hash}"), 1),
        ("state=settled", 1),
        ("state=refused", 1),
        ("currency=EUR&amount_min=12.50&amount_max=12.50", 1),
        ("currency=EUR&amount_min=12.51&state=settled", 0),
        (&format!("counterparty={IBAN_B}"), 2),
        ("counterparty=BNPAFRPP&state=settled", 1),
        ("counterparty=nobody", 0),
        ("from=2020-01-01&to=2020-01-02T03:04:05Z", 0),
        ("from=2020-01-01", 2),
        ("direction=incoming", 0),
    ] {
        assert_eq!(count(query, KEY_A), found, "{query}");
    }
    wait_for("the credit", || (count("direction=incoming", KEY_B) == 1).then_some(()));
    for (query, found) in [
        ("direction=incoming&end_to_end_id=INVOICE-7", 1),
        ("direction=incoming&end_to_end_id=INVOICE_7", 0),
        ("direction=incoming&end_to_end_id=%25", 0),
        (&format!("direction=incoming&transaction={hash}"), 1),
        (&format!("direction=incoming&counterparty={IBAN_A}&currency=EUR&amount_max=12.50"), 1),
        ("direction=incoming&currency=EUR&amount_max=12.49", 0),
    ] {
        assert_eq!(count(query, KEY_B), found, "{query}");
    }
    let journey = get(url, &format!("{path}/journey"), KEY_A).json();
    let steps: Vec<&str> =
        journey["steps"].as_array().unwrap().iter().map(|one| one["step"].as_str().unwrap()).collect();
    for step in ["received", "checked", "signed", "settled", "answered", "entered"] {
        assert!(steps.contains(&step), "{step}: {journey}");
    }
    let signed = journey["steps"].as_array().unwrap().iter().find(|one| one["step"] == "signed").unwrap();
    assert_eq!(signed["transaction"], json!(hash));
    let customer = get(url, &format!("{path}/journey?view=customer"), KEY_A);
    assert!(!customer.body.contains(&hash) && customer.body.contains("final"), "{customer:?}");
    assert_eq!(get(url, &format!("{path}/journey"), KEY_B).json()["steps"][0]["step"], "entered");
    statements_and_accounts(url, uetr);
}

fn statements_and_accounts(url: &str, uetr: &str) {
    let accounts = get(url, "/v1/accounts", KEY_A).json();
    assert_eq!(
        (accounts["accounts"].as_array().unwrap().len(), &accounts["accounts"][0]["number"]),
        (1, &json!(IBAN_A))
    );
    let account = get(url, &format!("/v1/accounts/{IBAN_A}"), KEY_A).json();
    let balance = &account["balances"][0];
    assert_eq!((&balance["currency"], &balance["balance"]), (&json!("EUR"), &balance["free"]), "{account}");
    assert_eq!(get(url, &format!("/v1/accounts/{IBAN_B}"), KEY_A).status, 404);
    let participants = get(url, "/v1/participants", KEY_A);
    assert!(participants.body.contains("BNPAFRPPXXX") && participants.body.contains(IBAN_A), "{participants:?}");
    // Somebody else's number, and a customer without a bank, are nobody's business.
    assert!(!participants.body.contains(IBAN_B) && !participants.body.contains("alma"), "{participants:?}");
    let csv = get_as(url, &format!("/v1/accounts/{IBAN_A}/statement"), KEY_A, "Accept: text/csv\r\n");
    let lines: Vec<&str> = csv.body.lines().collect();
    assert!(lines[1].starts_with("opening,") && lines.last().unwrap().starts_with("closing,"), "{csv:?}");
    assert!(lines.iter().any(|line| line.contains(",DBIT,12.50,EUR,") && line.contains(uetr)), "{csv:?}");
    assert_eq!(balance["balance"].as_str(), lines.last().unwrap().split(',').nth(3));
}

/// Pages have each payment once, whatever comes while they are read.
#[test]
fn pages_are_stable_while_payments_come() {
    let ledger = Ledger::start();
    let gateway = Running::start(florin(ledger.configured(None)));
    let url = gateway.text("url");
    let add = |number: u32| {
        let answer = post(
            &url,
            "/v1/payments",
            KEY_A,
            &format!("Idempotency-Key: {number}\r\n"),
            &payment("1.00", &format!("E-{number}")),
        );
        assert_eq!(answer.status, 201, "{answer:?}");
    };
    (0..7).for_each(add);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for round in 0..4 {
        let page = get(&url, &format!("/v1/payments?limit=2{cursor}"), KEY_A).json();
        let references =
            page["payments"].as_array().unwrap().iter().map(|one| one["end_to_end_id"].as_str().unwrap().to_owned());
        seen.extend(references);
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => assert_eq!(round, 3),
        }
        add(100 + round);
    }
    let expected: Vec<String> = (0..7).rev().map(|number| format!("E-{number}")).collect();
    assert_eq!(seen, expected);
    // A cursor belongs to its tenant and its search.
    let page = get(&url, "/v1/payments?limit=1", KEY_A).json();
    let cursor = page["next"].as_str().unwrap();
    for (path, key) in
        [(format!("/v1/payments?cursor={cursor}"), KEY_B), (format!("/v1/payments?state=held&cursor={cursor}"), KEY_A)]
    {
        assert_eq!((get(&url, &path, key).status, code(&get(&url, &path, key)).as_str()), (400, "parameter"));
    }
    listening(&url);
    assert!(gateway.stop().success());
}

/// The same events whatever number one resumes from.
fn listening(url: &str) {
    let all = wait_for("all settled", || {
        let events = get_as(url, "/v1/events", KEY_A, "Accept: application/json\r\n").json()["events"].clone();
        let settled = events.as_array().unwrap().iter().filter(|event| event["type"] == "payment.settled").count();
        (settled == 11).then_some(events)
    });
    let all = all.as_array().unwrap();
    let numbers: Vec<u64> = all.iter().map(|event| event["number"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    let from = numbers[numbers.len() - 3];
    let later = get_as(url, &format!("/v1/events?after={from}"), KEY_A, "Accept: application/json\r\n").json();
    assert_eq!(later["events"].as_array().unwrap()[..], all[all.len() - 2..]);
    // The stream itself, up to the events that are there.
    let stream = read_until(url, KEY_A, &format!("Last-Event-ID: {from}\r\n"), 2);
    assert!(
        stream.contains("text/event-stream") && stream.contains(&format!("id: {}", numbers[numbers.len() - 1])),
        "{stream}"
    );
    assert!(!stream.contains(&format!("id: {from}\n")), "{stream}");
    // Bank B hears of its own credits alone.
    let told = get_as(url, "/v1/events", KEY_B, "Accept: application/json\r\n").json();
    let kinds: std::collections::BTreeSet<&str> =
        told["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["notification"]);
    assert_eq!(get_as(url, "/v1/events", KEY_A, "Last-Event-ID: x\r\n").status, 400);
}

/// What a stream says until so many events were read.
fn read_until(url: &str, key: &str, more: &str, events: usize) -> String {
    use std::io::{Read as _, Write as _};
    let host = url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /v1/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n{more}\r\n").unwrap();
    let mut told = Vec::new();
    while count(&String::from_utf8_lossy(&told), "\nid: ") + count(&String::from_utf8_lossy(&told), "\r\nid: ") < events
    {
        let mut part = [0u8; 1_024];
        let length = stream.read(&mut part).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&told));
        told.extend_from_slice(&part[..length]);
    }
    String::from_utf8(told).unwrap()
}

/// What does not fit is a problem with its code, and costs nothing.
#[test]
fn what_does_not_fit_is_told_by_code_and_field() {
    let ledger = Ledger::start();
    let gateway = Running::start(florin(ledger.configured(None)));
    let url = gateway.text("url");
    let good = payment("1.00", "E-1");
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (body, path) in [
        (with("amount", json!(1.0)), "/amount"),
        (with("amount", json!("-1.00")), "/amount"),
        (with("amount", json!("1.001")), "/amount"),
        (with("currency", json!("eur")), "/currency"),
        (with("creditor", json!({ "name": "B" })), "/creditor"),
        (with("creditor", json!({ "name": "B", "number": "FR1520041010050500013M02606" })), "/creditor/number"),
        (with("creditor", json!({ "name": "\u{0}", "number": IBAN_B })), "/creditor/name"),
        (with("uetr", json!("1")), "/uetr"),
        (with("due", json!("tomorrow")), "/due"),
        (with("unknown", json!(1)), "/unknown"),
        (with("remittance", json!("x".repeat(141))), "/remittance"),
        (json!([]), ""),
        (json!(null), ""),
    ] {
        let answer = order(&url, KEY_A, "k", &body);
        assert_eq!((answer.status, code(&answer).as_str()), (422, "payment.invalid"), "{body}: {answer:?}");
        let paths: Vec<Value> =
            answer.json()["errors"].as_array().unwrap().iter().map(|one| one["path"].clone()).collect();
        assert!(paths.contains(&json!(path)), "{body}: {paths:?}");
    }
    let raw = |more: &str, path: &str, body: &[u8]| try_http(&url, "POST", path, KEY_A, more, body).unwrap();
    let json_kind = "Content-Type: application/json\r\n";
    let with_key = format!("{json_kind}Idempotency-Key: k\r\n");
    let body = good.to_string();
    for (more, path, body, status, expected) in [
        (json_kind, "/v1/payments", body.as_bytes(), 400, "idempotency.missing"),
        (
            &format!("{json_kind}Idempotency-Key: {}\r\n", "x".repeat(256)),
            "/v1/payments",
            body.as_bytes(),
            400,
            "parameter",
        ),
        (&format!("{with_key}Idempotency-Key: j\r\n"), "/v1/payments", body.as_bytes(), 400, "parameter"),
        ("Idempotency-Key: k\r\n", "/v1/payments", body.as_bytes(), 415, "body.kind"),
        (&with_key, "/v1/payments?dry_run=maybe", body.as_bytes(), 400, "parameter"),
        (&with_key, "/v1/payments?dryrun=true", body.as_bytes(), 400, "parameter"),
        (&with_key, "/v1/payments", b"{\"payer\":\xff}", 422, "payment.invalid"),
        (&with_key, "/v1/payments", &[b' '; 20_000], 413, "body.large"),
    ] {
        let answer = raw(more, path, body);
        assert_eq!((answer.status, code(&answer).as_str()), (status, expected), "{path}: {answer:?}");
    }
    for path in [
        "/v1/payments?limit=0",
        "/v1/payments?limit=201",
        "/v1/payments?limit=x",
        "/v1/payments?state=paid",
        "/v1/payments?direction=up",
        "/v1/payments?amount_min=1.00",
        "/v1/payments?currency=EUR&amount_min=1.001",
        "/v1/payments?currency=XXX",
        "/v1/payments?from=yesterday",
        "/v1/payments?transaction=0x12",
        "/v1/payments?cursor=zz",
        "/v1/payments?end_to_end_id=",
        "/v1/payments?stat=held",
        "/v1/accounts?after=-1",
        "/v1/participants?after=1000001",
        "/v1/notifications?after=18446744073709551615",
        "/v1/payments/%ff",
        "/v1/events?after=18446744073709551615",
    ] {
        let answer = get(&url, path, KEY_A);
        assert_eq!((answer.status, code(&answer).as_str()), (400, "parameter"), "{path}: {answer:?}");
    }
    assert_eq!(get(&url, "/v1/payments", KEY_A).json()["payments"], json!([]), "nothing was stored");
    // A number from before a database was restored: nothing is left out in silence.
    let beyond = get(&url, "/v1/events?after=9000", KEY_A);
    assert_eq!((beyond.status, code(&beyond).as_str()), (409, "events.beyond"), "{beyond:?}");
    documented(&url);
    assert!(gateway.stop().success());
}

/// Every route of the document answers, needs a key where it says so, and knows no other method.
fn documented(url: &str) {
    let document = get(url, "/v1/openapi.json", "").json();
    for (path, item) in document["paths"].as_object().unwrap() {
        let at = path.replace("{number}", "1").replace("{uetr}", "1").replace("{id}", "1");
        for (method, operation) in item.as_object().unwrap() {
            let answer = http(url, &method.to_uppercase(), &at, "", b"");
            let is_open = operation["security"].is_null();
            assert_eq!(answer.status == 401, !is_open, "{method} {path}: {answer:?}");
            if !is_open && path != "/v1/events" {
                let answer = http(url, &method.to_uppercase(), &at, KEY_A, b"");
                assert!(!answer.body.contains("path.unknown") && !answer.body.contains("method.unknown"), "{answer:?}");
                assert!(
                    !operation["responses"][answer.status.to_string()].is_null(),
                    "{method} {path}: {}",
                    answer.status
                );
            }
        }
        let wrong = http(url, "DELETE", &at, KEY_A, b"");
        assert_eq!((wrong.status, code(&wrong).as_str()), (405, "method.unknown"), "{path}");
    }
    assert_eq!(code(&get(url, "/v1/nothing", KEY_A)), "path.unknown");
}

/// A tenant's server: refuses the first deliveries, then takes them; gives each request's head and body.
fn tenants_server(refusals: usize) -> (String, std::sync::mpsc::Receiver<(String, String)>) {
    use std::io::{BufRead as _, Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/florin", listener.local_addr().unwrap());
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut reader = std::io::BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while reader.read_line(&mut head).unwrap_or(0) > 2 {}
            let lines = head.lines().map(str::to_lowercase);
            let length = lines
                .filter_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())
                .next()
                .unwrap_or(0);
            let mut body = vec![0u8; length];
            reader.read_exact(&mut body).unwrap();
            let status = if number < refusals { "503 Service Unavailable" } else { "204 No Content" };
            stream
                .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes())
                .unwrap();
            if number >= refusals && send.send((head, String::from_utf8(body).unwrap())).is_err() {
                return;
            }
        }
    });
    (url, receive)
}

/// Events are posted in order until they are taken, over failures and restarts, and again when that is asked for.
#[test]
fn a_tenants_server_is_told_everything_signed_and_again_on_demand() {
    let ledger = Ledger::start();
    let (server, posted) = tenants_server(2);
    let webhook = format!(", webhook = {{ url = '{server}', secret_file = 'webhook.secret' }}");
    let arguments = ledger.configured_at(&ledger.rpc_url(), None, &webhook);
    let gateway = Running::start(florin(arguments.iter()));
    let url = gateway.text("url");
    wait_for("the webhook", || (get(&url, "/v1/webhooks", KEY_A).status == 200).then_some(()));
    assert_eq!(code(&get(&url, "/v1/webhooks", KEY_B)), "webhook.unknown");
    assert_eq!(code(&http(&url, "POST", "/v1/webhooks/replay?after=0", KEY_B, b"")), "webhook.unknown");
    assert_eq!(order(&url, KEY_A, "one", &payment("1.00", "E-1")).status, 201);
    // Whatever was refused comes again, after a restart too.
    assert!(gateway.stop().success());
    let gateway = Running::start(florin(arguments.iter()));
    let url = gateway.text("url");
    let mut told = Vec::new();
    let mut kinds = Vec::new();
    while kinds.last().map(String::as_str) != Some("payment.settled") {
        let (head, body) = posted.recv_timeout(PATIENCE).unwrap();
        assert!(is_signed(&head, &body), "{head}{body}");
        let events: Value = serde_json::from_str(&body).unwrap();
        for event in events["events"].as_array().unwrap() {
            told.push(event["number"].as_u64().unwrap());
            kinds.push(event["type"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(kinds, ["payment.checked", "payment.signed", "payment.settled"]);
    assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "{told:?}");
    // Again from the first one on.
    let replay = http(&url, "POST", &format!("/v1/webhooks/replay?after={}", told[0]), KEY_A, b"");
    assert_eq!((replay.status, &replay.json()["event"]), (202, &json!(told[0])), "{replay:?}");
    let (_, body) = posted.recv_timeout(PATIENCE).unwrap();
    let events: Value = serde_json::from_str(&body).unwrap();
    let again: Vec<u64> =
        events["events"].as_array().unwrap().iter().map(|event| event["number"].as_u64().unwrap()).collect();
    assert_eq!(again, told[1..]);
    wait_for("the end", || (get(&url, "/v1/webhooks", KEY_A).json()["event"] == told[2]).then_some(()));
    assert_eq!(code(&http(&url, "POST", "/v1/webhooks/replay", KEY_A, b"")), "parameter");
    assert!(gateway.stop().success());
}

/// As the tenant's server checks it, with a program of somebody else.
fn is_signed(head: &str, body: &str) -> bool {
    let field = |name: &str| {
        head.lines().find_map(|line| line.split_once(": ").filter(|(found, _)| found.eq_ignore_ascii_case(name)))
    };
    let (_, time) = field("florin-timestamp").unwrap();
    let (_, signature) = field("florin-signature").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{time}.{body}")).unwrap();
    let output = std::process::Command::new("openssl")
        .args(["dgst", "-sha256", "-r", "-hmac", SECRET])
        .arg(file.path())
        .output()
        .unwrap();
    let digest = crate::common::text(&output.stdout);
    signature == format!("v1={}", digest.split(' ').next().unwrap())
}
