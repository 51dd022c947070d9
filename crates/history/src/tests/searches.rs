//! Every search gives what a plain list gives, in pages of any size.

use super::{
    chain::{BEGUN_MS, Chain, Model, account, busy, log, model, ordered, referenced, uetr},
    on_both,
    store::Store,
};
use crate::*;
use alloy_primitives::{Address, B256, Bytes, U256};
use florin_modules::{token::IToken, token_address};
use std::time::Duration;

on_both!(
    payments_agree_with_the_model,
    transfers_agree_with_the_model,
    the_rest_agrees_with_the_model,
    steps_tell_what_became_of_a_payment,
    amounts_compare_exactly_up_to_the_largest,
    cursors_end_and_refuse_what_they_are_not,
    names_are_found_and_lead_to_payments,
    hostile_texts_are_kept_and_found,
    questions_without_bounds_are_refused,
);

fn ask(rows_max: usize) -> Ask {
    Ask { rows_max, time_max: Duration::from_secs(30), cursor: None }
}

async fn told(store: &Store, chain: &Chain) -> (History, Model) {
    let history = store.open().await.unwrap();
    for blocks in chain.blocks.chunks(7) {
        history.append(blocks).await.unwrap();
    }
    (history, model(&chain.blocks))
}

/// All pages of a search, one after the other, must be these rows.
macro_rules! agrees {
    ($history:ident.$method:ident($search:expr), $expected:expr) => {{
        let (search, expected): (_, Vec<_>) = ($search, $expected);
        for rows_max in [1_000, 7] {
            let (mut found, mut ask) = (Vec::new(), ask(rows_max));
            loop {
                let page = $history.$method(&search, &ask).await.unwrap();
                assert!(page.rows.len() == rows_max || page.next.is_none(), "{search:?}");
                found.extend(page.rows);
                ask.cursor = page.next;
                if ask.cursor.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected, "{search:?}, {rows_max} a page");
        }
        expected.len()
    }};
}

fn party(number: u8, side: Side) -> Option<Party> {
    Some(Party { who: Who::Account(account(number)), side })
}

/// Whether an account takes part so, with another if that is named.
fn takes_part(party: &Party, other: Option<Address>, payer: Address, payee: Option<Address>) -> bool {
    let Who::Account(own) = party.who else { panic!("the model knows no names") };
    let pays = payer == own && other.is_none_or(|other| payee == Some(other));
    let is_paid = payee == Some(own) && other.is_none_or(|other| payer == other);
    match party.side {
        Side::Payer => pays,
        Side::Payee => is_paid,
        Side::Either => pays || is_paid,
    }
}

fn fits(search: &PaymentSearch, payment: &PaymentRecord) -> bool {
    search.party.as_ref().is_none_or(|party| takes_part(party, search.counterparty, payment.payer, payment.payee))
        && search.uetr.is_none_or(|uetr| uetr == payment.uetr)
        && search.end_to_end.is_none_or(|id| Some(id) == payment.end_to_end)
        && search.transaction.is_none_or(|hash| hash == payment.spot.transaction_hash)
        && search.token.is_none_or(|token| token == payment.token)
        && search.amount.as_ref().is_none_or(|amounts| amounts.contains(&payment.amount))
        && search.time_ms.as_ref().is_none_or(|time| time.contains(&payment.spot.time_ms))
        && search.status.is_none_or(|status| status == payment.status)
}

