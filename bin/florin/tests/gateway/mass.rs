//! A customer's order of ten thousand items.

use crate::{bank::*, final_answer, notifications_told};
use florin_gateway::Faults;
use serde_json::Value;

const ITEMS: usize = 10_000;
/// No account that anybody knows, in an order without the creditor's bank.
const UNKNOWN: &str = "GB29NWBK60161331926819";
/// Places of the items that are refused: nobody's account, nothing to pay, and more than the payer has.
const TO_NOBODY: [usize; 3] = [3, 4_999, 9_998];
const OF_ZERO: [usize; 2] = [17, 8_000];
const TOO_MUCH: [usize; 2] = [1_499, 7_501];

/// Half to an account of another bank, half to one that is served here and told of each credit.
fn items() -> Vec<(String, &'static str)> {
    let item = |number| match number {
        number if TO_NOBODY.contains(&number) => ("1.00".into(), UNKNOWN),
        number if OF_ZERO.contains(&number) => ("0.00".into(), IBAN_ALMA),
        number if TOO_MUCH.contains(&number) => ("99999999999.00".into(), IBAN_ALMA),
        number if number % 2 == 0 => ("0.01".into(), IBAN_ALMA),
        _ => ("0.02".into(), IBAN_B),
    };
    (0..ITEMS).map(item).collect()
}

/// The sum of the counts of one kind.
fn sum(told: &Value, kind: &str) -> u64 {
    told[kind].as_object().map_or(0, |counts| counts.values().filter_map(Value::as_u64).sum())
}

/// The place in the order, what became of it, and the code of the reason, for each item of a pain.002.
fn statuses(answer: &str) -> Vec<(usize, String, Option<String>)> {
    let items = answer.split("<TxInfAndSts>").skip(1);
    let read = |item: &str| {
        let place = element(item, "OrgnlEndToEndId").unwrap().strip_prefix("E-").unwrap().parse().unwrap();
        let code = element(item, "Rsn").and_then(|reason| element(reason, "Cd"));
        (place, element(item, "TxSts").unwrap().to_owned(), code.map(String::from))
    };
    items.map(read).collect()
}

/// Ten thousand items in one message: paid in batches, counted while they go on, and answered by one pain.002 with a status
/// for each of them. What is refused keeps no other item from being paid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_items_are_settled_in_batches_and_answered_one_by_one() {
    let ledger = Ledger::start();
    let mut opened = ledger.gateway(&sqlite(&ledger.at("gateway.sqlite")), None, Faults::default()).await;
    let names = ["bank-a", "bank-b", "alma"];
    let mut before = Vec::new();
    for name in names {
        before.push(ledger.balance(name, None).await);
    }
    let items = items();
    let order = pain_001("ORDER-1", &items);
    let begun = std::time::Instant::now();
    let number = opened.gateway.receive("bank-a", order.as_bytes()).await.unwrap().unwrap().to_string();
    let path = format!("/v1/messages/{number}");
    let mut seen: Vec<Value> = Vec::new();
    let answer = opened
        .until("the pain.002", |url| {
            seen.push(get(url, &path, KEY_A).json());
            final_answer(url, &number, KEY_A)
        })
        .await;
    println!("{ITEMS} items: final answer after {:?}, {} rounds", begun.elapsed(), seen.len());

    // Whoever looks sees where every item is, and no settled one ever goes back.
    let settled = |told: &Value| told["states"]["settled"].as_u64().unwrap_or(0);
    for (told, next) in seen.iter().zip(seen.iter().skip(1)) {
        assert!(settled(told) <= settled(next), "{told} then {next}");
    }
    for told in &seen {
        assert_eq!(
            (told["orders"].as_u64(), sum(told, "states"), sum(told, "statuses")),
            (Some(10_000), 10_000, 10_000)
        );
    }
    // Read and signed in the first round: all seven batches, and nothing of them final.
    assert_eq!(seen[0]["states"], serde_json::json!({ "signed": ITEMS - 5, "refused": 5 }), "{}", seen[0]);

    // One status for each item, in their order.
    assert_eq!(element(&answer, "GrpSts"), Some("PART"));
    let told = statuses(&answer);
    assert!(told.iter().map(|(place, ..)| *place).eq(0..ITEMS), "each item once, in its order");
    for (place, status, code) in &told {
        let expected = match place {
            place if TO_NOBODY.contains(place) => ("RJCT", Some("AC03")),
            place if OF_ZERO.contains(place) => ("RJCT", Some("AM01")),
            place if TOO_MUCH.contains(place) => ("RJCT", Some("AM04")),
            _ => ("ACSC", None),
        };
        assert_eq!((status.as_str(), code.as_deref()), expected, "item {place}");
    }
    let last = get(&opened.url, &path, KEY_A).json();
    assert_eq!(last["states"], serde_json::json!({ "settled": ITEMS - 7, "refused": 7 }));
    let purposes: Vec<_> = last["answers"].as_array().unwrap().iter().map(|told| told["purpose"].clone()).collect();
    assert_eq!(purposes, ["taken", "final"]);

    // The ledger moved what was settled, and nothing else.
    let refused = |place: usize| [&TO_NOBODY[..], &OF_ZERO, &TOO_MUCH].concat().contains(&place);
    let paid = |to: &str| {
        let cents = if to == IBAN_B { 2 } else { 1 };
        let kept = items.iter().enumerate().filter(|(place, (_, payee))| *payee == to && !refused(*place)).count();
        (kept, u128::try_from(kept * cents).unwrap())
    };
    let ((credits, to_b), (_, to_alma)) = (paid(IBAN_B), paid(IBAN_ALMA));
    let mut after = Vec::new();
    for name in names {
        after.push(ledger.balance(name, None).await);
    }
    assert_eq!(after, [before[0] - to_b - to_alma, before[1] + to_b, before[2] + to_alma]);
    // Each credit of a served account is told once.
    let told =
        opened.until("the notifications", |url| Some(notifications_told(url, KEY_B)).filter(|told| *told >= credits));
    assert_eq!(told.await, credits);
    println!("{ITEMS} items: {credits} credits told after {:?}", begun.elapsed());
    opened.close().await;
}
