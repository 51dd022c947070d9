//! The ledger, as orders need it: what is called, and what is known.

use crate::{
    GatewayError,
    identity::{Uetr, request_reference, return_reference, veiled},
    quote::Terms,
    reason::Reason,
    store::{Order, OrderKind},
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, TxKind, U256};
use alloy_sol_types::{SolCall, SolEvent as _};
use florin_client::{ClientError, ProvenBody, RpcClient, TxEip1559, Verifier};
use florin_modules::{
    EXCHANGE_ADDRESS, PAYMENT_ADDRESS,
    fx::{IExchange, Usability, is_nonce_used, is_posted, provider_of, quote_usability, trade_of_uetr},
    payment::{IPayment, RequestState, State as LedgerState, payment_of, request_of, request_under, return_of},
};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

/// Input that is estimated in one exchange: about a batch.
const EXCHANGE_BYTES_MAX: usize = 64 << 10;
/// Blocks whose logs are asked for at once: below the bound of a node.
const LOG_BLOCKS_MAX: u64 = 500_000;
/// Mode of `payBatch`: item by item.
const ITEM_BY_ITEM: u8 = 1;

/// The ledger through one node. Clones share it.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) rpc: RpcClient,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) chain_id: u64,
    /// What hashes on the ledger are salted with.
    pub(crate) salt: Arc<[u8]>,
}

/// Under what the ledger knows what a bundle of orders does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) kind: OrderKind,
    /// Whose payment it is; of a request to pay, who asks or answers; of a quote, its provider.
    pub(crate) payer: Address,
    /// Zero for what is no payment.
    pub(crate) uetr: B256,
    /// Reference of the return or of the request to pay; of an answer to one, its number there; of a quote, its digest; of its withdrawal,
    /// its nonce. Zero for the rest.
    pub(crate) reference: B256,
}

impl Key {
    /// Under what the ledger knows an order; `None` for one that was refused before it had a name there.
    pub(crate) fn of(order: &Order) -> Option<Self> {
        let word = |uetr: &Option<String>| Some(uetr.as_deref().and_then(Uetr::parse)?.word());
        let request = || Some(B256::from(U256::from(order.details.ledger_request?)));
        let (payer, uetr, reference) = match order.kind {
            OrderKind::Pay => (order.payer, word(&order.uetr)?, B256::ZERO),
            OrderKind::Accept => (order.payer, word(&order.uetr)?, request()?),
            OrderKind::Item => (order.payer, word(&order.part_uetr)?, B256::ZERO),
            OrderKind::Return => (order.payer, word(&order.uetr)?, return_reference(order.claim.as_deref()?)),
            OrderKind::Ask => (order.signer, B256::ZERO, request_reference(order.claim.as_deref()?)),
            OrderKind::Refuse | OrderKind::Withdraw => (order.signer, B256::ZERO, request()?),
            OrderKind::Exchange => (order.payer, word(&order.uetr)?, B256::ZERO),
            OrderKind::Quote => (order.signer, B256::ZERO, order.details.exchange.as_ref()?.digest),
            OrderKind::Retract => (order.signer, B256::ZERO, order.details.exchange.as_ref()?.terms.0.nonce),
        };
        Some(Self { kind: order.kind, payer: payer?, uetr, reference })
    }

    /// The module that is called.
    pub(crate) const fn module(&self) -> Address {
        match self.kind {
            OrderKind::Exchange | OrderKind::Quote | OrderKind::Retract => EXCHANGE_ADDRESS,
            _ => PAYMENT_ADDRESS,
        }
    }

    /// Number on the ledger of the request to pay that is answered.
    pub(crate) fn request(&self) -> u64 {
        u64::try_from(U256::from_be_bytes(self.reference.0)).unwrap_or(u64::MAX)
    }
}

/// What the ledger has of what a bundle of orders does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing.
    Unknown,
    /// Nothing, and the account has to be a provider of quotes before.
    Unregistered,
    /// It is done, or can never be done: what became of it is to be looked up.
    Known,
    /// It waits there: it was ordered elsewhere, and becomes something else.
    Waits,
    /// It cannot be done, for this reason.
    Forbidden(Reason),
}

