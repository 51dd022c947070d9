//! The desk where clients hand in transactions: what came at the same time is checked and judged together.
//!
//! A signature takes a thread some 40 us and a look at the state less; handing each to another thread and waking whoever
//! waits for it would take longer than both. So a few clerks, on threads that serve nobody else, take whatever waits, up to
//! [`GROUP_MAX`], check its signatures, and have the node judge it by one look at the state.

use crate::{backend::NodeControl, error::RpcError};
use alloy_primitives::B256;
use florin_mempool::Pool;
use florin_types::{TxEnvelope, VerifiedTx};
use futures::FutureExt as _;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::sync::{
    Mutex, Semaphore,
    mpsc::{self, error::TrySendError},
    oneshot, watch,
};

/// Transactions that a clerk takes at once: about two milliseconds of work.
pub(crate) const GROUP_MAX: usize = 64;

/// What a client is told: the hash of what was taken.
type Answer = Result<B256, RpcError>;

/// A transaction whose client waits.
struct Handed {
    tx: TxEnvelope,
    client: oneshot::Sender<Answer>,
}

/// The clients' side.
#[derive(Debug)]
pub(crate) struct Desk {
    queue: mpsc::Sender<Handed>,
}

/// What a clerk needs.
#[derive(Clone)]
pub(crate) struct Clerk {
    pub(crate) node: Arc<dyn NodeControl>,
    pub(crate) pool: Pool,
    pub(crate) chain_id: u64,
    /// Places for reads of state.
    pub(crate) reads: Arc<Semaphore>,
    /// How long the node may take to judge a group.
    pub(crate) time_max: Duration,
}

/// What waits, and how many groups were taken from it.
struct Waiting {
    transactions: mpsc::Receiver<Handed>,
    groups: u64,
}

/// Which group's turn it is to be judged: groups are checked side by side and judged in the order in which they came, so
/// that a sender's transactions reach the pool by nonce.
type Turns = Arc<watch::Sender<u64>>;

/// A group's turn. Passed on when dropped, whatever became of the group.
struct Turn {
    turns: Turns,
    group: u64,
}

impl Turn {
    async fn reached(&self) {
        // The sender lives in `self`: this ends by reaching the turn.
        let _ = self.turns.subscribe().wait_for(|turn| *turn >= self.group).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.send_modify(|turn| *turn = (*turn).max(self.group.saturating_add(1)));
    }
}

impl Desk {
    /// Opens the desk with so many clerks and so many places to wait. The clerks leave when the desk is dropped.
    pub(crate) fn open(clerk: &Clerk, clerks: usize, waiting_max: usize) -> Self {
        let (queue, transactions) = mpsc::channel(waiting_max.max(1));
        let waiting = Arc::new(Mutex::new(Waiting { transactions, groups: 0 }));
        let turns = Arc::new(watch::Sender::new(0));
        for _ in 0..clerks.max(1) {
            let work = clerk.clone().work(waiting.clone(), turns.clone());
            let runtime = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || runtime.block_on(work));
        }
        Self { queue }
    }

    /// Hands in a transaction and waits for what the node says of it.
    pub(crate) async fn hand_in(&self, tx: TxEnvelope) -> Answer {
        let (client, answer) = oneshot::channel();
        self.queue.try_send(Handed { tx, client }).map_err(|error| match error {
            TrySendError::Full(_) => RpcError::limit(
                "busy",
                format!("{} submissions wait on this node already: try again in a moment", self.queue.max_capacity()),
            ),
            TrySendError::Closed(_) => RpcError::fault(&"nobody is at the desk for transactions"),
        })?;
        answer.await.map_err(|error| RpcError::fault(&error))?
    }
}

impl Clerk {
    async fn work(self, waiting: Arc<Mutex<Waiting>>, turns: Turns) {
        loop {
            let mut group = Vec::with_capacity(GROUP_MAX);
            let turn = {
                let mut waiting = waiting.lock().await;
                if waiting.transactions.recv_many(&mut group, GROUP_MAX).await == 0 {
                    return;
                }
                let turn = Turn { turns: turns.clone(), group: waiting.groups };
                waiting.groups = waiting.groups.saturating_add(1);
                turn
            };
            // Clients of a group that made this program panic hear of it by the answer that never comes. The clerk stays.
            if AssertUnwindSafe(self.serve(group, turn)).catch_unwind().await.is_err() {
                tracing::error!("checking a group of transactions panicked, which is a defect of this program");
            }
        }
    }

    /// Checks, hands over in turn and answers. Whose client has gone is not looked at.
    async fn serve(&self, group: Vec<Handed>, turn: Turn) {
        let (mut good, mut clients) = (Vec::new(), Vec::new());
        for Handed { tx, client } in group.into_iter().filter(|handed| !handed.client.is_closed()) {
            match self.verified(tx) {
                Ok(tx) => {
                    good.push(tx);
                    clients.push(client);
                }
                Err(error) => answer(client, Err(error)),
            }
        }
        if good.is_empty() {
            return;
        }
        let judged = async {
            turn.reached().await;
            // The node judges by the state.
            let _place = self.reads.acquire().await;
            self.node.submit(good).await
        };
        // A read that never ends must not keep the clerk: the clients' own time is over by then.
        let Ok(answers) = tokio::time::timeout(self.time_max, judged).await else { return };
        drop(turn);
        for (client, submitted) in clients.into_iter().zip(answers) {
            answer(client, submitted.map(|submitted| submitted.hash).map_err(RpcError::from));
        }
    }

    fn verified(&self, tx: TxEnvelope) -> Result<VerifiedTx, RpcError> {
        match self.pool.cache().get(tx.tx_hash()) {
            Some(known) => Ok(known),
            None => Ok(VerifiedTx::verify(tx, self.chain_id)?),
        }
    }
}

fn answer(client: oneshot::Sender<Answer>, answer: Answer) {
    // A client that has gone misses nothing.
    let _ = client.send(answer);
}
