//! The gateway against a real ledger: messages over HTTP and as files, and death at every step.
#![allow(clippy::print_stdout, reason = "figures, shown with --nocapture")]
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "gateway/access.rs"]
mod access;
#[path = "gateway/bank.rs"]
mod bank;
mod common;
#[path = "gateway/defence.rs"]
mod defence;
#[path = "gateway/killed.rs"]
mod killed;
#[path = "gateway/mass.rs"]
mod mass;
#[path = "gateway/quotes.rs"]
mod quotes;
#[path = "gateway/requests.rs"]
mod requests;
#[path = "gateway/rest.rs"]
mod rest;
#[path = "../../../crates/history/src/tests/server.rs"]
mod server;

use bank::*;
use common::{Running, florin, signal, wait_for};
use florin_gateway::Faults;
use florin_history::Location;
use server::{PASSWORD, server};
use sqlx::Connection as _;
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

/// How many notifications there are, page after page.
fn notifications_told(url: &str, key: &str) -> usize {
    let (mut told, mut after) = (0, 0);
    loop {
        let listed = get(url, &format!("/v1/notifications?after={after}"), key).json();
        let page = listed["notifications"].as_array().unwrap();
        let Some(last) = page.last() else { return told };
        told += page.len();
        after = last["number"].as_u64().unwrap();
    }
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
    assert_eq!(
        (&payment["orders"][0]["amount"], &payment["orders"][0]["currency"]),
        (&"1250.75".into(), &"EUR".into())
    );
    // What is another's is not found.
    assert_eq!(get(&url, &format!("/v1/messages/{}", paid.message()), KEY_B).status, 404);
    let wrong = Transfer { from: IBAN_A, to: IBAN_B, ..Transfer::new("MSG-9", &uetr, "5.00") }.pacs_008();
    let wrong = http(&url, "POST", "/v1/messages", KEY_B, wrong.as_bytes());
    assert!(wrong.body.contains("<Cd>AC02</Cd>"), "{}", wrong.body);
    assert!(gateway.stop().success());
}

/// What is done at each place of death.
struct Case {
    tenant: &'static str,
    key: &'static str,
    message: String,
    /// What bank A's balance changes by.
    change: i128,
    /// Who is told of a credit, how often.
    told: (&'static str, usize),
}

/// Where a gateway dies.
struct Place {
    number: u64,
    location: Location,
}

fn single_payment() -> Case {
    let message = Transfer::new("MSG-1", &uetr(), "3.00").pacs_008();
    Case { tenant: "bank-a", key: KEY_A, message, change: -300, told: (KEY_B, 1) }
}

/// Stopped before and after everything that is durable or told to somebody, and begun again on the same database: one payment,
/// one answer, one notification.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_it_dies_a_payment_is_made_once_and_answered_once() {
    let ledger = Ledger::start();
    let location = |place| sqlite(&ledger.at(&format!("gateway-{place}.sqlite")));
    let passed = die_everywhere(&ledger, location, async |_| single_payment()).await;
    assert!(passed >= 16, "only {passed} places were passed");
}

/// The same on a real PostgreSQL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_too_a_payment_is_made_once_and_answered_once() {
    let ledger = Ledger::start();
    let passed =
        die_everywhere(&ledger, |place| new_database(&format!("gateway_{place}")), async |_| single_payment()).await;
    assert!(passed >= 16, "only {passed} places were passed");
}

/// A new database of the PostgreSQL that the tests started.
fn new_database(name: &str) -> Location {
    let named = |name: &str| Location::parse(&server().url(name), Some(PASSWORD)).unwrap();
    let create = format!("CREATE DATABASE {name}");
    let handle = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| handle.block_on(statement(&named("postgres"), &create)));
    named(name)
}

async fn statement(location: &Location, sql: &str) {
    let Location::Postgres(options) = location else { panic!() };
    let mut connection = sqlx::PgConnection::connect_with(options).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
}

