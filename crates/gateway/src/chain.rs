//! The ledger, as orders need it: what is called, what is known, and what a proven receipt says became of an order.

use crate::{
    GatewayError,
    identity::{Uetr, return_reference, veiled},
    order::Outcome,
    reason::Reason,
    store::{Order, OrderKind},
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, Log, TxKind, U256};
use alloy_sol_types::{SolCall, SolEvent as _};
use florin_client::{ClientError, ProvenBody, RpcClient, TxEip1559, Verifier};
use florin_modules::{
    PAYMENT_ADDRESS,
    payment::{IPayment, State as LedgerState, payment_of, return_of},
    token::{IToken, batch_items},
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
    pub(crate) payer: Address,
    pub(crate) uetr: B256,
    /// Reference of the return; zero for what is none.
    pub(crate) reference: B256,
}

impl Key {
    /// Under what the ledger knows an order; `None` for one that was refused before it had a name there.
    pub(crate) fn of(order: &Order) -> Option<Self> {
        let name = if order.kind == OrderKind::Item { &order.part_uetr } else { &order.uetr };
        let uetr = name.as_deref().and_then(Uetr::parse)?.word();
        let reference = match order.kind {
            OrderKind::Return => return_reference(order.claim.as_deref()?),
            OrderKind::Pay | OrderKind::Item => B256::ZERO,
        };
        Some(Self { kind: order.kind, payer: order.payer?, uetr, reference })
    }
}

/// What is known of a payment.
pub(crate) type Payment = IPayment::paymentOfReturn;
/// What is known of a return; number 0 where there is none.
pub(crate) type Returned = IPayment::returnOfReturn;

/// What somebody received in a payment, by which a return finds its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) payer: Address,
    pub(crate) payee: Address,
    pub(crate) token: Address,
}

impl Chain {
    /// What the node says of payments, in one exchange.
    pub(crate) async fn payments(&self, keys: &[Key]) -> Result<Vec<Payment>, ClientError> {
        let call = |key: &Key| IPayment::paymentOfCall { payer: key.payer, uetr: key.uetr };
        self.ask(keys.iter().map(call)).await
    }

