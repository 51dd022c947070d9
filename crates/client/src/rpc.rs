//! JSON-RPC to one node.

use crate::{ClientError, Roots, RpcConfig, SignedTx, http::Http};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_eth::TransactionReceipt;
use florin_types::{
    Height,
    wire::{WireBlock, WireFinality, WireNodeStatus, WireStateItem, WireStateProof, WireValidators},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How often a receipt is asked for while waiting for finality, in milliseconds.
pub(crate) const RECEIPT_POLL_MS: u64 = 25;

/// A block as far as one follows the chain with it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BlockSummary {
    /// Height.
    #[serde(with = "alloy_serde::quantity")]
    pub number: Height,
    /// Hash of the block.
    pub hash: B256,
    /// Hashes of its transactions, in order.
    pub transactions: Vec<B256>,
}

/// A JSON-RPC error object under its envelope.
#[derive(Deserialize)]
pub(crate) struct Refusal {
    pub(crate) error: RefusalBody,
}

#[derive(Deserialize)]
pub(crate) struct RefusalBody {
    code: i64,
    message: String,
    #[serde(default)]
    data: Option<Value>,
}

impl RefusalBody {
    fn into_error(self, method: &str) -> ClientError {
        let data = self.data.unwrap_or_default();
        let rule = data["code"].as_str().map(str::to_owned);
        let data = serde_json::from_value::<Bytes>(data).ok();
        ClientError::Refused { method: method.into(), code: self.code, message: self.message, data, rule }
    }
}

/// One answer. `result` may be `null`, which is a value; it is missing only beside an error.
#[derive(Deserialize)]
struct Answer {
    id: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    #[serde(default)]
    error: Option<RefusalBody>,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Answer {
    fn into_result(self, method: &str) -> Result<Value, ClientError> {
        match (self.error, self.result) {
            (Some(error), _) => Err(error.into_error(method)),
            (None, Some(result)) => Ok(result),
            (None, None) => Err(malformed(method, "neither result nor error")),
        }
    }
}

fn malformed(method: &str, reason: impl std::fmt::Display) -> ClientError {
    ClientError::Malformed { method: method.into(), reason: reason.to_string() }
}

/// What a server answered to a call, or to each call of a batch; empty where it is neither, or a refusal.
pub(crate) fn results(body: &[u8]) -> Vec<Value> {
    let answers = match serde_json::from_slice::<Answer>(body) {
        Ok(answer) => vec![answer],
        Err(_) if serde_json::from_slice::<Refusal>(body).is_ok() => Vec::new(),
        Err(_) => serde_json::from_slice(body).unwrap_or_default(),
    };
    answers.into_iter().filter_map(|answer| answer.into_result("").ok()).collect()
}

fn decode<R: DeserializeOwned>(method: &str, value: Value) -> Result<R, ClientError> {
    serde_json::from_value(value).map_err(|error| malformed(method, error))
}

/// Whether a call changes nothing on the server, so that sending it twice is the same as once. Whatever is not known to
/// be such a call is not.
fn only_reads(method: &str) -> bool {
    const READS: [&str; 8] = [
        "eth_call",
        "eth_chainId",
        "eth_blockNumber",
        "eth_estimateGas",
        "eth_createAccessList",
        "eth_gasPrice",
        "eth_feeHistory",
        "eth_syncing",
    ];
    let reads_by_name = method.starts_with("eth_get") && !method.starts_with("eth_getFilter");
    let namespaces = ["net_", "web3_", "florin_", "debug_"];
    reads_by_name || READS.contains(&method) || namespaces.iter().any(|namespace| method.starts_with(namespace))
}

/// A connection to one node. Clones share it.
#[derive(Clone)]
pub struct RpcClient(Arc<Inner>);

struct Inner {
    http: Http,
    config: RpcConfig,
    next_id: AtomicU64,
}

impl RpcClient {
    /// A client of the node at `url` (`http://host:port` or `https://host:port`), with the default bounds.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::with_config(url, RpcConfig::default())
    }

    /// A client with bounds of its own.
    pub fn with_config(url: &str, config: RpcConfig) -> Result<Self, ClientError> {
        Self::with_roots(url, config, &Roots::System)
    }

