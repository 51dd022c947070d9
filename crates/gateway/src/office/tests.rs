//! Who is asked, and that nobody is passed over: on a real database, with a screening service that answers HTTP.

use super::{screening::read, *};
use crate::{
    Faults,
    book::TokenEntry,
    store::{Details, MESSAGE_OPEN, ReadAs, Sender},
};
use alloy_primitives::{Address, B256};
use axum::{Json, Router, http::StatusCode, routing::post};
use florin_client::Roots;
use florin_history::Location;
use florin_iso20022::{
    Mark,
    model::{CancellationGroup, CancellationRequests, GroupCancellation, Message},
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

const NOW_MS: u64 = 1_795_348_800_000;

fn order(item: u64, kind: OrderKind, minor: u128) -> NewOrder {
    let text = |text: &str| Some(text.to_owned());
    NewOrder {
        end_to_end: text("E-1"),
        uetr: text("eb6305c9-1f7f-49de-aed0-16487c27b42d"),
        claim: Some(format!("pay:{item}")),
        signer: Some(Address::repeat_byte(1)),
        payer: Some(Address::repeat_byte(1)),
        payee: Some(Address::repeat_byte(2)),
        token: Some(Address::repeat_byte(9)),
        amount: Some(minor),
        currency: text("EUR"),
        details: Details { creditor: text("Bruno"), remittance: vec!["Invoice 7".into()], ..Details::default() },
        ..NewOrder::blank(1, item, "bank-a", kind)
    }
}

fn office(screens: bool) -> Office {
    let approval_above = [("EUR".to_owned(), 1_000)].into();
    Office::new(&[Tenant { name: "bank-a".into(), approval_above, ..Tenant::default() }], screens)
}

fn caller(tenant: &str, name: &str, roles: &[Role]) -> Caller {
    Caller { tenant: tenant.into(), name: name.into(), roles: roles.iter().copied().collect() }
}

fn approve() -> Answer {
    Answer::Approve { words: None }
}

/// A database in a directory of its own.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    async fn open(&self) -> Store {
        self.open_with(Faults::default()).await
    }

    async fn open_with(&self, faults: Faults) -> Store {
        let path = self.directory.path().join("gateway.sqlite");
        let location = Location::parse(path.to_str().unwrap(), None).unwrap();
        Store::open(&location, B256::ZERO, 0, faults).await.unwrap().0
    }

    /// With a message of `anna`, and these orders of it.
    async fn with(&self, mut orders: Vec<NewOrder>) -> Store {
        let store = self.open().await;
        let mut work = store.write().await.unwrap();
        let sender = Sender { tenant: "bank-a", maker: "anna", file: None };
        store.receive(&mut work, &sender, b"<a/>", B256::ZERO, NOW_MS).await.unwrap();
        store.add_orders(&mut work, &mut orders).await.unwrap();
        store.commit(work, "test").await.unwrap();
        store
    }
}

async fn state(store: &Store, number: u64) -> State {
    store.order(&mut store.read().await.unwrap(), number).await.unwrap().state
}

#[test]
fn what_is_above_the_limit_waits_and_a_batch_is_one_amount() {
    let enter = |orders: &[(OrderKind, u128, State)], screens: bool| {
        let mut orders: Vec<NewOrder> =
            orders.iter().map(|(kind, minor, state)| NewOrder { state: *state, ..order(0, *kind, *minor) }).collect();
        office(screens).enter(&mut orders);
        orders.into_iter().map(|order| order.state).collect::<Vec<_>>()
    };
    use OrderKind::{Item, Pay, Return};
    use State::{Checked, Held, Refused, Same, Waiting};
    assert_eq!(enter(&[(Pay, 1_000, Checked), (Pay, 1_001, Checked)], false), [Checked, Waiting]);
    assert_eq!(enter(&[(Return, 1_001, Checked), (Pay, 1_001, Held), (Pay, 1, Held)], false), [Waiting, Waiting, Held]);
    assert_eq!(enter(&[(Pay, 9_999, Refused), (Pay, 9_999, Same)], true), [Refused, Same]);
    assert_eq!(enter(&[(Item, 600, Checked), (Item, 401, Checked)], false), [Waiting, Waiting]);
    assert_eq!(enter(&[(Item, 600, Checked), (Item, 401, Refused)], false), [Checked, Refused]);
    assert_eq!(enter(&[(Pay, 1, Checked)], true), [State::Screening]);
    // Another tenant and another currency have limits of their own, or none.
    let mut other = vec![NewOrder { tenant: "bank-b".into(), ..order(0, Pay, 5_000) }];
    other.push(NewOrder { currency: Some("USD".into()), ..order(1, Pay, 5_000) });
    office(false).enter(&mut other);
    assert!(other.iter().all(|order| order.state == Checked));
}

