//! What is not as it was written is named, and never served.

use super::{
    chain::{Chain, GENESIS, account, busy, log, uetr},
    on_both,
    store::{Store, dump},
};
use crate::{
    columns::{Kind, PersonRecord, Record, amount, bytes, number, optional, text},
    database::{Database, Failure, Statement, Value},
    search::rows,
    *,
};
use florin_modules::{IDENTITY_ADDRESS, PAYMENT_ADDRESS, identity::IIdentity, payment::IPayment};
use std::time::{Duration, Instant};

on_both!(
    what_is_written_is_whole_however_it_comes,
    a_changed_column_is_named_and_never_served,
    a_row_that_is_lost_or_doubled_is_named,
    a_damaged_history_neither_answers_nor_grows,
);

fn name(value: &str) -> NameRecord {
    NameRecord { account: account(1), kind: NameKind::Seat, name: value.into(), height: 0 }
}

/// Everything occurs, names change, and a payment that was ordered blocks ago is parked.
fn chain() -> Chain {
    let mut chain = busy(6, 20);
    let person =
        |lei: &str| IIdentity::PersonRegistered { personId: 8, kind: 2, registrar: account(1), lei: lei.into() };
    let linked = IIdentity::AddressLinkedTo { personId: 8, account: account(4), bySignature: true };
    let unlinked = IIdentity::AddressUnlinked { personId: 8, account: account(4), by: account(1) };
    let parked = IPayment::PaymentParked {
        payer: account(5),
        uetr: uetr(34),
        policyId: 1,
        holdId: 3,
        account: account(7),
        expiryMs: 1_900_000_000_000,
    };
    chain.push_one(vec![
        log(IDENTITY_ADDRESS, &person("529900T8BM49AURSDO55")),
        log(IDENTITY_ADDRESS, &linked),
        log(PAYMENT_ADDRESS, &parked),
    ]);
    chain.push_one(vec![log(IDENTITY_ADDRESS, &unlinked), log(IDENTITY_ADDRESS, &person("549300MLUDYVRQOOXS22"))]);
    chain.push_one(vec![log(IDENTITY_ADDRESS, &linked)]);
    chain
}

async fn what_is_written_is_whole_however_it_comes(store: &Store) {
    let chain = chain();
    let mut dumps = Vec::new();
    for at_once in [1, 4, 100] {
        let history = store.open_named(&[name("Bank")]).await;
        history.check().await.unwrap();
        for blocks in chain.blocks.chunks(at_once) {
            history.append(blocks).await.unwrap();
            history.check().await.unwrap();
        }
        history.close().await;
        let history = store.open_named(&[]).await;
        history.check().await.unwrap();
        history.close().await;
        // The sum of everything has the runs of SQLite, which are as the blocks came.
        let mut rows = dump(store).await;
        rows.retain(|row| !row.starts_with("chain "));
        dumps.push(rows);
        History::remove(&store.location).await.unwrap();
    }
    for other in &dumps[1..] {
        let differ = dumps[0].iter().zip(other).find(|(one, other)| one != other);
        assert_eq!((dumps[0].len(), differ), (other.len(), None));
    }
    let parked = dumps[0].iter().filter(|row| row.contains("parked")).count();
    assert!(parked >= 2, "the payment and its step: {parked}");
}

/// Another value of the same kind.
fn changed(value: &Value) -> Value {
    match value {
        Value::Integer(value) => Value::Integer(value ^ (1 << 40)),
        Value::Bytes(value) => {
            Value::Bytes(value.iter().map(|byte| byte ^ 1).chain(value.is_empty().then_some(7)).collect())
        }
        Value::Text(value) => text(&format!("{value}x")),
        Value::Null(Kind::Integer) => number(7),
        Value::Null(Kind::Bytes) => bytes([7; 20]),
        Value::Null(Kind::Text) => text("x"),
    }
}

async fn write(database: &Database, sql: String, values: Vec<Value>) {
    let mut work = database.write().await.unwrap();
    assert_eq!(work.execute(Statement { sql, values }).await.unwrap(), 1);
    work.commit().await.unwrap();
}

