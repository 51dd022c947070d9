//! The teller: signs in order of nonce, one account at a time, sends, and follows to what is final and proven.
//!
//! **Invariant.** An order leaves `signed` only by what the ledger proved. Bytes are durable before they are sent.

use crate::{
    GatewayError,
    chain::{Chain, Key, Standing, quantity, registration},
    order::{Outcome, State},
    outcomes::{of_acceptance, of_answer, of_exchanged, of_paid, of_request, of_return, outcomes},
    reason::Reason,
    store::{Order, OrderKind, Store, Submission, SubmissionState},
};
use alloy_primitives::{Address, B256, Bytes};
use florin_client::{ClientError, ProvenBody, SignedTx, Signer};
use florin_history::sql::Work;
use florin_modules::payment::RequestState;
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// Unfinished transactions of one account.
const UNFINISHED_MAX: usize = 16;
/// Transactions that are prepared for one account in one round, and orders in them; a batch is always looked at whole.
const BUNDLES_MAX: u64 = 64;
const ORDERS_MAX: usize = 24_000;
/// When what was sent and is not final is sent again.
const SEND_AGAIN: Duration = Duration::from_secs(2);
/// When it is asked whether what was sent can still become final.
const DOUBT_AFTER: Duration = Duration::from_secs(4);
/// Gas that is allowed above the estimate, in percent: state may change between estimate and block.
const GAS_MARGIN_PERCENT: u64 = 25;
/// Bytes of transactions that are sent in one exchange, as JSON writes them: half of what a node takes.
const SENT_BYTES_MAX: usize = 1_048_576;

/// Signs and follows. One a database.
pub(crate) struct Teller {
    store: Store,
    chain: Chain,
    signers: BTreeMap<Address, Signer>,
    /// Gas that the ledger's rules allow one transaction.
    transaction_gas_max: u64,
    /// When each transaction was first and last sent by this process.
    sent: HashMap<u64, (Instant, Instant)>,
}

/// Orders that one transaction pays.
struct Bundle {
    key: Key,
    orders: Vec<Order>,
}

/// What the ledger says of orders whose own transaction does not tell.
enum Verdict {
    /// What became of them; height and time of the block, where one tells.
    Known(Vec<Outcome>, Option<(u64, u64)>),
    /// The ledger does not know them, and nothing refuses them: they are signed anew.
    Again,
    /// Nothing yet.
    Later,
}

impl Teller {
    pub(crate) fn new(
        store: Store,
        chain: Chain,
        signers: BTreeMap<Address, Signer>,
        transaction_gas_max: u64,
    ) -> Self {
        Self { store, chain, signers, transaction_gas_max, sent: HashMap::new() }
    }

    /// One round: sign what is checked, send what is signed, follow what is sent. Says whether anything was done.
    pub(crate) async fn round(&mut self) -> Result<bool, GatewayError> {
        // Who cannot sign (a device that is away) still follows what it signed; the first failure is told at the end.
        let signed = self.sign().await;
        if signed.as_ref().is_err_and(GatewayError::is_fatal) {
            return signed;
        }
        let sent = self.send().await;
        if sent.as_ref().is_err_and(GatewayError::is_fatal) {
            return sent.map(|()| false);
        }
        let finished = self.follow().await?;
        sent.and(signed).map(|signed| signed || finished)
    }

    /// Signs what is checked, as far as each account may have unfinished transactions. An account whose node does not answer
    /// keeps no other one waiting.
    async fn sign(&mut self) -> Result<bool, GatewayError> {
        let mut work = self.store.read().await?;
        let waiting = self.store.signers(&mut work).await?;
        let mut desks = Vec::new();
        if !waiting.is_empty() {
            let mut unfinished: BTreeMap<Address, Vec<Submission>> = BTreeMap::new();
            for one in self.store.unfinished(&mut work).await? {
                unfinished.entry(one.account).or_default().push(one);
            }
            for signer in waiting.into_iter().filter_map(|account| self.signers.get(&account)) {
                let own = unfinished.remove(&signer.address()).unwrap_or_default();
                if own.len() < UNFINISHED_MAX {
                    let bundles = self.bundles(&mut work, signer.address(), &own).await?;
                    desks.push((signer.clone(), bundles, own));
                }
            }
        }
        drop(work);
        let (mut done, mut failed) = (false, None);
        for (signer, bundles, own) in desks {
            match self.sign_for(&signer, bundles, &own).await {
                Ok(signed) => done |= signed,
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => failed = Some(error),
            }
        }
        failed.filter(|_| !done).map_or(Ok(done), Err)
    }

