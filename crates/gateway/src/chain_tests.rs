//! What logs say became of orders: bad logs first.

use crate::{
    chain::{Key, windows},
    identity::Uetr,
    order::{Outcome, State},
    outcomes::outcomes,
    store::{Order, OrderKind},
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, Log, U256};
use alloy_sol_types::SolEvent;
use florin_modules::{PAYMENT_ADDRESS, payment::IPayment, token::IToken};

const PAYER: Address = Address::repeat_byte(1);
const PAYEE: Address = Address::repeat_byte(2);
const TOKEN: Address = Address::repeat_byte(9);

fn order(kind: OrderKind, uetr: Uetr, amount: u128) -> Order {
    Order {
        number: 1,
        uetr: Some(uetr.to_string()),
        signer: Some(PAYER),
        payer: Some(PAYER),
        payee: Some(PAYEE),
        token: Some(TOKEN),
        amount: Some(amount),
        currency: Some("EUR".into()),
        state: State::Signed,
        submission: Some(1),
        ..Order::blank(1, 0, "a", kind)
    }
}

fn key(kind: OrderKind, uetr: Uetr) -> Key {
    let reference = if kind == OrderKind::Return { B256::with_last_byte(2) } else { B256::ZERO };
    Key { kind, payer: PAYER, uetr: uetr.word(), reference }
}

fn log(address: Address, event: &impl SolEvent) -> Log {
    Log { address, data: event.encode_log_data() }
}

fn ordered(uetr: Uetr) -> IPayment::PaymentOrdered {
    IPayment::PaymentOrdered {
        payer: PAYER,
        uetr: uetr.word(),
        payee: PAYEE,
        token: TOKEN,
        amount: U256::from(5),
        state: 3,
        debtorAgent: FixedBytes::ZERO,
        creditorAgent: FixedBytes::ZERO,
        endToEnd: B256::ZERO,
        purpose: FixedBytes::ZERO,
        remittance: B256::ZERO,
        priority: 0,
    }
}

fn codes(outcomes: Option<Vec<Outcome>>) -> Option<Vec<&'static str>> {
    let code = |outcome: Outcome| match outcome {
        Outcome::Settled => "settled",
        Outcome::Refused(reason) => reason.code,
    };
    outcomes.map(|outcomes| outcomes.into_iter().map(code).collect())
}

#[test]
fn logs_that_do_not_speak_of_a_payment_say_nothing() {
    let (uetr, other) = (Uetr::derive(&["1"]), Uetr::derive(&["2"]));
    let orders = [order(OrderKind::Pay, uetr, 5)];
    let say = |log: Log| codes(outcomes(&key(OrderKind::Pay, uetr), &orders, &[log]));
    assert_eq!(codes(outcomes(&key(OrderKind::Pay, uetr), &orders, &[])), None);
    // Anybody can emit such a log; only the module's own counts.
    assert_eq!(say(log(TOKEN, &ordered(uetr))), None);
    assert_eq!(say(log(PAYMENT_ADDRESS, &ordered(other))), None);
    assert_eq!(say(log(PAYMENT_ADDRESS, &IPayment::PaymentOrdered { payer: PAYEE, ..ordered(uetr) })), None);
    let mut cut = log(PAYMENT_ADDRESS, &ordered(uetr));
    cut.data.data = Bytes::copy_from_slice(&cut.data.data[..40]);
    assert_eq!(say(cut), None);
}