#[tokio::test]
async fn nobody_approves_their_own_whatever_keys_they_have() {
    let place = Place::new();
    let store = place.with(vec![NewOrder { state: State::Waiting, ..order(0, OrderKind::Pay, 5_000) }]).await;
    let office = office(false);
    let decide =
        async |caller: Caller, number| office.decide(&store, &caller, number, &approve(), NOW_MS).await.unwrap();
    let everything = Role::ALL;
    assert_eq!(decide(caller("bank-a", "anna", &everything), 1).await, Err(Refusal::Own));
    assert_eq!(decide(caller("bank-a", "Anna", &[Role::Checker]), 1).await, Err(Refusal::Own));
    let makes_only = caller("bank-a", "bert", &[Role::Maker, Role::Compliance, Role::Auditor]);
    assert_eq!(decide(makes_only, 1).await, Err(Refusal::Role(Role::Checker)));
    assert_eq!(decide(caller("bank-b", "bert", &everything), 1).await, Err(Refusal::Unknown), "another's order");
    assert_eq!(decide(caller("bank-a", "bert", &everything), 2).await, Err(Refusal::Unknown));
    assert_eq!(state(&store, 1).await, State::Waiting);

    // It outlives the process, and is decided once.
    store.close().await;
    let store = place.open().await;
    let bert = caller("bank-a", "bert", &[Role::Checker]);
    assert_eq!(office.decide(&store, &bert, 1, &approve(), NOW_MS).await.unwrap(), Ok(()));
    assert_eq!(state(&store, 1).await, State::Checked);
    let again = office.decide(&store, &bert, 1, &approve(), NOW_MS).await.unwrap();
    assert_eq!(again, Err(Refusal::Over(State::Checked)));
    let decisions = store.decisions_over(&mut store.read().await.unwrap(), "bank-a", 1).await.unwrap();
    assert_eq!(decisions.len(), 1);
    assert_eq!((decisions[0].stage.as_str(), decisions[0].verdict.as_str()), ("approval", "pass"));
    assert_eq!(decisions[0].who.as_deref(), Some("bert"));
}

#[tokio::test]
async fn a_refusal_has_its_code_and_an_approval_leads_to_what_comes_next() {
    let later = NewOrder { due_ms: NOW_MS + 1, ..order(1, OrderKind::Pay, 5_000) };
    let orders = [order(0, OrderKind::Pay, 5_000), later, order(2, OrderKind::Pay, 5_000)];
    let orders = orders.map(|order| NewOrder { state: State::Waiting, ..order }).to_vec();
    let place = Place::new();
    let store = place.with(orders).await;
    let bert = caller("bank-a", "bert", &[Role::Checker]);
    let refuse = Answer::Refuse { code: None, words: "not our invoice".into() };
    office(true).decide(&store, &bert, 1, &refuse, NOW_MS).await.unwrap().unwrap();
    let refused = store.order(&mut store.read().await.unwrap(), 1).await.unwrap();
    assert_eq!((refused.state, refused.code.as_deref()), (State::Refused, Some("DS02")));
    assert!(refused.words.unwrap().ends_with("not our invoice"));
    office(true).decide(&store, &bert, 2, &approve(), NOW_MS).await.unwrap().unwrap();
    assert_eq!(state(&store, 2).await, State::Held, "its day has not come");
    office(true).decide(&store, &bert, 3, &approve(), NOW_MS).await.unwrap().unwrap();
    assert_eq!(state(&store, 3).await, State::Screening);
    let waiting = store.waiting_for_people(&mut store.read().await.unwrap(), "bank-a", 0, 100).await.unwrap();
    assert!(waiting.is_empty());
}