    /// What an account has to sign, a transaction each, in the order in which the orders came; nothing that it is signing already.
    async fn bundles(
        &self,
        work: &mut florin_history::sql::Work,
        account: Address,
        unfinished: &[Submission],
    ) -> Result<Vec<Bundle>, GatewayError> {
        let (mut bundles, mut orders) = (Vec::new(), 0usize);
        for head in self.store.heads_to_sign(work, account, BUNDLES_MAX).await? {
            let Some(key) = Key::of(&head) else { continue };
            if unfinished.iter().any(|other| key_of_submission(other) == key) {
                continue;
            }
            let bundle = match head.kind {
                OrderKind::Item => self.store.batch_to_sign(work, head.message, head.part).await?,
                _ => vec![head],
            };
            orders = orders.saturating_add(bundle.len());
            bundles.push(Bundle { key, orders: bundle });
            if orders >= ORDERS_MAX {
                break;
            }
        }
        Ok(bundles)
    }

    async fn sign_for(
        &mut self,
        signer: &Signer,
        bundles: Vec<Bundle>,
        unfinished: &[Submission],
    ) -> Result<bool, GatewayError> {
        let account = signer.address();
        let room = UNFINISHED_MAX.saturating_sub(unfinished.len());
        let (calls, mut done) = self.calls(bundles, room).await?;
        let (prepared, resolved) = self.prepare(account, calls).await?;
        done |= resolved;
        if prepared.is_empty() {
            return Ok(done);
        }
        let after = unfinished.iter().map(|other| other.nonce.saturating_add(1)).max().unwrap_or_default();
        let nonce = self.chain.rpc.next_nonce(account).await?.max(after);
        let price = self.chain.price_max().await?;
        let mut signed = Vec::with_capacity(prepared.len());
        for ((bundle, input, gas_limit), nonce) in prepared.into_iter().zip(nonce..) {
            let tx = self.chain.transaction(nonce, (gas_limit, price), bundle.key.module(), input);
            signed.push((bundle, nonce, signer.sign(tx).map_err(ClientError::from)?));
        }
        self.keep(account, signed).await?;
        Ok(true)
    }

    /// Asks the ledger which of these it knows, in one exchange. Gives the calls of at most `room` that it does not; what it
    /// has already is taken over. Says whether an order got its last state.
    async fn calls(&self, bundles: Vec<Bundle>, room: usize) -> Result<(Vec<(Bundle, Bytes)>, bool), GatewayError> {
        let keys: Vec<Key> = bundles.iter().map(|bundle| bundle.key).collect();
        let standings = self.chain.standings(&keys).await?;
        let (mut calls, mut done) = (Vec::new(), false);
        for (bundle, standing) in bundles.into_iter().zip(standings) {
            if calls.len() == room {
                break;
            }
            match standing {
                Standing::Unknown => {
                    let input = self.chain.input(&bundle.key, &bundle.orders)?;
                    calls.push((bundle, input));
                }
                // Its own order comes after that: the next round sees it.
                Standing::Unregistered => calls.push((bundle, registration())),
                Standing::Known => done |= self.take_over(&bundle.key, &bundle.orders).await?,
                Standing::Waits => {}
                Standing::Forbidden(reason) => done |= self.refuse(&bundle.orders, reason).await?,
            }
        }
        Ok((calls, done))
    }

    /// Asks whether the ledger would take these calls, and for how much gas. What its rules refuse is refused. Says whether an
    /// order got its last state.
    async fn prepare(
        &self,
        account: Address,
        calls: Vec<(Bundle, Bytes)>,
    ) -> Result<(Vec<(Bundle, Bytes, u64)>, bool), GatewayError> {
        let (mut prepared, mut done) = (Vec::new(), false);
        let asked = calls.iter().map(|(bundle, input)| (bundle.key.module(), input));
        let estimates = self.chain.estimates(account, asked).await?;
        for ((bundle, input), estimate) in calls.into_iter().zip(estimates) {
            match estimate {
                Ok(gas) => {
                    let margin = gas.saturating_mul(GAS_MARGIN_PERCENT) / 100;
                    // Bytes with more than a transaction may have could never count, and would hold up all after them.
                    let gas_limit = gas.saturating_add(margin).min(self.transaction_gas_max.max(gas));
                    prepared.push((bundle, input, gas_limit));
                }
                Err(error) => match Reason::of_failure(&error) {
                    // It became known meanwhile: the next round sees it.
                    Some(reason) if is_known_by_now(bundle.key.kind, &reason) => {}
                    Some(reason) => done |= self.refuse(&bundle.orders, reason).await?,
                    // The node refuses for a reason that is not the ledger's (its bounds, its pool): no order is refused for it, and
                    // no other one waits for it.
                    None if matches!(error, ClientError::Refused { .. }) => {
                        tracing::warn!(%error, uetr = %bundle.key.uetr, "gateway.estimate");
                    }
                    None => return Err(error.into()),
                },
            }
        }
        Ok((prepared, done))
    }