async fn payments_agree_with_the_model(store: &Store) {
    let chain = busy(30, 20);
    let (history, model) = told(store, &chain).await;
    let time = BEGUN_MS + 3_000..=BEGUN_MS + 9_700;
    let some = &model.payments[50];
    let (token, amount) = (Some(token_address(1)), Some(U256::from(200)..=U256::from(600)));
    let searches = [
        PaymentSearch::default(),
        PaymentSearch { party: party(4, Side::Payer), ..Default::default() },
        PaymentSearch { party: party(2, Side::Payee), ..Default::default() },
        PaymentSearch { party: party(2, Side::Either), ..Default::default() },
        PaymentSearch { party: party(2, Side::Either), counterparty: Some(account(4)), ..Default::default() },
        PaymentSearch { party: party(2, Side::Either), time_ms: Some(time.clone()), token, ..Default::default() },
        PaymentSearch { party: party(3, Side::Payer), amount: amount.clone(), ..Default::default() },
        PaymentSearch { party: party(3, Side::Payee), status: Some(Status::Pending), ..Default::default() },
        PaymentSearch { uetr: Some(some.uetr), ..Default::default() },
        PaymentSearch { uetr: Some(some.uetr), party: party(2, Side::Either), ..Default::default() },
        PaymentSearch { end_to_end: Some(B256::with_last_byte(9)), ..Default::default() },
        PaymentSearch {
            end_to_end: Some(B256::with_last_byte(9)),
            party: party(4, Side::Either),
            ..Default::default()
        },
        PaymentSearch { transaction: Some(some.spot.transaction_hash), ..Default::default() },
        PaymentSearch {
            transaction: Some(some.spot.transaction_hash),
            party: party(1, Side::Either),
            ..Default::default()
        },
        PaymentSearch { token, ..Default::default() },
        PaymentSearch { time_ms: Some(time.clone()), ..Default::default() },
        PaymentSearch { status: Some(Status::Settled), ..Default::default() },
        PaymentSearch { status: Some(Status::Voided), ..Default::default() },
        PaymentSearch { status: Some(Status::Expired), token, time_ms: Some(time.clone()), ..Default::default() },
    ];
    let mut found = Vec::new();
    for search in searches {
        let expected = model.payments.iter().filter(|payment| fits(&search, payment)).cloned().collect();
        found.push(agrees!(history.payments(search), expected));
    }
    // Not one of these questions is answered by nothing, but for the one whose parties do not meet.
    assert!(found.iter().filter(|rows| **rows == 0).count() <= 2, "{found:?}");
    for time_ms in [None, Some(time)] {
        let search = PaymentSearch { token, amount: amount.clone(), time_ms, ..Default::default() };
        let mut expected: Vec<_> = model.payments.iter().filter(|payment| fits(&search, payment)).cloned().collect();
        expected.sort_by_key(|payment| std::cmp::Reverse((payment.amount, payment.spot.place)));
        assert!(agrees!(history.payments(search), expected) > 5);
    }
    let unknown = PaymentSearch { transaction: Some(B256::repeat_byte(1)), ..Default::default() };
    assert_eq!(agrees!(history.payments(unknown), Vec::new()), 0);
    let later = PaymentSearch { time_ms: Some(u64::MAX - 1..=u64::MAX), ..Default::default() };
    assert_eq!(agrees!(history.payments(later), Vec::new()), 0);
}

fn fits_transfer(search: &TransferSearch, transfer: &TransferRecord) -> bool {
    let reference = transfer.reference.as_deref();
    search
        .party
        .as_ref()
        .is_none_or(|party| takes_part(party, search.counterparty, transfer.payer, Some(transfer.payee)))
        && search.reference.as_ref().is_none_or(|asked| match asked {
            Reference::Exact(text) => reference == Some(text.as_str()),
            Reference::Prefix(text) => reference.is_some_and(|reference| reference.starts_with(text.as_str())),
            Reference::Memo(memo) => transfer.memo.as_ref() == Some(memo),
        })
        && search.transaction.is_none_or(|hash| hash == transfer.spot.transaction_hash)
        && search.token.is_none_or(|token| token == transfer.token)
        && search.amount.as_ref().is_none_or(|amounts| amounts.contains(&transfer.amount))
        && search.time_ms.as_ref().is_none_or(|time| time.contains(&transfer.spot.time_ms))
}