    /// A client that trusts these roots for the server's certificate. They matter to `https://` alone.
    pub fn with_roots(url: &str, config: RpcConfig, roots: &Roots) -> Result<Self, ClientError> {
        let http = Http::new(url, &config, roots)?;
        Ok(Self(Arc::new(Inner { http, config, next_id: AtomicU64::new(1) })))
    }

    /// The node's address.
    pub fn url(&self) -> &str {
        self.0.http.url()
    }

    /// Any call. Tried again after transient failures if it only reads.
    pub async fn call<R: DeserializeOwned>(&self, method: &str, params: Value) -> Result<R, ClientError> {
        let retries_max = if only_reads(method) { self.0.config.retries_max } else { 0 };
        let mut pause_ms = self.0.config.retry_pause_ms;
        for _ in 0..retries_max {
            match self.call_once(method, &params).await {
                Err(error) if error.is_transient() => {}
                outcome => return decode(method, outcome?),
            }
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            pause_ms = pause_ms.saturating_mul(2);
        }
        decode(method, self.call_once(method, &params).await?)
    }

    async fn call_once(&self, method: &str, params: &Value) -> Result<Value, ClientError> {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let body = self.0.http.post(method, request.to_string().into_bytes()).await?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| malformed(method, error))?;
        if answer.id.is_some_and(|answered| answered != id) || (answer.id.is_none() && answer.error.is_none()) {
            return Err(malformed(method, format!("the answer is to call {:?} instead of {id}", answer.id)));
        }
        answer.into_result(method)
    }

    /// Several calls in as few HTTP exchanges as the bound on batches allows; results in the order of the calls. Never
    /// tried again as a whole.
    pub async fn batch(&self, calls: &[(&str, Value)]) -> Result<Vec<Result<Value, ClientError>>, ClientError> {
        let mut results = Vec::with_capacity(calls.len());
        for portion in calls.chunks(self.0.config.batch_calls_max.max(1)) {
            results.extend(self.batch_once(portion).await?);
        }
        Ok(results)
    }

    async fn batch_once(&self, calls: &[(&str, Value)]) -> Result<Vec<Result<Value, ClientError>>, ClientError> {
        const METHOD: &str = "a batch";
        let first_id = self.0.next_id.fetch_add(calls.len() as u64, Ordering::Relaxed);
        let requests: Vec<Value> = (first_id..)
            .zip(calls)
            .map(|(id, (method, params))| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .collect();
        let body = self.0.http.post(METHOD, Value::Array(requests).to_string().into_bytes()).await?;
        if let Ok(refusal) = serde_json::from_slice::<Refusal>(&body) {
            return Err(refusal.error.into_error(METHOD));
        }
        let answers: Vec<Answer> = serde_json::from_slice(&body).map_err(|error| malformed(METHOD, error))?;
        let mut by_id: HashMap<u64, Answer> =
            answers.into_iter().filter_map(|answer| answer.id.map(|id| (id, answer))).collect();
        let results = (first_id..).zip(calls).map(|(id, (method, _))| {
            by_id.remove(&id).ok_or_else(|| malformed(method, "the batch has no answer to it"))?.into_result(method)
        });
        Ok(results.collect())
    }

    /// Chain id.
    pub async fn chain_id(&self) -> Result<u64, ClientError> {
        self.quantity("eth_chainId", json!([])).await
    }

    /// Latest finalised height.
    pub async fn block_number(&self) -> Result<Height, ClientError> {
        self.quantity("eth_blockNumber", json!([])).await
    }

    /// The nonce that the next transaction of `address` needs, counting those in the node's pool.
    pub async fn next_nonce(&self, address: Address) -> Result<u64, ClientError> {
        self.quantity("eth_getTransactionCount", json!([address, "pending"])).await
    }

    /// Native units of `address`, in wei.
    pub async fn balance(&self, address: Address) -> Result<U256, ClientError> {
        self.call("eth_getBalance", json!([address, "latest"])).await
    }

    /// What gas costs now, in wei.
    pub async fn gas_price(&self) -> Result<u128, ClientError> {
        let price: U256 = self.call("eth_gasPrice", json!([])).await?;
        u128::try_from(price).map_err(|error| malformed("eth_gasPrice", error))
    }

    /// Gas that a transaction would need.
    pub async fn estimate_gas(&self, from: Address, to: Address, input: &Bytes) -> Result<u64, ClientError> {
        self.quantity("eth_estimateGas", json!([{"from": from, "to": to, "input": input}])).await
    }

    /// Runs a call against the latest state.
    pub async fn eth_call(&self, to: Address, input: &Bytes) -> Result<Bytes, ClientError> {
        self.call("eth_call", json!([{"to": to, "input": input}, "latest"])).await
    }

    /// Hands a signed transaction in. On a broken connection nobody knows whether it arrived; sending the very same
    /// bytes again is safe, since the ledger includes a transaction once at most.
    pub async fn send(&self, tx: &SignedTx) -> Result<B256, ClientError> {
        let hash: B256 = self.call("eth_sendRawTransaction", json!([tx.bytes])).await?;
        if hash != tx.hash {
            return Err(malformed("eth_sendRawTransaction", format!("hash {hash} instead of {}", tx.hash)));
        }
        Ok(hash)
    }

    /// Hands several signed transactions in with as few exchanges as possible.
    pub async fn send_batch(&self, txs: &[SignedTx]) -> Result<Vec<Result<B256, ClientError>>, ClientError> {
        let calls: Vec<_> = txs.iter().map(|tx| ("eth_sendRawTransaction", json!([tx.bytes]))).collect();
        let results = self.batch(&calls).await?;
        Ok(results.into_iter().map(|result| decode("eth_sendRawTransaction", result?)).collect())
    }

    /// The receipt, once the transaction is final.
    pub async fn receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>, ClientError> {
        self.call("eth_getTransactionReceipt", json!([hash])).await
    }

    /// The finalised block at `height`, if there is one yet.
    pub async fn block(&self, height: Height) -> Result<Option<BlockSummary>, ClientError> {
        self.call("eth_getBlockByNumber", json!([U256::from(height), false])).await
    }

    /// Waits until the transaction is final. A final revert is an error that says so.
    pub async fn wait_final(&self, hash: B256, timeout_ms: u64) -> Result<TransactionReceipt, ClientError> {
        let start = Instant::now();
        loop {
            if let Some(receipt) = self.receipt(hash).await? {
                return if receipt.status() { Ok(receipt) } else { Err(ClientError::Reverted { hash }) };
            }
            let waited_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
            if waited_ms >= timeout_ms {
                return Err(ClientError::NotFinal { hash, waited_ms });
            }
            tokio::time::sleep(Duration::from_millis(RECEIPT_POLL_MS)).await;
        }
    }

    /// Final blocks from `from` on, in order, at most `count` and fewer when they are long. Not verified.
    pub async fn blocks(&self, from: Height, count: u64) -> Result<Vec<WireBlock>, ClientError> {
        self.call("florin_blocks", json!([U256::from(from), U256::from(count)])).await
    }

    /// The part of the state after the block at `height` that begins with operation `start`. Not verified.
    pub async fn state_operations(&self, height: Height, start: u64) -> Result<Bytes, ClientError> {
        self.call("florin_stateOperations", json!([U256::from(height), U256::from(start)])).await
    }

    /// What shows that the block at `height` is final, if it is. Not verified: see [`crate::Verifier`].
    pub async fn finality(&self, height: Height) -> Result<Option<WireFinality>, ClientError> {
        self.call("florin_finalityCertificate", json!([U256::from(height)])).await
    }

    /// What proves `items` in the latest finalised state. Not verified: see [`crate::Verifier`].
    pub async fn state_proof(&self, items: &[WireStateItem]) -> Result<WireStateProof, ClientError> {
        self.call("florin_stateProof", json!([items])).await
    }

    /// The committee and the network's key, as this node says.
    pub async fn validators(&self) -> Result<WireValidators, ClientError> {
        self.call("florin_validators", json!([])).await
    }

    /// How the node is.
    pub async fn node_status(&self) -> Result<WireNodeStatus, ClientError> {
        self.call("florin_nodeStatus", json!([])).await
    }

    async fn quantity(&self, method: &str, params: Value) -> Result<u64, ClientError> {
        let value: U256 = self.call(method, params).await?;
        u64::try_from(value).map_err(|error| malformed(method, error))
    }
}

impl std::fmt::Debug for RpcClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RpcClient").field(&self.url()).finish()
    }
}