#[test]
fn another_payment_under_the_name_is_not_this_one() {
    let uetr = Uetr::derive(&["1"]);
    let orders = [order(OrderKind::Pay, uetr, 5)];
    let say = |event| codes(outcomes(&key(OrderKind::Pay, uetr), &orders, &[log(PAYMENT_ADDRESS, &event)])).unwrap();
    assert_eq!(say(ordered(uetr)), ["settled"]);
    assert_eq!(say(IPayment::PaymentOrdered { amount: U256::from(6), ..ordered(uetr) }), ["DUPL"]);
    assert_eq!(say(IPayment::PaymentOrdered { amount: U256::MAX, ..ordered(uetr) }), ["DUPL"]);
    assert_eq!(say(IPayment::PaymentOrdered { payee: TOKEN, ..ordered(uetr) }), ["DUPL"]);
    assert_eq!(say(IPayment::PaymentOrdered { token: PAYEE, ..ordered(uetr) }), ["DUPL"]);
    // What waited then may be settled by now: the log does not say.
    let parked = log(PAYMENT_ADDRESS, &IPayment::PaymentOrdered { state: 2, ..ordered(uetr) });
    assert_eq!(codes(outcomes(&key(OrderKind::Pay, uetr), &orders, &[parked])), None);
}

#[test]
fn items_have_their_own_results_and_strangers_have_none() {
    let (batch, one, two, lost) =
        (Uetr::derive(&["b"]), Uetr::derive(&["1"]), Uetr::derive(&["2"]), Uetr::derive(&["3"]));
    let orders = [order(OrderKind::Item, one, 5), order(OrderKind::Item, two, 6), order(OrderKind::Item, lost, 7)];
    let item = |uetr: Uetr, amount: u128| [PAYEE.as_slice(), &amount.to_be_bytes()[4..], &uetr.reference()].concat();
    let items: Bytes = [item(two, 6), item(one, 5)].concat().into();
    let paid = |results: &[u8]| IPayment::BatchPaid {
        batchId: 1,
        payer: PAYER,
        uetr: batch.word(),
        token: TOKEN,
        mode: 1,
        items: 2,
        settled: 1,
        total: U256::from(5),
        results: results.to_vec().into(),
    };
    let moved =
        |results: &[u8]| IToken::BatchTransfer { from: PAYER, items: items.clone(), results: results.to_vec().into() };
    let say = |logs: &[Log]| codes(outcomes(&key(OrderKind::Item, batch), &orders, logs));
    let whole = [log(TOKEN, &moved(&[6, 0])), log(PAYMENT_ADDRESS, &paid(&[6, 0]))];
    assert_eq!(say(&whole).unwrap(), ["settled", "AM04", "DUPL"]);
    // Items without results, results without items, a token that is another's.
    assert_eq!(say(&whole[..1]), None);
    assert_eq!(say(&whole[1..]), None);
    assert_eq!(say(&[log(PAYEE, &moved(&[6, 0])), log(PAYMENT_ADDRESS, &paid(&[6, 0]))]), None);
    assert_eq!(say(&[log(TOKEN, &moved(&[0, 0])), log(PAYMENT_ADDRESS, &paid(&[6, 0]))]), None);
}

#[test]
fn a_return_is_known_by_its_reference() {
    let uetr = Uetr::derive(&["1"]);
    let orders = [order(OrderKind::Return, uetr, 5)];
    let say = |reference, amount| {
        let event = IPayment::PaymentReturned {
            payer: PAYER,
            uetr: uetr.word(),
            returnReference: B256::with_last_byte(reference),
            number: 1,
            amount: U256::from(amount),
            reason: FixedBytes::ZERO,
        };
        codes(outcomes(&key(OrderKind::Return, uetr), &orders, &[log(PAYMENT_ADDRESS, &event)]))
    };
    assert_eq!((say(1, 5), say(3, 5)), (None, None));
    assert_eq!(say(2, 5).unwrap(), ["settled"]);
    assert_eq!(say(2, 6).unwrap(), ["DUPL"]);
}

#[test]
fn windows_cover_every_height_once_and_the_newest_first() {
    assert_eq!(windows(0).collect::<Vec<_>>(), [(0, 0)]);
    assert_eq!(windows(499_999).collect::<Vec<_>>(), [(0, 499_999)]);
    assert_eq!(windows(500_000).collect::<Vec<_>>(), [(1, 500_000), (0, 0)]);
    assert_eq!(windows(1_200_000).collect::<Vec<_>>(), [(700_001, 1_200_000), (200_001, 700_000), (0, 200_000)]);
}
