//! What `florin inspect` shows, the same whether it came over RPC or from a directory.

use crate::{failure::Failure, output};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, U256};
use florin_proof::{StateItem, StateValue};
use florin_types::{Account, Extension, Header, ReceiptEnvelope, TxEnvelope};
use serde::Serialize;
use std::path::PathBuf;

/// A block.
#[derive(Debug, Serialize)]
pub(crate) struct BlockReport {
    pub(crate) number: u64,
    pub(crate) hash: B256,
    pub(crate) parent_hash: B256,
    pub(crate) timestamp_ms: Option<u64>,
    pub(crate) proposer: Option<B256>,
    pub(crate) view: Option<u64>,
    pub(crate) gas_used: u64,
    pub(crate) state_root: B256,
    pub(crate) transactions_root: B256,
    pub(crate) receipts_root: B256,
    pub(crate) transactions: Vec<B256>,
    /// What was checked, or that nothing was.
    pub(crate) verified: String,
}

impl BlockReport {
    /// From what a block consists of.
    pub(crate) fn new(
        header: &Header,
        extension: Option<&Extension>,
        hash: B256,
        transactions: Vec<B256>,
        verified: String,
    ) -> Self {
        Self {
            number: header.number,
            hash,
            parent_hash: header.parent_hash,
            timestamp_ms: extension.map(|extension| extension.timestamp_ms),
            proposer: extension.map(|extension| extension.context.leader),
            view: extension.map(|extension| extension.context.view),
            gas_used: header.gas_used,
            state_root: header.state_root,
            transactions_root: header.transactions_root,
            receipts_root: header.receipts_root,
            transactions,
            verified,
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut rows = vec![
            ("block", self.number.to_string()),
            ("hash", self.hash.to_string()),
            ("parent", self.parent_hash.to_string()),
        ];
        rows.extend(self.timestamp_ms.map(|time| ("time", format!("{time} ms since 1970"))));
        rows.extend(self.proposer.map(|proposer| ("proposer", proposer.to_string())));
        rows.extend(self.view.map(|view| ("view", view.to_string())));
        rows.extend([
            ("gas used", self.gas_used.to_string()),
            ("state root", self.state_root.to_string()),
            ("transactions", self.transactions.len().to_string()),
            ("verified", self.verified.clone()),
        ]);
        let hashes: String = self.transactions.iter().map(|hash| format!("  {hash}\n")).collect();
        output::fields(&rows) + &hashes
    }
}

/// A transaction with its receipt.
#[derive(Debug, Serialize)]
pub(crate) struct TransactionReport {
    pub(crate) hash: B256,
    pub(crate) block_number: u64,
    pub(crate) block_hash: B256,
    pub(crate) index: usize,
    pub(crate) from: Option<Address>,
    pub(crate) to: Option<Address>,
    pub(crate) value_wei: U256,
    pub(crate) nonce: u64,
    pub(crate) status: &'static str,
    pub(crate) logs: usize,
    pub(crate) input: Bytes,
    pub(crate) verified: String,
}

impl TransactionReport {
    /// From what was found.
    pub(crate) fn new(
        block: (u64, B256),
        index: usize,
        tx: &TxEnvelope,
        receipt: &ReceiptEnvelope,
        from: Option<Address>,
        verified: String,
    ) -> Self {
        Self {
            hash: *tx.tx_hash(),
            block_number: block.0,
            block_hash: block.1,
            index,
            from,
            to: tx.to(),
            value_wei: tx.value(),
            nonce: tx.nonce(),
            status: if receipt.status() { "success" } else { "reverted" },
            logs: receipt.logs().len(),
            input: tx.input().clone(),
            verified,
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let address = |address: Option<Address>| address.map_or_else(|| "-".into(), |address| address.to_string());
        output::fields(&[
            ("transaction", self.hash.to_string()),
            ("status", format!("{}, final", self.status)),
            ("block", format!("{} ({})", self.block_number, self.block_hash)),
            ("place", self.index.to_string()),
            ("from", address(self.from)),
            ("to", self.to.map_or_else(|| "creates a contract".into(), |to| to.to_string())),
            ("value", format!("{} wei", self.value_wei)),
            ("nonce", self.nonce.to_string()),
            ("logs", self.logs.to_string()),
            ("input", format!("{} bytes", self.input.len())),
            ("verified", self.verified.clone()),
        ])
    }
}

/// An account.
#[derive(Debug, Serialize)]
pub(crate) struct AccountReport {
    pub(crate) address: Address,
    pub(crate) block_number: u64,
    pub(crate) exists: bool,
    pub(crate) balance_wei: U256,
    pub(crate) nonce: u64,
    pub(crate) code_hash: B256,
    pub(crate) tokens: Vec<TokenBalance>,
    pub(crate) verified: String,
}

/// What an account holds of a token.
#[derive(Debug, Serialize)]
pub(crate) struct TokenBalance {
    pub(crate) symbol: String,
    pub(crate) address: Address,
    /// As people write it, with the symbol.
    pub(crate) amount: String,
    pub(crate) minor: String,
}

impl AccountReport {
    /// From what was found.
    pub(crate) fn new(
        address: Address,
        block_number: u64,
        account: Option<Account>,
        tokens: Vec<TokenBalance>,
        verified: String,
    ) -> Self {
        let exists = account.is_some();
        let account = account.unwrap_or_default();
        Self {
            address,
            block_number,
            exists,
            balance_wei: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            tokens,
            verified,
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut rows = vec![
            ("account", self.address.to_string()),
            ("at block", self.block_number.to_string()),
            ("native units", format!("{} wei", self.balance_wei)),
            ("nonce", self.nonce.to_string()),
        ];
        if self.code_hash != alloy_primitives::KECCAK256_EMPTY {
            rows.push(("code", self.code_hash.to_string()));
        }
        rows.extend(self.tokens.iter().map(|token| ("holds", token.amount.clone())));
        rows.push(("verified", self.verified.clone()));
        output::fields(&rows)
    }
}

/// A proven value.
#[derive(Debug, Serialize)]
pub(crate) struct ProofReport {
    pub(crate) address: Address,
    pub(crate) slot: Option<U256>,
    pub(crate) present: bool,
    pub(crate) value: String,
    pub(crate) block_number: u64,
    pub(crate) block_hash: B256,
    pub(crate) state_root: B256,
    /// What was checked.
    pub(crate) verified: String,
}

impl ProofReport {
    /// From a value that was proven under a header.
    pub(crate) fn new(item: StateItem, value: Option<&StateValue>, header: (&Header, B256), verified: String) -> Self {
        let (address, slot) = match item {
            StateItem::Slot(address, slot) => (address, Some(slot)),
            StateItem::Account(address) => (address, None),
            StateItem::Code(_) => (Address::ZERO, None),
        };
        let (present, value) = match value {
            Some(StateValue::Account(Some(account))) => {
                (true, format!("{} wei, nonce {}, code {}", account.balance, account.nonce, account.code_hash))
            }
            Some(StateValue::Slot(value)) => (!value.is_zero(), format!("{value:#x}")),
            _ => (false, "none".to_string()),
        };
        let (header, block_hash) = header;
        let (block_number, state_root) = (header.number, header.state_root);
        Self { address, slot, present, value, block_number, block_hash, state_root, verified }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let presence = if self.present { "proven to be there" } else { "proven not to be there" };
        output::fields(&[
            ("account", self.address.to_string()),
            ("slot", self.slot.map_or_else(|| "- (the account itself)".into(), |slot| format!("{slot:#x}"))),
            ("value", format!("{} ({presence})", self.value)),
            ("in block", format!("{} ({})", self.block_number, self.block_hash)),
            ("state root", self.state_root.to_string()),
            ("verified", self.verified.clone()),
        ])
    }
}

/// Whether the modules' invariants hold.
#[derive(Debug, Serialize)]
pub(crate) struct InvariantsReport {
    pub(crate) height: u64,
    pub(crate) block_hash: B256,
    pub(crate) tokens: usize,
    pub(crate) holders: usize,
    pub(crate) violations: Vec<String>,
    pub(crate) verified: String,
}

impl InvariantsReport {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let verdict = match self.violations.len() {
            0 => "all invariants of all modules hold".to_string(),
            count => format!("{count} do not hold"),
        };
        let fields = output::fields(&[
            ("invariants", verdict),
            ("at height", format!("{} ({})", self.height, self.block_hash)),
            ("tokens", self.tokens.to_string()),
            ("holders", self.holders.to_string()),
            ("verified", self.verified.clone()),
        ]);
        fields + &self.violations.iter().map(|violation| format!("  {violation}\n")).collect::<String>()
    }