impl Standing {
    fn of_payment(state: u8) -> Self {
        match LedgerState::from_number(state) {
            _ if state == 0 => Self::Unknown,
            Some(state) if state.waits() => Self::Waits,
            // One that this version does not know is one, too.
            _ => Self::Known,
        }
    }

    fn of_return(state: u8, returned: u32) -> Self {
        if returned != 0 {
            return Self::Known;
        }
        if state == LedgerState::Settled.number() {
            return Self::Unknown;
        }
        let words = format!("the ledger has the payment in state {state}: only what is settled comes back");
        Self::Forbidden(Reason::new("NARR", words))
    }

    /// Of a quote.
    fn of_quote(is_posted: bool, (is_active, epoch): (bool, u64)) -> Self {
        match (is_posted, is_active) {
            (true, _) => Self::Known,
            (false, true) => Self::Unknown,
            (false, false) if epoch == 0 => Self::Unregistered,
            // Somebody meant it: no price brings it back.
            (false, false) => {
                let words =
                    "the account was a provider of quotes and retired: it registers by its own act (registerProvider)";
                Self::Forbidden(Reason::new("NARR", words))
            }
        }
    }

    /// Of the withdrawal of a quote.
    fn of_nonce(is_used: bool) -> Self {
        if is_used { Self::Known } else { Self::Unknown }
    }

    /// Of an answer to a request to pay in this state.
    fn of_answer(state: u8) -> Self {
        if state == RequestState::Open.number() { Self::Unknown } else { Self::Known }
    }
}

/// What is known of a payment.
pub(crate) type Payment = IPayment::paymentOfReturn;
/// What is known of a return; number 0 where there is none.
pub(crate) type Returned = IPayment::returnOfReturn;
/// What is known of a request to pay.
pub(crate) type LedgerRequest = IPayment::requestOfReturn;

/// What somebody received in a payment, by which a return finds its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) payer: Address,
    pub(crate) payee: Address,
    pub(crate) token: Address,
}

impl Chain {
    /// What the node says of payments, in one exchange.
    pub(crate) async fn payments(&self, keys: impl Iterator<Item = &Key>) -> Result<Vec<Payment>, ClientError> {
        self.ask(PAYMENT_ADDRESS, keys.map(|key| IPayment::paymentOfCall { payer: key.payer, uetr: key.uetr })).await
    }

    /// What the node says the ledger has of these, in one exchange for each kind of question.
    pub(crate) async fn standings(&self, keys: &[Key]) -> Result<Vec<Standing>, ClientError> {
        let of = |kinds: &'static [OrderKind]| keys.iter().filter(|key| kinds.contains(&key.kind));
        const PAYMENTS: &[OrderKind] =
            &[OrderKind::Pay, OrderKind::Item, OrderKind::Accept, OrderKind::Exchange, OrderKind::Return];
        let mut payments = self.payments(of(PAYMENTS)).await?.into_iter().map(|payment| payment.state);
        let returned =
            |key: &Key| IPayment::returnOfCall { payer: key.payer, uetr: key.uetr, returnReference: key.reference };
        let mut returns = self.ask(PAYMENT_ADDRESS, of(&[OrderKind::Return]).map(returned)).await?.into_iter();
        let asked = |key: &Key| IPayment::requestUnderCall { creditor: key.payer, requestReference: key.reference };
        let mut asked = self.ask(PAYMENT_ADDRESS, of(&[OrderKind::Ask]).map(asked)).await?.into_iter();
        let request = |key: &Key| IPayment::requestOfCall { requestId: key.request() };
        let answered = of(&[OrderKind::Refuse, OrderKind::Withdraw]).map(request);
        let mut requests = self.ask_each(PAYMENT_ADDRESS, answered).await?.into_iter();
        let provider = |key: &Key| IExchange::providerOfCall { account: key.payer };
        let mut providers = self.ask(EXCHANGE_ADDRESS, of(&[OrderKind::Quote]).map(provider)).await?.into_iter();
        let posted = |key: &Key| IExchange::isPostedCall { digest: key.reference };
        let mut posted = self.ask(EXCHANGE_ADDRESS, of(&[OrderKind::Quote]).map(posted)).await?.into_iter();
        let used = |key: &Key| IExchange::isNonceUsedCall { provider: key.payer, nonce: key.reference };
        let mut used = self.ask(EXCHANGE_ADDRESS, of(&[OrderKind::Retract]).map(used)).await?.into_iter();
        let standings = keys.iter().map(|key| {
            Some(match key.kind {
                OrderKind::Pay | OrderKind::Item | OrderKind::Accept | OrderKind::Exchange => {
                    Standing::of_payment(payments.next()?)
                }
                OrderKind::Quote => {
                    let provider = providers.next()?;
                    Standing::of_quote(posted.next()?, (provider.active, provider.epoch))
                }
                OrderKind::Retract => Standing::of_nonce(used.next()?),
                OrderKind::Return => Standing::of_return(payments.next()?, returns.next()?.number),
                OrderKind::Ask if asked.next()? == 0 => Standing::Unknown,
                OrderKind::Ask => Standing::Known,
                // A node that is behind may not know it yet: no other one waits for that.
                OrderKind::Refuse | OrderKind::Withdraw => {
                    requests.next()?.map_or(Standing::Waits, |request| Standing::of_answer(request.state))
                }
            })
        });
        let incomplete = || ClientError::Malformed { method: "eth_call".into(), reason: "an answer is missing".into() };
        standings.collect::<Option<_>>().ok_or_else(incomplete)
    }

