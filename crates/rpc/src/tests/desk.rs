//! The desk for transactions, with nodes that panic, hang or take their time.

use super::harness::{CHAIN_ID, developer};
use crate::{
    backend::{NodeControl, NodeStatus, SubmitError},
    desk::{Clerk, Desk},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256};
use florin_mempool::{Pool, PoolLimits, Submitted};
use florin_types::{TxEnvelope, VerifiedTx};
use futures::{future::BoxFuture, future::join_all};
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// Panics at the first groups, then takes everything and remembers the order of nonces.
#[derive(Default)]
struct Judge {
    panics_left: Mutex<usize>,
    hangs: bool,
    nonces: Mutex<Vec<u64>>,
}

impl Judge {
    async fn judge(self: Arc<Self>, txs: Vec<VerifiedTx>) -> Vec<Result<Submitted, SubmitError>> {
        let taken = |tx: &VerifiedTx| Ok(Submitted { hash: tx.hash(), replaced: None, pending: true });
        self.nonces.lock().extend(txs.iter().map(|tx| tx.tx().nonce()));
        if self.hangs {
            return futures::future::pending().await;
        }
        let panics = {
            let mut left = self.panics_left.lock();
            *left = left.saturating_sub(1);
            *left > 0
        };
        assert!(!panics, "on purpose");
        // Another clerk gets time to come first.
        tokio::time::sleep(Duration::from_millis(2)).await;
        txs.iter().map(taken).collect()
    }
}

struct Control(Arc<Judge>);

impl NodeControl for Control {
    fn submit(&self, txs: Vec<VerifiedTx>) -> BoxFuture<'static, Vec<Result<Submitted, SubmitError>>> {
        Box::pin(self.0.clone().judge(txs))
    }

    fn status(&self) -> NodeStatus {
        unreachable!("the desk does not ask")
    }

    fn validators(&self) -> Vec<(String, B256)> {
        unreachable!("the desk does not ask")
    }
}

fn desk(judge: &Arc<Judge>, clerks: usize, waiting_max: usize, time_max: Duration) -> Desk {
    let clerk = Clerk {
        node: Arc::new(Control(judge.clone())),
        pool: Pool::new(PoolLimits::default()),
        chain_id: CHAIN_ID,
        reads: Arc::new(Semaphore::new(8)),
        time_max,
    };
    Desk::open(&clerk, clerks, waiting_max)
}

fn payment(nonce: u64) -> TxEnvelope {
    developer().pay(nonce, Address::ZERO, 1)
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_costs_its_group_and_no_clerk() {
    let judge = Arc::new(Judge { panics_left: Mutex::new(6), ..Judge::default() });
    let desk = desk(&judge, 2, 8, LONG);
    for nonce in 0..5 {
        assert!(desk.hand_in(payment(nonce)).await.is_err());
    }
    for nonce in 5..10 {
        assert_eq!(desk.hand_in(payment(nonce)).await.unwrap(), *payment(nonce).tx_hash());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hangs_keeps_no_clerk() {
    let judge = Arc::new(Judge { hangs: true, ..Judge::default() });
    let desk = desk(&judge, 1, 8, Duration::from_millis(20));
    for nonce in 0..3 {
        assert!(desk.hand_in(payment(nonce)).await.is_err());
    }
    assert_eq!(*judge.nonces.lock(), [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_judged_in_the_order_in_which_they_came() {
    let judge = Arc::new(Judge::default());
    let desk = desk(&judge, 4, 4_096, LONG);
    let answers = join_all((0..1_000).map(|nonce| desk.hand_in(payment(nonce)))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(*judge.nonces.lock(), (0..1_000).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_may_wait_are_told_so() {
    let judge = Arc::new(Judge { hangs: true, ..Judge::default() });
    let desk = Arc::new(desk(&judge, 1, 3, LONG));
    let hand_in = |nonce| {
        let desk = desk.clone();
        tokio::spawn(async move { desk.hand_in(payment(nonce)).await })
    };
    let _held = hand_in(0);
    while judge.nonces.lock().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The clerk has taken the first one and waits for the node. Three more may wait; of many, the others are refused.
    let others: Vec<_> = (1..=10).map(hand_in).collect();
    let mut refused = 0;
    for mut other in others {
        if let Ok(answer) = tokio::time::timeout(Duration::from_secs(1), &mut other).await {
            let error = answer.unwrap().expect_err("nothing is judged");
            assert_eq!(error.code(), crate::error::LIMIT_EXCEEDED);
            refused += 1;
        }
    }
    assert_eq!(refused, 7);
}
