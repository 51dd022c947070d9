//! The desk where clients hand in transactions: what came at the same time is checked and judged together.
//!
//! A signature takes a thread some 40 us and a look at the state less; handing each to another thread and waking whoever
//! waits for it would take longer than both. So a few clerks, on threads that serve nobody else, take whatever waits, up to
//! [`GROUP_MAX`], check its signatures, and have the node judge it by one look at the state.

use crate::{backend::NodeControl, error::RpcError};
use alloy_primitives::B256;
use florin_mempool::Pool;
use florin_types::{TxEnvelope, VerifiedTx};
use std::sync::Arc;
use tokio::sync::{
    Mutex, Semaphore,
    mpsc::{self, error::TrySendError},
    oneshot,
};

/// Transactions that a clerk takes at once: about two milliseconds of work.
const GROUP_MAX: usize = 64;

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
}

impl Desk {
    /// Opens the desk with so many clerks and so many places to wait. The clerks leave when the desk is dropped.
    pub(crate) fn open(clerk: &Clerk, clerks: usize, waiting_max: usize) -> Self {
        let (queue, waiting) = mpsc::channel(waiting_max.max(1));
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..clerks.max(1) {
            let work = clerk.clone().work(waiting.clone());
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
    async fn work(self, waiting: Arc<Mutex<mpsc::Receiver<Handed>>>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        loop {
            let taken = waiting.lock().await.recv_many(&mut group, GROUP_MAX).await;
            if taken == 0 {
                return;
            }
            self.serve(group.drain(..)).await;
        }
    }

    /// Checks, hands over and answers. Whose client has gone is not looked at.
    async fn serve(&self, group: impl Iterator<Item = Handed>) {
        let (mut good, mut clients) = (Vec::new(), Vec::new());
        for Handed { tx, client } in group.filter(|handed| !handed.client.is_closed()) {
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
        // The node judges by the state.
        let place = self.reads.acquire().await;
        let answers = self.node.submit(good).await;
        drop(place);
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