    /// The same for one of them, proven, in the latest final state.
    pub(crate) async fn proven_standing(&self, key: &Key) -> Result<Standing, ClientError> {
        Ok(match key.kind {
            OrderKind::Pay | OrderKind::Item | OrderKind::Accept | OrderKind::Exchange => {
                Standing::of_payment(self.proven_payment(key).await?.state)
            }
            OrderKind::Quote => {
                let (provider, digest) = (key.payer, key.reference);
                let query = self.verifier.query(&self.rpc, move |context| {
                    let known = provider_of(context, provider)?;
                    Ok((is_posted(context, digest)?, (known.active, known.epoch)))
                });
                let (_, (posted, provider)) = query.await?;
                Standing::of_quote(posted, provider)
            }
            OrderKind::Retract => Standing::of_nonce(self.proven_nonce(key.payer, key.reference).await?),
            OrderKind::Return => {
                Standing::of_return(self.proven_payment(key).await?.state, self.proven_return(key).await?.number)
            }
            OrderKind::Ask => match self.proven_request_under(key.payer, key.reference).await?.1 {
                None => Standing::Unknown,
                Some(_) => Standing::Known,
            },
            OrderKind::Refuse | OrderKind::Withdraw => {
                Standing::of_answer(self.proven_request(key.request()).await?.state)
            }
        })
    }

    /// Whether a provider's nonce is proven to be used, in the latest final state.
    pub(crate) async fn proven_nonce(&self, provider: Address, nonce: B256) -> Result<bool, ClientError> {
        let (_, used) = self.verifier.query(&self.rpc, move |context| is_nonce_used(context, provider, nonce)).await?;
        Ok(used)
    }

    /// The epoch of a provider's quotes, proven; of one that is none yet, too.
    pub(crate) async fn proven_epoch(&self, provider: Address) -> Result<u64, ClientError> {
        let (_, known) = self.verifier.query(&self.rpc, move |context| provider_of(context, provider)).await?;
        Ok(known.epoch)
    }

    /// Whether a quote can be used, proven, and at which height.
    pub(crate) async fn proven_usability(&self, terms: &Terms) -> Result<(u64, Usability), ClientError> {
        let quote = terms.0.clone();
        let (header, usability) =
            self.verifier.query(&self.rpc, move |context| quote_usability(context, &quote)).await?;
        Ok((header.height(), usability))
    }

    /// Whether the payment under a key is proven to be an exchange by this quote's nonce.
    pub(crate) async fn proven_exchange(&self, key: &Key, terms: &Terms) -> Result<bool, ClientError> {
        let (debtor, uetr) = (key.payer, key.uetr);
        let (_, trade) = self.verifier.query(&self.rpc, move |context| trade_of_uetr(context, debtor, uetr)).await?;
        Ok(trade != 0 && self.proven_nonce(terms.0.provider, terms.0.nonce).await?)
    }