    /// Makes signed bytes durable, with the orders that they pay. An order that somebody else took meanwhile (a cancellation,
    /// another process) takes the whole round back: nothing was sent.
    async fn keep(&self, account: Address, signed: Vec<(Bundle, u64, SignedTx)>) -> Result<(), GatewayError> {
        if signed.is_empty() {
            return Ok(());
        }
        let mut work = self.store.write().await?;
        for (bundle, nonce, tx) in signed {
            let Key { kind, payer, uetr, reference } = bundle.key;
            let submission = Submission {
                number: 0,
                account,
                nonce,
                hash: tx.hash,
                content: tx.bytes.to_vec(),
                kind,
                payer,
                uetr,
                reference,
                state: SubmissionState::Signed,
            };
            let number = self.store.add_submission(&mut work, &submission).await?;
            let step = (State::Checked, State::Signed);
            if !self.store.move_orders(&mut work, &numbers(&bundle.orders), step, Some(number)).await? {
                return Ok(());
            }
        }
        self.store.commit(work, "signed").await
    }

    /// The ledger has what nobody here remembers signing: what is proven of it says whether it is this one.
    /// `false` where that cannot be said now.
    async fn take_over(&self, key: &Key, orders: &[Order]) -> Result<bool, GatewayError> {
        let Verdict::Known(outcomes, place) = self.known(key, orders).await? else { return Ok(false) };
        let mut work = self.store.write().await?;
        if !self.store.resolve(&mut work, &told(orders, outcomes), State::Checked, place).await? {
            return Ok(false);
        }
        self.store.commit(work, "taken over").await?;
        Ok(true)
    }

    /// What became of orders that the ledger knows, proven: by the block that says so, else by its state.
    async fn known(&self, key: &Key, orders: &[Order]) -> Result<Verdict, GatewayError> {
        Ok(match self.recorded(key, orders).await? {
            Some(verdict) => verdict,
            None => self.by_state(key, orders).await?.map_or(Verdict::Later, |it| Verdict::Known(it, None)),
        })
    }

    /// What became of orders whose transaction was reverted. It did nothing; but the ledger may know them by another one, of
    /// another gateway with this account, or of an earlier life of this one.
    async fn reverted(&self, one: &Submission, orders: &[Order]) -> Result<Verdict, GatewayError> {
        let key = key_of_submission(one);
        let reason = self.chain.why_reverted(one.hash).await;
        let refused = |reason: Reason| Verdict::Known(vec![Outcome::Refused(reason); orders.len()], None);
        if key.kind == OrderKind::Return {
            // Another return took its number.
            return Ok(if is_known_by_now(key.kind, &reason) { Verdict::Again } else { refused(reason) });
        }
        match self.chain.proven_standing(&key).await? {
            Standing::Unknown if is_known_by_now(key.kind, &reason) => Ok(Verdict::Later),
            Standing::Unknown | Standing::Unregistered => Ok(refused(reason)),
            Standing::Forbidden(reason) => Ok(refused(reason)),
            Standing::Waits => Ok(Verdict::Later),
            Standing::Known => self.known(&key, orders).await,
        }
    }

