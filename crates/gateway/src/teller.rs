//! The teller: signs in order of nonce, one account at a time, sends, and follows to what is final and proven.
//!
//! **Invariant.** An order leaves `signed` only by what the ledger proved. Bytes are durable before they are sent.

use crate::{
    GatewayError,
    chain::{Chain, Key, outcomes, quantity},
    identity::Uetr,
    order::{Outcome, State},
    reason::Reason,
    store::{Order, OrderKind, Store, Submission, SubmissionState},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use florin_client::{ClientError, ProvenBody, SignedTx, Signer, TxEip1559};
use florin_modules::PAYMENT_ADDRESS;
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// Unfinished transactions of one account.
const UNFINISHED_MAX: usize = 16;
/// Orders looked at in one round; a batch is always looked at whole.
const ORDERS_MAX: u64 = 2_000;
/// When what was sent and is not final is sent again.
const SEND_AGAIN: Duration = Duration::from_secs(2);
/// When it is asked whether what was sent can still become final.
const DOUBT_AFTER: Duration = Duration::from_secs(4);
/// Gas that is allowed above the estimate, in percent: state may change between estimate and block.
const GAS_MARGIN_PERCENT: u64 = 25;

/// Signs and follows. One a database.
pub(crate) struct Teller {
    store: Store,
    chain: Chain,
    signers: BTreeMap<Address, Signer>,
    /// When each transaction was first and last sent by this process.
    sent: HashMap<u64, (Instant, Instant)>,
}

/// Orders that one transaction pays.
struct Bundle {
    key: Key,
    signer: Address,
    orders: Vec<Order>,
}

/// What the ledger recorded of a payment.
enum Recorded {
    /// Outcomes of the orders, height and time of the block.
    Found(Vec<Outcome>, u64, u64),
    /// The block is not yet shown to be final.
    Later,
    /// The node has no record of it: it was ordered in another way, or the node keeps no blocks so old.
    Nothing,
}

/// What became of preparing a bundle.
enum Prepared {
    /// The call is good.
    Call { input: Bytes, gas: u64, key: Key },
    /// Not now.
    Later,
    /// Its orders have their last state already.
    Done,
}

impl Teller {
    pub(crate) fn new(store: Store, chain: Chain, signers: BTreeMap<Address, Signer>) -> Self {
        Self { store, chain, signers, sent: HashMap::new() }
    }

    /// One round: sign what is checked, send what is signed, follow what is sent. Says whether anything was done.
    pub(crate) async fn round(&mut self) -> Result<bool, GatewayError> {
        // Who cannot sign (a device that is away) still follows what it signed; the first failure is told at the end.
        let signed = self.sign().await;
        if signed.as_ref().is_err_and(GatewayError::is_fatal) {
            return signed;
        }
        self.send().await?;
        let finished = self.follow().await?;
        signed.map(|signed| signed || finished)
    }

    /// Signs what is checked, as far as each account may have unfinished transactions. An account whose node does not answer
    /// keeps no other one waiting.
    async fn sign(&mut self) -> Result<bool, GatewayError> {
        let mut work = self.store.read().await?;
        let checked = self.store.orders_in(&mut work, State::Checked, 0, ORDERS_MAX).await?;
        let unfinished = self.store.unfinished(&mut work).await?;
        let mut by_signer: BTreeMap<Address, Vec<Bundle>> = BTreeMap::new();
        for bundle in self.bundles(&mut work, checked).await? {
            by_signer.entry(bundle.signer).or_default().push(bundle);
        }
        drop(work);
        let (mut done, mut failed) = (false, None);
        for (account, bundles) in by_signer {
            let own: Vec<&Submission> = unfinished.iter().filter(|other| other.account == account).collect();
            match self.sign_for(account, bundles, &own).await {
                Ok(signed) => done |= signed,
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => failed = Some(error),
            }
        }
        failed.filter(|_| !done).map_or(Ok(done), Err)
    }

    /// What one transaction pays, in the order in which the orders came.
    async fn bundles(
        &self,
        work: &mut florin_history::sql::Work,
        orders: Vec<Order>,
    ) -> Result<Vec<Bundle>, GatewayError> {
        let mut bundles: Vec<Bundle> = Vec::new();
        let mut parts = std::collections::BTreeSet::new();
        for order in orders {
            let Some((signer, key)) = key_of(&order) else { continue };
            if order.kind != OrderKind::Item {
                bundles.push(Bundle { key, signer, orders: vec![order] });
            } else if parts.insert((order.message, order.part)) {
                // Whole, whatever the limit was: a batch in two transactions would be two batches.
                let all = self.store.orders_of(work, order.message).await?;
                let of_part = |other: &Order| {
                    other.part == order.part && other.kind == OrderKind::Item && other.state == State::Checked
                };
                bundles.push(Bundle { key, signer, orders: all.into_iter().filter(of_part).collect() });
            }
        }
        Ok(bundles)
    }

    async fn sign_for(
        &mut self,
        account: Address,
        bundles: Vec<Bundle>,
        unfinished: &[&Submission],
    ) -> Result<bool, GatewayError> {
        let room = UNFINISHED_MAX.saturating_sub(unfinished.len());
        let busy = |key: &Key| unfinished.iter().any(|other| (other.payer, other.uetr) == (key.payer, key.uetr));
        let bundles: Vec<Bundle> = bundles.into_iter().filter(|bundle| !busy(&bundle.key)).take(room).collect();
        let Some(signer) = self.signers.get(&account).cloned().filter(|_| !bundles.is_empty()) else {
            return Ok(false);
        };
        let after = unfinished.iter().map(|other| other.nonce.saturating_add(1)).max().unwrap_or_default();
        let mut nonce = self.chain.rpc.next_nonce(account).await?.max(after);
        // A block may have a higher price than the one before; what is not used is not paid.
        let price = self.chain.rpc.gas_price().await?.saturating_mul(2);
        let (mut signed, mut done) = (Vec::new(), false);
        let mut returning = std::collections::BTreeSet::new();
        for bundle in bundles {
            // Numbers of returns of one payment are given one after the other.
            if bundle.key.kind == OrderKind::Return && !returning.insert((bundle.key.payer, bundle.key.uetr)) {
                continue;
            }
            let (input, gas, key) = match self.prepare(&bundle).await? {
                Prepared::Call { input, gas, key } => (input, gas, key),
                Prepared::Later => continue,
                Prepared::Done => {
                    done = true;
                    continue;
                }
            };
            let tx = TxEip1559 {
                chain_id: self.chain.chain_id,
                nonce,
                gas_limit: gas,
                max_fee_per_gas: price,
                max_priority_fee_per_gas: 0,
                to: TxKind::Call(PAYMENT_ADDRESS),
                value: U256::ZERO,
                access_list: Default::default(),
                input,
            };
            let tx = signer.sign(tx).map_err(ClientError::from)?;
            signed.push((Bundle { key, ..bundle }, nonce, tx));
            nonce = nonce.saturating_add(1);
        }
        done |= !signed.is_empty();
        self.keep(account, signed).await?;
        Ok(done)
    }

    /// Makes signed bytes durable, with the orders that they pay. An order that somebody else took meanwhile (a cancellation,
    /// another process) takes the whole round back: nothing was sent.
    async fn keep(&self, account: Address, signed: Vec<(Bundle, u64, SignedTx)>) -> Result<(), GatewayError> {
        if signed.is_empty() {
            return Ok(());
        }
        let mut work = self.store.write().await?;
        for (bundle, nonce, tx) in signed {
            let Key { kind, payer, uetr, returns } = bundle.key;
            let submission = Submission {
                number: 0,
                account,
                nonce,
                hash: tx.hash,
                content: tx.bytes.to_vec(),
                kind,
                payer,
                uetr,
                returns,
                state: SubmissionState::Signed,
            };
            let number = self.store.add_submission(&mut work, &submission).await?;
            for order in &bundle.orders {
                let (from, to) = (State::Checked, State::Signed);
                if !self.store.move_order(&mut work, order.number, from, to, Some(number)).await? {
                    return Ok(());
                }
            }
        }
        self.store.commit(work, "signed").await
    }

    /// Asks the ledger whether it knows the payment, and whether it would take the call.
    async fn prepare(&self, bundle: &Bundle) -> Result<Prepared, GatewayError> {
        let mut key = bundle.key;
        let known = self.chain.payment(&key).await?;
        if key.kind == OrderKind::Return {
            if known.state != 3 {
                let words =
                    format!("the ledger has the payment in state {}: only what is settled comes back", known.state);
                return self.refuse(&bundle.orders, Reason::new("NARR", words)).await;
            }
            key.returns = u64::from(known.returnCount).saturating_add(1);
        } else if known.state != 0 {
            return self.take_over(&key, &bundle.orders, known.state).await;
        }
        let input = self.chain.input(&key, &bundle.orders)?;
        match self.chain.rpc.estimate_gas(bundle.signer, PAYMENT_ADDRESS, &input).await {
            Ok(gas) => {
                let margin = gas.saturating_mul(GAS_MARGIN_PERCENT) / 100;
                Ok(Prepared::Call { input, gas: gas.saturating_add(margin), key })
            }
            Err(error) => match Reason::of_failure(&error) {
                // It became known meanwhile: the next round sees it.
                Some(reason) if reason.words.starts_with("UetrUsed") || reason.words.starts_with("ReturnOutOfTurn") => {
                    Ok(Prepared::Later)
                }
                Some(reason) => self.refuse(&bundle.orders, reason).await,
                // The node refuses for a reason that is not the ledger's (its bounds, its pool): no order is refused for it, and
                // no other one waits for it.
                None if matches!(error, ClientError::Refused { .. }) => {
                    tracing::warn!(%error, uetr = %key.uetr, "gateway.estimate");
                    Ok(Prepared::Later)
                }
                None => Err(error.into()),
            },
        }
    }

    /// The ledger has a payment that nobody here remembers signing: its proven receipt says whether it is this one.
    async fn take_over(&self, key: &Key, orders: &[Order], state: u8) -> Result<Prepared, GatewayError> {
        // Pending and parked ones were ordered elsewhere, and become something else.
        if matches!(state, 1 | 2) {
            return Ok(Prepared::Later);
        }
        let (outcomes, place) = match self.recorded(key, orders).await? {
            Recorded::Found(outcomes, height, time_ms) => (outcomes, Some((height, time_ms))),
            Recorded::Later => return Ok(Prepared::Later),
            Recorded::Nothing => match self.by_state(key, orders).await? {
                Some(outcomes) => (outcomes, None),
                None => return Ok(Prepared::Later),
            },
        };
        let mut work = self.store.write().await?;
        for (order, outcome) in orders.iter().zip(outcomes) {
            let place = place.filter(|_| outcome == Outcome::Settled);
            if !self.store.resolve(&mut work, order.number, State::Checked, &outcome, place).await? {
                return Ok(Prepared::Later);
            }
        }
        self.store.commit(work, "taken over").await?;
        Ok(Prepared::Done)
    }

    /// What the ledger recorded of a payment, proven.
    async fn recorded(&self, key: &Key, orders: &[Order]) -> Result<Recorded, GatewayError> {
        for height in self.chain.heights_of(key).await? {
            let Some(body) = self.chain.body(height).await? else { return Ok(Recorded::Later) };
            let done = body.receipts.iter().filter(|receipt| receipt.status());
            let found = done.into_iter().find_map(|receipt| outcomes(key, orders, receipt.logs()));
            if let Some(outcomes) = found {
                return Ok(Recorded::Found(outcomes, height, body.header.extension().timestamp_ms));
            }
        }
        Ok(Recorded::Nothing)
    }

    /// What became of orders by the proven state alone, where the node has no blocks that tell. Nothing of a batch: the state
    /// does not know its items.
    async fn by_state(&self, key: &Key, orders: &[Order]) -> Result<Option<Vec<Outcome>>, GatewayError> {
        let payment = self.chain.proven_payment(key).await?;
        if key.kind == OrderKind::Item && payment.payee.is_zero() {
            tracing::warn!(uetr = %key.uetr, "gateway.batch: it is paid, and this node keeps no block that tells its items");
            return Ok(None);
        }
        let says = (payment.state, Some(payment.token), Some(payment.payee), Some(payment.received));
        let outcome = |order: &Order| {
            if says == (3, order.token, order.payee, order.amount.map(U256::from)) {
                return Outcome::Settled;
            }
            let words = "the ledger has another payment under this UETR: other payee, amount or token, or given up";
            Outcome::Refused(Reason::new("DUPL", words))
        };
        Ok(Some(orders.iter().map(outcome).collect()))
    }

    /// Nothing was signed, and nothing will be.
    async fn refuse(&self, orders: &[Order], reason: Reason) -> Result<Prepared, GatewayError> {
        let mut work = self.store.write().await?;
        let outcome = Outcome::Refused(reason);
        for order in orders {
            if !self.store.resolve(&mut work, order.number, State::Checked, &outcome, None).await? {
                return Ok(Prepared::Later);
            }
        }
        self.store.commit(work, "refused").await?;
        Ok(Prepared::Done)
    }

    /// Sends what is signed; and again what is not final after a while.
    async fn send(&mut self) -> Result<(), GatewayError> {
        let mut work = self.store.read().await?;
        let unfinished = self.store.unfinished(&mut work).await?;
        drop(work);
        let now = Instant::now();
        let is_due = |one: &Submission| match self.sent.get(&one.number) {
            None => true,
            Some((_, last)) => now.duration_since(*last) >= SEND_AGAIN,
        };
        let due: Vec<Submission> = unfinished.into_iter().filter(is_due).collect();
        if due.is_empty() {
            return Ok(());
        }
        let bytes: Vec<SignedTx> =
            due.iter().map(|one| SignedTx { hash: one.hash, bytes: one.content.clone().into() }).collect();
        self.store.pass("sending")?;
        let answers = self.chain.rpc.send_batch(&bytes).await?;
        self.store.pass("sent")?;
        let mut work = self.store.write().await?;
        for (one, answer) in due.iter().zip(answers) {
            let first = self.sent.get(&one.number).map_or(now, |(first, _)| *first);
            self.sent.insert(one.number, (first, now));
            match answer {
                Ok(_) if one.state == SubmissionState::Signed => {
                    self.store.move_submission(&mut work, one.number, SubmissionState::Sent, None).await?;
                }
                Ok(_) => {}
                // Known already, or its nonce is used: what is final decides, not the node's word.
                Err(error) if one.state == SubmissionState::Signed => {
                    tracing::warn!(%error, hash = %one.hash, "gateway.send");
                }
                Err(error) => tracing::debug!(%error, hash = %one.hash, "gateway.send"),
            }
        }
        self.store.commit(work, "sent is known").await
    }

    /// Takes over what became final.
    async fn follow(&mut self) -> Result<bool, GatewayError> {
        let mut work = self.store.read().await?;
        let unfinished = self.store.unfinished(&mut work).await?;
        drop(work);
        if unfinished.is_empty() {
            self.sent.clear();
            return Ok(false);
        }
        let calls: Vec<_> = unfinished.iter().map(|one| ("eth_getTransactionReceipt", json!([one.hash]))).collect();
        let receipts = self.chain.rpc.batch(&calls).await?;
        let mut by_height: BTreeMap<u64, Vec<&Submission>> = BTreeMap::new();
        let mut missing = Vec::new();
        for (one, receipt) in unfinished.iter().zip(receipts) {
            match receipt.ok().and_then(|receipt| quantity(&receipt["blockNumber"])) {
                Some(height) => by_height.entry(height).or_default().push(one),
                None => missing.push(one),
            }
        }
        let mut done = false;
        for (height, submissions) in by_height {
            if let Some(body) = self.chain.body(height).await? {
                done |= self.finish(&body, &submissions).await?;
            }
        }
        for one in missing {
            let is_doubtful = |(first, _): &(Instant, Instant)| first.elapsed() >= DOUBT_AFTER;
            if self.sent.get(&one.number).is_some_and(is_doubtful) {
                done |= self.doubt(one).await?;
            }
        }
        Ok(done)
    }

    /// What a final block did for these transactions, in one SQL transaction.
    async fn finish(&mut self, body: &ProvenBody, submissions: &[&Submission]) -> Result<bool, GatewayError> {
        let height = body.header.height();
        let places: HashMap<B256, usize> =
            (0..body.transactions.len()).filter_map(|index| Some((body.hash(index)?, index))).collect();
        let mut finished = Vec::new();
        for one in submissions {
            let Some(receipt) = places.get(&one.hash).and_then(|index| body.receipts.get(*index)) else {
                tracing::warn!(hash = %one.hash, height, "gateway.receipt: the node names a block that does not contain it");
                continue;
            };
            let mut work = self.store.read().await?;
            let orders = self.store.orders_signed_in(&mut work, one.number).await?;
            drop(work);
            let told = if receipt.status() {
                outcomes(&key_of_submission(one), &orders, receipt.logs())
            } else {
                let reason = self.chain.why_reverted(one.hash).await;
                Some(vec![Outcome::Refused(reason); orders.len()])
            };
            match told {
                Some(outcomes) => finished.push((one.number, orders, outcomes)),
                None => tracing::error!(hash = %one.hash, height, "gateway.receipt: it does not speak of its orders"),
            }
        }
        if finished.is_empty() {
            return Ok(false);
        }
        let mut work = self.store.write().await?;
        for (submission, orders, outcomes) in finished {
            self.store.move_submission(&mut work, submission, SubmissionState::Final, Some(height)).await?;
            for (order, outcome) in orders.iter().zip(outcomes) {
                let time_ms = body.header.extension().timestamp_ms;
                let place = (outcome == Outcome::Settled).then_some((height, time_ms));
                self.store.resolve(&mut work, order.number, State::Signed, &outcome, place).await?;
            }
            self.sent.remove(&submission);
        }
        self.store.commit(work, "final").await?;
        Ok(true)
    }

    /// A transaction whose nonce is proven to be used, and of which the ledger is proven to know nothing, is dead: its orders
    /// are signed anew. One that the ledger knows by another transaction has that one's outcome.
    async fn doubt(&mut self, one: &Submission) -> Result<bool, GatewayError> {
        let (_, account) = self.chain.verifier.account(&self.chain.rpc, one.account).await?;
        if account.map_or(0, |account| account.nonce) <= one.nonce {
            return Ok(false);
        }
        if self.chain.rpc.receipt(one.hash).await?.is_some() {
            return Ok(false);
        }
        let key = key_of_submission(one);
        let payment = self.chain.proven_payment(&key).await?;
        let is_unknown = match key.kind {
            OrderKind::Return => u64::from(payment.returnCount) < key.returns,
            OrderKind::Pay | OrderKind::Item => payment.state == 0,
        };
        if !is_unknown && key.kind == OrderKind::Return {
            tracing::warn!(hash = %one.hash, "gateway.return: another transaction took its number; a person has to look");
            return Ok(false);
        }
        let mut work = self.store.read().await?;
        let orders = self.store.orders_signed_in(&mut work, one.number).await?;
        drop(work);
        let recorded = if is_unknown { Recorded::Nothing } else { self.recorded(&key, &orders).await? };
        if !is_unknown && !matches!(recorded, Recorded::Found(..)) {
            return Ok(false);
        }
        let mut work = self.store.write().await?;
        if !self.store.move_submission(&mut work, one.number, SubmissionState::Dead, None).await? {
            return Ok(false);
        }
        match recorded {
            Recorded::Found(outcomes, height, time_ms) => {
                for (order, outcome) in orders.iter().zip(outcomes) {
                    let place = (outcome == Outcome::Settled).then_some((height, time_ms));
                    self.store.resolve(&mut work, order.number, State::Signed, &outcome, place).await?;
                }
            }
            Recorded::Later | Recorded::Nothing => {
                for order in &orders {
                    self.store.move_order(&mut work, order.number, State::Signed, State::Checked, None).await?;
                }
            }
        }
        self.sent.remove(&one.number);
        self.store.commit(work, "dead").await?;
        Ok(true)
    }
}

/// Who signs for an order, and under what the ledger knows it.
fn key_of(order: &Order) -> Option<(Address, Key)> {
    let name = if order.kind == OrderKind::Item { &order.part_uetr } else { &order.uetr };
    let uetr = name.as_deref().and_then(Uetr::parse)?.word();
    Some((order.signer?, Key { kind: order.kind, payer: order.payer?, uetr, returns: 0 }))
}

fn key_of_submission(one: &Submission) -> Key {
    Key { kind: one.kind, payer: one.payer, uetr: one.uetr, returns: one.returns }
}
