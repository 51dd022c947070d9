//! Gateway and node killed with -9 at any moment while banks send payments: each is settled once, and told once.
//!
//! `GATEWAY_PAYMENTS` says how many payments, 120 in the ordinary run and 1,000 before a release. `GATEWAY_SEED` repeats a run's
//! messages and moments; the seed of every run is printed.

use crate::{
    bank::*,
    common::{Running, florin, signal, wait_for},
};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolEvent as _;
use florin_modules::{PAYMENT_ADDRESS, payment::IPayment};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Most payments of one message.
const ITEMS_MAX: usize = 4;
/// How long everything may take after the last kill.
const END_PATIENCE: Duration = Duration::from_secs(300);

/// One payment, as its bank ordered it.
#[derive(Clone, Debug)]
struct Payment {
    uetr: String,
    /// The bank that pays.
    from: usize,
    /// The account that is paid.
    to: &'static str,
    cents: u128,
}

/// A message, and how it is sent.
struct Sent {
    id: String,
    bank: usize,
    xml: String,
    payments: Vec<Payment>,
    by_file: bool,
    by_http: bool,
}

const BANKS: [(&str, &str, &str); 2] = [("bank-a", KEY_A, IBAN_A), ("bank-b", KEY_B, IBAN_B)];

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Messages of both banks, some sent by both ways.
fn messages(random: &mut StdRng, payments: usize) -> Vec<Sent> {
    let (mut messages, mut left) = (Vec::new(), payments);
    while left > 0 {
        let bank = random.random_range(0..BANKS.len());
        let other = BANKS[1 - bank].2;
        let count = random.random_range(1..=ITEMS_MAX).min(left);
        left -= count;
        let payment = |random: &mut StdRng| Payment {
            uetr: florin_gateway::Uetr::derive(&[&random.random::<u128>().to_string()]).to_string(),
            from: bank,
            to: if random.random_range(0..3) == 0 { IBAN_ALMA } else { other },
            cents: random.random_range(1..500),
        };
        let payments: Vec<Payment> = (0..count).map(|_| payment(random)).collect();
        let id = format!("MSG-{}", messages.len());
        let way = random.random_range(0..4);
        let (by_file, by_http) = (way <= 1, way >= 1);
        messages.push(Sent { xml: pacs_008_of(&id, BANKS[bank].2, &payments), id, bank, payments, by_file, by_http });
    }
    messages
}

/// One message with several payments of one account.
fn pacs_008_of(id: &str, from: &str, payments: &[Payment]) -> String {
    let one = |payment: &Payment| {
        let amount = format!("{}.{:02}", payment.cents / 100, payment.cents % 100);
        let whole = Transfer { from, to: payment.to, ..Transfer::new(id, &payment.uetr, &amount) }.pacs_008();
        let (_, item) = whole.split_once("<CdtTrfTxInf>").unwrap();
        let (item, _) = item.split_once("</CdtTrfTxInf>").unwrap();
        format!("<CdtTrfTxInf>{item}</CdtTrfTxInf>")
    };
    let items: String = payments.iter().map(one).collect();
    let frame = Transfer::new(id, "", "0").pacs_008();
    let (head, _) = frame.split_once("<CdtTrfTxInf>").unwrap();
    let (_, tail) = frame.split_once("</CdtTrfTxInf>").unwrap();
    let head = head.replace("<NbOfTxs>1<", &format!("<NbOfTxs>{}<", payments.len()));
    format!("{head}{items}{tail}")
}

/// The gateway's node: a validator that the demo started, then this test.
struct Node {
    url: String,
    command: Vec<String>,
    pid: u64,
    child: Option<Child>,
}

