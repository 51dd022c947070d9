//! The demo's payments: three banks that pay each other, each with a memo and a reference, each waited for.

use super::Network;
use crate::{
    failure::Failure,
    remote::{client_failure, connect},
};
use alloy_primitives::{Address, B256};
use florin_client::{ClientError, Signer, Token};
use florin_types::Amount;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

/// Payments of one bank that are waited for at once; a stuck network is not flooded.
const WAITING_MAX: usize = 64;
/// Recent payments of which the finality time is shown.
const RECENT_MAX: usize = 50;
const FINAL_TIME_MAX_MS: u64 = 60_000;

/// What the payments have done so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Payments that are final.
    pub(crate) payments: u64,
    /// From submission to finality of recent payments, their median in milliseconds.
    pub(crate) finality_ms: Option<u64>,
}

#[derive(Debug, Default)]
struct Counters {
    payments: u64,
    recent_ms: VecDeque<u64>,
}

/// Payments that run until this is dropped.
#[derive(Debug)]
pub(crate) struct Traffic {
    counters: Arc<Mutex<Counters>>,
    _banks: JoinSet<()>,
}

impl Traffic {
    /// Starts `rate` payments a second, spread over the banks.
    pub(crate) async fn start(network: &Network, rate: u32) -> Result<Self, Failure> {
        let counters = Arc::<Mutex<Counters>>::default();
        let urls = network.rpc_urls();
        let banks: Vec<Signer> = network.people.banks().iter().map(|bank| bank.key.clone()).collect();
        let addresses: Vec<Address> = banks.iter().map(Signer::address).collect();
        let pause = Duration::from_secs(1).mul_f64(banks.len() as f64 / f64::from(rate.max(1)));
        let mut tasks = JoinSet::new();
        for (number, bank) in banks.into_iter().enumerate() {
            let mut tokens = Vec::new();
            for url in &urls {
                tokens.push(Token::open(connect(url)?, network.token).await.map_err(client_failure)?);
            }
            // Each bank has its own node, and the next one while that does not answer.
            let shift = number.checked_rem(tokens.len()).unwrap_or(0);
            tokens.rotate_left(shift);
            let others = addresses.iter().copied().filter(|other| *other != bank.address()).collect();
            tasks.spawn(Bank { key: bank, others, tokens, counters: counters.clone() }.run(pause));
        }
        Ok(Self { counters, _banks: tasks })
    }

    /// What the payments have done so far.
    pub(crate) fn seen(&self) -> Seen {
        let counters = lock(&self.counters);
        let mut recent: Vec<u64> = counters.recent_ms.iter().copied().collect();
        recent.sort_unstable();
        Seen { payments: counters.payments, finality_ms: recent.get(recent.len() / 2).copied() }
    }
}

/// A bank that pays the others.
struct Bank {
    key: Signer,
    others: Vec<Address>,
    tokens: Vec<Token>,
    counters: Arc<Mutex<Counters>>,
}

impl Bank {
    async fn run(mut self, pause: Duration) {
        let waiting = Arc::new(Semaphore::new(WAITING_MAX));
        let mut beat = interval(pause);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 1u64.. {
            beat.tick().await;
            let Ok(permit) = waiting.clone().acquire_owned().await else { return };
            let begin = Instant::now();
            let sent = match self.pay(number).await {
                Ok(sent) => sent,
                Err(error) => {
                    tracing::debug!(%error, "a demo payment was not sent");
                    self.tokens.rotate_left(1);
                    continue;
                }
            };
            let (token, counters) = (self.tokens[0].clone(), self.counters.clone());
            tokio::spawn(async move {
                if token.wait_final(&sent, FINAL_TIME_MAX_MS).await.is_ok() {
                    note(&counters, begin.elapsed());
                }
                drop(permit);
            });
        }
    }

    async fn pay(&self, number: u64) -> Result<florin_client::SignedTx, ClientError> {
        let random = rand::random::<u64>();
        let to = self.others[usize::try_from(random).unwrap_or(0) % self.others.len()];
        let token = &self.tokens[0];
        // Between 1.00 and 5,000.99 of the currency.
        let amount = Amount::new(u128::from(100 + random % 500_000), token.currency());
        let memo = B256::left_padding_from(&number.to_be_bytes());
        token.transfer_with_memo(&self.key, to, amount, memo, &format!("DEMO-{number:06}")).await
    }
}

fn note(counters: &Mutex<Counters>, elapsed: Duration) {
    let mut counters = lock(counters);
    counters.payments += 1;
    counters.recent_ms.push_back(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    if counters.recent_ms.len() > RECENT_MAX {
        counters.recent_ms.pop_front();
    }
}

/// Counters stay usable whatever happened to another holder: they are only shown.
fn lock(counters: &Mutex<Counters>) -> MutexGuard<'_, Counters> {
    counters.lock().unwrap_or_else(PoisonError::into_inner)
}
