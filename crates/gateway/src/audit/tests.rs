//! The log on a real database: what was changed is found and named.

use super::{anchor::is_due, verify::check, *};
use crate::Faults;
use florin_history::{Location, sql::Statement};

const GENESIS: B256 = B256::repeat_byte(7);

fn entry(number: u64) -> AuditEntry {
    let text = |text: &str| text.to_owned();
    AuditEntry {
        time_ms: 1_795_348_800_000 + number,
        tenant: text("bank-a"),
        who: text("anna"),
        roles: text("maker auditor"),
        method: text("GET"),
        path: format!("/v1/messages/{number}"),
        status: 200,
    }
}

/// A log of five rows, in a directory that lives as long.
async fn log() -> (Store, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.sqlite");
    let location = Location::parse(path.to_str().unwrap(), None).unwrap();
    let (store, _) = Store::open(&location, GENESIS, 0, Faults::default()).await.unwrap();
    let log = AuditLog::start(store.clone());
    for number in 1..=5 {
        assert!(log.append(entry(number)).await);
    }
    (store, directory)
}

async fn sql(store: &Store, sql: &str) {
    let mut work = store.write().await.unwrap();
    work.execute(Statement::new(sql)).await.unwrap();
    store.commit_aside(work).await.unwrap();
}

async fn rows(store: &Store) -> Vec<crate::store::AuditRow> {
    store.audit_after(&mut store.read().await.unwrap(), None, 0, 100).await.unwrap()
}

async fn verdict(store: &Store, commitments: &Commitments) -> Result<Audited, AuditFault> {
    check(store, GENESIS, commitments).await.unwrap()
}

#[tokio::test]
async fn rows_follow_one_another_and_calls_that_come_together_have_one_each() {
    let (store, _directory) = log().await;
    let log = AuditLog::start(store.clone());
    let calls: Vec<_> = (0..200)
        .map(|number| {
            tokio::spawn({
                let log = log.clone();
                async move { log.append(entry(number)).await }
            })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap());
    }
    let all: Vec<_> = rows(&store).await.into_iter().map(|row| row.number).collect();
    assert_eq!(all, (1..=100).collect::<Vec<_>>(), "a page");
    let audited = verdict(&store, &Commitments::new()).await.unwrap();
    assert_eq!((audited.rows, audited.covered), (205, 0));
    // What a tenant is shown is its own.
    let others = store.audit_after(&mut store.read().await.unwrap(), Some("bank-b"), 0, 100).await.unwrap();
    assert!(others.is_empty());
}

#[tokio::test]
async fn a_changed_row_is_found_and_named_whatever_of_it_was_changed() {
    for change in [
        "time_ms = time_ms + 1",
        "tenant = 'bank-b'",
        "who = 'bert'",
        "roles = 'maker'",
        "method = 'POST'",
        "path = '/v1/messages/4'",
        "status = 403",
        "who = 'annam', roles = 'aker auditor'",
        "previous = hash",
        "hash = previous",
    ] {
        let (store, _directory) = log().await;
        sql(&store, &format!("UPDATE audit SET {change} WHERE number = 3")).await;
        assert_eq!(verdict(&store, &Commitments::new()).await, Err(AuditFault::Changed(3)), "{change}");
    }
}

#[tokio::test]
async fn a_deleted_row_is_found_and_named() {
    let (store, _directory) = log().await;
    sql(&store, "DELETE FROM audit WHERE number = 3").await;
    assert_eq!(verdict(&store, &Commitments::new()).await, Err(AuditFault::Deleted(3)));
    let (store, _directory) = log().await;
    sql(&store, "DELETE FROM audit WHERE number = 1").await;
    assert_eq!(verdict(&store, &Commitments::new()).await, Err(AuditFault::Deleted(1)));
    // The gap is closed by new numbers: the hash says which row was another.
    let (store, _directory) = log().await;
    sql(&store, "DELETE FROM audit WHERE number = 3").await;
    sql(&store, "UPDATE audit SET number = 3 WHERE number = 4").await;
    assert_eq!(verdict(&store, &Commitments::new()).await, Err(AuditFault::Changed(3)));
}

/// Who writes rows and all hashes after them anew is found by the ledger.
#[tokio::test]
async fn a_chain_that_was_written_anew_is_not_the_ledgers() {
    let (store, _directory) = log().await;
    let before = rows(&store).await;
    let commitments: Commitments = [(2, (before[1].hash, 10)), (4, (before[3].hash, 20))].into();
    let audited = verdict(&store, &commitments).await.unwrap();
    assert_eq!((audited.rows, audited.commitments, audited.covered), (5, 2, 4));
    assert_eq!(audited.head, before[4].hash);

    sql(&store, "DELETE FROM audit WHERE number >= 3").await;
    let cut = AuditFault::Cut { last: 2, row: 4, height: 20 };
    assert_eq!(verdict(&store, &commitments).await, Err(cut.clone()));
    assert!(cut.to_string().contains("rows after 2"), "{cut}");
    let log = AuditLog::start(store.clone());
    for number in [3, 40, 5] {
        assert!(log.append(entry(number)).await);
    }
    let rewritten = AuditFault::Rewritten { from: 3, row: 4, height: 20 };
    assert_eq!(verdict(&store, &commitments).await, Err(rewritten));
    // Without the ledger nobody could tell.
    assert!(verdict(&store, &Commitments::new()).await.is_ok());
    // One row alone with its hash: the next does not follow.
    let (store, _directory) = self::log().await;
    let forged = AuditEntry { who: "bert".into(), ..entry(3) }.hash(3, rows(&store).await[1].hash);
    sql(
        &store,
        &format!("UPDATE audit SET who = 'bert', hash = x'{}' WHERE number = 3", alloy_primitives::hex::encode(forged)),
    )
    .await;
    assert_eq!(verdict(&store, &Commitments::new()).await, Err(AuditFault::Broken(4)));
}

#[tokio::test]
async fn what_cannot_be_written_is_told() {
    let (store, _directory) = log().await;
    let log = AuditLog::start(store.clone());
    store.close().await;
    assert!(!log.append(entry(6)).await);
}

#[test]
fn a_commitment_is_due_once_a_day_where_something_happened() {
    assert!(!is_due(None, 20_000, 0), "nothing happened yet");
    assert!(is_due(None, 20_000, 1));
    assert!(!is_due(Some((20_000, 1)), 20_000, 9), "it is the same day");
    assert!(is_due(Some((20_000, 1)), 20_001, 2));
    assert!(!is_due(Some((20_000, 1)), 20_001, 1), "nothing happened since");
    assert!(!is_due(Some((20_001, 1)), 20_000, 2), "the clock went back");
}
