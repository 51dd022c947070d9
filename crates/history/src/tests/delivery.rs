//! At least once, in order, whole, of one chain.

use super::{
    chain::{Chain, GENESIS, account, block, busy, model, ordered},
    on_both,
    store::{Store, agree},
};
use crate::*;
use alloy_primitives::B256;
use std::time::Duration;

on_both!(
    blocks_come_at_least_once_and_in_order,
    another_chain_is_refused,
    two_writers_agree,
    an_append_that_is_given_up_leaves_nothing,
    a_history_is_removed_and_rebuilt,
    the_lag_is_what_is_not_told,
);

async fn blocks_come_at_least_once_and_in_order(store: &Store) {
    let chain = busy(10, 10);
    let history = store.open().await.unwrap();
    assert_eq!(history.told(), None);
    history.append(&[]).await.unwrap();
    history.append(&chain.blocks[..4]).await.unwrap();
    history.append(&chain.blocks[2..6]).await.unwrap();
    history.append(&chain.blocks[..6]).await.unwrap();
    let gap = history.append(&chain.blocks[7..]).await;
    assert!(matches!(gap, Err(HistoryError::Gap { told: Some(6), offered: 8 })), "{gap:?}");
    // All of a batch or nothing of it.
    let torn = [chain.blocks[6].clone(), chain.blocks[8].clone()];
    assert!(matches!(history.append(&torn).await, Err(HistoryError::Gap { told: Some(7), offered: 9 })));
    assert_eq!(history.told(), Some(1..=6));
    history.close().await;
    let history = store.open().await.unwrap();
    assert_eq!(history.told(), Some(1..=6));
    history.append(&chain.blocks).await.unwrap();
    history.reached(10).await;
    agree(&store.database().await, &model(&chain.blocks)).await;
}

async fn another_chain_is_refused(store: &Store) {
    let chain = busy(3, 4);
    let history = store.open().await.unwrap();
    history.append(&chain.blocks).await.unwrap();
    let other = History::open(&store.location, B256::repeat_byte(8), &[]).await;
    assert!(matches!(other, Err(HistoryError::OtherChain { found: GENESIS, .. })));
    // Another block where one is told, and one that does not follow.
    let mut fork = Chain { blocks: chain.blocks[..2].to_vec() };
    fork.push_one(ordered(account(1), account(2), 1, 5, 77, 3));
    assert!(matches!(history.append(&fork.blocks).await, Err(HistoryError::OtherBlock { height: 3, .. })));
    fork.push_one(Vec::new());
    assert!(matches!(history.append(&fork.blocks[3..]).await, Err(HistoryError::OtherBlock { height: 3, .. })));
    assert_eq!(history.told(), Some(1..=3));
    let fresh = Store::sqlite();
    let fresh = fresh.open().await.unwrap();
    let foreign = block(1, B256::repeat_byte(1), Vec::new());
    assert!(matches!(fresh.append(&[foreign]).await, Err(HistoryError::OtherBlock { height: 0, .. })));
}

async fn two_writers_agree(store: &Store) {
    let chain = busy(40, 5);
    let (one, other) = (store.open().await.unwrap(), store.open().await.unwrap());
    let write = async |history: History, step: usize| {
        for end in (step..=chain.blocks.len()).step_by(step) {
            history.append(&chain.blocks[..end]).await.unwrap();
        }
        history.append(&chain.blocks).await.unwrap();
    };
    tokio::join!(write(one.clone(), 3), write(other.clone(), 4));
    assert_eq!((one.told(), other.told()), (Some(1..=40), Some(1..=40)));
    let model = model(&chain.blocks);
    let ask = Ask { rows_max: 1_000, ..Ask::default() };
    assert_eq!(one.payments(&PaymentSearch::default(), &ask).await.unwrap().rows, model.payments);
}

async fn an_append_that_is_given_up_leaves_nothing(store: &Store) {
    let chain = busy(60, 20);
    let history = store.open().await.unwrap();
    let mut given_up = 0;
    for microseconds in [50, 500, 5_000, 20_000, 50_000] {
        let append = history.append(&chain.blocks);
        given_up += usize::from(tokio::time::timeout(Duration::from_micros(microseconds), append).await.is_err());
        let told = store.open().await.unwrap().told();
        assert!(told.is_none() || told == Some(1..=60), "{told:?}");
    }
    assert!(given_up > 0);
    history.append(&chain.blocks).await.unwrap();
    agree(&store.database().await, &model(&chain.blocks)).await;
}

async fn a_history_is_removed_and_rebuilt(store: &Store) {
    let chain = busy(10, 10);
    let ask = Ask { rows_max: 1_000, ..Ask::default() };
    let mut told = Vec::new();
    for _ in 0..2 {
        let history = store.open().await.unwrap();
        assert_eq!(history.told(), None);
        history.append(&chain.blocks).await.unwrap();
        history.analyse().await.unwrap();
        told.push(history.payments(&PaymentSearch::default(), &ask).await.unwrap());
        history.close().await;
        History::remove(&store.location).await.unwrap();
    }
    assert_eq!(told[0], told[1]);
    // What is not there is removed, too.
    History::remove(&store.location).await.unwrap();
}

async fn the_lag_is_what_is_not_told(store: &Store) {
    let chain = busy(5, 1);
    let history = store.open().await.unwrap();
    assert_eq!(history.lag(5), 6);
    history.append(&chain.blocks[..3]).await.unwrap();
    assert_eq!((history.lag(5), history.lag(3), history.lag(2)), (2, 0, 0));
}