    /// What is proven of a request to pay by its number, in the latest final state.
    pub(crate) async fn proven_request(&self, number: u64) -> Result<LedgerRequest, ClientError> {
        let (_, request) = self.verifier.query(&self.rpc, move |context| request_of(context, number)).await?;
        Ok(request)
    }

    /// The same by its creditor and reference, with its number, and at which height; `None` where there is none.
    pub(crate) async fn proven_request_under(
        &self,
        creditor: Address,
        reference: B256,
    ) -> Result<(u64, Option<(u64, LedgerRequest)>), ClientError> {
        let (header, request) = self
            .verifier
            .query(&self.rpc, move |context| {
                let number = request_under(context, creditor, reference)?;
                Ok(if number == 0 { None } else { Some((number, request_of(context, number)?)) })
            })
            .await?;
        Ok((header.height(), request))
    }

    /// What is proven of a return, in the latest final state.
    pub(crate) async fn proven_return(&self, key: &Key) -> Result<Returned, ClientError> {
        let (payer, uetr, reference) = (key.payer, key.uetr, key.reference);
        let (_, returned) =
            self.verifier.query(&self.rpc, move |context| return_of(context, payer, uetr, reference)).await?;
        Ok(returned)
    }

    /// Payments under these UETRs to payees that are meant, proven: what a return needs where nobody here remembers them. `None`
    /// while a block that has one is not shown to be final.
    pub(crate) async fn received(
        &self,
        uetrs: &[Uetr],
        is_meant: impl Fn(Address) -> bool,
    ) -> Result<Option<HashMap<Uetr, Received>>, ClientError> {
        let mut found = HashMap::new();
        if uetrs.is_empty() {
            return Ok(Some(found));
        }
        let words: Vec<B256> = uetrs.iter().map(|uetr| uetr.word()).collect();
        let topics = json!([IPayment::PaymentOrdered::SIGNATURE_HASH, null, words]);
        for height in self.logs_of_all_times(json!([PAYMENT_ADDRESS]), topics).await? {
            let Some(body) = self.body(height).await? else { return Ok(None) };
            let logs = body.receipts.iter().flat_map(|receipt| receipt.logs());
            for log in logs.filter(|log| log.address == PAYMENT_ADDRESS) {
                let Ok(event) = IPayment::PaymentOrdered::decode_log(log) else { continue };
                let uetr = Uetr::from_word(event.uetr).filter(|uetr| uetrs.contains(uetr));
                let Some(uetr) = uetr.filter(|_| is_meant(event.payee)) else { continue };
                let received = Received { payer: event.payer, payee: event.payee, token: event.token };
                found.entry(uetr).or_insert(received);
            }
        }
        Ok(Some(found))
    }

    /// Many questions to a module in one exchange.
    async fn ask<C: SolCall>(
        &self,
        module: Address,
        calls: impl Iterator<Item = C>,
    ) -> Result<Vec<C::Return>, ClientError> {
        self.ask_each(module, calls).await?.into_iter().collect()
    }

    /// The same, where one that is refused keeps no other waiting.
    async fn ask_each<C: SolCall>(
        &self,
        module: Address,
        calls: impl Iterator<Item = C>,
    ) -> Result<Vec<Result<C::Return, ClientError>>, ClientError> {
        let asked = |call: C| {
            let input = Bytes::from(call.abi_encode());
            ("eth_call", json!([{ "to": module, "input": input }, "latest"]))
        };
        let calls: Vec<(&str, Value)> = calls.map(asked).collect();
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let malformed = |reason: String| ClientError::Malformed { method: "eth_call".into(), reason };
        let read = |answer: Result<Value, ClientError>| {
            let output: Bytes = serde_json::from_value(answer?).map_err(|error| malformed(error.to_string()))?;
            C::abi_decode_returns_validate(&output).map_err(|error| {
                malformed(format!("{} bytes are not the result of {}: {error}", output.len(), C::SIGNATURE))
            })
        };
        Ok(self.rpc.batch(&calls).await?.into_iter().map(read).collect())
    }

