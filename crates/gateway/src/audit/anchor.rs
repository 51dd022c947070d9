//! Once a day the log's last hash is committed to the ledger: a transfer of nothing from an account to itself, with the hash as its memo.
//!
//! **Invariant.** The account is used for nothing else, so that its nonces are this room's. Bytes are durable before they are sent.
//! **Failures.** What is not final is sent again; what never can be is signed anew. A commitment twice says the same twice.

use crate::{
    GatewayError,
    chain::{Chain, quantity},
    identity::DAY_MS,
    store::{AnchorRow, Store},
};
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall as _;
use florin_client::{ClientError, SignedTx, Signer};
use florin_modules::token::IToken;
use serde_json::{Value, json};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// Pause between two looks at a commitment that is not final, and after one that failed.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
const AFTER_FAILURE: Duration = Duration::from_secs(60);
/// What the reference of a commitment begins with; the number of the row follows.
pub(super) const REFERENCE: &str = "florin audit ";

/// Who commits, and where.
#[derive(Clone)]
pub struct AnchorConfig {
    /// Signs for an account that is used for nothing else.
    pub signer: Signer,
    /// The token whose transfer carries the hash.
    pub token: Address,
}

impl fmt::Debug for AnchorConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.signer.address();
        formatter.debug_struct("AnchorConfig").field("account", &account).field("token", &self.token).finish()
    }
}

/// Commits.
pub(crate) struct Anchor {
    store: Store,
    chain: Chain,
    config: AnchorConfig,
    not_before: Option<Instant>,
}

/// Whether a day's commitment is due: one a day, the first at once, and none where nothing happened since.
pub(super) fn is_due(last: Option<(u64, u64)>, today: u64, head: u64) -> bool {
    head > 0 && last.is_none_or(|(day, row)| day < today && row < head)
}

impl Anchor {
    pub(crate) const fn new(store: Store, chain: Chain, config: AnchorConfig) -> Self {
        Self { store, chain, config, not_before: None }
    }

    /// One round: signs what is due, follows what is signed. Says whether anything was done.
    pub(crate) async fn round(&mut self, now_ms: u64) -> Result<bool, GatewayError> {
        if self.not_before.is_some_and(|not_before| Instant::now() < not_before) {
            return Ok(false);
        }
        let mut work = self.store.read().await?;
        let last = self.store.last_anchor(&mut work).await?;
        let head = self.store.audit_head(&mut work).await?;
        drop(work);
        if let Some(pending) = last.as_ref().filter(|last| !last.is_final) {
            return self.follow(pending).await;
        }
        let today = now_ms / DAY_MS;
        if !is_due(last.map(|last| (last.day, last.row_number)), today, head.0) {
            self.not_before = Some(Instant::now() + LOOK_AGAIN);
            return Ok(false);
        }
        let signed = self.sign(today, head).await;
        if signed.is_err() {
            // The account may be unable to (frozen, paused): nothing else waits for it.
            self.not_before = Some(Instant::now() + AFTER_FAILURE);
        }
        signed.map(|()| true)
    }

    async fn sign(&self, day: u64, (row_number, hash): (u64, alloy_primitives::B256)) -> Result<(), GatewayError> {
        let (rpc, account) = (&self.chain.rpc, self.config.signer.address());
        let reference = format!("{REFERENCE}{row_number}");
        let call =
            IToken::transferWithMemoCall { to: account, amount: U256::ZERO, memo: hash, paymentReference: reference };
        let input = call.abi_encode().into();
        let gas = rpc.estimate_gas(account, self.config.token, &input).await?;
        let nonce = rpc.next_nonce(account).await?;
        let gas_limit = gas.saturating_add(gas / 4);
        let price = self.chain.price_max().await?;
        let tx = self.chain.transaction(nonce, (gas_limit, price), self.config.token, input);
        let SignedTx { hash: tx_hash, bytes } = self.config.signer.sign(tx).map_err(ClientError::from)?;
        let content = bytes.to_vec();
        let anchor = AnchorRow { number: 0, day, row_number, hash, account, nonce, tx_hash, content, is_final: false };
        let mut work = self.store.write().await?;
        self.store.add_anchor(&mut work, &anchor).await?;
        self.store.commit(work, "anchor signed").await
    }

    async fn follow(&mut self, pending: &AnchorRow) -> Result<bool, GatewayError> {
        let rpc = &self.chain.rpc;
        let receipts = rpc.batch(&[("eth_getTransactionReceipt", json!([pending.tx_hash]))]).await?;
        let receipt: Option<Value> = receipts.into_iter().next().and_then(Result::ok);
        let Some(height) = receipt.and_then(|receipt| quantity(&receipt["blockNumber"])) else {
            return self.send(pending).await;
        };
        // A block is followed until it is proven.
        self.not_before = Some(Instant::now() + LOOK_AGAIN / 10);
        let Some(body) = self.chain.body(height).await? else { return Ok(false) };
        let place = (0..body.transactions.len()).find(|index| body.hash(*index) == Some(pending.tx_hash));
        let Some(receipt) = place.and_then(|place| body.receipts.get(place)) else { return Ok(false) };
        let is_done = receipt.status();
        if !is_done {
            tracing::error!(hash = %pending.tx_hash, "gateway.audit: the ledger reverted the commitment of the audit log");
            self.not_before = Some(Instant::now() + AFTER_FAILURE);
        }
        self.end(pending, is_done.then_some(height)).await
    }

    async fn send(&mut self, pending: &AnchorRow) -> Result<bool, GatewayError> {
        self.not_before = Some(Instant::now() + LOOK_AGAIN / 10);
        let (_, account) = self.chain.verifier.account(&self.chain.rpc, pending.account).await?;
        if account.map_or(0, |account| account.nonce) > pending.nonce {
            // Its nonce is used, by it or by another. What the next round finds no receipt of is signed anew.
            let receipt = self.chain.rpc.receipt(pending.tx_hash).await?;
            return if receipt.is_some() { Ok(false) } else { self.end(pending, None).await };
        }
        let tx = SignedTx { hash: pending.tx_hash, bytes: pending.content.clone().into() };
        for refused in self.chain.rpc.send_batch(&[tx]).await?.into_iter().filter_map(Result::err) {
            tracing::debug!(%refused, hash = %pending.tx_hash, "gateway.audit");
        }
        Ok(false)
    }

    async fn end(&self, pending: &AnchorRow, height: Option<u64>) -> Result<bool, GatewayError> {
        let mut work = self.store.write().await?;
        self.store.move_anchor(&mut work, pending.number, height).await?;
        self.store.commit(work, "anchor final").await?;
        Ok(true)
    }
}