    /// What the node says of returns, in one exchange.
    pub(crate) async fn returns(&self, keys: &[Key]) -> Result<Vec<Returned>, ClientError> {
        let call =
            |key: &Key| IPayment::returnOfCall { payer: key.payer, uetr: key.uetr, returnReference: key.reference };
        self.ask(keys.iter().map(call)).await
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

    /// Many questions to the payment module in one exchange.
    async fn ask<C: SolCall>(&self, calls: impl Iterator<Item = C>) -> Result<Vec<C::Return>, ClientError> {
        let asked = |call: C| {
            let input = Bytes::from(call.abi_encode());
            ("eth_call", json!([{ "to": PAYMENT_ADDRESS, "input": input }, "latest"]))
        };
        let calls: Vec<(&str, Value)> = calls.map(asked).collect();
        let malformed = |reason: String| ClientError::Malformed { method: "eth_call".into(), reason };
        let read = |answer: Result<Value, ClientError>| {
            let output: Bytes = serde_json::from_value(answer?).map_err(|error| malformed(error.to_string()))?;
            C::abi_decode_returns_validate(&output).map_err(|error| {
                malformed(format!("{} bytes are not the result of {}: {error}", output.len(), C::SIGNATURE))
            })
        };
        self.rpc.batch(&calls).await?.into_iter().map(read).collect()
    }

    /// Gas that each of these calls to the payment module would need, or why it would fail; as few exchanges as their size allows.
    pub(crate) async fn estimates<'a>(
        &self,
        account: Address,
        inputs: impl Iterator<Item = &'a Bytes>,
    ) -> Result<Vec<Result<u64, ClientError>>, ClientError> {
        let (mut estimates, mut asked, mut bytes) = (Vec::new(), Vec::new(), 0usize);
        for input in inputs {
            // A batch takes the node as long as a thousand payments: it is asked alone, so that no exchange takes too long.
            if bytes.saturating_add(input.len()) > EXCHANGE_BYTES_MAX && !asked.is_empty() {
                estimates.extend(self.rpc.batch(&asked).await?);
                asked.clear();
                bytes = 0;
            }
            bytes = bytes.saturating_add(input.len());
            asked.push(("eth_estimateGas", json!([{ "from": account, "to": PAYMENT_ADDRESS, "input": input }])));
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
        let topics = match key.kind {
            OrderKind::Pay => ordered,
            OrderKind::Item => paid,
            OrderKind::Return => returned,
        };
        // The newest first: what is asked about was mostly ordered lately, and was ordered once.
        for (from, to) in windows(self.rpc.block_number().await?) {
            let found = self.logs(from, to, json!([PAYMENT_ADDRESS]), topics.clone()).await?;
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
            heights.extend(self.logs(from, to, addresses.clone(), topics.clone()).await?);
        }
        heights.sort_unstable();
        Ok(heights)
    }

    /// Heights at which there are logs of these addresses with these topics, each once and rising.
    pub(crate) async fn logs(
        &self,
        from: u64,
        to: u64,
        addresses: Value,
        topics: Value,
    ) -> Result<Vec<u64>, ClientError> {
        let (from, to) = (U256::from(from), U256::from(to));
        let filter = json!([{ "fromBlock": from, "toBlock": to, "address": addresses, "topics": topics }]);
        let found: Vec<Value> = self.rpc.call("eth_getLogs", filter).await?;
        let mut heights: Vec<u64> = found.iter().filter_map(|log| quantity(&log["blockNumber"])).collect();
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
        let amount = U256::from(first.amount.ok_or_else(incomplete)?);
        if key.kind == OrderKind::Return {
            let reason = code(first.details.return_reason.as_deref().or(Some("NARR")));
            let (payer, uetr, reference) = (key.payer, key.uetr, key.reference);
            let call = IPayment::returnPaymentCall { payer, uetr, returnReference: reference, amount, reason };
            return Ok(call.abi_encode().into());
        }
        let token = first.token.ok_or_else(incomplete)?;
        if key.kind == OrderKind::Item {
            let items: Option<Vec<[u8; 40]>> = orders.iter().map(item).collect();
            let items = items.ok_or_else(incomplete)?.concat().into();
            return Ok(IPayment::payBatchCall { token, uetr: key.uetr, mode: ITEM_BY_ITEM, items }.abi_encode().into());
        }
        let uetr = first.uetr.as_deref().and_then(Uetr::parse).ok_or_else(incomplete)?;
        let veil = |text: &str| veiled(&self.salt, uetr, text);
        let call = IPayment::payCall {
            token,
            payee: first.payee.ok_or_else(incomplete)?,
            amount,
            uetr: key.uetr,
            debtorAgent: agent(first.details.debtor_agent.as_deref()),
            creditorAgent: agent(first.details.creditor_agent.as_deref()),
            endToEnd: veil(first.end_to_end.as_deref().unwrap_or_default()),
            purpose: code(first.details.purpose.as_deref()),
            remittance: veil(&first.details.remittance.join("\n")),
            priority: u8::from(first.details.urgent),
            parkUntilMs: 0,
        };
        Ok(call.abi_encode().into())
    }
}

/// All heights up to the head, in ranges that one exchange may ask for, the newest first.
pub(crate) fn windows(head: u64) -> impl Iterator<Item = (u64, u64)> {
    let ends = std::iter::successors(Some(head), |to| to.checked_sub(LOG_BLOCKS_MAX));
    ends.map(|to| (to.saturating_sub(LOG_BLOCKS_MAX - 1), to))
}

/// What a successful transaction's logs say became of these orders, in their order. `None` where the logs do not speak of them: then
/// nothing is said.
pub(crate) fn outcomes(key: &Key, orders: &[Order], logs: &[Log]) -> Option<Vec<Outcome>> {
    let ours = logs.iter().filter(|log| log.address == PAYMENT_ADDRESS);
    match key.kind {
        OrderKind::Pay => {
            let mut ordered = ours.filter_map(|log| IPayment::PaymentOrdered::decode_log(log).ok());
            let event = ordered.find(|event| (event.payer, event.uetr) == (key.payer, key.uetr))?;
            // What waited in the ledger then may be settled by now: the state tells.
            if event.state != LedgerState::Settled.number() {
                return None;
            }
            Some(orders.iter().map(|order| of_payment(order, &event)).collect())
        }
        OrderKind::Return => {
            let mut returned = ours.filter_map(|log| IPayment::PaymentReturned::decode_log(log).ok());
            let is_ours = |event: &Log<IPayment::PaymentReturned>| {
                (event.payer, event.uetr, event.returnReference) == (key.payer, key.uetr, key.reference)
            };
            let event = returned.find(is_ours)?;
            Some(orders.iter().map(|order| of_return(order, event.amount)).collect())
        }
        OrderKind::Item => {
            let mut paid = ours.filter_map(|log| IPayment::BatchPaid::decode_log(log).ok());
            let event = paid.find(|event| (event.payer, event.uetr) == (key.payer, key.uetr))?;
            let moved = logs.iter().filter(|log| log.address == event.token);
            let mut moved = moved.filter_map(|log| IToken::BatchTransfer::decode_log(log).ok());
            let moved = moved.find(|moved| moved.from == event.payer && moved.results == event.results)?;
            let paid = items_paid(&moved);
            Some(orders.iter().map(|order| of_item(order, event.token, &paid)).collect())
        }
    }
}

fn of_payment(order: &Order, event: &IPayment::PaymentOrdered) -> Outcome {
    let ordered = (order.token, order.payee, order.amount.map(U256::from));
    if ordered != (Some(event.token), Some(event.payee), Some(event.amount)) {
        let words = "the ledger has another payment under this UETR: other payee, amount or token";
        return Outcome::Refused(Reason::new("DUPL", words));
    }
    Outcome::Settled
}

/// A return is known by its reference; what went back under it says whether it is this one.
pub(crate) fn of_return(order: &Order, amount: U256) -> Outcome {
    if order.amount.map(U256::from) == Some(amount) {
        return Outcome::Settled;
    }
    let words = format!("the ledger has a return under this identification already, of {amount} minor units");
    Outcome::Refused(Reason::new("DUPL", words))
}

/// What an item of a batch is known by: payee, amount and reference.
type ItemKey = (Address, u128, [u8; 8]);

/// The results of a batch's items.
fn items_paid(moved: &IToken::BatchTransfer) -> HashMap<ItemKey, u8> {
    let items = batch_items(&moved.items).into_iter().flatten().zip(moved.results.iter());
    items.map(|(item, result)| ((item.to, item.amount, item.reference), *result)).collect()
}

fn of_item(order: &Order, token: Address, paid: &HashMap<ItemKey, u8>) -> Outcome {
    let reference = order.uetr.as_deref().and_then(Uetr::parse).map(Uetr::reference);
    let key = (|| Some((order.payee?, order.amount?, reference?)))().filter(|_| order.token == Some(token));
    match key.and_then(|key| paid.get(&key)) {
        Some(result) => Reason::of_item(*result).map_or(Outcome::Settled, Outcome::Refused),
        None => Outcome::Refused(Reason::new("DUPL", "its batch was paid on the ledger before, with other items")),
    }
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
