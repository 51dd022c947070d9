//! Looking into the directory of a node that is stopped. Nothing here asks a network.

use super::{
    BlockName,
    report::{
        AccountReport, BlockReport, DataReport, InvariantsReport, ProofReport, TokenBalance, TransactionReport,
        VerifyReport,
    },
};
use crate::{
    failure::Failure,
    genesis,
    node::{directory::Directory, machine},
    output::Output,
};
use alloy_primitives::{Address, B256};
use florin_modules::{
    CallEnv, Failure as ModuleFailure,
    invariants::{Books, Violation},
    query, token,
};
use florin_proof::{Namespace, NetworkKey, StateItem};
use florin_state::{FinalizedBlock, Ledger, LedgerConfig, LedgerError, page_cache, with_view};
use florin_types::{Account, Amount, Genesis, Height, StateView};
use indicatif::{ProgressBar, ProgressStyle};
use std::{path::Path, sync::Arc};

/// A stopped node's ledger.
pub(crate) struct Opened {
    pub(crate) genesis: Genesis,
    pub(crate) genesis_hash: B256,
    pub(crate) ledger: Ledger,
}

/// Opens the ledger in a node's directory and looks at it.
pub(crate) fn look<T, F>(path: &Path, look: impl FnOnce(Opened) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let directory = Directory::open(path)?;
    if !directory.data().is_dir() {
        let message = format!("{} does not exist", directory.data().display());
        return Err(Failure::input("inspect.data", message, "give the directory of a node that has run"));
    }
    let _lock = directory.lock()?;
    let genesis = directory.genesis()?;
    let genesis_hash = genesis::block(&genesis)?.hash();
    let storage = &directory.config().storage;
    let mut config = LedgerConfig::new("florin", page_cache());
    config.window_blocks = storage.history_blocks;
    config.archive = storage.archive;
    config.blocks_kept = (storage.blocks_kept > 0).then_some(storage.blocks_kept);
    machine::run(directory.data(), machine::worker_threads(&directory), |context| async move {
        let ledger = Ledger::open_offline(context, config).await.map_err(ledger_failure)?;
        let opened = Opened { genesis, genesis_hash, ledger };
        opened.check_network().await?;
        look(opened).await
    })
}

impl Opened {
    /// Data of another network under this genesis file would be judged by the wrong key.
    async fn check_network(&self) -> Result<(), Failure> {
        let Some(first) = self.ledger.block(0).await.map_err(ledger_failure)? else { return Ok(()) };
        if first.block.hash() == self.genesis_hash {
            return Ok(());
        }
        Err(Failure::input(
            "inspect.network",
            format_args!("the data begins with {}, genesis.json with {}", first.block.hash(), self.genesis_hash),
            "put the genesis file of this data's network into the directory",
        ))
    }

    /// The block at a height that the ledger has.
    pub(crate) async fn block(&self, height: Height) -> Result<Arc<FinalizedBlock>, Failure> {
        let found = self.ledger.block(height).await.map_err(ledger_failure)?;
        found.ok_or_else(|| fault(format!("block {height} is missing")))
    }

    async fn find(&self, name: BlockName) -> Result<Arc<FinalizedBlock>, Failure> {
        let height = match name {
            BlockName::Latest => return Ok(self.ledger.head()),
            BlockName::Height(height) => Some(height),
            BlockName::Hash(hash) => self.ledger.height_of(hash).await.map_err(ledger_failure)?,
        };
        let found = match height {
            Some(height) => self.ledger.block(height).await.map_err(ledger_failure)?,
            None => None,
        };
        found.ok_or_else(|| {
            let head = self.ledger.head().block.height();
            Failure::input(
                "inspect.unknown_block",
                format_args!("this directory holds no such block; its latest is {head}"),
                "give another height or hash, or ask a node that has it",
            )
        })
    }

    fn trust(&self) -> Result<(NetworkKey, Namespace), Failure> {
        let key = NetworkKey::from_threshold_public(&self.genesis.threshold_public)
            .map_err(|error| Failure::input("genesis.invalid", error, "take the genesis file from a backup"))?;
        Ok((key, Namespace::new(self.genesis.chain_id, self.genesis_hash)))
    }