    /// What the ledger recorded of a payment, proven. `None` where the node has no record of it: it was ordered in another way, or
    /// the node keeps no blocks so old.
    async fn recorded(&self, key: &Key, orders: &[Order]) -> Result<Option<Verdict>, GatewayError> {
        let heights = match self.chain.heights_of(key).await {
            Ok(heights) => heights,
            // The node keeps no index so far back: the state tells.
            Err(ClientError::Refused { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        for height in heights {
            let Some(body) = self.chain.body(height).await? else { return Ok(Some(Verdict::Later)) };
            let done = body.receipts.iter().filter(|receipt| receipt.status());
            let found = done.into_iter().find_map(|receipt| outcomes(key, orders, receipt.logs()));
            if let Some(outcomes) = found {
                let place = (height, body.header.extension().timestamp_ms);
                return Ok(Some(Verdict::Known(outcomes, Some(place))));
            }
        }
        Ok(None)
    }

    /// What became of orders by the proven state alone, where the node has no blocks that tell. Nothing of a batch: the state
    /// does not know its items. Nothing of what is not proven to be known: a node may know more than it proves yet.
    async fn by_state(&self, key: &Key, orders: &[Order]) -> Result<Option<Vec<Outcome>>, GatewayError> {
        if self.chain.proven_standing(key).await? != Standing::Known {
            return Ok(None);
        }
        let of_each = |outcome: &dyn Fn(&Order) -> Outcome| orders.iter().map(outcome).collect();
        Ok(match key.kind {
            OrderKind::Pay | OrderKind::Item => {
                let payment = self.chain.proven_payment(key).await?;
                if key.kind == OrderKind::Item && payment.payee.is_zero() {
                    tracing::warn!(uetr = %key.uetr, "gateway.batch: it is paid, and this node keeps no block that tells its items");
                    return Ok(None);
                }
                Some(of_each(&|order| of_paid(order, &payment)))
            }
            OrderKind::Accept => {
                let payment = self.chain.proven_payment(key).await?;
                let accepted = self.chain.proven_request(key.request()).await?.state == RequestState::Accepted.number();
                let accepted = Some(key.request()).filter(|_| accepted);
                Some(of_each(&|order| match of_paid(order, &payment) {
                    Outcome::Settled => of_acceptance(order, accepted),
                    refused => refused,
                }))
            }
            OrderKind::Return => {
                let returned = self.chain.proven_return(key).await?;
                Some(of_each(&|order| of_return(order, returned.amount)))
            }
            OrderKind::Exchange => {
                let payment = self.chain.proven_payment(key).await?;
                let terms = orders.first().and_then(|order| Some(order.details.exchange.as_ref()?.terms.clone()));
                let took = match terms {
                    Some(terms) => self.chain.proven_exchange(key, &terms).await?,
                    None => false,
                };
                Some(of_each(&|order| of_exchanged(order, &payment, took)))
            }
            OrderKind::Quote => Some(of_each(&|_| Outcome::Settled)),
            // No record of its withdrawal: then it was taken, or the record is too old.
            OrderKind::Retract => Some(of_each(&|_| {
                Outcome::Refused(Reason::new("NARR", "the quote is used up already: it was taken, or withdrawn before"))
            })),
            OrderKind::Ask => {
                let asked = self.chain.proven_request_under(key.payer, key.reference).await?.1;
                asked.map(|(_, asked)| {
                    let asked = (asked.debtor, asked.token, asked.amount, asked.expiryMs);
                    of_each(&|order| of_request(order, asked))
                })
            }
            OrderKind::Refuse | OrderKind::Withdraw => {
                let state = self.chain.proven_request(key.request()).await?.state;
                Some(of_each(&|_| of_answer(key.kind, state)))
            }
        })
    }

    /// Nothing was signed, and nothing will be. `false` where somebody was first.
    async fn refuse(&self, orders: &[Order], reason: Reason) -> Result<bool, GatewayError> {
        let mut work = self.store.write().await?;
        let outcomes = told(orders, vec![Outcome::Refused(reason); orders.len()]);
        if !self.store.resolve(&mut work, &outcomes, State::Checked, None).await? {
            return Ok(false);
        }
        self.store.commit(work, "refused").await?;
        Ok(true)
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
        let mut failed = None;
        for portion in portions(&due) {
            match self.send_portion(portion, now).await {
                Err(error) if error.is_fatal() => return Err(error),
                // What one portion meets keeps no other waiting.
                Err(error) => failed = failed.or(Some(error)),
                Ok(()) => {}
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn send_portion(&mut self, due: &[Submission], now: Instant) -> Result<(), GatewayError> {
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
        let mut decided = Vec::new();
        let in_block = Some((height, body.header.extension().timestamp_ms));
        for one in submissions {
            let Some(receipt) = places.get(&one.hash).and_then(|index| body.receipts.get(*index)) else {
                tracing::warn!(hash = %one.hash, height, "gateway.receipt: the node names a block that does not contain it");
                continue;
            };
            let mut work = self.store.read().await?;
            let orders = self.store.orders_signed_in(&mut work, one.number).await?;
            drop(work);
            let key = key_of_submission(one);
            let verdict = if !receipt.status() {
                self.reverted(one, &orders).await?
            } else if let Some(outcomes) = outcomes(&key, &orders, receipt.logs()) {
                Verdict::Known(outcomes, in_block)
            } else {
                match self.known(&key, &orders).await? {
                    // It made the account a provider: the quote comes next.
                    Verdict::Later if key.kind == OrderKind::Quote => Verdict::Again,
                    verdict => verdict,
                }
            };
            match verdict {
                Verdict::Later => {
                    tracing::warn!(hash = %one.hash, height, "gateway.receipt: the ledger does not yet say what became of its orders")
                }
                Verdict::Known(outcomes, place) => {
                    decided.push((one.number, orders, Verdict::Known(outcomes, place.or(in_block))))
                }
                Verdict::Again => decided.push((one.number, orders, Verdict::Again)),
            }
        }
        if decided.is_empty() {
            return Ok(false);
        }
        let mut work = self.store.write().await?;
        for (submission, orders, verdict) in decided {
            self.store.move_submission(&mut work, submission, SubmissionState::Final, Some(height)).await?;
            self.apply(&mut work, submission, &orders, verdict).await?;
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
        let is_unknown = match key.kind {
            OrderKind::Return => self.chain.proven_return(&key).await?.number == 0,
            _ => {
                let standing = self.chain.proven_standing(&key).await?;
                // What may not be any more is told when it is to be signed anew.
                matches!(standing, Standing::Unknown | Standing::Unregistered | Standing::Forbidden(_))
            }
        };
        let mut work = self.store.read().await?;
        let orders = self.store.orders_signed_in(&mut work, one.number).await?;
        drop(work);
        let verdict = if is_unknown { Verdict::Again } else { self.known(&key, &orders).await? };
        if matches!(verdict, Verdict::Later) {
            return Ok(false);
        }
        let mut work = self.store.write().await?;
        if !self.store.move_submission(&mut work, one.number, SubmissionState::Dead, None).await? {
            return Ok(false);
        }
        self.apply(&mut work, one.number, &orders, verdict).await?;
        self.store.commit(work, "dead").await?;
        Ok(true)
    }

    /// Moves the orders of a submission that is over to where its verdict leads.
    async fn apply(
        &mut self,
        work: &mut Work,
        submission: u64,
        orders: &[Order],
        verdict: Verdict,
    ) -> Result<(), GatewayError> {
        if let Verdict::Known(outcomes, place) = verdict {
            self.store.resolve(work, &told(orders, outcomes), State::Signed, place).await?;
        } else {
            self.store.move_orders(work, &numbers(orders), (State::Signed, State::Checked), None).await?;
        }
        self.sent.remove(&submission);
        Ok(())
    }
}

/// What is sent in one exchange each: as much as a node takes, at least one.
fn portions(due: &[Submission]) -> Vec<&[Submission]> {
    let (mut portions, mut rest) = (Vec::new(), due);
    while !rest.is_empty() {
        let mut bytes = 0usize;
        let fits = rest.iter().take_while(|one| {
            // Two characters a byte, and the call around them.
            bytes = bytes.saturating_add(one.content.len().saturating_mul(2).saturating_add(200));
            bytes <= SENT_BYTES_MAX
        });
        let (portion, others) = rest.split_at(fits.count().max(1));
        portions.push(portion);
        rest = others;
    }
    portions
}

fn numbers(orders: &[Order]) -> Vec<u64> {
    orders.iter().map(|order| order.number).collect()
}

/// What became of each order, by its number.
fn told(orders: &[Order], outcomes: Vec<Outcome>) -> Vec<(u64, Outcome)> {
    orders.iter().map(|order| order.number).zip(outcomes).collect()
}

/// Whether the ledger refuses a call because it did meanwhile what the call asks for, or what rules it out: the state says which.
fn is_known_by_now(kind: OrderKind, reason: &Reason) -> bool {
    let code = match kind {
        OrderKind::Exchange if reason.words.starts_with("ExchangeUetrUsed") => return true,
        OrderKind::Pay | OrderKind::Item | OrderKind::Accept | OrderKind::Exchange => "UetrUsed",
        // It may be said twice: what is posted is.
        OrderKind::Quote => return false,
        OrderKind::Retract => "QuoteUsed",
        OrderKind::Return => "ReturnReferenceUsed",
        OrderKind::Ask => "RequestReferenceUsed",
        OrderKind::Refuse | OrderKind::Withdraw => "RequestStateForbids",
    };
    reason.words.starts_with(code)
}

fn key_of_submission(one: &Submission) -> Key {
    Key { kind: one.kind, payer: one.payer, uetr: one.uetr, reference: one.reference }
}