async fn transfers_agree_with_the_model(store: &Store) {
    let mut chain = busy(30, 20);
    // A batch: many transfers of one log.
    let item = |to: u8, amount: u8| [account(to).as_slice(), &[0; 11], &[amount], b"ref-0001"].concat();
    let items: Vec<u8> = (1..=9).flat_map(|number| item(1 + number % 3, number)).collect();
    let batch = IToken::BatchTransfer {
        from: account(5),
        items: items.into(),
        results: vec![0, 0, 1, 0, 0, 6, 0, 0, 0].into(),
    };
    chain.push_one(vec![log(token_address(1), &batch)]);
    let (history, model) = told(store, &chain).await;
    let memo = B256::with_last_byte(9);
    let (token, time) = (Some(token_address(1)), Some(BEGUN_MS + 3_000..=BEGUN_MS + 9_700));
    let searches = [
        TransferSearch::default(),
        TransferSearch { party: party(2, Side::Either), ..Default::default() },
        TransferSearch { party: party(5, Side::Payer), counterparty: Some(account(2)), ..Default::default() },
        TransferSearch { reference: Some(Reference::Exact("INV-0120".into())), ..Default::default() },
        TransferSearch {
            reference: Some(Reference::Prefix("INV-01".into())),
            party: party(1, Side::Payer),
            ..Default::default()
        },
        TransferSearch {
            reference: Some(Reference::Memo(Bytes::copy_from_slice(memo.as_slice()))),
            ..Default::default()
        },
        TransferSearch { reference: Some(Reference::Memo(Bytes::from_static(b"ref-0001"))), ..Default::default() },
        TransferSearch { transaction: Some(model.transfers[3].spot.transaction_hash), ..Default::default() },
        TransferSearch { token, time_ms: time.clone(), ..Default::default() },
    ];
    for search in searches {
        let expected = model.transfers.iter().filter(|transfer| fits_transfer(&search, transfer)).cloned().collect();
        assert!(agrees!(history.transfers(search.clone()), expected) > 0, "{search:?}");
    }
    let search = TransferSearch { token, amount: Some(U256::from(3)..=U256::from(300)), ..Default::default() };
    let mut expected: Vec<_> = model.transfers.iter().filter(|row| fits_transfer(&search, row)).cloned().collect();
    expected.sort_by_key(|transfer| std::cmp::Reverse((transfer.amount, transfer.spot.place)));
    assert!(agrees!(history.transfers(search), expected) > 20);
    let search = TransferSearch { reference: Some(Reference::Prefix("INV-01".into())), ..Default::default() };
    let mut expected: Vec<_> = model.transfers.iter().filter(|row| fits_transfer(&search, row)).cloned().collect();
    expected.sort_by_key(|transfer| std::cmp::Reverse((transfer.reference.clone(), transfer.spot.place)));
    assert!(agrees!(history.transfers(search), expected) > 5);
}

async fn the_rest_agrees_with_the_model(store: &Store) {
    let chain = busy(30, 20);
    let (history, model) = told(store, &chain).await;
    let time = BEGUN_MS + 3_000..=BEGUN_MS + 9_700;
    for (sender, recipient, succeeded) in [
        (None, None, None),
        (Some(super::chain::SENDER), None, Some(false)),
        (Some(account(1)), None, None),
        (None, Some(account(0xc1)), Some(true)),
    ] {
        let search = TransactionSearch { sender, recipient, succeeded, time_ms: Some(time.clone()) };
        let fits = |row: &&TransactionRecord| {
            sender.is_none_or(|sender| sender == row.sender)
                && recipient.is_none_or(|recipient| Some(recipient) == row.recipient)
                && succeeded.is_none_or(|succeeded| succeeded == row.succeeded)
                && time.contains(&row.time_ms)
        };
        agrees!(history.transactions(search), model.transactions.iter().filter(fits).cloned().collect());
    }
    let one = &model.transactions[17];
    assert_eq!(history.transaction(one.hash, &ask(1)).await.unwrap().as_ref(), Some(one));
    assert_eq!(history.transaction(B256::ZERO, &ask(1)).await.unwrap(), None);
    assert_eq!(history.block(3, &ask(1)).await.unwrap().unwrap().hash, chain.blocks[2].block().hash());
    assert_eq!(history.block(31, &ask(1)).await.unwrap(), None);
    for name in [Some("PaymentOrdered"), Some("Transfer"), Some("NoSuchEvent"), None] {
        for emitter in [None, Some(token_address(1))] {
            let search = LogSearch { emitter, name: name.map(str::to_owned), ..Default::default() };
            let fits = |row: &&LogRecord| {
                name.is_none_or(|name| row.name.as_deref() == Some(name))
                    && emitter.is_none_or(|emitter| emitter == row.emitter)
            };
            agrees!(history.logs(search), model.logs.iter().filter(fits).cloned().collect());
        }
    }
    for (policy, token, outcome) in
        [(None, None, None), (Some(1), None, None), (None, Some(token_address(2)), Some("parked"))]
    {
        let search = DecisionSearch { policy, token, outcome: outcome.map(str::to_owned), ..Default::default() };
        let fits = |row: &&DecisionRecord| {
            policy.is_none_or(|policy| policy == row.policy)
                && token.is_none_or(|token| token == row.token)
                && outcome.is_none_or(|outcome| row.outcome.as_deref() == Some(outcome))
        };
        assert!(agrees!(history.decisions(search), model.decisions.iter().filter(fits).cloned().collect()) > 0);
    }
    for (scheme, instruction, number, event) in [
        (None, None, None, None),
        (Some(1), None, None, Some("InstructionSettled")),
        (None, Some(12), None, None),
        (None, None, Some(3), Some("InstructionSubmitted")),
        (Some(2), None, Some(3), None),
    ] {
        let (who, event) = (number.map(account), event.map(str::to_owned));
        let search = SettlementSearch { scheme, instruction, account: who, event: event.clone(), ..Default::default() };
        let fits = |row: &&SettlementRecord| {
            scheme.is_none_or(|scheme| Some(scheme) == row.scheme)
                && instruction.is_none_or(|instruction| Some(instruction) == row.instruction)
                && who.is_none_or(|who| row.account == Some(who) || row.counterparty == Some(who))
                && event.as_ref().is_none_or(|event| *event == row.event)
        };
        assert!(agrees!(history.settlement(search), model.settlement.iter().filter(fits).cloned().collect()) > 0);
    }
    let search = SettlementSearch { reference: Some(uetr(12)), ..Default::default() };
    assert_eq!(history.settlement(&search, &ask(10)).await.unwrap().rows.len(), 1);
}