#[tokio::test]
async fn a_batch_is_approved_as_one_and_goes_on_when_all_of_it_passed() {
    let items = (0..3).map(|item| NewOrder { state: State::Waiting, ..order(item, OrderKind::Item, 500) });
    let place = Place::new();
    let store = place.with(items.collect()).await;
    let bert = caller("bank-a", "bert", &[Role::Checker]);
    office(true).decide(&store, &bert, 2, &approve(), NOW_MS).await.unwrap().unwrap();
    let states = async || [state(&store, 1).await, state(&store, 2).await, state(&store, 3).await];
    assert_eq!(states().await, [State::Screening; 3]);
    let said = |verdict| screening::Said { verdict, code: None, words: None };
    for (number, verdict) in [(1, Verdict::Pass), (2, Verdict::Hold), (3, Verdict::Pass)] {
        assert!(screening::keep(&store, number, &said(verdict), NOW_MS).await.unwrap());
    }
    assert_eq!(states().await, [State::Passed, State::Review, State::Passed], "it is paid whole");
    let clara = caller("bank-a", "clara", &[Role::Compliance]);
    let refused = office(true).decide(&store, &bert, 2, &approve(), NOW_MS).await.unwrap();
    assert_eq!(refused, Err(Refusal::Role(Role::Compliance)));
    office(true).decide(&store, &clara, 2, &approve(), NOW_MS).await.unwrap().unwrap();
    assert_eq!(states().await, [State::Checked; 3]);
}

/// A cancellation of a whole message lets nothing go that it is about to cancel.
#[tokio::test]
async fn a_message_is_cancelled_whole_while_its_batch_waits_for_one_item() {
    let states = [State::Passed, State::Review, State::Passed, State::Passed];
    let items = (0..4u64).zip(states).map(|(item, state)| NewOrder { state, ..order(item, OrderKind::Item, 500) });
    let place = Place::new();
    let store = place.with(items.collect()).await;
    let mut work = store.write().await.unwrap();
    let read = ReadAs {
        state: MESSAGE_OPEN,
        claim: Some("claim".into()),
        name: Some("pain.001.001.09".into()),
        message_id: Some("MSG-1".into()),
        ..ReadAs::default()
    };
    assert!(store.read_as(&mut work, 1, &read).await.unwrap());
    let whole =
        GroupCancellation { message_id: "MSG-1".into(), message_name: "pain.001.001.09".into(), ..Default::default() };
    let underlying = vec![CancellationGroup { group: Some(whole), ..CancellationGroup::default() }];
    let requests = CancellationRequests { underlying, ..CancellationRequests::default() };
    let mark = Mark { message_id: "ANSWER-1".into(), created: "2026-11-23T00:00:00Z".into() };
    let answer = crate::exceptions::cancel(&store, &mut work, "bank-a", &requests, &mark).await.unwrap();
    let Message::Resolution(answer) = answer else { panic!("{answer:?}") };
    assert_eq!(answer.status.as_deref(), Some("CNCL"), "{answer:?}");
    for number in 1..=4 {
        assert_eq!(store.order(&mut work, number).await.unwrap().state, State::Cancelled);
    }
    // Again: each was cancelled before.
    let again = crate::exceptions::cancel(&store, &mut work, "bank-a", &requests, &mark).await.unwrap();
    assert!(matches!(again, Message::Resolution(ref answer) if answer.status.as_deref() == Some("CNCL")), "{again:?}");
}

/// A service that says what it is told to say, and remembers what it was asked.
#[derive(Clone, Default)]
struct Service {
    url: String,
    asked: Arc<Mutex<Vec<Value>>>,
    answer: Arc<Mutex<Value>>,
    is_down: Arc<AtomicBool>,
    times: Arc<AtomicU64>,
    /// An order about which it never answers.
    never: Arc<AtomicU64>,
}

impl Service {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/screen", listener.local_addr().unwrap());
        let service = Self { url, ..Self::default() };
        let served = service.clone();
        let answer = async move |headers: axum::http::HeaderMap, Json(question): Json<Value>| {
            served.times.fetch_add(1, Ordering::Relaxed);
            let is_refused = Some(served.never.load(Ordering::Relaxed)) == question["order"].as_u64();
            if is_refused || served.is_down.load(Ordering::Relaxed) {
                return Err(StatusCode::INTERNAL_SERVER_ERROR);
            }
            assert_eq!(headers["authorization"], "Bearer a key of ours");
            served.asked.lock().unwrap().push(question);
            Ok(Json(served.answer.lock().unwrap().clone()))
        };
        let router = Router::new().route("/screen", post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        service
    }

    fn says(&self, answer: Value) {
        *self.answer.lock().unwrap() = answer;
    }