    /// A violation is a failure of the command.
    pub(crate) fn into_result(self) -> Result<(), Failure> {
        match self.violations.first() {
            None => Ok(()),
            Some(first) => Err(Failure::damaged(
                "inspect.invariant",
                format_args!("{} invariants do not hold, first: {first}", self.violations.len()),
                "stop the network's operators from going on, and compare with another node",
            )),
        }
    }
}

/// What a directory holds.
#[derive(Debug, Serialize)]
pub(crate) struct DataReport {
    pub(crate) network: String,
    pub(crate) chain_id: u64,
    pub(crate) genesis_hash: B256,
    pub(crate) height: u64,
    pub(crate) block_hash: B256,
    pub(crate) block_timestamp_ms: u64,
    pub(crate) oldest_block_height: u64,
    pub(crate) oldest_state_height: u64,
    pub(crate) bytes: u64,
    pub(crate) directory: PathBuf,
}

impl DataReport {
    /// For people.
    pub(crate) fn text(&self) -> String {
        output::fields(&[
            ("network", format!("{} (chain {})", self.network, self.chain_id)),
            ("genesis", self.genesis_hash.to_string()),
            ("height", self.height.to_string()),
            ("block", self.block_hash.to_string()),
            ("time", format!("{} ms since 1970", self.block_timestamp_ms)),
            ("blocks since", format!("height {}", self.oldest_block_height)),
            ("state since", format!("height {}", self.oldest_state_height)),
            ("on disk", format!("{} bytes in {}", self.bytes, self.directory.display())),
        ])
    }
}

/// What was found sound.
#[derive(Debug, Serialize)]
pub(crate) struct VerifyReport {
    pub(crate) sound: bool,
    pub(crate) blocks: u64,
    pub(crate) certificates: u64,
    pub(crate) undo_records: u64,
    pub(crate) state_operations: u64,
    pub(crate) state_values: u64,
    pub(crate) state_height: u64,
}

impl VerifyReport {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let fields = output::fields(&[
            ("blocks", self.blocks.to_string()),
            ("certificates", self.certificates.to_string()),
            ("undo records", self.undo_records.to_string()),
            ("state operations", self.state_operations.to_string()),
            ("state values", format!("{} at height {}", self.state_values, self.state_height)),
        ]);
        format!("everything is sound\n{fields}")
    }
}
