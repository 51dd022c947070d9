//! Runs of SQLite: however the blocks come, they are few, whole and in order.

use super::{
    chain::busy,
    store::{Store, count},
};
use crate::{
    database::{Database, Statement},
    schema::INDEXES,
    *,
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

const BLOCKS: u64 = 60;

/// Name, number, level and entries of every run, in the order of the chain.
async fn runs(database: &Database) -> BTreeMap<String, Vec<[i64; 3]>> {
    let mut work = database.read(Instant::now() + Duration::from_secs(30)).await.unwrap();
    let all = Statement::new("SELECT name, run, level, entries FROM runs ORDER BY name, run");
    let mut runs: BTreeMap<String, Vec<[i64; 3]>> = BTreeMap::new();
    for row in work.fetch(all).await.unwrap() {
        let mut row = columns::Fields::new("runs", row);
        let name = row.text().unwrap();
        runs.entry(name).or_default().push([(); 3].map(|()| row.integer().unwrap()));
    }
    runs
}

/// The first and the last place of a run, and how many entries it has.
async fn content(database: &Database, name: &str, run: i64) -> [i64; 3] {
    let mut work = database.read(Instant::now() + Duration::from_secs(30)).await.unwrap();
    let sql = format!("SELECT MIN(place), MAX(place), COUNT(*) FROM {name} WHERE run = {run}");
    let mut row = columns::Fields::new("run", work.fetch(Statement::new(sql)).await.unwrap().pop().unwrap());
    [(); 3].map(|()| row.integer().unwrap())
}

#[tokio::test]
async fn runs_are_few_and_follow_each_other() {
    let (store, chain) = (Store::sqlite(), busy(BLOCKS, 20));
    let history = store.open().await.unwrap();
    for blocks in chain.blocks.chunks(1) {
        history.append(blocks).await.unwrap();
    }
    let database = store.database().await;
    let runs = runs(&database).await;
    for (name, runs) in &runs {
        let mut after = -1;
        for [number, _, entries] in runs {
            let [first, last, found] = content(&database, name, *number).await;
            assert_eq!(found, *entries, "{name}, run {number}");
            assert!(first > after, "{name}: run {number} begins before the one before it ends");
            after = last;
        }
        let levels: Vec<i64> = runs.iter().map(|[_, level, _]| *level).collect();
        assert!(levels.is_sorted_by(|older, newer| older >= newer), "{name}: {levels:?}");
    }
    let payers = &runs["payments_by_payer"];
    assert_eq!(payers.iter().map(|[_, _, entries]| entries).sum::<i64>(), count(&database, "payments").await as i64);
    assert_eq!(payers[0][1], 2, "the oldest are on the highest level: {payers:?}");
    assert!(payers.len() < 20, "{} runs of {BLOCKS} blocks", payers.len());
    for index in INDEXES.iter().filter(|index| index.scattered) {
        let rows = runs.get(&index.full_name()).map_or(0, |runs| runs.iter().map(|[_, _, entries]| entries).sum());
        assert_eq!(rows, count(&database, &index.full_name()).await as i64, "{} has rows of no run", index.full_name());
    }
}

#[tokio::test]
async fn blocks_that_come_one_by_one_are_found_like_all_at_once() {
    let (one_by_one, at_once, chain) = (Store::sqlite(), Store::sqlite(), busy(BLOCKS, 20));
    let (slow, fast) = (one_by_one.open().await.unwrap(), at_once.open().await.unwrap());
    for blocks in chain.blocks.chunks(1) {
        slow.append(blocks).await.unwrap();
    }
    fast.append(&chain.blocks).await.unwrap();
    let page = |cursor| Ask { rows_max: 37, time_max: Duration::from_secs(30), cursor };
    let token = Some(florin_modules::token_address(1));
    let every = alloy_primitives::U256::ZERO..=alloy_primitives::U256::MAX;
    let party = Some(Party { who: Who::Account(super::chain::account(2)), side: Side::Either });
    let searches = [
        TransferSearch { party, ..Default::default() },
        TransferSearch { token, amount: Some(every), ..Default::default() },
        TransferSearch { reference: Some(Reference::Prefix("INV".into())), ..Default::default() },
    ];
    for search in searches {
        let (mut cursor, mut rows) = (None, 0);
        loop {
            let expected = fast.transfers(&search, &page(cursor.clone())).await.unwrap();
            assert_eq!(slow.transfers(&search, &page(cursor)).await.unwrap(), expected, "{search:?}");
            (cursor, rows) = (expected.next, rows + expected.rows.len());
            if cursor.is_none() {
                break;
            }
        }
        assert!(rows > 37, "{search:?} has one page of {rows} rows");
    }
}
