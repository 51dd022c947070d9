//! The table.

use super::{
    Method, Param, blocks, calls, fees, florin, logs, node, pool, simulate, state, submit, to_json, traces,
    transactions,
};

const fn required(name: &'static str, schema: &'static str) -> Param {
    Param { name, schema, required: true }
}

const fn optional(name: &'static str, schema: &'static str) -> Param {
    Param { name, schema, required: false }
}

macro_rules! method {
    ($name:literal, [$($param:expr),*], $result:literal, $handler:path, $summary:literal) => {
        Method {
            name: $name,
            summary: $summary,
            params: &[$($param),*],
            result: $result,
            handler: Some(|context, args| Box::pin(async move { to_json(&context, &$handler(&context, &args).await?) })),
        }
    };
}

const BLOCK: Param = optional("block", "BlockNumberOrTagOrHash");
const BLOCK_NUMBER: Param = required("block", "BlockNumberOrTag");
const BLOCK_HASH: Param = required("blockHash", "Hash");
const ADDRESS: Param = required("address", "Address");
const TRANSACTION_HASH: Param = required("transactionHash", "Hash");
const INDEX: Param = required("index", "Quantity");
const CALL: Param = required("transaction", "Call");
const STATE_OVERRIDES: Param = optional("stateOverrides", "StateOverrides");
const BLOCK_OVERRIDES: Param = optional("blockOverrides", "BlockOverrides");
const FILTER: Param = required("filter", "Filter");
const FILTER_ID: Param = required("filterId", "Quantity");
const RAW: Param = required("transaction", "Bytes");
const TRACER: Param = optional("tracer", "TraceOptions");

/// Begins a subscription. Over WebSocket only, so it has no handler here.
pub(crate) const SUBSCRIBE: Method = Method {
    name: "eth_subscribe",
    summary: "Subscribes to newHeads, logs, newPendingTransactions or syncing. WebSocket only.",
    params: &[required("kind", "SubscriptionKind"), optional("options", "SubscriptionOptions")],
    result: "SubscriptionId",
    handler: None,
};

/// Ends a subscription.
pub(crate) const UNSUBSCRIBE: Method = Method {
    name: "eth_unsubscribe",
    summary: "Ends a subscription; false if there was none of that id on this connection. WebSocket only.",
    params: &[required("subscriptionId", "SubscriptionId")],
    result: "Boolean",
    handler: None,
};

