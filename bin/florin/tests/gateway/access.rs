//! Who may do what at the gateway, on a real ledger.

use crate::{
    bank::*,
    common::{Running, fail, florin, succeed, wait_for},
    final_answer,
};
use axum::{Json, Router, routing::post};
use florin_gateway::{
    Controls, Faults, ScreeningConfig,
    access::{ROUTES, Right, Role, Tenant},
    audit::{AnchorConfig, verify_audit},
};
use serde_json::{Value, json};
use sqlx::Connection as _;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// Everybody at bank A, each with one role; their keys are made of their names.
const STAFF: [(&str, &[Role], &str); 4] = [
    ("anna", &[Role::Maker], "the key of anna, a maker"),
    ("bert", &[Role::Maker, Role::Checker], "the key of bert, who makes and checks"),
    ("Bert", &[Role::Checker], "another key of bert"),
    ("clara", &[Role::Checker, Role::Compliance], "the key of clara, who checks"),
];
const ANNA: &str = STAFF[0].2;
const BERT: &str = STAFF[1].2;
const BERT_AGAIN: &str = STAFF[2].2;
const CLARA: &str = STAFF[3].2;

/// Bank A with a limit of 100.00 EUR.
fn bank_a() -> Tenant {
    Tenant { approval_above: [("EUR".to_owned(), 10_000)].into(), ..tenant("bank-a", &STAFF) }
}

fn bank_b() -> Tenant {
    tenant("bank-b", &[("bank-b", &Role::ALL, KEY_B)])
}

/// What waits for a person, as this caller is told.
fn waiting(url: &str, key: &str) -> Vec<Value> {
    get(url, "/v1/approvals", key).json()["approvals"].as_array().unwrap().clone()
}

fn decide(url: &str, key: &str, order: &Value, decision: &Value) -> Http {
    http(url, "POST", &format!("/v1/approvals/{order}"), key, decision.to_string().as_bytes())
}

fn send(url: &str, key: &str, message: &str) -> String {
    let sent = http(url, "POST", "/v1/messages", key, message.as_bytes());
    assert!(matches!(sent.status, 200 | 202), "{sent:?}");
    sent.message()
}