impl Node {
    fn of(ledger: &Ledger) -> Self {
        let told = ledger.demo.value["validators"].as_array().unwrap().last().unwrap();
        let words = told["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
        let url = told["rpc_url"].as_str().unwrap().to_owned();
        Self { url, command: words.collect(), pid: told["pid"].as_u64().unwrap(), child: None }
    }

    fn kill(&mut self) {
        signal("-9", self.pid);
        if let Some(mut child) = self.child.take() {
            child.wait().unwrap();
        }
    }

    fn start(&mut self) {
        let mut command = std::process::Command::new(&self.command[0]);
        command.args(&self.command[1..]).arg("--stop-with-stdin");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        (self.pid, self.child) = (u64::from(child.id()), Some(child));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts the gateway as a service manager does: again, until it stands.
fn start_gateway(arguments: &[String], url: &Mutex<String>) -> Running {
    let gateway = wait_for("the gateway", || Running::try_start(florin(arguments)));
    *url.lock().unwrap() = gateway.text("url");
    gateway
}

/// Puts a file where the gateway takes it: whole, by rename.
fn put(ledger: &Ledger, message: &Sent) {
    let room = ledger.at("files").join(BANKS[message.bank].0).join("in");
    let part = room.join(format!(".{}", message.id));
    let mut file = fs::File::create(&part).unwrap();
    file.write_all(message.xml.as_bytes()).unwrap();
    fs::rename(&part, room.join(format!("{}.xml", message.id))).unwrap();
}

/// Sends everything, each message until somebody confirms it. What was confirmed is never sent again here.
fn send(ledger: &Ledger, messages: &[Sent], url: &Mutex<String>, pause: Duration) {
    for message in messages {
        if message.by_file {
            put(ledger, message);
        }
        if message.by_http {
            wait_for("somebody who takes a message", || {
                let url = url.lock().unwrap().clone();
                let answer = try_http(&url, "POST", "/v1/messages", BANKS[message.bank].1, "", message.xml.as_bytes())?;
                assert!(matches!(answer.status, 200 | 202 | 503), "{answer:?}");
                (answer.status != 503).then_some(())
            });
        }
        std::thread::sleep(pause);
    }
}

/// Every order of a payment that the ledger has, by payer and UETR.
async fn ordered(ledger: &Ledger) -> BTreeMap<(Address, B256), Vec<(u8, U256)>> {
    let filter = json!([{ "fromBlock": "0x0", "toBlock": "latest", "address": PAYMENT_ADDRESS,
                          "topics": [IPayment::PaymentOrdered::SIGNATURE_HASH] }]);
    let logs: Vec<Value> = ledger.rpc().call("eth_getLogs", filter).await.unwrap();
    let mut ordered: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for log in logs {
        let log = alloy_primitives::Log {
            address: PAYMENT_ADDRESS,
            data: alloy_primitives::LogData::new_unchecked(
                serde_json::from_value(log["topics"].clone()).unwrap(),
                serde_json::from_value(log["data"].clone()).unwrap(),
            ),
        };
        let event = IPayment::PaymentOrdered::decode_log(&log).unwrap().data;
        ordered.entry((event.payer, event.uetr)).or_default().push((event.state, event.amount));
    }
    ordered
}

/// What a tenant was given as files whose names begin so; not those that are being written.
fn written(ledger: &Ledger, bank: usize, name: &str) -> Vec<String> {
    let room = ledger.at("files").join(BANKS[bank].0).join("out");
    let files = fs::read_dir(room).unwrap().map(|entry| entry.unwrap());
    let is_one = |file: &str| file.starts_with(name) && !file.starts_with('.');
    let files = files.filter(|file| is_one(&file.file_name().to_string_lossy()));
    files.map(|file| fs::read_to_string(file.path()).unwrap()).collect()
}

/// Kills gateway, node or both, and starts them again, until everything is sent and so many were killed. Gives the gateway that
/// lives in the end, and how often gateway and node were killed.
fn kill_until(
    sent: &AtomicBool,
    kills: u64,
    random: &mut StdRng,
    node: &mut Node,
    (arguments, url): (&[String], &Mutex<String>),
) -> (Running, [u64; 2]) {
    let (mut gateway, mut killed) = (Some(start_gateway(arguments, url)), [0; 2]);
    while !sent.load(Ordering::Acquire) || killed[0] + killed[1] < kills {
        std::thread::sleep(Duration::from_millis(random.random_range(50..1_500)));
        let victims = random.random_range(0..4);
        let (of_gateway, of_node) = (victims != 1, victims == 1 || victims == 3);
        if of_node {
            node.kill();
            killed[1] += 1;
        }
        if let Some(victim) = gateway.take_if(|_| of_gateway) {
            signal("-9", victim.pid());
            killed[0] += 1;
        }
        std::thread::sleep(Duration::from_millis(random.random_range(0..400)));
        if of_node {
            node.start();
        }
        if gateway.is_none() {
            gateway = Some(start_gateway(arguments, url));
        }
    }
    (gateway.unwrap(), killed)
}

/// What the gateway says of a message when everything is over: its answers' purposes, and how many of its payments are in which
/// state.
fn final_state(url: &str, message: &Sent) -> Value {
    let key = BANKS[message.bank].1;
    let begun = Instant::now();
    loop {
        // Known by its bytes: sending again is asking.
        let answer = http(url, "POST", "/v1/messages", key, message.xml.as_bytes());
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
        let told = get(url, &format!("/v1/messages/{}", answer.message()), key).json();
        if told["state"] == "final" {
            return told;
        }
        assert!(begun.elapsed() < END_PATIENCE, "{} has no final answer: {told}", message.id);
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Each payment is ordered on the ledger once, and each balance is what the payments make of it.
async fn check_ledger(ledger: &Ledger, messages: &[Sent], before: &BTreeMap<&str, u128>) {
    let mut orders = ordered(ledger).await;
    let mut expected = before.clone();
    for payment in messages.iter().flat_map(|message| &message.payments) {
        let uetr = florin_gateway::Uetr::parse(&payment.uetr).unwrap().word();
        let payer = BANKS[payment.from].0;
        let found = orders.remove(&(ledger.address(payer), uetr));
        assert_eq!(found, Some(vec![(3, U256::from(payment.cents))]), "{payment:?}");
        let payee = BANKS.iter().find(|bank| bank.2 == payment.to).map_or("alma", |bank| bank.0);
        *expected.get_mut(payer).unwrap() -= payment.cents;
        *expected.get_mut(payee).unwrap() += payment.cents;
    }
    assert!(orders.is_empty(), "nobody ordered these: {orders:?}");
    for (name, expected) in expected {
        assert_eq!(ledger.balance(name, None).await, expected, "{name}");
    }
}

/// Each message has one first and one final answer, and each credit of a served account one notification: by HTTP and as files.
fn check_told(ledger: &Ledger, url: &str, messages: &[Sent]) {
    for message in messages {
        let told = final_state(url, message);
        let purposes: Vec<_> = told["answers"].as_array().unwrap().iter().map(|told| told["purpose"].clone()).collect();
        assert_eq!(purposes, ["taken", "final"], "{}: {told}", message.id);
        assert_eq!(told["states"], json!({ "settled": message.payments.len() }), "{}: {told}", message.id);
    }
    for (bank, (name, key, account)) in BANKS.into_iter().enumerate() {
        let credits: Vec<&Payment> =
            messages.iter().flat_map(|message| &message.payments).filter(|payment| payment.to == account).collect();
        let begun = Instant::now();
        let all_told = || {
            let told = crate::notifications_told(url, key);
            assert!(told <= credits.len() && begun.elapsed() < END_PATIENCE, "{told} of {} credits", credits.len());
            (told == credits.len()).then_some(())
        };
        wait_for("the notifications", all_told);
        let answered = 2 * messages.iter().filter(|message| message.bank == bank).count();
        wait_for("all files", || (written(ledger, bank, "").len() == answered + credits.len()).then_some(()));
        assert_eq!(written(ledger, bank, "pacs.002").len(), answered, "{name}");
        let told = written(ledger, bank, "camt.054");
        for credit in credits {
            assert_eq!(told.iter().filter(|told| told.contains(&credit.uetr)).count(), 1, "{credit:?}");
        }
        let taken = ledger.at("files").join(name);
        assert_eq!(fs::read_dir(taken.join("in")).unwrap().count(), 0, "{name}");
        assert_eq!(fs::read_dir(taken.join("work")).unwrap().count(), 0, "{name}");
    }
}

/// Banks send by HTTP and as files while the gateway and its node die again and again. In the end the ledger has each payment
/// once, and each message and each credit was told of once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_with_its_node_at_any_moment_every_payment_is_made_once_and_told_once() {
    let (payments, seed) = (number("GATEWAY_PAYMENTS", 120), number("GATEWAY_SEED", rand::random::<u32>().into()));
    println!("GATEWAY_PAYMENTS={payments} GATEWAY_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let ledger = Arc::new(Ledger::of(4));
    let mut node = Node::of(&ledger);
    let arguments = ledger.configured_at(&node.url, Some("files"), "");
    let messages = Arc::new(messages(&mut random, usize::try_from(payments).unwrap()));
    let mut before = BTreeMap::new();
    for name in ["bank-a", "bank-b", "alma"] {
        before.insert(name, ledger.balance(name, None).await);
    }
    let (url, sent) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicBool::new(false)));
    // Until the first start nobody is there to take a file.
    drop(start_gateway(&arguments, &url));

    let begun = Instant::now();
    let sender = {
        let (ledger, messages, url, sent) = (ledger.clone(), messages.clone(), url.clone(), sent.clone());
        std::thread::spawn(move || {
            send(&ledger, &messages, &url, Duration::from_millis(150));
            sent.store(true, Ordering::Release);
        })
    };
    let kills = payments / 20;
    let (gateway, killed) = tokio::task::block_in_place(|| {
        let killed = kill_until(&sent, kills, &mut random, &mut node, (&arguments, &url));
        sender.join().unwrap();
        killed
    });
    let killing = begun.elapsed();
    tokio::task::block_in_place(|| check_told(&ledger, &gateway.text("url"), &messages));
    check_ledger(&ledger, &messages, &before).await;
    let [of_gateway, of_node] = killed;
    println!(
        "{payments} payments in {} messages: gateway killed {of_gateway} times, its node {of_node} times in {killing:?}; all told after {:?}",
        messages.len(),
        begun.elapsed()
    );
    assert!(gateway.stop().success());
}