async fn steps_tell_what_became_of_a_payment(store: &Store) {
    use florin_modules::{PAYMENT_ADDRESS, payment::IPayment};
    let (payer, payee, uetr) = (account(1), account(2), uetr(4));
    let mut chain = Chain::new();
    let reserved = IPayment::PaymentReserved { payer, uetr, holdId: 7, expiryMs: 99, poster: account(3) };
    chain.push_one([ordered(payer, payee, 1, 500, 4, 1), vec![log(PAYMENT_ADDRESS, &reserved)]].concat());
    let posted = IPayment::PaymentPosted { payer, uetr, posted: U256::from(400), freed: U256::from(100) };
    chain.push_one(vec![log(PAYMENT_ADDRESS, &posted)]);
    let returned = |number: u32, amount: u64| IPayment::PaymentReturned {
        payer,
        uetr,
        returnReference: U256::from(number).into(),
        number,
        amount: U256::from(amount),
        reason: (*b"AC04").into(),
    };
    chain.push_one(vec![log(PAYMENT_ADDRESS, &returned(1, 30)), log(PAYMENT_ADDRESS, &returned(2, 12))]);
    // Nobody ordered this one.
    let unknown = IPayment::PaymentExpired { payer: account(9), uetr, freed: U256::ZERO };
    chain.push_one(vec![log(PAYMENT_ADDRESS, &unknown)]);
    let history = store.open().await.unwrap();
    let search = PaymentSearch { uetr: Some(uetr), ..Default::default() };
    let mut seen = Vec::new();
    for block in &chain.blocks {
        history.append(std::slice::from_ref(block)).await.unwrap();
        let payment = history.payments(&search, &ask(5)).await.unwrap().rows.pop().unwrap();
        seen.push((payment.status, payment.received, payment.returned, payment.updated_height));
        assert_eq!((payment.amount, payment.expiry_ms, payment.spot.place.height()), (U256::from(500), Some(99), 1));
    }
    let (zero, posted) = (U256::ZERO, U256::from(400));
    let paid_back = (Status::Settled, posted, U256::from(42), 3);
    assert_eq!(seen, [(Status::Pending, zero, zero, 1), (Status::Settled, posted, zero, 2), paid_back, paid_back]);
    let payment = history.payments(&search, &ask(5)).await.unwrap().rows.pop().unwrap();
    let steps = history.steps(payment.spot.place, &ask(5)).await.unwrap();
    let told: Vec<_> = steps.iter().map(|step| (step.step.as_str(), step.status, step.reason.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("ordered", Status::Pending, None),
            ("reserved", Status::Pending, None),
            ("posted", Status::Settled, None),
            ("returned", Status::Settled, Some("AC04")),
            ("returned", Status::Settled, Some("AC04")),
        ]
    );
    assert_eq!((steps[1].account, steps[4].amount), (Some(account(3)), Some(U256::from(12))));
}