/// Every method, by namespace.
pub(crate) const METHODS: &[Method] = &[
    // web3, net, rpc
    method!("web3_clientVersion", [], "Text", node::client_version, "Name and version of the program."),
    method!("web3_sha3", [required("data", "Bytes")], "Hash", node::keccak, "keccak256 of the data."),
    method!("net_version", [], "Text", node::network_version, "Chain id in decimal."),
    method!("net_listening", [], "Boolean", node::listening, "Always true."),
    method!("net_peerCount", [], "Quantity", node::peer_count, "Nodes with an open connection."),
    method!("rpc_modules", [], "Object", node::modules, "Namespaces that this node serves."),
    method!("rpc.discover", [], "Object", node::discover, "This document."),
    // eth: the node
    method!("eth_chainId", [], "Quantity", node::chain_id, "Chain id of transactions (EIP-155)."),
    method!("eth_syncing", [], "Syncing", node::syncing, "How far the node has caught up; false when it has."),
    method!("eth_accounts", [], "Addresses", node::accounts, "Always empty: the node holds no keys of accounts."),
    method!("eth_coinbase", [], "Address", node::coinbase, "Who receives the tips of blocks: the zero address."),
    method!(
        "eth_capabilities",
        [],
        "Capabilities",
        node::capabilities,
        "What this node can still answer about the past."
    ),
    // eth: blocks
    method!("eth_blockNumber", [], "Quantity", blocks::number, "Height of the latest final block."),
    method!(
        "eth_getBlockByNumber",
        [BLOCK_NUMBER, optional("fullTransactions", "Boolean")],
        "BlockOrNull",
        blocks::by_number,
        "A block with its transactions or their hashes."
    ),
    method!(
        "eth_getBlockByHash",
        [BLOCK_HASH, optional("fullTransactions", "Boolean")],
        "BlockOrNull",
        blocks::by_hash,
        "A block with its transactions or their hashes."
    ),
    method!(
        "eth_getBlockTransactionCountByNumber",
        [BLOCK_NUMBER],
        "QuantityOrNull",
        blocks::transaction_count_by_number,
        "Transactions in a block."
    ),
    method!(
        "eth_getBlockTransactionCountByHash",
        [BLOCK_HASH],
        "QuantityOrNull",
        blocks::transaction_count_by_hash,
        "Transactions in a block."
    ),
    method!(
        "eth_getUncleCountByBlockNumber",
        [BLOCK_NUMBER],
        "QuantityOrNull",
        blocks::uncle_count_by_number,
        "Zero for every block: there are no uncles."
    ),
    method!(
        "eth_getUncleCountByBlockHash",
        [BLOCK_HASH],
        "QuantityOrNull",
        blocks::uncle_count_by_hash,
        "Zero for every block: there are no uncles."
    ),
    method!(
        "eth_getUncleByBlockNumberAndIndex",
        [BLOCK_NUMBER, INDEX],
        "Null",
        blocks::uncle_by_number,
        "Null: there are no uncles."
    ),
    method!(
        "eth_getUncleByBlockHashAndIndex",
        [BLOCK_HASH, INDEX],
        "Null",
        blocks::uncle_by_hash,
        "Null: there are no uncles."
    ),
    method!(
        "eth_getBlockReceipts",
        [required("block", "BlockNumberOrTagOrHash")],
        "ReceiptsOrNull",
        blocks::receipts,
        "All receipts of a block."
    ),
    // eth: transactions
    method!(
        "eth_getTransactionByHash",
        [TRANSACTION_HASH],
        "TransactionOrNull",
        transactions::by_hash,
        "A transaction, in a block or waiting in the pool."
    ),
    method!(
        "eth_getTransactionByBlockNumberAndIndex",
        [BLOCK_NUMBER, INDEX],
        "TransactionOrNull",
        transactions::by_block_number,
        "A transaction by its place."
    ),
    method!(
        "eth_getTransactionByBlockHashAndIndex",
        [BLOCK_HASH, INDEX],
        "TransactionOrNull",
        transactions::by_block_hash,
        "A transaction by its place."
    ),
    method!(
        "eth_getRawTransactionByHash",
        [TRANSACTION_HASH],
        "BytesOrNull",
        transactions::raw_by_hash,
        "EIP-2718 encoding of a transaction."
    ),
    method!(
        "eth_getRawTransactionByBlockNumberAndIndex",
        [BLOCK_NUMBER, INDEX],
        "BytesOrNull",
        transactions::raw_by_block_number,
        "EIP-2718 encoding of a transaction."
    ),
    method!(
        "eth_getRawTransactionByBlockHashAndIndex",
        [BLOCK_HASH, INDEX],
        "BytesOrNull",
        transactions::raw_by_block_hash,
        "EIP-2718 encoding of a transaction."
    ),
    method!(
        "eth_getTransactionReceipt",
        [TRANSACTION_HASH],
        "ReceiptOrNull",
        transactions::receipt,
        "What a transaction did. A receipt that exists is final."
    ),
    // eth: state
    method!("eth_getBalance", [ADDRESS, BLOCK], "Quantity", state::balance, "Native units (wei) of an account."),
    method!(
        "eth_getTransactionCount",
        [ADDRESS, BLOCK],
        "Quantity",
        state::nonce,
        "Nonce of an account; with `pending`, after what waits in the pool."
    ),
    method!("eth_getCode", [ADDRESS, BLOCK], "Bytes", state::code, "Code of an account."),
    method!(
        "eth_getStorageAt",
        [ADDRESS, required("slot", "StorageKey"), BLOCK],
        "Hash",
        state::storage_at,
        "A slot of an account's storage."
    ),
    method!(
        "eth_getStorageValues",
        [required("requests", "StorageRequests"), BLOCK],
        "StorageValues",
        state::storage_values,
        "Many slots of many accounts."
    ),
    method!(
        "eth_getProof",
        [ADDRESS, required("storageKeys", "StorageKeys"), BLOCK],
        "AccountProof",
        state::proof,
        "Account and slots in Ethereum's shape. There is no Merkle-Patricia trie here: see the note on proofs."
    ),
    // eth: simulation
    method!(
        "eth_call",
        [CALL, BLOCK, STATE_OVERRIDES, BLOCK_OVERRIDES],
        "Bytes",
        calls::call,
        "Runs a call on the state after a block and keeps nothing."
    ),
    method!(
        "eth_estimateGas",
        [CALL, BLOCK, STATE_OVERRIDES, BLOCK_OVERRIDES],
        "Quantity",
        calls::estimate_gas,
        "The least gas limit with which a transaction succeeds."
    ),
    method!(
        "eth_createAccessList",
        [CALL, BLOCK, STATE_OVERRIDES],
        "AccessListResult",
        calls::create_access_list,
        "What a transaction touches (EIP-2930), and its gas with that list."
    ),
    method!(
        "eth_simulateV1",
        [required("payload", "SimulatePayload"), BLOCK],
        "SimulatedBlocks",
        simulate::simulate,
        "Runs calls in blocks on top of a block and of each other, and keeps nothing. Their state root is zero."
    ),
    // eth: fees
    method!("eth_gasPrice", [], "Quantity", fees::gas_price, "Price of gas in wei that the next block asks for."),
    method!(
        "eth_maxPriorityFeePerGas",
        [],
        "Quantity",
        fees::max_priority_fee,
        "Zero: order within a lane does not depend on tips alone, and blocks are not full."
    ),
    method!("eth_baseFee", [], "Quantity", fees::base_fee, "Base fee of the next block in wei."),
    method!(
        "eth_blobBaseFee",
        [],
        "Quantity",
        fees::blob_base_fee,
        "What the BLOBBASEFEE opcode gives. Blob transactions are refused."
    ),
    method!(
        "eth_feeHistory",
        [
            required("blockCount", "Count"),
            required("newestBlock", "BlockNumberOrTag"),
            optional("rewardPercentiles", "Percentiles")
        ],
        "FeeHistory",
        fees::history,
        "Base fees, use of gas and tips of a range of blocks, at most 1,024."
    ),
    // eth: logs
    method!("eth_getLogs", [FILTER], "Logs", logs::logs, "Logs of a range of blocks."),
    method!("eth_newFilter", [FILTER], "Quantity", logs::new_filter, "A filter for logs of new blocks."),
    method!("eth_newBlockFilter", [], "Quantity", logs::new_block_filter, "A filter for new blocks."),
    method!(
        "eth_newPendingTransactionFilter",
        [],
        "Quantity",
        logs::new_pending_transaction_filter,
        "A filter for transactions that enter the pool."
    ),
    method!(
        "eth_getFilterChanges",
        [FILTER_ID],
        "FilterChanges",
        logs::filter_changes,
        "What happened since the last time that this filter was asked."
    ),
    method!("eth_getFilterLogs", [FILTER_ID], "Logs", logs::filter_logs, "All logs that a filter matches."),
    method!("eth_uninstallFilter", [FILTER_ID], "Boolean", logs::uninstall_filter, "Removes a filter."),
    // eth: submission
    method!(
        "eth_sendRawTransaction",
        [RAW],
        "Hash",
        submit::send_raw_transaction,
        "Submits a signed transaction. It is final when it has a receipt."
    ),
    method!(
        "eth_sendRawTransactionSync",
        [RAW, optional("timeoutMs", "Count")],
        "Receipt",
        submit::send_raw_transaction_sync,
        "Submits a signed transaction and waits for its receipt (EIP-7966)."
    ),
    // txpool
    method!("txpool_status", [], "PoolStatus", pool::status, "How many transactions wait."),
    method!("txpool_content", [], "PoolContent", pool::content, "All transactions that wait."),
    method!("txpool_contentFrom", [ADDRESS], "PoolContentFrom", pool::content_from, "Those of one sender."),
    method!("txpool_inspect", [], "Object", pool::inspect, "All transactions that wait, in words."),
    // debug
    method!(
        "debug_traceTransaction",
        [TRANSACTION_HASH, TRACER],
        "Trace",
        traces::transaction,
        "Runs a transaction of a block again and records what it did."
    ),
    method!(
        "debug_traceCall",
        [CALL, BLOCK, optional("tracer", "TraceCallOptions")],
        "Trace",
        traces::call,
        "Runs a call and records what it did."
    ),
    method!(
        "debug_traceBlockByNumber",
        [BLOCK_NUMBER, TRACER],
        "BlockTraces",
        traces::block_by_number,
        "Traces every transaction of a block."
    ),
    method!(
        "debug_traceBlockByHash",
        [BLOCK_HASH, TRACER],
        "BlockTraces",
        traces::block_by_hash,
        "Traces every transaction of a block."
    ),
    method!(
        "debug_getRawHeader",
        [required("block", "BlockNumberOrTagOrHash")],
        "Bytes",
        blocks::raw_header,
        "RLP of a header; its keccak256 is the block hash."
    ),
    method!(
        "debug_getRawBlock",
        [required("block", "BlockNumberOrTagOrHash")],
        "Bytes",
        blocks::raw_block,
        "RLP of a block as Ethereum encodes it, without the extension."
    ),
    method!(
        "debug_getRawReceipts",
        [required("block", "BlockNumberOrTagOrHash")],
        "BytesList",
        blocks::raw_receipts,
        "EIP-2718 encodings of a block's receipts."
    ),
    method!(
        "debug_getRawTransaction",
        [TRANSACTION_HASH],
        "BytesOrNull",
        transactions::raw_by_hash,
        "EIP-2718 encoding of a transaction."
    ),
    // florin
    method!(
        "florin_finalityCertificate",
        [required("height", "Quantity")],
        "FinalityOrNull",
        florin::finality_certificate,
        "Certificate that a block is final, with the headers that lead to it. Verify it with the network key."
    ),
    method!(
        "florin_stateProof",
        [required("items", "StateItems")],
        "StateProof",
        florin::state_proof,
        "Proof of accounts and slots, or of their absence, against the latest final block."
    ),
    method!(
        "florin_blocks",
        [required("from", "Quantity"), required("count", "Quantity")],
        "StoredBlocks",
        florin::blocks,
        "Final blocks whole, in order, each with its certificate: what a backup keeps. An answer ends early when it is long."
    ),
    method!(
        "florin_stateOperations",
        [required("block", "Quantity"), required("start", "Quantity")],
        "Bytes",
        florin::state_operations,
        "A part of the state after a block, from an operation on, with its proof: what a snapshot keeps."
    ),
    method!("florin_validators", [], "Validators", florin::validators, "The committee and the network key."),
    method!("florin_nodeStatus", [], "NodeStatus", florin::node_status, "How this node is."),
    method!(
        "florin_blockExtension",
        [required("block", "BlockNumberOrTagOrHash")],
        "BlockExtensionOrNull",
        florin::block_extension,
        "What a header commits to in extraData: time in milliseconds, place in consensus, state target."
    ),
];