async fn damage(store: &Store) -> String {
    let history = store.open().await.unwrap();
    let damage = history.check().await;
    history.close().await;
    match damage {
        Err(HistoryError::Damaged { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

/// Changes each column of the last row of a table, and sees that it is named.
async fn change_each_column<R: Record + std::fmt::Debug>(database: &Database) {
    let table = R::TABLE;
    let names: Vec<&str> = R::COLUMNS.iter().map(|column| column.name).collect();
    let by: Vec<&str> = names.iter().copied().take(if table == "names" { 2 } else { 1 }).collect();
    let row = {
        let sql = format!("SELECT {} FROM {table} ORDER BY {} DESC LIMIT 1", names.join(", "), by.join(" DESC, "));
        let mut work = database.read(Instant::now() + Duration::from_secs(30)).await.unwrap();
        work.fetch(Statement::new(sql)).await.unwrap().pop().unwrap()
    };
    let is_key = |key: &str, at: usize| format!("{key} = ${}", at + 2);
    for (at, column) in R::COLUMNS.iter().enumerate() {
        // What is read of nothing says no kind.
        let old = if let Value::Null(_) = row[at] { Value::Null(column.kind) } else { row[at].clone() };
        let new = changed(&old);
        let (mut keys, mut new_keys) = (row[..by.len()].to_vec(), row[..by.len()].to_vec());
        if at < by.len() {
            new_keys[at] = new.clone();
        }
        let filter: Vec<String> = by.iter().enumerate().map(|(at, key)| is_key(key, at)).collect();
        let sql = format!("UPDATE {table} SET {} = $1 WHERE {}", column.name, filter.join(" AND "));
        keys.insert(0, new);
        write(database, sql.clone(), keys).await;
        let mut work = database.read(Instant::now() + Duration::from_secs(30)).await.unwrap();
        let Err(Failure::Damaged(what)) = content::check(&mut work).await else { panic!("{table}.{}", column.name) };
        // Where the transaction is not found any more, the row is missing.
        assert!(
            what.contains(table) || column.name == "transaction_place" || table == "transactions",
            "{table}.{}: {what}",
            column.name
        );
        let served = rows::<R>(&mut work, Statement::default()).await;
        drop(work);
        assert!(served.is_err() || column.name == "transaction_place", "{table}.{} is served: {served:?}", column.name);
        new_keys.insert(0, old);
        write(database, sql, new_keys).await;
    }
}

async fn a_changed_column_is_named_and_never_served(store: &Store) {
    let history = store.open_named(&[name("Bank")]).await;
    history.append(&chain().blocks).await.unwrap();
    let database = store.database().await;
    change_each_column::<BlockRecord>(&database).await;
    change_each_column::<TransactionRecord>(&database).await;
    change_each_column::<LogRecord>(&database).await;
    change_each_column::<TransferRecord>(&database).await;
    change_each_column::<PaymentRecord>(&database).await;
    change_each_column::<PaymentStepRecord>(&database).await;
    change_each_column::<DecisionRecord>(&database).await;
    change_each_column::<SettlementRecord>(&database).await;
    change_each_column::<NameRecord>(&database).await;
    change_each_column::<PersonRecord>(&database).await;
    history.check().await.unwrap();
    // The hash of a transaction is served with its logs.
    write(
        &database,
        "UPDATE transactions SET hash = $1 WHERE place = (SELECT MAX(place) FROM transactions)".into(),
        vec![bytes(uetr(1))],
    )
    .await;
    let mut work = database.read(Instant::now() + Duration::from_secs(30)).await.unwrap();
    assert!(rows::<LogRecord>(&mut work, Statement::default()).await.is_err());
    drop(work);
    write(&database, "UPDATE chain SET content = $1".into(), vec![bytes([0; 16])]).await;
    assert!(matches!(store.open().await, Err(HistoryError::Damaged { .. })));
}

async fn a_row_that_is_lost_or_doubled_is_named(store: &Store) {
    let history = store.open_named(&[name("Bank")]).await;
    history.append(&chain().blocks).await.unwrap();
    history.close().await;
    let database = store.database().await;
    let mut tables = vec!["blocks", "logs", "transfers", "payments", "payment_steps", "decisions", "settlement_events"];
    if store.is_sqlite() {
        tables.extend(["transfers_by_payer", "payments_by_uetr"]);
    }
    for table in tables {
        let key = if table == "blocks" { "height" } else { "place" };
        let last = format!("(SELECT MAX({key}) FROM {table})");
        let row = {
            let mut work = database.read(Instant::now() + Duration::from_secs(30)).await.unwrap();
            work.fetch(Statement::new(format!("SELECT * FROM {table} WHERE {key} = {last}")))
                .await
                .unwrap()
                .pop()
                .unwrap()
        };
        write(&database, format!("DELETE FROM {table} WHERE {key} = {last}"), Vec::new()).await;
        damage(store).await;
        let is_null = |value: &Value| matches!(value, Value::Null(_));
        let (mut places, mut values) = (Vec::new(), Vec::new());
        for value in row {
            if is_null(&value) {
                places.push("NULL".to_owned());
            } else {
                values.push(value);
                places.push(format!("${}", values.len()));
            }
        }
        write(&database, format!("INSERT INTO {table} VALUES ({})", places.join(", ")), values).await;
        store.open().await.unwrap().check().await.unwrap();
    }
    // A row that nobody wrote, with the digest that it would have.
    let mut work = database.write().await.unwrap();
    work.insert(&[PersonRecord { person: 99, lei: "529900T8BM49AURSDO55".into() }], &mut Default::default())
        .await
        .unwrap();
    work.commit().await.unwrap();
    damage(store).await;
}

async fn a_damaged_history_neither_answers_nor_grows(store: &Store) {
    let chain = chain();
    let history = store.open().await.unwrap();
    history.append(&chain.blocks[..4]).await.unwrap();
    let sql = "UPDATE transfers SET amount = $1 WHERE place = (SELECT MIN(place) FROM transfers)";
    write(&store.database().await, sql.into(), vec![amount(alloy_primitives::U256::from(1_000_000))]).await;
    let ask = Ask { rows_max: 10, time_max: Duration::from_secs(10), cursor: None };
    history.block(4, &ask).await.unwrap().unwrap();
    let named = |result: Result<(), HistoryError>| {
        let error = result.unwrap_err();
        assert!(matches!(error, HistoryError::Damaged { .. }) && error.to_string().contains("transfers"), "{error}");
    };
    named(history.check().await);
    named(history.block(4, &ask).await.map(drop));
    named(history.append(&chain.blocks).await);
    assert_eq!(history.told(), Some(1..=4));
}

/// Every byte of a small file, one bit each: it is refused when it is opened or checked, or everything is as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_in_the_file_is_named_or_harmless() {
    let store = Store::sqlite();
    let Location::Sqlite(file) = &store.location else { panic!() };
    let history = store.open_named(&[name("Bank")]).await;
    history.append(&chain().blocks).await.unwrap();
    history.close().await;
    let sound = std::fs::read(file).unwrap();
    let expected = dump(&store).await;
    let (mut named, mut harmless) = (0, 0);
    let step = (sound.len() / FLIPS) | 1;
    for (at, bit) in (0..sound.len()).step_by(step).zip((0..8).cycle()) {
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(file.with_file_name(format!("history.sqlite{suffix}")));
        }
        let mut flipped = sound.clone();
        flipped[at] ^= 1 << bit;
        std::fs::write(file, flipped).unwrap();
        let outcome = async {
            let history = soon("open", History::open(&store.location, GENESIS, &[])).await?;
            let checked = soon("check", history.check()).await;
            soon("close", history.close()).await;
            checked
        };
        match outcome.await {
            Err(_) => named += 1,
            Ok(()) => {
                let found = soon("reading", dump(&store)).await;
                assert!(found == expected, "bit {bit} of byte {at} is served");
                harmless += 1;
            }
        }
    }
    // A page of a small table is half empty.
    assert!(
        named * 3 > named + harmless,
        "{named} flipped bits are named, and {harmless} changed nothing that is stored"
    );
}

/// Types and names of columns are text that the driver takes as it is.
#[tokio::test]
async fn a_schema_that_is_no_text_any_more_is_named() {
    let store = Store::sqlite();
    let Location::Sqlite(file) = &store.location else { panic!() };
    store.open().await.unwrap().close().await;
    let sound = std::fs::read(file).unwrap();
    let words = ["INTEGER", "BLOB", "TEXT", "digest"];
    let places =
        words.iter().flat_map(|word| sound.windows(word.len()).enumerate().filter(|(_, at)| *at == word.as_bytes()));
    let places: Vec<usize> = places.map(|(place, _)| place).collect();
    let (all, mut named) = (places.len(), 0);
    for place in places {
        let mut flipped = sound.clone();
        flipped[place] ^= 1 << 7;
        std::fs::write(file, flipped).unwrap();
        match soon("open", History::open(&store.location, GENESIS, &[])).await {
            Err(error) => {
                assert!(matches!(error, HistoryError::Damaged { .. }), "byte {place}: {error}");
                named += 1;
            }
            // A column that was added left a copy of its table's text that nobody reads.
            Ok(history) => history.close().await,
        }
    }
    assert!(named > 100 && named * 2 > all, "{named} of {all} are named");
}

/// Nothing waits for ever for a file that cannot be read.
async fn soon<T>(what: &str, done: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), done).await.unwrap_or_else(|_| panic!("{what} has no end"))
}

/// Bits that are flipped.
const FLIPS: usize = 400;

#[test]
fn values_that_look_alike_have_digests_of_their_own() {
    let digest = |values: &[Value]| content::digest("t", values);
    let alike = [
        vec![bytes([1, 2]), bytes([3])],
        vec![bytes([1]), bytes([2, 3])],
        vec![bytes([1, 2, 3])],
        vec![text("\u{1}\u{2}\u{3}")],
        vec![optional(None::<&str>, Kind::Text, text)],
        vec![text("")],
        vec![bytes([])],
        vec![number(0)],
        vec![],
    ];
    for (at, one) in alike.iter().enumerate() {
        assert!(alike[..at].iter().all(|other| digest(one) != digest(other)), "{one:?}");
        assert_ne!(digest(one), content::digest("u", one));
    }
    assert_eq!(digest(&[Value::Null(Kind::Text)]), digest(&[Value::Null(Kind::Integer)]), "nothing is nothing");
}