    /// Gas that each of these calls to a module would need, or why it would fail; as few exchanges as their size allows.
    pub(crate) async fn estimates<'a>(
        &self,
        account: Address,
        calls: impl Iterator<Item = (Address, &'a Bytes)>,
    ) -> Result<Vec<Result<u64, ClientError>>, ClientError> {
        let (mut estimates, mut asked, mut bytes) = (Vec::new(), Vec::new(), 0usize);
        for (module, input) in calls {
            // A batch takes the node as long as a thousand payments: it is asked alone, so that no exchange takes too long.
            if bytes.saturating_add(input.len()) > EXCHANGE_BYTES_MAX && !asked.is_empty() {
                estimates.extend(self.rpc.batch(&asked).await?);
                asked.clear();
                bytes = 0;
            }
            bytes = bytes.saturating_add(input.len());
            asked.push(("eth_estimateGas", json!([{ "from": account, "to": module, "input": input }])));
        }
        estimates.extend(self.rpc.batch(&asked).await?);
        let method = || "eth_estimateGas".to_owned();
        let gas = |answer: Value| {
            let malformed = || ClientError::Malformed { method: method(), reason: format!("{answer} is no quantity") };
            quantity(&answer).ok_or_else(malformed)
        };
        Ok(estimates.into_iter().map(|answer| answer.and_then(gas)).collect())
    }

