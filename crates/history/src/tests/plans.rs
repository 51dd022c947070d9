//! No documented search reads a whole table, and each finds what is rare along the index that was made for it.

use super::{
    chain::{BEGUN_MS, account, busy, log, ordered, referenced, uetr},
    on_both,
    store::Store,
};
use crate::{
    columns::Record,
    cursor::Cursor,
    database::{Statement, Value, Work},
    schema::{PAYMENTS_BY_UETR, TRANSACTIONS_BY_HASH},
    search::{Search, beginning_so, rows_at_statement},
    *,
};
use alloy_primitives::{B256, Bytes, U256};
use florin_modules::{POLICY_ADDRESS, SETTLEMENT_ADDRESS, policy::IPolicy, settlement::ISettlement, token_address};
use std::time::{Duration, Instant};

on_both!(every_search_walks_along_an_index);

/// What the database says that it would do.
async fn explain(work: &mut Work, statement: &Statement) -> String {
    let command = if work.is_sqlite() { "EXPLAIN QUERY PLAN " } else { "EXPLAIN " };
    let Statement { sql, values } = statement.clone();
    let rows = work.fetch(Statement { sql: format!("{command}{sql}"), values }).await.unwrap();
    let lines = rows.into_iter().filter_map(|row| match row.into_iter().next_back() {
        Some(Value::Text(line)) => Some(line),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Nothing reads more than a part of a table that an index bounds.
fn reads_a_part(plan: &str, is_sqlite: bool) -> bool {
    if is_sqlite {
        // SEARCH is bounded, SCAN is not; branches of a union and the best of each run are scanned as they were found.
        let found = |line: &str| line.contains("SCAN branch") || line.contains("SCAN (subquery");
        plan.contains("SEARCH") && plan.lines().all(|line| !line.contains("SCAN") || found(line))
    } else {
        let scans = plan.matches("Index Scan").count() + plan.matches("Index Only Scan").count();
        let bitmaps = plan.matches("Bitmap Index Scan").count();
        !plan.contains("Seq Scan") && scans + bitmaps > 0 && plan.matches("Index Cond").count() >= scans
    }
}

/// Both steps of a search, first page and a later one; the places come along `index`.
async fn walks<S: Search>(work: &mut Work, search: S, index: &str) {
    let is_sqlite = work.is_sqlite();
    let plan = search.plan(work).await.unwrap().unwrap_or_else(|| panic!("{search:?} finds nothing"));
    let key = plan.key().map(|key| if key == "amount" { vec![2, 0x7f, 0x7f] } else { b"INV-0100".to_vec() });
    let after = Cursor { place: Place::new(200, 5).unwrap(), key };
    let runs = plan.runs(work).await.unwrap();
    for after in [None, Some(&after)] {
        let places = plan.places(after, 50, is_sqlite, &runs).unwrap();
        let told = explain(work, &places).await;
        assert!(reads_a_part(&told, is_sqlite), "{search:?}: {}\n{told}", places.sql);
        // The plan calls a run `k`.
        let in_run = places.sql.contains(index) && told.contains("SEARCH k USING PRIMARY KEY (run=? AND ");
        assert!(told.contains(index) || in_run, "{search:?} should use {index}: {}\n{told}", places.sql);
        let one = !places.sql.contains("UNION") && plan.key().is_none();
        assert!(!one || !told.contains("TEMP B-TREE"), "{search:?} sorts: {}\n{told}", places.sql);
    }
    let places = [3, 4, 5].map(|number| Cursor { place: Place::new(100, number).unwrap(), key: None });
    let told = explain(work, &rows_at_statement::<S::Row>(&places, plan.key())).await;
    assert!(reads_a_part(&told, is_sqlite), "{}: {told}", S::Row::TABLE);
}

async fn every_search_walks_along_an_index(store: &Store) {
    let mut chain = busy(300, 30);
    // One of each that is rare.
    let (rare, other) = (account(0xaa), account(0xbb));
    chain.push_one(ordered(rare, other, 9, 5, 1_000_000, 1));
    chain.push_one(referenced(rare, other, 5, B256::repeat_byte(3), "RARE-1"));
    let decision = IPolicy::Decision {
        policyId: 77,
        token: token_address(9),
        version: 1,
        rule: 0,
        inputsHash: uetr(1),
        outcome: 2,
        figures: Vec::new(),
    };
    let submitted = ISettlement::InstructionSubmitted {
        instructionId: 77,
        schemeId: 77,
        instructionReference: uetr(77),
        debtor: rare,
        creditor: other,
        amount: U256::ONE,
        priority: 0,
    };
    chain.push_one(vec![log(POLICY_ADDRESS, &decision), log(SETTLEMENT_ADDRESS, &submitted), log(rare, &decision)]);
    let history = store.open().await.unwrap();
    history.append(&chain.blocks).await.unwrap();
    history.analyse().await.unwrap();
    let (database, ask) = (store.database().await, Ask::default());
    let mut work = database.read(Instant::now() + Duration::from_secs(30)).await.unwrap();
    let work = &mut work;
    let party = |side| Some(Party { who: Who::Account(rare), side });
    let time_ms = Some(BEGUN_MS + 10_000..=BEGUN_MS + 20_000);
    let amount = Some(U256::from(3)..=U256::from(8));
    let one = chain.blocks[40].block().transactions()[4].tx_hash();
    // The table itself is in the order of the places.
    let whole = |table: &str| if store.is_sqlite() { "PRIMARY KEY".into() } else { format!("{table}_pkey") };

    let payments = PaymentSearch::default;
    walks(work, PaymentSearch { party: party(Side::Payer), ..payments() }, "payments_by_payer").await;
    walks(work, PaymentSearch { party: party(Side::Payee), ..payments() }, "payments_by_payee").await;
    walks(work, PaymentSearch { party: party(Side::Either), ..payments() }, "payments_by_payee").await;
    let pair = PaymentSearch { party: party(Side::Either), counterparty: Some(other), ..payments() };
    walks(work, pair, "payments_by_p").await;
    let within = PaymentSearch { party: party(Side::Payer), time_ms: time_ms.clone(), ..payments() };
    walks(work, within, "payments_by_payer").await;
    walks(work, PaymentSearch { uetr: Some(uetr(40)), ..payments() }, "payments_by_uetr").await;
    walks(work, PaymentSearch { end_to_end: Some(uetr(7_000_000)), ..payments() }, "payments_by_reference").await;
    walks(work, PaymentSearch { transaction: Some(*one), ..payments() }, &whole("payments")).await;
    walks(work, PaymentSearch { time_ms: time_ms.clone(), ..payments() }, &whole("payments")).await;
    walks(work, PaymentSearch { token: Some(token_address(9)), ..payments() }, "payments_by_").await;
    walks(work, PaymentSearch { status: Some(Status::Expired), ..payments() }, "payments_").await;
    let token = Some(token_address(1));
    let amounts = PaymentSearch { token, amount: amount.clone(), ..payments() };
    walks(work, amounts, "payments_by_amount").await;

    let transfers = TransferSearch::default;
    walks(work, TransferSearch { party: party(Side::Payer), ..transfers() }, "transfers_by_payer").await;
    walks(work, TransferSearch { party: party(Side::Either), ..transfers() }, "transfers_by_payee").await;
    for reference in [Reference::Exact("RARE-1".into()), Reference::Prefix("RARE".into())] {
        let search = TransferSearch { reference: Some(reference), ..transfers() };
        walks(work, search, "transfers_by_reference").await;
    }
    let memo = Some(Reference::Memo(Bytes::copy_from_slice(&[3; 32])));
    walks(work, TransferSearch { reference: memo, ..transfers() }, "transfers_by_memo").await;
    walks(work, TransferSearch { transaction: Some(*one), ..transfers() }, &whole("transfers")).await;
    walks(work, TransferSearch { token, amount, ..transfers() }, "transfers_by_amount").await;
    walks(work, TransferSearch { token: Some(token_address(9)), ..transfers() }, "transfers_by_").await;

    let transactions = TransactionSearch::default;
    walks(work, TransactionSearch { sender: Some(rare), ..transactions() }, "transactions_by_sender").await;
    walks(work, TransactionSearch { recipient: Some(rare), ..transactions() }, "transactions_by_recipient").await;
    walks(work, TransactionSearch { time_ms, ..transactions() }, &whole("transactions")).await;
    walks(work, LogSearch { emitter: Some(rare), ..LogSearch::default() }, "logs_by_emitter").await;
    walks(work, LogSearch { name: Some("Approval".into()), ..LogSearch::default() }, "logs_by_name").await;
    let decisions = DecisionSearch::default;
    walks(work, DecisionSearch { policy: Some(77), ..decisions() }, "decisions_by_policy").await;
    walks(work, DecisionSearch { token: Some(token_address(9)), ..decisions() }, "decisions_by_token").await;
    walks(work, DecisionSearch { outcome: Some("refused".into()), ..decisions() }, "decisions_by_outcome").await;
    let settlement = SettlementSearch::default;
    walks(work, SettlementSearch { scheme: Some(77), ..settlement() }, "settlement_events_by_scheme").await;
    walks(work, SettlementSearch { instruction: Some(77), ..settlement() }, "settlement_events_by_instruction").await;
    walks(work, SettlementSearch { account: Some(rare), ..settlement() }, "settlement_events_by_account").await;
    walks(work, SettlementSearch { account: Some(rare), ..settlement() }, "settlement_events_by_counterparty").await;
    walks(work, SettlementSearch { reference: Some(uetr(77)), ..settlement() }, "settlement_events_by_reference").await;

    let mut names = beginning_so("ba", 10);
    names.sql = format!("SELECT t.name FROM names t {}", names.sql);
    let mut steps = Statement::new("SELECT t.step FROM payment_steps t WHERE t.payment_place = ");
    steps.bind(Value::Integer(1)).push(" ORDER BY t.place");
    let mut hash = TRANSACTIONS_BY_HASH.any(store.is_sqlite(), [Value::Bytes(vec![1; 32])].into_iter());
    hash.sql = format!("SELECT t.place FROM transactions t {}", hash.sql);
    let mut uetr = PAYMENTS_BY_UETR.any(store.is_sqlite(), [vec![1; 32], vec![2; 32]].map(Value::Bytes).into_iter());
    uetr.sql = format!("SELECT t.place FROM payments t {}", uetr.sql);
    for statement in [names, steps, hash, uetr] {
        let told = explain(work, &statement).await;
        assert!(reads_a_part(&told, store.is_sqlite()), "{}\n{told}", statement.sql);
    }
    assert!(!history.payments(&PaymentSearch::default(), &ask).await.unwrap().rows.is_empty());
}