async fn amounts_compare_exactly_up_to_the_largest(store: &Store) {
    let values = [U256::ZERO, U256::ONE, U256::from(u64::MAX), U256::ONE << 128, U256::MAX - U256::ONE, U256::MAX];
    let mut chain = Chain::new();
    let token = account(0xee);
    for value in values {
        // A contract that is no module of the ledger.
        chain.push_one(vec![log(token, &IToken::Transfer { from: account(1), to: account(2), value })]);
    }
    let (history, _) = told(store, &chain).await;
    for (first, low) in values.iter().enumerate() {
        for (last, high) in values.iter().enumerate() {
            let search = TransferSearch { token: Some(token), amount: Some(*low..=*high), ..Default::default() };
            let found = history.transfers(&search, &ask(10)).await.unwrap().rows;
            let found: Vec<U256> = found.iter().rev().map(|transfer| transfer.amount).collect();
            assert_eq!(found, values.get(first..=last).unwrap_or_default(), "{low} to {high}");
        }
    }
}

async fn cursors_end_and_refuse_what_they_are_not(store: &Store) {
    let chain = busy(5, 20);
    let (history, model) = told(store, &chain).await;
    let search = PaymentSearch::default();
    // A page that holds exactly what there is has no next one.
    let all = history.payments(&search, &ask(model.payments.len())).await.unwrap();
    assert_eq!((all.rows.len(), all.next), (model.payments.len(), None));
    let first = history.payments(&search, &ask(3)).await.unwrap();
    let cursor = first.next.unwrap();
    let token = Some(token_address(1));
    let keyed = PaymentSearch { token, amount: Some(U256::ZERO..=U256::MAX), ..Default::default() };
    let keyed_cursor = history.payments(&keyed, &ask(3)).await.unwrap().next.unwrap();
    let negative = format!("{}{}", &cursor[..18], "ff".repeat(8));
    // Written in another way, it is another text, and none that was given.
    let capitals = cursor.to_uppercase();
    assert_ne!(capitals, cursor);
    let bad = [
        "",
        "zz",
        "00",
        &capitals,
        &format!("0x{cursor}"),
        &cursor[2..],
        &format!("{cursor}00"),
        &keyed_cursor,
        &"0".repeat(10_000),
        &negative,
        "\0",
        "é",
    ];
    for bad in bad {
        let ask = Ask { cursor: Some(bad.into()), ..ask(3) };
        assert!(matches!(history.payments(&search, &ask).await, Err(HistoryError::Cursor)), "{bad}");
    }
    let ask = Ask { cursor: Some(cursor), ..ask(3) };
    let other = PaymentSearch { token, ..Default::default() };
    assert!(matches!(history.payments(&other, &ask).await, Err(HistoryError::Cursor)));
    // What is told meanwhile is newer and does not shift the pages.
    let before = history.payments(&search, &ask).await.unwrap();
    let mut longer = busy(5, 20);
    longer.push_one(ordered(account(1), account(2), 1, 5, 9_000, 3));
    history.append(&longer.blocks).await.unwrap();
    assert_eq!(history.payments(&search, &ask).await.unwrap().rows, before.rows);
}