fn code(answer: &Http) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_is_open_to_the_roles_of_the_table_and_to_nobody_else() {
    let ledger = Ledger::start();
    let keys: Vec<(Role, String)> =
        Role::ALL.into_iter().map(|role| (role, format!("the key of the {role}"))).collect();
    let callers: Vec<_> =
        keys.iter().map(|(role, key)| (role.name(), std::slice::from_ref(role), key.as_str())).collect();
    let nobody = ("nobody", [].as_slice(), "the key of one without roles");
    let tenants = vec![tenant("bank-a", &[callers.as_slice(), &[nobody]].concat()), bank_b()];
    let location = sqlite(&ledger.at("gateway.sqlite"));
    let mut opened = ledger.governed(&location, None, Faults::default(), tenants, Controls::default()).await.unwrap();
    opened.until("the beginning", |_| Some(())).await;
    let url = opened.url.clone();
    tokio::task::block_in_place(|| {
        for route in ROUTES {
            let path: Vec<&str> =
                route.path.split('/').map(|part| if part.starts_with('{') { "7" } else { part }).collect();
            let mut path = path.join("/");
            if path == "/v1/events" {
                // Whoever may listen would listen for long.
                path.push_str("?after=none");
            }
            for (role, key) in &keys {
                let answer = http(&url, route.method, &path, key, b"{}");
                let is_refused = code(&answer) == (403, "access.right".into());
                assert_eq!(!is_refused, role.gives(route.right), "{role}: {} {path}: {answer:?}", route.method);
                assert!(!matches!(answer.status, 401 | 405 | 429), "{role}: {} {path}: {answer:?}", route.method);
            }
            assert_eq!(http(&url, route.method, &path, nobody.2, b"{}").status, 403, "{path}");
            assert_eq!(http(&url, route.method, &path, "guess", b"{}").status, 401, "{path}");
        }
        let view = "/v1/payments/eb6305c9-1f7f-49de-aed0-16487c27b42d/journey?view=regulator";
        for (role, key) in &keys {
            let expected = if role.gives(Right::Audit) { (404, "payment.unknown") } else { (403, "access.right") };
            let told = code(&http(&url, "GET", view, key, b""));
            assert_eq!((told.0, told.1.as_str()), expected, "{role}");
        }
        let auditor = &keys.iter().find(|(role, _)| *role == Role::Auditor).unwrap().1;
        assert_eq!(http(&url, "DELETE", "/v1/messages", auditor, b"").status, 405, "not in the table");
    });
    opened.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_above_the_limit_is_paid_when_somebody_else_approves_it() {
    let ledger = Ledger::start();
    let location = sqlite(&ledger.at("gateway.sqlite"));
    let open = async || {
        let tenants = vec![bank_a(), bank_b()];
        let folder = Some(ledger.at("files"));
        ledger.governed(&location, folder, Faults::default(), tenants, Controls::default()).await.unwrap()
    };
    let mut opened = open().await;
    let before = ledger.balance("bank-a", None).await;
    let (small, large, refused, cancelled) = (uetr(), uetr(), uetr(), uetr());
    let url = opened.url.clone();
    let message = |id: &str, uetr: &str, amount: &str| Transfer::new(id, uetr, amount).pacs_008();
    // What is read is read in rounds: the calls that send wait for none here.
    let sent = |key: &'static str, message: String| {
        let url = url.clone();
        tokio::task::spawn_blocking(move || send(&url, key, &message))
    };
    let sending = [
        sent(ANNA, message("MSG-1", &small, "100.00")),
        sent(BERT, message("MSG-2", &large, "100.01")),
        sent(ANNA, message("MSG-3", &refused, "200.00")),
        sent(ANNA, message("MSG-4", &cancelled, "300.00")),
    ];
    let listed = opened.until("what waits", |url| Some(waiting(url, CLARA)).filter(|all| all.len() == 3)).await;
    let mut numbers = Vec::new();
    for one in sending {
        numbers.push(one.await.unwrap());
    }
    let of = |uetr: &str| listed.iter().find(|one| one["uetr"] == uetr).unwrap()["order"].clone();
    let made = listed.iter().find(|one| one["uetr"] == large.as_str()).unwrap();
    assert_eq!(
        (&made["maker"], &made["waits_for"], &made["status"]),
        (&json!("bert"), &json!("checker"), &json!("PDNG"))
    );

    let approve = json!({ "decision": "approve" });
    tokio::task::block_in_place(|| {
        // Its maker, the same person under another key, one without the role, another bank: none of them.
        assert_eq!(code(&decide(&url, BERT, &of(&large), &approve)), (403, "approval.own".into()));
        assert_eq!(code(&decide(&url, BERT_AGAIN, &of(&large), &approve)), (403, "approval.own".into()));
        assert_eq!(code(&decide(&url, ANNA, &of(&large), &approve)), (403, "access.right".into()));
        assert_eq!(code(&decide(&url, KEY_B, &of(&large), &approve)), (404, "order.unknown".into()));
        for wrong in [json!({}), json!({ "decision": "yes" }), json!({ "decision": "refuse" }), json!([])] {
            assert_eq!(decide(&url, CLARA, &of(&large), &wrong).status, 400, "{wrong}");
        }
        let odd = json!({ "decision": "refuse", "words": "no", "code": "XX99" });
        assert_eq!(decide(&url, CLARA, &of(&large), &odd).status, 400);
        assert!(waiting(&url, KEY_B).is_empty());
    });
    // Nothing is lost with the process.
    opened.close().await;
    let mut opened = open().await;
    let url = opened.url.clone();
    tokio::task::block_in_place(|| {
        assert_eq!(decide(&url, CLARA, &of(&large), &json!({ "decision": "approve", "words": "seen" })).status, 200);
        assert_eq!(code(&decide(&url, CLARA, &of(&large), &approve)), (409, "approval.over".into()));
        let no = json!({ "decision": "refuse", "words": "not our invoice" });
        assert_eq!(decide(&url, BERT, &of(&refused), &no).status, 200, "bert checks what anna made");
    });
    let paid = opened.until("the payment", |url| final_answer(url, &numbers[1], CLARA)).await;
    assert_eq!(element(&paid, "TxSts"), Some("ACSC"), "{paid}");
    let told = opened.until("the refusal", |url| final_answer(url, &numbers[2], CLARA)).await;
    assert_eq!(element(&told, "TxSts"), Some("RJCT"), "{told}");
    assert!(told.contains("<Cd>DS02</Cd>") && told.contains("not our invoice"), "{told}");

    // What waits is cancelled as anything else, and is decided by nobody any more.
    let cancel = opened.gateway.receive("bank-a", camt_056("CXL-1", &cancelled).as_bytes()).await.unwrap().unwrap();
    let answer = opened.until("the cancellation", |url| final_answer(url, &cancel.to_string(), CLARA)).await;
    assert_eq!(element(&answer, "Conf"), Some("CNCL"), "{answer}");
    let url = opened.url.clone();
    tokio::task::block_in_place(|| {
        assert_eq!(code(&decide(&url, CLARA, &of(&cancelled), &approve)), (409, "approval.over".into()));
        let payment = get(&url, &format!("/v1/payments/{large}"), ANNA).json();
        let decision = &payment["orders"][0]["decisions"][0];
        assert_eq!(
            (&decision["who"], &decision["verdict"], &decision["words"]),
            (&json!("clara"), &json!("pass"), &json!("seen"))
        );
    });

    // A file is nobody's of the staff, so that anybody of them with the role decides; a batch is one amount.
    let items: Vec<(String, &str)> = (0..3).map(|_| ("40.00".into(), IBAN_B)).collect();
    let room = ledger.at("files/bank-a/in");
    std::fs::write(room.join(".order"), pain_001("ORDER-1", &items)).unwrap();
    std::fs::rename(room.join(".order"), room.join("order")).unwrap();
    let listed = opened.until("the batch", |url| Some(waiting(url, CLARA)).filter(|all| all.len() == 3)).await;
    assert!(listed.iter().all(|one| one["maker"] == "files"), "{listed:?}");
    tokio::task::block_in_place(|| assert_eq!(decide(&url, CLARA, &listed[1]["order"], &approve).status, 200));
    let number = listed[0]["message"].to_string();
    let paid = opened.until("the batch's answer", |url| final_answer(url, &number, ANNA)).await;
    assert_eq!(count(&paid, "<TxSts>ACSC</TxSts>"), 3, "{paid}");
    assert_eq!(ledger.balance("bank-a", None).await, before - 10_000 - 10_001 - 12_000);
    opened.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_paid_that_screening_did_not_let_pass() {
    let ledger = Ledger::start();
    // The service: it refuses, holds or passes by amount; at first it is not there at all.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let remembered = asked.clone();
    let answer = async move |Json(question): Json<Value>| {
        let answer = match question["amount"].as_str().unwrap_or_default() {
            "1.00" => json!({ "verdict": "pass" }),
            "2.00" => json!({ "verdict": "refuse", "code": "RR01", "words": "the creditor is listed" }),
            _ => json!({ "verdict": "hold", "words": "like a name of a list" }),
        };
        remembered.lock().unwrap().push(question);
        Json(answer)
    };
    let url = format!("http://{address}/screen");
    let screening = ScreeningConfig { url, key: None, timeout_ms: 500, roots: florin_client::Roots::System };
    let controls = Controls { screening: Some(screening), ..Controls::default() };
    let location = sqlite(&ledger.at("gateway.sqlite"));
    let tenants = vec![tenant("bank-a", &STAFF), bank_b()];
    let mut opened = ledger.governed(&location, None, Faults::default(), tenants, controls).await.unwrap();
    let before = ledger.balance("bank-a", None).await;
    let uetrs = [uetr(), uetr(), uetr()];
    let mut numbers = Vec::new();
    for (place, amount) in ["1.00", "2.00", "3.00"].into_iter().enumerate() {
        let message = Transfer::new(&format!("MSG-{place}"), &uetrs[place], amount).pacs_008();
        numbers.push(opened.gateway.receive("bank-a", message.as_bytes()).await.unwrap().unwrap().to_string());
    }
    let state = |url: &str, uetr: &str| get(url, &format!("/v1/payments/{uetr}"), ANNA).json()["orders"][0].clone();
    let all = |url: &str, name: &str| uetrs.iter().all(|uetr| state(url, uetr)["state"] == name);
    opened.until("screening", |url| all(url, "screening").then_some(())).await;
    // The listener takes connections and nobody answers: the questions run into their time, and nothing passes.
    let begun = std::time::Instant::now();
    opened.until("two timeouts", |_| (begun.elapsed().as_millis() > 1_500).then_some(())).await;
    assert!(tokio::task::block_in_place(|| all(&opened.url, "screening")));

    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/screen", post(answer))).await.unwrap() });
    let paid = opened.until("the payment", |url| final_answer(url, &numbers[0], ANNA)).await;
    assert_eq!(element(&paid, "TxSts"), Some("ACSC"), "{paid}");
    let told = opened.until("the refusal", |url| final_answer(url, &numbers[1], ANNA)).await;
    assert!(told.contains("<Cd>RR01</Cd>") && told.contains("the creditor is listed"), "{told}");
    let held = opened.until("what is held", |url| waiting(url, CLARA).pop()).await;
    assert_eq!((&held["waits_for"], &held["status"]), (&json!("compliance"), &json!("PDNG")));
    let url = opened.url.clone();
    let release = json!({ "decision": "approve", "words": "another person, born elsewhere" });
    tokio::task::block_in_place(|| {
        assert_eq!(code(&decide(&url, BERT, &held["order"], &release)), (403, "approval.role".into()));
        assert_eq!(decide(&url, CLARA, &held["order"], &release).status, 200);
    });
    let paid = opened.until("the released payment", |url| final_answer(url, &numbers[2], ANNA)).await;
    assert_eq!(element(&paid, "TxSts"), Some("ACSC"), "{paid}");
    let told = tokio::task::block_in_place(|| state(&url, &uetrs[2]));
    let stages: Vec<_> =
        told["decisions"].as_array().unwrap().iter().map(|one| one["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["screening", "review"], "{told}");
    assert_eq!(ledger.balance("bank-a", None).await, before - 400);
    let first = asked.lock().unwrap()[0].clone();
    assert_eq!((&first["debtor"]["name"], &first["currency"]), (&json!("Anna Debtor"), &json!("EUR")));
    opened.close().await;
}

/// The real program: callers of the configuration, and an address that guesses.
#[test]
fn who_guesses_keys_is_not_listened_to_for_a_while() {
    let ledger = Ledger::start();
    let gateway = Running::start(florin(ledger.configured(None)));
    let url = gateway.text("url");
    assert_eq!(get(&url, "/v1/notifications", KEY_A).status, 200);
    let statuses: Vec<u16> = (0..12).map(|_| get(&url, "/v1/notifications", "guess").status).collect();
    assert_eq!(statuses[..10], [401; 10]);
    let shut_out = get(&url, "/v1/notifications", KEY_A);
    assert_eq!(code(&shut_out), (429, "access.shut_out".into()), "{statuses:?}");
    assert!(shut_out.head.to_lowercase().contains("retry-after: "), "{shut_out:?}");
    assert!(shut_out.head.contains("application/problem+json"), "{shut_out:?}");
    assert!(gateway.stop().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_calls_too_often_is_told_when_to_come_again() {
    let ledger = Ledger::start();
    let location = sqlite(&ledger.at("gateway.sqlite"));
    let controls = Controls { calls_per_second: std::num::NonZeroU32::new(1), ..Controls::default() };
    let opened = ledger.governed(&location, None, Faults::default(), vec![bank_a(), bank_b()], controls).await.unwrap();
    let url = opened.url.clone();
    tokio::task::block_in_place(|| {
        let refused = (0..100).map(|_| get(&url, "/v1/approvals", CLARA)).find(|answer| answer.status != 200).unwrap();
        assert_eq!(code(&refused), (429, "access.calls".into()), "{refused:?}");
        assert!(refused.head.to_lowercase().contains("retry-after: "), "{refused:?}");
        assert!(refused.head.contains("application/problem+json"), "{refused:?}");
        assert_eq!(get(&url, "/v1/approvals", ANNA).status, 200, "another caller has an allowance of its own");
    });
    opened.close().await;
}

/// Every call is a row, the ledger has the last one's hash, and a row that was changed or deleted is found by the program.
#[test]
fn what_was_done_is_in_the_audit_log_and_its_head_on_the_ledger() {
    let ledger = Ledger::start();
    let mut arguments = ledger.configured(None);
    let audit = format!("[audit]\naccount = '{}'\nkey = 'alma'\ncurrency = 'EUR'\n", ledger.address("alma"));
    let path = ledger.at("gateway.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    // Alma commits here, and is paid nothing.
    let config: Vec<&str> = config.split("[[accounts]]").filter(|part| !part.contains("NL91ABNA0417164300")).collect();
    std::fs::write(&path, format!("{}{audit}", config.join("[[accounts]]"))).unwrap();
    let gateway = Running::start(florin(arguments.iter()));
    let url = gateway.text("url");
    let uetr = uetr();
    let message = Transfer::new("MSG-1", &uetr, "1.00").pacs_008();
    let paid = try_http(&url, "POST", "/v1/messages", KEY_A, "Prefer: wait=30\r\n", message.as_bytes()).unwrap();
    assert_eq!(element(&paid.body, "TxSts"), Some("ACSC"), "{paid:?}");
    get(&url, &format!("/v1/payments/{uetr}"), KEY_A);
    get(&url, "/v1/payments/none", KEY_B);
    let listed = get(&url, "/v1/audit", KEY_A).json();
    let told: Vec<_> =
        listed["audit"].as_array().unwrap().iter().map(|row| (row["path"].clone(), row["status"].clone())).collect();
    assert_eq!(told, [(json!("/v1/messages"), json!(202)), (json!(format!("/v1/payments/{uetr}")), json!(200))]);
    let after = get(&url, "/v1/audit?after=1", KEY_A).json();
    assert_eq!(after["audit"][0]["who"], "bank-a", "it is the second call's row");

    let mut verify: Vec<String> = ["gateway", "audit", "verify"].map(String::from).into();
    verify.extend(arguments.drain(2..).take(6));
    let audited = wait_for("the commitment", || Some(succeed(&verify)).filter(|told| told["commitments"] == 1));
    assert!(
        audited["rows"].as_u64() >= audited["covered"].as_u64() && audited["covered"].as_u64() >= Some(1),
        "{audited}"
    );
    assert!(gateway.stop().success());

    let covered = audited["covered"].as_u64().unwrap();
    let change = |sql: &str| {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(ledger.at("gateway.sqlite"));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    };
    change("UPDATE audit SET who = 'somebody' WHERE number = 1");
    let (_, failure) = fail(&verify);
    assert_eq!(failure["code"], "gateway.audit", "{failure}");
    assert!(failure.to_string().contains("row 1 was changed"), "{failure}");
    change("UPDATE audit SET who = 'bank-a' WHERE number = 1");
    assert_eq!(succeed(&verify)["commitments"], 1);
    // The end of the log is gone, and what is left fits together: only the ledger knows.
    change(&format!("DELETE FROM audit WHERE number >= {covered}"));
    let (_, failure) = fail(&verify);
    assert!(failure.to_string().contains(&format!("rows after {} were deleted", covered - 1)), "{failure}");
}

/// Stopped before and after everything that is durable, and begun again: the head is committed, and fits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_it_dies_the_audit_logs_head_is_committed() {
    let ledger = Ledger::start();
    let genesis =
        florin_types::Genesis::from_json(&std::fs::read_to_string(ledger.at("demo/genesis.json")).unwrap()).unwrap();
    let genesis_hash = ledger.rpc().node_status().await.unwrap().genesis_hash;
    // An account for each database. The first four places are those of opening, where nothing is audited.
    for (place, name) in (4..).zip(["alma", "bruno", "chiara", "bank-c", "developer"]) {
        let location = sqlite(&ledger.at(&format!("gateway-{place}.sqlite")));
        let (signer, account) = (ledger.signer(name), ledger.address(name));
        let open = async |faults| {
            let anchor = Some(AnchorConfig { signer: signer.clone(), token: ledger.token() });
            let controls = Controls { anchor, ..Controls::default() };
            ledger.governed(&location, None, faults, vec![bank_a(), bank_b()], controls).await
        };
        let audited = async || {
            let verifier = florin_client::Verifier::from_genesis(&genesis, genesis_hash).unwrap();
            let anchor = Some((account, ledger.token()));
            verify_audit(&location, genesis_hash, (ledger.rpc(), verifier), anchor).await.unwrap().unwrap()
        };
        let mut opened = open(Faults::stop_at(place)).await.unwrap();
        let url = opened.url.clone();
        tokio::task::block_in_place(|| get(&url, "/v1/approvals", CLARA));
        let begun = std::time::Instant::now();
        let death = loop {
            assert!(begun.elapsed() < PATIENCE, "place {place}: neither death nor commitment");
            match opened.gateway.round().await {
                Err(error) if error.is_fatal() => break Some(error.to_string()),
                _ if place >= 8 && audited().await.commitments > 0 => break None,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        opened.close().await;
        let expected = match place {
            4 | 5 => Some("stopped at anchor signed"),
            6 | 7 => Some("stopped at anchor final"),
            _ => None,
        };
        assert_eq!(death.as_deref(), expected, "place {place}");
        let mut opened = open(Faults::default()).await.unwrap();
        let url = opened.url.clone();
        tokio::task::block_in_place(|| get(&url, "/v1/approvals", CLARA));
        let begun = std::time::Instant::now();
        while audited().await.commitments == 0 {
            opened.gateway.round().await.unwrap();
            assert!(begun.elapsed() < PATIENCE, "place {place}: nothing was committed");
        }
        // Followed to its end, and not committed again on the same day.
        let begun = std::time::Instant::now();
        opened.until("more rounds", |_| (begun.elapsed().as_millis() > 500).then_some(())).await;
        let told = audited().await;
        assert_eq!(told.commitments, 1, "place {place}");
        assert!((1..=2).contains(&told.rows), "place {place}: {told:?}");
        opened.close().await;
    }
}