    fn screening(&self, store: &Store) -> Screening {
        let euro = TokenEntry { currency: "EUR".into(), address: Address::repeat_byte(9), digits: 2, scheme: None };
        let book = crate::book::Book::new(&[], vec![euro], &Default::default()).unwrap();
        let key = Some("a key of ours".to_owned().into());
        let config = ScreeningConfig { url: self.url.clone(), key, timeout_ms: 2_000, roots: Roots::System };
        assert!(!format!("{config:?}").contains("a key of ours"));
        Screening::new(store.clone(), Arc::new(book), &config).unwrap()
    }
}

/// Rounds until the order has left `screening`.
async fn screened(screening: &mut Screening, store: &Store, number: u64) -> State {
    for _ in 0..1_000 {
        screening.round(NOW_MS).await.unwrap();
        let state = state(store, number).await;
        if state != State::Screening {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("order {number} was not screened");
}

/// However often it fails for one order, the next one is asked about.
#[tokio::test]
async fn an_order_that_is_never_answered_keeps_no_other_waiting() {
    let first = NewOrder { state: State::Screening, ..order(0, OrderKind::Pay, 1_250) };
    let place = Place::new();
    let store = place.with(vec![first]).await;
    let service = Service::start().await;
    service.never.store(1, Ordering::Relaxed);
    service.says(json!({ "verdict": "pass" }));
    let mut screening = service.screening(&store);
    // It has failed alone before the others come.
    while service.times.load(Ordering::Relaxed) < 3 {
        screening.round(NOW_MS).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for item in [1, 2] {
        let mut work = store.write().await.unwrap();
        let mut later = [NewOrder { state: State::Screening, ..order(item, OrderKind::Pay, 1_250) }];
        store.add_orders(&mut work, &mut later).await.unwrap();
        store.commit(work, "test").await.unwrap();
        assert_eq!(screened(&mut screening, &store, item + 1).await, State::Checked);
    }
    assert_eq!(state(&store, 1).await, State::Screening);
}

#[tokio::test]
async fn the_service_decides_and_what_it_said_is_kept() {
    let orders = (0..3).map(|item| NewOrder { state: State::Screening, ..order(item, OrderKind::Pay, 1_250) });
    let place = Place::new();
    let store = place.with(orders.take(1).collect()).await;
    let service = Service::start().await;
    service.says(json!({ "verdict": "pass" }));
    let mut screening = service.screening(&store);
    assert_eq!(screened(&mut screening, &store, 1).await, State::Checked);
    let asked = service.asked.lock().unwrap().clone();
    assert_eq!((asked.len(), &asked[0]["amount"], &asked[0]["currency"]), (1, &json!("12.50"), &json!("EUR")));
    assert_eq!((&asked[0]["creditor"]["name"], &asked[0]["remittance"][0]), (&json!("Bruno"), &json!("Invoice 7")));

    let place = Place::new();
    let store = place.with(vec![NewOrder { state: State::Screening, ..order(0, OrderKind::Pay, 1) }]).await;
    service.says(json!({ "verdict": "refuse", "code": "RR01", "words": "listed" }));
    let mut screening = service.screening(&store);
    assert_eq!(screened(&mut screening, &store, 1).await, State::Refused);
    let refused = store.order(&mut store.read().await.unwrap(), 1).await.unwrap();
    assert_eq!(refused.code.as_deref(), Some("RR01"));
    let decisions = store.decisions_over(&mut store.read().await.unwrap(), "bank-a", 1).await.unwrap();
    assert_eq!((decisions[0].verdict.as_str(), decisions[0].words.as_deref()), ("refuse", Some("listed")));

    let place = Place::new();
    let store = place.with(vec![NewOrder { state: State::Screening, ..order(0, OrderKind::Pay, 1) }]).await;
    service.says(json!({ "verdict": "hold", "words": "a name that is like one of a list" }));
    let mut screening = service.screening(&store);
    assert_eq!(screened(&mut screening, &store, 1).await, State::Review);
    // Compliance decides, and never over what it ordered itself.
    let own = caller("bank-a", "anna", &[Role::Compliance]);
    assert_eq!(office(true).decide(&store, &own, 1, &approve(), NOW_MS).await.unwrap(), Err(Refusal::Own));
    let clara = caller("bank-a", "clara", &[Role::Compliance]);
    office(true).decide(&store, &clara, 1, &approve(), NOW_MS).await.unwrap().unwrap();
    assert_eq!(state(&store, 1).await, State::Checked);
}

#[tokio::test]
async fn a_service_that_is_down_lets_nothing_pass_and_is_asked_again() {
    let place = Place::new();
    let orders = (0..40).map(|item| NewOrder { state: State::Screening, ..order(item, OrderKind::Pay, 1) });
    let store = place.with(orders.collect()).await;
    let service = Service::start().await;
    service.is_down.store(true, Ordering::Relaxed);
    service.says(json!({ "verdict": "pass" }));
    let mut screening = service.screening(&store);
    while service.times.load(Ordering::Relaxed) < 18 {
        screening.round(NOW_MS).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for number in 1..=40 {
        assert_eq!(state(&store, number).await, State::Screening);
    }
    // Whoever asked dies; what was not decided is asked by the next.
    drop(screening);
    store.close().await;
    let store = place.open().await;
    let mut screening = service.screening(&store);
    service.is_down.store(false, Ordering::Relaxed);
    for number in 1..=40 {
        assert_eq!(screened(&mut screening, &store, number).await, State::Checked);
    }
    let asked = service.asked.lock().unwrap().len();
    assert_eq!(asked, 40, "each order was decided once");
}

/// Stopped right before and right after it is durable: it was decided once, or not at all and is decided then.
#[tokio::test]
async fn a_death_at_a_decision_leaves_it_whole_or_not_there() {
    // The first two places are those of opening the database.
    for (stop, was_decided) in [(2, false), (3, true)] {
        let place = Place::new();
        let orders = vec![
            NewOrder { state: State::Screening, ..order(0, OrderKind::Pay, 1) },
            NewOrder { state: State::Waiting, ..order(1, OrderKind::Pay, 5_000) },
        ];
        place.with(orders).await.close().await;
        let said = screening::Said { verdict: Verdict::Pass, code: None, words: None };
        let bert = caller("bank-a", "bert", &[Role::Checker]);

        let store = place.open_with(Faults::stop_at(stop)).await;
        assert!(screening::keep(&store, 1, &said, NOW_MS).await.is_err());
        store.close().await;
        let store = place.open_with(Faults::stop_at(stop)).await;
        assert!(office(false).decide(&store, &bert, 2, &approve(), NOW_MS).await.is_err());
        store.close().await;

        let store = place.open().await;
        let expected = if was_decided { [State::Checked; 2] } else { [State::Screening, State::Waiting] };
        assert_eq!([state(&store, 1).await, state(&store, 2).await], expected);
        assert_eq!(screening::keep(&store, 1, &said, NOW_MS).await.unwrap(), !was_decided);
        let again = office(false).decide(&store, &bert, 2, &approve(), NOW_MS).await.unwrap();
        assert_eq!(again, if was_decided { Err(Refusal::Over(State::Checked)) } else { Ok(()) });
        for number in [1, 2] {
            assert_eq!(state(&store, number).await, State::Checked);
            let decisions = store.decisions_over(&mut store.read().await.unwrap(), "bank-a", number).await.unwrap();
            assert_eq!(decisions.len(), 1, "stopped at {stop}");
        }
    }
}

#[tokio::test]
async fn a_verdict_over_what_was_cancelled_meanwhile_changes_nothing() {
    let place = Place::new();
    let store = place.with(vec![NewOrder { state: State::Cancelled, ..order(0, OrderKind::Pay, 1) }]).await;
    let said = screening::Said { verdict: Verdict::Pass, code: None, words: None };
    assert!(!screening::keep(&store, 1, &said, NOW_MS).await.unwrap());
    assert_eq!(state(&store, 1).await, State::Cancelled);
    assert!(store.decisions_over(&mut store.read().await.unwrap(), "bank-a", 1).await.unwrap().is_empty());
}

#[test]
fn what_is_no_answer_lets_nothing_pass() {
    for wrong in ["", "pass", "{}", r#"{"verdict":"PASS"}"#, r#"{"verdict":true}"#, r#"["pass"]"#, "\u{0}"] {
        assert!(read(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
    let refused = read(br#"{"verdict":"refuse","code":"LIST-7","words":"two\nlines"}"#).unwrap();
    assert_eq!((refused.code, refused.words.as_deref()), (Some("RR04"), Some("LIST-7: twolines")));
    let refused = read(br#"{"verdict":"refuse","extra":1}"#).unwrap();
    assert_eq!((refused.verdict, refused.code, refused.words), (Verdict::Refuse, Some("RR04"), None));
    let long = format!(r#"{{"verdict":"hold","words":"{}"}}"#, "x".repeat(10_000));
    assert_eq!(read(long.as_bytes()).unwrap().words.unwrap().len(), WORDS_CHARS_MAX);
}