    /// A call, ready to be signed.
    pub(crate) fn transaction(
        &self,
        nonce: u64,
        (gas_limit, price): (u64, u128),
        to: Address,
        input: Bytes,
    ) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: price,
            max_priority_fee_per_gas: 0,
            to: TxKind::Call(to),
            value: U256::ZERO,
            access_list: Default::default(),
            input,
        }
    }

    /// Most that is paid for gas: a block may have a higher price than the one before, and what is not used is not paid.
    pub(crate) async fn price_max(&self) -> Result<u128, ClientError> {
        Ok(self.rpc.gas_price().await?.saturating_mul(2))
    }

    /// What is proven of it, in the latest final state.
    pub(crate) async fn proven_payment(&self, key: &Key) -> Result<Payment, ClientError> {
        let (payer, uetr) = (key.payer, key.uetr);
        let (_, payment) = self.verifier.query(&self.rpc, move |context| payment_of(context, payer, uetr)).await?;
        Ok(payment)
    }

    /// Heights of transactions that ordered a payment. The node's word: what they say is proven by [`Self::body`].
    pub(crate) async fn heights_of(&self, key: &Key) -> Result<Vec<u64>, ClientError> {
        let (payer, uetr) = (key.payer.into_word(), key.uetr);
        let ordered = json!([IPayment::PaymentOrdered::SIGNATURE_HASH, payer, uetr]);
        let paid = json!([IPayment::BatchPaid::SIGNATURE_HASH, null, payer, uetr]);
        let returned = json!([IPayment::PaymentReturned::SIGNATURE_HASH, payer, uetr, key.reference]);
        let cancelled = json!([IExchange::QuoteCancelled::SIGNATURE_HASH, payer, key.reference]);
        let topics = match key.kind {
            OrderKind::Pay | OrderKind::Accept | OrderKind::Exchange => ordered,
            OrderKind::Retract => cancelled,
            OrderKind::Item => paid,
            OrderKind::Return => returned,
            // The state tells of those.
            OrderKind::Ask | OrderKind::Refuse | OrderKind::Withdraw | OrderKind::Quote => return Ok(Vec::new()),
        };
        // The record of a payment across currencies is the payment module's.
        let module = if key.kind == OrderKind::Retract { EXCHANGE_ADDRESS } else { PAYMENT_ADDRESS };
        // The newest first: what is asked about was mostly ordered lately, and was ordered once.
        for (from, to) in windows(self.rpc.block_number().await?) {
            let found = self.logs(from, to, &[(json!([module]), topics.clone())]).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// Heights of all final blocks that have such logs, rising; in as many exchanges as the node's bound of one asks for.
    pub(crate) async fn logs_of_all_times(&self, addresses: Value, topics: Value) -> Result<Vec<u64>, ClientError> {
        let mut heights = Vec::new();
        for (from, to) in windows(self.rpc.block_number().await?) {
            heights.extend(self.logs(from, to, &[(addresses.clone(), topics.clone())]).await?);
        }
        heights.sort_unstable();
        Ok(heights)
    }

    /// Heights at which there are logs of these addresses with these topics, of one pair or another; each once and rising. One exchange.
    pub(crate) async fn logs(&self, from: u64, to: u64, filters: &[(Value, Value)]) -> Result<Vec<u64>, ClientError> {
        let (from, to) = (U256::from(from), U256::from(to));
        let asked = |(addresses, topics): &(Value, Value)| {
            let filter = json!([{ "fromBlock": from, "toBlock": to, "address": addresses, "topics": topics }]);
            ("eth_getLogs", filter)
        };
        let calls: Vec<(&str, Value)> = filters.iter().map(asked).collect();
        let mut heights = Vec::new();
        for found in self.rpc.batch(&calls).await? {
            let malformed = |error: serde_json::Error| ClientError::Malformed {
                method: "eth_getLogs".into(),
                reason: error.to_string(),
            };
            let found: Vec<Value> = serde_json::from_value(found?).map_err(malformed)?;
            heights.extend(found.iter().filter_map(|log| quantity(&log["blockNumber"])));
        }
        heights.sort_unstable();
        heights.dedup();
        Ok(heights)
    }

    /// A block with everything in it, proven; `None` while it is not shown to be final.
    pub(crate) async fn body(&self, height: u64) -> Result<Option<ProvenBody>, ClientError> {
        self.verifier.body(&self.rpc, height).await
    }

    /// Why a transaction was reverted, as the node's trace of it says.
    pub(crate) async fn why_reverted(&self, hash: B256) -> Reason {
        let traced: Result<Value, ClientError> =
            self.rpc.call("debug_traceTransaction", json!([hash, { "tracer": "callTracer" }])).await;
        let output = traced.ok().and_then(|trace| serde_json::from_value::<Bytes>(trace["output"].clone()).ok());
        let explained = output.and_then(|output| florin_modules::explain(&output));
        let unknown =
            || Reason::new("NARR", format!("the ledger reverted transaction {hash}; the node does not say why"));
        explained.map_or_else(unknown, |explained| Reason::of_ledger(&explained))
    }

    /// Input of the call that does what these orders say. They are of one bundle, whose key is given.
    pub(crate) fn input(&self, key: &Key, orders: &[Order]) -> Result<Bytes, GatewayError> {
        let incomplete = || GatewayError::Answer("an order without its parties".into());
        let first = orders.first().ok_or_else(incomplete)?;
        let details = &first.details;
        let amount = U256::from(first.amount.ok_or_else(incomplete)?);
        let token = || first.token.ok_or_else(incomplete);
        let texts = (first.end_to_end.as_deref().unwrap_or_default(), details.remittance.join("\n"));
        let (debtor_agent, creditor_agent) =
            (agent(details.debtor_agent.as_deref()), agent(details.creditor_agent.as_deref()));
        let purpose = code(details.purpose.as_deref());
        let input = match key.kind {
            OrderKind::Pay => {
                let uetr = first.uetr.as_deref().and_then(Uetr::parse).ok_or_else(incomplete)?;
                let veil = |text: &str| veiled(&self.salt, uetr, text);
                let call = IPayment::payCall {
                    token: token()?,
                    payee: first.payee.ok_or_else(incomplete)?,
                    amount,
                    uetr: key.uetr,
                    debtorAgent: debtor_agent,
                    creditorAgent: creditor_agent,
                    endToEnd: veil(texts.0),
                    purpose,
                    remittance: veil(&texts.1),
                    priority: u8::from(details.urgent),
                    parkUntilMs: 0,
                };
                call.abi_encode()
            }
            OrderKind::Item => {
                let items: Option<Vec<[u8; 40]>> = orders.iter().map(item).collect();
                let items = items.ok_or_else(incomplete)?.concat().into();
                IPayment::payBatchCall { token: token()?, uetr: key.uetr, mode: ITEM_BY_ITEM, items }.abi_encode()
            }
            OrderKind::Return => {
                let reason = code(details.return_reason.as_deref().or(Some("NARR")));
                let (payer, uetr, reference) = (key.payer, key.uetr, key.reference);
                IPayment::returnPaymentCall { payer, uetr, returnReference: reference, amount, reason }.abi_encode()
            }
            OrderKind::Accept => {
                let request = details.ledger_request.ok_or_else(incomplete)?;
                IPayment::acceptCall { requestId: request, uetr: key.uetr, debtorAgent: debtor_agent }.abi_encode()
            }
            OrderKind::Ask => {
                let veil = |text: &str| veiled(&self.salt, key.reference, text);
                let call = IPayment::requestPaymentCall {
                    token: token()?,
                    debtor: first.payer.ok_or_else(incomplete)?,
                    amount,
                    expiryMs: details.expires_ms.ok_or_else(incomplete)?,
                    creditorAgent: creditor_agent,
                    endToEnd: veil(texts.0),
                    purpose,
                    remittance: veil(&texts.1),
                    requestReference: key.reference,
                };
                call.abi_encode()
            }
            OrderKind::Refuse => {
                IPayment::refuseCall { requestId: key.request(), reason: code(details.refusal.as_deref()) }.abi_encode()
            }
            OrderKind::Withdraw => IPayment::cancelRequestCall { requestId: key.request() }.abi_encode(),
            OrderKind::Exchange => {
                let uetr = first.uetr.as_deref().and_then(Uetr::parse).ok_or_else(incomplete)?;
                let exchange = details.exchange.as_ref().ok_or_else(incomplete)?;
                let word = |agent: FixedBytes<11>| B256::right_padding_from(agent.as_slice());
                let order = IExchange::Order {
                    amount: exchange.ordered,
                    maxSent: amount,
                    minReceived: exchange.received,
                    payee: first.payee.ok_or_else(incomplete)?,
                    uetr: key.uetr,
                    debtorAgent: word(debtor_agent),
                    creditorAgent: word(creditor_agent),
                    remittanceHash: veiled(&self.salt, uetr, &texts.1),
                };
                let quote = exchange.terms.0.clone();
                IExchange::executeCall { quote, signature: Bytes::new(), order }.abi_encode()
            }
            OrderKind::Quote => {
                let quote = details.exchange.as_ref().ok_or_else(incomplete)?.terms.0.clone();
                IExchange::postQuoteCall { quote, requestId: 0 }.abi_encode()
            }
            OrderKind::Retract => IExchange::cancelQuoteCall { nonce: key.reference }.abi_encode(),
        };
        Ok(input.into())
    }
}

/// Input of the call that makes an account a provider of quotes.
pub(crate) fn registration() -> Bytes {
    IExchange::registerProviderCall {}.abi_encode().into()
}

/// All heights up to the head, in ranges that one exchange may ask for, the newest first.
pub(crate) fn windows(head: u64) -> impl Iterator<Item = (u64, u64)> {
    let ends = std::iter::successors(Some(head), |to| to.checked_sub(LOG_BLOCKS_MAX));
    ends.map(|to| (to.saturating_sub(LOG_BLOCKS_MAX - 1), to))
}

/// An item of a batch: payee 20 bytes, amount 12, reference 8.
fn item(order: &Order) -> Option<[u8; 40]> {
    let mut bytes = [0u8; 40];
    let amount = order.amount?.to_be_bytes();
    let uetr = order.uetr.as_deref().and_then(Uetr::parse)?;
    let parts = order.payee?.into_iter().chain(amount.into_iter().skip(4)).chain(uetr.reference());
    bytes.iter_mut().zip(parts).for_each(|(byte, from)| *byte = from);
    Some(bytes)
}

/// A BIC as the ledger takes it; zero where there is none.
fn agent(bic: Option<&str>) -> FixedBytes<11> {
    let bic = bic.filter(|bic| matches!(bic.len(), 8 | 11)).unwrap_or_default();
    FixedBytes::right_padding_from(bic.as_bytes())
}

/// A code of four characters; zero where there is none.
fn code(text: Option<&str>) -> FixedBytes<4> {
    FixedBytes::right_padding_from(text.filter(|text| text.len() == 4).unwrap_or_default().as_bytes())
}

/// A number as JSON-RPC writes it.
pub(crate) fn quantity(value: &Value) -> Option<u64> {
    let value: U256 = serde_json::from_value(value.clone()).ok()?;
    u64::try_from(value).ok()
}