/// A batch, whose payment has a name of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_it_dies_a_batch_is_paid_once() {
    let ledger = Ledger::start();
    let location = |place| sqlite(&ledger.at(&format!("gateway-{place}.sqlite")));
    let case = async |place: &Place| {
        let items = [("1.00".into(), IBAN_B), ("2.00".into(), IBAN_ALMA), ("0.50".into(), IBAN_B)];
        let message = pain_001(&format!("ORDER-{}", place.number), &items);
        Case { tenant: "bank-a", key: KEY_A, message, change: -350, told: (KEY_B, 2) }
    };
    die_everywhere(&ledger, location, case).await;
}

/// A return, which the ledger knows by its reference.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_it_dies_a_return_is_made_once() {
    let ledger = Ledger::start();
    let location = |place| sqlite(&ledger.at(&format!("gateway-{place}.sqlite")));
    let case = async |place: &Place| {
        let uetr = uetr();
        let message = Transfer::new("MSG-1", &uetr, "3.00").pacs_008();
        let mut opened = ledger.gateway(&place.location, None, Faults::default()).await;
        opened.gateway.receive("bank-a", message.as_bytes()).await.unwrap();
        opened.until("the credit", |url| (!notifications(url, KEY_B).is_empty()).then_some(())).await;
        opened.close().await;
        let message = pacs_004("RTR-1", &uetr, "1.25");
        Case { tenant: "bank-b", key: KEY_B, message, change: 125, told: (KEY_A, 1) }
    };
    die_everywhere(&ledger, location, case).await;
}

/// Dies at every place in turn; gives how many there are.
async fn die_everywhere(
    ledger: &Ledger,
    location: impl Fn(u64) -> Location,
    case: impl AsyncFn(&Place) -> Case,
) -> u64 {
    let mut place = Place { number: 0, location: location(0) };
    loop {
        let case = case(&place).await;
        let number = place.number;
        let before = ledger.balance("bank-a", None).await;
        let died = run_until_death(ledger, &place, &case).await;

        // Its sender knows nothing of the death, and sends again.
        let mut opened = ledger.gateway(&place.location, None, Faults::default()).await;
        let message = opened.gateway.receive(case.tenant, case.message.as_bytes()).await.unwrap().unwrap().to_string();
        let what = format!("the answer after a death at place {number}");
        let answer = opened.until(&what, |url| final_answer(url, &message, case.key)).await;
        assert_eq!(element(&answer, "GrpSts"), Some("ACSC"), "place {number}: {answer}");
        let (told, times) = case.told;
        let told = opened
            .until("the notification", |url| Some(notifications(url, told)).filter(|told| !told.is_empty()))
            .await;
        assert_eq!(told.len(), times, "place {number}");
        let path = format!("/v1/messages/{message}");
        let state = tokio::task::block_in_place(|| get(&opened.url, &path, case.key).json());
        let answers = state["answers"].as_array().unwrap();
        let purposes: Vec<_> = answers.iter().map(|told| told["purpose"].clone()).collect();
        assert_eq!(purposes, ["taken", "final"], "place {number}");
        let after = ledger.balance("bank-a", None).await;
        let change = i128::try_from(after).unwrap() - i128::try_from(before).unwrap();
        assert_eq!(change, case.change, "place {number}");
        opened.close().await;
        if !died {
            return number;
        }
        place = Place { number: number + 1, location: location(number + 1) };
    }
}