    /// What the certificate of a block says.
    async fn certified(&self, block: &FinalizedBlock) -> Result<String, Failure> {
        let height = block.block.height();
        if height == 0 {
            return Ok("genesis block: it is what genesis.json gives".into());
        }
        let Some(proof) = self.ledger.certificate(height).await.map_err(ledger_failure)? else {
            return Ok("hashes only: no certificate is stored for it yet".into());
        };
        let (key, namespace) = self.trust()?;
        let header = proof.verify(&key, &namespace).map_err(|error| {
            Failure::damaged("inspect.certificate", error, "the stored certificate is damaged: restore a backup")
        })?;
        if header.header.hash_slow() != block.block.hash() {
            let message = format!("the certificate of height {height} names another block");
            return Err(Failure::damaged("inspect.certificate", message, "restore a backup"));
        }
        Ok("hashes and certificate, with the network's key".into())
    }
}

/// A block.
pub(crate) fn block(path: &Path, name: BlockName) -> Result<BlockReport, Failure> {
    look(path, |opened| async move {
        let found = opened.find(name).await?;
        let verified = opened.certified(&found).await?;
        let block = &found.block;
        let hashes = block.transactions().iter().map(|tx| *tx.tx_hash()).collect();
        Ok(BlockReport::new(block.header(), Some(block.extension()), block.hash(), hashes, verified))
    })
}

/// A transaction. There is no index to ask, so blocks are searched, the newest first.
pub(crate) fn transaction(path: &Path, hash: B256) -> Result<TransactionReport, Failure> {
    look(path, |opened| async move {
        for height in (0..=opened.ledger.head().block.height()).rev() {
            let Some(found) = opened.ledger.block(height).await.map_err(ledger_failure)? else { continue };
            let block = &found.block;
            let Some(index) = block.transactions().iter().position(|tx| *tx.tx_hash() == hash) else { continue };
            let (Some(tx), Some(receipt)) = (block.transactions().get(index), found.receipts.get(index)) else {
                let message = format!("block {height} holds the transaction but no receipt of it");
                return Err(Failure::input("inspect.receipt", message, "ask a node that executed this block"));
            };
            let verified = opened.certified(&found).await?;
            let from = found.senders.get(index).copied();
            return Ok(TransactionReport::new((height, block.hash()), index, tx, receipt, from, verified));
        }
        Err(Failure::input(
            "inspect.unknown_transaction",
            format_args!("no block in this directory holds transaction {hash}"),
            "check the hash, or ask a node that has more blocks",
        ))
    })
}

/// An account at the head.
pub(crate) fn account(path: &Path, address: Address) -> Result<AccountReport, Failure> {
    look(path, |opened| async move {
        let height = opened.ledger.head().block.height();
        let tokens = opened.genesis.tokens.clone();
        let reader = opened.ledger.state(height).await.map_err(ledger_failure)?;
        let rules = opened.genesis.rules.at(height).clone();
        let read = with_view(reader, move |view: &dyn StateView| -> Result<(Option<Account>, Vec<u128>), String> {
            let account = view.account(address).map_err(|fault| fault.to_string())?;
            let balances = (1u64..).zip(&tokens).map(|(index, _)| {
                let token = florin_modules::token_address(index);
                query(view, CallEnv::reader(&rules), |context| token::balance_of(context, token, address))
                    .map_err(|failure| module_failure(&failure))
            });
            Ok((account, balances.collect::<Result<_, _>>()?))
        });
        let (account, balances) = read.await.map_err(fault)?;
        let held = (1u64..).zip(&opened.genesis.tokens).zip(balances).map(|((index, token), minor)| TokenBalance {
            symbol: token.currency.symbol().into(),
            address: florin_modules::token_address(index),
            amount: Amount::new(minor, token.currency).to_string(),
            minor: minor.to_string(),
        });
        let verified = "read from the authenticated store; `florin inspect verify` checks all of it";
        Ok(AccountReport::new(address, height, account, held.collect(), verified.into()))
    })
}

/// Proves an account or a slot in the state of the head.
pub(crate) fn proof(path: &Path, item: StateItem) -> Result<ProofReport, Failure> {
    look(path, |opened| async move {
        let proven = opened.ledger.prove(&[item]).await.map_err(ledger_failure)?;
        let block = &proven.block.block;
        let values = proven.proof.verify(block.header().state_root).map_err(|error| fault(error.to_string()))?;
        let verified =
            format!("proven by the state root of the block; the block by: {}", opened.certified(&proven.block).await?);
        let value = values.first().map(|(_, value)| value);
        Ok(ProofReport::new(item, value, (block.header(), block.hash()), verified))
    })
}