async fn names_are_found_and_lead_to_payments(store: &Store) {
    use florin_modules::{
        FACTORY_ADDRESS, GOVERNANCE_ADDRESS, IDENTITY_ADDRESS, factory::IFactory, governance::IGovernance,
        identity::IIdentity,
    };
    let seat = |number: u8, name: &str| NameRecord {
        account: account(number),
        kind: NameKind::Seat,
        name: name.into(),
        height: 0,
    };
    let history =
        store.open_named(&[seat(1, "Bank of Ålesund"), seat(2, "Banca d'Italia"), seat(3, "Crédit Lyonnais")]).await;
    let mut chain = Chain::new();
    chain.push(vec![ordered(account(1), account(3), 1, 5, 0, 3), ordered(account(4), account(2), 1, 6, 1, 3)]);
    let created = IFactory::TokenCreated {
        token: token_address(1),
        index: 1,
        creator: account(1),
        name: "Digital Euro".into(),
        symbol: "DEUR".into(),
        decimals: 2,
        admin: account(1),
        policyId: 0,
        supplyCap: U256::MAX,
    };
    let changed = |number: u8, weight: u64, name: &str| IGovernance::SeatChanged {
        account: account(number),
        previousWeight: 1,
        newWeight: weight,
        name: name.into(),
    };
    let person =
        IIdentity::PersonRegistered { personId: 8, kind: 2, registrar: account(1), lei: "529900T8BM49AURSDO55".into() };
    let linked = IIdentity::AddressLinkedTo { personId: 8, account: account(4), bySignature: true };
    chain.push_one(vec![
        log(FACTORY_ADDRESS, &created),
        log(GOVERNANCE_ADDRESS, &changed(3, 2, "Banque Nouvelle")),
        log(IDENTITY_ADDRESS, &person),
        log(IDENTITY_ADDRESS, &linked),
    ]);
    history.append(&chain.blocks).await.unwrap();
    let names = |found: Vec<NameRecord>| found.into_iter().map(|name| name.name).collect::<Vec<_>>();
    assert_eq!(
        names(history.names("BAN", &ask(10)).await.unwrap()),
        ["Banca d'Italia", "Bank of Ålesund", "Banque Nouvelle"]
    );
    assert_eq!(names(history.names("bank of å", &ask(10)).await.unwrap()), ["Bank of Ålesund"]);
    assert_eq!(names(history.names("deur", &ask(10)).await.unwrap()), ["DEUR"]);
    assert!(history.names("crédit", &ask(10)).await.unwrap().is_empty());
    assert_eq!(
        names(history.names_of(&[account(4), token_address(1)], &ask(10)).await.unwrap()),
        ["529900T8BM49AURSDO55", "DEUR", "Digital Euro"]
    );
    let of = |prefix: &str, side| PaymentSearch {
        party: Some(Party { who: Who::Named(prefix.into()), side }),
        ..Default::default()
    };
    let uetrs = async |search| -> Vec<B256> {
        history.payments(&search, &ask(10)).await.unwrap().rows.into_iter().map(|payment| payment.uetr).collect()
    };
    assert_eq!(uetrs(of("ban", Side::Either)).await, [uetr(1), uetr(0)]);
    assert_eq!(uetrs(of("ban", Side::Payer)).await, [uetr(0)]);
    assert_eq!(uetrs(of("5299", Side::Payer)).await, [uetr(1)]);
    assert!(matches!(history.payments(&of("nobody", Side::Payer), &ask(1)).await, Err(HistoryError::Search { .. })));
    // Names go, too; and a name that twenty accounts have is no name of a party.
    let unlinked = IIdentity::AddressUnlinked { personId: 8, account: account(4), by: account(1) };
    let mut logs = vec![log(GOVERNANCE_ADDRESS, &changed(2, 0, "")), log(IDENTITY_ADDRESS, &unlinked)];
    logs.extend((100..120).map(|number| log(GOVERNANCE_ADDRESS, &changed(number, 1, &format!("Sparkasse {number}")))));
    chain.push_one(logs);
    history.append(&chain.blocks).await.unwrap();
    assert!(history.names("banca", &ask(10)).await.unwrap().is_empty());
    assert!(history.names("5299", &ask(10)).await.unwrap().is_empty());
    assert!(matches!(history.payments(&of("spark", Side::Payer), &ask(1)).await, Err(HistoryError::Search { .. })));
    assert_eq!(history.names("spark", &ask(30)).await.unwrap().len(), 20);
}