/// Whether the gateway died at this place before everything was done.
async fn run_until_death(ledger: &Ledger, place: &Place, case: &Case) -> bool {
    let faults = Faults::stop_at(place.number);
    let Ok(mut opened) = ledger.try_gateway(&place.location, None, faults).await else { return true };
    let died = async {
        let Ok(number) = opened.gateway.receive(case.tenant, case.message.as_bytes()).await else { return true };
        let number = number.unwrap().to_string();
        loop {
            if let Err(error) = opened.gateway.round().await
                && error.is_fatal()
            {
                return true;
            }
            let url = opened.url.clone();
            let over = tokio::task::block_in_place(|| {
                final_answer(&url, &number, case.key).is_some() && !notifications(&url, case.told.0).is_empty()
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

/// What was signed and never sent, and whose nonce somebody else used, is signed anew: paid once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_whose_nonce_is_used_by_another_is_signed_anew() {
    let ledger = Ledger::start();
    let message = Transfer::new("MSG-1", &uetr(), "3.00").pacs_008();
    // The place where the bytes are durable and not sent, whatever its number is.
    let mut found = None;
    for place in 0..40 {
        let location = sqlite(&ledger.at(&format!("gateway-{place}.sqlite")));
        let Ok(mut opened) = ledger.try_gateway(&location, None, Faults::stop_at(place)).await else { continue };
        let received = opened.gateway.receive("bank-a", message.as_bytes()).await;
        let stopped = if received.is_ok() { opened.gateway.round().await.err() } else { None };
        opened.close().await;
        if stopped.is_some_and(|error| error.to_string() == "stopped at sending") {
            found = Some(location);
            break;
        }
    }
    let location = found.expect("a place before sending");
    let before = ledger.balance("bank-a", None).await;
    let token = florin_client::Token::open(ledger.rpc(), ledger.token()).await.unwrap();
    let cent = florin_types::Amount::new(1, token.currency());
    let sent = token.transfer(&ledger.signer("bank-a"), ledger.address("alma"), cent).await.unwrap();
    token.wait_final(&sent, 30_000).await.unwrap();

    let mut opened = ledger.gateway(&location, None, Faults::default()).await;
    let number = opened.gateway.receive("bank-a", message.as_bytes()).await.unwrap().unwrap().to_string();
    let answer = opened.until("the answer", |url| final_answer(url, &number, KEY_A)).await;
    assert_eq!(element(&answer, "TxSts"), Some("ACSC"), "{answer}");
    assert_eq!(ledger.balance("bank-a", None).await, before - 301);
    opened.close().await;
}

/// The real program, killed while it works, again and again: each payment once, each answer once.
#[test]
fn killed_at_any_moment_the_program_pays_and_answers_once() {
    let ledger = Ledger::start();
    let arguments = ledger.configured(Some("files"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let before = runtime.block_on(ledger.balance("bank-a", None));
    let mut messages = Vec::new();
    for life in 0..10u64 {
        let gateway = Running::start(florin(arguments.iter()));
        let url = gateway.text("url");
        for number in 0..5 {
            let id = format!("MSG-{life}-{number}");
            let message = Transfer::new(&id, &uetr(), "1.00").pacs_008();
            // One by HTTP, the others as files, which arrive by rename.
            if number == 4 {
                try_http(&url, "POST", "/v1/messages", KEY_A, "", message.as_bytes());
            } else {
                let room = ledger.at("files/bank-a/in");
                std::fs::write(room.join(format!(".{id}")), &message).unwrap();
                std::fs::rename(room.join(format!(".{id}")), room.join(&id)).unwrap();
            }
            messages.push(message);
        }
        std::thread::sleep(Duration::from_millis(life * 70));
        signal("-9", gateway.pid());
        drop(gateway);
    }
    let gateway = Running::start(florin(arguments.iter()));
    let url = gateway.text("url");
    for message in &messages {
        let answer = try_http(&url, "POST", "/v1/messages", KEY_A, "Prefer: wait=60\r\n", message.as_bytes()).unwrap();
        assert_eq!(element(&answer.body, "TxSts"), Some("ACSC"), "{answer:?}");
    }
    let paid = u128::try_from(messages.len()).unwrap() * 100;
    assert_eq!(runtime.block_on(ledger.balance("bank-a", None)), before - paid);
    let count_files = |room: &str, begins: &str| {
        let names = std::fs::read_dir(ledger.at("files").join(room)).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().starts_with(begins)).count()
    };
    // Each message has been answered as files, too: taken and final. Each credit was told to bank B.
    wait_for("all notifications", || (count_files("bank-b/out", "camt.054") == messages.len()).then_some(()));
    wait_for("all answers", || (count_files("bank-a/out", "pacs.002") == 2 * messages.len()).then_some(()));
    assert_eq!((count_files("bank-a/in", ""), count_files("bank-a/work", "")), (0, 0));
    assert_eq!(count_files("bank-a/refused", ""), 0);
    assert!(gateway.stop().success());
}

/// Files: what is no message is refused with the reason beside it, and nothing that is being written is taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_taken_whole_and_once_wherever_it_dies() {
    let ledger = Ledger::start();
    let folder = ledger.at("files");
    let room = |tenant: &str, room: &str| folder.join(tenant).join(room);
    let names = |tenant: &str, of: &str| -> Vec<String> {
        let entries = std::fs::read_dir(room(tenant, of)).into_iter().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let whole = |tenant: &str| names(tenant, "out").into_iter().filter(|name| !name.starts_with('.')).count();
    let over = || whole("bank-b") == 1 && whole("bank-a") == 2;
    let mut place = 0;
    loop {
        let location = sqlite(&ledger.at(&format!("gateway-{place}.sqlite")));
        let _ = std::fs::remove_dir_all(&folder);
        let before = ledger.balance("bank-a", None).await;
        std::fs::create_dir_all(room("bank-a", "in")).unwrap();
        let message = Transfer::new("MSG-1", &uetr(), "3.00").pacs_008();
        std::fs::write(room("bank-a", "in").join("good.xml"), &message).unwrap();
        std::fs::write(room("bank-a", "in").join("bad.xml"), "<a>").unwrap();
        std::fs::write(room("bank-a", "in").join(".partial.xml"), &message[..100]).unwrap();
        std::fs::create_dir(room("bank-a", "in").join("directory")).unwrap();
        let died = match ledger.try_gateway(&location, Some(folder.clone()), Faults::stop_at(place)).await {
            Err(_) => true,
            Ok(mut opened) => {
                let died = loop {
                    match opened.gateway.round().await {
                        Err(error) if error.is_fatal() => break true,
                        _ if over() && names("bank-a", "work").is_empty() => break false,
                        _ => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                };
                opened.close().await;
                died
            }
        };
        let mut opened = ledger.gateway(&location, Some(folder.clone()), Faults::default()).await;
        opened.until("all files", |_| (over() && names("bank-a", "work").is_empty()).then_some(())).await;
        opened.close().await;
        assert_eq!(names("bank-a", "in"), [".partial.xml", "directory"], "place {place}");
        assert_eq!(names("bank-a", "done").len(), 1, "place {place}");
        let refused = names("bank-a", "refused");
        assert!(refused.len() == 2 && refused[1].ends_with("bad.xml.reason.txt"), "{refused:?}");
        let answers = names("bank-a", "out");
        assert!(answers.iter().all(|name| name.starts_with("pacs.002.001.10.FLR")), "{answers:?}");
        assert_eq!(ledger.balance("bank-a", None).await, before - 300, "place {place}");
        if !died {
            break;
        }
        place += 1;
    }
    assert!(place >= 24, "only {place} places were passed");
}

/// Statements begin and end with the ledger's balances.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_have_the_ledgers_balances() {
    let ledger = Ledger::start();
    let mut opened = ledger.gateway(&sqlite(&ledger.at("gateway.sqlite")), None, Faults::default()).await;
    let opening = ledger.balance("bank-b", None).await;
    let (first, second) = (uetr(), uetr());
    for (id, uetr, amount) in [("MSG-1", &first, "3.00"), ("MSG-2", &second, "4.50")] {
        let message = Transfer::new(id, uetr, amount).pacs_008();
        let number = opened.gateway.receive("bank-a", message.as_bytes()).await.unwrap().unwrap().to_string();
        opened.until(id, |url| final_answer(url, &number, KEY_A)).await;
    }
    opened.until("the credits", |url| (notifications(url, KEY_B).len() == 2).then_some(())).await;
    let back = pacs_004("RTR-1", &second, "0.50");
    let number = opened.gateway.receive("bank-b", back.as_bytes()).await.unwrap().unwrap().to_string();
    opened.until("the return", |url| final_answer(url, &number, KEY_B)).await;
    opened.until("the entry", |url| (!notifications(url, KEY_A).is_empty()).then_some(())).await;
    let closing = ledger.balance("bank-b", None).await;
    assert_eq!(closing, opening + 700);

    let url = opened.url.clone();
    let stop = std::sync::Arc::new(tokio::sync::Notify::new());
    let stopped = stop.clone();
    let running = tokio::spawn(opened.gateway.run(async move { stopped.notified().await }));
    let path = |day: &str| format!("/v1/accounts/{IBAN_B}/statement?day={day}");
    let ask = |path: String, key: &'static str| {
        let url = url.clone();
        tokio::task::spawn_blocking(move || get(&url, &path, key))
    };
    let today = ask(path(&day_after_now(0)), KEY_B).await.unwrap();
    assert_eq!(today.status, 200, "{today:?}");
    let money = |minor: u128| format!(r#"<Amt Ccy="EUR">{}.{:02}</Amt>"#, minor / 100, minor % 100);
    let balances: Vec<&str> = today.body.split("<Bal>").skip(1).collect();
    assert!(balances[0].contains("OPBD") && balances[0].contains(&money(opening)), "{}", today.body);
    assert!(balances[1].contains("ITBD") && balances[1].contains(&money(closing)), "{}", today.body);
    assert_eq!((count(&today.body, "<Ntry>"), today.body.contains("camt.052.001.08")), (3, true));
    assert!(today.body.contains("RRTN") && today.body.contains("<CdtDbtInd>DBIT</CdtDbtInd>"), "{}", today.body);
    let earlier = ask(path("2026-01-05"), KEY_B).await.unwrap();
    assert_eq!(earlier.status, 400, "before anything was told: {earlier:?}");
    assert!(earlier.body.contains(&day_after_now(0)), "it says from when on: {}", earlier.body);
    for day in ["2999-01-01", "2026-02-30", "x"] {
        assert_eq!(ask(path(day), KEY_B).await.unwrap().status, 400, "{day}");
    }
    assert_eq!(ask(path("2026-01-05"), KEY_A).await.unwrap().status, 404);
    stop.notify_one();
    running.await.unwrap().unwrap();
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

/// A gateway that lost its whole memory returns nothing twice: neither does it know the payment that comes back, nor that it came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_database_returns_nothing_twice() {
    let ledger = Ledger::start();
    let uetr = uetr();
    let before = ledger.balance("bank-a", None).await;
    let back = pacs_004("RTR-1", &uetr, "1.25");
    for life in ["first", "second"] {
        let mut opened = ledger.gateway(&sqlite(&ledger.at(&format!("{life}.sqlite"))), None, Faults::default()).await;
        let mut ask = async |tenant: &str, key: &str, message: &str| {
            let number = opened.gateway.receive(tenant, message.as_bytes()).await.unwrap().unwrap().to_string();
            opened.until(life, |url| final_answer(url, &number, key)).await
        };
        if life == "first" {
            let paid = ask("bank-a", KEY_A, &Transfer::new("MSG-1", &uetr, "3.00").pacs_008()).await;
            assert_eq!(element(&paid, "TxSts"), Some("ACSC"), "{paid}");
        }
        let answer = ask("bank-b", KEY_B, &back).await;
        assert_eq!((element(&answer, "TxSts"), element(&answer, "StsId")), (Some("ACSC"), Some("R-RTR-1")), "{answer}");
        assert_eq!(ledger.balance("bank-a", None).await, before - 175, "{life}");
        opened.close().await;
    }
    // Only the ledger remembers that another amount came back under this identification; under another one the rest comes back.
    let mut third = ledger.gateway(&sqlite(&ledger.at("third.sqlite")), None, Faults::default()).await;
    for (message, status, code) in [
        (pacs_004("RTR-1", &uetr, "1.00"), "RJCT", Some("DUPL")),
        (pacs_004("RTR-2", &uetr, "1.75"), "ACSC", None),
        (pacs_004("RTR-3", &uetr, "0.01"), "RJCT", Some("AM09")),
    ] {
        let number = third.gateway.receive("bank-b", message.as_bytes()).await.unwrap().unwrap().to_string();
        let answer = third.until("an answer", |url| final_answer(url, &number, KEY_B)).await;
        let found = element(&answer, "Rsn").and_then(|reason| element(reason, "Cd"));
        assert_eq!((element(&answer, "TxSts"), found), (Some(status), code), "{answer}");
    }
    // Nobody returns what was paid to somebody else.
    let foreign = pacs_004("RTR-4", &uetr, "0.01");
    let number = third.gateway.receive("bank-a", foreign.as_bytes()).await.unwrap().unwrap().to_string();
    let answer = third.until("the refusal", |url| final_answer(url, &number, KEY_A)).await;
    assert_eq!(element(&answer, "TxSts"), Some("RJCT"), "{answer}");
    assert_eq!(ledger.balance("bank-a", None).await, before);
    third.close().await;
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