/// The modules' invariants: the books that events make are compared with the state.
pub(crate) fn invariants(path: &Path) -> Result<InvariantsReport, Failure> {
    look(path, |opened| async move {
        let head = opened.ledger.head();
        let (head, block_hash) = (head.block.height(), head.block.hash());
        let books = event_books(&opened, head).await?;
        let book = &books.balances;
        let (tokens, holders) = (book.tokens(), book.tokens().iter().map(|token| book.holders(*token).len()).sum());
        let count = tokens.len();
        let rules = opened.genesis.rules.at(head).clone();
        let reader = opened.ledger.state(head).await.map_err(ledger_failure)?;
        let checked = with_view(reader, move |view: &dyn StateView| -> Result<Vec<Violation>, String> {
            query(view, CallEnv::reader(&rules), |context| books.check(context))
                .map_err(|failure| module_failure(&failure))
        });
        let violations = checked.await.map_err(fault)?.iter().map(ToString::to_string).collect();
        let verified = "hashes: every record that was read".to_string();
        Ok(InvariantsReport { height: head, block_hash, tokens: count, holders, violations, verified })
    })
}

async fn event_books(opened: &Opened, head: Height) -> Result<Books, Failure> {
    let mut books = Books::default();
    for (index, token) in (1u64..).zip(&opened.genesis.tokens) {
        for (account, minor) in &token.balances {
            books.balances.credit_genesis(florin_modules::token_address(index), *account, *minor);
        }
    }
    let oldest = opened.ledger.oldest_block();
    if oldest > 0 {
        return Err(Failure::input(
            "inspect.history",
            format_args!("blocks below {oldest} are not here, so balances cannot be recomputed from their events"),
            "run this on a node that keeps every block",
        ));
    }
    for height in 1..=head {
        let found = opened.block(height).await?;
        for log in found.receipts.iter().flat_map(|receipt| receipt.logs()) {
            books.apply(log).map_err(|violation| {
                Failure::damaged(
                    "inspect.invariant",
                    format_args!("block {height}: {violation}"),
                    "compare with another node",
                )
            })?;
        }
    }
    Ok(books)
}

/// What a directory holds.
pub(crate) fn data(path: &Path) -> Result<DataReport, Failure> {
    let directory = Directory::open(path)?.data();
    let bytes = directory_bytes(&directory);
    look(path, |opened| async move {
        let head = opened.ledger.head();
        Ok(DataReport {
            network: opened.genesis.network.clone(),
            chain_id: opened.genesis.chain_id,
            genesis_hash: opened.genesis_hash,
            height: head.block.height(),
            block_hash: head.block.hash(),
            block_timestamp_ms: head.block.timestamp_ms(),
            oldest_block_height: opened.ledger.oldest_block(),
            oldest_state_height: opened.ledger.oldest_state(),
            bytes,
            directory,
        })
    })
}

/// Sizes of the files below a directory; what cannot be read counts nothing.
fn directory_bytes(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => directory_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.fold(0, u64::saturating_add)
}

/// Checks everything.
pub(crate) fn verify(path: &Path, output: Output) -> Result<VerifyReport, Failure> {
    look(path, |opened| async move {
        let bar = if output.is_json() { ProgressBar::hidden() } else { ProgressBar::new(0) };
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        let progress = |what: &'static str, done: u64, all: u64| {
            bar.set_message(what);
            bar.set_length(all);
            bar.set_position(done);
        };
        let trust = opened.trust()?;
        let verified = opened.ledger.verify(Some(trust), &progress).await;
        bar.finish_and_clear();
        let verified = verified.map_err(ledger_failure)?;
        Ok(VerifyReport {
            sound: true,
            blocks: verified.blocks,
            certificates: verified.certificates,
            undo_records: verified.undo_records,
            state_operations: verified.state_operations,
            state_values: verified.state_values,
            state_height: verified.state_height,
        })
    })
}

fn module_failure(failure: &ModuleFailure) -> String {
    match failure {
        ModuleFailure::Revert(data) => florin_modules::explain(data)
            .map_or_else(|| "a module refused to answer".into(), |explained| explained.to_string()),
        ModuleFailure::OutOfGas => "a module ran out of gas".into(),
        ModuleFailure::Fault(fault) => fault.to_string(),
    }
}

fn fault(reason: String) -> Failure {
    Failure::damaged("inspect.state", reason, "run `florin inspect verify --dir DIR`, then restore a backup")
}

fn ledger_failure(error: LedgerError) -> Failure {
    let code = error.code();
    match error {
        LedgerError::Fault(_) | LedgerError::Conflict { .. } => {
            Failure::damaged(code, error, "keep the data as it is; restore a backup, or let the node sync anew")
        }
        _ => Failure::input(code, error, "ask for another height"),
    }
}