async fn hostile_texts_are_kept_and_found(store: &Store) {
    let texts = ["'; DROP TABLE payments; --", "a\0b", "$1 ?1 %s", "\u{10ffff}\u{10ffff}x", "x\u{202e}y", "INV%_"];
    let mut chain = Chain::new();
    for reference in texts {
        chain.push_one(referenced(account(1), account(2), 5, B256::ZERO, reference));
    }
    let long = "€".repeat(64 * 1024 / 3);
    chain.push_one(referenced(account(1), account(2), 5, B256::ZERO, &long));
    // Text that is not UTF-8: the bytes of the reference are the last word of the data.
    let mut broken = referenced(account(1), account(2), 5, B256::ZERO, "abc");
    let mut data = broken[1].data.data.to_vec();
    let text = data.len() - 32;
    data[text..text + 3].copy_from_slice(&[0xff, 0xfe, b'c']);
    broken[1].data.data = data.into();
    chain.push_one(broken);
    // Events that no module emits, and data that is cut.
    let forged = log(
        account(7),
        &IToken::TransferWithMemo {
            from: account(1),
            to: account(2),
            value: U256::from(5),
            memo: B256::ZERO,
            paymentReference: "forged".into(),
        },
    );
    let mut cut = ordered(account(1), account(2), 1, 5, 1, 3);
    cut[1].data.data = cut[1].data.data.slice(..100);
    chain.push_one([vec![forged], cut].concat());
    let (history, model) = told(store, &chain).await;
    assert_eq!((model.payments.len(), model.transfers.len()), (0, texts.len() + 3));
    for reference in texts {
        for search in [Reference::Exact(reference.into()), Reference::Prefix(reference.into())] {
            let search = TransferSearch { reference: Some(search), ..Default::default() };
            let found = history.transfers(&search, &ask(10)).await.unwrap().rows;
            let kept: Vec<_> = found.iter().map(|transfer| transfer.reference.clone().unwrap()).collect();
            assert_eq!(kept, [reference.replace('\0', "\u{2400}")]);
        }
    }
    let found =
        |reference: &str| TransferSearch { reference: Some(Reference::Exact(reference.into())), ..Default::default() };
    // What is kept of a long text finds it, and so does the whole text.
    assert_eq!(history.transfers(&found(&long), &ask(10)).await.unwrap().rows.len(), 1);
    assert_eq!(history.transfers(&found("\u{fffd}\u{fffd}c"), &ask(10)).await.unwrap().rows.len(), 1);
    assert!(history.transfers(&found("forged"), &ask(10)).await.unwrap().rows.is_empty());
    let logs = history.logs(&LogSearch::default(), &ask(100)).await.unwrap().rows;
    assert_eq!(logs, model.logs);
    assert!(logs.iter().any(|log| log.data.len() > 64_000));
    assert!(history.names("\0'\"\\%", &ask(10)).await.unwrap().is_empty());
}

async fn questions_without_bounds_are_refused(store: &Store) {
    let (history, _) = told(store, &busy(3, 10)).await;
    let search = PaymentSearch::default();
    let refused = async |search: PaymentSearch, ask: Ask| {
        assert!(
            matches!(history.payments(&search, &ask).await, Err(HistoryError::Search { .. })),
            "{search:?} {ask:?}"
        );
    };
    refused(search.clone(), ask(0)).await;
    refused(search.clone(), ask(PAGE_ROWS_MAX + 1)).await;
    refused(search.clone(), Ask { time_max: SEARCH_TIME_MAX * 2, ..ask(1) }).await;
    refused(PaymentSearch { amount: Some(U256::ZERO..=U256::ONE), ..search.clone() }, ask(1)).await;
    refused(PaymentSearch { counterparty: Some(account(1)), ..search.clone() }, ask(1)).await;
    let prefix = TransferSearch { reference: Some(Reference::Prefix(String::new())), ..Default::default() };
    assert!(matches!(history.transfers(&prefix, &ask(1)).await, Err(HistoryError::Search { .. })));
    let no_time = Ask { time_max: Duration::ZERO, ..ask(1) };
    assert!(matches!(history.payments(&search, &no_time).await, Err(HistoryError::TooSlow { .. })));
    // The connection that ran out of time answers the next question.
    for _ in 0..10 {
        assert_eq!(history.payments(&search, &ask(1)).await.unwrap().rows.len(), 1);
    }
}
